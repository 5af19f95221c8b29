/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/query.h"

#include "ledger/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum sal_status sal_sqlite_status(int code) {
        switch (code & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return SAL_OK;
        case SQLITE_NOMEM:
                return SAL_E_NOMEM;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_FORMAT:
                return SAL_E_CORRUPT;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return SAL_E_CONFLICT;
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
                return SAL_E_IO;
        default:
                return SAL_E_INTERNAL;
        }
}

__attribute__((format(printf, 3, 0))) static void set_failure(struct sal_tx *tx, enum sal_status status,
                                                              const char *format, va_list args) {
        if (tx->status != SAL_OK)
                return; /* the first one is the reason, the others follow from it */
        tx->status = status;
        vsnprintf(tx->detail, sizeof tx->detail, format, args);
}

enum sal_status sal_tx_fail(struct sal_tx *tx, enum sal_status status, const char *format, ...) {
        va_list args;
        va_start(args, format);
        set_failure(tx, status, format, args);
        va_end(args);
        return status;
}

static void fail_sqlite(struct sal_query *query, int code) {
        sqlite3 *db = query->tx->ledger->db;
        query->status = sal_sqlite_status(code);
        sal_tx_fail(query->tx, query->status, "%s (SQLite code %d) in: %.80s", sqlite3_errmsg(db),
                    sqlite3_extended_errcode(db), sal_sql_texts[query->sql]);
}

struct sal_query sal_query_open(struct sal_tx *tx, enum sal_sql sql) {
        struct sal_query query = {.tx = tx, .sql = sql, .status = tx->status};
        struct sal_ledger *ledger = tx->ledger;
        if (query.status != SAL_OK)
                return query;
        query.temporary = ledger->busy[sql];
        if (!query.temporary && ledger->statements[sql]) {
                query.statement = ledger->statements[sql];
        } else {
                unsigned flags = query.temporary ? 0 : SQLITE_PREPARE_PERSISTENT;
                int code = sqlite3_prepare_v3(ledger->db, sal_sql_texts[sql], -1, flags, &query.statement, NULL);
                if (code != SQLITE_OK) {
                        fail_sqlite(&query, code);
                        return query;
                }
                if (!query.temporary)
                        ledger->statements[sql] = query.statement;
        }
        if (!query.temporary)
                ledger->busy[sql] = true;
        return query;
}

void sal_query_close(struct sal_query *query) {
        if (!query->statement)
                return;
        if (query->temporary) {
                sqlite3_finalize(query->statement);
        } else {
                sqlite3_reset(query->statement);
                query->tx->ledger->busy[query->sql] = false;
        }
        query->statement = NULL;
}

static void check_put(struct sal_query *query, int code) {
        if (code != SQLITE_OK && query->status == SAL_OK)
                fail_sqlite(query, code);
}

void sal_put_int(struct sal_query *query, int64_t value) {
        query->parameter++;
        if (query->status == SAL_OK)
                check_put(query, sqlite3_bind_int64(query->statement, query->parameter, value));
}

void sal_put_limit(struct sal_query *query, unsigned limit) {
        sal_put_int(query, limit ? (int64_t)limit : -1);
}

void sal_put_text_n(struct sal_query *query, const char *text, size_t len) {
        query->parameter++;
        if (query->status == SAL_OK)
                check_put(query, sqlite3_bind_text64(query->statement, query->parameter, text, len, SQLITE_STATIC,
                                                     SQLITE_UTF8));
}

void sal_put_text(struct sal_query *query, const char *text) {
        sal_put_text_n(query, text, text ? strlen(text) : 0);
}

void sal_put_blob(struct sal_query *query, const void *data, size_t len) {
        query->parameter++;
        if (query->status == SAL_OK)
                check_put(query, sqlite3_bind_blob64(query->statement, query->parameter, data, len, SQLITE_STATIC));
}

bool sal_query_row(struct sal_query *query) {
        if (query->status == SAL_OK)
                query->status = query->tx->status; /* the caller's callback may have failed */
        if (query->status != SAL_OK)
                return false;
        query->column = 0;
        int code = sqlite3_step(query->statement);
        if (code == SQLITE_ROW)
                return true;
        if (code != SQLITE_DONE)
                fail_sqlite(query, code);
        return false;
}

enum sal_status sal_query_run(struct sal_query *query) {
        sal_query_row(query);
        return query->status;
}

enum sal_status sal_query_missing(const struct sal_query *query) {
        return query->status == SAL_OK ? SAL_E_NOT_FOUND : query->status;
}

int64_t sal_take_int(struct sal_query *query) {
        return sqlite3_column_int64(query->statement, query->column++);
}

bool sal_take_bool(struct sal_query *query) {
        return sal_take_int(query) != 0;
}

int sal_take_enum(struct sal_query *query, int count) {
        int64_t value = sal_take_int(query);
        if (value >= 0 && value < count)
                return (int)value;
        query->status = sal_tx_fail(query->tx, SAL_E_CORRUPT, "a stored number is out of its range: %.80s",
                                    sal_sql_texts[query->sql]);
        return 0;
}

const char *sal_take_borrowed(struct sal_query *query) {
        int column = query->column++;
        if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
                return NULL;
        const char *text = (const char *)sqlite3_column_text(query->statement, column);
        if (!text)
                query->status = sal_tx_fail(query->tx, SAL_E_NOMEM, "out of memory");
        return text;
}

void sal_take_text(struct sal_query *query, char *ret, size_t size) {
        const char *text = sal_take_borrowed(query);
        size_t len = text ? strlen(text) : 0;
        if (len >= size) {
                query->status = sal_tx_fail(query->tx, SAL_E_CORRUPT, "a stored text is too long: %.80s",
                                            sal_sql_texts[query->sql]);
                len = 0;
        }
        if (len)
                memcpy(ret, text, len);
        ret[len] = 0;
}

char *sal_take_copy(struct sal_query *query, size_t *ret_len) {
        int column = query->column++;
        if (ret_len)
                *ret_len = 0;
        if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
                return NULL;
        const void *data = sqlite3_column_blob(query->statement, column);
        size_t len = (size_t)sqlite3_column_bytes(query->statement, column);
        char *copy = data || len == 0 ? malloc(len + 1) : NULL;
        if (!copy) {
                query->status = sal_tx_fail(query->tx, SAL_E_NOMEM, "out of memory");
                return NULL;
        }
        if (len)
                memcpy(copy, data, len);
        copy[len] = 0;
        if (ret_len)
                *ret_len = len;
        return copy;
}
