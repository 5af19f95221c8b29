/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store: what the ledger holds, as typed rows and the few ways to read and write them. No SQL and no row type of SQLite
 * leaves this room.
 *
 * Thread: the ledger's, inside a job or hook (struct sal_tx). Ownership: `_get` fills a row that the caller releases
 * with its `_done`; rows given to a callback are borrowed for the call. A callback that returns false ends the walk; it
 * may call every function of this header, and change the row that it was given.
 * Errors of every write: SAL_E_IO, SAL_E_CORRUPT, SAL_E_NOMEM; they mark the batch as failed (it will be rolled back).
 * Errors of every read: the same, and SAL_E_NOT_FOUND where said.
 */
#ifndef SAL_LEDGER_STORE_H
#define SAL_LEDGER_STORE_H

#include "ledger/ledger.h"
#include "model/campaign.h"
#include "model/event.h"

#include <stddef.h>

/* ---- settings: small texts by name ---- */

/* *ret is malloc'ed. SAL_E_NOT_FOUND. */
enum sal_status sal_setting_get(struct sal_tx *tx, const char *name, char **ret);
enum sal_status sal_setting_get_int(struct sal_tx *tx, const char *name, int64_t *inout); /* missing: stays as it was */
enum sal_status sal_setting_put(struct sal_tx *tx, const char *name, const char *value);
enum sal_status sal_setting_put_int(struct sal_tx *tx, const char *name, int64_t value);

/* ---- machines ---- */

/* Where a machine stands, as an operator sees it. */
enum sal_standing {
        SAL_STANDING_KNOWN,       /* never seen in recovery, or long ago */
        SAL_STANDING_RECOVERING,  /* polled for a boot failure; nothing for it */
        SAL_STANDING_WAITING,     /* told to wait */
        SAL_STANDING_OFFERED,     /* holds an unsettled offer */
        SAL_STANDING_BACK,        /* its newest offer succeeded */
        SAL_STANDING_NEEDS_HANDS, /* attempts exhausted, or its volume is locked */
        SAL_STANDINGS
};
const char *sal_standing_name(enum sal_standing standing);
int sal_standing_parse(const char *name); /* -1: none */

enum { SAL_EARLIER_BOOTS = 7 };

struct sal_machine {
        int64_t row; /* 0: not stored yet */
        char id[SAL_MACHINE_ID_BYTES];
        char pin[SAL_RING_NAME_BYTES]; /* "" for none */
        bool opt_out;
        bool deleted;        /* kept so that its old tokens stay refused */
        bool anonymous;      /* seen without a credential only */
        int64_t incarnation; /* from 1 */
        int64_t generation;  /* of its newest machine token; 0: it holds none */
        bool token_used;     /* the newest token was used at least once */
        enum sal_standing standing;
        char standing_reason[48];                                 /* slug, for needs_hands */
        int64_t first_seen_ms, last_seen_ms;                      /* unix_ms; 0: never (imported) */
        char boot_id[SAL_BOOT_ID_BYTES];                          /* of the newest poll; "" for none */
        char earlier_boots[SAL_EARLIER_BOOTS][SAL_BOOT_ID_BYTES]; /* before it, newest first; "" for none */
        char *facts;                                              /* JSON object text, malloc'ed; NULL: none */
        char *labels;                                             /* JSON object text, malloc'ed; NULL: none */
};
void sal_machine_done(struct sal_machine *machine);

enum sal_status sal_machine_get(struct sal_tx *tx, const char *id,
                                struct sal_machine *ret); /* SAL_E_NOT_FOUND; deleted ones are found */
enum sal_status sal_machine_get_row(struct sal_tx *tx, int64_t row, struct sal_machine *ret);
/* Sets machine->row. */
enum sal_status sal_machine_insert(struct sal_tx *tx, struct sal_machine *machine);
enum sal_status sal_machine_update(struct sal_tx *tx, const struct sal_machine *machine);
/* Up to `limit` machines with row > after, in order of row, deleted ones left out. standing -1: any. Prefix "" : any
 * id. */
enum sal_status sal_machine_each(struct sal_tx *tx, int64_t after, int standing, unsigned limit,
                                 bool (*each)(void *arg, const struct sal_machine *machine), void *arg);
