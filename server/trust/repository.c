/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/repository.h"

#include <string.h>

/* What is worked on during one call. */
struct work {
        const struct sal_repository_input *input;
        struct sal_tuf_targets *targets;
        struct sal_policy *policy;
        struct sal_tuf_campaigns *list;            /* what shall be in force */
        int64_t expires_ms[SAL_TUF_MAX_CAMPAIGNS]; /* of the campaigns, in the order in which they were listed */
        struct sal_repository_next next;
};

static const int64_t day_ms = INT64_C(86400000);

void sal_repository_next_done(struct sal_repository_next *next) {
        if (!next)
                return;
        for (size_t i = 0; i < SAL_TUF_FILES; i++)
                sal_buf_done(&next->files[i]);
}

static void work_done(struct work *work) {
        sal_tuf_targets_free(work->targets);
        sal_policy_unref(work->policy);
        sal_tuf_campaigns_free(work->list);
        sal_repository_next_done(&work->next);
}

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory to make TUF metadata");
}

/* ---- what comes from offline keys ---- */

/* True when the mark is of another file of this version. */
static bool other_file(const struct sal_tuf_mark *mark, int64_t version, const char *sha256) {
        return mark->version == version && *mark->sha256 && strcmp(mark->sha256, sha256) != 0;
}

static enum sal_status check_mark(const struct work *work, enum sal_tuf_file file, int64_t version, const char *sha256,
                                  struct sal_err *reterr) {
        const struct sal_tuf_mark *mark = &work->input->marks[file];
        if (version < mark->version) {
                sal_fail(reterr, SAL_E_REFUSED, "%s has version %lld, and version %lld was given away before",
                         sal_tuf_file_text(file), (long long)version, (long long)mark->version);
                sal_err_hint(reterr, "a backup was restored: put the newest %s file back", sal_tuf_file_text(file));
                return SAL_E_REFUSED;
        }
        if (!other_file(mark, version, sha256))
                return SAL_OK;
        sal_fail(reterr, SAL_E_REFUSED, "%s has version %lld, which was given away with other bytes",
                 sal_tuf_file_text(file), (long long)version);
        sal_err_hint(reterr, "put the file of SHA-256 %s back, or sign this one as version %lld", mark->sha256,
                     (long long)version + 1);
        return SAL_E_REFUSED;
}

static void set_mark(struct work *work, enum sal_tuf_file file, int64_t version, const char *sha256) {
        work->next.marks[file].version = version;
        snprintf(work->next.marks[file].sha256, sizeof work->next.marks[file].sha256, "%s", sha256);
}

static enum sal_status open_offline(struct work *work, struct sal_err *reterr) {
        const struct sal_repository_input *input = work->input;
        const char *bytes = input->files.file[SAL_TUF_FILE_TARGETS].bytes;
        if (!bytes)
                return sal_fail(reterr, SAL_E_INVALID, "there is no targets file");
        enum sal_status status = sal_tuf_targets_load(bytes, input->files.file[SAL_TUF_FILE_TARGETS].len,
                                                      &input->root->roles[SAL_TUF_TARGETS], &work->targets, reterr);
        char sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(bytes, input->files.file[SAL_TUF_FILE_TARGETS].len, sha256);
        if (!status)
                status = check_mark(work, SAL_TUF_FILE_ROOT, input->root->version, input->root->sha256, reterr);
        if (!status)
                status = check_mark(work, SAL_TUF_FILE_TARGETS, work->targets->version, sha256, reterr);
        if (!status)
                status = sal_tuf_target_check(&work->targets->policy, input->policy, input->policy_len, reterr);
        if (!status)
                status = sal_policy_parse(input->policy, input->policy_len, &work->policy, reterr);
        if (status)
                return status;
        set_mark(work, SAL_TUF_FILE_ROOT, input->root->version, input->root->sha256);
        set_mark(work, SAL_TUF_FILE_TARGETS, work->targets->version, sha256);
        work->next.expires_ms[SAL_TUF_FILE_ROOT] = input->root->expires_ms;
        work->next.expires_ms[SAL_TUF_FILE_TARGETS] = work->targets->expires_ms;
        return SAL_OK;
}

/* ---- the list of what is in force ---- */

/* "campaigns/<id>-": of one campaign only one version can be in force. */
static bool same_campaign(const char *a, const char *b) {
        size_t len = (size_t)(strrchr(a, '-') - a) + 1;
        return strncmp(a, b, len) == 0 && strrchr(b, '-') == b + len - 1;
}

static struct sal_tuf_target target_of(const struct sal_repository_envelope *envelope) {
        struct sal_tuf_target target = {.length = (int64_t)envelope->len};
        snprintf(target.path, sizeof target.path, "%s", envelope->path);
        sal_sha256_hex(envelope->bytes, envelope->len, target.sha256);
        return target;
}

