/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what was applied here, and how a job that nobody offered stands in state and report. */
#include "job_fixture.h"

#include "salvor-recover/done.h"

static int set_up(void **state) {
        struct stage *s = calloc(1, sizeof *s);
        fixture_init(&s->f);
        make_outage(s->f.root);
        stage_open(s);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct stage *s = *state;
        stage_close(s);
        fixture_done(&s->f);
        free(s);
        return 0;
}

static void a_version_is_known_by_itself(void **state) {
        struct stage *s = *state;
        assert_false(sal_done_has(s->store, "fix", 1));
        assert_int_equal(sal_done_add(s->store, "fix", 1, NULL), SAL_OK);
        assert_int_equal(sal_done_add(s->store, "other", 7, NULL), SAL_OK);
        assert_int_equal(sal_done_add(s->store, "fix", 1, NULL), SAL_OK);
        assert_true(sal_done_has(s->store, "fix", 1));
        assert_true(sal_done_has(s->store, "other", 7));
        assert_false(sal_done_has(s->store, "fix", 2));
        assert_false(sal_done_has(s->store, "fi", 1));
}

static void the_oldest_are_forgotten(void **state) {
        struct stage *s = *state;
        for (int i = 1; i <= SAL_DONE_MAX + 3; i++)
                assert_int_equal(sal_done_add(s->store, "fix", i, NULL), SAL_OK);
        assert_false(sal_done_has(s->store, "fix", 3));
        assert_true(sal_done_has(s->store, "fix", 4));
        assert_true(sal_done_has(s->store, "fix", SAL_DONE_MAX + 3));
}

static void damage_is_an_empty_list(void **state) {
        struct stage *s = *state;
        static const char *const bad[] = {"", "{", "{}", "7", "[7,{\"campaign\":1},null]"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                put(s->f.state, "done.json", bad[i], NULL);
                assert_false(sal_done_has(s->store, "fix", 1));
                assert_int_equal(sal_done_add(s->store, "fix", 1, NULL), SAL_OK);
                assert_true(sal_done_has(s->store, "fix", 1));
        }
}

static void any_version_counts_for_what_undoes_it(void **state) {
        struct stage *s = *state;
        assert_false(sal_done_has_any(s->store, "fix"));
        assert_int_equal(sal_done_add(s->store, "fix", 3, NULL), SAL_OK);
        assert_true(sal_done_has_any(s->store, "fix"));
        assert_false(sal_done_has_any(s->store, "fi"));
}

static void assert_tries(struct stage *s, const char *campaign, int64_t version, const char *boot_id, int64_t boots,
                         bool in_this_boot) {
        struct sal_done_tries tries;
        sal_done_tries(s->store, campaign, version, boot_id, &tries);
        assert_int_equal(tries.boots, boots);
        assert_int_equal(tries.in_this_boot, in_this_boot);
}

static void failures_are_counted_by_boot(void **state) {
        struct stage *s = *state;
        assert_tries(s, "fix", 1, "boot-1", 0, false);
        for (int i = 0; i < 3; i++)
                assert_int_equal(sal_done_add_try(s->store, "fix", 1, "boot-1", NULL), SAL_OK);
        assert_int_equal(sal_done_add_try(s->store, "other", 1, "boot-1", NULL), SAL_OK);
        assert_tries(s, "fix", 1, "boot-1", 1, true);
        assert_tries(s, "fix", 1, "boot-2", 1, false);
        assert_int_equal(sal_done_add_try(s->store, "fix", 1, "boot-2", NULL), SAL_OK);
        assert_tries(s, "fix", 1, "boot-2", 2, true);
        assert_tries(s, "fix", 2, "boot-2", 0, false);
        assert_int_equal(sal_done_forget(s->store, NULL), SAL_OK);
        assert_tries(s, "fix", 1, "boot-2", 0, false);
}

static void damaged_tries_are_none(void **state) {
        struct stage *s = *state;
        static const char *const bad[] = {"", "{}",
                                          "[{\"campaign\":\"fix\",\"version\":1,\"boots\":-7,\"boot_id\":4}]"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                put(s->f.state, "tried.json", bad[i], NULL);
                assert_tries(s, "fix", 1, "boot-1", 0, false);
                assert_int_equal(sal_done_add_try(s->store, "fix", 1, "boot-1", NULL), SAL_OK);
                assert_tries(s, "fix", 1, "boot-1", 1, true);
        }
}

static json_t *read_state(struct stage *s, const char *name) {
        json_t *document = NULL;
        const char *text = content(s->f.state, name);
        assert_int_equal(sal_json_parse(text, strlen(text), 16, &document, NULL), SAL_OK);
        return document;
}

static const char *text_of(const json_t *document, const char *key) {
        return json_string_value(json_object_get(document, key));
}

