/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_queue.h"

#include <stdlib.h>

/* Four children for each entry: half as deep as a binary heap, and they lie side by side. */
enum { CHILDREN = 4, FIRST_CAPACITY = 1024 };

struct sal_sim_entry {
        struct sal_sim_event event;
        uint64_t order;
};

void sal_sim_queue_done(struct sal_sim_queue *queue) {
        free(queue->entries);
        *queue = (struct sal_sim_queue){0};
}

static bool before(const struct sal_sim_entry *a, const struct sal_sim_entry *b) {
        return a->event.at_us != b->event.at_us ? a->event.at_us < b->event.at_us : a->order < b->order;
}

enum sal_status sal_sim_queue_push(struct sal_sim_queue *queue, const struct sal_sim_event *event) {
        if (queue->count == queue->capacity) {
                size_t capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
                struct sal_sim_entry *grown = realloc(queue->entries, capacity * sizeof *grown);
                if (!grown)
                        return SAL_E_NOMEM;
                queue->entries = grown;
                queue->capacity = capacity;
        }
        struct sal_sim_entry entry = {.event = *event, .order = queue->added++};
        size_t at = queue->count++;
        while (at > 0 && before(&entry, &queue->entries[(at - 1) / CHILDREN])) {
                queue->entries[at] = queue->entries[(at - 1) / CHILDREN];
                at = (at - 1) / CHILDREN;
        }
        queue->entries[at] = entry;
        return SAL_OK;
}

static size_t earliest_child(const struct sal_sim_queue *queue, size_t at) {
        size_t best = at * CHILDREN + 1;
        for (size_t child = best + 1; child < queue->count && child <= at * CHILDREN + CHILDREN; child++)
                if (before(&queue->entries[child], &queue->entries[best]))
                        best = child;
        return best;
}

bool sal_sim_queue_pop(struct sal_sim_queue *queue, struct sal_sim_event *ret) {
        if (!queue->count)
                return false;
        *ret = queue->entries[0].event;
        struct sal_sim_entry last = queue->entries[--queue->count];
        size_t at = 0;
        while (at * CHILDREN + 1 < queue->count) {
                size_t child = earliest_child(queue, at);
                if (!before(&queue->entries[child], &last))
                        break;
                queue->entries[at] = queue->entries[child];
                at = child;
        }
        queue->entries[at] = last;
        return true;
}
