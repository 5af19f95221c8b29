/* SPDX-License-Identifier: Apache-2.0 */
#include "model/action.h"

#include "base/encode.h"

#include <stdlib.h>
#include <string.h>

static const int64_t ARTIFACT_MAX_BYTES = 1LL << 30;
enum { NAME_MAX_BYTES = 256, REGISTRY_KEY_MAX_BYTES = 1024, REGISTRY_VALUE_MAX_BYTES = 4096, HIVE_MAX_BYTES = 64 };

enum sal_status sal_text_check(const struct sal_json_at *at, const char *key, const char *text, const char *except,
                               struct sal_err *reterr) {
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;
                if ((c < 0x20 || c == 0x7f) && !strchr(except, *text))
                        return sal_json_fail(at, key, SAL_E_INVALID, reterr,
                                             "\"%s\" must not hold a control byte (0x%02x)", key, c);
        }
        return SAL_OK;
}

/* A required string without control bytes. */
static enum sal_status plain_text(const struct sal_json_at *at, const char *key, size_t min, size_t max,
                                  const char **ret, struct sal_err *reterr) {
        enum sal_status status = sal_json_string(at, key, true, min, max, ret, reterr);
        return status ? status : sal_text_check(at, key, *ret, "", reterr);
}

static enum sal_status parse_path(const struct sal_json_at *at, const char *key, bool wildcards, const char **ret,
                                  struct sal_err *reterr) {
        enum sal_status status = sal_json_string(at, key, true, 1, SAL_PATH_MAX_BYTES, ret, reterr);
        return status ? status : sal_payload_path_check(at, key, *ret, wildcards, reterr);
}

static enum sal_status parse_sha256(const struct sal_json_at *at, const char *key, char ret[static 65],
                                    struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, key, true, 0, 256, &text, reterr);
        if (status)
                return status;
        if (!sal_is_sha256_hex(text))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be 64 lower-case hex digits", key);
        memcpy(ret, text, 65);
        return SAL_OK;
}

/* ---- require ---- */

static enum sal_status parse_sha256_list(const struct sal_json_at *at, struct sal_require *ret,
                                         struct sal_err *reterr) {
        struct sal_json_at list = {0};
        enum sal_status status = sal_json_array(at, "sha256", false, 1, SAL_REQUIRE_MAX_SHA256, &list, reterr);
        if (status || !list.value)
                return status;
        size_t count = json_array_size(list.value);
        ret->sha256 = calloc(count, sizeof *ret->sha256);
        if (!ret->sha256)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a campaign");
        for (size_t i = 0; i < count; i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                const char *text = json_string_value(element.value);
                if (!text || !sal_is_sha256_hex(text))
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr, "must be 64 lower-case hex digits");
                ret->sha256[ret->sha256_count++] = text;
        }
        return SAL_OK;
}

static enum sal_status parse_require(const struct sal_json_at *at, struct sal_require *ret, struct sal_err *reterr) {
        static const char *const known[] = {"sha256", "size_min", "size_max", "mtime_before", "mtime_after", NULL};
        struct sal_json_at require = {0};
        ret->size_max = INT64_MAX;
        ret->mtime_before_ms = INT64_MAX;
        ret->mtime_after_ms = INT64_MIN;
        enum sal_status status = sal_json_object(at, "require", false, &require, reterr);
        if (status || !require.value)
                return status;
        if ((status = sal_json_only(&require, known, reterr)) || (status = parse_sha256_list(&require, ret, reterr)) ||
            (status = sal_json_int(&require, "size_min", false, 0, INT64_MAX, &ret->size_min, reterr)) ||
            (status = sal_json_int(&require, "size_max", false, 0, INT64_MAX, &ret->size_max, reterr)) ||
            (status = sal_json_time(&require, "mtime_before", false, &ret->mtime_before_ms, reterr)) ||
            (status = sal_json_time(&require, "mtime_after", false, &ret->mtime_after_ms, reterr)))
                return status;
        if (json_object_size(require.value) == 0)
                return sal_json_fail(&require, NULL, SAL_E_INVALID, reterr, "must hold a condition, or be left out");
        if (ret->size_min > ret->size_max)
                return sal_json_fail(&require, "size_min", SAL_E_INVALID, reterr,
                                     "\"size_min\" is over \"size_max\": no file can pass");
        if (ret->mtime_after_ms >= ret->mtime_before_ms)
                return sal_json_fail(&require, "mtime_after", SAL_E_INVALID, reterr,
                                     "\"mtime_after\" is not before \"mtime_before\": no file can pass");
        ret->present = true;
        return SAL_OK;
}

