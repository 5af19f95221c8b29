/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"
#include "ledger/offer_row.h"

#include <stdio.h>

/* ---- sums per ring ---- */

static void add_state(struct sal_ring_counts *ring, enum sal_offer_state state, int change) {
        if (sal_offer_unsettled(state))
                ring->unsettled += change;
        else if (state == SAL_OFFER_SUCCEEDED)
                ring->succeeded += change;
        else if (state == SAL_OFFER_FAILED)
                ring->failed += change;
        else if (state == SAL_OFFER_NOT_APPLICABLE)
                ring->not_applicable += change;
}

enum sal_status sal_ring_counts_get(struct sal_tx *tx, int64_t campaign_row,
                                    struct sal_ring_counts ret[static SAL_PLAN_MAX_RINGS]) {
        struct sal_ring_sums *sums = sal_sums_of(tx, campaign_row);
        if (!sums)
                return tx->status;
        for (int i = 0; i < SAL_PLAN_MAX_RINGS; i++)
                ret[i] = sums->rings[i];
        return SAL_OK;
}

/* ---- insert ---- */

/* *ret: whether the machine holds an offer of this campaign already. */
static enum sal_status machine_has_offer(struct sal_tx *tx, const struct sal_offer *offer, bool *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_ANY);
        sal_put_int(&q, offer->machine_row);
        sal_put_int(&q, offer->campaign_row);
        *ret = sal_query_row(&q);
        return q.status;
}

static enum sal_status insert_row(struct sal_tx *tx, struct sal_offer *offer) {
        char cohorts[SAL_OFFER_COHORTS_BYTES];
        sal_offer_cohorts_write(offer, cohorts);
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_INSERT);
        sal_put_int(&q, offer->campaign_row);
        sal_put_int(&q, offer->machine_row);
        sal_put_int(&q, offer->attempt);
        sal_put_int(&q, offer->incarnation);
        sal_put_int(&q, offer->period);
        sal_put_int(&q, offer->ring);
        sal_put_int(&q, offer->state);
        sal_put_int(&q, offer->cause);
        sal_put_int(&q, offer->can_healthy);
        sal_put_int(&q, offer->counted);
        sal_put_int(&q, offer->excluded);
        sal_put_int(&q, offer->late_applied);
        sal_put_int(&q, offer->anonymous);
        sal_put_int(&q, offer->made_ms);
        sal_put_int(&q, offer->applied_ms);
        sal_put_int(&q, offer->settled_ms);
        sal_put_int(&q, offer->made_served_ms);
        sal_put_int(&q, offer->applied_served_ms);
        sal_put_int(&q, offer->due_kind);
        sal_put_int(&q, offer->due_served_ms);
        sal_put_int(&q, offer->slot_i);
        sal_put_int(&q, offer->slot_o);
        sal_put_int(&q, offer->stage);
        sal_put_text(&q, offer->boot_id);
        sal_put_text(&q, cohorts);
        sal_put_int(&q, offer->offline);
        if (sal_query_run(&q) == SAL_OK)
                offer->row = sqlite3_last_insert_rowid(tx->ledger->db);
        return q.status;
}

static enum sal_status insert_cohort(struct sal_tx *tx, const struct sal_offer *offer, int j) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_COHORT_INSERT);
        sal_put_int(&q, offer->campaign_row);
        sal_put_int(&q, offer->period);
        sal_put_int(&q, j);
        sal_put_int(&q, offer->row);
        return sal_query_run(&q);
}

enum sal_status sal_offer_insert(struct sal_tx *tx, struct sal_offer *offer) {
        struct sal_ring_sums *sums = sal_sums_of(tx, offer->campaign_row);
        if (!sums)
                return tx->status;
        if (offer->ring < 0 || offer->ring >= SAL_PLAN_MAX_RINGS || offer->cohort_count > SAL_PLAN_MAX_COHORTS)
                return sal_tx_fail(tx, SAL_E_INTERNAL, "an offer for ring %lld", (long long)offer->ring);
        bool has = false;
        enum sal_status status = machine_has_offer(tx, offer, &has);
        if (status == SAL_OK)
                status = insert_row(tx, offer);
        for (size_t i = 0; status == SAL_OK && i < offer->cohort_count; i++)
                status = insert_cohort(tx, offer, offer->cohorts[i]);
        if (status != SAL_OK || offer->offline)
                return status;
        struct sal_ring_counts *ring = &sums->rings[offer->ring];
        ring->offered++;
        if (!has)
                ring->machines++;
        add_state(ring, offer->state, +1);
        sums->dirty = true;
        return SAL_OK;
}

/* ---- update ---- */

struct offer_keys {
        int64_t campaign_row;
        int ring;
        enum sal_offer_state state;
        bool offline;
};

static enum sal_status get_keys(struct sal_tx *tx, int64_t row, struct offer_keys *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_OFFER_KEYS);
        sal_put_int(&q, row);
        if (!sal_query_row(&q))
                return q.status != SAL_OK ? q.status
                                          : sal_tx_fail(tx, SAL_E_INTERNAL, "no offer %lld to update", (long long)row);
        ret->campaign_row = sal_take_int(&q);
        ret->ring = sal_take_enum(&q, SAL_PLAN_MAX_RINGS);
        ret->state = (enum sal_offer_state)sal_take_enum(&q, SAL_OFFER_STATES);
        ret->offline = sal_take_bool(&q);
        return q.status;
}

static enum sal_status update_row(struct sal_tx *tx, const struct sal_offer *offer, bool same_state) {
        sal_autoquery struct sal_query q =
                sal_query_open(tx, same_state ? SAL_SQL_OFFER_UPDATE : SAL_SQL_OFFER_UPDATE_STATE);
        sal_put_int(&q, offer->row);
        sal_put_int(&q, offer->cause);
        sal_put_int(&q, offer->excluded);
        sal_put_int(&q, offer->late_applied);
        sal_put_int(&q, offer->applied_ms);
        sal_put_int(&q, offer->settled_ms);
        sal_put_int(&q, offer->applied_served_ms);
        sal_put_int(&q, offer->due_kind);
        sal_put_int(&q, offer->due_served_ms);
        sal_put_text(&q, offer->boot_id);
        if (!same_state)
                sal_put_int(&q, offer->state);
        return sal_query_run(&q);
}

enum sal_status sal_offer_update(struct sal_tx *tx, const struct sal_offer *offer) {
        struct offer_keys keys = {0};
        enum sal_status status = get_keys(tx, offer->row, &keys);
        if (status == SAL_OK)
                status = update_row(tx, offer, keys.state == offer->state);
        if (status != SAL_OK || keys.state == offer->state || keys.offline)
                return status;
        struct sal_ring_sums *sums = sal_sums_of(tx, keys.campaign_row);
        if (!sums)
                return tx->status;
        add_state(&sums->rings[keys.ring], keys.state, -1);
        add_state(&sums->rings[keys.ring], offer->state, +1);
        sums->dirty = true;
        return SAL_OK;
}
