/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which machine is due next: a binary heap of (time, number).
 *
 * Thread: one. Ownership: the queue owns its array until sal_fleet_queue_done.
 */
#ifndef SAL_FLEET_QUEUE_H
#define SAL_FLEET_QUEUE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sal_fleet_due {
        int64_t at_ms; /* monotonic */
        int64_t number;
};

struct sal_fleet_queue {
        struct sal_fleet_due *items;
        size_t count;
        size_t room;
};

/* Room for `room` entries. Errors: SAL_E_NOMEM. */
enum sal_status sal_fleet_queue_init(struct sal_fleet_queue *queue, size_t room);
void sal_fleet_queue_done(struct sal_fleet_queue *queue);

/* Adds an entry; the caller never holds more than `room`. */
void sal_fleet_queue_push(struct sal_fleet_queue *queue, int64_t at_ms, int64_t number);
/* The earliest entry without taking it; false when there is none. */
bool sal_fleet_queue_peek(const struct sal_fleet_queue *queue, struct sal_fleet_due *ret);
/* Takes the earliest entry away; there must be one. */
void sal_fleet_queue_pop(struct sal_fleet_queue *queue);

#endif
