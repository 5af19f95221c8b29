/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

/* ---- decisions ---- */

enum sal_status sal_decide_row(struct sal_tx *tx, const struct sal_campaign_row *row,
                               const struct sal_decision *decision, int64_t *ret_seq) {
        int64_t seq = sal_journal_seq(tx) + 1;
        sal_autojson json_t *json = sal_decision_json(decision, seq, sal_tx_now_ms(tx), row->id, row->version);
        sal_autofree char *text = json ? sal_json_dump(json) : NULL;
        if (!text)
                return SAL_E_NOMEM;
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = SAL_JOURNAL_DECISION,
                                          .campaign = row->id,
                                          .version = row->version,
                                          .ring = decision->ring,
                                          .detail = text};
        enum sal_status status = sal_journal_append(tx, &entry);
        if (!status && ret_seq)
                *ret_seq = entry.seq;
        return status;
}

enum sal_status sal_decide(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                           const struct sal_decision *decision, int64_t *ret_seq) {
        struct sal_evidence totals = {.block_level = -1};
        struct sal_decision full = *decision;
        if (!full.evidence) {
                sal_tally_totals(live->tally, &totals);
                full.evidence = &totals;
        }
        const struct sal_plan *plan = &live->launch->campaign->plan;
        if (!full.ring)
                full.ring = plan->rings[sal_tally_stage(live->tally)].name;
        sal_engine_note(engine, "campaign.decision", &live->row,
                        "%s by %s (rule %s), ring %s: %" PRId64 " offered, %" PRId64 " failed, %" PRId64
                        " silent, ln E %.3f, bound %.3f",
                        full.verdict, full.by, full.rule, full.ring, full.evidence->offered, full.evidence->failed,
                        full.evidence->silent, full.evidence->ln_e, full.evidence->bound);
        return sal_decide_row(tx, &live->row, &full, ret_seq);
}

static enum sal_status journal_state(struct sal_tx *tx, const struct sal_campaign_row *row, json_t *more) {
        sal_autojson json_t *detail = json_pack("{s:s}", "state", sal_campaign_state_name(row->state));
        if (detail && more && json_object_update(detail, more) != 0)
                return SAL_E_NOMEM;
        sal_autofree char *text = detail ? sal_json_dump(detail) : NULL;
        if (!text)
                return SAL_E_NOMEM;
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx),
                                          .type = SAL_JOURNAL_STATE,
                                          .campaign = row->id,
                                          .version = row->version,
                                          .detail = text};
        return sal_journal_append(tx, &entry);
}

enum sal_status sal_journal_state(struct sal_tx *tx, const struct sal_campaign_row *row) {
        return journal_state(tx, row, NULL);
}

/* What a replay needs to know of a campaign that starts, so that the journal stands for itself. */
static json_t *start_json(const struct sal_engine *engine, const struct sal_live *live) {
        const struct sal_campaign *campaign = live->launch->campaign;
        char not_before[SAL_TIME_BYTES], expires[SAL_TIME_BYTES];
        sal_time_format(campaign->not_before_ms, not_before);
        sal_time_format(campaign->expires_ms, expires);
        json_t *limits = live->limits ? sal_limits_json(live->limits) : NULL;
        if (live->limits && !limits)
                return NULL;
        return json_pack("{s:o, s:s, s:b, s:s, s:s, s:b, s:o*}", "plan", sal_plan_json(&campaign->plan), "digest",
                         live->row.digest, "drill", (int)campaign->drill, "not_before", not_before, "expires", expires,
                         "kill_switch", (int)engine->kill_switch, "limits", limits);
}

