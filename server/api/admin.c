/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admin.h"

#include "api/artifact.h"
#include "api/dashboard.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
        PAGE_DEFAULT = 100,
        PAGE_MAX = 1000,
        ADMIN_BODY_MAX_BYTES = 1024 * 1024,
        IMPORT_MAX_BYTES = 64 * 1024 * 1024,
};
static const uint64_t artifact_max_bytes = 1024ull * 1024 * 1024;

/* ---- who ---- */

static const char *const role_names[] = {"none", "viewer", "author", "operator", "security"};

enum sal_role sal_role_parse(const char *name) {
        for (int i = SAL_ROLE_VIEWER; i <= SAL_ROLE_SECURITY; i++)
                if (strcmp(role_names[i], name) == 0)
                        return (enum sal_role)i;
        return SAL_ROLE_NONE;
}

const char *sal_role_name(enum sal_role role) {
        return role_names[role];
}

static enum sal_status authorise(struct sal_http_request *request, const struct sal_admin_route *route,
                                 const struct sal_operator **ret, struct sal_err *reterr) {
        const struct sal_api *api = sal_http_plane_data(request);
        const struct sal_http_cert_info *cert = sal_http_cert(request);
        if (cert->state == SAL_HTTP_CERT_NONE)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "an operator's client certificate is required");
        if (cert->state == SAL_HTTP_CERT_INVALID)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "the client certificate is not accepted: %s",
                                cert->reason);
        const struct sal_operators *operators = atomic_load(&api->operators);
        const struct sal_operator *who = NULL;
        for (size_t i = 0; i < operators->count && !who; i++)
                if (strcmp(operators->items[i].certificate_sha256, cert->sha256) == 0)
                        who = &operators->items[i];
        if (!who)
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED,
                                "this certificate belongs to no operator of this server");
        sal_http_mark_authenticated(request);
        if (who->role < route->role)
                return sal_fail(reterr, SAL_E_FORBIDDEN, "this needs the role %s; %s has %s",
                                sal_role_name(route->role), who->name, sal_role_name(who->role));
        *ret = who;
        return SAL_OK;
}

/* ---- the way of a call ---- */

const char *sal_admin_param(const struct sal_admin_call *call, const char *name) {
        const char *value = sal_http_param(call->call.request, name);
        return value ? value : "";
}

const char *sal_admin_query(const struct sal_admin_call *call, const char *name) {
        return sal_http_query(call->call.request, name);
}

static bool needs_grant(const struct sal_admin_call *call) {
        switch (call->route->grant) {
        case SAL_GRANT_YES:
                return true;
        case SAL_GRANT_BIG_TOKEN:
                return sal_tokens_need_grant(call->body);
        case SAL_GRANT_KILL_OFF:
                return json_is_false(json_object_get(call->body, "engaged"));
        case SAL_GRANT_LOOSENING:
                return sal_campaign_limits_loosen(&call->act, sal_admin_param(call, "id"), call->version, call->body);
        default:
                return false;
        }
}

static void see_query(void *arg, const char *key, const char *value) {
        (void)key, (void)value;
        *(bool *)arg = true;
}

static enum sal_status use_grant(struct sal_admin_call *call) {
        struct sal_call *base = &call->call;
        const struct sal_http_cert_info *cert = sal_http_cert(base->request);
        bool query = false;
        sal_http_query_each(base->request, see_query, &query);
        if (query)
                return sal_fail(&base->err, SAL_E_ELEVATION, "an act that needs a grant takes no query");
        return sal_elevation_use(&call->act, sal_http_header_get(base->request, "Salvor-Elevation"),
                                 sal_http_method(base->request), sal_http_path(base->request), call->body_sha256,
                                 cert->spki, cert->spki_len, &base->err);
}

/* A grant that is shown is gone, also where the act needs none: it must not stay open for the same request later, when
 * that would undo something. */
static enum sal_status run_granted(struct sal_admin_call *call) {
        struct sal_call *base = &call->call;
        bool needed = needs_grant(call);
        bool shown = sal_http_header_get(base->request, "Salvor-Elevation") != NULL &&
                     strcmp(sal_http_method(base->request), "GET") != 0;
        enum sal_status status = needed || shown ? use_grant(call) : SAL_OK;
        if (status == SAL_E_ELEVATION && !needed) {
                base->err = (struct sal_err){0};
                status = SAL_OK;
        }
        return status ? status : call->route->run(call, &base->err);
}

