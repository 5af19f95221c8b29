/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/tally_state.h"

#include <stdlib.h>
#include <string.h>

/* What an offer adds to the sums. */
struct share {
        int offered, failed, silent, succeeded;
};

struct sal_tally *sal_tally_new(const struct sal_plan *plan, int halts_resumed) {
        struct sal_tally *tally = calloc(1, sizeof *tally);
        if (!tally)
                return NULL;
        tally->plan = *plan;
        tally->halts_resumed = halts_resumed;
        sal_mixture_w(plan->acceptable_failure, &tally->failure);
        sal_mixture_w(plan->acceptable_silence, &tally->silence);
        sal_mixture_v(plan->unacceptable_failure, &tally->advance);
        tally->total_changed = true;
        return tally;
}

void sal_tally_free(struct sal_tally *tally) {
        if (!tally)
                return;
        for (int level = 0; level < TALLY_LEVELS; level++)
                free(tally->levels[level].blocks);
        for (int j = 0; j < tally->cohort_count; j++)
                free(tally->cohorts[j].name);
        free(tally->cohorts);
        free(tally->changed_blocks);
        free(tally);
}

bool tally_reserve_blocks(struct sal_tally *tally, int64_t made) {
        for (int level = 0; level < TALLY_LEVELS; level++) {
                struct tally_level *l = &tally->levels[level];
                size_t need = made ? (size_t)((made - 1) >> tally_block_bits(level)) : 0;
                if (need <= l->capacity)
                        continue;
                size_t capacity = need + need / 2 + 8;
                struct tally_block *blocks = realloc(l->blocks, capacity * sizeof *blocks);
                if (!blocks)
                        return false;
                memset(blocks + l->capacity, 0, (capacity - l->capacity) * sizeof *blocks);
                l->blocks = blocks;
                l->capacity = capacity;
        }
        return true;
}

static struct share share_of(enum sal_weight weight) {
        return (struct share){
                .offered = weight != SAL_WEIGHT_NOT_APPLICABLE,
                .failed = weight == SAL_WEIGHT_FAILED,
                .silent = weight == SAL_WEIGHT_SILENT,
                .succeeded = weight == SAL_WEIGHT_SUCCESS,
        };
}

static struct share minus(struct share a, struct share b) {
        return (struct share){a.offered - b.offered, a.failed - b.failed, a.silent - b.silent,
                              a.succeeded - b.succeeded};
}

static void remember_block(struct sal_tally *tally, int level, int64_t block) {
        if (tally->scan)
                return;
        if (tally->changed_count == tally->changed_capacity) {
                size_t capacity = tally->changed_capacity ? 2 * tally->changed_capacity : 64;
                struct tally_block_key *keys = realloc(tally->changed_blocks, capacity * sizeof *keys);
                if (!keys) {
                        tally->scan = true;
                        return;
                }
                tally->changed_blocks = keys;
                tally->changed_capacity = capacity;
        }
        tally->changed_blocks[tally->changed_count++] = (struct tally_block_key){level, (uint32_t)block};
}

static void add_to_blocks(struct sal_tally *tally, int64_t i, struct share share) {
        for (int level = 0; level < TALLY_LEVELS; level++) {
                int64_t number = i >> tally_block_bits(level);
                if (number == 0)
                        return;
                struct tally_block *block = &tally->levels[level].blocks[number - 1];
                if (!(block->offered & TALLY_BLOCK_CHANGED))
                        remember_block(tally, level, number);
                block->offered = (block->offered + (uint32_t)share.offered) | TALLY_BLOCK_CHANGED;
                block->failed += (uint32_t)share.failed;
                block->silent += (uint32_t)share.silent;
        }
}

/* Index of the first point of L that is not below o. */
static int segment_of(int64_t o) {
        if (o == 1)
                return 0;
        int bits = 63 - __builtin_clzll((unsigned long long)o);
        int64_t power = (int64_t)1 << bits;
        if (o == power)
                return 2 * bits - 1;
        return o <= power + power / 2 ? 2 * bits : 2 * bits + 1;
}

static void add_to_stage(struct tally_stage *stage, int64_t o, struct share share) {
        struct tally_segment *segment = &stage->segments[segment_of(o)];
        segment->offered += share.offered;
        segment->succeeded += share.succeeded;
        segment->changed = true;
        stage->changed = true;
}

static void add_to_sums(struct tally_sums *sums, struct share share) {
        sums->offered += share.offered;
        sums->failed += share.failed;
        sums->silent += share.silent;
}

