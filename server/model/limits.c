/* SPDX-License-Identifier: Apache-2.0 */
#include "model/limits.h"

#include "model/campaign.h"
#include "model/windows.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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
        struct sal_windows windows;
        json_t *source; /* from which every string is borrowed */
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

static enum sal_status check_unique(const struct sal_json_at *at, const char *const *sorted, size_t count,
                                    struct sal_err *reterr) {
        for (size_t i = 1; i < count; i++)
                if (strcmp(sorted[i - 1], sorted[i]) == 0)
                        return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "\"%.64s\" is listed twice", sorted[i]);
        return SAL_OK;
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
        return check_unique(&values, label->values, label->count, reterr);
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
        return check_unique(&machines, limits->machines, count, reterr);
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
            (status = sal_windows_parse(&here, "windows", &limits->windows, reterr)))
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

bool sal_limits_within(const struct sal_limits *a, const struct sal_limits *b) {
        static const struct sal_windows always = {0};
        if (sal_limits_in_flight_max(a) > sal_limits_in_flight_max(b))
                return false;
        for (size_t ring = 0; ring < SAL_PLAN_MAX_RINGS; ring++) {
                if (sal_limits_opens_ms(a, ring) < sal_limits_opens_ms(b, ring))
                        return false;
        }
        return reach_within(a, b) && sal_windows_within(a ? &a->windows : &always, b ? &b->windows : &always);
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
        return limits && limits->windows.any;
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

bool sal_limits_window_open(const struct sal_limits *limits, int64_t now_ms) {
        return !limits || sal_windows_open(&limits->windows, now_ms);
}

int64_t sal_limits_window_opens_ms(const struct sal_limits *limits, int64_t now_ms) {
        return sal_limits_window_open(limits, now_ms) ? now_ms : sal_windows_next_ms(&limits->windows, now_ms, true);
}

int64_t sal_limits_window_closes_ms(const struct sal_limits *limits, int64_t now_ms) {
        if (!sal_limits_has_windows(limits))
                return INT64_MAX;
        return sal_limits_window_open(limits, now_ms) ? sal_windows_next_ms(&limits->windows, now_ms, false) : now_ms;
}
