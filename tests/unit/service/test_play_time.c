/* SPDX-License-Identifier: Apache-2.0 */
/* Plays: what clocks, stops and restarts may do to deadlines and soaks that are running, and what they may not. */
#include "harness.h"

/* One ring of ten minutes' soak, deadline an hour; five at once. */
#define PLAY                                                                                                \
        PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":600,\"growth\":2}],\"cohorts\":[]," \
             "\"outcome_deadline_seconds\":3600,\"relapse_window_seconds\":86400,\"quiet_seconds\":1000000")

/* An offer that is out, one that soaks, and one that waits for `healthy`: the three timers. */
struct timers {
        int64_t out, soaking, waiting;
};

static struct timers set_timers(struct world *w) {
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        struct timers timers = {offer_to(w, "m-0001"), offer_to(w, "m-0002"),
                                poll(w, .machine = "m-0003", .can_healthy = true).offer};
        assert_true(report(w, "m-0002", timers.soaking, "applied"));
        assert_true(report(w, "m-0003", timers.waiting, "applied"));
        return timers;
}

#define assert_running(w, timers, soaks)                                                \
        do {                                                                            \
                assert_offer(w, (timers).out, "offered", "");                           \
                assert_offer(w, (timers).soaking, soaks ? "applied" : "succeeded", ""); \
                assert_offer(w, (timers).waiting, "applied", "");                       \
        } while (0)

/* Passes the rest of every timer: to the second they fall due where they would have, had nothing been in between. */
static void assert_due_after(struct world *w, struct timers timers, int64_t soak_seconds, int64_t deadline_seconds) {
        pass(w, soak_seconds - 1);
        assert_running(w, timers, true);
        pass(w, 1);
        assert_running(w, timers, false);
        pass(w, deadline_seconds - soak_seconds - 1);
        assert_running(w, timers, false);
        pass(w, 1);
        assert_offer(w, timers.out, "failed", "silent");
        assert_offer(w, timers.waiting, "failed", "silent");
        assert_offer(w, timers.soaking, "succeeded", "");
}

static void the_daemon_is_down(struct world *w, int64_t seconds) {
        sal_service_set_ready(w->service, false);
        world_batch(w);
        world_close(w);
        world_wall_ms += seconds * SECOND_MS;
        world_mono_ms = 1000; /* the host was started anew */
        world_open(w);
}

/* A day's downtime in the middle, twice: nobody fell silent, nobody soaked. */
static void downtime(void **state) {
        struct world *w = *state;
        struct timers timers = set_timers(w);
        pass(w, 200);
        the_daemon_is_down(w, DAY);
        assert_running(w, timers, true);
        assert_int_equal(poll(w, .machine = "m-0001").offer, timers.out);
        pass(w, 200);
        the_daemon_is_down(w, 3 * DAY);
        assert_running(w, timers, true);
        assert_due_after(w, timers, 200, 3200);
}

/* The wall clock is set a day ahead, two days back and a day ahead, while the seconds pass. */
static void the_wall_clock_is_set(void **state) {
        struct world *w = *state;
        struct timers timers = set_timers(w);
        static const int days[] = {+1, -2, +1, -1, +1};
        for (size_t n = 0; n < SAL_ARRAY_LEN(days); n++) {
                world_wall_ms += days[n] * DAY * INT64_C(1000);
                pass(w, 50);
                assert_running(w, timers, true);
                check_restart(w);
        }
        assert_due_after(w, timers, 350, 3350);
}

/* What the wall clock does rule: from when on, and until when. An expiry is final, whatever the clock says later. */
static void the_wall_clock_rules_validity_only(void **state) {
        struct world *w = *state;
        struct timers timers = set_timers(w);
        world_wall_ms -= DAY * INT64_C(1000);
        world_batch(w);
        assert_told(poll(w, .machine = "m-0009"), "not_yet_valid");
        assert_int_equal(poll(w, .machine = "m-0001").offer, timers.out); /* it was made in time */
        world_wall_ms += DAY * INT64_C(1000);
        assert_told(poll(w, .machine = "m-0009"), "offered");
        world_wall_ms += 30 * DAY * INT64_C(1000);
        world_batch(w);
        assert_offer(w, timers.out, "recalled", "expired");
        assert_offer(w, timers.soaking, "applied", "");
        world_wall_ms -= 30 * DAY * INT64_C(1000);
        world_batch(w);
        assert_told(poll(w, .machine = "m-0008"), "no_match");
        assert_int_equal(verdicts(w, "fix", "expire"), 1);
        pass(w, 600);
        assert_offer(w, timers.soaking, "succeeded", "");
}

/* The monotonic clock ran on while the process stood still (a suspended host): nobody was served. */
static void the_clocks_part(void **state) {
        struct world *w = *state;
        struct timers timers = set_timers(w);
        pass(w, 300);
        sal_service_set_ready(w->service, false);
        world_batch(w);
        world_mono_ms += DAY * INT64_C(1000); /* monotonic only */
        world_batch(w);
        assert_running(w, timers, true);
        sal_service_set_ready(w->service, true);
        world_batch(w);
        world_wall_ms -= DAY * INT64_C(1000); /* wall only, and backwards */
        world_batch(w);
        assert_running(w, timers, true);
        world_wall_ms += DAY * INT64_C(1000);
        assert_due_after(w, timers, 300, 3300);
}

