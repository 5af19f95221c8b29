/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/updater_internal.h"

#include <stdarg.h>
#include <string.h>

static const char *const file_texts[] = {
        [SAL_TUF_FILE_ROOT] = "root",           [SAL_TUF_FILE_TIMESTAMP] = "timestamp",
        [SAL_TUF_FILE_SNAPSHOT] = "snapshot",   [SAL_TUF_FILE_TARGETS] = "targets",
        [SAL_TUF_FILE_CAMPAIGNS] = "campaigns",
};
_Static_assert(SAL_ARRAY_LEN(file_texts) == SAL_TUF_FILES, "every file has a text");

static const char *const reason_texts[] = {
        [SAL_UPDATE_FINE] = "fine",
        [SAL_UPDATE_UNAVAILABLE] = "unavailable",
        [SAL_UPDATE_TOO_LONG] = "too-long",
        [SAL_UPDATE_MISMATCH] = "mismatch",
        [SAL_UPDATE_MALFORMED] = "malformed",
        [SAL_UPDATE_CONTENT] = "content",
        [SAL_UPDATE_DELEGATION] = "delegation",
        [SAL_UPDATE_SIGNATURES] = "signatures",
        [SAL_UPDATE_ROOT_VERSION] = "root-version",
        [SAL_UPDATE_ROOT_STEPS] = "root-steps",
        [SAL_UPDATE_EXPIRED] = "expired",
        [SAL_UPDATE_ROLLBACK] = "rollback",
        [SAL_UPDATE_EQUIVOCATION] = "equivocation",
        [SAL_UPDATE_ROLE_DROPPED] = "role-dropped",
        [SAL_UPDATE_INTERNAL] = "internal",
};
_Static_assert(SAL_ARRAY_LEN(reason_texts) == SAL_UPDATE_REASONS, "every reason has a text");

const char *sal_tuf_file_text(enum sal_tuf_file file) {
        return file_texts[file];
}

const char *sal_update_reason_text(enum sal_update_reason reason) {
        return reason_texts[reason];
}

void sal_tuf_file_name(enum sal_tuf_file file, int64_t version, char ret[static SAL_TUF_NAME_BYTES]) {
        if (file == SAL_TUF_FILE_TIMESTAMP)
                snprintf(ret, SAL_TUF_NAME_BYTES, "timestamp.json");
        else
                snprintf(ret, SAL_TUF_NAME_BYTES, "%lld.%s.json", (long long)version, file_texts[file]);
}

/* ---- slots ---- */

void sal_update_slot_done(struct sal_update_slot *slot) {
        free(slot->bytes);
        *slot = (struct sal_update_slot){0};
}

enum sal_status sal_update_fill(struct sal_update_slot *slot, const char *bytes, size_t len, int64_t version,
                                int64_t expires_ms) {
        char *copy = malloc(len + 1);
        if (!copy)
                return SAL_E_NOMEM;
        memcpy(copy, bytes, len);
        copy[len] = '\0';
        sal_update_slot_done(slot);
        *slot = (struct sal_update_slot){.bytes = copy, .len = len, .version = version, .expires_ms = expires_ms};
        return SAL_OK;
}

/* ---- life ---- */

void sal_updater_free(struct sal_updater *updater) {
        if (!updater)
                return;
        for (size_t i = 0; i < SAL_TUF_FILES; i++) {
                sal_update_slot_done(&updater->old[i]);
                sal_update_slot_done(&updater->now[i]);
        }
        sal_tuf_root_free(updater->root);
        sal_tuf_targets_free(updater->old_targets);
        sal_tuf_targets_free(updater->targets);
        sal_tuf_campaigns_free(updater->campaigns);
        free(updater);
}

enum sal_status sal_updater_new(const struct sal_tuf_files *trusted, int64_t now_ms, struct sal_updater **ret,
                                struct sal_err *reterr) {
        sal_auto(sal_updater) struct sal_updater *updater = calloc(1, sizeof *updater);
        if (!updater)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for an update");
        const char *bytes = trusted->file[SAL_TUF_FILE_ROOT].bytes;
        size_t len = trusted->file[SAL_TUF_FILE_ROOT].len;
        if (!bytes)
                return sal_fail(reterr, SAL_E_INVALID, "an update begins with a trusted root");
        enum sal_status status = sal_tuf_root_load(bytes, len, &updater->root, reterr);
        if (status)
                return status;
        updater->now_ms = now_ms;
        if (sal_update_fill(&updater->now[SAL_TUF_FILE_ROOT], bytes, len, updater->root->version,
                            updater->root->expires_ms))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for an update");
        status = sal_update_read_old(updater, trusted, reterr);
        if (!status)
                *ret = SAL_STEAL(updater);
        return status;
}

/* ---- what is needed ---- */

bool sal_updater_need(const struct sal_updater *updater, struct sal_update_need *ret) {
        static const size_t max_bytes[SAL_TUF_FILES] = {
                [SAL_TUF_FILE_ROOT] = SAL_TUF_MAX_BYTES,
                [SAL_TUF_FILE_TIMESTAMP] = SAL_TUF_TIMESTAMP_MAX_BYTES,
        };
        if (updater->outcome != SAL_UPDATE_PENDING)
                return false;
        enum sal_tuf_file file = updater->phase;
        const struct sal_tuf_meta *wanted = &updater->wanted[file];
        ret->file = file;
        ret->max_bytes = wanted->version ? (size_t)wanted->length : max_bytes[file];
        sal_tuf_file_name(file, file == SAL_TUF_FILE_ROOT ? updater->root->version + 1 : wanted->version, ret->name);
        return true;
}

