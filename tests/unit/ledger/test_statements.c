/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

/* Whole-table scans and sorts that are meant: small tables, or lists of everything. */
static const struct {
        enum sal_sql sql;
        const char *plan;
} meant[] = {
        {SAL_SQL_MACHINE_COUNTS, "SCAN machine_count"},
        {SAL_SQL_OFFER_EACH_OF_MACHINE, "USE TEMP B-TREE FOR ORDER BY"}, /* one machine has a handful of offers */
        {SAL_SQL_OFFER_SERVED_NOW, "SCAN campaign"},
        {SAL_SQL_CAMPAIGN_ENDED_STAND, "SCAN campaign"},
        {SAL_SQL_CAMPAIGN_ENDED_RUN, "SCAN campaign"},
        {SAL_SQL_OFFER_MACHINES_REACH, "SCAN c"},
        /* The index holds the wanted rows only. */
        {SAL_SQL_MACHINE_EACH_SPECIAL, "SCAN machine USING COVERING INDEX machine_special"},
        {SAL_SQL_MACHINE_EACH_SPECIAL, "SCAN machine USING INDEX machine_special"},
        {SAL_SQL_CAMPAIGN_EACH_LIVE, "SCAN campaign USING INDEX campaign_live"},
        {SAL_SQL_CAMPAIGN_EACH_ENDING, "SCAN campaign USING INDEX campaign_ending"},
        {SAL_SQL_OFFER_MACHINES_LIVE, "SCAN c USING COVERING INDEX campaign_live"},
        {SAL_SQL_OFFER_MACHINES_LIVE, "SCAN c USING INDEX campaign_live"},
        /* max(seq) is one step to the end of the table; the guard's own is the same. */
        {SAL_SQL_JOURNAL_SEQ, "SEARCH journal"},
        {SAL_SQL_REPORT_INSERT, "SCAN CONSTANT ROW"},
};

static bool is_meant(int sql, const char *plan) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(meant); i++)
                if ((int)meant[i].sql == sql && strcmp(meant[i].plan, plan) == 0)
                        return true;
        return false;
}

static void check_plan(struct fixture *f, int i) {
        char text[2048];
        snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", sal_sql_texts[i]);
        sqlite3_stmt *statement = NULL;
        assert_int_equal(sqlite3_prepare_v2(f->ledger->db, text, -1, &statement, NULL), SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
                const char *plan = (const char *)sqlite3_column_text(statement, 3);
                bool slow = strncmp(plan, "SCAN", 4) == 0 || strstr(plan, "TEMP B-TREE") || strstr(plan, "AUTOMATIC");
                if (slow && !is_meant(i, plan))
                        fail_msg("\"%s\" does: %s", sal_sql_texts[i], plan);
        }
        sqlite3_finalize(statement);
}

static void every_statement_uses_an_index(void **state) {
        struct fixture *f = *state;
        for (int i = 0; i < SAL_SQL_COUNT; i++) {
                assert_non_null(sal_sql_texts[i]);
                check_plan(f, i);
        }
}

/* A walk inside a walk of the same statement takes a statement of its own. */
static bool inner(void *arg, const struct sal_machine *machine) {
        (void)machine;
        ++*(int *)arg;
        return true;
}

struct outer {
        struct sal_tx *tx;
        int inner, outer;
};

static bool outer(void *arg, const struct sal_machine *machine) {
        (void)machine;
        struct outer *o = arg;
        o->outer++;
        assert_ok(sal_machine_each(o->tx, 0, -1, 0, inner, &o->inner));
        return true;
}

static enum sal_status nest(struct sal_tx *tx, void *arg) {
        (void)arg;
        for (int i = 0; i < 5; i++) {
                struct sal_machine m = sample_machine(i);
                assert_ok(sal_machine_insert(tx, &m));
        }
        struct outer o = {.tx = tx};
        assert_ok(sal_machine_each(tx, 0, -1, 0, outer, &o));
        assert_int_equal(o.outer, 5);
        assert_int_equal(o.inner, 25);
        return SAL_OK;
}

static void walks_nest(void **state) {
        run(*state, nest, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(every_statement_uses_an_index, setup, teardown),
                cmocka_unit_test_setup_teardown(walks_nest, setup, teardown),
        };
        return cmocka_run_group_tests_name("ledger/statements", tests, NULL, NULL);
}
