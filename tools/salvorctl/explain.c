/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl machine explain: why a machine gets a fix or does not. First the sentence, then the numbers. */
#include "command.h"
#include "out.h"
#include "wrap.h"

#include <inttypes.h>
#include <string.h>

enum { BOOTS_SHOWN = 3, TIME_BYTES = 40 };

static void put(const char *label, const char *text) {
        if (text && *text)
                sal_wrap_put(stdout, sal_wrap_columns(stdout), label, text);
}

/* A time of the server's to the second: no more can be read at a glance. */
static const char *to_second(const char *time, char ret[static TIME_BYTES]) {
        size_t len = strcspn(time, ".");
        snprintf(ret, TIME_BYTES, "%.*s%s", (int)len, time, time[len] ? "Z" : "");
        return ret;
}

static void name_campaign(struct sal_buf *out, const json_t *row) {
        sal_buf_printf(out, "%s@%" PRId64, sal_text(row, "campaign"), sal_number(row, "version"));
}

/* "back, last seen …, incarnation 2, boots a, b": what is known of it. */
static void print_machine(const json_t *document) {
        const json_t *machine = json_object_get(document, "machine"), *boots = json_object_get(document, "boots");
        char time[TIME_BYTES];
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_printf(&text, "%s, %s", sal_text(document, "machine_id"), sal_text(machine, "state"));
        if (*sal_text(machine, "state_reason"))
                sal_buf_printf(&text, " (%s)", sal_text(machine, "state_reason"));
        if (*sal_text(machine, "last_seen"))
                sal_buf_printf(&text, ", last seen %s", to_second(sal_text(machine, "last_seen"), time));
        if (sal_number(machine, "incarnation") > 1)
                sal_buf_printf(&text, ", incarnation %" PRId64, sal_number(machine, "incarnation"));
        put("machine", text.data);
        sal_buf_clear(&text);
        for (size_t i = 0; i < json_array_size(boots) && i < BOOTS_SHOWN; i++)
                sal_buf_printf(&text, "%s%s", i ? "\n" : "", json_string_value(json_array_get(boots, i)));
        if (json_array_size(boots) > BOOTS_SHOWN)
                sal_buf_printf(&text, "\nand %zu before", json_array_size(boots) - BOOTS_SHOWN);
        put("boots", text.len ? text.data : NULL);
}

static void print_campaigns(const json_t *campaigns) {
        static const char *const heads[] = {"CAMPAIGN", "STATE", "REASON", "RING", "OPEN", ">TRIES", ">IN_FLIGHT"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(campaigns); i++) {
                const json_t *row = json_array_get(campaigns, i);
                sal_autobuf struct sal_buf name = SAL_BUF_INIT;
                name_campaign(&name, row);
                sal_table_text(&table, name.data);
                sal_table_text(&table, sal_text(row, "state"));
                sal_table_text(&table, sal_text(row, "reason"));
                sal_table_text(&table, sal_text(row, "ring"));
                sal_table_json(&table, json_object_get(row, "ring_open"));
                sal_table_printf(&table, "%" PRId64 "/%" PRId64, sal_number(row, "attempts"),
                                 sal_number(row, "max_attempts"));
                sal_table_printf(&table, "%" PRId64 "/%" PRId64, sal_number(row, "in_flight"), sal_number(row, "cap"));
        }
        fputc('\n', stdout);
        sal_table_print(&table, stdout, "no live campaign");
}

/* "ring canary (u = 0.0042 in [0, 0.01))" or "ring canary (pinned to canary)"; a pin to a ring that is not in the plan
 * means the last one. */
static void put_ring(struct sal_buf *out, const json_t *row) {
        const json_t *by = json_object_get(row, "ring_by"), *u = json_object_get(by, "u");
        const char *ring = sal_text(row, "ring"), *pin = sal_text(by, "pin");
        sal_buf_printf(out, "ring %s", ring);
        if (*pin)
                sal_buf_printf(out, " (pinned to %s%s)", pin, strcmp(pin, ring) == 0 ? "" : ", which its plan lacks");
        else if (json_is_number(u))
                sal_buf_printf(out, " (u = %.4f in [%.4g, %.4g))", json_number_value(u),
                               json_number_value(json_object_get(by, "from")),
                               json_number_value(json_object_get(by, "to")));
}

