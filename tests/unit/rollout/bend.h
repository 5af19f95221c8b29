/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journals (journal.h) that are kept as lines, bent and replayed, and the stories that several tests bend.
 *
 * Thread: the test's. Ownership: setup and teardown own the journal; what line, decision and the like return is
 * borrowed.
 */
#ifndef SAL_TESTS_ROLLOUT_BEND_H
#define SAL_TESTS_ROLLOUT_BEND_H

#include "journal.h"

/* ---- keeping, bending and replaying ---- */

static inline int setup(void **state) {
        struct journal *journal = calloc(1, sizeof *journal);
        journal->now_ms = START_MS;
        journal->lines = json_array();
        *state = journal;
        return 0;
}

static inline int teardown(void **state) {
        struct journal *journal = *state;
        json_decref(journal->lines);
        free(journal);
        return 0;
}

static inline struct sal_plan plan_of(size_t cohorts) {
        struct sal_plan plan;
        sal_plan_default(&plan);
        plan.cohort_count = cohorts;
        return plan;
}

static inline json_t *line(const struct journal *journal, size_t index) {
        json_t *found = json_array_get(journal->lines, index);
        assert_non_null(found);
        return found;
}

static inline bool is(const json_t *line, const char *type, const char *verdict) {
        const char *found = json_string_value(json_object_get(line, "type"));
        const char *said = json_string_value(json_object_get(json_object_get(line, "decision"), "verdict"));
        return strcmp(found, type) == 0 && (!verdict || (said && strcmp(said, verdict) == 0));
}

/* Index of the nth event of this type and verdict (NULL: any), from 0. */
static inline size_t find(const struct journal *journal, const char *type, const char *verdict, size_t nth) {
        for (size_t i = 0; i < json_array_size(journal->lines); i++)
                if (is(line(journal, i), type, verdict) && nth-- == 0)
                        return i;
        fail_msg("there is no such event: %s %s", type, verdict ? verdict : "");
        return 0;
}

static inline json_t *decision(const struct journal *journal, const char *verdict) {
        return json_object_get(line(journal, find(journal, "decision", verdict, 0)), "decision");
}

/* Numbers the events anew, as somebody who covers his tracks would. */
static inline void renumber(struct journal *journal) {
        for (size_t i = 0; i < json_array_size(journal->lines); i++) {
                char id[32];
                snprintf(id, sizeof id, "d%zu", i + 1);
                json_object_set_new(line(journal, i), "seq", json_integer((json_int_t)i + 1));
                json_t *said = json_object_get(line(journal, i), "decision");
                if (said)
                        json_object_set_new(said, "id", json_string(id));
        }
}

static inline void drop(struct journal *journal, size_t index) {
        json_array_remove(journal->lines, index);
        renumber(journal);
}

static inline void swap(struct journal *journal, size_t a, size_t b) {
        json_t *x = json_incref(line(journal, a)), *y = json_incref(line(journal, b));
        json_array_set_new(journal->lines, a, y);
        json_array_set_new(journal->lines, b, x);
        renumber(journal);
}

/* A copy of an event behind another. */
static inline void insert(struct journal *journal, size_t at, const json_t *what) {
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

static inline void tell(void *arg, const struct sal_event *event, const char *what) {
        struct outcome *outcome = arg;
        if (outcome->told++ == 0) {
                outcome->seq = event->seq;
                snprintf(outcome->what, sizeof outcome->what, "%s", what);
        }
}

/* By way of its text, as a file would be read. */
static inline struct outcome replay(const struct journal *journal) {
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

static inline void assert_agrees(const struct journal *journal, int64_t recomputed) {
        struct outcome outcome = replay(journal);
        if (outcome.status || outcome.told)
                fail_msg("status %d %s; %s", outcome.status, outcome.err.detail, outcome.what);
        assert_int_equal(outcome.sums.disagreements, 0);
        assert_int_equal(outcome.sums.unjudged, 0);
        assert_int_equal(outcome.sums.recomputed, recomputed);
        assert_int_equal(outcome.sums.events, json_array_size(journal->lines));
}

static inline void assert_disagrees(const struct journal *journal, int64_t seq, const char *words) {
        struct outcome outcome = replay(journal);
        if (outcome.status || outcome.told != 1 || outcome.seq != seq || !strstr(outcome.what, words))
                fail_msg("status %d %s; told %d, seq %d: %s", outcome.status, outcome.err.detail, outcome.told,
                         (int)outcome.seq, outcome.what);
        assert_int_equal(outcome.sums.disagreements, 1);
}

static inline void assert_unreadable(const struct journal *journal, const char *words) {
        struct outcome outcome = replay(journal);
        if (outcome.status != SAL_E_INVALID || !strstr(outcome.err.detail, words))
                fail_msg("status %d: %s (%s)", outcome.status, outcome.err.detail, outcome.what);
}

/* ---- stories ---- */

/* Five out, four fail: the engine halts at the fourth. */
static inline void play_halt(struct world *world, struct journal *journal) {
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
static inline void play_advance(struct world *world, struct journal *journal) {
        struct sal_plan plan = plan_of(0);
        world_start(world, journal, "good-fix", &plan);
        for (size_t n = 0; n < 24; n++) {
                world_offer(world);
                world_settle(world, n, SAL_EVENT_REPORT_HEALTHY);
        }
        assert_int_equal(sal_tally_stage(world->tally), 1);
}

/* Three of model A fail, one of B is pending. */
static inline void play_hold(struct world *world, struct journal *journal) {
        struct sal_plan plan = plan_of(2);
        world_start(world, journal, "a-model", &plan);
        for (int n = 0; n < 3; n++)
                world_offer_to(world, 0, "model=A", true);
        world_offer_to(world, 0, "model=B", true);
        for (size_t n = 0; n < 3; n++)
                world_settle(world, n, SAL_EVENT_REPORT_FAILED);
        assert_int_equal(world->state, SAL_CAMPAIGN_ACTIVE);
}

/* A test with a journal of its own. */
#define story(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
