/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/judge.h"

#include "base/clock.h"
#include "trust/dsse.h"
#include "trust/file.h"

#include <string.h>

enum sal_status sal_trust_load(const char *root_path, const char *policy_path, struct sal_trust *ret,
                               struct sal_err *reterr) {
        sal_autofree char *root = NULL, *policy = NULL;
        size_t root_len = 0, policy_len = 0;
        struct sal_err cause = {0};
        enum sal_status status = sal_file_read(root_path, SAL_ROOT_MAX_BYTES, &root, &root_len, &cause);
        if (!status)
                status = sal_file_read(policy_path, SAL_POLICY_MAX_BYTES, &policy, &policy_len, &cause);
        if (status)
                return sal_fail(reterr, SAL_E_CONFIG, "%s", cause.detail);
        if (root_len == 0)
                return sal_fail(reterr, SAL_E_CONFIG, "the pinned root %.300s is empty", root_path);
        struct sal_trust trust = {0};
        sal_sha256_hex(root, root_len, trust.domain);
        status = sal_policy_parse(policy, policy_len, &trust.policy, &cause);
        if (status)
                return sal_fail(reterr, status == SAL_E_NOMEM ? status : SAL_E_CONFIG,
                                "the pinned policy %.200s: %s%s%s", policy_path, cause.detail,
                                *cause.pointer ? " at " : "", cause.pointer);
        *ret = trust;
        return SAL_OK;
}

void sal_trust_done(struct sal_trust *trust) {
        if (!trust)
                return;
        sal_policy_unref(trust->policy);
        *trust = (struct sal_trust){0};
}

enum sal_status sal_judge_bytes(const struct sal_judge_offer *offer, const char *bytes, size_t len,
                                struct sal_err *reterr) {
        char sha256[SAL_SHA256_HEX_BYTES];
        if (offer->length < 0 || (uint64_t)offer->length != len)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "target %.128s has %zu bytes, offered were %lld",
                                offer->target, len, (long long)offer->length);
        sal_sha256_hex(bytes, len, sha256);
        if (strcmp(sha256, offer->sha256) != 0)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "target %.128s has the SHA-256 %s, offered was %.64s",
                                offer->target, sha256, offer->sha256);
        return SAL_OK;
}

/* The smallest threshold of the policy: with fewer signers no class can be satisfied, and the payload is not read. */
static size_t least_threshold(const struct sal_policy *policy) {
        size_t least = SIZE_MAX;
        for (size_t i = 0; i < sal_policy_class_count(policy); i++) {
                size_t threshold = (size_t)sal_policy_class(policy, i)->threshold;
                if (threshold < least)
                        least = threshold;
        }
        return least;
}

/* Signatures first; the payload is parsed only when some class could be satisfied by them. */
static enum sal_status judge_signatures(const struct sal_trust *trust, const char *bytes, size_t len,
                                        struct sal_key_set *signers, struct sal_campaign **ret,
                                        struct sal_err *reterr) {
        sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
        size_t key_count = 0;
        const struct sal_public_key *const *keys = sal_policy_keys(trust->policy, &key_count);
        enum sal_status status = sal_envelope_parse(bytes, len, SAL_CAMPAIGN_PAYLOAD_TYPE, &envelope, reterr);
        if (!status)
                status = sal_envelope_verify(envelope, keys, key_count, signers);
        if (status)
                return status;
        size_t least = least_threshold(trust->policy);
        if (signers->count < least)
                return sal_fail(reterr, SAL_E_UNTRUSTED,
                                "%zu authors of the policy signed, and no class allows anything with fewer than %zu",
                                signers->count, least);
        return sal_campaign_parse((const char *)envelope->payload, envelope->payload_len, ret, reterr);
}

static enum sal_status judge_policy(const struct sal_trust *trust, const struct sal_campaign *campaign,
                                    const struct sal_key_set *signers, struct sal_err *reterr) {
        struct sal_policy_action actions[SAL_CAMPAIGN_MAX_ACTIONS];
        for (size_t i = 0; i < campaign->action_count; i++)
                actions[i] = (struct sal_policy_action){.kind = sal_action_kind_name(campaign->actions[i].kind),
                                                        .path = campaign->actions[i].path,
                                                        .path2 = campaign->actions[i].to};
        enum sal_status status = sal_policy_check(trust->policy, actions, campaign->action_count, signers, reterr);
        if (!status && sal_policy_is_revoked(trust->policy, campaign->id, campaign->version))
                status = sal_fail(reterr, SAL_E_UNTRUSTED, "campaign %s version %lld is revoked", campaign->id,
                                  (long long)campaign->version);
        return status;
}

static enum sal_status judge_name(const struct sal_trust *trust, const struct sal_judge_offer *offer,
                                  const struct sal_campaign *campaign, struct sal_err *reterr) {
        char target[SAL_TARGET_PATH_BYTES];
        if (strcmp(campaign->trust_domain, trust->domain) != 0)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "campaign %s is for the trust domain %.16s…, here is %.16s…",
                                campaign->id, campaign->trust_domain, trust->domain);
        sal_campaign_target_path(campaign->id, campaign->version, target);
        if (strcmp(target, offer->target) != 0 || strcmp(campaign->id, offer->campaign) != 0 ||
            campaign->version != offer->version)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "the target %.128s holds campaign %s version %lld",
                                offer->target, campaign->id, (long long)campaign->version);
        return SAL_OK;
}

static enum sal_status judge_moment(const struct sal_judge_offer *offer, const struct sal_campaign *campaign,
                                    struct sal_err *reterr) {
        char now[SAL_TIME_BYTES], bound[SAL_TIME_BYTES];
        sal_time_format(offer->now_ms, now);
        if (offer->now_ms >= campaign->expires_ms) {
                sal_time_format(campaign->expires_ms, bound);
                return sal_fail(reterr, SAL_E_REFUSED, "campaign %s expired at %s, now is %s", campaign->id, bound,
                                now);
        }
        if (offer->now_ms < campaign->not_before_ms - SAL_NOT_BEFORE_TOLERANCE_MS) {
                sal_time_format(campaign->not_before_ms, bound);
                return sal_fail(reterr, SAL_E_REFUSED, "campaign %s is not valid before %s, now is %s", campaign->id,
                                bound, now);
        }
        if (campaign->drill != (strcmp(offer->reason, "drill") == 0))
                return sal_fail(reterr, SAL_E_REFUSED, "campaign %s is %s drill, and the reason to ask is %s",
                                campaign->id, campaign->drill ? "a" : "no", offer->reason);
        if (!sal_selector_match(campaign->match, offer->facts))
                return sal_fail(reterr, SAL_E_REFUSED, "campaign %s is not meant for a machine with these facts",
                                campaign->id);
        return SAL_OK;
}

enum sal_status sal_judge_campaign(const struct sal_trust *trust, const struct sal_judge_offer *offer,
                                   const char *bytes, size_t len, struct sal_campaign **ret, struct sal_err *reterr) {
        sal_autokeyset struct sal_key_set signers = SAL_KEY_SET_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        enum sal_status status = judge_signatures(trust, bytes, len, &signers, &campaign, reterr);
        if (!status)
                status = judge_policy(trust, campaign, &signers, reterr);
        if (!status)
                status = judge_name(trust, offer, campaign, reterr);
        if (!status)
                status = judge_moment(offer, campaign, reterr);
        if (!status)
                *ret = SAL_STEAL(campaign);
        return status;
}
