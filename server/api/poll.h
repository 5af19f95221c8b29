/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/poll: the way of a poll through snapshot, ledger and hold. Private to api/.
 *
 * Thread: the request's worker. Ownership: the poll owns itself until it is answered.
 */
#ifndef SAL_API_POLL_H
#define SAL_API_POLL_H

#include "http/http.h"

/* The handler of the route. */
void sal_api_poll(struct sal_http_request *request);

#endif
