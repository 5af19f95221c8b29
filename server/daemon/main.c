/* SPDX-License-Identifier: Apache-2.0 */
/* salvord: arguments, signals, and the loop of the main thread. */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/reload.h"
#include "daemon/warn.h"
#include "signer/signer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { LOOK_AT_CERTIFICATES_MS = 24 * 3600 * 1000 };

struct options {
        const char *path;
        bool check_only, help, version;
        struct sal_daemon_wishes wishes;
};

static const char usage[] =
        "usage: salvord -c FILE [-t | --new-ledger | --new-token-key]\n"
        "\n"
        "  -c, --config FILE  the configuration, see salvord.conf(5)\n"
        "  -t, --test         check the configuration and every file that it names, then end\n"
        "      --new-ledger   this once, begin with an empty ledger in the place of a lost one\n"
        "      --new-token-key  this once, make a key for machine tokens in the place of a lost one\n"
        "      --version      show the release\n"
        "  -h, --help         show this text\n"
        "\n"
        "SIGHUP reads the configuration anew; SIGTERM and SIGINT drain and end.\n"
        "Exit codes: 0 done, 1 failed, 2 usage, 78 bad configuration.\n";

/* ---- arguments ---- */

static enum sal_status read_options(int argc, char **argv, struct options *ret, struct sal_err *reterr) {
        static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                                {"test", no_argument, NULL, 't'},
                                                {"new-ledger", no_argument, NULL, 'L'},
                                                {"new-token-key", no_argument, NULL, 'K'},
                                                {"version", no_argument, NULL, 'V'},
                                                {"help", no_argument, NULL, 'h'},
                                                {0}};
        opterr = 0;
        for (int c = getopt_long(argc, argv, ":c:th", options, NULL); c != -1;
             c = getopt_long(argc, argv, ":c:th", options, NULL)) {
                if (c == 'c')
                        ret->path = optarg;
                else if (c == 't')
                        ret->check_only = true;
                else if (c == 'L')
                        ret->wishes.new_ledger = true;
                else if (c == 'K')
                        ret->wishes.new_token_key = true;
                else if (c == 'V')
                        ret->version = true;
                else if (c == 'h')
                        ret->help = true;
                else if (c == ':')
                        return sal_fail(reterr, SAL_E_USAGE, "%.100s needs a value", argv[optind - 1]);
                else
                        return sal_fail(reterr, SAL_E_USAGE, "unknown option %.100s", argv[optind - 1]);
        }
        if (optind < argc)
                return sal_fail(reterr, SAL_E_USAGE, "unexpected argument \"%.100s\"", argv[optind]);
        if (ret->check_only && (ret->wishes.new_ledger || ret->wishes.new_token_key))
                return sal_fail(reterr, SAL_E_USAGE, "-t starts nothing; it takes no --new-ledger, no --new-token-key");
        if (!ret->path && !ret->help && !ret->version)
                return sal_fail(reterr, SAL_E_USAGE, "no configuration is named; -c FILE names it");
        return SAL_OK;
}

static int complain(const struct sal_err *err) {
        fprintf(stderr, "salvord: %s%s%s\n", err->detail, *err->hint ? "; " : "", err->hint);
        if (err->status == SAL_E_USAGE) {
                fputs("try: salvord --help\n", stderr);
                return SAL_EXIT_USAGE;
        }
        return err->status == SAL_E_CONFIG ? SAL_EXIT_CONFIG : SAL_EXIT_FAILED;
}

/* ---- the main thread while the daemon serves ---- */

/* Blocks them, so that every thread to come has them blocked: they are taken by sigtimedwait alone. */
static void take_signals(sigset_t *ret_all, sigset_t *ret_ending) {
        sigemptyset(ret_ending);
        sigaddset(ret_ending, SIGTERM);
        sigaddset(ret_ending, SIGINT);
        *ret_all = *ret_ending;
        sigaddset(ret_all, SIGHUP);
        pthread_sigmask(SIG_BLOCK, ret_all, NULL);
        signal(SIGPIPE, SIG_IGN);
}

static void serve(struct sal_daemon *daemon, const sigset_t *signals) {
        int64_t looked_ms = sal_clock_mono_ms();
        for (;;) {
                int64_t interval_ms =
                        daemon->watchdog.interval_ms > 0 ? daemon->watchdog.interval_ms : LOOK_AT_CERTIFICATES_MS;
                const struct timespec wait = {.tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000L};
                if (daemon->watchdog.interval_ms > 0)
                        sal_watchdog_step(&daemon->watchdog);
                int got = sigtimedwait(signals, NULL, &wait);
                if (got == SIGTERM || got == SIGINT)
                        return;
                if (got == SIGHUP)
                        sal_daemon_reload(daemon);
                if (sal_clock_mono_ms() - looked_ms >= LOOK_AT_CERTIFICATES_MS) {
                        looked_ms = sal_clock_mono_ms();
                        sal_warn_expiry(daemon->live, sal_clock_wall_ms());
                        sal_warn_trust(daemon->service, sal_clock_wall_ms());
                }
        }
}

static enum sal_status run(const struct options *options, struct sal_err *reterr) {
        static struct sal_daemon daemon; /* handlers point into it */
        struct sal_conf *conf = NULL;
        sal_auto(sal_material) struct sal_material *material = NULL;
        sigset_t signals, ending;
        enum sal_status status = sal_conf_read(options->path, &conf, reterr);
        if (status)
                return status;
        status = sal_material_load(conf, &material, reterr);
        if (status || options->check_only) {
                sal_conf_free(conf);
                if (!status)
                        puts("configuration ok");
                return status;
        }
        umask(077);
        take_signals(&signals, &ending);
        sal_log_set((enum sal_log_level)conf->values[SAL_CONF_LOG_LEVEL].number);
        sal_raise_file_limit(conf);
        status = sal_daemon_start(&daemon, conf, material, &options->wishes, reterr);
        if (status)
                return status;
        sal_material_free(SAL_STEAL(material)); /* private keys need not lie about */
        sal_warn_offline_keys(daemon.live);
        sal_warn_key_modes(daemon.live);
        sal_warn_expiry(daemon.live, sal_clock_wall_ms());
        sal_warn_trust(daemon.service, sal_clock_wall_ms());
        serve(&daemon, &signals);
        sal_daemon_stop(&daemon, &ending);
        return SAL_OK;
}

int main(int argc, char **argv) {
        struct options options = {0};
        struct sal_err err = {0};
        if (sal_signer_wanted(argc, argv))
                return sal_signer_main(argc, argv);
        if (read_options(argc, argv, &options, &err))
                return complain(&err);
        if (options.help) {
                fputs(usage, stdout);
                return SAL_EXIT_DONE;
        }
        if (options.version) {
                puts("salvord " SALVOR_VERSION);
                return SAL_EXIT_DONE;
        }
        return run(&options, &err) ? complain(&err) : SAL_EXIT_DONE;
}
