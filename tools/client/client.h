/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS for the client programs: one connection kept alive, the server's CA pinned (no system store, no proxy, no
 * redirects), a client certificate or a bearer token, and every failure turned into a struct sal_err, so that a program
 * can print it and end with the right exit code.
 *
 * Thread: a client belongs to one thread; sal_client_global_init runs once, before the first. Ownership: replies own
 * their body; requests only borrow.
 */
#ifndef SAL_CLIENT_CLIENT_H
#define SAL_CLIENT_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
        SAL_CLIENT_CONNECT_MS = 10000,       /* to a finished TLS handshake */
        SAL_CLIENT_REQUEST_MS = 60000,       /* default for a whole request */
        SAL_CLIENT_BODY_BYTES = 64 << 20,    /* largest reply that is kept in memory */
        SAL_CLIENT_MAX_HEADERS = 8,          /* of a request, besides those that the client adds */
        SAL_CLIENT_HEADER_BYTES = 4096,      /* one header line of a request */
        SAL_CLIENT_ENVELOPE_BYTES = 1 << 20, /* largest text file that the programs read whole */
};

struct sal_client;

struct sal_client_options {
        const char *base_url;    /* "https://host:port", nothing behind it */
        const char *ca_file;     /* PEM; the only CA that is trusted */
        const char *certificate; /* PEM file of the client certificate, or NULL */
        const char *key;         /* PEM file of its key, or NULL */
        int64_t timeout_ms;      /* 0: SAL_CLIENT_REQUEST_MS */
};

struct sal_client_request {
        const char *method; /* "GET" when NULL */
        const char *path;   /* "/v1/poll" */
        const char *query;  /* "limit=10", already encoded, or NULL */
        const char *bearer; /* token, or NULL */
        const char *accept; /* NULL: application/json and application/problem+json */
        const char *content_type;
        const char *headers[SAL_CLIENT_MAX_HEADERS]; /* "Name: value", until the first NULL */
        const void *body;                            /* NULL and 0: none */
        size_t body_len;
        FILE *body_file; /* instead of body: streamed from its present position */
        int64_t body_file_len;
        int64_t timeout_ms; /* 0: the client's */
        /* When set, the body of a 2xx goes there piece by piece and not into the reply; false stops (SAL_E_IO). */
        bool (*sink)(void *arg, const void *data, size_t len);
        void *sink_arg;
};

struct sal_client_reply {
        int status; /* HTTP status code */
        struct sal_buf body;
        char content_type[128];
        char etag[128];
        char request_id[128];
        int64_t retry_after_seconds; /* -1: the header was not there or no number of seconds */
        int64_t date_unix_ms;        /* of the Date header, or 0 */
};

#define SAL_CLIENT_REPLY_INIT ((struct sal_client_reply){.retry_after_seconds = -1})
#define sal_autoreply __attribute__((cleanup(sal_client_reply_done)))
void sal_client_reply_done(struct sal_client_reply *reply);

/* Once per program, before threads. Errors: SAL_E_INTERNAL. */
enum sal_status sal_client_global_init(struct sal_err *reterr);

/* Errors: SAL_E_CONFIG when a file cannot be read or the URL is not https, SAL_E_NOMEM. */
enum sal_status sal_client_new(const struct sal_client_options *options, struct sal_client **ret,
                               struct sal_err *reterr);
void sal_client_free(struct sal_client *client); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_client, sal_client_free)

/* One exchange. SAL_OK for 1xx..3xx statuses; for 4xx and 5xx the status of the problem document (sal_client_problem),
 * and the reply is filled all the same. Errors of the way there: SAL_E_UNREACHABLE (no connection, broken answer),
 * SAL_E_TIMEOUT, SAL_E_UNTRUSTED (the server's certificate), SAL_E_TOO_LARGE (reply over SAL_CLIENT_BODY_BYTES). */
enum sal_status sal_client_do(struct sal_client *client, const struct sal_client_request *request,
                              struct sal_client_reply *reply, struct sal_err *reterr);

/* Turns an error reply into *reterr: the status by the problem's slug (RFC 9457), else by the HTTP code; detail, the
 * first pointer, hint and reference as far as the document has them. Returns that status. */
enum sal_status sal_client_problem(int http, const char *body, size_t len, struct sal_err *reterr);

/* Appends text percent-encoded for use in a query (RFC 3986 section 2.3: unreserved bytes stay). */
void sal_client_query_escape(struct sal_buf *out, const char *text);

/* What libcurl said, as a status: used by sal_client_do and by programs that drive libcurl themselves. */
enum sal_status sal_client_curl_status(int curl_code);

#endif
