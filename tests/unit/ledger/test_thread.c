/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <stdio.h>

/* What happened, in order, one letter or number each; written by the ledger's thread, read once it is quiet. */
struct trace {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        char text[4096];
        int done, batches;
        int64_t next_wake_ms;
        enum sal_status before_commit;
        struct sal_ledger *ledger;
};

static void trace_init(struct trace *t, struct fixture *f) {
        *t = (struct trace){.next_wake_ms = -1, .ledger = f->ledger};
        pthread_mutex_init(&t->lock, NULL);
        pthread_cond_init(&t->changed, NULL);
}

static void note(struct trace *t, const char *what) {
        pthread_mutex_lock(&t->lock);
        size_t len = strlen(t->text);
        snprintf(t->text + len, sizeof t->text - len, "%s ", what);
        pthread_cond_broadcast(&t->changed);
        pthread_mutex_unlock(&t->lock);
}

/* Waits until so many jobs were answered; the test's own time limit ends a wait that never does. */
static void wait_done(struct trace *t, int count) {
        pthread_mutex_lock(&t->lock);
        while (t->done < count)
                pthread_cond_wait(&t->changed, &t->lock);
        pthread_mutex_unlock(&t->lock);
}

static void wait_batches(struct trace *t, int count) {
        pthread_mutex_lock(&t->lock);
        while (t->batches < count)
                pthread_cond_wait(&t->changed, &t->lock);
        pthread_mutex_unlock(&t->lock);
}

static void hook_begin(struct sal_tx *tx, void *arg) {
        (void)tx;
        note(arg, "begin");
}

static enum sal_status hook_before_commit(struct sal_tx *tx, void *arg) {
        (void)tx;
        note(arg, "before");
        return ((struct trace *)arg)->before_commit;
}

static void count_batch(struct trace *t) {
        pthread_mutex_lock(&t->lock);
        t->batches++;
        pthread_cond_broadcast(&t->changed);
        pthread_mutex_unlock(&t->lock);
}

static void hook_committed(void *arg) {
        note(arg, "committed");
        count_batch(arg);
}

static enum sal_status hook_rolled_back(struct sal_tx *tx, void *arg) {
        note(arg, sal_tx_detail(tx)[0] && sal_tx_status(tx) == SAL_OK ? "rolled-back" : "rolled-back?");
        count_batch(arg);
        return SAL_OK;
}

static int64_t hook_next_wake(void *arg) {
        struct trace *t = arg;
        pthread_mutex_lock(&t->lock);
        int64_t wait_ms = t->next_wake_ms;
        pthread_mutex_unlock(&t->lock);
        return wait_ms;
}

static void start(struct trace *t) {
        const struct sal_ledger_hooks hooks = {.arg = t,
                                               .begin = hook_begin,
                                               .before_commit = hook_before_commit,
                                               .committed = hook_committed,
                                               .rolled_back = hook_rolled_back,
                                               .next_wake_ms = hook_next_wake};
        assert_ok(sal_ledger_start(t->ledger, &hooks, NULL));
}

struct job {
        struct trace *trace;
        const char *name;
        bool write;
        enum sal_status result, status;
};

static enum sal_status job_run(struct sal_tx *tx, void *arg) {
        struct job *job = arg;
        note(job->trace, job->name);
        if (job->write) {
                struct sal_journal_entry entry = {.type = SAL_JOURNAL_ADMIN};
                sal_journal_append(tx, &entry);
        }
        return job->result;
}

static void job_done(void *arg, enum sal_status status) {
        struct job *job = arg;
        char text[32];
        snprintf(text, sizeof text, "%s!", job->name);
        note(job->trace, text);
        pthread_mutex_lock(&job->trace->lock);
        job->status = status;
        job->trace->done++;
        pthread_cond_broadcast(&job->trace->changed);
        pthread_mutex_unlock(&job->trace->lock);
}

static void submit(struct job *job, enum sal_lane lane) {
        assert_ok(sal_ledger_submit(job->trace->ledger, lane, job_run, job_done, job));
}

