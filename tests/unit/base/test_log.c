/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char captured[65536];

/* Runs `work` with standard error in a pipe and leaves what it wrote in `captured`. */
static void capture(void (*work)(void)) {
        int ends[2];
        assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
        int saved = dup(STDERR_FILENO);
        dup2(ends[1], STDERR_FILENO);
        work();
        dup2(saved, STDERR_FILENO);
        close(saved);
        close(ends[1]);
        ssize_t n = read(ends[0], captured, sizeof captured - 1);
        captured[n > 0 ? n : 0] = '\0';
        close(ends[0]);
}

static void write_plain(void) {
        sal_log(SAL_LOG_NOTICE, "campaign.halted", SAL_F_STR("campaign", "channel-file-291"), SAL_F_INT("failed", 4));
}

static void a_line_is_time_level_event_and_fields(void **state) {
        (void)state;
        unsetenv("JOURNAL_STREAM");
        capture(write_plain);
        char *space = strchr(captured, ' ');
        assert_non_null(space);
        *space = '\0';
        int64_t unix_ms = 0;
        assert_int_equal(sal_time_parse(captured, &unix_ms), SAL_OK);
        assert_string_equal(space + 1, "notice campaign.halted campaign=channel-file-291 failed=4\n");
}

static void the_journal_gets_a_priority(void **state) {
        (void)state;
        setenv("JOURNAL_STREAM", "8:1", 1);
        capture(write_plain);
        unsetenv("JOURNAL_STREAM");
        assert_string_equal(captured, "<5>notice campaign.halted campaign=channel-file-291 failed=4\n");
}

static void write_hostile(void) {
        sal_log(SAL_LOG_ERROR, "e", SAL_F_STR("a", "x\nerror forged=1"), SAL_F_STR("b", "q\"\\"),
                SAL_F_STR("c", "\x1b[31m\xc3\xa9"), SAL_F_STR("d", ""), SAL_F_STR("e", NULL), SAL_F_STR("f", "k=v"));
}

static void hostile_text_stays_one_line(void **state) {
        (void)state;
        capture(write_hostile);
        char *event = strstr(captured, "error e ");
        assert_non_null(event);
        assert_string_equal(event, "error e a=\"x\\nerror forged=1\" b=\"q\\\"\\\\\" c=\"\\x1b[31m\\xc3\\xa9\" d=\"\" "
                                   "e=\"\" f=\"k=v\"\n");
}

static void write_long(void) {
        char text[5001];
        memset(text, ' ', 5000);
        text[5000] = '\0';
        sal_log(SAL_LOG_ERROR, "long", SAL_F_STR("text", text));
}

static void a_long_value_is_cut(void **state) {
        (void)state;
        capture(write_long);
        assert_true(strlen(captured) < 2200);
        assert_string_equal(captured + strlen(captured) - 2, "\"\n");
}

static void write_all_levels(void) {
        sal_log(SAL_LOG_WARNING, "seen", SAL_F_INT("n", INT64_MIN));
        sal_log(SAL_LOG_DEBUG, "hidden", SAL_F_INT("n", 1));
}

static void levels_filter(void **state) {
        (void)state;
        capture(write_all_levels);
        assert_non_null(strstr(captured, "warning seen n=-9223372036854775808\n"));
        assert_null(strstr(captured, "hidden"));
        sal_log_set(SAL_LOG_DEBUG);
        capture(write_all_levels);
        sal_log_set(SAL_LOG_INFO);
        assert_non_null(strstr(captured, "debug hidden"));
}

static void level_names(void **state) {
        (void)state;
        assert_int_equal(sal_log_level_parse("error"), SAL_LOG_ERROR);
        assert_int_equal(sal_log_level_parse("debug"), SAL_LOG_DEBUG);
        assert_int_equal(sal_log_level_parse(""), -1);
        assert_int_equal(sal_log_level_parse("INFO"), -1);
        assert_int_equal(sal_log_level_parse("verbose"), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_time_level_event_and_fields),
                cmocka_unit_test(the_journal_gets_a_priority),
                cmocka_unit_test(hostile_text_stays_one_line),
                cmocka_unit_test(a_long_value_is_cut),
                cmocka_unit_test(levels_filter),
                cmocka_unit_test(level_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
