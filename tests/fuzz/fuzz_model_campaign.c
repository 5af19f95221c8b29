/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a campaign's payload; what its selector says no to is told in words. */
#include "model/campaign.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        struct sal_err err = {0};
        enum sal_status status = sal_campaign_parse((const char *)data, len, &campaign, &err);
        if (!status && (campaign->action_count < 1 || campaign->action_count > SAL_CAMPAIGN_MAX_ACTIONS))
                abort();
        if (status && !err.detail[0])
                abort();
        struct sal_selector_why why = {0};
        if (!status && sal_selector_why(campaign->match, NULL, &why) == sal_selector_match(campaign->match, NULL))
                abort();
        if (strnlen(why.text, sizeof why.text) == sizeof why.text || strchr(why.text, '\n'))
                abort();
        return 0;
}
