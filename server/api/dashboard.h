/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dashboard: the page that the admin plane shows at "/". It holds no data: its script reads /api/v1/export with the
 * operator's own certificate, so that nothing here needs a role.
 *
 * Thread: the request's worker. Ownership: none; the files are part of the program.
 */
#ifndef SAL_API_DASHBOARD_H
#define SAL_API_DASHBOARD_H

#include "http/http.h"

/* GET / and GET /assets/{name}: a file of the page, with an ETag, a strict Content-Security-Policy (W3C CSP level 3)
 * and no permission to be framed. If-None-Match: 304. Any other name: 404. */
void sal_api_dashboard(struct sal_http_request *request);

#endif
