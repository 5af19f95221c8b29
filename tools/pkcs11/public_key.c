/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"
#include "trust/key_form.h"

#include <string.h>

enum { PARAMS_MAX_BYTES = 16, KEY_TYPE_EC_MONTGOMERY = 0x41 /* PKCS#11 3.0; p11-kit 0.24 has no name for it */ };

#define UNSUPPORTED (-1)

/* Curves by CKA_EC_PARAMS: the DER of the object identifier, or of the curve's name (PKCS#11 3.0, section 2.3.3). */
static const struct curve {
        CK_KEY_TYPE key_type;
        int type; /* enum sal_key_type, or UNSUPPORTED */
        const char *name;
        uint8_t params[PARAMS_MAX_BYTES];
        size_t len;
} curves[] = {
        {CKK_EC, SAL_KEY_P256, "P-256", {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10},
        {CKK_EC_EDWARDS, SAL_KEY_ED25519, "Ed25519", {0x06, 0x03, 0x2b, 0x65, 0x70}, 5},
        {CKK_EC_EDWARDS, SAL_KEY_ED25519, "Ed25519",
         "\x13\x0c"
         "edwards25519",
         14},
        /* 1.3.6.1.4.1.11591.15.1, which GnuPG's cards had before RFC 8410 */
        {CKK_EC_EDWARDS,
         SAL_KEY_ED25519,
         "Ed25519",
         {0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01},
         11},
        {CKK_EC, UNSUPPORTED, "P-192", {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01}, 10},
        {CKK_EC, UNSUPPORTED, "P-224", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21}, 7},
        {CKK_EC, UNSUPPORTED, "P-384", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}, 7},
        {CKK_EC, UNSUPPORTED, "P-521", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}, 7},
        {CKK_EC, UNSUPPORTED, "secp256k1", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a}, 7},
        {CKK_EC_EDWARDS, UNSUPPORTED, "Ed448", {0x06, 0x03, 0x2b, 0x65, 0x71}, 5},
        {CKK_EC_EDWARDS, UNSUPPORTED, "Ed448",
         "\x13\x0a"
         "edwards448",
         12},
};

static const struct {
        CK_KEY_TYPE key_type;
        const char *name;
} other_types[] = {
        {CKK_RSA, "RSA"},
        {CKK_DSA, "DSA"},
        {CKK_DH, "Diffie-Hellman"},
        {KEY_TYPE_EC_MONTGOMERY, "X25519 or X448"},
};

bool sal_pkcs11_params(enum sal_key_type type, size_t index, CK_ATTRIBUTE *ret) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(curves); i++)
                if (curves[i].type == (int)type && index-- == 0) {
                        *ret = (CK_ATTRIBUTE){CKA_EC_PARAMS, (void *)(uintptr_t)curves[i].params, curves[i].len};
                        return true;
                }
        return false;
}

static enum sal_status refuse(const char *label, const char *what, struct sal_err *reterr) {
        sal_fail(reterr, SAL_E_INVALID, "the key \"%s\" is %s; keys are Ed25519 or ECDSA on P-256", label, what);
        sal_err_hint(reterr, "make a key of one of these types on the token");
        return SAL_E_INVALID;
}

static enum sal_status find_type(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE key,
                                 const struct sal_pkcs11_value *params, const char *label, enum sal_key_type *ret,
                                 struct sal_err *reterr) {
        CK_KEY_TYPE key_type = sal_pkcs11_get_number(session, key, CKA_KEY_TYPE, CKK_VENDOR_DEFINED);
        for (size_t i = 0; i < SAL_ARRAY_LEN(other_types); i++)
                if (other_types[i].key_type == key_type)
                        return refuse(label, other_types[i].name, reterr);
        for (size_t i = 0; i < SAL_ARRAY_LEN(curves); i++) {
                const struct curve *curve = &curves[i];
                if (curve->key_type != key_type || curve->len != params->len ||
                    memcmp(curve->params, params->bytes, params->len) != 0)
                        continue;
                if (curve->type == UNSUPPORTED)
                        return refuse(label, curve->name, reterr);
                *ret = (enum sal_key_type)curve->type;
                return SAL_OK;
        }
        return refuse(label, "of another type or on another curve", reterr);
}

