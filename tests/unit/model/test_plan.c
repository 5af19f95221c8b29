/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "model/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The default of the contract, member by member. */
static const char *const DEFAULT_PLAN =
        "{\"rings\":[{\"name\":\"canary\",\"share\":0.01,\"soak_seconds\":1800,\"growth\":2},"
        "{\"name\":\"early\",\"share\":0.10,\"soak_seconds\":600,\"growth\":6},"
        "{\"name\":\"broad\",\"share\":0.89,\"soak_seconds\":0,\"growth\":20}],"
        "\"in_flight\":{\"initial\":5,\"max\":1000000},"
        "\"acceptable_failure\":0.05,\"unacceptable_failure\":0.20,\"acceptable_silence\":0.10,"
        "\"halt_error\":0.01,\"advance_error\":0.05,"
        "\"outcome_deadline_seconds\":3600,\"relapse_window_seconds\":86400,\"max_attempts\":2,"
        "\"patience_seconds\":600,\"quiet_seconds\":120,"
        "\"manual_advance\":false,\"cohorts\":[\"model\",\"os_version\"]}";

static enum sal_status parse(const char *text, struct sal_plan *ret, struct sal_err *err) {
        sal_autojson json_t *value = NULL;
        assert_int_equal(sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &value, err), SAL_OK);
        struct sal_json_at at = sal_json_root(value);
        return sal_plan_parse(&at, ret, err);
}

static void assert_same_plan(const struct sal_plan *a, const struct sal_plan *b) {
        sal_autojson json_t *one = sal_plan_json(a);
        sal_autojson json_t *two = sal_plan_json(b);
        assert_non_null(one);
        assert_true(json_equal(one, two));
}

static void the_default_is_the_one_of_the_contract(void **state) {
        (void)state;
        struct sal_plan plan;
        struct sal_plan written;
        struct sal_plan missing;
        struct sal_plan empty;
        sal_plan_default(&plan);
        assert_int_equal(parse(DEFAULT_PLAN, &written, NULL), SAL_OK);
        assert_int_equal(parse("{}", &empty, NULL), SAL_OK);
        struct sal_json_at none = {0};
        assert_int_equal(sal_plan_parse(&none, &missing, NULL), SAL_OK);
        assert_same_plan(&plan, &written);
        assert_same_plan(&plan, &empty);
        assert_same_plan(&plan, &missing);
}

static void json_reads_back(void **state) {
        (void)state;
        struct sal_plan plan;
        struct sal_plan again;
        assert_int_equal(
                parse("{\"rings\":[{\"name\":\"a\",\"share\":0.3},{\"name\":\"b\",\"share\":0.7,\"growth\":1.5}],"
                      "\"patience_seconds\":null,\"cohorts\":[],\"manual_advance\":true,\"halt_error\":0.5,"
                      "\"in_flight\":{\"max\":5}}",
                      &plan, NULL),
                SAL_OK);
        assert_int_equal(plan.ring_count, 2);
        assert_int_equal(plan.rings[0].soak_seconds, 0);
        assert_true(plan.rings[0].growth == 1 && plan.rings[1].growth == 1.5);
        assert_int_equal(plan.patience_seconds, -1);
        assert_int_equal(plan.cohort_count, 0);
        assert_int_equal(plan.in_flight_initial, 5);
        assert_int_equal(plan.in_flight_max, 5);
        sal_autojson json_t *json = sal_plan_json(&plan);
        sal_autofree char *text = sal_json_dump(json);
        assert_int_equal(parse(text, &again, NULL), SAL_OK);
        assert_same_plan(&plan, &again);
}

static void shares_may_miss_one_by_rounding_only(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_buf_puts(&out, "{\"rings\":[");
        for (int n = 0; n < 10; n++)
                sal_buf_printf(&out, "%s{\"name\":\"r%d\",\"share\":0.1}", n ? "," : "", n);
        sal_buf_puts(&out, "]}");
        assert_int_equal(parse(out.data, &plan, NULL), SAL_OK);
        assert_int_equal(plan.ring_count, 10);
}

static void rings_are_found_by_name(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        assert_int_equal(sal_plan_ring_index(&plan, "canary"), 0);
        assert_int_equal(sal_plan_ring_index(&plan, "broad"), 2);
        assert_int_equal(sal_plan_ring_index(&plan, "Broad"), -1);
        assert_true(sal_ring_name_valid("a-0"));
        assert_false(sal_ring_name_valid(""));
        assert_false(sal_ring_name_valid("A"));
        assert_false(sal_ring_name_valid("a_b"));
        assert_true(sal_ring_name_valid("abcdefghijklmnopqrstuvwxyz012345"));
        assert_false(sal_ring_name_valid("abcdefghijklmnopqrstuvwxyz0123456"));
}

#define RINGS(list) "{\"rings\":[" list "]}"

