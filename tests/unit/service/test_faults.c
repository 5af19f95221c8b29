/* SPDX-License-Identifier: Apache-2.0 */
/* A write that fails, wherever it is in a batch: nothing of the batch remains, on disk or in memory, and the next one
 * finds everything as it was. */
#include "harness.h"

#include "../ledger/faulty_vfs.h"

/* ---- much in one job: a report that halts, polls, changes of machines, an operator ---- */

struct busy {
        struct report_call report;
        struct sal_poll polls[2];
};

static enum sal_status busy_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct busy *busy = arg;
        struct fleet_call pin = {"m-0030", "{\"pin\":\"all\",\"opt_out\":true}"};
        struct life_call pause = {.what = SAL_LIFE_PAUSE, .id = "other", .version = 1};
        char line[] = "{\"machine_id\":\"m-x\",\"facts\":" FACTS "}";
        enum sal_status status = import_job(w, tx, line);
        if (!status)
                status = report_job(w, tx, &busy->report);
        for (int i = 0; !status && i < 2; i++)
                status = poll_job(w, tx, &busy->polls[i]);
        if (!status)
                status = change_job(w, tx, &pin);
        return status ? status : life_job(w, tx, &pause);
}

/* One batch; nothing else runs before the caller has looked. */
static enum sal_status run_busy(struct world *w, int64_t fails) {
        struct busy busy = {.report = {.machine = machine_name(4), .identity = {.kind = SAL_IDENTITY_CERTIFICATE}}};
        struct world_job job = {.w = w, .run = busy_job, .arg = &busy};
        fill_report(&busy.report.report, fails, "failed", NULL);
        fill_poll(&busy.polls[0], &(struct ask){.machine = "new-1"});
        fill_poll(&busy.polls[1], &(struct ask){.machine = machine_name(1), .boot = "boot-2"});
        world_queue(&job);
        sal_batch_run(w->ledger);
        sal_report_done(&busy.report.report);
        sal_poll_done(&busy.polls[0]);
        sal_poll_done(&busy.polls[1]);
        return job.status;
}

/* Five are out, three have failed: the next failure halts. Another campaign has an offer out. */
static int64_t prepare(struct world *w) {
        int64_t offers[5];
        know_fleet(w, 100);
        start(w, "other", "{" ONE_RING_ROLLOUT ",\"match\":{\"fact\":\"os\",\"eq\":\"linux\"}}");
        assert_told(poll(w, .machine = "linux-1", .facts = "{\"os\":\"linux\"}"), "offered");
        pass(w, 10 * MINUTE);
        start(w, "fix", SIMPLE);
        for (int i = 0; i < 5; i++)
                offers[i] = offer_to(w, machine_name(i + 1));
        for (int i = 0; i < 3; i++)
                assert_true(report(w, machine_name(i + 1), offers[i], "failed"));
        return offers[3];
}

static void assert_all_happened(struct world *w) {
        assert_state(w, "fix", "halted");
        assert_state(w, "other", "paused");
        assert_int_equal(sql_int(w, "SELECT count(*) FROM machine WHERE id = 'm-x'"), 1);
        assert_int_equal(sql_int(w, "SELECT opt_out FROM machine WHERE id = 'm-0030'"), 1);
}

