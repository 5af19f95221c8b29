/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a certificate, and a good one that is bent: what reads it stays within bounds, and the authority has
 * issued nothing but the good one.
 */
#include "harness.h"
#include "trust/crypto.h"
#include "trust/x509.h"

#include <openssl/pem.h>

static struct sal_certificate *authority, *good;
static uint8_t *good_der;
static size_t good_len;

static void make(void) {
        struct sal_private_key *issuer = fuzz_key(1), *subject = fuzz_key(2);
        struct sal_x509_spec spec = {.profile = SAL_X509_CA,
                                     .common_name = "authority",
                                     .not_before_ms = fuzz_now_ms - 1000,
                                     .not_after_ms = fuzz_now_ms + 1000000};
        check(!sal_x509_issue(&spec, sal_private_key_public(issuer), NULL, issuer, &authority, NULL));
        spec.profile = SAL_X509_CLIENT;
        spec.common_name = "machine-1";
        check(!sal_x509_issue(&spec, sal_private_key_public(subject), authority, issuer, &good, NULL));
        char path[] = "/tmp/salvor-fuzz-XXXXXX";
        check(mkdtemp(path) != NULL);
        char file[64];
        snprintf(file, sizeof file, "%s/c", path);
        check(!sal_certificate_save(good, file, NULL));
        BIO *bio = BIO_new_file(file, "r");
        X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        int len = i2d_X509(x509, &good_der);
        check(len > 0);
        good_len = (size_t)len;
        X509_free(x509);
        BIO_free(bio);
        remove(file);
        remove(path);
        sal_private_key_free(issuer);
        sal_private_key_free(subject);
}

static void look_at(const struct sal_certificate *certificate) {
        char name[SAL_X509_CN_BYTES], mark[SAL_SHA256_HEX_BYTES], own[SAL_SHA256_HEX_BYTES];
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        if (!sal_certificate_common_name(certificate, name, NULL))
                check(name[0] && strlen(name) < sizeof name);
        sal_certificate_public_key(certificate, &key, NULL);
        sal_certificate_not_after_ms(certificate);
        sal_certificate_fingerprint(certificate, mark);
        sal_certificate_fingerprint(good, own);
        if (!sal_certificate_verify(certificate, authority, SAL_X509_CLIENT, fuzz_now_ms, NULL))
                check(strcmp(mark, own) == 0);
        check(sal_certificate_verify(certificate, authority, SAL_X509_SERVER, fuzz_now_ms, NULL) != SAL_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        if (!good)
                make();
        sal_auto(sal_certificate) struct sal_certificate *der = NULL, *pem = NULL, *changed = NULL;
        if (!sal_certificate_from_der(data, len, &der, NULL))
                look_at(der);
        if (!sal_certificate_from_pem((const char *)data, len, &pem, NULL))
                look_at(pem);
        sal_autofree char *bent = fuzz_bend((const char *)good_der, good_len, 8, &data, &len);
        if (!sal_certificate_from_der((const uint8_t *)bent, good_len, &changed, NULL))
                look_at(changed);
        return 0;
}
