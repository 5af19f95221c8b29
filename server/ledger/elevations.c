/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

enum sal_status sal_elevation_insert(struct sal_tx *tx, const struct sal_elevation_row *row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ELEVATION_INSERT);
        sal_put_text(&q, row->id);
        sal_put_text(&q, row->challenge);
        sal_put_text(&q, row->operator_name);
        sal_put_text(&q, row->method);
        sal_put_text(&q, row->path);
        sal_put_text(&q, row->body_sha256);
        sal_put_text(&q, row->reason);
        sal_put_int(&q, row->expires_ms);
        sal_put_int(&q, row->consumed);
        return sal_query_run(&q);
}

enum sal_status sal_elevation_get(struct sal_tx *tx, const char *id, struct sal_elevation_row *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ELEVATION_GET);
        sal_put_text(&q, id);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        struct sal_elevation_row row = {0};
        sal_take_text(&q, row.id, sizeof row.id);
        sal_take_text(&q, row.challenge, sizeof row.challenge);
        sal_take_text(&q, row.operator_name, sizeof row.operator_name);
        sal_take_text(&q, row.method, sizeof row.method);
        sal_take_text(&q, row.path, sizeof row.path);
        sal_take_text(&q, row.body_sha256, sizeof row.body_sha256);
        sal_take_text(&q, row.reason, sizeof row.reason);
        row.expires_ms = sal_take_int(&q);
        row.consumed = sal_take_bool(&q);
        if (q.status == SAL_OK)
                *ret = row;
        return q.status;
}

enum sal_status sal_elevation_consume(struct sal_tx *tx, const char *id) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ELEVATION_CONSUME);
        sal_put_text(&q, id);
        return sal_query_run(&q);
}

static enum sal_status drop_expired(struct sal_tx *tx, int64_t now_ms) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ELEVATION_DROP);
        sal_put_int(&q, now_ms);
        return sal_query_run(&q);
}

enum sal_status sal_elevation_purge(struct sal_tx *tx, int64_t now_ms, const char *operator_name, int64_t *ret_open) {
        enum sal_status status = drop_expired(tx, now_ms);
        if (status != SAL_OK)
                return status;
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ELEVATION_OPEN);
        sal_put_text(&q, operator_name);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        *ret_open = sal_take_int(&q);
        return SAL_OK;
}
