/* SPDX-License-Identifier: Apache-2.0 */
#include "put.h"

#include "base/encode.h"
#include "base/mem.h"
#include "client/config.h"
#include "trust/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static enum sal_status fail_errno(struct sal_err *reterr, const char *verb, const char *path) {
        int error = errno;
        return sal_fail(reterr, error == ENOENT ? SAL_E_NOT_FOUND : SAL_E_IO, "cannot %s %.300s: %s", verb, path,
                        strerror(error));
}

/* Without its folder's sync. */
static enum sal_status create(const char *path, const void *bytes, size_t len, struct sal_err *reterr) {
        sal_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0 && errno == EEXIST) {
                sal_fail(reterr, SAL_E_CONFLICT, "%.300s exists already and is never overwritten", path);
                sal_err_hint(reterr, "choose another name, or move the old file away");
                return SAL_E_CONFLICT;
        }
        if (fd < 0)
                return fail_errno(reterr, "create", path);
        if (sal_file_write(fd, bytes, len) && fsync(fd) == 0)
                return SAL_OK;
        enum sal_status status = fail_errno(reterr, "write", path);
        unlink(path);
        return status;
}

static enum sal_status sync_folder_of(const char *path, struct sal_err *reterr) {
        sal_autofree char *folder = sal_path_folder(path);
        return folder ? sal_dir_sync(folder, reterr) : sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
}

enum sal_status sal_put_new(const char *path, const void *bytes, size_t len, struct sal_err *reterr) {
        enum sal_status status = create(path, bytes, len, reterr);
        return status ? status : sync_folder_of(path, reterr);
}

enum sal_status sal_put_over(const char *path, const void *bytes, size_t len, struct sal_err *reterr) {
        uint8_t random[8];
        char suffix[2 * sizeof random + 1];
        sal_random(random, sizeof random);
        sal_hex_encode(random, sizeof random, suffix);
        sal_autofree char *temporary = NULL;
        if (asprintf(&temporary, "%s.%s", path, suffix) < 0) {
                temporary = NULL;
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        }
        enum sal_status status = create(temporary, bytes, len, reterr);
        if (!status && rename(temporary, path) < 0) {
                status = fail_errno(reterr, "replace", path);
                unlink(temporary);
        }
        return status ? status : sync_folder_of(path, reterr);
}
