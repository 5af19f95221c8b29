/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/courier.h"

#include "base/log.h"

#include <string.h>

enum { REPORT_ANSWER_MAX_BYTES = 64 * 1024 };

/* Reads a stored report; one that cannot be read will never be sent, so it is put out of the way. */
static json_t *read_report(struct sal_courier *courier, const char *name, size_t *ret_len) {
        sal_autofree char *bytes = NULL;
        json_t *report = NULL;
        struct sal_err cause = {0};
        enum sal_status status =
                sal_store_get(courier->store, name, SAL_STORE_REPORT_MAX_BYTES, &bytes, ret_len, &cause);
        if (!status)
                status = sal_json_parse(bytes, *ret_len, SAL_JSON_MAX_DEPTH, &report, &cause);
        if (!status)
                return report;
        sal_log(SAL_LOG_ERROR, "recover.report_damaged", SAL_F_STR("name", name), SAL_F_STR("detail", cause.detail));
        if (status != SAL_E_NOMEM && status != SAL_E_IO)
                sal_store_rename(courier->store, name, "kept/unreadable-report", NULL);
        return NULL;
}

json_t *sal_courier_collect(struct sal_courier *courier) {
        char names[SAL_STORE_MAX_REPORTS][SAL_STORE_NAME_BYTES];
        size_t count = 0, total = 0;
        json_t *array = json_array();
        courier->count = 0;
        struct sal_err cause = {0};
        if (sal_store_reports(courier->store, names, &count, &cause))
                sal_log(SAL_LOG_ERROR, "recover.reports_unreadable", SAL_F_STR("detail", cause.detail));
        for (size_t i = 0; array && i < count; i++) {
                size_t len = 0;
                json_t *report = read_report(courier, names[i], &len);
                if (!report)
                        continue;
                if (total + len > SAL_POLL_REPORTS_BYTES || json_array_append_new(array, report) != 0) {
                        if (total + len > SAL_POLL_REPORTS_BYTES)
                                json_decref(report);
                        continue;
                }
                total += len;
                memcpy(courier->names[courier->count++], names[i], SAL_STORE_NAME_BYTES);
        }
        return array;
}

static void let_go(struct sal_courier *courier, const char *name) {
        struct sal_err cause = {0};
        if (sal_store_rename(courier->store, name, "sent.json", &cause))
                sal_log(SAL_LOG_ERROR, "recover.report_stays", SAL_F_STR("detail", cause.detail));
}

/* "reports/ID.json" -> "ID" */
static void offer_of(const char *name, char ret[static SAL_OFFER_ID_BYTES]) {
        size_t len = strlen(name) - strlen("reports/") - strlen(".json");
        snprintf(ret, SAL_OFFER_ID_BYTES, "%.*s", (int)len, name + strlen("reports/"));
}

void sal_courier_answered(struct sal_courier *courier, const struct sal_answer *answer) {
        for (size_t i = 0; i < courier->count; i++) {
                char offer_id[SAL_OFFER_ID_BYTES];
                offer_of(courier->names[i], offer_id);
                if (sal_answer_has_report(answer, i, offer_id))
                        let_go(courier, courier->names[i]);
        }
        courier->count = 0;
}

/* An answer that will be the same next time: sending again would be of no use. */
static bool is_final(enum sal_status status, long http) {
        return !status || http == 400 || http == 404 || http == 409 || http == 410;
}

enum sal_status sal_courier_send(struct sal_courier *courier, json_t *report, struct sal_err *reterr) {
        sal_autofree char *body = sal_json_dump(report);
        sal_autonetreply struct sal_reply reply = SAL_REPLY_INIT;
        if (!body)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the report");
        enum sal_status status =
                sal_net_exchange(courier->net, "/v1/report", body, 0, REPORT_ANSWER_MAX_BYTES, &reply, reterr);
        return is_final(status, reply.http) ? SAL_OK : status;
}

