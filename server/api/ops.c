/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "service/publication.h"
#include "service/trust_status.h"

#include <string.h>

static void reply_text(struct sal_http_request *request, int status, const char *type, char *text, size_t len) {
        struct sal_http_reply reply = {.status = status, .content_type = type};
        sal_http_reply_header(&reply, "Cache-Control", "no-store");
        reply.body = text ? sal_http_body_take(text, len) : NULL;
        sal_http_reply(request, &reply);
}

/* Alive: the loop answers. */
static void healthz(struct sal_http_request *request) {
        reply_text(request, 200, "text/plain; charset=utf-8", strdup("ok\n"), 3);
}

/* Whoever cannot publish still answers polls, halts and stops: that is told, and no reason to send machines away. */
static json_t *publication_json(const struct sal_service *service) {
        struct sal_publication_state state;
        char since[SAL_TIME_BYTES];
        if (!service->publication)
                return NULL;
        sal_publication_state(service->publication, &state);
        sal_time_format(state.failing_ms ? state.failing_ms : state.published_ms, since);
        if (!state.failing_ms)
                return json_pack("{s:s, s:s}", "state", "ok", "published", since);
        return json_pack("{s:s, s:s, s:s}", "state", "failing", "since", since, "why", state.why);
}

/* Ready: machines may be sent here. */
static void readyz(struct sal_http_request *request) {
        const struct sal_api *api = sal_http_plane_data(request);
        bool ready = atomic_load(&api->ready) && !atomic_load(&api->draining);
        if (!ready) {
                struct sal_err err;
                sal_fail(&err, SAL_E_OVERLOADED, "not ready: the server is %s",
                         atomic_load(&api->draining) ? "draining" : "starting");
                sal_reply_error(request, &err);
                return;
        }
        sal_reply_json_take(request, 200,
                            json_pack("{s:b, s:s, s:I, s:o*, s:o}", "ready", 1, "detail", "serving", "queue",
                                      (json_int_t)sal_ledger_depth(api->service->ledger), "publication",
                                      publication_json(api->service), "warnings",
                                      sal_trust_warning_texts(api->service, sal_clock_wall_ms())));
}

static void metrics(struct sal_http_request *request) {
        const struct sal_api *api = sal_http_plane_data(request);
        struct sal_buf text = SAL_BUF_INIT;
        sal_trust_metrics_update(api->service, sal_clock_wall_ms());
        sal_metrics_write(&text);
        size_t len = 0;
        char *data = sal_buf_take(&text, &len);
        reply_text(request, data ? 200 : 500, "text/plain; version=0.0.4; charset=utf-8", data, len);
}

const struct sal_http_route sal_api_ops_routes[] = {
        {.method = "GET", .path = "/healthz", .handle = healthz},
        {.method = "GET", .path = "/readyz", .handle = readyz},
        {.method = "GET", .path = "/metrics", .handle = metrics},
};
const size_t sal_api_ops_route_count = SAL_ARRAY_LEN(sal_api_ops_routes);
