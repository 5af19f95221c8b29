/* SPDX-License-Identifier: Apache-2.0 */
/* Root and targets that are signed by one key holder after the other. */
#include "testing.h"

#include "base/buf.h"
#include "trust/tuf_draft.h"

enum { ROOT_A, ROOT_B, ROOT_C, TARGETS_A, TARGETS_B, ONLINE, STRANGER, KEYS };

static const int64_t expires_ms = INT64_C(1816300800000);
static const char policy[] = "{}";

static struct sal_private_key *keys[KEYS];

static int set_up(void **state) {
        (void)state;
        for (int i = 0; i < KEYS; i++)
                keys[i] = make_key(i == ROOT_B || i == ONLINE ? SAL_KEY_P256 : SAL_KEY_ED25519);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        for (int i = 0; i < KEYS; i++)
                sal_private_key_free(keys[i]);
        return 0;
}

static enum sal_status draft_root(int64_t version, int threshold, struct sal_buf *out, struct sal_err *err) {
        const struct sal_public_key *half[KEYS];
        for (int i = 0; i < KEYS; i++)
                half[i] = sal_private_key_public(keys[i]);
        const struct sal_tuf_root_spec spec = {.version = version,
                                               .expires_ms = expires_ms,
                                               .roles = {[SAL_TUF_ROOT] = {half, 3, threshold},
                                                         [SAL_TUF_TARGETS] = {&half[TARGETS_A], 2, 2},
                                                         [SAL_TUF_SNAPSHOT] = {&half[ONLINE], 1, 1},
                                                         [SAL_TUF_TIMESTAMP] = {&half[ONLINE], 1, 1}}};
        return sal_tuf_root_draft(&spec, out, err);
}

static void draft_targets(struct sal_buf *out) {
        const struct sal_public_key *online = sal_private_key_public(keys[ONLINE]);
        const struct sal_tuf_targets_spec spec = {.version = 3,
                                                  .expires_ms = expires_ms,
                                                  .policy = policy,
                                                  .policy_len = sizeof policy - 1,
                                                  .keys = &online,
                                                  .key_count = 1,
                                                  .threshold = 1};
        assert_int_equal(sal_tuf_targets_build(&spec, NULL, 0, out, NULL), SAL_OK);
}

static struct sal_tuf_draft *read_draft(const struct sal_buf *file) {
        struct sal_tuf_draft *draft = NULL;
        struct sal_err err = {0};
        if (sal_tuf_draft_read(file->data, file->len, &draft, &err))
                fail_msg("%s", err.detail);
        return draft;
}

/* The file with one signature more takes the place of the old one. */
static enum sal_status sign(struct sal_buf *file, int key, struct sal_err *err) {
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *draft = read_draft(file);
        struct sal_buf more = SAL_BUF_INIT;
        enum sal_status status = sal_tuf_draft_sign(draft, keys[key], &more, err);
        if (status) {
                assert_int_equal(more.len, 0);
                return status;
        }
        sal_buf_done(file);
        *file = more;
        return SAL_OK;
}

static void a_root_becomes_good_signature_by_signature(void **state) {
        (void)state;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        struct sal_err err = {0};
        assert_int_equal(draft_root(1, 2, &file, &err), SAL_OK);
        sal_autofree char *before = strdup(strstr(file.data, "\"signed\":"));
        struct sal_tuf_root *root = NULL;
        assert_int_equal(sal_tuf_root_load(file.data, file.len, &root, &err), SAL_E_UNTRUSTED);
        assert_int_equal(sign(&file, ROOT_B, &err), SAL_OK);
        assert_int_equal(sal_tuf_root_load(file.data, file.len, &root, &err), SAL_E_UNTRUSTED);
        assert_int_equal(sign(&file, STRANGER, &err), SAL_OK); /* counts for nothing and harms nothing */
        assert_int_equal(sal_tuf_root_load(file.data, file.len, &root, &err), SAL_E_UNTRUSTED);
        assert_int_equal(sign(&file, ROOT_C, &err), SAL_OK);
        assert_int_equal(sal_tuf_root_load(file.data, file.len, &root, &err), SAL_OK);
        sal_tuf_root_free(root);
        assert_string_equal(strstr(file.data, "\"signed\":"), before);
}

static void a_draft_says_what_it_says_and_who_signed(void **state) {
        (void)state;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        assert_int_equal(draft_root(7, 3, &file, NULL), SAL_OK);
        assert_int_equal(sign(&file, ROOT_A, NULL), SAL_OK);
        assert_int_equal(sign(&file, STRANGER, NULL), SAL_OK);
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *draft = read_draft(&file);
        assert_non_null(draft->root);
        assert_null(draft->targets);
        assert_int_equal(draft->version, 7);
        assert_int_equal(draft->root->version, 7);
        assert_int_equal(draft->expires_ms, expires_ms);
        assert_int_equal(draft->signature_count, 2);
        assert_int_equal(draft->root->roles[SAL_TUF_ROOT].threshold, 3);
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        assert_int_equal(sal_tuf_document_signers(draft->document, &draft->root->roles[SAL_TUF_ROOT], &set), SAL_OK);
        assert_int_equal(set.count, 1);
        assert_true(sal_public_key_equal(set.keys[0], sal_private_key_public(keys[ROOT_A])));
}

