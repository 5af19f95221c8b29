/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/offer_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DUE_BATCH = 512, MS_PER_SECOND = 1000 };

static struct sal_slot slot_of(const struct sal_offer *offer) {
        struct sal_slot slot = {.i = offer->slot_i,
                                .o = offer->slot_o,
                                .stage = (int)offer->stage,
                                .cohort_count = offer->cohort_count};
        memcpy(slot.cohorts, offer->cohorts, sizeof slot.cohorts);
        return slot;
}

/* ---- the halt rule, asked after a change that speaks against the fix ---- */

struct hold {
        struct sal_tx *tx;
        struct sal_live *live;
        enum sal_status status;
};

static bool exclude(void *arg, const struct sal_offer *held) {
        struct hold *hold = arg;
        struct sal_offer offer = *held;
        struct sal_slot slot = slot_of(held);
        if (held->counted)
                sal_tally_exclude(hold->live->tally, &slot, sal_offer_weight(offer.state, offer.cause));
        offer.excluded = true;
        hold->live->excluded_unsettled += sal_offer_unsettled(offer.state);
        hold->status = sal_offer_update(hold->tx, &offer);
        return hold->status == SAL_OK;
}

/* Takes every offer of a held cohort out of the sums, later attempts out of the pace; its machines wait from now on.
 * All at once, since every decision behind it rests on the sums without them: some 5 us per offer, so 100,000 offers of
 * the cohort keep the ledger for half a second. The cohort of a fix that does harm is held at its first few dozen
 * failures; so many are reached only by one that begins to fail late. */
static enum sal_status hold(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                            const struct sal_evidence *evidence) {
        struct hold hold = {.tx = tx, .live = live};
        enum sal_status status = sal_decide(engine, tx, live,
                                            &(struct sal_decision){.verdict = "hold_cohort",
                                                                   .by = "engine",
                                                                   .rule = "6.3",
                                                                   .cohort = evidence->cohort_name,
                                                                   .evidence = evidence},
                                            NULL);
        if (!status)
                status = sal_offer_each_cohort(tx, live->row.row, live->row.period, evidence->cohort, exclude, &hold);
        if (!status)
                status = hold.status;
        live->dirty = true;
        engine->publish = true;
        sal_population_restart(live);
        return status;
}

/* The evidence halts what stands already: the state stays, but a resume has to quote this decision now. */
static enum sal_status halt_standing(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                     const struct sal_decision *decision) {
        live->row.halted_by_engine = true;
        live->dirty = true;
        return sal_decide(engine, tx, live, decision, &live->row.halt_decision);
}

static enum sal_status halt(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                            const struct sal_evidence *evidence) {
        const struct sal_decision decision = {.verdict = "halt", .by = "engine", .rule = "6.3", .evidence = evidence};
        return live->row.state == SAL_CAMPAIGN_HALTED ? halt_standing(engine, tx, live, &decision)
                                                      : sal_live_halt(engine, tx, live, true, &decision);
}

static enum sal_status judge(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                             const struct sal_slot *slot) {
        if (live->judge_whole)
                slot = NULL;
        live->judge_whole = false;
        for (;;) {
                struct sal_course course = sal_live_course(engine, live, sal_tx_now_ms(tx));
                struct sal_evidence evidence = sal_course_judge(&course, slot);
                if (evidence.verdict == SAL_VERDICT_NONE)
                        return SAL_OK;
                enum sal_status status = evidence.verdict == SAL_VERDICT_HOLD_COHORT
                                                 ? hold(engine, tx, live, &evidence)
                                                 : halt(engine, tx, live, &evidence);
                if (status)
                        return status;
                slot = NULL;
        }
}

/* ---- sums of a campaign ---- */

static int64_t *counter(struct sal_campaign_row *row, enum sal_offer_state state, enum sal_cause cause) {
        switch (state) {
        case SAL_OFFER_SUCCEEDED:
                return &row->succeeded;
        case SAL_OFFER_NOT_APPLICABLE:
                return &row->not_applicable;
        case SAL_OFFER_RECALLED:
                return &row->recalled;
        case SAL_OFFER_FAILED:
                return sal_offer_weight(state, cause) == SAL_WEIGHT_SILENT ? &row->silent : &row->failed;
        default:
                return &row->unsettled;
        }
}

static enum sal_status journal_change(struct sal_tx *tx, const struct sal_campaign_row *row,
                                      const struct sal_offer *offer, const char *machine_id, const char *ring) {
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = sal_journal_type_of(offer->state),
                                          .campaign = row->id,
                                          .version = row->version,
                                          .machine_id = machine_id,
                                          .offer_row = offer->row,
                                          .ring = ring,
                                          .cause = offer->cause};
        return sal_journal_append(tx, &entry);
}

