/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/x509.h"

#include "trust/certificate_internal.h"
#include "trust/crypto.h"

#include <openssl/bn.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { SERIAL_BYTES = 16, DNS_NAME_MAX_BYTES = 253 };

/* What each profile says about itself (RFC 5280 section 4.2.1), in OpenSSL's configuration syntax. These texts are
 * fixed: no input ever becomes part of that syntax. */
static const struct profile {
        const char *basic_constraints;
        const char *key_usage;
        const char *extended_key_usage; /* NULL: none */
} profiles[] = {
        [SAL_X509_CA] = {"critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign", NULL},
        [SAL_X509_SERVER] = {"critical,CA:FALSE", "critical,digitalSignature", "serverAuth"},
        [SAL_X509_CLIENT] = {"critical,CA:FALSE", "critical,digitalSignature", "clientAuth"},
};

static enum sal_status fail_openssl(struct sal_err *reterr, const char *what) {
        return sal_fail(reterr, SAL_E_INTERNAL, "the certificate's %s could not be made: %s", what,
                        sal_crypto_reason());
}

/* 127 random bits: positive, at most 20 bytes, not to be guessed (RFC 5280 section 4.1.2.2). */
static bool set_serial(X509 *x509) {
        uint8_t bytes[SERIAL_BYTES];
        sal_random(bytes, sizeof bytes);
        bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
        BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
        bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
        BN_free(number);
        return good;
}

static bool set_extension(X509 *x509, X509V3_CTX *ctx, int nid, const char *value) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
        bool good = extension && X509_add_ext(x509, extension, -1) == 1;
        X509_EXTENSION_free(extension);
        return good;
}

/* A DNS name (letters, digits, hyphens and dots; a leading "*." too) or an address in its text form. NULL if neither.
 */
static GENERAL_NAME *make_san(const char *text) {
        size_t len = strlen(text);
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
        ASN1_IA5STRING *name = NULL;
        if (!address) {
                const char *rest = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
                size_t fits = strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
                if (len < 1 || len > DNS_NAME_MAX_BYTES || fits < 1 || rest[fits])
                        return NULL;
                name = ASN1_IA5STRING_new();
                if (!name || !ASN1_STRING_set(name, text, (int)len)) {
                        ASN1_IA5STRING_free(name);
                        return NULL;
                }
        }
        GENERAL_NAME *san = GENERAL_NAME_new();
        if (san) {
                GENERAL_NAME_set0_value(san, address ? GEN_IPADD : GEN_DNS, address ? (void *)address : (void *)name);
        } else {
                ASN1_OCTET_STRING_free(address);
                ASN1_IA5STRING_free(name);
        }
        return san;
}

