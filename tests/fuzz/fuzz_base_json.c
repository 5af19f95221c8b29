/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON: what is accepted can be written again, and what is refused has a text that is UTF-8. */
#include "base/json.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_autojson json_t *value = NULL;
        struct sal_err err = {0};
        if (sal_json_parse((const char *)data, len, SAL_JSON_MAX_DEPTH, &value, &err)) {
                sal_autojson json_t *detail = json_string(err.detail);
                if (!detail)
                        abort();
                return 0;
        }
        sal_autofree char *text = sal_json_dump(value);
        if (!text)
                abort();
        return 0;
}
