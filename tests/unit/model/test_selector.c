/* SPDX-License-Identifier: Apache-2.0 */
#include "model/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const MACHINE =
        "{\"os\":\"Windows\",\"os_version\":\"10.0.22631\",\"failing_module\":\"csagent.sys\","
        "\"volume_locked\":true,\"cores\":8,\"odd\":\"1.x\",\"stop_code\":\"0x50\"}";

static enum sal_status parse(const char *text, struct sal_selector **ret, struct sal_err *err) {
        sal_autojson json_t *value = NULL;
        enum sal_status status = sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &value, err);
        if (status)
                return status;
        struct sal_json_at at = sal_json_root(value);
        return sal_selector_parse(&at, ret, err);
}

static bool matches(const char *selector_text, const char *facts_text) {
        sal_auto(sal_selector) struct sal_selector *selector = NULL;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        struct sal_err err = {0};
        if (parse(selector_text, &selector, &err))
                fail_msg("%s: %s %s", selector_text, err.pointer, err.detail);
        if (facts_text)
                assert_int_equal(sal_facts_parse_text(facts_text, &facts), SAL_OK);
        return sal_selector_match(selector, facts);
}

struct match_case {
        const char *selector;
        bool expected;
};

static void check(const struct match_case *cases, size_t count) {
        for (size_t n = 0; n < count; n++) {
                if (matches(cases[n].selector, MACHINE) != cases[n].expected)
                        fail_msg("%s: expected %d", cases[n].selector, cases[n].expected);
        }
}

static void operators(void **state) {
        (void)state;
        static const struct match_case cases[] = {
                {"{\"fact\":\"os\",\"eq\":\"windows\"}", true},
                {"{\"fact\":\"os\",\"eq\":\"linux\"}", false},
                {"{\"fact\":\"os\",\"ne\":\"linux\"}", true},
                {"{\"fact\":\"os\",\"ne\":\"WINDOWS\"}", false},
                {"{\"fact\":\"os\",\"in\":[\"linux\",\"windows\"]}", true},
                {"{\"fact\":\"os\",\"in\":[\"linux\",\"bsd\"]}", false},
                {"{\"fact\":\"os\",\"prefix\":\"win\"}", true},
                {"{\"fact\":\"os\",\"prefix\":\"windows!\"}", false},
                {"{\"fact\":\"failing_module\",\"glob\":\"CSAGENT*\"}", true},
                {"{\"fact\":\"failing_module\",\"glob\":\"csagent\"}", false},
                {"{\"fact\":\"os\",\"exists\":true}", true},
                {"{\"fact\":\"os\",\"exists\":false}", false},
                {"{\"fact\":\"cores\",\"eq\":8}", true},
                {"{\"fact\":\"cores\",\"eq\":\"8\"}", true},
                {"{\"fact\":\"cores\",\"eq\":8.0}", true},
                {"{\"fact\":\"cores\",\"in\":[1,2,8]}", true},
                {"{\"fact\":\"cores\",\"lt\":9}", true},
                {"{\"fact\":\"cores\",\"ge\":\"8\"}", true},
                {"{\"fact\":\"volume_locked\",\"eq\":true}", true},
                {"{\"fact\":\"volume_locked\",\"eq\":false}", false},
                {"{\"fact\":\"volume_locked\",\"ne\":true}", false},
                {"{\"fact\":\"stop_code\",\"eq\":\"0X50\"}", true},
        };
        check(cases, SAL_ARRAY_LEN(cases));
}

static void a_missing_fact_makes_all_but_ne_and_not_exists_false(void **state) {
        (void)state;
        static const struct match_case cases[] = {
                {"{\"fact\":\"bios\",\"eq\":\"x\"}", false},    {"{\"fact\":\"bios\",\"ne\":\"x\"}", true},
                {"{\"fact\":\"bios\",\"in\":[\"x\"]}", false},  {"{\"fact\":\"bios\",\"prefix\":\"x\"}", false},
                {"{\"fact\":\"bios\",\"glob\":\"*\"}", false},  {"{\"fact\":\"bios\",\"lt\":\"9\"}", false},
                {"{\"fact\":\"bios\",\"le\":\"9\"}", false},    {"{\"fact\":\"bios\",\"gt\":\"0\"}", false},
                {"{\"fact\":\"bios\",\"ge\":\"0\"}", false},    {"{\"fact\":\"bios\",\"exists\":true}", false},
                {"{\"fact\":\"bios\",\"exists\":false}", true}, {"{\"not\":{\"fact\":\"bios\",\"eq\":\"x\"}}", true},
        };
        check(cases, SAL_ARRAY_LEN(cases));
        assert_false(matches("{\"fact\":\"os\",\"eq\":\"windows\"}", NULL));
}

