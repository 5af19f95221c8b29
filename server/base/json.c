/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Counts nesting before the parser recurses; strings are skipped, everything else is left to the parser. */
static bool depth_exceeds(const char *bytes, size_t len, int max_depth) {
        int depth = 0;
        bool in_string = false;
        for (size_t i = 0; i < len; i++) {
                char c = bytes[i];
                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                } else if (c == '"') {
                        in_string = true;
                } else if (c == '[' || c == '{') {
                        if (++depth > max_depth)
                                return true;
                } else if (c == ']' || c == '}') {
                        depth--;
                }
        }
        return false;
}

enum sal_status sal_json_parse(const char *bytes, size_t len, int max_depth, json_t **ret, struct sal_err *reterr) {
        if (depth_exceeds(bytes, len, max_depth))
                return sal_fail(reterr, SAL_E_MALFORMED, "JSON is nested deeper than %d levels", max_depth);
        json_error_t error;
        json_t *value = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!value) {
                if (json_error_code(&error) == json_error_out_of_memory)
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a JSON document of %zu bytes", len);
                return sal_fail(reterr, SAL_E_MALFORMED, "not valid JSON: line %d, column %d: %s", error.line,
                                error.column, error.text);
        }
        *ret = value;
        return SAL_OK;
}

/* Writes the RFC 6901 pointer of `at`, root first. */
static void write_pointer(const struct sal_json_at *at, struct sal_buf *out) {
        if (!at || !at->parent)
                return;
        write_pointer(at->parent, out);
        if (!at->key) {
                sal_buf_printf(out, "/%zu", at->index);
                return;
        }
        sal_buf_putc(out, '/');
        for (const char *p = at->key; *p; p++) {
                if (*p == '~')
                        sal_buf_puts(out, "~0");
                else if (*p == '/')
                        sal_buf_puts(out, "~1");
                else
                        sal_buf_putc(out, *p);
        }
}

enum sal_status sal_json_fail(const struct sal_json_at *at, const char *key, enum sal_status status,
                              struct sal_err *reterr, const char *format, ...) {
        if (!reterr)
                return status;
        char detail[SAL_ERR_DETAIL_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(detail, sizeof detail, format, args);
        va_end(args);
        sal_autobuf struct sal_buf pointer = SAL_BUF_INIT;
        struct sal_json_at member = {.parent = at, .key = key};
        write_pointer(key ? &member : at, &pointer);
        return sal_fail_at(reterr, status, pointer.data ? pointer.data : "", "%s", detail);
}

enum sal_status sal_json_is_object(const struct sal_json_at *at, struct sal_err *reterr) {
        if (!json_is_object(at->value))
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "must be an object");
        return SAL_OK;
}

enum sal_status sal_json_only(const struct sal_json_at *at, const char *const *known, struct sal_err *reterr) {
        enum sal_status status = sal_json_is_object(at, reterr);
        if (status)
                return status;
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)at->value, key, value) {
                size_t i = 0;
                while (known[i] && strcmp(known[i], key) != 0)
                        i++;
                if (!known[i])
                        return sal_json_fail(at, key, SAL_E_INVALID, reterr, "unknown member \"%.64s\"", key);
        }
        return SAL_OK;
}

/* Finds a member; *ret is NULL when it is missing and optional. */
static enum sal_status member(const struct sal_json_at *at, const char *key, bool required, const json_t **ret,
                              struct sal_err *reterr) {
        enum sal_status status = sal_json_is_object(at, reterr);
        if (status)
                return status;
        *ret = json_object_get(at->value, key);
        if (!*ret && required)
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" is required", key);
        return SAL_OK;
}

enum sal_status sal_json_string(const struct sal_json_at *at, const char *key, bool required, size_t min, size_t max,
                                const char **inout, struct sal_err *reterr) {
        const json_t *value = NULL;
        enum sal_status status = member(at, key, required, &value, reterr);
        if (status || !value)
                return status;
        if (!json_is_string(value))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be a string", key);
        size_t len = json_string_length(value);
        if (len < min || len > max)
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must have %zu to %zu bytes, it has %zu",
                                     key, min, max, len);
        *inout = json_string_value(value);
        return SAL_OK;
}

