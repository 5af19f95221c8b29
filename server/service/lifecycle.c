/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/signing.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the request asks for. */
struct life {
        const struct sal_act *act;
        struct sal_engine *engine;
        struct sal_tx *tx;
        const char *reason;
        const char *acknowledge;
        const char *cohort;
        struct sal_err *reterr;
};

static struct sal_decision by_operator(const struct life *life, const char *verdict) {
        return (struct sal_decision){.verdict = verdict,
                                     .by = "operator",
                                     .rule = "6.7",
                                     .reason = life->reason,
                                     .operator_name = life->act->operator_name};
}

static enum sal_status refuse_state(const struct life *life, const struct sal_campaign_row *row, const char *act) {
        const char *state = sal_campaign_state_name(row->state);
        sal_fail(life->reterr, SAL_E_CONFLICT, "campaign %s@%" PRId64 " is %s: it cannot be %s", row->id, row->version,
                 state, act);
        sal_err_ref(life->reterr, state);
        return SAL_E_CONFLICT;
}

/* ---- what one campaign does to others ---- */

static bool supersedes(const struct sal_campaign *campaign, const char *id) {
        for (size_t i = 0; i < campaign->supersedes_count; i++)
                if (strcmp(campaign->supersedes[i], id) == 0)
                        return true;
        return false;
}

/* SAL_E_CONFLICT when a live campaign supersedes or undoes this one. */
static enum sal_status check_not_superseded(const struct life *life, const char *id) {
        for (size_t i = 0; i < life->engine->count; i++) {
                const struct sal_live *other = life->engine->live[i];
                const struct sal_campaign *campaign = other->launch->campaign;
                bool undone = campaign->undoes && strcmp(campaign->undoes, id) == 0;
                if (!sal_campaign_live(other->row.state) || (!undone && !supersedes(campaign, id)))
                        continue;
                sal_fail(life->reterr, SAL_E_CONFLICT, "campaign %s is %s by the live campaign %s@%" PRId64, id,
                         undone ? "undone" : "superseded", other->row.id, other->row.version);
                sal_err_ref(life->reterr, other->row.id);
                return SAL_E_CONFLICT;
        }
        return SAL_OK;
}

struct look_up {
        const char *id;
        bool found;
};

static bool was_started(void *arg, const struct sal_campaign_row *row) {
        struct look_up *look_up = arg;
        if (strcmp(row->id, look_up->id) != 0)
                return false;
        look_up->found = row->start_order > 0;
        return !look_up->found;
}

static enum sal_status check_undoes(const struct life *life, const struct sal_campaign *campaign) {
        if (!campaign->undoes)
                return SAL_OK;
        struct look_up look_up = {.id = campaign->undoes};
        /* Rows come in order of (id, version): those of this id are the ones behind (id, 0). */
        enum sal_status status =
                sal_campaign_row_each(life->tx, campaign->undoes, 0, UINT32_MAX, false, was_started, &look_up);
        if (status || look_up.found)
                return status;
        sal_fail_at(life->reterr, SAL_E_CONFLICT, "/undoes", "campaign %s was never started here: nothing to undo",
                    campaign->undoes);
        sal_err_ref(life->reterr, campaign->undoes);
        return SAL_E_CONFLICT;
}

/* Withdraws other live versions of the id; halts what is superseded or undone. */
static enum sal_status push_aside(const struct life *life, const struct sal_campaign *campaign) {
        enum sal_status status = SAL_OK;
        for (size_t i = 0; !status && i < life->engine->count; i++) {
                struct sal_live *other = life->engine->live[i];
                if (!sal_campaign_live(other->row.state))
                        continue;
                if (strcmp(other->row.id, campaign->id) == 0 && other->row.version != campaign->version) {
                        struct sal_decision decision = by_operator(life, "withdraw");
                        status = sal_live_end(life->engine, life->tx, other, SAL_ACT_WITHDRAW, &decision, life->reterr);
                } else if ((supersedes(campaign, other->row.id) ||
                            (campaign->undoes && strcmp(campaign->undoes, other->row.id) == 0)) &&
                           other->row.state != SAL_CAMPAIGN_HALTED) {
                        struct sal_decision decision = by_operator(life, "halt");
                        decision.rule = "supersedes";
                        status = sal_live_halt(life->engine, life->tx, other, false, &decision);
                }
        }
        return status;
}

/* ---- start ---- */

