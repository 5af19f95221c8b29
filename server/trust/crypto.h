/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share about OpenSSL. Not for other rooms: OpenSSL stays here.
 *
 * Thread: any. Ownership: getters borrow.
 */
#ifndef SAL_TRUST_CRYPTO_H
#define SAL_TRUST_CRYPTO_H

#include "trust/key_file.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* The reason of OpenSSL's last failure in this thread, and an empty error queue. Static text. */
const char *sal_crypto_reason(void);

/* OpenSSL's key behind ours. Borrowed. The private one is NULL when an external signer holds it: those who need it ask
 * sal_private_key_check_local first, which then is SAL_E_REFUSED. */
EVP_PKEY *sal_public_key_evp(const struct sal_public_key *key);
EVP_PKEY *sal_private_key_evp(const struct sal_private_key *key);
enum sal_status sal_private_key_check_local(const struct sal_private_key *key, struct sal_err *reterr);

/* DER SubjectPublicKeyInfo up to the bytes of the key: RFC 8410 section 4, RFC 5480 section 2. That of P-256 ends
 * before the first byte of an uncompressed, and of a compressed point. */
enum { SAL_SPKI_ED25519_BYTES = 12, SAL_SPKI_P256_BYTES = 26 };
extern const uint8_t sal_spki_ed25519[SAL_SPKI_ED25519_BYTES];
extern const uint8_t sal_spki_p256[SAL_SPKI_P256_BYTES];
extern const uint8_t sal_spki_p256_compressed[SAL_SPKI_P256_BYTES];

/* Takes over `pkey` (also on failure). Errors: SAL_E_INVALID for any other type of key or parts that do not belong
 * together. */
enum sal_status sal_private_key_take(EVP_PKEY *pkey, struct sal_private_key **ret, struct sal_err *reterr);

/* sal_key_file_load of bytes that were read already; `path` (or NULL) is for the command that mends a weak file. */
enum sal_status sal_key_file_open(const char *pem, size_t len, const char *path,
                                  const struct sal_passphrase *passphrase, struct sal_key_protection *ret_protection,
                                  struct sal_private_key **ret, struct sal_err *reterr);

static inline void sal_cleanup_bio(BIO **bio) {
        BIO_free(*bio);
}
#define sal_autobio __attribute__((cleanup(sal_cleanup_bio)))

static inline void sal_cleanup_md_ctx(EVP_MD_CTX **ctx) {
        EVP_MD_CTX_free(*ctx);
}
#define sal_automdctx __attribute__((cleanup(sal_cleanup_md_ctx)))

#endif
