/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <errno.h>
#include <sys/wait.h>

static int64_t pragma(struct fixture *f, const char *name) {
        char text[64];
        snprintf(text, sizeof text, "PRAGMA %s", name);
        return sql_int(f, text);
}

static void new_database_is_ours_and_durable(void **state) {
        struct fixture *f = *state;
        assert_int_equal(pragma(f, "application_id"), 0x534c5652);
        assert_int_equal(pragma(f, "user_version"), sal_migrations_count);
        assert_int_equal(pragma(f, "synchronous"), 2);
        assert_int_equal(pragma(f, "foreign_keys"), 1);
        assert_int_equal(pragma(f, "wal_autocheckpoint"), 0);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM pragma_locking_mode WHERE locking_mode = 'exclusive'"), 1);
        struct stat st;
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        char wal[128];
        snprintf(wal, sizeof wal, "%s-wal", f->path);
        assert_int_equal(stat(wal, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        char shm[128];
        snprintf(shm, sizeof shm, "%s-shm", f->path);
        assert_int_equal(stat(shm, &st), -1);
}

static void every_table_is_strict(void **state) {
        struct fixture *f = *state;
        assert_int_equal(sql_int(f, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
                                    "AND name NOT LIKE 'sqlite_%' AND NOT strict"),
                         0);
        assert_int_equal(sql(f, "INSERT INTO setting (name, value) VALUES ('x', x'00')"), SQLITE_CONSTRAINT_DATATYPE);
}

static void keeps_its_rows_over_a_restart(void **state) {
        struct fixture *f = *state;
        assert_int_equal(sql(f, "INSERT INTO setting VALUES ('a', 'b')"), SQLITE_OK);
        fixture_reopen(f);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM setting WHERE name = 'a' AND value = 'b'"), 1);
}

static void refuses_a_newer_schema(void **state) {
        struct fixture *f = *state;
        assert_int_equal(sql(f, "PRAGMA user_version = 900"), SQLITE_OK);
        fixture_close(f);
        struct sal_err err = {0};
        assert_int_equal(fixture_try_open(f, &err), SAL_E_CONFLICT);
        char ours[32];
        snprintf(ours, sizeof ours, "up to %d", sal_migrations_count);
        assert_non_null(strstr(err.detail, "version 900"));
        assert_non_null(strstr(err.detail, ours));
        assert_non_null(strstr(err.hint, "before-900"));
}

static void plain_sql(const char *path, const char *text) {
        sqlite3 *db = NULL;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static void refuses_a_foreign_database(void **state) {
        struct fixture *f = *state;
        static const char *const foreign[] = {
                "CREATE TABLE t (a)",
                "CREATE TABLE t (a); PRAGMA application_id = 7",
                "PRAGMA user_version = 1",
                "CREATE TABLE t (a); PRAGMA application_id = 0x534c5652",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(foreign); i++) {
                plain_sql(f->path, foreign[i]);
                struct stat before, after;
                assert_int_equal(stat(f->path, &before), 0);
                struct sal_err err = {0};
                assert_int_equal(fixture_try_open(f, &err), SAL_E_CORRUPT);
                assert_non_null(strstr(err.detail, "another program"));
                assert_true(err.hint[0]);
                assert_int_equal(stat(f->path, &after), 0);
                assert_int_equal(before.st_size, after.st_size);
                assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
                unlink(f->path);
        }
}

static void write_file(const char *path, const void *data, size_t len) {
        sal_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, data, len), (ssize_t)len);
}

static void refuses_what_is_no_database(void **state) {
        struct fixture *f = *state;
        char junk[8192];
        memset(junk, 'x', sizeof junk);
        write_file(f->path, junk, sizeof junk);
        struct sal_err err = {0};
        assert_int_equal(fixture_try_open(f, &err), SAL_E_CORRUPT);
        assert_non_null(strstr(err.detail, "damaged"));
        assert_true(err.hint[0]);
}

static void refuses_a_truncated_database(void **state) {
        struct fixture *f = *state;
        fixture_close(f);
        struct stat st;
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(truncate(f->path, st.st_size / 2), 0);
        struct sal_err err = {0};
        assert_int_equal(fixture_try_open(f, &err), SAL_E_CORRUPT);
}

static void refuses_a_missing_folder(void **state) {
        struct fixture *f = *state;
        snprintf(f->path, sizeof f->path, "%s/nowhere/ledger.db", f->folder);
        struct sal_err err = {0};
        assert_int_equal(fixture_try_open(f, &err), SAL_E_IO);
        assert_non_null(strstr(err.detail, strerror(ENOENT)));
}

static void takes_over_an_empty_file(void **state) {
        struct fixture *f = *state;
        write_file(f->path, "", 0);
        fixture_open(f);
}

/* The child is forked before the ledger is open: it must meet the lock of the file, not SQLite's memory of it. */
static void refuses_a_second_process(void **state) {
        struct fixture *f = *state;
        int go[2];
        assert_int_equal(pipe(go), 0);
        pid_t child = fork();
        if (child == 0) {
                char byte;
                struct sal_ledger *other = NULL;
                struct sal_ledger_config config = {.path = f->path};
                struct sal_err err = {0};
                enum sal_status status = read(go[0], &byte, 1) == 1 ? sal_ledger_open(&config, &other, &err) : SAL_OK;
                _exit(status == SAL_E_CONFLICT && strstr(err.detail, "another process") && err.hint[0] ? 0 : 1);
        }
        fixture_open(f);
        assert_int_equal(write(go[1], "x", 1), 1);
        int result = -1;
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_int_equal(result, 0);
        close(go[0]);
        close(go[1]);
        /* The first one goes on undisturbed. */
        assert_int_equal(sql(f, "INSERT INTO setting VALUES ('still', 'here')"), SQLITE_OK);
}

static void refuses_a_second_time_in_this_process(void **state) {
        struct fixture *f = *state;
        struct fixture second = *f;
        struct sal_err err = {0};
        assert_int_equal(fixture_try_open(&second, &err), SAL_E_CONFLICT);
        assert_int_equal(sql(f, "INSERT INTO setting VALUES ('still', 'here')"), SQLITE_OK);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(new_database_is_ours_and_durable, setup, teardown),
                cmocka_unit_test_setup_teardown(every_table_is_strict, setup, teardown),
                cmocka_unit_test_setup_teardown(keeps_its_rows_over_a_restart, setup, teardown),
                cmocka_unit_test_setup_teardown(refuses_a_newer_schema, setup, teardown),
                cmocka_unit_test_setup_teardown(refuses_a_foreign_database, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(refuses_what_is_no_database, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(refuses_a_truncated_database, setup, teardown),
                cmocka_unit_test_setup_teardown(refuses_a_missing_folder, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(takes_over_an_empty_file, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(refuses_a_second_process, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(refuses_a_second_time_in_this_process, setup, teardown),
        };
        return cmocka_run_group_tests_name("ledger/open", tests, NULL, NULL);
}
