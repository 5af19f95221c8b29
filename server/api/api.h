/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API: the planes' routes. Thin: decode, call a service, encode.
 *
 * Threads: handlers run on their worker; what needs the ledger travels there as a call (call.h) and comes back to the
 * worker. Ownership: struct sal_api belongs to the daemon and outlives the HTTP server.
 */
#ifndef SAL_API_API_H
#define SAL_API_API_H

#include "http/http.h"
#include "service/service.h"

#include <stdatomic.h>

enum sal_role { SAL_ROLE_NONE, SAL_ROLE_VIEWER, SAL_ROLE_AUTHOR, SAL_ROLE_OPERATOR, SAL_ROLE_SECURITY };

/* Each role may do what the ones before it may. SAL_ROLE_NONE: no such role. */
enum sal_role sal_role_parse(const char *name);
const char *sal_role_name(enum sal_role role);

enum { SAL_OPERATORS_MAX = 256 };

/* One operator, known by the certificate. */
struct sal_operator {
        char name[64];
        char certificate_sha256[65]; /* hex SHA-256 of its DER */
        enum sal_role role;
};

/* Replaced as a whole on reload; reference counted by struct sal_api. */
struct sal_operators {
        size_t count;
        struct sal_operator items[];
};

struct sal_api_worker;

struct sal_api {
        struct sal_service *service;
        struct sal_http_server *http; /* set after the server was made */
        unsigned worker_count;
        struct sal_api_worker *workers;
        _Atomic(const struct sal_operators *) operators; /* borrowed: old ones are kept until the daemon ends */
        atomic_bool ready;                               /* /readyz says so */
        atomic_bool draining;                            /* nothing is held any more */
};

/* Prepares the per-worker state. Errors: SAL_E_NOMEM. */
enum sal_status sal_api_init(struct sal_api *api, struct sal_service *service, unsigned workers);
/* After the HTTP server was made, before it starts: ties workers, timers and the service's news to it. */
void sal_api_attach(struct sal_api *api, struct sal_http_server *http);
void sal_api_done(struct sal_api *api);
/* Answers every held poll with what holds now, and holds none from then on. Not on a worker. */
void sal_api_drain(struct sal_api *api);

/* Routes of each plane; plane data must be the struct sal_api. */
extern const struct sal_http_route sal_api_machine_routes[];
extern const size_t sal_api_machine_route_count;
extern const struct sal_http_route sal_api_admin_routes[];
extern const size_t sal_api_admin_route_count;
extern const struct sal_http_route sal_api_ops_routes[];
extern const size_t sal_api_ops_route_count;

/* Problem documents (RFC 9457) for what no handler sees; fits sal_http_plane_config.error_reply. */
void sal_api_error_reply(struct sal_http_request *request, const struct sal_err *err, struct sal_http_reply *ret);

#endif
