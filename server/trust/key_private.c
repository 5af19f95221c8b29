/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "trust/crypto.h"
#include "trust/file.h"
#include "trust/key.h"
#include "trust/key_file.h"

#include <openssl/pem.h>
#include <string.h>

struct sal_private_key {
        EVP_PKEY *pkey;               /* NULL: the signer holds it */
        struct sal_key_signer signer; /* empty unless pkey is NULL */
        struct sal_public_key *public_key;
};

enum sal_status sal_private_key_take(EVP_PKEY *pkey, struct sal_private_key **ret, struct sal_err *reterr) {
        sal_auto(sal_private_key) struct sal_private_key *key = calloc(1, sizeof *key);
        if (!key) {
                EVP_PKEY_free(pkey);
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a private key");
        }
        key->pkey = pkey;
        uint8_t *der = NULL;
        int len = i2d_PUBKEY(pkey, &der);
        if (len <= 0)
                return sal_fail(reterr, SAL_E_INVALID, "the private key has no public half: %s", sal_crypto_reason());
        enum sal_status status = sal_public_key_from_spki(der, (size_t)len, &key->public_key, reterr);
        OPENSSL_free(der);
        if (status)
                return status;
        EVP_PKEY_CTX *check = EVP_PKEY_CTX_new(pkey, NULL);
        bool belong = check && EVP_PKEY_pairwise_check(check) == 1;
        EVP_PKEY_CTX_free(check);
        if (!belong)
                return sal_fail(reterr, SAL_E_INVALID, "the halves of the private key file do not belong together: %s",
                                sal_crypto_reason());
        *ret = SAL_STEAL(key);
        return SAL_OK;
}

enum sal_status sal_private_key_generate(enum sal_key_type type, struct sal_private_key **ret, struct sal_err *reterr) {
        EVP_PKEY *pkey = type == SAL_KEY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                                 : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        if (!pkey)
                return sal_fail(reterr, SAL_E_INTERNAL, "no key could be made: %s", sal_crypto_reason());
        return sal_private_key_take(pkey, ret, reterr);
}

enum sal_status sal_private_key_external_take(const struct sal_public_key *public_key,
                                              const struct sal_key_signer *signer, struct sal_private_key **ret,
                                              struct sal_err *reterr) {
        struct sal_private_key *key = calloc(1, sizeof *key);
        if (!key) {
                signer->free(signer->context);
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a private key");
        }
        key->signer = *signer;
        key->public_key = sal_public_key_ref(public_key);
        *ret = key;
        return SAL_OK;
}

enum sal_status sal_private_key_from_pem(const char *pem, size_t len, const struct sal_passphrase *passphrase,
                                         struct sal_private_key **ret, struct sal_err *reterr) {
        return sal_key_file_open(pem, len, NULL, passphrase, NULL, ret, reterr);
}

enum sal_status sal_private_key_load(const char *path, const struct sal_passphrase *passphrase,
                                     struct sal_private_key **ret, struct sal_err *reterr) {
        return sal_key_file_load(path, passphrase, NULL, ret, reterr);
}

enum sal_status sal_private_key_save(const struct sal_private_key *key, const char *path, struct sal_err *reterr) {
        enum sal_status status = sal_private_key_check_local(key, reterr);
        if (status)
                return status;
        sal_autobio BIO *bio = BIO_new(BIO_s_secmem());
        char *pem = NULL;
        if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL))
                return sal_fail(reterr, SAL_E_INTERNAL, "the private key could not be written: %s",
                                sal_crypto_reason());
        long len = BIO_get_mem_data(bio, &pem);
        return sal_file_create(path, 0600, pem, (size_t)len, reterr);
}

void sal_private_key_free(struct sal_private_key *key) {
        if (!key)
                return;
        EVP_PKEY_free(key->pkey); /* OpenSSL wipes the secret */
        if (key->signer.free)
                key->signer.free(key->signer.context);
        sal_public_key_unref(key->public_key);
        free(key);
}

const struct sal_public_key *sal_private_key_public(const struct sal_private_key *key) {
        return key->public_key;
}

EVP_PKEY *sal_private_key_evp(const struct sal_private_key *key) {
        return key->pkey;
}

enum sal_status sal_private_key_check_local(const struct sal_private_key *key, struct sal_err *reterr) {
        if (key->pkey)
                return SAL_OK;
        return sal_fail(reterr, SAL_E_REFUSED, "the private key is held by a token and cannot be used or written here");
}

static enum sal_status sign_here(const struct sal_private_key *key, const void *message, size_t len,
                                 uint8_t ret_sig[static SAL_SIGNATURE_MAX_BYTES], size_t *ret_sig_len,
                                 struct sal_err *reterr) {
        const EVP_MD *digest = sal_public_key_type(key->public_key) == SAL_KEY_ED25519 ? NULL : EVP_sha256();
        sal_automdctx EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        size_t sig_len = SAL_SIGNATURE_MAX_BYTES;
        if (!ctx || EVP_DigestSignInit(ctx, NULL, digest, NULL, key->pkey) != 1 ||
            EVP_DigestSign(ctx, ret_sig, &sig_len, len ? message : "", len) != 1)
                return sal_fail(reterr, SAL_E_INTERNAL, "signing failed: %s", sal_crypto_reason());
        *ret_sig_len = sig_len;
        return SAL_OK;
}

static enum sal_status sign_elsewhere(const struct sal_private_key *key, const void *message, size_t len,
                                      uint8_t ret_sig[static SAL_SIGNATURE_MAX_BYTES], size_t *ret_sig_len,
                                      struct sal_err *reterr) {
        size_t sig_len = 0;
        enum sal_status status = key->signer.sign(key->signer.context, message, len, ret_sig, &sig_len, reterr);
        if (status)
                return status;
        if (!sal_public_key_verify(key->public_key, message, len, ret_sig, sig_len)) {
                sal_fail(reterr, SAL_E_CORRUPT, "what the token signed is no signature of key %s; it was thrown away",
                         sal_public_key_id(key->public_key));
                sal_err_hint(reterr, "the token is faulty, or its public key object belongs to another private key");
                return SAL_E_CORRUPT;
        }
        *ret_sig_len = sig_len;
        return SAL_OK;
}

enum sal_status sal_private_key_sign(const struct sal_private_key *key, const void *message, size_t len,
                                     uint8_t ret_sig[static SAL_SIGNATURE_MAX_BYTES], size_t *ret_sig_len,
                                     struct sal_err *reterr) {
        return key->pkey ? sign_here(key, message, len, ret_sig, ret_sig_len, reterr)
                         : sign_elsewhere(key, message, len, ret_sig, ret_sig_len, reterr);
}
