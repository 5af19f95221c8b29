/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "salvor-recover/floor.h"
#include "salvor-recover/selffacts.h"
#include "salvor-recover/wire.h"

#define SHA "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OFFER(id, campaign, target, sha)                                                                              \
        "{\"directive\":\"apply\",\"reason\":\"offered\",\"offer\":{\"offer_id\":\"" id "\",\"campaign\":\"" campaign \
        "\",\"version\":2,\"target\":\"" target "\",\"sha256\":\"" sha                                                \
        "\",\"length\":12,\"attempt\":1,\"unknown\":[]},\"files\":{\"campaigns/c-2.json\":\"text\"},"                 \
        "\"poll_after_seconds\":7,\"give_up_after_seconds\":99999999,\"server_time\":\"2026-01-02T03:04:05Z\","       \
        "\"reports\":[{\"offer_id\":\"a\",\"accepted\":true},{\"offer_id\":null},7],\"later\":{}}"

static enum sal_status parse(const char *text, struct sal_answer *answer) {
        return sal_answer_parse(text, strlen(text), answer, NULL);
}

static void an_offer_is_read(void **state) {
        (void)state;
        sal_autoanswer struct sal_answer answer = {0};
        size_t len = 0;
        assert_int_equal(parse(OFFER("o1", "c", "campaigns/c-2.json", SHA), &answer), SAL_OK);
        assert_int_equal(answer.directive, SAL_DIRECTIVE_APPLY);
        assert_string_equal(answer.offer_id, "o1");
        assert_int_equal(answer.version, 2);
        assert_int_equal(answer.length, 12);
        assert_int_equal(answer.poll_after_seconds, 7);
        assert_int_equal(answer.give_up_after_seconds, SAL_GIVE_UP_MAX_SECONDS);
        assert_int_equal(answer.server_time_ms, INT64_C(1767323045000));
        assert_string_equal(sal_answer_file(&answer, "campaigns/c-2.json", &len), "text");
        assert_null(sal_answer_file(&answer, "campaigns/c-3.json", &len));
        assert_true(sal_answer_has_report(&answer, 0, "a"));
        assert_false(sal_answer_has_report(&answer, 0, "b"));
        assert_true(sal_answer_has_report(&answer, 1, "b"));
        assert_false(sal_answer_has_report(&answer, 2, "b"));
        assert_false(sal_answer_has_report(&answer, 3, "b"));
}

