/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the room: server -> worker (thread, loop) -> lane (one plane on one worker, one libmicrohttpd daemon)
 * -> connection -> request.
 *
 * Thread: a lane, its connections and its requests belong to their worker. A plane is shared: its counters are atomic,
 * its credentials and its table of addresses have locks. A request that was deferred may be answered from any thread,
 * by way of the worker's inbox.
 * Ownership: the server owns everything; a request is freed when libmicrohttpd says that it is over.
 */
#ifndef SAL_HTTP_INTERNAL_H
#define SAL_HTTP_INTERNAL_H

#include "base/buf.h"
#include "base/metrics.h"
#include "http/framing.h"
#include "http/http.h"
#include "http/router.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

enum {
        SAL_HTTP_MAX_PLANES = 4,
        SAL_HTTP_MAX_WORKERS = 64,
        SAL_HTTP_MAX_TICKERS = 8,
        SAL_HTTP_BACKLOG = 4096,
        SAL_HTTP_FIRST_REQUEST_SECONDS = 20, /* from accept to complete headers */
        SAL_HTTP_STREAM_BYTES_PER_SECOND = 4096,
        SAL_HTTP_SWEEP_MS = 1000,
        SAL_HTTP_SWALLOW_BYTES = 8 << 20, /* of a refused body that are read, so that the client sees the answer */
        SAL_HTTP_BLOCK_BYTES = 16384,     /* a larger body is sent in blocks of this size */
        SAL_HTTP_POOL_EXTRA_BYTES = 6144, /* of a connection's memory, beside its headers' bytes: see lane.c */
        SAL_HTTP_HANDSHAKE_SPINS = 16,    /* zero timeouts without progress before the pump backs off */
};

/* ---- credentials (tls.c) ---- */

struct sal_http_tls {
        atomic_uint refs;
        gnutls_certificate_credentials_t credentials; /* certificate, key and client CA */
        bool ask;                                     /* for a client certificate */
};

enum sal_status sal_http_tls_new(const char *certificate_pem, const char *key_pem, const char *client_ca_pem,
                                 struct sal_http_tls **ret, struct sal_err *reterr);
struct sal_http_tls *sal_http_tls_ref(struct sal_http_tls *tls);
void sal_http_tls_unref(struct sal_http_tls *tls);

/* ---- addresses (address.c) ---- */

struct sal_http_address_key {
        uint8_t bytes[17]; /* family and address; IPv6: the first 64 bits */
};
struct sal_http_address;
struct sal_http_addresses {
        pthread_mutex_t lock;
        struct sal_http_address *table;
};

void sal_http_address_key(const struct sockaddr *address, struct sal_http_address_key *ret);
/* Connections now counted for an address. */
unsigned sal_http_addresses_count(struct sal_http_addresses *all, const struct sal_http_address_key *key);
/* Adds 1; false without memory. */
bool sal_http_addresses_add(struct sal_http_addresses *all, const struct sal_http_address_key *key);
void sal_http_addresses_drop(struct sal_http_addresses *all, const struct sal_http_address_key *key);
void sal_http_addresses_done(struct sal_http_addresses *all);

/* ---- metrics (stats.c) ---- */

struct sal_http_stats {
        struct sal_metric requests[5]; /* by status class */
        struct sal_metric connections;
        struct sal_metric held;
        struct sal_metric refused;
        struct sal_metric handshake_failures;
        struct sal_metric timeouts;
        struct sal_metric backoffs;
};

/* The metrics of a plane of that name; an unknown name shares those of "other". */
struct sal_http_stats *sal_http_stats(const char *plane);
void sal_http_stats_answered(struct sal_http_stats *stats, int status, int64_t duration_us);

/* ---- planes ---- */

struct sal_http_plane {
        struct sal_http_server *server;
        struct sal_http_plane_config config; /* defaults filled in; the PEM texts are not kept */
        unsigned index;
        uint16_t port;
        struct sal_http_router *router;
        struct sal_http_stats *stats;
        pthread_mutex_t tls_lock;
        struct sal_http_tls *tls;
        struct sal_http_addresses addresses;
        atomic_uint connections;
        atomic_uint held;
        atomic_bool draining;
};

/* Opens a listening socket; *port 0 takes what the kernel gives and stores it. The `first` of a plane makes sure that
 * nobody else listens there. (listen.c) */
enum sal_status sal_http_listen(const struct sal_http_plane_config *config, bool first, uint16_t *port, int *ret_fd,
                                struct sal_err *reterr);

/* ---- the pump (pump.c): drives one libmicrohttpd daemon from a libuv loop ---- */

