/* SPDX-License-Identifier: Apache-2.0 */
/* What waiting costs: half-open handshakes and held requests must not cost a processor. */
#include "harness.h"

#include <malloc.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum { HALF_OPEN = 200, HELD = 200, WATCH_MS = 2000 };

static struct pair pair;
static atomic_uint held;

static void on_due(struct sal_http_request *request, void *arg) {
        (void)arg;
        reply_text(request, 200, "due");
}

static void on_gone(struct sal_http_request *request, void *arg) {
        (void)request, (void)arg;
        atomic_fetch_sub(&held, 1);
}

static void handle_hold(struct sal_http_request *request) {
        assert_int_equal(sal_http_hold(request, 600000, on_due, on_gone, NULL), SAL_OK);
        atomic_fetch_add(&held, 1);
}

static void handle_quick(struct sal_http_request *request) {
        reply_text(request, 200, "quick");
}

static const struct sal_http_route routes[] = {
        {.method = "POST", .path = "/hold", .handle = handle_hold, .body = SAL_HTTP_BODY_BUFFER},
        {.method = "GET", .path = "/quick", .handle = handle_quick},
};

#define HOLD "POST /hold HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

static struct sal_http_server *serve_tls(void) {
        struct sal_http_plane_config plane = {.tls = true,
                                              .certificate_pem = pair.certificate_pem,
                                              .key_pem = pair.key_pem,
                                              .routes = routes,
                                              .route_count = 2};
        return serve(&plane, 1);
}

static int64_t cpu_us(void) {
        struct rusage used;
        getrusage(RUSAGE_SELF, &used);
        return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec +
               used.ru_stime.tv_usec;
}

/* The share of one processor that the whole process takes during the watch. */
static double share_of_cpu(const char *what) {
        int64_t before_us = cpu_us(), start_us = sal_clock_mono_us();
        poll(NULL, 0, WATCH_MS);
        double share = (double)(cpu_us() - before_us) / (double)(sal_clock_mono_us() - start_us);
        print_message("%s: %.2f %% of a processor\n", what, share * 100);
        return share;
}

/* The first bytes of a ClientHello: a TLS record header that promises more. */
static const unsigned char half_hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};

static void test_idle_costs_nothing(void **state) {
        (void)state;
        struct sal_http_server *server = serve_tls();
        assert_true(share_of_cpu("idle") < 0.01);
        sal_http_server_free(server);
}

static void test_half_open_and_held(void **state) {
        static struct tls_client clients[HELD];
        int half[HALF_OPEN];
        (void)state;
        struct sal_http_server *server = serve_tls();
        uint16_t port = sal_http_server_port(server, 0);
        for (int i = 0; i < HALF_OPEN; i++) {
                half[i] = dial(port);
                say_bytes(half[i], half_hello, sizeof half_hello);
        }
        for (int i = 0; i < HELD; i++) {
                assert_int_equal(tls_dial(&clients[i], port, NULL, NULL), 0);
                gnutls_record_send(clients[i].session, HOLD, strlen(HOLD));
        }
        eventually(atomic_load(&held) == HELD);
        double share = share_of_cpu("200 half-open handshakes, 200 held requests");
        assert_true(share < 0.10);

        /* a client that does come through is not kept waiting by the guard */
        struct tls_client quick;
        int64_t start_us = sal_clock_mono_us();
        assert_int_equal(tls_dial(&quick, port, NULL, NULL), 0);
        struct answer a = tls_ask(&quick, "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(a.status, 200);
        print_message("a whole request beside them: %lld us\n", (long long)(sal_clock_mono_us() - start_us));
        answer_done(&a);
        tls_hang_up(&quick);
        for (int i = 0; i < HELD; i++)
                tls_hang_up(&clients[i]);
        eventually(atomic_load(&held) == 0);
        for (int i = 0; i < HALF_OPEN; i++)
                close(half[i]);
        sal_http_server_free(server);
}

static size_t heap_bytes(void) {
        struct mallinfo2 info = mallinfo2();
        return info.uordblks + info.hblkhd;
}

/* The clients live in this process too, so theirs is measured apart: the same sessions against nobody's memory. */
static void test_memory_of_a_held_request(void **state) {
        static struct tls_client clients[HELD];
        (void)state;
        struct sal_http_server *server = serve_tls();
        uint16_t port = sal_http_server_port(server, 0);
        size_t empty = heap_bytes();
        for (int i = 0; i < HELD; i++) {
                assert_int_equal(tls_dial(&clients[i], port, NULL, NULL), 0);
                gnutls_record_send(clients[i].session, HOLD, strlen(HOLD));
        }
        eventually(atomic_load(&held) == HELD);
        size_t both = heap_bytes() - empty;
        sal_http_server_free(server); /* only the clients are left */
        size_t theirs = heap_bytes() > empty ? heap_bytes() - empty : 0;
        size_t each = (both - theirs) / HELD;
        print_message("a held TLS request: %zu bytes of heap (clients apart: %zu)\n", each, theirs / HELD);
        assert_true(each < 40000);
        for (int i = 0; i < HELD; i++)
                tls_hang_up(&clients[i]);
        atomic_store(&held, 0);
}

static int setup(void **state) {
        (void)state;
        pair = pair_make((struct pair_spec){.name = "localhost"});
        return 0;
}

static int teardown(void **state) {
        (void)state;
        pair_done(&pair);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_idle_costs_nothing),
                cmocka_unit_test(test_half_open_and_held),
                cmocka_unit_test(test_memory_of_a_held_request),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
