/* SPDX-License-Identifier: Apache-2.0 */
#include "service/survey.h"

#include <string.h>

void sal_survey_done(struct sal_survey *survey) {
        sal_offer_list_done(&survey->offers);
}

enum sal_status sal_survey_offers(struct sal_survey *survey) {
        sal_offer_list_clear(&survey->offers);
        if (!survey->machine->row)
                return SAL_OK;
        enum sal_status status =
                sal_offer_each_of_machine(survey->tx, survey->machine->row, 0, 0, sal_offer_list_add, &survey->offers);
        for (size_t i = 0; i < survey->offers.count; i++)
                sal_offer_show_recalled(survey->service->engine, &survey->offers.items[i]);
        return sal_offer_list_status(&survey->offers, status);
}

/* Whether an offer of an undone campaign touched the machine. */
static bool touched_it(const struct sal_offer *offer) {
        if (offer->late_applied)
                return true;
        switch (offer->state) {
        case SAL_OFFER_APPLIED:
        case SAL_OFFER_SUCCEEDED:
                return true;
        case SAL_OFFER_FAILED:
                return offer->cause == SAL_CAUSE_RELAPSED || offer->cause == SAL_CAUSE_SILENT ||
                       offer->cause == SAL_CAUSE_REPOLLED;
        default:
                return false;
        }
}

enum sal_status sal_offer_touched(struct sal_tx *tx, const struct sal_offer *offer, const struct sal_machine *machine,
                                  const char *campaign_id, bool *ret) {
        struct sal_campaign_row row = {0};
        *ret = false;
        if (offer->incarnation != machine->incarnation || !touched_it(offer))
                return SAL_OK;
        enum sal_status status = sal_campaign_row_get_row(tx, offer->campaign_row, &row);
        if (status)
                return status;
        *ret = strcmp(row.id, campaign_id) == 0;
        sal_campaign_row_done(&row);
        return SAL_OK;
}

bool sal_offer_gives_way(const struct sal_engine *engine, const struct sal_offer *offer) {
        const struct sal_live *live = sal_engine_by_row((struct sal_engine *)engine, offer->campaign_row);
        return offer->state == SAL_OFFER_OFFERED && live && live->launch->campaign->drill;
}

static enum sal_status undone_reached(struct sal_survey *survey, const char *undone_id, bool *ret) {
        enum sal_status status = SAL_OK;
        *ret = false;
        for (size_t i = 0; !status && i < survey->offers.count && !*ret; i++)
                status = sal_offer_touched(survey->tx, &survey->offers.items[i], survey->machine, undone_id, ret);
        return status;
}

static enum sal_status read_history(struct sal_survey *survey, const struct sal_live *live,
                                    struct sal_history *history) {
        for (size_t i = 0; i < survey->offers.count; i++) {
                const struct sal_offer *offer = &survey->offers.items[i];
                if (offer->campaign_row != live->row.row || offer->incarnation != survey->machine->incarnation)
                        continue;
                if (offer->offline) {
                        history->applied_offline |= offer->state == SAL_OFFER_SUCCEEDED;
                        continue;
                }
                if (!history->any) {
                        history->any = true;
                        history->state = offer->state;
                        history->cause = offer->cause;
                        history->same_boot = strcmp(offer->boot_id, survey->boot_id) == 0;
                }
                history->attempts += offer->state != SAL_OFFER_RECALLED;
                history->late_applied |= offer->late_applied;
        }
        const char *undone_id = live->launch->campaign->undoes;
        return undone_id ? undone_reached(survey, undone_id, &history->undone_reached) : SAL_OK;
}

/* An operator's limits. Nobody vouches for the name of an anonymous machine, so no list of names holds it. */
static void survey_limits(const struct sal_survey *survey, const struct sal_live *live, struct sal_candidate *ret) {
        const struct sal_machine *machine = survey->machine;
        int64_t now_ms = sal_tx_now_ms(survey->tx);
        ret->outside = sal_limits_narrows(live->limits) &&
                       (machine->anonymous || !sal_limits_reach_text(live->limits, machine->id, machine->labels));
        if (!sal_limits_window_open(live->limits, now_ms))
                ret->window_opens_ms = sal_limits_window_opens_ms(live->limits, now_ms);
}

static enum sal_status candidate_of(struct sal_survey *survey, const struct sal_live *live, struct sal_candidate *ret) {
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t count = sal_cohorts_of(&live->launch->campaign->plan, survey->asker.facts, cohorts);
        *ret = (struct sal_candidate){
                .campaign = live->launch->campaign,
                .state = live->row.state,
                .rings_open = (size_t)live->row.rings_open,
                .room = sal_live_room(survey->service->engine, live),
                .cohort_held = sal_tally_held(live->tally, count, cohorts),
                .unlisted = !sal_service_lists(survey->service, live->launch),
        };
        if (survey->machine->anonymous &&
            survey->service->engine->anonymous_unsettled >= survey->service->config.anonymous_offers_max)
                ret->room = false;
        survey_limits(survey, live, ret);
        return read_history(survey, live, &ret->history);
}

/* What the machine holds: whether an offer is unsettled, applied in this boot, or to be repeated. */
static void survey_holdings(struct sal_survey *survey) {
        struct sal_asker *asker = &survey->asker;
        for (size_t i = 0; i < survey->offers.count; i++) {
                const struct sal_offer *offer = &survey->offers.items[i];
                if (!sal_offer_unsettled(offer->state) || offer->incarnation != survey->machine->incarnation)
                        continue;
                asker->holds_unsettled = true;
                if (offer->state == SAL_OFFER_APPLIED && strcmp(offer->boot_id, survey->boot_id) == 0)
                        asker->applied_this_boot = true;
                for (size_t n = 0; n < survey->count && offer->state == SAL_OFFER_OFFERED; n++) {
                        bool drill = survey->lives[n]->launch->campaign->drill;
                        if (survey->lives[n]->row.row == offer->campaign_row &&
                            drill == (asker->reason == SAL_POLL_DRILL)) {
                                asker->repeat = (int)n;
                                survey->held = offer;
                        }
                }
        }
}

enum sal_status sal_survey_campaigns(struct sal_survey *survey) {
        struct sal_engine *engine = survey->service->engine;
        survey->count = 0;
        for (size_t i = 0; i < engine->count && survey->count < SAL_LIVE_CAMPAIGNS_MAX; i++) {
                if (!sal_campaign_live(engine->live[i]->row.state))
                        continue;
                survey->lives[survey->count] = engine->live[i];
                enum sal_status status = candidate_of(survey, engine->live[i], &survey->candidates[survey->count]);
                if (status)
                        return status;
                survey->count++;
        }
        survey->asker.machine_id = survey->machine->id;
        survey->asker.pin = survey->machine->pin;
        survey->asker.opt_out = survey->machine->opt_out;
        survey->asker.anonymous = survey->machine->anonymous;
        survey->asker.repeat = -1;
        survey_holdings(survey);
        return SAL_OK;
}
