/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/offer_list.h"

#include "base/clock.h"
#include "rollout/evidence.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- decisions ---- */

static json_t *evidence_json(const struct sal_evidence *evidence) {
        json_t *json = json_pack("{s:I, s:I, s:I}", "offered", (json_int_t)evidence->offered, "failed",
                                 (json_int_t)evidence->failed, "silent", (json_int_t)evidence->silent);
        if (evidence->block_level >= 0)
                json_object_set_new(json, "block",
                                    json_pack("[i, I]", evidence->block_level, (json_int_t)evidence->block));
        json_object_set_new(json, "ln_e", json_real(evidence->ln_e));
        json_object_set_new(json, "bound", json_real(evidence->bound));
        return json;
}

enum sal_status sal_decide_row(struct sal_tx *tx, const struct sal_campaign_row *row,
                               const struct sal_decision *decision, int64_t *ret_seq) {
        static const struct sal_evidence nothing = {.block_level = -1};
        int64_t seq = sal_journal_seq(tx) + 1;
        char id[24], at[SAL_TIME_BYTES];
        snprintf(id, sizeof id, "d%" PRId64, seq);
        sal_time_format(sal_tx_now_ms(tx), at);
        sal_autojson json_t *json =
                json_pack("{s:s, s:s, s:s, s:I, s:s*, s:s*, s:s, s:s, s:s, s:o, s:s*, s:s*}", "id", id, "at", at,
                          "campaign", row->id, "version", (json_int_t)row->version, "ring", decision->ring, "cohort",
                          decision->cohort, "verdict", decision->verdict, "by", decision->by, "rule", decision->rule,
                          "evidence", evidence_json(decision->evidence ? decision->evidence : &nothing), "reason",
                          decision->reason, "operator", decision->operator_name);
        sal_autofree char *text = json ? sal_json_dump(json) : NULL;
        if (!text)
                return SAL_E_NOMEM;
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = SAL_JOURNAL_DECISION,
                                          .campaign = row->id,
                                          .version = row->version,
                                          .ring = decision->ring,
                                          .detail = text};
        enum sal_status status = sal_journal_append(tx, &entry);
        if (!status && ret_seq)
                *ret_seq = entry.seq;
        return status;
}

enum sal_status sal_decide(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                           const struct sal_decision *decision, int64_t *ret_seq) {
        struct sal_evidence totals = {.block_level = -1};
        struct sal_decision full = *decision;
        if (!full.evidence) {
                sal_tally_totals(live->tally, &totals);
                full.evidence = &totals;
        }
        const struct sal_plan *plan = &live->launch->campaign->plan;
        if (!full.ring)
                full.ring = plan->rings[sal_tally_stage(live->tally)].name;
        sal_engine_note(engine, "campaign.decision", &live->row,
                        "%s by %s (rule %s), ring %s: %" PRId64 " offered, %" PRId64 " failed, %" PRId64
                        " silent, ln E %.3f, bound %.3f",
                        full.verdict, full.by, full.rule, full.ring, full.evidence->offered, full.evidence->failed,
                        full.evidence->silent, full.evidence->ln_e, full.evidence->bound);
        return sal_decide_row(tx, &live->row, &full, ret_seq);
}

enum sal_status sal_journal_state(struct sal_tx *tx, const struct sal_campaign_row *row) {
        char detail[64];
        snprintf(detail, sizeof detail, "{\"state\":\"%s\"}", sal_campaign_state_name(row->state));
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = SAL_JOURNAL_STATE,
                                          .campaign = row->id,
                                          .version = row->version,
                                          .detail = detail};
        return sal_journal_append(tx, &entry);
}

enum sal_status sal_live_act(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                             enum sal_campaign_act act, struct sal_err *reterr) {
        enum sal_campaign_state next = live->row.state;
        if (!sal_campaign_next(live->row.state, act, &next)) {
                enum sal_status status = sal_fail(reterr, SAL_E_CONFLICT, "campaign %s@%" PRId64 " is %s", live->row.id,
                                                  live->row.version, sal_campaign_state_name(live->row.state));
                sal_err_ref(reterr, sal_campaign_state_name(live->row.state));
                return status;
        }
        live->row.state = next;
        live->dirty = true;
        live->review = true;
        engine->publish = true;
        sal_live_set_clock(engine, live, tx);
        return sal_journal_state(tx, &live->row);
}

/* ---- halting and ending ---- */

