/* SPDX-License-Identifier: Apache-2.0 */
#include "api/worker.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a, 64 bits: only to tell news from no news within one process. */
static uint64_t hash_text(uint64_t hash, const char *text) {
        for (const char *p = text ? text : ""; *p; p++)
                hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
        return (hash ^ 0xff) * 0x100000001b3u;
}

/* True when this sighting says something new, or the last one is old enough to be said again. */
static bool is_news(struct sal_api_worker *worker, const struct sal_poll *poll, int64_t now_ms) {
        if (!worker->seen)
                worker->seen = calloc(SAL_TOUCH_CACHE, sizeof *worker->seen);
        if (!worker->seen)
                return true;
        uint64_t machine = hash_text(0xcbf29ce484222325u, poll->machine_id);
        uint64_t all = hash_text(hash_text(machine, poll->boot_id), poll->facts_text) + (uint64_t)poll->answer.reason;
        struct sal_touch_seen *seen = &worker->seen[machine % SAL_TOUCH_CACHE];
        if (seen->hash == all && now_ms - seen->at_ms < SAL_TOUCH_AGAIN_MS)
                return false;
        seen->hash = all;
        seen->at_ms = now_ms;
        return true;
}

void sal_api_touch(struct sal_api_worker *worker, const struct sal_poll *poll, int64_t now_ms) {
        if (!is_news(worker, poll, now_ms))
                return;
        if (!worker->touches)
                worker->touches = calloc(1, sizeof *worker->touches);
        if (!worker->touches || worker->touches->count == SAL_TOUCH_BATCH)
                return; /* last seen is only as good as memory */
        struct sal_touch *touch = &worker->touches->items[worker->touches->count++];
        *touch = (struct sal_touch){.identity = poll->identity,
                                    .reason = poll->reason,
                                    .volume_locked = poll->volume_locked,
                                    .answer = poll->answer.reason,
                                    .at_ms = now_ms};
        snprintf(touch->machine_id, sizeof touch->machine_id, "%s", poll->machine_id);
        snprintf(touch->boot_id, sizeof touch->boot_id, "%s", poll->boot_id);
        touch->facts_text = strdup(poll->facts_text ? poll->facts_text : "{}");
        if (worker->touches->count == SAL_TOUCH_BATCH)
                sal_api_touch_flush(worker);
}

struct touch_job {
        struct sal_service *service;
        struct sal_touch_batch *batch;
};

static enum sal_status run(struct sal_tx *tx, void *arg) {
        struct touch_job *job = arg;
        enum sal_status status = SAL_OK;
        for (size_t i = 0; !status && i < job->batch->count; i++)
                status = sal_touch_run(job->service, tx, &job->batch->items[i]);
        return status;
}

static void done(void *arg, enum sal_status status) {
        (void)status; /* nobody waits for a sighting; the machine will be seen again */
        struct touch_job *job = arg;
        for (size_t i = 0; i < job->batch->count; i++)
                free(job->batch->items[i].facts_text);
        free(job->batch);
        free(job);
}

void sal_api_touch_flush(struct sal_api_worker *worker) {
        if (!worker->touches)
                return;
        struct touch_job *job = malloc(sizeof *job);
        if (!job)
                return; /* tried again at the next flush */
        *job = (struct touch_job){.service = worker->api->service, .batch = SAL_STEAL(worker->touches)};
        if (sal_ledger_submit(job->service->ledger, SAL_LANE_POLL, run, done, job))
                done(job, SAL_E_OVERLOADED);
}
