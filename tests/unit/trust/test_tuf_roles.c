/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamp, snapshot, targets, campaigns: built, read back, limits, paths. */
#include "world.h"

static struct sal_tuf_role role_of(struct sal_public_key **keys, size_t count, int threshold) {
        return (struct sal_tuf_role){.keys = keys, .key_count = count, .threshold = threshold};
}

static void built_and_read(void **state) {
        struct world *w = *state;
        struct sal_public_key *key = (struct sal_public_key *)world_key(w, ONLINE);
        const struct sal_tuf_role role = role_of(&key, 1, 1);
        const struct sal_private_key *signer = w->keys[ONLINE];
        struct sal_tuf_timestamp made = {
                .version = 7, .expires_ms = now_ms + 999, .snapshot = sal_tuf_meta_of(3, "x", 1)};
        struct sal_tuf_timestamp timestamp = {0};
        sal_autobuf struct sal_buf a = SAL_BUF_INIT;
        sal_autobuf struct sal_buf b = SAL_BUF_INIT;
        assert_int_equal(sal_tuf_timestamp_build(&made, &signer, 1, &a, NULL), SAL_OK);
        assert_int_equal(sal_tuf_timestamp_build(&made, &signer, 1, &b, NULL), SAL_OK);
        assert_int_equal(a.len, b.len); /* equal input, equal bytes */
        assert_memory_equal(a.data, b.data, a.len);
        assert_int_equal(sal_tuf_timestamp_load(a.data, a.len, &role, &timestamp, NULL), SAL_OK);
        assert_int_equal(timestamp.version, 7);
        assert_int_equal(timestamp.expires_ms, now_ms);
        assert_int_equal(timestamp.snapshot.version, 3);
        assert_int_equal(timestamp.snapshot.length, 1);
        assert_string_equal(timestamp.snapshot.sha256, made.snapshot.sha256);
        /* another key, an unreachable threshold, no threshold */
        struct sal_public_key *other = (struct sal_public_key *)world_key(w, SPARE);
        const struct sal_tuf_role strange = role_of(&other, 1, 1), two = role_of(&key, 1, 2),
                                  none = role_of(&key, 1, 0);
        assert_int_equal(sal_tuf_timestamp_load(a.data, a.len, &strange, &timestamp, NULL), SAL_E_UNTRUSTED);
        assert_int_equal(sal_tuf_timestamp_load(a.data, a.len, &two, &timestamp, NULL), SAL_E_UNTRUSTED);
        assert_int_equal(sal_tuf_timestamp_load(a.data, a.len, &none, &timestamp, NULL), SAL_E_UNTRUSTED);
        /* not a snapshot */
        struct sal_tuf_snapshot snapshot = {0};
        assert_int_equal(sal_tuf_snapshot_load(a.data, a.len, &role, &snapshot, NULL), SAL_E_INVALID);
        sal_autofree char *huge = calloc(1, SAL_TUF_TIMESTAMP_MAX_BYTES + 1);
        assert_int_equal(sal_tuf_timestamp_load(huge, SAL_TUF_TIMESTAMP_MAX_BYTES + 1, &role, &timestamp, NULL),
                         SAL_E_TOO_LARGE);
        assert_int_equal(sal_tuf_snapshot_load(huge, SAL_TUF_SNAPSHOT_MAX_BYTES + 1, &role, &snapshot, NULL),
                         SAL_E_TOO_LARGE);
}

