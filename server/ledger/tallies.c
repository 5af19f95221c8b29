/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

enum sal_status sal_tally_store_put(struct sal_tx *tx, int64_t campaign_row, const struct sal_tally_store_row *row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_TALLY_PUT);
        sal_put_int(&q, campaign_row);
        sal_put_int(&q, row->kind);
        sal_put_int(&q, row->a);
        sal_put_int(&q, row->b);
        for (int i = 0; i < 4; i++)
                sal_put_int(&q, row->v[i]);
        sal_put_text(&q, row->text ? row->text : "");
        return sal_query_run(&q);
}

enum sal_status sal_tally_store_each(struct sal_tx *tx, int64_t campaign_row,
                                     bool (*each)(void *arg, const struct sal_tally_store_row *row), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_TALLY_EACH);
        sal_put_int(&q, campaign_row);
        bool more = true;
        while (more && sal_query_row(&q)) {
                struct sal_tally_store_row row = {.kind = (int)sal_take_int(&q)};
                row.a = sal_take_int(&q);
                row.b = sal_take_int(&q);
                for (int i = 0; i < 4; i++)
                        row.v[i] = sal_take_int(&q);
                row.text = sal_take_borrowed(&q);
                if (q.status == SAL_OK)
                        more = each(arg, &row);
        }
        return q.status;
}

enum sal_status sal_tally_store_clear(struct sal_tx *tx, int64_t campaign_row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_TALLY_CLEAR);
        sal_put_int(&q, campaign_row);
        return sal_query_run(&q);
}
