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

/* A transfer may take SAL_ARTIFACT_SECONDS, and a second more for every SAL_ARTIFACT_BYTES_PER_SECOND of the artifact.
 */
enum { SAL_ARTIFACT_SECONDS = 120, SAL_ARTIFACT_BYTES_PER_SECOND = 4096 };

/* How long (ms, 1 at least) the transfer of `length` bytes may take, with left_ms left in all; left_ms < 0: no other
 * bound. Pure. */
int64_t sal_artifact_timeout_ms(int64_t length, int64_t left_ms);

/* Puts it among the blobs, hash checked: to blobs/SHA256 by way of blobs/SHA256.part, which a later run goes on with.
 * left_ms: as above. Errors: those of sal_job_fetch; SAL_E_TIMEOUT when it came too slowly. */
enum sal_status sal_artifact_fetch(struct sal_store *store, struct sal_net *net,
                                   const struct sal_artifact_ref *artifact, int64_t left_ms, struct sal_err *reterr);

#endif
