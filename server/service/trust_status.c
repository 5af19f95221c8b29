/* SPDX-License-Identifier: Apache-2.0 */
#include "service/trust_status.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "trust/admission.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const int64_t second_ms = 1000;
static const int64_t hour_ms = INT64_C(3600000);
static const int64_t day_ms = INT64_C(86400000);

/* ---- expiry ---- */

static void set_offline(void *arg, const char *role, int64_t version, int64_t expires_ms) {
        struct sal_trust_expiry *list = arg;
        for (int file = 0; file < SAL_TUF_FILES; file++)
                if (strcmp(list[file].role, role) == 0)
                        list[file] = (struct sal_trust_expiry){
                                .role = list[file].role, .version = version, .expires_ms = expires_ms};
}

void sal_trust_expiries(struct sal_service *service, struct sal_trust_expiry ret[static SAL_TUF_FILES]) {
        struct sal_view *view = service->publication ? sal_publication_view(service->publication) : NULL;
        for (int file = 0; file < SAL_TUF_FILES; file++)
                ret[file] = (struct sal_trust_expiry){.role = sal_tuf_file_text((enum sal_tuf_file)file),
                                                      .version = view ? view->versions[file] : 0,
                                                      .expires_ms = view ? view->expires_ms[file] : 0};
        sal_trust_each_expiry(view ? view->trust : service->trust, set_offline, ret);
        sal_view_unref(view);
}

/* How long ahead a person has to know: offline keys are fetched from safes. */
static int64_t warned_ahead_ms(enum sal_tuf_file file) {
        switch (file) {
        case SAL_TUF_FILE_ROOT:
        case SAL_TUF_FILE_TARGETS:
                return SAL_TRUST_EXPIRY_WARNING_DAYS * day_ms;
        case SAL_TUF_FILE_TIMESTAMP:
                return SAL_TRUST_TIMESTAMP_WARNING_HOURS * hour_ms;
        default:
                return SAL_TRUST_ONLINE_WARNING_HOURS * hour_ms;
        }
}

static bool expires_soon(const struct sal_trust_expiry *expiry, enum sal_tuf_file file, int64_t now_ms) {
        return expiry->version && expiry->expires_ms - now_ms <= warned_ahead_ms(file);
}

static void how_long(int64_t left_ms, char *ret, size_t size) {
        if (left_ms >= 2 * day_ms)
                snprintf(ret, size, "in %" PRId64 " days", left_ms / day_ms);
        else
                snprintf(ret, size, "in %" PRId64 " hours", left_ms / hour_ms);
}

static void warn_expiry(const struct sal_trust_expiry *expiry, enum sal_tuf_file file, int64_t now_ms,
                        struct sal_trust_warning *ret) {
        bool offline = file == SAL_TUF_FILE_ROOT || file == SAL_TUF_FILE_TARGETS;
        int64_t left_ms = expiry->expires_ms - now_ms;
        char end[SAL_TIME_BYTES], when[32];
        sal_time_format(expiry->expires_ms, end);
        how_long(left_ms, when, sizeof when);
        *ret = (struct sal_trust_warning){.event = left_ms > 0 ? "trust.expires" : "trust.expired",
                                          .subject = expiry->role,
                                          .seconds_left = left_ms / second_ms};
        int len = left_ms > 0 ? snprintf(ret->text, sizeof ret->text, "%s version %" PRId64 " expires %s, on %s; ",
                                         expiry->role, expiry->version, when, end)
                              : snprintf(ret->text, sizeof ret->text,
                                         "%s version %" PRId64 " expired on %s, and machines refuse every update; ",
                                         expiry->role, expiry->version, end);
        char *rest = ret->text + len;
        size_t room = sizeof ret->text - (size_t)len;
        if (offline)
                snprintf(rest, room, "sign the next one (salvorctl trust draft %s) and hand it in (trust put-%s)",
                         expiry->role, expiry->role);
        else
                snprintf(rest, room, "the server renews it by itself, so see why it could not");
}

void sal_trust_note_expiry(struct sal_engine *engine, const struct sal_trust_store *store, int64_t now_ms) {
        struct sal_trust_expiry expiries[SAL_TUF_FILES];
        for (int file = 0; file < SAL_TUF_FILES; file++)
                expiries[file] = (struct sal_trust_expiry){.role = sal_tuf_file_text((enum sal_tuf_file)file)};
        sal_trust_each_expiry(store, set_offline, expiries);
        for (int file = 0; file < SAL_TUF_FILES; file++) {
                struct sal_trust_warning warning;
                if (!expires_soon(&expiries[file], (enum sal_tuf_file)file, now_ms))
                        continue;
                warn_expiry(&expiries[file], (enum sal_tuf_file)file, now_ms, &warning);
                sal_engine_note(engine, warning.event, NULL, "%s", warning.text);
        }
}

/* ---- campaigns that the policy does not allow any more ---- */

void sal_trust_judge_one(struct sal_engine *engine, struct sal_live *live, int64_t now_ms) {
        const struct sal_service *service = engine->service;
        const struct sal_admission_rules rules = {
                .policy = service->policy, .trust_domain = service->trust_domain, .now_ms = now_ms};
        struct sal_launch *launch = live->launch;
        struct sal_err why = {0};
        enum sal_admission admission =
                sal_admit(&rules, launch->target, launch->envelope, launch->envelope_len, NULL, &why);
        /* Expiry is the life cycle's, and without memory nothing can be told. */
        bool bars = admission == SAL_ADMIT_SIGNATURES || admission == SAL_ADMIT_REVOKED ||
                    admission == SAL_ADMIT_TRUST_DOMAIN;
        snprintf(live->barred, sizeof live->barred, "%s", bars ? why.detail : "");
        if (atomic_exchange(&launch->barred, bars) != bars)
                engine->changed = true;
}

