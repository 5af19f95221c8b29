/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading the request line and the headers ---- */

struct line_list {
        struct sal_http_line lines[SAL_HTTP_MAX_HEADERS_IN + 1];
        size_t count;
};

static enum MHD_Result line_add(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                const char *value, size_t value_len) {
        struct line_list *list = cls;
        (void)kind;
        if (list->count > SAL_HTTP_MAX_HEADERS_IN)
                return MHD_NO;
        list->lines[list->count++] = (struct sal_http_line){
                .name = name, .name_len = name_len, .value = value ? value : "", .value_len = value ? value_len : 0};
        return MHD_YES;
}

static enum sal_status headers_decode(struct sal_http_request *request, struct sal_err *reterr) {
        struct line_list list = {.count = 0};
        const union MHD_ConnectionInfo *size =
                MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
        unsigned max = request->lane->plane->config.header_max_bytes;
        if (size && size->header_size > max)
                return sal_fail(reterr, SAL_E_HEADERS, "request line and headers have %zu bytes, %u are allowed",
                                size->header_size, max);
        MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, line_add, &list);
        for (size_t i = 0; i < list.count; i++)
                if (!sal_http_line_is_plain(&list.lines[i]))
                        return sal_fail(reterr, SAL_E_MALFORMED,
                                        "header %zu is folded, holds a NUL or does not end in CR LF", i + 1);
        return sal_http_headers_check(request->version, list.lines, list.count, &request->framing, reterr);
}

static enum sal_status target_decode(struct sal_http_request *request, struct sal_err *reterr) {
        /* The library takes the target for a C string: anything between its end and the version was a NUL. */
        if (request->version != request->target_end + 1)
                return sal_fail(reterr, SAL_E_MALFORMED, "the request line is not \"METHOD target HTTP/1.1\"");
        char *question = strchr(request->target, '?');
        if (question)
                *question++ = '\0';
        enum sal_status status = sal_http_path_check(request->target, reterr);
        if (status || !question || !*question)
                return status;
        struct sal_http_member members[SAL_HTTP_MAX_QUERY];
        status = sal_http_query_parse(question, members, &request->query_count, reterr);
        if (status || request->query_count == 0)
                return status;
        request->query = malloc(request->query_count * sizeof *request->query);
        if (!request->query) {
                request->query_count = 0;
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the query");
        }
        memcpy(request->query, members, request->query_count * sizeof *request->query);
        return SAL_OK;
}

/* Copies the path's parameters, each ended by NUL. */
static enum sal_status params_copy(struct sal_http_request *request, const struct sal_http_match *match,
                                   struct sal_err *reterr) {
        size_t bytes = 0;
        for (size_t i = 0; i < match->param_count; i++)
                bytes += match->values[i].len + 1;
        char *at = request->params = malloc(bytes ? bytes : 1);
        if (!at)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the path");
        for (size_t i = 0; i < match->param_count; i++) {
                request->param_names[i] = match->names[i];
                request->param_values[i] = at;
                memcpy(at, match->values[i].text, match->values[i].len);
                at[match->values[i].len] = '\0';
                at += match->values[i].len + 1;
        }
        request->param_count = match->param_count;
        return SAL_OK;
}

static enum sal_status route_find(struct sal_http_request *request, char ret_allow[static SAL_HTTP_ALLOW_BYTES],
                                  struct sal_err *reterr) {
        struct sal_http_match match;
        enum sal_status status =
                sal_http_router_find(request->lane->plane->router, request->method, request->target, &match, ret_allow);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is nothing at this path");
        if (status == SAL_E_METHOD)
                return sal_fail(reterr, status, "this path answers %s", ret_allow);
        request->route = match.route;
        return params_copy(request, &match, reterr);
}

enum sal_status sal_http_request_decode(struct sal_http_request *request, char ret_allow[static SAL_HTTP_ALLOW_BYTES],
                                        struct sal_err *reterr) {
        ret_allow[0] = '\0';
        enum sal_status status = headers_decode(request, reterr);
        if (status == SAL_OK)
                status = target_decode(request, reterr);
        if (status != SAL_OK) {
                request->close = true; /* who misreads one request may misread where the next begins */
                return status;
        }
        return route_find(request, ret_allow, reterr);
}

/* ---- what handlers ask ---- */

const char *sal_http_method(const struct sal_http_request *request) {
        return request->method ? request->method : "";
}

const char *sal_http_path(const struct sal_http_request *request) {
        return request->target;
}

const char *sal_http_param(const struct sal_http_request *request, const char *name) {
        for (size_t i = 0; i < request->param_count; i++)
                if (strcmp(request->param_names[i], name) == 0)
                        return request->param_values[i];
        return NULL;
}

const char *sal_http_query(const struct sal_http_request *request, const char *key) {
        for (size_t i = 0; i < request->query_count; i++)
                if (strcmp(request->query[i].key, key) == 0)
                        return request->query[i].value;
        return NULL;
}

void sal_http_query_each(const struct sal_http_request *request,
                         void (*each)(void *arg, const char *key, const char *value), void *arg) {
        for (size_t i = 0; i < request->query_count; i++)
                each(arg, request->query[i].key, request->query[i].value);
}

const char *sal_http_header_get(const struct sal_http_request *request, const char *name) {
        return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

const char *sal_http_body_get(const struct sal_http_request *request, size_t *ret_len) {
        *ret_len = request->body.len;
        return request->body.data ? request->body.data : "";
}

const char *sal_http_peer(const struct sal_http_request *request) {
        return request->connection->peer;
}

const char *sal_http_request_id(const struct sal_http_request *request) {
        return request->id;
}

void *sal_http_plane_data(const struct sal_http_request *request) {
        return request->lane->plane->config.data;
}

const void *sal_http_route_data(const struct sal_http_request *request) {
        return request->route ? request->route->data : NULL;
}

struct sal_http_worker *sal_http_request_worker(const struct sal_http_request *request) {
        return request->lane->worker;
}

const struct sal_http_cert_info *sal_http_cert(const struct sal_http_request *request) {
        return sal_http_connection_cert(request->connection);
}

void sal_http_mark_authenticated(struct sal_http_request *request) {
        sal_http_connection_uncount(request->connection);
}

void *sal_http_request_scratch(struct sal_http_request *request, size_t size, void (*on_end)(void *scratch)) {
        if (!request->scratch) {
                request->scratch = calloc(1, size ? size : 1);
                request->scratch_end = request->scratch ? on_end : NULL;
        }
        return request->scratch;
}
