/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <string.h>

/* ---- modules ---- */

static enum sal_status fail_module(const char *path, const char *why, struct sal_err *reterr) {
        sal_fail(reterr, SAL_E_NOT_FOUND, "the PKCS#11 module %.200s cannot be used: %s", path,
                 why ? why : "it cannot be loaded");
        sal_err_hint(reterr, "module-path is the shared library of the token's maker, for example "
                             "/usr/lib/softhsm/libsofthsm2.so");
        return SAL_E_NOT_FOUND;
}

static enum sal_status load_alone(const char *path, struct sal_pkcs11_modules *ret, struct sal_err *reterr) {
        CK_FUNCTION_LIST *module = p11_kit_module_load(path, 0);
        if (!module)
                return fail_module(path, p11_kit_message(), reterr);
        CK_RV rv = p11_kit_module_initialize(module);
        if (rv != CKR_OK) {
                p11_kit_module_release(module);
                return fail_module(path, p11_kit_strerror(rv), reterr);
        }
        ret->alone[0] = module;
        ret->all = ret->alone;
        return SAL_OK;
}

enum sal_status sal_pkcs11_modules_load(const struct sal_pkcs11_uri *uri, struct sal_pkcs11_modules *ret,
                                        struct sal_err *reterr) {
        *ret = (struct sal_pkcs11_modules){0};
        const char *path = p11_kit_uri_get_module_path(uri->parsed);
        if (path)
                return load_alone(path, ret, reterr);
        ret->all = p11_kit_modules_load_and_initialize(0);
        if (!ret->all) {
                const char *why = p11_kit_message();
                return sal_fail(reterr, SAL_E_NOT_FOUND, "p11-kit cannot load the PKCS#11 modules: %s",
                                why ? why : "no reason given");
        }
        const char *name = p11_kit_uri_get_module_name(uri->parsed);
        if (!*ret->all || (name && !p11_kit_module_for_name(ret->all, name))) {
                sal_fail(reterr, SAL_E_NOT_FOUND, "p11-kit is configured with no PKCS#11 module%s%.100s",
                         name ? " named " : "", name ? name : "");
                sal_err_hint(reterr, "install the module of the token, or name it in the URI: ?module-path=FILE");
                sal_pkcs11_modules_done(ret);
                return SAL_E_NOT_FOUND;
        }
        return SAL_OK;
}

void sal_pkcs11_modules_done(struct sal_pkcs11_modules *modules) {
        if (modules->alone[0]) {
                p11_kit_module_finalize(modules->alone[0]);
                p11_kit_module_release(modules->alone[0]);
        } else if (modules->all) {
                p11_kit_modules_finalize_and_release(modules->all);
        }
        *modules = (struct sal_pkcs11_modules){0};
}

/* ---- tokens ---- */

void sal_pkcs11_text(const unsigned char *padded, size_t len, char *ret) {
        size_t used = p11_kit_space_strlen(padded, len);
        memcpy(ret, padded, used);
        ret[used] = '\0';
}

void sal_pkcs11_token_label(const struct sal_pkcs11_token *token, char ret[static SAL_PKCS11_TOKEN_LABEL_BYTES]) {
        sal_pkcs11_text(token->info.label, sizeof token->info.label, ret);
}

enum { MAX_SLOTS = 65536 };

/* Those that fit the URI, as many as there is room for; `others` are there and do not. */
struct tokens {
        struct sal_pkcs11_token fit[SAL_PKCS11_MAX_TOKENS];
        size_t count;
        bool more;
        struct sal_buf others;
};

static void list_token(const struct sal_pkcs11_token *token, struct sal_buf *out) {
        char label[SAL_PKCS11_TOKEN_LABEL_BYTES];
        char serial[sizeof token->info.serialNumber + 1];
        sal_pkcs11_token_label(token, label);
        sal_pkcs11_text(token->info.serialNumber, sizeof token->info.serialNumber, serial);
        sal_buf_printf(out, "%s\"%s\" (serial %s)", out->len ? ", " : "", label, serial);
}

static void look_at_slot(CK_FUNCTION_LIST *module, CK_SLOT_ID slot, bool module_fits, const struct sal_pkcs11_uri *uri,
                         struct tokens *tokens) {
        CK_SLOT_INFO slot_info;
        struct sal_pkcs11_token token = {.module = module, .slot = slot};
        if (module->C_GetSlotInfo(slot, &slot_info) != CKR_OK || module->C_GetTokenInfo(slot, &token.info) != CKR_OK ||
            !(token.info.flags & CKF_TOKEN_INITIALIZED))
                return;
        CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri->parsed);
        bool fits = module_fits && (wanted == (CK_SLOT_ID)-1 || wanted == slot) &&
                    p11_kit_uri_match_slot_info(uri->parsed, &slot_info) == 1 &&
                    p11_kit_uri_match_token_info(uri->parsed, &token.info) == 1;
        if (!fits)
                list_token(&token, &tokens->others);
        else if (tokens->count < SAL_PKCS11_MAX_TOKENS)
                tokens->fit[tokens->count++] = token;
        else
                tokens->more = true;
}

