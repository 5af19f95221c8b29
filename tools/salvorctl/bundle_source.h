/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `salvorctl bundle` finds the public files: the machine plane of a running server, or a folder in the layout of
 * its public directory. Nothing that comes from a source is believed before it was verified.
 *
 * Thread: one. Ownership: sal_bundle_source_done frees; buffers are the caller's.
 */
#ifndef SAL_SALVORCTL_BUNDLE_SOURCE_H
#define SAL_SALVORCTL_BUNDLE_SOURCE_H

#include "base/buf.h"
#include "client/client.h"

#include <stdint.h>

enum { SAL_BUNDLE_PATH_BYTES = 256 };

struct sal_bundle_source {
        const char *dir;           /* the folder, borrowed; NULL: the server */
        struct sal_client *client; /* the server */
};

/* `base_url` and `ca` as sal_client_new takes them. Errors: those of sal_client_new. */
enum sal_status sal_bundle_source_server(const char *base_url, const char *ca, struct sal_bundle_source *ret,
                                         struct sal_err *reterr);
void sal_bundle_source_done(struct sal_bundle_source *source);
#define sal_autosource __attribute__((cleanup(sal_bundle_source_done)))

/* The file of a public path ("metadata/2.root.json", "targets/policy/…"), at most max_bytes, into `ret`, which is
 * empty. Errors: SAL_E_NOT_FOUND (there is no such file), SAL_E_TOO_LARGE, those of the way there. */
enum sal_status sal_bundle_source_get(struct sal_bundle_source *source, const char *path, size_t max_bytes,
                                      struct sal_buf *ret, struct sal_err *reterr);

/* Copies an artifact to `to` (NULL: only looks at it) and checks length and digest. Errors: SAL_E_NOT_FOUND,
 * SAL_E_UNTRUSTED (other bytes), SAL_E_IO, those of the way there. */
enum sal_status sal_bundle_source_artifact(struct sal_bundle_source *source, const char *sha256, int64_t length,
                                           FILE *to, struct sal_err *reterr);

#endif
