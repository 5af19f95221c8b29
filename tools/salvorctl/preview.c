/* SPDX-License-Identifier: Apache-2.0 */
/* How many machines a campaign reaches: the server looks at so many machines per page, the pages are summed here. */
#include "command.h"
#include "confirm.h"
#include "out.h"

#include <string.h>

enum { PAGES_MAX = 1000, SAMPLE_ITEMS = 10, CURSOR_BYTES = 1024 };

static void add_number(json_t *to, const json_t *from, const char *key) {
        json_object_set_new(to, key, json_integer(sal_number(to, key) + sal_number(from, key)));
}

static json_t *ring_of(json_t *rings, const char *name) {
        for (size_t i = 0; i < json_array_size(rings); i++)
                if (strcmp(sal_text(json_array_get(rings, i), "name"), name) == 0)
                        return json_array_get(rings, i);
        json_array_append_new(rings, json_pack("{s:s, s:i}", "name", name, "matching", 0));
        return json_array_get(rings, json_array_size(rings) - 1);
}

static void add_page(json_t *sum, const json_t *page) {
        static const char *const numbers[] = {"looked_at", "matching", "opted_out"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(numbers); i++)
                add_number(sum, page, numbers[i]);
        json_t *rings = json_object_get(sum, "rings");
        const json_t *more = json_object_get(page, "rings");
        for (size_t i = 0; i < json_array_size(more); i++) {
                const json_t *row = json_array_get(more, i);
                json_t *ring = ring_of(rings, sal_text(row, "name"));
                add_number(ring, row, "matching");
        }
        json_t *sample = json_object_get(sum, "sample");
        const json_t *others = json_object_get(page, "sample");
        for (size_t i = 0; i < json_array_size(others) && json_array_size(sample) < SAMPLE_ITEMS; i++)
                json_array_append(sample, json_array_get(others, i));
}

enum sal_status sal_ctl_preview(struct sal_ctl *ctl, const struct sal_ctl_campaign *campaign, json_t **ret,
                                struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES], cursor[CURSOR_BYTES] = "";
        sal_ctl_path(campaign, "preview", path);
        sal_autojson json_t *sum = json_pack("{s:[], s:[]}", "rings", "sample");
        if (!sum)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a preview");
        for (int i = 0; i < PAGES_MAX; i++) {
                sal_autobuf struct sal_buf query = SAL_BUF_INIT;
                if (*cursor) {
                        sal_buf_puts(&query, "cursor=");
                        sal_client_query_escape(&query, cursor);
                }
                sal_autojson json_t *page = NULL;
                enum sal_status status = sal_admin_get(ctl->admin, path, query.data, &page, reterr);
                if (!status && !json_is_integer(json_object_get(page, "matching")))
                        status = sal_ctl_unconfirmed(reterr, "how many machines match");
                if (status)
                        return status;
                add_page(sum, page);
                const char *next = sal_text(page, "next_cursor");
                if (!*next || strlen(next) >= sizeof cursor || strcmp(next, cursor) == 0)
                        break;
                snprintf(cursor, sizeof cursor, "%s", next);
        }
        *ret = SAL_STEAL(sum);
        return SAL_OK;
}
