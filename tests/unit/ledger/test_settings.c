/* SPDX-License-Identifier: Apache-2.0 */
/* The small tables: settings, enrollment tokens, elevations, artifacts, tally rows, reports. */
#include "support.h"

static enum sal_status settings(struct sal_tx *tx, void *arg) {
        (void)arg;
        char *text = NULL;
        int64_t number = 42;
        assert_int_equal(sal_setting_get(tx, "rings", &text), SAL_E_NOT_FOUND);
        assert_ok(sal_setting_get_int(tx, "served_ms", &number));
        assert_int_equal(number, 42);
        assert_ok(sal_setting_put(tx, "rings", "canary"));
        assert_ok(sal_setting_put(tx, "rings", "early"));
        assert_ok(sal_setting_get(tx, "rings", &text));
        assert_string_equal(text, "early");
        free(text);
        assert_ok(sal_setting_put_int(tx, "served_ms", INT64_MIN));
        assert_ok(sal_setting_get_int(tx, "served_ms", &number));
        assert_true(number == INT64_MIN);
        return SAL_OK;
}

static enum sal_status setting_that_is_no_number(struct sal_tx *tx, void *arg) {
        (void)arg;
        int64_t number = 42;
        assert_ok(sal_setting_put(tx, "served_ms", "12x"));
        assert_int_equal(sal_setting_get_int(tx, "served_ms", &number), SAL_E_CORRUPT);
        assert_int_equal(number, 42);
        return SAL_OK;
}

static void settings_by_name(void **state) {
        struct fixture *f = *state;
        run(f, settings, NULL);
        assert_int_equal(sal_ledger_run_now(f->ledger, setting_that_is_no_number, NULL), SAL_E_CORRUPT);
}

static bool count_token(void *arg, const struct sal_enroll_token *token) {
        (void)token;
        ++*(int *)arg;
        return true;
}

static enum sal_status tokens(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_enroll_token in = {.machine_id = "m-1",
                                      .uses_max = 2,
                                      .reenroll = true,
                                      .created_ms = 1,
                                      .expires_ms = 2,
                                      .created_by = "admin"},
                                out;
        snprintf(in.hash, sizeof in.hash, "%064d", 1);
        assert_ok(sal_enroll_token_insert(tx, &in));
        assert_ok(sal_enroll_token_use(tx, in.row));
        assert_ok(sal_enroll_token_find(tx, in.hash, &out));
        assert_int_equal(out.row, in.row);
        assert_int_equal(out.uses, 1);
        assert_int_equal(out.uses_max, 2);
        assert_true(out.reenroll && !out.reimaged);
        assert_string_equal(out.machine_id, "m-1");
        assert_string_equal(out.created_by, "admin");
        assert_int_equal(sal_enroll_token_find(tx, "none", &out), SAL_E_NOT_FOUND);
        struct sal_enroll_token second = in;
        snprintf(second.hash, sizeof second.hash, "%064d", 2);
        assert_ok(sal_enroll_token_insert(tx, &second));
        int count = 0;
        assert_ok(sal_enroll_token_each(tx, in.row, 10, count_token, &count));
        assert_int_equal(count, 1);
        assert_ok(sal_enroll_token_delete(tx, in.row));
        assert_int_equal(sal_enroll_token_delete(tx, in.row), SAL_E_NOT_FOUND);
        return SAL_OK;
}

static enum sal_status use_too_often(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_enroll_token in = {.uses_max = 1};
        snprintf(in.hash, sizeof in.hash, "%064d", 3);
        assert_ok(sal_enroll_token_insert(tx, &in));
        assert_ok(sal_enroll_token_use(tx, in.row));
        return sal_enroll_token_use(tx, in.row);
}

static void tokens_count_their_uses(void **state) {
        struct fixture *f = *state;
        run(f, tokens, NULL);
        assert_int_equal(sal_ledger_run_now(f->ledger, use_too_often, NULL), SAL_E_INTERNAL);
}

static enum sal_status elevations(struct sal_tx *tx, void *arg) {
        (void)arg;
        static const struct {
                const char *id, *operator_name;
                int64_t expires_ms;
        } rows[] = {{"e1", "ann", 100}, {"e2", "ann", 200}, {"e3", "ann", 300}, {"e4", "bob", 300}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                struct sal_elevation_row row = {.challenge = "c", .method = "POST", .path = "/p", .reason = "why"};
                snprintf(row.id, sizeof row.id, "%s", rows[i].id);
                snprintf(row.operator_name, sizeof row.operator_name, "%s", rows[i].operator_name);
                row.expires_ms = rows[i].expires_ms;
                assert_ok(sal_elevation_insert(tx, &row));
        }
        struct sal_elevation_row out;
        assert_ok(sal_elevation_get(tx, "e3", &out));
        assert_string_equal(out.method, "POST");
        assert_string_equal(out.path, "/p");
        assert_string_equal(out.reason, "why");
        assert_int_equal(out.expires_ms, 300);
        assert_false(out.consumed);
        assert_ok(sal_elevation_consume(tx, "e3"));
        assert_ok(sal_elevation_get(tx, "e3", &out));
        assert_true(out.consumed);
        int64_t open = -1;
        assert_ok(sal_elevation_purge(tx, 150, "ann", &open));
        assert_int_equal(open, 1);
        assert_int_equal(sal_elevation_get(tx, "e1", &out), SAL_E_NOT_FOUND);
        assert_ok(sal_elevation_get(tx, "e4", &out));
        return SAL_OK;
}

