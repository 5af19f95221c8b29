/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tuf.h"

#include "api/worker.h"

#include <stdio.h>
#include <string.h>

/* A file under a name with a version never changes; timestamp.json does, and a target may be gone at any time. */
static const char cache_versioned[] = "public, max-age=86400";
static const char cache_short[] = "max-age=60";

static struct sal_api_worker *worker_of(const struct sal_http_request *request) {
        return sal_http_worker_data(sal_http_request_worker(request));
}

static void not_found(struct sal_http_request *request) {
        struct sal_err err;
        sal_fail(&err, SAL_E_NOT_FOUND, "there is nothing at %s", sal_http_path(request));
        sal_reply_error(request, &err);
}

static void reply_bytes(struct sal_http_request *request, const char *bytes, size_t len, const char *etag,
                        const char *cache) {
        struct sal_http_reply reply = {.status = 200, .content_type = "application/json"};
        sal_http_reply_header(&reply, "ETag", "%s", etag);
        sal_http_reply_header(&reply, "Cache-Control", "%s", cache);
        if (sal_request_has_etag(request, etag)) {
                reply.status = 304;
                reply.content_type = NULL;
        } else if (!(reply.body = sal_http_body_copy(bytes, len))) {
                sal_reply_error(request, &(struct sal_err){.status = SAL_E_NOMEM});
                return;
        }
        sal_http_reply(request, &reply);
}

void sal_api_tuf_metadata(struct sal_http_request *request) {
        const struct sal_view *view = sal_api_view(worker_of(request));
        const char *name = sal_http_param(request, "name");
        const struct sal_view_file *file = view ? sal_view_find(view, name) : NULL;
        if (!file) {
                not_found(request);
                return;
        }
        bool is_timestamp = file == view->newest[SAL_TUF_FILE_TIMESTAMP];
        reply_bytes(request, file->bytes, file->len, file->etag, is_timestamp ? cache_short : cache_versioned);
}

void sal_api_tuf_policy(struct sal_http_request *request) {
        const struct sal_view *view = sal_api_view(worker_of(request));
        if (!view || strcmp(sal_http_param(request, "name"), view->policy.name) != 0) {
                not_found(request);
                return;
        }
        reply_bytes(request, view->policy.bytes, view->policy.len, view->policy.etag, cache_short);
}

/* Only what is in force and listed: what the signer refused to list is not given away under this name either. */
void sal_api_tuf_campaign(struct sal_http_request *request) {
        const struct sal_snapshot *snapshot = sal_api_snapshot(worker_of(request));
        const char *wanted = sal_http_param(request, "name");
        for (size_t i = 0; !snapshot->kill_switch && i < snapshot->count; i++) {
                const struct sal_launch *launch = snapshot->campaigns[i].launch;
                char name[SAL_VIEW_NAME_BYTES], etag[SAL_SHA256_HEX_BYTES + 2];
                snprintf(name, sizeof name, "%s.%s", launch->sha256, launch->target + strlen("campaigns/"));
                if (!sal_campaign_in_force(snapshot->campaigns[i].state) ||
                    !atomic_load_explicit(&launch->listed, memory_order_acquire) || strcmp(name, wanted) != 0)
                        continue;
                snprintf(etag, sizeof etag, "\"%s\"", launch->sha256);
                reply_bytes(request, launch->envelope, launch->envelope_len, etag, cache_short);
                return;
        }
        not_found(request);
}
