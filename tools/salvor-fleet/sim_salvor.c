/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own rules: rollout/ decides, and this keeps the counts that service/ keeps in the daemon. */
#include "rollout/course.h"
#include "salvor-fleet/sim_journal.h"
#include "salvor-fleet/sim_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { US_PER_MS = 1000 };

struct salvor {
        struct sal_tally *tally;
        enum sal_campaign_state state;
        bool halted_by_engine;
        size_t rings_open;
        int64_t touched, unsettled, excluded_unsettled;
        int64_t last_take_us;
        int64_t last_busy_us; /* when the last unsettled offer settled, or a machine was told to wait for room */
        int64_t rows;
        struct sal_slot *slots; /* of each machine's counted offer, its first */
        int64_t *offer_rows;    /* of each machine's newest offer; NULL when no journal is written */
};

static struct sal_course course_of(const struct sal_sim *sim) {
        const struct salvor *salvor = sim->policy;
        struct sal_course course = {.plan = &sim->what->plan,
                                    .tally = salvor->tally,
                                    .state = salvor->state,
                                    .halted_by_engine = salvor->halted_by_engine,
                                    .rings_open = salvor->rings_open,
                                    .known_matching = salvor->touched,
                                    .in_flight = salvor->unsettled - salvor->excluded_unsettled,
                                    .now_ms = sim->now_us / US_PER_MS};
        course.known_matching += sal_sim_fresh(sim, sim->what->plan.ring_count);
        return course;
}

static struct sal_lull lull_of(const struct sal_sim *sim) {
        const struct salvor *salvor = sim->policy;
        struct sal_lull lull = {.unsettled = salvor->unsettled,
                                .fleet_counted = true,
                                .idle_ms = (sim->now_us - salvor->last_take_us) / US_PER_MS};
        lull.waiting_open = sal_sim_fresh(sim, salvor->rings_open);
        return lull;
}

/* Since when nobody took, settled or waited: quiet runs from then. */
static int64_t quiet_since_us(const struct salvor *salvor) {
        return salvor->last_busy_us > salvor->last_take_us ? salvor->last_busy_us : salvor->last_take_us;
}

/* ---- journal ---- */

/* ring NULL: that of the stage. evidence NULL: the totals. */
static void decide(struct sal_sim *sim, const struct sal_decision *decision) {
        const struct salvor *salvor = sim->policy;
        struct sal_evidence totals = {.block_level = -1};
        struct sal_decision full = *decision;
        if (!sim->journal)
                return;
        struct sal_course course = course_of(sim);
        full.course = &course;
        if (!full.evidence) {
                sal_tally_totals(salvor->tally, &totals);
                full.evidence = &totals;
        }
        if (!full.ring)
                full.ring = sim->what->plan.rings[sal_tally_stage(salvor->tally)].name;
        sal_sim_journal_decision(sim->journal, sim->now_us, &full);
}

static void change_state(struct sal_sim *sim, enum sal_campaign_state state) {
        struct salvor *salvor = sim->policy;
        salvor->state = state;
        if (sim->journal)
                sal_sim_journal_state(sim->journal, sim->now_us, state);
}

static void journal_change(struct sal_sim *sim, uint32_t m) {
        const struct salvor *salvor = sim->policy;
        const struct sal_sim_machine *machine = &sim->machines[m];
        if (sim->journal)
                sal_sim_journal_change(sim->journal, sim->now_us, salvor->offer_rows[m], m, machine->ring,
                                       (enum sal_offer_state)machine->state, (enum sal_cause)machine->cause);
}

/* ---- what the course asks for ---- */

/* Values are named "<fact>=v0017". */
static void name_value(const struct sal_sim *sim, uint32_t m, size_t fact, char ret[static SAL_COHORT_NAME_BYTES]) {
        snprintf(ret, SAL_COHORT_NAME_BYTES, "%s=v%04u", sim->what->plan.cohorts[fact],
                 sal_sim_value(sim, m, fact) + 1);
}

static bool belongs(const struct sal_slot *slot, int cohort) {
        for (size_t k = 0; k < slot->cohort_count; k++)
                if (slot->cohorts[k] == cohort)
                        return true;
        return false;
}

