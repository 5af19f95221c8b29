/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

/* ---- keeping, bending and replaying ---- */

static int setup(void **state) {
        struct journal *journal = calloc(1, sizeof *journal);
        journal->now_ms = START_MS;
        journal->lines = json_array();
        *state = journal;
        return 0;
}

static int teardown(void **state) {
        struct journal *journal = *state;
        json_decref(journal->lines);
        free(journal);
        return 0;
}

static struct sal_plan plan_of(size_t cohorts) {
        struct sal_plan plan;
        sal_plan_default(&plan);
        plan.cohort_count = cohorts;
        return plan;
}

static json_t *line(const struct journal *journal, size_t index) {
        json_t *found = json_array_get(journal->lines, index);
        assert_non_null(found);
        return found;
}

static bool is(const json_t *line, const char *type, const char *verdict) {
        const char *found = json_string_value(json_object_get(line, "type"));
        const char *said = json_string_value(json_object_get(json_object_get(line, "decision"), "verdict"));
        return strcmp(found, type) == 0 && (!verdict || (said && strcmp(said, verdict) == 0));
}

/* Index of the nth event of this type and verdict (NULL: any), from 0. */
static size_t find(const struct journal *journal, const char *type, const char *verdict, size_t nth) {
        for (size_t i = 0; i < json_array_size(journal->lines); i++)
                if (is(line(journal, i), type, verdict) && nth-- == 0)
                        return i;
        fail_msg("there is no such event: %s %s", type, verdict ? verdict : "");
        return 0;
}

static json_t *decision(const struct journal *journal, const char *verdict) {
        return json_object_get(line(journal, find(journal, "decision", verdict, 0)), "decision");
}

/* Numbers the events anew, as somebody who covers his tracks would. */
static void renumber(struct journal *journal) {
        for (size_t i = 0; i < json_array_size(journal->lines); i++) {
                char id[32];
                snprintf(id, sizeof id, "d%zu", i + 1);
                json_object_set_new(line(journal, i), "seq", json_integer((json_int_t)i + 1));
                json_t *said = json_object_get(line(journal, i), "decision");
                if (said)
                        json_object_set_new(said, "id", json_string(id));
        }
}

static void drop(struct journal *journal, size_t index) {
        json_array_remove(journal->lines, index);
        renumber(journal);
}

static void swap(struct journal *journal, size_t a, size_t b) {
        json_t *x = json_incref(line(journal, a)), *y = json_incref(line(journal, b));
        json_array_set_new(journal->lines, a, y);
        json_array_set_new(journal->lines, b, x);
        renumber(journal);
}

/* A copy of an event behind another. */
static void insert(struct journal *journal, size_t at, const json_t *what) {
        json_array_insert_new(journal->lines, at, json_deep_copy(what));
        renumber(journal);
}

struct outcome {
        enum sal_status status;
        struct sal_err err;
        struct sal_replay_sums sums;
        int told;
        int64_t seq; /* of the first disagreement */
        char what[2048];
};

static void tell(void *arg, const struct sal_event *event, const char *what) {
        struct outcome *outcome = arg;
        if (outcome->told++ == 0) {
                outcome->seq = event->seq;
                snprintf(outcome->what, sizeof outcome->what, "%s", what);
        }
}

/* By way of its text, as a file would be read. */
static struct outcome replay(const struct journal *journal) {
        struct outcome outcome = {0};
        sal_auto(sal_replay) struct sal_replay *replay = sal_replay_new();
        assert_non_null(replay);
        sal_replay_on_disagreement(replay, tell, &outcome);
        for (size_t i = 0; !outcome.status && i < json_array_size(journal->lines); i++) {
                sal_autofree char *text = sal_json_dump(line(journal, i));
                sal_autoevent struct sal_event event = {0};
                outcome.status = sal_event_parse(text, strlen(text), &event, &outcome.err);
                if (!outcome.status)
                        outcome.status = sal_replay_event(replay, &event, &outcome.err);
        }
        if (!outcome.status)
                outcome.status = sal_replay_end(replay, &outcome.err);
        sal_replay_sums(replay, &outcome.sums);
        return outcome;
}

