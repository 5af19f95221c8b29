/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/replay_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- as the journal has them ---- */

static enum sal_status read_block(const struct sal_json_at *evidence, struct sal_evidence *ret,
                                  struct sal_err *reterr) {
        struct sal_json_at block;
        ret->block_level = -1;
        enum sal_status status = sal_json_array(evidence, "block", false, 2, 2, &block, reterr);
        if (status || !block.value)
                return status;
        const json_t *level = json_array_get(block.value, 0), *number = json_array_get(block.value, 1);
        if (!json_is_integer(level) || !json_is_integer(number) || json_integer_value(level) < 0 ||
            json_integer_value(level) > 64 || json_integer_value(number) < 1)
                return sal_json_fail(&block, NULL, SAL_E_INVALID, reterr, "must be [level, number]");
        ret->block_level = (int)json_integer_value(level);
        ret->block = json_integer_value(number);
        return SAL_OK;
}

static enum sal_status read_evidence(const struct sal_json_at *at, struct sal_evidence *ret, struct sal_err *reterr) {
        struct sal_json_at evidence;
        enum sal_status status = sal_json_object(at, "evidence", true, &evidence, reterr);
        if (!status)
                status = sal_json_int(&evidence, "offered", true, 0, INT64_MAX, &ret->offered, reterr);
        if (!status)
                status = sal_json_int(&evidence, "failed", true, 0, INT64_MAX, &ret->failed, reterr);
        if (!status)
                status = sal_json_int(&evidence, "silent", true, 0, INT64_MAX, &ret->silent, reterr);
        if (!status)
                status = sal_json_number(&evidence, "ln_e", true, -1e300, 1e300, &ret->ln_e, reterr);
        if (!status)
                status = sal_json_number(&evidence, "bound", true, -1e300, 1e300, &ret->bound, reterr);
        return status ? status : read_block(&evidence, ret, reterr);
}

static enum sal_status read_said(const struct sal_event *event, const struct sal_json_at *root, struct replay_said *ret,
                                 struct sal_err *reterr) {
        *ret = (struct replay_said){.at = {.parent = root, .key = "decision", .value = event->detail}};
        char id[24];
        const char *said_id = NULL;
        snprintf(id, sizeof id, "d%" PRId64, event->seq);
        enum sal_status status = sal_json_string(&ret->at, "id", true, 1, 64, &said_id, reterr);
        if (!status && strcmp(said_id, id) != 0)
                status =
                        sal_json_fail(&ret->at, "id", SAL_E_INVALID, reterr,
                                      "must be %s, the decision at seq %" PRId64 ", it is %s", id, event->seq, said_id);
        if (!status)
                status = sal_json_string(&ret->at, "campaign", true, 1, SAL_CAMPAIGN_ID_BYTES - 1, &ret->campaign,
                                         reterr);
        if (!status)
                status = sal_json_int(&ret->at, "version", true, 1, INT32_MAX, &ret->version, reterr);
        if (!status)
                status = sal_json_time(&ret->at, "at", true, &ret->at_ms, reterr);
        if (!status)
                status = sal_json_string(&ret->at, "verdict", true, 1, 32, &ret->verdict, reterr);
        if (!status)
                status = sal_json_string(&ret->at, "by", true, 1, 64, &ret->by, reterr);
        if (!status)
                status = sal_json_string(&ret->at, "rule", true, 1, 32, &ret->rule, reterr);
        if (!status)
                status = sal_json_string(&ret->at, "ring", false, 1, SAL_RING_NAME_BYTES - 1, &ret->ring, reterr);
        if (!status)
                status = sal_json_string(&ret->at, "cohort", false, 1, SAL_COHORT_NAME_BYTES - 1, &ret->cohort, reterr);
        return status ? status : read_evidence(&ret->at, &ret->evidence, reterr);
}

