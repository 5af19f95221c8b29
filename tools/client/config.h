/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files of the client programs: lines of `key = "value"`, `#` comments, read by libconfuse. A key that is
 * unknown, stands twice or is missing is an error that names the file and, where there is one, the line.
 *
 * Thread: one reader at a time in the process (libconfuse reports errors through a callback without a context).
 * Ownership: values are handed over, one malloc each.
 */
#ifndef SAL_CLIENT_CONFIG_H
#define SAL_CLIENT_CONFIG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { SAL_CONFIG_MAX_ITEMS = 16, SAL_CONFIG_VALUE_BYTES = 4096 };

struct sal_config_item {
        const char *key;
        bool required; /* must stand there and must not be empty */
        bool path;     /* a relative value is taken from the folder of the configuration file */
        char **value;  /* where the value goes; NULL is written when an optional key does not stand there */
};

/* Reads `path` into the values of `items` (at most SAL_CONFIG_MAX_ITEMS). On failure nothing is handed over.
 * Errors: SAL_E_CONFIG ("FILE:LINE: …") for syntax, unknown, doubled, missing or oversized values;
 * SAL_E_NOT_FOUND when the file does not exist; SAL_E_IO when it cannot be read; SAL_E_NOMEM. */
enum sal_status sal_config_read(const char *path, const struct sal_config_item *items, size_t count,
                                struct sal_err *reterr);

/* Joins a folder and a file name; an absolute name stays as it is. Handed over; NULL without memory. */
char *sal_path_join(const char *folder, const char *name);

/* The folder part of a path ("." when it has none). Handed over; NULL without memory. */
char *sal_path_folder(const char *path);

#endif
