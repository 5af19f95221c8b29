/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/options.h"

#include "base/mem.h"
#include "model/campaign.h"
#include "model/facts.h"
#include "trust/file.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_SWITCH, KIND_INT, KIND_SHARE, KIND_SPEED, KIND_FACT, KIND_FACTS };

/* One row per option; the rows drive parsing and the help. */
static const struct row {
        const char *name;
        enum kind kind;
        size_t offset; /* of the member it fills */
        int64_t min, max;
        const char *value;
        const char *help;
} rows[] = {
        {"-C", KIND_TEXT, offsetof(struct sal_fleet_options, dir), 0, 0, "DIR",
         "folder that `salvorctl init` made (default: $SALVOR_DIR, else .)"},
        {"--machines", KIND_INT, offsetof(struct sal_fleet_options, machines), 1, SAL_FLEET_MACHINES_MAX, "N",
         "how many machines (required)"},
        {"--concurrency", KIND_INT, offsetof(struct sal_fleet_options, concurrency), 1, SAL_FLEET_CONCURRENCY_MAX, "C",
         "connections, kept alive and shared (default 64)"},
        {"--fail-share", KIND_SHARE, offsetof(struct sal_fleet_options, fail_share), 0, 1, "P",
         "machines on which the fix fails (default 0)"},
        {"--silent-share", KIND_SHARE, offsetof(struct sal_fleet_options, silent_share), 0, 1, "P",
         "machines that fall silent after the offer (default 0)"},
        {"--relapse-share", KIND_SHARE, offsetof(struct sal_fleet_options, relapse_share), 0, 1, "P",
         "machines that fail to boot again after the fix (default 0)"},
        {"--healthy", KIND_SWITCH, offsetof(struct sal_fleet_options, healthy), 0, 0, NULL,
         "machines send `healthy` once they are up"},
        {"--campaign", KIND_TEXT, offsetof(struct sal_fleet_options, campaign), 0, 0, "ID",
         "stop when this campaign is completed, halted, withdrawn or expired"},
        {"--duration", KIND_INT, offsetof(struct sal_fleet_options, duration_seconds), 1, 31536000, "SECONDS",
         "stop after this time, exit code 7"},
        {"--speed", KIND_SPEED, offsetof(struct sal_fleet_options, speed), 0, 0, "X",
         "simulated seconds per real second (default 1)"},
        {"--seed", KIND_INT, offsetof(struct sal_fleet_options, seed), 0, INT64_MAX, "S",
         "which machines fail, and how they differ (default 1)"},
        {"--prefix", KIND_TEXT, offsetof(struct sal_fleet_options, prefix), 0, 0, "P",
         "machine ids are P-000001 and on (default fleet)"},
        {"--fact", KIND_FACT, 0, 0, 0, "K=V", "a fact of every machine; may be repeated"},
        {"--facts", KIND_FACTS, 0, 0, 0, "FILE", "JSON object of facts, or array of such, taken in turn"},
        {"--reason", KIND_TEXT, offsetof(struct sal_fleet_options, reason), 0, 0, "R",
         "of the polls: boot_failure (default), requested, drill"},
        {"--enroll-only", KIND_SWITCH, offsetof(struct sal_fleet_options, enroll_only), 0, 0, NULL,
         "machines enrol and become known; none polls"},
        {"--reenroll", KIND_SWITCH, offsetof(struct sal_fleet_options, reenroll), 0, 0, NULL,
         "machines of an earlier run enrol again"},
        {"--json", KIND_SWITCH, offsetof(struct sal_fleet_options, json), 0, 0, NULL, "the summary as JSON"},
        {"--help", KIND_SWITCH, offsetof(struct sal_fleet_options, help), 0, 0, NULL, "this page"},
        {"--version", KIND_SWITCH, offsetof(struct sal_fleet_options, version), 0, 0, NULL, "version of the program"},
};

static const struct row *find_row(const char *word, size_t len) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++)
                if (strlen(rows[i].name) == len && strncmp(rows[i].name, word, len) == 0)
                        return &rows[i];
        return NULL;
}

