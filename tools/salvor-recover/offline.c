/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle in the place of the server. */
#include "salvor-recover/rescue_internal.h"

#include "base/log.h"
#include "salvor-recover/done.h"
#include "salvor-recover/judge.h"

#include <string.h>

/* A campaign of the bundle that may be carried out here. */
struct candidate {
        const struct sal_tuf_target *target;
        struct sal_campaign *campaign;
};

/* What the bundle's campaigns came to. */
struct choice {
        struct candidate candidates[SAL_TUF_MAX_CAMPAIGNS];
        size_t count;
        size_t absent, done, elsewhere, unfit, nothing_to_undo;
        struct sal_err first_unfit;
};

static void choice_done(struct choice *choice) {
        for (size_t i = 0; i < choice->count; i++)
                sal_campaign_unref(choice->candidates[i].campaign);
}

/* The highest priority first, then by name. */
static int compare(const void *a, const void *b) {
        const struct candidate *left = a, *right = b;
        if (left->campaign->priority != right->campaign->priority)
                return left->campaign->priority > right->campaign->priority ? -1 : 1;
        return strcmp(left->target->path, right->target->path);
}

static void set_aside(struct choice *choice, const struct sal_tuf_target *target, const struct sal_err *cause) {
        sal_log(SAL_LOG_WARNING, "recover.bundle_refused", SAL_F_STR("target", target->path),
                SAL_F_STR("detail", cause->detail));
        if (choice->unfit++ == 0)
                choice->first_unfit = *cause;
}

/* What undoes a campaign is for the machines that it was applied to, as the server would offer it to no other. */
static bool has_nothing_to_undo(const struct sal_rescue *rescue, const struct sal_tuf_target *target,
                                const struct sal_campaign *campaign) {
        if (!campaign->undoes || sal_done_has_any(rescue->store, campaign->undoes))
                return false;
        sal_log(SAL_LOG_NOTICE, "recover.bundle_nothing_to_undo", SAL_F_STR("target", target->path),
                SAL_F_STR("undoes", campaign->undoes),
                SAL_F_STR("detail", "the campaign that it undoes was not applied here"));
        return true;
}

/* Judges one listed campaign. Errors: SAL_E_NOMEM. */
static enum sal_status consider(struct sal_rescue *rescue, const struct sal_source *source,
                                const struct sal_judge *judge, const struct sal_tuf_target *target,
                                struct choice *choice, struct sal_err *reterr) {
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        struct sal_campaign *campaign = NULL;
        struct sal_unable unable = {0};
        struct sal_err cause = {0};
        enum sal_status status = sal_source_take(source, target, &bytes, &unable, &cause);
        if (status == SAL_E_NOT_FOUND)
                choice->absent++;
        else if (status && status != SAL_E_NOMEM)
                set_aside(choice, target, &cause);
        if (status)
                return status == SAL_E_NOMEM ? sal_fail(reterr, status, "%s", cause.detail) : SAL_OK;
        switch (sal_judge_campaign(judge, target->path, bytes.data ? bytes.data : "", bytes.len, &campaign, &cause)) {
        case SAL_VERDICT_YES:
                break;
        case SAL_VERDICT_UNFIT:
                set_aside(choice, target, &cause);
                return SAL_OK;
        case SAL_VERDICT_ELSEWHERE:
                choice->elsewhere++;
                sal_log(SAL_LOG_INFO, "recover.bundle_elsewhere", SAL_F_STR("target", target->path),
                        SAL_F_STR("detail", cause.detail));
                return SAL_OK;
        default:
                return sal_fail(reterr, SAL_E_NOMEM, "%s", cause.detail);
        }
        bool done = sal_done_has(rescue->store, campaign->id, campaign->version);
        if (done || has_nothing_to_undo(rescue, target, campaign)) {
                choice->done += done;
                choice->nothing_to_undo += !done;
                sal_campaign_unref(campaign);
                return SAL_OK;
        }
        choice->candidates[choice->count++] = (struct candidate){.target = target, .campaign = campaign};
        return SAL_OK;
}

static void say_nothing_to_do(struct sal_rescue *rescue, const struct choice *choice) {
        if (choice->unfit && !choice->done)
                sal_rescue_say(rescue, "refused", SAL_EXIT_DENIED, "%s", choice->first_unfit.detail);
        else if (choice->done)
                sal_rescue_say(rescue, "none", SAL_EXIT_DONE,
                               "what the bundle holds for this machine was applied already");
        else if (choice->elsewhere)
                sal_rescue_say(rescue, "none", SAL_EXIT_DONE, "no campaign of the bundle is meant for this machine");
        else if (choice->nothing_to_undo)
                sal_rescue_say(rescue, "none", SAL_EXIT_DONE,
                               "what the bundle holds for this machine undoes what was not applied here");
        else if (choice->absent)
                sal_rescue_say(rescue, "unable_to_update", SAL_EXIT_UNREACHABLE,
                               "the bundle holds none of the %zu campaigns that it lists", choice->absent);
        else
                sal_rescue_say(rescue, "none", SAL_EXIT_DONE, "no campaign is in force");
}

