/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static void assert_same_row(const struct sal_campaign_row *a, const struct sal_campaign_row *b) {
        const int64_t pairs[][2] = {
                {a->row, b->row},
                {a->version, b->version},
                {a->state, b->state},
                {a->created_ms, b->created_ms},
                {a->started_ms, b->started_ms},
                {a->start_order, b->start_order},
                {a->rings_open, b->rings_open},
                {a->period, b->period},
                {a->halts_resumed, b->halts_resumed},
                {a->served_offset_ms, b->served_offset_ms},
                {a->served_stopped_ms, b->served_stopped_ms},
                {a->last_take_served_ms, b->last_take_served_ms},
                {a->halted_by_engine, b->halted_by_engine},
                {a->halt_decision, b->halt_decision},
                {a->offers_made, b->offers_made},
                {a->unsettled, b->unsettled},
                {a->succeeded, b->succeeded},
                {a->failed, b->failed},
                {a->silent, b->silent},
                {a->not_applicable, b->not_applicable},
                {a->recalled, b->recalled},
                {a->recall_row, b->recall_row},
                {a->recall_cause, b->recall_cause},
                {a->fleet_known, b->fleet_known},
                {a->last_busy_served_ms, b->last_busy_served_ms},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(pairs); i++)
                assert_int_equal(pairs[i][0], pairs[i][1]);
        assert_string_equal(a->id, b->id);
        assert_string_equal(a->digest, b->digest);
        assert_string_equal(a->drafted_by, b->drafted_by);
}

static enum sal_status round_trip(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_campaign_row in = sample_campaign("channel-file-291", SAL_CAMPAIGN_DRAFT), out;
        snprintf(in.digest, sizeof in.digest, "%064d", 7);
        snprintf(in.drafted_by, sizeof in.drafted_by, "admin");
        assert_ok(sal_campaign_row_insert(tx, &in));
        assert_ok(sal_campaign_row_get(tx, in.id, 1, true, &out));
        assert_same_row(&in, &out);
        assert_int_equal(out.payload_len, in.payload_len);
        assert_memory_equal(out.payload, in.payload, in.payload_len);
        assert_null(out.envelope);
        sal_campaign_row_done(&out);

        struct sal_campaign_row changed = in;
        changed.state = SAL_CAMPAIGN_HALTED;
        changed.halted_by_engine = true;
        changed.recall_cause = SAL_CAUSE_WITHDRAWN;
        changed.fleet_known = -1;
        int64_t *const numbers[] = {&changed.started_ms,
                                    &changed.start_order,
                                    &changed.rings_open,
                                    &changed.period,
                                    &changed.halts_resumed,
                                    &changed.served_offset_ms,
                                    &changed.last_take_served_ms,
                                    &changed.halt_decision,
                                    &changed.offers_made,
                                    &changed.unsettled,
                                    &changed.succeeded,
                                    &changed.failed,
                                    &changed.silent,
                                    &changed.not_applicable,
                                    &changed.recalled,
                                    &changed.recall_row,
                                    &changed.last_busy_served_ms,
                                    &changed.served_stopped_ms};
        for (size_t i = 0; i < SAL_ARRAY_LEN(numbers); i++)
                *numbers[i] = (int64_t)i + 1;
        changed.payload = NULL; /* stays as it is */
        changed.envelope = (char *)"{}";
        changed.envelope_len = 2;
        assert_ok(sal_campaign_row_update(tx, &changed));
        assert_ok(sal_campaign_row_get(tx, in.id, 1, true, &out));
        assert_same_row(&changed, &out);
        assert_memory_equal(out.payload, in.payload, in.payload_len);
        assert_string_equal(out.envelope, "{}");
        sal_campaign_row_done(&out);
        assert_int_equal(sal_campaign_row_get(tx, in.id, 2, true, &out), SAL_E_NOT_FOUND);
        return SAL_OK;
}

static void every_member_comes_back(void **state) {
        run(*state, round_trip, NULL);
}

struct names {
        char text[256];
        bool bytes;
};

static bool see(void *arg, const struct sal_campaign_row *row) {
        struct names *names = arg;
        size_t len = strlen(names->text);
        snprintf(names->text + len, sizeof names->text - len, "%s/%d ", row->id, (int)row->version);
        names->bytes = row->payload != NULL;
        return true;
}

