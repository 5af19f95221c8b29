/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/store.h"

#include "base/buf.h"
#include "base/encode.h"
#include "trust/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char *const folders[] = {"work", "blobs", "reports", "kept", "tuf"};

/* What open_plain answers, as -errno, for what is no plain file: no other call here answers it. */
enum { NOT_PLAIN = EMEDIUMTYPE };

const char *sal_store_why(int number) {
        return number == NOT_PLAIN ? "no plain file stands there" : strerror(number);
}

static enum sal_status fail_io(struct sal_err *reterr, const struct sal_store *store, const char *name, int number) {
        sal_fail(reterr, SAL_E_IO, "state file %.200s/%.100s: %s", store->path, name, sal_store_why(number));
        if (number == ENOSPC || number == EDQUOT)
                sal_err_hint(reterr, "make room, or name a roomier directory with --state");
        return SAL_E_IO;
}

/* Opens a plain file. Nothing else is waited for or read: a FIFO would hold the client, and the lock, for ever. */
static int open_plain(struct sal_store *store, const char *name, int flags) {
        sal_autoclose int fd =
                openat(store->dir_fd, name, flags | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct stat info;
        if (fd < 0)
                return errno == ELOOP || errno == EISDIR || errno == ENXIO ? -NOT_PLAIN : -errno;
        if (fstat(fd, &info) != 0)
                return -errno;
        if (!S_ISREG(info.st_mode))
                return -NOT_PLAIN;
        int plain = fd;
        fd = -1;
        return plain;
}

/* Makes a directory and its parents. */
static int make_dirs(const char *path) {
        sal_autofree char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        for (char *p = copy + 1; *p; p++) {
                if (*p != '/')
                        continue;
                *p = 0;
                if (mkdir(copy, 0755) != 0 && errno != EEXIST)
                        return -errno;
                *p = '/';
        }
        return mkdir(copy, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

static enum sal_status take_lock(struct sal_store *store, struct sal_err *reterr) {
        int fd = open_plain(store, "lock", O_RDWR | O_CREAT);
        if (fd < 0)
                return fail_io(reterr, store, "lock", -fd);
        store->lock_fd = fd;
        if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
                return SAL_OK;
        if (errno != EWOULDBLOCK)
                return fail_io(reterr, store, "lock", errno);
        sal_fail(reterr, SAL_E_CONFLICT, "another salvor-recover works with %.300s", store->path);
        sal_err_hint(reterr, "wait until it has ended, or name another directory with --state");
        return SAL_E_CONFLICT;
}

enum sal_status sal_store_open(const char *path, struct sal_store **ret, struct sal_err *reterr) {
        sal_auto(sal_store) struct sal_store *store = calloc(1, sizeof *store);
        if (!store)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the state");
        store->dir_fd = store->lock_fd = -1;
        store->path = strdup(path);
        if (!store->path)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the state");
        int made = make_dirs(path);
        if (made)
                return fail_io(reterr, store, "", -made);
        store->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->dir_fd < 0)
                return fail_io(reterr, store, "", errno);
        enum sal_status status = take_lock(store, reterr);
        for (size_t i = 0; i < SAL_ARRAY_LEN(folders) && !status; i++)
                if (mkdirat(store->dir_fd, folders[i], 0700) != 0 && errno != EEXIST &&
                    strcmp(folders[i], "tuf") != 0) /* what cannot be kept there is used all the same */
                        status = fail_io(reterr, store, folders[i], errno);
        if (!status)
                status = sal_store_sync(store, "", reterr);
        if (!status)
                *ret = SAL_STEAL(store);
        return status;
}

void sal_store_free(struct sal_store *store) {
        if (!store)
                return;
        if (store->lock_fd >= 0)
                close(store->lock_fd);
        if (store->dir_fd >= 0)
                close(store->dir_fd);
        free(store->path);
        free(store);
}

/* The folder of a name: "" for one that stands in the state directory itself. */
static const char *folder_of(const char *name) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(folders); i++) {
                size_t len = strlen(folders[i]);
                if (strncmp(name, folders[i], len) == 0 && name[len] == '/')
                        return folders[i];
        }
        return "";
}

