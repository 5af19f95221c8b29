/* SPDX-License-Identifier: Apache-2.0 */
#include "http/router.h"

#include "base/mem.h"

#include <string.h>

struct segment {
        const char *text; /* of a literal: the bytes; of a parameter: its name, NUL-terminated */
        size_t len;
        enum { LITERAL, ONE, REST } kind;
};

struct pattern {
        const struct sal_http_route *route;
        char *copy; /* what the segments point into */
        struct segment segments[SAL_HTTP_MAX_SEGMENTS];
        size_t count;
};

struct sal_http_router {
        struct pattern *patterns;
        size_t count;
};

static bool segment_compile(struct segment *segment, char *text, bool last) {
        size_t len = strlen(text);
        *segment = (struct segment){.text = text, .len = len, .kind = LITERAL};
        if (text[0] != '{')
                return len > 0 && !strpbrk(text, "{}");
        if (len < 3 || text[len - 1] != '}')
                return false;
        text[len - 1] = '\0';
        segment->text = text + 1;
        segment->kind = ONE;
        if (len > 5 && strcmp(text + len - 4, "...") == 0) {
                text[len - 4] = '\0';
                segment->kind = REST;
                if (!last)
                        return false;
        }
        return !strpbrk(segment->text, "{}.");
}

static bool pattern_compile(struct pattern *pattern, const struct sal_http_route *route) {
        pattern->route = route;
        if (route->path[0] != '/')
                return false;
        pattern->copy = strdup(route->path + 1);
        if (!pattern->copy)
                return false;
        size_t params = 0;
        char *at = pattern->copy;
        if (*at == '\0')
                return true; /* "/" has no segment */
        for (;;) {
                char *slash = strchr(at, '/');
                if (slash)
                        *slash = '\0';
                if (pattern->count == SAL_HTTP_MAX_SEGMENTS)
                        return false;
                struct segment *segment = &pattern->segments[pattern->count++];
                if (!segment_compile(segment, at, !slash))
                        return false;
                if (segment->kind != LITERAL && ++params > SAL_HTTP_MAX_PARAMS)
                        return false;
                if (!slash)
                        return true;
                at = slash + 1;
        }
}

enum sal_status sal_http_router_new(const struct sal_http_route *routes, size_t count, struct sal_http_router **ret,
                                    struct sal_err *reterr) {
        struct sal_http_router *router = calloc(1, sizeof *router);
        if (router)
                router->patterns = calloc(count ? count : 1, sizeof *router->patterns);
        if (!router || !router->patterns) {
                free(router);
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for %zu routes", count);
        }
        for (; router->count < count; router->count++) {
                const struct sal_http_route *route = &routes[router->count];
                if (!pattern_compile(&router->patterns[router->count], route)) {
                        router->count++;
                        sal_http_router_free(router);
                        return sal_fail(reterr, SAL_E_CONFIG, "route pattern \"%s\" is not understood", route->path);
                }
        }
        *ret = router;
        return SAL_OK;
}

void sal_http_router_free(struct sal_http_router *router) {
        if (!router)
                return;
        for (size_t i = 0; i < router->count; i++)
                free(router->patterns[i].copy);
        free(router->patterns);
        free(router);
}

/* Matches the path (without its first "/") and fills the parameters; false when it is another path. */
static bool pattern_match(const struct pattern *pattern, const char *path, struct sal_http_match *ret) {
        *ret = (struct sal_http_match){.route = pattern->route};
        if (pattern->count == 0)
                return *path == '\0';
        for (size_t i = 0; i < pattern->count; i++) {
                const struct segment *segment = &pattern->segments[i];
                size_t len = segment->kind == REST ? strlen(path) : strcspn(path, "/");
                if (segment->kind == LITERAL ? len != segment->len || memcmp(path, segment->text, len) != 0 : len == 0)
                        return false;
                if (segment->kind != LITERAL) {
                        ret->names[ret->param_count] = segment->text;
                        ret->values[ret->param_count].text = path;
                        ret->values[ret->param_count++].len = len;
                }
                path += len;
                bool last = i + 1 == pattern->count;
                if (*path != (last ? '\0' : '/'))
                        return false;
                path += !last;
        }
        return true;
}

/* True when a is more specific than b: the first segment in which their kinds differ decides. */
static bool more_specific(const struct pattern *a, const struct pattern *b) {
        for (size_t i = 0; i < a->count && i < b->count; i++)
                if (a->segments[i].kind != b->segments[i].kind)
                        return a->segments[i].kind < b->segments[i].kind;
        return a->count > b->count;
}

/* Adds "METHOD" (and "HEAD" beside "GET") to a comma-separated list, once. */
static void allow_add(char allow[static SAL_HTTP_ALLOW_BYTES], const char *method) {
        size_t len = strlen(method);
        for (const char *at = allow; *at;) {
                size_t word = strcspn(at, ",");
                if (word == len && memcmp(at, method, len) == 0)
                        return;
                at += word;
                at += strspn(at, ", ");
        }
        size_t used = strlen(allow);
        if (used + len + 3 > SAL_HTTP_ALLOW_BYTES)
                return;
        snprintf(allow + used, SAL_HTTP_ALLOW_BYTES - used, "%s%s", used ? ", " : "", method);
        if (strcmp(method, "GET") == 0)
                allow_add(allow, "HEAD");
}

enum sal_status sal_http_router_find(const struct sal_http_router *router, const char *method, const char *path,
                                     struct sal_http_match *ret, char ret_allow[static SAL_HTTP_ALLOW_BYTES]) {
        const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
        const struct pattern *best = NULL;
        ret_allow[0] = '\0';
        for (size_t i = 0; i < router->count; i++) {
                const struct pattern *pattern = &router->patterns[i];
                struct sal_http_match match;
                if (!pattern_match(pattern, path + 1, &match))
                        continue;
                allow_add(ret_allow, pattern->route->method);
                if (strcmp(pattern->route->method, wanted) == 0 && (!best || more_specific(pattern, best))) {
                        best = pattern;
                        *ret = match;
                }
        }
        if (best)
                return SAL_OK;
        return ret_allow[0] ? SAL_E_METHOD : SAL_E_NOT_FOUND;
}