static void assert_agrees(const struct journal *journal, int64_t recomputed) {
        struct outcome outcome = replay(journal);
        if (outcome.status || outcome.told)
                fail_msg("status %d %s; %s", outcome.status, outcome.err.detail, outcome.what);
        assert_int_equal(outcome.sums.disagreements, 0);
        assert_int_equal(outcome.sums.unjudged, 0);
        assert_int_equal(outcome.sums.recomputed, recomputed);
        assert_int_equal(outcome.sums.events, json_array_size(journal->lines));
}

static void assert_disagrees(const struct journal *journal, int64_t seq, const char *words) {
        struct outcome outcome = replay(journal);
        if (outcome.status || outcome.told != 1 || outcome.seq != seq || !strstr(outcome.what, words))
                fail_msg("status %d %s; told %d, seq %d: %s", outcome.status, outcome.err.detail, outcome.told,
                         (int)outcome.seq, outcome.what);
        assert_int_equal(outcome.sums.disagreements, 1);
}

static void assert_unreadable(const struct journal *journal, const char *words) {
        struct outcome outcome = replay(journal);
        if (outcome.status != SAL_E_INVALID || !strstr(outcome.err.detail, words))
                fail_msg("status %d: %s (%s)", outcome.status, outcome.err.detail, outcome.what);
}

/* ---- stories ---- */

/* Five out, four fail: the engine halts at the fourth. */
static void play_halt(struct world *world, struct journal *journal) {
        struct sal_plan plan = plan_of(0);
        world_start(world, journal, "bad-fix", &plan);
        for (int n = 0; n < 5; n++)
                world_offer(world);
        for (size_t n = 0; n < 4; n++)
                world_settle(world, n, SAL_EVENT_REPORT_FAILED);
        assert_int_equal(world->state, SAL_CAMPAIGN_HALTED);
        world_settle(world, 4, SAL_EVENT_RECALLED);
}

/* Twenty-four successes bring the next stage. */
static void play_advance(struct world *world, struct journal *journal) {
        struct sal_plan plan = plan_of(0);
        world_start(world, journal, "good-fix", &plan);
        for (size_t n = 0; n < 24; n++) {
                world_offer(world);
                world_settle(world, n, SAL_EVENT_REPORT_HEALTHY);
        }
        assert_int_equal(sal_tally_stage(world->tally), 1);
}

/* Three of model A fail, one of B is pending. */
static void play_hold(struct world *world, struct journal *journal) {
        struct sal_plan plan = plan_of(2);
        world_start(world, journal, "a-model", &plan);
        for (int n = 0; n < 3; n++)
                world_offer_to(world, 0, "model=A", true);
        world_offer_to(world, 0, "model=B", true);
        for (size_t n = 0; n < 3; n++)
                world_settle(world, n, SAL_EVENT_REPORT_FAILED);
        assert_int_equal(world->state, SAL_CAMPAIGN_ACTIVE);
}

static void a_halt_comes_out_again(void **state) {
        struct world world;
        play_halt(&world, *state);
        assert_agrees(*state, 1);
        world_done(&world);
}

static void advances_come_out_again(void **state) {
        struct world world;
        play_advance(&world, *state);
        assert_agrees(*state, 1);
        world_done(&world);
}

static void holds_and_releases_come_out_again(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_hold(&world, journal);
        world_release(&world, "model=A");
        size_t again = world_offer_to(&world, 0, "model=A", true);
        world_settle(&world, again, SAL_EVENT_REPORT_APPLIED);
        world_settle(&world, 3, SAL_EVENT_REPORT_APPLIED);
        world_settle(&world, 3, SAL_EVENT_RELAPSED);
        world_settle(&world, again, SAL_EVENT_RELAPSED);
        assert_agrees(journal, 1);
        world_done(&world);
}

