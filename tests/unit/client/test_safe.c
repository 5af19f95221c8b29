/* SPDX-License-Identifier: Apache-2.0 */
#include "client/safe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, const char *expected) {
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_safe_append(&out, text, strlen(text));
        assert_string_equal(out.data ? out.data : "", expected);
}

static void test_plain_text_stays(void **state) {
        (void)state;
        check("", "");
        check("plain, \\ and \"quoted\"", "plain, \\ and \"quoted\"");
        check("Grüße 日本 😀", "Grüße 日本 😀");
}

static void test_controls_are_shown(void **state) {
        (void)state;
        check("a\x1b[31mb", "a\\x1b[31mb");
        check("line\nnext\ttab\r", "line\\nnext\\ttab\\x0d");
        check("\x07\x7f", "\\x07\\x7f");
        check("\xc2\x9b"
              "31m",
              "\\x9b31m"); /* C1: a CSI in one code point */
}

static void test_reordering_and_hidden_points_are_shown(void **state) {
        (void)state;
        check("a\xe2\x80\xae"
              "b",
              "a\\u{202e}b");
        check("\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8f", "\\u{2066}\\u{2069}\\u{200f}");
        check("\xe2\x80\x8b\xef\xbb\xbf", "\\u{200b}\\u{feff}");
        check("\xe2\x80\xa8", "\\u{2028}");
        check("\xf3\xa0\x81\x81", "\\u{e0041}"); /* tag letters */
}

static void test_broken_utf8_is_shown_byte_by_byte(void **state) {
        (void)state;
        check("\xff"
              "a",
              "\\xffa");
        check("\xc3", "\\xc3");
        check("\xc0\xaf", "\\xc0\\xaf");          /* overlong */
        check("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
        check("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
        check("\xe2\x80"
              "x",
              "\\xe2\\x80x");
}

static void test_length_counts_not_the_nul(void **state) {
        (void)state;
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_safe_append(&out, "a\0b", 3);
        assert_string_equal(out.data, "a\\x00b");
        assert_int_equal(sal_safe_columns("abc"), 3);
        assert_int_equal(sal_safe_columns(""), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain_text_stays),
                cmocka_unit_test(test_controls_are_shown),
                cmocka_unit_test(test_reordering_and_hidden_points_are_shown),
                cmocka_unit_test(test_broken_utf8_is_shown_byte_by_byte),
                cmocka_unit_test(test_length_counts_not_the_nul),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
