/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root and targets on their way to their threshold: written without signatures, read and shown before they are trusted,
 * and signed by one key holder after the other, each on a machine of their own. What is signed never changes on the
 * way.
 *
 * Thread: a draft is immutable and may be shared. Ownership: `_free` frees; getters borrow.
 */
#ifndef SAL_TRUST_TUF_DRAFT_H
#define SAL_TRUST_TUF_DRAFT_H

#include "trust/tuf_roles.h"

/* What a file says. Nothing of it is verified: that is a matter of whose keys are believed. */
struct sal_tuf_draft {
        struct sal_tuf_root *root;       /* of a root, else NULL; its roles are what it says of itself */
        struct sal_tuf_targets *targets; /* of targets, else NULL */
        int64_t version;
        int64_t expires_ms;
        size_t signature_count; /* as many as stand there, good or bad */
        struct sal_tuf_document *document;
};

/* Appends a root without signatures. Everything that sal_tuf_root_load wants but the signatures is seen to. Errors:
 * SAL_E_INVALID with the pointer, SAL_E_NOMEM. (Targets: sal_tuf_targets_build without signers.) */
enum sal_status sal_tuf_root_draft(const struct sal_tuf_root_spec *spec, struct sal_buf *out, struct sal_err *reterr);

/* Reads a root or a targets file as strictly as sal_tuf_root_load and sal_tuf_targets_load do, but for the signatures.
 * Errors: as those, without SAL_E_UNTRUSTED; SAL_E_INVALID for any other metadata file. */
enum sal_status sal_tuf_draft_read(const char *bytes, size_t len, struct sal_tuf_draft **ret, struct sal_err *reterr);
void sal_tuf_draft_free(struct sal_tuf_draft *draft); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_tuf_draft, sal_tuf_draft_free)

/* Appends the file with one more signature. The other signatures and the canonical form of what is signed stay as they
 * are; of a file that this program wrote, every other byte does. Whether the key is one of a role's is the caller's to
 * ask. Errors: SAL_E_CONFLICT (this key's signature is there), SAL_E_INVALID (no room), SAL_E_INTERNAL, SAL_E_NOMEM. */
enum sal_status sal_tuf_draft_sign(const struct sal_tuf_draft *draft, const struct sal_private_key *key,
                                   struct sal_buf *out, struct sal_err *reterr);

/* The same under the id that a role has for the key: programs write the text of one P-256 key in several ways, each
 * with an id of its own, and a signature counts by the id that the role lists. Errors: as above; SAL_E_INVALID when
 * `as` is another key. */
enum sal_status sal_tuf_draft_sign_as(const struct sal_tuf_draft *draft, const struct sal_private_key *key,
                                      const struct sal_public_key *as, struct sal_buf *out, struct sal_err *reterr);

#endif
