/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TUF 1.0 client workflow (section 5) as a state machine without input or output: it says which file it needs next
 * and how long that may be, is told the bytes, and ends with a verified set of files or with the reason why not. The
 * recovery client runs it against a server, a folder or a poll's `metadata`; a server runs it over what it is about to
 * serve.
 *
 *   sal_updater_new(trusted files, time)
 *   while (sal_updater_need(u, &need))
 *           sal_updater_give(u, need.name, bytes, …)     or sal_updater_absent, or sal_updater_unavailable
 *   sal_updater_outcome(u): SAL_UPDATE_NEWS or SAL_UPDATE_NO_NEWS: use it; SAL_UPDATE_UNABLE: see why
 *   sal_updater_files(u): what to keep, in each case
 *
 * The order of trust: the root chain, one step at a time; the expiry of the last root; timestamp; snapshot; targets;
 * campaigns. A file that is already held and that its parent names is not asked for again, but judged again.
 *
 * Rollback. What was trusted before sets a floor for the version of each file. A lower version is refused, and so are
 * other bytes under the same one. A floor lives as long as the keys that signed it: when a root step changes the keys
 * of timestamp or snapshot, both floors fall (section 5.3.11, recovery from a fast-forward attack); when it changes
 * those of targets, the floor of targets falls; when new targets delegate to other keys, that of campaigns does. A
 * change of threshold alone is no change of keys.
 *
 * All or nothing. Files below the root become trusted together, when the last of them was found good, so that no
 * half-done update can poison a later one. Roots are kept as far as they were verified, also when the rest failed:
 * forgetting a key that was revoked would be worse.
 *
 * Thread: one at a time. Ownership: the updater copies what it is given; getters borrow from it.
 */
#ifndef SAL_TRUST_UPDATER_H
#define SAL_TRUST_UPDATER_H

#include "trust/tuf_roles.h"

enum {
        SAL_UPDATE_MAX_ROOT_STEPS = 64, /* of the root chain, in one update */
        SAL_TUF_NAME_BYTES = 32         /* of a metadata file, with the NUL */
};

enum sal_tuf_file {
        SAL_TUF_FILE_ROOT,
        SAL_TUF_FILE_TIMESTAMP,
        SAL_TUF_FILE_SNAPSHOT,
        SAL_TUF_FILE_TARGETS,
        SAL_TUF_FILE_CAMPAIGNS,
        SAL_TUF_FILES /* how many there are */
};

/* "root", "timestamp", "snapshot", "targets", "campaigns". */
const char *sal_tuf_file_text(enum sal_tuf_file file);

/* Writes the name under which a file is served: "timestamp.json", else "<version>.<file>.json". */
void sal_tuf_file_name(enum sal_tuf_file file, int64_t version, char ret[static SAL_TUF_NAME_BYTES]);

/* The bytes of each metadata file; NULL where there is none. Borrowed. */
struct sal_tuf_files {
        struct {
                const char *bytes;
                size_t len;
        } file[SAL_TUF_FILES];
};

enum sal_update_outcome {
        SAL_UPDATE_PENDING, /* a file is needed */
        SAL_UPDATE_NEWS,    /* complete, and something changed */
        SAL_UPDATE_NO_NEWS, /* complete: what was trusted is still the newest, and not expired */
        SAL_UPDATE_UNABLE   /* a file was refused or could not be had: this says nothing about whether there are news */
};

/* Why an update was refused. */
enum sal_update_reason {
        SAL_UPDATE_FINE,
        SAL_UPDATE_UNAVAILABLE,  /* the file could not be had, or not in time */
        SAL_UPDATE_TOO_LONG,     /* longer than it may be; nothing of it was parsed */
        SAL_UPDATE_MISMATCH,     /* not the file that its parent names, by length, digest or version */
        SAL_UPDATE_MALFORMED,    /* not strict JSON */
        SAL_UPDATE_CONTENT,      /* says something that the profile does not allow */
        SAL_UPDATE_DELEGATION,   /* lists or delegates what is not its own */
        SAL_UPDATE_SIGNATURES,   /* the threshold of different public keys is not reached */
        SAL_UPDATE_ROOT_VERSION, /* a root that is not the very next one */
        SAL_UPDATE_ROOT_STEPS,   /* a root chain without end */
        SAL_UPDATE_EXPIRED,
        SAL_UPDATE_ROLLBACK,     /* a version below one that was trusted */
        SAL_UPDATE_EQUIVOCATION, /* a version that was trusted, with other content */
        SAL_UPDATE_ROLE_DROPPED, /* a role is missing in the snapshot */
        SAL_UPDATE_INTERNAL,     /* no memory */
        SAL_UPDATE_REASONS       /* how many there are */
};