static void targets_too(void **state) {
        (void)state;
        sal_autobuf struct sal_buf root_file = SAL_BUF_INIT;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        assert_int_equal(draft_root(1, 2, &root_file, NULL), SAL_OK);
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *root = read_draft(&root_file);
        draft_targets(&file);
        assert_int_equal(sign(&file, TARGETS_B, NULL), SAL_OK);
        assert_int_equal(sign(&file, TARGETS_A, NULL), SAL_OK);
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *draft = read_draft(&file);
        assert_int_equal(draft->version, 3);
        assert_int_equal(draft->targets->policy.length, (int)sizeof policy - 1);
        sal_auto(sal_tuf_targets) struct sal_tuf_targets *targets = NULL;
        assert_int_equal(sal_tuf_targets_load(file.data, file.len, &root->root->roles[SAL_TUF_TARGETS], &targets, NULL),
                         SAL_OK);
}

static void one_key_signs_once(void **state) {
        (void)state;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        struct sal_err err = {0};
        assert_int_equal(draft_root(1, 2, &file, NULL), SAL_OK);
        assert_int_equal(sign(&file, ROOT_A, NULL), SAL_OK);
        assert_int_equal(sign(&file, ROOT_A, &err), SAL_E_CONFLICT);
}

static void a_key_signs_as_itself(void **state) {
        (void)state;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        sal_autobuf struct sal_buf more = SAL_BUF_INIT;
        assert_int_equal(draft_root(1, 2, &file, NULL), SAL_OK);
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *draft = read_draft(&file);
        const struct sal_public_key *other = sal_private_key_public(keys[ROOT_B]);
        assert_int_equal(sal_tuf_draft_sign_as(draft, keys[ROOT_A], other, &more, NULL), SAL_E_INVALID);
        assert_int_equal(more.len, 0);
}

static void a_bad_root_is_not_drafted(void **state) {
        (void)state;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        struct sal_err err = {0};
        assert_int_equal(draft_root(1, 4, &file, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/signed/roles/root/threshold");
        assert_int_equal(draft_root(1, 0, &file, &err), SAL_E_INVALID);
        assert_int_equal(draft_root(0, 2, &file, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/signed/version");
        assert_int_equal(file.len, 0);
}

static void other_files_are_no_drafts(void **state) {
        (void)state;
        static const struct {
                const char *text;
                enum sal_status status;
        } bad[] = {
                {"", SAL_E_MALFORMED},
                {"[]", SAL_E_INVALID},
                {"{\"signed\":{\"_type\":\"timestamp\"},\"signatures\":[]}", SAL_E_INVALID},
                {"{\"signed\":{\"_type\":7},\"signatures\":[]}", SAL_E_INVALID},
                {"{\"signed\":{\"_type\":\"root\"},\"signatures\":[]}", SAL_E_INVALID},
                {"{\"signed\":{\"_type\":\"targets\"},\"signatures\":[]}", SAL_E_INVALID},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                struct sal_tuf_draft *draft = NULL;
                struct sal_err err = {0};
                assert_int_equal(sal_tuf_draft_read(bad[i].text, strlen(bad[i].text), &draft, &err), bad[i].status);
                assert_null(draft);
        }
}

static void public_keys_travel_as_pem(void **state) {
        (void)state;
        for (int i = 0; i < KEYS; i++) {
                const struct sal_public_key *key = sal_private_key_public(keys[i]);
                sal_autofree char *pem = sal_public_key_to_pem(key);
                assert_non_null(pem);
                sal_auto(sal_public_key) struct sal_public_key *again = NULL;
                assert_int_equal(sal_public_key_from_pem(pem, &again, NULL), SAL_OK);
                assert_true(sal_public_key_equal(key, again));
                assert_string_equal(sal_public_key_id(key), sal_public_key_id(again));
                sal_autobuf struct sal_buf two = SAL_BUF_INIT;
                sal_buf_printf(&two, "%s%s", pem, pem);
                struct sal_public_key *none = NULL;
                assert_int_equal(sal_public_key_from_pem(two.data, &none, NULL), SAL_E_INVALID);
                assert_int_equal(sal_public_key_from_pem(pem + 1, &none, NULL), SAL_E_INVALID);
                pem[strlen(pem) / 2] ^= 1;
                if (!sal_public_key_from_pem(pem, &none, NULL)) /* another key, or none */
                        assert_false(sal_public_key_equal(key, none));
                sal_public_key_unref(none);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_root_becomes_good_signature_by_signature),
                cmocka_unit_test(a_draft_says_what_it_says_and_who_signed),
                cmocka_unit_test(targets_too),
                cmocka_unit_test(one_key_signs_once),
                cmocka_unit_test(a_key_signs_as_itself),
                cmocka_unit_test(a_bad_root_is_not_drafted),
                cmocka_unit_test(other_files_are_no_drafts),
                cmocka_unit_test(public_keys_travel_as_pem),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
