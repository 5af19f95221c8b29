/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>

static gnutls_datum_t datum(const char *pem) {
        return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)pem, .size = (unsigned)strlen(pem)};
}

static enum sal_status load(struct sal_http_tls *tls, const char *certificate_pem, const char *key_pem,
                            const char *client_ca_pem, struct sal_err *reterr) {
        if (gnutls_certificate_allocate_credentials(&tls->credentials) != 0)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for TLS credentials");
        if (!certificate_pem || !key_pem)
                return sal_fail(reterr, SAL_E_CONFIG, "TLS needs a certificate and its private key");
        gnutls_datum_t certificate = datum(certificate_pem);
        gnutls_datum_t key = datum(key_pem);
        int rc = gnutls_certificate_set_x509_key_mem(tls->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
        if (rc < 0) {
                sal_fail(reterr, SAL_E_CONFIG, "the server certificate or its key cannot be used: %s",
                         gnutls_strerror(rc));
                if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
                        sal_err_hint(reterr, "the key belongs to another certificate; name the pair that belongs "
                                             "together, the server's own certificate first in its file");
                return SAL_E_CONFIG;
        }
        if (!client_ca_pem)
                return SAL_OK;
        gnutls_datum_t ca = datum(client_ca_pem);
        rc = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca, GNUTLS_X509_FMT_PEM);
        if (rc <= 0)
                return sal_fail(reterr, SAL_E_CONFIG, "the client CA holds no usable certificate: %s",
                                rc < 0 ? gnutls_strerror(rc) : "no PEM certificate found");
        tls->ask = true;
        return SAL_OK;
}

enum sal_status sal_http_tls_new(const char *certificate_pem, const char *key_pem, const char *client_ca_pem,
                                 struct sal_http_tls **ret, struct sal_err *reterr) {
        struct sal_http_tls *tls = calloc(1, sizeof *tls);
        if (!tls)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for TLS credentials");
        atomic_init(&tls->refs, 1);
        enum sal_status status = load(tls, certificate_pem, key_pem, client_ca_pem, reterr);
        if (status)
                sal_http_tls_unref(tls);
        else
                *ret = tls;
        return status;
}

struct sal_http_tls *sal_http_tls_ref(struct sal_http_tls *tls) {
        if (tls)
                atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
        return tls;
}

void sal_http_tls_unref(struct sal_http_tls *tls) {
        if (!tls || atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) != 1)
                return;
        if (tls->credentials)
                gnutls_certificate_free_credentials(tls->credentials);
        free(tls);
}

enum sal_status sal_http_server_check_tls(const char *certificate_pem, const char *key_pem, const char *client_ca_pem,
                                          struct sal_err *reterr) {
        struct sal_http_tls *tls = NULL;
        enum sal_status status = sal_http_tls_new(certificate_pem, key_pem, client_ca_pem, &tls, reterr);
        if (status == SAL_OK)
                sal_http_tls_unref(tls);
        return status;
}

enum sal_status sal_http_server_set_tls(struct sal_http_server *server, size_t plane, const char *certificate_pem,
                                        const char *key_pem, const char *client_ca_pem, struct sal_err *reterr) {
        if (plane >= server->plane_count || !server->planes[plane].config.tls)
                return sal_fail(reterr, SAL_E_CONFIG, "this plane has no TLS");
        struct sal_http_plane *at = &server->planes[plane];
        struct sal_http_tls *tls = NULL;
        enum sal_status status = sal_http_tls_new(certificate_pem, key_pem, client_ca_pem, &tls, reterr);
        if (status)
                return status;
        pthread_mutex_lock(&at->tls_lock);
        struct sal_http_tls *old = at->tls;
        at->tls = tls;
        pthread_mutex_unlock(&at->tls_lock);
        sal_http_tls_unref(old);
        return SAL_OK;
}
