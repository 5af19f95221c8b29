/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

/* Two campaigns (rows 1 and 2) and ten machines (rows 1..10). */
static enum sal_status fill(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_campaign_row one = sample_campaign("one", SAL_CAMPAIGN_ACTIVE);
        struct sal_campaign_row two = sample_campaign("two", SAL_CAMPAIGN_ACTIVE);
        assert_ok(sal_campaign_row_insert(tx, &one));
        assert_ok(sal_campaign_row_insert(tx, &two));
        for (int i = 1; i <= 10; i++) {
                struct sal_machine m = sample_machine(i);
                assert_ok(sal_machine_insert(tx, &m));
        }
        return SAL_OK;
}

static int setup_filled(void **state) {
        setup(state);
        run(*state, fill, NULL);
        return 0;
}

struct rows {
        int64_t rows[64];
        unsigned count;
        struct sal_tx *tx;
        bool settle, exclude;
};

/* Remembers the row, and changes it while the walk goes on when it is told so. */
static bool see(void *arg, const struct sal_offer *offer) {
        struct rows *rows = arg;
        rows->rows[rows->count++] = offer->row;
        struct sal_offer changed = *offer;
        if (rows->settle) {
                changed.state = SAL_OFFER_FAILED;
                changed.cause = SAL_CAUSE_SILENT;
                changed.due_kind = SAL_DUE_NONE;
                assert_ok(sal_offer_update(rows->tx, &changed));
        }
        if (rows->exclude) {
                changed.excluded = true;
                assert_ok(sal_offer_update(rows->tx, &changed));
        }
        return true;
}

static void assert_same_offer(const struct sal_offer *a, const struct sal_offer *b) {
        const int64_t pairs[][2] = {
                {a->row, b->row},
                {a->campaign_row, b->campaign_row},
                {a->machine_row, b->machine_row},
                {a->attempt, b->attempt},
                {a->incarnation, b->incarnation},
                {a->period, b->period},
                {a->ring, b->ring},
                {a->state, b->state},
                {a->cause, b->cause},
                {a->can_healthy, b->can_healthy},
                {a->counted, b->counted},
                {a->excluded, b->excluded},
                {a->late_applied, b->late_applied},
                {a->anonymous, b->anonymous},
                {a->offline, b->offline},
                {a->made_ms, b->made_ms},
                {a->applied_ms, b->applied_ms},
                {a->settled_ms, b->settled_ms},
                {a->made_served_ms, b->made_served_ms},
                {a->applied_served_ms, b->applied_served_ms},
                {a->due_kind, b->due_kind},
                {a->due_served_ms, b->due_served_ms},
                {a->slot_i, b->slot_i},
                {a->slot_o, b->slot_o},
                {a->stage, b->stage},
                {(int64_t)a->cohort_count, (int64_t)b->cohort_count},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(pairs); i++)
                assert_int_equal(pairs[i][0], pairs[i][1]);
        assert_string_equal(a->boot_id, b->boot_id);
        assert_memory_equal(a->cohorts, b->cohorts, a->cohort_count * sizeof *a->cohorts);
}

static enum sal_status round_trip(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_offer in = sample_offer(1, 2), out;
        in.attempt = 2;
        in.incarnation = 3;
        in.ring = 4;
        in.stage = 2;
        in.can_healthy = true;
        in.cohort_count = 3;
        in.cohorts[0] = 1;
        in.cohorts[1] = 20;
        in.cohorts[2] = 1000;
        assert_ok(sal_offer_insert(tx, &in));
        assert_ok(sal_offer_get(tx, in.row, &out));
        assert_same_offer(&in, &out);
        in.state = SAL_OFFER_APPLIED;
        in.cause = SAL_CAUSE_NONE;
        in.excluded = in.late_applied = true;
        in.applied_ms = 200;
        in.settled_ms = 300;
        in.applied_served_ms = 150;
        in.due_kind = SAL_DUE_SOAKED;
        in.due_served_ms = 99;
        assert_ok(sal_offer_update(tx, &in));
        assert_ok(sal_offer_get(tx, in.row, &out));
        assert_same_offer(&in, &out);
        assert_int_equal(sal_offer_get(tx, 4711, &out), SAL_E_NOT_FOUND);
        return SAL_OK;
}

static void every_member_comes_back(void **state) {
        run(*state, round_trip, NULL);
}

