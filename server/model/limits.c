/* SPDX-License-Identifier: Apache-2.0 */
#include "model/limits.h"

#include "model/campaign.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTES_PER_DAY = 24 * 60, MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY, WEEK_WORDS = (MINUTES_PER_WEEK + 63) / 64 };

static const int64_t MS_PER_MINUTE = 60000;
static const int64_t EPOCH_WEEKDAY = 3; /* 1970-01-01 was a Thursday, weeks begin on Monday */
static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* One label that a machine must have, with one of these values (sorted). */
struct label {
        const char *name;
        size_t count;
        const char **values;
};

struct sal_limits {
        atomic_int refs;
        int64_t in_flight_max;
        int64_t opens_ms[SAL_PLAN_MAX_RINGS];
        size_t label_count;
        struct label *labels;
        size_t machine_count;
        const char **machines; /* sorted */
        bool narrows;
        bool windows;
        uint64_t week[WEEK_WORDS]; /* a bit for each minute of the week: offers may be made */
        json_t *source;            /* from which every string is borrowed */
};

struct sal_limits *sal_limits_ref(struct sal_limits *limits) {
        if (limits)
                atomic_fetch_add_explicit(&limits->refs, 1, memory_order_relaxed);
        return limits;
}

void sal_limits_unref(struct sal_limits *limits) {
        if (!limits || atomic_fetch_sub_explicit(&limits->refs, 1, memory_order_acq_rel) != 1)
                return;
        for (size_t i = 0; i < limits->label_count; i++)
                free(limits->labels[i].values);
        free(limits->labels);
        free(limits->machines);
        json_decref(limits->source);
        free(limits);
}

json_t *sal_limits_json(const struct sal_limits *limits) {
        return limits ? json_deep_copy(limits->source) : json_object();
}

/* ---- reading ---- */

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool listed(const char *const *texts, size_t count, const char *text) {
        return bsearch(&text, texts, count, sizeof *texts, compare_texts) != NULL;
}

static enum sal_status parse_opens(const struct sal_json_at *at, const struct sal_plan *plan, struct sal_limits *limits,
                                   struct sal_err *reterr) {
        struct sal_json_at opens = {0};
        enum sal_status status = sal_json_object(at, "opens", false, &opens, reterr);
        const char *name;
        json_t *value;
        if (status || !opens.value)
                return status;
        json_object_foreach ((json_t *)opens.value, name, value) {
                int ring = sal_plan_ring_index(plan, name);
                if (ring < 0)
                        return sal_json_fail(&opens, name, SAL_E_INVALID, reterr,
                                             "the campaign's plan has no ring \"%.64s\"", name);
                if (ring == 0) {
                        sal_json_fail(&opens, name, SAL_E_INVALID, reterr,
                                      "\"%s\" is the first ring, it opens when the campaign is started", name);
                        sal_err_hint(reterr, "start it later, or give \"windows\"");
                        return SAL_E_INVALID;
                }
                if ((status = sal_json_time(&opens, name, true, &limits->opens_ms[ring], reterr)))
                        return status;
        }
        return SAL_OK;
}

static enum sal_status parse_label(const struct sal_json_at *labels, const char *name, struct label *label,
                                   struct sal_err *reterr) {
        struct sal_json_at values;
        if (!sal_fact_name_valid(name))
                return sal_json_fail(labels, name, SAL_E_INVALID, reterr, "a label's name is 1 to 32 of [a-z0-9_.]");
        enum sal_status status = sal_json_array(labels, name, true, 1, SAL_LIMITS_LABEL_VALUES_MAX, &values, reterr);
        if (status)
                return status;
        label->name = name;
        label->values = calloc(json_array_size(values.value), sizeof *label->values);
        if (!label->values)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for limits");
        for (; label->count < json_array_size(values.value); label->count++) {
                struct sal_json_at element = sal_json_element(&values, label->count);
                if (!json_is_string(element.value) || json_string_length(element.value) > SAL_FACT_VALUE_MAX_BYTES)
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr,
                                             "a label's value is a string of at most %d bytes",
                                             SAL_FACT_VALUE_MAX_BYTES);
                label->values[label->count] = json_string_value(element.value);
        }
        qsort(label->values, label->count, sizeof *label->values, compare_texts);
        return SAL_OK;
}

static enum sal_status parse_labels(const struct sal_json_at *only, struct sal_limits *limits, struct sal_err *reterr) {
        struct sal_json_at labels = {0};
        enum sal_status status = sal_json_object(only, "labels", false, &labels, reterr);
        const char *name;
        json_t *value;
        if (status || !labels.value)
                return status;
        size_t count = json_object_size(labels.value);
        if (count < 1 || count > SAL_LIMITS_LABELS_MAX)
                return sal_json_fail(&labels, NULL, SAL_E_INVALID, reterr,
                                     "\"labels\" must name 1 to %d labels, not %zu", SAL_LIMITS_LABELS_MAX, count);
        limits->labels = calloc(count, sizeof *limits->labels);
        if (!limits->labels)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for limits");
        json_object_foreach ((json_t *)labels.value, name, value) {
                if ((status = parse_label(&labels, name, &limits->labels[limits->label_count++], reterr)))
                        return status;
        }
        return SAL_OK;
}

