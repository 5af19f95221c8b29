/* SPDX-License-Identifier: Apache-2.0 */
/* New trust as an act: in force at once, journaled, gone with a batch that is rolled back, there again after a restart;
 * and what it means for campaigns that run. */
#include "harness.h"

#include "service/trust_status.h"
#include "service/trust_store.h"

static const int64_t year_ms = INT64_C(365) * 86400 * 1000;

struct put {
        struct sal_trust_text root, targets, policy; /* bytes NULL: none */
        bool fails_after;                            /* the batch is rolled back */
};

static void put_done(struct put *put) {
        free(put->root.bytes);
        free(put->targets.bytes);
        free(put->policy.bytes);
}
#define autoput __attribute__((cleanup(put_done)))

static struct sal_trust_text text_of(char *bytes) {
        assert_non_null(bytes);
        return (struct sal_trust_text){.bytes = bytes, .len = strlen(bytes)};
}

/* The present policy with another `revoked`, and without the second author when it says so. */
static struct sal_trust_text make_policy(const struct world *w, const char *revoked, bool without_eve) {
        size_t len = 0;
        const char *bytes = sal_policy_bytes(w->service->policy, &len);
        sal_autojson json_t *policy = json_loadb(bytes, len, 0, NULL);
        json_object_set_new(policy, "revoked", json_pack("[s]", revoked));
        if (without_eve) {
                json_t *class = json_array_get(json_object_get(policy, "classes"), 0);
                json_array_remove(json_object_get(policy, "authors"), 1);
                json_array_remove(json_object_get(class, "authors"), 1);
                json_object_set_new(class, "threshold", json_integer(1));
        }
        return text_of(sal_json_dump(policy));
}

static struct put make_targets(const struct world *w, int64_t version, int64_t expires_ms,
                               struct sal_trust_text policy) {
        const struct sal_private_key *signer = w->root;
        const struct sal_public_key *key = sal_private_key_public(w->online);
        const struct sal_tuf_targets_spec spec = {.version = version,
                                                  .expires_ms = expires_ms,
                                                  .policy = policy.bytes,
                                                  .policy_len = policy.len,
                                                  .keys = &key,
                                                  .key_count = 1,
                                                  .threshold = 1};
        struct sal_buf file = SAL_BUF_INIT;
        assert_ok(sal_tuf_targets_build(&spec, &signer, 1, &file, NULL));
        return (struct put){.targets = text_of(sal_buf_take(&file, &(size_t){0})), .policy = policy};
}

static struct sal_trust_text make_root(const struct world *w, int64_t version, int64_t expires_ms) {
        const struct sal_private_key *signer = w->root;
        const struct sal_public_key *key = sal_private_key_public(w->root), *online = sal_private_key_public(w->online);
        struct sal_tuf_root_spec spec = {.version = version, .expires_ms = expires_ms};
        for (int role = 0; role < SAL_TUF_ROLES; role++) {
                spec.roles[role].keys = role == SAL_TUF_ROOT || role == SAL_TUF_TARGETS ? &key : &online;
                spec.roles[role].key_count = 1;
                spec.roles[role].threshold = 1;
        }
        struct sal_buf file = SAL_BUF_INIT;
        assert_ok(sal_tuf_root_build(&spec, &signer, 1, &file, NULL));
        return text_of(sal_buf_take(&file, &(size_t){0}));
}

static enum sal_status put_job(struct world *w, struct sal_tx *tx, void *arg) {
        const struct put *put = arg;
        struct sal_act act = world_act(w, tx, "ann");
        enum sal_status status =
                put->root.bytes ? sal_trust_put_root(&act, &put->root, put->targets.bytes ? &put->targets : NULL,
                                                     put->policy.bytes ? &put->policy : NULL, &w->json, &w->err)
                                : sal_trust_put_targets(&act, &put->targets, &put->policy, &w->json, &w->err);
        return !status && put->fails_after ? SAL_E_CONFLICT : status;
}

static enum sal_status show_job(struct world *w, struct sal_tx *tx, void *arg) {
        (void)arg;
        struct sal_act act = world_act(w, tx, "ann");
        return sal_trust_show(&act, &w->json, &w->err);
}

