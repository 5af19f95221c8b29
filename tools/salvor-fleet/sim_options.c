/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_options.h"

#include "base/mem.h"
#include "client/help.h"
#include "salvor-fleet/command_line.h"
#include "salvor-fleet/sim_runs.h"

#include <string.h>

static enum sal_status take_policies(const struct sal_fleet_option *option, const char *text, void *member,
                                     struct sal_err *reterr) {
        bool *policies = member;
        (void)option;
        memset(policies, 0, SAL_SIM_POLICIES * sizeof *policies);
        while (*text) {
                char name[16];
                size_t len = strcspn(text, ",");
                snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), text);
                int policy = sal_sim_policy_parse(name);
                if (policy < 0 && strcmp(name, "all") != 0) {
                        sal_fail(reterr, SAL_E_USAGE, "there is no policy \"%.40s\"", name);
                        sal_err_hint(reterr, "policies are salvor, hawkbit, aws, mender, lvfs, push, or all");
                        return SAL_E_USAGE;
                }
                for (int i = 0; i < SAL_SIM_POLICIES; i++)
                        policies[i] |= policy < 0 || policy == i;
                text += len;
                text += *text == ',';
        }
        return SAL_OK;
}

static enum sal_status take_delay(const struct sal_fleet_option *option, const char *text, void *member,
                                  struct sal_err *reterr) {
        return sal_sim_delay_parse(option->name, text, member, reterr);
}

