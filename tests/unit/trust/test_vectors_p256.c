/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA P-256 keys and signatures that are almost right, see vectors/p256.py.
 *
 * One malleability is a part of ECDSA: (r, n - s) is a signature wherever (r, s) is. It is accepted, because hardware
 * tokens make either, and does no harm, because nothing is told apart by a signature's bytes: signers are counted by
 * public key, and what is signed or listed is named by the digest of the whole file.
 */
#include "vectors/vectors.h"

#include "trust/dsse.h"

static void table(void **state) {
        (void)state;
        vectors_all("p256.json", 600);
}

/* Finds a case of the first group by what it says. Borrowed. */
static const json_t *find(const json_t *table, const char *what) {
        const json_t *tests = json_object_get(json_array_get(json_object_get(table, "groups"), 0), "tests");
        for (size_t i = 0; i < json_array_size(tests); i++)
                if (strcmp(vectors_text(json_array_get(tests, i), "what"), what) == 0)
                        return json_array_get(tests, i);
        fail_msg("no case \"%s\"", what);
        return NULL;
}

/* Both signatures of a pair verify and are one signer. */
static void the_other_signature_counts_once(void **state) {
        (void)state;
        sal_autojson json_t *vectors = vectors_load("p256.json");
        const json_t *group = json_array_get(json_object_get(vectors, "groups"), 0);
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        assert_int_equal(vectors_key(false, vectors_text(group, "key"), &key, NULL), SAL_OK);
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        static const char *const both[] = {"honest", "r, n - s: the other signature of the pair"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(both); i++) {
                const json_t *test = find(vectors, both[i]);
                size_t len = 0, sig_len = 0;
                sal_autofree uint8_t *message = vectors_bytes(test, "message", &len);
                sal_autofree uint8_t *sig = vectors_bytes(test, "sig", &sig_len);
                assert_true(sal_public_key_verify(key, message, len, sig, sig_len));
                assert_int_equal(sal_key_set_add(&set, key), SAL_OK);
        }
        assert_int_equal(set.count, 1);
}

/* The point compressed and uncompressed are two spellings with one identity. */
static void both_spellings_are_one_key(void **state) {
        (void)state;
        sal_autojson json_t *vectors = vectors_load("p256.json");
        const json_t *groups = json_object_get(vectors, "groups");
        sal_auto(sal_public_key) struct sal_public_key *plain = NULL;
        assert_int_equal(vectors_key(false, vectors_text(json_array_get(groups, 0), "key"), &plain, NULL), SAL_OK);
        for (size_t i = 0; i < json_array_size(groups); i++) {
                const json_t *group = json_array_get(groups, i);
                if (strcmp(vectors_text(group, "what"), "compressed") != 0)
                        continue;
                sal_auto(sal_public_key) struct sal_public_key *compressed = NULL;
                assert_int_equal(vectors_key(false, vectors_text(group, "key"), &compressed, NULL), SAL_OK);
                assert_true(sal_public_key_equal(plain, compressed));
                assert_string_equal(sal_public_key_id(plain), sal_public_key_id(compressed));
                return;
        }
        fail_msg("no compressed key in the table");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(table),
                cmocka_unit_test(the_other_signature_counts_once),
                cmocka_unit_test(both_spellings_are_one_key),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
