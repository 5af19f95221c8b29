/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admin.h"

#include "service/trust_store.h"

#include <string.h>

enum sal_status sal_admin_trust_show(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_trust_show(&call->act, &call->json, reterr);
}

/* A member that holds a file's text. Its length is the store's to judge. */
static enum sal_status read_text(const struct sal_json_at *body, const char *name, bool required,
                                 struct sal_trust_text *ret, struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(body, name, required, 1, SIZE_MAX, &text, reterr);
        if (!status && text)
                *ret = (struct sal_trust_text){.bytes = (char *)text, .len = strlen(text)}; /* read only */
        return status;
}

static const struct sal_trust_text *given(const struct sal_trust_text *text) {
        return text->bytes ? text : NULL;
}

enum sal_status sal_admin_trust_put_targets(struct sal_admin_call *call, struct sal_err *reterr) {
        static const char *const known[] = {"targets", "policy", NULL};
        struct sal_json_at body = sal_json_root(call->body);
        struct sal_trust_text targets = {0}, policy = {0};
        enum sal_status status = sal_json_only(&body, known, reterr);
        if (!status)
                status = read_text(&body, "targets", true, &targets, reterr);
        if (!status)
                status = read_text(&body, "policy", true, &policy, reterr);
        return status ? status : sal_trust_put_targets(&call->act, &targets, &policy, &call->json, reterr);
}

/* The body is the file, so a pointer into it does not name it. */
static enum sal_status put_bare_root(struct sal_admin_call *call, struct sal_err *reterr) {
        static const char prefix[] = "/root";
        const struct sal_trust_text root = {.bytes = (char *)call->raw, .len = call->raw_len};
        struct sal_err why = {0};
        enum sal_status status = sal_trust_put_root(&call->act, &root, NULL, NULL, &call->json, &why);
        if (!status)
                return SAL_OK;
        if (strncmp(why.pointer, prefix, strlen(prefix)) == 0)
                memmove(why.pointer, why.pointer + strlen(prefix), strlen(why.pointer) - strlen(prefix) + 1);
        *reterr = why;
        return status;
}

enum sal_status sal_admin_trust_put_root(struct sal_admin_call *call, struct sal_err *reterr) {
        static const char *const known[] = {"root", "targets", "policy", NULL};
        struct sal_json_at body = sal_json_root(call->body);
        struct sal_trust_text root = {0}, targets = {0}, policy = {0};
        if (json_object_get(call->body, "signed"))
                return put_bare_root(call, reterr);
        enum sal_status status = sal_json_only(&body, known, reterr);
        if (!status)
                status = read_text(&body, "root", true, &root, reterr);
        if (!status)
                status = read_text(&body, "targets", false, &targets, reterr);
        if (!status)
                status = read_text(&body, "policy", false, &policy, reterr);
        if (!status && policy.bytes && !targets.bytes)
                status = sal_json_fail(&body, "targets", SAL_E_INVALID, reterr,
                                       "is missing: a policy is named by targets");
        return status ? status
                      : sal_trust_put_root(&call->act, &root, given(&targets), given(&policy), &call->json, reterr);
}
