/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"

#include <math.h>

int64_t sal_live_in_flight(const struct sal_live *live) {
        return live->row.unsettled - live->excluded_unsettled - live->anonymous_unsettled;
}

int64_t sal_live_known_matching(const struct sal_live *live) {
        int64_t known = sal_limits_narrows(live->limits) ? live->reached_touched : live->machines_touched;
        known += live->unoffered;
        /* A count that has just begun anew must not shrink the pace. */
        return live->scan_done || known > live->known_before ? known : live->known_before;
}

struct sal_course sal_live_course(const struct sal_engine *engine, const struct sal_live *live, int64_t now_ms) {
        return (struct sal_course){.plan = &live->launch->campaign->plan,
                                   .tally = live->tally,
                                   .limits = live->limits,
                                   .state = live->row.state,
                                   .halted_by_engine = live->row.halted_by_engine,
                                   .kill_switch = engine->kill_switch,
                                   .rings_open = (size_t)live->row.rings_open,
                                   .known_matching = sal_live_known_matching(live),
                                   .in_flight = sal_live_in_flight(live),
                                   .now_ms = now_ms};
}

/* Of the time since patience began, what did not count (stands_idle in decide.c brings it into the row later). */
static int64_t stood_ms(const struct sal_live *live, int64_t served_ms) {
        return live->stood_ms + (live->stands && live->looked_served_ms >= 0 ? served_ms - live->looked_served_ms : 0);
}

struct sal_lull sal_live_lull(const struct sal_engine *engine, const struct sal_tx *tx, const struct sal_live *live) {
        int64_t served_ms = sal_live_served_ms(engine, live, tx);
        int64_t idle_ms = served_ms - live->row.last_take_served_ms - stood_ms(live, served_ms);
        struct sal_lull lull = {.unsettled = live->row.unsettled,
                                /* Nobody known at the start: the first machines may belong to any ring, and an open one
                                 * that looks empty is merely unknown. It takes a machine of it, or patience. */
                                .fleet_counted =
                                        live->scan_done && (live->row.fleet_known > 0 || live->machines_touched > 0),
                                .idle_ms = idle_ms > 0 ? idle_ms : 0};
        for (int64_t ring = 0; ring < live->row.rings_open; ring++)
                lull.waiting_open += live->waiting[ring];
        return lull;
}

int64_t sal_live_quiet_since_ms(const struct sal_live *live) {
        const struct sal_campaign_row *row = &live->row;
        return row->last_busy_served_ms > row->last_take_served_ms ? row->last_busy_served_ms
                                                                   : row->last_take_served_ms;
}

void sal_live_note_busy(const struct sal_engine *engine, const struct sal_tx *tx, struct sal_live *live) {
        enum { STEP_MS = 1000 }; /* many may wait: not every poll is worth a row */
        int64_t served_ms = sal_live_served_ms(engine, live, tx);
        if (live->row.unsettled && served_ms - live->row.last_busy_served_ms < STEP_MS)
                return;
        live->row.last_busy_served_ms = served_ms;
        live->dirty = true;
}

double sal_live_cap(const struct sal_engine *engine, const struct sal_live *live) {
        struct sal_course course = sal_live_course(engine, live, 0);
        return sal_course_cap(&course);
}

bool sal_live_room(const struct sal_engine *engine, const struct sal_live *live) {
        struct sal_course course = sal_live_course(engine, live, 0);
        return sal_course_room(&course);
}

void sal_live_gate(struct sal_engine *engine, struct sal_live *live) {
        long slots = 0;
        if (sal_campaign_runs(live->row.state) && !engine->kill_switch && sal_live_room(engine, live)) {
                double left =
                        sal_live_cap(engine, live) - sal_tally_excess(live->tally) - (double)sal_live_in_flight(live);
                slots = left < 1 ? 1 : left > 1e9 ? 1000000000L : (long)ceil(left);
        }
        long before = atomic_exchange(&live->launch->slots, slots);
        if (slots > 0 && before <= 0)
                engine->changed = true;
}
