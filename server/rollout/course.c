/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/course.h"

enum { MS_PER_SECOND = 1000 };

/* Offers may be made: a completed campaign goes on through its stages, late machines are many after a boot storm. */
static bool runs(const struct sal_course *course) {
        return !course->kill_switch && sal_campaign_runs(course->state);
}

static bool limit_opens(const struct sal_course *course, size_t ring) {
        return sal_limits_opens_ms(course->limits, ring) <= course->now_ms;
}

/* Halted by a person, or by a campaign that superseded it: what comes in meanwhile counts all the same, and may ask for
 * a resume that quotes it. What the engine has halted is not judged again. */
static bool judged(const struct sal_course *course) {
        enum sal_campaign_state after;
        return sal_campaign_next(course->state, SAL_ACT_HALT, &after) ||
               (course->state == SAL_CAMPAIGN_HALTED && !course->halted_by_engine);
}

struct sal_evidence sal_course_judge(const struct sal_course *course, const struct sal_slot *slot) {
        if (!judged(course))
                return (struct sal_evidence){.block_level = -1};
        return sal_tally_judge(course->tally, slot);
}

struct sal_evidence sal_course_advance(const struct sal_course *course) {
        const struct sal_evidence none = {.block_level = -1};
        size_t next = (size_t)sal_tally_stage(course->tally) + 1;
        if (!runs(course) || course->plan->manual_advance || next >= course->plan->ring_count)
                return none;
        if (next >= course->rings_open && !limit_opens(course, next))
                return none;
        return sal_tally_advance_evidence(course->tally);
}

/* Open rings never close. Were a ring to open because a limit leaves too few machines in those before it, it would
 * stand open when the limit is lifted, on no evidence at all, and the limit would have widened the rollout. */
bool sal_course_limited(const struct sal_course *course) {
        if (sal_limits_narrows(course->limits) || !sal_limits_window_open(course->limits, course->now_ms))
                return true;
        return !sal_course_room(course) && (double)course->in_flight + sal_tally_excess(course->tally) <
                                                   sal_tally_cap(course->tally, course->known_matching);
}

bool sal_course_may_open(const struct sal_course *course, const struct sal_lull *lull) {
        const struct sal_plan *plan = course->plan;
        if (!runs(course) || plan->manual_advance || course->rings_open >= plan->ring_count)
                return false;
        if (!limit_opens(course, course->rings_open) || sal_course_limited(course) || !sal_course_room(course))
                return false;
        if (plan->patience_seconds >= 0 && lull->idle_ms >= plan->patience_seconds * MS_PER_SECOND)
                return true;
        return lull->fleet_counted && lull->waiting_open == 0 && course->in_flight <= 0;
}

bool sal_course_complete(const struct sal_course *course, const struct sal_lull *lull) {
        return course->state == SAL_CAMPAIGN_ACTIVE && !course->kill_switch &&
               course->rings_open == course->plan->ring_count && lull->unsettled == 0 &&
               lull->idle_ms >= course->plan->quiet_seconds * MS_PER_SECOND && !sal_course_limited(course);
}

double sal_course_cap(const struct sal_course *course) {
        double cap = sal_tally_cap(course->tally, course->known_matching);
        double limit = (double)sal_limits_in_flight_max(course->limits);
        return cap < limit ? cap : limit;
}

bool sal_course_room(const struct sal_course *course) {
        return course->in_flight <= 0 ||
               (double)course->in_flight + sal_tally_excess(course->tally) < sal_course_cap(course);
}
