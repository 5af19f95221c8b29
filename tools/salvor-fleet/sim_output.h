/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What simulations came to, for people and programs: text, JSON, CSV, a picture.
 *
 * Thread: one. Ownership: everything is borrowed for the call; JSON is handed over.
 */
#ifndef SAL_FLEET_SIM_OUTPUT_H
#define SAL_FLEET_SIM_OUTPUT_H

#include "base/json.h"
#include "salvor-fleet/sim_table.h"

/* The runs of one policy. */
struct sal_sim_played {
        enum sal_sim_policy policy;
        const struct sal_sim_result *results;
        struct sal_sim_summary summary;
};

struct sal_sim_played_case {
        const struct sal_sim_case *what;
        uint64_t seed;
        int64_t runs;
        size_t count;
        struct sal_sim_played played[SAL_SIM_POLICIES];
};

void sal_sim_print_case(FILE *stream, const struct sal_sim_played_case *played);
json_t *sal_sim_case_json(const struct sal_sim_played_case *played); /* NULL without memory */
/* One line per run and policy. */
void sal_sim_case_csv(FILE *stream, const struct sal_sim_played_case *played);

/* As a Markdown table, with what was played below. */
void sal_sim_print_table(FILE *stream, const struct sal_sim_table *table, uint64_t seed, int64_t runs);
json_t *sal_sim_table_json(const struct sal_sim_table *table, uint64_t seed, int64_t runs);
/* One line per row and policy. */
void sal_sim_table_csv(FILE *stream, const struct sal_sim_table *table);

/* Pictures, by gnuplot. path: of a file ending in .svg or .png. Errors: SAL_E_IO with what gnuplot said, or that it is
 * not there. */
enum sal_status sal_sim_plot_case(const char *path, const struct sal_sim_played_case *played, struct sal_err *reterr);
enum sal_status sal_sim_plot_table(const char *path, const struct sal_sim_table *table, struct sal_err *reterr);

#endif
