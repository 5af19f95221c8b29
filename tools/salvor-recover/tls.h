/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's certificate chain, checked without a clock: the one place of the client that speaks to OpenSSL's TLS.
 *
 * Thread: one. Ownership: plain values.
 */
#ifndef SAL_RECOVER_TLS_H
#define SAL_RECOVER_TLS_H

#include <stdbool.h>
#include <stdint.h>

/* The time within which every certificate of the chain is valid. */
struct sal_tls_validity {
        bool known;
        int64_t from_ms, until_ms;
};

/* Makes an SSL_CTX check its peer's chain in everything but the dates, and note these in *validity, which must outlive
 * the context. `ssl_context` is an SSL_CTX *. */
void sal_tls_check_without_clock(void *ssl_context, struct sal_tls_validity *validity);

#endif
