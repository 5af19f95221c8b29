/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/stats.h"

#include "base/metrics.h"

#define BY_LANE(id, n, h, k)                                                                              \
        static struct sal_metric id[SAL_LANES] = {                                                        \
                [SAL_LANE_ADMIN] = {.name = (n), .help = (h), .labels = "lane=\"admin\"", .kind = (k)},   \
                [SAL_LANE_REPORT] = {.name = (n), .help = (h), .labels = "lane=\"report\"", .kind = (k)}, \
                [SAL_LANE_POLL] = {.name = (n), .help = (h), .labels = "lane=\"poll\"", .kind = (k)},     \
        }

BY_LANE(waiting_jobs, "salvor_ledger_queue_jobs", "Jobs that wait for the ledger", SAL_METRIC_GAUGE);
BY_LANE(refused_jobs, "salvor_ledger_refused_total", "Jobs refused because their lane was full", SAL_METRIC_COUNTER);
BY_LANE(jobs, "salvor_ledger_jobs_total", "Jobs that the ledger took up", SAL_METRIC_COUNTER);
SAL_COUNTER(batches, "salvor_ledger_batches_total", "Batches committed");
SAL_COUNTER(batch_jobs, "salvor_ledger_committed_jobs_total", "Jobs committed, all batches together");
SAL_GAUGE(last_batch, "salvor_ledger_batch_jobs", "Jobs in the newest batch");
SAL_COUNTER(rollbacks, "salvor_ledger_rollbacks_total", "Batches rolled back after a failed write");
SAL_HISTOGRAM(commit_time, "salvor_ledger_commit_seconds", "Time of COMMIT with its sync");
SAL_HISTOGRAM(checkpoint_time, "salvor_ledger_checkpoint_seconds", "Time to carry the log over into the database");
SAL_GAUGE(wal_size, "salvor_ledger_wal_pages", "Pages of the log after the newest checkpoint");

void sal_stats_register(void) {
        for (int i = 0; i < SAL_LANES; i++) {
                sal_metric_register(&waiting_jobs[i]);
                sal_metric_register(&refused_jobs[i]);
                sal_metric_register(&jobs[i]);
        }
        struct sal_metric *const others[] = {&batches,     &batch_jobs,      &last_batch, &rollbacks,
                                             &commit_time, &checkpoint_time, &wal_size};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                sal_metric_register(others[i]);
}

void sal_stats_waiting(enum sal_lane lane, int change) {
        sal_metric_add(&waiting_jobs[lane], change);
}

void sal_stats_refused(enum sal_lane lane) {
        sal_metric_add(&refused_jobs[lane], 1);
}

void sal_stats_job(enum sal_lane lane) {
        sal_metric_add(&jobs[lane], 1);
}

void sal_stats_commit(unsigned count, int64_t commit_us) {
        sal_metric_add(&batches, 1);
        sal_metric_add(&batch_jobs, count);
        sal_metric_set(&last_batch, count);
        sal_metric_observe_us(&commit_time, commit_us);
}

void sal_stats_rollback(void) {
        sal_metric_add(&rollbacks, 1);
}

void sal_stats_checkpoint(int64_t us, int wal_pages) {
        sal_metric_observe_us(&checkpoint_time, us);
        sal_metric_set(&wal_size, wal_pages);
}
