/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/job.h"

#include "base/log.h"
#include "salvor-recover/act.h"
#include "salvor-recover/filter.h"
#include "salvor-recover/survey.h"

#include <string.h>

static const char *const outcome_names[] = {"none", "applied", "not_applicable", "failed", "refused"};

const char *sal_outcome_name(enum sal_outcome outcome) {
        return outcome_names[outcome];
}

/* ---- what is stored ---- */

static enum sal_status put_json_take(struct sal_store *store, const char *name, json_t *document,
                                     struct sal_err *reterr) {
        sal_autojson json_t *owned = document;
        sal_autofree char *text = owned ? sal_json_dump(owned) : NULL;
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for %s", name);
        return sal_store_put(store, name, text, strlen(text), reterr);
}

/* Takes the event and puts the new phase on disk. */
static enum sal_status go(const struct sal_job *job, struct sal_work *work, enum sal_phase_event event,
                          struct sal_err *reterr) {
        if (!sal_phase_next(work->phase, event, &work->phase))
                return sal_fail(reterr, SAL_E_INTERNAL, "no way on from phase %s", sal_phase_name(work->phase));
        sal_autofree char *text = sal_work_dump(work);
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the work under way");
        return sal_store_put(job->store, "work.json", text, strlen(text), reterr);
}

/* Ends the work: nothing of it is left but the report. */
static enum sal_status forget(const struct sal_job *job, struct sal_err *reterr) {
        enum sal_status status = sal_store_remove(job->store, "work.json", reterr);
        sal_store_clear(job->store, "work");
        sal_store_clear(job->store, "blobs");
        return status;
}

/* Stores the report (and, when it was applied, what --healthy will need), then ends the work. Each file is written
 * whole, and the report last of what counts: an interruption before it stores the same again, one after it finds it. */
static enum sal_status settle(const struct sal_job *job, const struct sal_work *work, enum sal_outcome outcome,
                              struct sal_err *reterr) {
        char name[SAL_STORE_NAME_BYTES];
        enum sal_status status = SAL_OK;
        snprintf(name, sizeof name, "reports/%s.json", work->offer_id);
        if (outcome == SAL_OUTCOME_APPLIED)
                status = put_json_take(job->store, "applied.json",
                                       json_pack("{s:s,s:s,s:I}", "offer_id", work->offer_id, "campaign",
                                                 work->campaign, "version", (json_int_t)work->version),
                                       reterr);
        if (!status)
                status = put_json_take(job->store, name,
                                       sal_work_report(work, job->machine_id, sal_outcome_name(outcome)), reterr);
        return status ? status : forget(job, reterr);
}

static struct sal_work *new_work(const struct sal_job *job, const struct sal_job_offer *offer) {
        sal_auto(sal_work) struct sal_work *work = sal_work_new();
        if (!work)
                return NULL;
        work->root = strdup(job->tree->dir);
        snprintf(work->offer_id, sizeof work->offer_id, "%s", offer->offer_id);
        snprintf(work->boot_id, sizeof work->boot_id, "%s", job->boot_id);
        snprintf(work->campaign, sizeof work->campaign, "%s", offer->campaign);
        work->version = offer->version;
        return work->root ? SAL_STEAL(work) : NULL;
}

/* ---- running ---- */

/* Puts everything back and settles the work as failed; the backups are kept when something could not be put back. */
static enum sal_status put_back(const struct sal_job *job, struct sal_work *work, struct sal_err *reterr) {
        struct sal_act act = {.tree = job->tree, .store = job->store, .work = work};
        struct sal_err cause = {0};
        if (sal_act_revert(&act, &cause)) {
                sal_work_log(work, "%s; the backups are kept in the state directory under kept/%s", cause.detail,
                             work->offer_id);
                sal_log(SAL_LOG_ERROR, "recover.revert_incomplete", SAL_F_STR("offer", work->offer_id),
                        SAL_F_STR("detail", cause.detail));
                if (sal_store_keep_backups(job->store, work->offer_id, &cause))
                        sal_work_log(work, "%s", cause.detail);
                /* A tree that is not what it was is an outcome, even of an interruption. */
                if (work->phase == SAL_PHASE_UNDOING)
                        work->phase = SAL_PHASE_REVERTING;
        } else {
                sal_work_log(work, "everything was put back");
        }
        enum sal_status status = go(job, work, SAL_PHASE_EVENT_RESTORED, reterr);
        if (status || work->phase == SAL_PHASE_IDLE)
                return status;
        return settle(job, work, SAL_OUTCOME_FAILED, reterr);
}

