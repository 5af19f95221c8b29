/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl campaign sign: shows what will happen, then signs the DSSE bytes; with or without a server. */
#include "base/encode.h"
#include "command.h"
#include "confirm.h"
#include "model/campaign.h"
#include "out.h"
#include "signing_key.h"
#include "trust/dsse.h"
#include "trust/file.h"

#include <string.h>

static void digest_of(const char *payload, size_t len, char ret[static SAL_SHA256_HEX_BYTES]) {
        sal_autobuf struct sal_buf pae = SAL_BUF_INIT;
        sal_dsse_pae(SAL_CAMPAIGN_TYPE, payload, len, &pae);
        sal_sha256_hex(pae.data ? pae.data : "", pae.len, ret);
}

/* What the person who signs has to know, on standard error: standard output stays for the result. */
static void show(const struct sal_campaign *campaign, const char *digest) {
        sal_autobuf struct sal_buf words = SAL_BUF_INIT;
        sal_campaign_describe(campaign, &words);
        sal_out_lines(stderr, words.data ? words.data : "");
        if (campaign->drill)
                fputs("  this is a drill: only machines that ask for one receive it\n", stderr);
        fputs("rings    ", stderr);
        for (size_t i = 0; i < campaign->plan.ring_count; i++)
                fprintf(stderr, " %s %.4g %%", campaign->plan.rings[i].name, campaign->plan.rings[i].share * 100);
        fprintf(stderr, "\ndigest    %s\n", digest);
}

/* How many known machines match, when the server can say. */
static void show_reach(struct sal_ctl *ctl, const struct sal_ctl_campaign *campaign) {
        sal_autojson json_t *preview = NULL;
        if (!sal_ctl_preview(ctl, campaign, &preview, NULL))
                fprintf(stderr, "reach     %lld known machines match now\n",
                        (long long)sal_number(preview, "matching"));
}

/* A signature is for one trust domain: refuses a payload that names another one than this folder's. */
static enum sal_status check_domain(struct sal_ctl *ctl, const struct sal_campaign *campaign, struct sal_err *reterr) {
        sal_autofree char *root = NULL;
        size_t len = 0;
        if (sal_file_read(sal_admin_paths(ctl->admin)->root, SAL_CLIENT_ENVELOPE_BYTES, &root, &len, NULL))
                return SAL_OK;
        char domain[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(root, len, domain);
        if (strcmp(domain, campaign->trust_domain) == 0)
                return SAL_OK;
        sal_fail_at(reterr, SAL_E_REFUSED, "/trust_domain",
                    "the campaign is for another trust domain than this folder's root (%s)", domain);
        return SAL_E_REFUSED;
}

static enum sal_status sign_bytes(struct sal_ctl *ctl, const char *payload, size_t len, json_t **ret,
                                  struct sal_err *reterr) {
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        sal_autofree char *sig = NULL;
        enum sal_status status = sal_ctl_signing_key(ctl, ctl->options[SAL_OPT_KEY], NULL, &key, reterr);
        if (!status)
                status = sal_dsse_sign_one(SAL_CAMPAIGN_TYPE, payload, len, key, &sig, reterr);
        if (status)
                return status;
        *ret = json_pack("{s:s, s:s}", "keyid", sal_public_key_id(sal_private_key_public(key)), "sig", sig);
        return *ret ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for a signature");
}

/* On the machine that holds the key, which need not reach any server. */
static enum sal_status sign_offline(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (ctl->arg_count)
                return sal_fail(reterr, SAL_E_USAGE,
                                "with --payload no ID is given: the file says which campaign it is");
        sal_autofree char *payload = NULL;
        size_t len = 0;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        sal_autojson json_t *signature = NULL;
        enum sal_status status =
                sal_file_read(ctl->options[SAL_OPT_PAYLOAD], SAL_CAMPAIGN_MAX_BYTES, &payload, &len, reterr);
        if (!status)
                status = sal_campaign_parse(payload, len, &campaign, reterr);
        if (status)
                return status;
        char digest[SAL_SHA256_HEX_BYTES];
        digest_of(payload, len, digest);
        show(campaign, digest);
        status = sign_bytes(ctl, payload, len, &signature, reterr);
        if (!status)
                sal_out_json(signature);
        return status;
}

static enum sal_status fetch_payload(struct sal_ctl *ctl, const struct sal_ctl_campaign *name,
                                     struct sal_client_reply *reply, struct sal_campaign **ret,
                                     struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES];
        sal_ctl_path(name, "payload", path);
        const struct sal_admin_call call = {.path = path, .accept = SAL_CAMPAIGN_TYPE ", application/problem+json"};
        enum sal_status status = sal_admin_do(ctl->admin, &call, reply, reterr);
        if (!status)
                status = sal_campaign_parse(reply->body.data ? reply->body.data : "", reply->body.len, ret, reterr);
        if (!status && (strcmp((*ret)->id, name->id) != 0 || (*ret)->version != name->version)) {
                sal_campaign_unref(SAL_STEAL(*ret));
                status = sal_fail(reterr, SAL_E_REFUSED, "the server gave the payload of another campaign");
        }
        return status;
}

static enum sal_status run_sign(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_PAYLOAD))
                return sign_offline(ctl, reterr);
        if (!ctl->arg_count)
                return sal_fail(reterr, SAL_E_USAGE, "\"campaign sign\" needs ID[@V], or --payload FILE");
        struct sal_ctl_campaign name;
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        sal_autojson json_t *signature = NULL;
        sal_autojson json_t *answer = NULL;
        enum sal_status status = sal_ctl_connect(ctl, reterr);
        if (!status)
                status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_UNSIGNED, &name, reterr);
        if (!status)
                status = fetch_payload(ctl, &name, &reply, &campaign, reterr);
        if (!status)
                status = check_domain(ctl, campaign, reterr);
        if (status)
                return status;
        char digest[SAL_SHA256_HEX_BYTES];
        digest_of(reply.body.data, reply.body.len, digest);
        show(campaign, digest);
        show_reach(ctl, &name);
        status = sign_bytes(ctl, reply.body.data, reply.body.len, &signature, reterr);
        if (status)
                return status;
        char path[SAL_CTL_PATH_BYTES];
        sal_ctl_path(&name, "signatures", path);
        const struct sal_admin_call call = {.method = "POST", .path = path, .body = signature};
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status)
                status = sal_ctl_confirm_campaign(answer, campaign->id, campaign->version, "draft ready", reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_out_json(answer);
                return SAL_OK;
        }
        printf("signed %s@%lld with key %s: %s\n", campaign->id, (long long)campaign->version,
               sal_text(signature, "keyid"), sal_text(answer, "state"));
        return SAL_OK;
}

const struct sal_command sal_commands_sign[] = {
        {.group = "campaign",
         .verb = "sign",
         .args = "ID[@V]",
         .min_args = 0,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_KEY) | SAL_BIT(SAL_OPT_PAYLOAD) | SAL_BIT(SAL_OPT_PASSPHRASE_FILE) |
                    SAL_BIT(SAL_OPT_PASSPHRASE_FD),
         .required = SAL_BIT(SAL_OPT_KEY),
         .offline = true,
         .summary = "Show what a campaign does, sign it, hand the signature in",
         .help = "ID alone means its newest draft or ready version. With --payload FILE no server is needed: the\n"
                 "signature goes to standard output, for `campaign attach` elsewhere.",
         .run = run_sign},
        {0},
};