static void a_batch_keeps_lanes_and_hooks_in_order(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        struct job jobs[] = {{&t, .name = "p1"}, {&t, .name = "r1"}, {&t, .name = "a1"},
                             {&t, .name = "p2"}, {&t, .name = "a2"}, {&t, .name = "r2"}};
        static const enum sal_lane lanes[] = {SAL_LANE_POLL, SAL_LANE_REPORT, SAL_LANE_ADMIN,
                                              SAL_LANE_POLL, SAL_LANE_ADMIN,  SAL_LANE_REPORT};
        for (size_t i = 0; i < SAL_ARRAY_LEN(jobs); i++)
                submit(&jobs[i], lanes[i]);
        assert_int_equal(sal_ledger_depth(f->ledger), 6);
        assert_true(sal_ledger_load(f->ledger) > 0);
        start(&t);
        wait_done(&t, 6);
        assert_string_equal(t.text, "begin a1 a2 r1 r2 p1 p2 before committed a1! a2! r1! r2! p1! p2! ");
        assert_int_equal(sal_ledger_depth(f->ledger), 0);
        sal_ledger_stop(f->ledger);
}

static void a_full_lane_refuses_and_the_others_do_not(void **state) {
        struct fixture *f = *state;
        fixture_close(f);
        struct sal_ledger_config config = {.path = f->path, .queue_max = {1, 2, 3}, .batch_max = 2};
        assert_ok(sal_ledger_open(&config, &f->ledger, NULL));
        struct trace t;
        trace_init(&t, f);
        struct job polls[4] = {{&t, .name = "p"}, {&t, .name = "p"}, {&t, .name = "p"}, {&t, .name = "p"}};
        for (int i = 0; i < 3; i++)
                submit(&polls[i], SAL_LANE_POLL);
        assert_true(sal_ledger_load(f->ledger) >= 1);
        assert_int_equal(sal_ledger_submit(f->ledger, SAL_LANE_POLL, job_run, job_done, &polls[3]), SAL_E_OVERLOADED);
        struct job halt = {&t, .name = "halt"};
        submit(&halt, SAL_LANE_ADMIN);
        start(&t);
        wait_done(&t, 4);
        /* batch_max 2: the halt and one poll first. */
        assert_string_equal(t.text, "begin halt p before committed halt! p! begin p p before committed p! p! ");
        sal_ledger_stop(f->ledger);
        assert_int_equal(sal_ledger_submit(f->ledger, SAL_LANE_ADMIN, job_run, job_done, &halt), SAL_E_OVERLOADED);
}

static void a_job_keeps_its_own_result(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        struct job good = {&t, .name = "good", .write = true};
        struct job missing = {&t, .name = "missing", .result = SAL_E_NOT_FOUND};
        submit(&good, SAL_LANE_POLL);
        submit(&missing, SAL_LANE_POLL);
        start(&t);
        wait_done(&t, 2);
        assert_int_equal(good.status, SAL_OK);
        assert_int_equal(missing.status, SAL_E_NOT_FOUND);
        sal_ledger_stop(f->ledger);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM journal"), 1);
}

static void a_job_that_fails_after_writing_takes_its_batch_along(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        struct job good = {&t, .name = "good", .write = true};
        struct job half = {&t, .name = "half", .write = true, .result = SAL_E_CONFLICT};
        struct job later = {&t, .name = "later", .write = true};
        submit(&good, SAL_LANE_ADMIN);
        submit(&half, SAL_LANE_REPORT);
        submit(&later, SAL_LANE_POLL);
        start(&t);
        wait_done(&t, 3);
        assert_int_equal(good.status, SAL_E_INTERNAL);
        assert_int_equal(half.status, SAL_E_INTERNAL);
        assert_int_equal(later.status, SAL_OK); /* not begun when the batch failed: it came into the next one */
        assert_string_equal(t.text, "begin good half rolled-back good! half! begin later before committed later! ");
        sal_ledger_stop(f->ledger);
        assert_int_equal(sql_int(f, "SELECT max(seq) FROM journal"), 1);
}

/* No memory, damage: it may have stopped in the middle of a change to the upper room's memory. */
static void a_job_that_fails_without_writing_takes_its_batch_along(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        struct job good = {&t, .name = "good", .write = true};
        struct job half = {&t, .name = "half", .result = SAL_E_CORRUPT};
        struct job later = {&t, .name = "later", .write = true};
        submit(&good, SAL_LANE_ADMIN);
        submit(&half, SAL_LANE_REPORT);
        submit(&later, SAL_LANE_POLL);
        start(&t);
        wait_done(&t, 3);
        assert_int_equal(good.status, SAL_E_CORRUPT);
        assert_int_equal(half.status, SAL_E_CORRUPT);
        assert_int_equal(later.status, SAL_OK);
        assert_string_equal(t.text, "begin good half rolled-back good! half! begin later before committed later! ");
        sal_ledger_stop(f->ledger);
        assert_int_equal(sql_int(f, "SELECT max(seq) FROM journal"), 1);
}

