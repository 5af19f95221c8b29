/* SPDX-License-Identifier: Apache-2.0 */
/* A journal whose decisions, or their order, are not those that its events give. */
#include "bend.h"

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

/* What a decision is about, and when, and by which rule. */
static void a_decision_says_what_its_event_says(void **state) {
        static const struct {
                const char *member, *wrong, *words;
        } members[] = {
                {"campaign", "good-fix", "is about good-fix@1, and its event about bad-fix@1"},
                {"at", "2024-07-19T05:30:00.001Z", "says another time than its event: +1 ms"},
                {"rule", "6.4", "\"halt\" by engine is not given by rule 6.4"},
        };
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        int64_t seq = (int64_t)find(journal, "decision", "halt", 0) + 1;
        json_t *halt = decision(journal, "halt");
        for (size_t i = 0; i < SAL_ARRAY_LEN(members); i++) {
                json_t *kept = json_incref(json_object_get(halt, members[i].member));
                json_object_set_new(halt, members[i].member, json_string(members[i].wrong));
                assert_disagrees(journal, seq, members[i].words);
                json_object_del(halt, members[i].member);
                assert_unreadable(journal, "is required");
                json_object_set_new(halt, members[i].member, kept);
        }
        json_object_set_new(halt, "version", json_integer(2));
        assert_disagrees(journal, seq, "is about bad-fix@2, and its event about bad-fix@1");
        json_object_set_new(halt, "version", json_integer(1));
        json_object_set_new(decision(journal, "open"), "rule", json_string("6.4")); /* the start is of 6.7 */
        assert_disagrees(journal, 3, "\"open\" by operator is not given by rule 6.4");
        world_done(&world);
}

static void an_outcome_is_of_its_offer(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        size_t first = find(journal, "failed", NULL, 0);
        json_t *failed = line(journal, first);
        json_object_set_new(failed, "machine_id", json_string("m-2"));
        assert_disagrees(journal, (int64_t)first + 1, "offer o1 was made to another machine than m-2");
        json_object_del(failed, "machine_id");
        assert_disagrees(journal, (int64_t)first + 1, "another machine than nobody");
        json_object_set_new(failed, "machine_id", json_string("m-1"));
        json_object_set_new(failed, "ring", json_string("broad"));
        assert_disagrees(journal, (int64_t)first + 1, "made in ring canary, and its outcome says broad");
        json_object_del(failed, "ring");
        assert_disagrees(journal, (int64_t)first + 1, "its outcome says none");
        world_done(&world);
        json_array_clear(journal->lines);
        journal->seq = 0;
        play_advance(&world, journal);
        world_offer(&world);
        world_act(&world, "withdraw", SAL_ACT_WITHDRAW);
        world_settle(&world, 24, SAL_EVENT_RECALLED);
        json_object_del(line(journal, find(journal, "recalled", NULL, 0)), "ring"); /* it ended long ago */
        assert_agrees(journal, 1);
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

int main(void) {
        const struct CMUnitTest tests[] = {
                story(every_number_of_a_decision_counts),
                story(one_bit_of_a_double_counts),
                story(rings_cohorts_and_who_decided_count),
                story(a_decision_says_what_its_event_says),
                story(an_outcome_is_of_its_offer),
                story(a_missing_decision_is_seen),
                story(a_missing_halt_is_seen),
                story(a_missing_advance_is_seen),
                story(a_decision_too_many_is_seen),
                story(a_decision_too_early_or_too_late_is_seen),
                story(the_order_of_events_counts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
