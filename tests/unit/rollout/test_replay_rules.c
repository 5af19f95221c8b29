/* SPDX-License-Identifier: Apache-2.0 */
/* Offers, openings, completions and limits that the rules do not allow. */
#include "bend.h"

/* ---- offers that could not be made ---- */

static void numbers_of_offers_come_out_again(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        json_t *offer = line(journal, find(journal, "offer", NULL, 2));
        json_object_set_new(offer, "i", json_integer(3));
        assert_disagrees(journal, (int64_t)find(journal, "offer", NULL, 2) + 1, "i 3, o 3; the events give i 2, o 3");
        json_object_set_new(offer, "i", json_integer(2));
        json_object_set_new(offer, "o", json_integer(4));
        assert_disagrees(journal, (int64_t)find(journal, "offer", NULL, 2) + 1, "i 2, o 4; the events give i 2, o 3");
        json_object_set_new(offer, "o", json_integer(3));
        json_object_set_new(offer, "stage", json_string("early"));
        assert_disagrees(journal, (int64_t)find(journal, "offer", NULL, 2) + 1, "of stage early");
        json_object_set_new(offer, "stage", json_string("canary"));
        json_object_set_new(offer, "counted", json_false()); /* hidden from the sums */
        assert_unreadable(journal, "\"anonymous\" is required");
        json_object_set_new(offer, "anonymous", json_true());
        assert_disagrees(journal, (int64_t)find(journal, "offer", NULL, 3) + 1, "i 3, o 4; the events give i 2, o 3");
        world_done(&world);
}

/* Nobody can hide a failure as a later attempt, nor as another's. */
static void the_first_offer_of_a_machine_is_counted(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        world_act(&world, "resume", SAL_ACT_RESUME);
        world_offer(&world);
        size_t second = find(journal, "offer", NULL, 1), last = find(journal, "offer", NULL, 5);
        json_t *offer = line(journal, second);
        json_object_set_new(offer, "counted", json_false());
        json_object_set_new(offer, "attempt", json_integer(2));
        json_object_set_new(offer, "anonymous", json_false());
        assert_disagrees(journal, (int64_t)second + 1, "is not counted, and it is the first one of machine m-2");
        json_object_set_new(offer, "counted", json_true());
        json_object_set_new(offer, "anonymous", json_true());
        assert_disagrees(journal, (int64_t)second + 1, "is counted, and it is the first one of machine m-2");
        json_object_del(offer, "anonymous");
        json_object_set_new(offer, "machine_id", json_string("m-1"));
        assert_disagrees(journal, (int64_t)second + 1,
                         "is counted, and it is a later one of machine m-1, incarnation 1");
        json_object_set_new(offer, "incarnation", json_integer(2)); /* it was re-imaged since */
        json_object_set_new(line(journal, find(journal, "failed", NULL, 1)), "machine_id", json_string("m-1"));
        assert_agrees(journal, 1);
        json_object_set_new(line(journal, last), "machine_id", json_string("m-1")); /* in the next period it counts */
        assert_agrees(journal, 1);
        json_object_del(offer, "incarnation");
        assert_unreadable(journal, "\"incarnation\" is required");
        json_object_set_new(offer, "incarnation", json_integer(2));
        json_object_del(offer, "machine_id");
        assert_unreadable(journal, "needs its machine");
        world_done(&world);
}

/* A failure that is made a recall needs what recalls. */
static void offers_are_recalled_for_what_happened(void **state) {
        static const struct {
                const char *cause, *words;
        } wrong[] = {
                {"halt", "no halt since it was made"},        {"withdrawn", "not withdrawn since"},
                {"expired", "has not expired since"},         {"superseded", "not superseded since"},
                {"reported", "nothing is recalled for that"}, {NULL, "(no cause): nothing is recalled for that"},
        };
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "taken-back", &plan);
        world_offer(&world);
        world_act(&world, "halt", SAL_ACT_HALT);
        world_settle(&world, 0, SAL_EVENT_RECALLED);
        world_act(&world, "resume", SAL_ACT_RESUME);
        world_offer(&world);
        world_settle(&world, 1, SAL_EVENT_REPORT_FAILED);
        size_t last = json_array_size(journal->lines);
        assert_agrees(journal, 0);
        json_t *change = line(journal, last - 1);
        json_object_set_new(change, "type", json_string("recalled"));
        for (size_t i = 0; i < SAL_ARRAY_LEN(wrong); i++) {
                json_object_del(change, "cause");
                if (wrong[i].cause)
                        json_object_set_new(change, "cause", json_string(wrong[i].cause));
                assert_disagrees(journal, (int64_t)last, wrong[i].words);
        }
        json_object_set_new(change, "cause", json_string("opt_out"));
        assert_agrees(journal, 0);
        json_object_set_new(line(journal, find(journal, "state", NULL, 1)), "drill", json_true());
        json_object_set_new(change, "cause", json_string("superseded")); /* a drill is given back */
        assert_agrees(journal, 0);
        json_object_set_new(change, "type", json_string("succeeded"));
        assert_disagrees(journal, (int64_t)last, "is offered; it cannot become succeeded superseded");
        world_done(&world);
}

