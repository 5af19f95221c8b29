/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { OPEN_TRIES = 64, PATH_BYTES = SAL_SOURCE_NAME_BYTES + 64 };

struct sal_bundle {
        int dir_fd;
};

enum sal_status sal_bundle_open(const char *dir, struct sal_bundle **ret, struct sal_err *reterr) {
        sal_auto(sal_bundle) struct sal_bundle *bundle = malloc(sizeof *bundle);
        if (!bundle)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the bundle");
        bundle->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (bundle->dir_fd < 0)
                return sal_fail(reterr,
                                errno == ENOENT    ? SAL_E_NOT_FOUND
                                : errno == ENOTDIR ? SAL_E_USAGE
                                                   : SAL_E_IO,
                                "bundle %.300s: %s", dir, strerror(errno));
        *ret = SAL_STEAL(bundle);
        return SAL_OK;
}

void sal_bundle_free(struct sal_bundle *bundle) {
        if (!bundle)
                return;
        if (bundle->dir_fd >= 0)
                close(bundle->dir_fd);
        free(bundle);
}

/* openat2 answers EAGAIN when something was renamed while it resolved: then it is asked again. */
static int open_beneath(const struct sal_bundle *bundle, const char *path) {
        struct open_how how = {
                .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        for (int i = 0; i < OPEN_TRIES; i++) {
                long fd = syscall(SYS_openat2, bundle->dir_fd, path, &how, sizeof how);
                if (fd >= 0)
                        return (int)fd;
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
        return -EAGAIN;
}

/* Opens a plain file of at most max_bytes. */
static enum sal_status open_plain(const struct sal_bundle *bundle, const char *path, int64_t max_bytes, int *ret,
                                  struct sal_err *reterr) {
        sal_autoclose int fd = open_beneath(bundle, path);
        struct stat info;
        if (fd == -ENOENT || fd == -ENOTDIR)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "the bundle holds no %.250s", path);
        if (fd == -ELOOP || fd == -EXDEV)
                return sal_fail(reterr, SAL_E_REFUSED, "%.250s in the bundle is, or lies behind, a symbolic link",
                                path);
        bool known = fd >= 0 && fstat(fd, &info) == 0;
        if (fd == -ENXIO || (known && !S_ISREG(info.st_mode)))
                return sal_fail(reterr, SAL_E_REFUSED, "%.250s in the bundle is no plain file", path);
        if (!known)
                return sal_fail(reterr, SAL_E_IO, "%.250s in the bundle: %s", path, strerror(fd < 0 ? -fd : errno));
        if (info.st_size > max_bytes)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "%.250s in the bundle has %lld bytes, %lld are the most", path,
                                (long long)info.st_size, (long long)max_bytes);
        *ret = fd;
        fd = -1;
        return SAL_OK;
}

/* The file may grow while it is read. */
static enum sal_status read_plain(const struct sal_bundle *bundle, const char *path, size_t max_bytes,
                                  struct sal_buf *ret, struct sal_err *reterr) {
        sal_autoclose int fd = -1;
        char chunk[16384];
        enum sal_status status = open_plain(bundle, path, (int64_t)max_bytes, &fd, reterr);
        while (!status) {
                ssize_t n = read(fd, chunk, sizeof chunk);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return sal_fail(reterr, SAL_E_IO, "%.250s in the bundle: %s", path, strerror(errno));
                if (n == 0)
                        break;
                if ((size_t)n > max_bytes - ret->len)
                        return sal_fail(reterr, SAL_E_TOO_LARGE, "%.250s in the bundle has more than %zu bytes", path,
                                        max_bytes);
                sal_buf_append(ret, chunk, (size_t)n);
                if (ret->failed)
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for %.250s", path);
        }
        return status;
}

static enum sal_status get_metadata(void *context, const struct sal_update_need *need, struct sal_buf *ret,
                                    struct sal_err *reterr) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "metadata/%s", need->name);
        return read_plain(context, path, need->max_bytes, ret, reterr);
}

static enum sal_status get_target(void *context, const struct sal_tuf_target *target, const char *folder,
                                  const char *name, struct sal_buf *ret, struct sal_err *reterr) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "targets/%s/%s", folder, name);
        return read_plain(context, path, (size_t)target->length, ret, reterr);
}

void sal_bundle_source(struct sal_bundle *bundle, struct sal_source *ret) {
        *ret = (struct sal_source){.context = bundle, .metadata = get_metadata, .target = get_target};
}

enum sal_status sal_bundle_artifact(struct sal_bundle *bundle, struct sal_store *store,
                                    const struct sal_artifact_ref *artifact, struct sal_err *reterr) {
        char path[PATH_BYTES], part[SAL_STORE_NAME_BYTES], name[SAL_STORE_NAME_BYTES], sha256[SAL_SHA256_HEX_BYTES];
        sal_autoclose int from = -1;
        int64_t len = 0;
        snprintf(path, sizeof path, "artifacts/%s", artifact->sha256);
        snprintf(part, sizeof part, "blobs/%s.part", artifact->sha256);
        snprintf(name, sizeof name, "blobs/%s", artifact->sha256);
        enum sal_status status = open_plain(bundle, path, artifact->length, &from, reterr);
        if (status) {
                status = status == SAL_E_REFUSED || status == SAL_E_TOO_LARGE ? SAL_E_UNTRUSTED
                         : status == SAL_E_IO                                 ? SAL_E_UNREACHABLE
                                                                              : status;
                if (reterr)
                        reterr->status = status;
                return status;
        }
        sal_autoclose int to = sal_store_open_write(store, part);
        if (to < 0)
                return sal_fail(reterr, SAL_E_IO, "no artifact can be kept in the state directory: %s",
                                sal_store_why(-to));
        int copied = sal_copy_hashed(from, to, &len, sha256);
        if (copied)
                return sal_fail(reterr,
                                copied == -ENOMEM ? SAL_E_NOMEM
                                : copied == -EIO  ? SAL_E_UNREACHABLE
                                                  : SAL_E_IO,
                                "artifact %s of the bundle: %s", artifact->sha256, strerror(-copied));
        if (len == artifact->length && strcmp(sha256, artifact->sha256) == 0)
                return sal_store_rename(store, part, name, reterr);
        sal_store_remove(store, part, NULL);
        return sal_fail(reterr, SAL_E_UNTRUSTED, "artifact %s of the bundle is not what was signed", artifact->sha256);
}