/* Every offer of the cohort leaves the sums; its machines wait from now on. */
static void hold(struct sal_sim *sim, const struct sal_evidence *evidence) {
        struct salvor *salvor = sim->policy;
        decide(sim, &(struct sal_decision){.verdict = "hold_cohort",
                                           .by = "engine",
                                           .rule = "6.3",
                                           .cohort = evidence->cohort_name,
                                           .evidence = evidence});
        for (uint32_t m = 0; m < sim->what->machines; m++) {
                struct sal_sim_machine *machine = &sim->machines[m];
                if (!machine->attempts || machine->excluded || !belongs(&salvor->slots[m], evidence->cohort))
                        continue;
                sal_tally_exclude(salvor->tally, &salvor->slots[m], (enum sal_weight)machine->first_weight);
                machine->excluded = true;
                /* That of its newest attempt, counted or not. */
                salvor->excluded_unsettled += sal_offer_unsettled((enum sal_offer_state)machine->state);
        }
        const char *equals = strrchr(evidence->cohort_name, '=');
        size_t len = (size_t)(equals - evidence->cohort_name);
        for (size_t fact = 0; fact < sim->what->plan.cohort_count; fact++) {
                const char *name = sim->what->plan.cohorts[fact];
                if (strlen(name) == len && strncmp(name, evidence->cohort_name, len) == 0)
                        sal_sim_hold(sim, fact, (uint32_t)strtoul(equals + 2, NULL, 10) - 1);
        }
}

static void halt(struct sal_sim *sim, const struct sal_evidence *evidence) {
        struct salvor *salvor = sim->policy;
        change_state(sim, SAL_CAMPAIGN_HALTED);
        salvor->halted_by_engine = true;
        decide(sim, &(struct sal_decision){.verdict = "halt", .by = "engine", .rule = "6.3", .evidence = evidence});
        for (uint32_t m = 0; sim->journal && m < sim->what->machines; m++) {
                struct sal_sim_machine *machine = &sim->machines[m];
                if (!machine->attempts || machine->state != SAL_OFFER_OFFERED)
                        continue;
                machine->state = SAL_OFFER_RECALLED;
                machine->cause = SAL_CAUSE_HALT;
                journal_change(sim, m);
        }
        sal_sim_halt(sim);
}

static void judge(struct sal_sim *sim, const struct sal_slot *slot) {
        for (;;) {
                struct sal_course course = course_of(sim);
                struct sal_evidence evidence = sal_course_judge(&course, slot);
                if (evidence.verdict == SAL_VERDICT_NONE)
                        return;
                if (evidence.verdict == SAL_VERDICT_HOLD_COHORT)
                        hold(sim, &evidence);
                else
                        halt(sim, &evidence);
                slot = NULL;
        }
}

static void open_ring(struct sal_sim *sim) {
        struct salvor *salvor = sim->policy;
        salvor->rings_open++;
        salvor->last_take_us = sim->now_us;
}

static void advance(struct sal_sim *sim) {
        struct salvor *salvor = sim->policy;
        for (;;) {
                struct sal_course course = course_of(sim);
                struct sal_evidence evidence = sal_course_advance(&course);
                if (evidence.verdict != SAL_VERDICT_ADVANCE)
                        return;
                sal_tally_next_stage(salvor->tally);
                if ((int)salvor->rings_open <= sal_tally_stage(salvor->tally))
                        open_ring(sim);
                decide(sim, &(struct sal_decision){
                                    .verdict = "advance", .by = "engine", .rule = "6.4", .evidence = &evidence});
        }
}

/* When the passing of time may decide next: nothing is scheduled while offers are being taken. */
static void wake_in_time(struct sal_sim *sim) {
        const struct salvor *salvor = sim->policy;
        const struct sal_plan *plan = &sim->what->plan;
        int64_t seconds = -1, since_us = salvor->last_take_us;
        if (salvor->rings_open < plan->ring_count) {
                seconds = plan->manual_advance ? -1 : plan->patience_seconds;
        } else if (salvor->state == SAL_CAMPAIGN_ACTIVE && salvor->unsettled == 0) {
                seconds = plan->quiet_seconds;
                since_us = quiet_since_us(salvor);
        }
        int64_t at_us = since_us + seconds * SAL_SIM_US_PER_SECOND;
        if (seconds >= 0)
                sal_sim_wake(sim, at_us > sim->now_us ? at_us : sim->now_us + US_PER_MS);
}

