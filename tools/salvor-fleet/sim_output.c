/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_output.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Each spread of a summary has a name. */
static const struct {
        const char *name, *label;
        size_t offset;
} spreads[] = {
        {"exposed", "machines exposed", offsetof(struct sal_sim_summary, exposed)},
        {"harmed", "machines harmed", offsetof(struct sal_sim_summary, harmed)},
        {"halt_minutes", "minutes to the halt", offsetof(struct sal_sim_summary, halt_minutes)},
        {"release_minutes", "minutes to full release", offsetof(struct sal_sim_summary, release_minutes)},
        {"success_minutes", "minutes to last success", offsetof(struct sal_sim_summary, success_minutes)},
};

static const struct sal_sim_spread *spread_of(const struct sal_sim_summary *summary, size_t i) {
        return (const struct sal_sim_spread *)(const void *)((const char *)summary + spreads[i].offset);
}

/* ---- one case ---- */

void sal_sim_print_case(FILE *stream, const struct sal_sim_played_case *played) {
        bool good = sal_sim_case_is_good(played->what);
        fprintf(stream, "%" PRId64 " runs, %" PRId64 " machines, seed %" PRIu64 "\n", played->runs,
                played->what->machines, played->seed);
        for (size_t n = 0; n < played->count; n++) {
                const struct sal_sim_summary *summary = &played->played[n].summary;
                double runs = (double)summary->runs;
                fprintf(stream, "\n%s\n", sal_sim_policy_name(played->played[n].policy));
                fprintf(stream, "  %-24s %.2f %% of the runs (95 %%: %.2f to %.2f)%s\n", "halted",
                        100 * (double)summary->halted / runs, 100 * summary->halted_low, 100 * summary->halted_high,
                        good && summary->halted ? ", each of them a false alarm" : "");
                if (played->played[n].policy == SAL_SIM_SALVOR)
                        fprintf(stream, "  %-24s %.2f %% of the runs\n", "completed",
                                100 * (double)summary->completed / runs);
                if (played->what->bad_cohort_fail >= 0)
                        fprintf(stream, "  %-24s %.2f %% of the runs\n", "bad cohort alone held",
                                100 * (double)summary->cohort_right / runs);
                for (size_t i = 0; i < SAL_ARRAY_LEN(spreads); i++) {
                        const struct sal_sim_spread *spread = spread_of(summary, i);
                        if (spread->count > 0)
                                fprintf(stream, "  %-24s median %.5g, 5 to 95 %%: %.5g to %.5g\n", spreads[i].label,
                                        spread->at[SAL_SIM_P50], spread->at[SAL_SIM_P5], spread->at[SAL_SIM_P95]);
                }
        }
}

static json_t *number_or_null(double value) {
        return isfinite(value) ? json_real(value) : json_null();
}

static json_t *spread_json(const struct sal_sim_spread *spread) {
        return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "runs", (json_int_t)spread->count, "p5",
                         number_or_null(spread->at[SAL_SIM_P5]), "p25", number_or_null(spread->at[SAL_SIM_P25]),
                         "median", number_or_null(spread->at[SAL_SIM_P50]), "p75",
                         number_or_null(spread->at[SAL_SIM_P75]), "p95", number_or_null(spread->at[SAL_SIM_P95]));
}

static json_t *summary_json(const struct sal_sim_summary *summary) {
        json_t *json =
                json_pack("{s:I, s:I, s:f, s:[f, f], s:I, s:I}", "runs", (json_int_t)summary->runs, "halted",
                          (json_int_t)summary->halted, "halted_share", (double)summary->halted / (double)summary->runs,
                          "halted_share_95", summary->halted_low, summary->halted_high, "completed",
                          (json_int_t)summary->completed, "bad_cohort_alone_held", (json_int_t)summary->cohort_right);
        for (size_t i = 0; json && i < SAL_ARRAY_LEN(spreads); i++)
                json_object_set_new(json, spreads[i].name, spread_json(spread_of(summary, i)));
        return json;
}

