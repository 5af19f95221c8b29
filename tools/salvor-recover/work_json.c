/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON forms of a work: work.json on disk, and the report on the wire. */
#include "salvor-recover/work.h"

#include "salvor-recover/syspath.h"

#include <string.h>

static const char *const step_names[] = {"delete", "rename", "write"};
static const char *const status_names[] = {"skipped", "done", "failed", "reverted"};

const char *sal_action_status_name(enum sal_action_status status) {
        return status_names[status];
}

static int find_name(const char *const *names, size_t count, const char *name) {
        for (size_t i = 0; i < count; i++)
                if (strcmp(names[i], name) == 0)
                        return (int)i;
        return -1;
}

/* ---- writing ---- */

static json_t *path_json(const char *path) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(path, &text);
        return text.failed ? NULL : json_string(text.data ? text.data : "");
}

static json_t *time_json(struct timespec t) {
        return json_pack("[I,I]", (json_int_t)t.tv_sec, (json_int_t)t.tv_nsec);
}

static json_t *facts_json(const struct sal_file_facts *facts) {
        return json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:I,s:I,s:s}", "mode", (json_int_t)facts->mode, "uid",
                         (json_int_t)facts->uid, "gid", (json_int_t)facts->gid, "size", (json_int_t)facts->size_bytes,
                         "atime", time_json(facts->atime), "mtime", time_json(facts->mtime), "device",
                         (json_int_t)facts->device, "inode", (json_int_t)facts->inode, "sha256", facts->sha256);
}

static json_t *step_json(const struct sal_step *step) {
        return json_pack("{s:s,s:I,s:o,s:o,s:b,s:o,s:s,s:I,s:I,s:I,s:I}", "kind", step_names[step->kind], "action",
                         (json_int_t)step->action, "path", path_json(step->path), "to",
                         path_json(step->to ? step->to : ""), "existed", step->existed, "before",
                         facts_json(&step->before), "content_sha256", step->content_sha256, "content_bytes",
                         (json_int_t)step->content_bytes, "mode", (json_int_t)step->mode, "uid", (json_int_t)step->uid,
                         "gid", (json_int_t)step->gid);
}

/* Appends and says whether it went well; `item` NULL (no memory) is a failure. */
static bool append(json_t *array, json_t *item) {
        return json_array_append_new(array, item) == 0;
}

static json_t *actions_json(const struct sal_work *work) {
        sal_autojson json_t *array = json_array();
        for (size_t i = 0; i < work->action_count; i++) {
                const struct sal_work_action *action = &work->actions[i];
                if (!append(array, json_pack("{s:I,s:s,s:s,s:s}", "index", (json_int_t)i, "kind",
                                             sal_action_kind_name(action->kind), "status", status_names[action->status],
                                             "detail", action->detail)))
                        return NULL;
        }
        return json_incref(array);
}

char *sal_work_dump(const struct sal_work *work) {
        sal_autojson json_t *steps = json_array(), *dirs = json_array();
        for (size_t i = 0; i < work->step_count; i++)
                if (!append(steps, step_json(&work->steps[i])))
                        return NULL;
        for (size_t i = 0; i < work->dir_count; i++)
                if (!append(dirs, json_pack("{s:o,s:o,s:o}", "path", path_json(work->dirs[i].path), "atime",
                                            time_json(work->dirs[i].atime), "mtime", time_json(work->dirs[i].mtime))))
                        return NULL;
        sal_autojson json_t *document =
                json_pack("{s:s,s:s,s:o,s:s,s:s,s:s,s:I,s:s,s:s,s:b,s:o,s:O,s:O,s:s}", "schema", "salvor.work/1",
                          "phase", sal_phase_name(work->phase), "root", path_json(work->root), "offer_id",
                          work->offer_id, "boot_id", work->boot_id, "campaign", work->campaign, "version",
                          (json_int_t)work->version, "target_sha256", work->target_sha256, "tag", work->tag, "reported",
                          work->reported, "actions", actions_json(work), "steps", steps, "dirs", dirs, "log",
                          work->log.data ? work->log.data : "");
        return document ? sal_json_dump(document) : NULL;
}

