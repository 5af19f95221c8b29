/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key that is online can remove, delay or narrow; it can never add or widen. That holds as long as no key that the
 * server uses (timestamp, snapshot, campaigns) is one of root's, of targets' or an author's too. Here this is looked
 * at, by public key and never by key id, before anything is signed or taken. Clients do not ask: what the offline
 * thresholds signed is theirs to follow.
 *
 * Thread: any; a pure function. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_TRUST_SEPARATION_H
#define SAL_TRUST_SEPARATION_H

#include "trust/policy.h"
#include "trust/tuf_roles.h"

/* The files that give keys their roles; what is not known yet is NULL and gives none. */
struct sal_tuf_said {
        const struct sal_tuf_root *root;
        const struct sal_tuf_targets *targets;
        const struct sal_policy *policy;
};

/* SAL_OK, or SAL_E_INVALID with the first key that is online and offline at once: the detail names it and its roles,
 * the pointer where it is offline ("/policy/authors/0"; in the root file "/root" and then as it stands there). Faults
 * that `before` has too are passed over (NULL: none are): what is wrong already must not keep a revocation out. */
enum sal_status sal_tuf_check_separation(const struct sal_tuf_said *now, const struct sal_tuf_said *before,
                                         struct sal_err *reterr);

#endif