/* Each verdict is given by one rule, or by one of a few: the section of the contract, or what else decided. */
static const struct verdict_rule {
        const char *verdict, *by, *rule;
        bool with_state, alone; /* behind a state, without one */
} verdict_rules[] = {
        {"open", "operator", "6.7", true, false},
        {"open", "operator", "6.4", false, true},
        {"open", "engine", "6.4", false, true},
        {"advance", "operator", "6.4", false, true},
        {"advance", "engine", "6.4", false, true},
        {"hold_cohort", "engine", "6.3", false, true},
        {"halt", "engine", "6.3", true, true},
        {"halt", "operator", "6.7", true, false},
        {"halt", "operator", "supersedes", true, false},
        {"complete", "engine", "6.7", true, false},
        {"expire", "engine", "6.7", true, false},
        {"pause", "operator", "6.7", true, false},
        {"resume", "operator", "6.7", true, true},
        {"withdraw", "operator", "6.7", true, false},
        {"resume", "operator", "kill_switch", false, true},
        {"kill", "operator", "kill_switch", false, true},
};

/* False: its verdict is given by another rule there. Who may give which verdict where, others say. */
static bool is_its_rule(const struct replay_said *said, bool with_state) {
        bool others = false;
        for (size_t i = 0; i < sizeof verdict_rules / sizeof *verdict_rules; i++) {
                const struct verdict_rule *row = &verdict_rules[i];
                if (strcmp(row->verdict, said->verdict) != 0 || strcmp(row->by, said->by) != 0 ||
                    !(with_state ? row->with_state : row->alone))
                        continue;
                if (strcmp(row->rule, said->rule) == 0)
                        return true;
                others = true;
        }
        return !others;
}

/* A decision says by itself what and when it is about; its event says so too. */
static bool fits_its_event(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                           const struct replay_said *said) {
        if (strcmp(said->campaign, event->campaign) != 0 || said->version != event->version)
                replay_disagree(replay, campaign, event,
                                "decision \"%s\" is about %s@%" PRId64 ", and its event about %s@%" PRId64,
                                said->verdict, said->campaign, said->version, event->campaign, event->version);
        else if (said->at_ms != event->at_ms)
                replay_disagree(replay, campaign, event,
                                "decision \"%s\" says another time than its event: %+" PRId64 " ms", said->verdict,
                                said->at_ms - event->at_ms);
        else if (!is_its_rule(said, campaign->acting))
                replay_disagree(replay, campaign, event, "decision \"%s\" by %s is not given by rule %s", said->verdict,
                                said->by, said->rule);
        else
                return true;
        return false;
}

/* One decision while it is worked in. */
struct turn {
        struct sal_replay *replay;
        struct replay_campaign *campaign;
        const struct sal_event *event;
        const struct replay_said *said;
        struct sal_err *reterr;
        bool engine;
};

static const char *stage_name(const struct replay_campaign *campaign) {
        return campaign->plan.rings[sal_tally_stage(campaign->tally)].name;
}

/* Most decisions tell the totals as they stand. */
static bool totals_agree(const struct turn *turn, const char *ring) {
        struct sal_evidence totals = {.block_level = -1};
        sal_tally_totals(turn->campaign->tally, &totals);
        return replay_compare(turn->replay, turn->campaign, turn->event, turn->said, ring, turn->said->cohort, &totals);
}

static void next_stage(struct replay_campaign *campaign) {
        sal_tally_next_stage(campaign->tally);
        size_t stage = (size_t)sal_tally_stage(campaign->tally);
        if (campaign->rings_open <= stage)
                campaign->rings_open = stage + 1;
}

/* A halt by the engine stands behind the state that it brings, or alone, when the campaign was halted already. */
static bool halts(const struct replay_campaign *campaign) {
        enum sal_campaign_state next;
        if (!campaign->acting)
                return campaign->state == SAL_CAMPAIGN_HALTED;
        return sal_campaign_next(campaign->before, SAL_ACT_HALT, &next) && campaign->state == next;
}