/* From PLANNED on: touch, do, verify. */
static enum sal_status carry_out(const struct sal_job *job, struct sal_work *work, const struct sal_campaign *campaign,
                                 enum sal_outcome *ret, char why[static 256], struct sal_err *reterr) {
        struct sal_act act = {.tree = job->tree, .store = job->store, .work = work};
        struct sal_err cause = {0};
        bool good = false;
        enum sal_status status = go(job, work, SAL_PHASE_EVENT_TOUCH, reterr);
        if (status)
                return status;
        status = sal_act_commit(&act, &cause);
        if (!status)
                status = go(job, work, SAL_PHASE_EVENT_DONE, &cause);
        if (!status)
                status = sal_verify_tree(job->tree, campaign, &good, why, &cause);
        if (status)
                snprintf(why, 256, "%.255s", cause.detail);
        sal_work_log(work, "%s", good ? "all actions are done and verify is true" : why);
        status = go(job, work, good ? SAL_PHASE_EVENT_GOOD : SAL_PHASE_EVENT_BAD, &cause);
        if (status && good) {
                /* What cannot be recorded cannot be reported: then the tree is better as it was. */
                snprintf(why, 256, "%.255s", cause.detail);
                work->phase = SAL_PHASE_REVERTING;
                good = false;
        }
        *ret = good ? SAL_OUTCOME_APPLIED : SAL_OUTCOME_FAILED;
        return good ? settle(job, work, SAL_OUTCOME_APPLIED, reterr) : put_back(job, work, reterr);
}

static enum sal_status refuse_work(const struct sal_job *job, struct sal_work *work, const char *why,
                                   enum sal_outcome *ret, char ret_why[static 256], struct sal_err *reterr) {
        snprintf(ret_why, 256, "%.255s", why);
        sal_work_log(work, "refused: %s", why);
        for (size_t i = 0; i < work->action_count; i++)
                if (work->actions[i].status == SAL_STATUS_DONE)
                        sal_work_set(work, i, SAL_STATUS_SKIPPED, "not touched");
        *ret = SAL_OUTCOME_REFUSED;
        return settle(job, work, SAL_OUTCOME_REFUSED, reterr);
}

/* Nothing would change: that is "not applicable" where verify is true, and a fix that does not fix where it is not. */
static enum sal_status settle_skipped(const struct sal_job *job, struct sal_work *work,
                                      const struct sal_campaign *campaign, enum sal_outcome *ret, char why[static 256],
                                      struct sal_err *reterr) {
        bool good = false;
        enum sal_status status = sal_verify_tree(job->tree, campaign, &good, why, reterr);
        if (status)
                return status;
        if (good)
                snprintf(why, 256, "nothing here needs this fix");
        sal_work_log(work, "all actions were skipped: %s", why);
        *ret = good ? SAL_OUTCOME_NOT_APPLICABLE : SAL_OUTCOME_FAILED;
        return settle(job, work, *ret, reterr);
}

/* Gets every artifact that a planned step needs. */
static enum sal_status fetch_artifacts(const struct sal_job *job, const struct sal_work *work,
                                       const struct sal_campaign *campaign, struct sal_err *reterr) {
        for (size_t i = 0; i < work->step_count; i++) {
                const struct sal_action *action = &campaign->actions[work->steps[i].action];
                char name[SAL_STORE_NAME_BYTES];
                if (action->kind != SAL_ACTION_RESTORE_FILE)
                        continue;
                sal_act_blob_name(action->artifact.sha256, name);
                if (sal_store_has(job->store, name))
                        continue;
                enum sal_status status =
                        job->fetch ? job->fetch(job->fetch_context, &action->artifact, reterr)
                                   : sal_fail(reterr, SAL_E_NOT_FOUND, "there is no way to fetch an artifact");
                if (status)
                        return status;
        }
        return SAL_OK;
}

enum sal_status sal_job_run(const struct sal_job *job, const struct sal_job_offer *offer,
                            const struct sal_campaign *campaign, enum sal_outcome *ret, char ret_why[static 256],
                            struct sal_err *reterr) {
        sal_auto(sal_work) struct sal_work *work = new_work(job, offer);
        if (!work)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the work");
        struct sal_act act = {.tree = job->tree, .store = job->store, .work = work};
        struct sal_err cause = {0};
        *ret = SAL_OUTCOME_NONE;
        ret_why[0] = 0;
        enum sal_status status = sal_survey(job->tree, campaign, work, &cause);
        if (!status && sal_work_all_skipped(work))
                return settle_skipped(job, work, campaign, ret, ret_why, reterr);
        if (!status)
                status = fetch_artifacts(job, work, campaign, &cause);
        if (!status)
                status = sal_act_prepare(&act, campaign, &cause);
        if (status == SAL_E_REFUSED || status == SAL_E_IO)
                return refuse_work(job, work, cause.detail, ret, ret_why, reterr);
        if (!status)
                status = go(job, work, SAL_PHASE_EVENT_PLAN, &cause);
        if (!status)
                status = carry_out(job, work, campaign, ret, ret_why, &cause);
        if (status && reterr)
                *reterr = cause;
        if (!status && *ret == SAL_OUTCOME_APPLIED)
                snprintf(ret_why, 256, "all actions are done and verify is true");
        return status;
}

