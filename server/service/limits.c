/* SPDX-License-Identifier: Apache-2.0 */
#include "service/limits.h"

#include "service/engine.h"
#include "service/views.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A campaign whose limits are asked for, or are to be set. */
struct subject {
        struct sal_campaign_row row;
        struct sal_campaign *campaign; /* one reference */
        struct sal_live *live;         /* NULL: it is not live, or it ended and has no offer left to settle */
};

static void subject_done(struct subject *subject) {
        sal_campaign_unref(subject->campaign);
        sal_campaign_row_done(&subject->row);
}
#define autosubject __attribute__((cleanup(subject_done)))

static enum sal_status find(const struct sal_act *act, const char *id, int64_t version, struct subject *ret,
                            struct sal_err *reterr) {
        enum sal_status status = sal_campaign_row_get(act->tx, id, version, true, &ret->row);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is no campaign %s@%" PRId64, id, version);
        if (status)
                return status;
        ret->live = sal_engine_find(act->service->engine, id, version);
        if (ret->live) {
                ret->row.state = ret->live->row.state; /* newer than the disk within a transaction */
                ret->campaign = sal_campaign_ref(ret->live->launch->campaign);
                return SAL_OK;
        }
        return sal_campaign_parse(ret->row.payload, ret->row.payload_len, &ret->campaign, reterr);
}

/* ---- reading ---- */

/* What is kept of limits beside a campaign. */
struct kept {
        char *text; /* JSON; NULL: nothing is limited */
        int64_t set_ms;
        char set_by[SAL_LIMITS_SET_BY_BYTES];
};

static void kept_done(struct kept *kept) {
        free(kept->text);
}
#define autokept __attribute__((cleanup(kept_done)))

static enum sal_status get_kept(struct sal_tx *tx, int64_t campaign_row, struct kept *ret) {
        enum sal_status status = sal_campaign_limits_get(tx, campaign_row, &ret->text, &ret->set_ms, ret->set_by);
        return status == SAL_E_NOT_FOUND ? SAL_OK : status;
}

/* SAL_E_INVALID: they are not of this plan. */
static enum sal_status parse_kept(const struct kept *kept, const struct sal_plan *plan, struct sal_limits **ret,
                                  struct sal_err *reterr) {
        if (!kept->text)
                return SAL_OK;
        enum sal_status status = sal_limits_parse_text(kept->text, plan, ret, reterr);
        return status == SAL_E_MALFORMED ? SAL_E_CORRUPT : status;
}

enum sal_status sal_campaign_limits_kept(struct sal_tx *tx, int64_t campaign_row, const struct sal_plan *plan,
                                         struct sal_limits **ret) {
        autokept struct kept kept = {0};
        struct sal_limits *limits = NULL;
        enum sal_status status = get_kept(tx, campaign_row, &kept);
        if (!status)
                status = parse_kept(&kept, plan, &limits, NULL);
        if (!status)
                *ret = limits;
        return status == SAL_E_INVALID ? SAL_E_CORRUPT : status;
}

/* *ret: a new reference, NULL when nothing is limited. */
static enum sal_status in_force(const struct sal_act *act, const struct subject *subject, struct sal_limits **ret) {
        if (!subject->live)
                return sal_campaign_limits_kept(act->tx, subject->row.row, &subject->campaign->plan, ret);
        *ret = sal_limits_ref(subject->live->limits);
        return SAL_OK;
}

