/* SPDX-License-Identifier: Apache-2.0 */
/* Pace, advance, opening without evidence, completion. */
#include "harness.h"

#include <math.h>

#define RINGS                                                                           \
        "\"rings\":[{\"name\":\"one\",\"share\":0.5,\"soak_seconds\":60,\"growth\":2}," \
        "{\"name\":\"two\",\"share\":0.5,\"soak_seconds\":0,\"growth\":6}],\"cohorts\":[]"

static double cap_of(const struct sal_live *live) {
        return sal_tally_cap(live->tally, sal_live_known_matching(live));
}

/* Machines of one ring: "one-0001", … */
static void know_ring(struct world *w, const char *ring, int count) {
        for (int i = 1; i <= count; i++) {
                char line[160];
                snprintf(line, sizeof line, "{\"machine_id\":\"%s-%04d\",\"facts\":" FACTS ",\"pin\":\"%s\"}", ring, i,
                         ring);
                import(w, line);
        }
}

static const char *of_ring(const char *ring, int number) {
        static char name[2][48];
        static unsigned next;
        snprintf(name[next++ % 2], sizeof name[0], "%s-%04d", ring, number);
        return name[(next - 1) % 2];
}

/* One machine of the ring is offered the fix and reports. */
static void serve(struct world *w, const char *ring, int number, const char *stage) {
        const char *machine = of_ring(ring, number);
        assert_true(report(w, machine, offer_to(w, machine), stage));
}

static void the_caps_of_the_contract(void **state) {
        struct world *w = *state;
        int64_t offers[13];
        know_fleet(w, 100);
        const struct sal_live *live = start(w, "fix", SIMPLE);
        assert_true(cap_of(live) == 5);
        for (int o = 1; o <= 5; o++)
                offers[o] = offer_to(w, machine_name(o));
        assert_told(poll(w, .machine = machine_name(6)), "in_flight_cap");
        for (int o = 1; o <= 5; o++)
                assert_true(report(w, machine_name(o), offers[o], o == 2 ? "failed" : "healthy"));
        assert_true(cap_of(live) == 7);
        assert_true(fabs(sal_tally_excess(live->tally) - 0.25) < 1e-12);
        for (int o = 6; o <= 12; o++)
                offers[o] = offer_to(w, machine_name(o));
        assert_told(poll(w, .machine = machine_name(13)), "in_flight_cap");
        assert_true(cap_of(live) == 7);
        assert_true(report(w, machine_name(6), offers[6], "healthy"));
        assert_true(cap_of(live) == 15);
        assert_true(report(w, machine_name(7), offers[7], "healthy"));
        assert_true(report(w, machine_name(8), offers[8], "healthy"));
        assert_true(cap_of(live) == 19);
}

/* initial counts as at most a tenth of the known machines that match, at least 1. */
static void initial_is_a_tenth(void **state) {
        struct world *w = *state;
        know_fleet(w, 30);
        const struct sal_live *live = start(w, "fix", SIMPLE);
        assert_int_equal(sal_live_known_matching(live), 30);
        assert_true(cap_of(live) == 3);
        change_machine(w, machine_name(1), "{\"opt_out\":true}");
        assert_true(cap_of(live) == 2);
        /* A machine that nobody knew becomes known by asking. */
        assert_told(poll(w, .machine = "new-1"), "offered");
        assert_int_equal(sal_live_known_matching(live), 30);
        assert_true(cap_of(live) == 3);
}

/* Without any known machine one may go; and whatever happened, one may always go when none is unsettled. */
static void nothing_is_unsettled(void **state) {
        struct world *w = *state;
        const struct sal_live *live = start(w, "fix", SIMPLE);
        assert_true(cap_of(live) == 1);
        int64_t offer = offer_to(w, "m-1");
        assert_told(poll(w, .machine = "m-2"), "in_flight_cap");
        assert_true(report(w, "m-1", offer, "failed"));
        offer = offer_to(w, "m-2");
        assert_true(report(w, "m-2", offer, "failed"));
        assert_true(sal_tally_excess(live->tally) > cap_of(live));
        assert_told(poll(w, .machine = "m-3"), "offered");
        assert_told(poll(w, .machine = "m-4"), "in_flight_cap");
}

