/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 1100 };

/* A tally with the offers made so far and their weights. */
struct rollout {
        struct sal_tally *tally;
        struct sal_slot slots[MANY];
        enum sal_weight weights[MANY];
        int count;
};

static void start(struct rollout *rollout, size_t cohort_count) {
        struct sal_plan plan;
        sal_plan_default(&plan);
        plan.cohort_count = cohort_count;
        memset(rollout, 0, sizeof *rollout);
        rollout->tally = sal_tally_new(&plan, 0);
        assert_non_null(rollout->tally);
}

/* Makes an offer to a machine of this cohort value (NULL: none) and returns its number, from 0. */
static int offer(struct rollout *rollout, const char *cohort) {
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES] = {0};
        if (cohort)
                snprintf(cohorts[0], sizeof cohorts[0], "%s", cohort);
        assert_true(rollout->count < MANY);
        struct sal_slot *slot = &rollout->slots[rollout->count];
        assert_int_equal(sal_tally_offer(rollout->tally, cohort ? 1 : 0, cohorts, slot), SAL_OK);
        assert_int_equal(slot->i, rollout->count);
        return rollout->count++;
}

static void offers(struct rollout *rollout, int count) {
        for (int n = 0; n < count; n++)
                offer(rollout, NULL);
}

static bool settle(struct rollout *rollout, int i, enum sal_weight weight) {
        enum sal_weight from = rollout->weights[i];
        rollout->weights[i] = weight;
        return sal_tally_change(rollout->tally, &rollout->slots[i], from, weight);
}

static struct sal_evidence judge(struct rollout *rollout, int i) {
        return sal_tally_judge(rollout->tally, i < 0 ? NULL : &rollout->slots[i]);
}

/* Takes out what a hold of cohort j has just put outside. */
static void exclude(struct rollout *rollout, int j) {
        for (int i = 0; i < rollout->count; i++) {
                for (size_t k = 0; k < rollout->slots[i].cohort_count; k++) {
                        if (rollout->slots[i].cohorts[k] == j)
                                sal_tally_exclude(rollout->tally, &rollout->slots[i], rollout->weights[i]);
                }
        }
}

static void assert_nine_digits(double value, const char *expected) {
        char text[64];
        snprintf(text, sizeof text, "%.9f", value);
        assert_string_equal(text, expected);
}

static void the_fourth_of_five_failures_halts(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        offers(&r, 5);
        for (int i = 0; i < 3; i++) {
                assert_true(settle(&r, i, SAL_WEIGHT_FAILED));
                assert_int_equal(judge(&r, i).verdict, SAL_VERDICT_NONE);
        }
        settle(&r, 3, SAL_WEIGHT_FAILED);
        struct sal_evidence found = judge(&r, 3);
        assert_int_equal(found.verdict, SAL_VERDICT_HALT);
        assert_int_equal(found.offered, 5);
        assert_int_equal(found.failed, 4);
        assert_int_equal(found.silent, 0);
        assert_int_equal(found.block_level, -1);
        assert_nine_digits(found.ln_e, "7.995579673");
        assert_nine_digits(found.bound, "5.298317367");
        sal_tally_free(r.tally);
}

static void the_fourth_of_five_silences_halts(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        offers(&r, 5);
        for (int i = 0; i < 3; i++) {
                assert_true(settle(&r, i, SAL_WEIGHT_SILENT));
                assert_int_equal(judge(&r, i).verdict, SAL_VERDICT_NONE);
        }
        settle(&r, 3, SAL_WEIGHT_SILENT);
        struct sal_evidence found = judge(&r, 3);
        assert_int_equal(found.verdict, SAL_VERDICT_HALT);
        assert_int_equal(found.silent, 4);
        assert_nine_digits(found.ln_e, "5.331010758");
        sal_tally_free(r.tally);
}