static const json_t *at(const struct world *w, const char *role, const char *member) {
        return json_object_get(json_object_get(json_object_get(w->json, "roles"), role), member);
}

static void it_shows_what_holds(void **state) {
        struct world *w = *state;
        assert_ok(world_run(w, show_job, NULL));
        assert_string_equal(text_in(w->json, "trust_domain"), w->service->trust_domain);
        static const char *const roles[] = {"root", "timestamp", "snapshot", "targets", "campaigns"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(roles); i++) {
                assert_int_equal(json_integer_value(at(w, roles[i], "threshold")), 1);
                assert_int_equal(json_array_size(at(w, roles[i], "keyids")), 1);
        }
        assert_int_equal(json_integer_value(at(w, "root", "version")), 1);
        assert_int_equal(json_integer_value(at(w, "targets", "version")), 1);
        assert_true(json_is_null(at(w, "snapshot", "version")));
        const json_t *policy = json_object_get(w->json, "policy");
        assert_string_equal(text_in(policy, "sha256"), sal_policy_sha256(w->service->policy));
        assert_int_equal(json_array_size(json_object_get(policy, "authors")), 2);
        assert_string_equal(text_in(json_array_get(json_object_get(policy, "classes"), 0), "name"), "files");
        assert_int_equal(json_array_size(json_object_get(w->json, "warnings")), 0);
        assert_int_equal(json_array_size(json_object_get(w->json, "not_allowed")), 0);
}

static void targets_are_in_force_at_once_and_stay(void **state) {
        struct world *w = *state;
        autoput struct put put = make_targets(w, 2, world_wall_ms + year_ms, make_policy(w, "other", false));
        assert_ok(world_run(w, put_job, &put));
        assert_int_equal(json_integer_value(at(w, "targets", "version")), 2);
        assert_true(sal_policy_is_revoked(w->service->policy, "other", 1));
        assert_null(w->service->trust_before);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal WHERE type = 9 AND detail LIKE "
                                    "'%\"act\":\"trust.targets.put\"%\"version\":2%\"policy_sha256\":%'"),
                         1);
        world_restart(w);
        assert_true(sal_policy_is_revoked(w->service->policy, "other", 1));
        assert_int_equal(w->service->trust->parsed->version, 2);
}

static void a_root_too(void **state) {
        struct world *w = *state;
        autoput struct put put = {.root = make_root(w, 2, world_wall_ms + year_ms)};
        assert_ok(world_run(w, put_job, &put));
        assert_int_equal(json_integer_value(at(w, "root", "version")), 2);
        assert_int_equal(json_integer_value(at(w, "targets", "version")), 1);
        world_restart(w);
        assert_int_equal(w->service->trust->root->version, 2);
        autoput struct put third = make_targets(w, 2, world_wall_ms + year_ms, make_policy(w, "other", false));
        third.root = make_root(w, 3, world_wall_ms + year_ms);
        assert_ok(world_run(w, put_job, &third));
        assert_int_equal(w->service->trust->root_count, 3);
        assert_int_equal(w->service->trust->parsed->version, 2);
}

/* What the disk did not take is not believed either. */
static void a_rolled_back_act_leaves_nothing(void **state) {
        struct world *w = *state;
        const struct sal_trust_store *before = w->service->trust;
        start(w, "fix", SIMPLE);
        autoput struct put put = make_targets(w, 2, world_wall_ms + year_ms, make_policy(w, "fix", false));
        put.fails_after = true;
        assert_int_not_equal(world_run(w, put_job, &put), SAL_OK);
        assert_ptr_equal(w->service->trust, before);
        assert_false(sal_policy_is_revoked(w->service->policy, "fix", 1));
        assert_int_equal(live_of(w, "fix")->barred[0], 0);
        assert_told(poll(w, .machine = "m"), "offered");
        put.fails_after = false;
        world_batch(w); /* the pause after a failure is over */
        assert_ok(world_run(w, put_job, &put));
        assert_int_equal(w->service->trust->parsed->version, 2);
}

