/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request framing that libmicrohttpd is too kind about: the raw target, the query and the headers are judged here,
 * before any handler, so that no two readers of one request can understand it differently (RFC 9112 section 11).
 *
 * Thread: any; pure functions. Ownership: results point into the text that was given.
 */
#ifndef SAL_HTTP_FRAMING_H
#define SAL_HTTP_FRAMING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAL_HTTP_MAX_QUERY = 32, SAL_HTTP_MAX_HEADERS_IN = 64 };

/* Checks the path of a target: it starts with "/", holds only [A-Za-z0-9._~:/-], and no segment is empty, "." or ".."
 * ("/" alone is a path; a "/" at the end is an empty segment). Errors: SAL_E_MALFORMED. */
enum sal_status sal_http_path_check(const char *path, struct sal_err *reterr);

struct sal_http_member {
        const char *key;
        const char *value; /* "" when the member has no "=" */
};

/* Decodes a query in place: members parted by "&", "%XX" and "+". Errors: SAL_E_MALFORMED (a byte that RFC 3986 does
 * not allow, half an escape, an escaped control byte, an empty or nameless member, more than SAL_HTTP_MAX_QUERY
 * members), SAL_E_INVALID with the key in the detail (a key that comes twice). */
enum sal_status sal_http_query_parse(char *query, struct sal_http_member ret[static SAL_HTTP_MAX_QUERY],
                                     size_t *ret_count, struct sal_err *reterr);

/* One header line as libmicrohttpd left it in its buffer. */
struct sal_http_line {
        const char *name;
        size_t name_len;
        const char *value;
        size_t value_len;
};

/* What the headers say about the body. */
struct sal_http_framing {
        bool chunked;
        bool has_length;
        bool expects_continue;
        uint64_t length;
};

/* Judges the headers of a request of this version ("HTTP/1.0" or "HTTP/1.1"). Errors: SAL_E_MALFORMED (missing or empty
 * Host in HTTP/1.1, a header repeated that is no list, Content-Length with Transfer-Encoding, a length that is no
 * number, a transfer coding other than "chunked", an unknown expectation, a byte that no header may hold),
 * SAL_E_HEADERS (more than SAL_HTTP_MAX_HEADERS_IN). */
enum sal_status sal_http_headers_check(const char *version, const struct sal_http_line *lines, size_t count,
                                       struct sal_http_framing *ret, struct sal_err *reterr);

/* True when a header line still lies in the buffer as it was sent, apart from the bytes that end its name and itself:
 * false tells of a folded line, a NUL inside, or a line that ended in LF alone. */
bool sal_http_line_is_plain(const struct sal_http_line *line);

#endif
