/* SPDX-License-Identifier: Apache-2.0 */
/* Who may enroll, whose token is good, and strangers without any. */
#include "harness.h"

struct enroll {
        char token[65]; /* digest of the enrollment token */
        const char *machine;
        char got[SAL_MACHINE_TOKEN_BYTES];
};

static enum sal_status token_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct enroll *enroll = arg;
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *body = json_loads(enroll->machine, 0, NULL);
        assert_ok(sal_tokens_create(&act, body, &w->json, &w->err));
        const char *secret = json_string_value(json_object_get(w->json, "token"));
        sal_secret_token_digest(secret, strlen(secret), enroll->token);
        return SAL_OK;
}

/* An enrollment token as its body asks. */
static struct enroll token_of(struct world *w, const char *body) {
        struct enroll enroll = {.machine = body};
        assert_ok(world_run(w, token_job, &enroll));
        return enroll;
}

static enum sal_status enroll_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct enroll *enroll = arg;
        struct sal_enrollment enrollment = {.facts_text = (char *)(uintptr_t)FACTS};
        memcpy(enrollment.token_sha256, enroll->token, sizeof enrollment.token_sha256);
        snprintf(enrollment.machine_id, sizeof enrollment.machine_id, "%s", enroll->machine);
        enum sal_status status = sal_enroll_run(w->service, tx, &enrollment, &w->err);
        memcpy(enroll->got, enrollment.machine_token, sizeof enroll->got);
        return status;
}

static enum sal_status enroll_with(struct world *w, struct enroll *enroll, const char *machine) {
        enroll->machine = machine;
        return world_run(w, enroll_job, enroll);
}

static int64_t generation_of(struct world *w, const struct enroll *enroll) {
        int64_t generation = 0;
        assert_ok(sal_machine_token_check(&w->service->token_key, enroll->machine, enroll->got, strlen(enroll->got),
                                          &generation));
        return generation;
}

static void tokens_that_are_no_good(void **state) {
        struct world *w = *state;
        struct enroll unknown = {.token = "none"};
        assert_int_equal(enroll_with(w, &unknown, "m-1"), SAL_E_UNAUTHENTICATED);
        struct enroll once = token_of(w, "{}");
        assert_ok(enroll_with(w, &once, "m-1"));
        assert_int_equal(enroll_with(w, &once, "m-2"), SAL_E_UNAUTHENTICATED);
        struct enroll bound = token_of(w, "{\"machine_id\":\"m-3\"}");
        assert_int_equal(enroll_with(w, &bound, "m-4"), SAL_E_FORBIDDEN);
        struct enroll brief = token_of(w, "{\"expires_in_seconds\":60}");
        pass(w, 60);
        assert_int_equal(enroll_with(w, &brief, "m-5"), SAL_E_UNAUTHENTICATED);
        /* A refusal uses nothing up and writes nothing. */
        assert_ok(enroll_with(w, &bound, "m-3"));
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine"), 2);
}

/* Unknown, imported, or never used: the same id may come again, and the token is rotated. Once it was used, no more. */
static void an_answer_that_was_lost(void **state) {
        struct world *w = *state;
        struct enroll many = token_of(w, "{\"uses\":100}");
        start(w, "fix", SIMPLE);
        assert_ok(enroll_with(w, &many, "m-1"));
        assert_int_equal(generation_of(w, &many), 1);
        assert_ok(enroll_with(w, &many, "m-1"));
        assert_int_equal(generation_of(w, &many), 2);
        assert_int_equal(poll(w, .machine = "m-1", .generation = 1).status, SAL_E_UNAUTHENTICATED);
        assert_told(worker_poll(w, .machine = "m-1", .generation = 2), "offered");
        assert_int_equal(enroll_with(w, &many, "m-1"), SAL_E_CONFLICT);
        import(w, "{\"machine_id\":\"m-2\"}");
        assert_ok(enroll_with(w, &many, "m-2"));
        assert_told(worker_poll(w, .machine = "m-2", .generation = 1), "in_flight_cap");
        assert_int_equal(enroll_with(w, &many, "m-2"), SAL_E_CONFLICT);
        assert_int_equal(sql_int(w, "SELECT uses FROM enroll_token"), 3);
}