static void elevations_expire_and_are_used_once(void **state) {
        run(*state, elevations, NULL);
}

static bool see_artifact(void *arg, const char *sha256, int64_t length, int64_t at_ms) {
        char *ret = arg;
        snprintf(ret, 128, "%s %d %d", sha256, (int)length, (int)at_ms);
        return true;
}

static enum sal_status artifacts(struct sal_tx *tx, void *arg) {
        (void)arg;
        char one[65], two[65], seen[128] = "";
        snprintf(one, sizeof one, "%064d", 1);
        snprintf(two, sizeof two, "%064d", 2);
        assert_ok(sal_artifact_put(tx, one, 10, 5));
        assert_ok(sal_artifact_put(tx, two, 20, 6));
        assert_ok(sal_artifact_put(tx, two, 20, 7)); /* repeated: harmless, the first time stays */
        int64_t length = 0;
        assert_ok(sal_artifact_get(tx, two, &length));
        assert_int_equal(length, 20);
        assert_ok(sal_artifact_each(tx, one, 10, see_artifact, seen));
        char expected[128];
        snprintf(expected, sizeof expected, "%s 20 6", two);
        assert_string_equal(seen, expected);
        assert_ok(sal_artifact_delete(tx, one));
        assert_int_equal(sal_artifact_delete(tx, one), SAL_E_NOT_FOUND);
        assert_int_equal(sal_artifact_get(tx, one, &length), SAL_E_NOT_FOUND);
        return SAL_OK;
}

static void artifacts_by_hash(void **state) {
        run(*state, artifacts, NULL);
}

static bool see_tally(void *arg, const struct sal_tally_store_row *row) {
        char *ret = arg;
        size_t len = strlen(ret);
        snprintf(ret + len, 128 - len, "%d,%d,%d=%d%d%d%d%s ", row->kind, (int)row->a, (int)row->b, (int)row->v[0],
                 (int)row->v[1], (int)row->v[2], (int)row->v[3], row->text);
        return true;
}

static enum sal_status tallies(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_campaign_row campaign = sample_campaign("x", SAL_CAMPAIGN_ACTIVE);
        assert_ok(sal_campaign_row_insert(tx, &campaign));
        const struct sal_tally_store_row rows[] = {
                {.kind = 2, .a = 1, .b = 1, .v = {1, 2, 3, 4}, .text = "model=x"},
                {.kind = 1, .a = 5, .b = 0, .v = {1, 0, 0, 0}},
                {.kind = 1, .a = 5, .b = 0, .v = {9, 0, 0, 0}},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++)
                assert_ok(sal_tally_store_put(tx, campaign.row, &rows[i]));
        char seen[128] = "";
        assert_ok(sal_tally_store_each(tx, campaign.row, see_tally, seen));
        assert_string_equal(seen, "1,5,0=9000 2,1,1=1234model=x ");
        assert_ok(sal_tally_store_clear(tx, campaign.row));
        seen[0] = 0;
        assert_ok(sal_tally_store_each(tx, campaign.row, see_tally, seen));
        assert_string_equal(seen, "");
        return SAL_OK;
}

static void tally_rows_are_replaced(void **state) {
        run(*state, tallies, NULL);
}

struct reports {
        int count;
        size_t last_log;
};

static bool see_report(void *arg, const struct sal_report_row *report) {
        struct reports *seen = arg;
        assert_int_equal(report->at_ms, seen->count);
        seen->count++;
        seen->last_log = report->log ? strlen(report->log) : 0;
        return true;
}

static enum sal_status reports(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_campaign_row campaign = sample_campaign("x", SAL_CAMPAIGN_ACTIVE);
        struct sal_machine machine = sample_machine(1);
        assert_ok(sal_campaign_row_insert(tx, &campaign));
        assert_ok(sal_machine_insert(tx, &machine));
        struct sal_offer offer = sample_offer(campaign.row, machine.row);
        assert_ok(sal_offer_insert(tx, &offer));
        static char log[20000];
        for (size_t i = 0; i + 2 < sizeof log; i += 2)
                memcpy(log + i, "\xc3\xa4", 2);
        memmove(log + 1, log, sizeof log - 2); /* the limit now falls inside a character */
        log[0] = 'x';
        for (int i = 0; i < 20; i++) {
                struct sal_report_row report = {.offer_row = offer.row,
                                                .at_ms = i,
                                                .stage = "applied",
                                                .accepted = i == 0,
                                                .log = i == 15 ? log : NULL};
                assert_ok(sal_report_insert(tx, &report));
        }
        struct reports seen = {0};
        assert_ok(sal_report_each(tx, offer.row, see_report, &seen));
        assert_int_equal(seen.count, 16);
        assert_int_equal(seen.last_log, 16383);
        return SAL_OK;
}

static void reports_are_bounded(void **state) {
        run(*state, reports, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(settings_by_name, setup, teardown),
                cmocka_unit_test_setup_teardown(tokens_count_their_uses, setup, teardown),
                cmocka_unit_test_setup_teardown(elevations_expire_and_are_used_once, setup, teardown),
                cmocka_unit_test_setup_teardown(artifacts_by_hash, setup, teardown),
                cmocka_unit_test_setup_teardown(tally_rows_are_replaced, setup, teardown),
                cmocka_unit_test_setup_teardown(reports_are_bounded, setup, teardown),
        };
        return cmocka_run_group_tests_name("ledger/settings", tests, NULL, NULL);
}
