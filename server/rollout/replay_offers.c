/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/replay_state.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)SAL_COHORT_VALUES_MAX <= (int)UINT16_MAX, "a cohort's number has room in 16 bits");

/* ---- what is remembered ---- */

static struct replay_offer *append(struct sal_replay *replay) {
        if (replay->offer_count == replay->offer_capacity) {
                size_t capacity = replay->offer_capacity ? replay->offer_capacity + replay->offer_capacity / 2 : 1024;
                struct replay_offer *grown = realloc(replay->offers, capacity * sizeof *grown);
                if (!grown)
                        return NULL;
                replay->offers = grown;
                replay->offer_capacity = capacity;
        }
        struct replay_offer *offer = &replay->offers[replay->offer_count++];
        memset(offer, 0, sizeof *offer);
        return offer;
}

/* Rows only ever rise, so what was appended is in order. */
static struct replay_offer *find(const struct sal_replay *replay, int64_t row) {
        size_t from = 0, to = replay->offer_count;
        while (from < to) {
                size_t middle = from + (to - from) / 2;
                if (replay->offers[middle].row < row)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from < replay->offer_count && replay->offers[from].row == row ? &replay->offers[from] : NULL;
}

static struct sal_slot slot_of(const struct replay_offer *offer) {
        struct sal_slot slot = {
                .i = offer->i, .o = offer->o, .stage = offer->stage, .cohort_count = offer->cohort_count};
        for (size_t k = 0; k < offer->cohort_count; k++)
                slot.cohorts[k] = offer->cohorts[k];
        return slot;
}

static enum sal_weight weight_of(const struct replay_offer *offer) {
        return sal_offer_weight((enum sal_offer_state)offer->state, (enum sal_cause)offer->cause);
}

int64_t replay_in_flight(const struct replay_campaign *campaign) {
        return campaign->unsettled - campaign->excluded_unsettled - campaign->anonymous_unsettled;
}

/* ---- an offer is made ---- */

/* The members of an offer's event. */
struct made {
        int64_t attempt, incarnation, period, i, o;
        const char *stage;
        bool counted, anonymous;
        size_t cohort_count;
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
};

static enum sal_status read_cohorts(const struct sal_json_at *at, const struct sal_plan *plan, struct made *made,
                                    struct sal_err *reterr) {
        struct sal_json_at list;
        enum sal_status status = sal_json_array(at, "cohorts", true, 0, plan->cohort_count, &list, reterr);
        size_t fact = 0;
        for (size_t n = 0; !status && n < json_array_size(list.value); n++) {
                struct sal_json_at item = sal_json_element(&list, n);
                const char *name = json_string_value(item.value);
                const char *equals = name ? strchr(name, '=') : NULL;
                if (!equals || strlen(name) >= SAL_COHORT_NAME_BYTES)
                        return sal_json_fail(&item, NULL, SAL_E_INVALID, reterr, "must be \"fact=value\"");
                size_t len = (size_t)(equals - name);
                while (fact < plan->cohort_count &&
                       (strncmp(plan->cohorts[fact], name, len) != 0 || plan->cohorts[fact][len]))
                        fact++;
                if (fact++ >= plan->cohort_count)
                        return sal_json_fail(&item, NULL, SAL_E_INVALID, reterr,
                                             "\"%.100s\" is no cohort of the plan, or out of its order", name);
                snprintf(made->cohorts[made->cohort_count++], SAL_COHORT_NAME_BYTES, "%s", name);
        }
        return status;
}

static enum sal_status read_made(const struct sal_event *event, const struct sal_plan *plan, struct made *made,
                                 struct sal_err *reterr) {
        struct sal_json_at at = sal_json_root(event->detail);
        if (!event->offer_row)
                return sal_json_fail(&at, "offer_id", SAL_E_INVALID, reterr, "an offer needs its id");
        if (!event->ring)
                return sal_json_fail(&at, "ring", SAL_E_INVALID, reterr, "an offer needs its ring");
        if (!event->machine_id)
                return sal_json_fail(&at, "machine_id", SAL_E_INVALID, reterr, "an offer needs its machine");
        enum sal_status status = sal_json_int(&at, "attempt", true, 1, INT32_MAX, &made->attempt, reterr);
        if (!status)
                status = sal_json_int(&at, "incarnation", true, 1, INT32_MAX, &made->incarnation, reterr);
        if (!status)
                status = sal_json_int(&at, "period", true, 1, INT32_MAX, &made->period, reterr);
        if (!status)
                status = sal_json_string(&at, "stage", true, 1, SAL_RING_NAME_BYTES - 1, &made->stage, reterr);
        if (!status)
                status = sal_json_bool(&at, "counted", true, &made->counted, reterr);
        if (!status)
                status = sal_json_bool(&at, "anonymous", !made->counted, &made->anonymous, reterr);
        if (!status && made->counted)
                status = sal_json_int(&at, "i", true, 0, INT64_C(1) << 31, &made->i, reterr);
        if (!status && made->counted)
                status = sal_json_int(&at, "o", true, 1, INT64_C(1) << 31, &made->o, reterr);
        if (!status && !made->anonymous)
                status = read_cohorts(&at, plan, made, reterr);
        return status;
}

/* Whether an offer could be made at all, as far as the journal can tell; NULL: yes. */
static const char *forbidden(const struct replay_campaign *campaign, const struct sal_event *event,
                             const struct made *made) {
        struct sal_course course = replay_course(campaign, event->at_ms);
        int ring = sal_plan_ring_index(&campaign->plan, event->ring);
        if (campaign->kill_switch)
                return "the kill switch is on";
        if (!sal_campaign_runs(campaign->state))
                return "the campaign is neither active nor completed";
        if (event->at_ms < campaign->not_before_ms)
                return "it is not valid yet";
        if (event->at_ms >= campaign->expires_ms)
                return "it has expired";
        if (ring < 0)
                return "the plan has no such ring";
        if ((size_t)ring >= campaign->rings_open)
                return "its ring is not open";
        if (!sal_limits_window_open(campaign->limits, event->at_ms))
                return "no window of the operator's limits is open";
        if (campaign->only_machines && !sal_limits_reach(campaign->limits, event->machine_id, NULL))
                return "the operator's limits do not name this machine";
        if (!made->anonymous && !sal_course_room(&course))
                return "the pace has no room";
        return NULL;
}

/* What the pace says, for the words of a disagreement. */
static void tell_forbidden(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                           const char *why) {
        struct sal_course course = replay_course(campaign, event->at_ms);
        replay_disagree(replay, campaign, event,
                        "offer o%" PRId64 " to ring %s could not be made: %s (%s, %zu of %zu rings open, %" PRId64
                        " in flight, X %.17g, cap at most %.17g)",
                        event->offer_row, event->ring, why, sal_campaign_state_name(campaign->state),
                        campaign->rings_open, campaign->plan.ring_count, course.in_flight,
                        sal_tally_excess(campaign->tally), sal_course_cap(&course));
}

/* A later attempt enters no sum, but its cohorts may be held; false: one is, and the campaign disagrees. */
static bool place_later(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                        struct made *made, struct sal_slot *ret) {
        if (sal_tally_held(campaign->tally, made->cohort_count, made->cohorts)) {
                replay_disagree(replay, campaign, event, "offer o%" PRId64 " is of a held cohort", event->offer_row);
                return false;
        }
        sal_tally_cohorts(campaign->tally, made->cohort_count, made->cohorts, ret);
        return true;
}

/* Into the sums; false: the campaign disagrees. */
static bool count(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                  struct made *made, struct sal_slot *ret, enum sal_status *ret_status) {
        *ret_status = sal_tally_offer(campaign->tally, made->cohort_count, made->cohorts, ret);
        if (*ret_status == SAL_E_REFUSED) {
                *ret_status = SAL_OK;
                replay_disagree(replay, campaign, event, "offer o%" PRId64 " is of a held cohort", event->offer_row);
                return false;
        }
        if (*ret_status)
                return false;
        if (ret->i == made->i && ret->o == made->o)
                return true;
        replay_disagree(replay, campaign, event,
                        "offer o%" PRId64 " is numbered i %" PRId64 ", o %" PRId64 "; the events give i %" PRId64
                        ", o %" PRId64,
                        event->offer_row, made->i, made->o, ret->i, ret->o);
        return false;
}

/* What of an offer says whose it is. */
static struct replay_offer who(const struct replay_campaign *campaign, const struct sal_event *event,
                               const struct made *made) {
        return (struct replay_offer){.campaign = campaign->index,
                                     .period = campaign->period,
                                     .machine = replay_machine(event->machine_id),
                                     .incarnation = (uint32_t)made->incarnation,
                                     .ring = (uint8_t)sal_plan_ring_index(&campaign->plan, event->ring)};
}

/* The first offer of a machine in its incarnation and the counting period is counted, and no other is; none of an
 * anonymous machine. False: the journal says otherwise. */
static bool is_counted_rightly(struct sal_replay *replay, struct replay_campaign *campaign,
                               const struct sal_event *event, const struct made *made) {
        const struct replay_offer offer = who(campaign, event, made);
        bool first = replay_is_first(replay, &offer);
        if (made->counted == (first && !made->anonymous))
                return true;
        replay_disagree(replay, campaign, event,
                        "offer o%" PRId64 " is %s, and it is %s of machine %s, incarnation %" PRId64
                        ", in counting period %" PRIu32 "%s",
                        event->offer_row, made->counted ? "counted" : "not counted",
                        first ? "the first one" : "a later one", event->machine_id, made->incarnation, campaign->period,
                        made->anonymous ? ", which is anonymous" : "");
        return false;
}

static enum sal_status remember(struct sal_replay *replay, struct replay_campaign *campaign,
                                const struct sal_event *event, const struct made *made, const struct sal_slot *slot) {
        struct replay_offer *offer = append(replay);
        if (!offer)
                return SAL_E_NOMEM;
        uint32_t number = (uint32_t)replay->offer_count;
        *offer = who(campaign, event, made);
        offer->row = event->offer_row;
        offer->i = (uint32_t)slot->i;
        offer->o = (uint32_t)slot->o;
        offer->state = SAL_OFFER_OFFERED;
        offer->stage = (uint8_t)slot->stage;
        offer->counted = made->counted;
        offer->anonymous = made->anonymous;
        offer->cohort_count = (uint8_t)slot->cohort_count;
        for (size_t k = 0; k < slot->cohort_count; k++) {
                offer->cohorts[k] = (uint16_t)slot->cohorts[k];
                offer->older[k] = campaign->newest[slot->cohorts[k]];
                campaign->newest[slot->cohorts[k]] = number;
        }
        campaign->unsettled++;
        campaign->anonymous_unsettled += offer->anonymous;
        return replay_note_first(replay, number) ? SAL_OK : SAL_E_NOMEM;
}

enum sal_status replay_offer_made(struct sal_replay *replay, struct replay_campaign *campaign,
                                  const struct sal_event *event, struct sal_err *reterr) {
        struct made made = {0};
        struct sal_slot slot = {.stage = sal_tally_stage(campaign->tally)};
        enum sal_status status = read_made(event, &campaign->plan, &made, reterr);
        if (status)
                return status;
        if (replay->offer_count && replay->offers[replay->offer_count - 1].row >= event->offer_row)
                return sal_fail_at(reterr, SAL_E_INVALID, "/offer_id",
                                   "event %" PRId64 ": offer o%" PRId64 " comes after o%" PRId64
                                   ", and their numbers only ever rise",
                                   event->seq, event->offer_row, replay->offers[replay->offer_count - 1].row);
        const char *why = forbidden(campaign, event, &made);
        const char *stage = campaign->plan.rings[slot.stage].name;
        if (why)
                tell_forbidden(replay, campaign, event, why);
        else if (made.period != campaign->period)
                replay_disagree(replay, campaign, event,
                                "offer o%" PRId64 " is of counting period %" PRId64 "; the events give %" PRIu32,
                                event->offer_row, made.period, campaign->period);
        else if (strcmp(made.stage, stage) != 0)
                replay_disagree(replay, campaign, event, "offer o%" PRId64 " is of stage %s; the events give stage %s",
                                event->offer_row, made.stage, stage);
        else if (!is_counted_rightly(replay, campaign, event, &made))
                return SAL_OK;
        else if (made.counted ? count(replay, campaign, event, &made, &slot, &status)
                              : place_later(replay, campaign, event, &made, &slot))
                status = remember(replay, campaign, event, &made, &slot);
        if (!status && campaign->standing == REPLAY_JUDGED && made.counted)
                replay_ask(campaign, event, REPLAY_ASK_ADVANCE, NULL);
        return status;
}

/* ---- an offer changes ---- */

/* What has happened to it, by the type of the event and its cause; -1: nothing does that. */
static int event_of(const struct sal_event *event) {
        static const int failures[SAL_CAUSES] = {
                [SAL_CAUSE_REPORTED] = SAL_EVENT_REPORT_FAILED + 1, [SAL_CAUSE_REFUSED] = SAL_EVENT_REPORT_REFUSED + 1,
                [SAL_CAUSE_SILENT] = SAL_EVENT_DEADLINE + 1,        [SAL_CAUSE_REPOLLED] = SAL_EVENT_REPOLLED + 1,
                [SAL_CAUSE_RELAPSED] = SAL_EVENT_RELAPSED + 1,
        };
        if (event->type != SAL_JOURNAL_FAILED && event->type != SAL_JOURNAL_RECALLED && event->cause)
                return -1; /* these have none */
        switch (event->type) {
        case SAL_JOURNAL_APPLIED:
                return SAL_EVENT_REPORT_APPLIED;
        case SAL_JOURNAL_SUCCEEDED:
                return SAL_EVENT_REPORT_HEALTHY;
        case SAL_JOURNAL_NOT_APPLICABLE:
                return SAL_EVENT_REPORT_NOT_APPLICABLE;
        case SAL_JOURNAL_RECALLED:
                return SAL_EVENT_RECALLED;
        default:
                return failures[event->cause] - 1;
        }
}

/* An outcome says by itself whose it is; the offer said so too. What settles after the end of its campaign may leave
 * the ring out. */
static bool is_of_offer(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                        const struct replay_offer *offer) {
        const char *ring = campaign->plan.rings[offer->ring].name;
        if (!event->machine_id || replay_machine(event->machine_id) != offer->machine)
                replay_disagree(replay, campaign, event, "offer o%" PRId64 " was made to another machine than %s",
                                event->offer_row, event->machine_id ? event->machine_id : "nobody");
        else if (event->ring ? strcmp(event->ring, ring) != 0 : sal_campaign_live(campaign->state))
                replay_disagree(replay, campaign, event,
                                "offer o%" PRId64 " was made in ring %s, and its outcome says %s", event->offer_row,
                                ring, event->ring ? event->ring : "none");
        else
                return true;
        return false;
}

void replay_recall(const struct sal_replay *replay, struct replay_campaign *campaign, enum sal_cause cause) {
        campaign->recalls[cause] = (uint32_t)replay->offer_count;
}

/* Why this one cannot have been recalled, as far as the journal shows what recalls; NULL: it can. */
static const char *not_recalled(const struct sal_replay *replay, const struct replay_campaign *campaign,
                                const struct replay_offer *offer, enum sal_cause cause) {
        static const char *const whys[SAL_CAUSES] = {
                [SAL_CAUSE_HALT] = "there was no halt since it was made",
                [SAL_CAUSE_WITHDRAWN] = "its campaign was not withdrawn since it was made",
                [SAL_CAUSE_EXPIRED] = "its campaign has not expired since it was made",
                [SAL_CAUSE_SUPERSEDED] = "its campaign was not superseded since it was made",
        };
        if (cause == SAL_CAUSE_OPT_OUT || cause == SAL_CAUSE_DELETED || cause == SAL_CAUSE_REIMAGED)
                return NULL; /* by its machine */
        if (cause == SAL_CAUSE_SUPERSEDED && campaign->drill)
                return NULL; /* a machine in earnest gives its drill back */
        if (!whys[cause])
                return "nothing is recalled for that";
        return offer - replay->offers < (ptrdiff_t)campaign->recalls[cause] ? NULL : whys[cause];
}

/* Who is unsettled follows the change. */
static void count_change(struct replay_campaign *campaign, struct replay_offer *offer, enum sal_offer_state state,
                         enum sal_cause cause) {
        bool settled = sal_offer_unsettled((enum sal_offer_state)offer->state) && !sal_offer_unsettled(state);
        offer->state = (uint8_t)state;
        offer->cause = (uint8_t)cause;
        if (!settled)
                return;
        campaign->unsettled--;
        campaign->excluded_unsettled -= offer->excluded && offer->period == campaign->period;
        campaign->anonymous_unsettled -= offer->anonymous;
}

/* The sums follow, and what comes next is asked. */
static void follow(struct replay_campaign *campaign, const struct replay_offer *offer, enum sal_weight from,
                   const struct sal_event *event) {
        enum sal_weight to = weight_of(offer);
        if (from == to || !offer->counted || offer->excluded || offer->period != campaign->period)
                return;
        struct sal_slot slot = slot_of(offer);
        bool against = sal_tally_change(campaign->tally, &slot, from, to);
        replay_ask(campaign, event, against ? REPLAY_ASK_ALL : REPLAY_ASK_ADVANCE, &slot);
}

enum sal_status replay_offer_changed(struct sal_replay *replay, struct replay_campaign *campaign,
                                     const struct sal_event *event, struct sal_err *reterr) {
        struct replay_offer *offer = find(replay, event->offer_row);
        if (!offer || offer->campaign != campaign->index)
                return sal_fail_at(reterr, SAL_E_INVALID, "/offer_id",
                                   "event %" PRId64 ": offer o%" PRId64 " was never made by campaign %s@%" PRId64,
                                   event->seq, event->offer_row, campaign->id, campaign->version);
        enum sal_offer_state state = (enum sal_offer_state)offer->state;
        enum sal_cause cause = event->cause;
        int what = event_of(event);
        if (what < 0 ||
            !sal_offer_next((enum sal_offer_state)offer->state, (enum sal_offer_event)what, &state, &cause)) {
                replay_disagree(replay, campaign, event, "offer o%" PRId64 " is %s%s%s; it cannot become %s%s%s",
                                event->offer_row, sal_offer_state_name((enum sal_offer_state)offer->state),
                                offer->cause ? " " : "", sal_cause_name((enum sal_cause)offer->cause),
                                sal_journal_type_name(event->type), event->cause ? " " : "",
                                sal_cause_name(event->cause));
                return SAL_OK;
        }
        if (!is_of_offer(replay, campaign, event, offer))
                return SAL_OK;
        const char *why = event->type == SAL_JOURNAL_RECALLED ? not_recalled(replay, campaign, offer, cause) : NULL;
        if (why) {
                replay_disagree(replay, campaign, event, "offer o%" PRId64 " is recalled (%s): %s", event->offer_row,
                                cause ? sal_cause_name(cause) : "no cause", why);
                return SAL_OK;
        }
        enum sal_weight from = weight_of(offer);
        count_change(campaign, offer, state, cause);
        follow(campaign, offer, from, event);
        return SAL_OK;
}

void replay_exclude(struct sal_replay *replay, struct replay_campaign *campaign, int cohort) {
        for (uint32_t number = campaign->newest[cohort], older; number; number = older) {
                struct replay_offer *offer = &replay->offers[number - 1];
                older = 0;
                for (size_t k = 0; k < offer->cohort_count; k++)
                        if (offer->cohorts[k] == cohort)
                                older = offer->older[k];
                if (offer->excluded)
                        continue;
                struct sal_slot slot = slot_of(offer);
                if (offer->counted)
                        sal_tally_exclude(campaign->tally, &slot, weight_of(offer));
                offer->excluded = true;
                campaign->excluded_unsettled += sal_offer_unsettled((enum sal_offer_state)offer->state);
        }
}
