/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledger: the one SQLite connection, the one thread that uses it, its bounded queue and its group commit.
 *
 * A job runs inside a transaction that it shares with the other jobs of its batch. What it was told of (its `done`)
 * comes only after the batch is committed and synced (WAL, synchronous=FULL), so that an answer never runs ahead of the
 * disk. While one batch syncs, the next one gathers. A write that fails (disk full, I/O error), and a job that ends
 * with anything else than a refusal (HTTP 500 and above: no memory, damage), rolls the whole batch back: every job of
 * it ends with that status, and the hook `rolled_back` lets the service read its state again. After a batch that failed
 * for want of memory, jobs of the lanes REPORT and POLL are refused with SAL_E_OVERLOADED for 100 ms, longer with each
 * such batch (up to 5 s), so that no flood of polls reads the state again and again.
 *
 * Threads: sal_ledger_submit is for any thread; `run`, `done` and every hook are called on the ledger's thread, and so
 * is everything that takes a struct sal_tx (store.h). Ownership: `arg` belongs to the caller until `done` was called,
 * exactly once.
 */
#ifndef SAL_LEDGER_LEDGER_H
#define SAL_LEDGER_LEDGER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct sal_ledger;
struct sal_tx;

/* In order of precedence; each lane has slots of its own, so that a queue full of polls never refuses a halt. */
enum sal_lane { SAL_LANE_ADMIN, SAL_LANE_REPORT, SAL_LANE_POLL, SAL_LANES };

struct sal_ledger_config {
        const char *path;              /* of the database file; its folder must exist */
        unsigned queue_max[SAL_LANES]; /* jobs waiting; 0: defaults 256, 8192, 8192 */
        unsigned batch_max;            /* jobs in a transaction; 0: 512 */
        unsigned batch_max_ms;         /* a batch is committed once it has run this long; 0: 20 */
        /* The clocks that transactions read, milliseconds; NULL: the real ones. Sleeping always goes by the real one.
         */
        int64_t (*wall_ms)(void);
        int64_t (*mono_ms)(void);
};

/* The upper room's part in each batch. All may be NULL. */
struct sal_ledger_hooks {
        void *arg;
        /* First in every batch (jobs or timer): due timers are worked off here, bounded. */
        void (*begin)(struct sal_tx *tx, void *arg);
        /* Last before COMMIT: what gathered in memory is written here. A failure rolls the batch back. */
        enum sal_status (*before_commit)(struct sal_tx *tx, void *arg);
        /* After the commit, before the jobs' done. */
        void (*committed)(void *arg);
        /* After a rollback: reads the state again (reads only); sal_tx_detail gives the reason of the rollback. A
         * failure here is tried again before the next batch. */
        enum sal_status (*rolled_back)(struct sal_tx *tx, void *arg);
        /* Milliseconds until a batch is wanted though no job waits; -1: none. Asked after every batch. */
        int64_t (*next_wake_ms)(void *arg);
};

/* Opens or creates the database and migrates it (a copy `<path>.before-<version>` is made first when it was not empty),
 * then reads what it needs. The thread does not run yet. Errors: SAL_E_CORRUPT (not ours, damaged), SAL_E_CONFLICT (a
 * newer schema: the detail names both versions and the remedy; or another process holds it), SAL_E_IO. */
enum sal_status sal_ledger_open(const struct sal_ledger_config *config, struct sal_ledger **ret,
                                struct sal_err *reterr);

/* Runs fn once in a transaction of its own on the calling thread, before sal_ledger_start: for loading. */
enum sal_status sal_ledger_run_now(struct sal_ledger *ledger, enum sal_status (*fn)(struct sal_tx *tx, void *arg),
                                   void *arg);

/* Starts the ledger's thread, which calls the hooks. Errors: SAL_E_NOMEM, SAL_E_INTERNAL (no thread). */
enum sal_status sal_ledger_start(struct sal_ledger *ledger, const struct sal_ledger_hooks *hooks,
                                 struct sal_err *reterr);

/* Queues a job. `run` gives the job's own result, which `done` receives unless the batch was rolled back (then
 * SAL_E_IO, SAL_E_CORRUPT …). A job that refuses (HTTP below 500) must not have written or changed anything: if it has
 * written, the whole batch is rolled back with SAL_E_INTERNAL; after any other failure it is rolled back in any case.
 * Errors: SAL_E_OVERLOADED (lane full, or stopping): done is then never called. */
enum sal_status sal_ledger_submit(struct sal_ledger *ledger, enum sal_lane lane,
                                  enum sal_status (*run)(struct sal_tx *tx, void *arg),
                                  void (*done)(void *arg, enum sal_status status), void *arg);

/* Asks for a batch soon, though no job waits. Any thread. */
void sal_ledger_wake(struct sal_ledger *ledger);

/* Jobs waiting now, all lanes; share (0..1) of the fullest lane. Any thread. */
unsigned sal_ledger_depth(const struct sal_ledger *ledger);
double sal_ledger_load(const struct sal_ledger *ledger);

/* Refuses new jobs, works off what is queued, runs a last batch (so that before_commit can write what it holds), joins
 * the thread. Not on the ledger's thread. */
void sal_ledger_stop(struct sal_ledger *ledger);
/* Checkpoints the WAL and closes. NULL is allowed. */
void sal_ledger_close(struct sal_ledger *ledger);

/* The ledger's clocks at this moment (those of its configuration). Any thread. */
int64_t sal_ledger_wall_ms(const struct sal_ledger *ledger);
int64_t sal_ledger_mono_ms(const struct sal_ledger *ledger);

/* Inside a job or hook: the wall clock and the monotonic clock, read once at the beginning of the batch. */
int64_t sal_tx_now_ms(const struct sal_tx *tx);
int64_t sal_tx_mono_ms(const struct sal_tx *tx);
/* Milliseconds by which this batch began later than next_wake_ms had asked for, less a second's grace: the process
 * stood still (stopped, frozen, starved), so nobody was served meanwhile. 0 as a rule. */
int64_t sal_tx_overslept_ms(const struct sal_tx *tx);
/* True when something was written in this batch: its commit reaches the disk. */
bool sal_tx_wrote(const struct sal_tx *tx);
/* The status of the first write that failed in this batch, SAL_OK if none. */
enum sal_status sal_tx_status(const struct sal_tx *tx);
/* The reason in words (SQLite's message), "" if none. */
const char *sal_tx_detail(const struct sal_tx *tx);

#endif
