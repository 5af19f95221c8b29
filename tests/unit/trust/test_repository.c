/* SPDX-License-Identifier: Apache-2.0 */
/* What the online signer makes: it lists what authors signed, renews in time, and never goes back. */
#include "campaigns.h"

#include <time.h>

/* A signer with its own memory: the files it made and the marks it keeps. */
struct signer {
        struct world *w;
        struct sal_tuf_root *root;
        struct sal_repository_input input;
        const struct sal_private_key *key;
        struct sal_repository_next last;
        struct sal_repository_envelope envelopes[128];
        struct sal_repository_verdict verdicts[128];
        struct sal_err err;
};

static void add(struct signer *s, const char *path, char *envelope_take) {
        struct sal_repository_envelope *envelope = &s->envelopes[s->input.envelope_count++];
        *envelope = (struct sal_repository_envelope){strdup(path), envelope_take, strlen(envelope_take)};
}

static void add_good(struct signer *s, const char *id, int version) {
        char path[SAL_TARGET_PATH_BYTES];
        sal_campaign_target_path(id, version, path);
        add(s, path, campaign_good(s->w, id, version));
}

static void forget(struct signer *s) {
        for (size_t i = 0; i < s->input.envelope_count; i++) {
                free((char *)s->envelopes[i].path);
                free((char *)s->envelopes[i].bytes);
        }
        s->input.envelope_count = 0;
}

static enum sal_status make(struct signer *s) {
        struct sal_repository_next next = {0};
        enum sal_status status = sal_repository_make(&s->input, s->verdicts, &next, &s->err);
        if (status)
                return status;
        /* the old files may be pointed at by the input until now */
        sal_repository_next_done(&s->last);
        s->last = next;
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                if (i == SAL_TUF_FILE_TARGETS)
                        continue;
                s->input.files.file[i].bytes = next.files[i].data;
                s->input.files.file[i].len = next.files[i].len;
        }
        memcpy(s->input.marks, next.marks, sizeof next.marks);
        return SAL_OK;
}

/* Gives away what was made last. */
static void serve(struct signer *s) {
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                char name[SAL_TUF_NAME_BYTES];
                sal_tuf_file_name((enum sal_tuf_file)i, s->last.marks[i].version, name);
                if (i != SAL_TUF_FILE_TARGETS)
                        world_put(s->w, name, s->last.files[i].data, s->last.files[i].len);
        }
}

static int set_up(void **state) {
        struct signer *s = calloc(1, sizeof *s);
        assert_non_null(s);
        s->w = world_new();
        s->key = s->w->keys[ONLINE];
        const struct world_file *root = world_get(s->w, "1.root.json");
        const struct world_file *targets = world_get(s->w, "2.targets.json");
        assert_int_equal(sal_tuf_root_load(root->bytes, root->len, &s->root, NULL), SAL_OK);
        const struct sal_repository_signer online = {.keys = &s->key, .count = 1};
        s->input = (struct sal_repository_input){.now_ms = now_ms,
                                                 .trust_domain = DOMAIN,
                                                 .root = s->root,
                                                 .policy = s->w->policy,
                                                 .policy_len = strlen(s->w->policy),
                                                 .envelopes = s->envelopes,
                                                 .campaigns = online,
                                                 .snapshot = online,
                                                 .timestamp = online};
        s->input.files.file[SAL_TUF_FILE_TARGETS].bytes = targets->bytes;
        s->input.files.file[SAL_TUF_FILE_TARGETS].len = targets->len;
        /* the world gave away version 2 */
        s->input.marks[SAL_TUF_FILE_TIMESTAMP].version = s->input.marks[SAL_TUF_FILE_SNAPSHOT].version = 2;
        s->input.marks[SAL_TUF_FILE_CAMPAIGNS].version = 2;
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct signer *s = *state;
        forget(s);
        sal_repository_next_done(&s->last);
        sal_tuf_root_free(s->root);
        world_free(s->w);
        free(s);
        return 0;
}

static int64_t version_of(const struct signer *s, enum sal_tuf_file file) {
        return s->last.marks[file].version;
}