struct sal_http_pump {
        struct MHD_Daemon *mhd;
        uv_poll_t poll;
        uv_timer_t timer;
        uv_idle_t idle;
        uint64_t progress; /* raised by whatever shows that a round did something */
        unsigned spins;    /* zero timeouts in a row without progress */
        int64_t spin_us;   /* what they cost */
        int64_t backoff_ms;
        struct sal_metric *backoffs;
        bool open;
};

enum sal_status sal_http_pump_open(struct sal_http_pump *pump, uv_loop_t *loop, struct sal_err *reterr);
void sal_http_pump_kick(struct sal_http_pump *pump); /* run it in the loop's next turn */
void sal_http_pump_close(struct sal_http_pump *pump);

/* ---- lanes and connections (lane.c, connection.c) ---- */

struct sal_http_lane {
        struct sal_http_worker *worker;
        struct sal_http_plane *plane;
        struct sal_http_pump pump;
        int listen_fd; /* owned until the daemon takes it; -1 after */
        bool quiesced;
        struct sal_http_connection *connections; /* utlist */
};

enum sal_http_phase {
        SAL_HTTP_PHASE_FIRST, /* nothing was asked yet; the TLS handshake is part of it */
        SAL_HTTP_PHASE_NEXT,  /* answered before, the next request is not complete in headers */
        SAL_HTTP_PHASE_BODY,
        SAL_HTTP_PHASE_REPLY, /* the server's turn */
};

struct sal_http_connection {
        struct sal_http_lane *lane;
        struct sal_http_connection *prev, *next;
        struct sal_http_tls *tls;
        gnutls_session_t session;
        int fd;
        enum sal_http_phase phase;
        bool streaming;
        bool handshake_done;
        bool counted; /* in the table of addresses */
        bool cut;     /* shut down by the sweep or the drain */
        int64_t phase_since_ms;
        uint64_t body_bytes; /* of the request now read */
        struct sal_http_address_key key;
        char peer[INET6_ADDRSTRLEN];
        struct sal_http_peer_cert *cert; /* what was found about the client's certificate, once asked */
};

enum sal_status sal_http_lane_open(struct sal_http_lane *lane, struct sal_err *reterr);
void sal_http_lane_quiesce(struct sal_http_lane *lane);
void sal_http_lane_close(struct sal_http_lane *lane);

enum MHD_Result sal_http_accept(void *cls, const struct sockaddr *address, socklen_t len);
void sal_http_connection_notify(void *cls, struct MHD_Connection *mhd, void **context,
                                enum MHD_ConnectionNotificationCode code);
void sal_http_connection_phase(struct sal_http_connection *connection, enum sal_http_phase phase);
/* Cuts connections that are past their time. Returns how many connections the lane has. */
unsigned sal_http_lane_sweep(struct sal_http_lane *lane, int64_t now_ms);
/* Cuts connections that wait for a next request. */
void sal_http_lane_cut_idle(struct sal_http_lane *lane);
void sal_http_connection_uncount(struct sal_http_connection *connection);

/* The client's certificate of a connection (cert.c). */
const struct sal_http_cert_info *sal_http_connection_cert(struct sal_http_connection *connection);
void sal_http_peer_cert_free(struct sal_http_peer_cert *cert);

/* ---- requests (request.c, serve.c, hold.c, reply.c) ---- */

enum sal_http_stage {
        SAL_HTTP_STAGE_LINE,    /* request line seen */
        SAL_HTTP_STAGE_BODY,    /* headers accepted, body awaited */
        SAL_HTTP_STAGE_SWALLOW, /* answer is fixed, the rest of the body is thrown away */
        SAL_HTTP_STAGE_HANDLER, /* the handler has the request, or somebody it was handed to */
        SAL_HTTP_STAGE_QUEUED,  /* libmicrohttpd has the response */
};

struct sal_http_request {
        struct sal_http_lane *lane;
        struct sal_http_connection *connection;
        struct MHD_Connection *mhd;
        struct sal_http_request *inbox_next;
        struct sal_http_request *prev, *next; /* the worker's suspended requests */
        enum sal_http_stage stage;
        bool live;      /* counted by sal_http_server_live */
        bool answered;  /* response and status are set (response NULL: without memory, cut off) */
        bool suspended; /* libmicrohttpd does not look at the connection */
        bool parked;    /* in the worker's list of suspended requests */
        bool deferred;
        bool held;
        bool gone;   /* the client left, or the server stops */
        bool orphan; /* the connection is over, the answer has yet to come */
        bool close;
        int status;
        struct MHD_Response *response;
        int64_t start_us;
        char id[17];

