/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and signatures in the forms in which tokens have them (PKCS#11 3.0, section 2.3): points and a pair of numbers
 * instead of the DER of certificates.
 *
 * Thread: any. Ownership: keys are handed over.
 */
#ifndef SAL_TRUST_KEY_FORM_H
#define SAL_TRUST_KEY_FORM_H

#include "trust/key.h"

enum { SAL_P256_RAW_SIGNATURE_BYTES = 64 };

/* The public key whose point this is, as CKA_EC_POINT has it: Ed25519 32 bytes; P-256 a point after SEC 1
 * section 2.3.3, uncompressed or compressed; either as it is or wrapped in a DER OCTET STRING, for tokens differ in
 * that. The lengths tell the forms apart. Errors: SAL_E_INVALID (not such a key, or one that sal_public_key_from_spki
 * refuses), SAL_E_NOMEM. */
enum sal_status sal_public_key_from_point(enum sal_key_type type, const uint8_t *point, size_t len,
                                          struct sal_public_key **ret, struct sal_err *reterr);

/* An ECDSA signature on P-256 as CKM_ECDSA gives it, r and s of 32 bytes each, most significant first, becomes the DER
 * ECDSA-Sig-Value that sal_public_key_verify takes (RFC 3279 section 2.2.3). Errors: SAL_E_INVALID when len is not 64,
 * or r or s is not in 1..n-1: such a signature is none. */
enum sal_status sal_signature_from_raw(const uint8_t *raw, size_t len, uint8_t ret_der[static SAL_SIGNATURE_MAX_BYTES],
                                       size_t *ret_len, struct sal_err *reterr);

#endif
