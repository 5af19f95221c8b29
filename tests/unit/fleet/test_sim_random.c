/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "salvor-fleet/sim_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 200000 };

/* Mean of many draws, in seconds, and how many lie under `under` seconds. */
static double mean_of(const struct sal_sim_delay *delay, double under, double *ret_share) {
        struct sal_sim_stream stream;
        double sum = 0, below = 0;
        sal_sim_stream_seed(&stream, 7);
        for (int i = 0; i < DRAWS; i++) {
                double seconds = (double)sal_sim_delay_us(delay, sal_sim_unit(sal_sim_stream_next(&stream))) / 1e6;
                sum += seconds;
                below += seconds < under;
        }
        *ret_share = below / DRAWS;
        return sum / DRAWS;
}

static void test_exponential_delays_have_their_mean_and_median(void **state) {
        (void)state;
        const struct sal_sim_delay delay = {.kind = SAL_SIM_EXPONENTIAL, .low = 480};
        double share;
        assert_true(fabs(mean_of(&delay, 480 * log(2), &share) - 480) < 5);
        assert_true(fabs(share - 0.5) < 0.005);
}

static void test_triangular_delays_have_their_mean_and_bounds(void **state) {
        (void)state;
        const struct sal_sim_delay delay = {.kind = SAL_SIM_TRIANGULAR, .low = 120, .mode = 210, .high = 570};
        double share;
        assert_true(fabs(mean_of(&delay, 210, &share) - 300) < 2);
        assert_true(fabs(share - 0.2) < 0.005); /* (210 - 120) / (570 - 120) */
        assert_int_equal(sal_sim_delay_us(&delay, 0), 120000000);
        assert_true(sal_sim_delay_us(&delay, 0.9999999999) <= 570000000);
}

static void test_delays_are_read_from_words(void **state) {
        (void)state;
        struct sal_sim_delay delay;
        assert_int_equal(sal_sim_delay_parse("--x", "90", &delay, NULL), SAL_OK);
        assert_int_equal(delay.kind, SAL_SIM_FIXED);
        assert_int_equal(sal_sim_delay_us(&delay, 0.7), 90000000);
        assert_int_equal(sal_sim_delay_parse("--x", "exp:1.5", &delay, NULL), SAL_OK);
        assert_int_equal(delay.kind, SAL_SIM_EXPONENTIAL);
        assert_int_equal(sal_sim_delay_parse("--x", "tri:1,2,4", &delay, NULL), SAL_OK);
        assert_true(delay.low == 1 && delay.mode == 2 && delay.high == 4);
        static const char *const bad[] = {"",          "soon",        "-1",     "exp:",       "exp:1,2", "tri:1,2",
                                          "tri:3,2,1", "tri:1,2,4,5", "1x",     "exp:nan",    "inf",     "2592001",
                                          "0x1",       " 1",          "exp: 1", "tri:1,0x2,4"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                struct sal_err err = {0};
                assert_int_equal(sal_sim_delay_parse("--x", bad[i], &delay, &err), SAL_E_USAGE);
                assert_non_null(strstr(err.detail, "--x"));
        }
}

static void test_numbers_below_a_bound_are_even(void **state) {
        (void)state;
        struct sal_sim_stream stream;
        int counts[6] = {0};
        sal_sim_stream_seed(&stream, 3);
        for (int i = 0; i < 60000; i++)
                counts[sal_sim_stream_below(&stream, 6)]++;
        for (int i = 0; i < 6; i++)
                assert_in_range(counts[i], 9600, 10400);
}

static void test_fates_fall_by_their_shares_and_not_by_the_order(void **state) {
        (void)state;
        struct sal_sim_case what;
        sal_sim_case_default(&what);
        what.fail_share = 0.3, what.silent_share = 0.2, what.relapse_share = 0.1;
        what.late_share = 0.05, what.cycle_share = 0.05, what.good_first = 10;
        int counts[SAL_SIM_CYCLES + 1] = {0};
        for (uint32_t m = 0; m < 100000; m++) {
                enum sal_sim_fate fate = sal_sim_fate_of(&what, 5, m, 10, false);
                assert_int_equal(fate, sal_sim_fate_of(&what, 5, m, 4000, false));
                assert_int_equal(sal_sim_fate_of(&what, 5, m, 9, false), SAL_SIM_GOOD);
                counts[fate]++;
        }
        assert_in_range(counts[SAL_SIM_GOOD], 29400, 30600);
        assert_in_range(counts[SAL_SIM_FAILS], 29400, 30600);
        assert_in_range(counts[SAL_SIM_SILENT], 19400, 20600);
        assert_in_range(counts[SAL_SIM_RELAPSES], 9400, 10600);
        assert_in_range(counts[SAL_SIM_LATE], 4700, 5300);
        assert_in_range(counts[SAL_SIM_CYCLES], 4700, 5300);
}

static void test_a_seed_gives_the_same_numbers_everywhere(void **state) {
        (void)state;
        struct sal_sim_stream a, b;
        sal_sim_stream_seed(&a, 1);
        sal_sim_stream_seed(&b, 2);
        assert_true(sal_sim_stream_next(&a) != sal_sim_stream_next(&b));
        /* Of the published generators, from the state {1, 2, 3, 4} and the seed 0. */
        struct sal_sim_stream known = {.s = {1, 2, 3, 4}};
        assert_true(sal_sim_stream_next(&known) == 11520);
        assert_true(sal_sim_stream_next(&known) == 0);
        assert_true(sal_sim_stream_next(&known) == 1509978240);
        assert_true(sal_sim_mix(0, 0) == UINT64_C(0xe220a8397b1dcdaf));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exponential_delays_have_their_mean_and_median),
                cmocka_unit_test(test_triangular_delays_have_their_mean_and_bounds),
                cmocka_unit_test(test_delays_are_read_from_words),
                cmocka_unit_test(test_numbers_below_a_bound_are_even),
                cmocka_unit_test(test_fates_fall_by_their_shares_and_not_by_the_order),
                cmocka_unit_test(test_a_seed_gives_the_same_numbers_everywhere),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
