/* SPDX-License-Identifier: Apache-2.0 */
#include "model/plan.h"

#include <stdio.h>
#include <string.h>

static const int64_t MONTH_SECONDS = 30LL * 24 * 3600;
static const double SHARE_TOLERANCE = 1e-9;

void sal_plan_default(struct sal_plan *ret) {
        *ret = (struct sal_plan){
                .ring_count = 3,
                .rings = {{.name = "canary", .share = 0.01, .soak_seconds = 1800, .growth = 2},
                          {.name = "early", .share = 0.10, .soak_seconds = 600, .growth = 6},
                          {.name = "broad", .share = 0.89, .soak_seconds = 0, .growth = 20}},
                .in_flight_initial = 5,
                .in_flight_max = 1000000,
                .acceptable_failure = 0.05,
                .unacceptable_failure = 0.20,
                .acceptable_silence = 0.10,
                .halt_error = 0.01,
                .advance_error = 0.05,
                .outcome_deadline_seconds = 3600,
                .relapse_window_seconds = 86400,
                .max_attempts = 2,
                .patience_seconds = 600,
                .quiet_seconds = 120,
                .manual_advance = false,
                .cohort_count = 2,
                .cohorts = {"model", "os_version"},
        };
}

bool sal_ring_name_valid(const char *name) {
        size_t len = strnlen(name, SAL_RING_NAME_BYTES);
        return len > 0 && len < SAL_RING_NAME_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

int sal_plan_ring_index(const struct sal_plan *plan, const char *name) {
        for (size_t i = 0; i < plan->ring_count; i++) {
                if (strcmp(plan->rings[i].name, name) == 0)
                        return (int)i;
        }
        return -1;
}

static enum sal_status parse_ring(const struct sal_json_at *at, struct sal_plan *plan, struct sal_err *reterr) {
        static const char *const known[] = {"name", "share", "soak_seconds", "growth", NULL};
        struct sal_ring_plan ring = {.growth = 1};
        const char *name = NULL;
        enum sal_status status = sal_json_only(at, known, reterr);
        if (status)
                return status;
        if ((status = sal_json_string(at, "name", true, 1, SAL_RING_NAME_BYTES - 1, &name, reterr)) ||
            (status = sal_json_number(at, "share", true, 0, 1, &ring.share, reterr)) ||
            (status = sal_json_int(at, "soak_seconds", false, 0, MONTH_SECONDS, &ring.soak_seconds, reterr)) ||
            (status = sal_json_number(at, "growth", false, 0, 1000, &ring.growth, reterr)))
                return status;
        if (!sal_ring_name_valid(name))
                return sal_json_fail(at, "name", SAL_E_INVALID, reterr,
                                     "a ring's name has only the characters a-z 0-9 and -");
        if (sal_plan_ring_index(plan, name) >= 0)
                return sal_json_fail(at, "name", SAL_E_INVALID, reterr, "a second ring has the name \"%s\"", name);
        if (!(ring.share > 0))
                return sal_json_fail(at, "share", SAL_E_INVALID, reterr, "\"share\" must be over 0");
        snprintf(ring.name, sizeof ring.name, "%s", name);
        plan->rings[plan->ring_count++] = ring;
        return SAL_OK;
}

static enum sal_status parse_rings(const struct sal_json_at *at, struct sal_plan *plan, struct sal_err *reterr) {
        struct sal_json_at rings = {0};
        enum sal_status status = sal_json_array(at, "rings", false, 1, SAL_PLAN_MAX_RINGS, &rings, reterr);
        if (status || !rings.value)
                return status;
        memset(plan->rings, 0, sizeof plan->rings);
        plan->ring_count = 0;
        double sum = 0;
        for (size_t i = 0; i < json_array_size(rings.value); i++) {
                struct sal_json_at ring = sal_json_element(&rings, i);
                status = parse_ring(&ring, plan, reterr);
                if (status)
                        return status;
                sum += plan->rings[i].share;
        }
        if (!(sum >= 1 - SHARE_TOLERANCE && sum <= 1 + SHARE_TOLERANCE))
                return sal_json_fail(&rings, NULL, SAL_E_INVALID, reterr,
                                     "the shares must sum to 1 within 1e-9, they sum to %.12g", sum);
        return SAL_OK;
}

static enum sal_status parse_in_flight(const struct sal_json_at *at, struct sal_plan *plan, struct sal_err *reterr) {
        static const char *const known[] = {"initial", "max", NULL};
        struct sal_json_at pace = {0};
        enum sal_status status = sal_json_object(at, "in_flight", false, &pace, reterr);
        if (status || !pace.value)
                return status;
        if ((status = sal_json_only(&pace, known, reterr)) ||
            (status = sal_json_int(&pace, "initial", false, 1, 1000000, &plan->in_flight_initial, reterr)) ||
            (status = sal_json_int(&pace, "max", false, 1, 100000000, &plan->in_flight_max, reterr)))
                return status;
        if (plan->in_flight_max < plan->in_flight_initial)
                return sal_json_fail(&pace, "max", SAL_E_INVALID, reterr,
                                     "\"max\" must be at least \"initial\", which is %lld",
                                     (long long)plan->in_flight_initial);
        return SAL_OK;
}

/* A probability over 0 and at most max, or under max when below. */
static enum sal_status parse_share(const struct sal_json_at *at, const char *key, double max, bool below, double *inout,
                                   struct sal_err *reterr) {
        enum sal_status status = sal_json_number(at, key, false, 0, max, inout, reterr);
        if (status)
                return status;
        if (!(*inout > 0) || (below && !(*inout < max)))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be over 0 and %s %g, it is %g", key,
                                     below ? "under" : "at most", max, *inout);
        return SAL_OK;
}

