/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const struct {
        const char *text;
        int64_t unix_ms;
} known[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"2000-02-29T12:00:00Z", 951825600000},
        {"2024-07-19T05:27:00Z", 1721366820000},
        {"2024-07-19T05:27:00.250Z", 1721366820250},
        {"2038-01-19T03:14:08Z", 2147483648000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
};

static void known_times_both_ways(void **state) {
        (void)state;
        for (size_t i = 0; i < SAL_ARRAY_LEN(known); i++) {
                int64_t unix_ms = -1;
                char text[SAL_TIME_BYTES];
                assert_int_equal(sal_time_parse(known[i].text, &unix_ms), SAL_OK);
                assert_int_equal(unix_ms, known[i].unix_ms);
                sal_time_format(known[i].unix_ms, text);
                assert_string_equal(text, known[i].text);
        }
}

static void fractions_are_cut_to_milliseconds(void **state) {
        (void)state;
        int64_t unix_ms = 0;
        assert_int_equal(sal_time_parse("1970-01-01T00:00:01.5Z", &unix_ms), SAL_OK);
        assert_int_equal(unix_ms, 1500);
        assert_int_equal(sal_time_parse("1970-01-01T00:00:01.999999999Z", &unix_ms), SAL_OK);
        assert_int_equal(unix_ms, 1999);
        assert_int_equal(sal_time_parse("1970-01-01T00:00:01.0009Z", &unix_ms), SAL_OK);
        assert_int_equal(unix_ms, 1000);
}

static void other_texts_are_refused(void **state) {
        (void)state;
        static const char *const wrong[] = {
                "",
                "2024-07-19",
                "2024-07-19T05:27:00",
                "2024-07-19T05:27:00z",
                "2024-07-19t05:27:00Z",
                "2024-07-19 05:27:00Z",
                "2024-07-19T05:27:00+00:00",
                "2024-07-19T05:27:00Z ",
                " 2024-07-19T05:27:00Z",
                "2024-07-19T05:27:00.Z",
                "2024-07-19T05:27:00.1234567890Z",
                "2024-07-19T05:27Z",
                "2024-13-01T00:00:00Z",
                "2024-00-01T00:00:00Z",
                "2024-01-00T00:00:00Z",
                "2023-02-29T00:00:00Z",
                "1900-02-29T00:00:00Z",
                "2024-04-31T00:00:00Z",
                "2024-07-19T24:00:00Z",
                "2024-07-19T23:60:00Z",
                "2016-12-31T23:59:60Z",
                "1969-12-31T23:59:59Z",
                "-024-07-19T05:27:00Z",
                "12024-07-19T05:27:00Z",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(wrong); i++) {
                int64_t unix_ms = 42;
                if (sal_time_parse(wrong[i], &unix_ms) != SAL_E_MALFORMED)
                        fail_msg("accepted: \"%s\"", wrong[i]);
                assert_int_equal(unix_ms, 42);
        }
}

/* The C library knows the calendar too: one moment of every day for 300 years. */
static void agrees_with_the_c_library(void **state) {
        (void)state;
        for (int64_t day = 0; day < 300 * 366; day++) {
                time_t seconds = (time_t)(day * 86400 + day % 86400);
                struct tm tm;
                gmtime_r(&seconds, &tm);
                char text[80];
                snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
                int64_t unix_ms = -1;
                assert_int_equal(sal_time_parse(text, &unix_ms), SAL_OK);
                assert_int_equal(unix_ms, (int64_t)seconds * 1000);
        }
}

static void monotonic_time_never_goes_back(void **state) {
        (void)state;
        int64_t last = sal_clock_mono_us();
        for (int i = 0; i < 1000; i++) {
                int64_t now = sal_clock_mono_us();
                assert_true(now >= last);
                last = now;
        }
        int64_t apart = last / 1000 - sal_clock_mono_ms();
        assert_true(apart > -60000 && apart <= 0);
        assert_true(sal_clock_wall_ms() > 1577836800000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_times_both_ways),          cmocka_unit_test(fractions_are_cut_to_milliseconds),
                cmocka_unit_test(other_texts_are_refused),        cmocka_unit_test(agrees_with_the_c_library),
                cmocka_unit_test(monotonic_time_never_goes_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
