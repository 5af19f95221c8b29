/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static enum sal_status insert_and_get(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_machine in = sample_machine(1);
        strcpy(in.pin, "early");
        in.opt_out = in.anonymous = in.token_used = true;
        in.incarnation = 3;
        in.generation = 4;
        in.standing = SAL_STANDING_NEEDS_HANDS;
        strcpy(in.standing_reason, "volume_locked");
        strcpy(in.boot_id, "b-1");
        in.facts = strdup("{\"os\":\"windows\"}");
        assert_ok(sal_machine_insert(tx, &in));
        assert_true(in.row > 0);
        for (int by_row = 0; by_row < 2; by_row++) {
                struct sal_machine out;
                assert_ok(by_row ? sal_machine_get_row(tx, in.row, &out) : sal_machine_get(tx, in.id, &out));
                assert_int_equal(out.row, in.row);
                assert_string_equal(out.id, in.id);
                assert_string_equal(out.pin, "early");
                assert_true(out.opt_out && out.anonymous && out.token_used && !out.deleted);
                assert_int_equal(out.incarnation, 3);
                assert_int_equal(out.generation, 4);
                assert_int_equal(out.standing, SAL_STANDING_NEEDS_HANDS);
                assert_string_equal(out.standing_reason, "volume_locked");
                assert_int_equal(out.first_seen_ms, 1000);
                assert_int_equal(out.last_seen_ms, 2000);
                assert_string_equal(out.boot_id, "b-1");
                assert_string_equal(out.facts, "{\"os\":\"windows\"}");
                assert_null(out.labels);
                sal_machine_done(&out);
        }
        sal_machine_done(&in);
        return SAL_OK;
}

static void every_member_comes_back(void **state) {
        run(*state, insert_and_get, NULL);
}

static enum sal_status get_unknown(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_machine out = {.row = 77};
        assert_int_equal(sal_machine_get(tx, "nobody", &out), SAL_E_NOT_FOUND);
        assert_int_equal(sal_machine_get_row(tx, 1, &out), SAL_E_NOT_FOUND);
        assert_int_equal(out.row, 77); /* outputs are set on success only */
        assert_ok(sal_tx_status(tx));
        return SAL_OK;
}

static void an_unknown_machine_is_no_failure_of_the_batch(void **state) {
        run(*state, get_unknown, NULL);
}

static enum sal_status update_each_way(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_machine m = sample_machine(2), out;
        assert_ok(sal_machine_insert(tx, &m));
        m.last_seen_ms = 9000; /* no index concerned */
        m.labels = strdup("{}");
        strcpy(m.boot_id, "b-2");
        assert_ok(sal_machine_update(tx, &m));
        assert_ok(sal_machine_get(tx, m.id, &out));
        assert_int_equal(out.last_seen_ms, 9000);
        assert_string_equal(out.boot_id, "b-2");
        assert_string_equal(out.labels, "{}");
        sal_machine_done(&out);
        strcpy(m.pin, "canary"); /* indexes concerned */
        m.generation = 2;
        m.standing = SAL_STANDING_WAITING;
        assert_ok(sal_machine_update(tx, &m));
        assert_ok(sal_machine_get(tx, m.id, &out));
        assert_string_equal(out.pin, "canary");
        assert_int_equal(out.generation, 2);
        assert_int_equal(out.standing, SAL_STANDING_WAITING);
        sal_machine_done(&out);
        sal_machine_done(&m);
        return SAL_OK;
}

static void update_changes_what_was_given(void **state) {
        run(*state, update_each_way, NULL);
}

/* ---- lists ---- */

struct seen {
        int64_t rows[64];
        char ids[64][SAL_MACHINE_ID_BYTES];
        unsigned count, stop_after;
};

static bool see(void *arg, const struct sal_machine *machine) {
        struct seen *seen = arg;
        seen->rows[seen->count++] = machine->row;
        return seen->count != seen->stop_after;
}

static bool see_id(void *arg, const char *id) {
        struct seen *seen = arg;
        snprintf(seen->ids[seen->count++], SAL_MACHINE_ID_BYTES, "%s", id);
        return seen->count != seen->stop_after;
}

/* 30 machines: each third one needs hands, number 29 is deleted. */
static enum sal_status fill(struct sal_tx *tx, void *arg) {
        (void)arg;
        for (int i = 0; i < 30; i++) {
                struct sal_machine m = sample_machine(i);
                m.standing = i % 3 ? SAL_STANDING_KNOWN : SAL_STANDING_NEEDS_HANDS;
                m.deleted = i == 29;
                m.opt_out = i == 4;
                m.generation = i == 5 ? 2 : 1;
                snprintf(m.pin, sizeof m.pin, "%s", i == 6 ? "canary" : "");
                assert_ok(sal_machine_insert(tx, &m));
        }
        return SAL_OK;
}