static void refusals_change_nothing(void **state) {
        struct world *w = *state;
        autoput struct put low = make_targets(w, 1, world_wall_ms + year_ms, make_policy(w, "other", false));
        autoput struct put expired = make_targets(w, 2, world_wall_ms, make_policy(w, "other", false));
        autoput struct put skipped = {.root = make_root(w, 3, world_wall_ms + year_ms)};
        int64_t rows = sql_int(w, "SELECT count(*) FROM journal");
        assert_int_equal(world_run(w, put_job, &low), SAL_E_CONFLICT);
        assert_string_equal(w->err.pointer, "/targets/signed/version");
        assert_int_equal(world_run(w, put_job, &expired), SAL_E_REFUSED);
        assert_int_equal(world_run(w, put_job, &skipped), SAL_E_CONFLICT);
        assert_int_equal(w->service->trust->parsed->version, 1);
        assert_int_equal(w->service->trust->root->version, 1);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM journal"), rows);
        assert_int_equal(sql_int(w, "SELECT count(*) FROM setting WHERE name LIKE 'trust.%'"), 0);
}

static enum sal_status explain_job(struct world *w, struct sal_tx *tx, void *arg) {
        struct sal_act act = world_act(w, tx, "ann");
        return sal_fleet_explain(&act, arg, &w->json, &w->err);
}

/* A policy may take a running campaign out; whatever is published, nothing is offered from that moment on. */
static void bars(struct world *w, struct sal_trust_text policy, const char *words) {
        start(w, "fix", PLAN(ONE_RING));
        start(w, "other", PLAN(ONE_RING ",\"patience_seconds\":600"));
        assert_told(worker_poll(w, .machine = "m-1"), "offered");
        autoput struct put put = make_targets(w, 2, world_wall_ms + year_ms, policy);
        assert_ok(world_run(w, put_job, &put));
        const json_t *list = json_object_get(w->json, "not_allowed");
        bool found = false;
        for (size_t i = 0; i < json_array_size(list); i++)
                found |= strcmp(text_in(json_array_get(list, i), "id"), "fix") == 0 &&
                         strstr(text_in(json_array_get(list, i), "detail"), words);
        assert_true(found);
        assert_true(json_array_size(json_object_get(w->json, "warnings")) >= 1);
        /* Neither the offer that is out nor a new one. */
        assert_told(poll(w, .machine = "m-1"), "ring_not_open");
        assert_ok(world_run(w, explain_job, (void *)(uintptr_t) "m-1"));
        assert_non_null(
                strstr(text_in(json_array_get(json_object_get(w->json, "campaigns"), 0), "not_allowed"), words));
        world_restart(w);
        assert_string_equal(sal_campaign_state_name(live_of(w, "fix")->row.state), "active");
        assert_non_null(strstr(live_of(w, "fix")->barred, words));
}

static void a_revoked_campaign_is_offered_no_more(void **state) {
        struct world *w = *state;
        bars(w, make_policy(w, "fix", false), "revokes");
        assert_int_equal(live_of(w, "other")->barred[0], 0);
        struct told told = poll(w, .machine = "m-2");
        assert_told(told, "offered");
        assert_string_equal(told.campaign, "other");
        /* A later policy may let it be again. */
        autoput struct put put = make_targets(w, 3, world_wall_ms + year_ms, make_policy(w, "nothing", false));
        assert_ok(world_run(w, put_job, &put));
        assert_int_equal(live_of(w, "fix")->barred[0], 0);
        assert_told(poll(w, .machine = "m-1"), "offered");
}

/* It may be paused, and stays so: what the policy forbids is not begun again. */
static void it_cannot_be_resumed(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        assert_ok(life(w, SAL_LIFE_PAUSE, "fix"));
        autoput struct put put = make_targets(w, 2, world_wall_ms + year_ms, make_policy(w, "fix", false));
        assert_ok(world_run(w, put_job, &put));
        assert_int_equal(life(w, SAL_LIFE_RESUME, "fix"), SAL_E_CONFLICT);
        assert_non_null(strstr(w->err.detail, "revokes"));
        assert_string_equal(w->err.ref, "not_allowed");
        assert_ok(life(w, SAL_LIFE_WITHDRAW, "fix"));
}

