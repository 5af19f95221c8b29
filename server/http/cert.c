/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/encode.h"
#include "base/mem.h"

#include <gnutls/abstract.h>
#include <string.h>
#include <time.h>

enum { MAX_CHAIN = 8 };

struct sal_http_peer_cert {
        struct sal_http_cert_info info;
        gnutls_datum_t spki; /* gnutls_malloc'ed */
        time_t expires;
};

/* The first reason that holds is told. */
static const char *status_reason(unsigned status) {
        static const struct {
                unsigned bit;
                const char *reason;
        } reasons[] = {
                {GNUTLS_CERT_SIGNER_NOT_FOUND, "not issued by the client CA of this listener"},
                {GNUTLS_CERT_SIGNER_NOT_CA, "issued by a certificate that is no CA"},
                {GNUTLS_CERT_SIGNATURE_FAILURE, "its signature is wrong"},
                {GNUTLS_CERT_INSECURE_ALGORITHM, "signed with an insecure algorithm"},
                {GNUTLS_CERT_PURPOSE_MISMATCH, "not meant for clients (extended key usage)"},
                {GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, "outside the constraints of its CA"},
                {GNUTLS_CERT_REVOKED, "revoked"},
                {GNUTLS_CERT_NOT_ACTIVATED, "not valid yet"},
                {GNUTLS_CERT_EXPIRED, "expired"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(reasons); i++)
                if (status & reasons[i].bit)
                        return reasons[i].reason;
        return "not valid";
}

/* Verifies the chain against the CA of the credentials the connection began with. NULL: it is good. */
static const char *chain_fault(struct sal_http_connection *connection, gnutls_x509_crt_t *chain, unsigned len) {
        gnutls_x509_trust_list_t trust = NULL;
        gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                         .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
        unsigned status = 0;
        gnutls_certificate_get_trust_list(connection->tls->credentials, &trust);
        if (!trust || gnutls_x509_trust_list_verify_crt2(trust, chain, len, &purpose, 1, 0, &status, NULL) < 0)
                return "its chain cannot be checked";
        return status ? status_reason(status) : NULL;
}

/* Reads an ASN.1 string of which every byte is what it seems: UTF8String, PrintableString or IA5String without control
 * bytes. (The library's own text form escapes some characters and writes others in hex.) */
static bool asn1_text(const uint8_t *der, size_t len, char *ret, size_t size) {
        enum { UTF8_STRING = 0x0c, PRINTABLE_STRING = 0x13, IA5_STRING = 0x16, LONG_1 = 0x81 };
        if (len < 2 || (der[0] != UTF8_STRING && der[0] != PRINTABLE_STRING && der[0] != IA5_STRING))
                return false;
        size_t head = der[1] == LONG_1 ? 3 : 2;
        if (len < head || der[1] > LONG_1 || der[head - 1] != len - head || len - head >= size || len == head)
                return false;
        for (size_t i = head; i < len; i++)
                if (der[i] < 0x20 || der[i] == 0x7f)
                        return false;
        memcpy(ret, der + head, len - head);
        ret[len - head] = '\0';
        return true;
}

static const char *name_fault(gnutls_x509_crt_t certificate, struct sal_http_cert_info *info) {
        uint8_t der[256];
        size_t len = sizeof der, second_len = 0;
        int rc = gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 1, der, &len);
        if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                return "it has no common name";
        if (rc == GNUTLS_E_SHORT_MEMORY_BUFFER)
                return "its common name is too long";
        if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 1, 1, NULL, &second_len) !=
            GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                return "it has more than one common name";
        if (rc < 0 || !asn1_text(der, len, info->common_name, sizeof info->common_name))
                return "its common name cannot be used";
        return NULL;
}

static bool read_spki(gnutls_x509_crt_t certificate, struct sal_http_peer_cert *cert) {
        gnutls_pubkey_t key = NULL;
        bool ok = gnutls_pubkey_init(&key) == 0 && gnutls_pubkey_import_x509(key, certificate, 0) == 0 &&
                  gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &cert->spki) == 0;
        if (key)
                gnutls_pubkey_deinit(key);
        cert->info.spki = cert->spki.data;
        cert->info.spki_len = cert->spki.size;
        return ok;
}

static const char *examine(struct sal_http_connection *connection, gnutls_x509_crt_t *chain, unsigned len,
                           struct sal_http_peer_cert *cert) {
        if (!read_spki(chain[0], cert))
                return "its public key cannot be read";
        cert->expires = gnutls_x509_crt_get_expiration_time(chain[0]);
        const char *fault = chain_fault(connection, chain, len);
        return fault ? fault : name_fault(chain[0], &cert->info);
}

static void inspect(struct sal_http_connection *connection, struct sal_http_peer_cert *cert) {
        unsigned len = 0, loaded = 0;
        gnutls_x509_crt_t chain[MAX_CHAIN];
        const gnutls_datum_t *raw = gnutls_certificate_get_peers(connection->session, &len);
        if (!raw || len == 0)
                return;
        const char *fault = len > MAX_CHAIN ? "its chain is too long" : NULL;
        sal_sha256_hex(raw[0].data, raw[0].size, cert->info.sha256);
        for (; !fault && loaded < len; loaded++) {
                if (gnutls_x509_crt_init(&chain[loaded]) != 0) {
                        fault = "no memory to read it";
                        break;
                }
                if (gnutls_x509_crt_import(chain[loaded], &raw[loaded], GNUTLS_X509_FMT_DER) != 0)
                        fault = "it cannot be read";
        }
        if (!fault)
                fault = examine(connection, chain, len, cert);
        for (unsigned i = 0; i < loaded; i++)
                gnutls_x509_crt_deinit(chain[i]);
        cert->info.state = fault ? SAL_HTTP_CERT_INVALID : SAL_HTTP_CERT_VALID;
        cert->info.reason = fault;
        if (fault)
                cert->info.common_name[0] = '\0';
}

const struct sal_http_cert_info *sal_http_connection_cert(struct sal_http_connection *connection) {
        static const struct sal_http_cert_info none = {.state = SAL_HTTP_CERT_NONE};
        static const struct sal_http_cert_info no_memory = {.state = SAL_HTTP_CERT_INVALID,
                                                            .reason = "no memory to read it"};
        if (!connection->session || !connection->tls || !connection->tls->ask)
                return &none;
        if (!connection->cert) {
                connection->cert = calloc(1, sizeof *connection->cert);
                if (!connection->cert)
                        return &no_memory;
                inspect(connection, connection->cert);
        }
        struct sal_http_cert_info *info = &connection->cert->info;
        if (info->state == SAL_HTTP_CERT_VALID && time(NULL) > connection->cert->expires) {
                info->state = SAL_HTTP_CERT_INVALID;
                info->reason = status_reason(GNUTLS_CERT_EXPIRED);
                info->common_name[0] = '\0';
        }
        return info;
}

void sal_http_peer_cert_free(struct sal_http_peer_cert *cert) {
        if (!cert)
                return;
        gnutls_free(cert->spki.data);
        free(cert);
}
