/* SPDX-License-Identifier: Apache-2.0 */
/* Plays: the edges. Campaigns that have ended and are still asked about, seconds that a crash must not lose, machines
 * that come back when nobody expects it. */
#include "harness.h"

#define PLAY                                                                                                \
        PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":600,\"growth\":2}],\"cohorts\":[]," \
             "\"outcome_deadline_seconds\":3600,\"relapse_window_seconds\":86400,\"quiet_seconds\":1000000")

/* A relapse is looked for in the window's seconds that were served: the kill switch stops them for a campaign that has
 * ended as it does for one that lives, and its end starts them again. */
static void the_window_of_an_ended_one(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t inside = offer_to(w, "m-0001"), outside = offer_to(w, "m-0002");
        assert_true(report(w, "m-0001", inside, "healthy"));
        assert_true(report(w, "m-0002", outside, "healthy"));
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        pass(w, HOUR);
        kill_switch(w, true);
        pass(w, 5 * DAY);
        kill_switch(w, false);
        pass(w, DAY - HOUR);
        poll(w, .machine = "m-0001", .boot = "boot-2");
        assert_offer(w, inside, "failed", "relapsed");
        pass(w, 1);
        poll(w, .machine = "m-0002", .boot = "boot-2");
        assert_offer(w, outside, "succeeded", "");
}

static void it_ended_under_the_kill_switch(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t inside = offer_to(w, "m-0001"), outside = offer_to(w, "m-0002");
        assert_true(report(w, "m-0001", inside, "healthy"));
        assert_true(report(w, "m-0002", outside, "healthy"));
        kill_switch(w, true);
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        pass(w, 5 * DAY);
        kill_switch(w, false);
        pass(w, DAY);
        poll(w, .machine = "m-0001", .boot = "boot-2");
        assert_offer(w, inside, "failed", "relapsed");
        pass(w, 1);
        poll(w, .machine = "m-0002", .boot = "boot-2");
        assert_offer(w, outside, "succeeded", "");
}

/* Served time is on disk with each commit, whatever the commit was about. */
static void served_time_is_kept_with_each_commit(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t offer = offer_to(w, "m-0001");
        pass(w, 3590);
        for (int n = 0; n < 9; n++) {
                pass(w, 1);
                char line[64];
                snprintf(line, sizeof line, "{\"machine_id\":\"x-%d\"}", n);
                import(w, line);
                world_restart(w);
        }
        assert_offer(w, offer, "offered", "");
        pass(w, 1);
        assert_offer(w, offer, "failed", "silent");
}

/* Somebody was told to wait for room a second ago: the campaign is not quiet. */
static void not_complete_while_somebody_waits(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING ",\"quiet_seconds\":120"));
        int64_t offer = offer_to(w, "m-1");
        for (int n = 0; n < 5; n++) {
                pass(w, MINUTE);
                assert_told(worker_poll(w, .machine = "m-2"), "in_flight_cap");
        }
        pass(w, 1);
        assert_true(report(w, "m-1", offer, "healthy"));
        assert_state(w, "fix", "active");
        assert_told(poll(w, .machine = "m-2"), "offered");
        assert_state(w, "fix", "active");
}

/* A report for a campaign that is over is recorded, told with the campaign's name, and changes nothing. */
static void a_report_for_what_is_over(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", SIMPLE);
        int64_t silent = offer_to(w, "m-0001"), recalled = offer_to(w, "m-0002");
        assert_true(report(w, "m-0001", silent, "refused"));
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        world_batch(w);
        int64_t seq = sql_int(w, "SELECT max(seq) FROM journal");
        static const char *const stages[] = {"applied", "failed", "refused", "not_applicable", "healthy"};
        for (size_t n = 0; n < SAL_ARRAY_LEN(stages); n++) {
                assert_false(report(w, "m-0001", silent, stages[n]));
                assert_false(report(w, "m-0002", recalled, stages[n]));
        }
        assert_offer(w, silent, "failed", "refused");
        assert_offer(w, recalled, "recalled", "withdrawn");
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM journal WHERE seq > %" PRId64 " AND type = 1", seq);
        assert_int_equal(sql_int(w, sql), 10);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM journal WHERE seq > %" PRId64 " AND campaign = 'fix'", seq);
        assert_int_equal(sql_int(w, sql), 10);
}

