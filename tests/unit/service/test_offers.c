/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an offer: what settles it and when, what may follow. Deadlines are served time. */
#include "harness.h"

/* One ring of an hour's soak, no cohorts, outcome deadline 600 s, relapse window 7200 s. */
#define SLOW                                                                                    \
        PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":3600}],\"cohorts\":[]," \
             "\"outcome_deadline_seconds\":600,\"relapse_window_seconds\":7200,\"max_attempts\":9")

static void reported_and_refused(void **state) {
        struct world *w = *state;
        start(w, "fix", SLOW);
        static const char *const stages[] = {"failed", "refused"}, *const causes[] = {"reported", "refused"};
        for (int i = 0; i < 2; i++) {
                int64_t offer = offer_to(w, machine_name(i));
                assert_true(report(w, machine_name(i), offer, stages[i]));
                assert_offer(w, offer, "failed", causes[i]);
                /* The next attempt needs a new boot. */
                assert_told(poll(w, .machine = machine_name(i)), "attempts_exhausted");
                struct told told = poll(w, .machine = machine_name(i), .boot = "boot-2");
                assert_told(told, "offered");
                assert_int_equal(told.attempt, 2);
                assert_true(report_from(w, machine_name(i), told.offer, "healthy", "boot-2", NULL));
        }
        assert_int_equal(live_of(w, "fix")->row.failed, 1);
        assert_int_equal(live_of(w, "fix")->row.silent, 1);
        assert_int_equal(live_of(w, "fix")->row.succeeded, 2);
}

/* The deadline counts from the offer, to the second. */
static void silent(void **state) {
        struct world *w = *state;
        start(w, "fix", SLOW);
        int64_t offer = offer_to(w, "m-1");
        pass(w, 599);
        assert_offer(w, offer, "offered", "");
        pass(w, 1);
        assert_offer(w, offer, "failed", "silent");
        /* The next poll, even of the same boot, is the next attempt. */
        struct told told = poll(w, .machine = "m-1");
        assert_told(told, "offered");
        assert_int_equal(told.attempt, 2);
        /* Applied in time: the deadline is over, the soak of the stage begins. */
        pass(w, 599);
        assert_true(report(w, "m-1", told.offer, "applied"));
        pass(w, 3599);
        assert_offer(w, told.offer, "applied", "");
        pass(w, 1);
        assert_offer(w, told.offer, "succeeded", "");
}

static void can_healthy_settles_only_so(void **state) {
        struct world *w = *state;
        start(w, "fix", SLOW);
        struct told told = poll(w, .machine = "m-1", .can_healthy = true);
        assert_true(report(w, "m-1", told.offer, "applied"));
        pass(w, 599);
        assert_offer(w, told.offer, "applied", "");
        pass(w, 1);
        assert_offer(w, told.offer, "failed", "silent");
        told = poll(w, .machine = "m-2", .can_healthy = true);
        assert_true(report(w, "m-2", told.offer, "applied"));
        pass(w, 599);
        assert_true(report_from(w, "m-2", told.offer, "healthy", "the-full-system", NULL));
        assert_offer(w, told.offer, "succeeded", "");
        /* Offered and healthy at once: its report of applied was lost. */
        told = poll(w, .machine = "m-3");
        assert_true(report_from(w, "m-3", told.offer, "healthy", "the-full-system", NULL));
        assert_offer(w, told.offer, "succeeded", "");
}

static void repolled(void **state) {
        struct world *w = *state;
        start(w, "fix", SLOW);
        int64_t offer = offer_to(w, "m-1");
        assert_int_equal(poll(w, .machine = "m-1").offer, offer);
        struct told told = poll(w, .machine = "m-1", .boot = "boot-2");
        assert_told(told, "offered");
        assert_int_equal(told.attempt, 2);
        assert_offer(w, offer, "failed", "repolled");
        /* The report was on its way with the very poll: then the fix was applied, and did not help. */
        struct told third = poll(w, .machine = "m-1", .boot = "boot-3", .reports = told.offer, .stage = "applied",
                                 .report_boot = "boot-2");
        assert_true(third.accepted);
        assert_offer(w, told.offer, "failed", "relapsed");
        assert_int_equal(third.attempt, 3);
}

