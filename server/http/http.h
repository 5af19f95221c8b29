/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS service: planes (listeners), worker loops, routes, requests and replies. The only room that knows
 * libmicrohttpd, GnuTLS and libuv.
 *
 * Threads: each worker is one thread with one libuv loop, which drives one libmicrohttpd daemon per plane by its epoll
 * descriptor. A handler runs on the worker that owns the request. Calls marked "any thread" may come from elsewhere;
 * everything else belongs to the owning worker.
 * Ownership: a request belongs to the server until its one reply; after sal_http_reply it must not be touched. Strings
 * that accessors return are borrowed and live until the reply.
 */
#ifndef SAL_HTTP_HTTP_H
#define SAL_HTTP_HTTP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sal_http_server;
struct sal_http_worker;
struct sal_http_request;
struct sal_http_body; /* immutable bytes of a reply, reference counted, shared between threads */

/* ---- bodies: any thread ---- */

/* A body with a copy of the bytes, or one that takes malloc'ed bytes over. NULL without memory (data is then freed). */
struct sal_http_body *sal_http_body_copy(const void *data, size_t len);
struct sal_http_body *sal_http_body_take(char *data, size_t len);
/* Part of a regular file, from offset, len bytes; takes the descriptor over. */
struct sal_http_body *sal_http_body_file_take(int fd, uint64_t offset, uint64_t len);
struct sal_http_body *sal_http_body_ref(struct sal_http_body *body);
void sal_http_body_unref(struct sal_http_body *body); /* NULL is allowed */

/* ---- replies ---- */

enum { SAL_HTTP_MAX_HEADERS = 8, SAL_HTTP_HEADER_VALUE_BYTES = 256 };

struct sal_http_header {
        const char *name;                        /* static text */
        char value[SAL_HTTP_HEADER_VALUE_BYTES]; /* no control bytes */
};

/* What goes back. X-Request-Id is added by the server. `body` is consumed by sal_http_reply (NULL: empty). */
struct sal_http_reply {
        int status;
        const char *content_type; /* static text; NULL with an empty body */
        struct sal_http_header headers[SAL_HTTP_MAX_HEADERS];
        size_t header_count;
        struct sal_http_body *body;
};