void sal_courier_send_all(struct sal_courier *courier) {
        char names[SAL_STORE_MAX_REPORTS][SAL_STORE_NAME_BYTES];
        size_t count = 0;
        struct sal_err cause = {0};
        if (sal_store_reports(courier->store, names, &count, &cause))
                sal_log(SAL_LOG_ERROR, "recover.reports_unreadable", SAL_F_STR("detail", cause.detail));
        for (size_t i = 0; i < count; i++) {
                size_t len = 0;
                sal_autojson json_t *report = read_report(courier, names[i], &len);
                sal_autofree char *body = report ? sal_json_dump(report) : NULL;
                sal_autonetreply struct sal_reply reply = SAL_REPLY_INIT;
                if (!body)
                        continue;
                enum sal_status status =
                        sal_net_exchange(courier->net, "/v1/report", body, 0, REPORT_ANSWER_MAX_BYTES, &reply, &cause);
                if (is_final(status, reply.http))
                        let_go(courier, names[i]);
                if (status)
                        sal_log(SAL_LOG_WARNING, "recover.report_not_taken", SAL_F_STR("name", names[i]),
                                SAL_F_STR("detail", cause.detail));
                if (status && reply.http == 0)
                        return; /* nobody is there: the next poll carries them all */
        }
}

/* By the offer, or, from a bundle, by the campaign. */
static void name_applied(json_t *report, const json_t *applied) {
        static const char *const offered[] = {"offer_id", NULL}, *const found[] = {"campaign", "version",
                                                                                   "target_sha256", NULL};
        const char *sha256 = json_string_value(json_object_get(applied, "target_sha256"));
        for (const char *const *key = sha256 && *sha256 ? found : offered; *key; key++)
                json_object_set(report, *key, json_object_get(applied, *key));
}

enum sal_status sal_courier_send_healthy(struct sal_courier *courier, const char *boot_id, bool *ret_sent,
                                         struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        sal_autojson json_t *applied = NULL;
        size_t len = 0;
        *ret_sent = false;
        enum sal_status status = sal_store_get(courier->store, "applied.json", 4096, &bytes, &len, reterr);
        if (status == SAL_E_NOT_FOUND)
                return SAL_OK;
        if (status || (status = sal_json_parse(bytes, len, 4, &applied, reterr)))
                return status;
        sal_autojson json_t *report = json_pack("{s:s,s:s,s:s,s:[],s:s}", "machine_id", courier->machine_id, "boot_id",
                                                boot_id, "stage", "healthy", "actions", "log", "");
        name_applied(report, applied);
        sal_autofree char *body = report ? sal_json_dump(report) : NULL;
        if (!body)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the report");
        sal_autonetreply struct sal_reply reply = SAL_REPLY_INIT;
        status = sal_net_exchange(courier->net, "/v1/report", body, 0, REPORT_ANSWER_MAX_BYTES, &reply, reterr);
        if (!is_final(status, reply.http))
                return status;
        *ret_sent = !status;
        enum sal_status removed = sal_store_remove(courier->store, "applied.json", status ? NULL : reterr);
        return status ? status : removed;
}

/* The stage of a stored report, if it is this offer's. */
static enum sal_outcome stage_of(const json_t *report, const char *offer_id) {
        const char *id = json_string_value(json_object_get(report, "offer_id"));
        const char *stage = json_string_value(json_object_get(report, "stage"));
        if (!id || !stage || strcmp(id, offer_id) != 0)
                return SAL_OUTCOME_NONE;
        for (int i = SAL_OUTCOME_APPLIED; i <= SAL_OUTCOME_REFUSED; i++)
                if (strcmp(sal_outcome_name((enum sal_outcome)i), stage) == 0)
                        return (enum sal_outcome)i;
        return SAL_OUTCOME_NONE;
}

enum sal_outcome sal_courier_settled(struct sal_courier *courier, const char *offer_id) {
        char name[SAL_STORE_NAME_BYTES];
        size_t len = 0;
        snprintf(name, sizeof name, "reports/%s.json", offer_id);
        if (sal_store_has(courier->store, name)) {
                sal_autojson json_t *report = read_report(courier, name, &len);
                return stage_of(report, offer_id);
        }
        if (!sal_store_has(courier->store, "sent.json"))
                return SAL_OUTCOME_NONE;
        sal_autojson json_t *report = read_report(courier, "sent.json", &len);
        enum sal_outcome outcome = stage_of(report, offer_id);
        if (outcome != SAL_OUTCOME_NONE)
                sal_store_rename(courier->store, "sent.json", name, NULL);
        return outcome;
}
