/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random days: machines, operators and time do whatever they can, in any order. At any time every sum equals a naive
 * recount, a restart gives the same engine, and what the snapshot answers is what the ledger would have answered. In
 * the end the journal alone gives every decision again (see checks.h).
 */
#include "service/limits.h"

#include "harness.h"

enum { MACHINES = 400, STEPS = 2500 };

static uint64_t seed;

/* SplitMix64. */
static int pick(int count) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return (int)((z ^ z >> 31) % (uint64_t)count);
}

static const char *some(const char *const *of, int count) {
        return of[pick(count)];
}

static const char *const all_facts[] = {FACTS, "{\"model\":\"B\",\"os\":\"windows\"}",
                                        "{\"model\":\"C\",\"os\":\"linux\"}",
                                        "{\"os\":\"windows\",\"os_version\":\"10.0.1\"}", "{}"};
static int boots[MACHINES]; /* how often each has booted */
static const char *const ids[] = {"fix", "other", "undo", "drill"};
static const char *const plans[] = {
        PLAN("\"in_flight\":{\"initial\":8,\"max\":100},\"outcome_deadline_seconds\":900,\"relapse_window_seconds\":"
             "3600"),
        ("{\"match\":{\"fact\":\"model\",\"in\":[\"A\",\"C\"]},\"rollout\":{\"halt_error\":0.5,\"rings\":["
         "{\"name\":\"canary\",\"share\":0.3,\"soak_seconds\":120,\"growth\":3},{\"name\":\"rest\",\"share\":0.7}]}}"),
        "{\"undoes\":\"fix\",\"priority\":7}", "{\"drill\":true,\"rollout\":{\"cohorts\":[\"model\"]}}"};

/* ---- polls, asked twice: of the snapshot and of the ledger ---- */

struct claims {
        long slots[SAL_LIVE_CAMPAIGNS_MAX];
};

static bool slots_differ(struct world *w, struct claims *claims, bool restore) {
        const struct sal_snapshot *snapshot = w->service->snapshots.current;
        bool differ = false;
        for (size_t i = 0; i < snapshot->count; i++) {
                long now = atomic_load(&snapshot->campaigns[i].launch->slots);
                differ |= restore && now != claims->slots[i];
                if (restore)
                        atomic_store(&snapshot->campaigns[i].launch->slots, claims->slots[i]);
                else
                        claims->slots[i] = now;
        }
        return differ;
}

static void random_poll(struct world *w) {
        int machine = pick(MACHINES);
        char boot[24];
        boots[machine] += pick(15) == 0;
        snprintf(boot, sizeof boot, "boot-%d", boots[machine]);
        struct ask ask = {.machine = machine_name(machine),
                          .boot = boot,
                          .facts = all_facts[pick(8) ? machine % 5 : pick(5)],
                          .reason = pick(5) ? SAL_POLL_BOOT_FAILURE : (enum sal_poll_reason)pick(3),
                          .can_healthy = pick(4) == 0,
                          .volume_locked = pick(20) == 0,
                          .anonymous = pick(10) == 0};
        struct sal_poll fast;
        struct claims claims;
        fill_poll(&fast, &ask);
        slots_differ(w, &claims, false);
        bool answered = sal_poll_fast(w->service, w->service->snapshots.current, &fast, world_wall_ms);
        bool claimed = slots_differ(w, &claims, true);
        struct told quick = told_of(&fast);
        sal_poll_done(&fast);
        /* Now and then the worker's answer stands, and only its sighting reaches the ledger. */
        struct told told = answered && pick(2) ? world_worker_poll(w, ask) : world_poll(w, ask);
        if (told.status == SAL_E_UNAUTHENTICATED)
                return;
        assert_ok(told.status);
        /* Behind a full cap workers look no labels up: what these leave out, only the ledger tells. */
        bool unlabelled = quick.reason == SAL_REASON_IN_FLIGHT_CAP && told.reason == SAL_REASON_RING_NOT_OPEN;
        if (answered && !unlabelled)
                assert_string_equal(sal_reason_name(quick.reason), sal_reason_name(told.reason));
        if (claimed)
                assert_string_equal(sal_reason_name(told.reason), "offered");
}