json_t *sal_work_report(const struct sal_work *work, const char *machine_id, const char *stage) {
        json_t *report = json_pack("{s:s,s:s,s:s,s:o,s:s}", "machine_id", machine_id, "boot_id", work->boot_id, "stage",
                                   stage, "actions", actions_json(work), "log", work->log.data ? work->log.data : "");
        if (!report)
                return NULL;
        int failed = *work->target_sha256
                             ? json_object_set_new(report, "campaign", json_string(work->campaign)) |
                                       json_object_set_new(report, "version", json_integer(work->version)) |
                                       json_object_set_new(report, "target_sha256", json_string(work->target_sha256))
                             : json_object_set_new(report, "offer_id", json_string(work->offer_id));
        if (failed) {
                json_decref(report);
                return NULL;
        }
        return report;
}

/* ---- reading ---- */

static enum sal_status read_path(const struct sal_json_at *at, const char *key, char **ret, struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, key, true, 0, 3 * SAL_SYSPATH_MAX_BYTES, &text, reterr);
        if (status)
                return status;
        status = sal_syspath_unescape(text, ret);
        return status ? sal_json_fail(at, key, status, reterr, "no escaped path") : SAL_OK;
}

static enum sal_status read_time(const struct sal_json_at *at, const char *key, struct timespec *ret,
                                 struct sal_err *reterr) {
        const json_t *pair = json_object_get(at->value, key);
        const json_t *seconds = json_array_get(pair, 0), *nanoseconds = json_array_get(pair, 1);
        if (!json_is_integer(seconds) || !json_is_integer(nanoseconds) || json_integer_value(nanoseconds) < 0 ||
            json_integer_value(nanoseconds) > 999999999)
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "no [seconds, nanoseconds]");
        ret->tv_sec = (time_t)json_integer_value(seconds);
        ret->tv_nsec = (long)json_integer_value(nanoseconds);
        return SAL_OK;
}

/* A string copied into a field of `size` bytes. */
static enum sal_status read_text(const struct sal_json_at *at, const char *key, char *ret, size_t size,
                                 struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, key, true, 0, size - 1, &text, reterr);
        if (!status)
                snprintf(ret, size, "%s", text);
        return status;
}

static enum sal_status read_facts(const struct sal_json_at *step, struct sal_file_facts *ret, struct sal_err *reterr) {
        struct sal_json_at at;
        int64_t mode = 0, uid = 0, gid = 0, device = 0, inode = 0;
        enum sal_status status = sal_json_object(step, "before", true, &at, reterr);
        if (status || (status = sal_json_int(&at, "mode", true, 0, 07777, &mode, reterr)) ||
            (status = sal_json_int(&at, "uid", true, 0, UINT32_MAX, &uid, reterr)) ||
            (status = sal_json_int(&at, "gid", true, 0, UINT32_MAX, &gid, reterr)) ||
            (status = sal_json_int(&at, "size", true, 0, INT64_MAX, &ret->size_bytes, reterr)) ||
            (status = sal_json_int(&at, "device", true, INT64_MIN, INT64_MAX, &device, reterr)) ||
            (status = sal_json_int(&at, "inode", true, INT64_MIN, INT64_MAX, &inode, reterr)) ||
            (status = read_time(&at, "atime", &ret->atime, reterr)) ||
            (status = read_time(&at, "mtime", &ret->mtime, reterr)) ||
            (status = read_text(&at, "sha256", ret->sha256, sizeof ret->sha256, reterr)))
                return status;
        ret->mode = (mode_t)mode;
        ret->uid = (uid_t)uid;
        ret->gid = (gid_t)gid;
        ret->device = (uint64_t)device;
        ret->inode = (uint64_t)inode;
        return SAL_OK;
}

