/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/replay_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- states ---- */

/* The first member that a plan of every member has and this one has not; NULL: none. Numbers may be written either way,
 * so the values are not compared: parsing has judged them. */
static const char *lacks(const json_t *whole, const json_t *given) {
        const char *key, *missing = NULL;
        json_t *value;
        json_object_foreach ((json_t *)whole, key, value) {
                if (!json_object_get(given, key))
                        return key;
                if ((missing = lacks(value, json_object_get(given, key))))
                        return missing;
        }
        for (size_t i = 0; i < json_array_size(whole) && !missing; i++)
                missing = lacks(json_array_get(whole, i), json_array_get(given, i));
        return missing;
}

/* What a plan leaves out would be judged by the defaults of who replays it, and not by those of who decided. */
static enum sal_status check_whole(struct sal_replay *replay, struct replay_campaign *campaign,
                                   const struct sal_event *event) {
        sal_autojson json_t *whole = sal_plan_json(&campaign->plan);
        if (!whole)
                return SAL_E_NOMEM;
        const char *missing = lacks(whole, json_object_get(event->detail, "plan"));
        if (missing)
                replay_disagree(replay, campaign, event, "it is started, and its plan does not say \"%s\"", missing);
        return SAL_OK;
}

/* Learns the plan and the dates from the members of the start. */
static enum sal_status learn_start(const struct sal_event *event, struct replay_campaign *campaign,
                                   struct sal_err *reterr) {
        struct sal_json_at at = sal_json_root(event->detail), plan;
        const char *digest = NULL;
        enum sal_status status = sal_json_object(&at, "plan", true, &plan, reterr);
        if (!status)
                status = sal_plan_parse(&plan, &campaign->plan, reterr);
        if (!status)
                status = sal_json_string(&at, "digest", true, 64, 64, &digest, reterr);
        if (!status && !sal_is_sha256_hex(digest))
                status = sal_json_fail(&at, "digest", SAL_E_INVALID, reterr, "must be 64 lower-case hex digits");
        if (!status)
                status = sal_json_bool(&at, "drill", true, &campaign->drill, reterr);
        if (!status)
                status = sal_json_bool(&at, "kill_switch", false, &campaign->kill_switch, reterr);
        if (!status)
                status = sal_json_time(&at, "not_before", true, &campaign->not_before_ms, reterr);
        if (!status)
                status = sal_json_time(&at, "expires", true, &campaign->expires_ms, reterr);
        return status;
}

static enum sal_status learn_limits(struct replay_campaign *campaign, const json_t *limits, struct sal_err *reterr) {
        const struct sal_json_at root = {.value = NULL};
        const struct sal_json_at at = {.parent = &root, .key = "limits", .value = limits};
        struct sal_limits *parsed = NULL;
        enum sal_status status = sal_limits_parse(&at, &campaign->plan, &parsed, reterr);
        if (status)
                return status;
        sal_limits_unref(campaign->limits);
        campaign->limits = parsed;
        const json_t *only = json_object_get(limits, "only");
        campaign->only_machines = json_object_get(only, "machines") && !json_object_get(only, "labels");
        return SAL_OK;
}

/* A start says the limits in force whole; what was laid on drafts before it, one of which may be deleted, is of no
 * account. */
static enum sal_status start(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                             struct sal_err *reterr) {
        const json_t *limits = json_object_get(event->detail, "limits");
        campaign->kill_switch = replay->kill_switch; /* unless the start says so itself */
        enum sal_status status = learn_start(event, campaign, reterr);
        if (!status && limits)
                status = learn_limits(campaign, limits, reterr);
        if (status)
                return status;
        campaign->tally = sal_tally_new(&campaign->plan, 0);
        if (!campaign->tally)
                return SAL_E_NOMEM;
        campaign->standing = REPLAY_JUDGED;
        campaign->rings_open = 1;
        campaign->period = 1;
        return check_whole(replay, campaign, event);
}

