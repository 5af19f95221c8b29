/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens (RFC 6750). A machine token is checked without a look-up:
 * `sal1.<generation>.<base64url HMAC-SHA-256(key, machine_id NUL generation)>`, generation in decimal. Other tokens
 * (enrollment, API) are random, shown once, and kept as their SHA-256 only.
 *
 * Thread: any; a key is read-only after loading. Ownership: everything here is a plain value.
 */
#ifndef SAL_TRUST_TOKEN_H
#define SAL_TRUST_TOKEN_H

#include "base/encode.h"
#include "base/err.h"

#include <stdint.h>

#define SAL_TOKEN_GENERATION_MAX INT64_C(2147483647)

enum {
        SAL_TOKEN_KEY_BYTES = 32,
        SAL_MACHINE_TOKEN_BYTES = 64, /* "sal1." 10 digits "." 43 characters and a NUL: 60 */
        SAL_SECRET_TOKEN_BYTES = 64   /* "sals_" 43 characters and a NUL: 49 */
};

struct sal_token_key {
        uint8_t bytes[SAL_TOKEN_KEY_BYTES];
};

/* Reads the key file (exactly 32 bytes, a regular file that nobody else may read), or makes it when there is none:
 * random, mode 0600, on disk before it is used, never half-written and never overwritten, even when two processes start
 * at once. Errors: SAL_E_CORRUPT (another length), SAL_E_REFUSED (readable by others), SAL_E_IO. */
enum sal_status sal_token_key_load(const char *path, struct sal_token_key *ret, struct sal_err *reterr);

/* Writes the machine's token. generation: 1..2^31-1, machine_id: a valid one (1..64 bytes), else
 * SAL_E_INVALID. */
enum sal_status sal_machine_token_make(const struct sal_token_key *key, const char *machine_id, int64_t generation,
                                       char ret_text[static SAL_MACHINE_TOKEN_BYTES]);

/* Checks a token of any length in time that does not depend on where it differs. The generation must be in its one
 * decimal form. SAL_OK sets *ret_generation: the caller compares it with the machine's present one. Anything else:
 * SAL_E_UNAUTHENTICATED, or SAL_E_NOMEM. */
enum sal_status sal_machine_token_check(const struct sal_token_key *key, const char *machine_id, const char *token,
                                        size_t token_len, int64_t *ret_generation);

/* Makes a random token ("sals_" and 256 bits as base64url) to be shown once, and what to keep of it. */
void sal_secret_token_make(char ret_text[static SAL_SECRET_TOKEN_BYTES], char ret_sha256[static SAL_SHA256_HEX_BYTES]);

/* What to look up for a token that was presented: hex SHA-256 of its text. Since the digest is looked up, not compared
 * byte by byte with a secret, timing tells nothing of use. */
void sal_secret_token_digest(const char *token, size_t len, char ret_sha256[static SAL_SHA256_HEX_BYTES]);

#endif
