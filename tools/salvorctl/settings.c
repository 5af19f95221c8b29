/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl policy show, rings show, rings set. */
#include "command.h"
#include "confirm.h"
#include "fetch.h"
#include "out.h"
#include "trust/file.h"
#include "trust/policy.h"

#include <string.h>

static void join_authors(struct sal_table *table, const struct sal_policy *policy,
                         const struct sal_policy_class *class) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        for (size_t i = 0; i < class->author_count; i++)
                sal_buf_printf(&text, "%s%s", i ? ", " : "", sal_policy_author(policy, class->authors[i]).name);
        sal_table_text(table, text.data);
}

static void join_words(struct sal_table *table, char *const *words, size_t count, const char *none) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        for (size_t i = 0; i < count; i++)
                sal_buf_printf(&text, "%s%s", i ? ", " : "", words[i]);
        sal_table_text(table, count ? text.data : none);
}

static enum sal_status run_policy(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        enum sal_status status = sal_ctl_fetch_policy(ctl, &bytes, &len, reterr);
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        if (!status)
                status = sal_policy_parse(bytes, len, &policy, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_autojson json_t *document = NULL;
                status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &document, reterr);
                if (!status)
                        sal_out_json(document);
                return status;
        }
        printf("policy %s\n\n", sal_policy_sha256(policy));
        static const char *const author_heads[] = {"AUTHOR", "TYPE", "KEY"};
        sal_autotable struct sal_table authors = SAL_TABLE_INIT(author_heads);
        for (size_t i = 0; i < sal_policy_author_count(policy); i++) {
                struct sal_policy_author author = sal_policy_author(policy, i);
                sal_table_text(&authors, author.name);
                sal_table_text(&authors, sal_public_key_keytype(author.key));
                sal_table_text(&authors, sal_public_key_id(author.key));
        }
        sal_table_print(&authors, stdout, "no authors");
        static const char *const class_heads[] = {"CLASS", ">SIGNATURES", ">APPROVALS", "AUTHORS", "KINDS", "PATHS"};
        sal_autotable struct sal_table classes = SAL_TABLE_INIT(class_heads);
        for (size_t i = 0; i < sal_policy_class_count(policy); i++) {
                const struct sal_policy_class *class = sal_policy_class(policy, i);
                sal_table_text(&classes, class->name);
                sal_table_printf(&classes, "%d of %zu", class->threshold, class->author_count);
                sal_table_printf(&classes, "%d", class->approvals);
                join_authors(&classes, policy, class);
                join_words(&classes, class->kinds, class->kind_count, "none");
                join_words(&classes, class->paths, class->path_count, "any");
        }
        fputc('\n', stdout);
        sal_table_print(&classes, stdout, "no classes");
        return SAL_OK;
}

static void print_rings(const json_t *rings) {
        static const char *const heads[] = {"RING", ">SHARE", ">SOAK_SECONDS", ">GROWTH"};
        static const char *const keys[] = {"name", "share", "soak_seconds", "growth"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(rings); i++)
                for (size_t k = 0; k < SAL_ARRAY_LEN(keys); k++)
                        sal_table_json(&table, json_object_get(json_array_get(rings, i), keys[k]));
        sal_table_print(&table, stdout, "no rings");
}

static enum sal_status run_rings_show(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_admin_get(ctl->admin, "/api/v1/rings", NULL, &document, reterr);
        if (!status && !json_is_array(json_object_get(document, "rings")))
                status = sal_ctl_unconfirmed(reterr, "what the rings are");
        if (status)
                return status;
        if (ctl->json)
                sal_out_json(document);
        else
                print_rings(json_object_get(document, "rings"));
        return SAL_OK;
}

static enum sal_status run_rings_set(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        sal_autojson json_t *document = NULL;
        sal_autojson json_t *answer = NULL;
        enum sal_status status = sal_file_read(ctl->args[0], 64 * 1024, &bytes, &len, reterr);
        if (!status)
                status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &document, reterr);
        sal_autojson json_t *body =
                json_is_array(document) ? json_pack("{s:O}", "rings", document) : json_incref(document);
        const struct sal_admin_call call = {.method = "PUT", .path = "/api/v1/rings", .body = body};
        if (!status)
                status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status &&
            json_array_size(json_object_get(answer, "rings")) != json_array_size(json_object_get(body, "rings")))
                status = sal_ctl_unconfirmed(reterr, "that the rings are set");
        if (status)
                return status;
        if (ctl->json)
                sal_out_json(answer);
        else
                print_rings(json_object_get(answer, "rings"));
        return SAL_OK;
}

const struct sal_command sal_commands_settings[] = {
        {.group = "policy",
         .verb = "show",
         .args = "",
         .summary = "Who may sign which kinds of action",
         .run = run_policy},
        {.group = "rings",
         .verb = "show",
         .args = "",
         .summary = "The rings for pins and for new plans",
         .run = run_rings_show},
        {.group = "rings",
         .verb = "set",
         .args = "FILE",
         .min_args = 1,
         .max_args = 1,
         .summary = "Replace the rings: {\"rings\": [{\"name\", \"share\", \"soak_seconds\", \"growth\"}]}",
         .run = run_rings_set},
        {0},
};
