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

static enum sal_status to_csv(struct sal_admin_call *call, const struct sal_machine_filter *filter) {
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
        const char *next = json_string_value(json_object_get(call->json, "next_cursor"));
        if (next)
                snprintf(call->link, sizeof call->link,
                         "</api/v1/machines?limit=%u&cursor=%.24s%s%.32s%s%.32s>; rel=\"next\"", call->page.limit, next,
                         filter->state ? "&state=" : "", filter->state ? filter->state : "",
                         filter->ring ? "&ring=" : "", filter->ring ? filter->ring : "");
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
                status = to_csv(call, &filter);
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

/* ---- import: NDJSON; every line is checked before the first is written ---- */

enum { IMPORT_PIECE_LINES = 200 };

/* Finds the line at *at and moves it behind; false at the end. */
static bool next_line(const struct sal_bytes *lines, size_t *at, const char **ret, size_t *ret_len) {
        if (*at >= lines->len)
                return false;
        *ret = lines->data + *at;
        const char *stop = memchr(*ret, '\n', lines->len - *at);
        *ret_len = stop ? (size_t)(stop - *ret) : lines->len - *at;
        *at += *ret_len + 1;
        return true;
}

enum sal_status sal_admin_import_check(struct sal_admin_call *call, struct sal_err *reterr) {
        const char *text = NULL;
        size_t at = 0, len = 0;
        for (int64_t number = 1; next_line(&call->lines, &at, &text, &len); number++) {
                sal_autojson json_t *line = NULL;
                struct sal_err why = {0};
                enum sal_status status = SAL_OK;
                if (!len)
                        continue;
                status = sal_json_parse(text, len, SAL_JSON_MAX_DEPTH, &line, &why);
                if (!status)
                        status = sal_fleet_import_check(line, &why);
                if (status)
                        return sal_fail_at(reterr, status, why.pointer, "line %" PRId64 ": %s", number, why.detail);
        }
        return SAL_OK;
}

enum sal_status sal_admin_machine_import(struct sal_admin_call *call, struct sal_err *reterr) {
        const char *text = NULL;
        size_t len = 0;
        for (int n = 0; n < IMPORT_PIECE_LINES && next_line(&call->lines, &call->lines_at, &text, &len); n++) {
                sal_autojson json_t *line = NULL;
                bool is_new = false;
                if (!len)
                        continue;
                enum sal_status status = sal_json_parse(text, len, SAL_JSON_MAX_DEPTH, &line, reterr);
                if (!status)
                        status = sal_fleet_import(&call->act, line, &is_new, reterr);
                if (status)
                        return status;
                call->created += is_new;
                call->updated += !is_new;
        }
        if (call->lines_at < call->lines.len)
                return SAL_OK;
        call->json =
                json_pack("{s:I, s:I}", "created", (json_int_t)call->created, "updated", (json_int_t)call->updated);
        return sal_journal_admin(&call->act, "machine.import", NULL, 0, NULL, json_incref(call->json));
}
