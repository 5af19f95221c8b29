/* SPDX-License-Identifier: Apache-2.0 */
#include "service/poll_internal.h"
#include "service/survey.h"

#include "base/encode.h"

#include <stdio.h>
#include <string.h>

void sal_poll_done(struct sal_poll *poll) {
        sal_facts_free(poll->facts);
        free(poll->facts_text);
        for (size_t i = 0; i < poll->report_count; i++)
                sal_report_done(&poll->reports[i]);
        sal_launch_unref(poll->launch);
        sal_launch_unref(poll->waits_for);
        sal_limits_unref(poll->asked);
        poll->waits_for = NULL;
        poll->asked = NULL;
        poll->facts = NULL;
        poll->facts_text = NULL;
        poll->launch = NULL;
        poll->report_count = 0;
}

int64_t sal_poll_after_seconds(const struct sal_service *service) {
        enum { BUSY_FACTOR = 9 };
        double load = service->ledger ? sal_ledger_load(service->ledger) : 0;
        double seconds = (double)service->config.poll_after_seconds * (1 + BUSY_FACTOR * load);
        uint32_t random;
        sal_random(&random, sizeof random);
        seconds *= 0.75 + 0.5 * (double)random / 4294967296.0;
        return seconds < 1 ? 1 : (int64_t)seconds;
}

static void tell(struct sal_poll *poll, const struct sal_candidate *candidates) {
        char text[SAL_ANSWER_SENTENCE_BYTES];
        snprintf(poll->detail, sizeof poll->detail, "%s", sal_answer_sentence(&poll->answer, candidates, text));
}

static void wait_for(struct sal_poll *poll, struct sal_launch *launch) {
        sal_launch_unref(poll->waits_for);
        poll->waits_for = launch ? sal_launch_ref(launch) : NULL;
}

/* ---- the workers' way ---- */

/* A live campaign as a snapshot and a machine of which nothing is known show it. */
static struct sal_candidate candidate_of(const struct sal_service *service, const struct sal_snapshot_campaign *from,
                                         const struct sal_poll *poll, int64_t now_ms) {
        struct sal_candidate candidate = {
                .campaign = from->launch->campaign,
                .state = from->state,
                .rings_open = from->rings_open,
                .room = atomic_load_explicit(&from->launch->slots, memory_order_relaxed) > 0,
                .cohort_held = sal_snapshot_held(from, poll->facts),
                .unlisted = !sal_service_lists(service, from->launch),
        };
        bool unknown;
        candidate.outside = !sal_limits_may_reach(from->limits, poll->machine_id, &unknown);
        if (!sal_limits_window_open(from->limits, now_ms))
                candidate.window_opens_ms = sal_limits_window_opens_ms(from->limits, now_ms);
        return candidate;
}

/* Where labels say whether an operator's limits leave the machine out, only the ledger knows. */
static bool labels_decide(const struct sal_snapshot *snapshot, const struct sal_poll *poll) {
        bool decide;
        sal_limits_may_reach(snapshot->campaigns[poll->answer.candidate].limits, poll->machine_id, &decide);
        return decide;
}

/* That is worth a visit when an offer could be made, not when there is room for nobody: behind a full cap a fleet may
 * wait, and would all come. One that will be held comes once for these limits, so that it is woken by the right slots.
 */
static bool labels_matter(const struct sal_snapshot *snapshot, struct sal_poll *poll) {
        enum sal_reason reason = poll->answer.reason;
        if ((reason != SAL_REASON_OFFERED && reason != SAL_REASON_IN_FLIGHT_CAP) || !labels_decide(snapshot, poll))
                return false;
        if (reason == SAL_REASON_OFFERED)
                return true;
        struct sal_limits *limits = snapshot->campaigns[poll->answer.candidate].limits;
        if (!poll->waits || poll->asked == limits)
                return false;
        sal_limits_unref(poll->asked);
        poll->asked = sal_limits_ref(limits);
        return true;
}

/* For whose slot it waits; where labels decide, what the ledger said stays. */
static void wait_for_slot(const struct sal_snapshot *snapshot, struct sal_poll *poll) {
        struct sal_launch *launch = NULL;
        if (poll->answer.reason == SAL_REASON_IN_FLIGHT_CAP)
                launch = snapshot->campaigns[poll->answer.candidate].launch;
        if (launch != poll->waits_for)
                wait_for(poll, launch && !labels_decide(snapshot, poll) ? launch : NULL);
}

