/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator's limits do to the engine: a smaller cap, later openings, a narrowed fleet, and windows. */
#include "service/limits.h"

#include "harness.h"

#define RINGS                                                                           \
        "\"rings\":[{\"name\":\"one\",\"share\":0.5,\"soak_seconds\":60,\"growth\":2}," \
        "{\"name\":\"two\",\"share\":0.5,\"soak_seconds\":60,\"growth\":2}],\"cohorts\":[]"

static enum sal_status limit_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *limits = json_loads(arg, 0, NULL);
        sal_autojson json_t *body = json_pack("{s:s,s:O}", "reason", "because", "limits", limits);
        return sal_campaign_limits_set(&act, "fix", 1, body, &w->json, &w->err);
}

static void limit(struct world *w, const char *limits) {
        if (world_run(w, limit_job, (void *)(uintptr_t)limits))
                fail_msg("%s: %s", w->err.pointer, w->err.detail);
}

static void know(struct world *w, const char *ring, int count, const char *more) {
        for (int n = 1; n <= count; n++) {
                char line[200];
                snprintf(line, sizeof line, "{\"machine_id\":\"%s-%d\",\"facts\":" FACTS ",\"pin\":\"%s\"%s}", ring, n,
                         ring, more);
                import(w, line);
        }
}

static int64_t idle_ms(struct world *w) {
        const struct sal_live *live = live_of(w, "fix");
        const struct sal_engine *engine = w->service->engine;
        int64_t served_ms = engine->served_base_ms + world_mono_ms - engine->mono_base_ms;
        return served_ms - live->row.served_offset_ms - live->row.last_take_served_ms;
}

/* ---- windows: it is 06:00 when a world begins ---- */

static void patience_runs_within_windows_only(void **state) {
        struct world *w = *state;
        know(w, "one", 30, "");
        know(w, "two", 30, "");
        start(w, "fix", PLAN(RINGS ",\"patience_seconds\":600"));
        limit(w, "{\"windows\":[{\"from\":\"05:00\",\"to\":\"06:05\"},{\"from\":\"08:00\",\"to\":\"09:00\"}]}");
        pass(w, 5 * MINUTE); /* the window closes: patience has run for 300 s */
        assert_int_equal(live_of(w, "fix")->row.rings_open, 1);
        pass(w, HOUR);
        pass(w, 55 * MINUTE); /* it opens again */
        assert_int_equal(live_of(w, "fix")->row.rings_open, 1);
        assert_in_range(idle_ms(w), 299000, 301000);
        pass(w, 299);
        assert_int_equal(live_of(w, "fix")->row.rings_open, 1);
        pass(w, 1);
        assert_int_equal(live_of(w, "fix")->row.rings_open, 2);
        assert_int_equal(verdicts(w, "fix", "open"), 2);
}

static void quiet_runs_within_windows_only(void **state) {
        struct world *w = *state;
        know(w, "all", 1, "");
        start(w, "fix", PLAN(ONE_RING ",\"quiet_seconds\":600"));
        assert_true(report(w, "all-1", offer_to(w, "all-1"), "healthy"));
        limit(w, "{\"windows\":[{\"from\":\"05:00\",\"to\":\"06:05\"},{\"from\":\"08:00\",\"to\":\"09:00\"}]}");
        pass(w, 5 * MINUTE);
        pass(w, 115 * MINUTE);
        assert_state(w, "fix", "active");
        pass(w, 5 * MINUTE);
        assert_state(w, "fix", "completed");
}

/* Time that is slept away within a closed window does not count either, nor does a restart. */
static void a_restart_in_a_closed_window_changes_nothing(void **state) {
        struct world *w = *state;
        know(w, "one", 30, "");
        start(w, "fix", PLAN(RINGS ",\"patience_seconds\":600"));
        limit(w, "{\"windows\":[{\"from\":\"05:00\",\"to\":\"06:05\"},{\"from\":\"08:00\",\"to\":\"09:00\"}]}");
        pass(w, 5 * MINUTE);
        for (int n = 0; n < 5; n++) {
                pass(w, 20 * MINUTE);
                world_restart(w);
        }
        assert_in_range(idle_ms(w), 299000, 301000);
        assert_int_equal(live_of(w, "fix")->row.rings_open, 1);
}

static int64_t wake_ms(struct world *w) {
        return sal_service_hooks.next_wake_ms(w->service->engine);
}

