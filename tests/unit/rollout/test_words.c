/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence for every reason, without a daemon: what it tells, and that nobody's words pass for ours. */
#include "rollout/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MINUTE_MS = 60000, HOUR_MS = 3600000 };

/* 2024-07-19T06:00:00Z */
static const int64_t NOW = 1721368800000;

/* A campaign and a machine, to be changed by each test. */
struct scene {
        struct sal_campaign campaign;
        struct sal_candidate candidate;
        struct sal_asker asker;
        struct sal_words_offer own, holds;
        struct sal_words_decision decision;
        struct sal_selector_why mismatch;
        struct sal_why why;
};

static void set(struct scene *scene, enum sal_reason reason) {
        memset(scene, 0, sizeof *scene);
        snprintf(scene->campaign.id, sizeof scene->campaign.id, "fix");
        scene->campaign.version = 1;
        scene->campaign.not_before_ms = NOW - HOUR_MS;
        scene->campaign.expires_ms = NOW + HOUR_MS;
        sal_plan_default(&scene->campaign.plan);
        scene->candidate = (struct sal_candidate){
                .campaign = &scene->campaign, .state = SAL_CAMPAIGN_ACTIVE, .rings_open = 1, .room = true};
        scene->asker = (struct sal_asker){.machine_id = "m-1", .pin = "broad", .repeat = -1};
        scene->own = scene->holds = (struct sal_words_offer){.id = "o7",
                                                             .campaign = "fix",
                                                             .version = 1,
                                                             .attempt = 1,
                                                             .made_ms = NOW - 5 * MINUTE_MS,
                                                             .applied_ms = NOW - 3 * MINUTE_MS,
                                                             .settled_ms = NOW - 2 * MINUTE_MS};
        scene->decision = (struct sal_words_decision){.id = "d41",
                                                      .rule = "6.3",
                                                      .at_ms = NOW - 90000,
                                                      .offered = 5,
                                                      .failed = 4,
                                                      .ln_e = 7.995579673,
                                                      .bound = 5.298317367};
        scene->why =
                (struct sal_why){.candidate = &scene->candidate,
                                 .asker = &scene->asker,
                                 .answer = {.directive = sal_reason_directive(reason), .reason = reason},
                                 .matches = reason != SAL_REASON_NO_MATCH,
                                 .now_ms = NOW,
                                 .in_flight = 3,
                                 .cap = 5,
                                 .anonymous_room = 10,
                                 .ring_opens_ms = INT64_MIN,
                                 .prospect = {.first = 24, .needed = 24, .well = 17, .made = 20, .bound = 2.995732}};
}

#define assert_says(scene, expected)                             \
        do {                                                     \
                sal_autobuf struct sal_buf said_ = SAL_BUF_INIT; \
                sal_why_sentence(&(scene)->why, &said_);         \
                assert_string_equal(said_.data, expected);       \
        } while (0)

static void whom_it_is_for(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_NO_MATCH);
        assert_says(&s, "It is not for this machine.");
        snprintf(s.mismatch.text, sizeof s.mismatch.text, "os is linux, the fix is for windows");
        s.why.mismatch = &s.mismatch;
        assert_says(&s, "It is not for this machine: os is linux, the fix is for windows.");
        s.why.mismatch = NULL;
        s.campaign.undoes = "bad-fix";
        assert_says(&s, "It undoes bad-fix, and the machine was not touched by that one.");
        s.campaign.drill = true;
        assert_says(&s, "It is a drill: only a machine that asks for a drill is offered it.");
        s.campaign.drill = false;
        s.asker.reason = SAL_POLL_DRILL;
        assert_says(&s, "It is no drill, and the machine asked for one.");
}

static void an_offer(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_OFFERED);
        s.why.answer.offer = true;
        assert_says(
                &s,
                "The next poll of its newest boot gets it, attempt 1 of 2: ring broad is open, 3 in flight, cap 5.");
        s.why.answer.offer = false;
        s.why.own = &s.own;
        assert_says(&s, "The machine holds offer o7 (attempt 1 of 2) since 2024-07-19T05:55:00Z (5 min ago) and gets "
                        "it again with each poll.");
        s.own.due_ms = NOW + 55 * MINUTE_MS + 999;
        assert_says(&s, "The machine holds offer o7 (attempt 1 of 2) since 2024-07-19T05:55:00Z (5 min ago) and gets "
                        "it again with each poll; it is taken as silent at 2024-07-19T06:55:00Z (in 55 min).");
}