static bool is_refusal(enum sal_status status) {
        int http = sal_status_info(status)->http;
        return http >= 400 && http < 500;
}

static enum sal_status run(struct sal_tx *tx, struct sal_call *base) {
        struct sal_admin_call *call = (struct sal_admin_call *)base;
        call->act = (struct sal_act){
                .service = base->api->service, .tx = tx, .operator_name = call->operator_name, .keeps = &call->keeps};
        enum sal_status status = run_granted(call);
        /* A refused act uses its grant up all the same: that must reach the disk. */
        if (!call->keeps || !is_refusal(status))
                return status;
        base->refused = status;
        return SAL_OK;
}

/* A long import goes to the ledger piece by piece, so that nobody else waits for it. */
static bool goes_on(const struct sal_admin_call *call) {
        return call->route->run == sal_admin_machine_import && call->lines_at < call->lines.len;
}

static void submit(struct sal_admin_call *call);

/* A page of a table that has a next one says so in a Link header (RFC 8288). */
static void reply_csv(struct sal_admin_call *call) {
        struct sal_http_reply reply = {.status = 200, .content_type = call->bytes_type};
        sal_http_reply_header(&reply, "Cache-Control", "no-store");
        sal_http_reply_header(&reply, "Link", "%s", call->link);
        reply.body = sal_http_body_take(SAL_STEAL(call->bytes.data), call->bytes.len);
        sal_http_reply(call->call.request, &reply);
}

/* The answer was made when the act was, and it is public since. */
static void see_published(struct sal_admin_call *call) {
        sal_admin_campaign_see_listed(call);
        if (call->route->run == sal_admin_trust_put_root || call->route->run == sal_admin_trust_put_targets)
                sal_trust_show_published(call->act.service, call->json, sal_clock_wall_ms());
}

static bool finish(struct sal_call *base) {
        struct sal_admin_call *call = (struct sal_admin_call *)base;
        if (goes_on(call)) {
                submit(call);
                return false;
        }
        see_published(call);
        if (strcmp(sal_http_method(base->request), "GET") != 0)
                sal_log(SAL_LOG_INFO, "admin.act", SAL_F_STR("operator", call->operator_name),
                        SAL_F_STR("method", sal_http_method(base->request)),
                        SAL_F_STR("path", sal_http_path(base->request)),
                        SAL_F_STR("request", sal_http_request_id(base->request)));
        if (call->link[0]) {
                reply_csv(call);
        } else if (call->route->success == 204) {
                sal_http_reply(base->request, &(struct sal_http_reply){.status = 204});
        } else if (call->bytes.data) {
                sal_reply_document_take(base->request, SAL_STEAL(call->bytes.data), call->bytes.len, call->bytes_type,
                                        call->cacheable ? "no-cache" : "no-store");
        } else if (call->cacheable) {
                char *text = sal_json_dump(call->json);
                sal_reply_document_take(base->request, text, text ? strlen(text) : 0, "application/json", "no-cache");
        } else {
                sal_reply_json_take(base->request, call->route->success, SAL_STEAL(call->json));
        }
        return true;
}

static void release(struct sal_call *base) {
        struct sal_admin_call *call = (struct sal_admin_call *)base;
        json_decref(call->body);
        json_decref(call->json);
        free(call->bytes.data);
        free(call->lines.data);
        free(call);
}

static void submit(struct sal_admin_call *call) {
        call->call.release = release;
        call->call.when_published = call->route->when_published && needs_grant(call);
        sal_call_submit(&call->call, SAL_LANE_ADMIN);
}

/* ---- decoding ---- */

static enum sal_status read_page(struct sal_admin_call *call, struct sal_err *reterr) {
        int64_t limit = PAGE_DEFAULT;
        enum sal_status status =
                sal_request_number("limit", sal_admin_query(call, "limit"), 1, PAGE_MAX, &limit, reterr);
        const char *cursor = sal_admin_query(call, "cursor");
        call->page = (struct sal_page){.limit = (unsigned)limit, .cursor = cursor ? cursor : ""};
        if (!status && cursor && strlen(cursor) > 120)
                status = sal_fail(reterr, SAL_E_INVALID, "this cursor is none of this list's");
        return status;
}

static enum sal_status read_path(struct sal_admin_call *call, struct sal_err *reterr) {
        const char *version = sal_http_param(call->call.request, "version");
        if (version && sal_request_number("version", version, 1, INT32_MAX, &call->version, NULL))
                return sal_fail(reterr, SAL_E_NOT_FOUND, "a version is a whole number, 1 to 2147483647");
        return SAL_OK;
}

