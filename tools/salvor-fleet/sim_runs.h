/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many runs of a case side by side, and what they come to together. Results stand in the order of the runs and do not
 * depend on how many threads made them.
 *
 * Thread: sal_sim_runs_play starts its own threads and waits for them. Ownership: results are handed over.
 */
#ifndef SAL_FLEET_SIM_RUNS_H
#define SAL_FLEET_SIM_RUNS_H

#include "salvor-fleet/sim_world.h"

enum { SAL_SIM_THREADS_MAX = 256 };

struct sal_sim_effort {
        uint64_t seed;
        int64_t runs;            /* 1..SAL_SIM_RUNS_MAX */
        int64_t threads;         /* 1..SAL_SIM_THREADS_MAX */
        const atomic_bool *stop; /* ends everything early; NULL: never */
        /* Told now and then, by the calling thread, how many runs are done; NULL: not wanted. */
        void (*progress)(void *arg, int64_t done, int64_t runs);
        void *arg;
};

/* Errors: SAL_E_NOMEM, SAL_E_TIMEOUT when it was stopped. results: to be freed with free. */
enum sal_status sal_sim_runs_play(const struct sal_sim_case *what, const struct sal_sim_effort *effort,
                                  struct sal_sim_result **ret_results, struct sal_err *reterr);

enum { SAL_SIM_P5, SAL_SIM_P25, SAL_SIM_P50, SAL_SIM_P75, SAL_SIM_P95, SAL_SIM_QUANTILES };

/* Quantiles over those runs in which it happened. */
struct sal_sim_spread {
        int64_t count;
        double at[SAL_SIM_QUANTILES]; /* NaN when it never happened */
};

struct sal_sim_summary {
        int64_t runs, halted, completed;
        double halted_low, halted_high;        /* 95 % interval of the share (Wilson) */
        struct sal_sim_spread exposed, harmed; /* machines */
        struct sal_sim_spread halt_minutes, release_minutes, success_minutes;
        int64_t cohort_right; /* runs in which the bad cohort alone was held, and all the rest was reached */
};

/* Errors: SAL_E_NOMEM. */
enum sal_status sal_sim_summarise(const struct sal_sim_result *results, int64_t runs, struct sal_sim_summary *ret);
/* Quantiles of values, which are put in order; linear between two of them. */
struct sal_sim_spread sal_sim_spread_of(double *values, int64_t count);

#endif
