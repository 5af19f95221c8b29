/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "base/encode.h"
#include "service/publication.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- problem documents ---- */

static json_t *problem_json(const struct sal_err *err) {
        const struct sal_status_info *info = sal_status_info(err->status);
        char type[96];
        snprintf(type, sizeof type, "urn:salvor:problem:%s", info->slug);
        json_t *problem = json_pack("{s:s, s:s, s:i, s:s}", "type", type, "title", info->title, "status", info->http,
                                    "detail", err->detail[0] ? err->detail : info->title);
        if (!problem)
                return NULL;
        if (err->hint[0])
                json_object_set_new(problem, "hint", json_string(err->hint));
        if (err->status == SAL_E_ACKNOWLEDGE)
                json_object_set_new(problem, "acknowledge", json_string(err->ref));
        else if (err->ref[0])
                json_object_set_new(problem, err->status == SAL_E_CONFLICT ? "state" : "ref", json_string(err->ref));
        if (info->http == 400 || err->pointer[0])
                json_object_set_new(problem, "errors",
                                    json_pack("[{s:s, s:s}]", "pointer", err->pointer, "detail",
                                              err->detail[0] ? err->detail : info->title));
        return problem;
}

void sal_api_error_reply(struct sal_http_request *request, const struct sal_err *err, struct sal_http_reply *ret) {
        (void)request;
        const struct sal_status_info *info = sal_status_info(err->status);
        ret->status = info->http;
        ret->content_type = "application/problem+json";
        if (info->http == 429 || info->http == 503) {
                /* Jitter, so that those who were refused together do not come back together. */
                uint8_t random;
                sal_random(&random, sizeof random);
                sal_http_reply_header(ret, "Retry-After", "%d", 2 + random % 14);
        }
        if (info->http == 401)
                sal_http_reply_header(ret, "WWW-Authenticate", "Bearer realm=\"salvor\"");
        sal_autojson json_t *problem = problem_json(err);
        char *text = problem ? sal_json_dump(problem) : NULL;
        ret->body = text ? sal_http_body_take(text, strlen(text)) : NULL;
}

void sal_reply_error(struct sal_http_request *request, const struct sal_err *err) {
        struct sal_http_reply reply = {0};
        sal_api_error_reply(request, err, &reply);
        sal_http_reply(request, &reply);
}

void sal_reply_json_take(struct sal_http_request *request, int http_status, json_t *json) {
        char *text = json ? sal_json_dump(json) : NULL;
        json_decref(json);
        if (!text) {
                sal_reply_error(request, &(struct sal_err){.status = SAL_E_NOMEM});
                return;
        }
        struct sal_http_reply reply = {.status = http_status, .content_type = "application/json"};
        sal_http_reply_header(&reply, "Cache-Control", "no-store");
        reply.body = sal_http_body_take(text, strlen(text));
        sal_http_reply(request, &reply);
}

/* RFC 9110 section 13.1.2: a list of entity tags, or "*"; weak comparison. */
bool sal_request_has_etag(const struct sal_http_request *request, const char *etag) {
        const char *list = sal_http_header_get(request, "If-None-Match");
        if (!list)
                return false;
        if (strcmp(list, "*") == 0)
                return true;
        return strstr(list, etag) != NULL;
}

void sal_reply_document_take(struct sal_http_request *request, char *text_take, size_t len, const char *content_type,
                             const char *cache_control) {
        if (!text_take) {
                sal_reply_error(request, &(struct sal_err){.status = SAL_E_NOMEM});
                return;
        }
        char sha256[SAL_SHA256_HEX_BYTES], etag[SAL_SHA256_HEX_BYTES + 2];
        sal_sha256_hex(text_take, len, sha256);
        snprintf(etag, sizeof etag, "\"%s\"", sha256);
        struct sal_http_reply reply = {.status = 200, .content_type = content_type};
        sal_http_reply_header(&reply, "ETag", "%s", etag);
        sal_http_reply_header(&reply, "Cache-Control", "%s", cache_control);
        if (sal_request_has_etag(request, etag)) {
                reply.status = 304;
                reply.content_type = NULL;
                free(text_take);
        } else {
                reply.body = sal_http_body_take(text_take, len);
        }
        sal_http_reply(request, &reply);
}

