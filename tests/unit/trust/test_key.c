/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures: published vectors, and every way in which a key or a signature can be almost right. */
#include "testing.h"

#include "base/mem.h"
#include "trust/crypto.h"

#include <openssl/pem.h>
#include <sys/stat.h>

#define SAMPLE_SPKI                                                                                                    \
        "3059301306072a8648ce3d020106082a8648ce3d0301070342000460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce66962" \
        "2e"                                                                                                           \
        "60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define SAMPLE_PEM                                                           \
        "-----BEGIN PUBLIC KEY-----\n"                                       \
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n" \
        "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"     \
        "-----END PUBLIC KEY-----\n"
#define PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define SAMPLE_R "022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define SAMPLE_S "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define ORDER "022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

/* RFC 8032 section 7.1: TEST 1, 2, 3 and SHA(abc). */
static const struct {
        const char *seed, *public_text, *message, *sig;
} rfc8032[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bb"
         "e246551"
         "41438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302"
         "aeeb00d"
         "291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed"
         "28dc027"
         "beceea1ec40a"},
        {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
         "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce"
         "80e2a9a"
         "c94fa54ca49f",
         "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac"
         "17ad9be"
         "f1177331a704"},
};

static struct sal_public_key *ed25519(const char *text) {
        struct sal_public_key *key = NULL;
        struct sal_err err = {0};
        if (sal_public_key_new("ed25519", "ed25519", text, &key, &err))
                fail_msg("%s: %s", text, err.detail);
        return key;
}

static struct sal_public_key *sample_key(void) {
        struct sal_public_key *key = NULL;
        assert_int_equal(sal_public_key_new("ecdsa", "ecdsa-sha2-nistp256", SAMPLE_PEM, &key, NULL), SAL_OK);
        return key;
}

static bool verify_hex(const struct sal_public_key *key, const void *message, size_t len, const char *sig_hex) {
        size_t sig_len = 0;
        sal_autofree uint8_t *sig = from_hex(sig_hex, &sig_len);
        return sal_public_key_verify(key, message, len, sig, sig_len);
}

/* A PKCS#8 file around a raw Ed25519 seed (RFC 8410 section 7). */
static struct sal_private_key *key_of_seed(const char *seed_hex) {
        static const uint8_t prefix[] = {0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20};
        uint8_t der[48];
        char pem[256];
        memcpy(der, prefix, sizeof prefix);
        assert_int_equal(sal_hex_decode(seed_hex, 64, der + sizeof prefix, 32), SAL_OK);
        sal_autofree char *base64 = sal_base64_encode(der, sizeof der);
        int len = snprintf(pem, sizeof pem,
                           "-----BEGIN "
                           "PRIVATE KEY-----\n%s\n-----END "
                           "PRIVATE KEY-----\n",
                           base64);
        struct sal_private_key *key = NULL;
        assert_int_equal(sal_private_key_from_pem(pem, (size_t)len, NULL, &key, NULL), SAL_OK);
        return key;
}

static void rfc8032_vectors(void **state) {
        (void)state;
        for (size_t i = 0; i < SAL_ARRAY_LEN(rfc8032); i++) {
                sal_auto(sal_private_key) struct sal_private_key *key = key_of_seed(rfc8032[i].seed);
                const struct sal_public_key *half = sal_private_key_public(key);
                assert_string_equal(sal_public_key_text(half), rfc8032[i].public_text);
                size_t len = 0;
                sal_autofree uint8_t *message = from_hex(rfc8032[i].message, &len);
                uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
                size_t sig_len = 0;
                char hex[2 * SAL_SIGNATURE_MAX_BYTES + 1];
                assert_int_equal(sal_private_key_sign(key, message, len, sig, &sig_len, NULL), SAL_OK);
                sal_hex_encode(sig, sig_len, hex);
                assert_string_equal(hex, rfc8032[i].sig);
                sal_auto(sal_public_key) struct sal_public_key *alone = ed25519(rfc8032[i].public_text);
                assert_true(sal_public_key_verify(alone, message, len, sig, sig_len));
                assert_true(sal_public_key_equal(alone, half));
        }
}

