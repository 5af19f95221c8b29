/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: options, the command's name, its arguments. */
#include "client/help.h"
#include "command.h"

#include <errno.h>
#include <string.h>

enum { SUMMARY_COLUMN = 34, OPTION_COLUMN = 27 }; /* of the help */

static const struct option_row {
        const char *name;
        const char *value; /* NULL: a switch */
        const char *help;
} option_rows[SAL_OPT_COUNT] = {
        [SAL_OPT_KEY] = {"key", "FILE|URI", "private key to sign with: a PEM file, or pkcs11:… on a token"},
        [SAL_OPT_PAYLOAD] = {"payload", "FILE", "sign this file and print the signature, without any server"},
        [SAL_OPT_REASON] = {"reason", "TEXT", "why; kept in the journal"},
        [SAL_OPT_ACKNOWLEDGE] = {"acknowledge", "ID", "id of the halt decision that you have read"},
        [SAL_OPT_COHORT] = {"cohort", "FACT=VALUE", "act on this held cohort only"},
        [SAL_OPT_TIMEOUT] = {"timeout", "SECONDS", "give up after this time, exit code 7"},
        [SAL_OPT_RING] = {"ring", "NAME", "only machines of this ring"},
        [SAL_OPT_STATE] = {"state", "NAME", "only those in this state"},
        [SAL_OPT_FACT] = {"fact", "NAME=VALUE", "only machines with this fact; may be repeated"},
        [SAL_OPT_LIMIT] = {"limit", "N", "at most so many (default 10000)"},
        [SAL_OPT_CSV] = {"csv", NULL, "comma-separated values, for a spreadsheet"},
        [SAL_OPT_NONE] = {"none", NULL, "take the pin away"},
        [SAL_OPT_UNDO] = {"undo", NULL, "let the machine take part again"},
        [SAL_OPT_USES] = {"uses", "N", "how many machines may enrol with it (default 1)"},
        [SAL_OPT_MACHINE] = {"machine", "ID", "only this machine may use it"},
        [SAL_OPT_EXPIRES_IN] = {"expires-in", "SECONDS", "how long it is good (default 3600)"},
        [SAL_OPT_REENROLL] = {"reenroll", NULL, "machines that hold a token may enrol again"},
        [SAL_OPT_REIMAGED] = {"reimaged", NULL, "those that enrol again were re-imaged: no relapse"},
        [SAL_OPT_EVENTS] = {"events", NULL, "the journal, one JSON object per line"},
        [SAL_OPT_AFTER] = {"after", "SEQ", "events behind this sequence number (default 0)"},
        [SAL_OPT_MACHINE_PORT] = {"machine-port", "PORT", "of the machine plane (default 8443; 0: any)"},
        [SAL_OPT_ADMIN_PORT] = {"admin-port", "PORT", "of the admin plane (default 8444; 0: any)"},
        [SAL_OPT_OPS_PORT] = {"ops-port", "PORT", "of health and metrics (default 9464; 0: any)"},
        [SAL_OPT_TYPE] = {"type", "TYPE", "ed25519 or p256"},
        [SAL_OPT_OUT] = {"out", "FILE", "the file to make; never overwritten"},
        [SAL_OPT_NAME] = {"name", "NAME", "of the author (default: that of the file, or the key's label)"},
        [SAL_OPT_PASSPHRASE_FILE] = {"passphrase-file", "FILE", "its first line is the passphrase, or the token's PIN"},
        [SAL_OPT_PASSPHRASE_FD] = {"passphrase-fd", "N", "the same from an open descriptor"},
        [SAL_OPT_UNENCRYPTED] = {"unencrypted", NULL,
                                 "no passphrase: for trials, and for the online key, which the server reads by itself"},
        [SAL_OPT_FROM] = {"from", "FILE", "what there is now"},
        [SAL_OPT_ROOT] = {"root", "FILE", "the root that says whose signatures count"},
        [SAL_OPT_POLICY] = {"policy", "FILE", "the trust policy"},
        [SAL_OPT_NEW] = {"new", NULL, "the first of a trust domain: nothing is there yet"},
        [SAL_OPT_ADD] = {"add", "ROLE=PUBLIC.pem", "this key may sign for the role; may be repeated"},
        [SAL_OPT_DROP] = {"drop", "ROLE=KEY", "this key, by its id or its public file, no longer; may be repeated"},
        [SAL_OPT_THRESHOLD] = {"threshold", "ROLE=N", "so many different keys must sign; may be repeated"},
        [SAL_OPT_CLASS] = {"class", "NAME", "only in this class of the policy; may be repeated"},
        [SAL_OPT_REVOKE] = {"revoke", "ID[@V]", "this campaign, or one version of it; may be repeated"},
        [SAL_OPT_DAYS] = {"days", "N", "how long it is valid"},
        [SAL_OPT_YES] = {"yes", NULL, "do not ask"},
        [SAL_OPT_PUBLIC_OUT] = {"public-out", "FILE", "where the public half goes (PEM); never overwritten"},
        [SAL_OPT_PAE] = {"pae", NULL, "what other programs sign: the payload with the DSSE words ahead of it"},
        [SAL_OPT_KEYID] = {"keyid", "ID", "of the key that made the signature"},
        [SAL_OPT_SIGNATURE] = {"signature", "FILE", "the signature's bytes, as openssl writes them"},
        [SAL_OPT_TARGETS] = {"targets", "FILE", "the targets that the new root's keys signed"},
        [SAL_OPT_IN_FLIGHT] = {"in-flight", "N", "at most so many offers in flight"},
        [SAL_OPT_OPENS] = {"opens", "RING=TIME",
                           "this ring opens then at the earliest (RFC 3339, UTC); may be repeated"},
        [SAL_OPT_ONLY_LABEL] = {"only-label", "NAME=VALUE",
                                "only machines with this label; may be repeated, values of one name are alternatives"},
        [SAL_OPT_ONLY_MACHINES] = {"only-machines", "FILE", "only these machines, an id per line; - is standard input"},
        [SAL_OPT_WINDOW] = {"window", "DAYS FROM-TO",
                            "only then are offers made (UTC); may be repeated; \"mon-fri 22:00-04:00\", or "
                            "\"22:00-04:00\" every day"},
        [SAL_OPT_FILE] = {"file", "FILE", "all limits as JSON, in the place of those before; - is standard input"},
};

