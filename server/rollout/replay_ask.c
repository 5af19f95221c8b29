/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/replay_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How many machines the campaign is for, the journal shows in openings only. So many that the cap is never below what
 * the engine's was. */
#define MACHINES_AT_MOST (INT64_C(1) << 53)

struct sal_course replay_course(const struct replay_campaign *campaign, int64_t now_ms) {
        return (struct sal_course){.plan = &campaign->plan,
                                   .tally = campaign->tally,
                                   .limits = campaign->limits,
                                   .state = campaign->state,
                                   .halted_by_engine = campaign->halted_by_engine,
                                   .kill_switch = campaign->kill_switch,
                                   .rings_open = campaign->rings_open,
                                   .known_matching = MACHINES_AT_MOST,
                                   .in_flight = replay_in_flight(campaign),
                                   .now_ms = now_ms};
}

void replay_ask(struct replay_campaign *campaign, const struct sal_event *event, enum replay_question question,
                const struct sal_slot *slot) {
        struct sal_course course = replay_course(campaign, event->at_ms);
        struct sal_evidence due = {.block_level = -1};
        if (question == REPLAY_ASK_ALL)
                due = sal_course_judge(&course, slot);
        if (!due.verdict)
                due = sal_course_advance(&course);
        campaign->due = due;
        campaign->due_seq = event->seq;
}

void replay_due_words(const struct replay_campaign *campaign, char ret[static REPLAY_WORDS_BYTES]) {
        static const char *const verdicts[] = {[SAL_VERDICT_NONE] = "nothing",
                                               [SAL_VERDICT_HOLD_COHORT] = "hold_cohort",
                                               [SAL_VERDICT_HALT] = "halt",
                                               [SAL_VERDICT_ADVANCE] = "advance"};
        const struct sal_evidence *due = &campaign->due;
        char block[64] = "";
        if (due->block_level >= 0)
                snprintf(block, sizeof block, " of block %d of level %d", (int)due->block, due->block_level);
        snprintf(ret, REPLAY_WORDS_BYTES,
                 "after seq %" PRId64 " \"%s\"%s%s was due, on %" PRId64 " offered, %" PRId64 " failed, %" PRId64
                 " silent%s: %s %.17g, bound %.17g",
                 campaign->due_seq, verdicts[due->verdict], due->verdict == SAL_VERDICT_HOLD_COHORT ? " of " : "",
                 due->verdict == SAL_VERDICT_HOLD_COHORT ? due->cohort_name : "", due->offered, due->failed,
                 due->silent, block, due->verdict == SAL_VERDICT_ADVANCE ? "ln V" : "ln E", due->ln_e, due->bound);
}

/* ---- what is said, against what comes out ---- */

static uint64_t bits_of(double number) {
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        return bits;
}

static bool same_text(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : !a && !b;
}

struct count_pair {
        const char *name;
        int64_t said, out;
};

/* True when a count differs; tells it. */
static bool counts_differ(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                          const struct replay_said *said, const struct sal_evidence *out) {
        const struct sal_evidence *is = &said->evidence;
        const struct count_pair pairs[] = {
                {"offered", is->offered, out->offered},
                {"failed", is->failed, out->failed},
                {"silent", is->silent, out->silent},
                {"the level of the block", is->block_level, out->block_level},
                {"the number of the block", is->block_level < 0 ? 0 : is->block, out->block_level < 0 ? 0 : out->block},
        };
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
                if (pairs[i].said == pairs[i].out)
                        continue;
                replay_disagree(replay, campaign, event,
                                "decision \"%s\": %s is %" PRId64 " in the journal; the events give %" PRId64,
                                said->verdict, pairs[i].name, pairs[i].said, pairs[i].out);
                return true;
        }
        return false;
}

static bool texts_differ(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                         const struct replay_said *said, const char *ring, const char *cohort) {
        if (!same_text(said->ring, ring))
                replay_disagree(replay, campaign, event,
                                "decision \"%s\": the ring is %s in the journal; the events give %s", said->verdict,
                                said->ring ? said->ring : "none", ring ? ring : "none");
        else if (!same_text(event->ring, ring))
                replay_disagree(replay, campaign, event, "decision \"%s\": its event is of ring %s; the events give %s",
                                said->verdict, event->ring ? event->ring : "none", ring ? ring : "none");
        else if (!same_text(said->cohort, cohort))
                replay_disagree(replay, campaign, event,
                                "decision \"%s\": the cohort is %s in the journal; the events give %s", said->verdict,
                                said->cohort ? said->cohort : "none", cohort ? cohort : "none");
        else
                return false;
        return true;
}

