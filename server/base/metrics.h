/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in the Prometheus text format 0.0.4. A metric is a static object that registers itself on first use; it never
 * carries a machine id as a label.
 *
 * Thread: updates are atomic and may come from any thread; sal_metrics_write may run beside them. Ownership: static.
 */
#ifndef SAL_BASE_METRICS_H
#define SAL_BASE_METRICS_H

#include "base/buf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum sal_metric_kind { SAL_METRIC_COUNTER, SAL_METRIC_GAUGE, SAL_METRIC_HISTOGRAM };
enum { SAL_METRIC_BUCKETS = 20 };

/* Histograms observe microseconds and are exported in seconds; bucket n holds up to 50 us * 2^n. */
struct sal_metric {
        const char *name; /* salvor_…_total, …_seconds, …_bytes */
        const char *help;
        const char *labels; /* NULL, or text such as plane="machine"; metrics of one name stand together */
        enum sal_metric_kind kind;
        atomic_int_fast64_t value;
        atomic_int_fast64_t sum_us;
        atomic_int_fast64_t buckets[SAL_METRIC_BUCKETS];
        atomic_bool registered;
        struct sal_metric *next;
};

#define SAL_COUNTER(id, n, h) static struct sal_metric id = {.name = (n), .help = (h), .kind = SAL_METRIC_COUNTER}
#define SAL_GAUGE(id, n, h) static struct sal_metric id = {.name = (n), .help = (h), .kind = SAL_METRIC_GAUGE}
#define SAL_HISTOGRAM(id, n, h) static struct sal_metric id = {.name = (n), .help = (h), .kind = SAL_METRIC_HISTOGRAM}

/* Makes a metric visible before its first update. */
void sal_metric_register(struct sal_metric *metric);
void sal_metric_add(struct sal_metric *metric, int64_t n);
void sal_metric_set(struct sal_metric *metric, int64_t value);
void sal_metric_observe_us(struct sal_metric *histogram, int64_t us);

/* Appends every registered metric, with # HELP and # TYPE once per name. */
void sal_metrics_write(struct sal_buf *out);

#endif
