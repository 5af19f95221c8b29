/* SPDX-License-Identifier: Apache-2.0 */
/* The client workflow when all is well: what is asked for, what is kept, rotation and recovery, look-up. */
#include "world.h"

static void first_time(void **state) {
        struct world *w = *state;
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        struct sal_tuf_files pinned = {0};
        pinned.file[SAL_TUF_FILE_ROOT].bytes = world_get(w, "1.root.json")->bytes;
        pinned.file[SAL_TUF_FILE_ROOT].len = world_get(w, "1.root.json")->len;
        assert_int_equal(sal_updater_new(&pinned, now_ms, &updater, NULL), SAL_OK);
        static const char *const order[] = {"2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json",
                                            "2.campaigns.json"};
        static const size_t most[] = {SAL_TUF_MAX_BYTES, SAL_TUF_TIMESTAMP_MAX_BYTES, 0, 0, 0};
        for (size_t i = 0; i < SAL_ARRAY_LEN(order); i++) {
                struct sal_update_need need;
                assert_true(sal_updater_need(updater, &need));
                assert_string_equal(need.name, order[i]);
                assert_int_equal(sal_updater_outcome(updater), SAL_UPDATE_PENDING);
                assert_null(sal_updater_campaigns(updater));
                const struct world_file *file = world_get(w, need.name);
                assert_int_equal(need.max_bytes, most[i] ? most[i] : file->len); /* the parent said how long it is */
                if (i == 0) {
                        assert_int_equal(sal_updater_absent(updater, NULL), SAL_OK);
                        continue;
                }
                /* a file that was not asked for changes nothing */
                assert_int_equal(sal_updater_give(updater, "9.snapshot.json", "x", 1, NULL), SAL_E_CONFLICT);
                assert_int_equal(sal_updater_give(updater, need.name, file->bytes, file->len, NULL), SAL_OK);
        }
        assert_int_equal(sal_updater_outcome(updater), SAL_UPDATE_NEWS);
        assert_int_equal(sal_updater_reason(updater, NULL), SAL_UPDATE_FINE);
        struct sal_update_need need;
        assert_false(sal_updater_need(updater, &need));
        assert_int_equal(sal_updater_give(updater, "x", "x", 1, NULL), SAL_E_CONFLICT);
        assert_int_equal(sal_updater_absent(updater, NULL), SAL_E_CONFLICT);
        assert_int_equal(sal_updater_run(updater, world_find, w, NULL), SAL_E_CONFLICT);
        assert_int_equal(sal_updater_version(updater, SAL_TUF_FILE_CAMPAIGNS), 2);
        assert_int_equal(sal_updater_expires_ms(updater, SAL_TUF_FILE_TARGETS), now_ms + one_day_ms);
        assert_int_equal(sal_updater_root(updater)->version, 1);
        assert_non_null(sal_updater_targets(updater));
        assert_int_equal(sal_updater_campaigns(updater)->count, 1);
}

static void no_news_is_not_unable(void **state) {
        struct world *w = *state;
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        const struct sal_tuf_files trusted = world_trusted(w);
        assert_int_equal(sal_updater_new(&trusted, now_ms, &updater, NULL), SAL_OK);
        assert_int_equal(sal_updater_absent(updater, NULL), SAL_OK);
        const struct world_file *file = world_get(w, "timestamp.json");
        assert_int_equal(sal_updater_give(updater, "timestamp.json", file->bytes, file->len, NULL), SAL_OK);
        /* the rest is held already and good: nothing else is asked for */
        assert_int_equal(sal_updater_outcome(updater), SAL_UPDATE_NO_NEWS);
        struct sal_tuf_target target;
        assert_int_equal(sal_updater_find_target(updater, "campaigns/fix-1.json", &target, NULL), SAL_OK);
        /* a server that cannot be reached, at each step */
        for (int step = 0; step < 5; step++) {
                sal_auto(sal_updater) struct sal_updater *other = NULL;
                struct sal_tuf_files pinned = {0};
                pinned.file[0] = trusted.file[0];
                struct sal_update_need need;
                enum sal_tuf_file at;
                assert_int_equal(sal_updater_new(&pinned, now_ms, &other, NULL), SAL_OK);
                for (int i = 0; i < step; i++) {
                        assert_true(sal_updater_need(other, &need));
                        file = world_get(w, need.name);
                        assert_int_equal(file ? sal_updater_give(other, need.name, file->bytes, file->len, NULL)
                                              : sal_updater_absent(other, NULL),
                                         SAL_OK);
                }
                assert_int_equal(sal_updater_unavailable(other, NULL), SAL_E_UNREACHABLE);
                assert_int_equal(sal_updater_outcome(other), SAL_UPDATE_UNABLE);
                assert_int_equal(sal_updater_reason(other, &at), SAL_UPDATE_UNAVAILABLE);
                assert_int_equal(at, step);
                assert_int_equal(sal_updater_find_target(other, "campaigns/fix-1.json", &target, NULL), SAL_E_CONFLICT);
        }
}