static void clients_follow(void **state) {
        struct signer *s = *state;
        add_good(s, "fix", 1);
        add_good(s, "other", 3);
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->last.listed, 2);
        assert_int_equal(version_of(s, SAL_TUF_FILE_CAMPAIGNS), 3);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TIMESTAMP), 3);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TARGETS), 2);
        assert_int_equal(version_of(s, SAL_TUF_FILE_ROOT), 1);
        serve(s);
        world_updates(s->w, SAL_UPDATE_NEWS);
        /* withdrawn: gone at once, and the client sees it */
        forget(s);
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->last.listed, 0);
        assert_int_equal(version_of(s, SAL_TUF_FILE_CAMPAIGNS), 4);
        serve(s);
        world_updates(s->w, SAL_UPDATE_NEWS);
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        const struct sal_tuf_files trusted = world_trusted(s->w);
        struct sal_tuf_target target;
        assert_int_equal(sal_updater_new(&trusted, now_ms, &updater, NULL), SAL_OK);
        assert_int_equal(sal_updater_run(updater, world_find, s->w, NULL), SAL_OK);
        assert_int_equal(sal_updater_find_target(updater, "campaigns/fix-1.json", &target, NULL), SAL_E_NOT_FOUND);
}

static void stable_until_it_must_change(void **state) {
        struct signer *s = *state;
        add_good(s, "fix", 1);
        assert_int_equal(make(s), SAL_OK);
        assert_true(s->last.signed_anew[SAL_TUF_FILE_CAMPAIGNS] && s->last.signed_anew[SAL_TUF_FILE_TIMESTAMP]);
        char digest[2][SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(s->last.files[SAL_TUF_FILE_TIMESTAMP].data, s->last.files[SAL_TUF_FILE_TIMESTAMP].len,
                       digest[0]);
        s->input.now_ms += SAL_TUF_TIMESTAMP_RENEW_MS - 1;
        assert_int_equal(make(s), SAL_OK);
        sal_sha256_hex(s->last.files[SAL_TUF_FILE_TIMESTAMP].data, s->last.files[SAL_TUF_FILE_TIMESTAMP].len,
                       digest[1]);
        assert_string_equal(digest[0], digest[1]);
        for (int i = 0; i < SAL_TUF_FILES; i++)
                assert_false(s->last.signed_anew[i]);
        /* after an hour the timestamp alone */
        s->input.now_ms += 1;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TIMESTAMP), 4);
        assert_int_equal(version_of(s, SAL_TUF_FILE_SNAPSHOT), 3);
        /* or when it is asked for */
        s->input.renew = true;
        assert_int_equal(make(s), SAL_OK);
        s->input.renew = false;
        assert_int_equal(version_of(s, SAL_TUF_FILE_TIMESTAMP), 5);
        /* halfway to the expiry of the others, all of them */
        s->input.now_ms = now_ms + SAL_TUF_CAMPAIGNS_DAYS * one_day_ms / 2;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(version_of(s, SAL_TUF_FILE_CAMPAIGNS), 4);
        assert_int_equal(version_of(s, SAL_TUF_FILE_SNAPSHOT), 4);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TIMESTAMP), 6);
        /* a clock that had been ahead must not leave files that live too long */
        s->input.now_ms = now_ms;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TIMESTAMP), 7);
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        struct sal_tuf_files files = s->input.files;
        files.file[SAL_TUF_FILE_ROOT].bytes = world_get(s->w, "1.root.json")->bytes;
        files.file[SAL_TUF_FILE_ROOT].len = world_get(s->w, "1.root.json")->len;
        assert_int_equal(sal_updater_new(&files, now_ms, &updater, NULL), SAL_OK);
        assert_int_equal(sal_updater_expires_ms(updater, SAL_TUF_FILE_TIMESTAMP), now_ms + one_day_ms);
        assert_int_equal(sal_updater_expires_ms(updater, SAL_TUF_FILE_CAMPAIGNS), now_ms + 7 * one_day_ms);
        /* what it says of its files is what they say, whether they are new or stay */
        for (int again = 0; again < 2; again++) {
                for (int i = 0; i < SAL_TUF_FILES; i++)
                        assert_int_equal(s->last.expires_ms[i], sal_updater_expires_ms(updater, (enum sal_tuf_file)i));
                assert_int_equal(make(s), SAL_OK);
        }
}