/* The binary64 numbers enter by their bits, so that two builds can be compared. */
static void add_to_digest(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                          const struct replay_said *said, const struct sal_evidence *out) {
        char line[SAL_SHA256_BYTES * 2 + SAL_COHORT_NAME_BYTES + 512];
        sal_hex_encode(replay->digest, sizeof replay->digest, line);
        int len = SAL_SHA256_BYTES * 2;
        len += snprintf(line + len, sizeof line - (size_t)len,
                        " %" PRId64 " %s@%" PRId64 " %s %s %s %" PRId64 " %" PRId64 " %" PRId64 " %d %" PRId64
                        " %016" PRIx64 " %016" PRIx64 "\n",
                        event->seq, event->campaign, event->version, said->verdict, said->ring ? said->ring : "",
                        said->cohort ? said->cohort : "", out->offered, out->failed, out->silent, out->block_level,
                        out->block_level < 0 ? 0 : out->block, bits_of(out->ln_e), bits_of(out->bound));
        sal_sha256(line, (size_t)len, replay->digest);
        bool engine = strcmp(said->by, "engine") == 0;
        replay->sums.recomputed += engine;
        campaign->recomputed += engine;
}

bool replay_compare(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                    const struct replay_said *said, const char *ring, const char *cohort,
                    const struct sal_evidence *evidence) {
        const struct sal_evidence *is = &said->evidence;
        if (texts_differ(replay, campaign, event, said, ring, cohort) ||
            counts_differ(replay, campaign, event, said, evidence))
                return false;
        bool ln_e = bits_of(is->ln_e) != bits_of(evidence->ln_e);
        if (ln_e || bits_of(is->bound) != bits_of(evidence->bound)) {
                replay_disagree(replay, campaign, event,
                                "decision \"%s\": %s is %.17g in the journal; the events give %.17g", said->verdict,
                                ln_e ? "ln_e" : "bound", ln_e ? is->ln_e : is->bound,
                                ln_e ? evidence->ln_e : evidence->bound);
                return false;
        }
        add_to_digest(replay, campaign, event, said, evidence);
        return true;
}

/* ---- openings and completions ---- */

struct because {
        int64_t known, waiting, unsettled, in_flight, idle_ms;
        bool fleet_counted;
};

static enum sal_status read_because(const struct replay_said *said, struct because *ret, struct sal_err *reterr) {
        struct sal_json_at at;
        enum sal_status status = sal_json_object(&said->at, "because", true, &at, reterr);
        if (!status)
                status = sal_json_int(&at, "known", true, 0, INT64_MAX, &ret->known, reterr);
        if (!status)
                status = sal_json_int(&at, "waiting", true, 0, INT64_MAX, &ret->waiting, reterr);
        if (!status)
                status = sal_json_int(&at, "unsettled", true, 0, INT64_MAX, &ret->unsettled, reterr);
        if (!status)
                status = sal_json_int(&at, "in_flight", true, 0, INT64_MAX, &ret->in_flight, reterr);
        if (!status)
                status = sal_json_int(&at, "idle_ms", true, INT64_MIN, INT64_MAX, &ret->idle_ms, reterr);
        if (!status)
                status = sal_json_bool(&at, "fleet_counted", true, &ret->fleet_counted, reterr);
        return status;
}

bool replay_because(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                    const struct replay_said *said, enum sal_status *ret_status, struct sal_err *reterr) {
        struct because because = {0};
        *ret_status = read_because(said, &because, reterr);
        if (*ret_status)
                return false;
        int64_t in_flight = replay_in_flight(campaign);
        if (because.unsettled != campaign->unsettled) {
                replay_disagree(replay, campaign, event,
                                "decision \"%s\" rests on %" PRId64 " unsettled offers; the events give %" PRId64,
                                said->verdict, because.unsettled, campaign->unsettled);
                return false;
        }
        if (because.in_flight != in_flight) {
                replay_disagree(replay, campaign, event,
                                "decision \"%s\" rests on %" PRId64 " offers in flight; the events give %" PRId64,
                                said->verdict, because.in_flight, in_flight);
                return false;
        }
        const struct sal_lull lull = {.unsettled = because.unsettled,
                                      .waiting_open = because.waiting,
                                      .fleet_counted = because.fleet_counted,
                                      .idle_ms = because.idle_ms};
        struct sal_course course = replay_course(campaign, event->at_ms);
        course.known_matching = because.known;
        course.in_flight = because.in_flight;
        bool opens = strcmp(said->verdict, "open") == 0;
        if (opens ? sal_course_may_open(&course, &lull) : sal_course_complete(&course, &lull))
                return true;
        replay_disagree(replay, campaign, event,
                        "decision \"%s\" does not follow from what it rests on: %s, %zu of %zu rings open, %" PRId64
                        " known, %" PRId64 " waiting (%s), %" PRId64 " unsettled, %" PRId64 " in flight, idle %" PRId64
                        " ms, X %.17g, cap %.17g",
                        said->verdict, sal_campaign_state_name(course.state), course.rings_open,
                        course.plan->ring_count, because.known, because.waiting,
                        because.fleet_counted ? "counted" : "not counted", because.unsettled, because.in_flight,
                        because.idle_ms, sal_tally_excess(course.tally), sal_course_cap(&course));
        return false;
}
