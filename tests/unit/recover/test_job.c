/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns carried out on scratch trees, hostile ones among them. */
#include "job_fixture.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static struct stage s;

static int set_up(void **state) {
        (void)state;
        fixture_init(&s.f);
        make_outage(s.f.root);
        stage_open(&s);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        stage_close(&s);
        fixture_done(&s.f);
        return 0;
}

/* The stage must leave the tree as it was, and must say why. */
static void expect_untouched(const char *actions, const char *verify, enum sal_outcome expected, const char *why) {
        sal_autofree char *before = picture(s.f.root);
        assert_int_equal(run_json(&s, actions, verify), expected);
        sal_autofree char *after = picture(s.f.root);
        assert_string_equal(before, after);
        if (!strstr(s.why, why))
                fail_msg("\"%s\" does not say \"%s\"", s.why, why);
        assert_false(sal_store_has(s.store, "work.json"));
}

static void the_bad_file_goes_and_the_good_ones_stay(void **state) {
        (void)state;
        assert_int_equal(run_json(&s, "[" OUTAGE_ACTION "]", "[" OUTAGE_VERIFY "]"), SAL_OUTCOME_APPLIED);
        assert_false(there(s.f.root, CROWDSTRIKE "/C-00000291-00000000-00000032.sys"));
        assert_string_equal(content(s.f.root, CROWDSTRIKE "/C-00000291-00000000-00000033.sys"), "good 291");
        assert_string_equal(content(s.f.root, CROWDSTRIKE "/C-00000290-00000000-00000001.sys"), "good 290");
        assert_int_equal(report_count(&s), 1);
        assert_true(sal_store_has(s.store, "applied.json"));
        assert_false(sal_store_has(s.store, "work/backup-0"));
        expect_untouched("[" OUTAGE_ACTION "]", "[" OUTAGE_VERIFY "]", SAL_OUTCOME_NOT_APPLICABLE, "");
}

static void verify_false_puts_everything_back(void **state) {
        (void)state;
        assert_int_equal(chmod(at(s.f.root, CROWDSTRIKE "/C-00000291-00000000-00000032.sys"), 04751), 0);
        if (geteuid() == 0)
                assert_int_equal(chown(at(s.f.root, "Windows/System32/drivers/ntfs.sys"), 1234, 4321), 0);
        expect_untouched(
                "[" OUTAGE_ACTION ","
                "{\"kind\":\"rename_file\",\"path\":\"${SYSTEM}/drivers/NTFS.sys\","
                "\"to\":\"${SYSTEM}/drivers/ntfs.bak\"},"
                "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/drivers/ntfs.sys\",\"content_base64\":\"bmV3\"},"
                "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/drivers/CrowdStrike/c-00000290-00000000-00000001.SYS\","
                "\"content_base64\":\"bmV3\",\"mode\":\"0600\"}]",
                "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/no-such-file\"}]", SAL_OUTCOME_FAILED,
                "path_present");
        char names[SAL_STORE_MAX_REPORTS][SAL_STORE_NAME_BYTES];
        size_t count = 0;
        sal_store_reports(s.store, names, &count, NULL);
        assert_int_equal(count, 1);
        char *report = content(s.f.state, names[0]);
        assert_non_null(strstr(report, "\"stage\":\"failed\""));
        assert_non_null(strstr(report, "\"status\":\"reverted\""));
        assert_null(strstr(report, "\"status\":\"done\""));
}

static void renaming_and_writing_in_one_campaign(void **state) {
        (void)state;
        assert_int_equal(chmod(at(s.f.root, "Windows/System32/drivers/ntfs.sys"), 0640), 0);
        assert_int_equal(run_json(&s,
                                  "[{\"kind\":\"rename_file\",\"path\":\"${SYSTEM}/drivers/NTFS.sys\","
                                  "\"to\":\"${SYSTEM}/drivers/ntfs.bak\"},"
                                  "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/Drivers/ntfs.sys\","
                                  "\"content_base64\":\"bmV3\",\"mode\":\"0755\"},"
                                  "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/drivers/CrowdStrike/"
                                  "c-00000290-00000000-00000001.SYS\","
                                  "\"content_base64\":\"bmV3\"}]",
                                  "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/drivers/ntfs.bak\"}]"),
                         SAL_OUTCOME_APPLIED);
        struct stat info;
        assert_string_equal(content(s.f.root, "Windows/System32/drivers/ntfs.bak"), "driver");
        assert_string_equal(content(s.f.root, "Windows/System32/drivers/ntfs.sys"), "new");
        assert_int_equal(stat(at(s.f.root, "Windows/System32/drivers/ntfs.sys"), &info), 0);
        assert_int_equal(info.st_mode & 07777, 0755);
        assert_int_equal(stat(at(s.f.root, "Windows/System32/drivers/ntfs.bak"), &info), 0);
        assert_int_equal(info.st_mode & 07777, 0640);
        assert_string_equal(content(s.f.root, CROWDSTRIKE "/C-00000290-00000000-00000001.sys"), "new");
}

