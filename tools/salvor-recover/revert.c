/* SPDX-License-Identifier: Apache-2.0 */
/* Putting back: the last part of act.h. */
#include "salvor-recover/act.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static void log_path(struct sal_work *work, const char *path, const char *what, int number) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(path, &text);
        sal_work_log(work, "%.200s: %s%s%s", text.data ? text.data : "", what, number ? ": " : "",
                     number ? strerror(number) : "");
}

static bool same_time(struct timespec a, struct timespec b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* The steps of a work are done in their order: was an earlier one that frees this path done, and not yet put back? True
 * when none has to. */
static bool path_was_freed(const struct sal_act *act, size_t index) {
        const struct sal_work *work = act->work;
        struct stat info;
        for (size_t i = 0; i < index; i++) {
                const struct sal_step *step = &work->steps[i];
                if (step->kind == SAL_STEP_WRITE ||
                    !sal_syspath_same(step->path, work->steps[index].path, act->tree->layout == SAL_LAYOUT_WINDOWS))
                        continue;
                sal_autofree char *aside = sal_work_temp_path(work, i, true);
                const char *now = step->kind == SAL_STEP_RENAME ? step->to : aside;
                if (!now || sal_tree_stat(act->tree, now, &info) != 0)
                        return false;
        }
        return true;
}

/* A file that the work made must be gone. Another one in its place is not ours: it is the file that an earlier step
 * takes away and that this work had not yet come to. */
static int take_away(const struct sal_act *act, size_t index) {
        const struct sal_step *step = &act->work->steps[index];
        struct stat info;
        sal_autoclose int fd = sal_tree_open_file(act->tree, step->path, &info);
        if (fd < 0)
                return fd == -ENOENT || fd == -EINVAL ? 0 : fd;
        if (!path_was_freed(act, index))
                return 0;
        char sha256[SAL_SHA256_HEX_BYTES] = "";
        int64_t len = 0;
        int outcome = info.st_size == step->content_bytes ? sal_hash_fd(fd, &len, sha256) : 0;
        if (outcome || strcmp(sha256, step->content_sha256) != 0)
                return outcome;
        return sal_tree_unlink(act->tree, step->path);
}

/* The file that was put aside gets its name back. When nothing was put aside, the step was not done, or is put back
 * already, and something has the name. */
static int put_back_file(const struct sal_act *act, size_t index) {
        const struct sal_step *step = &act->work->steps[index];
        sal_autofree char *aside = sal_work_temp_path(act->work, index, true);
        struct stat old, now;
        if (!aside)
                return -ENOMEM;
        int outcome = sal_tree_stat(act->tree, aside, &old);
        if (outcome)
                return outcome == -ENOENT ? sal_tree_stat(act->tree, step->path, &now) : outcome;
        if (!S_ISREG(old.st_mode))
                return -EINVAL;
        outcome = sal_tree_stat(act->tree, step->path, &now);
        if (outcome && outcome != -ENOENT)
                return outcome;
        /* rename(2) does nothing where both names are the same file already. */
        if (!outcome && old.st_dev == now.st_dev && old.st_ino == now.st_ino)
                return sal_tree_unlink(act->tree, aside);
        /* What replaced the file was written by this step. What has the name of a deleted one is a file that a later
         * step put there and that is not put back yet: it must not be lost. */
        return sal_tree_rename(act->tree, aside, step->path, step->kind == SAL_STEP_WRITE);
}

static bool looks_like(const struct sal_file_facts *facts, const struct stat *info) {
        return S_ISREG(info->st_mode) && info->st_size == facts->size_bytes && same_time(info->st_mtim, facts->mtime);
}

static int rename_back(const struct sal_act *act, const struct sal_step *step) {
        struct stat info, at_path;
        int outcome = sal_tree_stat(act->tree, step->to, &info);
        int there = sal_tree_stat(act->tree, step->path, &at_path);
        if (outcome == -ENOENT || (outcome && !there))
                return there;
        if (outcome)
                return outcome;
        if (!there)
                return looks_like(&step->before, &at_path) ? 0 : -EEXIST;
        if (!looks_like(&step->before, &info))
                return -EEXIST;
        outcome = sal_tree_rename(act->tree, step->to, step->path, false);
        return outcome ? outcome : sal_tree_sync_parent(act->tree, step->to);
}

static int undo_step(const struct sal_act *act, size_t index) {
        const struct sal_step *step = &act->work->steps[index];
        int outcome = 0;
        if (step->kind == SAL_STEP_RENAME)
                outcome = rename_back(act, step);
        else if (step->kind == SAL_STEP_WRITE && !step->existed)
                outcome = take_away(act, index);
        else
                outcome = put_back_file(act, index);
        if (step->kind == SAL_STEP_WRITE) {
                sal_autofree char *temp = sal_work_temp_path(act->work, index, false);
                int gone = temp ? sal_tree_unlink(act->tree, temp) : -ENOMEM;
                outcome = outcome ? outcome : gone;
        }
        return outcome ? outcome : sal_tree_sync_parent(act->tree, step->path);
}

/* Some file systems and owners allow no setting of times: trying again would not change that, so it is only logged. */
static bool never_to_be_had(int number) {
        return number == EPERM || number == EACCES || number == EOPNOTSUPP || number == ENOSYS;
}

/* Returns how many directories could not get their times back and still might. */
static size_t restore_dir_times(const struct sal_act *act) {
        size_t missing = 0;
        for (size_t i = 0; i < act->work->dir_count; i++) {
                const struct sal_work_dir *dir = &act->work->dirs[i];
                const struct timespec times[2] = {dir->atime, dir->mtime};
                struct stat now;
                sal_autoclose int fd = sal_tree_open_dir(act->tree, dir->path);
                int number = fd < 0 ? -fd : fstat(fd, &now) != 0 ? errno : 0;
                if (!number && same_time(now.st_mtim, dir->mtime))
                        continue;
                if (!number && futimens(fd, times) != 0)
                        number = errno;
                if (!number && fsync(fd) != 0 && errno != EINVAL)
                        number = errno;
                if (number)
                        log_path(act->work, dir->path, "its times could not be put back", number);
                missing += number && !never_to_be_had(number);
        }
        return missing;
}

enum sal_status sal_act_revert(const struct sal_act *act, struct sal_err *reterr) {
        struct sal_work *work = act->work;
        bool lost[SAL_CAMPAIGN_MAX_ACTIONS] = {false};
        size_t lost_count = 0;
        for (size_t i = work->step_count; i-- > 0;) {
                int outcome = undo_step(act, i);
                if (!outcome)
                        continue;
                log_path(work, work->steps[i].path, "could not be put back", -outcome);
                lost[work->steps[i].action] = true;
                lost_count++;
        }
        size_t missing = restore_dir_times(act);
        for (size_t i = 0; i < work->action_count; i++) {
                if (lost[i])
                        sal_work_set(work, i, SAL_STATUS_FAILED, "could not be put back yet; see the log");
                else if (work->actions[i].status == SAL_STATUS_DONE)
                        work->actions[i].status = SAL_STATUS_REVERTED;
        }
        if (lost_count + missing == 0)
                return SAL_OK;
        return sal_fail(reterr, SAL_E_IO, "%zu files and %zu directories could not be put back", lost_count, missing);
}

enum sal_status sal_act_finish(const struct sal_act *act, struct sal_err *reterr) {
        size_t left = 0;
        for (size_t i = 0; i < act->work->step_count; i++) {
                const struct sal_step *step = &act->work->steps[i];
                if (step->kind == SAL_STEP_RENAME || (step->kind == SAL_STEP_WRITE && !step->existed))
                        continue;
                sal_autofree char *aside = sal_work_temp_path(act->work, i, true);
                int outcome = aside ? sal_tree_unlink(act->tree, aside) : -ENOMEM;
                if (!outcome)
                        outcome = sal_tree_sync_parent(act->tree, step->path);
                if (outcome)
                        log_path(act->work, step->path, "what was put aside could not be removed", -outcome);
                left += outcome != 0;
        }
        return left ? sal_fail(reterr, SAL_E_IO, "%zu files that were put aside could not be removed", left) : SAL_OK;
}
