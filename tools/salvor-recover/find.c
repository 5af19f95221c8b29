/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of tree.h: from the root, one part after another, each directory opened anew by its path from the root. */
#include "salvor-recover/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct walk {
        const struct sal_tree *tree;
        const struct sal_syspath *path;
        size_t parts; /* how many of the path's parts are walked */
        struct sal_found_list *out;
        size_t entries; /* read so far */
};

struct names {
        char **items;
        size_t count, capacity;
};

static void names_done(struct names *names) {
        for (size_t i = 0; i < names->count; i++)
                free(names->items[i]);
        free(names->items);
}

static bool names_add(struct names *names, const char *name) {
        if (names->count == names->capacity) {
                size_t capacity = names->capacity ? names->capacity * 2 : 16;
                char **items = reallocarray(names->items, capacity, sizeof *items);
                if (!items)
                        return false;
                names->items = items;
                names->capacity = capacity;
        }
        char *copy = strdup(name);
        if (copy)
                names->items[names->count++] = copy;
        return copy != NULL;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum sal_status fail_path(struct sal_err *reterr, enum sal_status status, const char *path, const char *why) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(*path ? path : "/", &text);
        return sal_fail(reterr, status, "%.300s: %s", text.data ? text.data : "", why);
}

static enum sal_status read_names(struct walk *walk, DIR *dir, const char *part, const char *where, struct names *names,
                                  struct sal_err *reterr) {
        for (;;) {
                errno = 0;
                const struct dirent *entry = readdir(dir);
                if (!entry)
                        break;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (++walk->entries > SAL_TREE_MAX_ENTRIES)
                        return fail_path(reterr, SAL_E_TOO_LARGE, where, "more than 1000000 entries to look through");
                /* What a work has put aside counts as gone. */
                if (sal_syspath_is_wild(part) && sal_syspath_is_ours(entry->d_name))
                        continue;
                if (sal_syspath_part_matches(part, entry->d_name, walk->path->fold) && !names_add(names, entry->d_name))
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for the names in a directory");
        }
        if (errno)
                return fail_path(reterr, SAL_E_IO, where, strerror(errno));
        if (names->count > 1)
                qsort(names->items, names->count, sizeof *names->items, compare_names);
        return SAL_OK;
}

/* The names in the directory `fd` that the part means. A part that is written out, where case counts, needs no reading
 * of the directory. */
static enum sal_status matching_names(struct walk *walk, int fd, const char *part, const char *where,
                                      struct names *names, struct sal_err *reterr) {
        if (!walk->path->fold && !sal_syspath_is_wild(part))
                return names_add(names, part) ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for a name");
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
        if (!dir) {
                if (copy >= 0)
                        close(copy);
                return fail_path(reterr, SAL_E_IO, where, strerror(errno));
        }
        enum sal_status status = read_names(walk, dir, part, where, names, reterr);
        closedir(dir);
        return status;
}

static enum sal_status add_found(struct sal_found_list *out, char *path, const struct stat *info,
                                 struct sal_err *reterr) {
        if (out->count == SAL_TREE_MAX_FOUND) {
                free(path);
                return sal_fail(reterr, SAL_E_TOO_LARGE, "more than %d files match one path", SAL_TREE_MAX_FOUND);
        }
        if (out->count == out->capacity) {
                size_t capacity = out->capacity ? out->capacity * 2 : 16;
                struct sal_found *items = reallocarray(out->items, capacity, sizeof *items);
                if (!items) {
                        free(path);
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for the files found");
                }
                out->items = items;
                out->capacity = capacity;
        }
        out->items[out->count++] = (struct sal_found){.path = path, .info = *info};
        return SAL_OK;
}

static enum sal_status walk_part(struct walk *walk, const char *where, size_t index, struct sal_err *reterr);

static enum sal_status visit(struct walk *walk, int fd, const char *where, const char *name, size_t index,
                             struct sal_err *reterr) {
        struct stat info;
        if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
                return errno == ENOENT ? SAL_OK : fail_path(reterr, SAL_E_IO, where, strerror(errno));
        sal_autofree char *path = NULL;
        if (asprintf(&path, "%s%s%s", where, *where ? "/" : "", name) < 0) {
                path = NULL;
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        }
        if (strlen(path) >= SAL_SYSPATH_MAX_BYTES)
                return fail_path(reterr, SAL_E_TOO_LARGE, where, "its entries have paths over 4095 bytes");
        if (index + 1 == walk->parts)
                return add_found(walk->out, SAL_STEAL(path), &info, reterr);
        if (S_ISLNK(info.st_mode) && !sal_syspath_is_wild(walk->path->parts[index]))
                return fail_path(reterr, SAL_E_REFUSED, path, "is a symbolic link, and no action follows one");
        return S_ISDIR(info.st_mode) ? walk_part(walk, path, index + 1, reterr) : SAL_OK;
}

static enum sal_status walk_part(struct walk *walk, const char *where, size_t index, struct sal_err *reterr) {
        sal_autoclose int fd = sal_tree_open_dir(walk->tree, where);
        if (fd == -ENOENT || fd == -ENOTDIR)
                return SAL_OK;
        if (fd < 0)
                return fail_path(reterr, fd == -ELOOP ? SAL_E_REFUSED : SAL_E_IO, where, strerror(-fd));
        struct names names = {0};
        enum sal_status status = matching_names(walk, fd, walk->path->parts[index], where, &names, reterr);
        for (size_t i = 0; i < names.count && !status; i++)
                status = visit(walk, fd, where, names.items[i], index, reterr);
        names_done(&names);
        return status;
}

enum sal_status sal_tree_find_parts(const struct sal_tree *tree, const struct sal_syspath *path, size_t parts,
                                    struct sal_found_list *out, struct sal_err *reterr) {
        if (parts == 0) {
                struct stat info;
                if (fstat(tree->root_fd, &info) != 0)
                        return sal_fail(reterr, SAL_E_IO, "the system root: %s", strerror(errno));
                char *root = strdup("");
                return root ? add_found(out, root, &info, reterr) : sal_fail(reterr, SAL_E_NOMEM, "no memory");
        }
        struct walk walk = {.tree = tree, .path = path, .parts = parts, .out = out};
        return walk_part(&walk, "", 0, reterr);
}

enum sal_status sal_tree_find(const struct sal_tree *tree, const struct sal_syspath *path, struct sal_found_list *out,
                              struct sal_err *reterr) {
        return sal_tree_find_parts(tree, path, path->count, out, reterr);
}

void sal_found_list_done(struct sal_found_list *list) {
        if (!list)
                return;
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i].path);
        free(list->items);
        *list = SAL_FOUND_LIST_INIT;
}