/* An attempt that counts in no sum leaves the pace with its cohort: five of B may be out then. */
static void a_later_attempt_leaves_the_pace_with_its_cohort(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(2);
        world_start(&world, journal, "a-model", &plan);
        for (int n = 0; n < 3; n++)
                world_offer_to(&world, 0, "model=A", true);
        world_offer_to(&world, 0, "model=B", true);
        world_settle(&world, 0, SAL_EVENT_REPORT_FAILED);
        size_t later = world_offer_to(&world, 0, "model=A", false);
        for (size_t n = 1; n < 3; n++)
                world_settle(&world, n, SAL_EVENT_REPORT_FAILED);
        for (int n = 0; n < 4; n++) {
                assert_true(world_room(&world));
                world_offer_to(&world, 0, "model=B", true);
        }
        assert_false(world_room(&world));
        int64_t last = journal->seq;
        world_settle(&world, later, SAL_EVENT_REPORT_FAILED);
        assert_agrees(journal, 1);
        json_t *offer = line(journal, find(journal, "offer", NULL, 4));
        json_object_set_new(offer, "cohorts", json_pack("[s]", "model=B"));
        assert_disagrees(journal, last, "the pace has no room");
        json_object_del(offer, "cohorts"); /* of an older server, which kept its room */
        assert_disagrees(journal, last, "the pace has no room");
        json_object_set_new(offer, "cohorts", json_pack("[s]", "model=A"));
        world_settle(&world, 3, SAL_EVENT_REPORT_FAILED);
        world_settle(&world, 5, SAL_EVENT_REPORT_HEALTHY);
        world_offer_to(&world, 0, "model=B", false);
        assert_agrees(journal, 1);
        json_object_set_new(line(journal, json_array_size(journal->lines) - 1), "cohorts", json_pack("[s]", "model=A"));
        assert_disagrees(journal, journal->seq, "of a held cohort");
        world_done(&world);
}

/* All offers are of the cohort: it is held, nothing is left, the campaign halts. */
static void a_hold_of_everything_halts(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(1);
        world_start(&world, journal, "one-model", &plan);
        for (int n = 0; n < 3; n++)
                world_offer_to(&world, 0, "model=A", true);
        for (size_t n = 0; n < 3; n++)
                world_settle(&world, n, SAL_EVENT_REPORT_FAILED);
        assert_int_equal(world.state, SAL_CAMPAIGN_HALTED);
        assert_agrees(journal, 2);
        world_done(&world);
}

static void a_block_halts_after_a_good_history(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "late-change", &plan);
        for (size_t n = 0; n < 1000; n++) {
                world_offer(&world);
                world_settle(&world, n, SAL_EVENT_REPORT_HEALTHY);
        }
        for (size_t n = 1000; world.state == SAL_CAMPAIGN_ACTIVE; n++) {
                world_offer(&world);
                world_settle(&world, n, SAL_EVENT_REPORT_FAILED);
        }
        assert_int_equal(
                json_array_size(json_object_get(json_object_get(decision(journal, "halt"), "evidence"), "block")), 2);
        assert_agrees(journal, 3); /* two advances */
        json_t *block = json_object_get(json_object_get(decision(journal, "halt"), "evidence"), "block");
        json_array_set_new(block, 1, json_integer(json_integer_value(json_array_get(block, 1)) - 1));
        assert_disagrees(journal, (int64_t)find(journal, "decision", "halt", 0) + 1, "number of the block is 30");
        world_done(&world);
}

/* Halt, resume, and with half the error the next halt; offers of the first period weigh nothing then. */
static void resumes_begin_anew(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        world_act(&world, "resume", SAL_ACT_RESUME);
        for (int n = 0; n < 5; n++)
                world_offer(&world);
        for (size_t n = 5; world.state == SAL_CAMPAIGN_ACTIVE; n++)
                world_settle(&world, n, SAL_EVENT_REPORT_FAILED);
        assert_agrees(journal, 2);
        json_object_set_new(line(journal, find(journal, "offer", NULL, 5)), "period", json_integer(1));
        assert_disagrees(journal, (int64_t)find(journal, "offer", NULL, 5) + 1, "counting period 1; the events give 2");
        world_done(&world);
}

