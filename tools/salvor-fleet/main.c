/* SPDX-License-Identifier: Apache-2.0 */
/* salvor-fleet: a simulated fleet against a real server, over the real wire; or a rollout in simulated time. */
#include "base/clock.h"
#include "client/safe.h"
#include "salvor-fleet/control.h"
#include "salvor-fleet/fleet.h"
#include "salvor-fleet/show.h"
#include "salvor-fleet/simulate.h"

#include <locale.h>
#include <signal.h>
#include <string.h>

enum { TICK_MS = 200, LOOK_MS = 1000 };

static volatile sig_atomic_t interrupted;
static atomic_bool stop_simulation;

static void on_signal(int signal_number) {
        (void)signal_number;
        interrupted = 1;
        atomic_store(&stop_simulation, true);
}

struct run {
        const struct sal_fleet_options *options;
        struct sal_admin *admin;
        struct sal_fleet *fleet;
        char state[SAL_FLEET_STATE_BYTES]; /* of the campaign, "" when none was named or it is not there */
        int64_t looked_ms;
        enum sal_fleet_end end;
};

/* States of a campaign that end a run. */
static const struct {
        const char *state;
        enum sal_fleet_end end;
} campaign_ends[] = {{"completed", SAL_FLEET_END_CAMPAIGN},
                     {"halted", SAL_FLEET_END_STOPPED},
                     {"withdrawn", SAL_FLEET_END_STOPPED},
                     {"expired", SAL_FLEET_END_STOPPED}};

static bool campaign_has_ended(struct run *run) {
        if (!run->options->campaign)
                return false;
        sal_fleet_campaign_state(run->admin, run->options->campaign, run->state, NULL);
        for (size_t i = 0; i < SAL_ARRAY_LEN(campaign_ends); i++)
                if (strcmp(campaign_ends[i].state, run->state) == 0) {
                        run->end = campaign_ends[i].end;
                        return true;
                }
        return false;
}

/* A server that came back may listen elsewhere. */
static void follow_server(struct run *run) {
        const char *url = NULL;
        if (!sal_admin_refresh(run->admin, NULL) && !sal_admin_machine_url(run->admin, &url, NULL))
                (void)sal_fleet_move(run->fleet, url);
}

static bool has_ended(struct run *run) {
        struct sal_fleet *fleet = run->fleet;
        int64_t now_ms = sal_clock_mono_ms();
        if (interrupted) {
                run->end = SAL_FLEET_END_DURATION;
                return true;
        }
        if (run->options->duration_seconds && now_ms - fleet->started_ms >= run->options->duration_seconds * 1000) {
                run->end = SAL_FLEET_END_DURATION;
                return true;
        }
        if (now_ms - run->looked_ms >= LOOK_MS) {
                run->looked_ms = now_ms;
                int64_t lost_ms = sal_fleet_lost_ms(fleet);
                if (lost_ms > SAL_FLEET_GIVE_UP_LOST_MS) {
                        run->end = SAL_FLEET_END_LOST;
                        return true;
                }
                if (lost_ms > 2 * LOOK_MS)
                        follow_server(run);
                if (campaign_has_ended(run))
                        return true;
                sal_fleet_show_progress(fleet);
        }
        if (sal_fleet_waiting(fleet) == 0) {
                run->end = SAL_FLEET_END_ALL;
                return true;
        }
        return false;
}

static enum sal_status run_fleet(struct run *run, const struct sal_fleet_world *world, struct sal_err *reterr) {
        sal_autofree char *token = NULL;
        sal_autofree char *token_id = NULL;
        const char *url = NULL;
        enum sal_status status = sal_admin_open(run->options->dir, &run->admin, reterr);
        if (!status)
                status = sal_fleet_make_token(run->admin, run->options, &token, &token_id, reterr);
        if (!status)
                status = sal_admin_machine_url(run->admin, &url, reterr);
        if (!status)
                status = sal_fleet_new(run->options, world, sal_admin_paths(run->admin)->ca, url, token, &run->fleet,
                                       reterr);
        while (!status && !has_ended(run))
                status = sal_fleet_run(run->fleet, TICK_MS, reterr);
        if (token_id)
                sal_fleet_drop_token(run->admin, token_id);
        if (!status)
                sal_fleet_show_summary(run->fleet, run->end, run->state);
        return status;
}

static int exit_code(const struct run *run) {
        switch (run->end) {
        case SAL_FLEET_END_ALL:
                return run->fleet->sums.refused ? SAL_EXIT_FAILED : SAL_EXIT_DONE;
        case SAL_FLEET_END_CAMPAIGN:
                return SAL_EXIT_DONE;
        case SAL_FLEET_END_STOPPED:
                return SAL_EXIT_FAILED;
        case SAL_FLEET_END_DURATION:
                return SAL_EXIT_TIMEOUT;
        case SAL_FLEET_END_LOST:
                return SAL_EXIT_UNREACHABLE;
        }
        return SAL_EXIT_FAILED;
}

static int fail(const struct sal_err *err) {
        fputs("salvor-fleet: ", stderr);
        sal_safe_print(stderr, err->detail);
        if (*err->pointer) {
                fputs(" at ", stderr);
                sal_safe_print(stderr, err->pointer);
        }
        if (*err->hint) {
                fputs("\n  ", stderr);
                sal_safe_print(stderr, err->hint);
        }
        fputc('\n', stderr);
        enum sal_exit code = sal_status_info(err->status)->exit;
        return code == SAL_EXIT_CONFIG ? SAL_EXIT_FAILED : (int)code; /* 78 is the daemon's own */
}

/* What was printed is buffered: only now is it known whether it could be written. */
static enum sal_status flush(struct sal_err *reterr) {
        if (fflush(stdout) || ferror(stdout))
                return sal_fail(reterr, SAL_E_IO, "cannot write to standard output");
        return SAL_OK;
}

static int run_command(const struct sal_fleet_options *options) {
        struct sal_err err = {0};
        struct run run = {.options = options};
        struct sal_fleet_world world = {0};
        enum sal_status status = sal_client_global_init(&err);
        if (!status)
                status = sal_fleet_world_init(options, &world, &err);
        if (!status)
                status = run_fleet(&run, &world, &err);
        if (!status)
                status = flush(&err);
        int code = status ? fail(&err) : exit_code(&run);
        sal_fleet_free(run.fleet);
        sal_admin_free(run.admin);
        sal_fleet_world_done(&world);
        return code;
}

static int simulate(int argc, char **argv) {
        struct sal_err err = {0};
        bool reached = true;
        if (sal_simulate(argc, argv, &stop_simulation, &reached, &err) || flush(&err))
                return fail(&err);
        return reached ? SAL_EXIT_DONE : SAL_EXIT_FAILED;
}

int main(int argc, char **argv) {
        setlocale(LC_CTYPE, "");
        signal(SIGPIPE, SIG_IGN);
        sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
        sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
        if (argc > 1 && strcmp(argv[1], "simulate") == 0)
                return simulate(argc - 2, argv + 2);
        struct sal_fleet_options options;
        struct sal_err err = {0};
        int code = SAL_EXIT_DONE;
        if (sal_fleet_options_parse(argc, argv, &options, &err)) {
                code = fail(&err);
        } else if (options.version || options.help) {
                if (options.version)
                        puts("salvor-fleet " SALVOR_VERSION);
                else
                        sal_fleet_print_usage(stdout);
                code = flush(&err) ? fail(&err) : SAL_EXIT_DONE;
        } else {
                code = run_command(&options);
        }
        sal_fleet_options_done(&options);
        return code;
}
