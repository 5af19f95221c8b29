/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl campaign sign: shows what will happen, then signs the DSSE bytes; with or without a server. */
#include "command.h"
#include "confirm.h"
#include "fetch.h"
#include "model/campaign.h"
#include "out.h"
#include "sign_words.h"
#include "signing_key.h"
#include "trust/dsse.h"
#include "trust/file.h"

#include <string.h>

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

/* The policy that tells whose signatures are needed: --policy, else the server's. None at hand is no failure. */
static enum sal_status find_policy(struct sal_ctl *ctl, struct sal_policy **ret, struct sal_err *reterr) {
        const char *path = ctl->options[SAL_OPT_POLICY];
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        if (path) {
                enum sal_status status = sal_file_read(path, SAL_POLICY_MAX_BYTES, &bytes, &len, reterr);
                return status ? status : sal_policy_parse(bytes, len, ret, reterr);
        }
        if (ctl->admin && !sal_ctl_fetch_policy(ctl, &bytes, &len, NULL))
                (void)sal_policy_parse(bytes, len, ret, NULL);
        return SAL_OK;
}

/* What is signed, and what is known of it. */
struct signing {
        const char *payload;
        size_t len;
        struct sal_sign_words words;
        char digest[SAL_SHA256_HEX_BYTES];
};

/* Shows it, asks, and only then takes the key. *ret is {"keyid", "sig"}, a new reference. */
static enum sal_status sign(struct sal_ctl *ctl, struct signing *signing, json_t **ret, struct sal_err *reterr) {
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        sal_autofree char *sig = NULL;
        sal_sign_digest(signing->payload, signing->len, signing->digest);
        signing->words.digest = signing->digest;
        sal_sign_show(stderr, &signing->words);
        enum sal_status status = sal_ctl_ask_yes(ctl, "Sign this?", false, reterr);
        if (!status)
                status = sal_ctl_signing_key(ctl, ctl->options[SAL_OPT_KEY], NULL, &key, reterr);
        if (!status)
                status = sal_sign_check_key(&signing->words, sal_private_key_public(key), reterr);
        if (!status)
                status = sal_dsse_sign_one(SAL_CAMPAIGN_TYPE, signing->payload, signing->len, key, &sig, reterr);
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
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        sal_autojson json_t *signature = NULL;
        enum sal_status status =
                sal_file_read(ctl->options[SAL_OPT_PAYLOAD], SAL_CAMPAIGN_MAX_BYTES, &payload, &len, reterr);
        if (!status)
                status = sal_campaign_parse(payload, len, &campaign, reterr);
        if (!status)
                status = find_policy(ctl, &policy, reterr);
        if (status)
                return status;
        struct signing signing = {.payload = payload, .len = len, .words = {.campaign = campaign, .policy = policy}};
        status = sign(ctl, &signing, &signature, reterr);
        if (!status)
                sal_out_json(signature);
        return status;
}

static enum sal_status hand_in(struct sal_ctl *ctl, const struct sal_ctl_campaign *name, const json_t *signature,
                               struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES];
        sal_autojson json_t *answer = NULL;
        sal_ctl_path(name, "signatures", path);
        const struct sal_admin_call call = {.method = "POST", .path = path, .body = signature};
        enum sal_status status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status)
                status = sal_ctl_confirm_campaign(answer, name->id, name->version, "draft ready", reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_out_json(answer);
                return SAL_OK;
        }
        printf("signed %s@%lld with key %s: %s\n", name->id, (long long)name->version, sal_text(signature, "keyid"),
               sal_text(answer, "state"));
        return SAL_OK;
}

static enum sal_status sign_online(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign name;
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        sal_autokeyset struct sal_key_set signers = SAL_KEY_SET_INIT;
        sal_autojson json_t *reach = NULL;
        sal_autojson json_t *signature = NULL;
        enum sal_status status = sal_ctl_connect(ctl, reterr);
        if (!status)
                status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_UNSIGNED, &name, reterr);
        if (!status)
                status = sal_ctl_fetch_payload(ctl, &name, &reply, &campaign, reterr);
        if (!status)
                status = check_domain(ctl, campaign, reterr);
        if (!status)
                status = find_policy(ctl, &policy, reterr);
        if (status)
                return status;
        if (policy)
                sal_ctl_fetch_signers(ctl, &name, policy, reply.body.data, reply.body.len, &signers);
        (void)sal_ctl_preview(ctl, &name, false, &reach, NULL); /* a server that cannot say how many says nothing */
        struct signing signing = {.payload = reply.body.data,
                                  .len = reply.body.len,
                                  .words = {.campaign = campaign,
                                            .policy = policy,
                                            .signed_by = policy ? &signers : NULL,
                                            .reach = reach}};
        status = sign(ctl, &signing, &signature, reterr);
        return status ? status : hand_in(ctl, &name, signature, reterr);
}

static enum sal_status run_sign(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_PAYLOAD))
                return sign_offline(ctl, reterr);
        if (!ctl->arg_count)
                return sal_fail(reterr, SAL_E_USAGE, "\"campaign sign\" needs ID[@V], or --payload FILE");
        return sign_online(ctl, reterr);
}

const struct sal_command sal_commands_sign[] = {
        {.group = "campaign",
         .verb = "sign",
         .args = "ID[@V]",
         .min_args = 0,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_KEY) | SAL_BIT(SAL_OPT_PAYLOAD) | SAL_BIT(SAL_OPT_POLICY) | SAL_BIT(SAL_OPT_YES) |
                    SAL_BIT(SAL_OPT_PASSPHRASE_FILE) | SAL_BIT(SAL_OPT_PASSPHRASE_FD),
         .required = SAL_BIT(SAL_OPT_KEY),
         .offline = true,
         .summary = "Show what a campaign does, sign it, hand the signature in",
         .help = "ID alone means its newest draft or ready version. With --payload FILE no server is needed: the "
                 "signature goes to standard output, for `campaign attach` elsewhere; --policy FILE then tells whose "
                 "signatures are needed. A person at a terminal is asked before the key is used, unless --yes.",
         .run = run_sign},
        {0},
};
