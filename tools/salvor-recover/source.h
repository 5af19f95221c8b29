/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where signed files come from: a server (online.h) or a folder (bundle.h). A source is not believed: metadata.h
 * verifies its metadata, sal_source_take its targets. It only has to keep to the bounds: no more bytes than asked for,
 * and no longer than it says.
 *
 * Thread: one. Ownership: everything is borrowed for the call; the buffer is the caller's.
 */
#ifndef SAL_RECOVER_SOURCE_H
#define SAL_RECOVER_SOURCE_H

#include "base/buf.h"
#include "trust/updater.h"

enum {
        SAL_SOURCE_NAME_BYTES = SAL_SHA256_HEX_BYTES + SAL_TARGET_PATH_BYTES, /* "<sha256>.<id>-<version>.json", NUL */
        SAL_SOURCE_TARGET_MAX_BYTES = 512 * 1024, /* 256 KiB of payload as base64, and its signatures */
};

/* Why something signed could not be had or was refused. */
struct sal_unable {
        char file[SAL_TARGET_PATH_BYTES]; /* "timestamp.json", "policy/trust-policy.json", … */
        enum sal_update_reason reason;    /* sal_update_reason_text: the slug for logs */
        bool slow;                        /* it was cut off for coming too slowly */
        bool time_fell;                   /* an update: the kept time fell with rotated keys; take the time anew */
};

/* Sets file and reason. */
void sal_unable_tell(struct sal_unable *unable, const char *file, enum sal_update_reason reason);

/* Errors of both members: SAL_E_NOT_FOUND (the source says that there is no such file), SAL_E_TOO_LARGE (it began to
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

/* The bytes of a target that verified metadata lists, into `ret`, which is empty: they are what is listed. Errors:
 * SAL_E_NOT_FOUND (the source has no such file), SAL_E_UNREACHABLE (it cannot be had), SAL_E_UNTRUSTED, SAL_E_NOMEM. */
enum sal_status sal_source_take(const struct sal_source *source, const struct sal_tuf_target *target,
                                struct sal_buf *ret, struct sal_unable *ret_unable, struct sal_err *reterr);

#endif
