/* SPDX-License-Identifier: Apache-2.0 */
/* Points and signatures as tokens give them, and keys that an external signer holds. */
#include "testing.h"

#include "base/mem.h"
#include "trust/crypto.h"
#include "trust/file.h"
#include "trust/key_form.h"

#include <openssl/bn.h>
#include <openssl/ec.h>

enum { RAW = SAL_P256_RAW_SIGNATURE_BYTES, NUMBER = RAW / 2 };

#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_LESS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define HIGH_BIT_LOW "0000000000000000000000000000000000000000000000000000000000000080"
#define HIGH_BIT_TOP "80000000000000000000000000000000000000000000000000000000000000ff"
#define NO_HIGH_BIT "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define LEADING_ZEROS "0000000000ff00000000000000000000000000000000000000000000000000aa"
#define ALL_ONES "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void raw_of(const char *r, const char *s, uint8_t ret[static RAW]) {
        assert_int_equal(sal_hex_decode(r, strlen(r), ret, NUMBER), SAL_OK);
        assert_int_equal(sal_hex_decode(s, strlen(s), ret + NUMBER, NUMBER), SAL_OK);
}

static void numbers_become_der(void **state) {
        (void)state;
        static const char *const numbers[] = {ONE,         HIGH_BIT_LOW,  HIGH_BIT_TOP,
                                              NO_HIGH_BIT, LEADING_ZEROS, ORDER_LESS_1};
        for (size_t i = 0; i < SAL_ARRAY_LEN(numbers); i++)
                for (size_t j = 0; j < SAL_ARRAY_LEN(numbers); j++) {
                        uint8_t raw[RAW], der[SAL_SIGNATURE_MAX_BYTES];
                        size_t len = 0;
                        raw_of(numbers[i], numbers[j], raw);
                        assert_int_equal(sal_signature_from_raw(raw, sizeof raw, der, &len, NULL), SAL_OK);
                        /* OpenSSL's encoder is the judge. */
                        ECDSA_SIG *sig = ECDSA_SIG_new();
                        assert_int_equal(ECDSA_SIG_set0(sig, BN_bin2bn(raw, NUMBER, NULL),
                                                        BN_bin2bn(raw + NUMBER, NUMBER, NULL)),
                                         1);
                        unsigned char *wanted = NULL;
                        int wanted_len = i2d_ECDSA_SIG(sig, &wanted);
                        assert_int_equal(len, wanted_len);
                        assert_memory_equal(der, wanted, len);
                        OPENSSL_free(wanted);
                        ECDSA_SIG_free(sig);
                }
}

static void the_longest_and_the_shortest(void **state) {
        (void)state;
        uint8_t raw[RAW], der[SAL_SIGNATURE_MAX_BYTES];
        size_t len = 0;
        raw_of(ORDER_LESS_1, HIGH_BIT_TOP, raw);
        assert_int_equal(sal_signature_from_raw(raw, sizeof raw, der, &len, NULL), SAL_OK);
        assert_int_equal(len, SAL_SIGNATURE_MAX_BYTES);
        raw_of(ONE, ONE, raw);
        assert_int_equal(sal_signature_from_raw(raw, sizeof raw, der, &len, NULL), SAL_OK);
        static const uint8_t shortest[] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
        assert_int_equal(len, sizeof shortest);
        assert_memory_equal(der, shortest, sizeof shortest);
}

static void what_is_no_signature(void **state) {
        (void)state;
        static const char *const bad[] = {ZERO, ORDER, ALL_ONES};
        uint8_t raw[RAW], der[SAL_SIGNATURE_MAX_BYTES];
        size_t len = 7;
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                raw_of(bad[i], ONE, raw);
                assert_int_equal(sal_signature_from_raw(raw, sizeof raw, der, &len, NULL), SAL_E_INVALID);
                raw_of(ONE, bad[i], raw);
                assert_int_equal(sal_signature_from_raw(raw, sizeof raw, der, &len, NULL), SAL_E_INVALID);
        }
        raw_of(ONE, ONE, raw);
        static const size_t lengths[] = {0, 1, 32, 63};
        for (size_t i = 0; i < SAL_ARRAY_LEN(lengths); i++)
                assert_int_equal(sal_signature_from_raw(raw, lengths[i], der, &len, NULL), SAL_E_INVALID);
        assert_int_equal(len, 7);
}

/* The point behind a key's SubjectPublicKeyInfo, wrapped or not. */
static size_t point_of(const struct sal_public_key *key, bool wrapped, uint8_t ret[static 80]) {
        size_t len = 0;
        const uint8_t *spki = sal_public_key_spki(key, &len);
        size_t skip = sal_public_key_type(key) == SAL_KEY_ED25519 ? SAL_SPKI_ED25519_BYTES : SAL_SPKI_P256_BYTES;
        size_t at = 0;
        if (wrapped) {
                ret[at++] = 0x04;
                ret[at++] = (uint8_t)(len - skip);
        }
        memcpy(ret + at, spki + skip, len - skip);
        return at + len - skip;
}

static void points_in_every_form(void **state) {
        (void)state;
        for (int type = SAL_KEY_ED25519; type <= SAL_KEY_P256; type++) {
                sal_auto(sal_private_key) struct sal_private_key *key = make_key((enum sal_key_type)type);
                const struct sal_public_key *wanted = sal_private_key_public(key);
                for (int wrapped = 0; wrapped <= 1; wrapped++) {
                        uint8_t point[80];
                        size_t len = point_of(wanted, wrapped, point);
                        sal_auto(sal_public_key) struct sal_public_key *read = NULL;
                        assert_int_equal(sal_public_key_from_point((enum sal_key_type)type, point, len, &read, NULL),
                                         SAL_OK);
                        assert_true(sal_public_key_equal(read, wanted));
                        assert_string_equal(sal_public_key_id(read), sal_public_key_id(wanted));
                }
        }
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_P256);
        uint8_t point[80];
        point_of(sal_private_key_public(key), false, point);
        point[0] = (uint8_t)(2 + (point[64] & 1)); /* SEC 1 section 2.3.3: compressed */
        sal_auto(sal_public_key) struct sal_public_key *read = NULL;
        assert_int_equal(sal_public_key_from_point(SAL_KEY_P256, point, 33, &read, NULL), SAL_OK);
        assert_true(sal_public_key_equal(read, sal_private_key_public(key)));
}

