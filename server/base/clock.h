/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. Wall time is int64_t milliseconds since 1970-01-01T00:00:00Z (unix_ms); monotonic time is int64_t milliseconds
 * from an arbitrary start. On the wire a time is RFC 3339 in UTC, ending in "Z".
 *
 * Only rims read a clock (daemon/, http/, the ledger's thread, the tools); everything else takes time as an argument.
 * Thread: any. Ownership: plain values; texts are the caller's.
 */
#ifndef SAL_BASE_CLOCK_H
#define SAL_BASE_CLOCK_H

#include "base/err.h"

#include <stdint.h>

/* Room for "YYYY-MM-DDTHH:MM:SS.mmmZ" and a NUL. */
enum { SAL_TIME_BYTES = 32 };

/* The present: wall time, and monotonic time in milliseconds and microseconds (CLOCK_MONOTONIC: not while asleep). */
int64_t sal_clock_wall_ms(void);
int64_t sal_clock_mono_ms(void);
int64_t sal_clock_mono_us(void);

/* Writes RFC 3339 UTC; whole seconds without a fraction, else three digits. Years 1970..9999. */
void sal_time_format(int64_t unix_ms, char ret_text[static SAL_TIME_BYTES]);

/* Reads RFC 3339 UTC ("…T…Z", upper case; optional fraction of 1..9 digits, cut to milliseconds; leap second 60 is
 * refused). Errors: SAL_E_MALFORMED. *ret_unix_ms is set on success only. */
enum sal_status sal_time_parse(const char *text, int64_t *ret_unix_ms);

#endif
