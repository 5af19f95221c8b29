/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl campaign create, delete: drafts. */
#include "base/clock.h"
#include "base/encode.h"
#include "client/config.h"
#include "client/fill.h"
#include "command.h"
#include "confirm.h"
#include "model/campaign.h"
#include "out.h"
#include "trust/file.h"

#include <string.h>

enum sal_status sal_ctl_read_input(const char *path, size_t max_bytes, char **ret, size_t *ret_len,
                                   struct sal_err *reterr) {
        if (strcmp(path, "-") != 0)
                return sal_file_read(path, max_bytes, ret, ret_len, reterr);
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        sal_buf_puts(&bytes, "");
        char chunk[16384];
        size_t n;
        while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
                if (n > max_bytes - bytes.len)
                        return sal_fail(reterr, SAL_E_TOO_LARGE, "standard input is over %zu bytes", max_bytes);
                sal_buf_append(&bytes, chunk, n);
        }
        *ret = sal_buf_take(&bytes, ret_len);
        return *ret ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for standard input");
}

/* The hash of the TUF root: of the file in DIR, else of what the machine plane serves. */
static enum sal_status find_trust_domain(struct sal_ctl *ctl, char ret[static SAL_SHA256_HEX_BYTES],
                                         struct sal_err *reterr) {
        const struct sal_admin_paths *paths = sal_admin_paths(ctl->admin);
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        enum sal_status status = sal_file_read(paths->root, SAL_CLIENT_ENVELOPE_BYTES, &bytes, &len, reterr);
        if (!status) {
                sal_sha256_hex(bytes, len, ret);
                return SAL_OK;
        }
        const char *url = NULL;
        if (status == SAL_E_NOT_FOUND)
                status = sal_admin_machine_url(ctl->admin, &url, reterr);
        if (status)
                return status;
        sal_auto(sal_client) struct sal_client *client = NULL;
        const struct sal_client_options options = {.base_url = url, .ca_file = paths->ca};
        status = sal_client_new(&options, &client, reterr);
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        const struct sal_client_request request = {.path = "/tuf/metadata/1.root.json"};
        if (!status)
                status = sal_client_do(client, &request, &reply, reterr);
        if (!status)
                sal_sha256_hex(reply.body.data ? reply.body.data : "", reply.body.len, ret);
        return status;
}

/* One more than the newest version of this id. */
static enum sal_status find_version(struct sal_ctl *ctl, const char *id, int64_t *ret, struct sal_err *reterr) {
        sal_autojson json_t *campaigns = NULL;
        enum sal_status status =
                sal_admin_list(ctl->admin, "/api/v1/campaigns", NULL, SAL_CTL_LIST_ITEMS, &campaigns, NULL, reterr);
        int64_t newest = 0;
        for (size_t i = 0; i < json_array_size(campaigns); i++) {
                const json_t *row = json_array_get(campaigns, i);
                if (strcmp(sal_text(row, "id"), id) == 0 && sal_number(row, "version") > newest)
                        newest = sal_number(row, "version");
        }
        *ret = newest + 1;
        return status;
}

/* The rings that a plan has to name: those of /rings, when they are not the default of every plan. */
static enum sal_status find_rings(struct sal_ctl *ctl, json_t **ret, struct sal_err *reterr) {
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_admin_get(ctl->admin, "/api/v1/rings", NULL, &document, reterr);
        if (status)
                return status;
        json_t *rings = json_object_get(document, "rings");
        *ret = json_array_size(rings) > 0 && !sal_fill_rings_are_default(rings) ? json_incref(rings) : NULL;
        return SAL_OK;
}

/* Looks up only what the author left away, and writes it in. */
static enum sal_status complete(struct sal_ctl *ctl, const char *bytes, size_t len, struct sal_buf *out,
                                struct sal_err *reterr) {
        sal_autojson json_t *value = NULL;
        sal_autojson json_t *rings = NULL;
        enum sal_status status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &value, reterr);
        if (status)
                return status;
        char domain[SAL_SHA256_HEX_BYTES] = "";
        struct sal_fill fill = {.trust_domain = domain, .version = 1, .now_unix_ms = sal_clock_wall_ms()};
        if (!json_object_get(value, "trust_domain"))
                status = find_trust_domain(ctl, domain, reterr);
        if (!status && !json_object_get(value, "version"))
                status = find_version(ctl, sal_text(value, "id"), &fill.version, reterr);
        if (!status && !json_object_get(value, "rollout"))
                status = find_rings(ctl, &rings, reterr);
        fill.rings = rings;
        return status ? status : sal_fill_payload(bytes, len, value, &fill, out, reterr);
}

static enum sal_status run_create(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        sal_autobuf struct sal_buf payload = SAL_BUF_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        enum sal_status status = sal_ctl_read_input(ctl->args[0], SAL_CAMPAIGN_MAX_BYTES, &bytes, &len, reterr);
        if (!status)
                status = complete(ctl, bytes, len, &payload, reterr);
        if (!status) /* said here with the pointer, before anything is sent */
                status = sal_campaign_parse(payload.data, payload.len, &campaign, reterr);
        if (status)
                return status;
        const struct sal_admin_call call = {.method = "POST",
                                            .path = "/api/v1/campaigns",
                                            .raw = payload.data,
                                            .raw_len = payload.len,
                                            .content_type = SAL_CAMPAIGN_TYPE};
        sal_autojson json_t *answer = NULL;
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status)
                status = sal_ctl_confirm_campaign(answer, campaign->id, campaign->version, NULL, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_out_json(answer);
                return SAL_OK;
        }
        char name[128];
        snprintf(name, sizeof name, "%s@%lld", campaign->id, (long long)campaign->version);
        sal_out_line(stdout, "created ", name, " (", sal_text(answer, "state"), ")", NULL);
        sal_out_line(stdout, "next: salvorctl campaign sign ", name, " --key FILE", NULL);
        return SAL_OK;
}

static enum sal_status run_delete(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign campaign;
        enum sal_status status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_UNSIGNED, &campaign, reterr);
        if (status)
                return status;
        status = sal_ctl_delete(ctl, campaign.path, reterr);
        if (!status && !ctl->json)
                printf("deleted %s@%lld\n", campaign.id, (long long)campaign.version);
        return status;
}

const struct sal_command sal_commands_draft[] = {
        {.group = "campaign",
         .verb = "create",
         .args = "FILE",
         .min_args = 1,
         .max_args = 1,
         .summary = "Make a draft from a payload (\"-\": standard input)",
         .help = "A payload may leave away trust_domain, version (the newest and one), not_before (now), expires (7 "
                 "days later) and rollout: they are written in behind \"id\"; the rest stays as it was written.",
         .run = run_create},
        {.group = "campaign",
         .verb = "delete",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .summary = "Drop a draft",
         .run = run_delete},
        {0},
};
