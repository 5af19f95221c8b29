/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/done.h"

#include "base/json.h"

#include <string.h>

static const char name[] = "done.json";

/* A new array; empty where there is none that can be read. NULL without memory. */
static json_t *read_list(struct sal_store *store) {
        sal_autofree char *bytes = NULL;
        json_t *list = NULL;
        size_t len = 0;
        if (sal_store_get(store, name, SAL_DONE_MAX_BYTES, &bytes, &len, NULL) ||
            sal_json_parse(bytes, len, 4, &list, NULL) || json_is_array(list))
                return list ? list : json_array();
        json_decref(list);
        return json_array();
}

static bool is_this(const json_t *item, const char *campaign, int64_t version) {
        const char *id = json_string_value(json_object_get(item, "campaign"));
        return id && strcmp(id, campaign) == 0 && json_integer_value(json_object_get(item, "version")) == version;
}

bool sal_done_has(struct sal_store *store, const char *campaign, int64_t version) {
        sal_autojson json_t *list = read_list(store);
        for (size_t i = 0; i < json_array_size(list); i++)
                if (is_this(json_array_get(list, i), campaign, version))
                        return true;
        return false;
}

enum sal_status sal_done_add(struct sal_store *store, const char *campaign, int64_t version, struct sal_err *reterr) {
        sal_autojson json_t *list = read_list(store);
        for (size_t i = json_array_size(list); i-- > 0;)
                if (is_this(json_array_get(list, i), campaign, version))
                        json_array_remove(list, i);
        while (json_array_size(list) >= SAL_DONE_MAX)
                json_array_remove(list, 0);
        sal_autofree char *text = NULL;
        if (list && json_array_append_new(list, json_pack("{s:s,s:I}", "campaign", campaign, "version",
                                                          (json_int_t)version)) == 0)
                text = sal_json_dump(list);
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for %s", name);
        return sal_store_put(store, name, text, strlen(text), reterr);
}

enum sal_status sal_done_forget(struct sal_store *store, struct sal_err *reterr) {
        return sal_store_remove(store, name, reterr);
}