#define OPT(member) offsetof(struct sal_sim_options, member)
#define CASE(member) offsetof(struct sal_sim_options, what.member)
static const struct sal_fleet_option rows[] = {
        SAL_FLEET_HEADING("What is played"),
        SAL_FLEET_SWITCH("--table", OPT(table), "play the ten cases of docs/rollout.md with every rule"),
        SAL_FLEET_OWN("--policy", OPT(policies), take_policies, "P,...",
                      "salvor (default), hawkbit, aws, mender, lvfs, push, or all"),
        SAL_FLEET_TEXT("--plan", OPT(plan), "FILE", "a campaign's payload, or a plan (else the default)"),
        SAL_FLEET_INT("--runs", OPT(runs), 1, SAL_SIM_RUNS_MAX, "N", "how often it is played (default 1000)"),
        SAL_FLEET_INT("--seed", OPT(seed), 0, SAL_FLEET_SEED_MAX, "S", "the same seed gives the same runs (default 1)"),
        SAL_FLEET_INT("--threads", OPT(threads), 1, SAL_SIM_THREADS_MAX, "N", "default: one per processor"),
        SAL_FLEET_INT("--days", CASE(days), 1, SAL_SIM_DAYS_MAX, "N", "simulated days, at most (default 30)"),
        SAL_FLEET_HEADING("The fleet; a share P is 0 to 1 of all machines"),
        SAL_FLEET_INT("--machines", CASE(machines), 1, SAL_SIM_MACHINES_MAX, "N", "how many (default 5000)"),
        SAL_FLEET_NUMBER("--fail-share", CASE(fail_share), 0, 1, "P", "report that the fix failed"),
        SAL_FLEET_NUMBER("--silent-share", CASE(silent_share), 0, 1, "P", "are never heard of again"),
        SAL_FLEET_NUMBER("--relapse-share", CASE(relapse_share), 0, 1, "P", "fail to boot after success"),
        SAL_FLEET_NUMBER("--late-share", CASE(late_share), 0, 1, "P", "report success after the deadline"),
        SAL_FLEET_NUMBER("--cycle-share", CASE(cycle_share), 0, 1, "P", "have their power cut before they report"),
        SAL_FLEET_INT("--good-first", CASE(good_first), 0, 1e9, "N",
                      "the first N offers are good, whatever the shares say"),
        SAL_FLEET_INT("--cohort-values", CASE(cohort_values), 1, SAL_SIM_VALUES_MAX, "N",
                      "values of each cohort fact of the plan (default 10)"),
        SAL_FLEET_NUMBER("--bad-cohort-fail", CASE(bad_cohort_fail), 0, 1, "P",
                         "share that fails, of one value of the first cohort"),
        SAL_FLEET_SWITCH("--healthy", CASE(healthy), "success is `healthy` (else applied, then the soak)"),
        SAL_FLEET_NUMBER("--polls-per-minute", CASE(polls_per_minute), 0, 1e8, "R",
                         "in all (default 100); 0: all wait at the server"),
        SAL_FLEET_NUMBER("--offers-per-second", CASE(offers_per_second), 0.001, 1e6, "R",
                         "at most, to machines that wait (default 2000)"),
        SAL_FLEET_HEADING("Delays; D is seconds such as 90, exp:MEAN, or tri:LEAST,MOST LIKELY,MOST"),
        SAL_FLEET_OWN("--success-delay", CASE(success), take_delay, "D", "from the offer to success (default exp:480)"),
        SAL_FLEET_OWN("--failure-delay", CASE(failure), take_delay, "D", "from the offer to failure (default exp:180)"),
        SAL_FLEET_OWN("--relapse-delay", CASE(relapse), take_delay, "D", "from success to relapse (default exp:600)"),
        SAL_FLEET_OWN("--cycle-delay", CASE(cycle), take_delay, "D",
                      "from the offer to the power cut (default exp:120)"),
        SAL_FLEET_OWN("--late-delay", CASE(late), take_delay, "D",
                      "from the deadline to a late report (default exp:1800)"),
        SAL_FLEET_OWN("--reboot-delay", CASE(reboot), take_delay, "D", "from a failure to the next poll (default 60)"),
        SAL_FLEET_HEADING("Rules of peers; in percent where it says %"),
        SAL_FLEET_NUMBER("--hawkbit-error", CASE(hawkbit_error_percent), 0, 100, "%",
                         "of a group failed, over which it stops (default 50)"),
        SAL_FLEET_NUMBER("--hawkbit-success", CASE(hawkbit_success_percent), 0, 100, "%",
                         "of a group succeeded: the next begins (default 50)"),
        SAL_FLEET_NUMBER("--aws-abort", CASE(aws_abort_percent), 0, 100, "%",
                         "of the reports failed: cancelled (default 20)"),
        SAL_FLEET_INT("--aws-minimum", CASE(aws_minimum), 1, 1e9, "N",
                      "reports that this takes at least (default 100)"),
        SAL_FLEET_INT("--aws-per-minute", CASE(aws_per_minute), 1, 1e9, "N", "offers, at most (default 1000)"),
        SAL_FLEET_NUMBER("--mender-hours", CASE(phase_hours), 0.001, 8760, "H",
                         "between its phases of 5, 15 and 80 % (default 48)"),
        SAL_FLEET_INT("--lvfs-failures", CASE(lvfs_failures), 1, 1e9, "N",
                      "failures that it takes to withdraw (default 5)"),
        SAL_FLEET_NUMBER("--lvfs-success", CASE(lvfs_percent), 0, 100, "%",
                         "of the reports, below which it withdraws (default 70)"),
        SAL_FLEET_HEADING("Results"),
        SAL_FLEET_SWITCH("--json", OPT(json), "the results as JSON"),
        SAL_FLEET_TEXT("--csv", OPT(csv), "FILE", "every run, or the table, as CSV"),
        SAL_FLEET_TEXT("--plot", OPT(plot), "FILE", "a picture, .svg or .png (needs gnuplot)"),
        SAL_FLEET_TEXT("--journal", OPT(journal), "FILE", "the events of one run, for `salvorctl journal replay`"),
        SAL_FLEET_SWITCH("--help", OPT(help), "this page"),
};

/* Whether it has what a payload has and a plan has not: one that lacks a member is none the less one. */
static bool is_payload(const json_t *json) {
        static const char *const members[] = {"schema", "match", "actions", "rollout"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(members); i++)
                if (json_object_get(json, members[i]))
                        return true;
        return false;
}