static void pauses_operators_halts_and_kills_come_out_again(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "much-touched", &plan);
        for (size_t n = 0; n < 30; n++) {
                world_offer(&world);
                if (n < 23)
                        world_settle(&world, n, SAL_EVENT_REPORT_HEALTHY);
        }
        world_act(&world, "pause", SAL_ACT_PAUSE);
        world_settle(&world, 23, SAL_EVENT_REPORT_HEALTHY);
        assert_int_equal(sal_tally_stage(world.tally), 0);
        world_act(&world, "resume", SAL_ACT_RESUME); /* the evidence was there: it advances now */
        assert_int_equal(sal_tally_stage(world.tally), 1);
        world_kill(&world, true);
        world_settle(&world, 24, SAL_EVENT_REPORT_HEALTHY);
        world_kill(&world, false);
        world_act(&world, "halt", SAL_ACT_HALT);
        for (size_t n = 25; n < 30; n++)
                world_settle(&world, n, n < 28 ? SAL_EVENT_RECALLED : SAL_EVENT_REPORT_FAILED);
        world_act(&world, "resume", SAL_ACT_RESUME);
        world_open(&world);
        world_complete(&world);
        world_offer_to(&world, 2, NULL, true);
        world_act(&world, "withdraw", SAL_ACT_WITHDRAW);
        assert_agrees(journal, 3);
        world_done(&world);
}

/* An operator halts, and what comes in then is evidence enough: the engine's decision stands without a state. */
static void a_halt_that_stands_already_comes_out_again(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "stands", &plan);
        for (int n = 0; n < 5; n++)
                world_offer(&world);
        world_act(&world, "halt", SAL_ACT_HALT);
        for (size_t n = 0; n < 4; n++)
                world_settle(&world, n, SAL_EVENT_REPORT_FAILED);
        assert_true(world.by_engine);
        assert_agrees(journal, 1);
        world_done(&world);
}

static void later_attempts_weigh_nothing(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        world_start(&world, journal, "twice", &plan);
        for (size_t n = 0; n < 8; n += 2) {
                world_offer(&world);
                world_settle(&world, n, SAL_EVENT_DEADLINE);
                if (world.state != SAL_CAMPAIGN_ACTIVE)
                        break;
                world_offer_to(&world, 0, NULL, false);
                world_settle(&world, n + 1, SAL_EVENT_REPORT_FAILED);
        }
        assert_agrees(journal, 1); /* by silence, at the third or fourth */
        world_done(&world);
}

/* ---- every way to bend one ---- */

/* Each member of the evidence, changed alone. */
static void every_number_of_a_decision_counts(void **state) {
        struct journal *journal = *state;
        static const struct {
                const char *member, *words;
        } numbers[] = {
                {"offered", "offered is 6 in the journal; the events give 5"},
                {"failed", "failed is 5 in the journal; the events give 4"},
                {"silent", "silent is 1 in the journal; the events give 0"},
        };
        struct world world;
        play_halt(&world, journal);
        int64_t seq = (int64_t)find(journal, "decision", "halt", 0) + 1;
        json_t *evidence = json_object_get(decision(journal, "halt"), "evidence");
        for (size_t i = 0; i < SAL_ARRAY_LEN(numbers); i++) {
                json_int_t was = json_integer_value(json_object_get(evidence, numbers[i].member));
                json_object_set_new(evidence, numbers[i].member, json_integer(was + 1));
                assert_disagrees(journal, seq, numbers[i].words);
                json_object_set_new(evidence, numbers[i].member, json_integer(was));
        }
        json_object_set_new(evidence, "block", json_pack("[i, i]", 0, 1));
        assert_disagrees(journal, seq, "level of the block is 0 in the journal; the events give -1");
        json_object_del(evidence, "block");
        assert_agrees(journal, 1);
        world_done(&world);
}

/* The last bit of a double is enough. */
static void one_bit_of_a_double_counts(void **state) {
        struct journal *journal = *state;
        static const char *const members[] = {"ln_e", "bound"};
        struct world world;
        play_halt(&world, journal);
        json_t *evidence = json_object_get(decision(journal, "halt"), "evidence");
        for (size_t i = 0; i < SAL_ARRAY_LEN(members); i++) {
                double was = json_real_value(json_object_get(evidence, members[i])), next;
                uint64_t bits;
                memcpy(&bits, &was, sizeof bits);
                bits++;
                memcpy(&next, &bits, sizeof next);
                json_object_set_new(evidence, members[i], json_real(next));
                assert_disagrees(journal, (int64_t)find(journal, "decision", "halt", 0) + 1, members[i]);
                json_object_set_new(evidence, members[i], json_real(was));
        }
        world_done(&world);
}

