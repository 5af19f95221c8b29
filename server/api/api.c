/* SPDX-License-Identifier: Apache-2.0 */
#include "api/worker.h"

#include "base/log.h"

#include <string.h>

enum sal_status sal_api_init(struct sal_api *api, struct sal_service *service, unsigned workers) {
        static const struct sal_operators nobody;
        *api = (struct sal_api){.service = service, .worker_count = workers};
        atomic_init(&api->operators, &nobody);
        api->workers = calloc(workers, sizeof *api->workers);
        if (!api->workers)
                return SAL_E_NOMEM;
        for (unsigned i = 0; i < workers; i++)
                api->workers[i].api = api;
        return SAL_OK;
}

struct sal_snapshot *sal_api_snapshot(struct sal_api_worker *worker) {
        return sal_snapshot_slot_get(&worker->api->service->snapshots, &worker->snapshot, &worker->snapshot_generation);
}

const struct sal_view *sal_api_view(struct sal_api_worker *worker) {
        struct sal_publication *publication = worker->api->service->publication;
        return publication ? sal_publication_view_get(publication, &worker->view, &worker->view_generation) : NULL;
}

static void review(struct sal_http_worker *worker, void *arg) {
        (void)arg;
        sal_api_held_review(sal_http_worker_data(worker), false);
}

static void drain(struct sal_http_worker *worker, void *arg) {
        (void)arg;
        sal_api_held_review(sal_http_worker_data(worker), true);
}

static void flush(struct sal_http_worker *worker, void *arg) {
        (void)worker;
        sal_api_touch_flush(arg);
}

/* On the ledger's thread after a commit, or on the publisher's. */
static void on_change(void *arg) {
        const struct sal_api *api = arg;
        sal_http_each_worker(api->http, review, NULL);
}

static void on_event(void *arg, const char *event, const char *campaign, int64_t version, const char *text) {
        (void)arg;
        if (*campaign)
                sal_log(SAL_LOG_NOTICE, event, SAL_F_STR("campaign", campaign), SAL_F_INT("version", version),
                        SAL_F_STR("what", text));
        else
                sal_log(SAL_LOG_NOTICE, event, SAL_F_STR("what", text));
}

void sal_api_attach(struct sal_api *api, struct sal_http_server *http) {
        api->http = http;
        for (unsigned i = 0; i < api->worker_count; i++) {
                sal_http_worker_set_data(http, i, &api->workers[i]);
                sal_http_worker_every(http, i, SAL_TOUCH_FLUSH_MS, flush, &api->workers[i]);
        }
        api->service->on_change = on_change;
        api->service->on_change_arg = api;
        api->service->on_event = on_event;
        api->service->on_event_arg = api;
}

void sal_api_drain(struct sal_api *api) {
        atomic_store(&api->draining, true);
        sal_http_each_worker(api->http, drain, NULL);
}

void sal_api_done(struct sal_api *api) {
        for (unsigned i = 0; api->workers && i < api->worker_count; i++) {
                struct sal_api_worker *worker = &api->workers[i];
                sal_snapshot_unref(worker->snapshot);
                sal_view_unref(worker->view);
                free(worker->seen);
                if (!worker->touches)
                        continue;
                for (size_t n = 0; n < worker->touches->count; n++)
                        free(worker->touches->items[n].facts_text);
                free(worker->touches);
        }
        free(api->workers);
        api->workers = NULL;
}