static enum sal_status take_number(const struct row *row, const char *text, double *ret, struct sal_err *reterr) {
        char *end = NULL;
        errno = 0;
        *ret = strtod(text, &end);
        double max = row->kind == KIND_SHARE ? 1 : 1e6;
        bool good = !errno && end != text && !*end && isfinite(*ret) && *ret >= 0 && *ret <= max;
        if (good && (row->kind != KIND_SPEED || *ret > 0))
                return SAL_OK;
        return sal_fail(reterr, SAL_E_USAGE, "%s must be a number %s, not \"%.40s\"", row->name,
                        row->kind == KIND_SHARE ? "from 0 to 1" : "over 0 and at most 1000000", text);
}

static enum sal_status take_int(const struct row *row, const char *text, int64_t *ret, struct sal_err *reterr) {
        char *end = NULL;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        if (errno || end == text || *end || number < row->min || number > row->max)
                return sal_fail(reterr, SAL_E_USAGE, "%s must be a whole number from %lld to %lld, not \"%.40s\"",
                                row->name, (long long)row->min, (long long)row->max, text);
        *ret = number;
        return SAL_OK;
}

/* K=V: true and false are booleans, all else is a string (selectors hold a number equal to its decimal text). */
static enum sal_status take_fact(struct sal_fleet_options *options, const char *text, struct sal_err *reterr) {
        const char *equals = strchr(text, '=');
        char name[SAL_FACT_NAME_BYTES + 1];
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - text) : 0, text);
        if (!equals || !sal_fact_name_valid(name))
                return sal_fail(reterr, SAL_E_USAGE, "--fact takes NAME=VALUE, not \"%.80s\"", text);
        if (json_is_array(options->facts))
                return sal_fail(reterr, SAL_E_USAGE, "--fact and a list of --facts exclude each other");
        json_t *value = strcmp(equals + 1, "true") == 0    ? json_true()
                        : strcmp(equals + 1, "false") == 0 ? json_false()
                                                           : json_string(equals + 1);
        if (!options->facts)
                options->facts = json_object();
        if (!value || json_object_set_new(options->facts, name, value))
                return sal_fail(reterr, SAL_E_USAGE, "the fact \"%.80s\" is no UTF-8 text", text);
        return SAL_OK;
}