json_t *sal_sim_case_json(const struct sal_sim_played_case *played) {
        json_t *policies = json_object();
        for (size_t n = 0; policies && n < played->count; n++)
                json_object_set_new(policies, sal_sim_policy_name(played->played[n].policy),
                                    summary_json(&played->played[n].summary));
        return json_pack("{s:s, s:I, s:I, s:I, s:b, s:o, s:o}", "schema", "salvor.simulation/1", "seed",
                         (json_int_t)played->seed, "runs", (json_int_t)played->runs, "machines",
                         (json_int_t)played->what->machines, "good", (int)sal_sim_case_is_good(played->what), "plan",
                         sal_plan_json(&played->what->plan), "policies", policies);
}

static void csv_minutes(FILE *stream, int64_t at_us) {
        if (at_us >= 0)
                fprintf(stream, ",%.3f", (double)at_us / (60.0 * SAL_SIM_US_PER_SECOND));
        else
                fputc(',', stream);
}

void sal_sim_case_csv(FILE *stream, const struct sal_sim_played_case *played) {
        fputs("policy,run,halted,offered,exposed,harmed,succeeded,cohorts_held,bad_cohort_held,halt_minutes,"
              "release_minutes,success_minutes\n",
              stream);
        for (size_t n = 0; n < played->count; n++)
                for (int64_t run = 0; run < played->runs; run++) {
                        const struct sal_sim_result *result = &played->played[n].results[run];
                        fprintf(stream,
                                "%s,%" PRId64 ",%d,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%d",
                                sal_sim_policy_name(played->played[n].policy), run + 1, result->halted_us >= 0,
                                result->offered, result->exposed, result->harmed, result->succeeded,
                                result->cohorts_held, result->bad_held);
                        csv_minutes(stream, result->halted_us);
                        csv_minutes(stream, result->released_us);
                        csv_minutes(stream, result->success_us);
                        fputc('\n', stream);
                }
}

/* ---- the table ---- */

static const char *const measure_names[] = {
        [SAL_SIM_HALTED_SHARE] = "halted_share",
        [SAL_SIM_EXPOSED_MEDIAN] = "exposed_median",
        [SAL_SIM_COHORT_SHARE] = "cohort_alone_held_share",
        [SAL_SIM_TIME_RATIO] = "time_over_push_median",
};

static void print_bound(FILE *stream, const struct sal_sim_row *row) {
        if (row->measure == SAL_SIM_HALTED_SHARE)
                fprintf(stream, "<= %.0f %%", 100 * row->bound);
        else if (row->measure == SAL_SIM_COHORT_SHARE)
                fprintf(stream, ">= %.0f %%", 100 * row->bound);
        else
                fprintf(stream, "<= %.*f", row->measure == SAL_SIM_TIME_RATIO ? 1 : 0, row->bound);
}

static void print_cell(FILE *stream, const struct sal_sim_row *row, const struct sal_sim_cell *cell) {
        const struct sal_sim_summary *summary = &cell->summary;
        double halted = (double)summary->halted / (double)summary->runs;
        switch (row->measure) {
        case SAL_SIM_HALTED_SHARE:
                fprintf(stream, "%.1f %%", 100 * cell->value);
                break;
        case SAL_SIM_EXPOSED_MEDIAN:
                fprintf(stream, "%.0f%s", cell->value, halted < 0.5 ? ", not halted" : "");
                break;
        case SAL_SIM_COHORT_SHARE:
                if (cell->value > 0)
                        fprintf(stream, "%.1f %%", 100 * cell->value);
                else if (halted >= 0.5)
                        fprintf(stream, "all stopped (%.0f %%)", 100 * halted);
                else
                        fprintf(stream, "%.0f broken", summary->harmed.at[SAL_SIM_P50]);
                break;
        case SAL_SIM_TIME_RATIO:
                fprintf(stream, "%.1f (%.0f min)", cell->value, summary->success_minutes.at[SAL_SIM_P50]);
                break;
        }
}