static enum sal_status machine_lists(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_offer offers[4] = {sample_offer(1, 1), sample_offer(2, 1), sample_offer(1, 1), sample_offer(1, 2)};
        for (int i = 0; i < 4; i++)
                assert_ok(sal_offer_insert(tx, &offers[i]));
        struct rows in_one = {0}, in_all = {0}, newest = {0};
        assert_ok(sal_offer_each_of_machine(tx, 1, 1, 0, see, &in_one));
        assert_int_equal(in_one.count, 2);
        assert_int_equal(in_one.rows[0], offers[0].row);
        assert_int_equal(in_one.rows[1], offers[2].row);
        assert_ok(sal_offer_each_of_machine(tx, 1, 0, 0, see, &in_all));
        assert_int_equal(in_all.count, 3);
        assert_int_equal(in_all.rows[0], offers[2].row);
        assert_int_equal(in_all.rows[2], offers[0].row);
        assert_ok(sal_offer_each_of_machine(tx, 1, 0, 1, see, &newest));
        assert_int_equal(newest.count, 1);
        assert_int_equal(newest.rows[0], offers[2].row);
        return SAL_OK;
}

static void offers_of_a_machine(void **state) {
        run(*state, machine_lists, NULL);
}

static enum sal_status timers(struct sal_tx *tx, void *arg) {
        (void)arg;
        int64_t due = 0;
        assert_int_equal(sal_offer_next_due(tx, 1, &due), SAL_E_NOT_FOUND);
        static const int64_t at[] = {500, 300, 400, 300, 900};
        struct sal_offer offers[5];
        for (int i = 0; i < 5; i++) {
                offers[i] = sample_offer(1, i + 1);
                offers[i].due_served_ms = at[i];
                assert_ok(sal_offer_insert(tx, &offers[i]));
        }
        struct sal_offer other = sample_offer(2, 9), none = sample_offer(1, 10);
        other.due_served_ms = 1;
        none.due_kind = SAL_DUE_NONE;
        none.due_served_ms = 2;
        assert_ok(sal_offer_insert(tx, &other));
        assert_ok(sal_offer_insert(tx, &none));
        assert_ok(sal_offer_next_due(tx, 1, &due));
        assert_int_equal(due, 300);
        struct rows first = {0};
        assert_ok(sal_offer_each_due(tx, 1, 500, 2, see, &first));
        assert_int_equal(first.count, 2);
        assert_int_equal(first.rows[0], offers[1].row);
        assert_int_equal(first.rows[1], offers[3].row);
        /* Each settles its row while the walk goes on: none is skipped, none comes twice. */
        struct rows all = {.tx = tx, .settle = true};
        assert_ok(sal_offer_each_due(tx, 1, 500, 100, see, &all));
        assert_int_equal(all.count, 4);
        assert_ok(sal_offer_next_due(tx, 1, &due));
        assert_int_equal(due, 900);
        return SAL_OK;
}

static void timers_come_earliest_first(void **state) {
        run(*state, timers, NULL);
}

static enum sal_status by_state(struct sal_tx *tx, void *arg) {
        (void)arg;
        int64_t failed[3] = {0};
        for (int i = 0; i < 9; i++) {
                struct sal_offer offer = sample_offer(1, i + 1);
                offer.state = i % 3 ? SAL_OFFER_OFFERED : SAL_OFFER_FAILED;
                assert_ok(sal_offer_insert(tx, &offer));
                if (i % 3 == 0)
                        failed[i / 3] = offer.row;
        }
        struct rows any = {0}, some = {0};
        assert_ok(sal_offer_each(tx, 1, 0, -1, 100, see, &any));
        assert_int_equal(any.count, 9);
        assert_ok(sal_offer_each(tx, 1, any.rows[6], -1, 100, see, &some));
        assert_int_equal(some.count, 2);
        struct rows page = {0};
        assert_ok(sal_offer_each(tx, 1, failed[0], SAL_OFFER_FAILED, 1, see, &page));
        assert_int_equal(page.count, 1);
        assert_int_equal(page.rows[0], failed[1]);
        struct rows elsewhere = {0};
        assert_ok(sal_offer_each(tx, 2, 0, -1, 0, see, &elsewhere));
        assert_int_equal(elsewhere.count, 0);
        return SAL_OK;
}

static void offers_of_a_campaign_by_state(void **state) {
        run(*state, by_state, NULL);
}

