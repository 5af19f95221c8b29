/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/rescue.h"

#include "base/clock.h"
#include "base/log.h"
#include "salvor-recover/artifact.h"
#include "salvor-recover/courier.h"
#include "salvor-recover/floor.h"
#include "salvor-recover/job.h"
#include "salvor-recover/judge.h"
#include "salvor-recover/net.h"
#include "salvor-recover/selffacts.h"
#include "salvor-recover/wire.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

/* One run. */
struct rescue {
        const struct sal_rescue_options *options;
        struct sal_store *store;
        struct sal_tree *tree;
        struct sal_net *net;
        struct sal_trust trust;
        struct sal_facts *facts;
        struct sal_job job;
        struct sal_courier courier;
        struct sal_rescue_result result;
        int64_t now_ms;                      /* the client's time, as of the last answer */
        int64_t started_ms, give_up_seconds; /* monotonic; */
        int64_t pause_seconds, back_off_seconds;
        int tries;
};

/* What one round of the loop came to. */
enum round { ROUND_SETTLED, ROUND_IDLE, ROUND_RETRY, ROUND_UNREACHABLE, ROUND_DENIED };

static void rescue_done(struct rescue *rescue) {
        sal_net_free(rescue->net);
        sal_facts_free(rescue->facts);
        sal_trust_done(&rescue->trust);
        sal_tree_free(rescue->tree);
        sal_store_free(rescue->store);
}

__attribute__((format(printf, 4, 5))) static void set_result(struct rescue *rescue, const char *outcome,
                                                             enum sal_exit code, const char *format, ...) {
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

static void set_outcome(struct rescue *rescue, const struct sal_job_offer *offer, enum sal_outcome outcome,
                        const char *why) {
        snprintf(rescue->result.offer_id, sizeof rescue->result.offer_id, "%s", offer->offer_id);
        snprintf(rescue->result.campaign, sizeof rescue->result.campaign, "%s", offer->campaign);
        rescue->result.version = offer->version;
        set_result(rescue, sal_outcome_name(outcome), outcome_exits[outcome], "%s", why);
        sal_log(SAL_LOG_NOTICE, "recover.outcome", SAL_F_STR("outcome", sal_outcome_name(outcome)),
                SAL_F_STR("campaign", offer->campaign), SAL_F_INT("version", offer->version),
                SAL_F_STR("offer", offer->offer_id), SAL_F_STR("detail", why));
}

/* ---- what a job asks for ---- */

/* sal_job_fetch. */
static enum sal_status fetch_artifact(void *context, const struct sal_artifact_ref *artifact, struct sal_err *reterr) {
        struct rescue *rescue = context;
        return sal_artifact_fetch(rescue->store, rescue->net, artifact, reterr);
}

/* sal_job_send: the report by itself, now. */
static enum sal_status send_report(void *context, json_t *report, struct sal_err *reterr) {
        struct rescue *rescue = context;
        return sal_courier_send(&rescue->courier, report, reterr);
}

/* ---- an offer ---- */

/* The target's bytes: from the answer, else from the server's files. They are those that were offered, or there are
 * none. */
static enum sal_status get_target(struct rescue *rescue, const struct sal_answer *answer,
                                  const struct sal_judge_offer *offer, struct sal_reply *reply, const char **ret,
                                  size_t *ret_len, struct sal_err *reterr) {
        const char *text = sal_answer_file(answer, answer->target, ret_len);
        if (text && sal_judge_bytes(offer, text, *ret_len, NULL) == SAL_OK) {
                *ret = text;
                return SAL_OK;
        }
        if (answer->length > SAL_TARGET_MAX_BYTES)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "a target of %lld bytes was offered, %d are the most",
                                (long long)answer->length, SAL_TARGET_MAX_BYTES);
        char path[SAL_TARGET_PATH_BYTES + 128];
        snprintf(path, sizeof path, "/tuf/targets/campaigns/%s.%s", answer->sha256,
                 answer->target + strlen("campaigns/"));
        enum sal_status status = sal_net_exchange(rescue->net, path, NULL, 0, SAL_TARGET_MAX_BYTES, reply, reterr);
        if (!status)
                status = sal_judge_bytes(offer, reply->body.data ? reply->body.data : "", reply->body.len, reterr);
        if (status)
                return status;
        *ret = reply->body.data;
        *ret_len = reply->body.len;
        return SAL_OK;
}