/* The outcome is reported without an offer. Each try has a name of its own: it may be repeated. */
static enum sal_round carry_out(struct sal_rescue *rescue, const struct candidate *candidate) {
        char id[SAL_OFFER_ID_BYTES], hex[33];
        uint8_t random[16];
        sal_random(random, sizeof random);
        sal_hex_encode(random, sizeof random, hex);
        snprintf(id, sizeof id, "bundle-%s", hex);
        const struct sal_job_offer offer = {.offer_id = id,
                                            .campaign = candidate->campaign->id,
                                            .version = candidate->campaign->version,
                                            .target_sha256 = candidate->target->sha256};
        return sal_rescue_carry_out(rescue, &offer, candidate->campaign);
}

/* It failed here, or was refused, in this boot already, or in as many as its plan allows attempts: then it is not tried
 * (again), and the next one gets its turn. */
static bool is_passed_over(struct sal_rescue *rescue, const struct candidate *candidate) {
        const struct sal_campaign *campaign = candidate->campaign;
        struct sal_done_tries tries;
        sal_done_tries(rescue->store, campaign->id, campaign->version, rescue->options->boot_id, &tries);
        bool exhausted = tries.boots >= campaign->plan.max_attempts;
        if (!exhausted && !tries.in_this_boot)
                return false;
        snprintf(rescue->result.campaign, sizeof rescue->result.campaign, "%s", campaign->id);
        rescue->result.version = campaign->version;
        sal_rescue_say(rescue, "failed", SAL_EXIT_FAILED,
                       "it failed or was refused here before, attempt %lld of %lld%s", (long long)tries.boots,
                       (long long)campaign->plan.max_attempts, exhausted ? "" : "; it is tried again in another boot");
        sal_log(SAL_LOG_NOTICE, "recover.bundle_passed_over", SAL_F_STR("target", candidate->target->path),
                SAL_F_STR("detail", rescue->result.detail));
        return true;
}

static bool came_to(const struct sal_rescue *rescue, const char *outcome) {
        return strcmp(rescue->result.outcome, outcome) == 0;
}

/* By rank, until one is applied. One that failed was put back, one that was refused or cannot be had has touched
 * nothing, one that needs nothing here does nothing: each leaves the next one its turn. When none is applied, the run
 * came to what the first did that should have been. */
static void carry_out_by_rank(struct sal_rescue *rescue, struct choice *choice) {
        struct sal_rescue_result first = {0};
        bool begun = false;
        qsort(choice->candidates, choice->count, sizeof *choice->candidates, compare);
        for (size_t i = 0; i < choice->count; i++) {
                rescue->result = (struct sal_rescue_result){0};
                if (!is_passed_over(rescue, &choice->candidates[i])) {
                        begun = true;
                        carry_out(rescue, &choice->candidates[i]);
                }
                if (came_to(rescue, "applied"))
                        return;
                if (!*first.outcome && !came_to(rescue, "not_applicable"))
                        first = rescue->result;
                if (sal_job_is_open(&rescue->job)) /* not put back yet: nothing new is begun */
                        break;
        }
        if (*first.outcome)
                rescue->result = first;
        if (begun || !choice->done)
                return;
        rescue->result = (struct sal_rescue_result){0};
        say_nothing_to_do(rescue, choice);
}

static void say_unable(struct sal_rescue *rescue, const struct sal_unable *unable, struct sal_err *cause) {
        if (unable->reason == SAL_UPDATE_EXPIRED) {
                char why[SAL_ERR_DETAIL_BYTES];
                memcpy(why, cause->detail, sizeof why);
                snprintf(cause->detail, sizeof cause->detail,
                         "the bundle is out of date: %.300s; make a new one with `salvorctl bundle`", why);
        }
        sal_rescue_unable(rescue, unable, cause);
}

void sal_rescue_offline(struct sal_rescue *rescue) {
        __attribute__((cleanup(choice_done))) struct choice choice = {0};
        struct sal_judge judge = {.trust_domain = sal_metadata_trust_domain(rescue->metadata),
                                  .reason = rescue->options->reason,
                                  .facts = rescue->facts};
        struct sal_source source;
        struct sal_unable unable = {0};
        struct sal_err cause = {0};
        sal_bundle_source(rescue->bundle, &source);
        enum sal_status status = sal_metadata_update(rescue->metadata, &source, rescue->now_ms, &unable, &cause);
        if (unable.time_fell)
                rescue->now_ms = sal_rescue_time_ms(rescue, -1);
        if (status && unable.time_fell)
                status = sal_metadata_update(rescue->metadata, &source, rescue->now_ms, &unable, &cause);
        if (!status)
                status = sal_metadata_policy(rescue->metadata, &source, &judge.policy, &unable, &cause);
        if (status) {
                say_unable(rescue, &unable, &cause);
                return;
        }
        judge.now_ms = rescue->now_ms;
        const struct sal_tuf_campaigns *listed = sal_metadata_campaigns(rescue->metadata);
        for (size_t i = 0; !status && i < listed->count; i++)
                status = consider(rescue, &source, &judge, &listed->targets[i], &choice, &cause);
        if (status)
                sal_rescue_not_now(rescue, "the bundle cannot be judged", &cause);
        else if (choice.count)
                carry_out_by_rank(rescue, &choice);
        else
                say_nothing_to_do(rescue, &choice);
}
