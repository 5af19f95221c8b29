/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that must be whole: reads of small ones with a limit, creation that never overwrites and is on disk when it
 * returns, and writing without a rest.
 *
 * Thread: any. Ownership: bytes are handed over, to be freed with free.
 */
#ifndef SAL_TRUST_FILE_H
#define SAL_TRUST_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads a regular file of at most max_bytes; a NUL follows the bytes and is not counted.
 * Errors: SAL_E_NOT_FOUND, SAL_E_TOO_LARGE, SAL_E_IO, SAL_E_NOMEM; each names the path. */
enum sal_status sal_file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_len, struct sal_err *reterr);

/* Makes a new file with exactly this mode (whatever the umask), writes and syncs it; nothing is left behind on failure.
 * Errors: SAL_E_CONFLICT when something is there already, SAL_E_IO. */
enum sal_status sal_file_create(const char *path, mode_t mode, const void *bytes, size_t len, struct sal_err *reterr);

/* Makes a whole file appear at `path` at once (written elsewhere in its folder, then linked). SAL_E_CONFLICT when
 * something is there already, which then stays as it is. */
enum sal_status sal_file_publish(const char *path, mode_t mode, const void *bytes, size_t len, struct sal_err *reterr);

/* Writes all of it to a descriptor. False: errno tells why; a part may have been written. */
bool sal_file_write(int fd, const void *bytes, size_t len);

/* Syncs a folder, so that the names made in it last. */
enum sal_status sal_dir_sync(const char *path, struct sal_err *reterr);

#endif
