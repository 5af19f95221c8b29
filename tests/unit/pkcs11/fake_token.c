/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module with one token that misbehaves as it is told, for what SoftHSM never does: PINs that lock, tokens
 * that are pulled out or sign wrongly, public keys in unusual forms. $SALVOR_FAKE_TOKEN holds words:
 *   ed25519 p384 rsa          what key it holds (default P-256)
 *   locked final low nopin    what it says of its PIN, which is 1234; locks: a wrong PIN locks it
 *   reader always             the PIN is typed at the token; the PIN goes along with every signature
 *   removed lies zero long    what happens when it is to sign
 *   raw compressed inside spki none two    how it shows the public half
 *   nomech nosign extractable noid
 * $SALVOR_FAKE_LOG names a file that gets a line for every call that begins or ends something.
 */
#include "base/mem.h"
#include "trust/crypto.h"

#include <openssl/ec.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <string.h>

enum { PRIVATE = 1, PUBLIC = 2, OTHER = 3, POINT_MAX_BYTES = 80 };

static struct sal_private_key *key, *other_key;
static bool logged_in, searching;
static CK_OBJECT_HANDLE found[4];
static size_t found_count, found_at;

static bool told(const char *word) {
        const char *words = getenv("SALVOR_FAKE_TOKEN");
        size_t len = strlen(word);
        for (const char *at = words ? words : ""; (at = strstr(at, word)); at += len)
                if ((at == words || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
                        return true;
        return false;
}

static void note(const char *what) {
        const char *path = getenv("SALVOR_FAKE_LOG");
        sal_autofclose FILE *file = path ? fopen(path, "ae") : NULL;
        if (file)
                fprintf(file, "%s\n", what);
}

static void pad(CK_UTF8CHAR *field, size_t len, const char *text) {
        memset(field, ' ', len);
        memcpy(field, text, strlen(text));
}

static enum sal_key_type type(void) {
        return told("ed25519") ? SAL_KEY_ED25519 : SAL_KEY_P256;
}

/* ---- the module ---- */

static CK_RV initialize(void *args) {
        (void)args;
        note("initialize");
        if (sal_private_key_generate(type(), &key, NULL) || sal_private_key_generate(type(), &other_key, NULL))
                return CKR_HOST_MEMORY;
        logged_in = false;
        return CKR_OK;
}

static CK_RV finalize(void *reserved) {
        (void)reserved;
        note("finalize");
        sal_private_key_free(SAL_STEAL(key));
        sal_private_key_free(SAL_STEAL(other_key));
        return CKR_OK;
}

static CK_RV get_info(CK_INFO *info) {
        *info = (CK_INFO){.cryptokiVersion = {2, 40}};
        pad(info->manufacturerID, sizeof info->manufacturerID, "Salvor tests");
        pad(info->libraryDescription, sizeof info->libraryDescription, "fake");
        return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count) {
        (void)present;
        if (slots && *count < 1)
                return CKR_BUFFER_TOO_SMALL;
        if (slots)
                slots[0] = 0;
        *count = 1;
        return CKR_OK;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info) {
        (void)slot;
        *info = (CK_SLOT_INFO){.flags = CKF_TOKEN_PRESENT};
        pad(info->slotDescription, sizeof info->slotDescription, "slot");
        pad(info->manufacturerID, sizeof info->manufacturerID, "Salvor tests");
        return CKR_OK;
}

static bool is_locked(void) {
        const char *path = getenv("SALVOR_FAKE_LOG");
        char line[32];
        sal_autofclose FILE *file = path ? fopen(path, "re") : NULL;
        bool locked = told("locked");
        while (file && fgets(line, sizeof line, file))
                locked = locked || (told("locks") && strcmp(line, "wrong pin\n") == 0);
        return locked;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
        (void)slot;
        *info = (CK_TOKEN_INFO){.flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED};
        static const struct {
                const char *word;
                CK_FLAGS flag;
        } flags[] = {{"final", CKF_USER_PIN_FINAL_TRY},
                     {"low", CKF_USER_PIN_COUNT_LOW},
                     {"reader", CKF_PROTECTED_AUTHENTICATION_PATH}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(flags); i++)
                info->flags |= told(flags[i].word) ? flags[i].flag : 0;
        info->flags |= told("nopin") ? 0 : CKF_USER_PIN_INITIALIZED;
        info->flags |= is_locked() ? CKF_USER_PIN_LOCKED : 0;
        pad(info->label, sizeof info->label, "fake");
        pad(info->manufacturerID, sizeof info->manufacturerID, "Salvor tests");
        pad(info->model, sizeof info->model, "paper");
        pad(info->serialNumber, sizeof info->serialNumber, "7");
        return CKR_OK;
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism, CK_MECHANISM_INFO *info) {
        (void)slot;
        if (told("nomech") || mechanism != (type() == SAL_KEY_ED25519 ? CKM_EDDSA : CKM_ECDSA))
                return CKR_MECHANISM_INVALID;
        *info = (CK_MECHANISM_INFO){.flags = CKF_SIGN};
        return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *ret) {
        (void)slot;
        (void)app;
        (void)notify;
        note(flags & CKF_RW_SESSION ? "open writable" : "open");
        *ret = 5;
        return CKR_OK;
}

static CK_RV close_session(CK_SESSION_HANDLE session) {
        (void)session;
        note("close");
        return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len) {
        (void)session;
        if (is_locked())
                return CKR_PIN_LOCKED;
        if (told("reader") ? pin != NULL : !pin || len != 4 || memcmp(pin, "1234", 4) != 0) {
                note("wrong pin");
                return CKR_PIN_INCORRECT;
        }
        note(user == CKU_CONTEXT_SPECIFIC ? "login again" : "login");
        logged_in = true;
        return CKR_OK;
}

static CK_RV logout(CK_SESSION_HANDLE session) {
        (void)session;
        note("logout");
        logged_in = false;
        return CKR_OK;
}

/* ---- objects ---- */

static size_t point_of(const struct sal_private_key *of, uint8_t *ret) {
        size_t len = 0;
        const uint8_t *spki = sal_public_key_spki(sal_private_key_public(of), &len);
        size_t skip = type() == SAL_KEY_ED25519 ? SAL_SPKI_ED25519_BYTES : SAL_SPKI_P256_BYTES;
        const uint8_t *point = spki + skip;
        size_t point_len = len - skip;
        if (told("compressed")) {
                ret[0] = (uint8_t)(2 + (point[64] & 1));
                memcpy(ret + 1, point + 1, 32);
                return 33;
        }
        size_t at = 0;
        if (!told("raw")) {
                ret[at++] = 0x04;
                ret[at++] = (uint8_t)point_len;
        }
        memcpy(ret + at, point, point_len);
        return at + point_len;
}

static CK_RV give(CK_ATTRIBUTE *attribute, const void *value, size_t len) {
        bool fits = !attribute->pValue || attribute->ulValueLen >= len;
        if (attribute->pValue && fits)
                memcpy(attribute->pValue, value, len);
        attribute->ulValueLen = fits ? len : CK_UNAVAILABLE_INFORMATION;
        return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

static CK_RV give_bool(CK_ATTRIBUTE *attribute, bool value) {
        const CK_BBOOL byte = value;
        return give(attribute, &byte, sizeof byte);
}

static CK_RV give_number(CK_ATTRIBUTE *attribute, CK_ULONG value) {
        return give(attribute, &value, sizeof value);
}

static CK_RV give_params(CK_ATTRIBUTE *attribute) {
        static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
        static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
        static const uint8_t ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
        if (told("p384"))
                return give(attribute, p384, sizeof p384);
        return type() == SAL_KEY_ED25519 ? give(attribute, ed25519, sizeof ed25519)
                                         : give(attribute, p256, sizeof p256);
}

static CK_RV give_one(CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute) {
        uint8_t point[POINT_MAX_BYTES];
        size_t len = 0;
        const uint8_t *spki = NULL;
        switch (attribute->type) {
        case CKA_CLASS:
                return give_number(attribute, object == PRIVATE ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY);
        case CKA_LABEL:
                return give(attribute, "author", 6);
        case CKA_ID:
                return give(attribute, "\x01", told("noid") ? 0 : 1);
        case CKA_KEY_TYPE:
                return give_number(attribute, told("rsa")                 ? CKK_RSA
                                              : type() == SAL_KEY_ED25519 ? CKK_EC_EDWARDS
                                                                          : CKK_EC);
        case CKA_SIGN:
                return give_bool(attribute, !told("nosign"));
        case CKA_ALWAYS_AUTHENTICATE:
                return give_bool(attribute, told("always"));
        case CKA_EXTRACTABLE:
                return give_bool(attribute, told("extractable"));
        case CKA_SENSITIVE:
                return give_bool(attribute, true);
        case CKA_EC_PARAMS:
                return give_params(attribute);
        case CKA_EC_POINT:
                if (object == PRIVATE && !told("inside"))
                        break;
                len = point_of(object == OTHER ? other_key : key, point);
                return give(attribute, point, len);
        case CKA_PUBLIC_KEY_INFO:
                if (object != PRIVATE || !told("spki"))
                        break;
                spki = sal_public_key_spki(sal_private_key_public(key), &len);
                return give(attribute, spki, len);
        default:
                break;
        }
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV get_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes,
                            CK_ULONG count) {
        (void)session;
        CK_RV rv = CKR_OK;
        for (CK_ULONG i = 0; i < count; i++) {
                CK_RV one = give_one(object, &attributes[i]);
                rv = rv == CKR_OK ? one : rv;
        }
        return rv;
}

static bool is_there(CK_OBJECT_HANDLE object) {
        if (object == PRIVATE)
                return logged_in;
        if (told("none") || told("inside") || told("spki"))
                return false;
        return object == PUBLIC || told("two");
}

static bool matches(CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *wanted, CK_ULONG count) {
        for (CK_ULONG i = 0; i < count; i++) {
                uint8_t bytes[128];
                CK_ATTRIBUTE have = {wanted[i].type, bytes, sizeof bytes};
                if (give_one(object, &have) != CKR_OK || have.ulValueLen != wanted[i].ulValueLen ||
                    memcmp(bytes, wanted[i].pValue, have.ulValueLen) != 0)
                        return false;
        }
        return true;
}

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count) {
        (void)session;
        if (searching)
                return CKR_OPERATION_ACTIVE;
        searching = true;
        found_count = found_at = 0;
        for (CK_OBJECT_HANDLE object = PRIVATE; object <= OTHER; object++)
                if (is_there(object) && matches(object, wanted, count))
                        found[found_count++] = object;
        return CKR_OK;
}

static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count) {
        (void)session;
        *count = 0;
        if (max && found_at < found_count) { /* one at a time, as some tokens do */
                objects[0] = found[found_at++];
                *count = 1;
        }
        return CKR_OK;
}

static CK_RV find_final(CK_SESSION_HANDLE session) {
        (void)session;
        searching = false;
        return CKR_OK;
}

/* ---- signing ---- */

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE object) {
        (void)session;
        (void)mechanism;
        return object == PRIVATE ? CKR_OK : CKR_KEY_HANDLE_INVALID;
}

