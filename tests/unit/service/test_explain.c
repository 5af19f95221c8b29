/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explain against polls, on random days with a clock of their own: whatever machines, operators and time have done,
 * what explain says of a machine is what a poll of its newest boot is then answered. And preview's pages against the
 * engine's own count.
 */
#include "service/limits.h"

#include "harness.h"

enum { MACHINES = 30, STEPS = 1500 };

static uint64_t seed;
static int boots[MACHINES];
static bool seen[MACHINES];

/* SplitMix64. */
static int pick(int count) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return (int)((z ^ z >> 31) % (uint64_t)count);
}

static const char *const all_facts[] = {FACTS, "{\"model\":\"B\",\"os\":\"windows\"}",
                                        "{\"model\":\"C\",\"os\":\"linux\"}"};
static const char *const ids[] = {"fix", "other", "undo", "drill"};
static const char *const plans[] = {
        PLAN("\"in_flight\":{\"initial\":8,\"max\":100},\"outcome_deadline_seconds\":900,\"relapse_window_seconds\":"
             "600"),
        ("{\"match\":{\"fact\":\"model\",\"in\":[\"A\",\"C\"]},\"priority\":2,\"rollout\":{\"halt_error\":0.5,"
         "\"rings\":["
         "{\"name\":\"canary\",\"share\":0.3,\"soak_seconds\":120,\"growth\":3},{\"name\":\"rest\",\"share\":0.7}]}}"),
        "{\"undoes\":\"fix\",\"priority\":7}", "{\"drill\":true,\"rollout\":{\"cohorts\":[\"model\"]}}"};

/* ---- explain, then poll ---- */

static enum sal_status explain_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        return sal_fleet_explain(&act, arg, &w->json, &w->err);
}