enum sal_status sal_live_act(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                             enum sal_campaign_act act, struct sal_err *reterr) {
        enum sal_campaign_state next = live->row.state;
        if (!sal_campaign_next(live->row.state, act, &next)) {
                enum sal_status status = sal_fail(reterr, SAL_E_CONFLICT, "campaign %s@%" PRId64 " is %s", live->row.id,
                                                  live->row.version, sal_campaign_state_name(live->row.state));
                sal_err_ref(reterr, sal_campaign_state_name(live->row.state));
                return status;
        }
        live->row.state = next;
        live->dirty = true;
        live->review = true;
        engine->publish = true;
        sal_live_set_clock(engine, live, tx);
        if (act != SAL_ACT_START)
                return sal_journal_state(tx, &live->row);
        sal_autojson json_t *more = start_json(engine, live);
        return more ? journal_state(tx, &live->row, more) : SAL_E_NOMEM;
}

/* ---- halting and ending ---- */

enum sal_status sal_live_halt(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live, bool by_engine,
                              const struct sal_decision *decision) {
        enum sal_status status = sal_live_act(engine, tx, live, SAL_ACT_HALT, NULL);
        if (status)
                return status;
        live->row.halted_by_engine = by_engine;
        int64_t seq = 0;
        status = sal_decide(engine, tx, live, decision, &seq);
        live->row.halt_decision = seq;
        bool superseded = strcmp(decision->rule, "supersedes") == 0;
        return status ? status : sal_live_recall(tx, live, superseded ? SAL_CAUSE_SUPERSEDED : SAL_CAUSE_HALT);
}

enum sal_status sal_live_end(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                             enum sal_campaign_act act, const struct sal_decision *decision, struct sal_err *reterr) {
        enum sal_status status = sal_live_act(engine, tx, live, act, reterr);
        if (!status)
                status = sal_decide(engine, tx, live, decision, NULL);
        return status ? status
                      : sal_live_recall(tx, live, act == SAL_ACT_EXPIRE ? SAL_CAUSE_EXPIRED : SAL_CAUSE_WITHDRAWN);
}

/* ---- advance, open, complete ---- */

static enum sal_status open_ring(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                 const struct sal_decision *decision) {
        const struct sal_plan *plan = &live->launch->campaign->plan;
        struct sal_decision full = *decision;
        full.ring = plan->rings[live->row.rings_open].name;
        live->row.rings_open++;
        live->row.last_take_served_ms = sal_live_served_ms(engine, live, tx);
        live->dirty = true;
        engine->publish = true;
        return sal_decide(engine, tx, live, &full, NULL);
}

/* Begins the next stage on the evidence, and opens its ring unless it is open already. */
static enum sal_status next_stage(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                  const struct sal_evidence *evidence, const char *by, const char *operator_name,
                                  const char *reason) {
        sal_tally_next_stage(live->tally);
        live->dirty = true;
        struct sal_decision decision = {.verdict = "advance",
                                        .by = by,
                                        .rule = "6.4",
                                        .evidence = evidence,
                                        .operator_name = operator_name,
                                        .reason = reason};
        if (live->row.rings_open <= sal_tally_stage(live->tally))
                return open_ring(engine, tx, live, &decision);
        return sal_decide(engine, tx, live, &decision, NULL);
}

enum sal_status sal_live_advance(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live) {
        for (;;) {
                struct sal_course course = sal_live_course(engine, live, sal_tx_now_ms(tx));
                struct sal_evidence evidence = sal_course_advance(&course);
                if (evidence.verdict != SAL_VERDICT_ADVANCE)
                        return SAL_OK;
                enum sal_status status = next_stage(engine, tx, live, &evidence, "engine", NULL, NULL);
                if (status)
                        return status;
        }
}

bool sal_live_takeable(const struct sal_engine *engine, const struct sal_live *live, int64_t now_ms) {
        return now_ms >= live->launch->campaign->not_before_ms && sal_service_lists(engine->service, live->launch) &&
               sal_limits_window_open(live->limits, now_ms);
}

void sal_live_lull_anew(const struct sal_engine *engine, const struct sal_tx *tx, struct sal_live *live) {
        int64_t served_ms = sal_live_served_ms(engine, live, tx);
        live->row.last_take_served_ms = live->row.last_busy_served_ms = live->looked_served_ms = served_ms;
        live->stood_ms = 0;
        live->dirty = true;
}

