/* SPDX-License-Identifier: Apache-2.0 */
/* What the client trusts: what is kept of it, what is dropped, and what an update says when it cannot be made. */
#include "../trust/world.h"
#include "fixture.h"

#include "salvor-recover/done.h"
#include "salvor-recover/floor.h"
#include "salvor-recover/metadata.h"

struct scene {
        struct fixture f;
        struct world *w;
        struct sal_store *store;
        struct sal_metadata *metadata;
        struct sal_source source;
        const char *asked[32]; /* names, in order */
        size_t asked_count;
        const char *broken;          /* the name of a file that cannot be had … */
        enum sal_status broken_with; /* … and why */
        const char *policy;          /* served in the place of the true one, or NULL */
};

static enum sal_status world_metadata(void *context, const struct sal_update_need *need, struct sal_buf *ret,
                                      struct sal_err *reterr) {
        struct scene *s = context;
        const char *bytes = NULL;
        size_t len = 0;
        if (s->broken && strcmp(s->broken, need->name) == 0)
                return sal_fail(reterr, s->broken_with, "broken by the test");
        if (!world_find(s->w, need->name, &bytes, &len))
                return sal_fail(reterr, SAL_E_NOT_FOUND, "no such file");
        s->asked[s->asked_count++ % 32] = bytes;
        sal_buf_append(ret, bytes, len);
        return SAL_OK;
}

static enum sal_status world_target(void *context, const struct sal_tuf_target *target, const char *folder,
                                    const char *name, struct sal_buf *ret, struct sal_err *reterr) {
        struct scene *s = context;
        s->asked_count++;
        assert_int_equal(strncmp(name, target->sha256, 64), 0);
        if (s->broken && strcmp(s->broken, target->path) == 0)
                return sal_fail(reterr, s->broken_with, "broken by the test");
        if (strcmp(folder, "policy") == 0)
                sal_buf_puts(ret, s->policy ? s->policy : s->w->policy);
        else
                sal_buf_puts(ret, "first");
        return SAL_OK;
}

static void open_metadata(struct scene *s) {
        struct sal_err err = {0};
        sal_metadata_free(s->metadata);
        s->metadata = NULL;
        if (sal_metadata_open(s->store, at(s->f.dir, "1.root.json"), &s->metadata, &err))
                fail_msg("%s", err.detail);
}

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof *s);
        fixture_init(&s->f);
        s->w = world_new();
        put(s->f.dir, "1.root.json", world_get(s->w, "1.root.json")->bytes, NULL);
        s->source = (struct sal_source){.context = s, .metadata = world_metadata, .target = world_target};
        assert_int_equal(sal_store_open(s->f.state, &s->store, NULL), SAL_OK);
        open_metadata(s);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;
        sal_metadata_free(s->metadata);
        sal_store_free(s->store);
        world_free(s->w);
        fixture_done(&s->f);
        free(s);
        return 0;
}

static void updates(struct scene *s) {
        struct sal_unable unable;
        struct sal_err err = {0};
        s->asked_count = 0;
        if (sal_metadata_update(s->metadata, &s->source, now_ms, &unable, &err))
                fail_msg("%s: %s", unable.file, err.detail);
        assert_non_null(sal_metadata_campaigns(s->metadata));
}

static struct sal_unable refuses(struct scene *s, int64_t at_ms, const char *file, enum sal_update_reason reason,
                                 enum sal_status expected) {
        struct sal_unable unable;
        struct sal_err err = {0};
        enum sal_status status = sal_metadata_update(s->metadata, &s->source, at_ms, &unable, &err);
        if (status != expected || strcmp(unable.file, file) != 0 || unable.reason != reason)
                fail_msg("status %d, %s of %s: %s", status, sal_update_reason_text(unable.reason), unable.file,
                         err.detail);
        assert_null(sal_metadata_campaigns(s->metadata));
        assert_int_equal(sal_metadata_timestamp_expires_ms(s->metadata), 0);
        return unable;
}

