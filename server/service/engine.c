/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/limits.h"
#include "service/publication.h"
#include "service/trust_status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- one live campaign ---- */

struct sal_live *sal_live_new_take(const struct sal_campaign_row *row, struct sal_campaign *campaign, char *envelope,
                                   size_t envelope_len) {
        struct sal_launch *launch = sal_launch_new_take(campaign, envelope, envelope_len);
        struct sal_live *live = calloc(1, sizeof *live);
        if (launch && live)
                live->tally = sal_tally_new(&campaign->plan, (int)row->halts_resumed);
        if (!launch || !live || !live->tally) {
                sal_launch_unref(launch);
                free(live);
                return NULL;
        }
        live->launch = launch;
        live->row = *row;
        live->row.payload = NULL;
        live->row.envelope = NULL;
        live->next_due_served_ms = -2;
        live->looked_served_ms = -1;
        live->review = true;
        live->judge_whole = true;
        return live;
}

void sal_live_free(struct sal_live *live) {
        if (!live)
                return;
        sal_launch_unref(live->launch);
        sal_tally_free(live->tally);
        sal_limits_unref(live->limits);
        free(live);
}

struct sal_live *sal_engine_find(struct sal_engine *engine, const char *id, int64_t version) {
        for (size_t i = 0; i < engine->count; i++)
                if (engine->live[i]->row.version == version && strcmp(engine->live[i]->row.id, id) == 0)
                        return engine->live[i];
        return NULL;
}

struct sal_live *sal_engine_by_row(struct sal_engine *engine, int64_t campaign_row) {
        for (size_t i = 0; i < engine->count; i++)
                if (engine->live[i]->row.row == campaign_row)
                        return engine->live[i];
        return NULL;
}

/* Rank: the higher priority first, then the earlier start. */
static int by_rank(const void *a, const void *b) {
        const struct sal_live *x = *(struct sal_live *const *)a;
        const struct sal_live *y = *(struct sal_live *const *)b;
        if (x->launch->campaign->priority != y->launch->campaign->priority)
                return x->launch->campaign->priority > y->launch->campaign->priority ? -1 : 1;
        return x->row.start_order < y->row.start_order ? -1 : x->row.start_order > y->row.start_order;
}

static enum sal_status insert(struct sal_engine *engine, struct sal_live *live) {
        if (engine->count == engine->capacity) {
                size_t capacity = engine->capacity ? engine->capacity * 2 : 16;
                struct sal_live **grown = realloc(engine->live, capacity * sizeof(struct sal_live *));
                if (!grown)
                        return SAL_E_NOMEM;
                engine->live = grown;
                engine->capacity = capacity;
        }
        engine->live[engine->count++] = live;
        qsort(engine->live, engine->count, sizeof(struct sal_live *), by_rank);
        engine->publish = true;
        return SAL_OK;
}

enum sal_status sal_engine_add(struct sal_engine *engine, struct sal_live *live, struct sal_err *reterr) {
        if (insert(engine, live))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a further campaign");
        return SAL_OK;
}

void sal_engine_remove(struct sal_engine *engine, struct sal_live *live) {
        for (size_t i = 0; i < engine->count; i++) {
                if (engine->live[i] != live)
                        continue;
                memmove(&engine->live[i], &engine->live[i + 1], (engine->count - i - 1) * sizeof(struct sal_live *));
                engine->count--;
                engine->publish = true;
                sal_live_free(live);
                return;
        }
}

/* ---- loading ---- */

struct load {
        struct sal_engine *engine;
        struct sal_tx *tx;
        struct sal_live *live;
        enum sal_status status;
};

static bool load_tally_row(void *arg, const struct sal_tally_store_row *stored) {
        struct load *load = arg;
        struct sal_tally_row row = {
                .kind = (enum sal_tally_row_kind)stored->kind, .a = stored->a, .b = stored->b, .text = stored->text};
        memcpy(row.v, stored->v, sizeof row.v);
        load->status = sal_tally_load(load->live->tally, &row);
        return load->status == SAL_OK;
}

static bool load_live(void *arg, const struct sal_campaign_row *row) {
        struct load *load = arg;
        struct sal_campaign *campaign = NULL;
        load->status = sal_campaign_parse(row->payload, row->payload_len, &campaign, NULL);
        if (load->status) {
                load->status = SAL_E_CORRUPT;
                return false;
        }
        char *envelope = malloc(row->envelope_len + 1);
        if (envelope && row->envelope_len) /* a row that somebody has set to be in force by hand may have none */
                memcpy(envelope, row->envelope, row->envelope_len);
        struct sal_live *live = NULL;
        if (envelope)
                live = sal_live_new_take(row, campaign, envelope, row->envelope_len);
        else
                sal_campaign_unref(campaign);
        load->status = live ? insert(load->engine, live) : SAL_E_NOMEM;
        if (load->status)
                sal_live_free(live);
        return load->status == SAL_OK;
}

