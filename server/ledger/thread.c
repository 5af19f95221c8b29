/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/mem.h"
#include "ledger/internal.h"
#include "ledger/stats.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { BATCH_MAX_DEFAULT = 512, BATCH_MAX_MS_DEFAULT = 20, NEVER = -1, OVERSLEPT_GRACE_MS = 1000 };

static enum sal_status init(struct sal_ledger *ledger, const struct sal_ledger_config *config) {
        ledger->batch_max = config->batch_max ? config->batch_max : BATCH_MAX_DEFAULT;
        ledger->batch_max_ms = config->batch_max_ms ? config->batch_max_ms : BATCH_MAX_MS_DEFAULT;
        ledger->wall_ms = config->wall_ms ? config->wall_ms : sal_clock_wall_ms;
        ledger->mono_ms = config->mono_ms ? config->mono_ms : sal_clock_mono_ms;
        ledger->path = strdup(config->path);
        ledger->batch = calloc(ledger->batch_max, sizeof *ledger->batch);
        if (!ledger->path || !ledger->batch)
                return SAL_E_NOMEM;
        return sal_queue_init(ledger, config);
}

static void init_locks(struct sal_ledger *ledger) {
        pthread_condattr_t attributes;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&ledger->changed, &attributes);
        pthread_condattr_destroy(&attributes);
        pthread_mutex_init(&ledger->lock, NULL);
}

static enum sal_status load(struct sal_tx *tx, void *arg) {
        (void)arg;
        return sal_sums_load(tx);
}

enum sal_status sal_ledger_open(const struct sal_ledger_config *config, struct sal_ledger **ret,
                                struct sal_err *reterr) {
        struct sal_ledger *ledger = calloc(1, sizeof *ledger);
        if (!ledger)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        init_locks(ledger);
        enum sal_status status = init(ledger, config);
        if (status != SAL_OK)
                sal_fail(reterr, status, "out of memory");
        else
                status = sal_connection_open(ledger, reterr);
        if (status == SAL_OK) {
                status = sal_ledger_run_now(ledger, load, NULL);
                if (status != SAL_OK)
                        sal_fail(reterr, status, "cannot read the database %s: %s", ledger->path, ledger->tx.detail);
        }
        if (status != SAL_OK) {
                sal_ledger_close(ledger);
                return status;
        }
        sal_stats_register();
        *ret = ledger;
        return SAL_OK;
}

enum sal_status sal_ledger_run_now(struct sal_ledger *ledger, enum sal_status (*fn)(struct sal_tx *tx, void *arg),
                                   void *arg) {
        sal_tx_begin(ledger);
        struct sal_tx *tx = &ledger->tx;
        enum sal_status status = tx->status == SAL_OK ? fn(tx, arg) : tx->status;
        if (status != SAL_OK)
                sal_tx_fail(tx, status, "the function failed");
        enum sal_status end = sal_tx_end(ledger);
        if (end != SAL_OK)
                sal_reload(ledger);
        sal_checkpoint(ledger, false);
        return status != SAL_OK ? status : end;
}

/* When the next batch is due though no job waits: monotonic milliseconds, or NEVER. */
static int64_t next_batch_mono_ms(struct sal_ledger *ledger) {
        int64_t wait_ms = ledger->hooks.next_wake_ms ? ledger->hooks.next_wake_ms(ledger->hooks.arg) : NEVER;
        if (wait_ms < 0)
                return NEVER;
        int64_t now_ms = sal_clock_mono_ms();
        int64_t at_ms = wait_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + wait_ms;
        return at_ms > ledger->retry_mono_ms ? at_ms : ledger->retry_mono_ms;
}

/* Waits for a change, at most until at_mono_ms. The lock is held. */
static void wait_change(struct sal_ledger *ledger, int64_t at_mono_ms) {
        if (at_mono_ms == NEVER) {
                pthread_cond_wait(&ledger->changed, &ledger->lock);
                return;
        }
        const int64_t far_ms = INT64_C(86400000) * 365; /* keeps time_t and the kernel's arithmetic in bounds */
        int64_t limit_ms = sal_clock_mono_ms() + far_ms;
        int64_t at_ms = at_mono_ms < limit_ms ? at_mono_ms : limit_ms;
        struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
        pthread_cond_timedwait(&ledger->changed, &ledger->lock, &at);
}