static void only_what_changed_is_needed(void **state) {
        struct world *w = *state;
        w->version[SAL_TUF_FILE_TIMESTAMP] = w->version[SAL_TUF_FILE_SNAPSHOT] = w->version[SAL_TUF_FILE_CAMPAIGNS] = 3;
        w->listed_count = 0;
        world_publish(w);
        /* targets are made again, equal to the byte, so they are not even looked for */
        world_remove(w, "2.targets.json");
        world_updates(w, SAL_UPDATE_NEWS);
        world_updates(w, SAL_UPDATE_NO_NEWS);
        /* a timestamp that was only renewed is news to keep */
        w->version[SAL_TUF_FILE_TIMESTAMP] = 4;
        w->expires_ms[SAL_TUF_FILE_TIMESTAMP] += 3600000;
        world_publish(w);
        world_updates(w, SAL_UPDATE_NEWS);
}

static void lookup(void **state) {
        struct world *w = *state;
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        const struct sal_tuf_files trusted = world_trusted(w);
        struct sal_tuf_target target;
        assert_int_equal(sal_updater_new(&trusted, now_ms, &updater, NULL), SAL_OK);
        assert_int_equal(sal_updater_find_target(updater, SAL_TUF_POLICY_PATH, &target, NULL), SAL_E_CONFLICT);
        assert_int_equal(sal_updater_run(updater, world_find, w, NULL), SAL_OK);
        assert_int_equal(sal_updater_find_target(updater, SAL_TUF_POLICY_PATH, &target, NULL), SAL_OK);
        assert_int_equal(sal_tuf_target_check(&target, w->policy, strlen(w->policy), NULL), SAL_OK);
        assert_int_equal(sal_tuf_target_check(&target, w->policy, strlen(w->policy) - 1, NULL), SAL_E_UNTRUSTED);
        assert_int_equal(sal_updater_find_target(updater, "campaigns/fix-1.json", &target, NULL), SAL_OK);
        assert_int_equal(sal_tuf_target_check(&target, "first", 5, NULL), SAL_OK);
        assert_int_equal(sal_tuf_target_check(&target, "First", 5, NULL), SAL_E_UNTRUSTED);
        static const char *const none[] = {"",
                                           "campaigns/",
                                           "campaigns/fix-2.json",
                                           "campaigns/../policy/trust-policy.json",
                                           "policy/",
                                           "policy/other.json",
                                           "/policy/trust-policy.json",
                                           "trust-policy.json",
                                           "Campaigns/fix-1.json",
                                           "campaigns//fix-1.json"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(none); i++)
                assert_int_equal(sal_updater_find_target(updater, none[i], &target, NULL), SAL_E_NOT_FOUND);
        char endless[1024];
        memset(endless, 'a', sizeof endless - 1);
        endless[sizeof endless - 1] = '\0';
        memcpy(endless, "campaigns/", 10);
        assert_int_equal(sal_updater_find_target(updater, endless, &target, NULL), SAL_E_NOT_FOUND);
}

static void root_chain(void **state) {
        struct world *w = *state;
        /* three steps: other root keys at each */
        static const int pairs[][2] = {{ROOT_B, ROOT_C}, {ROOT_C, ROOT_A}, {ROOT_A, ROOT_C}};
        for (int i = 0; i < 3; i++) {
                memcpy(w->role_keys[SAL_TUF_FILE_ROOT], pairs[i], sizeof pairs[i]);
                w->version[SAL_TUF_FILE_ROOT]++;
                /* a root in the middle that has expired does no harm */
                w->expires_ms[SAL_TUF_FILE_ROOT] = i == 2 ? now_ms + one_day_ms : now_ms - one_day_ms;
                world_root(w);
        }
        world_updates(w, SAL_UPDATE_NEWS);
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        assert_int_equal(sal_tuf_root_load(w->trusted[0].bytes, w->trusted[0].len, &root, NULL), SAL_OK);
        assert_int_equal(root->version, 4);
        world_updates(w, SAL_UPDATE_NO_NEWS);
}

