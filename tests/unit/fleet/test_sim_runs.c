/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "salvor-fleet/sim_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sal_sim_result run_once(const struct sal_sim_case *what, uint64_t seed) {
        struct sal_sim_result result;
        assert_int_equal(sal_sim_run(what, seed, 0, NULL, NULL, &result), SAL_OK);
        return result;
}

/* A small fleet that meets everything there is. */
static struct sal_sim_case mixed(void) {
        struct sal_sim_case what;
        sal_sim_case_default(&what);
        what.machines = 600;
        what.polls_per_minute = 100;
        what.phase_hours = 2;
        what.fail_share = 0.03, what.silent_share = 0.03, what.relapse_share = 0.01;
        what.late_share = 0.01, what.cycle_share = 0.02;
        return what;
}

static void test_a_seed_gives_the_same_runs_whatever_the_threads(void **state) {
        (void)state;
        enum { RUNS = 5 };
        for (int policy = 0; policy < SAL_SIM_POLICIES; policy++) {
                struct sal_sim_case what = mixed();
                what.policy = (enum sal_sim_policy)policy;
                sal_autofree struct sal_sim_result *one = NULL, *three = NULL, *other = NULL;
                struct sal_sim_effort effort = {.seed = 4, .runs = RUNS, .threads = 1};
                assert_int_equal(sal_sim_runs_play(&what, &effort, &one, NULL), SAL_OK);
                effort.threads = 3;
                assert_int_equal(sal_sim_runs_play(&what, &effort, &three, NULL), SAL_OK);
                effort.seed = 5;
                assert_int_equal(sal_sim_runs_play(&what, &effort, &other, NULL), SAL_OK);
                assert_memory_equal(one, three, RUNS * sizeof *one);
                assert_memory_not_equal(one, other, RUNS * sizeof *one);
        }
}

static void test_everybody_is_reached_by_a_good_fix(void **state) {
        (void)state;
        struct sal_sim_case what = mixed();
        what.fail_share = what.silent_share = what.relapse_share = what.late_share = what.cycle_share = 0;
        struct sal_sim_result result = run_once(&what, 1);
        assert_int_equal(result.halted_us, -1);
        assert_int_equal(result.offered, 600);
        assert_int_equal(result.succeeded, 600);
        assert_true(result.completed_us >= result.success_us && result.success_us > result.released_us);
        assert_int_equal(result.unreached, 0);
}

static void test_machines_that_wait_are_served_at_the_rate(void **state) {
        (void)state;
        struct sal_sim_case what;
        sal_sim_case_default(&what);
        what.policy = SAL_SIM_PUSH;
        what.machines = 1000;
        what.polls_per_minute = 0;
        what.offers_per_second = 10;
        what.healthy = true;
        what.success = (struct sal_sim_delay){.low = 60};
        struct sal_sim_result result = run_once(&what, 1);
        assert_int_equal(result.released_us, 99900000); /* the first at once, then ten each second */
        assert_int_equal(result.success_us, 159900000);
}

static void test_silence_halts_at_the_deadline(void **state) {
        (void)state;
        struct sal_sim_case what;
        sal_sim_row_case(3, SAL_SIM_SALVOR, &what);
        what.silent_share = 1;
        struct sal_sim_result result = run_once(&what, 1);
        /* Initial 5; the first to fall silent makes room for one more, the second does not. */
        assert_int_equal(result.offered, 6);
        assert_true(result.halted_us >= INT64_C(3600000000) && result.halted_us < INT64_C(3660000000));
}

static void test_a_power_cycle_is_tried_again(void **state) {
        (void)state;
        struct sal_sim_case what;
        sal_sim_case_default(&what);
        what.machines = 200;
        what.polls_per_minute = 600;
        what.cycle_share = 0.05;
        struct sal_sim_result result = run_once(&what, 3);
        assert_int_equal(result.halted_us, -1);
        assert_int_equal(result.succeeded, 200); /* by their second attempt */
        what.plan.max_attempts = 1;
        assert_true(run_once(&what, 3).succeeded < 200);
}

static void test_a_bad_cohort_is_held_alone(void **state) {
        (void)state;
        struct sal_sim_case what;
        sal_sim_row_case(8, SAL_SIM_SALVOR, &what);
        struct sal_sim_result result = run_once(&what, 1);
        assert_true(result.bad_held);
        assert_false(result.good_held);
        assert_int_equal(result.cohorts_held, 1);
        assert_true(result.exposed < 30);
        assert_true(result.succeeded > 4300);
        assert_int_equal(result.halted_us, -1);
        assert_int_equal(result.unreached, 0);
}

static void test_quantiles_lie_between_the_values(void **state) {
        (void)state;
        double values[] = {4, 1, 3, 2};
        struct sal_sim_spread spread = sal_sim_spread_of(values, 4);
        assert_true(fabs(spread.at[SAL_SIM_P50] - 2.5) < 1e-12);
        assert_true(fabs(spread.at[SAL_SIM_P25] - 1.75) < 1e-12);
        assert_true(isnan(sal_sim_spread_of(values, 0).at[SAL_SIM_P50]));
        assert_true(sal_sim_spread_of(values, 1).at[SAL_SIM_P95] == 1);
}

static void test_cases_that_cannot_be_are_refused(void **state) {
        (void)state;
        struct sal_err err = {0};
        struct sal_sim_case what = mixed();
        assert_int_equal(sal_sim_case_check(&what, &err), SAL_OK);
        what.fail_share = 0.99;
        assert_int_equal(sal_sim_case_check(&what, &err), SAL_E_USAGE);
        what = mixed();
        what.plan.cohort_count = 0, what.bad_cohort_fail = 1;
        assert_int_equal(sal_sim_case_check(&what, &err), SAL_E_USAGE);
        what = mixed();
        what.plan.relapse_window_seconds = 0;
        assert_int_equal(sal_sim_case_check(&what, &err), SAL_E_USAGE);
        assert_non_null(strstr(err.detail, "relapse"));
}

static void test_the_row_of_a_million_takes_a_fiftieth_of_the_runs(void **state) {
        (void)state;
        assert_int_equal(sal_sim_row_runs(0, 1000), 1000);
        assert_int_equal(sal_sim_row_runs(9, 1000), 20);
        assert_int_equal(sal_sim_row_runs(9, 5000), 20);
        assert_int_equal(sal_sim_row_runs(9, 1), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_seed_gives_the_same_runs_whatever_the_threads),
                cmocka_unit_test(test_everybody_is_reached_by_a_good_fix),
                cmocka_unit_test(test_machines_that_wait_are_served_at_the_rate),
                cmocka_unit_test(test_silence_halts_at_the_deadline),
                cmocka_unit_test(test_a_power_cycle_is_tried_again),
                cmocka_unit_test(test_a_bad_cohort_is_held_alone),
                cmocka_unit_test(test_quantiles_lie_between_the_values),
                cmocka_unit_test(test_cases_that_cannot_be_are_refused),
                cmocka_unit_test(test_the_row_of_a_million_takes_a_fiftieth_of_the_runs),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
