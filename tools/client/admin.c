/* SPDX-License-Identifier: Apache-2.0 */
#include "client/admin.h"

#include "base/encode.h"
#include "client/config.h"
#include "trust/elevation.h"
#include "trust/file.h"

#include <string.h>

enum { ENDPOINTS_MAX_BYTES = 16 * 1024, PAGE_ITEMS = 1000, CURSOR_BYTES = 1024 };

struct sal_admin {
        struct sal_admin_paths paths;
        char *dir;
        char *ca;
        char *root;
        char *policy;
        char *certificate;
        char *key_file;
        char *state_dir;
        char *endpoints;      /* file with the addresses of the running server, in state_dir */
        char *configured_url; /* or the addresses themselves */
        char *configured_machine_url;
        char *url;
        char *machine_url;
        struct sal_client *client;
        struct sal_private_key *key; /* loaded with the first grant */
};

static enum sal_status read_configuration(struct sal_admin *admin, struct sal_err *reterr) {
        sal_autofree char *path = sal_path_join(admin->dir, "ctl.conf");
        if (!path)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
        const struct sal_config_item items[] = {
                {.key = "admin", .value = &admin->configured_url},
                {.key = "machine", .value = &admin->configured_machine_url},
                {.key = "state_dir", .path = true, .value = &admin->state_dir},
                {.key = "ca", .required = true, .path = true, .value = &admin->ca},
                {.key = "certificate", .required = true, .path = true, .value = &admin->certificate},
                {.key = "key", .required = true, .path = true, .value = &admin->key_file},
                {.key = "root", .path = true, .value = &admin->root},
                {.key = "policy", .path = true, .value = &admin->policy},
        };
        enum sal_status status = sal_config_read(path, items, SAL_ARRAY_LEN(items), reterr);
        if (status == SAL_E_NOT_FOUND)
                sal_err_hint(reterr, "name the folder that `salvorctl init` made with -C DIR");
        if (status)
                return status;
        if (!admin->state_dir)
                admin->state_dir = sal_path_join(admin->dir, "state");
        if (admin->state_dir)
                admin->endpoints = sal_path_join(admin->state_dir, "endpoints.json");
        if (!admin->root)
                admin->root = sal_path_join(admin->dir, "1.root.json");
        if (!admin->policy)
                admin->policy = sal_path_join(admin->dir, "trust-policy.json");
        if (!admin->endpoints || !admin->root || !admin->policy)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
        admin->paths = (struct sal_admin_paths){
                .dir = admin->dir, .ca = admin->ca, .root = admin->root, .policy = admin->policy};
        return SAL_OK;
}

static char *copy_member(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        return text && *text ? strdup(text) : NULL;
}

enum sal_status sal_admin_refresh(struct sal_admin *admin, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_file_read(admin->endpoints, ENDPOINTS_MAX_BYTES, &bytes, &len, reterr);
        if (!status) {
                status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &document, reterr);
                if (status)
                        return sal_fail(reterr, SAL_E_CONFIG, "%.300s is damaged", admin->endpoints);
        } else if (status != SAL_E_NOT_FOUND) {
                return status;
        }
        sal_autofree char *url = copy_member(document, "admin");
        sal_autofree char *machine_url = copy_member(document, "machine");
        if (!url && admin->configured_url)
                url = strdup(admin->configured_url);
        if (!machine_url && admin->configured_machine_url)
                machine_url = strdup(admin->configured_machine_url);
        if (!url) {
                sal_fail(reterr, SAL_E_UNREACHABLE, "the server has written no address to %.300s yet",
                         admin->endpoints);
                sal_err_hint(reterr, "start it with: salvord -c %.150s/salvord.conf", admin->dir);
                return SAL_E_UNREACHABLE;
        }
        bool same = admin->client && admin->url && strcmp(admin->url, url) == 0;
        free(admin->machine_url);
        admin->machine_url = SAL_STEAL(machine_url);
        if (same)
                return SAL_OK;
        const struct sal_client_options options = {
                .base_url = url, .ca_file = admin->ca, .certificate = admin->certificate, .key = admin->key_file};
        struct sal_client *client = NULL;
        status = sal_client_new(&options, &client, reterr);
        if (status)
                return status;
        sal_client_free(admin->client);
        admin->client = client;
        free(admin->url);
        admin->url = SAL_STEAL(url);
        return SAL_OK;
}

