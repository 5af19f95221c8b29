/* SPDX-License-Identifier: Apache-2.0 */
#include "service/poll_internal.h"

#include <stdio.h>
#include <string.h>

enum { REPORTS_KEPT = 16 }; /* per offer; further ones change nothing and are not recorded */

void sal_report_done(struct sal_report *report) {
        free(report->actions);
        free(report->log);
        report->actions = report->log = NULL;
}

/* What is kept of an offer's reports. */
struct kept {
        int count;
        bool healthy; /* one of them was */
};

static bool count_report(void *arg, const struct sal_report_row *report) {
        struct kept *kept = arg;
        kept->count++;
        kept->healthy |= strcmp(report->stage, "healthy") == 0;
        return true;
}

enum sal_status sal_report_keep(struct sal_tx *tx, int64_t offer_row, const struct sal_report *report) {
        struct sal_report_row row = {.offer_row = offer_row,
                                     .at_ms = sal_tx_now_ms(tx),
                                     .accepted = report->accepted,
                                     .actions = report->actions,
                                     .log = report->log};
        snprintf(row.stage, sizeof row.stage, "%s", report->stage);
        snprintf(row.boot_id, sizeof row.boot_id, "%s", report->boot_id);
        return sal_report_insert(tx, &row);
}

/* Keeps the report for people, and tells the journal of one that changed nothing. */
static enum sal_status record(struct sal_engine *engine, struct sal_tx *tx, const struct sal_machine *machine,
                              const struct sal_offer *offer, const struct sal_report *report) {
        struct kept kept = {0};
        enum sal_status status = sal_report_each(tx, offer->row, count_report, &kept);
        if (status || kept.count >= REPORTS_KEPT)
                return status;
        status = sal_report_keep(tx, offer->row, report);
        if (status || report->accepted)
                return status;
        const struct sal_live *live = sal_engine_by_row(engine, offer->campaign_row);
        struct sal_campaign_row ended = {0};
        const struct sal_campaign_row *row = live ? &live->row : &ended;
        if (!live)
                status = sal_campaign_row_get_row(tx, offer->campaign_row, &ended);
        if (status)
                return status;
        char detail[96];
        snprintf(detail, sizeof detail, "{\"stage\":\"%s\",\"accepted\":false}", report->stage);
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = SAL_JOURNAL_REPORT,
                                          .campaign = row->id,
                                          .version = row->version,
                                          .machine_id = machine->id,
                                          .offer_row = offer->row,
                                          .detail = detail};
        return sal_journal_append(tx, &entry);
}

/* True when the offer had settled otherwise before anybody said that the fix was applied; a relapse comes after that,
 * and what is said of it then is a repeat. */
static bool settled_unheard(const struct sal_offer *offer) {
        return offer->state == SAL_OFFER_RECALLED ||
               (offer->state == SAL_OFFER_FAILED && offer->cause != SAL_CAUSE_RELAPSED);
}

/* A fix that was applied after its offer had settled otherwise: no second offer may follow. */
static bool is_late_applied(const struct sal_offer *offer, enum sal_offer_event event) {
        return (event == SAL_EVENT_REPORT_APPLIED || event == SAL_EVENT_REPORT_HEALTHY) && !offer->late_applied &&
               settled_unheard(offer);
}

/* Whom an undoing campaign reaches may grow by this machine. */
static enum sal_status note_late_applied(struct sal_engine *engine, struct sal_tx *tx,
                                         const struct sal_machine *machine, struct sal_offer *offer) {
        enum sal_status status = sal_population_forget(engine, tx, machine);
        offer->late_applied = true;
        if (!status)
                status = sal_offer_update(tx, offer);
        return status ? status : sal_population_count(engine, tx, machine);
}

/* It says that it is up, though too late to count: nobody has to go there any more. Said again, after further boots may
 * have failed, it is no news. */
static enum sal_status note_late_healthy(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                         const struct sal_offer *offer) {
        const struct sal_live *live = sal_engine_by_row(engine, offer->campaign_row);
        if (machine->standing == SAL_STANDING_BACK || (live && live->launch->campaign->drill))
                return SAL_OK;
        struct kept kept = {0};
        enum sal_status status = sal_report_each(tx, offer->row, count_report, &kept);
        if (status || kept.healthy || kept.count >= REPORTS_KEPT)
                return status;
        machine->standing = SAL_STANDING_BACK;
        machine->standing_reason[0] = '\0';
        return sal_machine_update(tx, machine);
}

enum sal_status sal_report_take(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                struct sal_report *report, struct sal_err *reterr) {
        struct sal_offer offer;
        report->accepted = false;
        report->state = "unknown";
        if (report->campaign[0])
                return sal_outcome_take(engine, tx, machine, report, reterr);
        enum sal_status status = machine->row ? sal_offer_get(tx, report->offer_row, &offer) : SAL_E_NOT_FOUND;
        if (status == SAL_E_NOT_FOUND || (!status && offer.machine_row != machine->row))
                return sal_fail_at(reterr, SAL_E_NOT_FOUND, "/offer_id", "this machine has no offer %s",
                                   report->offer_id);
        if (status)
                return status;
        bool in_time = offer.incarnation == machine->incarnation &&
                       (report->event == SAL_EVENT_REPORT_HEALTHY || strcmp(report->boot_id, offer.boot_id) == 0);
        if (in_time) {
                status = sal_machine_settle(engine, tx, machine, &offer, report->event, SAL_CAUSE_NONE,
                                            &report->accepted);
                if (!status && !report->accepted && report->event == SAL_EVENT_REPORT_HEALTHY &&
                    settled_unheard(&offer))
                        status = note_late_healthy(engine, tx, machine, &offer);
                if (!status && !report->accepted && is_late_applied(&offer, report->event))
                        status = note_late_applied(engine, tx, machine, &offer);
        }
        sal_offer_show_recalled(engine, &offer);
        report->state = sal_offer_state_name(offer.state);
        if (!status)
                status = record(engine, tx, machine, &offer, report);
        return status;
}

enum sal_status sal_report_run(struct sal_service *service, struct sal_tx *tx, const char *machine_id,
                               const struct sal_identity *identity, struct sal_report *report, struct sal_err *reterr) {
        struct sal_machine machine = {0};
        enum sal_status status = sal_machine_admit(service, tx, machine_id, identity, &machine, reterr);
        if (!status)
                status = sal_report_take(service->engine, tx, &machine, report, reterr);
        if (!status) {
                char reason[sizeof machine.standing_reason]; /* a copy: what it is seen as is written over its own */
                snprintf(reason, sizeof reason, "%s", machine.standing_reason);
                struct sal_sighting sighting = {
                        .standing = machine.standing, .standing_reason = reason, .at_ms = sal_tx_now_ms(tx)};
                status = sal_machine_see(service->engine, tx, &machine, &sighting);
        }
        sal_machine_done(&machine);
        return status;
}
