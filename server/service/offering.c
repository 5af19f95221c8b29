/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"

#include <stdio.h>
#include <string.h>

struct earlier {
        const struct sal_machine *machine;
        int64_t period;
        int64_t attempts;
        bool any;          /* of any incarnation: the machine was touched before */
        bool counted_here; /* in this incarnation and period */
};

static bool look_earlier(void *arg, const struct sal_offer *offer) {
        struct earlier *earlier = arg;
        if (offer->offline)
                return true; /* no attempt of the server's, and in no count */
        earlier->any = true;
        if (offer->incarnation != earlier->machine->incarnation)
                return true;
        if (offer->state != SAL_OFFER_RECALLED)
                earlier->attempts++;
        if (offer->period == earlier->period)
                earlier->counted_here = true;
        return true;
}

static json_t *cohorts_json(char cohorts[][SAL_COHORT_NAME_BYTES], size_t count) {
        sal_autojson json_t *list = json_array();
        for (size_t n = 0; list && n < count; n++)
                if (json_array_append_new(list, json_string(cohorts[n])))
                        return NULL;
        return json_incref(list);
}

/* What a replay needs to know of it: all of it, or none (NULL: out of memory). */
static json_t *offer_json(const struct sal_plan *plan, const struct sal_offer *offer,
                          char cohorts[][SAL_COHORT_NAME_BYTES], size_t count) {
        sal_autojson json_t *detail =
                json_pack("{s:I, s:I, s:I, s:s, s:b}", "attempt", (json_int_t)offer->attempt, "incarnation",
                          (json_int_t)offer->incarnation, "period", (json_int_t)offer->period, "stage",
                          plan->rings[offer->stage].name, "counted", offer->counted);
        int failed = !detail;
        if (offer->counted) {
                failed |= json_object_set_new(detail, "i", json_integer(offer->slot_i));
                failed |= json_object_set_new(detail, "o", json_integer(offer->slot_o));
        } else {
                failed |=
                        json_object_set_new(detail, "anonymous", json_boolean(offer->anonymous)); /* outside the pace */
        }
        if (!offer->anonymous)
                failed |= json_object_set_new(detail, "cohorts", cohorts_json(cohorts, count));
        return failed ? NULL : json_incref(detail);
}

static enum sal_status journal_offer(struct sal_tx *tx, const struct sal_live *live, const struct sal_offer *offer,
                                     const char *machine_id, char cohorts[][SAL_COHORT_NAME_BYTES], size_t count) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        sal_autojson json_t *detail = offer_json(plan, offer, cohorts, count);
        sal_autofree char *text = detail ? sal_json_dump(detail) : NULL;
        if (!text)
                return SAL_E_NOMEM;
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = SAL_JOURNAL_OFFER,
                                          .campaign = live->row.id,
                                          .version = live->row.version,
                                          .machine_id = machine_id,
                                          .offer_row = offer->row,
                                          .ring = plan->rings[offer->ring].name,
                                          .detail = text};
        return sal_journal_append(tx, &entry);
}

/* Gives the offer its place in the sums. A later attempt has none, but leaves the pace when its cohort is held. */
static enum sal_status place_offer(struct sal_live *live, const struct sal_facts *facts,
                                   char cohorts[][SAL_COHORT_NAME_BYTES], size_t *ret_count, struct sal_offer *offer) {
        struct sal_slot slot = {.stage = sal_tally_stage(live->tally)};
        enum sal_status status = SAL_OK;
        *ret_count = sal_cohorts_of(&live->launch->campaign->plan, facts, cohorts);
        if (offer->counted)
                status = sal_tally_offer(live->tally, *ret_count, cohorts, &slot);
        else
                sal_tally_cohorts(live->tally, *ret_count, cohorts, &slot);
        offer->slot_i = slot.i;
        offer->slot_o = slot.o;
        offer->stage = slot.stage;
        offer->cohort_count = slot.cohort_count;
        memcpy(offer->cohorts, slot.cohorts, sizeof offer->cohorts);
        return status;
}

enum sal_status sal_offer_make(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                               const struct sal_machine *machine, const struct sal_facts *facts, size_t ring,
                               const char *boot_id, bool can_healthy, struct sal_offer *ret) {
        const struct sal_campaign *campaign = live->launch->campaign;
        struct earlier earlier = {.machine = machine, .period = live->row.period};
        enum sal_status status = sal_offer_each_of_machine(tx, machine->row, live->row.row, 0, look_earlier, &earlier);
        if (status)
                return status;
        struct sal_offer offer = {.campaign_row = live->row.row,
                                  .machine_row = machine->row,
                                  .attempt = earlier.attempts + 1,
                                  .incarnation = machine->incarnation,
                                  .period = live->row.period,
                                  .ring = (int64_t)ring,
                                  .state = SAL_OFFER_OFFERED,
                                  .can_healthy = can_healthy,
                                  .counted = !machine->anonymous && !earlier.counted_here,
                                  .anonymous = machine->anonymous,
                                  .made_ms = sal_tx_now_ms(tx),
                                  .made_served_ms = sal_live_served_ms(engine, live, tx),
                                  .applied_served_ms = -1,
                                  .stage = sal_tally_stage(live->tally)};
        snprintf(offer.boot_id, sizeof offer.boot_id, "%s", boot_id);
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t cohort_count = 0;
        if (!offer.anonymous)
                status = place_offer(live, facts, cohorts, &cohort_count, &offer);
        sal_offer_set_timer(&campaign->plan, &offer);
        if (!status)
                status = sal_offer_insert(tx, &offer);
        if (!status)
                status = journal_offer(tx, live, &offer, machine->id, cohorts, cohort_count);
        if (status)
                return status;
        live->row.offers_made++;
        live->row.unsettled++;
        live->machines_touched += !earlier.any;
        live->row.last_take_served_ms = offer.made_served_ms;
        live->anonymous_unsettled += offer.anonymous;
        engine->anonymous_unsettled += offer.anonymous;
        live->dirty = true;
        live->review = true;
        live->next_due_served_ms = -2;
        sal_filter_add(engine->service->filter, machine->id);
        *ret = offer;
        return offer.counted ? sal_live_advance(engine, tx, live) : SAL_OK;
}
