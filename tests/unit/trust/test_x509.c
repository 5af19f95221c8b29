/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: what is issued, and the negative ones of certs/make-negative.sh. */
#include "testing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "trust/certificate_internal.h"

#include <openssl/x509v3.h>

static const int64_t now_ms = INT64_C(1721365200000);
static const int64_t day_ms = INT64_C(86400000);

struct issued {
        struct sal_certificate *certificate;
        struct sal_private_key *key;
};

static struct issued issue(enum sal_x509_profile profile, const char *name, const struct issued *by,
                           enum sal_key_type type) {
        static const char *const sans[] = {"localhost", "127.0.0.1", "::1", "*.example.org"};
        const struct sal_x509_spec spec = {.profile = profile,
                                           .common_name = name,
                                           .sans = profile == SAL_X509_SERVER ? sans : NULL,
                                           .san_count = profile == SAL_X509_SERVER ? 4 : 0,
                                           .not_before_ms = now_ms,
                                           .not_after_ms = now_ms + 10 * day_ms};
        struct issued issued = {.key = make_key(type)};
        struct sal_err err = {0};
        if (sal_x509_issue(&spec, sal_private_key_public(issued.key), by ? by->certificate : NULL,
                           by ? by->key : issued.key, &issued.certificate, &err))
                fail_msg("%s", err.detail);
        return issued;
}

static void drop(struct issued *issued) {
        sal_certificate_free(issued->certificate);
        sal_private_key_free(issued->key);
}
#define autoissued __attribute__((cleanup(drop)))

static void issued_and_verified(void **state) {
        (void)state;
        for (int type = 0; type < 2; type++) {
                autoissued struct issued ca = issue(SAL_X509_CA, "Test CA", NULL, (enum sal_key_type)type);
                autoissued struct issued twin = issue(SAL_X509_CA, "Test CA", NULL, (enum sal_key_type)type);
                autoissued struct issued server = issue(SAL_X509_SERVER, "salvord", &ca, SAL_KEY_P256);
                autoissued struct issued client = issue(SAL_X509_CLIENT, "pc-1", &ca, (enum sal_key_type)type);
                const struct {
                        const struct issued *who, *by;
                        enum sal_x509_profile as;
                        int64_t at_ms;
                        enum sal_status status;
                } rows[] = {
                        {&server, &ca, SAL_X509_SERVER, now_ms, SAL_OK},
                        {&client, &ca, SAL_X509_CLIENT, now_ms + 9 * day_ms, SAL_OK},
                        {&server, &ca, SAL_X509_CLIENT, now_ms, SAL_E_UNTRUSTED},
                        {&client, &ca, SAL_X509_SERVER, now_ms, SAL_E_UNTRUSTED},
                        {&client, &twin, SAL_X509_CLIENT, now_ms, SAL_E_UNTRUSTED},
                        {&client, &ca, SAL_X509_CLIENT, now_ms - 1000, SAL_E_UNTRUSTED},
                        {&client, &ca, SAL_X509_CLIENT, now_ms + 11 * day_ms, SAL_E_UNTRUSTED},
                        {&ca, &ca, SAL_X509_CLIENT, now_ms, SAL_E_UNTRUSTED},
                        {&client, &client, SAL_X509_CLIENT, now_ms, SAL_E_UNTRUSTED},
                        {&client, &server, SAL_X509_CLIENT, now_ms, SAL_E_UNTRUSTED},
                };
                for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                        struct sal_err err = {0};
                        enum sal_status status =
                                sal_certificate_verify(rows[i].who->certificate, rows[i].by->certificate, rows[i].as,
                                                       rows[i].at_ms, &err);
                        if (status != rows[i].status)
                                fail_msg("row %zu: %d %s", i, status, err.detail);
                }
        }
}

