/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decision: what was decided about a campaign, by whom, and on which numbers; and the one way in which it is written,
 * which the daemon's journal and that of a simulated run share (contract 6.6).
 *
 * Pure. Thread: any, no state. Ownership: a decision borrows everything.
 */
#ifndef SAL_ROLLOUT_DECISION_H
#define SAL_ROLLOUT_DECISION_H

#include "rollout/course.h"

#include "base/json.h"

/* verdict: as in the contract ("open" "advance" "halt" "hold_cohort" "complete" "resume" "pause" "kill" "withdraw"
 * "expire"). by: "engine" or "operator". */
struct sal_decision {
        const char *verdict, *by, *rule;
        const char *ring;                    /* NULL: none */
        const char *cohort;                  /* NULL: none */
        const struct sal_evidence *evidence; /* NULL: nothing was counted */
        const struct sal_course *course;     /* with lull: shown as `because`; NULL: the evidence says it all */
        const struct sal_lull *lull;
        const char *reason; /* an operator's words, NULL: none */
        const char *operator_name;
};

/* The decision's object as it stands in the journal; its id is "d<seq>" of the entry it will be. at_ms: unix_ms. A new
 * reference, NULL without memory. */
json_t *sal_decision_json(const struct sal_decision *decision, int64_t seq, int64_t at_ms, const char *campaign,
                          int64_t version);

#endif