static void rings_cohorts_and_who_decided_count(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_hold(&world, journal);
        int64_t seq = (int64_t)find(journal, "decision", "hold_cohort", 0) + 1;
        json_t *hold = decision(journal, "hold_cohort");
        json_object_set_new(hold, "cohort", json_string("model=B"));
        assert_disagrees(journal, seq, "the cohort is model=B in the journal; the events give model=A");
        json_object_set_new(hold, "cohort", json_string("model=A"));
        json_object_set_new(hold, "ring", json_string("early"));
        assert_disagrees(journal, seq, "the ring is early in the journal; the events give canary");
        json_object_set_new(hold, "ring", json_string("canary"));
        json_object_set_new(line(journal, (size_t)seq - 1), "ring", json_string("broad"));
        assert_disagrees(journal, seq, "its event is of ring broad");
        json_object_set_new(line(journal, (size_t)seq - 1), "ring", json_string("canary"));
        json_object_set_new(hold, "by", json_string("operator"));
        assert_disagrees(journal, seq, "missing: after seq");
        json_object_set_new(hold, "by", json_string("nobody"));
        assert_disagrees(journal, seq, "neither engine nor operator");
        world_done(&world);
}

static void a_missing_decision_is_seen(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_hold(&world, journal);
        world_settle(&world, 3, SAL_EVENT_REPORT_HEALTHY);
        size_t hold = find(journal, "decision", "hold_cohort", 0);
        drop(journal, hold);
        assert_disagrees(journal, (int64_t)hold + 1, "\"hold_cohort\" of model=A was due, on 3 offered, 3 failed");
        /* And at the end of the journal. */
        while (json_array_size(journal->lines) > hold)
                json_array_remove(journal->lines, hold);
        assert_disagrees(journal, (int64_t)hold, "the journal ends instead");
        world_done(&world);
}

static void a_missing_halt_is_seen(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        size_t halt = find(journal, "decision", "halt", 0);
        json_t *kept = json_incref(line(journal, halt));
        drop(journal, halt);
        assert_disagrees(journal, (int64_t)halt + 1, "has no decision behind it");
        while (json_array_size(journal->lines) > halt)
                json_array_remove(journal->lines, halt);
        assert_disagrees(journal, (int64_t)halt, "\"halt\" was due");
        drop(journal, halt - 1); /* the state too */
        assert_disagrees(journal, (int64_t)halt - 1, "\"halt\" was due, on 5 offered, 4 failed");
        json_array_append(journal->lines, kept); /* a halt without its state */
        renumber(journal);
        assert_disagrees(journal, (int64_t)halt, "its state is active");
        json_decref(kept);
        world_done(&world);
}

static void a_missing_advance_is_seen(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_advance(&world, journal);
        world_offer_to(&world, 1, NULL, true);
        size_t advance = find(journal, "decision", "advance", 0);
        drop(journal, advance);
        assert_disagrees(journal, (int64_t)advance + 1, "\"advance\" was due, on 24 offered, 0 failed");
        world_done(&world);
}

static void a_decision_too_many_is_seen(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_advance(&world, journal);
        size_t advance = find(journal, "decision", "advance", 0);
        insert(journal, advance + 1, line(journal, advance));
        assert_disagrees(journal, (int64_t)advance + 2, "\"advance\" by engine was not due");
        world_done(&world);
}

static void a_decision_too_early_or_too_late_is_seen(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_hold(&world, journal);
        world_settle(&world, 3, SAL_EVENT_REPORT_HEALTHY);
        size_t hold = find(journal, "decision", "hold_cohort", 0);
        swap(journal, hold - 1, hold);
        assert_disagrees(journal, (int64_t)hold, "\"hold_cohort\" by engine was not due");
        swap(journal, hold - 1, hold);
        assert_agrees(journal, 1);
        swap(journal, hold, hold + 1);
        assert_disagrees(journal, (int64_t)hold + 1, "instead an event \"succeeded\" follows");
        world_done(&world);
}

