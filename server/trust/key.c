/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/key.h"

#include "base/encode.h"
#include "trust/canonical.h"
#include "trust/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <string.h>

enum { ED25519_BYTES = 32, ED25519_SIG_BYTES = 64, P256_FIELD_BYTES = 32, P256_UNCOMPRESSED = 0x04 };

struct sal_public_key {
        atomic_int references;
        enum sal_key_type type;
        EVP_PKEY *pkey;
        char *text;
        uint8_t spki[SAL_KEY_SPKI_MAX_BYTES];
        size_t spki_len;
        char id[SAL_KEYID_BYTES];
};

/* Only these byte strings are taken, so that explicit curve parameters, other curves, hybrid points and non-canonical
 * DER have no way in. */
const uint8_t sal_spki_ed25519[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
const uint8_t sal_spki_p256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
const uint8_t sal_spki_p256_compressed[] = {0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                            0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00};

static const struct key_type {
        const char *keytype;
        const char *scheme;
} key_types[] = {
        [SAL_KEY_ED25519] = {"ed25519", "ed25519"},
        [SAL_KEY_P256] = {"ecdsa", "ecdsa-sha2-nistp256"},
};

const char *sal_crypto_reason(void) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        ERR_clear_error();
        return reason ? reason : "no reason given";
}

/* The y coordinates of the points whose order divides 8: for such a "key" anyone can make a signature. Together with
 * the refusal of y >= p these are all of their encodings (the sign bit is cleared before the comparison). */
static const uint8_t small_order[][ED25519_BYTES] = {
        {0},
        {1},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* RFC 8032 section 5.1.3: y < p = 2^255 - 19; and the order is not small. */
static bool ed25519_point_is_sound(const uint8_t raw[static ED25519_BYTES]) {
        uint8_t y[ED25519_BYTES];
        memcpy(y, raw, sizeof y);
        y[31] &= 0x7f;
        bool high = y[31] == 0x7f && y[0] >= 0xed;
        for (size_t i = 1; i < 31; i++)
                high = high && y[i] == 0xff;
        if (high)
                return false;
        for (size_t i = 0; i < SAL_ARRAY_LEN(small_order); i++)
                if (memcmp(y, small_order[i], sizeof y) == 0)
                        return false;
        return true;
}

static enum sal_status load_ed25519(struct sal_public_key *key, const uint8_t *raw, struct sal_err *reterr) {
        if (!ed25519_point_is_sound(raw))
                return sal_fail(reterr, SAL_E_INVALID,
                                "the Ed25519 public key is a point of small order or not in its canonical form");
        key->type = SAL_KEY_ED25519;
        key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, ED25519_BYTES);
        if (!key->pkey)
                return sal_fail(reterr, SAL_E_INVALID, "not an Ed25519 public key: %s", sal_crypto_reason());
        memcpy(key->spki, sal_spki_ed25519, sizeof sal_spki_ed25519);
        memcpy(key->spki + sizeof sal_spki_ed25519, raw, ED25519_BYTES);
        key->spki_len = sizeof sal_spki_ed25519 + ED25519_BYTES;
        return SAL_OK;
}

static bool coordinate(EVP_PKEY *pkey, const char *name, uint8_t *ret) {
        BIGNUM *number = NULL;
        bool good = EVP_PKEY_get_bn_param(pkey, name, &number) == 1 && BN_bn2binpad(number, ret, P256_FIELD_BYTES) > 0;
        BN_free(number);
        return good;
}

static enum sal_status load_p256(struct sal_public_key *key, const uint8_t *der, size_t len, struct sal_err *reterr) {
        const uint8_t *end = der;
        key->type = SAL_KEY_P256;
        key->pkey = d2i_PUBKEY(NULL, &end, (long)len);
        if (!key->pkey || end != der + len)
                return sal_fail(reterr, SAL_E_INVALID, "not a point of P-256: %s", sal_crypto_reason());
        memcpy(key->spki, sal_spki_p256, sizeof sal_spki_p256);
        uint8_t *point = key->spki + sizeof sal_spki_p256;
        *point++ = P256_UNCOMPRESSED;
        if (!coordinate(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, point) ||
            !coordinate(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, point + P256_FIELD_BYTES))
                return sal_fail(reterr, SAL_E_INVALID, "the P-256 key has no coordinates: %s", sal_crypto_reason());
        key->spki_len = sizeof sal_spki_p256 + 1 + 2 * (size_t)P256_FIELD_BYTES;
        return SAL_OK;
}

