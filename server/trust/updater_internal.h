/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an update that updater.c (what is needed, what comes out) and updater_roles.c (how each file is judged)
 * share.
 *
 * Thread: one at a time. Ownership: an updater owns everything it refers to.
 */
#ifndef SAL_TRUST_UPDATER_INTERNAL_H
#define SAL_TRUST_UPDATER_INTERNAL_H

#include "trust/updater.h"

/* A file with what is known of it. */
struct sal_update_slot {
        char *bytes; /* NULL: none */
        size_t len;
        int64_t version;
        int64_t expires_ms;
};

/* What was trusted before: a version and its digest. Version 0: nothing. */
struct sal_update_floor {
        int64_t version;
        char sha256[SAL_SHA256_HEX_BYTES];
};

struct sal_updater {
        int64_t now_ms;
        enum sal_tuf_file phase; /* the file that is needed while pending */
        enum sal_update_outcome outcome;
        enum sal_update_reason reason;
        enum sal_tuf_file at_fault;
        int root_steps;
        bool lost[SAL_TUF_FILES];
        struct sal_update_slot old[SAL_TUF_FILES]; /* below the root; what a rotation drops is freed */
        struct sal_update_slot now[SAL_TUF_FILES]; /* root: always; the rest: as far as it was verified */
        struct sal_update_floor floors[SAL_TUF_FILES];
        struct sal_tuf_meta wanted[SAL_TUF_FILES]; /* as the parent names it */
        struct sal_tuf_root *root;
        struct sal_tuf_targets *old_targets; /* for the keys of its delegation */
        struct sal_tuf_targets *targets;
        struct sal_tuf_campaigns *campaigns;
};

/* Ends the update as refused, filling reterr with the file's name before the detail. */
enum sal_status sal_update_refuse(struct sal_updater *updater, enum sal_tuf_file file, enum sal_update_reason reason,
                                  enum sal_status status, struct sal_err *reterr, const char *format, ...)
        __attribute__((format(printf, 6, 7)));

/* Reads the old files with the keys of the root and sets the floors. Errors: SAL_E_NOMEM. */
enum sal_status sal_update_read_old(struct sal_updater *updater, const struct sal_tuf_files *trusted,
                                    struct sal_err *reterr);

/* Judges the bytes of one file and goes on to the next. Errors: the refusal. */
enum sal_status sal_update_accept(struct sal_updater *updater, enum sal_tuf_file file, const char *bytes, size_t len,
                                  struct sal_err *reterr);

/* The root chain has ended: the last root is judged and the timestamp is needed. Errors: the refusal. */
enum sal_status sal_update_end_chain(struct sal_updater *updater, struct sal_err *reterr);

/* Copies bytes into a slot. Errors: SAL_E_NOMEM. */
enum sal_status sal_update_fill(struct sal_update_slot *slot, const char *bytes, size_t len, int64_t version,
                                int64_t expires_ms);
void sal_update_slot_done(struct sal_update_slot *slot);

#endif
