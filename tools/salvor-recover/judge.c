/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/judge.h"

#include "base/clock.h"

#include <string.h>

/* The slug goes before the sentence: logs and reports can be searched for it. */
static void name_reason(enum sal_admission admission, struct sal_err *err) {
        char detail[SAL_ERR_DETAIL_BYTES];
        if (!err)
                return;
        memcpy(detail, err->detail, sizeof detail);
        snprintf(err->detail, sizeof err->detail, "%s: %s", sal_admission_text(admission), detail);
}

/* The admission has seen to `expires`. */
static enum sal_verdict judge_time(const struct sal_judge *judge, const struct sal_campaign *campaign,
                                   struct sal_err *reterr) {
        char now[SAL_TIME_BYTES], bound[SAL_TIME_BYTES];
        if (judge->now_ms >= campaign->not_before_ms - SAL_NOT_BEFORE_TOLERANCE_MS)
                return SAL_VERDICT_YES;
        sal_time_format(judge->now_ms, now);
        sal_time_format(campaign->not_before_ms, bound);
        sal_fail_at(reterr, SAL_E_REFUSED, "/not_before", "campaign %s is not valid before %s, now is %s", campaign->id,
                    bound, now);
        return SAL_VERDICT_UNFIT;
}

static enum sal_verdict judge_place(const struct sal_judge *judge, const struct sal_campaign *campaign,
                                    struct sal_err *reterr) {
        if (campaign->drill != (strcmp(judge->reason, "drill") == 0)) {
                sal_fail_at(reterr, SAL_E_REFUSED, "/drill", "campaign %s is %s drill, and the reason to ask is %s",
                            campaign->id, campaign->drill ? "a" : "no", judge->reason);
                return SAL_VERDICT_ELSEWHERE;
        }
        if (!sal_selector_match(campaign->match, judge->facts)) {
                sal_fail_at(reterr, SAL_E_REFUSED, "/match", "campaign %s is not meant for a machine with these facts",
                            campaign->id);
                return SAL_VERDICT_ELSEWHERE;
        }
        return SAL_VERDICT_YES;
}

enum sal_verdict sal_judge_campaign(const struct sal_judge *judge, const char *path, const char *bytes, size_t len,
                                    struct sal_campaign **ret, struct sal_err *reterr) {
        const struct sal_admission_rules rules = {
                .policy = judge->policy, .trust_domain = judge->trust_domain, .now_ms = judge->now_ms};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        enum sal_admission admission = sal_admit(&rules, path, bytes, len, &campaign, reterr);
        if (admission == SAL_ADMIT_INTERNAL)
                return SAL_VERDICT_UNKNOWN;
        if (admission) {
                name_reason(admission, reterr);
                return SAL_VERDICT_UNFIT;
        }
        enum sal_verdict verdict = judge_time(judge, campaign, reterr);
        if (!verdict)
                verdict = judge_place(judge, campaign, reterr);
        if (!verdict)
                *ret = SAL_STEAL(campaign);
        return verdict;
}