void sal_offer_set_timer(const struct sal_plan *plan, struct sal_offer *offer) {
        offer->due_kind = SAL_DUE_NONE;
        if (offer->state == SAL_OFFER_OFFERED) {
                offer->due_kind = SAL_DUE_DEADLINE;
                offer->due_served_ms = offer->made_served_ms + plan->outcome_deadline_seconds * MS_PER_SECOND;
        } else if (offer->state == SAL_OFFER_APPLIED && offer->can_healthy) {
                offer->due_kind = SAL_DUE_DEADLINE;
                offer->due_served_ms = offer->applied_served_ms + plan->outcome_deadline_seconds * MS_PER_SECOND;
        } else if (offer->state == SAL_OFFER_APPLIED) {
                offer->due_kind = SAL_DUE_SOAKED;
                offer->due_served_ms =
                        offer->applied_served_ms + plan->rings[offer->stage].soak_seconds * MS_PER_SECOND;
        }
}

/* The sums of who is unsettled follow the change. */
static void count_change(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                         const struct sal_offer *offer, const struct sal_offer *before) {
        bool settled = sal_offer_unsettled(before->state) && !sal_offer_unsettled(offer->state);
        if (settled && offer->excluded && offer->period == live->row.period)
                live->excluded_unsettled--;
        if (settled && offer->anonymous) {
                live->anonymous_unsettled--;
                engine->anonymous_unsettled--;
        }
        if (settled && live->row.unsettled == 0)
                sal_live_note_busy(engine, tx, live);
        live->dirty = true;
        live->review = true;
        live->next_due_served_ms = -2;
}

/* The statistics follow the change, and the rollout's questions are asked: first the halt rule, then whether the
 * evidence opens the next stage. */
static enum sal_status follow(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                              const struct sal_offer *offer, const struct sal_offer *before) {
        enum sal_weight from = sal_offer_weight(before->state, before->cause);
        enum sal_weight to = sal_offer_weight(offer->state, offer->cause);
        if (from == to || !offer->counted || offer->excluded || offer->period != live->row.period)
                return SAL_OK;
        struct sal_slot slot = slot_of(offer);
        enum sal_status status = SAL_OK;
        if (sal_tally_change(live->tally, &slot, from, to))
                status = judge(engine, tx, live, &slot);
        return status ? status : sal_live_advance(engine, tx, live);
}

/* An offer of a campaign that ended long ago: only its counts follow. */
static enum sal_status settle_ended(struct sal_tx *tx, const struct sal_offer *offer, const struct sal_offer *before,
                                    const char *machine_id) {
        struct sal_campaign_row row = {0};
        enum sal_status status = sal_campaign_row_get_row(tx, offer->campaign_row, &row);
        if (!status) {
                --*counter(&row, before->state, before->cause);
                ++*counter(&row, offer->state, offer->cause);
                status = sal_campaign_row_update(tx, &row);
        }
        if (!status)
                status = sal_offer_update(tx, offer);
        if (!status)
                status = journal_change(tx, &row, offer, machine_id, NULL);
        sal_campaign_row_done(&row);
        return status;
}

enum sal_status sal_offer_settle(struct sal_engine *engine, struct sal_tx *tx, struct sal_offer *offer,
                                 const char *machine_id, enum sal_offer_event event, enum sal_cause recall_cause,
                                 bool *ret_changed) {
        struct sal_offer before = *offer;
        *ret_changed = sal_offer_next(before.state, event, &offer->state, &offer->cause);
        if (!*ret_changed)
                return SAL_OK;
        if (event == SAL_EVENT_RECALLED)
                offer->cause = recall_cause;
        struct sal_live *live = sal_engine_by_row(engine, offer->campaign_row);
        if (offer->applied_ms == 0 && (offer->state == SAL_OFFER_APPLIED || offer->state == SAL_OFFER_SUCCEEDED)) {
                offer->applied_ms = sal_tx_now_ms(tx);
                offer->applied_served_ms = live ? sal_live_served_ms(engine, live, tx) : 0;
        }
        if (!sal_offer_unsettled(offer->state))
                offer->settled_ms = sal_tx_now_ms(tx);
        offer->due_kind = SAL_DUE_NONE;
        if (!live)
                return settle_ended(tx, offer, &before, machine_id);
        const struct sal_plan *plan = &live->launch->campaign->plan;
        sal_offer_set_timer(plan, offer);
        --*counter(&live->row, before.state, before.cause);
        ++*counter(&live->row, offer->state, offer->cause);
        enum sal_status status = sal_offer_update(tx, offer);
        if (!status)
                status = journal_change(tx, &live->row, offer, machine_id, plan->rings[offer->ring].name);
        count_change(engine, tx, live, offer, &before);
        return status ? status : follow(engine, tx, live, offer, &before);
}

