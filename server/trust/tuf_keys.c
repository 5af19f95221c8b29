/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/tuf_internal.h"

#include <string.h>

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for the keys of TUF metadata");
}

/* The key object of one id, with the id recomputed. */
static enum sal_status read_key(const struct sal_json_at *keys, const char *keyid, struct sal_public_key **ret,
                                struct sal_err *reterr) {
        struct sal_json_at at = {.parent = keys, .key = keyid, .value = json_object_get(keys->value, keyid)};
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        enum sal_status status = sal_public_key_from_json(&at, &key, reterr);
        if (status)
                return status;
        if (strcmp(sal_public_key_id(key), keyid) != 0)
                return sal_json_fail(&at, NULL, SAL_E_INVALID, reterr, "the key id is not this key's: that would be %s",
                                     sal_public_key_id(key));
        *ret = SAL_STEAL(key);
        return SAL_OK;
}

enum sal_status sal_tuf_keys_check(const struct sal_json_at *keys, struct sal_err *reterr) {
        if (json_object_size(keys->value) > SAL_TUF_MAX_KEYS)
                return sal_json_fail(keys, NULL, SAL_E_INVALID, reterr, "at most %d keys are allowed",
                                     SAL_TUF_MAX_KEYS);
        json_t *object = (json_t *)keys->value; /* jansson's iterators take no const; nothing is changed */
        for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
                sal_auto(sal_public_key) struct sal_public_key *key = NULL;
                enum sal_status status = read_key(keys, json_object_iter_key(i), &key, reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

static enum sal_status read_role_keys(const struct sal_json_at *keys, const struct sal_json_at *ids,
                                      struct sal_tuf_role *role, size_t *ret_different, struct sal_err *reterr) {
        sal_autokeyset struct sal_key_set different = SAL_KEY_SET_INIT;
        size_t count = json_array_size(ids->value);
        role->keys = calloc(count, sizeof *role->keys);
        if (!role->keys)
                return no_memory(reterr);
        for (size_t i = 0; i < count; i++) {
                struct sal_json_at at = sal_json_element(ids, i);
                const char *keyid = json_string_value(at.value);
                if (!keyid || !json_object_get(keys->value, keyid))
                        return sal_json_fail(&at, NULL, SAL_E_INVALID, reterr, "\"keys\" has no key of this id");
                for (size_t j = 0; j < i; j++)
                        if (strcmp(sal_public_key_id(role->keys[j]), keyid) == 0)
                                return sal_json_fail(&at, NULL, SAL_E_INVALID, reterr, "the key id is listed twice");
                enum sal_status status = read_key(keys, keyid, &role->keys[i], reterr);
                if (status)
                        return status;
                role->key_count = i + 1;
                if (sal_key_set_add(&different, role->keys[i]))
                        return no_memory(reterr);
        }
        *ret_different = different.count;
        return SAL_OK;
}

enum sal_status sal_tuf_role_read(const struct sal_json_at *keys, const struct sal_json_at *at,
                                  struct sal_tuf_role *role, struct sal_err *reterr) {
        struct sal_json_at ids;
        size_t different = 0;
        int64_t threshold = 0;
        enum sal_status status = sal_json_array(at, "keyids", true, 1, SAL_TUF_MAX_KEYS, &ids, reterr);
        if (!status)
                status = read_role_keys(keys, &ids, role, &different, reterr);
        if (!status)
                status = sal_json_int(at, "threshold", true, 1, (int64_t)different, &threshold, reterr);
        role->threshold = (int)threshold;
        return status;
}

void sal_tuf_role_done(struct sal_tuf_role *role) {
        for (size_t i = 0; i < role->key_count; i++)
                sal_public_key_unref(role->keys[i]);
        free(role->keys);
        *role = (struct sal_tuf_role){0};
}

static bool has_key(const struct sal_tuf_role *role, const struct sal_public_key *key) {
        for (size_t i = 0; i < role->key_count; i++)
                if (sal_public_key_equal(role->keys[i], key))
                        return true;
        return false;
}

bool sal_tuf_role_same_keys(const struct sal_tuf_role *a, const struct sal_tuf_role *b) {
        for (size_t i = 0; i < a->key_count; i++)
                if (!has_key(b, a->keys[i]))
                        return false;
        for (size_t i = 0; i < b->key_count; i++)
                if (!has_key(a, b->keys[i]))
                        return false;
        return true;
}

json_t *sal_tuf_role_write_keys(const struct sal_public_key *const *list, size_t count, json_t *keys) {
        json_t *ids = json_array();
        for (size_t i = 0; i < count; i++) {
                const char *id = sal_public_key_id(list[i]);
                if (json_array_append_new(ids, json_string(id)) ||
                    json_object_set_new(keys, id, sal_public_key_to_json(list[i]))) {
                        json_decref(ids);
                        return NULL;
                }
        }
        return ids;
}