static enum sal_status set_sans(X509 *x509, const struct sal_x509_spec *spec, struct sal_err *reterr) {
        GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
        enum sal_status status = names ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for a certificate");
        for (size_t i = 0; i < spec->san_count && !status; i++) {
                GENERAL_NAME *name = make_san(spec->sans[i]);
                if (!name || !sk_GENERAL_NAME_push(names, name)) {
                        GENERAL_NAME_free(name);
                        status = sal_fail(reterr, SAL_E_INVALID, "\"%.100s\" is neither a host name nor an address",
                                          spec->sans[i]);
                }
        }
        sal_crypto_reason(); /* a name that is no address leaves an error in the queue */
        if (!status && X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
                status = fail_openssl(reterr, "subjectAltName");
        GENERAL_NAMES_free(names);
        return status;
}

static enum sal_status set_extensions(X509 *x509, X509 *issuer, const struct sal_x509_spec *spec,
                                      struct sal_err *reterr) {
        const struct profile *profile = &profiles[spec->profile];
        X509V3_CTX ctx;
        X509V3_set_ctx_nodb(&ctx);
        X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
        if (!set_extension(x509, &ctx, NID_basic_constraints, profile->basic_constraints) ||
            !set_extension(x509, &ctx, NID_key_usage, profile->key_usage) ||
            (profile->extended_key_usage &&
             !set_extension(x509, &ctx, NID_ext_key_usage, profile->extended_key_usage)) ||
            !set_extension(x509, &ctx, NID_subject_key_identifier, "hash") ||
            !set_extension(x509, &ctx, NID_authority_key_identifier, "keyid:always"))
                return fail_openssl(reterr, "extensions");
        return spec->san_count ? set_sans(x509, spec, reterr) : SAL_OK;
}

static enum sal_status check_spec(const struct sal_x509_spec *spec, struct sal_err *reterr) {
        size_t len = strnlen(spec->common_name, SAL_X509_CN_BYTES);
        if (len < 1 || len >= SAL_X509_CN_BYTES)
                return sal_fail(reterr, SAL_E_INVALID, "a certificate's common name has 1 to %d bytes",
                                SAL_X509_CN_BYTES - 1);
        for (const char *p = spec->common_name; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        return sal_fail(reterr, SAL_E_INVALID, "a certificate's common name has no control bytes");
        bool server = spec->profile == SAL_X509_SERVER;
        if (server ? spec->san_count < 1 || spec->san_count > SAL_X509_MAX_SANS : spec->san_count != 0)
                return sal_fail(reterr, SAL_E_INVALID, "a server's certificate has 1 to %d names, every other has none",
                                SAL_X509_MAX_SANS);
        if (spec->not_before_ms < 0 || spec->not_after_ms <= spec->not_before_ms)
                return sal_fail(reterr, SAL_E_INVALID, "a certificate must end after it begins");
        return SAL_OK;
}

static enum sal_status fill(X509 *x509, X509 *issuer, const struct sal_x509_spec *spec,
                            const struct sal_public_key *subject_key, struct sal_err *reterr) {
        X509_NAME *subject = X509_get_subject_name(x509);
        if (!X509_set_version(x509, X509_VERSION_3) || !set_serial(x509) ||
            !X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)spec->common_name, -1, -1, 0) ||
            !X509_set_issuer_name(x509, issuer == x509 ? subject : X509_get_subject_name(issuer)) ||
            !ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(spec->not_before_ms / 1000)) ||
            !ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(spec->not_after_ms / 1000)) ||
            !X509_set_pubkey(x509, sal_public_key_evp(subject_key)))
                return fail_openssl(reterr, "content");
        return set_extensions(x509, issuer, spec, reterr);
}

enum sal_status sal_x509_issue(const struct sal_x509_spec *spec, const struct sal_public_key *subject_key,
                               const struct sal_certificate *issuer, const struct sal_private_key *issuer_key,
                               struct sal_certificate **ret, struct sal_err *reterr) {
        enum sal_status status = check_spec(spec, reterr);
        if (!status)
                status = sal_private_key_check_local(issuer_key, reterr);
        if (status)
                return status;
        if (!issuer && spec->profile != SAL_X509_CA)
                return sal_fail(reterr, SAL_E_INVALID, "only an authority signs itself");
        X509 *x509 = X509_new();
        if (!x509)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a certificate");
        X509 *signer = issuer ? sal_certificate_x509(issuer) : x509;
        status = fill(x509, signer, spec, subject_key, reterr);
        if (!status && !X509_check_private_key(signer, sal_private_key_evp(issuer_key)))
                status = sal_fail(reterr, SAL_E_INVALID, "the issuer's certificate and key do not belong together");
        bool ed25519 = sal_public_key_type(sal_private_key_public(issuer_key)) == SAL_KEY_ED25519;
        if (!status && X509_sign(x509, sal_private_key_evp(issuer_key), ed25519 ? NULL : EVP_sha256()) <= 0)
                status = fail_openssl(reterr, "signature");
        sal_crypto_reason();
        if (status) {
                X509_free(x509);
                return status;
        }
        return sal_certificate_take(x509, ret, reterr);
}
