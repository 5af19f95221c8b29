/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers, campaign states and what makes them change: two state machines, written as tables.
 *
 * Thread: any, no state. Ownership: none.
 */
#ifndef SAL_MODEL_OFFER_H
#define SAL_MODEL_OFFER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* An offer's id on the wire: "o<row>", row from 1. */
enum { SAL_OFFER_ID_BYTES = 24 };
void sal_offer_id_format(int64_t row, char ret[static SAL_OFFER_ID_BYTES]);
/* Errors: SAL_E_MALFORMED. */
enum sal_status sal_offer_id_parse(const char *text, int64_t *ret_row);

enum sal_offer_state {
        SAL_OFFER_OFFERED,
        SAL_OFFER_APPLIED,
        SAL_OFFER_SUCCEEDED,
        SAL_OFFER_FAILED,
        SAL_OFFER_NOT_APPLICABLE,
        SAL_OFFER_RECALLED,
        SAL_OFFER_STATES
};

/* Why an offer failed, or was recalled. */
enum sal_cause {
        SAL_CAUSE_NONE,
        SAL_CAUSE_REPORTED,
        SAL_CAUSE_REFUSED,
        SAL_CAUSE_SILENT,
        SAL_CAUSE_REPOLLED,
        SAL_CAUSE_RELAPSED,
        SAL_CAUSE_HALT,
        SAL_CAUSE_WITHDRAWN,
        SAL_CAUSE_EXPIRED,
        SAL_CAUSE_SUPERSEDED,
        SAL_CAUSE_OPT_OUT,
        SAL_CAUSE_DELETED,
        SAL_CAUSE_REIMAGED,
        SAL_CAUSES
};

enum sal_offer_event {
        SAL_EVENT_REPORT_APPLIED,
        SAL_EVENT_REPORT_FAILED,
        SAL_EVENT_REPORT_REFUSED,
        SAL_EVENT_REPORT_NOT_APPLICABLE,
        SAL_EVENT_REPORT_HEALTHY,
        SAL_EVENT_SOAKED,   /* the ring's soak has passed without relapse */
        SAL_EVENT_DEADLINE, /* outcome deadline: of an offer, or of `applied` that can only settle by healthy */
        SAL_EVENT_REPOLLED, /* poll with a new boot_id and boot_failure while offered */
        SAL_EVENT_RELAPSED, /* the same within the relapse window, after applied */
        SAL_EVENT_RECALLED,
        SAL_OFFER_EVENTS
};

/* How an offer weighs in the statistics. */
enum sal_weight {
        SAL_WEIGHT_PENDING,        /* offered, applied, recalled: counts as success for the halt, not for the pace */
        SAL_WEIGHT_SUCCESS,        /* settled success */
        SAL_WEIGHT_FAILED,         /* reported, relapsed */
        SAL_WEIGHT_SILENT,         /* silent, repolled, refused */
        SAL_WEIGHT_NOT_APPLICABLE, /* in no sum */
};

/* The state after `event`, with its cause; false when the event changes nothing in this state (a late or repeated
 * report), *ret_state and *ret_cause are then left alone. A recall's cause is the caller's: *ret_cause is left alone.
 */
bool sal_offer_next(enum sal_offer_state state, enum sal_offer_event event, enum sal_offer_state *ret_state,
                    enum sal_cause *ret_cause);
/* True for offered and applied. */
bool sal_offer_unsettled(enum sal_offer_state state);
enum sal_weight sal_offer_weight(enum sal_offer_state state, enum sal_cause cause);

const char *sal_offer_state_name(enum sal_offer_state state);
const char *sal_cause_name(enum sal_cause cause); /* "" for none */
/* -1 when the name is none. */
int sal_offer_state_parse(const char *name);
int sal_cause_parse(const char *name);
/* "applied" "failed" "not_applicable" "refused" "healthy" -> event, or -1. */
int sal_report_stage_parse(const char *stage);

enum sal_campaign_state {
        SAL_CAMPAIGN_DRAFT,
        SAL_CAMPAIGN_READY,
        SAL_CAMPAIGN_ACTIVE,
        SAL_CAMPAIGN_PAUSED,
        SAL_CAMPAIGN_HALTED,
        SAL_CAMPAIGN_COMPLETED,
        SAL_CAMPAIGN_WITHDRAWN,
        SAL_CAMPAIGN_EXPIRED,
        SAL_CAMPAIGN_STATES
};

enum sal_campaign_act {
        SAL_ACT_SIGNED,   /* enough signatures for every class */
        SAL_ACT_UNSIGNED, /* the draft changed */
        SAL_ACT_START,
        SAL_ACT_PAUSE,
        SAL_ACT_RESUME,
        SAL_ACT_HALT,
        SAL_ACT_COMPLETE,
        SAL_ACT_WITHDRAW,
        SAL_ACT_EXPIRE,
        SAL_CAMPAIGN_ACTS
};

/* The state after `act`; false when the act is not allowed in this state. */
bool sal_campaign_next(enum sal_campaign_state state, enum sal_campaign_act act, enum sal_campaign_state *ret_state);
/* active, paused, halted, completed. */
bool sal_campaign_live(enum sal_campaign_state state);
/* Offers are made: active, and completed for who comes late. */
bool sal_campaign_runs(enum sal_campaign_state state);
/* active, paused, completed: its target may be fetched (while the kill switch is off). */
bool sal_campaign_in_force(enum sal_campaign_state state);
const char *sal_campaign_state_name(enum sal_campaign_state state);
int sal_campaign_state_parse(const char *name);

#endif
