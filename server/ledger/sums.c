/* SPDX-License-Identifier: Apache-2.0 */
/* Sums that the store keeps with every change: machines by standing, offers by ring. They change in memory and are
 * written once per batch, in its transaction; a rollback throws them away and reads them again. */
#include "ledger/internal.h"

#include <string.h>

static enum sal_status load_machine_counts(struct sal_tx *tx) {
        struct sal_ledger *ledger = tx->ledger;
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_MACHINE_COUNTS);
        while (sal_query_row(&q)) {
                int standing = sal_take_enum(&q, SAL_STANDINGS);
                ledger->machine_counts[standing] = sal_take_int(&q);
        }
        return q.status;
}

enum sal_status sal_sums_load(struct sal_tx *tx) {
        struct sal_ledger *ledger = tx->ledger;
        ledger->ring_sums_count = 0;
        ledger->machine_counts_dirty = false;
        memset(ledger->machine_counts, 0, sizeof ledger->machine_counts);
        enum sal_status status = load_machine_counts(tx);
        if (status != SAL_OK)
                return status;
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_JOURNAL_SEQ);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        ledger->journal_seq = sal_take_int(&q);
        return SAL_OK;
}

static enum sal_status flush_ring_sums(struct sal_tx *tx, struct sal_ring_sums *sums) {
        for (int i = 0; i < SAL_PLAN_MAX_RINGS; i++) {
                const struct sal_ring_counts *ring = &sums->rings[i];
                if (ring->offered == 0)
                        continue; /* never had an offer, so it has no row */
                sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_RING_COUNT_PUT);
                sal_put_int(&q, sums->campaign_row);
                sal_put_int(&q, i);
                sal_put_int(&q, ring->machines);
                sal_put_int(&q, ring->offered);
                sal_put_int(&q, ring->unsettled);
                sal_put_int(&q, ring->succeeded);
                sal_put_int(&q, ring->failed);
                sal_put_int(&q, ring->not_applicable);
                if (sal_query_run(&q) != SAL_OK)
                        return q.status;
        }
        sums->dirty = false;
        return SAL_OK;
}

static enum sal_status flush_machine_counts(struct sal_tx *tx) {
        for (int i = 0; i < SAL_STANDINGS; i++) {
                sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_MACHINE_COUNT_PUT);
                sal_put_int(&q, i);
                sal_put_int(&q, tx->ledger->machine_counts[i]);
                if (sal_query_run(&q) != SAL_OK)
                        return q.status;
        }
        tx->ledger->machine_counts_dirty = false;
        return SAL_OK;
}

enum sal_status sal_sums_flush(struct sal_tx *tx) {
        struct sal_ledger *ledger = tx->ledger;
        int64_t changes = sqlite3_total_changes64(ledger->db);
        enum sal_status status = ledger->machine_counts_dirty ? flush_machine_counts(tx) : SAL_OK;
        for (unsigned i = 0; status == SAL_OK && i < ledger->ring_sums_count; i++)
                if (ledger->ring_sums[i].dirty)
                        status = flush_ring_sums(tx, &ledger->ring_sums[i]);
        ledger->sums_changes += sqlite3_total_changes64(ledger->db) - changes;
        return status;
}

static enum sal_status read_ring_sums(struct sal_tx *tx, struct sal_ring_sums *sums) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_RING_COUNTS);
        sal_put_int(&q, sums->campaign_row);
        while (sal_query_row(&q)) {
                struct sal_ring_counts *ring = &sums->rings[sal_take_enum(&q, SAL_PLAN_MAX_RINGS)];
                ring->machines = sal_take_int(&q);
                ring->offered = sal_take_int(&q);
                ring->unsettled = sal_take_int(&q);
                ring->succeeded = sal_take_int(&q);
                ring->failed = sal_take_int(&q);
                ring->not_applicable = sal_take_int(&q);
        }
        return q.status;
}

struct sal_ring_sums *sal_sums_of(struct sal_tx *tx, int64_t campaign_row) {
        struct sal_ledger *ledger = tx->ledger;
        for (unsigned i = 0; i < ledger->ring_sums_count; i++)
                if (ledger->ring_sums[i].campaign_row == campaign_row)
                        return &ledger->ring_sums[i];
        if (ledger->ring_sums_count == SAL_RING_CACHE_MAX) {
                if (sal_sums_flush(tx) != SAL_OK)
                        return NULL;
                ledger->ring_sums_count = 0;
        }
        struct sal_ring_sums *sums = &ledger->ring_sums[ledger->ring_sums_count];
        *sums = (struct sal_ring_sums){.campaign_row = campaign_row};
        if (read_ring_sums(tx, sums) != SAL_OK)
                return NULL;
        ledger->ring_sums_count++;
        return sums;
}

void sal_sums_forget(struct sal_tx *tx, int64_t campaign_row) {
        struct sal_ledger *ledger = tx->ledger;
        for (unsigned i = 0; i < ledger->ring_sums_count; i++)
                if (ledger->ring_sums[i].campaign_row == campaign_row) {
                        ledger->ring_sums[i] = ledger->ring_sums[--ledger->ring_sums_count];
                        return;
                }
}
