/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is full, that fails at the sync, that cannot be read: what was answered with success is there, what was
 * not is nowhere, and the ledger goes on by itself once the disk does. */
#include "support.h"

#include "faulty_vfs.h"

enum { JOBS_MAX = 512 };

/* One row per job: a machine whose id holds the job's number, and an entry of the journal. */
struct job {
        struct trace *trace;
        int number;
        bool answered;
        enum sal_status status;
};

struct trace {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct sal_ledger *ledger;
        struct job jobs[JOBS_MAX];
        int submitted, done, rolled_back;
        enum sal_status reload; /* what the hook rolled_back answers */
};

static struct trace trace;

static enum sal_status job_run(struct sal_tx *tx, void *arg) {
        struct job *job = arg;
        struct sal_machine machine = sample_machine(job->number);
        enum sal_status status = sal_machine_insert(tx, &machine);
        struct sal_journal_entry entry = {.type = SAL_JOURNAL_ADMIN, .machine_id = machine.id};
        return status == SAL_OK ? sal_journal_append(tx, &entry) : status;
}

static void job_done(void *arg, enum sal_status status) {
        struct job *job = arg;
        pthread_mutex_lock(&trace.lock);
        job->answered = true;
        job->status = status;
        trace.done++;
        pthread_cond_broadcast(&trace.changed);
        pthread_mutex_unlock(&trace.lock);
}

static enum sal_status rolled_back(struct sal_tx *tx, void *arg) {
        (void)arg;
        int64_t counts[SAL_STANDINGS];
        enum sal_status status = sal_machine_counts(tx, counts);
        pthread_mutex_lock(&trace.lock);
        trace.rolled_back++;
        if (status == SAL_OK)
                status = trace.reload;
        pthread_mutex_unlock(&trace.lock);
        return status;
}

/* Submits jobs and waits for their answers; how many were good. */
static int submit(int count) {
        int from = trace.submitted, good = 0;
        for (int i = 0; i < count; i++) {
                struct job *job = &trace.jobs[trace.submitted];
                *job = (struct job){&trace, .number = trace.submitted++};
                assert_ok(sal_ledger_submit(trace.ledger, SAL_LANE_POLL, job_run, job_done, job));
        }
        pthread_mutex_lock(&trace.lock);
        while (trace.done < trace.submitted)
                pthread_cond_wait(&trace.changed, &trace.lock);
        for (int i = from; i < trace.submitted; i++)
                good += trace.jobs[i].status == SAL_OK;
        pthread_mutex_unlock(&trace.lock);
        return good;
}

static void begin(struct fixture *f) {
        trace = (struct trace){.ledger = f->ledger};
        pthread_mutex_init(&trace.lock, NULL);
        pthread_cond_init(&trace.changed, NULL);
        const struct sal_ledger_hooks hooks = {.rolled_back = rolled_back};
        assert_ok(sal_ledger_start(f->ledger, &hooks, NULL));
}

