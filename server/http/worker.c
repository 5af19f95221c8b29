/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

_Thread_local struct sal_http_worker *sal_http_here;

/* ---- the inbox: what other threads want of this one ---- */

/* Wakes the loop; the lock is held, so that nobody wakes a loop that has been closed. */
static void wake(struct sal_http_worker *worker) {
        if (!worker->closed)
                uv_async_send(&worker->wake);
}

void sal_http_worker_post_answer(struct sal_http_request *request) {
        struct sal_http_worker *worker = request->lane->worker;
        pthread_mutex_lock(&worker->inbox_lock);
        *worker->answers_end = request;
        worker->answers_end = &request->inbox_next;
        wake(worker);
        pthread_mutex_unlock(&worker->inbox_lock);
}

enum sal_status sal_http_worker_post(struct sal_http_worker *worker,
                                     void (*fn)(struct sal_http_worker *worker, void *arg), void *arg) {
        struct sal_http_call *call = malloc(sizeof *call);
        if (!call)
                return SAL_E_NOMEM;
        *call = (struct sal_http_call){.fn = fn, .arg = arg};
        pthread_mutex_lock(&worker->inbox_lock);
        *worker->calls_end = call;
        worker->calls_end = &call->next;
        wake(worker);
        pthread_mutex_unlock(&worker->inbox_lock);
        return SAL_OK;
}

void sal_http_worker_post_drain(struct sal_http_worker *worker, unsigned mask) {
        pthread_mutex_lock(&worker->inbox_lock);
        worker->drain_mask |= mask;
        wake(worker);
        pthread_mutex_unlock(&worker->inbox_lock);
}

void sal_http_worker_post_stop(struct sal_http_worker *worker) {
        pthread_mutex_lock(&worker->inbox_lock);
        worker->stop = true;
        wake(worker);
        pthread_mutex_unlock(&worker->inbox_lock);
}

static void answers_run(struct sal_http_request *list) {
        while (list) {
                struct sal_http_request *request = list;
                list = request->inbox_next;
                request->inbox_next = NULL;
                request->answered = true;
                sal_http_request_resume(request);
        }
}

static void calls_run(struct sal_http_worker *worker, struct sal_http_call *list) {
        while (list) {
                struct sal_http_call *call = list;
                list = call->next;
                call->fn(worker, call->arg);
                free(call);
        }
}

static void stop(struct sal_http_worker *worker);

static void on_wake(uv_async_t *async) {
        struct sal_http_worker *worker = async->data;
        pthread_mutex_lock(&worker->inbox_lock);
        struct sal_http_request *answers = worker->answers;
        struct sal_http_call *calls = worker->calls;
        unsigned drain_mask = worker->drain_mask;
        bool stopping = worker->stop;
        worker->answers = NULL;
        worker->answers_end = &worker->answers;
        worker->calls = NULL;
        worker->calls_end = &worker->calls;
        worker->drain_mask = 0;
        pthread_mutex_unlock(&worker->inbox_lock);
        answers_run(answers);
        calls_run(worker, calls);
        for (size_t i = 0; i < worker->server->plane_count; i++)
                if (drain_mask & (1U << i))
                        sal_http_lane_quiesce(&worker->lanes[i]);
        if (stopping)
                stop(worker);
}

/* ---- timers ---- */

static void on_sweep(uv_timer_t *timer) {
        struct sal_http_worker *worker = timer->data;
        int64_t now_ms = sal_clock_mono_ms();
        unsigned connections = 0;
        for (size_t i = 0; i < worker->server->plane_count; i++)
                connections += sal_http_lane_sweep(&worker->lanes[i], now_ms);
        if (connections == 0)
                uv_timer_stop(timer); /* an idle server wakes for nothing */
}

void sal_http_worker_sweep_start(struct sal_http_worker *worker) {
        if (!worker->closed && !uv_is_active((uv_handle_t *)&worker->sweep))
                uv_timer_start(&worker->sweep, on_sweep, SAL_HTTP_SWEEP_MS, SAL_HTTP_SWEEP_MS);
}

static void on_tick(uv_timer_t *timer) {
        struct sal_http_ticker *ticker = timer->data;
        ticker->fn(ticker->worker, ticker->arg);
}

/* ---- life ---- */

static void lanes_open_ports(struct sal_http_worker *worker) {
        for (size_t i = 0; i < SAL_HTTP_MAX_PLANES; i++)
                worker->lanes[i].listen_fd = -1;
}

