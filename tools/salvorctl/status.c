/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl status: one screen for a person, and an exit code that says whether one is needed. */
#include "command.h"
#include "confirm.h"
#include "out.h"
#include "trust_online.h"

#include <stdarg.h>
#include <string.h>

/* What was asked for. */
struct view {
        json_t *export, *trust;
        json_t *live;  /* campaigns, of the export */
        json_t *needs; /* texts: what a person should see to */
};

static void view_done(struct view *view) {
        json_decref(view->export);
        json_decref(view->trust);
        json_decref(view->live);
        json_decref(view->needs);
}

static bool is_live(const json_t *campaign) {
        static const char *const states[] = {"active", "paused", "halted", "completed"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(states); i++)
                if (sal_ctl_says(campaign, "state", states[i]))
                        return true;
        return false;
}

static enum sal_status fetch(struct sal_ctl *ctl, struct view *view, struct sal_err *reterr) {
        enum sal_status status = sal_ctl_get_trust(ctl, &view->trust, reterr);
        if (!status)
                status = sal_admin_get(ctl->admin, "/api/v1/export", NULL, &view->export, reterr);
        if (!status && (!json_is_object(json_object_get(view->export, "server")) ||
                        !json_is_object(json_object_get(view->export, "fleet")) ||
                        !json_is_array(json_object_get(view->export, "campaigns"))))
                status = sal_ctl_unconfirmed(reterr, "how the server stands");
        if (status)
                return status;
        view->live = json_array();
        view->needs = json_array();
        if (!view->live || !view->needs)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the status");
        const json_t *list = json_object_get(view->export, "campaigns");
        for (size_t i = 0; i < json_array_size(list); i++)
                if (is_live(json_array_get(list, i)))
                        json_array_append(view->live, json_array_get(list, i));
        return SAL_OK;
}

/* ---- what needs a person ---- */

static void __attribute__((format(printf, 2, 3))) need(struct view *view, const char *format, ...) {
        char text[400];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        json_array_append_new(view->needs, json_string(text));
}

static void find_needs(struct view *view) {
        const json_t *warnings = json_object_get(view->trust, "warnings");
        for (size_t i = 0; i < json_array_size(warnings); i++)
                json_array_append(view->needs, json_array_get(warnings, i));
        if (json_is_true(json_object_get(json_object_get(view->export, "server"), "kill_switch")))
                need(view, "the kill switch is on: nothing is offered (salvorctl kill-switch show)");
        for (size_t i = 0; i < json_array_size(view->live); i++) {
                const json_t *campaign = json_array_get(view->live, i);
                if (sal_ctl_says(campaign, "state", "halted"))
                        need(view, "%.63s@%lld is halted (salvorctl campaign decisions %.63s)",
                             sal_text(campaign, "id"), (long long)sal_number(campaign, "version"),
                             sal_text(campaign, "id"));
        }
        int64_t hands = sal_number(json_object_get(view->export, "fleet"), "needs_hands");
        if (hands > 0)
                need(view, "%lld machine%s hands (salvorctl machine list --state needs_hands)", (long long)hands,
                     hands == 1 ? " needs" : "s need");
}

/* ---- telling ---- */

static void print_json(const struct view *view) {
        const json_t *server = json_object_get(view->export, "server");
        sal_autojson json_t *document =
                json_pack("{s:b, s:O?, s:O?, s:O?, s:O?, s:O?, s:O, s:O?, s:O, s:b}", "ready", 1, "version",
                          json_object_get(server, "version"), "trust_domain",
                          json_object_get(view->trust, "trust_domain"), "kill_switch",
                          json_object_get(server, "kill_switch"), "publication",
                          json_object_get(view->trust, "publication"), "roles", json_object_get(view->trust, "roles"),
                          "campaigns", view->live, "fleet", json_object_get(view->export, "fleet"), "needs",
                          view->needs, "needs_a_person", json_array_size(view->needs) > 0);
        sal_out_json(document);
}

static void print_campaigns(const json_t *live) {
        static const char *const heads[] = {"CAMPAIGN",   ">VERSION",   "STATE",   "STAGE",  ">OFFERED",
                                            ">UNSETTLED", ">SUCCEEDED", ">FAILED", ">SILENT"};
        static const char *const counts[] = {"offers", "unsettled", "succeeded", "failed", "silent"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(live); i++) {
                const json_t *campaign = json_array_get(live, i);
                sal_table_text(&table, sal_text(campaign, "id"));
                sal_table_json(&table, json_object_get(campaign, "version"));
                sal_table_text(&table, sal_text(campaign, "state"));
                sal_table_text(&table, sal_text(campaign, "stage"));
                for (size_t k = 0; k < SAL_ARRAY_LEN(counts); k++)
                        sal_table_json(&table, json_object_get(json_object_get(campaign, "counts"), counts[k]));
        }
        sal_table_print(&table, stdout, "no campaign is live");
}

static void print_fleet(const json_t *fleet) {
        printf("machines     %lld known, %lld in recovery, %lld waiting, %lld back\n",
               (long long)sal_number(fleet, "known"), (long long)sal_number(fleet, "in_recovery"),
               (long long)sal_number(fleet, "waiting"), (long long)sal_number(fleet, "back"));
}

static void print_screen(const struct view *view) {
        const json_t *server = json_object_get(view->export, "server");
        int64_t now_ms = sal_clock_wall_ms();
        sal_time_parse(sal_text(view->export, "generated_at"), &now_ms); /* the server's own clock */
        sal_out_line(stdout, "server       answers, release ", sal_text(server, "version"), NULL);
        sal_out_line(stdout, "trust domain ", sal_text(view->trust, "trust_domain"), NULL);
        sal_ctl_print_publication(view->trust);
        printf("kill switch  %s\n", json_is_true(json_object_get(server, "kill_switch")) ? "ON" : "off");
        print_fleet(json_object_get(view->export, "fleet"));
        fputc('\n', stdout);
        sal_ctl_print_roles(view->trust, now_ms, false);
        fputc('\n', stdout);
        print_campaigns(view->live);
        puts(json_array_size(view->needs) ? "\nThis needs a person:" : "\nnothing needs a person");
        for (size_t i = 0; i < json_array_size(view->needs); i++)
                sal_out_line(stdout, "  - ", json_string_value(json_array_get(view->needs, i)), NULL);
}

static enum sal_status run_status(struct sal_ctl *ctl, struct sal_err *reterr) {
        __attribute__((cleanup(view_done))) struct view view = {0};
        enum sal_status status = fetch(ctl, &view, reterr);
        if (status)
                return status;
        find_needs(&view);
        if (ctl->json)
                print_json(&view);
        else
                print_screen(&view);
        ctl->exit_code = json_array_size(view.needs) ? SAL_EXIT_FAILED : SAL_EXIT_DONE;
        return SAL_OK;
}

const struct sal_command sal_commands_status[] = {
        {.group = "status",
         .args = "",
         .summary = "One screen: publishing, trust, live campaigns, and what needs a person",
         .help = "Exit code 0 when nothing needs a person, 1 when something does.",
         .run = run_status},
        {0},
};
