/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin plane: one table of (method, path, role, grant), and what each row does. Private to api/.
 *
 * Threads: a row's `run` is on the ledger's thread. Ownership: the call owns what run gives it.
 */
#ifndef SAL_API_ADMIN_H
#define SAL_API_ADMIN_H

#include "api/call.h"
#include "base/encode.h"
#include "service/admin.h"

/* Whether the act needs a grant of its own. */
enum sal_grant {
        SAL_GRANT_NO,
        SAL_GRANT_YES,
        SAL_GRANT_BIG_TOKEN, /* an enrollment token with over 100 uses, or reenroll */
        SAL_GRANT_KILL_OFF,  /* switching the kill switch off; on is never made hard */
        SAL_GRANT_LOOSENING, /* limits that allow what the present ones do not; known within the act's transaction */
};

enum sal_admin_body {
        SAL_ADMIN_NO_BODY,
        SAL_ADMIN_JSON,    /* an object */
        SAL_ADMIN_PAYLOAD, /* a campaign's bytes, kept as they are */
        SAL_ADMIN_ROOT,    /* a root file's bytes, or an object with "root", "targets", "policy" as texts */
        SAL_ADMIN_STREAM,  /* artifact or import */
};

struct sal_admin_call {
        struct sal_call call; /* first */
        struct sal_act act;
        char operator_name[64];
        enum sal_role role;
        const struct sal_admin_route *route;
        /* Request. */
        json_t *body;
        const char *raw; /* PAYLOAD, ROOT; borrowed from the request */
        size_t raw_len;
        char body_sha256[SAL_SHA256_HEX_BYTES];
        struct sal_page page;
        int64_t version;        /* of the path, where it has one */
        int64_t number;         /* artifact length, events after */
        struct sal_bytes lines; /* import: what was read, and how far it is worked off */
        size_t lines_at;
        int64_t created, updated;
        bool keeps; /* see struct sal_act */
        /* Answer: json or bytes. */
        json_t *json;
        struct sal_bytes bytes;
        const char *bytes_type;
        bool cacheable;                         /* with an ETag */
        char link[SAL_HTTP_HEADER_VALUE_BYTES]; /* of a CSV page that has a next one */
};

struct sal_admin_route {
        enum sal_role role;
        enum sal_grant grant;
        enum sal_admin_body body;
        int success; /* HTTP status */
        /* An act that lets machines be offered something: when it is granted, it is answered once the new list is
         * public, so that the very next poll can verify its offer. What stops or narrows never waits. */
        bool when_published;
        enum sal_status (*run)(struct sal_admin_call *call, struct sal_err *reterr);
};

/* A path parameter, "" when the path has none of that name. */
const char *sal_admin_param(const struct sal_admin_call *call, const char *name);
const char *sal_admin_query(const struct sal_admin_call *call, const char *name);

/* The rows' work (admin_campaigns.c, admin_fleet.c, admin_server.c, admin_trust.c). */
typedef enum sal_status sal_admin_run(struct sal_admin_call *call, struct sal_err *reterr);
sal_admin_run sal_admin_campaign_list, sal_admin_campaign_create, sal_admin_campaign_show, sal_admin_campaign_replace,
        sal_admin_campaign_delete, sal_admin_campaign_payload, sal_admin_campaign_envelope, sal_admin_campaign_sign,
        sal_admin_campaign_start, sal_admin_campaign_pause, sal_admin_campaign_resume, sal_admin_campaign_advance,
        sal_admin_campaign_halt, sal_admin_campaign_withdraw, sal_admin_campaign_preview, sal_admin_campaign_decisions,
        sal_admin_campaign_offers, sal_admin_campaign_limits, sal_admin_campaign_limit;
sal_admin_run sal_admin_machine_list, sal_admin_machine_show, sal_admin_machine_change, sal_admin_machine_delete,
        sal_admin_machine_explain, sal_admin_machine_import;
sal_admin_run sal_admin_rings_show, sal_admin_rings_put, sal_admin_kill_show, sal_admin_kill_put, sal_admin_token_list,
        sal_admin_token_create, sal_admin_token_delete, sal_admin_elevate, sal_admin_export, sal_admin_events,
        sal_admin_operators, sal_admin_policy, sal_admin_artifact_list, sal_admin_artifact_put,
        sal_admin_artifact_delete;

sal_admin_run sal_admin_trust_show, sal_admin_trust_put_root, sal_admin_trust_put_targets;

/* An answer that shows a campaign is made before its list is public: says whether it is listed now. The worker's. */
void sal_admin_campaign_see_listed(struct sal_admin_call *call);

/* Checks every line of an import on the worker, before the first goes to the ledger. */
enum sal_status sal_admin_import_check(struct sal_admin_call *call, struct sal_err *reterr);

#endif
