/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migrations: the numbered files of schema/sqlite, embedded by migrations.cmake, and what brings a database to the
 * newest of them.
 *
 * Thread: the one that opens the ledger. Ownership: static texts.
 */
#ifndef SAL_LEDGER_MIGRATIONS_H
#define SAL_LEDGER_MIGRATIONS_H

#include "base/err.h"

#include <sqlite3.h>

struct sal_migration {
        int version; /* from 1, without gaps: user_version after it has run */
        const char *name;
        const char *sql;
};

extern const struct sal_migration sal_migrations[];
extern const int sal_migrations_count;

/* PRAGMA application_id of every ledger: "SLVR". */
enum { SAL_LEDGER_APPLICATION_ID = 0x534c5652 };

/* Brings db, which stands at version `from` (0: empty), to version `count` in one transaction, after a copy to
 * `<path>.before-<count>` unless it is empty. Nothing has changed when it fails.
 * Errors: SAL_E_IO, SAL_E_CORRUPT, SAL_E_NOMEM, SAL_E_INTERNAL (a faulty migration). */
enum sal_status sal_migrate(sqlite3 *db, const char *path, int from, const struct sal_migration *migrations, int count,
                            struct sal_err *reterr);

#endif
