/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical JSON as TUF signs it (OLPC canonical JSON): members sorted by their bytes (which is code point order in
 * UTF-8), no white space, strings raw but for `\"` and `\\` (a newline stays a newline), integers in plain decimal.
 *
 * Thread: any. Ownership: the value is borrowed, the caller owns the buffer.
 */
#ifndef SAL_TRUST_CANONICAL_H
#define SAL_TRUST_CANONICAL_H

#include "base/buf.h"
#include "base/json.h"

/* Largest magnitude of an integer: 2^53 - 1, which every JSON reader keeps exactly (RFC 8259 section 6). */
#define SAL_CANONICAL_INT_MAX INT64_C(9007199254740991)

/* Appends the canonical form of `value`. Errors: SAL_E_INVALID with the JSON pointer for a number that is not an
 * integer or is too large, and for nesting over SAL_JSON_MAX_DEPTH; SAL_E_NOMEM. On failure the buffer's content is
 * undefined. */
enum sal_status sal_canonical_write(const json_t *value, struct sal_buf *out, struct sal_err *reterr);

#endif
