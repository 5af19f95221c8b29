/* SPDX-License-Identifier: Apache-2.0 */
/* Cohorts: one model that the fix breaks is held while the others go on; its release; nothing left. */
#include "harness.h"

#include <math.h>

#define BY_MODEL                                                                            \
        PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":60,\"growth\":2}]," \
             "\"cohorts\":[\"model\"],\"in_flight\":{\"initial\":10,\"max\":100}")
#define A FACTS
#define B "{\"model\":\"B\",\"os\":\"windows\"}"

static int64_t offer_in(struct world *w, const char *machine, const char *facts) {
        struct told told = poll(w, .machine = machine, .facts = facts);
        assert_told(told, "offered");
        return told.offer;
}

static const char *halt_id(struct world *w, const char *id) {
        static char text[24];
        snprintf(text, sizeof text, "d%" PRId64, live_of(w, id)->row.halt_decision);
        return text;
}

static void nothing_is_left(void **state) {
        struct world *w = *state;
        int64_t offers[3];
        know_fleet(w, 100);
        start(w, "fix", BY_MODEL);
        for (int i = 0; i < 3; i++)
                offers[i] = offer_in(w, machine_name(i + 1), A);
        for (int i = 0; i < 3; i++) {
                assert_state(w, "fix", "active");
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
        }
        assert_state(w, "fix", "halted");
        assert_int_equal(verdicts(w, "fix", "hold_cohort"), 1);
        assert_int_equal(verdicts(w, "fix", "halt"), 1);
        /* Resumed, everything counts anew, the cohort too. */
        assert_ok(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = halt_id(w, "fix")));
        offer_in(w, machine_name(9), A);
}

