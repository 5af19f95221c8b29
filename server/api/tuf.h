/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /tuf/: the signed files (TUF 1.0), the same bytes for everyone, from memory. Private to api/.
 *
 * Thread: the request's worker. Ownership: none.
 */
#ifndef SAL_API_TUF_H
#define SAL_API_TUF_H

#include "http/http.h"

/* GET /tuf/metadata/{name}: the files of the newest view; an ETag for each, and If-None-Match: 304. */
void sal_api_tuf_metadata(struct sal_http_request *request);
/* GET /tuf/targets/campaigns/{name}: an envelope while its campaign is in force; 404 from the halt on, whatever the
 * published list still says. */
void sal_api_tuf_campaign(struct sal_http_request *request);
/* GET /tuf/targets/policy/{name}: the policy that targets lists. */
void sal_api_tuf_policy(struct sal_http_request *request);

#endif