static void bound_and_reenroll_tokens(void **state) {
        struct world *w = *state;
        struct enroll many = token_of(w, "{\"uses\":100}");
        assert_ok(enroll_with(w, &many, "m-1"));
        poll(w, .machine = "m-1", .generation = 1);
        struct enroll bound = token_of(w, "{\"machine_id\":\"m-1\"}");
        assert_ok(enroll_with(w, &bound, "m-1"));
        assert_int_equal(generation_of(w, &bound), 2);
        poll(w, .machine = "m-1", .generation = 2);
        struct enroll again = token_of(w, "{\"reenroll\":true}");
        assert_ok(enroll_with(w, &again, "m-1"));
        assert_int_equal(generation_of(w, &again), 3);
        /* Only reimaged begins a new incarnation. */
        assert_int_equal(sql_int(w, "SELECT incarnation FROM machine"), 1);
        struct enroll anew = token_of(w, "{\"machine_id\":\"m-1\",\"reimaged\":true}");
        assert_ok(enroll_with(w, &anew, "m-1"));
        assert_int_equal(sql_int(w, "SELECT incarnation FROM machine"), 2);
}

/* However a deleted machine comes back, its old token does not. */
static void a_deleted_machines_token(void **state) {
        struct world *w = *state;
        struct enroll many = token_of(w, "{\"uses\":100}");
        assert_ok(enroll_with(w, &many, "m-1"));
        poll(w, .machine = "m-1", .generation = 1);
        delete_machine(w, "m-1");
        assert_int_equal(worker_poll(w, .machine = "m-1", .generation = 1).status, SAL_E_UNAUTHENTICATED);
        import(w, "{\"machine_id\":\"m-1\"}");
        assert_int_equal(worker_poll(w, .machine = "m-1", .generation = 1).status, SAL_E_UNAUTHENTICATED);
        assert_ok(enroll_with(w, &many, "m-1"));
        assert_told(poll(w, .machine = "m-1", .generation = generation_of(w, &many)), "no_match");
        assert_int_equal(worker_poll(w, .machine = "m-1", .generation = 1).status, SAL_E_UNAUTHENTICATED);
}

/* ---- strangers ---- */

static int strangers_setup(void **state) {
        world_setup(state);
        struct world *w = *state;
        w->anonymous_poll = true;
        w->anonymous_offers_max = 2;
        world_restart(w);
        return 0;
}

/* They wait until the last ring is open, hold few offers, count in no test and in no pace. */
static void strangers(void **state) {
        struct world *w = *state;
        know_fleet(w, 30);
        const struct sal_live *live =
                start(w, "fix",
                      PLAN("\"rings\":[{\"name\":\"one\",\"share\":0.5},{\"name\":\"two\",\"share\":0.5}],"
                           "\"cohorts\":[],\"patience_seconds\":600"));
        assert_told(poll(w, .machine = "x-1", .anonymous = true), "ring_not_open");
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine WHERE anonymous = 1"), 0); /* leaves nothing behind */
        pass(w, 600);
        struct told told = poll(w, .machine = "x-1", .anonymous = true);
        assert_told(told, "offered");
        assert_told(poll(w, .machine = "x-2", .anonymous = true), "offered");
        assert_told(poll(w, .machine = "x-3", .anonymous = true), "in_flight_cap");
        assert_false(offer_of(w, told.offer).counted);
        assert_int_equal(sal_live_in_flight(live), 0);
        check_restart(w);
        assert_told(poll(w, .machine = "x-3", .anonymous = true), "in_flight_cap");
        pass(w, HOUR);
        assert_told(poll(w, .machine = "x-3", .anonymous = true), "offered");
        struct sal_evidence totals;
        live = live_of(w, "fix");
        sal_tally_totals(live->tally, &totals);
        assert_int_equal(totals.offered + totals.silent, 0);
        assert_int_equal(live->row.silent, 2);
}

static void a_known_id_needs_its_credential(void **state) {
        struct world *w = *state;
        import(w, "{\"machine_id\":\"m-1\",\"facts\":" FACTS "}");
        start(w, "fix", SIMPLE);
        assert_int_equal(poll(w, .machine = "m-1", .anonymous = true).status, SAL_E_UNAUTHENTICATED);
        /* A stranger that shows a credential is one no longer, whoever answers it. */
        assert_told(poll(w, .machine = "x-1", .anonymous = true), "offered");
        assert_told(worker_poll(w, .machine = "x-1"), "offered");
        check_population(w);
        assert_int_equal(poll(w, .machine = "x-1", .anonymous = true).status, SAL_E_UNAUTHENTICATED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(tokens_that_are_no_good, world_setup, world_done),
                cmocka_unit_test_setup_teardown(an_answer_that_was_lost, world_setup, world_done),
                cmocka_unit_test_setup_teardown(bound_and_reenroll_tokens, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_deleted_machines_token, world_setup, world_done),
                cmocka_unit_test_setup_teardown(strangers, strangers_setup, world_done),
                cmocka_unit_test_setup_teardown(a_known_id_needs_its_credential, strangers_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