enum sal_status sal_store_sync(struct sal_store *store, const char *folder, struct sal_err *reterr) {
        sal_autoclose int fd = openat(store->dir_fd, *folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
                return fail_io(reterr, store, folder, errno);
        return SAL_OK;
}

enum sal_status sal_store_put(struct sal_store *store, const char *name, const void *bytes, size_t len,
                              struct sal_err *reterr) {
        char temp[SAL_STORE_NAME_BYTES + 8];
        snprintf(temp, sizeof temp, "%s.new", name);
        sal_autoclose int fd = sal_store_open_write(store, temp);
        if (fd < 0)
                return fail_io(reterr, store, name, -fd);
        int outcome = sal_file_write(fd, bytes, len) ? 0 : -errno;
        if (!outcome && fsync(fd) != 0)
                outcome = -errno;
        if (!outcome && renameat(store->dir_fd, temp, store->dir_fd, name) != 0)
                outcome = -errno;
        if (outcome) {
                unlinkat(store->dir_fd, temp, 0);
                return fail_io(reterr, store, name, -outcome);
        }
        return sal_store_sync(store, folder_of(name), reterr);
}

enum sal_status sal_store_get(struct sal_store *store, const char *name, size_t max_bytes, char **ret, size_t *ret_len,
                              struct sal_err *reterr) {
        sal_autoclose int fd = sal_store_open_read(store, name);
        if (fd == -ENOENT)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "there is no state file %.100s", name);
        if (fd == -NOT_PLAIN)
                return sal_fail(reterr, SAL_E_CORRUPT, "state file %.200s/%.100s is no plain file", store->path, name);
        struct stat info;
        if (fd < 0 || fstat(fd, &info) != 0)
                return fail_io(reterr, store, name, fd < 0 ? -fd : errno);
        if (info.st_size < 0 || (uint64_t)info.st_size > max_bytes)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "state file %.100s is larger than %zu bytes", name, max_bytes);
        size_t len = (size_t)info.st_size, have = 0;
        sal_autofree char *bytes = malloc(len + 1);
        if (!bytes)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for state file %.100s", name);
        while (have < len) {
                ssize_t n = read(fd, bytes + have, len - have);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return fail_io(reterr, store, name, n < 0 ? errno : EIO);
                have += (size_t)n;
        }
        bytes[len] = 0;
        *ret = SAL_STEAL(bytes);
        *ret_len = len;
        return SAL_OK;
}

enum sal_status sal_store_remove(struct sal_store *store, const char *name, struct sal_err *reterr) {
        if (unlinkat(store->dir_fd, name, 0) != 0)
                return errno == ENOENT ? SAL_OK : fail_io(reterr, store, name, errno);
        return sal_store_sync(store, folder_of(name), reterr);
}

enum sal_status sal_store_rename(struct sal_store *store, const char *from, const char *to, struct sal_err *reterr) {
        if (renameat(store->dir_fd, from, store->dir_fd, to) != 0)
                return fail_io(reterr, store, to, errno);
        enum sal_status status = sal_store_sync(store, folder_of(to), reterr);
        return status ? status : sal_store_sync(store, folder_of(from), reterr);
}

