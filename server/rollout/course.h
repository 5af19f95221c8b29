/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Course: what comes next in the rollout of one campaign. The rules of halt, advance, opening, pace and completion as
 * pure questions about where the campaign stands; the live engine, the replay of a journal and the simulation ask these
 * very questions, each after every event, so that none of them can decide otherwise.
 *
 * After every event (an offer made, an outcome, a state) the driver asks sal_course_judge until it says NONE, then
 * sal_course_advance until it says NONE, and carries out what each answer says before it asks again:
 *   HOLD_COHORT  exclude the cohort's offers (sal_tally_exclude), ask again with slot NULL;
 *   HALT         the campaign is halted by the engine; every `offered` offer is recalled;
 *   ADVANCE      sal_tally_next_stage; ring `stage` opens unless it is open already.
 * When time has passed, or the known fleet has changed, it asks sal_course_may_open and sal_course_complete too.
 *
 * Thread: pure. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_ROLLOUT_COURSE_H
#define SAL_ROLLOUT_COURSE_H

#include "model/limits.h"
#include "model/offer.h"
#include "rollout/tally.h"

/* Where a campaign stands. Filled anew for every question. */
struct sal_course {
        const struct sal_plan *plan;
        struct sal_tally *tally;
        const struct sal_limits *limits; /* an operator's, or NULL */
        enum sal_campaign_state state;
        bool halted_by_engine;
        bool kill_switch;
        size_t rings_open;      /* from the first */
        int64_t known_matching; /* known machines that the campaign is for */
        int64_t in_flight;      /* unsettled offers that the pace counts */
        int64_t now_ms;         /* unix_ms */
};

/* What time and the known fleet say, for openings without evidence and for completion. */
struct sal_lull {
        int64_t unsettled;    /* offers of this version, of whatever kind */
        int64_t waiting_open; /* known matching machines of the open rings that no offer of this version reached */
        bool fleet_counted;   /* waiting_open says the truth about the fleet */
        int64_t idle_ms;      /* campaign's served time since an offer was last taken or a ring opened; for completion
                               * also since the last unsettled offer settled, or a machine was told to wait for room */
};

/* The halt rule: HOLD_COHORT, HALT or NONE. It is asked while the campaign is active, paused or completed, and while an
 * operator has halted it (HALT then means: a resume has to quote this decision); NONE otherwise, and that changes
 * nothing: what the engine has halted begins a new tally when it is resumed. slot: of the offer that changed, or NULL
 * for everything. */
struct sal_evidence sal_course_judge(const struct sal_course *course, const struct sal_slot *slot);

/* Advance by evidence: ADVANCE or NONE. Only while the campaign is active or completed, the kill switch off, the plan
 * not manual, and, unless the ring of the next stage is open already, no limit lets it open later than now_ms. */
struct sal_evidence sal_course_advance(const struct sal_course *course);

/* Whether an operator's limit keeps machines from what the plan would let them take now: it narrows, none of its
 * windows is open, or its in_flight_max leaves no room where the plan's own cap would. What looks like a lull then is
 * the limit's doing: the driver lets neither patience nor quiet run meanwhile, and both begin anew when the limit
 * reaches other machines. */
bool sal_course_limited(const struct sal_course *course);

/* Whether the next ring opens without evidence, the stage staying: the cap has room, and either every known matching
 * machine of the open rings is settled, or none of them took an offer for patience_seconds. False unless the campaign
 * is active or completed, the kill switch off and the plan not manual, while sal_course_limited, and while a limit lets
 * the next ring open later. */
bool sal_course_may_open(const struct sal_course *course, const struct sal_lull *lull);

/* Whether an active campaign is complete: last ring open, nothing unsettled, idle for quiet_seconds. False while the
 * kill switch is on, and while sal_course_limited. */
bool sal_course_complete(const struct sal_course *course, const struct sal_lull *lull);

/* Offers that may be in flight: the plan's cap, and not above a limit's (which is at least 1). */
double sal_course_cap(const struct sal_course *course);
/* Whether the cap lets an offer be made now: in_flight + X < cap, or nothing is in flight. */
bool sal_course_room(const struct sal_course *course);

#endif