static void too_many_matches_are_refused(void **state) {
        (void)state;
        expect_untouched("[{\"kind\":\"delete_file\",\"path\":\"" OUTAGE_PATH "\",\"max_matches\":1}]", "[]",
                         SAL_OUTCOME_REFUSED, "more than 1 files");
        /* max_matches counts what passes `require`: one of the two does. */
        assert_int_equal(run_json(&s,
                                  "[{\"kind\":\"delete_file\",\"path\":\"" OUTAGE_PATH
                                  "\",\"max_matches\":1," OUTAGE_REQUIRE "}]",
                                  "[]"),
                         SAL_OUTCOME_APPLIED);
}

/* The refusal of a later action leaves what an earlier one would have done undone. */
static void all_is_planned_before_anything_is_touched(void **state) {
        (void)state;
        expect_untouched("[" OUTAGE_ACTION ",{\"kind\":\"disable_service\",\"name\":\"x\"}]", "[]", SAL_OUTCOME_REFUSED,
                         "cannot do disable_service");
        expect_untouched("[" OUTAGE_ACTION ",{\"kind\":\"rename_file\",\"path\":\"${SYSTEM}/drivers/ntfs.sys\","
                         "\"to\":\"${SYSTEM}/missing/x\"}]",
                         "[]", SAL_OUTCOME_REFUSED, "no directory");
}

static void other_kinds_are_refused(void **state) {
        (void)state;
        static const char registry[] = "[{\"kind\":\"set_registry_value\",\"hive\":\"SYSTEM\",\"key\":\"Select\","
                                       "\"name\":\"x\",\"type\":\"REG_DWORD\",\"value\":1}]";
        const char *const others[] = {
                "[{\"kind\":\"disable_driver\",\"name\":\"x\"}]",
                "[{\"kind\":\"set_boot_entry\",\"entry\":\"x\",\"once\":true}]",
                registry,
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(others); i++)
                expect_untouched(others[i], "[]", SAL_OUTCOME_REFUSED, "cannot do");
}

static void links_fifos_devices_and_folders_are_refused(void **state) {
        (void)state;
        put(s.f.outside, "victim", "outside", "2024-07-19T04:09:00Z");
        assert_int_equal(symlink(at(s.f.outside, "victim"), at(s.f.root, CROWDSTRIKE "/C-00000291-link.sys")), 0);
        expect_untouched("[" OUTAGE_ACTION "]", "[]", SAL_OUTCOME_REFUSED, "symbolic link");
        assert_int_equal(unlink(at(s.f.root, CROWDSTRIKE "/C-00000291-link.sys")), 0);
        assert_int_equal(mkfifo(at(s.f.root, CROWDSTRIKE "/C-00000291-fifo.sys"), 0644), 0);
        expect_untouched("[" OUTAGE_ACTION "]", "[]", SAL_OUTCOME_REFUSED, "FIFO");
        assert_int_equal(unlink(at(s.f.root, CROWDSTRIKE "/C-00000291-fifo.sys")), 0);
        make_dirs(s.f.root, CROWDSTRIKE "/C-00000291-folder.sys");
        expect_untouched("[" OUTAGE_ACTION "]", "[]", SAL_OUTCOME_REFUSED, "directory");
        assert_int_equal(rmdir(at(s.f.root, CROWDSTRIKE "/C-00000291-folder.sys")), 0);
        if (mknod(at(s.f.root, CROWDSTRIKE "/C-00000291-dev.sys"), S_IFCHR | 0600, makedev(1, 5)) == 0)
                expect_untouched("[" OUTAGE_ACTION "]", "[]", SAL_OUTCOME_REFUSED, "device");
        assert_string_equal(content(s.f.outside, "victim"), "outside");
}

