/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"
#include "ledger/stats.h"

#include <stdlib.h>

enum { QUEUE_MAX_ADMIN = 256, QUEUE_MAX_REPORT = 8192, QUEUE_MAX_POLL = 8192 };

static const unsigned default_max[SAL_LANES] = {
        [SAL_LANE_ADMIN] = QUEUE_MAX_ADMIN,
        [SAL_LANE_REPORT] = QUEUE_MAX_REPORT,
        [SAL_LANE_POLL] = QUEUE_MAX_POLL,
};

enum sal_status sal_queue_init(struct sal_ledger *ledger, const struct sal_ledger_config *config) {
        for (int i = 0; i < SAL_LANES; i++) {
                struct sal_lane_queue *lane = &ledger->lanes[i];
                lane->max = config->queue_max[i] ? config->queue_max[i] : default_max[i];
                lane->jobs = calloc(lane->max, sizeof *lane->jobs);
                if (!lane->jobs)
                        return SAL_E_NOMEM;
        }
        return SAL_OK;
}

void sal_queue_done(struct sal_ledger *ledger) {
        for (int i = 0; i < SAL_LANES; i++)
                free(ledger->lanes[i].jobs);
}

enum sal_status sal_ledger_submit(struct sal_ledger *ledger, enum sal_lane lane_index,
                                  enum sal_status (*run)(struct sal_tx *tx, void *arg),
                                  void (*done)(void *arg, enum sal_status status), void *arg) {
        struct sal_lane_queue *lane = &ledger->lanes[lane_index];
        pthread_mutex_lock(&ledger->lock);
        unsigned waiting = atomic_load_explicit(&lane->waiting, memory_order_relaxed);
        bool room = !ledger->stopping && waiting < lane->max;
        if (room) {
                lane->jobs[(lane->head + waiting) % lane->max] =
                        (struct sal_job){.lane = lane_index, .run = run, .done = done, .arg = arg};
                atomic_store_explicit(&lane->waiting, waiting + 1, memory_order_relaxed);
                pthread_cond_signal(&ledger->changed);
        }
        pthread_mutex_unlock(&ledger->lock);
        if (!room) {
                sal_stats_refused(lane_index);
                return SAL_E_OVERLOADED;
        }
        sal_stats_waiting(lane_index, 1);
        return SAL_OK;
}

bool sal_queue_take(struct sal_ledger *ledger, struct sal_job *ret) {
        int from = SAL_LANES;
        pthread_mutex_lock(&ledger->lock);
        for (int i = 0; i < SAL_LANES; i++) {
                struct sal_lane_queue *lane = &ledger->lanes[i];
                unsigned waiting = atomic_load_explicit(&lane->waiting, memory_order_relaxed);
                if (waiting == 0)
                        continue;
                *ret = lane->jobs[lane->head];
                lane->head = (lane->head + 1) % lane->max;
                atomic_store_explicit(&lane->waiting, waiting - 1, memory_order_relaxed);
                from = i;
                break;
        }
        pthread_mutex_unlock(&ledger->lock);
        if (from == SAL_LANES)
                return false;
        sal_stats_waiting((enum sal_lane)from, -1);
        sal_stats_job((enum sal_lane)from);
        return true;
}

unsigned sal_ledger_depth(const struct sal_ledger *ledger) {
        unsigned depth = 0;
        for (int i = 0; i < SAL_LANES; i++)
                depth += atomic_load_explicit(&ledger->lanes[i].waiting, memory_order_relaxed);
        return depth;
}

double sal_ledger_load(const struct sal_ledger *ledger) {
        double load = 0;
        for (int i = 0; i < SAL_LANES; i++) {
                const struct sal_lane_queue *lane = &ledger->lanes[i];
                double share = (double)atomic_load_explicit(&lane->waiting, memory_order_relaxed) / lane->max;
                load = share > load ? share : load;
        }
        return load;
}
