/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on raw sockets: what is answered, what is refused, and that what is refused runs nothing. Bodies have
 * tests of their own (test_body.c). */
#include "harness.h"

#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

static struct sal_http_server *server;
static uint16_t port;
static atomic_uint runs;
static char plane_data[] = "plane";

static void handle_item(struct sal_http_request *request) {
        const char *q = sal_http_query(request, "q");
        atomic_fetch_add(&runs, 1);
        reply_text(request, 200, "%s %s id=%s q=%s peer=%s %s %s", sal_http_method(request), sal_http_path(request),
                   sal_http_param(request, "id"), q ? q : "-", sal_http_peer(request),
                   (const char *)sal_http_plane_data(request), (const char *)sal_http_route_data(request));
}

static void handle_echo(struct sal_http_request *request) {
        size_t len;
        const char *body = sal_http_body_get(request, &len);
        struct sal_http_reply reply = {.status = 200, .content_type = "application/octet-stream"};
        atomic_fetch_add(&runs, 1);
        sal_http_reply_header(
                &reply, "X-Type", "%s",
                sal_http_header_get(request, "content-type") ? sal_http_header_get(request, "content-type") : "none");
        reply.body = sal_http_body_copy(body, len);
        sal_http_reply(request, &reply);
}

static void handle_big(struct sal_http_request *request) {
        size_t len = 3 << 20;
        char *data = malloc(len);
        memset(data, 'b', len);
        struct sal_http_reply reply = {.status = 200, .content_type = "text/plain"};
        reply.body = sal_http_body_take(data, len);
        sal_http_reply(request, &reply);
}

static void handle_file(struct sal_http_request *request) {
        char path[] = "/tmp/salvor-test-XXXXXX";
        int fd = mkstemp(path);
        unlink(path);
        assert_int_equal(write(fd, "0123456789", 10), 10);
        struct sal_http_reply reply = {.status = 206, .content_type = "text/plain"};
        sal_http_reply_header(&reply, "ETag", "\"%s\"", "x");
        reply.body = sal_http_body_file_take(fd, 3, 4);
        sal_http_reply(request, &reply);
}

static void handle_forgetful(struct sal_http_request *request) {
        (void)request;
}

static void error_reply(struct sal_http_request *request, const struct sal_err *err, struct sal_http_reply *ret) {
        char text[1024];
        int len = snprintf(text, sizeof text, "{\"title\":\"%s\",\"detail\":\"%s\"}",
                           sal_status_info(err->status)->slug, err->detail);
        (void)sal_http_request_id(request);
        ret->status = sal_status_info(err->status)->http;
        ret->content_type = "application/problem+json";
        ret->body = sal_http_body_copy(text, (size_t)len);
}

static const struct sal_http_route routes[] = {
        {.method = "GET", .path = "/items/{id}", .handle = handle_item, .data = "item"},
        {.method = "POST", .path = "/echo", .handle = handle_echo, .body = SAL_HTTP_BODY_BUFFER},
        {.method = "GET", .path = "/big", .handle = handle_big},
        {.method = "GET", .path = "/file", .handle = handle_file},
        {.method = "GET", .path = "/forgetful", .handle = handle_forgetful},
};

static int setup(void **state) {
        struct sal_http_plane_config plane = {.routes = routes,
                                              .route_count = sizeof routes / sizeof *routes,
                                              .data = plane_data,
                                              .error_reply = error_reply};
        (void)state;
        server = serve(&plane, 2);
        port = sal_http_server_port(server, 0);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        sal_http_server_free(server);
        return 0;
}

#define HOST "Host: a\r\n"

static void test_keep_alive(void **state) {
        char value[128], id[128];
        (void)state;
        int fd = dial(port);
        say(fd, "GET /items/a.b-c?q=x%20y HTTP/1.1\r\n" HOST "\r\n");
        struct answer a = hear(fd);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "GET /items/a.b-c id=a.b-c q=x y peer=127.0.0.1 plane item");
        assert_non_null(answer_header(&a, "X-Request-Id", id, sizeof id));
        assert_int_equal(strlen(id), 16);
        assert_non_null(answer_header(&a, "Date", value, sizeof value));
        answer_done(&a);
        say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Type: t\r\nContent-Length: 5\r\n\r\nhello"
                "GET /items/2 HTTP/1.1\r\n" HOST "\r\n"); /* pipelined */
        a = hear(fd);
        assert_string_equal(a.body, "hello");
        assert_string_equal(answer_header(&a, "X-Type", value, sizeof value), "t");
        assert_string_not_equal(answer_header(&a, "X-Request-Id", value, sizeof value), id);
        answer_done(&a);
        a = hear(fd);
        assert_int_equal(a.status, 200);
        answer_done(&a);
        close(fd);
}

