/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/canonical.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static enum sal_status write_value(const struct sal_json_at *at, int depth, struct sal_buf *out,
                                   struct sal_err *reterr);

/* Only the quote and the backslash are escaped; every other byte, control bytes included, stands as it is. */
static void write_string(const char *text, size_t len, struct sal_buf *out) {
        sal_buf_putc(out, '"');
        for (size_t i = 0; i < len; i++) {
                if (text[i] == '"' || text[i] == '\\')
                        sal_buf_putc(out, '\\');
                sal_buf_putc(out, text[i]);
        }
        sal_buf_putc(out, '"');
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b); /* compares as unsigned bytes (C17 7.24.4) */
}

static enum sal_status write_object(const struct sal_json_at *at, int depth, struct sal_buf *out,
                                    struct sal_err *reterr) {
        size_t count = json_object_size(at->value);
        sal_autofree const char **names = calloc(count ? count : 1, sizeof *names);
        if (!names)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for canonical JSON");
        size_t n = 0;
        json_t *object = (json_t *)at->value; /* jansson's iterators take no const; nothing is changed */
        for (void *i = json_object_iter(object); i && n < count; i = json_object_iter_next(object, i))
                names[n++] = json_object_iter_key(i);
        qsort(names, n, sizeof *names, compare_names);
        sal_buf_putc(out, '{');
        for (size_t i = 0; i < n; i++) {
                if (i)
                        sal_buf_putc(out, ',');
                write_string(names[i], strlen(names[i]), out);
                sal_buf_putc(out, ':');
                struct sal_json_at member = {.parent = at, .key = names[i], .value = json_object_get(object, names[i])};
                enum sal_status status = write_value(&member, depth + 1, out, reterr);
                if (status)
                        return status;
        }
        sal_buf_putc(out, '}');
        return SAL_OK;
}

static enum sal_status write_array(const struct sal_json_at *at, int depth, struct sal_buf *out,
                                   struct sal_err *reterr) {
        sal_buf_putc(out, '[');
        for (size_t i = 0; i < json_array_size(at->value); i++) {
                if (i)
                        sal_buf_putc(out, ',');
                struct sal_json_at element = sal_json_element(at, i);
                enum sal_status status = write_value(&element, depth + 1, out, reterr);
                if (status)
                        return status;
        }
        sal_buf_putc(out, ']');
        return SAL_OK;
}

static enum sal_status write_value(const struct sal_json_at *at, int depth, struct sal_buf *out,
                                   struct sal_err *reterr) {
        if (depth > SAL_JSON_MAX_DEPTH)
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "nested deeper than %d levels",
                                     SAL_JSON_MAX_DEPTH);
        switch (json_typeof(at->value)) {
        case JSON_OBJECT:
                return write_object(at, depth, out, reterr);
        case JSON_ARRAY:
                return write_array(at, depth, out, reterr);
        case JSON_STRING:
                write_string(json_string_value(at->value), json_string_length(at->value), out);
                return SAL_OK;
        case JSON_INTEGER: {
                int64_t number = json_integer_value(at->value);
                if (number > SAL_CANONICAL_INT_MAX || number < -SAL_CANONICAL_INT_MAX)
                        return sal_json_fail(at, NULL, SAL_E_INVALID, reterr,
                                             "an integer in signed metadata must be within 2^53 - 1");
                sal_buf_printf(out, "%lld", (long long)number);
                return SAL_OK;
        }
        case JSON_REAL:
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr,
                                     "signed metadata holds integers only, no fractions");
        case JSON_TRUE:
                sal_buf_puts(out, "true");
                return SAL_OK;
        case JSON_FALSE:
                sal_buf_puts(out, "false");
                return SAL_OK;
        case JSON_NULL:
        default:
                sal_buf_puts(out, "null");
                return SAL_OK;
        }
}

enum sal_status sal_canonical_write(const json_t *value, struct sal_buf *out, struct sal_err *reterr) {
        struct sal_json_at root = sal_json_root(value);
        enum sal_status status = write_value(&root, 1, out, reterr);
        if (!status && out->failed)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for canonical JSON");
        return status;
}
