/* SPDX-License-Identifier: Apache-2.0 */
#include "model/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct sal_facts *facts_of(const char *text) {
        struct sal_facts *facts = NULL;
        assert_int_equal(sal_facts_parse_text(text, &facts), SAL_OK);
        return facts;
}

/* Parses as a member "facts" of a document, so that pointers show. */
static enum sal_status parse_member(const char *text, struct sal_err *err) {
        sal_autojson json_t *document = NULL;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        struct sal_json_at at = {0};
        assert_int_equal(sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &document, err), SAL_OK);
        struct sal_json_at root = sal_json_root(document);
        at = (struct sal_json_at){.parent = &root, .key = "facts", .value = json_object_get(document, "facts")};
        return sal_facts_parse(&at, &facts, err);
}

static void values_are_read_as_text(void **state) {
        (void)state;
        sal_auto(sal_facts) struct sal_facts *facts =
                facts_of("{\"os\":\"windows\",\"volume_locked\":true,\"cores\":8,\"load\":0.1,\"empty\":\"\"}");
        assert_int_equal(facts->count, 5);
        assert_string_equal(sal_facts_get(facts, "os")->text, "windows");
        assert_int_equal(sal_facts_get(facts, "os")->kind, SAL_FACT_STRING);
        assert_string_equal(sal_facts_get(facts, "volume_locked")->text, "true");
        assert_int_equal(sal_facts_get(facts, "volume_locked")->kind, SAL_FACT_BOOL);
        assert_string_equal(sal_facts_get(facts, "cores")->text, "8");
        assert_int_equal(sal_facts_get(facts, "cores")->kind, SAL_FACT_NUMBER);
        assert_string_equal(sal_facts_get(facts, "load")->text, "0.1");
        assert_string_equal(sal_facts_get(facts, "empty")->text, "");
        assert_null(sal_facts_get(facts, "other"));
        assert_null(sal_facts_get(NULL, "os"));
}

static void numbers_have_one_text(void **state) {
        (void)state;
        sal_auto(sal_facts) struct sal_facts *facts =
                facts_of("{\"a\":5.0,\"b\":-0.0,\"c\":1e3,\"d\":0.30000000000000004,\"e\":1e300,"
                         "\"f\":-9223372036854775808,\"g\":1e15,\"h\":2.5e-7}");
        assert_string_equal(sal_facts_get(facts, "a")->text, "5");
        assert_string_equal(sal_facts_get(facts, "b")->text, "0");
        assert_string_equal(sal_facts_get(facts, "c")->text, "1000");
        assert_string_equal(sal_facts_get(facts, "d")->text, "0.30000000000000004");
        assert_string_equal(sal_facts_get(facts, "e")->text, "1e+300");
        assert_string_equal(sal_facts_get(facts, "f")->text, "-9223372036854775808");
        assert_string_equal(sal_facts_get(facts, "g")->text, "1000000000000000");
        assert_string_equal(sal_facts_get(facts, "h")->text, "2.5e-07");
}

static void dump_is_sorted_and_reads_back(void **state) {
        (void)state;
        sal_auto(sal_facts) struct sal_facts *facts =
                facts_of("{\"z\":\"q\\\"\\n\\u00e9\",\"a\":1.50,\"m\":false,\"b\":1e300}");
        sal_autofree char *text = sal_facts_dump(facts);
        assert_string_equal(text, "{\"a\":1.5,\"b\":1e+300,\"m\":false,\"z\":\"q\\\"\\n\xc3\xa9\"}");
        sal_auto(sal_facts) struct sal_facts *again = facts_of(text);
        sal_autofree char *second = sal_facts_dump(again);
        assert_string_equal(second, text);
        sal_autojson json_t *json = sal_facts_json(facts);
        assert_true(json_is_real(json_object_get(json, "a")));
        assert_true(json_is_false(json_object_get(json, "m")));
        assert_string_equal(json_string_value(json_object_get(json, "z")), "q\"\n\xc3\xa9");
        sal_autofree char *none = sal_facts_dump(NULL);
        assert_string_equal(none, "{}");
}

