/* SPDX-License-Identifier: Apache-2.0 */
#include "service/explain.h"

#include "base/clock.h"
#include "rollout/assign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* So many offers under way are looked at one by one: of one campaign, and over all of an explanation. */
enum { PENDING_MAX = 512, PENDING_BUDGET = 1024 };

/* So many decisions are looked back through for the one that counts: 1,000 cohort values may be held. */
enum { DECISIONS_LOOKED_AT = 2048 };

/* ---- offers ---- */

int64_t sal_explained_due_ms(const struct sal_act *act, const struct sal_offer *offer) {
        const struct sal_engine *engine = act->service->engine;
        const struct sal_live *live = sal_engine_by_row(act->service->engine, offer->campaign_row);
        if (offer->due_kind == SAL_DUE_NONE || !live || live->row.served_stopped_ms >= 0)
                return 0;
        return sal_tx_now_ms(act->tx) + offer->due_served_ms - sal_live_served_ms(engine, live, act->tx);
}

static enum sal_status put_offer(const struct sal_explanation *explanation, const struct sal_offer *offer,
                                 struct sal_explained_offer *ret) {
        struct sal_campaign_row row = {0};
        enum sal_status status = sal_campaign_row_get_row(explanation->act->tx, offer->campaign_row, &row);
        if (status)
                return status;
        sal_offer_id_format(offer->row, ret->id);
        snprintf(ret->campaign, sizeof ret->campaign, "%s", row.id);
        ret->words = (struct sal_words_offer){.id = ret->id,
                                              .campaign = ret->campaign,
                                              .version = row.version,
                                              .attempt = offer->attempt,
                                              .state = offer->state,
                                              .cause = offer->cause,
                                              .made_ms = offer->made_ms,
                                              .applied_ms = offer->applied_ms,
                                              .settled_ms = offer->settled_ms,
                                              .soaks = offer->due_kind == SAL_DUE_SOAKED,
                                              .due_ms = sal_explained_due_ms(explanation->act, offer)};
        sal_campaign_row_done(&row);
        return SAL_OK;
}

/* The newest offer of this campaign, and the one that is unsettled, of whatever campaign. */
static enum sal_status put_offers(const struct sal_explanation *explanation, struct sal_explained *ret) {
        const struct sal_offer_list *offers = &explanation->survey.offers;
        enum sal_status status = SAL_OK;
        for (size_t i = 0; !status && i < offers->count; i++) {
                const struct sal_offer *offer = &offers->items[i];
                if (offer->incarnation != explanation->machine->incarnation || offer->offline)
                        continue;
                if (!ret->why.holds && sal_offer_unsettled(offer->state)) {
                        status = put_offer(explanation, offer, &ret->holds);
                        ret->why.holds = &ret->holds.words;
                }
                if (!status && !ret->why.own && offer->campaign_row == ret->live->row.row) {
                        status = put_offer(explanation, offer, &ret->own);
                        ret->why.own = &ret->own.words;
                }
        }
        return status;
}

/* ---- decisions ---- */

/* The first that fits. */
struct search {
        const char *mark;   /* what the journal's text of such a decision holds */
        const char *cohort; /* NULL: any */
        json_t *json;
};

static bool see_decision(void *arg, const struct sal_journal_entry *entry) {
        struct search *search = arg;
        sal_autojson json_t *json = NULL;
        if (!entry->detail || !strstr(entry->detail, search->mark) ||
            sal_json_parse(entry->detail, strlen(entry->detail), SAL_JSON_MAX_DEPTH, &json, NULL))
                return true;
        const char *cohort = json_string_value(json_object_get(json, "cohort"));
        if (search->cohort && (!cohort || strcmp(cohort, search->cohort) != 0))
                return true;
        search->json = SAL_STEAL(json);
        return false;
}

static void read_decision(struct sal_explained *explained) {
        struct sal_words_decision *ret = &explained->decision;
        const json_t *json = explained->decision_json, *evidence = json_object_get(json, "evidence");
        const char *id = json_string_value(json_object_get(json, "id"));
        const char *rule = json_string_value(json_object_get(json, "rule"));
        const char *at = json_string_value(json_object_get(json, "at"));
        if (!id || !rule || !at || sal_time_parse(at, &ret->at_ms))
                return;
        ret->id = id;
        ret->rule = rule;
        ret->operator_name = json_string_value(json_object_get(json, "operator"));
        ret->reason = json_string_value(json_object_get(json, "reason"));
        ret->offered = json_integer_value(json_object_get(evidence, "offered"));
        ret->failed = json_integer_value(json_object_get(evidence, "failed"));
        ret->silent = json_integer_value(json_object_get(evidence, "silent"));
        ret->ln_e = json_number_value(json_object_get(evidence, "ln_e"));
        ret->bound = json_number_value(json_object_get(evidence, "bound"));
        explained->why.decision = ret;
}