static void what_it_has_behind_it(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_ALREADY_APPLIED);
        s.why.holds = &s.holds;
        s.holds.soaks = true;
        s.holds.due_ms = NOW + 40000;
        assert_says(&s,
                    "The machine applied offer o7 of fix@1 in this boot at 2024-07-19T05:57:00Z (3 min ago) and has to "
                    "restart; it succeeds by staying away until 2024-07-19T06:00:40Z (in 40 s).");
        set(&s, SAL_REASON_ALREADY_SUCCEEDED);
        assert_says(&s, "The machine applied it from a bundle, so it is not offered again.");
        s.why.own = &s.own;
        s.own.state = SAL_OFFER_SUCCEEDED;
        assert_says(&s, "The machine has it: offer o7 succeeded at 2024-07-19T05:58:00Z (2 min ago).");
        s.own.state = SAL_OFFER_APPLIED;
        assert_says(&s, "The machine has it: offer o7 was applied at 2024-07-19T05:57:00Z (3 min ago).");
        s.own.state = SAL_OFFER_FAILED;
        s.own.cause = SAL_CAUSE_SILENT;
        assert_says(&s,
                    "The machine has it: offer o7 stands as failed (silent), but its machine said later that it had "
                    "applied the fix.");
        set(&s, SAL_REASON_NOT_APPLICABLE);
        s.why.own = &s.own;
        assert_says(&s,
                    "The machine found that it does not apply (offer o7, 2024-07-19T05:58:00Z (2 min ago)) and never "
                    "gets this version again.");
}

static void attempts(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_ATTEMPTS_EXHAUSTED);
        s.why.own = &s.own;
        s.own.state = SAL_OFFER_FAILED;
        s.own.cause = SAL_CAUSE_REPORTED;
        s.candidate.history.attempts = 2;
        assert_says(&s, "Its 2 attempts are used: it needs hands; the last, offer o7, failed (reported) at "
                        "2024-07-19T05:58:00Z (2 min ago).");
        s.candidate.history.attempts = 1;
        assert_says(&s,
                    "Attempt 1 of 2 did not help in this boot: the next one comes with a restart; the last, offer o7, "
                    "failed (reported) at 2024-07-19T05:58:00Z (2 min ago).");
        s.candidate.state = SAL_CAMPAIGN_PAUSED;
        s.why.decision = &s.decision;
        s.decision.operator_name = "alice";
        assert_says(&s, "Attempt 1 of 2 did not help in this boot; the last, offer o7, failed (reported) at "
                        "2024-07-19T05:58:00Z (2 min ago). Nothing comes with a restart while the campaign is paused "
                        "by alice at 2024-07-19T05:58:30Z (90 s ago).");
        s.candidate.state = SAL_CAMPAIGN_HALTED;
        s.decision.operator_name = NULL;
        assert_says(
                &s,
                "Attempt 1 of 2 did not help in this boot; the last, offer o7, failed (reported) at "
                "2024-07-19T05:58:00Z (2 min ago). Nothing comes with a restart while the campaign is halted "
                "by the engine at 2024-07-19T05:58:30Z (90 s ago) (decision d41, rule 6.3: 4 failed and 0 silent of "
                "5, ln E 8.00 reached its bound 5.30).");
        s.campaign.plan.max_attempts = 1;
        s.why.own = NULL;
        assert_says(&s, "Its 1 attempt is used: it needs hands.");
}

static void a_campaign_that_stands_still(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_PAUSED);
        assert_says(&s, "It is paused; it goes on when an operator resumes it.");
        s.why.decision = &s.decision;
        s.decision.operator_name = "alice";
        s.decision.reason = "a \"look\"\nfirst";
        assert_says(
                &s,
                "It is paused by alice at 2024-07-19T05:58:30Z (90 s ago): \"a \\\"look\\\"\\u{000a}first\"; it goes "
                "on when an operator resumes it.");
        set(&s, SAL_REASON_HALTED);
        s.candidate.state = SAL_CAMPAIGN_HALTED;
        s.why.decision = &s.decision;
        assert_says(
                &s,
                "It was halted by the engine at 2024-07-19T05:58:30Z (90 s ago) (decision d41, rule 6.3: 4 failed and "
                "0 silent of 5, ln E 8.00 reached its bound 5.30); only an operator can resume it.");
        s.decision.operator_name = "alice";
        s.decision.rule = "supersedes";
        assert_says(
                &s,
                "It was halted by alice at 2024-07-19T05:58:30Z (90 s ago), by starting a campaign that replaces it; "
                "only an operator can resume it.");
        set(&s, SAL_REASON_HALTED);
        s.why.cohort = "model=X\" are fine";
        assert_says(&s, "Machines with \"model=X\\\" are fine\" are held; an operator can release them.");
}

