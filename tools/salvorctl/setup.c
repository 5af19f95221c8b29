/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl init. */
#include "base/clock.h"
#include "command.h"
#include "init.h"
#include "out.h"

static enum sal_status run_init(struct sal_ctl *ctl, struct sal_err *reterr) {
        int64_t machine = SAL_INIT_MACHINE_PORT, admin = SAL_INIT_ADMIN_PORT, ops = SAL_INIT_OPS_PORT;
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_MACHINE_PORT, 0, 65535, &machine, reterr);
        if (!status)
                status = sal_ctl_int(ctl, SAL_OPT_ADMIN_PORT, 0, 65535, &admin, reterr);
        if (!status)
                status = sal_ctl_int(ctl, SAL_OPT_OPS_PORT, 0, 65535, &ops, reterr);
        if (status)
                return status;
        const struct sal_init_options options = {.dir = ctl->args[0],
                                                 .machine_port = (int)machine,
                                                 .admin_port = (int)admin,
                                                 .ops_port = (int)ops,
                                                 .now_ms = sal_clock_wall_ms()};
        status = sal_init_trust_domain(&options, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_autojson json_t *document = json_pack("{s:s}", "dir", ctl->args[0]);
                sal_out_json(document);
                return SAL_OK;
        }
        sal_out_line(stdout, "made the trust domain in ", ctl->args[0], NULL);
        sal_out_line(stdout, "start the server:  salvord -c ", ctl->args[0], "/salvord.conf", NULL);
        sal_out_line(stdout, "talk to it:        salvorctl -C ", ctl->args[0], " campaign list", NULL);
        puts("The offline keys (root, targets, author) lie in its keys folder for a trial; in production they are "
             "made\n"
             "and kept elsewhere.");
        return SAL_OK;
}

const struct sal_command sal_commands_setup[] = {
        {.group = "init",
         .args = "DIR",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_MACHINE_PORT) | SAL_BIT(SAL_OPT_ADMIN_PORT) | SAL_BIT(SAL_OPT_OPS_PORT),
         .offline = true,
         .local = true,
         .summary = "Make a complete trust domain: configuration, certificates, keys, signed root, policy",
         .help = "DIR must not exist or be empty. Private files are readable by their owner only.",
         .run = run_init},
        {0},
};
