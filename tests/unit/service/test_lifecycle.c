/* SPDX-License-Identifier: Apache-2.0 */
/* What campaigns do to one another, and what may not be started. */
#include "harness.h"

static int64_t state_of(struct world *w, const char *id, int64_t version) {
        char sql[120];
        snprintf(sql, sizeof sql, "SELECT state FROM campaign WHERE id = '%s' AND version = %" PRId64, id, version);
        return sql_int(w, sql);
}

static void only_what_is_ready_starts(void **state) {
        struct world *w = *state;
        sal_autofree char *payload = payload_of(w, "fix", 1, SIMPLE);
        struct draft_call call = {.id = "fix", .version = 1, .payload = payload};
        assert_ok(world_run(w, create_job, &call));
        assert_int_equal(world_run(w, create_job, &call), SAL_E_CONFLICT);
        assert_int_equal(life(w, SAL_LIFE_START, "fix"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "draft");
        assert_ok(world_run(w, sign_job, &call));
        assert_ok(world_run(w, sign_job, &call)); /* the same author twice is one */
        assert_int_equal(life(w, SAL_LIFE_START, "fix"), SAL_E_CONFLICT);
        call.author = 1;
        assert_ok(world_run(w, sign_job, &call));
        assert_int_equal(state_of(w, "fix", 1), SAL_CAMPAIGN_READY);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE type = 7"), 1);
        assert_ok(life(w, SAL_LIFE_START, "fix"));
        assert_int_equal(life(w, SAL_LIFE_START, "fix"), SAL_E_CONFLICT);
        assert_int_equal(world_run(w, sign_job, &call), SAL_E_CONFLICT);
}

/* An author's signature of other bytes is none. */
static void a_signature_of_another_payload(void **state) {
        struct world *w = *state;
        sal_autofree char *payload = payload_of(w, "fix", 1, SIMPLE);
        sal_autofree char *other = payload_of(w, "fix", 1, "{\"title\":\"another\"}");
        struct draft_call call = {.id = "fix", .version = 1, .payload = payload};
        assert_ok(world_run(w, create_job, &call));
        call.payload = other;
        assert_int_equal(world_run(w, sign_job, &call), SAL_E_UNTRUSTED);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM signature"), 0);
}

static void expired_and_revoked(void **state) {
        struct world *w = *state;
        make_ready(w, "fix", 1, SIMPLE);
        make_ready(w, "revoked-one", 1, SIMPLE);
        assert_int_equal(life(w, SAL_LIFE_START, "revoked-one"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "revoked");
        pass(w, 20 * DAY);
        assert_int_equal(life(w, SAL_LIFE_START, "fix"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "expired");
        /* Withdrawn before it ever ran: the journal tells that, too. */
        int64_t states = sql_int(w, "SELECT count(*) FROM journal WHERE type = 7 AND campaign = 'fix'");
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE type = 7 AND campaign = 'fix'"), states + 1);
        assert_int_equal(life(w, SAL_LIFE_WITHDRAW, "fix"), SAL_E_CONFLICT);
}

static void a_new_version_withdraws_the_old(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        int64_t offer = offer_to(w, "m-1");
        make_ready(w, "fix", 2, SIMPLE);
        assert_ok(life(w, SAL_LIFE_START, "fix", .version = 2));
        assert_int_equal(state_of(w, "fix", 1), SAL_CAMPAIGN_WITHDRAWN);
        assert_offer(w, offer, "recalled", "withdrawn");
        struct told told = poll(w, .machine = "m-1");
        assert_told(told, "offered");
        assert_int_equal(told.version, 2);
        assert_int_equal(told.attempt, 1);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix"), SAL_E_CONFLICT); /* final */
}

static void supersedes(void **state) {
        struct world *w = *state;
        start(w, "old", SIMPLE);
        start(w, "new", "{\"supersedes\":[\"old\"]," ONE_RING_ROLLOUT "}");
        assert_state(w, "old", "halted");
        sal_autojson json_t *halt = newest_decision(w, "old");
        assert_string_equal(json_string_value(json_object_get(halt, "rule")), "supersedes");
        assert_int_equal(life(w, SAL_LIFE_RESUME, "old"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "new");
        make_ready(w, "old", 2, SIMPLE);
        assert_int_equal(life(w, SAL_LIFE_START, "old", .version = 2), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "new");
        /* Once the newer one is gone the older one may go on: nothing is halved, nothing has to be quoted. */
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "new"));
        assert_ok(life(w, SAL_LIFE_RESUME, "old"));
        assert_int_equal(live_of(w, "old")->row.halts_resumed, 0);
}

static void two_that_supersede_each_other(void **state) {
        struct world *w = *state;
        start(w, "one", "{\"supersedes\":[\"two\"]," ONE_RING_ROLLOUT "}");
        make_ready(w, "two", 1, "{\"supersedes\":[\"one\"]," ONE_RING_ROLLOUT "}");
        assert_int_equal(life(w, SAL_LIFE_START, "two"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "one");
        assert_state(w, "one", "active");
        assert_ok(life(w, SAL_LIFE_HALT, "one")); /* a halted one is live still */
        assert_int_equal(life(w, SAL_LIFE_START, "two"), SAL_E_CONFLICT);
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "one"));
        assert_ok(life(w, SAL_LIFE_START, "two"));
}

/* It reaches those whom the other touched: applied, succeeded, relapsed, silent, repolled, late. Nobody else. */
static void undoes(void **state) {
        struct world *w = *state;
        make_ready(w, "undo", 1, "{\"undoes\":\"fix\"," ONE_RING_ROLLOUT "}");
        assert_int_equal(life(w, SAL_LIFE_START, "undo"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "fix");
        make_ready(w, "fix", 1, PLAN(ONE_RING ",\"max_attempts\":1"));
        assert_int_equal(life(w, SAL_LIFE_START, "undo"), SAL_E_CONFLICT); /* ready, but never started */
        assert_ok(life(w, SAL_LIFE_START, "fix"));
        assert_true(report(w, "healthy", offer_to(w, "healthy"), "healthy"));
        assert_true(report(w, "applied", offer_to(w, "applied"), "applied"));
        pass(w, MINUTE);
        int64_t relapsed = offer_to(w, "relapsed");
        assert_true(report(w, "relapsed", relapsed, "healthy"));
        poll(w, .machine = "relapsed", .boot = "boot-2");
        offer_to(w, "repolled");
        poll(w, .machine = "repolled", .boot = "boot-2");
        offer_to(w, "silent");
        pass(w, HOUR);
        for (int i = 0; i < 30; i++) { /* so that failures do not halt it */
                const char *machine = machine_name(i);
                assert_true(report(w, machine, offer_to(w, machine), "not_applicable"));
        }
        int64_t late = offer_to(w, "late");
        assert_ok(life(w, SAL_LIFE_START, "undo"));
        assert_offer(w, late, "recalled", "superseded");
        assert_state(w, "fix", "halted");
        assert_int_equal(live_of(w, "undo")->waiting[0], 5);
        assert_told(poll(w, .machine = "late"), "halted");
        assert_false(report(w, "late", late, "applied"));
        assert_int_equal(live_of(w, "undo")->waiting[0], 6);
        assert_told(poll(w, .machine = machine_name(1)), "not_applicable");
        assert_told(poll(w, .machine = "stranger"), "halted");
        static const char *const reached[] = {"healthy", "applied", "relapsed", "repolled", "silent", "late"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(reached); i++) {
                struct told told =
                        worker_poll(w, .machine = reached[i], .boot = "boot-9", .reason = SAL_POLL_REQUESTED);
                assert_told(told, "offered");
                assert_string_equal(told.campaign, "undo");
                assert_true(report_from(w, reached[i], told.offer, "healthy", "boot-9", NULL));
        }
        assert_int_equal(live_of(w, "undo")->waiting[0], 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(only_what_is_ready_starts, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_signature_of_another_payload, world_setup, world_done),
                cmocka_unit_test_setup_teardown(expired_and_revoked, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_new_version_withdraws_the_old, world_setup, world_done),
                cmocka_unit_test_setup_teardown(supersedes, world_setup, world_done),
                cmocka_unit_test_setup_teardown(two_that_supersede_each_other, world_setup, world_done),
                cmocka_unit_test_setup_teardown(undoes, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
