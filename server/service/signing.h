/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing: a campaign's stored signatures against the trust policy. Private to service/.
 *
 * Thread: the ledger's. Ownership: outputs belong to the caller.
 */
#ifndef SAL_SERVICE_SIGNING_H
#define SAL_SERVICE_SIGNING_H

#include "service/admin.h"

/* What the policy needs to know of the campaign's actions; borrowed from the campaign. */
void sal_policy_actions_of(const struct sal_campaign *campaign,
                           struct sal_policy_action ret[static SAL_CAMPAIGN_MAX_ACTIONS]);

/* SAL_OK when the stored signatures meet every class that the actions use; else SAL_E_UNTRUSTED with what is missing.
 */
enum sal_status sal_signatures_suffice(const struct sal_act *act, const struct sal_campaign_row *row,
                                       const struct sal_campaign *campaign, struct sal_err *reterr);

/* The envelope that payload and stored signatures make, in its one byte form. */
enum sal_status sal_envelope_build(const struct sal_act *act, const struct sal_campaign_row *row,
                                   struct sal_bytes *ret);

/* A campaign that can still be changed, with its bytes. SAL_E_NOT_FOUND, SAL_E_CONFLICT (ref: its state). */
enum sal_status sal_draft_get(const struct sal_act *act, const char *id, int64_t version, struct sal_campaign_row *ret,
                              struct sal_err *reterr);

#endif
