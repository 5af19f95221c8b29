/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "salvor-recover/filter.h"

static void times_compare_to_the_nanosecond(void **state) {
        (void)state;
        const int64_t at_ms = INT64_C(1721366820000); /* 2024-07-19T05:27:00Z */
        const time_t s = 1721366820;
        assert_true(sal_time_compare((struct timespec){.tv_sec = s - 1, .tv_nsec = 999999999}, at_ms) < 0);
        assert_int_equal(sal_time_compare((struct timespec){.tv_sec = s}, at_ms), 0);
        assert_true(sal_time_compare((struct timespec){.tv_sec = s, .tv_nsec = 1}, at_ms) > 0);
        assert_true(sal_time_compare((struct timespec){.tv_sec = s, .tv_nsec = 500000}, at_ms + 1) < 0);
        assert_true(sal_time_compare((struct timespec){.tv_sec = -1, .tv_nsec = 999000000}, -1) == 0);
        assert_true(sal_time_compare((struct timespec){.tv_sec = s}, INT64_MAX) < 0);
        assert_true(sal_time_compare((struct timespec){.tv_sec = -s}, INT64_MIN) > 0);
}

static void bounds_of_time_are_exclusive_of_size_inclusive(void **state) {
        (void)state;
        struct sal_require require = {
                .present = true, .size_min = 2, .size_max = 4, .mtime_before_ms = 10000, .mtime_after_ms = 5000};
        struct stat info = {.st_size = 2, .st_mtim = {.tv_sec = 9}};
        assert_true(sal_require_passes_info(&require, &info));
        info.st_mtim.tv_sec = 10;
        assert_false(sal_require_passes_info(&require, &info));
        info.st_mtim.tv_sec = 5;
        assert_false(sal_require_passes_info(&require, &info));
        info.st_mtim.tv_nsec = 1;
        assert_true(sal_require_passes_info(&require, &info));
        info.st_size = 5;
        assert_false(sal_require_passes_info(&require, &info));
        info.st_size = 1;
        assert_false(sal_require_passes_info(&require, &info));
        info.st_size = 4;
        assert_true(sal_require_passes_info(&require, &info));
}

static void no_requirement_passes_everything(void **state) {
        (void)state;
        const struct sal_require none = {0};
        const struct stat info = {.st_size = 1 << 20, .st_mtim = {.tv_sec = INT64_MAX / 2}};
        assert_true(sal_require_passes_info(&none, &info));
        assert_true(sal_require_passes_sha256(&none, "x"));
        const char *digests[] = {"a", "b"};
        const struct sal_require some = {.present = true, .sha256_count = 2, .sha256 = digests};
        assert_true(sal_require_passes_sha256(&some, "b"));
        assert_false(sal_require_passes_sha256(&some, "c"));
}

/* Verifies, one by one, on a small tree. */
static bool verify(const struct sal_tree *tree, const char *verify_json) {
        bool good = false;
        char why[256];
        struct sal_campaign *campaign =
                campaign_of("[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/x\"}]", verify_json);
        assert_int_equal(sal_verify_tree(tree, campaign, &good, why, NULL), SAL_OK);
        sal_campaign_unref(campaign);
        return good;
}

static void verify_tells_what_is_there(void **state) {
        (void)state;
        struct fixture f;
        fixture_init(&f);
        make_dirs(f.root, "usr");
        put(f.root, "usr/abc", "abc", "2024-07-19T04:09:00Z");
        assert_int_equal(symlink("abc", at(f.root, "usr/link")), 0);
        make_dirs(f.root, "usr/folder");
        struct sal_tree *tree = NULL;
        assert_int_equal(sal_tree_open(f.root, &tree, NULL), SAL_OK);
        assert_true(verify(tree, "[]"));
        assert_true(verify(tree, "[{\"kind\":\"path_absent\",\"path\":\"${SYSTEM}/missing\"}]"));
        assert_false(verify(tree, "[{\"kind\":\"path_absent\",\"path\":\"${SYSTEM}/abc\"}]"));
        assert_true(verify(tree, "[{\"kind\":\"path_absent\",\"path\":\"${SYSTEM}/abc\","
                                 "\"require\":{\"mtime_after\":\"2024-07-19T05:27:00Z\"}}]"));
        assert_false(verify(tree, "[{\"kind\":\"path_absent\",\"path\":\"${SYSTEM}/abc\","
                                  "\"require\":{\"mtime_before\":\"2024-07-19T05:27:00Z\"}}]"));
        assert_true(verify(tree, "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/a*\"}]"));
        assert_false(verify(tree, "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/link\"}]"));
        assert_false(verify(tree, "[{\"kind\":\"path_absent\",\"path\":\"${SYSTEM}/link\"}]"));
        assert_false(verify(tree, "[{\"kind\":\"path_absent\",\"path\":\"${SYSTEM}/link/below\"}]"));
        assert_false(verify(tree, "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/folder\"}]"));
        assert_true(verify(tree, "[{\"kind\":\"sha256_is\",\"path\":\"${SYSTEM}/abc\",\"sha256\":"
                                 "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}]"));
        assert_false(verify(tree, "[{\"kind\":\"sha256_is\",\"path\":\"${SYSTEM}/abc\",\"sha256\":"
                                  "\"aa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}]"));
        assert_false(verify(tree, "[{\"kind\":\"sha256_is\",\"path\":\"${SYSTEM}/missing\",\"sha256\":"
                                  "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}]"));
        /* The digests may stand in `require`: then they are what is asked, not whom it is asked of. */
        assert_true(verify(tree, "[{\"kind\":\"sha256_is\",\"path\":\"${SYSTEM}/abc\",\"require\":{\"sha256\":["
                                 "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"]}}]"));
        assert_false(verify(tree, "[{\"kind\":\"sha256_is\",\"path\":\"${SYSTEM}/abc\",\"require\":{\"sha256\":["
                                  "\"aa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"]}}]"));
        sal_tree_free(tree);
        fixture_done(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(times_compare_to_the_nanosecond),
                cmocka_unit_test(bounds_of_time_are_exclusive_of_size_inclusive),
                cmocka_unit_test(no_requirement_passes_everything),
                cmocka_unit_test(verify_tells_what_is_there),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
