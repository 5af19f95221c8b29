/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of peers, each as a question about counts alone, so that they can be held against their documentation by
 * hand.
 *
 * Thread: pure. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_FLEET_SIM_PEERS_H
#define SAL_FLEET_SIM_PEERS_H

#include "salvor-fleet/sim_case.h"

/* What is known of a group of machines, or of all. */
struct sal_sim_group {
        int64_t size;
        int64_t succeeded, failed; /* reported so */
        int64_t timed_out;         /* began, and did not end in time */
};

/* Eclipse hawkBit: the error condition of a group, a share of the whole group, silent machines among the good ones. */
bool sal_sim_hawkbit_stops(const struct sal_sim_case *what, const struct sal_sim_group *group);
/* The success condition: the next group starts. */
bool sal_sim_hawkbit_goes_on(const struct sal_sim_case *what, const struct sal_sim_group *group);
/* AWS IoT Jobs: abort criterion of failure type ALL. */
bool sal_sim_aws_stops(const struct sal_sim_case *what, const struct sal_sim_group *all);
/* LVFS: moved back to testing. */
bool sal_sim_lvfs_stops(const struct sal_sim_case *what, const struct sal_sim_group *all);
/* Mender: how many machines the phases that have begun make, and when the next one begins (INT64_MAX: never). */
int64_t sal_sim_mender_quota(const struct sal_sim_case *what, int64_t now_us, int64_t *ret_next_us);

#endif