static void holds(struct scene *s, const char *expected) {
        sal_autojson json_t *have = sal_metadata_have(s->metadata);
        sal_autofree char *text = have ? sal_json_dump(have) : NULL;
        assert_string_equal(text, expected);
}

static void expect_newest(struct scene *s) {
        char expected[256], sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(s->w->policy, strlen(s->w->policy), sha256);
        snprintf(expected, sizeof expected,
                 "{\"root\":1,\"timestamp\":2,\"snapshot\":2,\"targets\":2,\"campaigns\":2,\"policy\":\"%s\"}", sha256);
        holds(s, expected);
}

static void take_policy(struct scene *s) {
        const struct sal_policy *policy = NULL;
        struct sal_unable unable;
        struct sal_err err = {0};
        if (sal_metadata_policy(s->metadata, &s->source, &policy, &unable, &err))
                fail_msg("%s", err.detail);
        assert_non_null(policy);
}

static const char nothing[] =
        "{\"root\":1,\"timestamp\":0,\"snapshot\":0,\"targets\":0,\"campaigns\":0,\"policy\":\"\"}";

static void what_was_verified_is_kept(void **state) {
        struct scene *s = *state;
        holds(s, nothing);
        updates(s);
        take_policy(s);
        expect_newest(s);
        open_metadata(s); /* the next process */
        expect_newest(s);
        updates(s);
        assert_int_equal(s->asked_count, 1); /* the timestamp; all the rest is held */
        take_policy(s);
        assert_int_equal(s->asked_count, 1);
        assert_int_equal(sal_metadata_timestamp_expires_ms(s->metadata), now_ms + one_day_ms);
        sal_autofree char *kept = NULL;
        size_t len = 0;
        assert_int_equal(sal_store_get(s->store, "tuf/pinned", 65, &kept, &len, NULL), SAL_OK);
        assert_string_equal(kept, sal_metadata_trust_domain(s->metadata));
}

static void without_an_update_nothing_is_listed(void **state) {
        struct scene *s = *state;
        const struct sal_policy *policy = NULL;
        struct sal_unable unable;
        assert_null(sal_metadata_campaigns(s->metadata));
        assert_int_equal(sal_metadata_policy(s->metadata, &s->source, &policy, &unable, NULL), SAL_E_CONFLICT);
        updates(s);
        refuses(s, now_ms + 2 * one_day_ms, "root.json", SAL_UPDATE_EXPIRED, SAL_E_UNTRUSTED);
        assert_int_equal(sal_metadata_policy(s->metadata, &s->source, &policy, &unable, NULL), SAL_E_CONFLICT);
}

static void each_failure_has_its_reason(void **state) {
        struct scene *s = *state;
        static const struct {
                enum sal_status with;
                enum sal_update_reason reason;
                enum sal_status status;
                bool slow;
        } cases[] = {
                {SAL_E_NOT_FOUND, SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE, false},
                {SAL_E_UNREACHABLE, SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE, false},
                {SAL_E_OVERLOADED, SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE, false},
                {SAL_E_TIMEOUT, SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE, true},
                {SAL_E_TOO_LARGE, SAL_UPDATE_TOO_LONG, SAL_E_TOO_LARGE, false},
                {SAL_E_REFUSED, SAL_UPDATE_CONTENT, SAL_E_UNTRUSTED, false},
        };
        static const char *const files[] = {"timestamp.json", "2.snapshot.json", "2.targets.json", "2.campaigns.json"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                for (size_t n = 0; n < SAL_ARRAY_LEN(files); n++) {
                        s->broken = files[n];
                        s->broken_with = cases[i].with;
                        struct sal_unable unable = refuses(s, now_ms, files[n], cases[i].reason, cases[i].status);
                        assert_int_equal(unable.slow, cases[i].slow);
                        holds(s, nothing); /* all or nothing */
                }
        }
        /* a root that is not there ends the chain; one that cannot be had may be there */
        s->broken = "2.root.json";
        s->broken_with = SAL_E_TIMEOUT;
        refuses(s, now_ms, "2.root.json", SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE);
        s->broken_with = SAL_E_NOT_FOUND;
        updates(s);
}

