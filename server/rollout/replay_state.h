/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a replay, shared by the files that make it: replay.c (events, campaigns), replay_offers.c (offers and
 * outcomes), replay_machines.c (whose first offer it is), replay_acts.c (states, acts of administrators),
 * replay_decisions.c (decisions) and replay_ask.c (what is due, and whether it is what the journal says). Nobody else
 * includes it.
 *
 * Thread and ownership: as in replay.h.
 */
#ifndef SAL_ROLLOUT_REPLAY_STATE_H
#define SAL_ROLLOUT_REPLAY_STATE_H

#include "base/encode.h"
#include "model/campaign.h"
#include "rollout/replay.h"

enum { REPLAY_BUCKETS = 1024, REPLAY_WORDS_BYTES = 768 };

/* One offer of a judged campaign: 96 bytes, and some 8 more for whose first one it is. */
struct replay_offer {
        int64_t row;
        uint64_t machine;  /* replay_machine of its id */
        uint32_t campaign; /* index */
        uint32_t period, incarnation;
        uint32_t i, o;
        uint8_t state, cause, ring, stage, cohort_count;
        bool counted;
        bool excluded; /* its cohort was held */
        bool anonymous;
        uint16_t cohorts[SAL_PLAN_MAX_COHORTS];
        uint32_t older[SAL_PLAN_MAX_COHORTS]; /* the next older offer of that cohort: index + 1, 0: none */
};

enum replay_standing {
        REPLAY_UNSTARTED,
        REPLAY_JUDGED,
        REPLAY_LOST,     /* a disagreement was found: nothing further is judged */
        REPLAY_UNJUDGED, /* its start is not among the events */
};

struct replay_campaign {
        struct replay_campaign *next; /* of its bucket */
        uint32_t index;
        char id[SAL_CAMPAIGN_ID_BYTES];
        int64_t version;
        enum replay_standing standing;
        enum sal_campaign_state state;
        int64_t offers, decisions, recomputed;
        char *what; /* its disagreement, NULL: none */
        int64_t what_seq, what_at_ms;
        bool born; /* a draft or ready among the events: then so is its start */

        /* From the start on. */
        struct sal_plan plan;
        struct sal_tally *tally;
        struct sal_limits *limits;
        bool drill;
        bool only_machines; /* the limits name machines, and no labels: an offer shows whether it keeps to them */
        int64_t not_before_ms, expires_ms;
        bool halted_by_engine;
        bool kill_switch;
        size_t rings_open;
        int halts_resumed;
        uint32_t period;
        /* Unsettled offers, and those among them that the pace leaves out. */
        int64_t unsettled, excluded_unsettled, anonymous_unsettled;
        /* By cause: so many offers (of all campaigns) had been made when it last took this one's back. */
        uint32_t recalls[SAL_CAUSES];
        uint32_t newest[SAL_COHORT_VALUES_MAX + 1]; /* offer of each cohort j of this period: index + 1, 0: none */

        /* A state that has come, and waits for the decision that says why. */
        bool acting;
        enum sal_campaign_state before;
        int64_t acting_seq;
        /* What has to come next; verdict NONE: nothing. */
        struct sal_evidence due;
        int64_t due_seq;
};

struct sal_replay {
        sal_replay_disagreement_fn *fn;
        void *fn_arg;
        int64_t first_seq, last_seq, last_at_ms;
        bool kill_switch; /* as far as the server's own events tell */
        struct replay_campaign *buckets[REPLAY_BUCKETS];
        struct replay_campaign **campaigns; /* in the order in which they came */
        size_t campaign_count, campaign_capacity;
        struct replay_offer *offers; /* rows only ever rise */
        size_t offer_count, offer_capacity;
        uint32_t *firsts; /* open addressing: the first offer of each machine, incarnation, campaign and period: index
                           * + 1, 0: free */
        size_t first_count, first_places; /* a power of two */
        struct sal_replay_sums sums;
        uint8_t digest[SAL_SHA256_BYTES];
};

