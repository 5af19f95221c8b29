/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_journal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { VERSION = 1, DAY_MS = 86400000 };

/* Simulated time begins on 1 January 2026. */
#define START_MS INT64_C(1767225600000)

struct sal_sim_journal {
        FILE *file;
        const char *campaign;
        const struct sal_plan *plan;
        int64_t expires_ms;
        int64_t seq;
        int error; /* errno of the first write that failed, or ENOMEM */
};

enum sal_status sal_sim_journal_open(const char *path, struct sal_sim_journal **ret, struct sal_err *reterr) {
        struct sal_sim_journal *journal = calloc(1, sizeof *journal);
        if (!journal)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        journal->file = fopen(path, "w");
        if (!journal->file) {
                enum sal_status status =
                        sal_fail(reterr, SAL_E_IO, "%.200s cannot be written: %s", path, strerror(errno));
                free(journal);
                return status;
        }
        *ret = journal;
        return SAL_OK;
}

enum sal_status sal_sim_journal_close(struct sal_sim_journal *journal, struct sal_err *reterr) {
        if (!journal)
                return SAL_OK;
        int error = journal->error;
        if (fclose(journal->file) && !error)
                error = errno;
        free(journal);
        return error ? sal_fail(reterr, SAL_E_IO, "the journal could not be written: %s", strerror(error)) : SAL_OK;
}

void sal_sim_journal_begin(struct sal_sim_journal *journal, const char *campaign, const struct sal_plan *plan,
                           int64_t days) {
        journal->campaign = campaign;
        journal->plan = plan;
        journal->expires_ms = START_MS + (days + 1) * DAY_MS;
}

static int64_t at_ms(int64_t at_us) {
        return START_MS + at_us / 1000;
}

static void write_event(struct sal_sim_journal *journal, struct sal_event *event) {
        event->campaign = journal->campaign;
        event->version = VERSION;
        event->seq = ++journal->seq;
        sal_autojson json_t *json = sal_event_json(event);
        sal_autofree char *line = json ? sal_json_dump(json) : NULL;
        if (!line || fputs(line, journal->file) == EOF || fputc('\n', journal->file) == EOF)
                journal->error = journal->error ? journal->error : line ? errno : ENOMEM;
}

static json_t *start_json(const struct sal_sim_journal *journal) {
        char digest[SAL_SHA256_HEX_BYTES], not_before[SAL_TIME_BYTES], expires[SAL_TIME_BYTES];
        sal_sha256_hex(journal->campaign, strlen(journal->campaign), digest);
        sal_time_format(START_MS, not_before);
        sal_time_format(journal->expires_ms, expires);
        return json_pack("{s:s, s:o, s:s, s:b, s:s, s:s, s:b}", "state", sal_campaign_state_name(SAL_CAMPAIGN_ACTIVE),
                         "plan", sal_plan_json(journal->plan), "digest", digest, "drill", 0, "not_before", not_before,
                         "expires", expires, "kill_switch", 0);
}

void sal_sim_journal_state(struct sal_sim_journal *journal, int64_t at_us, enum sal_campaign_state state) {
        sal_autojson json_t *detail = state == SAL_CAMPAIGN_ACTIVE
                                              ? start_json(journal)
                                              : json_pack("{s:s}", "state", sal_campaign_state_name(state));
        write_event(journal, &(struct sal_event){.at_ms = at_ms(at_us), .type = SAL_JOURNAL_STATE, .detail = detail});
}

/* As the fleet's machines are named. */
static void name_machine(uint32_t machine, char ret[static 24]) {
        snprintf(ret, 24, "sim-%07" PRIu32, machine + 1);
}

void sal_sim_journal_offer(struct sal_sim_journal *journal, int64_t at_us, const struct sal_sim_offer *offer) {
        const struct sal_plan *plan = journal->plan;
        char machine_id[24];
        name_machine(offer->machine, machine_id);
        sal_autojson json_t *detail =
                json_pack("{s:I, s:i, s:i, s:s, s:b}", "attempt", (json_int_t)offer->attempt, "incarnation", 1,
                          "period", 1, "stage", plan->rings[offer->stage].name, "counted", offer->counted != NULL);
        if (detail && offer->counted) {
                json_object_set_new(detail, "i", json_integer(offer->counted->i));
                json_object_set_new(detail, "o", json_integer(offer->counted->o));
        } else if (detail) {
                json_object_set_new(detail, "anonymous", json_false());
        }
        json_t *list = json_array();
        for (size_t n = 0; n < offer->cohort_count; n++)
                json_array_append_new(list, json_string(offer->cohorts[n]));
        json_object_set_new(detail, "cohorts", list);
        write_event(journal, &(struct sal_event){.at_ms = at_ms(at_us),
                                                 .type = SAL_JOURNAL_OFFER,
                                                 .machine_id = machine_id,
                                                 .offer_row = offer->row,
                                                 .ring = plan->rings[offer->ring].name,
                                                 .detail = detail});
}

void sal_sim_journal_change(struct sal_sim_journal *journal, int64_t at_us, int64_t offer_row, uint32_t machine,
                            size_t ring, enum sal_offer_state state, enum sal_cause cause) {
        char machine_id[24];
        name_machine(machine, machine_id);
        write_event(journal, &(struct sal_event){.at_ms = at_ms(at_us),
                                                 .type = sal_journal_type_of(state),
                                                 .machine_id = machine_id,
                                                 .offer_row = offer_row,
                                                 .ring = journal->plan->rings[ring].name,
                                                 .cause = cause});
}

void sal_sim_journal_decision(struct sal_sim_journal *journal, int64_t at_us, const struct sal_decision *decision) {
        sal_autojson json_t *json =
                sal_decision_json(decision, journal->seq + 1, at_ms(at_us), journal->campaign, VERSION);
        write_event(journal, &(struct sal_event){.at_ms = at_ms(at_us),
                                                 .type = SAL_JOURNAL_DECISION,
                                                 .ring = decision->ring,
                                                 .detail = json});
}