static enum sal_status recall_one(struct sal_engine *engine, struct sal_tx *tx, struct sal_offer *offer,
                                  enum sal_cause cause) {
        struct sal_machine machine = {0};
        bool changed;
        enum sal_status status = sal_machine_get_row(tx, offer->machine_row, &machine);
        if (!status)
                status = sal_machine_settle(engine, tx, &machine, offer, SAL_EVENT_RECALLED, cause, &changed);
        sal_machine_done(&machine);
        return status;
}

enum sal_status sal_live_recall(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                enum sal_cause cause) {
        sal_autoofferlist struct sal_offer_list offered = {0};
        enum sal_status status =
                sal_offer_each(tx, live->row.row, 0, SAL_OFFER_OFFERED, UINT32_MAX, sal_offer_list_add, &offered);
        status = sal_offer_list_status(&offered, status);
        for (size_t i = 0; !status && i < offered.count; i++)
                status = recall_one(engine, tx, &offered.items[i], cause);
        return status;
}

enum sal_status sal_live_halt(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live, bool by_engine,
                              const struct sal_decision *decision) {
        enum sal_status status = sal_live_act(engine, tx, live, SAL_ACT_HALT, NULL);
        if (status)
                return status;
        live->row.halted_by_engine = by_engine;
        int64_t seq = 0;
        status = sal_decide(engine, tx, live, decision, &seq);
        live->row.halt_decision = seq;
        if (!status)
                status = sal_live_recall(engine, tx, live,
                                         strcmp(decision->rule, "supersedes") == 0 ? SAL_CAUSE_SUPERSEDED
                                                                                   : SAL_CAUSE_HALT);
        return status;
}

enum sal_status sal_live_end(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                             enum sal_campaign_act act, const struct sal_decision *decision, struct sal_err *reterr) {
        enum sal_status status = sal_live_act(engine, tx, live, act, reterr);
        if (!status)
                status = sal_decide(engine, tx, live, decision, NULL);
        if (!status)
                status = sal_live_recall(engine, tx, live,
                                         act == SAL_ACT_EXPIRE ? SAL_CAUSE_EXPIRED : SAL_CAUSE_WITHDRAWN);
        return status;
}

/* ---- counts that pace and advance ask for ---- */

int64_t sal_live_in_flight(const struct sal_live *live) {
        return live->row.unsettled - live->excluded_unsettled - live->anonymous_unsettled;
}

int64_t sal_live_known_matching(const struct sal_live *live) {
        int64_t known = live->machines_touched;
        for (size_t i = 0; i < SAL_PLAN_MAX_RINGS; i++)
                known += live->waiting[i];
        /* A count that has just begun anew must not shrink the pace. */
        return live->scan_done || known > live->known_before ? known : live->known_before;
}

static bool has_room(const struct sal_live *live) {
        return sal_tally_room(live->tally, sal_live_known_matching(live), sal_live_in_flight(live));
}

void sal_live_gate(struct sal_engine *engine, struct sal_live *live) {
        long slots = 0;
        bool offers = live->row.state == SAL_CAMPAIGN_ACTIVE || live->row.state == SAL_CAMPAIGN_COMPLETED;
        if (offers && !engine->kill_switch && has_room(live)) {
                double cap = sal_tally_cap(live->tally, sal_live_known_matching(live));
                double left = cap - sal_tally_excess(live->tally) - (double)sal_live_in_flight(live);
                slots = left < 1 ? 1 : left > 1e9 ? 1000000000L : (long)ceil(left);
        }
        long before = atomic_exchange(&live->launch->slots, slots);
        if (slots > 0 && before <= 0)
                engine->changed = true;
}

/* ---- advance, open, complete ---- */

static enum sal_status open_ring(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                 const struct sal_decision *decision) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        struct sal_decision full = *decision;
        full.ring = plan->rings[live->row.rings_open].name;
        live->row.rings_open++;
        live->row.last_take_served_ms = sal_live_served_ms(engine, live, tx);
        live->dirty = true;
        engine->publish = true;
        return sal_decide(engine, tx, live, &full, NULL);
}

