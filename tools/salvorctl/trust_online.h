/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's trust as salvorctl reads and shows it (GET /api/v1/trust).
 *
 * Thread: one. Ownership: documents are handed over or borrowed, as said.
 */
#ifndef SAL_SALVORCTL_TRUST_ONLINE_H
#define SAL_SALVORCTL_TRUST_ONLINE_H

#include "command.h"

#include "base/clock.h"

/* *ret is a new reference. Errors: those of the call, SAL_E_MALFORMED (the answer does not say it). */
enum sal_status sal_ctl_get_trust(struct sal_ctl *ctl, json_t **ret, struct sal_err *reterr);
/* True when the document has every role, the publication and the warnings. */
bool sal_ctl_is_trust(const json_t *document);
/* The table of roles, with the days that are left from now_ms (wall time) on; with the ids of their keys, or without.
 */
void sal_ctl_print_roles(const json_t *trust, int64_t now_ms, bool keys);
/* One line: whether publishing works. */
void sal_ctl_print_publication(const json_t *trust);

#endif