/* Before its start a campaign is a draft, ready, or withdrawn. */
static enum sal_status state_before_start(struct sal_replay *replay, struct replay_campaign *campaign,
                                          const struct sal_event *event, enum sal_campaign_state next,
                                          struct sal_err *reterr) {
        campaign->state = next;
        campaign->born |= next == SAL_CAMPAIGN_DRAFT || next == SAL_CAMPAIGN_READY;
        if (next == SAL_CAMPAIGN_DRAFT || next == SAL_CAMPAIGN_READY || next == SAL_CAMPAIGN_WITHDRAWN)
                return SAL_OK;
        if (next != SAL_CAMPAIGN_ACTIVE) {
                replay_miss_start(replay, campaign, event);
                return SAL_OK;
        }
        if (!json_object_get(event->detail, "plan")) {
                if (replay_knows_start(replay, campaign))
                        replay_disagree(replay, campaign, event, "it is started, and the plan is not said");
                return SAL_OK; /* or it may be a resume: the decision behind it tells */
        }
        enum sal_status status = start(replay, campaign, event, reterr);
        campaign->before = SAL_CAMPAIGN_READY;
        campaign->acting = true;
        campaign->acting_seq = event->seq;
        return status;
}

enum sal_status replay_state(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                             struct sal_err *reterr) {
        struct sal_json_at at = sal_json_root(event->detail);
        const char *name = NULL;
        enum sal_status status = sal_json_string(&at, "state", true, 1, 32, &name, reterr);
        if (status)
                return status;
        int next = sal_campaign_state_parse(name);
        if (next < 0)
                return sal_json_fail(&at, "state", SAL_E_INVALID, reterr, "\"%s\" is no state of a campaign", name);
        if (campaign->standing == REPLAY_UNSTARTED)
                return state_before_start(replay, campaign, event, (enum sal_campaign_state)next, reterr);
        if (campaign->due.verdict && next != SAL_CAMPAIGN_HALTED) {
                char words[REPLAY_WORDS_BYTES];
                replay_due_words(campaign, words);
                replay_disagree(replay, campaign, event, "missing: %s; instead the campaign is %s", words, name);
                return SAL_OK;
        }
        campaign->before = campaign->state;
        campaign->state = (enum sal_campaign_state)next;
        campaign->acting = true;
        campaign->acting_seq = event->seq;
        return SAL_OK;
}

/* ---- acts of administrators ---- */

/* The kill switch is the server's own: every campaign that it stops or lets run again has its decision before it. */
static void switch_all(struct sal_replay *replay, const struct sal_event *event, bool on) {
        replay->kill_switch = on;
        for (size_t i = 0; i < replay->campaign_count; i++) {
                struct replay_campaign *campaign = replay->campaigns[i];
                if (campaign->standing != REPLAY_JUDGED)
                        continue;
                bool concerned = on ? sal_campaign_live(campaign->state) : sal_campaign_runs(campaign->state);
                if (concerned && campaign->kill_switch != on) {
                        const struct sal_event here = {.seq = event->seq,
                                                       .at_ms = event->at_ms,
                                                       .type = event->type,
                                                       .campaign = campaign->id,
                                                       .version = campaign->version};
                        replay_disagree(replay, campaign, &here,
                                        "the kill switch goes %s, and no decision says so of this campaign",
                                        on ? "on" : "off");
                }
                campaign->kill_switch = on;
        }
}

enum sal_status replay_admin(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                             struct sal_err *reterr) {
        struct sal_json_at at = sal_json_root(event->detail), limits;
        const char *act = NULL;
        enum sal_status status = sal_json_string(&at, "act", true, 1, 64, &act, reterr);
        if (status)
                return status;
        if (!campaign) {
                if (strcmp(act, "kill_switch.on") == 0 || strcmp(act, "kill_switch.off") == 0)
                        switch_all(replay, event, strcmp(act, "kill_switch.on") == 0);
                return SAL_OK;
        }
        if (strcmp(act, "campaign.limits") != 0)
                return SAL_OK;
        status = sal_json_object(&at, "limits", true, &limits, reterr);
        if (status)
                return status;
        return campaign->standing == REPLAY_UNSTARTED ? SAL_OK : learn_limits(campaign, limits.value, reterr);
}
