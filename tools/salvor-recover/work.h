/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work on one offer, as it stands on disk (work.json): whose offer it is, its phase, what each action comes to, and
 * the steps: one per file, each with what was there before. A campaign's actions say what is meant; the steps say what
 * is done. Pure values and their JSON form.
 *
 * Thread: one at a time. Ownership: a work owns everything it refers to.
 */
#ifndef SAL_RECOVER_WORK_H
#define SAL_RECOVER_WORK_H

#include "base/buf.h"
#include "base/encode.h"
#include "base/mem.h"
#include "model/campaign.h"
#include "salvor-recover/phase.h"
#include "salvor-recover/syspath.h"

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

enum {
        SAL_OFFER_ID_BYTES = 65, /* 1..64 of [A-Za-z0-9._:-], no leading dot, and a NUL */
        SAL_WORK_MAX_STEPS = 4096,
        SAL_WORK_DETAIL_BYTES = 256,
        SAL_WORK_LOG_MAX_BYTES = 4096, /* the tail that goes into a report */
        SAL_WORK_TAG_BYTES = 17,
        SAL_WORK_JSON_MAX_BYTES = 64 * 1024 * 1024,
};

enum sal_step_kind { SAL_STEP_DELETE, SAL_STEP_RENAME, SAL_STEP_WRITE };

/* What a file was. */
struct sal_file_facts {
        mode_t mode;
        uid_t uid;
        gid_t gid;
        int64_t size_bytes;
        struct timespec atime, mtime;
        uint64_t device, inode;            /* good within one run only: some file systems number anew at each mount */
        char sha256[SAL_SHA256_HEX_BYTES]; /* "" where it was not asked for */
};

struct sal_step {
        enum sal_step_kind kind;
        size_t action; /* index in the campaign */
        char *path;    /* relative to the root, names as on disk */
        char *to;      /* SAL_STEP_RENAME, else NULL */
        bool existed;  /* SAL_STEP_WRITE: false makes a new file, and `before` says nothing */
        struct sal_file_facts before;
        char content_sha256[SAL_SHA256_HEX_BYTES]; /* SAL_STEP_WRITE: what is written; names a blob of the store */
        int64_t content_bytes;
        mode_t mode; /* SAL_STEP_WRITE: of the file written, permission bits */
        uid_t uid;
        gid_t gid;
};

/* A directory that a step changes, and its times before. */
struct sal_work_dir {
        char *path;
        struct timespec atime, mtime;
};

enum sal_action_status { SAL_STATUS_SKIPPED, SAL_STATUS_DONE, SAL_STATUS_FAILED, SAL_STATUS_REVERTED };

struct sal_work_action {
        enum sal_action_kind kind;
        enum sal_action_status status;
        char detail[SAL_WORK_DETAIL_BYTES]; /* printable ASCII */
};

struct sal_work {
        enum sal_phase phase;
        char *root; /* the tree's absolute path: this work must not be put back anywhere else */
        char offer_id[SAL_OFFER_ID_BYTES];
        char boot_id[SAL_BOOT_ID_BYTES];
        char campaign[SAL_CAMPAIGN_ID_BYTES];
        int64_t version;
        char target_sha256[SAL_SHA256_HEX_BYTES]; /* of a campaign from a bundle, which nobody offered; else "" */
        char tag[SAL_WORK_TAG_BYTES];             /* random; names the hidden files */
        bool reported; /* the report is stored or sent; what is left is the work on the tree */
        size_t action_count;
        struct sal_work_action actions[SAL_CAMPAIGN_MAX_ACTIONS];
        size_t step_count, step_capacity;
        struct sal_step *steps;
        size_t dir_count, dir_capacity;
        struct sal_work_dir *dirs;
        struct sal_buf log; /* lines of printable ASCII */
};

struct sal_work *sal_work_new(void);       /* NULL without memory */
void sal_work_free(struct sal_work *work); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_work, sal_work_free)

/* Appends a step (its strings are taken, also on failure). Errors: SAL_E_REFUSED over SAL_WORK_MAX_STEPS, SAL_E_NOMEM.
 */
enum sal_status sal_work_add_step_take(struct sal_work *work, struct sal_step *step, struct sal_err *reterr);

/* Notes a directory once, with its times (of the first call). Errors: SAL_E_NOMEM. */
enum sal_status sal_work_add_dir(struct sal_work *work, const char *path, const struct stat *info);

/* Sets an action's status and its detail (printf). */
void sal_work_set(struct sal_work *work, size_t action, enum sal_action_status status, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Appends a line to the log; the oldest go when it grows over its bound. */
void sal_work_log(struct sal_work *work, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the steps so far make of a path: later actions are planned against the tree as earlier ones will leave it. */
enum sal_work_view { SAL_VIEW_AS_ON_DISK, SAL_VIEW_REMOVED, SAL_VIEW_MADE };
enum sal_work_view sal_work_view(const struct sal_work *work, const char *path, bool fold);

/* The step that makes a file (a new one, or one under a new name) which the path means, wildcards included; NULL: none.
 * What an earlier action makes is not on disk while later ones are planned, and none may act on it. */
const struct sal_step *sal_work_maker(const struct sal_work *work, const struct sal_syspath *path,
                                      const char **ret_made);

/* True when no action is anything but skipped. */
bool sal_work_all_skipped(const struct sal_work *work);

/* Name of a step's hidden file beside `path`: ".salvor-<tag>-<n>" for its new content, with an "o" at the end for the
 * old file that is put aside. Handed over; NULL without memory. */
char *sal_work_temp_path(const struct sal_work *work, size_t step, bool aside);

/* facts of a stat; sha256 is left empty. */
void sal_file_facts_of(const struct stat *info, struct sal_file_facts *ret);
/* The very same file as before, within one run: device, inode, size and mtime. */
bool sal_file_facts_same(const struct sal_file_facts *facts, const struct stat *info);

/* The JSON form on disk. Dump: handed over, NULL without memory. Parse errors: SAL_E_CORRUPT, SAL_E_NOMEM. */
char *sal_work_dump(const struct sal_work *work);
enum sal_status sal_work_parse(const char *bytes, size_t len, struct sal_work **ret, struct sal_err *reterr);

/* The body of POST /v1/report for this work; `stage` as on the wire. What nobody offered is named by campaign, version
 * and target_sha256 in the place of an offer_id. A new reference, NULL without memory. */
json_t *sal_work_report(const struct sal_work *work, const char *machine_id, const char *stage);

/* "done" "skipped" "failed" "reverted". */
const char *sal_action_status_name(enum sal_action_status status);

/* 1..64 of [A-Za-z0-9._:-], no leading dot: it becomes part of a file name. */
bool sal_offer_id_valid(const char *id);

#endif
