/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/key_form.h"

#include "trust/crypto.h"

#include <string.h>

enum {
        ED25519_POINT_BYTES = 32,
        P256_NUMBER_BYTES = 32,
        P256_POINT_BYTES = 65,
        P256_COMPRESSED_BYTES = 33,
        DER_INTEGER = 0x02,
        DER_OCTET_STRING = 0x04,
        DER_SEQUENCE = 0x30
};

/* The point of a type in one of its lengths, and what stands before it in a SubjectPublicKeyInfo. */
static const struct form {
        enum sal_key_type type;
        size_t len;
        const uint8_t *prefix;
        size_t prefix_len;
} forms[] = {
        {SAL_KEY_ED25519, ED25519_POINT_BYTES, sal_spki_ed25519, SAL_SPKI_ED25519_BYTES},
        {SAL_KEY_P256, P256_POINT_BYTES, sal_spki_p256, SAL_SPKI_P256_BYTES},
        {SAL_KEY_P256, P256_COMPRESSED_BYTES, sal_spki_p256_compressed, SAL_SPKI_P256_BYTES},
};

static const struct form *form_of(enum sal_key_type type, size_t len) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(forms); i++)
                if (forms[i].type == type && forms[i].len == len)
                        return &forms[i];
        return NULL;
}

enum sal_status sal_public_key_from_point(enum sal_key_type type, const uint8_t *point, size_t len,
                                          struct sal_public_key **ret, struct sal_err *reterr) {
        const struct form *form = form_of(type, len);
        if (!form && len > 2 && point[0] == DER_OCTET_STRING && point[1] == len - 2) {
                point += 2;
                form = form_of(type, len - 2);
        }
        if (!form)
                return sal_fail(reterr, SAL_E_INVALID, "%zu bytes are no point of an %s key", len,
                                type == SAL_KEY_ED25519 ? "Ed25519" : "ECDSA P-256");
        uint8_t der[SAL_KEY_SPKI_MAX_BYTES];
        memcpy(der, form->prefix, form->prefix_len);
        memcpy(der + form->prefix_len, point, form->len);
        return sal_public_key_from_spki(der, form->prefix_len + form->len, ret, reterr);
}

/* n, the order of the group of P-256 (SEC 2 section 2.4.2). */
static const uint8_t order[P256_NUMBER_BYTES] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

static bool in_range(const uint8_t *number) {
        static const uint8_t zero[P256_NUMBER_BYTES];
        return memcmp(number, zero, sizeof zero) != 0 && memcmp(number, order, sizeof order) < 0;
}

/* Writes a DER INTEGER: no leading zero but the one that keeps it positive. Returns its length. */
static size_t put_integer(const uint8_t *number, uint8_t *out) {
        size_t skip = 0;
        while (number[skip] == 0) /* ends: the number is not 0 */
                skip++;
        size_t pad = number[skip] >= 0x80 ? 1 : 0;
        size_t len = P256_NUMBER_BYTES - skip;
        out[0] = DER_INTEGER;
        out[1] = (uint8_t)(len + pad);
        out[2] = 0;
        memcpy(out + 2 + pad, number + skip, len);
        return 2 + pad + len;
}

enum sal_status sal_signature_from_raw(const uint8_t *raw, size_t len, uint8_t ret_der[static SAL_SIGNATURE_MAX_BYTES],
                                       size_t *ret_len, struct sal_err *reterr) {
        if (len != SAL_P256_RAW_SIGNATURE_BYTES)
                return sal_fail(reterr, SAL_E_INVALID, "an ECDSA P-256 signature has %d bytes, not %zu",
                                SAL_P256_RAW_SIGNATURE_BYTES, len);
        if (!in_range(raw) || !in_range(raw + P256_NUMBER_BYTES))
                return sal_fail(reterr, SAL_E_INVALID, "a number of the ECDSA signature is 0 or not below the order");
        size_t body = put_integer(raw, ret_der + 2);
        body += put_integer(raw + P256_NUMBER_BYTES, ret_der + 2 + body);
        ret_der[0] = DER_SEQUENCE;
        ret_der[1] = (uint8_t)body;
        *ret_len = 2 + body;
        return SAL_OK;
}
