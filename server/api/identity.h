/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks on the machine plane. Private to api/.
 *
 * Thread: the request's worker. Ownership: plain values.
 */
#ifndef SAL_API_IDENTITY_H
#define SAL_API_IDENTITY_H

#include "api/call.h"
#include "service/machine_plane.h"

/* Checks the machine token (without a look-up) or the client certificate against machine_id. None at all is
 * SAL_IDENTITY_NONE where anonymous_poll is on. Errors: SAL_E_UNAUTHENTICATED, SAL_E_FORBIDDEN (another machine's
 * certificate). */
enum sal_status sal_request_identity(struct sal_http_request *request, const char *machine_id, struct sal_identity *ret,
                                     struct sal_err *reterr);

/* Reads machine_id and boot_id where asked for (ret_boot_id not NULL). */
enum sal_status sal_read_ids(const struct sal_json_at *at, const char **ret_machine_id, const char **ret_boot_id,
                             struct sal_err *reterr);

/* Reads one report of this machine; one that names another is SAL_E_FORBIDDEN. offer_id is kept for the answer even
 * when the rest is wrong. */
enum sal_status sal_read_report(const struct sal_json_at *at, const char *machine_id, struct sal_report *ret,
                                struct sal_err *reterr);

#endif
