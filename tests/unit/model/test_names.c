/* SPDX-License-Identifier: Apache-2.0 */
#include "model/campaign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* n bytes of c. The text stands until the next call. */
static const char *run_of(char c, size_t n) {
        static char text[2048];
        memset(text, c, n);
        text[n] = '\0';
        return text;
}

static void machine_ids(void **state) {
        (void)state;
        assert_true(sal_machine_id_valid("a"));
        assert_true(sal_machine_id_valid("PC-0001.example:x_y"));
        assert_true(sal_machine_id_valid("-"));
        assert_true(sal_machine_id_valid(run_of('a', 64)));
        assert_false(sal_machine_id_valid(run_of('a', 65)));
        assert_false(sal_machine_id_valid(""));
        assert_false(sal_machine_id_valid(".a"));
        assert_false(sal_machine_id_valid(".."));
        assert_false(sal_machine_id_valid("a/b"));
        assert_false(sal_machine_id_valid("a b"));
        assert_false(sal_machine_id_valid("a%2fb"));
        assert_false(sal_machine_id_valid("\xc3\xa4"));
}

static void campaign_ids(void **state) {
        (void)state;
        assert_true(sal_campaign_id_valid("0"));
        assert_true(sal_campaign_id_valid("channel-file-291"));
        assert_true(sal_campaign_id_valid(run_of('a', 63)));
        assert_false(sal_campaign_id_valid(run_of('a', 64)));
        assert_false(sal_campaign_id_valid(""));
        assert_false(sal_campaign_id_valid("-a"));
        assert_false(sal_campaign_id_valid("A"));
        assert_false(sal_campaign_id_valid("a.b"));
        assert_false(sal_campaign_id_valid("a_b"));
}

static void boot_ids(void **state) {
        (void)state;
        assert_true(sal_boot_id_valid("0f0e0d0c-0000-4000-8000-00000000000F"));
        assert_false(sal_boot_id_valid(""));
        assert_false(sal_boot_id_valid("a b"));
        assert_false(sal_boot_id_valid(run_of('a', 65)));
}

static void target_paths(void **state) {
        (void)state;
        char path[SAL_TARGET_PATH_BYTES];
        sal_campaign_target_path("channel-file-291", 2, path);
        assert_string_equal(path, "campaigns/channel-file-291-2.json");
        sal_campaign_target_path(run_of('a', 63), INT32_MAX, path);
        assert_int_equal(strlen(path), strlen("campaigns/-2147483647.json") + 63);
}

static enum sal_status check(const char *path, bool wildcards, struct sal_err *err) {
        struct sal_json_at root = sal_json_root(NULL);
        return sal_payload_path_check(&root, "path", path, wildcards, err);
}

static void good_paths(void **state) {
        (void)state;
        static const char *const paths[] = {
                "${SYSTEM}/drivers/CrowdStrike/C-00000291*.sys",
                "${SYSTEMROOT}/a",
                "${BOOT}/efi/x?.bin",
                "${SYSTEM}/[a]{b}$(c) d~!.txt",
                "${SYSTEM}/..a/b../.hidden",
                "${SYSTEM}/\xc3\xa4/\xe2\x82\xac/\xf0\x9f\x9b\x9f",
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(paths); n++) {
                struct sal_err err = {0};
                if (check(paths[n], true, &err))
                        fail_msg("%s: %s", paths[n], err.detail);
        }
}

