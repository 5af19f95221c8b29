/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/tally_state.h"

#include <stdio.h>

double tally_ln_e(const struct sal_tally *tally, int64_t offered, int64_t failed, int64_t silent) {
        return sal_ln_mean(sal_mixture_ln(&tally->failure, offered, failed),
                           sal_mixture_ln(&tally->silence, offered, silent));
}

/* While neither share is over its acceptable value both likelihood ratios are at most 1, and every bound is over 1.
 * This keeps the logarithms away from the many sums that show nothing. */
static bool suspicious(const struct sal_tally *tally, int64_t offered, int64_t failed, int64_t silent) {
        return (double)failed > tally->plan.acceptable_failure * (double)offered ||
               (double)silent > tally->plan.acceptable_silence * (double)offered;
}

static struct sal_evidence evidence_of(const struct sal_tally *tally, int64_t offered, int64_t failed, int64_t silent,
                                       double bound) {
        return (struct sal_evidence){
                .offered = offered,
                .failed = failed,
                .silent = silent,
                .block_level = -1,
                .ln_e = tally_ln_e(tally, offered, failed, silent),
                .bound = bound,
        };
}

/* Takes cohort j as the worst so far if it is at its bound and its E is larger (or as large, and its j lower). */
static void look_at_cohort(const struct sal_tally *tally, int j, struct sal_evidence *worst) {
        const struct tally_cohort *cohort = &tally->cohorts[j - 1];
        const struct tally_sums *sums = &cohort->sums;
        if (cohort->state != TALLY_COHORT_FREE || !suspicious(tally, sums->offered, sums->failed, sums->silent))
                return;
        struct sal_evidence found = evidence_of(tally, sums->offered, sums->failed, sums->silent,
                                                sal_bound_cohort(&tally->plan, tally->halts_resumed, j));
        if (!(found.ln_e >= found.bound))
                return;
        if (worst->cohort && (found.ln_e < worst->ln_e || (found.ln_e == worst->ln_e && j > worst->cohort)))
                return;
        found.verdict = SAL_VERDICT_HOLD_COHORT;
        found.cohort = j;
        *worst = found;
}

static struct sal_evidence judge_cohorts(struct sal_tally *tally, const struct sal_slot *slot) {
        struct sal_evidence worst = {.block_level = -1};
        if (slot) {
                for (size_t k = 0; k < slot->cohort_count; k++)
                        look_at_cohort(tally, slot->cohorts[k], &worst);
        } else {
                for (int j = 1; j <= tally->cohort_count; j++)
                        look_at_cohort(tally, j, &worst);
        }
        if (worst.cohort) {
                struct tally_cohort *cohort = &tally->cohorts[worst.cohort - 1];
                cohort->state = TALLY_COHORT_HELD;
                cohort->changed = true;
                tally->cohorts_changed = true;
                snprintf(worst.cohort_name, sizeof worst.cohort_name, "%s", cohort->name);
                tally->last_hold = worst;
        }
        return worst;
}

static struct sal_evidence judge_all(const struct sal_tally *tally) {
        const struct tally_sums *total = &tally->total;
        struct sal_evidence found = {.block_level = -1};
        if (!suspicious(tally, total->offered, total->failed, total->silent))
                return found;
        found = evidence_of(tally, total->offered, total->failed, total->silent,
                            sal_bound_all(&tally->plan, tally->halts_resumed));
        if (found.ln_e >= found.bound)
                found.verdict = SAL_VERDICT_HALT;
        return found;
}

static struct sal_evidence judge_block(const struct sal_tally *tally, int level, int64_t number) {
        const struct tally_block *block = &tally->levels[level].blocks[number - 1];
        int64_t offered = block->offered & ~TALLY_BLOCK_CHANGED;
        struct sal_evidence found = {.block_level = -1};
        if (!suspicious(tally, offered, block->failed, block->silent))
                return found;
        found = evidence_of(tally, offered, block->failed, block->silent,
                            sal_bound_block(&tally->plan, tally->halts_resumed, level, number));
        found.block_level = level;
        found.block = number;
        if (found.ln_e >= found.bound)
                found.verdict = SAL_VERDICT_HALT;
        return found;
}

