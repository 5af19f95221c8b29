/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the ledger: the structures that its files share. This header is private to ledger/.
 *
 * Thread: fields under `lock` belong to every thread, the others to the ledger's thread (before sal_ledger_start and
 * after sal_ledger_stop: to the caller's). Ownership: the ledger owns all it points to.
 */
#ifndef SAL_LEDGER_INTERNAL_H
#define SAL_LEDGER_INTERNAL_H

#include "ledger/ledger.h"
#include "ledger/query.h"
#include "ledger/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
        SAL_RING_CACHE_MAX = 128, /* campaigns whose ring sums are held in memory */
        SAL_TX_DETAIL_BYTES = 256,
};

struct sal_job {
        enum sal_lane lane;
        enum sal_status (*run)(struct sal_tx *tx, void *arg);
        void (*done)(void *arg, enum sal_status status);
        void *arg;
        enum sal_status status;
};

/* A ring buffer of jobs. */
struct sal_lane_queue {
        struct sal_job *jobs;
        unsigned max, head;
        atomic_uint waiting; /* written under lock, read by anyone */
};

/* The sums of one campaign's rings, as they will be once this batch is committed. */
struct sal_ring_sums {
        int64_t campaign_row;
        bool dirty;
        struct sal_ring_counts rings[SAL_PLAN_MAX_RINGS];
};

struct sal_tx {
        struct sal_ledger *ledger;
        int64_t now_ms, mono_ms, overslept_ms;
        int64_t changes_before; /* of the connection, when the batch began */
        enum sal_status status;
        char detail[SAL_TX_DETAIL_BYTES];
};

struct sal_ledger {
        char *path;
        int64_t (*wall_ms)(void);
        int64_t (*mono_ms)(void);
        sqlite3 *db;
        sqlite3_stmt *statements[SAL_SQL_COUNT];
        bool busy[SAL_SQL_COUNT];
        int64_t overslept_ms; /* of the batch that begins next */
        struct sal_tx tx;

        /* What the store keeps in memory; read again after every rollback. */
        int64_t journal_seq;
        int64_t machine_counts[SAL_STANDINGS];
        bool machine_counts_dirty;
        struct sal_ring_sums ring_sums[SAL_RING_CACHE_MAX];
        unsigned ring_sums_count;
        int64_t sums_changes; /* rows that flushing the sums has changed: nobody's job */

        /* Batches. */
        unsigned batch_max, batch_max_ms;
        struct sal_job *batch; /* batch_max jobs */
        struct sal_ledger_hooks hooks;
        bool reload_wanted; /* a rollback happened and the memory was not read again yet */
        int wal_pages;      /* in the write-ahead log, not yet in the database */
        unsigned failures;  /* batches that failed in a row */
        int64_t retry_mono_ms, checkpoint_retry_mono_ms;
        unsigned shortages;      /* batches that failed for want of memory, with no machine's job done since */
        int64_t spared_until_ms; /* of the ledger's monotonic clock: until then machines' jobs are refused */

        pthread_t thread;
        bool thread_runs;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct sal_lane_queue lanes[SAL_LANES]; /* under lock */
        bool wake, stopping;                    /* under lock */
};

/* open.c: the connection with its settings, at the newest schema. */
enum sal_status sal_connection_open(struct sal_ledger *ledger, struct sal_err *reterr);
void sal_connection_close(struct sal_ledger *ledger);

/* sums.c. Reads what is kept in memory. */
enum sal_status sal_sums_load(struct sal_tx *tx);
/* Writes the sums that changed; last before COMMIT. */
enum sal_status sal_sums_flush(struct sal_tx *tx);
/* The sums of a campaign, read from the disk when they are not in memory. NULL: the transaction has failed. */
struct sal_ring_sums *sal_sums_of(struct sal_tx *tx, int64_t campaign_row);
void sal_sums_forget(struct sal_tx *tx, int64_t campaign_row);

/* batch.c: one transaction. */
void sal_tx_begin(struct sal_ledger *ledger);
/* Commits, or rolls back when anything failed; gives the batch's status. */
enum sal_status sal_tx_end(struct sal_ledger *ledger);
/* After a rollback: reads again what is kept in memory, here and (hook rolled_back) above. */
enum sal_status sal_reload(struct sal_ledger *ledger);
/* A whole batch: begin, jobs, hooks, commit, done. */
void sal_batch_run(struct sal_ledger *ledger);
/* Copies the write-ahead log into the database when it is worth it. idle: nothing else waits. */
void sal_checkpoint(struct sal_ledger *ledger, bool idle);
/* True when an idle thread should do so. */
bool sal_checkpoint_wanted(const struct sal_ledger *ledger);

/* queue.c. Takes the next job, ADMIN before REPORT before POLL; false when there is none. */
bool sal_queue_take(struct sal_ledger *ledger, struct sal_job *ret);
enum sal_status sal_queue_init(struct sal_ledger *ledger, const struct sal_ledger_config *config);
void sal_queue_done(struct sal_ledger *ledger);

#endif
