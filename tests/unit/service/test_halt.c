/* SPDX-License-Identifier: Apache-2.0 */
/* The halt rule on whole batches, with the reference numbers of the wire contract; resuming after it. */
#include "harness.h"

#include <math.h>

/* Many offers may be out at once: initial is a tenth of the known machines. */
#define FIVE_OUT PLAN(ONE_RING)

static json_t *evidence_of(const json_t *decision) {
        return json_object_get(decision, "evidence");
}

static int64_t number(const json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

static void assert_near(const json_t *object, const char *key, double expected) {
        double value = json_number_value(json_object_get(object, key));
        if (!(fabs(value - expected) < 1e-9))
                fail_msg("%s is %.12f, expected %.12f", key, value, expected);
}

static void offers_out(struct world *w, int count, int64_t *ret) {
        for (int i = 0; i < count; i++)
                ret[i] = offer_to(w, machine_name(i + 1));
}

static void the_fourth_of_five_failures(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix", FIVE_OUT);
        offers_out(w, 5, offers);
        for (int i = 0; i < 3; i++) {
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
                assert_state(w, "fix", "active");
        }
        assert_true(report(w, machine_name(4), offers[3], "failed"));
        assert_state(w, "fix", "halted");
        assert_offer(w, offers[4], "recalled", "halt");
        sal_autojson json_t *halt = newest_decision(w, "fix");
        assert_string_equal(json_string_value(json_object_get(halt, "verdict")), "halt");
        assert_string_equal(json_string_value(json_object_get(halt, "by")), "engine");
        assert_string_equal(json_string_value(json_object_get(halt, "rule")), "6.3");
        assert_string_equal(json_string_value(json_object_get(halt, "ring")), "all");
        assert_int_equal(number(evidence_of(halt), "offered"), 5);
        assert_int_equal(number(evidence_of(halt), "failed"), 4);
        assert_near(evidence_of(halt), "ln_e", 7.995579673);
        assert_near(evidence_of(halt), "bound", 5.298317367);
        assert_told(poll(w, .machine = "m-0006"), "halted");
}

/* All deadlines fall due in one batch: the fourth halts, and the fifth is recalled by it. */
static void the_fourth_of_five_silences(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix", FIVE_OUT);
        offers_out(w, 5, offers);
        pass(w, HOUR);
        assert_state(w, "fix", "halted");
        for (int i = 0; i < 4; i++)
                assert_offer(w, offers[i], "failed", "silent");
        assert_offer(w, offers[4], "recalled", "halt");
        sal_autojson json_t *halt = newest_decision(w, "fix");
        assert_int_equal(number(evidence_of(halt), "silent"), 4);
        assert_near(evidence_of(halt), "ln_e", 5.331010758);
}

/* A good history does not dilute what begins to fail now. */
static void a_block_of_late_failures(void **state) {
        struct world *w = *state;
        int machine = 0;
        start(w, "fix", FIVE_OUT);
        while (machine < 1000) {
                struct told told = poll(w, .machine = machine_name(++machine));
                assert_true(report(w, machine_name(machine), told.offer, "healthy"));
        }
        int64_t last = 0;
        while (strcmp(sal_campaign_state_name(live_of(w, "fix")->row.state), "halted") != 0) {
                last = offer_to(w, machine_name(++machine));
                assert_true(report(w, machine_name(machine), last, "failed"));
        }
        assert_int_equal(offer_of(w, last).slot_i, 1008);
        sal_autojson json_t *halt = newest_decision(w, "fix");
        const json_t *block = json_object_get(evidence_of(halt), "block");
        assert_int_equal(json_integer_value(json_array_get(block, 0)), 0);
        assert_int_equal(json_integer_value(json_array_get(block, 1)), 31);
        assert_int_equal(number(evidence_of(halt), "offered"), 17);
        assert_int_equal(number(evidence_of(halt), "failed"), 9);
        assert_near(evidence_of(halt), "ln_e", 13.741068121);
        assert_near(evidence_of(halt), "bound", 12.891187654);
}

static void halt_from_paused_and_from_completed(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix", FIVE_OUT);
        offers_out(w, 5, offers);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        for (int i = 0; i < 4; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], "failed")); /* reports count all the same */
        assert_state(w, "fix", "halted");
        start(w, "other", "{" ONE_RING_ROLLOUT ",\"match\":{\"fact\":\"os\",\"eq\":\"linux\"}}");
        pass(w, 200);
        assert_state(w, "other", "completed");
        /* A completed one is still offered, one by one, and three failures out of three are enough. */
        for (int i = 1; i <= 3; i++) {
                struct told told = poll(w, .machine = machine_name(1000 + i), .facts = "{\"os\":\"linux\"}");
                assert_string_equal(told.campaign, "other");
                assert_true(report(w, machine_name(1000 + i), told.offer, "failed"));
        }
        assert_state(w, "other", "halted");
}

