/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `campaign watch` sees of one campaign, and how it draws it.
 *
 * Thread: one. Ownership: plain values.
 */
#ifndef SAL_SALVORCTL_WATCH_H
#define SAL_SALVORCTL_WATCH_H

#include "base/json.h"
#include "model/plan.h"

#include <stdio.h>

struct sal_watch_ring {
        char name[SAL_RING_NAME_BYTES];
        bool open;
        int64_t total; /* known machines that match, or 0 when unknown */
        int64_t offered, unsettled, succeeded, failed, not_applicable;
};

struct sal_watch_view {
        char campaign[96]; /* "id@version" */
        char state[32];
        size_t ring_count;
        struct sal_watch_ring rings[SAL_PLAN_MAX_RINGS];
        int64_t known, waiting, back, needs_hands;
        char news[256]; /* the newest decision, in words; "" for none */
        bool lost;      /* the server does not answer at the moment */
};

/* Draws the rings as bars over the lines of the last drawing. `drawn` is how many lines that were, 0 at first; returns
 * how many are now. Colours unless NO_COLOR; plain letters unless the locale is UTF-8. */
int sal_watch_draw(FILE *stream, const struct sal_watch_view *view, int drawn, int64_t elapsed_ms);

/* True when a reader would see a difference. */
bool sal_watch_differs(const struct sal_watch_view *a, const struct sal_watch_view *b);

/* One line for each ring that differs from `before` and one for the state, each beginning with the time. */
void sal_watch_print_changes(FILE *stream, const struct sal_watch_view *before, const struct sal_watch_view *now,
                             int64_t unix_ms);

/* The view as one compact JSON line. */
void sal_watch_print_json(FILE *stream, const struct sal_watch_view *now, int64_t unix_ms);

#endif
