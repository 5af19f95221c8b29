/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/selffacts.h"

#include "trust/file.h"

#include <string.h>
#include <sys/utsname.h>

struct firmware_fact {
        const char *name, *path;
};

static const struct firmware_fact firmware_facts[] = {
        {"vendor", "/sys/class/dmi/id/sys_vendor"},
        {"model", "/sys/class/dmi/id/product_name"},
        {"bios", "/sys/class/dmi/id/bios_version"},
};

/* Firmware text is whatever a vendor typed: cut at the end of the line, and left out unless it is plain ASCII. */
static void add_firmware_fact(json_t *facts, const struct firmware_fact *fact) {
        sal_autofree char *text = NULL;
        size_t len = 0;
        if (sal_file_read(fact->path, 4096, &text, &len, NULL))
                return;
        len = strcspn(text, "\n");
        while (len > 0 && text[len - 1] == ' ')
                len--;
        text[len] = 0;
        for (size_t i = 0; i < len; i++)
                if (text[i] < 0x20 || text[i] > 0x7e)
                        return;
        if (len > 0 && len <= SAL_FACT_VALUE_MAX_BYTES)
                json_object_set_new(facts, fact->name, json_string(text));
}

static enum sal_status add_given(json_t *facts, const char *given, struct sal_err *reterr) {
        const char *equals = strchr(given, '=');
        char name[SAL_FACT_NAME_BYTES] = "";
        if (equals && (size_t)(equals - given) < sizeof name)
                snprintf(name, sizeof name, "%.*s", (int)(equals - given), given);
        if (!sal_fact_name_valid(name)) {
                sal_fail(reterr, SAL_E_USAGE, "--fact %.100s: no fact", given);
                sal_err_hint(reterr, "NAME=VALUE, the name 1 to 32 of a-z 0-9 _ and .");
                return SAL_E_USAGE;
        }
        const char *value = equals + 1;
        json_t *json = strcmp(value, "true") == 0    ? json_true()
                       : strcmp(value, "false") == 0 ? json_false()
                                                     : json_string(value);
        if (!json || json_object_set_new(facts, name, json) != 0)
                return sal_fail(reterr, SAL_E_USAGE, "--fact %.100s: the value is no UTF-8", name);
        return SAL_OK;
}

enum sal_status sal_self_facts(enum sal_layout layout, const char *const *given, size_t given_count,
                               struct sal_facts **ret, struct sal_err *reterr) {
        sal_autojson json_t *facts = json_object();
        struct utsname names;
        if (!facts)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the facts");
        json_object_set_new(facts, "os", json_string(layout == SAL_LAYOUT_WINDOWS ? "windows" : "linux"));
        if (uname(&names) == 0)
                json_object_set_new(facts, "arch", json_string(names.machine));
        for (size_t i = 0; i < SAL_ARRAY_LEN(firmware_facts); i++)
                add_firmware_fact(facts, &firmware_facts[i]);
        for (size_t i = 0; i < given_count; i++) {
                enum sal_status status = add_given(facts, given[i], reterr);
                if (status)
                        return status;
        }
        struct sal_json_at at = sal_json_root(facts);
        struct sal_err cause = {0};
        enum sal_status status = sal_facts_parse(&at, ret, &cause);
        if (status)
                return sal_fail(reterr, status == SAL_E_NOMEM ? status : SAL_E_USAGE, "--fact%s%s: %s",
                                *cause.pointer ? " " : "", cause.pointer, cause.detail);
        return SAL_OK;
}
