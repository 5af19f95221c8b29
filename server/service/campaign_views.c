/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/limits.h"
#include "service/signing.h"
#include "service/views.h"

#include "base/clock.h"
#include "service/machine_plane.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

json_t *sal_view_time(int64_t unix_ms) {
        char text[SAL_TIME_BYTES];
        if (!unix_ms)
                return json_null();
        sal_time_format(unix_ms, text);
        return json_string(text);
}

json_t *sal_view_page(json_t *items_take, const char *next_cursor) {
        return json_pack("{s:o, s:s?}", "items", items_take, "next_cursor", next_cursor);
}

/* ---- one campaign ---- */

static json_t *rings_view(const struct sal_act *act, const struct sal_campaign_row *row, const struct sal_live *live,
                          const struct sal_plan *plan) {
        struct sal_ring_counts counts[SAL_PLAN_MAX_RINGS] = {0};
        json_t *rings = json_array();
        if (row->start_order && sal_ring_counts_get(act->tx, row->row, counts))
                return rings;
        for (size_t i = 0; i < plan->ring_count; i++) {
                json_t *ring =
                        json_pack("{s:s, s:f, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "name", plan->rings[i].name, "share",
                                  plan->rings[i].share, "open", (int)((int64_t)i < row->rings_open), "machines",
                                  (json_int_t)counts[i].machines, "offered", (json_int_t)counts[i].offered, "unsettled",
                                  (json_int_t)counts[i].unsettled, "succeeded", (json_int_t)counts[i].succeeded,
                                  "failed", (json_int_t)counts[i].failed, "not_applicable",
                                  (json_int_t)counts[i].not_applicable);
                if (live)
                        json_object_set_new(ring, "waiting", json_integer(live->waiting[i]));
                json_array_append_new(rings, ring);
        }
        return rings;
}

/* `offline` stands beside the sums, in none of them. */
static json_t *counts_view(const struct sal_act *act, const struct sal_campaign_row *row) {
        int64_t offline = 0;
        sal_offer_count_offline(act->tx, row->row, &offline);
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "offers", (json_int_t)row->offers_made,
                         "unsettled", (json_int_t)row->unsettled, "succeeded", (json_int_t)row->succeeded, "failed",
                         (json_int_t)row->failed, "silent", (json_int_t)row->silent, "not_applicable",
                         (json_int_t)row->not_applicable, "recalled", (json_int_t)row->recalled, "offline",
                         (json_int_t)offline);
}

static json_t *evidence_view(const struct sal_live *live) {
        struct sal_evidence totals;
        sal_tally_totals(live->tally, &totals);
        return json_pack("{s:I, s:I, s:I, s:f, s:f}", "offered", (json_int_t)totals.offered, "failed",
                         (json_int_t)totals.failed, "silent", (json_int_t)totals.silent, "ln_e", totals.ln_e, "bound",
                         totals.bound);
}

static void cohort_view(void *arg, const char *name, int j, int64_t offered, int64_t failed, int64_t silent, bool held,
                        double ln_e, double bound) {
        json_array_append_new(arg, json_pack("{s:s, s:i, s:b, s:I, s:I, s:I, s:f, s:f}", "cohort", name, "j", j, "held",
                                             (int)held, "offered", (json_int_t)offered, "failed", (json_int_t)failed,
                                             "silent", (json_int_t)silent, "ln_e", ln_e, "bound", bound));
}

static void held_view(void *arg, const char *name, int j, int64_t offered, int64_t failed, int64_t silent, bool held,
                      double ln_e, double bound) {
        if (held)
                cohort_view(arg, name, j, offered, failed, silent, held, ln_e, bound);
}

static void add_live(const struct sal_act *act, json_t *view, const struct sal_live *live, bool whole) {
        json_object_set_new(view, "stage",
                            json_string(live->launch->campaign->plan.rings[sal_tally_stage(live->tally)].name));
        json_object_set_new(view, "evidence", evidence_view(live));
        json_object_set_new(view, "cap", json_real(sal_live_cap(act->service->engine, live)));
        json_object_set_new(view, "in_flight", json_integer(sal_live_in_flight(live)));
        json_object_set_new(view, "known_matching", json_integer(sal_live_known_matching(live)));
        json_object_set_new(view, "counted", json_boolean(live->scan_done));
        /* What is stopped may stand in the published list for a moment longer: it counts as gone at once. */
        bool in_force = sal_campaign_in_force(live->row.state) && !act->service->engine->kill_switch;
        json_object_set_new(view, "listed", json_boolean(in_force && sal_service_lists(act->service, live->launch)));
        if (live->barred[0])
                json_object_set_new(view, "not_allowed", json_string(live->barred));
        json_t *held = json_array(), *cohorts = json_array();
        sal_tally_each_cohort(live->tally, held_view, held);
        json_object_set_new(view, "held_cohorts", held);
        if (whole)
                sal_tally_each_cohort(live->tally, cohort_view, cohorts);
        if (whole)
                json_object_set(view, "cohorts", cohorts);
        json_decref(cohorts);
}