/* What was not signed by its authors is never listed, and never keeps the rest from being changed. */
static void bad_ones_are_left_out(void **state) {
        struct signer *s = *state;
        static const int one[] = {AUTHOR_A}, both[] = {AUTHOR_A, AUTHOR_B};
        sal_autofree char *payload = campaign_payload("lone", 1, NULL, NULL);
        sal_autofree char *elsewhere =
                campaign_payload("away", 1, "/trust_domain",
                                 "\"ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"");
        sal_autofree char *past = campaign_payload("past", 1, "/expires", "\"2026-05-01T00:00:00Z\"");
        add_good(s, "fix", 1);
        add(s, "campaigns/lone-1.json", campaign_seal(s->w, SAL_CAMPAIGN_TYPE, payload, one, 1));
        add(s, "campaigns/away-1.json", campaign_seal(s->w, SAL_CAMPAIGN_TYPE, elsewhere, both, 2));
        add(s, "campaigns/past-1.json", campaign_seal(s->w, SAL_CAMPAIGN_TYPE, past, both, 2));
        add(s, "campaigns/alias-1.json", campaign_good(s->w, "fix", 1));
        add_good(s, "bad-fix", 1);
        add_good(s, "fix", 1);
        add_good(s, "fix", 2);
        add(s, "campaigns/x-1.json", strdup("{}"));
        add_good(s, "fix-1", 2); /* another campaign, whose id begins like fix's file name */
        static const enum sal_admission expected[] = {SAL_ADMIT_YES,     SAL_ADMIT_SIGNATURES, SAL_ADMIT_TRUST_DOMAIN,
                                                      SAL_ADMIT_EXPIRED, SAL_ADMIT_NAME,       SAL_ADMIT_REVOKED,
                                                      SAL_ADMIT_TWICE,   SAL_ADMIT_TWICE,      SAL_ADMIT_ENVELOPE,
                                                      SAL_ADMIT_YES};
        assert_int_equal(make(s), SAL_OK);
        for (size_t i = 0; i < SAL_ARRAY_LEN(expected); i++) {
                assert_string_equal(sal_admission_text(s->verdicts[i].admission), sal_admission_text(expected[i]));
                assert_int_equal(expected[i] == SAL_ADMIT_YES, s->verdicts[i].why.detail[0] == '\0');
        }
        assert_int_equal(s->last.listed, 2);
        serve(s);
        world_updates(s->w, SAL_UPDATE_NEWS);
        /* its own clock takes out what has expired, without being told */
        s->input.now_ms = now_ms + 9 * one_day_ms;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->last.listed, 0);
}

static void full(void **state) {
        struct signer *s = *state;
        for (int i = 0; i <= SAL_TUF_MAX_CAMPAIGNS; i++) {
                char id[SAL_CAMPAIGN_ID_BYTES];
                snprintf(id, sizeof id, "fix-%d-of-many", i);
                add_good(s, id, 1);
        }
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->last.listed, SAL_TUF_MAX_CAMPAIGNS);
        assert_int_equal(s->verdicts[SAL_TUF_MAX_CAMPAIGNS].admission, SAL_ADMIT_TOO_MANY);
        serve(s);
        world_updates(s->w, SAL_UPDATE_NEWS);
        size_t bytes = 0;
        for (int i = 0; i < SAL_TUF_FILES; i++)
                bytes += s->last.files[i].len;
        bytes += s->input.files.file[SAL_TUF_FILE_TARGETS].len + strlen(s->w->policy);
        print_message("metadata and policy for %d campaigns: %zu bytes\n", SAL_TUF_MAX_CAMPAIGNS, bytes);
        assert_true(bytes < 48 * 1024); /* within the 64 KiB of an answer to a poll */
}

static void never_back(void **state) {
        struct signer *s = *state;
        add_good(s, "fix", 1);
        s->input.marks[SAL_TUF_FILE_CAMPAIGNS].version = 40;
        s->input.marks[SAL_TUF_FILE_SNAPSHOT].version = 50;
        s->input.marks[SAL_TUF_FILE_TIMESTAMP].version = 60;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(version_of(s, SAL_TUF_FILE_CAMPAIGNS), 41);
        assert_int_equal(version_of(s, SAL_TUF_FILE_SNAPSHOT), 51);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TIMESTAMP), 61);
        /* a restored backup: the files are old, the marks are not; equal content is signed again above the mark */
        s->input.marks[SAL_TUF_FILE_CAMPAIGNS].version = 45;
        s->input.marks[SAL_TUF_FILE_SNAPSHOT].version = 55;
        s->input.marks[SAL_TUF_FILE_TIMESTAMP].version = 65;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(version_of(s, SAL_TUF_FILE_CAMPAIGNS), 46);
        assert_int_equal(version_of(s, SAL_TUF_FILE_SNAPSHOT), 56);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TIMESTAMP), 66);
        s->input.marks[SAL_TUF_FILE_TARGETS].version = 3;
        assert_int_equal(make(s), SAL_E_REFUSED);
        assert_non_null(strstr(s->err.detail, "targets"));
        s->input.marks[SAL_TUF_FILE_TARGETS].version = 2;
        s->input.marks[SAL_TUF_FILE_ROOT].version = 2;
        assert_int_equal(make(s), SAL_E_REFUSED);
        s->input.marks[SAL_TUF_FILE_ROOT].version = 1;
        s->input.marks[SAL_TUF_FILE_TIMESTAMP].version = SAL_TUF_VERSION_MAX;
        assert_int_equal(make(s), SAL_E_REFUSED);
        assert_non_null(strstr(s->err.detail, "no version left"));
}