/* The decision because of which it stands still: of a pause, of the halt, or of the hold. */
static enum sal_status put_decision(const struct sal_explanation *explanation, struct sal_explained *ret) {
        struct sal_tx *tx = explanation->act->tx;
        const struct sal_campaign_row *row = &ret->live->row;
        enum sal_campaign_state state = row->state;
        enum sal_status status = SAL_OK;
        struct search search = {.mark = "\"verdict\""};
        bool paused = state == SAL_CAMPAIGN_PAUSED;
        if (state == SAL_CAMPAIGN_HALTED && row->halt_decision) {
                status = sal_journal_each(tx, row->halt_decision - 1, 1, see_decision, &search);
        } else if (paused || ret->why.cohort) {
                search.mark = paused ? "\"verdict\":\"pause\"" : "\"verdict\":\"hold_cohort\"";
                search.cohort = paused ? NULL : ret->why.cohort;
                status = sal_journal_newest_decisions(tx, row->id, row->version, DECISIONS_LOOKED_AT, see_decision,
                                                      &search);
        }
        ret->decision_json = search.json;
        if (!status && search.json)
                read_decision(ret);
        return status;
}

static void put_cohort(const struct sal_explanation *explanation, struct sal_explained *ret) {
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t count = sal_cohorts_of(&ret->why.candidate->campaign->plan, explanation->facts, cohorts);
        for (size_t i = 0; i < count && !ret->why.cohort; i++) {
                if (!sal_tally_held(ret->live->tally, 1, &cohorts[i]))
                        continue;
                snprintf(ret->cohort, sizeof ret->cohort, "%s", cohorts[i]);
                ret->why.cohort = ret->cohort;
        }
}

/* ---- numbers ---- */

struct pending {
        struct sal_engine *engine;
        const struct sal_live *live;
        int64_t numbers[2 * PENDING_MAX];
        size_t count;
        int64_t seen;
};

static bool see_pending(void *arg, const struct sal_offer *stored) {
        struct pending *pending = arg;
        struct sal_offer offer = *stored;
        sal_offer_show_recalled(pending->engine, &offer);
        pending->seen++;
        if (offer.counted && !offer.excluded && offer.period == pending->live->row.period &&
            offer.stage == sal_tally_stage(pending->live->tally) && sal_offer_unsettled(offer.state))
                pending->numbers[pending->count++] = offer.slot_o;
        return true;
}

static enum sal_status put_prospect(struct sal_explanation *explanation, struct sal_explained *ret) {
        struct pending pending = {.engine = explanation->act->service->engine, .live = ret->live};
        enum sal_status status = SAL_OK;
        const struct sal_campaign *campaign = ret->why.candidate->campaign;
        const struct sal_machine *machine = explanation->machine;
        /* Nobody asks what opens the next ring when the machine's own is open. */
        bool shut =
                sal_ring_of(&campaign->plan, campaign->id, machine->id, machine->pin) >= ret->why.candidate->rings_open;
        int64_t unsettled = ret->live->row.unsettled;
        bool known = shut && unsettled <= PENDING_MAX && unsettled <= explanation->pending_budget;
        for (int state = SAL_OFFER_OFFERED; known && !status && state <= SAL_OFFER_APPLIED; state++)
                status = sal_offer_each(explanation->act->tx, ret->live->row.row, 0, state, PENDING_MAX, see_pending,
                                        &pending);
        explanation->pending_budget -= pending.seen;
        sal_tally_prospect(ret->live->tally, known ? pending.numbers : NULL, pending.count, &ret->why.prospect);
        return status;
}

static void put_limits(const struct sal_explanation *explanation, struct sal_explained *ret) {
        const struct sal_limits *limits = ret->live->limits;
        const struct sal_course course =
                sal_live_course(explanation->act->service->engine, ret->live, explanation->now_ms);
        ret->why.limited = sal_course_limited(&course);
        size_t next = ret->why.candidate->rings_open;
        ret->why.ring_opens_ms =
                next < ret->why.candidate->campaign->plan.ring_count ? sal_limits_opens_ms(limits, next) : INT64_MIN;
        ret->why.cap_is_limited = ret->why.cap == (double)sal_limits_in_flight_max(limits);
}

static void put_numbers(const struct sal_explanation *explanation, struct sal_explained *ret) {
        const struct sal_service *service = explanation->act->service;
        struct sal_lull lull = sal_live_lull(service->engine, explanation->act->tx, ret->live);
        ret->why.in_flight = sal_live_in_flight(ret->live);
        ret->why.known_matching = sal_live_known_matching(ret->live);
        ret->why.cap = sal_live_cap(service->engine, ret->live);
        ret->why.excess = sal_tally_excess(ret->live->tally);
        ret->why.anonymous_room = service->config.anonymous_offers_max - service->engine->anonymous_unsettled;
        ret->why.waiting_open = lull.waiting_open;
        ret->why.fleet_counted = lull.fleet_counted;
        ret->why.idle_seconds = lull.idle_ms / 1000;
}

