/* SPDX-License-Identifier: Apache-2.0 */
/* Polls, and the loop around them. */
#include "salvor-recover/rescue_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "salvor-recover/artifact.h"
#include "salvor-recover/floor.h"
#include "salvor-recover/online.h"
#include "salvor-recover/selffacts.h"

#include <string.h>
#include <time.h>

static void rescue_done(struct sal_rescue *rescue) {
        sal_net_free(rescue->net);
        sal_bundle_free(rescue->bundle);
        sal_facts_free(rescue->facts);
        sal_metadata_free(rescue->metadata);
        sal_tree_free(rescue->tree);
        sal_store_free(rescue->store);
}

/* ---- what a job asks for ---- */

/* sal_job_fetch. */
static enum sal_status fetch_artifact(void *context, const struct sal_artifact_ref *artifact, struct sal_err *reterr) {
        struct sal_rescue *rescue = context;
        if (rescue->bundle)
                return sal_bundle_artifact(rescue->bundle, rescue->store, artifact, reterr);
        int64_t left_ms = rescue->started_ms + rescue->give_up_seconds * 1000 - sal_clock_mono_ms();
        left_ms = rescue->options->once ? -1 : left_ms < 0 ? 0 : left_ms; /* with --once nothing is given up */
        return sal_artifact_fetch(rescue->store, rescue->net, artifact, left_ms, reterr);
}

/* sal_job_send: the report by itself, now. */
static enum sal_status send_report(void *context, json_t *report, struct sal_err *reterr) {
        struct sal_rescue *rescue = context;
        return sal_courier_send(&rescue->courier, report, reterr);
}

/* ---- a poll ---- */

/* The certificate's dates could not be checked before there was a time to check them against. */
static enum sal_status check_dates(const struct sal_rescue *rescue, struct sal_err *reterr) {
        int64_t from = 0, until = 0;
        char now[SAL_TIME_BYTES];
        sal_time_format(rescue->now_ms, now);
        if (!sal_net_validity(rescue->net, &from, &until))
                return sal_fail(reterr, SAL_E_UNTRUSTED, "the server's certificate told no dates");
        if (rescue->now_ms < from || rescue->now_ms > until)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "the server's certificate is not valid at %s", now);
        return SAL_OK;
}

