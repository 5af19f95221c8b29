/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *parsed(const char *text) {
        json_t *value = NULL;
        struct sal_err err = {0};
        if (sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &value, &err))
                fail_msg("%s: %s", text, err.detail);
        return value;
}

static void strict_syntax(void **state) {
        (void)state;
        static const struct {
                const char *bytes;
                size_t len;
        } wrong[] = {
#define BYTES(literal) {literal, sizeof literal - 1}
                BYTES(""),
                BYTES("   "),
                BYTES("{\"a\":1,\"a\":2}"),
                BYTES("{\"x\":{\"a\":1,\"\\u0061\":2}}"),
                BYTES("{\"a\":1} x"),
                BYTES("{\"a\":1}{}"),
                BYTES("{\"a\":1}\0"),
                BYTES("{\"a\":\"\\u0000\"}"),
                BYTES("{\"a\":\"x\0y\"}"),
                BYTES("{\"\\u0000\":1}"),
                BYTES("{\"a\":1"),
                BYTES("[1,]"),
                BYTES("{\"a\":01}"),
                BYTES("{\"a\":NaN}"),
                BYTES("{'a':1}"),
                BYTES("// no\n{}"),
                BYTES("\xef\xbb\xbf{}"),
                BYTES("{\"a\":\"\xff\"}"),
                BYTES("{\"a\":\"\xc0\xaf\"}"),
                BYTES("{\"a\":\"\xed\xa0\x80\"}"),
                BYTES("{\"a\":\"\\ud800\"}"),
                BYTES("{\"a\":99999999999999999999}"),
                BYTES("{\"a\":1e999}"),
                BYTES("\"tab\there\""),
#undef BYTES
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(wrong); i++) {
                json_t *value = NULL;
                struct sal_err err = {0};
                if (sal_json_parse(wrong[i].bytes, wrong[i].len, SAL_JSON_MAX_DEPTH, &value, &err) != SAL_E_MALFORMED)
                        fail_msg("accepted: %s", wrong[i].bytes);
                assert_null(value);
                assert_non_null(strstr(err.detail, "line"));
        }
}

static void any_value_may_stand_alone(void **state) {
        (void)state;
        static const char *const good[] = {"{}", "[]", "1", "\"x\"", "true", "null", " {\"a\" : [1.5, \"\\u00e9\"]}\n"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(good); i++) {
                sal_autojson json_t *value = parsed(good[i]);
                assert_non_null(value);
        }
}

static void depth_is_bounded(void **state) {
        (void)state;
        char text[200];
        for (int depth = SAL_JSON_MAX_DEPTH - 1; depth <= SAL_JSON_MAX_DEPTH + 1; depth++) {
                memset(text, '[', (size_t)depth);
                memset(text + depth, ']', (size_t)depth);
                sal_autojson json_t *value = NULL;
                struct sal_err err = {0};
                enum sal_status status = sal_json_parse(text, 2 * (size_t)depth, SAL_JSON_MAX_DEPTH, &value, &err);
                assert_int_equal(status, depth <= SAL_JSON_MAX_DEPTH ? SAL_OK : SAL_E_MALFORMED);
        }
        /* Brackets inside strings are no nesting, an escaped quote does not end the string. */
        sal_autojson json_t *flat = NULL;
        const char *quoted = "[\"[[[[\\\"[[[[\"]";
        assert_int_equal(sal_json_parse(quoted, strlen(quoted), 1, &flat, NULL), SAL_OK);
        json_t *none = NULL;
        assert_int_equal(sal_json_parse("{\"a\":{}}", 8, 1, &none, NULL), SAL_E_MALFORMED);
}

static void a_million_brackets_do_not_recurse(void **state) {
        (void)state;
        enum { MANY = 1000000 };
        sal_autofree char *text = malloc(MANY);
        assert_non_null(text);
        memset(text, '[', MANY);
        json_t *value = NULL;
        struct sal_err err = {0};
        assert_int_equal(sal_json_parse(text, MANY, SAL_JSON_MAX_DEPTH, &value, &err), SAL_E_MALFORMED);
        assert_non_null(strstr(err.detail, "32"));
}

