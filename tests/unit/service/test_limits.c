/* SPDX-License-Identifier: Apache-2.0 */
/* Limits as operators set them and as polls meet them: what loosens, what is refused, what is kept, and what the
 * workers may answer by themselves. What they do to the engine is in test_windows.c. */
#include "service/limits.h"

#include "harness.h"

#define TWO_RINGS                                                                             \
        PLAN("\"rings\":[{\"name\":\"one\",\"share\":0.5},{\"name\":\"two\",\"share\":0.5}]," \
             "\"in_flight\":{\"initial\":50},\"cohorts\":[],\"patience_seconds\":null")

static enum sal_status set_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *body = json_loads(arg, 0, NULL);
        assert_non_null(body);
        return sal_campaign_limits_set(&act, "fix", 1, body, &w->json, &w->err);
}

static enum sal_status set(struct world *w, const char *limits) {
        char body[1024];
        snprintf(body, sizeof body, "{\"reason\":\"because\",\"limits\":%s}", limits);
        return world_run(w, set_job, body);
}

struct question {
        const char *limits;
        bool loosens;
        char *shown;
};

static enum sal_status loosen_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct question *question = arg;
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *limits = json_loads(question->limits, 0, NULL);
        sal_autojson json_t *body = json_pack("{s:s,s:O}", "reason", "because", "limits", limits);
        question->loosens = sal_campaign_limits_loosen(&act, "fix", 1, body);
        return SAL_OK;
}

static bool loosens(struct world *w, const char *limits) {
        struct question question = {.limits = limits};
        assert_ok(world_run(w, loosen_job, &question));
        return question.loosens;
}

static enum sal_status show_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct question *question = arg;
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *answer = NULL;
        enum sal_status status = sal_campaign_limits_show(&act, "fix", 1, &answer, &w->err);
        question->shown = status ? NULL : sal_json_dump(json_object_get(answer, "limits"));
        return status;
}

#define assert_limits(w, text)                                 \
        do {                                                   \
                struct question question_ = {0};               \
                assert_ok(world_run(w, show_job, &question_)); \
                sal_autofree char *shown_ = question_.shown;   \
                assert_string_equal(shown_, text);             \
        } while (0)

static void know(struct world *w, const char *id, const char *more) {
        char line[240];
        snprintf(line, sizeof line, "{\"machine_id\":\"%s\",\"facts\":" FACTS ",\"pin\":\"one\"%s}", id, more);
        import(w, line);
}

/* ---- setting ---- */

static void a_draft_keeps_them_until_it_starts(void **state) {
        struct world *w = *state;
        make_ready(w, "fix", 1, SIMPLE);
        assert_limits(w, "null");
        assert_true(loosens(w, "{}") == false);
        assert_ok(set(w, "{\"in_flight_max\":1}"));
        assert_limits(w, "{\"in_flight_max\":1}");
        assert_true(loosens(w, "{\"in_flight_max\":2}"));
        assert_true(loosens(w, "{}"));
        world_restart(w);
        assert_ok(life(w, SAL_LIFE_START, "fix"));
        assert_int_equal(sal_limits_in_flight_max(live_of(w, "fix")->limits), 1);
        assert_true(loosens(w, "{}"));
        world_restart(w);
        assert_int_equal(sal_limits_in_flight_max(live_of(w, "fix")->limits), 1);
        assert_ok(set(w, "{}"));
        assert_null(live_of(w, "fix")->limits);
        assert_limits(w, "null");
        assert_int_equal(sql_int(w, "SELECT count(*) FROM campaign_limits"), 0);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE detail LIKE '%campaign.limits%'"), 2);
}

static void a_dropped_draft_takes_them_along(void **state) {
        struct world *w = *state;
        sal_autofree char *payload = payload_of(w, "fix", 1, SIMPLE);
        struct draft_call call = {.id = "fix", .version = 1, .payload = payload};
        assert_ok(world_run(w, create_job, &call));
        assert_ok(set(w, "{\"in_flight_max\":1}"));
        assert_int_equal(sql_int(w, "SELECT count(*) FROM campaign_limits"), 1);
        assert_int_equal(sql_int(w, "DELETE FROM campaign RETURNING 0"), 0);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM campaign_limits"), 0);
}

