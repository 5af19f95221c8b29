/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/clock.h"
#include "model/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum sal_status parse(const char *text, struct sal_limits **ret, struct sal_err *err) {
        struct sal_plan plan;
        sal_plan_default(&plan);
        return sal_limits_parse_text(text, &plan, ret, err);
}

static struct sal_limits *limits_of(const char *text) {
        struct sal_limits *limits = NULL;
        struct sal_err err = {0};
        if (parse(text, &limits, &err))
                fail_msg("%s: %s (at \"%s\")", text, err.detail, err.pointer);
        return limits;
}

static int64_t at(const char *time) {
        int64_t ms = 0;
        assert_int_equal(sal_time_parse(time, &ms), SAL_OK);
        return ms;
}

static void nothing_limits_nothing(void **state) {
        (void)state;
        static const char *const nothing[] = {"{}", "{\"opens\":{}}"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(nothing); i++)
                assert_null(limits_of(nothing[i]));
        sal_autojson json_t *json = sal_limits_json(NULL);
        assert_int_equal(json_object_size(json), 0);
        assert_true(sal_limits_in_flight_max(NULL) == INT64_MAX);
        assert_true(sal_limits_opens_ms(NULL, 2) == INT64_MIN);
        assert_false(sal_limits_narrows(NULL));
        assert_false(sal_limits_has_windows(NULL));
        assert_true(sal_limits_reach(NULL, "m", NULL));
        assert_true(sal_limits_reach_text(NULL, "m", NULL));
        assert_true(sal_limits_window_open(NULL, 5));
        assert_int_equal(sal_limits_window_opens_ms(NULL, 5), 5);
        assert_true(sal_limits_window_closes_ms(NULL, 5) == INT64_MAX);
        assert_null(sal_limits_ref(NULL));
        sal_limits_unref(NULL);
}

static const char ALL[] = "{\"in_flight_max\":50,\"opens\":{\"broad\":\"2026-11-23T06:00:00Z\"},"
                          "\"only\":{\"labels\":{\"site\":[\"berlin\",\"bonn\"],\"tier\":[\"\"]},"
                          "\"machines\":[\"m-2\",\"m-1\",\"m-2\"]},"
                          "\"windows\":[{\"days\":[\"mon\",\"sat\"],\"from\":\"22:00\",\"to\":\"04:00\"}]}";

static void what_was_read_is_answered_and_shown(void **state) {
        (void)state;
        sal_auto(sal_limits) struct sal_limits *limits = limits_of(ALL);
        assert_int_equal(sal_limits_in_flight_max(limits), 50);
        assert_true(sal_limits_opens_ms(limits, 0) == INT64_MIN);
        assert_true(sal_limits_opens_ms(limits, 1) == INT64_MIN);
        assert_int_equal(sal_limits_opens_ms(limits, 2), at("2026-11-23T06:00:00Z"));
        assert_true(sal_limits_opens_ms(limits, SAL_PLAN_MAX_RINGS) == INT64_MIN);
        assert_true(sal_limits_narrows(limits));
        assert_true(sal_limits_has_windows(limits));
        sal_autojson json_t *json = sal_limits_json(limits);
        sal_autofree char *text = sal_json_dump(json);
        assert_string_equal(text, ALL);
}

static void it_outlives_what_it_was_read_from(void **state) {
        (void)state;
        sal_autofree char *text = strdup(ALL);
        struct sal_limits *first = limits_of(text);
        sal_auto(sal_limits) struct sal_limits *second = sal_limits_ref(first);
        sal_limits_unref(first);
        memset(text, 'x', strlen(text));
        assert_true(sal_limits_reach_text(second, "m-1", "{\"site\":\"berlin\",\"tier\":\"\"}"));
}

/* ---- only ---- */

static void a_machine_has_to_fit_all_that_is_given(void **state) {
        (void)state;
        static const struct {
                const char *id, *labels;
                bool fits;
        } cases[] = {
                {"m-1", "{\"site\":\"berlin\",\"tier\":\"\"}", true},
                {"m-2", "{\"site\":\"bonn\",\"tier\":\"\",\"more\":\"x\"}", true},
                {"m-3", "{\"site\":\"berlin\",\"tier\":\"\"}", false},
                {"m-1", "{\"site\":\"berlin\"}", false},
                {"m-1", "{\"site\":\"Berlin\",\"tier\":\"\"}", false},
                {"m-1", "{\"site\":\"berlin \",\"tier\":\"\"}", false},
                {"m-1", "{\"site\":1,\"tier\":\"\"}", false},
                {"m-1", "[]", false},
                {"m-1", "not json", false},
                {"m-1", NULL, false},
                {"", NULL, false},
        };
        sal_auto(sal_limits) struct sal_limits *limits = limits_of(ALL);
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                if (sal_limits_reach_text(limits, cases[i].id, cases[i].labels) != cases[i].fits)
                        fail_msg("case %zu: %s %s", i, cases[i].id, cases[i].labels ? cases[i].labels : "-");
        }
}

