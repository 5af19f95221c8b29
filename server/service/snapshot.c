/* SPDX-License-Identifier: Apache-2.0 */
#include "service/snapshot.h"

#include "base/encode.h"

#include <string.h>

struct sal_launch *sal_launch_new_take(struct sal_campaign *campaign, char *envelope, size_t envelope_len) {
        struct sal_launch *launch = calloc(1, sizeof *launch);
        if (!launch) {
                sal_campaign_unref(campaign);
                free(envelope);
                return NULL;
        }
        atomic_init(&launch->refs, 1);
        launch->campaign = campaign;
        launch->envelope = envelope;
        launch->envelope_len = envelope_len;
        sal_sha256_hex(envelope, envelope_len, launch->sha256);
        sal_campaign_target_path(campaign->id, campaign->version, launch->target);
        return launch;
}

bool sal_launch_claim(struct sal_launch *launch) {
        if (atomic_load_explicit(&launch->slots, memory_order_relaxed) <= 0)
                return false;
        return atomic_fetch_sub_explicit(&launch->slots, 1, memory_order_acq_rel) > 0;
}

struct sal_launch *sal_launch_ref(struct sal_launch *launch) {
        atomic_fetch_add_explicit(&launch->refs, 1, memory_order_relaxed);
        return launch;
}

void sal_launch_unref(struct sal_launch *launch) {
        if (!launch || atomic_fetch_sub_explicit(&launch->refs, 1, memory_order_acq_rel) != 1)
                return;
        sal_campaign_unref(launch->campaign);
        free(launch->envelope);
        free(launch);
}

struct sal_snapshot *sal_snapshot_new(size_t count) {
        struct sal_snapshot *snapshot = calloc(1, sizeof *snapshot + count * sizeof snapshot->campaigns[0]);
        if (!snapshot)
                return NULL;
        atomic_init(&snapshot->refs, 1);
        snapshot->count = count;
        return snapshot;
}

struct sal_snapshot *sal_snapshot_ref(struct sal_snapshot *snapshot) {
        atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
        return snapshot;
}

void sal_snapshot_unref(struct sal_snapshot *snapshot) {
        if (!snapshot || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1)
                return;
        for (size_t i = 0; i < snapshot->count; i++) {
                sal_launch_unref(snapshot->campaigns[i].launch);
                sal_limits_unref(snapshot->campaigns[i].limits);
                free(snapshot->campaigns[i].held);
        }
        free(snapshot);
}

bool sal_snapshot_held(const struct sal_snapshot_campaign *campaign, const struct sal_facts *facts) {
        if (!campaign->held_count)
                return false;
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_COHORT_NAME_BYTES];
        size_t count = sal_cohorts_of(&campaign->launch->campaign->plan, facts, cohorts);
        for (size_t i = 0; i < count; i++)
                for (size_t n = 0; n < campaign->held_count; n++)
                        if (strcmp(cohorts[i], campaign->held[n]) == 0)
                                return true;
        return false;
}

void sal_snapshot_slot_put(struct sal_snapshot_slot *slot, struct sal_snapshot *snapshot) {
        pthread_mutex_lock(&slot->lock);
        struct sal_snapshot *old = slot->current;
        slot->current = snapshot;
        atomic_fetch_add_explicit(&slot->generation, 1, memory_order_release);
        pthread_mutex_unlock(&slot->lock);
        sal_snapshot_unref(old);
}

struct sal_snapshot *sal_snapshot_slot_now(struct sal_snapshot_slot *slot) {
        pthread_mutex_lock(&slot->lock);
        struct sal_snapshot *current = slot->current ? sal_snapshot_ref(slot->current) : NULL;
        pthread_mutex_unlock(&slot->lock);
        return current;
}

void sal_snapshot_slot_touch(struct sal_snapshot_slot *slot) {
        atomic_fetch_add_explicit(&slot->generation, 1, memory_order_release);
}

struct sal_snapshot *sal_snapshot_slot_get(struct sal_snapshot_slot *slot, struct sal_snapshot **cached,
                                           unsigned long long *generation) {
        if (*cached && atomic_load_explicit(&slot->generation, memory_order_acquire) == *generation)
                return *cached;
        pthread_mutex_lock(&slot->lock);
        struct sal_snapshot *fresh = slot->current ? sal_snapshot_ref(slot->current) : NULL;
        *generation = atomic_load(&slot->generation);
        pthread_mutex_unlock(&slot->lock);
        sal_snapshot_unref(*cached);
        *cached = fresh;
        return fresh;
}