static enum sal_status read_body(struct sal_admin_call *call, struct sal_err *reterr) {
        static const char *const payload_types[] = {"application/json", SAL_CAMPAIGN_TYPE, NULL};
        struct sal_http_request *request = call->call.request;
        size_t len = 0;
        const char *body = sal_http_body_get(request, &len);
        sal_sha256_hex(body, len, call->body_sha256);
        enum sal_status status = SAL_OK;
        switch (call->route->body) {
        case SAL_ADMIN_JSON:
                return sal_request_json(request, &call->body, reterr);
        case SAL_ADMIN_ROOT:
                call->raw = body;
                call->raw_len = len;
                return sal_request_json(request, &call->body, reterr);
        case SAL_ADMIN_PAYLOAD:
                status = sal_request_type(request, payload_types, reterr);
                call->raw = body;
                call->raw_len = len;
                if (!status && len > SAL_CAMPAIGN_MAX_BYTES)
                        status = sal_fail(reterr, SAL_E_TOO_LARGE, "a campaign's payload has at most %d bytes",
                                          SAL_CAMPAIGN_MAX_BYTES);
                return status;
        default:
                return SAL_OK;
        }
}

static struct sal_admin_call *new_call(struct sal_http_request *request) {
        struct sal_admin_call *call = calloc(1, sizeof *call);
        if (!call)
                return NULL;
        call->route = sal_http_route_data(request);
        call->call = (struct sal_call){.api = sal_http_plane_data(request),
                                       .request = request,
                                       .run = run,
                                       .finish = finish,
                                       .release = release};
        return call;
}

static enum sal_status prepare(struct sal_admin_call *call, struct sal_err *reterr) {
        const struct sal_operator *who = NULL;
        enum sal_status status = authorise(call->call.request, call->route, &who, reterr);
        if (status)
                return status;
        snprintf(call->operator_name, sizeof call->operator_name, "%s", who->name);
        call->role = who->role;
        status = read_path(call, reterr);
        if (!status)
                status = read_page(call, reterr);
        if (!status)
                status = read_body(call, reterr);
        /* Switching on is for all but viewers, off for security alone. */
        if (!status && call->route->grant == SAL_GRANT_KILL_OFF && needs_grant(call) && call->role < SAL_ROLE_SECURITY)
                status = sal_fail(reterr, SAL_E_FORBIDDEN, "switching the kill switch off needs the role security");
        return status;
}

static void refuse(struct sal_admin_call *call, struct sal_http_request *request, const struct sal_err *err) {
        sal_log(SAL_LOG_NOTICE, "admin.refused", SAL_F_STR("peer", sal_http_peer(request)),
                SAL_F_STR("path", sal_http_path(request)), SAL_F_STR("why", err->detail));
        sal_reply_error(request, err);
        if (call)
                release(&call->call);
}

static void handle(struct sal_http_request *request) {
        struct sal_err err = {0};
        struct sal_admin_call *call = new_call(request);
        enum sal_status status = call ? prepare(call, &err) : sal_fail(&err, SAL_E_NOMEM, "no memory for the request");
        if (status)
                refuse(call, request, &err);
        else
                submit(call);
}

/* ---- streamed bodies: who may not is refused before the body ---- */

static bool stream_headers(struct sal_http_request *request) {
        struct sal_err err = {0};
        const struct sal_operator *who = NULL;
        const struct sal_admin_route *route = sal_http_route_data(request);
        static const char *const octets[] = {"application/octet-stream", NULL};
        static const char *const lines[] = {"application/x-ndjson", "application/ndjson", "application/jsonl", NULL};
        enum sal_status status = authorise(request, route, &who, &err);
        if (!status)
                status = sal_request_type(request, route->run == sal_admin_artifact_put ? octets : lines, &err);
        if (status)
                sal_reply_error(request, &err);
        return status == SAL_OK;
}

static void artifact_put(struct sal_http_request *request) {
        struct sal_err err = {0};
        struct sal_admin_call *call = new_call(request);
        enum sal_status status = call ? prepare(call, &err) : sal_fail(&err, SAL_E_NOMEM, "no memory for the request");
        if (!status)
                status = sal_api_artifact_finish(request, &call->number, &err);
        if (status)
                refuse(call, request, &err);
        else
                submit(call);
}

static void artifact_show(struct sal_http_request *request) {
        struct sal_err err = {0};
        const struct sal_operator *who = NULL;
        if (authorise(request, sal_http_route_data(request), &who, &err))
                refuse(NULL, request, &err);
        else
                sal_api_artifact_get(request);
}

