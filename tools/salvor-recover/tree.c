/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

enum { OPEN_TRIES = 64 };

/* The one way to a path. openat2 answers EAGAIN when something was renamed while it resolved: then it is asked again.
 */
static int open_in_root(const struct sal_tree *tree, const char *path, int flags, mode_t mode) {
        struct open_how how = {
                .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW | (flags & O_PATH ? 0 : O_NOCTTY)),
                .mode = mode,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        for (int i = 0; i < OPEN_TRIES; i++) {
                long fd = syscall(SYS_openat2, tree->root_fd, *path ? path : ".", &how, sizeof how);
                if (fd >= 0)
                        return (int)fd;
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
        return -EAGAIN;
}

static enum sal_status detect_layout(struct sal_tree *tree, struct sal_err *reterr) {
        tree->layout = SAL_LAYOUT_WINDOWS;
        sal_autosyspath struct sal_syspath path = {0};
        enum sal_status status = sal_syspath_parse("${SYSTEMROOT}/System32", SAL_LAYOUT_WINDOWS, &path, reterr);
        if (status)
                return status;
        sal_autofound struct sal_found_list found = SAL_FOUND_LIST_INIT;
        status = sal_tree_find(tree, &path, &found, reterr);
        /* A link in the place of Windows/ makes no Windows tree, and no failure either. */
        if (status && status != SAL_E_REFUSED)
                return status;
        bool windows = false;
        for (size_t i = 0; i < found.count; i++)
                windows = windows || S_ISDIR(found.items[i].info.st_mode);
        tree->layout = windows ? SAL_LAYOUT_WINDOWS : SAL_LAYOUT_UNIX;
        return SAL_OK;
}

enum sal_status sal_tree_open(const char *dir, struct sal_tree **ret, struct sal_err *reterr) {
        sal_auto(sal_tree) struct sal_tree *tree = calloc(1, sizeof *tree);
        if (!tree)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the system tree");
        tree->root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (tree->root_fd < 0)
                return sal_fail(reterr,
                                errno == ENOENT    ? SAL_E_NOT_FOUND
                                : errno == ENOTDIR ? SAL_E_USAGE
                                                   : SAL_E_IO,
                                "cannot open the system root %.300s: %s", dir, strerror(errno));
        tree->dir = realpath(dir, NULL);
        if (!tree->dir)
                return sal_fail(reterr, SAL_E_IO, "cannot name the system root %.300s: %s", dir, strerror(errno));
        int fd = open_in_root(tree, "", O_PATH | O_DIRECTORY, 0);
        if (fd < 0) {
                sal_fail(reterr, SAL_E_IO, "cannot walk the system root %.300s: openat2: %s", dir, strerror(-fd));
                if (fd == -ENOSYS)
                        sal_err_hint(reterr, "a Linux kernel of 5.6 or later is needed");
                return SAL_E_IO;
        }
        close(fd);
        enum sal_status status = detect_layout(tree, reterr);
        if (status)
                return status;
        *ret = SAL_STEAL(tree);
        return SAL_OK;
}

void sal_tree_free(struct sal_tree *tree) {
        if (!tree)
                return;
        if (tree->root_fd >= 0)
                close(tree->root_fd);
        free(tree->dir);
        free(tree);
}

int sal_tree_open_dir(const struct sal_tree *tree, const char *path) {
        return open_in_root(tree, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
}

int sal_tree_open_parent(const struct sal_tree *tree, const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        if (!slash) {
                *ret_name = path;
                return sal_tree_open_dir(tree, "");
        }
        sal_autofree char *parent = strndup(path, (size_t)(slash - path));
        if (!parent)
                return -ENOMEM;
        *ret_name = slash + 1;
        return sal_tree_open_dir(tree, parent);
}

int sal_tree_stat(const struct sal_tree *tree, const char *path, struct stat *ret) {
        sal_autoclose int fd = open_in_root(tree, path, O_PATH, 0);
        if (fd < 0)
                return fd;
        return fstat(fd, ret) == 0 ? 0 : -errno;
}

int sal_tree_open_file(const struct sal_tree *tree, const char *path, struct stat *ret_info) {
        struct stat before, after;
        int outcome = sal_tree_stat(tree, path, &before);
        if (outcome)
                return outcome;
        if (!S_ISREG(before.st_mode))
                return -EINVAL;
        int fd = open_in_root(tree, path, O_RDONLY | O_NONBLOCK, 0);
        if (fd < 0)
                return fd;
        if (fstat(fd, &after) != 0 || !S_ISREG(after.st_mode)) {
                close(fd);
                return -EINVAL;
        }
        if (ret_info)
                *ret_info = after;
        return fd;
}

int sal_tree_create(const struct sal_tree *tree, const char *path) {
        return open_in_root(tree, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

int sal_tree_unlink(const struct sal_tree *tree, const char *path) {
        const char *name = NULL;
        sal_autoclose int parent = sal_tree_open_parent(tree, path, &name);
        if (parent < 0)
                return parent == -ENOENT ? 0 : parent;
        return unlinkat(parent, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Some file systems know no RENAME_NOREPLACE (FUSE among them, and so ntfs-3g): there the target is looked at first. */
static int rename_careful(int from_fd, const char *from, int to_fd, const char *to) {
        if (syscall(SYS_renameat2, from_fd, from, to_fd, to, 1U /* RENAME_NOREPLACE */) == 0)
                return 0;
        if (errno != EINVAL && errno != ENOSYS)
                return -errno;
        struct stat info;
        if (fstatat(to_fd, to, &info, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;
        if (errno != ENOENT)
                return -errno;
        return renameat(from_fd, from, to_fd, to) == 0 ? 0 : -errno;
}

int sal_tree_rename(const struct sal_tree *tree, const char *from, const char *to, bool replace) {
        const char *from_name = NULL, *to_name = NULL;
        sal_autoclose int from_fd = sal_tree_open_parent(tree, from, &from_name);
        if (from_fd < 0)
                return from_fd;
        sal_autoclose int to_fd = sal_tree_open_parent(tree, to, &to_name);
        if (to_fd < 0)
                return to_fd;
        if (!replace)
                return rename_careful(from_fd, from_name, to_fd, to_name);
        return renameat(from_fd, from_name, to_fd, to_name) == 0 ? 0 : -errno;
}

int sal_tree_link(const struct sal_tree *tree, const char *from, const char *to) {
        const char *from_name = NULL, *to_name = NULL;
        sal_autoclose int from_fd = sal_tree_open_parent(tree, from, &from_name);
        if (from_fd < 0)
                return from_fd;
        sal_autoclose int to_fd = sal_tree_open_parent(tree, to, &to_name);
        if (to_fd < 0)
                return to_fd;
        return linkat(from_fd, from_name, to_fd, to_name, 0) == 0 ? 0 : -errno;
}

int sal_tree_sync_parent(const struct sal_tree *tree, const char *path) {
        const char *name = NULL;
        sal_autoclose int parent = sal_tree_open_parent(tree, path, &name);
        if (parent < 0)
                return parent;
        /* EINVAL: a file system that cannot sync a directory, and then does not need to be told to. */
        return fsync(parent) == 0 || errno == EINVAL ? 0 : -errno;
}

const char *sal_tree_type_name(mode_t mode) {
        switch (mode & S_IFMT) {
        case S_IFREG:
                return "regular file";
        case S_IFDIR:
                return "directory";
        case S_IFLNK:
                return "symbolic link";
        case S_IFIFO:
                return "FIFO";
        case S_IFSOCK:
                return "socket";
        case S_IFCHR:
        case S_IFBLK:
                return "device";
        default:
                return "file of an unknown type";
        }
}
