/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of offers, read from the store before they are changed one by one. Private to service/.
 *
 * Thread: one at a time. Ownership: the list owns its items.
 */
#ifndef SAL_SERVICE_OFFER_LIST_H
#define SAL_SERVICE_OFFER_LIST_H

#include "ledger/store.h"

struct sal_offer_list {
        struct sal_offer *items;
        size_t count, capacity;
        bool failed; /* no memory: the list is not whole */
};

#define sal_autoofferlist __attribute__((cleanup(sal_offer_list_done)))

/* Frees the items; the list is empty and usable again. */
void sal_offer_list_done(struct sal_offer_list *list);
/* Forgets the items and keeps the memory. */
void sal_offer_list_clear(struct sal_offer_list *list);
/* For the store's walks: arg is the struct sal_offer_list. False without memory. */
bool sal_offer_list_add(void *arg, const struct sal_offer *offer);
/* The walk's status, or SAL_E_NOMEM when the list is not whole. */
enum sal_status sal_offer_list_status(const struct sal_offer_list *list, enum sal_status walk);

#endif