static void free_lines(void *scratch) {
        sal_buf_done(scratch);
}

static bool import_piece(struct sal_http_request *request, const void *data, size_t len) {
        struct sal_buf *lines = sal_http_request_scratch(request, sizeof *lines, free_lines);
        if (!lines)
                return false;
        sal_buf_append(lines, data, len);
        return !lines->failed;
}

static void import(struct sal_http_request *request) {
        struct sal_err err = {0};
        struct sal_admin_call *call = new_call(request);
        struct sal_buf *lines = sal_http_request_scratch(request, sizeof *lines, free_lines);
        enum sal_status status =
                call && lines && !lines->failed ? prepare(call, &err) : sal_fail(&err, SAL_E_NOMEM, "no memory");
        if (status) {
                refuse(call, request, &err);
                return;
        }
        call->lines.data = sal_buf_take(lines, &call->lines.len);
        status = call->lines.data ? sal_admin_import_check(call, &err) : sal_fail(&err, SAL_E_NOMEM, "no memory");
        if (status)
                refuse(call, request, &err);
        else
                submit(call);
}

/* ---- the table ---- */

#define ROW(role_, grant_, body_, success_, run_)                                                 \
        .data = &(const struct sal_admin_route) {                                                 \
                .role = SAL_ROLE_##role_, .grant = SAL_GRANT_##grant_, .body = SAL_ADMIN_##body_, \
                .success = (success_), .run = (run_)                                              \
        }
#define GET_(path_, role_, run_) \
        { .method = "GET", .path = "/api/v1" path_, .handle = handle, ROW(role_, NO, NO_BODY, 200, run_) }
#define ACT_(method_, path_, role_, grant_, body_, success_, run_)                                                  \
        {                                                                                                           \
                .method = (method_), .path = "/api/v1" path_, .body = SAL_HTTP_BODY_BUFFER,                         \
                .body_max_bytes = ADMIN_BODY_MAX_BYTES, .handle = handle, ROW(role_, grant_, body_, success_, run_) \
        }
/* One that is answered when it is public. */
#define PUBLISHED_ACT_(method_, path_, role_, grant_, body_, run_)                          \
        {                                                                                   \
                .method = (method_), .path = "/api/v1" path_, .body = SAL_HTTP_BODY_BUFFER, \
                .body_max_bytes = ADMIN_BODY_MAX_BYTES, .handle = handle,                   \
                .data = &(const struct sal_admin_route){.role = SAL_ROLE_##role_,           \
                                                        .grant = SAL_GRANT_##grant_,        \
                                                        .body = SAL_ADMIN_##body_,          \
                                                        .success = 200,                     \
                                                        .run = (run_),                      \
                                                        .when_published = true},            \
        }
#define CAMPAIGN_ "/campaigns/{id}/{version}"

