/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/decision.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *evidence_json(const struct sal_evidence *evidence) {
        json_t *json = json_pack("{s:I, s:I, s:I}", "offered", (json_int_t)evidence->offered, "failed",
                                 (json_int_t)evidence->failed, "silent", (json_int_t)evidence->silent);
        if (evidence->block_level >= 0)
                json_object_set_new(json, "block",
                                    json_pack("[i, I]", evidence->block_level, (json_int_t)evidence->block));
        json_object_set_new(json, "ln_e", json_real(evidence->ln_e));
        json_object_set_new(json, "bound", json_real(evidence->bound));
        return json;
}

/* What time and the fleet said, for decisions that rest on more than evidence; NULL for the others. */
static json_t *because_json(const struct sal_decision *decision) {
        const struct sal_course *course = decision->course;
        const struct sal_lull *lull = decision->lull;
        if (!course || !lull)
                return NULL;
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "known", (json_int_t)course->known_matching, "waiting",
                         (json_int_t)lull->waiting_open, "unsettled", (json_int_t)lull->unsettled, "in_flight",
                         (json_int_t)course->in_flight, "idle_ms", (json_int_t)lull->idle_ms, "fleet_counted",
                         (int)lull->fleet_counted);
}

json_t *sal_decision_json(const struct sal_decision *decision, int64_t seq, int64_t at_ms, const char *campaign,
                          int64_t version) {
        static const struct sal_evidence nothing = {.block_level = -1};
        char id[24], at[SAL_TIME_BYTES];
        snprintf(id, sizeof id, "d%" PRId64, seq);
        sal_time_format(at_ms, at);
        return json_pack("{s:s, s:s, s:s, s:I, s:s*, s:s*, s:s, s:s, s:s, s:o, s:o*, s:s*, s:s*}", "id", id, "at", at,
                         "campaign", campaign, "version", (json_int_t)version, "ring", decision->ring, "cohort",
                         decision->cohort, "verdict", decision->verdict, "by", decision->by, "rule", decision->rule,
                         "evidence", evidence_json(decision->evidence ? decision->evidence : &nothing), "because",
                         because_json(decision), "reason", decision->reason, "operator", decision->operator_name);
}