static enum sal_status parse_machines(const struct sal_json_at *only, struct sal_limits *limits,
                                      struct sal_err *reterr) {
        struct sal_json_at machines = {0};
        enum sal_status status = sal_json_array(only, "machines", false, 1, SAL_LIMITS_MACHINES_MAX, &machines, reterr);
        if (status || !machines.value)
                return status;
        size_t count = json_array_size(machines.value);
        limits->machines = calloc(count, sizeof *limits->machines);
        if (!limits->machines)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for limits");
        for (size_t i = 0; i < count; i++) {
                struct sal_json_at element = sal_json_element(&machines, i);
                const char *id = json_string_value(element.value);
                if (!id || !sal_machine_id_valid(id))
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr,
                                             "must be a machine's id: 1 to 64 of [A-Za-z0-9._:-], no leading dot");
                limits->machines[i] = id;
        }
        limits->machine_count = count;
        qsort(limits->machines, count, sizeof *limits->machines, compare_texts);
        return SAL_OK;
}

static enum sal_status parse_only(const struct sal_json_at *at, struct sal_limits *limits, struct sal_err *reterr) {
        static const char *const known[] = {"labels", "machines", NULL};
        struct sal_json_at only = {0};
        enum sal_status status = sal_json_object(at, "only", false, &only, reterr);
        if (status || !only.value)
                return status;
        if ((status = sal_json_only(&only, known, reterr)))
                return status;
        if (json_object_size(only.value) == 0)
                return sal_json_fail(&only, NULL, SAL_E_INVALID, reterr,
                                     "\"only\" needs \"labels\" or \"machines\", or both");
        limits->narrows = true;
        status = parse_labels(&only, limits, reterr);
        return status ? status : parse_machines(&only, limits, reterr);
}

/* "HH:MM" -> minutes, at most `max`. */
static enum sal_status parse_clock(const struct sal_json_at *at, const char *key, int max, int *ret,
                                   struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, key, true, 0, 64, &text, reterr);
        if (status)
                return status;
        static const char form[] = "00:00";
        bool good = strlen(text) == sizeof form - 1;
        for (size_t i = 0; good && form[i]; i++)
                good = form[i] == ':' ? text[i] == ':' : text[i] >= '0' && text[i] <= '9';
        int hour = good ? (text[0] - '0') * 10 + (text[1] - '0') : 0;
        int minute = good ? (text[3] - '0') * 10 + (text[4] - '0') : 0;
        if (!good || minute > 59 || hour * 60 + minute > max)
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be a time of day, 00:00 to %02d:%02d",
                                     key, max / 60, max % 60);
        *ret = hour * 60 + minute;
        return SAL_OK;
}

static int day_index(const char *name) {
        for (int i = 0; name && i < (int)SAL_ARRAY_LEN(day_names); i++) {
                if (strcmp(day_names[i], name) == 0)
                        return i;
        }
        return -1;
}

/* The days on which the window begins, a bit for each. */
static enum sal_status parse_days(const struct sal_json_at *window, unsigned *ret, struct sal_err *reterr) {
        struct sal_json_at days = {0};
        enum sal_status status = sal_json_array(window, "days", false, 1, 7, &days, reterr);
        *ret = days.value ? 0 : 0x7f;
        for (size_t i = 0; !status && i < json_array_size(days.value); i++) {
                struct sal_json_at element = sal_json_element(&days, i);
                int day = day_index(json_string_value(element.value));
                if (day < 0)
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr,
                                             "must be one of mon, tue, wed, thu, fri, sat and sun");
                *ret |= 1u << day;
        }
        return status;
}

static enum sal_status parse_window(const struct sal_json_at *window, struct sal_limits *limits,
                                    struct sal_err *reterr) {
        static const char *const known[] = {"days", "from", "to", NULL};
        unsigned days = 0;
        int from = 0, to = 0;
        enum sal_status status = sal_json_only(window, known, reterr);
        if (status || (status = parse_days(window, &days, reterr)) ||
            (status = parse_clock(window, "from", MINUTES_PER_DAY - 1, &from, reterr)) ||
            (status = parse_clock(window, "to", MINUTES_PER_DAY, &to, reterr)))
                return status;
        if (from == to) {
                sal_json_fail(window, "to", SAL_E_INVALID, reterr, "\"to\" must differ from \"from\"");
                sal_err_hint(reterr, "a whole day is from 00:00 to 24:00");
                return SAL_E_INVALID;
        }
        int length = to > from ? to - from : MINUTES_PER_DAY - from + to;
        for (int day = 0; day < 7; day++) {
                if (!(days & 1u << day))
                        continue;
                for (int i = 0; i < length; i++) {
                        int minute = (day * MINUTES_PER_DAY + from + i) % MINUTES_PER_WEEK;
                        limits->week[minute / 64] |= UINT64_C(1) << (minute % 64);
                }
        }
        return SAL_OK;
}