/* Those that may stand there several times. */
static const uint64_t repeating = SAL_BIT(SAL_OPT_FACT) | SAL_BIT(SAL_OPT_ADD) | SAL_BIT(SAL_OPT_DROP) |
                                  SAL_BIT(SAL_OPT_THRESHOLD) | SAL_BIT(SAL_OPT_CLASS) | SAL_BIT(SAL_OPT_REVOKE) |
                                  SAL_BIT(SAL_OPT_OPENS) | SAL_BIT(SAL_OPT_ONLY_LABEL) | SAL_BIT(SAL_OPT_WINDOW);

/* Edits (insert, drop, replace, swap of neighbours) from one word to the other; long words count as far. */
static size_t distance(const char *a, const char *b) {
        enum { LONGEST = 40 };
        size_t la = strlen(a), lb = strlen(b);
        if (la > LONGEST || lb > LONGEST)
                return LONGEST;
        size_t cost[LONGEST + 1][LONGEST + 1];
        for (size_t i = 0; i <= la; i++)
                for (size_t j = 0; j <= lb; j++) {
                        if (i == 0 || j == 0) {
                                cost[i][j] = i + j;
                                continue;
                        }
                        size_t best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
                        best = cost[i - 1][j] + 1 < best ? cost[i - 1][j] + 1 : best;
                        best = cost[i][j - 1] + 1 < best ? cost[i][j - 1] + 1 : best;
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                            cost[i - 2][j - 2] + 1 < best)
                                best = cost[i - 2][j - 2] + 1;
                        cost[i][j] = best;
                }
        return cost[la][lb];
}

static void command_name(const struct sal_command *command, char *ret, size_t room) {
        snprintf(ret, room, "%s%s%s", command->group, command->verb ? " " : "", command->verb ? command->verb : "");
}

static void hint_verbs(const char *group, struct sal_err *reterr) {
        sal_autobuf struct sal_buf verbs = SAL_BUF_INIT;
        for (size_t g = 0; sal_command_groups[g]; g++)
                for (const struct sal_command *row = sal_command_groups[g]; row->group; row++)
                        if (strcmp(row->group, group) == 0)
                                sal_buf_printf(&verbs, "%s%s", verbs.len ? ", " : "", row->verb);
        sal_err_hint(reterr, "one of: %s", verbs.data ? verbs.data : "");
}

