/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver does comes out again, decision by decision. */
#include "bend.h"

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
        json_object_del(offer, "cohorts");
        assert_unreadable(journal, "\"cohorts\" is required");
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
        world_act(&world, "pause", SAL_ACT_PAUSE);
        world_kill(&world, true);
        world_kill(&world, false); /* it stays paused */
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

/* At its end the kill switch says resumed of what runs again, and of nothing else. */
static void the_end_of_the_kill_switch_is_told_of_what_runs(void **state) {
        struct journal *journal = *state;
        struct world world;
        struct sal_plan plan = plan_of(0);
        for (int paused = 1; paused >= 0; paused--) {
                json_array_clear(journal->lines);
                journal->seq = 0;
                world_start(&world, journal, "killed", &plan);
                if (paused)
                        world_act(&world, "pause", SAL_ACT_PAUSE);
                world_kill(&world, true);
                journal_write(journal, (struct sal_event){.type = SAL_JOURNAL_ADMIN},
                              json_pack("{s:s, s:s}", "operator", "ann", "act", "kill_switch.off"));
                if (paused)
                        assert_agrees(journal, 0);
                else
                        assert_disagrees(journal, journal->seq, "the kill switch goes off, and no decision says so");
                world_done(&world);
        }
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
                story(the_end_of_the_kill_switch_is_told_of_what_runs),
                story(a_halt_that_stands_already_comes_out_again),
                story(later_attempts_weigh_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
