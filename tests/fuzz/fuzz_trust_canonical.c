/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON in canonical form: the form depends on the value alone, not on how or in which order it was written. */
#include "harness.h"
#include "trust/canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_autojson json_t *json = NULL, *again = NULL;
        sal_autobuf struct sal_buf first = SAL_BUF_INIT, second = SAL_BUF_INIT;
        if (sal_json_parse((const char *)data, len, SAL_JSON_MAX_DEPTH, &json, NULL) ||
            sal_canonical_write(json, &first, NULL))
                return 0;
        sal_autofree char *text =
                json_dumps(json, JSON_SORT_KEYS | JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
        check(text && !sal_json_parse(text, strlen(text), SAL_JSON_MAX_DEPTH, &again, NULL));
        check(!sal_canonical_write(again, &second, NULL));
        check(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
        return 0;
}
