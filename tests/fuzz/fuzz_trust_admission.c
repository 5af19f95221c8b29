/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an envelope, any bytes as a payload that its authors signed, and a good envelope that is bent, under any
 * name: what is admitted was signed by both authors, is called what its target is called, and is in force.
 */
#include "domain.h"
#include "trust/admission.h"

static void judge(const struct fuzz_domain *d, const char *path, const char *bytes, size_t len, bool signed_by_all) {
        const struct sal_admission_rules rules = {
                .policy = d->parsed_policy, .trust_domain = d->trust_domain, .now_ms = fuzz_now_ms};
        struct sal_campaign *campaign = NULL;
        struct sal_err err = {0};
        enum sal_admission said = sal_admit(&rules, path, bytes, len, &campaign, &err);
        check((said == SAL_ADMIT_YES) == (campaign != NULL) && said < SAL_ADMISSIONS);
        if (!campaign)
                return;
        char own[SAL_TARGET_PATH_BYTES];
        sal_campaign_target_path(campaign->id, campaign->version, own);
        check(signed_by_all && strcmp(own, path) == 0);
        check(strcmp(campaign->id, "bad-fix") != 0 && campaign->expires_ms > fuzz_now_ms);
        sal_campaign_unref(campaign);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        const struct fuzz_domain *d = fuzz_domain();
        uint8_t what = fuzz_byte(&data, &len) % 6;
        sal_autofree char *path = fuzz_next(&data, &len), *payload = fuzz_payload(d, "fix", 1);
        sal_autofree char *envelope = NULL;
        if (what < 3) { /* the payload is the input's, signed by none, one or both */
                envelope = fuzz_seal(d, data, len, what);
                judge(d, path, envelope, strlen(envelope), what == 2);
        } else if (what == 3) {
                judge(d, path, (const char *)data, len, false);
        } else if (what == 4) { /* bent: what is admitted must still be that payload, whose name is its own */
                sal_autofree char *good = fuzz_seal(d, payload, strlen(payload), 2);
                envelope = fuzz_bend(good, strlen(good), 4, &data, &len);
                judge(d, "campaigns/fix-1.json", envelope, strlen(good), true);
        } else { /* a good payload that is bent before both sign */
                sal_autofree char *bent = fuzz_bend(payload, strlen(payload), 8, &data, &len);
                envelope = fuzz_seal(d, bent, strlen(payload), 2);
                judge(d, path, envelope, strlen(envelope), true);
        }
        return 0;
}
