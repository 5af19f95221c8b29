/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed files from a server: what came along with a poll's answer first, then /tuf/. An answer with a newer timestamp
 * holds the roots before it too, for they are needed first; so everything may come in one round trip. (What did not fit
 * may be missing: an update that failed after such a conclusion is to be made again with `ask`.)
 *
 * Bounds, so that no server can hold the client up: net.h's for each file, and SAL_ONLINE_UPDATE_SECONDS from
 * sal_online_begin on for all of them together.
 *
 * Thread: one. Ownership: everything in struct sal_online is borrowed.
 */
#ifndef SAL_RECOVER_ONLINE_H
#define SAL_RECOVER_ONLINE_H

#include "salvor-recover/net.h"
#include "salvor-recover/source.h"
#include "salvor-recover/wire.h"

enum { SAL_ONLINE_UPDATE_SECONDS = 180 };

struct sal_online {
        struct sal_net *net;
        const struct sal_answer *answer;
        int64_t until_ms; /* monotonic */
        /* The timestamp that is held, when the answer's empty `metadata` may be taken for "there is none newer"; else
         * NULL: then the server is asked for its own. */
        const char *timestamp;
        size_t timestamp_len;
        bool ask;      /* conclude nothing from what the answer does not hold: ask the server for it */
        bool inferred; /* set: the end of the root chain was concluded from the answer */
};

/* Begins the time of an update and fills *ret, which borrows `online`. */
void sal_online_begin(struct sal_online *online, struct sal_source *ret);

#endif
