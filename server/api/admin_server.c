/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum sal_status sal_admin_rings_show(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_rings_show(&call->act, &call->json, reterr);
}

enum sal_status sal_admin_rings_put(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_rings_put(&call->act, call->body, &call->json, reterr);
}

enum sal_status sal_admin_kill_show(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_kill_switch_show(&call->act, &call->json, reterr);
}

enum sal_status sal_admin_kill_put(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_kill_switch_put(&call->act, call->body, &call->json, reterr);
}

enum sal_status sal_admin_token_list(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_tokens_list(&call->act, &call->page, &call->json, reterr);
}

enum sal_status sal_admin_token_create(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_tokens_create(&call->act, call->body, &call->json, reterr);
}

enum sal_status sal_admin_token_delete(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_tokens_delete(&call->act, sal_admin_param(call, "id"), reterr);
}

enum sal_status sal_admin_elevate(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_elevation_open(&call->act, call->body, &call->json, reterr);
}

enum sal_status sal_admin_export(struct sal_admin_call *call, struct sal_err *reterr) {
        call->cacheable = true;
        return sal_export(&call->act, &call->json, reterr);
}

enum sal_status sal_admin_events(struct sal_admin_call *call, struct sal_err *reterr) {
        int64_t after = 0, last = 0;
        enum sal_status status =
                sal_request_number("after", sal_admin_query(call, "after"), 0, INT64_MAX / 2, &after, reterr);
        struct sal_buf out = SAL_BUF_INIT;
        if (!status)
                status = sal_export_events(&call->act, after, call->page.limit, &out, &last, reterr);
        call->bytes_type = "application/x-ndjson";
        call->bytes.data = sal_buf_take(&out, &call->bytes.len);
        return !status && !call->bytes.data ? SAL_E_NOMEM : status;
}

enum sal_status sal_admin_operators(struct sal_admin_call *call, struct sal_err *reterr) {
        (void)reterr;
        const struct sal_operators *operators = atomic_load(&call->call.api->operators);
        json_t *items = json_array();
        for (size_t i = 0; i < operators->count; i++)
                json_array_append_new(items, json_pack("{s:s, s:s, s:s}", "name", operators->items[i].name, "role",
                                                       sal_role_name(operators->items[i].role), "certificate_sha256",
                                                       operators->items[i].certificate_sha256));
        call->json = json_pack("{s:o, s:n}", "items", items, "next_cursor");
        return call->json ? SAL_OK : SAL_E_NOMEM;
}

enum sal_status sal_admin_policy(struct sal_admin_call *call, struct sal_err *reterr) {
        (void)reterr;
        const char *bytes = sal_policy_bytes(call->act.service->policy, &call->bytes.len);
        call->bytes.data = malloc(call->bytes.len + 1);
        if (!call->bytes.data)
                return SAL_E_NOMEM;
        memcpy(call->bytes.data, bytes, call->bytes.len);
        call->bytes_type = "application/json";
        call->cacheable = true;
        return SAL_OK;
}

enum sal_status sal_admin_artifact_list(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_artifact_list(&call->act, &call->page, &call->json, reterr);
}

enum sal_status sal_admin_artifact_put(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_artifact_add(&call->act, sal_admin_param(call, "sha256"), call->number, &call->json, reterr);
}

/* The file goes first: a row without its file is mended by the next upload, a file without a row by nobody. */
enum sal_status sal_admin_artifact_delete(struct sal_admin_call *call, struct sal_err *reterr) {
        const char *sha256 = sal_admin_param(call, "sha256");
        enum sal_status status = sal_artifact_drop(&call->act, sha256, reterr);
        if (status)
                return status;
        sal_autofree char *path = sal_artifact_path(call->act.service, sha256);
        if (path)
                unlink(path);
        return path ? SAL_OK : SAL_E_NOMEM;
}
