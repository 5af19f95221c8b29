/* SPDX-License-Identifier: Apache-2.0 */
/* Plays: halts, what is left of the error after each resume, cohorts that are released, thousands of offers that come
 * back, and a crash at every step of it. */
#include "harness.h"

#include <math.h>

#define FIVE PLAN(ONE_RING ",\"in_flight\":{\"initial\":5,\"max\":100000},\"quiet_seconds\":1000000")
#define MANY                                                                                                 \
        PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":0,\"growth\":1000}],\"cohorts\":[]," \
             "\"outcome_deadline_seconds\":600,\"in_flight\":{\"initial\":5,\"max\":100000}")
#define MODELS                                                                                           \
        PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":60,\"growth\":2}],\"cohorts\":[" \
             "\"model\"],\"in_flight\":{\"initial\":10,\"max\":100},\"quiet_seconds\":1000000,\"max_attempts\":1")

static double number_of(const json_t *decision, const char *key) {
        return json_number_value(json_object_get(json_object_get(decision, "evidence"), key));
}

static struct sal_evidence totals_of(struct world *w, const char *id) {
        struct sal_evidence totals;
        sal_tally_totals(live_of(w, id)->tally, &totals);
        return totals;
}

/* Five are out, four fail: halted by the engine. Returns the decision, to be released. */
static json_t *halt_with(struct world *w, int first_machine) {
        int64_t offers[5];
        for (int n = 0; n < 5; n++)
                offers[n] = offer_to(w, machine_name(first_machine + n));
        for (int n = 0; n < 4; n++) {
                assert_state(w, "fix", "active");
                assert_true(report(w, machine_name(first_machine + n), offers[n], "failed"));
        }
        assert_state(w, "fix", "halted");
        assert_offer(w, offers[4], "recalled", "halt");
        return newest_decision(w, "fix");
}

/* Each resume of a halt by the engine leaves half the error, over crashes too; an operator's own halt costs nothing. */
static void half_the_error_each_time(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", FIVE);
        for (int k = 0; k < 4; k++) {
                sal_autojson json_t *halt = halt_with(w, 1 + 5 * k);
                assert_string_equal(json_string_value(json_object_get(halt, "by")), "engine");
                assert_true(number_of(halt, "offered") == 5);
                assert_true(number_of(halt, "failed") == 4);
                assert_true(fabs(number_of(halt, "ln_e") - 7.995579673) < 1e-9);
                assert_true(fabs(number_of(halt, "bound") - log(200 * pow(2, k))) < 1e-9);
                check_restart(w);
                const char *id = json_string_value(json_object_get(halt, "id"));
                assert_int_equal(life(w, SAL_LIFE_RESUME, "fix"), SAL_E_ACKNOWLEDGE);
                assert_string_equal(w->err.ref, id);
                assert_ok(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = id));
                assert_ok(life(w, SAL_LIFE_HALT, "fix"));
                assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
                check_restart(w);
        }
}

/* An earlier halt's id is not enough: it is the newest that has to be read. */
static void an_old_halt_is_quoted(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", FIVE);
        sal_autojson json_t *first = halt_with(w, 1);
        const char *id = json_string_value(json_object_get(first, "id"));
        assert_ok(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = id));
        sal_autojson json_t *second = halt_with(w, 6);
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = id), SAL_E_ACKNOWLEDGE);
        assert_string_equal(w->err.ref, json_string_value(json_object_get(second, "id")));
}

