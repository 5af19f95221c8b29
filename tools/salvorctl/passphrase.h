/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passphrases of key files and PINs of tokens: asked for at the terminal without echo, or read from a file or a
 * descriptor (its first line).
 *
 * Thread: one. Ownership: a secret is a plain value that its owner wipes; sal_autosecret does it by itself.
 */
#ifndef SAL_SALVORCTL_PASSPHRASE_H
#define SAL_SALVORCTL_PASSPHRASE_H

#include "command.h"
#include "trust/key_file.h"

struct sal_secret {
        char text[SAL_PASSPHRASE_MAX_BYTES];
        size_t len; /* bytes; no NUL follows them */
};

void sal_secret_wipe(struct sal_secret *secret);
#define sal_autosecret __attribute__((cleanup(sal_secret_wipe)))

/* SAL_E_USAGE when the options that name a passphrase do not go together. */
enum sal_status sal_secret_check_use(const struct sal_ctl *ctl, struct sal_err *reterr);

/* The passphrase of a new key: from --passphrase-file or --passphrase-fd, else asked for twice. Errors: SAL_E_REFUSED
 * (too short, or the two differ), SAL_E_UNAUTHENTICATED (no terminal), SAL_E_NOT_FOUND, SAL_E_IO, SAL_E_INVALID. */
enum sal_status sal_secret_choose(const struct sal_ctl *ctl, struct sal_secret *ret, struct sal_err *reterr);

/* True when an option names a passphrase: nobody is asked then. */
bool sal_secret_is_given(const struct sal_ctl *ctl);

/* The passphrase of a key that exists: from the options, else `question` is put to the person at the terminal.
 * Errors: as sal_secret_choose, without SAL_E_REFUSED. */
enum sal_status sal_secret_get(const struct sal_ctl *ctl, const char *question, struct sal_secret *ret,
                               struct sal_err *reterr);

/* The first line of a file. Errors: SAL_E_NOT_FOUND, SAL_E_IO, SAL_E_INVALID. */
enum sal_status sal_secret_read_file(const char *path, struct sal_secret *ret, struct sal_err *reterr);

#endif
