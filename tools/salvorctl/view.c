/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl campaign list, show, preview, decisions, and offers: what there is and why. */
#include "command.h"
#include "confirm.h"
#include "limits.h"
#include "out.h"

#include <string.h>

static void more_note(bool more) {
        if (more)
                fputs("(there are more; see --limit)\n", stderr);
}

/* A list goes out as the server's own items, in one document. */
static void print_items(json_t *items) {
        sal_autojson json_t *document = json_pack("{s:O}", "items", items);
        sal_out_json(document);
}

static enum sal_status run_list(struct sal_ctl *ctl, struct sal_err *reterr) {
        int64_t limit = SAL_CTL_LIST_ITEMS;
        sal_autojson json_t *items = NULL;
        bool more = false;
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_LIMIT, 1, SAL_CTL_LIST_ITEMS, &limit, reterr);
        if (!status)
                status = sal_admin_list(ctl->admin, "/api/v1/campaigns", NULL, (size_t)limit, &items, &more, reterr);
        if (status)
                return status;
        if (ctl->json) {
                print_items(items);
                return SAL_OK;
        }
        static const char *const heads[] = {"CAMPAIGN", ">VERSION", "STATE", "TITLE"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(items); i++) {
                const json_t *row = json_array_get(items, i);
                sal_table_text(&table, sal_text(row, "id"));
                sal_table_json(&table, json_object_get(row, "version"));
                sal_table_text(&table, sal_text(row, "state"));
                sal_table_text(&table, sal_text(row, "title"));
        }
        sal_table_print(&table, stdout, "no campaigns");
        more_note(more);
        return SAL_OK;
}

/* Numbers of the rings of a campaign, where the document has them. */
static void print_rings(const json_t *rings) {
        if (json_array_size(rings) == 0)
                return;
        static const char *const heads[] = {"RING",       "OPEN",    ">OFFERED",       ">UNSETTLED",
                                            ">SUCCEEDED", ">FAILED", ">NOT_APPLICABLE"};
        static const char *const keys[] = {"name",      "open",   "offered",       "unsettled",
                                           "succeeded", "failed", "not_applicable"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(rings); i++)
                for (size_t k = 0; k < SAL_ARRAY_LEN(keys); k++)
                        sal_table_json(&table, json_object_get(json_array_get(rings, i), keys[k]));
        fputc('\n', stdout);
        sal_table_print(&table, stdout, "");
}

static void print_signatures(const json_t *signatures) {
        for (size_t i = 0; i < json_array_size(signatures); i++) {
                const json_t *row = json_array_get(signatures, i);
                sal_out_line(stdout, i ? "                     " : "signed by            ",
                             *sal_text(row, "name") ? sal_text(row, "name") : "key", " ", sal_text(row, "keyid"), NULL);
        }
}

static enum sal_status run_show(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign campaign;
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_LIVE, &campaign, reterr);
        if (!status)
                status = sal_admin_get(ctl->admin, campaign.path, NULL, &document, reterr);
        if (!status)
                status = sal_ctl_confirm_campaign(document, campaign.id, campaign.version, NULL, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_out_json(document);
                return SAL_OK;
        }
        static const char *const members[][2] = {
                {"campaign", "id"},
                {"version", "version"},
                {"state", "state"},
                {"not allowed", "not_allowed"},
                {"title", "title"},
                {"summary", "summary"},
                {"digest", "digest"},
                {"valid from", "not_before"},
                {"expires", "expires"},
                {"created", "created_at"},
                {"drafted by", "drafted_by"},
                {"started", "started_at"},
                {"priority", "priority"},
                {"drill", "drill"},
                {"in flight", "in_flight"},
                {"cap", "cap"},
                {"held cohorts", "held_cohorts"},
                {"last halt", "halt_decision"},
                {"not ready", "missing"},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(members); i++)
                sal_out_member(stdout, members[i][0], json_object_get(document, members[i][1]));
        sal_ctl_limits_print(stdout, json_object_get(document, "limits"));
        print_signatures(json_object_get(document, "signatures"));
        const char *words = sal_text(document, "in_words");
        if (*words) {
                puts("does");
                sal_out_lines(stdout, words);
        }
        print_rings(json_object_get(document, "rings"));
        return SAL_OK;
}

static enum sal_status run_preview(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign campaign;
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_LIVE, &campaign, reterr);
        if (!status)
                status = sal_ctl_preview(ctl, &campaign, true, &document, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_out_json(document);
                return SAL_OK;
        }
        sal_ctl_preview_print(stdout, ctl->args[0], document);
        return SAL_OK;
}