static void ends_recall_what_is_out(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "taken-back", &plan);
        for (int n = 0; n < 3; n++)
                world_offer(&world);
        world_act(&world, "halt", SAL_ACT_HALT);
        json_object_set_new(decision(journal, "halt"), "rule", json_string("supersedes"));
        world_settle(&world, 0, SAL_EVENT_RECALLED);
        assert_disagrees(journal, journal->seq, "no halt since");
        json_object_set_new(line(journal, (size_t)journal->seq - 1), "cause", json_string("superseded"));
        world_act(&world, "withdraw", SAL_ACT_WITHDRAW); /* what is left of the first one takes the newer cause */
        world_settle(&world, 1, SAL_EVENT_RECALLED);
        assert_agrees(journal, 0);
        world_settle(&world, 2, SAL_EVENT_RECALLED);
        json_object_set_new(line(journal, (size_t)journal->seq - 1), "cause", json_string("expired"));
        assert_disagrees(journal, journal->seq, "not expired since");
        world_done(&world);
}

static void an_offer_keeps_to_rings_states_and_pace(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "eager", &plan);
        for (int n = 0; n < 5; n++)
                world_offer(&world);
        world_offer(&world); /* nothing is settled: the cap is five */
        assert_disagrees(journal, journal->seq,
                         "the pace has no room (active, 1 of 3 rings open, 5 in flight, X 0, cap");
        drop(journal, (size_t)journal->seq - 1);
        size_t fifth = find(journal, "offer", NULL, 4);
        json_object_set_new(line(journal, fifth), "ring", json_string("early"));
        assert_disagrees(journal, (int64_t)fifth + 1, "its ring is not open");
        json_object_set_new(line(journal, fifth), "ring", json_string("nowhere"));
        assert_disagrees(journal, (int64_t)fifth + 1, "no such ring");
        json_object_set_new(line(journal, fifth), "ring", json_string("canary"));
        json_object_set_new(line(journal, fifth), "at", json_string("2024-07-19T05:29:59Z"));
        assert_disagrees(journal, (int64_t)fifth + 1, "not valid yet");
        json_object_set_new(line(journal, fifth), "at", json_string("2024-07-26T05:30:00Z"));
        assert_disagrees(journal, (int64_t)fifth + 1, "it has expired");
        world_done(&world);
}

/* The last event of these stories is an offer that must not be. */
static void nobody_is_offered_what_stands(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(1);
        world_start(&world, journal, "stands", &plan);
        world_offer(&world);
        world_act(&world, "pause", SAL_ACT_PAUSE);
        world_offer(&world);
        assert_disagrees(journal, journal->seq, "neither active nor completed");
        world_done(&world);
        json_array_clear(journal->lines);
        journal->seq = 0;
        world_start(&world, journal, "killed", &plan);
        world_kill(&world, true);
        world_offer(&world);
        assert_disagrees(journal, journal->seq, "the kill switch is on");
        world_done(&world);
        json_array_clear(journal->lines);
        journal->seq = 0;
        play_hold(&world, journal);
        world_offer_to(&world, 0, "model=B", true);
        json_t *last = line(journal, json_array_size(journal->lines) - 1);
        json_object_set_new(last, "cohorts", json_pack("[s]", "model=A"));
        assert_disagrees(journal, journal->seq, "of a held cohort");
        world_done(&world);
}

static void an_offer_changes_as_its_states_allow(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_advance(&world, journal);
        size_t first = find(journal, "succeeded", NULL, 0);
        insert(journal, first + 1, line(journal, first));
        assert_disagrees(journal, (int64_t)first + 2, "offer o1 is succeeded; it cannot become succeeded");
        json_object_set_new(line(journal, first + 1), "type", json_string("failed"));
        json_object_set_new(line(journal, first + 1), "cause", json_string("halt"));
        assert_disagrees(journal, (int64_t)first + 2, "cannot become failed halt");
        world_done(&world);
}

/* ---- openings, completions, expiry ---- */

