/* SPDX-License-Identifier: Apache-2.0 */
#include "service/offer_list.h"

#include <stdlib.h>

void sal_offer_list_done(struct sal_offer_list *list) {
        free(list->items);
        *list = (struct sal_offer_list){0};
}

void sal_offer_list_clear(struct sal_offer_list *list) {
        list->count = 0;
        list->failed = false;
}

bool sal_offer_list_add(void *arg, const struct sal_offer *offer) {
        struct sal_offer_list *list = arg;
        if (list->count == list->capacity) {
                size_t capacity = list->capacity ? list->capacity * 2 : 16;
                struct sal_offer *grown = realloc(list->items, capacity * sizeof *grown);
                if (!grown) {
                        list->failed = true;
                        return false;
                }
                list->items = grown;
                list->capacity = capacity;
        }
        list->items[list->count++] = *offer;
        return true;
}

enum sal_status sal_offer_list_status(const struct sal_offer_list *list, enum sal_status walk) {
        return !walk && list->failed ? SAL_E_NOMEM : walk;
}
