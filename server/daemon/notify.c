/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify.h"

#include "base/clock.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

void sal_notify_ready(const char *status) {
        sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void sal_notify_reloading(void) {
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, sal_clock_mono_us());
}

void sal_notify_stopping(int64_t drain_seconds) {
        enum { FLUSH_SECONDS = 30 }; /* the ledger's queue and its checkpoint */
        sd_notifyf(0, "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%" PRId64,
                   (drain_seconds + FLUSH_SECONDS) * 1000000);
}

void sal_watchdog_init(struct sal_watchdog *watchdog, struct sal_ledger *ledger) {
        uint64_t usec = 0;
        watchdog->ledger = ledger;
        if (sd_watchdog_enabled(0, &usec) > 0)
                watchdog->interval_ms = usec > 2000 ? (int64_t)(usec / 2000) : 1;
}

static enum sal_status nothing(struct sal_tx *tx, void *arg) {
        (void)tx, (void)arg;
        return SAL_OK;
}

/* Also a batch that was rolled back is an answer: a full disk is no reason to be killed. */
static void answer(void *arg, enum sal_status status) {
        struct sal_watchdog *watchdog = arg;
        (void)status;
        atomic_store(&watchdog->answered, true);
}

void sal_watchdog_step(struct sal_watchdog *watchdog) {
        if (atomic_exchange(&watchdog->answered, false)) {
                watchdog->asked = false;
                sd_notify(0, "WATCHDOG=1");
        }
        if (!watchdog->asked)
                watchdog->asked =
                        sal_ledger_submit(watchdog->ledger, SAL_LANE_ADMIN, nothing, answer, watchdog) == SAL_OK;
}
