/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

static const struct sal_status_info table[] = {
        {SAL_OK, "ok", 200, SAL_EXIT_DONE, "ok", "Done"},
        {SAL_E_INVALID, "invalid", 400, SAL_EXIT_FAILED, "invalid", "A value is not allowed"},
        {SAL_E_MALFORMED, "malformed", 400, SAL_EXIT_FAILED, "malformed", "The request is malformed"},
        {SAL_E_UNAUTHENTICATED, "unauthenticated", 401, SAL_EXIT_DENIED, "unauthenticated",
         "A valid credential is required"},
        {SAL_E_FORBIDDEN, "forbidden", 403, SAL_EXIT_DENIED, "forbidden", "Not allowed"},
        {SAL_E_ELEVATION, "elevation_required", 403, SAL_EXIT_DENIED, "elevation-required",
         "This act needs a grant of its own"},
        {SAL_E_NOT_FOUND, "not_found", 404, SAL_EXIT_NOT_FOUND, "not-found", "Not found"},
        {SAL_E_METHOD, "method_not_allowed", 405, SAL_EXIT_FAILED, "method-not-allowed", "Method not allowed"},
        {SAL_E_CONFLICT, "conflict", 409, SAL_EXIT_CONFLICT, "conflict", "The present state forbids it"},
        {SAL_E_ACKNOWLEDGE, "acknowledge_required", 409, SAL_EXIT_CONFLICT, "acknowledge-required",
         "The newest decision must be acknowledged"},
        {SAL_E_GONE, "gone", 410, SAL_EXIT_NOT_FOUND, "gone", "No longer available"},
        {SAL_E_TOO_LARGE, "too_large", 413, SAL_EXIT_FAILED, "too-large", "Too large"},
        {SAL_E_MEDIA_TYPE, "unsupported_media_type", 415, SAL_EXIT_FAILED, "unsupported-media-type",
         "Unsupported media type"},
        {SAL_E_RANGE, "range_not_satisfiable", 416, SAL_EXIT_FAILED, "range-not-satisfiable", "Range not satisfiable"},
        {SAL_E_TOO_MANY, "too_many_requests", 429, SAL_EXIT_FAILED, "too-many-requests", "Too many requests"},
        {SAL_E_OVERLOADED, "overloaded", 503, SAL_EXIT_FAILED, "overloaded", "Overloaded, ask again later"},
        {SAL_E_INTERNAL, "internal", 500, SAL_EXIT_FAILED, "internal", "Internal error"},
        {SAL_E_NOMEM, "out_of_memory", 500, SAL_EXIT_FAILED, "out-of-memory", "Out of memory"},
        {SAL_E_IO, "io", 500, SAL_EXIT_FAILED, "io", "Input or output failed"},
        {SAL_E_CORRUPT, "corrupt", 500, SAL_EXIT_FAILED, "corrupt", "Stored data is damaged"},
        {SAL_E_UNTRUSTED, "untrusted", 400, SAL_EXIT_DENIED, "untrusted", "Signature or trust rule not satisfied"},
        {SAL_E_UNREACHABLE, "unreachable", 502, SAL_EXIT_UNREACHABLE, "unreachable", "Server unreachable"},
        {SAL_E_TIMEOUT, "timed_out", 504, SAL_EXIT_TIMEOUT, "timed-out", "Timed out"},
        {SAL_E_CONFIG, "bad_configuration", 500, SAL_EXIT_CONFIG, "bad-configuration", "Bad configuration"},
        {SAL_E_USAGE, "usage", 400, SAL_EXIT_USAGE, "usage", "Wrong usage"},
        {SAL_E_REFUSED, "refused", 409, SAL_EXIT_DENIED, "refused", "Refused by a safety rule"},
        {SAL_E_HEADERS, "headers_too_large", 431, SAL_EXIT_FAILED, "headers-too-large", "Request headers too large"},
};

const struct sal_status_info *sal_status_info(enum sal_status status) {
        const struct sal_status_info *internal = NULL;
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                if (table[i].status == status)
                        return &table[i];
                if (table[i].status == SAL_E_INTERNAL)
                        internal = &table[i];
        }
        return internal;
}

const struct sal_status_info *sal_status_by_slug(const char *slug) {
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
                if (strcmp(table[i].slug, slug) == 0)
                        return &table[i];
        return NULL;
}

/* The length of the well-formed UTF-8 character at p (Unicode 15, table 3-7), or 0. Stops at the NUL by itself. */
static size_t utf8_character(const unsigned char *p) {
        size_t more = p[0] < 0x80 ? 0 : p[0] >= 0xc2 && p[0] <= 0xdf ? 1 : p[0] >= 0xe0 && p[0] <= 0xef ? 2 : 3;
        if (p[0] > 0xf4 || (p[0] >= 0x80 && p[0] < 0xc2))
                return 0;
        if (more && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
                     (p[0] == 0xf4 && p[1] > 0x8f)))
                return 0;
        for (size_t i = 1; i <= more; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        return more + 1;
}

/* Cutting may split a character, and texts quote what strangers sent: what is not UTF-8, and every control character
 * but newline, becomes a question mark, so that the text fits into JSON and on a terminal. */
static void make_harmless(char *text) {
        for (unsigned char *p = (unsigned char *)text; *p;) {
                size_t len = utf8_character(p);
                if (len == 0 || (len == 1 && ((*p < ' ' && *p != '\n') || *p == 0x7f))) {
                        *p = '?';
                        len = 1;
                }
                p += len;
        }
}

__attribute__((format(printf, 4, 0))) static enum sal_status fail(struct sal_err *reterr, enum sal_status status,
                                                                  const char *pointer, const char *format,
                                                                  va_list args) {
        if (!reterr)
                return status;
        *reterr = (struct sal_err){.status = status};
        vsnprintf(reterr->detail, sizeof reterr->detail, format, args);
        snprintf(reterr->pointer, sizeof reterr->pointer, "%s", pointer);
        make_harmless(reterr->detail);
        make_harmless(reterr->pointer);
        return status;
}

enum sal_status sal_fail(struct sal_err *reterr, enum sal_status status, const char *format, ...) {
        va_list args;
        va_start(args, format);
        fail(reterr, status, "", format, args);
        va_end(args);
        return status;
}

enum sal_status sal_fail_at(struct sal_err *reterr, enum sal_status status, const char *pointer, const char *format,
                            ...) {
        va_list args;
        va_start(args, format);
        fail(reterr, status, pointer, format, args);
        va_end(args);
        return status;
}

void sal_err_hint(struct sal_err *err, const char *format, ...) {
        if (!err)
                return;
        va_list args;
        va_start(args, format);
        vsnprintf(err->hint, sizeof err->hint, format, args);
        va_end(args);
        make_harmless(err->hint);
}

void sal_err_ref(struct sal_err *err, const char *ref) {
        if (!err)
                return;
        snprintf(err->ref, sizeof err->ref, "%s", ref);
        make_harmless(err->ref);
}
