/* SPDX-License-Identifier: Apache-2.0 */
/* Plays: several campaigns at once. Priorities, supersession, undoing, drills; reports for what is over. */
#include "harness.h"

#define SUPERSEDES(name) "{\"supersedes\":[\"" name "\"]," ONE_RING_ROLLOUT "}"
#define UNDOES(name) "{\"undoes\":\"" name "\"," ONE_RING_ROLLOUT "}"

static char *quoted(struct world *w, const char *id) {
        sal_autojson json_t *decision = newest_decision(w, id);
        return strdup(json_string_value(json_object_get(decision, "id")));
}

/* Three match; the two of equal priority go by their start, a pause of one lets the next offer, and never does a
 * machine hold two. */
static void one_offer_across_campaigns(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "late", "{\"priority\":0," ONE_RING_ROLLOUT "}");
        start(w, "early", "{\"priority\":10," ONE_RING_ROLLOUT "}");
        start(w, "second", "{\"priority\":10," ONE_RING_ROLLOUT "}");
        assert_string_equal(poll(w, .machine = "m-0001").campaign, "early");
        assert_ok(life(w, SAL_LIFE_PAUSE, "early"));
        assert_told(poll(w, .machine = "m-0001"), "paused"); /* it holds an offer, so nobody else's */
        assert_string_equal(poll(w, .machine = "m-0002").campaign, "second");
        assert_ok(life(w, SAL_LIFE_HALT, "second"));
        assert_string_equal(poll(w, .machine = "m-0002").campaign, "late"); /* recalled, so free for another */
        assert_string_equal(poll(w, .machine = "m-0003").campaign, "late");
        assert_ok(life(w, SAL_LIFE_RESUME, "early"));
        assert_string_equal(poll(w, .machine = "m-0003").campaign, "late"); /* what it holds goes first */
        assert_string_equal(poll(w, .machine = "m-0004").campaign, "early");
        assert_int_equal(sql_int(w, "SELECT max(n) FROM (SELECT count(*) n FROM offer WHERE state < 2 GROUP BY "
                                    "machine_row)"),
                         1);
        /* An applied one is unsettled, too, in every later boot that did not fail. */
        struct told held = poll(w, .machine = "m-0004");
        assert_true(report(w, "m-0004", held.offer, "applied"));
        assert_told(poll(w, .machine = "m-0004", .boot = "boot-2", .reason = SAL_POLL_REQUESTED), "already_succeeded");
        pass(w, MINUTE);
        assert_string_equal(poll(w, .machine = "m-0004", .boot = "boot-2", .reason = SAL_POLL_REQUESTED).campaign,
                            "late");
}

/* Who pauses, halts or withdraws the higher one changes what the rest answer. Nobody can offer: the first one's
 * reason. */
static void the_highest_match_gives_the_reason(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "high", "{\"priority\":1," ONE_RING_ROLLOUT "}");
        start(w, "low", SIMPLE);
        int64_t offer = offer_to(w, "m-0001");
        assert_true(report(w, "m-0001", offer, "not_applicable"));
        assert_ok(life(w, SAL_LIFE_PAUSE, "low"));
        assert_told(poll(w, .machine = "m-0001"), "not_applicable");
        assert_ok(life(w, SAL_LIFE_PAUSE, "high"));
        assert_told(poll(w, .machine = "m-0002"), "paused");
        assert_ok(life(w, SAL_LIFE_HALT, "high"));
        assert_told(poll(w, .machine = "m-0002"), "halted");
        assert_ok(life(w, SAL_LIFE_RESUME, "low"));
        assert_string_equal(poll(w, .machine = "m-0002").campaign, "low");
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "high"));
        assert_string_equal(poll(w, .machine = "m-0001").campaign, "low");
}

/* Superseded in mid-flight: offers come back, what soaks runs on, resuming is refused while the newer one lives in
 * whatever state, and then costs nothing. */
