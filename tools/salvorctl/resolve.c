/* SPDX-License-Identifier: Apache-2.0 */
/* From "ID" or "ID@V" to one campaign version. */
#include "command.h"
#include "model/campaign.h"
#include "out.h"

#include <errno.h>
#include <string.h>

static bool is_live(const char *state) {
        static const char *const live[] = {"active", "paused", "halted", "completed"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(live); i++)
                if (strcmp(live[i], state) == 0)
                        return true;
        return false;
}

enum sal_status sal_ctl_campaign_name(const char *name, struct sal_ctl_campaign *ret, struct sal_err *reterr) {
        *ret = (struct sal_ctl_campaign){0};
        const char *at = strchr(name, '@');
        size_t len = at ? (size_t)(at - name) : strlen(name);
        if (len == 0 || len >= sizeof ret->id)
                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\" is no campaign id: [a-z0-9][a-z0-9-]{0,62}", name);
        memcpy(ret->id, name, len);
        ret->id[len] = '\0';
        if (!sal_campaign_id_valid(ret->id))
                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\" is no campaign id: [a-z0-9][a-z0-9-]{0,62}", name);
        if (!at)
                return SAL_OK;
        char *end = NULL;
        errno = 0;
        ret->version = strtoll(at + 1, &end, 10);
        /* As it is printed: neither 01 nor +1. */
        if (errno || at[1] < '1' || at[1] > '9' || *end || ret->version > INT32_MAX)
                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\": behind the @ stands a version, 1 to 2147483647", name);
        return SAL_OK;
}

/* Looks through the versions of one id for the one that is meant. The server judges what may be done with it. */
static enum sal_status choose(const json_t *campaigns, enum sal_ctl_want want, struct sal_ctl_campaign *ret,
                              struct sal_err *reterr) {
        int64_t newest = 0, draft = 0, ready = 0, live = 0, other_live = 0;
        for (size_t i = 0; i < json_array_size(campaigns); i++) {
                const json_t *row = json_array_get(campaigns, i);
                if (strcmp(sal_text(row, "id"), ret->id) != 0)
                        continue;
                int64_t version = sal_number(row, "version");
                const char *state = sal_text(row, "state");
                newest = version > newest ? version : newest;
                if (strcmp(state, "draft") == 0)
                        draft = version > draft ? version : draft;
                if (strcmp(state, "ready") == 0)
                        ready = version > ready ? version : ready;
                if (is_live(state)) {
                        other_live = live;
                        live = version;
                }
        }
        if (!newest)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "there is no campaign \"%s\"", ret->id);
        if (want == SAL_WANT_LIVE && other_live) {
                sal_fail(reterr, SAL_E_CONFLICT, "versions %lld and %lld of \"%s\" are both live",
                         (long long)other_live, (long long)live, ret->id);
                sal_err_hint(reterr, "say which: %s@%lld", ret->id, (long long)live);
                return SAL_E_CONFLICT;
        }
        int64_t chosen = want == SAL_WANT_LIVE             ? live
                         : want == SAL_WANT_READY && ready ? ready
                         : draft > ready                   ? draft
                                                           : ready;
        ret->version = chosen ? chosen : newest;
        return SAL_OK;
}

enum sal_status sal_ctl_resolve(struct sal_ctl *ctl, const char *name, enum sal_ctl_want want,
                                struct sal_ctl_campaign *ret, struct sal_err *reterr) {
        enum sal_status status = sal_ctl_campaign_name(name, ret, reterr);
        if (status)
                return status;
        if (!ret->version) {
                sal_autojson json_t *campaigns = NULL;
                status = sal_admin_list(ctl->admin, "/api/v1/campaigns", NULL, SAL_CTL_LIST_ITEMS, &campaigns, NULL,
                                        reterr);
                if (!status)
                        status = choose(campaigns, want, ret, reterr);
                if (status)
                        return status;
        }
        snprintf(ret->path, sizeof ret->path, "/api/v1/campaigns/%s/%lld", ret->id, (long long)ret->version);
        return SAL_OK;
}

void sal_ctl_path(const struct sal_ctl_campaign *campaign, const char *what, char ret[static SAL_CTL_PATH_BYTES]) {
        snprintf(ret, SAL_CTL_PATH_BYTES, "%.400s/%.100s", campaign->path, what);
}
