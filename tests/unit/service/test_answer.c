/* SPDX-License-Identifier: Apache-2.0 */
/* Which answer a poll gets: every reason, in the order of the wire contract. */
#include "harness.h"

#define TWO_RINGS                                                                            \
        PLAN("\"rings\":[{\"name\":\"one\",\"share\":0.5,\"soak_seconds\":60,\"growth\":2}," \
             "{\"name\":\"two\",\"share\":0.5}],\"cohorts\":[],\"patience_seconds\":null")

static int64_t standing_is(struct world *w, const char *machine, enum sal_standing standing) {
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM machine WHERE id = '%s' AND standing = %d", machine, standing);
        return sql_int(w, sql);
}

static void no_campaign_matches(void **state) {
        struct world *w = *state;
        assert_told(poll(w, .machine = "m-1"), "no_match");
        start(w, "fix", SIMPLE);
        assert_told(poll(w, .machine = "m-1", .facts = "{\"os\":\"linux\"}"), "no_match");
        assert_told(poll(w, .machine = "m-1", .facts = "{}"), "no_match");
        assert_told(poll(w, .machine = "m-1"), "offered");
}

/* Kill switch, opted out, offered, already applied: each hides what comes behind it. */
static void earlier_reasons_hide_later_ones(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        int64_t offer = offer_to(w, "m-1");
        poll(w, .machine = "m-2");
        change_machine(w, "m-2", "{\"opt_out\":true}");
        kill_switch(w, true);
        assert_told(poll(w, .machine = "m-1"), "kill_switch");
        assert_told(poll(w, .machine = "m-2"), "kill_switch");
        assert_told(poll(w, .machine = "m-2", .facts = "{}"), "kill_switch");
        kill_switch(w, false);
        assert_told(poll(w, .machine = "m-2"), "opted_out");
        struct told again = poll(w, .machine = "m-1", .facts = "{}");
        assert_told(again, "offered");
        assert_int_equal(again.offer, offer);
        assert_true(report(w, "m-1", offer, "applied"));
        assert_told(poll(w, .machine = "m-1"), "already_applied");
        assert_told(poll(w, .machine = "m-1", .facts = "{}"), "already_applied");
        pass(w, 61);
        assert_told(poll(w, .machine = "m-1"), "already_succeeded");
        assert_told(poll(w, .machine = "m-1", .facts = "{}"), "no_match");
}

static void the_machines_own_past(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING ",\"max_attempts\":2"));
        int64_t offer = offer_to(w, "m-1");
        assert_true(report(w, "m-1", offer, "failed"));
        /* In this boot nothing more is tried, but no hands are needed yet. */
        assert_told(poll(w, .machine = "m-1"), "attempts_exhausted");
        assert_int_equal(standing_is(w, "m-1", SAL_STANDING_RECOVERING), 1);
        struct told second = poll(w, .machine = "m-1", .boot = "boot-2");
        assert_told(second, "offered");
        assert_int_equal(second.attempt, 2);
        assert_true(report_from(w, "m-1", second.offer, "failed", "boot-2", NULL));
        assert_told(poll(w, .machine = "m-1", .boot = "boot-3"), "attempts_exhausted");
        assert_int_equal(standing_is(w, "m-1", SAL_STANDING_NEEDS_HANDS), 1);
        assert_true(report(w, "m-2", offer_to(w, "m-2"), "not_applicable"));
        assert_told(poll(w, .machine = "m-2"), "not_applicable");
        assert_told(poll(w, .machine = "m-2", .boot = "boot-2"), "not_applicable");
}

static void the_campaigns_state(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        assert_told(poll(w, .machine = "m-1"), "paused");
        assert_ok(life(w, SAL_LIFE_HALT, "fix"));
        assert_told(poll(w, .machine = "m-1"), "halted");
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        assert_told(poll(w, .machine = "m-1"), "offered");
        assert_told(poll(w, .machine = "m-2"), "in_flight_cap");
        assert_int_equal(standing_is(w, "m-2", SAL_STANDING_WAITING), 1);
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        assert_told(poll(w, .machine = "m-2"), "no_match");
}

