/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "base/metrics.h"

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
                            json_pack("{s:b, s:s, s:I}", "ready", 1, "detail", "serving", "queue",
                                      (json_int_t)sal_ledger_depth(api->service->ledger)));
}

static void metrics(struct sal_http_request *request) {
        struct sal_buf text = SAL_BUF_INIT;
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
