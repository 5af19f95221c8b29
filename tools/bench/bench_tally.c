/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change of the tally costs with ten thousand offers made and with ten million: a success, a failure with the
 * question of the halt rule behind it, a new offer, and the questions of cap and of advance. Advance is asked after
 * every event, so it is measured where it is dearest too: every prefix just better than unacceptable, so that none can
 * be told without its logarithms. The ratio shows that the number of offers hardly matters; only the one question about
 * every block, asked once after a restart, grows with it.
 */
#include "base/clock.h"
#include "rollout/tally.h"

#include <stdio.h>
#include <stdlib.h>

enum { SMALL = 10000, LARGE = 10000000, CHANGES = 2000000, JUDGEMENTS = 100000, QUESTIONS = 100000 };

/* Nanoseconds per operation. */
struct costs {
        double offer, change, judged_failure, cap, advance, dear_advance, judge_whole;
};

static uint64_t next_random(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static double per_operation(int64_t start_us, int64_t count) {
        return (double)(sal_clock_mono_us() - start_us) * 1000 / (double)count;
}

/* All offers are made in the first stage to one cohort, so that a slot follows from its number. */
static struct sal_slot slot_of(int64_t i) {
        return (struct sal_slot){.i = i, .o = i + 1, .cohort_count = 1, .cohorts = {1}};
}

static double make_offers(struct sal_tally *tally, int64_t count) {
        char cohorts[1][SAL_COHORT_NAME_BYTES] = {"model=OptiPlex 7010"};
        struct sal_slot slot;
        int64_t start_us = sal_clock_mono_us();
        for (int64_t i = 0; i < count; i++) {
                if (sal_tally_offer(tally, 1, cohorts, &slot)) {
                        fprintf(stderr, "bench_tally: no memory for %lld offers\n", (long long)count);
                        exit(EXIT_FAILURE);
                }
        }
        return per_operation(start_us, count);
}

static double change_at_random(struct sal_tally *tally, int64_t offers, uint64_t *seed) {
        int64_t start_us = sal_clock_mono_us();
        for (int64_t n = 0; n < CHANGES / 2; n++) {
                struct sal_slot slot = slot_of((int64_t)(next_random(seed) % (uint64_t)offers));
                sal_tally_change(tally, &slot, SAL_WEIGHT_PENDING, SAL_WEIGHT_SUCCESS);
                sal_tally_change(tally, &slot, SAL_WEIGHT_SUCCESS, SAL_WEIGHT_PENDING);
        }
        return per_operation(start_us, CHANGES);
}

static double fail_and_judge(struct sal_tally *tally, int64_t offers, uint64_t *seed) {
        int64_t start_us = sal_clock_mono_us();
        for (int64_t n = 0; n < JUDGEMENTS; n++) {
                struct sal_slot slot = slot_of((int64_t)(next_random(seed) % (uint64_t)offers));
                sal_tally_change(tally, &slot, SAL_WEIGHT_PENDING, SAL_WEIGHT_FAILED);
                if (sal_tally_judge(tally, &slot).verdict)
                        exit(EXIT_FAILURE);
                sal_tally_change(tally, &slot, SAL_WEIGHT_FAILED, SAL_WEIGHT_PENDING);
        }
        return per_operation(start_us, JUDGEMENTS);
}

static double ask_cap(const struct sal_tally *tally) {
        double sum = 0;
        int64_t start_us = sal_clock_mono_us();
        for (int64_t n = 0; n < QUESTIONS; n++)
                sum += sal_tally_cap(tally, 1000000);
        double cost = per_operation(start_us, QUESTIONS);
        return sum >= 0 ? cost : 0;
}

static double ask_advance(const struct sal_tally *tally) {
        int64_t start_us = sal_clock_mono_us();
        for (int64_t n = 0; n < QUESTIONS; n++)
                if (sal_tally_advance_evidence(tally).verdict)
                        exit(EXIT_FAILURE);
        return per_operation(start_us, QUESTIONS);
}

static double ask_whole(struct sal_tally *tally) {
        int64_t start_us = sal_clock_mono_us();
        if (sal_tally_judge(tally, NULL).verdict)
                exit(EXIT_FAILURE);
        return per_operation(start_us, 1);
}

/* Of every ten thousand offers 8,001 succeed, the first ones first: each prefix is just better than the 20 % that are
 * unacceptable, and none proves it. */
static void succeed_hardly(struct sal_tally *tally, int64_t offers) {
        for (int64_t i = 0, succeeded = 0; i < offers; i++) {
                struct sal_slot slot = slot_of(i);
                if (succeeded * 10000 >= (i + 1) * 8001)
                        continue;
                sal_tally_change(tally, &slot, SAL_WEIGHT_PENDING, SAL_WEIGHT_SUCCESS);
                succeeded++;
        }
}

static struct costs measure(int64_t offers) {
        struct sal_plan plan;
        struct costs costs;
        uint64_t seed = 0x5a15a15a1;
        sal_plan_default(&plan);
        plan.advance_error = 1e-300; /* the evidence never suffices, so the question goes through every prefix */
        sal_auto(sal_tally) struct sal_tally *tally = sal_tally_new(&plan, 0);
        if (!tally)
                exit(EXIT_FAILURE);
        costs.offer = make_offers(tally, offers);
        costs.change = change_at_random(tally, offers, &seed);
        costs.judged_failure = fail_and_judge(tally, offers, &seed);
        costs.cap = ask_cap(tally);
        costs.advance = ask_advance(tally);
        costs.judge_whole = ask_whole(tally);
        succeed_hardly(tally, offers);
        costs.dear_advance = ask_advance(tally);
        return costs;
}

static void print_row(const char *what, double small, double large) {
        printf("%-24s %10.0f ns %10.0f ns %8.2f\n", what, small, large, large / small);
}

int main(void) {
        struct costs small = measure(SMALL);
        struct costs large = measure(LARGE);
        printf("%-24s %13s %13s %8s\n", "", "10^4 offers", "10^7 offers", "ratio");
        print_row("new offer", small.offer, large.offer);
        print_row("change", small.change, large.change);
        print_row("failure, judged, undone", small.judged_failure, large.judged_failure);
        print_row("cap", small.cap, large.cap);
        print_row("advance, all pending", small.advance, large.advance);
        print_row("advance, dearest", small.dear_advance, large.dear_advance);
        print_row("every block, once", small.judge_whole, large.judge_whole);
        return EXIT_SUCCESS;
}
