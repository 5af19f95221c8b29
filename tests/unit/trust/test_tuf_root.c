/* SPDX-License-Identifier: Apache-2.0 */
/* The TUF root: made, read back, tampered with, and followed by its successor. */
#include "testing.h"

#include "base/buf.h"
#include "trust/tuf.h"

enum { ROOT1, ROOT2, ROOT3, ONLINE, KEYS };

static const int64_t expires_ms = INT64_C(1816300800000);

static struct sal_private_key *keys[KEYS];

static int set_up(void **state) {
        (void)state;
        for (int i = 0; i < KEYS; i++)
                keys[i] = make_key(i == ROOT3 ? SAL_KEY_P256 : SAL_KEY_ED25519);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        for (int i = 0; i < KEYS; i++)
                sal_private_key_free(keys[i]);
        return 0;
}

/* Root and targets: 2 of the three; snapshot and timestamp: the online key. */
static enum sal_status build(int64_t version, const struct sal_private_key *const *signers, size_t count,
                             struct sal_buf *out, struct sal_err *err) {
        const struct sal_public_key *half[KEYS];
        for (int i = 0; i < KEYS; i++)
                half[i] = sal_private_key_public(keys[i]);
        const struct sal_tuf_root_spec spec = {.version = version,
                                               .expires_ms = expires_ms + 123,
                                               .roles = {[SAL_TUF_ROOT] = {half, 3, 2},
                                                         [SAL_TUF_TARGETS] = {half, 3, 2},
                                                         [SAL_TUF_SNAPSHOT] = {&half[ONLINE], 1, 1},
                                                         [SAL_TUF_TIMESTAMP] = {&half[ONLINE], 1, 1}}};
        return sal_tuf_root_build(&spec, signers, count, out, err);
}

static void make(struct sal_buf *out) {
        const struct sal_private_key *signers[] = {keys[ROOT1], keys[ROOT3]};
        struct sal_err err = {0};
        if (build(1, signers, 2, out, &err))
                fail_msg("%s", err.detail);
}

/* The root of version 1 as a tree that a test may bend. */
static json_t *document(void) {
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        make(&file);
        json_t *json = NULL;
        assert_int_equal(sal_json_parse(file.data, file.len, 32, &json, NULL), SAL_OK);
        return json;
}

static enum sal_status load(const json_t *json, struct sal_err *err) {
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        sal_autofree char *text = sal_json_dump(json);
        enum sal_status status = sal_tuf_root_load(text, strlen(text), &root, err);
        assert_true(!status == !!root);
        return status;
}

/* Signs a bent `signed` part again with the first two root keys, so that only what it says is wrong. */
static enum sal_status load_signed_again(const json_t *json, struct sal_err *err) {
        const struct sal_private_key *signers[] = {keys[ROOT1], keys[ROOT2]};
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        assert_int_equal(sal_tuf_sign(json_object_get(json, "signed"), signers, 2, &file, NULL), SAL_OK);
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        return sal_tuf_root_load(file.data, file.len, &root, err);
}

static json_t *at(json_t *json, const char *a, const char *b, const char *c) {
        json_t *value = json_object_get(json_object_get(json, "signed"), a);
        value = b ? json_object_get(value, b) : value;
        return c ? json_object_get(value, c) : value;
}

