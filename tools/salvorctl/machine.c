/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl machine list, show, explain, pin, opt-out, delete, import: the fleet. */
#include "command.h"
#include "confirm.h"
#include "model/campaign.h"
#include "model/plan.h"
#include "out.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static enum sal_status machine_path(const char *id, const char *what, char ret[static SAL_CTL_PATH_BYTES],
                                    struct sal_err *reterr) {
        if (!sal_machine_id_valid(id))
                return sal_fail(reterr, SAL_E_USAGE,
                                "\"%.80s\" is no machine id: 1 to 64 of [A-Za-z0-9._:-], no leading dot", id);
        snprintf(ret, SAL_CTL_PATH_BYTES, "/api/v1/machines/%s%s%s", id, what ? "/" : "", what ? what : "");
        return SAL_OK;
}

static void add_query(struct sal_buf *query, const char *name, const char *value) {
        if (query->len)
                sal_buf_putc(query, '&');
        sal_buf_puts(query, name);
        sal_buf_putc(query, '=');
        sal_client_query_escape(query, value);
}

static enum sal_status make_query(const struct sal_ctl *ctl, struct sal_buf *query, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_RING))
                add_query(query, "ring", ctl->options[SAL_OPT_RING]);
        if (sal_ctl_has(ctl, SAL_OPT_STATE))
                add_query(query, "state", ctl->options[SAL_OPT_STATE]);
        const char *fact = NULL;
        for (size_t i = 0; (fact = sal_ctl_nth(ctl, SAL_OPT_FACT, i)); i++) {
                const char *equals = strchr(fact, '=');
                char name[80];
                snprintf(name, sizeof name, "fact.%.*s", equals ? (int)(equals - fact) : 0, fact);
                if (!equals || !sal_fact_name_valid(name + 5))
                        return sal_fail(reterr, SAL_E_USAGE, "--fact takes NAME=VALUE, not \"%.80s\"", fact);
                add_query(query, name, equals + 1);
        }
        return query->failed ? sal_fail(reterr, SAL_E_NOMEM, "no memory for a query") : SAL_OK;
}

/* What a list shows of a machine; a name with a dot is a fact's. */
static const struct column {
        const char *head;
        const char *key;
} columns[] = {
        {"MACHINE", "machine_id"},
        {"STATE", "state"},
        {"WHY", "state_reason"},
        {"PINNED_TO", "pin"},
        {"OPT_OUT", "opt_out"},
        {"LAST_SEEN", "last_seen"},
        {"OS_VERSION", "fact.os_version"},
        {"MODEL", "fact.model"},
};

static const json_t *column_of(const json_t *row, const struct column *column) {
        if (strncmp(column->key, "fact.", 5) == 0)
                return json_object_get(json_object_get(row, "facts"), column->key + 5);
        return json_object_get(row, column->key);
}

static void print_table(const json_t *items) {
        static const char *const heads[] = {"MACHINE", "STATE",     "WHY",        "PINNED_TO",
                                            "OPT_OUT", "LAST_SEEN", "OS_VERSION", "MODEL"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(items); i++)
                for (size_t c = 0; c < SAL_ARRAY_LEN(columns); c++)
                        sal_table_json(&table, column_of(json_array_get(items, i), &columns[c]));
        sal_table_print(&table, stdout, "no machines");
}

/* RFC 4180. A field that begins like a formula gets an apostrophe, so that no spreadsheet computes what a machine said.
 */
static void print_csv_field(const json_t *value, bool last) {
        const char *text = json_is_boolean(value) ? (json_is_true(value) ? "yes" : "no") : json_string_value(value);
        sal_autobuf struct sal_buf safe = SAL_BUF_INIT;
        if (text)
                sal_safe_append(&safe, text, strlen(text));
        putchar('"');
        if (safe.len && strchr("=+-@", safe.data[0]))
                putchar('\'');
        for (size_t i = 0; i < safe.len; i++) {
                if (safe.data[i] == '"')
                        putchar('"');
                putchar(safe.data[i]);
        }
        fputs(last ? "\"\r\n" : "\",", stdout);
}

static void print_csv(const json_t *items) {
        enum { COUNT = SAL_ARRAY_LEN(columns) };
        for (size_t c = 0; c < COUNT; c++)
                printf("%s%s", columns[c].key, c + 1 == COUNT ? "\r\n" : ",");
        for (size_t i = 0; i < json_array_size(items); i++)
                for (size_t c = 0; c < COUNT; c++)
                        print_csv_field(column_of(json_array_get(items, i), &columns[c]), c + 1 == COUNT);
}

