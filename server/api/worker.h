/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one worker keeps for the machine plane: the newest snapshot and view, its held polls, and the sightings that
 * wait to be written. Private to api/.
 *
 * Thread: the worker's own. Ownership: struct sal_api owns the array; held polls own themselves until they are
 * answered.
 */
#ifndef SAL_API_WORKER_H
#define SAL_API_WORKER_H

#include "api/call.h"
#include "service/machine_plane.h"
#include "service/publication.h"

enum { SAL_TOUCH_BATCH = 256, SAL_TOUCH_CACHE = 65536, SAL_TOUCH_AGAIN_MS = 30000, SAL_TOUCH_FLUSH_MS = 250 };

struct sal_held_poll;

/* Where a machine's newest sighting was written from: the same again within 30 s is no news. */
struct sal_touch_seen {
        uint64_t hash; /* of machine, boot, facts and answer */
        int64_t at_ms;
};

struct sal_touch_batch {
        size_t count;
        struct sal_touch items[SAL_TOUCH_BATCH];
};

struct sal_api_worker {
        struct sal_api *api;
        struct sal_snapshot *snapshot;
        unsigned long long snapshot_generation;
        struct sal_view *view; /* what is public */
        unsigned long long view_generation;
        /* Held polls in the order in which they came. */
        struct sal_held_poll *held_first, *held_last;
        unsigned long long held_generation; /* of the snapshot that they were looked at with */
        struct sal_touch_batch *touches;    /* being filled, or NULL */
        struct sal_touch_seen *seen;        /* SAL_TOUCH_CACHE entries, made at the first sighting */
};

/* The newest snapshot; borrowed until the next call. */
struct sal_snapshot *sal_api_snapshot(struct sal_api_worker *worker);

/* What is public now, NULL when nothing is published at all; borrowed until the next call. */
const struct sal_view *sal_api_view(struct sal_api_worker *worker);

/* Remembers that a machine was seen, unless that is no news. */
void sal_api_touch(struct sal_api_worker *worker, const struct sal_poll *poll, int64_t now_ms);
/* Sends what has gathered to the ledger. */
void sal_api_touch_flush(struct sal_api_worker *worker);

/* Looks at every held poll again: the snapshot changed, or slots appeared. drain: answers them all. */
void sal_api_held_review(struct sal_api_worker *worker, bool drain);

#endif
