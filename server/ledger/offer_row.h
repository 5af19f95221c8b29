/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offer row: how an offer stands in its table. This header is private to ledger/.
 *
 * Thread: the ledger's. Ownership: plain values.
 */
#ifndef SAL_LEDGER_OFFER_ROW_H
#define SAL_LEDGER_OFFER_ROW_H

#include "ledger/query.h"
#include "ledger/store.h"

/* Room for SAL_PLAN_MAX_COHORTS numbers with their commas. */
enum { SAL_OFFER_COHORTS_BYTES = SAL_PLAN_MAX_COHORTS * 12 + 1 };

/* "3,17": the numbers of the offer's cohort values. */
void sal_offer_cohorts_write(const struct sal_offer *offer, char ret[static SAL_OFFER_COHORTS_BYTES]);
/* Fills *ret from the row at hand. Errors: SAL_E_CORRUPT, SAL_E_NOMEM. */
enum sal_status sal_offer_take(struct sal_query *query, struct sal_offer *ret);

#endif