static enum sal_status run_list(struct sal_ctl *ctl, struct sal_err *reterr) {
        int64_t limit = SAL_CTL_LIST_ITEMS;
        sal_autobuf struct sal_buf query = SAL_BUF_INIT;
        sal_autojson json_t *items = NULL;
        bool more = false;
        if (ctl->json && sal_ctl_has(ctl, SAL_OPT_CSV))
                return sal_fail(reterr, SAL_E_USAGE, "--csv and --json exclude each other");
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_LIMIT, 1, 10000000, &limit, reterr);
        if (!status)
                status = make_query(ctl, &query, reterr);
        if (!status)
                status = sal_admin_list(ctl->admin, "/api/v1/machines", query.data, (size_t)limit, &items, &more,
                                        reterr);
        if (status)
                return status;
        if (sal_ctl_has(ctl, SAL_OPT_CSV)) {
                print_csv(items);
        } else if (ctl->json) {
                sal_autojson json_t *document = json_pack("{s:O, s:b}", "items", items, "more", more);
                sal_out_json(document);
        } else {
                print_table(items);
        }
        if (more)
                fputs("(there are more; see --limit)\n", stderr);
        return SAL_OK;
}

static void print_offers(const json_t *offers) {
        static const char *const heads[] = {"OFFER", "CAMPAIGN", ">VERSION", "RING",   ">ATTEMPT",
                                            "STATE", "CAUSE",    "MADE",     "SETTLED"};
        static const char *const keys[] = {"offer_id", "campaign", "version", "ring",      "attempt",
                                           "state",    "cause",    "made_at", "settled_at"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(offers); i++)
                for (size_t k = 0; k < SAL_ARRAY_LEN(keys); k++)
                        sal_table_json(&table, json_object_get(json_array_get(offers, i), keys[k]));
        fputc('\n', stdout);
        sal_table_print(&table, stdout, "no offers");
}

/* Each member of the document on a line, objects among them member by member; offers have a table of their own. */
static void print_document(const json_t *document) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)document, key, value) {
                if (strcmp(key, "offers") == 0)
                        continue;
                if (!json_is_object(value)) {
                        sal_out_member(stdout, key, value);
                        continue;
                }
                const char *inner;
                json_t *inner_value;
                json_object_foreach (value, inner, inner_value) {
                        sal_autobuf struct sal_buf label = SAL_BUF_INIT;
                        sal_buf_printf(&label, "%s.%s", key, inner);
                        sal_out_member(stdout, label.data ? label.data : "", inner_value);
                }
        }
}

enum sal_status sal_ctl_machine_tell(struct sal_ctl *ctl, const char *what, void (*print)(const json_t *document),
                                     struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES];
        sal_autojson json_t *document = NULL;
        enum sal_status status = machine_path(ctl->args[0], what, path, reterr);
        if (!status)
                status = sal_admin_get(ctl->admin, path, NULL, &document, reterr);
        if (!status)
                status = sal_ctl_confirm_machine(document, ctl->args[0], reterr);
        if (status)
                return status;
        if (ctl->json)
                sal_out_json(document);
        else
                print(document);
        return SAL_OK;
}

static void print_machine(const json_t *machine) {
        print_document(machine);
        print_offers(json_object_get(machine, "offers"));
}

static enum sal_status run_show(struct sal_ctl *ctl, struct sal_err *reterr) {
        return sal_ctl_machine_tell(ctl, NULL, print_machine, reterr);
}

static enum sal_status change(struct sal_ctl *ctl, json_t *body, const char *done, struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES];
        sal_autojson json_t *answer = NULL;
        enum sal_status status = machine_path(ctl->args[0], NULL, path, reterr);
        const struct sal_admin_call call = {.method = "PATCH", .path = path, .body = body};
        if (!status)
                status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status)
                status = sal_ctl_confirm_machine(answer, ctl->args[0], reterr);
        if (status)
                return status;
        const char *key;
        json_t *value;
        json_object_foreach (body, key, value)
                if (!json_equal(json_object_get(answer, key), value))
                        return sal_ctl_unconfirmed(reterr, "that machine %.64s is so: %.80s", ctl->args[0], done);
        if (ctl->json)
                sal_out_json(answer);
        else
                sal_out_line(stdout, ctl->args[0], ": ", done, NULL);
        return SAL_OK;
}