static void root_steps_are_bounded(void **state) {
        struct world *w = *state;
        for (int i = 0; i < SAL_UPDATE_MAX_ROOT_STEPS; i++) {
                w->version[SAL_TUF_FILE_ROOT]++;
                world_root(w);
        }
        /* one more is one too many; what was verified is kept, and the next update goes on from there */
        w->version[SAL_TUF_FILE_ROOT]++;
        world_root(w);
        world_refuses(w, now_ms, SAL_TUF_FILE_ROOT, SAL_UPDATE_ROOT_STEPS);
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        assert_int_equal(sal_tuf_root_load(w->trusted[0].bytes, w->trusted[0].len, &root, NULL), SAL_OK);
        assert_int_equal(root->version, 1 + SAL_UPDATE_MAX_ROOT_STEPS);
        world_updates(w, SAL_UPDATE_NEWS);
}

static void exactly_64_root_steps(void **state) {
        struct world *w = *state;
        for (int i = 0; i < SAL_UPDATE_MAX_ROOT_STEPS; i++) {
                w->version[SAL_TUF_FILE_ROOT]++;
                world_root(w);
        }
        world_updates(w, SAL_UPDATE_NEWS);
}

/* A thief of the online keys has pushed every version to the end. */
static void fast_forward(struct world *w) {
        world_versions(w, SAL_TUF_VERSION_MAX);
        w->version[SAL_TUF_FILE_TARGETS] = 2;
        world_publish(w);
        world_updates(w, SAL_UPDATE_NEWS);
        world_versions(w, 3);
        world_publish(w);
        world_refuses(w, now_ms, SAL_TUF_FILE_TIMESTAMP, SAL_UPDATE_ROLLBACK);
}

static void recovery_by_rotation(void **state) {
        struct world *w = *state;
        fast_forward(w);
        /* new keys for timestamp and snapshot in the root, and for campaigns in the targets */
        w->role_keys[SAL_TUF_FILE_TIMESTAMP][0] = w->role_keys[SAL_TUF_FILE_TIMESTAMP][1] = SPARE;
        w->role_keys[SAL_TUF_FILE_SNAPSHOT][0] = w->role_keys[SAL_TUF_FILE_SNAPSHOT][1] = SPARE;
        w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(w);
        /* the online files' rotation alone does not lower campaigns: its old key still speaks */
        world_publish(w);
        world_refuses(w, now_ms, SAL_TUF_FILE_CAMPAIGNS, SAL_UPDATE_ROLLBACK);
        w->role_keys[SAL_TUF_FILE_CAMPAIGNS][0] = w->role_keys[SAL_TUF_FILE_CAMPAIGNS][1] = SPARE;
        world_versions(w, 4);
        world_publish(w);
        world_updates(w, SAL_UPDATE_NEWS);
        world_updates(w, SAL_UPDATE_NO_NEWS);
        /* and from here on the floor stands again */
        world_versions(w, 3);
        world_publish(w);
        world_refuses(w, now_ms, SAL_TUF_FILE_TIMESTAMP, SAL_UPDATE_ROLLBACK);
}

/* Rotating there and back within one update is a rotation too. */
static void recovery_there_and_back(void **state) {
        struct world *w = *state;
        world_versions(w, SAL_TUF_VERSION_MAX);
        w->version[SAL_TUF_FILE_TARGETS] = w->version[SAL_TUF_FILE_CAMPAIGNS] = 2;
        world_publish(w);
        world_updates(w, SAL_UPDATE_NEWS);
        w->role_keys[SAL_TUF_FILE_TIMESTAMP][0] = w->role_keys[SAL_TUF_FILE_TIMESTAMP][1] = SPARE;
        w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(w);
        w->role_keys[SAL_TUF_FILE_TIMESTAMP][0] = w->role_keys[SAL_TUF_FILE_TIMESTAMP][1] = ONLINE;
        w->version[SAL_TUF_FILE_ROOT] = 3;
        world_root(w);
        world_versions(w, 3);
        world_publish(w);
        world_updates(w, SAL_UPDATE_NEWS);
}

