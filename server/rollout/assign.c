/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/assign.h"

#include "base/encode.h"

#include <string.h>

double sal_ring_position(const char *campaign_id, const char *machine_id) {
        uint8_t digest[SAL_SHA256_BYTES];
        char text[256];
        size_t campaign_len = strlen(campaign_id);
        size_t machine_len = strlen(machine_id);
        if (campaign_len + 1 + machine_len > sizeof text) {
                /* Names of this length are refused before they come here; cut, never overrun. */
                campaign_len = campaign_len < 64 ? campaign_len : 64;
                machine_len = machine_len < 64 ? machine_len : 64;
        }
        memcpy(text, campaign_id, campaign_len);
        text[campaign_len] = ':';
        memcpy(text + campaign_len + 1, machine_id, machine_len);
        sal_sha256(text, campaign_len + 1 + machine_len, digest);
        uint64_t number = 0;
        for (int i = 0; i < 8; i++)
                number = number << 8 | digest[i];
        return (double)number / 18446744073709551616.0;
}

size_t sal_ring_of(const struct sal_plan *plan, const char *campaign_id, const char *machine_id, const char *pin) {
        if (pin && *pin) {
                int ring = sal_plan_ring_index(plan, pin);
                return ring < 0 ? plan->ring_count - 1 : (size_t)ring;
        }
        double u = sal_ring_position(campaign_id, machine_id);
        double cumulative = 0;
        for (size_t i = 0; i + 1 < plan->ring_count; i++) {
                cumulative += plan->rings[i].share;
                if (cumulative > u)
                        return i;
        }
        return plan->ring_count - 1;
}

void sal_ring_interval(const struct sal_plan *plan, size_t ring, double *ret_from, double *ret_to) {
        double cumulative = 0;
        for (size_t i = 0; i < ring; i++)
                cumulative += plan->rings[i].share;
        *ret_from = cumulative;
        *ret_to = ring + 1 < plan->ring_count ? cumulative + plan->rings[ring].share : 1;
}
