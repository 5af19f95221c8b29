/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

SAL_COUNTER(polls, "salvor_test_polls_total", "Polls answered.");
SAL_GAUGE(queue, "salvor_test_queue", "Requests waiting.");
SAL_HISTOGRAM(commit, "salvor_test_commit_seconds", "Time of a commit.");
static struct sal_metric by_plane[2] = {
        {.name = "salvor_test_requests_total", .help = "Requests.", .labels = "plane=\"machine\""},
        {.name = "salvor_test_requests_total", .help = "Requests.", .labels = "plane=\"admin\""},
};

static size_t occurrences(const char *text, const char *word) {
        size_t n = 0;
        for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
                n++;
        return n;
}

static void counters_and_gauges(void **state) {
        (void)state;
        sal_metric_add(&polls, 1);
        sal_metric_add(&polls, 2);
        sal_metric_set(&queue, -5);
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_metrics_write(&out);
        assert_non_null(strstr(out.data, "# HELP salvor_test_polls_total Polls answered.\n"
                                         "# TYPE salvor_test_polls_total counter\n"
                                         "salvor_test_polls_total 3\n"));
        assert_non_null(strstr(out.data, "# TYPE salvor_test_queue gauge\nsalvor_test_queue -5\n"));
}

static void one_name_one_heading(void **state) {
        (void)state;
        sal_metric_register(&by_plane[0]);
        sal_metric_add(&polls, 0);
        sal_metric_add(&by_plane[1], 9);
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_metrics_write(&out);
        assert_int_equal(occurrences(out.data, "# TYPE salvor_test_requests_total"), 1);
        assert_non_null(strstr(out.data, "salvor_test_requests_total{plane=\"machine\"} 0\n"));
        assert_non_null(strstr(out.data, "salvor_test_requests_total{plane=\"admin\"} 9\n"));
}

static void histograms_are_cumulative_and_in_seconds(void **state) {
        (void)state;
        sal_metric_observe_us(&commit, 50);
        sal_metric_observe_us(&commit, 51);
        sal_metric_observe_us(&commit, 0);
        sal_metric_observe_us(&commit, INT64_C(1000000000));
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_metrics_write(&out);
        assert_non_null(strstr(out.data, "salvor_test_commit_seconds_bucket{le=\"5e-05\"} 2\n"));
        assert_non_null(strstr(out.data, "salvor_test_commit_seconds_bucket{le=\"0.0001\"} 3\n"));
        assert_non_null(strstr(out.data, "salvor_test_commit_seconds_bucket{le=\"+Inf\"} 4\n"));
        assert_non_null(strstr(out.data, "salvor_test_commit_seconds_sum 1000.000101\n"));
        assert_non_null(strstr(out.data, "salvor_test_commit_seconds_count 4\n"));
}

SAL_COUNTER(shared, "salvor_test_shared_total", "Counted by many threads.");

static void *count_a_lot(void *unused) {
        for (int i = 0; i < 10000; i++)
                sal_metric_add(&shared, 1);
        return unused;
}

static void threads_lose_nothing(void **state) {
        (void)state;
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, count_a_lot, NULL), 0);
        sal_autobuf struct sal_buf beside = SAL_BUF_INIT;
        sal_metrics_write(&beside);
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_metrics_write(&out);
        assert_non_null(strstr(out.data, "salvor_test_shared_total 40000\n"));
        assert_int_equal(occurrences(out.data, "\nsalvor_test_shared_total "), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(counters_and_gauges),
                cmocka_unit_test(one_name_one_heading),
                cmocka_unit_test(histograms_are_cumulative_and_in_seconds),
                cmocka_unit_test(threads_lose_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
