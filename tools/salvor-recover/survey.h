/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The survey: a campaign's actions, looked at against the tree, become steps. All of them are planned before anything
 * is touched, each against the tree as the earlier ones will leave it. Nothing here writes.
 *
 * Thread: one. Ownership: the work is filled in place.
 */
#ifndef SAL_RECOVER_SURVEY_H
#define SAL_RECOVER_SURVEY_H

#include "model/campaign.h"
#include "salvor-recover/tree.h"
#include "salvor-recover/work.h"

/* Fills work->actions, work->steps and work->dirs. An action that will change nothing is SAL_STATUS_SKIPPED, the others
 * are SAL_STATUS_DONE (with the detail that the report will carry), to be put right if the work fails.
 *
 * Errors: SAL_E_REFUSED: a safety rule forbids the campaign here; the action at fault is SAL_STATUS_FAILED with the
 * reason, the others SAL_STATUS_SKIPPED, and nothing was touched. That is: more files than max_matches; a match that is
 * no regular file, or has hard links that may stand outside the tree; a symbolic link on the way; a directory that
 * cannot be written; a target that is there already; a kind of action that this version cannot do. SAL_E_NOMEM. */
enum sal_status sal_survey(const struct sal_tree *tree, const struct sal_campaign *campaign, struct sal_work *work,
                           struct sal_err *reterr);

#endif
