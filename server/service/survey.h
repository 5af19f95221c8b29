/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Survey: everything that is known of one machine and of the live campaigns, as the pure answer wants it. Polls decide
 * by it, and explain shows it. Private to service/.
 *
 * Thread: the ledger's. Ownership: a survey borrows the machine and the facts, and owns its list of offers.
 */
#ifndef SAL_SERVICE_SURVEY_H
#define SAL_SERVICE_SURVEY_H

#include "service/engine.h"
#include "service/offer_list.h"

struct sal_survey {
        struct sal_service *service;
        struct sal_tx *tx;
        const struct sal_machine *machine;
        const char *boot_id; /* of the poll; "" matches no offer */
        /* Every offer of the machine, newest first. */
        struct sal_offer_list offers;
        /* The live campaigns by rank. asker.reason and asker.facts are set by the caller, the rest by
         * sal_survey_campaigns. */
        struct sal_live *lives[SAL_LIVE_CAMPAIGNS_MAX];
        struct sal_candidate candidates[SAL_LIVE_CAMPAIGNS_MAX];
        size_t count;
        struct sal_asker asker;
        const struct sal_offer *held; /* the offer to repeat, or NULL */
};

/* *ret: whether this offer is one of the campaign (any version) and touched the machine as it is now, so that a
 * campaign which undoes that one reaches it. */
enum sal_status sal_offer_touched(struct sal_tx *tx, const struct sal_offer *offer, const struct sal_machine *machine,
                                  const char *campaign_id, bool *ret);

/* A drill never stands in the way of a rescue: whether this is an offer of one, which a machine that asks in earnest
 * gives back. */
bool sal_offer_gives_way(const struct sal_engine *engine, const struct sal_offer *offer);

/* Reads the machine's offers (again). */
enum sal_status sal_survey_offers(struct sal_survey *survey);
/* Fills lives, candidates and asker from the offers that were read. */
enum sal_status sal_survey_campaigns(struct sal_survey *survey);
void sal_survey_done(struct sal_survey *survey);

#endif
