/* SPDX-License-Identifier: Apache-2.0 */
/* Parts, gaps and nonsense. */
#include "bend.h"

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

/* What the plan was, nobody who replays may choose. */
static void a_start_without_its_whole_plan_is_seen(void **state) {
        static const char *const members[] = {"rings", "in_flight", "halt_error", "patience_seconds", "cohorts"};
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        json_t *start = line(journal, find(journal, "state", NULL, 1));
        json_t *plan = json_object_get(start, "plan"), *ring = json_array_get(json_object_get(plan, "rings"), 1);
        char words[64];
        for (size_t i = 0; i < SAL_ARRAY_LEN(members); i++) {
                json_t *kept = json_incref(json_object_get(plan, members[i]));
                json_object_del(plan, members[i]);
                snprintf(words, sizeof words, "its plan does not say \"%s\"", members[i]);
                assert_disagrees(journal, 2, words);
                json_object_set_new(plan, members[i], kept);
        }
        json_t *growth = json_incref(json_object_get(ring, "growth"));
        json_object_del(ring, "growth");
        assert_disagrees(journal, 2, "does not say \"growth\"");
        json_object_set_new(ring, "growth", growth);
        assert_agrees(journal, 1);
        json_object_del(start, "plan");
        assert_disagrees(journal, 2, "the plan is not said");
        json_array_remove(journal->lines, 0); /* nor is it ready first: by its decision it is a start all the same */
        assert_disagrees(journal, 3, "the plan is not said");
        json_object_set_new(json_object_get(line(journal, 1), "decision"), "verdict", json_string("resume"));
        assert_int_equal(replay(journal).sums.unjudged, 1);
        assert_int_equal(replay(journal).told, 0);
        while (json_array_size(journal->lines) > 1)
                json_array_remove(journal->lines, 1);
        assert_int_equal(replay(journal).sums.unjudged, 1);
        world_done(&world);
}

/* A start that is nobody's, or another's, is not missing quietly. */
static void a_start_of_no_campaign_is_seen(void **state) {
        struct journal *journal = *state;
        struct world world;
        play_halt(&world, journal);
        json_t *start = line(journal, find(journal, "state", NULL, 1));
        json_object_del(start, "version");
        assert_unreadable(journal, "needs its campaign and version");
        json_object_set_new(start, "version", json_integer(2));
        assert_int_equal(replay(journal).sums.disagreements, 2);
        json_object_del(start, "campaign");
        assert_unreadable(journal, "needs its campaign and version");
        json_object_del(start, "version");
        assert_unreadable(journal, "needs its campaign and version");
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

int main(void) {
        const struct CMUnitTest tests[] = {
                story(a_journal_has_no_gaps),
                story(an_empty_journal_proves_nothing),
                story(a_start_that_is_missing_leaves_a_campaign_unjudged),
                story(a_start_without_its_whole_plan_is_seen),
                story(a_start_of_no_campaign_is_seen),
                story(unknown_offers_and_missing_members_are_errors),
                story(campaigns_are_judged_apart),
                story(the_digest_tells_decisions_apart),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