static void what_it_says(void **state) {
        (void)state;
        autoissued struct issued ca = issue(SAL_X509_CA, "Test CA", NULL, SAL_KEY_P256);
        autoissued struct issued server = issue(SAL_X509_SERVER, "salvord", &ca, SAL_KEY_P256);
        char name[SAL_X509_CN_BYTES];
        assert_int_equal(sal_certificate_common_name(server.certificate, name, NULL), SAL_OK);
        assert_string_equal(name, "salvord");
        assert_int_equal(sal_certificate_not_after_ms(server.certificate), now_ms + 10 * day_ms);
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        assert_int_equal(sal_certificate_public_key(server.certificate, &key, NULL), SAL_OK);
        assert_true(sal_public_key_equal(key, sal_private_key_public(server.key)));
        X509 *x509 = sal_certificate_x509(server.certificate);
        assert_int_equal(X509_check_host(x509, "localhost", 0, 0, NULL), 1);
        assert_int_equal(X509_check_host(x509, "a.example.org", 0, 0, NULL), 1);
        assert_int_equal(X509_check_host(x509, "salvord", 0, 0, NULL), 0);
        assert_int_equal(X509_check_ip_asc(x509, "127.0.0.1", 0), 1);
        assert_int_equal(X509_check_ip_asc(x509, "0:0:0:0:0:0:0:1", 0), 1);
        assert_int_equal(X509_check_ip_asc(x509, "127.0.0.2", 0), 0);
        uint8_t *der = NULL;
        int len = i2d_X509(x509, &der);
        sal_auto(sal_certificate) struct sal_certificate *again = NULL;
        struct sal_certificate *none = NULL;
        char first[SAL_SHA256_HEX_BYTES], second[SAL_SHA256_HEX_BYTES];
        assert_int_equal(sal_certificate_from_der(der, (size_t)len, &again, NULL), SAL_OK);
        assert_int_equal(sal_certificate_from_der(der, (size_t)len - 1, &none, NULL), SAL_E_MALFORMED);
        sal_certificate_fingerprint(again, first);
        sal_sha256_hex(der, (size_t)len, second);
        assert_string_equal(first, second);
        uint8_t *longer = calloc(1, (size_t)len + 1);
        memcpy(longer, der, (size_t)len);
        assert_int_equal(sal_certificate_from_der(longer, (size_t)len + 1, &none, NULL), SAL_E_MALFORMED);
        assert_int_equal(sal_certificate_from_pem("no certificate", 14, &none, NULL), SAL_E_MALFORMED);
        free(longer);
        OPENSSL_free(der);
}

static void not_issued(void **state) {
        (void)state;
        autoissued struct issued ca = issue(SAL_X509_CA, "Test CA", NULL, SAL_KEY_P256);
        autoissued struct issued other = issue(SAL_X509_CA, "Test CA", NULL, SAL_KEY_P256);
        static const char *const bad_sans[] = {"a,DNS:b", "", "a b", "a/b", "*", "x\ny", "\xc3\xa4"};
        const struct sal_public_key *key = sal_private_key_public(other.key);
        struct sal_certificate *none = NULL;
        struct sal_x509_spec spec = {.profile = SAL_X509_SERVER,
                                     .common_name = "salvord",
                                     .san_count = 1,
                                     .not_before_ms = now_ms,
                                     .not_after_ms = now_ms + day_ms};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad_sans); i++) {
                spec.sans = &bad_sans[i];
                assert_int_equal(sal_x509_issue(&spec, key, ca.certificate, ca.key, &none, NULL), SAL_E_INVALID);
        }
        spec.san_count = 0;
        assert_int_equal(sal_x509_issue(&spec, key, ca.certificate, ca.key, &none, NULL), SAL_E_INVALID);
        spec.profile = SAL_X509_CLIENT;
        assert_int_equal(sal_x509_issue(&spec, key, ca.certificate, other.key, &none, NULL), SAL_E_INVALID);
        assert_int_equal(sal_x509_issue(&spec, key, NULL, ca.key, &none, NULL), SAL_E_INVALID);
        spec.common_name = "a\nb";
        assert_int_equal(sal_x509_issue(&spec, key, ca.certificate, ca.key, &none, NULL), SAL_E_INVALID);
        spec.common_name = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        assert_int_equal(sal_x509_issue(&spec, key, ca.certificate, ca.key, &none, NULL), SAL_E_INVALID);
        spec.common_name = "pc-1";
        spec.not_after_ms = now_ms;
        assert_int_equal(sal_x509_issue(&spec, key, ca.certificate, ca.key, &none, NULL), SAL_E_INVALID);
        assert_null(none);
}