static void what_is_refused_changes_nothing(void **state) {
        struct world *w = *state;
        assert_int_equal(set(w, "{}"), SAL_E_NOT_FOUND);
        start(w, "fix", TWO_RINGS);
        assert_ok(set(w, "{\"in_flight_max\":7}"));
        int64_t journal = sql_int(w, "SELECT max(seq) FROM journal");
        assert_int_equal(set(w, "{\"opens\":{\"one\":\"2024-07-20T00:00:00Z\"}}"), SAL_E_INVALID);
        assert_string_equal(w->err.pointer, "/limits/opens/one");
        assert_int_equal(set(w, "{\"in_flight_max\":0}"), SAL_E_INVALID);
        assert_int_equal(set(w, "7"), SAL_E_INVALID);
        assert_string_equal(w->err.pointer, "/limits");
        /* Nobody is asked for a grant for what is refused anyway. */
        assert_false(loosens(w, "{\"in_flight_max\":0}"));
        assert_limits(w, "{\"in_flight_max\":7}");
        assert_int_equal(sql_int(w, "SELECT max(seq) FROM journal"), journal);
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        assert_int_equal(set(w, "{\"in_flight_max\":1}"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "withdrawn");
        assert_false(loosens(w, "{}"));
}

static enum sal_status preview_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        struct sal_page page = {.cursor = "", .limit = 100};
        (void)arg;
        return sal_campaign_preview(&act, "fix", 1, &page, &w->json, &w->err);
}

/* The engine keeps it until its last offer is settled; nothing is offered any more all the same. */
static void what_has_ended_is_not_limited_while_an_offer_is_out(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING));
        assert_true(report(w, "m-1", offer_to(w, "m-1"), "applied"));
        assert_ok(world_run(w, preview_job, NULL));
        assert_non_null(json_object_get(w->json, "cap"));
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        assert_non_null(live_of(w, "fix"));
        int64_t journal = sql_int(w, "SELECT max(seq) FROM journal");
        assert_int_equal(set(w, "{\"in_flight_max\":1}"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "withdrawn");
        assert_int_equal(set(w, "{}"), SAL_E_CONFLICT);
        assert_false(loosens(w, "{}"));
        assert_int_equal(sql_int(w, "SELECT max(seq) FROM journal"), journal);
        assert_null(live_of(w, "fix")->limits);
        assert_ok(world_run(w, preview_job, NULL));
        assert_null(json_object_get(w->json, "cap"));
        assert_null(json_object_get(w->json, "in_flight"));
}

/* Only what is proven needs no grant. */
static void what_cannot_be_found_out_takes_a_grant(void **state) {
        struct world *w = *state;
        make_ready(w, "fix", 1, SIMPLE);
        assert_ok(set(w, "{\"in_flight_max\":5}"));
        assert_false(loosens(w, "{\"in_flight_max\":4}"));
        static const char *const spoilt[] = {"{\"in_flight_max\":0}", "[[", "7."};
        for (size_t i = 0; i < SAL_ARRAY_LEN(spoilt); i++) {
                char sql[120];
                snprintf(sql, sizeof sql, "UPDATE campaign_limits SET limits = '%s' RETURNING 1", spoilt[i]);
                assert_int_equal(sql_int(w, sql), 1);
                assert_true(loosens(w, "{\"in_flight_max\":4}"));
                assert_true(loosens(w, "{}"));
                assert_false(loosens(w, "{\"in_flight_max\":0}")); /* refused in any case */
                assert_int_equal(world_run(w, preview_job, NULL), SAL_E_CORRUPT);
                assert_int_not_equal(life(w, SAL_LIFE_START, "fix"), SAL_OK);
        }
}

/* ---- polls ---- */

/* Whether labels let it in, only the ledger knows; in a ring that is shut the worker needs not ask. */
static void workers_offer_nothing_that_is_narrowed(void **state) {
        struct world *w = *state;
        know(w, "fits", ",\"labels\":{\"site\":\"a\"}");
        know(w, "fits-not", ",\"labels\":{\"site\":\"b\"}");
        start(w, "fix", TWO_RINGS);
        assert_ok(set(w, "{\"only\":{\"labels\":{\"site\":[\"a\"]}}}"));
        struct sal_launch *launch = live_of(w, "fix")->launch;
        long slots = atomic_load(&launch->slots);
        assert_true(slots > 0);
        int in_one = 0, in_two = 0;
        for (int n = 1; n <= 20; n++) {
                struct told told = worker_poll(w, .machine = machine_name(n));
                assert_told(told, "ring_not_open");
                bool shut = sal_ring_of(&launch->campaign->plan, "fix", machine_name(n), "") == 1;
                assert_int_equal(told.fast, shut);
                in_one += !shut;
                in_two += shut;
        }
        assert_true(in_one && in_two);
        assert_int_equal(atomic_load(&launch->slots), slots); /* nobody claimed one */
        assert_told(worker_poll(w, .machine = "fits-not"), "ring_not_open");
        assert_told(worker_poll(w, .machine = "fits"), "offered");
        /* Lifted, the workers hear of it. */
        assert_ok(set(w, "{}"));
        assert_true(report(w, "fits", 1, "healthy"));
        assert_told(worker_poll(w, .machine = "fits-not"), "offered");
}

