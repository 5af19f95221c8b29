/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/work.h"

#include "salvor-recover/syspath.h"

#include <stdarg.h>
#include <string.h>

struct sal_work *sal_work_new(void) {
        struct sal_work *work = calloc(1, sizeof *work);
        if (!work)
                return NULL;
        uint8_t bytes[(SAL_WORK_TAG_BYTES - 1) / 2];
        sal_random(bytes, sizeof bytes);
        sal_hex_encode(bytes, sizeof bytes, work->tag);
        return work;
}

void sal_work_free(struct sal_work *work) {
        if (!work)
                return;
        for (size_t i = 0; i < work->step_count; i++) {
                free(work->steps[i].path);
                free(work->steps[i].to);
        }
        for (size_t i = 0; i < work->dir_count; i++)
                free(work->dirs[i].path);
        free(work->steps);
        free(work->dirs);
        sal_buf_done(&work->log);
        free(work->root);
        free(work);
}

enum sal_status sal_work_add_step_take(struct sal_work *work, struct sal_step *step, struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        if (work->step_count == SAL_WORK_MAX_STEPS)
                status = sal_fail(reterr, SAL_E_REFUSED, "more than %d files would be changed", SAL_WORK_MAX_STEPS);
        if (!status && work->step_count == work->step_capacity) {
                size_t capacity = work->step_capacity ? work->step_capacity * 2 : 8;
                struct sal_step *steps = reallocarray(work->steps, capacity, sizeof *steps);
                if (steps) {
                        work->steps = steps;
                        work->step_capacity = capacity;
                } else {
                        status = sal_fail(reterr, SAL_E_NOMEM, "no memory for the plan");
                }
        }
        if (!status && step->path && (step->kind != SAL_STEP_RENAME || step->to)) {
                work->steps[work->step_count++] = *step;
                return SAL_OK;
        }
        free(step->path);
        free(step->to);
        return status ? status : sal_fail(reterr, SAL_E_NOMEM, "no memory for the plan");
}

enum sal_status sal_work_add_dir(struct sal_work *work, const char *path, const struct stat *info) {
        for (size_t i = 0; i < work->dir_count; i++)
                if (strcmp(work->dirs[i].path, path) == 0)
                        return SAL_OK;
        if (work->dir_count == work->dir_capacity) {
                size_t capacity = work->dir_capacity ? work->dir_capacity * 2 : 8;
                struct sal_work_dir *dirs = reallocarray(work->dirs, capacity, sizeof *dirs);
                if (!dirs)
                        return SAL_E_NOMEM;
                work->dirs = dirs;
                work->dir_capacity = capacity;
        }
        char *copy = strdup(path);
        if (!copy)
                return SAL_E_NOMEM;
        work->dirs[work->dir_count++] =
                (struct sal_work_dir){.path = copy, .atime = info->st_atim, .mtime = info->st_mtim};
        return SAL_OK;
}

/* Details and log lines go into JSON and onto terminals: whatever a name or a message held, they are printable ASCII.
 */
static void make_printable(char *text) {
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
                        *p = '?';
}

void sal_work_set(struct sal_work *work, size_t action, enum sal_action_status status, const char *format, ...) {
        struct sal_work_action *item = &work->actions[action];
        item->status = status;
        va_list args;
        va_start(args, format);
        vsnprintf(item->detail, sizeof item->detail, format, args);
        va_end(args);
        make_printable(item->detail);
}

void sal_work_log(struct sal_work *work, const char *format, ...) {
        char line[512];
        va_list args;
        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        make_printable(line);
        sal_buf_puts(&work->log, line);
        sal_buf_putc(&work->log, '\n');
        if (work->log.failed || work->log.len <= SAL_WORK_LOG_MAX_BYTES)
                return;
        size_t cut = work->log.len - SAL_WORK_LOG_MAX_BYTES;
        const char *end = memchr(work->log.data + cut, '\n', work->log.len - cut);
        cut = end ? (size_t)(end - work->log.data) + 1 : cut;
        memmove(work->log.data, work->log.data + cut, work->log.len - cut + 1);
        work->log.len -= cut;
}

enum sal_work_view sal_work_view(const struct sal_work *work, const char *path, bool fold) {
        for (size_t i = work->step_count; i-- > 0;) {
                const struct sal_step *step = &work->steps[i];
                bool names_path = sal_syspath_same(step->path, path, fold);
                if (step->kind == SAL_STEP_RENAME && sal_syspath_same(step->to, path, fold))
                        return SAL_VIEW_MADE;
                if (names_path)
                        return step->kind == SAL_STEP_WRITE ? SAL_VIEW_MADE : SAL_VIEW_REMOVED;
        }
        return SAL_VIEW_AS_ON_DISK;
}

const struct sal_step *sal_work_maker(const struct sal_work *work, const struct sal_syspath *path,
                                      const char **ret_made) {
        for (size_t i = work->step_count; i-- > 0;) {
                const struct sal_step *step = &work->steps[i];
                const char *made = step->kind == SAL_STEP_RENAME  ? step->to
                                   : step->kind == SAL_STEP_WRITE ? step->path
                                                                  : NULL;
                if (made && sal_syspath_matches(path, made)) {
                        *ret_made = made;
                        return step;
                }
        }
        return NULL;
}

bool sal_work_all_skipped(const struct sal_work *work) {
        for (size_t i = 0; i < work->action_count; i++)
                if (work->actions[i].status != SAL_STATUS_SKIPPED)
                        return false;
        return true;
}

char *sal_work_temp_path(const struct sal_work *work, size_t step, bool aside) {
        const char *path = work->steps[step].path, *slash = strrchr(path, '/');
        int folder = slash ? (int)(slash - path) + 1 : 0;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_printf(&text, "%.*s.salvor-%s-%zu%s", folder, path, work->tag, step, aside ? "o" : "");
        return sal_buf_take(&text, NULL);
}

void sal_file_facts_of(const struct stat *info, struct sal_file_facts *ret) {
        *ret = (struct sal_file_facts){.mode = info->st_mode & 07777,
                                       .uid = info->st_uid,
                                       .gid = info->st_gid,
                                       .size_bytes = info->st_size,
                                       .atime = info->st_atim,
                                       .mtime = info->st_mtim,
                                       .device = info->st_dev,
                                       .inode = info->st_ino};
}

bool sal_file_facts_same(const struct sal_file_facts *facts, const struct stat *info) {
        return S_ISREG(info->st_mode) && facts->device == info->st_dev && facts->inode == info->st_ino &&
               facts->size_bytes == info->st_size && facts->mtime.tv_sec == info->st_mtim.tv_sec &&
               facts->mtime.tv_nsec == info->st_mtim.tv_nsec;
}

bool sal_offer_id_valid(const char *id) {
        size_t len = strlen(id);
        return len > 0 && len < SAL_OFFER_ID_BYTES && *id != '.' &&
               strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") == len;
}
