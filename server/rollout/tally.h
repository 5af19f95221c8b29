/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tally: the statistics of one campaign in one counting period, and the questions of the rollout that are asked of
 * them: hold a cohort, halt, advance, how many may be in flight.
 *
 * Counted offers are numbered i = 0, 1, 2, … in the campaign (since the period began) and o = 1, 2, 3, … in their
 * stage; numbers never change. Every change costs O(log n): totals, one block per level, the prefixes n in L = {1, 2,
 * 3, 4, 6, 8, 12, …} of the stage, and the offer's cohorts. Blocks stand in dense arrays, one per level, 12 bytes per
 * block of 32 * 4^level offers.
 *
 * Pure: no I/O, no clock. Thread: one at a time. Ownership: a tally owns its memory and borrows nothing: it copies the
 * plan.
 */
#ifndef SAL_ROLLOUT_TALLY_H
#define SAL_ROLLOUT_TALLY_H

#include "model/offer.h"
#include "model/plan.h"

#include <stdint.h>

struct sal_tally;

enum { SAL_COHORT_VALUES_MAX = 1000, SAL_COHORT_NAME_BYTES = SAL_FACT_NAME_BYTES + 1 + SAL_FACT_VALUE_MAX_BYTES };

/* Where a counted offer stands in the sums; stored with the offer, given back with every change. */
struct sal_slot {
        int64_t i; /* number in the campaign, from 0 */
        int64_t o; /* number in its stage, from 1 */
        int stage; /* index of the stage's ring */
        size_t cohort_count;
        int cohorts[SAL_PLAN_MAX_COHORTS]; /* j of each cohort value, ascending in the order of the plan's facts */
};

/* halts_resumed: how many halts by the engine were resumed before this period (k of the halt rule). NULL without
 * memory. */
struct sal_tally *sal_tally_new(const struct sal_plan *plan, int halts_resumed);
void sal_tally_free(struct sal_tally *tally); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_tally, sal_tally_free)

/* The cohort values of a machine: writes "fact=value" for every fact of plan->cohorts that the facts hold, in the
 * plan's order, and returns how many. */
size_t sal_cohorts_of(const struct sal_plan *plan, const struct sal_facts *facts,
                      char ret[static SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES]);

/* True when one of the values is held: its machines wait. */
bool sal_tally_held(const struct sal_tally *tally, size_t count, char cohorts[][SAL_COHORT_NAME_BYTES]);

/* Registers a counted offer in the current stage and numbers it; a cohort value seen for the first time takes the next
 * j (from the 1,001st value on it is no cohort). Errors, nothing has changed then: SAL_E_NOMEM, SAL_E_REFUSED for a
 * machine of a held cohort, SAL_E_TOO_MANY after 2^31 offers. */
enum sal_status sal_tally_offer(struct sal_tally *tally, size_t count, char cohorts[][SAL_COHORT_NAME_BYTES],
                                struct sal_slot *ret);

/* The cohorts of a later attempt, which is not counted: fills those of the slot, and nothing else of it, with the
 * numbers of the values that have one. Registers nothing: only counted offers give numbers. */
void sal_tally_cohorts(const struct sal_tally *tally, size_t count, char cohorts[][SAL_COHORT_NAME_BYTES],
                       struct sal_slot *ret);

/* A counted offer's weight changes (all sums follow; an offer that has left the sums, see sal_tally_counts, changes
 * nothing). Returns true when the change raises F or Z or lowers S, so that the halt rule has to be asked. */
bool sal_tally_change(struct sal_tally *tally, const struct sal_slot *slot, enum sal_weight from, enum sal_weight to);

/* False when the offer has a cohort value that is, or before its release was, held: such an offer is in no sum. */
bool sal_tally_counts(const struct sal_tally *tally, const struct sal_slot *slot);

/* Takes an offer of a held cohort out of every sum but those of held cohorts, which stay as they were when they were
 * held. To be called once for each offer that has just left: one whose slot holds the new j and no j that was held
 * earlier. */
void sal_tally_exclude(struct sal_tally *tally, const struct sal_slot *slot, enum sal_weight weight);

