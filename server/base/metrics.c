/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

enum { FIRST_BUCKET_US = 50 };

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sal_metric *registry;

/* Keeps metrics of one name next to each other, as the text format asks. */
void sal_metric_register(struct sal_metric *metric) {
        if (atomic_load_explicit(&metric->registered, memory_order_acquire))
                return;
        pthread_mutex_lock(&registry_lock);
        if (!atomic_load(&metric->registered)) {
                struct sal_metric **at = &registry;
                while (*at && strcmp((*at)->name, metric->name) < 0)
                        at = &(*at)->next;
                metric->next = *at;
                *at = metric;
                atomic_store_explicit(&metric->registered, true, memory_order_release);
        }
        pthread_mutex_unlock(&registry_lock);
}

void sal_metric_add(struct sal_metric *metric, int64_t n) {
        sal_metric_register(metric);
        atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void sal_metric_set(struct sal_metric *metric, int64_t value) {
        sal_metric_register(metric);
        atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void sal_metric_observe_us(struct sal_metric *histogram, int64_t us) {
        sal_metric_register(histogram);
        int bucket = 0;
        for (int64_t limit = FIRST_BUCKET_US; bucket < SAL_METRIC_BUCKETS && us > limit; limit *= 2)
                bucket++;
        if (bucket < SAL_METRIC_BUCKETS)
                atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
        atomic_fetch_add_explicit(&histogram->value, 1, memory_order_relaxed);
}

static void write_histogram(const struct sal_metric *m, struct sal_buf *out) {
        int64_t below = 0;
        int64_t total = atomic_load(&m->value);
        for (int i = 0; i < SAL_METRIC_BUCKETS; i++) {
                double limit = (double)((int64_t)FIRST_BUCKET_US << i) / 1e6;
                below += atomic_load(&m->buckets[i]);
                sal_buf_printf(out, "%s_bucket{le=\"%g\"} %" PRId64 "\n", m->name, limit, below);
        }
        if (total < below)
                total = below;
        sal_buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", m->name, total);
        sal_buf_printf(out, "%s_sum %.6f\n", m->name, (double)atomic_load(&m->sum_us) / 1e6);
        sal_buf_printf(out, "%s_count %" PRId64 "\n", m->name, total);
}

void sal_metrics_write(struct sal_buf *out) {
        static const char *const types[] = {"counter", "gauge", "histogram"};
        pthread_mutex_lock(&registry_lock);
        const char *last = "";
        for (const struct sal_metric *m = registry; m; m = m->next) {
                if (strcmp(m->name, last) != 0)
                        sal_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, types[m->kind]);
                last = m->name;
                if (m->kind == SAL_METRIC_HISTOGRAM)
                        write_histogram(m, out);
                else if (m->labels)
                        sal_buf_printf(out, "%s{%s} %" PRIdFAST64 "\n", m->name, m->labels, atomic_load(&m->value));
                else
                        sal_buf_printf(out, "%s %" PRIdFAST64 "\n", m->name, atomic_load(&m->value));
        }
        pthread_mutex_unlock(&registry_lock);
}
