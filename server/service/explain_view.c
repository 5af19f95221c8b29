/* SPDX-License-Identifier: Apache-2.0 */
#include "service/explain.h"
#include "service/views.h"

#include "rollout/assign.h"

#include <stdio.h>
#include <string.h>

enum { OFFERS_SHOWN = 10 };

static json_t *sentence_of(const struct sal_why *why) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_why_sentence(why, &text);
        return text.failed ? NULL : json_stringn(text.data, text.len);
}

/* How it came to its ring. */
static json_t *ring_view(const struct sal_explained *explained, const struct sal_machine *machine, size_t ring) {
        double from, to;
        if (machine->pin[0])
                return json_pack("{s:s}", "pin", machine->pin);
        sal_ring_interval(&explained->why.candidate->campaign->plan, ring, &from, &to);
        return json_pack("{s:f, s:f, s:f}", "u", sal_ring_position(explained->why.candidate->campaign->id, machine->id),
                         "from", from, "to", to);
}

static json_t *open_rings(const struct sal_candidate *candidate) {
        json_t *names = json_array();
        for (size_t i = 0; i < candidate->rings_open && i < candidate->campaign->plan.ring_count; i++)
                json_array_append_new(names, json_string(candidate->campaign->plan.rings[i].name));
        return names;
}

static json_t *mismatch_view(const struct sal_explained *explained, const struct sal_facts *facts) {
        const struct sal_selector_why *why = explained->why.mismatch;
        const struct sal_fact *fact = why->fact[0] ? sal_facts_get(facts, why->fact) : NULL;
        char pointer[SAL_SELECTOR_POINTER_BYTES + sizeof "/match"];
        snprintf(pointer, sizeof pointer, "/match%s", why->pointer);
        return json_pack("{s:s, s:s?, s:s?, s:s}", "pointer", pointer, "fact", why->fact[0] ? why->fact : NULL, "value",
                         fact ? fact->text : NULL, "text", why->text);
}

/* A count that may be unknown. */
static json_t *count_or_null(int64_t count) {
        return count < 0 ? json_null() : json_integer(count);
}

/* What has to happen until the next ring opens. */
static json_t *next_view(const struct sal_why *why) {
        const struct sal_plan *plan = &why->candidate->campaign->plan;
        const struct sal_prospect *prospect = &why->prospect;
        json_t *next = json_pack("{s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:f, s:f, s:I, s:I, s:b}", "ring",
                                 plan->rings[why->candidate->rings_open].name, "manual", (int)plan->manual_advance,
                                 "stage", plan->rings[prospect->stage].name, "made", (json_int_t)prospect->made,
                                 "first", (json_int_t)prospect->first, "needed", (json_int_t)prospect->needed, "well",
                                 (json_int_t)prospect->well, "failed", count_or_null(prospect->failed), "pending",
                                 count_or_null(prospect->pending), "ln_v", prospect->ln_v, "bound", prospect->bound,
                                 "idle_seconds", (json_int_t)why->idle_seconds, "waiting",
                                 (json_int_t)why->waiting_open, "fleet_counted", (int)why->fleet_counted);
        if (next && plan->patience_seconds >= 0)
                json_object_set_new(next, "patience_seconds", json_integer(plan->patience_seconds));
        if (next && why->limited)
                json_object_set_new(next, "limited", json_true());
        if (next && why->ring_opens_ms > why->now_ms)
                json_object_set_new(next, "not_before", sal_view_time(why->ring_opens_ms));
        return next;
}

static json_t *offer_view(const struct sal_explanation *explanation, const struct sal_plan *plan,
                          const struct sal_offer *offer) {
        json_t *view = sal_view_offer(explanation->act, plan, offer, false);
        json_object_set_new(view, "incarnation", json_integer(offer->incarnation));
        if (offer->due_kind != SAL_DUE_NONE && sal_offer_unsettled(offer->state))
                json_object_set_new(view, "due",
                                    json_pack("{s:s, s:o}", "then",
                                              offer->due_kind == SAL_DUE_SOAKED ? "succeeded" : "silent", "at",
                                              sal_view_time(sal_explained_due_ms(explanation->act, offer))));
        return view;
}

/* Newest first. */
static json_t *offers_view(const struct sal_explanation *explanation, const struct sal_explained *explained) {
        const struct sal_offer_list *offers = &explanation->survey.offers;
        json_t *list = json_array();
        for (size_t i = 0; i < offers->count && json_array_size(list) < OFFERS_SHOWN; i++)
                if (offers->items[i].campaign_row == explained->live->row.row)
                        json_array_append_new(list, offer_view(explanation, &explained->why.candidate->campaign->plan,
                                                               &offers->items[i]));
        return list;
}

static void add_more(const struct sal_explanation *explanation, const struct sal_explained *explained, bool ring_open,
                     json_t *view) {
        const struct sal_why *why = &explained->why;
        if (why->mismatch)
                json_object_set_new(view, "mismatch", mismatch_view(explained, explanation->facts));
        if (why->candidate->campaign->undoes)
                json_object_set_new(view, "undoes", json_string(why->candidate->campaign->undoes));
        if (!ring_open)
                json_object_set_new(view, "next", next_view(why));
        if (explained->decision_json)
                json_object_set(view, "decision", explained->decision_json);
        if (why->cohort)
                json_object_set_new(view, "held_cohort", json_string(why->cohort));
        if (why->barred)
                json_object_set_new(view, "not_allowed", json_string(why->barred));
        if (why->candidate->outside)
                json_object_set_new(view, "limited_out", json_true());
        if (why->candidate->window_opens_ms)
                json_object_set_new(view, "window_opens", sal_view_time(why->candidate->window_opens_ms));
}

