/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/floor.h"

#include "base/clock.h"
#include "base/json.h"

#include <string.h>

int64_t sal_floor_build_ms(void) {
        return INT64_C(1000) * SALVOR_BUILD_UNIX_SECONDS;
}

int64_t sal_floor_ms(struct sal_store *store) {
        sal_autofree char *bytes = NULL;
        sal_autojson json_t *document = NULL;
        size_t len = 0;
        int64_t kept = 0, build = sal_floor_build_ms();
        if (!sal_store_get(store, "time.json", 4096, &bytes, &len, NULL) &&
            !sal_json_parse(bytes, len, 4, &document, NULL)) {
                const char *text = json_string_value(json_object_get(document, "not_before"));
                if (!text || sal_time_parse(text, &kept))
                        kept = 0;
        }
        return kept > build ? kept : build;
}

enum sal_status sal_floor_raise(struct sal_store *store, int64_t unix_ms, int64_t vouched_ms, struct sal_err *reterr) {
        if (unix_ms > vouched_ms)
                unix_ms = vouched_ms;
        if (unix_ms <= sal_floor_ms(store))
                return SAL_OK;
        char when[SAL_TIME_BYTES], text[64];
        sal_time_format(unix_ms, when);
        int len = snprintf(text, sizeof text, "{\"not_before\":\"%s\"}", when);
        return sal_store_put(store, "time.json", text, (size_t)len, reterr);
}

enum sal_status sal_floor_forget(struct sal_store *store, struct sal_err *reterr) {
        return sal_store_remove(store, "time.json", reterr);
}

int64_t sal_client_time_ms(int64_t floor_ms, int64_t server_ms, int64_t own_ms) {
        int64_t now = server_ms >= 0 ? server_ms : own_ms;
        return now > floor_ms ? now : floor_ms;
}
