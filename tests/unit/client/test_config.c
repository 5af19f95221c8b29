/* SPDX-License-Identifier: Apache-2.0 */
#include "client/config.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/salvor-config-XXXXXX";
static char path[64];

static int setup(void **state) {
        (void)state;
        if (!mkdtemp(folder))
                return -1;
        snprintf(path, sizeof path, "%s/x.conf", folder);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        unlink(path);
        return rmdir(folder);
}

struct values {
        char *server;
        char *ca;
        char *extra;
};

static enum sal_status read_text(const char *text, struct values *ret, struct sal_err *err) {
        sal_autofclose FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fflush(file);
        const struct sal_config_item items[] = {{.key = "server", .required = true, .value = &ret->server},
                                                {.key = "ca", .required = true, .path = true, .value = &ret->ca},
                                                {.key = "extra", .value = &ret->extra}};
        return sal_config_read(path, items, SAL_ARRAY_LEN(items), err);
}

static void done(struct values *values) {
        free(values->server);
        free(values->ca);
        free(values->extra);
        *values = (struct values){0};
}

static void test_values_and_paths(void **state) {
        (void)state;
        struct values values = {0};
        struct sal_err err = {0};
        assert_int_equal(read_text("# note\nserver = \"https://x:1\"\n\nca = \"pki/ca.crt\" # why\n", &values, &err),
                         SAL_OK);
        assert_string_equal(values.server, "https://x:1");
        char expected[96];
        snprintf(expected, sizeof expected, "%s/pki/ca.crt", folder);
        assert_string_equal(values.ca, expected);
        assert_null(values.extra);
        done(&values);
        assert_int_equal(read_text("server = 'a'\nca = '/abs/ca'\nextra = \"\"\n", &values, &err), SAL_OK);
        assert_string_equal(values.ca, "/abs/ca");
        assert_null(values.extra);
        done(&values);
}

static void check_bad(const char *text, const char *says, int line) {
        struct values values = {0};
        struct sal_err err = {0};
        assert_int_equal(read_text(text, &values, &err), SAL_E_CONFIG);
        char expected[128];
        snprintf(expected, sizeof expected, "%s:%d: ", path, line);
        if (line)
                assert_non_null(strstr(err.detail, expected));
        assert_non_null(strstr(err.detail, says));
        assert_null(values.server);
        assert_null(values.ca);
}

static void test_what_is_wrong_is_named_with_its_line(void **state) {
        (void)state;
        check_bad("server = \"a\"\nca = \"b\"\nnonsense = \"c\"\n", "nonsense", 3);
        check_bad("server = \"a\"\nserver = \"b\"\nca = \"c\"\n", "twice", 2);
        check_bad("server = \"a\"\nca\n", "", 0);
        check_bad("server = \"a\nca = \"b\"\n", "", 0);
        check_bad("server = \"a\"\n", "\"ca\" is missing", 0);
        check_bad("server = \"\"\nca = \"b\"\n", "\"server\" is missing", 0);
        check_bad("", "\"server\" is missing", 0);
}

static void test_a_missing_file_is_not_found(void **state) {
        (void)state;
        char *value = NULL;
        const struct sal_config_item item = {.key = "a", .value = &value};
        assert_int_equal(sal_config_read("/nonexistent/x.conf", &item, 1, NULL), SAL_E_NOT_FOUND);
}

static void test_joining(void **state) {
        (void)state;
        static const struct {
                const char *folder, *name, *joined;
        } rows[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"a", "/b", "/b"}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                sal_autofree char *joined = sal_path_join(rows[i].folder, rows[i].name);
                assert_string_equal(joined, rows[i].joined);
        }
        static const char *const folders[][2] = {{"x", "."}, {"/x", "/"}, {"a/b/c", "a/b"}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(folders); i++) {
                sal_autofree char *text = sal_path_folder(folders[i][0]);
                assert_string_equal(text, folders[i][1]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values_and_paths),
                cmocka_unit_test(test_what_is_wrong_is_named_with_its_line),
                cmocka_unit_test(test_a_missing_file_is_not_found),
                cmocka_unit_test(test_joining),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
