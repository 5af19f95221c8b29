/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A halt answers at once, and its recalls follow piece by piece. Whoever looks in between finds the offer recalled, as
 * if it had been so from the beginning, and what is left of the pieces makes no difference later.
 */
#include "harness.h"

/* More than two pieces. The first two machines have settled theirs, so that the cap lets the others have one each. */
enum { OFFERS = 1300, FIRST = 3, LAST = FIRST + OFFERS - 1, PIECE = 512 };

#define WIDE                                                                                   \
        PLAN("\"rings\":[{\"name\":\"all\",\"share\":1,\"soak_seconds\":60,\"growth\":1000}]," \
             "\"cohorts\":[],\"max_attempts\":2,\"outcome_deadline_seconds\":600")

static void make_offers(struct world *w) {
        know_fleet(w, 20);
        start(w, "fix", WIDE);
        for (int n = 1; n < FIRST; n++)
                assert_true(report(w, machine_name(n), offer_to(w, machine_name(n)), "healthy"));
        struct sal_poll *polls = calloc(OFFERS, sizeof *polls);
        struct world_job *jobs = calloc(OFFERS, sizeof *jobs);
        for (int n = 0; n < OFFERS; n++) {
                fill_poll(&polls[n], &(struct ask){.machine = machine_name(FIRST + n)});
                jobs[n] = (struct world_job){.w = w, .run = poll_job, .arg = &polls[n]};
                world_queue(&jobs[n]);
                if (n % 200 == 199 || n == OFFERS - 1)
                        sal_batch_run(w->ledger);
        }
        world_batch(w);
        for (int n = 0; n < OFFERS; n++) {
                assert_int_equal(polls[n].offer_row, FIRST + n); /* offers are numbered like the machines */
                sal_poll_done(&polls[n]);
        }
        free(polls);
        free(jobs);
        assert_int_equal(live_of(w, "fix")->row.unsettled, OFFERS);
}

/* In one batch, which no piece has begun: an act of the operator's, then whatever `then` does. */
struct burst {
        struct life_call act;
        void (*then)(struct world *w, struct sal_tx *tx);
};

static enum sal_status burst_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct burst *burst = arg;
        enum sal_status status = life_job(w, tx, &burst->act);
        if (!status && burst->then)
                burst->then(w, tx);
        return status;
}

static void act_then(struct world *w, enum sal_life_act act, void (*then)(struct world *w, struct sal_tx *tx)) {
        struct burst burst = {.act = {.what = act, .id = "fix", .version = 1}, .then = then};
        struct world_job job = {.w = w, .run = burst_job, .arg = &burst};
        world_queue(&job);
        sal_batch_run(w->ledger);
        assert_ok(job.status);
}

static int64_t recalled(struct world *w, const char *cause) {
        char sql[120];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM offer WHERE state = 5 AND cause = %d", sal_cause_parse(cause));
        return sql_int(w, sql);
}

static void assert_all_recalled(struct world *w, const char *cause, int64_t count) {
        world_batch(w);
        assert_int_equal(recalled(w, cause), count);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM offer WHERE state = 0"), 0);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE type = 6"), count);
        assert_int_equal(sql_int(w, "SELECT recall_row FROM campaign"), 0);
        assert_int_equal(sql_int(w, "SELECT unsettled FROM campaign"), 0);
        assert_int_equal(sql_int(w, "SELECT recalled FROM campaign"), count);
}

static void it_goes_in_pieces(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_HALT, NULL);
        assert_state(w, "fix", "halted");
        assert_int_equal(recalled(w, "halt"), 0);
        assert_int_equal(live_of(w, "fix")->row.recall_row, LAST);
        for (int64_t before = 0; before < OFFERS;) {
                assert_int_equal(sal_service_hooks.next_wake_ms(w->service->engine), 0); /* at once */
                sal_batch_run(w->ledger);
                int64_t now = recalled(w, "halt");
                assert_in_range(now - before, 1, PIECE);
                before = now;
        }
        assert_all_recalled(w, "halt", OFFERS);
}

/* ---- who looks in between ---- */

static struct told poll_now(struct world *w, struct sal_tx *tx, struct ask ask) {
        struct sal_poll poll;
        fill_poll(&poll, &ask);
        enum sal_status status = sal_poll_run(w->service, tx, &poll, &w->err);
        struct told told = told_of(&poll);
        told.status = status;
        sal_poll_done(&poll);
        return told;
}

static const char *report_now(struct world *w, struct sal_tx *tx, int number, const char *stage, const char *boot) {
        struct report_call call = {.machine = machine_name(number), .identity = {.kind = SAL_IDENTITY_CERTIFICATE}};
        fill_report(&call.report, number, stage, boot);
        assert_ok(report_job(w, tx, &call));
        assert_false(call.report.accepted);
        sal_report_done(&call.report);
        return call.report.state;
}

