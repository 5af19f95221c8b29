/* SPDX-License-Identifier: Apache-2.0 */
#include "base/encode.h"
#include "internal.h"

#include <string.h>

CK_RV sal_pkcs11_find(const struct sal_pkcs11_session *session, CK_OBJECT_CLASS class, const CK_ATTRIBUTE *more,
                      size_t more_count, struct sal_pkcs11_objects *ret) {
        CK_ATTRIBUTE template[4] = {{CKA_CLASS, &class, sizeof class}};
        CK_FUNCTION_LIST *module = session->module;
        size_t count = 1;
        *ret = (struct sal_pkcs11_objects){0};
        for (size_t i = 0; i < more_count && count < SAL_ARRAY_LEN(template); i++)
                template[count++] = more[i];
        CK_RV rv = module->C_FindObjectsInit(session->handle, template, count);
        if (rv != CKR_OK)
                return rv;
        CK_ULONG got = 1; /* a token may give fewer than asked for: the end is 0 */
        while (rv == CKR_OK && got && ret->count < SAL_PKCS11_MAX_OBJECTS) {
                rv = module->C_FindObjects(session->handle, ret->handles + ret->count,
                                           SAL_PKCS11_MAX_OBJECTS - ret->count, &got);
                if (rv == CKR_OK && got > SAL_PKCS11_MAX_OBJECTS - ret->count)
                        rv = CKR_GENERAL_ERROR; /* more than it had room for */
                if (rv == CKR_OK)
                        ret->count += got;
        }
        CK_RV final = module->C_FindObjectsFinal(session->handle);
        return rv == CKR_OK ? final : rv;
}

CK_RV sal_pkcs11_find_named(const struct sal_pkcs11_session *session, CK_OBJECT_CLASS class,
                            const struct sal_pkcs11_uri *uri, struct sal_pkcs11_objects *ret) {
        static const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID};
        CK_ATTRIBUTE more[SAL_ARRAY_LEN(types)];
        size_t count = 0;
        for (size_t i = 0; i < SAL_ARRAY_LEN(types); i++) {
                const CK_ATTRIBUTE *wanted = p11_kit_uri_get_attribute(uri->parsed, types[i]);
                if (wanted)
                        more[count++] = *wanted;
        }
        return sal_pkcs11_find(session, class, more, count, ret);
}

struct sal_pkcs11_value sal_pkcs11_get(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object,
                                       CK_ATTRIBUTE_TYPE type) {
        struct sal_pkcs11_value value = {0};
        CK_ATTRIBUTE attribute = {type, value.bytes, sizeof value.bytes};
        if (session->module->C_GetAttributeValue(session->handle, object, &attribute, 1) == CKR_OK &&
            attribute.ulValueLen <= sizeof value.bytes)
                value.len = attribute.ulValueLen;
        return value;
}

CK_ULONG sal_pkcs11_get_number(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object,
                               CK_ATTRIBUTE_TYPE type, CK_ULONG missing) {
        const struct sal_pkcs11_value value = sal_pkcs11_get(session, object, type);
        CK_ULONG number = missing;
        if (value.len == sizeof number)
                memcpy(&number, value.bytes, sizeof number);
        return number;
}

bool sal_pkcs11_get_bool(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                         bool missing) {
        const struct sal_pkcs11_value value = sal_pkcs11_get(session, object, type);
        return value.len == sizeof(CK_BBOOL) ? value.bytes[0] != 0 : missing;
}

void sal_pkcs11_names(const struct sal_pkcs11_session *session, CK_OBJECT_HANDLE object,
                      char ret_label[static SAL_PKCS11_LABEL_MAX_BYTES + 1],
                      char ret_id[static 2 * SAL_PKCS11_ID_MAX_BYTES + 1]) {
        const struct sal_pkcs11_value label = sal_pkcs11_get(session, object, CKA_LABEL);
        const struct sal_pkcs11_value id = sal_pkcs11_get(session, object, CKA_ID);
        size_t len = label.len < SAL_PKCS11_LABEL_MAX_BYTES ? label.len : SAL_PKCS11_LABEL_MAX_BYTES;
        memcpy(ret_label, label.bytes, len);
        ret_label[len] = '\0';
        sal_hex_encode(id.bytes, id.len < SAL_PKCS11_ID_MAX_BYTES ? id.len : SAL_PKCS11_ID_MAX_BYTES, ret_id);
}

void sal_pkcs11_list(const struct sal_pkcs11_session *session, const struct sal_pkcs11_objects *objects,
                     struct sal_buf *out) {
        for (size_t i = 0; i < objects->count; i++) {
                char label[SAL_PKCS11_LABEL_MAX_BYTES + 1], id[2 * SAL_PKCS11_ID_MAX_BYTES + 1];
                sal_pkcs11_names(session, objects->handles[i], label, id);
                sal_buf_printf(out, "%s\"%s\" (id %s)", i ? ", " : "", label, *id ? id : "none");
        }
}
