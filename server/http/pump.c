/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/clock.h"

/*
 * libmicrohttpd asks for a zero timeout as long as any of its connections is "ready", and an unfinished TLS handshake
 * stays ready for ever. So a round that brought nothing (no event on its epoll descriptor, no request line, body byte,
 * handler call or sent block) is counted; after SAL_HTTP_HANDSHAKE_SPINS of them, or SPIN_US spent on them, the next
 * round waits 2, 4, 8, 16 ms and at least COST_FACTOR times what a round costs, so that the waste is bounded to a few
 * percent of a processor however many handshakes hang. Any event runs a round at once and starts the count again.
 */
enum { SPIN_US = 1000, BACKOFF_FIRST_MS = 2, BACKOFF_STEP_MAX_MS = 16, BACKOFF_MAX_MS = 250, COST_FACTOR = 40 };
enum { TIMER_MAX_MS = 3600 * 1000 };

static void on_timer(uv_timer_t *timer);

static int64_t backoff_ms(struct sal_http_pump *pump, int64_t round_us) {
        pump->backoff_ms = pump->backoff_ms ? pump->backoff_ms * 2 : BACKOFF_FIRST_MS;
        if (pump->backoff_ms > BACKOFF_STEP_MAX_MS)
                pump->backoff_ms = BACKOFF_STEP_MAX_MS;
        int64_t fair_ms = round_us * COST_FACTOR / 1000;
        int64_t wait_ms = fair_ms > pump->backoff_ms ? fair_ms : pump->backoff_ms;
        sal_metric_add(pump->backoffs, 1);
        return wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS;
}

static void fresh(struct sal_http_pump *pump) {
        pump->spins = 0;
        pump->spin_us = 0;
        pump->backoff_ms = 0;
}

/* Decides when the next round is due. */
static void rearm(struct sal_http_pump *pump, int64_t round_us) {
        MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
        if (MHD_get_timeout(pump->mhd, &timeout_ms) != MHD_YES) {
                uv_timer_stop(&pump->timer);
                return;
        }
        if (timeout_ms > 0) {
                /* One more millisecond: libmicrohttpd waits until strictly after a connection's time. */
                uv_timer_start(&pump->timer, on_timer, timeout_ms < TIMER_MAX_MS ? timeout_ms + 1 : TIMER_MAX_MS, 0);
                return;
        }
        pump->spin_us += round_us;
        if (pump->spins < SAL_HTTP_HANDSHAKE_SPINS && pump->spin_us < SPIN_US) {
                pump->spins++;
                sal_http_pump_kick(pump);
                return;
        }
        uv_timer_start(&pump->timer, on_timer, (uint64_t)backoff_ms(pump, round_us), 0);
}

static void run(struct sal_http_pump *pump) {
        uint64_t before = pump->progress;
        int64_t start_us = sal_clock_mono_us();
        MHD_run(pump->mhd);
        if (pump->progress != before)
                fresh(pump);
        rearm(pump, sal_clock_mono_us() - start_us);
}

static void on_timer(uv_timer_t *timer) {
        run(timer->data);
}

static void on_idle(uv_idle_t *idle) {
        uv_idle_stop(idle);
        run(idle->data);
}

static void on_event(uv_poll_t *poll, int status, int events) {
        struct sal_http_pump *pump = poll->data;
        (void)status;
        (void)events;
        fresh(pump);
        uv_idle_stop(&pump->idle);
        run(pump);
}

/* An idle handle, not a timer of zero: libuv 1.44 runs such a timer again before it polls, which would starve the rest.
 */
void sal_http_pump_kick(struct sal_http_pump *pump) {
        if (pump->open)
                uv_idle_start(&pump->idle, on_idle);
}

enum sal_status sal_http_pump_open(struct sal_http_pump *pump, uv_loop_t *loop, struct sal_err *reterr) {
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(pump->mhd, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info || uv_poll_init(loop, &pump->poll, info->epoll_fd) != 0)
                return sal_fail(reterr, SAL_E_IO, "the event loop does not take the HTTP library's descriptor");
        uv_timer_init(loop, &pump->timer);
        uv_idle_init(loop, &pump->idle);
        pump->poll.data = pump->timer.data = pump->idle.data = pump;
        pump->open = true;
        uv_poll_start(&pump->poll, UV_READABLE, on_event);
        sal_http_pump_kick(pump); /* the first round puts the listening socket into the set */
        return SAL_OK;
}

void sal_http_pump_close(struct sal_http_pump *pump) {
        if (!pump->open)
                return;
        pump->open = false;
        uv_poll_stop(&pump->poll);
        uv_close((uv_handle_t *)&pump->poll, NULL);
        uv_close((uv_handle_t *)&pump->timer, NULL);
        uv_close((uv_handle_t *)&pump->idle, NULL);
}
