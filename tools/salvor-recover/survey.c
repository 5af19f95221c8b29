/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/survey.h"

#include "salvor-recover/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The action being planned. */
struct site {
        const struct sal_tree *tree;
        const struct sal_action *action;
        size_t index;
        struct sal_work *work;
        bool fold;
};

static enum sal_status refuse(const char *path, const char *why, struct sal_err *reterr) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(path, &text);
        return sal_fail(reterr, SAL_E_REFUSED, "%.150s %s", text.data ? text.data : "", why);
}

/* The directory of a path that a step will change: it must be writable, and its times are noted. */
static enum sal_status note_dir(const struct site *site, const char *path, struct sal_err *reterr) {
        const char *name = NULL;
        struct stat info;
        sal_autoclose int fd = sal_tree_open_parent(site->tree, path, &name);
        if (fd < 0)
                return refuse(path,
                              fd == -ENOENT ? "has no directory to stand in" : "has a directory that cannot be opened",
                              reterr);
        if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
                return refuse(path,
                              errno == EROFS ? "is on a file system mounted read-only"
                                             : "is in a directory that cannot be written",
                              reterr);
        if (fstat(fd, &info) != 0)
                return refuse(path, "is in a directory that cannot be looked at", reterr);
        sal_autofree char *folder = strndup(path, name == path ? 0 : (size_t)(name - path) - 1);
        if (!folder || sal_work_add_dir(site->work, folder, &info))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the plan");
        return SAL_OK;
}

static enum sal_status check_file(const struct sal_found *file, struct sal_err *reterr) {
        char why[96];
        if (!S_ISREG(file->info.st_mode)) {
                snprintf(why, sizeof why, "is a %s; actions touch regular files only",
                         sal_tree_type_name(file->info.st_mode));
                return refuse(file->path, why, reterr);
        }
        return SAL_OK;
}

/* A file of several names may have one outside the system root. On a disk that is mounted as the root it cannot. */
static enum sal_status check_links(const struct sal_tree *tree, const struct sal_found *file, struct sal_err *reterr) {
        char why[96];
        if (file->info.st_nlink <= 1 || sal_tree_links_stay_inside(tree, file->path))
                return SAL_OK;
        snprintf(why, sizeof why, "has %lu hard links, so the file may also stand outside the system root",
                 (unsigned long)file->info.st_nlink);
        return refuse(file->path, why, reterr);
}

/* Finds the files of the action's path that pass `require`, as earlier actions will leave them, at most `max`;
 * *ret_there says whether anything at all has this path. */
static enum sal_status files_of(const struct site *site, int64_t max, struct sal_found_list *ret, bool *ret_there,
                                struct sal_err *reterr) {
        sal_autosyspath struct sal_syspath path = {0};
        sal_autofound struct sal_found_list found = SAL_FOUND_LIST_INIT;
        enum sal_status status = sal_syspath_parse(site->action->path, site->tree->layout, &path, reterr);
        if (!status)
                status = sal_tree_find(site->tree, &path, &found, reterr);
        size_t kept = 0;
        *ret_there = false;
        for (size_t i = 0; i < found.count && !status; i++) {
                struct sal_found *file = &found.items[i];
                enum sal_work_view view = sal_work_view(site->work, file->path, site->fold);
                bool passes = false;
                if (view == SAL_VIEW_REMOVED)
                        continue;
                *ret_there = true;
                if (view == SAL_VIEW_MADE)
                        return refuse(file->path, "is made by an earlier action of this campaign", reterr);
                if ((status = check_file(file, reterr)) ||
                    (status = sal_require_passes(site->tree, &site->action->require, file, &passes, reterr)) || !passes)
                        continue;
                if ((status = check_links(site->tree, file, reterr)))
                        continue;
                if ((int64_t)kept == max)
                        return sal_fail(reterr, SAL_E_REFUSED, "more than %lld files match %.120s", (long long)max,
                                        site->action->path);
                struct sal_found swap = found.items[kept];
                found.items[kept++] = *file;
                *file = swap;
        }
        if (status)
                return status;
        while (found.count > kept)
                free(found.items[--found.count].path);
        *ret = found;
        found = SAL_FOUND_LIST_INIT;
        return SAL_OK;
}

/* Does the action act on what an earlier one makes or moves? That cannot be planned upon the tree as it is, and
 * skipping it would do half of what was signed. */
static enum sal_status check_chain(const struct site *site, const char *written, struct sal_err *reterr) {
        sal_autosyspath struct sal_syspath path = {0};
        const char *made = NULL;
        enum sal_status status = sal_syspath_parse(written, site->tree->layout, &path, reterr);
        const struct sal_step *maker = status ? NULL : sal_work_maker(site->work, &path, &made);
        if (!maker)
                return status;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(made, &text);
        return sal_fail(reterr, SAL_E_REFUSED, "action %zu acts on what action %zu makes, an earlier action: %.120s",
                        site->index, maker->action, text.data ? text.data : "");
}

