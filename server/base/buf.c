/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_BYTES = 128 };

void sal_buf_done(struct sal_buf *buf) {
        if (!buf)
                return;
        free(buf->data);
        *buf = SAL_BUF_INIT;
}

void sal_buf_clear(struct sal_buf *buf) {
        buf->len = 0;
        buf->failed = false;
        if (buf->data)
                buf->data[0] = '\0';
}

bool sal_buf_reserve(struct sal_buf *buf, size_t more) {
        if (buf->failed)
                return false;
        if (more < buf->cap && buf->len < buf->cap - more)
                return true;
        if (more > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
                buf->failed = true;
                return false;
        }
        size_t need = buf->len + more + 1;
        size_t cap = buf->cap ? buf->cap : SMALLEST_BYTES;
        while (cap < need)
                cap *= 2;
        char *data = realloc(buf->data, cap);
        if (!data) {
                buf->failed = true;
                return false;
        }
        if (!buf->data)
                data[0] = '\0';
        buf->data = data;
        buf->cap = cap;
        return true;
}

void sal_buf_append(struct sal_buf *buf, const void *data, size_t len) {
        if (!sal_buf_reserve(buf, len))
                return;
        if (len)
                memcpy(buf->data + buf->len, data, len);
        buf->len += len;
        buf->data[buf->len] = '\0';
}

void sal_buf_puts(struct sal_buf *buf, const char *text) {
        sal_buf_append(buf, text, strlen(text));
}

void sal_buf_putc(struct sal_buf *buf, char c) {
        sal_buf_append(buf, &c, 1);
}

void sal_buf_printf(struct sal_buf *buf, const char *format, ...) {
        va_list args;
        va_start(args, format);
        int need = vsnprintf(NULL, 0, format, args);
        va_end(args);
        if (need < 0 || !sal_buf_reserve(buf, (size_t)need)) {
                buf->failed = true;
                return;
        }
        va_start(args, format);
        vsnprintf(buf->data + buf->len, (size_t)need + 1, format, args);
        va_end(args);
        buf->len += (size_t)need;
}

char *sal_buf_take(struct sal_buf *buf, size_t *ret_len) {
        if (!sal_buf_reserve(buf, 0)) {
                sal_buf_done(buf);
                return NULL;
        }
        char *data = buf->data;
        if (ret_len)
                *ret_len = buf->len;
        *buf = SAL_BUF_INIT;
        return data;
}