static void a_linked_folder_on_the_way_is_refused(void **state) {
        (void)state;
        make_dirs(s.f.outside, "CrowdStrike");
        put(s.f.outside, "CrowdStrike/C-00000291-x.sys", "outside", "2024-07-19T04:09:00Z");
        assert_int_equal(rename(at(s.f.root, CROWDSTRIKE), at(s.f.root, "Windows/kept")), 0);
        assert_int_equal(symlink(at(s.f.outside, "CrowdStrike"), at(s.f.root, CROWDSTRIKE)), 0);
        expect_untouched("[" OUTAGE_ACTION "]", "[" OUTAGE_VERIFY "]", SAL_OUTCOME_REFUSED, "symbolic link");
        assert_string_equal(content(s.f.outside, "CrowdStrike/C-00000291-x.sys"), "outside");
}

static void hard_links_are_refused(void **state) {
        (void)state;
        const char *bad = CROWDSTRIKE "/C-00000291-00000000-00000032.sys";
        char outside[128];
        snprintf(outside, sizeof outside, "%s/hard", s.f.outside);
        assert_int_equal(link(at(s.f.root, bad), outside), 0);
        expect_untouched("[" OUTAGE_ACTION "]", "[]", SAL_OUTCOME_REFUSED, "2 hard links");
        assert_int_equal(unlink(outside), 0);
}

/* Where the tree is a whole file system, as a Windows disk is, no name of a file can stand outside it. */
static void hard_links_within_a_whole_file_system_are_fine(void **state) {
        (void)state;
        const char *bad = CROWDSTRIKE "/C-00000291-00000000-00000032.sys";
        stage_close(&s);
        if (mount("tmpfs", s.f.root, "tmpfs", 0, "size=1m") != 0)
                skip();
        make_outage(s.f.root);
        make_dirs(s.f.root, "Windows/WinSxS");
        assert_int_equal(link(at(s.f.root, bad), at(s.f.root, "Windows/WinSxS/hard")), 0);
        stage_open(&s);
        expect_untouched("[" OUTAGE_ACTION "]", "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/missing\"}]",
                         SAL_OUTCOME_FAILED, "path_present");
        assert_int_equal(unlink(at(s.f.root, bad)), 0);
        assert_int_equal(link(at(s.f.root, "Windows/WinSxS/hard"), at(s.f.root, bad)), 0);
        assert_int_equal(run_json(&s, "[" OUTAGE_ACTION "]", "[" OUTAGE_VERIFY "]"), SAL_OUTCOME_APPLIED);
        assert_false(there(s.f.root, bad));
        assert_string_equal(content(s.f.root, "Windows/WinSxS/hard"), "bad 291");
        stage_close(&s);
        assert_int_equal(umount(s.f.root), 0);
        stage_open(&s);
}

/* A part of a file system, mounted elsewhere, is not the whole of it. */
static void hard_links_out_of_a_bind_mount_are_refused(void **state) {
        (void)state;
        char whole[96], part[128], hard[128];
        snprintf(whole, sizeof whole, "%s/whole", s.f.dir);
        snprintf(part, sizeof part, "%s/part", whole);
        snprintf(hard, sizeof hard, "%s/hard", whole);
        make_dirs(s.f.dir, "whole");
        stage_close(&s);
        if (mount("tmpfs", whole, "tmpfs", 0, "size=1m") != 0)
                skip();
        make_dirs(whole, "part");
        make_outage(part);
        assert_int_equal(link(at(part, CROWDSTRIKE "/C-00000291-00000000-00000032.sys"), hard), 0);
        assert_int_equal(mount(part, s.f.root, NULL, MS_BIND, NULL), 0);
        stage_open(&s);
        expect_untouched("[" OUTAGE_ACTION "]", "[]", SAL_OUTCOME_REFUSED, "2 hard links");
        stage_close(&s);
        assert_int_equal(umount(s.f.root), 0);
        assert_int_equal(umount(whole), 0);
        stage_open(&s);
}

static void a_name_with_a_newline_is_a_name(void **state) {
        (void)state;
        put(s.f.root, CROWDSTRIKE "/C-00000291\n\xff.sys", "bad", "2024-07-19T04:09:00Z");
        assert_int_equal(run_json(&s, "[" OUTAGE_ACTION "]", "[" OUTAGE_VERIFY "]"), SAL_OUTCOME_APPLIED);
        assert_false(there(s.f.root, CROWDSTRIKE "/C-00000291\n\xff.sys"));
        char names[SAL_STORE_MAX_REPORTS][SAL_STORE_NAME_BYTES];
        size_t count = 0;
        sal_store_reports(s.store, names, &count, NULL);
        assert_non_null(strstr(content(s.f.state, names[0]), "C-00000291%0A%FF.sys"));
}