/* What was due has come, or should have. */
static void take_due(const struct turn *turn) {
        struct replay_campaign *campaign = turn->campaign;
        const struct replay_said *said = turn->said;
        static const char *const verdicts[] = {[SAL_VERDICT_NONE] = "",
                                               [SAL_VERDICT_HOLD_COHORT] = "hold_cohort",
                                               [SAL_VERDICT_HALT] = "halt",
                                               [SAL_VERDICT_ADVANCE] = "advance"};
        const struct sal_evidence due = campaign->due;
        char words[REPLAY_WORDS_BYTES];
        replay_due_words(campaign, words);
        bool halt = due.verdict == SAL_VERDICT_HALT;
        if (strcmp(said->verdict, verdicts[due.verdict]) != 0 || !turn->engine) {
                replay_disagree(turn->replay, campaign, turn->event, "missing: %s; instead \"%s\" by %s follows", words,
                                said->verdict, said->by);
                return;
        }
        if (halt && !halts(campaign)) {
                replay_disagree(turn->replay, campaign, turn->event, "halted by the engine, and its state is %s",
                                sal_campaign_state_name(campaign->state));
                return;
        }
        if (due.verdict == SAL_VERDICT_ADVANCE)
                next_stage(campaign);
        if (!replay_compare(turn->replay, campaign, turn->event, said, stage_name(campaign),
                            due.verdict == SAL_VERDICT_HOLD_COHORT ? due.cohort_name : NULL, &due))
                return;
        if (halt)
                campaign->halted_by_engine = true;
        if (halt && campaign->acting)
                replay_recall(turn->replay, campaign, SAL_CAUSE_HALT);
        if (due.verdict == SAL_VERDICT_HOLD_COHORT)
                replay_exclude(turn->replay, campaign, due.cohort);
}

/* ---- decisions that change the state ---- */

struct verdict_act {
        const char *verdict;
        enum sal_campaign_act act;
        bool by_engine; /* else by an operator */
};

static const struct verdict_act verdict_acts[] = {
        {"open", SAL_ACT_START, false},   {"pause", SAL_ACT_PAUSE, false},      {"resume", SAL_ACT_RESUME, false},
        {"halt", SAL_ACT_HALT, false},    {"complete", SAL_ACT_COMPLETE, true}, {"withdraw", SAL_ACT_WITHDRAW, false},
        {"expire", SAL_ACT_EXPIRE, true},
};

static const struct verdict_act *act_of(const struct replay_said *said) {
        for (size_t i = 0; i < sizeof verdict_acts / sizeof *verdict_acts; i++)
                if (strcmp(verdict_acts[i].verdict, said->verdict) == 0)
                        return &verdict_acts[i];
        return NULL;
}

/* After a halt by the engine counting begins anew, with half the error left. */
static enum sal_status begin_period(struct replay_campaign *campaign) {
        struct sal_tally *fresh = sal_tally_new(&campaign->plan, campaign->halts_resumed + 1);
        if (!fresh)
                return SAL_E_NOMEM;
        sal_tally_free(campaign->tally);
        campaign->tally = fresh;
        campaign->halts_resumed++;
        campaign->period++;
        campaign->halted_by_engine = false;
        campaign->excluded_unsettled = 0;
        memset(campaign->newest, 0, sizeof campaign->newest);
        return SAL_OK;
}

/* The engine's own: what they rest on must lead to them. */
static bool engine_may(const struct turn *turn, enum sal_campaign_act act, enum sal_status *ret_status) {
        struct replay_campaign *campaign = turn->campaign;
        if (act == SAL_ACT_EXPIRE) {
                if (turn->event->at_ms >= campaign->expires_ms)
                        return true;
                replay_disagree(turn->replay, campaign, turn->event, "expired before its time");
                return false;
        }
        /* The question is about the campaign as it was. */
        enum sal_campaign_state after = campaign->state;
        campaign->state = campaign->before;
        bool may = replay_because(turn->replay, campaign, turn->event, turn->said, ret_status, turn->reterr);
        campaign->state = after;
        return may;
}

