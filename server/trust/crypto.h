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

/* OpenSSL's key behind ours. Borrowed. */
EVP_PKEY *sal_public_key_evp(const struct sal_public_key *key);
EVP_PKEY *sal_private_key_evp(const struct sal_private_key *key);

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
