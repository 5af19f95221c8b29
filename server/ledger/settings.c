/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "ledger/internal.h"

#include <errno.h>
#include <inttypes.h>

enum sal_status sal_setting_get(struct sal_tx *tx, const char *name, char **ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_SETTING_GET);
        sal_put_text(&q, name);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        char *value = sal_take_copy(&q, NULL);
        if (q.status != SAL_OK)
                return q.status;
        *ret = value;
        return SAL_OK;
}

enum sal_status sal_setting_get_int(struct sal_tx *tx, const char *name, int64_t *inout) {
        sal_autofree char *text = NULL;
        enum sal_status status = sal_setting_get(tx, name, &text);
        if (status == SAL_E_NOT_FOUND)
                return SAL_OK;
        if (status != SAL_OK)
                return status;
        char *end = NULL;
        errno = 0;
        intmax_t value = strtoimax(text, &end, 10);
        if (errno || end == text || *end)
                return sal_tx_fail(tx, SAL_E_CORRUPT, "the setting %.64s is no number: %.64s", name, text);
        *inout = value;
        return SAL_OK;
}

enum sal_status sal_setting_put(struct sal_tx *tx, const char *name, const char *value) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_SETTING_PUT);
        sal_put_text(&q, name);
        sal_put_text(&q, value);
        return sal_query_run(&q);
}

enum sal_status sal_setting_put_int(struct sal_tx *tx, const char *name, int64_t value) {
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, value);
        return sal_setting_put(tx, name, text);
}