static enum sal_status check_start(const struct life *life, const struct sal_campaign_row *row,
                                   const struct sal_campaign *campaign) {
        const struct sal_policy *policy = life->act->service->policy;
        struct sal_err *reterr = life->reterr;
        if (row->state != SAL_CAMPAIGN_READY) {
                refuse_state(life, row, "started");
                if (row->state == SAL_CAMPAIGN_DRAFT)
                        sal_err_hint(reterr, "it needs the signatures of its authors first");
                return SAL_E_CONFLICT;
        }
        if (sal_tx_now_ms(life->tx) >= campaign->expires_ms) {
                sal_fail_at(reterr, SAL_E_CONFLICT, "/expires", "campaign %s@%" PRId64 " has expired", row->id,
                            row->version);
                sal_err_ref(reterr, "expired");
                return SAL_E_CONFLICT;
        }
        if (sal_policy_is_revoked(policy, row->id, row->version)) {
                sal_fail(reterr, SAL_E_CONFLICT, "the trust policy revokes campaign %s@%" PRId64, row->id,
                         row->version);
                sal_err_ref(reterr, "revoked");
                return SAL_E_CONFLICT;
        }
        struct sal_policy_action actions[SAL_CAMPAIGN_MAX_ACTIONS];
        sal_policy_actions_of(campaign, actions);
        int approvals = sal_policy_approvals(policy, actions, campaign->action_count);
        if (approvals > 0)
                return sal_fail(reterr, SAL_E_CONFLICT,
                                "its class asks for %d approvals by other operators, and it has none", approvals);
        size_t live = 0;
        for (size_t i = 0; i < life->engine->count; i++)
                live += sal_campaign_live(life->engine->live[i]->row.state);
        if (live >= SAL_LIVE_CAMPAIGNS_MAX)
                return sal_fail(reterr, SAL_E_CONFLICT, "%d campaigns are live, more are not allowed; withdraw one",
                                SAL_LIVE_CAMPAIGNS_MAX);
        enum sal_status status = sal_signatures_suffice(life->act, row, campaign, reterr);
        if (status == SAL_E_UNTRUSTED && reterr)
                reterr->status = SAL_E_CONFLICT;
        if (status)
                return status == SAL_E_UNTRUSTED ? SAL_E_CONFLICT : status;
        status = check_not_superseded(life, row->id);
        return status ? status : check_undoes(life, campaign);
}

static enum sal_status launch(const struct life *life, struct sal_campaign_row *row, struct sal_campaign *campaign) {
        struct sal_bytes envelope = {0};
        enum sal_status status = sal_envelope_build(life->act, row, &envelope);
        if (status)
                return status;
        row->envelope = envelope.data;
        row->envelope_len = envelope.len;
        char *served = malloc(envelope.len + 1);
        if (!served)
                return SAL_E_NOMEM;
        memcpy(served, envelope.data, envelope.len);
        int64_t daemon_ms = sal_engine_served_ms(life->engine, life->tx);
        row->started_ms = sal_tx_now_ms(life->tx);
        row->start_order = life->engine->next_start_order++;
        row->rings_open = 1;
        row->served_offset_ms = daemon_ms;
        row->served_stopped_ms = life->engine->kill_switch ? daemon_ms : -1;
        row->last_take_served_ms = 0;
        row->last_busy_served_ms = 0;
        row->fleet_known = -1;
        struct sal_live *live = sal_live_new_take(row, sal_campaign_ref(campaign), served, envelope.len);
        if (!live)
                return SAL_E_NOMEM;
        status = sal_live_load_limits(life->tx, live);
        if (!status)
                status = sal_engine_add(life->engine, live, life->reterr);
        if (status) {
                sal_live_free(live);
                return status;
        }
        status = sal_live_act(life->engine, life->tx, live, SAL_ACT_START, life->reterr);
        row->state = live->row.state;
        if (!status)
                status = sal_campaign_row_update(life->tx, row);
        if (!status)
                status = sal_setting_put_int(life->tx, "start_order", row->start_order);
        struct sal_decision decision = by_operator(life, "open");
        if (!status)
                status = sal_decide(life->engine, life->tx, live, &decision, NULL);
        return status;
}

static enum sal_status start(const struct life *life, struct sal_campaign_row *row) {
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        enum sal_status status = sal_campaign_parse(row->payload, row->payload_len, &campaign, life->reterr);
        if (!status)
                status = check_start(life, row, campaign);
        if (!status)
                status = push_aside(life, campaign);
        if (!status)
                status = launch(life, row, campaign);
        return status;
}

/* ---- the other acts, on a live campaign ---- */

static enum sal_status need_acknowledge(const struct life *life, int64_t decision_seq, const char *why) {
        char id[24];
        snprintf(id, sizeof id, "d%" PRId64, decision_seq);
        if (life->acknowledge && strcmp(life->acknowledge, id) == 0)
                return SAL_OK;
        sal_fail_at(life->reterr, SAL_E_ACKNOWLEDGE, "/acknowledge", "%s: quote its newest decision, %s", why, id);
        sal_err_ref(life->reterr, id);
        return SAL_E_ACKNOWLEDGE;
}

