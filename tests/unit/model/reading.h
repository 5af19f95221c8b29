/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits from their text, against the default plan.
 *
 * Thread: the test's. Ownership: limits_of hands over a reference.
 */
#ifndef SAL_TESTS_MODEL_READING_H
#define SAL_TESTS_MODEL_READING_H

#include "base/buf.h"
#include "base/clock.h"
#include "model/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static inline enum sal_status parse(const char *text, struct sal_limits **ret, struct sal_err *err) {
        struct sal_plan plan;
        sal_plan_default(&plan);
        return sal_limits_parse_text(text, &plan, ret, err);
}

static inline struct sal_limits *limits_of(const char *text) {
        struct sal_limits *limits = NULL;
        struct sal_err err = {0};
        if (parse(text, &limits, &err))
                fail_msg("%s: %s (at \"%s\")", text, err.detail, err.pointer);
        return limits;
}

static inline int64_t at(const char *time) {
        int64_t ms = 0;
        assert_int_equal(sal_time_parse(time, &ms), SAL_OK);
        return ms;
}

#endif