/* ---- one campaign, all campaigns ---- */

static enum sal_status gather_campaign(struct sal_explanation *explanation, size_t n) {
        struct sal_survey *survey = &explanation->survey;
        struct sal_explained *ret = &explanation->campaigns[n];
        struct sal_asker asker = survey->asker;
        asker.repeat = asker.repeat == (int)n ? 0 : -1;
        ret->live = survey->lives[n];
        ret->why = (struct sal_why){.candidate = &survey->candidates[n],
                                    .asker = &survey->asker,
                                    .matches = sal_candidate_matches(&survey->candidates[n], &survey->asker),
                                    .now_ms = explanation->now_ms};
        /* The answer that a poll would get were this campaign the only one. */
        ret->why.answer = sal_answer(survey->service->engine->kill_switch, &asker, &survey->candidates[n], 1,
                                     explanation->now_ms);
        if (sal_selector_why(ret->why.candidate->campaign->match, explanation->facts, &ret->mismatch))
                ret->why.mismatch = &ret->mismatch;
        if (ret->live->barred[0])
                ret->why.barred = ret->live->barred;
        put_numbers(explanation, ret);
        put_limits(explanation, ret);
        if (ret->why.candidate->cohort_held)
                put_cohort(explanation, ret);
        enum sal_status status = put_offers(explanation, ret);
        if (!status)
                status = put_decision(explanation, ret);
        if (!status)
                status = put_prospect(explanation, ret);
        return status;
}

/* A machine that asks in earnest gives its drill back before it is answered. */
static void show_drills_given_back(struct sal_survey *survey) {
        for (size_t i = 0; i < survey->offers.count; i++) {
                struct sal_offer *offer = &survey->offers.items[i];
                if (!sal_offer_gives_way(survey->service->engine, offer))
                        continue;
                offer->state = SAL_OFFER_RECALLED;
                offer->cause = SAL_CAUSE_SUPERSEDED;
        }
}

enum sal_status sal_explanation_gather(const struct sal_act *act, const struct sal_machine *machine,
                                       struct sal_explanation *ret) {
        *ret = (struct sal_explanation){
                .act = act, .machine = machine, .pending_budget = PENDING_BUDGET, .now_ms = sal_tx_now_ms(act->tx)};
        enum sal_status status = machine->facts ? sal_facts_parse_text(machine->facts, &ret->facts) : SAL_OK;
        /* As the boot that it was last seen in would ask. */
        ret->survey = (struct sal_survey){
                .service = act->service, .tx = act->tx, .machine = machine, .boot_id = machine->boot_id};
        ret->survey.asker.reason = SAL_POLL_BOOT_FAILURE;
        ret->survey.asker.facts = ret->facts;
        if (!status)
                status = sal_survey_offers(&ret->survey);
        show_drills_given_back(&ret->survey);
        if (!status)
                status = sal_survey_campaigns(&ret->survey);
        if (status)
                return status;
        ret->answer = sal_answer(act->service->engine->kill_switch, &ret->survey.asker, ret->survey.candidates,
                                 ret->survey.count, ret->now_ms);
        ret->campaigns = calloc(ret->survey.count ? ret->survey.count : 1, sizeof *ret->campaigns);
        if (!ret->campaigns)
                return SAL_E_NOMEM;
        for (size_t n = 0; !status && n < ret->survey.count; n++)
                status = gather_campaign(ret, n);
        return status;
}

void sal_explanation_done(struct sal_explanation *explanation) {
        for (size_t n = 0; explanation->campaigns && n < explanation->survey.count; n++)
                json_decref(explanation->campaigns[n].decision_json);
        free(explanation->campaigns);
        explanation->campaigns = NULL;
        sal_survey_done(&explanation->survey);
        sal_facts_free(explanation->facts);
        explanation->facts = NULL;
}

enum sal_status sal_fleet_explain(const struct sal_act *act, const char *machine_id, json_t **ret,
                                  struct sal_err *reterr) {
        struct sal_machine machine = {0};
        enum sal_status status = sal_machine_get(act->tx, machine_id, &machine);
        if (status == SAL_E_NOT_FOUND || (!status && machine.deleted)) {
                sal_machine_done(&machine);
                return sal_fail(reterr, SAL_E_NOT_FOUND, "there is no machine %s", machine_id);
        }
        struct sal_explanation explanation = {0};
        if (!status)
                status = sal_explanation_gather(act, &machine, &explanation);
        if (!status) {
                *ret = sal_explanation_view(&explanation);
                status = *ret ? SAL_OK : SAL_E_NOMEM;
        }
        sal_explanation_done(&explanation);
        sal_machine_done(&machine);
        return status;
}
