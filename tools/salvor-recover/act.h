/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out a plan, and putting everything back. New contents are first written and synced to temporary files in
 * the directories where they belong, so that a full disk shows before the first name changes; from then on every step
 * is one rename or one unlink, followed by a sync of its directory.
 *
 * Putting back looks at what is there and needs no notes on how far the work had come, so it can itself be interrupted
 * and begun again.
 *
 * Thread: one. Ownership: everything in struct sal_act is borrowed.
 */
#ifndef SAL_RECOVER_ACT_H
#define SAL_RECOVER_ACT_H

#include "salvor-recover/store.h"
#include "salvor-recover/tree.h"
#include "salvor-recover/work.h"

struct sal_act {
        const struct sal_tree *tree;
        struct sal_store *store;
        struct sal_work *work;
};

/* Stores what the steps need: backups of the files they remove or replace, and the contents of write_file as blobs.
 * (Artifacts are put among the blobs by the caller.) The tree is only read. Errors: SAL_E_REFUSED, without a backup
 * nothing may be touched; SAL_E_NOMEM. */
enum sal_status sal_act_prepare(const struct sal_act *act, const struct sal_campaign *campaign, struct sal_err *reterr);

/* Does all steps. On failure the action at fault is SAL_STATUS_FAILED and the tree is changed in part.
 * Errors: SAL_E_IO, SAL_E_CONFLICT (the tree is not as it was planned upon), SAL_E_NOMEM. */
enum sal_status sal_act_commit(const struct sal_act *act, struct sal_err *reterr);

/* Makes the tree what it was before: content, mode, owner, times (of the directories too), extended attributes as far
 * as the state directory can hold them. Actions that were done become SAL_STATUS_REVERTED. Errors: SAL_E_IO when
 * something could not be put back: the rest is, and the log names each. */
enum sal_status sal_act_revert(const struct sal_act *act, struct sal_err *reterr);

/* Names in the state directory. */
void sal_act_backup_name(size_t step, char ret[static SAL_STORE_NAME_BYTES]);
void sal_act_blob_name(const char *sha256, char ret[static SAL_STORE_NAME_BYTES]);

/* Copies extended attributes as far as both sides allow; failures are no failure. */
void sal_copy_attributes(int from_fd, int to_fd);

#endif