static void its_time(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_EXPIRED);
        s.campaign.expires_ms = NOW - 3 * HOUR_MS;
        assert_says(&s, "It expired at 2024-07-19T03:00:00Z (3 h ago).");
        set(&s, SAL_REASON_NOT_YET_VALID);
        s.campaign.not_before_ms = NOW + 72 * HOUR_MS;
        assert_says(&s, "It becomes valid at 2024-07-22T06:00:00Z (in 3 d).");
        s.candidate.window_opens_ms = NOW + 100 * HOUR_MS;
        assert_says(
                &s,
                "An operator lets it be offered within windows only; the next one opens at 2024-07-23T10:00:00Z (in 4 "
                "d).");
}

static void rings(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_RING_NOT_OPEN);
        s.candidate.rings_open = 2;
        s.why.prospect.ln_v = 1.94242;
        s.why.prospect.failed = 1;
        s.why.prospect.pending = 2;
        s.campaign.plan.patience_seconds = -1;
        assert_says(
                &s,
                "Its ring broad is not open; broad opens when 24 of the first 24 offers of canary have settled well "
                "(17 have, 1 failed, 2 are under way; ln V 1.94 of 3.00).");
        s.campaign.plan.patience_seconds = 600;
        s.why.idle_seconds = 119;
        s.why.fleet_counted = true;
        s.why.waiting_open = 8;
        s.candidate.rings_open = 1;
        s.why.prospect = (struct sal_prospect){.first = 24, .needed = 24, .well = 1, .pending = -1, .failed = -1};
        assert_says(
                &s,
                "Its ring broad is not open, 2 rings away; early opens when 24 of the first 24 offers of canary have "
                "settled well (1 has), or when no machine of the open rings has taken an offer for 10 min (it is 119 "
                "s), or once every machine of the open rings is settled (8 known to wait, 3 in flight).");
        s.why.ring_opens_ms = NOW + 2 * HOUR_MS;
        assert_says(&s, "Its ring broad is not open, 2 rings away; early opens by an operator's limit not before "
                        "2024-07-19T08:00:00Z (in 2 h).");
        s.campaign.plan.manual_advance = true;
        s.asker.anonymous = true;
        assert_says(&s,
                    "A machine without a credential waits for the last ring, broad, 2 rings away; early opens when an "
                    "operator advances the campaign.");
        s.candidate.outside = true;
        assert_says(&s, "An operator has limited it to other machines.");
        set(&s, SAL_REASON_RING_NOT_OPEN);
        s.campaign.plan.patience_seconds = -1;
        s.why.prospect.first = 0;
        assert_says(
                &s,
                "Its ring broad is not open, 2 rings away; early opens by no evidence of canary any more: too many of "
                "its offers did not settle well.");
}

static void an_open_ring_that_offers_nothing(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_RING_NOT_OPEN);
        s.candidate.rings_open = 3;
        s.candidate.unlisted = true;
        assert_says(&s, "No published list that machines could verify names it yet.");
        s.why.barred = "policy@7 revokes it";
        assert_says(&s, "The trust policy does not allow it any more: \"policy@7 revokes it\".");
}

static void the_cap(void **state) {
        (void)state;
        struct scene s;
        set(&s, SAL_REASON_IN_FLIGHT_CAP);
        s.candidate.room = false;
        s.why.in_flight = 5;
        assert_says(&s, "5 in flight, cap 5: the machine is let in when one settles.");
        s.why.excess = 1.25;
        s.why.cap_is_limited = true;
        assert_says(
                &s,
                "5 in flight and 1.2 kept back for failures and silence, cap 5 by an operator's limit: the machine is "
                "let in when one settles.");
        s.asker.anonymous = true;
        s.why.anonymous_room = 0;
        assert_says(&s, "Machines without a credential hold as many offers as they may.");
        set(&s, SAL_REASON_IN_FLIGHT_CAP);
        s.why.holds = &s.holds;
        s.holds.campaign = "other";
        s.holds.due_ms = NOW + HOUR_MS;
        assert_says(&s,
                    "The machine holds offer o7 of other@1 (offered), and gets one at a time; it is taken as silent at "
                    "2024-07-19T07:00:00Z (in 60 min).");
        s.asker.stale_boot = true;
        assert_says(&s, "The machine has begun another boot since; only that one is offered anything.");
}

