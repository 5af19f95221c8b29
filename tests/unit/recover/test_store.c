/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the place of a state file: nothing is waited for, nothing followed, and what can be mended is. */
#include "job_fixture.h"

#include "salvor-recover/floor.h"

static int set_up(void **state) {
        struct stage *s = calloc(1, sizeof *s);
        fixture_init(&s->f);
        make_outage(s->f.root);
        stage_open(s);
        *state = s;
        alarm(20); /* a test that waits for a FIFO fails */
        return 0;
}

static int tear_down(void **state) {
        struct stage *s = *state;
        alarm(0);
        stage_close(s);
        fixture_done(&s->f);
        free(s);
        return 0;
}

enum kind { FIFO, FOLDER, LINK, KINDS };

static void stand(struct stage *s, const char *name, enum kind kind) {
        const char *path = at(s->f.state, name);
        put(s->f.outside, "target", "outside", NULL);
        if (kind == FIFO)
                assert_int_equal(mkfifo(path, 0600), 0);
        else if (kind == FOLDER)
                assert_int_equal(mkdir(path, 0700), 0);
        else
                assert_int_equal(symlink(at(s->f.outside, "target"), path), 0);
}

static void what_is_no_plain_file_is_damaged(void **state) {
        struct stage *s = *state;
        for (int kind = 0; kind < KINDS; kind++) {
                sal_autofree char *bytes = NULL;
                size_t len = 0;
                struct sal_err error = {0};
                stand(s, "some.json", (enum kind)kind);
                assert_false(sal_store_has(s->store, "some.json"));
                assert_int_equal(sal_store_get(s->store, "some.json", 4096, &bytes, &len, &error), SAL_E_CORRUPT);
                assert_non_null(strstr(error.detail, "some.json is no plain file"));
                assert_int_equal(remove(at(s->f.state, "some.json")), 0);
        }
}

static void what_is_written_takes_its_place(void **state) {
        struct stage *s = *state;
        static const char *const names[] = {"some.json", "some.json.new"};
        for (int kind = 0; kind < KINDS; kind++)
                for (size_t i = 0; i < SAL_ARRAY_LEN(names); i++) {
                        struct sal_err error = {0};
                        stand(s, names[i], (enum kind)kind);
                        enum sal_status status = sal_store_put(s->store, "some.json", "text", 4, &error);
                        if (kind == FOLDER) { /* may hold something: it stays, and is named */
                                assert_int_equal(status, SAL_E_IO);
                                assert_non_null(strstr(error.detail, "some.json"));
                        } else {
                                assert_int_equal(status, SAL_OK);
                                assert_string_equal(content(s->f.state, "some.json"), "text");
                        }
                        assert_string_equal(content(s->f.outside, "target"), "outside");
                        remove(at(s->f.state, names[i]));
                        remove(at(s->f.state, "some.json"));
                }
}

static void an_artifact_on_its_way_begins_anew(void **state) {
        struct stage *s = *state;
        for (int kind = 0; kind < KINDS; kind++) {
                stand(s, "blobs/a.part", (enum kind)kind);
                sal_autoclose int fd = sal_store_open_append(s->store, "blobs/a.part");
                if (kind == FOLDER)
                        assert_string_equal(sal_store_why(-fd), "no plain file stands there");
                else
                        assert_true(fd >= 0);
                assert_string_equal(content(s->f.outside, "target"), "outside");
                assert_int_equal(remove(at(s->f.state, "blobs/a.part")), 0);
        }
}

static void a_lock_that_is_none_is_named(void **state) {
        struct stage *s = *state;
        for (int kind = 0; kind < KINDS; kind++) {
                struct sal_store *store = NULL;
                struct sal_err error = {0};
                assert_int_equal(remove(at(s->f.state, "lock")), 0);
                stand(s, "lock", (enum kind)kind);
                assert_int_equal(sal_store_open(s->f.state, &store, &error), SAL_E_IO);
                assert_non_null(strstr(error.detail, "/lock: no plain file stands there"));
        }
}

/* As with work that the disk has damaged: it is kept for a person, and the rescue goes on. */
static void work_that_is_none_is_put_aside(void **state) {
        struct stage *s = *state;
        for (int kind = 0; kind < KINDS; kind++) {
                enum sal_outcome outcome = SAL_OUTCOME_APPLIED;
                stand(s, "work.json", (enum kind)kind);
                assert_int_equal(sal_job_resume(&s->job, &outcome, NULL), SAL_OK);
                assert_int_equal(outcome, SAL_OUTCOME_NONE);
        }
        assert_int_equal(run_json(s, "[" OUTAGE_ACTION "]", "[" OUTAGE_VERIFY "]"), SAL_OUTCOME_APPLIED);
}

static void a_time_that_is_none_is_as_good_as_missing(void **state) {
        struct stage *s = *state;
        for (int kind = 0; kind < KINDS; kind++) {
                stand(s, "time.json", (enum kind)kind);
                assert_int_equal(sal_floor_ms(s->store), sal_floor_build_ms());
                assert_int_equal(remove(at(s->f.state, "time.json")), 0);
        }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(what_is_no_plain_file_is_damaged),   CASE(what_is_written_takes_its_place),
                CASE(an_artifact_on_its_way_begins_anew), CASE(a_lock_that_is_none_is_named),
                CASE(work_that_is_none_is_put_aside),     CASE(a_time_that_is_none_is_as_good_as_missing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
