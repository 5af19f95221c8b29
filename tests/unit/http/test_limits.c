/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on connections and on time. */
#include "harness.h"

#include "base/metrics.h"

#include <stdatomic.h>

static void handle_quick(struct sal_http_request *request) {
        if (sal_http_header_get(request, "Authorization"))
                sal_http_mark_authenticated(request);
        reply_text(request, 200, "quick");
}

static const struct sal_http_route routes[] = {
        {.method = "GET", .path = "/quick", .handle = handle_quick},
        {.method = "POST", .path = "/quick", .handle = handle_quick, .body = SAL_HTTP_BODY_BUFFER},
        {.method = "PUT", .path = "/quick", .handle = handle_quick, .body = SAL_HTTP_BODY_STREAM},
};

#define ANONYMOUS "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"
#define KNOWN "GET /quick HTTP/1.1\r\nHost: a\r\nAuthorization: me\r\n\r\n"

static struct sal_http_server *serve_limited(struct sal_http_plane_config plane, unsigned workers) {
        plane.routes = routes;
        plane.route_count = sizeof routes / sizeof *routes;
        return serve(&plane, workers);
}

static int ask(int fd, const char *text) {
        say(fd, text);
        struct answer a = hear(fd);
        answer_done(&a);
        return a.status;
}

static void test_unauthenticated_per_address(void **state) {
        enum { MAX = 4, OFFICE = 40 };
        int fds[OFFICE], strangers[MAX];
        (void)state;
        struct sal_http_server *server =
                serve_limited((struct sal_http_plane_config){.unauthenticated_per_address_max = MAX}, 2);
        uint16_t port = sal_http_server_port(server, 0);
        /* an office behind one address, each of its machines authenticated: as many as come */
        for (int i = 0; i < OFFICE; i++) {
                fds[i] = dial(port);
                assert_int_equal(ask(fds[i], KNOWN), 200);
        }
        for (int i = 0; i < MAX; i++) {
                strangers[i] = dial(port);
                assert_int_equal(ask(strangers[i], ANONYMOUS), 200);
        }
        int fd = dial(port);
        assert_int_equal(ask(fd, ANONYMOUS), 0); /* one too many: closed at accept */
        close(fd);
        fd = dial_from(port, "127.0.0.2"); /* another address has its own count */
        assert_int_equal(ask(fd, ANONYMOUS), 200);
        close(fd);
        assert_int_equal(ask(strangers[0], KNOWN), 200); /* from now on it does not count */
        fd = dial(port);
        assert_int_equal(ask(fd, KNOWN), 200);
        close(fd);
        for (int i = 0; i < OFFICE; i++)
                close(fds[i]);
        for (int i = 0; i < MAX; i++)
                close(strangers[i]);
        sal_http_server_free(server);
}

static void test_connections_max(void **state) {
        enum { MAX = 6 };
        int fds[MAX];
        (void)state;
        struct sal_http_server *server = serve_limited(
                (struct sal_http_plane_config){.connections_max = MAX, .unauthenticated_per_address_max = 100}, 2);
        uint16_t port = sal_http_server_port(server, 0);
        for (int i = 0; i < MAX; i++) {
                fds[i] = dial(port);
                assert_int_equal(ask(fds[i], ANONYMOUS), 200);
        }
        int fd = dial(port);
        assert_int_equal(ask(fd, ANONYMOUS), 0);
        close(fd);
        close(fds[0]);
        int64_t until_ms = sal_clock_mono_ms() + 10000;
        int status = 0;
        while (status == 0 && sal_clock_mono_ms() < until_ms) {
                fd = dial(port);
                status = ask(fd, ANONYMOUS);
                close(fd);
        }
        assert_int_equal(status, 200); /* there is room again */
        for (int i = 1; i < MAX; i++)
                close(fds[i]);
        sal_http_server_free(server);
}

/* A single worker at its limit stops accepting and must start again when a connection ends. */
static void test_full_worker_recovers(void **state) {
        (void)state;
        struct sal_http_server *server = serve_limited(
                (struct sal_http_plane_config){.connections_max = 1, .unauthenticated_per_address_max = 100}, 1);
        uint16_t port = sal_http_server_port(server, 0);
        for (int i = 0; i < 20; i++) {
                int fd = dial(port), next = dial(port);
                int status = ask(fd, ANONYMOUS);
                assert_true(status == 200 || status == 0);
                close(fd);
                status = ask(next, ANONYMOUS);
                assert_true(status == 200 || status == 0);
                close(next);
        }
        eventually(status_of(port, ANONYMOUS) == 200);
        sal_http_server_free(server);
}

/* Sends a byte every 100 ms until the server has had enough; tells after how long. */
static int64_t drip(uint16_t port, const char *start, char byte) {
        int fd = dial(port);
        int64_t start_ms = sal_clock_mono_ms();
        say(fd, start);
        for (;;) {
                struct pollfd ready = {.fd = fd, .events = POLLIN | POLLRDHUP};
                if (poll(&ready, 1, 100) > 0)
                        break;
                if (sal_clock_mono_ms() - start_ms > 10000)
                        break;
                say_bytes(fd, &byte, 1);
        }
        close(fd);
        return sal_clock_mono_ms() - start_ms;
}

static void test_slow_clients_are_cut(void **state) {
        (void)state;
        struct sal_http_server *server = serve_limited((struct sal_http_plane_config){.idle_timeout_seconds = 1}, 1);
        uint16_t port = sal_http_server_port(server, 0);
        assert_in_range(drip(port, "GET /quick HTTP/1.1\r\nHost: a\r\nX: ", 'x'), 900, 4000);
        assert_in_range(drip(port, "GET /qu", 'x'), 900, 4000);
        assert_in_range(drip(port, "POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n", 'x'), 900, 4000);
        assert_in_range(drip(port, "PUT /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n", 'x'), 900, 4000);
        int fd = dial(port); /* says nothing at all */
        int64_t start_ms = sal_clock_mono_ms();
        assert_true(hangs_up(fd));
        assert_in_range(sal_clock_mono_ms() - start_ms, 900, 4000);
        close(fd);
        sal_http_server_free(server);
}

static void test_half_open_handshake_is_cut(void **state) {
        static const unsigned char half_hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};
        (void)state;
        struct pair pair = pair_make((struct pair_spec){.name = "localhost"});
        struct sal_http_server *server =
                serve_limited((struct sal_http_plane_config){.tls = true,
                                                             .certificate_pem = pair.certificate_pem,
                                                             .key_pem = pair.key_pem,
                                                             .idle_timeout_seconds = 1},
                              1);
        uint16_t port = sal_http_server_port(server, 0);
        int64_t start_ms = sal_clock_mono_ms();
        int fd = dial(port);
        say_bytes(fd, half_hello, sizeof half_hello);
        char byte;
        while (recv(fd, &byte, 1, 0) == 1)
                continue; /* an alert may come first */
        assert_in_range(sal_clock_mono_ms() - start_ms, 900, 4000);
        close(fd);
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_metrics_write(&text);
        assert_non_null(strstr(text.data, "salvor_http_tls_handshake_failures_total{plane=\"machine\"} 1"));
        sal_http_server_free(server);
        pair_done(&pair);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_unauthenticated_per_address), cmocka_unit_test(test_connections_max),
                cmocka_unit_test(test_full_worker_recovers),        cmocka_unit_test(test_slow_clients_are_cut),
                cmocka_unit_test(test_half_open_handshake_is_cut),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