static void look_around(struct sal_sim *sim) {
        struct salvor *salvor = sim->policy;
        struct sal_course course = course_of(sim);
        struct sal_lull lull = lull_of(sim);
        while (sal_course_may_open(&course, &lull)) {
                const char *ring = sim->what->plan.rings[salvor->rings_open].name;
                struct sal_lull because = lull;
                decide(sim, &(struct sal_decision){
                                    .verdict = "open", .by = "engine", .rule = "6.4", .ring = ring, .lull = &because});
                open_ring(sim);
                course = course_of(sim);
                lull = lull_of(sim);
        }
        lull.idle_ms = (sim->now_us - quiet_since_us(salvor)) / US_PER_MS;
        if (sal_course_complete(&course, &lull)) {
                change_state(sim, SAL_CAMPAIGN_COMPLETED);
                decide(sim,
                       &(struct sal_decision){.verdict = "complete", .by = "engine", .rule = "6.7", .lull = &lull});
                sim->result.completed_us = sim->now_us;
        }
        wake_in_time(sim);
}

/* ---- the policy ---- */

static void salvor_end(struct sal_sim *sim) {
        struct salvor *salvor = sim->policy;
        if (!salvor)
                return;
        sal_tally_free(salvor->tally);
        free(salvor->slots);
        free(salvor->offer_rows);
        free(salvor);
        sim->policy = NULL;
}

static enum sal_status salvor_begin(struct sal_sim *sim) {
        struct salvor *salvor = calloc(1, sizeof *salvor);
        size_t machines = (size_t)sim->what->machines;
        sim->policy = salvor;
        if (!salvor)
                return SAL_E_NOMEM;
        salvor->rings_open = 1;
        salvor->tally = sal_tally_new(&sim->what->plan, 0);
        salvor->slots = calloc(machines, sizeof *salvor->slots);
        salvor->offer_rows = sim->journal ? calloc(machines, sizeof *salvor->offer_rows) : NULL;
        if (!salvor->tally || !salvor->slots || (sim->journal && !salvor->offer_rows))
                return SAL_E_NOMEM;
        if (sim->journal)
                sal_sim_journal_begin(sim->journal, sim->id, &sim->what->plan, sim->what->days);
        change_state(sim, SAL_CAMPAIGN_ACTIVE);
        decide(sim, &(struct sal_decision){.verdict = "open",
                                           .by = "operator",
                                           .rule = "6.7",
                                           .reason = "simulated",
                                           .operator_name = "simulated"});
        look_around(sim);
        return SAL_OK;
}

static size_t salvor_rings_open(const struct sal_sim *sim) {
        return ((const struct salvor *)sim->policy)->rings_open;
}

static bool salvor_room(struct sal_sim *sim) {
        struct salvor *salvor = sim->policy;
        struct sal_course course = course_of(sim);
        if (sal_course_room(&course))
                return true;
        salvor->last_busy_us = sim->now_us; /* it is asked for a machine that waits */
        return false;
}

static void salvor_offered(struct sal_sim *sim, uint32_t m) {
        struct salvor *salvor = sim->policy;
        struct sal_sim_machine *machine = &sim->machines[m];
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t count = sim->what->plan.cohort_count;
        bool counted = machine->attempts == 1;
        machine->stage = (uint8_t)sal_tally_stage(salvor->tally);
        for (size_t fact = 0; (counted || sim->journal) && fact < count; fact++)
                name_value(sim, m, fact, cohorts[fact]);
        if (counted) {
                if (sal_tally_offer(salvor->tally, count, cohorts, &salvor->slots[m]))
                        sim->failed = SAL_E_NOMEM;
                machine->first_weight = SAL_WEIGHT_PENDING;
                salvor->touched++;
        }
        salvor->unsettled++;
        salvor->last_take_us = sim->now_us;
        if (sim->journal) {
                salvor->offer_rows[m] = ++salvor->rows;
                sal_sim_journal_offer(sim->journal, sim->now_us,
                                      &(struct sal_sim_offer){.row = salvor->rows,
                                                              .machine = m,
                                                              .ring = machine->ring,
                                                              .attempt = machine->attempts,
                                                              .stage = machine->stage,
                                                              .counted = counted ? &salvor->slots[m] : NULL,
                                                              .cohort_count = count,
                                                              .cohorts = cohorts});
        }
        if (counted)
                advance(sim);
        look_around(sim);
}

