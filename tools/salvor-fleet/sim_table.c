/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_table.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MILLION = SAL_SIM_ROWS - 1, RUNS_PER_MILLION_RUN = 50, PEER_RUNS_MILLION = 2 };

static const struct sal_sim_row rows[SAL_SIM_ROWS] = {
        {"good", "good fix (2 % fail, successes report slower than failures): halted by chance", SAL_SIM_HALTED_SHARE,
         0.01},
        {"acceptable", "exactly 5 % fail: halted by chance", SAL_SIM_HALTED_SHARE, 0.01},
        {"fail90", "90 % fail, reported: machines exposed, median", SAL_SIM_EXPOSED_MEDIAN, 8},
        {"silent90", "90 % fall silent, deadline 60 min: exposed, median", SAL_SIM_EXPOSED_MEDIAN, 8},
        {"fail30", "30 % fail: exposed, median", SAL_SIM_EXPOSED_MEDIAN, 35},
        {"silent30", "30 % fall silent: exposed, median", SAL_SIM_EXPOSED_MEDIAN, 90},
        {"late90", "90 % fail, beginning after 1,000 good ones: exposed since then, median", SAL_SIM_EXPOSED_MEDIAN,
         170},
        {"relapse50", "half relapse after \"success\", canary soak 30 min: exposed, median", SAL_SIM_EXPOSED_MEDIAN,
         15},
        {"cohort", "one model of ten broken, rest fine: that cohort held, the rest completed", SAL_SIM_COHORT_SHARE,
         0.99},
        {"million", "good fix (1 % fail), 1,000,000 machines waiting: time to the last success over a push's, median",
         SAL_SIM_TIME_RATIO, 4.0},
};

const struct sal_sim_row *sal_sim_row(size_t row) {
        return &rows[row];
}

int64_t sal_sim_row_runs(size_t row, int64_t runs) {
        if (row != ROW_MILLION)
                return runs;
        runs = (runs + RUNS_PER_MILLION_RUN - 1) / RUNS_PER_MILLION_RUN;
        return runs < SAL_SIM_MILLION_RUNS ? runs : SAL_SIM_MILLION_RUNS;
}

/* One ring of 5,000, growth 1, no cohorts, one attempt, success is `healthy`. */
static void one_ring(struct sal_sim_case *what) {
        struct sal_plan *plan = &what->plan;
        plan->ring_count = 1;
        plan->rings[0] = (struct sal_ring_plan){.share = 1, .growth = 1};
        snprintf(plan->rings[0].name, sizeof plan->rings[0].name, "all");
        plan->cohort_count = 0;
        plan->max_attempts = 1;
        what->healthy = true;
}

/* What the operators of the peers would set to hold the same 5 %: the table compares rules, not settings. */
static void strict_peers(struct sal_sim_case *what) {
        what->hawkbit_error_percent = 5;
        what->aws_abort_percent = 10;
        what->aws_minimum = 10;
}

static void cohort_case(struct sal_sim_case *what) {
        what->plan.cohort_count = 1;
        snprintf(what->plan.cohorts[0], sizeof what->plan.cohorts[0], "model");
        what->cohort_values = 10;
        what->bad_cohort_fail = 1;
}

/* The default plan: rings 1/10/89 %, growth 2/6/20, cohorts, two attempts. */
static void million_case(struct sal_sim_case *what) {
        sal_plan_default(&what->plan);
        what->healthy = true;
        what->machines = 1000000;
        what->polls_per_minute = 0;
        what->offers_per_second = 2000;
        what->fail_share = 0.01;
        what->success = (struct sal_sim_delay){.kind = SAL_SIM_TRIANGULAR, .low = 120, .mode = 210, .high = 570};
        what->failure = what->success;
        what->days = 365;
        /* Halted by chance, a rule would have no time to compare: here AWS has the numbers of a patient operator. */
        what->aws_abort_percent = 20;
        what->aws_minimum = 100;
}

