/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed envelopes, DSSE 1.0: `{"payload": base64, "payloadType": …, "signatures": [{"keyid", "sig"}]}`. What is signed
 * is the pre-authentication encoding (PAE) of type and payload, so the JSON around it is no part of the signature.
 * Verify first, parse the payload afterwards.
 *
 * Thread: one at a time; an envelope that nobody changes may be read by many. Ownership: the envelope owns its bytes.
 */
#ifndef SAL_TRUST_DSSE_H
#define SAL_TRUST_DSSE_H

#include "base/buf.h"
#include "model/campaign.h"
#include "trust/key.h"

/* The payload type of a signed campaign. */
#define SAL_CAMPAIGN_PAYLOAD_TYPE SAL_CAMPAIGN_TYPE

enum {
        SAL_ENVELOPE_MAX_BYTES = 1024 * 1024,
        SAL_ENVELOPE_MAX_SIGNATURES = 32,
        SAL_ENVELOPE_TYPE_MAX_BYTES = 128,
        SAL_ENVELOPE_KEYID_MAX_BYTES = 128,
        SAL_ENVELOPE_SIG_MAX_BYTES =
                512 /* longer than any accepted signature, so that a foreign one is merely no match */
};

struct sal_signature {
        char *keyid; /* a hint and nothing more; "" when the envelope gave none */
        uint8_t *sig;
        size_t sig_len;
};

struct sal_envelope {
        char *payload_type;
        uint8_t *payload; /* followed by a NUL that is not counted */
        size_t payload_len;
        struct sal_signature signatures[SAL_ENVELOPE_MAX_SIGNATURES];
        size_t signature_count;
};

/* Appends "DSSEv1" SP len(type) SP type SP len(payload) SP payload (DSSE protocol.md, "Signature Definition"). */
void sal_dsse_pae(const char *type, const void *payload, size_t len, struct sal_buf *out);

/* An envelope without signatures; type and payload are copied. NULL without memory. */
struct sal_envelope *sal_envelope_new(const char *type, const void *payload, size_t len);
/* NULL is allowed. */
void sal_envelope_free(struct sal_envelope *envelope);
SAL_DEFINE_CLEANUP(sal_envelope, sal_envelope_free)

/* Reads an envelope strictly: base64 of RFC 4648 section 4 with padding and nothing else, no unknown or duplicate
 * member, 1 MiB and 32 signatures at most, payloadType equal to `expected_type`. `keyid` may be missing. Nothing is
 * verified. Errors: SAL_E_TOO_LARGE, SAL_E_MALFORMED, SAL_E_INVALID with the pointer, SAL_E_NOMEM. */
enum sal_status sal_envelope_parse(const char *bytes, size_t len, const char *expected_type, struct sal_envelope **ret,
                                   struct sal_err *reterr);

/* Adds a signature (copied); nothing is verified. The very same signature is not added twice.
 * Errors: SAL_E_TOO_MANY over 32, SAL_E_INVALID for lengths out of range, SAL_E_NOMEM. */
enum sal_status sal_envelope_add(struct sal_envelope *envelope, const char *keyid, const uint8_t *sig, size_t sig_len,
                                 struct sal_err *reterr);

/* Signs and adds. */
enum sal_status sal_envelope_sign(struct sal_envelope *envelope, const struct sal_private_key *key,
                                  struct sal_err *reterr);

/* Adds to `set` every key of `keys` that made one of the signatures; each public key once, whatever ids it goes by. Key
 * ids only order the attempts. That the set is large enough is the policy's matter (sal_policy_check).
 * Errors: SAL_E_NOMEM. No match is no error. */
enum sal_status sal_envelope_verify(const struct sal_envelope *envelope, const struct sal_public_key *const *keys,
                                    size_t key_count, struct sal_key_set *set);

/* True when `sig` is the key's signature of the PAE of type and payload: for one signature that arrives alone. */
bool sal_dsse_verify_one(const char *type, const void *payload, size_t len, const struct sal_public_key *key,
                         const uint8_t *sig, size_t sig_len);

/* The signature alone, for a server that keeps the payload: base64 text (RFC 4648 section 4), to be freed with free. */
enum sal_status sal_dsse_sign_one(const char *type, const void *payload, size_t len, const struct sal_private_key *key,
                                  char **ret_base64, struct sal_err *reterr);

/* Appends the one byte form: members payload, payloadType, signatures (keyid, sig), no white space, signatures in their
 * order. Equal envelopes give equal bytes; the caller keeps them and does not serialise again. */
void sal_envelope_serialise(const struct sal_envelope *envelope, struct sal_buf *out);

#endif