static json_t *campaign_view(const struct sal_explanation *explanation, size_t n) {
        const struct sal_explained *explained = &explanation->campaigns[n];
        const struct sal_why *why = &explained->why;
        const struct sal_candidate *candidate = why->candidate;
        const struct sal_plan *plan = &candidate->campaign->plan;
        const struct sal_machine *machine = explanation->machine;
        size_t ring = sal_ring_of(plan, candidate->campaign->id, machine->id, machine->pin);
        bool ring_open = ring < candidate->rings_open;
        char detail[SAL_ANSWER_SENTENCE_BYTES];
        json_t *view = json_pack(
                "{s:s, s:I, s:I, s:s, s:b, s:b, s:s, s:o, s:b, s:o, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:f, s:f, "
                "s:I, s:o}",
                "campaign", candidate->campaign->id, "version", (json_int_t)candidate->campaign->version, "rank",
                (json_int_t)n + 1, "state", sal_campaign_state_name(candidate->state), "drill",
                (int)candidate->campaign->drill, "matches", (int)why->matches, "ring", plan->rings[ring].name,
                "ring_by", ring_view(explained, machine, ring), "ring_open", (int)ring_open, "rings_open",
                open_rings(candidate), "stage", plan->rings[why->prospect.stage].name, "directive",
                sal_directive_name(why->answer.directive), "reason", sal_reason_name(why->answer.reason), "detail",
                sal_answer_sentence(&why->answer, candidate, detail), "sentence", sentence_of(why), "attempts",
                (json_int_t)candidate->history.attempts, "max_attempts", (json_int_t)plan->max_attempts, "in_flight",
                (json_int_t)why->in_flight, "cap", why->cap, "excess", why->excess, "known_matching",
                (json_int_t)why->known_matching, "offers", offers_view(explanation, explained));
        if (view)
                add_more(explanation, explained, ring_open, view);
        return view;
}

/* Of the boots that it was seen in, newest first. */
static json_t *boots_view(const struct sal_machine *machine) {
        json_t *boots = json_array();
        if (machine->boot_id[0])
                json_array_append_new(boots, json_string(machine->boot_id));
        for (int i = 0; i < SAL_EARLIER_BOOTS && machine->earlier_boots[i][0]; i++)
                json_array_append_new(boots, json_string(machine->earlier_boots[i]));
        return boots;
}

/* What the reader has to know beside the answer. */
static json_t *notes_view(const struct sal_explanation *explanation) {
        const struct sal_machine *machine = explanation->machine;
        const struct sal_fact *locked = sal_facts_get(explanation->facts, "volume_locked");
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        json_t *notes = json_array();
        if (sal_why_facts_note(machine->facts != NULL, machine->last_seen_ms, explanation->now_ms, &text))
                json_array_append_new(notes, json_string(text.data));
        if (locked && strcmp(locked->text, "true") == 0)
                json_array_append_new(notes, json_string("Its volume is locked: somebody has to unlock it there."));
        if (machine->anonymous)
                json_array_append_new(notes, json_string("It was seen without a credential only."));
        return notes;
}

static json_t *headline_of(const struct sal_explanation *explanation) {
        size_t count = explanation->survey.count;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_autofree struct sal_why *campaigns = calloc(count ? count : 1, sizeof *campaigns);
        if (!campaigns)
                return NULL;
        for (size_t n = 0; n < count; n++)
                campaigns[n] = explanation->campaigns[n].why;
        struct sal_why_all all = {.answer = explanation->answer,
                                  .campaigns = campaigns,
                                  .count = count,
                                  .kill_reason = explanation->act->service->engine->kill_reason};
        sal_why_headline(&all, &text);
        return text.failed ? NULL : json_stringn(text.data, text.len);
}

json_t *sal_explanation_view(const struct sal_explanation *explanation) {
        const struct sal_answer *answer = &explanation->answer;
        char detail[SAL_ANSWER_SENTENCE_BYTES];
        json_t *campaigns = json_array();
        for (size_t n = 0; n < explanation->survey.count; n++)
                json_array_append_new(campaigns, campaign_view(explanation, n));
        json_t *view =
                json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "machine_id", explanation->machine->id,
                          "directive", sal_directive_name(answer->directive), "reason", sal_reason_name(answer->reason),
                          "detail", sal_answer_sentence(answer, explanation->survey.candidates, detail), "sentence",
                          headline_of(explanation), "notes", notes_view(explanation), "machine",
                          sal_view_machine(explanation->machine), "boots", boots_view(explanation->machine),
                          "campaigns", campaigns);
        if (view && answer->candidate >= 0) {
                const struct sal_campaign *about = explanation->survey.candidates[answer->candidate].campaign;
                json_object_set_new(view, "campaign", json_string(about->id));
                json_object_set_new(view, "version", json_integer(about->version));
        }
        return view;
}
