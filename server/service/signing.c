/* SPDX-License-Identifier: Apache-2.0 */
#include "service/signing.h"

#include "base/encode.h"
#include "trust/dsse.h"

#include <string.h>

void sal_policy_actions_of(const struct sal_campaign *campaign,
                           struct sal_policy_action ret[static SAL_CAMPAIGN_MAX_ACTIONS]) {
        for (size_t i = 0; i < campaign->action_count; i++)
                ret[i] = (struct sal_policy_action){.kind = sal_action_kind_name(campaign->actions[i].kind),
                                                    .path = campaign->actions[i].path,
                                                    .path2 = campaign->actions[i].to};
}

struct gather {
        struct sal_envelope *envelope;
        enum sal_status status;
};

static bool add_signature(void *arg, const char *keyid, const char *sig_base64) {
        struct gather *gather = arg;
        sal_autofree uint8_t *sig = NULL;
        size_t len = 0;
        gather->status = sal_base64_decode(sig_base64, strlen(sig_base64), &sig, &len);
        if (!gather->status)
                gather->status = sal_envelope_add(gather->envelope, keyid, sig, len, NULL);
        return gather->status == SAL_OK;
}

static enum sal_status gather_envelope(const struct sal_act *act, const struct sal_campaign_row *row,
                                       struct sal_envelope **ret) {
        struct gather gather = {.envelope = sal_envelope_new(SAL_CAMPAIGN_TYPE, row->payload, row->payload_len)};
        if (!gather.envelope)
                return SAL_E_NOMEM;
        enum sal_status status = sal_signature_each(act->tx, row->row, add_signature, &gather);
        if (!status)
                status = gather.status;
        if (status) {
                sal_envelope_free(gather.envelope);
                return status;
        }
        *ret = gather.envelope;
        return SAL_OK;
}

enum sal_status sal_signatures_suffice(const struct sal_act *act, const struct sal_campaign_row *row,
                                       const struct sal_campaign *campaign, struct sal_err *reterr) {
        sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
        enum sal_status status = gather_envelope(act, row, &envelope);
        if (status)
                return sal_fail(reterr, status, "the stored signatures cannot be read");
        size_t key_count = 0;
        const struct sal_public_key *const *keys = sal_policy_keys(act->service->policy, &key_count);
        struct sal_key_set signers = {0};
        status = sal_envelope_verify(envelope, keys, key_count, &signers);
        struct sal_policy_action actions[SAL_CAMPAIGN_MAX_ACTIONS];
        sal_policy_actions_of(campaign, actions);
        if (!status)
                status = sal_policy_check(act->service->policy, actions, campaign->action_count, &signers, reterr);
        sal_key_set_done(&signers);
        return status;
}

enum sal_status sal_envelope_build(const struct sal_act *act, const struct sal_campaign_row *row,
                                   struct sal_bytes *ret) {
        sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
        enum sal_status status = gather_envelope(act, row, &envelope);
        if (status)
                return status;
        struct sal_buf bytes = SAL_BUF_INIT;
        sal_envelope_serialise(envelope, &bytes);
        ret->data = sal_buf_take(&bytes, &ret->len);
        return ret->data ? SAL_OK : SAL_E_NOMEM;
}
