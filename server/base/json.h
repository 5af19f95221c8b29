/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON (RFC 8259) on top of jansson: duplicate keys, NUL in strings, a byte order mark, nesting deeper than
 * allowed and trailing bytes are refused, and values are read with their RFC 6901 pointer at hand, so that an error can
 * say where it is.
 *
 * Thread: any, one tree at a time. Ownership: jansson's: sal_json_parse hands over a new reference; getters borrow.
 */
#ifndef SAL_BASE_JSON_H
#define SAL_BASE_JSON_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SAL_JSON_MAX_DEPTH = 32 };

static inline void sal_cleanup_json(json_t **p) {
        json_decref(*p);
}
#define sal_autojson __attribute__((cleanup(sal_cleanup_json)))

/* Parses one JSON value of at most max_depth nested arrays and objects (SAL_JSON_MAX_DEPTH is the usual).
 * Errors: SAL_E_MALFORMED with line and column in the detail, SAL_E_NOMEM. */
enum sal_status sal_json_parse(const char *bytes, size_t len, int max_depth, json_t **ret, struct sal_err *reterr);

/* Where a value stands. `parent` and the strings are borrowed and must outlive it. */
struct sal_json_at {
        const struct sal_json_at *parent;
        const char *key; /* member name, or NULL for an element */
        size_t index;    /* of the element when key is NULL */
        const json_t *value;
};

/* The root of a document. */
static inline struct sal_json_at sal_json_root(const json_t *value) {
        return (struct sal_json_at){.value = value};
}

/* Fills reterr with status and the pointer of `at` (or of its member `key`, unless key is NULL). */
enum sal_status sal_json_fail(const struct sal_json_at *at, const char *key, enum sal_status status,
                              struct sal_err *reterr, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* SAL_E_INVALID unless at->value is an object and every member's name is in `known` (NULL-terminated). */
enum sal_status sal_json_only(const struct sal_json_at *at, const char *const *known, struct sal_err *reterr);

/* SAL_E_INVALID unless at->value is an object. */
enum sal_status sal_json_is_object(const struct sal_json_at *at, struct sal_err *reterr);

/* Getters of a member of the object at->value. A missing member (or, for optional ones, nothing else: null is a wrong
 * type) is SAL_E_INVALID when `required`, else the *inout value stays as it was (its default). A wrong type or a value
 * outside its range is SAL_E_INVALID with the pointer. Strings: length in bytes. Integers: a real is a wrong type. */
enum sal_status sal_json_string(const struct sal_json_at *at, const char *key, bool required, size_t min, size_t max,
                                const char **inout, struct sal_err *reterr);
enum sal_status sal_json_int(const struct sal_json_at *at, const char *key, bool required, int64_t min, int64_t max,
                             int64_t *inout, struct sal_err *reterr);
enum sal_status sal_json_number(const struct sal_json_at *at, const char *key, bool required, double min, double max,
                                double *inout, struct sal_err *reterr);
enum sal_status sal_json_bool(const struct sal_json_at *at, const char *key, bool required, bool *inout,
                              struct sal_err *reterr);
/* RFC 3339 UTC -> unix_ms. */
enum sal_status sal_json_time(const struct sal_json_at *at, const char *key, bool required, int64_t *inout_unix_ms,
                              struct sal_err *reterr);
/* Sets *ret to the member's position; ret->value is NULL when an optional member is missing. */
enum sal_status sal_json_object(const struct sal_json_at *at, const char *key, bool required, struct sal_json_at *ret,
                                struct sal_err *reterr);
enum sal_status sal_json_array(const struct sal_json_at *at, const char *key, bool required, size_t min, size_t max,
                               struct sal_json_at *ret, struct sal_err *reterr);
/* The index-th element of the array at->value. */
static inline struct sal_json_at sal_json_element(const struct sal_json_at *at, size_t index) {
        return (struct sal_json_at){.parent = at, .index = index, .value = json_array_get(at->value, index)};
}

/* Compact text of a value, members in their order of insertion; to be freed with free. NULL without memory. */
char *sal_json_dump(const json_t *value);

#endif
