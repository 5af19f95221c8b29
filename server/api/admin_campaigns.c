/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admin.h"
#include "api/worker.h"
#include "service/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *id_of(const struct sal_admin_call *call) {
        return sal_admin_param(call, "id");
}

enum sal_status sal_admin_campaign_list(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_campaign_list(&call->act, &call->page, &call->json, reterr);
}

enum sal_status sal_admin_campaign_create(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_draft_create(&call->act, call->raw, call->raw_len, &call->json, reterr);
}

enum sal_status sal_admin_campaign_show(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_campaign_show(&call->act, id_of(call), call->version, &call->json, reterr);
}

enum sal_status sal_admin_campaign_replace(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_draft_replace(&call->act, id_of(call), call->version, call->raw, call->raw_len, &call->json, reterr);
}

enum sal_status sal_admin_campaign_delete(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_draft_delete(&call->act, id_of(call), call->version, reterr);
}

enum sal_status sal_admin_campaign_payload(struct sal_admin_call *call, struct sal_err *reterr) {
        call->bytes_type = SAL_CAMPAIGN_TYPE;
        call->cacheable = true;
        return sal_campaign_payload(&call->act, id_of(call), call->version, &call->bytes, reterr);
}

enum sal_status sal_admin_campaign_envelope(struct sal_admin_call *call, struct sal_err *reterr) {
        call->bytes_type = "application/json";
        call->cacheable = true;
        return sal_campaign_envelope(&call->act, id_of(call), call->version, &call->bytes, reterr);
}

enum sal_status sal_admin_campaign_sign(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_draft_sign(&call->act, id_of(call), call->version, call->body, &call->json, reterr);
}

static enum sal_status life(struct sal_admin_call *call, enum sal_life_act what, struct sal_err *reterr) {
        return sal_campaign_life(&call->act, what, id_of(call), call->version, call->body, &call->json, reterr);
}

enum sal_status sal_admin_campaign_start(struct sal_admin_call *call, struct sal_err *reterr) {
        return life(call, SAL_LIFE_START, reterr);
}

enum sal_status sal_admin_campaign_pause(struct sal_admin_call *call, struct sal_err *reterr) {
        return life(call, SAL_LIFE_PAUSE, reterr);
}

enum sal_status sal_admin_campaign_resume(struct sal_admin_call *call, struct sal_err *reterr) {
        return life(call, SAL_LIFE_RESUME, reterr);
}

enum sal_status sal_admin_campaign_advance(struct sal_admin_call *call, struct sal_err *reterr) {
        return life(call, SAL_LIFE_ADVANCE, reterr);
}

enum sal_status sal_admin_campaign_halt(struct sal_admin_call *call, struct sal_err *reterr) {
        return life(call, SAL_LIFE_HALT, reterr);
}

enum sal_status sal_admin_campaign_withdraw(struct sal_admin_call *call, struct sal_err *reterr) {
        return life(call, SAL_LIFE_WITHDRAW, reterr);
}

enum sal_status sal_admin_campaign_preview(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_campaign_preview(&call->act, id_of(call), call->version, &call->page, &call->json, reterr);
}

enum sal_status sal_admin_campaign_decisions(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_campaign_decisions(&call->act, id_of(call), call->version, &call->page, &call->json, reterr);
}

enum sal_status sal_admin_campaign_offers(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_campaign_offers(&call->act, id_of(call), call->version, sal_admin_query(call, "state"), &call->page,
                                   &call->json, reterr);
}

enum sal_status sal_admin_campaign_limits(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_campaign_limits_show(&call->act, id_of(call), call->version, &call->json, reterr);
}

enum sal_status sal_admin_campaign_limit(struct sal_admin_call *call, struct sal_err *reterr) {
        return sal_campaign_limits_set(&call->act, id_of(call), call->version, call->body, &call->json, reterr);
}

void sal_admin_campaign_see_listed(struct sal_admin_call *call) {
        struct sal_api_worker *worker = sal_http_worker_data(sal_http_request_worker(call->call.request));
        if (!call->call.when_published || !json_object_get(call->json, "listed"))
                return;
        const struct sal_snapshot *snapshot = sal_api_snapshot(worker);
        for (size_t i = 0; i < snapshot->count; i++) {
                const struct sal_launch *launch = snapshot->campaigns[i].launch;
                if (launch->campaign->version == call->version &&
                    strcmp(launch->campaign->id, sal_admin_param(call, "id")) == 0)
                        json_object_set_new(call->json, "listed",
                                            json_boolean(sal_service_lists(call->act.service, launch)));
        }
}
