/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken from an answer, what is concluded from it, and what the server has to be asked for. */
#include "fixture.h"

#include "salvor-recover/online.h"

/* Without a net: what would have to be downloaded is SAL_E_TIMEOUT, for the time is up. */
struct scene {
        struct sal_answer answer;
        struct sal_online online;
        struct sal_source source;
};

static void answered(struct scene *s, const char *text) {
        struct sal_err err = {0};
        *s = (struct scene){0};
        if (sal_answer_parse(text, strlen(text), &s->answer, &err))
                fail_msg("%s", err.detail);
        s->online.answer = &s->answer;
        sal_online_begin(&s->online, &s->source);
        assert_true(s->online.until_ms > sal_clock_mono_ms());
        s->online.until_ms = 0;
}

static void gives(struct scene *s, enum sal_tuf_file file, const char *name, size_t max_bytes, enum sal_status expected,
                  const char *text) {
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        struct sal_update_need need = {.file = file, .max_bytes = max_bytes};
        snprintf(need.name, sizeof need.name, "%s", name);
        assert_int_equal(s->source.metadata(s->source.context, &need, &bytes, NULL), expected);
        if (!expected)
                assert_string_equal(bytes.data, text);
}

static void what_came_along_is_taken(void **state) {
        (void)state;
        struct scene s;
        answered(&s, "{\"directive\":\"none\",\"metadata\":{\"2.root.json\":\"two\",\"timestamp.json\":\"now\"}}");
        gives(&s, SAL_TUF_FILE_ROOT, "2.root.json", 3, SAL_OK, "two");
        gives(&s, SAL_TUF_FILE_ROOT, "2.root.json", 2, SAL_E_TOO_LARGE, NULL);
        gives(&s, SAL_TUF_FILE_TIMESTAMP, "timestamp.json", 9, SAL_OK, "now");
        assert_false(s.online.inferred);
        /* a newer timestamp came, so the chain of roots ends where it does */
        gives(&s, SAL_TUF_FILE_ROOT, "3.root.json", 9, SAL_E_NOT_FOUND, NULL);
        assert_true(s.online.inferred);
        s.online.ask = true;
        gives(&s, SAL_TUF_FILE_ROOT, "3.root.json", 9, SAL_E_TIMEOUT, NULL);
        gives(&s, SAL_TUF_FILE_SNAPSHOT, "7.snapshot.json", 9, SAL_E_TIMEOUT, NULL);
        sal_answer_done(&s.answer);
}

static void nothing_is_concluded_from_silence(void **state) {
        (void)state;
        static const char *const silent[] = {"{\"directive\":\"none\"}", "{\"directive\":\"none\",\"metadata\":{}}",
                                             "{\"directive\":\"none\",\"metadata\":7}",
                                             "{\"directive\":\"none\",\"metadata\":{\"timestamp.json\":7}}",
                                             "{\"directive\":\"none\",\"metadata\":{\"2.root.json\":null}}"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(silent); i++) {
                struct scene s;
                answered(&s, silent[i]);
                gives(&s, SAL_TUF_FILE_ROOT, "2.root.json", 9, SAL_E_TIMEOUT, NULL);
                gives(&s, SAL_TUF_FILE_TIMESTAMP, "timestamp.json", 9, SAL_E_TIMEOUT, NULL);
                sal_answer_done(&s.answer);
        }
}

static void a_held_timestamp_may_stand_for_no_news(void **state) {
        (void)state;
        struct scene s;
        answered(&s, "{\"directive\":\"wait\",\"metadata\":{}}");
        s.online.timestamp = "held";
        s.online.timestamp_len = 4;
        gives(&s, SAL_TUF_FILE_ROOT, "2.root.json", 9, SAL_E_NOT_FOUND, NULL);
        gives(&s, SAL_TUF_FILE_TIMESTAMP, "timestamp.json", 9, SAL_OK, "held");
        gives(&s, SAL_TUF_FILE_SNAPSHOT, "7.snapshot.json", 9, SAL_E_TIMEOUT, NULL);
        sal_answer_done(&s.answer);
}

static void a_target_that_came_along_must_be_the_one_that_is_listed(void **state) {
        (void)state;
        struct scene s;
        struct sal_tuf_target target = {.path = "campaigns/fix-1.json", .length = 5};
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        char folder[16], name[SAL_SOURCE_NAME_BYTES];
        sal_sha256_hex("first", 5, target.sha256);
        sal_source_names(&target, folder, name);
        answered(&s, "{\"directive\":\"none\",\"files\":{\"campaigns/fix-1.json\":\"first\"}}");
        assert_int_equal(s.source.target(s.source.context, &target, folder, name, &bytes, NULL), SAL_OK);
        assert_string_equal(bytes.data, "first");
        sal_answer_done(&s.answer);
        static const char *const others[] = {"{\"directive\":\"none\",\"files\":{\"campaigns/fix-1.json\":\"other\"}}",
                                             "{\"directive\":\"none\",\"files\":{\"campaigns/fix-1.json\":{}}}",
                                             "{\"directive\":\"none\",\"files\":[]}", "{\"directive\":\"none\"}"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(others); i++) {
                sal_autobuf struct sal_buf none = SAL_BUF_INIT;
                answered(&s, others[i]);
                assert_int_equal(s.source.target(s.source.context, &target, folder, name, &none, NULL), SAL_E_TIMEOUT);
                sal_answer_done(&s.answer);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_came_along_is_taken),
                cmocka_unit_test(nothing_is_concluded_from_silence),
                cmocka_unit_test(a_held_timestamp_may_stand_for_no_news),
                cmocka_unit_test(a_target_that_came_along_must_be_the_one_that_is_listed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
