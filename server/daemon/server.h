/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon as a whole: brings the rooms up in order, and takes them down again so that nothing that was promised is
 * lost.
 *
 * Thread: the main thread. Ownership: struct sal_daemon owns everything in it.
 */
#ifndef SAL_DAEMON_SERVER_H
#define SAL_DAEMON_SERVER_H

#include "daemon/config.h"
#include "daemon/endpoints.h"
#include "daemon/material.h"
#include "daemon/notify.h"
#include "service/publication.h"

#include <signal.h>

/* Operators that were in force once: a handler may still hold a pointer to them. */
struct sal_operators_kept {
        struct sal_operators *operators;
        struct sal_operators_kept *next;
};

/* What was asked for with this one start. */
struct sal_daemon_wishes {
        bool new_ledger;    /* begin with an empty ledger beside a key or artifacts; refused while there is a ledger */
        bool new_token_key; /* make a key though the ledger has machines; refused while there is a key */
};

struct sal_daemon {
        struct sal_daemon_wishes wishes;
        struct sal_conf *started; /* what cannot change at run time holds as it stands here */
        struct sal_conf *live;    /* the newest that was accepted; may be `started` */
        struct sal_trust_digests trust;
        int lock_fd;
        struct sal_ledger *ledger;
        struct sal_service *service;
        struct sal_publication *publication;
        struct sal_api api;
        struct sal_http_server *http;
        struct sal_operators_kept *kept; /* the first is in force */
        struct sal_watchdog watchdog;
        bool ledger_runs;
        bool published_before; /* the ledger was there, or was lost: this is not the first start */
};

/* Takes the configuration over in any case. Returns when every plane serves, endpoints.json is there and systemd knows.
 * Signals must be blocked before. Errors: SAL_E_CONFIG, SAL_E_CONFLICT (another process has the state directory),
 * SAL_E_REFUSED (the ledger or the token key is lost), SAL_E_IO, SAL_E_CORRUPT, SAL_E_NOMEM; what had begun is taken
 * down. */
enum sal_status sal_daemon_start(struct sal_daemon *daemon, struct sal_conf *conf_take,
                                 const struct sal_material *material, const struct sal_daemon_wishes *wishes,
                                 struct sal_err *reterr);

/* Drains and stops: readiness off, held polls answered, begun requests finished within drain_seconds, the ledger's
 * queue worked off, the log checkpointed. Another signal of `ending` (which are blocked), a second or more after the
 * first, ends the process at once with exit code 1. */
void sal_daemon_stop(struct sal_daemon *daemon, const sigset_t *ending);

/* Puts operators in force; consumed. Without memory they are not, and SAL_E_NOMEM comes back. */
enum sal_status sal_daemon_set_operators(struct sal_daemon *daemon, struct sal_operators *operators_take);

#endif
