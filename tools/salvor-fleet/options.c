/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/options.h"

#include "base/mem.h"
#include "client/help.h"
#include "model/campaign.h"
#include "model/facts.h"
#include "salvor-fleet/command_line.h"

#include <string.h>

#define SPEED_MIN 0.001
#define SPEED_MAX 1e6
enum { DURATION_MAX_SECONDS = 365 * 86400 };

/* K=V: true and false are booleans, all else is a string (selectors hold a number equal to its decimal text). */
static enum sal_status take_fact(const struct sal_fleet_option *option, const char *text, void *member,
                                 struct sal_err *reterr) {
        (void)option;
        json_t **facts = member;
        const char *equals = strchr(text, '=');
        char name[SAL_FACT_NAME_BYTES + 1];
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - text) : 0, text);
        if (!equals || !sal_fact_name_valid(name))
                return sal_fail(reterr, SAL_E_USAGE, "--fact takes NAME=VALUE, not \"%.80s\"", text);
        if (json_is_array(*facts))
                return sal_fail(reterr, SAL_E_USAGE, "--fact and a list of --facts exclude each other");
        json_t *value = strcmp(equals + 1, "true") == 0    ? json_true()
                        : strcmp(equals + 1, "false") == 0 ? json_false()
                                                           : json_string(equals + 1);
        if (!*facts)
                *facts = json_object();
        if (!value || json_object_set_new(*facts, name, value))
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

static enum sal_status take_facts(const struct sal_fleet_option *option, const char *path, void *member,
                                  struct sal_err *reterr) {
        (void)option;
        json_t **facts = member;
        if (*facts)
                return sal_fail(reterr, SAL_E_USAGE, "--facts stands before any --fact, and once");
        enum sal_status status = sal_fleet_line_read_json(path, SAL_FLEET_FACTS_MAX_BYTES, facts, reterr);
        return status ? status : check_facts(*facts, reterr);
}

#define OPT(member) offsetof(struct sal_fleet_options, member)
static const struct sal_fleet_option rows[] = {
        SAL_FLEET_TEXT("-C", OPT(dir), "DIR", "folder that `salvorctl init` made (default: $SALVOR_DIR, else .)"),
        SAL_FLEET_INT("--machines", OPT(machines), 1, SAL_FLEET_MACHINES_MAX, "N", "how many machines (required)"),
        SAL_FLEET_INT("--concurrency", OPT(concurrency), 1, SAL_FLEET_CONCURRENCY_MAX, "C",
                      "connections, kept alive and shared (default 64)"),
        SAL_FLEET_NUMBER("--fail-share", OPT(fail_share), 0, 1, "P", "machines on which the fix fails (default 0)"),
        SAL_FLEET_NUMBER("--silent-share", OPT(silent_share), 0, 1, "P",
                         "machines that fall silent after the offer (default 0)"),
        SAL_FLEET_NUMBER("--relapse-share", OPT(relapse_share), 0, 1, "P",
                         "machines that fail to boot again after the fix (default 0)"),
        SAL_FLEET_SWITCH("--healthy", OPT(healthy), "machines send `healthy` once they are up"),
        SAL_FLEET_TEXT("--campaign", OPT(campaign), "ID",
                       "stop when this campaign is completed, halted, withdrawn or expired"),
        SAL_FLEET_INT("--duration", OPT(duration_seconds), 1, DURATION_MAX_SECONDS, "SECONDS",
                      "stop after this time, exit code 7"),
        SAL_FLEET_NUMBER("--speed", OPT(speed), SPEED_MIN, SPEED_MAX, "X",
                         "simulated seconds per real second (default 1)"),
        SAL_FLEET_INT("--seed", OPT(seed), 0, SAL_FLEET_SEED_MAX, "S",
                      "which machines fail, and how they differ (default 1)"),
        SAL_FLEET_TEXT("--prefix", OPT(prefix), "P", "machine ids are P-000001 and on (default fleet)"),
        SAL_FLEET_OWN("--fact", OPT(facts), take_fact, "K=V", "a fact of every machine; may be repeated"),
        SAL_FLEET_OWN("--facts", OPT(facts), take_facts, "FILE",
                      "JSON object of facts, or array of such, taken in turn"),
        SAL_FLEET_TEXT("--reason", OPT(reason), "R", "of the polls: boot_failure (default), requested, drill"),
        SAL_FLEET_SWITCH("--enroll-only", OPT(enroll_only), "machines enrol and become known; none polls"),
        SAL_FLEET_SWITCH("--reenroll", OPT(reenroll), "machines of an earlier run enrol again"),
        SAL_FLEET_SWITCH("--json", OPT(json), "the summary as JSON"),
        SAL_FLEET_SWITCH("--help", OPT(help), "this page"),
        SAL_FLEET_SWITCH("--version", OPT(version), "version of the program"),
};

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
        enum sal_status status =
                sal_fleet_line_parse(rows, SAL_ARRAY_LEN(rows), argc - 1, argv + 1, ret, NULL, &command, reterr);
        if (status)
                return status;
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
              "Enrols N simulated machines and lets them poll, apply and report over the real\n"
              "wire.\n\n",
              stream);
        sal_fleet_line_print(stream, rows, SAL_ARRAY_LEN(rows));
        fputc('\n', stream);
        sal_help_text(stream,
                      "Exit codes: 0 every machine came to its end or the campaign was completed, 1 the campaign was "
                      "halted, withdrawn or has expired, machines were refused, or a file holds what it must not, "
                      "2 usage, 3 a file is not there, 5 server unreachable, 7 --duration passed.");
}
