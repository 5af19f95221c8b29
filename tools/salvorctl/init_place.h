/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `salvorctl init` and `salvorctl bundle` build and how their work gets to its place: everything is made in a
 * stage and moved when it is complete, so that a failure leaves nothing half-made.
 *
 * Thread: one. Ownership: *ret is handed over, to be freed with free.
 */
#ifndef SAL_SALVORCTL_INIT_PLACE_H
#define SAL_SALVORCTL_INIT_PLACE_H

#include "base/err.h"

#include <stdbool.h>

/* SAL_OK when the folder is empty or is not there; *ret_exists tells which. Errors: SAL_E_CONFLICT naming a file. */
enum sal_status sal_init_check_vacant(const char *dir, bool *ret_exists, struct sal_err *reterr);

/* Makes the stage: beside the new folder, or inside one that is there, so that moving is renaming.
 * Errors: SAL_E_NOT_FOUND when `parent` is missing, SAL_E_IO. */
enum sal_status sal_init_make_stage(const char *dir, const char *parent, bool exists, char **ret,
                                    struct sal_err *reterr);

/* Moves the stage (or what is in it, when the folder is there already) to its place and syncs. On failure the place is
 * as it was. */
enum sal_status sal_init_publish(const char *stage, const char *dir, const char *parent, bool exists,
                                 struct sal_err *reterr);

/* Removes a folder that this program made, whatever is in it; links are not followed. */
void sal_init_remove(const char *path);

#endif