static void what_is_no_point(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *key = make_key(SAL_KEY_P256);
        uint8_t point[80];
        size_t len = point_of(sal_private_key_public(key), true, point);
        struct sal_public_key *none = NULL;
        for (size_t cut = 0; cut < len; cut++) /* a raw point of 33 bytes would have to begin with 2 or 3 */
                assert_int_equal(sal_public_key_from_point(SAL_KEY_P256, point, cut, &none, NULL), SAL_E_INVALID);
        assert_int_equal(sal_public_key_from_point(SAL_KEY_ED25519, point, len, &none, NULL), SAL_E_INVALID);
        point[40] ^= 1; /* off the curve */
        assert_int_equal(sal_public_key_from_point(SAL_KEY_P256, point, len, &none, NULL), SAL_E_INVALID);
        point[40] ^= 1;
        point[2] = 0x06; /* a hybrid point */
        assert_int_equal(sal_public_key_from_point(SAL_KEY_P256, point, len, &none, NULL), SAL_E_INVALID);
        point[2] = 0x04;
        point[1]--; /* a length that does not fit */
        assert_int_equal(sal_public_key_from_point(SAL_KEY_P256, point, len, &none, NULL), SAL_E_INVALID);
        static const uint8_t small[32] = {1};
        assert_int_equal(sal_public_key_from_point(SAL_KEY_ED25519, small, sizeof small, &none, NULL), SAL_E_INVALID);
        assert_null(none);
}

/* ---- external signers ---- */

struct box {
        struct sal_private_key *key; /* signs in truth */
        enum sal_status fails;
        bool lies;
        int freed;
};

static enum sal_status box_sign(void *context, const void *message, size_t len, uint8_t *ret_sig, size_t *ret_sig_len,
                                struct sal_err *reterr) {
        const struct box *box = context;
        if (box->fails)
                return sal_fail(reterr, box->fails, "the box says no");
        enum sal_status status = sal_private_key_sign(box->key, message, len, ret_sig, ret_sig_len, reterr);
        if (box->lies)
                ret_sig[*ret_sig_len - 1] ^= 1;
        return status;
}

static void box_free(void *context) {
        struct box *box = context;
        box->freed++;
}

static void a_signer_signs(void **state) {
        (void)state;
        for (int type = SAL_KEY_ED25519; type <= SAL_KEY_P256; type++) {
                sal_auto(sal_private_key) struct sal_private_key *inner = make_key((enum sal_key_type)type);
                struct box box = {.key = inner};
                const struct sal_key_signer signer = {.sign = box_sign, .free = box_free, .context = &box};
                struct sal_private_key *key = NULL;
                struct sal_err err = {0};
                uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
                size_t len = 0;
                assert_int_equal(sal_private_key_external_take(sal_private_key_public(inner), &signer, &key, &err),
                                 SAL_OK);
                assert_int_equal(sal_private_key_sign(key, "hello", 5, sig, &len, &err), SAL_OK);
                assert_true(sal_public_key_verify(sal_private_key_public(key), "hello", 5, sig, len));
                box.lies = true;
                size_t untouched = 0;
                assert_int_equal(sal_private_key_sign(key, "hello", 5, sig, &untouched, &err), SAL_E_CORRUPT);
                assert_int_equal(untouched, 0);
                assert_non_null(strstr(err.detail, sal_public_key_id(sal_private_key_public(key))));
                box.fails = SAL_E_UNAUTHENTICATED;
                assert_int_equal(sal_private_key_sign(key, "hello", 5, sig, &untouched, &err), SAL_E_UNAUTHENTICATED);
                assert_string_equal(err.detail, "the box says no");
                sal_private_key_free(key);
                assert_int_equal(box.freed, 1);
        }
}

static void a_signers_key_goes_nowhere(void **state) {
        (void)state;
        sal_auto(sal_private_key) struct sal_private_key *inner = make_key(SAL_KEY_P256);
        struct box box = {.key = inner};
        const struct sal_key_signer signer = {.sign = box_sign, .free = box_free, .context = &box};
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        assert_int_equal(sal_private_key_external_take(sal_private_key_public(inner), &signer, &key, NULL), SAL_OK);
        const char *folder = make_folder();
        char path[128];
        snprintf(path, sizeof path, "%s/key.pem", folder);
        assert_int_equal(sal_private_key_save(key, path, NULL), SAL_E_REFUSED);
        assert_int_equal(sal_key_file_save(key, "a good passphrase", 17, path, NULL), SAL_E_REFUSED);
        char *bytes = NULL;
        size_t len = 0;
        assert_int_equal(sal_file_read(path, 1000, &bytes, &len, NULL), SAL_E_NOT_FOUND);
        drop_folder(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_become_der),         cmocka_unit_test(the_longest_and_the_shortest),
                cmocka_unit_test(what_is_no_signature),       cmocka_unit_test(points_in_every_form),
                cmocka_unit_test(what_is_no_point),           cmocka_unit_test(a_signer_signs),
                cmocka_unit_test(a_signers_key_goes_nowhere),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
