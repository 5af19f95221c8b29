/* SPDX-License-Identifier: Apache-2.0 */
/* The pure answer: which reason hides which, and the sentence that goes with it. What leads there is played in
 * tests/unit/service/test_answer.c. */
#include "rollout/answer.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t NOON_MS = INT64_C(1721390400000); /* 2024-07-19T12:00:00Z, a Friday */
static const int64_t HOUR_MS = 3600000;

#define PAYLOAD                                                                                        \
        "{\"schema\":\"salvor.campaign/1\",\"id\":\"fix\",\"version\":1,\"trust_domain\":"             \
        "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"title\":\"a fix\","    \
        "\"not_before\":\"2024-07-19T00:00:00Z\",\"expires\":\"2024-07-29T00:00:00Z\","                \
        "\"match\":{\"fact\":\"os\",\"eq\":\"windows\"},"                                              \
        "\"actions\":[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/bad\"}],\"rollout\":{\"rings\":[" \
        "{\"name\":\"one\",\"share\":0.5},{\"name\":\"two\",\"share\":0.5}]}}"

/* One campaign that can offer to the machine now. */
struct scene {
        struct sal_campaign *campaign;
        struct sal_facts *facts;
        struct sal_candidate candidate;
        struct sal_asker asker;
        char text[SAL_ANSWER_SENTENCE_BYTES];
};

static int setup(void **state) {
        static struct scene scene;
        struct sal_err err = {0};
        scene = (struct scene){0};
        if (sal_campaign_parse(PAYLOAD, strlen(PAYLOAD), &scene.campaign, &err))
                fail_msg("%s: %s", err.pointer, err.detail);
        assert_int_equal(sal_facts_parse_text("{\"os\":\"windows\"}", &scene.facts), SAL_OK);
        scene.candidate = (struct sal_candidate){
                .campaign = scene.campaign, .state = SAL_CAMPAIGN_ACTIVE, .rings_open = 1, .room = true};
        scene.asker = (struct sal_asker){.machine_id = "m-1", .pin = "one", .facts = scene.facts, .repeat = -1};
        *state = &scene;
        return 0;
}

static int teardown(void **state) {
        struct scene *scene = *state;
        sal_campaign_unref(scene->campaign);
        sal_facts_free(scene->facts);
        return 0;
}

static struct sal_answer answer_at(struct scene *scene, int64_t now_ms) {
        return sal_answer(false, &scene->asker, &scene->candidate, 1, now_ms);
}

static const char *sentence_at(struct scene *scene, int64_t now_ms) {
        struct sal_answer answer = answer_at(scene, now_ms);
        return sal_answer_sentence(&answer, &scene->candidate, scene->text);
}

#define assert_reason(scene, name) assert_string_equal(sal_reason_name(answer_at(scene, NOON_MS).reason), name)

static const char OUTSIDE[] = "At present an operator limits this fix to other machines.";

static void outside_waits_as_behind_a_shut_ring(void **state) {
        struct scene *scene = *state;
        assert_reason(scene, "offered");
        scene->candidate.outside = true;
        struct sal_answer answer = answer_at(scene, NOON_MS);
        assert_int_equal(answer.reason, SAL_REASON_RING_NOT_OPEN);
        assert_int_equal(answer.directive, SAL_DIRECTIVE_WAIT);
        assert_false(answer.offer);
        assert_string_equal(sentence_at(scene, NOON_MS), OUTSIDE);
        /* Room and the list come behind it. */
        scene->candidate.room = false;
        assert_reason(scene, "ring_not_open");
        scene->candidate.unlisted = true;
        assert_string_equal(sentence_at(scene, NOON_MS), OUTSIDE);
}

/* In a ring that is shut everybody waits, and is told so. */
static void a_shut_ring_is_told_first(void **state) {
        struct scene *scene = *state;
        scene->asker.pin = "two";
        assert_reason(scene, "ring_not_open");
        const char *shut = sentence_at(scene, NOON_MS);
        scene->candidate.outside = true;
        assert_string_equal(sentence_at(scene, NOON_MS), shut);
        assert_true(strcmp(shut, OUTSIDE) != 0);
}

static void a_boot_that_failed_is_told_of_the_next_attempt(void **state) {
        struct scene *scene = *state;
        scene->candidate.history = (struct sal_history){.any = true,
                                                        .attempts = scene->campaign->plan.max_attempts - 1,
                                                        .state = SAL_OFFER_FAILED,
                                                        .cause = SAL_CAUSE_REPORTED,
                                                        .same_boot = true};
        assert_reason(scene, "attempts_exhausted");
        assert_string_equal(sentence_at(scene, NOON_MS), "The fix failed in this boot; restart for the next attempt.");
        scene->candidate.state = SAL_CAMPAIGN_HALTED; /* a restart would bring nothing */
        assert_string_equal(sentence_at(scene, NOON_MS),
                            "The fix failed in this boot, and its rescue stands still at present.");
        scene->candidate.history.attempts++;
        assert_reason(scene, "attempts_exhausted");
        assert_string_equal(sentence_at(scene, NOON_MS), sal_reason_sentence(SAL_REASON_ATTEMPTS_EXHAUSTED));
}

static void between_windows_it_is_not_yet_valid(void **state) {
        struct scene *scene = *state;
        scene->candidate.window_opens_ms = NOON_MS + 10 * HOUR_MS;
        scene->candidate.outside = true; /* comes behind it */
        struct sal_answer answer = answer_at(scene, NOON_MS);
        assert_int_equal(answer.reason, SAL_REASON_NOT_YET_VALID);
        assert_int_equal(answer.directive, SAL_DIRECTIVE_WAIT);
        assert_string_equal(
                sentence_at(scene, NOON_MS),
                "An operator lets this fix out at set times only; the next begins at 2024-07-19T22:00:00Z.");
        /* To the millisecond. */
        scene->candidate.outside = false;
        assert_int_equal(answer_at(scene, NOON_MS + 10 * HOUR_MS - 1).reason, SAL_REASON_NOT_YET_VALID);
        assert_int_equal(answer_at(scene, NOON_MS + 10 * HOUR_MS).reason, SAL_REASON_OFFERED);
}

