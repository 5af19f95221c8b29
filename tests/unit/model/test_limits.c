/* SPDX-License-Identifier: Apache-2.0 */
#include "model/windows.h"

#include "reading.h"

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
                          "\"machines\":[\"m-2\",\"m-1\"]},"
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
                limits_of("{\"only\":{\"machines\":[\"b\",\"a\"]},\"in_flight_max\":1}");
        sal_auto(sal_limits) struct sal_limits *other = limits_of("{\"only\":{\"machines\":[\"a\"]}}");
        sal_auto(sal_limits) struct sal_limits *none = limits_of("{\"in_flight_max\":1}");
        assert_true(sal_limits_same_reach(one, same));
        assert_true(sal_limits_same_reach(none, NULL));
        assert_false(sal_limits_same_reach(one, other));
        assert_false(sal_limits_same_reach(one, none));
        assert_false(sal_limits_same_reach(NULL, one));
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
                {ONLY("\"labels\":{\"site\":[\"b\",\"a\",\"b\"]}"), "/only/labels/site", "\"b\" is listed twice"},
                {ONLY("\"machines\":[\"m\",\"n\",\"m\"]"), "/only/machines", "\"m\" is listed twice"},
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
                {WINDOW("\"days\":[\"mon\",\"sat\",\"mon\"],\"from\":\"01:00\",\"to\":\"02:00\""), "/windows/0/days/2",
                 "\"mon\" is listed twice"},
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
        check_count("{\"windows\":[", "{\"from\":\"00:00\",\"to\":\"01:00\"}", "]}", SAL_WINDOWS_MAX, NULL);
        check_count("{\"windows\":[", "{\"from\":\"00:00\",\"to\":\"01:00\"}", "]}", SAL_WINDOWS_MAX + 1, "/windows");
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
                cmocka_unit_test(bad_limits_say_where_and_which_bound),
                cmocka_unit_test(as_many_as_the_bounds_say_and_no_more),
                cmocka_unit_test(pointers_begin_where_the_limits_stand),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