/* Somebody waits for a window with its poll held: it has to hear when it opens, completed campaigns included. */
static void held_polls_hear_when_a_window_opens(void **state) {
        struct world *w = *state;
        know(w, "all", 3, "");
        start(w, "fix", PLAN(ONE_RING ",\"quiet_seconds\":0,\"patience_seconds\":null"));
        assert_true(report(w, "all-1", offer_to(w, "all-1"), "healthy"));
        assert_state(w, "fix", "completed");
        limit(w, "{\"windows\":[{\"from\":\"06:00\",\"to\":\"06:05\"},{\"from\":\"06:20\",\"to\":\"06:21\"}]}");
        assert_in_range(wake_ms(w), 0, 300000);
        pass(w, 5 * MINUTE);
        assert_told(poll(w, .machine = "all-2"), "not_yet_valid");
        w->changes = 0;
        pass(w, 15 * MINUTE - 1);
        assert_in_range(wake_ms(w), 1, 1000);
        assert_int_equal(w->changes, 0);
        pass(w, 1);
        assert_true(w->changes > 0);
        assert_told(poll(w, .machine = "all-2"), "offered");
}

static void what_is_out_goes_on_outside_of_windows(void **state) {
        struct world *w = *state;
        know(w, "all", 30, "");
        start(w, "fix", SIMPLE);
        int64_t offer = offer_to(w, "all-1"), other = offer_to(w, "all-2");
        limit(w, "{\"windows\":[{\"from\":\"08:00\",\"to\":\"09:00\"}]}");
        assert_told(poll(w, .machine = "all-3"), "not_yet_valid");
        struct told told = poll(w, .machine = "all-1");
        assert_told(told, "offered");
        assert_int_equal(told.offer, offer);
        assert_true(report(w, "all-1", offer, "healthy"));
        pass(w, HOUR); /* deadlines run as ever */
        assert_offer(w, other, "failed", "silent");
}

/* ---- later openings ---- */

/* 24 successes prove the stage. */
static void prove(struct world *w, int from, int count) {
        for (int n = from; n < from + count; n++) {
                char name[24];
                snprintf(name, sizeof name, "one-%d", n);
                assert_true(report(w, name, offer_to(w, name), "healthy"));
        }
}

static void evidence_waits_for_its_time(void **state) {
        struct world *w = *state;
        know(w, "one", 60, "");
        know(w, "two", 5, "");
        start(w, "fix", PLAN(RINGS));
        limit(w, "{\"opens\":{\"two\":\"2024-07-19T06:10:00Z\"}}");
        prove(w, 1, 24);
        assert_int_equal(verdicts(w, "fix", "advance"), 0);
        assert_told(poll(w, .machine = "two-1"), "ring_not_open");
        assert_in_range(wake_ms(w), 1, 600000);
        pass(w, 10 * MINUTE - 1);
        assert_int_equal(verdicts(w, "fix", "advance"), 0);
        w->changes = 0;
        pass(w, 1);
        assert_int_equal(verdicts(w, "fix", "advance"), 1);
        assert_true(w->changes > 0);
        assert_told(poll(w, .machine = "two-1"), "offered");
}

static void lifting_the_limit_lets_evidence_through(void **state) {
        struct world *w = *state;
        know(w, "one", 60, "");
        start(w, "fix", PLAN(RINGS));
        limit(w, "{\"opens\":{\"two\":\"2024-07-19T16:10:00Z\"}}");
        prove(w, 1, 24);
        assert_int_equal(verdicts(w, "fix", "advance"), 0);
        limit(w, "{}");
        assert_int_equal(verdicts(w, "fix", "advance"), 1);
        assert_null(live_of(w, "fix")->limits);
}

static void patience_waits_for_the_time_too(void **state) {
        struct world *w = *state;
        know(w, "one", 30, "");
        start(w, "fix", PLAN(RINGS ",\"patience_seconds\":60"));
        limit(w, "{\"opens\":{\"two\":\"2024-07-19T06:10:00Z\"}}");
        pass(w, 10 * MINUTE - 1);
        assert_int_equal(live_of(w, "fix")->row.rings_open, 1);
        pass(w, 1);
        assert_int_equal(live_of(w, "fix")->row.rings_open, 2);
}

