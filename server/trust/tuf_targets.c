/* SPDX-License-Identifier: Apache-2.0 */
/* Targets and the delegated campaigns: which files may be used. */
#include "trust/tuf_roles.h"

#include "trust/dsse.h"
#include "trust/policy.h"
#include "trust/tuf_internal.h"

#include <string.h>

#define FOLDER "campaigns/"

enum { VERSION_MAX_DIGITS = 10 };

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for TUF targets");
}

void sal_tuf_targets_free(struct sal_tuf_targets *targets) {
        if (!targets)
                return;
        sal_tuf_role_done(&targets->campaigns);
        free(targets);
}

void sal_tuf_campaigns_free(struct sal_tuf_campaigns *campaigns) {
        free(campaigns);
}

static int compare_paths(const void *a, const void *b) {
        return strcmp(((const struct sal_tuf_target *)a)->path, ((const struct sal_tuf_target *)b)->path);
}

const struct sal_tuf_target *sal_tuf_campaigns_find(const struct sal_tuf_campaigns *campaigns, const char *path) {
        struct sal_tuf_target key = {0};
        size_t len = strlen(path);
        if (len >= sizeof key.path)
                return NULL;
        memcpy(key.path, path, len + 1);
        /* {0} has set every member; cppcheck forgets it at the memcpy. */
        // cppcheck-suppress uninitvar
        return bsearch(&key, campaigns->targets, campaigns->count, sizeof key, compare_paths);
}

/* Takes the path apart and lets the one writer put it together again: what differs is not its form. */
bool sal_tuf_campaign_path_valid(const char *path) {
        char id[SAL_CAMPAIGN_ID_BYTES];
        char again[SAL_TARGET_PATH_BYTES];
        if (strncmp(path, FOLDER, strlen(FOLDER)) != 0)
                return false;
        const char *name = path + strlen(FOLDER);
        const char *dash = strrchr(name, '-');
        if (!dash || (size_t)(dash - name) >= sizeof id)
                return false;
        memcpy(id, name, (size_t)(dash - name));
        id[dash - name] = '\0';
        size_t digits = strspn(dash + 1, "0123456789");
        if (digits == 0 || digits > VERSION_MAX_DIGITS || !sal_campaign_id_valid(id))
                return false;
        int64_t version = 0;
        for (size_t i = 1; i <= digits; i++)
                version = version * 10 + (dash[i] - '0');
        if (version < 1 || version > SAL_TUF_VERSION_MAX)
                return false;
        sal_campaign_target_path(id, version, again);
        return strcmp(path, again) == 0;
}

/* ---- reading ---- */

static enum sal_status read_target(const struct sal_json_at *list, const char *path, int64_t max_bytes,
                                   struct sal_tuf_target *ret, struct sal_err *reterr) {
        static const char *const known[] = {"length", "hashes", "custom", NULL};
        struct sal_json_at at;
        struct sal_json_at custom;
        enum sal_status status = sal_json_object(list, path, true, &at, reterr);
        if (!status)
                status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_object(&at, "custom", false, &custom, reterr);
        if (!status)
                status = sal_tuf_read_content(&at, 0, max_bytes, &ret->length, ret->sha256, reterr);
        if (!status)
                memcpy(ret->path, path, strlen(path) + 1);
        return status;
}

static enum sal_status read_policy(const struct sal_json_at *signed_part, struct sal_tuf_target *ret,
                                   struct sal_err *reterr) {
        struct sal_json_at list;
        enum sal_status status = sal_json_object(signed_part, "targets", true, &list, reterr);
        if (status)
                return status;
        json_t *object = (json_t *)list.value; /* jansson's iterators take no const; nothing is changed */
        for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
                const char *path = json_object_iter_key(i);
                if (strcmp(path, SAL_TUF_POLICY_PATH) != 0)
                        return sal_json_fail(&list, path, SAL_E_FORBIDDEN, reterr,
                                             "targets lists nothing but " SAL_TUF_POLICY_PATH);
        }
        return read_target(&list, SAL_TUF_POLICY_PATH, SAL_POLICY_MAX_BYTES, ret, reterr);
}

/* Exactly the one pattern: others mean different things to different clients. */
static enum sal_status check_paths(const struct sal_json_at *role, struct sal_err *reterr) {
        struct sal_json_at paths;
        enum sal_status status = sal_json_array(role, "paths", true, 1, SAL_TUF_MAX_KEYS, &paths, reterr);
        for (size_t i = 0; !status && i < json_array_size(paths.value); i++) {
                struct sal_json_at at = sal_json_element(&paths, i);
                if (i > 0 || !json_is_string(at.value) ||
                    strcmp(json_string_value(at.value), SAL_TUF_CAMPAIGNS_PATTERN) != 0)
                        status = sal_json_fail(&at, NULL, SAL_E_FORBIDDEN, reterr,
                                               "\"" SAL_TUF_CAMPAIGNS_PATTERN "\" is all that may be delegated");
        }
        return status;
}