/* The answer, and a slot if it is an offer; false: the ledger has to be asked. */
static bool answer_fast(const struct sal_snapshot *snapshot, struct sal_poll *poll, struct sal_candidate *candidates,
                        size_t count, int64_t now_ms) {
        struct sal_asker asker = {
                .machine_id = poll->machine_id, .reason = poll->reason, .facts = poll->facts, .repeat = -1};
        for (;;) {
                poll->answer = sal_answer(snapshot->kill_switch, &asker, candidates, count, now_ms);
                if (labels_matter(snapshot, poll))
                        return false;
                if (!poll->answer.offer)
                        return true;
                if (sal_launch_claim(snapshot->campaigns[poll->answer.candidate].launch))
                        return false;
                candidates[poll->answer.candidate].room = false; /* somebody was faster */
        }
}

bool sal_poll_fast(struct sal_service *service, const struct sal_snapshot *snapshot, struct sal_poll *poll,
                   int64_t now_ms) {
        if ((poll->report_count && !poll->reports_taken) || poll->identity.kind == SAL_IDENTITY_NONE ||
            sal_filter_test(service->filter, poll->machine_id))
                return false;
        /* A machine that the filter does not know is in its first generation and holds nothing. */
        if (poll->identity.kind == SAL_IDENTITY_TOKEN && poll->identity.generation != 1)
                return false;
        struct sal_candidate candidates[SAL_LIVE_CAMPAIGNS_MAX];
        size_t count = 0;
        for (size_t i = 0; i < snapshot->count && count < SAL_LIVE_CAMPAIGNS_MAX; i++) {
                const struct sal_snapshot_campaign *from = &snapshot->campaigns[i];
                if (from->launch->campaign->undoes && sal_selector_match(from->launch->campaign->match, poll->facts))
                        return false; /* whom it reaches, only the ledger knows */
                candidates[count++] = candidate_of(service, from, poll, now_ms);
        }
        if (!answer_fast(snapshot, poll, candidates, count, now_ms))
                return false;
        wait_for_slot(snapshot, poll);
        tell(poll, candidates);
        return true;
}

/* ---- the ledger's way ---- */

/* Everything about one poll while it is decided. */
struct poll_work {
        struct sal_service *service;
        struct sal_engine *engine;
        struct sal_tx *tx;
        struct sal_poll *poll;
        struct sal_machine machine;
        struct sal_survey survey;
        bool stale; /* a delayed or held poll of a boot that is over */
};

/* The window and the served time of a campaign that ended and left the engine. */
static enum sal_status window_of_ended(const struct poll_work *work, int64_t campaign_row, int64_t *ret_window_seconds,
                                       int64_t *ret_served_ms) {
        struct sal_campaign_row row = {0}, full = {0};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        enum sal_status status = sal_campaign_row_get_row(work->tx, campaign_row, &row);
        if (!status)
                status = sal_campaign_row_get(work->tx, row.id, row.version, true, &full);
        if (!status)
                status = sal_campaign_parse(full.payload, full.payload_len, &campaign, NULL);
        if (!status) {
                int64_t daemon_ms = row.served_stopped_ms >= 0 ? row.served_stopped_ms
                                                               : sal_engine_served_ms(work->engine, work->tx);
                *ret_served_ms = daemon_ms - row.served_offset_ms;
                *ret_window_seconds = campaign->plan.relapse_window_seconds;
        }
        sal_campaign_row_done(&full);
        sal_campaign_row_done(&row);
        return status;
}

static enum sal_status in_relapse_window(const struct poll_work *work, const struct sal_offer *offer, bool *ret) {
        const struct sal_live *live = sal_engine_by_row(work->engine, offer->campaign_row);
        int64_t window_seconds = 0, served_ms = 0;
        enum sal_status status = SAL_OK;
        *ret = false;
        if (offer->applied_served_ms < 0 || (offer->state != SAL_OFFER_APPLIED && offer->state != SAL_OFFER_SUCCEEDED))
                return SAL_OK;
        if (live) {
                window_seconds = live->launch->campaign->plan.relapse_window_seconds;
                served_ms = sal_live_served_ms(work->engine, live, work->tx);
        } else {
                status = window_of_ended(work, offer->campaign_row, &window_seconds, &served_ms);
        }
        *ret = !status && served_ms - offer->applied_served_ms <= window_seconds * 1000;
        return status;
}