/* A plan, or a payload whose plan it is. */
static enum sal_status read_plan(const char *path, struct sal_plan *ret, struct sal_err *reterr) {
        sal_autojson json_t *json = NULL;
        enum sal_status status = sal_fleet_line_read_json(path, SAL_SIM_PLAN_MAX_BYTES, &json, reterr);
        if (status)
                return status;
        struct sal_json_at root = sal_json_root(json), at = root;
        if (is_payload(json)) {
                at = (struct sal_json_at){.parent = &root, .key = "rollout", .value = json_object_get(json, "rollout")};
                if (!at.value) {
                        sal_plan_default(ret);
                        return SAL_OK;
                }
        }
        return sal_plan_parse(&at, ret, reterr);
}

static bool ends_in(const char *text, const char *end) {
        size_t len = strlen(text), end_len = strlen(end);
        return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static enum sal_status check(struct sal_sim_options *options, bool policy_given, bool case_given,
                             struct sal_err *reterr) {
        if (options->table && (case_given || policy_given || options->plan || options->journal))
                return sal_fail(reterr, SAL_E_USAGE,
                                "--table has cases of its own: beside it stand --runs, --seed, --threads, --json, "
                                "--csv and --plot only");
        if (options->plot && !ends_in(options->plot, ".svg") && !ends_in(options->plot, ".png"))
                return sal_fail(reterr, SAL_E_USAGE, "--plot writes FILE.svg or FILE.png, not \"%.80s\"",
                                options->plot);
        int first = SAL_SIM_POLICIES;
        for (int i = SAL_SIM_POLICIES - 1; i >= 0; i--)
                first = options->policies[i] ? i : first;
        if (first == SAL_SIM_POLICIES)
                return sal_fail(reterr, SAL_E_USAGE, "--policy names no policy");
        options->what.policy = (enum sal_sim_policy)first;
        if (options->journal && options->what.policy != SAL_SIM_SALVOR)
                return sal_fail(reterr, SAL_E_USAGE, "--journal is of the policy salvor, and it is not played");
        return sal_sim_case_check(&options->what, reterr);
}

enum sal_status sal_sim_options_parse(int argc, char **argv, struct sal_sim_options *ret, struct sal_err *reterr) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        *ret = (struct sal_sim_options){.runs = 1000, .seed = 1, .threads = processors > 0 ? processors : 1};
        ret->threads = ret->threads < SAL_SIM_THREADS_MAX ? ret->threads : SAL_SIM_THREADS_MAX;
        ret->policies[SAL_SIM_SALVOR] = true;
        sal_sim_case_default(&ret->what);
        bool given[SAL_ARRAY_LEN(rows)] = {false}, case_given = false, policy_given = false;
        enum sal_status status = sal_fleet_line_parse(rows, SAL_ARRAY_LEN(rows), argc, argv, ret, given, NULL, reterr);
        if (status)
                return status;
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                policy_given |= given[i] && rows[i].offset == OPT(policies);
                case_given |= given[i] && rows[i].offset < sizeof ret->what;
        }
        if (ret->help)
                return SAL_OK;
        status = ret->plan ? read_plan(ret->plan, &ret->what.plan, reterr) : SAL_OK;
        return status ? status : check(ret, policy_given, case_given, reterr);
}

void sal_sim_print_usage(FILE *stream) {
        fputs("usage: salvor-fleet simulate [OPTIONS]\n\n"
              "Plays a rollout in simulated time with the daemon's own rules, or with those of\n"
              "peers.\n\n",
              stream);
        sal_fleet_line_print(stream, rows, SAL_ARRAY_LEN(rows));
        fputc('\n', stream);
        sal_help_text(stream,
                      "Exit codes: 0 done (and, of --table, every bound reached), 1 it failed, such as on a plan "
                      "that no server would take, 2 usage, 3 a file is not there, 7 interrupted.");
}
