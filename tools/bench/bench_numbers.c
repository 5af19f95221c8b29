/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers that docs/rollout.md works with, computed by the code that decides. Nothing here is timed. The chances
 * are exact: sums over every course that a rollout of N machines, one after another, can take.
 */
#include "rollout/evidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MACHINES = 5000 };

static struct sal_plan plan;

/* ---- the chance that a rule ever halts ---- */

typedef bool halts_fn(int64_t offered, int64_t failed);

/* Halt at 5 % of those that reported, once 20 have, or 100. */
static bool halts_by_share_of_20(int64_t offered, int64_t failed) {
        return offered >= 20 && failed * 20 >= offered;
}

static bool halts_by_share_of_100(int64_t offered, int64_t failed) {
        return offered >= 100 && failed * 20 >= offered;
}

static bool halts_by_evidence(int64_t offered, int64_t failed) {
        return sal_ln_e(&plan, offered, failed, 0) >= sal_bound_all(&plan, 0);
}

/* Machines fail with probability p each and report at once; *ret_median: offers after which half of the halts came. */
static double chance_of_halt(halts_fn *halts, double p, int64_t *ret_median) {
        static double at[MACHINES + 1], ended[MACHINES + 1];
        double halted = 0, sum = 0;
        for (int i = 0; i <= MACHINES; i++)
                at[i] = ended[i] = 0;
        at[0] = 1;
        for (int64_t offered = 1; offered <= MACHINES; offered++) {
                for (int64_t failed = offered; failed >= 0; failed--) {
                        at[failed] = at[failed] * (1 - p) + (failed ? at[failed - 1] * p : 0);
                        if (at[failed] == 0 || !halts(offered, failed))
                                continue;
                        ended[offered] += at[failed];
                        at[failed] = 0;
                }
                halted += ended[offered];
        }
        *ret_median = 0;
        while (*ret_median < MACHINES && sum < halted / 2)
                sum += ended[++*ret_median];
        return halted;
}

static void print_chances(void) {
        static const double rates[] = {0.01, 0.02, 0.03, 0.05, 0.10, 0.30, 0.50, 0.90};
        printf("chance that %d machines, one after another, are ever halted, and offers at half of the halts\n",
               MACHINES);
        printf("%8s %26s %26s %26s\n", "p", "5 % of at least 20", "5 % of at least 100", "E of all offers");
        static halts_fn *const rules[] = {halts_by_share_of_20, halts_by_share_of_100, halts_by_evidence};
        for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
                printf("%8.2f", rates[i]);
                for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
                        int64_t at;
                        double chance = chance_of_halt(rules[k], rates[i], &at);
                        printf(" %15.4f %% (%6lld)", chance * 100, (long long)at);
                }
                printf("\n");
        }
}

/* ---- the bets ---- */

static void print_wealth(void) {
        static const int64_t courses[][2] = {{1, 0}, {1, 1}, {2, 1},  {5, 1},  {5, 2},
                                             {5, 3}, {5, 4}, {10, 1}, {20, 1}, {20, 5}};
        printf("\nW against 5 %% after S offers, F of them failed\n%6s %6s %14s %14s\n", "S", "F", "W", "E with Z = 0");
        for (size_t i = 0; i < sizeof courses / sizeof courses[0]; i++)
                printf("%6lld %6lld %14.4f %14.4f\n", (long long)courses[i][0], (long long)courses[i][1],
                       exp(sal_ln_w(plan.acceptable_failure, courses[i][0], courses[i][1])),
                       exp(sal_ln_e(&plan, courses[i][0], courses[i][1], 0)));
}

static int64_t fewest(int64_t offered, bool silent, double bound) {
        for (int64_t n = 0; n <= offered; n++)
                if (sal_ln_e(&plan, offered, silent ? 0 : n, silent ? n : 0) >= bound)
                        return n;
        return -1;
}

static void print_fewest_of_cohorts(void) {
        static const int64_t sizes[] = {5, 6, 10, 20, 50, 100}, values[] = {1, 2, 3, 10, 100};
        printf("\nfewest failures of S offers of a cohort value that hold it, when it is the j-th (-1: cannot)\n%6s",
               "S");
        for (size_t j = 0; j < sizeof values / sizeof values[0]; j++)
                printf("  j = %-4lld", (long long)values[j]);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                printf("\n%6lld", (long long)sizes[i]);
                for (size_t j = 0; j < sizeof values / sizeof values[0]; j++)
                        printf(" %9lld", (long long)fewest(sizes[i], false, sal_bound_cohort(&plan, 0, values[j])));
        }
        printf("\n");
}