/* What a failure to settle an offer means. Nothing was touched and nothing is reported: the next poll will tell. */
static enum round not_now(struct rescue *rescue, const char *what, const struct sal_err *cause) {
        sal_log(SAL_LOG_WARNING, "recover.not_now", SAL_F_STR("what", what), SAL_F_STR("detail", cause->detail));
        enum sal_exit code = sal_status_info(cause->status)->exit;
        if (cause->status == SAL_E_NOT_FOUND || cause->status == SAL_E_TIMEOUT || cause->status == SAL_E_OVERLOADED)
                code = SAL_EXIT_UNREACHABLE;
        set_result(rescue, "not_now", code, "%s: %s", what, cause->detail);
        return ROUND_RETRY;
}

/* Whoever started this program is the only one left to be told. */
static void say_report_lost(struct rescue *rescue, const struct sal_err *cause) {
        char why[sizeof rescue->result.detail];
        snprintf(why, sizeof why, "%s", rescue->result.detail);
        sal_log(SAL_LOG_ERROR, "recover.report_not_stored", SAL_F_STR("detail", cause->detail));
        rescue->result.exit = SAL_EXIT_FAILED;
        snprintf(rescue->result.detail, sizeof rescue->result.detail, "%.200s; %.300s", why, cause->detail);
}

static enum round refuse(struct rescue *rescue, const struct sal_job_offer *offer, const struct sal_err *cause) {
        struct sal_err trouble = {0};
        char why[256];
        snprintf(why, sizeof why, "%.180s%s%.60s", cause->detail, *cause->pointer ? " at " : "", cause->pointer);
        bool lost = sal_job_refuse(&rescue->job, offer, why, &trouble) != SAL_OK;
        set_outcome(rescue, offer, SAL_OUTCOME_REFUSED, why);
        if (lost)
                say_report_lost(rescue, &trouble);
        return ROUND_SETTLED;
}

static enum round carry_out(struct rescue *rescue, const struct sal_job_offer *offer,
                            const struct sal_campaign *campaign) {
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        struct sal_err cause = {0};
        char why[256];
        if (sal_floor_raise(rescue->store, rescue->now_ms, &cause))
                sal_log(SAL_LOG_WARNING, "recover.time_not_kept", SAL_F_STR("detail", cause.detail));
        enum sal_status status = sal_job_run(&rescue->job, offer, campaign, &outcome, why, &cause);
        if (status && outcome == SAL_OUTCOME_NONE)
                return not_now(rescue, "the campaign cannot be carried out", &cause);
        set_outcome(rescue, offer, outcome, why);
        if (status)
                say_report_lost(rescue, &cause);
        return ROUND_SETTLED;
}

static enum round take_offer(struct rescue *rescue, const struct sal_answer *answer) {
        struct sal_job_offer offer = {
                .offer_id = answer->offer_id, .campaign = answer->campaign, .version = answer->version};
        struct sal_judge_offer judged = {.campaign = answer->campaign,
                                         .version = answer->version,
                                         .target = answer->target,
                                         .sha256 = answer->sha256,
                                         .length = answer->length,
                                         .reason = rescue->options->reason,
                                         .facts = rescue->facts,
                                         .now_ms = rescue->now_ms};
        enum sal_outcome before = sal_courier_settled(&rescue->courier, answer->offer_id);
        if (before != SAL_OUTCOME_NONE) {
                set_outcome(rescue, &offer, before, "this offer was settled before; its report is sent again");
                return ROUND_SETTLED;
        }
        sal_autonetreply struct sal_reply reply = SAL_REPLY_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        struct sal_err cause = {0};
        const char *bytes = NULL;
        size_t len = 0;
        if (get_target(rescue, answer, &judged, &reply, &bytes, &len, &cause))
                return not_now(rescue, "the target cannot be had", &cause);
        enum sal_status status = sal_judge_campaign(&rescue->trust, &judged, bytes, len, &campaign, &cause);
        if (status == SAL_E_NOMEM)
                return not_now(rescue, "the campaign cannot be judged", &cause);
        return status ? refuse(rescue, &offer, &cause) : carry_out(rescue, &offer, campaign);
}

