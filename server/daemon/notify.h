/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is told (sd_notify(3)), and the watchdog: it is fed only when the ledger's thread has answered since
 * the last time. Without systemd everything here does nothing.
 *
 * Thread: the main thread; the ledger's answer comes from its own. Ownership: the watchdog belongs to the daemon and
 * must outlive the ledger's thread.
 */
#ifndef SAL_DAEMON_NOTIFY_H
#define SAL_DAEMON_NOTIFY_H

#include "ledger/ledger.h"

#include <stdatomic.h>

/* Serving (again), with a line for `systemctl status`. */
void sal_notify_ready(const char *status);
/* Until the next sal_notify_ready; with the time that Type=notify-reload asks for. */
void sal_notify_reloading(void);
/* Also asks for enough time: a drain may take longer than the unit's TimeoutStopSec. */
void sal_notify_stopping(int64_t drain_seconds);

struct sal_watchdog {
        int64_t interval_ms; /* half of what systemd waits; 0: no watchdog */
        struct sal_ledger *ledger;
        atomic_bool answered;
        bool asked;
};

/* Reads WATCHDOG_USEC and WATCHDOG_PID. */
void sal_watchdog_init(struct sal_watchdog *watchdog, struct sal_ledger *ledger);
/* Feeds systemd when the ledger answered the question before, and asks again. Call it every interval_ms. */
void sal_watchdog_step(struct sal_watchdog *watchdog);

#endif