/* Mostly of an offer that is out, mostly good news. Models B and A break in different ways. */
static void random_report(struct world *w) {
        static const char *const stages[] = {"applied", "applied", "applied", "applied",        "healthy",
                                             "healthy", "healthy", "failed",  "not_applicable", "refused"};
        static const char *const unsettled = "SELECT row FROM offer WHERE state < 2 ORDER BY row DESC LIMIT 1 OFFSET ";
        char sql[160];
        snprintf(sql, sizeof sql, "%s%d", unsettled, pick(10));
        int64_t offer = sql_int(w, sql), newest = sql_int(w, "SELECT coalesce(max(row), 0) FROM offer");
        if (offer < 0 || pick(10) == 0)
                offer = newest ? 1 + pick((int)newest) : 0;
        if (!offer)
                return;
        snprintf(sql, sizeof sql,
                 "SELECT CAST(substr(m.id, 3) AS INTEGER) FROM machine m JOIN offer o "
                 "ON o.machine_row = m.row WHERE o.row = %" PRId64,
                 offer);
        int machine = (int)sql_int(w, sql);
        bool breaks = machine % 5 == 1 && pick(3) == 0;
        enum sal_status status;
        report_from(w, machine_name(machine), offer, breaks ? "failed" : some(stages, 10), offer_of(w, offer).boot_id,
                    &status);
        assert_true(status == SAL_OK || status == SAL_E_UNAUTHENTICATED || status == SAL_E_NOT_FOUND);
}

/* A campaign that lives was applied from a bundle somewhere. */
static void random_outcome(struct world *w) {
        static const char *const stages[] = {"applied", "healthy", "failed", "not_applicable", "refused"};
        const struct sal_live *live = live_of(w, ids[pick(4)]);
        if (!live)
                return;
        char boot[24];
        int machine = pick(MACHINES);
        snprintf(boot, sizeof boot, "boot-%d", boots[machine]);
        struct report_call call = {.machine = machine_name(machine), .identity = {.kind = SAL_IDENTITY_CERTIFICATE}};
        fill_report(&call.report, 1, some(stages, 5), boot);
        snprintf(call.report.campaign, sizeof call.report.campaign, "%s", live->row.id);
        call.report.version = live->row.version;
        snprintf(call.report.target_sha256, sizeof call.report.target_sha256, "%s", live->launch->sha256);
        enum sal_status status = world_run(w, report_job, &call);
        sal_report_done(&call.report);
        assert_true(status == SAL_OK || status == SAL_E_UNAUTHENTICATED);
}

/* ---- operators ---- */

static void random_machine_change(struct world *w) {
        static const char *const changes[] = {"{\"pin\":\"canary\"}",
                                              "{\"pin\":\"early\"}",
                                              "{\"pin\":null}",
                                              "{\"opt_out\":true}",
                                              "{\"opt_out\":false}",
                                              "{\"labels\":{\"site\":\"berlin\"}}",
                                              "{\"labels\":{\"site\":\"paris\"}}",
                                              NULL};
        char line[200];
        const char *machine = machine_name(pick(MACHINES));
        if (pick(3)) {
                struct fleet_call call = {machine, changes[pick(12) ? pick(7) : 7]};
                enum sal_status status = world_run(w, change_job, &call);
                assert_true(status == SAL_OK || status == SAL_E_NOT_FOUND);
                return;
        }
        snprintf(line, sizeof line, "{\"machine_id\":\"%s\",\"facts\":%s}", machine, some(all_facts, 5));
        import(w, line);
}

static enum sal_status new_image_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        struct sal_enrollment enrollment = {.facts_text = arg};
        sal_autojson json_t *body = json_pack("{s:b,s:b}", "reenroll", 1, "reimaged", pick(2));
        assert_ok(sal_tokens_create(&act, body, &w->json, &w->err));
        const char *secret = json_string_value(json_object_get(w->json, "token"));
        sal_secret_token_digest(secret, strlen(secret), enrollment.token_sha256);
        snprintf(enrollment.machine_id, sizeof enrollment.machine_id, "%s", machine_name(pick(MACHINES)));
        return sal_enroll_run(w->service, tx, &enrollment, &w->err);
}

static void random_new_image(struct world *w) {
        sal_autofree char *facts = pick(2) ? strdup(some(all_facts, 5)) : NULL;
        assert_ok(world_run(w, new_image_job, facts));
}