static void a_rollback_is_refused_by_the_next_process_too(void **state) {
        struct scene *s = *state;
        updates(s);
        open_metadata(s);
        world_versions(s->w, 1);
        world_publish(s->w);
        refuses(s, now_ms, "timestamp.json", SAL_UPDATE_ROLLBACK, SAL_E_UNTRUSTED);
        open_metadata(s);
        refuses(s, now_ms, "timestamp.json", SAL_UPDATE_ROLLBACK, SAL_E_UNTRUSTED);
}

/* The held file is judged again, and found to be the one at fault. */
static void a_held_file_at_fault_is_named(void **state) {
        struct scene *s = *state;
        s->w->expires_ms[SAL_TUF_FILE_SNAPSHOT] = now_ms + 1000;
        world_versions(s->w, 3);
        world_publish(s->w);
        updates(s);
        s->w->version[SAL_TUF_FILE_TIMESTAMP] = 4;
        world_publish(s->w);
        refuses(s, now_ms + 2000, "snapshot.json", SAL_UPDATE_EXPIRED, SAL_E_UNTRUSTED);
}

static void another_pinned_root_drops_everything(void **state) {
        struct scene *s = *state;
        updates(s);
        take_policy(s);
        assert_int_equal(sal_floor_raise(s->store, sal_floor_build_ms() + 5000000, INT64_MAX, NULL), SAL_OK);
        assert_int_equal(sal_done_add(s->store, "fix", 1, NULL), SAL_OK);
        open_metadata(s);
        assert_true(sal_done_has(s->store, "fix", 1));
        s->w->expires_ms[SAL_TUF_FILE_ROOT] += 1000;
        world_root(s->w);
        put(s->f.dir, "1.root.json", world_get(s->w, "1.root.json")->bytes, NULL);
        open_metadata(s);
        holds(s, nothing);
        assert_false(sal_done_has(s->store, "fix", 1));
        assert_false(there(s->f.state, "tuf/timestamp.json"));
        assert_false(there(s->f.state, "tuf/policy.json"));
        assert_int_equal(sal_floor_ms(s->store), sal_floor_build_ms());
        updates(s);
        open_metadata(s);
        holds(s, "{\"root\":1,\"timestamp\":2,\"snapshot\":2,\"targets\":2,\"campaigns\":2,\"policy\":\"\"}");
}

static void damage_is_dropped_and_fetched_anew(void **state) {
        struct scene *s = *state;
        static const char *const files[] = {"root", "timestamp", "snapshot", "targets", "campaigns", "policy"};
        static const char *const bad[] = {"", "{", "{\"signed\":{},\"signatures\":[]}"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(files); i++) {
                for (size_t n = 0; n < SAL_ARRAY_LEN(bad); n++) {
                        char name[64];
                        updates(s);
                        take_policy(s);
                        snprintf(name, sizeof name, "tuf/%s.json", files[i]);
                        assert_true(there(s->f.state, name));
                        put(s->f.state, name, bad[n], NULL);
                        open_metadata(s);
                        updates(s);
                        take_policy(s);
                        expect_newest(s);
                        open_metadata(s);
                        expect_newest(s);
                }
        }
        /* more than may be read */
        char *huge = malloc(SAL_TUF_MAX_BYTES + 2);
        memset(huge, ' ', SAL_TUF_MAX_BYTES + 1);
        huge[SAL_TUF_MAX_BYTES + 1] = 0;
        put(s->f.state, "tuf/snapshot.json", huge, NULL);
        free(huge);
        open_metadata(s);
        updates(s);
        expect_newest(s);
}

