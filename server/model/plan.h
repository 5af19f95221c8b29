/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rollout plan of a campaign: rings, pace, bounds. Every member has a default (see sal_plan_default); a plan is part
 * of the signed payload and rules the rollout.
 *
 * Thread: plain values, immutable after parsing. Ownership: no pointers.
 */
#ifndef SAL_MODEL_PLAN_H
#define SAL_MODEL_PLAN_H

#include "model/facts.h"

enum { SAL_PLAN_MAX_RINGS = 16, SAL_PLAN_MAX_COHORTS = 8, SAL_RING_NAME_BYTES = 33 };

struct sal_ring_plan {
        char name[SAL_RING_NAME_BYTES]; /* [a-z0-9-]{1,32}, unique */
        double share;                   /* over 0; all together 1 within 1e-9 */
        int64_t soak_seconds;           /* 0..2592000 */
        double growth;                  /* 0..1000 */
};

struct sal_plan {
        size_t ring_count; /* 1..16 */
        struct sal_ring_plan rings[SAL_PLAN_MAX_RINGS];
        int64_t in_flight_initial;        /* 1..1000000 */
        int64_t in_flight_max;            /* in_flight_initial..100000000 */
        double acceptable_failure;        /* over 0, under 1 */
        double unacceptable_failure;      /* over acceptable_failure + acceptable_silence, under 1 */
        double acceptable_silence;        /* over 0, under 1 */
        double halt_error;                /* over 0, at most 0.5 */
        double advance_error;             /* over 0, at most 0.5 */
        int64_t outcome_deadline_seconds; /* 1..2592000 */
        int64_t relapse_window_seconds;   /* 0..2592000 */
        int64_t max_attempts;             /* 1..100 */
        int64_t patience_seconds;         /* 0..2592000; -1: null, never */
        int64_t quiet_seconds;            /* 0..2592000 */
        bool manual_advance;
        size_t cohort_count; /* 0..8 */
        char cohorts[SAL_PLAN_MAX_COHORTS][SAL_FACT_NAME_BYTES];
};

/* The default plan of the wire contract: canary 1 %, early 10 %, broad 89 %. */
void sal_plan_default(struct sal_plan *ret);

/* Reads a plan; a missing member keeps its default, an unknown one is refused, every bound is named in the error.
 * at->value NULL: the default plan. A given "rings" replaces the default rings whole; within a ring name and share are
 * required, soak_seconds and growth default to 0 and 1. */
enum sal_status sal_plan_parse(const struct sal_json_at *at, struct sal_plan *ret, struct sal_err *reterr);

/* The plan as JSON, every member present. A new reference. */
json_t *sal_plan_json(const struct sal_plan *plan);

/* Index of a ring by name, or -1. */
int sal_plan_ring_index(const struct sal_plan *plan, const char *name);
bool sal_ring_name_valid(const char *name);

#endif