/* Begins the next stage on the evidence, and opens its ring unless it is open already. */
static enum sal_status next_stage(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                  const struct sal_evidence *evidence, const char *by, const char *operator_name,
                                  const char *reason) {
        sal_tally_next_stage(live->tally);
        live->dirty = true;
        struct sal_decision decision = {.verdict = "advance",
                                        .by = by,
                                        .rule = "6.4",
                                        .evidence = evidence,
                                        .operator_name = operator_name,
                                        .reason = reason};
        if (live->row.rings_open <= sal_tally_stage(live->tally))
                return open_ring(engine, tx, live, &decision);
        return sal_decide(engine, tx, live, &decision, NULL);
}

/* Without evidence: everybody known in the open rings is settled, or nobody of them came for patience_seconds. */
static bool may_open(const struct sal_engine *engine, const struct sal_tx *tx, const struct sal_live *live) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        if ((size_t)live->row.rings_open >= plan->ring_count || !has_room(live))
                return false;
        int64_t idle_ms = sal_live_served_ms(engine, live, tx) - live->row.last_take_served_ms;
        if (plan->patience_seconds >= 0 && idle_ms >= plan->patience_seconds * 1000)
                return true;
        if (!live->scan_done || sal_live_in_flight(live) > 0)
                return false;
        /* Nobody known at the start: the first machines may belong to any ring, and an open one that looks empty is
         * merely unknown. It takes a machine of it, or patience. */
        if (!live->fleet_known && live->machines_touched == 0)
                return false;
        for (int64_t ring = 0; ring < live->row.rings_open; ring++)
                if (live->waiting[ring] > 0)
                        return false;
        return true;
}

static bool is_complete(const struct sal_engine *engine, const struct sal_tx *tx, const struct sal_live *live) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        int64_t idle_ms = sal_live_served_ms(engine, live, tx) - live->row.last_take_served_ms;
        return (size_t)live->row.rings_open == plan->ring_count && live->row.unsettled == 0 &&
               idle_ms >= plan->quiet_seconds * 1000;
}

/* Before not_before, and until the published list names the campaign, nobody can take an offer: neither patience nor
 * quiet begins. */
static bool is_early(struct sal_engine *engine, const struct sal_tx *tx, struct sal_live *live) {
        enum { STEP_MS = 1000 };
        bool early = sal_tx_now_ms(tx) < live->launch->campaign->not_before_ms ||
                     !sal_service_lists(engine->service, live->launch);
        int64_t served_ms = sal_live_served_ms(engine, live, tx);
        if (early && served_ms - live->row.last_take_served_ms >= STEP_MS) {
                live->row.last_take_served_ms = served_ms;
                live->dirty = true;
        }
        if (live->early && !early)
                engine->changed = true; /* held polls want to know */
        live->early = early;
        return early;
}

enum sal_status sal_live_review(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        enum sal_status status = SAL_OK;
        bool active = live->row.state == SAL_CAMPAIGN_ACTIVE;
        /* A completed one goes on through its stages: late machines are many after a boot storm. */
        if ((!active && live->row.state != SAL_CAMPAIGN_COMPLETED) || engine->kill_switch)
                return SAL_OK;
        if (is_early(engine, tx, live))
                return SAL_OK;
        while (!status && !plan->manual_advance) {
                struct sal_evidence evidence = sal_tally_advance_evidence(live->tally);
                if (evidence.verdict != SAL_VERDICT_ADVANCE)
                        break;
                status = next_stage(engine, tx, live, &evidence, "engine", NULL, NULL);
        }
        while (!status && !plan->manual_advance && may_open(engine, tx, live))
                status = open_ring(engine, tx, live,
                                   &(struct sal_decision){.verdict = "open", .by = "engine", .rule = "6.4"});
        if (!status && active && is_complete(engine, tx, live)) {
                status = sal_live_act(engine, tx, live, SAL_ACT_COMPLETE, NULL);
                if (!status)
                        status =
                                sal_decide(engine, tx, live,
                                           &(struct sal_decision){.verdict = "complete", .by = "engine", .rule = "6.7"},
                                           NULL);
        }
        return status;
}

enum sal_status sal_live_advance_by(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                    const char *operator_name, const char *reason) {
        struct sal_evidence evidence = sal_tally_advance_evidence(live->tally);
        live->review = true;
        if (evidence.verdict == SAL_VERDICT_ADVANCE)
                return next_stage(engine, tx, live, &evidence, "operator", operator_name, reason);
        return open_ring(engine, tx, live,
                         &(struct sal_decision){.verdict = "open",
                                                .by = "operator",
                                                .rule = "6.4",
                                                .operator_name = operator_name,
                                                .reason = reason});
}