static void a_late_change_is_caught_by_its_block(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        for (int i = 0; i < 1000; i++) {
                offer(&r, NULL);
                assert_false(settle(&r, i, SAL_WEIGHT_SUCCESS));
        }
        struct sal_evidence found = {0};
        int i = 1000;
        for (; !found.verdict && i < MANY; i++) {
                offer(&r, NULL);
                settle(&r, i, SAL_WEIGHT_FAILED);
                found = judge(&r, i);
        }
        assert_int_equal(i - 1, 1008);
        assert_int_equal(found.verdict, SAL_VERDICT_HALT);
        assert_int_equal(found.block_level, 0);
        assert_int_equal(found.block, 31);
        assert_int_equal(found.offered, 17);
        assert_int_equal(found.failed, 9);
        assert_nine_digits(found.ln_e, "13.741068121");
        assert_nine_digits(found.bound, "12.891187654");
        /* Looking at everything finds the same block. */
        struct sal_evidence again = judge(&r, -1);
        assert_int_equal(again.block, 31);
        assert_int_equal(again.block_level, 0);
        sal_tally_free(r.tally);
}

static void pace_follows_the_proven_prefix(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        offers(&r, 5);
        assert_true(sal_tally_cap(r.tally, 10000) == 5);
        settle(&r, 0, SAL_WEIGHT_SUCCESS);
        settle(&r, 1, SAL_WEIGHT_FAILED);
        settle(&r, 2, SAL_WEIGHT_SUCCESS);
        settle(&r, 3, SAL_WEIGHT_SUCCESS);
        settle(&r, 4, SAL_WEIGHT_SUCCESS);
        assert_true(sal_tally_cap(r.tally, 10000) == 7);
        assert_nine_digits(sal_tally_excess(r.tally), "0.250000000");
        assert_true(sal_tally_room(r.tally, 10000, 6));
        assert_false(sal_tally_room(r.tally, 10000, 7));
        offers(&r, 7);
        assert_true(sal_tally_cap(r.tally, 10000) == 7);
        settle(&r, 5, SAL_WEIGHT_SUCCESS);
        assert_true(sal_tally_cap(r.tally, 10000) == 15);
        settle(&r, 6, SAL_WEIGHT_SUCCESS);
        settle(&r, 7, SAL_WEIGHT_SUCCESS);
        assert_true(sal_tally_cap(r.tally, 10000) == 19);
        sal_tally_free(r.tally);
}

static void a_small_fleet_starts_with_a_tenth(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        assert_true(sal_tally_cap(r.tally, 0) == 1);
        assert_true(sal_tally_cap(r.tally, 9) == 1);
        assert_true(sal_tally_cap(r.tally, 25) == 2);
        assert_true(sal_tally_cap(r.tally, 50) == 5);
        assert_true(sal_tally_cap(r.tally, 1000000) == 5);
        sal_tally_free(r.tally);
}

static void one_offer_is_always_possible_when_nothing_is_unsettled(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        offers(&r, 5);
        for (int i = 0; i < 5; i++)
                settle(&r, i, SAL_WEIGHT_SILENT);
        assert_false(sal_tally_room(r.tally, 10, 1));
        assert_true(sal_tally_room(r.tally, 10, 0));
        sal_tally_free(r.tally);
}

static void twenty_four_successes_advance(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        for (int i = 0; i < 24; i++) {
                assert_int_equal(sal_tally_advance_evidence(r.tally).verdict, SAL_VERDICT_NONE);
                offer(&r, NULL);
                settle(&r, i, SAL_WEIGHT_SUCCESS);
        }
        struct sal_evidence found = sal_tally_advance_evidence(r.tally);
        assert_int_equal(found.verdict, SAL_VERDICT_ADVANCE);
        assert_int_equal(found.offered, 24);
        assert_int_equal(found.failed, 0);
        assert_nine_digits(found.ln_e, "3.726652373");
        assert_nine_digits(found.bound, "2.995732274");
        sal_tally_free(r.tally);
}