static enum sal_status add_step(const struct site *site, struct sal_step *step, struct sal_err *reterr) {
        step->action = site->index;
        enum sal_status status = step->path ? note_dir(site, step->path, reterr) : SAL_OK;
        if (!status && step->to)
                status = note_dir(site, step->to, reterr);
        if (status) {
                free(step->path);
                free(step->to);
                return status;
        }
        return sal_work_add_step_take(site->work, step, reterr);
}

/* "delete 2 files: a, b" */
static void describe(const struct site *site, const char *verb, const struct sal_found_list *files) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        for (size_t i = 0; i < files->count && text.len < SAL_WORK_DETAIL_BYTES; i++) {
                sal_buf_puts(&text, i ? ", " : "");
                sal_syspath_escape(files->items[i].path, &text);
        }
        sal_work_set(site->work, site->index, SAL_STATUS_DONE, "%s %zu file%s: %s", verb, files->count,
                     files->count == 1 ? "" : "s", text.data ? text.data : "");
}

static void skip(const struct site *site, bool there) {
        sal_work_set(site->work, site->index, SAL_STATUS_SKIPPED, "%s",
                     there ? "no file passes the requirement" : "no such file");
}

/* The payload's parser gives deletions their bound; the other kinds have the same one. */
static int64_t max_matches(const struct sal_action *action) {
        return action->max_matches > 0 ? action->max_matches : sal_syspath_is_wild(action->path) ? 64 : 1;
}

static enum sal_status plan_delete(const struct site *site, struct sal_err *reterr) {
        sal_autofound struct sal_found_list files = SAL_FOUND_LIST_INIT;
        bool there = false;
        enum sal_status status = files_of(site, max_matches(site->action), &files, &there, reterr);
        for (size_t i = 0; i < files.count && !status; i++) {
                struct sal_step step = {.kind = SAL_STEP_DELETE, .path = strdup(files.items[i].path)};
                sal_file_facts_of(&files.items[i].info, &step.before);
                status = add_step(site, &step, reterr);
        }
        if (!status && files.count == 0)
                skip(site, there);
        else if (!status)
                describe(site, "deleted", &files);
        return status;
}

/* The one path that `written` (without wildcards) will name: the folder as found on disk and the name as written.
 * Something that is there already and stays is SAL_E_REFUSED unless `may_exist`. */
static enum sal_status new_path(const struct site *site, const char *written, char **ret, struct sal_err *reterr) {
        sal_autosyspath struct sal_syspath path = {0};
        sal_autofound struct sal_found_list folders = SAL_FOUND_LIST_INIT, there = SAL_FOUND_LIST_INIT;
        enum sal_status status = sal_syspath_parse(written, site->tree->layout, &path, reterr);
        for (size_t i = 0; i < path.count && !status; i++)
                if (sal_syspath_is_wild(path.parts[i]))
                        return refuse(written, "holds a wildcard where one file is to be made", reterr);
        if (status || (status = sal_tree_find_parts(site->tree, &path, path.count - 1, &folders, reterr)) ||
            (status = sal_tree_find(site->tree, &path, &there, reterr)))
                return status;
        if (folders.count != 1 || !S_ISDIR(folders.items[0].info.st_mode))
                return refuse(written,
                              folders.count > 1 ? "has several directories that differ only in case"
                                                : "has no directory to stand in",
                              reterr);
        for (size_t i = 0; i < there.count; i++)
                if (sal_work_view(site->work, there.items[i].path, site->fold) == SAL_VIEW_AS_ON_DISK)
                        return refuse(there.items[i].path, "is there already", reterr);
        sal_autofree char *made = NULL;
        const char *folder = folders.items[0].path;
        if (asprintf(&made, "%s%s%s", folder, *folder ? "/" : "", path.parts[path.count - 1]) < 0) {
                made = NULL;
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the plan");
        }
        if (sal_work_view(site->work, made, site->fold) == SAL_VIEW_MADE)
                return refuse(made, "is made by an earlier action of this campaign", reterr);
        *ret = SAL_STEAL(made);
        return SAL_OK;
}

static enum sal_status plan_rename(const struct site *site, struct sal_err *reterr) {
        sal_autofound struct sal_found_list files = SAL_FOUND_LIST_INIT;
        bool there = false;
        enum sal_status status = files_of(site, 1, &files, &there, reterr);
        if (status)
                return status;
        if (files.count == 0) {
                skip(site, there);
                return SAL_OK;
        }
        struct sal_step step = {.kind = SAL_STEP_RENAME};
        if ((status = new_path(site, site->action->to, &step.to, reterr)))
                return status;
        if (!sal_tree_same_mount(site->tree, files.items[0].path, step.to)) {
                status = refuse(step.to, "is on another file system than the file to be renamed", reterr);
                free(step.to);
                return status;
        }
        step.path = strdup(files.items[0].path);
        sal_file_facts_of(&files.items[0].info, &step.before);
        if ((status = add_step(site, &step, reterr)))
                return status;
        describe(site, "renamed", &files);
        return SAL_OK;
}

