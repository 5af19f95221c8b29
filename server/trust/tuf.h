/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TUF 1.0 metadata. tuf.c knows what every metadata file has in common: `{"signed": {…}, "signatures": [{keyid,
 * sig}]}`, where the signature (hex) is over the canonical JSON of `signed`. Each role then has a file of its own,
 * beginning with the root (tuf_root.c), from which all others take their keys.
 *
 * A signature counts by public key, never by key id; key ids are always recomputed.
 *
 * Thread: parsed documents are immutable and may be shared. Ownership: `_free` frees; getters borrow.
 */
#ifndef SAL_TRUST_TUF_H
#define SAL_TRUST_TUF_H

#include "base/buf.h"
#include "base/encode.h"
#include "trust/key.h"

#define SAL_TUF_SPEC_VERSION "1.0.31"

enum { SAL_TUF_MAX_BYTES = 512 * 1024, SAL_TUF_MAX_KEYS = 64, SAL_TUF_MAX_SIGNATURES = 64, SAL_TUF_ROOT_DAYS = 1095 };

enum sal_tuf_role_name {
        SAL_TUF_ROOT,
        SAL_TUF_SNAPSHOT,
        SAL_TUF_TARGETS,
        SAL_TUF_TIMESTAMP,
        SAL_TUF_ROLES /* how many there are */
};

/* "root", "snapshot", "targets", "timestamp". */
const char *sal_tuf_role_text(enum sal_tuf_role_name role);

/* The keys that may sign for a role and how many different ones it takes. */
struct sal_tuf_role {
        struct sal_public_key **keys; /* owned references */
        size_t key_count;
        int threshold; /* 1..key_count */
};

/* True when both roles have the same set of public keys, whatever their ids, order and thresholds. */
bool sal_tuf_role_same_keys(const struct sal_tuf_role *a, const struct sal_tuf_role *b);

/* ---- what all metadata files share (tuf.c) ---- */

struct sal_tuf_document;

/* Parses strictly: at most 512 KiB, no member but `signed` and `signatures`, hex signatures, no key id twice among the
 * signatures, `_type` equal to `type`, `spec_version` 1.x, version 1..2^31-1, `expires` RFC 3339 in whole seconds.
 * Nothing is verified. Other members of `signed` are left to the role's own parser; those that no parser knows are
 * covered by the signature and ignored (TUF 1.0 section 4.1). Errors: SAL_E_TOO_LARGE, SAL_E_MALFORMED, SAL_E_INVALID,
 * SAL_E_NOMEM. */
enum sal_status sal_tuf_document_parse(const char *bytes, size_t len, const char *type, struct sal_tuf_document **ret,
                                       struct sal_err *reterr);
void sal_tuf_document_free(struct sal_tuf_document *document);
SAL_DEFINE_CLEANUP(sal_tuf_document, sal_tuf_document_free)
/* The `signed` object. Borrowed. */
const json_t *sal_tuf_document_signed(const struct sal_tuf_document *document);
int64_t sal_tuf_document_version(const struct sal_tuf_document *document);
int64_t sal_tuf_document_expires_ms(const struct sal_tuf_document *document);

/* Adds the keys of the role that signed the document to `set`, each once, however often and under whatever id it did.
 * Errors: SAL_E_NOMEM. */
enum sal_status sal_tuf_document_signers(const struct sal_tuf_document *document, const struct sal_tuf_role *role,
                                         struct sal_key_set *set);

/* SAL_OK when at least role->threshold different public keys of the role signed the document, else SAL_E_UNTRUSTED. */
enum sal_status sal_tuf_document_verify(const struct sal_tuf_document *document, const struct sal_tuf_role *role,
                                        struct sal_err *reterr);

/* Signs the canonical form of `signed_part` with every key and appends the metadata file, in its one byte form.
 * Errors: SAL_E_INVALID (not canonical JSON), SAL_E_INTERNAL, SAL_E_NOMEM. */
enum sal_status sal_tuf_sign(const json_t *signed_part, const struct sal_private_key *const *signers,
                             size_t signer_count, struct sal_buf *out, struct sal_err *reterr);

/* ---- root (tuf_root.c) ---- */

struct sal_tuf_root {
        int64_t version;
        int64_t expires_ms; /* wall time; the caller compares it with its own */
        struct sal_tuf_role roles[SAL_TUF_ROLES];
        char sha256[SAL_SHA256_HEX_BYTES]; /* of the file's bytes; of version 1 it is the trust domain */
};

/* What a new root says. `expires_ms` is cut to whole seconds. */
struct sal_tuf_root_spec {
        int64_t version;
        int64_t expires_ms;
        struct {
                const struct sal_public_key *const *keys;
                size_t key_count;
                int threshold;
        } roles[SAL_TUF_ROLES];
};

/* Builds and signs a root and appends the file. What it appends passes sal_tuf_root_load, else nothing is written: too
 * few signers, a threshold out of range and a key twice in a role are SAL_E_INVALID. */
enum sal_status sal_tuf_root_build(const struct sal_tuf_root_spec *spec, const struct sal_private_key *const *signers,
                                   size_t signer_count, struct sal_buf *out, struct sal_err *reterr);

/* Parses a root and verifies it with its own root role (TUF 1.0 section 5.3). Exactly the four roles; key ids
 * recomputed; refused are: a key object with another member, a role that names an unknown key or one key id twice, a
 * threshold of 0 or above the role's different public keys, "consistent_snapshot" false. Expiry is not looked at here.
 * Errors: as sal_tuf_document_parse, and SAL_E_UNTRUSTED. */
enum sal_status sal_tuf_root_load(const char *bytes, size_t len, struct sal_tuf_root **ret, struct sal_err *reterr);

/* Loads the successor of `current`: besides its own threshold it carries that of `current`, and its version is exactly
 * one higher (TUF 1.0 section 5.3.4 and 5.3.5). */
enum sal_status sal_tuf_root_load_next(const struct sal_tuf_root *current, const char *bytes, size_t len,
                                       struct sal_tuf_root **ret, struct sal_err *reterr);

void sal_tuf_root_free(struct sal_tuf_root *root);
SAL_DEFINE_CLEANUP(sal_tuf_root, sal_tuf_root_free)

#endif