static void one_failure_asks_for_thirty_two(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        for (int i = 0; i < 32; i++) {
                assert_int_equal(sal_tally_advance_evidence(r.tally).verdict, SAL_VERDICT_NONE);
                offer(&r, NULL);
                settle(&r, i, r.slots[i].o == 4 ? SAL_WEIGHT_FAILED : SAL_WEIGHT_SUCCESS);
        }
        struct sal_evidence found = sal_tally_advance_evidence(r.tally);
        assert_int_equal(found.verdict, SAL_VERDICT_ADVANCE);
        assert_int_equal(found.offered, 32);
        assert_int_equal(found.failed, 1);
        assert_nine_digits(found.ln_e, "3.194326136");
        sal_tally_free(r.tally);
}

/* The newest offers of a growing stage are always pending: they must not hide what the first ones have shown. */
static void pending_offers_behind_a_prefix_do_not_count(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        offers(&r, 1000);
        for (int i = 0; i < 23; i++)
                settle(&r, i, SAL_WEIGHT_SUCCESS);
        assert_int_equal(sal_tally_advance_evidence(r.tally).verdict, SAL_VERDICT_NONE);
        settle(&r, 23, SAL_WEIGHT_SUCCESS);
        assert_int_equal(sal_tally_advance_evidence(r.tally).offered, 24);
        sal_tally_free(r.tally);
}

static void stages_follow_each_other_and_end(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        for (int stage = 0; stage < 3; stage++) {
                assert_int_equal(sal_tally_stage(r.tally), stage);
                for (int n = 0; n < 24; n++) {
                        int i = offer(&r, NULL);
                        assert_int_equal(r.slots[i].stage, stage);
                        assert_int_equal(r.slots[i].o, n + 1);
                        settle(&r, i, SAL_WEIGHT_SUCCESS);
                }
                enum sal_verdict verdict = stage < 2 ? SAL_VERDICT_ADVANCE : SAL_VERDICT_NONE;
                assert_int_equal(sal_tally_advance_evidence(r.tally).verdict, verdict);
                sal_tally_next_stage(r.tally);
        }
        assert_int_equal(sal_tally_stage(r.tally), 2);
        /* 5 + 2 * 24 + 6 * 24 + 20 * 24 */
        assert_true(sal_tally_cap(r.tally, 1000) == 677);
        sal_tally_free(r.tally);
}

static void a_cohort_alone_is_held_and_then_all_halts(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 1);
        for (int i = 0; i < 3; i++)
                offer(&r, "model=A");
        for (int i = 0; i < 2; i++) {
                settle(&r, i, SAL_WEIGHT_FAILED);
                assert_int_equal(judge(&r, i).verdict, SAL_VERDICT_NONE);
        }
        settle(&r, 2, SAL_WEIGHT_FAILED);
        struct sal_evidence found = judge(&r, 2);
        assert_int_equal(found.verdict, SAL_VERDICT_HOLD_COHORT);
        assert_int_equal(found.cohort, 1);
        assert_string_equal(found.cohort_name, "model=A");
        assert_nine_digits(found.bound, "5.796017669");
        exclude(&r, 1);
        found = judge(&r, -1);
        assert_int_equal(found.verdict, SAL_VERDICT_HALT);
        assert_int_equal(found.cohort, 1);
        assert_int_equal(found.offered, 3);
        assert_int_equal(found.failed, 3);
        sal_tally_free(r.tally);
}

