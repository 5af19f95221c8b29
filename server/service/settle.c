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

/* Takes every offer of a held cohort out of the sums; its machines wait from now on. */
static enum sal_status hold(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                            const struct sal_evidence *evidence) {
        sal_autoofferlist struct sal_offer_list offers = {0};
        enum sal_status status = sal_decide(engine, tx, live,
                                            &(struct sal_decision){.verdict = "hold_cohort",
                                                                   .by = "engine",
                                                                   .rule = "6.3",
                                                                   .cohort = evidence->cohort_name,
                                                                   .evidence = evidence},
                                            NULL);
        if (!status)
                status = sal_offer_each_cohort(tx, live->row.row, live->row.period, evidence->cohort,
                                               sal_offer_list_add, &offers);
        status = sal_offer_list_status(&offers, status);
        for (size_t i = 0; !status && i < offers.count; i++) {
                struct sal_offer *offer = &offers.items[i];
                struct sal_slot slot = slot_of(offer);
                sal_tally_exclude(live->tally, &slot, sal_offer_weight(offer->state, offer->cause));
                offer->excluded = true;
                if (sal_offer_unsettled(offer->state))
                        live->excluded_unsettled++;
                status = sal_offer_update(tx, offer);
        }
        live->dirty = true;
        engine->publish = true;
        sal_population_restart(live);
        return status;
}

static bool may_halt(const struct sal_live *live) {
        enum sal_campaign_state after;
        return sal_campaign_next(live->row.state, SAL_ACT_HALT, &after);
}

/* Halted by a person, or by a campaign that superseded it: what comes in meanwhile counts all the same. */
static bool stands_by_operator(const struct sal_live *live) {
        return live->row.state == SAL_CAMPAIGN_HALTED && !live->row.halted_by_engine;
}

/* The evidence halts what stands already: the state stays, but a resume has to quote this decision now. */
static enum sal_status halt_standing(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                     const struct sal_decision *decision) {
        live->row.halted_by_engine = true;
        live->dirty = true;
        return sal_decide(engine, tx, live, decision, &live->row.halt_decision);
}

static enum sal_status halt_running(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                    const struct sal_decision *decision) {
        return sal_live_halt(engine, tx, live, true, decision);
}

static enum sal_status judge(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                             const struct sal_slot *slot) {
        if (live->judge_whole)
                slot = NULL;
        live->judge_whole = false;
        while (sal_campaign_live(live->row.state) && (may_halt(live) || stands_by_operator(live))) {
                struct sal_evidence evidence = sal_tally_judge(live->tally, slot);
                enum sal_status status = SAL_OK;
                if (evidence.verdict == SAL_VERDICT_NONE)
                        return SAL_OK;
                if (evidence.verdict == SAL_VERDICT_HOLD_COHORT)
                        status = hold(engine, tx, live, &evidence);
                else
                        status = (may_halt(live) ? halt_running : halt_standing)(
                                engine, tx, live,
                                &(struct sal_decision){
                                        .verdict = "halt", .by = "engine", .rule = "6.3", .evidence = &evidence});
                if (status)
                        return status;
                slot = NULL;
        }
        live->judge_whole = true;
        return SAL_OK;
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
        static const enum sal_journal_type types[SAL_OFFER_STATES] = {
                [SAL_OFFER_OFFERED] = SAL_JOURNAL_OFFER,
                [SAL_OFFER_APPLIED] = SAL_JOURNAL_APPLIED,
                [SAL_OFFER_SUCCEEDED] = SAL_JOURNAL_SUCCEEDED,
                [SAL_OFFER_FAILED] = SAL_JOURNAL_FAILED,
                [SAL_OFFER_NOT_APPLICABLE] = SAL_JOURNAL_NOT_APPLICABLE,
                [SAL_OFFER_RECALLED] = SAL_JOURNAL_RECALLED,
        };
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = types[offer->state],
                                          .campaign = row->id,
                                          .version = row->version,
                                          .machine_id = machine_id,
                                          .offer_row = offer->row,
                                          .ring = ring,
                                          .cause = offer->cause};
        return sal_journal_append(tx, &entry);
}