/* ---- requests ---- */

enum sal_status sal_request_type(const struct sal_http_request *request, const char *const *types,
                                 struct sal_err *reterr) {
        const char *type = sal_http_header_get(request, "Content-Type");
        size_t len = type ? strcspn(type, "; \t") : 0;
        for (size_t i = 0; type && types[i]; i++)
                if (strlen(types[i]) == len && strncasecmp(types[i], type, len) == 0)
                        return SAL_OK;
        return sal_fail(reterr, SAL_E_MEDIA_TYPE, "the body's Content-Type must be %s", types[0]);
}

enum sal_status sal_request_json(const struct sal_http_request *request, json_t **ret, struct sal_err *reterr) {
        static const char *const types[] = {"application/json", NULL};
        size_t len = 0;
        const char *body = sal_http_body_get(request, &len);
        enum sal_status status = sal_request_type(request, types, reterr);
        if (status)
                return status;
        sal_autojson json_t *json = NULL;
        status = sal_json_parse(body, len, SAL_JSON_MAX_DEPTH, &json, reterr);
        if (status)
                return status;
        if (!json_is_object(json))
                return sal_fail_at(reterr, SAL_E_INVALID, "", "the body must be a JSON object");
        *ret = SAL_STEAL(json);
        return SAL_OK;
}

const char *sal_request_bearer(const struct sal_http_request *request) {
        const char *value = sal_http_header_get(request, "Authorization");
        if (!value || strncasecmp(value, "Bearer ", 7) != 0)
                return NULL;
        return value + 7;
}

enum sal_status sal_request_number(const char *name, const char *text, int64_t min, int64_t max, int64_t *inout,
                                   struct sal_err *reterr) {
        if (!text)
                return SAL_OK;
        int64_t value = 0;
        bool good = text[0] != '\0' && strlen(text) <= 18;
        for (const char *p = text; *p && good; p++) {
                good = *p >= '0' && *p <= '9';
                value = value * 10 + (*p - '0');
        }
        if (!good || value < min || value > max)
                return sal_fail(reterr, SAL_E_INVALID, "%s must be a whole number, %lld to %lld", name, (long long)min,
                                (long long)max);
        *inout = value;
        return SAL_OK;
}

/* ---- to the ledger and back ---- */

static void finish_on_worker(struct sal_http_worker *worker, void *arg) {
        (void)worker;
        struct sal_call *call = arg;
        if (!call->status)
                call->status = call->refused;
        bool ended = true;
        if (call->status) {
                if (call->err.status != call->status)
                        call->err = (struct sal_err){.status = call->status};
                sal_reply_error(call->request, &call->err);
        } else {
                ended = call->finish(call);
        }
        if (ended)
                call->release(call);
}

static enum sal_status run_call(struct sal_tx *tx, void *arg) {
        struct sal_call *call = arg;
        return call->run(tx, call);
}

/* Back to the worker. Any thread. */
static void go_back(void *arg) {
        struct sal_call *call = arg;
        if (sal_http_worker_post(sal_http_request_worker(call->request), finish_on_worker, call) == SAL_OK)
                return;
        sal_reply_error(call->request, &(struct sal_err){.status = SAL_E_NOMEM});
        call->release(call);
}

static void call_done(void *arg, enum sal_status status) {
        struct sal_call *call = arg;
        struct sal_publication *publication = call->api->service->publication;
        call->status = status;
        if (publication && call->when_published && !status && !call->refused)
                sal_publication_wait(publication, go_back, call);
        else
                go_back(call);
}

void sal_call_submit(struct sal_call *call, enum sal_lane lane) {
        sal_http_defer(call->request);
        sal_call_enqueue(call, lane);
}

void sal_call_enqueue(struct sal_call *call, enum sal_lane lane) {
        if (sal_ledger_submit(call->api->service->ledger, lane, run_call, call_done, call) == SAL_OK)
                return;
        struct sal_err err;
        sal_fail(&err, SAL_E_OVERLOADED, "the queue to the ledger is full; ask again later");
        sal_reply_error(call->request, &err);
        call->release(call);
}