/* ---- one parser per kind ---- */

static enum sal_status parse_artifact(const struct sal_json_at *at, struct sal_artifact_ref *ret,
                                      struct sal_err *reterr) {
        static const char *const known[] = {"sha256", "length", NULL};
        struct sal_json_at artifact = {0};
        enum sal_status status = sal_json_object(at, "artifact", true, &artifact, reterr);
        if (status)
                return status;
        if ((status = sal_json_only(&artifact, known, reterr)) ||
            (status = parse_sha256(&artifact, "sha256", ret->sha256, reterr)))
                return status;
        return sal_json_int(&artifact, "length", true, 0, ARTIFACT_MAX_BYTES, &ret->length, reterr);
}

/* "0644": three or four octal digits, as chmod takes them. */
static enum sal_status parse_mode(const struct sal_json_at *at, int64_t *ret, struct sal_err *reterr) {
        const char *text = NULL;
        *ret = -1;
        enum sal_status status = sal_json_string(at, "mode", false, 0, 64, &text, reterr);
        if (status || !text)
                return status;
        size_t len = strlen(text);
        if (len < 3 || len > 4 || strspn(text, "01234567") != len)
                return sal_json_fail(at, "mode", SAL_E_INVALID, reterr,
                                     "\"mode\" must be three or four octal digits, such as \"0644\"");
        *ret = strtol(text, NULL, 8);
        return SAL_OK;
}

static enum sal_status parse_delete(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        ret->max_matches = SAL_DELETE_DEFAULT_MATCHES;
        enum sal_status status = parse_path(at, "path", true, &ret->path, reterr);
        if (status)
                return status;
        return sal_json_int(at, "max_matches", false, 1, SAL_DELETE_MAX_MATCHES, &ret->max_matches, reterr);
}

static enum sal_status parse_rename(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        enum sal_status status = parse_path(at, "path", false, &ret->path, reterr);
        if (status || (status = parse_path(at, "to", false, &ret->to, reterr)))
                return status;
        if (strcmp(ret->path, ret->to) == 0)
                return sal_json_fail(at, "to", SAL_E_INVALID, reterr, "\"to\" is the same as \"path\"");
        return SAL_OK;
}

static enum sal_status parse_restore(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        enum sal_status status = parse_path(at, "path", false, &ret->path, reterr);
        if (status || (status = parse_artifact(at, &ret->artifact, reterr)))
                return status;
        return parse_mode(at, &ret->mode, reterr);
}

static enum sal_status parse_write(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = parse_path(at, "path", false, &ret->path, reterr);
        if (status || (status = sal_json_string(at, "content_base64", true, 0, SAL_CAMPAIGN_MAX_BYTES, &text, reterr)))
                return status;
        status = sal_base64_decode(text, strlen(text), &ret->content, &ret->content_len);
        if (status == SAL_E_NOMEM)
                return sal_fail(reterr, status, "no memory for a campaign");
        if (status)
                return sal_json_fail(at, "content_base64", SAL_E_INVALID, reterr,
                                     "\"content_base64\" must be base64 (RFC 4648 section 4) with padding");
        if (ret->content_len > SAL_WRITE_FILE_MAX_BYTES)
                return sal_json_fail(at, "content_base64", SAL_E_INVALID, reterr,
                                     "the content has at most %d bytes, this has %zu; restore_file takes larger files",
                                     SAL_WRITE_FILE_MAX_BYTES, ret->content_len);
        return parse_mode(at, &ret->mode, reterr);
}

/* A service's or driver's name is one name, never a path. */
static enum sal_status parse_service(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        enum sal_status status = plain_text(at, "name", 1, NAME_MAX_BYTES, &ret->name, reterr);
        if (status)
                return status;
        if (strpbrk(ret->name, "/\\") || ret->name[0] == '.' || ret->name[0] == '-')
                return sal_json_fail(at, "name", SAL_E_INVALID, reterr,
                                     "\"name\" must not hold / or \\ and must not begin with . or -");
        return SAL_OK;
}

