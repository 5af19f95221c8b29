/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which answer a poll gets: one pure function over what is known of the machine and of the live campaigns. The workers
 * ask it with the snapshot and no history, the ledger's thread with everything, and `explain` shows the same verdicts
 * to people.
 *
 * Thread: pure. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_ROLLOUT_ANSWER_H
#define SAL_ROLLOUT_ANSWER_H

#include "model/campaign.h"
#include "model/offer.h"

enum sal_directive { SAL_DIRECTIVE_APPLY, SAL_DIRECTIVE_WAIT, SAL_DIRECTIVE_NONE };

enum sal_reason {
        SAL_REASON_KILL_SWITCH,
        SAL_REASON_OPTED_OUT,
        SAL_REASON_OFFERED, /* an offer, new or repeated */
        SAL_REASON_ALREADY_APPLIED,
        SAL_REASON_NO_MATCH,
        SAL_REASON_ALREADY_SUCCEEDED,
        SAL_REASON_ATTEMPTS_EXHAUSTED,
        SAL_REASON_NOT_APPLICABLE,
        SAL_REASON_EXPIRED,
        SAL_REASON_PAUSED,
        SAL_REASON_HALTED,
        SAL_REASON_NOT_YET_VALID,
        SAL_REASON_RING_NOT_OPEN,
        SAL_REASON_IN_FLIGHT_CAP,
        SAL_REASON_OVERLOADED,
        SAL_REASONS
};

enum sal_poll_reason { SAL_POLL_BOOT_FAILURE, SAL_POLL_REQUESTED, SAL_POLL_DRILL };

const char *sal_directive_name(enum sal_directive directive);
const char *sal_reason_name(enum sal_reason reason);
/* A sentence for the person in front of the machine. */
const char *sal_reason_sentence(enum sal_reason reason);
enum sal_directive sal_reason_directive(enum sal_reason reason);
int sal_poll_reason_parse(const char *name); /* -1: none */

/* What the machine did with one version of a campaign, in its present incarnation; all zero: nothing. */
struct sal_history {
        int64_t attempts;           /* offers, recalled ones left out */
        bool any;                   /* at least one offer, recalled ones too */
        enum sal_offer_state state; /* of the newest offer */
        enum sal_cause cause;
        bool late_applied;    /* of any offer */
        bool same_boot;       /* the newest offer was made to this very boot */
        bool applied_offline; /* from a bundle, without an offer: never another one */
        bool undone_reached;  /* for a campaign that undoes another: the machine was touched by that one */
};

/* A live campaign as one poll sees it. */
struct sal_candidate {
        const struct sal_campaign *campaign;
        enum sal_campaign_state state;
        size_t rings_open;
        bool room;        /* the cap lets an offer be made */
        bool cohort_held; /* a cohort value of this machine is held */
        bool unlisted;    /* the signed list that machines verify by does not name it (yet): nothing may be offered */
        bool outside;     /* an operator's limits leave this machine out */
        int64_t window_opens_ms; /* no window of an operator's is open, the next one opens then (unix_ms); 0: one is */
        struct sal_history history;
};

/* The machine that asks. */
struct sal_asker {
        const char *machine_id;
        const char *pin; /* "" or NULL for none */
        bool opt_out;
        bool anonymous; /* only campaigns whose last ring is open */
        enum sal_poll_reason reason;
        const struct sal_facts *facts;
        bool holds_unsettled;   /* an offer of any campaign is unsettled */
        bool stale_boot;        /* a newer boot of this machine is known: nothing new is offered to an older one */
        bool applied_this_boot; /* an offer in state applied was made to this boot */
        int repeat;             /* index of the candidate whose `offered` offer this machine holds, or -1 */
};

struct sal_answer {
        enum sal_directive directive;
        enum sal_reason reason;
        int candidate; /* the campaign that the answer is about, or -1 */
        size_t ring;   /* of this machine there */
        bool offer;    /* true: a new offer is to be made; with reason OFFERED and false: repeat the one it holds */
        bool old_boot; /* with reason IN_FLIGHT_CAP: asked from an older boot, so it is next for nothing */
};

/* Whether the campaign is for this machine at all: match, drill against reason, undoes. */
bool sal_candidate_matches(const struct sal_candidate *candidate, const struct sal_asker *asker);

/* The reason of one matching campaign alone; OFFERED means that it can offer now. */
enum sal_reason sal_candidate_reason(const struct sal_candidate *candidate, const struct sal_asker *asker,
                                     int64_t now_ms, size_t *ret_ring);

/* Candidates must be sorted by rank (priority, then the earlier start). */
struct sal_answer sal_answer(bool kill_switch, const struct sal_asker *asker, const struct sal_candidate *candidates,
                             size_t count, int64_t now_ms);

/* True when attempts of this campaign are left, so that its ATTEMPTS_EXHAUSTED is only about the boot that asks. */
bool sal_candidate_retries(const struct sal_candidate *candidate);

/* The sentence for the person in front of the machine that got this answer, of these candidates. An unlisted campaign
 * and one that leaves the machine out have the reason RING_NOT_OPEN, one between its windows has NOT_YET_VALID, one
 * that failed in this boot ATTEMPTS_EXHAUSTED, and each has a sentence of its own. What is returned is constant, or
 * stands in `text`. */
enum { SAL_ANSWER_SENTENCE_BYTES = 160 };
const char *sal_answer_sentence(const struct sal_answer *answer, const struct sal_candidate *candidates,
                                char text[static SAL_ANSWER_SENTENCE_BYTES]);

#endif