static void advance_at_24_successes(void **state) {
        struct world *w = *state;
        know_ring(w, "one", 40);
        know_ring(w, "two", 3);
        const struct sal_live *live = start(w, "fix", PLAN(RINGS ",\"patience_seconds\":null"));
        for (int o = 1; o <= 23; o++)
                serve(w, "one", o, "healthy");
        assert_told(poll(w, .machine = "two-0001"), "ring_not_open");
        serve(w, "one", 24, "healthy");
        assert_int_equal(live->row.rings_open, 2);
        assert_int_equal(sal_tally_stage(live->tally), 1);
        sal_autojson json_t *decision = newest_decision(w, "fix");
        const json_t *evidence = json_object_get(decision, "evidence");
        assert_string_equal(json_string_value(json_object_get(decision, "verdict")), "advance");
        assert_string_equal(json_string_value(json_object_get(decision, "ring")), "two");
        assert_int_equal(json_integer_value(json_object_get(evidence, "offered")), 24);
        assert_int_equal(json_integer_value(json_object_get(evidence, "failed")), 0);
        assert_true(fabs(json_number_value(json_object_get(evidence, "ln_e")) - 3.726652373) < 1e-9);
        assert_true(fabs(json_number_value(json_object_get(evidence, "bound")) - 2.995732274) < 1e-9);
        assert_told(poll(w, .machine = "two-0001"), "offered");
}

static void advance_at_32_with_one_failure(void **state) {
        struct world *w = *state;
        know_ring(w, "one", 40);
        const struct sal_live *live = start(w, "fix", PLAN(RINGS ",\"patience_seconds\":null"));
        for (int o = 1; o <= 31; o++)
                serve(w, "one", o, o == 4 ? "failed" : "healthy");
        assert_int_equal(live->row.rings_open, 1);
        serve(w, "one", 32, "healthy");
        assert_int_equal(live->row.rings_open, 2);
}

/* Everybody known in the open rings is settled: the next ring opens, but the stage stays. */
static void all_settled(void **state) {
        struct world *w = *state;
        know_ring(w, "one", 2);
        know_ring(w, "two", 5);
        const struct sal_live *live = start(w, "fix", PLAN(RINGS ",\"patience_seconds\":null"));
        serve(w, "one", 1, "healthy");
        int64_t offer = offer_to(w, "one-0002");
        assert_int_equal(live->row.rings_open, 1);
        assert_true(report(w, "one-0002", offer, "applied"));
        assert_int_equal(live->row.rings_open, 1);
        pass(w, 60);
        assert_int_equal(live->row.rings_open, 2);
        assert_int_equal(sal_tally_stage(live->tally), 0);
        assert_int_equal(verdicts(w, "fix", "open"), 2);
        /* Offers of the second ring are made in the first stage: its soak is theirs. */
        offer = offer_to(w, "two-0001");
        assert_true(report(w, "two-0001", offer, "applied"));
        assert_int_equal(offer_of(w, offer).ring, 1);
        assert_int_equal(offer_of(w, offer).stage, 0);
        pass(w, 59);
        assert_offer(w, offer, "applied", "");
        pass(w, 1);
        assert_offer(w, offer, "succeeded", "");
}

/* Nobody of the open rings came for patience_seconds. */
static void patience(void **state) {
        struct world *w = *state;
        know_ring(w, "one", 5);
        know_ring(w, "two", 5);
        const struct sal_live *live = start(w, "fix", PLAN(RINGS ",\"patience_seconds\":600"));
        pass(w, 500);
        serve(w, "one", 1, "healthy");
        pass(w, 599);
        assert_int_equal(live->row.rings_open, 1);
        pass(w, 1);
        assert_int_equal(live->row.rings_open, 2);
        assert_int_equal(sal_tally_stage(live->tally), 0);
        start(w, "patient", PLAN(RINGS ",\"patience_seconds\":null"));
        pass(w, 10 * DAY);
        assert_int_equal(live_of(w, "patient")->row.rings_open, 1);
}