/* What the action writes: the content's digest and length, and the permission bits of a new file. */
static void content_of(const struct site *site, struct sal_step *step) {
        const struct sal_action *action = site->action;
        if (action->kind == SAL_ACTION_RESTORE_FILE) {
                snprintf(step->content_sha256, sizeof step->content_sha256, "%s", action->artifact.sha256);
                step->content_bytes = action->artifact.length;
        } else {
                sal_sha256_hex(action->content, action->content_len, step->content_sha256);
                step->content_bytes = (int64_t)action->content_len;
        }
        step->mode = action->mode >= 0 ? (mode_t)action->mode : 0644;
        step->uid = geteuid();
        step->gid = getegid();
}

static enum sal_status plan_write_new(const struct site *site, struct sal_err *reterr) {
        struct sal_step step = {.kind = SAL_STEP_WRITE};
        enum sal_status status = new_path(site, site->action->path, &step.path, reterr);
        if (status)
                return status;
        content_of(site, &step);
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(step.path, &text);
        if (!(status = add_step(site, &step, reterr)))
                sal_work_set(site->work, site->index, SAL_STATUS_DONE, "made 1 file: %s", text.data ? text.data : "");
        return status;
}

/* write_file and restore_file. Where nothing has the path and no requirement asks for a file, one is made. */
static enum sal_status plan_write(const struct site *site, struct sal_err *reterr) {
        sal_autofound struct sal_found_list files = SAL_FOUND_LIST_INIT;
        bool there = false;
        enum sal_status status = files_of(site, max_matches(site->action), &files, &there, reterr);
        if (status)
                return status;
        if (files.count == 0) {
                if (!there && !site->action->require.present && !sal_syspath_is_wild(site->action->path))
                        return plan_write_new(site, reterr);
                skip(site, there);
                return SAL_OK;
        }
        for (size_t i = 0; i < files.count && !status; i++) {
                struct sal_step step = {.kind = SAL_STEP_WRITE, .path = strdup(files.items[i].path), .existed = true};
                content_of(site, &step);
                sal_file_facts_of(&files.items[i].info, &step.before);
                step.mode = site->action->mode >= 0 ? (mode_t)site->action->mode : step.before.mode;
                step.uid = step.before.uid;
                step.gid = step.before.gid;
                status = add_step(site, &step, reterr);
        }
        if (!status)
                describe(site, "wrote", &files);
        return status;
}

static enum sal_status plan_unsupported(const struct site *site, struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_REFUSED, "this version of salvor-recover cannot do %s",
                        sal_action_kind_name(site->action->kind));
}

static enum sal_status (*const planners[SAL_ACTION_KINDS])(const struct site *, struct sal_err *) = {
        [SAL_ACTION_DELETE_FILE] = plan_delete,          [SAL_ACTION_RENAME_FILE] = plan_rename,
        [SAL_ACTION_RESTORE_FILE] = plan_write,          [SAL_ACTION_WRITE_FILE] = plan_write,
        [SAL_ACTION_DISABLE_SERVICE] = plan_unsupported, [SAL_ACTION_DISABLE_DRIVER] = plan_unsupported,
        [SAL_ACTION_SET_BOOT_ENTRY] = plan_unsupported,  [SAL_ACTION_SET_REGISTRY_VALUE] = plan_unsupported,
        [SAL_ACTION_RUN_SCRIPT] = plan_unsupported,
};

/* A cause that is not a matter of memory is a refusal, whatever it was: nothing has been touched. */
static enum sal_status refuse_all(struct sal_work *work, size_t at_fault, struct sal_err *cause) {
        for (size_t i = 0; i < work->action_count; i++)
                sal_work_set(work, i, SAL_STATUS_SKIPPED, "not touched");
        sal_work_set(work, at_fault, SAL_STATUS_FAILED, "%s", cause->detail);
        sal_work_log(work, "refused: action %zu: %s", at_fault, cause->detail);
        cause->status = SAL_E_REFUSED;
        return SAL_E_REFUSED;
}

enum sal_status sal_survey(const struct sal_tree *tree, const struct sal_campaign *campaign, struct sal_work *work,
                           struct sal_err *reterr) {
        work->action_count = campaign->action_count;
        for (size_t i = 0; i < campaign->action_count; i++)
                work->actions[i] = (struct sal_work_action){.kind = campaign->actions[i].kind};
        for (size_t i = 0; i < campaign->action_count; i++) {
                struct site site = {.tree = tree,
                                    .action = &campaign->actions[i],
                                    .index = i,
                                    .work = work,
                                    .fold = tree->layout == SAL_LAYOUT_WINDOWS};
                struct sal_err cause = {0};
                enum sal_status status = SAL_OK;
                if (site.action->path)
                        status = check_chain(&site, site.action->path, &cause);
                if (!status && site.action->to)
                        status = check_chain(&site, site.action->to, &cause);
                if (!status)
                        status = planners[campaign->actions[i].kind](&site, &cause);
                if (status && status != SAL_E_NOMEM)
                        status = refuse_all(work, i, &cause);
                if (status) {
                        if (reterr)
                                *reterr = cause;
                        return status;
                }
        }
        return SAL_OK;
}
