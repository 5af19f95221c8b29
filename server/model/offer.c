/* SPDX-License-Identifier: Apache-2.0 */
#include "model/offer.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* One step of the offers' machine. An event that has no row changes nothing in that state. */
struct offer_step {
        bool known;
        enum sal_offer_state state;
        enum sal_cause cause;
};

static const struct offer_step offer_steps[SAL_OFFER_STATES][SAL_OFFER_EVENTS] = {
        [SAL_OFFER_OFFERED] =
                {
                        [SAL_EVENT_REPORT_APPLIED] = {true, SAL_OFFER_APPLIED, SAL_CAUSE_NONE},
                        [SAL_EVENT_REPORT_FAILED] = {true, SAL_OFFER_FAILED, SAL_CAUSE_REPORTED},
                        [SAL_EVENT_REPORT_REFUSED] = {true, SAL_OFFER_FAILED, SAL_CAUSE_REFUSED},
                        [SAL_EVENT_REPORT_NOT_APPLICABLE] = {true, SAL_OFFER_NOT_APPLICABLE, SAL_CAUSE_NONE},
                        [SAL_EVENT_REPORT_HEALTHY] = {true, SAL_OFFER_SUCCEEDED, SAL_CAUSE_NONE},
                        [SAL_EVENT_DEADLINE] = {true, SAL_OFFER_FAILED, SAL_CAUSE_SILENT},
                        [SAL_EVENT_REPOLLED] = {true, SAL_OFFER_FAILED, SAL_CAUSE_REPOLLED},
                        [SAL_EVENT_RECALLED] = {true, SAL_OFFER_RECALLED, SAL_CAUSE_NONE},
                },
        [SAL_OFFER_APPLIED] =
                {
                        [SAL_EVENT_REPORT_HEALTHY] = {true, SAL_OFFER_SUCCEEDED, SAL_CAUSE_NONE},
                        [SAL_EVENT_SOAKED] = {true, SAL_OFFER_SUCCEEDED, SAL_CAUSE_NONE},
                        [SAL_EVENT_DEADLINE] = {true, SAL_OFFER_FAILED, SAL_CAUSE_SILENT},
                        [SAL_EVENT_RELAPSED] = {true, SAL_OFFER_FAILED, SAL_CAUSE_RELAPSED},
                },
        [SAL_OFFER_SUCCEEDED] =
                {
                        [SAL_EVENT_RELAPSED] = {true, SAL_OFFER_FAILED, SAL_CAUSE_RELAPSED},
                },
};

bool sal_offer_next(enum sal_offer_state state, enum sal_offer_event event, enum sal_offer_state *ret_state,
                    enum sal_cause *ret_cause) {
        const struct offer_step *step = &offer_steps[state][event];
        if (!step->known)
                return false;
        *ret_state = step->state;
        if (event != SAL_EVENT_RECALLED)
                *ret_cause = step->cause;
        return true;
}

bool sal_offer_unsettled(enum sal_offer_state state) {
        return state == SAL_OFFER_OFFERED || state == SAL_OFFER_APPLIED;
}

enum sal_weight sal_offer_weight(enum sal_offer_state state, enum sal_cause cause) {
        switch (state) {
        case SAL_OFFER_SUCCEEDED:
                return SAL_WEIGHT_SUCCESS;
        case SAL_OFFER_NOT_APPLICABLE:
                return SAL_WEIGHT_NOT_APPLICABLE;
        case SAL_OFFER_FAILED:
                return cause == SAL_CAUSE_REPORTED || cause == SAL_CAUSE_RELAPSED ? SAL_WEIGHT_FAILED
                                                                                  : SAL_WEIGHT_SILENT;
        default:
                return SAL_WEIGHT_PENDING;
        }
}

