/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/*
 * The life of a request:
 *
 *   LINE ---- headers ----> BODY ---- complete ----> HANDLER ---- answer ----> QUEUED ---- sent ----> freed
 *     |                      |                          |  ^
 *     +---- refused ---> SWALLOW ---- complete ----+    +--+ suspended: deferred or held
 *                                                  +---------------------------^
 * An answer that the library gets in the first call closes the connection, and one in the middle of a body is not taken
 * at all: so a refusal is kept until the body has been swallowed, unless that would be long or the client asked first.
 */

static struct sal_http_request *request_new(struct sal_http_lane *lane, struct MHD_Connection *mhd,
                                            const char *target) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct sal_http_server *server = lane->plane->server;
        struct sal_http_request *request = calloc(1, sizeof *request);
        if (!request || !info || !info->socket_context || !(request->target = strdup(target ? target : ""))) {
                free(request);
                return NULL;
        }
        request->lane = lane;
        request->mhd = mhd;
        request->connection = info->socket_context;
        request->target_end = target ? target + strlen(target) : NULL;
        request->start_us = sal_clock_mono_us();
        request->heap_index = SIZE_MAX;
        snprintf(request->id, sizeof request->id, "%06x%010llx", (unsigned)(server->id_prefix & 0xffffff),
                 (unsigned long long)atomic_fetch_add_explicit(&server->next_id, 1, memory_order_relaxed) &
                         0xffffffffffULL);
        return request;
}

void *sal_http_on_request_line(void *cls, const char *target, struct MHD_Connection *mhd) {
        struct sal_http_lane *lane = cls;
        lane->pump.progress++;
        return request_new(lane, mhd, target);
}

void sal_http_request_free(struct sal_http_request *request) {
        if (request->scratch && request->scratch_end)
                request->scratch_end(request->scratch);
        if (request->response)
                MHD_destroy_response(request->response);
        free(request->scratch);
        free(request->target);
        free(request->params);
        free(request->query);
        sal_buf_done(&request->body);
        free(request);
}

/* ---- suspending and going on ---- */

void sal_http_request_suspend(struct sal_http_request *request) {
        if (request->suspended)
                return;
        request->suspended = true;
        request->parked = true;
        DL_APPEND(request->lane->worker->suspended, request);
        MHD_suspend_connection(request->mhd);
}

/* The library calls the access handler again in its next round, which queues the answer. */
void sal_http_request_resume(struct sal_http_request *request) {
        sal_http_hold_end(request);
        if (!request->suspended)
                return;
        request->suspended = false;
        if (request->parked)
                DL_DELETE(request->lane->worker->suspended, request);
        request->parked = false;
        MHD_resume_connection(request->mhd);
        sal_http_pump_kick(&request->lane->pump);
}

void sal_http_defer(struct sal_http_request *request) {
        sal_http_hold_end(request);
        request->deferred = true;
        sal_http_request_suspend(request);
}

/* ---- the library's calls ---- */

static enum MHD_Result queue(struct sal_http_request *request) {
        if (!request->response)
                return MHD_NO; /* without memory for an answer: cut off */
        enum MHD_Result result = MHD_queue_response(request->mhd, (unsigned)request->status, request->response);
        MHD_destroy_response(request->response);
        request->response = NULL;
        request->stage = SAL_HTTP_STAGE_QUEUED;
        return result;
}

/* The answer is fixed before the body has come. */
static enum MHD_Result refused(struct sal_http_request *request) {
        const struct sal_http_framing *framing = &request->framing;
        bool body = framing->chunked || framing->length > 0;
        bool unclear = request->close;
        bool long_body = framing->length > SAL_HTTP_SWALLOW_BYTES;
        if (unclear || (body && (framing->expects_continue || long_body)))
                return queue(request); /* closes the connection */
        request->stage = SAL_HTTP_STAGE_SWALLOW;
        sal_http_connection_phase(request->connection, SAL_HTTP_PHASE_BODY);
        return MHD_YES;
}

static enum sal_status body_expect(struct sal_http_request *request, struct sal_err *reterr) {
        const struct sal_http_route *route = request->route;
        const struct sal_http_framing *framing = &request->framing;
        uint64_t fallback = request->lane->plane->config.body_max_bytes;
        request->body_max_bytes = route->body_max_bytes ? route->body_max_bytes : fallback;
        if (route->body == SAL_HTTP_BODY_NONE && (framing->chunked || framing->length > 0))
                return sal_fail(reterr, SAL_E_MALFORMED, "this request takes no body");
        if (framing->length > request->body_max_bytes)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "the body has %llu bytes, %llu are allowed",
                                (unsigned long long)framing->length, (unsigned long long)request->body_max_bytes);
        return SAL_OK;
}

