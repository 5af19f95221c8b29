/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

static uint64_t seed = 20261122;

static unsigned below(unsigned n) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (unsigned)(seed >> 33) % n;
}

static void random_list(struct sal_buf *out, const char *const *names, unsigned count) {
        unsigned take = 1 + below((1u << count) - 1);
        const char *separator = "";
        sal_buf_putc(out, '[');
        for (unsigned i = 0; i < count; i++) {
                if (!(take & 1u << i))
                        continue;
                sal_buf_printf(out, "%s\"%s\"", separator, names[i]);
                separator = ",";
        }
        sal_buf_putc(out, ']');
}

/* A machine outside of every list and a value outside of every label stay over, so that whatever is wider shows. */
static const char *const ids[] = {"m0", "m1", "m2", "outside"};
static const char *const sites[] = {"a", "b", "c", "outside"};
static const char *const days[] = {"mon", "tue", "sun"};
static const char *const clocks[] = {"00:00", "06:00", "18:00", "23:00"};

static void random_only(struct sal_buf *out) {
        unsigned kinds = 1 + below(7);
        bool labels = kinds & 3;
        sal_buf_puts(out, ",\"only\":{");
        if (labels) {
                sal_buf_puts(out, "\"labels\":{");
                for (unsigned label = 0; label < 2; label++) {
                        if (!(kinds & 1u << label))
                                continue;
                        sal_buf_printf(out, "%s\"l%u\":", label && kinds & 1 ? "," : "", label);
                        random_list(out, sites, 3);
                }
                sal_buf_putc(out, '}');
        }
        if (kinds & 4) {
                sal_buf_printf(out, "%s\"machines\":", labels ? "," : "");
                random_list(out, ids, 3);
        }
        sal_buf_putc(out, '}');
}

static void random_windows(struct sal_buf *out) {
        sal_buf_puts(out, ",\"windows\":[");
        for (unsigned i = 0, count = 1 + below(3); i < count; i++) {
                unsigned from = below(4);
                sal_buf_puts(out, i ? ",{" : "{");
                if (below(3)) {
                        sal_buf_puts(out, "\"days\":");
                        random_list(out, days, 3);
                        sal_buf_putc(out, ',');
                }
                sal_buf_printf(out, "\"from\":\"%s\",\"to\":\"%s\"}", clocks[from], clocks[(from + 1 + below(3)) % 4]);
        }
        sal_buf_putc(out, ']');
}

static struct sal_limits *random_limits(void) {
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_buf_puts(&out, "{\"opens\":{");
        if (below(2))
                sal_buf_printf(&out, "\"broad\":\"2026-11-2%uT00:00:00Z\"", below(3));
        sal_buf_putc(&out, '}');
        if (below(2))
                sal_buf_printf(&out, ",\"in_flight_max\":%u", 1 + below(3));
        if (below(2))
                random_only(&out);
        if (below(2))
                random_windows(&out);
        sal_buf_putc(&out, '}');
        return limits_of(out.data);
}

static bool fits_no_wider(const struct sal_limits *a, const struct sal_limits *b) {
        for (size_t id = 0; id < SAL_ARRAY_LEN(ids); id++) {
                for (size_t one = 0; one < 16; one++) {
                        sal_autojson json_t *labels =
                                json_pack("{s:s, s:s}", "l0", sites[one % 4], "l1", sites[one / 4]);
                        if (sal_limits_reach(a, ids[id], labels) && !sal_limits_reach(b, ids[id], labels))
                                return false;
                }
        }
        return true;
}

/* Every question of `a` is answered at most as `b` answers it. */
static bool allows_no_more(const struct sal_limits *a, const struct sal_limits *b) {
        if (sal_limits_in_flight_max(a) > sal_limits_in_flight_max(b) || !fits_no_wider(a, b))
                return false;
        for (size_t ring = 0; ring < 3; ring++) {
                if (sal_limits_opens_ms(a, ring) < sal_limits_opens_ms(b, ring))
                        return false;
        }
        int64_t monday = at("2026-11-23T00:30:00Z");
        for (int hour = 0; hour < 7 * 24; hour++) {
                int64_t now = monday + hour * INT64_C(3600000);
                if (sal_limits_window_open(a, now) && !sal_limits_window_open(b, now))
                        return false;
                if (sal_limits_within(a, b) &&
                    (sal_limits_window_opens_ms(a, now) < sal_limits_window_opens_ms(b, now) ||
                     sal_limits_window_closes_ms(a, now) > sal_limits_window_closes_ms(b, now)))
                        fail_msg("a narrower window opens sooner or closes later");
        }
        return true;
}

static void within_says_exactly_whether_less_is_allowed(void **state) {
        (void)state;
        int yes = 0;
        for (int round = 0; round < 3000; round++) {
                sal_auto(sal_limits) struct sal_limits *a = random_limits();
                sal_auto(sal_limits) struct sal_limits *b = random_limits();
                bool within = sal_limits_within(a, b);
                yes += within;
                if (within != allows_no_more(a, b)) {
                        sal_autojson json_t *one = sal_limits_json(a);
                        sal_autojson json_t *two = sal_limits_json(b);
                        sal_autofree char *left = sal_json_dump(one);
                        sal_autofree char *right = sal_json_dump(two);
                        fail_msg("%s is%s within %s", left, within ? "" : " not", right);
                }
        }
        assert_true(yes > 100 && yes < 2900); /* both answers were asked for */
}

static void within_is_a_partial_order(void **state) {
        (void)state;
        int chains = 0;
        for (int round = 0; round < 3000; round++) {
                sal_auto(sal_limits) struct sal_limits *a = random_limits();
                sal_auto(sal_limits) struct sal_limits *b = random_limits();
                sal_auto(sal_limits) struct sal_limits *c = random_limits();
                assert_true(sal_limits_within(a, a));
                assert_true(sal_limits_within(a, NULL));
                if (sal_limits_within(a, b) && sal_limits_within(b, c)) {
                        assert_true(sal_limits_within(a, c));
                        chains++;
                }
                if (sal_limits_within(a, b) && sal_limits_within(b, a))
                        assert_true(allows_no_more(a, b) && allows_no_more(b, a) && sal_limits_same_reach(a, b));
        }
        assert_true(chains > 20);
        assert_true(sal_limits_within(NULL, NULL));
}

static void no_limits_are_within_none_that_limit(void **state) {
        (void)state;
        static const char *const some[] = {
                "{\"in_flight_max\":100000000}",
                "{\"opens\":{\"early\":\"1970-01-01T00:00:00Z\"}}",
                "{\"only\":{\"machines\":[\"m\"]}}",
                "{\"only\":{\"labels\":{\"a\":[\"b\"]}}}",
                "{\"windows\":[{\"from\":\"00:00\",\"to\":\"23:59\"}]}",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(some); i++) {
                sal_auto(sal_limits) struct sal_limits *limits = limits_of(some[i]);
                assert_false(sal_limits_within(NULL, limits));
                assert_true(sal_limits_within(limits, NULL));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(within_says_exactly_whether_less_is_allowed),
                cmocka_unit_test(within_is_a_partial_order),
                cmocka_unit_test(no_limits_are_within_none_that_limit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