static enum sal_status pause_it(const struct life *life, struct sal_live *live) {
        struct sal_decision decision = by_operator(life, "pause");
        enum sal_status status = sal_live_act(life->engine, life->tx, live, SAL_ACT_PAUSE, life->reterr);
        return status ? status : sal_decide(life->engine, life->tx, live, &decision, NULL);
}

/* After a halt by the engine counting begins anew, with half the error left. */
static enum sal_status begin_period(const struct life *life, struct sal_live *live) {
        live->row.halts_resumed++;
        live->row.period++;
        live->row.halted_by_engine = false;
        live->excluded_unsettled = 0;
        struct sal_tally *fresh = sal_tally_new(&live->launch->campaign->plan, (int)live->row.halts_resumed);
        if (!fresh)
                return SAL_E_NOMEM;
        sal_tally_free(live->tally);
        live->tally = fresh;
        sal_population_restart(live);
        return sal_tally_store_clear(life->tx, live->row.row);
}

static enum sal_status release_cohort(const struct life *life, struct sal_live *live) {
        if (!sal_campaign_live(live->row.state))
                return refuse_state(life, &live->row, "resumed");
        enum sal_status status = sal_tally_release(live->tally, life->cohort);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail_at(life->reterr, SAL_E_CONFLICT, "/cohort", "no cohort \"%.100s\" is held",
                                   life->cohort);
        if (status) {
                sal_fail_at(life->reterr, SAL_E_CONFLICT, "/cohort", "no further cohort number is left");
                sal_err_hint(life->reterr, "a new version of the campaign counts from 1, and holds nobody");
                return SAL_E_CONFLICT;
        }
        live->dirty = true;
        life->engine->publish = true;
        sal_population_restart(live);
        struct sal_decision decision = by_operator(life, "resume");
        decision.cohort = life->cohort;
        return sal_decide(life->engine, life->tx, live, &decision, NULL);
}

/* What the trust policy does not allow any more would be offered to nobody. */
static enum sal_status check_allowed(const struct life *life, const struct sal_live *live) {
        if (!live->barred[0])
                return SAL_OK;
        sal_fail(life->reterr, SAL_E_CONFLICT, "campaign %s@%" PRId64 " is not allowed any more: %s", live->row.id,
                 live->row.version, live->barred);
        sal_err_ref(life->reterr, "not_allowed");
        return SAL_E_CONFLICT;
}

static enum sal_status resume(const struct life *life, struct sal_live *live) {
        if (life->cohort)
                return release_cohort(life, live);
        enum sal_campaign_state next;
        if (!sal_campaign_next(live->row.state, SAL_ACT_RESUME, &next))
                return refuse_state(life, &live->row, "resumed");
        enum sal_status status = check_allowed(life, live);
        if (!status)
                status = check_not_superseded(life, live->row.id);
        bool halted = live->row.state == SAL_CAMPAIGN_HALTED;
        bool after_engine = halted && live->row.halted_by_engine;
        if (!status && after_engine)
                status = need_acknowledge(life, live->row.halt_decision, "the engine halted this campaign");
        if (!status)
                status = sal_live_act(life->engine, life->tx, live, SAL_ACT_RESUME, life->reterr);
        if (!status && after_engine)
                status = begin_period(life, live);
        /* While it was halted its served time went on, but nobody could take an offer. */
        if (!status && halted)
                live->row.last_take_served_ms = sal_live_served_ms(life->engine, live, life->tx);
        struct sal_decision decision = by_operator(life, "resume");
        if (!status)
                status = sal_decide(life->engine, life->tx, live, &decision, NULL);
        /* What came in while it stood may be evidence enough. */
        return status ? status : sal_live_advance(life->engine, life->tx, live);
}

static bool note_seq(void *arg, const struct sal_journal_entry *entry) {
        *(int64_t *)arg = entry->seq;
        return false;
}

/* Only a plan that says manual_advance leaves rings to an operator; without the evidence the newest decision is quoted.
 */
static enum sal_status advance(const struct life *life, struct sal_live *live) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        if (live->row.state != SAL_CAMPAIGN_ACTIVE)
                return refuse_state(life, &live->row, "advanced");
        if (!plan->manual_advance)
                return sal_fail(life->reterr, SAL_E_CONFLICT,
                                "the plan advances by evidence; an operator cannot make it faster");
        bool evidence = sal_tally_advance_evidence(live->tally).verdict == SAL_VERDICT_ADVANCE;
        size_t ring = evidence ? (size_t)sal_tally_stage(live->tally) + 1 : (size_t)live->row.rings_open;
        int64_t opens_ms = sal_limits_opens_ms(live->limits, ring);
        if (ring >= (size_t)live->row.rings_open && ring < plan->ring_count && opens_ms > sal_tx_now_ms(life->tx)) {
                char at[SAL_TIME_BYTES];
                sal_time_format(opens_ms, at);
                return sal_fail(life->reterr, SAL_E_CONFLICT, "its limits let ring %s open at %s at the earliest",
                                plan->rings[ring].name, at);
        }
        if (!evidence && (size_t)live->row.rings_open >= plan->ring_count)
                return sal_fail(life->reterr, SAL_E_CONFLICT, "every ring is open already");
        if (!evidence) {
                int64_t newest = 0;
                enum sal_status status =
                        sal_journal_newest_decisions(life->tx, live->row.id, live->row.version, 1, note_seq, &newest);
                if (!status)
                        status = need_acknowledge(life, newest, "there is no evidence yet for the next ring");
                if (status)
                        return status;
        }
        return sal_live_advance_by(life->engine, life->tx, live, life->act->operator_name, life->reason);
}