static void assert_row(struct sal_tx *tx, int number, const char *state, const char *cause) {
        struct sal_offer offer;
        assert_ok(sal_offer_get(tx, number, &offer));
        assert_string_equal(sal_offer_state_name(offer.state), state);
        assert_string_equal(sal_cause_name(offer.cause), cause);
}

static void everybody_looks(struct world *w, struct sal_tx *tx) {
        assert_row(tx, 500, "offered", "");
        assert_told(poll_now(w, tx, (struct ask){.machine = machine_name(500)}), "halted");
        assert_row(tx, 500, "recalled", "halt");
        assert_told(poll_now(w, tx, (struct ask){.machine = machine_name(501), .boot = "boot-2"}), "halted");
        assert_row(tx, 501, "recalled", "halt"); /* and not repolled */
        assert_string_equal(report_now(w, tx, 502, "failed", "boot-1"), "recalled");
        assert_row(tx, 502, "recalled", "halt");
        assert_string_equal(report_now(w, tx, 503, "applied", "another-boot"), "recalled");
        assert_string_equal(report_now(w, tx, 504, "applied", "boot-1"), "recalled");
        struct sal_offer late;
        assert_ok(sal_offer_get(tx, 504, &late));
        assert_true(late.late_applied);
        struct fleet_call opt_out = {machine_name(505), "{\"opt_out\":true}"}, gone = {machine_name(506), NULL};
        assert_ok(change_job(w, tx, &opt_out));
        assert_row(tx, 505, "recalled", "halt");
        assert_ok(change_job(w, tx, &gone));
        assert_row(tx, 506, "recalled", "halt");
        assert_row(tx, 507, "offered", "");
}

static void whoever_looks_finds_it_recalled(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_HALT, everybody_looks);
        assert_all_recalled(w, "halt", OFFERS);
        assert_int_equal(live_of(w, "fix")->row.failed, 0);
        assert_int_equal(live_of(w, "fix")->row.silent, 0);
        assert_told(poll(w, .machine = machine_name(LAST)), "halted");
}

static enum sal_status list_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        struct sal_page page = {.limit = 1000, .cursor = ""};
        return sal_campaign_offers(&act, "fix", 1, arg, &page, &w->json, &w->err);
}

static void lists_look(struct world *w, struct sal_tx *tx) {
        size_t index;
        json_t *item;
        assert_ok(list_job(w, tx, (void *)(uintptr_t) "offered"));
        assert_int_equal(json_array_size(json_object_get(w->json, "items")), 0);
        assert_true(json_is_string(json_object_get(w->json, "next_cursor"))); /* a page may be short */
        assert_ok(list_job(w, tx, NULL));
        json_array_foreach (json_object_get(w->json, "items"), index, item) {
                assert_string_equal(text_in(item, "state"), index < FIRST - 1 ? "succeeded" : "recalled");
                assert_string_equal(text_in(item, "cause"), index < FIRST - 1 ? "" : "halt");
        }
        assert_int_equal(index, 1000);
}

static void lists_tell_the_truth(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_HALT, lists_look);
        assert_all_recalled(w, "halt", OFFERS);
}

/* ---- what may come in between ---- */

static void a_deadline_in_between_is_nobodys_silence(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_HALT, NULL);
        pass(w, HOUR);
        assert_int_equal(live_of(w, "fix")->row.silent, 0);
        assert_all_recalled(w, "halt", OFFERS);
}

static void a_restart_in_between_goes_on(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_HALT, NULL);
        sal_batch_run(w->ledger);
        assert_in_range(recalled(w, "halt"), 1, PIECE);
        world_restart(w);
        assert_all_recalled(w, "halt", OFFERS);
}

static void resume_and_poll(struct world *w, struct sal_tx *tx) {
        struct life_call resume = {.what = SAL_LIFE_RESUME, .id = "fix", .version = 1};
        assert_ok(life_job(w, tx, &resume));
        /* Nothing of the cap is free but what two successes made of it. */
        struct told told = poll_now(w, tx, (struct ask){.machine = machine_name(LAST)});
        assert_told(told, "offered");
        assert_int_equal(told.offer, LAST + 1);
        assert_int_equal(told.attempt, 1); /* the recalled one was none */
        assert_row(tx, LAST, "recalled", "halt");
        assert_row(tx, LAST + 1, "offered", "");
        assert_told(poll_now(w, tx, (struct ask){.machine = "another"}), "offered");
}

static void a_resume_in_between_takes_nothing_of_what_follows(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_HALT, resume_and_poll);
        assert_int_equal(live_of(w, "fix")->row.unsettled, OFFERS + 1);
        world_batch(w);
        assert_int_equal(recalled(w, "halt"), OFFERS);
        assert_int_equal(live_of(w, "fix")->row.unsettled, 2);
        assert_int_equal(live_of(w, "fix")->row.recall_row, 0);
        assert_offer(w, LAST + 1, "offered", "");
        assert_told(poll(w, .machine = machine_name(LAST)), "offered");
        assert_int_equal(sql_int(w, "SELECT standing FROM machine WHERE id = 'another'"), SAL_STANDING_OFFERED);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine WHERE standing = 3"), 2);
}

