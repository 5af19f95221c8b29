/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a tally, shared by the four files that make it: tally.c (sums), cohort.c (cohort values), judge.c
 * (questions) and tally_rows.c (persistence). Nobody else includes it.
 *
 * Thread and ownership: as in tally.h.
 */
#ifndef SAL_ROLLOUT_TALLY_STATE_H
#define SAL_ROLLOUT_TALLY_STATE_H

#include "rollout/evidence.h"
#include "rollout/tally.h"

enum {
        TALLY_LEVELS = 13, /* 32 * 4^12 = 2^29; a block of the next level would begin at 2^31 */
        TALLY_POINTS = 64, /* 1, 2, 3, 4, 6, … up to 2^31 and beyond */
        TALLY_HASH_SIZE = 2048,
};

#define TALLY_MAX_OFFERS ((int64_t)1 << 31)

/* The top bit of `offered` marks a block as changed since it was saved; a block has at most 2^29 offers. */
#define TALLY_BLOCK_CHANGED 0x80000000U

struct tally_sums {
        int64_t offered, failed, silent; /* S, F, Z */
};

struct tally_block {
        uint32_t offered, failed, silent;
};

struct tally_level {
        struct tally_block *blocks; /* block b at index b - 1: block 0 is never judged */
        size_t capacity;
};

/* Offers from just after the previous point of L up to this one. A prefix is the sum of its segments. */
struct tally_segment {
        int64_t offered, succeeded;
        bool changed;
};

struct tally_stage {
        int64_t made;
        bool changed; /* the stage or one of its segments */
        struct tally_segment segments[TALLY_POINTS];
};

enum tally_cohort_state { TALLY_COHORT_FREE, TALLY_COHORT_HELD, TALLY_COHORT_RELEASED };

struct tally_cohort {
        char *name;
        enum tally_cohort_state state;
        bool changed;
        struct tally_sums sums;
};

struct tally_block_key {
        int level;
        uint32_t block;
};

struct sal_tally {
        struct sal_plan plan;
        int halts_resumed;
        struct sal_mixture failure, silence, advance;

        int64_t made; /* offers numbered so far */
        int64_t left; /* those that no hold has taken out */
        int stage;
        bool total_changed;
        struct tally_sums total;
        struct tally_stage stages[SAL_PLAN_MAX_RINGS];
        struct tally_level levels[TALLY_LEVELS];

        /* Changed blocks, each once. Without memory for the list, scan says that all blocks must be looked through. */
        struct tally_block_key *changed_blocks;
        size_t changed_count, changed_capacity;
        bool scan;

        int cohort_count;
        struct tally_cohort *cohorts; /* cohort j at index j - 1 */
        int cohort_capacity;
        bool cohorts_changed;
        int hash[TALLY_HASH_SIZE];     /* j of the newest cohort of a name, or 0 */
        struct sal_evidence last_hold; /* cohort 0: none yet */
};

/* log2 of the number of offers in a block. */
static inline int tally_block_bits(int level) {
        return 5 + 2 * level;
}

/* The k-th member of L. */
static inline int64_t tally_point(int k) {
        if (k == 0)
                return 1;
        return k % 2 ? (int64_t)1 << (k + 1) / 2 : (int64_t)3 << (k / 2 - 1);
}

/* Makes room for the blocks that the offers 0..made-1 need. False without memory. */
bool tally_reserve_blocks(struct sal_tally *tally, int64_t made);

/* j of a name's newest cohort, or 0. */
int tally_cohort_find(const struct sal_tally *tally, const char *name);
/* Adds a cohort value (which takes over the name from an earlier one); returns its j, or 0 without memory. */
int tally_cohort_add(struct sal_tally *tally, const char *name);
/* Takes back the cohort added last, whose name was new. */
void tally_cohort_take_back(struct sal_tally *tally);

/* ln E of these counts under the plan of the tally (evidence.h). */
double tally_ln_e(const struct sal_tally *tally, int64_t offered, int64_t failed, int64_t silent);

#endif
