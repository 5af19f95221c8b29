/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay: reads the journal of every campaign from its first entry, feeds it to a tally of its own, and asks it the
 * engine's questions after every entry. Every hold, halt and advance must come out again, where it stands and bit for
 * bit, and no other. It shares no line with the course (rollout/course.h) or with the product's own replay. Part of
 * harness.h.
 *
 * Thread: the test's. Ownership: a replay owns its entries and its tally.
 */
#ifndef SAL_TESTS_SERVICE_REPLAY_H
#define SAL_TESTS_SERVICE_REPLAY_H

struct replay_entry {
        int64_t at_ms;
        enum sal_journal_type type;
        int64_t offer;
        enum sal_cause cause;
        json_t *detail;
};

struct replay_offer {
        bool counted, excluded;
        int64_t period;
        struct sal_slot slot;
        enum sal_weight weight;
};

enum { REPLAY_MAX = 20000, REPLAY_OFFERS = 4000 };

struct replay {
        const char *id;
        int64_t version;
        struct sal_campaign *campaign;
        struct replay_entry entries[REPLAY_MAX];
        size_t count, at;
        struct replay_offer offers[REPLAY_OFFERS]; /* by row */
        struct sal_tally *tally;
        int halts_resumed;
        int64_t period;
        char state[16];
        bool halted_by_engine, kill_switch;
        size_t rings_open;
        json_t *opens; /* of the operator's limits: the earliest times of rings */
};

