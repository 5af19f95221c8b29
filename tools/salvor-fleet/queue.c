/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/queue.h"

#include <stdlib.h>

enum sal_status sal_fleet_queue_init(struct sal_fleet_queue *queue, size_t room) {
        *queue = (struct sal_fleet_queue){.items = calloc(room, sizeof *queue->items), .room = room};
        return queue->items ? SAL_OK : SAL_E_NOMEM;
}

void sal_fleet_queue_done(struct sal_fleet_queue *queue) {
        free(queue->items);
        *queue = (struct sal_fleet_queue){0};
}

/* Earlier first; among equals the lower number, so that runs are alike. */
static bool before(const struct sal_fleet_due *a, const struct sal_fleet_due *b) {
        return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

void sal_fleet_queue_push(struct sal_fleet_queue *queue, int64_t at_ms, int64_t number) {
        if (queue->count == queue->room)
                return;
        struct sal_fleet_due item = {.at_ms = at_ms, .number = number};
        size_t at = queue->count++;
        while (at > 0 && before(&item, &queue->items[(at - 1) / 2])) {
                queue->items[at] = queue->items[(at - 1) / 2];
                at = (at - 1) / 2;
        }
        queue->items[at] = item;
}

bool sal_fleet_queue_peek(const struct sal_fleet_queue *queue, struct sal_fleet_due *ret) {
        if (!queue->count)
                return false;
        *ret = queue->items[0];
        return true;
}

void sal_fleet_queue_pop(struct sal_fleet_queue *queue) {
        struct sal_fleet_due last = queue->items[--queue->count];
        size_t at = 0;
        for (;;) {
                size_t child = at * 2 + 1;
                if (child >= queue->count)
                        break;
                if (child + 1 < queue->count && before(&queue->items[child + 1], &queue->items[child]))
                        child++;
                if (!before(&queue->items[child], &last))
                        break;
                queue->items[at] = queue->items[child];
                at = child;
        }
        queue->items[at] = last;
}
