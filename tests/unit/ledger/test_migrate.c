/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static const struct sal_migration history[] = {
        {1, "0001_first",
         "CREATE TABLE parent (a INTEGER PRIMARY KEY); CREATE TABLE child (b REFERENCES parent (a));"
         "INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1), (2);"},
        {2, "0002_second", "ALTER TABLE parent ADD COLUMN c TEXT NOT NULL DEFAULT 'new';"},
        {3, "0003_faulty", "DROP TABLE child; CREATE TABLE nonsense (;"},
};
static const struct sal_migration orphans = {2, "0002_orphans", "DELETE FROM parent WHERE a = 1;"};

static sqlite3 *open_plain(const char *path) {
        sqlite3 *db = NULL;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        return db;
}

static int64_t ask(sqlite3 *db, const char *text) {
        sqlite3_stmt *statement = NULL;
        assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        int64_t value = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return value;
}

static sqlite3 *at_version_one(struct fixture *f) {
        sqlite3 *db = open_plain(f->path);
        assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL", NULL, NULL,
                                      NULL),
                         SQLITE_OK);
        struct sal_err err = {0};
        assert_int_equal(sal_migrate(db, f->path, 0, history, 1, &err), SAL_OK);
        return db;
}

static bool exists(const struct fixture *f, const char *suffix) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", f->path, suffix);
        return access(path, F_OK) == 0;
}

static void an_empty_database_is_not_copied(void **state) {
        struct fixture *f = *state;
        sqlite3 *db = at_version_one(f);
        assert_int_equal(ask(db, "PRAGMA user_version"), 1);
        assert_int_equal(ask(db, "PRAGMA application_id"), SAL_LEDGER_APPLICATION_ID);
        assert_false(exists(f, ".before-1"));
        sqlite3_close(db);
}

static void a_copy_of_the_old_version_stays(void **state) {
        struct fixture *f = *state;
        sqlite3 *db = at_version_one(f);
        struct sal_err err = {0};
        assert_int_equal(sal_migrate(db, f->path, 1, history, 2, &err), SAL_OK);
        assert_int_equal(ask(db, "PRAGMA user_version"), 2);
        assert_int_equal(ask(db, "SELECT count(*) FROM parent WHERE c = 'new'"), 2);
        assert_int_equal(ask(db, "PRAGMA foreign_keys"), 1);
        sqlite3_close(db);
        assert_false(exists(f, ".before-2.part"));
        char path[160];
        snprintf(path, sizeof path, "%s.before-2", f->path);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        sqlite3 *copy = open_plain(path);
        assert_int_equal(ask(copy, "PRAGMA user_version"), 1);
        assert_int_equal(ask(copy, "SELECT count(*) FROM child"), 2);
        sqlite3_close(copy);
}

static void a_faulty_migration_changes_nothing(void **state) {
        struct fixture *f = *state;
        sqlite3 *db = at_version_one(f);
        struct sal_err err = {0};
        assert_int_equal(sal_migrate(db, f->path, 1, history, 3, &err), SAL_E_INTERNAL);
        assert_non_null(strstr(err.detail, "0003_faulty"));
        assert_true(err.hint[0]);
        assert_int_equal(ask(db, "PRAGMA user_version"), 1);
        assert_int_equal(ask(db, "SELECT count(*) FROM child"), 2);
        assert_int_equal(ask(db, "SELECT count(*) FROM pragma_table_info('parent')"), 1);
        assert_int_equal(sqlite3_get_autocommit(db), 1);
        sqlite3_close(db);
}

static void a_migration_that_orphans_rows_is_refused(void **state) {
        struct fixture *f = *state;
        sqlite3 *db = at_version_one(f);
        const struct sal_migration bad[] = {history[0], orphans};
        struct sal_err err = {0};
        assert_int_equal(sal_migrate(db, f->path, 1, bad, 2, &err), SAL_E_CORRUPT);
        assert_non_null(strstr(err.detail, "child"));
        assert_int_equal(ask(db, "SELECT count(*) FROM parent"), 2);
        sqlite3_close(db);
}