static const char *text_of(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

static int explained[SAL_REASONS];

static struct ask ask_of(int machine, char boot[static 24]) {
        snprintf(boot, 24, "boot-%d", boots[machine]);
        return (struct ask){.machine = machine_name(machine), .boot = boot, .facts = all_facts[machine % 3]};
}

/* Every campaign has a sentence of one line; the whole answer is what the poll gets. */
static void explain_and_poll(struct world *w, int machine) {
        char boot[24], reason[40], directive[16], campaign[SAL_CAMPAIGN_ID_BYTES], sentence[1200];
        struct ask ask = ask_of(machine, boot);
        char name[16];
        snprintf(name, sizeof name, "%s", ask.machine);
        ask.machine = name;
        int64_t before = sql_int(w, "SELECT max(seq) FROM journal");
        enum sal_status status = world_run(w, explain_job, name);
        if (status == SAL_E_NOT_FOUND)
                return;
        assert_ok(status);
        assert_int_equal(sql_int(w, "SELECT max(seq) FROM journal"), before);
        snprintf(reason, sizeof reason, "%s", text_of(w->json, "reason"));
        snprintf(directive, sizeof directive, "%s", text_of(w->json, "directive"));
        snprintf(campaign, sizeof campaign, "%s", text_of(w->json, "campaign"));
        snprintf(sentence, sizeof sentence, "%s", text_of(w->json, "sentence"));
        const json_t *campaigns = json_object_get(w->json, "campaigns");
        for (size_t i = 0; i < json_array_size(campaigns); i++) {
                const char *one = text_of(json_array_get(campaigns, i), "sentence");
                assert_true(*one && one[strlen(one) - 1] == '.' && !strchr(one, '\n'));
        }
        /* `requested` settles nothing of an earlier boot, as explain has it. */
        ask.reason = SAL_POLL_REQUESTED;
        struct told told = world_poll(w, ask);
        assert_ok(told.status);
        if (strcmp(sal_reason_name(told.reason), reason) != 0)
                fail_msg("%s: explained as %s (%s), polled as %s", name, reason, sentence,
                         sal_reason_name(told.reason));
        assert_string_equal(sal_directive_name(told.directive), directive);
        if (told.offer)
                assert_string_equal(told.campaign, campaign);
        explained[told.reason]++;
}

/* ---- what happens meanwhile ---- */

static void random_poll(struct world *w) {
        char boot[24];
        int machine = pick(MACHINES);
        boots[machine] += pick(8) == 0;
        struct ask ask = ask_of(machine, boot);
        ask.can_healthy = pick(4) == 0;
        ask.reason = pick(6) ? SAL_POLL_BOOT_FAILURE : SAL_POLL_DRILL;
        ask.volume_locked = pick(20) == 0;
        assert_ok(world_poll(w, ask).status);
        seen[machine] = true;
}

static void random_report(struct world *w) {
        static const char *const stages[] = {"applied", "applied", "healthy",        "healthy",
                                             "healthy", "failed",  "not_applicable", "refused"};
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT row FROM offer WHERE state < 2 ORDER BY row DESC LIMIT 1 OFFSET %d", pick(6));
        int64_t offer = sql_int(w, sql), newest = sql_int(w, "SELECT coalesce(max(row), 0) FROM offer");
        if (offer < 0)
                offer = newest ? 1 + pick((int)newest) : 0;
        if (!offer)
                return;
        snprintf(sql, sizeof sql,
                 "SELECT CAST(substr(m.id, 3) AS INTEGER) FROM machine m JOIN offer o ON o.machine_row = m.row WHERE "
                 "o.row = %" PRId64,
                 offer);
        enum sal_status status;
        report_from(w, machine_name((int)sql_int(w, sql)), offer, stages[pick(8)], offer_of(w, offer).boot_id, &status);
}

static enum sal_status limits_job(struct world *w, struct sal_tx *tx, void *arg) {
        static const char *const limits[] = {"{}", "{\"in_flight_max\":1}",
                                             "{\"only\":{\"labels\":{\"site\":[\"berlin\"]}}}",
                                             "{\"windows\":[{\"from\":\"05:00\",\"to\":\"05:30\"}]}",
                                             "{\"only\":{\"machines\":[\"m-0001\",\"m-0002\",\"m-0003\"]}}"};
        const struct sal_live *live = arg;
        struct sal_act act = world_act(w, tx, "ann");
        sal_autojson json_t *value = json_loads(limits[pick(5)], 0, NULL);
        sal_autojson json_t *body = json_pack("{s:s,s:O}", "reason", "because", "limits", value);
        return sal_campaign_limits_set(&act, live->row.id, live->row.version, body, &w->json, &w->err);
}

static void random_life(struct world *w) {
        static int64_t newest_version;
        static const enum sal_life_act acts[] = {SAL_LIFE_PAUSE,  SAL_LIFE_RESUME, SAL_LIFE_RESUME,
                                                 SAL_LIFE_RESUME, SAL_LIFE_HALT,   SAL_LIFE_RESUME};
        int which = pick(4);
        struct sal_live *live = live_of(w, ids[which]);
        if (!live || !sal_campaign_live(live->row.state)) {
                make_ready(w, ids[which], ++newest_version, plans[which]);
                life(w, SAL_LIFE_START, ids[which], .version = newest_version);
                return;
        }
        if (pick(4) == 0) {
                assert_ok(world_run(w, limits_job, live));
                return;
        }
        char id[24];
        snprintf(id, sizeof id, "d%" PRId64, live->row.halt_decision);
        life(w, pick(20) ? acts[pick(6)] : SAL_LIFE_WITHDRAW, ids[which], .version = live->row.version,
             .acknowledge = id);
}

static void random_machine_change(struct world *w) {
        static const char *const changes[] = {"{\"pin\":\"canary\"}", "{\"pin\":null}",
                                              "{\"opt_out\":true}",   "{\"opt_out\":false}",
                                              "{\"opt_out\":false}",  "{\"labels\":{\"site\":\"berlin\"}}"};
        struct fleet_call call = {machine_name(pick(MACHINES)), changes[pick(6)]};
        world_run(w, change_job, &call);
}

static void random_step(struct world *w) {
        static const int seconds[] = {1, 10, 60, 120, 600, 1200};
        int what = pick(100);
        if (what < 45)
                random_poll(w);
        else if (what < 70)
                random_report(w);
        else if (what < 80)
                pass(w, seconds[pick(6)]);
        else if (what < 88)
                random_life(w);
        else if (what < 97)
                random_machine_change(w);
        else
                kill_switch(w, !w->service->engine->kill_switch);
}

static void random_days(struct world *w, uint64_t first) {
        seed = first;
        memset(boots, 0, sizeof boots);
        memset(seen, 0, sizeof seen);
        for (int step = 0; step < STEPS; step++) {
                random_step(w);
                int machine = pick(MACHINES);
                if (seen[machine])
                        explain_and_poll(w, machine);
        }
}

static void random_days_1(void **state) {
        random_days(*state, 1);
}

/* After both every reason was met, but those that time alone brings for a moment. */
static void random_days_2(void **state) {
        random_days(*state, 20240719);
        static const enum sal_reason often[] = {SAL_REASON_KILL_SWITCH,    SAL_REASON_OPTED_OUT,
                                                SAL_REASON_OFFERED,        SAL_REASON_ALREADY_APPLIED,
                                                SAL_REASON_NO_MATCH,       SAL_REASON_ALREADY_SUCCEEDED,
                                                SAL_REASON_NOT_APPLICABLE, SAL_REASON_ATTEMPTS_EXHAUSTED,
                                                SAL_REASON_PAUSED,         SAL_REASON_HALTED,
                                                SAL_REASON_RING_NOT_OPEN,  SAL_REASON_NOT_YET_VALID,
                                                SAL_REASON_IN_FLIGHT_CAP};
        for (size_t i = 0; i < SAL_ARRAY_LEN(often); i++)
                if (!explained[often[i]])
                        fail_msg("%s was never explained", sal_reason_name(often[i]));
}

/* A machine that asks in earnest gives its drill back: the drill stands in the way of nothing. */
static void a_drill_is_given_back(void **state) {
        struct world *w = *state;
        know_fleet(w, 20);
        start(w, "drill", "{\"drill\":true," ONE_RING_ROLLOUT "}");
        start(w, "fix", SIMPLE);
        assert_told(poll(w, .machine = machine_name(1), .reason = SAL_POLL_DRILL), "offered");
        assert_ok(world_run(w, explain_job, (void *)(uintptr_t)machine_name(1)));
        assert_string_equal(text_of(w->json, "reason"), "offered");
        assert_string_equal(text_of(w->json, "campaign"), "fix");
        struct told told = poll(w, .machine = machine_name(1));
        assert_told(told, "offered");
        assert_string_equal(told.campaign, "fix");
}

/* ---- preview ---- */

struct preview_call {
        const char *id, *cursor;
};

static enum sal_status preview_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct preview_call *call = arg;
        struct sal_act act = world_act(w, tx, "ann");
        struct sal_page page = {.limit = 100, .cursor = call->cursor};
        return sal_campaign_preview(&act, call->id, 1, &page, &w->json, &w->err);
}

