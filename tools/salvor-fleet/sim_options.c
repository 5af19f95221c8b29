/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_options.h"

#include "base/mem.h"
#include "model/campaign.h"
#include "salvor-fleet/sim_runs.h"
#include "trust/file.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum kind { KIND_SWITCH, KIND_TEXT, KIND_INT, KIND_NUMBER, KIND_DELAY, KIND_POLICY };

/* One row per option; the rows drive parsing and the help. */
#define OPT(member) offsetof(struct sal_sim_options, member)
#define CASE(member) offsetof(struct sal_sim_options, what.member)
static const struct row {
        const char *name;
        enum kind kind;
        size_t offset; /* of the member it fills */
        double min, max;
        const char *value, *help;
} rows[] = {
        {"--table", KIND_SWITCH, OPT(table), 0, 0, NULL, "play the ten cases of docs/rollout.md with every rule"},
        {"--policy", KIND_POLICY, 0, 0, 0, "P,...",
         "salvor (default), hawkbit, aws, mender, lvfs, push; several, or all"},
        {"--plan", KIND_TEXT, OPT(plan), 0, 0, "FILE",
         "a campaign's payload, or a plan alone (default: the default plan)"},
        {"--runs", KIND_INT, OPT(runs), 1, SAL_SIM_RUNS_MAX, "N", "how often (default 1000)"},
        {"--seed", KIND_INT, OPT(seed), 0, 9007199254740992.0, "S", "the same seed gives the same runs (default 1)"},
        {"--threads", KIND_INT, OPT(threads), 1, SAL_SIM_THREADS_MAX, "N", "default: one per processor"},
        {"--machines", KIND_INT, CASE(machines), 1, SAL_SIM_MACHINES_MAX, "N", "default 5000"},
        {"--fail-share", KIND_NUMBER, CASE(fail_share), 0, 1, "P", "machines that report that the fix failed"},
        {"--silent-share", KIND_NUMBER, CASE(silent_share), 0, 1, "P", "machines that are never heard of again"},
        {"--relapse-share", KIND_NUMBER, CASE(relapse_share), 0, 1, "P", "machines that fail to boot after success"},
        {"--late-share", KIND_NUMBER, CASE(late_share), 0, 1, "P", "machines that report after the deadline"},
        {"--cycle-share", KIND_NUMBER, CASE(cycle_share), 0, 1, "P", "machines whose power is cut before they report"},
        {"--good-first", KIND_INT, CASE(good_first), 0, 1e9, "N",
         "the first N offers are good, whatever the shares say"},
        {"--cohort-values", KIND_INT, CASE(cohort_values), 1, SAL_SIM_VALUES_MAX, "N",
         "values of each fact in the plan's cohorts (default 10)"},
        {"--bad-cohort-fail", KIND_NUMBER, CASE(bad_cohort_fail), 0, 1, "P",
         "share that fails of one value of the first cohort fact"},
        {"--healthy", KIND_SWITCH, CASE(healthy), 0, 0, NULL, "success is `healthy` (default: applied, then the soak)"},
        {"--polls-per-minute", KIND_NUMBER, CASE(polls_per_minute), 0, 1e8, "R",
         "of the whole fleet (default 100); 0: all wait at the server"},
        {"--offers-per-second", KIND_NUMBER, CASE(offers_per_second), 0.001, 1e6, "R",
         "to machines that wait, at most (default 2000)"},
        {"--success-delay", KIND_DELAY, CASE(success), 0, 0, "D",
         "seconds until success is reported (default exp:480)"},
        {"--failure-delay", KIND_DELAY, CASE(failure), 0, 0, "D", "until a failure is (default exp:180)"},
        {"--relapse-delay", KIND_DELAY, CASE(relapse), 0, 0, "D", "from success to relapse (default exp:600)"},
        {"--cycle-delay", KIND_DELAY, CASE(cycle), 0, 0, "D", "until the power is cut (default exp:120)"},
        {"--late-delay", KIND_DELAY, CASE(late), 0, 0, "D", "from the deadline to a late report (default exp:1800)"},
        {"--reboot-delay", KIND_DELAY, CASE(reboot), 0, 0, "D", "until the next attempt's poll (default 60)"},
        {"--days", KIND_INT, CASE(days), 1, SAL_SIM_DAYS_MAX, "N", "simulated, at most (default 30)"},
        {"--hawkbit-error", KIND_NUMBER, CASE(hawkbit_error_percent), 0, 100, "%", "error condition (default 50)"},
        {"--hawkbit-success", KIND_NUMBER, CASE(hawkbit_success_percent), 0, 100, "%",
         "success condition (default 50)"},
        {"--aws-abort", KIND_NUMBER, CASE(aws_abort_percent), 0, 100, "%", "threshold percentage (default 20)"},
        {"--aws-minimum", KIND_INT, CASE(aws_minimum), 1, 1e9, "N", "executed things, at least (default 100)"},
        {"--aws-per-minute", KIND_INT, CASE(aws_per_minute), 1, 1e9, "N", "rollout rate (default 1000)"},
        {"--mender-hours", KIND_NUMBER, CASE(phase_hours), 0.001, 8760, "H",
         "between phases of 5, 15, 80 % (default 48)"},
        {"--lvfs-failures", KIND_INT, CASE(lvfs_failures), 1, 1e9, "N", "failures, at least (default 5)"},
        {"--lvfs-success", KIND_NUMBER, CASE(lvfs_percent), 0, 100, "%", "successes below this (default 70)"},
        {"--json", KIND_SWITCH, OPT(json), 0, 0, NULL, "the results as JSON"},
        {"--csv", KIND_TEXT, OPT(csv), 0, 0, "FILE", "every run, or the table, as CSV"},
        {"--plot", KIND_TEXT, OPT(plot), 0, 0, "FILE", "a picture, .svg or .png (needs gnuplot)"},
        {"--journal", KIND_TEXT, OPT(journal), 0, 0, "FILE", "the events of one run, for `salvorctl journal replay`"},
        {"--help", KIND_SWITCH, OPT(help), 0, 0, NULL, "this page"},
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
        double number = strtod(text, &end);
        bool whole = row->kind != KIND_INT || floor(number) == number;
        if (!errno && end != text && !*end && number >= row->min && number <= row->max && whole) {
                *ret = number;
                return SAL_OK;
        }
        return sal_fail(reterr, SAL_E_USAGE, "%s must be a %s from %.15g to %.15g, not \"%.40s\"", row->name,
                        row->kind == KIND_INT ? "whole number" : "number", row->min, row->max, text);
}