static bool signature_view(void *arg, const char *keyid, const char *sig_base64) {
        (void)sig_base64;
        json_array_append_new(arg, json_pack("{s:s}", "keyid", keyid));
        return true;
}

static void name_signers(const struct sal_policy *policy, json_t *signatures) {
        size_t index;
        json_t *signature;
        json_array_foreach (signatures, index, signature) {
                const char *keyid = json_string_value(json_object_get(signature, "keyid"));
                for (size_t i = 0; i < sal_policy_author_count(policy); i++) {
                        struct sal_policy_author author = sal_policy_author(policy, i);
                        if (strcmp(sal_public_key_id(author.key), keyid) == 0)
                                json_object_set_new(signature, "name", json_string(author.name));
                }
        }
}

static void add_signing(const struct sal_act *act, const struct sal_campaign_row *row,
                        const struct sal_campaign *campaign, json_t *view) {
        json_t *signatures = json_array();
        struct sal_err missing = {0};
        if (sal_signature_each(act->tx, row->row, signature_view, signatures) == SAL_OK)
                name_signers(act->service->policy, signatures);
        json_object_set_new(view, "signatures", signatures);
        if (row->payload && sal_signatures_suffice(act, row, campaign, &missing))
                json_object_set_new(view, "missing", json_string(missing.detail));
}

json_t *sal_campaign_view(const struct sal_act *act, const struct sal_campaign_row *row, const struct sal_live *live,
                          const struct sal_campaign *campaign, bool whole) {
        char newest_halt[24];
        snprintf(newest_halt, sizeof newest_halt, "d%" PRId64, row->halt_decision);
        json_t *view =
                json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "id", row->id,
                          "version", (json_int_t)row->version, "state", sal_campaign_state_name(row->state), "title",
                          campaign->title, "digest", row->digest, "drafted_by", row->drafted_by, "priority",
                          (json_int_t)campaign->priority, "drill", (int)campaign->drill, "created_at",
                          sal_view_time(row->created_ms), "started_at", sal_view_time(row->started_ms), "not_before",
                          sal_view_time(campaign->not_before_ms), "expires", sal_view_time(campaign->expires_ms),
                          "rings", rings_view(act, row, live, &campaign->plan), "counts", counts_view(act, row));
        if (!view)
                return NULL;
        if (row->halt_decision)
                json_object_set_new(view, "halt_decision", json_string(newest_halt));
        json_object_set_new(view, "halts_resumed", json_integer(row->halts_resumed));
        if (live)
                add_live(act, view, live, whole);
        if (!whole)
                return view;
        json_object_set_new(view, "summary", json_string(campaign->summary));
        json_object_set_new(view, "plan", sal_plan_json(&campaign->plan));
        json_object_set_new(view, "limits", sal_campaign_limits_view(act, row));
        add_signing(act, row, campaign, view);
        sal_autobuf struct sal_buf words = SAL_BUF_INIT;
        sal_campaign_describe(campaign, &words);
        if (words.data)
                json_object_set_new(view, "in_words", json_string(words.data));
        return view;
}

/* The row as it is now: what the engine holds is newer than the disk within a transaction. */
static void refresh(const struct sal_live *live, struct sal_campaign_row *row) {
        if (!live)
                return;
        struct sal_campaign_row now = live->row;
        now.payload = row->payload;
        now.payload_len = row->payload_len;
        now.envelope = row->envelope;
        now.envelope_len = row->envelope_len;
        *row = now;
}

static enum sal_status get_row(const struct sal_act *act, const char *id, int64_t version, bool bytes,
                               struct sal_campaign_row *ret, struct sal_err *reterr) {
        enum sal_status status = sal_campaign_row_get(act->tx, id, version, bytes, ret);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is no campaign %s@%" PRId64, id, version);
        return status;
}

enum sal_status sal_campaign_show(const struct sal_act *act, const char *id, int64_t version, json_t **ret,
                                  struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        enum sal_status status = get_row(act, id, version, true, &row, reterr);
        if (!status)
                status = sal_campaign_parse(row.payload, row.payload_len, &campaign, reterr);
        if (!status) {
                struct sal_live *live = sal_engine_find(act->service->engine, id, version);
                refresh(live, &row);
                *ret = sal_campaign_view(act, &row, live, campaign, true);
                status = *ret ? SAL_OK : SAL_E_NOMEM;
        }
        sal_campaign_row_done(&row);
        return status;
}