/* The fourth failure before the fifth offer: then the third of those that follow had been enough already. */
static void the_order_of_events_counts(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        size_t fifth = find(journal, "offer", NULL, 4), fourth = find(journal, "failed", NULL, 3);
        swap(journal, fifth, fourth);
        assert_disagrees(journal, (int64_t)fourth, "\"halt\" was due, on 4 offered, 3 failed");
        world_done(&world);
}

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
        assert_disagrees(journal, (int64_t)find(journal, "offer", NULL, 3) + 1, "i 3, o 4; the events give i 2, o 3");
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
        assert_disagrees(journal, seq, "rests on 0 offers in flight; the events give 1 to 1");
        json_object_set_new(because, "in_flight", json_integer(1));
        json_object_set_new(because, "known", json_integer(10)); /* a tenth of them: one offer, and it is out */
        assert_disagrees(journal, seq, "does not follow");
        json_object_del(json_object_get(line(journal, (size_t)seq - 1), "decision"), "because");
        assert_unreadable(journal, "because");
        world_done(&world);
}

/* Anonymous machines are outside the pace; of an uncounted offer that does not say so, either may be true. */
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
        assert_disagrees(journal, journal->seq, "rests on 7 offers in flight; the events give 1 to 1");
        json_t *because =
                json_object_get(json_object_get(line(journal, (size_t)journal->seq - 1), "decision"), "because");
        json_object_set_new(because, "in_flight", json_integer(1));
        assert_agrees(journal, 1);
        json_object_del(line(journal, find(journal, "offer", NULL, 6)), "anonymous");
        assert_agrees(journal, 1);
        json_object_set_new(because, "in_flight", json_integer(3));
        assert_disagrees(journal, journal->seq, "the events give 1 to 2");
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

/* Before the start their plan is not known yet. */
static void limits_before_the_start_count(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        put_limits(journal, "early-limits", json_pack("{s:i}", "in_flight_max", 1));
        world_start(&world, journal, "early-limits", &plan);
        world_offer(&world);
        world_offer(&world);
        assert_disagrees(journal, journal->seq, "the pace has no room");
        put_limits(journal, "early-limits", json_pack("{s:i}", "no_such", 1));
        world_done(&world);
}

/* ---- parts, gaps, nonsense ---- */

static void a_journal_has_no_gaps(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        json_array_remove(journal->lines, 5);
        assert_unreadable(journal, "event 7 comes after event 5");
        world_done(&world);
}

static void an_empty_journal_proves_nothing(void **state) {
        assert_unreadable(*state, "not one event");
}

static void a_start_that_is_missing_leaves_a_campaign_unjudged(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        size_t start = find(journal, "state", NULL, 1);
        for (size_t i = 0; i <= start; i++)
                json_array_remove(journal->lines, 0);
        struct outcome outcome = replay(journal);
        assert_int_equal(outcome.status, SAL_OK);
        assert_int_equal(outcome.told, 0);
        assert_int_equal(outcome.sums.unjudged, 1);
        assert_int_equal(outcome.sums.recomputed, 0);
        renumber(journal); /* as if it were the beginning: then nothing may be missing */
        drop(journal, find(journal, "decision", "open", 0));
        assert_disagrees(journal, 1, "never started");
        world_done(&world);
}