static void bad_plans_say_where_and_which_bound(void **state) {
        (void)state;
        static const struct {
                const char *text, *pointer, *detail;
        } cases[] = {
                {"[]", "", "must be an object"},
                {"{\"ring\":[]}", "/ring", "unknown member"},
                {"{\"rings\":[]}", "/rings", "1 to 16 elements"},
                {"{\"rings\":null}", "/rings", "must be an array"},
                {RINGS("1"), "/rings/0", "must be an object"},
                {RINGS("{\"name\":\"a\"}"), "/rings/0/share", "is required"},
                {RINGS("{\"share\":1}"), "/rings/0/name", "is required"},
                {RINGS("{\"name\":\"a\",\"share\":1,\"pace\":1}"), "/rings/0/pace", "unknown member"},
                {RINGS("{\"name\":\"A\",\"share\":1}"), "/rings/0/name", "only the characters"},
                {RINGS("{\"name\":\"a\",\"share\":\"1\"}"), "/rings/0/share", "must be a number"},
                {RINGS("{\"name\":\"a\",\"share\":0},{\"name\":\"b\",\"share\":1}"), "/rings/0/share", "over 0"},
                {RINGS("{\"name\":\"a\",\"share\":1.5},{\"name\":\"b\",\"share\":-0.5}"), "/rings/0/share", "0 to 1"},
                {RINGS("{\"name\":\"a\",\"share\":0.5},{\"name\":\"b\",\"share\":-0.5}"), "/rings/1/share", "0 to 1"},
                {RINGS("{\"name\":\"a\",\"share\":0.5},{\"name\":\"a\",\"share\":0.5}"), "/rings/1/name",
                 "a second ring has the name \"a\""},
                {RINGS("{\"name\":\"a\",\"share\":0.5},{\"name\":\"b\",\"share\":0.51}"), "/rings",
                 "sum to 1 within 1e-9, they sum to 1.01"},
                {RINGS("{\"name\":\"a\",\"share\":0.5},{\"name\":\"b\",\"share\":0.49999999}"), "/rings", "sum to 1"},
                {RINGS("{\"name\":\"a\",\"share\":1,\"soak_seconds\":2592001}"), "/rings/0/soak_seconds",
                 "0 to 2592000"},
                {RINGS("{\"name\":\"a\",\"share\":1,\"soak_seconds\":1.5}"), "/rings/0/soak_seconds", "an integer"},
                {RINGS("{\"name\":\"a\",\"share\":1,\"growth\":1001}"), "/rings/0/growth", "0 to 1000"},
                {RINGS("{\"name\":\"a\",\"share\":1,\"growth\":-1}"), "/rings/0/growth", "0 to 1000"},
                {"{\"in_flight\":{\"initial\":0}}", "/in_flight/initial", "1 to 1000000"},
                {"{\"in_flight\":{\"max\":100000001}}", "/in_flight/max", "1 to 100000000"},
                {"{\"in_flight\":{\"initial\":10,\"max\":9}}", "/in_flight/max", "at least \"initial\", which is 10"},
                {"{\"in_flight\":{\"min\":1}}", "/in_flight/min", "unknown member"},
                {"{\"acceptable_failure\":0}", "/acceptable_failure", "over 0 and under 1"},
                {"{\"acceptable_failure\":1}", "/acceptable_failure", "over 0 and under 1"},
                {"{\"acceptable_failure\":-0.1}", "/acceptable_failure", "0 to 1"},
                {"{\"acceptable_silence\":0}", "/acceptable_silence", "over 0 and under 1"},
                {"{\"unacceptable_failure\":1}", "/unacceptable_failure", "over 0 and under 1"},
                {"{\"unacceptable_failure\":0.15}", "/unacceptable_failure",
                 "must be over \"acceptable_failure\" + \"acceptable_silence\" (0.05 + 0.1)"},
                {"{\"acceptable_failure\":0.1}", "/unacceptable_failure", "(0.1 + 0.1)"},
                {"{\"halt_error\":0}", "/halt_error", "over 0 and at most 0.5"},
                {"{\"halt_error\":0.51}", "/halt_error", "0 to 0.5"},
                {"{\"advance_error\":0}", "/advance_error", "over 0 and at most 0.5"},
                {"{\"advance_error\":1}", "/advance_error", "0 to 0.5"},
                {"{\"outcome_deadline_seconds\":0}", "/outcome_deadline_seconds", "1 to 2592000"},
                {"{\"relapse_window_seconds\":-1}", "/relapse_window_seconds", "0 to 2592000"},
                {"{\"max_attempts\":0}", "/max_attempts", "1 to 100"},
                {"{\"max_attempts\":101}", "/max_attempts", "1 to 100"},
                {"{\"patience_seconds\":-1}", "/patience_seconds", "0 to 2592000"},
                {"{\"quiet_seconds\":null}", "/quiet_seconds", "must be an integer"},
                {"{\"manual_advance\":0}", "/manual_advance", "true or false"},
                {"{\"cohorts\":\"model\"}", "/cohorts", "must be an array"},
                {"{\"cohorts\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}", "/cohorts", "0 to 8"},
                {"{\"cohorts\":[\"model\",\"Model\"]}", "/cohorts/1", "the name of a fact"},
                {"{\"cohorts\":[1]}", "/cohorts/0", "the name of a fact"},
                {"{\"cohorts\":[\"model\",\"model\"]}", "/cohorts/1", "listed twice"},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++) {
                struct sal_plan plan = {.ring_count = 99};
                struct sal_err err = {0};
                if (parse(cases[n].text, &plan, &err) != SAL_E_INVALID)
                        fail_msg("%s was taken", cases[n].text);
                assert_int_equal(plan.ring_count, 99);
                assert_string_equal(err.pointer, cases[n].pointer);
                if (!strstr(err.detail, cases[n].detail))
                        fail_msg("%s: %s", cases[n].text, err.detail);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_default_is_the_one_of_the_contract), cmocka_unit_test(json_reads_back),
                cmocka_unit_test(shares_may_miss_one_by_rounding_only),   cmocka_unit_test(rings_are_found_by_name),
                cmocka_unit_test(bad_plans_say_where_and_which_bound),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