static void halt_again(struct world *w, struct sal_tx *tx) {
        resume_and_poll(w, tx);
        struct life_call withdraw = {.what = SAL_LIFE_WITHDRAW, .id = "fix", .version = 1};
        assert_ok(life_job(w, tx, &withdraw));
}

static void the_newest_recall_holds_for_all_that_is_left(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_HALT, halt_again);
        world_batch(w);
        assert_int_equal(recalled(w, "halt"), 1);
        assert_int_equal(recalled(w, "withdrawn"), OFFERS + 1);
        assert_int_equal(sql_int(w, "SELECT unsettled FROM campaign"), 0);
        assert_null(live_of(w, "fix"));
}

static void an_ended_one_stays_until_all_are_recalled(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_WITHDRAW, NULL);
        assert_non_null(live_of(w, "fix"));
        sal_batch_run(w->ledger);
        world_restart(w);
        assert_all_recalled(w, "withdrawn", OFFERS);
        assert_null(live_of(w, "fix"));
}

static void expiry_recalls_in_pieces(void **state) {
        struct world *w = *state;
        make_offers(w);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        world_wall_ms += 20 * INT64_C(86400000);
        sal_batch_run(w->ledger);
        assert_in_range(recalled(w, "expired"), 0, PIECE);
        assert_all_recalled(w, "expired", OFFERS);
        assert_null(live_of(w, "fix"));
}

/* The journal refuses a row of a piece (its first one, for however slow the machine is, a piece has that): the piece is
 * lost, and done again. */
static void a_refused_piece_is_tried_again(void **state) {
        struct world *w = *state;
        make_offers(w);
        act_then(w, SAL_LIFE_HALT, NULL);
        char sql[200];
        snprintf(sql, sizeof sql,
                 "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.journal WHEN NEW.seq = %" PRId64
                 " BEGIN SELECT raise(ABORT, 'refused by the test'); END",
                 sql_int(w, "SELECT max(seq) FROM journal") + 1);
        assert_int_equal(sqlite3_exec(w->ledger->db, sql, NULL, NULL, NULL), SQLITE_OK);
        sal_batch_run(w->ledger);
        assert_int_equal(recalled(w, "halt"), 0);
        assert_int_equal(live_of(w, "fix")->row.recall_row, LAST);
        assert_int_equal(sqlite3_exec(w->ledger->db, "DROP TRIGGER refuse", NULL, NULL, NULL), SQLITE_OK);
        sal_batch_run(w->ledger);
        assert_all_recalled(w, "halt", OFFERS);
}

static int64_t hasty_mono(void) {
        world_mono_ms += 30;
        return world_mono_ms;
}

static int64_t still_to_recall(struct world *w) {
        return (live_of(w, "a")->row.recall_row != 0) + (live_of(w, "b")->row.recall_row != 0) +
               (live_of(w, "c")->row.recall_row != 0);
}

/* When the ledger has no time, one campaign gets its turn in each batch, and every campaign one. */
static void campaigns_take_turns(void **state) {
        struct world *w = *state;
        static const char *const names[] = {"a", "b", "c"};
        struct world_job jobs[3];
        struct life_call calls[3];
        for (int i = 0; i < 3; i++) {
                char match[200], facts[40];
                snprintf(match, sizeof match, "{" ONE_RING_ROLLOUT ",\"match\":{\"fact\":\"os\",\"eq\":\"%s\"}}",
                         names[i]);
                snprintf(facts, sizeof facts, "{\"os\":\"%s\"}", names[i]);
                start(w, names[i], match);
                assert_told(poll(w, .machine = names[i], .facts = facts), "offered");
        }
        for (int i = 0; i < 3; i++) {
                calls[i] = (struct life_call){.what = SAL_LIFE_HALT, .id = names[i], .version = 1};
                jobs[i] = (struct world_job){.w = w, .run = life_job, .arg = &calls[i]};
                world_queue(&jobs[i]);
        }
        sal_batch_run(w->ledger);
        assert_int_equal(still_to_recall(w), 3);
        w->ledger->mono_ms = hasty_mono;
        for (int left = 2; left >= 0; left--) {
                assert_false(world_at_rest(w));
                sal_batch_run(w->ledger);
                assert_int_equal(still_to_recall(w), left);
        }
        w->ledger->mono_ms = world_mono;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(it_goes_in_pieces),
                TEST(whoever_looks_finds_it_recalled),
                TEST(lists_tell_the_truth),
                TEST(a_deadline_in_between_is_nobodys_silence),
                TEST(a_restart_in_between_goes_on),
                TEST(a_resume_in_between_takes_nothing_of_what_follows),
                TEST(the_newest_recall_holds_for_all_that_is_left),
                TEST(an_ended_one_stays_until_all_are_recalled),
                TEST(expiry_recalls_in_pieces),
                TEST(a_refused_piece_is_tried_again),
                TEST(campaigns_take_turns),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