static void bad_paths_say_why(void **state) {
        (void)state;
        static const struct {
                const char *path, *detail;
        } cases[] = {
                {"", "must start with"},
                {"/etc/passwd", "must start with"},
                {"drivers/x", "must start with"},
                {"${SYSTEM}", "must start with"},
                {"${SYSTEM}x/y", "must start with"},
                {"${system}/y", "must start with"},
                {"${HOME}/y", "must start with"},
                {"C:/Windows/x", "must start with"},
                {"//server/share", "must start with"},
                {" ${SYSTEM}/x", "must start with"},
                {"${SYSTEM}/", "empty segment"},
                {"${SYSTEM}//x", "empty segment"},
                {"${SYSTEM}/x/", "empty segment"},
                {"${SYSTEM}/x//y", "empty segment"},
                {"${SYSTEM}/..", "segment of dots"},
                {"${SYSTEM}/../x", "segment of dots"},
                {"${SYSTEM}/x/../y", "segment of dots"},
                {"${SYSTEM}/./x", "segment of dots"},
                {"${SYSTEM}/x/.", "segment of dots"},
                {"${SYSTEM}/.../x", "segment of dots"},
                {"${SYSTEM}/.. /x", "segment of dots"},
                {"${SYSTEM}/ /x", "segment of dots"},
                {"${SYSTEM}/x:stream", "\":\""},
                {"${SYSTEM}/c:/x", "\":\""},
                {"${SYSTEM}/a\\b", "backslash"},
                {"${SYSTEM}/..\\x", "backslash"},
                {"${SYSTEM}/a\nb", "control byte"},
                {"${SYSTEM}/a\x1f", "control byte"},
                {"${SYSTEM}/a\x7f", "control byte"},
                {"${SYSTEM}/a\x80", "UTF-8"},
                {"${SYSTEM}/a\xc3", "UTF-8"},
                {"${SYSTEM}/a\xc0\xaf", "UTF-8"},
                {"${SYSTEM}/a\xe0\x80\xaf", "UTF-8"},
                {"${SYSTEM}/a\xed\xa0\x80", "UTF-8"},
                {"${SYSTEM}/a\xf4\x90\x80\x80", "UTF-8"},
                {"${SYSTEM}/a\xf8\x88\x80\x80\x80", "UTF-8"},
                {"${SYSTEM}/a\xff", "UTF-8"},
        };
        for (size_t n = 0; n < SAL_ARRAY_LEN(cases); n++) {
                struct sal_err err = {0};
                if (check(cases[n].path, true, &err) != SAL_E_INVALID)
                        fail_msg("%s was taken", cases[n].path);
                assert_string_equal(err.pointer, "/path");
                if (!strstr(err.detail, cases[n].detail))
                        fail_msg("%s: %s", cases[n].path, err.detail);
        }
}

static void wildcards_only_where_they_may_stand(void **state) {
        (void)state;
        struct sal_err err = {0};
        assert_int_equal(check("${SYSTEM}/a*", true, &err), SAL_OK);
        assert_int_equal(check("${SYSTEM}/a*", false, &err), SAL_E_INVALID);
        assert_int_equal(check("${SYSTEM}/a?", false, &err), SAL_E_INVALID);
        assert_int_equal(check("${SYSTEM}/a[b]", false, &err), SAL_OK);
}

static void lengths_are_bounded(void **state) {
        (void)state;
        char path[2200];
        struct sal_err err = {0};
        snprintf(path, sizeof path, "${SYSTEM}/%s", run_of('a', 255));
        assert_int_equal(check(path, false, &err), SAL_OK);
        snprintf(path, sizeof path, "${SYSTEM}/%s", run_of('a', 256));
        assert_int_equal(check(path, false, &err), SAL_E_INVALID);
        snprintf(path, sizeof path, "${SYSTEM}%s", "");
        while (strlen(path) < SAL_PATH_MAX_BYTES - 1)
                strcat(path, "/a");
        if (strlen(path) < SAL_PATH_MAX_BYTES)
                strcat(path, "b");
        assert_int_equal(strlen(path), SAL_PATH_MAX_BYTES);
        assert_int_equal(check(path, false, &err), SAL_OK);
        strcat(path, "c");
        assert_int_equal(check(path, false, &err), SAL_E_INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(machine_ids),
                cmocka_unit_test(campaign_ids),
                cmocka_unit_test(boot_ids),
                cmocka_unit_test(target_paths),
                cmocka_unit_test(good_paths),
                cmocka_unit_test(bad_paths_say_why),
                cmocka_unit_test(lengths_are_bounded),
                cmocka_unit_test(wildcards_only_where_they_may_stand),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
