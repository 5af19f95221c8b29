/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the ledger makes offers: each is inserted and journaled, batches of 256 share a commit and its sync. Beside
 * it, the same rows into the same schema by plain prepared statements of SQLite. Then pages of a large fleet.
 *
 *     bench_ledger [FOLDER [OFFERS [MACHINES]]]     (default: /var/tmp 200000 0)
 */
#include "base/clock.h"
#include "base/mem.h"
#include "ledger/store.h"

#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, FLEET = 10000, ROUNDS = 3 };

static void must(enum sal_status status, const char *what) {
        if (status == SAL_OK)
                return;
        fprintf(stderr, "bench_ledger: %s: %s\n", what, sal_status_info(status)->name);
        exit(SAL_EXIT_FAILED);
}

static void must_sqlite(sqlite3 *db, int code, const char *what) {
        if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
                return;
        fprintf(stderr, "bench_ledger: %s: %s\n", what, sqlite3_errmsg(db));
        exit(SAL_EXIT_FAILED);
}

static void remove_database(const char *path) {
        static const char *const suffixes[] = {"", "-wal", "-shm"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(suffixes); i++) {
                char name[512];
                snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
                unlink(name);
        }
}

static struct sal_offer offer_number(int number) {
        return (struct sal_offer){.campaign_row = 1,
                                  .machine_row = 1 + number % FLEET,
                                  .attempt = 1 + number / FLEET,
                                  .incarnation = 1,
                                  .period = 1,
                                  .ring = 2,
                                  .counted = number < FLEET,
                                  .boot_id = "9b2d1c3e-8b0f-4f5e-9a51-2f6f6e1f0c11",
                                  .made_ms = 1721367000000 + number,
                                  .made_served_ms = number,
                                  .applied_served_ms = -1,
                                  .due_kind = SAL_DUE_DEADLINE,
                                  .due_served_ms = number + 3600000,
                                  .slot_i = number,
                                  .slot_o = number + 1,
                                  .stage = 2,
                                  .cohort_count = 2,
                                  .cohorts = {1 + number % 20, 21 + number % 5}};
}

/* ---- the ledger ---- */

struct job {
        int number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int answered;

static enum sal_status fill(struct sal_tx *tx, void *arg) {
        static char payload[] = "{}";
        (void)arg;
        struct sal_campaign_row campaign = {.id = "bench",
                                            .version = 1,
                                            .state = SAL_CAMPAIGN_ACTIVE,
                                            .period = 1,
                                            .payload = payload,
                                            .payload_len = 2,
                                            .served_stopped_ms = -1};
        enum sal_status status = sal_campaign_row_insert(tx, &campaign);
        for (int i = 0; status == SAL_OK && i < FLEET; i++) {
                struct sal_machine machine = {.incarnation = 1};
                snprintf(machine.id, sizeof machine.id, "machine-%06d", i);
                status = sal_machine_insert(tx, &machine);
        }
        return status;
}

static enum sal_status make_offer(struct sal_tx *tx, void *arg) {
        const struct job *job = arg;
        struct sal_offer offer = offer_number(job->number);
        enum sal_status status = sal_offer_insert(tx, &offer);
        if (status != SAL_OK)
                return status;
        char machine_id[SAL_MACHINE_ID_BYTES];
        snprintf(machine_id, sizeof machine_id, "machine-%06d", job->number % FLEET);
        struct sal_journal_entry entry = {.at_ms = offer.made_ms,
                                          .type = SAL_JOURNAL_OFFER,
                                          .campaign = "bench",
                                          .version = 1,
                                          .machine_id = machine_id,
                                          .offer_row = offer.row,
                                          .ring = "broad"};
        return sal_journal_append(tx, &entry);
}

static void note_done(void *arg, enum sal_status status) {
        (void)arg;
        must(status, "an offer");
        pthread_mutex_lock(&lock);
        answered++;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
}

static double run_ledger(const char *path, int offers) {
        struct sal_ledger_config config = {.path = path, .batch_max = BATCH, .batch_max_ms = 1000};
        struct sal_ledger *ledger = NULL;
        struct sal_err err = {0};
        remove_database(path);
        must(sal_ledger_open(&config, &ledger, &err), err.detail);
        must(sal_ledger_run_now(ledger, fill, NULL), "fill");
        must(sal_ledger_start(ledger, NULL, &err), err.detail);
        struct job *jobs = calloc((size_t)offers, sizeof *jobs);
        if (!jobs)
                exit(SAL_EXIT_FAILED);
        answered = 0;
        int64_t begun_us = sal_clock_mono_us();
        pthread_mutex_lock(&lock);
        for (int sent = 0; answered < offers;) {
                /* Two batches ahead, so that one gathers while the other syncs. */
                while (sent < offers && sent - answered < 2 * BATCH) {
                        jobs[sent].number = sent;
                        pthread_mutex_unlock(&lock);
                        must(sal_ledger_submit(ledger, SAL_LANE_POLL, make_offer, note_done, &jobs[sent]), "submit");
                        pthread_mutex_lock(&lock);
                        sent++;
                }
                if (answered < offers)
                        pthread_cond_wait(&changed, &lock);
        }
        pthread_mutex_unlock(&lock);
        int64_t spent_us = sal_clock_mono_us() - begun_us;
        sal_ledger_close(ledger);
        free(jobs);
        return offers * 1e6 / (double)spent_us;
}

/* ---- plain SQLite ---- */

static sqlite3_stmt *prepare(sqlite3 *db, const char *text) {
        sqlite3_stmt *statement = NULL;
        must_sqlite(db, sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), text);
        return statement;
}