static void without_room_for_the_copy_nothing_is_migrated(void **state) {
        struct fixture *f = *state;
        sqlite3 *db = at_version_one(f);
        char part[160];
        snprintf(part, sizeof part, "%s.before-2.part", f->path);
        assert_int_equal(mkdir(part, 0700), 0); /* stands in its way */
        struct sal_err err = {0};
        assert_int_equal(sal_migrate(db, f->path, 1, history, 2, &err), SAL_E_IO);
        assert_int_equal(ask(db, "PRAGMA user_version"), 1);
        sqlite3_close(db);
        assert_int_equal(rmdir(part), 0);
}

static void embedded_migrations_are_numbered(void **state) {
        (void)state;
        assert_true(sal_migrations_count >= 1);
        for (int i = 0; i < sal_migrations_count; i++) {
                assert_int_equal(sal_migrations[i].version, i + 1);
                assert_true(strlen(sal_migrations[i].sql) > 0);
        }
}

/* What stood in settings of the campaign's own is a column from version 3 on. */
static void what_was_known_of_the_fleet_moves_to_its_campaign(void **state) {
        struct fixture *f = *state;
        sqlite3 *db = open_plain(f->path);
        struct sal_err err = {0};
        assert_int_equal(sal_migrate(db, f->path, 0, sal_migrations, 2, &err), SAL_OK);
        static const char *const rows =
                "INSERT INTO campaign SELECT NULL, column1, 1, column2, '', 'ann', 1, 1, 1, 1, 1, 0, 0, -1, 0, 0, 0, "
                "0, 0, 0, 0, 0, 0, 0 FROM (VALUES ('none', 2), ('some', 2), ('uncounted', 2), ('draft', 0));"
                "INSERT INTO setting (name, value) SELECT 'fleet_known.' || row, CASE id WHEN 'some' THEN '17' ELSE "
                "'0' END FROM campaign WHERE id IN ('none', 'some');"
                "INSERT INTO setting (name, value) VALUES ('fleet_known.99', '1'), ('start_order', '3');";
        char *text = NULL;
        if (sqlite3_exec(db, rows, NULL, NULL, &text) != SQLITE_OK)
                fail_msg("%s", text);
        if (sal_migrate(db, f->path, 2, sal_migrations, 3, &err))
                fail_msg("%s", err.detail);
        assert_int_equal(ask(db, "SELECT fleet_known FROM campaign WHERE id = 'none'"), 0);
        assert_int_equal(ask(db, "SELECT fleet_known FROM campaign WHERE id = 'some'"), 1);
        assert_int_equal(ask(db, "SELECT fleet_known FROM campaign WHERE id = 'uncounted'"), -1);
        assert_int_equal(ask(db, "SELECT fleet_known FROM campaign WHERE id = 'draft'"), -1);
        assert_int_equal(ask(db, "SELECT count(*) FROM setting WHERE name GLOB 'fleet_known*'"), 0);
        assert_int_equal(ask(db, "SELECT count(*) FROM setting WHERE name = 'start_order'"), 1);
        assert_int_equal(ask(db, "SELECT count(*) FROM campaign WHERE recall_row = 0 AND recall_cause = 0"), 4);
        assert_int_equal(sqlite3_exec(db, "UPDATE campaign SET fleet_known = 2", NULL, NULL, NULL), SQLITE_CONSTRAINT);
        assert_int_equal(sqlite3_exec(db, "UPDATE campaign SET recall_row = -1", NULL, NULL, NULL), SQLITE_CONSTRAINT);
        sqlite3_close(db);
        fixture_open(f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_empty_database_is_not_copied, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(a_copy_of_the_old_version_stays, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(a_faulty_migration_changes_nothing, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(a_migration_that_orphans_rows_is_refused, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(without_room_for_the_copy_nothing_is_migrated, setup_folder, teardown),
                cmocka_unit_test_setup_teardown(what_was_known_of_the_fleet_moves_to_its_campaign, setup_folder,
                                                teardown),
                cmocka_unit_test(embedded_migrations_are_numbered),
        };
        return cmocka_run_group_tests_name("ledger/migrate", tests, NULL, NULL);
}
