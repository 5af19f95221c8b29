/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl token create, list, delete: enrollment tokens. */
#include "command.h"
#include "confirm.h"
#include "model/campaign.h"
#include "out.h"

#include <string.h>

enum { FEW_USES = 100 }; /* over this the server asks for a grant */

static enum sal_status run_create(struct sal_ctl *ctl, struct sal_err *reterr) {
        int64_t uses = 1, expires_in_seconds = 3600;
        const char *machine = ctl->options[SAL_OPT_MACHINE];
        bool reenroll = sal_ctl_has(ctl, SAL_OPT_REENROLL);
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_USES, 1, 10000000, &uses, reterr);
        if (!status)
                status = sal_ctl_int(ctl, SAL_OPT_EXPIRES_IN, 1, 31536000, &expires_in_seconds, reterr);
        if (status)
                return status;
        if (machine && !sal_machine_id_valid(machine))
                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\" is no machine id", machine);
        sal_autojson json_t *body = json_pack("{s:I, s:s*, s:I}", "uses", (json_int_t)uses, "machine_id", machine,
                                              "expires_in_seconds", (json_int_t)expires_in_seconds);
        if (reenroll)
                json_object_set_new(body, "reenroll", json_true());
        if (sal_ctl_has(ctl, SAL_OPT_REIMAGED))
                json_object_set_new(body, "reimaged", json_true());
        sal_autofree char *reason = NULL;
        bool elevate = uses > FEW_USES || reenroll;
        status = sal_ctl_reason(ctl, elevate, &reason, reterr);
        if (status)
                return status;
        const struct sal_admin_call call = {.method = "POST",
                                            .path = "/api/v1/enrollment-tokens",
                                            .body = body,
                                            .elevate = elevate,
                                            .reason = reason};
        sal_autojson json_t *answer = NULL;
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (status)
                return status;
        if (!*sal_text(answer, "token"))
                return sal_ctl_unconfirmed(reterr, "a token");
        if (ctl->json) {
                sal_out_json(answer);
                return SAL_OK;
        }
        /* The token alone on standard output, so that a script can take it; it is shown this once. */
        sal_out_line(stdout, sal_text(answer, "token"), NULL);
        fprintf(stderr, "good for %lld machine%s for %lld seconds; it is not shown again\n", (long long)uses,
                uses == 1 ? "" : "s", (long long)expires_in_seconds);
        return SAL_OK;
}

static enum sal_status run_list(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autojson json_t *items = NULL;
        enum sal_status status =
                sal_admin_list(ctl->admin, "/api/v1/enrollment-tokens", NULL, SAL_CTL_LIST_ITEMS, &items, NULL, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_autojson json_t *document = json_pack("{s:O}", "items", items);
                sal_out_json(document);
                return SAL_OK;
        }
        static const char *const heads[] = {"ID", ">USED", ">OF", "MACHINE", "REENROLL", "REIMAGED", "EXPIRES", "BY"};
        static const char *const keys[] = {"id",       "used",     "uses",       "machine_id",
                                           "reenroll", "reimaged", "expires_at", "created_by"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(items); i++)
                for (size_t k = 0; k < SAL_ARRAY_LEN(keys); k++)
                        sal_table_json(&table, json_object_get(json_array_get(items, i), keys[k]));
        sal_table_print(&table, stdout, "no enrollment tokens");
        return SAL_OK;
}

static enum sal_status run_delete(struct sal_ctl *ctl, struct sal_err *reterr) {
        const char *id = ctl->args[0];
        if (!*id || strlen(id) > 64 ||
            strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(id))
                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\" is no id of a token; `token list` shows them", id);
        char path[SAL_CTL_PATH_BYTES];
        snprintf(path, sizeof path, "/api/v1/enrollment-tokens/%s", id);
        enum sal_status status = sal_ctl_delete(ctl, path, reterr);
        if (!status && !ctl->json)
                sal_out_line(stdout, "deleted ", id, NULL);
        return status;
}

const struct sal_command sal_commands_token[] = {
        {.group = "token",
         .verb = "create",
         .args = "",
         .options = SAL_BIT(SAL_OPT_USES) | SAL_BIT(SAL_OPT_MACHINE) | SAL_BIT(SAL_OPT_EXPIRES_IN) |
                    SAL_BIT(SAL_OPT_REENROLL) | SAL_BIT(SAL_OPT_REIMAGED) | SAL_BIT(SAL_OPT_REASON),
         .summary = "Make an enrollment token and print it",
         .help = "More than 100 uses, and --reenroll, need a grant, which is obtained by itself.",
         .run = run_create},
        {.group = "token",
         .verb = "list",
         .args = "",
         .summary = "Enrollment tokens, without their secrets",
         .run = run_list},
        {.group = "token",
         .verb = "delete",
         .args = "ID",
         .min_args = 1,
         .max_args = 1,
         .summary = "Make an enrollment token useless",
         .run = run_delete},
        {0},
};
