/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl export: the state of everything as one document, or the journal as lines. */
#include "command.h"
#include "confirm.h"
#include "out.h"

#include <string.h>

enum { EVENTS_PER_PAGE = 1000 };

/* Prints one page of events; *inout_after moves to the last sequence number, *ret_lines tells how many there were. */
static enum sal_status print_page(struct sal_ctl *ctl, int64_t limit, int64_t *inout_after, int64_t *ret_lines,
                                  struct sal_err *reterr) {
        char query[80];
        snprintf(query, sizeof query, "after=%lld&limit=%lld", (long long)*inout_after, (long long)limit);
        const struct sal_admin_call call = {.path = "/api/v1/export/events",
                                            .query = query,
                                            .accept = "application/x-ndjson, application/problem+json"};
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = sal_admin_do(ctl->admin, &call, &reply, reterr);
        *ret_lines = 0;
        const char *at = reply.body.data;
        while (!status && at && *at) {
                size_t len = strcspn(at, "\n");
                sal_autojson json_t *event = NULL;
                if (len) {
                        status = sal_json_parse(at, len, SAL_JSON_MAX_DEPTH, &event, reterr);
                        if (status)
                                break;
                        if (sal_number(event, "seq") <= *inout_after)
                                return sal_fail(reterr, SAL_E_MALFORMED, "the journal does not go on behind %lld",
                                                (long long)*inout_after);
                        *inout_after = sal_number(event, "seq");
                        json_dumpf(event, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
                        fputc('\n', stdout);
                        ++*ret_lines;
                }
                at += len + (at[len] == '\n');
        }
        return status;
}

static enum sal_status export_events(struct sal_ctl *ctl, struct sal_err *reterr) {
        int64_t after = 0, left = INT64_MAX;
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_AFTER, 0, INT64_MAX, &after, reterr);
        if (!status)
                status = sal_ctl_int(ctl, SAL_OPT_LIMIT, 1, INT64_MAX, &left, reterr);
        while (!status && left > 0) {
                int64_t lines = 0;
                status = print_page(ctl, left < EVENTS_PER_PAGE ? left : EVENTS_PER_PAGE, &after, &lines, reterr);
                left -= lines;
                if (!lines)
                        break;
        }
        return status;
}

static enum sal_status run_export(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_EVENTS))
                return export_events(ctl, reterr);
        if (sal_ctl_has(ctl, SAL_OPT_AFTER) || sal_ctl_has(ctl, SAL_OPT_LIMIT))
                return sal_fail(reterr, SAL_E_USAGE, "--after and --limit belong to --events");
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_admin_get(ctl->admin, "/api/v1/export", NULL, &document, reterr);
        if (!status && !sal_ctl_says(document, "schema", "salvor.export/1"))
                status = sal_ctl_unconfirmed(reterr, "\"schema\": \"salvor.export/1\"");
        if (!status)
                sal_out_json(document);
        return status;
}

const struct sal_command sal_commands_export[] = {
        {.group = "export",
         .args = "",
         .options = SAL_BIT(SAL_OPT_EVENTS) | SAL_BIT(SAL_OPT_AFTER) | SAL_BIT(SAL_OPT_LIMIT),
         .summary = "The state of everything as one JSON document; --events: the journal as lines",
         .run = run_export},
        {0},
};
