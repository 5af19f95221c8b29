/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in the state directory, before any of it is opened: a ledger that was lost is not begun anew in silence.
 *
 * Thread: the main thread. Ownership: nothing is kept.
 */
#ifndef SAL_DAEMON_STATE_H
#define SAL_DAEMON_STATE_H

#include "base/err.h"

#include <stdbool.h>

/* SAL_OK when the ledger at `path` is there, or when nothing says that there was one: neither machine-token.key nor an
 * artifact in `dir`. `wanted`: an empty one is asked for, and then it must not be there. A file of no bytes without a
 * log counts as none. Errors: SAL_E_REFUSED with the file and what mends it, SAL_E_IO. */
enum sal_status sal_state_check_ledger(const char *dir, const char *path, bool wanted, struct sal_err *reterr);

#endif
