/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_events_come_by_time_and_then_as_they_were_added(void **state) {
        (void)state;
        enum { COUNT = 20000 };
        struct sal_sim_queue queue = {0};
        struct sal_sim_event event, last = {.at_us = -1};
        uint32_t random = 1;
        assert_false(sal_sim_queue_pop(&queue, &event));
        for (uint32_t i = 0; i < COUNT; i++) {
                random = random * 1664525U + 1013904223U;
                event = (struct sal_sim_event){.at_us = random >> 24, .machine = i};
                assert_int_equal(sal_sim_queue_push(&queue, &event), SAL_OK);
        }
        for (int i = 0; i < COUNT; i++) {
                assert_true(sal_sim_queue_pop(&queue, &event));
                assert_true(event.at_us > last.at_us || (event.at_us == last.at_us && event.machine > last.machine));
                last = event;
        }
        assert_false(sal_sim_queue_pop(&queue, &event));
        sal_sim_queue_done(&queue);
}

static void test_events_added_in_between_find_their_place(void **state) {
        (void)state;
        struct sal_sim_queue queue = {0};
        struct sal_sim_event event;
        static const int64_t added[] = {30, 10, 20}, expected[] = {5, 20, 20, 30};
        for (int i = 0; i < 3; i++)
                sal_sim_queue_push(&queue, &(struct sal_sim_event){.at_us = added[i]});
        assert_true(sal_sim_queue_pop(&queue, &event));
        assert_int_equal(event.at_us, 10);
        sal_sim_queue_push(&queue, &(struct sal_sim_event){.at_us = 20, .machine = 7});
        sal_sim_queue_push(&queue, &(struct sal_sim_event){.at_us = 5});
        for (int i = 0; i < 4; i++) {
                assert_true(sal_sim_queue_pop(&queue, &event));
                assert_int_equal(event.at_us, expected[i]);
                if (i == 2)
                        assert_int_equal(event.machine, 7);
        }
        sal_sim_queue_done(&queue);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_events_come_by_time_and_then_as_they_were_added),
                cmocka_unit_test(test_events_added_in_between_find_their_place),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
