/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/tally_state.h"

#include <stdlib.h>

/* Where the rows go. */
typedef enum sal_status row_fn(void *arg, const struct sal_tally_row *row);

/* Two rows: what was numbered (a = 0), and the sums (a = 1). */
static enum sal_status save_total(const struct sal_tally *tally, row_fn *each, void *arg) {
        struct sal_tally_row numbers = {SAL_ROW_TOTAL, 0, 0, {tally->made, tally->left, tally->stage, 0}, ""};
        struct sal_tally_row sums = {
                SAL_ROW_TOTAL, 1, 0, {tally->total.offered, tally->total.failed, tally->total.silent, 0}, ""};
        enum sal_status status = tally->total_changed ? each(arg, &numbers) : SAL_OK;
        return status || !tally->total_changed ? status : each(arg, &sums);
}

static enum sal_status save_stages(const struct sal_tally *tally, row_fn *each, void *arg) {
        for (int s = 0; s < SAL_PLAN_MAX_RINGS; s++) {
                const struct tally_stage *stage = &tally->stages[s];
                struct sal_tally_row row = {SAL_ROW_STAGE, s, 0, {stage->made}, ""};
                enum sal_status status = stage->changed ? each(arg, &row) : SAL_OK;
                if (status)
                        return status;
        }
        return SAL_OK;
}

static enum sal_status save_segments(const struct sal_tally *tally, row_fn *each, void *arg) {
        for (int s = 0; s < SAL_PLAN_MAX_RINGS; s++) {
                for (int k = 0; tally->stages[s].changed && k < TALLY_POINTS; k++) {
                        const struct tally_segment *segment = &tally->stages[s].segments[k];
                        struct sal_tally_row row = {SAL_ROW_POINT, s, k, {segment->offered, segment->succeeded}, ""};
                        enum sal_status status = segment->changed ? each(arg, &row) : SAL_OK;
                        if (status)
                                return status;
                }
        }
        return SAL_OK;
}

static enum sal_status save_block(const struct sal_tally *tally, int level, int64_t number, row_fn *each, void *arg) {
        const struct tally_block *block = &tally->levels[level].blocks[number - 1];
        if (!(block->offered & TALLY_BLOCK_CHANGED))
                return SAL_OK;
        struct sal_tally_row row = {SAL_ROW_BLOCK,
                                    level,
                                    number,
                                    {block->offered & ~TALLY_BLOCK_CHANGED, block->failed, block->silent},
                                    ""};
        return each(arg, &row);
}

static enum sal_status save_blocks(const struct sal_tally *tally, row_fn *each, void *arg) {
        enum sal_status status = SAL_OK;
        if (!tally->scan) {
                for (size_t n = 0; n < tally->changed_count && !status; n++)
                        status = save_block(tally, tally->changed_blocks[n].level, tally->changed_blocks[n].block, each,
                                            arg);
                return status;
        }
        for (int level = 0; level < TALLY_LEVELS; level++) {
                for (size_t n = 0; n < tally->levels[level].capacity && !status; n++)
                        status = save_block(tally, level, (int64_t)n + 1, each, arg);
        }
        return status;
}

static enum sal_status save_cohorts(const struct sal_tally *tally, row_fn *each, void *arg) {
        for (int j = 1; tally->cohorts_changed && j <= tally->cohort_count; j++) {
                const struct tally_cohort *cohort = &tally->cohorts[j - 1];
                struct sal_tally_row row = {SAL_ROW_COHORT,
                                            j,
                                            0,
                                            {cohort->sums.offered, cohort->sums.failed, cohort->sums.silent,
                                             (int64_t)cohort->state},
                                            cohort->name};
                enum sal_status status = cohort->changed ? each(arg, &row) : SAL_OK;
                if (status)
                        return status;
        }
        return SAL_OK;
}

static void forget_blocks(struct sal_tally *tally) {
        for (size_t n = 0; n < tally->changed_count; n++) {
                const struct tally_block_key *key = &tally->changed_blocks[n];
                tally->levels[key->level].blocks[key->block - 1].offered &= ~TALLY_BLOCK_CHANGED;
        }
        for (int level = 0; tally->scan && level < TALLY_LEVELS; level++) {
                for (size_t n = 0; n < tally->levels[level].capacity; n++)
                        tally->levels[level].blocks[n].offered &= ~TALLY_BLOCK_CHANGED;
        }
        tally->changed_count = 0;
        tally->scan = false;
}

static void forget(struct sal_tally *tally) {
        tally->total_changed = false;
        for (int s = 0; s < SAL_PLAN_MAX_RINGS; s++) {
                for (int k = 0; tally->stages[s].changed && k < TALLY_POINTS; k++)
                        tally->stages[s].segments[k].changed = false;
                tally->stages[s].changed = false;
        }
        forget_blocks(tally);
        for (int j = 0; tally->cohorts_changed && j < tally->cohort_count; j++)
                tally->cohorts[j].changed = false;
        tally->cohorts_changed = false;
}