static enum sal_status lists(struct sal_tx *tx, void *arg) {
        (void)arg;
        static const struct {
                const char *id;
                int version;
                enum sal_campaign_state state;
        } rows[] = {
                {"b", 2, SAL_CAMPAIGN_ACTIVE},    {"a", 1, SAL_CAMPAIGN_DRAFT},   {"b", 1, SAL_CAMPAIGN_WITHDRAWN},
                {"c", 1, SAL_CAMPAIGN_COMPLETED}, {"b", 10, SAL_CAMPAIGN_PAUSED}, {"d", 1, SAL_CAMPAIGN_HALTED},
                {"e", 1, SAL_CAMPAIGN_READY},     {"f", 1, SAL_CAMPAIGN_EXPIRED},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                struct sal_campaign_row row = sample_campaign(rows[i].id, rows[i].state);
                row.version = rows[i].version;
                assert_ok(sal_campaign_row_insert(tx, &row));
        }
        struct names all = {0}, page = {0}, live = {0};
        assert_ok(sal_campaign_row_each(tx, "", 0, 0, false, see, &all));
        assert_string_equal(all.text, "a/1 b/1 b/2 b/10 c/1 d/1 e/1 f/1 ");
        assert_false(all.bytes);
        assert_ok(sal_campaign_row_each(tx, "b", 2, 2, true, see, &page));
        assert_string_equal(page.text, "b/10 c/1 ");
        assert_true(page.bytes);
        assert_ok(sal_campaign_row_each_live(tx, see, &live));
        assert_string_equal(live.text, "b/2 b/10 c/1 d/1 ");
        assert_true(live.bytes);
        return SAL_OK;
}

static void lists_are_in_order(void **state) {
        run(*state, lists, NULL);
}

static bool see_signature(void *arg, const char *keyid, const char *sig) {
        struct names *names = arg;
        size_t len = strlen(names->text);
        snprintf(names->text + len, sizeof names->text - len, "%s=%s ", keyid, sig);
        return true;
}

static enum sal_status signatures(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_campaign_row row = sample_campaign("x", SAL_CAMPAIGN_DRAFT);
        assert_ok(sal_campaign_row_insert(tx, &row));
        assert_ok(sal_signature_put(tx, row.row, "k2", "b"));
        assert_ok(sal_signature_put(tx, row.row, "k1", "a"));
        assert_ok(sal_signature_put(tx, row.row, "k2", "c"));
        struct names names = {0};
        assert_ok(sal_signature_each(tx, row.row, see_signature, &names));
        assert_string_equal(names.text, "k1=a k2=c ");
        assert_ok(sal_signature_delete_all(tx, row.row));
        names = (struct names){0};
        assert_ok(sal_signature_each(tx, row.row, see_signature, &names));
        assert_string_equal(names.text, "");
        return SAL_OK;
}

static void a_key_signs_once(void **state) {
        run(*state, signatures, NULL);
}

static enum sal_status drop(struct sal_tx *tx, void *arg) {
        int64_t *ret = arg;
        struct sal_campaign_row row = sample_campaign("x", SAL_CAMPAIGN_DRAFT), again = row;
        assert_ok(sal_campaign_row_insert(tx, &row));
        assert_ok(sal_signature_put(tx, row.row, "k", "a"));
        assert_ok(sal_campaign_row_delete(tx, row.row));
        assert_ok(sal_campaign_row_insert(tx, &again));
        assert_true(again.row > row.row); /* a row number never comes back */
        *ret = row.row;
        return SAL_OK;
}

static void a_dropped_draft_leaves_nothing(void **state) {
        struct fixture *f = *state;
        int64_t row = 0;
        run(f, drop, &row);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM signature"), 0);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM campaign_bytes"), 1);
}

static enum sal_status insert_twice(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_campaign_row row = sample_campaign("x", SAL_CAMPAIGN_DRAFT), again = row;
        assert_ok(sal_campaign_row_insert(tx, &row));
        assert_int_equal(sal_campaign_row_insert(tx, &again), SAL_E_INTERNAL);
        assert_int_equal(sal_tx_status(tx), SAL_E_INTERNAL);
        assert_non_null(strstr(sal_tx_detail(tx), "UNIQUE"));
        /* From here on nothing runs any more in this transaction. */
        struct sal_campaign_row out;
        assert_int_equal(sal_campaign_row_get(tx, "x", 1, false, &out), SAL_E_INTERNAL);
        return SAL_OK;
}

static void a_failed_write_fails_the_transaction(void **state) {
        struct fixture *f = *state;
        assert_int_equal(sal_ledger_run_now(f->ledger, insert_twice, NULL), SAL_E_INTERNAL);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM campaign"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(every_member_comes_back, setup, teardown),
                cmocka_unit_test_setup_teardown(lists_are_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(a_key_signs_once, setup, teardown),
                cmocka_unit_test_setup_teardown(a_dropped_draft_leaves_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failed_write_fails_the_transaction, setup, teardown),
        };
        return cmocka_run_group_tests_name("ledger/campaigns", tests, NULL, NULL);
}
