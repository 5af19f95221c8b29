/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle_make.h"

#include "base/clock.h"
#include "put.h"
#include "trust/admission.h"
#include "trust/updater.h"

#include <errno.h>
#include <string.h>

void sal_bundle_done(struct sal_bundle *bundle) {
        json_decref(bundle->campaigns);
        json_decref(bundle->left_out);
        json_decref(bundle->artifacts);
        bundle->campaigns = bundle->left_out = bundle->artifacts = NULL;
}

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a bundle");
}

static enum sal_status write_file(const struct sal_bundle *bundle, const char *path, const char *bytes, size_t len,
                                  struct sal_err *reterr) {
        if (!bundle->folder)
                return SAL_OK;
        sal_autobuf struct sal_buf name = SAL_BUF_INIT;
        sal_buf_printf(&name, "%s/%s", bundle->folder, path);
        return name.failed ? no_memory(reterr) : sal_put_new(name.data, bytes, len, reterr);
}

/* Remembers the earliest end. */
static void ends(struct sal_bundle *bundle, int64_t expires_ms, const char *what) {
        if (bundle->good_until_ms && bundle->good_until_ms <= expires_ms)
                return;
        bundle->good_until_ms = expires_ms;
        snprintf(bundle->ends_first, sizeof bundle->ends_first, "%s", what);
}

/* ---- metadata ---- */

static enum sal_status metadata_step(struct sal_bundle *bundle, struct sal_updater *updater,
                                     const struct sal_update_need *need, struct sal_err *reterr) {
        char path[SAL_BUNDLE_PATH_BYTES];
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        struct sal_err why = {0};
        snprintf(path, sizeof path, "metadata/%s", need->name);
        enum sal_status status = sal_bundle_source_get(bundle->source, path, need->max_bytes, &file, &why);
        if (status == SAL_E_NOT_FOUND)
                return sal_updater_absent(updater, reterr);
        if (status) {
                if (reterr)
                        *reterr = why;
                return status;
        }
        const char *bytes = file.data ? file.data : "";
        status = sal_updater_give(updater, need->name, bytes, file.len, reterr);
        return status ? status : write_file(bundle, path, bytes, file.len, reterr);
}

static enum sal_status update(struct sal_bundle *bundle, struct sal_updater **ret, struct sal_err *reterr) {
        struct sal_tuf_files trusted = {0};
        struct sal_update_need need;
        char path[SAL_BUNDLE_PATH_BYTES], name[SAL_TUF_NAME_BYTES];
        trusted.file[SAL_TUF_FILE_ROOT].bytes = bundle->pinned;
        trusted.file[SAL_TUF_FILE_ROOT].len = bundle->pinned_len;
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        enum sal_status status = sal_updater_new(&trusted, bundle->now_ms, &updater, reterr);
        if (status)
                return status;
        sal_tuf_file_name(SAL_TUF_FILE_ROOT, sal_updater_root(updater)->version, name);
        snprintf(path, sizeof path, "metadata/%s", name);
        status = write_file(bundle, path, bundle->pinned, bundle->pinned_len, reterr);
        while (!status && sal_updater_need(updater, &need))
                status = metadata_step(bundle, updater, &need, reterr);
        if (status)
                return status;
        for (int file = 0; file < SAL_TUF_FILES; file++)
                ends(bundle, sal_updater_expires_ms(updater, (enum sal_tuf_file)file),
                     sal_tuf_file_text((enum sal_tuf_file)file));
        *ret = SAL_STEAL(updater);
        return SAL_OK;
}

/* ---- targets ---- */

/* "campaigns/fix-1.json" is served as "targets/campaigns/<sha256>.fix-1.json". */
static void served_path(const struct sal_tuf_target *target, char ret[static SAL_BUNDLE_PATH_BYTES]) {
        const char *slash = strchr(target->path, '/');
        int folder = slash ? (int)(slash - target->path) : 0;
        snprintf(ret, SAL_BUNDLE_PATH_BYTES, "targets/%.*s/%s.%s", folder, target->path, target->sha256,
                 slash ? slash + 1 : target->path);
}

static enum sal_status get_target(struct sal_bundle *bundle, const struct sal_tuf_target *target, struct sal_buf *ret,
                                  struct sal_err *reterr) {
        char path[SAL_BUNDLE_PATH_BYTES];
        served_path(target, path);
        enum sal_status status = sal_bundle_source_get(bundle->source, path, (size_t)target->length, ret, reterr);
        if (!status)
                status = sal_tuf_target_check(target, ret->data ? ret->data : "", ret->len, reterr);
        return status;
}