static void made_and_read(void **state) {
        (void)state;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        make(&file);
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        assert_int_equal(sal_tuf_root_load(file.data, file.len, &root, NULL), SAL_OK);
        assert_int_equal(root->version, 1);
        assert_int_equal(root->expires_ms, expires_ms);
        assert_int_equal(root->roles[SAL_TUF_ROOT].threshold, 2);
        assert_int_equal(root->roles[SAL_TUF_TARGETS].key_count, 3);
        assert_int_equal(root->roles[SAL_TUF_TIMESTAMP].threshold, 1);
        assert_true(sal_public_key_equal(root->roles[SAL_TUF_SNAPSHOT].keys[0], sal_private_key_public(keys[ONLINE])));
        char digest[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(file.data, file.len, digest);
        assert_string_equal(root->sha256, digest);
}

static void not_made(void **state) {
        (void)state;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        const struct sal_private_key *one[] = {keys[ROOT1]};
        const struct sal_private_key *twice[] = {keys[ROOT1], keys[ROOT1]};
        const struct sal_private_key *strangers[] = {keys[ROOT1], keys[ONLINE]};
        assert_int_equal(build(1, one, 1, &file, NULL), SAL_E_INVALID);
        assert_int_equal(build(1, twice, 2, &file, NULL), SAL_E_INVALID);
        assert_int_equal(build(1, strangers, 2, &file, NULL), SAL_E_INVALID);
        assert_int_equal(build(0, strangers, 2, &file, NULL), SAL_E_INVALID);
        assert_int_equal(file.len, 0);
}

/* Bends that break the signature: none of what was signed can change. */
static void tampered(void **state) {
        (void)state;
        struct sal_err err = {0};
        sal_autojson json_t *json = document();
        assert_int_equal(load(json, &err), SAL_OK);
        json_object_set_new(json_object_get(json, "signed"), "version", json_integer(2));
        assert_int_equal(load(json, &err), SAL_E_UNTRUSTED);
        sal_autojson json_t *extra = document();
        json_object_set_new(json_object_get(extra, "signed"), "x", json_null());
        assert_int_equal(load(extra, &err), SAL_E_UNTRUSTED);
        sal_autojson json_t *lowered = document();
        json_object_set_new(at(lowered, "roles", "timestamp", NULL), "keyids",
                            json_pack("[s]", sal_public_key_id(sal_private_key_public(keys[ROOT1]))));
        assert_int_equal(load(lowered, &err), SAL_E_UNTRUSTED);
        sal_autojson json_t *one = document();
        json_array_remove(json_object_get(one, "signatures"), 1);
        assert_int_equal(load(one, &err), SAL_E_UNTRUSTED);
        sal_autojson json_t *renamed = document();
        json_object_set_new(json_array_get(json_object_get(renamed, "signatures"), 0), "keyid",
                            json_string(sal_public_key_id(sal_private_key_public(keys[ROOT2]))));
        assert_int_equal(load(renamed, &err), SAL_E_UNTRUSTED);
        /* the same metadata spelled with other white space and order is still signed */
        sal_autojson json_t *spread = document();
        sal_autofree char *text = json_dumps(spread, JSON_INDENT(4));
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        assert_int_equal(sal_tuf_root_load(text, strlen(text), &root, NULL), SAL_OK);
}

static void envelope_rules(void **state) {
        (void)state;
        struct sal_err err = {0};
        sal_autojson json_t *doubled = document();
        json_t *list = json_object_get(doubled, "signatures");
        json_array_append(list, json_array_get(list, 0));
        assert_int_equal(load(doubled, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/signatures/2/keyid");
        sal_autojson json_t *member = document();
        json_object_set_new(member, "x", json_null());
        assert_int_equal(load(member, &err), SAL_E_INVALID);
        sal_autojson json_t *method = document();
        json_object_set_new(json_array_get(json_object_get(method, "signatures"), 0), "method", json_string("ed25519"));
        assert_int_equal(load(method, &err), SAL_E_INVALID);
        sal_autojson json_t *upper = document();
        json_object_set_new(json_array_get(json_object_get(upper, "signatures"), 0), "sig", json_string("AB"));
        assert_int_equal(load(upper, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/signatures/0/sig");
        static const char twice[] = "{\"signed\":{},\"signed\":{},\"signatures\":[]}";
        struct sal_tuf_root *root = NULL;
        assert_int_equal(sal_tuf_root_load(twice, strlen(twice), &root, NULL), SAL_E_MALFORMED);
        sal_autofree char *huge = calloc(1, SAL_TUF_MAX_BYTES + 1);
        assert_int_equal(sal_tuf_root_load(huge, SAL_TUF_MAX_BYTES + 1, &root, NULL), SAL_E_TOO_LARGE);
}

struct bend {
        const char *a, *b, *c, *name;
        const char *value; /* JSON, or NULL to remove */
        const char *pointer;
};

/* What the root says is wrong although two root keys signed it. */
static void content_rules(void **state) {
        (void)state;
        static const struct bend bends[] = {
                {NULL, NULL, NULL, "_type", "\"targets\"", "/signed/_type"},
                {NULL, NULL, NULL, "_type", "\"Root\"", "/signed/_type"},
                {NULL, NULL, NULL, "_type", NULL, "/signed/_type"},
                {NULL, NULL, NULL, "spec_version", "\"2.0.0\"", "/signed/spec_version"},
                {NULL, NULL, NULL, "spec_version", "\"1.x\"", "/signed/spec_version"},
                {NULL, NULL, NULL, "version", "0", "/signed/version"},
                {NULL, NULL, NULL, "version", "2147483648", "/signed/version"},
                {NULL, NULL, NULL, "version", "\"1\"", "/signed/version"},
                {NULL, NULL, NULL, "expires", "\"2027-07-22T00:00:00.5Z\"", "/signed/expires"},
                {NULL, NULL, NULL, "expires", "\"2027-07-22T00:00:00z\"", "/signed/expires"},
                {NULL, NULL, NULL, "expires", "\"2027-02-30T00:00:00Z\"", "/signed/expires"},
                {NULL, NULL, NULL, "consistent_snapshot", "1", "/signed/consistent_snapshot"},
                {NULL, NULL, NULL, "consistent_snapshot", "false", "/signed/consistent_snapshot"},
                {NULL, NULL, NULL, "consistent_snapshot", NULL, "/signed/consistent_snapshot"},
                {NULL, NULL, NULL, "roles", "{}", "/signed/roles/root"},
                {"roles", NULL, NULL, "mirrors", "{\"keyids\":[],\"threshold\":1}", "/signed/roles/mirrors"},
                {"roles", NULL, NULL, "snapshot", NULL, "/signed/roles/snapshot"},
                {"roles", "root", NULL, "threshold", "0", "/signed/roles/root/threshold"},
                {"roles", "root", NULL, "threshold", "-1", "/signed/roles/root/threshold"},
                {"roles", "root", NULL, "threshold", "4", "/signed/roles/root/threshold"},
                {"roles", "targets", NULL, "threshold", "true", "/signed/roles/targets/threshold"},
                {"roles", "timestamp", NULL, "keyids", "[]", "/signed/roles/timestamp/keyids"},
                {"roles", "timestamp", NULL, "keyids", "[\"00\"]", "/signed/roles/timestamp/keyids/0"},
                {"roles", "timestamp", NULL, "name", "\"x\"", "/signed/roles/timestamp/name"},
                {"keys", NULL, NULL, "00", "{\"keytype\":\"rsa\",\"scheme\":\"x\",\"keyval\":{\"public\":\"x\"}}",
                 "/signed/keys/00"},
                /* a good key under an id that is not its own */
                {"keys", NULL, NULL, "ab",
                 "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":"
                 "\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\"}}",
                 "/signed/keys/ab"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bends); i++) {
                const struct bend *bend = &bends[i];
                sal_autojson json_t *json = document();
                json_t *target = bend->a ? at(json, bend->a, bend->b, bend->c) : json_object_get(json, "signed");
                if (bend->value)
                        json_object_set_new(target, bend->name, json_loads(bend->value, JSON_DECODE_ANY, NULL));
                else
                        json_object_del(target, bend->name);
                struct sal_err err = {0};
                enum sal_status status = load_signed_again(json, &err);
                if (status != SAL_E_INVALID || strcmp(err.pointer, bend->pointer) != 0)
                        fail_msg("%s = %s: status %d at %s: %s", bend->name, bend->value, status, err.pointer,
                                 err.detail);
        }
}

static void key_rules(void **state) {
        (void)state;
        struct sal_err err = {0};
        const char *id = sal_public_key_id(sal_private_key_public(keys[ROOT1]));
        sal_autojson json_t *twice = document();
        json_array_append_new(at(twice, "roles", "root", "keyids"), json_string(id));
        assert_int_equal(load_signed_again(twice, &err), SAL_E_INVALID);
        assert_string_equal(err.pointer, "/signed/roles/root/keyids/3");
        /* a key object with a member more hashes to the same id in a reader that drops members */
        sal_autojson json_t *member = document();
        json_object_set_new(at(member, "keys", id, NULL), "keyid_hash_algorithms", json_array());
        assert_int_equal(load_signed_again(member, &err), SAL_E_INVALID);
        sal_autojson json_t *swapped = document();
        const char *other = sal_public_key_id(sal_private_key_public(keys[ROOT2]));
        json_object_set(at(swapped, "keys", NULL, NULL), id, at(swapped, "keys", other, NULL));
        assert_int_equal(load_signed_again(swapped, &err), SAL_E_INVALID);
        /* members of `signed` that nobody knows are covered by the signature and do no harm */
        sal_autojson json_t *unknown = document();
        json_object_set_new(json_object_get(unknown, "signed"), "x-note", json_string("by hand"));
        assert_int_equal(load_signed_again(unknown, &err), SAL_OK);
        sal_autojson json_t *real = document();
        json_object_set_new(json_object_get(real, "signed"), "x-note", json_string("y"));
        sal_autofree char *text = sal_json_dump(real);
        char *place = strstr(text, "\"x-note\":\"y\"");
        assert_non_null(place);
        memcpy(place, "\"x-note\":1.5", 12); /* a fraction has no canonical form, so it cannot be signed */
        struct sal_tuf_root *root = NULL;
        assert_int_equal(sal_tuf_root_load(text, strlen(text), &root, &err), SAL_E_INVALID);
}

/* The same P-256 key written in two ways has two ids in the role; its two signatures are one. */
static void one_key_two_ids(void **state) {
        (void)state;
        struct sal_err err = {0};
        const struct sal_public_key *half = sal_private_key_public(keys[ROOT3]);
        char text[SAL_KEY_TEXT_MAX_BYTES];
        snprintf(text, sizeof text, "%s\n", sal_public_key_text(half));
        sal_auto(sal_public_key) struct sal_public_key *twin = NULL;
        assert_int_equal(sal_public_key_new("ecdsa", "ecdsa-sha2-nistp256", text, &twin, NULL), SAL_OK);
        sal_autojson json_t *json = document();
        json_object_set_new(at(json, "keys", NULL, NULL), sal_public_key_id(twin), sal_public_key_to_json(twin));
        json_t *role = at(json, "roles", "root", NULL);
        json_object_set_new(role, "keyids", json_pack("[s, s]", sal_public_key_id(half), sal_public_key_id(twin)));
        assert_int_equal(load_signed_again(json, &err), SAL_E_INVALID); /* threshold 2 of one key */
        assert_string_equal(err.pointer, "/signed/roles/root/threshold");
        json_array_append_new(json_object_get(role, "keyids"),
                              json_string(sal_public_key_id(sal_private_key_public(keys[ROOT1]))));
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        const struct sal_private_key *signers[] = {keys[ROOT3], keys[ROOT3]};
        assert_int_equal(sal_tuf_sign(json_object_get(json, "signed"), signers, 2, &file, NULL), SAL_OK);
        sal_autojson json_t *again = NULL;
        assert_int_equal(sal_json_parse(file.data, file.len, 32, &again, NULL), SAL_OK);
        json_object_set_new(json_array_get(json_object_get(again, "signatures"), 1), "keyid",
                            json_string(sal_public_key_id(twin)));
        assert_int_equal(load(again, &err), SAL_E_UNTRUSTED);
        assert_non_null(strstr(err.detail, "there are 1"));
}

static void successor(void **state) {
        (void)state;
        struct sal_err err = {0};
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        make(&file);
        sal_auto(sal_tuf_root) struct sal_tuf_root *first = NULL;
        assert_int_equal(sal_tuf_root_load(file.data, file.len, &first, NULL), SAL_OK);
        const struct sal_private_key *signers[] = {keys[ROOT2], keys[ROOT3]};
        for (int64_t version = 1; version <= 3; version++) {
                sal_autobuf struct sal_buf next = SAL_BUF_INIT;
                sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
                assert_int_equal(build(version, signers, 2, &next, NULL), SAL_OK);
                assert_int_equal(sal_tuf_root_load_next(first, next.data, next.len, &root, &err),
                                 version == 2 ? SAL_OK : SAL_E_UNTRUSTED);
        }
        /* A root of other keys: sound by itself, but the present root's keys did not sign it. */
        struct sal_private_key *old[KEYS];
        memcpy(old, keys, sizeof old);
        for (int i = 0; i < KEYS; i++)
                keys[i] = make_key(SAL_KEY_ED25519);
        const struct sal_private_key *fresh[] = {keys[ROOT1], keys[ROOT2]};
        const struct sal_private_key *both[] = {keys[ROOT1], keys[ROOT2], old[ROOT1], old[ROOT3]};
        sal_autobuf struct sal_buf alone = SAL_BUF_INIT;
        sal_autobuf struct sal_buf handed = SAL_BUF_INIT;
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        assert_int_equal(build(2, fresh, 2, &alone, NULL), SAL_OK);
        assert_int_equal(sal_tuf_root_load_next(first, alone.data, alone.len, &root, &err), SAL_E_UNTRUSTED);
        assert_int_equal(build(2, both, 4, &handed, NULL), SAL_OK);
        assert_int_equal(sal_tuf_root_load_next(first, handed.data, handed.len, &root, &err), SAL_OK);
        for (int i = 0; i < KEYS; i++) {
                sal_private_key_free(keys[i]);
                keys[i] = old[i];
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(made_and_read),   cmocka_unit_test(not_made),      cmocka_unit_test(tampered),
                cmocka_unit_test(envelope_rules),  cmocka_unit_test(content_rules), cmocka_unit_test(key_rules),
                cmocka_unit_test(one_key_two_ids), cmocka_unit_test(successor),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
