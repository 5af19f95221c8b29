/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal by hand: a rollout that asks the questions of course.h as a driver does, and writes what happens as events.
 * They are kept as lines that a test may bend, or fed to a replay at once.
 *
 * Thread: the test's. Ownership: a rollout owns its tally and offers; a journal owns its lines.
 */
#ifndef SAL_TESTS_ROLLOUT_JOURNAL_H
#define SAL_TESTS_ROLLOUT_JOURNAL_H

#include "base/clock.h"
#include "base/mem.h"
#include "rollout/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_MS INT64_C(1721367000000) /* 2024-07-19T05:30:00Z */
#define FLEET 1000000

struct journal {
        struct sal_replay *feed; /* takes every event at once; NULL: they are kept as lines */
        json_t *lines;           /* array */
        int64_t seq, now_ms, next_row;
};

struct world_offer {
        struct sal_slot slot;
        enum sal_offer_state state;
        enum sal_cause cause;
        int64_t period;
        size_t ring;
        size_t machine; /* "m-<machine>" */
        bool counted, excluded;
};

struct world {
        struct journal *journal;
        const char *id;
        struct sal_plan plan;
        struct sal_tally *tally;
        enum sal_campaign_state state;
        bool by_engine, kill;
        size_t rings_open;
        int64_t period;
        int halts_resumed;
        int64_t unsettled, excluded_unsettled;
        int64_t first_row;
        struct world_offer *offers; /* of row first_row + index: one campaign at a time makes offers */
        size_t count, capacity;
};

/* ---- writing ---- */

static inline void journal_write(struct journal *journal, struct sal_event event, json_t *detail_take) {
        sal_autojson json_t *detail = detail_take;
        event.seq = ++journal->seq;
        event.at_ms = journal->now_ms;
        event.detail = detail;
        if (journal->feed) {
                struct sal_err err = {0};
                if (sal_replay_event(journal->feed, &event, &err))
                        fail_msg("event %d: %s", (int)event.seq, err.detail);
                return;
        }
        json_array_append_new(journal->lines, sal_event_json(&event));
}

static inline void world_write(struct world *world, enum sal_journal_type type, const char *ring, json_t *detail) {
        journal_write(world->journal,
                      (struct sal_event){.type = type, .campaign = world->id, .version = 1, .ring = ring}, detail);
}

static inline void world_state(struct world *world, enum sal_campaign_state state, json_t *detail) {
        world->state = state;
        if (!detail)
                detail = json_object();
        json_object_set_new(detail, "state", json_string(sal_campaign_state_name(state)));
        world_write(world, SAL_JOURNAL_STATE, NULL, detail);
}

static inline const char *world_stage(const struct world *world) {
        return world->plan.rings[sal_tally_stage(world->tally)].name;
}

/* evidence NULL: the totals; ring NULL: the stage's; because: taken, or NULL. */
static inline void world_decide(struct world *world, const char *verdict, const char *by, const char *rule,
                                const char *ring, const char *cohort, const struct sal_evidence *evidence,
                                json_t *because) {
        struct sal_evidence totals = {.block_level = -1};
        if (!evidence) {
                sal_tally_totals(world->tally, &totals);
                evidence = &totals;
        }
        if (!ring)
                ring = world_stage(world);
        char id[32];
        snprintf(id, sizeof id, "d%d", (int)world->journal->seq + 1);
        json_t *block = evidence->block_level < 0
                                ? NULL
                                : json_pack("[i, I]", evidence->block_level, (json_int_t)evidence->block);
        json_t *numbers = json_pack("{s:I, s:I, s:I, s:o*, s:f, s:f}", "offered", (json_int_t)evidence->offered,
                                    "failed", (json_int_t)evidence->failed, "silent", (json_int_t)evidence->silent,
                                    "block", block, "ln_e", evidence->ln_e, "bound", evidence->bound);
        char at[SAL_TIME_BYTES];
        sal_time_format(world->journal->now_ms, at);
        world_write(world, SAL_JOURNAL_DECISION, ring,
                    json_pack("{s:s, s:s, s:s, s:i, s:s, s:s*, s:s, s:s, s:s, s:o, s:o*}", "id", id, "at", at,
                              "campaign", world->id, "version", 1, "ring", ring, "cohort", cohort, "verdict", verdict,
                              "by", by, "rule", rule, "evidence", numbers, "because", because));
}

