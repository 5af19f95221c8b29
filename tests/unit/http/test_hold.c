/* SPDX-License-Identifier: Apache-2.0 */
/* Held and deferred requests: answered from elsewhere, due, abandoned by the client, cut off by a stop. */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MAX_HELD = 64, HELD_MAX = 8 };

static struct sal_http_server *server;
static uint16_t port;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sal_http_request *requests[MAX_HELD];
static unsigned request_count;
static atomic_uint due_count, gone_count, ended_count, ticks, calls;

static void keep(struct sal_http_request *request) {
        pthread_mutex_lock(&lock);
        assert_true(request_count < MAX_HELD);
        requests[request_count++] = request;
        pthread_mutex_unlock(&lock);
}

static void forget(const struct sal_http_request *request) {
        pthread_mutex_lock(&lock);
        for (unsigned i = 0; i < request_count; i++)
                if (requests[i] == request)
                        requests[i] = requests[--request_count];
        pthread_mutex_unlock(&lock);
}

static unsigned kept(void) {
        pthread_mutex_lock(&lock);
        unsigned count = request_count;
        pthread_mutex_unlock(&lock);
        return count;
}

static struct sal_http_request *take(void) {
        pthread_mutex_lock(&lock);
        struct sal_http_request *request = request_count ? requests[--request_count] : NULL;
        pthread_mutex_unlock(&lock);
        return request;
}

static void on_due(struct sal_http_request *request, void *arg) {
        assert_ptr_equal(arg, &due_count);
        atomic_fetch_add(&due_count, 1);
        forget(request);
        reply_text(request, 200, "due");
}

static void on_gone(struct sal_http_request *request, void *arg) {
        assert_ptr_equal(arg, &due_count);
        atomic_fetch_add(&gone_count, 1);
        forget(request);
}

static void on_end(void *scratch) {
        (void)scratch;
        atomic_fetch_add(&ended_count, 1);
}

static void handle_hold(struct sal_http_request *request) {
        sal_http_request_scratch(request, 8, on_end);
        const char *ms = sal_http_param(request, "ms");
        if (sal_http_hold(request, strtol(ms, NULL, 10), on_due, on_gone, &due_count) == SAL_OK)
                keep(request);
        else
                reply_text(request, 503, "full");
}

static void handle_defer(struct sal_http_request *request) {
        sal_http_defer(request);
        keep(request);
}

/* Answers another request from within a handler of the same worker. */
static void handle_wake(struct sal_http_request *request) {
        struct sal_http_request *other = take();
        if (other)
                reply_text(other, 200, "woken");
        reply_text(request, 200, "done");
}

static void tick(struct sal_http_worker *worker, void *arg) {
        (void)worker, (void)arg;
        atomic_fetch_add(&ticks, 1);
}

static const struct sal_http_route routes[] = {
        {.method = "POST", .path = "/hold/{ms}", .handle = handle_hold, .body = SAL_HTTP_BODY_BUFFER},
        {.method = "POST", .path = "/defer", .handle = handle_defer, .body = SAL_HTTP_BODY_BUFFER},
        {.method = "POST", .path = "/wake", .handle = handle_wake, .body = SAL_HTTP_BODY_BUFFER},
};

static int setup(void **state) {
        struct sal_http_plane_config plane = {.name = "machine",
                                              .address = "127.0.0.1",
                                              .held_max = HELD_MAX,
                                              .routes = routes,
                                              .route_count = sizeof routes / sizeof *routes};
        struct sal_http_config config = {.workers = 1, .plane_count = 1, .planes = {plane}};
        struct sal_err err = {0};
        (void)state;
        request_count = 0;
        atomic_store(&due_count, 0);
        atomic_store(&gone_count, 0);
        atomic_store(&ended_count, 0);
        assert_int_equal(sal_http_server_new(&config, &server, &err), SAL_OK);
        sal_http_worker_every(server, 0, 5, tick, NULL);
        sal_http_worker_set_data(server, 0, &ticks);
        assert_int_equal(sal_http_server_start(server, &err), SAL_OK);
        port = sal_http_server_port(server, 0);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        sal_http_server_free(server);
        return 0;
}

#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"