/* The counts follow; true: the halt rule has to be asked. */
static bool follow(struct sal_sim *sim, uint32_t m, enum sal_offer_state before) {
        struct salvor *salvor = sim->policy;
        struct sal_sim_machine *machine = &sim->machines[m];
        bool first = machine->attempts == 1;
        if (sal_offer_unsettled(before) && !sal_offer_unsettled((enum sal_offer_state)machine->state)) {
                if (--salvor->unsettled == 0)
                        salvor->last_busy_us = sim->now_us;
                salvor->excluded_unsettled -= machine->excluded;
        }
        if (!first)
                return false;
        enum sal_weight from = (enum sal_weight)machine->first_weight;
        enum sal_weight to = sal_offer_weight((enum sal_offer_state)machine->state, (enum sal_cause)machine->cause);
        machine->first_weight = (uint8_t)to;
        return !machine->excluded && sal_tally_change(salvor->tally, &salvor->slots[m], from, to);
}

static void salvor_told(struct sal_sim *sim, uint32_t m, enum sal_sim_news news) {
        static const enum sal_offer_event events[] = {
                [SAL_SIM_NEWS_APPLIED] = SAL_EVENT_REPORT_APPLIED, [SAL_SIM_NEWS_HEALTHY] = SAL_EVENT_REPORT_HEALTHY,
                [SAL_SIM_NEWS_FAILED] = SAL_EVENT_REPORT_FAILED,   [SAL_SIM_NEWS_REPOLLED] = SAL_EVENT_REPOLLED,
                [SAL_SIM_NEWS_RELAPSED] = SAL_EVENT_RELAPSED,      [SAL_SIM_NEWS_DEADLINE] = SAL_EVENT_DEADLINE,
                [SAL_SIM_NEWS_SOAKED] = SAL_EVENT_SOAKED,
        };
        const struct salvor *salvor = sim->policy;
        struct sal_sim_machine *machine = &sim->machines[m];
        enum sal_offer_state before = (enum sal_offer_state)machine->state, state = before;
        enum sal_cause cause = (enum sal_cause)machine->cause;
        if (!sal_offer_next(before, events[news], &state, &cause))
                return;
        machine->state = (uint8_t)state;
        machine->cause = (uint8_t)cause;
        journal_change(sim, m);
        if (state == SAL_OFFER_APPLIED)
                sal_sim_later(sim, m, SAL_SIM_NEWS_SOAKED,
                              sim->now_us + sim->what->plan.rings[machine->stage].soak_seconds * SAL_SIM_US_PER_SECOND);
        if (state == SAL_OFFER_SUCCEEDED)
                sal_sim_succeed(sim);
        if (before == SAL_OFFER_SUCCEEDED)
                sim->result.succeeded--;
        if (follow(sim, m, before))
                judge(sim, &salvor->slots[m]);
        if (sim->stopped)
                return;
        advance(sim);
        look_around(sim);
        bool boots_again =
                news == SAL_SIM_NEWS_FAILED || news == SAL_SIM_NEWS_REPOLLED || news == SAL_SIM_NEWS_RELAPSED;
        if (boots_again && machine->attempts < sim->what->plan.max_attempts)
                sal_sim_return(sim, m);
}

static bool salvor_done(const struct sal_sim *sim) {
        const struct salvor *salvor = sim->policy;
        if (sim->waiting == 0)
                return salvor->state == SAL_CAMPAIGN_COMPLETED;
        /* Rings that only an operator opens stay shut here. */
        return sim->what->plan.manual_advance && salvor->unsettled == 0 && sal_sim_fresh(sim, salvor->rings_open) == 0;
}

const struct sal_sim_ops sal_sim_salvor_ops = {
        .begin = salvor_begin,
        .end = salvor_end,
        .rings_open = salvor_rings_open,
        .room = salvor_room,
        .offered = salvor_offered,
        .told = salvor_told,
        .woken = look_around,
        .done = salvor_done,
};
