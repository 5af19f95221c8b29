/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl campaign limit and limits: what operators lay on a campaign beyond its signed plan. */
#include "limits.h"

#include "confirm.h"
#include "out.h"

#include <string.h>

enum { MACHINES_SHOWN = 8 };

/* ---- showing ---- */

static void print_line(FILE *stream, const char *label, const struct sal_buf *text) {
        sal_autojson json_t *value = text->data ? json_stringn(text->data, text->len) : NULL;
        sal_out_member(stream, label, value);
}

/* "a", "a or b", "a, b or c" of the texts in an array. */
static void list_texts(struct sal_buf *out, const json_t *texts, const char *last) {
        size_t count = json_array_size(texts);
        for (size_t i = 0; i < count; i++) {
                const char *text = json_string_value(json_array_get(texts, i));
                sal_buf_puts(out, i == 0 ? "" : i + 1 < count ? ", " : last);
                sal_buf_puts(out, text && *text ? text : "\"\"");
        }
}

static void print_opens(FILE *stream, const json_t *opens) {
        const char *ring;
        json_t *time;
        json_object_foreach ((json_t *)opens, ring, time) {
                sal_autobuf struct sal_buf text = SAL_BUF_INIT;
                sal_buf_printf(&text, "%s at %s at the earliest", ring, json_string_value(time));
                print_line(stream, "opens", &text);
        }
}

static void print_only(FILE *stream, const json_t *only) {
        const char *name;
        json_t *values;
        json_object_foreach (json_object_get(only, "labels"), name, values) {
                sal_autobuf struct sal_buf text = SAL_BUF_INIT;
                sal_buf_printf(&text, "machines whose label %s is ", name);
                list_texts(&text, values, " or ");
                print_line(stream, "only", &text);
        }
        const json_t *machines = json_object_get(only, "machines");
        size_t count = json_array_size(machines);
        if (!count)
                return;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_autojson json_t *shown = json_array();
        for (size_t i = 0; i < count && i < MACHINES_SHOWN; i++)
                json_array_append(shown, json_array_get(machines, i));
        sal_buf_printf(&text, "%zu machine%s: ", count, count == 1 ? "" : "s");
        list_texts(&text, shown, ", ");
        if (count > MACHINES_SHOWN)
                sal_buf_printf(&text, ", and %zu more (--json shows them)", count - MACHINES_SHOWN);
        print_line(stream, "only", &text);
}

static void print_windows(FILE *stream, const json_t *windows) {
        for (size_t i = 0; i < json_array_size(windows); i++) {
                const json_t *window = json_array_get(windows, i), *days = json_object_get(window, "days");
                sal_autobuf struct sal_buf text = SAL_BUF_INIT;
                if (days)
                        list_texts(&text, days, ", ");
                else
                        sal_buf_puts(&text, "every day");
                sal_buf_printf(&text, " %s-%s UTC", sal_text(window, "from"), sal_text(window, "to"));
                print_line(stream, "window", &text);
        }
}

void sal_ctl_limits_print(FILE *stream, const json_t *limits) {
        const json_t *most = json_object_get(limits, "in_flight_max");
        if (most) {
                sal_autobuf struct sal_buf text = SAL_BUF_INIT;
                sal_buf_printf(&text, "at most %lld", (long long)json_integer_value(most));
                print_line(stream, "limit in flight", &text);
        }
        print_opens(stream, json_object_get(limits, "opens"));
        print_only(stream, json_object_get(limits, "only"));
        print_windows(stream, json_object_get(limits, "windows"));
}

/* The answer of GET and PUT, for whoever asked. */
static void print_answer(const struct sal_ctl *ctl, const json_t *answer) {
        if (ctl->json) {
                sal_out_json(answer);
                return;
        }
        const json_t *limits = json_object_get(answer, "limits");
        if (!json_is_object(limits)) {
                puts("no limits: the signed plan rules alone");
                return;
        }
        sal_ctl_limits_print(stdout, limits);
        sal_out_member(stdout, "set", json_object_get(answer, "set_at"));
        sal_out_member(stdout, "set by", json_object_get(answer, "set_by"));
}

static enum sal_status check_answer(const json_t *answer, struct sal_err *reterr) {
        const json_t *limits = json_object_get(answer, "limits");
        if (!json_is_null(limits) && !json_is_object(limits))
                return sal_ctl_unconfirmed(reterr, "which limits there are");
        return SAL_OK;
}

static enum sal_status get_limits(struct sal_ctl *ctl, const char *path, json_t **ret, struct sal_err *reterr) {
        sal_autojson json_t *answer = NULL;
        enum sal_status status = sal_admin_get(ctl->admin, path, NULL, &answer, reterr);
        if (!status)
                status = check_answer(answer, reterr);
        if (!status)
                *ret = json_incref(answer);
        return status;
}

