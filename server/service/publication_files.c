/* SPDX-License-Identifier: Apache-2.0 */
#include "service/publication_internal.h"

#include "trust/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum {
        FOUND_MAX = 4096, /* metadata files that are looked at in the directory */
        DIR_MODE = 0755,
        FILE_MODE = 0644,
};

/* What a file is called until it is whole. One name is enough, for there is one writer; what a crash left is
 * overwritten. */
static const char unfinished[] = ".unfinished";

static const char *const folders[] = {"", "/metadata", "/targets", "/targets/campaigns", "/targets/policy"};

static void close_dir(DIR **stream) {
        if (*stream)
                closedir(*stream);
}
#define sal_auto_dir __attribute__((cleanup(close_dir)))

/* "<dir><folder>/<name>" into ret; false when that is too long. */
static bool path_of(const char *dir, const char *folder, const char *name, char ret[static PATH_MAX]) {
        return (size_t)snprintf(ret, PATH_MAX, "%s%s%s%s", dir, folder, *name ? "/" : "", name) < PATH_MAX;
}

static enum sal_status too_long(const char *dir, struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_IO, "the path of public_dir %.300s is too long", dir);
}

static enum sal_status fail_errno(struct sal_err *reterr, const char *verb, const char *path) {
        int error = errno;
        sal_fail(reterr, SAL_E_IO, "cannot %s %.400s: %s", verb, path, strerror(error));
        sal_err_hint(reterr, error == ENOSPC || error == EDQUOT
                                     ? "make room there; machines are served from memory meanwhile"
                                     : "public_dir must belong to the user that salvord runs as; machines are served "
                                       "from memory meanwhile");
        return SAL_E_IO;
}

/* ---- reading ---- */

static enum sal_status load_one(struct sal_view *view, const char *dir, const char *name) {
        enum sal_tuf_file file;
        int64_t version;
        char path[PATH_MAX];
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        if (!sal_tuf_name_read(name, &file, &version) || !path_of(dir, "/metadata", name, path))
                return SAL_OK;
        enum sal_status status = sal_file_read(path, SAL_TUF_MAX_BYTES, &bytes, &len, NULL);
        if (status)
                return status == SAL_E_NOMEM ? status : SAL_OK;
        return sal_view_add(view, name, bytes, len, true) ? SAL_OK : SAL_E_NOMEM;
}

enum sal_status sal_public_dir_load(const char *dir, struct sal_view **ret, struct sal_err *reterr) {
        char path[PATH_MAX];
        sal_auto(sal_view) struct sal_view *view = sal_view_new(FOUND_MAX);
        enum sal_status status = view ? SAL_OK : SAL_E_NOMEM;
        sal_auto_dir DIR *stream = path_of(dir, "/metadata", "", path) ? opendir(path) : NULL;
        const struct dirent *entry = NULL;
        while (!status && view->file_count < FOUND_MAX && stream && (entry = readdir(stream)))
                status = load_one(view, dir, entry->d_name);
        if (status)
                return sal_fail(reterr, status, "no memory to read %.300s", dir);
        sal_view_seal(view);
        *ret = SAL_STEAL(view);
        return SAL_OK;
}

/* ---- writing ---- */

static enum sal_status make_folders(const char *dir, struct sal_err *reterr) {
        char path[PATH_MAX];
        for (size_t i = 0; i < SAL_ARRAY_LEN(folders); i++) {
                if (!path_of(dir, folders[i], "", path))
                        return too_long(dir, reterr);
                if (mkdir(path, DIR_MODE) < 0) {
                        if (errno != EEXIST)
                                return fail_errno(reterr, "make the folder", path);
                } else if (chmod(path, DIR_MODE) < 0) { /* whatever the umask */
                        return fail_errno(reterr, "open up the folder", path);
                }
        }
        return SAL_OK;
}

/* The file appears whole under its name, or not at all; the folder is synced later, once for all of its files. */
static enum sal_status write_file(const char *dir, const char *folder, const char *name, const char *bytes, size_t len,
                                  struct sal_err *reterr) {
        char path[PATH_MAX], whole[PATH_MAX];
        if (!path_of(dir, folder, unfinished, path) || !path_of(dir, folder, name, whole))
                return too_long(dir, reterr);
        sal_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return fail_errno(reterr, "create", path);
        if (fchmod(fd, FILE_MODE) < 0 || !sal_file_write(fd, bytes, len) || fsync(fd) < 0 || rename(path, whole) < 0) {
                enum sal_status status = fail_errno(reterr, "write", whole);
                unlink(path);
                return status;
        }
        return SAL_OK;
}

static bool is_there(const char *dir, const char *folder, const char *name, size_t len) {
        char path[PATH_MAX];
        struct stat info;
        return path_of(dir, folder, name, path) && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
               info.st_size == (off_t)len;
}

static enum sal_status sync_folder(const char *dir, const char *folder, struct sal_err *reterr) {
        char path[PATH_MAX];
        return path_of(dir, folder, "", path) ? sal_dir_sync(path, reterr) : too_long(dir, reterr);
}

