/* SPDX-License-Identifier: Apache-2.0 */
/* Each question of the course, with everything that must turn its yes into a no. */
#include "rollout/course.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND_MS = 1000, PROVEN = 24 };

/* A campaign in its first stage, its plan the default one. */
struct rollout {
        struct sal_plan plan;
        struct sal_course course;
        struct sal_lull lull;
        struct sal_slot slots[64];
        int count;
};

static int setup(void **state) {
        struct rollout *r = calloc(1, sizeof *r);
        assert_non_null(r);
        sal_plan_default(&r->plan);
        r->plan.cohort_count = 0;
        r->course = (struct sal_course){.plan = &r->plan,
                                        .tally = sal_tally_new(&r->plan, 0),
                                        .state = SAL_CAMPAIGN_ACTIVE,
                                        .rings_open = 1,
                                        .known_matching = 1000};
        assert_int_equal(sal_time_parse("2024-07-19T12:00:00Z", &r->course.now_ms), SAL_OK); /* a Friday */
        r->lull = (struct sal_lull){.fleet_counted = true};
        assert_non_null(r->course.tally);
        *state = r;
        return 0;
}

static int teardown(void **state) {
        struct rollout *r = *state;
        sal_limits_unref((struct sal_limits *)r->course.limits);
        sal_tally_free(r->course.tally);
        free(r);
        return 0;
}