static enum sal_status run_show(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign campaign;
        char path[SAL_CTL_PATH_BYTES];
        sal_autojson json_t *answer = NULL;
        enum sal_status status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_LIVE, &campaign, reterr);
        if (status)
                return status;
        sal_ctl_path(&campaign, "limits", path);
        status = get_limits(ctl, path, &answer, reterr);
        if (!status)
                print_answer(ctl, answer);
        return status;
}

/* ---- setting ---- */

#define KINDS                                                                                \
        (SAL_BIT(SAL_OPT_IN_FLIGHT) | SAL_BIT(SAL_OPT_OPENS) | SAL_BIT(SAL_OPT_ONLY_LABEL) | \
         SAL_BIT(SAL_OPT_ONLY_MACHINES) | SAL_BIT(SAL_OPT_WINDOW) | SAL_BIT(SAL_OPT_DROP))

/* Either everything at once, or kind by kind. */
static enum sal_status check_options(const struct sal_ctl *ctl, struct sal_err *reterr) {
        bool kinds = false;
        for (int i = 0; i < SAL_OPT_COUNT; i++)
                kinds |= ctl->options[i] && KINDS & SAL_BIT(i);
        int ways = kinds + sal_ctl_has(ctl, SAL_OPT_FILE) + sal_ctl_has(ctl, SAL_OPT_NONE);
        if (ways > 1)
                return sal_fail(reterr, SAL_E_USAGE, "--file and --none say all of it; nothing else goes with them");
        if (ways == 1)
                return SAL_OK;
        sal_fail(reterr, SAL_E_USAGE, "no limit was given");
        sal_err_hint(reterr, "`salvorctl campaign limits %.64s` shows those in force", ctl->args[0]);
        return SAL_E_USAGE;
}

/* What is asked for: of kinds that are not named, what there is now. */
static enum sal_status wanted(struct sal_ctl *ctl, const char *path, json_t **ret, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_FILE))
                return sal_ctl_limits_file(ctl->options[SAL_OPT_FILE], ret, reterr);
        sal_autojson json_t *before = NULL;
        sal_autojson json_t *limits = json_object();
        if (!sal_ctl_has(ctl, SAL_OPT_NONE)) {
                enum sal_status status = get_limits(ctl, path, &before, reterr);
                if (status)
                        return status;
                json_object_update(limits, json_object_get(before, "limits"));
                status = sal_ctl_limits_change(ctl, limits, reterr);
                if (status)
                        return status;
        }
        *ret = json_incref(limits);
        return SAL_OK;
}

static enum sal_status run_set(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign campaign;
        char path[SAL_CTL_PATH_BYTES];
        sal_autofree char *reason = NULL;
        sal_autojson json_t *limits = NULL;
        sal_autojson json_t *answer = NULL;
        enum sal_status status = check_options(ctl, reterr);
        if (!status)
                status = sal_ctl_reason(ctl, true, &reason, reterr);
        if (!status)
                status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_LIVE, &campaign, reterr);
        if (status)
                return status;
        sal_ctl_path(&campaign, "limits", path);
        status = wanted(ctl, path, &limits, reterr);
        if (status)
                return status;
        sal_autojson json_t *body = json_pack("{s:s, s:O}", "reason", reason, "limits", limits);
        if (!body)
                return sal_fail(reterr, SAL_E_USAGE, "the reason is no UTF-8 text");
        /* Where it loosens, the server asks for a grant, and it is given. */
        const struct sal_admin_call call = {.method = "PUT", .path = path, .body = body, .reason = reason};
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status)
                status = check_answer(answer, reterr);
        if (!status && (json_object_size(limits) == 0) != json_is_null(json_object_get(answer, "limits")))
                status = sal_ctl_unconfirmed(reterr, "that these limits are in force");
        if (status)
                return status;
        if (!ctl->json)
                printf("%s %s@%lld\n", json_object_size(limits) ? "limited" : "no longer limited", campaign.id,
                       (long long)campaign.version);
        if (ctl->json || json_object_size(limits))
                print_answer(ctl, answer);
        return SAL_OK;
}

static const struct sal_option_words words[] = {
        {SAL_OPT_NONE, NULL, "take every limit away"},
        {SAL_OPT_DROP, "KIND", "take in-flight, opens, labels, machines or windows away; may be repeated"},
        {0},
};

const struct sal_command sal_commands_limits[] = {
        {.group = "campaign",
         .verb = "limit",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .options = KINDS | SAL_BIT(SAL_OPT_FILE) | SAL_BIT(SAL_OPT_NONE) | SAL_BIT(SAL_OPT_REASON),
         .summary = "Make a campaign smaller, later or narrower than its plan",
         .help = "Each kind that is given takes the place of what there was of it, the others stay. Tightening needs "
                 "no grant, loosening does; nothing loosens what the authors signed. Offers that are out are not taken "
                 "back.",
         .words = words,
         .run = run_set},
        {.group = "campaign",
         .verb = "limits",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .summary = "What operators have laid on a campaign beyond its plan",
         .run = run_show},
        {0},
};