static void superseded_in_mid_flight(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "old", SIMPLE);
        int64_t out = offer_to(w, "m-0001"), soaking = offer_to(w, "m-0002"), failed = offer_to(w, "m-0003");
        assert_true(report(w, "m-0002", soaking, "applied"));
        assert_true(report(w, "m-0003", failed, "failed"));
        start(w, "new", SUPERSEDES("old"));
        assert_offer(w, out, "recalled", "superseded");
        assert_offer(w, soaking, "applied", "");
        assert_string_equal(poll(w, .machine = "m-0001").campaign, "new");
        pass(w, MINUTE);
        assert_offer(w, soaking, "succeeded", "");
        static const enum sal_life_act acts[] = {SAL_LIFE_PAUSE, SAL_LIFE_HALT};
        for (size_t n = 0; n < SAL_ARRAY_LEN(acts); n++) {
                assert_ok(life(w, acts[n], "new"));
                check_restart(w);
                assert_int_equal(life(w, SAL_LIFE_RESUME, "old"), SAL_E_CONFLICT);
                assert_string_equal(w->err.ref, "new");
        }
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "new"));
        assert_ok(life(w, SAL_LIFE_RESUME, "old")); /* nothing to quote */
        const struct sal_live *old = live_of(w, "old");
        assert_int_equal(old->row.halts_resumed, 0);
        struct sal_evidence totals;
        sal_tally_totals(old->tally, &totals);
        assert_int_equal(totals.offered, 3); /* the same counts as before, the recalled one among them */
        assert_int_equal(totals.failed, 1);
        assert_true(totals.bound < 5.3);
}

/* The engine had halted it before it was superseded: that has to be quoted still. */
static void superseded_after_a_halt(void **state) {
        struct world *w = *state;
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "old", PLAN(ONE_RING ",\"in_flight\":{\"initial\":5,\"max\":9}"));
        for (int n = 0; n < 5; n++)
                offers[n] = offer_to(w, machine_name(n + 1));
        for (int n = 0; n < 4; n++)
                assert_true(report(w, machine_name(n + 1), offers[n], "failed"));
        assert_state(w, "old", "halted");
        sal_autofree char *halt = quoted(w, "old");
        start(w, "new", SUPERSEDES("old"));
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "new"));
        assert_int_equal(life(w, SAL_LIFE_RESUME, "old"), SAL_E_ACKNOWLEDGE);
        assert_ok(life(w, SAL_LIFE_RESUME, "old", .acknowledge = halt));
        assert_int_equal(live_of(w, "old")->row.halts_resumed, 1);
}

/* Whichever starts first stands, whatever state it is in; a crash in between changes nothing. */
static void each_supersedes_the_other(void **state) {
        struct world *w = *state;
        make_ready(w, "one", 1, SUPERSEDES("two"));
        make_ready(w, "two", 1, SUPERSEDES("one"));
        assert_ok(life(w, SAL_LIFE_START, "two"));
        assert_int_equal(life(w, SAL_LIFE_START, "one"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "two");
        check_restart(w);
        assert_int_equal(life(w, SAL_LIFE_START, "one"), SAL_E_CONFLICT);
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "two"));
        assert_ok(life(w, SAL_LIFE_START, "one"));
        make_ready(w, "two", 2, SUPERSEDES("one"));
        assert_int_equal(life(w, SAL_LIFE_START, "two", .version = 2), SAL_E_CONFLICT);
}

/* It supersedes several, and one that was never there. */
static void superseding_many(void **state) {
        struct world *w = *state;
        start(w, "one", SIMPLE);
        start(w, "two", SIMPLE);
        start(w, "other", SIMPLE);
        assert_ok(life(w, SAL_LIFE_PAUSE, "two"));
        start(w, "new", "{\"supersedes\":[\"one\",\"two\",\"never-was\"]," ONE_RING_ROLLOUT "}");
        assert_state(w, "one", "halted");
        assert_state(w, "two", "halted");
        assert_state(w, "other", "active");
}