/* An engine's halt is quoted to resume it; half the error is left, and counting begins anew. */
static void resume_after_the_engine(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix",
              PLAN("\"rings\":[{\"name\":\"one\",\"share\":0.5,\"soak_seconds\":60},"
                   "{\"name\":\"two\",\"share\":0.5}],\"cohorts\":[],\"patience_seconds\":30"));
        pass(w, 30);
        assert_int_equal(live_of(w, "fix")->row.rings_open, 2);
        offers_out(w, 5, offers);
        assert_true(report(w, machine_name(5), offers[4], "applied"));
        for (int i = 0; i < 4; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
        char id[24];
        snprintf(id, sizeof id, "d%" PRId64, live_of(w, "fix")->row.halt_decision);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix"), SAL_E_ACKNOWLEDGE);
        assert_string_equal(w->err.ref, id);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = "d1"), SAL_E_ACKNOWLEDGE);
        check_restart(w);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix"), SAL_E_ACKNOWLEDGE);
        assert_ok(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = id));
        const struct sal_live *live = live_of(w, "fix");
        struct sal_evidence totals;
        sal_tally_totals(live->tally, &totals);
        assert_int_equal(totals.offered + totals.failed, 0);
        assert_true(fabs(totals.bound - 5.991464547) < 1e-9);
        assert_int_equal(live->row.rings_open, 2);
        assert_int_equal(sal_tally_stage(live->tally), 0);
        assert_int_equal(sal_live_in_flight(live), 1); /* the one of before only counts as unsettled */
        /* A machine of before counts anew with its next offer; its attempts go on. */
        struct told told = poll(w, .machine = machine_name(1), .boot = "boot-2");
        assert_int_equal(told.attempt, 2);
        assert_true(offer_of(w, told.offer).counted);
        assert_int_equal(offer_of(w, told.offer).slot_i, 0);
        pass(w, MINUTE);
        sal_tally_totals(live->tally, &totals);
        assert_int_equal(totals.offered, 1);
        assert_int_equal(sal_live_in_flight(live), 1);
}

static void an_operators_stop_changes_no_count(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix", FIVE_OUT);
        offers_out(w, 5, offers);
        for (int i = 0; i < 4; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], i < 2 ? "failed" : "applied"));
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        assert_ok(life(w, SAL_LIFE_HALT, "fix"));
        /* What happens meanwhile counts, and is judged: the state stays, but the engine has halted it now. */
        poll(w, .machine = machine_name(3), .boot = "boot-2");
        assert_int_equal(verdicts(w, "fix", "halt"), 1);
        poll(w, .machine = machine_name(4), .boot = "boot-2");
        assert_int_equal(verdicts(w, "fix", "halt"), 2);
        struct sal_evidence totals;
        sal_tally_totals(live_of(w, "fix")->tally, &totals);
        assert_int_equal(totals.offered, 5);
        assert_int_equal(totals.failed, 4);
        assert_true(fabs(totals.bound - 5.298317367) < 1e-9);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix"), SAL_E_ACKNOWLEDGE);
        assert_state(w, "fix", "halted");
}

/* A refused resume leaves nothing changed, in memory or on disk. */
static void what_is_refused_changes_nothing(void **state) {
        struct world *w = *state;
        start(w, "fix", FIVE_OUT);
        pass(w, 50);
        sal_autofree char *before = engine_text(w);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "active");
        assert_int_equal(life(w, SAL_LIFE_START, "fix"), SAL_E_CONFLICT);
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "fix"), SAL_E_CONFLICT);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix", .cohort = "model=A"), SAL_E_CONFLICT);
        assert_int_equal(life(w, SAL_LIFE_HALT, "none"), SAL_E_NOT_FOUND);
        sal_autofree char *after = engine_text(w);
        assert_string_equal(before, after);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_fourth_of_five_failures, world_setup, world_done),
                cmocka_unit_test_setup_teardown(the_fourth_of_five_silences, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_block_of_late_failures, world_setup, world_done),
                cmocka_unit_test_setup_teardown(halt_from_paused_and_from_completed, world_setup, world_done),
                cmocka_unit_test_setup_teardown(resume_after_the_engine, world_setup, world_done),
                cmocka_unit_test_setup_teardown(an_operators_stop_changes_no_count, world_setup, world_done),
                cmocka_unit_test_setup_teardown(what_is_refused_changes_nothing, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
