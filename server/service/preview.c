/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preview: whom a campaign would reach, of the machines that are known. It looks at the fleet piece by piece, so that
 * no piece holds the ledger for long; who asks sums the pages.
 */
#include "service/limits.h"
#include "service/survey.h"
#include "service/views.h"

#include "rollout/assign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
        /* What a page may cost, in machines with few facts and a small selector (some 5 us each): a machine costs one,
         * and more for long facts and for a selector of many values; reading its offers costs more, too. */
        PAGE_COST = 500,
        FACTS_BYTES_PER_COST = 512,
        SELECTOR_SIZE_PER_COST = 64,
        OFFERS_COST = 4,
        SAMPLE_MAX = 20,
        REASONS_MAX = 2 * SAL_SELECTOR_MAX_NODES + 2, /* each part of a selector, by the fact missing or another one */
        CURSOR_DIGITS = 18
};

struct reason {
        char pointer[SAL_SELECTOR_POINTER_BYTES + sizeof "/match"];
        bool missing;
        char text[SAL_SELECTOR_WHY_BYTES];
        int64_t machines;
};

struct preview {
        const struct sal_act *act;
        const struct sal_campaign *campaign;
        int64_t campaign_row;
        const struct sal_live *live; /* NULL: it is not live */
        bool filter_tells;           /* the filter knows every machine that has something behind it */
        const struct sal_limits *limits;
        int64_t selector_cost, cost, last, before; /* matching machines of the pages before */
        int64_t rings[SAL_PLAN_MAX_RINGS];
        int64_t looked_at, matching, not_matching, opted_out, limited_out, anonymous;
        /* Of those that match: */
        int64_t offered, done, exhausted, not_applicable, holds_another, cohort_held;
        struct reason reasons[REASONS_MAX];
        size_t reason_count;
        json_t *sample;
        enum sal_status status;
};

/* ---- who does not match, and why ---- */

static void count_reason(struct preview *preview, const char *pointer, bool missing, const char *text) {
        size_t i = 0;
        preview->not_matching++;
        while (i < preview->reason_count &&
               (preview->reasons[i].missing != missing || strcmp(preview->reasons[i].pointer, pointer) != 0))
                i++;
        if (i == REASONS_MAX)
                return;
        struct reason *reason = &preview->reasons[i];
        if (i == preview->reason_count) {
                preview->reason_count++;
                reason->missing = missing;
                snprintf(reason->pointer, sizeof reason->pointer, "%s", pointer);
                snprintf(reason->text, sizeof reason->text, "%s", text);
        }
        reason->machines++;
}

static bool matches(struct preview *preview, const struct sal_facts *facts) {
        struct sal_selector_why why;
        char pointer[sizeof preview->reasons[0].pointer];
        if (!sal_selector_why(preview->campaign->match, facts, &why))
                return true;
        snprintf(pointer, sizeof pointer, "/match%s", why.pointer);
        count_reason(preview, pointer, why.missing, why.rule);
        return false;
}

/* ---- what a machine that matches has behind it ---- */

struct past {
        struct preview *preview;
        const struct sal_machine *machine;
        bool any, seen, touched;
        bool holds_another;
        bool done;
        int64_t attempts;
        enum sal_offer_state state; /* of its newest offer of this campaign */
};

static bool see_offer(void *arg, const struct sal_offer *stored) {
        struct past *past = arg;
        struct preview *preview = past->preview;
        struct sal_offer offer = *stored;
        preview->cost++;
        sal_offer_show_recalled(preview->act->service->engine, &offer);
        if (preview->campaign->undoes && !past->touched)
                preview->status = sal_offer_touched(preview->act->tx, &offer, past->machine, preview->campaign->undoes,
                                                    &past->touched);
        if (offer.incarnation != past->machine->incarnation)
                return !preview->status;
        if (offer.campaign_row != preview->campaign_row) {
                past->holds_another |= sal_offer_unsettled(offer.state);
                return !preview->status;
        }
        past->done |= offer.late_applied || offer.state == SAL_OFFER_SUCCEEDED || offer.state == SAL_OFFER_APPLIED;
        if (!past->seen && !offer.offline) { /* newest first */
                past->seen = true;
                past->state = offer.state;
        }
        past->attempts += !offer.offline && offer.state != SAL_OFFER_RECALLED;
        return !preview->status;
}

static void read_past(struct preview *preview, const struct sal_machine *machine, struct past *past) {
        *past = (struct past){.preview = preview, .machine = machine};
        if (preview->filter_tells && !sal_filter_test(preview->act->service->filter, machine->id))
                return;
        preview->cost += OFFERS_COST;
        enum sal_status status = sal_offer_each_of_machine(preview->act->tx, machine->row, 0, 0, see_offer, past);
        if (!preview->status)
                preview->status = status;
}

