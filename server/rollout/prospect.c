/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/prospect.h"

#include "rollout/tally_state.h"

/* Most of `offered` that may be no settled success so that V reaches its bound; -1: none. V falls as they rise. */
static int64_t failures_allowed(const struct sal_tally *tally, int64_t offered, double bound) {
        int64_t low = -1, high = (int64_t)(tally->plan.unacceptable_failure * (double)offered) + 1;
        if (high > offered)
                high = offered;
        while (low < high) {
                int64_t middle = low + (high - low + 1) / 2;
                if (sal_mixture_ln(&tally->advance, offered, middle) >= bound)
                        low = middle;
                else
                        high = middle - 1;
        }
        return low;
}

static int64_t pending_within(const int64_t *pending, size_t count, int64_t first) {
        int64_t within = 0;
        for (size_t i = 0; i < count; i++)
                within += pending[i] <= first;
        return within;
}

void sal_tally_prospect(const struct sal_tally *tally, const int64_t *pending, size_t pending_count,
                        struct sal_prospect *ret) {
        const struct tally_stage *stage = &tally->stages[tally->stage];
        *ret = (struct sal_prospect){.stage = (size_t)tally->stage, .made = stage->made, .pending = -1, .failed = -1};
        ret->last_stage = tally->stage + 1 >= (int)tally->plan.ring_count;
        if (ret->last_stage)
                return;
        ret->bound = sal_bound_advance(&tally->plan);
        int64_t offered = 0, succeeded = 0;
        for (int k = 0; k < TALLY_POINTS - 2 && tally_point(k) <= TALLY_MAX_OFFERS; k++) {
                int64_t first = tally_point(k);
                offered += stage->segments[k].offered;
                succeeded += stage->segments[k].succeeded;
                int64_t to_come = first > stage->made ? first - stage->made : 0;
                int64_t under_way = pending ? pending_within(pending, pending_count, first) : offered - succeeded;
                int64_t failed = offered - succeeded - under_way;
                if (offered && to_come == 0) {
                        double ln_v = sal_mixture_ln(&tally->advance, offered, offered - succeeded);
                        ret->ln_v = ret->ln_v == 0 || ln_v > ret->ln_v ? ln_v : ret->ln_v;
                }
                if (ret->first)
                        continue;
                int64_t allowed = failures_allowed(tally, offered + to_come, ret->bound);
                if (allowed < failed)
                        continue;
                ret->first = first;
                ret->needed = offered + to_come - allowed;
                ret->well = succeeded;
                ret->pending = pending ? under_way : -1;
                ret->failed = pending ? failed : -1;
        }
}
