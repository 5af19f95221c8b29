/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits: what an operator lays on a campaign beyond its signed plan. They can make a rollout smaller, later or
 * narrower than the plan, never larger, sooner or wider: every question here can only turn a yes of the plan into a no.
 * A ring that opens because machines are kept away would be a yes: see sal_course_limited in rollout/course.h.
 *
 *   {"in_flight_max": 50,                              at most so many offers in flight
 *    "opens": {"broad": "2026-11-23T06:00:00Z"},       a ring opens then at the earliest
 *    "only": {"labels": {"site": ["berlin"]}, "machines": ["m-1"]},   only machines that fit all that is given
 *    "windows": [{"days": ["mon", "sat"], "from": "22:00", "to": "04:00"}]}   offers are made within these only (UTC)
 *
 * Thread: immutable after parsing; reference counts are atomic. Ownership: limits own everything they refer to.
 */
#ifndef SAL_MODEL_LIMITS_H
#define SAL_MODEL_LIMITS_H

#include "model/plan.h"

enum {
        SAL_LIMITS_LABELS_MAX = 16, /* names; each with 1..64 values */
        SAL_LIMITS_LABEL_VALUES_MAX = 64,
        SAL_LIMITS_MACHINES_MAX = 10000,
        SAL_LIMITS_IN_FLIGHT_MAX = 100000000,
        SAL_LIMITS_MAX_BYTES = 1048576, /* of the JSON text */
};

struct sal_limits;

/* Reads limits; every member is optional, an unknown one is refused, every bound is named in the error.
 * in_flight_max: 1..SAL_LIMITS_IN_FLIGHT_MAX. opens: names rings of `plan` but its first one, which opens with the
 * start. only: at least one of labels (names [a-z0-9_.]{1,32}, values of up to 256 bytes, one of which has to be the
 * machine's) and machines (1..SAL_LIMITS_MACHINES_MAX names). windows: as windows.h reads them.
 * *ret has one reference; NULL when nothing is limited ({}). Errors: SAL_E_INVALID (with pointer), SAL_E_NOMEM. */
enum sal_status sal_limits_parse(const struct sal_json_at *at, const struct sal_plan *plan, struct sal_limits **ret,
                                 struct sal_err *reterr);
/* The same from stored text. Errors: as above, and SAL_E_MALFORMED. */
enum sal_status sal_limits_parse_text(const char *text, const struct sal_plan *plan, struct sal_limits **ret,
                                      struct sal_err *reterr);
struct sal_limits *sal_limits_ref(struct sal_limits *limits); /* NULL is allowed */
void sal_limits_unref(struct sal_limits *limits);             /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_limits, sal_limits_unref)
/* As it was read, members that limit nothing left out. NULL: {}. A new reference, NULL without memory. */
json_t *sal_limits_json(const struct sal_limits *limits);

/* True when `a` allows nothing that `b` does not allow (NULL: no limits): the change from b to a only tightens. Both
 * are of one plan. */
bool sal_limits_within(const struct sal_limits *a, const struct sal_limits *b);
/* True when both narrow to the same machines (or neither narrows): what was counted of the fleet stays right. */
bool sal_limits_same_reach(const struct sal_limits *a, const struct sal_limits *b);

/* The questions; limits NULL: as if there were none. */
int64_t sal_limits_in_flight_max(const struct sal_limits *limits);         /* INT64_MAX: none */
int64_t sal_limits_opens_ms(const struct sal_limits *limits, size_t ring); /* unix_ms; INT64_MIN: at any time */
bool sal_limits_narrows(const struct sal_limits *limits);                  /* has "only" */
bool sal_limits_has_windows(const struct sal_limits *limits);              /* has "windows" */
/* Whether the machine is one of `only`. labels: its labels as a JSON object, or NULL for none; a label's value is
 * compared as text, exactly. */
bool sal_limits_reach(const struct sal_limits *limits, const char *machine_id, const json_t *labels);
/* The same of a machine whose labels are not at hand: false means that it is none of them whatever its labels, true
 * that it is one, but where *ret_labels_decide says that this depends on them. */
bool sal_limits_may_reach(const struct sal_limits *limits, const char *machine_id, bool *ret_labels_decide);
/* The same with the labels as they are stored: the text of a JSON object, NULL for none. Without memory, false. */
bool sal_limits_reach_text(const struct sal_limits *limits, const char *machine_id, const char *labels);
bool sal_limits_window_open(const struct sal_limits *limits, int64_t now_ms);
/* unix_ms at which a window next opens (now_ms when one is open, or there are none) and at which the open one closes
 * (now_ms when none is open, INT64_MAX: never); both at most 7 days ahead. */
int64_t sal_limits_window_opens_ms(const struct sal_limits *limits, int64_t now_ms);
int64_t sal_limits_window_closes_ms(const struct sal_limits *limits, int64_t now_ms);

#endif