void sal_trust_judge_live(struct sal_engine *engine, int64_t now_ms) {
        for (size_t i = 0; i < engine->count; i++) {
                struct sal_live *live = engine->live[i];
                bool was = live->barred[0] != '\0';
                if (!sal_campaign_live(live->row.state))
                        continue;
                sal_trust_judge_one(engine, live, now_ms);
                if (live->barred[0] && !was)
                        sal_engine_note(engine, "campaign.not_allowed", &live->row, "%s", live->barred);
                else if (was && !live->barred[0])
                        sal_engine_note(engine, "campaign.allowed_again", &live->row, "by the trust policy in force");
        }
}

static void warn_campaigns(struct sal_service *service,
                           void (*each)(void *arg, const struct sal_trust_warning *warning), void *arg) {
        struct sal_snapshot *snapshot = sal_snapshot_slot_now(&service->snapshots);
        for (size_t i = 0; snapshot && i < snapshot->count; i++) {
                const struct sal_launch *launch = snapshot->campaigns[i].launch;
                if (!atomic_load(&launch->barred))
                        continue;
                char subject[SAL_CAMPAIGN_ID_BYTES + 16];
                snprintf(subject, sizeof subject, "%s@%" PRId64, launch->campaign->id, launch->campaign->version);
                struct sal_trust_warning warning = {.event = "trust.not_allowed", .subject = subject};
                snprintf(warning.text, sizeof warning.text,
                         "the trust policy does not allow %s any more, so no machine is offered it; withdraw it, or "
                         "have its authors sign a new version",
                         subject);
                each(arg, &warning);
        }
        sal_snapshot_unref(snapshot);
}

/* ---- a key that is online and offline at once ---- */

static void warn_separation(struct sal_service *service,
                            void (*each)(void *arg, const struct sal_trust_warning *warning), void *arg) {
        struct sal_view *view = service->publication ? sal_publication_view(service->publication) : NULL;
        struct sal_trust_warning warning = {.event = "trust.key_online", .subject = ""};
        struct sal_err why = {0};
        if (sal_trust_store_check_separation(view ? view->trust : service->trust, NULL, &why)) {
                snprintf(warning.text, sizeof warning.text, "%s; replace one of them (salvorctl trust draft)",
                         why.detail);
                each(arg, &warning);
        }
        sal_view_unref(view);
}

/* ---- all of it ---- */

static void warn_publication(struct sal_service *service,
                             void (*each)(void *arg, const struct sal_trust_warning *warning), void *arg) {
        struct sal_publication_state state;
        if (!service->publication)
                return;
        sal_publication_state(service->publication, &state);
        if (!state.failing_ms)
                return;
        char since[SAL_TIME_BYTES];
        sal_time_format(state.failing_ms, since);
        struct sal_trust_warning warning = {.event = "publication.failing", .subject = ""};
        snprintf(warning.text, sizeof warning.text, "publishing fails since %s: %s", since, state.why);
        each(arg, &warning);
}

void sal_trust_each_warning(struct sal_service *service, int64_t now_ms,
                            void (*each)(void *arg, const struct sal_trust_warning *warning), void *arg) {
        struct sal_trust_expiry expiries[SAL_TUF_FILES];
        struct sal_trust_warning warning;
        sal_trust_expiries(service, expiries);
        for (int file = 0; file < SAL_TUF_FILES; file++)
                if (expires_soon(&expiries[file], (enum sal_tuf_file)file, now_ms)) {
                        warn_expiry(&expiries[file], (enum sal_tuf_file)file, now_ms, &warning);
                        each(arg, &warning);
                }
        warn_separation(service, each, arg);
        warn_publication(service, each, arg);
        warn_campaigns(service, each, arg);
}

static void add_text(void *arg, const struct sal_trust_warning *warning) {
        json_array_append_new(arg, json_string(warning->text));
}

json_t *sal_trust_warning_texts(struct sal_service *service, int64_t now_ms) {
        json_t *list = json_array();
        if (list)
                sal_trust_each_warning(service, now_ms, add_text, list);
        return list;
}

/* ---- metrics ---- */

#define OF_ROLE(name_, help_, role_) \
        { .name = (name_), .help = (help_), .labels = "role=\"" role_ "\"", .kind = SAL_METRIC_GAUGE }
#define OF_ROLES(name_, help_)                                                 \
        {                                                                      \
                [SAL_TUF_FILE_ROOT] = OF_ROLE(name_, help_, "root"),           \
                [SAL_TUF_FILE_TIMESTAMP] = OF_ROLE(name_, help_, "timestamp"), \
                [SAL_TUF_FILE_SNAPSHOT] = OF_ROLE(name_, help_, "snapshot"),   \
                [SAL_TUF_FILE_TARGETS] = OF_ROLE(name_, help_, "targets"),     \
                [SAL_TUF_FILE_CAMPAIGNS] = OF_ROLE(name_, help_, "campaigns"), \
        }

void sal_trust_metrics_update(struct sal_service *service, int64_t now_ms) {
        static struct sal_metric left[SAL_TUF_FILES] =
                OF_ROLES("salvor_trust_expires_seconds",
                         "Seconds until this role's metadata expires; negative: since.");
        static struct sal_metric versions[SAL_TUF_FILES] =
                OF_ROLES("salvor_trust_version", "Version of this role's metadata.");
        struct sal_trust_expiry expiries[SAL_TUF_FILES];
        sal_trust_expiries(service, expiries);
        for (int file = 0; file < SAL_TUF_FILES; file++) {
                if (!expiries[file].version)
                        continue;
                sal_metric_set(&left[file], (expiries[file].expires_ms - now_ms) / second_ms);
                sal_metric_set(&versions[file], expiries[file].version);
        }
}
