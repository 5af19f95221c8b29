/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many HTTPS requests at once over a bounded number of kept connections: libcurl's multi interface driven by epoll.
 *
 * Thread: one. Ownership: the wire owns its slots; a request's bytes are borrowed until its callback was called, which
 * happens exactly once, from sal_wire_run.
 */
#ifndef SAL_FLEET_WIRE_H
#define SAL_FLEET_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdint.h>

enum { SAL_WIRE_REPLY_MAX_BYTES = 1 << 20, SAL_WIRE_REQUEST_MS = 30000 };

struct sal_wire;
struct sal_wire_slot;

struct sal_wire_reply {
        enum sal_status status; /* SAL_OK: the server answered, whatever it said */
        int http;
        const char *body; /* NUL-terminated, borrowed for the call */
        size_t len;
        int64_t retry_after_seconds; /* 0: none */
        const char *error;           /* in words when status is not SAL_OK, else "" */
};

/* Called once per request. New requests may be started from here. */
typedef void sal_wire_done(void *arg, int64_t tag, int kind, const struct sal_wire_reply *reply);

enum sal_status sal_wire_new(const char *ca_file, size_t connections, sal_wire_done *done, void *arg,
                             struct sal_wire **ret, struct sal_err *reterr);
/* Requests under way are dropped without their callback. NULL is allowed. */
void sal_wire_free(struct sal_wire *wire);
SAL_DEFINE_CLEANUP(sal_wire, sal_wire_free)

/* How many requests could be started now. */
size_t sal_wire_room(const struct sal_wire *wire);

/* A free slot's empty body buffer, to be filled before sal_wire_post; NULL without room. */
struct sal_wire_slot *sal_wire_take(struct sal_wire *wire);
struct sal_buf *sal_wire_body(struct sal_wire_slot *slot);

/* Starts POST base_url + path with the slot's body. wait_seconds over 0 asks to be held (RFC 7240). The slot is given
 * back by itself; on failure at once, and the callback is not called. Errors: SAL_E_NOMEM, SAL_E_INTERNAL. */
enum sal_status sal_wire_post(struct sal_wire_slot *slot, const char *base_url, const char *path, const char *bearer,
                              int64_t wait_seconds, int64_t tag, int kind);

/* Lets the network work for at most wait_ms (0: only what is ready), calling back for what has ended.
 * Errors: SAL_E_IO. */
enum sal_status sal_wire_run(struct sal_wire *wire, int64_t wait_ms);

#endif