static void an_existing_target_is_refused(void **state) {
        (void)state;
        expect_untouched("[{\"kind\":\"rename_file\",\"path\":\"${SYSTEM}/drivers/ntfs.sys\","
                         "\"to\":\"${SYSTEM}/drivers/crowdstrike\"}]",
                         "[]", SAL_OUTCOME_REFUSED, "is there already");
        expect_untouched("[{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/new\",\"content_base64\":\"bmV3\"},"
                         "{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/new\"},"
                         "{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/NEW\",\"content_base64\":\"bmV3\"}]",
                         "[]", SAL_OUTCOME_REFUSED, "earlier action");
}

/* Earlier actions have not made anything yet while later ones are planned: whatever acts on it is refused, for skipping
 * it would apply half of what was signed. */
static void acting_on_what_an_earlier_action_makes_is_refused(void **state) {
        (void)state;
#define D "${SYSTEM}/drivers/"
#define WRITE(name) "{\"kind\":\"write_file\",\"path\":\"" D name "\",\"content_base64\":\"bmV3\"}"
#define RENAME(from, to) "{\"kind\":\"rename_file\",\"path\":\"" D from "\",\"to\":\"" D to "\"}"
#define DELETE(name) "{\"kind\":\"delete_file\",\"path\":\"" D name "\",\"max_matches\":8}"
        static const char *const chains[] = {
                "[" WRITE("n1") "," RENAME("n1", "n2") "]",
                "[" WRITE("n1") "," RENAME("N1", "n2") "]",
                "[" RENAME("ntfs.sys", "bad7.sys") "," DELETE("bad*.sys") "]",
                "[" WRITE("bad9.sys") "," DELETE("BAD?.sys") "]",
                "[" WRITE("bad9.sys") "," DELETE("bad9.sys") "]",
                "[" WRITE("ntfs.sys") "," DELETE("*") "]",
                "[" WRITE("x") "," WRITE("x") "]",
                "[" WRITE("x") "," RENAME("ntfs.sys", "X") "]",
                "[" WRITE("CrowdStrike/bad9.sys") "," DELETE("C*/bad9*") "]",
                "[" RENAME("ntfs.sys", "t") "," RENAME(
                        "CrowdStrike/C-00000290-00000000-00000001.sys",
                        "ntfs.sys") "," RENAME("t", "CrowdStrike/C-00000290-00000000-00000001.sys") "]",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(chains); i++)
                expect_untouched(chains[i], "[]", SAL_OUTCOME_REFUSED, "acts on what action 0 makes");
        /* A folder further down is another place. */
        assert_int_equal(run_json(&s, "[" WRITE("bad9.sys") "," DELETE("CrowdStrike/C-00000290*") "]", "[]"),
                         SAL_OUTCOME_APPLIED);
}

/* Another file system on the way of a rename shows in planning. */
static void a_rename_to_another_file_system_is_refused(void **state) {
        (void)state;
        make_dirs(s.f.root, "Windows/System32/other");
        if (mount("tmpfs", at(s.f.root, "Windows/System32/other"), "tmpfs", 0, "size=1m") != 0)
                skip();
        expect_untouched("[" OUTAGE_ACTION ",{\"kind\":\"rename_file\",\"path\":\"" D "ntfs.sys\","
                         "\"to\":\"${SYSTEM}/other/ntfs.sys\"}]",
                         "[]", SAL_OUTCOME_REFUSED, "another file system");
        assert_int_equal(umount(at(s.f.root, "Windows/System32/other")), 0);
        /* A folder of the same file system that is mounted there is no better: rename(2) does not cross mounts. */
        assert_int_equal(mount(at(s.f.root, CROWDSTRIKE), at(s.f.root, "Windows/System32/other"), NULL, MS_BIND, NULL),
                         0);
        expect_untouched("[" OUTAGE_ACTION ",{\"kind\":\"rename_file\",\"path\":\"" D "ntfs.sys\","
                         "\"to\":\"${SYSTEM}/other/ntfs.sys\"}]",
                         "[]", SAL_OUTCOME_REFUSED, "another file system");
        assert_int_equal(umount(at(s.f.root, "Windows/System32/other")), 0);
}