/* After a restart: exactly the acknowledged rows, a journal without gaps, sums that fit. */
static void check_after_restart(struct fixture *f) {
        faulty_clear();
        sal_ledger_stop(f->ledger);
        fixture_reopen(f);
        int good = 0;
        for (int i = 0; i < trace.submitted; i++) {
                assert_true(trace.jobs[i].answered);
                char text[96];
                snprintf(text, sizeof text, "SELECT count(*) FROM machine WHERE id = 'm-%06d'", i);
                assert_int_equal(sql_int(f, text), trace.jobs[i].status == SAL_OK ? 1 : 0);
                good += trace.jobs[i].status == SAL_OK;
        }
        assert_int_equal(sql_int(f, "SELECT count(*) FROM journal"), good);
        assert_int_equal(sql_int(f, "SELECT coalesce(max(seq), 0) FROM journal"), good);
        assert_int_equal(sql_int(f, "SELECT sum(machines) FROM machine_count"), good);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

static void a_full_disk(void **state) {
        struct fixture *f = *state;
        begin(f);
        assert_int_equal(submit(20), 20);
        atomic_store(&faulty_write_code, SQLITE_FULL);
        assert_int_equal(submit(20), 0);
        for (int i = 20; i < 40; i++)
                assert_int_equal(trace.jobs[i].status, SAL_E_IO);
        assert_true(trace.rolled_back >= 1);
        faulty_clear();
        assert_int_equal(submit(20), 20);
        check_after_restart(f);
}

static void a_disk_that_fills_in_the_middle_of_a_commit(void **state) {
        struct fixture *f = *state;
        begin(f);
        assert_int_equal(submit(5), 5);
        for (int after = 1; after < 12; after++) {
                atomic_store(&faulty_write_after, after);
                atomic_store(&faulty_write_code, SQLITE_FULL);
                submit(3);
                faulty_clear();
                assert_int_equal(submit(2), 2);
        }
        assert_true(trace.rolled_back >= 1);
        check_after_restart(f);
}

static void a_sync_that_fails(void **state) {
        struct fixture *f = *state;
        begin(f);
        assert_int_equal(submit(20), 20);
        atomic_store(&faulty_sync_code, SQLITE_IOERR_FSYNC);
        assert_int_equal(submit(20), 0);
        assert_true(trace.rolled_back >= 1);
        faulty_clear();
        assert_int_equal(submit(20), 20);
        check_after_restart(f);
}

static void a_reload_that_fails_is_tried_again(void **state) {
        struct fixture *f = *state;
        begin(f);
        assert_int_equal(submit(5), 5);
        trace.reload = SAL_E_IO;
        atomic_store(&faulty_sync_code, SQLITE_IOERR_FSYNC);
        assert_int_equal(submit(5), 0);
        faulty_clear(); /* the disk is good again, but the room above has not read its state yet */
        int tried = trace.rolled_back;
        assert_int_equal(submit(5), 0);
        assert_true(trace.rolled_back > tried);
        pthread_mutex_lock(&trace.lock);
        trace.reload = SAL_OK;
        pthread_mutex_unlock(&trace.lock);
        assert_int_equal(submit(5), 5);
        check_after_restart(f);
}

/* Half the batches fail, in one way or another. */
static void a_bad_day(void **state) {
        struct fixture *f = *state;
        begin(f);
        unsigned seed = 11;
        int good = 0;
        for (int round = 0; round < 60; round++) {
                static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
                if (rand_r(&seed) % 2) {
                        if (rand_r(&seed) % 2)
                                atomic_store(&faulty_sync_code, SQLITE_IOERR_FSYNC);
                        atomic_store(&faulty_write_after, rand_r(&seed) % 6);
                        atomic_store(&faulty_write_code, codes[rand_r(&seed) % 2]);
                }
                good += submit(1 + rand_r(&seed) % 7);
                faulty_clear();
        }
        assert_true(good > 0 && good < trace.submitted && trace.rolled_back > 5);
        check_after_restart(f);
}

static enum sal_status fill(struct sal_tx *tx, void *arg) {
        (void)arg;
        for (int i = 1000; i < 7000; i++) {
                struct sal_machine machine = sample_machine(i);
                assert_ok(sal_machine_insert(tx, &machine));
        }
        return SAL_OK;
}

static void a_checkpoint_that_fails_loses_nothing(void **state) {
        struct fixture *f = *state;
        for (int i = 0; i < 20 && f->ledger->wal_pages < 1000; i++) {
                run(f, fill, NULL);
                assert_int_equal(sql(f, "UPDATE machine SET labels = hex(randomblob(300))"), SQLITE_OK);
                assert_int_equal(sql(f, "DELETE FROM machine"), SQLITE_OK);
                assert_int_equal(sql(f, "UPDATE machine_count SET machines = 0"), SQLITE_OK);
                sal_reload(f->ledger);
        }
        assert_true(sal_checkpoint_wanted(f->ledger));
        atomic_store(&faulty_write_code, SQLITE_FULL);
        sal_checkpoint(f->ledger, true);
        assert_true(f->ledger->wal_pages >= 1000);
        assert_false(sal_checkpoint_wanted(f->ledger)); /* not again at once */
        faulty_clear();
        begin(f);
        assert_int_equal(submit(5), 5);
        check_after_restart(f);
}

static void idle_time_carries_the_log_over(void **state) {
        struct fixture *f = *state;
        run(f, fill, NULL);
        assert_int_equal(sql(f, "UPDATE machine SET labels = hex(randomblob(1000))"), SQLITE_OK);
        assert_true(sal_checkpoint_wanted(f->ledger));
        begin(f);
        submit(1);
        /* The test's time limit ends this if it never happens. */
        for (sqlite3_int64 size = 0; size < 1000 * 4096;) {
                struct stat st;
                assert_int_equal(stat(f->path, &st), 0);
                size = st.st_size;
                sched_yield();
        }
        sal_ledger_stop(f->ledger);
        assert_true(f->ledger->wal_pages < 1000);
}

static enum sal_status read_machine(struct sal_tx *tx, void *arg) {
        struct sal_machine machine;
        (void)arg;
        enum sal_status status = sal_machine_get(tx, "m-000003", &machine);
        if (status == SAL_OK)
                sal_machine_done(&machine);
        return status;
}

static void a_disk_that_cannot_be_read(void **state) {
        struct fixture *f = *state;
        begin(f);
        assert_int_equal(submit(5), 5);
        sal_ledger_stop(f->ledger);
        fixture_reopen(f); /* with an empty page cache */
        sqlite3_db_release_memory(f->ledger->db);
        atomic_store(&faulty_read_code, SQLITE_IOERR_READ);
        assert_int_equal(sal_ledger_run_now(f->ledger, read_machine, NULL), SAL_E_IO);
        faulty_clear();
        assert_ok(sal_ledger_run_now(f->ledger, read_machine, NULL));
        fixture_close(f);
        atomic_store(&faulty_read_code, SQLITE_IOERR_READ);
        struct sal_err err = {0};
        assert_int_equal(fixture_try_open(f, &err), SAL_E_IO);
        assert_true(err.hint[0]);
        faulty_clear();
}

static int setup_faulty(void **state) {
        faulty_clear();
        return setup(state);
}

int main(void) {
        faulty_install();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_full_disk, setup_faulty, teardown),
                cmocka_unit_test_setup_teardown(a_disk_that_fills_in_the_middle_of_a_commit, setup_faulty, teardown),
                cmocka_unit_test_setup_teardown(a_sync_that_fails, setup_faulty, teardown),
                cmocka_unit_test_setup_teardown(a_reload_that_fails_is_tried_again, setup_faulty, teardown),
                cmocka_unit_test_setup_teardown(a_bad_day, setup_faulty, teardown),
                cmocka_unit_test_setup_teardown(a_checkpoint_that_fails_loses_nothing, setup_faulty, teardown),
                cmocka_unit_test_setup_teardown(idle_time_carries_the_log_over, setup_faulty, teardown),
                cmocka_unit_test_setup_teardown(a_disk_that_cannot_be_read, setup_faulty, teardown),
        };
        return cmocka_run_group_tests_name("ledger/faults", tests, NULL, NULL);
}