static void unknown_offers_and_missing_members_are_errors(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        json_t *failed = line(journal, find(journal, "failed", NULL, 0));
        json_object_set_new(failed, "offer_id", json_string("o77"));
        assert_unreadable(journal, "offer o77 was never made by campaign bad-fix@1");
        json_object_set_new(failed, "offer_id", json_string("o1"));
        json_t *offer = line(journal, find(journal, "offer", NULL, 1));
        json_object_del(offer, "i");
        assert_unreadable(journal, "\"i\"");
        json_object_set_new(offer, "i", json_integer(1));
        json_object_set_new(offer, "offer_id", json_string("o1"));
        assert_unreadable(journal, "only ever rise");
        json_object_set_new(offer, "offer_id", json_string("o2"));
        json_object_set_new(offer, "cohorts", json_pack("[s]", "model=A"));
        assert_unreadable(journal, "cohorts");
        json_object_set_new(offer, "cohorts", json_array());
        json_object_set_new(decision(journal, "halt"), "id", json_string("d1"));
        assert_unreadable(journal, "must be d");
        json_t *start = line(journal, find(journal, "state", NULL, 1));
        json_object_set_new(json_object_get(start, "plan"), "halt_error", json_integer(7));
        assert_unreadable(journal, "halt_error");
        world_done(&world);
}

/* One campaign's disagreement says nothing of another's. */
static void campaigns_are_judged_apart(void **state) {
        struct journal *journal = *state;
        struct world bad, good;
        play_halt(&bad, journal);
        json_object_set_new(json_object_get(decision(journal, "halt"), "evidence"), "failed", json_integer(3));
        play_advance(&good, journal);
        struct outcome outcome = replay(journal);
        assert_int_equal(outcome.status, SAL_OK);
        assert_int_equal(outcome.told, 1);
        assert_int_equal(outcome.sums.campaigns, 2);
        assert_int_equal(outcome.sums.disagreements, 1);
        assert_int_equal(outcome.sums.recomputed, 1);
        world_done(&bad);
        world_done(&good);
}

static void the_digest_tells_decisions_apart(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        struct outcome one = replay(journal), same = replay(journal);
        assert_int_equal(strlen(one.sums.digest), 64);
        assert_string_equal(one.sums.digest, same.sums.digest);
        drop(journal, find(journal, "recalled", NULL, 0));
        struct outcome shorter = replay(journal);
        assert_string_equal(one.sums.digest, shorter.sums.digest); /* the decisions are the same */
        world_act(&world, "withdraw", SAL_ACT_WITHDRAW);
        renumber(journal);
        struct outcome longer = replay(journal);
        assert_int_equal(longer.told, 0);
        assert_string_not_equal(one.sums.digest, longer.sums.digest);
        world_done(&world);
}

#define story(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                story(a_halt_comes_out_again),
                story(advances_come_out_again),
                story(holds_and_releases_come_out_again),
                story(a_later_attempt_leaves_the_pace_with_its_cohort),
                story(a_hold_of_everything_halts),
                story(a_block_halts_after_a_good_history),
                story(resumes_begin_anew),
                story(pauses_operators_halts_and_kills_come_out_again),
                story(a_halt_that_stands_already_comes_out_again),
                story(later_attempts_weigh_nothing),
                story(every_number_of_a_decision_counts),
                story(one_bit_of_a_double_counts),
                story(rings_cohorts_and_who_decided_count),
                story(a_missing_decision_is_seen),
                story(a_missing_halt_is_seen),
                story(a_missing_advance_is_seen),
                story(a_decision_too_many_is_seen),
                story(a_decision_too_early_or_too_late_is_seen),
                story(the_order_of_events_counts),
                story(numbers_of_offers_come_out_again),
                story(an_offer_keeps_to_rings_states_and_pace),
                story(nobody_is_offered_what_stands),
                story(an_offer_changes_as_its_states_allow),
                story(openings_rest_on_what_they_say),
                story(in_flight_leaves_anonymous_machines_out),
                story(completions_rest_on_what_they_say),
                story(nothing_expires_before_its_time),
                story(manual_plans_leave_rings_to_an_operator),
                story(an_operator_opens_nothing_that_evidence_rules),
                story(limits_hold_offers_and_advance_back),
                story(limits_of_pace_windows_and_machines_count),
                story(limits_before_the_start_count),
                story(a_journal_has_no_gaps),
                story(an_empty_journal_proves_nothing),
                story(a_start_that_is_missing_leaves_a_campaign_unjudged),
                story(unknown_offers_and_missing_members_are_errors),
                story(campaigns_are_judged_apart),
                story(the_digest_tells_decisions_apart),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