/* Every machine about which the campaigns' snapshot alone cannot answer: pinned, opted out, deleted, generation over 1.
 */
enum sal_status sal_machine_each_special(struct sal_tx *tx, bool (*each)(void *arg, const char *id), void *arg);
/* How many stand where (deleted ones left out); the store keeps the sums, so this costs the same for any fleet. */
enum sal_status sal_machine_counts(struct sal_tx *tx, int64_t ret[static SAL_STANDINGS]);

/* ---- campaigns ---- */

struct sal_campaign_row {
        int64_t row; /* 0: not stored yet */
        char id[SAL_CAMPAIGN_ID_BYTES];
        int64_t version;
        enum sal_campaign_state state;
        char *payload; /* exact bytes, malloc'ed */
        size_t payload_len;
        char *envelope; /* frozen at start, malloc'ed; NULL before */
        size_t envelope_len;
        char digest[65]; /* hex SHA-256 of the DSSE signed bytes */
        char drafted_by[64];
        int64_t created_ms, started_ms; /* unix_ms; started 0: never */
        int64_t start_order;            /* rises with every start; 0: never */
        int64_t rings_open;             /* how many, from the first */
        int64_t period;                 /* counting period, from 1 */
        int64_t halts_resumed;          /* halts by the engine that were resumed */
        int64_t served_offset_ms;       /* campaign's served time = (stopped ? stopped : daemon's) - offset */
        int64_t served_stopped_ms;      /* daemon's served time at which it stands still; -1: it runs */
        int64_t last_take_served_ms;    /* campaign's served time of the newest offer taken or ring opened (patience,
                                         * quiet)
                                         */
        bool halted_by_engine;
        int64_t halt_decision; /* journal seq of the newest halt decision; 0: none */
        int64_t offers_made, unsettled, succeeded, failed, silent, not_applicable,
                recalled;            /* all offers, counted or not */
        int64_t last_busy_served_ms; /* the same at which the last unsettled offer settled, or a machine was told to
                                      * wait for room (quiet) */
        int64_t recall_row;          /* offers up to this row in state `offered` are recalled; 0: none is */
        enum sal_cause recall_cause; /* and why */
        int64_t fleet_known;         /* 1 when a machine was known to match when the fleet was counted after the
                                      * start, 0 when none was, -1 until then */
};
void sal_campaign_row_done(struct sal_campaign_row *row);

/* SAL_E_NOT_FOUND. with_bytes false leaves payload and envelope NULL. */
enum sal_status sal_campaign_row_get(struct sal_tx *tx, const char *id, int64_t version, bool with_bytes,
                                     struct sal_campaign_row *ret);
enum sal_status sal_campaign_row_get_row(struct sal_tx *tx, int64_t row,
                                         struct sal_campaign_row *ret);                   /* without bytes */
enum sal_status sal_campaign_row_insert(struct sal_tx *tx, struct sal_campaign_row *row); /* sets row->row */
/* Everything but id, version, created_ms and drafted_by. payload NULL keeps the stored bytes, envelope likewise. */
enum sal_status sal_campaign_row_update(struct sal_tx *tx, const struct sal_campaign_row *row);
enum sal_status sal_campaign_row_delete(struct sal_tx *tx, int64_t row);
/* Rows in order of (id, version) behind the cursor (after_id "" : from the start). */
enum sal_status sal_campaign_row_each(struct sal_tx *tx, const char *after_id, int64_t after_version, unsigned limit,
                                      bool with_bytes, bool (*each)(void *arg, const struct sal_campaign_row *row),
                                      void *arg);
/* With their bytes: the live ones, and ended ones that still have unsettled offers. */
enum sal_status sal_campaign_row_each_live(struct sal_tx *tx,
                                           bool (*each)(void *arg, const struct sal_campaign_row *row), void *arg);

/* Lets the clocks of ended campaigns (withdrawn, expired) stand still at the daemon's served time, or run on from
 * there: the relapse windows of what they did go by them. */
enum sal_status sal_campaign_ended_clocks(struct sal_tx *tx, bool stand, int64_t daemon_served_ms);