/* A pause and the kill switch overlap, in both orders of release: time stands still until the last of them is gone. */
static void both_stops(struct world *w, bool kill_first, bool kill_released_first) {
        struct timers timers = set_timers(w);
        pass(w, 100);
        if (kill_first)
                kill_switch(w, true);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        if (!kill_first)
                kill_switch(w, true);
        pass(w, DAY);
        assert_told(poll(w, .machine = "m-0001"), "kill_switch");
        check_restart(w);
        assert_told(poll(w, .machine = "m-0001"), "kill_switch");
        if (kill_released_first) {
                kill_switch(w, false);
                assert_told(poll(w, .machine = "m-0001"), "paused");
        } else {
                assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
                assert_told(poll(w, .machine = "m-0001"), "kill_switch");
        }
        pass(w, DAY);
        check_restart(w);
        assert_running(w, timers, true);
        assert_told(poll(w, .machine = "m-0009"), kill_released_first ? "paused" : "kill_switch");
        if (kill_released_first)
                assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        else
                kill_switch(w, false);
        struct told again = poll(w, .machine = "m-0001");
        assert_told(again, "offered");
        assert_int_equal(again.offer, timers.out);
        assert_int_equal(again.attempt, 1);
        assert_due_after(w, timers, 500, 3500);
}

static void kill_then_pause_kill_goes_first(void **state) {
        both_stops(*state, true, true);
}

static void kill_then_pause_pause_goes_first(void **state) {
        both_stops(*state, true, false);
}

static void pause_then_kill_kill_goes_first(void **state) {
        both_stops(*state, false, true);
}

static void pause_then_kill_pause_goes_first(void **state) {
        both_stops(*state, false, false);
}

/* Reports that come meanwhile settle offers and count: enough failures halt what is paused or stopped. */
static void reports_during_a_stop(struct world *w, bool kill) {
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t offers[5];
        for (int n = 0; n < 5; n++)
                offers[n] = offer_to(w, machine_name(n + 1));
        if (kill)
                kill_switch(w, true);
        else
                assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        assert_true(report(w, "m-0005", offers[4], "healthy"));
        for (int n = 0; n < 3; n++)
                assert_true(report(w, machine_name(n + 1), offers[n], "failed"));
        assert_state(w, "fix", kill ? "active" : "paused");
        assert_true(report(w, "m-0004", offers[3], "failed"));
        assert_state(w, "fix", "halted");
        assert_told(poll(w, .machine = "m-0009"), kill ? "kill_switch" : "halted");
        check_restart(w);
        if (kill)
                kill_switch(w, false);
        assert_told(poll(w, .machine = "m-0009"), "halted"); /* the end of the stop resumes nothing */
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix"), SAL_E_ACKNOWLEDGE);
}

static void reports_during_a_pause(void **state) {
        reports_during_a_stop(*state, false);
}

static void reports_under_the_kill_switch(void **state) {
        reports_during_a_stop(*state, true);
}

/* Patience and quiet stand still, too. */
static void nothing_opens_or_completes_meanwhile(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix",
              PLAN("\"rings\":[{\"name\":\"one\",\"share\":0.5},{\"name\":\"two\",\"share\":0.5}],\"cohorts\":"
                   "[],\"patience_seconds\":600,\"quiet_seconds\":600"));
        pass(w, 599);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        pass(w, DAY);
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        assert_int_equal(verdicts(w, "fix", "open"), 1);
        pass(w, 1);
        assert_int_equal(verdicts(w, "fix", "open"), 2);
        pass(w, 599);
        kill_switch(w, true);
        pass(w, DAY);
        assert_state(w, "fix", "active");
        kill_switch(w, false);
        assert_state(w, "fix", "active");
        pass(w, 1);
        assert_state(w, "fix", "completed");
}

/* It ends by the clock while offers are out: they are taken back; what is applied runs on and counts for it. */
static void expiry_while_stopped(void **state) {
        struct world *w = *state;
        struct timers timers = set_timers(w);
        kill_switch(w, true);
        world_wall_ms += 30 * DAY * INT64_C(1000);
        world_batch(w);
        assert_offer(w, timers.out, "recalled", "expired");
        assert_offer(w, timers.soaking, "applied", "");
        assert_int_equal(verdicts(w, "fix", "expire"), 1);
        pass(w, DAY);
        assert_offer(w, timers.soaking, "applied", ""); /* its clock stands still with the others */
        kill_switch(w, false);
        pass(w, 600);
        assert_offer(w, timers.soaking, "succeeded", "");
        pass(w, 3000);
        assert_offer(w, timers.waiting, "failed", "silent");
}

/* The daemon was down at the hour: it ends with the first breath. */
static void expiry_while_down(void **state) {
        struct world *w = *state;
        struct timers timers = set_timers(w);
        the_daemon_is_down(w, 30 * DAY);
        assert_offer(w, timers.out, "recalled", "expired");
        assert_int_equal(verdicts(w, "fix", "expire"), 1);
        check_restart(w);
        assert_int_equal(verdicts(w, "fix", "expire"), 1);
}

#define PLAYED(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                PLAYED(downtime),
                PLAYED(the_wall_clock_is_set),
                PLAYED(the_wall_clock_rules_validity_only),
                PLAYED(the_clocks_part),
                PLAYED(kill_then_pause_kill_goes_first),
                PLAYED(kill_then_pause_pause_goes_first),
                PLAYED(pause_then_kill_kill_goes_first),
                PLAYED(pause_then_kill_pause_goes_first),
                PLAYED(reports_during_a_pause),
                PLAYED(reports_under_the_kill_switch),
                PLAYED(nothing_opens_or_completes_meanwhile),
                PLAYED(expiry_while_stopped),
                PLAYED(expiry_while_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
