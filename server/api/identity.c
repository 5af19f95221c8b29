/* SPDX-License-Identifier: Apache-2.0 */
#include "api/identity.h"

#include <stdio.h>
#include <string.h>

enum { ACTIONS_MAX = 64, ACTION_DETAIL_MAX_BYTES = 1024 };

enum sal_status sal_request_identity(struct sal_http_request *request, const char *machine_id, struct sal_identity *ret,
                                     struct sal_err *reterr) {
        const struct sal_api *api = sal_http_plane_data(request);
        const char *token = sal_request_bearer(request);
        const struct sal_http_cert_info *cert = sal_http_cert(request);
        if (token) {
                if (sal_machine_token_check(&api->service->token_key, machine_id, token, strlen(token),
                                            &ret->generation))
                        return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "this is no machine token of %s", machine_id);
                ret->kind = SAL_IDENTITY_TOKEN;
        } else if (cert->state == SAL_HTTP_CERT_INVALID) {
                return sal_fail(reterr, SAL_E_UNAUTHENTICATED, "the client certificate is not accepted: %s",
                                cert->reason);
        } else if (cert->state == SAL_HTTP_CERT_VALID) {
                if (strcmp(cert->common_name, machine_id) != 0)
                        return sal_fail_at(reterr, SAL_E_FORBIDDEN, "/machine_id",
                                           "the client certificate is that of another machine");
                ret->kind = SAL_IDENTITY_CERTIFICATE;
        } else {
                if (!api->service->config.anonymous_poll)
                        return sal_fail(reterr, SAL_E_UNAUTHENTICATED,
                                        "a machine token or a client certificate is required");
                ret->kind = SAL_IDENTITY_NONE;
                return SAL_OK;
        }
        sal_http_mark_authenticated(request);
        return SAL_OK;
}

enum sal_status sal_read_ids(const struct sal_json_at *at, const char **ret_machine_id, const char **ret_boot_id,
                             struct sal_err *reterr) {
        enum sal_status status =
                sal_json_string(at, "machine_id", true, 1, SAL_MACHINE_ID_BYTES - 1, ret_machine_id, reterr);
        if (!status && !sal_machine_id_valid(*ret_machine_id))
                status = sal_json_fail(at, "machine_id", SAL_E_INVALID, reterr,
                                       "must be 1 to 64 of [A-Za-z0-9._:-] without a leading dot");
        if (status || !ret_boot_id)
                return status;
        status = sal_json_string(at, "boot_id", true, 1, SAL_BOOT_ID_BYTES - 1, ret_boot_id, reterr);
        if (!status && !sal_boot_id_valid(*ret_boot_id))
                status = sal_json_fail(at, "boot_id", SAL_E_INVALID, reterr, "must be 1 to 64 of [A-Za-z0-9-]");
        return status;
}

