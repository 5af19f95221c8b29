/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static enum sal_status append(struct sal_tx *tx, void *arg) {
        int64_t *ret_seq = arg;
        struct sal_journal_entry entry = {.at_ms = 5, .type = SAL_JOURNAL_ADMIN};
        assert_ok(sal_journal_append(tx, &entry));
        *ret_seq = entry.seq;
        return SAL_OK;
}

static enum sal_status append_and_fail(struct sal_tx *tx, void *arg) {
        append(tx, arg);
        return SAL_E_CONFLICT;
}

static void numbers_have_no_gaps(void **state) {
        struct fixture *f = *state;
        for (int64_t i = 1; i <= 30; i++) {
                int64_t seq = 0;
                assert_int_equal(sal_ledger_run_now(f->ledger, append_and_fail, &seq), SAL_E_CONFLICT);
                assert_int_equal(f->ledger->journal_seq, i - 1);
                run(f, append, &seq);
                assert_int_equal(seq, i);
                if (i % 7 == 0)
                        fixture_reopen(f);
        }
        assert_int_equal(sql_int(f, "SELECT count(*) FROM journal"), 30);
        assert_int_equal(sql_int(f, "SELECT max(seq) FROM journal"), 30);
}

static void the_table_guards_itself(void **state) {
        struct fixture *f = *state;
        int64_t seq;
        run(f, append, &seq);
        run(f, append, &seq);
        static const char *const tricks[] = {
                "UPDATE journal SET at_ms = 0 WHERE seq = 1",
                "DELETE FROM journal WHERE seq = 2",
                "DELETE FROM journal",
                ("INSERT OR REPLACE INTO journal (seq, at_ms, type, version, offer_row, cause) VALUES (2, 0, 0, 0, 0, "
                 "0)"),
                "INSERT INTO journal (seq, at_ms, type, version, offer_row, cause) VALUES (4, 0, 0, 0, 0, 0)",
                "INSERT INTO journal (seq, at_ms, type, version, offer_row, cause) VALUES (-1, 0, 0, 0, 0, 0)",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(tricks); i++)
                assert_int_equal(sql(f, tricks[i]), SQLITE_CONSTRAINT_TRIGGER);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM journal WHERE at_ms = 5"), 2);
}

struct text {
        char text[512];
};

static bool see(void *arg, const struct sal_journal_entry *e) {
        struct text *out = arg;
        size_t len = strlen(out->text);
        snprintf(out->text + len, sizeof out->text - len, "%d:%s:%s/%d ", (int)e->seq, sal_journal_type_name(e->type),
                 e->campaign ? e->campaign : "-", (int)e->version);
        return true;
}

static bool see_all_members(void *arg, const struct sal_journal_entry *e) {
        (void)arg;
        assert_int_equal(e->at_ms, 77);
        assert_string_equal(e->machine_id, "m-1");
        assert_int_equal(e->offer_row, 12);
        assert_string_equal(e->ring, "canary");
        assert_int_equal(e->cause, SAL_CAUSE_RELAPSED);
        assert_string_equal(e->detail, "{\"a\":1}");
        return false;
}

static enum sal_status lists(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_journal_entry entries[] = {
                {.at_ms = 77,
                 .type = SAL_JOURNAL_FAILED,
                 .campaign = "a",
                 .version = 1,
                 .machine_id = "m-1",
                 .offer_row = 12,
                 .ring = "canary",
                 .cause = SAL_CAUSE_RELAPSED,
                 .detail = "{\"a\":1}"},
                {.type = SAL_JOURNAL_DECISION, .campaign = "a", .version = 1, .detail = "{}"},
                {.type = SAL_JOURNAL_DECISION, .campaign = "b", .version = 1, .detail = "{}"},
                {.type = SAL_JOURNAL_DECISION, .campaign = "a", .version = 2, .detail = "{}"},
                {.type = SAL_JOURNAL_ADMIN},
        };
        assert_int_equal(sal_journal_seq(tx), 0);
        for (size_t i = 0; i < SAL_ARRAY_LEN(entries); i++)
                assert_ok(sal_journal_append(tx, &entries[i]));
        assert_int_equal(sal_journal_seq(tx), 5);
        assert_ok(sal_journal_each(tx, 0, 1, see_all_members, NULL));
        struct text page = {0}, all = {0}, one = {0}, later = {0};
        assert_ok(sal_journal_each(tx, 1, 2, see, &page));
        assert_string_equal(page.text, "2:decision:a/1 3:decision:b/1 ");
        assert_ok(sal_journal_each_decision(tx, "a", 0, 0, 0, see, &all));
        assert_string_equal(all.text, "2:decision:a/1 4:decision:a/2 ");
        assert_ok(sal_journal_each_decision(tx, "a", 1, 0, 0, see, &one));
        assert_string_equal(one.text, "2:decision:a/1 ");
        assert_ok(sal_journal_each_decision(tx, "a", 0, 2, 1, see, &later));
        assert_string_equal(later.text, "4:decision:a/2 ");
        for (int64_t version = 1; version <= 2; version++)
                for (int n = 0; n < 2; n++)
                        assert_ok(sal_journal_append(tx, &(struct sal_journal_entry){.type = SAL_JOURNAL_DECISION,
                                                                                     .campaign = "a",
                                                                                     .version = version}));
        struct text newest = {0}, most = {0}, none = {0};
        assert_ok(sal_journal_newest_decisions(tx, "a", 1, 2, see, &newest));
        assert_string_equal(newest.text, "7:decision:a/1 6:decision:a/1 ");
        assert_ok(sal_journal_newest_decisions(tx, "a", 1, 9, see, &most));
        assert_string_equal(most.text, "7:decision:a/1 6:decision:a/1 2:decision:a/1 ");
        assert_ok(sal_journal_newest_decisions(tx, "a", 3, 9, see, &none));
        assert_string_equal(none.text, "");
        return SAL_OK;
}

static void lists_follow_the_numbers(void **state) {
        run(*state, lists, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(numbers_have_no_gaps, setup, teardown),
                cmocka_unit_test_setup_teardown(the_table_guards_itself, setup, teardown),
                cmocka_unit_test_setup_teardown(lists_follow_the_numbers, setup, teardown),
        };
        return cmocka_run_group_tests_name("ledger/journal", tests, NULL, NULL);
}