static void an_operator_who_advances_keeps_to_the_limits(void **state) {
        struct world *w = *state;
        know(w, "one", 60, "");
        start(w, "fix", PLAN(RINGS ",\"manual_advance\":true"));
        limit(w, "{\"opens\":{\"two\":\"2024-07-19T06:10:00Z\"}}");
        prove(w, 1, 24);
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "fix"), SAL_E_CONFLICT);
        assert_non_null(strstr(w->err.detail, "2024-07-19T06:10:00Z"));
        pass(w, 10 * MINUTE);
        assert_ok(life(w, SAL_LIFE_ADVANCE, "fix"));
        assert_int_equal(verdicts(w, "fix", "advance"), 1);
}

/* ---- the cap ---- */

static void a_smaller_cap_shuts_the_gate(void **state) {
        struct world *w = *state;
        know(w, "all", 100, "");
        struct sal_live *live = start(w, "fix", SIMPLE);
        limit(w, "{\"in_flight_max\":2}");
        assert_true(sal_live_cap(w->service->engine, live) == 2);
        assert_int_equal(atomic_load(&live->launch->slots), 2);
        offer_to(w, "all-1");
        int64_t second = offer_to(w, "all-2");
        assert_told(poll(w, .machine = "all-3"), "in_flight_cap");
        assert_int_equal(atomic_load(&live->launch->slots), 0);
        world_restart(w); /* limits live on */
        live = live_of(w, "fix");
        assert_true(sal_live_cap(w->service->engine, live) == 2);
        assert_true(report(w, "all-2", second, "healthy"));
        assert_told(poll(w, .machine = "all-3"), "offered");
        w->changes = 0;
        limit(w, "{\"in_flight_max\":5}");
        assert_true(w->changes > 0);
        assert_told(poll(w, .machine = "all-4"), "offered");
}

/* ---- the fleet within `only` ---- */

static void the_known_fleet_is_that_within(void **state) {
        struct world *w = *state;
        know(w, "berlin", 20, ",\"labels\":{\"site\":\"berlin\"}");
        know(w, "paris", 40, ",\"labels\":{\"site\":\"paris\"}");
        struct sal_live *live = start(w, "fix", SIMPLE);
        assert_int_equal(sal_live_known_matching(live), 60);
        offer_to(w, "paris-1");
        offer_to(w, "berlin-1");
        limit(w, "{\"only\":{\"labels\":{\"site\":[\"berlin\"]}}}");
        assert_int_equal(sal_live_known_matching(live), 20); /* who holds an offer counts as before */
        check_population(w);
        assert_true(sal_live_cap(w->service->engine, live) == 2);
        assert_told(poll(w, .machine = "paris-2"), "ring_not_open");
        assert_told(poll(w, .machine = "paris-1"), "offered"); /* the one that is out, again */
        change_machine(w, "paris-3", "{\"labels\":{\"site\":\"berlin\"}}");
        assert_int_equal(sal_live_known_matching(live), 21);
        change_machine(w, "berlin-1", "{\"labels\":{\"site\":\"paris\"}}");
        assert_int_equal(sal_live_known_matching(live), 20);
        check_population(w);
        check_restart(w);
        live = live_of(w, "fix");
        assert_int_equal(sal_live_known_matching(live), 20);
        limit(w, "{}");
        assert_int_equal(sal_live_known_matching(live), 60);
        check_population(w);
}

static int64_t rings_open(struct world *w) {
        return live_of(w, "fix")->row.rings_open;
}

static void a_narrowed_fleet_that_is_settled_opens_nothing(void **state) {
        struct world *w = *state;
        know(w, "one", 4, "");
        start(w, "fix", PLAN(RINGS ",\"patience_seconds\":null"));
        limit(w, "{\"only\":{\"machines\":[\"one-2\"]}}");
        assert_told(poll(w, .machine = "one-1"), "ring_not_open");
        assert_true(report(w, "one-2", offer_to(w, "one-2"), "healthy"));
        pass(w, 1);
        assert_int_equal(rings_open(w), 1);
        limit(w, "{}"); /* three still wait */
        pass(w, 1);
        assert_int_equal(rings_open(w), 1);
        for (int n = 1; n <= 4; n++) {
                char name[24];
                snprintf(name, sizeof name, "one-%d", n);
                if (n != 2)
                        assert_true(report(w, name, offer_to(w, name), "healthy"));
        }
        assert_int_equal(rings_open(w), 2);
        sal_autojson json_t *decision = newest_decision(w, "fix");
        const json_t *because = json_object_get(decision, "because");
        assert_int_equal(int_in(because, "known"), 4);
        assert_int_equal(int_in(because, "waiting"), 0);
        assert_int_equal(int_in(because, "in_flight"), 0);
        assert_true(json_is_true(json_object_get(because, "fleet_counted")));
}

