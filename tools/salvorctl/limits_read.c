/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `campaign limit`, as the JSON that the server takes. */
#include "limits.h"

#include "model/limits.h"

#include <string.h>

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
enum { DAYS = 7 };

/* In the place of what there was. Borrowed; NULL without memory. */
static json_t *empty_object(json_t *parent, const char *key) {
        json_object_set_new(parent, key, json_object());
        return json_object_get(parent, key);
}

/* A member that is an object, made when it is missing. Borrowed; NULL without memory. */
static json_t *object_at(json_t *parent, const char *key) {
        json_t *child = json_object_get(parent, key);
        return json_is_object(child) ? child : empty_object(parent, key);
}

/* "NAME=VALUE" in two; the value begins behind the first "=". */
static enum sal_status split_pair(const char *option, const char *form, const char *text, char *ret_name, size_t room,
                                  const char **ret_value, struct sal_err *reterr) {
        size_t len = strcspn(text, "=");
        if (!len || len >= room || !text[len])
                return sal_fail(reterr, SAL_E_USAGE, "--%s takes %s, not \"%.80s\"", option, form, text);
        memcpy(ret_name, text, len);
        ret_name[len] = '\0';
        *ret_value = text + len + 1;
        return SAL_OK;
}

static enum sal_status read_in_flight(const struct sal_ctl *ctl, json_t *limits, struct sal_err *reterr) {
        int64_t most = 0;
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_IN_FLIGHT, 1, SAL_LIMITS_IN_FLIGHT_MAX, &most, reterr);
        if (!status && sal_ctl_has(ctl, SAL_OPT_IN_FLIGHT))
                json_object_set_new(limits, "in_flight_max", json_integer(most));
        return status;
}

/* Each "NAME=VALUE" of a repeated option into `ret`: of one name the values are alternatives, an array, or there may be
 * one only. */
static enum sal_status read_pairs(const struct sal_ctl *ctl, enum sal_option option, const char *form, size_t name_room,
                                  bool alternatives, json_t *ret, struct sal_err *reterr) {
        const char *word = sal_ctl_option_name(option), *text;
        for (size_t i = 0; (text = sal_ctl_nth(ctl, option, i)); i++) {
                char name[SAL_FACT_NAME_BYTES + SAL_RING_NAME_BYTES];
                const char *value = NULL;
                enum sal_status status = split_pair(word, form, text, name, name_room, &value, reterr);
                if (status)
                        return status;
                json_t *before = json_object_get(ret, name);
                if (before && !alternatives)
                        return sal_fail(reterr, SAL_E_USAGE, "--%s names %s twice", word, name);
                json_t *one = json_string(value);
                if (before ? json_array_append_new(before, one)
                           : json_object_set_new(ret, name, alternatives ? json_pack("[o]", one) : one))
                        return sal_fail(reterr, SAL_E_USAGE, "--%s is no UTF-8 text", word);
        }
        return SAL_OK;
}

static enum sal_status read_opens(const struct sal_ctl *ctl, json_t *limits, struct sal_err *reterr) {
        if (!sal_ctl_has(ctl, SAL_OPT_OPENS))
                return SAL_OK;
        json_t *opens = empty_object(limits, "opens");
        return read_pairs(ctl, SAL_OPT_OPENS, "RING=TIME", SAL_RING_NAME_BYTES, false, opens, reterr);
}

static enum sal_status read_labels(const struct sal_ctl *ctl, json_t *limits, struct sal_err *reterr) {
        if (!sal_ctl_has(ctl, SAL_OPT_ONLY_LABEL))
                return SAL_OK;
        json_t *labels = empty_object(object_at(limits, "only"), "labels");
        return read_pairs(ctl, SAL_OPT_ONLY_LABEL, "NAME=VALUE", SAL_FACT_NAME_BYTES, true, labels, reterr);
}

/* One machine id per line; blank lines and what follows a # are left out. */
static enum sal_status read_machines(const struct sal_ctl *ctl, json_t *limits, struct sal_err *reterr) {
        const char *path = ctl->options[SAL_OPT_ONLY_MACHINES];
        sal_autofree char *text = NULL;
        size_t len = 0;
        if (!path)
                return SAL_OK;
        enum sal_status status = sal_ctl_read_input(path, SAL_LIMITS_MAX_BYTES, &text, &len, reterr);
        if (status)
                return status;
        json_t *only = object_at(limits, "only");
        json_object_set_new(only, "machines", json_array());
        json_t *machines = json_object_get(only, "machines");
        size_t line = 1;
        for (char *at = text, *next; at < text + len; at = next, line++) {
                char *end = memchr(at, '\n', (size_t)(text + len - at));
                next = end ? end + 1 : text + len;
                size_t size = (size_t)((end ? end : next) - at);
                char *comment = memchr(at, '#', size);
                size = comment ? (size_t)(comment - at) : size;
                while (size && strchr(" \t\r", at[size - 1]))
                        size--;
                while (size && strchr(" \t", *at))
                        at++, size--;
                if (size && json_array_append_new(machines, json_stringn(at, size)))
                        return sal_fail(reterr, SAL_E_USAGE, "%.200s: line %zu is no UTF-8 text", path, line);
        }
        return json_array_size(machines) ? SAL_OK : sal_fail(reterr, SAL_E_USAGE, "%.200s names no machine", path);
}

/* ---- windows: "mon-fri,sun 22:00-04:00", or "22:00-04:00" for every day ---- */

