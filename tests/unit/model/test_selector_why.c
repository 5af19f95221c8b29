/* SPDX-License-Identifier: Apache-2.0 */
/* What of a selector says no, in words: each operator, each way to nest, and facts that would pass for our words. */
#include "model/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct sal_selector *selector_of(const char *text) {
        struct sal_selector *selector = NULL;
        struct sal_err err = {0};
        sal_autojson json_t *value = json_loads(text, 0, NULL);
        assert_non_null(value);
        struct sal_json_at at = sal_json_root(value);
        if (sal_selector_parse(&at, &selector, &err))
                fail_msg("%s: %s", text, err.detail);
        return selector;
}

static bool why(const char *selector_text, const char *facts_text, struct sal_selector_why *ret) {
        sal_auto(sal_selector) struct sal_selector *selector = selector_of(selector_text);
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        if (facts_text)
                assert_int_equal(sal_facts_parse_text(facts_text, &facts), SAL_OK);
        bool told = sal_selector_why(selector, facts, ret);
        assert_int_equal(told, !sal_selector_match(selector, facts));
        return told;
}

static const struct {
        const char *selector, *facts, *pointer, *fact, *text, *rule;
} cases[] = {
        {"{\"fact\":\"os\",\"eq\":\"windows\"}", "{\"os\":\"linux\"}", "", "os", "os is linux, the fix is for windows",
         "os is not windows"},
        {"{\"fact\":\"os\",\"eq\":\"windows\"}", "{}", "", "os", "os is not known, the fix is for windows",
         "os is not known"},
        {"{\"fact\":\"os\",\"ne\":\"linux\"}", "{\"os\":\"Linux\"}", "", "os", "os is Linux, which the fix leaves out",
         "os is linux"},
        {"{\"fact\":\"n\",\"in\":[1,2,true,\"x y\"]}", "{\"n\":3}", "", "n",
         "n is 3, the fix is for 1, 2, true or \"x y\"", "n is none of 1, 2, true or \"x y\""},
        {"{\"fact\":\"n\",\"in\":[1,2,3,4,5,6]}", "{\"n\":9}", "", "n",
         "n is 9, the fix is for 1, 2, 3 or one of 3 others", "n is none of 1, 2, 3 or one of 3 others"},
        {"{\"fact\":\"m\",\"prefix\":\"Len\"}", "{\"m\":\"Dell\"}", "", "m",
         "m is Dell, the fix is for what begins with Len", "m does not begin with Len"},
        {"{\"fact\":\"m\",\"glob\":\"cs*\"}", "{\"m\":\"x.sys\"}", "", "m",
         "m is x.sys, the fix is for what matches cs*", "m does not match cs*"},
        {"{\"fact\":\"v\",\"lt\":\"10.0.9\"}", "{\"v\":\"10.0.10\"}", "", "v",
         "v is 10.0.10, the fix is for versions below 10.0.9", "v is not below 10.0.9"},
        {"{\"fact\":\"v\",\"le\":10}", "{\"v\":\"ten\"}", "", "v",
         "v is ten (no version number), the fix is for versions up to 10", "v is above 10"},
        {"{\"fact\":\"v\",\"gt\":10}", "{\"v\":10}", "", "v", "v is 10, the fix is for versions above 10",
         "v is not above 10"},
        {"{\"fact\":\"v\",\"ge\":\"10\"}", "{\"v\":\"9.9\"}", "", "v", "v is 9.9, the fix is for versions from 10",
         "v is below 10"},
        {"{\"fact\":\"v\",\"exists\":true}", "{}", "", "v", "v is not known, the fix is for machines that tell it",
         "v is not known"},
        {"{\"fact\":\"v\",\"exists\":false}", "{\"v\":1}", "", "v",
         "v is 1, the fix is for machines that do not tell it", "v is known"},
        /* The first part that fails, wherever it stands. */
        {"{\"all\":[{\"fact\":\"a\",\"eq\":1},{\"all\":[{\"fact\":\"b\",\"eq\":1},{\"fact\":\"c\",\"eq\":1}]}]}",
         "{\"a\":1,\"b\":1,\"c\":2}", "/all/1/all/1", "c", "c is 2, the fix is for 1", "c is not 1"},
        {"{\"any\":[{\"fact\":\"a\",\"eq\":1},{\"fact\":\"b\",\"eq\":1},{\"fact\":\"c\",\"eq\":1}]}", "{\"a\":2}",
         "/any/0", "a", "a is 2, the fix is for 1 (and 2 other ways to match: none fits)",
         "a is not 1 (and 2 other ways to match: none fits)"},
        {"{\"any\":[]}", "{\"a\":2}", "", "", "the fix is for no machine", "the fix is for no machine"},
        {"{\"not\":{\"fact\":\"a\",\"eq\":2}}", "{\"a\":2}", "/not", "a",
         "a is 2, the fix leaves out those where a is \"2\"", "a is \"2\""},
        {"{\"not\":{\"fact\":\"a\",\"exists\":false}}", "{}", "/not", "a",
         "a is not known, the fix leaves out those where a is not known", "a is not known"},
        {"{\"not\":{\"all\":[]}}", "{}", "/not", "", "the fix leaves out those where any machine", "any machine"},
};