static void test_head(void **state) {
        (void)state;
        int fd = dial(port);
        say(fd, "HEAD /items/1 HTTP/1.1\r\n" HOST "\r\n");
        struct answer a = hear_with(receive_plain, &fd, true);
        char value[32];
        assert_int_equal(a.status, 200);
        assert_true(strtoul(answer_header(&a, "Content-Length", value, sizeof value), NULL, 10) > 10);
        answer_done(&a);
        say(fd, "GET /file HTTP/1.1\r\n" HOST "\r\n");
        a = hear(fd);
        assert_int_equal(a.status, 206);
        assert_string_equal(a.body, "3456");
        answer_done(&a);
        close(fd);
}

static void test_large_answer(void **state) {
        (void)state;
        int fd = dial(port);
        for (int i = 0; i < 2; i++) {
                say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
                struct answer a = hear(fd);
                assert_int_equal(a.status, 200);
                assert_int_equal(a.body_len, 3 << 20);
                assert_int_equal(a.body[a.body_len - 1], 'b');
                answer_done(&a);
        }
        close(fd);
}

static void test_unknown_path_and_method(void **state) {
        char value[128];
        (void)state;
        assert_int_equal(status_of(port, "GET /nothing HTTP/1.1\r\n" HOST "\r\n"), 404);
        int fd = dial(port);
        say(fd, "DELETE /items/1 HTTP/1.1\r\n" HOST "\r\n");
        struct answer a = hear(fd);
        assert_int_equal(a.status, 405);
        assert_string_equal(answer_header(&a, "Allow", value, sizeof value), "GET, HEAD");
        assert_string_equal(answer_header(&a, "Content-Type", value, sizeof value), "application/problem+json");
        assert_non_null(answer_header(&a, "X-Request-Id", value, sizeof value));
        answer_done(&a);
        say(fd, "BREW /items/1 HTTP/1.1\r\n" HOST "\r\n"); /* the connection is still good */
        a = hear(fd);
        assert_int_equal(a.status, 405);
        answer_done(&a);
        close(fd);
}

static void test_framing_traps(void **state) {
        static const char *const traps[] = {
                "GET /items/a%2fb HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/%61 HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/../items/1 HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/. HTTP/1.1\r\n" HOST "\r\n",
                "GET //items/1 HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/1/ HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/a\\b HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/1#x HTTP/1.1\r\n" HOST "\r\n",
                "GET http://a/items/1 HTTP/1.1\r\n" HOST "\r\n",
                "GET items/1 HTTP/1.1\r\n" HOST "\r\n",
                "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/1 x HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/1  HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/1 HTTP/1.1\r\n\r\n",
                "GET /items/1 HTTP/1.1\r\n" HOST HOST "\r\n",
                "GET /items/1 HTTP/1.1\r\nHost: \r\n\r\n",
                "GET /items/1 HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n",
                "GET /items/1 HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n",
                "GET /items/1 HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n",
                "GET /items/1 HTTP/1.2\r\n" HOST "\r\n",
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\nabcd",
                "POST /echo HTTP/1.1\r\n" HOST
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "GET /items/1?a=1&a=2 HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/1?a=%0 HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/1?a=%00 HTTP/1.1\r\n" HOST "\r\n",
        };
        (void)state;
        unsigned before = atomic_load(&runs);
        for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
                int fd = dial(port);
                say(fd, traps[i]);
                struct answer a = hear(fd);
                if (a.status != 400)
                        print_error("trap %zu: %d for %s\n", i, a.status, traps[i]);
                assert_int_equal(a.status, 400);
                assert_true(hangs_up(fd));
                answer_done(&a);
                close(fd);
        }
        assert_int_equal(atomic_load(&runs), before);
}

static void test_nul_bytes(void **state) {
        static const char in_path[] = "GET /items/1\0x HTTP/1.1\r\n" HOST "\r\n";
        static const char version[] = "GET /items/1\0HTTP/1.1 HTTP/1.1\r\n" HOST "\r\n";
        static const char in_header[] = "GET /items/1 HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n";
        static const char in_query[] = "GET /items/1?q=a\0b HTTP/1.1\r\n" HOST "\r\n";
        (void)state;
        unsigned before = atomic_load(&runs);
        assert_int_equal(status_of_bytes(port, in_path, sizeof in_path - 1), 400);
        assert_int_equal(status_of_bytes(port, version, sizeof version - 1), 400);
        assert_int_equal(status_of_bytes(port, in_header, sizeof in_header - 1), 400);
        assert_int_equal(status_of_bytes(port, in_query, sizeof in_query - 1), 400);
        assert_int_equal(atomic_load(&runs), before);
}

