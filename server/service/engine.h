/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine: the live campaigns in memory, as the ledger's thread needs them to decide: parsed campaign, tally, clocks and
 * counts. It can be rebuilt from the ledger at any time, and is after every rollback.
 *
 * Private to service/. Thread: the ledger's. Ownership: the engine owns its campaigns; rows hold no bytes of payloads.
 */
#ifndef SAL_SERVICE_ENGINE_H
#define SAL_SERVICE_ENGINE_H

#include "rollout/decision.h"
#include "service/service.h"

/* Something to tell after the commit. */
struct sal_note {
        struct sal_note *next;
        const char *event; /* static text */
        char campaign[SAL_CAMPAIGN_ID_BYTES];
        int64_t version;
        char text[256];
};

/* One live campaign (active, paused, halted, completed). */
struct sal_live {
        struct sal_campaign_row row;
        struct sal_launch *launch;
        struct sal_tally *tally;
        struct sal_limits *limits; /* what operators lay on it beyond the plan; NULL: nothing */
        /* Known machines that match by their stored facts and wait, by ring (see population.c): of no held cohort, and
         * in their present incarnation without an offer of this version but recalled ones. */
        int64_t waiting[SAL_PLAN_MAX_RINGS];
        int64_t unoffered;        /* known machines that match and were never offered this version, held cohorts too */
        int64_t machines_touched; /* distinct machines that were ever offered this version */
        int64_t reached_touched;  /* of those, known ones within `only` of the limits; used while these narrow */
        int64_t known_before;     /* while the fleet is counted again: how many were known to match until then */
        int64_t scan_row;         /* machines up to this row are in `waiting` */
        bool scan_done;
        int64_t excluded_unsettled;        /* unsettled offers of cohorts held in this period: outside the pace */
        int64_t anonymous_unsettled;       /* of anonymous machines: outside the pace */
        int64_t next_due_served_ms;        /* earliest timer, -1: none, -2: to be looked up */
        bool dirty;                        /* row differs from the ledger */
        bool review;                       /* advance, open or complete may be possible */
        bool early;                        /* nobody could take an offer when it was looked at last, */
        bool stands;                       /* neither patience nor quiet ran then, */
        int64_t looked_served_ms;          /* campaign's served time of that look; -1: none yet */
        int64_t stood_ms;                  /* of the time since then, what last_take_served_ms has still to follow */
        char barred[SAL_ERR_DETAIL_BYTES]; /* why the trust policy does not allow it any more; "" when it does */
        bool judge_whole; /* the halt rule could not be asked after some event: next time about everything */
};

struct sal_engine {
        struct sal_service *service;
        /* By rank. Withdrawn and expired campaigns stay here, behind no snapshot, while offers of theirs are unsettled.
         */
        size_t count, capacity;
        struct sal_live **live;
        bool kill_switch;
        char kill_reason[SAL_REASON_TEXT_MAX_BYTES + 1];
        int64_t next_start_order;
        int64_t anonymous_unsettled;
        /* Served time: milliseconds during which the daemon was ready. */
        int64_t served_base_ms;  /* as of mono_base_ms */
        int64_t mono_base_ms;    /* -1: not ready, served time stands still */
        int64_t served_saved_ms; /* newest value on disk */
        bool filter_filled;      /* the filter holds every machine that it must; it never forgets one */
        bool publish;            /* the snapshot has to be made anew after the commit */
        bool changed;            /* rings, gates or states changed: held polls want to know */
        enum sal_status begun;   /* of the work at the beginning of this batch */
        size_t first_turn;       /* whose turn it is first at the beginning of the next one: an index into live */
        atomic_bool ready_wanted;
        struct sal_note *notes; /* told to on_event after the commit, oldest first */
        struct sal_note **notes_end;
};

/* ---- engine.c ---- */
/* Loads everything from the ledger into a fresh engine (for start and after a rollback). */
enum sal_status sal_engine_load(struct sal_engine *engine, struct sal_tx *tx);
void sal_engine_clear(struct sal_engine *engine);
/* Writes what changed in memory: rows, tallies, served time. */
enum sal_status sal_engine_save(struct sal_engine *engine, struct sal_tx *tx);
/* Publishes a snapshot when one is due; tells what happened. After a commit. */
void sal_engine_publish(struct sal_engine *engine);
struct sal_live *sal_engine_find(struct sal_engine *engine, const char *id, int64_t version);
struct sal_live *sal_engine_by_row(struct sal_engine *engine, int64_t campaign_row);
/* Puts a campaign that has just become live among the others. SAL_E_CONFLICT when there are 100, SAL_E_NOMEM. */
enum sal_status sal_engine_add(struct sal_engine *engine, struct sal_live *live, struct sal_err *reterr);
void sal_engine_remove(struct sal_engine *engine, struct sal_live *live);
struct sal_live *sal_live_new_take(const struct sal_campaign_row *row, struct sal_campaign *campaign, char *envelope,
                                   size_t envelope_len);
