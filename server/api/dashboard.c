/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dashboard.h"

#include "api/assets.h"
#include "api/call.h"

#include <string.h>

/* The page loads its own script and style, asks its own server, and nothing else. */
static const char content_security_policy[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
_Static_assert(sizeof content_security_policy <= SAL_HTTP_HEADER_VALUE_BYTES, "a header that does not fit is left out");

static const struct sal_asset *find_asset(const char *name) {
        for (size_t i = 0; i < sal_assets_count; i++)
                if (strcmp(sal_assets[i].name, name) == 0)
                        return &sal_assets[i];
        return NULL;
}

void sal_api_dashboard(struct sal_http_request *request) {
        const char *name = sal_http_param(request, "name");
        const struct sal_asset *asset = find_asset(name ? name : "index.html");
        if (!asset) {
                struct sal_err err;
                sal_fail(&err, SAL_E_NOT_FOUND, "the dashboard has no file of this name");
                sal_reply_error(request, &err);
                return;
        }
        struct sal_http_reply reply = {.status = 200, .content_type = asset->content_type};
        sal_http_reply_header(&reply, "ETag", "%s", asset->etag);
        sal_http_reply_header(&reply, "Cache-Control", "no-cache");
        sal_http_reply_header(&reply, "Content-Security-Policy", "%s", content_security_policy);
        sal_http_reply_header(&reply, "X-Content-Type-Options", "nosniff");
        sal_http_reply_header(&reply, "Referrer-Policy", "no-referrer");
        if (sal_request_has_etag(request, asset->etag)) {
                reply.status = 304;
                reply.content_type = NULL;
        } else {
                reply.body = sal_http_body_copy(asset->bytes, asset->len);
                if (!reply.body) {
                        sal_reply_error(request, &(struct sal_err){.status = SAL_E_NOMEM});
                        return;
                }
        }
        sal_http_reply(request, &reply);
}