static bool same_target(const struct sal_tuf_target *a, const struct sal_tuf_target *b) {
        return strcmp(a->path, b->path) == 0 && a->length == b->length && strcmp(a->sha256, b->sha256) == 0;
}

/* True and the campaign's expiry when these very bytes were admitted under this name before, under the policy of now.
 */
static bool recall(const struct work *work, const struct sal_tuf_target *target, int64_t *ret_expires_ms) {
        const struct sal_repository_memory *memory = work->input->memory;
        if (!memory || strcmp(memory->policy_sha256, sal_policy_sha256(work->policy)) != 0 ||
            strcmp(memory->trust_domain, work->input->trust_domain) != 0)
                return false;
        for (size_t i = 0; i < memory->count; i++)
                if (same_target(&memory->admitted[i].target, target)) {
                        *ret_expires_ms = memory->admitted[i].expires_ms;
                        return *ret_expires_ms > work->input->now_ms;
                }
        return false;
}

/* Verifies an envelope, unless it was before. */
static enum sal_admission admit(const struct work *work, const struct sal_repository_envelope *envelope,
                                const struct sal_tuf_target *target, int64_t *ret_expires_ms, struct sal_err *why) {
        const struct sal_admission_rules rules = {
                .policy = work->policy, .trust_domain = work->input->trust_domain, .now_ms = work->input->now_ms};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        if (recall(work, target, ret_expires_ms))
                return SAL_ADMIT_YES;
        enum sal_admission admission =
                sal_admit(&rules, envelope->path, envelope->bytes, envelope->len, &campaign, why);
        if (!admission)
                *ret_expires_ms = campaign->expires_ms;
        return admission;
}

/* Adds an envelope to the list if it may be in force. */
static enum sal_admission list_one(struct work *work, const struct sal_repository_envelope *envelope,
                                   struct sal_err *why) {
        struct sal_tuf_campaigns *list = work->list;
        struct sal_tuf_target target = target_of(envelope);
        int64_t expires_ms = 0;
        enum sal_admission admission = admit(work, envelope, &target, &expires_ms, why);
        if (admission)
                return admission;
        for (size_t i = 0; i < list->count; i++)
                if (same_campaign(list->targets[i].path, target.path)) {
                        sal_fail(why, SAL_E_CONFLICT, "%s is in the list already", list->targets[i].path);
                        return SAL_ADMIT_TWICE;
                }
        if (list->count == SAL_TUF_MAX_CAMPAIGNS) {
                sal_fail(why, SAL_E_TOO_MANY, "at most %d campaigns are in force at a time", SAL_TUF_MAX_CAMPAIGNS);
                return SAL_ADMIT_TOO_MANY;
        }
        work->expires_ms[list->count] = expires_ms;
        list->targets[list->count++] = target;
        return SAL_ADMIT_YES;
}

static void remember(const struct work *work) {
        struct sal_repository_memory *memory = work->input->memory;
        if (!memory)
                return;
        *memory = (struct sal_repository_memory){.count = work->list->count};
        memcpy(memory->policy_sha256, sal_policy_sha256(work->policy), sizeof memory->policy_sha256);
        snprintf(memory->trust_domain, sizeof memory->trust_domain, "%s", work->input->trust_domain);
        for (size_t i = 0; i < memory->count; i++) {
                memory->admitted[i].target = work->list->targets[i];
                memory->admitted[i].expires_ms = work->expires_ms[i];
        }
}

static int compare_paths(const void *a, const void *b) {
        return strcmp(((const struct sal_tuf_target *)a)->path, ((const struct sal_tuf_target *)b)->path);
}

static enum sal_status make_list(struct work *work, struct sal_repository_verdict *verdicts, struct sal_err *reterr) {
        work->list = calloc(1, sizeof *work->list);
        if (!work->list)
                return no_memory(reterr);
        for (size_t i = 0; i < work->input->envelope_count; i++) {
                const struct sal_repository_envelope *envelope = &work->input->envelopes[i];
                struct sal_repository_verdict verdict = {0};
                verdict.admission = list_one(work, envelope, &verdict.why);
                if (verdict.admission == SAL_ADMIT_INTERNAL)
                        return no_memory(reterr);
                if (verdicts)
                        verdicts[i] = verdict;
        }
        remember(work); /* in the order of expires_ms, before the list is sorted */
        qsort(work->list->targets, work->list->count, sizeof *work->list->targets, compare_paths);
        work->next.listed = work->list->count;
        return SAL_OK;
}

/* ---- versions ---- */

