/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct sal_err problem(int http, const char *body) {
        struct sal_err err = {0};
        enum sal_status status = sal_client_problem(http, body, body ? strlen(body) : 0, &err);
        assert_int_equal(status, err.status);
        assert_int_not_equal(status, SAL_OK);
        assert_string_not_equal(err.detail, "");
        return err;
}

static void test_the_slug_decides(void **state) {
        (void)state;
        struct sal_err err = problem(403, "{\"type\":\"urn:salvor:problem:elevation-required\",\"detail\":\"d\"}");
        assert_int_equal(err.status, SAL_E_ELEVATION);
        assert_string_equal(err.detail, "d");
        err = problem(409,
                      "{\"type\":\"urn:salvor:problem:acknowledge-required\",\"detail\":\"d\",\"acknowledge\":\"d7\"}");
        assert_int_equal(err.status, SAL_E_ACKNOWLEDGE);
        assert_string_equal(err.ref, "d7");
}

static void test_without_a_known_slug_the_code_decides(void **state) {
        (void)state;
        static const struct {
                int http;
                enum sal_status status;
        } rows[] = {{400, SAL_E_INVALID},   {401, SAL_E_UNAUTHENTICATED}, {403, SAL_E_FORBIDDEN},
                    {404, SAL_E_NOT_FOUND}, {409, SAL_E_CONFLICT},        {418, SAL_E_INVALID},
                    {429, SAL_E_TOO_MANY},  {500, SAL_E_INTERNAL},        {503, SAL_E_OVERLOADED},
                    {599, SAL_E_INTERNAL}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                assert_int_equal(problem(rows[i].http, "<html>").status, rows[i].status);
                assert_int_equal(problem(rows[i].http, NULL).status, rows[i].status);
                assert_int_equal(problem(rows[i].http, "{\"type\":\"about:blank\"}").status, rows[i].status);
                assert_int_equal(problem(rows[i].http, "{\"type\":\"urn:salvor:problem:no-such\"}").status,
                                 rows[i].status);
        }
        /* A server that says "ok" in an error is not believed. */
        assert_int_equal(problem(500, "{\"type\":\"urn:salvor:problem:ok\"}").status, SAL_E_INTERNAL);
}

static void test_the_place_is_kept(void **state) {
        (void)state;
        struct sal_err err = problem(400, "{\"type\":\"urn:salvor:problem:invalid\",\"detail\":\"bad\",\"errors\":["
                                          "{\"pointer\":\"/a/0\",\"detail\":\"too long\"},{\"pointer\":\"/b\"}]}");
        assert_string_equal(err.pointer, "/a/0");
        assert_string_equal(err.detail, "bad: too long");
        err = problem(400, "{\"detail\":\"same\",\"errors\":[{\"pointer\":\"/a\",\"detail\":\"same\"}]}");
        assert_string_equal(err.detail, "same");
}

static void test_odd_documents_do_no_harm(void **state) {
        (void)state;
        static const char *const bodies[] = {"null",
                                             "[]",
                                             "\"x\"",
                                             "{\"type\":1,\"detail\":{},\"errors\":{}}",
                                             "{\"errors\":[1,2]}",
                                             "{\"detail\":\"a\",\"detail\":\"b\"}"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bodies); i++)
                assert_int_equal(problem(404, bodies[i]).status, SAL_E_NOT_FOUND);
}

static void test_query_escape(void **state) {
        (void)state;
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_client_query_escape(&out, "aZ9-._~ &=+/%\xc3\xbc");
        assert_string_equal(out.data, "aZ9-._~%20%26%3D%2B%2F%25%C3%BC");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_slug_decides),  cmocka_unit_test(test_without_a_known_slug_the_code_decides),
                cmocka_unit_test(test_the_place_is_kept), cmocka_unit_test(test_odd_documents_do_no_harm),
                cmocka_unit_test(test_query_escape),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
