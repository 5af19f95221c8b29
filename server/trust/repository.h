/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the holder of the online keys does: from the offline-signed root, targets and policy and from the envelopes that
 * are in force it makes the next campaigns, snapshot and timestamp. Pure: it is told the time and the highest versions
 * ever given away, and returns bytes.
 *
 * The rule behind it: an online key may remove, delay or narrow. So every envelope is judged by itself
 * (trust/admission.h) and one that is not allowed is left out, never the reason to leave the others as they were:
 * nobody can keep a withdrawn campaign in force by offering a bad one beside it. Nor does an expired root or targets
 * file stop the removal: clients whose clocks are behind would still believe the old list.
 *
 * Versions. A file is signed again when its content changed, when its keys changed, when half of its life is over, or
 * when the file at hand is older than its high-water mark; it then has a version above every one known. Else its bytes
 * stay as they are, so that what is served is stable.
 *
 * Thread: any. Ownership: everything is borrowed for the call; the result owns its bytes.
 */
#ifndef SAL_TRUST_REPOSITORY_H
#define SAL_TRUST_REPOSITORY_H

#include "trust/admission.h"
#include "trust/updater.h"

/* A timestamp is signed again when it is older than this. */
#define SAL_TUF_TIMESTAMP_RENEW_MS INT64_C(3600000)

/* The online keys; a key may serve several roles. */
struct sal_repository_signer {
        const struct sal_private_key *const *keys;
        size_t count;
};

struct sal_repository_envelope {
        const char *path; /* "campaigns/<id>-<version>.json" */
        const char *bytes;
        size_t len;
};

/* Why an envelope was left out, or SAL_ADMIT_YES. */
struct sal_repository_verdict {
        enum sal_admission admission;
        struct sal_err why;
};

/* The envelopes that were admitted last time. Author signatures of the same bytes, under the same policy and trust
 * domain, hold for ever, so that only what is new has to be verified; expiry is looked at each time. It belongs to the
 * process that holds the keys and is never read from outside. Begin with all zero. */
struct sal_repository_memory {
        char policy_sha256[SAL_SHA256_HEX_BYTES];
        char trust_domain[SAL_SHA256_HEX_BYTES];
        size_t count;
        struct {
                struct sal_tuf_target target;
                int64_t expires_ms; /* of the campaign */
        } admitted[SAL_TUF_MAX_CAMPAIGNS];
};

/* High-water mark: the newest file that was ever given away. A file at hand that is not this very one is signed anew
 * above it, even where it verifies: the same content in another spelling verifies too, and two files of one version
 * look like an attack to every client. Of root and targets, which others sign, such a file is refused. */
struct sal_tuf_mark {
        int64_t version;                   /* 0: none */
        char sha256[SAL_SHA256_HEX_BYTES]; /* of its bytes; "": not known */
};

struct sal_repository_input {
        int64_t now_ms;           /* wall time */
        const char *trust_domain; /* hex SHA-256 of the pinned 1.root.json */
        /* The newest root, which must have come by a verified chain from the pinned one: nothing here can tell a root
         * of one's own from a thief's. */
        const struct sal_tuf_root *root;
        /* The files there are: targets is required; campaigns, snapshot and timestamp are those given away last, or
         * NULL. The root's bytes are not looked at. */
        struct sal_tuf_files files;
        const char *policy; /* must be the file that targets lists */
        size_t policy_len;
        const struct sal_repository_envelope *envelopes;
        size_t envelope_count;
        /* Of each file, kept where no restored backup lowers it. */
        struct sal_tuf_mark marks[SAL_TUF_FILES];
        struct sal_repository_signer campaigns, snapshot, timestamp;
        bool renew;                           /* sign a new timestamp even when there is no need */
        struct sal_repository_memory *memory; /* read and written; NULL: verify everything */
};

struct sal_repository_next {
        struct sal_buf files[SAL_TUF_FILES]; /* campaigns, snapshot, timestamp; the other two are empty */
        bool signed_anew[SAL_TUF_FILES];     /* false: the bytes are the old ones */
        /* The new marks of all five files; to be on disk before the files are given away. */
        struct sal_tuf_mark marks[SAL_TUF_FILES];
        int64_t expires_ms[SAL_TUF_FILES]; /* of all five files, wall time */
        size_t listed;                     /* how many envelopes are in force now */
};

/* NULL is allowed. */
void sal_repository_next_done(struct sal_repository_next *next);
#define sal_autorepository __attribute__((cleanup(sal_repository_next_done)))

/* Makes the next files. `verdicts`, which may be NULL, has room for one per envelope. *ret is set on success only, to
 * be released with sal_repository_next_done. Errors: SAL_E_UNTRUSTED (targets does not verify, the policy is not the
 * one it lists, or the signers do not reach a role's threshold), SAL_E_REFUSED (root or targets below their high-water
 * mark, or no version is left), those of the parsers, SAL_E_NOMEM. */
enum sal_status sal_repository_make(const struct sal_repository_input *input, struct sal_repository_verdict *verdicts,
                                    struct sal_repository_next *ret, struct sal_err *reterr);

#endif
