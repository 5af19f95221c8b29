/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/evidence.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Compares as the reference prints it: nine digits after the point. */
static void assert_nine_digits(double value, const char *expected) {
        char text[64];
        snprintf(text, sizeof text, "%.9f", value);
        assert_string_equal(text, expected);
}

static struct sal_plan default_plan(size_t cohort_count) {
        struct sal_plan plan;
        sal_plan_default(&plan);
        plan.cohort_count = cohort_count;
        return plan;
}

static void ln_e_agrees_with_the_reference(void **state) {
        (void)state;
        struct sal_plan plan = default_plan(0);
        assert_nine_digits(sal_ln_e(&plan, 5, 3, 0), "4.354634973");
        assert_nine_digits(sal_ln_e(&plan, 5, 4, 0), "7.995579673");
        assert_nine_digits(sal_ln_e(&plan, 50, 0, 15), "5.264493379");
        assert_nine_digits(sal_ln_e(&plan, 1000, 50, 100), "-7.210419435");
        assert_nine_digits(sal_ln_e(&plan, 10000000, 503000, 1000000), "-37905.586662544");
        assert_nine_digits(sal_ln_e(&plan, 5, 0, 4), "5.331010758");
        assert_nine_digits(sal_ln_e(&plan, 17, 9, 0), "13.741068121");
}

static void ln_v_agrees_with_the_reference(void **state) {
        (void)state;
        struct sal_plan plan = default_plan(0);
        assert_nine_digits(sal_bound_advance(&plan), "2.995732274");
        assert_nine_digits(sal_ln_v(0.20, 24, 0), "3.726652373");
        assert_nine_digits(sal_ln_v(0.20, 24, 1), "1.942421155");
        assert_nine_digits(sal_ln_v(0.20, 32, 1), "3.194326136");
        assert_nine_digits(sal_ln_v(0.20, 96, 9), "3.039265627");
        assert_nine_digits(sal_ln_v(0.20, 96, 10), "2.257857207");
}

static void bounds_agree_with_the_reference(void **state) {
        (void)state;
        struct sal_plan plan = default_plan(0);
        assert_nine_digits(sal_bound_all(&plan, 0), "5.298317367");
        assert_nine_digits(sal_bound_all(&plan, 1), "5.991464547");
        assert_nine_digits(sal_bound_block(&plan, 0, 0, 31), "12.891187654");
        struct sal_plan cohorts = default_plan(1);
        assert_nine_digits(sal_bound_all(&cohorts, 0), "5.991464547");
        assert_nine_digits(sal_bound_cohort(&cohorts, 0, 1), "5.796017669");
        assert_nine_digits(sal_bound_cohort(&cohorts, 0, 2), "7.182312030");
        assert_nine_digits(sal_bound_cohort(&cohorts, 0, 3), "7.993242246");
        assert_nine_digits(sal_bound_cohort(&cohorts, 0, 12), "10.765830969");
}

/* The shares of the error, as the bounds give them out, must not add up to more than halt_error. */
static void shares_of_the_error_add_up(void **state) {
        (void)state;
        struct sal_plan plan = default_plan(1);
        for (int halts = 0; halts < 4; halts++) {
                double sum = exp(-sal_bound_all(&plan, halts));
                for (int64_t j = 1; j <= 100000; j++)
                        sum += exp(-sal_bound_cohort(&plan, halts, j));
                for (int level = 0; level < 200; level++) {
                        for (int64_t b = 1; b <= 2000; b++)
                                sum += exp(-sal_bound_block(&plan, halts, level, b));
                }
                double a = plan.halt_error / ldexp(1, halts);
                assert_true(sum <= a && sum > 0.98 * a);
        }
}

/* With no failure the evidence is at most 0, and every failure raises it. */
static void evidence_grows_with_each_failure(void **state) {
        (void)state;
        struct sal_plan plan = default_plan(0);
        for (int64_t offered = 1; offered <= 1000; offered = offered * 3 / 2 + 1) {
                double before = sal_ln_w(plan.acceptable_failure, offered, 0);
                assert_true(before < 0);
                for (int64_t failed = 1; failed <= offered; failed++) {
                        double after = sal_ln_w(plan.acceptable_failure, offered, failed);
                        assert_true(after > before);
                        assert_true(after > sal_ln_w(plan.acceptable_failure, offered + 1, failed));
                        before = after;
                }
        }
        assert_true(sal_ln_e(&plan, 0, 0, 0) == 0);
        assert_true(sal_ln_v(0.2, 0, 0) == 0);
}

