/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

static const char removed[] = "the token was removed, or its reader has lost it";

/* What the answers mean to a person; PKCS#11 3.0, section 5.1. */
static const struct meaning {
        CK_RV rv;
        enum sal_status status;
        const char *text;
        const char *hint;
} meanings[] = {
        {CKR_PIN_INCORRECT, SAL_E_UNAUTHENTICATED, "the PIN is wrong", NULL},
        {CKR_PIN_INVALID, SAL_E_UNAUTHENTICATED, "the PIN holds characters that the token does not take", NULL},
        {CKR_PIN_LEN_RANGE, SAL_E_UNAUTHENTICATED, "the PIN is shorter or longer than the token's PINs are", NULL},
        {CKR_PIN_LOCKED, SAL_E_REFUSED, "the PIN is locked after too many wrong ones",
         "the token's security officer (SO PIN, PUK) can unlock it"},
        {CKR_PIN_EXPIRED, SAL_E_REFUSED, "the PIN has expired", "set a new one with the token's own tools"},
        {CKR_USER_PIN_NOT_INITIALIZED, SAL_E_REFUSED, "the token has no user PIN yet",
         "set one with the token's own tools"},
        {CKR_USER_NOT_LOGGED_IN, SAL_E_UNAUTHENTICATED, "the token says that nobody is logged in", NULL},
        {CKR_FUNCTION_CANCELED, SAL_E_UNAUTHENTICATED, "it was cancelled at the token", NULL},
        {CKR_FUNCTION_REJECTED, SAL_E_UNAUTHENTICATED, "it was rejected at the token", NULL},
        {CKR_DEVICE_REMOVED, SAL_E_IO, removed, NULL},
        {CKR_TOKEN_NOT_PRESENT, SAL_E_IO, removed, NULL},
        {CKR_SESSION_HANDLE_INVALID, SAL_E_IO, removed, NULL},
        {CKR_SESSION_CLOSED, SAL_E_IO, removed, NULL},
        {CKR_DEVICE_ERROR, SAL_E_IO, "the token reports a fault of its own", NULL},
        {CKR_MECHANISM_INVALID, SAL_E_INVALID, "the token does not know this way of signing", NULL},
        {CKR_MECHANISM_PARAM_INVALID, SAL_E_INVALID, "the token does not know this way of signing", NULL},
        {CKR_FUNCTION_NOT_SUPPORTED, SAL_E_INVALID, "the token's module cannot do that", NULL},
        {CKR_KEY_FUNCTION_NOT_PERMITTED, SAL_E_FORBIDDEN, "the key is not allowed to sign", NULL},
        {CKR_KEY_TYPE_INCONSISTENT, SAL_E_INVALID, "the token does not sign so with a key of this type", NULL},
        {CKR_KEY_HANDLE_INVALID, SAL_E_IO, "the key is no longer on the token", NULL},
        {CKR_DATA_LEN_RANGE, SAL_E_INVALID, "what is to be signed is too long for the token",
         "an Ed25519 token gets the whole message; a P-256 key gets 32 bytes, whatever the length"},
        {CKR_HOST_MEMORY, SAL_E_NOMEM, "no memory", NULL},
};

enum sal_status sal_pkcs11_fail(struct sal_err *reterr, CK_RV rv, const char *token, const char *act) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(meanings); i++)
                if (meanings[i].rv == rv) {
                        sal_fail(reterr, meanings[i].status, "token \"%s\", %s: %s", token, act, meanings[i].text);
                        if (meanings[i].hint)
                                sal_err_hint(reterr, "%s", meanings[i].hint);
                        return meanings[i].status;
                }
        return sal_fail(reterr, SAL_E_IO, "token \"%s\", %s: %s (0x%lx)", token, act, p11_kit_strerror(rv), rv);
}
