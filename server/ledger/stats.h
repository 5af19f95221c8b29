/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stats: the ledger's metrics. This header is private to ledger/.
 *
 * Thread: any. Ownership: static.
 */
#ifndef SAL_LEDGER_STATS_H
#define SAL_LEDGER_STATS_H

#include "ledger/ledger.h"

/* Makes every metric visible before its first event. */
void sal_stats_register(void);
void sal_stats_waiting(enum sal_lane lane, int change);
void sal_stats_refused(enum sal_lane lane);
void sal_stats_job(enum sal_lane lane);
/* A batch of so many jobs was committed; how long COMMIT took with its sync. */
void sal_stats_commit(unsigned jobs, int64_t commit_us);
void sal_stats_rollback(void);
void sal_stats_checkpoint(int64_t us, int wal_pages);

#endif
