/* SPDX-License-Identifier: Apache-2.0 */
#include "api/artifact.h"
#include "api/identity.h"
#include "api/poll.h"
#include "api/tuf.h"
#include "api/worker.h"

#include <stdio.h>
#include <string.h>

/* ---- POST /v1/enroll ---- */

struct enroll_call {
        struct sal_call call;
        atomic_uint workers_left; /* that have not yet said whom they have seen */
        struct sal_enrollment enrollment;
};

static enum sal_status enroll_run(struct sal_tx *tx, struct sal_call *call) {
        return sal_enroll_run(call->api->service, tx, &((struct enroll_call *)call)->enrollment, &call->err);
}

static bool enroll_finish(struct sal_call *call) {
        const struct sal_enrollment *enrollment = &((struct enroll_call *)call)->enrollment;
        sal_reply_json_take(call->request, 201,
                            json_pack("{s:s, s:s}", "machine_id", enrollment->machine_id, "machine_token",
                                      enrollment->machine_token));
        return true;
}

static void enroll_release(struct sal_call *call) {
        free(((struct enroll_call *)call)->enrollment.facts_text);
        free(call);
}

static enum sal_status enroll_decode(const json_t *body, struct sal_enrollment *enrollment, struct sal_err *reterr) {
        struct sal_json_at at = sal_json_root(body);
        struct sal_json_at facts_at;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        const char *machine_id = NULL;
        enum sal_status status = sal_read_ids(&at, &machine_id, NULL, reterr);
        if (!status)
                status = sal_json_object(&at, "facts", false, &facts_at, reterr);
        if (!status && facts_at.value)
                status = sal_facts_parse(&facts_at, &facts, reterr);
        if (status)
                return status;
        snprintf(enrollment->machine_id, sizeof enrollment->machine_id, "%s", machine_id);
        if (facts && !(enrollment->facts_text = sal_facts_dump(facts)))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the facts");
        return SAL_OK;
}

/* Whether the machine ever used its token may be known to a worker and not yet to the ledger: each of them says what it
 * has seen first, in the same lane, and the last one sends the enrollment behind it. */
static void enroll_after_sightings(struct sal_http_worker *worker, void *arg) {
        struct enroll_call *call = arg;
        sal_api_touch_flush(sal_http_worker_data(worker));
        if (atomic_fetch_sub(&call->workers_left, 1) == 1)
                sal_call_enqueue(&call->call, SAL_LANE_POLL);
}

static void enroll(struct sal_http_request *request) {
        struct sal_err err = {0};
        sal_autojson json_t *body = NULL;
        const char *token = sal_request_bearer(request);
        struct enroll_call *call = calloc(1, sizeof *call);
        enum sal_status status = SAL_OK;
        if (!call)
                status = sal_fail(&err, SAL_E_NOMEM, "no memory for the request");
        else if (!token)
                status = sal_fail(&err, SAL_E_UNAUTHENTICATED,
                                  "an enrollment token is required (Authorization: Bearer)");
        if (!status)
                status = sal_request_json(request, &body, &err);
        if (!status)
                status = enroll_decode(body, &call->enrollment, &err);
        if (status) {
                sal_reply_error(request, &err);
                if (call)
                        enroll_release(&call->call);
                return;
        }
        sal_secret_token_digest(token, strlen(token), call->enrollment.token_sha256);
        call->call = (struct sal_call){.api = sal_http_plane_data(request),
                                       .request = request,
                                       .run = enroll_run,
                                       .finish = enroll_finish,
                                       .release = enroll_release};
        atomic_init(&call->workers_left, call->call.api->worker_count);
        sal_http_defer(request);
        sal_http_each_worker(call->call.api->http, enroll_after_sightings, call);
}

/* ---- POST /v1/report ---- */

struct report_call {
        struct sal_call call;
        char machine_id[SAL_MACHINE_ID_BYTES];
        struct sal_identity identity;
        struct sal_report report;
};

static enum sal_status report_run(struct sal_tx *tx, struct sal_call *call) {
        struct report_call *report = (struct report_call *)call;
        return sal_report_run(call->api->service, tx, report->machine_id, &report->identity, &report->report,
                              &call->err);
}

static bool report_finish(struct sal_call *call) {
        const struct sal_report *report = &((struct report_call *)call)->report;
        sal_reply_json_take(call->request, 200,
                            json_pack("{s:b, s:s}", "accepted", (int)report->accepted, "state", report->state));
        return true;
}

static void report_release(struct sal_call *call) {
        sal_report_done(&((struct report_call *)call)->report);
        free(call);
}

static void report(struct sal_http_request *request) {
        struct sal_err err = {0}, report_err = {0};
        sal_autojson json_t *body = NULL;
        const char *machine_id = NULL;
        struct report_call *call = calloc(1, sizeof *call);
        enum sal_status status = call ? sal_request_json(request, &body, &err)
                                      : sal_fail(&err, SAL_E_NOMEM, "no memory for the request");
        struct sal_json_at at = sal_json_root(body);
        if (!status)
                status = sal_read_ids(&at, &machine_id, NULL, &err);
        if (!status)
                status = sal_request_identity(request, machine_id, &call->identity, &err);
        if (!status && (status = sal_read_report(&at, machine_id, &call->report, &report_err)))
                err = report_err;
        if (status) {
                sal_reply_error(request, &err);
                if (call)
                        report_release(&call->call);
                return;
        }
        snprintf(call->machine_id, sizeof call->machine_id, "%s", machine_id);
        call->call = (struct sal_call){.api = sal_http_plane_data(request),
                                       .request = request,
                                       .run = report_run,
                                       .finish = report_finish,
                                       .release = report_release};
        sal_call_submit(&call->call, SAL_LANE_REPORT);
}

const struct sal_http_route sal_api_machine_routes[] = {
        {.method = "POST", .path = "/v1/enroll", .body = SAL_HTTP_BODY_BUFFER, .handle = enroll},
        {.method = "POST", .path = "/v1/poll", .body = SAL_HTTP_BODY_BUFFER, .handle = sal_api_poll},
        {.method = "POST", .path = "/v1/report", .body = SAL_HTTP_BODY_BUFFER, .handle = report},
        {.method = "GET", .path = "/v1/artifacts/{sha256}", .handle = sal_api_artifact_get},
        {.method = "GET", .path = "/tuf/metadata/{name}", .handle = sal_api_tuf_metadata},
        {.method = "GET", .path = "/tuf/targets/campaigns/{name}", .handle = sal_api_tuf_campaign},
        {.method = "GET", .path = "/tuf/targets/policy/{name}", .handle = sal_api_tuf_policy},
};
const size_t sal_api_machine_route_count = SAL_ARRAY_LEN(sal_api_machine_routes);