static size_t sign_digest(const CK_BYTE *digest, CK_ULONG len, CK_BYTE *ret) {
        uint8_t der[SAL_SIGNATURE_MAX_BYTES];
        size_t der_len = sizeof der;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(sal_private_key_evp(key), NULL);
        const uint8_t *at = der;
        bool good = ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &der_len, digest, len) == 1;
        EVP_PKEY_CTX_free(ctx);
        ECDSA_SIG *sig = good ? d2i_ECDSA_SIG(NULL, &at, (long)der_len) : NULL;
        good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, 32) == 32 &&
               BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + 32, 32) == 32;
        ECDSA_SIG_free(sig);
        return good ? 64 : 0;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *ret, CK_ULONG *ret_len) {
        (void)session;
        note("sign");
        if (told("removed"))
                return CKR_DEVICE_REMOVED;
        size_t sig_len = 0;
        if (type() == SAL_KEY_P256)
                sig_len = sign_digest(data, len, ret);
        else if (sal_private_key_sign(key, data, len, ret, &sig_len, NULL))
                return CKR_FUNCTION_FAILED;
        if (told("lies"))
                ret[5] ^= 1;
        if (told("zero"))
                memset(ret, 0, 32);
        *ret_len = told("long") ? sig_len + 32 : sig_len;
        return CKR_OK;
}

static CK_RV get_function_list(CK_FUNCTION_LIST **list);

static CK_FUNCTION_LIST functions = {
        .version = {2, 40},
        .C_Initialize = initialize,
        .C_Finalize = finalize,
        .C_GetInfo = get_info,
        .C_GetFunctionList = get_function_list,
        .C_GetSlotList = get_slot_list,
        .C_GetSlotInfo = get_slot_info,
        .C_GetTokenInfo = get_token_info,
        .C_GetMechanismInfo = get_mechanism_info,
        .C_OpenSession = open_session,
        .C_CloseSession = close_session,
        .C_Login = login,
        .C_Logout = logout,
        .C_GetAttributeValue = get_attributes,
        .C_FindObjectsInit = find_init,
        .C_FindObjects = find,
        .C_FindObjectsFinal = find_final,
        .C_SignInit = sign_init,
        .C_Sign = sign,
};

static CK_RV get_function_list(CK_FUNCTION_LIST **list) {
        *list = &functions;
        return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
        return get_function_list(list);
}
