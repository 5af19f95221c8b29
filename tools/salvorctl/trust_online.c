/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl trust show, put-root, put-targets: what the offline keys have said, at a server. */
#include "trust_online.h"
#include "command.h"
#include "confirm.h"
#include "out.h"
#include "trust/tuf.h"

#include <string.h>

/* In the order in which a client reads them. */
static const char *const roles[] = {"root", "timestamp", "snapshot", "targets", "campaigns"};

bool sal_ctl_is_trust(const json_t *document) {
        const json_t *list = json_object_get(document, "roles");
        for (size_t i = 0; i < SAL_ARRAY_LEN(roles); i++)
                if (!json_is_object(json_object_get(list, roles[i])))
                        return false;
        return json_is_object(json_object_get(document, "publication")) &&
               json_is_array(json_object_get(document, "warnings"));
}

static void days_cell(struct sal_table *table, const json_t *role, int64_t now_ms) {
        static const int64_t day_ms = INT64_C(86400000);
        int64_t expires_ms = 0;
        if (sal_time_parse(sal_text(role, "expires"), &expires_ms))
                sal_table_text(table, NULL);
        else if (expires_ms <= now_ms)
                sal_table_text(table, "expired");
        else
                sal_table_printf(table, "%lld", (long long)((expires_ms - now_ms) / day_ms));
}

/* The beginnings are enough for a person to tell keys apart; --json has the whole. */
static void keys_cell(struct sal_table *table, const json_t *keyids) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        for (size_t i = 0; i < json_array_size(keyids); i++) {
                const char *id = json_string_value(json_array_get(keyids, i));
                sal_buf_printf(&text, "%s%.8s", i ? ", " : "", id ? id : "");
        }
        sal_table_text(table, text.data);
}

void sal_ctl_print_roles(const json_t *trust, int64_t now_ms, bool keys) {
        static const char *const heads[] = {"ROLE", ">VERSION", "EXPIRES", ">DAYS_LEFT", ">SIGNATURES", "KEYS"};
        sal_autotable struct sal_table table = {.heads = heads, .columns = SAL_ARRAY_LEN(heads) - !keys};
        for (size_t i = 0; i < SAL_ARRAY_LEN(roles); i++) {
                const json_t *role = json_object_get(json_object_get(trust, "roles"), roles[i]);
                sal_table_text(&table, roles[i]);
                sal_table_json(&table, json_object_get(role, "version"));
                sal_table_text(&table, sal_text(role, "expires"));
                days_cell(&table, role, now_ms);
                sal_table_printf(&table, "%lld of %zu", (long long)sal_number(role, "threshold"),
                                 json_array_size(json_object_get(role, "keyids")));
                if (keys)
                        keys_cell(&table, json_object_get(role, "keyids"));
        }
        sal_table_print(&table, stdout, "");
}

void sal_ctl_print_publication(const json_t *trust) {
        const json_t *publication = json_object_get(trust, "publication");
        const char *since = sal_text(publication, "failing_since");
        if (*since)
                sal_out_line(stdout, "publishing   FAILS since ", since, ": ", sal_text(publication, "detail"), NULL);
        else if (json_is_true(json_object_get(publication, "published")))
                sal_out_line(stdout, "publishing   works, the newest is of ", sal_text(publication, "published_at"),
                             NULL);
        else
                puts("publishing   nothing yet");
}

static void print_policy(const json_t *policy) {
        static const char *const author_heads[] = {"AUTHOR", "KEY"};
        static const char *const class_heads[] = {"CLASS", ">SIGNATURES", "AUTHORS", "KINDS"};
        sal_autotable struct sal_table authors = SAL_TABLE_INIT(author_heads);
        sal_autotable struct sal_table classes = SAL_TABLE_INIT(class_heads);
        const json_t *list = json_object_get(policy, "authors");
        for (size_t i = 0; i < json_array_size(list); i++) {
                sal_table_text(&authors, sal_text(json_array_get(list, i), "name"));
                sal_table_text(&authors, sal_text(json_array_get(list, i), "keyid"));
        }
        list = json_object_get(policy, "classes");
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *class = json_array_get(list, i);
                sal_table_text(&classes, sal_text(class, "name"));
                sal_table_printf(&classes, "%lld of %zu", (long long)sal_number(class, "threshold"),
                                 json_array_size(json_object_get(class, "authors")));
                sal_table_json(&classes, json_object_get(class, "authors"));
                sal_table_json(&classes, json_object_get(class, "kinds"));
        }
        fputc('\n', stdout);
        sal_out_line(stdout, "policy ", sal_text(policy, "sha256"), NULL);
        sal_table_print(&authors, stdout, "no authors");
        fputc('\n', stdout);
        sal_table_print(&classes, stdout, "no classes");
}