static void a_ring_that_is_not_open(void **state) {
        struct world *w = *state;
        poll(w, .machine = "m-1");
        poll(w, .machine = "m-2");
        poll(w, .machine = "m-3");
        change_machine(w, "m-1", "{\"pin\":\"one\"}");
        change_machine(w, "m-2", "{\"pin\":\"two\"}");
        change_machine(w, "m-3", "{\"pin\":\"nowhere\"}"); /* a plan without it: its last ring */
        start(w, "fix", TWO_RINGS);
        assert_told(poll(w, .machine = "m-2"), "ring_not_open");
        assert_told(poll(w, .machine = "m-3"), "ring_not_open");
        assert_told(poll(w, .machine = "m-1"), "offered");
        change_machine(w, "m-2", "{\"pin\":null}");
        const char *ring = sal_ring_of(&live_of(w, "fix")->launch->campaign->plan, "fix", "m-2", "") ? "ring_not_open"
                                                                                                     : "in_flight_cap";
        assert_told(poll(w, .machine = "m-2"), ring);
}

/* Before its time a campaign waits, and no patience opens its rings. */
static void not_yet_valid(void **state) {
        struct world *w = *state;
        char from[SAL_TIME_BYTES], members[200];
        sal_time_format(world_birth_ms + DAY * INT64_C(1000), from);
        snprintf(members, sizeof members, "{\"not_before\":\"%s\",\"rollout\":{\"quiet_seconds\":0}}", from);
        struct sal_live *live = start(w, "fix", members);
        assert_told(poll(w, .machine = "m-1"), "not_yet_valid");
        pass(w, HOUR);
        pass(w, 20 * HOUR);
        assert_int_equal(live->row.rings_open, 1);
        int before = w->changes;
        pass(w, 3 * HOUR);
        assert_int_equal(w->changes, before + 1); /* held polls hear of it */
        change_machine(w, "m-1", "{\"pin\":\"canary\"}");
        assert_told(poll(w, .machine = "m-1"), "offered");
}

/* The snapshot may be older than the hour; the ledger takes the campaign out with its next batch. */
static void expired(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        int64_t offer = offer_to(w, "m-1");
        world_wall_ms += 20 * INT64_C(86400000);
        struct told told = worker_poll(w, .machine = "m-2");
        assert_true(told.fast);
        assert_told(told, "expired");
        assert_offer(w, offer, "recalled", "expired");
        assert_int_equal(verdicts(w, "fix", "expire"), 1);
        assert_told(worker_poll(w, .machine = "m-2"), "no_match");
        assert_null(live_of(w, "fix"));
}

static void rank_is_priority_then_start(void **state) {
        struct world *w = *state;
        start(w, "low", "{\"priority\":-1," ONE_RING_ROLLOUT "}");
        start(w, "first", "{\"priority\":5," ONE_RING_ROLLOUT "}");
        start(w, "second", "{\"priority\":5," ONE_RING_ROLLOUT "}");
        assert_string_equal(poll(w, .machine = "m-1").campaign, "first");
        assert_string_equal(poll(w, .machine = "m-2").campaign, "second");
        assert_string_equal(poll(w, .machine = "m-3").campaign, "low");
        /* Nobody can offer: the reason of the highest-ranked match. */
        assert_told(poll(w, .machine = "m-4"), "in_flight_cap");
        assert_ok(life(w, SAL_LIFE_PAUSE, "first"));
        assert_told(poll(w, .machine = "m-4"), "paused");
        assert_ok(life(w, SAL_LIFE_HALT, "first"));
        assert_told(poll(w, .machine = "m-4"), "halted");
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "first"));
        assert_told(poll(w, .machine = "m-4"), "in_flight_cap");
        /* A machine that has succeeded with the highest-ranked one is offered the next that can. */
        int64_t offer = offer_of(w, 2).row;
        assert_true(report(w, "m-2", offer, "healthy"));
        assert_told(poll(w, .machine = "m-2"), "already_succeeded");
}

