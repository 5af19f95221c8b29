/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/machine.h"

#include "base/encode.h"
#include "base/mem.h"

#include <string.h>

enum { PURPOSE_ROLE = 1, PURPOSE_MODEL = 2 };

/* What machines of an office are like; a cohort of the default plan is a model or an os_version. */
static const struct {
        const char *vendor;
        const char *model;
        const char *os_version;
} kinds[] = {
        {"Dell Inc.", "Latitude 7440", "10.0.22631"}, {"LENOVO", "ThinkPad T14 Gen 4", "10.0.22631"},
        {"HP", "EliteBook 840 G10", "10.0.22631"},    {"Dell Inc.", "OptiPlex 7010", "10.0.19045"},
        {"HP", "ProDesk 600 G6", "10.0.19045"},       {"Microsoft Corporation", "Surface Laptop 5", "10.0.22621"},
        {"VMware, Inc.", "VMware20,1", "10.0.20348"},
};

/* SplitMix64: well mixed, and the same everywhere. */
static uint64_t mix(uint64_t x) {
        x += 0x9e3779b97f4a7c15U;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
        return x ^ (x >> 31);
}

double sal_fleet_chance(const struct sal_fleet_world *world, int64_t number, uint64_t purpose) {
        uint64_t x = mix(mix(mix((uint64_t)world->options->seed) ^ (uint64_t)number) ^ purpose);
        return (double)(x >> 11) / 9007199254740992.0;
}

static char *facts_of_kind(size_t kind, const json_t *more) {
        sal_autojson json_t *facts =
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "os", "windows", "os_version", kinds[kind].os_version,
                          "arch", "amd64", "vendor", kinds[kind].vendor, "model", kinds[kind].model, "stop_code",
                          "0x50", "failing_module", "csagent.sys");
        if (!facts || (more && json_object_update(facts, (json_t *)more)))
                return NULL;
        return sal_json_dump(facts);
}

enum sal_status sal_fleet_world_init(const struct sal_fleet_options *options, struct sal_fleet_world *ret,
                                     struct sal_err *reterr) {
        size_t lists = json_is_array(options->facts) ? json_array_size(options->facts) : 1;
        struct sal_fleet_world world = {.options = options};
        sal_random(&world.run, sizeof world.run);
        world.facts = calloc(SAL_ARRAY_LEN(kinds) * lists, sizeof *world.facts);
        bool good = world.facts;
        for (size_t kind = 0; good && kind < SAL_ARRAY_LEN(kinds); kind++)
                for (size_t i = 0; good && i < lists; i++) {
                        const json_t *more =
                                json_is_array(options->facts) ? json_array_get(options->facts, i) : options->facts;
                        char *text = facts_of_kind(kind, more);
                        good = text;
                        if (text)
                                world.facts[world.fact_count++] = text;
                }
        if (!good) {
                sal_fleet_world_done(&world);
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the facts");
        }
        *ret = world;
        return SAL_OK;
}

void sal_fleet_world_done(struct sal_fleet_world *world) {
        for (size_t i = 0; i < world->fact_count; i++)
                free(world->facts[i]);
        free(world->facts);
        world->facts = NULL;
        world->fact_count = 0;
}

enum sal_fleet_role sal_fleet_role_of(const struct sal_fleet_world *world, int64_t number) {
        const struct sal_fleet_options *options = world->options;
        double u = sal_fleet_chance(world, number, PURPOSE_ROLE);
        if (u < options->fail_share)
                return SAL_FLEET_FAILS;
        if (u < options->fail_share + options->silent_share)
                return SAL_FLEET_SILENT;
        if (u < options->fail_share + options->silent_share + options->relapse_share)
                return SAL_FLEET_RELAPSES;
        return SAL_FLEET_GOOD;
}

void sal_fleet_machine_id(const struct sal_fleet_world *world, int64_t number, char ret[static SAL_MACHINE_ID_BYTES]) {
        snprintf(ret, SAL_MACHINE_ID_BYTES, "%.32s-%06lld", world->options->prefix, (long long)number + 1);
}

/* A UUID (RFC 9562 version 4 in form) of this run, machine and boot. */
static void boot_id(const struct sal_fleet_world *world, int64_t number, uint32_t boot,
                    char ret[static SAL_FLEET_UUID_BYTES]) {
        uint64_t a = mix(world->run ^ mix((uint64_t)number)), b = mix(a ^ boot);
        a = mix(a ^ b);
        snprintf(ret, SAL_FLEET_UUID_BYTES, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
                 (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 50 | 0x8000),
                 (unsigned long long)(b & 0xffffffffffffU));
}

static const char *facts_of(const struct sal_fleet_world *world, int64_t number) {
        const size_t kind_count = SAL_ARRAY_LEN(kinds);
        size_t lists = world->fact_count / kind_count;
        size_t kind = (size_t)(sal_fleet_chance(world, number, PURPOSE_MODEL) * (double)kind_count);
        return world->facts[kind * lists + (size_t)number % lists];
}

void sal_fleet_enrol_body(const struct sal_fleet_world *world, int64_t number, struct sal_buf *out) {
        char id[SAL_MACHINE_ID_BYTES];
        sal_fleet_machine_id(world, number, id);
        sal_buf_printf(out, "{\"machine_id\":\"%s\",\"facts\":%s}", id, facts_of(world, number));
}

void sal_fleet_poll_body(const struct sal_fleet_world *world, int64_t number, const struct sal_fleet_machine *machine,
                         const char *policy, struct sal_buf *out) {
        char id[SAL_MACHINE_ID_BYTES], boot[SAL_FLEET_UUID_BYTES];
        sal_fleet_machine_id(world, number, id);
        boot_id(world, number, machine->boots, boot);
        sal_buf_printf(out, "{\"machine_id\":\"%s\",\"boot_id\":\"%s\",\"reason\":\"%s\",\"facts\":%s,", id, boot,
                       machine->relapsing ? "boot_failure" : world->options->reason, facts_of(world, number));
        if (world->options->healthy)
                sal_buf_puts(out, "\"can\":[\"healthy\"],");
        sal_buf_puts(out, "\"have\":{\"root\":1");
        if (*policy)
                sal_buf_printf(out, ",\"policy\":\"%s\"", policy);
        sal_buf_puts(out, "}}");
}

void sal_fleet_report_body(const struct sal_fleet_world *world, int64_t number, const struct sal_fleet_machine *machine,
                           const char *stage, struct sal_buf *out) {
        char id[SAL_MACHINE_ID_BYTES], boot[SAL_FLEET_UUID_BYTES];
        sal_fleet_machine_id(world, number, id);
        boot_id(world, number, machine->boots, boot);
        sal_buf_printf(out, "{\"machine_id\":\"%s\",\"boot_id\":\"%s\",\"offer_id\":\"%s\",\"stage\":\"%s\"", id, boot,
                       machine->offer_id, stage);
        bool failed = strcmp(stage, "failed") == 0;
        if (failed || strcmp(stage, "applied") == 0)
                sal_buf_printf(
                        out,
                        ",\"actions\":[{\"index\":0,\"kind\":\"delete_file\",\"status\":\"%s\",\"detail\":\"%s\"}]"
                        ",\"log\":\"simulated\"",
                        failed ? "reverted" : "done", failed ? "verify did not hold" : "1 file");
        sal_buf_putc(out, '}');
}
