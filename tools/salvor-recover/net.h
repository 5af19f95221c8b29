/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS for the recovery client: TLS 1.2 or later, the configured CA and no other, the name checked, no proxy, no
 * redirects, every answer bounded before it is kept, every wait bounded.
 *
 * The dates of the server's certificate are not looked at while connecting, for the machine's clock may be dead; the
 * caller compares sal_net_validity with the client's time once an answer has told it.
 *
 * Thread: one. Ownership: replies own their body; options are copied.
 */
#ifndef SAL_RECOVER_NET_H
#define SAL_RECOVER_NET_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <signal.h>
#include <stdint.h>

enum {
        SAL_NET_CONNECT_SECONDS = 15,
        SAL_NET_REQUEST_SECONDS = 60, /* besides the seconds that a poll may be held */
        SAL_NET_SLOW_SECONDS = 60,    /* an artifact slower than SAL_NET_SLOW_BYTES per second for so long: given up */
        SAL_NET_SLOW_BYTES = 128,
        SAL_NET_FILE_SECONDS = 30,      /* a metadata file; a target, which may be larger, SAL_NET_TARGET_SECONDS */
        SAL_NET_TARGET_SECONDS = 120,   /* 512 KiB at 4.3 KiB/s */
        SAL_NET_FILE_SLOW_SECONDS = 10, /* either, slower than SAL_NET_FILE_SLOW_BYTES per second for so long */
        SAL_NET_FILE_SLOW_BYTES = 256,
        SAL_NET_PROBLEM_MAX_BYTES = 64 * 1024, /* of an answer that is an error */
};

struct sal_net;

struct sal_net_options {
        const char *server;                /* "https://host:port" */
        const char *ca;                    /* PEM file */
        const char *certificate;           /* PEM file or NULL */
        const char *key;                   /* PEM file or NULL */
        const char *token;                 /* or NULL */
        const volatile sig_atomic_t *stop; /* when it becomes true a transfer ends with SAL_E_TIMEOUT; or NULL */
};

struct sal_reply {
        long http;
        struct sal_buf body;
        int64_t retry_after_seconds; /* -1: none given */
};

#define SAL_REPLY_INIT ((struct sal_reply){.retry_after_seconds = -1})
#define sal_autonetreply __attribute__((cleanup(sal_reply_done)))
void sal_reply_done(struct sal_reply *reply);

/* Errors: SAL_E_CONFIG (a URL that is not https, a file that cannot be read), SAL_E_NOMEM, SAL_E_INTERNAL. */
enum sal_status sal_net_new(const struct sal_net_options *options, struct sal_net **ret, struct sal_err *reterr);
void sal_net_free(struct sal_net *net); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_net, sal_net_free)

/* One exchange; body NULL: GET, else POST of JSON. wait_seconds > 0 asks the server to hold the answer (RFC 7240).
 * SAL_OK for 2xx. For 4xx and 5xx: the status of the problem document, the reply is filled too. On the way:
 * SAL_E_UNREACHABLE, SAL_E_TIMEOUT, SAL_E_UNTRUSTED (the server's certificate), SAL_E_TOO_LARGE (over max_bytes). */
enum sal_status sal_net_exchange(struct sal_net *net, const char *path, const char *body, int64_t wait_seconds,
                                 size_t max_bytes, struct sal_reply *reply, struct sal_err *reterr);

/* GET of a small file of at most max_bytes, which ends after timeout_ms, or earlier when it is too slow, or at the
 * first byte too many. Errors: as above; SAL_E_TIMEOUT also for what was too slow; SAL_E_NOT_FOUND for 404 alone. */
enum sal_status sal_net_get(struct sal_net *net, const char *path, size_t max_bytes, int64_t timeout_ms,
                            struct sal_reply *reply, struct sal_err *reterr);

/* GET of a file of known length into `fd`, appended, which ends after timeout_ms or earlier when it is too slow; `have`
 * bytes are there already and are not asked for again (RFC 9110 section 14). A server that sends all of it instead
 * makes the file begin anew. Errors: as above, but of the server's answers 401 and 403 alone as they are, 404 as
 * SAL_E_NOT_FOUND and every other as SAL_E_UNREACHABLE; SAL_E_IO when fd takes no more; SAL_E_TOO_LARGE when more than
 * `length` bytes come. */
enum sal_status sal_net_fetch(struct sal_net *net, const char *path, int fd, int64_t have, int64_t length,
                              int64_t timeout_ms, struct sal_err *reterr);

/* When the chain that the server presented last is valid: the latest start and the earliest end. false: none yet. */
bool sal_net_validity(const struct sal_net *net, int64_t *ret_from_ms, int64_t *ret_until_ms);

#endif