static const char *const offer_state_names[SAL_OFFER_STATES] = {
        [SAL_OFFER_OFFERED] = "offered",
        [SAL_OFFER_APPLIED] = "applied",
        [SAL_OFFER_SUCCEEDED] = "succeeded",
        [SAL_OFFER_FAILED] = "failed",
        [SAL_OFFER_NOT_APPLICABLE] = "not_applicable",
        [SAL_OFFER_RECALLED] = "recalled",
};

static const char *const cause_names[SAL_CAUSES] = {
        [SAL_CAUSE_NONE] = "",
        [SAL_CAUSE_REPORTED] = "reported",
        [SAL_CAUSE_REFUSED] = "refused",
        [SAL_CAUSE_SILENT] = "silent",
        [SAL_CAUSE_REPOLLED] = "repolled",
        [SAL_CAUSE_RELAPSED] = "relapsed",
        [SAL_CAUSE_HALT] = "halt",
        [SAL_CAUSE_WITHDRAWN] = "withdrawn",
        [SAL_CAUSE_EXPIRED] = "expired",
        [SAL_CAUSE_SUPERSEDED] = "superseded",
        [SAL_CAUSE_OPT_OUT] = "opt_out",
        [SAL_CAUSE_DELETED] = "deleted",
        [SAL_CAUSE_REIMAGED] = "reimaged",
};

static const char *const report_stage_names[] = {
        [SAL_EVENT_REPORT_APPLIED] = "applied", [SAL_EVENT_REPORT_FAILED] = "failed",
        [SAL_EVENT_REPORT_REFUSED] = "refused", [SAL_EVENT_REPORT_NOT_APPLICABLE] = "not_applicable",
        [SAL_EVENT_REPORT_HEALTHY] = "healthy",
};

static const char *const campaign_state_names[SAL_CAMPAIGN_STATES] = {
        [SAL_CAMPAIGN_DRAFT] = "draft",         [SAL_CAMPAIGN_READY] = "ready",
        [SAL_CAMPAIGN_ACTIVE] = "active",       [SAL_CAMPAIGN_PAUSED] = "paused",
        [SAL_CAMPAIGN_HALTED] = "halted",       [SAL_CAMPAIGN_COMPLETED] = "completed",
        [SAL_CAMPAIGN_WITHDRAWN] = "withdrawn", [SAL_CAMPAIGN_EXPIRED] = "expired",
};

static int index_of(const char *const *names, size_t count, const char *name) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(names[i], name) == 0)
                        return (int)i;
        }
        return -1;
}

const char *sal_offer_state_name(enum sal_offer_state state) {
        return offer_state_names[state];
}

const char *sal_cause_name(enum sal_cause cause) {
        return cause_names[cause];
}

const char *sal_campaign_state_name(enum sal_campaign_state state) {
        return campaign_state_names[state];
}

int sal_offer_state_parse(const char *name) {
        return index_of(offer_state_names, SAL_OFFER_STATES, name);
}

int sal_cause_parse(const char *name) {
        return index_of(cause_names, SAL_CAUSES, name);
}

int sal_campaign_state_parse(const char *name) {
        return index_of(campaign_state_names, SAL_CAMPAIGN_STATES, name);
}

int sal_report_stage_parse(const char *stage) {
        return index_of(report_stage_names, sizeof report_stage_names / sizeof report_stage_names[0], stage);
}

struct campaign_step {
        bool allowed;
        enum sal_campaign_state state;
};

