/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prospect: how far a stage is from the evidence that begins the next one, for people. It decides nothing: the rule
 * itself is sal_tally_advance_evidence.
 *
 * Thread: pure. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_ROLLOUT_PROSPECT_H
#define SAL_ROLLOUT_PROSPECT_H

#include "rollout/tally.h"

struct sal_prospect {
        size_t stage;    /* index of the ring that the campaign is in by evidence */
        bool last_stage; /* no stage comes behind it: the rest is zero */
        int64_t made;    /* counted offers of the stage */
        /* The smallest n of L whose first n offers can still be the evidence, were everything that is under way or to
         * come to settle well; 0: there is none below 2^31. */
        int64_t first;
        int64_t needed;  /* settled successes that suffice among them */
        int64_t well;    /* settled successes among them, as far as they are made */
        int64_t pending; /* of those made under way, -1: too many to tell them from failures */
        int64_t failed;  /* of those made settled otherwise (or for ever unsettled), -1 with pending */
        double ln_v;     /* of the prefix with the most evidence so far; 0: no offer yet */
        double bound;    /* both natural logarithms */
};

/* pending: numbers o (from 1) of the stage's counted offers that are under way, in any order; NULL: not known, then
 * everything that has not settled well may still do so. */
void sal_tally_prospect(const struct sal_tally *tally, const int64_t *pending, size_t pending_count,
                        struct sal_prospect *ret);

#endif