/* Narrowed to nobody, the open ring looks empty and nobody takes an offer: neither is the fleet's doing. */
static void what_narrows_opens_no_ring_and_uses_up_no_patience(void **state) {
        struct world *w = *state;
        know(w, "one", 30, "");
        know(w, "two", 30, "");
        start(w, "fix", PLAN(RINGS ",\"patience_seconds\":600"));
        pass(w, 5 * MINUTE);
        limit(w, "{\"only\":{\"labels\":{\"site\":[\"berlin\"]}}}");
        assert_in_range(idle_ms(w), 0, 1000); /* other machines: patience begins anew */
        pass(w, HOUR);
        assert_int_equal(rings_open(w), 1);
        assert_in_range(wake_ms(w), 1, HOUR * INT64_C(1000)); /* and nothing spins meanwhile */
        world_restart(w);
        pass(w, HOUR);
        limit(w, "{}");
        pass(w, 10 * MINUTE - 1);
        assert_int_equal(rings_open(w), 1);
        assert_int_equal(verdicts(w, "fix", "open"), 1);
        assert_told(poll(w, .machine = "two-1"), "ring_not_open");
        pass(w, 1);
        assert_int_equal(rings_open(w), 2);
}

static void what_narrows_completes_nothing(void **state) {
        struct world *w = *state;
        know(w, "all", 10, "");
        start(w, "fix", PLAN(ONE_RING ",\"quiet_seconds\":600"));
        assert_true(report(w, "all-1", offer_to(w, "all-1"), "healthy"));
        limit(w, "{\"only\":{\"machines\":[\"all-1\"]}}");
        pass(w, HOUR);
        assert_state(w, "fix", "active");
        assert_in_range(wake_ms(w), 1, HOUR * INT64_C(1000));
        limit(w, "{}");
        pass(w, 10 * MINUTE - 1);
        assert_state(w, "fix", "active");
        pass(w, 1);
        assert_state(w, "fix", "completed");
}

/* Evidence is asked as ever: it is about the machines that took the fix, whoever they are. */
static void evidence_from_within_advances(void **state) {
        struct world *w = *state;
        know(w, "one", 60, "");
        start(w, "fix", PLAN(RINGS));
        limit(w, "{\"only\":{\"labels\":{\"site\":[\"berlin\"]}}}");
        for (int n = 1; n <= 30; n++) {
                char name[24];
                snprintf(name, sizeof name, "one-%d", n);
                change_machine(w, name, "{\"labels\":{\"site\":\"berlin\"}}");
        }
        prove(w, 1, 24);
        assert_int_equal(verdicts(w, "fix", "advance"), 1);
        assert_int_equal(rings_open(w), 2);
}

/* Where the plan would make offers and only the operator's cap does not, nobody can take one. */
static void a_full_cap_of_the_limits_uses_up_no_patience(void **state) {
        struct world *w = *state;
        know(w, "one", 100, "");
        start(w, "fix", PLAN(RINGS ",\"patience_seconds\":600"));
        limit(w, "{\"in_flight_max\":1}");
        int64_t offer = offer_to(w, "one-1");
        assert_told(poll(w, .machine = "one-2"), "in_flight_cap");
        pass(w, 20 * MINUTE);
        assert_in_range(idle_ms(w), 0, 1000);
        assert_true(report(w, "one-1", offer, "healthy"));
        pass(w, 10 * MINUTE - 1);
        assert_int_equal(rings_open(w), 1);
        pass(w, 1);
        assert_int_equal(rings_open(w), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(patience_runs_within_windows_only),
                TEST(quiet_runs_within_windows_only),
                TEST(a_restart_in_a_closed_window_changes_nothing),
                TEST(held_polls_hear_when_a_window_opens),
                TEST(what_is_out_goes_on_outside_of_windows),
                TEST(evidence_waits_for_its_time),
                TEST(lifting_the_limit_lets_evidence_through),
                TEST(patience_waits_for_the_time_too),
                TEST(an_operator_who_advances_keeps_to_the_limits),
                TEST(a_smaller_cap_shuts_the_gate),
                TEST(the_known_fleet_is_that_within),
                TEST(a_narrowed_fleet_that_is_settled_opens_nothing),
                TEST(what_narrows_opens_no_ring_and_uses_up_no_patience),
                TEST(what_narrows_completes_nothing),
                TEST(evidence_from_within_advances),
                TEST(a_full_cap_of_the_limits_uses_up_no_patience),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