static enum sal_status halt(const struct life *life, struct sal_live *live) {
        enum sal_campaign_state next;
        if (!sal_campaign_next(live->row.state, SAL_ACT_HALT, &next))
                return refuse_state(life, &live->row, "halted");
        struct sal_decision decision = by_operator(life, "halt");
        return sal_live_halt(life->engine, life->tx, live, false, &decision);
}

/* A ready campaign is withdrawn before it ever ran. */
static enum sal_status withdraw_ready(const struct life *life, struct sal_campaign_row *row) {
        if (!sal_campaign_next(row->state, SAL_ACT_WITHDRAW, &row->state))
                return refuse_state(life, row, "withdrawn");
        struct sal_decision decision = by_operator(life, "withdraw");
        enum sal_status status = sal_campaign_row_update(life->tx, row);
        if (!status)
                status = sal_journal_state(life->tx, row);
        return status ? status : sal_decide_row(life->tx, row, &decision, NULL);
}

static enum sal_status withdraw(const struct life *life, struct sal_live *live) {
        struct sal_decision decision = by_operator(life, "withdraw");
        return sal_live_end(life->engine, life->tx, live, SAL_ACT_WITHDRAW, &decision, life->reterr);
}

static enum sal_status on_live(const struct life *life, enum sal_life_act what, struct sal_live *live) {
        switch (what) {
        case SAL_LIFE_PAUSE:
                return pause_it(life, live);
        case SAL_LIFE_RESUME:
                return resume(life, live);
        case SAL_LIFE_ADVANCE:
                return advance(life, live);
        case SAL_LIFE_HALT:
                return halt(life, live);
        case SAL_LIFE_WITHDRAW:
                return withdraw(life, live);
        default:
                return refuse_state(life, &live->row, "started");
        }
}

static enum sal_status parse_body(const json_t *body, struct life *life) {
        static const char *const known[] = {"reason", "acknowledge", "cohort", NULL};
        struct sal_json_at at = sal_json_root(body);
        enum sal_status status = sal_json_only(&at, known, life->reterr);
        if (!status)
                status =
                        sal_json_string(&at, "reason", true, 1, SAL_REASON_TEXT_MAX_BYTES, &life->reason, life->reterr);
        if (!status)
                status = sal_json_string(&at, "acknowledge", false, 1, 23, &life->acknowledge, life->reterr);
        if (!status)
                status = sal_json_string(&at, "cohort", false, 1, SAL_COHORT_NAME_BYTES, &life->cohort, life->reterr);
        return status;
}

enum sal_status sal_campaign_life(const struct sal_act *act, enum sal_life_act what, const char *id, int64_t version,
                                  const json_t *body, json_t **ret, struct sal_err *reterr) {
        static const char *const names[] = {"campaign.start",   "campaign.pause", "campaign.resume",
                                            "campaign.advance", "campaign.halt",  "campaign.withdraw"};
        static const char *const done[] = {"started", "paused", "resumed", "advanced", "halted", "withdrawn"};
        struct life life = {.act = act, .engine = act->service->engine, .tx = act->tx, .reterr = reterr};
        struct sal_campaign_row row = {0};
        enum sal_status status = parse_body(body, &life);
        if (status)
                return status;
        status = sal_campaign_row_get(act->tx, id, version, true, &row);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is no campaign %s@%" PRId64, id, version);
        if (status)
                return status;
        struct sal_live *live = sal_engine_find(life.engine, id, version);
        if (live)
                status = on_live(&life, what, live);
        else if (what == SAL_LIFE_START)
                status = start(&life, &row);
        else if (what == SAL_LIFE_WITHDRAW)
                status = withdraw_ready(&life, &row);
        else
                status = refuse_state(&life, &row, done[what]);
        if (!status)
                status = sal_journal_admin(act, names[what], id, version, NULL,
                                           json_pack("{s:s}", "reason", life.reason));
        if (!status)
                status = sal_campaign_show(act, id, version, ret, reterr);
        sal_campaign_row_done(&row);
        return status;
}