static void nothing_there_and_verify_false_is_a_failure(void **state) {
        (void)state;
        expect_untouched("[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/missing\"}]",
                         "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/missing\"}]", SAL_OUTCOME_FAILED,
                         "path_present");
}

static void a_new_file_is_made_unless_a_file_is_required(void **state) {
        (void)state;
        expect_untouched("[{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/n\",\"content_base64\":\"bmV3\","
                         "\"require\":{\"size_min\":1}}]",
                         "[]", SAL_OUTCOME_NOT_APPLICABLE, "");
        assert_int_equal(
                run_json(&s, "[{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/n\",\"content_base64\":\"bmV3\"}]", "[]"),
                SAL_OUTCOME_APPLIED);
        struct stat info;
        assert_int_equal(stat(at(s.f.root, "Windows/System32/n"), &info), 0);
        assert_int_equal(info.st_mode & 07777, 0644);
        assert_string_equal(content(s.f.root, "Windows/System32/n"), "new");
}

static const char *artifact_text;

static enum sal_status give_artifact(void *context, const struct sal_artifact_ref *artifact, struct sal_err *reterr) {
        char name[SAL_STORE_NAME_BYTES];
        struct stage *stage = context;
        if (!artifact_text)
                return sal_fail(reterr, SAL_E_UNREACHABLE, "nobody there");
        snprintf(name, sizeof name, "blobs/%s", artifact->sha256);
        return sal_store_put(stage->store, name, artifact_text, strlen(artifact_text), reterr);
}

#define RESTORE                                                                                               \
        "[" OUTAGE_ACTION ",{\"kind\":\"restore_file\",\"path\":\"${SYSTEM}/drivers/ntfs.sys\",\"artifact\":" \
        "{\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"length\":3}}]"

static void an_artifact_that_cannot_be_had_touches_nothing(void **state) {
        (void)state;
        sal_autofree char *before = picture(s.f.root);
        struct sal_campaign *campaign = campaign_of(RESTORE, "[]");
        const struct sal_job_offer offer = {.offer_id = "o", .campaign = "test", .version = 1};
        enum sal_outcome outcome = SAL_OUTCOME_APPLIED;
        s.job.fetch = give_artifact;
        s.job.fetch_context = &s;
        artifact_text = NULL;
        assert_int_equal(sal_job_run(&s.job, &offer, campaign, &outcome, s.why, NULL), SAL_E_UNREACHABLE);
        assert_int_equal(outcome, SAL_OUTCOME_NONE);
        assert_int_equal(report_count(&s), 0);
        sal_autofree char *after = picture(s.f.root);
        assert_string_equal(before, after);
        artifact_text = "abc";
        assert_int_equal(run(&s, campaign, "o"), SAL_OUTCOME_APPLIED);
        assert_string_equal(content(s.f.root, "Windows/System32/drivers/ntfs.sys"), "abc");
        sal_campaign_unref(campaign);
}

/* What lies in the state directory is checked once more while it is written into the tree. */
static void a_damaged_artifact_puts_everything_back(void **state) {
        (void)state;
        s.job.fetch = give_artifact;
        s.job.fetch_context = &s;
        artifact_text = "abd";
        expect_untouched(RESTORE, "[]", SAL_OUTCOME_FAILED, "damaged");
}

/* ---- what only root can set up ---- */

static bool mount_over(const char *path, const char *options, unsigned long flags) {
        return mount("tmpfs", path, "tmpfs", flags, options) == 0;
}

static void a_read_only_file_system_is_refused(void **state) {
        (void)state;
        const char *folder = at(s.f.root, CROWDSTRIKE);
        if (!mount_over(folder, "size=1m", 0))
                skip();
        put(s.f.root, CROWDSTRIKE "/C-00000291-1.sys", "bad", "2024-07-19T04:09:00Z");
        assert_int_equal(mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, ""), 0);
        expect_untouched("[" OUTAGE_ACTION "]", "[]", SAL_OUTCOME_REFUSED, "read-only");
        assert_int_equal(umount(at(s.f.root, CROWDSTRIKE)), 0);
}