static void step(sqlite3 *db, sqlite3_stmt *statement) {
        must_sqlite(db, sqlite3_step(statement), "step");
        sqlite3_reset(statement);
}

static void plain_offer(sqlite3 *db, sqlite3_stmt *insert, sqlite3_stmt *cohort, int number) {
        struct sal_offer o = offer_number(number);
        const int64_t numbers[] = {
                o.campaign_row, o.machine_row,   o.attempt,     o.incarnation, o.period,         o.ring,
                o.state,        o.cause,         o.can_healthy, o.counted,     o.excluded,       o.late_applied,
                o.anonymous,    o.made_ms,       o.applied_ms,  o.settled_ms,  o.made_served_ms, o.applied_served_ms,
                o.due_kind,     o.due_served_ms, o.slot_i,      o.slot_o,      o.stage};
        for (int i = 0; i < (int)SAL_ARRAY_LEN(numbers); i++)
                sqlite3_bind_int64(insert, i + 1, numbers[i]);
        char cohorts[32];
        snprintf(cohorts, sizeof cohorts, "%d,%d", o.cohorts[0], o.cohorts[1]);
        sqlite3_bind_text(insert, 24, o.boot_id, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 25, cohorts, -1, SQLITE_STATIC);
        sqlite3_bind_int64(insert, 26, o.offline);
        step(db, insert);
        int64_t row = sqlite3_last_insert_rowid(db);
        for (size_t i = 0; o.counted && i < o.cohort_count; i++) {
                sqlite3_bind_int64(cohort, 1, o.cohorts[i]);
                sqlite3_bind_int64(cohort, 2, row);
                step(db, cohort);
        }
}

static void plain_entry(sqlite3 *db, sqlite3_stmt *journal, int number) {
        char machine_id[SAL_MACHINE_ID_BYTES];
        snprintf(machine_id, sizeof machine_id, "machine-%06d", number % FLEET);
        sqlite3_bind_int64(journal, 1, number + 1);
        sqlite3_bind_int64(journal, 2, 1721367000000 + number);
        sqlite3_bind_int64(journal, 3, number + 1);
        sqlite3_bind_text(journal, 4, machine_id, -1, SQLITE_STATIC);
        step(db, journal);
}

/* Opens what the ledger has made and filled, with the same settings but SQLite's own checkpoints. */
static double run_plain(const char *path, int offers) {
        struct sal_ledger_config config = {.path = path};
        struct sal_ledger *ledger = NULL;
        remove_database(path);
        must(sal_ledger_open(&config, &ledger, NULL), "open");
        must(sal_ledger_run_now(ledger, fill, NULL), "fill");
        sal_ledger_close(ledger);
        sqlite3 *db = NULL;
        must_sqlite(NULL, sqlite3_open(path, &db), "open");
        must_sqlite(db,
                    sqlite3_exec(db,
                                 "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                                 "PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY",
                                 NULL, NULL, NULL),
                    "settings");
        sqlite3_stmt *begin = prepare(db, "BEGIN"), *commit = prepare(db, "COMMIT");
        sqlite3_stmt *insert = prepare(db, "INSERT INTO offer VALUES (NULL,?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,"
                                           "?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26)");
        sqlite3_stmt *cohort = prepare(db, "INSERT INTO offer_cohort VALUES (1, 1, ?1, ?2)");
        sqlite3_stmt *journal = prepare(db, "INSERT INTO journal VALUES (?1, ?2, 0, 1, ?3, 0, 'bench', ?4, 'broad', "
                                            "NULL)");
        int64_t begun_us = sal_clock_mono_us();
        for (int i = 0; i < offers; i++) {
                if (i % BATCH == 0)
                        step(db, begin);
                plain_offer(db, insert, cohort, i);
                plain_entry(db, journal, i);
                if (i % BATCH == BATCH - 1 || i == offers - 1)
                        step(db, commit);
        }
        int64_t spent_us = sal_clock_mono_us() - begun_us;
        sqlite3_stmt *const all[] = {begin, commit, insert, cohort, journal};
        for (size_t i = 0; i < SAL_ARRAY_LEN(all); i++)
                sqlite3_finalize(all[i]);
        sqlite3_close(db);
        return offers * 1e6 / (double)spent_us;
}

/* ---- a large fleet ---- */

struct fleet {
        int64_t from, count, seen, newest_row;
        int standing;
        unsigned limit;
};

