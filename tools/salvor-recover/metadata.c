/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/metadata.h"

#include "base/log.h"
#include "salvor-recover/done.h"
#include "salvor-recover/floor.h"
#include "trust/file.h"

#include <string.h>

static const char pinned_name[] = "tuf/pinned";
static const char policy_name[] = "tuf/policy.json";

struct sal_metadata {
        struct sal_store *store;
        char domain[SAL_SHA256_HEX_BYTES];
        struct sal_tuf_root *root; /* the newest, parsed */
        struct {
                char *bytes; /* root: always */
                size_t len;
        } held[SAL_TUF_FILES];
        struct sal_policy *policy;   /* the kept one, or NULL */
        struct sal_updater *updater; /* the last one, when it is complete */
};

static void file_name(enum sal_tuf_file file, char ret[static SAL_STORE_NAME_BYTES]) {
        snprintf(ret, SAL_STORE_NAME_BYTES, "tuf/%s.json", sal_tuf_file_text(file));
}

static void log_dropped(const char *name, const char *why) {
        sal_log(SAL_LOG_WARNING, "recover.metadata_dropped", SAL_F_STR("file", name), SAL_F_STR("detail", why));
}

static void log_not_kept(const char *name, const struct sal_err *cause) {
        sal_log(SAL_LOG_WARNING, "recover.metadata_not_kept", SAL_F_STR("file", name),
                SAL_F_STR("detail", cause->detail));
}

/* ---- what is kept ---- */

static void put(struct sal_metadata *metadata, const char *name, const char *bytes, size_t len) {
        struct sal_err cause = {0};
        enum sal_status status = bytes ? sal_store_put(metadata->store, name, bytes, len, &cause)
                                       : sal_store_remove(metadata->store, name, &cause);
        if (status)
                log_not_kept(name, &cause);
}

/* Takes other bytes for a file, or none, in memory. */
static enum sal_status hold(struct sal_metadata *metadata, enum sal_tuf_file file, const char *bytes, size_t len) {
        char *copy = bytes ? malloc(len + 1) : NULL;
        if (bytes && !copy)
                return SAL_E_NOMEM;
        if (bytes) {
                memcpy(copy, bytes, len);
                copy[len] = 0;
        }
        free(metadata->held[file].bytes);
        metadata->held[file].bytes = copy;
        metadata->held[file].len = bytes ? len : 0;
        return SAL_OK;
}

static bool is_held(const struct sal_metadata *metadata, enum sal_tuf_file file, const char *bytes, size_t len) {
        const char *held = metadata->held[file].bytes;
        if (!held || !bytes)
                return held == bytes;
        return metadata->held[file].len == len && memcmp(held, bytes, len) == 0;
}

/* Everything kept goes: it belongs to another trust domain, or to nobody knows which. */
static void drop_all(struct sal_metadata *metadata) {
        char name[SAL_STORE_NAME_BYTES];
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                file_name((enum sal_tuf_file)i, name);
                put(metadata, name, NULL, 0);
        }
        put(metadata, policy_name, NULL, 0);
        sal_floor_forget(metadata->store, NULL);
        sal_done_forget(metadata->store, NULL);
}

static bool has_any(const struct sal_metadata *metadata) {
        char name[SAL_STORE_NAME_BYTES];
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                file_name((enum sal_tuf_file)i, name);
                if (sal_store_has(metadata->store, name))
                        return true;
        }
        return sal_store_has(metadata->store, policy_name);
}

/* What is kept counts only for the pinned root it was kept for. */
static void check_pinned(struct sal_metadata *metadata) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        struct sal_err cause = {0};
        enum sal_status status = sal_store_get(metadata->store, pinned_name, SAL_SHA256_HEX_BYTES, &bytes, &len, NULL);
        if (!status && strcmp(bytes, metadata->domain) == 0)
                return;
        if (!status || has_any(metadata)) {
                log_dropped("tuf/", "what was kept belongs to another pinned root than this one");
                drop_all(metadata);
        }
        if (sal_store_put(metadata->store, pinned_name, metadata->domain, strlen(metadata->domain), &cause))
                log_not_kept(pinned_name, &cause);
}

