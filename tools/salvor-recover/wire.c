/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/wire.h"

#include <string.h>

static const char *const directive_names[] = {"none", "wait", "apply"};

const char *sal_directive_name(enum sal_directive directive) {
        return directive_names[directive];
}

static enum sal_status read_directive(const struct sal_json_at *at, struct sal_answer *answer, struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, "directive", true, 1, 32, &text, reterr);
        if (status)
                return status;
        for (size_t i = 0; i < SAL_ARRAY_LEN(directive_names); i++) {
                if (strcmp(directive_names[i], text) == 0) {
                        answer->directive = (enum sal_directive)i;
                        return SAL_OK;
                }
        }
        return sal_json_fail(at, "directive", SAL_E_INVALID, reterr, "neither apply, wait nor none");
}

static enum sal_status read_offer(const struct sal_json_at *root, struct sal_answer *answer, struct sal_err *reterr) {
        struct sal_json_at at;
        enum sal_status status = sal_json_object(root, "offer", true, &at, reterr);
        if (status || (status = sal_json_string(&at, "offer_id", true, 1, 64, &answer->offer_id, reterr)) ||
            (status = sal_json_string(&at, "campaign", true, 1, 63, &answer->campaign, reterr)) ||
            (status = sal_json_int(&at, "version", true, 1, INT32_MAX, &answer->version, reterr)) ||
            (status = sal_json_string(&at, "target", true, 1, SAL_TARGET_PATH_BYTES - 1, &answer->target, reterr)) ||
            (status = sal_json_string(&at, "sha256", true, 64, 64, &answer->sha256, reterr)) ||
            (status = sal_json_int(&at, "length", true, 1, INT64_MAX, &answer->length, reterr)))
                return status;
        char target[SAL_TARGET_PATH_BYTES];
        if (!sal_offer_id_valid(answer->offer_id))
                return sal_json_fail(&at, "offer_id", SAL_E_INVALID, reterr, "no offer id");
        if (!sal_campaign_id_valid(answer->campaign))
                return sal_json_fail(&at, "campaign", SAL_E_INVALID, reterr, "no campaign id");
        if (!sal_is_sha256_hex(answer->sha256))
                return sal_json_fail(&at, "sha256", SAL_E_INVALID, reterr, "no 64 lower-case hex digits");
        sal_campaign_target_path(answer->campaign, answer->version, target);
        if (strcmp(target, answer->target) != 0)
                return sal_json_fail(&at, "target", SAL_E_INVALID, reterr, "not the target of this campaign: %s",
                                     target);
        return SAL_OK;
}

/* A duration out of bounds is no reason to leave a machine alone, nor to storm the server: it is brought within them.
 * One that is none, or negative, is as good as missing. */
static int64_t read_seconds(const json_t *tree, const char *key, int64_t otherwise, int64_t min, int64_t max) {
        const json_t *value = json_object_get(tree, key);
        int64_t seconds = json_is_integer(value) ? (int64_t)json_integer_value(value) : -1;
        if (seconds < 0)
                return otherwise;
        return seconds < min ? min : seconds > max ? max : seconds;
}

enum sal_status sal_answer_parse(const char *bytes, size_t len, struct sal_answer *ret, struct sal_err *reterr) {
        sal_autoanswer struct sal_answer answer = {.reason = "", .detail = "", .server_time_ms = -1};
        enum sal_status status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &answer.tree, reterr);
        if (status)
                return status;
        struct sal_json_at at = sal_json_root(answer.tree);
        if ((status = sal_json_is_object(&at, reterr)) || (status = read_directive(&at, &answer, reterr)) ||
            (status = sal_json_string(&at, "reason", false, 0, 256, &answer.reason, reterr)) ||
            (status = sal_json_string(&at, "detail", false, 0, 8192, &answer.detail, reterr)) ||
            (status = sal_json_time(&at, "server_time", false, &answer.server_time_ms, reterr)) ||
            (answer.directive == SAL_DIRECTIVE_APPLY && (status = read_offer(&at, &answer, reterr))))
                return status;
        answer.poll_after_seconds = read_seconds(answer.tree, "poll_after_seconds", SAL_POLL_AFTER_DEFAULT_SECONDS,
                                                 SAL_POLL_AFTER_MIN_SECONDS, SAL_POLL_AFTER_MAX_SECONDS);
        answer.give_up_after_seconds = read_seconds(answer.tree, "give_up_after_seconds", SAL_GIVE_UP_DEFAULT_SECONDS,
                                                    SAL_GIVE_UP_MIN_SECONDS, SAL_GIVE_UP_MAX_SECONDS);
        *ret = answer;
        answer.tree = NULL;
        return SAL_OK;
}

void sal_answer_done(struct sal_answer *answer) {
        if (!answer)
                return;
        json_decref(answer->tree);
        answer->tree = NULL;
}

static const char *text_in(const struct sal_answer *answer, const char *member, const char *key, size_t *ret_len) {
        const json_t *text = json_object_get(json_object_get(answer->tree, member), key);
        if (!json_is_string(text))
                return NULL;
        *ret_len = json_string_length(text);
        return json_string_value(text);
}

const char *sal_answer_file(const struct sal_answer *answer, const char *target, size_t *ret_len) {
        return text_in(answer, "files", target, ret_len);
}

const char *sal_answer_metadata(const struct sal_answer *answer, const char *name, size_t *ret_len) {
        return text_in(answer, "metadata", name, ret_len);
}

bool sal_answer_says_no_news(const struct sal_answer *answer) {
        const json_t *metadata = json_object_get(answer->tree, "metadata");
        return json_is_object(metadata) && json_object_size(metadata) == 0;
}

bool sal_answer_has_report(const struct sal_answer *answer, size_t index, const char *offer_id) {
        const json_t *item = json_array_get(json_object_get(answer->tree, "reports"), index);
        const char *answered = json_string_value(json_object_get(item, "offer_id"));
        /* The items stand in the order of the poll; one for a report that the server could not read may lack the id. */
        return json_is_object(item) && (!answered || strcmp(answered, offer_id) == 0);
}

char *sal_poll_body(const struct sal_poll_says *says) {
        sal_autojson json_t *body =
                json_pack("{s:s,s:s,s:s,s:o,s:O}", "machine_id", says->machine_id, "boot_id", says->boot_id, "reason",
                          says->reason, "facts", sal_facts_json(says->facts), "have", says->have);
        if (!body || (json_array_size(says->reports) > 0 && json_object_set(body, "reports", says->reports) != 0) ||
            (says->reports_healthy && json_object_set_new(body, "can", json_pack("[s]", "healthy")) != 0))
                return NULL;
        return sal_json_dump(body);
}