static enum sal_status parse_boot_entry(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        enum sal_status status = plain_text(at, "entry", 1, NAME_MAX_BYTES, &ret->entry, reterr);
        return status ? status : sal_json_bool(at, "once", true, &ret->once, reterr);
}

static enum sal_status parse_script(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        enum sal_status status = parse_artifact(at, &ret->artifact, reterr);
        if (status)
                return status;
        return sal_json_int(at, "timeout_seconds", true, 1, SAL_SCRIPT_MAX_SECONDS, &ret->timeout_seconds, reterr);
}

static bool registry_strings(const json_t *value) {
        for (size_t i = 0; i < json_array_size(value); i++) {
                if (!json_is_string(json_array_get(value, i)))
                        return false;
        }
        return json_is_array(value) && json_array_size(value) <= 64;
}

static bool registry_binary(const json_t *value) {
        sal_autofree uint8_t *data = NULL;
        size_t len = 0;
        return json_is_string(value) &&
               sal_base64_decode(json_string_value(value), json_string_length(value), &data, &len) == SAL_OK &&
               len <= REGISTRY_VALUE_MAX_BYTES;
}

/* Each type with what its value must be; NULL when the pair is right. */
static const char *wrong_registry_value(const char *type, const json_t *value) {
        bool text = json_is_string(value) && json_string_length(value) <= REGISTRY_VALUE_MAX_BYTES;
        if (strcmp(type, "REG_SZ") == 0 || strcmp(type, "REG_EXPAND_SZ") == 0)
                return text ? NULL : "must be a string of at most 4096 bytes";
        if (strcmp(type, "REG_MULTI_SZ") == 0)
                return registry_strings(value) ? NULL : "must be an array of at most 64 strings";
        if (strcmp(type, "REG_BINARY") == 0)
                return registry_binary(value) ? NULL : "must be the base64 text of at most 4096 bytes";
        int64_t max = strcmp(type, "REG_DWORD") == 0 ? UINT32_MAX : INT64_MAX;
        bool number = json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= max;
        return number ? NULL : "must be an integer from 0 to the largest of its type";
}

static enum sal_status parse_registry(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        static const char *const types[] = {"REG_SZ",    "REG_EXPAND_SZ", "REG_MULTI_SZ",
                                            "REG_DWORD", "REG_QWORD",     "REG_BINARY"};
        enum sal_status status;
        if ((status = plain_text(at, "hive", 1, HIVE_MAX_BYTES, &ret->registry_hive, reterr)) ||
            (status = plain_text(at, "key", 1, REGISTRY_KEY_MAX_BYTES, &ret->registry_key, reterr)) ||
            (status = plain_text(at, "name", 0, NAME_MAX_BYTES, &ret->registry_name, reterr)) ||
            (status = plain_text(at, "type", 1, HIVE_MAX_BYTES, &ret->registry_type, reterr)))
                return status;
        size_t type = 0;
        while (type < SAL_ARRAY_LEN(types) && strcmp(types[type], ret->registry_type) != 0)
                type++;
        if (type == SAL_ARRAY_LEN(types))
                return sal_json_fail(at, "type", SAL_E_INVALID, reterr,
                                     "\"type\" must be REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ, REG_DWORD, REG_QWORD or "
                                     "REG_BINARY");
        ret->registry_value = json_object_get(at->value, "value");
        if (!ret->registry_value)
                return sal_json_fail(at, "value", SAL_E_INVALID, reterr, "\"value\" is required");
        const char *wrong = wrong_registry_value(ret->registry_type, ret->registry_value);
        return wrong ? sal_json_fail(at, "value", SAL_E_INVALID, reterr, "a %s %s", ret->registry_type, wrong) : SAL_OK;
}

#define MEMBERS(...) ((const char *const[]){"kind", __VA_ARGS__, NULL})

