/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of TUF metadata share among themselves: how keys and the roles that use them are read and written.
 *
 * Thread: any. Ownership: a role owns references to its keys until sal_tuf_role_done.
 */
#ifndef SAL_TRUST_TUF_INTERNAL_H
#define SAL_TRUST_TUF_INTERNAL_H

#include "trust/tuf.h"

/* Reads every key of a `keys` object, those that no role names too, with its id recomputed: a bad one is a sign of
 * tampering or of a mistake. Errors: SAL_E_INVALID with the pointer, SAL_E_NOMEM. */
enum sal_status sal_tuf_keys_check(const struct sal_json_at *keys, struct sal_err *reterr);

/* Reads `keyids` and `threshold` of the role object at->value: 1..64 different ids of `keys`, threshold
 * 1..number of different public keys. On failure too `role` may hold keys, which sal_tuf_role_done drops. */
enum sal_status sal_tuf_role_read(const struct sal_json_at *keys, const struct sal_json_at *at,
                                  struct sal_tuf_role *role, struct sal_err *reterr);

/* Drops the keys; the role is empty then. */
void sal_tuf_role_done(struct sal_tuf_role *role);

/* Adds the key objects to `keys` and returns the array of their ids, in order; NULL without memory. */
json_t *sal_tuf_role_write_keys(const struct sal_public_key *const *list, size_t count, json_t *keys);

/* The members that every `signed` part begins with; NULL without memory. `expires_ms` is cut to whole seconds. */
json_t *sal_tuf_signed_new(const char *type, int64_t version, int64_t expires_ms);

/* The length in bytes and the digest of an object {"length", "hashes": {"sha256"}, …}: SHA-256 and no other. */
enum sal_status sal_tuf_read_content(const struct sal_json_at *at, int64_t min_bytes, int64_t max_bytes,
                                     int64_t *ret_length, char ret_sha256[static SAL_SHA256_HEX_BYTES],
                                     struct sal_err *reterr);

#endif
