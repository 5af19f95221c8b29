/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/job.h"

#include "base/log.h"
#include "salvor-recover/act.h"
#include "salvor-recover/done.h"
#include "salvor-recover/filter.h"
#include "salvor-recover/survey.h"

#include <string.h>
#include <time.h>

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

static enum sal_status save(const struct sal_job *job, const struct sal_work *work, struct sal_err *reterr) {
        sal_autofree char *text = sal_work_dump(work);
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the work under way");
        return sal_store_put(job->store, "work.json", text, strlen(text), reterr);
}

/* Takes the event and puts the new phase on disk. */
static enum sal_status go(const struct sal_job *job, struct sal_work *work, enum sal_phase_event event,
                          struct sal_err *reterr) {
        if (!sal_phase_next(work->phase, event, &work->phase))
                return sal_fail(reterr, SAL_E_INTERNAL, "no way on from phase %s", sal_phase_name(work->phase));
        return save(job, work, reterr);
}

/* Ends the work: nothing of it is left but the report. */
static enum sal_status forget(const struct sal_job *job, struct sal_err *reterr) {
        enum sal_status status = sal_store_remove(job->store, "work.json", reterr);
        sal_store_clear(job->store, "work");
        sal_store_clear(job->store, "blobs");
        return status;
}

bool sal_job_is_open(const struct sal_job *job) {
        return sal_store_has(job->store, "work.json");
}

/* Is `value` what the stored document says of `key`? */
static bool says(const struct sal_job *job, const char *name, const char *key, const char *value) {
        sal_autofree char *bytes = NULL;
        sal_autojson json_t *document = NULL;
        size_t len = 0;
        if (sal_store_get(job->store, name, SAL_STORE_REPORT_MAX_BYTES, &bytes, &len, NULL) ||
            sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &document, NULL))
                return false;
        const char *known = json_string_value(json_object_get(document, key));
        return *value && known && strcmp(known, value) == 0;
}

/* The report of this work is on its way, or there. */
static bool is_reported(const struct sal_job *job, const struct sal_work *work) {
        char name[SAL_STORE_NAME_BYTES];
        snprintf(name, sizeof name, "reports/%s.json", work->offer_id);
        return work->reported || sal_store_has(job->store, name) || says(job, "sent.json", "offer_id", work->offer_id);
}

/* Before the report, as what was applied is: after a crash in between the same is noted again, for the same boot. */
static void note_tried(const struct sal_job *job, const struct sal_work *work) {
        struct sal_err cause = {0};
        if (sal_done_add_try(job->store, work->campaign, work->version, work->boot_id, &cause))
                sal_log(SAL_LOG_WARNING, "recover.state_not_kept", SAL_F_STR("detail", cause.detail));
}

/* Stores the report; where that cannot be done it is sent at once, for it must not be lost with this process. */
static enum sal_status report(const struct sal_job *job, struct sal_work *work, enum sal_outcome outcome,
                              struct sal_err *reterr) {
        char name[SAL_STORE_NAME_BYTES];
        struct sal_err cause = {0}, trouble = {0};
        sal_autojson json_t *document = sal_work_report(work, job->machine_id, sal_outcome_name(outcome));
        snprintf(name, sizeof name, "reports/%s.json", work->offer_id);
        if (outcome == SAL_OUTCOME_FAILED || outcome == SAL_OUTCOME_REFUSED)
                note_tried(job, work);
        enum sal_status status = put_json_take(job->store, name, json_incref(document), &cause);
        if (status && job->send && document) {
                status = job->send(job->send_context, document, &trouble);
                sal_log(status ? SAL_LOG_ERROR : SAL_LOG_NOTICE,
                        status ? "recover.report_lost" : "recover.report_sent_unstored",
                        SAL_F_STR("offer", work->offer_id), SAL_F_STR("not_stored", cause.detail),
                        SAL_F_STR("not_sent", trouble.detail));
        }
        if (status)
                return sal_fail(reterr, SAL_E_IO, "the report could be neither stored nor sent: %s%s%s", cause.detail,
                                *trouble.detail ? "; " : "", trouble.detail);
        work->reported = true;
        return SAL_OK;
}