static void a_root_of_version_1_that_is_not_the_pinned_one_is_damage(void **state) {
        struct scene *s = *state;
        updates(s);
        s->w->expires_ms[SAL_TUF_FILE_ROOT] += 1000;
        world_root(s->w);
        put(s->f.state, "tuf/root.json", world_get(s->w, "1.root.json")->bytes, NULL);
        open_metadata(s);
        size_t len = 0;
        const char *held = sal_metadata_held(s->metadata, SAL_TUF_FILE_ROOT, &len);
        char sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(held, len, sha256);
        assert_string_equal(sha256, sal_metadata_trust_domain(s->metadata));
}

static void roots_are_kept_when_the_rest_fails(void **state) {
        struct scene *s = *state;
        updates(s);
        s->w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(s->w);
        s->broken = "timestamp.json";
        s->broken_with = SAL_E_TIMEOUT;
        struct sal_unable unable = refuses(s, now_ms, "timestamp.json", SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE);
        assert_false(unable.time_fell); /* the same keys */
        open_metadata(s);
        holds(s, "{\"root\":2,\"timestamp\":2,\"snapshot\":2,\"targets\":2,\"campaigns\":2,\"policy\":\"\"}");
}

/* A thief of the online keys pushed versions and time ahead. The new root makes both fall. */
static void rotated_online_keys_take_their_time_along(void **state) {
        struct scene *s = *state;
        const int64_t pushed = (sal_floor_build_ms() / 1000 + 25 * 86400) * 1000;
        world_versions(s->w, SAL_TUF_VERSION_MAX);
        world_publish(s->w);
        updates(s);
        assert_int_equal(sal_floor_raise(s->store, pushed, INT64_MAX, NULL), SAL_OK);
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++)
                if (i != SAL_TUF_FILE_TARGETS)
                        s->w->role_keys[i][0] = s->w->role_keys[i][1] = SPARE;
        s->w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(s->w);
        world_versions(s->w, 5);
        s->w->version[SAL_TUF_FILE_TARGETS] = SAL_TUF_VERSION_MAX; /* offline keys: nobody pushed them but the test */
        world_publish(s->w);
        /* with the pushed time everything has expired; but the time has fallen */
        struct sal_unable unable =
                refuses(s, now_ms + 25 * one_day_ms, "root.json", SAL_UPDATE_EXPIRED, SAL_E_UNTRUSTED);
        assert_true(unable.time_fell);
        assert_int_equal(sal_floor_ms(s->store), sal_floor_build_ms());
}

static void a_pinned_root_must_be_one(void **state) {
        struct scene *s = *state;
        struct sal_metadata *none = NULL;
        struct sal_err err = {0};
        assert_int_equal(sal_metadata_open(s->store, at(s->f.dir, "missing"), &none, &err), SAL_E_CONFIG);
        assert_non_null(strstr(err.detail, "missing"));
        put(s->f.dir, "bad", "{\"signed\":{},\"signatures\":[]}", NULL);
        assert_int_equal(sal_metadata_open(s->store, at(s->f.dir, "bad"), &none, &err), SAL_E_CONFIG);
        s->w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(s->w);
        put(s->f.dir, "second", world_get(s->w, "2.root.json")->bytes, NULL);
        assert_int_equal(sal_metadata_open(s->store, at(s->f.dir, "second"), &none, &err), SAL_E_CONFIG);
        assert_non_null(strstr(err.hint, "1.root.json"));
}

