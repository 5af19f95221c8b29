/* SPDX-License-Identifier: Apache-2.0 */
/* A journal of a million events, made by chance that is the same in every run: every decision comes out again, and what
 * gcc and clang make of it is the same to the last bit, or the digest would be another one. Slower builds (without
 * optimisation, with sanitizers) take a tenth. SALVOR_JOURNAL=FILE writes it as a file instead, for salvorctl. */
#include "journal.h"

#include <time.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
        !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
enum { EVENTS = 1000000 };
static const char digest_of_all[] = "3664f40126c1e03bec9cb0476752bc84073efe3a06826f2384d7afa5b074f4ac";
#else
enum { EVENTS = 100000 };
static const char digest_of_all[] = "21903993ee864e0b390b044677370ff692b59526cfda9fe8ac354a5c5396dd33";
#endif

/* ---- chance (xorshift64*, integers only: the same everywhere) ---- */

static uint64_t chance_state = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t chance(uint32_t below) {
        chance_state ^= chance_state >> 12;
        chance_state ^= chance_state << 25;
        chance_state ^= chance_state >> 27;
        return (uint32_t)((chance_state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % below;
}

/* ---- one campaign ---- */

struct story {
        struct world world;
        size_t *pending; /* indices of unsettled offers */
        size_t pending_count;
        uint32_t failing, silent, relapsing; /* of a thousand */
        uint32_t bad_model;                  /* 0..9; 10: none */
        char models[10][16];
};

static void settle_one(struct story *story, size_t at) {
        size_t index = story->pending[at];
        struct world_offer *offer = &story->world.offers[index];
        if (offer->state == SAL_OFFER_APPLIED) {
                story->pending[at] = story->pending[--story->pending_count];
                world_settle(&story->world, index,
                             chance(1000) < story->relapsing ? SAL_EVENT_RELAPSED : SAL_EVENT_SOAKED);
                return;
        }
        bool bad = story->bad_model < 10 && chance(10) < 9 && index % 10 == story->bad_model;
        uint32_t drawn = chance(1000);
        if (!bad && drawn >= story->failing + story->silent && drawn % 50 != 0) {
                world_settle(&story->world, index, SAL_EVENT_REPORT_APPLIED);
                return;
        }
        story->pending[at] = story->pending[--story->pending_count];
        if (bad || drawn < story->failing)
                world_settle(&story->world, index, SAL_EVENT_REPORT_FAILED);
        else if (drawn < story->failing + story->silent)
                world_settle(&story->world, index, drawn % 2 ? SAL_EVENT_DEADLINE : SAL_EVENT_REPOLLED);
        else
                world_settle(&story->world, index, SAL_EVENT_REPORT_NOT_APPLICABLE);
}

static void recall_all(struct story *story) {
        for (size_t n = 0; n < story->pending_count;) {
                size_t index = story->pending[n];
                if (story->world.offers[index].state != SAL_OFFER_OFFERED) {
                        n++;
                        continue;
                }
                story->pending[n] = story->pending[--story->pending_count];
                world_settle(&story->world, index, SAL_EVENT_RECALLED);
        }
}

static bool model_held(const struct world *world, const char *model) {
        char cohorts[1][SAL_COHORT_NAME_BYTES];
        snprintf(cohorts[0], sizeof cohorts[0], "%s", model);
        return sal_tally_held(world->tally, 1, cohorts);
}

static void offer_one(struct story *story) {
        struct world *world = &story->world;
        const char *model = world->plan.cohort_count ? story->models[world->count % 10] : NULL;
        bool held = model && model_held(world, model);
        story->pending[story->pending_count++] =
                world_offer_to(world, world->count % world->rings_open, held ? NULL : model, true);
}

/* Now and then somebody does something. */
static void meddle(struct story *story) {
        struct world *world = &story->world;
        switch (chance(5)) {
        case 0:
                world_act(world, "pause", SAL_ACT_PAUSE);
                settle_one(story, chance((uint32_t)story->pending_count));
                if (world->state == SAL_CAMPAIGN_PAUSED)
                        world_act(world, "resume", SAL_ACT_RESUME);
                break;
        case 1:
                world_kill(world, true);
                settle_one(story, chance((uint32_t)story->pending_count));
                world_kill(world, false);
                break;
        case 2:
                world_act(world, "halt", SAL_ACT_HALT);
                recall_all(story);
                world_act(world, "resume", SAL_ACT_RESUME);
                break;
        case 3:
                for (int m = 0; m < 10; m++)
                        if (world->plan.cohort_count && model_held(world, story->models[m])) {
                                world_release(world, story->models[m]);
                                break;
                        }
                break;
        default:
                if (world->rings_open < world->plan.ring_count && world_room(world))
                        world_open(world);
        }
}

static void play(struct journal *journal, int number, size_t offers) {
        struct story story = {.failing = chance(4) ? chance(60) : chance(400),
                              .silent = chance(4) ? chance(80) : chance(400),
                              .relapsing = chance(20),
                              .bad_model = chance(30)};
        char id[32];
        struct sal_plan plan;
        sal_plan_default(&plan);
        plan.cohort_count = (size_t)number % 2;
        snprintf(id, sizeof id, "story-%d", number);
        for (int m = 0; m < 10; m++)
                snprintf(story.models[m], sizeof story.models[m], "model=M%d", m);
        story.pending = malloc(offers * sizeof *story.pending);
        assert_non_null(story.pending);
        struct world *world = &story.world;
        world_start(world, journal, id, &plan);
        while (world->count < offers) {
                journal->now_ms += 1 + chance(50);
                if (world->state == SAL_CAMPAIGN_HALTED) {
                        recall_all(&story);
                        if (world->halts_resumed == 3)
                                break;
                        world_act(world, "resume", SAL_ACT_RESUME);
                } else if (story.pending_count && chance(2000) == 0) {
                        meddle(&story);
                } else if (world_room(world) && chance(3)) {
                        offer_one(&story);
                } else if (story.pending_count) {
                        settle_one(&story, chance((uint32_t)story.pending_count));
                }
        }
        world_act(world, "withdraw", SAL_ACT_WITHDRAW);
        recall_all(&story);
        world_done(world);
        free(story.pending);
}

static void play_all(struct journal *journal) {
        for (int number = 0; journal->seq < EVENTS; number++)
                play(journal, number, 100 + chance(4000));
}

/* ---- */

static void disagree(void *arg, const struct sal_event *event, const char *what) {
        (void)arg;
        fail_msg("seq %d, %s: %s", (int)event->seq, event->campaign, what);
}

static double seconds(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void a_million_events_agree_to_the_last_bit(void **state) {
        (void)state;
        sal_auto(sal_replay) struct sal_replay *replay = sal_replay_new();
        struct journal journal = {.feed = replay, .now_ms = START_MS};
        sal_replay_on_disagreement(replay, disagree, NULL);
        double begin = seconds();
        play_all(&journal);
        assert_int_equal(sal_replay_end(replay, NULL), SAL_OK);
        struct sal_replay_sums sums;
        sal_replay_sums(replay, &sums);
        print_message("%d events, %d offers, %d campaigns, %d decisions of which %d by the engine, %.2f s, digest %s\n",
                      (int)sums.events, (int)sums.offers, (int)sums.campaigns, (int)sums.decisions,
                      (int)sums.recomputed, seconds() - begin, sums.digest);
        assert_true(sums.events >= EVENTS);
        assert_int_equal(sums.disagreements, 0);
        assert_int_equal(sums.unjudged, 0);
        assert_string_equal(sums.digest, digest_of_all);
}

static int write_file(const char *path) {
        struct journal journal = {.lines = json_array(), .now_ms = START_MS};
        FILE *file = fopen(path, "we");
        if (!file)
                return 1;
        for (int number = 0; journal.seq < EVENTS; number++) {
                play(&journal, number, 100 + chance(4000));
                for (size_t i = 0; i < json_array_size(journal.lines); i++) {
                        json_dumpf(json_array_get(journal.lines, i), file, JSON_COMPACT);
                        fputc('\n', file);
                }
                json_array_clear(journal.lines);
        }
        json_decref(journal.lines);
        return fclose(file) != 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_million_events_agree_to_the_last_bit),
        };
        const char *path = getenv("SALVOR_JOURNAL");
        return path ? write_file(path) : cmocka_run_group_tests(tests, NULL, NULL);
}
