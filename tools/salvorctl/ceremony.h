/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offline ceremonies: `trust draft`, `trust sign`, `trust check`. No network and no server: they run on the machine
 * that holds a key and is connected to nothing.
 *
 * Thread: one. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_SALVORCTL_CEREMONY_H
#define SAL_SALVORCTL_CEREMONY_H

#include "command.h"
#include "trust/key.h"

enum sal_status sal_ctl_draft_root(struct sal_ctl *ctl, struct sal_err *reterr);
enum sal_status sal_ctl_draft_targets(struct sal_ctl *ctl, struct sal_err *reterr);
enum sal_status sal_ctl_draft_policy(struct sal_ctl *ctl, struct sal_err *reterr);
enum sal_status sal_ctl_trust_sign(struct sal_ctl *ctl, struct sal_err *reterr);
enum sal_status sal_ctl_trust_check(struct sal_ctl *ctl, struct sal_err *reterr);

enum { SAL_CTL_NAME_BYTES = 80 };

/* Takes "NAME=VALUE" of an option apart. Errors: SAL_E_USAGE. */
enum sal_status sal_ctl_pair(const char *option, const char *text, char ret_name[static SAL_CTL_NAME_BYTES],
                             const char **ret_value, struct sal_err *reterr);

/* A threshold: 1..99 in one or two digits, else 0. */
int sal_ctl_threshold(const char *text);

/* A public key from its PEM file. A private key is refused with what to do. Handed over. */
enum sal_status sal_ctl_public_key(const char *path, struct sal_public_key **ret, struct sal_err *reterr);

#endif
