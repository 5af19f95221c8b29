/* SPDX-License-Identifier: Apache-2.0 */
#include "model/event.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum sal_status parse(const char *line, struct sal_event *ret, struct sal_err *err) {
        *err = (struct sal_err){0};
        return sal_event_parse(line, strlen(line), ret, err);
}

static void every_type_has_a_name_that_is_read_back(void **state) {
        (void)state;
        for (int type = 0; type < SAL_JOURNAL_TYPES; type++) {
                const char *name = sal_journal_type_name((enum sal_journal_type)type);
                assert_true(*name);
                assert_int_equal(sal_journal_type_parse(name), type);
        }
        assert_string_equal(sal_journal_type_name(SAL_JOURNAL_TYPES), "");
        assert_int_equal(sal_journal_type_parse("offered"), -1);
        assert_int_equal(sal_journal_type_parse(""), -1);
}

/* What was written comes back, member by member, and writes the same line again. */
static void events_survive_the_way_there_and_back(void **state) {
        (void)state;
        static const char *const lines[] = {
                "{\"seq\":1,\"at\":\"2024-07-19T05:30:00Z\",\"type\":\"admin\",\"campaign\":null,\"version\":null,"
                "\"operator\":\"ann\",\"act\":\"kill_switch.on\"}",
                "{\"seq\":7,\"at\":\"2024-07-19T05:30:00.125Z\",\"type\":\"offer\",\"campaign\":\"fix\",\"version\":2,"
                "\"machine_id\":\"m-1\",\"offer_id\":\"o17\",\"ring\":\"canary\",\"attempt\":1,\"period\":1,"
                "\"stage\":\"canary\",\"counted\":true,\"i\":0,\"o\":1,\"cohorts\":[\"model=X\"]}",
                "{\"seq\":8,\"at\":\"2024-07-19T05:31:00Z\",\"type\":\"failed\",\"campaign\":\"fix\",\"version\":2,"
                "\"machine_id\":\"m-1\",\"offer_id\":\"o17\",\"ring\":\"canary\",\"cause\":\"relapsed\"}",
                "{\"seq\":9223372036854775807,\"at\":\"2024-07-19T05:31:00Z\",\"type\":\"decision\",\"campaign\":"
                "\"fix\","
                "\"version\":2147483647,\"ring\":\"canary\",\"decision\":{\"id\":\"d9\",\"ln_e\":4.3546349729999996,"
                "\"bound\":-0.0,\"block\":[0,31]}}",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(lines); i++) {
                sal_autoevent struct sal_event event = {0};
                struct sal_err err;
                assert_int_equal(parse(lines[i], &event, &err), SAL_OK);
                sal_autojson json_t *json = sal_event_json(&event);
                sal_autofree char *text = sal_json_dump(json);
                assert_string_equal(text, lines[i]);
        }
}

static void members_are_read(void **state) {
        (void)state;
        sal_autoevent struct sal_event event = {0};
        struct sal_err err;
        assert_int_equal(parse("{\"seq\":8,\"at\":\"1970-01-01T00:00:01.5Z\",\"type\":\"failed\",\"campaign\":\"fix\","
                               "\"version\":2,\"machine_id\":\"m-1\",\"offer_id\":\"o17\",\"ring\":\"canary\","
                               "\"cause\":\"relapsed\",\"further\":[1]}",
                               &event, &err),
                         SAL_OK);
        assert_int_equal(event.seq, 8);
        assert_int_equal(event.at_ms, 1500);
        assert_int_equal(event.type, SAL_JOURNAL_FAILED);
        assert_string_equal(event.campaign, "fix");
        assert_int_equal(event.version, 2);
        assert_string_equal(event.machine_id, "m-1");
        assert_int_equal(event.offer_row, 17);
        assert_string_equal(event.ring, "canary");
        assert_int_equal(event.cause, SAL_CAUSE_RELAPSED);
        assert_int_equal(json_array_size(json_object_get(event.detail, "further")), 1);
}

/* A decision's numbers come back bit for bit. */
static void doubles_keep_every_bit(void **state) {
        (void)state;
        const double ln_e = 5.3310107580000001, bound = 0x1.5317367p+2;
        sal_autojson json_t *decision = json_pack("{s:f, s:f}", "ln_e", ln_e, "bound", bound);
        const struct sal_event event = {.seq = 1,
                                        .at_ms = 0,
                                        .type = SAL_JOURNAL_DECISION,
                                        .campaign = "fix",
                                        .version = 1,
                                        .detail = decision};
        sal_autojson json_t *json = sal_event_json(&event);
        sal_autofree char *line = sal_json_dump(json);
        sal_autoevent struct sal_event read = {0};
        struct sal_err err;
        assert_int_equal(parse(line, &read, &err), SAL_OK);
        double again = json_real_value(json_object_get(read.detail, "ln_e"));
        assert_memory_equal(&again, &ln_e, sizeof again);
        again = json_real_value(json_object_get(read.detail, "bound"));
        assert_memory_equal(&again, &bound, sizeof again);
}

