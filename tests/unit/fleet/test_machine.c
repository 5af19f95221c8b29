/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/machine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct sal_fleet_options options_of(const char *seed) {
        char *argv[] = {"salvor-fleet", "run",    "--machines", "1000",   "--fail-share", "0.1",       "--silent-share",
                        "0.05",         "--seed", (char *)seed, "--fact", "site=Berlin",  "--healthy", NULL};
        struct sal_fleet_options options;
        assert_int_equal(sal_fleet_options_parse((int)(sizeof argv / sizeof *argv) - 1, argv, &options, NULL), SAL_OK);
        return options;
}

static void test_roles_follow_the_shares_and_the_seed(void **state) {
        (void)state;
        struct sal_fleet_options one = options_of("1"), same = options_of("1"), other = options_of("2");
        struct sal_fleet_world a = {.options = &one}, b = {.options = &same, .run = 77}, c = {.options = &other};
        int failing = 0, silent = 0, differing = 0;
        for (int64_t i = 0; i < 20000; i++) {
                enum sal_fleet_role role = sal_fleet_role_of(&a, i);
                failing += role == SAL_FLEET_FAILS;
                silent += role == SAL_FLEET_SILENT;
                assert_int_not_equal(role, SAL_FLEET_RELAPSES);
                assert_int_equal(role, sal_fleet_role_of(&b, i));
                differing += role != sal_fleet_role_of(&c, i);
        }
        /* Six standard deviations of a binomial. */
        assert_true(fabs(failing - 2000.0) < 6 * sqrt(20000 * 0.1 * 0.9));
        assert_true(fabs(silent - 1000.0) < 6 * sqrt(20000 * 0.05 * 0.95));
        assert_true(differing > 1000);
        sal_fleet_options_done(&one);
        sal_fleet_options_done(&same);
        sal_fleet_options_done(&other);
}

static void test_bodies_are_what_the_wire_wants(void **state) {
        (void)state;
        struct sal_fleet_options options = options_of("1");
        struct sal_fleet_world world;
        assert_int_equal(sal_fleet_world_init(&options, &world, NULL), SAL_OK);
        struct sal_fleet_machine machine = {.offer_id = "o1"};
        sal_autobuf struct sal_buf first = SAL_BUF_INIT, second = SAL_BUF_INIT, report = SAL_BUF_INIT;
        sal_fleet_poll_body(&world, 41, &machine, "", &first);
        machine.boots++;
        sal_fleet_poll_body(&world, 41, &machine, "ff", &second);
        sal_fleet_report_body(&world, 41, &machine, "failed", &report);
        sal_autojson json_t *a = json_loads(first.data, JSON_REJECT_DUPLICATES, NULL);
        sal_autojson json_t *b = json_loads(second.data, JSON_REJECT_DUPLICATES, NULL);
        sal_autojson json_t *r = json_loads(report.data, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(a);
        assert_non_null(b);
        assert_non_null(r);
        assert_string_equal(json_string_value(json_object_get(a, "machine_id")), "fleet-000042");
        const char *boot = json_string_value(json_object_get(a, "boot_id"));
        assert_true(sal_boot_id_valid(boot));
        assert_int_equal(strlen(boot), 36);
        assert_string_not_equal(boot, json_string_value(json_object_get(b, "boot_id")));
        assert_string_equal(json_string_value(json_object_get(r, "boot_id")),
                            json_string_value(json_object_get(b, "boot_id")));
        const json_t *facts = json_object_get(a, "facts");
        assert_string_equal(json_string_value(json_object_get(facts, "stop_code")), "0x50");
        assert_string_equal(json_string_value(json_object_get(facts, "site")), "Berlin");
        assert_null(json_object_get(json_object_get(a, "have"), "policy"));
        assert_string_equal(json_string_value(json_object_get(json_object_get(b, "have"), "policy")), "ff");
        assert_string_equal(json_string_value(json_object_get(r, "stage")), "failed");
        sal_fleet_world_done(&world);
        sal_fleet_options_done(&options);
}

static void test_every_boot_of_every_machine_has_its_own_id(void **state) {
        (void)state;
        struct sal_fleet_options options = options_of("1");
        struct sal_fleet_world world;
        assert_int_equal(sal_fleet_world_init(&options, &world, NULL), SAL_OK);
        sal_autojson json_t *seen = json_object();
        for (int64_t i = 0; i < 300; i++)
                for (uint32_t boot = 0; boot < 3; boot++) {
                        struct sal_fleet_machine machine = {.boots = boot};
                        sal_autobuf struct sal_buf body = SAL_BUF_INIT;
                        sal_fleet_poll_body(&world, i, &machine, "", &body);
                        sal_autojson json_t *poll = json_loads(body.data, 0, NULL);
                        const char *id = json_string_value(json_object_get(poll, "boot_id"));
                        assert_null(json_object_get(seen, id));
                        json_object_set_new(seen, id, json_true());
                }
        sal_fleet_world_done(&world);
        sal_fleet_options_done(&options);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_roles_follow_the_shares_and_the_seed),
                cmocka_unit_test(test_bodies_are_what_the_wire_wants),
                cmocka_unit_test(test_every_boot_of_every_machine_has_its_own_id),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
