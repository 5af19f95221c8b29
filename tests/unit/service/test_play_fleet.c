/* SPDX-License-Identifier: Apache-2.0 */
/* Plays: who is known, who comes, and what that does to rings, pace and completion. */
#include "harness.h"

#define RINGS_AND(members)                                                                                          \
        PLAN("\"rings\":[{\"name\":\"canary\",\"share\":0.1,\"soak_seconds\":60,\"growth\":2},{\"name\":\"early\"," \
             "\"share\":0.3,\"soak_seconds\":60,\"growth\":6},{\"name\":\"broad\",\"share\":0.6}],\"cohorts\":[],"  \
             "\"quiet_seconds\":120," members)

static int64_t opened(struct world *w, const char *id) {
        return verdicts(w, id, "open") + verdicts(w, id, "advance");
}

static size_t ring_of(struct world *w, const char *id, const char *machine) {
        return sal_ring_of(&live_of(w, id)->launch->campaign->plan, id, machine, NULL);
}

/* It asks until it is offered something or sent away, a minute between; applied at once, healthy after the soak. */
static bool rescue(struct world *w, const char *machine) {
        struct told told = poll(w, .machine = machine);
        if (told.reason != SAL_REASON_OFFERED)
                return false;
        assert_true(report(w, machine, told.offer, "applied"));
        return true;
}

/* A thousand are known, thirty fail to boot, most of the canary ring is healthy and never asks: patience goes from ring
 * to ring, everybody who came is served, and the campaign completes though 970 never came. */
static void a_partial_outage(void **state) {
        struct world *w = *state;
        enum { KNOWN = 1000, BROKEN = 30 };
        bool served[BROKEN] = {false};
        know_fleet(w, KNOWN);
        start(w, "fix", RINGS_AND("\"patience_seconds\":600"));
        int left = BROKEN, minutes = 0;
        for (; left && minutes < 24 * 60; minutes++) {
                for (int n = 0; n < BROKEN; n++) {
                        if (served[n])
                                continue;
                        served[n] = rescue(w, machine_name(1 + n * 33));
                        left -= served[n];
                }
                pass(w, MINUTE);
        }
        assert_int_equal(left, 0);
        assert_in_range(minutes, 20, 60); /* two patiences, and little more */
        assert_int_equal(verdicts(w, "fix", "open"), 3);
        pass(w, 200);
        assert_state(w, "fix", "completed");
        assert_int_equal(live_of(w, "fix")->row.succeeded, BROKEN);
        assert_told(poll(w, .machine = "m-0002"), "offered"); /* it stays in force for who comes late */
}

/* The same, but the plan knows no patience: the ring stays shut until a person acts. */
static void a_partial_outage_without_patience(void **state) {
        struct world *w = *state;
        know_fleet(w, 1000);
        start(w, "fix", RINGS_AND("\"patience_seconds\":null"));
        for (int hour = 0; hour < 100; hour++)
                pass(w, HOUR);
        assert_int_equal(opened(w, "fix"), 1);
        for (int n = 1; n <= 1000; n++)
                if (ring_of(w, "fix", machine_name(n)) > 0) {
                        assert_told(poll(w, .machine = machine_name(n)), "ring_not_open");
                        break;
                }
}

/* Every machine is of the last ring: the empty ones open at once, and hold up nobody. */
static void empty_rings_before(void **state) {
        struct world *w = *state;
        for (int n = 1; n <= 50; n++) {
                char line[160];
                snprintf(line, sizeof line, "{\"machine_id\":\"%s\",\"facts\":" FACTS ",\"pin\":\"broad\"}",
                         machine_name(n));
                import(w, line);
        }
        start(w, "fix", RINGS_AND("\"patience_seconds\":null"));
        assert_int_equal(opened(w, "fix"), 3);
        assert_int_equal(verdicts(w, "fix", "advance"), 0); /* without evidence, so the stage stays: its soak rules */
        struct told told = poll(w, .machine = "m-0001");
        assert_told(told, "offered");
        assert_true(report(w, "m-0001", told.offer, "applied"));
        pass(w, 59);
        assert_offer(w, told.offer, "applied", "");
        pass(w, 1);
        assert_offer(w, told.offer, "succeeded", "");
}

/* A ring in the middle is empty: nothing waits for it. */
static void an_empty_ring_between(void **state) {
        struct world *w = *state;
        static const struct {
                const char *machine, *ring;
        } pins[] = {{"c-1", "canary"}, {"b-1", "broad"}, {"b-2", "broad"}};
        for (size_t n = 0; n < SAL_ARRAY_LEN(pins); n++) {
                char line[160];
                snprintf(line, sizeof line, "{\"machine_id\":\"%s\",\"facts\":" FACTS ",\"pin\":\"%s\"}",
                         pins[n].machine, pins[n].ring);
                import(w, line);
        }
        start(w, "fix", RINGS_AND("\"patience_seconds\":null"));
        assert_int_equal(opened(w, "fix"), 1);
        int64_t offer = offer_to(w, "c-1");
        assert_true(report(w, "c-1", offer, "healthy"));
        assert_int_equal(opened(w, "fix"), 3);
        assert_told(poll(w, .machine = "b-1"), "offered");
}

static void one_ring_only(void **state) {
        struct world *w = *state;
        know_fleet(w, 20);
        start(w, "fix", PLAN(ONE_RING ",\"quiet_seconds\":120,\"patience_seconds\":0"));
        for (int n = 1; n <= 20; n++) {
                assert_true(report(w, machine_name(n), offer_to(w, machine_name(n)), "healthy"));
                pass(w, 1);
        }
        assert_int_equal(opened(w, "fix"), 1);
        assert_int_equal(verdicts(w, "fix", "advance"), 0); /* there is nowhere to go */
        pass(w, 118);
        assert_state(w, "fix", "active");
        pass(w, 1);
        assert_state(w, "fix", "completed");
}