static void getters_read_and_keep_defaults(void **state) {
        (void)state;
        sal_autojson json_t *value = parsed(
                "{\"s\":\"text\",\"i\":7,\"n\":1.5,\"b\":true,\"t\":\"2024-07-19T05:27:00Z\",\"o\":{},\"a\":[1,2]}");
        struct sal_json_at root = sal_json_root(value);
        struct sal_json_at sub;
        const char *s = NULL;
        int64_t i = 0, t = 0;
        double n = 0;
        bool b = false;
        assert_int_equal(sal_json_string(&root, "s", true, 1, 4, &s, NULL), SAL_OK);
        assert_string_equal(s, "text");
        assert_int_equal(sal_json_int(&root, "i", true, 7, 7, &i, NULL), SAL_OK);
        assert_int_equal(i, 7);
        assert_int_equal(sal_json_number(&root, "n", true, 1.5, 1.5, &n, NULL), SAL_OK);
        assert_true(n > 1.4 && n < 1.6);
        assert_int_equal(sal_json_number(&root, "i", true, 0, 10, &n, NULL), SAL_OK);
        assert_int_equal(sal_json_bool(&root, "b", true, &b, NULL), SAL_OK);
        assert_true(b);
        assert_int_equal(sal_json_time(&root, "t", true, &t, NULL), SAL_OK);
        assert_int_equal(t, 1721366820000);
        assert_int_equal(sal_json_object(&root, "o", true, &sub, NULL), SAL_OK);
        assert_non_null(sub.value);
        assert_int_equal(sal_json_array(&root, "a", true, 2, 2, &sub, NULL), SAL_OK);
        assert_int_equal(json_integer_value(sal_json_element(&sub, 1).value), 2);

        i = 42;
        assert_int_equal(sal_json_int(&root, "missing", false, 0, 1, &i, NULL), SAL_OK);
        assert_int_equal(i, 42);
        assert_int_equal(sal_json_object(&root, "missing", false, &sub, NULL), SAL_OK);
        assert_null(sub.value);
}

/* Every getter against every value that it must not take; the pointer names the member. */
static void getters_refuse_with_a_pointer(void **state) {
        (void)state;
        sal_autojson json_t *value = parsed(
                "{\"in\":{\"s\":\"text\",\"i\":7,\"n\":1.5,\"z\":null,\"t\":\"yesterday\",\"o\":{},\"a\":[1,2]}}");
        struct sal_json_at root = sal_json_root(value), in, sub;
        assert_int_equal(sal_json_object(&root, "in", true, &in, NULL), SAL_OK);
        const char *s = "before";
        int64_t i = 42;
        double n = 42;
        bool b = true;
        struct sal_err err;
#define REFUSED(call, where)                               \
        do {                                               \
                err = (struct sal_err){0};                 \
                assert_int_equal((call), SAL_E_INVALID);   \
                assert_string_equal(err.pointer, (where)); \
                assert_true(err.detail[0]);                \
        } while (0)
        REFUSED(sal_json_string(&in, "i", true, 0, 9, &s, &err), "/in/i");
        REFUSED(sal_json_string(&in, "z", false, 0, 9, &s, &err), "/in/z");
        REFUSED(sal_json_string(&in, "s", true, 5, 9, &s, &err), "/in/s");
        REFUSED(sal_json_string(&in, "s", true, 0, 3, &s, &err), "/in/s");
        REFUSED(sal_json_string(&in, "missing", true, 0, 9, &s, &err), "/in/missing");
        REFUSED(sal_json_int(&in, "n", true, 0, 9, &i, &err), "/in/n");
        REFUSED(sal_json_int(&in, "s", true, 0, 9, &i, &err), "/in/s");
        REFUSED(sal_json_int(&in, "i", true, 8, 9, &i, &err), "/in/i");
        REFUSED(sal_json_int(&in, "i", true, 0, 6, &i, &err), "/in/i");
        REFUSED(sal_json_number(&in, "s", true, 0, 9, &n, &err), "/in/s");
        REFUSED(sal_json_number(&in, "n", true, 2, 9, &n, &err), "/in/n");
        REFUSED(sal_json_bool(&in, "i", true, &b, &err), "/in/i");
        REFUSED(sal_json_bool(&in, "z", false, &b, &err), "/in/z");
        REFUSED(sal_json_time(&in, "t", true, &i, &err), "/in/t");
        REFUSED(sal_json_object(&in, "a", true, &sub, &err), "/in/a");
        REFUSED(sal_json_array(&in, "o", true, 0, 9, &sub, &err), "/in/o");
        REFUSED(sal_json_array(&in, "a", true, 3, 9, &sub, &err), "/in/a");
        REFUSED(sal_json_array(&in, "a", true, 0, 1, &sub, &err), "/in/a");
        assert_string_equal(s, "before");
        assert_int_equal(i, 42);
        assert_true(n > 41.9 && b);

        assert_int_equal(sal_json_array(&in, "a", true, 0, 9, &sub, NULL), SAL_OK);
        struct sal_json_at element = sal_json_element(&sub, 1);
        REFUSED(sal_json_is_object(&element, &err), "/in/a/1");
        REFUSED(sal_json_string(&element, "x", true, 0, 9, &s, &err), "/in/a/1");
#undef REFUSED
}