static enum sal_status settle_one(struct poll_work *work, struct sal_offer *offer) {
        bool changed = false;
        /* An earlier settlement of this very poll may have halted the campaign and recalled the offer. */
        enum sal_status status = sal_offer_get(work->tx, offer->row, offer);
        if (status)
                return status;
        enum sal_offer_event event = SAL_EVENT_REPOLLED;
        if (offer->state != SAL_OFFER_OFFERED) {
                bool within = false;
                event = SAL_EVENT_RELAPSED;
                status = in_relapse_window(work, offer, &within);
                if (status || !within)
                        return status;
        }
        return sal_machine_settle(work->engine, work->tx, &work->machine, offer, event, SAL_CAUSE_NONE, &changed);
}

/* A machine that asks in earnest gives its drill back. */
static enum sal_status end_drill(struct poll_work *work) {
        enum sal_status status = SAL_OK;
        for (size_t i = 0; !status && i < work->survey.offers.count; i++) {
                struct sal_offer *offer = &work->survey.offers.items[i];
                bool changed;
                if (work->poll->reason != SAL_POLL_DRILL && sal_offer_gives_way(work->engine, offer))
                        status = sal_machine_settle(work->engine, work->tx, &work->machine, offer, SAL_EVENT_RECALLED,
                                                    SAL_CAUSE_SUPERSEDED, &changed);
        }
        return status;
}

/* A new boot that failed again settles what came before it. */
static enum sal_status settle_new_boot(struct poll_work *work) {
        const struct sal_poll *poll = work->poll;
        enum sal_status status = sal_survey_offers(&work->survey);
        if (!status && !work->stale)
                status = end_drill(work);
        if (status || work->stale || poll->reason != SAL_POLL_BOOT_FAILURE || poll->volume_locked)
                return status;
        bool any = false;
        for (size_t i = 0; !status && i < work->survey.offers.count; i++) {
                struct sal_offer *offer = &work->survey.offers.items[i];
                if (offer->incarnation != work->machine.incarnation || strcmp(offer->boot_id, poll->boot_id) == 0)
                        continue;
                any = true;
                status = settle_one(work, offer);
        }
        return status || !any ? status : sal_survey_offers(&work->survey);
}

static enum sal_status repeat_offer(struct poll_work *work, const struct sal_offer *held) {
        struct sal_poll *poll = work->poll;
        poll->offer_row = held->row;
        poll->attempt = held->attempt;
        if (work->stale || strcmp(held->boot_id, poll->boot_id) == 0)
                return SAL_OK;
        /* Asked for again from another boot that did not fail: its reports will come from there. */
        struct sal_offer moved = *held;
        snprintf(moved.boot_id, sizeof moved.boot_id, "%s", poll->boot_id);
        return sal_offer_update(work->tx, &moved);
}

static enum sal_status make_offer(struct poll_work *work, struct sal_live *live, size_t ring) {
        struct sal_poll *poll = work->poll;
        struct sal_offer offer;
        enum sal_status status = sal_population_forget(work->engine, work->tx, &work->machine);
        if (!status)
                status = sal_offer_make(work->engine, work->tx, live, &work->machine, poll->facts, ring, poll->boot_id,
                                        poll->can_healthy, &offer);
        if (!status)
                status = sal_population_count(work->engine, work->tx, &work->machine);
        if (status)
                return status;
        poll->offer_row = offer.row;
        poll->attempt = offer.attempt;
        return SAL_OK;
}

/* A halted campaign promises nothing: behind it, a fix that was tried in vain is what tells where the machine stands.
 */
static enum sal_reason answer_for_standing(const struct poll_work *work) {
        const struct sal_survey *survey = &work->survey;
        if (work->poll->answer.reason != SAL_REASON_HALTED)
                return work->poll->answer.reason;
        for (size_t n = 0; n < survey->count; n++) {
                const struct sal_candidate *candidate = &survey->candidates[n];
                if (candidate->history.state == SAL_OFFER_FAILED && sal_candidate_matches(candidate, &survey->asker) &&
                    !sal_candidate_retries(candidate))
                        return SAL_REASON_ATTEMPTS_EXHAUSTED;
        }
        return SAL_REASON_HALTED;
}