static enum sal_status put_target(struct sal_bundle *bundle, const struct sal_tuf_target *target,
                                  const struct sal_buf *bytes, struct sal_err *reterr) {
        char path[SAL_BUNDLE_PATH_BYTES];
        served_path(target, path);
        return write_file(bundle, path, bytes->data ? bytes->data : "", bytes->len, reterr);
}

static enum sal_status get_policy(struct sal_bundle *bundle, const struct sal_updater *updater, struct sal_policy **ret,
                                  struct sal_err *reterr) {
        const struct sal_tuf_target *target = &sal_updater_targets(updater)->policy;
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        enum sal_status status = get_target(bundle, target, &bytes, reterr);
        if (!status)
                status = sal_policy_parse(bytes.data ? bytes.data : "", bytes.len, ret, reterr);
        return status ? status : put_target(bundle, target, &bytes, reterr);
}

/* ---- artifacts ---- */

static bool has_artifact(const struct sal_bundle *bundle, const char *sha256) {
        size_t i;
        json_t *entry;
        json_array_foreach (bundle->artifacts, i, entry) {
                if (strcmp(json_string_value(json_object_get(entry, "sha256")), sha256) == 0)
                        return true;
        }
        return false;
}

static enum sal_status copy_artifact(struct sal_bundle *bundle, const char *sha256, int64_t length,
                                     struct sal_err *reterr) {
        if (!bundle->folder)
                return sal_bundle_source_artifact(bundle->source, sha256, length, NULL, reterr);
        sal_autobuf struct sal_buf name = SAL_BUF_INIT;
        sal_buf_printf(&name, "%s/artifacts/%s", bundle->folder, sha256);
        if (name.failed)
                return no_memory(reterr);
        sal_autofclose FILE *file = fopen(name.data, "wxe");
        if (!file)
                return sal_fail(reterr, SAL_E_IO, "cannot create %.300s: %s", name.data, strerror(errno));
        enum sal_status status = sal_bundle_source_artifact(bundle->source, sha256, length, file, reterr);
        if (!status && (fflush(file) || fsync(fileno(file))))
                status = sal_fail(reterr, SAL_E_IO, "cannot write %.300s: %s", name.data, strerror(errno));
        return status;
}

static enum sal_status collect_artifacts(struct sal_bundle *bundle, const struct sal_campaign *campaign,
                                         struct sal_err *reterr) {
        for (size_t i = 0; i < campaign->action_count; i++) {
                const struct sal_artifact_ref *artifact = &campaign->actions[i].artifact;
                if (!*artifact->sha256 || has_artifact(bundle, artifact->sha256))
                        continue;
                enum sal_status status = copy_artifact(bundle, artifact->sha256, artifact->length, reterr);
                if (status)
                        return status;
                bundle->artifact_bytes += artifact->length;
                if (json_array_append_new(bundle->artifacts, json_pack("{s:s, s:I}", "sha256", artifact->sha256,
                                                                       "length", (json_int_t)artifact->length)))
                        return no_memory(reterr);
        }
        return SAL_OK;
}

/* ---- campaigns ---- */

/* The campaign that a name means, of those that the verified list holds. */
static bool is_meant(const struct sal_ctl_campaign *name, const char *path) {
        char exact[SAL_TARGET_PATH_BYTES];
        if (name->version) {
                sal_campaign_target_path(name->id, name->version, exact);
                return strcmp(exact, path) == 0;
        }
        size_t len = strlen("campaigns/"), id = strlen(name->id);
        const char *dash = strrchr(path, '-'); /* ids hold dashes too; the last one is the version's */
        return dash && (size_t)(dash - path) == len + id && strncmp(path + len, name->id, id) == 0;
}

static enum sal_status add_campaign(struct sal_bundle *bundle, const struct sal_campaign *campaign,
                                    const struct sal_tuf_target *target, const struct sal_buf *bytes,
                                    struct sal_err *reterr) {
        char expires[SAL_TIME_BYTES], name[SAL_CAMPAIGN_ID_BYTES + 16];
        enum sal_status status = put_target(bundle, target, bytes, reterr);
        if (!status)
                status = collect_artifacts(bundle, campaign, reterr);
        if (status)
                return status;
        sal_time_format(campaign->expires_ms, expires);
        snprintf(name, sizeof name, "%s@%lld", campaign->id, (long long)campaign->version);
        ends(bundle, campaign->expires_ms, name);
        json_t *entry = json_pack("{s:s, s:I, s:s, s:s}", "id", campaign->id, "version", (json_int_t)campaign->version,
                                  "title", campaign->title, "expires", expires);
        return json_array_append_new(bundle->campaigns, entry) ? no_memory(reterr) : SAL_OK;
}

