/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/key_file.h"

#include "base/encode.h"
#include "trust/crypto.h"
#include "trust/file.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

/* One PEM block; everything that looks at a key file looks at the same one. */
struct block {
        char *name;
        char *header;
        unsigned char *data;
        long len;
};

static void block_done(struct block *block) {
        OPENSSL_free(block->name);
        OPENSSL_free(block->header);
        if (block->data)
                OPENSSL_clear_free(block->data, (size_t)block->len);
        *block = (struct block){0};
}
#define autoblock __attribute__((cleanup(block_done)))

static inline void cleanup_x509_sig(X509_SIG **sig) {
        X509_SIG_free(*sig);
}
#define autox509sig __attribute__((cleanup(cleanup_x509_sig)))

static inline void cleanup_pkcs8(PKCS8_PRIV_KEY_INFO **info) {
        PKCS8_PRIV_KEY_INFO_free(*info); /* wipes the secret */
}
#define autopkcs8 __attribute__((cleanup(cleanup_pkcs8)))

/* ---- reading ---- */

/* The first block that holds a private key; others (curve parameters, certificates) may stand before it. */
static enum sal_status read_block(const char *pem, size_t len, struct block *ret, struct sal_err *reterr) {
        static const char ending[] = "PRIVATE KEY";
        if (len > SAL_KEY_FILE_MAX_BYTES)
                return sal_fail(reterr, SAL_E_INVALID, "a private key of more than %d bytes", SAL_KEY_FILE_MAX_BYTES);
        sal_autobio BIO *bio = BIO_new_mem_buf(pem, (int)len);
        if (!bio)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a private key");
        struct block block = {0};
        while (PEM_read_bio(bio, &block.name, &block.header, &block.data, &block.len)) {
                size_t name_len = strlen(block.name);
                if (name_len >= sizeof ending - 1 && strcmp(block.name + name_len - (sizeof ending - 1), ending) == 0) {
                        *ret = block;
                        return SAL_OK;
                }
                block_done(&block);
        }
        return sal_fail(reterr, SAL_E_INVALID, "not a PEM private key: %s", sal_crypto_reason());
}

static bool is_encrypted_pkcs8(const struct block *block) {
        return strcmp(block->name, PEM_STRING_PKCS8) == 0;
}

/* An ASN.1 number of a file; -1 when it is missing or does not fit. */
static int64_t number_of(const ASN1_INTEGER *number) {
        int64_t value = -1;
        return number && ASN1_INTEGER_get_int64(&value, number) == 1 && value >= 0 ? value : -1;
}

static const char *name_of(const ASN1_OBJECT *object) {
        int nid = OBJ_obj2nid(object);
        return nid == NID_undef ? "an unknown algorithm" : OBJ_nid2sn(nid);
}

static bool read_pbkdf2(const X509_ALGOR *function, struct sal_key_protection *protection) {
        PBKDF2PARAM *param = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), function->parameter);
        if (!param)
                return false;
        protection->seal = SAL_SEAL_PBKDF2;
        protection->iterations = number_of(param->iter);
        if (param->salt->type == V_ASN1_OCTET_STRING)
                protection->salt_bytes = (size_t)ASN1_STRING_length(param->salt->value.octet_string);
        /* RFC 8018 section A.2: HMAC-SHA-1 when it is left away */
        protection->method = param->prf ? name_of(param->prf->algorithm) : OBJ_nid2sn(NID_hmacWithSHA1);
        PBKDF2PARAM_free(param);
        return true;
}

static bool read_scrypt(const X509_ALGOR *function, struct sal_key_protection *protection) {
        SCRYPT_PARAMS *param = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), function->parameter);
        if (!param)
                return false;
        protection->seal = SAL_SEAL_SCRYPT;
        protection->scrypt_n = number_of(param->costParameter);
        protection->r = number_of(param->blockSize);
        protection->p = number_of(param->parallelizationParameter);
        protection->salt_bytes = (size_t)ASN1_STRING_length(param->salt);
        protection->method = "scrypt";
        SCRYPT_PARAMS_free(param);
        return true;
}

