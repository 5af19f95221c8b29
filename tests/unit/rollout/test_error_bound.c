/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The promise behind the halt rule, by simulation: a fix as good as its plan asks is halted (or one of its cohorts
 * held) with a chance of at most halt_error, however the outcomes are delayed and although the rule is asked after each
 * of them; and a bad fix is halted early.
 */
#include "rollout/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { OFFERS = 1000, GOOD_CAMPAIGNS = 1000, BAD_CAMPAIGNS = 200 };

static uint64_t next_random(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static double next_unit(uint64_t *seed) {
        return (double)(next_random(seed) >> 11) / 9007199254740992.0;
}

struct truth {
        double failing, silent;
        size_t cohorts; /* how many facts of the plan */
        int in_flight;  /* offers out at once */
};

/* Offers and settles one machine after the other; outcomes come in any order. Returns the offers made until the first
 * halt or hold, or 0 when there was none. */
static int run_campaign(const struct truth *truth, uint64_t *seed) {
        struct sal_plan plan;
        struct sal_slot out[64];
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        int waiting = 0;
        sal_plan_default(&plan);
        plan.cohort_count = truth->cohorts;
        sal_auto(sal_tally) struct sal_tally *tally = sal_tally_new(&plan, 0);
        assert_non_null(tally);
        for (int made = 0; made < OFFERS || waiting > 0;) {
                if (made < OFFERS && waiting < truth->in_flight) {
                        for (size_t k = 0; k < truth->cohorts; k++)
                                snprintf(cohorts[k], sizeof cohorts[k], "fact%zu=%d", k, (int)(next_random(seed) % 12));
                        assert_int_equal(sal_tally_offer(tally, truth->cohorts, cohorts, &out[waiting++]), SAL_OK);
                        made++;
                        continue;
                }
                int which = (int)(next_random(seed) % (uint64_t)waiting);
                double dice = next_unit(seed);
                enum sal_weight to = dice < truth->failing                   ? SAL_WEIGHT_FAILED
                                     : dice < truth->failing + truth->silent ? SAL_WEIGHT_SILENT
                                                                             : SAL_WEIGHT_SUCCESS;
                if (sal_tally_change(tally, &out[which], SAL_WEIGHT_PENDING, to) &&
                    sal_tally_judge(tally, &out[which]).verdict)
                        return made;
                out[which] = out[--waiting];
        }
        return 0;
}

static double share_halted(const struct truth *truth, uint64_t seed, int campaigns, int within) {
        int halted = 0;
        for (int n = 0; n < campaigns; n++) {
                int made = run_campaign(truth, &seed);
                halted += made > 0 && made <= within;
        }
        return (double)halted / campaigns;
}

static void a_good_fix_is_hardly_ever_halted(void **state) {
        (void)state;
        static const struct truth truths[] = {
                {.failing = 0.05, .silent = 0.10, .cohorts = 0, .in_flight = 1},
                {.failing = 0.05, .silent = 0.10, .cohorts = 0, .in_flight = 50},
                {.failing = 0.05, .silent = 0.10, .cohorts = 2, .in_flight = 20},
                {.failing = 0.05, .silent = 0, .cohorts = 1, .in_flight = 5},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(truths); n++) {
                double share = share_halted(&truths[n], 0x600df1c5 + n, GOOD_CAMPAIGNS, OFFERS);
                assert_true(share <= 0.01);
        }
}

static void a_bad_fix_is_halted_early(void **state) {
        (void)state;
        static const struct {
                struct truth truth;
                int within;
        } cases[] = {
                {{.failing = 0.90, .silent = 0.05, .cohorts = 2, .in_flight = 5}, 12},
                {{.failing = 0.50, .silent = 0.10, .cohorts = 2, .in_flight = 5}, 40},
                {{.failing = 0.05, .silent = 0.90, .cohorts = 2, .in_flight = 5}, 20},
                {{.failing = 0.25, .silent = 0.10, .cohorts = 2, .in_flight = 20}, 200},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++) {
                double share = share_halted(&cases[n].truth, 0xbadf1c5 + n, BAD_CAMPAIGNS, cases[n].within);
                assert_true(share >= 0.95);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_fix_is_hardly_ever_halted),
                cmocka_unit_test(a_bad_fix_is_halted_early),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