static void relapsed_within_the_window(void **state) {
        struct world *w = *state;
        start(w, "fix", SLOW);
        int64_t offer = offer_to(w, "m-1");
        assert_true(report(w, "m-1", offer, "applied"));
        pass(w, 7200);
        assert_offer(w, offer, "succeeded", "");
        struct told second = poll(w, .machine = "m-1", .boot = "boot-2");
        assert_told(second, "offered");
        assert_offer(w, offer, "failed", "relapsed");
        assert_true(report_from(w, "m-1", second.offer, "applied", "boot-2", NULL));
        pass(w, 7201);
        assert_told(poll(w, .machine = "m-1", .boot = "boot-3"), "already_succeeded");
        assert_offer(w, second.offer, "succeeded", "");
}

/* Whatever helped last, all that was applied within its window is under suspicion; ended campaigns too. */
static void a_relapse_is_charged_to_every_offer_in_its_window(void **state) {
        struct world *w = *state;
        start(w, "one", SLOW);
        int64_t first = offer_to(w, "m-1");
        assert_true(report(w, "m-1", first, "healthy"));
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "one"));
        assert_null(live_of(w, "one"));
        start(w, "two", SLOW);
        pass(w, 3000);
        int64_t second = offer_to(w, "m-1");
        assert_true(report(w, "m-1", second, "healthy"));
        start(w, "three", SLOW);
        int64_t third = poll(w, .machine = "m-1", .reason = SAL_POLL_REQUESTED).offer;
        assert_true(report(w, "m-1", third, "healthy"));
        pass(w, 4000);
        poll(w, .machine = "m-1", .boot = "boot-2");
        assert_offer(w, first, "failed", "relapsed");
        assert_offer(w, second, "failed", "relapsed");
        assert_offer(w, third, "failed", "relapsed");
        assert_int_equal(sql_int(w, "SELECT failed FROM campaign WHERE id = 'one'"), 1);
        assert_int_equal(sql_int(w, "SELECT succeeded FROM campaign WHERE id = 'one'"), 0);
}

/* Two more seconds, and the first one's window is over. */
static void a_window_that_is_over(void **state) {
        struct world *w = *state;
        start(w, "one", SLOW);
        int64_t first = offer_to(w, "m-1");
        assert_true(report(w, "m-1", first, "healthy"));
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "one"));
        start(w, "two", SLOW);
        pass(w, 3202);
        int64_t second = offer_to(w, "m-1");
        assert_true(report(w, "m-1", second, "healthy"));
        pass(w, 4000);
        poll(w, .machine = "m-1", .boot = "boot-2");
        assert_offer(w, first, "succeeded", "");
        assert_offer(w, second, "failed", "relapsed");
}

static void not_applicable_never_again(void **state) {
        struct world *w = *state;
        struct sal_live *live = start(w, "fix", SLOW);
        int64_t offer = offer_to(w, "m-1");
        assert_true(report(w, "m-1", offer, "not_applicable"));
        for (int i = 2; i < 5; i++) {
                char boot[8];
                snprintf(boot, sizeof boot, "boot-%d", i);
                assert_told(poll(w, .machine = "m-1", .boot = boot), "not_applicable");
        }
        struct sal_evidence totals;
        sal_tally_totals(live->tally, &totals);
        assert_int_equal(totals.offered, 0);
        /* Another version may apply. */
        make_ready(w, "fix", 2, SLOW);
        assert_ok(life(w, SAL_LIFE_START, "fix", .version = 2));
        assert_told(poll(w, .machine = "m-1"), "in_flight_cap"); /* a boot that is over gets nothing new */
        assert_told(poll(w, .machine = "m-1", .boot = "boot-5"), "offered");
}

/* A poll of an earlier boot, delayed on its way or held open over a power cycle, is no news of the machine. */
static void a_boot_that_is_over(void **state) {
        struct world *w = *state;
        start(w, "fix", SLOW);
        int64_t first = offer_to(w, "m-1");
        struct told second = poll(w, .machine = "m-1", .boot = "boot-2");
        assert_offer(w, first, "failed", "repolled");
        assert_int_equal(second.attempt, 2);
        struct told late = poll(w, .machine = "m-1", .boot = "boot-1");
        assert_told(late, "offered");
        assert_int_equal(late.offer, second.offer);
        assert_offer(w, second.offer, "offered", "");
        assert_true(report_from(w, "m-1", second.offer, "applied", "boot-2", NULL));
        assert_told(poll(w, .machine = "m-1", .boot = "boot-1"), "already_succeeded");
        assert_offer(w, second.offer, "applied", ""); /* no relapse */
}

