/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "ledger/internal.h"
#include "ledger/migrations.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before the first access. Exclusive locking keeps a second process out and, with WAL, the index of the log in our
 * own memory: no shared-memory file, and none of the races that two connections could have. */
static const char settings_before[] = "PRAGMA locking_mode = EXCLUSIVE;"
                                      "PRAGMA trusted_schema = OFF;"
                                      "PRAGMA cell_size_check = ON;"
                                      "PRAGMA temp_store = MEMORY;"
                                      "PRAGMA secure_delete = FAST;"
                                      "PRAGMA cache_size = -65536;"
                                      "PRAGMA mmap_size = 0;";

/* Once the file is known to be ours. FULL: each commit is synced. The log is carried over by the ledger's thread
 * (sal_checkpoint), never in the middle of a commit. */
static const char settings_after[] = "PRAGMA synchronous = FULL;"
                                     "PRAGMA foreign_keys = ON;"
                                     "PRAGMA recursive_triggers = ON;"
                                     "PRAGMA wal_autocheckpoint = 0;"
                                     "PRAGMA journal_size_limit = 67108864;";

static enum sal_status fail_sqlite(const struct sal_ledger *ledger, int code, const char *doing,
                                   struct sal_err *reterr) {
        const char *why = ledger->db ? sqlite3_errmsg(ledger->db) : sqlite3_errstr(code);
        switch (sal_sqlite_status(code)) {
        case SAL_E_CONFLICT:
                sal_fail(reterr, SAL_E_CONFLICT, "another process holds the database %s", ledger->path);
                sal_err_hint(reterr, "stop the other salvord, or give this one a state directory of its own");
                return SAL_E_CONFLICT;
        case SAL_E_CORRUPT:
                sal_fail(reterr, SAL_E_CORRUPT, "%s is damaged or no SQLite database: %s while %s", ledger->path, why,
                         doing);
                sal_err_hint(reterr, "restore a backup, or move the file and its -wal away and start afresh");
                return SAL_E_CORRUPT;
        case SAL_E_IO:
                sal_fail(reterr, SAL_E_IO, "cannot use the database %s: %s while %s", ledger->path, why, doing);
                sal_err_hint(reterr, "look at the folder's owner and mode, and at free space");
                return SAL_E_IO;
        case SAL_E_NOMEM:
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory while %s", doing);
        default:
                return sal_fail(reterr, SAL_E_INTERNAL, "database %s: %s while %s", ledger->path, why, doing);
        }
}

static enum sal_status run(struct sal_ledger *ledger, const char *sql, const char *doing, struct sal_err *reterr) {
        int code = sqlite3_exec(ledger->db, sql, NULL, NULL, NULL);
        return code == SQLITE_OK ? SAL_OK : fail_sqlite(ledger, code, doing, reterr);
}

/* The first column of the first row, as a number. */
static enum sal_status ask(struct sal_ledger *ledger, const char *sql, int64_t *ret, struct sal_err *reterr) {
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(statement);
        enum sal_status status = SAL_OK;
        if (code == SQLITE_ROW)
                *ret = sqlite3_column_int64(statement, 0);
        else
                status = fail_sqlite(ledger, code, "reading its header", reterr);
        sqlite3_finalize(statement);
        return status;
}

/* SQLite would make the file readable for everyone; ours names machines and their states. An existing file is not
 * opened here: closing it again would drop the locks that this process may hold on it. */
static enum sal_status create_private(const struct sal_ledger *ledger, struct sal_err *reterr) {
        sal_autoclose int fd = open(ledger->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0 || errno == EEXIST)
                return SAL_OK;
        sal_fail(reterr, SAL_E_IO, "cannot create the database %s: %s", ledger->path, strerror(errno));
        sal_err_hint(reterr, "the folder must exist and be writable for the user that salvord runs as");
        return SAL_E_IO;
}

