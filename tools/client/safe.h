/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harmless text: whatever a server, a file or a machine says is shown so that it cannot move the cursor, change
 * colours, hide itself or reorder the line. Control bytes (C0, DEL, C1), direction marks and overrides, zero-width and
 * line-separating characters and broken UTF-8 are written as visible escapes.
 *
 * Thread: any. Ownership: the caller's buffers.
 */
#ifndef SAL_CLIENT_SAFE_H
#define SAL_CLIENT_SAFE_H

#include "base/buf.h"

#include <stddef.h>
#include <stdio.h>

/* Appends `len` bytes of text in a harmless form: "\n" as two characters, other controls as \xNN, hidden or reordering
 * code points as \u{NNNN}, bytes that are no UTF-8 as \xNN. */
void sal_safe_append(struct sal_buf *out, const char *text, size_t len);

/* The same for a NUL-terminated text (NULL: nothing), straight to a stream. */
void sal_safe_print(FILE *stream, const char *text);

/* Columns that harmless text takes on a terminal: 0 for combining, 2 for wide code points. */
size_t sal_safe_columns(const char *text);

#endif
