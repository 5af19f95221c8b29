/* SPDX-License-Identifier: Apache-2.0 */
#include "model/event.h"

#include "base/clock.h"
#include "model/campaign.h"

#include <string.h>

static const char *const type_names[SAL_JOURNAL_TYPES] = {
        [SAL_JOURNAL_OFFER] = "offer",       [SAL_JOURNAL_REPORT] = "report",
        [SAL_JOURNAL_APPLIED] = "applied",   [SAL_JOURNAL_SUCCEEDED] = "succeeded",
        [SAL_JOURNAL_FAILED] = "failed",     [SAL_JOURNAL_NOT_APPLICABLE] = "not_applicable",
        [SAL_JOURNAL_RECALLED] = "recalled", [SAL_JOURNAL_STATE] = "state",
        [SAL_JOURNAL_DECISION] = "decision", [SAL_JOURNAL_ADMIN] = "admin",
};

const char *sal_journal_type_name(enum sal_journal_type type) {
        return type < SAL_JOURNAL_TYPES ? type_names[type] : "";
}

int sal_journal_type_parse(const char *name) {
        for (int i = 0; i < SAL_JOURNAL_TYPES; i++)
                if (strcmp(type_names[i], name) == 0)
                        return i;
        return -1;
}

enum sal_journal_type sal_journal_type_of(enum sal_offer_state state) {
        static const enum sal_journal_type types[SAL_OFFER_STATES] = {
                [SAL_OFFER_OFFERED] = SAL_JOURNAL_OFFER,
                [SAL_OFFER_APPLIED] = SAL_JOURNAL_APPLIED,
                [SAL_OFFER_SUCCEEDED] = SAL_JOURNAL_SUCCEEDED,
                [SAL_OFFER_FAILED] = SAL_JOURNAL_FAILED,
                [SAL_OFFER_NOT_APPLICABLE] = SAL_JOURNAL_NOT_APPLICABLE,
                [SAL_OFFER_RECALLED] = SAL_JOURNAL_RECALLED,
        };
        return types[state];
}

json_t *sal_event_json(const struct sal_event *event) {
        char at[SAL_TIME_BYTES], offer_id[SAL_OFFER_ID_BYTES];
        sal_time_format(event->at_ms, at);
        sal_offer_id_format(event->offer_row, offer_id);
        sal_autojson json_t *json =
                json_pack("{s:I, s:s, s:s, s:s?, s:o, s:s*, s:s*, s:s*, s:s*}", "seq", (json_int_t)event->seq, "at", at,
                          "type", sal_journal_type_name(event->type), "campaign", event->campaign, "version",
                          event->version ? json_integer(event->version) : json_null(), "machine_id", event->machine_id,
                          "offer_id", event->offer_row ? offer_id : NULL, "ring", event->ring, "cause",
                          event->cause ? sal_cause_name(event->cause) : NULL);
        /* jansson takes what it only refers to without const. */
        json_t *detail = (json_t *)event->detail;
        if (!json || !detail)
                return SAL_STEAL(json);
        int failed = event->type == SAL_JOURNAL_DECISION ? json_object_set(json, "decision", detail)
                                                         : json_object_update_missing(json, detail);
        return failed ? NULL : SAL_STEAL(json);
}

/* Neither missing nor null. */
static bool given(const struct sal_json_at *at, const char *key) {
        const json_t *value = json_object_get(at->value, key);
        return value && !json_is_null(value);
}

static enum sal_status read_what(const struct sal_json_at *at, struct sal_event *event, struct sal_err *reterr) {
        const char *name = NULL;
        enum sal_status status = sal_json_int(at, "seq", true, 1, INT64_MAX, &event->seq, reterr);
        if (!status)
                status = sal_json_time(at, "at", true, &event->at_ms, reterr);
        if (!status)
                status = sal_json_string(at, "type", true, 1, 64, &name, reterr);
        if (status)
                return status;
        int type = sal_journal_type_parse(name);
        if (type < 0)
                return sal_json_fail(at, "type", SAL_E_INVALID, reterr, "\"%s\" is no type of event", name);
        event->type = (enum sal_journal_type)type;
        return SAL_OK;
}