/* ---- the driver ---- */

static inline struct sal_course world_course(const struct world *world) {
        return (struct sal_course){.plan = &world->plan,
                                   .tally = world->tally,
                                   .state = world->state,
                                   .halted_by_engine = world->by_engine,
                                   .kill_switch = world->kill,
                                   .rings_open = world->rings_open,
                                   .known_matching = FLEET,
                                   .in_flight = world->unsettled - world->excluded_unsettled,
                                   .now_ms = world->journal->now_ms};
}

static inline void world_hold(struct world *world, const struct sal_evidence *evidence) {
        world_decide(world, "hold_cohort", "engine", "6.3", NULL, evidence->cohort_name, evidence, NULL);
        for (size_t n = 0; n < world->count; n++) {
                struct world_offer *offer = &world->offers[n];
                bool has = false;
                for (size_t k = 0; k < offer->slot.cohort_count; k++)
                        has |= offer->slot.cohorts[k] == evidence->cohort;
                if (!has || offer->excluded || offer->period != world->period)
                        continue;
                if (offer->counted)
                        sal_tally_exclude(world->tally, &offer->slot, sal_offer_weight(offer->state, offer->cause));
                offer->excluded = true;
                world->excluded_unsettled += sal_offer_unsettled(offer->state);
        }
}

static inline void world_judge(struct world *world, const struct sal_slot *slot) {
        for (;; slot = NULL) {
                struct sal_course course = world_course(world);
                struct sal_evidence evidence = sal_course_judge(&course, slot);
                if (evidence.verdict == SAL_VERDICT_NONE)
                        return;
                if (evidence.verdict == SAL_VERDICT_HOLD_COHORT) {
                        world_hold(world, &evidence);
                        continue;
                }
                if (world->state != SAL_CAMPAIGN_HALTED)
                        world_state(world, SAL_CAMPAIGN_HALTED, NULL);
                world->by_engine = true;
                world_decide(world, "halt", "engine", "6.3", NULL, NULL, &evidence, NULL);
        }
}

static inline void world_advance(struct world *world) {
        for (;;) {
                struct sal_course course = world_course(world);
                struct sal_evidence evidence = sal_course_advance(&course);
                if (evidence.verdict != SAL_VERDICT_ADVANCE)
                        return;
                sal_tally_next_stage(world->tally);
                if (world->rings_open <= (size_t)sal_tally_stage(world->tally))
                        world->rings_open = (size_t)sal_tally_stage(world->tally) + 1;
                world_decide(world, "advance", "engine", "6.4", NULL, NULL, &evidence, NULL);
        }
}

/* ---- what happens ---- */

static inline void world_start(struct world *world, struct journal *journal, const char *id,
                               const struct sal_plan *plan) {
        *world = (struct world){.journal = journal,
                                .id = id,
                                .plan = *plan,
                                .rings_open = 1,
                                .period = 1,
                                .first_row = journal->next_row};
        world->tally = sal_tally_new(plan, 0);
        assert_non_null(world->tally);
        char digest[65];
        memset(digest, 'a', 64);
        digest[64] = '\0';
        char not_before[SAL_TIME_BYTES], expires[SAL_TIME_BYTES];
        sal_time_format(journal->now_ms, not_before);
        sal_time_format(journal->now_ms + INT64_C(86400000) * 7, expires);
        world_state(world, SAL_CAMPAIGN_READY, NULL);
        world_state(world, SAL_CAMPAIGN_ACTIVE,
                    json_pack("{s:o, s:s, s:b, s:s, s:s}", "plan", sal_plan_json(plan), "digest", digest, "drill", 0,
                              "not_before", not_before, "expires", expires));
        world_decide(world, "open", "operator", "6.7", NULL, NULL, NULL, NULL);
}

