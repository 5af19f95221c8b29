/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger that was lost is noticed before a new one is begun in its place. */
#include "daemon/state.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEDGER = 1, EMPTY_LEDGER = 2, LOG = 4, KEY = 8, FOLDER = 16, ARTIFACT = 32 };

static const struct row {
        int files;
        bool wanted;
        enum sal_status status;
        const char *words;
} rows[] = {
        {0, false, SAL_OK, NULL},
        {0, true, SAL_OK, NULL},
        {FOLDER, false, SAL_OK, NULL},
        {EMPTY_LEDGER, false, SAL_OK, NULL},
        {LEDGER, false, SAL_OK, NULL},
        {LEDGER | KEY | FOLDER | ARTIFACT, false, SAL_OK, NULL},
        {EMPTY_LEDGER | LOG | KEY, false, SAL_OK, NULL},
        {KEY, false, SAL_E_REFUSED, "machine-token.key is there"},
        {KEY | FOLDER, false, SAL_E_REFUSED, "machine-token.key is there"},
        {KEY | EMPTY_LEDGER, false, SAL_E_REFUSED, "salvor.db is lost"},
        {FOLDER | ARTIFACT, false, SAL_E_REFUSED, "artifacts is there"},
        {KEY, true, SAL_OK, NULL},
        {FOLDER | ARTIFACT, true, SAL_OK, NULL},
        {LEDGER, true, SAL_E_REFUSED, "--new-ledger is refused"},
        {LEDGER | KEY, true, SAL_E_REFUSED, "--new-ledger is refused"},
        {EMPTY_LEDGER | LOG, true, SAL_E_REFUSED, "--new-ledger is refused"},
};

static char folder[] = "/tmp/salvor-test-state-XXXXXX";

static void at(const char *name, char ret[static 96]) {
        snprintf(ret, 96, "%s/%s", folder, name);
}

static void put(const char *name, const char *text) {
        char path[96];
        at(name, path);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
}

static void clear(void) {
        static const char *const names[] = {"salvor.db", "salvor.db-wal", "machine-token.key", "artifacts/a",
                                            "artifacts"};
        char path[96];
        for (size_t i = 0; i < SAL_ARRAY_LEN(names); i++) {
                at(names[i], path);
                remove(path);
        }
}

static void make(int files) {
        char path[96];
        at("artifacts", path);
        if (files & (LEDGER | EMPTY_LEDGER))
                put("salvor.db", files & LEDGER ? "x" : "");
        if (files & LOG)
                put("salvor.db-wal", "x");
        if (files & KEY)
                put("machine-token.key", "x");
        if (files & FOLDER)
                assert_int_equal(mkdir(path, 0700), 0);
        if (files & ARTIFACT)
                put("artifacts/a", "x");
}

static void a_lost_ledger_is_noticed(void **state) {
        (void)state;
        assert_non_null(mkdtemp(folder));
        char path[96];
        at("salvor.db", path);
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                struct sal_err err = {0};
                make(rows[i].files);
                enum sal_status status = sal_state_check_ledger(folder, path, rows[i].wanted, &err);
                if (status != rows[i].status || (rows[i].words && !strstr(err.detail, rows[i].words)))
                        fail_msg("row %zu: %d, %s", i, status, err.detail);
                if (status && !rows[i].wanted)
                        assert_non_null(strstr(err.hint, "--new-ledger"));
                clear();
        }
        assert_int_equal(rmdir(folder), 0);
}

static void what_cannot_be_looked_at_is_no_fresh_folder(void **state) {
        (void)state;
        struct sal_err err = {0};
        assert_int_equal(sal_state_check_ledger("/dev/null", "/dev/null/salvor.db", false, &err), SAL_E_IO);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_lost_ledger_is_noticed),
                cmocka_unit_test(what_cannot_be_looked_at_is_no_fresh_folder),
        };
        return cmocka_run_group_tests_name("daemon/state", tests, NULL, NULL);
}