/* The version above all that are known: `had` is that of the file at hand, 0 when there is none. */
static enum sal_status next_version(const struct work *work, enum sal_tuf_file file, int64_t had, int64_t *ret,
                                    struct sal_err *reterr) {
        int64_t mark = work->input->marks[file].version;
        int64_t highest = had > mark ? had : mark;
        if (highest < SAL_TUF_VERSION_MAX) {
                *ret = highest + 1;
                return SAL_OK;
        }
        sal_fail(reterr, SAL_E_REFUSED, "%s has no version left", sal_tuf_file_text(file));
        sal_err_hint(reterr, "rotate the keys of %s and begin its high-water mark anew", sal_tuf_file_text(file));
        return SAL_E_REFUSED;
}

/* May the file at hand, whose content is still right, stay as it is? Only if it is the one that was given away, not
 * when no more than `left_ms` of its life of `life_ms` is left, and not when it was signed while the clock was ahead.
 */
static bool may_stay(const struct work *work, enum sal_tuf_file file, int64_t version, int64_t expires_ms,
                     int64_t life_ms, int64_t left_ms) {
        const struct sal_tuf_mark *mark = &work->input->marks[file];
        char sha256[SAL_SHA256_HEX_BYTES];
        int64_t left = expires_ms - work->input->now_ms;
        sal_sha256_hex(work->input->files.file[file].bytes, work->input->files.file[file].len, sha256);
        return version == mark->version && strcmp(mark->sha256, sha256) == 0 && left > left_ms && left <= life_ms;
}

/* The bytes stay. */
static enum sal_status stay(struct work *work, enum sal_tuf_file file, int64_t version, int64_t expires_ms,
                            struct sal_err *reterr) {
        struct sal_buf *out = &work->next.files[file];
        sal_buf_append(out, work->input->files.file[file].bytes, work->input->files.file[file].len);
        set_mark(work, file, version, work->input->marks[file].sha256);
        work->next.expires_ms[file] = expires_ms;
        return out->failed ? no_memory(reterr) : SAL_OK;
}

/* The file has been written anew. */
static void anew(struct work *work, enum sal_tuf_file file, int64_t version, int64_t expires_ms) {
        char sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(work->next.files[file].data, work->next.files[file].len, sha256);
        work->next.signed_anew[file] = true;
        set_mark(work, file, version, sha256);
        work->next.expires_ms[file] = expires_ms / 1000 * 1000; /* as it is written */
}

/* ---- the three files ---- */

static bool same_list(const struct sal_tuf_campaigns *a, const struct sal_tuf_campaigns *b) {
        if (a->count != b->count)
                return false;
        for (size_t i = 0; i < a->count; i++)
                if (!same_target(&a->targets[i], &b->targets[i]))
                        return false;
        return true;
}

static enum sal_status make_campaigns(struct work *work, struct sal_err *reterr) {
        static const enum sal_tuf_file file = SAL_TUF_FILE_CAMPAIGNS;
        const struct sal_repository_input *input = work->input;
        const struct sal_tuf_role *role = &work->targets->campaigns;
        struct sal_buf *out = &work->next.files[file];
        sal_auto(sal_tuf_campaigns) struct sal_tuf_campaigns *had = NULL;
        const char *bytes = input->files.file[file].bytes;
        if (bytes && sal_tuf_campaigns_load(bytes, input->files.file[file].len, role, &had, NULL) == SAL_E_NOMEM)
                return no_memory(reterr);
        if (had && same_list(had, work->list) &&
            may_stay(work, file, had->version, had->expires_ms, SAL_TUF_CAMPAIGNS_DAYS * day_ms,
                     SAL_TUF_CAMPAIGNS_DAYS * day_ms / 2))
                return stay(work, file, had->version, had->expires_ms, reterr);
        enum sal_status status = next_version(work, file, had ? had->version : 0, &work->list->version, reterr);
        if (status)
                return status;
        work->list->expires_ms = input->now_ms + SAL_TUF_CAMPAIGNS_DAYS * day_ms;
        status = sal_tuf_campaigns_build(work->list, input->campaigns.keys, input->campaigns.count, out, reterr);
        if (status)
                return status;
        sal_auto(sal_tuf_campaigns) struct sal_tuf_campaigns *check = NULL;
        anew(work, file, work->list->version, work->list->expires_ms);
        return sal_tuf_campaigns_load(out->data, out->len, role, &check, reterr);
}

static bool same_meta(const struct sal_tuf_meta *a, const struct sal_tuf_meta *b) {
        return a->version == b->version && a->length == b->length && strcmp(a->sha256, b->sha256) == 0;
}

