/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a DSSE envelope: what is accepted can be written and read again, with the same payload. */
#include "base/mem.h"
#include "trust/dsse.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
        struct sal_err err = {0};
        if (sal_envelope_parse((const char *)data, len, SAL_CAMPAIGN_PAYLOAD_TYPE, &envelope, &err))
                return 0;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_envelope_serialise(envelope, &text);
        sal_auto(sal_envelope) struct sal_envelope *again = NULL;
        if (sal_envelope_parse(text.data, text.len, SAL_CAMPAIGN_PAYLOAD_TYPE, &again, &err) ||
            again->payload_len != envelope->payload_len ||
            memcmp(again->payload, envelope->payload, again->payload_len) != 0)
                abort();
        return 0;
}
