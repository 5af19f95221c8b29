/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A campaign's limits on the command line: what the options of `campaign limit` mean, and how limits are shown.
 *
 * Thread: one. Ownership: a limits object that is changed belongs to the caller.
 */
#ifndef SAL_SALVORCTL_LIMITS_H
#define SAL_SALVORCTL_LIMITS_H

#include "command.h"

/* Changes limits (the server's JSON, model/limits.h) as the options say: each kind that is given takes the place of
 * what there was of it, each named by --drop goes, the others stay. Values are for the server to judge. Errors:
 * SAL_E_USAGE, those of reading a file, SAL_E_NOMEM. */
enum sal_status sal_ctl_limits_change(const struct sal_ctl *ctl, json_t *limits, struct sal_err *reterr);
/* Reads --file: limits, or what `campaign limits --json` printed. *ret is a new reference. Errors: those of reading a
 * file, SAL_E_MALFORMED, SAL_E_INVALID. */
enum sal_status sal_ctl_limits_file(const char *path, json_t **ret, struct sal_err *reterr);

/* Prints them for a person, a line for each; nothing for null. */
void sal_ctl_limits_print(FILE *stream, const json_t *limits);

#endif
