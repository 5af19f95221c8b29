/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line of `salvor-fleet simulate`.
 *
 * Thread: one. Ownership: texts are borrowed from argv.
 */
#ifndef SAL_FLEET_SIM_OPTIONS_H
#define SAL_FLEET_SIM_OPTIONS_H

#include "salvor-fleet/sim_case.h"

#include <stdio.h>

enum { SAL_SIM_PLAN_MAX_BYTES = 256 * 1024 };

struct sal_sim_options {
        struct sal_sim_case what; /* its policy: the first of those that are played */
        bool policies[SAL_SIM_POLICIES];
        int64_t runs, seed, threads;
        const char *plan, *csv, *plot, *journal; /* files, or NULL */
        bool table, json, help;
};

/* Reads the words behind "simulate". Errors: SAL_E_USAGE, and those of reading --plan FILE. */
enum sal_status sal_sim_options_parse(int argc, char **argv, struct sal_sim_options *ret, struct sal_err *reterr);
void sal_sim_print_usage(FILE *stream);

#endif
