/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a poll's answer brings along so that one round trip is enough: the metadata that is newer than what the machine
 * has, and the files of its offer, as far as they fit. Private to api/.
 *
 * Thread: any. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_API_POLL_METADATA_H
#define SAL_API_POLL_METADATA_H

#include "api/call.h"
#include "service/publication.h"

/* Of a whole answer; what does not fit is had from /tuf/. */
enum { SAL_POLL_ANSWER_MAX_BYTES = 64 * 1024 };

/* The member `have` of a poll. */
struct sal_poll_have {
        bool given;
        int64_t versions[SAL_TUF_FILES]; /* 0: none */
        char policy[SAL_SHA256_HEX_BYTES];
};

/* Reads it; versions are 0..2^31-1, unknown members are ignored. Errors: SAL_E_INVALID with the pointer. */
enum sal_status sal_poll_have_read(const struct sal_json_at *at, struct sal_poll_have *ret, struct sal_err *reterr);

/* Adds `metadata` (when the poll has `have`) and, with an offer of `launch` (NULL: none), `files`. */
void sal_poll_bring_along(json_t *answer, const struct sal_poll_have *have, const struct sal_view *view,
                          const struct sal_launch *launch);

#endif