static void nothing_wrong_is_built(void **state) {
        struct world *w = *state;
        const struct sal_private_key *signer = w->keys[ONLINE];
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        struct sal_tuf_timestamp timestamp = {
                .version = 0, .expires_ms = now_ms, .snapshot = sal_tuf_meta_of(1, "x", 1)};
        assert_int_equal(sal_tuf_timestamp_build(&timestamp, &signer, 1, &out, NULL), SAL_E_INVALID);
        timestamp.version = SAL_TUF_VERSION_MAX + 1;
        assert_int_equal(sal_tuf_timestamp_build(&timestamp, &signer, 1, &out, NULL), SAL_E_INVALID);
        timestamp.version = 1;
        timestamp.snapshot.version = 0;
        assert_int_equal(sal_tuf_timestamp_build(&timestamp, &signer, 1, &out, NULL), SAL_E_INVALID);
        const struct sal_public_key *keys[] = {world_key(w, ONLINE), world_key(w, ONLINE)};
        struct sal_tuf_targets_spec targets = {.version = 1,
                                               .expires_ms = now_ms,
                                               .policy = "{}",
                                               .policy_len = 2,
                                               .keys = keys,
                                               .key_count = 1,
                                               .threshold = 2};
        assert_int_equal(sal_tuf_targets_build(&targets, &signer, 1, &out, NULL), SAL_E_INVALID);
        targets.key_count = 2; /* the same key twice */
        assert_int_equal(sal_tuf_targets_build(&targets, &signer, 1, &out, NULL), SAL_E_INVALID);
        targets.key_count = 0;
        assert_int_equal(sal_tuf_targets_build(&targets, &signer, 1, &out, NULL), SAL_E_INVALID);
        struct sal_tuf_campaigns *campaigns = calloc(1, sizeof *campaigns);
        assert_non_null(campaigns);
        campaigns->version = 1;
        campaigns->count = 1;
        campaigns->targets[0] = w->listed[0];
        snprintf(campaigns->targets[0].path, sizeof campaigns->targets[0].path, "policy/trust-policy.json");
        assert_int_equal(sal_tuf_campaigns_build(campaigns, &signer, 1, &out, NULL), SAL_E_FORBIDDEN);
        campaigns->count = 2;
        campaigns->targets[0] = campaigns->targets[1] = w->listed[0];
        assert_int_equal(sal_tuf_campaigns_build(campaigns, &signer, 1, &out, NULL), SAL_E_INVALID);
        free(campaigns);
        assert_int_equal(out.len, 0);
}

static void paths(void **state) {
        (void)state;
        static const char *const good[] = {"campaigns/a-1.json", "campaigns/channel-file-291-2147483647.json",
                                           "campaigns/0-0-9.json"};
        static const char *const bad[] = {"",
                                          "campaigns/",
                                          "campaigns/a.json",
                                          "campaigns/a-.json",
                                          "campaigns/-1.json",
                                          "campaigns/a-0.json",
                                          "campaigns/a-01.json",
                                          "campaigns/a-+1.json",
                                          "campaigns/a-2147483648.json",
                                          "campaigns/a-99999999999.json",
                                          "campaigns/a-1.json/",
                                          "campaigns/a-1.json.json",
                                          "campaigns/a-1.JSON",
                                          "campaigns/a-1",
                                          "campaigns/A-1.json",
                                          "campaigns/a/b-1.json",
                                          "campaigns/../a-1.json",
                                          "campaigns//a-1.json",
                                          "campaigns/\xc3\xa4-1.json",
                                          "campaigns/a-1.json ",
                                          "xcampaigns/a-1.json",
                                          "policy/trust-policy.json",
                                          "policy/a-1.json"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(good); i++)
                if (!sal_tuf_campaign_path_valid(good[i]))
                        fail_msg("%s", good[i]);
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++)
                if (sal_tuf_campaign_path_valid(bad[i]))
                        fail_msg("%s", bad[i]);
        char endless[512];
        memset(endless, 'a', sizeof endless);
        memcpy(endless, "campaigns/", 10);
        memcpy(endless + sizeof endless - 8, "-1.json", 8);
        assert_false(sal_tuf_campaign_path_valid(endless));
}

