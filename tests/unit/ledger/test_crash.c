/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at any moment: what was acknowledged is there after the restart, without gaps. */
#include "support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 30, JOBS = 4096 };

/* ---- the child: commits numbers and says each one that was acknowledged ---- */

struct job {
        int64_t seq;
};

static int to_parent;

static enum sal_status append(struct sal_tx *tx, void *arg) {
        struct job *job = arg;
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(tx), .type = SAL_JOURNAL_ADMIN};
        enum sal_status status = sal_journal_append(tx, &entry);
        job->seq = entry.seq;
        struct sal_machine machine = {.incarnation = 1};
        snprintf(machine.id, sizeof machine.id, "m-%lld", (long long)entry.seq);
        return status == SAL_OK ? sal_machine_insert(tx, &machine) : status;
}

static void say(void *arg, enum sal_status status) {
        const struct job *job = arg;
        if (status == SAL_OK && write(to_parent, &job->seq, sizeof job->seq) != (ssize_t)sizeof job->seq)
                _exit(2);
}

static _Noreturn void live(const char *path) {
        static struct job jobs[JOBS];
        struct sal_ledger_config config = {.path = path, .batch_max = 64};
        struct sal_ledger *ledger = NULL;
        struct sal_err err = {0};
        if (sal_ledger_open(&config, &ledger, &err) != SAL_OK || sal_ledger_start(ledger, NULL, &err) != SAL_OK) {
                fprintf(stderr, "child: %s\n", err.detail);
                _exit(1);
        }
        for (int i = 0; i < JOBS; i++)
                sal_ledger_submit(ledger, SAL_LANE_POLL, append, say, &jobs[i]);
        sal_ledger_close(ledger);
        _exit(0);
}

/* ---- the parent ---- */

static int64_t take(int fd, int64_t newest) {
        int64_t seq = 0;
        while (read(fd, &seq, sizeof seq) == (ssize_t)sizeof seq) {
                assert_int_equal(seq, newest + 1); /* acknowledged in order */
                newest = seq;
        }
        return newest;
}

/* Lets the child acknowledge up to `wanted` numbers, kills it; the newest number that it has told. */
static int64_t one_life(const char *path, int64_t newest, int wanted, int *ret_exit) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                close(fds[0]);
                to_parent = fds[1];
                live(path);
        }
        close(fds[1]);
        int64_t seq = 0;
        for (int i = 0; i < wanted && read(fds[0], &seq, sizeof seq) == (ssize_t)sizeof seq; i++) {
                assert_int_equal(seq, newest + 1);
                newest = seq;
        }
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, ret_exit, 0), child);
        newest = take(fds[0], newest); /* told before it died */
        close(fds[0]);
        return newest;
}

static void check(struct fixture *f, int64_t newest) {
        fixture_open(f);
        int64_t stored = sql_int(f, "SELECT coalesce(max(seq), 0) FROM journal");
        assert_true(stored >= newest);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM journal"), stored);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM machine"), stored);
        assert_int_equal(sql_int(f, "SELECT sum(machines) FROM machine_count"), stored);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM pragma_quick_check WHERE quick_check = 'ok'"), 1);
}

static void nothing_acknowledged_is_lost(void **state) {
        struct fixture *f = *state;
        int64_t newest = 0;
        unsigned seed = (unsigned)sal_clock_mono_us();
        int killed = 0;
        for (int round = 0; round < ROUNDS; round++) {
                int result = 0;
                newest = one_life(f->path, newest, rand_r(&seed) % 1500, &result);
                killed += WIFSIGNALED(result);
                assert_false(WIFEXITED(result) && WEXITSTATUS(result) != 0);
                check(f, newest);
                newest = f->ledger->journal_seq; /* committed, though its answer was not told any more */
                fixture_close(f);
        }
        assert_true(killed > ROUNDS / 2);
        assert_true(newest > ROUNDS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost, setup_folder, teardown),
        };
        return cmocka_run_group_tests_name("ledger/crash", tests, NULL, NULL);
}