/* A machine that asks in earnest gives its drill back. */
static void a_drill_is_no_obstacle(void **state) {
        struct world *w = *state;
        start(w, "drill", "{\"drill\":true," ONE_RING_ROLLOUT "}");
        struct told drill = poll(w, .machine = "m-1", .reason = SAL_POLL_DRILL);
        assert_told(drill, "offered");
        start(w, "fix", SLOW);
        assert_string_equal(poll(w, .machine = "m-1").campaign, "fix");
        assert_offer(w, drill.offer, "recalled", "superseded");
        assert_told(poll(w, .machine = "m-1", .reason = SAL_POLL_DRILL), "in_flight_cap");
}

/* It came too late to count, but the machine has the fix. */
static void late_applied_prevents_a_second_offer(void **state) {
        struct world *w = *state;
        start(w, "fix", SLOW);
        int64_t offer = offer_to(w, "m-1");
        pass(w, 600);
        assert_false(report(w, "m-1", offer, "applied"));
        assert_offer(w, offer, "failed", "silent");
        assert_told(poll(w, .machine = "m-1"), "already_succeeded");
        assert_told(poll(w, .machine = "m-1", .boot = "boot-2"), "already_succeeded");
        int64_t other = offer_to(w, "m-2");
        assert_ok(life(w, SAL_LIFE_HALT, "fix"));
        assert_offer(w, other, "recalled", "halt");
        assert_false(report(w, "m-2", other, "applied"));
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        assert_told(poll(w, .machine = "m-2"), "already_succeeded");
        assert_int_equal(live_of(w, "fix")->row.silent, 1);
        assert_int_equal(live_of(w, "fix")->row.recalled, 1);
}

static void repeats_and_late_reports_are_harmless(void **state) {
        struct world *w = *state;
        start(w, "fix", SLOW);
        int64_t offer = offer_to(w, "m-1");
        assert_true(report(w, "m-1", offer, "applied"));
        assert_false(report(w, "m-1", offer, "applied"));
        assert_false(report(w, "m-1", offer, "failed"));
        assert_false(report(w, "m-1", offer, "not_applicable"));
        assert_offer(w, offer, "applied", "");
        assert_false(report_from(w, "m-1", offer, "failed", "another-boot", NULL));
        /* They are kept for people, up to a bound, and the journal tells of those that changed nothing. */
        int64_t told = sql_int(w, "SELECT count(*) FROM journal WHERE type = 1");
        assert_int_equal(told, 4);
        for (int i = 0; i < 40; i++)
                assert_false(report(w, "m-1", offer, "refused"));
        assert_int_equal(sql_int(w, "SELECT count(*) FROM report"), 16);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE type = 1"), 15);
}

static void another_machines_offer(void **state) {
        struct world *w = *state;
        enum sal_status status;
        start(w, "fix", SLOW);
        int64_t offer = offer_to(w, "m-1");
        poll(w, .machine = "m-2");
        assert_false(report_from(w, "m-2", offer, "applied", NULL, &status));
        assert_int_equal(status, SAL_E_NOT_FOUND);
        assert_false(report_from(w, "m-2", 77, "applied", NULL, &status));
        assert_int_equal(status, SAL_E_NOT_FOUND);
        assert_false(report_from(w, "nobody", offer, "applied", NULL, &status));
        assert_int_equal(status, SAL_E_NOT_FOUND);
        /* Within a poll it is answered, and fails nothing. */
        struct told told = poll(w, .machine = "m-2", .reports = offer, .stage = "applied");
        assert_told(told, "in_flight_cap");
        assert_false(told.accepted);
        assert_string_equal(told.report_state, "unknown");
        assert_offer(w, offer, "offered", "");
        assert_int_equal(sql_int(w, "SELECT count(*) FROM report"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(reported_and_refused, world_setup, world_done),
                cmocka_unit_test_setup_teardown(silent, world_setup, world_done),
                cmocka_unit_test_setup_teardown(can_healthy_settles_only_so, world_setup, world_done),
                cmocka_unit_test_setup_teardown(repolled, world_setup, world_done),
                cmocka_unit_test_setup_teardown(relapsed_within_the_window, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_relapse_is_charged_to_every_offer_in_its_window, world_setup,
                                                world_done),
                cmocka_unit_test_setup_teardown(a_window_that_is_over, world_setup, world_done),
                cmocka_unit_test_setup_teardown(not_applicable_never_again, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_boot_that_is_over, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_drill_is_no_obstacle, world_setup, world_done),
                cmocka_unit_test_setup_teardown(late_applied_prevents_a_second_offer, world_setup, world_done),
                cmocka_unit_test_setup_teardown(repeats_and_late_reports_are_harmless, world_setup, world_done),
                cmocka_unit_test_setup_teardown(another_machines_offer, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
