/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in a payload, put into sentences for a person who is about to sign: nothing in it may pass for the words
 * around it.
 *
 * Thread: any. Ownership: the caller's buffers.
 */
#ifndef SAL_MODEL_QUOTE_H
#define SAL_MODEL_QUOTE_H

#include "base/buf.h"

enum sal_quote {
        SAL_QUOTE_NAME,  /* as it is when it has only [A-Za-z0-9._:/\${}*?-], else as a value; a path, a service */
        SAL_QUOTE_VALUE, /* in double quotes, ASCII only */
        SAL_QUOTE_PROSE, /* in double quotes; letters that are not ASCII stay: a title */
};

/* Appends the text (NULL: nothing). Within the quotes: \" and \\; control bytes, each space behind a space and, but in
 * prose, every code point that is not ASCII as \u{XXXX}; bytes that are no UTF-8 (RFC 3629) as \xNN. */
void sal_quote(struct sal_buf *out, const char *text, enum sal_quote how);
/* The same of at most max_bytes (1..) of the text, whole code points; "..." behind the quote says that it was cut. */
void sal_quote_short(struct sal_buf *out, const char *text, enum sal_quote how, size_t max_bytes);

#endif