static void headline(const struct sal_why_all *all, const char *expected) {
        sal_autobuf struct sal_buf said = SAL_BUF_INIT;
        sal_why_headline(all, &said);
        assert_string_equal(said.data, expected);
}

static void over_all_campaigns(void **state) {
        (void)state;
        struct scene a, b;
        set(&a, SAL_REASON_NO_MATCH);
        set(&b, SAL_REASON_PAUSED);
        snprintf(b.campaign.id, sizeof b.campaign.id, "other");
        const struct sal_why whys[] = {a.why, b.why};
        struct sal_why_all all = {.answer = {.reason = SAL_REASON_NO_MATCH, .candidate = -1}, .campaigns = whys};
        headline(&all, "No campaign is live.");
        all.count = 1;
        headline(&all, "fix@1: It is not for this machine.");
        all.count = 2;
        headline(&all, "None of the 2 live campaigns is for it; fix@1: It is not for this machine.");
        all.answer = (struct sal_answer){.reason = SAL_REASON_PAUSED, .candidate = 1};
        headline(&all, "other@1: It is paused; it goes on when an operator resumes it.");
        all.answer = (struct sal_answer){.reason = SAL_REASON_ALREADY_APPLIED, .candidate = -1};
        headline(&all, "The machine applied a fix in this boot and has to restart.");
        all.answer = (struct sal_answer){.reason = SAL_REASON_OPTED_OUT, .candidate = -1};
        headline(&all, "The machine is opted out: it receives nothing.");
        all.answer = (struct sal_answer){.reason = SAL_REASON_KILL_SWITCH, .candidate = -1};
        headline(&all, "The kill switch is on: nothing is offered to anybody.");
        all.kill_reason = "fire";
        headline(&all, "The kill switch is on, \"fire\": nothing is offered to anybody.");
}

/* Every reason has a sentence of its own that ends with a full stop, even when nothing is known. */
static void every_reason(void **state) {
        (void)state;
        for (int reason = 0; reason < SAL_REASONS; reason++) {
                struct scene s;
                set(&s, (enum sal_reason)reason);
                sal_autobuf struct sal_buf said = SAL_BUF_INIT;
                sal_why_sentence(&s.why, &said);
                assert_false(said.failed);
                assert_true(said.len > 10);
                assert_int_equal(said.data[said.len - 1], '.');
        }
}

static void facts_that_weaken_it(void **state) {
        (void)state;
        sal_autobuf struct sal_buf said = SAL_BUF_INIT;
        assert_false(sal_why_facts_note(true, NOW - 24 * HOUR_MS + 1000, NOW, &said));
        assert_int_equal(said.len, 0);
        assert_true(sal_why_facts_note(true, NOW - 9 * 24 * HOUR_MS, NOW, &said));
        assert_string_equal(said.data,
                            "Its facts are of 2024-07-10T06:00:00Z (9 d ago); those of its next poll decide.");
        sal_buf_clear(&said);
        assert_true(sal_why_facts_note(false, NOW, NOW, &said));
        assert_string_equal(said.data, "It has told no facts yet; those of its next poll decide.");
        sal_buf_clear(&said);
        assert_true(sal_why_facts_note(true, 0, NOW, &said));
        assert_non_null(strstr(said.data, "has never polled"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whom_it_is_for),
                cmocka_unit_test(an_offer),
                cmocka_unit_test(what_it_has_behind_it),
                cmocka_unit_test(attempts),
                cmocka_unit_test(a_campaign_that_stands_still),
                cmocka_unit_test(its_time),
                cmocka_unit_test(rings),
                cmocka_unit_test(an_open_ring_that_offers_nothing),
                cmocka_unit_test(the_cap),
                cmocka_unit_test(over_all_campaigns),
                cmocka_unit_test(every_reason),
                cmocka_unit_test(facts_that_weaken_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
