/* SPDX-License-Identifier: Apache-2.0 */
/* Making a key pair on the token. */
#include "base/encode.h"
#include "internal.h"

enum { NEW_ID_BYTES = 8 };

static CK_RV count_named(const struct sal_pkcs11_session *session, const CK_ATTRIBUTE *name, size_t *inout) {
        static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
        CK_RV rv = CKR_OK;
        for (size_t i = 0; i < SAL_ARRAY_LEN(classes) && rv == CKR_OK; i++) {
                struct sal_pkcs11_objects found;
                rv = sal_pkcs11_find(session, classes[i], name, 1, &found);
                *inout += rv == CKR_OK ? found.count : 0;
        }
        return rv;
}

static enum sal_status check_vacant(const struct sal_pkcs11_session *session, const CK_ATTRIBUTE *label,
                                    const CK_ATTRIBUTE *id, const char *token, struct sal_err *reterr) {
        size_t taken = 0;
        CK_RV rv = count_named(session, label, &taken);
        if (rv == CKR_OK)
                rv = count_named(session, id, &taken);
        if (rv != CKR_OK)
                return sal_pkcs11_fail(reterr, rv, token, "looking for keys of that name");
        if (!taken)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CONFLICT, "token \"%s\" has a key of that label or id; none is ever overwritten", token);
        sal_err_hint(reterr, "choose another label, and another id or none");
        return SAL_E_CONFLICT;
}

/* The private half is what tokens call sensitive and not extractable: it cannot leave, not even encrypted. */
static CK_RV generate(const struct sal_pkcs11_session *session, enum sal_key_type type, const CK_ATTRIBUTE *label,
                      const CK_ATTRIBUTE *id, const CK_ATTRIBUTE *params) {
        CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
        CK_ATTRIBUTE public_half[] = {
                {CKA_TOKEN, &yes, sizeof yes}, {CKA_VERIFY, &yes, sizeof yes}, *params, *label, *id};
        CK_ATTRIBUTE private_half[] = {{CKA_TOKEN, &yes, sizeof yes},
                                       {CKA_PRIVATE, &yes, sizeof yes},
                                       {CKA_SENSITIVE, &yes, sizeof yes},
                                       {CKA_EXTRACTABLE, &no, sizeof no},
                                       {CKA_SIGN, &yes, sizeof yes},
                                       *label,
                                       *id};
        CK_MECHANISM mechanism = {type == SAL_KEY_ED25519 ? CKM_EC_EDWARDS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
        CK_OBJECT_HANDLE public_key = 0, private_key = 0;
        return session->module->C_GenerateKeyPair(session->handle, &mechanism, public_half, SAL_ARRAY_LEN(public_half),
                                                  private_half, SAL_ARRAY_LEN(private_half), &public_key, &private_key);
}

enum sal_status sal_pkcs11_make(const struct sal_pkcs11_session *session, const struct sal_pkcs11_uri *uri,
                                enum sal_key_type type, const char *token, struct sal_err *reterr) {
        uint8_t fresh[NEW_ID_BYTES];
        CK_ATTRIBUTE id = {CKA_ID, fresh, sizeof fresh};
        const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(uri->parsed, CKA_LABEL);
        const CK_ATTRIBUTE *given = p11_kit_uri_get_attribute(uri->parsed, CKA_ID);
        if (!label || !label->ulValueLen)
                return sal_fail(reterr, SAL_E_USAGE, "the URI of a new key needs object=LABEL");
        sal_random(fresh, sizeof fresh);
        if (given)
                id = *given;
        enum sal_status status = check_vacant(session, label, &id, token, reterr);
        if (status)
                return status;
        CK_RV rv = CKR_CURVE_NOT_SUPPORTED;
        CK_ATTRIBUTE params = {.type = CKA_EC_PARAMS};
        for (size_t i = 0; rv != CKR_OK && sal_pkcs11_params(type, i, &params); i++)
                rv = generate(session, type, label, &id, &params);
        return rv == CKR_OK ? SAL_OK : sal_pkcs11_fail(reterr, rv, token, "making a key");
}
