/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line of salvor-fleet.
 *
 * Thread: one. Ownership: texts are borrowed from argv; the facts are owned until sal_fleet_options_done.
 */
#ifndef SAL_FLEET_OPTIONS_H
#define SAL_FLEET_OPTIONS_H

#include "base/json.h"

#include <stdio.h>

enum {
        SAL_FLEET_MACHINES_MAX = 1000000,
        SAL_FLEET_CONCURRENCY_MAX = 4096,
        SAL_FLEET_CONCURRENCY = 64,
        SAL_FLEET_PREFIX_MAX_BYTES = 32,
        SAL_FLEET_FACTS_MAX_BYTES = 1 << 20
};

struct sal_fleet_options {
        const char *dir;
        const char *prefix;   /* of machine ids: "<prefix>-000001" */
        const char *campaign; /* id whose end ends the run, or NULL */
        const char *reason;   /* of polls before a relapse: boot_failure, requested, drill */
        int64_t machines;
        int64_t concurrency;
        int64_t duration_seconds; /* 0: no bound */
        int64_t seed;
        double fail_share, silent_share, relapse_share; /* 0..1, together at most 1 */
        double speed;                                   /* over 0: how often a simulated second fits into a real one */
        bool healthy;                                   /* machines say that they can, and do, send `healthy` */
        bool enroll_only;                               /* machines enrol, become known, and end */
        bool reenroll;                                  /* machines that hold a token may enrol again */
        bool json;
        bool help;
        bool version;
        json_t *facts; /* object laid over every machine's own facts, or array of such, taken in turn; or NULL */
};

/* Reads the command line. Errors: SAL_E_USAGE, and those of reading --facts FILE. */
enum sal_status sal_fleet_options_parse(int argc, char **argv, struct sal_fleet_options *ret, struct sal_err *reterr);
void sal_fleet_options_done(struct sal_fleet_options *options);
void sal_fleet_print_usage(FILE *stream);

#endif