enum sal_status sal_live_load_limits(struct sal_tx *tx, struct sal_live *live) {
        struct sal_limits *limits = NULL;
        enum sal_status status = sal_campaign_limits_kept(tx, live->row.row, &live->launch->campaign->plan, &limits);
        if (status)
                return status;
        sal_limits_unref(live->limits);
        live->limits = limits;
        return SAL_OK;
}

static bool count_excluded(void *arg, const struct sal_offer *offer) {
        struct sal_live *live = arg;
        if (offer->excluded && offer->period == live->row.period)
                live->excluded_unsettled++;
        if (offer->anonymous)
                live->anonymous_unsettled++;
        return true;
}

static enum sal_status load_sums(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live) {
        struct load load = {.engine = engine, .tx = tx, .live = live};
        struct sal_ring_counts rings[SAL_PLAN_MAX_RINGS] = {0};
        enum sal_status status = sal_ring_counts_get(tx, live->row.row, rings);
        for (size_t i = 0; i < SAL_PLAN_MAX_RINGS; i++)
                live->machines_touched += rings[i].machines;
        if (!status)
                status = sal_live_load_limits(tx, live);
        if (status)
                return status;
        status = sal_tally_store_each(tx, live->row.row, load_tally_row, &load);
        if (!status)
                status = load.status;
        for (int state = SAL_OFFER_OFFERED; !status && state <= SAL_OFFER_APPLIED; state++)
                status = sal_offer_each_special(tx, live->row.row, state, count_excluded, live);
        engine->anonymous_unsettled += live->anonymous_unsettled;
        return status;
}

void sal_engine_clear(struct sal_engine *engine) {
        for (size_t i = 0; i < engine->count; i++)
                sal_live_free(engine->live[i]);
        engine->count = 0;
        engine->anonymous_unsettled = 0;
        while (engine->notes) {
                struct sal_note *next = engine->notes->next;
                free(engine->notes);
                engine->notes = next;
        }
        engine->notes_end = &engine->notes;
}

static bool filter_machine(void *arg, const char *machine_id) {
        sal_filter_add(arg, machine_id);
        return true;
}

enum sal_status sal_engine_load(struct sal_engine *engine, struct sal_tx *tx) {
        sal_engine_clear(engine);
        int64_t kill = 0, order = 0, served_ms = 0;
        enum sal_status status = sal_setting_get_int(tx, "kill_switch", &kill);
        if (!status)
                status = sal_setting_get_int(tx, "start_order", &order);
        if (!status)
                status = sal_setting_get_int(tx, "served_ms", &served_ms);
        if (status)
                return status;
        engine->served_saved_ms = served_ms;
        if (engine->mono_base_ms < 0 && engine->served_base_ms < served_ms)
                engine->served_base_ms = served_ms; /* while it runs, memory knows better than the disk */
        sal_autofree char *reason = NULL;
        status = sal_setting_get(tx, "kill_reason", &reason);
        if (status && status != SAL_E_NOT_FOUND)
                return status;
        snprintf(engine->kill_reason, sizeof engine->kill_reason, "%s", reason ? reason : "");
        engine->kill_switch = kill != 0;
        engine->next_start_order = order + 1;
        struct load load = {.engine = engine, .tx = tx};
        status = sal_campaign_row_each_live(tx, load_live, &load);
        if (!status)
                status = load.status;
        for (size_t i = 0; !status && i < engine->count; i++)
                status = load_sums(engine, tx, engine->live[i]);
        /* The filter only ever learns, and may say yes wrongly: after a rollback it knows enough. */
        if (!status && !engine->filter_filled)
                status = sal_offer_each_live_machine(tx, filter_machine, engine->service->filter);
        if (!status && !engine->filter_filled)
                status = sal_machine_each_special(tx, filter_machine, engine->service->filter);
        engine->filter_filled = engine->filter_filled || !status;
        if (!status)
                sal_trust_judge_live(engine, sal_tx_now_ms(tx));
        engine->publish = true;
        return status;
}

/* ---- saving ---- */

struct save {
        struct sal_tx *tx;
        int64_t campaign_row;
};

static enum sal_status save_tally_row(void *arg, const struct sal_tally_row *row) {
        struct save *save = arg;
        struct sal_tally_store_row stored = {.kind = (int)row->kind, .a = row->a, .b = row->b, .text = row->text};
        memcpy(stored.v, row->v, sizeof stored.v);
        return sal_tally_store_put(save->tx, save->campaign_row, &stored);
}

