/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring assignment: a machine's pin if it has one, otherwise u = first 8 bytes (big-endian) of
 * SHA-256(campaign id ":" machine id) / 2^64 and the first ring whose cumulative share exceeds u; the last ring takes
 * the rest. Salting by the campaign means that no machine is always the canary.
 *
 * Thread: pure. Ownership: none.
 */
#ifndef SAL_ROLLOUT_ASSIGN_H
#define SAL_ROLLOUT_ASSIGN_H

#include "model/plan.h"

/* Index of the ring. pin: a ring name, or NULL or "" for none; a pin to a ring that the plan lacks means its last ring.
 */
size_t sal_ring_of(const struct sal_plan *plan, const char *campaign_id, const char *machine_id, const char *pin);

/* u of the machine in the campaign: from 0 up to, but not, 1. */
double sal_ring_position(const char *campaign_id, const char *machine_id);
/* The positions that belong to a ring (an index of the plan): from *ret_from up to, but not, *ret_to. */
void sal_ring_interval(const struct sal_plan *plan, size_t ring, double *ret_from, double *ret_to);

#endif
