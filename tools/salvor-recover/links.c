/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the other names of a file can stand. Hard links do not leave a file system, so when the tree shows a whole file
 * system, all of a file's names are inside. This matters on Windows disks: many system files have a second name below
 * WinSxS, and ntfs-3g counts the short (8.3) name of every file with a long one as a link.
 */
#include "salvor-recover/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { MOUNT_LINE_BYTES = 8192 };

struct mount_of {
        uint64_t id;
        bool at_root; /* the entry looked at is the mount's own root */
};

/* The mount through which the descriptor was reached. */
static bool mount_of(int fd, struct mount_of *ret) {
        struct statx info;
        if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &info) != 0)
                return false;
        if (!(info.stx_mask & STATX_MNT_ID) || !(info.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
                return false;
        *ret = (struct mount_of){.id = info.stx_mnt_id, .at_root = (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0};
        return true;
}

/* Does the mount show its file system from the top? proc(5), /proc/PID/mountinfo: the first field is the mount's id,
 * the fourth the folder of the file system that is mounted. */
static bool shows_whole_file_system(uint64_t id) {
        sal_autofclose FILE *file = fopen("/proc/self/mountinfo", "re");
        sal_autofree char *line = malloc(MOUNT_LINE_BYTES);
        while (file && line && fgets(line, MOUNT_LINE_BYTES, file)) {
                char *rest = line, *fields[4] = {NULL};
                for (size_t i = 0; i < SAL_ARRAY_LEN(fields); i++)
                        fields[i] = strsep(&rest, " ");
                if (fields[3] && strtoull(fields[0], NULL, 10) == id)
                        return strcmp(fields[3], "/") == 0;
        }
        return false;
}

bool sal_tree_links_stay_inside(const struct sal_tree *tree, const char *path) {
        struct mount_of root, folder;
        const char *name = NULL;
        sal_autoclose int fd = sal_tree_open_parent(tree, path, &name);
        if (fd < 0 || !mount_of(tree->root_fd, &root) || !mount_of(fd, &folder))
                return false;
        /* A mount further down is inside as a whole; the one that the tree begins in must begin with it. */
        if (folder.id == root.id && !root.at_root)
                return false;
        return shows_whole_file_system(folder.id);
}

bool sal_tree_same_mount(const struct sal_tree *tree, const char *from, const char *to) {
        struct mount_of from_mount, to_mount;
        struct stat from_info, to_info;
        const char *name = NULL;
        sal_autoclose int from_fd = sal_tree_open_parent(tree, from, &name);
        sal_autoclose int to_fd = sal_tree_open_parent(tree, to, &name);
        if (from_fd < 0 || to_fd < 0 || fstat(from_fd, &from_info) != 0 || fstat(to_fd, &to_info) != 0)
                return true; /* what is wrong there is for others to say */
        if (mount_of(from_fd, &from_mount) && mount_of(to_fd, &to_mount))
                return from_mount.id == to_mount.id;
        return from_info.st_dev == to_info.st_dev;
}
