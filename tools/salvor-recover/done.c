/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/done.h"

#include "base/json.h"

#include <string.h>

static const char done_name[] = "done.json", tried_name[] = "tried.json";

/* A new array; empty where there is none that can be read. NULL without memory. */
static json_t *read_list(struct sal_store *store, const char *name) {
        sal_autofree char *bytes = NULL;
        json_t *list = NULL;
        size_t len = 0;
        if (sal_store_get(store, name, SAL_DONE_MAX_BYTES, &bytes, &len, NULL) ||
            sal_json_parse(bytes, len, 4, &list, NULL) || json_is_array(list))
                return list ? list : json_array();
        json_decref(list);
        return json_array();
}

static bool names(const json_t *item, const char *campaign) {
        const char *id = json_string_value(json_object_get(item, "campaign"));
        return id && strcmp(id, campaign) == 0;
}

static const json_t *find(const json_t *list, const char *campaign, int64_t version) {
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *item = json_array_get(list, i);
                if (names(item, campaign) && json_integer_value(json_object_get(item, "version")) == version)
                        return item;
        }
        return NULL;
}

/* Puts the item, which is taken, at the end of the list, in the place of an older one of its campaign and version. */
static enum sal_status put_take(struct sal_store *store, const char *name, json_t *list, const char *campaign,
                                int64_t version, json_t *item, struct sal_err *reterr) {
        for (size_t i = json_array_size(list); i-- > 0;)
                if (find(list, campaign, version) == json_array_get(list, i))
                        json_array_remove(list, i);
        while (json_array_size(list) >= SAL_DONE_MAX)
                json_array_remove(list, 0);
        sal_autofree char *text = NULL;
        if (json_array_append_new(list, item) == 0)
                text = sal_json_dump(list);
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for %s", name);
        return sal_store_put(store, name, text, strlen(text), reterr);
}

/* ---- applied ---- */

bool sal_done_has(struct sal_store *store, const char *campaign, int64_t version) {
        sal_autojson json_t *list = read_list(store, done_name);
        return find(list, campaign, version);
}

bool sal_done_has_any(struct sal_store *store, const char *campaign) {
        sal_autojson json_t *list = read_list(store, done_name);
        for (size_t i = 0; i < json_array_size(list); i++)
                if (names(json_array_get(list, i), campaign))
                        return true;
        return false;
}

enum sal_status sal_done_add(struct sal_store *store, const char *campaign, int64_t version, struct sal_err *reterr) {
        sal_autojson json_t *list = read_list(store, done_name);
        return put_take(store, done_name, list, campaign, version,
                        json_pack("{s:s,s:I}", "campaign", campaign, "version", (json_int_t)version), reterr);
}

/* ---- failed ---- */

static void read_tries(const json_t *list, const char *campaign, int64_t version, const char *boot_id,
                       struct sal_done_tries *ret) {
        const json_t *item = find(list, campaign, version);
        const char *newest = json_string_value(json_object_get(item, "boot_id"));
        json_int_t boots = json_integer_value(json_object_get(item, "boots"));
        *ret = (struct sal_done_tries){.boots = boots > 0 ? boots : 0,
                                       .in_this_boot = newest && strcmp(newest, boot_id) == 0};
}

void sal_done_tries(struct sal_store *store, const char *campaign, int64_t version, const char *boot_id,
                    struct sal_done_tries *ret) {
        sal_autojson json_t *list = read_list(store, tried_name);
        read_tries(list, campaign, version, boot_id, ret);
}

enum sal_status sal_done_add_try(struct sal_store *store, const char *campaign, int64_t version, const char *boot_id,
                                 struct sal_err *reterr) {
        sal_autojson json_t *list = read_list(store, tried_name);
        struct sal_done_tries before;
        read_tries(list, campaign, version, boot_id, &before);
        if (before.in_this_boot)
                return SAL_OK;
        json_int_t boots = (json_int_t)(before.boots < SAL_DONE_BOOTS_MAX ? before.boots + 1 : SAL_DONE_BOOTS_MAX);
        return put_take(store, tried_name, list, campaign, version,
                        json_pack("{s:s,s:I,s:s,s:I}", "campaign", campaign, "version", (json_int_t)version, "boot_id",
                                  boot_id, "boots", boots),
                        reterr);
}

enum sal_status sal_done_forget(struct sal_store *store, struct sal_err *reterr) {
        enum sal_status status = sal_store_remove(store, tried_name, reterr);
        enum sal_status other = sal_store_remove(store, done_name, status ? NULL : reterr);
        return status ? status : other;
}