static enum sal_status check_facts(const json_t *facts, struct sal_err *reterr) {
        struct sal_json_at at = sal_json_root(facts);
        if (!json_is_array(facts)) {
                sal_auto(sal_facts) struct sal_facts *parsed = NULL;
                return sal_facts_parse(&at, &parsed, reterr);
        }
        if (json_array_size(facts) == 0)
                return sal_fail(reterr, SAL_E_INVALID, "the list of facts is empty");
        for (size_t i = 0; i < json_array_size(facts); i++) {
                struct sal_json_at element = sal_json_element(&at, i);
                sal_auto(sal_facts) struct sal_facts *parsed = NULL;
                enum sal_status status = sal_facts_parse(&element, &parsed, reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

static enum sal_status take_facts(struct sal_fleet_options *options, const char *path, struct sal_err *reterr) {
        if (options->facts)
                return sal_fail(reterr, SAL_E_USAGE, "--facts stands before any --fact, and once");
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        enum sal_status status = sal_file_read(path, SAL_FLEET_FACTS_MAX_BYTES, &bytes, &len, reterr);
        if (!status)
                status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &options->facts, reterr);
        return status ? status : check_facts(options->facts, reterr);
}

static enum sal_status take(struct sal_fleet_options *options, const struct row *row, const char *text,
                            struct sal_err *reterr) {
        char *member = (char *)options + row->offset;
        switch (row->kind) {
        case KIND_SWITCH:
                *(bool *)member = true;
                return SAL_OK;
        case KIND_TEXT:
                *(const char **)(void *)member = text;
                return SAL_OK;
        case KIND_INT:
                return take_int(row, text, (int64_t *)(void *)member, reterr);
        case KIND_SHARE:
        case KIND_SPEED:
                return take_number(row, text, (double *)(void *)member, reterr);
        case KIND_FACT:
                return take_fact(options, text, reterr);
        case KIND_FACTS:
                return take_facts(options, text, reterr);
        }
        return SAL_E_INTERNAL;
}

static bool prefix_is_good(const char *prefix) {
        char id[SAL_MACHINE_ID_BYTES];
        snprintf(id, sizeof id, "%s-000001", prefix);
        return *prefix && strlen(prefix) <= SAL_FLEET_PREFIX_MAX_BYTES && sal_machine_id_valid(id);
}

static enum sal_status check(const struct sal_fleet_options *options, struct sal_err *reterr) {
        if (!options->machines)
                return sal_fail(reterr, SAL_E_USAGE, "\"run\" needs --machines N");
        if (options->fail_share + options->silent_share + options->relapse_share > 1)
                return sal_fail(reterr, SAL_E_USAGE, "the shares add up to more than 1");
        if (!prefix_is_good(options->prefix))
                return sal_fail(reterr, SAL_E_USAGE, "--prefix: 1 to %d of [A-Za-z0-9._:-], no leading dot",
                                SAL_FLEET_PREFIX_MAX_BYTES);
        if (options->campaign && !sal_campaign_id_valid(options->campaign))
                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\" is no campaign id", options->campaign);
        static const char *const reasons[] = {"boot_failure", "requested", "drill"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(reasons); i++)
                if (strcmp(reasons[i], options->reason) == 0)
                        return SAL_OK;
        return sal_fail(reterr, SAL_E_USAGE, "--reason is boot_failure, requested or drill, not \"%.40s\"",
                        options->reason);
}

enum sal_status sal_fleet_options_parse(int argc, char **argv, struct sal_fleet_options *ret, struct sal_err *reterr) {
        *ret = (struct sal_fleet_options){.prefix = "fleet",
                                          .reason = "boot_failure",
                                          .concurrency = SAL_FLEET_CONCURRENCY,
                                          .seed = 1,
                                          .speed = 1};
        const char *command = NULL;
        for (int i = 1; i < argc; i++) {
                const char *word = argv[i];
                if (*word != '-') {
                        if (command)
                                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\" is too much", word);
                        command = word;
                        continue;
                }
                size_t len = strcspn(word, "=");
                const struct row *row = find_row(word, len);
                if (!row)
                        return sal_fail(reterr, SAL_E_USAGE, "there is no option %.*s", len > 60 ? 60 : (int)len, word);
                const char *text = word[len] ? word + len + 1 : NULL;
                if (row->kind == KIND_SWITCH && text)
                        return sal_fail(reterr, SAL_E_USAGE, "%s takes no value", row->name);
                if (row->kind != KIND_SWITCH && !text) {
                        if (i + 1 >= argc)
                                return sal_fail(reterr, SAL_E_USAGE, "%s needs a value: %s", row->name, row->value);
                        text = argv[++i];
                }
                enum sal_status status = take(ret, row, text, reterr);
                if (status)
                        return status;
        }
        if (ret->help || ret->version)
                return SAL_OK;
        if (!command || strcmp(command, "run") != 0) {
                sal_fail(reterr, SAL_E_USAGE, command ? "there is no command \"%.40s\"" : "no command was given%s",
                         command ? command : "");
                sal_err_hint(reterr,
                             "commands are \"run\" and \"simulate\"; salvor-fleet --help, or salvor-fleet simulate "
                             "--help, lists their options");
                return SAL_E_USAGE;
        }
        if (!ret->dir)
                ret->dir = getenv("SALVOR_DIR");
        if (!ret->dir || !*ret->dir)
                ret->dir = ".";
        return check(ret, reterr);
}

void sal_fleet_options_done(struct sal_fleet_options *options) {
        json_decref(options->facts);
        options->facts = NULL;
}

void sal_fleet_print_usage(FILE *stream) {
        fputs("usage: salvor-fleet run -C DIR --machines N [OPTIONS]\n"
              "       salvor-fleet simulate [OPTIONS]   (has a --help of its own)\n\n"
              "Enrols N simulated machines and lets them poll, apply and report over the real wire.\n\n",
              stream);
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                char left[48];
                snprintf(left, sizeof left, "%s%s%s", rows[i].name, rows[i].value ? " " : "",
                         rows[i].value ? rows[i].value : "");
                fprintf(stream, "  %-22s %s\n", left, rows[i].help);
        }
        fputs("\nExit codes: 0 every machine came to its end or the campaign was completed, 1 the campaign was "
              "halted,\n"
              "withdrawn or has expired, or machines were refused, 2 usage, 5 server unreachable, 7 --duration "
              "passed.\n",
              stream);
}