static void print_trust(const json_t *trust) {
        sal_out_line(stdout, "trust domain ", sal_text(trust, "trust_domain"), NULL);
        sal_ctl_print_publication(trust);
        fputc('\n', stdout);
        sal_ctl_print_roles(trust, sal_clock_wall_ms(), true);
        print_policy(json_object_get(trust, "policy"));
        const json_t *warnings = json_object_get(trust, "warnings");
        if (json_array_size(warnings))
                fputc('\n', stdout);
        for (size_t i = 0; i < json_array_size(warnings); i++)
                sal_out_line(stdout, "warning: ", json_string_value(json_array_get(warnings, i)), NULL);
}

enum sal_status sal_ctl_get_trust(struct sal_ctl *ctl, json_t **ret, struct sal_err *reterr) {
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_admin_get(ctl->admin, "/api/v1/trust", NULL, &document, reterr);
        if (!status && !sal_ctl_is_trust(document))
                status = sal_ctl_unconfirmed(reterr, "what the trust is");
        if (!status)
                *ret = SAL_STEAL(document);
        return status;
}

static enum sal_status run_show(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autojson json_t *trust = NULL;
        enum sal_status status = sal_ctl_get_trust(ctl, &trust, reterr);
        if (status)
                return status;
        if (ctl->json)
                sal_out_json(trust);
        else
                print_trust(trust);
        return SAL_OK;
}

/* ---- handing in ---- */

/* The version that a file says it has: what the answer has to confirm. */
static enum sal_status read_file(const char *path, const char *type, char **ret, size_t *ret_len, int64_t *ret_version,
                                 struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        struct sal_err why = {0};
        enum sal_status status = sal_ctl_read_input(path, SAL_TUF_MAX_BYTES, &bytes, ret_len, reterr);
        if (status)
                return status;
        status = sal_tuf_document_parse(bytes, *ret_len, type, &document, &why);
        if (status)
                return sal_fail(reterr, status, "%s is no %s file: %s %s", path, type, why.pointer, why.detail);
        *ret_version = sal_tuf_document_version(document);
        *ret = SAL_STEAL(bytes);
        return SAL_OK;
}

/* Files to be handed in; a NULL text is none. */
struct files {
        char *root, *targets, *policy;
        size_t root_len;
        int64_t root_version, targets_version;
};

static void files_done(struct files *files) {
        free(files->root);
        free(files->targets);
        free(files->policy);
}

static enum sal_status confirm(const json_t *answer, const char *role, int64_t version, struct sal_err *reterr) {
        const json_t *said = json_object_get(json_object_get(answer, "roles"), role);
        return sal_number(said, "version") == version
                       ? SAL_OK
                       : sal_ctl_unconfirmed(reterr, "that %s version %lld is in force", role, (long long)version);
}

static void tell(const struct files *files, const json_t *answer) {
        const json_t *publication = json_object_get(answer, "publication");
        if (files->root)
                printf("root version %lld is in force\n", (long long)files->root_version);
        if (files->targets)
                printf("targets version %lld are in force\n", (long long)files->targets_version);
        sal_ctl_print_publication(answer);
        const json_t *barred = json_object_get(answer, "not_allowed");
        for (size_t i = 0; i < json_array_size(barred); i++) {
                const json_t *item = json_array_get(barred, i);
                char version[24];
                snprintf(version, sizeof version, "@%lld", (long long)sal_number(item, "version"));
                sal_out_line(stdout, "not allowed any more: ", sal_text(item, "id"), version, " (",
                             sal_text(item, "detail"), ")", NULL);
        }
        if (*sal_text(publication, "failing_since"))
                fputs("It is in force here, and no machine has heard of it: publishing has to work first.\n", stderr);
}

