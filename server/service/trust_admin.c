/* SPDX-License-Identifier: Apache-2.0 */
#include "service/trust_status.h"
#include "service/views.h"

#include <stdio.h>
#include <string.h>

/* ---- GET /trust ---- */

static json_t *keyids(const struct sal_tuf_role *role) {
        json_t *list = json_array();
        for (size_t i = 0; i < role->key_count; i++)
                json_array_append_new(list, json_string(sal_public_key_id(role->keys[i])));
        return list;
}

/* Version and expiry are null where nothing was published yet. */
static json_t *role_view(const struct sal_trust_expiry *expiry, const struct sal_tuf_role *role, const char *sha256) {
        json_t *view =
                json_pack("{s:o, s:o, s:o, s:i}", "version",
                          expiry->version ? json_integer(expiry->version) : json_null(), "expires",
                          sal_view_time(expiry->expires_ms), "keyids", keyids(role), "threshold", role->threshold);
        if (view && sha256)
                json_object_set_new(view, "sha256", json_string(sha256));
        return view;
}

static json_t *roles_view(struct sal_service *service) {
        const struct sal_trust_store *store = service->trust;
        const struct sal_tuf_role *roles[SAL_TUF_FILES] = {
                [SAL_TUF_FILE_ROOT] = &store->root->roles[SAL_TUF_ROOT],
                [SAL_TUF_FILE_TIMESTAMP] = &store->root->roles[SAL_TUF_TIMESTAMP],
                [SAL_TUF_FILE_SNAPSHOT] = &store->root->roles[SAL_TUF_SNAPSHOT],
                [SAL_TUF_FILE_TARGETS] = &store->root->roles[SAL_TUF_TARGETS],
                [SAL_TUF_FILE_CAMPAIGNS] = &store->parsed->campaigns,
        };
        char targets_sha256[SAL_SHA256_HEX_BYTES];
        struct sal_trust_expiry expiries[SAL_TUF_FILES];
        sal_sha256_hex(store->targets.bytes, store->targets.len, targets_sha256);
        sal_trust_expiries(service, expiries);
        /* What is in force here, also while it is not public yet. */
        expiries[SAL_TUF_FILE_ROOT].version = store->root->version;
        expiries[SAL_TUF_FILE_ROOT].expires_ms = store->root->expires_ms;
        expiries[SAL_TUF_FILE_TARGETS].version = store->parsed->version;
        expiries[SAL_TUF_FILE_TARGETS].expires_ms = store->parsed->expires_ms;
        json_t *view = json_object();
        for (int file = 0; file < SAL_TUF_FILES; file++) {
                const char *sha256 = file == SAL_TUF_FILE_ROOT      ? store->root->sha256
                                     : file == SAL_TUF_FILE_TARGETS ? targets_sha256
                                                                    : NULL;
                json_object_set_new(view, expiries[file].role, role_view(&expiries[file], roles[file], sha256));
        }
        return view;
}

static json_t *class_view(const struct sal_policy *policy, const struct sal_policy_class *class) {
        json_t *kinds = json_array(), *authors = json_array();
        for (size_t i = 0; i < class->kind_count; i++)
                json_array_append_new(kinds, json_string(class->kinds[i]));
        for (size_t i = 0; i < class->author_count; i++)
                json_array_append_new(authors, json_string(sal_policy_author(policy, class->authors[i]).name));
        return json_pack("{s:s, s:o, s:o, s:i, s:i}", "name", class->name, "kinds", kinds, "authors", authors,
                         "threshold", class->threshold, "approvals", class->approvals);
}

static json_t *policy_view(const struct sal_policy *policy) {
        json_t *authors = json_array(), *classes = json_array();
        for (size_t i = 0; i < sal_policy_author_count(policy); i++) {
                struct sal_policy_author author = sal_policy_author(policy, i);
                json_array_append_new(authors, json_pack("{s:s, s:s}", "name", author.name, "keyid",
                                                         sal_public_key_id(author.key)));
        }
        for (size_t i = 0; i < sal_policy_class_count(policy); i++)
                json_array_append_new(classes, class_view(policy, sal_policy_class(policy, i)));
        return json_pack("{s:s, s:o, s:o}", "sha256", sal_policy_sha256(policy), "authors", authors, "classes",
                         classes);
}

static json_t *publication_view(struct sal_service *service) {
        struct sal_publication_state state = {0};
        if (service->publication)
                sal_publication_state(service->publication, &state);
        return json_pack("{s:b, s:o, s:o, s:o}", "published", (int)state.published, "published_at",
                         sal_view_time(state.published_ms), "failing_since", sal_view_time(state.failing_ms), "detail",
                         state.failing_ms ? json_string(state.why) : json_null());
}