/* A full disk shows while the new content is staged, before any name has changed. */
static void a_full_disk_puts_everything_back(void **state) {
        (void)state;
        if (!mount_over(at(s.f.root, CROWDSTRIKE), "size=16k", 0))
                skip();
        put(s.f.root, CROWDSTRIKE "/C-00000291-1.sys", "bad", "2024-07-19T04:09:00Z");
        char filler[8192];
        memset(filler, 'x', sizeof filler - 1);
        filler[sizeof filler - 1] = 0;
        put(s.f.root, CROWDSTRIKE "/filler", filler, NULL);
        sal_autofree char *big = calloc(1, 12001);
        memset(big, 'A', 12000);
        sal_autobuf struct sal_buf actions = SAL_BUF_INIT;
        sal_buf_printf(&actions,
                       "[" OUTAGE_ACTION ",{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/drivers/CrowdStrike/big\","
                       "\"content_base64\":\"%s\"}]",
                       big);
        expect_untouched(actions.data, "[]", SAL_OUTCOME_FAILED, "No space left");
        assert_int_equal(umount(at(s.f.root, CROWDSTRIKE)), 0);
}

/* Without room for the plan nothing may be touched. */
static void a_full_state_directory_is_refused(void **state) {
        (void)state;
        if (!mount_over(at(s.f.state, "blobs"), "size=4k", 0))
                skip();
        char filler[4097];
        memset(filler, 'x', sizeof filler - 1);
        filler[sizeof filler - 1] = 0;
        int fd = open(at(s.f.state, "blobs/filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, filler, 4096), 4096);
        close(fd);
        expect_untouched("[" OUTAGE_ACTION
                         ",{\"kind\":\"write_file\",\"path\":\"${SYSTEM}/n\",\"content_base64\":\"bmV3\"}]",
                         "[]", SAL_OUTCOME_REFUSED, "No space left");
        assert_int_equal(umount(at(s.f.state, "blobs")), 0);
}

/* Without the rights of root: a folder that may not be written is refused before anything is touched. */
static void a_read_only_directory_is_refused(void **state) {
        (void)state;
        if (geteuid() != 0)
                skip();
        assert_int_equal(chmod(s.f.dir, 0755), 0);
        assert_int_equal(chmod(at(s.f.root, CROWDSTRIKE), 0555), 0);
        sal_autofree char *before = picture(s.f.root);
        stage_close(&s);
        assert_int_equal(chmod(s.f.dir, 0777), 0);
        sal_autofree char *state_path = strdup(at(s.f.dir, "state2"));
        pid_t child = fork();
        if (child == 0) {
                if (setgid(65534) != 0 || setuid(65534) != 0)
                        _exit(3);
                snprintf(s.f.state, sizeof s.f.state, "%s", state_path);
                stage_open(&s);
                enum sal_outcome outcome = run_json(&s, "[" OUTAGE_ACTION "]", "[]");
                _exit(outcome == SAL_OUTCOME_REFUSED && strstr(s.why, "cannot be written") ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        sal_autofree char *after = picture(s.f.root);
        assert_string_equal(before, after);
}

static void a_second_process_is_kept_out(void **state) {
        (void)state;
        struct sal_store *second = NULL;
        struct sal_err error = {0};
        assert_int_equal(sal_store_open(s.f.state, &second, &error), SAL_E_CONFLICT);
        assert_true(*error.hint != 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(the_bad_file_goes_and_the_good_ones_stay),
                TEST(verify_false_puts_everything_back),
                TEST(renaming_and_writing_in_one_campaign),
                TEST(too_many_matches_are_refused),
                TEST(all_is_planned_before_anything_is_touched),
                TEST(other_kinds_are_refused),
                TEST(links_fifos_devices_and_folders_are_refused),
                TEST(a_linked_folder_on_the_way_is_refused),
                TEST(hard_links_are_refused),
                TEST(hard_links_within_a_whole_file_system_are_fine),
                TEST(hard_links_out_of_a_bind_mount_are_refused),
                TEST(a_name_with_a_newline_is_a_name),
                TEST(an_existing_target_is_refused),
                TEST(acting_on_what_an_earlier_action_makes_is_refused),
                TEST(a_rename_to_another_file_system_is_refused),
                TEST(nothing_there_and_verify_false_is_a_failure),
                TEST(a_new_file_is_made_unless_a_file_is_required),
                TEST(an_artifact_that_cannot_be_had_touches_nothing),
                TEST(a_damaged_artifact_puts_everything_back),
                TEST(a_read_only_file_system_is_refused),
                TEST(a_full_disk_puts_everything_back),
                TEST(a_full_state_directory_is_refused),
                TEST(a_read_only_directory_is_refused),
                TEST(a_second_process_is_kept_out),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