static enum sal_status cohorts(struct sal_tx *tx, void *arg) {
        (void)arg;
        int64_t row[6];
        for (int i = 0; i < 6; i++) {
                struct sal_offer offer = sample_offer(1, i + 1);
                offer.period = i == 5 ? 2 : 1;
                offer.counted = i != 4;
                offer.cohort_count = 2;
                offer.cohorts[0] = i == 3 ? 2 : 1;
                offer.cohorts[1] = 9;
                assert_ok(sal_offer_insert(tx, &offer));
                row[i] = offer.row;
        }
        struct rows held = {.tx = tx, .exclude = true};
        assert_ok(sal_offer_each_cohort(tx, 1, 1, 1, see, &held));
        assert_int_equal(held.count, 4); /* the later attempt too */
        for (int i = 0; i < 3; i++)
                assert_int_equal(held.rows[i], row[i]);
        assert_int_equal(held.rows[3], row[4]);
        struct rows again = {0}, ninth = {0};
        assert_ok(sal_offer_each_cohort(tx, 1, 1, 1, see, &again));
        assert_int_equal(again.count, 0);
        assert_ok(sal_offer_each_cohort(tx, 1, 1, 9, see, &ninth));
        assert_int_equal(ninth.count, 1);
        assert_int_equal(ninth.rows[0], row[3]);
        return SAL_OK;
}

static void offers_of_a_cohort(void **state) {
        run(*state, cohorts, NULL);
}

/* ---- sums per ring ---- */

static void check_ring_sums(struct fixture *f, int64_t campaign_row) {
        struct sal_ring_counts rings[SAL_PLAN_MAX_RINGS];
        sal_tx_begin(f->ledger);
        assert_ok(sal_ring_counts_get(&f->ledger->tx, campaign_row, rings));
        assert_ok(sal_tx_end(f->ledger));
        for (int i = 0; i < 3; i++) {
                char text[400];
                static const char *const sums[] = {"count(*)", "sum(state IN (0, 1))", "sum(state = 2)",
                                                   "sum(state = 3)", "sum(state = 4)"};
                const int64_t found[] = {rings[i].offered, rings[i].unsettled, rings[i].succeeded, rings[i].failed,
                                         rings[i].not_applicable};
                for (size_t k = 0; k < SAL_ARRAY_LEN(sums); k++) {
                        snprintf(text, sizeof text,
                                 "SELECT coalesce(%s, 0) FROM offer WHERE campaign_row = %d AND ring = %d AND "
                                 "offline = 0",
                                 sums[k], (int)campaign_row, i);
                        assert_int_equal(found[k], sql_int(f, text));
                }
                snprintf(
                        text, sizeof text,
                        "SELECT count(*) FROM offer o WHERE campaign_row = %d AND ring = %d AND row = (SELECT min(row) "
                        "FROM offer p WHERE p.campaign_row = o.campaign_row AND p.machine_row = o.machine_row AND "
                        "p.offline = 0)",
                        (int)campaign_row, i);
                assert_int_equal(rings[i].machines, sql_int(f, text));
        }
}

static enum sal_status churn(struct sal_tx *tx, void *arg) {
        unsigned *seed = arg;
        for (int i = 0; i < 20; i++) {
                struct sal_offer offer = sample_offer(1 + rand_r(seed) % 2, 1 + rand_r(seed) % 10);
                offer.ring = rand_r(seed) % 3;
                offer.offline = rand_r(seed) % 5 == 0;
                assert_ok(sal_offer_insert(tx, &offer));
                struct sal_offer old;
                assert_ok(sal_offer_get(tx, 1 + rand_r(seed) % offer.row, &old));
                old.state = (enum sal_offer_state)(rand_r(seed) % SAL_OFFER_STATES);
                assert_ok(sal_offer_update(tx, &old));
        }
        return rand_r(seed) % 4 == 0 ? SAL_E_CONFLICT : SAL_OK;
}

static void ring_sums_hold_through_rollbacks_and_restarts(void **state) {
        struct fixture *f = *state;
        unsigned seed = 3, rolled_back = 0;
        for (int round = 0; round < 60; round++) {
                enum sal_status status = sal_ledger_run_now(f->ledger, churn, &seed);
                assert_true(status == SAL_OK || status == SAL_E_CONFLICT);
                rolled_back += status != SAL_OK;
                check_ring_sums(f, 1);
                check_ring_sums(f, 2);
                if (round % 10 == 9)
                        fixture_reopen(f);
        }
        assert_true(rolled_back > 5);
}

static enum sal_status offline(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_ring_counts rings[SAL_PLAN_MAX_RINGS];
        struct sal_offer outcome = sample_offer(1, 1), read, offer = sample_offer(1, 1);
        outcome.offline = true;
        outcome.counted = false;
        outcome.state = SAL_OFFER_SUCCEEDED;
        outcome.due_kind = SAL_DUE_NONE;
        int64_t count = -1;
        assert_ok(sal_offer_insert(tx, &outcome));
        assert_ok(sal_offer_get(tx, outcome.row, &read));
        assert_same_offer(&outcome, &read);
        assert_ok(sal_ring_counts_get(tx, 1, rings));
        assert_int_equal(rings[0].machines + rings[0].offered + rings[0].succeeded, 0);
        /* The machine's first offer is still to come. */
        assert_ok(sal_offer_insert(tx, &offer));
        assert_ok(sal_ring_counts_get(tx, 1, rings));
        assert_int_equal(rings[0].machines, 1);
        assert_ok(sal_offer_count_offline(tx, 1, &count));
        assert_int_equal(count, 1);
        assert_ok(sal_offer_count_offline(tx, 2, &count));
        assert_int_equal(count, 0);
        return SAL_OK;
}

