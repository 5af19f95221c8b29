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
                "channel-file-291 version 1: Remove channel file 291\n"
                "from 2024-07-19T05:30:00Z until 2024-07-26T05:30:00Z\n"
                "where os is windows and failing_module matches csagent*\n"
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
                cmocka_unit_test(the_plan_is_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