static void offers(struct rollout *r, int count, enum sal_weight weight) {
        char none[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        for (int n = 0; n < count; n++) {
                struct sal_slot *slot = &r->slots[r->count++];
                assert_true(r->count <= 64);
                assert_int_equal(sal_tally_offer(r->course.tally, 0, none, slot), SAL_OK);
                if (weight != SAL_WEIGHT_PENDING)
                        sal_tally_change(r->course.tally, slot, SAL_WEIGHT_PENDING, weight);
        }
}

static void limit(struct rollout *r, const char *text) {
        struct sal_limits *limits = NULL;
        struct sal_err err = {0};
        if (sal_limits_parse_text(text, &r->plan, &limits, &err))
                fail_msg("%s: %s", err.pointer, err.detail);
        sal_limits_unref((struct sal_limits *)r->course.limits);
        r->course.limits = limits;
}

/* ---- halt ---- */

static enum sal_verdict judge(struct rollout *r) {
        return sal_course_judge(&r->course, NULL).verdict;
}

static void the_halt_rule_is_asked_while_a_halt_would_do_something(void **state) {
        static const bool asked[SAL_CAMPAIGN_STATES] = {[SAL_CAMPAIGN_ACTIVE] = true,
                                                        [SAL_CAMPAIGN_PAUSED] = true,
                                                        [SAL_CAMPAIGN_HALTED] = true,
                                                        [SAL_CAMPAIGN_COMPLETED] = true};
        struct rollout *r = *state;
        offers(r, 4, SAL_WEIGHT_FAILED);
        offers(r, 1, SAL_WEIGHT_PENDING);
        for (int s = 0; s < SAL_CAMPAIGN_STATES; s++) {
                r->course.state = (enum sal_campaign_state)s;
                assert_int_equal(judge(r), asked[s] ? SAL_VERDICT_HALT : SAL_VERDICT_NONE);
        }
}

static void what_the_engine_halted_is_not_judged_again(void **state) {
        struct rollout *r = *state;
        offers(r, 4, SAL_WEIGHT_FAILED);
        r->course.state = SAL_CAMPAIGN_HALTED;
        r->course.halted_by_engine = true;
        assert_int_equal(judge(r), SAL_VERDICT_NONE);
        assert_int_equal(sal_course_judge(&r->course, NULL).block_level, -1);
        r->course.state = SAL_CAMPAIGN_COMPLETED; /* whatever was before a resume */
        assert_int_equal(judge(r), SAL_VERDICT_HALT);
}

/* The kill switch and an operator's limits stop offers, not the arithmetic. */
static void nothing_hides_the_evidence_from_the_halt_rule(void **state) {
        struct rollout *r = *state;
        offers(r, 4, SAL_WEIGHT_FAILED);
        r->course.kill_switch = true;
        limit(r, "{\"in_flight_max\":1,\"windows\":[{\"days\":[\"mon\"],\"from\":\"00:00\",\"to\":\"01:00\"}]}");
        assert_int_equal(judge(r), SAL_VERDICT_HALT);
        r->plan.manual_advance = true;
        assert_int_equal(judge(r), SAL_VERDICT_HALT);
}

/* ---- advance ---- */

static enum sal_verdict advance(struct rollout *r) {
        return sal_course_advance(&r->course).verdict;
}

static void evidence_advances(void **state) {
        struct rollout *r = *state;
        offers(r, PROVEN - 1, SAL_WEIGHT_SUCCESS);
        assert_int_equal(advance(r), SAL_VERDICT_NONE);
        offers(r, 1, SAL_WEIGHT_SUCCESS);
        struct sal_evidence evidence = sal_course_advance(&r->course);
        assert_int_equal(evidence.verdict, SAL_VERDICT_ADVANCE);
        assert_int_equal(evidence.offered, PROVEN);
        assert_true(evidence.ln_e >= evidence.bound);
        r->course.state = SAL_CAMPAIGN_COMPLETED;
        assert_int_equal(advance(r), SAL_VERDICT_ADVANCE);
}

static void nobody_advances_what_does_not_run(void **state) {
        struct rollout *r = *state;
        offers(r, PROVEN, SAL_WEIGHT_SUCCESS);
        for (int s = 0; s < SAL_CAMPAIGN_STATES; s++) {
                bool runs = s == SAL_CAMPAIGN_ACTIVE || s == SAL_CAMPAIGN_COMPLETED;
                r->course.state = (enum sal_campaign_state)s;
                assert_int_equal(advance(r), runs ? SAL_VERDICT_ADVANCE : SAL_VERDICT_NONE);
        }
        r->course.state = SAL_CAMPAIGN_ACTIVE;
        r->course.kill_switch = true;
        assert_int_equal(advance(r), SAL_VERDICT_NONE);
        r->course.kill_switch = false;
        r->plan.manual_advance = true;
        assert_int_equal(advance(r), SAL_VERDICT_NONE);
}

static void the_last_stage_has_no_next_one(void **state) {
        struct rollout *r = *state;
        sal_tally_next_stage(r->course.tally);
        sal_tally_next_stage(r->course.tally);
        offers(r, PROVEN, SAL_WEIGHT_SUCCESS);
        assert_int_equal(advance(r), SAL_VERDICT_NONE);
}

static void a_later_opening_holds_the_stage_back(void **state) {
        struct rollout *r = *state;
        offers(r, PROVEN, SAL_WEIGHT_SUCCESS);
        limit(r, "{\"opens\":{\"early\":\"2024-07-19T12:00:01Z\"}}");
        assert_int_equal(advance(r), SAL_VERDICT_NONE);
        r->course.rings_open = 2; /* it opened before the limit was laid: open rings never close */
        assert_int_equal(advance(r), SAL_VERDICT_ADVANCE);
        r->course.rings_open = 1;
        r->course.now_ms += SECOND_MS;
        assert_int_equal(advance(r), SAL_VERDICT_ADVANCE);
        limit(r, "{\"opens\":{\"broad\":\"2030-01-01T00:00:00Z\"}}");
        assert_int_equal(advance(r), SAL_VERDICT_ADVANCE);
}

/* Windows are about offers: evidence that comes in meanwhile counts at once. */
static void a_closed_window_does_not_hold_evidence_back(void **state) {
        struct rollout *r = *state;
        offers(r, PROVEN, SAL_WEIGHT_SUCCESS);
        limit(r, "{\"windows\":[{\"days\":[\"mon\"],\"from\":\"00:00\",\"to\":\"01:00\"}]}");
        assert_int_equal(advance(r), SAL_VERDICT_ADVANCE);
}

/* ---- openings without evidence ---- */

static bool may_open(const struct rollout *r) {
        return sal_course_may_open(&r->course, &r->lull);
}

static void a_settled_fleet_opens_the_next_ring(void **state) {
        struct rollout *r = *state;
        assert_true(may_open(r));
        r->lull.waiting_open = 1;
        assert_false(may_open(r));
        r->lull.waiting_open = 0;
        r->course.in_flight = 1;
        assert_false(may_open(r));
        r->course.in_flight = 0;
        r->lull.fleet_counted = false;
        assert_false(may_open(r));
        r->lull.fleet_counted = true;
        r->course.rings_open = 3;
        assert_false(may_open(r));
}

static void patience_opens_the_next_ring(void **state) {
        struct rollout *r = *state;
        r->lull = (struct sal_lull){.waiting_open = 7, .idle_ms = r->plan.patience_seconds * SECOND_MS - 1};
        r->course.in_flight = 1;
        assert_false(may_open(r));
        r->lull.idle_ms++;
        assert_true(may_open(r));
        r->course.in_flight = 100; /* no room */
        assert_false(may_open(r));
        r->course.in_flight = 1;
        r->plan.patience_seconds = -1;
        assert_false(may_open(r));
}

static void nothing_opens_what_does_not_run(void **state) {
        struct rollout *r = *state;
        for (int s = 0; s < SAL_CAMPAIGN_STATES; s++) {
                r->course.state = (enum sal_campaign_state)s;
                assert_int_equal(may_open(r), s == SAL_CAMPAIGN_ACTIVE || s == SAL_CAMPAIGN_COMPLETED);
        }
        r->course.state = SAL_CAMPAIGN_ACTIVE;
        r->course.kill_switch = true;
        assert_false(may_open(r));
        r->course.kill_switch = false;
        r->plan.manual_advance = true;
        assert_false(may_open(r));
}

static void limits_delay_openings(void **state) {
        struct rollout *r = *state;
        limit(r, "{\"opens\":{\"early\":\"2024-07-19T12:00:01Z\"}}");
        assert_false(may_open(r));
        r->course.now_ms += SECOND_MS;
        assert_true(may_open(r));
        limit(r, "{\"windows\":[{\"from\":\"13:00\",\"to\":\"14:00\"}]}");
        assert_false(may_open(r));
        r->course.now_ms += 3600 * SECOND_MS;
        assert_true(may_open(r));
}

/* Too few machines are left to wait: that is the limit's doing, and an open ring would outlive it. */
static void what_narrows_opens_nothing(void **state) {
        struct rollout *r = *state;
        r->lull.idle_ms = INT64_MAX;
        assert_true(may_open(r));
        assert_false(sal_course_limited(&r->course));
        limit(r, "{\"only\":{\"labels\":{\"site\":[\"berlin\"]}}}");
        assert_true(sal_course_limited(&r->course));
        assert_false(may_open(r));
        limit(r, "{\"only\":{\"machines\":[\"m-1\"]}}");
        assert_false(may_open(r));
        offers(r, PROVEN, SAL_WEIGHT_SUCCESS);
        assert_int_equal(advance(r), SAL_VERDICT_ADVANCE); /* evidence counts as ever */
        limit(r, "{}");
        assert_true(may_open(r));
}

/* A cap of the operator's makes machines wait where the plan would let them in; the plan's own does not. */
static void a_full_cap_is_the_limits_only_where_the_plan_has_room(void **state) {
        struct rollout *r = *state;
        r->course.in_flight = 2;
        assert_true(sal_course_room(&r->course));
        assert_false(sal_course_limited(&r->course));
        limit(r, "{\"in_flight_max\":2}");
        assert_false(sal_course_room(&r->course));
        assert_true(sal_course_limited(&r->course));
        r->course.in_flight = 1;
        assert_false(sal_course_limited(&r->course));
        r->course.in_flight = 1000000; /* the plan has none either */
        assert_false(sal_course_limited(&r->course));
        r->course.in_flight = 0;
        assert_false(sal_course_limited(&r->course));
}

/* ---- completion ---- */

static bool complete(const struct rollout *r) {
        return sal_course_complete(&r->course, &r->lull);
}

static void quiet_completes(void **state) {
        struct rollout *r = *state;
        r->course.rings_open = 3;
        r->lull.idle_ms = r->plan.quiet_seconds * SECOND_MS;
        assert_true(complete(r));
        r->lull.idle_ms--;
        assert_false(complete(r));
        r->lull.idle_ms++;
        r->lull.unsettled = 1;
        assert_false(complete(r));
        r->lull.unsettled = 0;
        r->course.rings_open = 2;
        assert_false(complete(r));
        r->course.rings_open = 3;
        r->course.kill_switch = true;
        assert_false(complete(r));
        r->course.kill_switch = false;
        limit(r, "{\"windows\":[{\"from\":\"13:00\",\"to\":\"14:00\"}]}");
        assert_false(complete(r));
        limit(r, "{\"only\":{\"machines\":[\"m-1\"]}}");
        assert_false(complete(r));
        limit(r, "{}");
        for (int s = 0; s < SAL_CAMPAIGN_STATES; s++) {
                r->course.state = (enum sal_campaign_state)s;
                assert_int_equal(complete(r), s == SAL_CAMPAIGN_ACTIVE);
        }
}

/* ---- pace ---- */

static void a_limit_only_lowers_the_cap(void **state) {
        struct rollout *r = *state;
        double plan_cap = sal_course_cap(&r->course);
        assert_true(plan_cap == 5);
        limit(r, "{\"in_flight_max\":1000000}");
        assert_true(sal_course_cap(&r->course) == plan_cap);
        limit(r, "{\"in_flight_max\":2}");
        assert_true(sal_course_cap(&r->course) == 2);
        r->course.in_flight = 1;
        assert_true(sal_course_room(&r->course));
        r->course.in_flight = 2;
        assert_false(sal_course_room(&r->course));
        limit(r, "{}");
        assert_true(sal_course_room(&r->course));
}

/* However bad the counts: with nothing in flight one may always be made, under the tightest limit too. */
static void one_is_always_possible(void **state) {
        struct rollout *r = *state;
        offers(r, 40, SAL_WEIGHT_SILENT);
        limit(r, "{\"in_flight_max\":1}");
        assert_true(sal_course_room(&r->course));
        r->course.in_flight = 1;
        assert_false(sal_course_room(&r->course));
        r->course.in_flight = -1; /* anonymous offers may outnumber the others for a moment */
        assert_true(sal_course_room(&r->course));
}

static void without_limits_it_is_the_tallys_own_pace(void **state) {
        struct rollout *r = *state;
        offers(r, 20, SAL_WEIGHT_SUCCESS);
        offers(r, 2, SAL_WEIGHT_FAILED);
        for (int64_t known = 0; known < 200; known += 7) {
                for (int64_t in_flight = 0; in_flight < 60; in_flight++) {
                        r->course.known_matching = known;
                        r->course.in_flight = in_flight;
                        assert_true(sal_course_cap(&r->course) == sal_tally_cap(r->course.tally, known));
                        assert_int_equal(sal_course_room(&r->course),
                                         sal_tally_room(r->course.tally, known, in_flight));
                }
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_halt_rule_is_asked_while_a_halt_would_do_something),
                TEST(what_the_engine_halted_is_not_judged_again),
                TEST(nothing_hides_the_evidence_from_the_halt_rule),
                TEST(evidence_advances),
                TEST(nobody_advances_what_does_not_run),
                TEST(the_last_stage_has_no_next_one),
                TEST(a_later_opening_holds_the_stage_back),
                TEST(a_closed_window_does_not_hold_evidence_back),
                TEST(a_settled_fleet_opens_the_next_ring),
                TEST(patience_opens_the_next_ring),
                TEST(nothing_opens_what_does_not_run),
                TEST(limits_delay_openings),
                TEST(what_narrows_opens_nothing),
                TEST(a_full_cap_is_the_limits_only_where_the_plan_has_room),
                TEST(quiet_completes),
                TEST(a_limit_only_lowers_the_cap),
                TEST(one_is_always_possible),
                TEST(without_limits_it_is_the_tallys_own_pace),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
