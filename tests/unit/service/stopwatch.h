/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operation costs: CPU of the ledger's thread (the kernel's part included), time and pages of the ledger, of
 * the median batch.
 *
 * Thread: the ledger's, which is the bench's. Ownership: a stopwatch borrows its bench.
 */
#ifndef SAL_TESTS_SERVICE_STOPWATCH_H
#define SAL_TESTS_SERVICE_STOPWATCH_H

#include "pending.h"

#include <time.h>

enum { BATCH = 50, BATCHES = 9 };

static inline double cpu_seconds(void) {
        struct timespec now;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of one operation, the median over the batches. */
struct cost {
        double cpu_us, wall_us, pages_touched, pages_missed, pages_written;
};

struct stopwatch {
        struct bench *bench;
        double cpu_s;
        int64_t wall_us;
        int count;
        struct cost batches[BATCHES];
        int operations;
};

static inline int page_count(const struct bench *b, int what) {
        int now = 0, high = 0;
        sqlite3_db_status(b->w.ledger->db, what, &now, &high, 1);
        return now;
}

static inline void watch_start(struct stopwatch *watch) {
        page_count(watch->bench, SQLITE_DBSTATUS_CACHE_HIT);
        page_count(watch->bench, SQLITE_DBSTATUS_CACHE_MISS);
        page_count(watch->bench, SQLITE_DBSTATUS_CACHE_WRITE);
        watch->wall_us = sal_clock_mono_us();
        watch->cpu_s = cpu_seconds();
}

static inline void watch_stop(struct stopwatch *watch, int operations) {
        struct bench *b = watch->bench;
        double n = operations;
        struct cost *cost = &watch->batches[watch->count++];
        watch->operations += operations;
        cost->cpu_us = (cpu_seconds() - watch->cpu_s) * 1e6 / n;
        cost->wall_us = (double)(sal_clock_mono_us() - watch->wall_us) / n;
        cost->pages_missed = page_count(b, SQLITE_DBSTATUS_CACHE_MISS) / n;
        cost->pages_touched = page_count(b, SQLITE_DBSTATUS_CACHE_HIT) / n + cost->pages_missed;
        cost->pages_written = page_count(b, SQLITE_DBSTATUS_CACHE_WRITE) / n;
}

static inline int by_value(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;
        return x < y ? -1 : x > y;
}

static inline double median(const struct stopwatch *watch, size_t offset) {
        double values[BATCHES];
        for (int i = 0; i < watch->count; i++)
                memcpy(&values[i], (const char *)&watch->batches[i] + offset, sizeof values[i]);
        qsort(values, (size_t)watch->count, sizeof values[0], by_value);
        return values[watch->count / 2];
}

/* Carries the log over to the file, however short it is; us per operation. */
static inline double carry_over(const struct stopwatch *watch) {
        enum { WORTH_IT_PAGES = 1000 };
        struct sal_ledger *ledger = watch->bench->w.ledger;
        double cpu_s = cpu_seconds();
        if (ledger->wal_pages > 0 && ledger->wal_pages < WORTH_IT_PAGES)
                ledger->wal_pages = WORTH_IT_PAGES;
        sal_checkpoint(ledger, true);
        return (cpu_seconds() - cpu_s) * 1e6 / watch->operations;
}

static inline void keep(struct stopwatch *watch, const char *what) {
        struct cost cost = {.cpu_us = median(watch, offsetof(struct cost, cpu_us)),
                            .wall_us = median(watch, offsetof(struct cost, wall_us)),
                            .pages_touched = median(watch, offsetof(struct cost, pages_touched)),
                            .pages_missed = median(watch, offsetof(struct cost, pages_missed)),
                            .pages_written = median(watch, offsetof(struct cost, pages_written))};
        double carry_us = carry_over(watch);
        json_object_set_new(watch->bench->json, what,
                            json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "cpu_us", cost.cpu_us, "carry_cpu_us", carry_us,
                                      "wall_us", cost.wall_us, "pages_touched", cost.pages_touched, "pages_missed",
                                      cost.pages_missed, "pages_written", cost.pages_written));
        printf("  %-34s %8.1f us CPU + %5.1f for the log, %8.1f us wall; pages: %6.1f touched, %5.1f not in cache, "
               "%5.1f written\n",
               what, cost.cpu_us, carry_us, cost.wall_us, cost.pages_touched, cost.pages_missed, cost.pages_written);
        fflush(stdout);
        watch->count = watch->operations = 0;
}

/* All that the ledger's thread does while something else waits. */
static inline void run_batch(struct bench *b) {
        sal_batch_run(b->w.ledger);
        sal_checkpoint(b->w.ledger, false);
}

#endif
