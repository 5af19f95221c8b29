/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change of the tally costs with ten thousand offers made and with ten million: a success, a failure with the
 * question of the halt rule behind it, a new offer, and the question of advance and cap. The ratio shows that the
 * number of offers hardly matters.
 */
#include "base/clock.h"
#include "rollout/tally.h"

#include <stdio.h>
#include <stdlib.h>

enum { SMALL = 10000, LARGE = 10000000, CHANGES = 2000000, JUDGEMENTS = 100000, QUESTIONS = 100000 };

/* Nanoseconds per operation. */
struct costs {
        double offer, change, judged_failure, advance_and_cap;
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

static double ask(const struct sal_tally *tally) {
        double sum = 0;
        int64_t start_us = sal_clock_mono_us();
        for (int64_t n = 0; n < QUESTIONS; n++)
                sum += sal_tally_cap(tally, 1000000) + sal_tally_advance_evidence(tally).ln_e;
        double cost = per_operation(start_us, QUESTIONS);
        return sum >= 0 ? cost : 0;
}

static struct costs measure(int64_t offers) {
        struct sal_plan plan;
        struct costs costs;
        uint64_t seed = 0x5a15a15a1;
        sal_plan_default(&plan);
        sal_auto(sal_tally) struct sal_tally *tally = sal_tally_new(&plan, 0);
        if (!tally)
                exit(EXIT_FAILURE);
        costs.offer = make_offers(tally, offers);
        costs.change = change_at_random(tally, offers, &seed);
        costs.judged_failure = fail_and_judge(tally, offers, &seed);
        costs.advance_and_cap = ask(tally);
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
        print_row("advance and cap", small.advance_and_cap, large.advance_and_cap);
        return EXIT_SUCCESS;
}
