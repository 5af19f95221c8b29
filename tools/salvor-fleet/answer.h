/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine makes of the server's answers: the next step and the sums.
 *
 * Thread: one. Ownership: everything belongs to the fleet.
 */
#ifndef SAL_FLEET_ANSWER_H
#define SAL_FLEET_ANSWER_H

#include "salvor-fleet/fleet.h"

/* Kinds of request, as sal_wire_post and the callback know them. SAL_FLEET_ASK_HELD is a poll that may be held. */
enum sal_fleet_ask {
        SAL_FLEET_ASK_ENROL,
        SAL_FLEET_ASK_POLL,
        SAL_FLEET_ASK_HELD,
        SAL_FLEET_ASK_REPORT,
        SAL_FLEET_ASK_HEALTHY
};

/* sal_wire_done of the fleet; arg is the struct sal_fleet, tag the machine's number, kind one of sal_fleet_ask. */
void sal_fleet_answered(void *arg, int64_t tag, int kind, const struct sal_wire_reply *reply);

/* Puts the machine's next step into the queue, `simulated_seconds` from now (scaled by --speed). */
void sal_fleet_next(struct sal_fleet *fleet, int64_t number, enum sal_fleet_step step, double simulated_seconds);

#endif