static enum sal_status read_delegated_role(const struct sal_json_at *keys, const struct sal_json_at *at,
                                           struct sal_tuf_role *ret, struct sal_err *reterr) {
        static const char *const known[] = {"name", "keyids", "threshold", "paths", "terminating", NULL};
        const char *name = NULL;
        bool terminating = false;
        enum sal_status status = sal_json_only(at, known, reterr);
        if (!status)
                status = sal_json_string(at, "name", true, 1, 64, &name, reterr);
        if (!status && strcmp(name, "campaigns") != 0)
                return sal_json_fail(at, "name", SAL_E_FORBIDDEN, reterr, "the one delegated role is \"campaigns\"");
        if (!status)
                status = check_paths(at, reterr);
        if (!status)
                status = sal_json_bool(at, "terminating", true, &terminating, reterr);
        if (!status && !terminating)
                return sal_json_fail(at, "terminating", SAL_E_FORBIDDEN, reterr, "the delegation must be terminating");
        if (!status)
                status = sal_tuf_role_read(keys, at, ret, reterr);
        return status;
}

static enum sal_status read_delegation(const struct sal_json_at *signed_part, struct sal_tuf_role *ret,
                                       struct sal_err *reterr) {
        static const char *const known[] = {"keys", "roles", NULL};
        struct sal_json_at at;
        struct sal_json_at keys;
        struct sal_json_at roles;
        enum sal_status status = sal_json_object(signed_part, "delegations", true, &at, reterr);
        if (!status)
                status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_object(&at, "keys", true, &keys, reterr);
        if (!status)
                status = sal_tuf_keys_check(&keys, reterr);
        if (!status)
                status = sal_json_array(&at, "roles", true, 1, SAL_TUF_MAX_KEYS, &roles, reterr);
        if (!status && json_array_size(roles.value) > 1)
                return sal_json_fail(&roles, NULL, SAL_E_FORBIDDEN, reterr, "exactly one role may be delegated to");
        if (status)
                return status;
        struct sal_json_at role = sal_json_element(&roles, 0);
        return read_delegated_role(&keys, &role, ret, reterr);
}

enum sal_status sal_tuf_targets_read(const struct sal_tuf_document *document, struct sal_tuf_targets **ret,
                                     struct sal_err *reterr) {
        struct sal_json_at top = sal_json_root(NULL);
        struct sal_json_at at = {.parent = &top, .key = "signed", .value = sal_tuf_document_signed(document)};
        sal_auto(sal_tuf_targets) struct sal_tuf_targets *targets = calloc(1, sizeof *targets);
        if (!targets)
                return no_memory(reterr);
        targets->version = sal_tuf_document_version(document);
        targets->expires_ms = sal_tuf_document_expires_ms(document);
        enum sal_status status = read_policy(&at, &targets->policy, reterr);
        if (!status)
                status = read_delegation(&at, &targets->campaigns, reterr);
        if (!status)
                *ret = SAL_STEAL(targets);
        return status;
}

enum sal_status sal_tuf_targets_load(const char *bytes, size_t len, const struct sal_tuf_role *role,
                                     struct sal_tuf_targets **ret, struct sal_err *reterr) {
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        enum sal_status status = sal_tuf_document_parse(bytes, len, "targets", &document, reterr);
        if (!status)
                status = sal_tuf_document_verify(document, role, reterr);
        return status ? status : sal_tuf_targets_read(document, ret, reterr);
}

static enum sal_status read_list(const struct sal_json_at *signed_part, struct sal_tuf_campaigns *campaigns,
                                 struct sal_err *reterr) {
        struct sal_json_at list;
        enum sal_status status = sal_json_object(signed_part, "targets", true, &list, reterr);
        if (status)
                return status;
        if (json_object_size(list.value) > SAL_TUF_MAX_CAMPAIGNS)
                return sal_json_fail(&list, NULL, SAL_E_INVALID, reterr, "at most %d campaigns are in force at a time",
                                     SAL_TUF_MAX_CAMPAIGNS);
        json_t *object = (json_t *)list.value;
        for (void *i = json_object_iter(object); i && !status; i = json_object_iter_next(object, i)) {
                const char *path = json_object_iter_key(i);
                if (!sal_tuf_campaign_path_valid(path))
                        return sal_json_fail(&list, path, SAL_E_FORBIDDEN, reterr,
                                             "campaigns lists nothing but campaigns/<id>-<version>.json");
                status = read_target(&list, path, SAL_ENVELOPE_MAX_BYTES, &campaigns->targets[campaigns->count++],
                                     reterr);
        }
        qsort(campaigns->targets, campaigns->count, sizeof *campaigns->targets, compare_paths);
        return status;
}

