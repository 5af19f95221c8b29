/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/act.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

enum { ATTRIBUTE_NAMES_BYTES = 16384, ATTRIBUTE_VALUE_BYTES = 65536 };

void sal_act_blob_name(const char *sha256, char ret[static SAL_STORE_NAME_BYTES]) {
        snprintf(ret, SAL_STORE_NAME_BYTES, "blobs/%s", sha256);
}

/* Copies extended attributes as far as both sides allow; failures are no failure. */
static void copy_attributes(int from_fd, int to_fd) {
        sal_autofree char *names = malloc(ATTRIBUTE_NAMES_BYTES);
        sal_autofree char *value = malloc(ATTRIBUTE_VALUE_BYTES);
        ssize_t len = names && value ? flistxattr(from_fd, names, ATTRIBUTE_NAMES_BYTES) : -1;
        for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
                ssize_t size = fgetxattr(from_fd, names + at, value, ATTRIBUTE_VALUE_BYTES);
                if (size >= 0 && fsetxattr(to_fd, names + at, value, (size_t)size, 0) != 0)
                        continue; /* a file system that keeps none, or not this one */
        }
}

/* Names the path at fault, with errno's text. */
static enum sal_status fail_step(struct sal_err *reterr, enum sal_status status, const char *path, const char *what,
                                 int number) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(path, &text);
        return sal_fail(reterr, status, "%.150s: %s%s%s", text.data ? text.data : "", what, number ? ": " : "",
                        number ? strerror(number) : "");
}

/* ---- prepare ---- */

static enum sal_status store_content(const struct sal_act *act, const struct sal_action *action,
                                     struct sal_err *reterr) {
        char sha256[SAL_SHA256_HEX_BYTES], name[SAL_STORE_NAME_BYTES];
        sal_sha256_hex(action->content, action->content_len, sha256);
        sal_act_blob_name(sha256, name);
        enum sal_status status = sal_store_put(act->store, name, action->content, action->content_len, reterr);
        if (status && reterr)
                reterr->status = SAL_E_REFUSED;
        return status ? SAL_E_REFUSED : SAL_OK;
}

enum sal_status sal_act_prepare(const struct sal_act *act, const struct sal_campaign *campaign,
                                struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        for (size_t i = 0; i < act->work->step_count && !status; i++) {
                const struct sal_step *step = &act->work->steps[i];
                const struct sal_action *action = &campaign->actions[step->action];
                if (action->kind == SAL_ACTION_WRITE_FILE)
                        status = store_content(act, action, reterr);
                if (status)
                        sal_work_set(act->work, step->action, SAL_STATUS_FAILED, "%s", reterr ? reterr->detail : "");
        }
        return status;
}

/* ---- commit ---- */

/* Writes a step's content to its temporary file, complete with owner, mode and attributes, and syncs it. */
static enum sal_status stage(const struct sal_act *act, size_t index, struct sal_err *reterr) {
        const struct sal_step *step = &act->work->steps[index];
        char name[SAL_STORE_NAME_BYTES], sha256[SAL_SHA256_HEX_BYTES] = "";
        sal_autofree char *temp = sal_work_temp_path(act->work, index, false);
        if (!temp)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a file name");
        sal_act_blob_name(step->content_sha256, name);
        sal_autoclose int from = sal_store_open_read(act->store, name);
        if (from < 0)
                return fail_step(reterr, SAL_E_IO, step->path, "its new content cannot be read", -from);
        sal_autoclose int to = sal_tree_create(act->tree, temp);
        int64_t len = 0;
        int outcome = to < 0 ? to : sal_copy_hashed(from, to, &len, sha256);
        if (outcome)
                return fail_step(reterr, SAL_E_IO, step->path, "its new content cannot be written", -outcome);
        if (len != step->content_bytes || strcmp(sha256, step->content_sha256) != 0)
                return fail_step(reterr, SAL_E_IO, step->path, "its new content is damaged in the state directory", 0);
        if (fchown(to, step->uid, step->gid) != 0 && errno != EPERM)
                return fail_step(reterr, SAL_E_IO, step->path, "its owner cannot be set", errno);
        if (fchmod(to, step->mode) != 0)
                return fail_step(reterr, SAL_E_IO, step->path, "its mode cannot be set", errno);
        sal_autoclose int old = step->existed ? sal_tree_open_file(act->tree, step->path, NULL) : -1;
        if (old >= 0)
                copy_attributes(old, to);
        return fsync(to) == 0 ? SAL_OK : fail_step(reterr, SAL_E_IO, step->path, "it cannot be synced", errno);
}

