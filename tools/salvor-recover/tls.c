/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <time.h>

static bool time_of(const ASN1_TIME *asn1, int64_t *ret_ms) {
        struct tm parts;
        if (!asn1 || !ASN1_TIME_to_tm(asn1, &parts))
                return false;
        *ret_ms = (int64_t)timegm(&parts) * 1000;
        return true;
}

/* A certificate whose dates cannot be read makes the chain valid at no time. */
static void note_dates(const STACK_OF(X509) * chain, struct sal_tls_validity *ret) {
        *ret = (struct sal_tls_validity){.known = true, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
        for (int i = 0; i < sk_X509_num(chain); i++) {
                const X509 *certificate = sk_X509_value(chain, i);
                int64_t from = 0, until = 0;
                if (!time_of(X509_get0_notBefore(certificate), &from) ||
                    !time_of(X509_get0_notAfter(certificate), &until)) {
                        ret->from_ms = INT64_MAX;
                        return;
                }
                ret->from_ms = from > ret->from_ms ? from : ret->from_ms;
                ret->until_ms = until < ret->until_ms ? until : ret->until_ms;
        }
}

static int check_chain(X509_STORE_CTX *context, void *arg) {
        X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context), X509_V_FLAG_NO_CHECK_TIME);
        int good = X509_verify_cert(context);
        if (good == 1)
                note_dates(X509_STORE_CTX_get0_chain(context), arg);
        return good;
}

void sal_tls_check_without_clock(void *ssl_context, struct sal_tls_validity *validity) {
        SSL_CTX_set_cert_verify_callback(ssl_context, check_chain, validity);
}
