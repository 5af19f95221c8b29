/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens next in a simulation: a heap of events by time, those of one time in the order in which they were added.
 *
 * Thread: one. Ownership: the queue owns its array until sal_sim_queue_done.
 */
#ifndef SAL_FLEET_SIM_QUEUE_H
#define SAL_FLEET_SIM_QUEUE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sal_sim_event {
        int64_t at_us;
        uint32_t machine; /* whom it is about, where it is about one */
        uint8_t kind, news;
        uint16_t attempt;
};

struct sal_sim_queue {
        struct sal_sim_entry *entries;
        size_t count, capacity;
        uint64_t added;
};

void sal_sim_queue_done(struct sal_sim_queue *queue);
/* Adds an event. Errors: SAL_E_NOMEM. */
enum sal_status sal_sim_queue_push(struct sal_sim_queue *queue, const struct sal_sim_event *event);
/* Takes the next event; false when there is none. */
bool sal_sim_queue_pop(struct sal_sim_queue *queue, struct sal_sim_event *ret);

#endif