struct sal_signature_row {
        char keyid[65];
        char *sig; /* base64, malloc'ed or borrowed */
};
/* One per keyid: a repeated keyid is replaced. */
enum sal_status sal_signature_put(struct sal_tx *tx, int64_t campaign_row, const char *keyid, const char *sig_base64);
enum sal_status sal_signature_each(struct sal_tx *tx, int64_t campaign_row,
                                   bool (*each)(void *arg, const char *keyid, const char *sig_base64), void *arg);
enum sal_status sal_signature_delete_all(struct sal_tx *tx, int64_t campaign_row);

/* ---- offers ---- */

/* What an offer's timer will do. */
enum sal_due_kind { SAL_DUE_NONE, SAL_DUE_DEADLINE, SAL_DUE_SOAKED };

struct sal_offer {
        int64_t row; /* 0: not stored yet; on the wire "o<row>" */
        int64_t campaign_row;
        int64_t machine_row;
        int64_t attempt;     /* from 1 */
        int64_t incarnation; /* of the machine then */
        int64_t period;      /* of the campaign then */
        int64_t ring;        /* index of the machine's ring */
        enum sal_offer_state state;
        enum sal_cause cause;
        bool can_healthy; /* settles only by healthy */
        bool counted;
        bool excluded;     /* its cohort was held: in no sum */
        bool anonymous;    /* of a machine without a credential: in no test, under a limit of its own */
        bool offline;      /* an outcome that came without an offer: settled from the start, in no sum; never changes */
        bool late_applied; /* `applied` came after it had settled otherwise: prevents a second offer */
        char boot_id[SAL_BOOT_ID_BYTES];           /* of the poll that it answered */
        int64_t made_ms, applied_ms, settled_ms;   /* unix_ms; 0: not yet */
        int64_t made_served_ms, applied_served_ms; /* campaign's served time; applied -1: not yet */
        enum sal_due_kind due_kind;
        int64_t due_served_ms; /* campaign's served time; used unless due_kind is NONE */
        /* Slot in the tally, where counted. */
        int64_t slot_i, slot_o;
        int64_t stage; /* in which it was made, counted or not */
        /* Numbers of its cohort values, of later attempts too; an anonymous machine's offer has none. */
        size_t cohort_count;
        int cohorts[SAL_PLAN_MAX_COHORTS];
};

/* Sets offer->row (rows only ever rise) and indexes its cohorts. */
enum sal_status sal_offer_insert(struct sal_tx *tx, struct sal_offer *offer);
/* What may change: state, cause, excluded, late_applied, boot_id, applied_*, settled_ms, due_*. */
enum sal_status sal_offer_update(struct sal_tx *tx, const struct sal_offer *offer);
enum sal_status sal_offer_get(struct sal_tx *tx, int64_t row, struct sal_offer *ret); /* SAL_E_NOT_FOUND */
/* Every offer of a machine in one campaign, oldest first; campaign_row 0: in all campaigns, newest first, up to limit
 * (0: all). */
enum sal_status sal_offer_each_of_machine(struct sal_tx *tx, int64_t machine_row, int64_t campaign_row, unsigned limit,
                                          bool (*each)(void *arg, const struct sal_offer *offer), void *arg);
/* Offers of a campaign whose timer is due at or before served_ms, earliest first, up to limit. */
enum sal_status sal_offer_each_due(struct sal_tx *tx, int64_t campaign_row, int64_t served_ms, unsigned limit,
                                   bool (*each)(void *arg, const struct sal_offer *offer), void *arg);
/* The earliest timer of a campaign. SAL_E_NOT_FOUND when there is none. */
enum sal_status sal_offer_next_due(struct sal_tx *tx, int64_t campaign_row, int64_t *ret_served_ms);
/* The newest offer's row, of whatever campaign; 0: none was made yet. */
enum sal_status sal_offer_newest(struct sal_tx *tx, int64_t *ret_row);
/* Offers of a campaign with row > after, in order of row; state -1: any. */
enum sal_status sal_offer_each(struct sal_tx *tx, int64_t campaign_row, int64_t after, int state, unsigned limit,
                               bool (*each)(void *arg, const struct sal_offer *offer), void *arg);