static void unknown_members_are_named(void **state) {
        (void)state;
        static const char *const known[] = {"a", "b", NULL};
        sal_autojson json_t *good = parsed("{\"a\":1}");
        sal_autojson json_t *bad = parsed("{\"a\":1,\"x/y~z\":2}");
        struct sal_json_at root = sal_json_root(good);
        struct sal_err err = {0};
        assert_int_equal(sal_json_only(&root, known, &err), SAL_OK);
        root = sal_json_root(bad);
        assert_int_equal(sal_json_only(&root, known, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/x~1y~0z"); /* RFC 6901 section 3 */
        assert_non_null(strstr(err.detail, "x/y~z"));
}

/* The name is cut for the message; what is left must still be text that a problem document can hold. */
static void a_long_unknown_member_stays_utf8(void **state) {
        (void)state;
        static const char *const known[] = {NULL};
        char name[202] = "x"; /* one byte and 100 characters of two: every cut at an even byte splits one */
        for (int i = 0; i < 100; i++)
                strcat(name, "\xc3\xa9");
        sal_autojson json_t *value = json_object();
        json_object_set_new(value, name, json_true());
        struct sal_json_at root = sal_json_root(value);
        struct sal_err err = {0};
        assert_int_equal(sal_json_only(&root, known, &err), SAL_E_INVALID);
        sal_autojson json_t *detail = json_string(err.detail);
        sal_autojson json_t *pointer = json_string(err.pointer);
        assert_non_null(detail);
        assert_non_null(pointer);
}

static void dump_is_compact_and_ordered(void **state) {
        (void)state;
        sal_autojson json_t *value = parsed("{ \"z\" : 1, \"a\" : [ true , null ] }");
        sal_autofree char *text = sal_json_dump(value);
        assert_string_equal(text, "{\"z\":1,\"a\":[true,null]}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(strict_syntax),
                cmocka_unit_test(any_value_may_stand_alone),
                cmocka_unit_test(depth_is_bounded),
                cmocka_unit_test(a_million_brackets_do_not_recurse),
                cmocka_unit_test(getters_read_and_keep_defaults),
                cmocka_unit_test(getters_refuse_with_a_pointer),
                cmocka_unit_test(unknown_members_are_named),
                cmocka_unit_test(a_long_unknown_member_stays_utf8),
                cmocka_unit_test(dump_is_compact_and_ordered),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
