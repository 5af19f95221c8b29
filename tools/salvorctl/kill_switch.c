/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl kill-switch on, off, show. */
#include "command.h"
#include "confirm.h"
#include "out.h"

#include <string.h>

static enum sal_status print_switch(struct sal_ctl *ctl, const json_t *document, struct sal_err *reterr) {
        if (!json_is_boolean(json_object_get(document, "engaged")))
                return sal_ctl_unconfirmed(reterr, "whether the kill switch is on");
        if (ctl->json) {
                sal_out_json(document);
                return SAL_OK;
        }
        bool engaged = json_is_true(json_object_get(document, "engaged"));
        puts(engaged ? "the kill switch is ON: nothing is offered" : "the kill switch is off");
        sal_out_member(stdout, "reason", json_object_get(document, "reason"));
        sal_out_member(stdout, "since", json_object_get(document, "at"));
        sal_out_member(stdout, "by", json_object_get(document, "by"));
        return SAL_OK;
}

static enum sal_status run_show(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_admin_get(ctl->admin, "/api/v1/kill-switch", NULL, &document, reterr);
        return status ? status : print_switch(ctl, document, reterr);
}

static enum sal_status run_turn(struct sal_ctl *ctl, struct sal_err *reterr) {
        bool engaged = strcmp(ctl->command->verb, "on") == 0;
        sal_autofree char *reason = NULL;
        enum sal_status status = sal_ctl_reason(ctl, !engaged, &reason, reterr);
        if (status)
                return status;
        sal_autojson json_t *body = json_pack("{s:b, s:s}", "engaged", engaged, "reason", reason);
        if (!body)
                return sal_fail(reterr, SAL_E_USAGE, "the reason is no UTF-8 text");
        const struct sal_admin_call call = {
                .method = "PUT", .path = "/api/v1/kill-switch", .body = body, .elevate = !engaged, .reason = reason};
        sal_autojson json_t *answer = NULL;
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (status)
                return status;
        const json_t *said = json_object_get(answer, "engaged");
        if (engaged ? !json_is_true(said) : !json_is_false(said))
                return sal_ctl_unconfirmed(reterr, "that the kill switch is %s", ctl->command->verb);
        return print_switch(ctl, answer, reterr);
}

const struct sal_command sal_commands_kill_switch[] = {
        {.group = "kill-switch",
         .verb = "on",
         .args = "",
         .options = SAL_BIT(SAL_OPT_REASON),
         .summary = "Stop every offer of every campaign, at once",
         .run = run_turn},
        {.group = "kill-switch",
         .verb = "off",
         .args = "",
         .options = SAL_BIT(SAL_OPT_REASON),
         .summary = "Let offers be made again",
         .run = run_turn},
        {.group = "kill-switch", .verb = "show", .args = "", .summary = "Whether it is on, and why", .run = run_show},
        {0},
};