static enum sal_status put(struct sal_ctl *ctl, const char *path, const struct files *files, struct sal_err *reterr) {
        sal_autofree char *reason = NULL;
        sal_autojson json_t *body = NULL;
        sal_autojson json_t *answer = NULL;
        enum sal_status status = sal_ctl_reason(ctl, true, &reason, reterr);
        if (status)
                return status;
        struct sal_admin_call call = {.method = "PUT", .path = path, .elevate = true, .reason = reason};
        if (files->targets) {
                body = json_pack("{s:s, s:s*, s:s*}", "targets", files->targets, "policy", files->policy, "root",
                                 files->root);
                if (!body)
                        return sal_fail(reterr, SAL_E_MALFORMED, "the files are no UTF-8 text");
                call.body = body;
        } else {
                call.raw = files->root;
                call.raw_len = files->root_len;
                call.content_type = "application/json";
        }
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status && !sal_ctl_is_trust(answer))
                status = sal_ctl_unconfirmed(reterr, "what the trust is now");
        if (!status && files->root)
                status = confirm(answer, "root", files->root_version, reterr);
        if (!status && files->targets)
                status = confirm(answer, "targets", files->targets_version, reterr);
        if (status)
                return status;
        if (ctl->json)
                sal_out_json(answer);
        else
                tell(files, answer);
        return SAL_OK;
}

static enum sal_status read_targets(struct sal_ctl *ctl, const char *path, struct files *files,
                                    struct sal_err *reterr) {
        const char *policy = ctl->options[SAL_OPT_POLICY];
        size_t len = 0;
        enum sal_status status = read_file(path, "targets", &files->targets, &len, &files->targets_version, reterr);
        if (!status && policy)
                status = sal_ctl_read_input(policy, SAL_TUF_MAX_BYTES, &files->policy, &len, reterr);
        return status;
}

static enum sal_status run_put_targets(struct sal_ctl *ctl, struct sal_err *reterr) {
        __attribute__((cleanup(files_done))) struct files files = {0};
        enum sal_status status = read_targets(ctl, ctl->args[0], &files, reterr);
        return status ? status : put(ctl, "/api/v1/trust/targets", &files, reterr);
}

static enum sal_status run_put_root(struct sal_ctl *ctl, struct sal_err *reterr) {
        __attribute__((cleanup(files_done))) struct files files = {0};
        const char *targets = ctl->options[SAL_OPT_TARGETS];
        if (sal_ctl_has(ctl, SAL_OPT_POLICY) && !targets)
                return sal_fail(reterr, SAL_E_USAGE, "--policy goes with --targets, which list it");
        enum sal_status status =
                read_file(ctl->args[0], "root", &files.root, &files.root_len, &files.root_version, reterr);
        if (!status && targets)
                status = read_targets(ctl, targets, &files, reterr);
        return status ? status : put(ctl, "/api/v1/trust/root", &files, reterr);
}

const struct sal_command sal_commands_trust_online[] = {
        {.group = "trust",
         .verb = "show",
         .args = "",
         .summary = "Versions, expiries and keys of every role at the server, and its policy",
         .run = run_show},
        {.group = "trust",
         .verb = "put-root",
         .args = "FILE",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_TARGETS) | SAL_BIT(SAL_OPT_POLICY) | SAL_BIT(SAL_OPT_REASON),
         .summary = "Hand in the next root, signed by the old and the new root keys",
         .help = "When it changes the keys of targets, hand in targets that the new keys signed with it.",
         .run = run_put_root},
        {.group = "trust",
         .verb = "put-targets",
         .args = "FILE",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_POLICY) | SAL_BIT(SAL_OPT_REASON),
         .required = SAL_BIT(SAL_OPT_POLICY),
         .summary = "Hand in new targets, signed by the targets keys, with the policy that they list",
         .run = run_put_targets},
        {0},
};