/* What ends or halts takes the offers before it back. */
static void take_back(const struct turn *turn, enum sal_campaign_act act) {
        if (act == SAL_ACT_HALT)
                replay_recall(turn->replay, turn->campaign,
                              strcmp(turn->said->rule, "supersedes") == 0 ? SAL_CAUSE_SUPERSEDED : SAL_CAUSE_HALT);
        else if (act == SAL_ACT_WITHDRAW)
                replay_recall(turn->replay, turn->campaign, SAL_CAUSE_WITHDRAWN);
        else if (act == SAL_ACT_EXPIRE)
                replay_recall(turn->replay, turn->campaign, SAL_CAUSE_EXPIRED);
}

/* The decision behind a state. */
static enum sal_status take_act(const struct turn *turn) {
        struct replay_campaign *campaign = turn->campaign;
        const struct verdict_act *act = act_of(turn->said);
        enum sal_campaign_state next = campaign->before;
        enum sal_status status = SAL_OK;
        if (!act || act->by_engine != turn->engine || !sal_campaign_next(campaign->before, act->act, &next) ||
            next != campaign->state) {
                replay_disagree(turn->replay, campaign, turn->event,
                                "\"%s\" by %s (rule %s) does not lead from %s to %s", turn->said->verdict,
                                turn->said->by, turn->said->rule, sal_campaign_state_name(campaign->before),
                                sal_campaign_state_name(campaign->state));
                return SAL_OK;
        }
        campaign->acting = false;
        if (turn->engine && !engine_may(turn, act->act, &status))
                return status;
        if (act->act == SAL_ACT_RESUME && campaign->halted_by_engine)
                status = begin_period(campaign);
        if (act->act == SAL_ACT_HALT)
                campaign->halted_by_engine = false;
        take_back(turn, act->act);
        /* What came in while it stood may be evidence enough. */
        if (!status && totals_agree(turn, stage_name(campaign)) && act->act == SAL_ACT_RESUME)
                replay_ask(campaign, turn->event, REPLAY_ASK_ADVANCE, NULL);
        return status;
}

/* ---- decisions that leave the state as it is ---- */

static void not_due(const struct turn *turn) {
        struct sal_evidence totals = {.block_level = -1};
        sal_tally_totals(turn->campaign->tally, &totals);
        replay_disagree(turn->replay, turn->campaign, turn->event,
                        "\"%s\" by %s was not due: %s, %" PRId64 " offered, %" PRId64 " failed, %" PRId64
                        " silent, ln E %.17g, bound %.17g",
                        turn->said->verdict, turn->said->by, sal_campaign_state_name(turn->campaign->state),
                        totals.offered, totals.failed, totals.silent, totals.ln_e, totals.bound);
}

static enum sal_status take_open(const struct turn *turn) {
        struct replay_campaign *campaign = turn->campaign;
        enum sal_status status = SAL_OK;
        if (campaign->rings_open >= campaign->plan.ring_count ||
            (!turn->engine && (!campaign->plan.manual_advance || campaign->state != SAL_CAMPAIGN_ACTIVE))) {
                not_due(turn);
                return SAL_OK;
        }
        if (turn->engine && !replay_because(turn->replay, campaign, turn->event, turn->said, &status, turn->reterr))
                return status;
        if (totals_agree(turn, campaign->plan.rings[campaign->rings_open].name))
                campaign->rings_open++;
        return SAL_OK;
}

/* Due at no event: what a limit held back until its time has come, or what a manual plan leaves to an operator. */
static void take_advance(const struct turn *turn) {
        struct replay_campaign *campaign = turn->campaign;
        struct sal_evidence evidence = {.block_level = -1};
        if (turn->engine) {
                struct sal_course course = replay_course(campaign, turn->event->at_ms);
                evidence = sal_course_advance(&course);
        } else if (campaign->plan.manual_advance && campaign->state == SAL_CAMPAIGN_ACTIVE) {
                evidence = sal_tally_advance_evidence(campaign->tally);
        }
        if (!evidence.verdict) {
                not_due(turn);
                return;
        }
        next_stage(campaign);
        if (replay_compare(turn->replay, campaign, turn->event, turn->said, stage_name(campaign), NULL, &evidence))
                replay_ask(campaign, turn->event, REPLAY_ASK_ADVANCE, NULL);
}

