/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/mem.h"

#include <string.h>

#define REQUESTS(p, c)                                                                                            \
        {                                                                                                         \
                .name = "salvor_http_requests_total", .help = "Requests answered, by plane and class of status.", \
                .labels = "plane=\"" p "\",class=\"" c "\"", .kind = SAL_METRIC_COUNTER                           \
        }
#define PER_PLANE(p, n, h, k) \
        { .name = (n), .help = (h), .labels = "plane=\"" p "\"", .kind = (k) }
#define STATS(p)                                                                                                     \
        {                                                                                                            \
                .requests = {REQUESTS(p, "1xx"), REQUESTS(p, "2xx"), REQUESTS(p, "3xx"), REQUESTS(p, "4xx"),         \
                             REQUESTS(p, "5xx")},                                                                    \
                .connections = PER_PLANE(p, "salvor_http_connections", "Connections now open.", SAL_METRIC_GAUGE),   \
                .held = PER_PLANE(p, "salvor_http_held_requests", "Requests now held.", SAL_METRIC_GAUGE),           \
                .refused = PER_PLANE(p, "salvor_http_connections_refused_total",                                     \
                                     "Connections closed at accept by a limit.", SAL_METRIC_COUNTER),                \
                .handshake_failures =                                                                                \
                        PER_PLANE(p, "salvor_http_tls_handshake_failures_total",                                     \
                                  "TLS connections that ended before their handshake did.", SAL_METRIC_COUNTER),     \
                .timeouts =                                                                                          \
                        PER_PLANE(p, "salvor_http_request_timeouts_total",                                           \
                                  "Connections cut because a request took too long to arrive.", SAL_METRIC_COUNTER), \
                .backoffs = PER_PLANE(p, "salvor_http_pump_backoffs_total",                                          \
                                      "Times the pump waited because rounds brought nothing.", SAL_METRIC_COUNTER)   \
        }

SAL_HISTOGRAM(duration, "salvor_http_request_seconds",
              "From a request's first line to the end of its answer; held requests are not counted.");

struct sal_http_stats *sal_http_stats(const char *plane) {
        static struct {
                const char *name;
                struct sal_http_stats stats;
        } all[] = {{"machine", STATS("machine")},
                   {"admin", STATS("admin")},
                   {"ops", STATS("ops")},
                   {"other", STATS("other")}};
        size_t i = 0;
        while (i + 1 < SAL_ARRAY_LEN(all) && strcmp(all[i].name, plane) != 0)
                i++;
        struct sal_http_stats *stats = &all[i].stats;
        for (size_t class = 1; class < SAL_ARRAY_LEN(stats->requests); class ++)
                sal_metric_register(&stats->requests[class]);
        struct sal_metric *const rest[] = {&stats->connections,        &stats->held,     &stats->refused,
                                           &stats->handshake_failures, &stats->timeouts, &stats->backoffs};
        for (size_t k = 0; k < SAL_ARRAY_LEN(rest); k++)
                sal_metric_register(rest[k]);
        sal_metric_register(&duration);
        return stats;
}

void sal_http_stats_answered(struct sal_http_stats *stats, int status, int64_t duration_us) {
        int class = status / 100 - 1;
        if (class >= 0 && (size_t) class < SAL_ARRAY_LEN(stats->requests))
                sal_metric_add(&stats->requests[class], 1);
        if (duration_us >= 0)
                sal_metric_observe_us(&duration, duration_us);
}