static enum sal_status take_policies(struct sal_sim_options *options, const char *text, struct sal_err *reterr) {
        memset(options->policies, 0, sizeof options->policies);
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
                        options->policies[i] |= policy < 0 || policy == i;
                text += len;
                text += *text == ',';
        }
        return SAL_OK;
}

static enum sal_status take(struct sal_sim_options *options, const struct row *row, const char *text,
                            struct sal_err *reterr) {
        char *member = (char *)options + row->offset;
        double number = 0;
        enum sal_status status = SAL_OK;
        switch (row->kind) {
        case KIND_SWITCH:
                *(bool *)member = true;
                return SAL_OK;
        case KIND_TEXT:
                *(const char **)(void *)member = text;
                return SAL_OK;
        case KIND_POLICY:
                return take_policies(options, text, reterr);
        case KIND_DELAY:
                return sal_sim_delay_parse(row->name, text, (struct sal_sim_delay *)(void *)member, reterr);
        case KIND_INT:
                status = take_number(row, text, &number, reterr);
                if (!status)
                        *(int64_t *)(void *)member = (int64_t)number;
                return status;
        case KIND_NUMBER:
                return take_number(row, text, (double *)(void *)member, reterr);
        }
        return status;
}

/* A plan, or a payload whose plan it is. */
static enum sal_status read_plan(const char *path, struct sal_plan *ret, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        sal_autojson json_t *json = NULL;
        size_t len = 0;
        enum sal_status status = sal_file_read(path, SAL_SIM_PLAN_MAX_BYTES, &bytes, &len, reterr);
        if (!status)
                status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &json, reterr);
        if (status)
                return status;
        struct sal_json_at root = sal_json_root(json), at = root;
        if (json_object_get(json, "actions")) {
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
        bool policy_given = false, case_given = false;
        for (int i = 0; i < argc; i++) {
                const char *word = argv[i];
                size_t len = strcspn(word, "=");
                const struct row *row = find_row(word, len);
                if (!row)
                        return sal_fail(reterr, SAL_E_USAGE,
                                        *word == '-' ? "there is no option %.*s" : "\"%.*s\" is too much",
                                        len > 60 ? 60 : (int)len, word);
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
                policy_given |= row->kind == KIND_POLICY;
                case_given |= row->kind != KIND_POLICY && row->offset < sizeof ret->what;
        }
        if (ret->help)
                return SAL_OK;
        enum sal_status status = ret->plan ? read_plan(ret->plan, &ret->what.plan, reterr) : SAL_OK;
        return status ? status : check(ret, policy_given, case_given, reterr);
}

void sal_sim_print_usage(FILE *stream) {
        fputs("usage: salvor-fleet simulate [OPTIONS]\n\n"
              "Plays a rollout in simulated time with the daemon's own rules, or with those of peers.\n\n",
              stream);
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                char left[48];
                snprintf(left, sizeof left, "%s%s%s", rows[i].name, rows[i].value ? " " : "",
                         rows[i].value ? rows[i].value : "");
                fprintf(stream, "  %-24s %s\n", left, rows[i].help);
        }
        fputs("\nA delay D is seconds such as 90, exp:MEAN or tri:LEAST,MOST LIKELY,MOST.\n"
              "Exit codes: 0 done (and, of --table, every bound reached), 1 failed, 2 usage, 7 interrupted.\n",
              stream);
}