static enum sal_status unknown_command(const char *group, const char *verb, struct sal_err *reterr) {
        char given[96], best_name[96] = "";
        snprintf(given, sizeof given, "%.40s%s%.40s", group, verb ? " " : "", verb ? verb : "");
        size_t best = SIZE_MAX;
        bool group_exists = false;
        for (size_t g = 0; sal_command_groups[g]; g++)
                for (const struct sal_command *row = sal_command_groups[g]; row->group; row++) {
                        char name[96];
                        command_name(row, name, sizeof name);
                        group_exists = group_exists || strcmp(row->group, group) == 0;
                        size_t far = distance(given, verb ? name : row->group);
                        if (far < best) {
                                best = far;
                                snprintf(best_name, sizeof best_name, "%s", verb ? name : row->group);
                        }
                }
        if (group_exists && !verb) {
                sal_fail(reterr, SAL_E_USAGE, "\"%.40s\" needs to be told what to do", group);
                hint_verbs(group, reterr);
        } else {
                sal_fail(reterr, SAL_E_USAGE, "there is no command \"%s\"", given);
                if (best <= 6)
                        sal_err_hint(reterr, "did you mean \"%s\"? salvorctl --help lists every command", best_name);
                else
                        sal_err_hint(reterr, "salvorctl --help lists every command");
        }
        return SAL_E_USAGE;
}

static enum sal_status find_command(struct sal_ctl *ctl, const char *const *words, size_t count, size_t *ret_used,
                                    struct sal_err *reterr) {
        for (size_t g = 0; sal_command_groups[g]; g++)
                for (const struct sal_command *row = sal_command_groups[g]; row->group; row++) {
                        if (strcmp(row->group, words[0]) != 0)
                                continue;
                        if (row->verb && (count < 2 || strcmp(row->verb, words[1]) != 0))
                                continue;
                        ctl->command = row;
                        *ret_used = row->verb ? 2 : 1;
                        return SAL_OK;
                }
        return unknown_command(words[0], count > 1 ? words[1] : NULL, reterr);
}

static enum sal_status set_option(struct sal_ctl *ctl, size_t option, const char *value, struct sal_err *reterr) {
        if (repeating & SAL_BIT(option)) {
                if (ctl->repeated_count == SAL_CTL_MAX_REPEATED)
                        return sal_fail(reterr, SAL_E_USAGE, "at most %d --%s", SAL_CTL_MAX_REPEATED,
                                        option_rows[option].name);
                ctl->repeated[ctl->repeated_count].option = (enum sal_option)option;
                ctl->repeated[ctl->repeated_count++].value = value;
        } else if (ctl->options[option]) {
                return sal_fail(reterr, SAL_E_USAGE, "--%s stands there twice", option_rows[option].name);
        }
        ctl->options[option] = value;
        return SAL_OK;
}

/* What an option is for this command. */
static struct sal_option_words words_of(const struct sal_command *command, enum sal_option option) {
        for (const struct sal_option_words *words = command->words; words && words->help; words++)
                if (words->option == option)
                        return *words;
        return (struct sal_option_words){option, option_rows[option].value, option_rows[option].help};
}

/* One long option; *inout_at moves on when its value is the next word. ret_lacking: the option that has none; which
 * value it needs, only the command tells. */
static enum sal_status take_long(struct sal_ctl *ctl, int argc, char **argv, int *inout_at,
                                 enum sal_option *ret_lacking, struct sal_err *reterr) {
        const char *name = argv[*inout_at] + 2;
        size_t len = strcspn(name, "=");
        const char *value = name[len] ? name + len + 1 : NULL;
        static const char *const global[] = {"json", "help", "version"};
        bool *const flags[] = {&ctl->json, &ctl->help, &ctl->version};
        for (size_t i = 0; i < SAL_ARRAY_LEN(global); i++)
                if (strlen(global[i]) == len && strncmp(global[i], name, len) == 0 && !value) {
                        *flags[i] = true;
                        return SAL_OK;
                }
        for (size_t i = 0; i < SAL_OPT_COUNT; i++) {
                const struct option_row *row = &option_rows[i];
                if (strlen(row->name) != len || strncmp(row->name, name, len) != 0)
                        continue;
                if (!row->value)
                        return value ? sal_fail(reterr, SAL_E_USAGE, "--%s takes no value", row->name)
                                     : set_option(ctl, i, "", reterr);
                if (!value && *inout_at + 1 >= argc) {
                        *ret_lacking = (enum sal_option)i;
                        value = "";
                }
                return set_option(ctl, i, value ? value : argv[++*inout_at], reterr);
        }
        return sal_fail(reterr, SAL_E_USAGE, "there is no option --%.*s", (int)(len > 64 ? 64 : len), name);
}

