/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"
#include "ledger/offer_row.h"

#include <stdio.h>
#include <stdlib.h>

/* How far back, in a campaign's served time, an offer may have been made whose relapse still matters: an outcome
 * deadline and a relapse window, each at most 30 days (model/plan.h). */
#define RELAPSE_REACH_MS (INT64_C(2) * 30 * 86400 * 1000)

void sal_offer_cohorts_write(const struct sal_offer *offer, char ret[static SAL_OFFER_COHORTS_BYTES]) {
        size_t len = 0;
        ret[0] = 0;
        for (size_t i = 0; i < offer->cohort_count && i < SAL_PLAN_MAX_COHORTS; i++)
                len += (size_t)snprintf(ret + len, SAL_OFFER_COHORTS_BYTES - len, i ? ",%d" : "%d", offer->cohorts[i]);
}

/* False when text is not what sal_offer_cohorts_write makes. */
static bool read_cohorts(const char *text, struct sal_offer *ret) {
        while (text && *text) {
                char *end = NULL;
                long value = strtol(text, &end, 10);
                if (end == text || value < INT32_MIN || value > INT32_MAX || ret->cohort_count == SAL_PLAN_MAX_COHORTS)
                        return false;
                ret->cohorts[ret->cohort_count++] = (int)value;
                if (*end && *end != ',')
                        return false;
                text = *end ? end + 1 : end;
        }
        return text != NULL;
}

enum sal_status sal_offer_take(struct sal_query *q, struct sal_offer *ret) {
        *ret = (struct sal_offer){.row = sal_take_int(q)};
        ret->campaign_row = sal_take_int(q);
        ret->machine_row = sal_take_int(q);
        ret->attempt = sal_take_int(q);
        ret->incarnation = sal_take_int(q);
        ret->period = sal_take_int(q);
        ret->ring = sal_take_enum(q, SAL_PLAN_MAX_RINGS);
        ret->state = (enum sal_offer_state)sal_take_enum(q, SAL_OFFER_STATES);
        ret->cause = (enum sal_cause)sal_take_enum(q, SAL_CAUSES);
        ret->can_healthy = sal_take_bool(q);
        ret->counted = sal_take_bool(q);
        ret->excluded = sal_take_bool(q);
        ret->late_applied = sal_take_bool(q);
        ret->anonymous = sal_take_bool(q);
        ret->made_ms = sal_take_int(q);
        ret->applied_ms = sal_take_int(q);
        ret->settled_ms = sal_take_int(q);
        ret->made_served_ms = sal_take_int(q);
        ret->applied_served_ms = sal_take_int(q);
        ret->due_kind = (enum sal_due_kind)sal_take_enum(q, SAL_DUE_SOAKED + 1);
        ret->due_served_ms = sal_take_int(q);
        ret->slot_i = sal_take_int(q);
        ret->slot_o = sal_take_int(q);
        ret->stage = sal_take_enum(q, SAL_PLAN_MAX_RINGS);
        sal_take_text(q, ret->boot_id, sizeof ret->boot_id);
        const char *cohorts = sal_take_borrowed(q);
        if (q->status == SAL_OK && !read_cohorts(cohorts, ret))
                q->status = sal_tx_fail(q->tx, SAL_E_CORRUPT, "offer %lld has damaged cohorts", (long long)ret->row);
        ret->offline = sal_take_bool(q);
        return q->status;
}

enum sal_status sal_offer_get(struct sal_tx *tx, int64_t row, struct sal_offer *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_GET);
        sal_put_int(&q, row);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        struct sal_offer offer;
        enum sal_status status = sal_offer_take(&q, &offer);
        if (status == SAL_OK)
                *ret = offer;
        return status;
}

static enum sal_status walk(struct sal_query *q, bool (*each)(void *arg, const struct sal_offer *offer), void *arg) {
        bool more = true;
        while (more && sal_query_row(q)) {
                struct sal_offer offer;
                if (sal_offer_take(q, &offer) == SAL_OK)
                        more = each(arg, &offer);
        }
        return q->status;
}