static enum sal_status parse_errors(const struct sal_json_at *at, struct sal_plan *plan, struct sal_err *reterr) {
        enum sal_status status;
        if ((status = parse_share(at, "acceptable_failure", 1, true, &plan->acceptable_failure, reterr)) ||
            (status = parse_share(at, "unacceptable_failure", 1, true, &plan->unacceptable_failure, reterr)) ||
            (status = parse_share(at, "acceptable_silence", 1, true, &plan->acceptable_silence, reterr)) ||
            (status = parse_share(at, "halt_error", 0.5, false, &plan->halt_error, reterr)) ||
            (status = parse_share(at, "advance_error", 0.5, false, &plan->advance_error, reterr)))
                return status;
        if (!(plan->acceptable_failure + plan->acceptable_silence < plan->unacceptable_failure))
                return sal_json_fail(at, "unacceptable_failure", SAL_E_INVALID, reterr,
                                     "\"unacceptable_failure\" (%g) must be over \"acceptable_failure\" + "
                                     "\"acceptable_silence\" (%g + %g)",
                                     plan->unacceptable_failure, plan->acceptable_failure, plan->acceptable_silence);
        return SAL_OK;
}

static enum sal_status parse_patience(const struct sal_json_at *at, struct sal_plan *plan, struct sal_err *reterr) {
        if (json_is_null(json_object_get(at->value, "patience_seconds"))) {
                plan->patience_seconds = -1;
                return SAL_OK;
        }
        return sal_json_int(at, "patience_seconds", false, 0, MONTH_SECONDS, &plan->patience_seconds, reterr);
}

static enum sal_status parse_times(const struct sal_json_at *at, struct sal_plan *plan, struct sal_err *reterr) {
        enum sal_status status;
        if ((status = sal_json_int(at, "outcome_deadline_seconds", false, 1, MONTH_SECONDS,
                                   &plan->outcome_deadline_seconds, reterr)) ||
            (status = sal_json_int(at, "relapse_window_seconds", false, 0, MONTH_SECONDS, &plan->relapse_window_seconds,
                                   reterr)) ||
            (status = sal_json_int(at, "max_attempts", false, 1, 100, &plan->max_attempts, reterr)) ||
            (status = parse_patience(at, plan, reterr)))
                return status;
        return sal_json_int(at, "quiet_seconds", false, 0, MONTH_SECONDS, &plan->quiet_seconds, reterr);
}

