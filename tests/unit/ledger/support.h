/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Support for the ledger's tests: a ledger in a folder of its own, and rows to put into it.
 *
 * Thread: the test's. Ownership: fixture_done removes the folder.
 */
#ifndef SAL_TESTS_LEDGER_SUPPORT_H
#define SAL_TESTS_LEDGER_SUPPORT_H

#include "base/clock.h"
#include "base/mem.h"
#include "ledger/internal.h"
#include "ledger/migrations.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

struct fixture {
        char folder[64], path[96];
        struct sal_ledger *ledger;
};

static inline enum sal_status fixture_try_open(struct fixture *f, struct sal_err *reterr) {
        struct sal_ledger_config config = {.path = f->path};
        return sal_ledger_open(&config, &f->ledger, reterr);
}

static inline void fixture_open(struct fixture *f) {
        struct sal_err err = {0};
        if (fixture_try_open(f, &err) != SAL_OK)
                fail_msg("%s", err.detail);
}

static inline void fixture_folder(struct fixture *f) {
        const char *base = getenv("TMPDIR");
        *f = (struct fixture){0};
        snprintf(f->folder, sizeof f->folder, "%.40s/salvor-ledger-XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->path, sizeof f->path, "%s/ledger.db", f->folder);
}

static inline void fixture_close(struct fixture *f) {
        sal_ledger_close(f->ledger);
        f->ledger = NULL;
}

static inline void fixture_reopen(struct fixture *f) {
        fixture_close(f);
        fixture_open(f);
}

static inline void fixture_done(struct fixture *f) {
        fixture_close(f);
        DIR *dir = opendir(f->folder);
        for (struct dirent *entry; dir && (entry = readdir(dir));)
                if (entry->d_name[0] != '.')
                        unlinkat(dirfd(dir), entry->d_name, 0);
        if (dir)
                closedir(dir);
        rmdir(f->folder);
}

static inline int setup(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        fixture_folder(f);
        fixture_open(f);
        *state = f;
        return 0;
}

/* A folder without a database in it yet. */
static inline int setup_folder(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        fixture_folder(f);
        *state = f;
        return 0;
}

static inline int teardown(void **state) {
        fixture_done(*state);
        free(*state);
        return 0;
}

/* Runs fn in a transaction of its own, which must succeed. */
static inline void run(struct fixture *f, enum sal_status (*fn)(struct sal_tx *tx, void *arg), void *arg) {
        enum sal_status status = sal_ledger_run_now(f->ledger, fn, arg);
        if (status != SAL_OK)
                fail_msg("%s: %s", sal_status_info(status)->name, f->ledger->tx.detail);
}

#define assert_ok(expression)                                                            \
        do {                                                                             \
                enum sal_status status_ = (expression);                                  \
                if (status_ != SAL_OK)                                                   \
                        fail_msg("%s: %s", #expression, sal_status_info(status_)->name); \
        } while (0)

/* Runs plain SQL on the ledger's connection; the result code. */
static inline int sql(struct fixture *f, const char *text) {
        return sqlite3_exec(f->ledger->db, text, NULL, NULL, NULL);
}

/* The first column of the first row. */
static inline int64_t sql_int(struct fixture *f, const char *text) {
        sqlite3_stmt *statement = NULL;
        assert_int_equal(sqlite3_prepare_v2(f->ledger->db, text, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        int64_t value = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return value;
}

static inline struct sal_machine sample_machine(int number) {
        struct sal_machine machine = {.incarnation = 1, .first_seen_ms = 1000, .last_seen_ms = 2000};
        snprintf(machine.id, sizeof machine.id, "m-%06d", number);
        return machine;
}

static inline struct sal_campaign_row sample_campaign(const char *id, enum sal_campaign_state state) {
        static char payload[] = "{\"schema\":\"salvor.campaign/1\"}";
        struct sal_campaign_row row = {.version = 1,
                                       .state = state,
                                       .payload = payload,
                                       .payload_len = sizeof payload - 1,
                                       .created_ms = 5,
                                       .period = 1,
                                       .served_stopped_ms = -1};
        snprintf(row.id, sizeof row.id, "%s", id);
        return row;
}

static inline struct sal_offer sample_offer(int64_t campaign_row, int64_t machine_row) {
        return (struct sal_offer){.campaign_row = campaign_row,
                                  .machine_row = machine_row,
                                  .attempt = 1,
                                  .incarnation = 1,
                                  .period = 1,
                                  .counted = true,
                                  .made_ms = 100,
                                  .made_served_ms = 50,
                                  .applied_served_ms = -1,
                                  .due_kind = SAL_DUE_DEADLINE,
                                  .due_served_ms = 3650,
                                  .slot_i = 7,
                                  .slot_o = 8,
                                  .boot_id = "boot-1"};
}

#endif
