/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out anywhere in a batch: what was answered with a failure did not happen, on disk or in memory; what
 * was answered with success did. */
#include "harness.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#if !defined(OWN_ALLOCATOR) && defined(__GLIBC__)
#define OWN_ALLOCATOR 1
#endif

/* ---- the allocator: the n-th allocation of the batch fails ---- */

enum scarcity {
        ONE_FAILS, /* one of jansson's, whose failures are the easiest to miss: a member less */
        ALL_FAIL,  /* and all behind it; with a sanitizer, which brings its own allocator, jansson's */
};

static int64_t left = -1; /* allocations until it fails; -1: memory is there */
static enum scarcity scarcity;
static bool has_failed;

static bool fails_now(void) {
        if (left < 0 || left-- > 0)
                return false;
        left = scarcity == ALL_FAIL ? 0 : -1;
        has_failed = true;
        return true;
}

static void *malloc_of_jansson(size_t size) {
        return (scarcity == ONE_FAILS || !OWN_ALLOCATOR) && fails_now() ? NULL : malloc(size);
}

#if OWN_ALLOCATOR
/* In the place of glibc's, for everything in this process. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size) {
        return scarcity == ALL_FAIL && fails_now() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
        return scarcity == ALL_FAIL && fails_now() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
        return scarcity == ALL_FAIL && fails_now() ? NULL : __libc_realloc(old, size);
}
#endif

/* ---- a batch that runs short: from the act on, and in what is written before the commit ---- */

struct act {
        enum sal_status (*run)(struct world *w, struct sal_tx *tx, struct act *act);
        int64_t offer;
        int64_t fails_at;
        struct sal_report report;
        struct sal_poll poll;
};

static enum sal_status before_commit(struct sal_tx *tx, void *arg) {
        enum sal_status status = sal_service_hooks.before_commit(tx, arg);
        left = -1;
        return status;
}

static enum sal_status run_short(struct world *w, struct sal_tx *tx, void *arg) {
        struct act *act = arg;
        return act->run(w, tx, act);
}

static enum sal_status life_act(struct world *w, struct sal_tx *tx, struct act *act, enum sal_life_act what) {
        sal_autojson json_t *body = json_pack("{s:s}", "reason", "because");
        struct sal_act by = world_act(w, tx, "ann");
        left = act->fails_at;
        return sal_campaign_life(&by, what, "fix", 1, body, &w->json, &w->err);
}

static enum sal_status pause_act(struct world *w, struct sal_tx *tx, struct act *act) {
        return life_act(w, tx, act, SAL_LIFE_PAUSE);
}

static enum sal_status halt_act(struct world *w, struct sal_tx *tx, struct act *act) {
        return life_act(w, tx, act, SAL_LIFE_HALT);
}

static enum sal_status withdraw_act(struct world *w, struct sal_tx *tx, struct act *act) {
        return life_act(w, tx, act, SAL_LIFE_WITHDRAW);
}

static const struct sal_identity certificate = {.kind = SAL_IDENTITY_CERTIFICATE};

static enum sal_status report_act(struct world *w, struct sal_tx *tx, struct act *act) {
        left = act->fails_at;
        return sal_report_run(w->service, tx, "m-0004", &certificate, &act->report, &w->err);
}

static enum sal_status poll_act(struct world *w, struct sal_tx *tx, struct act *act) {
        left = act->fails_at;
        return sal_poll_run(w->service, tx, &act->poll, &w->err);
}

static enum sal_status run_batch(struct world *w, struct act *act) {
        fill_report(&act->report, act->offer, "failed", NULL);
        fill_poll(&act->poll, &(struct ask){.machine = "m-0007"});
        struct world_job job = {.w = w, .run = run_short, .arg = act};
        has_failed = false;
        w->err = (struct sal_err){0};
        world_queue(&job);
        sal_batch_run(w->ledger);
        left = -1;
        w->ledger->spared_until_ms = 0; /* the next attempt comes at once */
        sal_report_done(&act->report);
        sal_poll_done(&act->poll);
        return job.status;
}

/* Five are out, three have failed: the next failure halts. */
static int64_t prepare(struct world *w) {
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "fix", SIMPLE);
        for (int i = 0; i < 5; i++)
                offers[i] = offer_to(w, machine_name(i + 1));
        for (int i = 0; i < 3; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
        return offers[3];
}

static int64_t newest_event(struct world *w) {
        return sql_int(w, "SELECT max(seq) FROM journal");
}

