/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that stand in databases. Whoever changes the order of an enum must write a migration instead. */
#include "ledger/store.h"

#include <string.h>

#define PINNED(name, number) _Static_assert((name) == (number), #name " stands in databases as " #number)

PINNED(SAL_STANDING_KNOWN, 0);
PINNED(SAL_STANDING_RECOVERING, 1);
PINNED(SAL_STANDING_WAITING, 2);
PINNED(SAL_STANDING_OFFERED, 3);
PINNED(SAL_STANDING_BACK, 4);
PINNED(SAL_STANDING_NEEDS_HANDS, 5);
PINNED(SAL_STANDINGS, 6);

PINNED(SAL_CAMPAIGN_DRAFT, 0);
PINNED(SAL_CAMPAIGN_READY, 1);
PINNED(SAL_CAMPAIGN_ACTIVE, 2);
PINNED(SAL_CAMPAIGN_PAUSED, 3);
PINNED(SAL_CAMPAIGN_HALTED, 4);
PINNED(SAL_CAMPAIGN_COMPLETED, 5);
PINNED(SAL_CAMPAIGN_WITHDRAWN, 6);
PINNED(SAL_CAMPAIGN_EXPIRED, 7);
PINNED(SAL_CAMPAIGN_STATES, 8);

PINNED(SAL_OFFER_OFFERED, 0);
PINNED(SAL_OFFER_APPLIED, 1);
PINNED(SAL_OFFER_SUCCEEDED, 2);
PINNED(SAL_OFFER_FAILED, 3);
PINNED(SAL_OFFER_NOT_APPLICABLE, 4);
PINNED(SAL_OFFER_RECALLED, 5);
PINNED(SAL_OFFER_STATES, 6);

PINNED(SAL_CAUSE_NONE, 0);
PINNED(SAL_CAUSE_REPORTED, 1);
PINNED(SAL_CAUSE_REFUSED, 2);
PINNED(SAL_CAUSE_SILENT, 3);
PINNED(SAL_CAUSE_REPOLLED, 4);
PINNED(SAL_CAUSE_RELAPSED, 5);
PINNED(SAL_CAUSE_HALT, 6);
PINNED(SAL_CAUSE_WITHDRAWN, 7);
PINNED(SAL_CAUSE_EXPIRED, 8);
PINNED(SAL_CAUSE_SUPERSEDED, 9);
PINNED(SAL_CAUSE_OPT_OUT, 10);
PINNED(SAL_CAUSE_DELETED, 11);
PINNED(SAL_CAUSE_REIMAGED, 12);
PINNED(SAL_CAUSES, 13);

PINNED(SAL_DUE_NONE, 0);
PINNED(SAL_DUE_DEADLINE, 1);
PINNED(SAL_DUE_SOAKED, 2);

PINNED(SAL_JOURNAL_OFFER, 0);
PINNED(SAL_JOURNAL_REPORT, 1);
PINNED(SAL_JOURNAL_APPLIED, 2);
PINNED(SAL_JOURNAL_SUCCEEDED, 3);
PINNED(SAL_JOURNAL_FAILED, 4);
PINNED(SAL_JOURNAL_NOT_APPLICABLE, 5);
PINNED(SAL_JOURNAL_RECALLED, 6);
PINNED(SAL_JOURNAL_STATE, 7);
PINNED(SAL_JOURNAL_DECISION, 8);
PINNED(SAL_JOURNAL_ADMIN, 9);
PINNED(SAL_JOURNAL_TYPES, 10);

PINNED(SAL_PLAN_MAX_RINGS, 16);

static const char *const standing_names[SAL_STANDINGS] = {
        [SAL_STANDING_KNOWN] = "known",     [SAL_STANDING_RECOVERING] = "recovering",
        [SAL_STANDING_WAITING] = "waiting", [SAL_STANDING_OFFERED] = "offered",
        [SAL_STANDING_BACK] = "back",       [SAL_STANDING_NEEDS_HANDS] = "needs_hands",
};

static const char *const journal_type_names[SAL_JOURNAL_TYPES] = {
        [SAL_JOURNAL_OFFER] = "offer",       [SAL_JOURNAL_REPORT] = "report",
        [SAL_JOURNAL_APPLIED] = "applied",   [SAL_JOURNAL_SUCCEEDED] = "succeeded",
        [SAL_JOURNAL_FAILED] = "failed",     [SAL_JOURNAL_NOT_APPLICABLE] = "not_applicable",
        [SAL_JOURNAL_RECALLED] = "recalled", [SAL_JOURNAL_STATE] = "state",
        [SAL_JOURNAL_DECISION] = "decision", [SAL_JOURNAL_ADMIN] = "admin",
};

const char *sal_standing_name(enum sal_standing standing) {
        return standing < SAL_STANDINGS ? standing_names[standing] : "";
}

int sal_standing_parse(const char *name) {
        for (int i = 0; i < SAL_STANDINGS; i++)
                if (strcmp(standing_names[i], name) == 0)
                        return i;
        return -1;
}

const char *sal_journal_type_name(enum sal_journal_type type) {
        return type < SAL_JOURNAL_TYPES ? journal_type_names[type] : "";
}
