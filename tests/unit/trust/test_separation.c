/* SPDX-License-Identifier: Apache-2.0 */
/* A key that is online is neither root's, nor targets', nor an author's: by public key, whatever its id. */
#include "testing.h"

#include "trust/separation.h"

enum { ROOT, TARGETS, TIMESTAMP, SNAPSHOT, CAMPAIGNS, AUTHOR, KEYS };

static struct sal_private_key *keys[KEYS];

/* Roles by the key of each; values, so nothing is signed. */
struct sample {
        struct sal_public_key *of[KEYS];
        struct sal_tuf_root root;
        struct sal_tuf_targets targets;
        struct sal_policy *policy;
        struct sal_tuf_said said;
};

static int set_up(void **state) {
        (void)state;
        for (int i = 0; i < KEYS; i++)
                keys[i] = make_key(SAL_KEY_P256);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        for (int i = 0; i < KEYS; i++)
                sal_private_key_free(keys[i]);
        return 0;
}

static struct sal_policy *make_policy(const struct sal_public_key *author) {
        sal_autojson json_t *json =
                json_pack("{s:s, s:[{s:s, s:s, s:s, s:s, s:s}], s:[{s:s, s:[s], s:[s], s:i}], s:[]}", "schema",
                          SAL_POLICY_SCHEMA, "authors", "name", "ada", "keyid", sal_public_key_id(author), "keytype",
                          sal_public_key_keytype(author), "scheme", sal_public_key_scheme(author), "public",
                          sal_public_key_text(author), "classes", "name", "all", "kinds", "delete_file", "authors",
                          "ada", "threshold", 1, "revoked");
        sal_autofree char *text = sal_json_dump(json);
        struct sal_policy *policy = NULL;
        struct sal_err err = {0};
        if (sal_policy_parse(text, strlen(text), &policy, &err))
                fail_msg("%s at %s", err.detail, err.pointer);
        return policy;
}

static struct sal_tuf_role role_of(struct sal_public_key **key) {
        return (struct sal_tuf_role){.keys = key, .key_count = 1, .threshold = 1};
}

/* `offline` gets the key of `online`; KEYS: nobody gets another's. */
static void sample(struct sample *sample, int offline, int online) {
        *sample = (struct sample){0};
        for (int i = 0; i < KEYS; i++)
                sample->of[i] = sal_public_key_ref(sal_private_key_public(keys[i == offline ? online : i]));
        sample->root.roles[SAL_TUF_ROOT] = role_of(&sample->of[ROOT]);
        sample->root.roles[SAL_TUF_TARGETS] = role_of(&sample->of[TARGETS]);
        sample->root.roles[SAL_TUF_TIMESTAMP] = role_of(&sample->of[TIMESTAMP]);
        sample->root.roles[SAL_TUF_SNAPSHOT] = role_of(&sample->of[SNAPSHOT]);
        sample->targets.campaigns = role_of(&sample->of[CAMPAIGNS]);
        sample->policy = make_policy(sample->of[AUTHOR]);
        sample->said = (struct sal_tuf_said){&sample->root, &sample->targets, sample->policy};
}

static void sample_done(struct sample *sample) {
        for (int i = 0; i < KEYS; i++)
                sal_public_key_unref(sample->of[i]);
        sal_policy_unref(sample->policy);
}
#define autosample __attribute__((cleanup(sample_done)))

static void keys_of_their_own(void **state) {
        (void)state;
        autosample struct sample good;
        sample(&good, KEYS, KEYS);
        const struct sal_tuf_said nothing = {0};
        assert_int_equal(sal_tuf_check_separation(&good.said, NULL, NULL), SAL_OK);
        assert_int_equal(sal_tuf_check_separation(&nothing, NULL, NULL), SAL_OK);
        /* Neighbours may share: all offline, or all online. */
        autosample struct sample offline;
        sample(&offline, AUTHOR, ROOT);
        assert_int_equal(sal_tuf_check_separation(&offline.said, NULL, NULL), SAL_OK);
        autosample struct sample online;
        sample(&online, CAMPAIGNS, TIMESTAMP);
        assert_int_equal(sal_tuf_check_separation(&online.said, NULL, NULL), SAL_OK);
}