/* Pinned ones only the ledger answers. */
static void know_unpinned(struct world *w, const char *id, const char *more) {
        char line[240];
        snprintf(line, sizeof line, "{\"machine_id\":\"%s\",\"facts\":" FACTS "%s}", id, more);
        import(w, line);
}

/* Behind a full cap a whole fleet may wait: its labels change nothing, and nobody looks them up. */
static void behind_a_full_cap_no_labels_are_looked_up(void **state) {
        struct world *w = *state;
        know_fleet(w, 200);
        know_unpinned(w, "fits", ",\"labels\":{\"site\":\"a\"}");
        start(w, "fix", PLAN(ONE_RING));
        assert_ok(set(w, "{\"only\":{\"labels\":{\"site\":[\"a\"]}}}"));
        int64_t offer = offer_to(w, "fits");
        know_unpinned(w, "fits-too", ",\"labels\":{\"site\":\"a\"}");
        for (int n = 1; n <= 200; n++) {
                struct told told = worker_poll(w, .machine = machine_name(n));
                assert_told(told, "in_flight_cap");
                assert_true(told.fast);
        }
        assert_true(worker_poll(w, .machine = "fits-too").fast);
        /* Held, each finds out once. */
        assert_told(worker_poll(w, .machine = "fits-too", .waits = true), "in_flight_cap");
        assert_told(worker_poll(w, .machine = "m-1", .waits = true), "ring_not_open");
        assert_true(report(w, "fits", offer, "healthy"));
        assert_told(worker_poll(w, .machine = "m-1"), "ring_not_open");
        assert_told(worker_poll(w, .machine = "fits-too"), "offered");
}

static bool ask_fast(struct world *w, struct sal_poll *poll) {
        return sal_poll_fast(w->service, w->service->snapshots.current, poll, world_wall_ms);
}

/* While it is held it is asked again with every change; it goes to the ledger once for each set of limits. */
static void a_held_poll_waits_for_the_right_slots(void **state) {
        struct world *w = *state;
        know_unpinned(w, "first", ",\"labels\":{\"site\":\"a\"}");
        know_unpinned(w, "fits", ",\"labels\":{\"site\":\"a\"}");
        know_unpinned(w, "fits-not", "");
        start(w, "fix", PLAN(ONE_RING));
        assert_ok(set(w, "{\"only\":{\"labels\":{\"site\":[\"a\"]}}}"));
        offer_to(w, "first");
        struct sal_poll fits, fits_not;
        fill_poll(&fits, &(struct ask){.machine = "fits", .waits = true});
        fill_poll(&fits_not, &(struct ask){.machine = "fits-not", .waits = true});
        for (int n = 0; n < 3; n++) {
                assert_int_equal(ask_fast(w, &fits), n > 0);
                assert_int_equal(ask_fast(w, &fits_not), n > 0);
                if (n == 0) {
                        assert_ok(world_run(w, poll_job, &fits));
                        assert_ok(world_run(w, poll_job, &fits_not));
                }
                assert_ptr_equal(fits.waits_for, live_of(w, "fix")->launch);
                assert_null(fits_not.waits_for);
        }
        assert_ok(set(w, "{\"in_flight_max\":1}"));
        assert_true(ask_fast(w, &fits_not)); /* labels matter no more */
        assert_ptr_equal(fits_not.waits_for, live_of(w, "fix")->launch);
        assert_ok(set(w, "{\"only\":{\"labels\":{\"site\":[\"b\"]}}}"));
        assert_false(ask_fast(w, &fits)); /* other limits */
        assert_ok(world_run(w, poll_job, &fits));
        assert_null(fits.waits_for);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        assert_true(ask_fast(w, &fits));
        assert_null(fits.waits_for);
        sal_poll_done(&fits);
        sal_poll_done(&fits_not);
}