enum sal_status sal_tally_save(struct sal_tally *tally, row_fn *each, void *arg) {
        enum sal_status status;
        if ((status = save_total(tally, each, arg)) || (status = save_stages(tally, each, arg)) ||
            (status = save_segments(tally, each, arg)) || (status = save_blocks(tally, each, arg)) ||
            (status = save_cohorts(tally, each, arg)))
                return status;
        forget(tally);
        return SAL_OK;
}

/* S, F, Z as they can be: none negative, F + Z within S, S within `most`. */
static bool sums_possible(const int64_t v[static 4], int64_t most) {
        return v[0] >= 0 && v[0] <= most && v[1] >= 0 && v[1] <= v[0] && v[2] >= 0 && v[2] <= v[0] - v[1];
}

static enum sal_status load_total(struct sal_tally *tally, const struct sal_tally_row *row) {
        if (row->a == 1) {
                if (!sums_possible(row->v, tally->left))
                        return SAL_E_CORRUPT;
                tally->total = (struct tally_sums){row->v[0], row->v[1], row->v[2]};
                return SAL_OK;
        }
        if (row->a != 0 || row->v[0] < 0 || row->v[0] > TALLY_MAX_OFFERS || row->v[1] < 0 || row->v[1] > row->v[0] ||
            row->v[2] < 0 || row->v[2] >= (int64_t)tally->plan.ring_count)
                return SAL_E_CORRUPT;
        if (!tally_reserve_blocks(tally, row->v[0]))
                return SAL_E_NOMEM;
        tally->made = row->v[0];
        tally->left = row->v[1];
        tally->stage = (int)row->v[2];
        return SAL_OK;
}

static enum sal_status load_stage(struct sal_tally *tally, const struct sal_tally_row *row) {
        if (row->a < 0 || row->a >= (int64_t)tally->plan.ring_count || row->v[0] < 0 || row->v[0] > tally->made)
                return SAL_E_CORRUPT;
        tally->stages[row->a].made = row->v[0];
        return SAL_OK;
}

static enum sal_status load_segment(struct sal_tally *tally, const struct sal_tally_row *row) {
        if (row->a < 0 || row->a >= (int64_t)tally->plan.ring_count || row->b < 0 || row->b >= TALLY_POINTS ||
            row->v[0] < 0 || row->v[0] > tally->stages[row->a].made || row->v[1] < 0 || row->v[1] > row->v[0])
                return SAL_E_CORRUPT;
        tally->stages[row->a].segments[row->b].offered = row->v[0];
        tally->stages[row->a].segments[row->b].succeeded = row->v[1];
        return SAL_OK;
}

static enum sal_status load_block(struct sal_tally *tally, const struct sal_tally_row *row) {
        if (row->a < 0 || row->a >= TALLY_LEVELS || tally->made == 0)
                return SAL_E_CORRUPT;
        int bits = tally_block_bits((int)row->a);
        if (row->b < 1 || row->b > (tally->made - 1) >> bits || !sums_possible(row->v, (int64_t)1 << bits))
                return SAL_E_CORRUPT;
        tally->levels[row->a].blocks[row->b - 1] =
                (struct tally_block){(uint32_t)row->v[0], (uint32_t)row->v[1], (uint32_t)row->v[2]};
        return SAL_OK;
}

static enum sal_status load_cohort(struct sal_tally *tally, const struct sal_tally_row *row) {
        if (row->a != tally->cohort_count + 1 || row->a > SAL_COHORT_VALUES_MAX || !row->text || !*row->text ||
            !sums_possible(row->v, tally->made) || row->v[3] < TALLY_COHORT_FREE || row->v[3] > TALLY_COHORT_RELEASED)
                return SAL_E_CORRUPT;
        int j = tally_cohort_add(tally, row->text);
        if (!j)
                return SAL_E_NOMEM;
        struct tally_cohort *cohort = &tally->cohorts[j - 1];
        cohort->state = (enum tally_cohort_state)row->v[3];
        cohort->sums = (struct tally_sums){row->v[0], row->v[1], row->v[2]};
        cohort->changed = false;
        tally->cohorts_changed = false;
        return SAL_OK;
}

enum sal_status sal_tally_load(struct sal_tally *tally, const struct sal_tally_row *row) {
        /* What was just read need not be written again. */
        tally->total_changed = false;
        switch (row->kind) {
        case SAL_ROW_TOTAL:
                return load_total(tally, row);
        case SAL_ROW_STAGE:
                return load_stage(tally, row);
        case SAL_ROW_POINT:
                return load_segment(tally, row);
        case SAL_ROW_BLOCK:
                return load_block(tally, row);
        case SAL_ROW_COHORT:
                return load_cohort(tally, row);
        }
        return SAL_E_CORRUPT;
}