static enum sal_status list(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct seen seen = {0};
        assert_ok(sal_machine_each(tx, 0, -1, 0, see, &seen));
        assert_int_equal(seen.count, 29);
        for (unsigned i = 1; i < seen.count; i++)
                assert_true(seen.rows[i] > seen.rows[i - 1]);
        struct seen page = {0};
        assert_ok(sal_machine_each(tx, seen.rows[9], -1, 5, see, &page));
        assert_int_equal(page.count, 5);
        assert_int_equal(page.rows[0], seen.rows[10]);
        struct seen hands = {0};
        assert_ok(sal_machine_each(tx, 0, SAL_STANDING_NEEDS_HANDS, 100, see, &hands));
        assert_int_equal(hands.count, 10);
        struct seen later = {0};
        assert_ok(sal_machine_each(tx, hands.rows[3], SAL_STANDING_NEEDS_HANDS, 2, see, &later));
        assert_int_equal(later.count, 2);
        assert_int_equal(later.rows[0], hands.rows[4]);
        struct seen stopped = {.stop_after = 3};
        assert_ok(sal_machine_each(tx, 0, -1, 0, see, &stopped));
        assert_int_equal(stopped.count, 3);
        struct seen special = {0};
        assert_ok(sal_machine_each_special(tx, see_id, &special));
        assert_int_equal(special.count, 4);
        assert_string_equal(special.ids[0], "m-000004");
        assert_string_equal(special.ids[1], "m-000005");
        assert_string_equal(special.ids[2], "m-000006");
        assert_string_equal(special.ids[3], "m-000029");
        return SAL_OK;
}

static void lists_page_by_row(void **state) {
        run(*state, fill, NULL);
        run(*state, list, NULL);
}

/* ---- sums ---- */

static void counts_match_the_rows(struct fixture *f) {
        for (int i = 0; i < SAL_STANDINGS; i++) {
                char text[128];
                snprintf(text, sizeof text, "SELECT count(*) FROM machine WHERE standing = %d AND deleted = 0", i);
                assert_int_equal(f->ledger->machine_counts[i], sql_int(f, text));
                snprintf(text, sizeof text, "SELECT machines FROM machine_count WHERE standing = %d", i);
                assert_int_equal(f->ledger->machine_counts[i], sql_int(f, text));
        }
}

/* Random inserts and updates; ends with a failure now and then, so that all of it is rolled back. */
static enum sal_status churn(struct sal_tx *tx, void *arg) {
        unsigned *seed = arg;
        for (int i = 0; i < 40; i++) {
                struct sal_machine m = sample_machine(rand_r(seed) % 100), stored;
                enum sal_status status = sal_machine_get(tx, m.id, &stored);
                if (status == SAL_OK) {
                        m.row = stored.row;
                        sal_machine_done(&stored);
                }
                m.standing = (enum sal_standing)(rand_r(seed) % SAL_STANDINGS);
                m.deleted = rand_r(seed) % 8 == 0;
                m.generation = rand_r(seed) % 3;
                assert_ok(status == SAL_OK ? sal_machine_update(tx, &m) : sal_machine_insert(tx, &m));
        }
        return rand_r(seed) % 4 == 0 ? SAL_E_CONFLICT : SAL_OK;
}

static void counts_hold_through_rollbacks_and_restarts(void **state) {
        struct fixture *f = *state;
        unsigned seed = 7, rolled_back = 0;
        for (int round = 0; round < 60; round++) {
                enum sal_status status = sal_ledger_run_now(f->ledger, churn, &seed);
                assert_true(status == SAL_OK || status == SAL_E_CONFLICT);
                rolled_back += status != SAL_OK;
                counts_match_the_rows(f);
                if (round % 10 == 9)
                        fixture_reopen(f);
        }
        assert_true(rolled_back > 5);
}

static enum sal_status insert_bad_id(struct sal_tx *tx, void *arg) {
        struct sal_machine m = sample_machine(1);
        snprintf(m.id, sizeof m.id, "%s", (const char *)arg);
        return sal_machine_insert(tx, &m);
}

static void the_table_refuses_bad_ids(void **state) {
        struct fixture *f = *state;
        static const char *const bad[] = {"", ".hidden", "a b", "a/b", "ü"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++)
                assert_int_equal(sal_ledger_run_now(f->ledger, insert_bad_id, (void *)bad[i]), SAL_E_INTERNAL);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM machine"), 0);
}

static enum sal_status update_missing(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_machine m = sample_machine(1);
        m.row = 999;
        return sal_machine_update(tx, &m);
}

static void an_update_of_nothing_fails(void **state) {
        struct fixture *f = *state;
        assert_int_equal(sal_ledger_run_now(f->ledger, update_missing, NULL), SAL_E_INTERNAL);
}

static void standings_have_names(void **state) {
        (void)state;
        for (int i = 0; i < SAL_STANDINGS; i++)
                assert_int_equal(sal_standing_parse(sal_standing_name((enum sal_standing)i)), i);
        assert_string_equal(sal_standing_name(SAL_STANDING_NEEDS_HANDS), "needs_hands");
        assert_int_equal(sal_standing_parse("elsewhere"), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(every_member_comes_back, setup, teardown),
                cmocka_unit_test_setup_teardown(an_unknown_machine_is_no_failure_of_the_batch, setup, teardown),
                cmocka_unit_test_setup_teardown(update_changes_what_was_given, setup, teardown),
                cmocka_unit_test_setup_teardown(lists_page_by_row, setup, teardown),
                cmocka_unit_test_setup_teardown(counts_hold_through_rollbacks_and_restarts, setup, teardown),
                cmocka_unit_test_setup_teardown(the_table_refuses_bad_ids, setup, teardown),
                cmocka_unit_test_setup_teardown(an_update_of_nothing_fails, setup, teardown),
                cmocka_unit_test(standings_have_names),
        };
        return cmocka_run_group_tests_name("ledger/machines", tests, NULL, NULL);
}