static void openings_rest_on_what_they_say(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "patient", &plan);
        world_offer(&world);
        world_open(&world);
        assert_agrees(journal, 1);
        int64_t seq = (int64_t)find(journal, "decision", "open", 1) + 1;
        json_t *because = json_object_get(json_object_get(line(journal, (size_t)seq - 1), "decision"), "because");
        json_object_set_new(because, "idle_ms", json_integer(599999));
        assert_disagrees(journal, seq, "does not follow from what it rests on");
        json_object_set_new(because, "idle_ms", json_integer(600000));
        json_object_set_new(because, "unsettled", json_integer(0));
        assert_disagrees(journal, seq, "rests on 0 unsettled offers; the events give 1");
        json_object_set_new(because, "unsettled", json_integer(1));
        json_object_set_new(because, "in_flight", json_integer(0));
        assert_disagrees(journal, seq, "rests on 0 offers in flight; the events give 1");
        json_object_set_new(because, "in_flight", json_integer(1));
        json_object_set_new(because, "known", json_integer(10)); /* a tenth of them: one offer, and it is out */
        assert_disagrees(journal, seq, "does not follow");
        json_object_del(json_object_get(line(journal, (size_t)seq - 1), "decision"), "because");
        assert_unreadable(journal, "because");
        world_done(&world);
}

/* Nobody waits, and nothing is in flight: but only when the fleet was counted. */
static void an_empty_ring_opens_the_next_when_the_fleet_was_counted(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "empty", &plan);
        world_offer(&world);
        world_settle(&world, 0, SAL_EVENT_REPORT_HEALTHY);
        world_open(&world);
        json_t *because =
                json_object_get(json_object_get(line(journal, (size_t)journal->seq - 1), "decision"), "because");
        json_object_set_new(because, "idle_ms", json_integer(0));
        assert_disagrees(journal, journal->seq, "7 waiting (counted)");
        json_object_set_new(because, "waiting", json_integer(0));
        assert_agrees(journal, 1);
        json_object_set_new(because, "fleet_counted", json_false());
        assert_disagrees(journal, journal->seq, "0 waiting (not counted)");
        json_object_del(because, "fleet_counted");
        assert_unreadable(journal, "fleet_counted");
        world_done(&world);
}

/* Anonymous machines are outside the pace. */
static void in_flight_leaves_anonymous_machines_out(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "strangers", &plan);
        world_offer(&world);
        for (int n = 0; n < 6; n++) /* over the cap, were they counted */
                world_offer_to(&world, 0, NULL, false);
        for (size_t n = 1; n < 7; n++)
                json_object_set_new(line(journal, find(journal, "offer", NULL, n)), "anonymous", json_true());
        world_open(&world);
        assert_disagrees(journal, journal->seq, "rests on 7 offers in flight; the events give 1");
        json_t *because =
                json_object_get(json_object_get(line(journal, (size_t)journal->seq - 1), "decision"), "because");
        json_object_set_new(because, "in_flight", json_integer(1));
        assert_agrees(journal, 1);
        json_object_set_new(line(journal, find(journal, "offer", NULL, 6)), "anonymous", json_false());
        assert_disagrees(journal, journal->seq, "the events give 2");
        world_done(&world);
}

static void completions_rest_on_what_they_say(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "done", &plan);
        world_offer(&world);
        world_settle(&world, 0, SAL_EVENT_REPORT_HEALTHY);
        world_open(&world);
        world_open(&world);
        world_complete(&world);
        assert_agrees(journal, 3);
        int64_t seq = journal->seq;
        json_t *because = json_object_get(decision(journal, "complete"), "because");
        json_object_set_new(because, "idle_ms", json_integer(119999));
        assert_disagrees(journal, seq, "\"complete\" does not follow");
        json_object_set_new(because, "idle_ms", json_integer(120000));
        drop(journal, find(journal, "decision", "open", 2));
        assert_disagrees(journal, seq - 1, "2 of 3 rings open");
        world_done(&world);
}

static void nothing_expires_before_its_time(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "late", &plan);
        journal->now_ms += INT64_C(86400000) * 7;
        world_state(&world, SAL_CAMPAIGN_EXPIRED, NULL);
        world_decide(&world, "expire", "engine", "6.7", NULL, NULL, NULL, NULL);
        assert_agrees(journal, 0 + 1);
        json_object_set_new(line(journal, (size_t)journal->seq - 1), "at", json_string("2024-07-26T05:29:59.999Z"));
        json_object_set_new(decision(journal, "expire"), "at", json_string("2024-07-26T05:29:59.999Z"));
        assert_disagrees(journal, journal->seq, "expired before its time");
        world_done(&world);
}

static void manual_plans_leave_rings_to_an_operator(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        plan.manual_advance = true;
        world_start(&world, journal, "by-hand", &plan);
        for (size_t n = 0; n < 24; n++) {
                world_offer(&world);
                world_settle(&world, n, SAL_EVENT_REPORT_HEALTHY);
        }
        struct sal_evidence evidence = sal_tally_advance_evidence(world.tally);
        sal_tally_next_stage(world.tally);
        world.rings_open = 2;
        world_decide(&world, "advance", "operator", "6.4", NULL, NULL, &evidence, NULL);
        world_decide(&world, "open", "operator", "6.4", "broad", NULL, NULL, NULL);
        world.rings_open = 3;
        assert_agrees(journal, 0);
        json_t *advance = decision(journal, "advance");
        json_object_set_new(advance, "by", json_string("engine"));
        assert_disagrees(journal, (int64_t)find(journal, "decision", "advance", 0) + 1, "by engine was not due");
        world_done(&world);
}