static enum sal_status write_targets(const char *dir, struct sal_view *view, const struct sal_public_target *targets,
                                     size_t count, struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        bool wrote = false;
        for (size_t i = 0; !status && i < count; i++) {
                if (is_there(dir, "/targets/campaigns", targets[i].name, targets[i].len))
                        continue;
                wrote = true;
                status = write_file(dir, "/targets/campaigns", targets[i].name, targets[i].bytes, targets[i].len,
                                    reterr);
        }
        if (!status && wrote)
                status = sync_folder(dir, "/targets/campaigns", reterr);
        const struct sal_view_file *policy = &view->policy;
        if (status || (policy->text->saved && is_there(dir, "/targets/policy", policy->name, policy->len)))
                return status;
        status = write_file(dir, "/targets/policy", policy->name, policy->bytes, policy->len, reterr);
        if (!status)
                status = sync_folder(dir, "/targets/policy", reterr);
        policy->text->saved = !status;
        return status;
}

/* Writes what is not there yet of one kind. */
static enum sal_status write_kind(const char *dir, const struct sal_view *view, enum sal_tuf_file kind,
                                  struct sal_err *reterr) {
        bool wrote = false;
        enum sal_status status = SAL_OK;
        for (size_t i = 0; !status && i < view->file_count; i++) {
                const struct sal_view_file *file = &view->files[i];
                enum sal_tuf_file is;
                int64_t version;
                if (!sal_tuf_name_read(file->name, &is, &version) || is != kind ||
                    (file->text->saved && is_there(dir, "/metadata", file->name, file->len)))
                        continue;
                status = write_file(dir, "/metadata", file->name, file->bytes, file->len, reterr);
                file->text->saved = !status;
                wrote = true;
        }
        return status || !wrote ? status : sync_folder(dir, "/metadata", reterr);
}

/* ---- removing ---- */

/* What is not public any more. `keep` says whether a name stays. */
static enum sal_status prune(const char *dir, const char *folder, bool (*keep)(const void *arg, const char *name),
                             const void *arg, struct sal_err *reterr) {
        char path[PATH_MAX];
        if (!path_of(dir, folder, "", path))
                return too_long(dir, reterr);
        sal_auto_dir DIR *stream = opendir(path);
        if (!stream)
                return fail_errno(reterr, "read the folder", path);
        for (const struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
                char file[PATH_MAX];
                if (keep(arg, entry->d_name) || !path_of(dir, folder, entry->d_name, file))
                        continue;
                if (unlink(file) < 0 && errno != ENOENT)
                        return fail_errno(reterr, "remove", file);
        }
        return SAL_OK;
}

/* Roots stay for ever; names that are none of ours are left alone. */
static bool keep_metadata(const void *arg, const char *name) {
        enum sal_tuf_file file;
        int64_t version;
        if (strcmp(name, unfinished) == 0)
                return false;
        return !sal_tuf_name_read(name, &file, &version) || file == SAL_TUF_FILE_ROOT || sal_view_find(arg, name);
}

/* "<64 hex>.<rest>" is how targets are named; returns the rest, or NULL. */
static const char *after_sha256(const char *name) {
        char sha256[SAL_SHA256_HEX_BYTES];
        if (strlen(name) <= SAL_SHA256_HEX_BYTES || name[SAL_SHA256_HEX_BYTES - 1] != '.')
                return NULL;
        snprintf(sha256, sizeof sha256, "%s", name);
        return sal_is_sha256_hex(sha256) ? name + SAL_SHA256_HEX_BYTES : NULL;
}

struct targets_kept {
        const struct sal_public_target *targets;
        size_t count;
};

static bool keep_target(const void *arg, const char *name) {
        const struct targets_kept *kept = arg;
        if (strcmp(name, unfinished) == 0)
                return false;
        if (!after_sha256(name))
                return true;
        for (size_t i = 0; i < kept->count; i++)
                if (strcmp(kept->targets[i].name, name) == 0)
                        return true;
        return false;
}

static bool keep_policy(const void *arg, const char *name) {
        const struct sal_view *view = arg;
        const char *rest = after_sha256(name);
        if (strcmp(name, unfinished) == 0)
                return false;
        return !rest || strcmp(rest, "trust-policy.json") != 0 || strcmp(name, view->policy.name) == 0;
}

/* ---- the whole ---- */

enum sal_status sal_public_dir_write(const char *dir, struct sal_view *view, const struct sal_public_target *targets,
                                     size_t target_count, struct sal_err *reterr) {
        static const enum sal_tuf_file order[] = {SAL_TUF_FILE_ROOT, SAL_TUF_FILE_TARGETS, SAL_TUF_FILE_CAMPAIGNS,
                                                  SAL_TUF_FILE_SNAPSHOT, SAL_TUF_FILE_TIMESTAMP};
        const struct targets_kept kept = {.targets = targets, .count = target_count};
        enum sal_status status = make_folders(dir, reterr);
        if (!status)
                status = write_targets(dir, view, targets, target_count, reterr);
        for (size_t i = 0; !status && i < SAL_ARRAY_LEN(order); i++)
                status = write_kind(dir, view, order[i], reterr);
        if (!status)
                status = prune(dir, "/metadata", keep_metadata, view, reterr);
        if (!status)
                status = prune(dir, "/targets/campaigns", keep_target, &kept, reterr);
        if (!status)
                status = prune(dir, "/targets/policy", keep_policy, view, reterr);
        return status;
}
