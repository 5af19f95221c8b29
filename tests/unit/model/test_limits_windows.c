/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

/* 2026-11-23 is a Monday. */
struct window_case {
        const char *now;
        bool open;
        const char *next; /* when the answer changes */
};

static void check_windows(const char *text, const struct window_case *cases, size_t count) {
        sal_auto(sal_limits) struct sal_limits *limits = limits_of(text);
        for (size_t i = 0; i < count; i++) {
                int64_t now = at(cases[i].now);
                int64_t next = at(cases[i].next);
                if (sal_limits_window_open(limits, now) != cases[i].open)
                        fail_msg("at %s it is %sopen", cases[i].now, cases[i].open ? "not " : "");
                assert_int_equal(sal_limits_window_opens_ms(limits, now), cases[i].open ? now : next);
                assert_int_equal(sal_limits_window_closes_ms(limits, now), cases[i].open ? next : now);
        }
}

static void a_window_opens_and_closes_to_the_millisecond(void **state) {
        (void)state;
        static const struct window_case cases[] = {
                {"2026-11-23T09:59:59.999Z", false, "2026-11-23T10:00:00Z"},
                {"2026-11-23T10:00:00Z", true, "2026-11-23T10:30:00Z"},
                {"2026-11-23T10:29:59.999Z", true, "2026-11-23T10:30:00Z"},
                {"2026-11-23T10:30:00Z", false, "2026-11-30T10:00:00Z"},
                {"2026-11-24T10:10:00Z", false, "2026-11-30T10:00:00Z"},
                {"1970-01-01T00:00:00Z", false, "1970-01-05T10:00:00Z"},
        };
        check_windows("{\"windows\":[{\"days\":[\"mon\"],\"from\":\"10:00\",\"to\":\"10:30\"}]}", cases,
                      SAL_ARRAY_LEN(cases));
}

static void a_window_goes_over_midnight(void **state) {
        (void)state;
        static const struct window_case cases[] = {
                {"2026-11-23T21:59:00Z", false, "2026-11-23T22:00:00Z"},
                {"2026-11-23T22:00:00Z", true, "2026-11-24T04:00:00Z"},
                {"2026-11-24T00:00:00Z", true, "2026-11-24T04:00:00Z"},
                {"2026-11-24T04:00:00Z", false, "2026-11-24T22:00:00Z"},
                {"2026-11-28T03:59:59Z", true, "2026-11-28T04:00:00Z"},
                {"2026-11-28T22:00:00Z", false, "2026-11-30T22:00:00Z"},
        };
        check_windows("{\"windows\":[{\"days\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\"],"
                      "\"from\":\"22:00\",\"to\":\"04:00\"}]}",
                      cases, SAL_ARRAY_LEN(cases));
}

static void a_window_goes_over_the_end_of_the_week(void **state) {
        (void)state;
        static const struct window_case cases[] = {
                {"2026-11-22T22:59:59Z", false, "2026-11-22T23:00:00Z"},
                {"2026-11-22T23:00:00Z", true, "2026-11-23T01:00:00Z"},
                {"2026-11-23T00:59:59.999Z", true, "2026-11-23T01:00:00Z"},
                {"2026-11-23T01:00:00Z", false, "2026-11-29T23:00:00Z"},
        };
        check_windows("{\"windows\":[{\"days\":[\"sun\"],\"from\":\"23:00\",\"to\":\"01:00\"}]}", cases,
                      SAL_ARRAY_LEN(cases));
}

static void windows_that_touch_are_one(void **state) {
        (void)state;
        static const struct window_case cases[] = {
                {"2026-11-28T00:00:00Z", true, "2026-11-30T06:00:00Z"},
                {"2026-11-29T23:59:59Z", true, "2026-11-30T06:00:00Z"},
                {"2026-11-30T06:00:00Z", false, "2026-12-05T00:00:00Z"},
        };
        check_windows("{\"windows\":[{\"days\":[\"sat\",\"sun\"],\"from\":\"00:00\",\"to\":\"24:00\"},"
                      "{\"days\":[\"mon\"],\"from\":\"00:00\",\"to\":\"06:00\"}]}",
                      cases, SAL_ARRAY_LEN(cases));
}

static void without_days_it_is_every_day(void **state) {
        (void)state;
        static const struct window_case cases[] = {
                {"2026-11-25T23:59:00Z", true, "2026-11-26T00:00:00Z"},
                {"2026-11-26T00:00:00Z", false, "2026-11-26T23:59:00Z"},
        };
        check_windows("{\"windows\":[{\"from\":\"23:59\",\"to\":\"00:00\"}]}", cases, SAL_ARRAY_LEN(cases));
}

static void a_window_of_every_minute_never_closes(void **state) {
        (void)state;
        sal_auto(sal_limits) struct sal_limits *limits =
                limits_of("{\"windows\":[{\"from\":\"00:00\",\"to\":\"24:00\"}]}");
        int64_t now = at("2026-11-25T12:34:56.789Z");
        assert_true(sal_limits_window_open(limits, now));
        assert_int_equal(sal_limits_window_opens_ms(limits, now), now);
        assert_true(sal_limits_window_closes_ms(limits, now) == INT64_MAX);
        assert_true(sal_limits_within(NULL, limits));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_window_opens_and_closes_to_the_millisecond),
                cmocka_unit_test(a_window_goes_over_midnight),
                cmocka_unit_test(a_window_goes_over_the_end_of_the_week),
                cmocka_unit_test(windows_that_touch_are_one),
                cmocka_unit_test(without_days_it_is_every_day),
                cmocka_unit_test(a_window_of_every_minute_never_closes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