/* Unsettled offers of a campaign in one state that are excluded or anonymous: few, and needed when the sums are loaded.
 */
enum sal_status sal_offer_each_special(struct sal_tx *tx, int64_t campaign_row, int state,
                                       bool (*each)(void *arg, const struct sal_offer *offer), void *arg);
/* Not excluded offers of a campaign and period that carry cohort j, counted or not. */
enum sal_status sal_offer_each_cohort(struct sal_tx *tx, int64_t campaign_row, int64_t period, int j,
                                      bool (*each)(void *arg, const struct sal_offer *offer), void *arg);
/* How many outcomes without an offer a campaign has. */
enum sal_status sal_offer_count_offline(struct sal_tx *tx, int64_t campaign_row, int64_t *ret);
/* Ids of all machines that hold any offer of a live campaign, and of those within relapse reach: for the offer filter.
 * An id may come more than once, and one out of reach may come too. */
enum sal_status sal_offer_each_live_machine(struct sal_tx *tx, bool (*each)(void *arg, const char *machine_id),
                                            void *arg);
/* Per ring: distinct machines with an offer, unsettled, succeeded, failed, not_applicable offers. rings <=
 * SAL_PLAN_MAX_RINGS. */
struct sal_ring_counts {
        int64_t machines, offered, unsettled, succeeded, failed, not_applicable;
};
enum sal_status sal_ring_counts_get(struct sal_tx *tx, int64_t campaign_row,
                                    struct sal_ring_counts ret[static SAL_PLAN_MAX_RINGS]);
/* The store keeps these sums by itself with each insert and update of an offer, those that are `offline` left out. A
 * machine counts in the ring of its first offer. */

/* Reports, kept for people; at most 16 per offer (a further one is dropped silently). log and actions may be NULL. */
struct sal_report_row {
        int64_t offer_row;
        int64_t at_ms;
        char stage[16];
        char boot_id[SAL_BOOT_ID_BYTES];
        bool accepted;
        const char *actions; /* JSON text */
        const char *log;     /* up to 16 KiB */
};
enum sal_status sal_report_insert(struct sal_tx *tx, const struct sal_report_row *report);
enum sal_status sal_report_each(struct sal_tx *tx, int64_t offer_row,
                                bool (*each)(void *arg, const struct sal_report_row *report), void *arg);

/* ---- limits: what operators lay on a campaign beyond its plan, as JSON text (model/limits.h) ---- */

enum { SAL_LIMITS_SET_BY_BYTES = 64 };

/* SAL_E_NOT_FOUND: none. *ret_json: malloc'ed. set_ms: unix_ms. */
enum sal_status sal_campaign_limits_get(struct sal_tx *tx, int64_t campaign_row, char **ret_json, int64_t *ret_set_ms,
                                        char ret_set_by[static SAL_LIMITS_SET_BY_BYTES]);
/* Puts them in the place of those before; json: 2..SAL_LIMITS_MAX_BYTES bytes, set_by: SAL_LIMITS_SET_BY_BYTES - 1 at
 * most. */
enum sal_status sal_campaign_limits_put(struct sal_tx *tx, int64_t campaign_row, const char *json, int64_t set_ms,
                                        const char *set_by);
/* Takes them away; it is no failure when there are none. */
enum sal_status sal_campaign_limits_drop(struct sal_tx *tx, int64_t campaign_row);

/* ---- tally rows: key (campaign, kind, a, b), four numbers, a text ---- */

struct sal_tally_store_row {
        int kind;
        int64_t a, b;
        int64_t v[4];
        const char *text;
};
enum sal_status sal_tally_store_put(struct sal_tx *tx, int64_t campaign_row, const struct sal_tally_store_row *row);
enum sal_status sal_tally_store_each(struct sal_tx *tx, int64_t campaign_row,
                                     bool (*each)(void *arg, const struct sal_tally_store_row *row), void *arg);
enum sal_status sal_tally_store_clear(struct sal_tx *tx, int64_t campaign_row);

/* ---- journal: append-only, seq from 1 without gaps ---- */