static enum sal_status see(struct poll_work *work) {
        const struct sal_poll *poll = work->poll;
        if (work->machine.anonymous && !poll->answer.offer && !work->machine.row)
                return SAL_OK; /* a stranger without an offer leaves no row behind */
        if (work->stale)
                return SAL_OK;
        struct sal_sighting sighting = {
                .facts_text = poll->facts_text, .boot_id = poll->boot_id, .at_ms = sal_tx_now_ms(work->tx)};
        sighting.standing = sal_standing_of(poll->reason, answer_for_standing(work), poll->volume_locked,
                                            work->machine.standing, &sighting.standing_reason);
        /* In this boot nothing more is tried, but another may bring the next attempt: no hands are needed yet. */
        if (poll->answer.reason == SAL_REASON_ATTEMPTS_EXHAUSTED && !poll->volume_locked &&
            sal_candidate_retries(&work->survey.candidates[poll->answer.candidate])) {
                sighting.standing = SAL_STANDING_RECOVERING;
                sighting.standing_reason = "";
        }
        return sal_machine_see(work->engine, work->tx, &work->machine, &sighting);
}

/* True when a further slot would bring an offer. Who is held up by something else must not claim slots: that would go
 * on for ever. */
static bool waits_for_slot(const struct poll_work *work) {
        const struct sal_answer *answer = &work->poll->answer;
        return answer->reason == SAL_REASON_IN_FLIGHT_CAP && !work->survey.candidates[answer->candidate].room &&
               !work->machine.anonymous && !work->stale && !work->survey.asker.holds_unsettled;
}

static enum sal_status decide(struct poll_work *work) {
        struct sal_poll *poll = work->poll;
        struct sal_survey *survey = &work->survey;
        enum sal_status status = sal_survey_campaigns(survey);
        if (status)
                return status;
        poll->answer = sal_answer(work->engine->kill_switch, &survey->asker, survey->candidates, survey->count,
                                  sal_tx_now_ms(work->tx));
        tell(poll, survey->candidates);
        status = see(work);
        bool waits = waits_for_slot(work);
        if (waits)
                sal_live_note_busy(work->engine, work->tx, survey->lives[poll->answer.candidate]);
        wait_for(poll, waits ? survey->lives[poll->answer.candidate]->launch : NULL);
        if (status || poll->answer.reason != SAL_REASON_OFFERED)
                return status;
        struct sal_live *live = survey->lives[poll->answer.candidate];
        status = poll->answer.offer ? make_offer(work, live, poll->answer.ring) : repeat_offer(work, survey->held);
        if (!status)
                poll->launch = sal_launch_ref(live->launch);
        return status;
}

enum sal_status sal_poll_run(struct sal_service *service, struct sal_tx *tx, struct sal_poll *poll,
                             struct sal_err *reterr) {
        struct poll_work work = {.service = service, .engine = service->engine, .tx = tx, .poll = poll};
        work.survey =
                (struct sal_survey){.service = service, .tx = tx, .machine = &work.machine, .boot_id = poll->boot_id};
        work.survey.asker.reason = poll->reason;
        work.survey.asker.facts = poll->facts;
        enum sal_status status =
                sal_machine_admit(service, tx, poll->machine_id, &poll->identity, &work.machine, reterr);
        if (!status)
                status = sal_machine_adopt(work.engine, tx, &work.machine, &poll->identity);
        for (size_t i = 0; !status && !poll->reports_taken && i < poll->report_count; i++) {
                if (!poll->reports[i].valid)
                        continue;
                status = sal_report_take(work.engine, tx, &work.machine, &poll->reports[i], NULL);
                if (status == SAL_E_NOT_FOUND || status == SAL_E_UNAUTHENTICATED)
                        status = SAL_OK; /* a bad item never fails the poll */
        }
        work.stale = !status && sal_boot_is_stale(&work.machine, poll->boot_id, poll->arrived_ms, sal_tx_now_ms(tx));
        work.survey.asker.stale_boot = poll->stale = work.stale;
        if (!status)
                status = settle_new_boot(&work);
        if (!status)
                status = decide(&work);
        sal_survey_done(&work.survey);
        sal_machine_done(&work.machine);
        return status;
}
