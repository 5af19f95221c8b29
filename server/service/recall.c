/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/offer_list.h"

/* A piece leaves the ledger to those who wait after PIECE_MS, however slow the disk is. */
enum { PIECE = 512, PIECE_MS = 5 };

enum sal_status sal_live_recall(struct sal_tx *tx, struct sal_live *live, enum sal_cause cause) {
        if (!live->row.unsettled)
                return SAL_OK;
        /* What is left of an earlier recall takes the newer cause: nobody was told of the older one. */
        live->row.recall_cause = cause;
        live->dirty = true;
        return sal_offer_newest(tx, &live->row.recall_row);
}

bool sal_offer_recall_due(const struct sal_engine *engine, const struct sal_offer *offer, enum sal_cause *ret_cause) {
        if (offer->state != SAL_OFFER_OFFERED)
                return false;
        const struct sal_live *live = sal_engine_by_row((struct sal_engine *)engine, offer->campaign_row);
        if (!live || offer->row > live->row.recall_row)
                return false;
        *ret_cause = live->row.recall_cause;
        return true;
}

void sal_offer_show_recalled(const struct sal_engine *engine, struct sal_offer *offer) {
        if (sal_offer_recall_due(engine, offer, &offer->cause))
                offer->state = SAL_OFFER_RECALLED;
}

static enum sal_status recall_one(struct sal_engine *engine, struct sal_tx *tx, struct sal_offer *offer) {
        struct sal_machine machine = {0};
        bool changed;
        enum sal_status status = sal_machine_get_row(tx, offer->machine_row, &machine);
        if (!status)
                status = sal_machine_settle(engine, tx, &machine, offer, SAL_EVENT_RECALLED, SAL_CAUSE_NONE, &changed);
        sal_machine_done(&machine);
        return status;
}

enum sal_status sal_live_recall_piece(struct sal_engine *engine, struct sal_tx *tx, struct sal_live *live) {
        sal_autoofferlist struct sal_offer_list offered = {0};
        enum sal_status status =
                sal_offer_each(tx, live->row.row, 0, SAL_OFFER_OFFERED, PIECE, sal_offer_list_add, &offered);
        status = sal_offer_list_status(&offered, status);
        const struct sal_ledger *ledger = engine->service->ledger;
        int64_t until_mono_ms = sal_ledger_mono_ms(ledger) + PIECE_MS;
        bool more = offered.count == PIECE;
        for (size_t i = 0; !status && i < offered.count; i++) {
                if (offered.items[i].row > live->row.recall_row) {
                        more = false; /* made after a resume, as are all behind it */
                        break;
                }
                if (i && sal_ledger_mono_ms(ledger) > until_mono_ms)
                        return SAL_OK;
                status = recall_one(engine, tx, &offered.items[i]);
        }
        if (!status && !more) {
                live->row.recall_row = 0;
                live->dirty = true;
        }
        return status;
}

static enum sal_status machine_offers(struct sal_tx *tx, const struct sal_machine *machine,
                                      struct sal_offer_list *ret) {
        enum sal_status status = sal_offer_each_of_machine(tx, machine->row, 0, 0, sal_offer_list_add, ret);
        return sal_offer_list_status(ret, status);
}

static bool any_recall(const struct sal_engine *engine) {
        for (size_t i = 0; i < engine->count; i++)
                if (engine->live[i]->row.recall_row)
                        return true;
        return false;
}

enum sal_status sal_machine_recall_due(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine) {
        sal_autoofferlist struct sal_offer_list offers = {0};
        if (!machine->row || !any_recall(engine))
                return SAL_OK;
        enum sal_status status = machine_offers(tx, machine, &offers);
        for (size_t i = 0; !status && i < offers.count; i++) {
                enum sal_cause cause;
                bool changed;
                if (sal_offer_recall_due(engine, &offers.items[i], &cause))
                        status = sal_machine_settle(engine, tx, machine, &offers.items[i], SAL_EVENT_RECALLED, cause,
                                                    &changed);
        }
        return status;
}

enum sal_status sal_machine_recall(struct sal_engine *engine, struct sal_tx *tx, struct sal_machine *machine,
                                   enum sal_cause cause) {
        sal_autoofferlist struct sal_offer_list offers = {0};
        if (!machine->row)
                return SAL_OK;
        enum sal_status status = machine_offers(tx, machine, &offers);
        for (size_t i = 0; !status && i < offers.count; i++)
                if (sal_offer_unsettled(offers.items[i].state))
                        status = sal_machine_take_back(engine, tx, machine, &offers.items[i], cause);
        return status;
}
