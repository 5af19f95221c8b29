/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "model/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void known_answers(void **state) {
        (void)state;
        static const struct {
                const char *pattern, *text;
                bool expected;
        } cases[] = {
                {"", "", true},
                {"", "a", false},
                {"*", "", true},
                {"*", "abc", true},
                {"?", "", false},
                {"?", "a", true},
                {"??", "a", false},
                {"a*", "abc", true},
                {"*c", "abc", true},
                {"a*c", "abc", true},
                {"a*d", "abc", false},
                {"a?c", "abc", true},
                {"**", "x", true},
                {"*a*", "bab", true},
                {"a*b*c", "aXbYbZc", true},
                {"a*b*c", "aXbYbZ", false},
                {"[a]", "a", false},
                {"[a]", "[a]", true},
                {"{a,b}", "{a,b}", true},
                {"a\\*", "a\\b", true},
                {"csagent*", "csagent.sys", true},
                {"*.sys", "a.sys.bak", false},
                {"*?", "", false},
                {"*?", "a", true},
                {"*ab", "aab", true},
                {"*aab", "aaab", true},
                {"a*a", "a", false},
                {"a**b", "ab", true},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++)
                assert_int_equal(sal_glob_match(cases[n].pattern, cases[n].text, false), cases[n].expected);
}

static void case_is_folded_only_when_asked(void **state) {
        (void)state;
        assert_true(sal_glob_match("CsAgent*", "CSAGENT.sys", true));
        assert_false(sal_glob_match("CsAgent*", "CSAGENT.sys", false));
        /* Only ASCII folds: @ and ` differ by the same bit as A and a. */
        assert_false(sal_glob_match("@", "`", true));
        assert_false(sal_glob_match("\xc3\x84", "\xc3\xa4", true));
}

/* By recursion, as the definition says. */
static bool plain_match(const char *pattern, const char *text) {
        if (*pattern == '\0')
                return *text == '\0';
        if (*pattern == '*')
                return plain_match(pattern + 1, text) || (*text && plain_match(pattern, text + 1));
        return *text && (*pattern == '?' || *pattern == *text) && plain_match(pattern + 1, text + 1);
}

static uint64_t next_random(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static void random_text(uint64_t *seed, const char *alphabet, size_t max, char *ret) {
        size_t len = next_random(seed) % (max + 1);
        for (size_t i = 0; i < len; i++)
                ret[i] = alphabet[next_random(seed) % strlen(alphabet)];
        ret[len] = '\0';
}

static void agrees_with_the_definition(void **state) {
        (void)state;
        uint64_t seed = 0x610b5eed;
        int matches = 0;
        for (int n = 0; n < 300000; n++) {
                char pattern[12];
                char text[16];
                random_text(&seed, "ab*?", 10, pattern);
                random_text(&seed, "ab", 12, text);
                bool expected = plain_match(pattern, text);
                matches += expected;
                assert_int_equal(sal_glob_match(pattern, text, false), expected);
        }
        assert_true(matches > 10000);
}

/* Patterns on which back-tracking over every star would never end. */
static void many_stars_cost_little(void **state) {
        (void)state;
        enum { LEN = 4096 };
        static char text[LEN + 1];
        static char pattern[2 * LEN + 2];
        memset(text, 'a', LEN);
        for (int i = 0; i < LEN / 2; i++)
                memcpy(pattern + 2 * i, "*a", 2);
        memcpy(pattern + LEN, "*b", 3);
        int64_t start_us = sal_clock_mono_us();
        assert_false(sal_glob_match(pattern, text, true));
        memset(pattern, 'a', LEN / 2);
        pattern[0] = '*';
        memcpy(pattern + LEN / 2, "b", 2);
        assert_false(sal_glob_match(pattern, text, true));
        assert_true(sal_clock_mono_us() - start_us < 1000000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_answers),
                cmocka_unit_test(case_is_folded_only_when_asked),
                cmocka_unit_test(agrees_with_the_definition),
                cmocka_unit_test(many_stars_cost_little),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
