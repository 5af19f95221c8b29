/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root, targets and policy in words, for the people who sign them: what a file says, what it changes, and whose
 * signatures it has and needs.
 *
 * Thread: one. Ownership: everything is borrowed for the call; what is read is handed over.
 */
#ifndef SAL_SALVORCTL_TRUST_WORDS_H
#define SAL_SALVORCTL_TRUST_WORDS_H

#include "trust/policy.h"
#include "trust/tuf_draft.h"

#include <stdbool.h>
#include <stdio.h>

/* How long before its end a file is warned of; the server does so too. */
enum { SAL_WORDS_WARNING_DAYS = 45 };

/* A whole file, read. */
struct sal_paper {
        char *bytes;
        size_t len;
        struct sal_tuf_draft *draft; /* of a root or targets file */
};
void sal_paper_done(struct sal_paper *paper);
#define sal_autopaper __attribute__((cleanup(sal_paper_done)))

/* Reads a root or targets file; nothing is verified. Errors: those of sal_file_read and sal_tuf_draft_read, with the
 * file's name. */
enum sal_status sal_paper_read(const char *path, struct sal_paper *ret, struct sal_err *reterr);
/* The same, and it must be a root with its own threshold of signatures. */
enum sal_status sal_paper_read_root(const char *path, struct sal_paper *ret, struct sal_err *reterr);
/* The same, and it must be a targets file. */
enum sal_status sal_paper_read_targets(const char *path, struct sal_paper *ret, struct sal_err *reterr);
enum sal_status sal_policy_read(const char *path, struct sal_policy **ret, struct sal_err *reterr);

/* What a root or targets file says; with `before` (NULL: none) of the same kind, what it changes. */
void sal_words_draft(FILE *stream, const struct sal_tuf_draft *draft, const struct sal_tuf_draft *before);
/* Authors, classes and revocations. */
void sal_words_policy(FILE *stream, const struct sal_policy *policy);

/* Whose signatures of a role a file has. `have` counts different keys of the role. */
struct sal_tally_of_role {
        const char *name; /* "root", "root (before)", "targets" */
        const struct sal_tuf_role *role;
        struct sal_key_set have;
};
/* Fills `have`. Errors: SAL_E_NOMEM. */
enum sal_status sal_words_count(const struct sal_tuf_draft *draft, struct sal_tally_of_role *tally,
                                struct sal_err *reterr);
/* "signed     1 of 2 by the root role: KEYID…; 1 more is needed, of: …". */
void sal_words_tally(FILE *stream, const struct sal_tally_of_role *tally);
bool sal_words_enough(const struct sal_tally_of_role *tally);

/* Whole days from now to a time; negative once it is over. */
int64_t sal_words_days_left(int64_t expires_ms);
/* "2029-11-21T12:00:22Z, 1095 days left" or "…, expired 3 days ago". */
void sal_words_expiry(FILE *stream, int64_t expires_ms);

#endif
