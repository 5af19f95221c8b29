/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: which handler answers a method and a path. Patterns are compiled once; a literal segment goes before a
 * {name}, and {name...} as the last segment takes the rest of the path.
 *
 * Thread: a compiled router is immutable, any thread. Ownership: the routes given are borrowed and must outlive it.
 */
#ifndef SAL_HTTP_ROUTER_H
#define SAL_HTTP_ROUTER_H

#include "base/err.h"
#include "http/http.h"

enum { SAL_HTTP_MAX_SEGMENTS = 16, SAL_HTTP_MAX_PARAMS = 8, SAL_HTTP_ALLOW_BYTES = 96 };

struct sal_http_router;

/* The values of a match: pointers into the path that was matched, not NUL-terminated. */
struct sal_http_match {
        const struct sal_http_route *route;
        size_t param_count;
        const char *names[SAL_HTTP_MAX_PARAMS]; /* NUL-terminated, live as long as the router */
        struct {
                const char *text;
                size_t len;
        } values[SAL_HTTP_MAX_PARAMS];
};

/* Errors: SAL_E_CONFIG for a pattern that is not absolute, too deep, or has a brace out of place; SAL_E_NOMEM. */
enum sal_status sal_http_router_new(const struct sal_http_route *routes, size_t count, struct sal_http_router **ret,
                                    struct sal_err *reterr);
void sal_http_router_free(struct sal_http_router *router); /* NULL is allowed */

/* Finds the most specific route for both; HEAD is answered by GET's. Errors: SAL_E_NOT_FOUND; SAL_E_METHOD, with the
 * methods of the path in ret_allow (RFC 9110 section 10.2.1). */
enum sal_status sal_http_router_find(const struct sal_http_router *router, const char *method, const char *path,
                                     struct sal_http_match *ret, char ret_allow[static SAL_HTTP_ALLOW_BYTES]);

#endif