/* What was applied before the halt goes on and ends; after the resume it takes room, and is in no sum. */
static void what_was_pending_before_a_resume(void **state) {
        struct world *w = *state;
        int64_t offers[5], applied[3];
        know_fleet(w, 100);
        start(w, "fix", PLAN(ONE_RING ",\"in_flight\":{\"initial\":8,\"max\":9},\"quiet_seconds\":1000000"));
        for (int n = 0; n < 3; n++) {
                applied[n] = poll(w, .machine = machine_name(n + 1), .can_healthy = true).offer;
                assert_true(report(w, machine_name(n + 1), applied[n], "applied"));
        }
        for (int n = 0; n < 5; n++)
                offers[n] = offer_to(w, machine_name(n + 4));
        for (int n = 0; n < 5 && live_of(w, "fix")->row.state == SAL_CAMPAIGN_ACTIVE; n++)
                assert_true(report(w, machine_name(n + 4), offers[n], "failed"));
        assert_state(w, "fix", "halted");
        sal_autojson json_t *halt = newest_decision(w, "fix");
        assert_ok(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = json_string_value(json_object_get(halt, "id"))));
        /* Three of before are unsettled, so five fit beside them: eight at once. */
        for (int n = 0; n < 5; n++)
                assert_told(poll(w, .machine = machine_name(n + 20)), "offered");
        assert_told(poll(w, .machine = "m-0030"), "in_flight_cap");
        /* A relapse, a success and a silence of before: in no sum any more. */
        poll(w, .machine = "m-0001", .boot = "boot-2");
        assert_offer(w, applied[0], "failed", "relapsed");
        assert_true(report_from(w, "m-0002", applied[1], "healthy", "full", NULL));
        pass(w, HOUR - 1);
        assert_offer(w, applied[2], "applied", "");
        assert_int_equal(totals_of(w, "fix").failed, 0);
        assert_int_equal(totals_of(w, "fix").silent, 0);
}

/* A released cohort takes the next free number and counts from zero: its next hold needs that number's bound. */
static void a_release_takes_the_next_number(void **state) {
        struct world *w = *state;
        know_fleet(w, 200);
        start(w, "fix", MODELS);
        assert_told(poll(w, .machine = "b-1", .facts = "{\"model\":\"B\",\"os\":\"windows\"}"), "offered"); /* j = 1 */
        static const double bounds[] = {7.182312030, 7.993242246, 8.568606390};
        int machine = 1;
        for (int hold = 0; hold < 3; hold++) {
                for (int n = 0; n < 10 && verdicts(w, "fix", "hold_cohort") == hold; n++, machine++)
                        assert_true(report(w, machine_name(machine), offer_to(w, machine_name(machine)), "failed"));
                assert_int_equal(verdicts(w, "fix", "hold_cohort"), hold + 1);
                assert_state(w, "fix", "active");
                sal_autojson json_t *decision = newest_decision(w, "fix");
                assert_string_equal(json_string_value(json_object_get(decision, "cohort")), "model=A");
                assert_true(fabs(number_of(decision, "bound") - bounds[hold]) < 1e-8);
                assert_true(number_of(decision, "offered") == number_of(decision, "failed"));
                assert_told(worker_poll(w, .machine = "m-0199"), "halted");
                check_restart(w);
                assert_ok(life(w, SAL_LIFE_RESUME, "fix", .cohort = "model=A"));
                assert_int_equal(totals_of(w, "fix").failed, 0); /* what was excluded stays so */
        }
        assert_int_equal(verdicts(w, "fix", "halt"), 0);
}

/* Twenty-four successes, then 1,200 are out. */
static int64_t many_out(struct world *w, int count) {
        know_fleet(w, count + 100);
        start(w, "fix", MANY);
        int machine = 1;
        for (; machine <= 24; machine++)
                assert_true(report(w, machine_name(machine), offer_to(w, machine_name(machine)), "healthy"));
        int64_t first = 0;
        for (int n = 0; n < count; n++, machine++) {
                int64_t offer = offer_to(w, machine_name(machine));
                first = first ? first : offer;
        }
        return first;
}

static int64_t offers_in(struct world *w, enum sal_offer_state state) {
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM offer WHERE state = %d", state);
        return sql_int(w, sql);
}

/* All fall silent in one second: the halt comes in the middle of them, and whatever had not fallen silent by then is
 * taken back. Nothing is left out. */
static void many_deadlines_in_one_second(void **state) {
        struct world *w = *state;
        enum { OUT = 1200 };
        many_out(w, OUT);
        pass(w, 599);
        assert_int_equal(offers_in(w, SAL_OFFER_OFFERED), OUT);
        pass(w, 1);
        assert_state(w, "fix", "halted");
        assert_int_equal(offers_in(w, SAL_OFFER_OFFERED), 0);
        assert_int_equal(offers_in(w, SAL_OFFER_FAILED) + offers_in(w, SAL_OFFER_RECALLED), OUT);
        sal_autojson json_t *halt = newest_decision(w, "fix");
        /* By all of them, or by a block of them: no more have been charged than have fallen silent. */
        assert_in_range((int)number_of(halt, "silent"), 1, (int)offers_in(w, SAL_OFFER_FAILED));
        assert_in_range(offers_in(w, SAL_OFFER_FAILED), 10, 250);
        check_restart(w);
        assert_told(poll(w, .machine = "m-1200"), "halted");
}

