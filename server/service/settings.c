/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/views.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN_USES_MAX = 10000000, TOKEN_USES_WITHOUT_GRANT = 100, TOKEN_LIFE_MAX_SECONDS = 366 * 86400 };

enum sal_status sal_journal_admin(const struct sal_act *act, const char *what, const char *campaign, int64_t version,
                                  const char *machine_id, json_t *more_take) {
        sal_autojson json_t *more = more_take;
        sal_autojson json_t *detail = json_pack("{s:s, s:s}", "operator", act->operator_name, "act", what);
        if (detail && more)
                json_object_update(detail, more);
        sal_autofree char *text = detail ? sal_json_dump(detail) : NULL;
        if (!text)
                return SAL_E_NOMEM;
        struct sal_journal_entry entry = {.at_ms = sal_tx_now_ms(act->tx),
                                          .type = SAL_JOURNAL_ADMIN,
                                          .campaign = campaign,
                                          .version = version,
                                          .machine_id = machine_id,
                                          .detail = text};
        return sal_journal_append(act->tx, &entry);
}

/* ---- rings: names for pins, and the default that command lines write into plans ---- */

static json_t *rings_json(const struct sal_plan *plan) {
        json_t *rings = json_array();
        for (size_t i = 0; i < plan->ring_count; i++)
                json_array_append_new(rings, json_pack("{s:s, s:f, s:I, s:f}", "name", plan->rings[i].name, "share",
                                                       plan->rings[i].share, "soak_seconds",
                                                       (json_int_t)plan->rings[i].soak_seconds, "growth",
                                                       plan->rings[i].growth));
        return json_pack("{s:o}", "rings", rings);
}

enum sal_status sal_rings_show(const struct sal_act *act, json_t **ret, struct sal_err *reterr) {
        (void)reterr;
        sal_autofree char *text = NULL;
        enum sal_status status = sal_setting_get(act->tx, "rings", &text);
        if (status == SAL_OK)
                return sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, ret, reterr);
        if (status != SAL_E_NOT_FOUND)
                return status;
        struct sal_plan plan;
        sal_plan_default(&plan);
        *ret = rings_json(&plan);
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

enum sal_status sal_rings_put(const struct sal_act *act, const json_t *body, json_t **ret, struct sal_err *reterr) {
        static const char *const known[] = {"rings", NULL};
        struct sal_json_at at = sal_json_root(body);
        struct sal_json_at rings;
        struct sal_plan plan;
        enum sal_status status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_array(&at, "rings", true, 1, SAL_PLAN_MAX_RINGS, &rings, reterr);
        if (!status)
                status = sal_plan_parse(&at, &plan, reterr);
        if (status)
                return status;
        sal_autojson json_t *json = rings_json(&plan);
        sal_autofree char *text = json ? sal_json_dump(json) : NULL;
        if (!text)
                return SAL_E_NOMEM;
        status = sal_setting_put(act->tx, "rings", text);
        if (!status)
                status = sal_journal_admin(act, "rings.put", NULL, 0, NULL, json_incref(json));
        if (!status)
                *ret = SAL_STEAL(json);
        return status;
}

/* ---- kill switch ---- */

