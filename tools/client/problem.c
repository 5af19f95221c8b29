/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents (RFC 9457) as struct sal_err. */
#include "base/json.h"
#include "client/client.h"

#include <string.h>

static const char urn[] = "urn:salvor:problem:";

static enum sal_status status_of_http(int http) {
        static const struct {
                int http;
                enum sal_status status;
        } table[] = {
                {400, SAL_E_INVALID},    {401, SAL_E_UNAUTHENTICATED}, {403, SAL_E_FORBIDDEN}, {404, SAL_E_NOT_FOUND},
                {405, SAL_E_METHOD},     {409, SAL_E_CONFLICT},        {410, SAL_E_GONE},      {413, SAL_E_TOO_LARGE},
                {415, SAL_E_MEDIA_TYPE}, {416, SAL_E_RANGE},           {429, SAL_E_TOO_MANY},  {502, SAL_E_UNREACHABLE},
                {503, SAL_E_OVERLOADED}, {504, SAL_E_TIMEOUT},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(table); i++)
                if (table[i].http == http)
                        return table[i].status;
        return http >= 500 ? SAL_E_INTERNAL : SAL_E_INVALID;
}

static const char *text_of(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

enum sal_status sal_client_problem(int http, const char *body, size_t len, struct sal_err *reterr) {
        enum sal_status status = status_of_http(http);
        sal_autojson json_t *problem = NULL;
        if (!body || sal_json_parse(body, len, SAL_JSON_MAX_DEPTH, &problem, NULL) || !json_is_object(problem))
                return sal_fail(reterr, status, "the server answered %d", http);
        const char *type = text_of(problem, "type");
        const struct sal_status_info *info =
                strncmp(type, urn, sizeof urn - 1) == 0 ? sal_status_by_slug(type + sizeof urn - 1) : NULL;
        if (info && info->status != SAL_OK)
                status = info->status;
        const char *detail = text_of(problem, "detail");
        if (!*detail)
                detail = text_of(problem, "title");
        const json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
        const char *pointer = text_of(first, "pointer");
        const char *particular = text_of(first, "detail");
        if (*particular && strcmp(particular, detail) != 0 && *detail)
                sal_fail_at(reterr, status, pointer, "%.240s: %.240s", detail, particular);
        else if (*detail)
                sal_fail_at(reterr, status, pointer, "%s", detail);
        else
                sal_fail_at(reterr, status, pointer, "the server answered %d", http);
        if (*text_of(problem, "hint"))
                sal_err_hint(reterr, "%s", text_of(problem, "hint"));
        static const char *const references[] = {"ref", "acknowledge", "state", "decision", "campaign"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(references); i++) {
                if (!*text_of(problem, references[i]))
                        continue;
                sal_err_ref(reterr, text_of(problem, references[i]));
                break;
        }
        return status;
}