static int64_t test_mono_ms;

static int64_t test_mono(void) {
        return test_mono_ms;
}

/* Runs one job in a batch of its own, on this thread; what it answered. */
static enum sal_status run_alone(struct trace *t, enum sal_lane lane, enum sal_status result) {
        struct job job = {t, .name = "job", .result = result};
        submit(&job, lane);
        sal_batch_run(t->ledger);
        return job.status;
}

/* Each reload takes memory and time: a flood of polls must not bring one each. */
static void machines_wait_while_memory_is_short(void **state) {
        struct fixture *f = *state;
        fixture_close(f);
        test_mono_ms = 5000;
        struct sal_ledger_config config = {.path = f->path, .mono_ms = test_mono};
        assert_ok(sal_ledger_open(&config, &f->ledger, NULL));
        struct trace t;
        trace_init(&t, f);
        f->ledger->hooks = (struct sal_ledger_hooks){.arg = &t, .rolled_back = hook_rolled_back};
        assert_int_equal(run_alone(&t, SAL_LANE_POLL, SAL_E_NOMEM), SAL_E_NOMEM);
        assert_int_equal(t.batches, 1);
        for (int i = 0; i < 50; i++) {
                assert_int_equal(run_alone(&t, SAL_LANE_POLL, SAL_E_NOMEM), SAL_E_OVERLOADED);
                assert_int_equal(run_alone(&t, SAL_LANE_REPORT, SAL_E_NOMEM), SAL_E_OVERLOADED);
        }
        assert_int_equal(t.batches, 1);
        assert_int_equal(run_alone(&t, SAL_LANE_ADMIN, SAL_OK), SAL_OK); /* an operator may halt */
        int64_t before_ms = test_mono_ms;
        for (int reloads = 2; reloads <= 10; reloads++) { /* ever more rarely, up to 5 s apart */
                while (run_alone(&t, SAL_LANE_POLL, SAL_E_NOMEM) == SAL_E_OVERLOADED)
                        test_mono_ms += 100;
                assert_int_equal(t.batches, reloads);
        }
        assert_int_equal(test_mono_ms - before_ms, 100 + 200 + 400 + 800 + 1600 + 3200 + 3 * 5000);
        test_mono_ms += 5000;
        assert_int_equal(run_alone(&t, SAL_LANE_POLL, SAL_OK), SAL_OK);
        assert_int_equal(run_alone(&t, SAL_LANE_POLL, SAL_E_NOMEM), SAL_E_NOMEM);
        test_mono_ms += 100; /* it went well in between: short again */
        assert_int_equal(run_alone(&t, SAL_LANE_POLL, SAL_OK), SAL_OK);
}

static void a_failing_before_commit_rolls_back(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        t.before_commit = SAL_E_IO;
        struct job job = {&t, .name = "job", .write = true};
        submit(&job, SAL_LANE_POLL);
        start(&t);
        wait_done(&t, 1);
        assert_int_equal(job.status, SAL_E_IO);
        assert_string_equal(t.text, "begin job before rolled-back job! ");
        sal_ledger_stop(f->ledger);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM journal"), 0);
}

static void a_wake_and_a_timer_make_a_batch_without_jobs(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        start(&t);
        sal_ledger_wake(f->ledger);
        wait_batches(&t, 1);
        assert_string_equal(t.text, "begin before committed ");
        pthread_mutex_lock(&t.lock);
        t.next_wake_ms = 5;
        pthread_mutex_unlock(&t.lock);
        sal_ledger_wake(f->ledger); /* from this batch on the hook wants another one every 5 ms */
        wait_batches(&t, 3);
        sal_ledger_stop(f->ledger);
}

/* How often the only other thread of this process left the processor of its own will. */
static long switches_of_ledger_thread(void) {
        DIR *dir = opendir("/proc/self/task");
        long switches = -1;
        for (struct dirent *entry; dir && (entry = readdir(dir));) {
                if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
                        continue;
                char path[300], line[128], name[32] = "";
                long value = -1;
                snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
                sal_autofclose FILE *file = fopen(path, "r");
                while (file && fgets(line, sizeof line, file)) {
                        sscanf(line, "Name: %31s", name);
                        sscanf(line, "voluntary_ctxt_switches: %ld", &value);
                }
                if (strcmp(name, "ledger") == 0)
                        switches = value;
        }
        if (dir)
                closedir(dir);
        return switches;
}