/* The AlgorithmIdentifier of EncryptedPrivateKeyInfo (RFC 5958 section 3). */
static bool read_algorithm(const X509_ALGOR *algorithm, struct sal_key_protection *protection) {
        int nid = OBJ_obj2nid(algorithm->algorithm);
        protection->method = name_of(algorithm->algorithm);
        if (nid != NID_pbes2) {
                int cipher = 0, digest = 0;
                protection->seal =
                        EVP_PBE_find(EVP_PBE_TYPE_OUTER, nid, &cipher, &digest, NULL) ? SAL_SEAL_PBES1 : SAL_SEAL_OTHER;
                return true;
        }
        PBE2PARAM *param = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter);
        if (!param)
                return false;
        bool sound = true;
        protection->cipher = name_of(param->encryption->algorithm);
        int function = OBJ_obj2nid(param->keyfunc->algorithm);
        if (function == NID_id_pbkdf2) {
                sound = read_pbkdf2(param->keyfunc, protection);
        } else if (function == NID_id_scrypt) {
                sound = read_scrypt(param->keyfunc, protection);
        } else {
                protection->seal = SAL_SEAL_OTHER;
                protection->method = name_of(param->keyfunc->algorithm);
        }
        PBE2PARAM_free(param);
        return sound;
}

static X509_SIG *read_envelope(const struct block *block) {
        const unsigned char *at = block->data;
        X509_SIG *sig = d2i_X509_SIG(NULL, &at, block->len);
        if (sig && at == block->data + block->len)
                return sig;
        X509_SIG_free(sig);
        return NULL;
}

static enum sal_status inspect(const struct block *block, struct sal_key_protection *ret, struct sal_err *reterr) {
        struct sal_key_protection protection = {.seal = SAL_SEAL_NONE, .method = "", .cipher = ""};
        if (strstr(block->header, "ENCRYPTED")) {
                protection.seal = SAL_SEAL_PEM;
        } else if (*block->header) {
                return sal_fail(reterr, SAL_E_INVALID, "the private key has PEM headers, which it must not have");
        } else if (is_encrypted_pkcs8(block)) {
                autox509sig X509_SIG *sig = read_envelope(block);
                const X509_ALGOR *algorithm = NULL;
                if (sig)
                        X509_SIG_get0(sig, &algorithm, NULL);
                if (!sig || !read_algorithm(algorithm, &protection))
                        return sal_fail(reterr, SAL_E_INVALID, "the encrypted private key is damaged: %s",
                                        sal_crypto_reason());
        }
        *ret = protection;
        return SAL_OK;
}

enum sal_status sal_key_file_inspect(const char *pem, size_t len, struct sal_key_protection *ret,
                                     struct sal_err *reterr) {
        autoblock struct block block = {0};
        enum sal_status status = read_block(pem, len, &block, reterr);
        return status ? status : inspect(&block, ret, reterr);
}

/* ---- opening ---- */

static EVP_PKEY *open_plain(const struct block *block) {
        const unsigned char *at = block->data;
        EVP_PKEY *pkey = NULL;
        if (strcmp(block->name, PEM_STRING_PKCS8INF) == 0) {
                autopkcs8 PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, block->len);
                pkey = info ? EVP_PKCS82PKEY(info) : NULL;
        } else {
                pkey = d2i_AutoPrivateKey(NULL, &at, block->len); /* "EC PRIVATE KEY", RFC 5915 */
        }
        if (!pkey || at == block->data + block->len)
                return pkey;
        EVP_PKEY_free(pkey);
        return NULL;
}

static enum sal_status open_encrypted(const struct block *block, const struct sal_passphrase *passphrase,
                                      EVP_PKEY **ret, struct sal_err *reterr) {
        char text[SAL_PASSPHRASE_MAX_BYTES + 1];
        int len = passphrase ? passphrase->ask(passphrase->context, text, sizeof text) : -1;
        if (len < 0 || (size_t)len > sizeof text)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "the private key is encrypted, no passphrase was given");
        autox509sig X509_SIG *sig = read_envelope(block);
        autopkcs8 PKCS8_PRIV_KEY_INFO *info = sig ? PKCS8_decrypt(sig, text, len) : NULL;
        OPENSSL_cleanse(text, sizeof text);
        if (!info) {
                ERR_clear_error();
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "the passphrase does not open the private key");
        }
        *ret = EVP_PKCS82PKEY(info);
        return *ret ? SAL_OK
                    : sal_fail(reterr, SAL_E_INVALID, "not a private key of a known type: %s", sal_crypto_reason());
}

