/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin plane: what operators may ask for and do. Every function is one use case, validates before it writes, and gives
 * its answer as JSON.
 *
 * Thread: the ledger's, inside a job. Ownership: *ret is a new reference, set on success only; raw bytes are malloc'ed.
 * Errors everywhere: those of the store (SAL_E_IO …), SAL_E_NOMEM; others where said.
 */
#ifndef SAL_SERVICE_ADMIN_H
#define SAL_SERVICE_ADMIN_H

#include "service/service.h"

/* Who acts, in which transaction. */
struct sal_act {
        struct sal_service *service;
        struct sal_tx *tx;
        const char *operator_name;
        bool *keeps; /* set when a refusal leaves something written all the same (a grant is used up) */
};

/* A page of a list: limit 1..1000, cursor as a former answer gave it ("" : from the start). */
struct sal_page {
        unsigned limit;
        const char *cursor;
};

/* Bytes with their length. */
struct sal_bytes {
        char *data;
        size_t len;
};

/* ---- drafts (drafts.c) ---- */

/* Keeps the payload's exact bytes. Errors: those of sal_campaign_parse, SAL_E_INVALID for another trust domain,
 * SAL_E_CONFLICT when id and version exist. */
enum sal_status sal_draft_create(const struct sal_act *act, const char *bytes, size_t len, json_t **ret,
                                 struct sal_err *reterr);
/* Replaces a draft and drops its signatures. SAL_E_CONFLICT once it was started. */
enum sal_status sal_draft_replace(const struct sal_act *act, const char *id, int64_t version, const char *bytes,
                                  size_t len, json_t **ret, struct sal_err *reterr);
enum sal_status sal_draft_delete(const struct sal_act *act, const char *id, int64_t version, struct sal_err *reterr);
/* Adds a signature: it must verify (SAL_E_UNTRUSTED) with a key that may sign these actions (SAL_E_FORBIDDEN). */
enum sal_status sal_draft_sign(const struct sal_act *act, const char *id, int64_t version, const json_t *body,
                               json_t **ret, struct sal_err *reterr);

/* ---- reading campaigns (campaign_views.c) ---- */

enum sal_status sal_campaign_list(const struct sal_act *act, const struct sal_page *page, json_t **ret,
                                  struct sal_err *reterr);
enum sal_status sal_campaign_show(const struct sal_act *act, const char *id, int64_t version, json_t **ret,
                                  struct sal_err *reterr);
enum sal_status sal_campaign_payload(const struct sal_act *act, const char *id, int64_t version, struct sal_bytes *ret,
                                     struct sal_err *reterr);
/* The frozen envelope, or the one that the present signatures make. */
enum sal_status sal_campaign_envelope(const struct sal_act *act, const char *id, int64_t version, struct sal_bytes *ret,
                                      struct sal_err *reterr);
enum sal_status sal_campaign_decisions(const struct sal_act *act, const char *id, int64_t version,
                                       const struct sal_page *page, json_t **ret, struct sal_err *reterr);
/* state: a name of an offer's state, or NULL. */
enum sal_status sal_campaign_offers(const struct sal_act *act, const char *id, int64_t version, const char *state,
                                    const struct sal_page *page, json_t **ret, struct sal_err *reterr);
/* A short form for lists and the export; live may be NULL. A new reference. */
struct sal_live;
json_t *sal_campaign_view(const struct sal_act *act, const struct sal_campaign_row *row, const struct sal_live *live,
                          const struct sal_campaign *campaign, bool whole);

/* ---- life cycle (lifecycle.c) ---- */

enum sal_life_act {
        SAL_LIFE_START,
        SAL_LIFE_PAUSE,
        SAL_LIFE_RESUME,
        SAL_LIFE_ADVANCE,
        SAL_LIFE_HALT,
        SAL_LIFE_WITHDRAW
};
/* body: {"reason", "acknowledge"?, "cohort"?}. Errors: SAL_E_CONFLICT (ref: the state, or the id of what forbids it),
 * SAL_E_ACKNOWLEDGE (ref: the decision to quote), SAL_E_INVALID. */
enum sal_status sal_campaign_life(const struct sal_act *act, enum sal_life_act what, const char *id, int64_t version,
                                  const json_t *body, json_t **ret, struct sal_err *reterr);

/* ---- fleet (fleet.c, explain.c) ---- */

struct sal_machine_filter {
        const char *ring;  /* pinned to it; NULL: any */
        const char *state; /* a standing, or NULL */
        size_t fact_count; /* stored facts that must be equal (as selectors compare) */
        const char *fact_names[8], *fact_values[8];
};
enum sal_status sal_fleet_list(const struct sal_act *act, const struct sal_machine_filter *filter,
                               const struct sal_page *page, json_t **ret, struct sal_err *reterr);
enum sal_status sal_fleet_show(const struct sal_act *act, const char *machine_id, json_t **ret, struct sal_err *reterr);
/* body: {"pin": ring or null, "opt_out": bool, "labels": {…}}, each optional. */
enum sal_status sal_fleet_change(const struct sal_act *act, const char *machine_id, const json_t *body, json_t **ret,
                                 struct sal_err *reterr);
enum sal_status sal_fleet_delete(const struct sal_act *act, const char *machine_id, struct sal_err *reterr);
/* One line of an import: {"machine_id", "facts"?, "pin"?, "opt_out"?, "labels"?}. The check needs no transaction and
 * may run on any thread; a line that passes it can be imported. *ret_new: the machine was unknown. */
