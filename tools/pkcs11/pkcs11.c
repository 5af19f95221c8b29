/* SPDX-License-Identifier: Apache-2.0 */
#include "base/encode.h"
#include "internal.h"
#include "trust/key_form.h"

#include <string.h>

enum { SIGNATURE_ROOM_BYTES = 256 };

/* An open key: what signing needs, and what has to be ended. */
struct holder {
        struct sal_pkcs11_modules modules;
        struct sal_pkcs11_token token;
        struct sal_pkcs11_session session;
        bool has_session, logged_in;
        CK_OBJECT_HANDLE key;
        enum sal_key_type type;
        bool login_each_time; /* CKA_ALWAYS_AUTHENTICATE: the PIN goes along with every signature */
        bool at_reader;       /* CKF_PROTECTED_AUTHENTICATION_PATH */
        char pin[SAL_PKCS11_PIN_MAX_BYTES];
        size_t pin_len;
        char label[SAL_PKCS11_TOKEN_LABEL_BYTES];
};

static void holder_free(void *context) {
        struct holder *holder = context;
        CK_FUNCTION_LIST *module = holder->session.module;
        if (holder->logged_in)
                module->C_Logout(holder->session.handle);
        if (holder->has_session)
                module->C_CloseSession(holder->session.handle);
        sal_pkcs11_modules_done(&holder->modules);
        explicit_bzero(holder, sizeof *holder);
        free(holder);
}

static inline void cleanup_holder(struct holder **holder) {
        if (*holder)
                holder_free(*holder);
}
#define autoholder __attribute__((cleanup(cleanup_holder)))

static inline void cleanup_uri(struct sal_pkcs11_uri *uri) {
        sal_pkcs11_uri_done(uri);
}
#define autouri __attribute__((cleanup(cleanup_uri)))

/* ---- logging in ---- */

/* After a wrong PIN: what the token says about further tries. PKCS#11 has no number for that. */
static enum sal_status fail_login(struct holder *holder, CK_RV rv, struct sal_err *reterr) {
        enum sal_status status = sal_pkcs11_fail(reterr, rv, holder->label, "logging in");
        CK_TOKEN_INFO info;
        if (rv != CKR_PIN_INCORRECT || holder->token.module->C_GetTokenInfo(holder->token.slot, &info) != CKR_OK)
                return status;
        if (info.flags & CKF_USER_PIN_LOCKED)
                return sal_pkcs11_fail(reterr, CKR_PIN_LOCKED, holder->label, "logging in");
        if (info.flags & CKF_USER_PIN_FINAL_TRY)
                sal_err_hint(reterr, "one try is left: another wrong PIN locks the token");
        else if (info.flags & CKF_USER_PIN_COUNT_LOW)
                sal_err_hint(reterr, "the token counts wrong PINs, and locks when there are too many");
        return status;
}

static enum sal_status ask_pin(struct holder *holder, const struct sal_pkcs11_uri *uri,
                               const struct sal_pkcs11_pin *pin, struct sal_err *reterr) {
        CK_FLAGS flags = holder->token.info.flags;
        holder->at_reader = flags & CKF_PROTECTED_AUTHENTICATION_PATH;
        const struct sal_pkcs11_pin_request request = {.token = holder->label,
                                                       .file = uri->pin_file,
                                                       .tries_low = flags & CKF_USER_PIN_COUNT_LOW,
                                                       .last_try = flags & CKF_USER_PIN_FINAL_TRY,
                                                       .at_reader = holder->at_reader};
        int len = pin->ask(pin->context, &request, holder->pin, sizeof holder->pin);
        if (len < 0 || (size_t)len > sizeof holder->pin)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "token \"%s\" needs a PIN, and none was given",
                                holder->label);
        holder->pin_len = (size_t)len;
        return SAL_OK;
}

static CK_RV give_pin(struct holder *holder, CK_USER_TYPE user) {
        return holder->at_reader ? holder->session.module->C_Login(holder->session.handle, user, NULL, 0)
                                 : holder->session.module->C_Login(holder->session.handle, user,
                                                                   (CK_UTF8CHAR *)holder->pin, holder->pin_len);
}

static enum sal_status login(struct holder *holder, const struct sal_pkcs11_uri *uri, const struct sal_pkcs11_pin *pin,
                             struct sal_err *reterr) {
        CK_FLAGS flags = holder->token.info.flags;
        if (!(flags & CKF_LOGIN_REQUIRED))
                return SAL_OK;
        if (flags & CKF_USER_PIN_LOCKED)
                return sal_pkcs11_fail(reterr, CKR_PIN_LOCKED, holder->label, "logging in");
        if (!(flags & (CKF_USER_PIN_INITIALIZED | CKF_PROTECTED_AUTHENTICATION_PATH)))
                return sal_pkcs11_fail(reterr, CKR_USER_PIN_NOT_INITIALIZED, holder->label, "logging in");
        enum sal_status status = ask_pin(holder, uri, pin, reterr);
        if (status)
                return status;
        CK_RV rv = give_pin(holder, CKU_USER);
        if (rv == CKR_USER_ALREADY_LOGGED_IN)
                return SAL_OK; /* not our login, so not ours to end */
        if (rv != CKR_OK)
                return fail_login(holder, rv, reterr);
        holder->logged_in = true;
        return SAL_OK;
}

