/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/admission.h"

#include <string.h>

static const char *const texts[] = {
        [SAL_ADMIT_YES] = "yes",
        [SAL_ADMIT_ENVELOPE] = "envelope",
        [SAL_ADMIT_SIGNATURES] = "signatures",
        [SAL_ADMIT_PAYLOAD] = "payload",
        [SAL_ADMIT_TRUST_DOMAIN] = "trust-domain",
        [SAL_ADMIT_NAME] = "name",
        [SAL_ADMIT_REVOKED] = "revoked",
        [SAL_ADMIT_EXPIRED] = "expired",
        [SAL_ADMIT_TWICE] = "twice",
        [SAL_ADMIT_TOO_MANY] = "too-many",
        [SAL_ADMIT_INTERNAL] = "internal",
};
_Static_assert(SAL_ARRAY_LEN(texts) == SAL_ADMISSIONS, "every admission has a text");

const char *sal_admission_text(enum sal_admission admission) {
        return texts[admission];
}

static enum sal_admission or_internal(enum sal_status status, enum sal_admission admission) {
        return status == SAL_E_NOMEM ? SAL_ADMIT_INTERNAL : admission;
}

/* At least one author's key must have made a signature before the payload is parsed at all. */
static enum sal_admission verify(const struct sal_policy *policy, const struct sal_envelope *envelope,
                                 struct sal_key_set *signers, struct sal_err *reterr) {
        size_t key_count = 0;
        const struct sal_public_key *const *keys = sal_policy_keys(policy, &key_count);
        if (sal_envelope_verify(envelope, keys, key_count, signers)) {
                sal_fail(reterr, SAL_E_NOMEM, "no memory to verify an envelope");
                return SAL_ADMIT_INTERNAL;
        }
        if (signers->count > 0)
                return SAL_ADMIT_YES;
        sal_fail(reterr, SAL_E_UNTRUSTED, "no author of the trust policy signed this envelope");
        return SAL_ADMIT_SIGNATURES;
}

static enum sal_admission check_classes(const struct sal_policy *policy, const struct sal_campaign *campaign,
                                        const struct sal_key_set *signers, struct sal_err *reterr) {
        struct sal_policy_action actions[SAL_CAMPAIGN_MAX_ACTIONS];
        for (size_t i = 0; i < campaign->action_count; i++)
                actions[i] = (struct sal_policy_action){.kind = sal_action_kind_name(campaign->actions[i].kind),
                                                        .path = campaign->actions[i].path,
                                                        .path2 = campaign->actions[i].to};
        return sal_policy_check(policy, actions, campaign->action_count, signers, reterr) ? SAL_ADMIT_SIGNATURES
                                                                                          : SAL_ADMIT_YES;
}

/* What holds for this campaign, here and now. */
static enum sal_admission check_place(const struct sal_admission_rules *rules, const struct sal_campaign *campaign,
                                      const char *path, struct sal_err *reterr) {
        char own_path[SAL_TARGET_PATH_BYTES];
        sal_campaign_target_path(campaign->id, campaign->version, own_path);
        if (strcmp(campaign->trust_domain, rules->trust_domain) != 0) {
                sal_fail_at(reterr, SAL_E_UNTRUSTED, "/trust_domain",
                            "signed for trust domain %.64s, this one is %.64s", campaign->trust_domain,
                            rules->trust_domain);
                return SAL_ADMIT_TRUST_DOMAIN;
        }
        if (strcmp(path, own_path) != 0) {
                sal_fail(reterr, SAL_E_UNTRUSTED, "the envelope of %s under the name %.128s", own_path, path);
                return SAL_ADMIT_NAME;
        }
        if (sal_policy_is_revoked(rules->policy, campaign->id, campaign->version)) {
                sal_fail(reterr, SAL_E_REFUSED, "the trust policy revokes %s", own_path);
                return SAL_ADMIT_REVOKED;
        }
        if (campaign->expires_ms <= rules->now_ms) {
                sal_fail_at(reterr, SAL_E_REFUSED, "/expires", "%s has expired", own_path);
                return SAL_ADMIT_EXPIRED;
        }
        return SAL_ADMIT_YES;
}

enum sal_admission sal_admit(const struct sal_admission_rules *rules, const char *path, const char *bytes, size_t len,
                             struct sal_campaign **ret_campaign, struct sal_err *reterr) {
        sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        sal_autokeyset struct sal_key_set signers = SAL_KEY_SET_INIT;
        enum sal_status status = sal_envelope_parse(bytes, len, SAL_CAMPAIGN_PAYLOAD_TYPE, &envelope, reterr);
        if (status)
                return or_internal(status, SAL_ADMIT_ENVELOPE);
        enum sal_admission admission = verify(rules->policy, envelope, &signers, reterr);
        if (admission)
                return admission;
        status = sal_campaign_parse((const char *)envelope->payload, envelope->payload_len, &campaign, reterr);
        if (status)
                return or_internal(status, SAL_ADMIT_PAYLOAD);
        admission = check_classes(rules->policy, campaign, &signers, reterr);
        if (!admission)
                admission = check_place(rules, campaign, path, reterr);
        if (!admission && ret_campaign)
                *ret_campaign = SAL_STEAL(campaign);
        return admission;
}