static void either_kind_of_only_stands_alone(void **state) {
        (void)state;
        sal_auto(sal_limits) struct sal_limits *list = limits_of("{\"only\":{\"machines\":[\"a\"]}}");
        sal_auto(sal_limits) struct sal_limits *label = limits_of("{\"only\":{\"labels\":{\"s\":[\"x\"]}}}");
        assert_true(sal_limits_reach(list, "a", NULL));
        assert_false(sal_limits_reach(list, "A", NULL));
        assert_true(sal_limits_reach_text(list, "a", "not json"));
        assert_true(sal_limits_reach_text(label, "b", "{\"s\":\"x\"}"));
        assert_false(sal_limits_reach_text(label, "b", "{\"s\":\"y\"}"));
        assert_true(sal_limits_window_open(list, 0));
}

static void without_labels_at_hand_it_says_what_it_knows(void **state) {
        (void)state;
        static const struct {
                const char *limits;
                bool may, labels_decide;
        } cases[] = {
                {"{\"in_flight_max\":1}", true, false},
                {"{\"only\":{\"machines\":[\"a\"]}}", true, false},
                {"{\"only\":{\"machines\":[\"b\"]}}", false, false},
                {"{\"only\":{\"labels\":{\"s\":[\"x\"]}}}", true, true},
                {"{\"only\":{\"labels\":{\"s\":[\"x\"]},\"machines\":[\"a\"]}}", true, true},
                {"{\"only\":{\"labels\":{\"s\":[\"x\"]},\"machines\":[\"b\"]}}", false, false},
        };
        bool labels_decide = true;
        assert_true(sal_limits_may_reach(NULL, "a", &labels_decide));
        assert_false(labels_decide);
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                sal_auto(sal_limits) struct sal_limits *limits = limits_of(cases[i].limits);
                assert_int_equal(sal_limits_may_reach(limits, "a", &labels_decide), cases[i].may);
                assert_int_equal(labels_decide, cases[i].labels_decide);
        }
}

static void same_reach_is_about_machines_alone(void **state) {
        (void)state;
        sal_auto(sal_limits) struct sal_limits *one = limits_of("{\"only\":{\"machines\":[\"a\",\"b\"]}}");
        sal_auto(sal_limits) struct sal_limits *same =
                limits_of("{\"only\":{\"machines\":[\"b\",\"a\",\"a\"]},\"in_flight_max\":1}");
        sal_auto(sal_limits) struct sal_limits *other = limits_of("{\"only\":{\"machines\":[\"a\"]}}");
        sal_auto(sal_limits) struct sal_limits *none = limits_of("{\"in_flight_max\":1}");
        assert_true(sal_limits_same_reach(one, same));
        assert_true(sal_limits_same_reach(none, NULL));
        assert_false(sal_limits_same_reach(one, other));
        assert_false(sal_limits_same_reach(one, none));
        assert_false(sal_limits_same_reach(NULL, one));
}

/* ---- windows ---- */

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

/* ---- the order ---- */

static uint64_t seed = 20261122;

static unsigned below(unsigned n) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (unsigned)(seed >> 33) % n;
}

