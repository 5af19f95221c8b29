/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/file.h"

#include "base/encode.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

static enum sal_status fail_errno(struct sal_err *reterr, const char *verb, const char *path) {
        int error = errno;
        return sal_fail(reterr, error == ENOENT || error == ENOTDIR ? SAL_E_NOT_FOUND : SAL_E_IO, "cannot %s %s: %s",
                        verb, path, strerror(error));
}

enum sal_status sal_file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_len, struct sal_err *reterr) {
        sal_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat info;
        if (fd < 0 || fstat(fd, &info) < 0)
                return fail_errno(reterr, "read", path);
        if (!S_ISREG(info.st_mode))
                return sal_fail(reterr, SAL_E_IO, "cannot read %s: it is not a regular file", path);
        if (info.st_size > (off_t)max_bytes)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "%s has %lld bytes, at most %zu are read", path,
                                (long long)info.st_size, max_bytes);
        sal_autofree char *bytes = malloc(max_bytes + 2);
        if (!bytes)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory to read %s", path);
        size_t len = 0;
        while (len <= max_bytes) {
                ssize_t got = read(fd, bytes + len, max_bytes + 1 - len);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_errno(reterr, "read", path);
                if (got == 0)
                        break;
                len += (size_t)got;
        }
        if (len > max_bytes)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "%s has more than %zu bytes", path, max_bytes);
        bytes[len] = '\0';
        *ret = SAL_STEAL(bytes);
        *ret_len = len;
        return SAL_OK;
}

bool sal_file_write(int fd, const void *bytes, size_t len) {
        const char *at = bytes;
        while (len > 0) {
                ssize_t put = write(fd, at, len);
                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return false;
                at += put;
                len -= (size_t)put;
        }
        return true;
}

enum sal_status sal_file_create(const char *path, mode_t mode, const void *bytes, size_t len, struct sal_err *reterr) {
        sal_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EEXIST) {
                sal_fail(reterr, SAL_E_CONFLICT, "%s exists already and is never overwritten", path);
                sal_err_hint(reterr, "choose another name, or move the old file away");
                return SAL_E_CONFLICT;
        }
        if (fd < 0)
                return fail_errno(reterr, "create", path);
        if (fchmod(fd, mode) < 0 || !sal_file_write(fd, bytes, len) || fsync(fd) < 0) {
                enum sal_status status = fail_errno(reterr, "write", path);
                unlink(path);
                return status;
        }
        return SAL_OK;
}

enum sal_status sal_file_publish(const char *path, mode_t mode, const void *bytes, size_t len, struct sal_err *reterr) {
        uint8_t random[8];
        char suffix[2 * sizeof random + 1];
        sal_random(random, sizeof random);
        sal_hex_encode(random, sizeof random, suffix);
        sal_autofree char *temporary = NULL;
        sal_autofree char *copy = strdup(path);
        if (!copy || asprintf(&temporary, "%s.%s", path, suffix) < 0)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory to write %s", path);
        enum sal_status status = sal_file_create(temporary, mode, bytes, len, reterr);
        if (status)
                return status;
        /* link(2), unlike rename(2), never replaces: of two processes that start together one wins, whole. */
        if (link(temporary, path) < 0)
                status = errno == EEXIST ? sal_fail(reterr, SAL_E_CONFLICT, "%s exists already", path)
                                         : fail_errno(reterr, "create", path);
        unlink(temporary);
        return status ? status : sal_dir_sync(dirname(copy), reterr);
}

enum sal_status sal_dir_sync(const char *path, struct sal_err *reterr) {
        sal_autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return fail_errno(reterr, "sync the folder", path);
        return SAL_OK;
}