/* A ring in which nobody is known keeps nobody waiting; where nobody at all was known at the start, it may merely be
 * unknown, and patience decides. */
static void empty_rings(void **state) {
        struct world *w = *state;
        const struct sal_live *live = start(w, "nobody", PLAN(RINGS));
        know_ring(w, "two", 5);
        assert_int_equal(live->row.rings_open, 1);
        start(w, "fix", PLAN(RINGS));
        assert_int_equal(live_of(w, "fix")->row.rings_open, 2);
        assert_told(poll(w, .machine = "two-0001"), "offered");
        check_restart(w);
        assert_int_equal(live_of(w, "nobody")->row.rings_open, 1);
        pass(w, 600);
        assert_int_equal(live_of(w, "nobody")->row.rings_open, 2);
}

static void manual_advance(void **state) {
        struct world *w = *state;
        know_ring(w, "one", 30);
        const struct sal_live *live = start(w, "fix", PLAN(RINGS ",\"manual_advance\":true,\"patience_seconds\":60"));
        pass(w, 100);
        assert_int_equal(live->row.rings_open, 1);
        /* Without evidence the newest decision is quoted. */
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "fix"), SAL_E_ACKNOWLEDGE);
        char id[24];
        snprintf(id, sizeof id, "%s", w->err.ref);
        assert_ok(life(w, SAL_LIFE_ADVANCE, "fix", .acknowledge = id));
        assert_int_equal(live->row.rings_open, 2);
        assert_int_equal(sal_tally_stage(live->tally), 0);
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "fix", .acknowledge = id), SAL_E_CONFLICT);
        for (int o = 1; o <= 24; o++)
                serve(w, "one", o, "healthy");
        assert_int_equal(sal_tally_stage(live->tally), 0);
        assert_ok(life(w, SAL_LIFE_ADVANCE, "fix"));
        assert_int_equal(sal_tally_stage(live->tally), 1);
}

/* Complete after quiet_seconds; it stays in force, offers late machines, and goes on through its stages. */
static void completion(void **state) {
        struct world *w = *state;
        know_ring(w, "two", 2);
        const struct sal_live *live = start(w, "fix", PLAN(RINGS ",\"quiet_seconds\":120"));
        serve(w, "two", 1, "healthy");
        int64_t offer = offer_to(w, "two-0002");
        pass(w, 200);
        assert_state(w, "fix", "active"); /* one is unsettled */
        assert_true(report(w, "two-0002", offer, "healthy"));
        pass(w, 119); /* whoever waited for its slot has as long as anybody to ask again */
        assert_state(w, "fix", "active");
        pass(w, 1);
        assert_state(w, "fix", "completed");
        for (int late = 1; late <= 22; late++) {
                char name[24];
                snprintf(name, sizeof name, "late-%d", late);
                assert_true(report(w, name, offer_to(w, name), "healthy"));
        }
        assert_state(w, "fix", "completed");
        assert_int_equal(sal_tally_stage(live->tally), 1);
        check_restart(w);
        assert_told(poll(w, .machine = "late-99"), "offered");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_caps_of_the_contract, world_setup, world_done),
                cmocka_unit_test_setup_teardown(initial_is_a_tenth, world_setup, world_done),
                cmocka_unit_test_setup_teardown(nothing_is_unsettled, world_setup, world_done),
                cmocka_unit_test_setup_teardown(advance_at_24_successes, world_setup, world_done),
                cmocka_unit_test_setup_teardown(advance_at_32_with_one_failure, world_setup, world_done),
                cmocka_unit_test_setup_teardown(all_settled, world_setup, world_done),
                cmocka_unit_test_setup_teardown(patience, world_setup, world_done),
                cmocka_unit_test_setup_teardown(empty_rings, world_setup, world_done),
                cmocka_unit_test_setup_teardown(manual_advance, world_setup, world_done),
                cmocka_unit_test_setup_teardown(completion, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
