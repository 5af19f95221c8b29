/* SPDX-License-Identifier: Apache-2.0 */
/* One campaign: from its listing to its outcome. */
#include "salvor-recover/rescue_internal.h"

#include "base/log.h"
#include "salvor-recover/floor.h"
#include "salvor-recover/judge.h"

#include <stdarg.h>
#include <string.h>

void sal_rescue_say(struct sal_rescue *rescue, const char *outcome, enum sal_exit code, const char *format, ...) {
        va_list args;
        rescue->result.exit = code;
        snprintf(rescue->result.outcome, sizeof rescue->result.outcome, "%s", outcome);
        va_start(args, format);
        vsnprintf(rescue->result.detail, sizeof rescue->result.detail, format, args);
        va_end(args);
}

static const enum sal_exit outcome_exits[] = {
        [SAL_OUTCOME_NONE] = SAL_EXIT_DONE,           [SAL_OUTCOME_APPLIED] = SAL_EXIT_DONE,
        [SAL_OUTCOME_NOT_APPLICABLE] = SAL_EXIT_DONE, [SAL_OUTCOME_FAILED] = SAL_EXIT_FAILED,
        [SAL_OUTCOME_REFUSED] = SAL_EXIT_DENIED,
};

void sal_rescue_settled(struct sal_rescue *rescue, const struct sal_job_offer *offer, enum sal_outcome outcome,
                        const char *why) {
        /* What a bundle brought has no offer; its id is a name for the state directory. */
        snprintf(rescue->result.offer_id, sizeof rescue->result.offer_id, "%s",
                 offer->target_sha256 ? "" : offer->offer_id);
        snprintf(rescue->result.campaign, sizeof rescue->result.campaign, "%s", offer->campaign);
        rescue->result.version = offer->version;
        sal_rescue_say(rescue, sal_outcome_name(outcome), outcome_exits[outcome], "%s", why);
        sal_log(SAL_LOG_NOTICE, "recover.outcome", SAL_F_STR("outcome", sal_outcome_name(outcome)),
                SAL_F_STR("campaign", offer->campaign), SAL_F_INT("version", offer->version),
                SAL_F_STR("offer", offer->offer_id), SAL_F_STR("detail", why));
}

enum sal_round sal_rescue_not_now(struct sal_rescue *rescue, const char *what, const struct sal_err *cause) {
        sal_log(SAL_LOG_WARNING, "recover.not_now", SAL_F_STR("what", what), SAL_F_STR("detail", cause->detail));
        enum sal_exit code = sal_status_info(cause->status)->exit;
        if (cause->status == SAL_E_NOT_FOUND || cause->status == SAL_E_TIMEOUT || cause->status == SAL_E_OVERLOADED)
                code = SAL_EXIT_UNREACHABLE;
        sal_rescue_say(rescue, "not_now", code, "%s: %s", what, cause->detail);
        return cause->status == SAL_E_TIMEOUT ? SAL_ROUND_UNABLE : SAL_ROUND_RETRY;
}

enum sal_round sal_rescue_unable(struct sal_rescue *rescue, const struct sal_unable *unable,
                                 const struct sal_err *cause) {
        const char *slug = sal_update_reason_text(unable->reason);
        sal_log(SAL_LOG_WARNING, "recover.unable_to_update", SAL_F_STR("file", unable->file), SAL_F_STR("reason", slug),
                SAL_F_STR("detail", cause->detail), SAL_F_STR("pointer", cause->pointer));
        bool absent = unable->reason == SAL_UPDATE_UNAVAILABLE;
        enum sal_exit code = absent                                  ? SAL_EXIT_UNREACHABLE
                             : unable->reason == SAL_UPDATE_INTERNAL ? SAL_EXIT_FAILED
                                                                     : SAL_EXIT_DENIED;
        if (!*rescue->result.campaign) /* an earlier outcome of this run stands */
                sal_rescue_say(rescue, "unable_to_update", code, "%s: %s: %s", unable->file, slug, cause->detail);
        return absent && !unable->slow ? SAL_ROUND_RETRY : SAL_ROUND_UNABLE;
}

/* Whoever started this program is the only one left to be told. */
static void say_report_lost(struct sal_rescue *rescue, const struct sal_err *cause) {
        char why[sizeof rescue->result.detail];
        snprintf(why, sizeof why, "%s", rescue->result.detail);
        sal_log(SAL_LOG_ERROR, "recover.report_not_stored", SAL_F_STR("detail", cause->detail));
        rescue->result.exit = SAL_EXIT_FAILED;
        snprintf(rescue->result.detail, sizeof rescue->result.detail, "%.200s; %.300s", why, cause->detail);
}

