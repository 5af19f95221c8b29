/* SPDX-License-Identifier: Apache-2.0 */
#include "model/campaign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "payload.h"

static void a_signer_reads_what_happens(void **state) {
        (void)state;
        sal_auto(sal_campaign) struct sal_campaign *c = NULL;
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        assert_int_equal(sal_campaign_parse(PAYLOAD, sizeof PAYLOAD - 1, &c, NULL), SAL_OK);
        sal_campaign_describe(c, &out);
        assert_string_equal(
                out.data,
                "channel-file-291 version 1: \"Remove channel file 291\"\n"
                "from 2024-07-19T05:30:00Z until 2024-07-26T05:30:00Z\n"
                "where os is \"windows\" and failing_module matches \"csagent*\"\n"
                "delete ${SYSTEM}/drivers/CrowdStrike/C-00000291*.sys (at most 8 files), last changed before "
                "2024-07-19T05:27:00Z\n"
                "rename ${SYSTEM}/a to ${SYSTEM}/b\n"
                "restore ${SYSTEM}/c from artifact " SHA " (10 bytes)\n"
                "write ${BOOT}/d (5 bytes, SHA-256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824), "
                "with mode 0640\n"
                "disable the service bad.service\n"
                "disable the driver csagent\n"
                "boot recovery, once\n"
                "set SYSTEM\\ControlSet001\\Services\\x, value \"Start\" (REG_DWORD), to 4\n"
                "run the script " SHA " (0 bytes) for at most 60 s\n"
                "then check that ${SYSTEM}/drivers/CrowdStrike/C-00000291*.sys is absent, last changed before "
                "2024-07-19T05:27:00Z\n"
                "then check that ${SYSTEM}/b is present\n"
                "then check that ${SYSTEM}/c has the SHA-256 " SHA "\n"
                "then reboot; on failure revert everything\n");
}

static void every_condition_is_told(void **state) {
        (void)state;
        sal_autofree char *text =
                payload_with("/actions/0/require", "{\"sha256\":[\"" SHA "\"],\"size_min\":1,\"size_max\":9,"
                                                   "\"mtime_after\":\"2024-01-01T00:00:00Z\"}");
        sal_auto(sal_campaign) struct sal_campaign *c = NULL;
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        assert_int_equal(sal_campaign_parse(text, strlen(text), &c, NULL), SAL_OK);
        sal_campaign_describe(c, &out);
        assert_non_null(strstr(out.data, "(at most 8 files), whose SHA-256 is " SHA ", of at least 1 bytes, "
                                         "of at most 9 bytes, last changed after 2024-01-01T00:00:00Z\n"));
}

/* Each would read as other words than its own if it stood there bare. */
static void nothing_passes_for_the_words_around_it(void **state) {
        (void)state;
        static const struct {
                const char *pointer, *value, *words;
        } cases[] = {
                {"/title", "\"Fix\\\" and nothing \\\\  else\"",
                 "291 version 1: \"Fix\\\" and nothing \\\\ \\u{0020}else\"\n"},
                {"/title", "\"Gr\\u00fc\\u00dfe\"",
                 "291 version 1: \"Gr\xc3\xbc\xc3\x9f"
                 "e\"\n"},
                {"/match", "{\"all\":[{\"fact\":\"os\",\"ne\":\"mac os\\\" and model is \\\"Kiosk 7\"}]}",
                 "\nwhere os is not \"mac os\\\" and model is \\\"Kiosk 7\"\n"},
                {"/actions/1/path", "\"${SYSTEM}/lib/a to ${SYSTEM}/lib/b\"",
                 "\nrename \"${SYSTEM}/lib/a to ${SYSTEM}/lib/b\" to ${SYSTEM}/b\n"},
                {"/actions/0/path", "\"${SYSTEM}/lib/bad.sys (at most 1 files)    b\"",
                 "\ndelete \"${SYSTEM}/lib/bad.sys (at most 1 files) \\u{0020}\\u{0020}\\u{0020}b\" (at most 8 files)"},
                {"/actions/2/path", "\"${SYSTEM}/lib/bad \"", "\nrestore \"${SYSTEM}/lib/bad \" from artifact"},
                {"/actions/3/path", "\"${SYSTEM}/lib/b\\u0430d.sys\"", "\nwrite \"${SYSTEM}/lib/b\\u{0430}d.sys\" ("},
                {"/actions/0/path", "\"${SYSTEM}/lib/\\u00a0\\u2800\\u202ee\\u0301\"",
                 "\ndelete \"${SYSTEM}/lib/\\u{00a0}\\u{2800}\\u{202e}e\\u{0301}\" ("},
                {"/actions/4/name", "\"a (b) then check\"", "\ndisable the service \"a (b) then check\"\n"},
                {"/actions/5/name", "\"x y\"", "\ndisable the driver \"x y\"\n"},
                {"/actions/6/entry", "\"e; f\"", "\nboot \"e; f\", once\n"},
                {"/actions/7/key", "\"A B\\\\C\"", "\nset \"SYSTEM\\\\A B\\\\C\", value \"Start\" (REG_DWORD), to 4\n"},
                {"/actions/7/name", "\"a\\\" (REG_DWORD), to 1\"",
                 ", value \"a\\\" (REG_DWORD), to 1\" (REG_DWORD), to 4\n"},
                {"/verify/1/path", "\"${SYSTEM}/b is absent\"",
                 "\nthen check that \"${SYSTEM}/b is absent\" is present\n"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                sal_autofree char *text = payload_with(cases[i].pointer, cases[i].value);
                sal_auto(sal_campaign) struct sal_campaign *c = NULL;
                sal_autobuf struct sal_buf out = SAL_BUF_INIT;
                struct sal_err err = {0};
                if (sal_campaign_parse(text, strlen(text), &c, &err))
                        fail_msg("%s: %s", cases[i].value, err.detail);
                sal_campaign_describe(c, &out);
                if (!strstr(out.data, cases[i].words))
                        fail_msg("%s is not in\n%s", cases[i].words, out.data);
        }
}

static void the_plan_is_told(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_plan_default(&plan);
        sal_plan_describe(&plan, &out);
        assert_string_equal(
                out.data,
                "ring canary: 1 % of the machines; each success lets 2 more be under way, and is one after 30 min\n"
                "ring early: 10 % of the machines; each success lets 6 more be under way, and is one after 10 min\n"
                "ring broad: 89 % of the machines; each success lets 20 more be under way\n"
                "at first 5 machines are under way, never more than 1000000; each is tried 2 times\n"
                "the next ring opens on evidence that fewer than 20 % fail, or when no machine is left to try\n"
                "it halts by itself on evidence that more than 5 % fail, or more than 10 % say nothing for 1 h\n");
        plan.manual_advance = true;
        plan.outcome_deadline_seconds = 90;
        sal_buf_clear(&out);
        sal_plan_describe(&plan, &out);
        assert_non_null(strstr(out.data, "a ring opens only when an operator says so\n"));
        assert_non_null(strstr(out.data, "say nothing for 90 s\n"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_signer_reads_what_happens),
                cmocka_unit_test(every_condition_is_told),
                cmocka_unit_test(nothing_passes_for_the_words_around_it),
                cmocka_unit_test(the_plan_is_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