static inline void world_done(struct world *world) {
        sal_tally_free(world->tally);
        free(world->offers);
        world->tally = NULL;
        world->offers = NULL;
}

static inline bool world_room(const struct world *world) {
        struct sal_course course = world_course(world);
        return sal_course_room(&course);
}

/* A machine of its own for a first offer; a later one is to the newest of this period that has had one. */
static inline size_t world_machine(const struct world *world, bool counted) {
        for (size_t n = counted ? 0 : world->count; n > 0; n--)
                if (world->offers[n - 1].counted && world->offers[n - 1].period == world->period)
                        return world->offers[n - 1].machine;
        return world->count + 1;
}

/* An offer to a machine of these cohort values ("fact=value", NULL: none); counted: a first one. Returns its index. */
static inline size_t world_offer_to(struct world *world, size_t ring, const char *cohort, bool counted) {
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES] = {0};
        if (world->count == world->capacity) {
                world->capacity = world->capacity ? 2 * world->capacity : 64;
                world->offers = realloc(world->offers, world->capacity * sizeof *world->offers);
                assert_non_null(world->offers);
        }
        struct world_offer *offer = &world->offers[world->count];
        *offer = (struct world_offer){
                .counted = counted, .period = world->period, .ring = ring, .machine = world_machine(world, counted)};
        offer->slot.stage = sal_tally_stage(world->tally);
        if (cohort)
                snprintf(cohorts[0], sizeof cohorts[0], "%s", cohort);
        if (counted)
                assert_int_equal(sal_tally_offer(world->tally, cohort ? 1 : 0, cohorts, &offer->slot), SAL_OK);
        else
                sal_tally_cohorts(world->tally, cohort ? 1 : 0, cohorts, &offer->slot);
        json_t *list = cohort ? json_pack("[s]", cohort) : json_array();
        json_t *detail = json_pack("{s:i, s:i, s:I, s:s, s:b, s:o*}", "attempt", counted ? 1 : 2, "incarnation", 1,
                                   "period", (json_int_t)world->period, "stage", world_stage(world), "counted",
                                   (int)counted, "cohorts", list);
        if (counted) {
                json_object_set_new(detail, "i", json_integer(offer->slot.i));
                json_object_set_new(detail, "o", json_integer(offer->slot.o));
        }
        if (!counted)
                json_object_set_new(detail, "anonymous", json_false());
        char machine[32];
        snprintf(machine, sizeof machine, "m-%zu", offer->machine);
        int64_t row = ++world->journal->next_row;
        world->count++;
        world->unsettled++;
        journal_write(world->journal,
                      (struct sal_event){.type = SAL_JOURNAL_OFFER,
                                         .campaign = world->id,
                                         .version = 1,
                                         .machine_id = machine,
                                         .offer_row = row,
                                         .ring = world->plan.rings[ring].name},
                      detail);
        if (counted)
                world_advance(world);
        return world->count - 1;
}

static inline size_t world_offer(struct world *world) {
        return world_offer_to(world, 0, NULL, true);
}

