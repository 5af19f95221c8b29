/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl campaign start, pause, resume, advance, halt, withdraw: the life of a campaign. */
#include "command.h"
#include "confirm.h"
#include "out.h"

#include <string.h>

/* One row per act: which version a bare ID means, whether the server wants a grant, what a person reads afterwards, and
 * the states that confirm it (a campaign may be complete at once). */
static const struct act {
        const char *verb;
        enum sal_ctl_want want;
        bool elevate;
        const char *done;
        const char *states;
} acts[] = {
        {"start", SAL_WANT_READY, true, "started", "active"},
        {"pause", SAL_WANT_LIVE, false, "paused", "paused"},
        {"resume", SAL_WANT_LIVE, true, "resumed", "active completed"},
        {"advance", SAL_WANT_LIVE, true, "advanced", "active completed"},
        {"halt", SAL_WANT_LIVE, false, "halted", "halted"},
        {"withdraw", SAL_WANT_LIVE, true, "withdrawn", "withdrawn"},
};

static const struct act *find_act(const char *verb) {
        const struct act *act = acts;
        while (strcmp(act->verb, verb) != 0)
                act++;
        return act;
}

/* A halt by the engine has to be read before it is undone: the error then says how. */
static void hint_acknowledge(const struct sal_ctl *ctl, enum sal_status status, struct sal_err *reterr) {
        if (status != SAL_E_ACKNOWLEDGE || !reterr)
                return;
        sal_err_hint(reterr, "read it with `salvorctl campaign decisions %.100s`, then repeat with --acknowledge %s",
                     ctl->args[0], *reterr->ref ? reterr->ref : "ID");
}

/* A campaign that goes on but stands in no published list is not offered, and nothing else would say so here. */
static void tell_unlisted(const json_t *answer, const char *verb) {
        bool goes_on = strcmp(verb, "start") == 0 || strcmp(verb, "resume") == 0;
        if (goes_on && json_is_false(json_object_get(answer, "listed")))
                fputs("  it is not offered yet: the server's published list does not name it; see `salvorctl status`\n",
                      stderr);
}

static enum sal_status run_act(struct sal_ctl *ctl, struct sal_err *reterr) {
        const struct act *act = find_act(ctl->command->verb);
        const char *cohort = ctl->options[SAL_OPT_COHORT];
        if (cohort && (!strchr(cohort, '=') || *cohort == '='))
                return sal_fail(reterr, SAL_E_USAGE, "--cohort takes FACT=VALUE, not \"%.80s\"", cohort);
        sal_autofree char *reason = NULL;
        struct sal_ctl_campaign campaign;
        enum sal_status status = sal_ctl_reason(ctl, act->elevate, &reason, reterr);
        if (!status)
                status = sal_ctl_resolve(ctl, ctl->args[0], act->want, &campaign, reterr);
        if (status)
                return status;
        sal_autojson json_t *body = json_pack("{s:s, s:s*, s:s*}", "reason", reason, "acknowledge",
                                              ctl->options[SAL_OPT_ACKNOWLEDGE], "cohort", cohort);
        if (!body)
                return sal_fail(reterr, SAL_E_USAGE, "the reason, cohort or acknowledgement is no UTF-8 text");
        char path[SAL_CTL_PATH_BYTES];
        sal_ctl_path(&campaign, act->verb, path);
        const struct sal_admin_call call = {
                .method = "POST", .path = path, .body = body, .elevate = act->elevate, .reason = reason};
        sal_autojson json_t *answer = NULL;
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (status) {
                hint_acknowledge(ctl, status, reterr);
                return status;
        }
        /* Releasing a cohort leaves the campaign as it stands. */
        status = sal_ctl_confirm_campaign(answer, campaign.id, campaign.version, cohort ? NULL : act->states, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_out_json(answer);
                return SAL_OK;
        }
        printf("%s %s@%lld: now ", act->done, campaign.id, (long long)campaign.version);
        sal_safe_print(stdout, sal_text(answer, "state"));
        fputc('\n', stdout);
        tell_unlisted(answer, act->verb);
        return SAL_OK;
}

#define ACT(name, text, more, extra)                                                                            \
        {                                                                                                       \
                .group = "campaign", .verb = (name), .args = "ID[@V]", .min_args = 1, .max_args = 1,            \
                .options = SAL_BIT(SAL_OPT_REASON) | (extra), .summary = (text), .help = (more), .run = run_act \
        }

const struct sal_command sal_commands_life[] = {
        ACT("start", "Begin the rollout of a signed campaign",
            "Freezes the signatures; other live versions of the same id are withdrawn.", 0),
        ACT("pause", "Offer nothing more until resumed; what is under way ends", NULL, 0),
        ACT("resume", "Go on after a pause or a halt",
            "A halt by the engine must be acknowledged: --acknowledge with the id of the newest halt decision. "
            "With --cohort only that held cohort is released.",
            SAL_BIT(SAL_OPT_ACKNOWLEDGE) | SAL_BIT(SAL_OPT_COHORT)),
        ACT("advance", "Open the next ring by hand", NULL, SAL_BIT(SAL_OPT_ACKNOWLEDGE)),
        ACT("halt", "Stop: recall what was offered and not applied", NULL, 0),
        ACT("withdraw", "End it for good", NULL, 0),
        {0},
};