static enum sal_status add_machines(struct sal_tx *tx, void *arg) {
        const struct fleet *fleet = arg;
        enum sal_status status = SAL_OK;
        for (int64_t i = fleet->from; status == SAL_OK && i < fleet->from + fleet->count; i++) {
                static char facts[] = "{\"model\":\"Latitude 5440\",\"os\":\"windows\",\"os_version\":\"10.0.22631\"}";
                struct sal_machine machine = {.incarnation = 1,
                                              .generation = 1,
                                              .facts = facts,
                                              .standing = i % 100000 ? SAL_STANDING_KNOWN : SAL_STANDING_NEEDS_HANDS};
                snprintf(machine.id, sizeof machine.id, "host-%09" PRId64 ".example", i * 7919 % 1000000007);
                status = sal_machine_insert(tx, &machine);
        }
        return status;
}

static bool see(void *arg, const struct sal_machine *machine) {
        struct fleet *fleet = arg;
        fleet->seen++;
        fleet->newest_row = machine->row;
        return true;
}

static enum sal_status page(struct sal_tx *tx, void *arg) {
        struct fleet *fleet = arg;
        fleet->seen = 0;
        return sal_machine_each(tx, fleet->newest_row, fleet->standing, fleet->limit, see, fleet);
}

static enum sal_status find(struct sal_tx *tx, void *arg) {
        const struct fleet *fleet = arg;
        enum sal_status status = SAL_OK;
        for (int64_t i = 0; status == SAL_OK && i < 1000; i++) {
                char id[SAL_MACHINE_ID_BYTES];
                int64_t number = i * (fleet->count / 1000);
                snprintf(id, sizeof id, "host-%09" PRId64 ".example", number * 7919 % 1000000007);
                struct sal_machine machine;
                status = sal_machine_get(tx, id, &machine);
                if (status == SAL_OK)
                        sal_machine_done(&machine);
        }
        return status;
}

static void time_page(struct sal_ledger *ledger, const char *what, int64_t after, int standing) {
        struct fleet fleet = {.newest_row = after, .standing = standing, .limit = 100};
        int64_t begun_us = sal_clock_mono_us();
        must(sal_ledger_run_now(ledger, page, &fleet), "page");
        printf("%-44s %8.3f ms (%" PRId64 " rows)\n", what, (double)(sal_clock_mono_us() - begun_us) / 1e3, fleet.seen);
}

static void run_fleet(const char *path, int64_t machines) {
        struct sal_ledger_config config = {.path = path};
        struct sal_ledger *ledger = NULL;
        remove_database(path);
        must(sal_ledger_open(&config, &ledger, NULL), "open");
        int64_t begun_us = sal_clock_mono_us();
        for (int64_t from = 0; from < machines; from += 100000) {
                struct fleet part = {.from = from, .count = machines - from < 100000 ? machines - from : 100000};
                must(sal_ledger_run_now(ledger, add_machines, &part), "machines");
        }
        printf("%-44s %8.1f s\n", "machines inserted", (double)(sal_clock_mono_us() - begun_us) / 1e6);
        sal_ledger_close(ledger);
        begun_us = sal_clock_mono_us();
        must(sal_ledger_open(&config, &ledger, NULL), "open");
        printf("%-44s %8.3f ms\n", "opened", (double)(sal_clock_mono_us() - begun_us) / 1e3);
        time_page(ledger, "first page of 100", 0, -1);
        time_page(ledger, "page of 100 from the middle", machines / 2, -1);
        time_page(ledger, "last page of 100", machines - 100, -1);
        time_page(ledger, "needs_hands, from the middle", machines / 2, SAL_STANDING_NEEDS_HANDS);
        time_page(ledger, "needs_hands, again", machines / 2, SAL_STANDING_NEEDS_HANDS);
        struct fleet whole = {.count = machines};
        begun_us = sal_clock_mono_us();
        must(sal_ledger_run_now(ledger, find, &whole), "look-ups");
        printf("%-44s %8.1f us each\n", "look-up by id, 1,000 of them", (double)(sal_clock_mono_us() - begun_us) / 1e3);
        sal_ledger_close(ledger);
}

int main(int argc, char **argv) {
        char path[256];
        snprintf(path, sizeof path, "%s/bench-ledger-%d.db", argc > 1 ? argv[1] : "/var/tmp", (int)getpid());
        int offers = argc > 2 ? atoi(argv[2]) : 200000;
        int64_t machines = argc > 3 ? atoll(argv[3]) : 0;
        for (int i = 0; offers > 0 && i < ROUNDS; i++) {
                double plain = run_plain(path, offers), ours = run_ledger(path, offers);
                printf("offers inserted and journaled per second: ledger %.0f, plain SQLite %.0f, ratio %.2f\n", ours,
                       plain, ours / plain);
        }
        if (machines >= 1000)
                run_fleet(path, machines);
        remove_database(path);
        return SAL_EXIT_DONE;
}