static enum sal_status run_pin(struct sal_ctl *ctl, struct sal_err *reterr) {
        bool none = sal_ctl_has(ctl, SAL_OPT_NONE);
        if (none == (ctl->arg_count == 2))
                return sal_fail(reterr, SAL_E_USAGE, "\"machine pin\" needs ID RING, or ID --none");
        if (!none && !sal_ring_name_valid(ctl->args[1]))
                return sal_fail(reterr, SAL_E_USAGE, "\"%.40s\" is no ring name: [a-z0-9-]{1,32}", ctl->args[1]);
        sal_autojson json_t *body = none ? json_pack("{s:n}", "pin") : json_pack("{s:s}", "pin", ctl->args[1]);
        char done[80];
        snprintf(done, sizeof done, "%s%.40s", none ? "no longer pinned" : "pinned to ", none ? "" : ctl->args[1]);
        return change(ctl, body, done, reterr);
}

static enum sal_status run_opt_out(struct sal_ctl *ctl, struct sal_err *reterr) {
        bool undo = sal_ctl_has(ctl, SAL_OPT_UNDO);
        sal_autojson json_t *body = json_pack("{s:b}", "opt_out", !undo);
        return change(ctl, body, undo ? "takes part again" : "opted out: it receives nothing", reterr);
}

static enum sal_status run_delete(struct sal_ctl *ctl, struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES];
        enum sal_status status = machine_path(ctl->args[0], NULL, path, reterr);
        if (!status)
                status = sal_ctl_delete(ctl, path, reterr);
        if (!status && !ctl->json)
                sal_out_line(stdout, "deleted ", ctl->args[0], NULL);
        return status;
}

static enum sal_status run_import(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autofclose FILE *file = fopen(ctl->args[0], "re");
        struct stat info;
        if (!file || fstat(fileno(file), &info))
                return sal_fail(reterr, errno == ENOENT ? SAL_E_NOT_FOUND : SAL_E_IO, "cannot open %.300s: %s",
                                ctl->args[0], strerror(errno));
        if (!S_ISREG(info.st_mode))
                return sal_fail(reterr, SAL_E_USAGE, "%.300s is no regular file", ctl->args[0]);
        const struct sal_admin_call call = {.method = "POST",
                                            .path = "/api/v1/machines/import",
                                            .file = file,
                                            .file_len = info.st_size,
                                            .content_type = "application/x-ndjson",
                                            .timeout_ms = 3600 * 1000};
        sal_autojson json_t *answer = NULL;
        enum sal_status status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status && (!json_is_integer(json_object_get(answer, "created")) ||
                        !json_is_integer(json_object_get(answer, "updated"))))
                status = sal_ctl_unconfirmed(reterr, "how many machines were created and updated");
        if (status)
                return status;
        if (ctl->json)
                sal_out_json(answer);
        else
                print_document(answer);
        return SAL_OK;
}

const struct sal_command sal_commands_machine[] = {
        {.group = "machine",
         .verb = "list",
         .args = "",
         .options = SAL_BIT(SAL_OPT_RING) | SAL_BIT(SAL_OPT_STATE) | SAL_BIT(SAL_OPT_FACT) | SAL_BIT(SAL_OPT_LIMIT) |
                    SAL_BIT(SAL_OPT_CSV),
         .summary = "The fleet; --state needs_hands: who to send a person to",
         .run = run_list},
        {.group = "machine",
         .verb = "show",
         .args = "ID",
         .min_args = 1,
         .max_args = 1,
         .summary = "All that is known of one machine",
         .run = run_show},
        {.group = "machine",
         .verb = "explain",
         .args = "ID",
         .min_args = 1,
         .max_args = 1,
         .summary = "Why it gets a fix or does not, and the numbers behind that",
         .run = sal_ctl_run_explain},
        {.group = "machine",
         .verb = "pin",
         .args = "ID RING",
         .min_args = 1,
         .max_args = 2,
         .options = SAL_BIT(SAL_OPT_NONE),
         .summary = "Keep a machine in one ring whatever the campaign",
         .run = run_pin},
        {.group = "machine",
         .verb = "opt-out",
         .args = "ID",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_UNDO),
         .summary = "Never offer anything to a machine",
         .run = run_opt_out},
        {.group = "machine",
         .verb = "delete",
         .args = "ID",
         .min_args = 1,
         .max_args = 1,
         .summary = "Forget a machine: its offers are recalled, its token is refused",
         .run = run_delete},
        {.group = "machine",
         .verb = "import",
         .args = "FILE",
         .min_args = 1,
         .max_args = 1,
         .summary = "Make machines known from a list, one JSON object per line",
         .run = run_import},
        {0},
};