static void what_nobody_offered_is_reported_by_its_campaign(void **state) {
        struct stage *s = *state;
        char sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex("envelope", 8, sha256);
        struct sal_campaign *campaign = campaign_of("[" OUTAGE_ACTION "]", "[" OUTAGE_VERIFY "]");
        const struct sal_job_offer offer = {
                .offer_id = "bundle-1", .campaign = "test", .version = 1, .target_sha256 = sha256};
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        assert_int_equal(sal_job_run(&s->job, &offer, campaign, &outcome, s->why, NULL), SAL_OK);
        sal_campaign_unref(campaign);
        assert_int_equal(outcome, SAL_OUTCOME_APPLIED);
        assert_true(sal_done_has(s->store, "test", 1));
        sal_autojson json_t *report = read_state(s, "reports/bundle-1.json");
        assert_null(json_object_get(report, "offer_id"));
        assert_string_equal(text_of(report, "campaign"), "test");
        assert_int_equal(json_integer_value(json_object_get(report, "version")), 1);
        assert_string_equal(text_of(report, "target_sha256"), sha256);
        assert_string_equal(text_of(report, "stage"), "applied");
        sal_autojson json_t *applied = read_state(s, "applied.json");
        assert_string_equal(text_of(applied, "target_sha256"), sha256);
}

static void an_offered_one_is_reported_by_its_offer(void **state) {
        struct stage *s = *state;
        assert_int_equal(run_json(s, "[" OUTAGE_ACTION "]", "[" OUTAGE_VERIFY "]"), SAL_OUTCOME_APPLIED);
        assert_true(sal_done_has(s->store, "test", 1));
        sal_autojson json_t *report = read_state(s, "reports/offer-1.json");
        assert_string_equal(text_of(report, "offer_id"), "offer-1");
        assert_null(json_object_get(report, "target_sha256"));
        assert_null(json_object_get(report, "campaign"));
}

static void only_what_was_applied_is_done(void **state) {
        struct stage *s = *state;
        assert_int_equal(run_json(s, "[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/drivers/none.sys\"}]", "[]"),
                         SAL_OUTCOME_NOT_APPLICABLE);
        assert_false(sal_done_has(s->store, "test", 1));
        assert_tries(s, "test", 1, "boot-1", 0, false);
}

static void what_failed_or_was_refused_was_tried(void **state) {
        struct stage *s = *state;
        assert_int_equal(run_json(s, "[" OUTAGE_ACTION "]",
                                  "[{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/drivers/none.sys\"}]"),
                         SAL_OUTCOME_FAILED);
        assert_tries(s, "test", 1, "boot-1", 1, true);
        s->job.boot_id = "boot-2";
        assert_int_equal(run_json(s, "[{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/*\"}]", "[]"),
                         SAL_OUTCOME_REFUSED);
        assert_tries(s, "test", 1, "boot-2", 2, true);
        assert_false(sal_done_has(s->store, "test", 1));
}

/* Each try with a bundle has a name of its own; that the same campaign was interrupted before is known all the same. */
static void interruptions_of_a_bundles_campaign_are_counted(void **state) {
        struct stage *s = *state;
        char sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex("envelope", 8, sha256);
        for (int i = 1; i <= 2; i++) {
                sal_auto(sal_work) struct sal_work *work = sal_work_new();
                enum sal_outcome outcome = SAL_OUTCOME_NONE;
                work->root = strdup(s->tree->dir);
                work->phase = SAL_PHASE_ACTING;
                work->version = 1;
                work->action_count = 1;
                work->actions[0].kind = SAL_ACTION_DELETE_FILE;
                snprintf(work->offer_id, sizeof work->offer_id, "bundle-%d", i);
                snprintf(work->boot_id, sizeof work->boot_id, "boot");
                snprintf(work->campaign, sizeof work->campaign, "test");
                snprintf(work->target_sha256, sizeof work->target_sha256, "%s", sha256);
                snprintf(work->tag, sizeof work->tag, "0123456789abcdef");
                sal_autofree char *text = sal_work_dump(work);
                put(s->f.state, "work.json", text, NULL);
                assert_int_equal(sal_job_resume(&s->job, &outcome, NULL), SAL_OK);
                assert_int_equal(outcome, i == 1 ? SAL_OUTCOME_NONE : SAL_OUTCOME_FAILED);
                assert_int_equal(report_count(s), i - 1);
        }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(a_version_is_known_by_itself),
                CASE(the_oldest_are_forgotten),
                CASE(damage_is_an_empty_list),
                CASE(what_nobody_offered_is_reported_by_its_campaign),
                CASE(an_offered_one_is_reported_by_its_offer),
                CASE(only_what_was_applied_is_done),
                CASE(any_version_counts_for_what_undoes_it),
                CASE(failures_are_counted_by_boot),
                CASE(damaged_tries_are_none),
                CASE(what_failed_or_was_refused_was_tried),
                CASE(interruptions_of_a_bundles_campaign_are_counted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
