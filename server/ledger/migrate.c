/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/mem.h"
#include "ledger/migrations.h"
#include "ledger/query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static enum sal_status fail(sqlite3 *db, int code, const char *doing, struct sal_err *reterr) {
        enum sal_status status = sal_sqlite_status(code);
        sal_fail(reterr, status == SAL_OK ? SAL_E_INTERNAL : status, "%s failed: %s", doing, sqlite3_errmsg(db));
        sal_err_hint(reterr, "the database stands at its old version, nothing has changed");
        return status == SAL_OK ? SAL_E_INTERNAL : status;
}

static enum sal_status sync_path(const char *path, int flags, struct sal_err *reterr) {
        sal_autoclose int fd = open(path, flags | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return sal_fail(reterr, SAL_E_IO, "cannot sync %s: %s", path, strerror(errno));
        return SAL_OK;
}

/* Syncs the folder that holds path, so that a new name in it survives a power cut. */
static enum sal_status sync_folder(const char *path, struct sal_err *reterr) {
        sal_autobuf struct sal_buf folder = SAL_BUF_INIT;
        const char *slash = strrchr(path, '/');
        if (!slash)
                sal_buf_puts(&folder, ".");
        else
                sal_buf_append(&folder, path, slash == path ? 1 : (size_t)(slash - path));
        if (folder.failed)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        return sync_path(folder.data, O_RDONLY | O_DIRECTORY, reterr);
}

/* Copies every page, log included, into a file that is not there yet. */
static enum sal_status copy_pages(sqlite3 *db, const char *path, struct sal_err *reterr) {
        sal_autoclose int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return sal_fail(reterr, SAL_E_IO, "cannot create %s: %s", path, strerror(errno));
        sqlite3 *copy = NULL;
        int code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        sqlite3_backup *backup = code == SQLITE_OK ? sqlite3_backup_init(copy, "main", db, "main") : NULL;
        if (backup) {
                sqlite3_backup_step(backup, -1);
                code = sqlite3_backup_finish(backup);
        } else if (code == SQLITE_OK) {
                code = sqlite3_errcode(copy);
        }
        enum sal_status status = SAL_OK;
        if (code != SQLITE_OK) {
                status = fail(copy, code, "copying the database before its migration", reterr);
                sal_err_hint(reterr, "make room for a copy of the database next to it; nothing has changed");
        }
        sqlite3_close(copy);
        return status;
}

/* The copy gets its name once it is whole and synced: a half one is never taken for a good one. */
static enum sal_status copy_before(sqlite3 *db, const char *path, int version, struct sal_err *reterr) {
        sal_autobuf struct sal_buf part = SAL_BUF_INIT, whole = SAL_BUF_INIT;
        sal_buf_printf(&part, "%s.before-%d.part", path, version);
        sal_buf_printf(&whole, "%s.before-%d", path, version);
        if (part.failed || whole.failed)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        enum sal_status status = copy_pages(db, part.data, reterr);
        if (status == SAL_OK)
                status = sync_path(part.data, O_RDONLY, reterr);
        if (status == SAL_OK && rename(part.data, whole.data) < 0)
                status = sal_fail(reterr, SAL_E_IO, "cannot rename %s: %s", part.data, strerror(errno));
        if (status == SAL_OK)
                status = sync_folder(path, reterr);
        if (status != SAL_OK)
                unlink(part.data);
        return status;
}

static int run(sqlite3 *db, const char *sql) {
        return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* Foreign keys are off while tables are rebuilt; whatever breaks them is found here, before the commit. */
static enum sal_status check_foreign_keys(sqlite3 *db, struct sal_err *reterr) {
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &statement, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(statement);
        enum sal_status status = SAL_OK;
        if (code == SQLITE_ROW)
                status = sal_fail(reterr, SAL_E_CORRUPT, "the migration would leave rows of %s without their parent",
                                  (const char *)sqlite3_column_text(statement, 0));
        else if (code != SQLITE_DONE)
                status = fail(db, code, "checking foreign keys", reterr);
        sqlite3_finalize(statement);
        return status;
}

static enum sal_status run_all(sqlite3 *db, int from, const struct sal_migration *migrations, int count,
                               struct sal_err *reterr) {
        int code = SQLITE_OK;
        for (int i = from; i < count; i++) {
                code = run(db, migrations[i].sql);
                if (code != SQLITE_OK) {
                        char doing[96];
                        snprintf(doing, sizeof doing, "migration %s", migrations[i].name);
                        return fail(db, code, doing, reterr);
                }
        }
        char numbers[96];
        snprintf(numbers, sizeof numbers, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 SAL_LEDGER_APPLICATION_ID, count);
        code = run(db, numbers);
        return code == SQLITE_OK ? check_foreign_keys(db, reterr) : fail(db, code, "numbering the schema", reterr);
}

enum sal_status sal_migrate(sqlite3 *db, const char *path, int from, const struct sal_migration *migrations, int count,
                            struct sal_err *reterr) {
        if (from >= count)
                return SAL_OK;
        enum sal_status status = from > 0 ? copy_before(db, path, count, reterr) : SAL_OK;
        if (status != SAL_OK)
                return status;
        int code = run(db, "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE");
        if (code == SQLITE_OK)
                status = run_all(db, from, migrations, count, reterr);
        if (code == SQLITE_OK && status == SAL_OK)
                code = run(db, "COMMIT");
        if (code != SQLITE_OK)
                status = fail(db, code, "migrating", reterr);
        if (!sqlite3_get_autocommit(db))
                run(db, "ROLLBACK");
        if (run(db, "PRAGMA foreign_keys = ON") != SQLITE_OK && status == SAL_OK)
                status = fail(db, sqlite3_errcode(db), "switching foreign keys on", reterr);
        return status == SAL_OK ? sync_folder(path, reterr) : status;
}