/* Adds a header; silently cut values are impossible: a value that does not fit is left out and false returned. */
bool sal_http_reply_header(struct sal_http_reply *reply, const char *static_name, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Answers a request, once. Any thread: on the owning worker the reply is queued at once, elsewhere it travels through
 * the worker's inbox. Consumes reply->body. A client that has gone is no error. */
void sal_http_reply(struct sal_http_request *request, const struct sal_http_reply *reply);

/* ---- requests ---- */

/* Method in capitals and path as they came (checked: see sal_http_plane_config); the route's {names}; a query value,
 * percent-decoded ("+" is a space, as forms and their libraries write it), or NULL; a header, or NULL (one that came
 * twice and is no list: the server answered 400 before). */
const char *sal_http_method(const struct sal_http_request *request);
const char *sal_http_path(const struct sal_http_request *request);
const char *sal_http_param(const struct sal_http_request *request, const char *name);
const char *sal_http_query(const struct sal_http_request *request, const char *key);
/* Calls each for every query member, in order. */
void sal_http_query_each(const struct sal_http_request *request,
                         void (*each)(void *arg, const char *key, const char *value), void *arg);
const char *sal_http_header_get(const struct sal_http_request *request, const char *name);
/* The whole body (len 0 without one); NUL-terminated for convenience. */
const char *sal_http_body_get(const struct sal_http_request *request, size_t *ret_len);
/* Textual address of the peer without port. */
const char *sal_http_peer(const struct sal_http_request *request);
/* The id that X-Request-Id carries. */
const char *sal_http_request_id(const struct sal_http_request *request);
/* The data pointer of the plane and of the route that matched. */
void *sal_http_plane_data(const struct sal_http_request *request);
const void *sal_http_route_data(const struct sal_http_request *request);
struct sal_http_worker *sal_http_request_worker(const struct sal_http_request *request);

/* The client's certificate. The chain is verified against the plane's client CA (dates, purpose clientAuth) once per
 * connection. */
enum sal_http_cert { SAL_HTTP_CERT_NONE, SAL_HTTP_CERT_INVALID, SAL_HTTP_CERT_VALID };
struct sal_http_cert_info {
        enum sal_http_cert state;
        char common_name[128]; /* "" unless VALID; a name with NUL or over 127 bytes makes the certificate INVALID */
        char sha256[65];       /* hex SHA-256 of the certificate's DER */
        const uint8_t *spki;   /* DER SubjectPublicKeyInfo, borrowed from the request */
        size_t spki_len;
        const char *reason; /* why it is INVALID, a short phrase */
};
const struct sal_http_cert_info *sal_http_cert(const struct sal_http_request *request);

/* Per-request memory of a handler: `size` zeroed bytes that live as long as the request; the first call allocates,
 * later calls return the same bytes. NULL without memory. `on_end` (may be NULL) runs on the worker when the request
 * has ended, answered or not. */
void *sal_http_request_scratch(struct sal_http_request *request, size_t size, void (*on_end)(void *scratch));

/* ---- held requests: owning worker ---- */

/* Keeps a complete, unanswered request without cost until somebody replies: its connection is suspended, the client's
 * departure is noticed (on_gone is called, then nobody may touch the request any more), and on_due is called once after
 * `wait_ms`. Called in the handler, or later on the owning worker for a request that was deferred (the ledger said
 * "wait") or is held already (the new callbacks and time replace the old ones). on_gone is also called for what is
 * still held when the server stops. Errors: SAL_E_OVERLOADED when the plane holds its maximum; the request is then as
 * it was. */
enum sal_status sal_http_hold(struct sal_http_request *request, int64_t wait_ms,
                              void (*on_due)(struct sal_http_request *request, void *arg),
                              void (*on_gone)(struct sal_http_request *request, void *arg), void *arg);

/* ---- deferral ---- */

/* A handler that will reply later, from another thread, calls this before it hands the request over. The connection is
 * suspended until then. When the client goes meanwhile, or the server stops, the request stays valid until
 * sal_http_reply or sal_http_server_free. A held request may be deferred too: its hold ends without a callback. */
void sal_http_defer(struct sal_http_request *request);

/* ---- routes ---- */

enum sal_http_body_mode {
        SAL_HTTP_BODY_NONE,   /* a body is 400 */
        SAL_HTTP_BODY_BUFFER, /* collected up to the limit, then the handler runs */
        SAL_HTTP_BODY_STREAM, /* on_body sees the pieces; the handler runs after the last */
};

struct sal_http_route {
        const char *method; /* "GET"; a GET route answers HEAD too */
        const char *path;   /* "/api/v1/campaigns/{id}/{version}"; {x} matches one segment, a last {x...} the rest */
        enum sal_http_body_mode body;
        uint64_t body_max_bytes; /* 0: the plane's default; over it: 413 */
        void (*handle)(struct sal_http_request *request);
        /* STREAM only, before handle: false stops reading (the handler is then called, and has to reply an error). */
        bool (*on_body)(struct sal_http_request *request, const void *data, size_t len);
        /* Runs when the headers are complete, before the body is read: false means it has replied (the body is
         * discarded and the connection closed). NULL is allowed. */
        bool (*on_headers)(struct sal_http_request *request);
        const void *data;
};

/* ---- planes and server ---- */

/* All limits are bounded; 0 takes the default named here. */
struct sal_http_plane_config {
        const char *name;    /* "machine" "admin" "ops": for logs and metrics; static text */
        const char *address; /* numeric IPv4 or IPv6 */
        uint16_t port;       /* 0: any free one */
        bool tls;
        const char *certificate_pem; /* server certificate chain; borrowed for the call */
        const char *key_pem;
        const char *client_ca_pem; /* NULL: client certificates are not asked for */
        bool all_workers;          /* true: every worker listens (SO_REUSEPORT); false: the first worker only */
        unsigned connections_max;  /* per plane, default 16000 (machine), 256 otherwise */
        unsigned held_max;         /* per plane, default 15000 */
        /* Connections of one address (IPv6: one /64) that sal_http_mark_authenticated has not marked; one more is
         * closed at accept. Default: half of connections_max, so that a branch office may boot at once. */
        unsigned unauthenticated_per_address_max;
        /* Default 60, at most 3600. A first request must be complete in headers within 20 s (or this, if less), a later
         * one within twice this time of the reply before, a buffered body within this time of its headers; a streamed
         * body must keep up 4 KiB/s on average after this time. */
        unsigned idle_timeout_seconds;
        unsigned header_max_bytes; /* request line and headers, default 8192, 1024..65536: 431 */
        uint64_t body_max_bytes;   /* default 65536: 413 */
        const struct sal_http_route *routes;
        size_t route_count;
        void *data;
        /* Answers what no handler sees (400, 404, 405, 413, 429, 431, 500, 503 …): turns an error into a reply. Any
         * worker. */
        void (*error_reply)(struct sal_http_request *request, const struct sal_err *err, struct sal_http_reply *ret);
};

struct sal_http_config {
        unsigned workers; /* 1..64; 0: one per processor */
        struct sal_http_plane_config planes[4];
        size_t plane_count;
};

/* Opens every listener; nothing is served before sal_http_server_start. Errors: SAL_E_CONFIG (certificate, key,
 * address, port in use), SAL_E_NOMEM. */
enum sal_status sal_http_server_new(const struct sal_http_config *config, struct sal_http_server **ret,
                                    struct sal_err *reterr);
/* The port a plane listens on (the one the kernel gave when 0 was asked). */
uint16_t sal_http_server_port(const struct sal_http_server *server, size_t plane);
/* Starts the workers and returns when every one of them serves. */
enum sal_status sal_http_server_start(struct sal_http_server *server, struct sal_err *reterr);

/* Checks a new certificate, key and client CA without using them; then puts them in force for new connections. Any
 * thread but a worker. Errors: SAL_E_CONFIG; the old ones stay. */
enum sal_status sal_http_server_check_tls(const char *certificate_pem, const char *key_pem, const char *client_ca_pem,
                                          struct sal_err *reterr);
enum sal_status sal_http_server_set_tls(struct sal_http_server *server, size_t plane, const char *certificate_pem,
                                        const char *key_pem, const char *client_ca_pem, struct sal_err *reterr);

/* Marks a request's connection as authenticated: it no longer counts against its address. Owning worker. */
void sal_http_mark_authenticated(struct sal_http_request *request);

/* Runs fn(worker, arg) on every worker, later, in order of the calls. Any thread. */
void sal_http_each_worker(struct sal_http_server *server, void (*fn)(struct sal_http_worker *worker, void *arg),
                          void *arg);
/* Runs fn(worker, arg) on one worker, later. Any thread. Errors: SAL_E_NOMEM. */
enum sal_status sal_http_worker_post(struct sal_http_worker *worker,
                                     void (*fn)(struct sal_http_worker *worker, void *arg), void *arg);
/* Per-worker pointer of the upper room (set once, before start, by index; read by handlers and posted functions). */
unsigned sal_http_worker_count(const struct sal_http_server *server);
void sal_http_worker_set_data(struct sal_http_server *server, unsigned index, void *data);
void *sal_http_worker_data(const struct sal_http_worker *worker);
/* Repeats fn on the worker's loop every interval_ms; call before start. */
void sal_http_worker_every(struct sal_http_server *server, unsigned index, int64_t interval_ms,
                           void (*fn)(struct sal_http_worker *worker, void *arg), void *arg);

/* Drain, step one: stop accepting on the planes named by the bit mask; connections finish their request and are closed
 * (replies carry Connection: close). Returns at once. Any thread but a worker. */
void sal_http_server_drain(struct sal_http_server *server, unsigned plane_mask);
/* Requests that have begun and have not been answered (held ones included). Any thread. */
unsigned sal_http_server_live(const struct sal_http_server *server);
/* Stops and joins every worker; every request must have been answered or is cut off. Any thread but a worker. */
void sal_http_server_stop(struct sal_http_server *server);
void sal_http_server_free(struct sal_http_server *server); /* NULL is allowed */

#endif
