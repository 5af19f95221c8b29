/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What signing needs from the server: the payload, the policy, the signatures that are there.
 *
 * Thread: one. Ownership: what comes back is handed over.
 */
#ifndef SAL_SALVORCTL_FETCH_H
#define SAL_SALVORCTL_FETCH_H

#include "command.h"
#include "model/campaign.h"
#include "trust/policy.h"

/* The exact bytes of the payload into `reply`, and parsed. Errors: those of the call and of sal_campaign_parse;
 * SAL_E_REFUSED when it is another campaign's. */
enum sal_status sal_ctl_fetch_payload(struct sal_ctl *ctl, const struct sal_ctl_campaign *name,
                                      struct sal_client_reply *reply, struct sal_campaign **ret,
                                      struct sal_err *reterr);

/* The bytes of the policy in force: the server's; without a server the folder's copy has to do, and that is told on
 * standard error. Errors: those of the call and of sal_file_read. */
enum sal_status sal_ctl_fetch_policy(struct sal_ctl *ctl, char **ret, size_t *ret_len, struct sal_err *reterr);

/* The authors of the policy whose signatures of these very bytes the server has; none when it cannot say. */
void sal_ctl_fetch_signers(struct sal_ctl *ctl, const struct sal_ctl_campaign *name, const struct sal_policy *policy,
                           const void *payload, size_t len, struct sal_key_set *set);

#endif