/* ---- a poll ---- */

/* The certificate's dates could not be checked before there was a time to check them against. */
static enum sal_status check_dates(const struct rescue *rescue, struct sal_err *reterr) {
        int64_t from = 0, until = 0;
        char now[SAL_TIME_BYTES];
        sal_time_format(rescue->now_ms, now);
        if (!sal_net_validity(rescue->net, &from, &until))
                return sal_fail(reterr, SAL_E_UNTRUSTED, "the server's certificate told no dates");
        if (rescue->now_ms < from || rescue->now_ms > until)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "the server's certificate is not valid at %s", now);
        return SAL_OK;
}

static enum round poll_failed(struct rescue *rescue, const struct sal_reply *reply, const struct sal_err *cause) {
        enum sal_status status = cause->status;
        sal_log(SAL_LOG_WARNING, "recover.poll_failed", SAL_F_STR("status", sal_status_info(status)->name),
                SAL_F_STR("detail", cause->detail));
        if (status == SAL_E_TOO_MANY || status == SAL_E_OVERLOADED || reply->http >= 500) {
                set_result(rescue, "unreachable", SAL_EXIT_UNREACHABLE, "%s", cause->detail);
                if (reply->retry_after_seconds > 0)
                        rescue->pause_seconds = reply->retry_after_seconds;
                return ROUND_RETRY;
        }
        if (status == SAL_E_UNREACHABLE || status == SAL_E_TIMEOUT) {
                set_result(rescue, "unreachable", SAL_EXIT_UNREACHABLE, "%s", cause->detail);
                return ROUND_UNREACHABLE;
        }
        enum sal_exit code = sal_status_info(status)->exit;
        set_result(rescue, code == SAL_EXIT_DENIED ? "denied" : "error", code, "%s", cause->detail);
        return ROUND_DENIED;
}

/* An answer that is none comes from somebody else: the sign-in page of a network, or a proxy's. The server is behind it
 * and may be there later. */
static enum sal_status read_answer(const struct sal_reply *reply, struct sal_answer *answer, struct sal_err *reterr) {
        struct sal_err cause = {0};
        enum sal_status status =
                sal_answer_parse(reply->body.data ? reply->body.data : "", reply->body.len, answer, &cause);
        if (status && status != SAL_E_NOMEM)
                return sal_fail(reterr, SAL_E_UNREACHABLE, "what came was no server's answer: %.300s%s%.100s",
                                cause.detail, *cause.pointer ? " at " : "", cause.pointer);
        return status ? sal_fail(reterr, status, "%s", cause.detail) : SAL_OK;
}

static enum round poll_once(struct rescue *rescue) {
        const struct sal_rescue_options *options = rescue->options;
        sal_autojson json_t *reports = sal_courier_collect(&rescue->courier);
        sal_autofree char *body =
                sal_poll_body(options->settings->machine_id, options->boot_id, options->reason, rescue->facts, reports);
        sal_autonetreply struct sal_reply reply = SAL_REPLY_INIT;
        sal_autoanswer struct sal_answer answer = {0};
        struct sal_err cause = {0};
        int64_t hold = options->once ? 0 : SAL_RESCUE_HOLD_SECONDS;
        enum sal_status status =
                body ? sal_net_exchange(rescue->net, "/v1/poll", body, hold, SAL_ANSWER_MAX_BYTES, &reply, &cause)
                     : sal_fail(&cause, SAL_E_NOMEM, "no memory for the poll");
        if (!status)
                status = read_answer(&reply, &answer, &cause);
        else if (status == SAL_E_TOO_LARGE)
                status = cause.status = SAL_E_UNREACHABLE; /* no answer is that long */
        if (!status) {
                int64_t own_ms = options->time_ms >= 0 ? options->time_ms : sal_clock_wall_ms();
                rescue->now_ms = sal_client_time_ms(sal_floor_ms(rescue->store), answer.server_time_ms, own_ms);
                status = check_dates(rescue, &cause);
        }
        if (status)
                return poll_failed(rescue, &reply, &cause);
        sal_courier_answered(&rescue->courier, &answer);
        rescue->pause_seconds = answer.poll_after_seconds;
        rescue->give_up_seconds = answer.give_up_after_seconds;
        sal_log(SAL_LOG_INFO, "recover.answer", SAL_F_INT("directive", answer.directive),
                SAL_F_STR("reason", answer.reason), SAL_F_STR("detail", answer.detail));
        if (answer.directive == SAL_DIRECTIVE_APPLY)
                return take_offer(rescue, &answer);
        if (!*rescue->result.offer_id)
                set_result(rescue, answer.directive == SAL_DIRECTIVE_WAIT ? "wait" : "none", SAL_EXIT_DONE, "%s: %s",
                           answer.reason, answer.detail);
        return ROUND_IDLE;
}

