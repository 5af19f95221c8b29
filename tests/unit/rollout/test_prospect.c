/* SPDX-License-Identifier: Apache-2.0 */
/* How far a stage is from its evidence: against the numbers of the wire contract, and against the rule itself. */
#include "rollout/prospect.h"

#include "rollout/evidence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 2000 };

struct stage {
        struct sal_tally *tally;
        struct sal_slot slots[MANY];
        enum sal_weight weights[MANY];
        int count;
};

static void begin(struct stage *stage) {
        struct sal_plan plan;
        sal_plan_default(&plan);
        plan.cohort_count = 0;
        memset(stage, 0, sizeof *stage);
        stage->tally = sal_tally_new(&plan, 0);
        assert_non_null(stage->tally);
}

static void offer(struct stage *stage, enum sal_weight weight) {
        char none[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES] = {0};
        int n = stage->count++;
        assert_int_equal(sal_tally_offer(stage->tally, 0, none, &stage->slots[n]), SAL_OK);
        stage->weights[n] = weight;
        if (weight != SAL_WEIGHT_PENDING)
                sal_tally_change(stage->tally, &stage->slots[n], SAL_WEIGHT_PENDING, weight);
}

static void offers(struct stage *stage, enum sal_weight weight, int count) {
        while (count-- > 0)
                offer(stage, weight);
}

static void look(const struct stage *stage, struct sal_prospect *ret) {
        int64_t pending[MANY];
        size_t count = 0;
        for (int n = 0; n < stage->count; n++)
                if (stage->weights[n] == SAL_WEIGHT_PENDING)
                        pending[count++] = stage->slots[n].o;
        sal_tally_prospect(stage->tally, pending, count, ret);
}

#define assert_prospect(p, f, n, w, b, u)         \
        do {                                      \
                assert_int_equal((p).first, f);   \
                assert_int_equal((p).needed, n);  \
                assert_int_equal((p).well, w);    \
                assert_int_equal((p).failed, b);  \
                assert_int_equal((p).pending, u); \
        } while (0)

/* 24 successes are evidence; with one failure it takes 31 of 32, with nine 87 of 96. */
static void what_it_takes(void **state) {
        (void)state;
        struct stage stage;
        struct sal_prospect prospect;
        begin(&stage);
        look(&stage, &prospect);
        assert_prospect(prospect, 24, 24, 0, 0, 0);
        assert_true(prospect.ln_v == 0);
        assert_true(prospect.bound == sal_bound_advance(&(struct sal_plan){.advance_error = 0.05}));
        offers(&stage, SAL_WEIGHT_SUCCESS, 17);
        offers(&stage, SAL_WEIGHT_PENDING, 2);
        look(&stage, &prospect);
        assert_prospect(prospect, 24, 24, 17, 0, 2);
        offer(&stage, SAL_WEIGHT_FAILED);
        look(&stage, &prospect);
        assert_prospect(prospect, 32, 31, 17, 1, 2);
        assert_true(prospect.ln_v > 0 && prospect.ln_v < prospect.bound);
        offers(&stage, SAL_WEIGHT_SILENT, 8);
        look(&stage, &prospect);
        assert_prospect(prospect, 96, 87, 17, 9, 2);
        sal_tally_free(stage.tally);
}

/* What is not for a machine leaves the sums, not the numbers. */
static void not_applicable_ones(void **state) {
        (void)state;
        struct stage stage;
        struct sal_prospect prospect;
        begin(&stage);
        offers(&stage, SAL_WEIGHT_NOT_APPLICABLE, 10);
        look(&stage, &prospect);
        assert_prospect(prospect, 32, 22, 0, 0, 0);
        sal_tally_free(stage.tally);
}

/* Whatever is told comes true: were exactly `needed` to settle well, the rule says ADVANCE, and with one less not yet
 * at this n. */
static void it_comes_true(void **state) {
        (void)state;
        static const struct {
                int well, failed, pending, not_applicable;
        } cases[] = {{0, 0, 0, 0},  {5, 0, 3, 2},    {17, 1, 2, 0}, {10, 2, 0, 7},
                     {30, 4, 6, 1}, {100, 19, 3, 5}, {0, 6, 0, 0}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                struct stage stage;
                struct sal_prospect prospect;
                begin(&stage);
                offers(&stage, SAL_WEIGHT_FAILED, cases[i].failed);
                offers(&stage, SAL_WEIGHT_SUCCESS, cases[i].well);
                offers(&stage, SAL_WEIGHT_NOT_APPLICABLE, cases[i].not_applicable);
                offers(&stage, SAL_WEIGHT_PENDING, cases[i].pending);
                look(&stage, &prospect);
                bool already = sal_tally_advance_evidence(stage.tally).verdict == SAL_VERDICT_ADVANCE;
                assert_true(prospect.first > 0);
                for (int n = 0; n < stage.count; n++)
                        if (stage.weights[n] == SAL_WEIGHT_PENDING)
                                sal_tally_change(stage.tally, &stage.slots[n], SAL_WEIGHT_PENDING, SAL_WEIGHT_SUCCESS);
                while (stage.count < prospect.first) {
                        assert_true(already || sal_tally_advance_evidence(stage.tally).verdict == SAL_VERDICT_NONE);
                        offer(&stage, SAL_WEIGHT_SUCCESS);
                }
                struct sal_evidence evidence = sal_tally_advance_evidence(stage.tally);
                assert_int_equal(evidence.verdict, SAL_VERDICT_ADVANCE);
                assert_true(evidence.offered <= prospect.first);
                sal_tally_free(stage.tally);
        }
}

static void unknown_and_hopeless(void **state) {
        (void)state;
        struct stage stage;
        struct sal_prospect prospect;
        begin(&stage);
        offers(&stage, SAL_WEIGHT_SUCCESS, 10);
        offer(&stage, SAL_WEIGHT_FAILED);
        sal_tally_prospect(stage.tally, NULL, 0, &prospect);
        assert_prospect(prospect, 24, 24, 10, -1, -1); /* everything unsettled may still be well */
        sal_tally_free(stage.tally);
        begin(&stage);
        offers(&stage, SAL_WEIGHT_FAILED, 20); /* the halt rule has said its word long before */
        look(&stage, &prospect);
        assert_true(prospect.first > 100 && prospect.needed < prospect.first);
        sal_tally_next_stage(stage.tally);
        sal_tally_next_stage(stage.tally);
        look(&stage, &prospect);
        assert_true(prospect.last_stage && prospect.stage == 2);
        sal_tally_free(stage.tally);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_it_takes),
                cmocka_unit_test(not_applicable_ones),
                cmocka_unit_test(it_comes_true),
                cmocka_unit_test(unknown_and_hopeless),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
