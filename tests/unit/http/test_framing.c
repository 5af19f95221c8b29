/* SPDX-License-Identifier: Apache-2.0 */
#include "http/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_paths(void **state) {
        static const char *const good[] = {"/", "/a", "/healthz", "/v1/artifacts/0af", "/a.b/_c~d:e-f/...", "/.hidden"};
        static const char *const bad[] = {"",      "a",     "*",     "http://h/a", "//",   "/a//b",  "/a/",
                                          "/./a",  "/a/..", "/../a", "/a%2fb",     "/a b", "/a\x01", "/a\xc3\xa9",
                                          "/a\\b", "/a;b",  "/a#b",  "/a@b",       "/a+b", "/a|b",   "/a\"b"};
        (void)state;
        for (size_t i = 0; i < sizeof good / sizeof *good; i++)
                assert_int_equal(sal_http_path_check(good[i], NULL), SAL_OK);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(sal_http_path_check(bad[i], NULL), SAL_E_MALFORMED);
}

static enum sal_status query(char *text, struct sal_http_member members[SAL_HTTP_MAX_QUERY], size_t *count) {
        return sal_http_query_parse(text, members, count, NULL);
}

static void test_query_is_decoded(void **state) {
        struct sal_http_member m[SAL_HTTP_MAX_QUERY];
        size_t count;
        char text[] = "limit=10&fact.model=Latitude+5420&cursor=a%3D%26b&flag&empty=&x=a=b&t=%C3%A9";
        (void)state;
        assert_int_equal(query(text, m, &count), SAL_OK);
        assert_int_equal(count, 7);
        assert_string_equal(m[1].key, "fact.model");
        assert_string_equal(m[1].value, "Latitude 5420");
        assert_string_equal(m[2].value, "a=&b");
        assert_string_equal(m[3].key, "flag");
        assert_string_equal(m[3].value, "");
        assert_string_equal(m[4].value, "");
        assert_string_equal(m[5].value, "a=b");
        assert_string_equal(m[6].value, "\xc3\xa9");
}

static void test_bad_queries(void **state) {
        static const char *const bad[] = {"a=%",    "a=%4", "a=%g0", "a=%00", "a=%0a",  "a=%7f", "&a=1", "a=1&",
                                          "a=1&&b", "=1",   "a=\"",  "a=<",   "a=\x80", "a=b#c", "a=%2", "a%=1"};
        struct sal_http_member m[SAL_HTTP_MAX_QUERY];
        size_t count;
        char text[512];
        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                snprintf(text, sizeof text, "%s", bad[i]);
                assert_int_equal(query(text, m, &count), SAL_E_MALFORMED);
        }
        snprintf(text, sizeof text, "a=1&b=2&%%61=3");
        assert_int_equal(query(text, m, &count), SAL_E_INVALID);
        size_t at = 0;
        for (int i = 0; i <= SAL_HTTP_MAX_QUERY; i++)
                at += (size_t)snprintf(text + at, sizeof text - at, "%sk%d=1", i ? "&" : "", i);
        assert_int_equal(query(text, m, &count), SAL_E_MALFORMED);
}

#define LINE(n, v) \
        { .name = (n), .name_len = sizeof(n) - 1, .value = (v), .value_len = sizeof(v) - 1 }

static enum sal_status headers(const char *version, const struct sal_http_line *lines, size_t count,
                               struct sal_http_framing *framing) {
        return sal_http_headers_check(version, lines, count, framing, NULL);
}

static void test_headers_that_are_fine(void **state) {
        const struct sal_http_line with_length[] = {LINE("host", "a"),   LINE("Content-Length", "12"),
                                                    LINE("Accept", "a"), LINE("accept", "b"),
                                                    LINE("X-A", "1"),    LINE("X-A", "2")};
        const struct sal_http_line chunked[] = {LINE("Host", "a:1"), LINE("Transfer-Encoding", "Chunked"),
                                                LINE("Expect", "100-Continue")};
        struct sal_http_framing f;
        (void)state;
        assert_int_equal(headers("HTTP/1.1", with_length, 6, &f), SAL_OK);
        assert_true(f.has_length && f.length == 12 && !f.chunked);
        assert_int_equal(headers("HTTP/1.1", chunked, 3, &f), SAL_OK);
        assert_true(f.chunked && f.expects_continue && !f.has_length);
        assert_int_equal(headers("HTTP/1.0", NULL, 0, &f), SAL_OK);
}

static void test_headers_that_are_not(void **state) {
        static const struct sal_http_line bad[][3] = {
                {LINE("X", "1"), LINE("Accept", "a"), LINE("Cookie", "c")}, /* no Host */
                {LINE("Host", ""), LINE("X", "1"), LINE("Accept", "a")},
                {LINE("Host", "a, b"), LINE("X", "1"), LINE("Accept", "a")},
                {LINE("Host", "a"), LINE("host", "a"), LINE("Accept", "a")},
                {LINE("Host", "a"), LINE("Content-Length", "1"), LINE("content-length", "1")},
                {LINE("Host", "a"), LINE("Content-Length", "1"), LINE("Transfer-Encoding", "chunked")},
                {LINE("Host", "a"), LINE("Content-Length", "+1"), LINE("A", "a")},
                {LINE("Host", "a"), LINE("Content-Length", "1, 1"), LINE("A", "a")},
                {LINE("Host", "a"), LINE("Content-Length", "99999999999999999999"), LINE("A", "a")},
                {LINE("Host", "a"), LINE("Content-Length", ""), LINE("A", "a")},
                {LINE("Host", "a"), LINE("Transfer-Encoding", "gzip, chunked"), LINE("A", "a")},
                {LINE("Host", "a"), LINE("Transfer-Encoding", "identity"), LINE("A", "a")},
                {LINE("Host", "a"), LINE("Expect", "200-maybe"), LINE("A", "a")},
                {LINE("Host", "a"), LINE("Authorization", "Bearer a"), LINE("authorization", "Bearer b")},
                {LINE("Host", "a"), LINE("Content-Type", "a"), LINE("Content-Type", "a")},
                {LINE("Host", "a"), LINE("Salvor-Elevation", "a"), LINE("Salvor-Elevation", "b")},
                {LINE("Host", "a"), LINE("If-None-Match", "a"), LINE("If-None-Match", "b")},
                {LINE("Host", "a"), LINE("Prefer", "wait=1"), LINE("Prefer", "wait=2")},
                {LINE("Host", "a"), LINE("A b", "1"), LINE("Accept", "a")},
                {LINE("Host", "a"), LINE("A", "1\x01"), LINE("Accept", "a")},
                {LINE("Host", "a"), LINE("", "1"), LINE("Accept", "a")},
        };
        struct sal_http_framing f;
        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(headers("HTTP/1.1", bad[i], 3, &f), SAL_E_MALFORMED);
        const struct sal_http_line chunked[] = {LINE("Host", "a"), LINE("Transfer-Encoding", "chunked")};
        assert_int_equal(headers("HTTP/1.0", chunked, 2, &f), SAL_E_MALFORMED);
        assert_int_equal(headers("HTTP/1.2", chunked, 2, &f), SAL_E_MALFORMED);
        assert_int_equal(headers("HTTP/2.0", chunked, 1, &f), SAL_E_MALFORMED);
        assert_int_equal(headers("HTTP/1.1", chunked, SAL_HTTP_MAX_HEADERS_IN + 1, &f), SAL_E_HEADERS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_query_is_decoded),
                cmocka_unit_test(test_bad_queries),
                cmocka_unit_test(test_headers_that_are_fine),
                cmocka_unit_test(test_headers_that_are_not),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