/* The timer that the new state asks for. */
static void set_timer(const struct sal_plan *plan, struct sal_offer *offer) {
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

/* The statistics follow the change; returns true when the halt rule has to be asked. */
static bool follow(struct sal_engine *engine, struct sal_live *live, const struct sal_offer *offer,
                   const struct sal_offer *before) {
        bool settled = sal_offer_unsettled(before->state) && !sal_offer_unsettled(offer->state);
        if (settled && offer->excluded && offer->period == live->row.period)
                live->excluded_unsettled--;
        if (settled && offer->anonymous) {
                live->anonymous_unsettled--;
                engine->anonymous_unsettled--;
        }
        live->dirty = true;
        live->review = true;
        live->next_due_served_ms = -2;
        if (!offer->counted || offer->excluded || offer->period != live->row.period)
                return false;
        struct sal_slot slot = slot_of(offer);
        return sal_tally_change(live->tally, &slot, sal_offer_weight(before->state, before->cause),
                                sal_offer_weight(offer->state, offer->cause));
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
        set_timer(plan, offer);
        --*counter(&live->row, before.state, before.cause);
        ++*counter(&live->row, offer->state, offer->cause);
        enum sal_status status = sal_offer_update(tx, offer);
        if (!status)
                status = journal_change(tx, &live->row, offer, machine_id, plan->rings[offer->ring].name);
        if (!status && follow(engine, live, offer, &before)) {
                struct sal_slot slot = slot_of(offer);
                status = judge(engine, tx, live, &slot);
        }
        return status;
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

enum sal_status sal_machine_settle(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
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

enum sal_status sal_machine_recall(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                   enum sal_cause cause) {
        sal_autoofferlist struct sal_offer_list offers = {0};
        if (!machine->row)
                return SAL_OK;
        enum sal_status status = sal_offer_each_of_machine(tx, machine->row, 0, 0, sal_offer_list_add, &offers);
        status = sal_offer_list_status(&offers, status);
        for (size_t i = 0; !status && i < offers.count; i++) {
                bool changed;
                if (sal_offer_unsettled(offers.items[i].state))
                        status = sal_machine_settle(engine, tx, machine, &offers.items[i], SAL_EVENT_RECALLED, cause,
                                                    &changed);
        }
        return status;
}

/* ---- making an offer ---- */

struct earlier {
        const struct sal_machine *machine;
        int64_t period;
        int64_t attempts;
        bool any;          /* of any incarnation: the machine was touched before */
        bool counted_here; /* in this incarnation and period */
};

static bool look_earlier(void *arg, const struct sal_offer *offer) {
        struct earlier *earlier = arg;
        if (offer->offline)
                return true; /* no attempt of the server's, and in no count */
        earlier->any = true;
        if (offer->incarnation != earlier->machine->incarnation)
                return true;
        if (offer->state != SAL_OFFER_RECALLED)
                earlier->attempts++;
        if (offer->period == earlier->period)
                earlier->counted_here = true;
        return true;
}

static enum sal_status journal_offer(struct sal_tx *tx, const struct sal_live *live, const struct sal_offer *offer,
                                     const char *machine_id, char cohorts[][SAL_COHORT_NAME_BYTES], size_t count) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        sal_autojson json_t *detail = json_pack("{s:I, s:I, s:s, s:b}", "attempt", (json_int_t)offer->attempt, "period",
                                                (json_int_t)offer->period, "stage", plan->rings[offer->stage].name,
                                                "counted", offer->counted);
        if (detail && offer->counted) {
                json_object_set_new(detail, "i", json_integer(offer->slot_i));
                json_object_set_new(detail, "o", json_integer(offer->slot_o));
                json_t *list = json_array();
                for (size_t n = 0; n < count; n++)
                        json_array_append_new(list, json_string(cohorts[n]));
                json_object_set_new(detail, "cohorts", list);
        }
        sal_autofree char *text = detail ? sal_json_dump(detail) : NULL;
        if (!text)
                return SAL_E_NOMEM;
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = SAL_JOURNAL_OFFER,
                                          .campaign = live->row.id,
                                          .version = live->row.version,
                                          .machine_id = machine_id,
                                          .offer_row = offer->row,
                                          .ring = plan->rings[offer->ring].name,
                                          .detail = text};
        return sal_journal_append(tx, &entry);
}

static enum sal_status count_offer(struct sal_live *live, const struct sal_facts *facts,
                                   char cohorts[][SAL_COHORT_NAME_BYTES], size_t *ret_count, struct sal_offer *offer) {
        struct sal_slot slot = {0};
        *ret_count = sal_cohorts_of(&live->launch->campaign->plan, facts, cohorts);
        enum sal_status status = sal_tally_offer(live->tally, *ret_count, cohorts, &slot);
        offer->slot_i = slot.i;
        offer->slot_o = slot.o;
        offer->stage = slot.stage;
        offer->cohort_count = slot.cohort_count;
        memcpy(offer->cohorts, slot.cohorts, sizeof offer->cohorts);
        return status;
}

enum sal_status sal_offer_make(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                               const struct sal_machine *machine, const struct sal_facts *facts, size_t ring,
                               const char *boot_id, bool can_healthy, struct sal_offer *ret) {
        const struct sal_campaign *campaign = live->launch->campaign;
        struct earlier earlier = {.machine = machine, .period = live->row.period};
        enum sal_status status = sal_offer_each_of_machine(tx, machine->row, live->row.row, 0, look_earlier, &earlier);
        if (status)
                return status;
        struct sal_offer offer = {.campaign_row = live->row.row,
                                  .machine_row = machine->row,
                                  .attempt = earlier.attempts + 1,
                                  .incarnation = machine->incarnation,
                                  .period = live->row.period,
                                  .ring = (int64_t)ring,
                                  .state = SAL_OFFER_OFFERED,
                                  .can_healthy = can_healthy,
                                  .counted = !machine->anonymous && !earlier.counted_here,
                                  .anonymous = machine->anonymous,
                                  .made_ms = sal_tx_now_ms(tx),
                                  .made_served_ms = sal_live_served_ms(engine, live, tx),
                                  .applied_served_ms = -1,
                                  .stage = sal_tally_stage(live->tally)};
        snprintf(offer.boot_id, sizeof offer.boot_id, "%s", boot_id);
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t cohort_count = 0;
        if (offer.counted)
                status = count_offer(live, facts, cohorts, &cohort_count, &offer);
        set_timer(&campaign->plan, &offer);
        if (!status)
                status = sal_offer_insert(tx, &offer);
        if (!status)
                status = journal_offer(tx, live, &offer, machine->id, cohorts, cohort_count);
        if (status)
                return status;
        live->row.offers_made++;
        live->row.unsettled++;
        live->machines_touched += !earlier.any;
        live->row.last_take_served_ms = offer.made_served_ms;
        live->anonymous_unsettled += offer.anonymous;
        engine->anonymous_unsettled += offer.anonymous;
        live->dirty = true;
        live->review = true;
        live->next_due_served_ms = -2;
        sal_filter_add(engine->service->filter, machine->id);
        *ret = offer;
        return SAL_OK;
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