static void an_operator_opens_nothing_that_evidence_rules(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "by-evidence", &plan);
        world_decide(&world, "open", "operator", "6.4", "early", NULL, NULL, NULL);
        assert_disagrees(journal, journal->seq, "\"open\" by operator was not due");
        world_done(&world);
}

/* ---- limits ---- */

static void put_limits(struct journal *journal, const char *campaign, json_t *limits) {
        journal_write(journal, (struct sal_event){.type = SAL_JOURNAL_ADMIN, .campaign = campaign, .version = 1},
                      json_pack("{s:s, s:s, s:s, s:o}", "operator", "ann", "act", "campaign.limits", "reason", "slowly",
                                "limits", limits));
}

static void limits_hold_offers_and_advance_back(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_advance(&world, journal);
        size_t advance = find(journal, "decision", "advance", 0);
        /* With a limit before it, the advance would have waited. */
        put_limits(journal, "good-fix", json_pack("{s:{s:s}}", "opens", "early", "2024-07-19T06:00:00Z"));
        json_t *limits = json_incref(line(journal, (size_t)journal->seq - 1));
        json_array_remove(journal->lines, (size_t)journal->seq - 1);
        insert(journal, advance - 4, limits);
        json_decref(limits);
        assert_disagrees(journal, (int64_t)advance + 2, "was not due");
        json_object_set_new(line(journal, advance + 1), "at", json_string("2024-07-19T06:00:00Z"));
        json_object_set_new(decision(journal, "advance"), "at", json_string("2024-07-19T06:00:00Z"));
        assert_agrees(journal, 1);
        world_done(&world);
}

static void limits_of_pace_windows_and_machines_count(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "tight", &plan);
        put_limits(journal, "tight", json_pack("{s:i}", "in_flight_max", 1));
        world_offer(&world);
        assert_agrees(journal, 0);
        world_offer_to(&world, 0, NULL, false);
        assert_disagrees(journal, journal->seq, "the pace has no room");
        drop(journal, (size_t)--journal->seq);
        put_limits(journal, "tight", json_pack("{s:{s:[s]}}", "only", "machines", "m-2"));
        world_offer_to(&world, 0, NULL, false);
        assert_disagrees(journal, journal->seq, "do not name this machine");
        drop(journal, (size_t)--journal->seq);
        put_limits(journal, "tight", json_pack("{s:[{s:s, s:s}]}", "windows", "from", "22:00", "to", "04:00"));
        world_offer_to(&world, 0, NULL, false);
        assert_disagrees(journal, journal->seq, "no window");
        drop(journal, (size_t)--journal->seq);
        put_limits(journal, "tight", json_object());
        world_offer_to(&world, 0, NULL, false);
        assert_agrees(journal, 0);
        world_done(&world);
}

/* The start says them; what was laid on a draft that was deleted since is of no account, whatever it names. */
static void limits_of_the_start_count_and_none_before_it(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        put_limits(journal, "early-limits", json_pack("{s:i}", "in_flight_max", 1));
        put_limits(journal, "early-limits", json_pack("{s:{s:s}}", "opens", "no-such-ring", "2024-07-19T06:00:00Z"));
        world_start(&world, journal, "early-limits", &plan);
        world_offer(&world);
        world_offer(&world);
        assert_agrees(journal, 0);
        json_object_set_new(line(journal, find(journal, "state", NULL, 1)), "limits",
                            json_pack("{s:i}", "in_flight_max", 1));
        assert_disagrees(journal, journal->seq, "the pace has no room");
        world_done(&world);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                story(the_first_offer_of_a_machine_is_counted),
                story(offers_are_recalled_for_what_happened),
                story(ends_recall_what_is_out),
                story(numbers_of_offers_come_out_again),
                story(an_offer_keeps_to_rings_states_and_pace),
                story(nobody_is_offered_what_stands),
                story(an_offer_changes_as_its_states_allow),
                story(openings_rest_on_what_they_say),
                story(an_empty_ring_opens_the_next_when_the_fleet_was_counted),
                story(in_flight_leaves_anonymous_machines_out),
                story(completions_rest_on_what_they_say),
                story(nothing_expires_before_its_time),
                story(manual_plans_leave_rings_to_an_operator),
                story(an_operator_opens_nothing_that_evidence_rules),
                story(limits_hold_offers_and_advance_back),
                story(limits_of_pace_windows_and_machines_count),
                story(limits_of_the_start_count_and_none_before_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
