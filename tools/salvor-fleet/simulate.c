/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/simulate.h"

#include "base/mem.h"
#include "salvor-fleet/sim_journal.h"
#include "salvor-fleet/sim_options.h"
#include "salvor-fleet/sim_output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- progress on a terminal ---- */

struct progress {
        bool wanted;
        const char *what;
};

static bool wants_progress(void) {
        const char *terminal = getenv("TERM");
        return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

static void show(void *arg, int64_t done, int64_t runs) {
        const struct progress *progress = arg;
        if (progress->wanted) {
                fprintf(stderr, "\r%s: %lld of %lld runs\033[K", progress->what, (long long)done, (long long)runs);
                fflush(stderr);
        }
}

static void begin_row(void *arg, size_t row) {
        ((struct progress *)arg)->what = sal_sim_row(row)->name;
}

static void clear(const struct progress *progress) {
        if (progress->wanted)
                fputs("\r\033[K", stderr);
}

/* ---- writing ---- */

static enum sal_status open_csv(const char *path, FILE **ret, struct sal_err *reterr) {
        *ret = fopen(path, "w");
        return *ret ? SAL_OK : sal_fail(reterr, SAL_E_IO, "%.200s cannot be written: %s", path, strerror(errno));
}

static enum sal_status close_csv(const char *path, FILE *file, struct sal_err *reterr) {
        bool failed = ferror(file);
        failed |= fclose(file) != 0;
        return failed ? sal_fail(reterr, SAL_E_IO, "%.200s could not be written whole", path) : SAL_OK;
}

static enum sal_status print_json(json_t *json, struct sal_err *reterr) {
        if (!json)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        int failed = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
        json_decref(json);
        fputc('\n', stdout);
        return failed ? sal_fail(reterr, SAL_E_IO, "cannot write to standard output") : SAL_OK;
}

/* The table, or the case that was played: the other one is NULL. */
static enum sal_status tell(const struct sal_sim_options *options, const struct sal_sim_effort *effort,
                            const struct sal_sim_table *table, const struct sal_sim_played_case *played,
                            struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        if (options->json)
                status = print_json(table ? sal_sim_table_json(table, effort->seed, effort->runs)
                                          : sal_sim_case_json(played),
                                    reterr);
        else if (table)
                sal_sim_print_table(stdout, table, effort->seed, effort->runs);
        else
                sal_sim_print_case(stdout, played);
        FILE *csv = NULL;
        if (!status && options->csv)
                status = open_csv(options->csv, &csv, reterr);
        if (csv) {
                if (table)
                        sal_sim_table_csv(csv, table);
                else
                        sal_sim_case_csv(csv, played);
                status = close_csv(options->csv, csv, reterr);
        }
        if (status || !options->plot)
                return status;
        return table ? sal_sim_plot_table(options->plot, table, reterr)
                     : sal_sim_plot_case(options->plot, played, reterr);
}

/* ---- the table ---- */

static enum sal_status run_table(const struct sal_sim_options *options, struct sal_sim_effort *effort,
                                 bool *ret_reached, struct sal_err *reterr) {
        sal_autofree struct sal_sim_table *table = malloc(sizeof *table);
        if (!table)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        enum sal_status status = sal_sim_table_play(effort, begin_row, table, reterr);
        clear(effort->arg);
        if (status)
                return status;
        for (size_t row = 0; row < SAL_SIM_ROWS; row++)
                *ret_reached = *ret_reached && sal_sim_row_reached(row, table);
        return tell(options, effort, table, NULL, reterr);
}

/* ---- one case ---- */

static enum sal_status write_journal(const struct sal_sim_options *options, const struct sal_sim_effort *effort,
                                     struct sal_err *reterr) {
        struct sal_sim_journal *journal = NULL;
        struct sal_sim_result result;
        enum sal_status status = sal_sim_journal_open(options->journal, &journal, reterr);
        if (status)
                return status;
        status = sal_sim_run(&options->what, effort->seed, 0, journal, effort->stop, &result);
        enum sal_status closed = sal_sim_journal_close(journal, reterr);
        if (status)
                return sal_fail(reterr, status, "the run failed: %s", sal_status_info(status)->title);
        return closed;
}

static enum sal_status play_case(const struct sal_sim_options *options, struct sal_sim_effort *effort,
                                 struct sal_sim_played_case *played, struct sal_err *reterr) {
        struct progress *progress = effort->arg;
        enum sal_status status = SAL_OK;
        for (int policy = 0; !status && policy < SAL_SIM_POLICIES; policy++) {
                struct sal_sim_case what = options->what;
                struct sal_sim_result *results = NULL;
                if (!options->policies[policy])
                        continue;
                what.policy = (enum sal_sim_policy)policy;
                progress->what = sal_sim_policy_name(what.policy);
                status = sal_sim_runs_play(&what, effort, &results, reterr);
                if (status)
                        break;
                struct sal_sim_played *one = &played->played[played->count++];
                *one = (struct sal_sim_played){.policy = what.policy, .results = results};
                if (sal_sim_summarise(results, effort->runs, &one->summary))
                        status = sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        }
        clear(progress);
        return status;
}

enum sal_status sal_simulate(int argc, char **argv, const atomic_bool *stop, bool *ret_reached,
                             struct sal_err *reterr) {
        sal_autofree struct sal_sim_options *options = malloc(sizeof *options);
        *ret_reached = true;
        if (!options)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        enum sal_status status = sal_sim_options_parse(argc, argv, options, reterr);
        if (status)
                return status;
        if (options->help) {
                sal_sim_print_usage(stdout);
                return SAL_OK;
        }
        struct progress progress = {.wanted = wants_progress()};
        struct sal_sim_effort effort = {.seed = (uint64_t)options->seed,
                                        .runs = options->runs,
                                        .threads = options->threads,
                                        .stop = stop,
                                        .progress = show,
                                        .arg = &progress};
        if (options->table)
                return run_table(options, &effort, ret_reached, reterr);
        struct sal_sim_played_case played = {.what = &options->what, .seed = effort.seed, .runs = effort.runs};
        if (options->journal)
                status = write_journal(options, &effort, reterr);
        if (!status)
                status = play_case(options, &effort, &played, reterr);
        if (!status)
                status = tell(options, &effort, NULL, &played, reterr);
        for (size_t n = 0; n < played.count; n++)
                free((void *)played.played[n].results);
        return status;
}
