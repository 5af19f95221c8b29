/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that have to confirm what was asked for: only then "done" is printed. */
#include "confirm.h"
#include "out.h"

#include <stdarg.h>
#include <string.h>

enum sal_status sal_ctl_unconfirmed(struct sal_err *reterr, const char *format, ...) {
        char what[300];
        va_list args;
        va_start(args, format);
        vsnprintf(what, sizeof what, format, args);
        va_end(args);
        sal_fail(reterr, SAL_E_MALFORMED, "the server's answer is none: it does not say %s", what);
        sal_err_hint(reterr, "what became of it is not known; look before it is done again");
        return SAL_E_MALFORMED;
}

bool sal_ctl_says(const json_t *answer, const char *key, const char *text) {
        const char *said = json_string_value(json_object_get(answer, key));
        return said && strcmp(said, text) == 0;
}

static bool is_one_of(const char *word, const char *words) {
        size_t len = strlen(word);
        for (size_t n = strcspn(words, " "); n; n = strcspn(words, " ")) {
                if (n == len && memcmp(words, word, n) == 0)
                        return true;
                words += n + strspn(words + n, " ");
        }
        return false;
}

enum sal_status sal_ctl_confirm_campaign(const json_t *answer, const char *id, int64_t version, const char *states,
                                         struct sal_err *reterr) {
        const char *state = sal_text(answer, "state");
        if (!sal_ctl_says(answer, "id", id) || !json_is_integer(json_object_get(answer, "version")) ||
            sal_number(answer, "version") != version || !*state)
                return sal_ctl_unconfirmed(reterr, "how %.64s@%lld stands", id, (long long)version);
        if (states && !is_one_of(state, states))
                return sal_ctl_unconfirmed(reterr, "that %.64s@%lld is %.*s, but \"%.40s\"", id, (long long)version,
                                           (int)strcspn(states, " "), states, state);
        return SAL_OK;
}

enum sal_status sal_ctl_confirm_machine(const json_t *answer, const char *machine_id, struct sal_err *reterr) {
        return sal_ctl_says(answer, "machine_id", machine_id)
                       ? SAL_OK
                       : sal_ctl_unconfirmed(reterr, "how machine %.64s stands", machine_id);
}

enum sal_status sal_ctl_delete(struct sal_ctl *ctl, const char *path, struct sal_err *reterr) {
        const struct sal_admin_call call = {.method = "DELETE", .path = path};
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = sal_admin_do(ctl->admin, &call, &reply, reterr);
        if (!status && reply.status != 204)
                status = sal_ctl_unconfirmed(reterr, "that it was deleted (status %d, not 204)", reply.status);
        if (!status && ctl->json)
                fputs("null\n", stdout);
        return status;
}
