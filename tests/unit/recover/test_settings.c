/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what has to stand in it, and what must not. */
#include "fixture.h"

#include "salvor-recover/settings.h"

static struct fixture f;

static int set_up(void **state) {
        (void)state;
        fixture_init(&f);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        fixture_done(&f);
        return 0;
}

static enum sal_status read_text(const char *text, bool online, struct sal_settings *ret, struct sal_err *err) {
        put(f.dir, "recover.conf", text, NULL);
        return sal_settings_read(at(f.dir, "recover.conf"), online, ret, err);
}

static void refuses(const char *text, bool online, const char *why) {
        struct sal_settings settings = {0};
        struct sal_err err = {0};
        assert_int_equal(read_text(text, online, &settings, &err), SAL_E_CONFIG);
        if (!strstr(err.detail, why))
                fail_msg("\"%s\" does not say \"%s\"", err.detail, why);
}

#define OFFLINE "root = \"1.root.json\"\nmachine_id = \"m1\"\n"
#define ONLINE OFFLINE "server = \"https://localhost\"\nca = \"ca.crt\"\n"

static void relative_paths_stand_beside_the_file(void **state) {
        (void)state;
        struct sal_settings settings = {0};
        assert_int_equal(read_text(ONLINE, true, &settings, NULL), SAL_OK);
        assert_string_equal(settings.root, at(f.dir, "1.root.json"));
        assert_string_equal(settings.ca, at(f.dir, "ca.crt"));
        assert_false(settings.reports_healthy);
        sal_settings_done(&settings);
}

static void a_bundle_needs_no_server(void **state) {
        (void)state;
        struct sal_settings settings = {0};
        assert_int_equal(read_text(OFFLINE, false, &settings, NULL), SAL_OK);
        assert_null(settings.server);
        sal_settings_done(&settings);
        refuses(OFFLINE, true, "is missing");
        refuses("machine_id = \"m1\"\n", false, "root");
}

static void the_policy_is_pinned_no_more(void **state) {
        (void)state;
        refuses(ONLINE "policy = \"trust-policy.json\"\n", true, "comes signed from the server");
        refuses(OFFLINE "policy = \"trust-policy.json\"\n", false, "comes signed from the server");
}

static void reports_healthy_is_true_or_false(void **state) {
        (void)state;
        static const struct {
                const char *line;
                bool expected;
        } cases[] = {{"reports_healthy = true\n", true},
                     {"reports_healthy = \"true\"\n", true},
                     {"reports_healthy = false\n", false},
                     {"reports_healthy = \"false\"\n", false}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                struct sal_settings settings = {0};
                char text[256];
                snprintf(text, sizeof text, ONLINE "%s", cases[i].line);
                assert_int_equal(read_text(text, true, &settings, NULL), SAL_OK);
                assert_int_equal(settings.reports_healthy, cases[i].expected);
                sal_settings_done(&settings);
        }
        refuses(ONLINE "reports_healthy = \"yes\"\n", true, "true or false");
        refuses(ONLINE "reports_healthy = \"1\"\n", true, "true or false");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(relative_paths_stand_beside_the_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_bundle_needs_no_server, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_policy_is_pinned_no_more, set_up, tear_down),
                cmocka_unit_test_setup_teardown(reports_healthy_is_true_or_false, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