static enum sal_status parse_windows(const struct sal_json_at *at, struct sal_limits *limits, struct sal_err *reterr) {
        struct sal_json_at windows = {0};
        enum sal_status status = sal_json_array(at, "windows", false, 1, SAL_LIMITS_WINDOWS_MAX, &windows, reterr);
        if (status || !windows.value)
                return status;
        limits->windows = true;
        for (size_t i = 0; !status && i < json_array_size(windows.value); i++) {
                struct sal_json_at window = sal_json_element(&windows, i);
                status = parse_window(&window, limits, reterr);
        }
        return status;
}

/* What was read, of which the strings are borrowed from here on, with no member that limits nothing. */
static struct sal_limits *limits_new(const json_t *value) {
        struct sal_limits *limits = calloc(1, sizeof *limits);
        if (!limits)
                return NULL;
        atomic_init(&limits->refs, 1);
        limits->in_flight_max = INT64_MAX;
        for (size_t i = 0; i < SAL_PLAN_MAX_RINGS; i++)
                limits->opens_ms[i] = INT64_MIN;
        limits->source = json_deep_copy(value);
        if (!limits->source) {
                sal_limits_unref(limits);
                return NULL;
        }
        const json_t *opens = json_object_get(limits->source, "opens");
        if (json_is_object(opens) && json_object_size(opens) == 0)
                json_object_del(limits->source, "opens");
        return limits;
}

enum sal_status sal_limits_parse(const struct sal_json_at *at, const struct sal_plan *plan, struct sal_limits **ret,
                                 struct sal_err *reterr) {
        static const char *const known[] = {"in_flight_max", "opens", "only", "windows", NULL};
        enum sal_status status = sal_json_only(at, known, reterr);
        if (status)
                return status;
        sal_auto(sal_limits) struct sal_limits *limits = limits_new(at->value);
        if (!limits)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for limits");
        struct sal_json_at here = *at;
        here.value = limits->source;
        if ((status = sal_json_int(&here, "in_flight_max", false, 1, SAL_LIMITS_IN_FLIGHT_MAX, &limits->in_flight_max,
                                   reterr)) ||
            (status = parse_opens(&here, plan, limits, reterr)) || (status = parse_only(&here, limits, reterr)) ||
            (status = parse_windows(&here, limits, reterr)))
                return status;
        *ret = json_object_size(limits->source) ? SAL_STEAL(limits) : NULL;
        return SAL_OK;
}

enum sal_status sal_limits_parse_text(const char *text, const struct sal_plan *plan, struct sal_limits **ret,
                                      struct sal_err *reterr) {
        sal_autojson json_t *value = NULL;
        enum sal_status status = sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &value, reterr);
        struct sal_json_at at = sal_json_root(value);
        return status ? status : sal_limits_parse(&at, plan, ret, reterr);
}

/* ---- comparing ---- */

/* Every one of the texts of `a` is among those of `b` (both sorted). */
static bool texts_within(const char *const *a, size_t a_count, const char *const *b, size_t b_count) {
        for (size_t i = 0; i < a_count; i++) {
                if (!listed(b, b_count, a[i]))
                        return false;
        }
        return true;
}

static const struct label *find_label(const struct sal_limits *limits, const char *name) {
        for (size_t i = 0; i < limits->label_count; i++) {
                if (strcmp(limits->labels[i].name, name) == 0)
                        return &limits->labels[i];
        }
        return NULL;
}

/* A machine may have any labels, and a list names machines whatever they are labelled: so each of b's conditions has to
 * be implied by the one of `a` of its own kind. */
static bool reach_within(const struct sal_limits *a, const struct sal_limits *b) {
        if (!b || !b->narrows)
                return true;
        if (!a || !a->narrows)
                return false;
        if (b->machines &&
            (!a->machines || !texts_within(a->machines, a->machine_count, b->machines, b->machine_count)))
                return false;
        for (size_t i = 0; i < b->label_count; i++) {
                const struct label *wide = &b->labels[i];
                const struct label *own = find_label(a, wide->name);
                if (!own || !texts_within(own->values, own->count, wide->values, wide->count))
                        return false;
        }
        return true;
}

