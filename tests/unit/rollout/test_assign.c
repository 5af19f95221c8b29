/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/assign.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FLEET = 100000 };

static size_t ring_of_number(const struct sal_plan *plan, const char *campaign, int number) {
        char id[32];
        snprintf(id, sizeof id, "m-%d", number);
        return sal_ring_of(plan, campaign, id, NULL);
}

/* Sixteen rings of one size make the first hexadecimal digit of the hash visible. The expected digits were computed
 * with another program's SHA-256 over "channel-file-291:m-<n>". */
static void the_hash_is_the_one_of_the_contract(void **state) {
        (void)state;
        static const size_t expected[] = {1,  8, 15, 8, 12, 14, 15, 2, 2, 13, 12, 14, 2,  6, 3,  1, 10, 15, 6, 2,
                                          11, 9, 12, 5, 0,  4,  4,  3, 0, 2,  10, 12, 14, 5, 15, 2, 1,  15, 9, 10};
        struct sal_plan plan = {.ring_count = 16};
        for (int i = 0; i < 16; i++)
                plan.rings[i].share = 1.0 / 16;
        for (int n = 0; n < (int)SAL_ARRAY_LEN(expected); n++)
                assert_int_equal(ring_of_number(&plan, "channel-file-291", n), expected[n]);
}

static void the_default_plan_agrees_with_another_program(void **state) {
        (void)state;
        static const int canaries[] = {24, 342, 358, 379, 417, 475, 513, 550, 565, 573, 609, 812, 880, 954};
        struct sal_plan plan;
        sal_plan_default(&plan);
        size_t next = 0;
        int64_t counts[3] = {0};
        for (int n = 0; n < FLEET; n++) {
                size_t ring = ring_of_number(&plan, "channel-file-291", n);
                counts[ring]++;
                if (ring == 0 && n < 1000)
                        assert_int_equal(canaries[next++], n);
        }
        assert_int_equal(next, SAL_ARRAY_LEN(canaries));
        assert_int_equal(counts[0], 1061);
        assert_int_equal(counts[1], 10044);
        assert_int_equal(counts[2], 88895);
}

static void shares_are_kept_for_every_campaign(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        for (int c = 0; c < 8; c++) {
                char campaign[32];
                double counts[3] = {0};
                snprintf(campaign, sizeof campaign, "fix-%d", c);
                for (int n = 0; n < FLEET; n++)
                        counts[ring_of_number(&plan, campaign, n)]++;
                for (int ring = 0; ring < 3; ring++) {
                        double share = plan.rings[ring].share;
                        double deviation = fabs(counts[ring] / FLEET - share) / sqrt(share * (1 - share) / FLEET);
                        assert_true(deviation < 4.5);
                }
        }
}

static void the_canaries_of_two_campaigns_differ(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        int both = 0;
        for (int n = 0; n < FLEET; n++)
                both += ring_of_number(&plan, "one", n) == 0 && ring_of_number(&plan, "two", n) == 0;
        assert_true(both < 40); /* 10 expected; 1,000 if the campaign did not matter */
}

static void a_pin_rules(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        for (int n = 0; n < 100; n++) {
                char id[32];
                snprintf(id, sizeof id, "m-%d", n);
                assert_int_equal(sal_ring_of(&plan, "one", id, "canary"), 0);
                assert_int_equal(sal_ring_of(&plan, "one", id, "early"), 1);
                assert_int_equal(sal_ring_of(&plan, "one", id, "broad"), 2);
                assert_int_equal(sal_ring_of(&plan, "one", id, "no-such-ring"), 2);
                assert_int_equal(sal_ring_of(&plan, "one", id, ""), sal_ring_of(&plan, "one", id, NULL));
        }
}

/* Shares that sum to a little less than 1 leave no machine without a ring. */
static void the_last_ring_takes_the_rest(void **state) {
        (void)state;
        struct sal_plan plan = {.ring_count = 2, .rings = {{.share = 1e-12}, {.share = 1e-12}}};
        for (int n = 0; n < 1000; n++)
                assert_int_equal(ring_of_number(&plan, "one", n), 1);
        plan.ring_count = 1;
        assert_int_equal(ring_of_number(&plan, "one", 1), 0);
}

static void long_names_are_cut_not_overrun(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        char name[1000];
        memset(name, 'x', sizeof name);
        name[sizeof name - 1] = '\0';
        assert_true(sal_ring_of(&plan, name, name, NULL) < 3);
        assert_true(sal_ring_of(&plan, "", name, NULL) < 3);
        assert_true(sal_ring_of(&plan, "", "", NULL) < 3);
}

/* The interval of the ring that a machine is in holds its position; the intervals lie side by side. */
static void the_interval_holds_the_position(void **state) {
        (void)state;
        struct sal_plan plan;
        sal_plan_default(&plan);
        for (int n = 0; n < 2000; n++) {
                char id[32];
                double from, to;
                snprintf(id, sizeof id, "m-%d", n);
                double u = sal_ring_position("channel-file-291", id);
                sal_ring_interval(&plan, sal_ring_of(&plan, "channel-file-291", id, NULL), &from, &to);
                assert_true(u >= from && u < to);
        }
        double from, to, end = 0;
        for (size_t ring = 0; ring < plan.ring_count; ring++) {
                sal_ring_interval(&plan, ring, &from, &to);
                assert_true(from == end && to > from);
                end = to;
        }
        assert_true(end == 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_interval_holds_the_position),
                cmocka_unit_test(the_hash_is_the_one_of_the_contract),
                cmocka_unit_test(the_default_plan_agrees_with_another_program),
                cmocka_unit_test(shares_are_kept_for_every_campaign),
                cmocka_unit_test(the_canaries_of_two_campaigns_differ),
                cmocka_unit_test(a_pin_rules),
                cmocka_unit_test(the_last_ring_takes_the_rest),
                cmocka_unit_test(long_names_are_cut_not_overrun),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