static enum sal_status parse_cohorts(const struct sal_json_at *at, struct sal_plan *plan, struct sal_err *reterr) {
        struct sal_json_at cohorts = {0};
        enum sal_status status = sal_json_array(at, "cohorts", false, 0, SAL_PLAN_MAX_COHORTS, &cohorts, reterr);
        if (status || !cohorts.value)
                return status;
        memset(plan->cohorts, 0, sizeof plan->cohorts);
        plan->cohort_count = 0;
        for (size_t i = 0; i < json_array_size(cohorts.value); i++) {
                struct sal_json_at element = sal_json_element(&cohorts, i);
                const char *name = json_string_value(element.value);
                if (!name || !sal_fact_name_valid(name))
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr,
                                             "must be the name of a fact: 1 to %d of the characters a-z 0-9 _ and .",
                                             SAL_FACT_NAME_BYTES - 1);
                for (size_t j = 0; j < plan->cohort_count; j++) {
                        if (strcmp(plan->cohorts[j], name) == 0)
                                return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr,
                                                     "the fact \"%s\" is listed twice", name);
                }
                snprintf(plan->cohorts[plan->cohort_count++], SAL_FACT_NAME_BYTES, "%s", name);
        }
        return SAL_OK;
}

enum sal_status sal_plan_parse(const struct sal_json_at *at, struct sal_plan *ret, struct sal_err *reterr) {
        static const char *const known[] = {"rings",
                                            "in_flight",
                                            "acceptable_failure",
                                            "unacceptable_failure",
                                            "acceptable_silence",
                                            "halt_error",
                                            "advance_error",
                                            "outcome_deadline_seconds",
                                            "relapse_window_seconds",
                                            "max_attempts",
                                            "patience_seconds",
                                            "quiet_seconds",
                                            "manual_advance",
                                            "cohorts",
                                            NULL};
        struct sal_plan plan;
        sal_plan_default(&plan);
        if (at->value) {
                enum sal_status status;
                if ((status = sal_json_only(at, known, reterr)) || (status = parse_rings(at, &plan, reterr)) ||
                    (status = parse_in_flight(at, &plan, reterr)) || (status = parse_errors(at, &plan, reterr)) ||
                    (status = parse_times(at, &plan, reterr)) ||
                    (status = sal_json_bool(at, "manual_advance", false, &plan.manual_advance, reterr)) ||
                    (status = parse_cohorts(at, &plan, reterr)))
                        return status;
        }
        *ret = plan;
        return SAL_OK;
}

/* NULL: out of memory; so below. */
static json_t *rings_json(const struct sal_plan *plan) {
        sal_autojson json_t *rings = json_array();
        for (size_t i = 0; i < plan->ring_count; i++) {
                const struct sal_ring_plan *ring = &plan->rings[i];
                if (json_array_append_new(rings, json_pack("{s:s, s:f, s:I, s:f}", "name", ring->name, "share",
                                                           ring->share, "soak_seconds", (json_int_t)ring->soak_seconds,
                                                           "growth", ring->growth)))
                        return NULL;
        }
        return json_incref(rings);
}

static json_t *cohorts_json(const struct sal_plan *plan) {
        sal_autojson json_t *cohorts = json_array();
        for (size_t i = 0; i < plan->cohort_count; i++)
                if (json_array_append_new(cohorts, json_string(plan->cohorts[i])))
                        return NULL;
        return json_incref(cohorts);
}

json_t *sal_plan_json(const struct sal_plan *plan) {
        json_t *patience = plan->patience_seconds < 0 ? json_null() : json_integer(plan->patience_seconds);
        return json_pack("{s:o, s:{s:I, s:I}, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:o, s:I, s:b, s:o}", "rings",
                         rings_json(plan), "in_flight", "initial", (json_int_t)plan->in_flight_initial, "max",
                         (json_int_t)plan->in_flight_max, "acceptable_failure", plan->acceptable_failure,
                         "unacceptable_failure", plan->unacceptable_failure, "acceptable_silence",
                         plan->acceptable_silence, "halt_error", plan->halt_error, "advance_error", plan->advance_error,
                         "outcome_deadline_seconds", (json_int_t)plan->outcome_deadline_seconds,
                         "relapse_window_seconds", (json_int_t)plan->relapse_window_seconds, "max_attempts",
                         (json_int_t)plan->max_attempts, "patience_seconds", patience, "quiet_seconds",
                         (json_int_t)plan->quiet_seconds, "manual_advance", (int)plan->manual_advance, "cohorts",
                         cohorts_json(plan));
}