/* Splits the words: options into *ctl, everything else into words. */
static enum sal_status split(struct sal_ctl *ctl, int argc, char **argv, const char **words, size_t room,
                             size_t *ret_count, enum sal_option *ret_lacking, struct sal_err *reterr) {
        bool options_end = false;
        size_t count = 0;
        for (int i = 1; i < argc; i++) {
                const char *word = argv[i];
                enum sal_status status = SAL_OK;
                if (options_end || *word != '-' || !word[1]) {
                        if (count == room)
                                return sal_fail(reterr, SAL_E_USAGE, "too many words: \"%.100s\"", word);
                        words[count++] = word;
                } else if (strcmp(word, "--") == 0) {
                        options_end = true;
                } else if (strncmp(word, "--", 2) == 0) {
                        status = take_long(ctl, argc, argv, &i, ret_lacking, reterr);
                } else if (strncmp(word, "-C", 2) == 0) {
                        if (!word[2] && i + 1 >= argc)
                                return sal_fail(reterr, SAL_E_USAGE, "-C needs a folder");
                        ctl->dir = word[2] ? word + 2 : argv[++i];
                } else if (strcmp(word, "-h") == 0) {
                        ctl->help = true;
                } else if (strcmp(word, "-V") == 0) {
                        ctl->version = true;
                } else {
                        return sal_fail(reterr, SAL_E_USAGE, "there is no option %.64s", word);
                }
                if (status)
                        return status;
        }
        *ret_count = count;
        return SAL_OK;
}

static enum sal_status check_use(const struct sal_ctl *ctl, enum sal_option lacking, struct sal_err *reterr) {
        const struct sal_command *command = ctl->command;
        char name[96];
        command_name(command, name, sizeof name);
        for (size_t i = 0; i < SAL_OPT_COUNT; i++) {
                if (ctl->options[i] && !(command->options & SAL_BIT(i)))
                        return sal_fail(reterr, SAL_E_USAGE, "\"%s\" takes no --%s", name, option_rows[i].name);
                const char *value = words_of(command, (enum sal_option)i).value;
                if (!ctl->options[i] && (command->required & SAL_BIT(i)))
                        return sal_fail(reterr, SAL_E_USAGE, "\"%s\" needs --%s %s", name, option_rows[i].name,
                                        value ? value : "");
                if (i == lacking)
                        return sal_fail(reterr, SAL_E_USAGE, "--%s needs a value: %s", option_rows[i].name, value);
        }
        if (ctl->arg_count < command->min_args)
                return sal_fail(reterr, SAL_E_USAGE, "\"%s\" needs %s", name, command->args);
        if (ctl->arg_count > command->max_args)
                return sal_fail(reterr, SAL_E_USAGE, "\"%s\" takes %s: \"%.100s\" is too much", name,
                                *command->args ? command->args : "no argument", ctl->args[command->max_args]);
        return SAL_OK;
}

enum sal_status sal_ctl_parse(struct sal_ctl *ctl, int argc, char **argv, struct sal_err *reterr) {
        const char *words[2 + SAL_CTL_MAX_ARGS];
        size_t count = 0, used = 0;
        enum sal_option lacking = SAL_OPT_COUNT;
        enum sal_status status = split(ctl, argc, argv, words, SAL_ARRAY_LEN(words), &count, &lacking, reterr);
        if (status)
                return status;
        if (count == 0) {
                if (ctl->help || ctl->version)
                        return SAL_OK;
                sal_fail(reterr, SAL_E_USAGE, "no command was given");
                sal_err_hint(reterr, "salvorctl --help lists every command");
                return SAL_E_USAGE;
        }
        status = find_command(ctl, words, count, &used, reterr);
        if (status) /* `salvorctl campaign --help` shows the overview */
                return ctl->help && count == 1 ? SAL_OK : status;
        for (size_t i = used; i < count; i++) {
                if (ctl->arg_count == SAL_CTL_MAX_ARGS)
                        return sal_fail(reterr, SAL_E_USAGE, "too many words: \"%.100s\"", words[i]);
                ctl->args[ctl->arg_count++] = words[i];
        }
        if (ctl->help || ctl->version)
                return SAL_OK;
        status = check_use(ctl, lacking, reterr);
        if (status) {
                char name[96];
                command_name(ctl->command, name, sizeof name);
                sal_err_hint(reterr, "salvorctl %s --help says more", name);
        }
        return status;
}