static void missing_facts_are_none(void **state) {
        (void)state;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        struct sal_json_at at = {0};
        assert_int_equal(sal_facts_parse(&at, &facts, NULL), SAL_OK);
        assert_int_equal(facts->count, 0);
        assert_null(sal_facts_get(facts, "os"));
}

static void bad_facts_say_where(void **state) {
        (void)state;
        static const struct {
                const char *text, *pointer, *detail;
        } cases[] = {
                {"{\"facts\":[]}", "/facts", "must be an object"},
                {"{\"facts\":{\"OS\":\"x\"}}", "/facts/OS", "a fact's name has 1 to 32"},
                {"{\"facts\":{\"\":\"x\"}}", "/facts/", "a fact's name has 1 to 32"},
                {"{\"facts\":{\"a/b\":\"x\"}}", "/facts/a~1b", "a fact's name has 1 to 32"},
                {"{\"facts\":{\"abcdefghijklmnopqrstuvwxyz0123456\":1}}", "/facts/abcdefghijklmnopqrstuvwxyz0123456",
                 "a fact's name has 1 to 32"},
                {"{\"facts\":{\"a\":null}}", "/facts/a", "must be a string, a number or a boolean"},
                {"{\"facts\":{\"a\":{\"b\":1}}}", "/facts/a", "must be a string, a number or a boolean"},
                {"{\"facts\":{\"a\":[1]}}", "/facts/a", "must be a string, a number or a boolean"},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++) {
                struct sal_err err = {0};
                assert_int_equal(parse_member(cases[n].text, &err), SAL_E_INVALID);
                assert_string_equal(err.pointer, cases[n].pointer);
                assert_non_null(strstr(err.detail, cases[n].detail));
        }
}

static void limits_are_exact(void **state) {
        (void)state;
        char text[8192];
        for (int size = SAL_FACT_VALUE_MAX_BYTES; size <= SAL_FACT_VALUE_MAX_BYTES + 1; size++) {
                struct sal_err err = {0};
                snprintf(text, sizeof text, "{\"facts\":{\"a\":\"%0*d\"}}", size, 1);
                assert_int_equal(parse_member(text, &err), size == SAL_FACT_VALUE_MAX_BYTES ? SAL_OK : SAL_E_INVALID);
        }
        for (int count = SAL_FACTS_MAX; count <= SAL_FACTS_MAX + 1; count++) {
                struct sal_err err = {0};
                int len = snprintf(text, sizeof text, "{\"facts\":{\"a0\":0");
                for (int n = 1; n < count; n++)
                        len += snprintf(text + len, sizeof text - (size_t)len, ",\"a%d\":%d", n, n);
                snprintf(text + len, sizeof text - (size_t)len, "}}");
                assert_int_equal(parse_member(text, &err), count == SAL_FACTS_MAX ? SAL_OK : SAL_E_INVALID);
        }
}

static void stored_text_that_is_no_facts_is_refused(void **state) {
        (void)state;
        struct sal_facts *facts = NULL;
        assert_int_equal(sal_facts_parse_text("{\"a\":1", &facts), SAL_E_MALFORMED);
        assert_int_equal(sal_facts_parse_text("{\"a\":1,\"a\":2}", &facts), SAL_E_MALFORMED);
        assert_int_equal(sal_facts_parse_text("[]", &facts), SAL_E_INVALID);
        assert_null(facts);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_are_read_as_text),
                cmocka_unit_test(numbers_have_one_text),
                cmocka_unit_test(dump_is_sorted_and_reads_back),
                cmocka_unit_test(missing_facts_are_none),
                cmocka_unit_test(bad_facts_say_where),
                cmocka_unit_test(limits_are_exact),
                cmocka_unit_test(stored_text_that_is_no_facts_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
