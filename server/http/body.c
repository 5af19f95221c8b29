/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sal_http_body *body_new(char *data, size_t len, int fd, uint64_t offset) {
        struct sal_http_body *body = malloc(sizeof *body);
        if (!body)
                return NULL;
        *body = (struct sal_http_body){.data = data, .len = len, .fd = fd, .offset = offset};
        atomic_init(&body->refs, 1);
        return body;
}

struct sal_http_body *sal_http_body_take(char *data, size_t len) {
        struct sal_http_body *body = data ? body_new(data, len, -1, 0) : NULL;
        if (!body)
                free(data);
        return body;
}

struct sal_http_body *sal_http_body_copy(const void *data, size_t len) {
        char *copy = malloc(len ? len : 1);
        if (copy && len)
                memcpy(copy, data, len);
        return sal_http_body_take(copy, len);
}

struct sal_http_body *sal_http_body_file_take(int fd, uint64_t offset, uint64_t len) {
        struct sal_http_body *body = fd >= 0 ? body_new(NULL, len, fd, offset) : NULL;
        if (!body && fd >= 0)
                close(fd);
        return body;
}

struct sal_http_body *sal_http_body_ref(struct sal_http_body *body) {
        if (body)
                atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
        return body;
}

void sal_http_body_unref(struct sal_http_body *body) {
        if (!body || atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) != 1)
                return;
        if (body->fd >= 0)
                close(body->fd);
        free(body->data);
        free(body);
}
