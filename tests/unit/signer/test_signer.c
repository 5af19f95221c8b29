/* SPDX-License-Identifier: Apache-2.0 */
/* The signer as the daemon has it: what it makes, what it refuses, and what it never does twice or backwards. */
#include "fixture.h"

static void makes_what_clients_follow(void **state) {
        struct domain *d = *state;
        domain_add_good(d, "fix", 1);
        domain_makes(d);
        assert_int_equal(d->answer.next.listed, 1);
        assert_int_equal(d->answer.verdicts[0].admission, SAL_ADMIT_YES);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_ROOT], 1);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_TARGETS], 2);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_TIMESTAMP], 1);
}

int main(int argc, char **argv) {
        FIXTURE_SIGNER(argc, argv);
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(makes_what_clients_follow, domain_set_up, domain_tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