/* A file that cannot be read is dropped; the updater asks for it anew. */
static enum sal_status load_file(struct sal_metadata *metadata, enum sal_tuf_file file) {
        sal_autofree char *bytes = NULL;
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        char name[SAL_STORE_NAME_BYTES];
        size_t len = 0;
        struct sal_err cause = {0};
        file_name(file, name);
        enum sal_status status = sal_store_get(metadata->store, name, SAL_TUF_MAX_BYTES, &bytes, &len, &cause);
        if (!status && file == SAL_TUF_FILE_ROOT)
                status = sal_tuf_root_load(bytes, len, &root, &cause);
        if (!status && root && root->version == 1 && strcmp(root->sha256, metadata->domain) != 0)
                status = sal_fail(&cause, SAL_E_UNTRUSTED, "it is not the pinned root");
        if (!status)
                status = hold(metadata, file, bytes, len);
        if (!status && root) {
                sal_tuf_root_free(metadata->root);
                metadata->root = SAL_STEAL(root);
        }
        if (status && status != SAL_E_NOT_FOUND && status != SAL_E_NOMEM) {
                log_dropped(name, cause.detail);
                put(metadata, name, NULL, 0);
        }
        return status == SAL_E_NOMEM ? status : SAL_OK;
}

static enum sal_status load_policy(struct sal_metadata *metadata) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        struct sal_err cause = {0};
        enum sal_status status =
                sal_store_get(metadata->store, policy_name, SAL_POLICY_MAX_BYTES, &bytes, &len, &cause);
        if (!status)
                status = sal_policy_parse(bytes, len, &metadata->policy, &cause);
        if (status && status != SAL_E_NOT_FOUND && status != SAL_E_NOMEM) {
                log_dropped(policy_name, cause.detail);
                put(metadata, policy_name, NULL, 0);
        }
        return status == SAL_E_NOMEM ? status : SAL_OK;
}

/* ---- life ---- */

static enum sal_status load_pinned(struct sal_metadata *metadata, const char *root_path, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        struct sal_err cause = {0};
        enum sal_status status = sal_file_read(root_path, SAL_TUF_MAX_BYTES, &bytes, &len, &cause);
        if (!status)
                status = sal_tuf_root_load(bytes, len, &metadata->root, &cause);
        if (!status)
                status = hold(metadata, SAL_TUF_FILE_ROOT, bytes, len);
        if (status == SAL_E_NOMEM)
                return sal_fail(reterr, status, "no memory for the root");
        if (status)
                sal_fail(reterr, SAL_E_CONFIG, "root %.200s: %.250s", root_path, cause.detail);
        else if (metadata->root->version != 1)
                status = sal_fail(reterr, SAL_E_CONFIG, "root %.200s has version %lld: the first one is pinned",
                                  root_path, (long long)metadata->root->version);
        if (status) {
                sal_err_hint(reterr, "name the 1.root.json of your trust domain");
                return SAL_E_CONFIG;
        }
        memcpy(metadata->domain, metadata->root->sha256, sizeof metadata->domain);
        return SAL_OK;
}

enum sal_status sal_metadata_open(struct sal_store *store, const char *root_path, struct sal_metadata **ret,
                                  struct sal_err *reterr) {
        sal_auto(sal_metadata) struct sal_metadata *metadata = calloc(1, sizeof *metadata);
        if (!metadata)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for what is trusted");
        metadata->store = store;
        enum sal_status status = load_pinned(metadata, root_path, reterr);
        if (status)
                return status;
        check_pinned(metadata);
        for (int i = 0; !status && i < SAL_TUF_FILES; i++)
                status = load_file(metadata, (enum sal_tuf_file)i);
        if (!status)
                status = load_policy(metadata);
        if (status)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for what is trusted");
        *ret = SAL_STEAL(metadata);
        return SAL_OK;
}

void sal_metadata_free(struct sal_metadata *metadata) {
        if (!metadata)
                return;
        for (int i = 0; i < SAL_TUF_FILES; i++)
                free(metadata->held[i].bytes);
        sal_tuf_root_free(metadata->root);
        sal_policy_unref(metadata->policy);
        sal_updater_free(metadata->updater);
        free(metadata);
}

const char *sal_metadata_trust_domain(const struct sal_metadata *metadata) {
        return metadata->domain;
}

const char *sal_metadata_held(const struct sal_metadata *metadata, enum sal_tuf_file file, size_t *ret_len) {
        *ret_len = metadata->held[file].len;
        return metadata->held[file].bytes;
}

static struct sal_tuf_files trusted(const struct sal_metadata *metadata) {
        struct sal_tuf_files files = {0};
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                files.file[i].bytes = metadata->held[i].bytes;
                files.file[i].len = metadata->held[i].len;
        }
        return files;
}

