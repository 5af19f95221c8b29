/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as base64: what is accepted has one spelling only. */
#include "base/encode.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        const char *text = (const char *)data;
        sal_autofree uint8_t *bytes = NULL;
        size_t bytes_len = 0;
        if (!sal_base64_decode(text, len, &bytes, &bytes_len)) {
                sal_autofree char *again = sal_base64_encode(bytes, bytes_len);
                if (strlen(again) != len || memcmp(again, text, len) != 0)
                        abort();
        }
        sal_autofree uint8_t *url_bytes = NULL;
        if (!sal_base64url_decode(text, len, &url_bytes, &bytes_len)) {
                sal_autofree char *again = sal_base64url_encode(url_bytes, bytes_len);
                if (strlen(again) != len || memcmp(again, text, len) != 0)
                        abort();
        }
        return 0;
}
