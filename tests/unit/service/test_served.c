/* SPDX-License-Identifier: Apache-2.0 */
/* Served time: what makes deadlines stand still and what does not, the kill switch, sleeping until something is due. */
#include "harness.h"

#define DEADLINE_600 PLAN(ONE_RING ",\"outcome_deadline_seconds\":600")

static void a_pause_stops_the_clock(void **state) {
        struct world *w = *state;
        start(w, "fix", DEADLINE_600);
        int64_t offer = offer_to(w, "m-1");
        pass(w, 300);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        pass(w, DAY);
        assert_offer(w, offer, "offered", "");
        assert_told(poll(w, .machine = "m-1"), "paused"); /* nothing is repeated */
        check_restart(w);
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        struct told told = poll(w, .machine = "m-1");
        assert_told(told, "offered");
        assert_int_equal(told.offer, offer);
        pass(w, 299);
        assert_offer(w, offer, "offered", "");
        pass(w, 1);
        assert_offer(w, offer, "failed", "silent");
}

/* An operator's halt recalls what is out, and lets the clock of what was applied go on. */
static void a_halt_does_not(void **state) {
        struct world *w = *state;
        start(w, "fix", DEADLINE_600);
        int64_t offer = offer_to(w, "m-1");
        assert_true(report(w, "m-1", offer, "applied"));
        assert_ok(life(w, SAL_LIFE_HALT, "fix"));
        pass(w, MINUTE);
        assert_offer(w, offer, "succeeded", "");
}

static void the_kill_switch_stops_everything(void **state) {
        struct world *w = *state;
        start(w, "fix", DEADLINE_600);
        know_fleet(w, 20);
        int64_t offer = offer_to(w, "m-1"), other = offer_to(w, "m-2");
        pass(w, 300);
        kill_switch(w, true);
        assert_int_equal(verdicts(w, "fix", "kill"), 1);
        struct told told = worker_poll(w, .machine = "m-3");
        assert_told(told, "kill_switch");
        assert_told(poll(w, .machine = "m-1"), "kill_switch");
        assert_int_equal(atomic_load(&live_of(w, "fix")->launch->slots), 0);
        /* A campaign that is started, and one that is paused and resumed meanwhile, stand still too. */
        start(w, "late", DEADLINE_600);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        assert_true(report(w, "m-2", other, "applied")); /* reports count */
        pass(w, DAY);
        assert_told(poll(w, .machine = "m-4"), "kill_switch");
        check_restart(w);
        assert_told(poll(w, .machine = "m-4"), "kill_switch");
        assert_offer(w, offer, "offered", "");
        assert_offer(w, other, "applied", "");
        kill_switch(w, false);
        told = poll(w, .machine = "m-1");
        assert_told(told, "offered");
        assert_int_equal(told.offer, offer);
        pass(w, 59);
        assert_offer(w, other, "applied", "");
        pass(w, 1);
        assert_offer(w, other, "succeeded", "");
        pass(w, 239);
        assert_offer(w, offer, "offered", "");
        pass(w, 1);
        assert_offer(w, offer, "failed", "silent");
}

static void only_a_ready_daemon_serves(void **state) {
        struct world *w = *state;
        start(w, "fix", DEADLINE_600);
        int64_t offer = offer_to(w, "m-1");
        pass(w, 300);
        pass(w, 3); /* too little to be saved by itself */
        sal_service_set_ready(w->service, false);
        world_batch(w);
        pass(w, DAY);
        assert_offer(w, offer, "offered", "");
        /* Down altogether, with another boot's monotonic clock. */
        world_close(w);
        world_wall_ms += DAY * INT64_C(1000);
        world_mono_ms = 77;
        world_open(w);
        assert_offer(w, offer, "offered", "");
        pass(w, 296);
        assert_offer(w, offer, "offered", "");
        pass(w, 1);
        assert_offer(w, offer, "failed", "silent");
}

/* After a crash at most ten seconds are served once more. */
static void a_crash_costs_ten_seconds(void **state) {
        struct world *w = *state;
        start(w, "fix", DEADLINE_600);
        int64_t offer = offer_to(w, "m-1");
        for (int i = 0; i < 59; i++)
                pass(w, 10);
        pass(w, 9);
        world_restart(w);
        assert_offer(w, offer, "offered", "");
        pass(w, 10);
        assert_offer(w, offer, "failed", "silent");
}

static void the_wall_clock_changes_no_deadline(void **state) {
        struct world *w = *state;
        start(w, "fix", DEADLINE_600);
        int64_t offer = offer_to(w, "m-1");
        pass(w, 300);
        world_wall_ms += DAY * INT64_C(1000);
        world_batch(w);
        assert_offer(w, offer, "offered", "");
        world_wall_ms -= 2 * DAY * INT64_C(1000);
        world_batch(w);
        assert_told(poll(w, .machine = "m-2"), "not_yet_valid"); /* that is wall time */
        assert_int_equal(poll(w, .machine = "m-1").offer, offer);
        pass(w, 299);
        assert_offer(w, offer, "offered", "");
        world_wall_ms += DAY * INT64_C(1000);
        pass(w, 1);
        assert_offer(w, offer, "failed", "silent");
}

/* The ledger's thread sleeps as long as the engine says. Following that to the millisecond brings everything to pass
 * when it is due, and a second before each event nothing has happened yet. */
static void sleeping_until_something_is_due(void **state) {
        struct world *w = *state;
        static const struct {
                const char *what;
                int64_t at_seconds;
        } due[] = {{"soak", 60}, {"deadline", 600}, {"complete", 1300}}; /* quiet begins with the last outcome */
        const struct sal_live *live =
                start(w, "fix", PLAN(ONE_RING ",\"outcome_deadline_seconds\":600,\"quiet_seconds\":700"));
        know_fleet(w, 20);
        int64_t offers[2] = {offer_to(w, "m-0001"), offer_to(w, "m-0002")};
        assert_true(report(w, "m-0001", offers[0], "applied"));
        int64_t began_ms = world_mono_ms, batches = 0;
        for (size_t i = 0; i < SAL_ARRAY_LEN(due);) {
                int64_t wake_ms = sal_service_hooks.next_wake_ms(w->service->engine);
                assert_in_range(wake_ms, 1, 10000); /* served time is saved every ten seconds */
                world_wall_ms += wake_ms;
                world_mono_ms += wake_ms;
                world_batch(w);
                batches++;
                bool happened = i == 0   ? offer_of(w, offers[0]).state == SAL_OFFER_SUCCEEDED
                                : i == 1 ? offer_of(w, offers[1]).state == SAL_OFFER_FAILED
                                         : live->row.state == SAL_CAMPAIGN_COMPLETED;
                if (happened != (world_mono_ms - began_ms >= due[i].at_seconds * 1000))
                        fail_msg("%s: after %" PRId64 " ms", due[i].what, world_mono_ms - began_ms);
                i += happened;
        }
        assert_true(batches < 800); /* a look every second while a timer runs */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_pause_stops_the_clock, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_halt_does_not, world_setup, world_done),
                cmocka_unit_test_setup_teardown(the_kill_switch_stops_everything, world_setup, world_done),
                cmocka_unit_test_setup_teardown(only_a_ready_daemon_serves, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_crash_costs_ten_seconds, world_setup, world_done),
                cmocka_unit_test_setup_teardown(the_wall_clock_changes_no_deadline, world_setup, world_done),
                cmocka_unit_test_setup_teardown(sleeping_until_something_is_due, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
