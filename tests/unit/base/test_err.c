/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_status_has_a_row(void **state) {
        (void)state;
        for (int status = SAL_E_REFUSED; status <= SAL_OK; status++) {
                const struct sal_status_info *info = sal_status_info((enum sal_status)status);
                assert_non_null(info);
                assert_int_equal(info->status, status);
                assert_true(info->name[0] && info->slug[0] && info->title[0]);
                assert_true(status == SAL_OK ? info->http == 200 : info->http >= 400 && info->http < 600);
                assert_true(status == SAL_OK ? info->exit == SAL_EXIT_DONE : info->exit != SAL_EXIT_DONE);
        }
}

static void slugs_and_names_are_unique_and_lead_back(void **state) {
        (void)state;
        for (int a = SAL_E_REFUSED; a <= SAL_OK; a++) {
                const struct sal_status_info *first = sal_status_info((enum sal_status)a);
                assert_ptr_equal(sal_status_by_slug(first->slug), first);
                for (int b = a + 1; b <= SAL_OK; b++) {
                        const struct sal_status_info *second = sal_status_info((enum sal_status)b);
                        assert_string_not_equal(first->slug, second->slug);
                        assert_string_not_equal(first->name, second->name);
                }
        }
        assert_null(sal_status_by_slug("no-such-slug"));
}

static void an_unknown_status_is_internal(void **state) {
        (void)state;
        assert_int_equal(sal_status_info((enum sal_status) - 999)->status, SAL_E_INTERNAL);
        assert_int_equal(sal_status_info((enum sal_status)7)->http, 500);
}

static void exit_codes_are_the_documented_ones(void **state) {
        (void)state;
        assert_int_equal(sal_status_info(SAL_E_USAGE)->exit, 2);
        assert_int_equal(sal_status_info(SAL_E_NOT_FOUND)->exit, 3);
        assert_int_equal(sal_status_info(SAL_E_CONFLICT)->exit, 4);
        assert_int_equal(sal_status_info(SAL_E_UNREACHABLE)->exit, 5);
        assert_int_equal(sal_status_info(SAL_E_FORBIDDEN)->exit, 6);
        assert_int_equal(sal_status_info(SAL_E_TIMEOUT)->exit, 7);
        assert_int_equal(sal_status_info(SAL_E_CONFIG)->exit, 78);
}

static void fail_fills_and_returns(void **state) {
        (void)state;
        struct sal_err err = {.hint = "old", .ref = "old", .pointer = "/old"};
        assert_int_equal(sal_fail(&err, SAL_E_CONFLICT, "state is %s", "halted"), SAL_E_CONFLICT);
        assert_int_equal(err.status, SAL_E_CONFLICT);
        assert_string_equal(err.detail, "state is halted");
        assert_string_equal(err.pointer, "");
        assert_string_equal(err.hint, "");
        assert_string_equal(err.ref, "");

        assert_int_equal(sal_fail_at(&err, SAL_E_INVALID, "/a/0", "no %d", 5), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/a/0");
        assert_string_equal(err.detail, "no 5");
        sal_err_hint(&err, "use %d", 4);
        sal_err_ref(&err, "d-17");
        assert_string_equal(err.hint, "use 4");
        assert_string_equal(err.ref, "d-17");
}

static void nobody_needs_to_listen(void **state) {
        (void)state;
        assert_int_equal(sal_fail(NULL, SAL_E_IO, "lost"), SAL_E_IO);
        assert_int_equal(sal_fail_at(NULL, SAL_E_IO, "/", "lost"), SAL_E_IO);
        sal_err_hint(NULL, "nothing");
        sal_err_ref(NULL, "nothing");
}

static void long_texts_are_cut_and_ended(void **state) {
        (void)state;
        char text[2 * SAL_ERR_DETAIL_BYTES];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        struct sal_err err;
        sal_fail_at(&err, SAL_E_INVALID, text, "%s", text);
        sal_err_hint(&err, "%s", text);
        sal_err_ref(&err, text);
        assert_int_equal(strlen(err.detail), SAL_ERR_DETAIL_BYTES - 1);
        assert_int_equal(strlen(err.pointer), SAL_ERR_POINTER_BYTES - 1);
        assert_int_equal(strlen(err.hint), SAL_ERR_HINT_BYTES - 1);
        assert_int_equal(strlen(err.ref), SAL_ERR_REF_BYTES - 1);
}

/* A problem document is JSON: a text cut inside a character would make the whole answer unwritable. */
static void texts_stay_utf8(void **state) {
        (void)state;
        struct sal_err err;
        sal_fail_at(&err, SAL_E_INVALID, "/caf\xc3", "cut \"%.4s\" short", "caf\xc3\xa9");
        assert_string_equal(err.detail, "cut \"caf?\" short");
        assert_string_equal(err.pointer, "/caf?");
        sal_fail(&err, SAL_E_INVALID, "%s", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9b\x9f");
        assert_string_equal(err.detail, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9b\x9f");
        sal_fail(&err, SAL_E_INVALID, "%s", "\xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80 \x80 \xe2\x82");
        assert_string_equal(err.detail, "?? ??? ???? ? ??");
        sal_fail(&err, SAL_E_INVALID, "a\nb\x1b[31m");
        assert_string_equal(err.detail, "a\nb?[31m");
        sal_err_hint(&err, "\xff");
        sal_err_ref(&err, "\xfe");
        assert_string_equal(err.hint, "?");
        assert_string_equal(err.ref, "?");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_status_has_a_row),
                cmocka_unit_test(slugs_and_names_are_unique_and_lead_back),
                cmocka_unit_test(an_unknown_status_is_internal),
                cmocka_unit_test(exit_codes_are_the_documented_ones),
                cmocka_unit_test(fail_fills_and_returns),
                cmocka_unit_test(nobody_needs_to_listen),
                cmocka_unit_test(long_texts_are_cut_and_ended),
                cmocka_unit_test(texts_stay_utf8),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
