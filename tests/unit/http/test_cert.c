/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: versions, what a client certificate is found to be, and replacing certificates while the server runs. */
#include "harness.h"

#include "base/encode.h"

#include <gnutls/abstract.h>

static struct pair ca, other_ca, server_pair, client;
static struct sal_http_server *server;
static uint16_t port;

static void handle_cert(struct sal_http_request *request) {
        static const char *const states[] = {"none", "invalid", "valid"};
        const struct sal_http_cert_info *info = sal_http_cert(request);
        char spki[SAL_SHA256_HEX_BYTES] = "";
        if (info->spki)
                sal_sha256_hex(info->spki, info->spki_len, spki);
        reply_text(request, 200, "%s cn=%s sha256=%s spki=%s reason=%s", states[info->state], info->common_name,
                   info->sha256, spki, info->reason ? info->reason : "");
}

static const struct sal_http_route routes[] = {{.method = "GET", .path = "/cert", .handle = handle_cert}};

static int setup(void **state) {
        (void)state;
        ca = pair_make((struct pair_spec){.name = "machines", .ca = true});
        other_ca = pair_make((struct pair_spec){.name = "operators", .ca = true});
        server_pair = pair_make((struct pair_spec){.name = "localhost", .purpose = GNUTLS_KP_TLS_WWW_SERVER});
        client = pair_make((struct pair_spec){.name = "ws-0042", .issuer = &ca, .purpose = GNUTLS_KP_TLS_WWW_CLIENT});
        struct sal_http_plane_config plane = {.tls = true,
                                              .certificate_pem = server_pair.certificate_pem,
                                              .key_pem = server_pair.key_pem,
                                              .client_ca_pem = ca.certificate_pem,
                                              .routes = routes,
                                              .route_count = 1};
        server = serve(&plane, 1);
        port = sal_http_server_port(server, 0);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        sal_http_server_free(server);
        pair_done(&ca);
        pair_done(&other_ca);
        pair_done(&server_pair);
        pair_done(&client);
        return 0;
}

#define ASK "GET /cert HTTP/1.1\r\nHost: a\r\n\r\n"

/* What the server found about this certificate, over a connection of its own. */
static void ask(const struct pair *mine, char ret[static 512]) {
        struct tls_client tls;
        assert_int_equal(tls_dial(&tls, port, mine, NULL), 0);
        struct answer a = tls_ask(&tls, ASK);
        assert_int_equal(a.status, 200);
        snprintf(ret, 512, "%s", a.body);
        answer_done(&a);
        tls_hang_up(&tls);
}

static void expect(const struct pair *mine, const char *start, const char *reason) {
        char found[512];
        ask(mine, found);
        if (strncmp(found, start, strlen(start)) != 0 || !strstr(found, reason))
                fail_msg("expected %s … %s, found: %s", start, reason, found);
}

static void test_versions(void **state) {
        struct tls_client tls;
        (void)state;
        assert_int_equal(tls_dial(&tls, port, NULL, "NORMAL:-VERS-ALL:+VERS-TLS1.3"), 0);
        tls_hang_up(&tls);
        assert_int_equal(tls_dial(&tls, port, NULL, "NORMAL:-VERS-ALL:+VERS-TLS1.2"), 0);
        tls_hang_up(&tls);
        assert_true(tls_dial(&tls, port, NULL, "NORMAL:-VERS-ALL:+VERS-TLS1.1") < 0);
        tls_hang_up(&tls);
        assert_true(tls_dial(&tls, port, NULL, "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT") < 0);
        tls_hang_up(&tls);
}

static void test_none_and_valid(void **state) {
        char found[512], expected[512], sha256[SAL_SHA256_HEX_BYTES], spki[SAL_SHA256_HEX_BYTES];
        gnutls_datum_t der = {0};
        gnutls_pubkey_t key;
        (void)state;
        expect(NULL, "none cn= sha256= spki= reason=", "");
        gnutls_x509_crt_export2(client.certificate, GNUTLS_X509_FMT_DER, &der);
        sal_sha256_hex(der.data, der.size, sha256);
        gnutls_free(der.data);
        gnutls_pubkey_init(&key);
        gnutls_pubkey_import_x509(key, client.certificate, 0);
        gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der);
        sal_sha256_hex(der.data, der.size, spki);
        gnutls_free(der.data);
        gnutls_pubkey_deinit(key);
        snprintf(expected, sizeof expected, "valid cn=ws-0042 sha256=%s spki=%s reason=", sha256, spki);
        ask(&client, found);
        assert_string_equal(found, expected);
        struct tls_client tls; /* twice on one connection, and on TLS 1.2 */
        assert_int_equal(tls_dial(&tls, port, &client, "NORMAL:-VERS-ALL:+VERS-TLS1.2"), 0);
        for (int i = 0; i < 2; i++) {
                struct answer a = tls_ask(&tls, ASK);
                assert_string_equal(a.body, expected);
                answer_done(&a);
        }
        tls_hang_up(&tls);
}

