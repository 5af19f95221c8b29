/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: one status per kind of failure, and one table that gives each status its name, HTTP code, exit code,
 * problem slug and title, so that the API, the command line and the documentation cannot drift apart.
 *
 * Thread: everything here may be called from any thread. Ownership: struct sal_err is a plain value without pointers.
 */
#ifndef SAL_BASE_ERR_H
#define SAL_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* 0 is success, every failure is negative. */
enum sal_status {
        SAL_OK = 0,
        SAL_E_INVALID = -1,         /* well-formed, but a value is not allowed */
        SAL_E_MALFORMED = -2,       /* not the syntax that was expected */
        SAL_E_UNAUTHENTICATED = -3, /* no credential, or a wrong one */
        SAL_E_FORBIDDEN = -4,       /* credential is good, the act is not allowed */
        SAL_E_ELEVATION = -5,       /* the act needs a grant of its own */
        SAL_E_NOT_FOUND = -6,
        SAL_E_METHOD = -7,      /* the path exists, the method does not */
        SAL_E_CONFLICT = -8,    /* the present state forbids it */
        SAL_E_ACKNOWLEDGE = -9, /* the newest decision must be quoted first */
        SAL_E_GONE = -10,
        SAL_E_TOO_LARGE = -11,
        SAL_E_MEDIA_TYPE = -12,
        SAL_E_RANGE = -13, /* RFC 9110 section 14: range not satisfiable */
        SAL_E_TOO_MANY = -14,
        SAL_E_OVERLOADED = -15,
        SAL_E_INTERNAL = -16,
        SAL_E_NOMEM = -17,
        SAL_E_IO = -18,
        SAL_E_CORRUPT = -19,
        SAL_E_UNTRUSTED = -20, /* a signature, chain or trust rule does not hold */
        SAL_E_UNREACHABLE = -21,
        SAL_E_TIMEOUT = -22,
        SAL_E_CONFIG = -23,
        SAL_E_USAGE = -24,
        SAL_E_REFUSED = -25, /* a safety rule forbids to go on; nothing was touched */
        SAL_E_HEADERS = -26, /* RFC 6585 section 5: request line and headers are too large together */
};

/* Exit codes of the programs. */
enum sal_exit {
        SAL_EXIT_DONE = 0,
        SAL_EXIT_FAILED = 1,
        SAL_EXIT_USAGE = 2,
        SAL_EXIT_NOT_FOUND = 3,
        SAL_EXIT_CONFLICT = 4,
        SAL_EXIT_UNREACHABLE = 5,
        SAL_EXIT_DENIED = 6,
        SAL_EXIT_TIMEOUT = 7,
        SAL_EXIT_CONFIG = 78,
};

enum { SAL_ERR_DETAIL_BYTES = 512, SAL_ERR_POINTER_BYTES = 192, SAL_ERR_HINT_BYTES = 256, SAL_ERR_REF_BYTES = 64 };

/* A failure for a person: what is wrong (detail), where (an RFC 6901 JSON pointer, or empty), what mends it (hint, or
 * empty), and the id or state that it is about (ref, or empty). */
struct sal_err {
        enum sal_status status;
        char detail[SAL_ERR_DETAIL_BYTES];
        char pointer[SAL_ERR_POINTER_BYTES];
        char hint[SAL_ERR_HINT_BYTES];
        char ref[SAL_ERR_REF_BYTES];
};

/* One row of the table. */
struct sal_status_info {
        enum sal_status status;
        const char *name; /* "not_found" */
        int http;         /* HTTP status code, RFC 9110 */
        enum sal_exit exit;
        const char *slug; /* urn:salvor:problem:<slug> */
        const char *title;
};

/* The row of a status; an unknown value gives the row of SAL_E_INTERNAL. Never NULL. */
const struct sal_status_info *sal_status_info(enum sal_status status);

/* The row whose problem slug this is, or NULL. */
const struct sal_status_info *sal_status_by_slug(const char *slug);

/* Fills *reterr (which may be NULL) and returns status, so that a caller can write `return sal_fail(...)`. */
enum sal_status sal_fail(struct sal_err *reterr, enum sal_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The same, with the JSON pointer of the value that is at fault. */
enum sal_status sal_fail_at(struct sal_err *reterr, enum sal_status status, const char *pointer, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

/* Sets the hint (what to do about it) of an error that was filled before. NULL is allowed. */
void sal_err_hint(struct sal_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the reference (an id or a state that a program may act on). NULL is allowed. */
void sal_err_ref(struct sal_err *err, const char *ref);

#endif
