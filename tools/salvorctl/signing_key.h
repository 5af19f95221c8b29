/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that `--key` names, wherever it lies: one function for every command that signs.
 *
 * Thread: one. Ownership: the key is handed over; an origin is a plain value.
 */
#ifndef SAL_SALVORCTL_SIGNING_KEY_H
#define SAL_SALVORCTL_SIGNING_KEY_H

#include "command.h"
#include "trust/key_file.h"

/* Where a key was found, for those who want to tell. */
struct sal_ctl_key_origin {
        struct sal_key_protection protection;
};

/* The private key that `source` names: a PEM file. Its passphrase comes from --passphrase-file or --passphrase-fd, else
 * from the terminal, and only when it needs one; a command that takes --key takes these two options as well. A key that
 * anybody could copy is told on standard error. ret_origin may be NULL.
 * Errors: those of sal_key_file_load and of getting the passphrase. */
enum sal_status sal_ctl_signing_key(const struct sal_ctl *ctl, const char *source,
                                    struct sal_ctl_key_origin *ret_origin, struct sal_private_key **ret,
                                    struct sal_err *reterr);

#endif