static void print_fewest(void) {
        static const int64_t sizes[] = {4, 5, 10, 20, 50, 100, 500, 1000, 5000, 10000};
        printf("\nfewest failures, fewest silences that halt S offers, without cohorts and with (bounds %.3f, %.3f)\n",
               sal_bound_all(&plan, 0), log(4 / plan.halt_error));
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
                printf("%6lld %8lld %8lld %8lld %8lld\n", (long long)sizes[i],
                       (long long)fewest(sizes[i], false, log(2 / plan.halt_error)),
                       (long long)fewest(sizes[i], true, log(2 / plan.halt_error)),
                       (long long)fewest(sizes[i], false, log(4 / plan.halt_error)),
                       (long long)fewest(sizes[i], true, log(4 / plan.halt_error)));
        printf("halted after 1,000 successes: by all offers at %lld failures, by a block at 9 (contract 6.8)\n",
               (long long)fewest(1100, false, sal_bound_all(&plan, 0)));
}

/* Machines that fail one after another from the first of a block on. */
static int64_t fewest_in_a_row(int64_t block) {
        for (int64_t n = 1; n <= 32; n++)
                if (sal_ln_e(&plan, n, n, 0) >= sal_bound_block(&plan, 0, 0, block))
                        return n;
        return -1;
}

static void print_fewest_of_blocks(void) {
        static const int64_t blocks[] = {1, 2, 31, 312, 31250};
        printf("\nfewest failures that halt by a block of 32, of all its offers, and one after another\n");
        for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
                printf("  block %6lld: %3lld %3lld\n", (long long)blocks[i],
                       (long long)fewest(32, false, sal_bound_block(&plan, 0, 0, blocks[i])),
                       (long long)fewest_in_a_row(blocks[i]));
}

static void print_bounds(void) {
        printf("\nbounds ln(2/(c a)) after k resumes, no cohorts:");
        for (int k = 0; k < 4; k++)
                printf(" %.6f", sal_bound_all(&plan, k));
        printf("\nblock bounds of level 0, b = 1, 2, 10, 31, 100; of level 3, b = 1:");
        static const int64_t blocks[] = {1, 2, 10, 31, 100};
        for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
                printf(" %.4f", sal_bound_block(&plan, 0, 0, blocks[i]));
        printf("; %.4f\ncohort bounds j = 1, 2, 3, 10, 100:", sal_bound_block(&plan, 0, 3, 1));
        static const int64_t values[] = {1, 2, 3, 10, 100};
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
                printf(" %.4f", sal_bound_cohort(&plan, 0, values[i]));
        double shares = 0;
        for (int level = 0; level < 1000; level++)
                for (int64_t block = 1; block <= 1000; block++)
                        shares += 1.0 / ((level + 1.0) * (level + 2.0) * (double)block * ((double)block + 1));
        printf("\nshares of the first 1,000 blocks of the first 1,000 levels sum to %.4f of theirs\n", shares);
}

/* ---- going on ---- */

static void print_advance(void) {
        printf("\nmost offers of a stage's first n that may be anything but a settled success (unacceptable 20 %%)\n");
        for (int k = 0; k < 22; k++) {
                int64_t n = k == 0 ? 1 : k % 2 ? (int64_t)1 << (k + 1) / 2 : (int64_t)3 << (k / 2 - 1);
                int64_t most = -1;
                while (most < n && sal_ln_v(plan.unacceptable_failure, n, most + 1) >= sal_bound_advance(&plan))
                        most++;
                if (most >= 0)
                        printf("  n %6lld: %5lld\n", (long long)n, (long long)most);
        }
        static const double worst[] = {0.20, 0.30, 0.40, 0.50}, errors[] = {0.05, 0.10, 0.20};
        printf("fewest offers, all of them successes, that begin the next stage\n%14s", "unacceptable");
        for (size_t e = 0; e < 3; e++)
                printf("  error %.2f", errors[e]);
        for (size_t w = 0; w < 4; w++) {
                printf("\n%14.2f", worst[w]);
                for (size_t e = 0; e < 3; e++) {
                        int k = 0;
                        int64_t n = 1;
                        while (sal_ln_v(worst[w], n, 0) < log(1 / errors[e])) {
                                k++;
                                n = k % 2 ? (int64_t)1 << (k + 1) / 2 : (int64_t)3 << (k / 2 - 1);
                        }
                        printf(" %11lld", (long long)n);
                }
        }
        printf("\n");
}

static void print_small_fleet(void) {
        static const double errors[] = {0.01, 0.05, 0.10};
        printf("\nof the first S offers, failures (silences) that halt, without cohorts\n");
        for (size_t e = 0; e < 3; e++) {
                printf("  halt_error %.2f, bound %.3f:", errors[e], log(2 / errors[e]));
                for (int64_t offered = 2; offered <= 10; offered++)
                        printf("  %lld: %lld (%lld)", (long long)offered,
                               (long long)fewest(offered, false, log(2 / errors[e])),
                               (long long)fewest(offered, true, log(2 / errors[e])));
                printf("\n");
        }
}

int main(void) {
        sal_plan_default(&plan);
        plan.cohort_count = 0;
        print_chances();
        print_wealth();
        print_fewest();
        print_fewest_of_cohorts();
        print_fewest_of_blocks();
        print_bounds();
        print_advance();
        print_small_fleet();
        return EXIT_SUCCESS;
}
