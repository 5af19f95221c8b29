/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits: what operators lay on a campaign beyond its signed plan (model/limits.h), as they read and set it. They
 * survive restarts; a set goes to the journal as an `admin` event with the act "campaign.limits".
 *
 * Thread: the ledger's. Ownership: *ret is a new reference, set on success only. Errors everywhere: those of the store,
 * SAL_E_NOMEM; others where said.
 */
#ifndef SAL_SERVICE_LIMITS_H
#define SAL_SERVICE_LIMITS_H

#include "service/admin.h"

/* {"limits": {…} or null, "set_at": time or null, "set_by": name or null}. SAL_E_NOT_FOUND. */
enum sal_status sal_campaign_limits_show(const struct sal_act *act, const char *id, int64_t version, json_t **ret,
                                         struct sal_err *reterr);
/* body: {"reason", "limits": {…}}; they take the place of those before, {} takes all away. The answer is that of
 * _show. Errors: SAL_E_NOT_FOUND, SAL_E_INVALID, SAL_E_CONFLICT (ref: the state of a campaign that has ended, or
 * "open": a ring is open that shall open later). */
enum sal_status sal_campaign_limits_set(const struct sal_act *act, const char *id, int64_t version, const json_t *body,
                                        json_t **ret, struct sal_err *reterr);
/* Whether this body may allow anything that the limits in force do not: then it takes a grant to set it. False only
 * where it is certain that it does not, or that sal_campaign_limits_set refuses it; true when it could not be found
 * out. */
bool sal_campaign_limits_loosen(const struct sal_act *act, const char *id, int64_t version, const json_t *body);

/* SAL_E_CONFLICT (ref: "limits") when the limits that are kept for the row do not fit the plan of its new payload. */
enum sal_status sal_campaign_limits_fit(const struct sal_act *act, const struct sal_campaign_row *row,
                                        const struct sal_campaign *campaign, struct sal_err *reterr);

/* The limits that are kept beside the campaign of this row and plan. *ret: a new reference, NULL when nothing is
 * limited. SAL_E_CORRUPT: they are none, or none of this plan. */
enum sal_status sal_campaign_limits_kept(struct sal_tx *tx, int64_t campaign_row, const struct sal_plan *plan,
                                         struct sal_limits **ret);

/* {…} as they are in force, or null; for views of the campaign. A new reference, NULL without memory. */
json_t *sal_campaign_limits_view(const struct sal_act *act, const struct sal_campaign_row *row);

#endif
