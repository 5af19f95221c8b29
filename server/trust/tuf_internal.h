/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of TUF metadata share among themselves: how keys and the roles that use them are read and written.
 *
 * Thread: any. Ownership: a role owns references to its keys until sal_tuf_role_done.
 */
#ifndef SAL_TRUST_TUF_INTERNAL_H
#define SAL_TRUST_TUF_INTERNAL_H

#include "trust/tuf_roles.h"

/* What a root's and a targets' `signed` part says, its signatures aside. The caller frees what was filled, on failure
 * too. Errors: SAL_E_INVALID, SAL_E_FORBIDDEN with the pointer, SAL_E_NOMEM. */
enum sal_status sal_tuf_root_read(const struct sal_tuf_document *document, struct sal_tuf_root *root,
                                  struct sal_err *reterr);
enum sal_status sal_tuf_targets_read(const struct sal_tuf_document *document, struct sal_tuf_targets **ret,
                                     struct sal_err *reterr);

/* How many signatures stand in the file, good or bad. */
size_t sal_tuf_document_signature_count(const struct sal_tuf_document *document);

/* The `signed` part that a root of this spec has; NULL without memory. */
json_t *sal_tuf_root_signed(const struct sal_tuf_root_spec *spec);

/* Appends the file with one more signature, by `key`, under this key id; those that are there stay as they are, and so
 * does what they are over. Errors: SAL_E_CONFLICT (a signature under its id is there), SAL_E_INVALID (no room for one
 * more), SAL_E_INTERNAL, SAL_E_NOMEM. */
enum sal_status sal_tuf_document_sign(const struct sal_tuf_document *document, const struct sal_private_key *key,
                                      const char *keyid, struct sal_buf *out, struct sal_err *reterr);

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