/* Sleeps until a batch is wanted. The time in which nothing else is to do goes to the write-ahead log. Returns false
 * when the ledger is stopping and its queue is empty. */
static bool wait_for_work(struct sal_ledger *ledger, int64_t at_mono_ms) {
        const int64_t asked_mono_ms = at_mono_ms;
        bool go_on = true;
        pthread_mutex_lock(&ledger->lock);
        while (sal_ledger_depth(ledger) == 0) {
                if (ledger->stopping) {
                        go_on = false;
                        break;
                }
                int64_t now_ms = sal_clock_mono_ms();
                if (ledger->wake && at_mono_ms == NEVER)
                        at_mono_ms = ledger->retry_mono_ms;
                else if (ledger->wake && at_mono_ms > ledger->retry_mono_ms)
                        at_mono_ms = ledger->retry_mono_ms;
                if (at_mono_ms != NEVER && now_ms >= at_mono_ms)
                        break;
                if (sal_checkpoint_wanted(ledger)) {
                        pthread_mutex_unlock(&ledger->lock);
                        sal_checkpoint(ledger, true);
                        pthread_mutex_lock(&ledger->lock);
                        continue;
                }
                wait_change(ledger, at_mono_ms);
        }
        ledger->wake = false;
        pthread_mutex_unlock(&ledger->lock);
        int64_t late_ms = asked_mono_ms == NEVER ? 0 : sal_clock_mono_ms() - asked_mono_ms - OVERSLEPT_GRACE_MS;
        ledger->overslept_ms = late_ms > 0 ? late_ms : 0;
        return go_on;
}

static void *run_thread(void *arg) {
        struct sal_ledger *ledger = arg;
        while (wait_for_work(ledger, next_batch_mono_ms(ledger))) {
                sal_batch_run(ledger);
                sal_checkpoint(ledger, false);
        }
        sal_batch_run(ledger); /* the last one takes to the disk what the hooks still gather */
        return NULL;
}

enum sal_status sal_ledger_start(struct sal_ledger *ledger, const struct sal_ledger_hooks *hooks,
                                 struct sal_err *reterr) {
        if (ledger->thread_runs)
                return sal_fail(reterr, SAL_E_CONFLICT, "the ledger's thread runs already");
        ledger->hooks = hooks ? *hooks : (struct sal_ledger_hooks){0};
        int error = pthread_create(&ledger->thread, NULL, run_thread, ledger);
        if (error)
                return sal_fail(reterr, SAL_E_INTERNAL, "cannot start the ledger's thread: %s", strerror(error));
        ledger->thread_runs = true;
        pthread_setname_np(ledger->thread, "ledger");
        return SAL_OK;
}

void sal_ledger_wake(struct sal_ledger *ledger) {
        pthread_mutex_lock(&ledger->lock);
        ledger->wake = true;
        pthread_cond_signal(&ledger->changed);
        pthread_mutex_unlock(&ledger->lock);
}

void sal_ledger_stop(struct sal_ledger *ledger) {
        pthread_mutex_lock(&ledger->lock);
        ledger->stopping = true;
        pthread_cond_signal(&ledger->changed);
        pthread_mutex_unlock(&ledger->lock);
        if (ledger->thread_runs) {
                pthread_join(ledger->thread, NULL);
                ledger->thread_runs = false;
        }
        /* Only when the thread was never started: nobody else will answer these. */
        struct sal_job job;
        while (sal_queue_take(ledger, &job))
                job.done(job.arg, SAL_E_OVERLOADED);
}

void sal_ledger_close(struct sal_ledger *ledger) {
        if (!ledger)
                return;
        sal_ledger_stop(ledger);
        sal_connection_close(ledger);
        sal_queue_done(ledger);
        pthread_cond_destroy(&ledger->changed);
        pthread_mutex_destroy(&ledger->lock);
        free(ledger->batch);
        free(ledger->path);
        free(ledger);
}