/* Refuses what is not ours before anything is changed. *ret_version: the schema's, 0 for an empty database. */
static enum sal_status check_identity(struct sal_ledger *ledger, int64_t *ret_version, struct sal_err *reterr) {
        int64_t application = 0, version = 0, objects = 0;
        enum sal_status status = ask(ledger, "PRAGMA application_id", &application, reterr);
        if (status == SAL_OK)
                status = ask(ledger, "PRAGMA user_version", &version, reterr);
        if (status == SAL_OK)
                status = ask(ledger, "SELECT count(*) FROM sqlite_schema", &objects, reterr);
        if (status != SAL_OK)
                return status;
        bool empty = application == 0 && version == 0 && objects == 0;
        if (!empty && (application != SAL_LEDGER_APPLICATION_ID || version < 1 || objects == 0)) {
                sal_fail(reterr, SAL_E_CORRUPT, "%s is a database of another program (application id 0x%08llx)",
                         ledger->path, (unsigned long long)application);
                sal_err_hint(reterr, "nothing was changed; give salvord a state directory of its own");
                return SAL_E_CORRUPT;
        }
        if (version > sal_migrations_count) {
                sal_fail(reterr, SAL_E_CONFLICT, "%s has schema version %lld, this salvord knows versions up to %d",
                         ledger->path, (long long)version, sal_migrations_count);
                sal_err_hint(reterr,
                             "run a salvord that knows version %lld, or put the copy %s.before-%lld back in its place",
                             (long long)version, ledger->path, (long long)version);
                return SAL_E_CONFLICT;
        }
        *ret_version = version;
        return SAL_OK;
}

/* journal_mode answers with the mode in force instead of failing. */
static enum sal_status set_wal(struct sal_ledger *ledger, struct sal_err *reterr) {
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(ledger->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(statement);
        const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        enum sal_status status = SAL_OK;
        if (code != SQLITE_ROW)
                status = fail_sqlite(ledger, code, "switching to write-ahead logging", reterr);
        else if (!mode || strcmp(mode, "wal") != 0)
                status = sal_fail(reterr, SAL_E_IO, "%s: the file system allows no write-ahead log", ledger->path);
        sqlite3_finalize(statement);
        return status;
}

/* Remembers how long the log is; carrying it over is decided later, between batches. */
static int note_wal(void *arg, sqlite3 *db, const char *name, int pages) {
        (void)db, (void)name;
        struct sal_ledger *ledger = arg;
        ledger->wal_pages = pages;
        return SQLITE_OK;
}

static void set_flag(struct sal_ledger *ledger, int flag, int on) {
        sqlite3_db_config(ledger->db, flag, on, NULL);
}

enum sal_status sal_connection_open(struct sal_ledger *ledger, struct sal_err *reterr) {
        enum sal_status status = create_private(ledger, reterr);
        if (status != SAL_OK)
                return status;
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
        int code = sqlite3_open_v2(ledger->path, &ledger->db, flags, NULL);
        if (code != SQLITE_OK)
                return fail_sqlite(ledger, code, "opening it", reterr);
        /* A file that is refused stays as it is, its log included. */
        set_flag(ledger, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
        int64_t version = 0;
        status = run(ledger, settings_before, "preparing", reterr);
        if (status == SAL_OK)
                status = check_identity(ledger, &version, reterr);
        if (status == SAL_OK)
                status = set_wal(ledger, reterr);
        if (status == SAL_OK)
                status = run(ledger, settings_after, "setting up", reterr);
        if (status == SAL_OK)
                status = sal_migrate(ledger->db, ledger->path, (int)version, sal_migrations, sal_migrations_count,
                                     reterr);
        if (status != SAL_OK)
                return status;
        set_flag(ledger, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0);
        set_flag(ledger, SQLITE_DBCONFIG_DEFENSIVE, 1);
        sqlite3_wal_hook(ledger->db, note_wal, ledger);
        return SAL_OK;
}

void sal_connection_close(struct sal_ledger *ledger) {
        for (int i = 0; i < SAL_SQL_COUNT; i++)
                sqlite3_finalize(ledger->statements[i]);
        memset(ledger->statements, 0, sizeof ledger->statements);
        sqlite3_close(ledger->db);
        ledger->db = NULL;
}
