/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows: the minutes of the week in which an operator lets offers be made, in UTC; the same every week. A window
 * begins on each of its days at "from" and ends at the beginning of "to".
 *
 *   [{"days": ["mon", "sat"], "from": "22:00", "to": "04:00"}]
 *
 * Thread: pure. Ownership: a value that refers to nothing.
 */
#ifndef SAL_MODEL_WINDOWS_H
#define SAL_MODEL_WINDOWS_H

#include "base/json.h"

enum {
        SAL_WINDOWS_MAX = 32,
        SAL_WINDOWS_MINUTES = 7 * 24 * 60,
        SAL_WINDOWS_WORDS = (SAL_WINDOWS_MINUTES + 63) / 64,
};

struct sal_windows {
        bool any;                         /* false: every minute is one, as if there were no windows */
        uint64_t week[SAL_WINDOWS_WORDS]; /* a bit for each minute, from Monday's first on */
};

/* Reads `key` of an object: 1..SAL_WINDOWS_MAX windows; missing: none. days: those on which a window begins, every day
 * when missing; "from" is 00:00..23:59, "to" 00:00..24:00, and when it is not after "from" the window ends on the next
 * day; "from" equal to "to" is refused. Errors: SAL_E_INVALID (with pointer); *ret is undefined then. */
enum sal_status sal_windows_parse(const struct sal_json_at *at, const char *key, struct sal_windows *ret,
                                  struct sal_err *reterr);
/* True when every minute of `a` is one of `b`. */
bool sal_windows_within(const struct sal_windows *a, const struct sal_windows *b);
bool sal_windows_open(const struct sal_windows *windows, int64_t now_ms);
/* unix_ms from which on, next after this minute, windows are open (or shut), at most 7 days ahead; INT64_MAX: never. */
int64_t sal_windows_next_ms(const struct sal_windows *windows, int64_t now_ms, bool open);

#endif
