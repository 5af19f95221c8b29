/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/control.h"

#include <string.h>

enum { FEW_USES = 100, TOKEN_LIFE_SECONDS = 3600, QUESTION_MS = 5000 };

static char *copy_text(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        return text && *text ? strdup(text) : NULL;
}

enum sal_status sal_fleet_make_token(struct sal_admin *admin, const struct sal_fleet_options *options, char **ret_token,
                                     char **ret_id, struct sal_err *reterr) {
        sal_autojson json_t *body = json_pack("{s:I, s:i}", "uses", (json_int_t)options->machines, "expires_in_seconds",
                                              TOKEN_LIFE_SECONDS);
        if (options->reenroll)
                json_object_set_new(body, "reenroll", json_true());
        const struct sal_admin_call call = {.method = "POST",
                                            .path = "/api/v1/enrollment-tokens",
                                            .body = body,
                                            .elevate = options->machines > FEW_USES || options->reenroll,
                                            .reason = "simulated fleet of salvor-fleet"};
        sal_autojson json_t *answer = NULL;
        enum sal_status status = sal_admin_json(admin, &call, &answer, reterr);
        if (status)
                return status;
        char *token = copy_text(answer, "token");
        if (!token)
                return sal_fail(reterr, SAL_E_MALFORMED, "the server's answer holds no enrollment token");
        *ret_token = token;
        *ret_id = copy_text(answer, "id");
        return SAL_OK;
}

void sal_fleet_drop_token(struct sal_admin *admin, const char *id) {
        if (!id || strlen(id) > 64 ||
            strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(id))
                return;
        char path[128];
        snprintf(path, sizeof path, "/api/v1/enrollment-tokens/%s", id);
        const struct sal_admin_call call = {.method = "DELETE", .path = path, .timeout_ms = QUESTION_MS};
        sal_autojson json_t *answer = NULL;
        (void)sal_admin_json(admin, &call, &answer, NULL);
}

/* How much a state tells: the version that is under way speaks for the campaign, else the newest. */
static bool is_under_way(const char *state) {
        return strcmp(state, "active") == 0 || strcmp(state, "paused") == 0;
}

enum sal_status sal_fleet_campaign_state(struct sal_admin *admin, const char *campaign,
                                         char ret[static SAL_FLEET_STATE_BYTES], struct sal_err *reterr) {
        const struct sal_admin_call call = {.path = "/api/v1/export", .timeout_ms = QUESTION_MS};
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_admin_json(admin, &call, &document, reterr);
        if (status)
                return status;
        const json_t *all = json_object_get(document, "campaigns");
        json_int_t newest = 0;
        *ret = '\0';
        for (size_t i = 0; i < json_array_size(all); i++) {
                const json_t *row = json_array_get(all, i);
                const char *id = json_string_value(json_object_get(row, "id"));
                const char *state = json_string_value(json_object_get(row, "state"));
                json_int_t version = json_integer_value(json_object_get(row, "version"));
                if (!id || !state || strcmp(id, campaign) != 0 || is_under_way(ret))
                        continue;
                if (is_under_way(state) || version > newest) {
                        newest = version;
                        snprintf(ret, SAL_FLEET_STATE_BYTES, "%s", state);
                }
        }
        return SAL_OK;
}
