/* SPDX-License-Identifier: Apache-2.0 */
#include "service/poll_internal.h"

#include "base/encode.h"

#include <stdio.h>
#include <string.h>

void sal_poll_done(struct sal_poll *poll) {
        sal_facts_free(poll->facts);
        free(poll->facts_text);
        for (size_t i = 0; i < poll->report_count; i++)
                sal_report_done(&poll->reports[i]);
        sal_launch_unref(poll->launch);
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

/* ---- the workers' way ---- */

bool sal_poll_fast(struct sal_service *service, const struct sal_snapshot *snapshot, struct sal_poll *poll,
                   int64_t now_ms) {
        if (poll->report_count || poll->identity.kind == SAL_IDENTITY_NONE ||
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
                candidates[count++] = (struct sal_candidate){
                        .campaign = from->launch->campaign,
                        .state = from->state,
                        .rings_open = from->rings_open,
                        .room = atomic_load_explicit(&from->launch->slots, memory_order_relaxed) > 0,
                        .cohort_held = sal_snapshot_held(from, poll->facts),
                };
        }
        struct sal_asker asker = {
                .machine_id = poll->machine_id, .reason = poll->reason, .facts = poll->facts, .repeat = -1};
        for (;;) {
                poll->answer = sal_answer(snapshot->kill_switch, &asker, candidates, count, now_ms);
                if (!poll->answer.offer)
                        break;
                if (sal_launch_claim(snapshot->campaigns[poll->answer.candidate].launch))
                        return false;
                candidates[poll->answer.candidate].room = false; /* somebody was faster */
        }
        snprintf(poll->detail, sizeof poll->detail, "%s", sal_reason_sentence(poll->answer.reason));
        return true;
}

/* ---- the ledger's way ---- */

/* Everything about one poll while it is decided. `n` runs over the engine's live campaigns by rank. */
struct poll_work {
        struct sal_service *service;
        struct sal_engine *engine;
        struct sal_tx *tx;
        struct sal_poll *poll;
        struct sal_machine machine;
        struct sal_offer *offers; /* newest first */
        size_t offer_count, offer_capacity;
        bool failed;
};

static bool collect(void *arg, const struct sal_offer *offer) {
        struct poll_work *work = arg;
        if (work->offer_count == work->offer_capacity) {
                size_t capacity = work->offer_capacity ? work->offer_capacity * 2 : 16;
                struct sal_offer *grown = realloc(work->offers, capacity * sizeof *grown);
                if (!grown) {
                        work->failed = true;
                        return false;
                }
                work->offers = grown;
                work->offer_capacity = capacity;
        }
        work->offers[work->offer_count++] = *offer;
        return true;
}

static enum sal_status read_offers(struct poll_work *work) {
        work->offer_count = 0;
        if (!work->machine.row)
                return SAL_OK;
        enum sal_status status = sal_offer_each_of_machine(work->tx, work->machine.row, 0, 0, collect, work);
        return !status && work->failed ? SAL_E_NOMEM : status;
}

static bool in_relapse_window(const struct poll_work *work, const struct sal_offer *offer) {
        const struct sal_live *live = sal_engine_by_row(work->engine, offer->campaign_row);
        if (!live || offer->applied_served_ms < 0)
                return false;
        int64_t age_ms = sal_live_served_ms(work->engine, live, work->tx) - offer->applied_served_ms;
        return age_ms <= live->launch->campaign->plan.relapse_window_seconds * 1000;
}

/* A new boot that failed again settles what came before it. */
static enum sal_status settle_new_boot(struct poll_work *work) {
        const struct sal_poll *poll = work->poll;
        if (poll->reason != SAL_POLL_BOOT_FAILURE || poll->volume_locked)
                return SAL_OK;
        for (size_t i = 0; i < work->offer_count; i++) {
                struct sal_offer *offer = &work->offers[i];
                bool changed = false;
                enum sal_status status = SAL_OK;
                if (offer->incarnation != work->machine.incarnation || strcmp(offer->boot_id, poll->boot_id) == 0)
                        continue;
                /* An earlier settlement of this very loop may have halted the campaign and recalled the offer. */
                status = sal_offer_get(work->tx, offer->row, offer);
                if (!status && offer->state == SAL_OFFER_OFFERED)
                        status = sal_machine_settle(work->engine, work->tx, &work->machine, offer, SAL_EVENT_REPOLLED,
                                                    SAL_CAUSE_NONE, &changed);
                else if (!status && (offer->state == SAL_OFFER_APPLIED || offer->state == SAL_OFFER_SUCCEEDED) &&
                         in_relapse_window(work, offer))
                        status = sal_machine_settle(work->engine, work->tx, &work->machine, offer, SAL_EVENT_RELAPSED,
                                                    SAL_CAUSE_NONE, &changed);
                if (status)
                        return status;
        }
        return read_offers(work);
}

/* Whether an offer of an undone campaign touched the machine. */
static bool touched_it(const struct sal_offer *offer) {
        switch (offer->state) {
        case SAL_OFFER_APPLIED:
        case SAL_OFFER_SUCCEEDED:
                return true;
        case SAL_OFFER_FAILED:
                return offer->cause == SAL_CAUSE_RELAPSED || offer->cause == SAL_CAUSE_SILENT ||
                       offer->cause == SAL_CAUSE_REPOLLED;
        default:
                return offer->late_applied;
        }
}

static enum sal_status undone_reached(struct poll_work *work, const char *undone_id, bool *ret) {
        *ret = false;
        for (size_t i = 0; i < work->offer_count && !*ret; i++) {
                struct sal_campaign_row row = {0};
                if (work->offers[i].incarnation != work->machine.incarnation || !touched_it(&work->offers[i]))
                        continue;
                enum sal_status status = sal_campaign_row_get_row(work->tx, work->offers[i].campaign_row, &row);
                if (status)
                        return status;
                *ret = strcmp(row.id, undone_id) == 0;
                sal_campaign_row_done(&row);
        }
        return SAL_OK;
}

static enum sal_status read_history(struct poll_work *work, const struct sal_live *live, struct sal_history *history) {
        for (size_t i = 0; i < work->offer_count; i++) {
                const struct sal_offer *offer = &work->offers[i];
                if (offer->campaign_row != live->row.row || offer->incarnation != work->machine.incarnation)
                        continue;
                if (!history->any) {
                        history->any = true;
                        history->state = offer->state;
                        history->cause = offer->cause;
                        history->same_boot = strcmp(offer->boot_id, work->poll->boot_id) == 0;
                }
                history->attempts += offer->state != SAL_OFFER_RECALLED;
                history->late_applied |= offer->late_applied;
        }
        const char *undone_id = live->launch->campaign->undoes;
        return undone_id ? undone_reached(work, undone_id, &history->undone_reached) : SAL_OK;
}

static enum sal_status candidate_of(struct poll_work *work, const struct sal_live *live, struct sal_candidate *ret) {
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t count = sal_cohorts_of(&live->launch->campaign->plan, work->poll->facts, cohorts);
        *ret = (struct sal_candidate){
                .campaign = live->launch->campaign,
                .state = live->row.state,
                .rings_open = (size_t)live->row.rings_open,
                .room = sal_tally_room(live->tally, sal_live_known_matching(live), sal_live_in_flight(live)),
                .cohort_held = sal_tally_held(live->tally, count, cohorts),
        };
        if (work->machine.anonymous && work->engine->anonymous_unsettled >= work->service->config.anonymous_offers_max)
                ret->room = false;
        return read_history(work, live, &ret->history);
}

/* What the machine holds, for the answer: index of the candidate to repeat, and the offer. */
static const struct sal_offer *describe_asker(const struct poll_work *work, struct sal_live *const *lives, size_t count,
                                              struct sal_asker *asker) {
        const struct sal_offer *held = NULL;
        for (size_t i = 0; i < work->offer_count; i++) {
                const struct sal_offer *offer = &work->offers[i];
                if (!sal_offer_unsettled(offer->state) || offer->incarnation != work->machine.incarnation)
                        continue;
                asker->holds_unsettled = true;
                if (offer->state == SAL_OFFER_APPLIED && strcmp(offer->boot_id, work->poll->boot_id) == 0)
                        asker->applied_this_boot = true;
                for (size_t n = 0; n < count && offer->state == SAL_OFFER_OFFERED; n++) {
                        bool drill = lives[n]->launch->campaign->drill;
                        if (lives[n]->row.row == offer->campaign_row && drill == (asker->reason == SAL_POLL_DRILL)) {
                                asker->repeat = (int)n;
                                held = offer;
                        }
                }
        }
        return held;
}

static enum sal_status repeat_offer(struct poll_work *work, const struct sal_offer *held) {
        struct sal_poll *poll = work->poll;
        poll->offer_row = held->row;
        poll->attempt = held->attempt;
        if (strcmp(held->boot_id, poll->boot_id) == 0)
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

static enum sal_status see(struct poll_work *work) {
        const struct sal_poll *poll = work->poll;
        if (work->machine.anonymous && !poll->answer.offer && !work->machine.row)
                return SAL_OK; /* a stranger without an offer leaves no row behind */
        struct sal_sighting sighting = {
                .facts_text = poll->facts_text, .boot_id = poll->boot_id, .at_ms = sal_tx_now_ms(work->tx)};
        sighting.standing = sal_standing_of(poll->reason, poll->answer.reason, poll->volume_locked,
                                            work->machine.standing, &sighting.standing_reason);
        return sal_machine_see(work->engine, work->tx, &work->machine, &sighting);
}

static enum sal_status decide(struct poll_work *work) {
        struct sal_poll *poll = work->poll;
        struct sal_live *lives[SAL_LIVE_CAMPAIGNS_MAX];
        struct sal_candidate candidates[SAL_LIVE_CAMPAIGNS_MAX];
        size_t count = 0;
        for (size_t i = 0; i < work->engine->count && count < SAL_LIVE_CAMPAIGNS_MAX; i++) {
                if (!sal_campaign_live(work->engine->live[i]->row.state))
                        continue;
                lives[count] = work->engine->live[i];
                enum sal_status status = candidate_of(work, lives[count], &candidates[count]);
                if (status)
                        return status;
                count++;
        }
        struct sal_asker asker = {.machine_id = work->machine.id,
                                  .pin = work->machine.pin,
                                  .opt_out = work->machine.opt_out,
                                  .anonymous = work->machine.anonymous,
                                  .reason = poll->reason,
                                  .facts = poll->facts,
                                  .repeat = -1};
        const struct sal_offer *held = describe_asker(work, lives, count, &asker);
        poll->answer = sal_answer(work->engine->kill_switch, &asker, candidates, count, sal_tx_now_ms(work->tx));
        snprintf(poll->detail, sizeof poll->detail, "%s", sal_reason_sentence(poll->answer.reason));
        enum sal_status status = see(work);
        if (status || poll->answer.reason != SAL_REASON_OFFERED)
                return status;
        struct sal_live *live = lives[poll->answer.candidate];
        status = poll->answer.offer ? make_offer(work, live, poll->answer.ring) : repeat_offer(work, held);
        if (!status)
                poll->launch = sal_launch_ref(live->launch);
        return status;
}

enum sal_status sal_poll_run(struct sal_service *service, struct sal_tx *tx, struct sal_poll *poll,
                             struct sal_err *reterr) {
        struct poll_work work = {.service = service, .engine = service->engine, .tx = tx, .poll = poll};
        enum sal_status status =
                sal_machine_admit(service, tx, poll->machine_id, &poll->identity, &work.machine, reterr);
        for (size_t i = 0; !status && i < poll->report_count; i++) {
                if (!poll->reports[i].valid)
                        continue;
                status = sal_report_take(work.engine, tx, &work.machine, &poll->reports[i], NULL);
                if (status == SAL_E_NOT_FOUND)
                        status = SAL_OK; /* a bad item never fails the poll */
        }
        if (!status)
                status = read_offers(&work);
        if (!status)
                status = settle_new_boot(&work);
        if (!status)
                status = decide(&work);
        free(work.offers);
        sal_machine_done(&work.machine);
        return status;
}
