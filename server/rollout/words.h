/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words: why a machine gets a fix or does not, in one sentence for an operator who is tired. Everything the sentence
 * tells is an argument; the numbers are the ones that the answer rests on. What machines and operators said is quoted
 * as model/quote.h has it, and cut: a sentence has some hundred bytes.
 *
 * Pure: no I/O, no clock. Thread: any. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_ROLLOUT_WORDS_H
#define SAL_ROLLOUT_WORDS_H

#include "rollout/answer.h"
#include "rollout/prospect.h"

enum { SAL_WORDS_QUOTED_BYTES = 120, SAL_WORDS_STALE_SECONDS = 86400 };

/* One offer of the machine. */
struct sal_words_offer {
        const char *id;       /* "o12" */
        const char *campaign; /* id */
        int64_t version;
        int64_t attempt;
        enum sal_offer_state state;
        enum sal_cause cause;
        int64_t made_ms, applied_ms, settled_ms; /* unix_ms; 0: not yet */
        bool soaks;                              /* due: succeeds then; else it is silent then */
        int64_t due_ms;                          /* unix_ms; 0: no timer, or the campaign's time stands still */
};

/* The decision because of which a campaign or a cohort stands still. */
struct sal_words_decision {
        const char *id;            /* "d41" */
        const char *rule;          /* "6.3", "supersedes", … */
        const char *operator_name; /* NULL: the engine */
        const char *reason;        /* an operator's words, or NULL */
        int64_t at_ms;             /* unix_ms */
        int64_t offered, failed, silent;
        double ln_e, bound;
};

/* One campaign and one machine. */
struct sal_why {
        const struct sal_candidate *candidate;
        const struct sal_asker *asker;
        struct sal_answer answer; /* were this campaign the only one */
        bool matches;             /* sal_candidate_matches */
        int64_t now_ms;           /* unix_ms */

        const struct sal_selector_why *mismatch; /* what of `match` says no; NULL: none of it */
        const struct sal_words_offer *own;       /* its newest offer of this version, NULL: none */
        const struct sal_words_offer *holds;     /* the unsettled offer that it holds, of whatever campaign, or NULL */
        const struct sal_words_decision *decision; /* that paused, halted or held; NULL: not known */
        const char *cohort;                        /* "fact=value" that is held, or NULL */
        const char *barred;                        /* why the trust policy does not allow it, or NULL */

        struct sal_prospect prospect;
        int64_t in_flight, known_matching;
        double cap, excess;     /* X */
        int64_t anonymous_room; /* offers left for machines without a credential */
        int64_t waiting_open;   /* known matching machines of the open rings without an offer */
        bool fleet_counted;
        int64_t idle_seconds; /* served time since an offer was last taken or a ring opened */

        int64_t ring_opens_ms; /* by an operator's limit the next ring opens then (unix_ms) at the earliest; INT64_MIN:
                                * at any time */
        bool cap_is_limited;   /* the cap is an operator's */
        bool limited;          /* sal_course_limited: only evidence opens a ring */
};

/* Appends the sentence, with its full stop. */
void sal_why_sentence(const struct sal_why *why, struct sal_buf *out);

/* The answer over all campaigns. */
struct sal_why_all {
        struct sal_answer answer;
        const struct sal_why *campaigns; /* by rank */
        size_t count;
        const char *kill_reason; /* "" for none */
};
/* Appends the sentence that answers "why is this machine (not) getting it". */
void sal_why_headline(const struct sal_why_all *all, struct sal_buf *out);

/* Appends what weakens the explanation: facts that are missing or older than SAL_WORDS_STALE_SECONDS. Nothing: they are
 * fresh. last_seen_ms 0: it never polled. Returns whether something was appended. */
bool sal_why_facts_note(bool has_facts, int64_t last_seen_ms, int64_t now_ms, struct sal_buf *out);

#endif
