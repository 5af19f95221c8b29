/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/log.h"
#include "ledger/internal.h"
#include "ledger/stats.h"

#include <string.h>

enum {
        CHECKPOINT_IDLE_PAGES = 1000, /* 4 MiB: carried over when nothing else waits */
        CHECKPOINT_MAX_PAGES = 16384, /* 64 MiB: carried over though jobs wait */
        RETRY_FIRST_MS = 100,
        RETRY_MAX_MS = 5000,
};

int64_t sal_ledger_wall_ms(const struct sal_ledger *ledger) {
        return ledger->wall_ms();
}

int64_t sal_ledger_mono_ms(const struct sal_ledger *ledger) {
        return ledger->mono_ms();
}

int64_t sal_tx_now_ms(const struct sal_tx *tx) {
        return tx->now_ms;
}

int64_t sal_tx_mono_ms(const struct sal_tx *tx) {
        return tx->mono_ms;
}

enum sal_status sal_tx_status(const struct sal_tx *tx) {
        return tx->status;
}

int64_t sal_tx_overslept_ms(const struct sal_tx *tx) {
        return tx->overslept_ms;
}

bool sal_tx_wrote(const struct sal_tx *tx) {
        return sqlite3_total_changes64(tx->ledger->db) != tx->changes_before;
}

const char *sal_tx_detail(const struct sal_tx *tx) {
        return tx->detail;
}

static void run_plain(struct sal_tx *tx, enum sal_sql sql) {
        sal_autoquery struct sal_query q = sal_query_open(tx, sql);
        sal_query_run(&q);
}

void sal_tx_begin(struct sal_ledger *ledger) {
        ledger->tx = (struct sal_tx){.ledger = ledger,
                                     .now_ms = ledger->wall_ms(),
                                     .mono_ms = ledger->mono_ms(),
                                     .changes_before = sqlite3_total_changes64(ledger->db)};
        run_plain(&ledger->tx, SAL_SQL_BEGIN);
}

/* The statement is run past the transaction's own status, which forbids everything else after a failure. SQLite may
 * have rolled back by itself already. */
static void roll_back(struct sal_ledger *ledger) {
        if (!sqlite3_get_autocommit(ledger->db))
                sqlite3_exec(ledger->db, sal_sql_texts[SAL_SQL_ROLLBACK], NULL, NULL, NULL);
        ledger->reload_wanted = true;
        sal_stats_rollback();
}

enum sal_status sal_tx_end(struct sal_ledger *ledger) {
        struct sal_tx *tx = &ledger->tx;
        if (tx->status == SAL_OK)
                sal_sums_flush(tx);
        if (tx->status == SAL_OK)
                run_plain(tx, SAL_SQL_COMMIT);
        if (tx->status != SAL_OK)
                roll_back(ledger);
        return tx->status;
}

/* ---- after a rollback ---- */

/* Reads again what is kept in memory, here and above. The reason of the rollback stays readable in the detail. */
enum sal_status sal_reload(struct sal_ledger *ledger) {
        struct sal_tx *tx = &ledger->tx;
        char reason[SAL_TX_DETAIL_BYTES];
        memcpy(reason, tx->detail, sizeof reason);
        sal_tx_begin(ledger);
        if (tx->status == SAL_OK)
                memcpy(tx->detail, reason, sizeof reason);
        enum sal_status status = tx->status == SAL_OK ? sal_sums_load(tx) : tx->status;
        if (status == SAL_OK && ledger->hooks.rolled_back)
                status = ledger->hooks.rolled_back(tx, ledger->hooks.arg);
        if (status == SAL_OK)
                status = tx->status;
        if (!sqlite3_get_autocommit(ledger->db))
                sqlite3_exec(ledger->db, sal_sql_texts[SAL_SQL_ROLLBACK], NULL, NULL, NULL);
        ledger->reload_wanted = status != SAL_OK;
        return status;
}

/* While the disk fails, timers try again ever more rarely; a job is always tried at once, so that it gets an answer. */
static void note_outcome(struct sal_ledger *ledger, bool good) {
        if (good) {
                ledger->failures = 0;
                ledger->retry_mono_ms = 0;
                return;
        }
        unsigned shift = ledger->failures < 6 ? ledger->failures : 6;
        int64_t pause_ms = (int64_t)RETRY_FIRST_MS << shift;
        ledger->failures++;
        ledger->retry_mono_ms = sal_clock_mono_ms() + (pause_ms < RETRY_MAX_MS ? pause_ms : RETRY_MAX_MS);
}

/* ---- a batch ---- */

static int64_t jobs_changes(const struct sal_ledger *ledger) {
        return sqlite3_total_changes64(ledger->db) - ledger->sums_changes;
}

/* A refusal says no before anything is touched; any other failure may come in the middle of the work. */
static bool is_refusal(enum sal_status status) {
        return sal_status_info(status)->http < 500;
}

/* A job that refuses promises to have written nothing; one that breaks this must not take half of its work to the disk.
 * One that fails otherwise may have changed the upper room's memory, which before_commit would write down though the
 * caller is told of a failure: the memory is read again, whether SQL was written or not. */
static void run_job(struct sal_ledger *ledger, struct sal_job *job) {
        struct sal_tx *tx = &ledger->tx;
        int64_t changes = jobs_changes(ledger);
        job->status = job->run(tx, job->arg);
        if (job->status == SAL_OK || tx->status != SAL_OK)
                return;
        if (!is_refusal(job->status))
                sal_tx_fail(tx, job->status, "a job failed (%s)", sal_status_info(job->status)->name);
        else if (jobs_changes(ledger) != changes)
                sal_tx_fail(tx, SAL_E_INTERNAL, "a job failed (%s) after it had written",
                            sal_status_info(job->status)->name);
}

