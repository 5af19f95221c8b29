/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl: what an operator and an author do with Salvor, one command at a time. */
#include "command.h"
#include "out.h"

#include <locale.h>
#include <signal.h>

const struct sal_command *const sal_command_groups[] = {
        sal_commands_setup,    sal_commands_key,      sal_commands_draft,
        sal_commands_sign,     sal_commands_outside,  sal_commands_view,
        sal_commands_life,     sal_commands_limits,   sal_commands_watch,
        sal_commands_machine,  sal_commands_token,    sal_commands_kill_switch,
        sal_commands_export,   sal_commands_journal,  sal_commands_settings,
        sal_commands_artifact, sal_commands_ceremony, sal_commands_trust_online,
        sal_commands_bundle,   sal_commands_status,   NULL,
};

/* The folder: -C, else $SALVOR_DIR, else the present one when it holds a configuration. */
static enum sal_status find_dir(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (!ctl->dir)
                ctl->dir = getenv("SALVOR_DIR");
        if (ctl->dir && *ctl->dir)
                return SAL_OK;
        if (access("ctl.conf", F_OK) == 0) {
                ctl->dir = ".";
                return SAL_OK;
        }
        sal_fail(reterr, SAL_E_USAGE, "no folder was named, and the present one holds no ctl.conf");
        sal_err_hint(reterr, "name the folder that `salvorctl init` made: salvorctl -C DIR …");
        return SAL_E_USAGE;
}

enum sal_status sal_ctl_connect(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (ctl->admin)
                return SAL_OK;
        enum sal_status status = find_dir(ctl, reterr);
        return status ? status : sal_admin_open(ctl->dir, &ctl->admin, reterr);
}

static enum sal_status run(struct sal_ctl *ctl, struct sal_err *reterr) {
        enum sal_status status = sal_client_global_init(reterr);
        if (!status && !ctl->command->offline)
                status = sal_ctl_connect(ctl, reterr);
        return status ? status : ctl->command->run(ctl, reterr);
}

int main(int argc, char **argv) {
        setlocale(LC_CTYPE, "");
        signal(SIGPIPE, SIG_IGN);
        struct sal_ctl ctl = {0};
        struct sal_err err = {0};
        enum sal_status status = sal_ctl_parse(&ctl, argc, argv, &err);
        if (!status && ctl.version) {
                puts("salvorctl " SALVOR_VERSION);
        } else if (!status && ctl.help) {
                if (ctl.command)
                        sal_ctl_print_help(stdout, ctl.command);
                else
                        sal_ctl_print_usage(stdout);
        } else if (!status) {
                status = run(&ctl, &err);
        }
        sal_admin_free(ctl.admin);
        if (!status && (fflush(stdout) || ferror(stdout)))
                status = sal_fail(&err, SAL_E_IO, "cannot write to standard output");
        if (!status)
                return ctl.exit_code;
        sal_out_error(&err, ctl.json);
        enum sal_exit code = sal_status_info(status)->exit;
        return code == SAL_EXIT_CONFIG ? SAL_EXIT_FAILED : (int)code; /* 78 is the daemon's own */
}
