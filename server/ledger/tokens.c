/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

enum sal_status sal_enroll_token_insert(struct sal_tx *tx, struct sal_enroll_token *token) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_TOKEN_INSERT);
        sal_put_text(&q, token->hash);
        sal_put_text(&q, token->machine_id);
        sal_put_int(&q, token->uses_max);
        sal_put_int(&q, token->uses);
        sal_put_int(&q, token->reenroll);
        sal_put_int(&q, token->reimaged);
        sal_put_int(&q, token->created_ms);
        sal_put_int(&q, token->expires_ms);
        sal_put_text(&q, token->created_by);
        if (sal_query_run(&q) != SAL_OK)
                return q.status;
        token->row = sqlite3_last_insert_rowid(tx->ledger->db);
        return SAL_OK;
}

static void take_token(struct sal_query *q, struct sal_enroll_token *ret) {
        *ret = (struct sal_enroll_token){.row = sal_take_int(q)};
        sal_take_text(q, ret->hash, sizeof ret->hash);
        sal_take_text(q, ret->machine_id, sizeof ret->machine_id);
        ret->uses_max = sal_take_int(q);
        ret->uses = sal_take_int(q);
        ret->reenroll = sal_take_bool(q);
        ret->reimaged = sal_take_bool(q);
        ret->created_ms = sal_take_int(q);
        ret->expires_ms = sal_take_int(q);
        sal_take_text(q, ret->created_by, sizeof ret->created_by);
}

enum sal_status sal_enroll_token_find(struct sal_tx *tx, const char *hash, struct sal_enroll_token *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_TOKEN_FIND);
        sal_put_text(&q, hash);
        if (!sal_query_row(&q))
                return sal_query_missing(&q);
        struct sal_enroll_token token;
        take_token(&q, &token);
        if (q.status == SAL_OK)
                *ret = token;
        return q.status;
}

enum sal_status sal_enroll_token_use(struct sal_tx *tx, int64_t row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_TOKEN_USE);
        sal_put_int(&q, row);
        return sal_query_run(&q);
}

enum sal_status sal_enroll_token_each(struct sal_tx *tx, int64_t after, unsigned limit,
                                      bool (*each)(void *arg, const struct sal_enroll_token *token), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_TOKEN_EACH);
        sal_put_int(&q, after);
        sal_put_limit(&q, limit);
        bool more = true;
        while (more && sal_query_row(&q)) {
                struct sal_enroll_token token;
                take_token(&q, &token);
                if (q.status == SAL_OK)
                        more = each(arg, &token);
        }
        return q.status;
}

enum sal_status sal_enroll_token_delete(struct sal_tx *tx, int64_t row) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_TOKEN_DELETE);
        sal_put_int(&q, row);
        if (sal_query_run(&q) != SAL_OK)
                return q.status;
        return sqlite3_changes(tx->ledger->db) ? SAL_OK : SAL_E_NOT_FOUND;
}