static void no_number_of_offers_overflows(void **state) {
        (void)state;
        struct sal_plan plan = default_plan(0);
        int64_t many = (int64_t)1 << 31;
        assert_true(isfinite(sal_ln_e(&plan, many, 0, 0)));
        assert_true(isfinite(sal_ln_e(&plan, many, many, 0)));
        assert_true(isfinite(sal_ln_e(&plan, many, 0, many)));
        assert_true(isfinite(sal_ln_e(&plan, many, many / 2, many / 2)));
        assert_true(isfinite(sal_ln_v(0.2, many, 0)));
        assert_true(isfinite(sal_ln_v(0.2, many, many)));
        plan.acceptable_failure = 1e-300;
        assert_true(isfinite(sal_ln_e(&plan, many, many, 0)));
        assert_true(isfinite(sal_bound_all(&plan, 1000)));
}

static uint64_t next_random(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static double next_unit(uint64_t *seed) {
        return (double)(next_random(seed) >> 11) / 9007199254740992.0;
}

/* Distance in units of the last place of `want`. */
static double distance_ulp(double got, double want) {
        return got == want ? 0 : fabs(got - want) / (nextafter(fabs(want), INFINITY) - fabs(want));
}

static void ln_is_within_two_ulp(void **state) {
        (void)state;
        uint64_t seed = 0x9e3779b97f4a7c15;
        double worst = 0;
        for (int n = 0; n < 1000000; n++) {
                double spread = ldexp(1 + next_unit(&seed), (int)(next_random(&seed) % 2044) - 1022);
                double near_one = 1 + (next_unit(&seed) - 0.5) * exp2(-45 * next_unit(&seed));
                worst = fmax(worst, distance_ulp(sal_ln(spread), log(spread)));
                worst = fmax(worst, distance_ulp(sal_ln(near_one), log(near_one)));
        }
        assert_true(worst <= 2);
        assert_true(sal_ln(1) == 0);
        assert_true(distance_ulp(sal_ln(0x1p-1074), log(0x1p-1074)) <= 2);
        assert_true(distance_ulp(sal_ln(0x1.fffffffffffffp+1023), log(0x1.fffffffffffffp+1023)) <= 2);
        assert_true(sal_ln(0) == -INFINITY);
        assert_true(sal_ln(INFINITY) == INFINITY);
}

static void exp_is_within_two_ulp(void **state) {
        (void)state;
        uint64_t seed = 0x2545f4914f6cdd1d;
        double worst = 0;
        for (int n = 0; n < 1000000; n++) {
                double wide = (next_unit(&seed) - 0.5) * 1416;
                double narrow = (next_unit(&seed) - 0.5) * exp2(-30 * next_unit(&seed));
                worst = fmax(worst, distance_ulp(sal_exp(wide), exp(wide)));
                worst = fmax(worst, distance_ulp(sal_exp(narrow), exp(narrow)));
        }
        assert_true(worst <= 2);
        assert_true(sal_exp(0) == 1);
        assert_true(sal_exp(-746) == 0);
        assert_true(sal_exp(-INFINITY) == 0);
        assert_true(sal_exp(709.79) == INFINITY);
        assert_true(isfinite(sal_exp(709.78)));
}

/* These bits are the decision: a compiler or processor that changes one of them breaks the replay of a journal. */
static void bits_are_fixed(void **state) {
        (void)state;
        struct sal_plan plan = default_plan(0);
        uint64_t bits[4];
        double values[4] = {sal_ln(3), sal_exp(-1.25), sal_ln_e(&plan, 50, 0, 15), sal_ln_v(0.2, 96, 9)};
        memcpy(bits, values, sizeof bits);
        assert_int_equal(bits[0], 0x3ff193ea7aad030a);
        assert_int_equal(bits[1], 0x3fd25618372a584f);
        assert_int_equal(bits[2], 0x40150ed75a389a50);
        assert_int_equal(bits[3], 0x4008506a7f3b3fb4);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ln_e_agrees_with_the_reference),
                cmocka_unit_test(ln_v_agrees_with_the_reference),
                cmocka_unit_test(bounds_agree_with_the_reference),
                cmocka_unit_test(shares_of_the_error_add_up),
                cmocka_unit_test(evidence_grows_with_each_failure),
                cmocka_unit_test(no_number_of_offers_overflows),
                cmocka_unit_test(ln_is_within_two_ulp),
                cmocka_unit_test(exp_is_within_two_ulp),
                cmocka_unit_test(bits_are_fixed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