enum sal_status sal_json_int(const struct sal_json_at *at, const char *key, bool required, int64_t min, int64_t max,
                             int64_t *inout, struct sal_err *reterr) {
        const json_t *value = NULL;
        enum sal_status status = member(at, key, required, &value, reterr);
        if (status || !value)
                return status;
        if (!json_is_integer(value))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be an integer", key);
        int64_t number = json_integer_value(value);
        if (number < min || number > max)
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be %lld to %lld, it is %lld", key,
                                     (long long)min, (long long)max, (long long)number);
        *inout = number;
        return SAL_OK;
}

enum sal_status sal_json_number(const struct sal_json_at *at, const char *key, bool required, double min, double max,
                                double *inout, struct sal_err *reterr) {
        const json_t *value = NULL;
        enum sal_status status = member(at, key, required, &value, reterr);
        if (status || !value)
                return status;
        if (!json_is_number(value))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be a number", key);
        double number = json_number_value(value);
        if (!(number >= min && number <= max))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be %g to %g, it is %g", key, min, max,
                                     number);
        *inout = number;
        return SAL_OK;
}

enum sal_status sal_json_bool(const struct sal_json_at *at, const char *key, bool required, bool *inout,
                              struct sal_err *reterr) {
        const json_t *value = NULL;
        enum sal_status status = member(at, key, required, &value, reterr);
        if (status || !value)
                return status;
        if (!json_is_boolean(value))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be true or false", key);
        *inout = json_is_true(value);
        return SAL_OK;
}

enum sal_status sal_json_time(const struct sal_json_at *at, const char *key, bool required, int64_t *inout_unix_ms,
                              struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, key, required, 1, SAL_TIME_BYTES, &text, reterr);
        if (status || !text)
                return status;
        if (sal_time_parse(text, inout_unix_ms))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr,
                                     "\"%s\" must be a time such as 2024-07-19T05:30:00Z (RFC 3339, UTC)", key);
        return SAL_OK;
}

enum sal_status sal_json_object(const struct sal_json_at *at, const char *key, bool required, struct sal_json_at *ret,
                                struct sal_err *reterr) {
        const json_t *value = NULL;
        enum sal_status status = member(at, key, required, &value, reterr);
        if (status)
                return status;
        if (value && !json_is_object(value))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be an object", key);
        *ret = (struct sal_json_at){.parent = at, .key = key, .value = value};
        return SAL_OK;
}

enum sal_status sal_json_array(const struct sal_json_at *at, const char *key, bool required, size_t min, size_t max,
                               struct sal_json_at *ret, struct sal_err *reterr) {
        const json_t *value = NULL;
        enum sal_status status = member(at, key, required, &value, reterr);
        if (status)
                return status;
        if (value && !json_is_array(value))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be an array", key);
        if (value && (json_array_size(value) < min || json_array_size(value) > max))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must have %zu to %zu elements, it has %zu",
                                     key, min, max, json_array_size(value));
        *ret = (struct sal_json_at){.parent = at, .key = key, .value = value};
        return SAL_OK;
}

static int append(const char *bytes, size_t len, void *arg) {
        struct sal_buf *text = arg;
        sal_buf_append(text, bytes, len);
        return text->failed ? -1 : 0;
}

/* Not json_dumps: it goes on when memory for the opening quote of a member's name is missing (jansson 2.14), and what
 * it returns then is no JSON. A buffer of our own remembers any failure. */
char *sal_json_dump(const json_t *value) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        if (json_dump_callback(value, append, &text, JSON_COMPACT | JSON_ENCODE_ANY))
                return NULL;
        return sal_buf_take(&text, NULL);
}