static void another_cohort_goes_on(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 1);
        for (int i = 0; i < 3; i++)
                offer(&r, "model=A");
        offer(&r, "model=B");
        for (int i = 0; i < 3; i++)
                settle(&r, i, SAL_WEIGHT_FAILED);
        assert_int_equal(judge(&r, 2).verdict, SAL_VERDICT_HOLD_COHORT);
        exclude(&r, 1);
        assert_int_equal(judge(&r, -1).verdict, SAL_VERDICT_NONE);
        struct sal_evidence totals;
        sal_tally_totals(r.tally, &totals);
        assert_int_equal(totals.offered, 1);
        assert_int_equal(totals.failed, 0);

        char held[1][SAL_COHORT_NAME_BYTES] = {"model=A"};
        char other[1][SAL_COHORT_NAME_BYTES] = {"model=B"};
        assert_true(sal_tally_held(r.tally, 1, held));
        assert_false(sal_tally_held(r.tally, 1, other));
        struct sal_slot slot;
        assert_int_equal(sal_tally_offer(r.tally, 1, held, &slot), SAL_E_REFUSED);
        /* A late report of a machine of the held cohort moves nothing. */
        assert_false(sal_tally_counts(r.tally, &r.slots[0]));
        assert_false(settle(&r, 0, SAL_WEIGHT_NOT_APPLICABLE));
        sal_tally_totals(r.tally, &totals);
        assert_int_equal(totals.offered, 1);
        sal_tally_free(r.tally);
}

static void a_released_cohort_starts_anew_with_a_higher_bound(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 1);
        for (int i = 0; i < 3; i++)
                offer(&r, "model=A");
        offer(&r, "model=B");
        for (int i = 0; i < 3; i++)
                settle(&r, i, SAL_WEIGHT_FAILED);
        assert_int_equal(judge(&r, 2).verdict, SAL_VERDICT_HOLD_COHORT);
        exclude(&r, 1);
        assert_int_equal(sal_tally_release(r.tally, "model=B"), SAL_E_NOT_FOUND);
        assert_int_equal(sal_tally_release(r.tally, "model=C"), SAL_E_NOT_FOUND);
        assert_int_equal(sal_tally_release(r.tally, "model=A"), SAL_OK);
        assert_int_equal(sal_tally_release(r.tally, "model=A"), SAL_E_NOT_FOUND);

        int i = offer(&r, "model=A");
        assert_int_equal(r.slots[i].cohorts[0], 3);
        assert_false(sal_tally_counts(r.tally, &r.slots[0]));
        assert_true(sal_tally_counts(r.tally, &r.slots[i]));
        for (int n = 0; n < 3; n++)
                offer(&r, "model=A");
        for (int n = 0; n < 3; n++) {
                settle(&r, i + n, SAL_WEIGHT_FAILED);
                assert_int_equal(judge(&r, i + n).verdict, SAL_VERDICT_NONE);
        }
        settle(&r, i + 3, SAL_WEIGHT_FAILED);
        struct sal_evidence found = judge(&r, i + 3);
        assert_int_equal(found.verdict, SAL_VERDICT_HOLD_COHORT);
        assert_int_equal(found.cohort, 3);
        assert_int_equal(found.offered, 4);
        assert_nine_digits(found.bound, "7.993242246");
        sal_tally_free(r.tally);
}

/* Of several cohorts at their bounds the one with the largest evidence is held first. */
static void the_worst_cohort_is_held_first(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 1);
        for (int i = 0; i < 9; i++)
                offer(&r, i < 4 ? "model=A" : "model=B");
        offer(&r, "model=C");
        for (int i = 0; i < 9; i++)
                settle(&r, i, SAL_WEIGHT_FAILED);
        struct sal_evidence first = judge(&r, -1);
        assert_int_equal(first.cohort, 2);
        exclude(&r, 2);
        struct sal_evidence second = judge(&r, -1);
        assert_int_equal(second.cohort, 1);
        assert_true(second.ln_e < first.ln_e);
        exclude(&r, 1);
        assert_int_equal(judge(&r, -1).verdict, SAL_VERDICT_NONE);
        sal_tally_free(r.tally);
}

static void only_worse_news_asks_for_a_judgement(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 0);
        offers(&r, 8);
        assert_false(settle(&r, 0, SAL_WEIGHT_SUCCESS));
        assert_true(settle(&r, 0, SAL_WEIGHT_FAILED)); /* relapsed */
        assert_true(settle(&r, 1, SAL_WEIGHT_SILENT));
        assert_true(settle(&r, 2, SAL_WEIGHT_NOT_APPLICABLE));
        assert_false(settle(&r, 3, SAL_WEIGHT_PENDING));
        sal_tally_free(r.tally);
}