enum sal_status sal_admin_open(const char *dir, struct sal_admin **ret, struct sal_err *reterr) {
        sal_auto(sal_admin) struct sal_admin *admin = calloc(1, sizeof *admin);
        if (admin)
                admin->dir = strdup(dir);
        if (!admin || !admin->dir)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
        enum sal_status status = read_configuration(admin, reterr);
        if (!status)
                *ret = SAL_STEAL(admin);
        return status;
}

void sal_admin_free(struct sal_admin *admin) {
        if (!admin)
                return;
        char *texts[] = {admin->state_dir,
                         admin->dir,
                         admin->ca,
                         admin->root,
                         admin->policy,
                         admin->certificate,
                         admin->key_file,
                         admin->endpoints,
                         admin->configured_url,
                         admin->configured_machine_url,
                         admin->url,
                         admin->machine_url};
        for (size_t i = 0; i < SAL_ARRAY_LEN(texts); i++)
                free(texts[i]);
        sal_client_free(admin->client);
        sal_private_key_free(admin->key);
        free(admin);
}

const struct sal_admin_paths *sal_admin_paths(const struct sal_admin *admin) {
        return &admin->paths;
}

enum sal_status sal_admin_machine_url(struct sal_admin *admin, const char **ret, struct sal_err *reterr) {
        enum sal_status status = admin->client ? SAL_OK : sal_admin_refresh(admin, reterr);
        if (status)
                return status;
        if (!admin->machine_url) {
                sal_fail(reterr, SAL_E_UNREACHABLE, "the address of the machine plane is not known");
                sal_err_hint(reterr, "name it in %.180s/ctl.conf: machine = \"https://…\"", admin->dir);
                return SAL_E_UNREACHABLE;
        }
        *ret = admin->machine_url;
        return SAL_OK;
}

/* A call with its body as bytes, and the header of its grant once there is one. */
static enum sal_status send_call(struct sal_admin *admin, const struct sal_admin_call *call, const char *bytes,
                                 size_t len, const char *grant, struct sal_client_reply *reply,
                                 struct sal_err *reterr) {
        struct sal_client_request request = {
                .method = call->method,
                .path = call->path,
                .query = call->query,
                .accept = call->accept,
                .content_type = call->body ? "application/json" : call->content_type,
                .body = bytes,
                .body_len = len,
                .body_file = call->file,
                .body_file_len = call->file_len,
                .timeout_ms = call->timeout_ms,
                .sink = call->sink,
                .sink_arg = call->sink_arg,
        };
        sal_autobuf struct sal_buf header = SAL_BUF_INIT;
        if (grant) {
                sal_buf_printf(&header, SAL_ELEVATION_HEADER ": %s", grant);
                request.headers[0] = header.data;
        }
        return sal_client_do(admin->client, &request, reply, reterr);
}