/* ---- the loop ---- */

static bool stopped(const struct rescue *rescue) {
        return rescue->options->stop && *rescue->options->stop;
}

/* Up to a quarter longer than asked, each time another quarter: machines that one answer put to sleep together do not
 * come back together. A signal ends the sleep early. */
static void sleep_seconds(int64_t seconds) {
        uint32_t random = 0;
        sal_random(&random, sizeof random);
        int64_t ms = seconds * 1000 + (int64_t)(random % (uint32_t)(seconds * 250 + 1));
        struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
        nanosleep(&pause, NULL);
}

/* Grows with each failure, and differs from machine to machine, so that a fleet does not come back all at once. */
static int64_t next_back_off(struct rescue *rescue) {
        uint32_t random = 0;
        sal_random(&random, sizeof random);
        int64_t pause = rescue->back_off_seconds / 2 + (int64_t)(random % (uint32_t)(rescue->back_off_seconds + 1));
        rescue->back_off_seconds *= 2;
        if (rescue->back_off_seconds > SAL_RESCUE_BACK_OFF_MAX_SECONDS)
                rescue->back_off_seconds = SAL_RESCUE_BACK_OFF_MAX_SECONDS;
        return pause;
}

/* With --once: does this round end the run? */
static bool once_is_over(struct rescue *rescue, enum round round) {
        if (round != ROUND_RETRY)
                return true;
        if (++rescue->tries >= SAL_RESCUE_ONCE_TRIES)
                return true;
        if (rescue->pause_seconds > SAL_RESCUE_ONCE_PAUSE_SECONDS)
                rescue->pause_seconds = SAL_RESCUE_ONCE_PAUSE_SECONDS;
        return false;
}

static void give_up(struct rescue *rescue) {
        if (*rescue->result.offer_id || strcmp(rescue->result.outcome, "none") == 0 ||
            rescue->result.exit == SAL_EXIT_UNREACHABLE || rescue->result.exit == SAL_EXIT_DENIED)
                return;
        rescue->result.exit = SAL_EXIT_TIMEOUT;
}

/* What an earlier work, or this run's, could not put back is tried again; an offer has to wait for it. */
static void finish_open_work(struct rescue *rescue) {
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        struct sal_err cause = {0};
        if (sal_job_is_open(&rescue->job) && sal_job_resume(&rescue->job, &outcome, &cause))
                sal_log(SAL_LOG_ERROR, "recover.work_stays_open", SAL_F_STR("detail", cause.detail));
}

