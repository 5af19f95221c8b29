/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void appends_grow_and_stay_terminated(void **state) {
        (void)state;
        sal_autobuf struct sal_buf buf = SAL_BUF_INIT;
        for (int i = 0; i < 10000; i++) {
                sal_buf_putc(&buf, (char)('a' + i % 26));
                assert_int_equal(buf.data[buf.len], '\0');
        }
        assert_false(buf.failed);
        assert_int_equal(buf.len, 10000);
        assert_int_equal(strlen(buf.data), 10000);
        assert_int_equal(buf.data[9999], 'a' + 9999 % 26);
}

static void text_number_and_bytes(void **state) {
        (void)state;
        sal_autobuf struct sal_buf buf = SAL_BUF_INIT;
        sal_buf_puts(&buf, "one ");
        sal_buf_printf(&buf, "%d %s ", 2, "three");
        sal_buf_append(&buf, "\0x", 2);
        sal_buf_append(&buf, NULL, 0);
        assert_int_equal(buf.len, strlen("one 2 three ") + 2);
        assert_memory_equal(buf.data, "one 2 three \0x", buf.len + 1);
}

/* The last byte of room belongs to the NUL: every length around the first allocation. */
static void printf_at_every_length(void **state) {
        (void)state;
        for (int len = 100; len < 300; len++) {
                sal_autobuf struct sal_buf buf = SAL_BUF_INIT;
                sal_buf_printf(&buf, "%*s", len, "x");
                assert_int_equal(buf.len, len);
                assert_int_equal(strlen(buf.data), len);
        }
}

static void clear_keeps_the_memory(void **state) {
        (void)state;
        sal_autobuf struct sal_buf buf = SAL_BUF_INIT;
        sal_buf_clear(&buf);
        sal_buf_puts(&buf, "text");
        size_t cap = buf.cap;
        sal_buf_clear(&buf);
        assert_int_equal(buf.len, 0);
        assert_int_equal(buf.cap, cap);
        assert_string_equal(buf.data, "");
}

static void take_hands_over(void **state) {
        (void)state;
        struct sal_buf buf = SAL_BUF_INIT;
        sal_buf_puts(&buf, "mine");
        size_t len = 0;
        char *text = sal_buf_take(&buf, &len);
        assert_string_equal(text, "mine");
        assert_int_equal(len, 4);
        assert_null(buf.data);
        free(text);

        text = sal_buf_take(&buf, NULL);
        assert_string_equal(text, "");
        free(text);
        sal_buf_done(&buf);
        sal_buf_done(NULL);
}

/* One failure stays: what follows is dropped, and the taker sees NULL. */
static void failure_is_remembered(void **state) {
        (void)state;
        struct sal_buf buf = SAL_BUF_INIT;
        sal_buf_puts(&buf, "before");
        assert_false(sal_buf_reserve(&buf, SIZE_MAX - 4));
        assert_true(buf.failed);
        sal_buf_puts(&buf, "after");
        sal_buf_printf(&buf, "%d", 1);
        assert_string_equal(buf.data, "before");
        assert_null(sal_buf_take(&buf, NULL));
        assert_false(buf.failed);
        assert_null(buf.data);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(appends_grow_and_stay_terminated),
                cmocka_unit_test(text_number_and_bytes),
                cmocka_unit_test(printf_at_every_length),
                cmocka_unit_test(clear_keeps_the_memory),
                cmocka_unit_test(take_hands_over),
                cmocka_unit_test(failure_is_remembered),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
