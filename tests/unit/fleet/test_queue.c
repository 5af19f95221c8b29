/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_entries_come_in_order_of_time_and_number(void **state) {
        (void)state;
        enum { COUNT = 5000 };
        struct sal_fleet_queue queue;
        struct sal_fleet_due due, last = {.at_ms = -1, .number = -1};
        assert_int_equal(sal_fleet_queue_init(&queue, COUNT), SAL_OK);
        assert_false(sal_fleet_queue_peek(&queue, &due));
        uint32_t random = 1;
        for (int64_t i = 0; i < COUNT; i++) {
                random = random * 1664525U + 1013904223U;
                sal_fleet_queue_push(&queue, random >> 22, i);
        }
        for (int i = 0; i < COUNT; i++) {
                assert_true(sal_fleet_queue_peek(&queue, &due));
                sal_fleet_queue_pop(&queue);
                assert_true(due.at_ms > last.at_ms || (due.at_ms == last.at_ms && due.number > last.number));
                last = due;
        }
        assert_false(sal_fleet_queue_peek(&queue, &due));
        sal_fleet_queue_done(&queue);
}

static void test_pushes_between_pops_keep_the_order(void **state) {
        (void)state;
        struct sal_fleet_queue queue;
        struct sal_fleet_due due;
        assert_int_equal(sal_fleet_queue_init(&queue, 3), SAL_OK);
        sal_fleet_queue_push(&queue, 30, 1);
        sal_fleet_queue_push(&queue, 10, 2);
        sal_fleet_queue_peek(&queue, &due);
        assert_int_equal(due.number, 2);
        sal_fleet_queue_pop(&queue);
        sal_fleet_queue_push(&queue, 20, 3);
        sal_fleet_queue_push(&queue, 5, 4);
        static const int64_t expected[] = {4, 3, 1};
        for (int i = 0; i < 3; i++) {
                assert_true(sal_fleet_queue_peek(&queue, &due));
                assert_int_equal(due.number, expected[i]);
                sal_fleet_queue_pop(&queue);
        }
        sal_fleet_queue_done(&queue);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_entries_come_in_order_of_time_and_number),
                cmocka_unit_test(test_pushes_between_pops_keep_the_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
