/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reload (SIGHUP): reads the configuration anew and checks everything in it before the first thing changes; a fault
 * leaves the old one in force and is logged with file and line.
 *
 * Thread: the main thread. Ownership: the daemon owns what comes into force.
 */
#ifndef SAL_DAEMON_RELOAD_H
#define SAL_DAEMON_RELOAD_H

#include "daemon/server.h"

/* Puts operators, certificates, log level and drain time in force; logs each changed key that needs a restart. Errors
 * are logged here and returned. */
enum sal_status sal_daemon_reload(struct sal_daemon *daemon);

#endif
