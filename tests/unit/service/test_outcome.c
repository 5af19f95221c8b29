/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes without an offer, from a bundle: they are kept and shown, they prevent a second try, and they move nothing
 * that is decided. What the harness checks after every test (sums, replay, population) holds with them too. */
#include "harness.h"

struct outcome {
        const char *machine, *stage, *boot, *campaign;
        int64_t version;    /* 0: 1 */
        const char *sha256; /* NULL: that of the campaign's envelope */
        enum sal_identity_kind identity;
        bool expects_refusal;
};

struct outcome_call {
        struct sal_report report;
        struct outcome what;
};

static enum sal_status outcome_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct outcome_call *call = arg;
        const struct sal_identity identity = {.kind = call->what.identity};
        return sal_report_run(w->service, tx, call->what.machine, &identity, &call->report, &w->err);
}

static void name_campaign(const struct world *w, struct sal_report *report, const struct outcome *what) {
        const char *id = what->campaign ? what->campaign : "fix";
        const struct sal_live *live = live_of((struct world *)w, id);
        snprintf(report->campaign, sizeof report->campaign, "%s", id);
        report->version = what->version ? what->version : 1;
        snprintf(report->target_sha256, sizeof report->target_sha256, "%s",
                 what->sha256 ? what->sha256
                 : live       ? live->launch->sha256
                              : "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* Reports it; returns whether it was accepted. */
static bool world_outcome(struct world *w, struct outcome what, enum sal_status *ret_status, const char **ret_state) {
        struct outcome_call call = {.what = what};
        if (call.what.identity == SAL_IDENTITY_NONE && !what.expects_refusal)
                call.what.identity = SAL_IDENTITY_CERTIFICATE;
        fill_report(&call.report, 1, what.stage, what.boot);
        call.report.offer_row = 0;
        name_campaign(w, &call.report, &what);
        enum sal_status status = world_run(w, outcome_job, &call);
        sal_report_done(&call.report);
        if (ret_status)
                *ret_status = status;
        else
                assert_ok(status);
        if (ret_state)
                *ret_state = call.report.state;
        return call.report.accepted;
}
#define outcome(w, ...) world_outcome(w, (struct outcome){__VA_ARGS__}, NULL, NULL)

static int64_t offline_rows(struct world *w) {
        return sql_int(w, "SELECT count(*) FROM offer WHERE offline = 1");
}

static void applied_prevents_an_offer(void **state) {
        struct world *w = *state;
        know_fleet(w, 2);
        start(w, "fix", SIMPLE);
        const char *told = NULL;
        assert_true(world_outcome(w, (struct outcome){.machine = machine_name(1), .stage = "applied"}, NULL, &told));
        assert_string_equal(told, "succeeded");
        /* In that boot, in another one, for ever. */
        assert_told(poll(w, .machine = machine_name(1)), "already_succeeded");
        assert_told(poll(w, .machine = machine_name(1), .boot = "boot-2"), "already_succeeded");
        assert_told(worker_poll(w, .machine = machine_name(1), .boot = "boot-3"), "already_succeeded");
        world_restart(w);
        assert_told(worker_poll(w, .machine = machine_name(1), .boot = "boot-3"), "already_succeeded");
        assert_told(poll(w, .machine = machine_name(2)), "offered");
}

static void healthy_alone_prevents_it_too(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        assert_true(outcome(w, .machine = "m", .stage = "healthy"));
        assert_told(poll(w, .machine = "m", .boot = "boot-9"), "already_succeeded");
}

/* A failure without an offer takes away neither an attempt nor the place among the counted offers. */
static void a_failure_takes_nothing_away(void **state) {
        struct world *w = *state;
        start(w, "fix", PLAN(ONE_RING ",\"max_attempts\":1"));
        static const char *const stages[] = {"failed", "refused", "not_applicable"};
        for (int i = 0; i < 3; i++) {
                assert_true(outcome(w, .machine = machine_name(i), .stage = stages[i]));
                struct told told = poll(w, .machine = machine_name(i));
                assert_told(told, "offered");
                assert_int_equal(told.attempt, 1);
                assert_true(offer_of(w, told.offer).counted);
                assert_true(report(w, machine_name(i), told.offer, "healthy"));
        }
        struct sal_evidence totals;
        sal_tally_totals(live_of(w, "fix")->tally, &totals);
        assert_int_equal(totals.offered, 3);
        assert_int_equal(totals.failed + totals.silent, 0);
}

/* Enough failures to halt any campaign, had they been of offers. */
static void no_count_moves(void **state) {
        struct world *w = *state;
        know_fleet(w, 40);
        start(w, "fix", SIMPLE);
        assert_told(poll(w, .machine = machine_name(40)), "offered");
        sal_autofree char *before = engine_text(w);
        for (int i = 1; i <= 30; i++)
                assert_true(outcome(w, .machine = machine_name(i), .stage = i % 2 ? "failed" : "applied"));
        sal_autofree char *after = engine_text(w);
        assert_string_equal(before, after);
        assert_state(w, "fix", "active");
        assert_int_equal(offline_rows(w), 30);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE type = 1 AND detail LIKE '%\"offline\":true%'"),
                         30);
}

static void repeats_are_harmless(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        assert_true(outcome(w, .machine = "m", .stage = "failed"));
        assert_false(outcome(w, .machine = "m", .stage = "failed"));
        assert_true(outcome(w, .machine = "m", .stage = "failed", .boot = "boot-2"));
        assert_true(outcome(w, .machine = "m", .stage = "applied", .boot = "boot-2"));
        assert_false(outcome(w, .machine = "m", .stage = "applied", .boot = "boot-2"));
        /* Healthy comes from the full system, which has a boot id of its own. */
        assert_false(outcome(w, .machine = "m", .stage = "healthy", .boot = "boot-3"));
        assert_int_equal(offline_rows(w), 3);
}

static void what_is_kept_is_bounded(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        for (int i = 0; i < 40; i++) {
                char boot[16];
                snprintf(boot, sizeof boot, "boot-%d", i);
                assert_int_equal(outcome(w, .machine = "m", .stage = "failed", .boot = boot), i < 16);
        }
        assert_int_equal(offline_rows(w), 16);
}

static void only_what_was_in_force_is_known(void **state) {
        struct world *w = *state;
        static const char other[] = "0000000000000000000000000000000000000000000000000000000000000000";
        enum sal_status status = SAL_OK;
        const char *told = NULL;
        start(w, "fix", SIMPLE);
        make_ready(w, "draft", 1, SIMPLE);
        const struct outcome unknown[] = {
                {.machine = "m", .stage = "applied", .campaign = "nothing"},
                {.machine = "m", .stage = "applied", .version = 2},
                {.machine = "m", .stage = "applied", .sha256 = other},
                {.machine = "m", .stage = "applied", .campaign = "draft"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(unknown); i++) {
                assert_false(world_outcome(w, unknown[i], &status, &told));
                assert_int_equal(status, SAL_E_NOT_FOUND);
                assert_string_equal(told, "unknown");
                assert_string_equal(w->err.pointer, "/campaign");
        }
        assert_int_equal(offline_rows(w), 0);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine"), 0);
}

static void of_a_campaign_that_is_over(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        char sha256[65];
        snprintf(sha256, sizeof sha256, "%s", live_of(w, "fix")->launch->sha256);
        assert_ok(world_life(w, (struct life_call){.id = "fix", .what = SAL_LIFE_WITHDRAW}));
        assert_null(live_of(w, "fix"));
        assert_true(outcome(w, .machine = "m", .stage = "applied", .sha256 = sha256));
        assert_false(outcome(w, .machine = "m", .stage = "applied", .sha256 = sha256));
        assert_int_equal(offline_rows(w), 1);
}

static void it_needs_an_identity(void **state) {
        struct world *w = *state;
        enum sal_status status = SAL_OK;
        start(w, "fix", SIMPLE);
        assert_false(world_outcome(w, (struct outcome){.machine = "m", .stage = "applied", .expects_refusal = true},
                                   &status, NULL));
        assert_int_equal(status, SAL_E_UNAUTHENTICATED);
        w->anonymous_poll = true;
        world_restart(w);
        assert_false(world_outcome(w, (struct outcome){.machine = "m", .stage = "applied", .expects_refusal = true},
                                   &status, NULL));
        assert_int_equal(status, SAL_E_UNAUTHENTICATED);
        assert_int_equal(offline_rows(w), 0);
}

/* In a poll a bad item is answered and fails nothing; a good one is taken before the poll is answered. */
static void in_a_poll(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        struct sal_poll asked;
        fill_poll(&asked, &(struct ask){.machine = "m"});
        asked.report_count = 2;
        for (size_t i = 0; i < 2; i++) {
                fill_report(&asked.reports[i], 1, "applied", NULL);
                asked.reports[i].offer_row = 0;
                name_campaign(w, &asked.reports[i], &(struct outcome){.campaign = i ? "fix" : "nothing"});
        }
        assert_ok(world_run(w, poll_job, &asked));
        assert_false(asked.reports[0].accepted);
        assert_string_equal(asked.reports[0].state, "unknown");
        assert_true(asked.reports[1].accepted);
        assert_string_equal(asked.reports[1].state, "succeeded");
        assert_string_equal(sal_reason_name(asked.answer.reason), "already_succeeded");
        sal_poll_done(&asked);
}

/* What undoes a campaign reaches a machine that applied it from a bundle. */
static void an_undoing_campaign_reaches_it(void **state) {
        struct world *w = *state;
        know_fleet(w, 2);
        start(w, "fix", SIMPLE);
        assert_true(outcome(w, .machine = machine_name(1), .stage = "applied"));
        start(w, "undo", "{" ONE_RING_ROLLOUT ",\"undoes\":\"fix\"}");
        pass(w, 1);
        assert_int_equal(live_of(w, "undo")->waiting[0], 1);
        struct told told = poll(w, .machine = machine_name(1), .boot = "boot-2");
        assert_told(told, "offered");
        assert_string_equal(told.campaign, "undo");
        /* One that comes later counts at once. */
        char sha256[65];
        snprintf(sha256, sizeof sha256, "%s", live_of(w, "fix")->launch->sha256);
        assert_true(outcome(w, .machine = machine_name(2), .stage = "applied", .sha256 = sha256));
        assert_int_equal(live_of(w, "undo")->waiting[0], 1);
}

/* A machine that comes back by a bundle is back; a drill says nothing. */
static void the_machine_stands_back(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        start(w, "drill", "{" ONE_RING_ROLLOUT ",\"drill\":true}");
        assert_true(outcome(w, .machine = "m", .stage = "applied", .campaign = "drill"));
        assert_int_equal(sql_int(w, "SELECT standing FROM machine"), SAL_STANDING_KNOWN);
        assert_true(outcome(w, .machine = "m", .stage = "failed"));
        assert_int_equal(sql_int(w, "SELECT standing FROM machine"), SAL_STANDING_KNOWN);
        assert_true(outcome(w, .machine = "m", .stage = "applied"));
        assert_int_equal(sql_int(w, "SELECT standing FROM machine"), SAL_STANDING_BACK);
}

/* An offer that is out stays out, and is settled by its own reports. */
static void beside_an_offer(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        int64_t offer = offer_to(w, "m");
        assert_true(outcome(w, .machine = "m", .stage = "applied"));
        assert_offer(w, offer, "offered", "");
        assert_told(poll(w, .machine = "m"), "offered");
        assert_true(report(w, "m", offer, "not_applicable"));
        assert_told(poll(w, .machine = "m", .boot = "boot-2"), "already_succeeded");
}

/* No boot after it is a relapse: it was never offered, and so nothing is charged. */
static void it_never_relapses(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        assert_true(outcome(w, .machine = "m", .stage = "applied"));
        assert_told(poll(w, .machine = "m", .boot = "boot-2"), "already_succeeded");
        assert_int_equal(sql_int(w, "SELECT count(*) FROM offer WHERE state = 2 AND offline = 1"), 1);
}

static enum sal_status offers_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        (void)arg;
        return sal_campaign_offers(&act, "fix", 1, NULL, &(struct sal_page){.limit = 10, .cursor = ""}, &w->json,
                                   &w->err);
}

static enum sal_status show_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        (void)arg;
        return sal_campaign_show(&act, "fix", 1, &w->json, &w->err);
}