enum sal_status sal_key_file_open(const char *pem, size_t len, const char *path,
                                  const struct sal_passphrase *passphrase, struct sal_key_protection *ret_protection,
                                  struct sal_private_key **ret, struct sal_err *reterr) {
        autoblock struct block block = {0};
        struct sal_key_protection protection;
        enum sal_status status = read_block(pem, len, &block, reterr);
        if (!status)
                status = inspect(&block, &protection, reterr);
        if (!status)
                status = sal_key_protection_check(&protection, path, reterr);
        if (status)
                return status;
        EVP_PKEY *pkey = NULL;
        if (protection.seal == SAL_SEAL_NONE)
                pkey = open_plain(&block);
        else
                status = open_encrypted(&block, passphrase, &pkey, reterr);
        if (!status && !pkey)
                status = sal_fail(reterr, SAL_E_INVALID, "not a PEM private key: %s", sal_crypto_reason());
        if (!status)
                status = sal_private_key_take(pkey, ret, reterr);
        if (!status && ret_protection)
                *ret_protection = protection;
        return status;
}

enum sal_status sal_key_file_load(const char *path, const struct sal_passphrase *passphrase,
                                  struct sal_key_protection *ret_protection, struct sal_private_key **ret,
                                  struct sal_err *reterr) {
        char *pem = NULL;
        size_t len = 0;
        enum sal_status status = sal_file_read(path, SAL_KEY_FILE_MAX_BYTES, &pem, &len, reterr);
        if (status)
                return status;
        struct sal_err inner = {0};
        status = sal_key_file_open(pem, len, path, passphrase, ret_protection, ret, &inner);
        OPENSSL_cleanse(pem, len);
        free(pem);
        if (status) {
                sal_fail(reterr, status, "%s: %s", path, inner.detail);
                sal_err_hint(reterr, "%s", inner.hint);
        }
        return status;
}

/* ---- writing ---- */

enum sal_status sal_passphrase_check(const char *passphrase, size_t len, struct sal_err *reterr) {
        size_t characters = 0;
        for (size_t i = 0; i < len; i++)
                characters += ((unsigned char)passphrase[i] & 0xc0) != 0x80; /* not a byte that continues one */
        if (characters < SAL_PASSPHRASE_MIN_CHARACTERS) {
                sal_fail(reterr, SAL_E_REFUSED, "the passphrase has %zu characters, at least %d are needed", characters,
                         SAL_PASSPHRASE_MIN_CHARACTERS);
                sal_err_hint(reterr, "several words that have nothing to do with each other are good and easy to type");
                return SAL_E_REFUSED;
        }
        if (len > SAL_PASSPHRASE_MAX_BYTES)
                return sal_fail(reterr, SAL_E_REFUSED, "the passphrase has more than %d bytes",
                                SAL_PASSPHRASE_MAX_BYTES);
        return SAL_OK;
}

enum sal_status sal_key_file_save(const struct sal_private_key *key, const char *passphrase, size_t passphrase_len,
                                  const char *path, struct sal_err *reterr) {
        enum sal_status status = sal_passphrase_check(passphrase, passphrase_len, reterr);
        if (!status)
                status = sal_private_key_check_local(key, reterr);
        if (status)
                return status;
        uint8_t salt[SAL_KEY_SALT_BYTES];
        sal_random(salt, sizeof salt);
        autopkcs8 PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(sal_private_key_evp(key));
        autox509sig X509_SIG *sig =
                info ? PKCS8_encrypt(NID_hmacWithSHA256, EVP_aes_256_cbc(), passphrase, (int)passphrase_len, salt,
                                     (int)sizeof salt, SAL_KEY_PBKDF2_ITERATIONS, info)
                     : NULL;
        sal_autobio BIO *bio = BIO_new(BIO_s_mem());
        if (!sig || !bio || PEM_write_bio_PKCS8(bio, sig) != 1)
                return sal_fail(reterr, SAL_E_INTERNAL, "the private key could not be encrypted: %s",
                                sal_crypto_reason());
        char *pem = NULL;
        long len = BIO_get_mem_data(bio, &pem);
        return sal_file_create(path, 0600, pem, (size_t)len, reterr);
}