enum sal_status sal_offer_each_of_machine(struct sal_tx *tx, int64_t machine_row, int64_t campaign_row, unsigned limit,
                                          bool (*each)(void *arg, const struct sal_offer *offer), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, campaign_row ? SAL_SQL_OFFER_EACH_OF_MACHINE_CAMPAIGN
                                                                           : SAL_SQL_OFFER_EACH_OF_MACHINE);
        sal_put_int(&q, machine_row);
        if (campaign_row)
                sal_put_int(&q, campaign_row);
        sal_put_limit(&q, limit);
        return walk(&q, each, arg);
}

enum sal_status sal_offer_each_due(struct sal_tx *tx, int64_t campaign_row, int64_t served_ms, unsigned limit,
                                   bool (*each)(void *arg, const struct sal_offer *offer), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_EACH_DUE);
        sal_put_int(&q, campaign_row);
        sal_put_int(&q, served_ms);
        sal_put_limit(&q, limit);
        return walk(&q, each, arg);
}

enum sal_status sal_offer_next_due(struct sal_tx *tx, int64_t campaign_row, int64_t *ret_served_ms) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_NEXT_DUE);
        sal_put_int(&q, campaign_row);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        *ret_served_ms = sal_take_int(&q);
        return SAL_OK;
}

enum sal_status sal_offer_newest(struct sal_tx *tx, int64_t *ret_row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_NEWEST);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        *ret_row = sal_take_int(&q);
        return SAL_OK;
}

enum sal_status sal_offer_each(struct sal_tx *tx, int64_t campaign_row, int64_t after, int state, unsigned limit,
                               bool (*each)(void *arg, const struct sal_offer *offer), void *arg) {
        sal_autoquery struct sal_query q =
                sal_query_open(tx, state < 0 ? SAL_SQL_OFFER_EACH : SAL_SQL_OFFER_EACH_STATE);
        sal_put_int(&q, campaign_row);
        sal_put_int(&q, after);
        sal_put_limit(&q, limit);
        if (state >= 0)
                sal_put_int(&q, state);
        return walk(&q, each, arg);
}

enum sal_status sal_offer_each_cohort(struct sal_tx *tx, int64_t campaign_row, int64_t period, int j,
                                      bool (*each)(void *arg, const struct sal_offer *offer), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_EACH_COHORT);
        sal_put_int(&q, campaign_row);
        sal_put_int(&q, period);
        sal_put_int(&q, j);
        return walk(&q, each, arg);
}

enum sal_status sal_offer_count_offline(struct sal_tx *tx, int64_t campaign_row, int64_t *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_OFFLINE);
        sal_put_int(&q, campaign_row);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        *ret = sal_take_int(&q);
        return SAL_OK;
}

/* ---- the offer filter ---- */

static enum sal_status walk_ids(struct sal_query *q, bool (*each)(void *arg, const char *machine_id), void *arg,
                                bool *inout_more) {
        while (*inout_more && sal_query_row(q)) {
                const char *id = sal_take_borrowed(q);
                if (q->status == SAL_OK)
                        *inout_more = each(arg, id);
        }
        return q->status;
}

static enum sal_status get_served_now(struct sal_tx *tx, int64_t *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_SERVED_NOW);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        *ret = sal_take_int(&q);
        return SAL_OK;
}

enum sal_status sal_offer_each_live_machine(struct sal_tx *tx, bool (*each)(void *arg, const char *machine_id),
                                            void *arg) {
        bool more = true;
        sal_autoquery struct sal_query live = sal_query_open(tx, SAL_SQL_OFFER_MACHINES_LIVE);
        if (walk_ids(&live, each, arg, &more) != SAL_OK || !more)
                return live.status;
        int64_t served_now_ms = 0;
        enum sal_status status = get_served_now(tx, &served_now_ms);
        if (status != SAL_OK)
                return status;
        sal_autoquery struct sal_query reach = sal_query_open(tx, SAL_SQL_OFFER_MACHINES_REACH);
        sal_put_int(&reach, served_now_ms);
        sal_put_int(&reach, RELAPSE_REACH_MS);
        return walk_ids(&reach, each, arg, &more);
}

enum sal_status sal_offer_each_special(struct sal_tx *tx, int64_t campaign_row, int state,
                                       bool (*each)(void *arg, const struct sal_offer *offer), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_EACH_SPECIAL);
        sal_put_int(&q, campaign_row);
        sal_put_int(&q, state);
        return walk(&q, each, arg);
}
