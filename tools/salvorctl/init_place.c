/* SPDX-License-Identifier: Apache-2.0 */
#include "init_place.h"

#include "base/encode.h"
#include "base/mem.h"
#include "client/config.h"
#include "trust/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum sal_status fail_path(struct sal_err *reterr, const char *verb, const char *path) {
        int error = errno;
        return sal_fail(reterr, SAL_E_IO, "cannot %s %.300s: %s", verb, path, strerror(error));
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
        (void)info;
        (void)type;
        (void)ftw;
        remove(path);
        return 0;
}

void sal_init_remove(const char *path) {
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

enum sal_status sal_init_check_vacant(const char *dir, bool *ret_exists, struct sal_err *reterr) {
        static const char *const marks[] = {"1.root.json", "1.targets.json", "salvord.conf", "trust-policy.json"};
        DIR *stream = opendir(dir);
        *ret_exists = stream != NULL;
        if (!stream)
                return errno == ENOENT ? SAL_OK : fail_path(reterr, "open the folder", dir);
        char found[NAME_MAX + 1] = "";
        for (struct dirent *entry = readdir(stream); entry && !*found; entry = readdir(stream))
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        snprintf(found, sizeof found, "%s", entry->d_name);
        closedir(stream);
        if (!*found)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CONFLICT, "%.300s is not empty: it holds %.100s", dir, found);
        for (size_t i = 0; i < SAL_ARRAY_LEN(marks); i++) {
                sal_autofree char *path = sal_path_join(dir, marks[i]);
                if (path && access(path, F_OK) == 0) {
                        sal_fail(reterr, SAL_E_CONFLICT, "a trust domain is there already: %.400s", path);
                        break;
                }
        }
        sal_err_hint(reterr,
                     "name another folder; a trust domain is never overwritten, for its keys cannot be made again");
        return SAL_E_CONFLICT;
}

static enum sal_status move_entry(const char *stage, const char *dir, const char *name, struct sal_err *reterr) {
        sal_autofree char *from = sal_path_join(stage, name);
        sal_autofree char *to = sal_path_join(dir, name);
        if (!from || !to)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        /* A name that came up meanwhile is somebody else's: it is neither replaced nor, later, removed. */
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0 &&
            (errno != EINVAL || rename(from, to) < 0)) /* EINVAL: a file system without that flag */
                return fail_path(reterr, "create", to);
        return SAL_OK;
}

/* Moves what was made out of the stage into the empty folder that was there before (it may be a mount point or
 * somebody's working directory, so it cannot be replaced). salvord.conf goes last: without it there is no trust domain
 * to start. */
static enum sal_status move_into(const char *stage, const char *dir, struct sal_err *reterr) {
        static const char *const entries[] = {"pki",         "operators",      "keys",
                                              "state",       "ctl.conf",       "trust-policy.json",
                                              "1.root.json", "1.targets.json", "salvord.conf"};
        enum sal_status status = SAL_OK;
        size_t moved = 0;
        while (moved < SAL_ARRAY_LEN(entries)) {
                status = move_entry(stage, dir, entries[moved], reterr);
                if (status)
                        break;
                moved++;
        }
        while (status && moved-- > 0) {
                sal_autofree char *path = sal_path_join(dir, entries[moved]);
                if (path)
                        sal_init_remove(path);
        }
        return status ? status : sal_dir_sync(dir, reterr);
}

enum sal_status sal_init_publish(const char *stage, const char *dir, const char *parent, bool exists,
                                 struct sal_err *reterr) {
        if (exists)
                return move_into(stage, dir, reterr);
        if (rename(stage, dir) < 0)
                return fail_path(reterr, "create the folder", dir);
        return sal_dir_sync(parent, reterr);
}

enum sal_status sal_init_make_stage(const char *dir, const char *parent, bool exists, char **ret,
                                    struct sal_err *reterr) {
        uint8_t random[8];
        char suffix[2 * sizeof random + 1];
        sal_random(random, sizeof random);
        sal_hex_encode(random, sizeof random, suffix);
        sal_autofree char *path = NULL;
        if (asprintf(&path, "%s/.salvor-init-%s", exists ? dir : parent, suffix) < 0) {
                path = NULL;
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        }
        if (mkdir(path, 0755) < 0) {
                if (errno != ENOENT)
                        return fail_path(reterr, "create a folder in", exists ? dir : parent);
                sal_fail(reterr, SAL_E_NOT_FOUND, "the parent folder \"%.300s\" does not exist", parent);
                sal_err_hint(reterr, "make it first: mkdir -p %.200s", parent);
                return SAL_E_NOT_FOUND;
        }
        *ret = SAL_STEAL(path);
        return SAL_OK;
}
