/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes without an offer: a machine applied a campaign from a bundle, where no server could be asked, and tells of
 * it now. They are kept as offers that were settled from the start and stand in no sum: nothing that is decided moves,
 * and who is known to wait stays known to wait.
 */
#include "service/poll_internal.h"

#include "rollout/assign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OUTCOMES_MAX = 16 }; /* per machine and version; further ones change nothing and are not kept */

/* What was applied. */
struct applied {
        struct sal_campaign *campaign;
        int64_t campaign_row, period, stage;
};

static void applied_done(struct applied *applied) {
        sal_campaign_unref(applied->campaign);
}

static enum sal_status unknown(const struct sal_report *report, struct sal_err *reterr) {
        return sal_fail_at(reterr, SAL_E_NOT_FOUND, "/campaign",
                           "no envelope %.64s of %s@%" PRId64 " was ever in force here", report->target_sha256,
                           report->campaign, report->version);
}

/* One that ended, or that is none: what was never started has no envelope. */
static enum sal_status find_ended(struct sal_tx *tx, const struct sal_report *report, struct applied *ret,
                                  struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        char sha256[SAL_SHA256_HEX_BYTES];
        enum sal_status status = sal_campaign_row_get(tx, report->campaign, report->version, true, &row);
        if (status)
                return status == SAL_E_NOT_FOUND ? unknown(report, reterr) : status;
        sal_sha256_hex(row.envelope, row.envelope ? row.envelope_len : 0, sha256);
        if (!row.envelope || strcmp(sha256, report->target_sha256) != 0)
                status = unknown(report, reterr);
        if (!status)
                status = sal_campaign_parse(row.payload, row.payload_len, &ret->campaign, NULL);
        ret->campaign_row = row.row;
        ret->period = row.period;
        sal_campaign_row_done(&row);
        return status;
}

static enum sal_status find(struct sal_engine *engine, struct sal_tx *tx, const struct sal_report *report,
                            struct applied *ret, struct sal_err *reterr) {
        const struct sal_live *live = sal_engine_find(engine, report->campaign, report->version);
        if (!live)
                return find_ended(tx, report, ret, reterr);
        if (strcmp(live->launch->sha256, report->target_sha256) != 0)
                return unknown(report, reterr);
        *ret = (struct applied){.campaign = sal_campaign_ref(live->launch->campaign),
                                .campaign_row = live->row.row,
                                .period = live->row.period,
                                .stage = sal_tally_stage(live->tally)};
        return SAL_OK;
}

/* ---- what is known already ---- */

struct known {
        const struct sal_machine *machine;
        const struct sal_report *report;
        enum sal_offer_state state;
        enum sal_cause cause;
        int count;
        int64_t same; /* row of the one that says the same, 0: none */
};

/* The same outcome of the same boot; `healthy` comes from another boot than the one that applied. */
static bool look(void *arg, const struct sal_offer *offer) {
        struct known *known = arg;
        if (!offer->offline || offer->incarnation != known->machine->incarnation)
                return true;
        known->count++;
        bool any_boot = known->report->event == SAL_EVENT_REPORT_HEALTHY;
        if (offer->state == known->state && offer->cause == known->cause &&
            (any_boot || strcmp(offer->boot_id, known->report->boot_id) == 0))
                known->same = offer->row;
        return true;
}

/* As an offer would have settled; `applied` has nothing to wait for. */
static void outcome_of(enum sal_offer_event event, enum sal_offer_state *ret_state, enum sal_cause *ret_cause) {
        *ret_state = SAL_OFFER_OFFERED;
        *ret_cause = SAL_CAUSE_NONE;
        sal_offer_next(SAL_OFFER_OFFERED, event, ret_state, ret_cause);
        if (*ret_state == SAL_OFFER_APPLIED)
                *ret_state = SAL_OFFER_SUCCEEDED;
}

/* ---- keeping it ---- */

static enum sal_status journal(struct sal_tx *tx, const struct sal_machine *machine, int64_t offer_row,
                               const struct sal_report *report) {
        char detail[96];
        snprintf(detail, sizeof detail, "{\"stage\":\"%s\",\"accepted\":%s,\"offline\":true}", report->stage,
                 report->accepted ? "true" : "false");
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = SAL_JOURNAL_REPORT,
                                          .campaign = report->campaign,
                                          .version = report->version,
                                          .machine_id = machine->id,
                                          .offer_row = offer_row,
                                          .detail = detail};
        return sal_journal_append(tx, &entry);
}

static enum sal_status insert(struct sal_tx *tx, const struct sal_machine *machine, const struct applied *applied,
                              const struct known *known, struct sal_offer *ret) {
        const struct sal_campaign *campaign = applied->campaign;
        bool done = known->state == SAL_OFFER_SUCCEEDED;
        int64_t now_ms = sal_tx_now_ms(tx);
        *ret = (struct sal_offer){
                .campaign_row = applied->campaign_row,
                .machine_row = machine->row,
                .attempt = 1,
                .incarnation = machine->incarnation,
                .period = applied->period,
                .ring = (int64_t)sal_ring_of(&campaign->plan, campaign->id, machine->id, machine->pin),
                .state = known->state,
                .cause = known->cause,
                .offline = true,
                .made_ms = now_ms,
                .applied_ms = done ? now_ms : 0,
                .settled_ms = now_ms,
                .applied_served_ms = -1, /* no served time passed for it: it stands in no relapse window */
                .stage = applied->stage,
        };
        snprintf(ret->boot_id, sizeof ret->boot_id, "%s", known->report->boot_id);
        return sal_offer_insert(tx, ret);
}

static enum sal_status stand_back(struct sal_tx *tx, struct sal_machine *machine) {
        if (machine->standing == SAL_STANDING_BACK)
                return SAL_OK;
        machine->standing = SAL_STANDING_BACK;
        machine->standing_reason[0] = '\0';
        return sal_machine_update(tx, machine);
}

/* Whom an undoing campaign reaches may grow by this machine, so it is counted anew. */
static enum sal_status keep(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                            const struct applied *applied, const struct known *known, struct sal_report *report) {
        struct sal_offer offer;
        enum sal_status status = machine->row ? SAL_OK : sal_machine_insert(tx, machine);
        if (!status)
                status = sal_population_forget(engine, tx, machine);
        if (!status)
                status = insert(tx, machine, applied, known, &offer);
        sal_filter_add(engine->service->filter, machine->id);
        if (!status)
                status = sal_population_count(engine, tx, machine);
        report->accepted = true;
        if (!status)
                status = sal_report_keep(tx, offer.row, report);
        if (!status)
                status = journal(tx, machine, offer.row, report);
        if (!status && known->state == SAL_OFFER_SUCCEEDED && !applied->campaign->drill)
                status = stand_back(tx, machine);
        return status;
}

enum sal_status sal_outcome_take(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                 struct sal_report *report, struct sal_err *reterr) {
        __attribute__((cleanup(applied_done))) struct applied applied = {0};
        struct known known = {.machine = machine, .report = report};
        if (machine->anonymous)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED,
                                "an outcome without an offer needs the machine's token or certificate");
        enum sal_status status = find(engine, tx, report, &applied, reterr);
        if (status)
                return status;
        outcome_of(report->event, &known.state, &known.cause);
        if (machine->row)
                status = sal_offer_each_of_machine(tx, machine->row, applied.campaign_row, 0, look, &known);
        report->state = sal_offer_state_name(known.state);
        if (status || known.same || known.count >= OUTCOMES_MAX)
                return status;
        return keep(engine, tx, machine, &applied, &known, report);
}