enum sal_status sal_job_refuse(const struct sal_job *job, const struct sal_job_offer *offer, const char *why,
                               struct sal_err *reterr) {
        sal_auto(sal_work) struct sal_work *work = new_work(job, offer);
        if (!work)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the report");
        sal_work_log(work, "refused: %s", why);
        return settle(job, work, SAL_OUTCOME_REFUSED, reterr);
}

/* ---- after an interruption ---- */

/* Was the work on this offer interrupted before? Whatever is not to be read counts as no. */
static bool interrupted_before(const struct sal_job *job, const char *offer_id) {
        sal_autofree char *bytes = NULL;
        sal_autojson json_t *document = NULL;
        size_t len = 0;
        if (sal_store_get(job->store, "interrupted.json", 4096, &bytes, &len, NULL) ||
            sal_json_parse(bytes, len, 4, &document, NULL))
                return false;
        const char *known = json_string_value(json_object_get(document, "offer_id"));
        return known && strcmp(known, offer_id) == 0;
}

static enum sal_status resume_work(const struct sal_job *job, struct sal_work *work, enum sal_outcome *ret,
                                   struct sal_err *reterr) {
        bool again = interrupted_before(job, work->offer_id);
        enum sal_phase was = work->phase;
        enum sal_status status = go(job, work, again ? SAL_PHASE_EVENT_RESTART_AGAIN : SAL_PHASE_EVENT_RESTART, reterr);
        if (status)
                return status;
        sal_log(SAL_LOG_WARNING, "recover.interrupted", SAL_F_STR("offer", work->offer_id),
                SAL_F_STR("was", sal_phase_name(was)), SAL_F_STR("now", sal_phase_name(work->phase)));
        if (work->phase == SAL_PHASE_APPLIED || work->phase == SAL_PHASE_FAILED) {
                *ret = work->phase == SAL_PHASE_APPLIED ? SAL_OUTCOME_APPLIED : SAL_OUTCOME_FAILED;
                return settle(job, work, *ret, reterr);
        }
        if (work->phase == SAL_PHASE_IDLE)
                return forget(job, reterr);
        if (was != work->phase && again)
                sal_work_log(work, "interrupted for the second time while %s", sal_phase_name(was));
        if (work->phase == SAL_PHASE_UNDOING)
                status = put_json_take(job->store, "interrupted.json", json_pack("{s:s}", "offer_id", work->offer_id),
                                       reterr);
        if (!status)
                status = put_back(job, work, reterr);
        if (!status && work->phase == SAL_PHASE_IDLE)
                return forget(job, reterr);
        *ret = SAL_OUTCOME_FAILED;
        return status;
}

enum sal_status sal_job_resume(const struct sal_job *job, enum sal_outcome *ret, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        *ret = SAL_OUTCOME_NONE;
        enum sal_status status = sal_store_get(job->store, "work.json", SAL_WORK_JSON_MAX_BYTES, &bytes, &len, reterr);
        if (status == SAL_E_NOT_FOUND) {
                sal_store_clear(job->store, "work");
                return SAL_OK;
        }
        sal_auto(sal_work) struct sal_work *work = NULL;
        if (!status)
                status = sal_work_parse(bytes, len, &work, reterr);
        if (status == SAL_E_CORRUPT || status == SAL_E_TOO_LARGE) {
                /* The disk damaged it, for it is written whole. A rescue goes on; the pieces are for a person. */
                sal_log(SAL_LOG_ERROR, "recover.state_damaged", SAL_F_STR("detail", reterr ? reterr->detail : ""));
                status = sal_store_rename(job->store, "work.json", "work/work.json", reterr);
                return status ? status : sal_store_keep_backups(job->store, "damaged", reterr);
        }
        if (status)
                return status;
        if (strcmp(work->root, job->tree->dir) != 0) {
                sal_fail(reterr, SAL_E_CONFLICT, "the state directory holds unfinished work on %.200s", work->root);
                sal_err_hint(reterr, "run again with --root %.150s, or with another --state", work->root);
                return SAL_E_CONFLICT;
        }
        char name[SAL_STORE_NAME_BYTES];
        snprintf(name, sizeof name, "reports/%s.json", work->offer_id);
        if (sal_store_has(job->store, name))
                return forget(job, reterr);
        return resume_work(job, work, ret, reterr);
}
