/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

/* The number is counted in memory, so that no look-up stands in the way of a write; the table's own trigger refuses a
 * number that would leave a gap. */
enum sal_status sal_journal_append(struct sal_tx *tx, struct sal_journal_entry *entry) {
        struct sal_ledger *ledger = tx->ledger;
        int64_t seq = ledger->journal_seq + 1;
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_JOURNAL_INSERT);
        sal_put_int(&q, seq);
        sal_put_int(&q, entry->at_ms);
        sal_put_int(&q, entry->type);
        sal_put_int(&q, entry->version);
        sal_put_int(&q, entry->offer_row);
        sal_put_int(&q, entry->cause);
        sal_put_text(&q, entry->campaign);
        sal_put_text(&q, entry->machine_id);
        sal_put_text(&q, entry->ring);
        sal_put_text(&q, entry->detail);
        if (sal_query_run(&q) != SAL_OK)
                return q.status;
        ledger->journal_seq = seq;
        entry->seq = seq;
        return SAL_OK;
}

int64_t sal_journal_seq(struct sal_tx *tx) {
        return tx->ledger->journal_seq;
}

static enum sal_status walk(struct sal_query *q, bool (*each)(void *arg, const struct sal_journal_entry *entry),
                            void *arg) {
        bool more = true;
        while (more && sal_query_row(q)) {
                struct sal_journal_entry entry = {.seq = sal_take_int(q)};
                entry.at_ms = sal_take_int(q);
                entry.type = (enum sal_journal_type)sal_take_enum(q, SAL_JOURNAL_TYPES);
                entry.version = sal_take_int(q);
                entry.offer_row = sal_take_int(q);
                entry.cause = (enum sal_cause)sal_take_enum(q, SAL_CAUSES);
                entry.campaign = sal_take_borrowed(q);
                entry.machine_id = sal_take_borrowed(q);
                entry.ring = sal_take_borrowed(q);
                entry.detail = sal_take_borrowed(q);
                if (q->status == SAL_OK)
                        more = each(arg, &entry);
        }
        return q->status;
}

enum sal_status sal_journal_each(struct sal_tx *tx, int64_t after, unsigned limit,
                                 bool (*each)(void *arg, const struct sal_journal_entry *entry), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_JOURNAL_EACH);
        sal_put_int(&q, after);
        sal_put_limit(&q, limit);
        return walk(&q, each, arg);
}

enum sal_status sal_journal_each_decision(struct sal_tx *tx, const char *campaign, int64_t version, int64_t after,
                                          unsigned limit,
                                          bool (*each)(void *arg, const struct sal_journal_entry *entry), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_JOURNAL_EACH_DECISION);
        sal_put_text(&q, campaign);
        sal_put_int(&q, version);
        sal_put_int(&q, after);
        sal_put_limit(&q, limit);
        return walk(&q, each, arg);
}

enum sal_status sal_journal_newest_decisions(struct sal_tx *tx, const char *campaign, int64_t version, unsigned limit,
                                             bool (*each)(void *arg, const struct sal_journal_entry *entry),
                                             void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_JOURNAL_NEWEST_DECISIONS);
        sal_put_text(&q, campaign);
        sal_put_int(&q, version);
        sal_put_limit(&q, limit);
        return walk(&q, each, arg);
}