void sal_sim_row_case(size_t row, enum sal_sim_policy policy, struct sal_sim_case *ret) {
        sal_sim_case_default(ret);
        ret->policy = policy;
        one_ring(ret);
        strict_peers(ret);
        const char *name = rows[row].name;
        if (strcmp(name, "good") == 0)
                ret->fail_share = 0.02;
        else if (strcmp(name, "acceptable") == 0)
                ret->fail_share = 0.05;
        else if (strcmp(name, "fail90") == 0)
                ret->fail_share = 0.9;
        else if (strcmp(name, "silent90") == 0)
                ret->silent_share = 0.9;
        else if (strcmp(name, "fail30") == 0)
                ret->fail_share = 0.3;
        else if (strcmp(name, "silent30") == 0)
                ret->silent_share = 0.3;
        else if (strcmp(name, "late90") == 0)
                ret->fail_share = 0.9, ret->good_first = 1000;
        else if (strcmp(name, "relapse50") == 0)
                ret->relapse_share = 0.5, ret->healthy = false, ret->plan.rings[0].soak_seconds = 1800;
        else if (strcmp(name, "cohort") == 0)
                cohort_case(ret);
        else
                million_case(ret);
}

/* ---- a cell ---- */

/* The times of the runs over those of a push with the same seed. */
static enum sal_status time_ratio(size_t row, const struct sal_sim_effort *effort, const struct sal_sim_result *results,
                                  double *ret, struct sal_err *reterr) {
        struct sal_sim_case push;
        sal_sim_row_case(row, SAL_SIM_PUSH, &push);
        sal_autofree struct sal_sim_result *pushed = NULL;
        sal_autofree double *ratios = calloc((size_t)effort->runs, sizeof *ratios);
        if (!ratios)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        enum sal_status status = sal_sim_runs_play(&push, effort, &pushed, reterr);
        if (status)
                return status;
        for (int64_t i = 0; i < effort->runs; i++)
                ratios[i] = (double)results[i].success_us / (double)pushed[i].success_us;
        *ret = sal_sim_spread_of(ratios, effort->runs).at[SAL_SIM_P50];
        return SAL_OK;
}

static enum sal_status play_cell(size_t row, enum sal_sim_policy policy, const struct sal_sim_effort *effort,
                                 struct sal_sim_cell *cell, struct sal_err *reterr) {
        struct sal_sim_case what;
        sal_autofree struct sal_sim_result *results = NULL;
        sal_sim_row_case(row, policy, &what);
        enum sal_status status = sal_sim_runs_play(&what, effort, &results, reterr);
        if (!status && sal_sim_summarise(results, effort->runs, &cell->summary))
                status = sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        if (status)
                return status;
        cell->there = true;
        switch (rows[row].measure) {
        case SAL_SIM_HALTED_SHARE:
                cell->value = (double)cell->summary.halted / (double)effort->runs;
                break;
        case SAL_SIM_EXPOSED_MEDIAN:
                cell->value = cell->summary.exposed.at[SAL_SIM_P50];
                break;
        case SAL_SIM_COHORT_SHARE:
                cell->value = (double)cell->summary.cohort_right / (double)effort->runs;
                break;
        case SAL_SIM_TIME_RATIO:
                status = time_ratio(row, effort, results, &cell->value, reterr);
                break;
        }
        return status;
}

bool sal_sim_row_reached(size_t row, const struct sal_sim_table *table) {
        double value = table->cells[row][SAL_SIM_SALVOR].value;
        return rows[row].measure == SAL_SIM_COHORT_SHARE ? value >= rows[row].bound : value <= rows[row].bound;
}

enum sal_status sal_sim_table_play(const struct sal_sim_effort *effort, void (*row_begins)(void *arg, size_t row),
                                   struct sal_sim_table *ret, struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        *ret = (struct sal_sim_table){0};
        for (size_t row = 0; !status && row < SAL_SIM_ROWS; row++) {
                struct sal_sim_effort share = *effort;
                int64_t began_ms = sal_clock_mono_ms();
                share.runs = sal_sim_row_runs(row, effort->runs);
                if (row_begins)
                        row_begins(effort->arg, row);
                for (int policy = 0; !status && policy < SAL_SIM_TABLE_POLICIES; policy++) {
                        /* Peers do not depend on chance there. */
                        if (row == ROW_MILLION && policy != SAL_SIM_SALVOR && share.runs > PEER_RUNS_MILLION)
                                share.runs = PEER_RUNS_MILLION;
                        status = play_cell(row, (enum sal_sim_policy)policy, &share, &ret->cells[row][policy], reterr);
                }
                ret->seconds[row] = (double)(sal_clock_mono_ms() - began_ms) / 1000;
        }
        return status;
}
