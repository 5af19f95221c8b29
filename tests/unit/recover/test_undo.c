/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk fails, at every single call that changes the tree, once or from then on, and later it is well again. The
 * tree must end as it was, the very same files with all that they are, and `failed` must be reported once. The calls of
 * the C library are replaced here, so that nothing in the program knows of this.
 */
#include "job_fixture.h"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

enum { ROUNDS_MAX = 500 };

static int fail_from = -1, fail_count; /* -1: the disk is well */
static int calls;
static const char *failing; /* calls on descriptors below this folder */

static bool fails(int fd) {
        char link[64], path[256];
        if (fail_from < 0)
                return false;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof path - 1);
        path[n < 0 ? 0 : n] = 0;
        if (strncmp(path, failing, strlen(failing)) != 0)
                return false;
        calls++;
        if (calls < fail_from || calls >= fail_from + fail_count)
                return false;
        errno = ENOSPC;
        return true;
}

int fsync(int fd) {
        return fails(fd) ? -1 : 0;
}

int unlinkat(int fd, const char *name, int flags) {
        return fails(fd) ? -1 : (int)syscall(SYS_unlinkat, fd, name, flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
        return fails(to_fd) ? -1 : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

/* The program renames without replacing by way of syscall(2). */
long syscall(long number, ...) {
        static long (*next)(long, ...);
        if (!next)
                *(void **)&next = dlsym(RTLD_NEXT, "syscall");
        va_list list;
        long a[5] = {0};
        size_t count = number == SYS_renameat2 || number == SYS_linkat    ? 5
                       : number == SYS_openat2 || number == SYS_utimensat ? 4
                                                                          : 3;
        va_start(list, number);
        for (size_t i = 0; i < count; i++)
                a[i] = va_arg(list, long);
        va_end(list);
        if (number == SYS_renameat2 && a[4] != 0 && fails((int)a[2]))
                return -1;
        return next(number, a[0], a[1], a[2], a[3], a[4]);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
        return fails(to_fd) ? -1 : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

int futimens(int fd, const struct timespec times[2]) {
        return fails(fd) ? -1 : (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

ssize_t write(int fd, const void *bytes, size_t len) {
        return fails(fd) ? -1 : (ssize_t)syscall(SYS_write, fd, bytes, len);
}

#define BAD_FILE CROWDSTRIKE "/C-00000291-00000000-00000032.sys"
#define OLD_FILE CROWDSTRIKE "/C-00000290-00000000-00000001.sys"

static const char actions[] =
        "[" OUTAGE_ACTION ","
        "{\"kind\":\"rename_file\",\"path\":\"${SYSTEM}/drivers/ntfs.sys\",\"to\":\"${SYSTEM}/drivers/ntfs.bak\"},"
        "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/drivers/ntfs.sys\",\"content_base64\":\"bmV3\"},"
        "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/drivers/CrowdStrike/C-00000290-00000000-00000001.sys\","
        "\"content_base64\":\"bmV3\"},"
        "{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/drivers/a.sys\"},"
        "{\"kind\":\"rename_file\",\"path\":\"${SYSTEM}/drivers/b.sys\",\"to\":\"${SYSTEM}/drivers/a.sys\"}]";
static const char bad_verify[] = "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/no-such-file\"}]";

static void make_tree(const char *root) {
        make_outage(root);
        put(root, "Windows/System32/drivers/a.sys", "a", "2024-01-02T00:00:00Z");
        put(root, "Windows/System32/drivers/b.sys", "bb", "2024-01-03T00:00:00Z");
}

static int expect_no_leftover(const char *path, const struct stat *info, int type, struct FTW *walk) {
        (void)info, (void)type, (void)walk;
        if (strstr(path, "/.salvor-"))
                fail_msg("%s was left behind", path);
        return 0;
}

static void expect_as_before(struct stage *s, const char *before) {
        sal_autofree char *after = picture(s->f.root);
        assert_string_equal(before, after);
        nftw(s->f.root, expect_no_leftover, 32, FTW_PHYS);
        assert_false(sal_store_has(s->store, "work.json"));
        assert_int_equal(report_count(s), 1);
        assert_non_null(strstr(content(s->f.state, "reports/offer.json"), "\"stage\":\"failed\""));
}

/* Calls from..from+count-1 in the folder fail; then all is well and the program starts again. Returns false when there
 * were not so many calls. */
static bool fail_at(int from, int count, const char *folder, bool *ret_was_open) {
        struct stage s = {0};
        fixture_init(&s.f);
        make_tree(s.f.root);
        stage_open(&s);
        sal_autofree char *before = picture(s.f.root);
        struct sal_campaign *campaign = campaign_of(actions, bad_verify);
        const struct sal_job_offer offer = {.offer_id = "offer", .campaign = "test", .version = 1};
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        failing = *folder ? at(s.f.dir, folder) : s.f.dir;
        calls = 0;
        fail_count = count;
        fail_from = from;
        sal_job_run(&s.job, &offer, campaign, &outcome, s.why, NULL);
        bool many = calls >= from;
        fail_from = -1;
        *ret_was_open = sal_job_is_open(&s.job);
        if (strcmp(folder, "root") == 0)
                assert_int_equal(report_count(&s), 1);
        if (count == 1 && *folder)
                assert_false(*ret_was_open);
        assert_int_equal(sal_job_resume(&s.job, &outcome, NULL), SAL_OK);
        if (report_count(&s) == 0)
                run(&s, campaign, "offer"); /* nothing was settled: the offer stands */
        if (strstr(content(s.f.state, "reports/offer.json"), "\"stage\":\"refused\"") == NULL)
                expect_as_before(&s, before);
        sal_campaign_unref(campaign);
        stage_close(&s);
        fixture_done(&s.f);
        return many;
}

static void one_error_is_made_good_in_the_same_run(void **state) {
        (void)state;
        bool open = false;
        int n = 1;
        while (n < ROUNDS_MAX && fail_at(n, 1, "root", &open))
                n++;
        assert_in_range(n, 20, ROUNDS_MAX - 1);
}

static void a_disk_that_fails_for_the_run_is_put_back_at_the_next_start(void **state) {
        (void)state;
        bool open = false, ever_open = false;
        int n = 1;
        while (n < ROUNDS_MAX && fail_at(n, ROUNDS_MAX * 10, "root", &open)) {
                ever_open = ever_open || open;
                n++;
        }
        assert_true(ever_open);
        assert_in_range(n, 20, ROUNDS_MAX - 1);
}

/* Tree and state on one disk. */
static void a_state_directory_that_fails_too_loses_nothing(void **state) {
        (void)state;
        bool open = false;
        int n = 1;
        while (n < ROUNDS_MAX && fail_at(n, ROUNDS_MAX * 10, "", &open))
                n++;
        assert_in_range(n, 30, ROUNDS_MAX - 1);
}

/* While something is not put back nothing new is begun, however often it is tried, and one report is all. */
static void an_open_work_blocks_new_ones_and_reports_once(void **state) {
        (void)state;
        struct stage s = {0};
        fixture_init(&s.f);
        make_tree(s.f.root);
        stage_open(&s);
        sal_autofree char *before = picture(s.f.root);
        struct sal_campaign *campaign = campaign_of(actions, bad_verify);
        const struct sal_job_offer first = {.offer_id = "offer", .campaign = "test", .version = 1};
        const struct sal_job_offer second = {.offer_id = "second", .campaign = "test", .version = 2};
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        failing = s.f.root;
        calls = 0;
        fail_count = ROUNDS_MAX * 100;
        fail_from = 18;
        assert_int_equal(sal_job_run(&s.job, &first, campaign, &outcome, s.why, NULL), SAL_OK);
        assert_int_equal(outcome, SAL_OUTCOME_FAILED);
        assert_true(sal_job_is_open(&s.job));
        assert_non_null(strstr(content(s.f.state, "reports/offer.json"), "could not be put back yet"));
        /* The server has answered the report. */
        assert_int_equal(sal_store_rename(s.store, "reports/offer.json", "sent.json", NULL), SAL_OK);
        for (int i = 0; i < 3; i++) {
                struct sal_err error = {0};
                assert_int_equal(sal_job_run(&s.job, &second, campaign, &outcome, s.why, &error), SAL_E_CONFLICT);
                assert_int_equal(outcome, SAL_OUTCOME_NONE);
                assert_non_null(strstr(error.hint, "work.json"));
                assert_true(sal_job_is_open(&s.job));
                assert_int_equal(report_count(&s), 0);
        }
        fail_from = -1;
        assert_int_equal(sal_job_resume(&s.job, &outcome, NULL), SAL_OK);
        assert_false(sal_job_is_open(&s.job));
        assert_int_equal(report_count(&s), 0);
        sal_autofree char *after = picture(s.f.root);
        assert_string_equal(before, after);
        assert_int_equal(run(&s, campaign, "second"), SAL_OUTCOME_FAILED);
        sal_campaign_unref(campaign);
        stage_close(&s);
        fixture_done(&s.f);
}

/* Whatever a file has comes back, for it is the file itself. */
static void the_very_same_files_come_back(void **state) {
        (void)state;
        struct stage s = {0};
        fixture_init(&s.f);
        make_tree(s.f.root);
        const char *files[] = {BAD_FILE, OLD_FILE, "Windows/System32/drivers/ntfs.sys"};
        struct stat before[SAL_ARRAY_LEN(files)], after;
        const uint8_t capability[20] = {1, 0, 0, 2, 0, 4}; /* VFS_CAP_REVISION_2, effective, one capability */
        bool capable = true;
        for (size_t i = 0; i < SAL_ARRAY_LEN(files); i++) {
                assert_int_equal(truncate(at(s.f.root, files[i]), 1 << 20), 0); /* nearly all of it a hole */
                put(s.f.root, files[i], "", "2024-07-19T04:09:00Z");
                assert_int_equal(truncate(at(s.f.root, files[i]), 1 << 20), 0);
                int fd = open(at(s.f.root, files[i]), O_WRONLY | O_CLOEXEC);
                const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
                assert_int_equal(futimens(fd, times), 0);
                close(fd);
                capable = capable && setxattr(at(s.f.root, files[i]), "security.capability", capability,
                                              sizeof capability, 0) == 0;
                assert_int_equal(stat(at(s.f.root, files[i]), &before[i]), 0);
        }
        stage_open(&s);
        assert_int_equal(run_json(&s, actions, bad_verify), SAL_OUTCOME_FAILED);
        for (size_t i = 0; i < SAL_ARRAY_LEN(files); i++) {
                uint8_t now[64];
                assert_int_equal(stat(at(s.f.root, files[i]), &after), 0);
                assert_int_equal(before[i].st_ino, after.st_ino);
                assert_int_equal(before[i].st_blocks, after.st_blocks);
                assert_int_equal(after.st_nlink, 1);
                if (capable)
                        assert_int_equal(getxattr(at(s.f.root, files[i]), "security.capability", now, sizeof now),
                                         sizeof capability);
        }
        stage_close(&s);
        fixture_done(&s.f);
}

/* What stands aside is gone for the campaign: no wildcard of a verify finds it; and it goes for good at the end. */
static void a_file_put_aside_counts_as_gone(void **state) {
        (void)state;
        struct stage s = {0};
        fixture_init(&s.f);
        make_outage(s.f.root);
        make_dirs(s.f.root, "Windows/only");
        put(s.f.root, "Windows/only/bad", "bad", NULL);
        stage_open(&s);
        assert_int_equal(run_json(&s, "[{\"kind\":\"delete_file\",\"path\":\"${SYSTEMROOT}/only/bad\"}]",
                                  "[{\"kind\":\"path_absent\",\"path\":\"${SYSTEMROOT}/only/*\"}]"),
                         SAL_OUTCOME_APPLIED);
        nftw(s.f.root, expect_no_leftover, 32, FTW_PHYS);
        assert_int_equal(rmdir(at(s.f.root, "Windows/only")), 0);
        stage_close(&s);
        fixture_done(&s.f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_error_is_made_good_in_the_same_run),
                cmocka_unit_test(a_disk_that_fails_for_the_run_is_put_back_at_the_next_start),
                cmocka_unit_test(a_state_directory_that_fails_too_loses_nothing),
                cmocka_unit_test(an_open_work_blocks_new_ones_and_reports_once),
                cmocka_unit_test(the_very_same_files_come_back),
                cmocka_unit_test(a_file_put_aside_counts_as_gone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