/* It fell silent for good, so a person was to go there; then it says that it is up: nobody has to. */
static void back_though_late(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING ",\"max_attempts\":1,\"outcome_deadline_seconds\":600"));
        int64_t offer = offer_to(w, "m-1");
        pass(w, 600);
        assert_offer(w, offer, "failed", "silent");
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'm-1'"), SAL_STANDING_NEEDS_HANDS);
        assert_false(report(w, "m-1", offer, "applied")); /* it has the fix; whether it is up, nobody knows */
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'm-1'"), SAL_STANDING_NEEDS_HANDS);
        assert_false(report_from(w, "m-1", offer, "healthy", "full-system", NULL));
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'm-1'"), SAL_STANDING_BACK);
}

#define TWO_RINGS                                                                                              \
        PLAN("\"rings\":[{\"name\":\"one\",\"share\":0.5,\"soak_seconds\":60,\"growth\":2},{\"name\":\"two\"," \
             "\"share\":0.5}],\"cohorts\":[],\"patience_seconds\":null,\"in_flight\":{\"initial\":4,\"max\":99}")

/* m-0001 and m-0002 are of the first ring, 38 others of the second. */
static void two_of_the_first_ring(struct world *w) {
        for (int n = 1; n <= 40; n++) {
                char line[160];
                snprintf(line, sizeof line, "{\"machine_id\":\"%s\",\"facts\":" FACTS ",\"pin\":\"%s\"}",
                         machine_name(n), n <= 2 ? "one" : "two");
                import(w, line);
        }
        start(w, "fix", TWO_RINGS);
}

/* A machine whose only offer was taken back has shown nothing: it waits again, and its ring is not settled. */
static void a_recalled_machine_waits_again(void **state) {
        struct world *w = *state;
        two_of_the_first_ring(w);
        offer_to(w, "m-0001");
        offer_to(w, "m-0002");
        assert_ok(life(w, SAL_LIFE_HALT, "fix"));
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        pass(w, HOUR);
        assert_int_equal(verdicts(w, "fix", "open"), 1);
        assert_told(poll(w, .machine = "m-0003"), "ring_not_open");
        check_restart(w);
        assert_int_equal(verdicts(w, "fix", "open"), 1);
        assert_true(report(w, "m-0001", offer_to(w, "m-0001"), "healthy"));
        assert_int_equal(verdicts(w, "fix", "open"), 1);
        assert_true(report(w, "m-0002", offer_to(w, "m-0002"), "healthy"));
        assert_int_equal(verdicts(w, "fix", "open"), 2);
}

/* One opts out and comes back, one is deleted and comes back: both wait again. */
static void who_comes_back_waits_again(void **state) {
        struct world *w = *state;
        two_of_the_first_ring(w);
        offer_to(w, "m-0001");
        assert_true(report(w, "m-0002", offer_to(w, "m-0002"), "healthy"));
        kill_switch(w, true); /* so that nothing opens while nobody waits */
        change_machine(w, "m-0001", "{\"opt_out\":true}");
        change_machine(w, "m-0001", "{\"opt_out\":false}");
        kill_switch(w, false);
        assert_int_equal(verdicts(w, "fix", "open"), 1);
        assert_true(report(w, "m-0001", offer_to(w, "m-0001"), "healthy"));
        assert_int_equal(verdicts(w, "fix", "open"), 2);
}

