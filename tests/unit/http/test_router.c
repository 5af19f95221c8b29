/* SPDX-License-Identifier: Apache-2.0 */
#include "http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct sal_http_route routes[] = {
        {.method = "GET", .path = "/"},
        {.method = "GET", .path = "/api/v1/machines"},
        {.method = "GET", .path = "/api/v1/machines/{id}"},
        {.method = "PATCH", .path = "/api/v1/machines/{id}"},
        {.method = "POST", .path = "/api/v1/machines/import"},
        {.method = "GET", .path = "/api/v1/campaigns/{id}/{version}"},
        {.method = "POST", .path = "/api/v1/campaigns/{id}/{version}/start"},
        {.method = "GET", .path = "/tuf/targets/{path...}"},
        {.method = "GET", .path = "/tuf/targets/policy/{name}"},
};

static struct sal_http_router *router;
static struct sal_http_match match;
static char allow[SAL_HTTP_ALLOW_BYTES];

static int setup(void **state) {
        (void)state;
        return sal_http_router_new(routes, sizeof routes / sizeof *routes, &router, NULL);
}

static int teardown(void **state) {
        (void)state;
        sal_http_router_free(router);
        return 0;
}

static const char *found(const char *method, const char *path) {
        return sal_http_router_find(router, method, path, &match, allow) == SAL_OK ? match.route->path : "";
}

static void test_literal_and_parameters(void **state) {
        (void)state;
        assert_string_equal(found("GET", "/"), "/");
        assert_string_equal(found("GET", "/api/v1/machines"), "/api/v1/machines");
        assert_string_equal(found("GET", "/api/v1/campaigns/cf-291/7"), "/api/v1/campaigns/{id}/{version}");
        assert_int_equal(match.param_count, 2);
        assert_string_equal(match.names[1], "version");
        assert_int_equal(match.values[0].len, 6);
        assert_memory_equal(match.values[0].text, "cf-291", 6);
}

static void test_literal_goes_before_parameter(void **state) {
        (void)state;
        assert_string_equal(found("POST", "/api/v1/machines/import"), "/api/v1/machines/import");
        assert_string_equal(found("GET", "/api/v1/machines/import"), "/api/v1/machines/{id}");
        assert_string_equal(found("GET", "/tuf/targets/policy/x.json"), "/tuf/targets/policy/{name}");
}

static void test_rest_takes_many_segments_but_not_none(void **state) {
        (void)state;
        assert_string_equal(found("GET", "/tuf/targets/campaigns/a/b.json"), "/tuf/targets/{path...}");
        assert_string_equal(match.names[0], "path");
        assert_memory_equal(match.values[0].text, "campaigns/a/b.json", match.values[0].len);
        assert_string_equal(found("GET", "/tuf/targets"), "");
        assert_string_equal(found("GET", "/tuf/targets/"), "");
}

static void test_unknown_path_and_method(void **state) {
        (void)state;
        assert_int_equal(sal_http_router_find(router, "GET", "/api", &match, allow), SAL_E_NOT_FOUND);
        assert_int_equal(sal_http_router_find(router, "GET", "/api/v1/machines/a/b", &match, allow), SAL_E_NOT_FOUND);
        assert_int_equal(sal_http_router_find(router, "BREW", "/api/v1/machines/import", &match, allow), SAL_E_METHOD);
        assert_string_equal(allow, "GET, HEAD, PATCH, POST");
        assert_int_equal(sal_http_router_find(router, "get", "/", &match, allow), SAL_E_METHOD);
}

static void test_head_is_answered_by_get(void **state) {
        (void)state;
        assert_string_equal(found("HEAD", "/api/v1/machines"), "/api/v1/machines");
        assert_string_equal(found("HEAD", "/api/v1/campaigns/a/1/start"), "");
}

static void test_bad_patterns_are_refused(void **state) {
        static const char *const bad[] = {"x", "/a//b", "/{", "/{}", "/{a", "/a{b}", "/{a...}/b", "/a/", "/{a.b}"};
        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                struct sal_http_route route = {.method = "GET", .path = bad[i]};
                struct sal_http_router *none = NULL;
                struct sal_err err = {0};
                assert_int_equal(sal_http_router_new(&route, 1, &none, &err), SAL_E_CONFIG);
                assert_non_null(strstr(err.detail, bad[i]));
                assert_null(none);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_literal_and_parameters),
                cmocka_unit_test(test_literal_goes_before_parameter),
                cmocka_unit_test(test_rest_takes_many_segments_but_not_none),
                cmocka_unit_test(test_unknown_path_and_method),
                cmocka_unit_test(test_head_is_answered_by_get),
                cmocka_unit_test(test_bad_patterns_are_refused),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
