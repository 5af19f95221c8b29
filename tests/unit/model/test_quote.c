/* SPDX-License-Identifier: Apache-2.0 */
#include "model/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const char *text, enum sal_quote how, const char *expected) {
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_quote(&out, text, how);
        assert_string_equal(out.data ? out.data : "", expected);
}

static void a_plain_name_stays_as_it_is(void **state) {
        (void)state;
        check("${SYSTEM}/lib/bad-1_2.s?s*", SAL_QUOTE_NAME, "${SYSTEM}/lib/bad-1_2.s?s*");
        check("SYSTEM\\Services\\x", SAL_QUOTE_NAME, "SYSTEM\\Services\\x");
        check("plain", SAL_QUOTE_VALUE, "\"plain\"");
        check("plain", SAL_QUOTE_PROSE, "\"plain\"");
        check(NULL, SAL_QUOTE_VALUE, "");
}

static void whatever_else_is_quoted(void **state) {
        (void)state;
        static const char *const names[] = {"", " ", "a b", "a ", "(a)", "a,b", "a;b", "a'b", "a=b", "a|b", "a`b", "#"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                sal_autobuf struct sal_buf expected = SAL_BUF_INIT;
                sal_buf_printf(&expected, "\"%s\"", names[i]);
                check(names[i], SAL_QUOTE_NAME, expected.data);
        }
}

static void nothing_ends_the_quotes_but_the_end(void **state) {
        (void)state;
        for (int how = SAL_QUOTE_NAME; how <= SAL_QUOTE_PROSE; how++) {
                check("a\" and b is \"c", (enum sal_quote)how, "\"a\\\" and b is \\\"c\"");
                check("a \\\"", (enum sal_quote)how, "\"a \\\\\\\"\"");
                check(" \\u{202e}", (enum sal_quote)how, "\" \\\\u{202e}\"");
        }
}

static void what_is_not_seen_is_written_out(void **state) {
        (void)state;
        for (int how = SAL_QUOTE_NAME; how <= SAL_QUOTE_PROSE; how++) {
                check("a\x1b[2J\n\t\x7f", (enum sal_quote)how, "\"a\\u{001b}[2J\\u{000a}\\u{0009}\\u{007f}\"");
                check("a   b", (enum sal_quote)how, "\"a \\u{0020}\\u{0020}b\"");
                check("\xc2\x9b\xff\xe2\x80", (enum sal_quote)how, "\"\\u{009b}\\xff\\xe2\\x80\"");
        }
        check("b\xd0\xb0"
              "d\xe2\x80\xae\xf0\x9f\x98\x80",
              SAL_QUOTE_NAME, "\"b\\u{0430}d\\u{202e}\\u{1f600}\"");
        check("Gr\xc3\xbc\xc3\x9f", SAL_QUOTE_VALUE, "\"Gr\\u{00fc}\\u{00df}\"");
        check("Gr\xc3\xbc\xc3\x9f", SAL_QUOTE_PROSE, "\"Gr\xc3\xbc\xc3\x9f\"");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_plain_name_stays_as_it_is),
                cmocka_unit_test(whatever_else_is_quoted),
                cmocka_unit_test(nothing_ends_the_quotes_but_the_end),
                cmocka_unit_test(what_is_not_seen_is_written_out),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
