/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call: one request's way to the ledger and back. Private to api/. Also the small helpers that every handler uses.
 *
 * Threads: run on the ledger's thread, finish on the request's worker. Ownership: a call is freed after finish.
 */
#ifndef SAL_API_CALL_H
#define SAL_API_CALL_H

#include "api/api.h"

/* Embedded first in a handler's own struct. */
struct sal_call {
        struct sal_api *api;
        struct sal_http_request *request;
        enum sal_status status;
        enum sal_status refused; /* run refused, but what it wrote on the way shall stay: run itself returned SAL_OK */
        struct sal_err err;
        bool when_published; /* answered once what it committed is public (or could not be made so) */
        enum sal_status (*run)(struct sal_tx *tx, struct sal_call *call);
        /* Replies; not called when status says failure, for then the problem was sent. False: the call lives on (a held
         * poll, the next piece of an import) and must not be released. */
        bool (*finish)(struct sal_call *call);
        void (*release)(struct sal_call *call); /* frees the struct and what it owns */
};

/* Sends the call to the ledger; the request is deferred. A full lane is answered with 503 at once, and the call is
 * released. */
void sal_call_submit(struct sal_call *call, enum sal_lane lane);

/* The same for a request that was deferred before. Any thread. */
void sal_call_enqueue(struct sal_call *call, enum sal_lane lane);

/* ---- replies ---- */

/* Replies a problem document; err->status decides everything else. */
void sal_reply_error(struct sal_http_request *request, const struct sal_err *err);
/* Replies a JSON document; takes the reference over. NULL: 500. */
void sal_reply_json_take(struct sal_http_request *request, int http_status, json_t *json);
/* The same with a strong ETag made from the text; If-None-Match: 304. */
void sal_reply_document_take(struct sal_http_request *request, char *text_take, size_t len, const char *content_type,
                             const char *cache_control);

/* ---- requests ---- */

/* SAL_E_MEDIA_TYPE unless the body's type is one of `types` (NULL-terminated; parameters are ignored). */
enum sal_status sal_request_type(const struct sal_http_request *request, const char *const *types,
                                 struct sal_err *reterr);
/* Reads a JSON object body (application/json). Errors: SAL_E_MEDIA_TYPE, SAL_E_MALFORMED, SAL_E_INVALID. */
enum sal_status sal_request_json(const struct sal_http_request *request, json_t **ret, struct sal_err *reterr);
/* True when If-None-Match names this entity tag (with its quotes), or "*": answer 304. RFC 9110 section 13.1.2. */
bool sal_request_has_etag(const struct sal_http_request *request, const char *etag);
/* The bearer token, or NULL. */
const char *sal_request_bearer(const struct sal_http_request *request);
/* A whole number in a query member or a path parameter. text NULL: *inout stays. SAL_E_INVALID names it. */
enum sal_status sal_request_number(const char *name, const char *text, int64_t min, int64_t max, int64_t *inout,
                                   struct sal_err *reterr);

#endif