static void random_list(struct sal_buf *out, const char *const *names, unsigned count) {
        unsigned take = 1 + below(count);
        sal_buf_putc(out, '[');
        for (unsigned i = 0; i < take; i++)
                sal_buf_printf(out, "%s\"%s\"", i ? "," : "", names[below(count)]);
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

/* ---- bad input ---- */

#define WINDOW(members) "{\"windows\":[{" members "}]}"
#define ONLY(members) "{\"only\":{" members "}}"

static void bad_limits_say_where_and_which_bound(void **state) {
        (void)state;
        static const struct {
                const char *text, *pointer, *detail;
        } cases[] = {
                {"[]", "", "must be an object"},
                {"{\"max\":1}", "/max", "unknown member"},
                {"{\"in_flight_max\":0}", "/in_flight_max", "1 to 100000000"},
                {"{\"in_flight_max\":100000001}", "/in_flight_max", "1 to 100000000"},
                {"{\"in_flight_max\":1.5}", "/in_flight_max", "must be an integer"},
                {"{\"in_flight_max\":null}", "/in_flight_max", "must be an integer"},
                {"{\"opens\":[]}", "/opens", "must be an object"},
                {"{\"opens\":{\"wide\":\"2026-11-23T06:00:00Z\"}}", "/opens/wide", "has no ring"},
                {"{\"opens\":{\"canary\":\"2026-11-23T06:00:00Z\"}}", "/opens/canary", "first ring"},
                {"{\"opens\":{\"broad\":1}}", "/opens/broad", "must be a string"},
                {"{\"opens\":{\"broad\":\"2026-11-23\"}}", "/opens/broad", "must be a time such as"},
                {"{\"opens\":{\"broad\":\"2026-11-23T06:00:00+01:00\"}}", "/opens/broad", "must be a time such as"},
                {"{\"only\":[]}", "/only", "must be an object"},
                {"{\"only\":{}}", "/only", "needs \"labels\" or \"machines\""},
                {ONLY("\"facts\":{}"), "/only/facts", "unknown member"},
                {ONLY("\"labels\":[]"), "/only/labels", "must be an object"},
                {ONLY("\"labels\":{}"), "/only/labels", "1 to 16 labels"},
                {ONLY("\"labels\":{\"Site\":[\"a\"]}"), "/only/labels/Site", "[a-z0-9_.]"},
                {ONLY("\"labels\":{\"a/b\":[\"a\"]}"), "/only/labels/a~1b", "[a-z0-9_.]"},
                {ONLY("\"labels\":{\"site\":\"a\"}"), "/only/labels/site", "must be an array"},
                {ONLY("\"labels\":{\"site\":[]}"), "/only/labels/site", "1 to 64 elements"},
                {ONLY("\"labels\":{\"site\":[\"a\",1]}"), "/only/labels/site/1", "at most 256 bytes"},
                {ONLY("\"machines\":{}"), "/only/machines", "must be an array"},
                {ONLY("\"machines\":[]"), "/only/machines", "1 to 10000 elements"},
                {ONLY("\"machines\":[\"m\",\".m\"]"), "/only/machines/1", "no leading dot"},
                {ONLY("\"machines\":[7]"), "/only/machines/0", "a machine's id"},
                {"{\"windows\":{}}", "/windows", "must be an array"},
                {"{\"windows\":[]}", "/windows", "1 to 32 elements"},
                {"{\"windows\":[1]}", "/windows/0", "must be an object"},
                {WINDOW("\"at\":1"), "/windows/0/at", "unknown member"},
                {WINDOW("\"to\":\"01:00\""), "/windows/0/from", "is required"},
                {WINDOW("\"from\":\"01:00\""), "/windows/0/to", "is required"},
                {WINDOW("\"from\":1,\"to\":\"01:00\""), "/windows/0/from", "must be a string"},
                {WINDOW("\"from\":\"24:00\",\"to\":\"01:00\""), "/windows/0/from", "00:00 to 23:59"},
                {WINDOW("\"from\":\"01:00\",\"to\":\"24:01\""), "/windows/0/to", "00:00 to 24:00"},
                {WINDOW("\"from\":\"01:60\",\"to\":\"02:00\""), "/windows/0/from", "00:00 to 23:59"},
                {WINDOW("\"from\":\"1:00\",\"to\":\"02:00\""), "/windows/0/from", "00:00 to 23:59"},
                {WINDOW("\"from\":\"01:000\",\"to\":\"02:00\""), "/windows/0/from", "00:00 to 23:59"},
                {WINDOW("\"from\":\"01.00\",\"to\":\"02:00\""), "/windows/0/from", "00:00 to 23:59"},
                {WINDOW("\"from\":\"01:00\",\"to\":\"01:00\""), "/windows/0/to", "must differ"},
                {WINDOW("\"from\":\"00:00\",\"to\":\"00:00\""), "/windows/0/to", "must differ"},
                {WINDOW("\"days\":[],\"from\":\"01:00\",\"to\":\"02:00\""), "/windows/0/days", "1 to 7 elements"},
                {WINDOW("\"days\":\"mon\",\"from\":\"01:00\",\"to\":\"02:00\""), "/windows/0/days", "must be an array"},
                {WINDOW("\"days\":[\"mon\",\"Tue\"],\"from\":\"01:00\",\"to\":\"02:00\""), "/windows/0/days/1",
                 "must be one of mon"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                struct sal_limits *limits = NULL;
                struct sal_err err = {0};
                if (parse(cases[i].text, &limits, &err) != SAL_E_INVALID)
                        fail_msg("%s was taken", cases[i].text);
                assert_string_equal(err.pointer, cases[i].pointer);
                if (!strstr(err.detail, cases[i].detail))
                        fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, err.detail, cases[i].detail);
        }
        struct sal_limits *limits = NULL;
        assert_int_equal(parse("{", &limits, NULL), SAL_E_MALFORMED);
        assert_null(limits);
}

/* {"…":[x, x, …]} with so many elements, and what becomes of it. */
static void check_count(const char *before, const char *element, const char *after, size_t count, const char *pointer) {
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_auto(sal_limits) struct sal_limits *limits = NULL;
        struct sal_err err = {0};
        sal_buf_puts(&out, before);
        for (size_t i = 0; i < count; i++) {
                sal_buf_puts(&out, i ? "," : "");
                for (const char *p = element; *p; p++) {
                        if (*p == '#')
                                sal_buf_printf(&out, "%zu", i);
                        else
                                sal_buf_putc(&out, *p);
                }
        }
        sal_buf_puts(&out, after);
        assert_int_equal(parse(out.data, &limits, &err), pointer ? SAL_E_INVALID : SAL_OK);
        if (pointer)
                assert_string_equal(err.pointer, pointer);
}

static void as_many_as_the_bounds_say_and_no_more(void **state) {
        (void)state;
        check_count("{\"only\":{\"labels\":{", "\"l#\":[\"v\"]", "}}}", SAL_LIMITS_LABELS_MAX, NULL);
        check_count("{\"only\":{\"labels\":{", "\"l#\":[\"v\"]", "}}}", SAL_LIMITS_LABELS_MAX + 1, "/only/labels");
        check_count("{\"only\":{\"labels\":{\"l\":[", "\"v#\"", "]}}}", SAL_LIMITS_LABEL_VALUES_MAX, NULL);
        check_count("{\"only\":{\"labels\":{\"l\":[", "\"v#\"", "]}}}", SAL_LIMITS_LABEL_VALUES_MAX + 1,
                    "/only/labels/l");
        check_count("{\"only\":{\"machines\":[", "\"m#\"", "]}}", SAL_LIMITS_MACHINES_MAX, NULL);
        check_count("{\"only\":{\"machines\":[", "\"m#\"", "]}}", SAL_LIMITS_MACHINES_MAX + 1, "/only/machines");
        check_count("{\"windows\":[", "{\"from\":\"00:00\",\"to\":\"01:00\"}", "]}", SAL_LIMITS_WINDOWS_MAX, NULL);
        check_count("{\"windows\":[", "{\"from\":\"00:00\",\"to\":\"01:00\"}", "]}", SAL_LIMITS_WINDOWS_MAX + 1,
                    "/windows");
        char value[2][SAL_FACT_VALUE_MAX_BYTES + 5] = {{0}, {0}};
        memset(value[0], 'v', SAL_FACT_VALUE_MAX_BYTES + 2);
        memset(value[1], 'v', SAL_FACT_VALUE_MAX_BYTES + 3);
        value[0][0] = value[0][SAL_FACT_VALUE_MAX_BYTES + 1] = value[1][0] = value[1][SAL_FACT_VALUE_MAX_BYTES + 2] =
                '"';
        check_count("{\"only\":{\"labels\":{\"l\":[", value[0], "]}}}", 1, NULL);
        check_count("{\"only\":{\"labels\":{\"l\":[", value[1], "]}}}", 1, "/only/labels/l/0");
}

static void pointers_begin_where_the_limits_stand(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        sal_autojson json_t *body = json_pack("{s:{s:i}}", "limits", "in_flight_max", 0);
        struct sal_json_at root = sal_json_root(body);
        struct sal_json_at here = {.parent = &root, .key = "limits", .value = json_object_get(body, "limits")};
        struct sal_limits *limits = NULL;
        struct sal_err err = {0};
        assert_int_equal(sal_limits_parse(&here, &plan, &limits, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/limits/in_flight_max");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_limits_nothing),
                cmocka_unit_test(what_was_read_is_answered_and_shown),
                cmocka_unit_test(it_outlives_what_it_was_read_from),
                cmocka_unit_test(a_machine_has_to_fit_all_that_is_given),
                cmocka_unit_test(either_kind_of_only_stands_alone),
                cmocka_unit_test(without_labels_at_hand_it_says_what_it_knows),
                cmocka_unit_test(same_reach_is_about_machines_alone),
                cmocka_unit_test(a_window_opens_and_closes_to_the_millisecond),
                cmocka_unit_test(a_window_goes_over_midnight),
                cmocka_unit_test(a_window_goes_over_the_end_of_the_week),
                cmocka_unit_test(windows_that_touch_are_one),
                cmocka_unit_test(without_days_it_is_every_day),
                cmocka_unit_test(a_window_of_every_minute_never_closes),
                cmocka_unit_test(within_says_exactly_whether_less_is_allowed),
                cmocka_unit_test(within_is_a_partial_order),
                cmocka_unit_test(no_limits_are_within_none_that_limit),
                cmocka_unit_test(bad_limits_say_where_and_which_bound),
                cmocka_unit_test(as_many_as_the_bounds_say_and_no_more),
                cmocka_unit_test(pointers_begin_where_the_limits_stand),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
