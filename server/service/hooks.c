/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"

#include <string.h>

/* What is due at the beginning of a batch leaves the ledger to those who wait after ROUND_MS, however many campaigns
 * have something to do: the others' turns come with the next batch. */
enum { SAVE_SERVED_MS = 10000, HEARTBEAT_MS = 1000, ROUND_MS = 20, NEVER = -1 };

/* Served time starts and stops with readiness. */
static void follow_readiness(struct sal_engine *engine, struct sal_tx *tx) {
        /* A process that stood still served nobody. */
        if (engine->mono_base_ms >= 0)
                engine->mono_base_ms += sal_tx_overslept_ms(tx);
        bool ready = atomic_load(&engine->ready_wanted);
        if (ready == (engine->mono_base_ms >= 0))
                return;
        engine->served_base_ms = sal_engine_served_ms(engine, tx);
        engine->mono_base_ms = ready ? sal_tx_mono_ms(tx) : -1;
}

static enum sal_status expire(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live) {
        return sal_live_end(engine, tx, live, SAL_ACT_EXPIRE,
                            &(struct sal_decision){.verdict = "expire", .by = "engine", .rule = "6.7"}, NULL);
}

static enum sal_status find_next_due(struct sal_tx *tx, struct sal_live *live) {
        enum sal_status status = sal_offer_next_due(tx, live->row.row, &live->next_due_served_ms);
        if (status == SAL_E_NOT_FOUND) {
                live->next_due_served_ms = -1;
                return SAL_OK;
        }
        return status;
}

/* What time asks of one campaign, once it has expired if it had to: due offers, a piece of what is recalled, a piece of
 * counting. */
static enum sal_status work_off(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live) {
        enum sal_status status = SAL_OK;
        if (!status && live->next_due_served_ms == -2)
                status = find_next_due(tx, live);
        if (!status && live->row.recall_row)
                status = sal_live_recall_piece(engine, tx, live);
        bool more = false;
        if (!status && live->next_due_served_ms >= 0 &&
            live->next_due_served_ms <= sal_live_served_ms(engine, live, tx)) {
                status = sal_offers_due(engine, tx, live, &more);
                live->next_due_served_ms = -2;
        }
        if (!status && !live->scan_done && sal_campaign_live(live->row.state))
                status = sal_population_scan(engine, tx, live, &more);
        return status;
}

/* No campaign waits for its turn to expire. */
static enum sal_status expire_due(struct sal_engine *engine, struct sal_tx *tx) {
        enum sal_status status = SAL_OK;
        for (size_t i = 0; !status && i < engine->count; i++) {
                struct sal_live *live = engine->live[i];
                if (sal_campaign_live(live->row.state) && sal_tx_now_ms(tx) >= live->launch->campaign->expires_ms)
                        status = expire(engine, tx, live);
        }
        return status;
}

/* One campaign after the other, until all had their turn or the time is over; then the next round begins behind the one
 * that came last. */
static enum sal_status work_off_all(struct sal_engine *engine, struct sal_tx *tx) {
        const struct sal_ledger *ledger = engine->service->ledger;
        int64_t until_mono_ms = sal_ledger_mono_ms(ledger) + ROUND_MS;
        enum sal_status status = SAL_OK;
        size_t first = engine->first_turn;
        engine->first_turn = 0;
        for (size_t n = 0; !status && n < engine->count; n++) {
                size_t turn = (first + n) % engine->count;
                if (n && sal_ledger_mono_ms(ledger) >= until_mono_ms) {
                        engine->first_turn = turn;
                        break;
                }
                status = work_off(engine, tx, engine->live[turn]);
        }
        return status;
}

/* A failure is kept: the batch will not be committed, and this is tried again. */
static void begin(struct sal_tx *tx, void *arg) {
        struct sal_engine *engine = arg;
        follow_readiness(engine, tx);
        engine->begun = expire_due(engine, tx);
        if (!engine->begun)
                engine->begun = work_off_all(engine, tx);
}

/* True when the passing of time alone may open a ring or complete the campaign, or let offers be made again. */
static bool time_may_decide(const struct sal_live *live) {
        return sal_campaign_runs(live->row.state) && live->row.served_stopped_ms < 0;
}

static enum sal_status before_commit(struct sal_tx *tx, void *arg) {
        struct sal_engine *engine = arg;
        enum sal_status status = engine->begun;
        for (size_t i = 0; !status && i < engine->count; i++) {
                struct sal_live *live = engine->live[i];
                if (!live->review && !time_may_decide(live))
                        continue;
                status = sal_live_review(engine, tx, live);
                live->review = false;
                if (!status && live->next_due_served_ms == -2)
                        status = find_next_due(tx, live);
        }
        if (!status)
                status = sal_engine_save(engine, tx);
        return status;
}

/* Campaigns that ended are kept until their last offer is settled. */
static void drop_ended(struct sal_engine *engine) {
        for (size_t i = engine->count; i-- > 0;)
                if (!sal_campaign_live(engine->live[i]->row.state) && engine->live[i]->row.unsettled == 0)
                        sal_engine_remove(engine, engine->live[i]);
}