/* Every route of the plane: method, path, role, grant. */
const struct sal_http_route sal_api_admin_routes[] = {
        /* campaigns */
        GET_("/campaigns", VIEWER, sal_admin_campaign_list),
        ACT_("POST", "/campaigns", AUTHOR, NO, PAYLOAD, 201, sal_admin_campaign_create),
        GET_(CAMPAIGN_, VIEWER, sal_admin_campaign_show),
        ACT_("PUT", CAMPAIGN_, AUTHOR, NO, PAYLOAD, 200, sal_admin_campaign_replace),
        ACT_("DELETE", CAMPAIGN_, AUTHOR, NO, NO_BODY, 204, sal_admin_campaign_delete),
        GET_(CAMPAIGN_ "/payload", VIEWER, sal_admin_campaign_payload),
        GET_(CAMPAIGN_ "/envelope", VIEWER, sal_admin_campaign_envelope),
        GET_(CAMPAIGN_ "/preview", VIEWER, sal_admin_campaign_preview),
        GET_(CAMPAIGN_ "/decisions", VIEWER, sal_admin_campaign_decisions),
        GET_(CAMPAIGN_ "/offers", VIEWER, sal_admin_campaign_offers),
        GET_(CAMPAIGN_ "/limits", VIEWER, sal_admin_campaign_limits),
        ACT_("PUT", CAMPAIGN_ "/limits", OPERATOR, LOOSENING, JSON, 200, sal_admin_campaign_limit),
        ACT_("POST", CAMPAIGN_ "/signatures", AUTHOR, NO, JSON, 201, sal_admin_campaign_sign),
        PUBLISHED_ACT_("POST", CAMPAIGN_ "/start", OPERATOR, YES, JSON, sal_admin_campaign_start),
        PUBLISHED_ACT_("POST", CAMPAIGN_ "/resume", OPERATOR, YES, JSON, sal_admin_campaign_resume),
        ACT_("POST", CAMPAIGN_ "/advance", OPERATOR, YES, JSON, 200, sal_admin_campaign_advance),
        ACT_("POST", CAMPAIGN_ "/withdraw", OPERATOR, YES, JSON, 200, sal_admin_campaign_withdraw),
        /* Stopping is never made hard. */
        ACT_("POST", CAMPAIGN_ "/pause", AUTHOR, NO, JSON, 200, sal_admin_campaign_pause),
        ACT_("POST", CAMPAIGN_ "/halt", AUTHOR, NO, JSON, 200, sal_admin_campaign_halt),
        GET_("/kill-switch", VIEWER, sal_admin_kill_show),
        PUBLISHED_ACT_("PUT", "/kill-switch", AUTHOR, KILL_OFF, JSON, sal_admin_kill_put),
        /* the fleet */
        GET_("/machines", VIEWER, sal_admin_machine_list),
        GET_("/machines/{id}", VIEWER, sal_admin_machine_show),
        GET_("/machines/{id}/explain", VIEWER, sal_admin_machine_explain),
        ACT_("PATCH", "/machines/{id}", OPERATOR, NO, JSON, 200, sal_admin_machine_change),
        ACT_("DELETE", "/machines/{id}", OPERATOR, NO, NO_BODY, 204, sal_admin_machine_delete),
        {.method = "POST",
         .path = "/api/v1/machines/import",
         .body = SAL_HTTP_BODY_STREAM,
         .body_max_bytes = IMPORT_MAX_BYTES,
         .handle = import,
         .on_body = import_piece,
         .on_headers = stream_headers,
         ROW(OPERATOR, NO, STREAM, 200, sal_admin_machine_import)},
        /* settings */
        GET_("/rings", VIEWER, sal_admin_rings_show),
        ACT_("PUT", "/rings", OPERATOR, NO, JSON, 200, sal_admin_rings_put),
        GET_("/enrollment-tokens", OPERATOR, sal_admin_token_list),
        ACT_("POST", "/enrollment-tokens", OPERATOR, BIG_TOKEN, JSON, 201, sal_admin_token_create),
        ACT_("DELETE", "/enrollment-tokens/{id}", OPERATOR, NO, NO_BODY, 204, sal_admin_token_delete),
        GET_("/operators", SECURITY, sal_admin_operators),
        /* trust */
        GET_("/trust", VIEWER, sal_admin_trust_show),
        GET_("/trust/policy", VIEWER, sal_admin_policy),
        PUBLISHED_ACT_("PUT", "/trust/root", SECURITY, YES, ROOT, sal_admin_trust_put_root),
        PUBLISHED_ACT_("PUT", "/trust/targets", SECURITY, YES, JSON, sal_admin_trust_put_targets),
        ACT_("POST", "/elevations", AUTHOR, NO, JSON, 201, sal_admin_elevate),
        /* artifacts */
        GET_("/artifacts", VIEWER, sal_admin_artifact_list),
        {.method = "GET",
         .path = "/api/v1/artifacts/{sha256}",
         .handle = artifact_show,
         ROW(VIEWER, NO, NO_BODY, 200, NULL)},
        {.method = "PUT",
         .path = "/api/v1/artifacts/{sha256}",
         .body = SAL_HTTP_BODY_STREAM,
         .body_max_bytes = artifact_max_bytes,
         .handle = artifact_put,
         .on_body = sal_api_artifact_piece,
         .on_headers = stream_headers,
         ROW(AUTHOR, NO, STREAM, 201, sal_admin_artifact_put)},
        ACT_("DELETE", "/artifacts/{sha256}", AUTHOR, NO, NO_BODY, 204, sal_admin_artifact_delete),
        /* reading everything */
        GET_("/export", VIEWER, sal_admin_export),
        GET_("/export/events", VIEWER, sal_admin_events),
        /* the dashboard's page, fed by the export */
        {.method = "GET", .path = "/", .handle = sal_api_dashboard},
        {.method = "GET", .path = "/assets/{name}", .handle = sal_api_dashboard},
};
const size_t sal_api_admin_route_count = SAL_ARRAY_LEN(sal_api_admin_routes);
