/* SPDX-License-Identifier: Apache-2.0 */
#include "service/admin.h"
#include "service/engine.h"
#include "service/limits.h"
#include "service/signing.h"

#include "base/encode.h"
#include "trust/dsse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum sal_status check_domain(const struct sal_act *act, const struct sal_campaign *campaign,
                                    struct sal_err *reterr) {
        if (strcmp(campaign->trust_domain, act->service->trust_domain) == 0)
                return SAL_OK;
        sal_fail_at(reterr, SAL_E_INVALID, "/trust_domain", "this server's trust domain is %s",
                    act->service->trust_domain);
        sal_err_hint(reterr, "it is the SHA-256 of 1.root.json; a payload of another trust domain never runs here");
        return SAL_E_INVALID;
}

static enum sal_status fill_row(const char *bytes, size_t len, struct sal_campaign_row *row) {
        sal_autobuf struct sal_buf signed_bytes = SAL_BUF_INIT;
        sal_dsse_pae(SAL_CAMPAIGN_TYPE, bytes, len, &signed_bytes);
        char *payload = malloc(len + 1);
        if (signed_bytes.failed || !payload) {
                free(payload);
                return SAL_E_NOMEM;
        }
        sal_sha256_hex(signed_bytes.data, signed_bytes.len, row->digest);
        memcpy(payload, bytes, len);
        payload[len] = '\0';
        free(row->payload);
        row->payload = payload;
        row->payload_len = len;
        return SAL_OK;
}

enum sal_status sal_draft_create(const struct sal_act *act, const char *bytes, size_t len, json_t **ret,
                                 struct sal_err *reterr) {
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        enum sal_status status = sal_campaign_parse(bytes, len, &campaign, reterr);
        if (!status)
                status = check_domain(act, campaign, reterr);
        if (status)
                return status;
        struct sal_campaign_row row = {0};
        status = sal_campaign_row_get(act->tx, campaign->id, campaign->version, false, &row);
        if (status == SAL_OK) {
                sal_fail(reterr, SAL_E_CONFLICT, "campaign %s@%" PRId64 " exists already (%s)", campaign->id,
                         campaign->version, sal_campaign_state_name(row.state));
                sal_err_ref(reterr, sal_campaign_state_name(row.state));
                sal_campaign_row_done(&row);
                return SAL_E_CONFLICT;
        }
        if (status != SAL_E_NOT_FOUND)
                return status;
        row = (struct sal_campaign_row){.version = campaign->version,
                                        .state = SAL_CAMPAIGN_DRAFT,
                                        .created_ms = sal_tx_now_ms(act->tx),
                                        .period = 1,
                                        .served_stopped_ms = -1};
        snprintf(row.id, sizeof row.id, "%s", campaign->id);
        snprintf(row.drafted_by, sizeof row.drafted_by, "%s", act->operator_name);
        status = fill_row(bytes, len, &row);
        if (!status)
                status = sal_campaign_row_insert(act->tx, &row);
        if (!status)
                status = sal_journal_admin(act, "campaign.create", row.id, row.version, NULL,
                                           json_pack("{s:s}", "digest", row.digest));
        if (!status)
                *ret = sal_campaign_view(act, &row, NULL, campaign, true);
        sal_campaign_row_done(&row);
        return status;
}

enum sal_status sal_draft_get(const struct sal_act *act, const char *id, int64_t version, struct sal_campaign_row *ret,
                              struct sal_err *reterr) {
        enum sal_status status = sal_campaign_row_get(act->tx, id, version, true, ret);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "there is no campaign %s@%" PRId64, id, version);
        if (status)
                return status;
        if (ret->state == SAL_CAMPAIGN_DRAFT || ret->state == SAL_CAMPAIGN_READY)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CONFLICT, "campaign %s@%" PRId64 " is %s: what was started cannot be changed", id,
                 version, sal_campaign_state_name(ret->state));
        sal_err_ref(reterr, sal_campaign_state_name(ret->state));
        sal_err_hint(reterr, "author a new version");
        sal_campaign_row_done(ret);
        return SAL_E_CONFLICT;
}

enum sal_status sal_draft_replace(const struct sal_act *act, const char *id, int64_t version, const char *bytes,
                                  size_t len, json_t **ret, struct sal_err *reterr) {
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        enum sal_status status = sal_campaign_parse(bytes, len, &campaign, reterr);
        if (!status)
                status = check_domain(act, campaign, reterr);
        if (status)
                return status;
        if (strcmp(campaign->id, id) != 0)
                return sal_fail_at(reterr, SAL_E_INVALID, "/id", "the payload's id is not the path's");
        if (campaign->version != version)
                return sal_fail_at(reterr, SAL_E_INVALID, "/version", "the payload's version is not the path's");
        struct sal_campaign_row row = {0};
        status = sal_draft_get(act, id, version, &row, reterr);
        if (status)
                return status;
        bool was_ready = row.state == SAL_CAMPAIGN_READY;
        row.state = SAL_CAMPAIGN_DRAFT;
        status = sal_campaign_limits_fit(act, &row, campaign, reterr);
        if (!status)
                status = fill_row(bytes, len, &row);
        if (!status)
                status = sal_signature_delete_all(act->tx, row.row);
        if (!status)
                status = sal_campaign_row_update(act->tx, &row);
        if (!status && was_ready)
                status = sal_journal_state(act->tx, &row);
        if (!status)
                status = sal_journal_admin(act, "campaign.replace", id, version, NULL,
                                           json_pack("{s:s}", "digest", row.digest));
        if (!status)
                *ret = sal_campaign_view(act, &row, NULL, campaign, true);
        sal_campaign_row_done(&row);
        return status;
}