enum sal_verdict {
        SAL_VERDICT_NONE,
        SAL_VERDICT_HOLD_COHORT,
        SAL_VERDICT_HALT,
        SAL_VERDICT_ADVANCE,
};

/* The numbers behind a verdict. */
struct sal_evidence {
        enum sal_verdict verdict;
        int64_t offered, failed, silent; /* S, F, Z; for advance: n, f_n, 0 */
        int block_level;                 /* -1: not about a block */
        int64_t block;
        int cohort; /* j, or 0 */
        char cohort_name[SAL_COHORT_NAME_BYTES];
        double ln_e, bound; /* natural logarithms */
};

/* The halt rule, asked once: the worst cohort at or over its bound (it is marked as held; the caller then excludes its
 * offers, and asks again with slot NULL), else halt by all offers, else halt by a block, else none. When a hold leaves
 * no counted offer, a halt with the evidence of that cohort is returned at the next call. slot: only its blocks and
 * cohorts need a look; NULL: everything. */
struct sal_evidence sal_tally_judge(struct sal_tally *tally, const struct sal_slot *slot);

/* Advance by evidence from the current stage: verdict ADVANCE with the smallest n of L that suffices, or NONE (also in
 * the last stage). */
struct sal_evidence sal_tally_advance_evidence(const struct sal_tally *tally);
int sal_tally_stage(const struct sal_tally *tally);
/* Begins the next stage (stage + 1 must exist). */
void sal_tally_next_stage(struct sal_tally *tally);

/* Cap of offers in flight: min(max, initial + sum growth_i * G_i); initial counts as at most a tenth of known_matching
 * machines (whole machines: 25 give 2), at least 1. */
double sal_tally_cap(const struct sal_tally *tally, int64_t known_matching);
/* X = max(0, F + Z - (acceptable_failure + acceptable_silence) * S). */
double sal_tally_excess(const struct sal_tally *tally);
/* True when an offer may be made: unsettled + X < cap, or nothing is unsettled. */
bool sal_tally_room(const struct sal_tally *tally, int64_t known_matching, int64_t unsettled);

/* Releases a held cohort by name: it takes the next free j and its sums start from zero; its earlier offers stay
 * out. Errors: SAL_E_NOT_FOUND (no such cohort is held), SAL_E_INVALID when no j is left, SAL_E_NOMEM. */
enum sal_status sal_tally_release(struct sal_tally *tally, const char *cohort_name);

/* Totals S, F, Z, and ln E with its bound, for people. */
void sal_tally_totals(const struct sal_tally *tally, struct sal_evidence *ret);
/* Calls each for every cohort value: name, j, sums, held. */
void sal_tally_each_cohort(const struct sal_tally *tally,
                           void (*each)(void *arg, const char *name, int j, int64_t offered, int64_t failed,
                                        int64_t silent, bool held, double ln_e, double bound),
                           void *arg);

/* ---- persistence: a tally is a set of small rows, and only changed ones are written ---- */

enum sal_tally_row_kind { SAL_ROW_TOTAL, SAL_ROW_STAGE, SAL_ROW_POINT, SAL_ROW_BLOCK, SAL_ROW_COHORT };

/* Key (kind, a, b), four numbers, and a text (cohort name, else ""). What they mean is the tally's own matter. */
struct sal_tally_row {
        enum sal_tally_row_kind kind;
        int64_t a, b;
        int64_t v[4];
        const char *text;
};

/* Gives every row that changed since the last call and forgets that they changed. each returns a status; the first
 * failure ends the walk and is returned (the rows then still count as changed). When the caller's transaction fails
 * after that, the tally is to be dropped and loaded again. */
enum sal_status sal_tally_save(struct sal_tally *tally,
                               enum sal_status (*each)(void *arg, const struct sal_tally_row *row), void *arg);
/* Puts a saved row back into a new tally. Rows come in the order of (kind, a, b), so that each can be held against the
 * totals. Errors: SAL_E_CORRUPT, SAL_E_NOMEM. */
enum sal_status sal_tally_load(struct sal_tally *tally, const struct sal_tally_row *row);

#endif
