/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *id_of(const struct sal_admin_call *call) {
        return sal_admin_param(call, "id");
}

/* ---- list, as JSON or as CSV ---- */

struct fact_query {
        struct sal_machine_filter *filter;
        bool too_many;
};

static void add_fact(void *arg, const char *key, const char *value) {
        struct fact_query *query = arg;
        if (strncmp(key, "fact.", 5) != 0)
                return;
        if (query->filter->fact_count == SAL_ARRAY_LEN(query->filter->fact_names)) {
                query->too_many = true;
                return;
        }
        query->filter->fact_names[query->filter->fact_count] = key + 5;
        query->filter->fact_values[query->filter->fact_count++] = value;
}

/* RFC 4180; a leading = + - @ or control byte gets an apostrophe, so that no spreadsheet takes it for a formula. */
static void csv_field(struct sal_buf *out, const char *text, char end) {
        sal_buf_putc(out, '"');
        if (text && strchr("=+-@\t\r", *text) && *text)
                sal_buf_putc(out, '\'');
        for (const char *p = text ? text : ""; *p; p++) {
                if (*p == '"')
                        sal_buf_putc(out, '"');
                sal_buf_putc(out, *p);
        }
        sal_buf_putc(out, '"');
        sal_buf_puts(out, end == '\n' ? "\r\n" : ",");
}

static enum sal_status to_csv(struct sal_admin_call *call) {
        struct sal_buf out = SAL_BUF_INIT;
        size_t index;
        json_t *item;
        sal_buf_puts(&out, "machine_id,state,state_reason,pin,last_seen,model,vendor,os_version\r\n");
        json_array_foreach (json_object_get(call->json, "items"), index, item) {
                const json_t *facts = json_object_get(item, "facts");
                csv_field(&out, json_string_value(json_object_get(item, "machine_id")), ',');
                csv_field(&out, json_string_value(json_object_get(item, "state")), ',');
                csv_field(&out, json_string_value(json_object_get(item, "state_reason")), ',');
                csv_field(&out, json_string_value(json_object_get(item, "pin")), ',');
                csv_field(&out, json_string_value(json_object_get(item, "last_seen")), ',');
                csv_field(&out, json_string_value(json_object_get(facts, "model")), ',');
                csv_field(&out, json_string_value(json_object_get(facts, "vendor")), ',');
                csv_field(&out, json_string_value(json_object_get(facts, "os_version")), '\n');
        }
        json_decref(call->json);
        call->json = NULL;
        call->bytes_type = "text/csv; charset=utf-8";
        call->bytes.data = sal_buf_take(&out, &call->bytes.len);
        return call->bytes.data ? SAL_OK : SAL_E_NOMEM;
}

enum sal_status sal_admin_machine_list(struct sal_admin_call *call, struct sal_err *reterr) {
        struct sal_machine_filter filter = {.ring = sal_admin_query(call, "ring"),
                                            .state = sal_admin_query(call, "state")};
        struct fact_query query = {.filter = &filter};
        sal_http_query_each(call->call.request, add_fact, &query);
        if (query.too_many)
                return sal_fail(reterr, SAL_E_INVALID, "at most 8 facts may be asked for");
        enum sal_status status = sal_fleet_list(&call->act, &filter, &call->page, &call->json, reterr);
        const char *accept = sal_http_header_get(call->call.request, "Accept");
        if (!status && accept && strstr(accept, "text/csv"))
                status = to_csv(call);
        return status;
}

enum sal_status sal_admin_machine_show(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_fleet_show(&call->act, id_of(call), &call->json, reterr);
}

enum sal_status sal_admin_machine_change(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_fleet_change(&call->act, id_of(call), call->body, &call->json, reterr);
}

enum sal_status sal_admin_machine_delete(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_fleet_delete(&call->act, id_of(call), reterr);
}

enum sal_status sal_admin_machine_explain(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_fleet_explain(&call->act, id_of(call), &call->json, reterr);
}

/* ---- import: NDJSON, all lines or none ---- */

static enum sal_status parse_line(const char *line, size_t len, int64_t number, json_t **ret, struct sal_err *reterr) {
        struct sal_err why = {0};
        enum sal_status status = sal_json_parse(line, len, SAL_JSON_MAX_DEPTH, ret, &why);
        if (status)
                return sal_fail(reterr, status, "line %" PRId64 ": %s", number, why.detail);
        return SAL_OK;
}

/* Two passes: the first only checks that every line is JSON, so that nothing is written when one is not. What the
 * second finds wrong ends the import there; the answer names the line, and the lines before it are in. */
enum sal_status sal_admin_machine_import(struct sal_admin_call *call, struct sal_err *reterr) {
        int64_t counts[2] = {0};
        for (int pass = 0; pass < 2; pass++) {
                const char *at = call->lines.data, *end = at + call->lines.len;
                int64_t number = 0;
                while (at && at < end) {
                        const char *stop = memchr(at, '\n', (size_t)(end - at));
                        size_t len = stop ? (size_t)(stop - at) : (size_t)(end - at);
                        sal_autojson json_t *line = NULL;
                        bool is_new = false;
                        number++;
                        if (len > 0) {
                                struct sal_err why = {0};
                                enum sal_status status = parse_line(at, len, number, &line, reterr);
                                if (!status && pass == 1)
                                        status = sal_fleet_import(&call->act, line, &is_new, &why);
                                if (status && pass == 1)
                                        sal_fail_at(reterr, status, why.pointer, "line %" PRId64 ": %s", number,
                                                    why.detail);
                                if (status)
                                        return status;
                                counts[is_new] += pass;
                        }
                        at += len + 1;
                }
        }
        call->json = json_pack("{s:I, s:I}", "created", (json_int_t)counts[1], "updated", (json_int_t)counts[0]);
        return sal_journal_admin(&call->act, "machine.import", NULL, 0, NULL, json_incref(call->json));
}
