/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system tree at --root, reached through one descriptor that is opened once. Every path is resolved by openat2(2)
 * with RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS: nothing follows a symbolic link, nothing leaves
 * the root, whatever the tree holds. There is no other way to resolve a path here, and none for older kernels (before
 * Linux 5.6).
 *
 * Paths below are relative to the root, in the names found on disk, without a leading "/" ("" is the root itself).
 *
 * Thread: one. Ownership: the tree owns its descriptor; returned descriptors and lists belong to the caller.
 */
#ifndef SAL_RECOVER_TREE_H
#define SAL_RECOVER_TREE_H

#include "base/mem.h"
#include "salvor-recover/syspath.h"

#include <stdint.h>
#include <sys/stat.h>

enum {
        SAL_TREE_MAX_FOUND = 65536,     /* files that one path may match */
        SAL_TREE_MAX_ENTRIES = 1000000, /* directory entries read for one path */
};

struct sal_tree {
        int root_fd;
        char *dir; /* absolute, without links: tells one root from another */
        enum sal_layout layout;
};

struct sal_found {
        char *path;
        struct stat info; /* lstat: of the entry itself */
};

struct sal_found_list {
        struct sal_found *items;
        size_t count, capacity;
};

#define SAL_FOUND_LIST_INIT ((struct sal_found_list){0})
#define sal_autofound __attribute__((cleanup(sal_found_list_done)))

/* Opens the directory `dir` (which the administrator names, so it may be a symbolic link) and tells its layout.
 * Errors: SAL_E_NOT_FOUND, SAL_E_USAGE (no directory), SAL_E_IO (also: a kernel without openat2), SAL_E_NOMEM. */
enum sal_status sal_tree_open(const char *dir, struct sal_tree **ret, struct sal_err *reterr);
void sal_tree_free(struct sal_tree *tree); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_tree, sal_tree_free)

/* Appends every entry that the path means, of whatever type, sorted by path. A part that is written out and turns out
 * to be a symbolic link to walk through is SAL_E_REFUSED (what it hides is unknown); links that a wildcard happens to
 * match on the way are not walked through. The last part matches links too: they are listed as what they are. A
 * wildcard matches no hidden file of a work (sal_syspath_is_ours). Errors: SAL_E_REFUSED, SAL_E_TOO_LARGE (the bounds
 * above), SAL_E_IO, SAL_E_NOMEM. Nothing there is no error. */
enum sal_status sal_tree_find(const struct sal_tree *tree, const struct sal_syspath *path, struct sal_found_list *out,
                              struct sal_err *reterr);

/* The same for the first `parts` parts of the path only. */
enum sal_status sal_tree_find_parts(const struct sal_tree *tree, const struct sal_syspath *path, size_t parts,
                                    struct sal_found_list *out, struct sal_err *reterr);

void sal_found_list_done(struct sal_found_list *list); /* NULL is allowed */

/* Opens a directory for reading and syncing. Returns a descriptor, or -errno. */
int sal_tree_open_dir(const struct sal_tree *tree, const char *path);

/* Opens the directory that holds `path` and sets *ret_name to the last part, which points into `path`. Returns a
 * descriptor, or -errno. */
int sal_tree_open_parent(const struct sal_tree *tree, const char *path, const char **ret_name);

/* lstat of a path. Returns 0 or -errno (-ENOENT: nothing there). */
int sal_tree_stat(const struct sal_tree *tree, const char *path, struct stat *ret);

/* Opens a regular file for reading, and nothing else: the type is looked at before and after opening, so that no device
 * and no FIFO is ever opened by mistake. `ret_info` may be NULL. Returns a descriptor, or -errno (-EINVAL: no regular
 * file). */
int sal_tree_open_file(const struct sal_tree *tree, const char *path, struct stat *ret_info);

/* Makes a new file (mode 0600, O_EXCL) for writing. Returns a descriptor, or -errno. */
int sal_tree_create(const struct sal_tree *tree, const char *path);

/* Removes one name, whatever it is but a directory. A missing one is no error. Returns 0 or -errno. */
int sal_tree_unlink(const struct sal_tree *tree, const char *path);

/* Renames; with `replace` false an existing target is -EEXIST. Returns 0 or -errno. */
int sal_tree_rename(const struct sal_tree *tree, const char *from, const char *to, bool replace);

/* Gives the file a second name, which must be free. Returns 0 or -errno. */
int sal_tree_link(const struct sal_tree *tree, const char *from, const char *to);

/* Makes what was done in the directory of `path` lasting. Returns 0 or -errno. */
int sal_tree_sync_parent(const struct sal_tree *tree, const char *path);

/* True when every hard link of the file must stand inside the tree, for the tree shows its file system as a whole;
 * false when it does not, or when that cannot be told (before Linux 5.8, or without /proc). */
bool sal_tree_links_stay_inside(const struct sal_tree *tree, const char *path);

/* May a file be renamed from the one path to the other, whose directories are there? False when these lie on different
 * mounts, which rename(2) does not cross; true when that cannot be told (before Linux 5.8, one file system). */
bool sal_tree_same_mount(const struct sal_tree *tree, const char *from, const char *to);

/* "regular file", "directory", "symbolic link", … for a person. */
const char *sal_tree_type_name(mode_t mode);

#endif