static void targets_rotation(void **state) {
        struct world *w = *state;
        w->version[SAL_TUF_FILE_TARGETS] = SAL_TUF_VERSION_MAX;
        w->version[SAL_TUF_FILE_TIMESTAMP] = w->version[SAL_TUF_FILE_SNAPSHOT] = 3;
        world_publish(w);
        world_updates(w, SAL_UPDATE_NEWS);
        /* new targets keys; the first attempt fails half way, which must not bring the old floor back */
        w->role_keys[SAL_TUF_FILE_TARGETS][1] = TARGETS_C;
        w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(w);
        world_versions(w, 4);
        w->version[SAL_TUF_FILE_TARGETS] = 3;
        world_publish(w);
        struct world_file *file = world_get(w, "4.campaigns.json");
        char first = file->bytes[0];
        file->bytes[0] = ' ';
        world_refuses(w, now_ms, SAL_TUF_FILE_CAMPAIGNS, SAL_UPDATE_MISMATCH);
        assert_null(w->trusted[SAL_TUF_FILE_TARGETS].bytes);
        assert_non_null(w->trusted[SAL_TUF_FILE_TIMESTAMP].bytes);
        file->bytes[0] = first;
        world_updates(w, SAL_UPDATE_NEWS);
}

/* The root was written and the machine lost power before the rest was. */
static void crash_between_writes(void **state) {
        struct world *w = *state;
        w->role_keys[SAL_TUF_FILE_TIMESTAMP][0] = w->role_keys[SAL_TUF_FILE_TIMESTAMP][1] = SPARE;
        w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(w);
        world_versions(w, 3);
        world_publish(w);
        const struct world_file *root = world_get(w, "2.root.json");
        struct sal_tuf_files trusted = world_trusted(w);
        trusted.file[SAL_TUF_FILE_ROOT].bytes = root->bytes;
        trusted.file[SAL_TUF_FILE_ROOT].len = root->len;
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        assert_int_equal(sal_updater_new(&trusted, now_ms, &updater, NULL), SAL_OK);
        assert_true(sal_updater_lost(updater, SAL_TUF_FILE_TIMESTAMP));
        assert_false(sal_updater_lost(updater, SAL_TUF_FILE_SNAPSHOT));
        assert_int_equal(sal_updater_run(updater, world_find, w, NULL), SAL_OK);
        assert_int_equal(sal_updater_outcome(updater), SAL_UPDATE_NEWS);
        /* no root, or one that does not hold by itself, is no beginning */
        struct sal_updater *none = NULL;
        trusted.file[SAL_TUF_FILE_ROOT].bytes = NULL;
        assert_int_equal(sal_updater_new(&trusted, now_ms, &none, NULL), SAL_E_INVALID);
        trusted.file[SAL_TUF_FILE_ROOT].bytes = "{}";
        trusted.file[SAL_TUF_FILE_ROOT].len = 2;
        assert_int_equal(sal_updater_new(&trusted, now_ms, &none, NULL), SAL_E_INVALID);
        assert_null(none);
}

static void texts(void **state) {
        (void)state;
        for (int i = 0; i < SAL_UPDATE_REASONS; i++)
                assert_true(strlen(sal_update_reason_text((enum sal_update_reason)i)) > 0);
        char name[SAL_TUF_NAME_BYTES];
        sal_tuf_file_name(SAL_TUF_FILE_CAMPAIGNS, SAL_TUF_VERSION_MAX, name);
        assert_string_equal(name, "2147483647.campaigns.json");
        sal_tuf_file_name(SAL_TUF_FILE_TIMESTAMP, 7, name);
        assert_string_equal(name, "timestamp.json");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(first_time),
                TEST(no_news_is_not_unable),
                TEST(only_what_changed_is_needed),
                TEST(lookup),
                TEST(root_chain),
                TEST(root_steps_are_bounded),
                TEST(exactly_64_root_steps),
                TEST(recovery_by_rotation),
                TEST(recovery_there_and_back),
                TEST(targets_rotation),
                TEST(crash_between_writes),
                cmocka_unit_test(texts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