enum sal_status sal_draft_delete(const struct sal_act *act, const char *id, int64_t version, struct sal_err *reterr) {
        struct sal_campaign_row row = {0};
        enum sal_status status = sal_draft_get(act, id, version, &row, reterr);
        if (status)
                return status;
        status = sal_signature_delete_all(act->tx, row.row);
        if (!status)
                status = sal_campaign_row_delete(act->tx, row.row);
        if (!status)
                status = sal_journal_admin(act, "campaign.delete", id, version, NULL, NULL);
        sal_campaign_row_done(&row);
        return status;
}

/* ---- signatures ---- */

/* The author whose key made the signature; keyid is a hint and only says where to look first. */
static const struct sal_public_key *signer_of(const struct sal_policy *policy, const struct sal_campaign_row *row,
                                              const char *keyid, const uint8_t *sig, size_t sig_len) {
        const struct sal_public_key *named = sal_policy_author_key(policy, keyid);
        if (named && sal_dsse_verify_one(SAL_CAMPAIGN_TYPE, row->payload, row->payload_len, named, sig, sig_len))
                return named;
        size_t count = 0;
        const struct sal_public_key *const *keys = sal_policy_keys(policy, &count);
        for (size_t i = 0; i < count; i++)
                if (sal_dsse_verify_one(SAL_CAMPAIGN_TYPE, row->payload, row->payload_len, keys[i], sig, sig_len))
                        return keys[i];
        return NULL;
}

static enum sal_status check_signature(const struct sal_act *act, const struct sal_campaign_row *row,
                                       const struct sal_campaign *campaign, const char *keyid, const char *sig_text,
                                       const struct sal_public_key **ret_key, struct sal_err *reterr) {
        sal_autofree uint8_t *sig = NULL;
        size_t sig_len = 0;
        if (sal_base64_decode(sig_text, strlen(sig_text), &sig, &sig_len))
                return sal_fail_at(reterr, SAL_E_INVALID, "/sig", "must be base64 (RFC 4648 section 4, padded)");
        const struct sal_public_key *key = signer_of(act->service->policy, row, keyid, sig, sig_len);
        if (!key) {
                sal_fail_at(reterr, SAL_E_UNTRUSTED, "/sig", "no author's key verifies this signature of digest %s",
                            row->digest);
                sal_err_hint(reterr, "sign the bytes of GET …/payload as DSSE, with payload type %s",
                             SAL_CAMPAIGN_TYPE);
                return SAL_E_UNTRUSTED;
        }
        struct sal_policy_action actions[SAL_CAMPAIGN_MAX_ACTIONS];
        sal_policy_actions_of(campaign, actions);
        *ret_key = key;
        return sal_policy_may_sign(act->service->policy, actions, campaign->action_count, key, reterr);
}

enum sal_status sal_draft_sign(const struct sal_act *act, const char *id, int64_t version, const json_t *body,
                               json_t **ret, struct sal_err *reterr) {
        static const char *const known[] = {"keyid", "sig", NULL};
        struct sal_json_at at = sal_json_root(body);
        const char *keyid = NULL, *sig = NULL;
        enum sal_status status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_string(&at, "keyid", true, 0, 128, &keyid, reterr);
        if (!status)
                status = sal_json_string(&at, "sig", true, 1, 1024, &sig, reterr);
        if (status)
                return status;
        struct sal_campaign_row row = {0};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        const struct sal_public_key *key = NULL;
        status = sal_draft_get(act, id, version, &row, reterr);
        if (!status)
                status = sal_campaign_parse(row.payload, row.payload_len, &campaign, reterr);
        if (!status)
                status = check_signature(act, &row, campaign, keyid, sig, &key, reterr);
        if (!status)
                status = sal_signature_put(act->tx, row.row, sal_public_key_id(key), sig);
        struct sal_err missing;
        if (!status && row.state == SAL_CAMPAIGN_DRAFT &&
            sal_signatures_suffice(act, &row, campaign, &missing) == SAL_OK) {
                row.state = SAL_CAMPAIGN_READY;
                status = sal_campaign_row_update(act->tx, &row);
                if (!status)
                        status = sal_journal_state(act->tx, &row);
        }
        if (!status)
                status = sal_journal_admin(act, "campaign.sign", id, version, NULL,
                                           json_pack("{s:s, s:s}", "keyid", sal_public_key_id(key), "digest",
                                                     row.digest));
        if (!status)
                *ret = sal_campaign_view(act, &row, NULL, campaign, true);
        sal_campaign_row_done(&row);
        return status;
}