/* The evidence in one phrase: "8 failed of 12 offered, ln E 7.996 >= 5.298". */
static void evidence_cell(struct sal_table *table, const json_t *evidence) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        if (json_object_get(evidence, "offered"))
                sal_buf_printf(&text, "%lld offered, %lld failed, %lld silent",
                               (long long)sal_number(evidence, "offered"), (long long)sal_number(evidence, "failed"),
                               (long long)sal_number(evidence, "silent"));
        const json_t *ln_e = json_object_get(evidence, "ln_e");
        if (json_is_number(ln_e))
                sal_buf_printf(&text, ", ln E %.4g", json_number_value(ln_e));
        if (json_is_number(json_object_get(evidence, "bound")))
                sal_buf_printf(&text, ", bound %.4g", json_number_value(json_object_get(evidence, "bound")));
        sal_table_text(table, text.data);
}

static enum sal_status run_decisions(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign campaign;
        sal_autojson json_t *items = NULL;
        int64_t limit = SAL_CTL_LIST_ITEMS;
        bool more = false;
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_LIMIT, 1, SAL_CTL_LIST_ITEMS, &limit, reterr);
        if (!status)
                status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_LIVE, &campaign, reterr);
        char path[SAL_CTL_PATH_BYTES];
        sal_ctl_path(&campaign, "decisions", path);
        if (!status)
                status = sal_admin_list(ctl->admin, path, NULL, (size_t)limit, &items, &more, reterr);
        if (status)
                return status;
        if (ctl->json) {
                print_items(items);
                return SAL_OK;
        }
        static const char *const heads[] = {"ID", "AT", "VERDICT", "RING", "COHORT", "BY", "RULE", "EVIDENCE"};
        static const char *const keys[] = {"id", "at", "verdict", "ring", "cohort", "by", "rule"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(items); i++) {
                const json_t *row = json_array_get(items, i);
                for (size_t k = 0; k < SAL_ARRAY_LEN(keys); k++)
                        sal_table_json(&table, json_object_get(row, keys[k]));
                evidence_cell(&table, json_object_get(row, "evidence"));
        }
        sal_table_print(&table, stdout, "no decisions yet");
        more_note(more);
        return SAL_OK;
}

static enum sal_status run_offers(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign campaign;
        sal_autojson json_t *items = NULL;
        int64_t limit = SAL_CTL_LIST_ITEMS;
        bool more = false;
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_LIMIT, 1, SAL_CTL_LIST_ITEMS, &limit, reterr);
        if (!status)
                status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_LIVE, &campaign, reterr);
        char path[SAL_CTL_PATH_BYTES];
        sal_ctl_path(&campaign, "offers", path);
        sal_autobuf struct sal_buf query = SAL_BUF_INIT;
        if (sal_ctl_has(ctl, SAL_OPT_STATE)) {
                sal_buf_puts(&query, "state=");
                sal_client_query_escape(&query, ctl->options[SAL_OPT_STATE]);
        }
        if (!status)
                status = sal_admin_list(ctl->admin, path, query.data, (size_t)limit, &items, &more, reterr);
        if (status)
                return status;
        if (ctl->json) {
                print_items(items);
                return SAL_OK;
        }
        static const char *const heads[] = {"OFFER", "MACHINE", "RING", ">ATTEMPT",
                                            "STATE", "CAUSE",   "MADE", "SETTLED"};
        static const char *const keys[] = {"offer_id", "machine_id", "ring",    "attempt",
                                           "state",    "cause",      "made_at", "settled_at"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(items); i++)
                for (size_t k = 0; k < SAL_ARRAY_LEN(keys); k++)
                        sal_table_json(&table, json_object_get(json_array_get(items, i), keys[k]));
        sal_table_print(&table, stdout, "no offers");
        more_note(more);
        return SAL_OK;
}

const struct sal_command sal_commands_view[] = {
        {.group = "campaign",
         .verb = "list",
         .args = "",
         .options = SAL_BIT(SAL_OPT_LIMIT),
         .summary = "All campaigns with their states",
         .run = run_list},
        {.group = "campaign",
         .verb = "show",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .summary = "One campaign: what it says, who signed it, how its rings stand",
         .run = run_show},
        {.group = "campaign",
         .verb = "preview",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .summary = "Whom of the known machines it would reach, whom not, and why",
         .run = run_preview},
        {.group = "campaign",
         .verb = "decisions",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_LIMIT),
         .summary = "Why it went on, halted or held a cohort",
         .run = run_decisions},
        {.group = "offers",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_STATE) | SAL_BIT(SAL_OPT_LIMIT),
         .summary = "Which machines were offered a campaign, and what became of it",
         .run = run_offers},
        {0},
};