static enum sal_status read_step(const struct sal_json_at *at, size_t action_count, struct sal_step *step,
                                 struct sal_err *reterr) {
        const char *kind = NULL;
        int64_t action = 0, mode = 0, uid = 0, gid = 0;
        enum sal_status status = sal_json_string(at, "kind", true, 1, 16, &kind, reterr);
        if (status || (status = sal_json_int(at, "action", true, 0, (int64_t)action_count - 1, &action, reterr)) ||
            (status = read_path(at, "path", &step->path, reterr)) ||
            (status = read_path(at, "to", &step->to, reterr)) ||
            (status = sal_json_bool(at, "existed", true, &step->existed, reterr)) ||
            (status = read_facts(at, &step->before, reterr)) ||
            (status = read_text(at, "content_sha256", step->content_sha256, sizeof step->content_sha256, reterr)) ||
            (status = sal_json_int(at, "content_bytes", true, 0, INT64_MAX, &step->content_bytes, reterr)) ||
            (status = sal_json_int(at, "mode", true, 0, 07777, &mode, reterr)) ||
            (status = sal_json_int(at, "uid", true, 0, UINT32_MAX, &uid, reterr)) ||
            (status = sal_json_int(at, "gid", true, 0, UINT32_MAX, &gid, reterr)))
                return status;
        int index = find_name(step_names, SAL_ARRAY_LEN(step_names), kind);
        if (index < 0)
                return sal_json_fail(at, "kind", SAL_E_INVALID, reterr, "no step kind");
        step->kind = (enum sal_step_kind)index;
        step->action = (size_t)action;
        step->mode = (mode_t)mode;
        step->uid = (uid_t)uid;
        step->gid = (gid_t)gid;
        return SAL_OK;
}

static enum sal_status read_actions(const struct sal_json_at *root, struct sal_work *work, struct sal_err *reterr) {
        struct sal_json_at array;
        enum sal_status status = sal_json_array(root, "actions", true, 1, SAL_CAMPAIGN_MAX_ACTIONS, &array, reterr);
        for (size_t i = 0; !status && i < json_array_size(array.value); i++) {
                struct sal_json_at at = sal_json_element(&array, i);
                const char *kind = NULL, *name = NULL;
                if ((status = sal_json_is_object(&at, reterr)) ||
                    (status = sal_json_string(&at, "kind", true, 1, 64, &kind, reterr)) ||
                    (status = sal_json_string(&at, "status", true, 1, 16, &name, reterr)) ||
                    (status = read_text(&at, "detail", work->actions[i].detail, SAL_WORK_DETAIL_BYTES, reterr)))
                        return status;
                int index = find_name(status_names, SAL_ARRAY_LEN(status_names), name);
                work->actions[i].kind = SAL_ACTION_KINDS;
                for (unsigned k = 0; k < SAL_ACTION_KINDS; k++)
                        if (strcmp(sal_action_kind_name((enum sal_action_kind)k), kind) == 0)
                                work->actions[i].kind = (enum sal_action_kind)k;
                if (index < 0 || work->actions[i].kind == SAL_ACTION_KINDS)
                        return sal_json_fail(&at, NULL, SAL_E_INVALID, reterr, "no action");
                work->actions[i].status = (enum sal_action_status)index;
                work->action_count = i + 1;
        }
        return status;
}

static enum sal_status read_steps(const struct sal_json_at *root, struct sal_work *work, struct sal_err *reterr) {
        struct sal_json_at array;
        enum sal_status status = sal_json_array(root, "steps", true, 0, SAL_WORK_MAX_STEPS, &array, reterr);
        for (size_t i = 0; !status && i < json_array_size(array.value); i++) {
                struct sal_json_at at = sal_json_element(&array, i);
                struct sal_step step = {0};
                if (!(status = sal_json_is_object(&at, reterr)))
                        status = read_step(&at, work->action_count, &step, reterr);
                if (status) {
                        free(step.path);
                        free(step.to);
                        return status;
                }
                status = sal_work_add_step_take(work, &step, reterr);
        }
        return status;
}

