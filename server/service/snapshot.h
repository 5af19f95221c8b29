/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot: the live campaigns as every worker sees them, immutable, published by the ledger's thread after each commit
 * that changed them. A launch is what starting froze (campaign, envelope bytes); snapshots share it.
 *
 * Threads: a snapshot and a launch are immutable but for their reference counts and the gate's atomics. Ownership: by
 * reference; sal_snapshot_slot_get hands a reference over.
 */
#ifndef SAL_SERVICE_SNAPSHOT_H
#define SAL_SERVICE_SNAPSHOT_H

#include "model/campaign.h"
#include "model/limits.h"
#include "model/offer.h"
#include "rollout/tally.h"

#include <pthread.h>
#include <stdatomic.h>

/* A started campaign. */
struct sal_launch {
        atomic_int refs;
        struct sal_campaign *campaign;
        char *envelope; /* byte for byte as served */
        size_t envelope_len;
        char sha256[65];
        char target[SAL_TARGET_PATH_BYTES];
        /* Offers that the cap lets be made now: set by the ledger's thread after each commit, claimed by the workers,
         * so that a slot wakes one waiting machine and not a million. */
        atomic_long slots;
        /* The published list names this envelope: written by sal_publication_changed and the publisher. */
        atomic_bool listed;
        /* The trust policy in force does not allow it (any more): nothing is offered. The ledger's thread writes. */
        atomic_bool barred;
};

/* Takes a reference of campaign and the malloc'ed envelope over; NULL without memory (both are then freed). */
struct sal_launch *sal_launch_new_take(struct sal_campaign *campaign, char *envelope, size_t envelope_len);
/* Claims one slot; false when none is left. Any thread. */
bool sal_launch_claim(struct sal_launch *launch);
struct sal_launch *sal_launch_ref(struct sal_launch *launch);
void sal_launch_unref(struct sal_launch *launch); /* NULL is allowed */

struct sal_snapshot_campaign {
        struct sal_launch *launch;
        enum sal_campaign_state state;
        size_t rings_open;
        struct sal_limits *limits; /* one reference; NULL: none */
        size_t held_count;         /* cohort values that are held */
        char (*held)[SAL_COHORT_NAME_BYTES];
};

struct sal_snapshot {
        atomic_int refs;
        bool kill_switch;
        size_t count;
        struct sal_snapshot_campaign campaigns[]; /* by rank: priority, then the earlier start */
};

/* Room for count campaigns, one reference, all zero. NULL without memory. */
struct sal_snapshot *sal_snapshot_new(size_t count);
struct sal_snapshot *sal_snapshot_ref(struct sal_snapshot *snapshot);
void sal_snapshot_unref(struct sal_snapshot *snapshot); /* NULL is allowed */

/* True when one of the machine's cohort values is held in this campaign. */
bool sal_snapshot_held(const struct sal_snapshot_campaign *campaign, const struct sal_facts *facts);

/* Where the newest snapshot is published. */
struct sal_snapshot_slot {
        pthread_mutex_t lock;
        struct sal_snapshot *current;
        atomic_ullong
                generation; /* rises with every publication, so that a reader sees without a lock whether to look */
};

/* Publishes a snapshot (one reference is taken over). */
void sal_snapshot_slot_put(struct sal_snapshot_slot *slot, struct sal_snapshot *snapshot);

/* A reference to the newest one, NULL: none. Any thread. */
struct sal_snapshot *sal_snapshot_slot_now(struct sal_snapshot_slot *slot);
/* Makes every reader look again though the snapshot stayed: what its launches are marked with has changed. */
void sal_snapshot_slot_touch(struct sal_snapshot_slot *slot);

/* Keeps a reader's own reference fresh: *cached and *generation belong to one reader. Locks only when there is news. */
struct sal_snapshot *sal_snapshot_slot_get(struct sal_snapshot_slot *slot, struct sal_snapshot **cached,
                                           unsigned long long *generation);

#endif