/* Each campaign's own sentence unless it was told already, how the machine came to its ring, and in which stage the
 * campaign is. */
static void print_sentences(const json_t *document) {
        const json_t *campaigns = json_object_get(document, "campaigns");
        const char *told = sal_text(document, "sentence");
        /* Opted out, kill switch and the like: one sentence for all. */
        bool for_all = !*sal_text(document, "campaign") && strcmp(sal_text(document, "reason"), "no_match") != 0;
        for (size_t i = 0; i < json_array_size(campaigns); i++) {
                const json_t *row = json_array_get(campaigns, i);
                const char *sentence = sal_text(row, "sentence");
                sal_autobuf struct sal_buf text = SAL_BUF_INIT;
                name_campaign(&text, row);
                sal_buf_puts(&text, ": ");
                if (*sentence && !for_all && !strstr(told, sentence))
                        sal_buf_printf(&text, "%s\n  ", sentence);
                put_ring(&text, row);
                if (*sal_text(row, "stage"))
                        sal_buf_printf(&text, ", stage %s", sal_text(row, "stage"));
                if (json_is_array(json_object_get(row, "rings_open")))
                        sal_buf_printf(&text, ", %zu ring%s open", json_array_size(json_object_get(row, "rings_open")),
                                       json_array_size(json_object_get(row, "rings_open")) == 1 ? "" : "s");
                put(i ? "" : "campaigns", text.data);
        }
}

/* When its timer ends, or when it settled. */
static void put_end(struct sal_table *table, const json_t *offer) {
        const json_t *due = json_object_get(offer, "due");
        bool soaks = strcmp(sal_text(due, "then"), "succeeded") == 0;
        char time[TIME_BYTES];
        if (*sal_text(due, "at"))
                sal_table_printf(table, "%s %s", soaks ? "succeeds" : "silent", to_second(sal_text(due, "at"), time));
        else
                sal_table_text(table, due ? "its time stands still" : to_second(sal_text(offer, "settled_at"), time));
}

static void print_offers(const json_t *campaigns) {
        static const char *const heads[] = {"OFFER", "CAMPAIGN", ">TRY", "STATE", "CAUSE", "SETTLED_OR_DUE"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(campaigns); i++) {
                const json_t *campaign = json_array_get(campaigns, i), *offers = json_object_get(campaign, "offers");
                sal_autobuf struct sal_buf name = SAL_BUF_INIT;
                name_campaign(&name, campaign);
                for (size_t k = 0; k < json_array_size(offers); k++) {
                        const json_t *offer = json_array_get(offers, k);
                        sal_table_text(&table, sal_text(offer, "offer_id"));
                        sal_table_text(&table, name.data);
                        sal_table_json(&table, json_object_get(offer, "attempt"));
                        sal_table_text(&table, sal_text(offer, "state"));
                        sal_table_text(&table, sal_text(offer, "cause"));
                        put_end(&table, offer);
                }
        }
        fputc('\n', stdout);
        sal_table_print(&table, stdout, "no offers of live campaigns");
}

static void print_answer(const json_t *document) {
        const json_t *campaigns = json_object_get(document, "campaigns"), *notes = json_object_get(document, "notes");
        sal_autobuf struct sal_buf answer = SAL_BUF_INIT;
        put("why", *sal_text(document, "sentence") ? sal_text(document, "sentence") : sal_text(document, "detail"));
        sal_buf_printf(&answer, "%s, %s", sal_text(document, "directive"), sal_text(document, "reason"));
        put("answer", answer.data);
        for (size_t i = 0; i < json_array_size(notes); i++)
                put(i ? "" : "note", json_string_value(json_array_get(notes, i)));
        print_machine(document);
        print_campaigns(campaigns);
        if (json_array_size(campaigns) > 0) {
                fputc('\n', stdout);
                print_sentences(document);
        }
        print_offers(campaigns);
}

enum sal_status sal_ctl_run_explain(struct sal_ctl *ctl, struct sal_err *reterr) {
        return sal_ctl_machine_tell(ctl, "explain", print_answer, reterr);
}