static enum sal_round refuse(struct sal_rescue *rescue, const struct sal_job_offer *offer,
                             const struct sal_err *cause) {
        struct sal_err trouble = {0};
        char why[256];
        snprintf(why, sizeof why, "%.180s%s%.60s", cause->detail, *cause->pointer ? " at " : "", cause->pointer);
        bool lost = sal_job_refuse(&rescue->job, offer, why, &trouble) != SAL_OK;
        sal_rescue_settled(rescue, offer, SAL_OUTCOME_REFUSED, why);
        if (lost)
                say_report_lost(rescue, &trouble);
        return SAL_ROUND_SETTLED;
}

enum sal_round sal_rescue_carry_out(struct sal_rescue *rescue, const struct sal_job_offer *offer,
                                    const struct sal_campaign *campaign) {
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        struct sal_err cause = {0};
        char why[256];
        if (sal_floor_raise(rescue->store, rescue->now_ms, sal_metadata_timestamp_expires_ms(rescue->metadata), &cause))
                sal_log(SAL_LOG_WARNING, "recover.time_not_kept", SAL_F_STR("detail", cause.detail));
        enum sal_status status = sal_job_run(&rescue->job, offer, campaign, &outcome, why, &cause);
        if (status && outcome == SAL_OUTCOME_NONE)
                return sal_rescue_not_now(rescue, "the campaign cannot be carried out", &cause);
        sal_rescue_settled(rescue, offer, outcome, why);
        if (status)
                say_report_lost(rescue, &cause);
        return SAL_ROUND_SETTLED;
}

/* What verified metadata says of the offer's target. What it does not list is not in force, whoever offers it. */
static enum sal_status find_listed(const struct sal_rescue *rescue, const struct sal_answer *answer,
                                   const struct sal_tuf_target **ret, struct sal_unable *ret_unable,
                                   struct sal_err *reterr) {
        *ret = sal_tuf_campaigns_find(sal_metadata_campaigns(rescue->metadata), answer->target);
        if (!*ret)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "the verified list of campaigns does not name %s",
                                answer->target);
        if ((*ret)->length == answer->length && strcmp((*ret)->sha256, answer->sha256) == 0)
                return SAL_OK;
        *ret_unable = (struct sal_unable){.reason = SAL_UPDATE_MISMATCH};
        snprintf(ret_unable->file, sizeof ret_unable->file, "%s", answer->target);
        return sal_fail(reterr, SAL_E_UNTRUSTED, "the verified list names other bytes than the offer");
}

enum sal_round sal_rescue_take_offer(struct sal_rescue *rescue, const struct sal_answer *answer,
                                     const struct sal_source *source) {
        const struct sal_job_offer offer = {
                .offer_id = answer->offer_id, .campaign = answer->campaign, .version = answer->version};
        enum sal_outcome before = sal_courier_settled(&rescue->courier, answer->offer_id);
        if (before != SAL_OUTCOME_NONE) {
                sal_rescue_settled(rescue, &offer, before, "this offer was settled before; its report is sent again");
                return SAL_ROUND_SETTLED;
        }
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        const struct sal_tuf_target *listed = NULL;
        struct sal_judge judge = {.trust_domain = sal_metadata_trust_domain(rescue->metadata),
                                  .reason = rescue->options->reason,
                                  .facts = rescue->facts,
                                  .now_ms = rescue->now_ms};
        struct sal_unable unable = {0};
        struct sal_err cause = {0};
        enum sal_status status = find_listed(rescue, answer, &listed, &unable, &cause);
        if (status)
                rescue->checked_ms = -1; /* the list may have changed meanwhile: it is asked for anew */
        if (status == SAL_E_NOT_FOUND)
                return sal_rescue_not_now(rescue, "the offered campaign is not in force", &cause);
        if (!status)
                status = sal_metadata_policy(rescue->metadata, source, &judge.policy, &unable, &cause);
        if (!status)
                status = sal_source_take(source, listed, &bytes, &unable, &cause);
        if (status)
                return sal_rescue_unable(rescue, &unable, &cause);
        switch (sal_judge_campaign(&judge, listed->path, bytes.data ? bytes.data : "", bytes.len, &campaign, &cause)) {
        case SAL_VERDICT_YES:
                return sal_rescue_carry_out(rescue, &offer, campaign);
        case SAL_VERDICT_UNKNOWN:
                return sal_rescue_not_now(rescue, "the campaign cannot be judged", &cause);
        default:
                return refuse(rescue, &offer, &cause);
        }
}
