/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures: gnuplot reads a script with its data inside. */
#include "base/buf.h"
#include "base/mem.h"
#include "salvor-fleet/sim_output.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void put_head(struct sal_buf *script, const char *path, int width, int height) {
        bool svg = strcmp(path + strlen(path) - 4, ".svg") == 0;
        sal_buf_printf(script, "set terminal %s size %d,%d\n",
                       svg ? "svg dynamic noenhanced background rgb 'white' font 'sans-serif,12'"
                           : "pngcairo noenhanced font 'sans,10'",
                       width, height);
        sal_buf_puts(script, "set encoding utf8\nset border 3 lc rgb '#666666'\nset tics nomirror\n"
                             "set grid ytics lc rgb '#dddddd'\nset style fill solid 0.75 border -1\n");
}

/* The script as a file that no disk has to hold, to be read from its beginning; -1 with errno. */
static int script_file(const struct sal_buf *script) {
        int file = memfd_create("salvor-plot", MFD_CLOEXEC);
        for (size_t at = 0; file >= 0 && at < script->len;) {
                ssize_t written = pwrite(file, script->data + at, script->len - at, (off_t)at);
                if (written < 0 && errno != EINTR) {
                        close(file);
                        return -1;
                }
                at += written > 0 ? (size_t)written : 0;
        }
        return file;
}

/* gnuplot, reading `script`, writing into `picture`. */
static enum sal_status start(int script, int picture, pid_t *ret_pid, struct sal_err *reterr) {
        char *const words[] = {"gnuplot", "-", NULL};
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, script, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, picture, STDOUT_FILENO);
        int error = posix_spawnp(ret_pid, words[0], &actions, NULL, words, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (!error)
                return SAL_OK;
        sal_fail(reterr, SAL_E_IO, "gnuplot cannot be started: %s", strerror(error));
        sal_err_hint(reterr, "on Debian, gnuplot is in the package gnuplot-nox");
        return SAL_E_IO;
}

/* What gnuplot makes of the script. */
static enum sal_status draw(int script, struct sal_buf *ret, struct sal_err *reterr) {
        int ends[2], result = 0;
        pid_t pid;
        if (pipe2(ends, O_CLOEXEC))
                return sal_fail(reterr, SAL_E_IO, "no pipe from gnuplot: %s", strerror(errno));
        enum sal_status status = start(script, ends[1], &pid, reterr);
        close(ends[1]);
        if (!status) {
                char bytes[16384];
                ssize_t count;
                while ((count = read(ends[0], bytes, sizeof bytes)) > 0 || (count < 0 && errno == EINTR))
                        sal_buf_append(ret, bytes, count > 0 ? (size_t)count : 0);
                while (waitpid(pid, &result, 0) < 0 && errno == EINTR)
                        continue;
        }
        close(ends[0]);
        if (!status && (result || !ret->len))
                status = sal_fail(reterr, SAL_E_IO, "gnuplot failed and made no picture");
        return status;
}

static enum sal_status save(const struct sal_buf *picture, const char *path, struct sal_err *reterr) {
        if (picture->failed)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        FILE *file = fopen(path, "we");
        if (!file)
                return sal_fail(reterr, SAL_E_IO, "%.200s cannot be written: %s", path, strerror(errno));
        bool failed = fwrite(picture->data, 1, picture->len, file) < picture->len;
        failed |= fclose(file) != 0;
        return failed ? sal_fail(reterr, SAL_E_IO, "%.200s could not be written whole", path) : SAL_OK;
}

/* gnuplot tells neither that it cannot write its picture nor that a disk was full, so the picture is written here. */
static enum sal_status run_gnuplot(const struct sal_buf *script, const char *path, struct sal_err *reterr) {
        sal_autobuf struct sal_buf picture = SAL_BUF_INIT;
        if (script->failed)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        int file = script_file(script);
        if (file < 0)
                return sal_fail(reterr, SAL_E_IO, "no script for gnuplot: %s", strerror(errno));
        enum sal_status status = draw(file, &picture, reterr);
        close(file);
        return status ? status : save(&picture, path, reterr);
}

static const char *const colours[SAL_SIM_POLICIES] = {
        [SAL_SIM_SALVOR] = "#1b7f5c", [SAL_SIM_HAWKBIT] = "#c8553d", [SAL_SIM_AWS] = "#e0a030",
        [SAL_SIM_MENDER] = "#5b7db1", [SAL_SIM_LVFS] = "#8a6fa8",    [SAL_SIM_PUSH] = "#888888",
};

/* ---- one case: four panels ---- */

static void put_spreads(struct sal_buf *script, const struct sal_sim_played_case *played, size_t offset,
                        const char *title) {
        bool any = false;
        sal_buf_puts(script, "$panel << EOD\n");
        for (size_t n = 0; n < played->count; n++) {
                const struct sal_sim_spread *spread =
                        (const struct sal_sim_spread *)(const void *)((const char *)&played->played[n].summary +
                                                                      offset);
                any |= spread->count > 0;
                if (spread->count > 0)
                        sal_buf_printf(script, "%zu %.6g %.6g %.6g %.6g %.6g\n", n, spread->at[SAL_SIM_P5],
                                       spread->at[SAL_SIM_P25], spread->at[SAL_SIM_P50], spread->at[SAL_SIM_P75],
                                       spread->at[SAL_SIM_P95]);
        }
        sal_buf_printf(script, "EOD\nset title '%s'\nset yrange [0:*]\n", title);
        if (any)
                sal_buf_puts(script, "plot $panel using 1:3:2:6:5 with candlesticks whiskerbars 0.5 lc rgb '#5b7db1' "
                                     "notitle, $panel using 1:4:4:4:4 with candlesticks lw 2 lc rgb 'black' notitle\n");
        else
                sal_buf_puts(script, "set label 1 'in no run' at graph 0.5,0.5 center\nset yrange [0:1]\n"
                                     "plot NaN notitle\nunset label 1\n");
}