/* What --healthy will need, and what a bundle asks about. */
static void note_applied(const struct sal_job *job, const struct sal_work *work) {
        struct sal_err cause = {0};
        if (put_json_take(job->store, "applied.json",
                          json_pack("{s:s,s:s,s:I,s:s}", "offer_id", work->offer_id, "campaign", work->campaign,
                                    "version", (json_int_t)work->version, "target_sha256", work->target_sha256),
                          &cause))
                sal_log(SAL_LOG_ERROR, "recover.healthy_will_not_be_sent", SAL_F_STR("detail", cause.detail));
        if (sal_done_add(job->store, work->campaign, work->version, &cause))
                sal_log(SAL_LOG_WARNING, "recover.state_not_kept", SAL_F_STR("detail", cause.detail));
}

/* Stores the report (and, when it was applied, what --healthy will need), then ends the work. Each file is written
 * whole, and the report last of what counts: an interruption before it stores the same again, one after it finds it.
 * What was put aside is removed last, when nothing can ask for it any more. */
static enum sal_status settle(const struct sal_job *job, struct sal_work *work, enum sal_outcome outcome,
                              struct sal_err *reterr) {
        struct sal_act act = {.tree = job->tree, .store = job->store, .work = work};
        struct sal_err cause = {0};
        enum sal_status status = SAL_OK;
        if (outcome == SAL_OUTCOME_APPLIED && !is_reported(job, work))
                note_applied(job, work);
        if (!is_reported(job, work))
                status = report(job, work, outcome, reterr);
        if (status)
                return status;
        if (outcome == SAL_OUTCOME_APPLIED && sal_act_finish(&act, &cause)) {
                sal_log(SAL_LOG_ERROR, "recover.put_aside_stays", SAL_F_STR("offer", work->offer_id),
                        SAL_F_STR("detail", cause.detail), SAL_F_STR("log", work->log.data ? work->log.data : ""));
                return save(job, work, reterr);
        }
        return forget(job, reterr);
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
        snprintf(work->target_sha256, sizeof work->target_sha256, "%s",
                 offer->target_sha256 ? offer->target_sha256 : "");
        return work->root ? SAL_STEAL(work) : NULL;
}

/* ---- running ---- */

static void pause_ms(int64_t ms) {
        struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
        if (ms > 0)
                nanosleep(&pause, NULL);
}

/* Tries a few times, for what kept a file from its place may pass. The actions tell of the last try. */
static enum sal_status revert(const struct sal_job *job, struct sal_work *work, struct sal_err *reterr) {
        struct sal_act act = {.tree = job->tree, .store = job->store, .work = work};
        struct sal_work_action actions[SAL_CAMPAIGN_MAX_ACTIONS];
        memcpy(actions, work->actions, sizeof actions);
        enum sal_status status = sal_act_revert(&act, reterr);
        for (int i = 1; status && i < SAL_JOB_UNDO_TRIES; i++) {
                pause_ms(job->undo_pause_ms);
                memcpy(work->actions, actions, sizeof actions);
                status = sal_act_revert(&act, reterr);
        }
        return status;
}

/* The plan and what was put aside stay, and every start begins here again. A tree that is not what it was is an
 * outcome, even of an interruption; it is reported once. */
static enum sal_status put_back_later(const struct sal_job *job, struct sal_work *work, const struct sal_err *cause,
                                      struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        struct sal_err trouble = {0};
        sal_log(SAL_LOG_ERROR, "recover.revert_incomplete", SAL_F_STR("offer", work->offer_id),
                SAL_F_STR("detail", cause->detail), SAL_F_STR("log", work->log.data ? work->log.data : ""));
        work->phase = SAL_PHASE_REVERTING;
        if (!is_reported(job, work)) {
                sal_work_log(work, "%s yet; this is tried again at every start", cause->detail);
                status = report(job, work, SAL_OUTCOME_FAILED, reterr);
        }
        /* Without this the older work.json stays, which begins with putting back as well. */
        if (save(job, work, &trouble))
                sal_log(SAL_LOG_ERROR, "recover.state_not_kept", SAL_F_STR("detail", trouble.detail));
        return status;
}

