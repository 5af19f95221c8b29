/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct sal_decision hold = {
        .verdict = "hold_cohort",
        .by = "engine",
        .rule = "6.3",
        .ring = "canary",
        .cohort = "model=A",
        .evidence = &(struct sal_evidence){.offered = 3, .failed = 3, .block_level = -1, .ln_e = 5.5, .bound = 5.25}};

static void a_decision_is_written_as_the_contract_says(void **state) {
        (void)state;
        sal_autojson json_t *json = sal_decision_json(&hold, 17, 0, "boot-loop", 2);
        sal_autofree char *text = sal_json_dump(json);
        assert_string_equal(text, "{\"id\":\"d17\",\"at\":\"1970-01-01T00:00:00Z\",\"campaign\":\"boot-loop\","
                                  "\"version\":2,\"ring\":\"canary\",\"cohort\":\"model=A\",\"verdict\":"
                                  "\"hold_cohort\",\"by\":\"engine\",\"rule\":\"6.3\",\"evidence\":{\"offered\":3,"
                                  "\"failed\":3,\"silent\":0,\"ln_e\":5.5,\"bound\":5.25}}");
}

static void what_is_not_there_is_left_out(void **state) {
        (void)state;
        const struct sal_decision kill = {.verdict = "kill",
                                          .by = "operator",
                                          .rule = "kill_switch",
                                          .reason = "too many",
                                          .operator_name = "ada"};
        sal_autojson json_t *json = sal_decision_json(&kill, 1, 0, "boot-loop", 1);
        assert_null(json_object_get(json, "ring"));
        assert_null(json_object_get(json, "cohort"));
        assert_null(json_object_get(json, "because"));
        assert_string_equal(json_string_value(json_object_get(json, "reason")), "too many");
        assert_string_equal(json_string_value(json_object_get(json, "operator")), "ada");
        const json_t *evidence = json_object_get(json, "evidence");
        assert_int_equal(json_integer_value(json_object_get(evidence, "offered")), 0);
        assert_null(json_object_get(evidence, "block"));
}

static void a_block_and_what_it_rests_on_are_told(void **state) {
        (void)state;
        struct sal_evidence evidence = {.block_level = 1, .block = 4};
        struct sal_course course = {.known_matching = 50, .in_flight = 3};
        struct sal_lull lull = {.waiting_open = 2, .unsettled = 4, .idle_ms = 900, .fleet_counted = true};
        struct sal_decision open = {.verdict = "open", .by = "engine", .rule = "6.4", .evidence = &evidence};
        open.course = &course;
        sal_autojson json_t *alone = sal_decision_json(&open, 1, 0, "boot-loop", 1);
        assert_null(json_object_get(alone, "because"));
        open.lull = &lull;
        sal_autojson json_t *json = sal_decision_json(&open, 1, 0, "boot-loop", 1);
        sal_autofree char *because = sal_json_dump(json_object_get(json, "because"));
        sal_autofree char *block = sal_json_dump(json_object_get(json_object_get(json, "evidence"), "block"));
        assert_string_equal(because, "{\"known\":50,\"waiting\":2,\"unsettled\":4,\"in_flight\":3,\"idle_ms\":900,"
                                     "\"fleet_counted\":true}");
        assert_string_equal(block, "[1,4]");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_decision_is_written_as_the_contract_says),
                cmocka_unit_test(what_is_not_there_is_left_out),
                cmocka_unit_test(a_block_and_what_it_rests_on_are_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
