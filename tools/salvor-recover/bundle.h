/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle: a folder, on a USB stick say, in which `salvorctl bundle` put everything that a rescue without a network
 * needs: metadata/ and targets/ as a server has them under /tuf/, and artifacts/<sha256>. Nothing in it is believed.
 *
 * Whoever made the stick chose what stands in it, so only plain files are read: no symbolic link is followed on the
 * way, a FIFO, socket or device is refused without waiting for it, and no file is read beyond its bound.
 *
 * Thread: one. Ownership: the bundle owns its descriptor.
 */
#ifndef SAL_RECOVER_BUNDLE_H
#define SAL_RECOVER_BUNDLE_H

#include "salvor-recover/source.h"
#include "salvor-recover/store.h"

struct sal_bundle;

/* Errors: SAL_E_NOT_FOUND, SAL_E_USAGE (no folder), SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_bundle_open(const char *dir, struct sal_bundle **ret, struct sal_err *reterr);
void sal_bundle_free(struct sal_bundle *bundle); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_bundle, sal_bundle_free)

/* Fills *ret, which borrows the bundle. */
void sal_bundle_source(struct sal_bundle *bundle, struct sal_source *ret);

/* Copies an artifact among the blobs of the store, hash checked. Errors: SAL_E_NOT_FOUND naming it; SAL_E_UNTRUSTED (it
 * is no plain file, or not what was signed); SAL_E_UNREACHABLE (it cannot be read); SAL_E_IO; SAL_E_NOMEM. */
enum sal_status sal_bundle_artifact(struct sal_bundle *bundle, struct sal_store *store,
                                    const struct sal_artifact_ref *artifact, struct sal_err *reterr);

#endif
