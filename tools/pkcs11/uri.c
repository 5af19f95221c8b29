/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <string.h>
#include <strings.h>

static const char file_scheme[] = "file:";

bool sal_pkcs11_is_uri(const char *text) {
        static const char scheme[] = P11_KIT_URI_SCHEME ":";
        return strncasecmp(text, scheme, sizeof scheme - 1) == 0;
}

/* What RFC 7512 allows and this program does not. The URI itself is not repeated: it may hold the PIN. */
static enum sal_status check(P11KitUri *uri, struct sal_err *reterr) {
        if (p11_kit_uri_get_pin_value(uri)) {
                sal_fail(reterr, SAL_E_USAGE,
                         "the URI holds the PIN (pin-value), where other users of this computer "
                         "and the shell's history can read it");
                sal_err_hint(reterr, "leave it away to be asked, or use --passphrase-file; and change that PIN");
                return SAL_E_USAGE;
        }
        if (p11_kit_uri_any_unrecognized(uri)) {
                sal_fail(reterr, SAL_E_USAGE, "the URI has an attribute that is not known");
                sal_err_hint(reterr,
                             "known are those of RFC 7512: token, serial, manufacturer, model, object, id, type, "
                             "slot-id, module-path, module-name, pin-source, …");
                return SAL_E_USAGE;
        }
        const char *source = p11_kit_uri_get_pin_source(uri);
        if (source && (strncmp(source, file_scheme, sizeof file_scheme - 1) != 0 || !source[sizeof file_scheme - 1]))
                return sal_fail(reterr, SAL_E_USAGE, "of pin-source only file:PATH is taken");
        const CK_ATTRIBUTE *class = p11_kit_uri_get_attribute(uri, CKA_CLASS);
        CK_OBJECT_CLASS value = CKO_PRIVATE_KEY;
        if (class && class->ulValueLen == sizeof value)
                memcpy(&value, class->pValue, sizeof value);
        if (value != CKO_PRIVATE_KEY && value != CKO_PUBLIC_KEY)
                return sal_fail(reterr, SAL_E_USAGE, "the URI names no key: its type is neither private nor public");
        return SAL_OK;
}

/* "file:///etc/pin" and "file:/etc/pin" are the same path (RFC 8089); "file:pin" is a relative one. */
static const char *path_of(const char *source) {
        const char *path = source + sizeof file_scheme - 1;
        return strncmp(path, "///", 3) == 0 ? path + 2 : path;
}

enum sal_status sal_pkcs11_uri_parse(const char *text, struct sal_pkcs11_uri *ret, struct sal_err *reterr) {
        P11KitUri *uri = p11_kit_uri_new();
        if (!uri)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a URI");
        int rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
        enum sal_status status = SAL_OK;
        if (rc != P11_KIT_URI_OK) {
                status = sal_fail(reterr, SAL_E_USAGE, "not a pkcs11: URI (RFC 7512): %s", p11_kit_uri_message(rc));
                sal_err_hint(reterr, "for example pkcs11:token=NAME;object=LABEL");
        } else {
                status = check(uri, reterr);
        }
        if (status) {
                p11_kit_uri_free(uri);
                return status;
        }
        const char *source = p11_kit_uri_get_pin_source(uri);
        *ret = (struct sal_pkcs11_uri){.parsed = uri, .pin_file = source ? path_of(source) : NULL};
        return SAL_OK;
}

void sal_pkcs11_uri_done(struct sal_pkcs11_uri *uri) {
        if (uri->parsed)
                p11_kit_uri_free(uri->parsed);
        *uri = (struct sal_pkcs11_uri){0};
}