static bool module_fits(const struct sal_pkcs11_modules *modules, CK_FUNCTION_LIST *module,
                        const struct sal_pkcs11_uri *uri) {
        CK_INFO info;
        const char *name = p11_kit_uri_get_module_name(uri->parsed);
        if (name && module != modules->alone[0] && module != p11_kit_module_for_name(modules->all, name))
                return false;
        return module->C_GetInfo(&info) == CKR_OK && p11_kit_uri_match_module_info(uri->parsed, &info) == 1;
}

/* The slots that hold a token; NULL when there are none, or the module cannot say. */
static CK_SLOT_ID *list_slots(CK_FUNCTION_LIST *module, CK_ULONG *ret_count) {
        CK_ULONG count = 0;
        if (module->C_GetSlotList(CK_TRUE, NULL, &count) != CKR_OK || !count || count > MAX_SLOTS)
                return NULL;
        CK_SLOT_ID *slots = calloc(count, sizeof *slots);
        if (slots && module->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK) {
                *ret_count = count;
                return slots;
        }
        free(slots);
        return NULL;
}

static void collect(const struct sal_pkcs11_modules *modules, const struct sal_pkcs11_uri *uri, struct tokens *tokens) {
        for (CK_FUNCTION_LIST **at = modules->all; *at; at++) {
                CK_ULONG count = 0;
                sal_autofree CK_SLOT_ID *slots = list_slots(*at, &count);
                bool fits = module_fits(modules, *at, uri);
                for (CK_ULONG i = 0; slots && i < count; i++)
                        look_at_slot(*at, slots[i], fits, uri, tokens);
        }
}

/* Is a key object of that name to be seen on the token without a PIN? */
static bool shows_key(const struct sal_pkcs11_token *token, const struct sal_pkcs11_uri *uri) {
        static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
        struct sal_pkcs11_session session = {.module = token->module};
        size_t seen = 0;
        if (token->module->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session.handle) != CKR_OK)
                return false;
        for (size_t i = 0; i < SAL_ARRAY_LEN(classes); i++) {
                struct sal_pkcs11_objects objects;
                if (sal_pkcs11_find_named(&session, classes[i], uri, &objects) == CKR_OK)
                        seen += objects.count;
        }
        token->module->C_CloseSession(session.handle);
        return seen > 0;
}

/* Of several tokens those stay that show such a key; when none does, those that could hide one behind their PIN. */
static void narrow(const struct sal_pkcs11_uri *uri, struct tokens *tokens) {
        bool shows[SAL_PKCS11_MAX_TOKENS] = {0};
        bool any = false;
        size_t kept = 0;
        for (size_t i = 0; i < tokens->count; i++) {
                shows[i] = shows_key(&tokens->fit[i], uri);
                any = any || shows[i];
        }
        for (size_t i = 0; i < tokens->count; i++)
                if (any ? shows[i] : (tokens->fit[i].info.flags & CKF_LOGIN_REQUIRED) != 0)
                        tokens->fit[kept++] = tokens->fit[i];
        tokens->count = kept;
}

static enum sal_status fail_no_token(const struct sal_pkcs11_modules *modules, const struct tokens *tokens,
                                     struct sal_err *reterr) {
        sal_fail(reterr, SAL_E_NOT_FOUND, "no token is there that the URI fits");
        if (tokens->others.len) {
                sal_err_hint(reterr, "there are: %s", tokens->others.data);
                return SAL_E_NOT_FOUND;
        }
        sal_autobuf struct sal_buf names = SAL_BUF_INIT;
        for (CK_FUNCTION_LIST **at = modules->all; *at; at++) {
                sal_autofree char *name = p11_kit_module_get_name(*at);
                sal_buf_printf(&names, "%s%s", names.len ? ", " : "", name ? name : "that of module-path");
        }
        sal_err_hint(reterr, "there is no token at all; is it plugged in? Modules that were asked: %s",
                     names.data ? names.data : "none");
        return SAL_E_NOT_FOUND;
}

static enum sal_status fail_several(const struct tokens *tokens, struct sal_err *reterr) {
        sal_autobuf struct sal_buf list = SAL_BUF_INIT;
        for (size_t i = 0; i < tokens->count; i++)
                list_token(&tokens->fit[i], &list);
        sal_fail(reterr, SAL_E_CONFLICT, "the URI fits %s%zu tokens: %s", tokens->more ? "more than " : "",
                 tokens->count, list.data ? list.data : "");
        sal_err_hint(reterr, "name one with token=LABEL or serial=NUMBER");
        return SAL_E_CONFLICT;
}

enum sal_status sal_pkcs11_token_find(const struct sal_pkcs11_modules *modules, const struct sal_pkcs11_uri *uri,
                                      struct sal_pkcs11_token *ret, struct sal_err *reterr) {
        struct tokens *tokens = calloc(1, sizeof *tokens);
        if (!tokens)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the tokens");
        collect(modules, uri, tokens);
        if (tokens->count > 1 && !tokens->more)
                narrow(uri, tokens);
        enum sal_status status = SAL_OK;
        if (tokens->count == 0)
                status = fail_no_token(modules, tokens, reterr);
        else if (tokens->count > 1 || tokens->more)
                status = fail_several(tokens, reterr);
        else
                *ret = tokens->fit[0];
        sal_buf_done(&tokens->others);
        free(tokens);
        return status;
}