static bool starts_with(const uint8_t *der, size_t len, const uint8_t *prefix, size_t prefix_len, size_t rest) {
        return len == prefix_len + rest && memcmp(der, prefix, prefix_len) == 0;
}

static enum sal_status load_spki(struct sal_public_key *key, const uint8_t *der, size_t len, struct sal_err *reterr) {
        if (starts_with(der, len, sal_spki_ed25519, sizeof sal_spki_ed25519, ED25519_BYTES))
                return load_ed25519(key, der + sizeof sal_spki_ed25519, reterr);
        size_t both = 1 + 2 * (size_t)P256_FIELD_BYTES;
        if ((starts_with(der, len, sal_spki_p256, sizeof sal_spki_p256, both) &&
             der[sizeof sal_spki_p256] == P256_UNCOMPRESSED) ||
            starts_with(der, len, sal_spki_p256_compressed, sizeof sal_spki_p256_compressed, P256_FIELD_BYTES + 1))
                return load_p256(key, der, len, reterr);
        sal_fail(reterr, SAL_E_INVALID, "the public key is neither Ed25519 nor ECDSA on the named curve P-256");
        sal_err_hint(reterr, "make one with `openssl genpkey -algorithm ed25519`");
        return SAL_E_INVALID;
}

/* Sets the id: SHA-256 of the canonical key object (TUF 1.0 section 4.2). */
static enum sal_status compute_id(struct sal_public_key *key, struct sal_err *reterr) {
        sal_autojson json_t *object = sal_public_key_to_json(key);
        sal_autobuf struct sal_buf canonical = SAL_BUF_INIT;
        if (!object)
                return sal_fail(reterr, SAL_E_INVALID, "the public text of the key is not UTF-8");
        enum sal_status status = sal_canonical_write(object, &canonical, reterr);
        if (!status)
                sal_sha256_hex(canonical.data, canonical.len, key->id);
        return status;
}

static struct sal_public_key *key_alloc(void) {
        struct sal_public_key *key = calloc(1, sizeof *key);
        if (key)
                atomic_init(&key->references, 1);
        return key;
}

char *sal_public_key_to_pem(const struct sal_public_key *key) {
        sal_autobio BIO *bio = BIO_new(BIO_s_mem());
        char *data = NULL;
        if (!bio || !PEM_write_bio(bio, PEM_STRING_PUBLIC, "", key->spki, (long)key->spki_len))
                return NULL;
        long len = BIO_get_mem_data(bio, &data);
        return len > 0 ? strndup(data, (size_t)len) : NULL;
}

/* The text that this module writes for a key that comes without one. */
static char *standard_text(const struct sal_public_key *key) {
        if (key->type != SAL_KEY_ED25519)
                return sal_public_key_to_pem(key);
        char *text = malloc(2 * (size_t)ED25519_BYTES + 1);
        if (text)
                sal_hex_encode(key->spki + sizeof sal_spki_ed25519, ED25519_BYTES, text);
        return text;
}

/* Reads one "PUBLIC KEY" block with nothing around it but white space behind. */
static enum sal_status load_pem(struct sal_public_key *key, const char *text, struct sal_err *reterr) {
        static const char begin[] = "-----BEGIN PUBLIC KEY-----";
        if (strncmp(text, begin, sizeof begin - 1) != 0)
                return sal_fail(reterr, SAL_E_INVALID, "a public key in PEM must begin with %s", begin);
        sal_autobio BIO *bio = BIO_new_mem_buf(text, -1);
        if (!bio)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a public key");
        char *name = NULL;
        char *header = NULL;
        uint8_t *der = NULL;
        long len = 0;
        enum sal_status status = SAL_OK;
        if (!PEM_read_bio(bio, &name, &header, &der, &len))
                status = sal_fail(reterr, SAL_E_INVALID, "not a PEM public key: %s", sal_crypto_reason());
        else if (strcmp(name, PEM_STRING_PUBLIC) != 0 || *header)
                status = sal_fail(reterr, SAL_E_INVALID, "not a plain PEM public key");
        else
                status = load_spki(key, der, (size_t)len, reterr);
        char rest[8];
        int got = 0;
        while (!status && (got = BIO_read(bio, rest, sizeof rest)) > 0)
                for (int i = 0; i < got && !status; i++)
                        if (!strchr("\r\n\t ", rest[i]))
                                status = sal_fail(reterr, SAL_E_INVALID, "the PEM public key has text behind its end");
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
        return status;
}

