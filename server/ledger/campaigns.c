/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

#include <stdlib.h>

void sal_campaign_row_done(struct sal_campaign_row *row) {
        free(row->payload);
        free(row->envelope);
        row->payload = row->envelope = NULL;
}

static void take_row(struct sal_query *q, struct sal_campaign_row *ret) {
        *ret = (struct sal_campaign_row){.row = sal_take_int(q)};
        sal_take_text(q, ret->id, sizeof ret->id);
        ret->version = sal_take_int(q);
        ret->state = (enum sal_campaign_state)sal_take_enum(q, SAL_CAMPAIGN_STATES);
        sal_take_text(q, ret->digest, sizeof ret->digest);
        sal_take_text(q, ret->drafted_by, sizeof ret->drafted_by);
        ret->created_ms = sal_take_int(q);
        ret->started_ms = sal_take_int(q);
        ret->start_order = sal_take_int(q);
        ret->rings_open = sal_take_int(q);
        ret->period = sal_take_int(q);
        ret->halts_resumed = sal_take_int(q);
        ret->served_offset_ms = sal_take_int(q);
        ret->served_stopped_ms = sal_take_int(q);
        ret->last_take_served_ms = sal_take_int(q);
        ret->halted_by_engine = sal_take_bool(q);
        ret->halt_decision = sal_take_int(q);
        ret->offers_made = sal_take_int(q);
        ret->unsettled = sal_take_int(q);
        ret->succeeded = sal_take_int(q);
        ret->failed = sal_take_int(q);
        ret->silent = sal_take_int(q);
        ret->not_applicable = sal_take_int(q);
        ret->recalled = sal_take_int(q);
        ret->recall_row = sal_take_int(q);
        ret->recall_cause = (enum sal_cause)sal_take_enum(q, SAL_CAUSES);
        ret->fleet_known = sal_take_int(q);
        ret->last_busy_served_ms = sal_take_int(q);
}

static enum sal_status load_bytes(struct sal_tx *tx, struct sal_campaign_row *row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_CAMPAIGN_BYTES_GET);
        sal_put_int(&q, row->row);
        if (!sal_query_row(&q))
                return q.status != SAL_OK ? q.status
                                          : sal_tx_fail(tx, SAL_E_CORRUPT, "campaign %s/%lld lost its payload", row->id,
                                                        (long long)row->version);
        row->payload = sal_take_copy(&q, &row->payload_len);
        row->envelope = sal_take_copy(&q, &row->envelope_len);
        return q.status;
}

/* The row at hand with its bytes; on failure *ret holds nothing that must be released. */
static enum sal_status take_whole(struct sal_query *q, bool with_bytes, struct sal_campaign_row *ret) {
        take_row(q, ret);
        if (q->status == SAL_OK && with_bytes)
                q->status = load_bytes(q->tx, ret);
        if (q->status != SAL_OK)
                sal_campaign_row_done(ret);
        return q->status;
}

enum sal_status sal_campaign_row_get(struct sal_tx *tx, const char *id, int64_t version, bool with_bytes,
                                     struct sal_campaign_row *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_CAMPAIGN_GET);
        sal_put_text(&q, id);
        sal_put_int(&q, version);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        struct sal_campaign_row row;
        enum sal_status status = take_whole(&q, with_bytes, &row);
        if (status == SAL_OK)
                *ret = row;
        return status;
}

enum sal_status sal_campaign_row_get_row(struct sal_tx *tx, int64_t row, struct sal_campaign_row *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_CAMPAIGN_GET_ROW);
        sal_put_int(&q, row);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        struct sal_campaign_row found;
        enum sal_status status = take_whole(&q, false, &found);
        if (status == SAL_OK)
                *ret = found;
        return status;
}

/* The columns that insert and update share, in the order of both statements. */
static void put_progress(struct sal_query *q, const struct sal_campaign_row *row) {
        sal_put_int(q, row->started_ms);
        sal_put_int(q, row->start_order);
        sal_put_int(q, row->rings_open);
        sal_put_int(q, row->period);
        sal_put_int(q, row->halts_resumed);
        sal_put_int(q, row->served_offset_ms);
        sal_put_int(q, row->served_stopped_ms);
        sal_put_int(q, row->last_take_served_ms);
        sal_put_int(q, row->halted_by_engine);
        sal_put_int(q, row->halt_decision);
        sal_put_int(q, row->offers_made);
        sal_put_int(q, row->unsettled);
        sal_put_int(q, row->succeeded);
        sal_put_int(q, row->failed);
        sal_put_int(q, row->silent);
        sal_put_int(q, row->not_applicable);
        sal_put_int(q, row->recalled);
        sal_put_int(q, row->recall_row);
        sal_put_int(q, row->recall_cause);
        sal_put_int(q, row->fleet_known);
        sal_put_int(q, row->last_busy_served_ms);
}

static enum sal_status insert_bytes(struct sal_tx *tx, const struct sal_campaign_row *row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_CAMPAIGN_BYTES_INSERT);
        sal_put_int(&q, row->row);
        sal_put_blob(&q, row->payload, row->payload_len);
        sal_put_blob(&q, row->envelope, row->envelope_len);
        return sal_query_run(&q);
}

