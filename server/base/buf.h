/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer. It remembers the first failure (out of memory), so that a writer may append freely and look
 * at `failed` once, at the end.
 *
 * Thread: one at a time. Ownership: the buffer owns `data` until sal_buf_take.
 */
#ifndef SAL_BASE_BUF_H
#define SAL_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct sal_buf {
        char *data; /* NUL-terminated whenever it is not NULL; the NUL is not counted in len */
        size_t len;
        size_t cap;
        bool failed;
};

#define SAL_BUF_INIT ((struct sal_buf){0})
#define sal_autobuf __attribute__((cleanup(sal_buf_done)))

/* Frees the memory; the buffer is empty and usable again. NULL is allowed. */
void sal_buf_done(struct sal_buf *buf);

/* Empties the buffer and keeps its memory. */
void sal_buf_clear(struct sal_buf *buf);

/* Makes room for at least `more` further bytes. Returns false (and sets failed) without memory. */
bool sal_buf_reserve(struct sal_buf *buf, size_t more);

/* Append bytes (data may be NULL when len is 0), a text, a byte, a formatted text. Without memory they set failed and
 * leave the rest as it was. */
void sal_buf_append(struct sal_buf *buf, const void *data, size_t len);
void sal_buf_puts(struct sal_buf *buf, const char *text);
void sal_buf_putc(struct sal_buf *buf, char c);
void sal_buf_printf(struct sal_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Hands over the bytes (to be freed with free) and their number; NULL when the buffer failed. The buffer is then empty.
 */
char *sal_buf_take(struct sal_buf *buf, size_t *ret_len);

#endif