/* Judged as a client will; one that is not allowed stays out, and is an error if it was asked for by name. */
static enum sal_status collect_campaign(struct sal_bundle *bundle, const struct sal_admission_rules *rules,
                                        const struct sal_tuf_target *target, struct sal_err *reterr) {
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        struct sal_err why = {0};
        enum sal_status status = get_target(bundle, target, &bytes, &why);
        if (!status &&
            sal_admit(rules, target->path, bytes.data ? bytes.data : "", bytes.len, &campaign, &why) == SAL_ADMIT_YES)
                return add_campaign(bundle, campaign, target, &bytes, reterr);
        bool of_the_file =
                !status || status == SAL_E_NOT_FOUND || status == SAL_E_UNTRUSTED || status == SAL_E_TOO_LARGE;
        if (bundle->wanted_count == 0 && of_the_file) {
                json_t *entry = json_pack("{s:s, s:s}", "target", target->path, "why", why.detail);
                return json_array_append_new(bundle->left_out, entry) ? no_memory(reterr) : SAL_OK;
        }
        return sal_fail(reterr, why.status ? why.status : SAL_E_UNTRUSTED, "%s: %.350s", target->path, why.detail);
}

static bool has_campaign(const struct sal_bundle *bundle, const char *path) {
        size_t i;
        json_t *entry;
        char there[SAL_TARGET_PATH_BYTES];
        json_array_foreach (bundle->campaigns, i, entry) {
                sal_campaign_target_path(json_string_value(json_object_get(entry, "id")),
                                         json_integer_value(json_object_get(entry, "version")), there);
                if (strcmp(there, path) == 0)
                        return true;
        }
        return false;
}

static enum sal_status collect_named(struct sal_bundle *bundle, const struct sal_admission_rules *rules,
                                     const struct sal_tuf_campaigns *list, struct sal_err *reterr) {
        for (size_t w = 0; w < bundle->wanted_count; w++) {
                const struct sal_ctl_campaign *name = &bundle->wanted[w];
                size_t at = 0;
                while (at < list->count && !is_meant(name, list->targets[at].path))
                        at++;
                if (at == list->count) {
                        sal_fail(reterr, SAL_E_NOT_FOUND, "%s is not in force", name->id);
                        sal_err_hint(reterr, "%zu campaigns are; without a name all of them go into the bundle",
                                     list->count);
                        return SAL_E_NOT_FOUND;
                }
                if (has_campaign(bundle, list->targets[at].path))
                        continue; /* named twice */
                enum sal_status status = collect_campaign(bundle, rules, &list->targets[at], reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

static enum sal_status collect_all(struct sal_bundle *bundle, const struct sal_admission_rules *rules,
                                   const struct sal_tuf_campaigns *list, struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        for (size_t i = 0; i < list->count && !status; i++)
                status = collect_campaign(bundle, rules, &list->targets[i], reterr);
        if (!status && json_array_size(bundle->campaigns) == 0 && json_array_size(bundle->left_out))
                return sal_fail(reterr, SAL_E_UNTRUSTED, "no listed campaign may be carried; the first: %.350s",
                                json_string_value(json_object_get(json_array_get(bundle->left_out, 0), "why")));
        if (!status && json_array_size(bundle->campaigns) == 0)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "no campaign is in force: there is nothing to carry");
        return status;
}

enum sal_status sal_bundle_collect(struct sal_bundle *bundle, struct sal_err *reterr) {
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        char trust_domain[SAL_SHA256_HEX_BYTES];
        bundle->campaigns = json_array();
        bundle->left_out = json_array();
        bundle->artifacts = json_array();
        if (!bundle->campaigns || !bundle->left_out || !bundle->artifacts)
                return no_memory(reterr);
        sal_sha256_hex(bundle->pinned, bundle->pinned_len, trust_domain);
        enum sal_status status = update(bundle, &updater, reterr);
        if (!status)
                status = get_policy(bundle, updater, &policy, reterr);
        if (status)
                return status;
        const struct sal_admission_rules rules = {
                .policy = policy, .trust_domain = trust_domain, .now_ms = bundle->now_ms};
        const struct sal_tuf_campaigns *list = sal_updater_campaigns(updater);
        return bundle->wanted_count ? collect_named(bundle, &rules, list, reterr)
                                    : collect_all(bundle, &rules, list, reterr);
}