enum sal_status sal_kill_switch_show(const struct sal_act *act, json_t **ret, struct sal_err *reterr) {
        (void)reterr;
        const struct sal_engine *engine = act->service->engine;
        *ret = json_pack("{s:b, s:s}", "engaged", (int)engine->kill_switch, "reason", engine->kill_reason);
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

/* The switch stops every live campaign; its end lets those run again that nothing else stops. */
static enum sal_status switch_campaigns(const struct sal_act *act, const char *reason) {
        struct sal_engine *engine = act->service->engine;
        enum sal_status status =
                sal_campaign_ended_clocks(act->tx, engine->kill_switch, sal_engine_served_ms(engine, act->tx));
        for (size_t i = 0; !status && i < engine->count; i++) {
                struct sal_live *live = engine->live[i];
                sal_live_set_clock(engine, live, act->tx);
                live->review = true;
                if (engine->kill_switch ? !sal_campaign_live(live->row.state) : !sal_campaign_runs(live->row.state))
                        continue;
                struct sal_decision decision = {.verdict = engine->kill_switch ? "kill" : "resume",
                                                .by = "operator",
                                                .rule = "kill_switch",
                                                .reason = reason,
                                                .operator_name = act->operator_name};
                status = sal_decide(engine, act->tx, live, &decision, NULL);
                if (!status)
                        status = sal_live_advance(engine, act->tx, live);
        }
        return status;
}

enum sal_status sal_kill_switch_put(const struct sal_act *act, const json_t *body, json_t **ret,
                                    struct sal_err *reterr) {
        static const char *const known[] = {"engaged", "reason", NULL};
        struct sal_engine *engine = act->service->engine;
        struct sal_json_at at = sal_json_root(body);
        bool engaged = false;
        const char *reason = NULL;
        enum sal_status status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_bool(&at, "engaged", true, &engaged, reterr);
        if (!status)
                status = sal_json_string(&at, "reason", true, 1, SAL_REASON_TEXT_MAX_BYTES, &reason, reterr);
        if (status)
                return status;
        bool changes = engaged != engine->kill_switch;
        status = sal_setting_put_int(act->tx, "kill_switch", engaged);
        if (!status)
                status = sal_setting_put(act->tx, "kill_reason", reason);
        engine->kill_switch = engaged;
        snprintf(engine->kill_reason, sizeof engine->kill_reason, "%s", reason);
        if (!status && changes)
                status = switch_campaigns(act, reason);
        if (!status)
                status = sal_journal_admin(act, engaged ? "kill_switch.on" : "kill_switch.off", NULL, 0, NULL,
                                           json_pack("{s:s}", "reason", reason));
        engine->publish = true;
        sal_engine_note(engine, engaged ? "kill_switch.on" : "kill_switch.off", NULL, "%.200s", reason);
        return status ? status : sal_kill_switch_show(act, ret, reterr);
}

/* ---- enrollment tokens ---- */

static json_t *token_view(const struct sal_enroll_token *token) {
        char id[24];
        snprintf(id, sizeof id, "t%" PRId64, token->row);
        return json_pack("{s:s, s:s?, s:I, s:I, s:b, s:b, s:o, s:o, s:s}", "id", id, "machine_id",
                         token->machine_id[0] ? token->machine_id : NULL, "uses", (json_int_t)token->uses_max, "used",
                         (json_int_t)token->uses, "reenroll", (int)token->reenroll, "reimaged", (int)token->reimaged,
                         "created_at", sal_view_time(token->created_ms), "expires_at", sal_view_time(token->expires_ms),
                         "created_by", token->created_by);
}

bool sal_tokens_need_grant(const json_t *body) {
        return json_integer_value(json_object_get(body, "uses")) > TOKEN_USES_WITHOUT_GRANT ||
               json_is_true(json_object_get(body, "reenroll"));
}

enum sal_status sal_tokens_create(const struct sal_act *act, const json_t *body, json_t **ret, struct sal_err *reterr) {
        static const char *const known[] = {"uses", "machine_id", "expires_in_seconds", "reenroll", "reimaged", NULL};
        struct sal_json_at at = sal_json_root(body);
        struct sal_enroll_token token = {.uses_max = 1, .created_ms = sal_tx_now_ms(act->tx)};
        int64_t life_seconds = 86400;
        const char *machine_id = "";
        enum sal_status status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_int(&at, "uses", false, 1, TOKEN_USES_MAX, &token.uses_max, reterr);
        if (!status && !json_is_null(json_object_get(body, "machine_id")))
                status = sal_json_string(&at, "machine_id", false, 1, SAL_MACHINE_ID_BYTES - 1, &machine_id, reterr);
        if (!status && machine_id[0] && !sal_machine_id_valid(machine_id))
                status = sal_json_fail(&at, "machine_id", SAL_E_INVALID, reterr,
                                       "must be 1 to 64 of [A-Za-z0-9._:-] without a leading dot");
        if (!status)
                status = sal_json_int(&at, "expires_in_seconds", false, 1, TOKEN_LIFE_MAX_SECONDS, &life_seconds,
                                      reterr);
        if (!status)
                status = sal_json_bool(&at, "reenroll", false, &token.reenroll, reterr);
        if (!status)
                status = sal_json_bool(&at, "reimaged", false, &token.reimaged, reterr);
        if (status)
                return status;
        char secret[SAL_SECRET_TOKEN_BYTES];
        sal_secret_token_make(secret, token.hash);
        snprintf(token.machine_id, sizeof token.machine_id, "%s", machine_id);
        snprintf(token.created_by, sizeof token.created_by, "%s", act->operator_name);
        token.expires_ms = token.created_ms + life_seconds * 1000;
        status = sal_enroll_token_insert(act->tx, &token);
        json_t *view = status ? NULL : token_view(&token);
        if (!status)
                status = sal_journal_admin(act, "token.create", NULL, 0, machine_id[0] ? machine_id : NULL,
                                           json_pack("{s:O}", "token", view));
        if (status) {
                json_decref(view);
                return status;
        }
        json_object_set_new(view, "token", json_string(secret));
        *ret = view;
        return SAL_OK;
}

struct token_list {
        json_t *items;
        unsigned count;
        int64_t last;
};

static bool list_token(void *arg, const struct sal_enroll_token *token) {
        struct token_list *list = arg;
        json_array_append_new(list->items, token_view(token));
        list->last = token->row;
        list->count++;
        return true;
}

enum sal_status sal_tokens_list(const struct sal_act *act, const struct sal_page *page, json_t **ret,
                                struct sal_err *reterr) {
        int64_t after = 0;
        enum sal_status status = sal_view_cursor(page, &after, reterr);
        if (status)
                return status;
        struct token_list list = {.items = json_array()};
        status = sal_enroll_token_each(act->tx, after, page->limit, list_token, &list);
        char cursor[24];
        snprintf(cursor, sizeof cursor, "%" PRId64, list.last);
        *ret = sal_view_page(list.items, list.count == page->limit ? cursor : NULL);
        return status;
}

enum sal_status sal_tokens_delete(const struct sal_act *act, const char *token_id, struct sal_err *reterr) {
        size_t digits = *token_id == 't' ? strspn(token_id + 1, "0123456789") : 0;
        int64_t row = digits >= 1 && digits <= 18 && !token_id[1 + digits] ? strtoll(token_id + 1, NULL, 10) : 0;
        if (row < 1)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "there is no enrollment token %.40s", token_id);
        enum sal_status status = sal_enroll_token_delete(act->tx, row);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is no enrollment token %.40s", token_id);
        return status ? status
                      : sal_journal_admin(act, "token.delete", NULL, 0, NULL, json_pack("{s:s}", "token_id", token_id));
}