json_t *sal_metadata_have(const struct sal_metadata *metadata) {
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        sal_autojson json_t *have = json_object();
        const struct sal_tuf_files files = trusted(metadata);
        if (!have || sal_updater_new(&files, 0, &updater, NULL))
                return NULL;
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                int64_t version = sal_updater_version(updater, (enum sal_tuf_file)i);
                if (json_object_set_new(have, sal_tuf_file_text((enum sal_tuf_file)i), json_integer(version)) != 0)
                        return NULL;
        }
        const char *sha256 = metadata->policy ? sal_policy_sha256(metadata->policy) : "";
        return json_object_set_new(have, "policy", json_string(sha256)) == 0 ? SAL_STEAL(have) : NULL;
}

/* ---- an update ---- */

/* A newer root was verified. Its keys decide whether what the online keys vouched for still counts. */
static enum sal_status take_root(struct sal_metadata *metadata, const struct sal_updater *updater,
                                 struct sal_unable *unable) {
        struct sal_tuf_files files;
        sal_auto(sal_tuf_root) struct sal_tuf_root *next = NULL;
        sal_updater_files(updater, &files);
        const char *bytes = files.file[SAL_TUF_FILE_ROOT].bytes;
        size_t len = files.file[SAL_TUF_FILE_ROOT].len;
        enum sal_status status = sal_tuf_root_load(bytes, len, &next, NULL);
        if (status || next->version == metadata->root->version)
                return status;
        const struct sal_tuf_role *had = metadata->root->roles, *has = next->roles;
        if (!sal_tuf_role_same_keys(&had[SAL_TUF_TIMESTAMP], &has[SAL_TUF_TIMESTAMP]) ||
            !sal_tuf_role_same_keys(&had[SAL_TUF_SNAPSHOT], &has[SAL_TUF_SNAPSHOT])) {
                struct sal_err cause = {0};
                /* Before the root is kept: after a crash in between, the same step is made again. */
                if (sal_floor_forget(metadata->store, &cause))
                        log_not_kept("time.json", &cause);
                unable->time_fell = true;
        }
        sal_log(SAL_LOG_NOTICE, "recover.root", SAL_F_INT("version", next->version),
                SAL_F_STR("online_keys", unable->time_fell ? "rotated" : "as_before"));
        sal_tuf_root_free(metadata->root);
        metadata->root = SAL_STEAL(next);
        return SAL_OK;
}

/* At fault may also be a file that is held: the last root, at the end of the chain, or one that is judged again under
 * its new parent. */
static void tell_refusal(const struct sal_updater *updater, const struct sal_update_need *need, enum sal_status got,
                         struct sal_unable *unable) {
        enum sal_tuf_file at_fault = need->file;
        sal_unable_tell(unable, need->name, sal_updater_reason(updater, &at_fault));
        bool held = at_fault != need->file || (got == SAL_E_NOT_FOUND && unable->reason != SAL_UPDATE_UNAVAILABLE);
        if (held)
                snprintf(unable->file, sizeof unable->file, "%s.json", sal_tuf_file_text(at_fault));
        unable->slow = got == SAL_E_TIMEOUT;
        if (got == SAL_E_REFUSED)
                unable->reason = SAL_UPDATE_CONTENT;
}

/* One file from the source into the updater. *unable is set when the update ends here. */
static enum sal_status feed(struct sal_metadata *metadata, struct sal_updater *updater, const struct sal_source *source,
                            const struct sal_update_need *need, struct sal_unable *unable, struct sal_err *reterr) {
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        struct sal_err cause = {0};
        enum sal_status got = source->metadata(source->context, need, &bytes, &cause);
        enum sal_status status = SAL_OK;
        if (!got)
                status = sal_updater_give(updater, need->name, bytes.data ? bytes.data : "", bytes.len, reterr);
        else if (got == SAL_E_TOO_LARGE) /* not a byte of it is looked at */
                status = sal_updater_give(updater, need->name, "", need->max_bytes + 1, reterr);
        else if (got == SAL_E_NOT_FOUND)
                status = sal_updater_absent(updater, reterr);
        else
                status = sal_updater_unavailable(updater, reterr);
        if (!got && !status && need->file == SAL_TUF_FILE_ROOT)
                status = take_root(metadata, updater, unable);
        if (!status)
                return SAL_OK;
        tell_refusal(updater, need, got, unable);
        if (got == SAL_E_REFUSED)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "%s: %.400s", need->name, cause.detail);
        if (got && unable->reason == SAL_UPDATE_UNAVAILABLE)
                return sal_fail(reterr, SAL_E_UNREACHABLE, "%s: %.400s", need->name, cause.detail);
        return status;
}