/* "rollback" and the like: one slug per reason, for logs and reports. */
const char *sal_update_reason_text(enum sal_update_reason reason);

struct sal_updater;

/* Begins an update. trusted->file[ROOT] is the pinned root or a later one that was verified: it is believed without a
 * chain. The other files are those that an earlier update left to be kept; NULL where there are none. One of them that
 * cannot be read with the keys of the root (a crash between two writes) is left out, see sal_updater_lost. `now_ms` is
 * the best time the client has; it stays the same for the whole update.
 * Errors: those of sal_tuf_root_load, SAL_E_NOMEM. */
enum sal_status sal_updater_new(const struct sal_tuf_files *trusted, int64_t now_ms, struct sal_updater **ret,
                                struct sal_err *reterr);
/* NULL is allowed. */
void sal_updater_free(struct sal_updater *updater);
SAL_DEFINE_CLEANUP(sal_updater, sal_updater_free)

/* What is needed next. */
struct sal_update_need {
        enum sal_tuf_file file;
        char name[SAL_TUF_NAME_BYTES]; /* as served under /tuf/metadata/ */
        size_t max_bytes;              /* stop reading there: a longer file is refused */
};

/* True and *ret while the update is pending. */
bool sal_updater_need(const struct sal_updater *updater, struct sal_update_need *ret);

/* The bytes of the needed file; `name` is need.name. Errors: the refusal (SAL_E_UNTRUSTED, SAL_E_TOO_LARGE, …; the
 * update is then over), SAL_E_CONFLICT with nothing changed when another file, or none, is needed. */
enum sal_status sal_updater_give(struct sal_updater *updater, const char *name, const char *bytes, size_t len,
                                 struct sal_err *reterr);

/* There is no such file. For a root this is the end of the chain and no failure; for another file it is as below. */
enum sal_status sal_updater_absent(struct sal_updater *updater, struct sal_err *reterr);

/* The file could not be had: no connection, an answer cut off or too slow. The update is over and SAL_UPDATE_UNABLE.
 * Returns SAL_E_UNREACHABLE; SAL_E_CONFLICT when nothing was needed. */
enum sal_status sal_updater_unavailable(struct sal_updater *updater, struct sal_err *reterr);

/* Finds a file by its served name. True and the bytes (borrowed until the next call), or false: there is none. */
typedef bool sal_update_find(void *context, const char *name, const char **ret_bytes, size_t *ret_len);

/* Runs the update to its end over files that are at hand. SAL_OK when it is complete, else the refusal. */
enum sal_status sal_updater_run(struct sal_updater *updater, sal_update_find *find, void *context,
                                struct sal_err *reterr);

/* Where the update stands. */
enum sal_update_outcome sal_updater_outcome(const struct sal_updater *updater);

/* Why an update is SAL_UPDATE_UNABLE, and (*ret_file, which may be NULL) over which file; else SAL_UPDATE_FINE. */
enum sal_update_reason sal_updater_reason(const struct sal_updater *updater, enum sal_tuf_file *ret_file);

/* What to keep for the next update. Complete: the new set. Pending or unable: the newest verified root, and of the old
 * files those whose floor stands. */
void sal_updater_files(const struct sal_updater *updater, struct sal_tuf_files *ret);

/* True when an old file was given and could not be used. */
bool sal_updater_lost(const struct sal_updater *updater, enum sal_tuf_file file);

/* Version and expiry of a file of sal_updater_files; 0 where there is none. */
int64_t sal_updater_version(const struct sal_updater *updater, enum sal_tuf_file file);
int64_t sal_updater_expires_ms(const struct sal_updater *updater, enum sal_tuf_file file);

/* The newest verified root. Borrowed. */
const struct sal_tuf_root *sal_updater_root(const struct sal_updater *updater);
/* The verified targets and campaigns; NULL unless the update is complete. Borrowed. */
const struct sal_tuf_targets *sal_updater_targets(const struct sal_updater *updater);
const struct sal_tuf_campaigns *sal_updater_campaigns(const struct sal_updater *updater);

/* What the verified set says of a target path: the policy by targets, "campaigns/" by campaigns alone (the delegation
 * is terminating). Errors: SAL_E_NOT_FOUND, SAL_E_CONFLICT unless the update is complete. */
enum sal_status sal_updater_find_target(const struct sal_updater *updater, const char *path, struct sal_tuf_target *ret,
                                        struct sal_err *reterr);

/* SAL_OK when these are the bytes of the target. Errors: SAL_E_UNTRUSTED. */
enum sal_status sal_tuf_target_check(const struct sal_tuf_target *target, const char *bytes, size_t len,
                                     struct sal_err *reterr);

#endif