bool sal_store_has(struct sal_store *store, const char *name) {
        struct stat info;
        return fstatat(store->dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

int sal_store_open_read(struct sal_store *store, const char *name) {
        return open_plain(store, name, O_RDONLY);
}

/* For writing: what is no plain file is of no use to anybody, and goes. */
static int open_for_writing(struct sal_store *store, const char *name, int flags) {
        int fd = open_plain(store, name, flags | O_CREAT);
        return fd == -NOT_PLAIN && unlinkat(store->dir_fd, name, 0) == 0 ? open_plain(store, name, flags | O_CREAT)
                                                                         : fd;
}

int sal_store_open_write(struct sal_store *store, const char *name) {
        return open_for_writing(store, name, O_WRONLY | O_TRUNC);
}

int sal_store_open_append(struct sal_store *store, const char *name) {
        return open_for_writing(store, name, O_RDWR | O_APPEND);
}

void sal_store_clear(struct sal_store *store, const char *folder) {
        int fd = openat(store->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                if (fd >= 0)
                        close(fd);
                return;
        }
        const struct dirent *entry;
        while ((entry = readdir(dir)))
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        unlinkat(fd, entry->d_name, 0);
        closedir(dir);
}

enum sal_status sal_store_keep_work(struct sal_store *store, const char *as, struct sal_err *reterr) {
        char name[SAL_STORE_NAME_BYTES];
        snprintf(name, sizeof name, "kept/%s", as);
        /* An earlier attempt may have kept some: what is there stays, under its first name. */
        for (int i = 2; faccessat(store->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && i < 100; i++)
                snprintf(name, sizeof name, "kept/%s.%d", as, i);
        enum sal_status status = sal_store_rename(store, "work", name, reterr);
        if (!status && mkdirat(store->dir_fd, "work", 0700) != 0)
                status = fail_io(reterr, store, "work", errno);
        return status ? status : sal_store_sync(store, "", reterr);
}

static int compare_reports(const void *a, const void *b) {
        return strcmp(a, b);
}

enum sal_status sal_store_reports(struct sal_store *store, char ret[][SAL_STORE_NAME_BYTES], size_t *ret_count,
                                  struct sal_err *reterr) {
        int fd = openat(store->dir_fd, "reports", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                int number = errno;
                if (fd >= 0)
                        close(fd);
                return fail_io(reterr, store, "reports", number);
        }
        size_t count = 0;
        const struct dirent *entry;
        while (count < SAL_STORE_MAX_REPORTS && (entry = readdir(dir))) {
                size_t len = strlen(entry->d_name);
                if (len > 5 && len < 80 && strcmp(entry->d_name + len - 5, ".json") == 0)
                        snprintf(ret[count++], SAL_STORE_NAME_BYTES, "reports/%.80s", entry->d_name);
        }
        closedir(dir);
        if (count > 1)
                qsort(ret, count, SAL_STORE_NAME_BYTES, compare_reports);
        *ret_count = count;
        return SAL_OK;
}

/* ---- copies ---- */

static int stream(int from_fd, int to_fd, int64_t *ret_len, char ret_sha256[static 65]) {
        enum { CHUNK = 65536 };
        struct sal_sha256_stream *hash = sal_sha256_stream_new();
        sal_autofree char *chunk = malloc(CHUNK);
        int outcome = hash && chunk ? 0 : -ENOMEM;
        int64_t len = 0;
        while (!outcome) {
                ssize_t n = read(from_fd, chunk, CHUNK);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        outcome = -errno;
                if (n <= 0)
                        break;
                sal_sha256_stream_add(hash, chunk, (size_t)n);
                len += n;
                if (to_fd >= 0)
                        outcome = sal_file_write(to_fd, chunk, (size_t)n) ? 0 : -errno;
        }
        if (!outcome) {
                uint8_t digest[SAL_SHA256_BYTES];
                sal_sha256_stream_end(hash, digest);
                sal_hex_encode(digest, sizeof digest, ret_sha256);
                *ret_len = len;
        }
        sal_sha256_stream_free(hash);
        return outcome;
}

int sal_copy_hashed(int from_fd, int to_fd, int64_t *ret_len, char ret_sha256[static 65]) {
        int outcome = stream(from_fd, to_fd, ret_len, ret_sha256);
        if (!outcome && fsync(to_fd) != 0)
                outcome = -errno;
        return outcome;
}

int sal_hash_fd(int fd, int64_t *ret_len, char ret_sha256[static 65]) {
        return stream(fd, -1, ret_len, ret_sha256);
}
