/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates (RFC 5280): makes the three certificate authorities and what they issue, and reads what a peer presents.
 *
 * Each plane trusts one authority for its clients, so a certificate's role lies in who signed it and in its extended
 * key usage; the name is its only common name.
 *
 * Thread: a certificate is immutable and may be shared; it has one owner. Ownership: `_free` frees; outputs are handed
 * over.
 */
#ifndef SAL_TRUST_X509_H
#define SAL_TRUST_X509_H

#include "base/encode.h"
#include "trust/key.h"

enum {
        SAL_X509_CN_BYTES = 65, /* 64 (RFC 5280 ub-common-name) and a NUL */
        SAL_X509_MAX_SANS = 32,
        SAL_X509_FILE_MAX_BYTES = 64 * 1024,
        SAL_X509_CA_DAYS = 3650,
        SAL_X509_SERVER_DAYS = 825,
        SAL_X509_CLIENT_DAYS = 825
};

struct sal_certificate;

enum sal_x509_profile {
        SAL_X509_CA,     /* CA:TRUE, pathlen 0; keyCertSign, cRLSign */
        SAL_X509_SERVER, /* digitalSignature; serverAuth; subjectAltName */
        SAL_X509_CLIENT  /* digitalSignature; clientAuth: operators and machines */
};

struct sal_x509_spec {
        enum sal_x509_profile profile;
        const char *common_name; /* 1..64 bytes, no control byte */
        const char *const *sans; /* SERVER: names and addresses, as text; others: NULL */
        size_t san_count;        /* 1..32 for SERVER */
        int64_t not_before_ms;   /* wall time, cut to seconds */
        int64_t not_after_ms;    /* after not_before_ms */
};

/* Makes a certificate for `subject_key`, signed by `issuer_key`. `issuer` is NULL for a self-signed CA, and then
 * issuer_key is the subject's own. The serial number is 127 random bits and the key identifiers are set. Errors:
 * SAL_E_INVALID, SAL_E_INTERNAL, SAL_E_NOMEM. */
enum sal_status sal_x509_issue(const struct sal_x509_spec *spec, const struct sal_public_key *subject_key,
                               const struct sal_certificate *issuer, const struct sal_private_key *issuer_key,
                               struct sal_certificate **ret, struct sal_err *reterr);

/* Reads one certificate. Trailing bytes (DER) are refused; PEM takes the first. Errors: SAL_E_MALFORMED, SAL_E_NOMEM;
 * files: SAL_E_NOT_FOUND, SAL_E_IO, SAL_E_TOO_LARGE. */
enum sal_status sal_certificate_from_der(const uint8_t *der, size_t len, struct sal_certificate **ret,
                                         struct sal_err *reterr);
enum sal_status sal_certificate_from_pem(const char *pem, size_t len, struct sal_certificate **ret,
                                         struct sal_err *reterr);
enum sal_status sal_certificate_load(const char *path, struct sal_certificate **ret, struct sal_err *reterr);

/* Writes PEM to a new file of mode 0644 and syncs it. Errors: SAL_E_CONFLICT when it exists, SAL_E_IO. */
enum sal_status sal_certificate_save(const struct sal_certificate *certificate, const char *path,
                                     struct sal_err *reterr);

void sal_certificate_free(struct sal_certificate *certificate);
SAL_DEFINE_CLEANUP(sal_certificate, sal_certificate_free)

/* The subject's only common name. Refused with SAL_E_INVALID: none, more than one, empty, over 64 bytes, a NUL or
 * another control byte inside. */
enum sal_status sal_certificate_common_name(const struct sal_certificate *certificate,
                                            char ret[static SAL_X509_CN_BYTES], struct sal_err *reterr);

/* The subject's key; one that is neither Ed25519 nor P-256 is SAL_E_INVALID. */
enum sal_status sal_certificate_public_key(const struct sal_certificate *certificate, struct sal_public_key **ret,
                                           struct sal_err *reterr);

/* Hex SHA-256 of the DER form: how an operator's certificate is recognised. */
void sal_certificate_fingerprint(const struct sal_certificate *certificate, char ret[static SAL_SHA256_HEX_BYTES]);

/* The end of its validity, unix_ms. */
int64_t sal_certificate_not_after_ms(const struct sal_certificate *certificate);

/* Is `certificate` issued by `authority`, valid at now_ms, and allowed to act as `profile` (SERVER or CLIENT)? One step
 * of chain, as these authorities issue. Errors: SAL_E_UNTRUSTED saying which of it fails. */
enum sal_status sal_certificate_verify(const struct sal_certificate *certificate,
                                       const struct sal_certificate *authority, enum sal_x509_profile profile,
                                       int64_t now_ms, struct sal_err *reterr);

#endif