enum sal_status sal_engine_save(struct sal_engine *engine, struct sal_tx *tx) {
        enum { SAVE_SERVED_MS = 10000 };
        for (size_t i = 0; i < engine->count; i++) {
                struct sal_live *live = engine->live[i];
                if (!live->dirty)
                        continue;
                struct save save = {.tx = tx, .campaign_row = live->row.row};
                enum sal_status status = sal_campaign_row_update(tx, &live->row);
                if (!status)
                        status = sal_tally_save(live->tally, save_tally_row, &save);
                if (status)
                        return status;
                live->dirty = false;
        }
        int64_t served_ms = sal_engine_served_ms(engine, tx);
        bool stands = engine->mono_base_ms < 0; /* the last that it served: nothing is lost by a stop in good order */
        /* With every commit that reaches the disk anyway, and every ten seconds. */
        bool due = served_ms - engine->served_saved_ms >= (stands ? 1 : SAVE_SERVED_MS);
        if (served_ms == engine->served_saved_ms || (!due && !sal_tx_wrote(tx)))
                return SAL_OK;
        engine->served_saved_ms = served_ms;
        return sal_setting_put_int(tx, "served_ms", served_ms);
}

/* ---- publishing ---- */

struct held {
        struct sal_snapshot_campaign *into;
        bool failed;
};

static void collect_held(void *arg, const char *name, int j, int64_t offered, int64_t failed, int64_t silent,
                         bool is_held, double ln_e, double bound) {
        (void)j, (void)offered, (void)failed, (void)silent, (void)ln_e, (void)bound;
        struct held *held = arg;
        if (!is_held)
                return;
        size_t count = held->into->held_count;
        void *grown = realloc(held->into->held, (count + 1) * sizeof *held->into->held);
        if (!grown) {
                held->failed = true;
                return;
        }
        held->into->held = grown;
        snprintf(held->into->held[count], sizeof held->into->held[count], "%s", name);
        held->into->held_count++;
}

static struct sal_snapshot *make_snapshot(struct sal_engine *engine) {
        struct sal_snapshot *snapshot = sal_snapshot_new(engine->count);
        if (!snapshot)
                return NULL;
        snapshot->kill_switch = engine->kill_switch;
        snapshot->count = 0;
        for (size_t i = 0; i < engine->count; i++) {
                struct sal_live *live = engine->live[i];
                if (!sal_campaign_live(live->row.state))
                        continue;
                struct sal_snapshot_campaign *into = &snapshot->campaigns[snapshot->count++];
                into->launch = sal_launch_ref(live->launch);
                into->state = live->row.state;
                into->rings_open = (size_t)live->row.rings_open;
                into->limits = sal_limits_ref(live->limits);
                struct held held = {.into = into};
                sal_tally_each_cohort(live->tally, collect_held, &held);
                if (held.failed) {
                        sal_snapshot_unref(snapshot);
                        return NULL;
                }
        }
        return snapshot;
}

/* Without memory for a snapshot the old one would go on offering: then nothing is offered until memory is there. */
static void publish(struct sal_engine *engine) {
        struct sal_snapshot *snapshot = make_snapshot(engine);
        if (!snapshot) {
                for (size_t i = 0; i < engine->count; i++)
                        atomic_store(&engine->live[i]->launch->slots, 0);
                return;
        }
        sal_snapshot_slot_put(&engine->service->snapshots, snapshot);
        if (engine->service->publication)
                sal_publication_changed(engine->service->publication);
        engine->publish = false;
        engine->changed = true;
}

void sal_engine_publish(struct sal_engine *engine) {
        for (size_t i = 0; i < engine->count; i++)
                sal_live_gate(engine, engine->live[i]);
        if (engine->publish)
                publish(engine);
        struct sal_service *service = engine->service;
        for (struct sal_note *note = engine->notes, *next; note; note = next) {
                next = note->next;
                if (service->on_event)
                        service->on_event(service->on_event_arg, note->event, note->campaign, note->version,
                                          note->text);
                free(note);
        }
        engine->notes = NULL;
        engine->notes_end = &engine->notes;
        if (engine->changed && service->on_change)
                service->on_change(service->on_change_arg);
        engine->changed = false;
}

void sal_engine_note(struct sal_engine *engine, const char *event, const struct sal_campaign_row *row,
                     const char *format, ...) {
        struct sal_note *note = calloc(1, sizeof *note);
        if (!note)
                return; /* a log line less; the journal holds the fact */
        note->event = event;
        if (row) {
                snprintf(note->campaign, sizeof note->campaign, "%s", row->id);
                note->version = row->version;
        }
        va_list args;
        va_start(args, format);
        vsnprintf(note->text, sizeof note->text, format, args);
        va_end(args);
        *engine->notes_end = note;
        engine->notes_end = &note->next;
}