/* What undoes an undoing campaign reaches whom that one reached, and halts it. */
static void an_undo_of_an_undo(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", SIMPLE);
        assert_true(report(w, "m-0001", offer_to(w, "m-0001"), "healthy"));
        assert_true(report(w, "m-0002", offer_to(w, "m-0002"), "healthy"));
        start(w, "undo", UNDOES("fix"));
        assert_state(w, "fix", "halted");
        struct told told = poll(w, .machine = "m-0001", .reason = SAL_POLL_REQUESTED);
        assert_string_equal(told.campaign, "undo");
        assert_true(report(w, "m-0001", told.offer, "healthy"));
        start(w, "redo", UNDOES("undo"));
        assert_state(w, "undo", "halted");
        assert_string_equal(poll(w, .machine = "m-0001", .reason = SAL_POLL_REQUESTED).campaign, "redo");
        assert_told(poll(w, .machine = "m-0002", .reason = SAL_POLL_REQUESTED), "already_succeeded");
        assert_int_equal(life(w, SAL_LIFE_RESUME, "undo"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "redo");
}

/* It has ended long ago: those whom it touched are reached all the same, and nobody else. */
static void undoing_what_is_over(void **state) {
        struct world *w = *state;
        know_fleet(w, 100);
        start(w, "fix", SIMPLE);
        static const char *const stages[] = {"applied", "healthy", "failed", "refused", "not_applicable"};
        for (int n = 0; n < 5; n++)
                assert_true(report(w, machine_name(n + 1), offer_to(w, machine_name(n + 1)), stages[n]));
        int64_t recalled = offer_to(w, "m-0006");
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
        assert_offer(w, recalled, "recalled", "withdrawn");
        pass(w, DAY);
        check_restart(w);
        start(w, "undo", UNDOES("fix"));
        for (int n = 0; n < 7; n++) {
                struct told told =
                        poll(w, .machine = machine_name(n + 1), .boot = "boot-2", .reason = SAL_POLL_REQUESTED);
                assert_told(told, n < 2 ? "offered" : "no_match");
                if (n < 2)
                        assert_true(report_from(w, machine_name(n + 1), told.offer, "healthy", "boot-2", NULL));
        }
}

static void undoing_what_never_was(void **state) {
        struct world *w = *state;
        make_ready(w, "undo", 1, UNDOES("never-was"));
        assert_int_equal(life(w, SAL_LIFE_START, "undo"), SAL_E_CONFLICT);
        assert_string_equal(w->err.ref, "never-was");
        assert_null(live_of(w, "undo"));
        check_restart(w);
        assert_null(live_of(w, "undo"));
}

/* A drill is in no sum of a rescue, and a rescue in none of a drill's; a machine in earnest gives its drill back. */
static void drills_stand_in_nobodys_way(void **state) {
        struct world *w = *state;
        int64_t drills[5];
        know_fleet(w, 100);
        start(w, "exercise", "{\"drill\":true,\"priority\":100,\"rollout\":{" ONE_RING "}}");
        start(w, "fix", SIMPLE);
        for (int n = 0; n < 5; n++) {
                struct told told = poll(w, .machine = machine_name(n + 1), .reason = SAL_POLL_DRILL);
                assert_string_equal(told.campaign, "exercise");
                drills[n] = told.offer;
        }
        struct told real = poll(w, .machine = "m-0001");
        assert_string_equal(real.campaign, "fix");
        assert_int_equal(offer_of(w, drills[0]).state, SAL_OFFER_RECALLED);
        for (int n = 1; n < 5; n++)
                assert_true(report(w, machine_name(n + 1), drills[n], "failed"));
        assert_state(w, "exercise", "halted"); /* it is judged by itself */
        assert_state(w, "fix", "active");
        struct sal_evidence totals;
        sal_tally_totals(live_of(w, "fix")->tally, &totals);
        assert_int_equal(totals.offered, 1);
        assert_int_equal(totals.failed, 0);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine WHERE standing_reason <> ''"), 0);
        assert_told(poll(w, .machine = "m-0002"), "offered");
}

#define PLAYED(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                PLAYED(one_offer_across_campaigns), PLAYED(the_highest_match_gives_the_reason),
                PLAYED(superseded_in_mid_flight),   PLAYED(superseded_after_a_halt),
                PLAYED(each_supersedes_the_other),  PLAYED(superseding_many),
                PLAYED(an_undo_of_an_undo),         PLAYED(undoing_what_is_over),
                PLAYED(undoing_what_never_was),     PLAYED(drills_stand_in_nobodys_way),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