static enum sal_status read_campaign(const struct sal_json_at *at, struct sal_event *event, struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        if (given(at, "campaign"))
                status = sal_json_string(at, "campaign", true, 1, SAL_CAMPAIGN_ID_BYTES - 1, &event->campaign, reterr);
        if (!status && event->campaign && !sal_campaign_id_valid(event->campaign))
                status = sal_json_fail(at, "campaign", SAL_E_INVALID, reterr, "must be [a-z0-9][a-z0-9-]{0,62}");
        if (!status && given(at, "version"))
                status = sal_json_int(at, "version", true, 1, INT32_MAX, &event->version, reterr);
        return status;
}

static enum sal_status read_offer(const struct sal_json_at *at, struct sal_event *event, struct sal_err *reterr) {
        const char *offer_id = NULL, *cause = NULL;
        enum sal_status status = SAL_OK;
        if (given(at, "machine_id"))
                status = sal_json_string(at, "machine_id", true, 1, SAL_MACHINE_ID_BYTES - 1, &event->machine_id,
                                         reterr);
        if (!status && event->machine_id && !sal_machine_id_valid(event->machine_id))
                status = sal_json_fail(at, "machine_id", SAL_E_INVALID, reterr,
                                       "must be 1 to 64 of [A-Za-z0-9._:-] without a leading dot");
        if (!status)
                status = sal_json_string(at, "offer_id", false, 1, SAL_OFFER_ID_BYTES - 1, &offer_id, reterr);
        if (!status && offer_id && sal_offer_id_parse(offer_id, &event->offer_row))
                status = sal_json_fail(at, "offer_id", SAL_E_INVALID, reterr, "must be such as o17");
        if (!status)
                status = sal_json_string(at, "ring", false, 1, SAL_RING_NAME_BYTES - 1, &event->ring, reterr);
        if (!status && event->ring && !sal_ring_name_valid(event->ring))
                status = sal_json_fail(at, "ring", SAL_E_INVALID, reterr, "must be [a-z0-9-]{1,32}");
        if (!status)
                status = sal_json_string(at, "cause", false, 1, 64, &cause, reterr);
        int number = cause ? sal_cause_parse(cause) : SAL_CAUSE_NONE;
        if (!status && number < 0)
                status = sal_json_fail(at, "cause", SAL_E_INVALID, reterr, "\"%s\" is no cause", cause);
        if (!status)
                event->cause = (enum sal_cause)number;
        return status;
}

static enum sal_status read_detail(const struct sal_json_at *at, struct sal_event *event, struct sal_err *reterr) {
        struct sal_json_at decision = {.value = at->value};
        enum sal_status status = SAL_OK;
        if (event->type == SAL_JOURNAL_DECISION)
                status = sal_json_object(at, "decision", true, &decision, reterr);
        event->detail = decision.value;
        return status;
}

enum sal_status sal_event_parse(const char *line, size_t len, struct sal_event *ret, struct sal_err *reterr) {
        sal_autojson json_t *json = NULL;
        enum sal_status status = sal_json_parse(line, len, SAL_JSON_MAX_DEPTH, &json, reterr);
        if (status)
                return status;
        struct sal_json_at at = sal_json_root(json);
        struct sal_event event = {0};
        status = read_what(&at, &event, reterr);
        if (!status)
                status = read_campaign(&at, &event, reterr);
        if (!status)
                status = read_offer(&at, &event, reterr);
        if (!status)
                status = read_detail(&at, &event, reterr);
        if (status)
                return status;
        event.owned = SAL_STEAL(json);
        *ret = event;
        return SAL_OK;
}

void sal_event_done(struct sal_event *event) {
        if (event)
                json_decref(event->owned);
        if (event)
                *event = (struct sal_event){0};
}
