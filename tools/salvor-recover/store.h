/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory (--state): what must outlive a crash. One process at a time holds its lock.
 *
 *   lock            flock(2)
 *   work.json       the work under way (work.h), until everything is done or put back
 *   blobs/SHA256    contents to be written; blobs/SHA256.part: an artifact that is on its way
 *   reports/ID.json outcomes that the server has not yet answered; ID is the offer's
 *   sent.json       the newest outcome that it has answered
 *   applied.json    the newest applied offer, for --healthy
 *   done.json       the campaigns that were applied here, newest last (done.h)
 *   tried.json      the campaigns that failed or were refused here (done.h)
 *   interrupted.json  the offer whose work was interrupted
 *   time.json       a time that is known to have passed (floor.h)
 *   tuf/            what is trusted (metadata.h)
 *   kept/           what the disk has damaged: for a person
 *
 * Only plain files are opened, and no link is followed at a file's name; what else stands in the place of one is as
 * good as damaged, and never waited for.
 *
 * A file appears whole and synced, or not at all. Thread: one. Ownership: the store owns its descriptors.
 */
#ifndef SAL_RECOVER_STORE_H
#define SAL_RECOVER_STORE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { SAL_STORE_MAX_REPORTS = 64, SAL_STORE_REPORT_MAX_BYTES = 64 * 1024, SAL_STORE_NAME_BYTES = 160 };

struct sal_store {
        int dir_fd, lock_fd;
        char *path;
};

/* Makes the directory (0700) where it is missing and takes its lock. Errors: SAL_E_CONFLICT (another process holds it),
 * SAL_E_IO (the lock is no plain file, too), SAL_E_NOMEM. */
enum sal_status sal_store_open(const char *path, struct sal_store **ret, struct sal_err *reterr);
void sal_store_free(struct sal_store *store); /* NULL is allowed; gives the lock back */
SAL_DEFINE_CLEANUP(sal_store, sal_store_free)

/* Writes a whole file in the place of the old one. Errors: SAL_E_IO (no room left, too). */
enum sal_status sal_store_put(struct sal_store *store, const char *name, const void *bytes, size_t len,
                              struct sal_err *reterr);
/* Reads one of at most max_bytes; a NUL follows. Errors: SAL_E_NOT_FOUND, SAL_E_TOO_LARGE, SAL_E_CORRUPT (no plain
 * file), SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_store_get(struct sal_store *store, const char *name, size_t max_bytes, char **ret, size_t *ret_len,
                              struct sal_err *reterr);
/* Removes a file, durably; a missing one is no error. Errors: SAL_E_IO. */
enum sal_status sal_store_remove(struct sal_store *store, const char *name, struct sal_err *reterr);
/* Renames, durably. Errors: SAL_E_IO. */
enum sal_status sal_store_rename(struct sal_store *store, const char *from, const char *to, struct sal_err *reterr);
/* Does a plain file stand there? */
bool sal_store_has(struct sal_store *store, const char *name);

/* Opens for reading, or anew for writing (0600; what was there is cut, or removed when it was no plain file). Returns a
 * descriptor, or a negative number for sal_store_why. */
int sal_store_open_read(struct sal_store *store, const char *name);
int sal_store_open_write(struct sal_store *store, const char *name);
/* Opens for appending, made when missing and in the place of what is no plain file. Returns as above. */
int sal_store_open_append(struct sal_store *store, const char *name);
/* What the number means that one of the above gave, without its sign: the system's sentence for an errno, or that no
 * plain file stands there. */
const char *sal_store_why(int number);
/* Syncs a folder ("" is the state directory itself). Errors: SAL_E_IO. */
enum sal_status sal_store_sync(struct sal_store *store, const char *folder, struct sal_err *reterr);

/* Removes every file of the folder (not the folder). Failures are left: such files are only space. */
void sal_store_clear(struct sal_store *store, const char *folder);
/* Moves the folder work/ to kept/<name>. Errors: SAL_E_IO. */
enum sal_status sal_store_keep_work(struct sal_store *store, const char *as, struct sal_err *reterr);

/* Names of the stored reports ("reports/ID.json"), sorted, at most SAL_STORE_MAX_REPORTS. Errors: SAL_E_IO. */
enum sal_status sal_store_reports(struct sal_store *store, char ret[][SAL_STORE_NAME_BYTES], size_t *ret_count,
                                  struct sal_err *reterr);

/* Copies all of `from_fd` to `to_fd` and syncs it. Returns 0 or -errno; the digest and length are of what was copied.
 */
int sal_copy_hashed(int from_fd, int to_fd, int64_t *ret_len, char ret_sha256[static 65]);
/* Hex SHA-256 of what is left to read of `fd`. Returns 0 or -errno. */
int sal_hash_fd(int fd, int64_t *ret_len, char ret_sha256[static 65]);

#endif