static void count_past(struct preview *preview, const struct past *past) {
        const struct sal_plan *plan = &preview->campaign->plan;
        if (past->done)
                preview->done++;
        else if (past->seen && past->state == SAL_OFFER_OFFERED)
                preview->offered++;
        else if (past->seen && past->state == SAL_OFFER_NOT_APPLICABLE)
                preview->not_applicable++;
        else if (past->attempts >= plan->max_attempts)
                preview->exhausted++;
        else if (past->holds_another)
                preview->holds_another++;
}

static bool cohort_held(const struct preview *preview, const struct sal_facts *facts) {
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        if (!preview->live)
                return false;
        size_t count = sal_cohorts_of(&preview->campaign->plan, facts, cohorts);
        return sal_tally_held(preview->live->tally, count, cohorts);
}

/* ---- a piece of the fleet ---- */

static void look_at(struct preview *preview, const struct sal_machine *machine) {
        const struct sal_plan *plan = &preview->campaign->plan;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        struct past past;
        if (machine->facts && (preview->status = sal_facts_parse_text(machine->facts, &facts)))
                return;
        if (!matches(preview, facts))
                return;
        read_past(preview, machine, &past);
        if (preview->campaign->undoes && !past.touched) {
                char text[SAL_CAMPAIGN_ID_BYTES + 32];
                snprintf(text, sizeof text, "was not touched by %s", preview->campaign->undoes);
                count_reason(preview, "/undoes", false, text);
        } else if (machine->opt_out) {
                preview->opted_out++;
        } else if (machine->anonymous) {
                preview->anonymous++;
        } else if (sal_limits_narrows(preview->limits) &&
                   !sal_limits_reach_text(preview->limits, machine->id, machine->labels)) {
                preview->limited_out++;
        } else {
                size_t ring = sal_ring_of(plan, preview->campaign->id, machine->id, machine->pin);
                preview->rings[ring]++;
                preview->matching++;
                preview->cohort_held += cohort_held(preview, facts);
                count_past(preview, &past);
                if (json_array_size(preview->sample) < SAMPLE_MAX)
                        json_array_append_new(preview->sample, json_pack("{s:s, s:s}", "machine_id", machine->id,
                                                                         "ring", plan->rings[ring].name));
        }
}

static bool preview_machine(void *arg, const struct sal_machine *machine) {
        struct preview *preview = arg;
        preview->looked_at++;
        preview->cost += 1 + preview->selector_cost;
        if (machine->facts)
                preview->cost += (int64_t)strlen(machine->facts) / FACTS_BYTES_PER_COST;
        preview->last = machine->row;
        look_at(preview, machine);
        return !preview->status && preview->cost < PAGE_COST;
}

/* ---- the page ---- */

/* "<row of the last machine>.<matching machines up to it>"; the first alone is taken too. */
static bool read_cursor(const char *cursor, int64_t *ret_row, int64_t *ret_matching) {
        size_t row = strspn(cursor, "0123456789");
        const char *rest = cursor + row;
        size_t matching = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
        *ret_row = *ret_matching = 0;
        if (!*cursor)
                return true;
        if (!row || row > CURSOR_DIGITS || matching > CURSOR_DIGITS || (*rest && (!matching || rest[1 + matching])))
                return false;
        *ret_row = strtoll(cursor, NULL, 10);
        *ret_matching = *rest ? strtoll(rest + 1, NULL, 10) : 0;
        return true;
}

static int by_machines(const void *a, const void *b) {
        const struct reason *x = a, *y = b;
        if (x->machines != y->machines)
                return x->machines > y->machines ? -1 : 1;
        return strcmp(x->pointer, y->pointer);
}

static json_t *reasons_view(struct preview *preview) {
        json_t *reasons = json_array();
        qsort(preview->reasons, preview->reason_count, sizeof preview->reasons[0], by_machines);
        for (size_t i = 0; i < preview->reason_count; i++)
                json_array_append_new(reasons, json_pack("{s:s, s:b, s:s, s:I}", "pointer", preview->reasons[i].pointer,
                                                         "missing", (int)preview->reasons[i].missing, "text",
                                                         preview->reasons[i].text, "machines",
                                                         (json_int_t)preview->reasons[i].machines));
        return reasons;
}