static enum sal_status limits_job(struct world *w, struct sal_tx *tx, void *arg) {
        const struct sal_live *live = arg;
        const struct sal_plan *plan = &live->launch->campaign->plan;
        struct sal_act act = world_act(w, tx, "ann");
        char opens[SAL_TIME_BYTES];
        sal_time_format(world_wall_ms + pick(600) * SECOND_MS, opens);
        sal_autojson json_t *limits = json_object();
        if (pick(3) == 0)
                json_object_set_new(limits, "in_flight_max", json_integer(1 + pick(20)));
        if (pick(3) == 0 && live->row.rings_open < (int64_t)plan->ring_count)
                json_object_set_new(limits, "opens", json_pack("{s:s}", plan->rings[live->row.rings_open].name, opens));
        if (pick(3) == 0)
                json_object_set_new(limits, "only", json_pack("{s:{s:[s]}}", "labels", "site", "berlin"));
        if (pick(3) == 0)
                json_object_set_new(limits, "windows",
                                    json_pack("[{s:s,s:s},{s:s,s:s}]", "from", "06:00", "to", "06:30", "from", "07:00",
                                              "to", "23:00"));
        sal_autojson json_t *body = json_pack("{s:s,s:O}", "reason", "because", "limits", limits);
        return sal_campaign_limits_set(&act, live->row.id, live->row.version, body, &w->json, &w->err);
}

static void random_limits(struct world *w) {
        struct sal_live *live = live_of(w, ids[pick(4)]);
        if (live && sal_campaign_live(live->row.state))
                assert_ok(world_run(w, limits_job, live));
}

static void random_life(struct world *w) {
        static int64_t newest_version;
        int which = pick(4);
        const struct sal_live *live = live_of(w, ids[which]);
        if (!live || !sal_campaign_live(live->row.state)) {
                make_ready(w, ids[which], ++newest_version, plans[which]);
                enum sal_status status = life(w, SAL_LIFE_START, ids[which], .version = newest_version);
                assert_true(status == SAL_OK || status == SAL_E_CONFLICT);
                return;
        }
        static const enum sal_life_act acts[] = {SAL_LIFE_PAUSE,  SAL_LIFE_RESUME, SAL_LIFE_RESUME,  SAL_LIFE_RESUME,
                                                 SAL_LIFE_RESUME, SAL_LIFE_HALT,   SAL_LIFE_ADVANCE, SAL_LIFE_RESUME};
        enum sal_life_act act = pick(30) ? acts[pick(8)] : SAL_LIFE_WITHDRAW;
        char id[24];
        snprintf(id, sizeof id, "d%" PRId64, live->row.halt_decision);
        const char *cohort = act == SAL_LIFE_RESUME && pick(3) == 0 ? "model=A" : NULL;
        enum sal_status status =
                life(w, act, ids[which], .version = live->row.version, .acknowledge = id, .cohort = cohort);
        assert_true(status == SAL_OK || status == SAL_E_CONFLICT || status == SAL_E_ACKNOWLEDGE);
}

static void random_step(struct world *w) {
        static const int seconds[] = {1, 1, 1, 10, 59, 120, 600};
        int what = pick(1000);
        if (what < 560)
                random_poll(w);
        else if (what < 860)
                random_report(w);
        else if (what < 880)
                random_outcome(w);
        else if (what < 930)
                pass(w, seconds[pick(7)]);
        else if (what < 960)
                random_machine_change(w);
        else if (what < 970)
                random_new_image(w);
        else if (what < 974)
                random_limits(w);
        else if (what < 996)
                random_life(w);
        else
                kill_switch(w, true);
        if (w->service->engine->kill_switch && pick(10) == 0)
                kill_switch(w, false);
}

static void random_days(struct world *w, uint64_t first) {
        seed = first;
        memset(boots, 0, sizeof boots);
        for (int step = 1; step <= STEPS; step++) {
                random_step(w);
                if (step % 10 == 0) {
                        check_population(w);
                        check_sums(w);
                }
                if (step % 100 == 0)
                        check_restart(w);
        }
}

static void random_days_1(void **state) {
        random_days(*state, 1);
}

static void random_days_2(void **state) {
        random_days(*state, 20240719);
}

/* Strangers are served, too. */
static void random_days_with_strangers(void **state) {
        struct world *w = *state;
        w->anonymous_poll = true;
        w->anonymous_offers_max = 3;
        world_restart(w);
        random_days(w, 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(random_days_1, world_setup, world_done),
                cmocka_unit_test_setup_teardown(random_days_2, world_setup, world_done),
                cmocka_unit_test_setup_teardown(random_days_with_strangers, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
