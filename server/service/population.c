/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Population: how many known machines match a live campaign by their stored facts and wait for it, by ring, how many
 * were never offered it, and how many were; where an operator's limits narrow, of the machines within these only.
 *
 * The fleet is counted once per campaign, piece by piece, in order of the machines' rows; from then on every change of
 * a machine is taken out before and put in after, so the counts stay exact without another look at the fleet.
 */
#include "service/survey.h"

#include "rollout/assign.h"

#include <stdio.h>
#include <string.h>

enum { SCAN_PIECE = 256 };

/* What the offers of one version say of a machine. */
struct past {
        const struct sal_machine *machine;
        bool offered; /* at all: it is no new machine to this version */
        bool served;  /* in its present incarnation, and that was not taken back: it does not wait any more */
};

/* An outcome that came without an offer is none: it must not change who is known to wait. */
static bool see_offer(void *arg, const struct sal_offer *offer) {
        struct past *past = arg;
        if (offer->offline)
                return true;
        past->offered = true;
        past->served |= offer->incarnation == past->machine->incarnation &&
                        (offer->state != SAL_OFFER_RECALLED || offer->late_applied);
        return !past->served;
}

static enum sal_status look_back(const struct sal_engine *engine, struct sal_tx *tx, const struct sal_live *live,
                                 const struct sal_machine *machine, struct past *ret) {
        *ret = (struct past){.machine = machine};
        if (!sal_filter_test(engine->service->filter, machine->id))
                return SAL_OK;
        return sal_offer_each_of_machine(tx, machine->row, live->row.row, 0, see_offer, ret);
}

static bool cohort_held(const struct sal_live *live, const struct sal_facts *facts) {
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t count = sal_cohorts_of(&live->launch->campaign->plan, facts, cohorts);
        return sal_tally_held(live->tally, count, cohorts);
}

struct reach {
        struct sal_tx *tx;
        const struct sal_machine *machine;
        const char *undone_id;
        bool found;
        enum sal_status status;
};

static bool see_touched(void *arg, const struct sal_offer *offer) {
        struct reach *reach = arg;
        reach->status = sal_offer_touched(reach->tx, offer, reach->machine, reach->undone_id, &reach->found);
        return !reach->status && !reach->found;
}

/* A campaign that undoes another is for those whom that one touched. */
static enum sal_status is_reached(struct sal_tx *tx, const struct sal_campaign *campaign,
                                  const struct sal_machine *machine, bool *ret) {
        struct reach reach = {.tx = tx, .machine = machine, .undone_id = campaign->undoes};
        *ret = true;
        if (!campaign->undoes)
                return SAL_OK;
        enum sal_status status = sal_offer_each_of_machine(tx, machine->row, 0, 0, see_touched, &reach);
        *ret = reach.found;
        return status ? status : reach.status;
}

/* True when the campaign is for the machine, by what is known of it. */
static bool is_for(const struct sal_live *live, const struct sal_machine *machine, const struct sal_facts *facts) {
        return sal_campaign_live(live->row.state) && !machine->deleted && !machine->opt_out && !machine->anonymous &&
               sal_selector_match(live->launch->campaign->match, facts) &&
               sal_limits_reach_text(live->limits, machine->id, machine->labels);
}

/* Adds `step` to what counts the machine. */
static enum sal_status change(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                              const struct sal_machine *machine, const struct sal_facts *facts, int64_t step) {
        const struct sal_campaign *campaign = live->launch->campaign;
        if (!is_for(live, machine, facts))
                return SAL_OK;
        struct past past;
        bool reached = false;
        enum sal_status status = look_back(engine, tx, live, machine, &past);
        if (!status && past.offered)
                live->reached_touched += step;
        if (!status && !past.served)
                status = is_reached(tx, campaign, machine, &reached);
        if (status || !reached)
                return status;
        if (!past.offered)
                live->unoffered += step;
        if (!cohort_held(live, facts))
                live->waiting[sal_ring_of(&campaign->plan, campaign->id, machine->id, machine->pin)] += step;
        live->review = true;
        return SAL_OK;
}

static bool is_counted(const struct sal_live *live, const struct sal_machine *machine) {
        return live->scan_done || machine->row <= live->scan_row;
}

static enum sal_status change_all(struct sal_engine *engine, struct sal_tx *tx, const struct sal_machine *machine,
                                  int64_t step) {
        if (!engine->count || !machine->row || !machine->facts)
                return SAL_OK;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        enum sal_status status = sal_facts_parse_text(machine->facts, &facts);
        for (size_t i = 0; !status && i < engine->count; i++) {
                struct sal_live *live = engine->live[i];
                if (is_counted(live, machine))
                        status = change(engine, tx, live, machine, facts, step);
        }
        return status;
}

static enum sal_status change_one(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                  const struct sal_machine *machine, int64_t step) {
        if (!machine->facts || !is_counted(live, machine) || !sal_campaign_live(live->row.state))
                return SAL_OK;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        enum sal_status status = sal_facts_parse_text(machine->facts, &facts);
        return status ? status : change(engine, tx, live, machine, facts, step);
}

enum sal_status sal_population_forget(struct sal_engine *engine, struct sal_tx *tx, const struct sal_machine *machine) {
        return change_all(engine, tx, machine, -1);
}

enum sal_status sal_population_count(struct sal_engine *engine, struct sal_tx *tx, const struct sal_machine *machine) {
        return change_all(engine, tx, machine, +1);
}

enum sal_status sal_population_forget_one(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                          const struct sal_machine *machine) {
        return change_one(engine, tx, live, machine, -1);
}

enum sal_status sal_population_count_one(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                         const struct sal_machine *machine) {
        return change_one(engine, tx, live, machine, +1);
}

struct scan {
        struct sal_engine *engine;
        struct sal_tx *tx;
        struct sal_live *live;
        size_t seen;
        enum sal_status status;
};

static bool scan_machine(void *arg, const struct sal_machine *machine) {
        struct scan *scan = arg;
        scan->seen++;
        scan->live->scan_row = machine->row;
        if (!machine->facts)
                return true;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        scan->status = sal_facts_parse_text(machine->facts, &facts);
        if (!scan->status)
                scan->status = change(scan->engine, scan->tx, scan->live, machine, facts, +1);
        return scan->status == SAL_OK;
}

/* Remembered over restarts: whether rings that stand empty may be taken for empty (see sal_live_lull). */
static void note_known(struct sal_live *live) {
        if (live->row.fleet_known >= 0)
                return;
        live->row.fleet_known = sal_live_known_matching(live) > 0;
        live->dirty = true;
}

enum sal_status sal_population_scan(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                    bool *ret_more) {
        struct scan scan = {.engine = engine, .tx = tx, .live = live};
        enum sal_status status = sal_machine_each(tx, live->scan_row, -1, SCAN_PIECE, scan_machine, &scan);
        if (!status)
                status = scan.status;
        *ret_more = scan.seen == SCAN_PIECE;
        if (!status && !*ret_more) {
                live->scan_done = true;
                live->review = true;
                note_known(live);
        }
        return status;
}

void sal_population_restart(struct sal_live *live) {
        live->known_before = sal_live_known_matching(live);
        memset(live->waiting, 0, sizeof live->waiting);
        live->reached_touched = live->unoffered = 0;
        live->scan_row = 0;
        live->scan_done = false;
}