/* What libmicrohttpd answers by itself: any refusal will do, no handler may run. */
static void test_what_the_library_refuses(void **state) {
        static const char *const traps[] = {
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\nabcd",
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nabcd",
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4 4\r\n\r\nabcd",
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\nabcd",
                "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\nabcd\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\nabcd\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabcd",
                "GET /items/1 HTTP/2.0\r\n" HOST "\r\n",
                "GET /items/1 HTTP/0.9\r\n" HOST "\r\n",
                "GET /items/1\r\n\r\n",
                "GET /items/1 HTTP/1.1\r\n" HOST "no colon\r\n\r\n",
                "GET /items/1 HTTP/1.1\r\n" HOST "Space : before\r\n\r\n",
        };
        (void)state;
        unsigned before = atomic_load(&runs);
        for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
                int status = status_of(port, traps[i]);
                if (status != 0 && (status < 400 || status >= 600))
                        print_error("trap %zu: %d for %s\n", i, status, traps[i]);
                assert_true(status == 0 || (status >= 400 && status < 600));
        }
        assert_int_equal(atomic_load(&runs), before);
        assert_int_equal(status_of(port, "GET /items/1 HTTP/1.1\r\n" HOST "\r\n"), 200);
}

static void test_http_1_0(void **state) {
        (void)state;
        int fd = dial(port);
        say(fd, "GET /items/1 HTTP/1.0\r\n\r\n");
        struct answer a = hear(fd);
        assert_int_equal(a.status, 200);
        assert_true(hangs_up(fd));
        answer_done(&a);
        close(fd);
}

static void test_header_limit(void **state) {
        char text[16384];
        (void)state;
        for (int total = 8000; total <= 12000; total += 4000) {
                int len = snprintf(text, sizeof text, "GET /items/1 HTTP/1.1\r\n" HOST "X: ");
                memset(text + len, 'x', (size_t)(total - len - 4));
                snprintf(text + total - 4, 5, "\r\n\r\n");
                assert_int_equal(status_of(port, text), total <= 8192 ? 200 : 431);
        }
        /* many small ones: sixty headers are fine within the limit, seventy are too many */
        for (int count = 60; count <= 70; count += 10) {
                size_t len = (size_t)snprintf(text, sizeof text, "GET /items/1 HTTP/1.1\r\n" HOST);
                for (int i = 0; i < count; i++)
                        len += (size_t)snprintf(text + len, sizeof text - len, "Y-%02d: %0100d\r\n", i, i);
                snprintf(text + len, sizeof text - len, "\r\n");
                assert_int_equal(status_of(port, text), count == 60 ? 200 : 431);
        }
}

static void test_forgotten_answer(void **state) {
        (void)state;
        assert_int_equal(status_of(port, "GET /forgetful HTTP/1.1\r\n" HOST "\r\n"), 500);
        eventually(sal_http_server_live(server) == 0);
}

static void test_metrics(void **state) {
        (void)state;
        assert_int_equal(status_of(port, "GET /items/1 HTTP/1.1\r\n" HOST "\r\n"), 200);
        eventually(sal_http_server_live(server) == 0);
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_metrics_write(&text);
        assert_non_null(strstr(text.data, "salvor_http_requests_total{plane=\"machine\",class=\"2xx\"} "));
        assert_null(strstr(text.data, "salvor_http_requests_total{plane=\"machine\",class=\"2xx\"} 0"));
        assert_null(strstr(text.data, "salvor_http_requests_total{plane=\"machine\",class=\"4xx\"} 0"));
        assert_non_null(strstr(text.data, "salvor_http_held_requests{plane=\"machine\"} 0"));
        assert_non_null(strstr(text.data, "salvor_http_request_seconds_count "));
}

static void test_reply_headers(void **state) {
        struct sal_http_reply reply = {0};
        char longer[SAL_HTTP_HEADER_VALUE_BYTES + 8];
        (void)state;
        memset(longer, 'x', sizeof longer);
        longer[sizeof longer - 1] = '\0';
        assert_true(sal_http_reply_header(&reply, "A", "%d", 1));
        assert_false(sal_http_reply_header(&reply, "A", "%s", longer));
        assert_false(sal_http_reply_header(&reply, "A", "a\r\nB: c"));
        for (int i = 1; i < SAL_HTTP_MAX_HEADERS; i++)
                assert_true(sal_http_reply_header(&reply, "A", "x"));
        assert_false(sal_http_reply_header(&reply, "A", "x"));
        assert_int_equal(reply.header_count, SAL_HTTP_MAX_HEADERS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_keep_alive),
                cmocka_unit_test(test_head),
                cmocka_unit_test(test_large_answer),
                cmocka_unit_test(test_unknown_path_and_method),
                cmocka_unit_test(test_framing_traps),
                cmocka_unit_test(test_nul_bytes),
                cmocka_unit_test(test_what_the_library_refuses),
                cmocka_unit_test(test_http_1_0),
                cmocka_unit_test(test_header_limit),
                cmocka_unit_test(test_forgotten_answer),
                cmocka_unit_test(test_metrics),
                cmocka_unit_test(test_reply_headers),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