static enum sal_round poll_failed(struct sal_rescue *rescue, const struct sal_reply *reply,
                                  const struct sal_err *cause) {
        enum sal_status status = cause->status;
        sal_log(SAL_LOG_WARNING, "recover.poll_failed", SAL_F_STR("status", sal_status_info(status)->name),
                SAL_F_STR("detail", cause->detail));
        if (status == SAL_E_TOO_MANY || status == SAL_E_OVERLOADED || reply->http >= 500) {
                sal_rescue_say(rescue, "unreachable", SAL_EXIT_UNREACHABLE, "%s", cause->detail);
                if (reply->retry_after_seconds > 0)
                        rescue->pause_seconds = reply->retry_after_seconds;
                return SAL_ROUND_RETRY;
        }
        if (status == SAL_E_UNREACHABLE || status == SAL_E_TIMEOUT) {
                sal_rescue_say(rescue, "unreachable", SAL_EXIT_UNREACHABLE, "%s", cause->detail);
                return SAL_ROUND_UNREACHABLE;
        }
        /* Of a server's refusals two are about this machine; with every other it cannot be used, whatever a problem
         * document calls itself. */
        enum sal_exit code = sal_status_info(status)->exit;
        if (reply->http >= 400)
                code = reply->http == 401 || reply->http == 403 ? SAL_EXIT_DENIED : SAL_EXIT_UNREACHABLE;
        sal_rescue_say(rescue, code == SAL_EXIT_DENIED ? "denied" : "error", code, "%s", cause->detail);
        return SAL_ROUND_DENIED;
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

static int64_t own_time_ms(const struct sal_rescue *rescue) {
        return rescue->options->time_ms >= 0 ? rescue->options->time_ms : sal_clock_wall_ms();
}

int64_t sal_rescue_time_ms(const struct sal_rescue *rescue, int64_t server_ms) {
        return sal_client_time_ms(sal_floor_ms(rescue->store), server_ms, own_time_ms(rescue));
}

static enum sal_status update_once(struct sal_rescue *rescue, const struct sal_online *online,
                                   const struct sal_source *source, struct sal_unable *ret_unable,
                                   struct sal_err *reterr) {
        bool asked = !online->timestamp; /* else what is held was taken for the newest */
        enum sal_status status = sal_metadata_update(rescue->metadata, source, rescue->now_ms, ret_unable, reterr);
        if (status || asked)
                rescue->checked_ms = status ? -1 : sal_clock_mono_ms();
        return status;
}

/* Brings what is trusted up to date. With news of rotated online keys the time that they vouched for has fallen, and
 * what seemed expired may not be. */
static enum sal_status update(struct sal_rescue *rescue, const struct sal_answer *answer, struct sal_online *online,
                              struct sal_source *source, struct sal_unable *ret_unable, struct sal_err *reterr) {
        int64_t checked_ago_ms = sal_clock_mono_ms() - rescue->checked_ms;
        *online = (struct sal_online){.net = rescue->net, .answer = answer};
        if (rescue->checked_ms >= 0 && checked_ago_ms < SAL_RESCUE_RECHECK_SECONDS * INT64_C(1000) &&
            sal_answer_says_no_news(answer))
                online->timestamp = sal_metadata_held(rescue->metadata, SAL_TUF_FILE_TIMESTAMP, &online->timestamp_len);
        sal_online_begin(online, source);
        enum sal_status status = update_once(rescue, online, source, ret_unable, reterr);
        bool again = status && (online->inferred || ret_unable->time_fell);
        if (ret_unable->time_fell)
                rescue->now_ms = sal_rescue_time_ms(rescue, answer->server_time_ms);
        online->timestamp = NULL;
        online->ask = true;
        return again ? update_once(rescue, online, source, ret_unable, reterr) : status;
}

static enum sal_status exchange_poll(struct sal_rescue *rescue, struct sal_reply *reply, struct sal_answer *answer,
                                     struct sal_err *reterr) {
        const struct sal_rescue_options *options = rescue->options;
        sal_autojson json_t *reports = sal_courier_collect(&rescue->courier);
        sal_autojson json_t *have = sal_metadata_have(rescue->metadata);
        const struct sal_poll_says says = {.machine_id = options->settings->machine_id,
                                           .boot_id = options->boot_id,
                                           .reason = options->reason,
                                           .facts = rescue->facts,
                                           .have = have,
                                           .reports = reports,
                                           .reports_healthy = options->settings->reports_healthy};
        sal_autofree char *body = have ? sal_poll_body(&says) : NULL;
        int64_t hold = options->once ? 0 : SAL_RESCUE_HOLD_SECONDS;
        if (!body)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the poll");
        enum sal_status status =
                sal_net_exchange(rescue->net, "/v1/poll", body, hold, SAL_ANSWER_MAX_BYTES, reply, reterr);
        if (!status)
                return read_answer(reply, answer, reterr);
        if (status == SAL_E_TOO_LARGE) /* no answer is that long */
                status = reterr->status = SAL_E_UNREACHABLE;
        return status;
}

/* A server whose time lies in the past makes what has expired look good; only a person can tell which clock is wrong.
 * Said once in a run. */
static void compare_clocks(struct sal_rescue *rescue, int64_t server_ms) {
        char own[SAL_TIME_BYTES], server[SAL_TIME_BYTES];
        int64_t own_ms = own_time_ms(rescue);
        if (server_ms < 0 || own_ms - server_ms <= SAL_RESCUE_CLOCK_AHEAD_MS || rescue->clocks_compared)
                return;
        rescue->clocks_compared = true;
        sal_time_format(own_ms, own);
        sal_time_format(server_ms, server);
        sal_log(SAL_LOG_WARNING, "recover.clock_ahead", SAL_F_STR("own", own), SAL_F_STR("server", server),
                SAL_F_STR("detail",
                          "this machine's clock is more than a day later than the server's time, which counts"));
}

static enum sal_round poll_once(struct sal_rescue *rescue) {
        sal_autonetreply struct sal_reply reply = SAL_REPLY_INIT;
        sal_autoanswer struct sal_answer answer = {0};
        struct sal_online online;
        struct sal_source source;
        struct sal_unable unable = {0};
        struct sal_err cause = {0}, why = {0};
        enum sal_status status = exchange_poll(rescue, &reply, &answer, &cause);
        if (status)
                return poll_failed(rescue, &reply, &cause);
        compare_clocks(rescue, answer.server_time_ms);
        rescue->now_ms = sal_rescue_time_ms(rescue, answer.server_time_ms);
        /* Before the dates are looked at: metadata stands by itself, and may tell that the time kept was a thief's. */
        enum sal_status updated = update(rescue, &answer, &online, &source, &unable, &why);
        if (check_dates(rescue, &cause))
                return poll_failed(rescue, &reply, &cause);
        sal_courier_answered(&rescue->courier, &answer);
        rescue->pause_seconds = answer.poll_after_seconds;
        rescue->give_up_seconds = answer.give_up_after_seconds;
        sal_log(SAL_LOG_INFO, "recover.answer", SAL_F_STR("directive", sal_directive_name(answer.directive)),
                SAL_F_STR("reason", answer.reason), SAL_F_STR("detail", answer.detail));
        if (updated)
                return sal_rescue_unable(rescue, &unable, &why);
        if (answer.directive == SAL_DIRECTIVE_APPLY)
                return sal_rescue_take_offer(rescue, &answer, &source);
        if (!*rescue->result.campaign)
                sal_rescue_say(rescue, sal_directive_name(answer.directive), SAL_EXIT_DONE, "%s: %s", answer.reason,
                               answer.detail);
        return SAL_ROUND_IDLE;
}

/* ---- the loop ---- */

static bool stopped(const struct sal_rescue *rescue) {
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
static int64_t next_back_off(struct sal_rescue *rescue) {
        uint32_t random = 0;
        sal_random(&random, sizeof random);
        int64_t pause = rescue->back_off_seconds / 2 + (int64_t)(random % (uint32_t)(rescue->back_off_seconds + 1));
        rescue->back_off_seconds *= 2;
        if (rescue->back_off_seconds > SAL_RESCUE_BACK_OFF_MAX_SECONDS)
                rescue->back_off_seconds = SAL_RESCUE_BACK_OFF_MAX_SECONDS;
        return pause;
}

static void set_pause(struct sal_rescue *rescue, enum sal_round round) {
        if (round != SAL_ROUND_UNREACHABLE && round != SAL_ROUND_DENIED && round != SAL_ROUND_UNABLE) {
                rescue->back_off_seconds = SAL_RESCUE_BACK_OFF_SECONDS;
                return;
        }
        int64_t back_off = next_back_off(rescue);
        if (round != SAL_ROUND_UNABLE || back_off > rescue->pause_seconds)
                rescue->pause_seconds = back_off;
}

/* With --once: does this round end the run? */
static bool once_is_over(struct sal_rescue *rescue, enum sal_round round) {
        if (round != SAL_ROUND_RETRY)
                return true;
        if (++rescue->tries >= SAL_RESCUE_ONCE_TRIES)
                return true;
        if (rescue->pause_seconds > SAL_RESCUE_ONCE_PAUSE_SECONDS)
                rescue->pause_seconds = SAL_RESCUE_ONCE_PAUSE_SECONDS;
        return false;
}

static void give_up(struct sal_rescue *rescue) {
        if (*rescue->result.campaign || strcmp(rescue->result.outcome, "none") == 0 ||
            rescue->result.exit == SAL_EXIT_UNREACHABLE || rescue->result.exit == SAL_EXIT_DENIED)
                return;
        rescue->result.exit = SAL_EXIT_TIMEOUT;
}

/* What an earlier work, or this run's, could not put back is tried again; an offer has to wait for it. */
static void finish_open_work(struct sal_rescue *rescue) {
        enum sal_outcome outcome = SAL_OUTCOME_NONE;
        struct sal_err cause = {0};
        if (sal_job_is_open(&rescue->job) && sal_job_resume(&rescue->job, &outcome, &cause))
                sal_log(SAL_LOG_ERROR, "recover.work_stays_open", SAL_F_STR("detail", cause.detail));
}

static void run_loop(struct sal_rescue *rescue) {
        for (bool first = true; !stopped(rescue); first = false) {
                if (!first)
                        finish_open_work(rescue);
                enum sal_round round = poll_once(rescue);
                bool applied = round == SAL_ROUND_SETTLED && strcmp(rescue->result.outcome, "applied") == 0;
                if (round == SAL_ROUND_SETTLED)
                        sal_courier_send_all(&rescue->courier);
                if (applied || (rescue->options->once && once_is_over(rescue, round)))
                        return;
                set_pause(rescue, round);
                int64_t spent_ms = sal_clock_mono_ms() - rescue->started_ms;
                if (spent_ms / 1000 + rescue->pause_seconds >= rescue->give_up_seconds) {
                        give_up(rescue);
                        return;
                }
                if (!stopped(rescue))
                        sleep_seconds(rescue->pause_seconds);
        }
        if (!*rescue->result.campaign)
                sal_rescue_say(rescue, "stopped", SAL_EXIT_TIMEOUT, "told to stop");
}

/* A server that has no time is as good as unreachable: asking again mends both. One that knows no such report cannot be
 * used; the exit statuses of the same names mean something else here. */
static enum sal_exit exit_of(enum sal_status status) {
        bool later = status == SAL_E_TIMEOUT || status == SAL_E_OVERLOADED || status == SAL_E_TOO_MANY ||
                     status == SAL_E_INTERNAL || status == SAL_E_NOT_FOUND || status == SAL_E_CONFLICT ||
                     status == SAL_E_GONE;
        return later ? SAL_EXIT_UNREACHABLE : sal_status_info(status)->exit;
}

static void run_healthy(struct sal_rescue *rescue) {
        struct sal_err cause = {0};
        bool sent = false;
        sal_courier_send_all(&rescue->courier);
        enum sal_status status = sal_courier_send_healthy(&rescue->courier, rescue->options->boot_id, &sent, &cause);
        if (status)
                sal_rescue_say(rescue, "healthy_not_sent", exit_of(status), "%s", cause.detail);
        else
                sal_rescue_say(rescue, sent ? "healthy" : "none", SAL_EXIT_DONE, "%s",
                               sent ? "the server knows that this machine is back" : "no applied offer waits for it");
}

static enum sal_status set_up(struct sal_rescue *rescue, struct sal_err *reterr) {
        const struct sal_rescue_options *options = rescue->options;
        const struct sal_settings *settings = options->settings;
        struct sal_net_options net = {.server = settings->server,
                                      .ca = settings->ca,
                                      .certificate = settings->client_certificate,
                                      .key = settings->client_key,
                                      .token = settings->token,
                                      .stop = options->stop};
        enum sal_status status = options->bundle ? sal_bundle_open(options->bundle, &rescue->bundle, reterr)
                                                 : sal_net_new(&net, &rescue->net, reterr);
        if (status || (status = sal_tree_open(options->root, &rescue->tree, reterr)) ||
            (status = sal_store_open(options->state, &rescue->store, reterr)) ||
            (status = sal_metadata_open(rescue->store, settings->root, &rescue->metadata, reterr)) ||
            (status =
                     sal_self_facts(rescue->tree->layout, options->facts, options->fact_count, &rescue->facts, reterr)))
                return status;
        rescue->job = (struct sal_job){.tree = rescue->tree,
                                       .store = rescue->store,
                                       .machine_id = settings->machine_id,
                                       .boot_id = options->boot_id,
                                       .fetch = fetch_artifact,
                                       .fetch_context = rescue,
                                       .send = options->bundle ? NULL : send_report,
                                       .send_context = rescue,
                                       .undo_pause_ms = SAL_RESCUE_UNDO_PAUSE_MS};
        rescue->courier =
                (struct sal_courier){.store = rescue->store, .net = rescue->net, .machine_id = settings->machine_id};
        rescue->started_ms = sal_clock_mono_ms();
        rescue->checked_ms = -1;
        if (options->bundle)
                rescue->now_ms = sal_rescue_time_ms(rescue, -1);
        rescue->give_up_seconds = SAL_GIVE_UP_DEFAULT_SECONDS;
        rescue->pause_seconds = SAL_RESCUE_BACK_OFF_SECONDS;
        rescue->back_off_seconds = SAL_RESCUE_BACK_OFF_SECONDS;
        return SAL_OK;
}

enum sal_status sal_rescue_run(const struct sal_rescue_options *options, struct sal_rescue_result *ret,
                               struct sal_err *reterr) {
        struct sal_rescue rescue = {.options = options};
        enum sal_outcome earlier = SAL_OUTCOME_NONE;
        enum sal_status status = set_up(&rescue, reterr);
        if (!status)
                status = sal_job_resume(&rescue.job, &earlier, reterr);
        if (!status) {
                if (options->bundle)
                        sal_rescue_offline(&rescue);
                else if (options->healthy)
                        run_healthy(&rescue);
                else
                        run_loop(&rescue);
                *ret = rescue.result;
        }
        rescue_done(&rescue);
        return status;
}