/* What the disk says of it, of the machines and of the offers, as one number each. */
static int64_t stored_sum(struct world *w) {
        return sql_int(w, "SELECT 1000000 * (SELECT state + 100 * recall_row FROM campaign) + "
                          "1000 * (SELECT total(standing) FROM machine) + "
                          "(SELECT total(1 + state + 8 * cause) FROM offer)");
}

/* What was answered with success happened, even where a failure on the way could be got over. */
static void check_done(struct world *w, int64_t seq) {
        assert_int_not_equal(newest_event(w), seq);
        world_batch(w);
        check_restart(w);
}

/* Every allocation in turn; the world goes on as if nothing had been until one attempt goes through. Where that one got
 * over its failure (a line of the log less), a new world goes on from the next allocation. */
static int64_t run_out_from(struct world *w, enum scarcity how, int64_t fails_at,
                            enum sal_status (*run)(struct world *w, struct sal_tx *tx, struct act *act)) {
        struct act act = {.run = run, .offer = prepare(w), .fails_at = fails_at};
        scarcity = how;
        w->ledger->hooks.before_commit = before_commit;
        world_batch(w);
        int64_t seq = newest_event(w), stored = stored_sum(w);
        sal_autofree char *before = engine_text(w);
        for (; run_batch(w, &act); act.fails_at++) {
                assert_true(has_failed);
                assert_int_equal(newest_event(w), seq);
                assert_int_equal(stored_sum(w), stored);
                world_batch(w); /* counts the fleet again */
                sal_autofree char *after = engine_text(w);
                assert_string_equal(after, before);
                check_population(w);
        }
        check_done(w, seq);
        return has_failed ? act.fails_at + 1 : -1;
}

static void run_out_of(enum scarcity how, enum sal_status (*run)(struct world *w, struct sal_tx *tx, struct act *act)) {
        for (int64_t next = 0, from = 0; next >= 0; from = next) {
                void *state = NULL;
                world_setup(&state);
                next = run_out_from(state, how, from, run);
                assert_true(next < 5000);
                world_done(&state);
        }
}

#define RUNS_OUT(name, how, run)         \
        static void name(void **state) { \
                (void)state;             \
                run_out_of(how, run);    \
        }

RUNS_OUT(a_pause_one_fails, ONE_FAILS, pause_act)
RUNS_OUT(a_pause_all_fail, ALL_FAIL, pause_act)
RUNS_OUT(a_halt_all_fail, ALL_FAIL, halt_act)
RUNS_OUT(a_withdrawal_all_fail, ALL_FAIL, withdraw_act)
RUNS_OUT(a_report_that_halts_one_fails, ONE_FAILS, report_act)
RUNS_OUT(a_report_that_halts_all_fail, ALL_FAIL, report_act)
RUNS_OUT(a_poll_that_brings_an_offer_one_fails, ONE_FAILS, poll_act)
RUNS_OUT(a_poll_that_brings_an_offer_all_fail, ALL_FAIL, poll_act)

/* What is refused changes nothing, and costs nobody else anything. */
static enum sal_status refused_job(struct world *w, struct sal_tx *tx, void *arg) {
        (void)arg;
        return life_job(w, tx, &(struct life_call){.what = SAL_LIFE_RESUME, .id = "fix", .version = 1});
}

static void a_refusal_rolls_nothing_back(void **state) {
        struct world *w = *state;
        struct sal_poll asks;
        prepare(w);
        fill_poll(&asks, &(struct ask){.machine = "m-0007"});
        const struct sal_live *live = live_of(w, "fix");
        struct world_job refused = {.w = w, .run = refused_job}, asked = {.w = w, .run = poll_job, .arg = &asks};
        world_queue(&asked);
        world_queue(&refused);
        sal_batch_run(w->ledger);
        assert_int_equal(refused.status, SAL_E_CONFLICT);
        assert_ok(asked.status);
        assert_int_not_equal(asks.offer_row, 0);
        assert_ptr_equal(live_of(w, "fix"), live); /* nothing was loaded again */
        assert_int_equal(sql_int(w, "SELECT count(*) FROM offer"), 6);
        sal_poll_done(&asks);
}

int main(void) {
        json_set_alloc_funcs(malloc_of_jansson, free);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pause_one_fails),
                cmocka_unit_test(a_pause_all_fail),
                cmocka_unit_test(a_halt_all_fail),
                cmocka_unit_test(a_withdrawal_all_fail),
                cmocka_unit_test(a_report_that_halts_one_fails),
                cmocka_unit_test(a_report_that_halts_all_fail),
                cmocka_unit_test(a_poll_that_brings_an_offer_one_fails),
                cmocka_unit_test(a_poll_that_brings_an_offer_all_fail),
                cmocka_unit_test_setup_teardown(a_refusal_rolls_nothing_back, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