        char *target;           /* own copy of the request target: the path, and after its NUL the query */
        const char *target_end; /* where libmicrohttpd saw its end: the version must follow at once */
        const char *method;     /* libmicrohttpd's, valid as long as the request */
        const char *version;
        const struct sal_http_route *route;
        size_t param_count;
        const char *param_names[SAL_HTTP_MAX_PARAMS];
        char *param_values[SAL_HTTP_MAX_PARAMS]; /* into params */
        char *params;
        struct sal_http_member *query;
        size_t query_count;
        struct sal_http_framing framing;

        struct sal_buf body;
        uint64_t body_max_bytes;

        void *scratch;
        void (*scratch_end)(void *scratch);

        int64_t due_ms;    /* monotonic; 0: was never held */
        size_t heap_index; /* SIZE_MAX: not in it */
        void (*on_due)(struct sal_http_request *request, void *arg);
        void (*on_gone)(struct sal_http_request *request, void *arg);
        void *hold_arg;
};

void *sal_http_on_request_line(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result sal_http_on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *data, size_t *data_len, void **context);
void sal_http_on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code);
void sal_http_request_free(struct sal_http_request *request);

/* Reads path, query, headers and route of a request whose headers are complete. *ret_allow is for SAL_E_METHOD. */
enum sal_status sal_http_request_decode(struct sal_http_request *request, char ret_allow[static SAL_HTTP_ALLOW_BYTES],
                                        struct sal_err *reterr);

/* Fixes an error as the answer, by way of the plane's error_reply. */
void sal_http_refuse(struct sal_http_request *request, const struct sal_err *err, const char *allow);

/* A request whose answer is fixed: goes on with it. Owning worker. */
void sal_http_request_resume(struct sal_http_request *request);
void sal_http_request_suspend(struct sal_http_request *request);

/* ---- bodies ---- */

struct sal_http_body {
        atomic_uint refs;
        char *data;
        uint64_t len;
        int fd; /* -1: data */
        uint64_t offset;
};

/* ---- holds (hold.c): when each is due, and who has gone ---- */

struct sal_http_holds {
        struct sal_http_request **heap; /* the earliest first */
        size_t count;
        size_t cap;
        uv_timer_t timer;
        uv_poll_t poll;
        int epoll_fd;
        bool open;
};

enum sal_status sal_http_holds_open(struct sal_http_holds *holds, uv_loop_t *loop, struct sal_err *reterr);
void sal_http_holds_close(struct sal_http_holds *holds);
/* Ends a hold without a callback. A request that is not held is left alone. */
void sal_http_hold_end(struct sal_http_request *request);

/* ---- workers (worker.c) ---- */

struct sal_http_call {
        struct sal_http_call *next;
        void (*fn)(struct sal_http_worker *worker, void *arg);
        void *arg;
};

struct sal_http_ticker {
        uv_timer_t timer;
        struct sal_http_worker *worker;
        bool started;
        int64_t interval_ms;
        void (*fn)(struct sal_http_worker *worker, void *arg);
        void *arg;
};

struct sal_http_worker {
        struct sal_http_server *server;
        unsigned index;
        pthread_t thread;
        bool loop_open;
        bool wake_open;
        uv_loop_t loop;
        uv_async_t wake;
        uv_timer_t sweep;
        void *data;

        pthread_mutex_t inbox_lock;
        struct sal_http_request *answers, **answers_end;
        struct sal_http_call *calls, **calls_end;
        unsigned drain_mask;
        bool stop;
        bool closed; /* nobody reads the inbox any more */

        struct sal_http_lane lanes[SAL_HTTP_MAX_PLANES];
        struct sal_http_holds holds;
        struct sal_http_request *suspended; /* utlist */
        struct sal_http_request *orphans;   /* utlist */
        struct sal_http_ticker tickers[SAL_HTTP_MAX_TICKERS];
        unsigned ticker_count;
};

/* The worker that runs on this thread, or NULL. */
extern _Thread_local struct sal_http_worker *sal_http_here;

enum sal_status sal_http_worker_open(struct sal_http_worker *worker, struct sal_err *reterr);
void *sal_http_worker_run(void *worker);
void sal_http_worker_close(struct sal_http_worker *worker); /* after its thread has ended, or without one */
void sal_http_worker_post_answer(struct sal_http_request *request);
void sal_http_worker_post_drain(struct sal_http_worker *worker, unsigned mask);
void sal_http_worker_post_stop(struct sal_http_worker *worker);
void sal_http_worker_sweep_start(struct sal_http_worker *worker);

struct sal_http_server {
        unsigned worker_count;
        struct sal_http_worker *workers;
        size_t plane_count;
        struct sal_http_plane planes[SAL_HTTP_MAX_PLANES];
        atomic_uint live;
        atomic_uint_fast64_t next_id;
        uint32_t id_prefix;
        unsigned started_count;
        pthread_mutex_t ready_lock;
        pthread_cond_t ready;
        unsigned ready_count;
};

#endif
