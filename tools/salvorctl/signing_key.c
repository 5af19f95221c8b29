/* SPDX-License-Identifier: Apache-2.0 */
#include "signing_key.h"

#include "out.h"
#include "passphrase.h"

#include <string.h>

/* What the loader's call-back needs, and why it gave up. */
struct asking {
        const struct sal_ctl *ctl;
        struct sal_err err;
};

static int answer(void *context, char *ret_text, size_t size) {
        struct asking *asking = context;
        sal_autosecret struct sal_secret secret = {0};
        if (sal_secret_get(asking->ctl, "Passphrase of the key", &secret, &asking->err) || secret.len > size)
                return -1;
        memcpy(ret_text, secret.text, secret.len);
        return (int)secret.len;
}

/* ---- files ---- */

static enum sal_status from_file(const struct sal_ctl *ctl, const char *path, struct sal_key_protection *ret_protection,
                                 struct sal_private_key **ret, struct sal_err *reterr) {
        struct asking asking = {.ctl = ctl};
        const struct sal_passphrase passphrase = {.ask = answer, .context = &asking};
        enum sal_status status = sal_key_file_load(path, &passphrase, ret_protection, ret, reterr);
        if (status && *asking.err.detail) {
                *reterr = asking.err;
                return asking.err.status;
        }
        if (!status && ret_protection->seal == SAL_SEAL_NONE)
                sal_out_line(stderr, "notice: ", path,
                             " is not encrypted; a key like that is for trials, or an online key", NULL);
        return status;
}

/* ---- tokens ---- */

/* Nobody types it: a wrong PIN in a file must not lock the token. */
static enum sal_status check_last_try(const struct sal_pkcs11_pin_request *request, struct sal_err *reterr) {
        if (!request->last_try)
                return SAL_OK;
        sal_fail(reterr, SAL_E_REFUSED, "token \"%s\" has one try left before it locks, and the PIN comes from a file",
                 request->token);
        sal_err_hint(reterr, "leave --passphrase-file, --passphrase-fd and pin-source away and type the PIN");
        return SAL_E_REFUSED;
}

static enum sal_status get_pin(const struct sal_ctl *ctl, const struct sal_pkcs11_pin_request *request,
                               struct sal_secret *ret, struct sal_err *reterr) {
        bool given = sal_secret_is_given(ctl);
        if (given && request->file)
                return sal_fail(reterr, SAL_E_USAGE, "the PIN is given twice: by an option and by pin-source");
        enum sal_status status = given || request->file ? check_last_try(request, reterr) : SAL_OK;
        if (status)
                return status;
        if (request->file)
                return sal_secret_read_file(request->file, ret, reterr);
        sal_autobuf struct sal_buf question = SAL_BUF_INIT;
        sal_buf_puts(&question, "PIN of token ");
        sal_safe_append(&question, request->token, strlen(request->token));
        if (request->last_try)
                sal_buf_puts(&question, " (the last try: a wrong one locks it)");
        else if (request->tries_low)
                sal_buf_puts(&question, " (a wrong one was given before)");
        return sal_secret_get(ctl, question.data ? question.data : "PIN", ret, reterr);
}

static int answer_pin(void *context, const struct sal_pkcs11_pin_request *request, char *ret_text, size_t size) {
        struct asking *asking = context;
        if (request->at_reader) {
                sal_out_line(stderr, "type the PIN of token ", request->token, " at its reader", NULL);
                return 0;
        }
        sal_autosecret struct sal_secret secret = {0};
        if (get_pin(asking->ctl, request, &secret, &asking->err))
                return -1;
        if (secret.len > size) {
                sal_fail(&asking->err, SAL_E_INVALID, "the PIN has more than %zu bytes", size);
                return -1;
        }
        memcpy(ret_text, secret.text, secret.len);
        return (int)secret.len;
}

/* With `make` a key of this type is made; NULL: it has to be there. */
static enum sal_status from_token(const struct sal_ctl *ctl, const char *uri, const enum sal_key_type *make,
                                  struct sal_pkcs11_place *ret_place, struct sal_private_key **ret,
                                  struct sal_err *reterr) {
        struct asking asking = {.ctl = ctl};
        const struct sal_pkcs11_pin pin = {.ask = answer_pin, .context = &asking};
        enum sal_status status = make ? sal_pkcs11_generate(uri, *make, &pin, ret_place, ret, reterr)
                                      : sal_pkcs11_open(uri, &pin, ret_place, ret, reterr);
        if (status && *asking.err.detail) {
                *reterr = asking.err;
                return asking.err.status;
        }
        if (!status && ret_place->extractable)
                sal_out_line(stderr, "notice: the key ", ret_place->label, " can be copied out of its token ",
                             ret_place->token, NULL);
        return status;
}

enum sal_status sal_ctl_signing_key(const struct sal_ctl *ctl, const char *source,
                                    struct sal_ctl_key_origin *ret_origin, struct sal_private_key **ret,
                                    struct sal_err *reterr) {
        struct sal_ctl_key_origin origin = {.on_token = sal_pkcs11_is_uri(source)};
        enum sal_status status = sal_secret_check_use(ctl, reterr);
        if (!status)
                status = origin.on_token ? from_token(ctl, source, NULL, &origin.place, ret, reterr)
                                         : from_file(ctl, source, &origin.protection, ret, reterr);
        if (!status && ret_origin)
                *ret_origin = origin;
        return status;
}

enum sal_status sal_ctl_new_token_key(const struct sal_ctl *ctl, const char *uri, enum sal_key_type type,
                                      struct sal_ctl_key_origin *ret_origin, struct sal_private_key **ret,
                                      struct sal_err *reterr) {
        struct sal_ctl_key_origin origin = {.on_token = true};
        enum sal_status status = sal_secret_check_use(ctl, reterr);
        if (!status)
                status = from_token(ctl, uri, &type, &origin.place, ret, reterr);
        if (!status)
                *ret_origin = origin;
        return status;
}