static void drills_are_for_drills(void **state) {
        struct world *w = *state;
        start(w, "exercise", "{\"drill\":true,\"priority\":9," ONE_RING_ROLLOUT "}");
        assert_told(poll(w, .machine = "m-1"), "no_match");
        assert_told(poll(w, .machine = "m-1", .reason = SAL_POLL_REQUESTED), "no_match");
        struct told told = poll(w, .machine = "m-1", .reason = SAL_POLL_DRILL);
        assert_told(told, "offered");
        assert_string_equal(told.campaign, "exercise");
        start(w, "fix", SIMPLE);
        assert_told(poll(w, .machine = "m-2", .reason = SAL_POLL_DRILL), "in_flight_cap");
        assert_string_equal(poll(w, .machine = "m-2").campaign, "fix");
        /* A drill is repeated to a drill only, and tells nothing of where the machine stands. */
        assert_int_equal(poll(w, .machine = "m-1", .reason = SAL_POLL_DRILL).offer, told.offer);
        assert_true(report(w, "m-1", told.offer, "failed"));
        assert_int_equal(standing_is(w, "m-1", SAL_STANDING_RECOVERING), 1);
}

/* It needs hands; that is no failure of the fix. */
static void a_locked_volume(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        int64_t offer = offer_to(w, "m-1");
        struct told told = poll(w, .machine = "m-1", .boot = "boot-2", .volume_locked = true);
        assert_told(told, "offered");
        assert_int_equal(told.offer, offer);
        assert_int_equal(standing_is(w, "m-1", SAL_STANDING_NEEDS_HANDS), 1);
        assert_true(report_from(w, "m-1", offer, "applied", "boot-2", NULL));
        poll(w, .machine = "m-1", .boot = "boot-3", .volume_locked = true);
        assert_offer(w, offer, "applied", "");
}

static void a_requested_poll_settles_nothing(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        int64_t offer = offer_to(w, "m-1");
        struct told told = poll(w, .machine = "m-1", .boot = "boot-2", .reason = SAL_POLL_REQUESTED);
        assert_told(told, "offered");
        assert_int_equal(told.offer, offer);
        assert_int_equal(told.attempt, 1);
        /* The report comes from the boot that asked last. */
        assert_false(report_from(w, "m-1", offer, "applied", "boot-1", NULL));
        assert_true(report_from(w, "m-1", offer, "applied", "boot-2", NULL));
        assert_told(poll(w, .machine = "m-1", .boot = "boot-3", .reason = SAL_POLL_REQUESTED), "already_succeeded");
        assert_offer(w, offer, "applied", "");
}

static void one_unsettled_offer_at_a_time(void **state) {
        struct world *w = *state;
        start(w, "one", SIMPLE);
        int64_t offer = offer_to(w, "m-1");
        start(w, "two", "{\"priority\":9," ONE_RING_ROLLOUT "}");
        assert_int_equal(poll(w, .machine = "m-1").offer, offer);
        assert_true(report(w, "m-1", offer, "applied"));
        assert_told(poll(w, .machine = "m-1", .boot = "boot-2", .reason = SAL_POLL_REQUESTED), "in_flight_cap");
        assert_string_equal(poll(w, .machine = "m-2").campaign, "two");
        pass(w, MINUTE);
        assert_told(poll(w, .machine = "m-1", .boot = "boot-2", .reason = SAL_POLL_REQUESTED), "in_flight_cap");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(no_campaign_matches, world_setup, world_done),
                cmocka_unit_test_setup_teardown(earlier_reasons_hide_later_ones, world_setup, world_done),
                cmocka_unit_test_setup_teardown(the_machines_own_past, world_setup, world_done),
                cmocka_unit_test_setup_teardown(the_campaigns_state, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_ring_that_is_not_open, world_setup, world_done),
                cmocka_unit_test_setup_teardown(not_yet_valid, world_setup, world_done),
                cmocka_unit_test_setup_teardown(expired, world_setup, world_done),
                cmocka_unit_test_setup_teardown(rank_is_priority_then_start, world_setup, world_done),
                cmocka_unit_test_setup_teardown(drills_are_for_drills, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_locked_volume, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_requested_poll_settles_nothing, world_setup, world_done),
                cmocka_unit_test_setup_teardown(one_unsettled_offer_at_a_time, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
