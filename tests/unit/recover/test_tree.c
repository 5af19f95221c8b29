/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <sys/sysmacros.h>

static struct fixture f;
static struct sal_tree *tree;

static int set_up(void **state) {
        (void)state;
        fixture_init(&f);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        sal_tree_free(tree);
        tree = NULL;
        fixture_done(&f);
        return 0;
}

static void open_tree(enum sal_layout layout) {
        assert_int_equal(sal_tree_open(f.root, &tree, NULL), SAL_OK);
        assert_int_equal(tree->layout, layout);
}

/* Finds and returns the paths, joined by "|"; a failure is returned as its status' name. */
static const char *find(const char *path) {
        static char text[65536];
        sal_autosyspath struct sal_syspath parsed = {0};
        sal_autofound struct sal_found_list found = SAL_FOUND_LIST_INIT;
        struct sal_err error = {0};
        enum sal_status status = sal_syspath_parse(path, tree->layout, &parsed, &error);
        if (!status)
                status = sal_tree_find(tree, &parsed, &found, &error);
        text[0] = 0;
        for (size_t i = 0; i < found.count && !status; i++)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "|" : "", found.items[i].path);
        return status ? sal_status_info(status)->name : text;
}

static void layout_is_told_by_the_folders(void **state) {
        (void)state;
        open_tree(SAL_LAYOUT_UNIX);
        sal_tree_free(tree);
        make_dirs(f.root, "WINDOWS/system32");
        open_tree(SAL_LAYOUT_WINDOWS);
        sal_tree_free(tree);
        tree = NULL;
        struct sal_err error = {0};
        assert_int_equal(sal_tree_open(at(f.dir, "missing"), &tree, &error), SAL_E_NOT_FOUND);
        put(f.root, "file", "", NULL);
        assert_int_equal(sal_tree_open(at(f.root, "file"), &tree, &error), SAL_E_USAGE);
}

static void a_link_makes_no_windows_tree(void **state) {
        (void)state;
        make_dirs(f.outside, "System32");
        assert_int_equal(symlink(f.outside, at(f.root, "Windows")), 0);
        open_tree(SAL_LAYOUT_UNIX);
}

static void case_counts_in_one_layout_only(void **state) {
        (void)state;
        make_dirs(f.root, "Windows/System32/Drivers");
        make_dirs(f.root, "Windows/System32/DRIVERS");
        put(f.root, "Windows/System32/Drivers/A.sys", "", NULL);
        put(f.root, "Windows/System32/DRIVERS/a.SYS", "", NULL);
        put(f.root, "Windows/System32/DRIVERS/b.SYS", "", NULL);
        open_tree(SAL_LAYOUT_WINDOWS);
        assert_string_equal(find("${SYSTEM}/drivers/a.sys"),
                            "Windows/System32/DRIVERS/a.SYS|Windows/System32/Drivers/A.sys");
        assert_string_equal(find("${SYSTEM}/drivers/?.sys"), "Windows/System32/DRIVERS/a.SYS|"
                                                             "Windows/System32/DRIVERS/b.SYS|"
                                                             "Windows/System32/Drivers/A.sys");
}

static void case_counts_on_unix(void **state) {
        (void)state;
        make_dirs(f.root, "usr/lib");
        put(f.root, "usr/lib/A", "", NULL);
        open_tree(SAL_LAYOUT_UNIX);
        assert_string_equal(find("${SYSTEM}/lib/A"), "usr/lib/A");
        assert_string_equal(find("${SYSTEM}/lib/a"), "");
        assert_string_equal(find("${SYSTEM}/Lib/A"), "");
        assert_string_equal(find("${SYSTEM}/missing/a"), "");
        assert_string_equal(find("${SYSTEM}/lib/A/b"), "");
        assert_string_equal(find("${SYSTEM}/*/A"), "usr/lib/A");
}

static void wildcards_do_not_cross_folders(void **state) {
        (void)state;
        make_dirs(f.root, "usr/a/b");
        put(f.root, "usr/a/b/x", "", NULL);
        put(f.root, "usr/x", "", NULL);
        open_tree(SAL_LAYOUT_UNIX);
        assert_string_equal(find("${SYSTEM}/*x"), "usr/x");
        assert_string_equal(find("${SYSTEM}/*/x"), "");
        assert_string_equal(find("${SYSTEM}/*/*/x"), "usr/a/b/x");
}

/* Links out of the root, absolute and relative, at the end and in the middle. */
static void links_are_not_followed(void **state) {
        (void)state;
        make_dirs(f.root, "usr/real");
        make_dirs(f.outside, "dir");
        put(f.outside, "dir/secret", "outside", NULL);
        put(f.root, "usr/real/secret", "inside", NULL);
        assert_int_equal(symlink(at(f.outside, "dir"), at(f.root, "usr/absolute")), 0);
        assert_int_equal(symlink("../../outside/dir", at(f.root, "usr/relative")), 0);
        assert_int_equal(symlink("real", at(f.root, "usr/inner")), 0);
        assert_int_equal(symlink("/etc/passwd", at(f.root, "usr/end")), 0);
        open_tree(SAL_LAYOUT_UNIX);
        assert_string_equal(find("${SYSTEM}/absolute/secret"), "refused");
        assert_string_equal(find("${SYSTEM}/relative/secret"), "refused");
        assert_string_equal(find("${SYSTEM}/inner/secret"), "refused");
        assert_string_equal(find("${SYSTEM}/*/secret"), "usr/real/secret");
        assert_string_equal(find("${SYSTEM}/end"), "usr/end"); /* as a link, and opened by nothing */
        assert_true(sal_tree_open_file(tree, "usr/end", NULL) < 0);
        assert_true(sal_tree_open_file(tree, "usr/absolute/secret", NULL) < 0);
        assert_true(sal_tree_open_file(tree, "usr/real/../../../outside/dir/secret", NULL) < 0);
        assert_true(sal_tree_open_dir(tree, "usr/absolute") < 0);
        assert_true(sal_tree_create(tree, "usr/relative/new") < 0);
        assert_true(sal_tree_unlink(tree, "usr/absolute/secret") < 0);
        assert_true(sal_tree_rename(tree, "usr/real/secret", "usr/absolute/moved", false) < 0);
        assert_string_equal(content(f.outside, "dir/secret"), "outside");
}