static enum sal_status lanes_open(struct sal_http_worker *worker, struct sal_err *reterr) {
        struct sal_http_server *server = worker->server;
        for (size_t i = 0; i < server->plane_count; i++) {
                struct sal_http_plane *plane = &server->planes[i];
                struct sal_http_lane *lane = &worker->lanes[i];
                lane->worker = worker;
                lane->plane = plane;
                if (worker->index > 0 && !plane->config.all_workers)
                        continue;
                enum sal_status status =
                        sal_http_listen(&plane->config, worker->index == 0, &plane->port, &lane->listen_fd, reterr);
                if (status == SAL_OK)
                        status = sal_http_lane_open(lane, reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

enum sal_status sal_http_worker_open(struct sal_http_worker *worker, struct sal_err *reterr) {
        worker->answers_end = &worker->answers;
        worker->calls_end = &worker->calls;
        worker->holds.epoll_fd = -1;
        lanes_open_ports(worker);
        pthread_mutex_init(&worker->inbox_lock, NULL);
        if (uv_loop_init(&worker->loop) != 0)
                return sal_fail(reterr, SAL_E_IO, "no event loop: out of descriptors or memory");
        worker->loop_open = true;
        worker->wake.data = worker->sweep.data = worker;
        if (uv_async_init(&worker->loop, &worker->wake, on_wake) != 0)
                return sal_fail(reterr, SAL_E_IO, "no wake-up descriptor for the event loop");
        worker->wake_open = true;
        uv_timer_init(&worker->loop, &worker->sweep);
        enum sal_status status = sal_http_holds_open(&worker->holds, &worker->loop, reterr);
        return status ? status : lanes_open(worker, reterr);
}

/* Ends every suspended request, because the library aborts when it is stopped with one. A held one is told that it is
 * gone; a deferred one outlives its connection until the answer comes. */
static void release_suspended(struct sal_http_worker *worker) {
        struct sal_http_request *request, *next;
        DL_FOREACH_SAFE(worker->suspended, request, next) {
                void (*on_gone)(struct sal_http_request *, void *) = request->held ? request->on_gone : NULL;
                request->orphan = request->deferred && !request->answered;
                request->gone = true;
                if (on_gone)
                        on_gone(request, request->hold_arg);
                sal_http_request_resume(request);
        }
        for (size_t i = 0; i < worker->server->plane_count; i++)
                if (worker->lanes[i].pump.mhd)
                        MHD_run(worker->lanes[i].pump.mhd);
}

/* Closes what the loop holds; the loop then ends by itself. */
static void stop(struct sal_http_worker *worker) {
        if (!worker->wake_open)
                return;
        release_suspended(worker);
        for (size_t i = 0; i < worker->server->plane_count; i++) {
                if (worker->lanes[i].worker)
                        sal_http_lane_quiesce(&worker->lanes[i]);
                sal_http_lane_close(&worker->lanes[i]);
        }
        sal_http_holds_close(&worker->holds);
        for (unsigned i = 0; i < worker->ticker_count; i++)
                if (worker->tickers[i].started)
                        uv_close((uv_handle_t *)&worker->tickers[i].timer, NULL);
        pthread_mutex_lock(&worker->inbox_lock);
        worker->closed = true;
        pthread_mutex_unlock(&worker->inbox_lock);
        worker->wake_open = false;
        uv_close((uv_handle_t *)&worker->sweep, NULL);
        uv_close((uv_handle_t *)&worker->wake, NULL);
}

void *sal_http_worker_run(void *arg) {
        struct sal_http_worker *worker = arg;
        struct sal_http_server *server = worker->server;
        sal_http_here = worker;
        for (unsigned i = 0; i < worker->ticker_count; i++) {
                struct sal_http_ticker *ticker = &worker->tickers[i];
                uv_timer_init(&worker->loop, &ticker->timer);
                ticker->timer.data = ticker;
                ticker->started = true;
                uint64_t interval_ms = (uint64_t)ticker->interval_ms;
                uv_timer_start(&ticker->timer, on_tick, interval_ms, interval_ms);
        }
        pthread_mutex_lock(&server->ready_lock);
        server->ready_count++;
        pthread_cond_signal(&server->ready);
        pthread_mutex_unlock(&server->ready_lock);
        uv_run(&worker->loop, UV_RUN_DEFAULT);
        return NULL;
}

void sal_http_worker_close(struct sal_http_worker *worker) {
        struct sal_http_worker *before = sal_http_here;
        sal_http_here = worker;
        if (worker->loop_open) {
                stop(worker); /* one that never ran, or opened half way */
                sal_http_holds_close(&worker->holds);
                uv_run(&worker->loop, UV_RUN_DEFAULT);
                uv_loop_close(&worker->loop);
        }
        worker->loop_open = false;
        if (worker->holds.epoll_fd >= 0)
                close(worker->holds.epoll_fd);
        worker->holds.epoll_fd = -1;
        free(worker->holds.heap);
        worker->holds.heap = NULL;
        struct sal_http_request *request, *next;
        DL_FOREACH_SAFE(worker->orphans, request, next) {
                DL_DELETE(worker->orphans, request);
                sal_http_request_free(request);
        }
        for (struct sal_http_call *call = worker->calls, *after; call; call = after) {
                after = call->next;
                free(call);
        }
        worker->calls = NULL;
        pthread_mutex_destroy(&worker->inbox_lock);
        sal_http_here = before;
}
