/* SPDX-License-Identifier: Apache-2.0 */
/* What operators read: explain, preview, offers, the export and its events. */
#include "harness.h"

struct view_call {
        enum sal_status (*view)(const struct sal_act *act, const char *id, json_t **ret, struct sal_err *reterr);
        const char *id;
};

static enum sal_status explain(const struct sal_act *act, const char *id, json_t **ret, struct sal_err *reterr) {
        return sal_fleet_explain(act, id, ret, reterr);
}

static enum sal_status preview(const struct sal_act *act, const char *id, json_t **ret, struct sal_err *reterr) {
        return sal_campaign_preview(act, id, 1, &(struct sal_page){.limit = 100, .cursor = ""}, ret, reterr);
}

static enum sal_status export(const struct sal_act *act, const char *id, json_t **ret, struct sal_err *reterr) {
        (void)id; return sal_export(act, ret, reterr);
}

static enum sal_status view_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct view_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        return call->view(&act, call->id, &w->json, &w->err);
}

/* Stays in the world until the next act. */
static const json_t *see(struct world *w,
                         enum sal_status (*view)(const struct sal_act *, const char *, json_t **, struct sal_err *),
                         const char *id) {
        struct view_call call = {.view = view, .id = id};
        assert_ok(world_run(w, view_job, &call));
        return w->json;
}

/* What explain says is what a poll of the next failed boot would be told. */
static void explain_agrees_with_polls(void **state) {
        struct world *w = *state;
        know_fleet(w, 12);
        change_machine(w, machine_name(1), "{\"opt_out\":true}");
        start(w, "other", "{" ONE_RING_ROLLOUT ",\"match\":{\"fact\":\"os\",\"eq\":\"linux\"}}");
        start(w, "fix", PLAN(ONE_RING ",\"max_attempts\":1"));
        assert_true(report(w, machine_name(2), offer_to(w, machine_name(2)), "failed"));
        assert_true(report(w, machine_name(3), offer_to(w, machine_name(3)), "not_applicable"));
        offer_to(w, machine_name(4));
        for (int i = 1; i <= 6; i++) {
                char reason[32];
                const json_t *view = see(w, explain, machine_name(i));
                snprintf(reason, sizeof reason, "%s", text_in(view, "reason"));
                assert_int_equal(json_array_size(json_object_get(view, "campaigns")), 2);
                struct told told = poll(w, .machine = machine_name(i));
                assert_string_equal(reason, sal_reason_name(told.reason));
        }
        struct view_call call = {.view = explain, .id = "nobody"};
        assert_int_equal(world_run(w, view_job, &call), SAL_E_NOT_FOUND);
}

static void preview_counts_as_the_engine_does(void **state) {
        struct world *w = *state;
        know_fleet(w, 50);
        change_machine(w, machine_name(1), "{\"opt_out\":true}");
        import(w, "{\"machine_id\":\"linux\",\"facts\":{\"os\":\"linux\"}}");
        make_ready(w, "fix", 1, "{}");
        int64_t matching[3];
        const json_t *view = see(w, preview, "fix");
        assert_int_equal(int_in(view, "matching"), 49);
        assert_int_equal(int_in(view, "opted_out"), 1);
        for (size_t i = 0; i < 3; i++)
                matching[i] = int_in(json_array_get(json_object_get(view, "rings"), i), "matching");
        assert_ok(life(w, SAL_LIFE_START, "fix"));
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(live_of(w, "fix")->waiting[i], matching[i]);
}

/* However many there have been: the live ones are never the ones that are left out. */
static void an_export_of_many(void **state) {
        struct world *w = *state;
        for (int i = 0; i < 201; i++) {
                char id[16];
                snprintf(id, sizeof id, "a-%d", i);
                world_wall_ms += 1000;
                make_ready(w, id, 1, SIMPLE);
        }
        start(w, "zz", SIMPLE);
        const json_t *view = see(w, export, NULL);
        const json_t *campaigns = json_object_get(view, "campaigns");
        assert_int_equal(json_array_size(campaigns), 200);
        assert_int_equal(int_in(view, "left_out"), 2);
        assert_string_equal(text_in(json_array_get(campaigns, 0), "id"), "a-10"); /* a-0 and a-1 are the oldest */
        assert_string_equal(text_in(json_array_get(campaigns, 199), "id"), "zz");
}