/* Live campaigns that the policy in force does not allow. */
static json_t *barred_view(const struct sal_engine *engine) {
        json_t *list = json_array();
        for (size_t i = 0; i < engine->count; i++) {
                const struct sal_live *live = engine->live[i];
                if (live->barred[0] && sal_campaign_live(live->row.state))
                        json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s}", "id", live->row.id, "version",
                                                              (json_int_t)live->row.version, "state",
                                                              sal_campaign_state_name(live->row.state), "detail",
                                                              live->barred));
        }
        return list;
}

enum sal_status sal_trust_show(const struct sal_act *act, json_t **ret, struct sal_err *reterr) {
        (void)reterr;
        struct sal_service *service = act->service;
        *ret = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "trust_domain", service->trust_domain, "roles",
                         roles_view(service), "policy", policy_view(service->policy), "publication",
                         publication_view(service), "not_allowed", barred_view(service->engine), "warnings",
                         sal_trust_warning_texts(service, sal_tx_now_ms(act->tx)));
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

void sal_trust_show_published(struct sal_service *service, json_t *view, int64_t now_ms) {
        struct sal_trust_expiry expiries[SAL_TUF_FILES];
        sal_trust_expiries(service, expiries);
        for (int file = 0; file < SAL_TUF_FILES; file++) {
                json_t *role = json_object_get(json_object_get(view, "roles"), expiries[file].role);
                if (!role || file == SAL_TUF_FILE_ROOT || file == SAL_TUF_FILE_TARGETS || !expiries[file].version)
                        continue;
                json_object_set_new(role, "version", json_integer(expiries[file].version));
                json_object_set_new(role, "expires", sal_view_time(expiries[file].expires_ms));
        }
        json_object_set_new(view, "publication", publication_view(service));
        json_object_set_new(view, "warnings", sal_trust_warning_texts(service, now_ms));
}

/* ---- handing in ---- */

static json_t *change_view(const struct sal_trust_store *next) {
        char sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(next->targets.bytes, next->targets.len, sha256);
        return json_pack("{s:{s:I, s:s}, s:{s:I, s:s}, s:s}", "root", "version", (json_int_t)next->root->version,
                         "sha256", next->root->sha256, "targets", "version", (json_int_t)next->parsed->version,
                         "sha256", sha256, "policy_sha256", sal_policy_sha256(next->policy));
}

/* Nothing may fail after the store was replaced but what rolls the batch back, and the store with it. */
static enum sal_status take(const struct sal_act *act, const char *what, struct sal_trust_store *next, json_t **ret,
                            struct sal_err *reterr) {
        struct sal_service *service = act->service;
        struct sal_engine *engine = service->engine;
        enum sal_status status =
                service->publication ? sal_publication_check_keys(service->publication, next, reterr) : SAL_OK;
        if (!status)
                status = sal_trust_store_save(next, service->trust, act->tx);
        if (!status)
                status = sal_journal_admin(act, what, NULL, 0, NULL, change_view(next));
        if (status)
                return status;
        sal_service_set_trust_take(service, sal_trust_store_ref(next));
        sal_trust_judge_live(engine, sal_tx_now_ms(act->tx));
        sal_engine_note(engine, "trust.changed", NULL, "%s: root %lld, targets %lld, policy %.16s", what,
                        (long long)next->root->version, (long long)next->parsed->version,
                        sal_policy_sha256(next->policy));
        sal_trust_note_expiry(engine, next, sal_tx_now_ms(act->tx));
        return sal_trust_show(act, ret, reterr);
}

enum sal_status sal_trust_put_root(const struct sal_act *act, const struct sal_trust_text *root,
                                   const struct sal_trust_text *targets, const struct sal_trust_text *policy,
                                   json_t **ret, struct sal_err *reterr) {
        sal_auto(sal_trust_store) struct sal_trust_store *next = NULL;
        enum sal_status status = sal_trust_store_with_root(act->service->trust, root->bytes, root->len, targets, policy,
                                                           sal_tx_now_ms(act->tx), &next, reterr);
        return status ? status : take(act, "trust.root.put", next, ret, reterr);
}

enum sal_status sal_trust_put_targets(const struct sal_act *act, const struct sal_trust_text *targets,
                                      const struct sal_trust_text *policy, json_t **ret, struct sal_err *reterr) {
        sal_auto(sal_trust_store) struct sal_trust_store *next = NULL;
        enum sal_status status = sal_trust_store_with_targets(act->service->trust, targets, policy,
                                                              sal_tx_now_ms(act->tx), &next, reterr);
        return status ? status : take(act, "trust.targets.put", next, ret, reterr);
}