enum sal_status sal_campaign_payload(const struct sal_act *act, const char *id, int64_t version, struct sal_bytes *ret,
                                     struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        enum sal_status status = get_row(act, id, version, true, &row, reterr);
        if (status)
                return status;
        ret->data = SAL_STEAL(row.payload);
        ret->len = row.payload_len;
        sal_campaign_row_done(&row);
        return SAL_OK;
}

enum sal_status sal_campaign_envelope(const struct sal_act *act, const char *id, int64_t version, struct sal_bytes *ret,
                                      struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        enum sal_status status = get_row(act, id, version, true, &row, reterr);
        if (status)
                return status;
        if (row.envelope) {
                ret->data = SAL_STEAL(row.envelope);
                ret->len = row.envelope_len;
        } else {
                status = sal_envelope_build(act, &row, ret);
        }
        sal_campaign_row_done(&row);
        return status;
}

/* ---- lists ---- */

struct list {
        const struct sal_act *act;
        json_t *items;
        unsigned count, limit;
        char cursor[128];
        enum sal_status status;
};

static bool list_campaign(void *arg, const struct sal_campaign_row *stored) {
        struct list *list = arg;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        list->status = sal_campaign_parse(stored->payload, stored->payload_len, &campaign, NULL);
        if (list->status)
                return false;
        struct sal_campaign_row row = *stored;
        struct sal_live *live = sal_engine_find(list->act->service->engine, row.id, row.version);
        refresh(live, &row);
        json_array_append_new(list->items, sal_campaign_view(list->act, &row, live, campaign, false));
        snprintf(list->cursor, sizeof list->cursor, "%s:%" PRId64, row.id, row.version);
        list->count++;
        return true;
}

/* "<id>:<version>", as the page before ended. */
static bool read_cursor(const char *cursor, char ret_id[static SAL_CAMPAIGN_ID_BYTES], int64_t *ret_version) {
        size_t len = strcspn(cursor, ":");
        size_t digits = cursor[len] ? strspn(cursor + len + 1, "0123456789") : 0;
        if (!len || len >= SAL_CAMPAIGN_ID_BYTES || digits < 1 || digits > 18 || cursor[len + 1 + digits])
                return false;
        memcpy(ret_id, cursor, len);
        ret_id[len] = '\0';
        *ret_version = strtoll(cursor + len + 1, NULL, 10);
        return sal_campaign_id_valid(ret_id);
}