/* Keeps the members of the actions that the contract names, and nothing else. */
static enum sal_status read_actions(const struct sal_json_at *at, char **ret, struct sal_err *reterr) {
        static const char *const statuses[] = {"done", "skipped", "failed", "reverted", "refused"};
        struct sal_json_at actions;
        enum sal_status status = sal_json_array(at, "actions", false, 0, ACTIONS_MAX, &actions, reterr);
        if (status || !actions.value)
                return status;
        sal_autojson json_t *kept = json_array();
        for (size_t i = 0; i < json_array_size(actions.value); i++) {
                struct sal_json_at item = sal_json_element(&actions, i);
                int64_t index = (int64_t)i;
                const char *kind = "", *outcome = "", *detail = "";
                status = sal_json_int(&item, "index", false, 0, ACTIONS_MAX, &index, reterr);
                if (!status)
                        status = sal_json_string(&item, "kind", false, 0, 64, &kind, reterr);
                if (!status)
                        status = sal_json_string(&item, "status", true, 1, 16, &outcome, reterr);
                if (!status)
                        status = sal_json_string(&item, "detail", false, 0, SAL_LOG_TAIL_MAX_BYTES, &detail, reterr);
                if (status)
                        return status;
                bool known = false;
                for (size_t n = 0; n < SAL_ARRAY_LEN(statuses); n++)
                        known |= strcmp(statuses[n], outcome) == 0;
                if (!known)
                        return sal_json_fail(&item, "status", SAL_E_INVALID, reterr,
                                             "must be done, skipped, failed or reverted");
                size_t len = strlen(detail);
                if (len > ACTION_DETAIL_MAX_BYTES)
                        detail += len - ACTION_DETAIL_MAX_BYTES;
                while ((*detail & 0xc0) == 0x80)
                        detail++; /* not in the middle of a character */
                json_array_append_new(kept, json_pack("{s:I, s:s, s:s, s:s}", "index", (json_int_t)index, "kind", kind,
                                                      "status", outcome, "detail", detail));
        }
        *ret = kept ? sal_json_dump(kept) : NULL;
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

/* Too long a log is cut to its tail, not refused. */
static enum sal_status read_log(const struct sal_json_at *at, char **ret, struct sal_err *reterr) {
        const char *log = NULL;
        enum sal_status status = sal_json_string(at, "log", false, 0, SIZE_MAX, &log, reterr);
        if (status || !log)
                return status;
        size_t len = strlen(log);
        if (len > SAL_LOG_TAIL_MAX_BYTES)
                log += len - SAL_LOG_TAIL_MAX_BYTES;
        while ((*log & 0xc0) == 0x80)
                log++;
        *ret = strdup(log);
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

/* What an outcome without an offer names instead. */
static enum sal_status read_applied(const struct sal_json_at *at, struct sal_report *ret, struct sal_err *reterr) {
        const char *campaign = NULL, *sha256 = NULL;
        enum sal_status status = sal_json_string(at, "campaign", true, 1, SAL_CAMPAIGN_ID_BYTES - 1, &campaign, reterr);
        if (!status && !sal_campaign_id_valid(campaign))
                status = sal_json_fail(at, "campaign", SAL_E_INVALID, reterr,
                                       "must be 1 to 63 of [a-z0-9-], not beginning with -");
        if (status)
                return status;
        snprintf(ret->campaign, sizeof ret->campaign, "%s", campaign);
        status = sal_json_int(at, "version", true, 1, INT32_MAX, &ret->version, reterr);
        if (!status)
                status = sal_json_string(at, "target_sha256", true, 64, 64, &sha256, reterr);
        if (!status && !sal_is_sha256_hex(sha256))
                status = sal_json_fail(at, "target_sha256", SAL_E_INVALID, reterr,
                                       "must be 64 lower-case hexadecimal digits");
        if (!status)
                snprintf(ret->target_sha256, sizeof ret->target_sha256, "%s", sha256);
        return status;
}

/* Which offer, or which campaign, the report is about. Kept for the answer even when the rest is wrong. */
static enum sal_status read_subject(const struct sal_json_at *at, struct sal_report *ret, struct sal_err *reterr) {
        const char *offer_id = NULL;
        if (!json_object_get(at->value, "offer_id") && json_object_get(at->value, "campaign"))
                return read_applied(at, ret, reterr);
        enum sal_status status = sal_json_string(at, "offer_id", true, 1, 64, &offer_id, reterr);
        if (!status)
                snprintf(ret->offer_id, sizeof ret->offer_id, "%.23s", offer_id);
        return status;
}

enum sal_status sal_read_report(const struct sal_json_at *at, const char *machine_id, struct sal_report *ret,
                                struct sal_err *reterr) {
        const char *stage = NULL, *boot_id = NULL, *reporter = machine_id;
        enum sal_status status = read_subject(at, ret, reterr);
        if (status)
                return status;
        status = sal_json_string(at, "machine_id", false, 1, SAL_MACHINE_ID_BYTES - 1, &reporter, reterr);
        if (!status && strcmp(reporter, machine_id) != 0)
                status = sal_json_fail(at, "machine_id", SAL_E_FORBIDDEN, reterr, "this is another machine's report");
        if (!status)
                status = sal_json_string(at, "stage", true, 1, 15, &stage, reterr);
        int event = status ? -1 : sal_report_stage_parse(stage);
        if (!status && event < 0)
                status = sal_json_fail(at, "stage", SAL_E_INVALID, reterr,
                                       "must be applied, failed, not_applicable, refused or healthy");
        if (!status)
                status = sal_json_string(at, "boot_id", true, 1, SAL_BOOT_ID_BYTES - 1, &boot_id, reterr);
        if (!status && !sal_boot_id_valid(boot_id))
                status = sal_json_fail(at, "boot_id", SAL_E_INVALID, reterr, "must be 1 to 64 of [A-Za-z0-9-]");
        if (!status)
                status = read_actions(at, &ret->actions, reterr);
        if (!status)
                status = read_log(at, &ret->log, reterr);
        if (status)
                return status;
        if (!ret->campaign[0] && sal_offer_id_parse(ret->offer_id, &ret->offer_row))
                return sal_json_fail(at, "offer_id", SAL_E_NOT_FOUND, reterr, "this machine has no offer %.64s",
                                     ret->offer_id);
        ret->event = (enum sal_offer_event)event;
        snprintf(ret->stage, sizeof ret->stage, "%s", stage);
        snprintf(ret->boot_id, sizeof ret->boot_id, "%s", boot_id);
        ret->valid = true;
        return SAL_OK;
}
