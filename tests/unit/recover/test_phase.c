/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "salvor-recover/phase.h"

static enum sal_phase after(enum sal_phase phase, enum sal_phase_event event) {
        enum sal_phase next = SAL_PHASES;
        assert_true(sal_phase_next(phase, event, &next));
        return next;
}

static void the_good_way(void **state) {
        (void)state;
        enum sal_phase phase = SAL_PHASE_IDLE;
        phase = after(phase, SAL_PHASE_EVENT_PLAN);
        phase = after(phase, SAL_PHASE_EVENT_TOUCH);
        phase = after(phase, SAL_PHASE_EVENT_DONE);
        phase = after(phase, SAL_PHASE_EVENT_GOOD);
        assert_int_equal(phase, SAL_PHASE_APPLIED);
        assert_int_equal(after(phase, SAL_PHASE_EVENT_STORED), SAL_PHASE_IDLE);
}

static void an_interruption_never_goes_on(void **state) {
        (void)state;
        assert_int_equal(after(SAL_PHASE_PLANNED, SAL_PHASE_EVENT_RESTART), SAL_PHASE_IDLE);
        assert_int_equal(after(SAL_PHASE_ACTING, SAL_PHASE_EVENT_RESTART), SAL_PHASE_UNDOING);
        assert_int_equal(after(SAL_PHASE_VERIFYING, SAL_PHASE_EVENT_RESTART), SAL_PHASE_UNDOING);
        assert_int_equal(after(SAL_PHASE_ACTING, SAL_PHASE_EVENT_RESTART_AGAIN), SAL_PHASE_REVERTING);
        assert_int_equal(after(SAL_PHASE_VERIFYING, SAL_PHASE_EVENT_RESTART_AGAIN), SAL_PHASE_REVERTING);
        assert_int_equal(after(SAL_PHASE_REVERTING, SAL_PHASE_EVENT_RESTART), SAL_PHASE_REVERTING);
        assert_int_equal(after(SAL_PHASE_UNDOING, SAL_PHASE_EVENT_RESTART), SAL_PHASE_UNDOING);
        assert_int_equal(after(SAL_PHASE_APPLIED, SAL_PHASE_EVENT_RESTART), SAL_PHASE_APPLIED);
}

/* Every phase can be found on disk at a start, so each has an answer to it; none but those of a settled work leads to
 * APPLIED. */
static void every_phase_can_be_restarted(void **state) {
        (void)state;
        for (unsigned phase = 0; phase < SAL_PHASES; phase++) {
                after((enum sal_phase)phase, SAL_PHASE_EVENT_RESTART);
                after((enum sal_phase)phase, SAL_PHASE_EVENT_RESTART_AGAIN);
                enum sal_phase next = SAL_PHASES;
                for (unsigned event = 0; event < SAL_PHASE_EVENTS; event++)
                        if (sal_phase_next((enum sal_phase)phase, (enum sal_phase_event)event, &next) &&
                            next == SAL_PHASE_APPLIED)
                                assert_true(phase == SAL_PHASE_VERIFYING || phase == SAL_PHASE_APPLIED);
        }
}

static void what_cannot_happen_is_refused(void **state) {
        (void)state;
        enum sal_phase next = SAL_PHASE_IDLE;
        assert_false(sal_phase_next(SAL_PHASE_IDLE, SAL_PHASE_EVENT_TOUCH, &next));
        assert_false(sal_phase_next(SAL_PHASE_PLANNED, SAL_PHASE_EVENT_DONE, &next));
        assert_false(sal_phase_next(SAL_PHASE_ACTING, SAL_PHASE_EVENT_GOOD, &next));
        assert_int_equal(next, SAL_PHASE_IDLE);
}

static void names_round_trip(void **state) {
        (void)state;
        for (unsigned phase = 0; phase < SAL_PHASES; phase++)
                assert_int_equal(sal_phase_parse(sal_phase_name((enum sal_phase)phase)), phase);
        assert_int_equal(sal_phase_parse("lunar"), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_good_way),
                cmocka_unit_test(an_interruption_never_goes_on),
                cmocka_unit_test(every_phase_can_be_restarted),
                cmocka_unit_test(what_cannot_happen_is_refused),
                cmocka_unit_test(names_round_trip),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