/* Whom an ended campaign touched is on the disk alone: after a restart, whom one reaches that undoes it is the same. */
static void preview_of_an_undoing_one_after_a_restart(void **state) {
        struct world *w = *state;
        know_fleet(w, 20);
        start(w, "fix", PLAN(ONE_RING ",\"outcome_deadline_seconds\":600"));
        offer_to(w, machine_name(1));
        assert_true(report(w, machine_name(2), offer_to(w, machine_name(2)), "applied"));
        pass(w, 700); /* silent, and up */
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        make_ready(w, "undo", 1, "{\"undoes\":\"fix\"}");
        for (int restarts = 0; restarts < 2; restarts++) {
                assert_int_equal(json_integer_value(json_object_get(see(w, preview, "undo"), "matching")), 2);
                const json_t *past = json_object_get(see(w, preview, "fix"), "of_matching");
                assert_int_equal(json_integer_value(json_object_get(past, "done")), 1);
                world_restart(w);
        }
        assert_ok(life(w, SAL_LIFE_START, "undo"));
        assert_int_equal(sal_live_known_matching(live_of(w, "undo")), 2);
        assert_int_equal(json_integer_value(json_object_get(see(w, preview, "undo"), "matching")), 2);
}

static void the_export(void **state) {
        struct world *w = *state;
        know_fleet(w, 30);
        start(w, "fix", SIMPLE);
        assert_true(report(w, machine_name(1), offer_to(w, machine_name(1)), "healthy"));
        offer_to(w, machine_name(2));
        poll(w, .machine = "linux-1", .facts = "{\"os\":\"linux\"}");
        const json_t *view = see(w, export, NULL);
        const json_t *fleet = json_object_get(view, "fleet");
        assert_string_equal(text_in(view, "schema"), "salvor.export/1");
        assert_int_equal(int_in(view, "seq"), sql_int(w, "SELECT max(seq) FROM journal"));
        assert_int_equal(int_in(fleet, "known"), 31);
        assert_int_equal(int_in(fleet, "back"), 1);
        assert_int_equal(int_in(fleet, "in_recovery"), 2);
        assert_int_equal(int_in(fleet, "needs_hands"), 0);
        const json_t *campaign = json_array_get(json_object_get(view, "campaigns"), 0);
        const json_t *ring = json_array_get(json_object_get(campaign, "rings"), 0);
        assert_string_equal(text_in(campaign, "state"), "active");
        assert_true(json_is_true(json_object_get(ring, "open")));
        assert_int_equal(int_in(ring, "offered"), 2);
        assert_int_equal(int_in(ring, "unsettled"), 1);
        assert_int_equal(int_in(ring, "succeeded"), 1);
        assert_int_equal(json_array_size(json_object_get(campaign, "decisions")), 1);
        assert_true(json_is_object(json_object_get(campaign, "evidence")));
}

struct events_call {
        int64_t after, last;
        unsigned limit;
        struct sal_buf out;
};

static enum sal_status events_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct events_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        return sal_export_events(&act, call->after, call->limit, &call->out, &call->last, &w->err);
}

/* One JSON object a line, seq by seq, page by page; a decision is a member of its own. */
static void events(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        assert_true(report(w, "m-1", offer_to(w, "m-1"), "failed"));
        int64_t seq = 0, decisions = 0, failed = 0;
        for (;;) {
                struct events_call call = {.after = seq, .limit = 3, .out = SAL_BUF_INIT};
                assert_ok(world_run(w, events_job, &call));
                size_t len;
                sal_autofree char *text = sal_buf_take(&call.out, &len);
                for (char *line = len ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n")) {
                        sal_autojson json_t *event = json_loads(line, 0, NULL);
                        assert_int_equal(int_in(event, "seq"), ++seq);
                        if (!strcmp(text_in(event, "type"), "decision"))
                                decisions += json_is_object(json_object_get(event, "decision"));
                        if (!strcmp(text_in(event, "type"), "failed")) {
                                assert_string_equal(text_in(event, "cause"), "reported");
                                assert_string_equal(text_in(event, "machine_id"), "m-1");
                                assert_string_equal(text_in(event, "offer_id"), "o1");
                                assert_string_equal(text_in(event, "ring"), "all");
                                failed++;
                        }
                }
                assert_int_equal(call.last, seq);
                if (!len)
                        break;
        }
        assert_int_equal(seq, sql_int(w, "SELECT max(seq) FROM journal"));
        assert_int_equal(decisions, 1);
        assert_int_equal(failed, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(explain_agrees_with_polls, world_setup, world_done),
                cmocka_unit_test_setup_teardown(preview_counts_as_the_engine_does, world_setup, world_done),
                cmocka_unit_test_setup_teardown(preview_of_an_undoing_one_after_a_restart, world_setup, world_done),
                cmocka_unit_test_setup_teardown(the_export, world_setup, world_done),
                cmocka_unit_test_setup_teardown(an_export_of_many, world_setup, world_done),
                cmocka_unit_test_setup_teardown(events, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
