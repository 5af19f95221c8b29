/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event: one entry of the journal, as the export shows it: a line of NDJSON
 * {"seq","at","type","campaign","version","machine_id"?,"offer_id"?,"ring"?,"cause"?,"decision"?, further members}.
 *
 * Thread: any, no state. Ownership: a parsed event owns its JSON; its texts point into it.
 */
#ifndef SAL_MODEL_EVENT_H
#define SAL_MODEL_EVENT_H

#include "model/offer.h"

#include "base/json.h"

enum sal_journal_type {
        SAL_JOURNAL_OFFER,
        SAL_JOURNAL_REPORT,
        SAL_JOURNAL_APPLIED,
        SAL_JOURNAL_SUCCEEDED,
        SAL_JOURNAL_FAILED,
        SAL_JOURNAL_NOT_APPLICABLE,
        SAL_JOURNAL_RECALLED,
        SAL_JOURNAL_STATE,
        SAL_JOURNAL_DECISION,
        SAL_JOURNAL_ADMIN,
        SAL_JOURNAL_TYPES
};
const char *sal_journal_type_name(enum sal_journal_type type);
int sal_journal_type_parse(const char *name); /* -1: none */
/* What an offer that has come to this state is journaled as. */
enum sal_journal_type sal_journal_type_of(enum sal_offer_state state);

struct sal_event {
        int64_t seq, at_ms;
        enum sal_journal_type type;
        const char *campaign;   /* NULL: none */
        int64_t version;        /* 0: none */
        const char *machine_id; /* NULL: none */
        int64_t offer_row;      /* 0: none; "o<row>" on the wire */
        const char *ring;       /* NULL: none */
        enum sal_cause cause;
        /* A decision as an object of its own, or the event's further members; borrowed when written, and, when parsed,
         * the event's own: of a decision its object, else the whole line. NULL: none. */
        const json_t *detail;
        json_t *owned; /* of a parsed event; NULL otherwise */
};
#define sal_autoevent __attribute__((cleanup(sal_event_done)))

/* The line's object. A member of `detail` that the event has by itself is left out. A new reference, NULL without
 * memory. */
json_t *sal_event_json(const struct sal_event *event);
/* Reads a line (without its end); members that it does not know are kept in `detail`. Errors: SAL_E_MALFORMED,
 * SAL_E_INVALID (with pointer), SAL_E_NOMEM. */
enum sal_status sal_event_parse(const char *line, size_t len, struct sal_event *ret, struct sal_err *reterr);
void sal_event_done(struct sal_event *event); /* NULL is allowed */

#endif