/* The later of the campaign's own beginning and the window's is told. */
static void the_later_beginning_is_told(void **state) {
        struct scene *scene = *state;
        scene->candidate.window_opens_ms = NOON_MS - 30 * HOUR_MS;
        assert_string_equal(sentence_at(scene, NOON_MS - 40 * HOUR_MS), "The fix becomes valid later.");
        assert_string_equal(sentence_at(scene, NOON_MS - 20 * HOUR_MS), "The fix becomes valid later.");
        scene->candidate.window_opens_ms = NOON_MS;
        assert_string_equal(
                sentence_at(scene, NOON_MS - 20 * HOUR_MS),
                "An operator lets this fix out at set times only; the next begins at 2024-07-19T12:00:00Z.");
}

static void what_comes_before_hides_both(void **state) {
        static const struct {
                enum sal_campaign_state state;
                const char *reason;
        } cases[] = {{SAL_CAMPAIGN_PAUSED, "paused"}, {SAL_CAMPAIGN_HALTED, "halted"}};
        struct scene *scene = *state;
        scene->candidate.outside = true;
        scene->candidate.window_opens_ms = NOON_MS + 1;
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                scene->candidate.state = cases[i].state;
                assert_reason(scene, cases[i].reason);
        }
        scene->candidate.state = SAL_CAMPAIGN_ACTIVE;
        scene->candidate.cohort_held = true;
        assert_reason(scene, "halted");
        assert_int_equal(answer_at(scene, scene->campaign->expires_ms).reason, SAL_REASON_EXPIRED);
        scene->candidate.history = (struct sal_history){.any = true, .state = SAL_OFFER_SUCCEEDED};
        assert_reason(scene, "already_succeeded");
}

/* Another campaign that can offer goes ahead; the reason told is that of the highest-ranked one. */
static void others_go_ahead(void **state) {
        struct scene *scene = *state;
        struct sal_candidate two[2] = {scene->candidate, scene->candidate};
        two[0].outside = true;
        struct sal_answer answer = sal_answer(false, &scene->asker, two, 2, NOON_MS);
        assert_true(answer.offer);
        assert_int_equal(answer.candidate, 1);
        two[1].window_opens_ms = NOON_MS + 1;
        answer = sal_answer(false, &scene->asker, two, 2, NOON_MS);
        assert_int_equal(answer.reason, SAL_REASON_RING_NOT_OPEN);
        assert_int_equal(answer.candidate, 0);
}

/* An offer that is out is repeated whatever was laid on its campaign since; not while it stands still. */
static void an_offer_that_is_out_is_repeated(void **state) {
        struct scene *scene = *state;
        scene->asker.repeat = 0;
        scene->candidate.outside = true;
        scene->candidate.window_opens_ms = NOON_MS + 1;
        scene->candidate.room = false;
        struct sal_answer answer = answer_at(scene, NOON_MS);
        assert_int_equal(answer.reason, SAL_REASON_OFFERED);
        assert_false(answer.offer);
        scene->candidate.state = SAL_CAMPAIGN_PAUSED;
        assert_reason(scene, "paused");
        scene->candidate.state = SAL_CAMPAIGN_HALTED;
        assert_reason(scene, "halted");
        scene->candidate.state = SAL_CAMPAIGN_COMPLETED;
        assert_reason(scene, "offered");
        scene->candidate.cohort_held = true;
        assert_reason(scene, "halted");
}

/* It is next in line for nothing, and has no reason to ask again soon. */
static void an_older_boot_is_not_next_in_line(void **state) {
        struct scene *scene = *state;
        static const char old[] = "A newer boot of this machine is known; this one gets nothing new.";
        scene->asker.stale_boot = true;
        assert_reason(scene, "in_flight_cap");
        assert_string_equal(sentence_at(scene, NOON_MS), old);
        scene->candidate.room = false;
        assert_string_equal(sentence_at(scene, NOON_MS), old);
        scene->candidate.state = SAL_CAMPAIGN_PAUSED; /* what comes before it is told */
        assert_string_equal(sentence_at(scene, NOON_MS), sal_reason_sentence(SAL_REASON_PAUSED));
        scene->candidate.state = SAL_CAMPAIGN_ACTIVE;
        scene->asker.stale_boot = false;
        assert_string_equal(sentence_at(scene, NOON_MS), sal_reason_sentence(SAL_REASON_IN_FLIGHT_CAP));
}

static void every_sentence_fits(void **state) {
        (void)state;
        for (int reason = 0; reason < SAL_REASONS; reason++) {
                assert_true(strlen(sal_reason_sentence((enum sal_reason)reason)) < SAL_ANSWER_SENTENCE_BYTES);
                assert_non_null(sal_reason_name((enum sal_reason)reason));
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(outside_waits_as_behind_a_shut_ring),
                TEST(a_shut_ring_is_told_first),
                TEST(a_boot_that_failed_is_told_of_the_next_attempt),
                TEST(between_windows_it_is_not_yet_valid),
                TEST(the_later_beginning_is_told),
                TEST(what_comes_before_hides_both),
                TEST(others_go_ahead),
                TEST(an_offer_that_is_out_is_repeated),
                TEST(an_older_boot_is_not_next_in_line),
                TEST(every_sentence_fits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
