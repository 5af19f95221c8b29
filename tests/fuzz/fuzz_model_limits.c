/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an operator's limits: refused with a sentence, or read, shown and read again as the same, within no
 * limits at all, and with windows whose next change is where they say. */
#include "model/limits.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds) {
        if (!holds)
                abort();
}

static void check_windows(const struct sal_limits *limits, int64_t now_ms) {
        int64_t opens_ms = sal_limits_window_opens_ms(limits, now_ms);
        int64_t closes_ms = sal_limits_window_closes_ms(limits, now_ms);
        check(sal_limits_window_open(limits, opens_ms) && opens_ms >= now_ms);
        check(opens_ms - now_ms <= INT64_C(7) * 24 * 3600 * 1000);
        check(closes_ms == INT64_MAX || !sal_limits_window_open(limits, closes_ms));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        struct sal_plan plan;
        sal_plan_default(&plan);
        char *text = malloc(len + 1);
        check(text != NULL);
        if (len)
                memcpy(text, data, len);
        text[len] = '\0';
        sal_auto(sal_limits) struct sal_limits *limits = NULL;
        sal_auto(sal_limits) struct sal_limits *again = NULL;
        struct sal_err err = {0};
        enum sal_status status = sal_limits_parse_text(text, &plan, &limits, &err);
        free(text);
        if (status) {
                check(err.detail[0] != '\0' && !limits);
                return 0;
        }
        sal_autojson json_t *json = sal_limits_json(limits);
        sal_autofree char *shown = sal_json_dump(json);
        check(shown && !sal_limits_parse_text(shown, &plan, &again, NULL));
        check(sal_limits_within(limits, again) && sal_limits_within(again, limits) && sal_limits_within(limits, NULL));
        check(sal_limits_same_reach(limits, again));
        check(sal_limits_reach(limits, "m-1", NULL) == sal_limits_reach(again, "m-1", NULL));
        check_windows(limits, 0);
        check_windows(limits, INT64_C(1795305599999));
        return 0;
}