static enum sal_status load_text(struct sal_public_key *key, enum sal_key_type type, const char *text,
                                 struct sal_err *reterr) {
        if (strlen(text) > SAL_KEY_TEXT_MAX_BYTES)
                return sal_fail(reterr, SAL_E_INVALID, "the public text is longer than %d bytes",
                                SAL_KEY_TEXT_MAX_BYTES);
        if (type == SAL_KEY_ED25519) {
                uint8_t raw[ED25519_BYTES];
                if (sal_hex_decode(text, strlen(text), raw, sizeof raw))
                        return sal_fail(reterr, SAL_E_INVALID,
                                        "an ed25519 key's public text must be 64 lower-case hex digits");
                return load_ed25519(key, raw, reterr);
        }
        enum sal_status status = load_pem(key, text, reterr);
        if (!status && key->type != SAL_KEY_P256)
                return sal_fail(reterr, SAL_E_INVALID,
                                "the key's type is ecdsa, its public text is another kind of key");
        return status;
}

enum sal_status sal_public_key_new(const char *keytype, const char *scheme, const char *public_text,
                                   struct sal_public_key **ret, struct sal_err *reterr) {
        size_t type = 0;
        while (type < SAL_ARRAY_LEN(key_types) && strcmp(keytype, key_types[type].keytype) != 0)
                type++;
        if (type == SAL_ARRAY_LEN(key_types))
                return sal_fail(reterr, SAL_E_INVALID, "keytype must be \"ed25519\" or \"ecdsa\"");
        if (strcmp(scheme, key_types[type].scheme) != 0)
                return sal_fail(reterr, SAL_E_INVALID, "the scheme of a key of type %s must be \"%s\"", keytype,
                                key_types[type].scheme);
        sal_auto(sal_public_key) struct sal_public_key *key = key_alloc();
        if (!key)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a public key");
        enum sal_status status = load_text(key, (enum sal_key_type)type, public_text, reterr);
        if (status)
                return status;
        key->text = strdup(public_text);
        if (!key->text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a public key");
        status = compute_id(key, reterr);
        if (!status)
                *ret = SAL_STEAL(key);
        return status;
}

/* A key that was loaded without a text of its own gets the standard one, and its id. */
static enum sal_status complete(struct sal_public_key *key, struct sal_err *reterr) {
        key->text = standard_text(key);
        if (!key->text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a public key");
        return compute_id(key, reterr);
}

enum sal_status sal_public_key_from_spki(const uint8_t *der, size_t len, struct sal_public_key **ret,
                                         struct sal_err *reterr) {
        sal_auto(sal_public_key) struct sal_public_key *key = key_alloc();
        if (!key)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a public key");
        enum sal_status status = load_spki(key, der, len, reterr);
        if (!status)
                status = complete(key, reterr);
        if (!status)
                *ret = SAL_STEAL(key);
        return status;
}

enum sal_status sal_public_key_from_pem(const char *text, struct sal_public_key **ret, struct sal_err *reterr) {
        sal_auto(sal_public_key) struct sal_public_key *key = key_alloc();
        if (!key)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a public key");
        enum sal_status status = load_pem(key, text, reterr);
        if (!status)
                status = complete(key, reterr);
        if (!status)
                *ret = SAL_STEAL(key);
        return status;
}

enum sal_status sal_public_key_from_json(const struct sal_json_at *at, struct sal_public_key **ret,
                                         struct sal_err *reterr) {
        static const char *const known[] = {"keytype", "scheme", "keyval", NULL};
        static const char *const known_value[] = {"public", NULL};
        const char *keytype = NULL;
        const char *scheme = NULL;
        const char *text = NULL;
        struct sal_json_at value;
        enum sal_status status = sal_json_only(at, known, reterr);
        if (!status)
                status = sal_json_string(at, "keytype", true, 1, 32, &keytype, reterr);
        if (!status)
                status = sal_json_string(at, "scheme", true, 1, 32, &scheme, reterr);
        if (!status)
                status = sal_json_object(at, "keyval", true, &value, reterr);
        if (!status)
                status = sal_json_only(&value, known_value, reterr);
        if (!status)
                status = sal_json_string(&value, "public", true, 1, SAL_KEY_TEXT_MAX_BYTES, &text, reterr);
        if (status)
                return status;
        struct sal_err inner = {0};
        status = sal_public_key_new(keytype, scheme, text, ret, &inner);
        return status ? sal_json_fail(at, NULL, status, reterr, "%s", inner.detail) : SAL_OK;
}

struct sal_public_key *sal_public_key_ref(const struct sal_public_key *key) {
        struct sal_public_key *shared = (struct sal_public_key *)key; /* only the counter changes */
        if (shared)
                atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
        return shared;
}

void sal_public_key_unref(struct sal_public_key *key) {
        if (!key || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) != 1)
                return;
        EVP_PKEY_free(key->pkey);
        free(key->text);
        free(key);
}

enum sal_key_type sal_public_key_type(const struct sal_public_key *key) {
        return key->type;
}

const char *sal_public_key_id(const struct sal_public_key *key) {
        return key->id;
}

const char *sal_public_key_keytype(const struct sal_public_key *key) {
        return key_types[key->type].keytype;
}

const char *sal_public_key_scheme(const struct sal_public_key *key) {
        return key_types[key->type].scheme;
}

const char *sal_public_key_text(const struct sal_public_key *key) {
        return key->text;
}

const uint8_t *sal_public_key_spki(const struct sal_public_key *key, size_t *ret_len) {
        *ret_len = key->spki_len;
        return key->spki;
}

bool sal_public_key_equal(const struct sal_public_key *a, const struct sal_public_key *b) {
        return a->spki_len == b->spki_len && memcmp(a->spki, b->spki, a->spki_len) == 0;
}

json_t *sal_public_key_to_json(const struct sal_public_key *key) {
        return json_pack("{s:s, s:s, s:{s:s}}", "keytype", key_types[key->type].keytype, "scheme",
                         key_types[key->type].scheme, "keyval", "public", key->text);
}

EVP_PKEY *sal_public_key_evp(const struct sal_public_key *key) {
        return key->pkey;
}

bool sal_public_key_verify(const struct sal_public_key *key, const void *message, size_t len, const uint8_t *sig,
                           size_t sig_len) {
        bool ed25519 = key->type == SAL_KEY_ED25519;
        if (!sig || (ed25519 ? sig_len != ED25519_SIG_BYTES : sig_len == 0 || sig_len > SAL_SIGNATURE_MAX_BYTES))
                return false;
        /* No honest signer makes such an R, and verifiers disagree about it: here it is nobody's signature. */
        if (ed25519 && !ed25519_point_is_sound(sig))
                return false;
        sal_automdctx EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, ed25519 ? NULL : EVP_sha256(), NULL, key->pkey) == 1 &&
                    EVP_DigestVerify(ctx, sig, sig_len, len ? message : "", len) == 1;
        if (!good)
                ERR_clear_error();
        return good;
}

enum sal_status sal_key_set_add(struct sal_key_set *set, const struct sal_public_key *key) {
        if (sal_key_set_has(set, key))
                return SAL_OK;
        struct sal_public_key **keys = reallocarray(set->keys, set->count + 1, sizeof *keys);
        if (!keys)
                return SAL_E_NOMEM;
        set->keys = keys;
        set->keys[set->count++] = sal_public_key_ref(key);
        return SAL_OK;
}

bool sal_key_set_has(const struct sal_key_set *set, const struct sal_public_key *key) {
        for (size_t i = 0; i < set->count; i++)
                if (sal_public_key_equal(set->keys[i], key))
                        return true;
        return false;
}

void sal_key_set_done(struct sal_key_set *set) {
        if (!set)
                return;
        for (size_t i = 0; i < set->count; i++)
                sal_public_key_unref(set->keys[i]);
        free(set->keys);
        *set = SAL_KEY_SET_INIT;
}
