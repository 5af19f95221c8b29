/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job: one verified campaign, carried out on the tree from survey to stored report. Whatever happens on the way,
 * power loss included, the tree ends either fixed or as it was, and one report is stored, exactly once. (When the state
 * directory has no room for it, it is sent at once.) As long as something could not be put back, the work stays in the
 * state directory, and nothing new is begun.
 *
 * Thread: one. Ownership: everything in struct sal_job is borrowed.
 */
#ifndef SAL_RECOVER_JOB_H
#define SAL_RECOVER_JOB_H

#include "model/campaign.h"
#include "salvor-recover/store.h"
#include "salvor-recover/tree.h"
#include "salvor-recover/work.h"

enum sal_outcome {
        SAL_OUTCOME_NONE, /* nothing was settled */
        SAL_OUTCOME_APPLIED,
        SAL_OUTCOME_NOT_APPLICABLE,
        SAL_OUTCOME_FAILED,
        SAL_OUTCOME_REFUSED,
};

/* Puts the artifact among the blobs of the store, hash checked. Errors: SAL_E_UNREACHABLE, SAL_E_NOT_FOUND,
 * SAL_E_UNTRUSTED: it cannot be had now, the offer stays open; SAL_E_REFUSED, SAL_E_IO: no room for it. */
typedef enum sal_status (*sal_job_fetch)(void *context, const struct sal_artifact_ref *artifact,
                                         struct sal_err *reterr);

/* Sends a report that cannot be stored. Errors: those of the way there and of the server's answer. */
typedef enum sal_status (*sal_job_send)(void *context, json_t *report, struct sal_err *reterr);

enum { SAL_JOB_UNDO_TRIES = 4 }; /* in one run; further ones at every start, until everything is put back */

struct sal_job {
        const struct sal_tree *tree;
        struct sal_store *store;
        const char *machine_id;
        const char *boot_id;
        sal_job_fetch fetch; /* may be NULL: no artifact can be had */
        void *fetch_context;
        sal_job_send send; /* may be NULL: a report that cannot be stored is an error */
        void *send_context;
        int64_t undo_pause_ms; /* before putting back is tried again; 0: at once */
};

/* What the offer is. */
struct sal_job_offer {
        const char *offer_id; /* valid by sal_offer_id_valid */
        const char *campaign;
        int64_t version;
        const char
                *target_sha256; /* of a campaign from a bundle, whose offer_id means something here only; else NULL */
};

/* Carries the campaign out and stores the report. *ret_why (255 bytes at most) is a sentence for a person.
 * Errors: those of `fetch` that leave the offer open: nothing was touched, nothing is reported; SAL_E_CONFLICT when an
 * earlier work is not put back yet, likewise; SAL_E_IO when the report could be neither stored nor sent; SAL_E_NOMEM.
 */
enum sal_status sal_job_run(const struct sal_job *job, const struct sal_job_offer *offer,
                            const struct sal_campaign *campaign, enum sal_outcome *ret, char ret_why[static 256],
                            struct sal_err *reterr);

/* Stores the report that the offer is refused, for this reason. Errors: SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_job_refuse(const struct sal_job *job, const struct sal_job_offer *offer, const char *why,
                               struct sal_err *reterr);

/* To be called first in every run: finishes what an earlier process left. An interrupted work is put back; the second
 * interruption of one offer (from bundles: of one campaign's target) stores the report `failed`. *ret says what was
 * settled now (or SAL_OUTCOME_NONE). What cannot be put back now is no error: sal_job_is_open tells. Errors:
 * SAL_E_CONFLICT when the work belongs to another --root; SAL_E_IO; SAL_E_NOMEM. */
enum sal_status sal_job_resume(const struct sal_job *job, enum sal_outcome *ret, struct sal_err *reterr);

/* Is there work in the state directory that is not at its end? */
bool sal_job_is_open(const struct sal_job *job);

/* Wire name of an outcome's stage ("applied"); "none" for SAL_OUTCOME_NONE. */
const char *sal_outcome_name(enum sal_outcome outcome);

#endif
