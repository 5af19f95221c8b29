/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person sees of a run: one line that is written again and again, and the summary.
 *
 * Thread: one. Ownership: nothing.
 */
#ifndef SAL_FLEET_SHOW_H
#define SAL_FLEET_SHOW_H

#include "salvor-fleet/fleet.h"

/* Why a run ended. */
enum sal_fleet_end {
        SAL_FLEET_END_ALL,      /* every machine came to its end */
        SAL_FLEET_END_CAMPAIGN, /* the campaign was completed */
        SAL_FLEET_END_STOPPED,  /* the campaign was halted, withdrawn or has expired */
        SAL_FLEET_END_DURATION,
        SAL_FLEET_END_LOST /* the server does not answer */
};

/* Where the run stands, over the line before; on a terminal only. */
void sal_fleet_show_progress(const struct sal_fleet *fleet);
/* The summary on standard output: aligned lines, or JSON with --json. `campaign_state` may be "". */
void sal_fleet_show_summary(const struct sal_fleet *fleet, enum sal_fleet_end end, const char *campaign_state);

#endif