static void values_beyond_the_thousandth_are_no_cohort(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 1);
        char name[64];
        for (int i = 0; i < SAL_COHORT_VALUES_MAX; i++) {
                snprintf(name, sizeof name, "model=%d", i);
                offer(&r, name);
                assert_int_equal(r.slots[i].cohorts[0], i + 1);
        }
        int late = offer(&r, "model=late");
        assert_int_equal(r.slots[late].cohort_count, 0);
        int early = offer(&r, "model=0");
        assert_int_equal(r.slots[early].cohorts[0], 1);
        sal_tally_free(r.tally);
}

static void resumed_halts_halve_the_error(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        plan.cohort_count = 0;
        sal_auto(sal_tally) struct sal_tally *tally = sal_tally_new(&plan, 1);
        struct sal_evidence totals;
        sal_tally_totals(tally, &totals);
        assert_nine_digits(totals.bound, "5.991464547");
}

static void a_foreign_slot_reaches_no_array(void **state) {
        (void)state;
        struct rollout r;
        start(&r, 1);
        offer(&r, "model=A");
        struct sal_slot good = r.slots[0];
        struct sal_slot wrong[] = {good, good, good, good, good, good, good};
        wrong[0].i = 1;
        wrong[1].i = -1;
        wrong[2].o = 0;
        wrong[3].o = 2;
        wrong[4].stage = 3;
        wrong[5].cohorts[0] = 2;
        wrong[6].cohort_count = SAL_PLAN_MAX_COHORTS + 1;
        for (size_t n = 0; n < SAL_ARRAY_LEN(wrong); n++) {
                assert_false(sal_tally_change(r.tally, &wrong[n], SAL_WEIGHT_PENDING, SAL_WEIGHT_FAILED));
                sal_tally_exclude(r.tally, &wrong[n], SAL_WEIGHT_PENDING);
        }
        struct sal_evidence totals;
        sal_tally_totals(r.tally, &totals);
        assert_int_equal(totals.offered, 1);
        assert_int_equal(totals.failed, 0);
        sal_tally_free(r.tally);
}

static void cohorts_come_from_the_facts_of_the_plan(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        assert_int_equal(sal_facts_parse_text("{\"os_version\":\"10.0\",\"arch\":\"x\",\"model\":7}", &facts), SAL_OK);
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        assert_int_equal(sal_cohorts_of(&plan, facts, cohorts), 2);
        assert_string_equal(cohorts[0], "model=7");
        assert_string_equal(cohorts[1], "os_version=10.0");
        assert_int_equal(sal_cohorts_of(&plan, NULL, cohorts), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_fourth_of_five_failures_halts),
                cmocka_unit_test(the_fourth_of_five_silences_halts),
                cmocka_unit_test(a_late_change_is_caught_by_its_block),
                cmocka_unit_test(pace_follows_the_proven_prefix),
                cmocka_unit_test(a_small_fleet_starts_with_a_tenth),
                cmocka_unit_test(one_offer_is_always_possible_when_nothing_is_unsettled),
                cmocka_unit_test(twenty_four_successes_advance),
                cmocka_unit_test(one_failure_asks_for_thirty_two),
                cmocka_unit_test(pending_offers_behind_a_prefix_do_not_count),
                cmocka_unit_test(stages_follow_each_other_and_end),
                cmocka_unit_test(a_cohort_alone_is_held_and_then_all_halts),
                cmocka_unit_test(another_cohort_goes_on),
                cmocka_unit_test(a_released_cohort_starts_anew_with_a_higher_bound),
                cmocka_unit_test(the_worst_cohort_is_held_first),
                cmocka_unit_test(only_worse_news_asks_for_a_judgement),
                cmocka_unit_test(values_beyond_the_thousandth_are_no_cohort),
                cmocka_unit_test(resumed_halts_halve_the_error),
                cmocka_unit_test(a_foreign_slot_reaches_no_array),
                cmocka_unit_test(cohorts_come_from_the_facts_of_the_plan),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