static void refuse_journal_row(struct world *w, int64_t seq) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.journal WHEN NEW.seq = %" PRId64
                 " BEGIN SELECT raise(ABORT, 'refused by the test'); END",
                 seq);
        assert_int_equal(sqlite3_exec(w->ledger->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void refuse_nothing(struct world *w) {
        assert_int_equal(sqlite3_exec(w->ledger->db, "DROP TRIGGER refuse", NULL, NULL, NULL), SQLITE_OK);
}

/* The n-th row that the batch writes into the journal is refused, for every n. */
static void a_refused_row(void **state) {
        struct world *w = *state;
        int64_t fails = prepare(w), seq = sql_int(w, "SELECT max(seq) FROM journal");
        sal_autofree char *before = engine_text(w);
        int rows = 0;
        for (enum sal_status status = SAL_E_IO; status; rows++) {
                refuse_journal_row(w, seq + 1 + rows);
                status = run_busy(w, fails);
                refuse_nothing(w);
                if (!status)
                        break;
                assert_int_equal(sql_int(w, "SELECT max(seq) FROM journal"), seq);
                world_batch(w); /* counts the fleet again */
                sal_autofree char *after = engine_text(w);
                assert_string_equal(after, before);
                check_population(w);
        }
        assert_in_range(rows, 7, 40); /* the recalls come with the next batch */
        world_batch(w);
        assert_all_happened(w);
}

/* A timer's work fails: it is done by the next batch, and no earlier than it is due. */
static void a_refused_timer(void **state) {
        struct world *w = *state;
        int64_t fails = prepare(w);
        refuse_journal_row(w, sql_int(w, "SELECT max(seq) FROM journal") + 1);
        pass(w, 50 * MINUTE); /* the deadline of the other campaign's offer */
        assert_int_equal(live_of(w, "other")->row.silent, 0);
        refuse_nothing(w);
        world_batch(w);
        assert_int_equal(live_of(w, "other")->row.silent, 1);
        assert_offer(w, fails, "offered", "");
        pass(w, 599);
        assert_offer(w, fails, "offered", "");
}

/* The disk fails to sync, or fills up at the n-th page of the commit, for every n. A deadline falls due in the batch.
 */
static void a_full_disk(void **state) {
        struct world *w = *state;
        int64_t fails = prepare(w), seq = sql_int(w, "SELECT max(seq) FROM journal");
        world_wall_ms += 50 * MINUTE * SECOND_MS;
        world_mono_ms += 50 * MINUTE * SECOND_MS;
        int attempts = 0;
        for (enum sal_status status = SAL_E_IO; status; attempts++) {
                if (attempts == 0) {
                        atomic_store(&faulty_sync_code, SQLITE_IOERR_FSYNC);
                } else {
                        atomic_store(&faulty_write_after, attempts - 1);
                        atomic_store(&faulty_write_code, SQLITE_FULL);
                }
                status = run_busy(w, fails);
                faulty_clear();
                if (status)
                        assert_int_equal(sql_int(w, "SELECT max(seq) FROM journal"), seq);
        }
        assert_in_range(attempts, 3, 200);
        world_batch(w);
        assert_all_happened(w);
        assert_int_equal(live_of(w, "other")->row.silent, 1);
        assert_int_equal(live_of(w, "fix")->row.silent, 0);
}

/* Killed after the commit, nothing that was said is lost, and nothing goes on that was stopped. */
static void killed_at_any_moment(void **state) {
        struct world *w = *state;
        int64_t fails = prepare(w);
        world_batch(w);
        check_restart(w);
        assert_true(report(w, machine_name(4), fails, "failed"));
        check_restart(w);
        assert_state(w, "fix", "halted");
        assert_told(poll(w, .machine = "new-1"), "halted");
        assert_ok(life(w, SAL_LIFE_PAUSE, "other"));
        check_restart(w);
        assert_state(w, "other", "paused");
        kill_switch(w, true);
        check_restart(w);
        assert_told(poll(w, .machine = "new-2", .facts = "{\"os\":\"linux\"}"), "kill_switch");
        char id[24];
        snprintf(id, sizeof id, "d%" PRId64, live_of(w, "fix")->row.halt_decision);
        kill_switch(w, false);
        assert_ok(life(w, SAL_LIFE_RESUME, "fix", .acknowledge = id));
        check_restart(w);
        struct told told = poll(w, .machine = "new-1");
        assert_told(told, "offered");
        check_restart(w);
        assert_int_equal(poll(w, .machine = "new-1").offer, told.offer);
}

int main(void) {
        faulty_install();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_refused_row, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_refused_timer, world_setup, world_done),
                cmocka_unit_test_setup_teardown(a_full_disk, world_setup, world_done),
                cmocka_unit_test_setup_teardown(killed_at_any_moment, world_setup, world_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
