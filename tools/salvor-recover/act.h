/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out a plan, and putting everything back. New contents are first written and synced to hidden files in the
 * directories where they belong, so that a full disk shows before the first name changes; from then on every step is a
 * rename, followed by a sync of its directory. A file that is deleted or replaced is only put aside, under a hidden
 * name in its own directory: putting it back is a rename, which needs no room and brings back the very same file. It is
 * removed when the outcome `applied` is stored.
 *
 * Putting back looks at what is there and needs no notes on how far the work had come, so it can itself fail or be
 * interrupted, and be begun again.
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

/* Stores what the steps need: the contents of write_file, as blobs. (Artifacts are put among the blobs by the caller.)
 * The tree is only read. Errors: SAL_E_REFUSED, nothing may be touched; SAL_E_NOMEM. */
enum sal_status sal_act_prepare(const struct sal_act *act, const struct sal_campaign *campaign, struct sal_err *reterr);

/* Does all steps. On failure the action at fault is SAL_STATUS_FAILED and the tree is changed in part.
 * Errors: SAL_E_IO, SAL_E_CONFLICT (the tree is not as it was planned upon), SAL_E_NOMEM. */
enum sal_status sal_act_commit(const struct sal_act *act, struct sal_err *reterr);

/* Makes the tree what it was before: every file by itself, with all that it is, and the times of the directories.
 * Actions that were done become SAL_STATUS_REVERTED once nothing is missing. Errors: SAL_E_IO when something could not
 * be put back: the rest is, the log names each, nothing that is needed is lost, and it can be called again. */
enum sal_status sal_act_revert(const struct sal_act *act, struct sal_err *reterr);

/* Removes what was put aside: from here on nothing can be put back. Errors: SAL_E_IO when a file could not be removed;
 * it can be called again. */
enum sal_status sal_act_finish(const struct sal_act *act, struct sal_err *reterr);

/* Name in the state directory. */
void sal_act_blob_name(const char *sha256, char ret[static SAL_STORE_NAME_BYTES]);

#endif