static void it_is_shown_and_marked(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        offer_to(w, "other");
        assert_true(outcome(w, .machine = "m", .stage = "failed"));
        assert_ok(world_run(w, offers_job, NULL));
        const json_t *items = json_object_get(w->json, "items");
        assert_int_equal(json_array_size(items), 2);
        assert_null(json_object_get(json_array_get(items, 0), "offline"));
        const json_t *item = json_array_get(items, 1);
        assert_true(json_is_true(json_object_get(item, "offline")));
        assert_true(json_is_false(json_object_get(item, "counted")));
        assert_string_equal(text_in(item, "machine_id"), "m");
        assert_string_equal(text_in(item, "state"), "failed");
        assert_string_equal(text_in(item, "cause"), "reported");
        assert_int_equal(json_array_size(json_object_get(item, "reports")), 1);
        assert_ok(world_run(w, show_job, NULL));
        const json_t *counts = json_object_get(w->json, "counts");
        assert_int_equal(int_in(counts, "offline"), 1);
        assert_int_equal(int_in(counts, "offers"), 1);
        assert_int_equal(int_in(counts, "failed"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(applied_prevents_an_offer),
                TEST(healthy_alone_prevents_it_too),
                TEST(a_failure_takes_nothing_away),
                TEST(no_count_moves),
                TEST(repeats_are_harmless),
                TEST(what_is_kept_is_bounded),
                TEST(only_what_was_in_force_is_known),
                TEST(of_a_campaign_that_is_over),
                TEST(it_needs_an_identity),
                TEST(in_a_poll),
                TEST(an_undoing_campaign_reaches_it),
                TEST(the_machine_stands_back),
                TEST(beside_an_offer),
                TEST(it_never_relapses),
                TEST(it_is_shown_and_marked),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