/* A list of names the workers can read themselves. */
static void workers_answer_whom_a_list_leaves_out(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING ",\"in_flight\":{\"initial\":50}"));
        assert_ok(set(w, "{\"only\":{\"labels\":{\"site\":[\"a\"]},\"machines\":[\"m-1\"]}}"));
        struct told told = worker_poll(w, .machine = "m-2");
        assert_told(told, "ring_not_open");
        assert_true(told.fast);
        told = worker_poll(w, .machine = "m-1");
        assert_told(told, "ring_not_open");
        assert_false(told.fast); /* by its labels */
        assert_ok(set(w, "{\"only\":{\"machines\":[\"m-1\"]}}"));
        told = worker_poll(w, .machine = "m-3");
        assert_told(told, "ring_not_open");
        assert_true(told.fast);
        assert_told(worker_poll(w, .machine = "m-1"), "offered");
}

/* Workers look at the clock by themselves: no snapshot is made when a window opens or closes. */
static void workers_keep_to_windows(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING ",\"in_flight\":{\"initial\":50}"));
        know_fleet(w, 500);
        assert_ok(
                set(w, "{\"windows\":[{\"from\":\"05:00\",\"to\":\"06:10\"},{\"from\":\"22:00\",\"to\":\"04:00\"}]}"));
        assert_told(worker_poll(w, .machine = "m-1"), "offered");
        int64_t offer = offer_of(w, 1).row;
        pass(w, 9 * MINUTE + 59);
        assert_told(worker_poll(w, .machine = "m-2"), "offered");
        pass(w, 1);
        struct told told = worker_poll(w, .machine = "m-3");
        assert_told(told, "not_yet_valid");
        assert_true(told.fast);
        assert_told(poll(w, .machine = "m-3"), "not_yet_valid");
        /* What is out is repeated and reported as ever. */
        struct told again = worker_poll(w, .machine = "m-1");
        assert_told(again, "offered");
        assert_int_equal(again.offer, offer);
        assert_true(report(w, "m-1", offer, "healthy"));
        for (int n = 0; n < 16; n++)
                pass(w, HOUR - 40); /* to 21:59:20 */
        assert_told(worker_poll(w, .machine = "m-4"), "not_yet_valid");
        pass(w, 40);
        assert_told(worker_poll(w, .machine = "m-4"), "offered");
}

/* Nobody vouches for the name that an anonymous machine gives itself. */
static void anonymous_machines_are_on_no_list(void **state) {
        struct world *w = *state;
        w->anonymous_poll = true;
        world_restart(w);
        start(w, "fix", PLAN(ONE_RING ",\"in_flight\":{\"initial\":50}"));
        assert_ok(set(w, "{\"only\":{\"machines\":[\"m-1\",\"m-2\"]}}"));
        assert_told(poll(w, .machine = "m-1", .anonymous = true), "ring_not_open");
        assert_true(report(w, "m-2", offer_to(w, "m-2"), "healthy"));
        assert_ok(set(w, "{}"));
        assert_told(poll(w, .machine = "m-1", .anonymous = true), "offered");
}

/* A machine that gets its label, or loses it; what is out stays out. */
static void labels_may_change(void **state) {
        struct world *w = *state;
        know(w, "m-1", "");
        start(w, "fix", TWO_RINGS);
        assert_ok(set(w, "{\"only\":{\"labels\":{\"site\":[\"a\"]}}}"));
        assert_told(worker_poll(w, .machine = "m-1"), "ring_not_open");
        change_machine(w, "m-1", "{\"labels\":{\"site\":\"a\"}}");
        int64_t offer = offer_to(w, "m-1");
        change_machine(w, "m-1", "{\"labels\":{}}");
        struct told again = worker_poll(w, .machine = "m-1");
        assert_told(again, "offered");
        assert_int_equal(again.offer, offer);
        assert_true(report(w, "m-1", offer, "failed"));
        assert_told(poll(w, .machine = "m-1", .boot = "boot-2"), "ring_not_open");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_draft_keeps_them_until_it_starts),
                TEST(a_dropped_draft_takes_them_along),
                TEST(what_is_refused_changes_nothing),
                TEST(what_has_ended_is_not_limited_while_an_offer_is_out),
                TEST(what_cannot_be_found_out_takes_a_grant),
                TEST(workers_offer_nothing_that_is_narrowed),
                TEST(behind_a_full_cap_no_labels_are_looked_up),
                TEST(a_held_poll_waits_for_the_right_slots),
                TEST(workers_answer_whom_a_list_leaves_out),
                TEST(workers_keep_to_windows),
                TEST(anonymous_machines_are_on_no_list),
                TEST(labels_may_change),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
