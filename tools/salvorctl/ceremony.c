/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl trust draft, sign, check: their rows, and what each kind of draft takes. */
#include "ceremony.h"

#include <string.h>

#define PASSPHRASE (SAL_BIT(SAL_OPT_PASSPHRASE_FILE) | SAL_BIT(SAL_OPT_PASSPHRASE_FD))
#define CHANGES (SAL_BIT(SAL_OPT_ADD) | SAL_BIT(SAL_OPT_DROP) | SAL_BIT(SAL_OPT_THRESHOLD))

static const struct kind {
        const char *name;
        uint64_t options; /* besides --out */
        enum sal_status (*run)(struct sal_ctl *ctl, struct sal_err *reterr);
} kinds[] = {
        {"root", SAL_BIT(SAL_OPT_FROM) | SAL_BIT(SAL_OPT_NEW) | CHANGES | SAL_BIT(SAL_OPT_DAYS), sal_ctl_draft_root},
        {"targets",
         SAL_BIT(SAL_OPT_FROM) | SAL_BIT(SAL_OPT_ROOT) | SAL_BIT(SAL_OPT_POLICY) | CHANGES | SAL_BIT(SAL_OPT_DAYS),
         sal_ctl_draft_targets},
        {"policy",
         SAL_BIT(SAL_OPT_FROM) | SAL_BIT(SAL_OPT_NEW) | CHANGES | SAL_BIT(SAL_OPT_CLASS) | SAL_BIT(SAL_OPT_REVOKE),
         sal_ctl_draft_policy},
};

static enum sal_status run_draft(struct sal_ctl *ctl, struct sal_err *reterr) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(kinds); i++) {
                if (strcmp(ctl->args[0], kinds[i].name) != 0)
                        continue;
                for (int option = 0; option < SAL_OPT_COUNT; option++)
                        if (ctl->options[option] && option != SAL_OPT_OUT && !(kinds[i].options & SAL_BIT(option)))
                                return sal_fail(reterr, SAL_E_USAGE, "\"trust draft %s\" takes no --%s", kinds[i].name,
                                                sal_ctl_option_name((enum sal_option)option));
                return kinds[i].run(ctl, reterr);
        }
        return sal_fail(reterr, SAL_E_USAGE, "\"trust draft\" makes a root, targets or policy, not \"%.40s\"",
                        ctl->args[0]);
}

static const struct sal_option_words draft_words[] = {
        {SAL_OPT_FROM, "FILE", "the file before: the new one begins as its copy"},
        {SAL_OPT_ROOT, "FILE", "the root whose targets keys will sign the targets"},
        {SAL_OPT_POLICY, "FILE", "the trust policy that the targets name"},
        {0},
};

static const struct sal_option_words sign_words[] = {
        {SAL_OPT_FROM, "FILE", "the file before: shows what changes; a root counts its keys too"},
        {SAL_OPT_ROOT, "FILE", "the root that says whose signatures count for targets"},
        {SAL_OPT_POLICY, "FILE", "the trust policy that the targets name, to be shown"},
        {0},
};

static const struct sal_option_words check_words[] = {
        {SAL_OPT_ROOT, "FILE", "the root that machines pin, 1.root.json: the chain begins there"},
        {0},
};

const struct sal_command sal_commands_ceremony[] = {
        {.group = "trust",
         .verb = "draft",
         .args = "root|targets|policy",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_OUT) | SAL_BIT(SAL_OPT_FROM) | SAL_BIT(SAL_OPT_NEW) | SAL_BIT(SAL_OPT_ROOT) |
                    SAL_BIT(SAL_OPT_POLICY) | CHANGES | SAL_BIT(SAL_OPT_CLASS) | SAL_BIT(SAL_OPT_REVOKE) |
                    SAL_BIT(SAL_OPT_DAYS),
         .required = SAL_BIT(SAL_OPT_OUT),
         .offline = true,
         .local = true,
         .summary = "Write the next root, targets or policy, for its key holders to sign",
         .help = "root     --from N.root.json, or --new; roles are root, targets, snapshot and timestamp\n"
                 "targets  --root N.root.json --policy FILE [--from N.targets.json]; the role is campaigns\n"
                 "policy   --from FILE, or --new; --add NAME=PUBLIC.pem and --drop NAME are authors, --threshold "
                 "CLASS=N, --class NAME limits --add to it, --revoke ID[@V]\n"
                 "Drops come first, then additions, then thresholds. A KEY is an id, its first 8 digits or more, or a "
                 "public file. A root is valid for 1095 days, targets for 365, unless --days says otherwise.",
         .words = draft_words,
         .run = run_draft},
        {.group = "trust",
         .verb = "sign",
         .args = "FILE",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_KEY) | SAL_BIT(SAL_OPT_FROM) | SAL_BIT(SAL_OPT_ROOT) | SAL_BIT(SAL_OPT_POLICY) |
                    SAL_BIT(SAL_OPT_YES) | PASSPHRASE,
         .required = SAL_BIT(SAL_OPT_KEY),
         .offline = true,
         .local = true,
         .summary = "Show what a root or targets file says and changes, then sign it",
         .help = "--from names the file before it, so that the changes are shown; a root then counts the keys of the "
                 "root before too. A targets file needs --root N.root.json; --policy FILE shows the policy it names. "
                 "One signature is added; nothing else of FILE changes.",
         .words = sign_words,
         .run = sal_ctl_trust_sign},
        {.group = "trust",
         .verb = "check",
         .args = "FILE...",
         .min_args = 1,
         .max_args = SAL_CTL_MAX_ARGS,
         .options = SAL_BIT(SAL_OPT_ROOT),
         .offline = true,
         .local = true,
         .summary = "Hold root files, targets and policy against each other as a client would",
         .help = "--root names the root that clients pin. Says whose signatures are missing and how long all of it is "
                 "valid. Exit code 0 when all of it holds together, else 1.",
         .words = check_words,
         .run = sal_ctl_trust_check},
        {0},
};
