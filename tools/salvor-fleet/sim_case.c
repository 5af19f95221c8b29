/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_case.h"

#include "base/mem.h"

#include <string.h>

static const char *const policy_names[SAL_SIM_POLICIES] = {
        [SAL_SIM_SALVOR] = "salvor", [SAL_SIM_HAWKBIT] = "hawkbit", [SAL_SIM_AWS] = "aws",
        [SAL_SIM_MENDER] = "mender", [SAL_SIM_LVFS] = "lvfs",       [SAL_SIM_PUSH] = "push",
};

const char *sal_sim_policy_name(enum sal_sim_policy policy) {
        return policy_names[policy];
}

int sal_sim_policy_parse(const char *name) {
        for (int i = 0; i < SAL_SIM_POLICIES; i++)
                if (strcmp(policy_names[i], name) == 0)
                        return i;
        return -1;
}

void sal_sim_case_default(struct sal_sim_case *ret) {
        *ret = (struct sal_sim_case){
                .machines = 5000,
                .polls_per_minute = 100,
                .offers_per_second = 2000,
                .cohort_values = 10,
                .bad_cohort_fail = -1,
                .success = {.kind = SAL_SIM_EXPONENTIAL, .low = 480},
                .failure = {.kind = SAL_SIM_EXPONENTIAL, .low = 180},
                .relapse = {.kind = SAL_SIM_EXPONENTIAL, .low = 600},
                .cycle = {.kind = SAL_SIM_EXPONENTIAL, .low = 120},
                .late = {.kind = SAL_SIM_EXPONENTIAL, .low = 1800},
                .reboot = {.kind = SAL_SIM_FIXED, .low = 60},
                .days = 30,
                .hawkbit_error_percent = 50,
                .hawkbit_success_percent = 50,
                .aws_abort_percent = 20,
                .aws_minimum = 100,
                .aws_per_minute = 1000,
                .phase_count = 3,
                .phase_shares = {0.05, 0.15, 0.80},
                .phase_hours = 48,
                .lvfs_failures = 5,
                .lvfs_percent = 70,
        };
        sal_plan_default(&ret->plan);
}

static double bad_share(const struct sal_sim_case *sim_case) {
        return sim_case->fail_share + sim_case->silent_share + sim_case->relapse_share + sim_case->late_share +
               sim_case->cycle_share;
}

enum sal_status sal_sim_case_check(const struct sal_sim_case *sim_case, struct sal_err *reterr) {
        if (bad_share(sim_case) > 1 + 1e-9)
                return sal_fail(reterr, SAL_E_USAGE, "the shares of machines add up to %.3g, more than 1",
                                bad_share(sim_case));
        if (sim_case->polls_per_minute > 0 && sim_case->polls_per_minute < SAL_SIM_POLLS_PER_MINUTE_MIN)
                return sal_fail(reterr, SAL_E_USAGE, "--polls-per-minute must be 0, or at least %g, not %g",
                                SAL_SIM_POLLS_PER_MINUTE_MIN, sim_case->polls_per_minute);
        if (sim_case->bad_cohort_fail >= 0 && sim_case->plan.cohort_count == 0) {
                sal_fail(reterr, SAL_E_USAGE,
                         "--bad-cohort-fail needs a plan that watches a cohort, and this has none");
                sal_err_hint(reterr, "add \"cohorts\": [\"model\"] to the plan");
                return SAL_E_USAGE;
        }
        if (sim_case->relapse_share > 0 && sim_case->plan.relapse_window_seconds == 0)
                return sal_fail(reterr, SAL_E_USAGE, "machines cannot relapse: the plan's relapse_window_seconds is 0");
        return SAL_OK;
}

enum { PURPOSE_FATE = 1 };

enum sal_sim_fate sal_sim_fate_of(const struct sal_sim_case *sim_case, uint64_t run_seed, uint32_t machine,
                                  int64_t offer, bool bad) {
        double u = sal_sim_unit(sal_sim_mix(run_seed, (uint64_t)machine << 8 | PURPOSE_FATE));
        if (offer < sim_case->good_first)
                return SAL_SIM_GOOD;
        if (bad)
                return u < sim_case->bad_cohort_fail ? SAL_SIM_FAILS : SAL_SIM_GOOD;
        const struct {
                double share;
                enum sal_sim_fate fate;
        } parts[] = {{sim_case->fail_share, SAL_SIM_FAILS},
                     {sim_case->silent_share, SAL_SIM_SILENT},
                     {sim_case->relapse_share, SAL_SIM_RELAPSES},
                     {sim_case->late_share, SAL_SIM_LATE},
                     {sim_case->cycle_share, SAL_SIM_CYCLES}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(parts); i++) {
                if (u < parts[i].share)
                        return parts[i].fate;
                u -= parts[i].share;
        }
        return SAL_SIM_GOOD;
}

bool sal_sim_case_is_good(const struct sal_sim_case *sim_case) {
        return sim_case->bad_cohort_fail <= sim_case->plan.acceptable_failure &&
               sim_case->fail_share + sim_case->relapse_share <= sim_case->plan.acceptable_failure &&
               sim_case->silent_share + sim_case->late_share + sim_case->cycle_share <=
                       sim_case->plan.acceptable_silence;
}