/* The machines of a held cohort match still: the tenth of the known that may be out is of them, too. */
static void a_held_cohort_is_known_still(void **state) {
        struct world *w = *state;
        for (int n = 1; n <= 100; n++) {
                char line[120];
                snprintf(line, sizeof line, "{\"machine_id\":\"%s\",\"facts\":{\"model\":\"%s\",\"os\":\"windows\"}}",
                         machine_name(n), n <= 60 ? "A" : "B");
                import(w, line);
        }
        start(w, "fix",
              PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":60}],\"cohorts\":[\"model\"],"
                   "\"in_flight\":{\"initial\":10,\"max\":99}"));
        int64_t offers[3];
        for (int n = 0; n < 3; n++) {
                offers[n] =
                        poll(w, .machine = machine_name(n + 1), .facts = "{\"model\":\"A\",\"os\":\"windows\"}").offer;
                assert_int_not_equal(offers[n], 0);
        }
        int out = 0;
        for (int n = 61; n <= 100; n++) {
                if (n == 62)
                        for (int k = 0; k < 3; k++)
                                assert_true(report(w, machine_name(k + 1), offers[k], "failed"));
                if (poll(w, .machine = machine_name(n), .facts = "{\"model\":\"B\",\"os\":\"windows\"}").offer)
                        out++;
        }
        assert_int_equal(verdicts(w, "fix", "hold_cohort"), 1);
        assert_int_equal(out, 10);
}

/* The reports of one offer came in the wrong order: it failed, but the fix is on. No second offer, and no count. */
static void applied_after_failed(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAY);
        int64_t offer = offer_to(w, "m-0001");
        assert_true(report(w, "m-0001", offer, "failed"));
        assert_false(report(w, "m-0001", offer, "applied"));
        assert_offer(w, offer, "failed", "reported");
        assert_told(poll(w, .machine = "m-0001", .boot = "boot-2"), "already_succeeded");
        /* But a repeat of what came before a relapse is no news: the next attempt is made. */
        int64_t relapsed = offer_to(w, "m-0002");
        assert_true(report(w, "m-0002", relapsed, "applied"));
        assert_told(poll(w, .machine = "m-0002", .boot = "boot-2"), "offered");
        assert_false(report(w, "m-0002", relapsed, "applied"));
        assert_told(poll(w, .machine = "m-0002", .boot = "boot-3"), "attempts_exhausted");
}

/* Quiet is counted from the last that happened: an offer that was out for long makes nothing complete as it settles. */
static void quiet_begins_when_the_last_one_settles(void **state) {
        struct world *w = *state;
        know_fleet(w, 20);
        start(w, "fix", PLAN(ONE_RING ",\"quiet_seconds\":120"));
        int64_t offer = offer_to(w, "m-0001");
        pass(w, 1000);
        assert_true(report(w, "m-0001", offer, "healthy"));
        pass(w, 119);
        assert_state(w, "fix", "active");
        check_restart(w);
        pass(w, 1);
        assert_state(w, "fix", "completed");
}

/* A poll that came in when the wall clock said so. */
static struct told poll_now(struct world *w, struct ask ask) {
        struct sal_poll poll;
        fill_poll(&poll, &ask);
        poll.arrived_ms = world_wall_ms;
        enum sal_status status = world_run(w, poll_job, &poll);
        struct told told = told_of(&poll);
        told.status = status;
        sal_poll_done(&poll);
        return told;
}

/* The clock is set back by seconds, not days: a boot that begins now is no older one that was held up on its way. */
static void a_boot_after_the_clock_was_set_back(void **state) {
        struct world *w = *state;
        static const int back[] = {5, 30, 59, 61, DAY};
        know_fleet(w, 100);
        for (size_t n = 0; n < SAL_ARRAY_LEN(back); n++) {
                char id[16];
                snprintf(id, sizeof id, "fix-%zu", n);
                start(w, id, PLAY);
                struct told first = poll_now(w, (struct ask){.machine = machine_name(1), .boot = id});
                assert_told(first, "offered");
                pass(w, 2);
                world_wall_ms -= back[n] * INT64_C(1000);
                char boot[32];
                snprintf(boot, sizeof boot, "%s-again", id);
                struct told second = poll_now(w, (struct ask){.machine = machine_name(1), .boot = boot});
                assert_offer(w, first.offer, "failed", "repolled");
                assert_told(second, "offered");
                assert_true(report_from(w, machine_name(1), second.offer, "applied", boot, NULL));
                assert_true(report_from(w, machine_name(1), second.offer, "healthy", boot, NULL));
                world_wall_ms += back[n] * INT64_C(1000);
                pass(w, 2 * DAY); /* beyond the window */
                assert_ok(life(w, SAL_LIFE_WITHDRAW, id));
        }
}