static void each_operator(void **state) {
        (void)state;
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                struct sal_selector_why told;
                if (!why(cases[i].selector, cases[i].facts, &told))
                        fail_msg("%s matches", cases[i].selector);
                assert_string_equal(told.pointer, cases[i].pointer);
                assert_string_equal(told.fact, cases[i].fact);
                assert_string_equal(told.text, cases[i].text);
                assert_string_equal(told.rule, cases[i].rule);
        }
}

static void nothing_to_tell(void **state) {
        (void)state;
        struct sal_selector_why told = {.text = "as it was"};
        assert_false(why("{\"fact\":\"a\",\"eq\":2}", "{\"a\":2}", &told));
        assert_false(why("{\"all\":[]}", NULL, &told));
        assert_string_equal(told.text, "as it was");
        assert_true(why("{\"fact\":\"a\",\"eq\":2}", NULL, &told));
        assert_true(told.missing);
}

/* Whatever a machine says, its words stay within quotes, on one line, ASCII, and within bounds. */
static void facts_are_quoted_and_cut(void **state) {
        (void)state;
        struct sal_selector_why told;
        char facts[700], rest[257];
        memset(rest, 1, sizeof rest - 1);
        rest[sizeof rest - 1] = '\0';
        assert_true(why("{\"fact\":\"os\",\"eq\":\"w\"}",
                        "{\"os\":\"w, the fix is for you.\\nYes \\u202e \\ud83d\\ude00\"}", &told));
        assert_string_equal(told.text,
                            "os is \"w, the fix is for you.\\u{000a}Yes \\u{202e} \\u{1f600}\", the fix is for w");
        sal_autojson json_t *object = json_pack("{s:s}", "os", rest);
        sal_autofree char *text = json_dumps(object, 0);
        snprintf(facts, sizeof facts, "%.20s", text);
        assert_true(why("{\"fact\":\"os\",\"eq\":\"w\"}", text, &told));
        assert_true(strlen(told.text) < SAL_SELECTOR_WHY_BYTES);
        assert_non_null(strstr(told.text, "\"..."));
}

/* Four values of the most bytes, each of which takes the most room in quotes. */
static void the_longest(void **state) {
        (void)state;
        char value[257];
        memset(value, 2, 256);
        value[256] = '\0';
        sal_autojson json_t *selector = json_pack("{s:s, s:[s,s,s,s]}", "fact", "abcdefghijklmnopqrstuvwxyz012345",
                                                  "in", value, value, value, value);
        sal_autojson json_t *facts = json_pack("{s:s}", "abcdefghijklmnopqrstuvwxyz012345", "x\x01");
        sal_autofree char *selector_text = json_dumps(selector, 0), *facts_text = json_dumps(facts, 0);
        struct sal_selector_why told;
        assert_true(why(selector_text, facts_text, &told));
        assert_int_equal(strlen(told.text), SAL_SELECTOR_WHY_BYTES - 1);
        assert_string_equal(told.text + SAL_SELECTOR_WHY_BYTES - 4, "...");
}

/* As deep as a selector may be: the pointer has room. */
static void the_deepest(void **state) {
        (void)state;
        struct sal_selector_why told;
        assert_true(why(
                "{\"all\":[{\"any\":[{\"all\":[{\"any\":[{\"all\":[{\"any\":[{\"all\":[{\"fact\":\"a\",\"eq\":1}]}]}]}]"
                "}]}]}]}",
                "{}", &told));
        assert_string_equal(told.pointer, "/all/0/any/0/all/0/any/0/all/0/any/0/all/0");
}

static void the_size(void **state) {
        (void)state;
        static const struct {
                const char *selector;
                size_t size;
        } sizes[] = {{"{\"all\":[]}", 1},
                     {"{\"fact\":\"a\",\"exists\":true}", 1},
                     {"{\"fact\":\"a\",\"eq\":1}", 2},
                     {"{\"any\":[{\"fact\":\"a\",\"in\":[1,2,3]},{\"not\":{\"fact\":\"a\",\"lt\":1}}]}", 8}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(sizes); i++) {
                sal_auto(sal_selector) struct sal_selector *selector = selector_of(sizes[i].selector);
                assert_int_equal(sal_selector_size(selector), sizes[i].size);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_operator),
                cmocka_unit_test(nothing_to_tell),
                cmocka_unit_test(facts_are_quoted_and_cut),
                cmocka_unit_test(the_longest),
                cmocka_unit_test(the_deepest),
                cmocka_unit_test(the_size),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