static void log_lost(const struct sal_metadata *metadata, const struct sal_updater *updater) {
        char name[SAL_STORE_NAME_BYTES];
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                file_name((enum sal_tuf_file)i, name);
                if (metadata->held[i].bytes && sal_updater_lost(updater, (enum sal_tuf_file)i))
                        log_dropped(name, "it cannot be read with the keys of the root: its version is forgotten");
        }
}

/* Keeps what the updater says. The root goes first: with it, files whose keys were rotated cannot be read any more. */
static void keep(struct sal_metadata *metadata, const struct sal_updater *updater) {
        struct sal_tuf_files files;
        char name[SAL_STORE_NAME_BYTES];
        sal_updater_files(updater, &files);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                enum sal_tuf_file file = (enum sal_tuf_file)i;
                file_name(file, name);
                const char *bytes = files.file[i].bytes;
                size_t len = files.file[i].len;
                if (is_held(metadata, file, bytes, len) && (!bytes || sal_store_has(metadata->store, name)))
                        continue;
                put(metadata, name, bytes, len);
                if (hold(metadata, file, bytes, len))
                        sal_log(SAL_LOG_WARNING, "recover.metadata_not_kept", SAL_F_STR("file", name),
                                SAL_F_STR("detail", "no memory"));
        }
}

enum sal_status sal_metadata_update(struct sal_metadata *metadata, const struct sal_source *source, int64_t now_ms,
                                    struct sal_unable *ret_unable, struct sal_err *reterr) {
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        const struct sal_tuf_files files = trusted(metadata);
        struct sal_update_need need;
        *ret_unable = (struct sal_unable){0};
        sal_updater_free(metadata->updater);
        metadata->updater = NULL;
        enum sal_status status = sal_updater_new(&files, now_ms, &updater, reterr);
        if (status) {
                sal_unable_tell(ret_unable, "root.json", SAL_UPDATE_INTERNAL);
                return status;
        }
        log_lost(metadata, updater);
        while (!status && sal_updater_need(updater, &need))
                status = feed(metadata, updater, source, &need, ret_unable, reterr);
        keep(metadata, updater);
        if (!status)
                metadata->updater = SAL_STEAL(updater);
        return status;
}

const struct sal_tuf_campaigns *sal_metadata_campaigns(const struct sal_metadata *metadata) {
        return metadata->updater ? sal_updater_campaigns(metadata->updater) : NULL;
}

int64_t sal_metadata_timestamp_expires_ms(const struct sal_metadata *metadata) {
        return metadata->updater ? sal_updater_expires_ms(metadata->updater, SAL_TUF_FILE_TIMESTAMP) : 0;
}

/* ---- the policy ---- */

enum sal_status sal_metadata_policy(struct sal_metadata *metadata, const struct sal_source *source,
                                    const struct sal_policy **ret, struct sal_unable *ret_unable,
                                    struct sal_err *reterr) {
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        *ret_unable = (struct sal_unable){0};
        sal_unable_tell(ret_unable, SAL_TUF_POLICY_PATH, SAL_UPDATE_INTERNAL);
        if (!metadata->updater)
                return sal_fail(reterr, SAL_E_CONFLICT, "without a complete update no policy is trusted");
        const struct sal_tuf_target *target = &sal_updater_targets(metadata->updater)->policy;
        if (metadata->policy && strcmp(sal_policy_sha256(metadata->policy), target->sha256) == 0) {
                *ret = metadata->policy;
                return SAL_OK;
        }
        enum sal_status status = sal_source_take(source, target, &bytes, ret_unable, reterr);
        if (status)
                return status;
        status = sal_policy_parse(bytes.data ? bytes.data : "", bytes.len, &policy, reterr);
        if (status) {
                sal_unable_tell(ret_unable, target->path,
                                status == SAL_E_NOMEM ? SAL_UPDATE_INTERNAL : SAL_UPDATE_CONTENT);
                return status;
        }
        put(metadata, policy_name, bytes.data, bytes.len);
        sal_policy_unref(metadata->policy);
        metadata->policy = SAL_STEAL(policy);
        *ret = metadata->policy;
        return SAL_OK;
}