/* ---- the key ---- */

static enum sal_status fail_keys(struct holder *holder, const struct sal_pkcs11_objects *found,
                                 struct sal_err *reterr) {
        sal_autobuf struct sal_buf list = SAL_BUF_INIT;
        struct sal_pkcs11_objects all;
        if (found->count) {
                sal_pkcs11_list(&holder->session, found, &list);
                sal_fail(reterr, SAL_E_CONFLICT, "the URI fits %zu private keys of token \"%s\": %s", found->count,
                         holder->label, list.data ? list.data : "");
                sal_err_hint(reterr, "name one with object=LABEL, id=%%01%%02 (bytes in hex), or both");
                return SAL_E_CONFLICT;
        }
        if (sal_pkcs11_find(&holder->session, CKO_PRIVATE_KEY, NULL, 0, &all) == CKR_OK)
                sal_pkcs11_list(&holder->session, &all, &list);
        sal_fail(reterr, SAL_E_NOT_FOUND, "token \"%s\" holds no private key that the URI fits", holder->label);
        sal_err_hint(reterr, "its private keys: %s", list.len ? list.data : "none");
        return SAL_E_NOT_FOUND;
}

static enum sal_status find_key(struct holder *holder, const struct sal_pkcs11_uri *uri, struct sal_err *reterr) {
        struct sal_pkcs11_objects found;
        CK_RV rv = sal_pkcs11_find_named(&holder->session, CKO_PRIVATE_KEY, uri, &found);
        if (rv != CKR_OK)
                return sal_pkcs11_fail(reterr, rv, holder->label, "looking for the key");
        if (found.count != 1)
                return fail_keys(holder, &found, reterr);
        holder->key = found.handles[0];
        if (!sal_pkcs11_get_bool(&holder->session, holder->key, CKA_SIGN, true))
                return sal_pkcs11_fail(reterr, CKR_KEY_FUNCTION_NOT_PERMITTED, holder->label, "taking the key");
        holder->login_each_time = sal_pkcs11_get_bool(&holder->session, holder->key, CKA_ALWAYS_AUTHENTICATE, false);
        if (!holder->login_each_time)
                explicit_bzero(holder->pin, sizeof holder->pin);
        return SAL_OK;
}

static CK_MECHANISM_TYPE mechanism_of(enum sal_key_type type) {
        return type == SAL_KEY_ED25519 ? CKM_EDDSA : CKM_ECDSA;
}

static enum sal_status check_mechanism(const struct holder *holder, struct sal_err *reterr) {
        CK_MECHANISM_INFO info = {0};
        CK_RV rv = holder->token.module->C_GetMechanismInfo(holder->token.slot, mechanism_of(holder->type), &info);
        if (rv == CKR_OK && (info.flags & CKF_SIGN))
                return SAL_OK;
        if (rv != CKR_OK && rv != CKR_MECHANISM_INVALID)
                return sal_pkcs11_fail(reterr, rv, holder->label, "asking for its mechanisms");
        return sal_fail(reterr, SAL_E_INVALID, "token \"%s\" cannot sign with %s", holder->label,
                        holder->type == SAL_KEY_ED25519 ? "CKM_EDDSA (Ed25519)" : "CKM_ECDSA (P-256)");
}

static void tell_place(const struct holder *holder, struct sal_pkcs11_place *ret) {
        const CK_TOKEN_INFO *info = &holder->token.info;
        struct sal_pkcs11_place place = {0};
        sal_pkcs11_text(info->label, sizeof info->label, place.token);
        sal_pkcs11_text(info->manufacturerID, sizeof info->manufacturerID, place.manufacturer);
        sal_pkcs11_text(info->model, sizeof info->model, place.model);
        sal_pkcs11_text(info->serialNumber, sizeof info->serialNumber, place.serial);
        sal_pkcs11_names(&holder->session, holder->key, place.label, place.id);
        place.extractable = sal_pkcs11_get_bool(&holder->session, holder->key, CKA_EXTRACTABLE, false) ||
                            !sal_pkcs11_get_bool(&holder->session, holder->key, CKA_SENSITIVE, true);
        *ret = place;
}

/* ---- signing ---- */