/* ".." stops at the root, and so does an absolute path: RESOLVE_IN_ROOT. */
static void dots_stop_at_the_root(void **state) {
        (void)state;
        put(f.outside, "secret", "outside", NULL);
        open_tree(SAL_LAYOUT_UNIX);
        struct stat info;
        assert_int_equal(sal_tree_stat(tree, "../outside/secret", &info), -ENOENT);
        assert_int_equal(sal_tree_stat(tree, at(f.outside, "secret"), &info), -ENOENT);
}

static void only_regular_files_are_opened(void **state) {
        (void)state;
        make_dirs(f.root, "usr/dir");
        assert_int_equal(mkfifo(at(f.root, "usr/fifo"), 0644), 0);
        open_tree(SAL_LAYOUT_UNIX);
        assert_int_equal(sal_tree_open_file(tree, "usr/fifo", NULL), -EINVAL); /* and does not hang */
        assert_int_equal(sal_tree_open_file(tree, "usr/dir", NULL), -EINVAL);
        assert_string_equal(find("${SYSTEM}/fifo"), "usr/fifo");
        assert_string_equal(find("${SYSTEM}/fifo/x"), "");
        if (mknod(at(f.root, "usr/device"), S_IFCHR | 0666, makedev(1, 5)) == 0)
                assert_int_equal(sal_tree_open_file(tree, "usr/device", NULL), -EINVAL);
}

static void hostile_names_stay_names(void **state) {
        (void)state;
        make_dirs(f.root, "usr/lib");
        put(f.root, "usr/lib/a\nb", "", NULL);
        put(f.root, "usr/lib/a\xff\xfe", "", NULL);
        put(f.root, "usr/lib/a*", "", NULL);
        put(f.root, "usr/lib/-rf", "", NULL);
        open_tree(SAL_LAYOUT_UNIX);
        assert_string_equal(find("${SYSTEM}/lib/a*"), "usr/lib/a\nb|usr/lib/a*|usr/lib/a\xff\xfe");
        assert_string_equal(find("${SYSTEM}/lib/-*"), "usr/lib/-rf");
        assert_string_equal(find("${SYSTEM}/lib/a?b"), "usr/lib/a\nb");
}

static void ten_thousand_files_are_found(void **state) {
        (void)state;
        char name[64];
        make_dirs(f.root, "Windows/System32/drivers");
        for (int i = 0; i < 10000; i++) {
                snprintf(name, sizeof name, "Windows/System32/drivers/f%05d.%s", i, i % 2 ? "sys" : "inf");
                put(f.root, name, "", NULL);
        }
        open_tree(SAL_LAYOUT_WINDOWS);
        sal_autosyspath struct sal_syspath parsed = {0};
        sal_autofound struct sal_found_list found = SAL_FOUND_LIST_INIT;
        assert_int_equal(sal_syspath_parse("${SYSTEM}/drivers/F*.SYS", tree->layout, &parsed, NULL), SAL_OK);
        assert_int_equal(sal_tree_find(tree, &parsed, &found, NULL), SAL_OK);
        assert_int_equal(found.count, 5000);
        assert_string_equal(found.items[0].path, "Windows/System32/drivers/f00001.sys");
}

static void renames_do_not_replace_unless_told(void **state) {
        (void)state;
        put(f.root, "a", "1", NULL);
        put(f.root, "b", "2", NULL);
        open_tree(SAL_LAYOUT_UNIX);
        assert_int_equal(sal_tree_rename(tree, "a", "b", false), -EEXIST);
        assert_string_equal(content(f.root, "b"), "2");
        assert_int_equal(sal_tree_rename(tree, "a", "b", true), 0);
        assert_string_equal(content(f.root, "b"), "1");
        assert_int_equal(sal_tree_unlink(tree, "missing"), 0);
        assert_true(sal_tree_create(tree, "b") < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(layout_is_told_by_the_folders, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_link_makes_no_windows_tree, set_up, tear_down),
                cmocka_unit_test_setup_teardown(case_counts_in_one_layout_only, set_up, tear_down),
                cmocka_unit_test_setup_teardown(case_counts_on_unix, set_up, tear_down),
                cmocka_unit_test_setup_teardown(wildcards_do_not_cross_folders, set_up, tear_down),
                cmocka_unit_test_setup_teardown(links_are_not_followed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(dots_stop_at_the_root, set_up, tear_down),
                cmocka_unit_test_setup_teardown(only_regular_files_are_opened, set_up, tear_down),
                cmocka_unit_test_setup_teardown(hostile_names_stay_names, set_up, tear_down),
                cmocka_unit_test_setup_teardown(ten_thousand_files_are_found, set_up, tear_down),
                cmocka_unit_test_setup_teardown(renames_do_not_replace_unless_told, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