/* S + L is the same signature to a sloppy reader (RFC 8032 section 5.1.7 refuses S >= L). */
static void ed25519_negatives(void **state) {
        (void)state;
        sal_auto(sal_public_key) struct sal_public_key *key = ed25519(rfc8032[2].public_text);
        static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                          0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
        const uint8_t message[] = {0xaf, 0x82};
        size_t len = 0;
        sal_autofree uint8_t *sig = from_hex(rfc8032[2].sig, &len);
        assert_true(sal_public_key_verify(key, message, sizeof message, sig, len));
        assert_false(sal_public_key_verify(key, message, sizeof message, sig, len - 1));
        assert_false(sal_public_key_verify(key, message, sizeof message, sig, 0));
        assert_false(sal_public_key_verify(key, message, sizeof message, NULL, 0));
        assert_false(sal_public_key_verify(key, message, 1, sig, len));
        uint8_t longer[65] = {0};
        memcpy(longer, sig, 64);
        assert_false(sal_public_key_verify(key, message, sizeof message, longer, sizeof longer));
        for (size_t bit = 0; bit < 512; bit++) {
                sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_false(sal_public_key_verify(key, message, sizeof message, sig, len));
                sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        unsigned carry = 0;
        for (size_t i = 0; i < 32; i++) {
                carry += (unsigned)sig[32 + i] + order[i];
                sig[32 + i] = (uint8_t)carry;
                carry >>= 8;
        }
        assert_false(sal_public_key_verify(key, message, sizeof message, sig, len));
        sal_auto(sal_public_key) struct sal_public_key *other = ed25519(rfc8032[1].public_text);
        assert_false(verify_hex(other, message, sizeof message, rfc8032[2].sig));
}

/* Points for which anyone can sign, and second spellings of points. */
static void ed25519_bad_points(void **state) {
        (void)state;
        static const char *const bad[] = {
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0000000000000000000000000000000000000000000000000000000000000080",
                "0100000000000000000000000000000000000000000000000000000000000000",
                "0100000000000000000000000000000000000000000000000000000000000080",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                struct sal_public_key *key = NULL;
                assert_int_equal(sal_public_key_new("ed25519", "ed25519", bad[i], &key, NULL), SAL_E_INVALID);
                assert_null(key);
        }
}

/* RFC 6979 section A.2.5, SHA-256, message "sample"; and what becomes of it under the rules of DER and of ECDSA. */
static void p256_signatures(void **state) {
        (void)state;
        sal_auto(sal_public_key) struct sal_public_key *key = sample_key();
        static const char good[] = "3046" SAMPLE_R SAMPLE_S;
        /* (r, n - s) is the other signature of the same pair; it counts for the same key, so it does no harm. */
        static const char low[] =
                "3045" SAMPLE_R "02200834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9";
        assert_true(verify_hex(key, "sample", 6, good));
        assert_true(verify_hex(key, "sample", 6, low));
        assert_false(verify_hex(key, "test", 4, good));
        static const struct {
                const char *what, *sig;
        } bad[] = {
#define LOW_S "02200834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9"
                {"a byte behind", "3045" SAMPLE_R LOW_S "00"},
                {"a byte behind, inside", "3046" SAMPLE_R LOW_S "00"},
                {"length in long form", "308145" SAMPLE_R LOW_S},
                {"padded s", "3046" SAMPLE_R "0221000834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9"},
                {"r without its zero",
                 "30440220efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" LOW_S},
                {"truncated", "3045" SAMPLE_R "02200834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857"},
                {"set for sequence", "3145" SAMPLE_R LOW_S},
                {"indefinite length", "3080020100020100"
                                      "0000"},
                {"r = 0", "3026020100" SAMPLE_S},
                {"s = 0", "3026" SAMPLE_R "020100"},
                {"both 0", "3006020100020100"},
                {"both 1", "3006020101020101"},
                {"r = n", "3046" ORDER SAMPLE_S},
                {"s = n", "3046" SAMPLE_R ORDER},
                {"r + n", "3046022101efd48b29acb6a8fe1140dd9cd45e81d65a138228fdc29816b706d96b4b125c67" SAMPLE_S},
                {"s + n", "3046" SAMPLE_R "022101f7cb1c932d657c42d436c7a1b6e29f65b0cffb8960c7928b417e75f2809df2f9"},
                {"n - r", "30450220102b74d453495703eebf22632ba17e291fba7332506ca4f3306cbc1aadb3ee3b" SAMPLE_S},
                {"swapped", "3046" SAMPLE_S SAMPLE_R},
                {"raw r and s", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                                "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
                {"r alone", "3023" SAMPLE_R},
                {"empty sequence", "3000"},
                {"nothing", ""},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++)
                if (verify_hex(key, "sample", 6, bad[i].sig))
                        fail_msg("accepted: %s", bad[i].what);
}

static enum sal_status from_spki_hex(const char *hex, struct sal_public_key **ret, struct sal_err *err) {
        size_t len = 0;
        sal_autofree uint8_t *der = from_hex(hex, &len);
        return sal_public_key_from_spki(der, len, ret, err);
}

/* A compressed point is the same key; every other deviation is none. */
static void spki_forms(void **state) {
        (void)state;
        sal_auto(sal_public_key) struct sal_public_key *key = sample_key();
        sal_auto(sal_public_key) struct sal_public_key *plain = NULL;
        sal_auto(sal_public_key) struct sal_public_key *compressed = NULL;
        assert_int_equal(from_spki_hex(SAMPLE_SPKI, &plain, NULL), SAL_OK);
        assert_int_equal(
                from_spki_hex("3039301306072a8648ce3d020106082a8648ce3d0301070322000360fed4ba255a9d31c961eb74c6356d68c0"
                              "49b8923b61fa6ce669622e60f29fb6",
                              &compressed, NULL),
                SAL_OK);
        assert_true(sal_public_key_equal(plain, key));
        assert_true(sal_public_key_equal(compressed, key));
        assert_string_equal(sal_public_key_id(compressed), sal_public_key_id(key));
        assert_string_equal(sal_public_key_text(plain), SAMPLE_PEM);
        assert_true(verify_hex(compressed, "sample", 6, "3046" SAMPLE_R SAMPLE_S));
        static const char *const bad[] = {
                SAMPLE_SPKI "00", /* a byte behind */
                /* hybrid form */
                "3059301306072a8648ce3d020106082a8648ce3d0301070342000760fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6c"
                "e669622e60"
                "f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
                /* off the curve */
                "3059301306072a8648ce3d020106082a8648ce3d0301070342000460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6c"
                "e669622e60"
                "f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462298",
                /* the point at infinity */
                "3019301306072a8648ce3d020106082a8648ce3d03010703020000",
                /* explicit curve parameters */
                "3082014b3082010306072a8648ce3d02013081f7020101302c06072a8648ce3d0101022100ffffffff00000001000000000000"
                "000000000000"
                "ffffffffffffffffffffffff305b0420ffffffff00000001000000000000000000000000fffffffffffffffffffffffc04205a"
                "c635d8aa3a"
                "93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441"
                "046b17d1f2"
                "e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315e"
                "cecbb64068"
                "37bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63255102010103420004ab7a48e1a7"
                "6627fda822"
                "a2ce249516cf7a3cb1334b40a5fa35bd1036c4f51f4e5a6cc256a8935654b45f0c463a76b52d7fdf1eb9db7243c1418e9b3c6c"
                "917450",
                /* RSA */
                "30819f300d06092a864886f70d010101050003818d0030818902818100eb89e12298de3229c714e187bc3272928aa96224b164"
                "1f87eca80ded"
                "60090ba39d6fc5f56a209d4f60a2f34861fa8d8823c30127d9c2d3a1098bd4c8e90f3c66f4481ac8df83f56ce9ed4b02dd236a"
                "9afbf41cb6"
                "bbfc448fe0f15b7954792343e1ccc6f5872cc7e745e266864f9e7db59b537f2b76993eac564d737b43971ccf0203010001",
                /* P-384 */
                "3076301006072a8648ce3d020106052b8104002203620004a360923e8756b67755148ad894a8df6c4d9c1be202cf9a8ae103dc"
                "418deeaea6b9"
                "d9aad7c25a50e60a80fc92fc521284ec35d3a06ae9f2befd8fa63e1c2d008753759a6bc1c66746198fa1d8c3d0f1ce370b3b73"
                "d98f3c6704"
                "397e401c669614",
                "",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                struct sal_public_key *none = NULL;
                struct sal_err err = {0};
                assert_int_equal(from_spki_hex(bad[i], &none, &err), SAL_E_INVALID);
                assert_null(none);
                assert_true(err.detail[0]);
        }
}

/* Key ids were computed apart from this code, from the definition. */
static void key_ids(void **state) {
        (void)state;
        sal_auto(sal_public_key) struct sal_public_key *first = ed25519(rfc8032[0].public_text);
        assert_string_equal(sal_public_key_id(first),
                            "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916");
        sal_auto(sal_public_key) struct sal_public_key *second = sample_key();
        assert_string_equal(sal_public_key_id(second),
                            "716d622ec609eff48475645919645bb30ef604f59a69c764608fb64272dd5fe5");
        /* One line end less: another text, another id, the same key. */
        char text[512];
        snprintf(text, sizeof text, "%.*s", (int)strlen(SAMPLE_PEM) - 1, SAMPLE_PEM);
        sal_auto(sal_public_key) struct sal_public_key *third = NULL;
        assert_int_equal(sal_public_key_new("ecdsa", "ecdsa-sha2-nistp256", text, &third, NULL), SAL_OK);
        assert_string_not_equal(sal_public_key_id(third), sal_public_key_id(second));
        assert_true(sal_public_key_equal(third, second));
        sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
        assert_int_equal(sal_key_set_add(&set, second), SAL_OK);
        assert_int_equal(sal_key_set_add(&set, third), SAL_OK);
        assert_int_equal(sal_key_set_add(&set, first), SAL_OK);
        assert_int_equal(set.count, 2);
}

static void key_objects(void **state) {
        (void)state;
        static const struct {
                const char *keytype, *scheme, *text;
        } bad[] = {
                {"rsa", "rsassa-pss-sha256", SAMPLE_PEM},
                {"ed25519", "ed25519ph", PUBLIC},
                {"ed25519", "ecdsa-sha2-nistp256", PUBLIC},
                {"ED25519", "ed25519", PUBLIC},
                {"ecdsa", "ed25519", SAMPLE_PEM},
                {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", SAMPLE_PEM},
                {"ed25519", "ed25519", "D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A"},
                {"ed25519", "ed25519", "d75a98"},
                {"ed25519", "ed25519", ""},
                {"ecdsa", "ecdsa-sha2-nistp256", PUBLIC},
                {"ecdsa", "ecdsa-sha2-nistp256", ""},
                {"ecdsa", "ecdsa-sha2-nistp256", " " SAMPLE_PEM},
                {"ecdsa", "ecdsa-sha2-nistp256", SAMPLE_PEM "x"},
                {"ecdsa", "ecdsa-sha2-nistp256", SAMPLE_PEM SAMPLE_PEM},
                {"ecdsa", "ecdsa-sha2-nistp256",
                 "-----BEGIN PUBLIC KEY-----\n"
                 "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                 "-----END PUBLIC KEY-----\n"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                struct sal_public_key *key = NULL;
                assert_int_equal(sal_public_key_new(bad[i].keytype, bad[i].scheme, bad[i].text, &key, NULL),
                                 SAL_E_INVALID);
        }
        static const char *const documents[] = {
                "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" PUBLIC "\"},\"x\":1}",
                "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" PUBLIC
                "\",\"private\":\"\"}}",
                "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":\"" PUBLIC "\"}",
                "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"" PUBLIC "\"}}",
                "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" PUBLIC
                "\"}}", /* the good one */
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(documents); i++) {
                sal_autojson json_t *json = NULL;
                assert_int_equal(sal_json_parse(documents[i], strlen(documents[i]), 8, &json, NULL), SAL_OK);
                struct sal_json_at at = sal_json_root(json);
                sal_auto(sal_public_key) struct sal_public_key *key = NULL;
                enum sal_status status = sal_public_key_from_json(&at, &key, NULL);
                assert_int_equal(status, i + 1 == SAL_ARRAY_LEN(documents) ? SAL_OK : SAL_E_INVALID);
        }
}

static void save_and_load(void **state) {
        (void)state;
        const char *folder = make_folder();
        for (int type = 0; type < 2; type++) {
                char path[128];
                snprintf(path, sizeof path, "%s/key-%d.pem", folder, type);
                sal_auto(sal_private_key) struct sal_private_key *key = make_key((enum sal_key_type)type);
                assert_int_equal(sal_private_key_save(key, path, NULL), SAL_OK);
                struct stat info;
                assert_int_equal(stat(path, &info), 0);
                assert_int_equal(info.st_mode & 07777, 0600);
                struct sal_err err = {0};
                assert_int_equal(sal_private_key_save(key, path, &err), SAL_E_CONFLICT);
                assert_non_null(strstr(err.detail, path));
                sal_auto(sal_private_key) struct sal_private_key *again = NULL;
                assert_int_equal(sal_private_key_load(path, NULL, &again, NULL), SAL_OK);
                assert_true(sal_public_key_equal(sal_private_key_public(key), sal_private_key_public(again)));
                uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
                size_t len = 0;
                assert_int_equal(sal_private_key_sign(again, "m", 1, sig, &len, NULL), SAL_OK);
                assert_true(sal_public_key_verify(sal_private_key_public(key), "m", 1, sig, len));
        }
        struct sal_private_key *none = NULL;
        char path[128];
        snprintf(path, sizeof path, "%s/absent", folder);
        assert_int_equal(sal_private_key_load(path, NULL, &none, NULL), SAL_E_NOT_FOUND);
        assert_int_equal(sal_private_key_load(folder, NULL, &none, NULL), SAL_E_IO);
        assert_int_equal(sal_private_key_from_pem("no key", 6, NULL, &none, NULL), SAL_E_INVALID);
        assert_int_equal(sal_private_key_from_pem(SAMPLE_PEM, strlen(SAMPLE_PEM), NULL, &none, NULL), SAL_E_INVALID);
        drop_folder(folder);
}

/* Private halves of foreign kinds do not come in. */
static void foreign_private_keys(void **state) {
        (void)state;
        EVP_PKEY *foreign[] = {EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024),
                               EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
                               EVP_PKEY_Q_keygen(NULL, NULL, "ED448")};
        for (size_t i = 0; i < SAL_ARRAY_LEN(foreign); i++) {
                struct sal_private_key *key = NULL;
                assert_non_null(foreign[i]);
                assert_int_equal(sal_private_key_take(foreign[i], &key, NULL), SAL_E_INVALID);
                assert_null(key);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rfc8032_vectors),      cmocka_unit_test(ed25519_negatives),
                cmocka_unit_test(ed25519_bad_points),   cmocka_unit_test(p256_signatures),
                cmocka_unit_test(spki_forms),           cmocka_unit_test(key_ids),
                cmocka_unit_test(key_objects),          cmocka_unit_test(save_and_load),
                cmocka_unit_test(foreign_private_keys),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