enum sal_status sal_update_refuse(struct sal_updater *updater, enum sal_tuf_file file, enum sal_update_reason reason,
                                  enum sal_status status, struct sal_err *reterr, const char *format, ...) {
        char detail[SAL_ERR_DETAIL_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(detail, sizeof detail, format, args);
        va_end(args);
        updater->outcome = SAL_UPDATE_UNABLE;
        updater->reason = reason;
        updater->at_fault = file;
        return sal_fail(reterr, status, "%s (%s): %.400s", sal_tuf_file_text(file), sal_update_reason_text(reason),
                        detail);
}

static enum sal_status over(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_CONFLICT, "the update is over: no further file is needed");
}

enum sal_status sal_updater_give(struct sal_updater *updater, const char *name, const char *bytes, size_t len,
                                 struct sal_err *reterr) {
        struct sal_update_need need;
        if (!sal_updater_need(updater, &need))
                return over(reterr);
        if (strcmp(need.name, name) != 0)
                return sal_fail(reterr, SAL_E_CONFLICT, "%s is needed, not %.64s", need.name, name);
        if (len > need.max_bytes)
                return sal_update_refuse(updater, need.file, SAL_UPDATE_TOO_LONG, SAL_E_TOO_LARGE, reterr,
                                         "%s may have %zu bytes and has more", need.name, need.max_bytes);
        return sal_update_accept(updater, need.file, bytes, len, reterr);
}

enum sal_status sal_updater_unavailable(struct sal_updater *updater, struct sal_err *reterr) {
        struct sal_update_need need;
        if (!sal_updater_need(updater, &need))
                return over(reterr);
        return sal_update_refuse(updater, need.file, SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE, reterr,
                                 "%s could not be had; whether there is something new is not known", need.name);
}

enum sal_status sal_updater_absent(struct sal_updater *updater, struct sal_err *reterr) {
        if (updater->outcome == SAL_UPDATE_PENDING && updater->phase == SAL_TUF_FILE_ROOT)
                return sal_update_end_chain(updater, reterr);
        return sal_updater_unavailable(updater, reterr);
}

enum sal_status sal_updater_run(struct sal_updater *updater, sal_update_find *find, void *context,
                                struct sal_err *reterr) {
        struct sal_update_need need;
        enum sal_status status = SAL_OK;
        if (!sal_updater_need(updater, &need))
                return over(reterr);
        while (!status && sal_updater_need(updater, &need)) {
                const char *bytes = NULL;
                size_t len = 0;
                if (find(context, need.name, &bytes, &len))
                        status = sal_updater_give(updater, need.name, bytes, len, reterr);
                else
                        status = sal_updater_absent(updater, reterr);
        }
        return status;
}

/* ---- what comes out ---- */

enum sal_update_outcome sal_updater_outcome(const struct sal_updater *updater) {
        return updater->outcome;
}

enum sal_update_reason sal_updater_reason(const struct sal_updater *updater, enum sal_tuf_file *ret_file) {
        if (ret_file)
                *ret_file = updater->at_fault;
        return updater->reason;
}

static bool complete(const struct sal_updater *updater) {
        return updater->outcome == SAL_UPDATE_NEWS || updater->outcome == SAL_UPDATE_NO_NEWS;
}

static const struct sal_update_slot *kept(const struct sal_updater *updater, enum sal_tuf_file file) {
        return file == SAL_TUF_FILE_ROOT || complete(updater) ? &updater->now[file] : &updater->old[file];
}

void sal_updater_files(const struct sal_updater *updater, struct sal_tuf_files *ret) {
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                const struct sal_update_slot *slot = kept(updater, (enum sal_tuf_file)i);
                ret->file[i].bytes = slot->bytes;
                ret->file[i].len = slot->len;
        }
}

bool sal_updater_lost(const struct sal_updater *updater, enum sal_tuf_file file) {
        return updater->lost[file];
}

int64_t sal_updater_version(const struct sal_updater *updater, enum sal_tuf_file file) {
        return kept(updater, file)->version;
}

int64_t sal_updater_expires_ms(const struct sal_updater *updater, enum sal_tuf_file file) {
        return kept(updater, file)->expires_ms;
}

const struct sal_tuf_root *sal_updater_root(const struct sal_updater *updater) {
        return updater->root;
}

const struct sal_tuf_targets *sal_updater_targets(const struct sal_updater *updater) {
        return complete(updater) ? updater->targets : NULL;
}

const struct sal_tuf_campaigns *sal_updater_campaigns(const struct sal_updater *updater) {
        return complete(updater) ? updater->campaigns : NULL;
}

enum sal_status sal_updater_find_target(const struct sal_updater *updater, const char *path, struct sal_tuf_target *ret,
                                        struct sal_err *reterr) {
        if (!complete(updater))
                return sal_fail(reterr, SAL_E_CONFLICT, "the update is not complete: no target can be trusted");
        const struct sal_tuf_target *found = NULL;
        if (strncmp(path, "campaigns/", 10) == 0)
                found = sal_tuf_campaigns_find(updater->campaigns, path);
        else if (strcmp(path, updater->targets->policy.path) == 0)
                found = &updater->targets->policy;
        if (!found)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "the verified metadata lists no target %.128s", path);
        *ret = *found;
        return SAL_OK;
}

enum sal_status sal_tuf_target_check(const struct sal_tuf_target *target, const char *bytes, size_t len,
                                     struct sal_err *reterr) {
        char digest[SAL_SHA256_HEX_BYTES];
        if ((int64_t)len != target->length)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "%s must have %lld bytes, it has %zu", target->path,
                                (long long)target->length, len);
        sal_sha256_hex(bytes, len, digest);
        if (strcmp(digest, target->sha256) != 0)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "%s is not the file that the metadata names", target->path);
        return SAL_OK;
}
