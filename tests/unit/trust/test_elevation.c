/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs for elevated acts: both sides, the header, and signatures made for something else. */
#include "testing.h"

#include "base/mem.h"
#include "trust/elevation.h"

static void both_sides(void **state) {
        (void)state;
        for (int type = 0; type < 2; type++) {
                sal_auto(sal_private_key) struct sal_private_key *key = make_key((enum sal_key_type)type);
                const struct sal_public_key *half = sal_private_key_public(key);
                char challenge[SAL_ELEVATION_CHALLENGE_BYTES], other[SAL_ELEVATION_CHALLENGE_BYTES];
                sal_elevation_challenge(challenge);
                sal_elevation_challenge(other);
                assert_int_equal(strlen(challenge), 43);
                assert_string_not_equal(challenge, other);
                sal_autofree char *value = NULL;
                assert_int_equal(sal_elevation_sign(key, "el-01", challenge, &value, NULL), SAL_OK);
                struct sal_elevation_header header;
                assert_int_equal(sal_elevation_header_parse(value, strlen(value), &header, NULL), SAL_OK);
                assert_string_equal(header.id, "el-01");
                assert_true(sal_elevation_verify(half, challenge, header.proof, header.proof_len));
                assert_false(sal_elevation_verify(half, other, header.proof, header.proof_len));
                assert_false(sal_elevation_verify(half, "", header.proof, header.proof_len));
                assert_false(sal_elevation_verify(half, challenge, header.proof, header.proof_len - 1));
                header.proof[10] ^= 1;
                assert_false(sal_elevation_verify(half, challenge, header.proof, header.proof_len));
                sal_auto(sal_private_key) struct sal_private_key *stranger = make_key((enum sal_key_type)type);
                header.proof[10] ^= 1;
                assert_false(sal_elevation_verify(sal_private_key_public(stranger), challenge, header.proof,
                                                  header.proof_len));
        }
}

/* The bytes that are signed are exactly prefix, NUL, challenge; the challenge alone is not enough. */
static void what_is_signed(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_ED25519);
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t len = 0;
        static const char message[] = "salvor-elevation-v1\0abc";
        assert_int_equal(sal_private_key_sign(key, message, sizeof message - 1, sig, &len, NULL), SAL_OK);
        assert_true(sal_elevation_verify(sal_private_key_public(key), "abc", sig, len));
        assert_int_equal(sal_private_key_sign(key, "abc", 3, sig, &len, NULL), SAL_OK);
        assert_false(sal_elevation_verify(sal_private_key_public(key), "abc", sig, len));
        static const char joined[] = "salvor-elevation-v1abc";
        assert_int_equal(sal_private_key_sign(key, joined, sizeof joined - 1, sig, &len, NULL), SAL_OK);
        assert_false(sal_elevation_verify(sal_private_key_public(key), "abc", sig, len));
}

static void header_syntax(void **state) {
        (void)state;
        static const char *const bad[] = {
                "",
                ".",
                "a",
                "a.",
                ".AAAA",
                "a.AAA=",
                "a.AA+A",
                "a.AA/A",
                "a. AAAA",
                " a.AAAA",
                "a.AAAA ",
                "a b.AAAA",
                "a..AAAA",
                "a.A",
                "a.AB",
                "a.AA.AA",
                "a/b.AAAA",
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.AAAA",
                /* 73 bytes */
                "a.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        };
        struct sal_elevation_header header;
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++)
                if (sal_elevation_header_parse(bad[i], strlen(bad[i]), &header, NULL) != SAL_E_MALFORMED)
                        fail_msg("accepted: %s", bad[i]);
        assert_int_equal(sal_elevation_header_parse("A-z_9.AAAA", 10, &header, NULL), SAL_OK);
        assert_int_equal(header.proof_len, 3);
}

/* The client does not sign what only looks like a challenge. */
static void server_cannot_choose_the_message(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_ED25519);
        char *value = NULL;
        assert_int_equal(sal_elevation_sign(key, "id", "", &value, NULL), SAL_E_INVALID);
        assert_int_equal(sal_elevation_sign(key, "id", "a\nb", &value, NULL), SAL_E_INVALID);
        assert_int_equal(sal_elevation_sign(key, "id", "DSSEv1 1 t", &value, NULL), SAL_E_INVALID);
        assert_int_equal(sal_elevation_sign(key, "id\r\nX: y", "abc", &value, NULL), SAL_E_INVALID);
        assert_int_equal(sal_elevation_sign(key, "", "abc", &value, NULL), SAL_E_INVALID);
        char text[258];
        memset(text, 'a', 257);
        text[257] = '\0';
        assert_int_equal(sal_elevation_sign(key, "id", text, &value, NULL), SAL_E_INVALID);
        assert_null(value);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_sides),
                cmocka_unit_test(what_is_signed),
                cmocka_unit_test(header_syntax),
                cmocka_unit_test(server_cannot_choose_the_message),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
