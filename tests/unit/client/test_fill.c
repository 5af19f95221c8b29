/* SPDX-License-Identifier: Apache-2.0 */
#include "client/fill.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* 2024-07-19T05:30:00.250Z */
static const struct sal_fill standard = {.trust_domain = "ab", .version = 3, .now_unix_ms = 1721367000250};

/* Completes text and compares; NULL expects a failure. */
static void check(const char *text, const struct sal_fill *fill, const char *expected) {
        sal_autojson json_t *value = NULL;
        struct sal_err err = {0};
        assert_int_equal(sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &value, &err), SAL_OK);
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        enum sal_status status = sal_fill_payload(text, strlen(text), value, fill, &out, &err);
        if (!expected) {
                assert_int_not_equal(status, SAL_OK);
                assert_string_not_equal(err.detail, "");
                return;
        }
        assert_int_equal(status, SAL_OK);
        assert_string_equal(out.data, expected);
        sal_autojson json_t *after = NULL;
        assert_int_equal(sal_json_parse(out.data, out.len, SAL_JSON_MAX_DEPTH, &after, &err), SAL_OK);
}

static void test_members_stand_behind_the_id_with_the_authors_indentation(void **state) {
        (void)state;
        check("{\n  \"schema\": \"s\",\n  \"id\": \"x\",\n  \"title\": \"t\"\n}\n", &standard,
              "{\n  \"schema\": \"s\",\n  \"id\": \"x\",\n  \"version\": 3,\n  \"trust_domain\": \"ab\",\n"
              "  \"not_before\": \"2024-07-19T05:30:00Z\",\n  \"expires\": \"2024-07-26T05:30:00Z\",\n"
              "  \"title\": \"t\"\n}\n");
}

static void test_one_line_stays_one_line(void **state) {
        (void)state;
        check("{\"id\":\"x\"}", &standard,
              "{\"id\":\"x\", \"version\": 3, \"trust_domain\": \"ab\", \"not_before\": \"2024-07-19T05:30:00Z\", "
              "\"expires\": \"2024-07-26T05:30:00Z\"}");
}

static void test_what_stands_there_is_never_changed(void **state) {
        (void)state;
        const char *whole =
                "{\"id\" : \"x\" ,\"version\":\"wrong\",\"trust_domain\":1,\"not_before\":null,\"expires\":[]}";
        check(whole, &standard, whole);
}

static void test_expires_follows_a_given_not_before(void **state) {
        (void)state;
        check("{\"version\":1,\"trust_domain\":\"d\",\"id\":\"x\",\"not_before\":\"2024-01-30T00:00:00Z\"}", &standard,
              "{\"version\":1,\"trust_domain\":\"d\",\"id\":\"x\", \"expires\": \"2024-02-06T00:00:00Z\","
              "\"not_before\":\"2024-01-30T00:00:00Z\"}");
        check("{\"id\":\"x\",\"not_before\":\"tomorrow\"}", &standard, NULL);
}

static void test_hard_strings_and_nested_ids_do_not_mislead(void **state) {
        (void)state;
        const char *rest = "\"version\":1,\"trust_domain\":\"d\",\"not_before\":\"2024-01-30T00:00:00Z\"";
        char text[512], expected[512];
        snprintf(text, sizeof text,
                 "{\"a\":{\"id\":\"no\"},\"b\":[\"\\\"id\\\":\",{\"id\":1}],\"c\":\"}],{\",\"id\":\"x\",%s}", rest);
        snprintf(expected, sizeof expected,
                 "{\"a\":{\"id\":\"no\"},\"b\":[\"\\\"id\\\":\",{\"id\":1}],\"c\":\"}],{\",\"id\":\"x\", "
                 "\"expires\": \"2024-02-06T00:00:00Z\",%s}",
                 rest);
        check(text, &standard, expected);
}

static void test_rings_become_a_plan_at_the_end(void **state) {
        (void)state;
        sal_autojson json_t *rings = json_pack("[{s:s, s:i}]", "name", "all", "share", 1);
        struct sal_fill fill = standard;
        fill.rings = rings;
        check("{ \"id\":\"x\",\"version\":1,\"trust_domain\":\"d\",\"not_before\":1,\"expires\":2 }", &fill,
              "{ \"id\":\"x\",\"version\":1,\"trust_domain\":\"d\",\"not_before\":1,\"expires\":2, "
              "\"rollout\": {\"rings\":[{\"name\":\"all\",\"share\":1}]} }");
        const char *own =
                "{\"id\":\"x\",\"version\":1,\"trust_domain\":\"d\",\"not_before\":1,\"expires\":2,\"rollout\":{}}";
        check(own, &fill, own);
}

static void test_no_plain_id_is_refused(void **state) {
        (void)state;
        check("{}", &standard, NULL);
        check("[]", &standard, NULL);
        check("{\"id\":1}", &standard, NULL);
        check("{\"\\u0069d\":\"x\"}", &standard, NULL);
}

static json_t *default_rings(void) {
        return json_pack("[{s:s,s:f,s:i,s:i},{s:s,s:f,s:i,s:i},{s:s,s:f,s:i,s:i}]", "name", "canary", "share", 0.01,
                         "soak_seconds", 1800, "growth", 2, "name", "early", "share", 0.10, "soak_seconds", 600,
                         "growth", 6, "name", "broad", "share", 0.89, "soak_seconds", 0, "growth", 20);
}

static void test_default_rings_are_known(void **state) {
        (void)state;
        sal_autojson json_t *rings = default_rings();
        assert_true(sal_fill_rings_are_default(rings));
        json_object_set_new(json_array_get(rings, 1), "soak_seconds", json_integer(601));
        assert_false(sal_fill_rings_are_default(rings));
        json_array_remove(rings, 2);
        assert_false(sal_fill_rings_are_default(rings));
        assert_false(sal_fill_rings_are_default(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_members_stand_behind_the_id_with_the_authors_indentation),
                cmocka_unit_test(test_one_line_stays_one_line),
                cmocka_unit_test(test_what_stands_there_is_never_changed),
                cmocka_unit_test(test_expires_follows_a_given_not_before),
                cmocka_unit_test(test_hard_strings_and_nested_ids_do_not_mislead),
                cmocka_unit_test(test_rings_become_a_plan_at_the_end),
                cmocka_unit_test(test_no_plain_id_is_refused),
                cmocka_unit_test(test_default_rings_are_known),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