/* As many as may be in force fit, sorted; one more is refused. */
static void full_list(void **state) {
        struct world *w = *state;
        struct sal_public_key *key = (struct sal_public_key *)world_key(w, ONLINE);
        const struct sal_tuf_role role = role_of(&key, 1, 1);
        const struct sal_private_key *signer = w->keys[ONLINE];
        sal_autojson json_t *list = json_object();
        for (int i = SAL_TUF_MAX_CAMPAIGNS; i > 0; i--) {
                char path[SAL_TARGET_PATH_BYTES];
                snprintf(path, sizeof path, "campaigns/%063d-%d.json", i, i);
                json_object_set_new(list, path,
                                    json_pack("{s:i, s:{s:s}, s:{s:i}}", "length", i, "hashes", "sha256", SHA, "custom",
                                              "x", 1));
        }
        sal_autojson json_t *document =
                json_pack("{s:s, s:s, s:i, s:s, s:O}", "_type", "targets", "spec_version", SAL_TUF_SPEC_VERSION,
                          "version", 1, "expires", "2030-01-01T00:00:00Z", "targets", list);
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        sal_auto(sal_tuf_campaigns) struct sal_tuf_campaigns *campaigns = NULL;
        assert_int_equal(sal_tuf_sign(document, &signer, 1, &file, NULL), SAL_OK);
        assert_int_equal(sal_tuf_campaigns_load(file.data, file.len, &role, &campaigns, NULL), SAL_OK);
        assert_true(file.len < 32 * 1024); /* fits into the answer to a poll, with the rest beside it */
        assert_int_equal(campaigns->count, SAL_TUF_MAX_CAMPAIGNS);
        for (int i = 1; i <= SAL_TUF_MAX_CAMPAIGNS; i++)
                assert_int_equal(campaigns->targets[i - 1].length, i);
        sal_autobuf struct sal_buf again = SAL_BUF_INIT;
        assert_int_equal(sal_tuf_campaigns_build(campaigns, &signer, 1, &again, NULL), SAL_OK);
        json_object_set_new(list, "campaigns/x-1.json", json_object());
        sal_buf_clear(&file);
        assert_int_equal(sal_tuf_sign(document, &signer, 1, &file, NULL), SAL_OK);
        struct sal_tuf_campaigns *none = NULL;
        struct sal_err err = {0};
        assert_int_equal(sal_tuf_campaigns_load(file.data, file.len, &role, &none, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/signed/targets");
        assert_null(none);
}

/* A campaigns file of the right keys that lists the policy. */
static void campaigns_lists_the_policy(void **state) {
        struct world *w = *state;
        struct sal_public_key *key = (struct sal_public_key *)world_key(w, ONLINE);
        const struct sal_tuf_role role = role_of(&key, 1, 1);
        const struct sal_private_key *signer = w->keys[ONLINE];
        sal_autojson json_t *document =
                json_pack("{s:s, s:s, s:i, s:s, s:{s:{s:i, s:{s:s}}}}", "_type", "targets", "spec_version", "1.0.0",
                          "version", 1, "expires", "2030-01-01T00:00:00Z", "targets", SAL_TUF_POLICY_PATH, "length", 1,
                          "hashes", "sha256", SHA);
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        struct sal_tuf_campaigns *none = NULL;
        struct sal_err err = {0};
        assert_int_equal(sal_tuf_sign(document, &signer, 1, &file, NULL), SAL_OK);
        assert_int_equal(sal_tuf_campaigns_load(file.data, file.len, &role, &none, &err), SAL_E_FORBIDDEN);
        assert_string_equal(err.pointer, "/signed/targets/policy~1trust-policy.json");
}

/* A delegation to one P-256 key, written in two ways, with a threshold of two. */
static void delegation_to_one_key_under_two_ids(void **state) {
        struct world *w = *state;
        const struct sal_public_key *key = world_key(w, AUTHOR_B);
        char text[SAL_KEY_TEXT_MAX_BYTES];
        snprintf(text, sizeof text, "%s\n", sal_public_key_text(key));
        sal_auto(sal_public_key) struct sal_public_key *twin = NULL;
        assert_int_equal(sal_public_key_new("ecdsa", "ecdsa-sha2-nistp256", text, &twin, NULL), SAL_OK);
        assert_string_not_equal(sal_public_key_id(key), sal_public_key_id(twin));
        const struct sal_public_key *keys[] = {key, twin, world_key(w, AUTHOR_A)};
        const struct sal_private_key *signer = w->keys[TARGETS_A];
        struct sal_tuf_targets_spec spec = {.version = 1,
                                            .expires_ms = now_ms,
                                            .policy = "{}",
                                            .policy_len = 2,
                                            .keys = keys,
                                            .key_count = 2,
                                            .threshold = 2};
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        struct sal_err err = {0};
        assert_int_equal(sal_tuf_targets_build(&spec, &signer, 1, &file, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/signed/delegations/roles/0/threshold");
        /* with a third, different one it can be reached, but not by the twins */
        spec.key_count = 3;
        assert_int_equal(sal_tuf_targets_build(&spec, &signer, 1, &file, &err), SAL_OK);
        struct sal_public_key *targets_key = (struct sal_public_key *)world_key(w, TARGETS_A);
        const struct sal_tuf_role role = role_of(&targets_key, 1, 1);
        sal_auto(sal_tuf_targets) struct sal_tuf_targets *targets = NULL;
        assert_int_equal(sal_tuf_targets_load(file.data, file.len, &role, &targets, NULL), SAL_OK);
        struct sal_tuf_campaigns *campaigns = calloc(1, sizeof *campaigns);
        assert_non_null(campaigns);
        campaigns->version = 1;
        const struct sal_private_key *twice[] = {w->keys[AUTHOR_B], w->keys[AUTHOR_B]};
        sal_autojson json_t *json = NULL;
        sal_autobuf struct sal_buf list = SAL_BUF_INIT;
        assert_int_equal(sal_tuf_campaigns_build(campaigns, twice, 1, &list, NULL), SAL_OK);
        assert_int_equal(sal_json_parse(list.data, list.len, 32, &json, NULL), SAL_OK);
        sal_autojson json_t *second = json_deep_copy(json_array_get(json_object_get(json, "signatures"), 0));
        json_object_set_new(second, "keyid", json_string(sal_public_key_id(twin)));
        json_array_append(json_object_get(json, "signatures"), second);
        sal_autofree char *bytes = sal_json_dump(json);
        struct sal_tuf_campaigns *none = NULL;
        assert_int_equal(sal_tuf_campaigns_load(bytes, strlen(bytes), &targets->campaigns, &none, &err),
                         SAL_E_UNTRUSTED);
        assert_non_null(strstr(err.detail, "there are 1"));
        sal_buf_clear(&list);
        const struct sal_private_key *both[] = {w->keys[AUTHOR_A], w->keys[AUTHOR_B]};
        assert_int_equal(sal_tuf_campaigns_build(campaigns, both, 2, &list, NULL), SAL_OK);
        free(campaigns);
        campaigns = NULL;
        assert_int_equal(sal_tuf_campaigns_load(list.data, list.len, &targets->campaigns, &campaigns, NULL), SAL_OK);
        sal_tuf_campaigns_free(campaigns);
}

static void same_keys(void **state) {
        struct world *w = *state;
        struct sal_public_key *keys[] = {(struct sal_public_key *)world_key(w, ROOT_A),
                                         (struct sal_public_key *)world_key(w, ROOT_B),
                                         (struct sal_public_key *)world_key(w, ROOT_A)};
        const struct sal_tuf_role ab = role_of(keys, 2, 1), ba = role_of(keys + 1, 2, 2), a = role_of(keys, 1, 1),
                                  b = role_of(keys + 1, 1, 1);
        assert_true(sal_tuf_role_same_keys(&ab, &ba));
        assert_false(sal_tuf_role_same_keys(&ab, &a));
        assert_false(sal_tuf_role_same_keys(&a, &ab));
        assert_false(sal_tuf_role_same_keys(&a, &b));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(built_and_read), TEST(nothing_wrong_is_built),     cmocka_unit_test(paths),
                TEST(full_list),      TEST(campaigns_lists_the_policy), TEST(delegation_to_one_key_under_two_ids),
                TEST(same_keys),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
