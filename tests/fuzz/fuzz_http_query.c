/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a query: decoded members never hold control bytes and stay within their number. */
#include "base/mem.h"
#include "http/framing.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_autofree char *query = malloc(len + 1);
        if (!query)
                return 0;
        if (len)
                memcpy(query, data, len);
        query[len] = '\0';
        struct sal_err err = {0};
        sal_http_path_check(query, &err);
        struct sal_http_member members[SAL_HTTP_MAX_QUERY];
        size_t count = 0;
        if (sal_http_query_parse(query, members, &count, &err))
                return 0;
        if (count > SAL_HTTP_MAX_QUERY)
                abort();
        for (size_t i = 0; i < count; i++)
                for (const char *p = members[i].value; *p; p++)
                        if ((unsigned char)*p < ' ')
                                abort();
        return 0;
}
