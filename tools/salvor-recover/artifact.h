/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Artifacts: files that a campaign names by hash, from the server into the state directory.
 *
 * Thread: one. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_RECOVER_ARTIFACT_H
#define SAL_RECOVER_ARTIFACT_H

#include "model/campaign.h"
#include "salvor-recover/net.h"
#include "salvor-recover/store.h"

/* Puts it among the blobs, hash checked: to blobs/SHA256 by way of blobs/SHA256.part, which a later run goes on with.
 * Errors: those of sal_job_fetch. */
enum sal_status sal_artifact_fetch(struct sal_store *store, struct sal_net *net,
                                   const struct sal_artifact_ref *artifact, struct sal_err *reterr);

#endif