static void every_online_role_with_every_offline_one(void **state) {
        (void)state;
        static const struct {
                int role;
                const char *detail, *pointer;
        } offline[] = {{ROOT, "cannot be a key of root too",
                        "/root"
                        "/signed/roles/root"},
                       {TARGETS, "cannot be a key of targets too",
                        "/root"
                        "/signed/roles/targets"},
                       {AUTHOR, "cannot be the author \"ada\" too", "/policy/authors/0"}},
          online[] = {{TIMESTAMP, "(timestamp)", ""}, {SNAPSHOT, "(snapshot)", ""}, {CAMPAIGNS, "(campaigns)", ""}};
        for (size_t a = 0; a < SAL_ARRAY_LEN(offline); a++)
                for (size_t b = 0; b < SAL_ARRAY_LEN(online); b++) {
                        struct sal_err err = {0};
                        autosample struct sample bad;
                        sample(&bad, offline[a].role, online[b].role);
                        assert_int_equal(sal_tuf_check_separation(&bad.said, NULL, &err), SAL_E_INVALID);
                        assert_non_null(strstr(err.detail, offline[a].detail));
                        assert_non_null(strstr(err.detail, online[b].detail));
                        assert_non_null(strstr(err.detail, sal_public_key_id(bad.of[online[b].role])));
                        assert_string_equal(err.pointer, offline[a].pointer);
                        /* What is wrong already is passed over, and only that. */
                        autosample struct sample good;
                        sample(&good, KEYS, KEYS);
                        assert_int_equal(sal_tuf_check_separation(&bad.said, &bad.said, NULL), SAL_OK);
                        assert_int_equal(sal_tuf_check_separation(&bad.said, &good.said, NULL), SAL_E_INVALID);
                        assert_int_equal(sal_tuf_check_separation(&good.said, &bad.said, NULL), SAL_OK);
                }
}

/* What is not known yet brings no fault, and takes none away. */
static void files_that_are_not_there(void **state) {
        (void)state;
        autosample struct sample bad;
        sample(&bad, AUTHOR, CAMPAIGNS);
        struct sal_tuf_said said = bad.said;
        said.root = NULL;
        assert_int_equal(sal_tuf_check_separation(&said, NULL, NULL), SAL_E_INVALID);
        said.policy = NULL;
        assert_int_equal(sal_tuf_check_separation(&said, NULL, NULL), SAL_OK);
        assert_int_equal(sal_tuf_check_separation(&bad.said, &said, NULL), SAL_E_INVALID);
}

/* Programs write the text of one P-256 key in several ways, each with an id of its own. */
static void one_key_two_ids(void **state) {
        (void)state;
        autosample struct sample bad;
        sample(&bad, ROOT, TIMESTAMP);
        char text[SAL_KEY_TEXT_MAX_BYTES];
        snprintf(text, sizeof text, "%s\n", sal_public_key_text(bad.of[TIMESTAMP]));
        sal_public_key_unref(bad.of[ROOT]);
        assert_int_equal(sal_public_key_new("ecdsa", "ecdsa-sha2-nistp256", text, &bad.of[ROOT], NULL), SAL_OK);
        assert_string_not_equal(sal_public_key_id(bad.of[ROOT]), sal_public_key_id(bad.of[TIMESTAMP]));
        assert_int_equal(sal_tuf_check_separation(&bad.said, NULL, NULL), SAL_E_INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_of_their_own),
                cmocka_unit_test(every_online_role_with_every_offline_one),
                cmocka_unit_test(files_that_are_not_there),
                cmocka_unit_test(one_key_two_ids),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