/* While nobody can take an offer, and while an operator's limit keeps machines from taking one, neither patience nor
 * quiet runs. */
static bool stands_idle(struct sal_engine *engine, const struct sal_tx *tx, struct sal_live *live) {
        enum { STEP_MS = 1000 };
        const struct sal_course course = sal_live_course(engine, live, sal_tx_now_ms(tx));
        bool early = !sal_live_takeable(engine, live, course.now_ms);
        bool stands = early || sal_course_limited(&course);
        int64_t served_ms = sal_live_served_ms(engine, live, tx);
        /* What passed since the last look belongs to what was seen then: a window's ends have looks of their own, and
         * everything else that limits changes in a batch. */
        if (live->stands && live->looked_served_ms >= 0)
                live->stood_ms += served_ms - live->looked_served_ms;
        live->looked_served_ms = served_ms;
        if (live->stood_ms >= STEP_MS || (live->stood_ms && !stands)) {
                int64_t take_ms = live->row.last_take_served_ms + live->stood_ms;
                int64_t busy_ms = live->row.last_busy_served_ms + live->stood_ms;
                live->row.last_take_served_ms = take_ms < served_ms ? take_ms : served_ms;
                live->row.last_busy_served_ms = busy_ms < served_ms ? busy_ms : served_ms;
                live->stood_ms = 0;
                live->dirty = true;
        }
        if (live->early && !early) { /* held polls want to know, though the snapshot stays */
                sal_snapshot_slot_touch(&engine->service->snapshots);
                engine->changed = true;
        }
        live->early = early;
        live->stands = stands;
        return stands;
}

static enum sal_status open_by_lull(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                    bool *ret_opened) {
        struct sal_course course = sal_live_course(engine, live, sal_tx_now_ms(tx));
        struct sal_lull lull = sal_live_lull(engine, tx, live);
        *ret_opened = sal_course_may_open(&course, &lull);
        if (!*ret_opened)
                return SAL_OK;
        return open_ring(engine, tx, live,
                         &(struct sal_decision){
                                 .verdict = "open", .by = "engine", .rule = "6.4", .course = &course, .lull = &lull});
}

static enum sal_status complete(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live) {
        struct sal_course course = sal_live_course(engine, live, sal_tx_now_ms(tx));
        struct sal_lull lull = sal_live_lull(engine, tx, live);
        lull.idle_ms = sal_live_served_ms(engine, live, tx) - sal_live_quiet_since_ms(live);
        if (!sal_course_complete(&course, &lull))
                return SAL_OK;
        enum sal_status status = sal_live_act(engine, tx, live, SAL_ACT_COMPLETE, NULL);
        if (status)
                return status;
        return sal_decide(
                engine, tx, live,
                &(struct sal_decision){
                        .verdict = "complete", .by = "engine", .rule = "6.7", .course = &course, .lull = &lull},
                NULL);
}

enum sal_status sal_live_review(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live) {
        bool runs = sal_campaign_runs(live->row.state);
        bool idle = stands_idle(engine, tx, live);
        if (!runs || engine->kill_switch)
                return SAL_OK;
        /* After events it was asked already; what a limit held back until now was not. */
        enum sal_status status = sal_live_advance(engine, tx, live);
        bool opened = !idle;
        while (!status && opened)
                status = open_by_lull(engine, tx, live, &opened);
        return status || idle ? status : complete(engine, tx, live);
}

enum sal_status sal_live_advance_by(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                    const char *operator_name, const char *reason) {
        struct sal_evidence evidence = sal_tally_advance_evidence(live->tally);
        live->review = true;
        if (evidence.verdict == SAL_VERDICT_ADVANCE)
                return next_stage(engine, tx, live, &evidence, "operator", operator_name, reason);
        return open_ring(engine, tx, live,
                         &(struct sal_decision){.verdict = "open",
                                                .by = "operator",
                                                .rule = "6.4",
                                                .operator_name = operator_name,
                                                .reason = reason});
}