static enum sal_status take_release(const struct turn *turn) {
        struct replay_campaign *campaign = turn->campaign;
        enum sal_status status = sal_tally_release(campaign->tally, turn->said->cohort);
        if (status == SAL_E_NOMEM)
                return status;
        if (status)
                replay_disagree(turn->replay, campaign, turn->event, "cohort %s is released, and it was not held",
                                turn->said->cohort);
        else
                totals_agree(turn, stage_name(campaign));
        return SAL_OK;
}

static void take_kill(const struct turn *turn, bool on) {
        turn->campaign->kill_switch = on;
        if (totals_agree(turn, stage_name(turn->campaign)))
                replay_ask(turn->campaign, turn->event, REPLAY_ASK_ADVANCE, NULL);
}

static enum sal_status take_standing(const struct turn *turn) {
        const struct replay_said *said = turn->said;
        bool kill_rule = strcmp(said->rule, "kill_switch") == 0;
        bool live = sal_campaign_live(turn->campaign->state);
        if (live && !turn->engine && kill_rule && strcmp(said->verdict, "kill") == 0)
                take_kill(turn, true);
        else if (live && !turn->engine && kill_rule && strcmp(said->verdict, "resume") == 0)
                take_kill(turn, false);
        else if (strcmp(said->verdict, "open") == 0)
                return take_open(turn);
        else if (strcmp(said->verdict, "advance") == 0)
                take_advance(turn);
        else if (live && !turn->engine && strcmp(said->verdict, "resume") == 0 && said->cohort)
                return take_release(turn);
        else
                not_due(turn);
        return SAL_OK;
}

/* One that was never started may be withdrawn; everything else has a start before it. */
static void decide_before_start(struct sal_replay *replay, struct replay_campaign *campaign,
                                const struct sal_event *event, const struct replay_said *said) {
        bool starts = strcmp(said->verdict, "open") == 0 && strcmp(said->rule, "6.7") == 0;
        if (strcmp(said->verdict, "withdraw") == 0 && campaign->state == SAL_CAMPAIGN_WITHDRAWN)
                return;
        if (starts && campaign->state == SAL_CAMPAIGN_ACTIVE)
                replay_disagree(replay, campaign, event, "it is started, and the plan is not said");
        else
                replay_miss_start(replay, campaign, event);
}

enum sal_status replay_decision(struct sal_replay *replay, struct replay_campaign *campaign,
                                const struct sal_event *event, struct sal_err *reterr) {
        const struct sal_json_at root = {.value = NULL};
        struct replay_said said;
        enum sal_status status = read_said(event, &root, &said, reterr);
        if (status)
                return status;
        if (campaign->standing == REPLAY_UNSTARTED) {
                decide_before_start(replay, campaign, event, &said);
                return SAL_OK;
        }
        const struct turn turn = {.replay = replay,
                                  .campaign = campaign,
                                  .event = event,
                                  .said = &said,
                                  .reterr = reterr,
                                  .engine = strcmp(said.by, "engine") == 0};
        if (!turn.engine && strcmp(said.by, "operator") != 0) {
                replay_disagree(replay, campaign, event, "decided by \"%.64s\", who is neither engine nor operator",
                                said.by);
                return SAL_OK;
        }
        if (!fits_its_event(replay, campaign, event, &said))
                return SAL_OK;
        if (!campaign->due.verdict)
                return campaign->acting ? take_act(&turn) : take_standing(&turn);
        take_due(&turn);
        campaign->acting = false;
        if (campaign->standing == REPLAY_JUDGED)
                replay_ask(campaign, event, REPLAY_ASK_ALL, NULL);
        return SAL_OK;
}