static inline const char *text_in(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

static inline int64_t int_in(const json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

static inline bool replay_collect(void *arg, const struct sal_journal_entry *entry) {
        struct replay *replay = arg;
        bool kill_switch = !entry->campaign && entry->detail && strstr(entry->detail, "\"act\":\"kill_switch.");
        if (!kill_switch &&
            (!entry->campaign || strcmp(entry->campaign, replay->id) != 0 || entry->version != replay->version))
                return true;
        assert_true(replay->count < REPLAY_MAX && entry->offer_row < REPLAY_OFFERS);
        replay->entries[replay->count++] =
                (struct replay_entry){.at_ms = entry->at_ms,
                                      .type = entry->type,
                                      .offer = entry->offer_row,
                                      .cause = entry->cause,
                                      .detail = entry->detail ? json_loads(entry->detail, 0, NULL) : NULL};
        return true;
}

/* The next entry must be this decision by the engine, with these very numbers. */
static inline void replay_expect(struct replay *replay, const char *verdict, const struct sal_evidence *evidence) {
        assert_true(replay->at < replay->count);
        const json_t *decision = replay->entries[replay->at].detail;
        const json_t *told = json_object_get(decision, "evidence");
        assert_int_equal(replay->entries[replay->at++].type, SAL_JOURNAL_DECISION);
        assert_string_equal(text_in(decision, "verdict"), verdict);
        assert_string_equal(text_in(decision, "cohort"),
                            evidence->verdict == SAL_VERDICT_HOLD_COHORT ? evidence->cohort_name : "");
        assert_int_equal(int_in(told, "offered"), evidence->offered);
        assert_int_equal(int_in(told, "failed"), evidence->failed);
        assert_int_equal(int_in(told, "silent"), evidence->silent);
        assert_true(json_number_value(json_object_get(told, "ln_e")) == evidence->ln_e);
        assert_true(json_number_value(json_object_get(told, "bound")) == evidence->bound);
}

static inline void replay_exclude(struct replay *replay, int cohort) {
        for (int row = 0; row < REPLAY_OFFERS; row++) {
                struct replay_offer *offer = &replay->offers[row];
                bool has = false;
                for (size_t k = 0; k < offer->slot.cohort_count; k++)
                        has |= offer->slot.cohorts[k] == cohort;
                if (!has || !offer->counted || offer->excluded || offer->period != replay->period)
                        continue;
                sal_tally_exclude(replay->tally, &offer->slot, offer->weight);
                offer->excluded = true;
        }
}

/* Asked about everything, always: what the engine left out for speed must not matter. */
static inline void replay_judge(struct replay *replay) {
        while (!strcmp(replay->state, "active") || !strcmp(replay->state, "paused") ||
               !strcmp(replay->state, "completed") || (!strcmp(replay->state, "halted") && !replay->halted_by_engine)) {
                struct sal_evidence evidence = sal_tally_judge(replay->tally, NULL);
                if (evidence.verdict == SAL_VERDICT_NONE)
                        return;
                if (evidence.verdict == SAL_VERDICT_HOLD_COHORT) {
                        replay_expect(replay, "hold_cohort", &evidence);
                        replay_exclude(replay, evidence.cohort);
                        continue;
                }
                if (strcmp(replay->state, "halted") != 0) { /* else it stands already, by an operator */
                        const struct replay_entry *state = &replay->entries[replay->at++];
                        assert_int_equal(state->type, SAL_JOURNAL_STATE);
                        snprintf(replay->state, sizeof replay->state, "%s", text_in(state->detail, "state"));
                        assert_string_equal(replay->state, "halted");
                }
                replay_expect(replay, "halt", &evidence);
                replay->halted_by_engine = true;
        }
}

static inline void replay_offer(struct replay *replay, const struct replay_entry *entry) {
        struct replay_offer *offer = &replay->offers[entry->offer];
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t count = 0, index;
        json_t *cohort;
        *offer = (struct replay_offer){.counted = json_is_true(json_object_get(entry->detail, "counted")),
                                       .period = int_in(entry->detail, "period")};
        if (!offer->counted)
                return;
        json_array_foreach (json_object_get(entry->detail, "cohorts"), index, cohort)
                snprintf(cohorts[count++], sizeof cohorts[0], "%s", json_string_value(cohort));
        assert_ok(sal_tally_offer(replay->tally, count, cohorts, &offer->slot));
        assert_int_equal(offer->slot.i, int_in(entry->detail, "i"));
        assert_int_equal(offer->slot.o, int_in(entry->detail, "o"));
        assert_string_equal(replay->campaign->plan.rings[offer->slot.stage].name, text_in(entry->detail, "stage"));
}

static inline void replay_outcome(struct replay *replay, const struct replay_entry *entry) {
        static const enum sal_offer_state states[SAL_JOURNAL_TYPES] = {
                [SAL_JOURNAL_APPLIED] = SAL_OFFER_APPLIED,   [SAL_JOURNAL_SUCCEEDED] = SAL_OFFER_SUCCEEDED,
                [SAL_JOURNAL_FAILED] = SAL_OFFER_FAILED,     [SAL_JOURNAL_NOT_APPLICABLE] = SAL_OFFER_NOT_APPLICABLE,
                [SAL_JOURNAL_RECALLED] = SAL_OFFER_RECALLED,
        };
        struct replay_offer *offer = &replay->offers[entry->offer];
        enum sal_weight from = offer->weight;
        offer->weight = sal_offer_weight(states[entry->type], entry->cause);
        if (offer->counted && !offer->excluded && offer->period == replay->period &&
            sal_tally_change(replay->tally, &offer->slot, from, offer->weight))
                replay_judge(replay);
}

/* True when the evidence begins the next stage at this moment. */
static inline bool replay_advances(const struct replay *replay, int64_t at_ms, struct sal_evidence *ret) {
        const struct sal_plan *plan = &replay->campaign->plan;
        size_t next = (size_t)sal_tally_stage(replay->tally) + 1;
        int64_t opens_ms = INT64_MIN;
        if (plan->manual_advance || replay->kill_switch || next >= plan->ring_count ||
            (strcmp(replay->state, "active") && strcmp(replay->state, "completed")))
                return false;
        const char *opens = text_in(replay->opens, plan->rings[next].name);
        if (*opens)
                assert_ok(sal_time_parse(opens, &opens_ms));
        if (next >= replay->rings_open && opens_ms > at_ms)
                return false;
        *ret = sal_tally_advance_evidence(replay->tally);
        return ret->verdict == SAL_VERDICT_ADVANCE;
}

static inline void replay_advance(struct replay *replay, const struct sal_evidence *evidence) {
        replay_expect(replay, "advance", evidence);
        sal_tally_next_stage(replay->tally);
        size_t open = (size_t)sal_tally_stage(replay->tally) + 1;
        if (replay->rings_open < open)
                replay->rings_open = open;
}

/* After every entry but a state, which its decision follows: what is due stands right here. */
static inline void replay_ask_advance(struct replay *replay, int64_t at_ms) {
        struct sal_evidence evidence;
        while (replay_advances(replay, at_ms, &evidence))
                replay_advance(replay, &evidence);
}

static inline void replay_open(struct replay *replay, const struct replay_entry *entry, bool engine) {
        const json_t *because = json_object_get(entry->detail, "because");
        int ring = sal_plan_ring_index(&replay->campaign->plan, text_in(entry->detail, "ring"));
        assert_true(ring >= 0);
        if ((size_t)ring >= replay->rings_open)
                replay->rings_open = (size_t)ring + 1;
        if (!engine)
                return;
        bool patience = int_in(because, "idle_ms") >= replay->campaign->plan.patience_seconds * SECOND_MS &&
                        replay->campaign->plan.patience_seconds >= 0;
        bool settled = json_is_true(json_object_get(because, "fleet_counted")) && int_in(because, "waiting") == 0 &&
                       int_in(because, "in_flight") == 0;
        assert_true(patience || settled);
}

static inline void replay_decision(struct replay *replay, const struct replay_entry *entry) {
        const char *verdict = text_in(entry->detail, "verdict"), *cohort = text_in(entry->detail, "cohort");
        bool engine = strcmp(text_in(entry->detail, "by"), "engine") == 0;
        bool kill_switch = strcmp(text_in(entry->detail, "rule"), "kill_switch") == 0;
        struct sal_evidence evidence;
        assert_false(engine && (!strcmp(verdict, "halt") || !strcmp(verdict, "hold_cohort"))); /* judged already */
        if (kill_switch) {
                replay->kill_switch = strcmp(verdict, "kill") == 0;
        } else if (!strcmp(verdict, "advance")) {
                /* After events it was looked for; what stands here an operator did, or a limit held it back till now.
                 */
                replay->at--;
                if (engine)
                        assert_true(replay->opens && replay_advances(replay, entry->at_ms, &evidence));
                else
                        evidence = sal_tally_advance_evidence(replay->tally);
                replay_advance(replay, &evidence);
        } else if (!strcmp(verdict, "open")) {
                replay_open(replay, entry, engine);
        } else if (!strcmp(verdict, "complete")) {
                const json_t *because = json_object_get(entry->detail, "because");
                assert_int_equal(int_in(because, "unsettled"), 0);
                assert_true(int_in(because, "idle_ms") >= replay->campaign->plan.quiet_seconds * SECOND_MS);
                assert_int_equal(replay->rings_open, replay->campaign->plan.ring_count);
        } else if (!strcmp(verdict, "resume") && *cohort) {
                assert_ok(sal_tally_release(replay->tally, cohort));
        } else if (!strcmp(verdict, "resume") && replay->halted_by_engine) {
                sal_tally_free(replay->tally);
                replay->tally = sal_tally_new(&replay->campaign->plan, ++replay->halts_resumed);
                replay->period++;
                replay->halted_by_engine = false;
        }
}

/* Whom the kill switch does not let run again has no decision about it. */
static inline void replay_admin(struct replay *replay, const json_t *detail) {
        const char *act = text_in(detail, "act");
        if (strncmp(act, "kill_switch.", 12) == 0)
                replay->kill_switch = strcmp(act, "kill_switch.on") == 0;
}

static inline void replay_limits(struct replay *replay, const json_t *limits) {
        json_decref(replay->opens);
        replay->opens = json_incref(json_object_get(limits, "opens"));
}

/* A start tells everything that a replay needs. */
static inline void replay_state(struct replay *replay, const struct replay_entry *entry) {
        bool starts = strcmp(replay->state, "ready") == 0 && strcmp(text_in(entry->detail, "state"), "active") == 0;
        snprintf(replay->state, sizeof replay->state, "%s", text_in(entry->detail, "state"));
        if (!starts)
                return;
        struct sal_plan plan;
        struct sal_json_at at = sal_json_root(entry->detail), member;
        assert_ok(sal_json_object(&at, "plan", true, &member, NULL));
        assert_ok(sal_plan_parse(&member, &plan, NULL));
        sal_autojson json_t *told = sal_plan_json(&plan), *signed_plan = sal_plan_json(&replay->campaign->plan);
        assert_true(json_equal(told, signed_plan));
        assert_int_equal(strlen(text_in(entry->detail, "digest")), 64);
        assert_int_equal(json_is_true(json_object_get(entry->detail, "drill")), replay->campaign->drill);
        replay->kill_switch = json_is_true(json_object_get(entry->detail, "kill_switch"));
        replay_limits(replay, json_object_get(entry->detail, "limits"));
}

static inline bool replay_campaign(void *arg, const struct sal_campaign_row *row) {
        struct sal_tx *tx = arg;
        struct replay *replay = calloc(1, sizeof *replay);
        assert_non_null(replay);
        replay->id = row->id;
        replay->version = row->version;
        replay->period = 1;
        assert_ok(sal_campaign_parse(row->payload, row->payload_len, &replay->campaign, NULL));
        replay->tally = sal_tally_new(&replay->campaign->plan, 0);
        assert_ok(sal_journal_each(tx, 0, 0, replay_collect, replay));
        while (replay->at < replay->count) {
                const struct replay_entry *entry = &replay->entries[replay->at++];
                if (entry->type == SAL_JOURNAL_OFFER)
                        replay_offer(replay, entry);
                else if (entry->type == SAL_JOURNAL_STATE)
                        replay_state(replay, entry);
                else if (entry->type == SAL_JOURNAL_DECISION)
                        replay_decision(replay, entry);
                else if (entry->type == SAL_JOURNAL_ADMIN && json_object_get(entry->detail, "limits"))
                        replay_limits(replay, json_object_get(entry->detail, "limits"));
                else if (entry->type == SAL_JOURNAL_ADMIN)
                        replay_admin(replay, entry->detail);
                else if (entry->type != SAL_JOURNAL_REPORT)
                        replay_outcome(replay, entry);
                if (entry->type != SAL_JOURNAL_STATE)
                        replay_ask_advance(replay, entry->at_ms);
        }
        json_decref(replay->opens);
        for (size_t i = 0; i < replay->count; i++)
                json_decref(replay->entries[i].detail);
        sal_tally_free(replay->tally);
        sal_campaign_unref(replay->campaign);
        free(replay);
        return true;
}

static inline enum sal_status replay_job(struct world *w, struct sal_tx *tx, void *arg) {
        (void)w, (void)arg;
        return sal_campaign_row_each(tx, "", 0, 0, true, replay_campaign, tx);
}

static inline void check_replay(struct world *w) {
        assert_ok(world_run(w, replay_job, NULL));
}

/* ---- the product's own replay, over what the export shows ---- */

static inline enum sal_status export_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = {.service = w->service, .tx = tx, .operator_name = "ann"};
        struct sal_buf *out = arg;
        int64_t last = 0;
        assert_ok(sal_export_events(&act, 0, UINT32_MAX, out, &last, &w->err));
        assert_int_equal(last, sal_journal_seq(tx));
        return SAL_OK;
}

static inline void replay_disagrees(void *arg, const struct sal_event *event, const char *what) {
        (void)arg;
        fail_msg("the replay disagrees at seq %" PRId64 ": %s", event->seq, what);
}

static inline void check_product_replay(struct world *w) {
        sal_autobuf struct sal_buf lines = SAL_BUF_INIT;
        sal_auto(sal_replay) struct sal_replay *replay = sal_replay_new();
        struct sal_err err = {0};
        assert_non_null(replay);
        sal_replay_on_disagreement(replay, replay_disagrees, NULL);
        assert_ok(world_run(w, export_job, &lines));
        for (char *line = lines.data, *end; line && *line; line = end + 1) {
                struct sal_event event;
                end = strchr(line, '\n');
                if (sal_event_parse(line, (size_t)(end - line), &event, &err) || sal_replay_event(replay, &event, &err))
                        fail_msg("%s %s: %.*s", err.pointer, err.detail, (int)(end - line), line);
                sal_event_done(&event);
        }
        if (!lines.len)
                return; /* nothing happened, and a replay of nothing says nothing */
        if (sal_replay_end(replay, &err))
                fail_msg("%s", err.detail);
        struct sal_replay_sums sums;
        sal_replay_sums(replay, &sums);
        assert_int_equal(sums.disagreements, 0);
        assert_int_equal(sums.unjudged, 0);
}

#endif