/* The same content in another spelling verifies, and yet it is not what was given away. */
static void other_bytes_of_a_version_are_not_kept(void **state) {
        static const enum sal_tuf_file online[] = {SAL_TUF_FILE_TIMESTAMP, SAL_TUF_FILE_SNAPSHOT,
                                                   SAL_TUF_FILE_CAMPAIGNS};
        struct signer *s = *state;
        add_good(s, "fix", 1);
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TIMESTAMP), 3);
        for (size_t i = 0; i < SAL_ARRAY_LEN(online); i++) {
                sal_autobuf struct sal_buf spelled = SAL_BUF_INIT;
                int64_t before = version_of(s, online[i]);
                sal_buf_printf(&spelled, " %s", s->last.files[online[i]].data);
                s->input.files.file[online[i]].bytes = spelled.data;
                s->input.files.file[online[i]].len = spelled.len;
                assert_int_equal(make(s), SAL_OK);
                assert_int_equal(version_of(s, online[i]), before + 1);
        }
        /* targets and root are others' to sign: they are refused */
        s->input.marks[SAL_TUF_FILE_TARGETS].sha256[0] ^= 1;
        assert_int_equal(make(s), SAL_E_REFUSED);
        assert_non_null(strstr(s->err.detail, "targets has version 2, which was given away with other bytes"));
        s->input.marks[SAL_TUF_FILE_TARGETS].sha256[0] ^= 1;
        s->input.marks[SAL_TUF_FILE_ROOT].sha256[0] ^= 1;
        assert_int_equal(make(s), SAL_E_REFUSED);
        assert_non_null(strstr(s->err.detail, "root has version 1, which was given away with other bytes"));
}

static void offline_part(void **state) {
        struct signer *s = *state;
        /* a policy that nobody signed */
        sal_autofree char *other = strdup(s->w->policy);
        s->input.policy = other;
        char *place = strstr(other, "\"threshold\":2");
        assert_non_null(place);
        memcpy(place, "\"threshold\":1", 13);
        assert_int_equal(make(s), SAL_E_UNTRUSTED);
        s->input.policy = s->w->policy;
        /* targets that the root's keys did not sign */
        world_versions(s->w, 3);
        s->w->role_keys[SAL_TUF_FILE_TARGETS][0] = ONLINE;
        world_publish(s->w);
        s->input.files.file[SAL_TUF_FILE_TARGETS].bytes = world_get(s->w, "3.targets.json")->bytes;
        s->input.files.file[SAL_TUF_FILE_TARGETS].len = world_get(s->w, "3.targets.json")->len;
        assert_int_equal(make(s), SAL_E_UNTRUSTED);
        s->input.files.file[SAL_TUF_FILE_TARGETS].bytes = NULL;
        assert_int_equal(make(s), SAL_E_INVALID);
        /* offline files that have expired do not keep a campaign in force */
        s->w->role_keys[SAL_TUF_FILE_TARGETS][0] = TARGETS_A;
        world_publish(s->w);
        s->input.files.file[SAL_TUF_FILE_TARGETS].bytes = world_get(s->w, "3.targets.json")->bytes;
        s->input.files.file[SAL_TUF_FILE_TARGETS].len = world_get(s->w, "3.targets.json")->len;
        s->input.now_ms = now_ms + 400 * one_day_ms;
        assert_int_equal(make(s), SAL_OK);
        /* a key that is not the role's cannot make anything */
        const struct sal_private_key *stranger = s->w->keys[STRANGER];
        s->input.timestamp.keys = &stranger;
        s->input.renew = true;
        assert_int_equal(make(s), SAL_E_UNTRUSTED);
        s->input.timestamp.keys = &s->key;
        s->input.timestamp.count = 0;
        assert_int_equal(make(s), SAL_E_UNTRUSTED);
}

