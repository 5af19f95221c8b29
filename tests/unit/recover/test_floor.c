/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of the client's time: what is kept of it, how far it may be pushed, and that it can fall. */
#include "fixture.h"

#include "salvor-recover/floor.h"

static struct fixture f;
static struct sal_store *store;

static int set_up(void **state) {
        (void)state;
        fixture_init(&f);
        return sal_store_open(f.state, &store, NULL);
}

static int tear_down(void **state) {
        (void)state;
        sal_store_free(store);
        fixture_done(&f);
        return 0;
}

/* In whole seconds, so many days after the build. */
static int64_t day(int days) {
        return (sal_floor_build_ms() / 1000 + 86400 * days) * 1000;
}

static void it_begins_with_the_build(void **state) {
        (void)state;
        assert_true(sal_floor_build_ms() > INT64_C(1700000000000));
        assert_int_equal(sal_floor_ms(store), sal_floor_build_ms());
        assert_int_equal(sal_floor_raise(store, 1000, INT64_MAX, NULL), SAL_OK);
        assert_int_equal(sal_floor_ms(store), sal_floor_build_ms());
}

static void it_only_rises(void **state) {
        (void)state;
        assert_int_equal(sal_floor_raise(store, day(1), day(2), NULL), SAL_OK);
        assert_int_equal(sal_floor_ms(store), day(1));
        assert_int_equal(sal_floor_raise(store, day(1) - 1, day(2), NULL), SAL_OK);
        assert_int_equal(sal_floor_ms(store), day(1));
}

static void a_servers_word_is_not_kept_beyond_what_the_timestamp_vouches_for(void **state) {
        (void)state;
        int64_t year_2099 = 0;
        assert_int_equal(sal_time_parse("2099-01-01T00:00:00Z", &year_2099), SAL_OK);
        assert_int_equal(sal_floor_raise(store, year_2099, day(1), NULL), SAL_OK);
        assert_int_equal(sal_floor_ms(store), day(1));
        /* without a verified timestamp nothing vouches for any time */
        assert_int_equal(sal_floor_raise(store, year_2099, 0, NULL), SAL_OK);
        assert_int_equal(sal_floor_ms(store), day(1));
}

static void it_falls_to_the_build_when_it_is_forgotten(void **state) {
        (void)state;
        assert_int_equal(sal_floor_raise(store, day(20), day(30), NULL), SAL_OK);
        assert_int_equal(sal_floor_forget(store, NULL), SAL_OK);
        assert_int_equal(sal_floor_ms(store), sal_floor_build_ms());
        assert_int_equal(sal_floor_forget(store, NULL), SAL_OK);
}

static void damage_counts_as_none(void **state) {
        (void)state;
        static const char *const bad[] = {"", "{", "[]", "{\"not_before\":\"soon\"}", "{\"not_before\":7}"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                put(f.state, "time.json", bad[i], NULL);
                assert_int_equal(sal_floor_ms(store), sal_floor_build_ms());
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(it_begins_with_the_build, set_up, tear_down),
                cmocka_unit_test_setup_teardown(it_only_rises, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_servers_word_is_not_kept_beyond_what_the_timestamp_vouches_for,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(it_falls_to_the_build_when_it_is_forgotten, set_up, tear_down),
                cmocka_unit_test_setup_teardown(damage_counts_as_none, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