void sal_live_free(struct sal_live *live);
/* Reads the limits that are kept beside the campaign. SAL_E_CORRUPT when they are none. */
enum sal_status sal_live_load_limits(struct sal_tx *tx, struct sal_live *live);
/* Queues an event for the log, told after the commit. */
void sal_engine_note(struct sal_engine *engine, const char *event, const struct sal_campaign_row *row,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- served.c ---- */
int64_t sal_engine_served_ms(const struct sal_engine *engine, const struct sal_tx *tx);
/* The campaign's own served time; stands still while it is paused or the kill switch is on. */
int64_t sal_live_served_ms(const struct sal_engine *engine, const struct sal_live *live, const struct sal_tx *tx);
/* Lets the campaign's clock stand or run, as its state and the kill switch ask. */
void sal_live_set_clock(struct sal_engine *engine, struct sal_live *live, struct sal_tx *tx);

/* ---- decide.c: decisions, each journaled where it is made ---- */
/* evidence NULL: the totals of now. Returns the journal's seq in *ret_seq (may be NULL). */
enum sal_status sal_decide(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                           const struct sal_decision *decision, int64_t *ret_seq);
/* Journals a decision about the server as a whole or about a campaign that is not live. */
enum sal_status sal_decide_row(struct sal_tx *tx, const struct sal_campaign_row *row,
                               const struct sal_decision *decision, int64_t *ret_seq);
/* Journals the state that the campaign is in now. */
enum sal_status sal_journal_state(struct sal_tx *tx, const struct sal_campaign_row *row);
/* Changes the campaign's state by the table and journals it, a start with everything that a replay needs to know;
 * SAL_E_CONFLICT (ref: the state) when it is not allowed. */
enum sal_status sal_live_act(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                             enum sal_campaign_act act, struct sal_err *reterr);
/* Halts: state, decision, and every offered offer is recalled (see recall.c). by_engine: a later resume has to quote it
 * and halves the error. */
enum sal_status sal_live_halt(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live, bool by_engine,
                              const struct sal_decision *decision);
/* Leaves the live ones: withdrawn or expired. */
enum sal_status sal_live_end(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                             enum sal_campaign_act act, const struct sal_decision *decision, struct sal_err *reterr);
/* Advances as far as the evidence allows. To be asked after every event of the campaign: an offer, an outcome (once the
 * halt rule has been asked), an operator's decision. */
enum sal_status sal_live_advance(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live);
/* Patience and quiet begin anew: an operator's limits reach other machines from here on. */
void sal_live_lull_anew(const struct sal_engine *engine, const struct sal_tx *tx, struct sal_live *live);
/* False before not_before, until the published list names the campaign, and outside of an operator's windows: then
 * nobody can take an offer. Neither patience nor quiet runs while this is so, nor while sal_course_limited. */
bool sal_live_takeable(const struct sal_engine *engine, const struct sal_live *live, int64_t now_ms);
/* What time and the fleet allow: opens, completes, and advances where a limit held it back. Once a batch. */
enum sal_status sal_live_review(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live);
/* Opens the next ring or begins the next stage because an operator asks (manual_advance). */
enum sal_status sal_live_advance_by(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                    const char *operator_name, const char *reason);

/* ---- pace.c: where a campaign stands, as the rollout's questions want it ---- */
/* now_ms: unix_ms; the pace does not look at it. */
struct sal_course sal_live_course(const struct sal_engine *engine, const struct sal_live *live, int64_t now_ms);
struct sal_lull sal_live_lull(const struct sal_engine *engine, const struct sal_tx *tx, const struct sal_live *live);
/* Known machines that it is for: within the limits where these narrow. */
int64_t sal_live_known_matching(const struct sal_live *live);
int64_t sal_live_in_flight(const struct sal_live *live);
/* Campaign's served time from which quiet counts: the newest offer taken, or last unsettled one settled, or machine
 * told to wait for room. */
int64_t sal_live_quiet_since_ms(const struct sal_live *live);
/* Quiet begins anew: somebody waits for room, or the last unsettled offer has just settled. */
void sal_live_note_busy(const struct sal_engine *engine, const struct sal_tx *tx, struct sal_live *live);
/* The cap of offers in flight, limits included, and whether it lets one be made now. */
double sal_live_cap(const struct sal_engine *engine, const struct sal_live *live);
bool sal_live_room(const struct sal_engine *engine, const struct sal_live *live);
/* Opens or shuts the gate of new offers. */
void sal_live_gate(struct sal_engine *engine, struct sal_live *live);

/* ---- recall.c: offers that are taken back ---- */
/* Every offer of the campaign in state `offered` is recalled from here on. The rows follow piece by piece, a million of
 * them must not hold the ledger; whoever touches one before its piece comes settles it first (sal_machine_settle does).
 */
enum sal_status sal_live_recall(struct sal_tx *tx, struct sal_live *live, enum sal_cause cause);
/* The next piece. live->row.recall_row is 0 once nothing is left. */
enum sal_status sal_live_recall_piece(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live);
/* True when the offer is recalled though its row does not say so yet; *ret_cause says why. */
bool sal_offer_recall_due(const struct sal_engine *engine, const struct sal_offer *offer, enum sal_cause *ret_cause);
/* Shows such an offer as what it is, without writing: for lists and explanations. */
void sal_offer_show_recalled(const struct sal_engine *engine, struct sal_offer *offer);
/* Recalls what is due of one machine, so that its poll finds the truth. */
enum sal_status sal_machine_recall_due(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine);
/* Recalls what the machine holds. `applied` offers stay: they run to their end in every case. To be called while the
 * machine is taken out of the population (between forget and count). */
enum sal_status sal_machine_recall(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                   enum sal_cause cause);

/* ---- settle.c: offers ---- */
/* One event for one offer: changes it by the table, keeps every sum, journals it, and asks the halt rule and, after it,
 * for advance. A recall gives its cause. *ret_changed false: the event came too late to change anything. */
enum sal_status sal_offer_settle(struct sal_engine *engine, struct sal_tx *tx, struct sal_offer *offer,
                                 const char *machine_id, enum sal_offer_event event, enum sal_cause recall_cause,
                                 bool *ret_changed);
/* The same, and the machine's standing follows (back, needs hands, …); the machine's row is written when it changes. An
 * offer whose recall is due is recalled first. A recall keeps the population right: not to be called for one while the
 * machine is taken out of it. */
enum sal_status sal_machine_settle(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                   struct sal_offer *offer, enum sal_offer_event event, enum sal_cause recall_cause,
                                   bool *ret_changed);
/* The timer that the offer's state asks for. */
void sal_offer_set_timer(const struct sal_plan *plan, struct sal_offer *offer);
/* A recall of a machine that is taken out of the population. */
enum sal_status sal_machine_take_back(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                      struct sal_offer *offer, enum sal_cause cause);
/* Works off due timers (deadlines, soaks), bounded; *ret_more: some are left. */
enum sal_status sal_offers_due(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live, bool *ret_more);

/* ---- offering.c ---- */
/* Makes a new offer to a machine. */
enum sal_status sal_offer_make(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                               const struct sal_machine *machine, const struct sal_facts *facts, size_t ring,
                               const char *boot_id, bool can_healthy, struct sal_offer *ret);

/* ---- population.c ---- */
/* Keeps `waiting` right: forget before a machine or its offers change, count after. facts may be NULL: then they are
 * parsed from the machine's text. */
enum sal_status sal_population_forget(struct sal_engine *engine, struct sal_tx *tx, const struct sal_machine *machine);
enum sal_status sal_population_count(struct sal_engine *engine, struct sal_tx *tx, const struct sal_machine *machine);
/* Counts a further piece of the fleet; *ret_more: some is left. */
enum sal_status sal_population_scan(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                    bool *ret_more);
void sal_population_restart(struct sal_live *live);
/* The same as forget and count, of one campaign, when only an offer of it changes. */
enum sal_status sal_population_forget_one(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                          const struct sal_machine *machine);
enum sal_status sal_population_count_one(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live,
                                         const struct sal_machine *machine);

/* ---- hooks.c ---- */
extern const struct sal_ledger_hooks sal_service_hooks;

#endif