/* ---- while memory is short ---- */

/* Each batch that failed costs a reload of everything, which takes memory itself. Machines ask again by themselves, so
 * it is they who wait; operators, who may want to halt, are always tried. */
static bool is_spared(const struct sal_ledger *ledger, const struct sal_job *job) {
        return job->lane != SAL_LANE_ADMIN && ledger->mono_ms() < ledger->spared_until_ms;
}

static void note_shortage(struct sal_ledger *ledger, enum sal_status status, unsigned count) {
        if (status == SAL_E_NOMEM) {
                unsigned shift = ledger->shortages < 6 ? ledger->shortages : 6;
                int64_t pause_ms = (int64_t)RETRY_FIRST_MS << shift;
                ledger->shortages++;
                ledger->spared_until_ms = ledger->mono_ms() + (pause_ms < RETRY_MAX_MS ? pause_ms : RETRY_MAX_MS);
                return;
        }
        for (unsigned i = 0; status == SAL_OK && i < count; i++)
                if (ledger->batch[i].lane != SAL_LANE_ADMIN && ledger->batch[i].status != SAL_E_OVERLOADED)
                        ledger->shortages = 0;
}

static unsigned run_jobs(struct sal_ledger *ledger) {
        struct sal_tx *tx = &ledger->tx;
        unsigned count = 0;
        while (count < ledger->batch_max && tx->status == SAL_OK) {
                if (count && ledger->mono_ms() - tx->mono_ms >= ledger->batch_max_ms)
                        break;
                if (!sal_queue_take(ledger, &ledger->batch[count]))
                        break;
                struct sal_job *job = &ledger->batch[count++];
                if (is_spared(ledger, job)) {
                        job->status = SAL_E_OVERLOADED;
                        sal_stats_refused(job->lane);
                } else {
                        run_job(ledger, job);
                }
        }
        return count;
}

/* When the batch failed before any job ran, those that wait are told so, instead of waiting for a disk that may never
 * come back. */
static unsigned take_unrun(struct sal_ledger *ledger) {
        unsigned count = 0;
        while (count < ledger->batch_max && sal_queue_take(ledger, &ledger->batch[count]))
                count++;
        return count;
}

static enum sal_status begin_batch(struct sal_ledger *ledger) {
        if (ledger->reload_wanted) {
                enum sal_status status = sal_reload(ledger);
                if (status != SAL_OK)
                        return status;
        }
        sal_tx_begin(ledger);
        ledger->tx.overslept_ms = ledger->overslept_ms;
        ledger->overslept_ms = 0;
        if (ledger->tx.status == SAL_OK && ledger->hooks.begin)
                ledger->hooks.begin(&ledger->tx, ledger->hooks.arg);
        return ledger->tx.status;
}

static enum sal_status end_batch(struct sal_ledger *ledger, unsigned count) {
        struct sal_tx *tx = &ledger->tx;
        if (tx->status == SAL_OK && ledger->hooks.before_commit) {
                enum sal_status status = ledger->hooks.before_commit(tx, ledger->hooks.arg);
                if (status != SAL_OK)
                        sal_tx_fail(tx, status, "what gathered in memory could not be written");
        }
        int64_t before_us = sal_clock_mono_us();
        enum sal_status status = sal_tx_end(ledger);
        if (status == SAL_OK)
                sal_stats_commit(count, sal_clock_mono_us() - before_us);
        return status;
}

void sal_batch_run(struct sal_ledger *ledger) {
        unsigned count = 0;
        enum sal_status status = begin_batch(ledger);
        bool begun = !ledger->reload_wanted;
        if (status == SAL_OK)
                count = run_jobs(ledger);
        if (begun)
                status = end_batch(ledger, count);
        if (status != SAL_OK && count == 0)
                count = take_unrun(ledger);
        if (status == SAL_OK) {
                if (ledger->hooks.committed)
                        ledger->hooks.committed(ledger->hooks.arg);
        } else {
                sal_log(SAL_LOG_DEBUG, "ledger.rollback", SAL_F_STR("reason", ledger->tx.detail),
                        SAL_F_INT("jobs", count));
                if (begun)
                        sal_reload(ledger);
        }
        note_outcome(ledger, status == SAL_OK);
        note_shortage(ledger, status, count);
        for (unsigned i = 0; i < count; i++) {
                struct sal_job *job = &ledger->batch[i];
                job->done(job->arg, status == SAL_OK ? job->status : status);
        }
}

/* ---- the write-ahead log ---- */

bool sal_checkpoint_wanted(const struct sal_ledger *ledger) {
        return ledger->wal_pages >= CHECKPOINT_IDLE_PAGES && sal_clock_mono_ms() >= ledger->checkpoint_retry_mono_ms;
}

void sal_checkpoint(struct sal_ledger *ledger, bool idle) {
        if (ledger->wal_pages < (idle ? CHECKPOINT_IDLE_PAGES : CHECKPOINT_MAX_PAGES))
                return;
        if (sal_clock_mono_ms() < ledger->checkpoint_retry_mono_ms)
                return;
        int64_t before_us = sal_clock_mono_us();
        int in_log = 0, carried = 0;
        int code = sqlite3_wal_checkpoint_v2(ledger->db, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &carried);
        if (code != SQLITE_OK) {
                sal_log(SAL_LOG_DEBUG, "ledger.checkpoint", SAL_F_STR("error", sqlite3_errmsg(ledger->db)));
                ledger->checkpoint_retry_mono_ms = sal_clock_mono_ms() + RETRY_MAX_MS;
                return;
        }
        ledger->wal_pages = in_log - carried;
        sal_stats_checkpoint(sal_clock_mono_us() - before_us, ledger->wal_pages);
}