/* The file is still the one that was planned upon. */
static enum sal_status still_there(const struct sal_act *act, const struct sal_step *step, struct sal_err *reterr) {
        struct stat info;
        int outcome = sal_tree_stat(act->tree, step->path, &info);
        if (outcome)
                return fail_step(reterr, SAL_E_CONFLICT, step->path, "cannot be found again", -outcome);
        if (!sal_file_facts_same(&step->before, &info))
                return fail_step(reterr, SAL_E_CONFLICT, step->path, "has changed since it was planned upon", 0);
        return SAL_OK;
}

/* A deletion is a rename out of the way. A file that is replaced keeps its name until the new one takes it, where the
 * file system has hard links; where not, it is without one for a moment. */
static int put_aside(const struct sal_act *act, size_t index) {
        const struct sal_step *step = &act->work->steps[index];
        sal_autofree char *aside = sal_work_temp_path(act->work, index, true);
        if (!aside)
                return -ENOMEM;
        int outcome = -EPERM;
        if (step->kind == SAL_STEP_WRITE)
                outcome = sal_tree_link(act->tree, step->path, aside);
        if (outcome)
                outcome = sal_tree_rename(act->tree, step->path, aside, false);
        return outcome;
}

static int put_new(const struct sal_act *act, size_t index) {
        const struct sal_step *step = &act->work->steps[index];
        sal_autofree char *temp = sal_work_temp_path(act->work, index, false);
        int outcome = temp ? 0 : -ENOMEM;
        if (!outcome && step->existed && !(outcome = put_aside(act, index)))
                outcome = sal_tree_sync_parent(act->tree, step->path);
        return outcome ? outcome : sal_tree_rename(act->tree, temp, step->path, step->existed);
}

static enum sal_status do_step(const struct sal_act *act, size_t index, struct sal_err *reterr) {
        const struct sal_step *step = &act->work->steps[index];
        bool on_old = step->kind != SAL_STEP_WRITE || step->existed;
        enum sal_status status = on_old ? still_there(act, step, reterr) : SAL_OK;
        if (status)
                return status;
        int outcome = 0;
        if (step->kind == SAL_STEP_DELETE) {
                outcome = put_aside(act, index);
        } else if (step->kind == SAL_STEP_RENAME) {
                outcome = sal_tree_rename(act->tree, step->path, step->to, false);
                if (!outcome)
                        outcome = sal_tree_sync_parent(act->tree, step->to);
        } else {
                outcome = put_new(act, index);
        }
        if (!outcome)
                outcome = sal_tree_sync_parent(act->tree, step->path);
        return outcome ? fail_step(reterr, SAL_E_IO, step->path, "cannot be changed", -outcome) : SAL_OK;
}

enum sal_status sal_act_commit(const struct sal_act *act, struct sal_err *reterr) {
        struct sal_work *work = act->work;
        struct sal_err cause = {0};
        enum sal_status status = SAL_OK;
        size_t at = 0;
        for (size_t i = 0; i < work->step_count && !status; i++) {
                at = work->steps[i].action;
                if (work->steps[i].kind == SAL_STEP_WRITE)
                        status = stage(act, i, &cause);
        }
        for (size_t i = 0; i < work->step_count && !status; i++) {
                at = work->steps[i].action;
                status = do_step(act, i, &cause);
        }
        if (!status)
                return SAL_OK;
        sal_work_set(work, at, SAL_STATUS_FAILED, "%s", cause.detail);
        sal_work_log(work, "action %zu failed: %s", at, cause.detail);
        if (reterr)
                *reterr = cause;
        return status;
}