static struct sal_certificate *load(const char *folder, const char *name) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s.crt", folder, name);
        struct sal_certificate *certificate = NULL;
        struct sal_err err = {0};
        if (sal_certificate_load(path, &certificate, &err))
                fail_msg("%s", err.detail);
        return certificate;
}

/* Each stumbles over the check that is there for it, and over no other. */
static void negative_certificates(void **state) {
        (void)state;
        const char *folder = make_folder();
        char command[256];
        snprintf(command, sizeof command, "'%s/certs/make-negative.sh' '%s' >'%s/log' 2>&1", SALVOR_SOURCE_DIR, folder,
                 folder);
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a fixed command of the tests */
        static const struct {
                const char *name;
                enum sal_status chain, common_name, key;
        } rows[] = {
                {"good", SAL_OK, SAL_OK, SAL_OK},
                {"other-ca", SAL_E_UNTRUSTED, SAL_OK, SAL_OK},
                {"self-signed", SAL_E_UNTRUSTED, SAL_OK, SAL_OK},
                {"expired", SAL_E_UNTRUSTED, SAL_OK, SAL_OK},
                {"not-yet-valid", SAL_E_UNTRUSTED, SAL_OK, SAL_OK},
                {"wrong-eku", SAL_E_UNTRUSTED, SAL_OK, SAL_OK},
                {"sha1", SAL_E_UNTRUSTED, SAL_OK, SAL_OK},
                {"nul-in-cn", SAL_OK, SAL_E_INVALID, SAL_OK},
                {"two-names", SAL_OK, SAL_E_INVALID, SAL_OK},
                {"no-name", SAL_OK, SAL_E_INVALID, SAL_OK},
                {"rsa", SAL_OK, SAL_OK, SAL_E_INVALID},
        };
        sal_auto(sal_certificate) struct sal_certificate *ca = load(folder, "ca");
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                sal_auto(sal_certificate) struct sal_certificate *certificate = load(folder, rows[i].name);
                sal_auto(sal_public_key) struct sal_public_key *key = NULL;
                char name[SAL_X509_CN_BYTES];
                struct sal_err err = {0};
                enum sal_status chain =
                        sal_certificate_verify(certificate, ca, SAL_X509_CLIENT, sal_clock_wall_ms(), &err);
                if (chain != rows[i].chain ||
                    sal_certificate_common_name(certificate, name, NULL) != rows[i].common_name ||
                    sal_certificate_public_key(certificate, &key, NULL) != rows[i].key)
                        fail_msg("%s: chain %d: %s", rows[i].name, chain, err.detail);
        }
        drop_folder(folder);
}

static void files(void **state) {
        (void)state;
        const char *folder = make_folder();
        autoissued struct issued ca = issue(SAL_X509_CA, "Test CA", NULL, SAL_KEY_P256);
        char path[128];
        snprintf(path, sizeof path, "%s/ca.crt", folder);
        assert_int_equal(sal_certificate_save(ca.certificate, path, NULL), SAL_OK);
        assert_int_equal(sal_certificate_save(ca.certificate, path, NULL), SAL_E_CONFLICT);
        sal_auto(sal_certificate) struct sal_certificate *again = load(folder, "ca");
        char first[SAL_SHA256_HEX_BYTES], second[SAL_SHA256_HEX_BYTES];
        sal_certificate_fingerprint(again, first);
        sal_certificate_fingerprint(ca.certificate, second);
        assert_string_equal(first, second);
        struct sal_certificate *none = NULL;
        snprintf(path, sizeof path, "%s/absent", folder);
        assert_int_equal(sal_certificate_load(path, &none, NULL), SAL_E_NOT_FOUND);
        drop_folder(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(issued_and_verified),   cmocka_unit_test(what_it_says), cmocka_unit_test(not_issued),
                cmocka_unit_test(negative_certificates), cmocka_unit_test(files),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
