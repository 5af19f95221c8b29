/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's certificate behind ours, for the file that issues (x509.c) and the one that reads (certificate.c).
 *
 * Thread: any. Ownership: _x509 borrows, _take takes over.
 */
#ifndef SAL_TRUST_CERTIFICATE_INTERNAL_H
#define SAL_TRUST_CERTIFICATE_INTERNAL_H

#include "trust/x509.h"

#include <openssl/x509.h>

/* Borrowed. OpenSSL takes few certificates as const, hence the plain pointer; nobody changes it. */
X509 *sal_certificate_x509(const struct sal_certificate *certificate);

/* Takes over `x509`, also on failure. Errors: SAL_E_NOMEM. */
enum sal_status sal_certificate_take(X509 *x509, struct sal_certificate **ret, struct sal_err *reterr);

#endif
