/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's operator side: the enrollment token, the address of the machine plane, the state of the campaign.
 *
 * Thread: one. Ownership: texts are handed over.
 */
#ifndef SAL_FLEET_CONTROL_H
#define SAL_FLEET_CONTROL_H

#include "client/admin.h"
#include "salvor-fleet/options.h"

/* Makes an enrollment token for the whole fleet. Both texts are handed over; *ret_id serves to delete it afterwards.
 * Errors: those of the call. */
enum sal_status sal_fleet_make_token(struct sal_admin *admin, const struct sal_fleet_options *options, char **ret_token,
                                     char **ret_id, struct sal_err *reterr);

/* Makes the token useless; a failure is no matter, it expires by itself. */
void sal_fleet_drop_token(struct sal_admin *admin, const char *id);

enum { SAL_FLEET_STATE_BYTES = 32 };

/* State of the campaign's version that is live, else of its newest in the export; "" when it is not there.
 * Errors: those of the call. */
enum sal_status sal_fleet_campaign_state(struct sal_admin *admin, const char *campaign,
                                         char ret[static SAL_FLEET_STATE_BYTES], struct sal_err *reterr);

#endif
