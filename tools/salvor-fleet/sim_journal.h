/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal of a simulated run, line by line as `salvorctl export --events` shows a real one, so that
 * `salvorctl journal replay` can judge it.
 *
 * Thread: one. Ownership: the journal owns its file until sal_sim_journal_close.
 */
#ifndef SAL_FLEET_SIM_JOURNAL_H
#define SAL_FLEET_SIM_JOURNAL_H

#include "model/event.h"
#include "rollout/decision.h"

struct sal_sim_journal;

/* Errors: SAL_E_IO. */
enum sal_status sal_sim_journal_open(const char *path, struct sal_sim_journal **ret, struct sal_err *reterr);
/* Writes out what is left and closes. NULL is allowed. Errors: SAL_E_IO, also of any write before. */
enum sal_status sal_sim_journal_close(struct sal_sim_journal *journal, struct sal_err *reterr);

/* The campaign whose events follow, version 1; borrowed until the journal is closed. days: how long it is simulated at
 * most; it expires a day after that. */
void sal_sim_journal_begin(struct sal_sim_journal *journal, const char *campaign, const struct sal_plan *plan,
                           int64_t days);

struct sal_sim_offer {
        int64_t row, attempt;
        uint32_t machine;
        size_t ring;
        int stage;
        const struct sal_slot *counted; /* NULL: a later attempt */
        size_t cohort_count;
        char (*cohorts)[SAL_COHORT_NAME_BYTES];
};

/* Each writes one event at `at_us` after the start. The state `active` carries the plan. Failures are kept, and told
 * when the journal is closed. */
void sal_sim_journal_state(struct sal_sim_journal *journal, int64_t at_us, enum sal_campaign_state state);
void sal_sim_journal_offer(struct sal_sim_journal *journal, int64_t at_us, const struct sal_sim_offer *offer);
void sal_sim_journal_change(struct sal_sim_journal *journal, int64_t at_us, int64_t offer_row, uint32_t machine,
                            size_t ring, enum sal_offer_state state, enum sal_cause cause);
void sal_sim_journal_decision(struct sal_sim_journal *journal, int64_t at_us, const struct sal_decision *decision);

#endif
