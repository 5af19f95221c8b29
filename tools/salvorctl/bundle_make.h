/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects what a rescue without a network needs into a folder, every file verified as a recovery client would verify
 * it: the root chain, timestamp, snapshot, targets, campaigns, the policy, the envelopes and their artifacts.
 *
 * Thread: one. Ownership: names and paths are borrowed; sal_bundle_done frees what was collected.
 */
#ifndef SAL_SALVORCTL_BUNDLE_MAKE_H
#define SAL_SALVORCTL_BUNDLE_MAKE_H

#include "bundle_source.h"
#include "command.h"
#include "trust/tuf_roles.h"

/* What is wanted, and what was found. */
struct sal_bundle {
        struct sal_bundle_source *source;
        const char *pinned; /* the bytes of the pinned root */
        size_t pinned_len;
        const char *folder;                    /* where the files go; NULL: nothing is written, all is verified */
        const struct sal_ctl_campaign *wanted; /* by name, version 0 meaning any; none: all that are in force */
        size_t wanted_count;
        int64_t now_ms;

        json_t *campaigns; /* {"id", "version", "title", "expires"} of each that is in it */
        json_t *left_out;  /* {"target", "why"}: listed, and yet not allowed */
        json_t *artifacts; /* {"sha256", "length"} */
        int64_t artifact_bytes;
        int64_t good_until_ms;                       /* the earliest expiry of all that is in it */
        char ends_first[SAL_TARGET_PATH_BYTES + 16]; /* whose that is: "timestamp", "fix@1" */
};

/* Collects; on failure the folder may hold a part. Errors: SAL_E_NOT_FOUND (a wanted campaign is not in force, or
 * nothing is), SAL_E_UNTRUSTED, SAL_E_IO, those of the source. */
enum sal_status sal_bundle_collect(struct sal_bundle *bundle, struct sal_err *reterr);
void sal_bundle_done(struct sal_bundle *bundle);

#endif
