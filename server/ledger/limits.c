/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "ledger/internal.h"

#include <stdio.h>

enum sal_status sal_campaign_limits_get(struct sal_tx *tx, int64_t campaign_row, char **ret_json, int64_t *ret_set_ms,
                                        char ret_set_by[static SAL_LIMITS_SET_BY_BYTES]) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_LIMITS_GET);
        sal_put_int(&q, campaign_row);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        char set_by[SAL_LIMITS_SET_BY_BYTES] = "";
        sal_autofree char *json = sal_take_copy(&q, NULL);
        int64_t set_ms = sal_take_int(&q);
        sal_take_text(&q, set_by, sizeof set_by);
        if (q.status != SAL_OK)
                return q.status;
        *ret_json = SAL_STEAL(json);
        *ret_set_ms = set_ms;
        snprintf(ret_set_by, SAL_LIMITS_SET_BY_BYTES, "%s", set_by);
        return SAL_OK;
}

enum sal_status sal_campaign_limits_put(struct sal_tx *tx, int64_t campaign_row, const char *json, int64_t set_ms,
                                        const char *set_by) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_LIMITS_PUT);
        sal_put_int(&q, campaign_row);
        sal_put_text(&q, json);
        sal_put_int(&q, set_ms);
        sal_put_text(&q, set_by);
        return sal_query_run(&q);
}

enum sal_status sal_campaign_limits_drop(struct sal_tx *tx, int64_t campaign_row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_LIMITS_DROP);
        sal_put_int(&q, campaign_row);
        return sal_query_run(&q);
}
