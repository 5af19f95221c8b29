/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rescue: poll, judge, carry out, report, and poll again until the machine is back or the time is up. What each
 * part does stands in its own module; here is only their order.
 *
 * Thread: one. Ownership: options are borrowed for the call.
 */
#ifndef SAL_RECOVER_RESCUE_H
#define SAL_RECOVER_RESCUE_H

#include "salvor-recover/settings.h"
#include "salvor-recover/work.h"

#include <signal.h>

enum {
        SAL_RESCUE_HOLD_SECONDS = 300, /* Prefer: wait, the most that a server grants */
        SAL_RESCUE_ONCE_TRIES = 3,     /* with --once: for an answer that says "not now", for a target not to be had */
        SAL_RESCUE_ONCE_PAUSE_SECONDS = 2,
        SAL_RESCUE_BACK_OFF_SECONDS = 5, /* first pause when the server cannot be reached; doubles … */
        SAL_RESCUE_BACK_OFF_MAX_SECONDS = 300,
        SAL_RESCUE_UNDO_PAUSE_MS = 200, /* before putting back is tried again */
        /* An answer that brings no metadata says that there is nothing newer. For so long that is believed of a server
         * whose timestamp was fetched and verified by this process; then it is fetched again. */
        SAL_RESCUE_RECHECK_SECONDS = 3600,
        SAL_RESCUE_CLOCK_AHEAD_MS = 24 * 3600 * 1000, /* the own clock so much later than the server's: a warning */
};

struct sal_rescue_options {
        const struct sal_settings *settings;
        const char *root, *state;
        const char *bundle;       /* --bundle: a folder in the place of the server, or NULL */
        const char *reason;       /* "boot_failure", "requested", "drill" */
        const char *boot_id;      /* valid by sal_boot_id_valid */
        const char *const *facts; /* "name=value" */
        size_t fact_count;
        bool once, healthy;
        int64_t time_ms; /* --time, or -1: the hardware clock */
        const volatile sig_atomic_t *stop;
};

/* What the run came to, for the person or program that started it. */
struct sal_rescue_result {
        enum sal_exit exit;
        char outcome[32]; /* "applied" "not_applicable" "failed" "refused" "none" "wait" "unreachable" "healthy"
                             "unable_to_update" … */
        char offer_id[SAL_OFFER_ID_BYTES], campaign[SAL_CAMPAIGN_ID_BYTES];
        int64_t version; /* 0: no campaign */
        char detail[512];
};

/* Runs to its end. Errors are those that keep it from beginning (configuration, tree, state); *ret is then unset. */
enum sal_status sal_rescue_run(const struct sal_rescue_options *options, struct sal_rescue_result *ret,
                               struct sal_err *reterr);

#endif
