/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of docs/rollout.md: ten cases, what Salvor has to reach in each, and what the rules of peers come to in the
 * very same case.
 *
 * Thread: one. Ownership: a table is a plain value.
 */
#ifndef SAL_FLEET_SIM_TABLE_H
#define SAL_FLEET_SIM_TABLE_H

#include "salvor-fleet/sim_runs.h"

/* What is measured. */
enum sal_sim_measure {
        SAL_SIM_HALTED_SHARE,   /* halted by chance, at most this share of the runs */
        SAL_SIM_EXPOSED_MEDIAN, /* machines that were offered the bad fix, at most so many, median */
        SAL_SIM_COHORT_SHARE,   /* the bad cohort held, all the rest reached, in at least this share of the runs */
        SAL_SIM_TIME_RATIO,     /* time until the last success is settled over that of a push, at most, median */
};

struct sal_sim_row {
        const char *name, *label; /* for programs, for people */
        enum sal_sim_measure measure;
        double bound;
};

enum { SAL_SIM_ROWS = 10, SAL_SIM_TABLE_POLICIES = 5, SAL_SIM_MILLION_RUNS = 20 };

/* One cell: a policy in a case. */
struct sal_sim_cell {
        bool there;   /* the rule was played in this case */
        double value; /* by the row's measure; of a share 0..1 */
        struct sal_sim_summary summary;
};

struct sal_sim_table {
        struct sal_sim_cell cells[SAL_SIM_ROWS][SAL_SIM_TABLE_POLICIES]; /* in the order of enum sal_sim_policy */
        double seconds[SAL_SIM_ROWS];
};

const struct sal_sim_row *sal_sim_row(size_t row);
/* The case of a row under a policy. */
void sal_sim_row_case(size_t row, enum sal_sim_policy policy, struct sal_sim_case *ret);
/* Whether Salvor reaches what the row asks. */
bool sal_sim_row_reached(size_t row, const struct sal_sim_table *table);
/* How many runs of a row are made when `runs` are asked for: the row of a million machines takes a fiftieth, at most
 * SAL_SIM_MILLION_RUNS. */
int64_t sal_sim_row_runs(size_t row, int64_t runs);

/* Plays all rows. row_begins (or NULL) is told of each. Errors: as sal_sim_runs_play. */
enum sal_status sal_sim_table_play(const struct sal_sim_effort *effort, void (*row_begins)(void *arg, size_t row),
                                   struct sal_sim_table *ret, struct sal_err *reterr);

#endif
