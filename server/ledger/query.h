/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query: one use of a prepared statement, parameters put and columns taken from left to right. The first failure is
 * remembered, in the query and in the transaction; from then on nothing more runs in that transaction, because SQLite
 * may have rolled it back by itself. This header is private to ledger/.
 *
 *     sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_SETTING_GET);
 *     sal_put_text(&q, name);
 *     if (!sal_query_row(&q))
 *             return sal_query_missing(&q);
 *
 * Thread: the ledger's. Ownership: put texts and blobs are borrowed until sal_query_close.
 */
#ifndef SAL_LEDGER_QUERY_H
#define SAL_LEDGER_QUERY_H

#include "base/err.h"
#include "ledger/ledger.h"
#include "ledger/statements.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sal_query {
        struct sal_tx *tx;
        sqlite3_stmt *statement; /* NULL when it could not be prepared */
        enum sal_sql sql;
        bool temporary; /* the kept statement was in use, by a walk that encloses this one */
        int parameter, column;
        enum sal_status status;
};

/* Opens a statement for parameters; sal_query_close (by sal_autoquery) gives it back. Failures stay in query->status.
 */
struct sal_query sal_query_open(struct sal_tx *tx, enum sal_sql sql);
void sal_query_close(struct sal_query *query);
#define sal_autoquery __attribute__((cleanup(sal_query_close)))

/* Bind the next parameter. Texts and bytes are borrowed until the query is closed. */
void sal_put_int(struct sal_query *query, int64_t value);
void sal_put_text(struct sal_query *query, const char *text); /* NULL: null */
void sal_put_text_n(struct sal_query *query, const char *text, size_t len);
void sal_put_blob(struct sal_query *query, const void *data, size_t len); /* NULL: null */
/* An unsigned limit where 0 means none. */
void sal_put_limit(struct sal_query *query, unsigned limit);

/* Goes to the next row. False at the end, or after a failure (query->status). */
bool sal_query_row(struct sal_query *query);
/* Runs a statement that gives no rows. */
enum sal_status sal_query_run(struct sal_query *query);
/* After sal_query_row gave false: the failure, or SAL_E_NOT_FOUND. */
enum sal_status sal_query_missing(const struct sal_query *query);

/* Read the next column of the present row. */
int64_t sal_take_int(struct sal_query *query);
bool sal_take_bool(struct sal_query *query);
/* A number 0..count-1; anything else is SAL_E_CORRUPT and gives 0. */
int sal_take_enum(struct sal_query *query, int count);
/* Copies into a buffer of size bytes; a longer text is SAL_E_CORRUPT. */
void sal_take_text(struct sal_query *query, char *ret, size_t size);
/* malloc'ed copy with a NUL behind it; NULL for null. ret_len may be NULL. */
char *sal_take_copy(struct sal_query *query, size_t *ret_len);
/* Borrowed until the next row; NULL for null. */
const char *sal_take_borrowed(struct sal_query *query);

/* The status that stands for a result code of SQLite. */
enum sal_status sal_sqlite_status(int code);
/* Marks the transaction as failed, with the words of the format, unless it was before; gives status back. */
enum sal_status sal_tx_fail(struct sal_tx *tx, enum sal_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#endif