static enum sal_status read_dirs(const struct sal_json_at *root, struct sal_work *work, struct sal_err *reterr) {
        struct sal_json_at array;
        enum sal_status status = sal_json_array(root, "dirs", true, 0, 2 * SAL_WORK_MAX_STEPS, &array, reterr);
        for (size_t i = 0; !status && i < json_array_size(array.value); i++) {
                struct sal_json_at at = sal_json_element(&array, i);
                sal_autofree char *path = NULL;
                struct stat info = {0};
                if ((status = sal_json_is_object(&at, reterr)) || (status = read_path(&at, "path", &path, reterr)) ||
                    (status = read_time(&at, "atime", &info.st_atim, reterr)) ||
                    (status = read_time(&at, "mtime", &info.st_mtim, reterr)))
                        return status;
                status = sal_work_add_dir(work, path, &info);
        }
        return status;
}

static enum sal_status read_work(const struct sal_json_at *at, struct sal_work *work, struct sal_err *reterr) {
        const char *schema = NULL, *phase = NULL, *log = NULL, *target_sha256 = "";
        enum sal_status status = sal_json_is_object(at, reterr);
        if (status || (status = sal_json_string(at, "schema", true, 1, 64, &schema, reterr)) ||
            (status = sal_json_string(at, "phase", true, 1, 32, &phase, reterr)) ||
            (status = read_path(at, "root", &work->root, reterr)) ||
            (status = read_text(at, "offer_id", work->offer_id, sizeof work->offer_id, reterr)) ||
            (status = read_text(at, "boot_id", work->boot_id, sizeof work->boot_id, reterr)) ||
            (status = read_text(at, "campaign", work->campaign, sizeof work->campaign, reterr)) ||
            (status = sal_json_int(at, "version", true, 1, INT32_MAX, &work->version, reterr)) ||
            (status = sal_json_string(at, "target_sha256", false, 0, 64, &target_sha256, reterr)) ||
            (status = read_text(at, "tag", work->tag, sizeof work->tag, reterr)) ||
            (status = sal_json_bool(at, "reported", true, &work->reported, reterr)) ||
            (status = read_actions(at, work, reterr)) || (status = read_steps(at, work, reterr)) ||
            (status = read_dirs(at, work, reterr)) ||
            (status = sal_json_string(at, "log", true, 0, SAL_WORK_LOG_MAX_BYTES, &log, reterr)))
                return status;
        int index = sal_phase_parse(phase);
        if (index < 0 || strcmp(schema, "salvor.work/1") != 0)
                return sal_json_fail(at, "phase", SAL_E_INVALID, reterr, "unknown schema or phase");
        if (!sal_offer_id_valid(work->offer_id) || strlen(work->tag) != SAL_WORK_TAG_BYTES - 1 ||
            strspn(work->tag, "0123456789abcdef") != SAL_WORK_TAG_BYTES - 1)
                return sal_json_fail(at, "offer_id", SAL_E_INVALID, reterr, "no offer id, or no tag");
        if (*target_sha256 && !sal_is_sha256_hex(target_sha256))
                return sal_json_fail(at, "target_sha256", SAL_E_INVALID, reterr, "no 64 lower-case hex digits");
        snprintf(work->target_sha256, sizeof work->target_sha256, "%s", target_sha256);
        work->phase = (enum sal_phase)index;
        sal_buf_puts(&work->log, log);
        return SAL_OK;
}

enum sal_status sal_work_parse(const char *bytes, size_t len, struct sal_work **ret, struct sal_err *reterr) {
        sal_autojson json_t *document = NULL;
        struct sal_err cause = {0};
        enum sal_status status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &document, &cause);
        sal_auto(sal_work) struct sal_work *work = sal_work_new();
        if (!work)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the work under way");
        if (!status) {
                struct sal_json_at at = sal_json_root(document);
                status = read_work(&at, work, &cause);
        }
        if (status == SAL_E_NOMEM)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the work under way");
        if (status)
                return sal_fail(reterr, SAL_E_CORRUPT, "work.json is damaged: %s%s%s", cause.detail,
                                *cause.pointer ? " at " : "", cause.pointer);
        *ret = SAL_STEAL(work);
        return SAL_OK;
}