enum sal_status sal_sim_plot_case(const char *path, const struct sal_sim_played_case *played, struct sal_err *reterr) {
        sal_autobuf struct sal_buf script = SAL_BUF_INIT;
        put_head(&script, path, 900, 640);
        sal_buf_printf(&script,
                       "set multiplot layout 2,2 title '%lld runs, %lld machines'\nset boxwidth 0.5\n"
                       "set xrange [-0.6:%zu.6]\nset xtics (",
                       (long long)played->runs, (long long)played->what->machines, played->count - 1);
        for (size_t n = 0; n < played->count; n++)
                sal_buf_printf(&script, "%s'%s' %zu", n ? ", " : "", sal_sim_policy_name(played->played[n].policy), n);
        sal_buf_puts(&script, ")\n");
        put_spreads(&script, played, offsetof(struct sal_sim_summary, exposed),
                    "machines exposed (5, 25, 50, 75, 95 %)");
        sal_buf_puts(&script, "$panel << EOD\n");
        for (size_t n = 0; n < played->count; n++) {
                const struct sal_sim_summary *summary = &played->played[n].summary;
                sal_buf_printf(&script, "%zu %.6g %.6g %.6g\n", n,
                               100 * (double)summary->halted / (double)summary->runs, 100 * summary->halted_low,
                               100 * summary->halted_high);
        }
        sal_buf_printf(&script,
                       "EOD\nset title '%s, %% of the runs'\nset yrange [0:100]\n"
                       "plot $panel using 1:2 with boxes lc rgb '#5b7db1' notitle, $panel using 1:2:3:4 with "
                       "yerrorbars pt -1 lc rgb 'black' notitle\n",
                       sal_sim_case_is_good(played->what) ? "false halts" : "halted");
        put_spreads(&script, played, offsetof(struct sal_sim_summary, halt_minutes), "minutes to the halt");
        put_spreads(&script, played, offsetof(struct sal_sim_summary, release_minutes), "minutes to full release");
        sal_buf_puts(&script, "unset multiplot\n");
        return run_gnuplot(&script, path, reterr);
}

/* ---- the table: exposed machines of the bad fixes, false halts of the good ones ---- */

static void put_bars(struct sal_buf *script, const struct sal_sim_table *table, enum sal_sim_measure measure,
                     double factor) {
        size_t column = 0;
        sal_buf_puts(script, "set xtics (");
        for (size_t row = 0; row < SAL_SIM_ROWS; row++)
                if (sal_sim_row(row)->measure == measure) {
                        sal_buf_printf(script, "%s'%s' %zu", column ? ", " : "", sal_sim_row(row)->name, column);
                        column++;
                }
        sal_buf_printf(script, ")\nset xrange [-0.6:%zu.6]\n$panel << EOD\n", column - 1);
        column = 0;
        for (size_t row = 0; row < SAL_SIM_ROWS; row++) {
                if (sal_sim_row(row)->measure != measure)
                        continue;
                sal_buf_printf(script, "%zu", column++);
                for (int policy = 0; policy < SAL_SIM_TABLE_POLICIES; policy++)
                        sal_buf_printf(script, " %.6g", factor * table->cells[row][policy].value);
                sal_buf_printf(script, " %.6g\n", factor * sal_sim_row(row)->bound);
        }
        sal_buf_puts(script, "EOD\nplot ");
        for (int policy = 0; policy < SAL_SIM_TABLE_POLICIES; policy++)
                sal_buf_printf(script, "$panel using ($1+%.2f):%d:(0.15) with boxes lc rgb '%s' title '%s', ",
                               -0.32 + 0.16 * policy, policy + 2, colours[policy],
                               sal_sim_policy_name((enum sal_sim_policy)policy));
        sal_buf_puts(script, "$panel using ($1-0.32):7 with points pt 10 ps 1.2 lc rgb 'black' title 'bound'\n");
}

enum sal_status sal_sim_plot_table(const char *path, const struct sal_sim_table *table, struct sal_err *reterr) {
        sal_autobuf struct sal_buf script = SAL_BUF_INIT;
        put_head(&script, path, 900, 760);
        sal_buf_puts(&script, "set multiplot layout 2,1\nset logscale y\nset yrange [1:20000]\n"
                              "set key outside right top\n"
                              "set title 'bad fixes: machines exposed of 5,000, median'\n");
        put_bars(&script, table, SAL_SIM_EXPOSED_MEDIAN, 1);
        sal_buf_puts(&script, "unset logscale y\nset yrange [0:105]\n"
                              "set title 'good fixes: halted by chance, % of the runs'\n");
        put_bars(&script, table, SAL_SIM_HALTED_SHARE, 100);
        sal_buf_puts(&script, "unset multiplot\n");
        return run_gnuplot(&script, path, reterr);
}
