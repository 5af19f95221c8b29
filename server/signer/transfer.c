/* SPDX-License-Identifier: Apache-2.0 */
/* Whole messages over a stream socket, within a time. */
#include "signer/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* How long the body of each kind may be. */
static const size_t max_bytes[SAL_SIGNER_KINDS] = {
        [SAL_SIGNER_REQUEST] = SAL_SIGNER_REQUEST_MAX_BYTES,
        [SAL_SIGNER_READY] = 0,
        [SAL_SIGNER_ANSWER] = SAL_SIGNER_ANSWER_MAX_BYTES,
        [SAL_SIGNER_REFUSAL] = SAL_SIGNER_REFUSAL_MAX_BYTES,
};

/* Waits until the socket is ready. What is there is taken even when the time is over: after a stop of the whole machine
 * the answer of a healthy signer would else be lost. */
static enum sal_status wait_for(int fd, short events, int64_t deadline_ms, struct sal_err *reterr) {
        for (;;) {
                int timeout_ms = -1;
                if (deadline_ms != SAL_SIGNER_FOREVER) {
                        int64_t left_ms = deadline_ms - sal_clock_mono_ms();
                        timeout_ms = left_ms < 0 ? 0 : left_ms > 1000000 ? 1000000 : (int)left_ms;
                }
                struct pollfd wanted = {.fd = fd, .events = events};
                int ready = poll(&wanted, 1, timeout_ms);
                if (ready > 0)
                        return SAL_OK;
                if (ready == 0)
                        return sal_fail(reterr, SAL_E_TIMEOUT, "nothing came in time");
                if (errno != EINTR)
                        return sal_fail(reterr, SAL_E_UNREACHABLE, "poll: %s", strerror(errno));
        }
}

static bool would_block(void) {
        return errno == EAGAIN || errno == EINTR;
}

enum sal_status sal_signer_send(int fd, const struct sal_buf *message, int64_t deadline_ms, struct sal_err *reterr) {
        for (size_t sent = 0; sent < message->len;) {
                ssize_t n = send(fd, message->data + sent, message->len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n > 0) {
                        sent += (size_t)n;
                        continue;
                }
                if (n < 0 && !would_block())
                        return sal_fail(reterr, SAL_E_UNREACHABLE, "send: %s", strerror(errno));
                enum sal_status status = wait_for(fd, POLLOUT, deadline_ms, reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

/* SAL_E_GONE: it ended before the first byte. */
static enum sal_status receive_all(int fd, char *to, size_t len, int64_t deadline_ms, struct sal_err *reterr) {
        for (size_t got = 0; got < len;) {
                ssize_t n = recv(fd, to + got, len - got, MSG_DONTWAIT);
                if (n > 0) {
                        got += (size_t)n;
                        continue;
                }
                if (n == 0 && got == 0)
                        return sal_fail(reterr, SAL_E_GONE, "the other side closed");
                if (n == 0 || !would_block())
                        return sal_fail(reterr, SAL_E_UNREACHABLE, "the message ends in its middle%s%s", n ? ": " : "",
                                        n ? strerror(errno) : "");
                enum sal_status status = wait_for(fd, POLLIN, deadline_ms, reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

enum sal_status sal_signer_receive(int fd, unsigned kinds, int64_t deadline_ms, enum sal_signer_kind *ret_kind,
                                   struct sal_buf *body, struct sal_err *reterr) {
        char head[SAL_SIGNER_HEAD_BYTES];
        enum sal_status status = receive_all(fd, head, sizeof head, deadline_ms, reterr);
        if (status)
                return status;
        unsigned kind = (unsigned char)head[3];
        if (memcmp(head, "SAL", 3) != 0 || kind >= SAL_SIGNER_KINDS || !(kinds >> kind & 1))
                return sal_fail(reterr, SAL_E_MALFORMED, "not a message that belongs here");
        size_t len = 0;
        for (size_t i = 4; i < sizeof head; i++)
                len = len << 8 | (unsigned char)head[i];
        if (len > max_bytes[kind])
                return sal_fail(reterr, SAL_E_MALFORMED, "a message of %zu bytes, at most %zu are read", len,
                                max_bytes[kind]);
        sal_buf_clear(body);
        if (!sal_buf_reserve(body, len))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a message of %zu bytes", len);
        status = receive_all(fd, body->data, len, deadline_ms, reterr);
        if (status == SAL_E_GONE)
                return sal_fail(reterr, SAL_E_UNREACHABLE, "the message ends after its head");
        if (status)
                return status;
        body->data[len] = '\0';
        body->len = len;
        *ret_kind = (enum sal_signer_kind)kind;
        return SAL_OK;
}
