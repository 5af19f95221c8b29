/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share: the messages between daemon and signer, the high-water marks, the confinement.
 * Not for other rooms.
 *
 * A message is a head of eight bytes ("SAL", the kind, the body's length) and a body of fields. Numbers are big-endian;
 * bytes and texts have their length (32 bits) before them, a text counts its NUL. Both sides hold the same bounds:
 * nothing longer is sent, and nothing longer is believed, so that no length from the other side becomes an allocation
 * or a copy beyond them.
 *
 * Thread: one at a time. Ownership: what was received points into the message that it came in.
 */
#ifndef SAL_SIGNER_INTERNAL_H
#define SAL_SIGNER_INTERNAL_H

#include "signer/signer.h"

/* ---- messages (message.c) ---- */

enum sal_signer_kind {
        SAL_SIGNER_REQUEST, /* to the signer: make the next files */
        SAL_SIGNER_READY,   /* from it, once, when it is confined; no body */
        SAL_SIGNER_ANSWER,
        SAL_SIGNER_REFUSAL, /* an error in the place of READY or ANSWER */
        SAL_SIGNER_KINDS    /* how many there are */
};

enum {
        SAL_SIGNER_HEAD_BYTES = 8,
        /* 100 envelopes of the largest payload are 36 MiB; 1,023 roots of a few KiB and the rest find room too */
        SAL_SIGNER_REQUEST_MAX_BYTES = 64 * 1024 * 1024,
        /* three metadata files and 100 verdicts with their errors */
        SAL_SIGNER_ANSWER_MAX_BYTES = 3 * SAL_TUF_MAX_BYTES + 256 * 1024,
        SAL_SIGNER_REFUSAL_MAX_BYTES = 4 * 1024,
};

/* A request as it came: `request` points into the arrays and into the message's body. */
struct sal_signer_received {
        struct sal_signer_bytes roots[SAL_SIGNER_MAX_ROOTS];
        struct sal_repository_envelope envelopes[SAL_TUF_MAX_CAMPAIGNS];
        struct sal_signer_request request;
};

/* Append a whole message. The answer has one verdict per envelope. Errors: SAL_E_INVALID (beyond a bound; nothing was
 * appended), SAL_E_NOMEM. */
enum sal_status sal_signer_write_request(const struct sal_signer_request *request, struct sal_buf *out,
                                         struct sal_err *reterr);
enum sal_status sal_signer_write_answer(const struct sal_signer_answer *answer, size_t verdict_count,
                                        struct sal_buf *out, struct sal_err *reterr);
enum sal_status sal_signer_write_refusal(const struct sal_err *err, struct sal_buf *out, struct sal_err *reterr);
enum sal_status sal_signer_write_ready(struct sal_buf *out, struct sal_err *reterr);

/* Read a body. Errors: SAL_E_MALFORMED (beyond a bound, cut off, or with bytes behind its end), SAL_E_NOMEM. *ret is
 * written to on failure too, but holds nothing to be freed then. */
enum sal_status sal_signer_read_request(const char *body, size_t len, struct sal_signer_received *ret,
                                        struct sal_err *reterr);
/* `verdict_count` is how many there must be. The files are copied. */
enum sal_status sal_signer_read_answer(const char *body, size_t len, size_t verdict_count,
                                       struct sal_signer_answer *ret, struct sal_err *reterr);
enum sal_status sal_signer_read_refusal(const char *body, size_t len, struct sal_err *ret);

/* ---- the socket (transfer.c) ---- */

/* No deadline. */
#define SAL_SIGNER_FOREVER INT64_C(-1)

/* Sends all of it before the deadline (monotonic milliseconds). Errors: SAL_E_UNREACHABLE, SAL_E_TIMEOUT. */
enum sal_status sal_signer_send(int fd, const struct sal_buf *message, int64_t deadline_ms, struct sal_err *reterr);
/* Receives one message whose kind is among `kinds` (bits 1 << kind); its body goes to the emptied buffer. Errors:
 * SAL_E_GONE (the other side closed, between messages), SAL_E_UNREACHABLE (closed within one), SAL_E_TIMEOUT,
 * SAL_E_MALFORMED (no such message, or longer than its kind may be; nothing of the body was read), SAL_E_NOMEM. After
 * any of them the socket is of no more use. */
enum sal_status sal_signer_receive(int fd, unsigned kinds, int64_t deadline_ms, enum sal_signer_kind *ret_kind,
                                   struct sal_buf *body, struct sal_err *reterr);

/* ---- high-water marks (marks.c) ---- */

enum {
        SAL_SIGNER_SLOTS = 2,
        SAL_SIGNER_SLOT_BYTES = 256,
        SAL_SIGNER_SLOT_STRIDE = 4096, /* no write of one slot can tear the other */
        SAL_SIGNER_MARKS_BYTES = SAL_SIGNER_SLOTS * SAL_SIGNER_SLOT_STRIDE,
        SAL_SIGNER_LOCK_WAIT_MS = 3000 /* for a signer before this one to end */
};

struct sal_signer_marks {
        int fd; /* locked as long as it is open */
        uint64_t sequence;
        struct sal_tuf_mark marks[SAL_TUF_FILES]; /* as on disk */
        char path[4096];                          /* for errors */
};

/* Opens the marks in `dir`, which is made when missing, or begins anew: with all zero, or, when they were lost
 * (`resumed`), above every version of the past (see sal_signer_config). Where one slot of two is damaged, what it may
 * have held is at most one above the other: the marks of the online files are raised by one. Errors: SAL_E_CORRUPT
 * (both slots are unreadable), SAL_E_CONFIG (another signer holds them), SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_signer_marks_open(const char *dir, bool resumed, struct sal_signer_marks *ret,
                                      struct sal_err *reterr);
/* Puts them on disk, unless they are there. Needs no more than pwrite and fdatasync. A mark below the present one is
 * SAL_E_INTERNAL. Errors: SAL_E_IO: they count as not written. */
enum sal_status sal_signer_marks_write(struct sal_signer_marks *marks,
                                       const struct sal_tuf_mark next[static SAL_TUF_FILES], struct sal_err *reterr);
/* Closes the file. */
void sal_signer_marks_done(struct sal_signer_marks *marks);

/* ---- confinement (confine.c) ---- */

/* False when a sanitizer is built in: its run time needs what the filter forbids, so that only no_new_privs is set. */
bool sal_signer_can_confine(void);
/* For good: no new privileges, not dumpable, no core file, no new descriptors, no new processes, and a filter of system
 * calls that leaves the socket, the marks and standard error. Errors: SAL_E_IO. */
enum sal_status sal_signer_confine(int socket_fd, int marks_fd, struct sal_err *reterr);

/* ---- the daemon's handle (signer.c) ---- */

/* sal_signer_make with another patience, for tests. */
enum sal_status sal_signer_make_within(struct sal_signer *signer, const struct sal_signer_request *request,
                                       int64_t timeout_ms, struct sal_signer_answer *ret, struct sal_err *reterr);
/* The daemon's end of the socket, -1 when the process is gone; for tests that send what no daemon would. */
int sal_signer_socket(const struct sal_signer *signer);

/* How the process is started: argv[0] is its title, argv[1] tells main() what it is, then come the pinned root, the
 * folder of the marks, whether they must have been there, and the key files. Its end of the socket is this descriptor.
 */
#define SAL_SIGNER_TITLE "salvord: signer"
#define SAL_SIGNER_ARGUMENT "--as-signer"
#define SAL_SIGNER_NEW "new"
#define SAL_SIGNER_RESUMED "resumed"
enum { SAL_SIGNER_FD = 3, SAL_SIGNER_FIXED_ARGUMENTS = 5 };

#endif
