/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are whole or not there. */
#include "testing.h"

#include "base/mem.h"
#include "trust/file.h"

#include <sys/stat.h>

static void files(void **state) {
        (void)state;
        const char *folder = make_folder();
        char path[128];
        snprintf(path, sizeof path, "%s/f", folder);
        struct sal_err err = {0};
        assert_int_equal(sal_file_create(path, 0640, "abc", 3, &err), SAL_OK);
        assert_int_equal(sal_file_create(path, 0640, "xyz", 3, &err), SAL_E_CONFLICT);
        assert_int_equal(sal_file_publish(path, 0640, "xyz", 3, &err), SAL_E_CONFLICT);
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        assert_int_equal(sal_file_read(path, 2, &bytes, &len, &err), SAL_E_TOO_LARGE);
        assert_int_equal(sal_file_read(path, 3, &bytes, &len, &err), SAL_OK);
        assert_string_equal(bytes, "abc");
        assert_int_equal(len, 3);
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0640);
        char *none = NULL;
        assert_int_equal(sal_file_read(folder, 99, &none, &len, &err), SAL_E_IO);
        assert_int_equal(sal_file_read("/dev/zero", 99, &none, &len, &err), SAL_E_IO);
        snprintf(path, sizeof path, "%s/link", folder);
        assert_int_equal(symlink("nowhere", path), 0);
        assert_int_equal(sal_file_create(path, 0600, "x", 1, &err),
                         SAL_E_CONFLICT); /* a dangling link is not followed */
        drop_folder(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
