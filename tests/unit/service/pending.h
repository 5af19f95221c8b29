/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger full of pending offers: filled with the functions of the store, FILL_BATCH offers in a transaction, without
 * the polls behind them. Who holds which offer follows from its number alone.
 *
 * Thread: the bench's. Ownership: a bench owns its world and its JSON.
 */
#ifndef SAL_TESTS_SERVICE_PENDING_H
#define SAL_TESTS_SERVICE_PENDING_H

#include "harness.h"

enum {
        FILL_BATCH = 50000,
        GAP_MS = 10, /* between two deadlines */
        DEADLINE_S = 7 * DAY,
};

static const char campaign_members[] =
        "{\"rollout\":{\"rings\":["
        "{\"name\":\"canary\",\"share\":0.5,\"soak_seconds\":3600,\"growth\":1000},"
        "{\"name\":\"early\",\"share\":0.49,\"soak_seconds\":3600,\"growth\":1000},"
        "{\"name\":\"broad\",\"share\":0.01,\"soak_seconds\":3600,\"growth\":1000}],"
        "\"in_flight\":{\"initial\":5,\"max\":100000000},"
        "\"acceptable_failure\":0.3,\"acceptable_silence\":0.3,\"unacceptable_failure\":0.9,"
        "\"outcome_deadline_seconds\":604800,\"relapse_window_seconds\":2592000,\"max_attempts\":1,"
        "\"patience_seconds\":null,\"cohorts\":[\"model\"]}}";

struct bench {
        struct world w;
        int64_t offers; /* pending after the fill */
        int64_t seeds;  /* succeeded, before them */
        int64_t runs;   /* how many ascending runs the order of machines and slots has */
        int64_t next;   /* offers touched so far, by number */
        int64_t newcomers;
        json_t *json;
};

/* ---- the order of things ---- */

enum { MODELS = 20 };

/* A neighbour in time is none in the ledger's tables nor in the tally's blocks. */
static inline int64_t scattered(const struct bench *b, int64_t number) {
        return number % b->runs * (b->offers / b->runs) + number / b->runs;
}

static inline void name_machine(int64_t number, char ret[static SAL_MACHINE_ID_BYTES]) {
        snprintf(ret, SAL_MACHINE_ID_BYTES, "host-%09" PRId64 ".example", number);
}

static inline void facts_of(int64_t machine, char ret[static 128]) {
        snprintf(ret, 128, "{\"model\":\"M%02d\",\"os\":\"windows\",\"os_version\":\"10.0.22631\"}",
                 (int)(machine % MODELS));
}

/* ---- filling ---- */

struct piece {
        struct bench *bench;
        int64_t from, to;
};

static inline enum sal_status add_machines(struct sal_tx *tx, void *arg) {
        const struct piece *piece = arg;
        enum sal_status status = SAL_OK;
        for (int64_t n = piece->from; status == SAL_OK && n < piece->to; n++) {
                char facts[128];
                facts_of(n, facts);
                struct sal_machine machine = {.incarnation = 1,
                                              .generation = 1,
                                              .token_used = true,
                                              .facts = facts,
                                              .standing = SAL_STANDING_OFFERED,
                                              .boot_id = "boot-1",
                                              .first_seen_ms = world_wall_ms,
                                              .last_seen_ms = world_wall_ms};
                name_machine(n, machine.id);
                status = sal_machine_insert(tx, &machine);
                if (status == SAL_OK && machine.row != n + 1)
                        fail_msg("machine %" PRId64 " has the row %" PRId64, n, machine.row);
                sal_filter_add(piece->bench->w.service->filter, machine.id);
        }
        return status;
}

/* Numbers the offers in the tally, seeds first; the slots that come out are those that offer_number works out. */
static inline void fill_tally(struct bench *b, struct sal_live *live) {
        for (int64_t i = 0; i < b->seeds + b->offers; i++) {
                if (i == b->seeds)
                        sal_tally_next_stage(live->tally);
                char cohorts[1][SAL_COHORT_NAME_BYTES];
                struct sal_slot slot;
                snprintf(cohorts[0], sizeof cohorts[0], "model=M%02d", (int)(i % MODELS));
                assert_ok(sal_tally_offer(live->tally, 1, cohorts, &slot));
                if (slot.cohorts[0] != i % MODELS + 1)
                        fail_msg("cohorts out of order");
                if (i < b->seeds)
                        sal_tally_change(live->tally, &slot, SAL_WEIGHT_PENDING, SAL_WEIGHT_SUCCESS);
        }
}

