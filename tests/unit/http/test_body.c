/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies on raw sockets: lengths, chunks, limits, streams, and bodies that never come. */
#include "harness.h"

#include <stdatomic.h>

static struct sal_http_server *server;
static uint16_t port;
static atomic_uint runs;
static atomic_uint_fast64_t streamed;

static void handle_echo(struct sal_http_request *request) {
        size_t len;
        const char *body = sal_http_body_get(request, &len);
        struct sal_http_reply reply = {.status = 200, .content_type = "application/octet-stream"};
        atomic_fetch_add(&runs, 1);
        reply.body = sal_http_body_copy(body, len);
        sal_http_reply(request, &reply);
}

struct upload {
        uint64_t total;
        bool stopped;
};

static bool upload_data(struct sal_http_request *request, const void *data, size_t len) {
        struct upload *upload = sal_http_request_scratch(request, sizeof *upload, NULL);
        upload->total += len;
        upload->stopped = memchr(data, '!', len) != NULL;
        return !upload->stopped;
}

static void handle_upload(struct sal_http_request *request) {
        const struct upload *upload = sal_http_request_scratch(request, sizeof *upload, NULL);
        atomic_fetch_add(&runs, 1);
        atomic_store(&streamed, upload->total);
        reply_text(request, upload->stopped ? 409 : 201, "%llu", (unsigned long long)upload->total);
}

static bool guard(struct sal_http_request *request) {
        if (sal_http_header_get(request, "Authorization"))
                return true;
        reply_text(request, 401, "who are you");
        return false;
}

static const struct sal_http_route routes[] = {
        {.method = "GET", .path = "/item", .handle = handle_echo},
        {.method = "POST", .path = "/echo", .handle = handle_echo, .body = SAL_HTTP_BODY_BUFFER},
        {.method = "POST", .path = "/small", .handle = handle_echo, .body = SAL_HTTP_BODY_BUFFER, .body_max_bytes = 16},
        {.method = "PUT",
         .path = "/upload",
         .handle = handle_upload,
         .body = SAL_HTTP_BODY_STREAM,
         .body_max_bytes = 4 << 20,
         .on_body = upload_data},
        {.method = "POST",
         .path = "/guarded",
         .handle = handle_echo,
         .body = SAL_HTTP_BODY_BUFFER,
         .on_headers = guard},
};

static int setup(void **state) {
        struct sal_http_plane_config plane = {.routes = routes, .route_count = sizeof routes / sizeof *routes};
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

static void test_chunked(void **state) {
        (void)state;
        int fd = dial(port);
        say(fd,
            "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
        struct answer a = hear(fd);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "abcde");
        answer_done(&a);
        /* over the limit: read to its end, then refused; the connection can go on */
        say(fd, "POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                "c\r\nabcdefghijkl\r\nc\r\nabcdefghijkl\r\n0\r\n\r\n");
        a = hear(fd);
        assert_int_equal(a.status, 413);
        answer_done(&a);
        say(fd, "GET /item HTTP/1.1\r\n" HOST "\r\n");
        a = hear(fd);
        assert_int_equal(a.status, 200);
        answer_done(&a);
        close(fd);
}

static void test_body_limit(void **state) {
        (void)state;
        unsigned before = atomic_load(&runs);
        int fd = dial(port);
        say(fd, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 17\r\n\r\n01234567890123456");
        struct answer a = hear(fd);
        assert_int_equal(a.status, 413);
        answer_done(&a);
        assert_int_equal(atomic_load(&runs), before);
        say(fd, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 16\r\n\r\n0123456789012345");
        a = hear(fd);
        assert_int_equal(a.status, 200);
        answer_done(&a);
        close(fd);
        /* the plane's default, and a length that is not worth reading */
        assert_int_equal(status_of(port, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1099511627776\r\n\r\n"), 413);
        assert_int_equal(status_of(port, "GET /item HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"), 400);
}

static void test_expect_continue(void **state) {
        (void)state;
        int fd = dial(port);
        say(fd, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        struct answer a = hear(fd);
        assert_int_equal(a.status, 100);
        say(fd, "ok");
        a = hear(fd);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "ok");
        answer_done(&a);
        /* refused before the body was sent */
        say(fd, "POST /small HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 200\r\n\r\n");
        a = hear(fd);
        assert_int_equal(a.status, 413);
        assert_true(hangs_up(fd));
        answer_done(&a);
        close(fd);
}

static void test_truncated_body_runs_nothing(void **state) {
        (void)state;
        unsigned before = atomic_load(&runs);
        int fd = dial(port);
        say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n12345");
        eventually(sal_http_server_live(server) == 1);
        shutdown(fd, SHUT_WR);
        assert_true(hangs_up(fd));
        close(fd);
        fd = dial(port);
        say(fd, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n");
        eventually(sal_http_server_live(server) == 1);
        close(fd);
        eventually(sal_http_server_live(server) == 0);
        assert_int_equal(atomic_load(&runs), before);
}

static void test_stream(void **state) {
        size_t len = 1 << 20;
        char *data = malloc(len);
        (void)state;
        memset(data, 'd', len);
        int fd = dial(port);
        say(fd, "PUT /upload HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n\r\n");
        say_bytes(fd, data, len);
        struct answer a = hear(fd);
        assert_int_equal(a.status, 201);
        assert_int_equal(atomic_load(&streamed), len);
        answer_done(&a);
        say(fd, "PUT /upload HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n1234!");
        say(fd, "67890");
        a = hear(fd); /* on_body stopped it */
        assert_int_equal(a.status, 409);
        answer_done(&a);
        free(data);
        close(fd);
}

static void test_refusal_by_headers(void **state) {
        (void)state;
        unsigned before = atomic_load(&runs);
        int fd = dial(port);
        say(fd, "POST /guarded HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
        struct answer a = hear(fd);
        assert_int_equal(a.status, 401);
        answer_done(&a);
        assert_int_equal(atomic_load(&runs), before);
        say(fd, "POST /guarded HTTP/1.1\r\n" HOST "Authorization: x\r\nContent-Length: 3\r\n\r\nabc");
        a = hear(fd);
        assert_int_equal(a.status, 200);
        answer_done(&a);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_chunked),         cmocka_unit_test(test_body_limit),
                cmocka_unit_test(test_expect_continue), cmocka_unit_test(test_truncated_body_runs_nothing),
                cmocka_unit_test(test_stream),          cmocka_unit_test(test_refusal_by_headers),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
