/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

bool sal_http_reply_header(struct sal_http_reply *reply, const char *static_name, const char *format, ...) {
        if (reply->header_count == SAL_HTTP_MAX_HEADERS)
                return false;
        struct sal_http_header *header = &reply->headers[reply->header_count];
        va_list args;
        va_start(args, format);
        int len = vsnprintf(header->value, sizeof header->value, format, args);
        va_end(args);
        if (len < 0 || (size_t)len >= sizeof header->value)
                return false;
        for (int i = 0; i < len; i++)
                if ((unsigned char)header->value[i] < 0x20 || header->value[i] == 0x7f)
                        return false;
        header->name = static_name;
        reply->header_count++;
        return true;
}

/* Where a large body is read from, block by block; each block is progress, which keeps the pump going. */
struct cursor {
        struct sal_http_body *body;
        struct sal_http_pump *pump;
};

static ssize_t cursor_read(void *cls, uint64_t position, char *out, size_t max) {
        const struct cursor *cursor = cls;
        const struct sal_http_body *body = cursor->body;
        cursor->pump->progress++;
        uint64_t left = position < body->len ? body->len - position : 0;
        size_t len = left < max ? (size_t)left : max;
        if (len == 0)
                return MHD_CONTENT_READER_END_OF_STREAM;
        if (body->fd < 0) {
                memcpy(out, body->data + position, len);
                return (ssize_t)len;
        }
        ssize_t got = pread(body->fd, out, len, (off_t)(body->offset + position));
        return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void cursor_free(void *cls) {
        struct cursor *cursor = cls;
        sal_http_body_unref(cursor->body);
        free(cursor);
}

static void body_free(void *cls) {
        sal_http_body_unref(cls);
}

/* Consumes the body. NULL without memory. */
static struct MHD_Response *response_new(struct sal_http_pump *pump, struct sal_http_body *body) {
        struct MHD_Response *response = NULL;
        if (!body || body->len == 0) {
                sal_http_body_unref(body);
                return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
        }
        if (body->fd < 0 && body->len <= SAL_HTTP_BLOCK_BYTES) {
                response = MHD_create_response_from_buffer_with_free_callback_cls((size_t)body->len, body->data,
                                                                                  body_free, body);
                if (!response)
                        sal_http_body_unref(body);
                return response;
        }
        struct cursor *cursor = malloc(sizeof *cursor);
        if (cursor) {
                *cursor = (struct cursor){.body = body, .pump = pump};
                response = MHD_create_response_from_callback(body->len, SAL_HTTP_BLOCK_BYTES, cursor_read, cursor,
                                                             cursor_free);
        }
        if (!response) {
                free(cursor);
                sal_http_body_unref(body);
        }
        return response;
}

/* libmicrohttpd's response of a reply; any thread. Consumes reply->body. NULL without memory. */
static struct MHD_Response *response_build(struct sal_http_request *request, const struct sal_http_reply *reply) {
        struct MHD_Response *response = response_new(&request->lane->pump, reply->body);
        if (!response)
                return NULL;
        bool ok = MHD_add_response_header(response, "X-Request-Id", request->id) == MHD_YES;
        if (reply->content_type)
                ok = ok && MHD_add_response_header(response, "Content-Type", reply->content_type) == MHD_YES;
        for (size_t i = 0; i < reply->header_count; i++)
                ok = ok &&
                     MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value) == MHD_YES;
        if (request->close || atomic_load_explicit(&request->lane->plane->draining, memory_order_relaxed))
                ok = ok && MHD_add_response_header(response, "Connection", "close") == MHD_YES;
        if (ok)
                return response;
        MHD_destroy_response(response);
        return NULL;
}

void sal_http_reply(struct sal_http_request *request, const struct sal_http_reply *reply) {
        struct MHD_Response *response = response_build(request, reply);
        if (sal_http_here != request->lane->worker) {
                request->response = response;
                request->status = reply->status;
                sal_http_worker_post_answer(request);
                return;
        }
        if (request->answered) { /* a second answer would be a fault of the caller; the first one stands */
                if (response)
                        MHD_destroy_response(response);
                return;
        }
        request->response = response;
        request->status = reply->status;
        request->answered = true;
        sal_http_request_resume(request);
}

void sal_http_refuse(struct sal_http_request *request, const struct sal_err *err, const char *allow) {
        const struct sal_http_plane_config *config = &request->lane->plane->config;
        struct sal_http_reply reply = {0};
        if (config->error_reply) {
                config->error_reply(request, err, &reply);
        } else {
                reply.content_type = "text/plain; charset=utf-8";
                reply.body = sal_http_body_copy(err->detail, strlen(err->detail));
        }
        if (reply.status == 0)
                reply.status = sal_status_info(err->status)->http;
        if (allow && *allow)
                sal_http_reply_header(&reply, "Allow", "%s", allow);
        sal_http_reply(request, &reply);
}
