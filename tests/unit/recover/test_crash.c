/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power fails at every single call that changes a disk, one after another; afterwards the program starts again.
 * Each time the tree must end fixed or as it was, byte for byte, and one report must be stored at the most. The calls
 * of the C library are replaced here, so that nothing in the program knows of this.
 */
#include "job_fixture.h"

#include <sys/syscall.h>
#include <sys/wait.h>

enum { CRASH_EXIT = 77, DONE_EXIT = 0, ROUNDS_MAX = 2000 };

static int calls_left = -1; /* -1: no crash is wanted */

static void count_down(void) {
        if (calls_left > 0 && --calls_left == 0)
                _exit(CRASH_EXIT);
}

/* The process dies, the kernel stays: nothing needs to reach the disk, and the test is twenty times as fast. */
int fsync(int fd) {
        count_down();
        return fd >= 0 ? 0 : -1;
}

int unlinkat(int fd, const char *name, int flags) {
        count_down();
        return (int)syscall(SYS_unlinkat, fd, name, flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
        count_down();
        return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
        count_down();
        return (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

int fchmod(int fd, mode_t mode) {
        count_down();
        return (int)syscall(SYS_fchmod, fd, mode);
}

int futimens(int fd, const struct timespec times[2]) {
        count_down();
        return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

ssize_t write(int fd, const void *bytes, size_t len) {
        count_down();
        return (ssize_t)syscall(SYS_write, fd, bytes, len);
}

static const char actions[] =
        "[" OUTAGE_ACTION ","
        "{\"kind\":\"rename_file\",\"path\":\"${SYSTEM}/drivers/ntfs.sys\",\"to\":\"${SYSTEM}/drivers/ntfs.bak\"},"
        "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/drivers/ntfs.sys\",\"content_base64\":\"bmV3\"},"
        "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/drivers/CrowdStrike/c-00000290-00000000-00000001.SYS\","
        "\"content_base64\":\"bmV3\",\"mode\":\"0600\"}]";
static const char good_verify[] = "[" OUTAGE_VERIFY "]";
static const char bad_verify[] = "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/no-such-file\"}]";

/* In a child: resume what there is, then (if the offer is still open) carry it out; crash at the n-th call. */
static int run_child(struct stage *s, const char *verify, int crash_at, bool only_resume) {
        pid_t child = fork();
        if (child == 0) {
                enum sal_outcome outcome = SAL_OUTCOME_NONE;
                stage_open(s);
                struct sal_campaign *campaign = campaign_of(actions, verify);
                calls_left = crash_at;
                if (sal_job_resume(&s->job, &outcome, NULL))
                        _exit(3);
                if (!only_resume && report_count(s) == 0)
                        run(s, campaign, "offer");
                calls_left = -1;
                _exit(DONE_EXIT);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void begin(struct stage *s) {
        fixture_init(&s->f);
        make_outage(s->f.root);
}

/* Writes what the picture of a fixed tree must not depend on (times of what was written) out of the way. */
static bool is_fixed(const struct stage *s) {
        const char *root = s->f.root;
        return !there(root, CROWDSTRIKE "/C-00000291-00000000-00000032.sys") &&
               strcmp(content(root, "Windows/System32/drivers/ntfs.bak"), "driver") == 0 &&
               strcmp(content(root, "Windows/System32/drivers/ntfs.sys"), "new") == 0 &&
               strcmp(content(root, CROWDSTRIKE "/C-00000290-00000000-00000001.sys"), "new") == 0 &&
               strcmp(content(root, CROWDSTRIKE "/C-00000291-00000000-00000033.sys"), "good 291") == 0;
}

static int count_leftovers_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
        (void)info, (void)type, (void)walk;
        if (strstr(path, "/.salvor-"))
                fail_msg("%s was left behind", path);
        return 0;
}

/* One crash at call `crash_at`; after the restart the tree is as it was or fixed. Returns false when there were not so
 * many calls. */
static bool crash_once(const char *verify, int crash_at, const char *stage_name) {
        struct stage s = {0};
        begin(&s);
        sal_autofree char *before = picture(s.f.root);
        bool crashed = run_child(&s, verify, crash_at, false) == CRASH_EXIT;
        assert_int_equal(run_child(&s, verify, -1, true), DONE_EXIT);
        nftw(s.f.root, count_leftovers_one, 32, FTW_PHYS);
        stage_open(&s);
        size_t reports = report_count(&s);
        bool settled_good = reports == 1 && strcmp(stage_name, "applied") == 0;
        assert_true(reports <= 1);
        assert_false(sal_store_has(s.store, "work.json"));
        if (settled_good) {
                assert_true(is_fixed(&s));
        } else {
                sal_autofree char *after = picture(s.f.root);
                assert_string_equal(before, after);
        }
        stage_close(&s);
        /* And the offer can be taken up again. */
        assert_int_equal(run_child(&s, verify, -1, false), DONE_EXIT);
        stage_open(&s);
        assert_int_equal(report_count(&s), 1);
        assert_non_null(strstr(content(s.f.state, "reports/offer.json"), stage_name));
        if (strcmp(stage_name, "applied") == 0) {
                assert_true(is_fixed(&s));
        } else {
                sal_autofree char *after = picture(s.f.root);
                assert_string_equal(before, after);
        }
        stage_close(&s);
        fixture_done(&s.f);
        return crashed;
}

static void a_good_fix_survives_a_crash_at_every_call(void **state) {
        (void)state;
        int n = 1;
        while (n < ROUNDS_MAX && crash_once(good_verify, n, "applied"))
                n++;
        assert_in_range(n, 40, ROUNDS_MAX - 1);
}

static void a_bad_fix_survives_a_crash_at_every_call(void **state) {
        (void)state;
        int n = 1;
        while (n < ROUNDS_MAX && crash_once(bad_verify, n, "failed"))
                n++;
        assert_in_range(n, 40, ROUNDS_MAX - 1);
}

/* The power fails again and again, each time a little later, while the program puts things back. */
static void crashes_while_putting_back_do_no_harm(void **state) {
        (void)state;
        for (int first = 60; first < 140; first += 7) {
                struct stage s = {0};
                begin(&s);
                sal_autofree char *before = picture(s.f.root);
                run_child(&s, bad_verify, first, false);
                for (int n = 1; n < ROUNDS_MAX && run_child(&s, bad_verify, n, true) == CRASH_EXIT; n++)
                        continue;
                sal_autofree char *after = picture(s.f.root);
                assert_string_equal(before, after);
                fixture_done(&s.f);
        }
}

/* The second interruption of one offer is reported: it may be the fix that brings the machine down. */
static void the_second_interruption_is_an_outcome(void **state) {
        (void)state;
        struct stage s = {0};
        begin(&s);
        sal_autofree char *before = picture(s.f.root);
        /* Find a call in the midst of the changes: some work is to be undone, and none is settled. */
        int n = 1;
        for (; n < ROUNDS_MAX; n++) {
                assert_int_equal(run_child(&s, good_verify, n, false), CRASH_EXIT);
                if (!there(s.f.root, CROWDSTRIKE "/C-00000291-00000000-00000032.sys"))
                        break;
                fixture_done(&s.f);
                begin(&s);
                free(before);
                before = picture(s.f.root);
        }
        int again = CRASH_EXIT;
        for (int m = n; m < ROUNDS_MAX && again == CRASH_EXIT; m++) {
                again = run_child(&s, good_verify, m, false);
                if (there(s.f.state, "reports/offer.json"))
                        break;
        }
        assert_int_equal(run_child(&s, good_verify, -1, true), DONE_EXIT);
        assert_non_null(strstr(content(s.f.state, "reports/offer.json"), "\"stage\":\"failed\""));
        assert_non_null(strstr(content(s.f.state, "reports/offer.json"), "second time"));
        sal_autofree char *after = picture(s.f.root);
        assert_string_equal(before, after);
        fixture_done(&s.f);
}

/* Unfinished work must not be "put back" into another machine's tree. */
static void another_root_is_refused(void **state) {
        (void)state;
        struct stage s = {0};
        begin(&s);
        for (int n = 40; !there(s.f.state, "work.json") && n < ROUNDS_MAX; n++)
                run_child(&s, good_verify, n, false);
        struct fixture other = s.f;
        snprintf(s.f.root, sizeof s.f.root, "%s/other", s.f.dir);
        make_dirs(s.f.dir, "other");
        make_outage(s.f.root);
        stage_open(&s);
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        struct sal_err error = {0};
        assert_int_equal(sal_job_resume(&s.job, &outcome, &error), SAL_E_CONFLICT);
        stage_close(&s);
        fixture_done(&other);
}

/* A state file that the disk has damaged does not stop a rescue. */
static void damaged_state_is_put_aside(void **state) {
        (void)state;
        struct stage s = {0};
        begin(&s);
        stage_open(&s);
        put(s.f.state, "work.json", "{\"schema\":\"salvor.work/1\",", NULL);
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        struct sal_err error = {0};
        assert_int_equal(sal_job_resume(&s.job, &outcome, &error), SAL_OK);
        assert_false(sal_store_has(s.store, "work.json"));
        assert_true(sal_store_has(s.store, "kept/damaged/work.json"));
        assert_int_equal(run_json(&s, actions, good_verify), SAL_OUTCOME_APPLIED);
        stage_close(&s);
        fixture_done(&s.f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_fix_survives_a_crash_at_every_call),
                cmocka_unit_test(a_bad_fix_survives_a_crash_at_every_call),
                cmocka_unit_test(crashes_while_putting_back_do_no_harm),
                cmocka_unit_test(the_second_interruption_is_an_outcome),
                cmocka_unit_test(another_root_is_refused),
                cmocka_unit_test(damaged_state_is_put_aside),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
