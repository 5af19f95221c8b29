/* SPDX-License-Identifier: Apache-2.0 */
/* When windows next open or shut, a word of minutes at a time, against a walk from minute to minute. How they are read
 * is in test_limits.c, their ends in test_limits_windows.c. */
#include "model/windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t MINUTE_MS = 60000;

static uint64_t seed = 20240719;
static unsigned random_below(unsigned bound) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (unsigned)(seed >> 33) % bound;
}

static int64_t walk(const struct sal_windows *windows, int64_t now_ms, bool open) {
        int64_t began_ms = now_ms - now_ms % MINUTE_MS;
        for (int ahead = 1; ahead <= SAL_WINDOWS_MINUTES; ahead++) {
                if (sal_windows_open(windows, began_ms + ahead * MINUTE_MS) == open)
                        return began_ms + ahead * MINUTE_MS;
        }
        return INT64_MAX;
}

static void check(const struct sal_windows *windows, int64_t now_ms) {
        bool open = sal_windows_open(windows, now_ms);
        assert_true(sal_windows_next_ms(windows, now_ms, !open) == walk(windows, now_ms, !open));
}

static void fill(struct sal_windows *windows, unsigned from, unsigned count) {
        for (unsigned i = from; i < from + count; i++)
                windows->week[i % SAL_WINDOWS_MINUTES / 64] |= UINT64_C(1) << (i % SAL_WINDOWS_MINUTES % 64);
}

static void next_is_what_a_walk_finds(void **state) {
        (void)state;
        for (int n = 0; n < 2000; n++) {
                struct sal_windows windows = {.any = true};
                for (unsigned i = random_below(4); i > 0; i--)
                        fill(&windows, random_below(SAL_WINDOWS_MINUTES), 1 + random_below(n % 2 ? 70 : 5000));
                check(&windows, (int64_t)random_below(1000000) * 977 + random_below(60000));
        }
}

/* The words' ends, and the week's, which is in the middle of one. */
static void every_minute_of_the_week_begins_well(void **state) {
        (void)state;
        static const unsigned edges[] = {0, 1, 62, 63, 64, 65, 127, 128, 10047, 10048, 10049, 10078, 10079};
        for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
                for (size_t j = 0; j < sizeof edges / sizeof *edges; j++) {
                        struct sal_windows windows = {.any = true};
                        fill(&windows, edges[i], 1);
                        check(&windows, edges[j] * MINUTE_MS + 59999);
                        fill(&windows, edges[i], 64);
                        check(&windows, edges[j] * MINUTE_MS);
                }
        }
}

static void all_none_and_no_windows(void **state) {
        (void)state;
        struct sal_windows all = {.any = true}, none = {.any = true}, no = {0};
        fill(&all, 0, SAL_WINDOWS_MINUTES);
        assert_true(sal_windows_next_ms(&all, 12345, false) == INT64_MAX);
        assert_true(sal_windows_next_ms(&none, 12345, true) == INT64_MAX);
        assert_true(sal_windows_open(&no, 12345));
        assert_true(sal_windows_next_ms(&no, 12345, false) == INT64_MAX);
        assert_true(sal_windows_within(&all, &no) && sal_windows_within(&no, &all) && sal_windows_within(&none, &all));
        assert_false(sal_windows_within(&no, &none));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(next_is_what_a_walk_finds),
                cmocka_unit_test(every_minute_of_the_week_begins_well),
                cmocka_unit_test(all_none_and_no_windows),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