static void run_loop(struct rescue *rescue) {
        for (bool first = true; !stopped(rescue); first = false) {
                if (!first)
                        finish_open_work(rescue);
                enum round round = poll_once(rescue);
                bool applied = round == ROUND_SETTLED && strcmp(rescue->result.outcome, "applied") == 0;
                if (round == ROUND_SETTLED)
                        sal_courier_send_all(&rescue->courier);
                if (applied || (rescue->options->once && once_is_over(rescue, round)))
                        return;
                if (round == ROUND_UNREACHABLE || round == ROUND_DENIED)
                        rescue->pause_seconds = next_back_off(rescue);
                else
                        rescue->back_off_seconds = SAL_RESCUE_BACK_OFF_SECONDS;
                int64_t spent_ms = sal_clock_mono_ms() - rescue->started_ms;
                if (spent_ms / 1000 + rescue->pause_seconds >= rescue->give_up_seconds) {
                        give_up(rescue);
                        return;
                }
                if (!stopped(rescue))
                        sleep_seconds(rescue->pause_seconds);
        }
        if (!*rescue->result.offer_id)
                set_result(rescue, "stopped", SAL_EXIT_TIMEOUT, "told to stop");
}

/* A server that has no time is as good as unreachable: asking again mends both. */
static enum sal_exit exit_of(enum sal_status status) {
        bool later = status == SAL_E_TIMEOUT || status == SAL_E_OVERLOADED || status == SAL_E_TOO_MANY ||
                     status == SAL_E_INTERNAL;
        return later ? SAL_EXIT_UNREACHABLE : sal_status_info(status)->exit;
}

static void run_healthy(struct rescue *rescue) {
        struct sal_err cause = {0};
        bool sent = false;
        sal_courier_send_all(&rescue->courier);
        enum sal_status status = sal_courier_send_healthy(&rescue->courier, rescue->options->boot_id, &sent, &cause);
        if (status)
                set_result(rescue, "healthy_not_sent", exit_of(status), "%s", cause.detail);
        else
                set_result(rescue, sent ? "healthy" : "none", SAL_EXIT_DONE, "%s",
                           sent ? "the server knows that this machine is back" : "no applied offer waits for it");
}

static enum sal_status set_up(struct rescue *rescue, struct sal_err *reterr) {
        const struct sal_rescue_options *options = rescue->options;
        const struct sal_settings *settings = options->settings;
        struct sal_net_options net = {.server = settings->server,
                                      .ca = settings->ca,
                                      .certificate = settings->client_certificate,
                                      .key = settings->client_key,
                                      .token = settings->token,
                                      .stop = options->stop};
        enum sal_status status = sal_trust_load(settings->root, settings->policy, &rescue->trust, reterr);
        if (status || (status = sal_net_new(&net, &rescue->net, reterr)) ||
            (status = sal_tree_open(options->root, &rescue->tree, reterr)) ||
            (status = sal_store_open(options->state, &rescue->store, reterr)) ||
            (status =
                     sal_self_facts(rescue->tree->layout, options->facts, options->fact_count, &rescue->facts, reterr)))
                return status;
        rescue->job = (struct sal_job){.tree = rescue->tree,
                                       .store = rescue->store,
                                       .machine_id = settings->machine_id,
                                       .boot_id = options->boot_id,
                                       .fetch = fetch_artifact,
                                       .fetch_context = rescue,
                                       .send = send_report,
                                       .send_context = rescue,
                                       .undo_pause_ms = SAL_RESCUE_UNDO_PAUSE_MS};
        rescue->courier =
                (struct sal_courier){.store = rescue->store, .net = rescue->net, .machine_id = settings->machine_id};
        rescue->started_ms = sal_clock_mono_ms();
        rescue->give_up_seconds = SAL_GIVE_UP_DEFAULT_SECONDS;
        rescue->pause_seconds = SAL_RESCUE_BACK_OFF_SECONDS;
        rescue->back_off_seconds = SAL_RESCUE_BACK_OFF_SECONDS;
        return SAL_OK;
}

enum sal_status sal_rescue_run(const struct sal_rescue_options *options, struct sal_rescue_result *ret,
                               struct sal_err *reterr) {
        struct rescue rescue = {.options = options};
        enum sal_outcome earlier = SAL_OUTCOME_NONE;
        enum sal_status status = set_up(&rescue, reterr);
        if (!status)
                status = sal_job_resume(&rescue.job, &earlier, reterr);
        if (!status) {
                if (options->healthy)
                        run_healthy(&rescue);
                else
                        run_loop(&rescue);
                *ret = rescue.result;
        }
        rescue_done(&rescue);
        return status;
}
