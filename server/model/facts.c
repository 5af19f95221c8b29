/* SPDX-License-Identifier: Apache-2.0 */
#include "model/facts.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool sal_fact_name_valid(const char *name) {
        size_t len = strnlen(name, SAL_FACT_NAME_BYTES);
        if (len == 0 || len >= SAL_FACT_NAME_BYTES)
                return false;
        return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == len;
}

void sal_fact_number_text(const json_t *number, char ret[static SAL_FACT_NUMBER_BYTES]) {
        if (json_is_integer(number)) {
                snprintf(ret, SAL_FACT_NUMBER_BYTES, "%lld", (long long)json_integer_value(number));
                return;
        }
        double real = json_real_value(number);
        if (real > -9007199254740992.0 && real < 9007199254740992.0 && real == (double)(int64_t)real) {
                snprintf(ret, SAL_FACT_NUMBER_BYTES, "%lld", (long long)(int64_t)real);
                return;
        }
        for (int digits = 15; digits <= 17; digits++) {
                snprintf(ret, SAL_FACT_NUMBER_BYTES, "%.*g", digits, real);
                if (strtod(ret, NULL) == real)
                        return;
        }
}

/* Checks one member and says how many bytes its text takes, NUL included. */
static enum sal_status check_fact(const struct sal_json_at *at, const char *name, const json_t *value,
                                  size_t *ret_bytes, struct sal_err *reterr) {
        if (!sal_fact_name_valid(name))
                return sal_json_fail(at, name, SAL_E_INVALID, reterr,
                                     "a fact's name has 1 to %d of the characters a-z 0-9 _ and .",
                                     SAL_FACT_NAME_BYTES - 1);
        if (json_is_string(value)) {
                size_t len = json_string_length(value);
                if (len > SAL_FACT_VALUE_MAX_BYTES)
                        return sal_json_fail(at, name, SAL_E_INVALID, reterr,
                                             "a fact's value has at most %d bytes, this one has %zu",
                                             SAL_FACT_VALUE_MAX_BYTES, len);
                *ret_bytes = len + 1;
        } else if (json_is_number(value)) {
                *ret_bytes = SAL_FACT_NUMBER_BYTES;
        } else if (json_is_boolean(value)) {
                *ret_bytes = sizeof "false";
        } else {
                return sal_json_fail(at, name, SAL_E_INVALID, reterr,
                                     "a fact's value must be a string, a number or a boolean");
        }
        return SAL_OK;
}

/* Fills one fact, with its text at `room`; returns the bytes used. */
static size_t fill_fact(struct sal_fact *fact, const char *name, const json_t *value, char *room) {
        snprintf(fact->name, sizeof fact->name, "%s", name);
        fact->text = room;
        if (json_is_string(value)) {
                fact->kind = SAL_FACT_STRING;
                memcpy(room, json_string_value(value), json_string_length(value) + 1);
        } else if (json_is_boolean(value)) {
                fact->kind = SAL_FACT_BOOL;
                snprintf(room, sizeof "false", "%s", json_is_true(value) ? "true" : "false");
        } else {
                char text[SAL_FACT_NUMBER_BYTES];
                fact->kind = SAL_FACT_NUMBER;
                sal_fact_number_text(value, text);
                snprintf(room, SAL_FACT_NUMBER_BYTES, "%s", text);
        }
        return strlen(room) + 1;
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const struct sal_fact *)a)->name, ((const struct sal_fact *)b)->name);
}

enum sal_status sal_facts_parse(const struct sal_json_at *at, struct sal_facts **ret, struct sal_err *reterr) {
        size_t count = 0;
        size_t text_bytes = 0;
        const char *name;
        json_t *value;
        if (at->value) {
                enum sal_status status = sal_json_is_object(at, reterr);
                if (status)
                        return status;
                count = json_object_size(at->value);
                if (count > SAL_FACTS_MAX)
                        return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "at most %d facts are allowed, not %zu",
                                             SAL_FACTS_MAX, count);
                json_object_foreach ((json_t *)at->value, name, value) {
                        size_t bytes = 0;
                        status = check_fact(at, name, value, &bytes, reterr);
                        if (status)
                                return status;
                        text_bytes += bytes;
                }
        }
        /* One block: the items, then their texts. */
        struct sal_facts *facts = calloc(1, sizeof *facts + count * sizeof facts->items[0] + text_bytes);
        if (!facts)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for %zu facts", count);
        char *room = (char *)(facts->items + count);
        if (at->value) {
                json_object_foreach ((json_t *)at->value, name, value)
                        room += fill_fact(&facts->items[facts->count++], name, value, room);
        }
        qsort(facts->items, facts->count, sizeof facts->items[0], by_name);
        *ret = facts;
        return SAL_OK;
}

enum sal_status sal_facts_parse_text(const char *text, struct sal_facts **ret) {
        sal_autojson json_t *value = NULL;
        enum sal_status status = sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &value, NULL);
        if (status)
                return status;
        struct sal_json_at at = sal_json_root(value);
        return sal_facts_parse(&at, ret, NULL);
}

void sal_facts_free(struct sal_facts *facts) {
        free(facts);
}

static int name_against_fact(const void *name, const void *fact) {
        return strcmp(name, ((const struct sal_fact *)fact)->name);
}

const struct sal_fact *sal_facts_get(const struct sal_facts *facts, const char *name) {
        if (!facts || !facts->count)
                return NULL;
        return bsearch(name, facts->items, facts->count, sizeof facts->items[0], name_against_fact);
}

/* The fact's value as a new JSON value. A number's text is an integer's or a real's. */
static json_t *fact_json(const struct sal_fact *fact) {
        if (fact->kind == SAL_FACT_STRING)
                return json_string(fact->text);
        if (fact->kind == SAL_FACT_BOOL)
                return json_boolean(strcmp(fact->text, "true") == 0);
        char *end = NULL;
        errno = 0;
        long long integer = strtoll(fact->text, &end, 10);
        if (!errno && *end == '\0')
                return json_integer(integer);
        return json_real(strtod(fact->text, NULL));
}

char *sal_facts_dump(const struct sal_facts *facts) {
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_buf_putc(&out, '{');
        for (size_t i = 0; facts && i < facts->count; i++) {
                const struct sal_fact *fact = &facts->items[i];
                sal_buf_printf(&out, "%s\"%s\":", i ? "," : "", fact->name);
                if (fact->kind != SAL_FACT_STRING) {
                        sal_buf_puts(&out, fact->text);
                        continue;
                }
                sal_autojson json_t *value = fact_json(fact);
                sal_autofree char *text = value ? sal_json_dump(value) : NULL;
                if (!text)
                        return NULL;
                sal_buf_puts(&out, text);
        }
        sal_buf_putc(&out, '}');
        return sal_buf_take(&out, NULL);
}

json_t *sal_facts_json(const struct sal_facts *facts) {
        sal_autojson json_t *object = json_object();
        if (!object)
                return NULL;
        for (size_t i = 0; facts && i < facts->count; i++) {
                if (json_object_set_new(object, facts->items[i].name, fact_json(&facts->items[i])))
                        return NULL;
        }
        return SAL_STEAL(object);
}