enum sal_status sal_fleet_import_check(const json_t *line, struct sal_err *reterr);
enum sal_status sal_fleet_import(const struct sal_act *act, const json_t *line, bool *ret_new, struct sal_err *reterr);
enum sal_status sal_fleet_explain(const struct sal_act *act, const char *machine_id, json_t **ret,
                                  struct sal_err *reterr);
/* How many known machines match, by ring, with a sample. Looks at up to 2,000 machines per call; "next_cursor" goes
 * on. */
enum sal_status sal_campaign_preview(const struct sal_act *act, const char *id, int64_t version,
                                     const struct sal_page *page, json_t **ret, struct sal_err *reterr);

/* ---- settings (settings.c) ---- */

enum sal_status sal_rings_show(const struct sal_act *act, json_t **ret, struct sal_err *reterr);
enum sal_status sal_rings_put(const struct sal_act *act, const json_t *body, json_t **ret, struct sal_err *reterr);
enum sal_status sal_kill_switch_show(const struct sal_act *act, json_t **ret, struct sal_err *reterr);
enum sal_status sal_kill_switch_put(const struct sal_act *act, const json_t *body, json_t **ret,
                                    struct sal_err *reterr);
enum sal_status sal_tokens_list(const struct sal_act *act, const struct sal_page *page, json_t **ret,
                                struct sal_err *reterr);
/* body: {"uses"?, "machine_id"?, "expires_in_seconds"?, "reenroll"?, "reimaged"?}; the answer shows the token once. */
enum sal_status sal_tokens_create(const struct sal_act *act, const json_t *body, json_t **ret, struct sal_err *reterr);
enum sal_status sal_tokens_delete(const struct sal_act *act, const char *token_id, struct sal_err *reterr);
/* True when making such a token needs a grant: over 100 uses, or reenroll. */
bool sal_tokens_need_grant(const json_t *body);

/* ---- elevation (elevate.c) ---- */

/* body: {"method","path","body_sha256","reason"} -> {"id","challenge","expires"}. SAL_E_TOO_MANY over 16 open ones. */
enum sal_status sal_elevation_open(const struct sal_act *act, const json_t *body, json_t **ret, struct sal_err *reterr);
/* Consumes the grant that the header names, for exactly this request of this operator. header NULL or anything that
 * does not hold: SAL_E_ELEVATION. The grant is gone afterwards, whether the proof held or not. spki: the client
 * certificate's key. */
enum sal_status sal_elevation_use(const struct sal_act *act, const char *header, const char *method, const char *path,
                                  const char body_sha256[static 65], const uint8_t *spki, size_t spki_len,
                                  struct sal_err *reterr);

/* ---- export (export.c) ---- */

enum sal_status sal_export(const struct sal_act *act, json_t **ret, struct sal_err *reterr);
/* Appends NDJSON; at most limit events (1..1000). *ret_last: newest seq that was written. */
enum sal_status sal_export_events(const struct sal_act *act, int64_t after, unsigned limit, struct sal_buf *out,
                                  int64_t *ret_last, struct sal_err *reterr);

/* ---- artifacts (artifacts.c); their bytes are files under state_dir/artifacts/ ---- */

/* "<state_dir>/artifacts/<sha256>"; any thread. To be freed with free. */
char *sal_artifact_path(const struct sal_service *service, const char *sha256);
enum sal_status sal_artifact_known(const struct sal_act *act, const char *sha256, int64_t *ret_length,
                                   struct sal_err *reterr);
enum sal_status sal_artifact_add(const struct sal_act *act, const char *sha256, int64_t length, json_t **ret,
                                 struct sal_err *reterr);
/* SAL_E_CONFLICT while a live campaign refers to it (ref: its id). The file is removed by the caller after the commit.
 */
enum sal_status sal_artifact_drop(const struct sal_act *act, const char *sha256, struct sal_err *reterr);
enum sal_status sal_artifact_list(const struct sal_act *act, const struct sal_page *page, json_t **ret,
                                  struct sal_err *reterr);

/* ---- trust (trust_admin.c) ---- */

struct sal_trust_text;

/* {"trust_domain","roles","policy","publication","not_allowed","warnings"}. */
enum sal_status sal_trust_show(const struct sal_act *act, json_t **ret, struct sal_err *reterr);
/* Brings up to date, in an answer of these functions, what publishing has changed since. Any thread, once the service
 * publishes. */
void sal_trust_show_published(struct sal_service *service, json_t *view, int64_t now_ms);
/* Puts the next root in force, with targets and policy when they are given (else NULL); the answer is sal_trust_show's.
 * Errors: those of sal_trust_store_with_root. */
enum sal_status sal_trust_put_root(const struct sal_act *act, const struct sal_trust_text *root,
                                   const struct sal_trust_text *targets, const struct sal_trust_text *policy,
                                   json_t **ret, struct sal_err *reterr);
/* The same for targets with their policy. Errors: those of sal_trust_store_with_targets. */
enum sal_status sal_trust_put_targets(const struct sal_act *act, const struct sal_trust_text *targets,
                                      const struct sal_trust_text *policy, json_t **ret, struct sal_err *reterr);

/* Journals an administrator's act: {"operator","act","detail"?…}. more: further members (stolen), or NULL. */
enum sal_status sal_journal_admin(const struct sal_act *act, const char *what, const char *campaign, int64_t version,
                                  const char *machine_id, json_t *more_take);

#endif