void sal_sim_print_table(FILE *stream, const struct sal_sim_table *table, uint64_t seed, int64_t runs) {
        fputs("| case | to reach | Salvor | reached | hawkBit | AWS IoT Jobs | Mender | LVFS |\n"
              "|---|---|---|---|---|---|---|---|\n",
              stream);
        for (size_t row = 0; row < SAL_SIM_ROWS; row++) {
                fprintf(stream, "| %s | ", sal_sim_row(row)->label);
                print_bound(stream, sal_sim_row(row));
                for (int policy = 0; policy < SAL_SIM_TABLE_POLICIES; policy++) {
                        fputs(" | ", stream);
                        print_cell(stream, sal_sim_row(row), &table->cells[row][policy]);
                        if (policy == SAL_SIM_SALVOR)
                                fputs(sal_sim_row_reached(row, table) ? " | yes" : " | NO", stream);
                }
                fputs(" |\n", stream);
        }
        fprintf(stream,
                "\n%" PRId64 " runs per cell, seed %" PRIu64 "; the last row: %" PRId64 " runs (peers: at most 2).\n"
                "Rows 1 to 9: one ring of 5,000 machines, 100 polls a minute, successes reported after 8 min and "
                "failures after 3 min on\n"
                "average (exponential), growth 1, max_attempts 1, acceptable failure 5 %%, halt_error 1 %%; success is "
                "`healthy`, in the\n"
                "relapse row `applied` and a soak of 30 min, relapse after 10 min on average. Row 7 counts every "
                "machine that is offered\n"
                "the fix after the first 1,000. Row 9 watches the cohort `model`: one of ten values fails always, the "
                "others never. Row 10:\n"
                "the default plan, up to 2,000 offers a second, outcomes after a triangular 2 / 3.5 / 9.5 min.\n"
                "Peers: hawkBit pauses at over 5 %% of the group (one group per ring, the next one at 50 %% success); "
                "AWS aborts at 10 %%\n"
                "of at least 10 executed (row 10: 20 %% of 100), silence times out after 60 min in progress, at most "
                "1,000 offers a minute; "
                "Mender's phases are\n"
                "5, 15 and 80 %%, 48 h apart; LVFS withdraws at 5 failures and under 70 %% success. All of them are "
                "judged after every report.\n",
                runs, seed, sal_sim_row_runs(SAL_SIM_ROWS - 1, runs));
}

json_t *sal_sim_table_json(const struct sal_sim_table *table, uint64_t seed, int64_t runs) {
        json_t *list = json_array();
        bool all = true;
        for (size_t row = 0; row < SAL_SIM_ROWS; row++) {
                json_t *policies = json_object();
                for (int policy = 0; policy < SAL_SIM_TABLE_POLICIES; policy++) {
                        const struct sal_sim_cell *cell = &table->cells[row][policy];
                        json_t *json = summary_json(&cell->summary);
                        json_object_set_new(json, "value", number_or_null(cell->value));
                        json_object_set_new(policies, sal_sim_policy_name((enum sal_sim_policy)policy), json);
                }
                bool reached = sal_sim_row_reached(row, table);
                all = all && reached;
                json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:f, s:b, s:f, s:o}", "name",
                                                      sal_sim_row(row)->name, "case", sal_sim_row(row)->label,
                                                      "measure", measure_names[sal_sim_row(row)->measure], "bound",
                                                      sal_sim_row(row)->bound, "reached", (int)reached, "seconds",
                                                      table->seconds[row], "policies", policies));
        }
        return json_pack("{s:s, s:I, s:I, s:b, s:o}", "schema", "salvor.simulation-table/1", "seed", (json_int_t)seed,
                         "runs", (json_int_t)runs, "reached", (int)all, "rows", list);
}

void sal_sim_table_csv(FILE *stream, const struct sal_sim_table *table) {
        fputs("case,policy,runs,measure,value,bound,halted,exposed_median,harmed_median,halt_minutes_median,"
              "release_minutes_median,success_minutes_median\n",
              stream);
        for (size_t row = 0; row < SAL_SIM_ROWS; row++)
                for (int policy = 0; policy < SAL_SIM_TABLE_POLICIES; policy++) {
                        const struct sal_sim_cell *cell = &table->cells[row][policy];
                        fprintf(stream, "%s,%s,%" PRId64 ",%s,%.6g,%.6g,%" PRId64, sal_sim_row(row)->name,
                                sal_sim_policy_name((enum sal_sim_policy)policy), cell->summary.runs,
                                measure_names[sal_sim_row(row)->measure], cell->value, sal_sim_row(row)->bound,
                                cell->summary.halted);
                        for (size_t i = 0; i < SAL_ARRAY_LEN(spreads); i++) {
                                double value = spread_of(&cell->summary, i)->at[SAL_SIM_P50];
                                fprintf(stream, isfinite(value) ? ",%.9g" : ",", value);
                        }
                        fputc('\n', stream);
                }
}
