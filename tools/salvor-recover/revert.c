/* SPDX-License-Identifier: Apache-2.0 */
/* Putting back: the last part of act.h. */
#include "salvor-recover/act.h"

#include "salvor-recover/filter.h"

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

/* Owner before mode, for a change of owner clears the set-id bits; times last. What is right already is left alone: it
 * may stand on a file system that takes no change, and that may be why the work failed. */
static int set_facts(int fd, const struct sal_file_facts *facts) {
        const struct timespec times[2] = {facts->atime, facts->mtime};
        struct stat now;
        if (fstat(fd, &now) != 0)
                return -errno;
        if ((now.st_uid != facts->uid || now.st_gid != facts->gid) && fchown(fd, facts->uid, facts->gid) != 0)
                return -errno;
        if ((now.st_mode & 07777) != facts->mode && fchmod(fd, facts->mode) != 0)
                return -errno;
        return same_time(now.st_mtim, facts->mtime) || futimens(fd, times) == 0 ? 0 : -errno;
}

/* Writes the backup beside the path and renames it over whatever is there. */
static int restore(const struct sal_act *act, size_t index) {
        const struct sal_step *step = &act->work->steps[index];
        char name[SAL_STORE_NAME_BYTES], sha256[SAL_SHA256_HEX_BYTES] = "";
        sal_autofree char *temp = sal_work_temp_path(act->work, index, true);
        if (!temp)
                return -ENOMEM;
        sal_act_backup_name(index, name);
        sal_autoclose int from = sal_store_open_read(act->store, name);
        if (from < 0)
                return from;
        int outcome = sal_tree_unlink(act->tree, temp);
        sal_autoclose int to = outcome ? -1 : sal_tree_create(act->tree, temp);
        if (to < 0)
                return outcome ? outcome : to;
        int64_t len = 0;
        outcome = sal_copy_hashed(from, to, &len, sha256);
        if (!outcome && (len != step->before.size_bytes || strcmp(sha256, step->before.sha256) != 0))
                outcome = -EBADMSG; /* the backup itself is damaged: what is there may be better */
        if (!outcome)
                sal_copy_attributes(from, to);
        if (!outcome)
                outcome = set_facts(to, &step->before);
        if (!outcome && fsync(to) != 0)
                outcome = -errno;
        if (!outcome)
                outcome = sal_tree_rename(act->tree, temp, step->path, true);
        if (outcome)
                sal_tree_unlink(act->tree, temp);
        return outcome;
}

/* A file that was there before must be there again, content and facts. */
static int put_back_file(const struct sal_act *act, size_t index) {
        const struct sal_step *step = &act->work->steps[index];
        struct stat info;
        sal_autoclose int fd = sal_tree_open_file(act->tree, step->path, &info);
        if (fd < 0 || info.st_size != step->before.size_bytes)
                return restore(act, index);
        char sha256[SAL_SHA256_HEX_BYTES] = "";
        int64_t len = 0;
        int outcome = sal_hash_fd(fd, &len, sha256);
        if (outcome || strcmp(sha256, step->before.sha256) != 0)
                return restore(act, index);
        return set_facts(fd, &step->before);
}

/* A file that the work made must be gone. Another one in its place is not ours: it is the file that an earlier step
 * takes away and that this work had not yet come to. */
static int take_away(const struct sal_act *act, size_t index) {
        const struct sal_step *step = &act->work->steps[index];
        struct stat info;
        sal_autoclose int fd = sal_tree_open_file(act->tree, step->path, &info);
        if (fd < 0)
                return fd == -ENOENT || fd == -EINVAL ? 0 : fd;
        char sha256[SAL_SHA256_HEX_BYTES] = "";
        int64_t len = 0;
        int outcome = info.st_size == step->content_bytes ? sal_hash_fd(fd, &len, sha256) : 0;
        if (outcome || strcmp(sha256, step->content_sha256) != 0)
                return outcome;
        return sal_tree_unlink(act->tree, step->path);
}

static bool looks_like(const struct sal_file_facts *facts, const struct stat *info) {
        return S_ISREG(info->st_mode) && info->st_size == facts->size_bytes && same_time(info->st_mtim, facts->mtime);
}

static int rename_back(const struct sal_act *act, const struct sal_step *step) {
        struct stat info;
        if (sal_tree_stat(act->tree, step->path, &info) == 0)
                return looks_like(&step->before, &info) ? 0 : -EEXIST;
        int outcome = sal_tree_stat(act->tree, step->to, &info);
        if (outcome)
                return outcome;
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
        for (int i = 0; i < 2; i++) {
                sal_autofree char *temp = sal_work_temp_path(act->work, index, i == 1);
                if (temp && step->kind != SAL_STEP_RENAME)
                        sal_tree_unlink(act->tree, temp);
        }
        return outcome ? outcome : sal_tree_sync_parent(act->tree, step->path);
}

static void restore_dir_times(const struct sal_act *act) {
        for (size_t i = 0; i < act->work->dir_count; i++) {
                const struct sal_work_dir *dir = &act->work->dirs[i];
                const struct timespec times[2] = {dir->atime, dir->mtime};
                struct stat now;
                sal_autoclose int fd = sal_tree_open_dir(act->tree, dir->path);
                if (fd >= 0 && fstat(fd, &now) == 0 && same_time(now.st_mtim, dir->mtime))
                        continue;
                if (fd < 0 || futimens(fd, times) != 0)
                        log_path(act->work, dir->path, "its times could not be put back", fd < 0 ? -fd : errno);
                else
                        fsync(fd);
        }
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
        restore_dir_times(act);
        for (size_t i = 0; i < work->action_count; i++) {
                if (lost[i])
                        sal_work_set(work, i, SAL_STATUS_FAILED, "could not be put back completely; see the log");
                else if (work->actions[i].status == SAL_STATUS_DONE)
                        work->actions[i].status = SAL_STATUS_REVERTED;
        }
        if (lost_count == 0)
                return SAL_OK;
        return sal_fail(reterr, SAL_E_IO, "%zu files could not be put back", lost_count);
}