static void committed(void *arg) {
        struct sal_engine *engine = arg;
        drop_ended(engine);
        sal_service_trust_committed(engine->service);
        sal_engine_publish(engine);
}

static enum sal_status rolled_back(struct sal_tx *tx, void *arg) {
        sal_service_trust_rolled_back(((struct sal_engine *)arg)->service);
        return sal_engine_load(arg, tx);
}

static int64_t sooner(int64_t a, int64_t b) {
        if (b < 0)
                b = 0;
        return a < 0 || b < a ? b : a;
}

/* The same until patience or quiet has lasted long enough. */
static int64_t lull_wake(const struct sal_live *live, int64_t served_ms) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        int64_t idle_ms = served_ms - live->row.last_take_served_ms;
        if (live->row.state != SAL_CAMPAIGN_ACTIVE)
                return NEVER;
        if ((size_t)live->row.rings_open < plan->ring_count) {
                int64_t left_ms = plan->patience_seconds * 1000 - idle_ms;
                return plan->manual_advance || plan->patience_seconds < 0 || left_ms <= 0 ? NEVER : left_ms;
        }
        int64_t left_ms = plan->quiet_seconds * 1000 - (served_ms - sal_live_quiet_since_ms(live));
        return live->row.unsettled ? NEVER : left_ms > 0 ? left_ms : 0;
}

/* The same until an operator's window opens or closes, or the next ring may open. */
static int64_t limits_wake(const struct sal_live *live, int64_t now_ms) {
        const struct sal_limits *limits = live->limits;
        int64_t wake = NEVER;
        int64_t change_ms = sal_limits_window_open(limits, now_ms) ? sal_limits_window_closes_ms(limits, now_ms)
                                                                   : sal_limits_window_opens_ms(limits, now_ms);
        if (change_ms < INT64_MAX)
                wake = sooner(wake, change_ms - now_ms);
        if ((size_t)live->row.rings_open < live->launch->campaign->plan.ring_count) {
                int64_t opens_ms = sal_limits_opens_ms(limits, (size_t)live->row.rings_open);
                if (opens_ms > now_ms)
                        wake = sooner(wake, opens_ms - now_ms);
        }
        return wake;
}

/* Milliseconds until time lets something be decided, NEVER: nothing waits for it. */
static int64_t plan_wake(const struct sal_engine *engine, const struct sal_live *live, int64_t served_ms,
                         int64_t now_ms) {
        int64_t not_before_ms = live->launch->campaign->not_before_ms;
        if (now_ms < not_before_ms)
                return not_before_ms - now_ms;
        int64_t wake = live->limits ? limits_wake(live, now_ms) : NEVER;
        if (!sal_live_takeable(engine, live, now_ms))
                return wake;
        /* A limit that narrows or caps is lifted in a batch: time alone changes nothing. */
        int64_t lull = live->early ? 0 : live->stands ? NEVER : lull_wake(live, served_ms);
        return lull == NEVER ? wake : sooner(wake, lull);
}

static int64_t live_wake(struct sal_engine *engine, const struct sal_live *live, int64_t now_ms,
                         int64_t served_daemon_ms) {
        int64_t wake = NEVER;
        if (live->row.recall_row)
                return 0;
        if (sal_campaign_live(live->row.state)) {
                wake = sooner(wake, live->launch->campaign->expires_ms - now_ms);
                if (!live->scan_done)
                        return 0;
        }
        if (live->row.served_stopped_ms >= 0 || engine->mono_base_ms < 0)
                return wake;
        int64_t served_ms = served_daemon_ms - live->row.served_offset_ms;
        if (live->next_due_served_ms == -2)
                return 0;
        /* Looked at every second while a timer runs, so that standing still is noticed before it counts. */
        if (live->next_due_served_ms >= 0)
                wake = sooner(wake, sooner(HEARTBEAT_MS, live->next_due_served_ms - served_ms));
        int64_t plan = time_may_decide(live) ? plan_wake(engine, live, served_ms, now_ms) : NEVER;
        return plan == NEVER ? wake : sooner(wake, plan);
}

static int64_t next_wake_ms(void *arg) {
        struct sal_engine *engine = arg;
        const struct sal_ledger *ledger = engine->service->ledger;
        int64_t mono_ms = sal_ledger_mono_ms(ledger), now_ms = sal_ledger_wall_ms(ledger);
        int64_t served_ms = engine->served_base_ms;
        int64_t wake = -1;
        if (engine->mono_base_ms >= 0) {
                served_ms += mono_ms - engine->mono_base_ms;
                wake = sooner(wake, SAVE_SERVED_MS - (served_ms - engine->served_saved_ms));
        }
        if (atomic_load(&engine->ready_wanted) != (engine->mono_base_ms >= 0))
                return 0;
        for (size_t i = 0; i < engine->count; i++) {
                int64_t live = live_wake(engine, engine->live[i], now_ms, served_ms);
                if (live >= 0)
                        wake = sooner(wake, live);
        }
        return wake;
}

const struct sal_ledger_hooks sal_service_hooks = {
        .begin = begin,
        .before_commit = before_commit,
        .committed = committed,
        .rolled_back = rolled_back,
        .next_wake_ms = next_wake_ms,
};