static bool windows_within(const struct sal_limits *a, const struct sal_limits *b) {
        if (!b || !b->windows)
                return true;
        for (int minute = 0; minute < MINUTES_PER_WEEK; minute++) {
                uint64_t bit = UINT64_C(1) << (minute % 64);
                if (!(b->week[minute / 64] & bit) && (!a || !a->windows || a->week[minute / 64] & bit))
                        return false;
        }
        return true;
}

bool sal_limits_within(const struct sal_limits *a, const struct sal_limits *b) {
        if (sal_limits_in_flight_max(a) > sal_limits_in_flight_max(b))
                return false;
        for (size_t ring = 0; ring < SAL_PLAN_MAX_RINGS; ring++) {
                if (sal_limits_opens_ms(a, ring) < sal_limits_opens_ms(b, ring))
                        return false;
        }
        return reach_within(a, b) && windows_within(a, b);
}

bool sal_limits_same_reach(const struct sal_limits *a, const struct sal_limits *b) {
        return reach_within(a, b) && reach_within(b, a);
}

/* ---- the questions ---- */

int64_t sal_limits_in_flight_max(const struct sal_limits *limits) {
        return limits ? limits->in_flight_max : INT64_MAX;
}

int64_t sal_limits_opens_ms(const struct sal_limits *limits, size_t ring) {
        return limits && ring < SAL_PLAN_MAX_RINGS ? limits->opens_ms[ring] : INT64_MIN;
}

bool sal_limits_narrows(const struct sal_limits *limits) {
        return limits && limits->narrows;
}

bool sal_limits_has_windows(const struct sal_limits *limits) {
        return limits && limits->windows;
}

bool sal_limits_may_reach(const struct sal_limits *limits, const char *machine_id, bool *ret_labels_decide) {
        bool may = !limits || !limits->machines || listed(limits->machines, limits->machine_count, machine_id);
        *ret_labels_decide = may && limits && limits->label_count;
        return may;
}

bool sal_limits_reach(const struct sal_limits *limits, const char *machine_id, const json_t *labels) {
        bool labels_decide;
        if (!sal_limits_may_reach(limits, machine_id, &labels_decide))
                return false;
        for (size_t i = 0; labels_decide && i < limits->label_count; i++) {
                const struct label *label = &limits->labels[i];
                const char *value = json_string_value(json_object_get(labels, label->name));
                if (!value || !listed(label->values, label->count, value))
                        return false;
        }
        return true;
}

bool sal_limits_reach_text(const struct sal_limits *limits, const char *machine_id, const char *labels) {
        sal_autojson json_t *value = NULL;
        if (!limits || !limits->label_count)
                return sal_limits_reach(limits, machine_id, NULL);
        if (labels && sal_json_parse(labels, strlen(labels), SAL_JSON_MAX_DEPTH, &value, NULL))
                return false;
        return sal_limits_reach(limits, machine_id, value);
}

static bool open_at(const struct sal_limits *limits, int minute) {
        return limits->week[minute / 64] >> (minute % 64) & 1;
}

/* The minute in its week, and the time at which it began. */
static int minute_of_week(int64_t now_ms, int64_t *ret_began_ms) {
        int64_t within_ms = (now_ms % MS_PER_MINUTE + MS_PER_MINUTE) % MS_PER_MINUTE;
        int64_t minutes = (now_ms - within_ms) / MS_PER_MINUTE % MINUTES_PER_WEEK;
        *ret_began_ms = now_ms - within_ms;
        return (int)((minutes + EPOCH_WEEKDAY * MINUTES_PER_DAY + MINUTES_PER_WEEK) % MINUTES_PER_WEEK);
}

bool sal_limits_window_open(const struct sal_limits *limits, int64_t now_ms) {
        int64_t began_ms;
        return !sal_limits_has_windows(limits) || open_at(limits, minute_of_week(now_ms, &began_ms));
}

/* When the windows are next open (or shut), at most a week ahead; `none` when that is never. */
static int64_t next_ms(const struct sal_limits *limits, int64_t now_ms, bool open, int64_t none) {
        int64_t began_ms;
        int minute = minute_of_week(now_ms, &began_ms);
        for (int ahead = 1; ahead <= MINUTES_PER_WEEK; ahead++) {
                if (open_at(limits, (minute + ahead) % MINUTES_PER_WEEK) == open)
                        return began_ms + ahead * MS_PER_MINUTE;
        }
        return none;
}

int64_t sal_limits_window_opens_ms(const struct sal_limits *limits, int64_t now_ms) {
        return sal_limits_window_open(limits, now_ms) ? now_ms : next_ms(limits, now_ms, true, INT64_MAX);
}

int64_t sal_limits_window_closes_ms(const struct sal_limits *limits, int64_t now_ms) {
        if (!sal_limits_has_windows(limits))
                return INT64_MAX;
        return sal_limits_window_open(limits, now_ms) ? next_ms(limits, now_ms, false, INT64_MAX) : now_ms;
}