/* Adds to every sum the offer is in. Cohorts that are held keep their sums as they were. */
static void add(struct sal_tally *tally, const struct sal_slot *slot, struct share share) {
        add_to_sums(&tally->total, share);
        tally->total_changed = true;
        add_to_blocks(tally, slot->i, share);
        add_to_stage(&tally->stages[slot->stage], slot->o, share);
        for (size_t k = 0; k < slot->cohort_count; k++) {
                struct tally_cohort *cohort = &tally->cohorts[slot->cohorts[k] - 1];
                if (cohort->state != TALLY_COHORT_FREE)
                        continue;
                add_to_sums(&cohort->sums, share);
                cohort->changed = true;
                tally->cohorts_changed = true;
        }
}

/* A slot comes back from storage: one that this tally never gave out must not reach the arrays. */
static bool slot_known(const struct sal_tally *tally, const struct sal_slot *slot) {
        if (slot->i < 0 || slot->i >= tally->made || slot->stage < 0 || slot->stage >= (int)tally->plan.ring_count ||
            slot->o < 1 || slot->o > tally->stages[slot->stage].made || slot->cohort_count > SAL_PLAN_MAX_COHORTS)
                return false;
        for (size_t k = 0; k < slot->cohort_count; k++) {
                if (slot->cohorts[k] < 1 || slot->cohorts[k] > tally->cohort_count)
                        return false;
        }
        return true;
}

bool sal_tally_counts(const struct sal_tally *tally, const struct sal_slot *slot) {
        if (!slot_known(tally, slot))
                return false;
        for (size_t k = 0; k < slot->cohort_count; k++) {
                if (tally->cohorts[slot->cohorts[k] - 1].state != TALLY_COHORT_FREE)
                        return false;
        }
        return true;
}

/* Finds or adds the cohort values; on failure those that were added are taken back. */
static enum sal_status number_cohorts(struct sal_tally *tally, size_t count, char cohorts[][SAL_COHORT_NAME_BYTES],
                                      struct sal_slot *slot) {
        int before = tally->cohort_count;
        for (size_t k = 0; k < count && k < SAL_PLAN_MAX_COHORTS; k++) {
                int j = tally_cohort_find(tally, cohorts[k]);
                if (!j) {
                        if (tally->cohort_count == SAL_COHORT_VALUES_MAX)
                                continue;
                        j = tally_cohort_add(tally, cohorts[k]);
                        if (!j) {
                                while (tally->cohort_count > before)
                                        tally_cohort_take_back(tally);
                                return SAL_E_NOMEM;
                        }
                }
                slot->cohorts[slot->cohort_count++] = j;
        }
        return SAL_OK;
}

enum sal_status sal_tally_offer(struct sal_tally *tally, size_t count, char cohorts[][SAL_COHORT_NAME_BYTES],
                                struct sal_slot *ret) {
        if (tally->made >= TALLY_MAX_OFFERS)
                return SAL_E_TOO_MANY;
        if (sal_tally_held(tally, count, cohorts))
                return SAL_E_REFUSED;
        if (!tally_reserve_blocks(tally, tally->made + 1))
                return SAL_E_NOMEM;
        struct sal_slot slot = {
                .i = tally->made,
                .o = tally->stages[tally->stage].made + 1,
                .stage = tally->stage,
        };
        enum sal_status status = number_cohorts(tally, count, cohorts, &slot);
        if (status)
                return status;
        tally->made++;
        tally->left++;
        tally->stages[tally->stage].made++;
        add(tally, &slot, share_of(SAL_WEIGHT_PENDING));
        *ret = slot;
        return SAL_OK;
}

bool sal_tally_change(struct sal_tally *tally, const struct sal_slot *slot, enum sal_weight from, enum sal_weight to) {
        if (!sal_tally_counts(tally, slot))
                return false;
        struct share share = minus(share_of(to), share_of(from));
        add(tally, slot, share);
        return share.failed > 0 || share.silent > 0 || share.offered < 0;
}

void sal_tally_exclude(struct sal_tally *tally, const struct sal_slot *slot, enum sal_weight weight) {
        if (!slot_known(tally, slot))
                return;
        add(tally, slot, minus((struct share){0}, share_of(weight)));
        tally->left--;
}

int sal_tally_stage(const struct sal_tally *tally) {
        return tally->stage;
}

void sal_tally_next_stage(struct sal_tally *tally) {
        if (tally->stage + 1 >= (int)tally->plan.ring_count)
                return;
        tally->stage++;
        tally->total_changed = true;
}