/* The seeds have the slots and machines 0 to seeds - 1. Machine and slot have the same number, so the model fits. */
static inline struct sal_offer offer_number(const struct bench *b, int64_t campaign_row, int64_t number) {
        bool seed = number < b->seeds;
        int64_t place = seed ? number : b->seeds + scattered(b, number - b->seeds);
        int64_t made_ms = seed ? 0 : (number - b->seeds) * GAP_MS;
        return (struct sal_offer){.campaign_row = campaign_row,
                                  .machine_row = 1 + place,
                                  .attempt = 1,
                                  .incarnation = 1,
                                  .period = 1,
                                  .ring = seed ? 0 : 1,
                                  .state = seed ? SAL_OFFER_SUCCEEDED : SAL_OFFER_OFFERED,
                                  .counted = true,
                                  .boot_id = "boot-1",
                                  .made_ms = world_birth_ms + made_ms,
                                  .made_served_ms = made_ms,
                                  .applied_served_ms = seed ? 0 : -1,
                                  .due_kind = seed ? SAL_DUE_NONE : SAL_DUE_DEADLINE,
                                  .due_served_ms = made_ms + DEADLINE_S * INT64_C(1000),
                                  .slot_i = place,
                                  .slot_o = 1 + (seed ? place : place - b->seeds),
                                  .stage = seed ? 0 : 1,
                                  .cohort_count = 1,
                                  .cohorts = {(int)(place % MODELS) + 1}};
}

static inline enum sal_status add_offers(struct sal_tx *tx, void *arg) {
        const struct piece *piece = arg;
        struct bench *b = piece->bench;
        const struct sal_live *live = live_of(&b->w, "fix");
        enum sal_status status = SAL_OK;
        for (int64_t n = piece->from; status == SAL_OK && n < piece->to; n++) {
                struct sal_offer offer = offer_number(b, live->row.row, n);
                char machine_id[SAL_MACHINE_ID_BYTES], detail[160];
                name_machine(offer.machine_row - 1, machine_id);
                status = sal_offer_insert(tx, &offer);
                snprintf(detail, sizeof detail,
                         "{\"attempt\":1,\"period\":1,\"stage\":\"%s\",\"counted\":true,\"i\":%" PRId64
                         ",\"o\":%" PRId64 ",\"cohorts\":[\"model=M%02d\"]}",
                         offer.stage ? "early" : "canary", offer.slot_i, offer.slot_o, offer.cohorts[0] - 1);
                struct sal_journal_entry entry = {.at_ms = offer.made_ms,
                                                  .type = SAL_JOURNAL_OFFER,
                                                  .campaign = "fix",
                                                  .version = 1,
                                                  .machine_id = machine_id,
                                                  .offer_row = offer.row,
                                                  .ring = offer.ring ? "early" : "canary",
                                                  .detail = detail};
                if (status == SAL_OK)
                        status = sal_journal_append(tx, &entry);
        }
        return status;
}

static inline void in_pieces(struct bench *b, enum sal_status (*run)(struct sal_tx *tx, void *arg)) {
        for (int64_t from = 0; from < b->seeds + b->offers; from += FILL_BATCH) {
                struct piece piece = {.bench = b, .from = from, .to = from + FILL_BATCH};
                if (piece.to > b->seeds + b->offers)
                        piece.to = b->seeds + b->offers;
                assert_ok(sal_ledger_run_now(b->w.ledger, run, &piece));
                sal_checkpoint(b->w.ledger, false);
        }
}

static inline void fill(struct bench *b) {
        struct sal_live *live = start(&b->w, "fix", campaign_members);
        fill_tally(b, live);
        in_pieces(b, add_machines);
        in_pieces(b, add_offers);
        live->row.rings_open = 2;
        live->row.offers_made = b->seeds + b->offers;
        live->row.succeeded = b->seeds;
        live->row.unsettled = b->offers;
        live->machines_touched = b->seeds + b->offers;
        live->dirty = true;
        live->next_due_served_ms = -2;
        pass(&b->w, 1 + b->offers * GAP_MS / SECOND_MS);
}

#endif
