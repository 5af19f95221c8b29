/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Case: what a simulation plays: a plan, a fleet and how its machines behave, and the rule that decides.
 *
 * Thread: a plain value, immutable once it is checked. Ownership: no pointers.
 */
#ifndef SAL_FLEET_SIM_CASE_H
#define SAL_FLEET_SIM_CASE_H

#include "model/plan.h"
#include "salvor-fleet/sim_random.h"

/* One in 17 hours; far rarer, and the time between two would leave what simulated time holds. */
#define SAL_SIM_POLLS_PER_MINUTE_MIN 0.001

enum {
        SAL_SIM_MACHINES_MAX = 10000000,
        SAL_SIM_RUNS_MAX = 1000000,
        SAL_SIM_VALUES_MAX = 1000,
        SAL_SIM_PHASES_MAX = 16,
        SAL_SIM_DAYS_MAX = 365,
};

/* Whose rule decides. Their documentation is named in docs/man/salvor-fleet.1.scd. */
enum sal_sim_policy {
        SAL_SIM_SALVOR,  /* the plan, by the very code of the daemon */
        SAL_SIM_HAWKBIT, /* groups: the share that failed, of the whole group */
        SAL_SIM_AWS,     /* percentage of the executed ones, once a minimum of them is there */
        SAL_SIM_MENDER,  /* phases by the clock; nothing halts */
        SAL_SIM_LVFS,    /* so many failures, and too few successes among the reports */
        SAL_SIM_PUSH,    /* everything at once; nothing halts */
        SAL_SIM_POLICIES
};
const char *sal_sim_policy_name(enum sal_sim_policy policy);
int sal_sim_policy_parse(const char *name); /* -1: none */

/* What becomes of a machine that takes the fix. */
enum sal_sim_fate {
        SAL_SIM_GOOD,
        SAL_SIM_FAILS,    /* reports `failed`, at every attempt */
        SAL_SIM_SILENT,   /* is never heard of again */
        SAL_SIM_RELAPSES, /* reports success, and fails to boot later */
        SAL_SIM_LATE,     /* reports success after the deadline */
        SAL_SIM_CYCLES,   /* somebody cuts the power: a new failed boot, before it could report; then good */
};

struct sal_sim_case {
        enum sal_sim_policy policy;
        struct sal_plan plan;
        int64_t machines;         /* 1..SAL_SIM_MACHINES_MAX */
        double polls_per_minute;  /* of the whole fleet, at least SAL_SIM_POLLS_PER_MINUTE_MIN; 0: all of them wait at
                                     the server (held polls) */
        double offers_per_second; /* of machines that wait, at most */
        bool healthy;             /* success is `healthy`; else `applied`, settled by the soak */
        double fail_share, silent_share, relapse_share, late_share, cycle_share; /* 0..1, together at most 1 */
        int64_t good_first;     /* the first so many offers are good, whatever the shares say */
        int64_t cohort_values;  /* of each fact in the plan's cohorts, 1..SAL_SIM_VALUES_MAX */
        double bad_cohort_fail; /* share that fails of the machines with the first fact's first value; -1: no such */
        struct sal_sim_delay success, failure, relapse, cycle, late, reboot;
        int64_t days; /* simulated, at most */

        double hawkbit_error_percent;   /* more than this share of a group failed: pause */
        double hawkbit_success_percent; /* at least this share of a group succeeded: the next group starts */
        double aws_abort_percent;       /* at least this share of the executed failed: abort */
        int64_t aws_minimum;            /* executed ones that it takes at least */
        int64_t aws_per_minute;         /* offers, at most */
        size_t phase_count;             /* mender */
        double phase_shares[SAL_SIM_PHASES_MAX];
        double phase_hours; /* between the starts of two phases */
        int64_t lvfs_failures;
        double lvfs_percent; /* successes below this share of the reports, with so many failures: withdrawn */
};

/* The default plan, 5,000 machines, 100 polls a minute, a good fix; the peers' documented defaults. */
void sal_sim_case_default(struct sal_sim_case *ret);
/* Whether the members fit each other. Errors: SAL_E_USAGE. */
enum sal_status sal_sim_case_check(const struct sal_sim_case *sim_case, struct sal_err *reterr);
/* The fate of one machine in one run (run_seed), when it takes offer number `offer` (from 0) of the campaign. bad:
 * whether it is of the bad cohort. */
enum sal_sim_fate sal_sim_fate_of(const struct sal_sim_case *sim_case, uint64_t run_seed, uint32_t machine,
                                  int64_t offer, bool bad);
/* Whether a rule that halts this case is wrong: every share is what the plan calls acceptable. */
bool sal_sim_case_is_good(const struct sal_sim_case *sim_case);

#endif
