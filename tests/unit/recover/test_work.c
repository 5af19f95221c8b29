/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "salvor-recover/work.h"

static struct sal_work *sample(void) {
        struct sal_work *work = sal_work_new();
        assert_non_null(work);
        work->phase = SAL_PHASE_ACTING;
        work->root = strdup("/mnt/a\nb");
        snprintf(work->offer_id, sizeof work->offer_id, "offer.1");
        snprintf(work->boot_id, sizeof work->boot_id, "boot-1");
        snprintf(work->campaign, sizeof work->campaign, "channel-file-291");
        work->version = 3;
        work->action_count = 2;
        work->actions[0] = (struct sal_work_action){.kind = SAL_ACTION_DELETE_FILE};
        work->actions[1] = (struct sal_work_action){.kind = SAL_ACTION_RENAME_FILE};
        sal_work_set(work, 0, SAL_STATUS_DONE, "deleted %s", "a\nb\xff");
        struct sal_step first = {.kind = SAL_STEP_DELETE,
                                 .path = strdup("Windows/a\nb\xff"),
                                 .before = {.mode = 04751,
                                            .uid = 7,
                                            .size_bytes = 5,
                                            .mtime = {.tv_sec = -5, .tv_nsec = 999999999},
                                            .inode = UINT64_MAX,
                                            .sha256 = "00"}};
        struct sal_step second = {.kind = SAL_STEP_RENAME, .action = 1, .path = strdup("x"), .to = strdup("y%")};
        assert_int_equal(sal_work_add_step_take(work, &first, NULL), SAL_OK);
        assert_int_equal(sal_work_add_step_take(work, &second, NULL), SAL_OK);
        struct stat info = {.st_mtim = {.tv_sec = 9, .tv_nsec = 1}};
        assert_int_equal(sal_work_add_dir(work, "Windows", &info), SAL_OK);
        info.st_mtim.tv_sec = 10;
        assert_int_equal(sal_work_add_dir(work, "Windows", &info), SAL_OK);
        sal_work_log(work, "line %d", 1);
        return work;
}

static void json_round_trips(void **state) {
        (void)state;
        struct sal_work *work = sample(), *back = NULL;
        sal_autofree char *text = sal_work_dump(work);
        assert_non_null(text);
        assert_int_equal(sal_work_parse(text, strlen(text), &back, NULL), SAL_OK);
        sal_autofree char *again = sal_work_dump(back);
        assert_string_equal(text, again);
        assert_string_equal(back->steps[0].path, "Windows/a\nb\xff");
        assert_string_equal(back->root, "/mnt/a\nb");
        assert_string_equal(back->steps[1].to, "y%");
        assert_true(back->steps[0].before.inode == UINT64_MAX);
        assert_int_equal(back->steps[0].before.mode, 04751);
        assert_int_equal(back->dir_count, 1);
        assert_int_equal(back->dirs[0].mtime.tv_sec, 9);
        assert_string_equal(back->actions[0].detail, "deleted a?b?");
        sal_work_free(work);
        sal_work_free(back);
}

/* Cut anywhere, or with any one character changed, the file is read or refused, never misread into a crash. */
static void damage_is_refused(void **state) {
        (void)state;
        struct sal_work *work = sample();
        sal_autofree char *text = sal_work_dump(work);
        size_t len = strlen(text);
        for (size_t i = 0; i < len; i++) {
                struct sal_work *back = NULL;
                assert_int_equal(sal_work_parse(text, i, &back, NULL), SAL_E_CORRUPT);
        }
        for (size_t i = 0; i < len; i++) {
                struct sal_work *back = NULL;
                char was = text[i];
                text[i] = '9';
                if (sal_work_parse(text, len, &back, NULL) == SAL_OK)
                        assert_true(back->action_count == 2 && back->steps[1].action < 2);
                sal_work_free(back);
                text[i] = was;
        }
        sal_work_free(work);
}

static void the_view_follows_the_steps(void **state) {
        (void)state;
        struct sal_work *work = sample();
        assert_int_equal(sal_work_view(work, "X", true), SAL_VIEW_REMOVED);
        assert_int_equal(sal_work_view(work, "X", false), SAL_VIEW_AS_ON_DISK);
        assert_int_equal(sal_work_view(work, "y%", false), SAL_VIEW_MADE);
        struct sal_step step = {.kind = SAL_STEP_WRITE, .action = 1, .path = strdup("x")};
        assert_int_equal(sal_work_add_step_take(work, &step, NULL), SAL_OK);
        assert_int_equal(sal_work_view(work, "x", false), SAL_VIEW_MADE);
        sal_work_free(work);
}

static void the_log_keeps_its_tail(void **state) {
        (void)state;
        struct sal_work *work = sample();
        for (int i = 0; i < 1000; i++)
                sal_work_log(work, "line number %d", i);
        assert_in_range(work->log.len, 1, SAL_WORK_LOG_MAX_BYTES);
        assert_non_null(strstr(work->log.data, "line number 999\n"));
        assert_memory_equal(work->log.data, "line number", 11);
        sal_work_free(work);
}

static void temporary_files_stand_beside(void **state) {
        (void)state;
        struct sal_work *work = sample();
        snprintf(work->tag, sizeof work->tag, "0123456789abcdef");
        sal_autofree char *first = sal_work_temp_path(work, 0, false), *second = sal_work_temp_path(work, 1, true);
        assert_string_equal(first, "Windows/.salvor-0123456789abcdef-0");
        assert_string_equal(second, ".salvor-0123456789abcdef-1o");
        sal_work_free(work);
}

static void offer_ids_are_file_names(void **state) {
        (void)state;
        assert_true(sal_offer_id_valid("01J.a-b:c_d"));
        assert_false(sal_offer_id_valid(""));
        assert_false(sal_offer_id_valid(".."));
        assert_false(sal_offer_id_valid("a/b"));
        assert_false(sal_offer_id_valid("a\nb"));
        char longest[70];
        memset(longest, 'a', sizeof longest);
        longest[64] = 0;
        assert_true(sal_offer_id_valid(longest));
        longest[64] = 'a';
        longest[65] = 0;
        assert_false(sal_offer_id_valid(longest));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(json_round_trips),
                cmocka_unit_test(damage_is_refused),
                cmocka_unit_test(the_view_follows_the_steps),
                cmocka_unit_test(the_log_keeps_its_tail),
                cmocka_unit_test(temporary_files_stand_beside),
                cmocka_unit_test(offer_ids_are_file_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
