/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/machine_plane.h"
#include "service/views.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CAMPAIGNS_EXPORTED = 200, DECISIONS_EXPORTED = 20 };

static json_t *fleet_view(const struct sal_act *act, enum sal_status *status) {
        int64_t counts[SAL_STANDINGS] = {0};
        *status = sal_machine_counts(act->tx, counts);
        int64_t known = 0;
        for (int i = 0; i < SAL_STANDINGS; i++)
                known += counts[i];
        int64_t recovering =
                counts[SAL_STANDING_RECOVERING] + counts[SAL_STANDING_WAITING] + counts[SAL_STANDING_OFFERED];
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "known", (json_int_t)known, "in_recovery",
                         (json_int_t)recovering, "waiting", (json_int_t)counts[SAL_STANDING_WAITING], "offered",
                         (json_int_t)counts[SAL_STANDING_OFFERED], "back", (json_int_t)counts[SAL_STANDING_BACK],
                         "needs_hands", (json_int_t)counts[SAL_STANDING_NEEDS_HANDS]);
}

/* They come newest first, and are shown oldest first. */
static bool put_decision(void *arg, const struct sal_journal_entry *entry) {
        json_t *decision = NULL;
        if (!sal_json_parse(entry->detail, strlen(entry->detail), SAL_JSON_MAX_DEPTH, &decision, NULL))
                json_array_insert_new(arg, 0, decision);
        return true;
}

/* A campaign that may be exported. */
struct choice {
        char id[SAL_CAMPAIGN_ID_BYTES];
        int64_t version;
        int64_t rank; /* live ones first, then by the time of their last change */
};

struct export {
        const struct sal_act *act;
        json_t *campaigns;
        struct choice *choices;
        size_t count, capacity;
        enum sal_status status;
};

static bool collect_choice(void *arg, const struct sal_campaign_row *row) {
        struct export *export = arg;
        if (export->count == export->capacity) {
                size_t capacity = export->capacity ? export->capacity * 2 : 64;
                struct choice *grown = realloc(export->choices, capacity * sizeof *grown);
                if (!grown) {
                        export->status = SAL_E_NOMEM;
                        return false;
                }
                export->choices = grown;
                export->capacity = capacity;
        }
        struct choice *choice = &export->choices[export->count++];
        int64_t when_ms = row->started_ms ? row->started_ms : row->created_ms;
        *choice = (struct choice){.version = row->version, .rank = sal_campaign_live(row->state) ? INT64_MAX : when_ms};
        snprintf(choice->id, sizeof choice->id, "%s", row->id);
        return true;
}

static int by_choice_rank(const void *a, const void *b) {
        const struct choice *x = a, *y = b;
        return x->rank > y->rank ? -1 : x->rank < y->rank;
}

static int by_name(const void *a, const void *b) {
        const struct choice *x = a, *y = b;
        int order = strcmp(x->id, y->id);
        return order ? order : x->version < y->version ? -1 : x->version > y->version;
}

static enum sal_status export_campaign(const struct export *export, const struct choice *choice) {
        json_t *view = NULL;
        enum sal_status status = sal_campaign_show(export->act, choice->id, choice->version, &view, NULL);
        if (status)
                return status;
        json_t *decisions = json_array();
        status = sal_journal_newest_decisions(export->act->tx, choice->id, choice->version, DECISIONS_EXPORTED,
                                              put_decision, decisions);
        json_object_set_new(view, "decisions", decisions);
        json_object_del(view, "in_words");
        json_object_del(view, "missing");
        if (!json_object_get(view, "evidence"))
                json_object_set_new(view, "evidence", json_null());
        json_array_append_new(export->campaigns, view);
        return status;
}

/* Every live campaign, and of the others the newest, up to CAMPAIGNS_EXPORTED; in the order of their names. */
static enum sal_status export_campaigns(struct export *export, size_t *ret_left_out) {
        enum sal_status status =
                sal_campaign_row_each(export->act->tx, "", 0, UINT32_MAX, false, collect_choice, export);
        if (!status)
                status = export->status;
        if (status)
                return status;
        if (export->count == 0)
                return SAL_OK;
        qsort(export->choices, export->count, sizeof *export->choices, by_choice_rank);
        size_t kept = export->count < CAMPAIGNS_EXPORTED ? export->count : CAMPAIGNS_EXPORTED;
        *ret_left_out = export->count - kept;
        qsort(export->choices, kept, sizeof *export->choices, by_name);
        for (size_t i = 0; !status && i < kept; i++)
                status = export_campaign(export, &export->choices[i]);
        return status;
}

enum sal_status sal_export(const struct sal_act *act, json_t **ret, struct sal_err *reterr) {
        (void)reterr;
        struct sal_engine *engine = act->service->engine;
        struct export export = {.act = act, .campaigns = json_array()};
        size_t left_out = 0;
        enum sal_status status;
        json_t *fleet = fleet_view(act, &status);
        if (!status)
                status = export_campaigns(&export, &left_out);
        free(export.choices);
        if (status) {
                json_decref(fleet);
                json_decref(export.campaigns);
                return status;
        }
        json_t *server = json_pack("{s:s, s:s, s:b, s:I, s:I}", "version", SALVOR_VERSION, "trust_domain",
                                   act->service->trust_domain, "kill_switch", (int)engine->kill_switch,
                                   "served_seconds", (json_int_t)(sal_engine_served_ms(engine, act->tx) / 1000),
                                   "queue", (json_int_t)sal_ledger_depth(act->service->ledger));
        *ret = json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "schema", "salvor.export/1", "seq",
                         (json_int_t)sal_journal_seq(act->tx), "generated_at", sal_view_time(sal_tx_now_ms(act->tx)),
                         "server", server, "fleet", fleet, "campaigns", export.campaigns);
        if (*ret && left_out)
                json_object_set_new(*ret, "left_out", json_integer((json_int_t)left_out));
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

/* ---- events ---- */

struct events {
        struct sal_buf *out;
        int64_t last;
};

static bool write_event(void *arg, const struct sal_journal_entry *entry) {
        struct events *events = arg;
        sal_autojson json_t *detail = NULL;
        if (entry->detail)
                (void)sal_json_parse(entry->detail, strlen(entry->detail), SAL_JSON_MAX_DEPTH, &detail, NULL);
        struct sal_event event = {.seq = entry->seq,
                                  .at_ms = entry->at_ms,
                                  .type = entry->type,
                                  .campaign = entry->campaign,
                                  .version = entry->version,
                                  .machine_id = entry->machine_id,
                                  .offer_row = entry->offer_row,
                                  .ring = entry->ring,
                                  .cause = entry->cause,
                                  .detail = detail};
        sal_autojson json_t *json = sal_event_json(&event);
        sal_autofree char *line = json ? sal_json_dump(json) : NULL;
        if (!line) {
                events->out->failed = true;
                return false;
        }
        sal_buf_puts(events->out, line);
        sal_buf_putc(events->out, '\n');
        events->last = entry->seq;
        return true;
}

enum sal_status sal_export_events(const struct sal_act *act, int64_t after, unsigned limit, struct sal_buf *out,
                                  int64_t *ret_last, struct sal_err *reterr) {
        (void)reterr;
        struct events events = {.out = out, .last = after};
        enum sal_status status = sal_journal_each(act->tx, after, limit, write_event, &events);
        if (!status && out->failed)
                status = SAL_E_NOMEM;
        *ret_last = events.last;
        return status;
}