static void dotted_numbers_compare_part_by_part(void **state) {
        (void)state;
        static const struct {
                const char *a, *op, *b;
                bool expected;
        } cases[] = {
                {"10.0.9", "lt", "10.0.22631", true},
                {"10.0.22631", "lt", "10.0.9", false},
                {"10.0", "le", "10.0.0", true},
                {"10.0", "ge", "10.0.0", true},
                {"10.0", "lt", "10.0.0", false},
                {"10.0.0.1", "gt", "10", true},
                {"010", "ge", "10", true},
                {"9", "gt", "10", false},
                {"999999999999999999", "gt", "999999999999999998", true},
                {"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", "gt", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.15", true},
                /* Not dotted decimal on one side or the other: false whatever the operator. */
                {"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", "ge", "1", true},
                {"99999999999999999999", "gt", "9999999999999999999", true},
                {"0000000000000000000000001", "le", "1", true},
                {"1000000000000000000", "ge", "1", true},
                {"", "le", "1", false},
                {"1.", "le", "9", false},
                {".1", "le", "9", false},
                {"1..2", "le", "9", false},
                {"1.x", "le", "9", false},
                {"-1", "le", "9", false},
                {" 1", "le", "9", false},
                {"1", "le", "x", false},
                {"1", "ge", "", false},
                {"x", "ge", "x", false},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++) {
                char selector[128];
                char facts[128];
                snprintf(selector, sizeof selector, "{\"fact\":\"v\",\"%s\":\"%s\"}", cases[n].op, cases[n].b);
                snprintf(facts, sizeof facts, "{\"v\":\"%s\"}", cases[n].a);
                if (matches(selector, facts) != cases[n].expected)
                        fail_msg("%s %s %s: expected %d", cases[n].a, cases[n].op, cases[n].b, cases[n].expected);
        }
}

static void combinations(void **state) {
        (void)state;
        static const struct match_case cases[] = {
                {"{\"all\":[]}", true},
                {"{\"any\":[]}", false},
                {"{\"not\":{\"all\":[]}}", false},
                {"{\"all\":[{\"fact\":\"os\",\"eq\":\"windows\"},{\"fact\":\"cores\",\"eq\":8}]}", true},
                {"{\"all\":[{\"fact\":\"os\",\"eq\":\"windows\"},{\"fact\":\"cores\",\"eq\":9}]}", false},
                {"{\"any\":[{\"fact\":\"os\",\"eq\":\"linux\"},{\"fact\":\"cores\",\"eq\":8}]}", true},
                {"{\"any\":[{\"fact\":\"os\",\"eq\":\"linux\"},{\"fact\":\"cores\",\"eq\":9}]}", false},
                {"{\"not\":{\"any\":[{\"fact\":\"os\",\"eq\":\"linux\"},{\"not\":{\"all\":[]}}]}}", true},
        };
        check(cases, SAL_ARRAY_LEN(cases));
}

static void bad_selectors_say_where(void **state) {
        (void)state;
        static const struct {
                const char *text, *pointer, *detail;
        } cases[] = {
                {"[]", "", "must be an object"},
                {"\"x\"", "", "must be an object"},
                {"{}", "", "must be {\"all\""},
                {"{\"fact\":\"os\"}", "", "must be {\"all\""},
                {"{\"eq\":\"x\"}", "/eq", "\"eq\" needs a \"fact\""},
                {"{\"fact\":\"os\",\"all\":[]}", "/all", "cannot stand beside \"fact\""},
                {"{\"all\":[],\"any\":[]}", "/any", "a second operator beside \"all\""},
                {"{\"fact\":\"v\",\"ge\":\"1\",\"lt\":\"2\"}", "/lt", "a second operator beside \"ge\""},
                {"{\"fact\":\"os\",\"regex\":\"x\"}", "/regex", "unknown operator \"regex\""},
                {"{\"fact\":\"os\",\"eq\":\"x\",\"note\":\"y\"}", "/note", "unknown operator \"note\""},
                {"{\"fact\":1,\"eq\":\"x\"}", "/fact", "must be a string"},
                {"{\"fact\":\"OS\",\"eq\":\"x\"}", "/fact", "only the characters"},
                {"{\"fact\":\"\",\"eq\":\"x\"}", "/fact", "1 to 32 bytes"},
                {"{\"fact\":\"os\",\"eq\":null}", "/eq", "a string, a number or a boolean"},
                {"{\"fact\":\"os\",\"eq\":[\"x\"]}", "/eq", "a string, a number or a boolean"},
                {"{\"fact\":\"os\",\"in\":\"x\"}", "/in", "an array of 1 to 256"},
                {"{\"fact\":\"os\",\"in\":[]}", "/in", "an array of 1 to 256"},
                {"{\"fact\":\"os\",\"in\":[\"x\",{}]}", "/in/1", "a string, a number or a boolean"},
                {"{\"fact\":\"os\",\"prefix\":1}", "/prefix", "must be a string"},
                {"{\"fact\":\"os\",\"prefix\":\"\"}", "/prefix", "1 to 256 bytes"},
                {"{\"fact\":\"os\",\"glob\":true}", "/glob", "must be a string"},
                {"{\"fact\":\"os\",\"lt\":true}", "/lt", "a string or a number"},
                {"{\"fact\":\"os\",\"exists\":1}", "/exists", "true or false"},
                {"{\"all\":{}}", "/all", "an array of selectors"},
                {"{\"any\":[{\"fact\":\"os\",\"eq\":\"x\"},{\"nor\":[]}]}", "/any/1/nor", "unknown operator"},
                {"{\"not\":[]}", "/not", "must be an object"},
                {"{\"not\":{\"all\":[{\"not\":{\"any\":3}}]}}", "/not/all/0/not/any", "an array of selectors"},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++) {
                struct sal_selector *selector = NULL;
                struct sal_err err = {0};
                assert_int_equal(parse(cases[n].text, &selector, &err), SAL_E_INVALID);
                assert_null(selector);
                assert_string_equal(err.pointer, cases[n].pointer);
                if (!strstr(err.detail, cases[n].detail))
                        fail_msg("%s: %s", cases[n].text, err.detail);
        }
}

static void depth_and_size_are_bounded(void **state) {
        (void)state;
        char text[65536];
        for (int depth = SAL_SELECTOR_MAX_DEPTH; depth <= SAL_SELECTOR_MAX_DEPTH + 1; depth++) {
                sal_auto(sal_selector) struct sal_selector *selector = NULL;
                struct sal_err err = {0};
                sal_autobuf struct sal_buf out = SAL_BUF_INIT;
                for (int n = 1; n < depth; n++)
                        sal_buf_puts(&out, "{\"not\":");
                sal_buf_puts(&out, "{\"all\":[]}");
                for (int n = 1; n < depth; n++)
                        sal_buf_puts(&out, "}");
                assert_int_equal(parse(out.data, &selector, &err),
                                 depth == SAL_SELECTOR_MAX_DEPTH ? SAL_OK : SAL_E_INVALID);
        }
        for (int nodes = SAL_SELECTOR_MAX_NODES; nodes <= SAL_SELECTOR_MAX_NODES + 2; nodes++) {
                sal_auto(sal_selector) struct sal_selector *selector = NULL;
                struct sal_err err = {0};
                int len = snprintf(text, sizeof text, "{\"any\":[{\"all\":[]}");
                for (int n = 2; n < nodes; n++)
                        len += snprintf(text + len, sizeof text - (size_t)len, ",{\"all\":[]}");
                snprintf(text + len, sizeof text - (size_t)len, "]}");
                assert_int_equal(parse(text, &selector, &err),
                                 nodes == SAL_SELECTOR_MAX_NODES ? SAL_OK : SAL_E_INVALID);
        }
        for (int values = SAL_SELECTOR_MAX_VALUES; values <= SAL_SELECTOR_MAX_VALUES + 1; values++) {
                sal_auto(sal_selector) struct sal_selector *selector = NULL;
                struct sal_err err = {0};
                int len = snprintf(text, sizeof text, "{\"fact\":\"v\",\"in\":[0");
                for (int n = 1; n < values; n++)
                        len += snprintf(text + len, sizeof text - (size_t)len, ",%d", n);
                snprintf(text + len, sizeof text - (size_t)len, "]}");
                assert_int_equal(parse(text, &selector, &err),
                                 values == SAL_SELECTOR_MAX_VALUES ? SAL_OK : SAL_E_INVALID);
        }
}

static void description_reads_as_a_sentence(void **state) {
        (void)state;
        static const struct {
                const char *text, *words;
        } cases[] = {
                {"{\"all\":[{\"fact\":\"os\",\"eq\":\"windows\"},{\"fact\":\"failing_module\",\"glob\":\"csagent*\"}]}",
                 "os is \"windows\" and failing_module matches \"csagent*\""},
                {"{\"all\":[]}", "any machine"},
                {"{\"any\":[]}", "no machine"},
                {"{\"not\":{\"fact\":\"os\",\"in\":[\"a\",\"b c\",\"\"]}}", "not os is one of \"a\", \"b c\", \"\""},
                {"{\"all\":[{\"fact\":\"a\",\"exists\":true},{\"any\":[{\"fact\":\"b\",\"lt\":\"10.0\"},"
                 "{\"fact\":\"c\",\"exists\":false}]}]}",
                 "a is known and (b is below \"10.0\" or c is not known)"},
                {"{\"fact\":\"a\",\"eq\":\"x\\u001b[2J?y\"}", "a is \"x\\u{001b}[2J?y\""},
                /* what would pass for the sentence around it */
                {"{\"all\":[{\"fact\":\"os\",\"ne\":\"mac os\\\" and model is \\\"Kiosk 7\"}]}",
                 "os is not \"mac os\\\" and model is \\\"Kiosk 7\""},
                {"{\"all\":[{\"not\":{\"fact\":\"os\",\"eq\":\"mac os\\\") and (model is \\\"Kiosk 7\"}}]}",
                 "not os is \"mac os\\\") and (model is \\\"Kiosk 7\""},
                {"{\"fact\":\"os\",\"in\":[\"a, b\",\"c\\\" or \\\"d\",\"e\\\\\",\"\\u202e\"]}",
                 "os is one of \"a, b\", \"c\\\" or \\\"d\", \"e\\\\\", \"\\u{202e}\""},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++) {
                sal_auto(sal_selector) struct sal_selector *selector = NULL;
                sal_autobuf struct sal_buf out = SAL_BUF_INIT;
                assert_int_equal(parse(cases[n].text, &selector, NULL), SAL_OK);
                sal_selector_describe(selector, &out);
                assert_string_equal(out.data, cases[n].words);
        }
}

/* ---- random selectors ---- */

static uint64_t next_random(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static int below(uint64_t *seed, int limit) {
        return (int)(next_random(seed) % (uint64_t)limit);
}

static json_t *random_value(uint64_t *seed) {
        static const char *const texts[] = {"", "windows", "10.0.22631", "8", "true", "*", "\xe2\x82\xac", "1.x"};
        switch (below(seed, 6)) {
        case 0:
                return json_integer((json_int_t)next_random(seed));
        case 1:
                return json_real((double)below(seed, 1000) / 8);
        case 2:
                return json_boolean(below(seed, 2));
        case 3:
                return json_null();
        default:
                return json_string(texts[below(seed, (int)SAL_ARRAY_LEN(texts))]);
        }
}

/* Mostly right, now and then not: an unknown operator, a wrong value, too deep. */
static json_t *random_selector(uint64_t *seed, int depth) {
        static const char *const names[] = {"eq", "ne", "in", "prefix", "glob", "lt",
                                            "le", "gt", "ge", "exists", "bad"};
        static const char *const facts[] = {"os", "cores", "volume_locked", "none", "BAD"};
        int kind = depth > 9 ? 9 : below(seed, 10);
        if (kind == 0)
                return json_pack("{s:o}", "not", random_selector(seed, depth + 1));
        if (kind <= 3) {
                json_t *list = json_array();
                for (int n = below(seed, 4); n > 0; n--)
                        json_array_append_new(list, random_selector(seed, depth + 1));
                return json_pack("{s:o}", kind == 1 ? "any" : "all", list);
        }
        const char *name = names[below(seed, below(seed, 8) ? 10 : 11)];
        json_t *value = random_value(seed);
        if (strcmp(name, "in") == 0)
                value = json_pack("[o,o]", value, random_value(seed));
        if (strcmp(name, "exists") == 0 && below(seed, 8)) {
                json_decref(value);
                value = json_boolean(below(seed, 2));
        }
        return json_pack("{s:s, s:o}", "fact", facts[below(seed, below(seed, 8) ? 4 : 5)], name, value);
}

static void any_selector_is_parsed_and_described_or_refused(void **state) {
        (void)state;
        uint64_t seed = 0x5e1ec70125eed;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        int parsed = 0;
        assert_int_equal(sal_facts_parse_text(MACHINE, &facts), SAL_OK);
        for (int n = 0; n < 20000; n++) {
                sal_autojson json_t *value = random_selector(&seed, 1);
                sal_auto(sal_selector) struct sal_selector *selector = NULL;
                sal_autobuf struct sal_buf out = SAL_BUF_INIT;
                struct sal_err err = {0};
                struct sal_json_at at = sal_json_root(value);
                if (sal_selector_parse(&at, &selector, &err)) {
                        assert_int_equal(err.status, SAL_E_INVALID);
                        assert_true(err.detail[0] != '\0');
                        continue;
                }
                parsed++;
                sal_selector_match(selector, facts);
                sal_selector_match(selector, NULL);
                sal_selector_describe(selector, &out);
                assert_true(out.len > 0);
        }
        assert_true(parsed > 2000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(operators),
                cmocka_unit_test(a_missing_fact_makes_all_but_ne_and_not_exists_false),
                cmocka_unit_test(dotted_numbers_compare_part_by_part),
                cmocka_unit_test(combinations),
                cmocka_unit_test(bad_selectors_say_where),
                cmocka_unit_test(depth_and_size_are_bounded),
                cmocka_unit_test(description_reads_as_a_sentence),
                cmocka_unit_test(any_selector_is_parsed_and_described_or_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