/* Asks for a grant for exactly this request and proves that the certificate's key is at hand. */
static enum sal_status obtain_grant(struct sal_admin *admin, const struct sal_admin_call *call, const char *bytes,
                                    size_t len, char **ret_header, struct sal_err *reterr) {
        const char *method = call->method ? call->method : "GET";
        char digest[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(bytes ? bytes : "", len, digest);
        char plain[SAL_ERR_DETAIL_BYTES];
        snprintf(plain, sizeof plain, "%s %.400s", method, call->path);
        sal_autojson json_t *question =
                json_pack("{s:s, s:s, s:s, s:s}", "method", method, "path", call->path, "body_sha256", digest, "reason",
                          call->reason && *call->reason ? call->reason : plain);
        if (!question)
                return sal_fail(reterr, SAL_E_INVALID, "the reason is not UTF-8 text");
        sal_autojson json_t *answer = NULL;
        const struct sal_admin_call ask = {.method = "POST", .path = "/api/v1/elevations", .body = question};
        sal_autofree char *text = sal_json_dump(question);
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a request");
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = send_call(admin, &ask, text, strlen(text), NULL, &reply, reterr);
        if (!status)
                status = sal_json_parse(reply.body.data ? reply.body.data : "", reply.body.len, SAL_JSON_MAX_DEPTH,
                                        &answer, reterr);
        if (!status && !admin->key)
                status = sal_private_key_load(admin->key_file, NULL, &admin->key, reterr);
        if (status)
                return status;
        const char *id = json_string_value(json_object_get(answer, "id"));
        const char *challenge = json_string_value(json_object_get(answer, "challenge"));
        if (!id || !challenge)
                return sal_fail(reterr, SAL_E_MALFORMED, "the server's answer to the elevation has no id or challenge");
        return sal_elevation_sign(admin->key, id, challenge, ret_header, reterr);
}

enum sal_status sal_admin_do(struct sal_admin *admin, const struct sal_admin_call *call, struct sal_client_reply *reply,
                             struct sal_err *reterr) {
        sal_autofree char *text = call->body ? sal_json_dump(call->body) : NULL;
        if (call->body && !text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a request");
        const char *bytes = text ? text : call->raw;
        size_t len = text ? strlen(text) : call->raw_len;
        sal_autofree char *grant = NULL;
        enum sal_status status = admin->client ? SAL_OK : sal_admin_refresh(admin, reterr);
        if (status)
                return status;
        if (call->elevate) {
                status = obtain_grant(admin, call, bytes, len, &grant, reterr);
                if (status)
                        return status;
        }
        status = send_call(admin, call, bytes, len, grant, reply, reterr);
        if (status != SAL_E_ELEVATION || grant || call->file)
                return status;
        status = obtain_grant(admin, call, bytes, len, &grant, reterr);
        return status ? status : send_call(admin, call, bytes, len, grant, reply, reterr);
}

enum sal_status sal_admin_json(struct sal_admin *admin, const struct sal_admin_call *call, json_t **ret,
                               struct sal_err *reterr) {
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = sal_admin_do(admin, call, &reply, reterr);
        if (status)
                return status;
        if (reply.body.len == 0 && reply.status != 204)
                return sal_fail(reterr, SAL_E_MALFORMED, "the server's answer is none: %.200s, status %d, nothing else",
                                call->path, reply.status);
        if (reply.body.len == 0) {
                *ret = json_null();
                return SAL_OK;
        }
        struct sal_err err = {0};
        if (sal_json_parse(reply.body.data, reply.body.len, SAL_JSON_MAX_DEPTH, ret, &err))
                return sal_fail(reterr, SAL_E_MALFORMED, "the answer to %.200s: %.240s", call->path, err.detail);
        return SAL_OK;
}

enum sal_status sal_admin_get(struct sal_admin *admin, const char *path, const char *query, json_t **ret,
                              struct sal_err *reterr) {
        const struct sal_admin_call call = {.path = path, .query = query};
        return sal_admin_json(admin, &call, ret, reterr);
}

/* One page: appends its items and writes the next cursor ("" at the end). */
static enum sal_status read_page(struct sal_admin *admin, const char *path, const char *query, char *cursor,
                                 json_t *items, struct sal_err *reterr) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_printf(&text, "limit=%d", PAGE_ITEMS);
        if (query && *query)
                sal_buf_printf(&text, "&%s", query);
        if (*cursor) {
                sal_buf_puts(&text, "&cursor=");
                sal_client_query_escape(&text, cursor);
        }
        sal_autojson json_t *page = NULL;
        enum sal_status status = sal_admin_get(admin, path, text.data, &page, reterr);
        if (status)
                return status;
        if (!json_is_array(json_object_get(page, "items")))
                return sal_fail(reterr, SAL_E_MALFORMED, "the answer to %.200s is no list", path);
        if (json_array_extend(items, json_object_get(page, "items")))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a list");
        const char *next = json_string_value(json_object_get(page, "next_cursor"));
        if (next && (strlen(next) >= CURSOR_BYTES || strcmp(next, cursor) == 0))
                return sal_fail(reterr, SAL_E_MALFORMED, "the answer to %.200s has an unusable next_cursor", path);
        snprintf(cursor, CURSOR_BYTES, "%s", next ? next : "");
        return SAL_OK;
}

enum sal_status sal_admin_list(struct sal_admin *admin, const char *path, const char *query, size_t max, json_t **ret,
                               bool *ret_more, struct sal_err *reterr) {
        sal_autojson json_t *items = json_array();
        char cursor[CURSOR_BYTES] = "";
        if (!items)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a list");
        do {
                enum sal_status status = read_page(admin, path, query, cursor, items, reterr);
                if (status)
                        return status;
        } while (*cursor && json_array_size(items) < max);
        bool more = *cursor || json_array_size(items) > max;
        while (json_array_size(items) > max)
                json_array_remove(items, json_array_size(items) - 1);
        if (ret_more)
                *ret_more = more;
        *ret = SAL_STEAL(items);
        return SAL_OK;
}