struct sal_journal_entry {
        int64_t seq; /* set by append */
        int64_t at_ms;
        enum sal_journal_type type;
        const char *campaign;   /* NULL: none */
        int64_t version;        /* 0: none */
        const char *machine_id; /* NULL: none */
        int64_t offer_row;      /* 0: none */
        const char *ring;       /* NULL: none */
        enum sal_cause cause;
        const char *detail; /* JSON object text (a decision, or further members), or NULL */
};
enum sal_status sal_journal_append(struct sal_tx *tx, struct sal_journal_entry *entry);
enum sal_status sal_journal_each(struct sal_tx *tx, int64_t after, unsigned limit,
                                 bool (*each)(void *arg, const struct sal_journal_entry *entry), void *arg);
/* Decisions of a campaign (all versions when version is 0) with seq > after. */
enum sal_status sal_journal_each_decision(struct sal_tx *tx, const char *campaign, int64_t version, int64_t after,
                                          unsigned limit,
                                          bool (*each)(void *arg, const struct sal_journal_entry *entry), void *arg);
/* The newest decisions of one version of a campaign, up to limit (1 or more), the newest first. */
enum sal_status sal_journal_newest_decisions(struct sal_tx *tx, const char *campaign, int64_t version, unsigned limit,
                                             bool (*each)(void *arg, const struct sal_journal_entry *entry), void *arg);
int64_t sal_journal_seq(struct sal_tx *tx); /* newest; 0: empty */

/* ---- enrollment tokens ---- */

struct sal_enroll_token {
        int64_t row;                           /* on the wire "t<row>" */
        char hash[65];                         /* hex SHA-256 of the secret */
        char machine_id[SAL_MACHINE_ID_BYTES]; /* bound to it; "" for none */
        int64_t uses_max, uses;
        bool reenroll, reimaged;
        int64_t created_ms, expires_ms; /* unix_ms */
        char created_by[64];
};
enum sal_status sal_enroll_token_insert(struct sal_tx *tx, struct sal_enroll_token *token);
enum sal_status sal_enroll_token_find(struct sal_tx *tx, const char *hash,
                                      struct sal_enroll_token *ret);  /* SAL_E_NOT_FOUND */
enum sal_status sal_enroll_token_use(struct sal_tx *tx, int64_t row); /* uses + 1 */
enum sal_status sal_enroll_token_each(struct sal_tx *tx, int64_t after, unsigned limit,
                                      bool (*each)(void *arg, const struct sal_enroll_token *token), void *arg);
enum sal_status sal_enroll_token_delete(struct sal_tx *tx, int64_t row); /* SAL_E_NOT_FOUND */

/* ---- elevations ---- */

struct sal_elevation_row {
        char id[33];
        char challenge[65];
        char operator_name[64];
        char method[8];
        char path[256];
        char body_sha256[65];
        char reason[256];
        int64_t expires_ms;
        bool consumed;
};
enum sal_status sal_elevation_insert(struct sal_tx *tx, const struct sal_elevation_row *row);
enum sal_status sal_elevation_get(struct sal_tx *tx, const char *id,
                                  struct sal_elevation_row *ret); /* SAL_E_NOT_FOUND */
enum sal_status sal_elevation_consume(struct sal_tx *tx, const char *id);
/* Drops what expired before now_ms; returns how many of operator_name are still open in *ret_open. */
enum sal_status sal_elevation_purge(struct sal_tx *tx, int64_t now_ms, const char *operator_name, int64_t *ret_open);

/* ---- artifacts (their bytes are files) ---- */

enum sal_status sal_artifact_put(struct sal_tx *tx, const char *sha256, int64_t length, int64_t at_ms);
enum sal_status sal_artifact_get(struct sal_tx *tx, const char *sha256, int64_t *ret_length); /* SAL_E_NOT_FOUND */
enum sal_status sal_artifact_each(struct sal_tx *tx, const char *after, unsigned limit,
                                  bool (*each)(void *arg, const char *sha256, int64_t length, int64_t at_ms),
                                  void *arg);
enum sal_status sal_artifact_delete(struct sal_tx *tx, const char *sha256); /* SAL_E_NOT_FOUND */

#endif