static inline void world_settle(struct world *world, size_t index, enum sal_offer_event what) {
        static const enum sal_journal_type types[SAL_OFFER_STATES] = {
                [SAL_OFFER_APPLIED] = SAL_JOURNAL_APPLIED,   [SAL_OFFER_SUCCEEDED] = SAL_JOURNAL_SUCCEEDED,
                [SAL_OFFER_FAILED] = SAL_JOURNAL_FAILED,     [SAL_OFFER_NOT_APPLICABLE] = SAL_JOURNAL_NOT_APPLICABLE,
                [SAL_OFFER_RECALLED] = SAL_JOURNAL_RECALLED,
        };
        struct world_offer *offer = &world->offers[index];
        enum sal_weight from = sal_offer_weight(offer->state, offer->cause);
        bool before = sal_offer_unsettled(offer->state);
        assert_true(sal_offer_next(offer->state, what, &offer->state, &offer->cause));
        if (what == SAL_EVENT_RECALLED)
                offer->cause = world->state == SAL_CAMPAIGN_HALTED      ? SAL_CAUSE_HALT
                               : world->state == SAL_CAMPAIGN_WITHDRAWN ? SAL_CAUSE_WITHDRAWN
                                                                        : SAL_CAUSE_OPT_OUT;
        bool settled = before && !sal_offer_unsettled(offer->state);
        world->unsettled -= settled;
        world->excluded_unsettled -= settled && offer->excluded && offer->period == world->period;
        char machine[32];
        snprintf(machine, sizeof machine, "m-%zu", offer->machine);
        journal_write(world->journal,
                      (struct sal_event){.type = types[offer->state],
                                         .campaign = world->id,
                                         .version = 1,
                                         .machine_id = machine,
                                         .offer_row = world->first_row + 1 + (int64_t)index,
                                         .ring = world->plan.rings[offer->ring].name,
                                         .cause = offer->cause},
                      NULL);
        enum sal_weight to = sal_offer_weight(offer->state, offer->cause);
        if (from == to || !offer->counted || offer->excluded || offer->period != world->period)
                return;
        if (sal_tally_change(world->tally, &offer->slot, from, to))
                world_judge(world, &offer->slot);
        world_advance(world);
}

/* An operator's act that changes the state: "pause", "resume", "halt", "withdraw". */
static inline void world_act(struct world *world, const char *verdict, enum sal_campaign_act act) {
        enum sal_campaign_state next = world->state;
        assert_true(sal_campaign_next(world->state, act, &next));
        bool anew = act == SAL_ACT_RESUME && world->by_engine;
        world_state(world, next, NULL);
        if (anew) {
                sal_tally_free(world->tally);
                world->tally = sal_tally_new(&world->plan, ++world->halts_resumed);
                assert_non_null(world->tally);
                world->period++;
                world->excluded_unsettled = 0;
        }
        world->by_engine = false;
        world_decide(world, verdict, "operator", "6.7", NULL, NULL, NULL, NULL);
        world_advance(world);
}

static inline json_t *world_because(const struct world *world, int64_t idle_ms) {
        return json_pack("{s:I, s:i, s:I, s:I, s:I, s:b}", "known", (json_int_t)FLEET, "waiting", 7, "unsettled",
                         (json_int_t)world->unsettled, "in_flight",
                         (json_int_t)(world->unsettled - world->excluded_unsettled), "idle_ms", (json_int_t)idle_ms,
                         "fleet_counted", 1);
}

/* Patience opens the next ring. */
static inline void world_open(struct world *world) {
        world_decide(world, "open", "engine", "6.4", world->plan.rings[world->rings_open].name, NULL, NULL,
                     world_because(world, world->plan.patience_seconds * 1000));
        world->rings_open++;
}

static inline void world_complete(struct world *world) {
        world_state(world, SAL_CAMPAIGN_COMPLETED, NULL);
        world_decide(world, "complete", "engine", "6.7", NULL, NULL, NULL,
                     world_because(world, world->plan.quiet_seconds * 1000));
}

static inline void world_kill(struct world *world, bool on) {
        world->kill = on;
        if (on || sal_campaign_runs(world->state)) {
                world_decide(world, on ? "kill" : "resume", "operator", "kill_switch", NULL, NULL, NULL, NULL);
                world_advance(world);
        }
        journal_write(world->journal, (struct sal_event){.type = SAL_JOURNAL_ADMIN},
                      json_pack("{s:s, s:s}", "operator", "ann", "act", on ? "kill_switch.on" : "kill_switch.off"));
}

static inline void world_release(struct world *world, const char *cohort) {
        assert_int_equal(sal_tally_release(world->tally, cohort), SAL_OK);
        world_decide(world, "resume", "operator", "6.7", NULL, cohort, NULL, NULL);
}

#endif