enum sal_status sal_campaign_list(const struct sal_act *act, const struct sal_page *page, json_t **ret,
                                  struct sal_err *reterr) {
        enum { CAMPAIGNS_PER_PAGE = 100 }; /* each is parsed: a page may be shorter than asked for */
        char id[SAL_CAMPAIGN_ID_BYTES] = "";
        int64_t version = 0;
        if (page->cursor[0] && !read_cursor(page->cursor, id, &version))
                return sal_fail(reterr, SAL_E_INVALID, "this cursor is none of this list's");
        struct list list = {.act = act, .items = json_array()};
        list.limit = page->limit < CAMPAIGNS_PER_PAGE ? page->limit : CAMPAIGNS_PER_PAGE;
        enum sal_status status = sal_campaign_row_each(act->tx, id, version, list.limit, true, list_campaign, &list);
        if (!status)
                status = list.status;
        if (status) {
                json_decref(list.items);
                return status;
        }
        *ret = sal_view_page(list.items, list.count == list.limit ? list.cursor : NULL);
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

static bool list_decision(void *arg, const struct sal_journal_entry *entry) {
        struct list *list = arg;
        json_t *decision = NULL;
        if (sal_json_parse(entry->detail, strlen(entry->detail), SAL_JSON_MAX_DEPTH, &decision, NULL)) {
                list->status = SAL_E_CORRUPT;
                return false;
        }
        json_array_append_new(list->items, decision);
        snprintf(list->cursor, sizeof list->cursor, "%" PRId64, entry->seq);
        list->count++;
        return true;
}

enum sal_status sal_view_cursor(const struct sal_page *page, int64_t *ret, struct sal_err *reterr) {
        char *end = NULL;
        *ret = page->cursor[0] ? strtoll(page->cursor, &end, 10) : 0;
        if (end && (*end || *ret < 0))
                return sal_fail(reterr, SAL_E_INVALID, "this cursor is none of this list's");
        return SAL_OK;
}

enum sal_status sal_campaign_decisions(const struct sal_act *act, const char *id, int64_t version,
                                       const struct sal_page *page, json_t **ret, struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        int64_t after = 0;
        enum sal_status status = sal_view_cursor(page, &after, reterr);
        if (!status)
                status = get_row(act, id, version, false, &row, reterr);
        sal_campaign_row_done(&row);
        if (status)
                return status;
        struct list list = {.act = act, .items = json_array(), .limit = page->limit};
        status = sal_journal_each_decision(act->tx, id, version, after, page->limit, list_decision, &list);
        if (!status)
                status = list.status;
        if (status) {
                json_decref(list.items);
                return status;
        }
        *ret = sal_view_page(list.items, list.count == list.limit ? list.cursor : NULL);
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

/* ---- offers ---- */

static bool report_view(void *arg, const struct sal_report_row *report) {
        json_t *item = json_pack("{s:o, s:s, s:s, s:b}", "at", sal_view_time(report->at_ms), "stage", report->stage,
                                 "boot_id", report->boot_id, "accepted", (int)report->accepted);
        json_t *actions = NULL;
        if (report->actions &&
            !sal_json_parse(report->actions, strlen(report->actions), SAL_JSON_MAX_DEPTH, &actions, NULL))
                json_object_set_new(item, "actions", actions);
        if (report->log)
                json_object_set_new(item, "log", json_string(report->log));
        json_array_append_new(arg, item);
        return true;
}

json_t *sal_view_offer(const struct sal_act *act, const struct sal_plan *plan, const struct sal_offer *stored,
                       bool reports) {
        char id[24];
        struct sal_machine machine = {0};
        struct sal_offer shown = *stored;
        const struct sal_offer *offer = &shown;
        sal_offer_show_recalled(act->service->engine, &shown);
        sal_offer_id_format(offer->row, id);
        if (sal_machine_get_row(act->tx, offer->machine_row, &machine))
                snprintf(machine.id, sizeof machine.id, "-");
        json_t *view =
                json_pack("{s:s, s:s, s:s, s:s*, s:s, s:I, s:s, s:b, s:o, s:o, s:o}", "offer_id", id, "machine_id",
                          machine.id, "state", sal_offer_state_name(offer->state), "cause",
                          offer->cause ? sal_cause_name(offer->cause) : NULL, "ring", plan->rings[offer->ring].name,
                          "attempt", (json_int_t)offer->attempt, "boot_id", offer->boot_id, "counted",
                          (int)offer->counted, "made_at", sal_view_time(offer->made_ms), "applied_at",
                          sal_view_time(offer->applied_ms), "settled_at", sal_view_time(offer->settled_ms));
        sal_machine_done(&machine);
        if (view && offer->late_applied)
                json_object_set_new(view, "late_applied", json_true());
        if (view && offer->offline)
                json_object_set_new(view, "offline", json_true());
        if (view && reports) {
                json_t *list = json_array();
                sal_report_each(act->tx, offer->row, report_view, list);
                json_object_set_new(view, "reports", list);
        }
        return view;
}

struct offer_list {
        const struct sal_act *act;
        const struct sal_plan *plan;
        int wanted; /* state, -1: any */
        json_t *items;
        unsigned count;
        int64_t last;
};

static bool list_offer(void *arg, const struct sal_offer *offer) {
        struct offer_list *list = arg;
        enum sal_cause cause;
        /* Whose recall is due is not shown among those that are out; in the list of recalled ones it comes later. */
        if (list->wanted != SAL_OFFER_OFFERED || !sal_offer_recall_due(list->act->service->engine, offer, &cause))
                json_array_append_new(list->items, sal_view_offer(list->act, list->plan, offer, true));
        list->last = offer->row;
        list->count++;
        return true;
}

enum sal_status sal_campaign_offers(const struct sal_act *act, const char *id, int64_t version, const char *state,
                                    const struct sal_page *page, json_t **ret, struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        int64_t after = 0;
        int wanted = state ? sal_offer_state_parse(state) : -1;
        if (state && wanted < 0)
                return sal_fail(reterr, SAL_E_INVALID, "\"%.40s\" is no state of an offer", state);
        enum sal_status status = sal_view_cursor(page, &after, reterr);
        if (!status)
                status = get_row(act, id, version, true, &row, reterr);
        if (!status)
                status = sal_campaign_parse(row.payload, row.payload_len, &campaign, reterr);
        if (!status) {
                struct offer_list list = {.act = act, .plan = &campaign->plan, .wanted = wanted, .items = json_array()};
                char cursor[24];
                status = sal_offer_each(act->tx, row.row, after, wanted, page->limit, list_offer, &list);
                snprintf(cursor, sizeof cursor, "%" PRId64, list.last);
                *ret = sal_view_page(list.items, list.count == page->limit ? cursor : NULL);
        }
        sal_campaign_row_done(&row);
        return status;
}