/* Three of A fail while one of B is on its way: A is held, B goes on. */
static void hold_a(struct world *w, int64_t *ret_of_b) {
        int64_t offers[3];
        know_fleet(w, 100);
        start(w, "fix", BY_MODEL);
        for (int i = 0; i < 3; i++)
                offers[i] = offer_in(w, machine_name(i + 1), A);
        *ret_of_b = offer_in(w, "b-1", B);
        for (int i = 0; i < 3; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
        assert_state(w, "fix", "active");
}

static void the_others_go_on(void **state) {
        struct world *w = *state;
        int64_t of_b;
        hold_a(w, &of_b);
        const struct sal_live *live = live_of(w, "fix");
        struct sal_evidence totals;
        sal_tally_totals(live->tally, &totals);
        assert_int_equal(totals.offered, 1);
        assert_int_equal(totals.failed, 0);
        sal_autojson json_t *hold = newest_decision(w, "fix");
        assert_string_equal(json_string_value(json_object_get(hold, "verdict")), "hold_cohort");
        assert_string_equal(json_string_value(json_object_get(hold, "cohort")), "model=A");
        double bound = json_number_value(json_object_get(json_object_get(hold, "evidence"), "bound"));
        assert_true(fabs(bound - 5.796017669) < 1e-9); /* the first value that was seen */
        /* Its machines wait, from the snapshot too; those of B are served. */
        assert_told(poll(w, .machine = "m-0050"), "halted");
        struct told told = worker_poll(w, .machine = "m-0051");
        assert_true(told.fast);
        assert_told(told, "halted");
        assert_true(report(w, "b-1", of_b, "healthy"));
        assert_told(poll(w, .machine = "b-2", .facts = B), "offered");
        /* Nobody of A counts as waiting any more: with B settled nothing is left to wait for. */
        assert_int_equal(live->waiting[0], 0);
}

/* An offer that is out when its cohort is held is neither repeated nor counted, whatever becomes of it. */
static void an_offer_of_a_held_cohort(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix", BY_MODEL);
        for (int i = 0; i < 5; i++)
                offers[i] = offer_in(w, machine_name(i + 1), A);
        offer_in(w, "b-1", B);
        for (int i = 0; i < 4; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
        const struct sal_live *live = live_of(w, "fix");
        assert_told(poll(w, .machine = machine_name(5)), "halted");
        assert_int_equal(live->row.unsettled, 2);
        assert_int_equal(sal_live_in_flight(live), 1);
        check_restart(w);
        assert_true(report(w, machine_name(5), offers[4], "failed"));
        live = live_of(w, "fix");
        assert_int_equal(sal_live_in_flight(live), 1);
        assert_int_equal(live->row.failed, 5);
        assert_state(w, "fix", "active");
}

/* A later attempt is in no sum; when its cohort is held it leaves the pace as the first ones do. */
static void a_later_attempt_of_a_held_cohort(void **state) {
        struct world *w = *state;
        int64_t offers[3];
        know_fleet(w, 100);
        start(w, "fix", BY_MODEL);
        for (int i = 0; i < 3; i++)
                offers[i] = offer_in(w, machine_name(i + 1), A);
        offer_in(w, "b-1", B);
        assert_true(report(w, machine_name(1), offers[0], "failed"));
        int64_t later = poll(w, .machine = machine_name(1), .facts = A, .boot = "boot-2").offer;
        assert_true(later > offers[2]);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE type = 0 AND detail LIKE "
                                    "'%\"counted\":false,\"anonymous\":false,\"cohorts\":[\"model=A\"]%'"),
                         1);
        assert_int_equal(sal_live_in_flight(live_of(w, "fix")), 4);
        for (int i = 1; i < 3; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
        assert_int_equal(verdicts(w, "fix", "hold_cohort"), 1);
        struct sal_evidence totals;
        sal_tally_totals(live_of(w, "fix")->tally, &totals);
        assert_int_equal(totals.offered, 1);
        assert_int_equal(live_of(w, "fix")->row.unsettled, 2);
        assert_int_equal(sal_live_in_flight(live_of(w, "fix")), 1);
        check_restart(w);
        assert_int_equal(sal_live_in_flight(live_of(w, "fix")), 1);
        /* A release does not bring it back, and its end changes the pace no more. */
        assert_ok(life(w, SAL_LIFE_RESUME, "fix", .cohort = "model=A"));
        assert_int_equal(sal_live_in_flight(live_of(w, "fix")), 1);
        assert_true(report_from(w, machine_name(1), later, "failed", "boot-2", NULL));
        assert_int_equal(sal_live_in_flight(live_of(w, "fix")), 1);
        assert_int_equal(live_of(w, "fix")->row.unsettled, 1);
        check_restart(w);
}

static void release(void **state) {
        struct world *w = *state;
        int64_t of_b;
        hold_a(w, &of_b);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix", .cohort = "model=C"), SAL_E_CONFLICT);
        assert_ok(life(w, SAL_LIFE_RESUME, "fix", .cohort = "model=A"));
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix", .cohort = "model=A"), SAL_E_CONFLICT);
        check_population(w);
        sal_autofree char *text = engine_text(w);
        assert_non_null(strstr(text, "model=A j 3 S 0 F 0 Z 0 held 0"));
        /* Its earlier offers stay outside; later ones are judged by the higher bound of the third value. */
        struct sal_evidence totals;
        int64_t later = offer_in(w, "m-0050", A);
        sal_tally_totals(live_of(w, "fix")->tally, &totals);
        assert_int_equal(totals.offered, 2);
        check_restart(w);
        assert_true(report(w, "m-0050", later, "failed"));
        sal_tally_totals(live_of(w, "fix")->tally, &totals);
        assert_int_equal(totals.failed, 1);
}

/* What was unsettled and excluded when a new period began leaves no debt behind. */
static void an_excluded_offer_over_a_resume(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix", BY_MODEL);
        for (int i = 0; i < 5; i++)
                offers[i] = offer_in(w, machine_name(i + 1), A);
        assert_true(report(w, machine_name(5), offers[4], "applied"));
        for (int i = 0; i < 4; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
        assert_state(w, "fix", "halted"); /* A is held, nothing is left */
        assert_ok(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = halt_id(w, "fix")));
        assert_int_equal(sal_live_in_flight(live_of(w, "fix")), 1);
        check_restart(w);
        pass(w, MINUTE);
        assert_offer(w, offers[4], "succeeded", "");
        assert_int_equal(sal_live_in_flight(live_of(w, "fix")), 0);
}

/* What speaks against one cohort while an operator has halted is judged with the next event, of whatever cohort. */
static void evidence_that_came_during_a_halt(void **state) {
        struct world *w = *state;
        int64_t offers[4];
        know_fleet(w, 100);
        start(w, "fix", BY_MODEL);
        for (int i = 0; i < 4; i++) {
                offers[i] = offer_in(w, machine_name(i + 1), i < 3 ? A : B);
                assert_true(report(w, machine_name(i + 1), offers[i], "applied"));
        }
        assert_ok(life(w, SAL_LIFE_HALT, "fix"));
        for (int i = 0; i < 3; i++)
                poll(w, .machine = machine_name(i + 1), .boot = "boot-2"); /* relapsed */
        assert_int_equal(verdicts(w, "fix", "hold_cohort"), 1);
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        assert_told(poll(w, .machine = machine_name(9), .facts = A), "halted");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nothing_is_left, world_setup, world_done),
                cmocka_unit_test_setup_teardown(the_others_go_on, world_setup, world_done),
                cmocka_unit_test_setup_teardown(an_offer_of_a_held_cohort, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_later_attempt_of_a_held_cohort, world_setup, world_done),
                cmocka_unit_test_setup_teardown(release, world_setup, world_done),
                cmocka_unit_test_setup_teardown(an_excluded_offer_over_a_resume, world_setup, world_done),
                cmocka_unit_test_setup_teardown(evidence_that_came_during_a_halt, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