static enum sal_status sign(void *context, const void *message, size_t len,
                            uint8_t ret_sig[static SAL_SIGNATURE_MAX_BYTES], size_t *ret_sig_len,
                            struct sal_err *reterr) {
        struct holder *holder = context;
        CK_FUNCTION_LIST *module = holder->session.module;
        CK_MECHANISM mechanism = {mechanism_of(holder->type), NULL, 0};
        uint8_t digest[SAL_SHA256_BYTES];
        bool whole = holder->type == SAL_KEY_ED25519; /* pure mode: the token hashes by itself */
        CK_BYTE *data = whole ? (CK_BYTE *)(len ? message : "") : digest;
        CK_ULONG data_len = whole ? len : sizeof digest;
        CK_BYTE sig[SIGNATURE_ROOM_BYTES];
        CK_ULONG sig_len = sizeof sig;
        if (!whole)
                sal_sha256(message, len, digest);
        CK_RV rv = module->C_SignInit(holder->session.handle, &mechanism, holder->key);
        if (rv == CKR_OK && holder->login_each_time)
                rv = give_pin(holder, CKU_CONTEXT_SPECIFIC);
        if (rv == CKR_OK)
                rv = module->C_Sign(holder->session.handle, data, data_len, sig, &sig_len);
        if (rv != CKR_OK)
                return sal_pkcs11_fail(reterr, rv, holder->label, "signing");
        if (!whole)
                return sal_signature_from_raw(sig, sig_len, ret_sig, ret_sig_len, reterr);
        if (sig_len > SAL_SIGNATURE_MAX_BYTES)
                return sal_fail(reterr, SAL_E_CORRUPT, "token \"%s\" gave a signature of %lu bytes", holder->label,
                                sig_len);
        memcpy(ret_sig, sig, sig_len);
        *ret_sig_len = sig_len;
        return SAL_OK;
}

/* With `make` a key of this type is made first; NULL: it has to be there. */
static enum sal_status open_holder(const struct sal_pkcs11_uri *uri, const struct sal_pkcs11_pin *pin,
                                   const enum sal_key_type *make, struct holder *holder, struct sal_public_key **ret,
                                   struct sal_err *reterr) {
        enum sal_status status = sal_pkcs11_modules_load(uri, &holder->modules, reterr);
        if (!status)
                status = sal_pkcs11_token_find(&holder->modules, uri, &holder->token, reterr);
        if (status)
                return status;
        sal_pkcs11_token_label(&holder->token, holder->label);
        holder->session.module = holder->token.module;
        CK_FLAGS flags = CKF_SERIAL_SESSION | (make ? CKF_RW_SESSION : 0);
        CK_RV rv = holder->token.module->C_OpenSession(holder->token.slot, flags, NULL, NULL, &holder->session.handle);
        if (rv != CKR_OK)
                return sal_pkcs11_fail(reterr, rv, holder->label, "opening a session");
        holder->has_session = true;
        status = login(holder, uri, pin, reterr);
        if (!status && make)
                status = sal_pkcs11_make(&holder->session, uri, *make, holder->label, reterr);
        if (!status)
                status = find_key(holder, uri, reterr);
        if (!status)
                status = sal_pkcs11_public_key(&holder->session, holder->key, ret, reterr);
        if (status)
                return status;
        holder->type = sal_public_key_type(*ret);
        return check_mechanism(holder, reterr);
}

static enum sal_status open_key(const char *text, const struct sal_pkcs11_pin *pin, const enum sal_key_type *make,
                                struct sal_pkcs11_place *ret_place, struct sal_private_key **ret,
                                struct sal_err *reterr) {
        autouri struct sal_pkcs11_uri uri = {0};
        autoholder struct holder *holder = NULL;
        sal_auto(sal_public_key) struct sal_public_key *public_key = NULL;
        enum sal_status status = sal_pkcs11_uri_parse(text, &uri, reterr);
        if (status)
                return status;
        holder = calloc(1, sizeof *holder);
        if (!holder)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a token");
        status = open_holder(&uri, pin, make, holder, &public_key, reterr);
        if (status)
                return status;
        struct sal_pkcs11_place place;
        tell_place(holder, &place);
        const struct sal_key_signer signer = {.sign = sign, .free = holder_free, .context = SAL_STEAL(holder)};
        status = sal_private_key_external_take(public_key, &signer, ret, reterr);
        if (!status && ret_place)
                *ret_place = place;
        return status;
}

enum sal_status sal_pkcs11_open(const char *text, const struct sal_pkcs11_pin *pin, struct sal_pkcs11_place *ret_place,
                                struct sal_private_key **ret, struct sal_err *reterr) {
        return open_key(text, pin, NULL, ret_place, ret, reterr);
}

enum sal_status sal_pkcs11_generate(const char *text, enum sal_key_type type, const struct sal_pkcs11_pin *pin,
                                    struct sal_pkcs11_place *ret_place, struct sal_private_key **ret,
                                    struct sal_err *reterr) {
        static const char trial[] = "salvor: the first signature of a new key";
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t len = 0;
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        enum sal_status status = open_key(text, pin, &type, ret_place, &key, reterr);
        if (!status)
                status = sal_private_key_sign(key, trial, sizeof trial - 1, sig, &len, reterr);
        if (!status)
                *ret = SAL_STEAL(key);
        return status;
}
