/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of peers against sequences worked out by hand. */
#include "salvor-fleet/sim_peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct sal_sim_case what;

static int begin(void **state) {
        (void)state;
        sal_sim_case_default(&what);
        return 0;
}

static void test_hawkbit_counts_failures_of_the_whole_group(void **state) {
        (void)state;
        what.hawkbit_error_percent = 5;
        assert_false(sal_sim_hawkbit_stops(&what, &(struct sal_sim_group){.size = 100, .failed = 5}));
        assert_true(sal_sim_hawkbit_stops(&what, &(struct sal_sim_group){.size = 100, .failed = 6}));
        /* Few have reported, all of them failures: the rest of the group counts as good. */
        assert_false(sal_sim_hawkbit_stops(&what, &(struct sal_sim_group){.size = 5000, .failed = 250}));
        assert_true(sal_sim_hawkbit_stops(&what, &(struct sal_sim_group){.size = 5000, .failed = 251}));
        assert_false(sal_sim_hawkbit_stops(&what, &(struct sal_sim_group){.size = 100, .timed_out = 100}));
        assert_false(sal_sim_hawkbit_stops(&what, &(struct sal_sim_group){0}));
}

static void test_hawkbit_starts_the_next_group_at_its_threshold(void **state) {
        (void)state;
        assert_false(sal_sim_hawkbit_goes_on(&what, &(struct sal_sim_group){.size = 100, .succeeded = 49}));
        assert_true(sal_sim_hawkbit_goes_on(&what, &(struct sal_sim_group){.size = 100, .succeeded = 50}));
        assert_true(sal_sim_hawkbit_goes_on(&what, &(struct sal_sim_group){0}));
}

static void test_aws_waits_for_its_minimum(void **state) {
        (void)state;
        what.aws_abort_percent = 20, what.aws_minimum = 100;
        assert_false(sal_sim_aws_stops(&what, &(struct sal_sim_group){.failed = 99}));
        assert_true(sal_sim_aws_stops(&what, &(struct sal_sim_group){.failed = 100}));
        assert_false(sal_sim_aws_stops(&what, &(struct sal_sim_group){.failed = 19, .succeeded = 81}));
        assert_true(sal_sim_aws_stops(&what, &(struct sal_sim_group){.failed = 20, .succeeded = 80}));
        assert_true(sal_sim_aws_stops(&what, &(struct sal_sim_group){.timed_out = 20, .succeeded = 80}));
        assert_false(sal_sim_aws_stops(&what, &(struct sal_sim_group){0}));
}

static void test_lvfs_asks_for_failures_and_few_successes(void **state) {
        (void)state;
        assert_false(sal_sim_lvfs_stops(&what, &(struct sal_sim_group){.failed = 4}));
        assert_true(sal_sim_lvfs_stops(&what, &(struct sal_sim_group){.failed = 5}));
        assert_true(sal_sim_lvfs_stops(&what, &(struct sal_sim_group){.failed = 5, .succeeded = 11}));
        assert_false(sal_sim_lvfs_stops(&what, &(struct sal_sim_group){.failed = 5, .succeeded = 12}));
        assert_false(sal_sim_lvfs_stops(&what, &(struct sal_sim_group){.failed = 6, .succeeded = 14}));
        assert_false(sal_sim_lvfs_stops(&what, &(struct sal_sim_group){.timed_out = 50}));
}

static void test_mender_follows_the_clock(void **state) {
        (void)state;
        const int64_t hour_us = INT64_C(3600000000);
        int64_t next_us = 0;
        what.machines = 1000;
        assert_int_equal(sal_sim_mender_quota(&what, 0, &next_us), 50);
        assert_int_equal(next_us, 48 * hour_us);
        assert_int_equal(sal_sim_mender_quota(&what, 48 * hour_us - 1, &next_us), 50);
        assert_int_equal(sal_sim_mender_quota(&what, 48 * hour_us, &next_us), 200);
        assert_int_equal(next_us, 96 * hour_us);
        assert_int_equal(sal_sim_mender_quota(&what, 96 * hour_us, &next_us), 1000);
        assert_true(next_us == INT64_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_hawkbit_counts_failures_of_the_whole_group, begin),
                cmocka_unit_test_setup(test_hawkbit_starts_the_next_group_at_its_threshold, begin),
                cmocka_unit_test_setup(test_aws_waits_for_its_minimum, begin),
                cmocka_unit_test_setup(test_lvfs_asks_for_failures_and_few_successes, begin),
                cmocka_unit_test_setup(test_mender_follows_the_clock, begin),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