static void test_invalid(void **state) {
        char longer[200];
        (void)state;
        memset(longer, 'x', sizeof longer);
        const struct {
                struct pair_spec spec;
                const char *reason;
        } cases[] = {
                {{.name = "ws-1", .issuer = &other_ca, .purpose = GNUTLS_KP_TLS_WWW_CLIENT}, "client CA"},
                {{.name = "ws-1", .purpose = GNUTLS_KP_TLS_WWW_CLIENT}, "client CA"}, /* by itself */
                {{.name = "ws-1", .issuer = &ca, .purpose = GNUTLS_KP_TLS_WWW_SERVER}, "extended key usage"},
                {{.name = "ws-1", .issuer = &ca, .from_s = -7200, .until_s = -3600}, "expired"},
                {{.name = "ws-1", .issuer = &ca, .from_s = 3600, .until_s = 7200}, "not valid yet"},
                {{.name = "ws-1\0evil", .name_len = 9, .issuer = &ca}, "common name"},
                {{.name = longer, .name_len = 64 + 100, .issuer = &ca}, "common name"},
                {{.issuer = &ca}, "no common name"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct pair bad = pair_make(cases[i].spec);
                expect(&bad, "invalid cn= ", cases[i].reason);
                pair_done(&bad);
        }
        /* a certificate that a client of the right CA has issued */
        struct pair issued = pair_make((struct pair_spec){.name = "ws-2", .issuer = &client});
        expect(&issued, "invalid cn= ", "client CA");
        pair_done(&issued);
        expect(&client, "valid", "");
}

static void test_replace(void **state) {
        struct tls_client old;
        struct sal_err err = {0};
        char before[SAL_SHA256_HEX_BYTES], after[SAL_SHA256_HEX_BYTES];
        unsigned count;
        (void)state;
        struct pair fresh = pair_make((struct pair_spec){.name = "fresh", .purpose = GNUTLS_KP_TLS_WWW_SERVER});
        struct pair theirs = pair_make((struct pair_spec){.name = "op-1", .issuer = &other_ca});
        assert_int_equal(tls_dial(&old, port, &client, NULL), 0);
        const gnutls_datum_t *seen = gnutls_certificate_get_peers(old.session, &count);
        sal_sha256_hex(seen->data, seen->size, before);

        assert_int_equal(sal_http_server_check_tls(fresh.certificate_pem, server_pair.key_pem, NULL, &err),
                         SAL_E_CONFIG);
        assert_non_null(strstr(err.hint, "another certificate"));
        assert_int_equal(sal_http_server_check_tls("no", "no", NULL, &err), SAL_E_CONFIG);
        assert_int_equal(sal_http_server_check_tls(fresh.certificate_pem, fresh.key_pem, "no", &err), SAL_E_CONFIG);
        assert_int_equal(sal_http_server_set_tls(server, 0, fresh.certificate_pem, server_pair.key_pem, NULL, &err),
                         SAL_E_CONFIG);
        expect(&client, "valid", ""); /* the old ones stay */
        assert_int_equal(sal_http_server_set_tls(server, 1, fresh.certificate_pem, fresh.key_pem, NULL, &err),
                         SAL_E_CONFIG);

        assert_int_equal(sal_http_server_set_tls(server, 0, fresh.certificate_pem, fresh.key_pem,
                                                 other_ca.certificate_pem, &err),
                         SAL_OK);
        struct answer a = tls_ask(&old, ASK); /* an open connection keeps what it began with */
        assert_int_equal(strncmp(a.body, "valid cn=ws-0042", 16), 0);
        answer_done(&a);
        tls_hang_up(&old);
        struct tls_client now;
        assert_int_equal(tls_dial(&now, port, &theirs, NULL), 0);
        seen = gnutls_certificate_get_peers(now.session, &count);
        sal_sha256_hex(seen->data, seen->size, after);
        assert_string_not_equal(before, after);
        a = tls_ask(&now, ASK);
        assert_int_equal(strncmp(a.body, "valid cn=op-1", 13), 0);
        answer_done(&a);
        tls_hang_up(&now);
        expect(&client, "invalid", "client CA");
        assert_int_equal(sal_http_server_set_tls(server, 0, server_pair.certificate_pem, server_pair.key_pem,
                                                 ca.certificate_pem, &err),
                         SAL_OK);
        expect(&client, "valid", "");
        pair_done(&fresh);
        pair_done(&theirs);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_versions),
                cmocka_unit_test(test_none_and_valid),
                cmocka_unit_test(test_invalid),
                cmocka_unit_test(test_replace),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