/* A further member never hides one that the event has by itself. */
static void details_do_not_override(void **state) {
        (void)state;
        sal_autojson json_t *detail = json_pack("{s:i, s:s, s:s}", "seq", 99, "type", "offer", "stage", "failed");
        const struct sal_event event = {
                .seq = 3, .at_ms = 0, .type = SAL_JOURNAL_REPORT, .campaign = "fix", .version = 1, .detail = detail};
        sal_autojson json_t *json = sal_event_json(&event);
        assert_int_equal(json_integer_value(json_object_get(json, "seq")), 3);
        assert_string_equal(json_string_value(json_object_get(json, "type")), "report");
        assert_string_equal(json_string_value(json_object_get(json, "stage")), "failed");
}

static void bad_lines_are_refused_with_their_place(void **state) {
        (void)state;
#define HEAD "\"seq\":1,\"at\":\"2024-07-19T05:30:00Z\""
#define FIX "\"campaign\":\"fix\",\"version\":1"
        static const struct {
                const char *line, *pointer;
                enum sal_status status;
        } bad[] = {
                {"", "", SAL_E_MALFORMED},
                {"{", "", SAL_E_MALFORMED},
                {"{" HEAD ",\"seq\":2,\"type\":\"offer\"}", "", SAL_E_MALFORMED},
                {"[]", "", SAL_E_INVALID},
                {"{\"at\":\"2024-07-19T05:30:00Z\",\"type\":\"offer\"}", "/seq", SAL_E_INVALID},
                {"{\"seq\":0,\"at\":\"2024-07-19T05:30:00Z\",\"type\":\"offer\"}", "/seq", SAL_E_INVALID},
                {"{\"seq\":1.0,\"at\":\"2024-07-19T05:30:00Z\",\"type\":\"offer\"}", "/seq", SAL_E_INVALID},
                {"{\"seq\":\"1\",\"at\":\"2024-07-19T05:30:00Z\",\"type\":\"offer\"}", "/seq", SAL_E_INVALID},
                {"{\"seq\":1,\"type\":\"offer\"}", "/at", SAL_E_INVALID},
                {"{\"seq\":1,\"at\":\"yesterday\",\"type\":\"offer\"}", "/at", SAL_E_INVALID},
                {"{" HEAD "}", "/type", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offered\"}", "/type", SAL_E_INVALID},
                {"{" HEAD ",\"type\":null}", "/type", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\",\"campaign\":\"No\"}", "/campaign", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\",\"campaign\":7}", "/campaign", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\",\"campaign\":\"fix\",\"version\":0}", "/version", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\",\"campaign\":\"fix\",\"version\":2147483648}", "/version",
                 SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\"," FIX ",\"machine_id\":\".m\"}", "/machine_id", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\"," FIX ",\"offer_id\":\"17\"}", "/offer_id", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\"," FIX ",\"offer_id\":\"o0\"}", "/offer_id", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\"," FIX ",\"offer_id\":\"o99999999999999999999\"}", "/offer_id",
                 SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\"," FIX ",\"ring\":\"Canary\"}", "/ring", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"offer\"," FIX ",\"ring\":\"\"}", "/ring", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"failed\"," FIX ",\"cause\":\"bored\"}", "/cause", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"failed\"," FIX ",\"cause\":null}", "/cause", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"decision\"," FIX "}", "/decision", SAL_E_INVALID},
                {"{" HEAD ",\"type\":\"decision\"," FIX ",\"decision\":[]}", "/decision", SAL_E_INVALID},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                struct sal_event event = {.seq = -5};
                struct sal_err err;
                enum sal_status status = parse(bad[i].line, &event, &err);
                if (status != bad[i].status || strcmp(err.pointer, bad[i].pointer) != 0)
                        fail_msg("%s: status %d at \"%s\": %s", bad[i].line, status, err.pointer, err.detail);
                assert_true(err.detail[0]);
                assert_int_equal(event.seq, -5); /* set on success only */
        }
}

static void what_an_offer_comes_to_has_a_type_of_that_name(void **state) {
        (void)state;
        assert_int_equal(sal_journal_type_of(SAL_OFFER_OFFERED), SAL_JOURNAL_OFFER);
        for (enum sal_offer_state to = SAL_OFFER_APPLIED; to < SAL_OFFER_STATES; to++)
                assert_string_equal(sal_journal_type_name(sal_journal_type_of(to)), sal_offer_state_name(to));
}

static void nothing_is_done_twice(void **state) {
        (void)state;
        struct sal_event event = {0};
        struct sal_err err;
        assert_int_equal(parse("{\"seq\":1,\"at\":\"2024-07-19T05:30:00Z\",\"type\":\"admin\"}", &event, &err), SAL_OK);
        sal_event_done(&event);
        sal_event_done(&event);
        sal_event_done(NULL);
        assert_null(event.owned);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_has_a_name_that_is_read_back),
                cmocka_unit_test(events_survive_the_way_there_and_back),
                cmocka_unit_test(members_are_read),
                cmocka_unit_test(doubles_keep_every_bit),
                cmocka_unit_test(details_do_not_override),
                cmocka_unit_test(bad_lines_are_refused_with_their_place),
                cmocka_unit_test(what_an_offer_comes_to_has_a_type_of_that_name),
                cmocka_unit_test(nothing_is_done_twice),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
