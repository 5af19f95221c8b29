/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/decision.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* NULL: out of memory; a decision without all of its evidence would be worth nothing to who replays it. JSON knows no
 * infinity: such a number is left out. */
static json_t *evidence_json(const struct sal_evidence *evidence) {
        sal_autojson json_t *json = json_pack("{s:I, s:I, s:I}", "offered", (json_int_t)evidence->offered, "failed",
                                              (json_int_t)evidence->failed, "silent", (json_int_t)evidence->silent);
        int failed = !json;
        if (evidence->block_level >= 0)
                failed |= json_object_set_new(json, "block",
                                              json_pack("[i, I]", evidence->block_level, (json_int_t)evidence->block));
        if (isfinite(evidence->ln_e))
                failed |= json_object_set_new(json, "ln_e", json_real(evidence->ln_e));
        if (isfinite(evidence->bound))
                failed |= json_object_set_new(json, "bound", json_real(evidence->bound));
        return failed ? NULL : json_incref(json);
}

/* What time and the fleet said. NULL: out of memory. */
static json_t *because_json(const struct sal_course *course, const struct sal_lull *lull) {
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
        json_t *because = NULL;
        if (decision->course && decision->lull && !(because = because_json(decision->course, decision->lull)))
                return NULL;
        sal_autojson json_t *json =
                json_pack("{s:s, s:s, s:s, s:I, s:s*, s:s*, s:s, s:s, s:s, s:o, s:o*, s:s*, s:s*}", "id", id, "at", at,
                          "campaign", campaign, "version", (json_int_t)version, "ring", decision->ring, "cohort",
                          decision->cohort, "verdict", decision->verdict, "by", decision->by, "rule", decision->rule,
                          "evidence", evidence_json(decision->evidence ? decision->evidence : &nothing), "because",
                          because, "reason", decision->reason, "operator", decision->operator_name);
        /* A member that may be left out is left out for want of memory too. */
        size_t members = 8;
        const void *optional[] = {because, decision->ring, decision->cohort, decision->reason, decision->operator_name};
        for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
                members += optional[i] != NULL;
        return json_object_size(json) == members ? json_incref(json) : NULL;
}
