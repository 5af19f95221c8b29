/* SPDX-License-Identifier: Apache-2.0 */
#include "service/survey.h"
#include "service/views.h"

#include "rollout/assign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- why a machine is (not) getting it ---- */

static json_t *explain_campaign(const struct sal_survey *survey, size_t n, int64_t now_ms) {
        const struct sal_candidate *candidate = &survey->candidates[n];
        const struct sal_live *live = survey->lives[n];
        const struct sal_plan *plan = &candidate->campaign->plan;
        size_t ring = sal_ring_of(plan, candidate->campaign->id, survey->machine->id, survey->machine->pin);
        bool matches = sal_candidate_matches(candidate, &survey->asker);
        /* The answer that a poll would get were this campaign the only one. */
        struct sal_asker asker = survey->asker;
        asker.repeat = asker.repeat == (int)n ? 0 : -1;
        struct sal_answer answer = sal_answer(survey->service->engine->kill_switch, &asker, candidate, 1, now_ms);
        double cap = sal_tally_cap(live->tally, sal_live_known_matching(live));
        json_t *view =
                json_pack("{s:s, s:I, s:s, s:b, s:s, s:b, s:s, s:s, s:s, s:I, s:I, s:f, s:I}", "campaign",
                          candidate->campaign->id, "version", (json_int_t)candidate->campaign->version, "state",
                          sal_campaign_state_name(candidate->state), "matches", (int)matches, "ring",
                          plan->rings[ring].name, "ring_open", (int)(ring < candidate->rings_open), "directive",
                          sal_directive_name(answer.directive), "reason", sal_reason_name(answer.reason), "detail",
                          sal_answer_sentence(&answer, candidate, (char[SAL_ANSWER_SENTENCE_BYTES]){0}), "attempts", (json_int_t)candidate->history.attempts,
                          "in_flight", (json_int_t)sal_live_in_flight(live), "cap", cap, "max_attempts",
                          (json_int_t)plan->max_attempts);
        if (view && live->barred[0])
                json_object_set_new(view, "not_allowed", json_string(live->barred));
        return view;
}

enum sal_status sal_fleet_explain(const struct sal_act *act, const char *machine_id, json_t **ret,
                                  struct sal_err *reterr) {
        struct sal_machine machine = {0};
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        enum sal_status status = sal_machine_get(act->tx, machine_id, &machine);
        if (status == SAL_E_NOT_FOUND || (!status && machine.deleted)) {
                sal_machine_done(&machine);
                return sal_fail(reterr, SAL_E_NOT_FOUND, "there is no machine %s", machine_id);
        }
        if (!status && machine.facts)
                status = sal_facts_parse_text(machine.facts, &facts);
        struct sal_survey survey = {.service = act->service, .tx = act->tx, .machine = &machine, .boot_id = ""};
        survey.asker.reason = SAL_POLL_BOOT_FAILURE;
        survey.asker.facts = facts;
        if (!status)
                status = sal_survey_offers(&survey);
        if (!status)
                status = sal_survey_campaigns(&survey);
        if (!status) {
                int64_t now_ms = sal_tx_now_ms(act->tx);
                struct sal_answer answer = sal_answer(act->service->engine->kill_switch, &survey.asker,
                                                      survey.candidates, survey.count, now_ms);
                json_t *campaigns = json_array();
                for (size_t n = 0; n < survey.count; n++)
                        json_array_append_new(campaigns, explain_campaign(&survey, n, now_ms));
                *ret = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "machine_id", machine.id, "directive",
                                 sal_directive_name(answer.directive), "reason", sal_reason_name(answer.reason),
                                 "detail", sal_answer_sentence(&answer, survey.candidates, (char[SAL_ANSWER_SENTENCE_BYTES]){0}), "machine",
                                 sal_view_machine(&machine), "campaigns", campaigns);
                status = *ret ? SAL_OK : SAL_E_NOMEM;
        }
        sal_survey_done(&survey);
        sal_machine_done(&machine);
        return status;
}

/* ---- preview: whom a campaign would reach ---- */

enum { LOOKED_AT_MAX = 2000, SAMPLE_MAX = 20 };

struct preview {
        const struct sal_campaign *campaign;
        int64_t rings[SAL_PLAN_MAX_RINGS];
        int64_t looked_at, matching, opted_out, last;
        json_t *sample;
};

static bool preview_machine(void *arg, const struct sal_machine *machine) {
        struct preview *preview = arg;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        preview->looked_at++;
        preview->last = machine->row;
        if (!machine->facts || sal_facts_parse_text(machine->facts, &facts) ||
            !sal_selector_match(preview->campaign->match, facts))
                return true;
        if (machine->opt_out) {
                preview->opted_out++;
                return true;
        }
        const struct sal_plan *plan = &preview->campaign->plan;
        size_t ring = sal_ring_of(plan, preview->campaign->id, machine->id, machine->pin);
        preview->rings[ring]++;
        preview->matching++;
        if (json_array_size(preview->sample) < SAMPLE_MAX)
                json_array_append_new(preview->sample, json_pack("{s:s, s:s}", "machine_id", machine->id, "ring",
                                                                 plan->rings[ring].name));
        return true;
}

enum sal_status sal_campaign_preview(const struct sal_act *act, const char *id, int64_t version,
                                     const struct sal_page *page, json_t **ret, struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        int64_t after = 0;
        enum sal_status status = sal_view_cursor(page, &after, reterr);
        if (!status)
                status = sal_campaign_row_get(act->tx, id, version, true, &row);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is no campaign %s@%" PRId64, id, version);
        if (!status)
                status = sal_campaign_parse(row.payload, row.payload_len, &campaign, reterr);
        sal_campaign_row_done(&row);
        if (status)
                return status;
        struct preview preview = {.campaign = campaign, .sample = json_array()};
        status = sal_machine_each(act->tx, after, -1, LOOKED_AT_MAX, preview_machine, &preview);
        json_t *rings = json_array();
        for (size_t i = 0; i < campaign->plan.ring_count; i++)
                json_array_append_new(rings, json_pack("{s:s, s:I}", "name", campaign->plan.rings[i].name, "matching",
                                                       (json_int_t)preview.rings[i]));
        char cursor[24];
        snprintf(cursor, sizeof cursor, "%" PRId64, preview.last);
        *ret = json_pack("{s:I, s:I, s:I, s:o, s:o, s:s?}", "looked_at", (json_int_t)preview.looked_at, "matching",
                         (json_int_t)preview.matching, "opted_out", (json_int_t)preview.opted_out, "rings", rings,
                         "sample", preview.sample, "next_cursor", preview.looked_at == LOOKED_AT_MAX ? cursor : NULL);
        return !status && !*ret ? SAL_E_NOMEM : status;
}