/* The blocks of one offer, or all of them: from the lowest level and the first block on. */
static struct sal_evidence judge_blocks(const struct sal_tally *tally, const struct sal_slot *slot) {
        for (int level = 0; level < TALLY_LEVELS && tally->made; level++) {
                int64_t first = slot ? slot->i >> tally_block_bits(level) : 1;
                int64_t last = slot ? first : (tally->made - 1) >> tally_block_bits(level);
                for (int64_t number = first ? first : 1; number <= last; number++) {
                        struct sal_evidence found = judge_block(tally, level, number);
                        if (found.verdict)
                                return found;
                }
        }
        return (struct sal_evidence){.block_level = -1};
}

struct sal_evidence sal_tally_judge(struct sal_tally *tally, const struct sal_slot *slot) {
        if (tally->last_hold.cohort && tally->left == 0) {
                struct sal_evidence found = tally->last_hold;
                found.verdict = SAL_VERDICT_HALT;
                return found;
        }
        if (slot && !sal_tally_counts(tally, slot))
                slot = NULL;
        struct sal_evidence found = judge_cohorts(tally, slot);
        if (!found.verdict)
                found = judge_all(tally);
        if (!found.verdict)
                found = judge_blocks(tally, slot);
        return found.verdict ? found : (struct sal_evidence){.block_level = -1};
}

void sal_tally_totals(const struct sal_tally *tally, struct sal_evidence *ret) {
        const struct tally_sums *total = &tally->total;
        *ret = evidence_of(tally, total->offered, total->failed, total->silent,
                           sal_bound_all(&tally->plan, tally->halts_resumed));
}

struct sal_evidence sal_tally_advance_evidence(const struct sal_tally *tally) {
        struct sal_evidence found = {.block_level = -1};
        const struct tally_stage *stage = &tally->stages[tally->stage];
        if (tally->stage + 1 >= (int)tally->plan.ring_count)
                return found;
        double bound = sal_bound_advance(&tally->plan);
        int64_t offered = 0;
        int64_t succeeded = 0;
        for (int k = 0; k < TALLY_POINTS && tally_point(k) <= stage->made; k++) {
                offered += stage->segments[k].offered;
                succeeded += stage->segments[k].succeeded;
                /* With a share that is not below the unacceptable one V is at most 1, and its bound is at least 2. */
                if ((double)(offered - succeeded) >= tally->plan.unacceptable_failure * (double)offered)
                        continue;
                double ln_v = sal_mixture_ln(&tally->advance, offered, offered - succeeded);
                if (!(ln_v >= bound))
                        continue;
                found.verdict = SAL_VERDICT_ADVANCE;
                found.offered = tally_point(k);
                found.failed = offered - succeeded;
                found.ln_e = ln_v;
                found.bound = bound;
                return found;
        }
        return found;
}

/* G of a stage: settled successes of the longest prefix that is not worse than unacceptable. */
static int64_t proven(const struct sal_tally *tally, const struct tally_stage *stage) {
        int64_t offered = 0;
        int64_t succeeded = 0;
        int64_t best = 0;
        for (int k = 0; k < TALLY_POINTS && tally_point(k) <= stage->made; k++) {
                offered += stage->segments[k].offered;
                succeeded += stage->segments[k].succeeded;
                if ((double)(offered - succeeded) <= tally->plan.unacceptable_failure * (double)offered)
                        best = succeeded;
        }
        return best;
}

double sal_tally_cap(const struct sal_tally *tally, int64_t known_matching) {
        int64_t initial = tally->plan.in_flight_initial;
        if (initial > known_matching / 10)
                initial = known_matching / 10;
        double cap = (double)(initial > 1 ? initial : 1);
        for (int stage = 0; stage <= tally->stage; stage++)
                cap += tally->plan.rings[stage].growth * (double)proven(tally, &tally->stages[stage]);
        return cap < (double)tally->plan.in_flight_max ? cap : (double)tally->plan.in_flight_max;
}

double sal_tally_excess(const struct sal_tally *tally) {
        const struct tally_sums *total = &tally->total;
        double acceptable = tally->plan.acceptable_failure + tally->plan.acceptable_silence;
        double excess = (double)(total->failed + total->silent) - acceptable * (double)total->offered;
        return excess > 0 ? excess : 0;
}

bool sal_tally_room(const struct sal_tally *tally, int64_t known_matching, int64_t unsettled) {
        return unsettled == 0 || (double)unsettled + sal_tally_excess(tally) < sal_tally_cap(tally, known_matching);
}
