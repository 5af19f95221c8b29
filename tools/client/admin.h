/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin plane as an operator's program sees it: opens the folder that `salvorctl init` made (DIR/ctl.conf,
 * DIR/state/endpoints.json), speaks JSON with /api/v1, and obtains the grant for acts that need one by itself: it asks
 * for a challenge for exactly this request, signs it with the client certificate's key and sends the act again with the
 * proof.
 *
 * Thread: one. Ownership: the handle owns its texts; replies are handed over.
 */
#ifndef SAL_CLIENT_ADMIN_H
#define SAL_CLIENT_ADMIN_H

#include "base/json.h"
#include "client/client.h"

struct sal_admin;

/* Texts are borrowed from the handle; NULL when not configured. */
struct sal_admin_paths {
        const char *dir;
        const char *ca;     /* CA of the server certificates, PEM */
        const char *root;   /* the TUF root, DIR/1.root.json */
        const char *policy; /* the trust policy, DIR/trust-policy.json */
};

/* One call. `body` is JSON and borrowed; `raw` (with `content_type`) goes as it is; `file` is streamed. */
struct sal_admin_call {
        const char *method; /* NULL: GET */
        const char *path;   /* "/api/v1/…" */
        const char *query;  /* encoded, or NULL */
        const json_t *body;
        const void *raw;
        size_t raw_len;
        const char *content_type; /* of raw or file */
        const char *accept;       /* NULL: JSON */
        FILE *file;
        int64_t file_len;
        int64_t timeout_ms; /* 0: default */
        bool elevate;       /* known to need a grant; any other call gets one when the server asks for it */
        const char *reason; /* of the grant; NULL: a plain sentence */
        bool (*sink)(void *arg, const void *data, size_t len);
        void *sink_arg;
};

/* Reads the configuration; the server is found and connected with the first call. Errors: SAL_E_NOT_FOUND (no such
 * folder or no ctl.conf in it), SAL_E_CONFIG, SAL_E_NOMEM. */
enum sal_status sal_admin_open(const char *dir, struct sal_admin **ret, struct sal_err *reterr);
void sal_admin_free(struct sal_admin *admin); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_admin, sal_admin_free)

/* Reads endpoints.json (anew): a server that came back may listen elsewhere. Errors: SAL_E_UNREACHABLE (no address:
 * neither configured nor in endpoints.json), SAL_E_CONFIG, SAL_E_NOMEM. */
enum sal_status sal_admin_refresh(struct sal_admin *admin, struct sal_err *reterr);

const struct sal_admin_paths *sal_admin_paths(const struct sal_admin *admin);
/* Base URL of the machine plane. Borrowed until the next refresh. Errors: as sal_admin_refresh. */
enum sal_status sal_admin_machine_url(struct sal_admin *admin, const char **ret, struct sal_err *reterr);

/* One call, with a grant where one is needed. `reply` is filled whenever the server answered.
 * Errors: those of sal_client_do, and SAL_E_MALFORMED when an answer to an elevation makes no sense. */
enum sal_status sal_admin_do(struct sal_admin *admin, const struct sal_admin_call *call, struct sal_client_reply *reply,
                             struct sal_err *reterr);

/* The same for JSON answers: *ret is the parsed body (a JSON null for 204). Errors: SAL_E_MALFORMED too, when the body
 * is no JSON, or is empty and the status is not 204. */
enum sal_status sal_admin_json(struct sal_admin *admin, const struct sal_admin_call *call, json_t **ret,
                               struct sal_err *reterr);

/* GET of one document. */
enum sal_status sal_admin_get(struct sal_admin *admin, const char *path, const char *query, json_t **ret,
                              struct sal_err *reterr);

/* GET of a whole list, page by page, as one array of at most `max` items; *ret_more tells whether there are others. */
enum sal_status sal_admin_list(struct sal_admin *admin, const char *path, const char *query, size_t max, json_t **ret,
                               bool *ret_more, struct sal_err *reterr);

#endif