static enum sal_status view(const struct sal_act *act, const struct sal_campaign_row *row, json_t **ret) {
        autokept struct kept kept = {0};
        sal_autojson json_t *limits = NULL;
        enum sal_status status = get_kept(act->tx, row->row, &kept);
        if (!status && kept.text)
                status = sal_json_parse(kept.text, strlen(kept.text), SAL_JSON_MAX_DEPTH, &limits, NULL);
        if (status)
                return status == SAL_E_MALFORMED ? SAL_E_CORRUPT : status;
        *ret = json_pack("{s:O?, s:o, s:s?}", "limits", limits, "set_at", sal_view_time(kept.set_ms), "set_by",
                         kept.text ? kept.set_by : NULL);
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

json_t *sal_campaign_limits_view(const struct sal_act *act, const struct sal_campaign_row *row) {
        sal_autojson json_t *whole = NULL;
        return view(act, row, &whole) ? json_null() : json_incref(json_object_get(whole, "limits"));
}

enum sal_status sal_campaign_limits_show(const struct sal_act *act, const char *id, int64_t version, json_t **ret,
                                         struct sal_err *reterr) {
        autosubject struct subject subject = {0};
        enum sal_status status = find(act, id, version, &subject, reterr);
        return status ? status : view(act, &subject.row, ret);
}

/* ---- setting ---- */

static enum sal_status parse(const json_t *body, const struct sal_plan *plan, const char **ret_reason,
                             struct sal_limits **ret, struct sal_err *reterr) {
        static const char *const known[] = {"reason", "limits", NULL};
        struct sal_json_at at = sal_json_root(body), limits;
        enum sal_status status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_string(&at, "reason", true, 1, SAL_REASON_TEXT_MAX_BYTES, ret_reason, reterr);
        if (!status)
                status = sal_json_object(&at, "limits", true, &limits, reterr);
        return status ? status : sal_limits_parse(&limits, plan, ret, reterr);
}

/* What has ended is offered to nobody, and an open ring never closes. */
static enum sal_status check_state(const struct sal_act *act, const struct subject *subject,
                                   const struct sal_limits *limits, struct sal_err *reterr) {
        const struct sal_campaign_row *row = &subject->row;
        const char *state = sal_campaign_state_name(row->state);
        if (row->state != SAL_CAMPAIGN_DRAFT && row->state != SAL_CAMPAIGN_READY && !sal_campaign_live(row->state)) {
                sal_fail(reterr, SAL_E_CONFLICT, "campaign %s@%" PRId64 " is %s: nothing is left to limit", row->id,
                         row->version, state);
                sal_err_ref(reterr, state);
                return SAL_E_CONFLICT;
        }
        for (size_t ring = 0; subject->live && ring < (size_t)subject->live->row.rings_open; ring++) {
                const char *name = subject->campaign->plan.rings[ring].name;
                char pointer[SAL_ERR_POINTER_BYTES];
                if (sal_limits_opens_ms(limits, ring) <= sal_tx_now_ms(act->tx))
                        continue;
                snprintf(pointer, sizeof pointer, "/limits/opens/%s", name);
                sal_fail_at(reterr, SAL_E_CONFLICT, pointer, "ring %s is open already, and open rings never close",
                            name);
                sal_err_hint(reterr, "give \"windows\" or \"in_flight_max\", or pause the campaign");
                sal_err_ref(reterr, "open");
                return SAL_E_CONFLICT;
        }
        return SAL_OK;
}

static enum sal_status keep(const struct sal_act *act, const struct sal_campaign_row *row,
                            const struct sal_limits *limits, const char *reason) {
        sal_autojson json_t *json = sal_limits_json(limits);
        sal_autofree char *text = json ? sal_json_dump(json) : NULL;
        if (!text)
                return SAL_E_NOMEM;
        enum sal_status status =
                limits ? sal_campaign_limits_put(act->tx, row->row, text, sal_tx_now_ms(act->tx), act->operator_name)
                       : sal_campaign_limits_drop(act->tx, row->row);
        return status ? status
                      : sal_journal_admin(act, "campaign.limits", row->id, row->version, NULL,
                                          json_pack("{s:s, s:O}", "reason", reason, "limits", json));
}

/* From here on they rule, and every worker hears of it. Where others are reached the fleet is counted again, and is
 * taken for small until that is done; nobody was patient with those, so patience begins anew. What a later opening held
 * back comes at once. */
static enum sal_status rule(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                            struct sal_limits *limits_take) {
        if (!sal_limits_same_reach(live->limits, limits_take)) {
                sal_population_restart(live);
                live->known_before = 0;
                sal_live_lull_anew(engine, tx, live);
        }
        sal_limits_unref(live->limits);
        live->limits = limits_take;
        live->review = true;
        engine->publish = true;
        return sal_live_advance(engine, tx, live);
}

enum sal_status sal_campaign_limits_set(const struct sal_act *act, const char *id, int64_t version, const json_t *body,
                                        json_t **ret, struct sal_err *reterr) {
        autosubject struct subject subject = {0};
        sal_auto(sal_limits) struct sal_limits *limits = NULL;
        const char *reason = NULL;
        enum sal_status status = find(act, id, version, &subject, reterr);
        if (!status)
                status = parse(body, &subject.campaign->plan, &reason, &limits, reterr);
        if (!status)
                status = check_state(act, &subject, limits, reterr);
        if (!status)
                status = keep(act, &subject.row, limits, reason);
        if (!status)
                status = view(act, &subject.row, ret);
        if (!status && subject.live)
                status = rule(act->service->engine, act->tx, subject.live, SAL_STEAL(limits));
        return status;
}

enum sal_status sal_campaign_limits_fit(const struct sal_act *act, const struct sal_campaign_row *row,
                                        const struct sal_campaign *campaign, struct sal_err *reterr) {
        autokept struct kept kept = {0};
        sal_auto(sal_limits) struct sal_limits *limits = NULL;
        struct sal_err wrong = {0};
        enum sal_status status = get_kept(act->tx, row->row, &kept);
        if (!status)
                status = parse_kept(&kept, &campaign->plan, &limits, &wrong);
        if (status != SAL_E_INVALID)
                return status;
        sal_fail(reterr, SAL_E_CONFLICT, "the limits that %s set do not fit this plan: %.200s", kept.set_by,
                 wrong.detail);
        sal_err_hint(reterr, "set others first: PUT /api/v1/campaigns/%s/%" PRId64 "/limits", row->id, row->version);
        sal_err_ref(reterr, "limits");
        return SAL_E_CONFLICT;
}

/* What sal_campaign_limits_set refuses whoever asks; every other failure leaves it open what would have come. */
static bool is_refusal(enum sal_status status) {
        return status == SAL_E_NOT_FOUND || status == SAL_E_INVALID || status == SAL_E_CONFLICT;
}

bool sal_campaign_limits_loosen(const struct sal_act *act, const char *id, int64_t version, const json_t *body) {
        autosubject struct subject subject = {0};
        sal_auto(sal_limits) struct sal_limits *limits = NULL;
        sal_auto(sal_limits) struct sal_limits *before = NULL;
        const char *reason = NULL;
        enum sal_status status = find(act, id, version, &subject, NULL);
        if (!status)
                status = parse(body, &subject.campaign->plan, &reason, &limits, NULL);
        if (!status)
                status = check_state(act, &subject, limits, NULL);
        if (is_refusal(status))
                return false;
        return status || in_force(act, &subject, &before) || !sal_limits_within(limits, before);
}