/* Signed by adam and eve; eve is no author any more. */
static void a_lost_author_bars_nothing_that_others_signed_enough(void **state) {
        struct world *w = *state;
        start(w, "fix", SIMPLE);
        autoput struct put put = make_targets(w, 2, world_wall_ms + year_ms, make_policy(w, "x", true));
        assert_ok(world_run(w, put_job, &put));
        assert_int_equal(live_of(w, "fix")->barred[0], 0);
        assert_told(poll(w, .machine = "m-1"), "offered");
}

static void without_its_authors_it_is_barred(void **state) {
        struct world *w = *state;
        size_t len = 0;
        const char *bytes = sal_policy_bytes(w->service->policy, &len);
        sal_autojson json_t *policy = json_loadb(bytes, len, 0, NULL);
        /* Nobody may delete a file any more. */
        json_t *class = json_array_get(json_object_get(policy, "classes"), 0);
        json_object_set_new(class, "kinds", json_pack("[s]", "write_file"));
        bars(w, text_of(sal_json_dump(policy)), "");
}

struct texts {
        char all[2000];
};

static void collect(void *arg, const struct sal_trust_warning *warning) {
        struct texts *texts = arg;
        size_t len = strlen(texts->all);
        snprintf(texts->all + len, sizeof texts->all - len, "%s %s %" PRId64 ": %s\n", warning->event, warning->subject,
                 warning->seconds_left / DAY, warning->text);
}

static char *warnings(struct world *w, struct texts *texts, int64_t now_ms) {
        texts->all[0] = '\0';
        sal_trust_each_warning(w->service, now_ms, collect, texts);
        return texts->all;
}

/* Root and targets of the harness both expire 365 days after its birth. */
static void expiry_is_told_45_days_ahead(void **state) {
        struct world *w = *state;
        struct texts texts;
        int64_t end_ms = world_birth_ms + year_ms;
        const int64_t day_ms = INT64_C(86400000);
        assert_string_equal(warnings(w, &texts, end_ms - 46 * day_ms), "");
        warnings(w, &texts, end_ms - 45 * day_ms);
        assert_non_null(strstr(texts.all, "trust.expires root 45: root version 1 expires in 45 days"));
        assert_non_null(strstr(texts.all, "trust.expires targets 45: targets version 1 expires in 45 days"));
        assert_non_null(strstr(texts.all, "salvorctl trust draft targets"));
        warnings(w, &texts, end_ms - day_ms);
        assert_non_null(strstr(texts.all, "in 24 hours"));
        warnings(w, &texts, end_ms);
        assert_non_null(strstr(texts.all, "trust.expired root 0: root version 1 expired on 2025-07-19T06:00:00Z"));
}

static void note(void *arg, const char *event, const char *campaign, int64_t version, const char *text) {
        (void)campaign, (void)version;
        struct texts *texts = arg;
        size_t len = strlen(texts->all);
        snprintf(texts->all + len, sizeof texts->all - len, "%s: %s\n", event, text);
}

static void a_change_is_told_and_what_expires_soon_with_it(void **state) {
        struct world *w = *state;
        struct texts texts = {0};
        start(w, "fix", SIMPLE);
        w->service->on_event = note;
        w->service->on_event_arg = &texts;
        autoput struct put put =
                make_targets(w, 2, world_wall_ms + 10 * INT64_C(86400000), make_policy(w, "fix", false));
        assert_ok(world_run(w, put_job, &put));
        assert_non_null(strstr(texts.all, "trust.changed: trust.targets.put: root 1, targets 2"));
        assert_non_null(strstr(texts.all, "trust.expires: targets version 2 expires in 10 days"));
        assert_non_null(strstr(texts.all, "campaign.not_allowed: the trust policy revokes"));
        w->service->on_event = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(it_shows_what_holds),
                TEST(targets_are_in_force_at_once_and_stay),
                TEST(a_root_too),
                TEST(a_rolled_back_act_leaves_nothing),
                TEST(refusals_change_nothing),
                TEST(a_revoked_campaign_is_offered_no_more),
                TEST(it_cannot_be_resumed),
                TEST(a_lost_author_bars_nothing_that_others_signed_enough),
                TEST(without_its_authors_it_is_barred),
                TEST(expiry_is_told_45_days_ahead),
                TEST(a_change_is_told_and_what_expires_soon_with_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
