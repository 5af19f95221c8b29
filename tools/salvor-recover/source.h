/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where signed files come from: a server (online.h) or a folder (bundle.h). A source is not believed: whoever asks
 * verifies what it gives. It only has to keep to the bounds: no more bytes than asked for, and no longer than it says.
 *
 * Thread: one. Ownership: everything is borrowed for the call; the buffer is the caller's.
 */
#ifndef SAL_RECOVER_SOURCE_H
#define SAL_RECOVER_SOURCE_H

#include "base/buf.h"
#include "trust/updater.h"

/* Room for "<sha256>.<id>-<version>.json" and a NUL. */
enum { SAL_SOURCE_NAME_BYTES = SAL_SHA256_HEX_BYTES + SAL_TARGET_PATH_BYTES };

/* Errors of both functions: SAL_E_NOT_FOUND (the source says that there is no such file), SAL_E_TOO_LARGE (it began to
 * give more than may be), SAL_E_REFUSED (what stands there is no plain file), SAL_E_NOMEM; every other: it cannot be
 * had now, SAL_E_TIMEOUT among them when it came too slowly. */
struct sal_source {
        void *context;
        /* A metadata file by its served name, at most max_bytes, into `ret`, which is empty. */
        enum sal_status (*metadata)(void *context, const struct sal_update_need *need, struct sal_buf *ret,
                                    struct sal_err *reterr);
        /* A target that verified metadata lists. `folder` is "campaigns" or "policy", `name` its file there. */
        enum sal_status (*target)(void *context, const struct sal_tuf_target *target, const char *folder,
                                  const char *name, struct sal_buf *ret, struct sal_err *reterr);
};

/* Splits a target path into the names under which it is served: "campaigns/fix-1.json" is
 * "campaigns", "<sha256>.fix-1.json". */
void sal_source_names(const struct sal_tuf_target *target, char ret_folder[static 16],
                      char ret_name[static SAL_SOURCE_NAME_BYTES]);

#endif