static const struct action_info {
        const char *name;
        const char *const *known;
        enum sal_status (*parse)(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr);
} actions[SAL_ACTION_KINDS] = {
        [SAL_ACTION_DELETE_FILE] = {"delete_file", MEMBERS("path", "max_matches", "require"), parse_delete},
        [SAL_ACTION_RENAME_FILE] = {"rename_file", MEMBERS("path", "to", "require"), parse_rename},
        [SAL_ACTION_RESTORE_FILE] = {"restore_file", MEMBERS("path", "artifact", "mode", "require"), parse_restore},
        [SAL_ACTION_WRITE_FILE] = {"write_file", MEMBERS("path", "content_base64", "mode", "require"), parse_write},
        [SAL_ACTION_DISABLE_SERVICE] = {"disable_service", MEMBERS("name"), parse_service},
        [SAL_ACTION_DISABLE_DRIVER] = {"disable_driver", MEMBERS("name"), parse_service},
        [SAL_ACTION_SET_BOOT_ENTRY] = {"set_boot_entry", MEMBERS("entry", "once"), parse_boot_entry},
        [SAL_ACTION_SET_REGISTRY_VALUE] = {"set_registry_value", MEMBERS("hive", "key", "name", "type", "value"),
                                           parse_registry},
        [SAL_ACTION_RUN_SCRIPT] = {"run_script", MEMBERS("artifact", "timeout_seconds"), parse_script},
};

const char *sal_action_kind_name(enum sal_action_kind kind) {
        return actions[kind].name;
}

enum sal_status sal_action_parse(const struct sal_json_at *at, struct sal_action *ret, struct sal_err *reterr) {
        const char *name = NULL;
        enum sal_status status = sal_json_string(at, "kind", true, 1, 64, &name, reterr);
        if (status)
                return status;
        int kind = 0;
        while (kind < SAL_ACTION_KINDS && strcmp(actions[kind].name, name) != 0)
                kind++;
        if (kind == SAL_ACTION_KINDS)
                return sal_json_fail(at, "kind", SAL_E_INVALID, reterr, "unknown kind of action \"%s\"", name);
        ret->kind = (enum sal_action_kind)kind;
        ret->mode = -1;
        if ((status = sal_json_only(at, actions[kind].known, reterr)) ||
            (status = parse_require(at, &ret->require, reterr)))
                return status;
        return actions[kind].parse(at, ret, reterr);
}

void sal_action_done(struct sal_action *action) {
        free(action->require.sha256);
        free(action->content);
}

/* ---- verify ---- */

static const char *const verify_names[] = {
        [SAL_VERIFY_PATH_ABSENT] = "path_absent",
        [SAL_VERIFY_PATH_PRESENT] = "path_present",
        [SAL_VERIFY_SHA256_IS] = "sha256_is",
};

const char *sal_verify_kind_name(enum sal_verify_kind kind) {
        return verify_names[kind];
}

enum sal_status sal_verify_parse(const struct sal_json_at *at, struct sal_verify *ret, struct sal_err *reterr) {
        static const char *const known[] = {"kind", "path", "require", NULL};
        static const char *const known_sha256[] = {"kind", "path", "require", "sha256", NULL};
        const char *name = NULL;
        enum sal_status status = sal_json_string(at, "kind", true, 1, 64, &name, reterr);
        if (status)
                return status;
        size_t kind = 0;
        while (kind < SAL_ARRAY_LEN(verify_names) && strcmp(verify_names[kind], name) != 0)
                kind++;
        if (kind == SAL_ARRAY_LEN(verify_names))
                return sal_json_fail(at, "kind", SAL_E_INVALID, reterr,
                                     "unknown kind of check \"%s\": path_absent, path_present or sha256_is", name);
        ret->kind = (enum sal_verify_kind)kind;
        bool sha256_is = ret->kind == SAL_VERIFY_SHA256_IS;
        if ((status = sal_json_only(at, sha256_is ? known_sha256 : known, reterr)) ||
            (status = parse_path(at, "path", true, &ret->path, reterr)) ||
            (status = parse_require(at, &ret->require, reterr)))
                return status;
        if (!sha256_is)
                return SAL_OK;
        if (!json_object_get(at->value, "sha256") && ret->require.sha256_count > 0)
                return SAL_OK; /* the digests are named in require */
        return parse_sha256(at, "sha256", ret->sha256, reterr);
}

void sal_verify_done(struct sal_verify *verify) {
        free(verify->require.sha256);
}