static void an_outcome_without_an_offer_stands_in_no_sum(void **state) {
        struct fixture *f = *state;
        run(f, offline, NULL);
        check_ring_sums(f, 1);
}

/* More campaigns than the memory of sums holds, all changed in one transaction. */
static enum sal_status many_campaigns(struct sal_tx *tx, void *arg) {
        (void)arg;
        for (int i = 0; i < 3 * SAL_RING_CACHE_MAX; i++) {
                char id[16];
                snprintf(id, sizeof id, "c-%d", i);
                struct sal_campaign_row row = sample_campaign(id, SAL_CAMPAIGN_ACTIVE);
                assert_ok(sal_campaign_row_insert(tx, &row));
                struct sal_offer offer = sample_offer(row.row, 1);
                assert_ok(sal_offer_insert(tx, &offer));
        }
        return SAL_OK;
}

static void sums_of_many_campaigns(void **state) {
        struct fixture *f = *state;
        run(f, many_campaigns, NULL);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM ring_count WHERE machines = 1 AND unsettled = 1"),
                         3 * SAL_RING_CACHE_MAX);
}

static enum sal_status insert_orphan(struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_offer offer = sample_offer(1, 4711);
        return sal_offer_insert(tx, &offer);
}

static void an_offer_needs_its_machine(void **state) {
        struct fixture *f = *state;
        assert_int_equal(sal_ledger_run_now(f->ledger, insert_orphan, NULL), SAL_E_INTERNAL);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM offer"), 0);
}

/* ---- the offer filter ---- */

struct ids {
        char text[512];
};

static bool see_id(void *arg, const char *id) {
        struct ids *ids = arg;
        size_t len = strlen(ids->text);
        snprintf(ids->text + len, sizeof ids->text - len, "%s ", id);
        return true;
}

static enum sal_status filter(struct sal_tx *tx, void *arg) {
        (void)arg;
        const int64_t day_ms = 86400000;
        struct sal_campaign_row gone = sample_campaign("gone", SAL_CAMPAIGN_WITHDRAWN);
        gone.last_take_served_ms = 100 * day_ms; /* so the daemon has served at least as long */
        assert_ok(sal_campaign_row_insert(tx, &gone));
        struct sal_offer live = sample_offer(1, 1), late = sample_offer(gone.row, 2), old = sample_offer(gone.row, 3);
        struct sal_offer failed = sample_offer(gone.row, 4), pending = sample_offer(gone.row, 5);
        live.state = SAL_OFFER_FAILED;
        late.state = old.state = SAL_OFFER_SUCCEEDED;
        late.made_served_ms = 50 * day_ms;
        old.made_served_ms = 39 * day_ms;
        failed.state = SAL_OFFER_FAILED;
        pending.state = SAL_OFFER_APPLIED;
        struct sal_offer *const all[] = {&live, &late, &old, &failed, &pending};
        for (size_t i = 0; i < SAL_ARRAY_LEN(all); i++)
                assert_ok(sal_offer_insert(tx, all[i]));
        struct ids ids = {0};
        assert_ok(sal_offer_each_live_machine(tx, see_id, &ids));
        assert_non_null(strstr(ids.text, "m-000001"));
        assert_non_null(strstr(ids.text, "m-000002"));
        assert_null(strstr(ids.text, "m-000003"));
        assert_null(strstr(ids.text, "m-000004"));
        assert_non_null(strstr(ids.text, "m-000005"));
        assert_null(strstr(ids.text, "m-000006"));
        return SAL_OK;
}

static void the_filter_knows_who_may_hold_an_offer(void **state) {
        run(*state, filter, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(every_member_comes_back, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(offers_of_a_machine, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(timers_come_earliest_first, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(offers_of_a_campaign_by_state, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(offers_of_a_cohort, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(ring_sums_hold_through_rollbacks_and_restarts, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(an_outcome_without_an_offer_stands_in_no_sum, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(sums_of_many_campaigns, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(an_offer_needs_its_machine, setup_filled, teardown),
                cmocka_unit_test_setup_teardown(the_filter_knows_who_may_hold_an_offer, setup_filled, teardown),
        };
        return cmocka_run_group_tests_name("ledger/offers", tests, NULL, NULL);
}