/* First call: the headers are complete. */
static enum MHD_Result on_headers(struct sal_http_request *request, const char *method, const char *version) {
        struct sal_err err = {0};
        char allow[SAL_HTTP_ALLOW_BYTES];
        request->method = method;
        request->version = version;
        request->live = true;
        atomic_fetch_add(&request->lane->plane->server->live, 1);
        enum sal_status status = sal_http_request_decode(request, allow, &err);
        if (status == SAL_OK)
                status = body_expect(request, &err);
        if (status != SAL_OK) {
                sal_http_refuse(request, &err, allow);
                return refused(request);
        }
        if (request->route->on_headers && !request->route->on_headers(request)) {
                sal_fail(&err, SAL_E_INTERNAL, "the request was refused without an answer");
                if (!request->answered)
                        sal_http_refuse(request, &err, NULL);
                return refused(request);
        }
        request->stage = SAL_HTTP_STAGE_BODY;
        sal_http_connection_phase(request->connection, SAL_HTTP_PHASE_BODY);
        request->connection->streaming = request->route->body == SAL_HTTP_BODY_STREAM;
        return MHD_YES;
}

static void too_large(struct sal_http_request *request) {
        struct sal_err err = {0};
        sal_fail(&err, SAL_E_TOO_LARGE, "the body has more than %llu bytes",
                 (unsigned long long)request->body_max_bytes);
        sal_buf_done(&request->body);
        sal_http_refuse(request, &err, NULL);
        request->stage = SAL_HTTP_STAGE_SWALLOW;
}

/* A piece of the body. */
static enum MHD_Result on_data(struct sal_http_request *request, const char *data, size_t len) {
        uint64_t seen = request->connection->body_bytes += len;
        request->lane->pump.progress++;
        if (request->stage == SAL_HTTP_STAGE_BODY && seen > request->body_max_bytes)
                too_large(request);
        if (request->stage == SAL_HTTP_STAGE_SWALLOW) {
                bool enough = seen > request->body_max_bytes + SAL_HTTP_SWALLOW_BYTES;
                return enough ? MHD_NO : MHD_YES;
        }
        if (request->route->body == SAL_HTTP_BODY_BUFFER) {
                sal_buf_append(&request->body, data, len);
                return request->body.failed ? MHD_NO : MHD_YES;
        }
        if (request->route->on_body && !request->route->on_body(request, data, len)) {
                if (!request->answered)
                        request->route->handle(request);
                request->stage = SAL_HTTP_STAGE_SWALLOW;
                return request->answered ? MHD_YES : MHD_NO;
        }
        return MHD_YES;
}

static enum MHD_Result dispatch(struct sal_http_request *request) {
        sal_http_connection_phase(request->connection, SAL_HTTP_PHASE_REPLY);
        request->stage = SAL_HTTP_STAGE_HANDLER;
        if (!request->answered)
                request->route->handle(request);
        if (request->suspended)
                return MHD_YES;
        if (!request->answered) {
                struct sal_err err = {0};
                sal_fail(&err, SAL_E_INTERNAL, "the request was left without an answer");
                sal_http_refuse(request, &err, NULL);
        }
        return queue(request);
}

enum MHD_Result sal_http_on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *data, size_t *data_len, void **context) {
        struct sal_http_request *request = *context;
        struct sal_http_lane *lane = cls;
        (void)mhd, (void)url;
        if (!request || request->gone)
                return MHD_NO;
        if (*data_len) {
                size_t len = *data_len;
                *data_len = 0;
                return on_data(request, data, len);
        }
        lane->pump.progress++;
        switch (request->stage) {
        case SAL_HTTP_STAGE_LINE:
                return on_headers(request, method, version);
        case SAL_HTTP_STAGE_BODY:
        case SAL_HTTP_STAGE_SWALLOW:
                return dispatch(request);
        case SAL_HTTP_STAGE_HANDLER:
                return request->answered ? queue(request) : MHD_YES;
        case SAL_HTTP_STAGE_QUEUED:
                return MHD_YES;
        }
        return MHD_NO;
}

void sal_http_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                           enum MHD_RequestTerminationCode code) {
        struct sal_http_lane *lane = cls;
        struct sal_http_request *request = *context;
        (void)mhd, (void)code;
        *context = NULL;
        if (!request)
                return;
        lane->pump.progress++;
        if (request->live)
                atomic_fetch_sub(&lane->plane->server->live, 1);
        if (request->stage == SAL_HTTP_STAGE_QUEUED)
                sal_http_stats_answered(lane->plane->stats, request->status,
                                        request->due_ms ? -1 : sal_clock_mono_us() - request->start_us);
        sal_http_connection_phase(request->connection, SAL_HTTP_PHASE_NEXT);
        if (request->orphan)
                DL_APPEND(lane->worker->orphans, request);
        else
                sal_http_request_free(request);
}