enum sal_status sal_campaign_row_insert(struct sal_tx *tx, struct sal_campaign_row *row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_CAMPAIGN_INSERT);
        sal_put_text(&q, row->id);
        sal_put_int(&q, row->version);
        sal_put_int(&q, row->state);
        sal_put_text(&q, row->digest);
        sal_put_text(&q, row->drafted_by);
        sal_put_int(&q, row->created_ms);
        put_progress(&q, row);
        if (sal_query_run(&q) != SAL_OK)
                return q.status;
        row->row = sqlite3_last_insert_rowid(tx->ledger->db);
        return insert_bytes(tx, row);
}

static enum sal_status put_bytes(struct sal_tx *tx, enum sal_sql sql, int64_t campaign_row, const char *bytes,
                                 size_t len) {
        if (!bytes)
                return SAL_OK;
        sal_autoquery struct sal_query q = sal_query_open(tx, sql);
        sal_put_int(&q, campaign_row);
        sal_put_blob(&q, bytes, len);
        return sal_query_run(&q);
}

enum sal_status sal_campaign_row_update(struct sal_tx *tx, const struct sal_campaign_row *row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_CAMPAIGN_UPDATE);
        sal_put_int(&q, row->row);
        sal_put_int(&q, row->state);
        sal_put_text(&q, row->digest);
        put_progress(&q, row);
        if (sal_query_run(&q) != SAL_OK)
                return q.status;
        if (sqlite3_changes(tx->ledger->db) != 1)
                return sal_tx_fail(tx, SAL_E_INTERNAL, "no campaign %lld to update", (long long)row->row);
        enum sal_status status = put_bytes(tx, SAL_SQL_CAMPAIGN_PAYLOAD_PUT, row->row, row->payload, row->payload_len);
        if (status != SAL_OK)
                return status;
        return put_bytes(tx, SAL_SQL_CAMPAIGN_ENVELOPE_PUT, row->row, row->envelope, row->envelope_len);
}

enum sal_status sal_campaign_row_delete(struct sal_tx *tx, int64_t row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_CAMPAIGN_DELETE);
        sal_put_int(&q, row);
        sal_sums_forget(tx, row);
        return sal_query_run(&q);
}

static enum sal_status walk(struct sal_query *q, bool with_bytes,
                            bool (*each)(void *arg, const struct sal_campaign_row *row), void *arg) {
        bool more = true;
        while (more && sal_query_row(q)) {
                struct sal_campaign_row row;
                if (take_whole(q, with_bytes, &row) != SAL_OK)
                        break;
                more = each(arg, &row);
                sal_campaign_row_done(&row);
        }
        return q->status;
}

enum sal_status sal_campaign_row_each(struct sal_tx *tx, const char *after_id, int64_t after_version, unsigned limit,
                                      bool with_bytes, bool (*each)(void *arg, const struct sal_campaign_row *row),
                                      void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_CAMPAIGN_EACH);
        sal_put_text(&q, after_id);
        sal_put_int(&q, after_version);
        sal_put_limit(&q, limit);
        return walk(&q, with_bytes, each, arg);
}

enum sal_status sal_campaign_row_each_live(struct sal_tx *tx,
                                           bool (*each)(void *arg, const struct sal_campaign_row *row), void *arg) {
        sal_autoquery struct sal_query live = sal_query_open(tx, SAL_SQL_CAMPAIGN_EACH_LIVE);
        enum sal_status status = walk(&live, true, each, arg);
        if (status)
                return status;
        sal_autoquery struct sal_query ending = sal_query_open(tx, SAL_SQL_CAMPAIGN_EACH_ENDING);
        return walk(&ending, true, each, arg);
}

enum sal_status sal_campaign_ended_clocks(struct sal_tx *tx, bool stand, int64_t daemon_served_ms) {
        sal_autoquery struct sal_query q =
                sal_query_open(tx, stand ? SAL_SQL_CAMPAIGN_ENDED_STAND : SAL_SQL_CAMPAIGN_ENDED_RUN);
        sal_put_int(&q, daemon_served_ms);
        return sal_query_run(&q);
}

/* ---- signatures ---- */

enum sal_status sal_signature_put(struct sal_tx *tx, int64_t campaign_row, const char *keyid, const char *sig_base64) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_SIGNATURE_PUT);
        sal_put_int(&q, campaign_row);
        sal_put_text(&q, keyid);
        sal_put_text(&q, sig_base64);
        return sal_query_run(&q);
}

enum sal_status sal_signature_each(struct sal_tx *tx, int64_t campaign_row,
                                   bool (*each)(void *arg, const char *keyid, const char *sig_base64), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_SIGNATURE_EACH);
        sal_put_int(&q, campaign_row);
        bool more = true;
        while (more && sal_query_row(&q)) {
                const char *keyid = sal_take_borrowed(&q);
                const char *sig = sal_take_borrowed(&q);
                if (q.status == SAL_OK)
                        more = each(arg, keyid, sig);
        }
        return q.status;
}

enum sal_status sal_signature_delete_all(struct sal_tx *tx, int64_t campaign_row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_SIGNATURE_DELETE_ALL);
        sal_put_int(&q, campaign_row);
        return sal_query_run(&q);
}
