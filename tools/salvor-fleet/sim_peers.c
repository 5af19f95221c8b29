/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of peers, as their documentation has them, judged at once after every report (their own servers look every
 * so often: here they are a little better than they are). All of them know what machines report, and nothing else; a
 * machine that relapses has reported success and does not come back.
 */
#include "salvor-fleet/sim_peers.h"

#include "salvor-fleet/sim_world.h"

#include <math.h>
#include <stdlib.h>

bool sal_sim_hawkbit_stops(const struct sal_sim_case *what, const struct sal_sim_group *group) {
        return group->size > 0 && (double)group->failed > what->hawkbit_error_percent / 100 * (double)group->size;
}

bool sal_sim_hawkbit_goes_on(const struct sal_sim_case *what, const struct sal_sim_group *group) {
        return (double)group->succeeded >= what->hawkbit_success_percent / 100 * (double)group->size;
}

bool sal_sim_aws_stops(const struct sal_sim_case *what, const struct sal_sim_group *all) {
        int64_t failures = all->failed + all->timed_out, executed = failures + all->succeeded;
        return executed > 0 && executed >= what->aws_minimum &&
               (double)failures >= what->aws_abort_percent / 100 * (double)executed;
}

bool sal_sim_lvfs_stops(const struct sal_sim_case *what, const struct sal_sim_group *all) {
        int64_t reports = all->failed + all->succeeded;
        return reports > 0 && all->failed >= what->lvfs_failures &&
               (double)all->succeeded < what->lvfs_percent / 100 * (double)reports;
}

int64_t sal_sim_mender_quota(const struct sal_sim_case *what, int64_t now_us, int64_t *ret_next_us) {
        double share = 0;
        int64_t between_us = (int64_t)(what->phase_hours * 3600 * SAL_SIM_US_PER_SECOND);
        size_t phase = 0;
        for (; phase < what->phase_count && (int64_t)phase * between_us <= now_us; phase++)
                share += what->phase_shares[phase];
        *ret_next_us = phase < what->phase_count ? (int64_t)phase * between_us : INT64_MAX;
        return phase < what->phase_count ? (int64_t)ceil(share * (double)what->machines) : what->machines;
}

/* ---- the policy ---- */

struct peers {
        struct sal_sim_group groups[SAL_PLAN_MAX_RINGS], all;
        size_t open;
        int64_t quota;           /* mender */
        int64_t minute_us, made; /* aws: offers since the present minute began */
};

static void peer_woken(struct sal_sim *sim) {
        struct peers *peers = sim->policy;
        if (sim->what->policy != SAL_SIM_MENDER)
                return;
        int64_t next_us;
        peers->quota = sal_sim_mender_quota(sim->what, sim->now_us, &next_us);
        sal_sim_wake(sim, next_us);
}

static enum sal_status peer_begin(struct sal_sim *sim) {
        struct peers *peers = calloc(1, sizeof *peers);
        sim->policy = peers;
        if (!peers)
                return SAL_E_NOMEM;
        peers->all.size = sim->what->machines;
        for (size_t ring = 0; ring < sim->what->plan.ring_count; ring++)
                peers->groups[ring].size = sim->ring_sizes[ring];
        peers->open = sim->what->policy == SAL_SIM_HAWKBIT ? 1 : sim->what->plan.ring_count;
        peers->quota = sim->what->machines;
        peer_woken(sim);
        return SAL_OK;
}

static void peer_end(struct sal_sim *sim) {
        free(sim->policy);
        sim->policy = NULL;
}

static size_t peer_rings_open(const struct sal_sim *sim) {
        return ((const struct peers *)sim->policy)->open;
}

static bool peer_room(struct sal_sim *sim) {
        enum { MINUTE_US = 60 * SAL_SIM_US_PER_SECOND };
        struct peers *peers = sim->policy;
        if (sim->what->policy == SAL_SIM_MENDER)
                return sim->result.offered < peers->quota;
        if (sim->what->policy != SAL_SIM_AWS)
                return true;
        if (sim->now_us - peers->minute_us >= MINUTE_US) {
                peers->minute_us = sim->now_us - sim->now_us % MINUTE_US;
                peers->made = 0;
        }
        if (peers->made < sim->what->aws_per_minute)
                return true;
        sal_sim_wake(sim, peers->minute_us + MINUTE_US);
        return false;
}

static void peer_offered(struct sal_sim *sim, uint32_t machine) {
        (void)machine;
        ((struct peers *)sim->policy)->made++;
}

static void judge(struct sal_sim *sim, const struct sal_sim_group *group) {
        struct peers *peers = sim->policy;
        bool stops = false;
        switch (sim->what->policy) {
        case SAL_SIM_HAWKBIT:
                stops = sal_sim_hawkbit_stops(sim->what, group);
                while (!stops && peers->open < sim->what->plan.ring_count &&
                       sal_sim_hawkbit_goes_on(sim->what, &peers->groups[peers->open - 1]))
                        peers->open++;
                break;
        case SAL_SIM_AWS:
                stops = sal_sim_aws_stops(sim->what, &peers->all);
                break;
        case SAL_SIM_LVFS:
                stops = sal_sim_lvfs_stops(sim->what, &peers->all);
                break;
        default:
                break;
        }
        if (stops)
                sal_sim_halt(sim);
}

static void count(struct sal_sim_group *group, enum sal_offer_state state, enum sal_cause cause) {
        group->succeeded += state == SAL_OFFER_SUCCEEDED;
        group->failed += state == SAL_OFFER_FAILED && cause == SAL_CAUSE_REPORTED;
        group->timed_out += state == SAL_OFFER_FAILED && cause == SAL_CAUSE_SILENT;
}

static void peer_told(struct sal_sim *sim, uint32_t m, enum sal_sim_news news) {
        struct peers *peers = sim->policy;
        struct sal_sim_machine *machine = &sim->machines[m];
        if (machine->state != SAL_OFFER_OFFERED)
                return;
        switch (news) {
        case SAL_SIM_NEWS_APPLIED:
        case SAL_SIM_NEWS_HEALTHY:
                machine->state = SAL_OFFER_SUCCEEDED;
                sal_sim_succeed(sim);
                break;
        case SAL_SIM_NEWS_FAILED:
                machine->state = SAL_OFFER_FAILED;
                machine->cause = SAL_CAUSE_REPORTED;
                break;
        case SAL_SIM_NEWS_DEADLINE:
                if (sim->what->policy != SAL_SIM_AWS)
                        return; /* a late report counts all the same, and silence never does */
                machine->state = SAL_OFFER_FAILED;
                machine->cause = SAL_CAUSE_SILENT;
                break;
        default:
                return; /* nobody hears of it */
        }
        count(&peers->all, (enum sal_offer_state)machine->state, (enum sal_cause)machine->cause);
        count(&peers->groups[machine->ring], (enum sal_offer_state)machine->state, (enum sal_cause)machine->cause);
        judge(sim, &peers->groups[machine->ring]);
}

/* Without news to come, a hawkBit group that has not begun never will. */
static bool peer_done(const struct sal_sim *sim) {
        const struct peers *peers = sim->policy;
        return sim->waiting == 0 || (sim->what->policy == SAL_SIM_HAWKBIT && sal_sim_fresh(sim, peers->open) == 0);
}

const struct sal_sim_ops sal_sim_peer_ops = {
        .begin = peer_begin,
        .end = peer_end,
        .rings_open = peer_rings_open,
        .room = peer_room,
        .offered = peer_offered,
        .told = peer_told,
        .woken = peer_woken,
        .done = peer_done,
};
