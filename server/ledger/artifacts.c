/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

enum sal_status sal_artifact_put(struct sal_tx *tx, const char *sha256, int64_t length, int64_t at_ms) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ARTIFACT_PUT);
        sal_put_text(&q, sha256);
        sal_put_int(&q, length);
        sal_put_int(&q, at_ms);
        return sal_query_run(&q);
}

enum sal_status sal_artifact_get(struct sal_tx *tx, const char *sha256, int64_t *ret_length) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ARTIFACT_GET);
        sal_put_text(&q, sha256);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        *ret_length = sal_take_int(&q);
        return SAL_OK;
}

enum sal_status sal_artifact_each(struct sal_tx *tx, const char *after, unsigned limit,
                                  bool (*each)(void *arg, const char *sha256, int64_t length, int64_t at_ms),
                                  void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ARTIFACT_EACH);
        sal_put_text(&q, after);
        sal_put_limit(&q, limit);
        bool more = true;
        while (more && sal_query_row(&q)) {
                const char *sha256 = sal_take_borrowed(&q);
                int64_t length = sal_take_int(&q);
                int64_t at_ms = sal_take_int(&q);
                if (q.status == SAL_OK)
                        more = each(arg, sha256, length, at_ms);
        }
        return q.status;
}

enum sal_status sal_artifact_delete(struct sal_tx *tx, const char *sha256) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_ARTIFACT_DELETE);
        sal_put_text(&q, sha256);
        if (sal_query_run(&q) != SAL_OK)
                return q.status;
        return sqlite3_changes(tx->ledger->db) ? SAL_OK : SAL_E_NOT_FOUND;
}