/* A halt with a thousand out: the first poll and the first report after it, of whomever, find the offer taken back. */
static void nobody_sees_an_offer_after_the_halt(void **state) {
        struct world *w = *state;
        enum { OUT = 1200 };
        int64_t first = many_out(w, OUT), last = first + OUT - 1;
        struct life_call halt = {.what = SAL_LIFE_HALT, .id = "fix", .version = 1};
        struct world_job job = {.w = w, .run = life_job, .arg = &halt};
        world_queue(&job);
        sal_batch_run(w->ledger); /* one batch, and no more */
        assert_ok(job.status);
        struct sal_poll asks[2];
        struct report_call says = {.machine = "m-1222", .identity = {.kind = SAL_IDENTITY_CERTIFICATE}};
        fill_poll(&asks[0], &(struct ask){.machine = "m-1224"});
        fill_poll(&asks[1], &(struct ask){.machine = "m-0025"});
        fill_report(&says.report, last - 2, "failed", NULL);
        struct world_job jobs[] = {{.w = w, .run = poll_job, .arg = &asks[0]},
                                   {.w = w, .run = poll_job, .arg = &asks[1]},
                                   {.w = w, .run = report_job, .arg = &says}};
        for (size_t n = 0; n < SAL_ARRAY_LEN(jobs); n++)
                world_queue(&jobs[n]);
        sal_batch_run(w->ledger);
        for (size_t n = 0; n < SAL_ARRAY_LEN(jobs); n++)
                assert_ok(jobs[n].status);
        assert_told(told_of(&asks[0]), "halted");
        assert_told(told_of(&asks[1]), "halted");
        assert_false(says.report.accepted);
        assert_string_equal(says.report.state, "recalled");
        sal_poll_done(&asks[0]);
        sal_poll_done(&asks[1]);
        sal_report_done(&says.report);
        /* A crash before the rest was worked off leaves nothing out either. */
        world_restart(w);
        assert_int_equal(offers_in(w, SAL_OFFER_RECALLED), OUT);
        assert_int_equal(totals_of(w, "fix").failed, 0);
        /* Resumed, they are offered again, and it is the same attempt. */
        assert_ok(life(w, SAL_LIFE_RESUME, "fix"));
        struct told told = poll(w, .machine = "m-1224");
        assert_told(told, "offered");
        assert_int_equal(told.attempt, 1);
}

/* Halted and resumed before the offers were all taken back: what was recalled stays recalled, and is offered anew. */
static void resumed_at_once(void **state) {
        struct world *w = *state;
        enum { OUT = 1200 };
        many_out(w, OUT);
        struct life_call calls[] = {{.what = SAL_LIFE_HALT, .id = "fix", .version = 1},
                                    {.what = SAL_LIFE_RESUME, .id = "fix", .version = 1}};
        struct world_job jobs[] = {{.w = w, .run = life_job, .arg = &calls[0]},
                                   {.w = w, .run = life_job, .arg = &calls[1]}};
        world_queue(&jobs[0]);
        world_queue(&jobs[1]);
        sal_batch_run(w->ledger);
        assert_ok(jobs[0].status);
        assert_ok(jobs[1].status);
        world_batch(w);
        assert_int_equal(offers_in(w, SAL_OFFER_RECALLED), OUT);
        assert_int_equal(offers_in(w, SAL_OFFER_OFFERED), 0);
        assert_told(poll(w, .machine = "m-1224"), "offered");
}

/* Superseded with a thousand out: whoever asks next is offered the newer one at once, and a crash in between leaves no
 * offer of the older one out. */