/* ---- replay.c ---- */
/* The campaign disagrees with its journal here: tells it, and judges it no further. */
void replay_disagree(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Whether the start of a campaign must be among the events, if there was one: its beginning is. */
bool replay_knows_start(const struct sal_replay *replay, const struct replay_campaign *campaign);
/* Something of a rollout, and the start that would explain it was not there: told, or not judged. */
void replay_miss_start(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event);

/* ---- replay_offers.c ---- */
/* An offer was made; an offer changed. Errors: SAL_E_INVALID, SAL_E_NOMEM. */
enum sal_status replay_offer_made(struct sal_replay *replay, struct replay_campaign *campaign,
                                  const struct sal_event *event, struct sal_err *reterr);
enum sal_status replay_offer_changed(struct sal_replay *replay, struct replay_campaign *campaign,
                                     const struct sal_event *event, struct sal_err *reterr);
/* Takes the offers of cohort j out of the sums, its later attempts out of the pace. */
void replay_exclude(struct sal_replay *replay, struct replay_campaign *campaign, int cohort);
/* Unsettled offers that the pace counts. */
int64_t replay_in_flight(const struct replay_campaign *campaign);
/* From here on the campaign's offers are taken back for this cause. */
void replay_recall(const struct sal_replay *replay, struct replay_campaign *campaign, enum sal_cause cause);

/* ---- replay_machines.c ---- */
/* 64 bits of an id: that two machines of a fleet of millions share them does not happen by chance. */
uint64_t replay_machine(const char *machine_id);
/* Whether none of this machine, incarnation, campaign and period was noted yet. */
bool replay_is_first(const struct sal_replay *replay, const struct replay_offer *offer);
/* Notes offer number - 1, unless one stands there already. False without memory. */
bool replay_note_first(struct sal_replay *replay, uint32_t number);

/* ---- replay_acts.c, replay_decisions.c ---- */
/* A state, a decision, an administrator's act (campaign NULL: about the server). Errors: SAL_E_INVALID, SAL_E_NOMEM. */
enum sal_status replay_state(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                             struct sal_err *reterr);
enum sal_status replay_decision(struct sal_replay *replay, struct replay_campaign *campaign,
                                const struct sal_event *event, struct sal_err *reterr);
enum sal_status replay_admin(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                             struct sal_err *reterr);

/* ---- replay_ask.c ---- */
/* A decision as the journal has it. */
struct replay_said {
        const char *campaign, *verdict, *by, *rule;
        int64_t version, at_ms;
        const char *ring, *cohort; /* NULL: none */
        struct sal_evidence evidence;
        struct sal_json_at at; /* of the decision */
};
struct sal_course replay_course(const struct replay_campaign *campaign, int64_t now_ms);
/* What an event asks, as the engine does. Everything else cannot change an answer: only sums, states and the kill
 * switch can, and time, for what a limit holds back: that advance is due at no event. */
enum replay_question { REPLAY_ASK_ADVANCE, REPLAY_ASK_ALL };
/* Asks what has to come next, now. slot: what the halt rule is asked about; NULL: everything. */
void replay_ask(struct replay_campaign *campaign, const struct sal_event *event, enum replay_question question,
                const struct sal_slot *slot);
/* What is due, in words. */
void replay_due_words(const struct replay_campaign *campaign, char ret[static REPLAY_WORDS_BYTES]);
/* Holds what the journal says against what comes out. ring, cohort NULL: there must be none. False: they differ, and
 * the campaign is told to disagree. */
bool replay_compare(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                    const struct replay_said *said, const char *ring, const char *cohort,
                    const struct sal_evidence *evidence);
/* Checks what an opening or a completion rests on, by its `because`. False as above. *ret_status: SAL_E_INVALID when
 * it cannot be read. */
bool replay_because(struct sal_replay *replay, struct replay_campaign *campaign, const struct sal_event *event,
                    const struct replay_said *said, enum sal_status *ret_status, struct sal_err *reterr);

#endif
