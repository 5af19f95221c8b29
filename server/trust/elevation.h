/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof behind an elevated act: the client certificate key's signature over `"salvor-elevation-v1" NUL challenge`,
 * sent as `Salvor-Elevation: <grant id>.<base64url proof>`. Both sides are here: the server verifies, salvorctl signs.
 *
 * The prefix and the NUL keep such a signature apart from every other thing the same key signs (TLS included).
 *
 * Thread: any. Ownership: struct sal_elevation_header is a plain value; text outputs are handed over.
 */
#ifndef SAL_TRUST_ELEVATION_H
#define SAL_TRUST_ELEVATION_H

#include "trust/key.h"

#define SAL_ELEVATION_HEADER "Salvor-Elevation"

enum {
        SAL_ELEVATION_CHALLENGE_BYTES = 44, /* 43 characters (256 random bits, base64url) and a NUL */
        SAL_ELEVATION_ID_BYTES = 65,        /* up to 64 of [A-Za-z0-9_-] and a NUL */
        SAL_ELEVATION_CHALLENGE_MAX = 256   /* longest challenge that is signed or verified */
};

struct sal_elevation_header {
        char id[SAL_ELEVATION_ID_BYTES];
        uint8_t proof[SAL_SIGNATURE_MAX_BYTES];
        size_t proof_len;
};

/* A fresh challenge. */
void sal_elevation_challenge(char ret_text[static SAL_ELEVATION_CHALLENGE_BYTES]);

/* Reads the header's value strictly (no white space, base64url without padding). Errors: SAL_E_MALFORMED. */
enum sal_status sal_elevation_header_parse(const char *text, size_t len, struct sal_elevation_header *ret,
                                           struct sal_err *reterr);

/* True when `proof` is the key's signature for this challenge: Ed25519 raw, P-256 DER. */
bool sal_elevation_verify(const struct sal_public_key *key, const char *challenge, const uint8_t *proof,
                          size_t proof_len);

/* Signs the challenge and gives the whole header value `<id>.<proof>`, to be freed with free. Errors: SAL_E_INVALID (id
 * or challenge out of bounds or with other characters: a server must not choose what is signed), SAL_E_INTERNAL,
 * SAL_E_NOMEM. */
enum sal_status sal_elevation_sign(const struct sal_private_key *key, const char *id, const char *challenge,
                                   char **ret_header_value, struct sal_err *reterr);

#endif