static void expect(int fd, int status, const char *body) {
        struct answer a = hear(fd);
        assert_int_equal(a.status, status);
        assert_string_equal(a.body, body);
        answer_done(&a);
}

static void test_due(void **state) {
        (void)state;
        int fd = dial(port);
        int64_t start_ms = sal_clock_mono_ms();
        say(fd, POST("/hold/60"));
        expect(fd, 200, "due");
        assert_true(sal_clock_mono_ms() - start_ms >= 60);
        say(fd, POST("/hold/1")); /* the connection goes on */
        expect(fd, 200, "due");
        eventually(atomic_load(&ended_count) == 2);
        assert_int_equal(atomic_load(&due_count), 2);
        assert_int_equal(atomic_load(&gone_count), 0);
        close(fd);
}

static void test_due_in_order(void **state) {
        static const char *const asks[] = {POST("/hold/120"), POST("/hold/40"), POST("/hold/80"), POST("/hold/20")};
        int fds[4];
        (void)state;
        for (int i = 0; i < 4; i++) {
                fds[i] = dial(port);
                say(fds[i], asks[i]);
        }
        static const int order[] = {3, 1, 2, 0};
        for (int i = 0; i < 4; i++) {
                expect(fds[order[i]], 200, "due");
                for (int k = i + 1; k < 4; k++) {
                        char byte;
                        assert_true(recv(fds[order[k]], &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0);
                }
                close(fds[order[i]]);
        }
}

static void test_answer_from_another_thread(void **state) {
        (void)state;
        int held = dial(port), deferred = dial(port);
        say(held, POST("/hold/60000"));
        eventually(kept() == 1);
        say(deferred, POST("/defer"));
        eventually(kept() == 2);
        assert_int_equal(sal_http_server_live(server), 2);
        reply_text(take(), 200, "later");
        expect(deferred, 200, "later");
        reply_text(take(), 200, "woken");
        expect(held, 200, "woken");
        eventually(sal_http_server_live(server) == 0);
        close(held);
        close(deferred);
}

static void *answer_all(void *arg) {
        unsigned left = *(unsigned *)arg;
        while (left) {
                struct sal_http_request *request = take();
                if (!request)
                        continue;
                reply_text(request, 200, "later");
                left--;
        }
        return NULL;
}

/* The answer often comes before the handler has returned. */
static void test_answers_race_with_handlers(void **state) {
        enum { ROUNDS = 300, CLIENTS = 4 };
        int fds[CLIENTS];
        unsigned total = ROUNDS * CLIENTS;
        pthread_t thread;
        (void)state;
        pthread_create(&thread, NULL, answer_all, &total);
        for (int i = 0; i < CLIENTS; i++)
                fds[i] = dial(port);
        for (int round = 0; round < ROUNDS; round++) {
                for (int i = 0; i < CLIENTS; i++)
                        say(fds[i], POST("/defer"));
                for (int i = 0; i < CLIENTS; i++)
                        expect(fds[i], 200, "later");
        }
        pthread_join(thread, NULL);
        for (int i = 0; i < CLIENTS; i++)
                close(fds[i]);
}

static void test_answer_from_another_handler(void **state) {
        (void)state;
        int held = dial(port), waker = dial(port);
        say(held, POST("/hold/60000"));
        eventually(kept() == 1);
        say(waker, POST("/wake"));
        expect(waker, 200, "done");
        expect(held, 200, "woken");
        close(held);
        close(waker);
}

static void hold_it(struct sal_http_worker *worker, void *arg) {
        (void)worker;
        assert_int_equal(sal_http_hold(arg, 30, on_due, on_gone, &due_count), SAL_OK);
}

static void defer_it(struct sal_http_worker *worker, void *arg) {
        (void)worker;
        sal_http_defer(arg);
        atomic_fetch_add(&calls, 1);
}

/* The ledger may say "wait": the deferred request is then held; and a held one may be asked about again. */
static void test_defer_then_hold_then_defer(void **state) {
        (void)state;
        int fd = dial(port);
        say(fd, POST("/defer"));
        eventually(kept() == 1);
        struct sal_http_request *request = take();
        assert_int_equal(sal_http_worker_post(sal_http_request_worker(request), hold_it, request), SAL_OK);
        expect(fd, 200, "due");
        say(fd, POST("/hold/30"));
        eventually(kept() == 1);
        request = take();
        sal_http_each_worker(server, defer_it, request);
        eventually(atomic_load(&calls) == 1);
        unsigned before = atomic_load(&ticks);
        eventually(atomic_load(&ticks) > before + 12); /* 60 ms: its old time has passed */
        reply_text(request, 200, "in the end");
        expect(fd, 200, "in the end");
        assert_int_equal(atomic_load(&due_count), 1);
        close(fd);
}

static void test_client_goes_while_held(void **state) {
        (void)state;
        int fds[3];
        for (int i = 0; i < 3; i++) {
                fds[i] = dial(port);
                say(fds[i], POST("/hold/60000"));
                eventually(kept() == (unsigned)i + 1);
        }
        for (int i = 0; i < 3; i++)
                close(fds[i]);
        eventually(atomic_load(&gone_count) == 3);
        eventually(atomic_load(&ended_count) == 3);
        eventually(sal_http_server_live(server) == 0);
        assert_int_equal(kept(), 0);
        assert_int_equal(atomic_load(&due_count), 0);
}

static void test_client_goes_while_deferred(void **state) {
        (void)state;
        int fd = dial(port);
        say(fd, POST("/defer"));
        eventually(kept() == 1);
        close(fd);
        int other = dial(port);
        say(other, POST("/hold/1")); /* the worker has gone round */
        expect(other, 200, "due");
        reply_text(take(), 200, "to nobody");
        eventually(sal_http_server_live(server) == 0);
        close(other);
}

static void test_held_max(void **state) {
        (void)state;
        int fds[HELD_MAX + 1];
        for (int i = 0; i < HELD_MAX; i++) {
                fds[i] = dial(port);
                say(fds[i], POST("/hold/60000"));
        }
        eventually(kept() == HELD_MAX);
        fds[HELD_MAX] = dial(port);
        say(fds[HELD_MAX], POST("/hold/60000"));
        expect(fds[HELD_MAX], 503, "full");
        close(fds[0]);
        eventually(kept() == HELD_MAX - 1);
        say(fds[HELD_MAX], POST("/hold/1"));
        expect(fds[HELD_MAX], 200, "due");
        for (int i = 1; i <= HELD_MAX; i++)
                close(fds[i]);
}

static void test_stop_with_suspended_requests(void **state) {
        (void)state;
        int held = dial(port), deferred = dial(port);
        say(held, POST("/hold/60000"));
        eventually(kept() == 1);
        say(deferred, POST("/defer"));
        eventually(kept() == 2);
        sal_http_server_stop(server);
        assert_int_equal(atomic_load(&gone_count), 1);
        assert_true(hangs_up(held));
        assert_true(hangs_up(deferred));
        assert_int_equal(kept(), 1);
        reply_text(take(), 200, "too late"); /* is taken and goes nowhere */
        close(held);
        close(deferred);
}

static void test_free_without_start(void **state) {
        struct sal_http_config config = {.workers = 3, .plane_count = 1};
        struct sal_http_server *other = NULL;
        (void)state;
        config.planes[0] = (struct sal_http_plane_config){.name = "ops", .address = "127.0.0.1", .all_workers = true};
        assert_int_equal(sal_http_server_new(&config, &other, NULL), SAL_OK);
        sal_http_server_free(other);
        sal_http_server_free(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_due, setup, teardown),
                cmocka_unit_test_setup_teardown(test_due_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_answer_from_another_thread, setup, teardown),
                cmocka_unit_test_setup_teardown(test_answers_race_with_handlers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_answer_from_another_handler, setup, teardown),
                cmocka_unit_test_setup_teardown(test_defer_then_hold_then_defer, setup, teardown),
                cmocka_unit_test_setup_teardown(test_client_goes_while_held, setup, teardown),
                cmocka_unit_test_setup_teardown(test_client_goes_while_deferred, setup, teardown),
                cmocka_unit_test_setup_teardown(test_held_max, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stop_with_suspended_requests, setup, teardown),
                cmocka_unit_test(test_free_without_start),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