/* Who waits for something that this campaign does not hold up keeps it from no end: a held cohort, who opted out, who
 * needs hands. They ask every minute. */
static void who_does_not_keep_it_open(void **state) {
        struct world *w = *state;
        static const char of_b[] = "{\"model\":\"B\",\"os\":\"windows\"}";
        int64_t offers[3];
        know_fleet(w, 100);
        start(w, "fix",
              PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":60}],\"cohorts\":[\"model\"],"
                   "\"in_flight\":{\"initial\":10,\"max\":99},\"quiet_seconds\":120,\"max_attempts\":1"));
        for (int n = 0; n < 3; n++)
                offers[n] = offer_to(w, machine_name(n + 1));
        int64_t other = poll(w, .machine = "b-1", .facts = of_b).offer;
        poll(w, .machine = "b-2", .facts = of_b);
        change_machine(w, "b-2", "{\"opt_out\":true}");
        for (int n = 0; n < 3; n++)
                assert_true(report(w, machine_name(n + 1), offers[n], "failed"));
        assert_int_equal(verdicts(w, "fix", "hold_cohort"), 1);
        assert_true(report(w, "b-1", other, "healthy"));
        for (int minute = 0; minute < 2; minute++) {
                assert_state(w, "fix", "active");
                pass(w, 59);
                assert_told(poll(w, .machine = "m-0050"), "halted");
                assert_told(worker_poll(w, .machine = "m-0051"), "halted");
                assert_told(poll(w, .machine = "b-2", .facts = of_b), "opted_out");
                /* Of the held cohort, too, and out of attempts. */
                poll(w, .machine = "m-0001", .boot = "boot-2");
                pass(w, 1);
        }
        assert_state(w, "fix", "completed");
}

/* A report that was sent twice and came again after the machine had failed once more tells nothing of now. */
static void a_repeated_healthy_brings_nobody_back(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING ",\"max_attempts\":1"));
        int64_t offer = offer_to(w, "m-1");
        assert_true(report_from(w, "m-1", offer, "healthy", "full-system", NULL));
        poll(w, .machine = "m-1", .boot = "boot-2");
        assert_offer(w, offer, "failed", "relapsed");
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'm-1'"), SAL_STANDING_NEEDS_HANDS);
        assert_false(report_from(w, "m-1", offer, "healthy", "full-system", NULL));
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'm-1'"), SAL_STANDING_NEEDS_HANDS);
}

/* The same of one that was heard too late: the first brings it back, said again after it failed once more it does not.
 */
static void a_repeated_late_healthy_brings_nobody_back(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING ",\"max_attempts\":1,\"outcome_deadline_seconds\":600"));
        int64_t offer = offer_to(w, "m-1");
        pass(w, 600);
        assert_offer(w, offer, "failed", "silent");
        assert_false(report_from(w, "m-1", offer, "healthy", "full-system", NULL));
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'm-1'"), SAL_STANDING_BACK);
        pass(w, MINUTE);
        poll(w, .machine = "m-1", .boot = "boot-2");
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'm-1'"), SAL_STANDING_RECOVERING);
        assert_false(report_from(w, "m-1", offer, "healthy", "full-system", NULL));
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'm-1'"), SAL_STANDING_RECOVERING);
}

#define PLAYED(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                PLAYED(the_window_of_an_ended_one),
                PLAYED(it_ended_under_the_kill_switch),
                PLAYED(served_time_is_kept_with_each_commit),
                PLAYED(not_complete_while_somebody_waits),
                PLAYED(a_report_for_what_is_over),
                PLAYED(back_though_late),
                PLAYED(a_recalled_machine_waits_again),
                PLAYED(who_comes_back_waits_again),
                PLAYED(a_held_cohort_is_known_still),
                PLAYED(applied_after_failed),
                PLAYED(quiet_begins_when_the_last_one_settles),
                PLAYED(a_boot_after_the_clock_was_set_back),
                PLAYED(who_does_not_keep_it_open),
                PLAYED(a_repeated_healthy_brings_nobody_back),
                PLAYED(a_repeated_late_healthy_brings_nobody_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