static enum sal_status read_campaigns(const struct sal_tuf_document *document, struct sal_tuf_campaigns **ret,
                                      struct sal_err *reterr) {
        struct sal_json_at top = sal_json_root(NULL);
        struct sal_json_at at = {.parent = &top, .key = "signed", .value = sal_tuf_document_signed(document)};
        sal_auto(sal_tuf_campaigns) struct sal_tuf_campaigns *campaigns = calloc(1, sizeof *campaigns);
        if (!campaigns)
                return no_memory(reterr);
        campaigns->version = sal_tuf_document_version(document);
        campaigns->expires_ms = sal_tuf_document_expires_ms(document);
        if (json_object_get(at.value, "delegations"))
                return sal_json_fail(&at, "delegations", SAL_E_FORBIDDEN, reterr, "campaigns may not delegate");
        enum sal_status status = read_list(&at, campaigns, reterr);
        if (!status)
                *ret = SAL_STEAL(campaigns);
        return status;
}

enum sal_status sal_tuf_campaigns_load(const char *bytes, size_t len, const struct sal_tuf_role *role,
                                       struct sal_tuf_campaigns **ret, struct sal_err *reterr) {
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        enum sal_status status = sal_tuf_document_parse(bytes, len, "targets", &document, reterr);
        if (!status)
                status = sal_tuf_document_verify(document, role, reterr);
        return status ? status : read_campaigns(document, ret, reterr);
}

/* ---- writing ---- */

static int write_target(json_t *list, const char *path, int64_t length, const char *sha256) {
        return json_object_set_new(
                list, path, json_pack("{s:I, s:{s:s}}", "length", (json_int_t)length, "hashes", "sha256", sha256));
}

/* Signs into `file` and parses it again. */
static enum sal_status sign(json_t *signed_part, const struct sal_private_key *const *signers, size_t signer_count,
                            struct sal_buf *file, struct sal_tuf_document **ret, struct sal_err *reterr) {
        enum sal_status status = sal_tuf_sign(signed_part, signers, signer_count, file, reterr);
        return status ? status : sal_tuf_document_parse(file->data, file->len, "targets", ret, reterr);
}

static enum sal_status append(const struct sal_buf *file, struct sal_buf *out, struct sal_err *reterr) {
        sal_buf_append(out, file->data, file->len);
        return out->failed ? no_memory(reterr) : SAL_OK;
}

static json_t *delegations_json(const struct sal_tuf_targets_spec *spec) {
        sal_autojson json_t *keys = json_object();
        if (!keys)
                return NULL;
        sal_autojson json_t *ids = sal_tuf_role_write_keys(spec->keys, spec->key_count, keys);
        if (!ids)
                return NULL;
        return json_pack("{s:O, s:[{s:s, s:O, s:i, s:[s], s:b}]}", "keys", keys, "roles", "name", "campaigns", "keyids",
                         ids, "threshold", spec->threshold, "paths", SAL_TUF_CAMPAIGNS_PATTERN, "terminating", 1);
}

enum sal_status sal_tuf_targets_build(const struct sal_tuf_targets_spec *spec,
                                      const struct sal_private_key *const *signers, size_t signer_count,
                                      struct sal_buf *out, struct sal_err *reterr) {
        char digest[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(spec->policy, spec->policy_len, digest);
        sal_autojson json_t *signed_part = sal_tuf_signed_new("targets", spec->version, spec->expires_ms);
        sal_autojson json_t *list = json_object();
        sal_autojson json_t *delegations = delegations_json(spec);
        if (!signed_part || !list || !delegations ||
            write_target(list, SAL_TUF_POLICY_PATH, (int64_t)spec->policy_len, digest) ||
            json_object_set(signed_part, "targets", list) || json_object_set(signed_part, "delegations", delegations))
                return no_memory(reterr);
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        sal_auto(sal_tuf_targets) struct sal_tuf_targets *check = NULL;
        enum sal_status status = sign(signed_part, signers, signer_count, &file, &document, reterr);
        if (!status)
                status = sal_tuf_targets_read(document, &check, reterr);
        return status ? status : append(&file, out, reterr);
}

enum sal_status sal_tuf_campaigns_build(const struct sal_tuf_campaigns *campaigns,
                                        const struct sal_private_key *const *signers, size_t signer_count,
                                        struct sal_buf *out, struct sal_err *reterr) {
        sal_autojson json_t *signed_part = sal_tuf_signed_new("targets", campaigns->version, campaigns->expires_ms);
        sal_autojson json_t *list = json_object();
        if (!signed_part || !list || json_object_set(signed_part, "targets", list))
                return no_memory(reterr);
        for (size_t i = 0; i < campaigns->count; i++) {
                const struct sal_tuf_target *target = &campaigns->targets[i];
                if (json_object_get(list, target->path))
                        return sal_fail(reterr, SAL_E_INVALID, "%s is listed twice", target->path);
                if (write_target(list, target->path, target->length, target->sha256))
                        return no_memory(reterr);
        }
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        sal_auto(sal_tuf_campaigns) struct sal_tuf_campaigns *check = NULL;
        enum sal_status status = sign(signed_part, signers, signer_count, &file, &document, reterr);
        if (!status)
                status = read_campaigns(document, &check, reterr);
        return status ? status : append(&file, out, reterr);
}