/* The cap with which it would start: `initial` counts as at most a tenth of the known machines, and at least 1. */
static int64_t first_offers(const struct preview *preview, int64_t known) {
        const struct sal_plan *plan = &preview->campaign->plan;
        int64_t limit = sal_limits_in_flight_max(preview->limits);
        int64_t first = plan->in_flight_initial < known / 10 ? plan->in_flight_initial : known / 10;
        first = first > 1 ? first : 1;
        first = first < plan->in_flight_max ? first : plan->in_flight_max;
        first = first < limit ? first : limit;
        return first < known ? first : known;
}

static json_t *page_view(struct preview *preview, bool more) {
        char cursor[2 * CURSOR_DIGITS + 8];
        int64_t known = preview->before + preview->matching;
        json_t *rings = json_array();
        for (size_t i = 0; i < preview->campaign->plan.ring_count; i++)
                json_array_append_new(rings, json_pack("{s:s, s:I}", "name", preview->campaign->plan.rings[i].name,
                                                       "matching", (json_int_t)preview->rings[i]));
        snprintf(cursor, sizeof cursor, "%" PRId64 ".%" PRId64, preview->last, known);
        json_t *past = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "offered", (json_int_t)preview->offered, "done",
                                 (json_int_t)preview->done, "exhausted", (json_int_t)preview->exhausted,
                                 "not_applicable", (json_int_t)preview->not_applicable, "holds_another",
                                 (json_int_t)preview->holds_another, "cohort_held", (json_int_t)preview->cohort_held);
        json_t *view =
                json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:s?}", "looked_at",
                          (json_int_t)preview->looked_at, "matching", (json_int_t)preview->matching, "not_matching",
                          (json_int_t)preview->not_matching, "opted_out", (json_int_t)preview->opted_out, "limited_out",
                          (json_int_t)preview->limited_out, "anonymous", (json_int_t)preview->anonymous, "rings", rings,
                          "of_matching", past, "reasons", reasons_view(preview), "known_so_far", (json_int_t)known,
                          "first_offers", (json_int_t)first_offers(preview, known), "sample", preview->sample,
                          "next_cursor", more ? cursor : NULL);
        if (view && preview->live) {
                json_object_set_new(view, "in_flight", json_integer(sal_live_in_flight(preview->live)));
                json_object_set_new(view, "cap", json_real(sal_live_cap(preview->act->service->engine, preview->live)));
        }
        return view;
}

/* NULL: it is not live. One that has ended stays with the engine until its last offer is settled. */
static struct sal_live *find_live(const struct sal_act *act, const char *id, int64_t version) {
        struct sal_live *live = sal_engine_find(act->service->engine, id, version);
        return live && sal_campaign_live(live->row.state) ? live : NULL;
}

enum sal_status sal_campaign_preview(const struct sal_act *act, const char *id, int64_t version,
                                     const struct sal_page *page, json_t **ret, struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        int64_t after = 0, before = 0;
        if (!read_cursor(page->cursor, &after, &before))
                return sal_fail(reterr, SAL_E_INVALID, "this cursor is none of this list's");
        enum sal_status status = sal_campaign_row_get(act->tx, id, version, true, &row);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is no campaign %s@%" PRId64, id, version);
        if (!status)
                status = sal_campaign_parse(row.payload, row.payload_len, &campaign, reterr);
        int64_t campaign_row = row.row;
        bool was_started = row.start_order != 0;
        sal_campaign_row_done(&row);
        if (status)
                return status;
        sal_autofree struct preview *preview = calloc(1, sizeof *preview);
        if (!preview)
                return SAL_E_NOMEM;
        preview->act = act;
        preview->campaign = campaign;
        preview->campaign_row = campaign_row;
        preview->live = find_live(act, id, version);
        /* Since a restart the filter knows what live campaigns offered: neither what an ended one did, nor whom one
         * that is to be undone touched. */
        preview->filter_tells = !campaign->undoes && (preview->live || !was_started);
        preview->before = before;
        preview->selector_cost = (int64_t)sal_selector_size(campaign->match) / SELECTOR_SIZE_PER_COST;
        sal_auto(sal_limits) struct sal_limits *limits = NULL;
        status = sal_campaign_limits_kept(act->tx, campaign_row, &campaign->plan, &limits); /* drafts may have some */
        if (status)
                return status;
        preview->limits = limits;
        preview->sample = json_array();
        status = sal_machine_each(act->tx, after, -1, PAGE_COST, preview_machine, preview);
        if (!status)
                status = preview->status;
        if (status) {
                json_decref(preview->sample);
                return status;
        }
        *ret = page_view(preview, preview->cost >= PAGE_COST);
        return *ret ? SAL_OK : SAL_E_NOMEM;
}
