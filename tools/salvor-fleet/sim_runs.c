/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_runs.h"

#include "base/mem.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PROGRESS_MS = 100 };

struct crew {
        const struct sal_sim_case *what;
        const struct sal_sim_effort *effort;
        struct sal_sim_result *results;
        atomic_llong next, done;
        atomic_bool stop; /* one has failed, or everything is to end */
        atomic_int status;
        pthread_mutex_t lock;
        pthread_cond_t changed;
};

static void *work(void *arg) {
        struct crew *crew = arg;
        for (;;) {
                long long run = atomic_fetch_add(&crew->next, 1);
                if (run >= crew->effort->runs || atomic_load(&crew->stop))
                        break;
                enum sal_status status =
                        sal_sim_run(crew->what, crew->effort->seed, run, NULL, crew->effort->stop, &crew->results[run]);
                pthread_mutex_lock(&crew->lock);
                atomic_fetch_add(&crew->done, 1);
                if (status) {
                        atomic_store(&crew->status, (int)status);
                        atomic_store(&crew->stop, true);
                }
                pthread_cond_signal(&crew->changed);
                pthread_mutex_unlock(&crew->lock);
        }
        return NULL;
}

static bool stop_wanted(const struct sal_sim_effort *effort) {
        return effort->stop && atomic_load(effort->stop);
}

/* Tells how far it is until the last run is done or the work has ended early. */
static void watch(struct crew *crew, int64_t threads_left) {
        pthread_mutex_lock(&crew->lock);
        while (threads_left && atomic_load(&crew->done) < crew->effort->runs && !atomic_load(&crew->stop) &&
               !stop_wanted(crew->effort)) {
                struct timespec until;
                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_nsec += PROGRESS_MS * 1000000L;
                until.tv_sec += until.tv_nsec / 1000000000L;
                until.tv_nsec %= 1000000000L;
                pthread_cond_timedwait(&crew->changed, &crew->lock, &until);
                if (crew->effort->progress) {
                        pthread_mutex_unlock(&crew->lock);
                        crew->effort->progress(crew->effort->arg, atomic_load(&crew->done), crew->effort->runs);
                        pthread_mutex_lock(&crew->lock);
                }
        }
        pthread_mutex_unlock(&crew->lock);
        if (stop_wanted(crew->effort))
                atomic_store(&crew->stop, true);
}

enum sal_status sal_sim_runs_play(const struct sal_sim_case *what, const struct sal_sim_effort *effort,
                                  struct sal_sim_result **ret_results, struct sal_err *reterr) {
        struct crew crew = {.what = what, .effort = effort};
        pthread_t threads[SAL_SIM_THREADS_MAX];
        int64_t started = 0;
        crew.results = calloc((size_t)effort->runs, sizeof *crew.results);
        if (!crew.results)
                return sal_fail(reterr, SAL_E_NOMEM, "out of memory");
        pthread_mutex_init(&crew.lock, NULL);
        pthread_cond_init(&crew.changed, NULL);
        while (started < effort->threads && started < effort->runs &&
               pthread_create(&threads[started], NULL, work, &crew) == 0)
                started++;
        if (started == 0)
                work(&crew);
        watch(&crew, started);
        for (int64_t i = 0; i < started; i++)
                pthread_join(threads[i], NULL);
        pthread_cond_destroy(&crew.changed);
        pthread_mutex_destroy(&crew.lock);
        enum sal_status status = (enum sal_status)atomic_load(&crew.status);
        if (status)
                sal_fail(reterr, status, "a run failed: %s", sal_status_info(status)->title);
        else if (stop_wanted(effort))
                status = sal_fail(reterr, SAL_E_TIMEOUT, "interrupted");
        if (status)
                free(crew.results);
        else
                *ret_results = crew.results;
        return status;
}

/* ---- what they come to ---- */

static int by_value(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;
        return x < y ? -1 : x > y;
}

struct sal_sim_spread sal_sim_spread_of(double *values, int64_t count) {
        static const double places[SAL_SIM_QUANTILES] = {0.05, 0.25, 0.5, 0.75, 0.95};
        struct sal_sim_spread spread = {.count = count};
        if (count > 1)
                qsort(values, (size_t)count, sizeof *values, by_value);
        for (int i = 0; i < SAL_SIM_QUANTILES; i++) {
                double place = places[i] * (double)(count - 1);
                int64_t below = (int64_t)place;
                if (count == 0)
                        spread.at[i] = (double)NAN;
                else if (below + 1 >= count)
                        spread.at[i] = values[count - 1];
                else
                        spread.at[i] = values[below] + (place - (double)below) * (values[below + 1] - values[below]);
        }
        return spread;
}

/* One number of each run; negative: it did not happen. */
static struct sal_sim_spread spread(const struct sal_sim_result *results, int64_t runs, size_t member, double unit,
                                    double *values) {
        int64_t count = 0;
        for (int64_t i = 0; i < runs; i++) {
                int64_t value;
                memcpy(&value, (const char *)&results[i] + member, sizeof value);
                if (value >= 0)
                        values[count++] = (double)value / unit;
        }
        return sal_sim_spread_of(values, count);
}

/* Wilson's interval of a share, 95 %. */
static void interval(int64_t hits, int64_t runs, double *ret_low, double *ret_high) {
        const double z = 1.959963984540054;
        double n = (double)runs, p = (double)hits / n;
        double middle = p + z * z / (2 * n), half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
        *ret_low = (middle - half) / (1 + z * z / n);
        *ret_high = (middle + half) / (1 + z * z / n);
        *ret_low = hits == 0 || *ret_low < 0 ? 0 : *ret_low;
        *ret_high = hits == runs || *ret_high > 1 ? 1 : *ret_high;
}

enum sal_status sal_sim_summarise(const struct sal_sim_result *results, int64_t runs, struct sal_sim_summary *ret) {
        const double minute = 60.0 * SAL_SIM_US_PER_SECOND;
        sal_autofree double *values = calloc((size_t)runs, sizeof *values);
        if (!values)
                return SAL_E_NOMEM;
        struct sal_sim_summary summary = {.runs = runs};
        for (int64_t i = 0; i < runs; i++) {
                const struct sal_sim_result *result = &results[i];
                summary.halted += result->halted_us >= 0;
                summary.completed += result->completed_us >= 0;
                summary.cohort_right += result->bad_held && !result->good_held && result->halted_us < 0 &&
                                        result->completed_us >= 0 && result->unreached == 0;
        }
        interval(summary.halted, runs, &summary.halted_low, &summary.halted_high);
        summary.exposed = spread(results, runs, offsetof(struct sal_sim_result, exposed), 1, values);
        summary.harmed = spread(results, runs, offsetof(struct sal_sim_result, harmed), 1, values);
        summary.halt_minutes = spread(results, runs, offsetof(struct sal_sim_result, halted_us), minute, values);
        summary.release_minutes = spread(results, runs, offsetof(struct sal_sim_result, released_us), minute, values);
        summary.success_minutes = spread(results, runs, offsetof(struct sal_sim_result, success_us), minute, values);
        *ret = summary;
        return SAL_OK;
}
