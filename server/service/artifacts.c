/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/views.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *sal_artifact_path(const struct sal_service *service, const char *sha256) {
        struct sal_buf path = SAL_BUF_INIT;
        sal_buf_printf(&path, "%s/artifacts/%s", service->state_dir, sha256);
        return sal_buf_take(&path, NULL);
}

enum sal_status sal_artifact_known(const struct sal_act *act, const char *sha256, int64_t *ret_length,
                                   struct sal_err *reterr) {
        enum sal_status status = sal_artifact_get(act->tx, sha256, ret_length);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is no artifact %s", sha256);
        return status;
}

static json_t *artifact_view(const char *sha256, int64_t length) {
        return json_pack("{s:s, s:I}", "sha256", sha256, "length", (json_int_t)length);
}

enum sal_status sal_artifact_add(const struct sal_act *act, const char *sha256, int64_t length, json_t **ret,
                                 struct sal_err *reterr) {
        (void)reterr;
        enum sal_status status = sal_artifact_put(act->tx, sha256, length, sal_tx_now_ms(act->tx));
        if (!status)
                status = sal_journal_admin(act, "artifact.put", NULL, 0, NULL,
                                           json_pack("{s:s, s:I}", "sha256", sha256, "length", (json_int_t)length));
        if (!status)
                status = (*ret = artifact_view(sha256, length)) ? SAL_OK : SAL_E_NOMEM;
        return status;
}

enum sal_status sal_artifact_drop(const struct sal_act *act, const char *sha256, struct sal_err *reterr) {
        int64_t length = 0;
        enum sal_status status = sal_artifact_known(act, sha256, &length, reterr);
        if (status)
                return status;
        struct sal_engine *engine = act->service->engine;
        for (size_t i = 0; i < engine->count; i++) {
                const struct sal_campaign *campaign = engine->live[i]->launch->campaign;
                for (size_t n = 0; n < campaign->action_count; n++) {
                        if (strcmp(campaign->actions[n].artifact.sha256, sha256) != 0)
                                continue;
                        sal_fail(reterr, SAL_E_CONFLICT, "campaign %s@%" PRId64 " uses this artifact", campaign->id,
                                 campaign->version);
                        sal_err_ref(reterr, campaign->id);
                        return SAL_E_CONFLICT;
                }
        }
        status = sal_artifact_delete(act->tx, sha256);
        if (!status)
                status = sal_journal_admin(act, "artifact.delete", NULL, 0, NULL, json_pack("{s:s}", "sha256", sha256));
        return status;
}

struct artifact_list {
        json_t *items;
        unsigned count;
        char last[65];
};

static bool list_artifact(void *arg, const char *sha256, int64_t length, int64_t at_ms) {
        struct artifact_list *list = arg;
        json_t *item = artifact_view(sha256, length);
        json_object_set_new(item, "created_at", sal_view_time(at_ms));
        json_array_append_new(list->items, item);
        snprintf(list->last, sizeof list->last, "%s", sha256);
        list->count++;
        return true;
}

enum sal_status sal_artifact_list(const struct sal_act *act, const struct sal_page *page, json_t **ret,
                                  struct sal_err *reterr) {
        (void)reterr;
        struct artifact_list list = {.items = json_array()};
        enum sal_status status = sal_artifact_each(act->tx, page->cursor, page->limit, list_artifact, &list);
        *ret = sal_view_page(list.items, list.count == page->limit ? list.last : NULL);
        return status;
}
