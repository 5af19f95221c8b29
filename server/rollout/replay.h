/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay: recomputes every decision of a rollout from its journal. Fed with the events in order, it keeps a tally of
 * its own for each campaign, asks the questions of course.h after each event, and holds the journal's decisions against
 * the answers: each must be there, at its place, with the same numbers bit for bit, and no other may.
 *
 * What a decision rests on that events do not show (served time, the known fleet) stands in the decision's `because`;
 * the replay checks that what is said there leads to the decision.
 *
 * Pure: no I/O, no clock. Thread: one at a time. Ownership: a replay owns everything it remembers (some 110 bytes per
 * offer).
 */
#ifndef SAL_ROLLOUT_REPLAY_H
#define SAL_ROLLOUT_REPLAY_H

#include "model/event.h"
#include "rollout/course.h"

struct sal_replay;

struct sal_replay *sal_replay_new(void); /* NULL without memory */
void sal_replay_free(struct sal_replay *replay);
SAL_DEFINE_CLEANUP(sal_replay, sal_replay_free)

/* Called for every disagreement: the event at which it shows, and what is wrong in words. From the first one on a
 * campaign's further decisions are not judged (they would rest on it). */
typedef void sal_replay_disagreement_fn(void *arg, const struct sal_event *event, const char *what);
void sal_replay_on_disagreement(struct sal_replay *replay, sal_replay_disagreement_fn *fn, void *arg);

/* The next event; seq must follow the last one without a gap. A start without its whole plan is a disagreement, where
 * it must be among the events. Errors: SAL_E_INVALID (an event that cannot be: a gap, an outcome of an unknown offer, a
 * missing member), SAL_E_NOMEM. A disagreement is no error. */
enum sal_status sal_replay_event(struct sal_replay *replay, const struct sal_event *event, struct sal_err *reterr);
/* After the last event: a decision that was due and is not there is a disagreement. */
enum sal_status sal_replay_end(struct sal_replay *replay, struct sal_err *reterr);

struct sal_replay_sums {
        int64_t events, offers, campaigns;
        int64_t decisions;     /* found in the journal, of the engine and of operators */
        int64_t recomputed;    /* of those, decisions of the engine that came out again */
        int64_t disagreements; /* campaigns in which one did not */
        int64_t unjudged;      /* campaigns whose start is not among the events: nothing is said about them */
        char digest[65];       /* hex SHA-256 over every recomputed decision with its binary64 numbers, to compare
                                * builds */
};
/* The sums so far; a campaign whose decision is still due counts as a disagreement only after sal_replay_end. */
void sal_replay_sums(const struct sal_replay *replay, struct sal_replay_sums *ret);

/* What came out of one campaign. */
struct sal_replay_campaign {
        const char *id;
        int64_t version;
        int64_t offers, decisions, recomputed; /* as in the sums */
        bool judged;                           /* its start is among the events */
        const char *what;                      /* its first disagreement, in words; NULL: none */
        int64_t seq, at_ms;                    /* of that, else 0 */
};
/* Calls each for every campaign that was started, in the order of their first events; texts are borrowed. */
void sal_replay_each(const struct sal_replay *replay,
                     void (*each)(void *arg, const struct sal_replay_campaign *campaign), void *arg);

#endif
