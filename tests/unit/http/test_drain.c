/* SPDX-License-Identifier: Apache-2.0 */
/* Listening and draining: ports, what a drain closes, and what it lets finish. */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>

static _Atomic(struct sal_http_request *) waiting;

static void handle_quick(struct sal_http_request *request) {
        reply_text(request, 200, "quick");
}

static void handle_defer(struct sal_http_request *request) {
        sal_http_defer(request);
        atomic_store(&waiting, request);
}

static const struct sal_http_route routes[] = {
        {.method = "GET", .path = "/quick", .handle = handle_quick},
        {.method = "GET", .path = "/defer", .handle = handle_defer},
};

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static bool refuses(uint16_t port) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
        bool refused = connect(fd, (struct sockaddr *)&to, sizeof to) != 0;
        close(fd);
        return refused;
}

static void test_drain_lets_requests_finish(void **state) {
        struct sal_http_config config = {.workers = 2, .plane_count = 2};
        struct sal_http_server *server = NULL;
        char value[64];
        (void)state;
        for (int i = 0; i < 2; i++)
                config.planes[i] = (struct sal_http_plane_config){.name = i ? "ops" : "machine",
                                                                  .address = "127.0.0.1",
                                                                  .all_workers = i == 0,
                                                                  .routes = routes,
                                                                  .route_count = 2};
        assert_int_equal(sal_http_server_new(&config, &server, NULL), SAL_OK);
        assert_int_equal(sal_http_server_start(server, NULL), SAL_OK);
        uint16_t machine = sal_http_server_port(server, 0), ops = sal_http_server_port(server, 1);
        assert_int_not_equal(machine, ops);

        int idle = dial(machine), busy = dial(machine);
        say(idle, GET("/quick"));
        struct answer a = hear(idle);
        assert_null(answer_header(&a, "Connection", value, sizeof value));
        answer_done(&a);
        say(busy, GET("/defer"));
        eventually(atomic_load(&waiting) != NULL);

        sal_http_server_drain(server, 1U << 0);
        assert_true(hangs_up(idle));
        eventually(refuses(machine));
        assert_int_equal(status_of(ops, GET("/quick")), 200); /* the other plane goes on */
        eventually(sal_http_server_live(server) == 1);
        reply_text(atomic_load(&waiting), 200, "finished");
        a = hear(busy);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "finished");
        assert_string_equal(answer_header(&a, "Connection", value, sizeof value), "close");
        assert_true(hangs_up(busy));
        answer_done(&a);
        eventually(sal_http_server_live(server) == 0);
        sal_http_server_drain(server, 3);
        eventually(refuses(ops));
        close(idle);
        close(busy);
        sal_http_server_free(server);
}

static void test_busy_port_is_told(void **state) {
        struct sal_http_plane_config plane = {.routes = routes, .route_count = 2};
        struct sal_http_server *first = serve(&plane, 2), *second = NULL;
        struct sal_http_config config = {.workers = 2, .plane_count = 1};
        struct sal_err err = {0};
        (void)state;
        config.planes[0] = plane;
        config.planes[0].name = "machine";
        config.planes[0].address = "127.0.0.1";
        config.planes[0].all_workers = true;
        config.planes[0].port = sal_http_server_port(first, 0);
        assert_int_equal(sal_http_server_new(&config, &second, &err), SAL_E_CONFIG);
        assert_non_null(strstr(err.detail, "in use"));
        assert_null(second);
        sal_http_server_free(first);
        assert_int_equal(sal_http_server_new(&config, &second, &err), SAL_OK);
        sal_http_server_free(second);
}

static void test_bad_configuration_is_told(void **state) {
        struct sal_http_plane_config good = {.name = "ops", .address = "127.0.0.1"};
        struct sal_http_plane_config bad[4] = {good, good, good, good};
        (void)state;
        bad[0].address = "localhost";
        bad[1].tls = true;
        bad[2].header_max_bytes = 100;
        bad[3].idle_timeout_seconds = 7200;
        for (int i = 0; i < 4; i++) {
                struct sal_http_config config = {.workers = 1, .plane_count = 1, .planes = {bad[i]}};
                struct sal_http_server *server = NULL;
                struct sal_err err = {0};
                assert_int_equal(sal_http_server_new(&config, &server, &err), SAL_E_CONFIG);
                assert_null(server);
                assert_true(err.detail[0] != '\0');
        }
        struct sal_http_config many = {.workers = 65};
        struct sal_http_server *server = NULL;
        assert_int_equal(sal_http_server_new(&many, &server, NULL), SAL_E_CONFIG);
}

static void test_ipv6(void **state) {
        struct sal_http_plane_config plane = {.address = "::1", .routes = routes, .route_count = 2};
        struct sockaddr_in6 to = {.sin6_family = AF_INET6};
        int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)state;
        to.sin6_addr = in6addr_loopback;
        if (probe < 0 || bind(probe, (struct sockaddr *)&to, sizeof to) != 0)
                skip(); /* this machine has no IPv6 */
        close(probe);
        struct sal_http_server *server = serve(&plane, 1);
        to.sin6_port = htons(sal_http_server_port(server, 0));
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        say(fd, GET("/quick"));
        struct answer a = hear(fd);
        assert_int_equal(a.status, 200);
        answer_done(&a);
        close(fd);
        sal_http_server_free(server);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_drain_lets_requests_finish),
                cmocka_unit_test(test_busy_port_is_told),
                cmocka_unit_test(test_bad_configuration_is_told),
                cmocka_unit_test(test_ipv6),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