/* Puts everything back and settles the work as failed. Where something cannot be put back, the work stays open. */
static enum sal_status put_back(const struct sal_job *job, struct sal_work *work, struct sal_err *reterr) {
        struct sal_err cause = {0};
        if (revert(job, work, &cause))
                return put_back_later(job, work, &cause, reterr);
        sal_work_log(work, "everything was put back");
        if (is_reported(job, work)) {
                sal_log(SAL_LOG_NOTICE, "recover.revert_completed", SAL_F_STR("offer", work->offer_id));
                return forget(job, reterr);
        }
        /* Without this the older work.json stays, and everything is put back once more, which does no harm. */
        if (go(job, work, SAL_PHASE_EVENT_RESTORED, &cause))
                sal_log(SAL_LOG_WARNING, "recover.state_not_kept", SAL_F_STR("detail", cause.detail));
        if (work->phase == SAL_PHASE_IDLE)
                return SAL_OK;
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

/* There is one work at a time: an earlier one that is not at its end comes first. */
static enum sal_status finish_earlier(const struct sal_job *job, struct sal_err *reterr) {
        enum sal_outcome earlier = SAL_OUTCOME_NONE;
        if (!sal_job_is_open(job))
                return SAL_OK;
        enum sal_status status = sal_job_resume(job, &earlier, reterr);
        if (!status && sal_job_is_open(job)) {
                sal_fail(reterr, SAL_E_CONFLICT, "an earlier fix is not put back completely yet; nothing new is begun");
                sal_err_hint(reterr, "mend what the log names; to do without, remove work.json in %.200s",
                             job->store->path);
                return SAL_E_CONFLICT;
        }
        return status;
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
        enum sal_status status = finish_earlier(job, reterr);
        if (status)
                return status;
        status = sal_survey(job->tree, campaign, work, &cause);
        if (!status && sal_work_all_skipped(work))
                return settle_skipped(job, work, campaign, ret, ret_why, reterr);
        if (!status)
                status = fetch_artifacts(job, work, campaign, &cause);
        if (!status)
                status = sal_act_prepare(&act, campaign, &cause);
        if (!status)
                status = go(job, work, SAL_PHASE_EVENT_PLAN, &cause);
        if (status == SAL_E_REFUSED || status == SAL_E_IO)
                return refuse_work(job, work, cause.detail, ret, ret_why, reterr);
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
        return report(job, work, SAL_OUTCOME_REFUSED, reterr);
}

/* ---- after an interruption ---- */

static enum sal_status resume_work(const struct sal_job *job, struct sal_work *work, enum sal_outcome *ret,
                                   struct sal_err *reterr) {
        bool again = says(job, "interrupted.json", "offer_id", work->offer_id) ||
                     says(job, "interrupted.json", "target_sha256", work->target_sha256);
        enum sal_phase was = work->phase;
        struct sal_err cause = {0};
        enum sal_status status = go(job, work, again ? SAL_PHASE_EVENT_RESTART_AGAIN : SAL_PHASE_EVENT_RESTART, &cause);
        if (status == SAL_E_INTERNAL)
                return sal_fail(reterr, status, "%s", cause.detail);
        if (status) /* a full disk keeps nothing from being put back */
                sal_log(SAL_LOG_WARNING, "recover.state_not_kept", SAL_F_STR("detail", cause.detail));
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
        if (work->phase == SAL_PHASE_UNDOING &&
            put_json_take(job->store, "interrupted.json",
                          json_pack("{s:s,s:s}", "offer_id", work->offer_id, "target_sha256", work->target_sha256),
                          &cause))
                sal_log(SAL_LOG_WARNING, "recover.state_not_kept", SAL_F_STR("detail", cause.detail));
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
                return status ? status : sal_store_keep_work(job->store, "damaged", reterr);
        }
        if (status)
                return status;
        if (strcmp(work->root, job->tree->dir) != 0) {
                sal_fail(reterr, SAL_E_CONFLICT, "the state directory holds unfinished work on %.200s", work->root);
                sal_err_hint(reterr, "run again with --root %.150s, or with another --state", work->root);
                return SAL_E_CONFLICT;
        }
        return resume_work(job, work, ret, reterr);
}
