/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A good payload for tests, and edits of it by JSON pointer, so that a table can say what is changed and what must come
 * of it.
 */
#ifndef SAL_TEST_MODEL_PAYLOAD_H
#define SAL_TEST_MODEL_PAYLOAD_H

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The example of the wire contract, with every kind of action and check behind it. */
static const char PAYLOAD[] =
        "{\"schema\":\"salvor.campaign/1\",\"id\":\"channel-file-291\",\"version\":1,"
        "\"trust_domain\":\"" SHA "\",\"title\":\"Remove channel file 291\",\"summary\":\"One bad file\\nstops boot\","
        "\"links\":[\"https://example.org/advisory\"],"
        "\"not_before\":\"2024-07-19T05:30:00Z\",\"expires\":\"2024-07-26T05:30:00Z\","
        "\"priority\":0,\"drill\":false,\"supersedes\":[\"other-id\"],\"undoes\":\"another-id\","
        "\"match\":{\"all\":[{\"fact\":\"os\",\"eq\":\"windows\"},{\"fact\":\"failing_module\",\"glob\":\"csagent*\"}]}"
        ","
        "\"actions\":["
        "{\"kind\":\"delete_file\",\"path\":\"${SYSTEM}/drivers/CrowdStrike/C-00000291*.sys\",\"max_matches\":8,"
        "\"require\":{\"mtime_before\":\"2024-07-19T05:27:00Z\"}},"
        "{\"kind\":\"rename_file\",\"path\":\"${SYSTEM}/a\",\"to\":\"${SYSTEM}/b\"},"
        "{\"kind\":\"restore_file\",\"path\":\"${SYSTEM}/c\",\"artifact\":{\"sha256\":\"" SHA "\",\"length\":10}},"
        "{\"kind\":\"write_file\",\"path\":\"${BOOT}/d\",\"content_base64\":\"aGVsbG8=\",\"mode\":\"0640\"},"
        "{\"kind\":\"disable_service\",\"name\":\"bad.service\"},"
        "{\"kind\":\"disable_driver\",\"name\":\"csagent\"},"
        "{\"kind\":\"set_boot_entry\",\"entry\":\"recovery\",\"once\":true},"
        "{\"kind\":\"set_registry_value\",\"hive\":\"SYSTEM\",\"key\":\"ControlSet001\\\\Services\\\\x\","
        "\"name\":\"Start\",\"type\":\"REG_DWORD\",\"value\":4},"
        "{\"kind\":\"run_script\",\"artifact\":{\"sha256\":\"" SHA "\",\"length\":0},\"timeout_seconds\":60}],"
        "\"verify\":["
        "{\"kind\":\"path_absent\",\"path\":\"${SYSTEM}/drivers/CrowdStrike/C-00000291*.sys\","
        "\"require\":{\"mtime_before\":\"2024-07-19T05:27:00Z\"}},"
        "{\"kind\":\"path_present\",\"path\":\"${SYSTEM}/b\"},"
        "{\"kind\":\"sha256_is\",\"path\":\"${SYSTEM}/c\",\"sha256\":\"" SHA "\"}],"
        "\"on_failure\":\"revert\",\"reboot\":true,\"rollout\":{\"halt_error\":0.02}}";

/* Sets (or, with text NULL, removes) the value at a pointer of plain segments; "-" appends to an array. The parent must
 * exist. */
static inline void payload_edit(json_t *document, const char *pointer, const char *text) {
        json_t *parent = document;
        json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
        char segment[64];
        for (;;) {
                size_t len = strcspn(++pointer, "/");
                snprintf(segment, sizeof segment, "%.*s", (int)len, pointer);
                pointer += len;
                if (*pointer == '\0')
                        break;
                parent = json_is_array(parent) ? json_array_get(parent, (size_t)atoi(segment))
                                               : json_object_get(parent, segment);
        }
        if (json_is_object(parent) && value)
                json_object_set_new(parent, segment, value);
        else if (json_is_object(parent))
                json_object_del(parent, segment);
        else if (strcmp(segment, "-") == 0)
                json_array_append_new(parent, value);
        else if (value)
                json_array_set_new(parent, (size_t)atoi(segment), value);
        else
                json_array_remove(parent, (size_t)atoi(segment));
}

/* PAYLOAD with one edit, as text. To be freed. pointer NULL: no edit. */
static inline char *payload_with(const char *pointer, const char *text) {
        json_t *document = json_loads(PAYLOAD, 0, NULL);
        if (pointer)
                payload_edit(document, pointer, text);
        char *out = sal_json_dump(document);
        json_decref(document);
        return out;
}

#endif