static const struct campaign_step campaign_steps[SAL_CAMPAIGN_STATES][SAL_CAMPAIGN_ACTS] =
        {
                [SAL_CAMPAIGN_DRAFT] =
                        {
                                [SAL_ACT_SIGNED] = {true, SAL_CAMPAIGN_READY},
                                [SAL_ACT_UNSIGNED] = {true, SAL_CAMPAIGN_DRAFT},
                        },
                [SAL_CAMPAIGN_READY] =
                        {
                                [SAL_ACT_SIGNED] = {true, SAL_CAMPAIGN_READY},
                                [SAL_ACT_UNSIGNED] = {true, SAL_CAMPAIGN_DRAFT},
                                [SAL_ACT_START] = {true, SAL_CAMPAIGN_ACTIVE},
                                [SAL_ACT_WITHDRAW] = {true, SAL_CAMPAIGN_WITHDRAWN},
                                [SAL_ACT_EXPIRE] = {true, SAL_CAMPAIGN_EXPIRED},
                        },
                [SAL_CAMPAIGN_ACTIVE] =
                        {
                                [SAL_ACT_PAUSE] = {true, SAL_CAMPAIGN_PAUSED},
                                [SAL_ACT_HALT] = {true, SAL_CAMPAIGN_HALTED},
                                [SAL_ACT_COMPLETE] = {true, SAL_CAMPAIGN_COMPLETED},
                                [SAL_ACT_WITHDRAW] = {true, SAL_CAMPAIGN_WITHDRAWN},
                                [SAL_ACT_EXPIRE] = {true, SAL_CAMPAIGN_EXPIRED},
                        },
                [SAL_CAMPAIGN_PAUSED] =
                        {
                                [SAL_ACT_RESUME] = {true, SAL_CAMPAIGN_ACTIVE},
                                [SAL_ACT_HALT] = {true, SAL_CAMPAIGN_HALTED},
                                [SAL_ACT_WITHDRAW] = {true, SAL_CAMPAIGN_WITHDRAWN},
                                [SAL_ACT_EXPIRE] = {true, SAL_CAMPAIGN_EXPIRED},
                        },
                [SAL_CAMPAIGN_HALTED] =
                        {
                                [SAL_ACT_RESUME] = {true, SAL_CAMPAIGN_ACTIVE},
                                [SAL_ACT_WITHDRAW] = {true, SAL_CAMPAIGN_WITHDRAWN},
                                [SAL_ACT_EXPIRE] = {true, SAL_CAMPAIGN_EXPIRED},
                        },
                [SAL_CAMPAIGN_COMPLETED] =
                        {
                                [SAL_ACT_PAUSE] = {true, SAL_CAMPAIGN_PAUSED},
                                [SAL_ACT_HALT] = {true, SAL_CAMPAIGN_HALTED},
                                [SAL_ACT_WITHDRAW] = {true, SAL_CAMPAIGN_WITHDRAWN},
                                [SAL_ACT_EXPIRE] = {true, SAL_CAMPAIGN_EXPIRED},
                        },
};

bool sal_campaign_next(enum sal_campaign_state state, enum sal_campaign_act act, enum sal_campaign_state *ret_state) {
        const struct campaign_step *step = &campaign_steps[state][act];
        if (!step->allowed)
                return false;
        *ret_state = step->state;
        return true;
}

bool sal_campaign_live(enum sal_campaign_state state) {
        return state == SAL_CAMPAIGN_ACTIVE || state == SAL_CAMPAIGN_PAUSED || state == SAL_CAMPAIGN_HALTED ||
               state == SAL_CAMPAIGN_COMPLETED;
}

bool sal_campaign_runs(enum sal_campaign_state state) {
        return state == SAL_CAMPAIGN_ACTIVE || state == SAL_CAMPAIGN_COMPLETED;
}

bool sal_campaign_in_force(enum sal_campaign_state state) {
        return sal_campaign_live(state) && state != SAL_CAMPAIGN_HALTED;
}

void sal_offer_id_format(int64_t row, char ret[static SAL_OFFER_ID_BYTES]) {
        snprintf(ret, SAL_OFFER_ID_BYTES, "o%" PRId64, row);
}

enum sal_status sal_offer_id_parse(const char *text, int64_t *ret_row) {
        if (text[0] != 'o' || text[1] < '1' || text[1] > '9' || strlen(text) > 19)
                return SAL_E_MALFORMED;
        int64_t row = 0;
        for (const char *p = text + 1; *p; p++) {
                if (*p < '0' || *p > '9')
                        return SAL_E_MALFORMED;
                row = row * 10 + (*p - '0');
        }
        *ret_row = row;
        return SAL_OK;
}