static void idle_means_no_wake_ups(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        start(&t);
        struct job job = {&t, .name = "job", .write = true};
        submit(&job, SAL_LANE_POLL);
        wait_done(&t, 1);
        /* Until it sleeps: two readings 20 ms apart that are equal. Then ten more of them. */
        long before = -1;
        for (int equal = 0; equal < 10;) {
                int64_t until_ms = sal_clock_mono_ms() + 20;
                while (sal_clock_mono_ms() < until_ms)
                        ;
                long now = switches_of_ledger_thread();
                assert_true(now >= 0);
                if (before >= 0 && equal > 0)
                        assert_int_equal(now, before);
                equal = now == before ? equal + 1 : 0;
                before = now;
        }
        sal_ledger_stop(f->ledger);
}

static void stop_works_off_what_is_queued(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        static struct job jobs[1000];
        for (int i = 0; i < 1000; i++) {
                jobs[i] = (struct job){&t, .name = "", .write = true};
                submit(&jobs[i], SAL_LANE_POLL);
        }
        start(&t);
        sal_ledger_stop(f->ledger);
        assert_int_equal(t.done, 1000);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(jobs[i].status, SAL_OK);
        fixture_reopen(f);
        assert_int_equal(sql_int(f, "SELECT max(seq) FROM journal"), 1000);
}

static void jobs_of_a_ledger_that_never_ran_are_answered(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        struct job job = {&t, .name = "job"};
        submit(&job, SAL_LANE_POLL);
        fixture_close(f);
        assert_int_equal(t.done, 1);
        assert_int_equal(job.status, SAL_E_OVERLOADED);
}

/* Four threads submit at once; every job is answered once and every number is there. */
struct feeder {
        struct trace *trace;
        struct job jobs[500];
};

static void *feed(void *arg) {
        struct feeder *feeder = arg;
        for (int i = 0; i < 500; i++) {
                feeder->jobs[i] = (struct job){feeder->trace, .name = "", .write = true};
                while (sal_ledger_submit(feeder->trace->ledger, (enum sal_lane)(i % SAL_LANES), job_run, job_done,
                                         &feeder->jobs[i]) != SAL_OK)
                        sched_yield(); /* full: the administrators' lane has 256 places */
        }
        return NULL;
}

static void many_threads_submit(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        start(&t);
        static struct feeder feeders[4];
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
                feeders[i].trace = &t;
                assert_int_equal(pthread_create(&threads[i], NULL, feed, &feeders[i]), 0);
        }
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        wait_done(&t, 2000);
        sal_ledger_stop(f->ledger);
        assert_int_equal(t.done, 2000);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM journal"), 2000);
}

/* A batch that only reads leaves the log as it is: nothing written, nothing synced. */
static void reading_writes_nothing(void **state) {
        struct fixture *f = *state;
        struct trace t;
        trace_init(&t, f);
        struct stat before, after;
        char wal[128];
        snprintf(wal, sizeof wal, "%s-wal", f->path);
        assert_int_equal(stat(wal, &before), 0);
        start(&t);
        struct job job = {&t, .name = "job"};
        submit(&job, SAL_LANE_POLL);
        wait_done(&t, 1);
        sal_ledger_stop(f->ledger);
        assert_int_equal(stat(wal, &after), 0);
        assert_int_equal(before.st_size, after.st_size);
        assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
        assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_batch_keeps_lanes_and_hooks_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(a_full_lane_refuses_and_the_others_do_not, setup, teardown),
                cmocka_unit_test_setup_teardown(a_job_keeps_its_own_result, setup, teardown),
                cmocka_unit_test_setup_teardown(a_job_that_fails_after_writing_takes_its_batch_along, setup, teardown),
                cmocka_unit_test_setup_teardown(a_job_that_fails_without_writing_takes_its_batch_along, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(machines_wait_while_memory_is_short, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failing_before_commit_rolls_back, setup, teardown),
                cmocka_unit_test_setup_teardown(a_wake_and_a_timer_make_a_batch_without_jobs, setup, teardown),
                cmocka_unit_test_setup_teardown(idle_means_no_wake_ups, setup, teardown),
                cmocka_unit_test_setup_teardown(stop_works_off_what_is_queued, setup, teardown),
                cmocka_unit_test_setup_teardown(jobs_of_a_ledger_that_never_ran_are_answered, setup, teardown),
                cmocka_unit_test_setup_teardown(many_threads_submit, setup, teardown),
                cmocka_unit_test_setup_teardown(reading_writes_nothing, setup, teardown),
        };
        return cmocka_run_group_tests_name("ledger/thread", tests, NULL, NULL);
}