static int day_index(const char *text, size_t len) {
        for (int i = 0; i < DAYS; i++)
                if (len == 3 && strncmp(text, day_names[i], 3) == 0)
                        return i;
        return -1;
}

/* "mon", "mon-fri", "sat-mon": the days from the first to the last, over the end of the week if need be. */
static bool read_day_range(const char *text, size_t len, bool days[static DAYS]) {
        const char *dash = memchr(text, '-', len);
        int first = day_index(text, dash ? (size_t)(dash - text) : len);
        int last = dash ? day_index(dash + 1, len - (size_t)(dash - text) - 1) : first;
        if (first < 0 || last < 0)
                return false;
        for (int day = first;; day = (day + 1) % DAYS) {
                days[day] = true;
                if (day == last)
                        return true;
        }
}

static bool read_days(const char *text, size_t len, json_t *window) {
        bool days[DAYS] = {false};
        for (size_t at = 0; at <= len;) {
                const char *comma = memchr(text + at, ',', len - at);
                size_t size = comma ? (size_t)(comma - text) - at : len - at;
                if (!read_day_range(text + at, size, days))
                        return false;
                at += size + 1;
        }
        json_t *names = json_array();
        for (int day = 0; day < DAYS; day++)
                if (days[day])
                        json_array_append_new(names, json_string(day_names[day]));
        return json_object_set_new(window, "days", names) == 0;
}

/* NULL: the text is no window. */
static json_t *window_of(const char *text) {
        const char *hours = strrchr(text, ' ');
        hours = hours ? hours + 1 : text;
        const char *dash = strchr(hours, '-');
        if (!dash)
                return NULL;
        sal_autojson json_t *window = json_object();
        size_t days = hours > text ? (size_t)(hours - text) - 1 : 0;
        if (hours > text && !read_days(text, days, window))
                return NULL;
        if (json_object_set_new(window, "from", json_stringn(hours, (size_t)(dash - hours))) ||
            json_object_set_new(window, "to", json_string(dash + 1)))
                return NULL;
        return json_incref(window);
}

static enum sal_status read_windows(const struct sal_ctl *ctl, json_t *limits, struct sal_err *reterr) {
        if (!sal_ctl_has(ctl, SAL_OPT_WINDOW))
                return SAL_OK;
        json_object_set_new(limits, "windows", json_array());
        const char *text;
        for (size_t i = 0; (text = sal_ctl_nth(ctl, SAL_OPT_WINDOW, i)); i++) {
                json_t *window = window_of(text);
                if (!window) {
                        sal_fail(reterr, SAL_E_USAGE, "--window takes \"DAYS FROM-TO\", not \"%.80s\"", text);
                        sal_err_hint(reterr, "such as \"mon-fri 22:00-04:00\", \"sat,sun 00:00-24:00\", or "
                                             "\"22:00-04:00\" for every day; times are UTC");
                        return SAL_E_USAGE;
                }
                json_array_append_new(json_object_get(limits, "windows"), window);
        }
        return SAL_OK;
}

/* ---- taking away ---- */

static enum sal_status drop(const struct sal_ctl *ctl, json_t *limits, struct sal_err *reterr) {
        static const struct {
                const char *kind, *key;
                bool of_only;
        } kinds[] = {{"in-flight", "in_flight_max", false},
                     {"opens", "opens", false},
                     {"labels", "labels", true},
                     {"machines", "machines", true},
                     {"windows", "windows", false}};
        const char *kind;
        for (size_t i = 0; (kind = sal_ctl_nth(ctl, SAL_OPT_DROP, i)); i++) {
                size_t n = 0;
                while (n < SAL_ARRAY_LEN(kinds) && strcmp(kinds[n].kind, kind) != 0)
                        n++;
                if (n == SAL_ARRAY_LEN(kinds))
                        return sal_fail(reterr, SAL_E_USAGE,
                                        "--drop takes in-flight, opens, labels, machines or windows, not \"%.80s\"",
                                        kind);
                json_t *only = json_object_get(limits, "only");
                json_object_del(kinds[n].of_only ? only : limits, kinds[n].key);
                if (only && json_object_size(only) == 0)
                        json_object_del(limits, "only");
        }
        return SAL_OK;
}

enum sal_status sal_ctl_limits_change(const struct sal_ctl *ctl, json_t *limits, struct sal_err *reterr) {
        enum sal_status status;
        if ((status = drop(ctl, limits, reterr)) || (status = read_in_flight(ctl, limits, reterr)) ||
            (status = read_opens(ctl, limits, reterr)) || (status = read_labels(ctl, limits, reterr)) ||
            (status = read_machines(ctl, limits, reterr)))
                return status;
        return read_windows(ctl, limits, reterr);
}

enum sal_status sal_ctl_limits_file(const char *path, json_t **ret, struct sal_err *reterr) {
        sal_autofree char *text = NULL;
        sal_autojson json_t *document = NULL;
        size_t len = 0;
        enum sal_status status = sal_ctl_read_input(path, SAL_LIMITS_MAX_BYTES, &text, &len, reterr);
        if (!status)
                status = sal_json_parse(text, len, SAL_JSON_MAX_DEPTH, &document, reterr);
        if (status)
                return status;
        /* What was printed stands within who set it and when. */
        json_t *limits = json_object_get(document, "limits");
        limits = json_is_null(limits) ? json_object() : json_incref(limits ? limits : document);
        if (!json_is_object(limits)) {
                json_decref(limits);
                return sal_fail(reterr, SAL_E_INVALID, "%.200s holds no limits: an object is wanted", path);
        }
        *ret = limits;
        return SAL_OK;
}