/* Page by page: as many wait as the engine has counted, whatever some have behind them. */
static void preview_counts_what_waits(void **state) {
        struct world *w = *state;
        char cursor[64] = "";
        int64_t matching = 0, behind = 0, pages = 0;
        know_fleet(w, 1300);
        start(w, "fix", PLAN(ONE_RING));
        for (int i = 1; i <= 40; i++)
                if (poll(w, .machine = machine_name(i)).offer && i % 2)
                        report(w, machine_name(i), i, i % 3 ? "healthy" : "failed");
        do {
                struct preview_call call = {"fix", cursor};
                assert_ok(world_run(w, preview_job, &call));
                const json_t *of = json_object_get(w->json, "of_matching");
                matching += json_integer_value(json_object_get(w->json, "matching"));
                static const char *const kinds[] = {"offered", "done", "exhausted", "not_applicable"};
                for (size_t i = 0; i < SAL_ARRAY_LEN(kinds); i++)
                        behind += json_integer_value(json_object_get(of, kinds[i]));
                assert_int_equal(json_integer_value(json_object_get(w->json, "known_so_far")), matching);
                assert_true(json_integer_value(json_object_get(w->json, "looked_at")) <= 500);
                snprintf(cursor, sizeof cursor, "%s", text_of(w->json, "next_cursor"));
                pages++;
        } while (*cursor);
        assert_true(pages >= 3);
        assert_int_equal(matching, 1300);
        const struct sal_live *live = live_of(w, "fix");
        assert_int_equal(matching, sal_live_known_matching(live));
        /* Those that failed once have an attempt left: they are behind it for the engine, not for the preview. */
        assert_int_equal(matching - live->waiting[0] - behind, live->row.failed + live->row.silent);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(random_days_1, world_setup, world_done),
                cmocka_unit_test_setup_teardown(random_days_2, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_drill_is_given_back, world_setup, world_done),
                cmocka_unit_test_setup_teardown(preview_counts_what_waits, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