/* ---- the machine behind an offer ---- */

static enum sal_standing standing_after(const struct sal_engine *engine, const struct sal_offer *offer,
                                        const struct sal_machine *machine) {
        const struct sal_live *live = sal_engine_by_row((struct sal_engine *)engine, offer->campaign_row);
        switch (offer->state) {
        case SAL_OFFER_OFFERED:
        case SAL_OFFER_APPLIED:
                return SAL_STANDING_OFFERED;
        case SAL_OFFER_SUCCEEDED:
                return SAL_STANDING_BACK;
        case SAL_OFFER_FAILED:
                if (live && offer->attempt >= live->launch->campaign->plan.max_attempts)
                        return SAL_STANDING_NEEDS_HANDS;
                return SAL_STANDING_RECOVERING;
        default:
                return machine->standing == SAL_STANDING_NEEDS_HANDS ? machine->standing : SAL_STANDING_RECOVERING;
        }
}

static enum sal_status settle(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                              struct sal_offer *offer, enum sal_offer_event event, enum sal_cause recall_cause,
                              bool *ret_changed) {
        enum sal_status status = sal_offer_settle(engine, tx, offer, machine->id, event, recall_cause, ret_changed);
        if (status || !*ret_changed)
                return status;
        const struct sal_live *live = sal_engine_by_row(engine, offer->campaign_row);
        if (live && live->launch->campaign->drill)
                return SAL_OK; /* a drill says nothing of where the machine stands */
        enum sal_standing standing = standing_after(engine, offer, machine);
        if (standing == machine->standing)
                return SAL_OK;
        machine->standing = standing;
        snprintf(machine->standing_reason, sizeof machine->standing_reason, "%s",
                 standing == SAL_STANDING_NEEDS_HANDS ? "attempts_exhausted" : "");
        return sal_machine_update(tx, machine);
}

enum sal_status sal_machine_take_back(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                      struct sal_offer *offer, enum sal_cause cause) {
        bool changed;
        sal_offer_recall_due(engine, offer, &cause);
        return settle(engine, tx, machine, offer, SAL_EVENT_RECALLED, cause, &changed);
}

/* Who is recalled waits again. */
static enum sal_status recall(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                              struct sal_offer *offer, enum sal_cause cause, bool *ret_changed) {
        struct sal_live *live = sal_engine_by_row(engine, offer->campaign_row);
        enum sal_status status = live ? sal_population_forget_one(engine, tx, live, machine) : SAL_OK;
        if (!status)
                status = settle(engine, tx, machine, offer, SAL_EVENT_RECALLED, cause, ret_changed);
        return status || !live ? status : sal_population_count_one(engine, tx, live, machine);
}

enum sal_status sal_machine_settle(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                   struct sal_offer *offer, enum sal_offer_event event, enum sal_cause recall_cause,
                                   bool *ret_changed) {
        enum sal_cause due;
        if (sal_offer_recall_due(engine, offer, &due)) {
                enum sal_status status = recall(engine, tx, machine, offer, due, ret_changed);
                if (status || event == SAL_EVENT_RECALLED)
                        return status;
        }
        return event == SAL_EVENT_RECALLED ? recall(engine, tx, machine, offer, recall_cause, ret_changed)
                                           : settle(engine, tx, machine, offer, event, recall_cause, ret_changed);
}

/* ---- timers ---- */

enum sal_status sal_offers_due(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live, bool *ret_more) {
        sal_autoofferlist struct sal_offer_list due = {0};
        enum sal_status status = sal_offer_each_due(tx, live->row.row, sal_live_served_ms(engine, live, tx), DUE_BATCH,
                                                    sal_offer_list_add, &due);
        status = sal_offer_list_status(&due, status);
        for (size_t i = 0; !status && i < due.count; i++) {
                struct sal_offer offer;
                struct sal_machine machine = {0};
                bool changed;
                /* Read again: an earlier one of this batch may have halted the campaign and recalled it. */
                status = sal_offer_get(tx, due.items[i].row, &offer);
                if (!status && offer.due_kind == SAL_DUE_NONE)
                        continue;
                if (!status)
                        status = sal_machine_get_row(tx, offer.machine_row, &machine);
                if (!status)
                        status = sal_machine_settle(engine, tx, &machine, &offer,
                                                    offer.due_kind == SAL_DUE_SOAKED ? SAL_EVENT_SOAKED
                                                                                     : SAL_EVENT_DEADLINE,
                                                    SAL_CAUSE_NONE, &changed);
                sal_machine_done(&machine);
        }
        *ret_more = due.count == DUE_BATCH;
        return status;
}