static enum sal_status make_snapshot(struct work *work, struct sal_err *reterr) {
        static const enum sal_tuf_file file = SAL_TUF_FILE_SNAPSHOT;
        const struct sal_repository_input *input = work->input;
        const struct sal_tuf_role *role = &input->root->roles[SAL_TUF_SNAPSHOT];
        const struct sal_buf *campaigns = &work->next.files[SAL_TUF_FILE_CAMPAIGNS];
        struct sal_buf *out = &work->next.files[file];
        struct sal_tuf_snapshot had = {0};
        struct sal_tuf_snapshot next = {.expires_ms = input->now_ms + SAL_TUF_SNAPSHOT_DAYS * day_ms,
                                        .targets = sal_tuf_meta_of(work->targets->version,
                                                                   input->files.file[SAL_TUF_FILE_TARGETS].bytes,
                                                                   input->files.file[SAL_TUF_FILE_TARGETS].len),
                                        .campaigns = sal_tuf_meta_of(work->next.marks[SAL_TUF_FILE_CAMPAIGNS].version,
                                                                     campaigns->data, campaigns->len)};
        const char *bytes = input->files.file[file].bytes;
        if (bytes && sal_tuf_snapshot_load(bytes, input->files.file[file].len, role, &had, NULL) == SAL_E_NOMEM)
                return no_memory(reterr);
        if (had.version && same_meta(&had.targets, &next.targets) && same_meta(&had.campaigns, &next.campaigns) &&
            may_stay(work, file, had.version, had.expires_ms, SAL_TUF_SNAPSHOT_DAYS * day_ms,
                     SAL_TUF_SNAPSHOT_DAYS * day_ms / 2))
                return stay(work, file, had.version, had.expires_ms, reterr);
        enum sal_status status = next_version(work, file, had.version, &next.version, reterr);
        if (!status)
                status = sal_tuf_snapshot_build(&next, input->snapshot.keys, input->snapshot.count, out, reterr);
        if (status)
                return status;
        anew(work, file, next.version, next.expires_ms);
        return sal_tuf_snapshot_load(out->data, out->len, role, &had, reterr);
}

static enum sal_status make_timestamp(struct work *work, struct sal_err *reterr) {
        static const enum sal_tuf_file file = SAL_TUF_FILE_TIMESTAMP;
        const struct sal_repository_input *input = work->input;
        const struct sal_tuf_role *role = &input->root->roles[SAL_TUF_TIMESTAMP];
        const struct sal_buf *snapshot = &work->next.files[SAL_TUF_FILE_SNAPSHOT];
        struct sal_buf *out = &work->next.files[file];
        struct sal_tuf_timestamp had = {0};
        struct sal_tuf_timestamp next = {.expires_ms = input->now_ms + SAL_TUF_TIMESTAMP_DAYS * day_ms,
                                         .snapshot = sal_tuf_meta_of(work->next.marks[SAL_TUF_FILE_SNAPSHOT].version,
                                                                     snapshot->data, snapshot->len)};
        const char *bytes = input->files.file[file].bytes;
        if (bytes && sal_tuf_timestamp_load(bytes, input->files.file[file].len, role, &had, NULL) == SAL_E_NOMEM)
                return no_memory(reterr);
        if (!input->renew && had.version && same_meta(&had.snapshot, &next.snapshot) &&
            may_stay(work, file, had.version, had.expires_ms, SAL_TUF_TIMESTAMP_DAYS * day_ms,
                     SAL_TUF_TIMESTAMP_DAYS * day_ms - SAL_TUF_TIMESTAMP_RENEW_MS))
                return stay(work, file, had.version, had.expires_ms, reterr);
        enum sal_status status = next_version(work, file, had.version, &next.version, reterr);
        if (!status)
                status = sal_tuf_timestamp_build(&next, input->timestamp.keys, input->timestamp.count, out, reterr);
        if (status)
                return status;
        anew(work, file, next.version, next.expires_ms);
        return sal_tuf_timestamp_load(out->data, out->len, role, &had, reterr);
}

enum sal_status sal_repository_make(const struct sal_repository_input *input, struct sal_repository_verdict *verdicts,
                                    struct sal_repository_next *ret, struct sal_err *reterr) {
        __attribute__((cleanup(work_done))) struct work work = {.input = input};
        enum sal_status status = open_offline(&work, reterr);
        if (!status)
                status = make_list(&work, verdicts, reterr);
        if (!status)
                status = make_campaigns(&work, reterr);
        if (!status)
                status = make_snapshot(&work, reterr);
        if (!status)
                status = make_timestamp(&work, reterr);
        if (status)
                return status;
        *ret = work.next;
        memset(&work.next, 0, sizeof work.next);
        return SAL_OK;
}