static void superseded_with_a_thousand_out(void **state) {
        struct world *w = *state;
        enum { OUT = 1200 };
        many_out(w, OUT);
        make_ready(w, "new", 1, "{\"supersedes\":[\"fix\"]," ONE_RING_ROLLOUT "}");
        struct life_call starts = {.what = SAL_LIFE_START, .id = "new", .version = 1};
        struct world_job job = {.w = w, .run = life_job, .arg = &starts};
        world_queue(&job);
        sal_batch_run(w->ledger);
        assert_ok(job.status);
        struct sal_poll asks;
        fill_poll(&asks, &(struct ask){.machine = "m-1224"});
        struct world_job asking = {.w = w, .run = poll_job, .arg = &asks};
        world_queue(&asking);
        sal_batch_run(w->ledger);
        assert_ok(asking.status);
        struct told told = told_of(&asks);
        sal_poll_done(&asks);
        assert_told(told, "offered");
        assert_string_equal(told.campaign, "new");
        world_restart(w);
        assert_int_equal(offers_in(w, SAL_OFFER_RECALLED), OUT);
        assert_int_equal(sql_int(w, "SELECT count(DISTINCT cause) FROM offer WHERE state = 5"), 1);
        assert_int_equal(sql_int(w, "SELECT max(cause) FROM offer WHERE state = 5"), SAL_CAUSE_SUPERSEDED);
}

/* The poll itself brings the bad news, or is it: its own answer already knows. */
static void the_poll_that_halts(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix", FIVE);
        for (int n = 0; n < 5; n++)
                offers[n] = offer_to(w, machine_name(n + 1));
        for (int n = 0; n < 3; n++)
                assert_true(report(w, machine_name(n + 1), offers[n], "failed"));
        struct told told = poll(w, .machine = "m-0004", .boot = "boot-2", .reports = offers[3], .stage = "failed",
                                .report_boot = "boot-1");
        assert_true(told.accepted);
        assert_string_equal(told.report_state, "failed");
        assert_told(told, "halted");
        assert_offer(w, offers[4], "recalled", "halt");
}

/* A whole story with a crash after every step: nothing un-halts, un-pauses or re-opens, and everybody is told the same
 * before and after. */
static void a_crash_at_every_step(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", FIVE);
        static const struct {
                enum sal_life_act act;
                const char *state, *told;
        } steps[] = {{SAL_LIFE_PAUSE, "paused", "paused"},   {SAL_LIFE_RESUME, "active", "offered"},
                     {SAL_LIFE_HALT, "halted", "halted"},    {SAL_LIFE_RESUME, "active", "offered"},
                     {SAL_LIFE_PAUSE, "paused", "paused"},   {SAL_LIFE_HALT, "halted", "halted"},
                     {SAL_LIFE_RESUME, "active", "offered"}, {SAL_LIFE_WITHDRAW, NULL, "no_match"}};
        for (size_t n = 0; n < SAL_ARRAY_LEN(steps); n++) {
                assert_ok(life(w, steps[n].act, "fix"));
                for (int again = 0; again < 2; again++) {
                        if (steps[n].state)
                                assert_state(w, "fix", steps[n].state);
                        assert_told(poll(w, .machine = "m-0001"), steps[n].told);
                        kill_switch(w, true);
                        check_restart(w);
                        assert_told(poll(w, .machine = "m-0001"), "kill_switch");
                        int64_t resumed = verdicts(w, "fix", "resume");
                        kill_switch(w, false);
                        /* Nobody says resumed of what stays paused, halted or withdrawn. */
                        bool runs = steps[n].state && strcmp(steps[n].state, "active") == 0;
                        assert_int_equal(verdicts(w, "fix", "resume"), resumed + runs);
                        check_restart(w);
                }
        }
}

#define PLAYED(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                PLAYED(half_the_error_each_time),
                PLAYED(an_old_halt_is_quoted),
                PLAYED(what_was_pending_before_a_resume),
                PLAYED(a_release_takes_the_next_number),
                PLAYED(many_deadlines_in_one_second),
                PLAYED(nobody_sees_an_offer_after_the_halt),
                PLAYED(resumed_at_once),
                PLAYED(superseded_with_a_thousand_out),
                PLAYED(the_poll_that_halts),
                PLAYED(a_crash_at_every_step),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