void sal_ctl_print_usage(FILE *stream) {
        fputs("usage: salvorctl -C DIR COMMAND [ARGUMENTS] [OPTIONS]\n"
              "       salvorctl COMMAND --help\n\n",
              stream);
        for (size_t g = 0; sal_command_groups[g]; g++) {
                for (const struct sal_command *row = sal_command_groups[g]; row->group; row++) {
                        char name[160];
                        snprintf(name, sizeof name, "%s%s%s%s%s", row->group, row->verb ? " " : "",
                                 row->verb ? row->verb : "", *row->args ? " " : "", row->args);
                        sal_help_row(stream, SUMMARY_COLUMN, name, row->summary);
                }
        }
        static const char *const options[][2] = {
                {"-C DIR", "folder that `salvorctl init` made (default: $SALVOR_DIR, else the present folder)"},
                {"--json", "machine-readable standard output"},
                {"--help", "this page, or that of a command"},
                {"--version", "version of the program"},
        };
        fputc('\n', stream);
        for (size_t i = 0; i < SAL_ARRAY_LEN(options); i++)
                sal_help_row(stream, SUMMARY_COLUMN, options[i][0], options[i][1]);
        fputc('\n', stream);
        sal_help_text(stream, "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict, 5 server unreachable, "
                              "6 denied, 7 timed out.");
}

static void print_option(FILE *stream, const struct sal_command *command, enum sal_option option) {
        const struct sal_option_words words = words_of(command, option);
        char left[48], text[256];
        snprintf(left, sizeof left, "--%s%s%s", option_rows[option].name, words.value ? " " : "",
                 words.value ? words.value : "");
        snprintf(text, sizeof text, "%s%s", words.help, command->required & SAL_BIT(option) ? " (required)" : "");
        sal_help_row(stream, OPTION_COLUMN, left, text);
}

void sal_ctl_print_help(FILE *stream, const struct sal_command *command) {
        char name[96], text[256];
        command_name(command, name, sizeof name);
        fprintf(stream, "usage: salvorctl %s%s%s%s%s\n\n", command->local ? "" : "-C DIR ", name,
                *command->args ? " " : "", command->args, command->options ? " [OPTIONS]" : "");
        snprintf(text, sizeof text, "%s.", command->summary);
        sal_help_text(stream, text);
        if (command->help) {
                fputc('\n', stream);
                sal_help_text(stream, command->help);
        }
        if (command->options)
                fputc('\n', stream);
        for (int i = 0; i < SAL_OPT_COUNT; i++)
                if (command->options & SAL_BIT(i))
                        print_option(stream, command, (enum sal_option)i);
}

const char *sal_ctl_option_name(enum sal_option option) {
        return option_rows[option].name;
}

bool sal_ctl_has(const struct sal_ctl *ctl, enum sal_option option) {
        return ctl->options[option];
}

const char *sal_ctl_nth(const struct sal_ctl *ctl, enum sal_option option, size_t index) {
        for (size_t i = 0; i < ctl->repeated_count; i++)
                if (ctl->repeated[i].option == option && index-- == 0)
                        return ctl->repeated[i].value;
        return NULL;
}

enum sal_status sal_ctl_int(const struct sal_ctl *ctl, enum sal_option option, int64_t min, int64_t max, int64_t *inout,
                            struct sal_err *reterr) {
        const char *text = ctl->options[option];
        if (!text)
                return SAL_OK;
        char *end = NULL;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        if (errno || end == text || *end || number < min || number > max)
                return sal_fail(reterr, SAL_E_USAGE, "--%s must be a whole number from %lld to %lld, not \"%.40s\"",
                                option_rows[option].name, (long long)min, (long long)max, text);
        *inout = number;
        return SAL_OK;
}
