/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* ---- a binary heap by due_ms; each request knows its place ---- */

static void heap_put(struct sal_http_holds *holds, size_t at, struct sal_http_request *request) {
        holds->heap[at] = request;
        request->heap_index = at;
}

static void heap_up(struct sal_http_holds *holds, size_t at) {
        struct sal_http_request *request = holds->heap[at];
        for (size_t up; at > 0 && holds->heap[up = (at - 1) / 2]->due_ms > request->due_ms; at = up)
                heap_put(holds, at, holds->heap[up]);
        heap_put(holds, at, request);
}

static void heap_down(struct sal_http_holds *holds, size_t at) {
        struct sal_http_request *request = holds->heap[at];
        for (size_t child; (child = 2 * at + 1) < holds->count; at = child) {
                if (child + 1 < holds->count && holds->heap[child + 1]->due_ms < holds->heap[child]->due_ms)
                        child++;
                if (holds->heap[child]->due_ms >= request->due_ms)
                        break;
                heap_put(holds, at, holds->heap[child]);
        }
        heap_put(holds, at, request);
}

static bool heap_add(struct sal_http_holds *holds, struct sal_http_request *request) {
        if (holds->count == holds->cap) {
                size_t cap = holds->cap ? holds->cap * 2 : 64;
                struct sal_http_request **heap = realloc(holds->heap, cap * sizeof(*heap));
                if (!heap)
                        return false;
                holds->heap = heap;
                holds->cap = cap;
        }
        heap_put(holds, holds->count++, request);
        heap_up(holds, request->heap_index);
        return true;
}

static void heap_remove(struct sal_http_holds *holds, struct sal_http_request *request) {
        size_t at = request->heap_index;
        if (at == SIZE_MAX)
                return;
        request->heap_index = SIZE_MAX;
        struct sal_http_request *last = holds->heap[--holds->count];
        if (last == request)
                return;
        heap_put(holds, at, last);
        heap_up(holds, at);
        heap_down(holds, last->heap_index);
}

/* ---- due ---- */

static void on_due(uv_timer_t *timer);

static void timer_set(struct sal_http_holds *holds) {
        if (!holds->open)
                return;
        if (holds->count == 0) {
                uv_timer_stop(&holds->timer);
                return;
        }
        int64_t left_ms = holds->heap[0]->due_ms - sal_clock_mono_ms();
        uv_update_time(holds->timer.loop);
        uv_timer_start(&holds->timer, on_due, left_ms > 0 ? (uint64_t)left_ms : 1, 0);
}

static void on_due(uv_timer_t *timer) {
        struct sal_http_holds *holds = timer->data;
        int64_t now_ms = sal_clock_mono_ms();
        while (holds->count && holds->heap[0]->due_ms <= now_ms) {
                struct sal_http_request *request = holds->heap[0];
                heap_remove(holds, request);
                if (request->on_due)
                        request->on_due(request, request->hold_arg);
        }
        timer_set(holds);
}

/* ---- gone ---- */

/* A suspended socket is outside the library's set: this one hears when the client hangs up. */
static void watch(struct sal_http_holds *holds, struct sal_http_request *request) {
        struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = request};
        /* Failing for want of memory only means that the departure is noticed when the hold is due. */
        (void)epoll_ctl(holds->epoll_fd, EPOLL_CTL_ADD, request->connection->fd, &event);
}

static void leave(struct sal_http_request *request) {
        void (*on_gone)(struct sal_http_request *, void *) = request->on_gone;
        void *arg = request->hold_arg;
        sal_http_hold_end(request);
        if (on_gone)
                on_gone(request, arg);
        request->gone = true;
        sal_http_request_resume(request);
}

static void on_hangup(uv_poll_t *poll, int status, int mask) {
        struct sal_http_holds *holds = poll->data;
        struct epoll_event events[64];
        (void)status, (void)mask;
        int count = epoll_wait(holds->epoll_fd, events, 64, 0);
        for (int i = 0; i < count; i++) {
                /* An on_gone may have answered one that stands later in this batch: it is then held no more, and its
                 * memory lives until the library's next round. */
                struct sal_http_request *request = events[i].data.ptr;
                if (request->held)
                        leave(request);
        }
}

/* ---- the interface ---- */

enum sal_status sal_http_hold(struct sal_http_request *request, int64_t wait_ms,
                              void (*due)(struct sal_http_request *request, void *arg),
                              void (*gone)(struct sal_http_request *request, void *arg), void *arg) {
        struct sal_http_plane *plane = request->lane->plane;
        struct sal_http_holds *holds = &request->lane->worker->holds;
        bool again = request->held;
        if (again) {
                heap_remove(holds, request);
        } else if (atomic_fetch_add(&plane->held, 1) >= plane->config.held_max) {
                atomic_fetch_sub(&plane->held, 1);
                return SAL_E_OVERLOADED;
        }
        request->due_ms = sal_clock_mono_ms() + (wait_ms > 0 ? wait_ms : 0);
        if (!heap_add(holds, request)) { /* never again: it leaves its place just before */
                atomic_fetch_sub(&plane->held, 1);
                return SAL_E_OVERLOADED;
        }
        request->on_due = due;
        request->on_gone = gone;
        request->hold_arg = arg;
        if (!again) {
                request->held = true;
                request->deferred = false;
                sal_metric_add(&plane->stats->held, 1);
                sal_http_request_suspend(request);
                watch(holds, request);
        }
        timer_set(holds);
        return SAL_OK;
}

void sal_http_hold_end(struct sal_http_request *request) {
        if (!request->held)
                return;
        struct sal_http_holds *holds = &request->lane->worker->holds;
        struct sal_http_plane *plane = request->lane->plane;
        request->held = false;
        heap_remove(holds, request);
        (void)epoll_ctl(holds->epoll_fd, EPOLL_CTL_DEL, request->connection->fd, NULL);
        atomic_fetch_sub(&plane->held, 1);
        sal_metric_add(&plane->stats->held, -1);
}

enum sal_status sal_http_holds_open(struct sal_http_holds *holds, uv_loop_t *loop, struct sal_err *reterr) {
        holds->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (holds->epoll_fd < 0 || uv_poll_init(loop, &holds->poll, holds->epoll_fd) != 0)
                return sal_fail(reterr, SAL_E_IO, "no epoll descriptor for held requests");
        uv_timer_init(loop, &holds->timer);
        holds->timer.data = holds->poll.data = holds;
        holds->open = true;
        uv_poll_start(&holds->poll, UV_READABLE, on_hangup);
        return SAL_OK;
}

void sal_http_holds_close(struct sal_http_holds *holds) {
        if (holds->open) {
                uv_poll_stop(&holds->poll);
                uv_close((uv_handle_t *)&holds->poll, NULL);
                uv_close((uv_handle_t *)&holds->timer, NULL);
        }
        holds->open = false;
}