/* Nobody is known when it starts; machines enrol as they fail, from every ring. One at a time until there is evidence
 * or a tenth of the known allows more, and rings open by evidence or patience as ever. */
static void a_fleet_that_enrols_during_the_outage(void **state) {
        struct world *w = *state;
        enum { FLEET = 300 };
        bool served[FLEET] = {false};
        int left = FLEET;
        start(w, "fix", RINGS_AND("\"patience_seconds\":600"));
        /* The first to come is of the last ring. */
        for (int n = 1;; n++)
                if (ring_of(w, "fix", machine_name(n)) == 2) {
                        assert_told(poll(w, .machine = machine_name(n)), "ring_not_open");
                        break;
                }
        for (int minutes = 0; left && minutes < 48 * 60; minutes++) {
                int came = 5 * minutes < FLEET ? 5 * minutes : FLEET;
                for (int n = 0; n < came; n++) {
                        if (served[n])
                                continue;
                        served[n] = rescue(w, machine_name(n + 1));
                        left -= served[n];
                }
                pass(w, MINUTE);
        }
        assert_int_equal(left, 0);
        pass(w, 200);
        assert_state(w, "fix", "completed");
        assert_int_equal(live_of(w, "fix")->row.succeeded, FLEET);
        assert_int_equal(verdicts(w, "fix", "halt"), 0);
}

/* By hand only: the newest decision is quoted, an older one is not enough, and evidence alone opens nothing. */
static void by_hand_only(void **state) {
        struct world *w = *state;
        know_fleet(w, 400);
        start(w, "fix", RINGS_AND("\"patience_seconds\":0,\"manual_advance\":true"));
        pass(w, DAY);
        assert_int_equal(opened(w, "fix"), 1);
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "fix", .acknowledge = "d999999"), SAL_E_ACKNOWLEDGE);
        sal_autojson json_t *newest = newest_decision(w, "fix");
        const char *id = json_string_value(json_object_get(newest, "id"));
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "fix"), SAL_E_ACKNOWLEDGE);
        assert_string_equal(w->err.ref, id);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "fix", .acknowledge = id), SAL_E_CONFLICT);
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "fix", .acknowledge = id), SAL_E_ACKNOWLEDGE);
        char now[24];
        snprintf(now, sizeof now, "%s", w->err.ref);
        assert_ok(life(w, SAL_LIFE_ADVANCE, "fix", .acknowledge = now));
        assert_int_equal(opened(w, "fix"), 2);
        /* A plan that advances by evidence leaves nothing to a person. */
        start(w, "other", RINGS_AND("\"patience_seconds\":null"));
        assert_int_equal(life(w, SAL_LIFE_ADVANCE, "other", .acknowledge = now), SAL_E_CONFLICT);
}

/* Who opts out in mid-flight gives the offer back; what is applied already runs to its end. */
static void opting_out_in_mid_flight(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", SIMPLE);
        int64_t out = offer_to(w, "m-0001"), soaking = offer_to(w, "m-0002");
        assert_true(report(w, "m-0002", soaking, "applied"));
        change_machine(w, "m-0001", "{\"opt_out\":true}");
        change_machine(w, "m-0002", "{\"opt_out\":true}");
        assert_offer(w, out, "recalled", "opt_out");
        assert_told(poll(w, .machine = "m-0001"), "opted_out");
        assert_told(poll(w, .machine = "m-0002"), "opted_out");
        assert_false(report(w, "m-0001", out, "failed")); /* final */
        pass(w, MINUTE);
        assert_offer(w, soaking, "succeeded", "");
        poll(w, .machine = "m-0002", .boot = "boot-2");
        assert_offer(w, soaking, "failed", "relapsed");
        change_machine(w, "m-0001", "{\"opt_out\":false}");
        struct told again = poll(w, .machine = "m-0001");
        assert_told(again, "offered");
        assert_int_equal(again.attempt, 1);
}

/* Tried as often as allowed, or locked: a person has to go, and the reason tells why. */
static void who_needs_hands(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", PLAN(ONE_RING ",\"max_attempts\":2"));
        for (int attempt = 1; attempt <= 2; attempt++) {
                const char *boot = attempt == 1 ? "boot-1" : "boot-2";
                struct told told = poll(w, .machine = "m-0001", .boot = boot);
                assert_int_equal(told.attempt, attempt);
                assert_true(report_from(w, "m-0001", told.offer, "failed", boot, NULL));
        }
        assert_told(poll(w, .machine = "m-0001", .boot = "boot-3"), "attempts_exhausted");
        poll(w, .machine = "m-0002", .volume_locked = true);
        poll(w, .machine = "m-0002", .boot = "boot-2", .volume_locked = true);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine WHERE standing_reason = 'attempts_exhausted'"), 1);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine WHERE standing_reason = 'volume_locked'"), 1);
        struct sal_evidence totals;
        sal_tally_totals(live_of(w, "fix")->tally, &totals);
        assert_int_equal(totals.failed, 1);
        assert_int_equal(totals.silent, 0); /* locked is no failure, however often it boots */
}

#define PLAYED(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                PLAYED(a_partial_outage),   PLAYED(a_partial_outage_without_patience),
                PLAYED(empty_rings_before), PLAYED(an_empty_ring_between),
                PLAYED(one_ring_only),      PLAYED(a_fleet_that_enrols_during_the_outage),
                PLAYED(by_hand_only),       PLAYED(opting_out_in_mid_flight),
                PLAYED(who_needs_hands),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