/* Files that were made with keys of before are no reason to stop: they are made again. */
static void rotated_keys(void **state) {
        struct signer *s = *state;
        add_good(s, "fix", 1);
        assert_int_equal(make(s), SAL_OK);
        serve(s);
        world_updates(s->w, SAL_UPDATE_NEWS);
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++)
                if (i != SAL_TUF_FILE_TARGETS)
                        s->w->role_keys[i][0] = s->w->role_keys[i][1] = SPARE;
        s->w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(s->w);
        world_versions(s->w, 3);
        world_publish(s->w);
        const struct world_file *root = world_get(s->w, "2.root.json");
        const struct world_file *targets = world_get(s->w, "3.targets.json");
        sal_tuf_root_free(s->root);
        assert_int_equal(sal_tuf_root_load(root->bytes, root->len, &s->root, NULL), SAL_OK);
        s->input.root = s->root;
        s->input.files.file[SAL_TUF_FILE_TARGETS].bytes = targets->bytes;
        s->input.files.file[SAL_TUF_FILE_TARGETS].len = targets->len;
        s->key = s->w->keys[SPARE];
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(version_of(s, SAL_TUF_FILE_CAMPAIGNS), 4);
        serve(s);
        world_updates(s->w, SAL_UPDATE_NEWS);
}

static double cpu_ms(struct signer *s) {
        clock_t begin = clock();
        assert_int_equal(make(s), SAL_OK);
        return (double)(clock() - begin) * 1000.0 / CLOCKS_PER_SEC;
}

/* What was verified once is not verified again: one more campaign beside 99 is cheap. */
static void cost(void **state) {
        struct signer *s = *state;
        struct sal_repository_memory *memory = calloc(1, sizeof *memory);
        assert_non_null(memory);
        s->input.memory = memory;
        for (int i = 0; i < SAL_TUF_MAX_CAMPAIGNS - 1; i++) {
                char id[SAL_CAMPAIGN_ID_BYTES];
                snprintf(id, sizeof id, "fix-%d-of-many", i);
                add_good(s, id, 1);
        }
        double all = cpu_ms(s);
        add_good(s, "one-more", 1);
        double one = cpu_ms(s);
        assert_int_equal(s->last.listed, SAL_TUF_MAX_CAMPAIGNS);
        print_message("99 campaigns: %.2f ms of CPU; one more: %.2f ms\n", all, one);
        free(memory);
}

/* The memory makes nothing allowed that is not: other bytes, another policy, another domain, a later time. */
static void memory_widens_nothing(void **state) {
        struct signer *s = *state;
        struct sal_repository_memory *memory = calloc(1, sizeof *memory);
        assert_non_null(memory);
        s->input.memory = memory;
        add_good(s, "fix", 1);
        add_good(s, "half-bad", 2);
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(memory->count, 2);
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->last.listed, 2);
        /* the same name with other bytes */
        static const int one[] = {AUTHOR_A};
        sal_autofree char *payload = campaign_payload("fix", 1, NULL, NULL);
        free((char *)s->envelopes[0].bytes);
        s->envelopes[0].bytes = campaign_seal(s->w, SAL_CAMPAIGN_TYPE, payload, one, 1);
        s->envelopes[0].len = strlen(s->envelopes[0].bytes);
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->verdicts[0].admission, SAL_ADMIT_SIGNATURES);
        /* the same bytes under another name */
        free((char *)s->envelopes[1].path);
        s->envelopes[1].path = strdup("campaigns/half-bad-3.json");
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->verdicts[1].admission, SAL_ADMIT_NAME);
        free((char *)s->envelopes[1].path);
        s->envelopes[1].path = strdup("campaigns/half-bad-2.json");
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->last.listed, 1);
        /* a later time, and another trust domain */
        s->input.now_ms = now_ms + 9 * one_day_ms;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->verdicts[1].admission, SAL_ADMIT_EXPIRED);
        s->input.now_ms = now_ms;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->last.listed, 1);
        s->input.trust_domain = "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->verdicts[1].admission, SAL_ADMIT_TRUST_DOMAIN);
        s->input.trust_domain = DOMAIN;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->last.listed, 1);
        /* a new policy that revokes it */
        char *place = strstr(s->w->policy, "half-bad@1");
        assert_non_null(place);
        place[9] = '2';
        world_versions(s->w, 3);
        world_publish(s->w);
        s->input.files.file[SAL_TUF_FILE_TARGETS].bytes = world_get(s->w, "3.targets.json")->bytes;
        s->input.files.file[SAL_TUF_FILE_TARGETS].len = world_get(s->w, "3.targets.json")->len;
        assert_int_equal(make(s), SAL_OK);
        assert_int_equal(s->verdicts[1].admission, SAL_ADMIT_REVOKED);
        assert_int_equal(s->last.listed, 0);
        free(memory);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(clients_follow),
                TEST(stable_until_it_must_change),
                TEST(bad_ones_are_left_out),
                TEST(full),
                TEST(never_back),
                TEST(other_bytes_of_a_version_are_not_kept),
                TEST(offline_part),
                TEST(rotated_keys),
                TEST(cost),
                TEST(memory_widens_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
