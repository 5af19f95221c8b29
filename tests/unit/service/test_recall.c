/* SPDX-License-Identifier: Apache-2.0 */
/* What takes an offer back, and that it is offered again: a recall is final and uses no attempt. */
#include "harness.h"

static int64_t recalled_and_applied(struct world *w, const char *cause, int64_t offer, int64_t applied) {
        assert_offer(w, offer, "recalled", cause);
        assert_offer(w, applied, "applied", "");
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE type = 6"), 1);
        return offer;
}

/* Of ten known machines one may hold an offer; it takes it, then a second one may. */
static void two_offers(struct world *w, const char *id, int64_t *ret_offered, int64_t *ret_applied) {
        know_fleet(w, 20);
        start(w, id, PLAN(ONE_RING ",\"max_attempts\":1"));
        *ret_applied = offer_to(w, "m-0001");
        *ret_offered = offer_to(w, "m-0002");
        assert_true(report(w, "m-0001", *ret_applied, "applied"));
}

static void by_an_operators_halt(void **state) {
        struct world *w = *state;
        int64_t offered, applied;
        two_offers(w, "fix", &offered, &applied);
        assert_ok(life(w, SAL_LIFE_HALT, "fix"));
        recalled_and_applied(w, "halt", offered, applied);
        assert_told(poll(w, .machine = "m-0002"), "halted");
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        /* One attempt is allowed, and the recalled one was none. */
        struct told told = poll(w, .machine = "m-0002");
        assert_told(told, "offered");
        assert_int_equal(told.attempt, 1);
        assert_true(told.offer != offered);
        pass(w, MINUTE);
        assert_offer(w, applied, "succeeded", "");
}

/* Applied offers run to their end, though nobody is offered anything any more. */
static void by_withdrawal(void **state) {
        struct world *w = *state;
        int64_t offered, applied;
        two_offers(w, "fix", &offered, &applied);
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        recalled_and_applied(w, "withdrawn", offered, applied);
        assert_told(poll(w, .machine = "m-0002"), "no_match");
        check_restart(w);
        pass(w, MINUTE);
        assert_offer(w, applied, "succeeded", "");
        assert_null(live_of(w, "fix"));
        assert_int_equal(sql_int(w, "SELECT unsettled FROM campaign"), 0);
        assert_int_equal(sql_int(w, "SELECT succeeded FROM campaign"), 1);
}

static void by_expiry(void **state) {
        struct world *w = *state;
        int64_t offered, applied;
        two_offers(w, "fix", &offered, &applied);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix")); /* its served time stands still, wall time does not */
        pass(w, 20 * DAY);
        recalled_and_applied(w, "expired", offered, applied);
        assert_int_equal(sql_int(w, "SELECT state FROM campaign"), SAL_CAMPAIGN_EXPIRED);
        pass(w, MINUTE);
        assert_offer(w, applied, "succeeded", "");
}

static void by_supersession(void **state) {
        struct world *w = *state;
        int64_t offered, applied;
        two_offers(w, "fix", &offered, &applied);
        start(w, "better", "{\"supersedes\":[\"fix\"]," ONE_RING_ROLLOUT "}");
        recalled_and_applied(w, "superseded", offered, applied);
        assert_state(w, "fix", "halted");
        assert_string_equal(poll(w, .machine = "m-0002").campaign, "better");
}

static void by_opting_out(void **state) {
        struct world *w = *state;
        int64_t offered, applied;
        two_offers(w, "fix", &offered, &applied);
        change_machine(w, "m-0002", "{\"opt_out\":true}");
        recalled_and_applied(w, "opt_out", offered, applied);
        assert_told(poll(w, .machine = "m-0002"), "opted_out");
        change_machine(w, "m-0001", "{\"opt_out\":true}");
        assert_offer(w, applied, "applied", "");
        change_machine(w, "m-0002", "{\"opt_out\":false}");
        assert_told(poll(w, .machine = "m-0002"), "offered");
}

/* A deleted machine comes back by its certificate, or is imported again. */
static void by_deletion(void **state) {
        struct world *w = *state;
        int64_t offered, applied;
        two_offers(w, "fix", &offered, &applied);
        delete_machine(w, "m-0002");
        recalled_and_applied(w, "deleted", offered, applied);
        check_population(w);
        assert_told(poll(w, .machine = "m-0002"), "offered");
        check_population(w);
        delete_machine(w, "m-0003");
        check_population(w);
        import(w, "{\"machine_id\":\"m-0003\",\"facts\":" FACTS "}");
        check_population(w);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine WHERE deleted = 1"), 0);
}

/* ---- enrollment, which a re-image goes through ---- */

struct enroll_call {
        const char *body, *machine;
        char token[65], got[SAL_MACHINE_TOKEN_BYTES];
};

static enum sal_status token_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct enroll_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *body = json_loads(call->body, 0, NULL);
        assert_ok(sal_tokens_create(&act, body, &w->json, &w->err));
        const char *secret = json_string_value(json_object_get(w->json, "token"));
        sal_secret_token_digest(secret, strlen(secret), call->token);
        return SAL_OK;
}

static enum sal_status enroll_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct enroll_call *call = arg;
        struct sal_enrollment enrollment = {0};
        memcpy(enrollment.token_sha256, call->token, sizeof enrollment.token_sha256);
        snprintf(enrollment.machine_id, sizeof enrollment.machine_id, "%s", call->machine);
        enum sal_status status = sal_enroll_run(w->service, tx, &enrollment, &w->err);
        memcpy(call->got, enrollment.machine_token, sizeof call->got);
        return status;
}

static void by_a_new_image(void **state) {
        struct world *w = *state;
        int64_t offered, applied;
        two_offers(w, "fix", &offered, &applied);
        struct enroll_call call = {.body = "{\"machine_id\":\"m-0002\",\"reimaged\":true}", .machine = "m-0002"};
        assert_ok(world_run(w, token_job, &call));
        assert_ok(world_run(w, enroll_job, &call));
        recalled_and_applied(w, "reimaged", offered, applied);
        struct told told = poll(w, .machine = "m-0002", .generation = 1);
        assert_told(told, "offered");
        assert_int_equal(told.attempt, 1);
        assert_true(offer_of(w, told.offer).counted); /* a new incarnation counts anew */
        assert_int_equal(offer_of(w, told.offer).incarnation, 2);
        /* What the old image reports is recorded, no more; and a failed boot of the new one is no relapse. */
        assert_false(report(w, "m-0002", offered, "applied"));
        assert_told(poll(w, .machine = "m-0002", .generation = 1), "offered");
        struct enroll_call again = {.body = "{\"machine_id\":\"m-0001\",\"reimaged\":true}", .machine = "m-0001"};
        assert_ok(world_run(w, token_job, &again));
        assert_ok(world_run(w, enroll_job, &again));
        poll(w, .machine = "m-0001", .boot = "boot-2", .generation = 1);
        assert_offer(w, applied, "applied", "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(by_an_operators_halt, world_setup, world_done),
                cmocka_unit_test_setup_teardown(by_withdrawal, world_setup, world_done),
                cmocka_unit_test_setup_teardown(by_expiry, world_setup, world_done),
                cmocka_unit_test_setup_teardown(by_supersession, world_setup, world_done),
                cmocka_unit_test_setup_teardown(by_opting_out, world_setup, world_done),
                cmocka_unit_test_setup_teardown(by_deletion, world_setup, world_done),
                cmocka_unit_test_setup_teardown(by_a_new_image, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
