/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives a signer: no version is ever given away twice or gets lower, whatever files it is handed. */
#include "fixture.h"

static void says(const struct domain *d, const char *words) {
        if (!strstr(d->err.detail, words))
                fail_msg("no \"%s\" in: %s", words, d->err.detail);
}

static void versions_outlive_it(void **state) {
        struct domain *d = *state;
        int64_t last = 0;
        for (int i = 0; i < 4; i++) {
                domain_stop(d);
                domain_start(d);
                domain_lose_files(d);
                domain_makes(d);
                assert_true(d->answer.versions[SAL_TUF_FILE_TIMESTAMP] > last);
                assert_true(d->answer.versions[SAL_TUF_FILE_CAMPAIGNS] > last);
                last = d->answer.versions[SAL_TUF_FILE_TIMESTAMP];
        }
}

/* A restored backup brings the files of long ago: nothing is given away again under an old version, nor left as it
 * was. */
static void a_restored_backup_lowers_no_version(void **state) {
        struct domain *d = *state;
        char *old[SAL_TUF_FILES] = {0};
        size_t lens[SAL_TUF_FILES] = {0};
        domain_makes(d);
        for (int i = 0; i < SAL_TUF_FILES; i++)
                if (d->answer.next.files[i].len > 0) {
                        lens[i] = d->answer.next.files[i].len;
                        old[i] = strndup(d->answer.next.files[i].data, lens[i]);
                }
        int64_t high[SAL_TUF_FILES];
        for (int i = 1; i < 5; i++) {
                domain_add_good(d, "fix", i);
                domain_makes(d);
                domain_forget(d);
        }
        memcpy(high, d->answer.versions, sizeof high);
        assert_int_equal(high[SAL_TUF_FILE_CAMPAIGNS], 5);
        for (int restart = 0; restart < 2; restart++) {
                for (int i = 0; i < SAL_TUF_FILES; i++)
                        if (old[i]) {
                                d->request.files.file[i].bytes = old[i];
                                d->request.files.file[i].len = lens[i];
                        }
                if (restart) {
                        domain_stop(d);
                        domain_start(d);
                }
                domain_makes(d);
                for (int i = 0; i < SAL_TUF_FILES; i++)
                        if (old[i]) {
                                assert_true(d->answer.next.signed_anew[i]);
                                assert_true(d->answer.versions[i] > high[i]);
                        }
                memcpy(high, d->answer.versions, sizeof high);
        }
        for (int i = 0; i < SAL_TUF_FILES; i++)
                free(old[i]);
}

/* Old targets, put back with the database, are refused for the mark that stands. */
static void old_targets_are_refused(void **state) {
        struct domain *d = *state;
        domain_makes(d);
        world_versions(d->w, 3);
        world_publish(d->w);
        domain_refresh(d);
        domain_makes(d);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_TARGETS], 3);
        d->w->version[SAL_TUF_FILE_TARGETS] = 2;
        domain_refresh(d);
        domain_stop(d);
        domain_start(d);
        assert_int_equal(domain_make(d), SAL_E_REFUSED);
        says(d, "targets has version 2, and version 3 was given away before");
}

static void nothing_is_given_away_without_its_mark(void **state) {
        struct domain *d = *state;
        struct rlimit none, before;
        domain_makes(d);
        assert_int_equal(prlimit(sal_signer_pid(d->signer), RLIMIT_FSIZE, NULL, &before), 0);
        none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
        assert_int_equal(prlimit(sal_signer_pid(d->signer), RLIMIT_FSIZE, &none, NULL), 0);
        domain_add_good(d, "fix", 1);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(domain_make(d), SAL_E_IO);
                says(d, d->marks_path);
        }
        assert_int_equal(d->answer.next.listed, 0);
        /* there is room again: the versions go on without a gap, and the same signer works */
        assert_int_equal(prlimit(sal_signer_pid(d->signer), RLIMIT_FSIZE, &before, NULL), 0);
        domain_makes(d);
        assert_int_equal(d->answer.next.listed, 1);
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_CAMPAIGNS], 2);
}

/* Killed at any moment of its work, for want of patience: what it had given away is never given away again with other
 * bytes, and versions only rise. */
static void a_kill_at_any_moment_lowers_no_version(void **state) {
        struct domain *d = *state;
        struct sal_signer_answer *answer = calloc(1, sizeof *answer);
        assert_non_null(answer);
        int64_t last[SAL_TUF_FILES] = {0};
        int64_t unit_ms = sal_signer_can_confine() ? 1 : 10; /* a sanitizer is slower */
        int killed = 0, made = 0;
        for (int round = 0; round < 200; round++) {
                domain_forget(d);
                domain_add_good(d, "fix", 1 + round);
                enum sal_status status =
                        sal_signer_make_within(d->signer, &d->request, round % 4 * unit_ms, answer, &d->err);
                if (status == SAL_E_UNREACHABLE) {
                        killed++;
                        domain_stop(d);
                        domain_start(d);
                        continue;
                }
                assert_int_equal(status, SAL_OK);
                made++;
                for (int i = 0; i < SAL_TUF_FILES; i++) {
                        bool anew = answer->next.signed_anew[i];
                        assert_true(anew ? answer->versions[i] > last[i] : answer->versions[i] >= last[i]);
                        last[i] = answer->versions[i];
                }
                assert_true(answer->next.signed_anew[SAL_TUF_FILE_CAMPAIGNS]);
                sal_repository_next_done(&answer->next);
        }
        free(answer);
        assert_true(killed > 0); /* a patience of 0 ms is never enough */
        domain_makes(d);
        assert_true(d->answer.versions[SAL_TUF_FILE_CAMPAIGNS] > last[SAL_TUF_FILE_CAMPAIGNS]);
        print_message("%d made, %d killed, campaigns version %lld\n", made, killed,
                      (long long)d->answer.versions[SAL_TUF_FILE_CAMPAIGNS]);
}

int main(int argc, char **argv) {
        FIXTURE_SIGNER(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, domain_set_up, domain_tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(versions_outlive_it),
                TEST(a_restored_backup_lowers_no_version),
                TEST(old_targets_are_refused),
                TEST(nothing_is_given_away_without_its_mark),
                TEST(a_kill_at_any_moment_lowers_no_version),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