/* The public key objects that claim to belong to the private one. */
static void find_partners(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE private_key,
                          struct sal_pkcs11_objects *ret) {
        static const CK_ATTRIBUTE_TYPE types[] = {CKA_ID, CKA_LABEL};
        *ret = (struct sal_pkcs11_objects){0};
        for (size_t i = 0; i < SAL_ARRAY_LEN(types) && !ret->count; i++) {
                struct sal_pkcs11_value value = sal_pkcs11_get(session, private_key, types[i]);
                const CK_ATTRIBUTE same = {types[i], value.bytes, value.len};
                if (value.len && sal_pkcs11_find(session, CKO_PUBLIC_KEY, &same, 1, ret) != CKR_OK)
                        ret->count = 0;
        }
}

/* Takes one more reading of the public key: they must all be the same. Readings that are no key do not count. */
static enum sal_status settle(struct sal_public_key *read, const char *label, struct sal_public_key **inout,
                              struct sal_err *reterr) {
        if (!*inout) {
                *inout = read;
                return SAL_OK;
        }
        bool same = sal_public_key_equal(read, *inout);
        sal_public_key_unref(read);
        if (same)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CONFLICT, "the token holds different public keys that go with the private key \"%s\"",
                 label);
        sal_err_hint(reterr, "give the pair an id of its own, or remove the public key that does not belong to it");
        return SAL_E_CONFLICT;
}

static enum sal_status read_point(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object,
                                  enum sal_key_type type, const char *label, struct sal_public_key **inout,
                                  struct sal_err *reterr) {
        const struct sal_pkcs11_value point = sal_pkcs11_get(session, object, CKA_EC_POINT);
        struct sal_public_key *read = NULL;
        if (!point.len || sal_public_key_from_point(type, point.bytes, point.len, &read, NULL))
                return SAL_OK;
        return settle(read, label, inout, reterr);
}

static enum sal_status read_spki(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object,
                                 enum sal_key_type type, const char *label, struct sal_public_key **inout,
                                 struct sal_err *reterr) {
        const struct sal_pkcs11_value spki = sal_pkcs11_get(session, object, CKA_PUBLIC_KEY_INFO);
        struct sal_public_key *read = NULL;
        if (!spki.len || sal_public_key_from_spki(spki.bytes, spki.len, &read, NULL))
                return SAL_OK;
        if (sal_public_key_type(read) == type)
                return settle(read, label, inout, reterr);
        sal_public_key_unref(read);
        return SAL_OK;
}

enum sal_status sal_pkcs11_public_key(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE private_key,
                                      struct sal_public_key **ret, struct sal_err *reterr) {
        char label[SAL_PKCS11_LABEL_MAX_BYTES + 1], id[2 * SAL_PKCS11_ID_MAX_BYTES + 1];
        struct sal_pkcs11_objects partners;
        enum sal_key_type type = SAL_KEY_ED25519;
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        sal_pkcs11_names(session, private_key, label, id);
        find_partners(session, private_key, &partners);
        struct sal_pkcs11_value params = sal_pkcs11_get(session, private_key, CKA_EC_PARAMS);
        if (!params.len && partners.count)
                params = sal_pkcs11_get(session, partners.handles[0], CKA_EC_PARAMS);
        enum sal_status status = find_type(session, private_key, &params, label, &type, reterr);
        for (size_t i = 0; i < partners.count && !status; i++)
                status = read_point(session, partners.handles[i], type, label, &key, reterr);
        if (!status)
                status = read_point(session, private_key, type, label, &key, reterr);
        if (!status)
                status = read_spki(session, private_key, type, label, &key, reterr);
        if (!status && !key) {
                status = sal_fail(reterr, SAL_E_INVALID, "the token holds no public key that goes with \"%s\" (id %s)",
                                  label, *id ? id : "none");
                sal_err_hint(reterr, "write the public key object to the token too, with the same id");
        }
        if (!status)
                *ret = SAL_STEAL(key);
        return status;
}
