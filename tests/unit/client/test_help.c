/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "client/help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_row(size_t column, const char *left, const char *text, const char *expected) {
        sal_autofree char *said = NULL;
        size_t len = 0;
        FILE *stream = open_memstream(&said, &len);
        assert_non_null(stream);
        sal_help_row(stream, column, left, text);
        assert_int_equal(fclose(stream), 0);
        assert_string_equal(said, expected);
}

static void assert_text(const char *text, const char *expected) {
        sal_autofree char *said = NULL;
        size_t len = 0;
        FILE *stream = open_memstream(&said, &len);
        assert_non_null(stream);
        sal_help_text(stream, text);
        assert_int_equal(fclose(stream), 0);
        assert_string_equal(said, expected);
}

#define TEN "123456789 "

static void a_row_goes_on_in_its_column(void **state) {
        (void)state;
        assert_row(10, "--a", "word", "  --a     word\n");
        assert_row(10, "--a", TEN TEN TEN TEN TEN TEN "123456789 1",
                   "  --a     " TEN TEN TEN TEN TEN TEN "123456789\n          1\n");
        assert_row(10, "--a", TEN TEN TEN TEN TEN TEN "1234567890",
                   "  --a     " TEN TEN TEN TEN TEN TEN "1234567890\n");
        assert_row(6, "--long", "word", "  --long  word\n");
        assert_row(6, "--a", "", "  --a  \n");
}

static void a_word_that_is_too_long_stays_whole(void **state) {
        (void)state;
        assert_row(70, "--a", "12345678901234567890 b",
                   "  --a                                                                 12345678901234567890\n"
                   "                                                                      b\n");
}

static void texts_keep_their_lines_and_lists(void **state) {
        (void)state;
        assert_text("one\ntwo", "one\ntwo\n");
        assert_text("one\n\ntwo\n", "one\n\ntwo\n");
        assert_text(TEN TEN TEN TEN TEN TEN TEN TEN "next", TEN TEN TEN TEN TEN TEN TEN "123456789\nnext\n");
        assert_text("root  " TEN TEN TEN TEN TEN TEN TEN "next one\nend",
                    "root  " TEN TEN TEN TEN TEN TEN "123456789 next\n      one\nend\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_row_goes_on_in_its_column),
                cmocka_unit_test(a_word_that_is_too_long_stays_whole),
                cmocka_unit_test(texts_keep_their_lines_and_lists),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
