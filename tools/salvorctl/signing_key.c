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
                sal_out_line(stderr, "notice: ", path, " is not encrypted; a key like that is for trials only", NULL);
        return status;
}

enum sal_status sal_ctl_signing_key(const struct sal_ctl *ctl, const char *source,
                                    struct sal_ctl_key_origin *ret_origin, struct sal_private_key **ret,
                                    struct sal_err *reterr) {
        struct sal_ctl_key_origin origin = {0};
        enum sal_status status = sal_secret_check_use(ctl, reterr);
        if (!status)
                status = from_file(ctl, source, &origin.protection, ret, reterr);
        if (!status && ret_origin)
                *ret_origin = origin;
        return status;
}