static void targets_are_those_that_are_listed(void **state) {
        struct scene *s = *state;
        struct sal_unable unable;
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT, none = SAL_BUF_INIT;
        updates(s);
        struct sal_tuf_target target = sal_metadata_campaigns(s->metadata)->targets[0];
        assert_int_equal(sal_source_take(&s->source, &target, &bytes, &unable, NULL), SAL_OK);
        assert_string_equal(bytes.data, "first");
        target.sha256[0] = target.sha256[0] == 'a' ? 'b' : 'a';
        assert_int_equal(sal_source_take(&s->source, &target, &none, &unable, NULL), SAL_E_UNTRUSTED);
        assert_int_equal(unable.reason, SAL_UPDATE_MISMATCH);
        assert_string_equal(unable.file, "campaigns/fix-1.json");
        static const struct {
                enum sal_status with;
                enum sal_update_reason reason;
                enum sal_status status;
        } cases[] = {
                {SAL_E_NOT_FOUND, SAL_UPDATE_UNAVAILABLE, SAL_E_NOT_FOUND},
                {SAL_E_TIMEOUT, SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE},
                {SAL_E_IO, SAL_UPDATE_UNAVAILABLE, SAL_E_UNREACHABLE},
                {SAL_E_TOO_LARGE, SAL_UPDATE_TOO_LONG, SAL_E_UNTRUSTED},
                {SAL_E_REFUSED, SAL_UPDATE_CONTENT, SAL_E_UNTRUSTED},
                {SAL_E_NOMEM, SAL_UPDATE_INTERNAL, SAL_E_NOMEM},
        };
        s->broken = "campaigns/fix-1.json";
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                s->broken_with = cases[i].with;
                assert_int_equal(sal_source_take(&s->source, &target, &none, &unable, NULL), cases[i].status);
                assert_int_equal(unable.reason, cases[i].reason);
        }
        s->broken = NULL;
        target.length = SAL_SOURCE_TARGET_MAX_BYTES + 1;
        assert_int_equal(sal_source_take(&s->source, &target, &none, &unable, NULL), SAL_E_UNTRUSTED);
        assert_int_equal(unable.reason, SAL_UPDATE_TOO_LONG);
}

static void a_policy_of_other_bytes_is_no_policy(void **state) {
        struct scene *s = *state;
        const struct sal_policy *policy = NULL;
        struct sal_unable unable;
        updates(s);
        s->policy = "{\"schema\":\"salvor.policy/1\",\"authors\":[],\"classes\":[],\"revoked\":[]}";
        assert_int_equal(sal_metadata_policy(s->metadata, &s->source, &policy, &unable, NULL), SAL_E_UNTRUSTED);
        assert_int_equal(unable.reason, SAL_UPDATE_MISMATCH);
        assert_string_equal(unable.file, SAL_TUF_POLICY_PATH);
        assert_null(policy);
        assert_false(there(s->f.state, "tuf/policy.json"));
        s->policy = NULL;
        take_policy(s);
        /* one that is listed, and none all the same */
        free(s->w->policy);
        s->w->policy = strdup("{\"schema\":\"salvor.policy/9\"}");
        world_versions(s->w, 3);
        world_publish(s->w);
        updates(s);
        assert_int_not_equal(sal_metadata_policy(s->metadata, &s->source, &policy, &unable, NULL), SAL_OK);
        assert_int_equal(unable.reason, SAL_UPDATE_CONTENT);
}

/* A state directory that cannot be written keeps nobody from a rescue. */
static void what_cannot_be_kept_is_used_all_the_same(void **state) {
        struct scene *s = *state;
        assert_int_equal(rmdir(at(s->f.state, "tuf")) == 0 || errno == ENOTEMPTY, true);
        remove(at(s->f.state, "tuf/pinned"));
        assert_int_equal(rmdir(at(s->f.state, "tuf")), 0);
        put(s->f.state, "tuf", "a file where a folder was", NULL);
        updates(s);
        take_policy(s);
        expect_newest(s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(what_was_verified_is_kept),
                CASE(without_an_update_nothing_is_listed),
                CASE(each_failure_has_its_reason),
                CASE(a_rollback_is_refused_by_the_next_process_too),
                CASE(a_held_file_at_fault_is_named),
                CASE(another_pinned_root_drops_everything),
                CASE(damage_is_dropped_and_fetched_anew),
                CASE(a_root_of_version_1_that_is_not_the_pinned_one_is_damage),
                CASE(roots_are_kept_when_the_rest_fails),
                CASE(rotated_online_keys_take_their_time_along),
                CASE(a_pinned_root_must_be_one),
                CASE(targets_are_those_that_are_listed),
                CASE(a_policy_of_other_bytes_is_no_policy),
                CASE(what_cannot_be_kept_is_used_all_the_same),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
