/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/x509.h"

#include "trust/certificate_internal.h"
#include "trust/crypto.h"
#include "trust/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

/* OpenSSL's security level 2: 112 bits, so no SHA-1 and no short RSA key in the chain. */
enum { AUTH_LEVEL = 2 };

struct sal_certificate {
        X509 *x509;
};

X509 *sal_certificate_x509(const struct sal_certificate *certificate) {
        return certificate->x509;
}

enum sal_status sal_certificate_take(X509 *x509, struct sal_certificate **ret, struct sal_err *reterr) {
        struct sal_certificate *certificate = malloc(sizeof *certificate);
        if (!certificate) {
                X509_free(x509);
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a certificate");
        }
        certificate->x509 = x509;
        *ret = certificate;
        return SAL_OK;
}

void sal_certificate_free(struct sal_certificate *certificate) {
        if (!certificate)
                return;
        X509_free(certificate->x509);
        free(certificate);
}

enum sal_status sal_certificate_from_der(const uint8_t *der, size_t len, struct sal_certificate **ret,
                                         struct sal_err *reterr) {
        if (len > SAL_X509_FILE_MAX_BYTES)
                return sal_fail(reterr, SAL_E_MALFORMED, "a certificate of more than %d bytes",
                                SAL_X509_FILE_MAX_BYTES);
        const uint8_t *end = der;
        X509 *x509 = d2i_X509(NULL, &end, (long)len);
        if (!x509 || end != der + len) {
                X509_free(x509);
                return sal_fail(reterr, SAL_E_MALFORMED, "not one DER certificate: %s", sal_crypto_reason());
        }
        return sal_certificate_take(x509, ret, reterr);
}

enum sal_status sal_certificate_from_pem(const char *pem, size_t len, struct sal_certificate **ret,
                                         struct sal_err *reterr) {
        if (len > SAL_X509_FILE_MAX_BYTES)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "a certificate of more than %d bytes",
                                SAL_X509_FILE_MAX_BYTES);
        sal_autobio BIO *bio = BIO_new_mem_buf(pem, (int)len);
        if (!bio)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a certificate");
        X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!x509)
                return sal_fail(reterr, SAL_E_MALFORMED, "not a PEM certificate: %s", sal_crypto_reason());
        return sal_certificate_take(x509, ret, reterr);
}

enum sal_status sal_certificate_load(const char *path, struct sal_certificate **ret, struct sal_err *reterr) {
        sal_autofree char *pem = NULL;
        size_t len = 0;
        enum sal_status status = sal_file_read(path, SAL_X509_FILE_MAX_BYTES, &pem, &len, reterr);
        if (status)
                return status;
        struct sal_err inner = {0};
        status = sal_certificate_from_pem(pem, len, ret, &inner);
        return status ? sal_fail(reterr, status, "%s: %s", path, inner.detail) : SAL_OK;
}

enum sal_status sal_certificate_save(const struct sal_certificate *certificate, const char *path,
                                     struct sal_err *reterr) {
        sal_autobio BIO *bio = BIO_new(BIO_s_mem());
        char *pem = NULL;
        if (!bio || !PEM_write_bio_X509(bio, certificate->x509))
                return sal_fail(reterr, SAL_E_INTERNAL, "the certificate could not be written: %s",
                                sal_crypto_reason());
        long len = BIO_get_mem_data(bio, &pem);
        return sal_file_create(path, 0644, pem, (size_t)len, reterr);
}

enum sal_status sal_certificate_common_name(const struct sal_certificate *certificate,
                                            char ret[static SAL_X509_CN_BYTES], struct sal_err *reterr) {
        const X509_NAME *subject = X509_get_subject_name(certificate->x509);
        int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
        if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0)
                return sal_fail(reterr, SAL_E_INVALID, "the certificate must have exactly one common name");
        uint8_t *text = NULL;
        int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
        bool good = len >= 1 && len < SAL_X509_CN_BYTES;
        for (int i = 0; good && i < len; i++)
                good = text[i] >= 0x20 && text[i] != 0x7f; /* a NUL would make one name look like another */
        if (good) {
                memcpy(ret, text, (size_t)len);
                ret[len] = '\0';
        }
        OPENSSL_free(text);
        ERR_clear_error();
        if (!good)
                return sal_fail(reterr, SAL_E_INVALID,
                                "the certificate's common name must have 1 to %d bytes, no control "
                                "bytes among them",
                                SAL_X509_CN_BYTES - 1);
        return SAL_OK;
}

enum sal_status sal_certificate_public_key(const struct sal_certificate *certificate, struct sal_public_key **ret,
                                           struct sal_err *reterr) {
        uint8_t *der = NULL;
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->x509), &der);
        if (len <= 0)
                return sal_fail(reterr, SAL_E_INVALID, "the certificate has no public key: %s", sal_crypto_reason());
        enum sal_status status = sal_public_key_from_spki(der, (size_t)len, ret, reterr);
        OPENSSL_free(der);
        return status;
}

void sal_certificate_fingerprint(const struct sal_certificate *certificate, char ret[static SAL_SHA256_HEX_BYTES]) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        if (X509_digest(certificate->x509, EVP_sha256(), digest, &len) != 1 || len != SAL_SHA256_BYTES)
                abort(); /* only without memory; a wrong fingerprint must not be compared with anything */
        sal_hex_encode(digest, len, ret);
}

int64_t sal_certificate_not_after_ms(const struct sal_certificate *certificate) {
        struct tm tm = {0};
        if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate->x509), &tm) != 1)
                return 0;
        return (int64_t)timegm(&tm) * 1000;
}

static bool prepare(X509_STORE_CTX *ctx, X509_STORE *store, const struct sal_certificate *certificate,
                    const struct sal_certificate *authority, enum sal_x509_profile profile, int64_t now_ms) {
        if (!ctx || !store || !X509_STORE_add_cert(store, authority->x509) ||
            !X509_STORE_CTX_init(ctx, store, certificate->x509, NULL))
                return false;
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(param, (time_t)(now_ms / 1000));
        X509_VERIFY_PARAM_set_depth(param, 0); /* no certificate between the authority and its own */
        X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
        /* The authority is trusted for itself, whether or not somebody signed it in turn. */
        return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
               X509_STORE_CTX_set_purpose(ctx, profile == SAL_X509_SERVER ? X509_PURPOSE_SSL_SERVER
                                                                          : X509_PURPOSE_SSL_CLIENT) == 1;
}

enum sal_status sal_certificate_verify(const struct sal_certificate *certificate,
                                       const struct sal_certificate *authority, enum sal_x509_profile profile,
                                       int64_t now_ms, struct sal_err *reterr) {
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        enum sal_status status = SAL_OK;
        if (profile == SAL_X509_CA || X509_cmp(certificate->x509, authority->x509) == 0)
                status = sal_fail(reterr, SAL_E_UNTRUSTED,
                                  "an authority's certificate identifies neither server nor client");
        else if (!prepare(ctx, store, certificate, authority, profile, now_ms))
                status = sal_fail(reterr, SAL_E_INTERNAL, "the certificate could not be verified: %s",
                                  sal_crypto_reason());
        else if (X509_verify_cert(ctx) != 1)
                status = sal_fail(reterr, SAL_E_UNTRUSTED, "the certificate is not accepted: %s",
                                  X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
        ERR_clear_error();
        return status;
}