static void an_offer_with_tricks_is_refused(void **state) {
        (void)state;
        static const char *const bad[] = {
                OFFER("../x", "c", "campaigns/c-2.json", SHA),
                OFFER("o", "../c", "campaigns/../c-2.json", SHA),
                OFFER("o", "c", "campaigns/d-2.json", SHA),
                OFFER("o", "c", "campaigns/c-3.json", SHA),
                OFFER("o", "c", "campaigns/c-2.json",
                      "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
                OFFER("o", "c", "campaigns/c-2.json",
                      "../../../../../../../../../../../../../../../../../../../etc/passwd"),
                "{\"directive\":\"apply\"}",
                "{\"directive\":\"obey\"}",
                "{}",
                "[]",
                "{\"directive\":\"none\",\"directive\":\"apply\"}",
                "{\"directive\":\"none\"} x",
                "{\"directive\":\"none\",\"server_time\":\"yesterday\"}",
                "",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                sal_autoanswer struct sal_answer answer = {0};
                assert_int_not_equal(parse(bad[i], &answer), SAL_OK);
        }
}

static void what_is_missing_has_its_default(void **state) {
        (void)state;
        sal_autoanswer struct sal_answer answer = {0};
        assert_int_equal(parse("{\"directive\":\"wait\",\"poll_after_seconds\":-4}", &answer), SAL_OK);
        assert_int_equal(answer.directive, SAL_DIRECTIVE_WAIT);
        assert_int_equal(answer.poll_after_seconds, SAL_POLL_AFTER_DEFAULT_SECONDS);
        assert_int_equal(answer.give_up_after_seconds, SAL_GIVE_UP_DEFAULT_SECONDS);
        assert_int_equal(answer.server_time_ms, -1);
        assert_string_equal(answer.reason, "");
}

static void time_never_goes_behind_the_floor(void **state) {
        (void)state;
        assert_int_equal(sal_client_time_ms(1000, 2000, 9000), 2000);
        assert_int_equal(sal_client_time_ms(1000, 500, 9000), 1000);
        assert_int_equal(sal_client_time_ms(1000, -1, 9000), 9000);
        assert_int_equal(sal_client_time_ms(1000, -1, 0), 1000);
}

static void facts_are_of_the_machine_and_the_command_line(void **state) {
        (void)state;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        const char *given[] = {"failing_module=csagent.sys", "volume_locked=true", "model=A=B", "stop_code=0x50"};
        assert_int_equal(sal_self_facts(SAL_LAYOUT_WINDOWS, given, 4, &facts, NULL), SAL_OK);
        assert_string_equal(sal_facts_get(facts, "os")->text, "windows");
        assert_string_equal(sal_facts_get(facts, "model")->text, "A=B");
        assert_int_equal(sal_facts_get(facts, "volume_locked")->kind, SAL_FACT_BOOL);
        assert_non_null(sal_facts_get(facts, "arch"));
        static const char *const bad[] = {"os",    "=x",     "Model=x",
                                          "a b=c", "x=\xff", "a_name_of_more_than_32_characters=x"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                struct sal_facts *none = NULL;
                struct sal_err error = {0};
                assert_int_equal(sal_self_facts(SAL_LAYOUT_UNIX, &bad[i], 1, &none, &error), SAL_E_USAGE);
        }
}

static void a_poll_says_who_asks(void **state) {
        (void)state;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        assert_int_equal(sal_facts_parse_text("{\"os\":\"windows\"}", &facts), SAL_OK);
        sal_autojson json_t *one = json_pack("[{s:s}]", "offer_id", "a");
        sal_autojson json_t *have = json_pack("{s:i}", "root", 1);
        struct sal_poll_says says = {
                .machine_id = "m1", .boot_id = "b1", .reason = "drill", .facts = facts, .have = have};
        sal_autofree char *plain = sal_poll_body(&says);
        assert_string_equal(plain, "{\"machine_id\":\"m1\",\"boot_id\":\"b1\",\"reason\":\"drill\","
                                   "\"facts\":{\"os\":\"windows\"},\"have\":{\"root\":1}}");
        says.reports = one;
        says.reports_healthy = true;
        sal_autofree char *with = sal_poll_body(&says);
        assert_non_null(strstr(with, "\"reports\":[{\"offer_id\":\"a\"}]"));
        assert_non_null(strstr(with, "\"can\":[\"healthy\"]"));
}

static void an_answer_brings_files(void **state) {
        (void)state;
        sal_autoanswer struct sal_answer answer = {0}, silent = {0}, empty = {0};
        size_t len = 0;
        assert_int_equal(parse("{\"directive\":\"none\",\"metadata\":{\"timestamp.json\":\"text\",\"2.root.json\":7},"
                               "\"files\":{\"policy/trust-policy.json\":\"{}\"}}",
                               &answer),
                         SAL_OK);
        assert_string_equal(sal_answer_metadata(&answer, "timestamp.json", &len), "text");
        assert_int_equal(len, 4);
        assert_null(sal_answer_metadata(&answer, "2.root.json", &len));
        assert_null(sal_answer_metadata(&answer, "policy/trust-policy.json", &len));
        assert_string_equal(sal_answer_file(&answer, "policy/trust-policy.json", &len), "{}");
        assert_false(sal_answer_says_no_news(&answer));
        /* silence about metadata is no word that there is none */
        assert_int_equal(parse("{\"directive\":\"none\"}", &silent), SAL_OK);
        assert_false(sal_answer_says_no_news(&silent));
        assert_int_equal(parse("{\"directive\":\"none\",\"metadata\":{}}", &empty), SAL_OK);
        assert_true(sal_answer_says_no_news(&empty));
        assert_string_equal(sal_directive_name(SAL_DIRECTIVE_WAIT), "wait");
}

/* No answer makes the client poll in a loop, or sleep or give up at once or for ever. */
static void durations_are_brought_within_bounds(void **state) {
        (void)state;
        static const struct {
                const char *text;
                int64_t poll_after, give_up_after;
        } cases[] = {
                {"0", SAL_POLL_AFTER_MIN_SECONDS, SAL_GIVE_UP_MIN_SECONDS},
                {"1", 1, SAL_GIVE_UP_MIN_SECONDS},
                {"3600", 3600, 3600},
                {"3601", SAL_POLL_AFTER_MAX_SECONDS, 3601},
                {"1000000000", SAL_POLL_AFTER_MAX_SECONDS, SAL_GIVE_UP_MAX_SECONDS},
                {"9223372036854775807", SAL_POLL_AFTER_MAX_SECONDS, SAL_GIVE_UP_MAX_SECONDS},
                {"-5", SAL_POLL_AFTER_DEFAULT_SECONDS, SAL_GIVE_UP_DEFAULT_SECONDS},
                {"1.5", SAL_POLL_AFTER_DEFAULT_SECONDS, SAL_GIVE_UP_DEFAULT_SECONDS},
                {"\"7\"", SAL_POLL_AFTER_DEFAULT_SECONDS, SAL_GIVE_UP_DEFAULT_SECONDS},
                {"null", SAL_POLL_AFTER_DEFAULT_SECONDS, SAL_GIVE_UP_DEFAULT_SECONDS},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                struct sal_answer answer = {0};
                char text[200];
                snprintf(text, sizeof text,
                         "{\"directive\":\"wait\",\"poll_after_seconds\":%s,\"give_up_after_seconds\":%s}",
                         cases[i].text, cases[i].text);
                assert_int_equal(parse(text, &answer), SAL_OK);
                assert_int_equal(answer.poll_after_seconds, cases[i].poll_after);
                assert_int_equal(answer.give_up_after_seconds, cases[i].give_up_after);
                sal_answer_done(&answer);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_offer_is_read),
                cmocka_unit_test(an_offer_with_tricks_is_refused),
                cmocka_unit_test(what_is_missing_has_its_default),
                cmocka_unit_test(time_never_goes_behind_the_floor),
                cmocka_unit_test(facts_are_of_the_machine_and_the_command_line),
                cmocka_unit_test(a_poll_says_who_asks),
                cmocka_unit_test(an_answer_brings_files),
                cmocka_unit_test(durations_are_brought_within_bounds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
