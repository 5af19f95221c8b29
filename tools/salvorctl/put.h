/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing files that are carried from machine to machine, often on a stick whose file system knows neither modes nor
 * links. On disk when a function returns; never half there.
 *
 * Thread: one. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_SALVORCTL_PUT_H
#define SAL_SALVORCTL_PUT_H

#include "base/err.h"

#include <stddef.h>

/* Makes a new file. Errors: SAL_E_CONFLICT when something is there already, which then stays as it is, SAL_E_NOT_FOUND
 * (no such folder), SAL_E_IO. */
enum sal_status sal_put_new(const char *path, const void *bytes, size_t len, struct sal_err *reterr);

/* Puts a file in the place of the one that is there; at every instant one of the two is. Errors: SAL_E_IO,
 * SAL_E_NOMEM; the old file is then still there. */
enum sal_status sal_put_over(const char *path, const void *bytes, size_t len, struct sal_err *reterr);

#endif
