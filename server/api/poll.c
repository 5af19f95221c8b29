/* SPDX-License-Identifier: Apache-2.0 */
#include "api/poll.h"

#include "api/identity.h"
#include "api/poll_metadata.h"
#include "api/worker.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { WAIT_MAX_SECONDS = 300 };

/* A poll on its way; held while it waits. */
struct sal_held_poll {
        struct sal_call call; /* first */
        struct sal_poll poll;
        struct sal_poll_have have;
        int64_t wait_seconds; /* of Prefer: wait, 0: none */
        int64_t due_mono_ms;
        bool over; /* the time is up, or the server drains: answer with what holds */
        bool held; /* in the worker's list */
        struct sal_held_poll *prev, *next;
};

static struct sal_api_worker *worker_of(const struct sal_http_request *request) {
        return sal_http_worker_data(sal_http_request_worker(request));
}

static void release(struct sal_call *call) {
        struct sal_held_poll *held = (struct sal_held_poll *)call;
        sal_poll_done(&held->poll);
        free(held);
}

/* ---- encoding ---- */

/* Each names what it is about as its report did: an offer, or the campaign of an outcome without one. */
static json_t *report_json(const struct sal_report *report) {
        json_t *item = report->campaign[0] ? json_pack("{s:s, s:I}", "campaign", report->campaign, "version",
                                                       (json_int_t)report->version)
                                           : json_pack("{s:s}", "offer_id", report->offer_id);
        json_object_set_new(item, "accepted", json_boolean(report->accepted));
        json_object_set_new(item, "state", json_string(report->valid ? report->state : "invalid"));
        return item;
}

static json_t *reports_json(const struct sal_poll *poll) {
        json_t *reports = json_array();
        for (size_t i = 0; i < poll->report_count; i++)
                json_array_append_new(reports, report_json(&poll->reports[i]));
        return reports;
}

static json_t *offer_json(const struct sal_poll *poll) {
        char offer_id[24];
        const struct sal_launch *launch = poll->launch;
        sal_offer_id_format(poll->offer_row, offer_id);
        return json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:I}", "offer_id", offer_id, "campaign", launch->campaign->id,
                         "version", (json_int_t)launch->campaign->version, "target", launch->target, "sha256",
                         launch->sha256, "length", (json_int_t)launch->envelope_len, "attempt",
                         (json_int_t)poll->attempt);
}

static json_t *answer_json(const struct sal_held_poll *held) {
        const struct sal_poll *poll = &held->poll;
        const struct sal_service *service = held->call.api->service;
        char now[SAL_TIME_BYTES];
        sal_time_format(sal_clock_wall_ms(), now);
        json_t *answer =
                json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "directive", sal_directive_name(poll->answer.directive),
                          "reason", sal_reason_name(poll->answer.reason), "detail", poll->detail, "poll_after_seconds",
                          (json_int_t)sal_poll_after_seconds(service), "give_up_after_seconds",
                          (json_int_t)service->config.give_up_after_seconds, "server_time", now);
        if (answer && poll->report_count)
                json_object_set_new(answer, "reports", reports_json(poll));
        if (answer && poll->launch)
                json_object_set_new(answer, "offer", offer_json(poll));
        if (answer)
                sal_poll_bring_along(answer, &held->have, sal_api_view(worker_of(held->call.request)), poll->launch);
        return answer;
}

static void reply(struct sal_held_poll *held) {
        json_t *json = answer_json(held);
        char *text = json ? sal_json_dump(json) : NULL;
        json_decref(json);
        struct sal_http_reply http = {.status = 200, .content_type = "application/json"};
        if (!text) {
                sal_reply_error(held->call.request, &(struct sal_err){.status = SAL_E_NOMEM});
                return;
        }
        sal_http_reply_header(&http, "Cache-Control", "no-store");
        if (held->wait_seconds)
                sal_http_reply_header(&http, "Preference-Applied", "wait=%" PRId64, held->wait_seconds);
        http.body = sal_http_body_take(text, strlen(text));
        sal_http_reply(held->call.request, &http);
}

/* ---- holding ---- */

static void leave(struct sal_held_poll *held) {
        struct sal_api_worker *worker = worker_of(held->call.request);
        if (!held->held)
                return;
        if (held->prev)
                held->prev->next = held->next;
        else
                worker->held_first = held->next;
        if (held->next)
                held->next->prev = held->prev;
        else
                worker->held_last = held->prev;
        held->prev = held->next = NULL;
        held->held = false;
}

static void on_gone(struct sal_http_request *request, void *arg) {
        (void)request;
        struct sal_held_poll *held = arg;
        leave(held);
        release(&held->call);
}

static void consider(struct sal_held_poll *held);

static void on_due(struct sal_http_request *request, void *arg) {
        (void)request;
        struct sal_held_poll *held = arg;
        held->over = true;
        consider(held);
}

/* The answer would be wait or none: keep the request, if the client asked for that and time is left. */
static bool hold(struct sal_held_poll *held) {
        struct sal_api_worker *worker = worker_of(held->call.request);
        int64_t left_ms = held->due_mono_ms - sal_clock_mono_ms();
        if (!held->wait_seconds || held->over || left_ms <= 0 || atomic_load(&held->call.api->draining) ||
            held->poll.answer.directive == SAL_DIRECTIVE_APPLY || held->poll.stale)
                return false;
        if (held->held)
                return true;
        if (sal_http_hold(held->call.request, left_ms, on_due, on_gone, held))
                return false;
        held->prev = worker->held_last;
        if (worker->held_last)
                worker->held_last->next = held;
        else
                worker->held_first = held;
        worker->held_last = held;
        held->held = true;
        return true;
}

static bool finish(struct sal_call *call);

static enum sal_status run(struct sal_tx *tx, struct sal_call *call) {
        struct sal_held_poll *held = (struct sal_held_poll *)call;
        sal_launch_unref(held->poll.launch);
        held->poll.launch = NULL;
        return sal_poll_run(call->api->service, tx, &held->poll, &call->err);
}

static void ask_ledger(struct sal_held_poll *held) {
        leave(held);
        held->call.run = run;
        held->call.finish = finish;
        held->call.release = release;
        sal_call_submit(&held->call,
                        held->poll.report_count && !held->poll.reports_taken ? SAL_LANE_REPORT : SAL_LANE_POLL);
}

static void answer_or_hold(struct sal_held_poll *held) {
        if (hold(held))
                return;
        leave(held);
        reply(held);
        release(&held->call);
}

/* The ledger has answered. Its reports are taken; a held poll comes back without them. */
static bool finish(struct sal_call *call) {
        struct sal_held_poll *held = (struct sal_held_poll *)call;
        held->poll.reports_taken = true;
        if (hold(held))
                return false;
        reply(held);
        return true;
}

/* From the snapshot if it can, else from the ledger. */
static void consider(struct sal_held_poll *held) {
        struct sal_api_worker *worker = worker_of(held->call.request);
        int64_t now_ms = sal_clock_wall_ms();
        if (!sal_poll_fast(held->call.api->service, sal_api_snapshot(worker), &held->poll, now_ms)) {
                ask_ledger(held);
                return;
        }
        sal_api_touch(worker, &held->poll, now_ms);
        answer_or_hold(held);
}

void sal_api_held_review(struct sal_api_worker *worker, bool drain) {
        sal_api_snapshot(worker);
        bool news = worker->held_generation != worker->snapshot_generation;
        worker->held_generation = worker->snapshot_generation;
        for (struct sal_held_poll *held = worker->held_first, *next; held; held = next) {
                next = held->next;
                held->over |= drain;
                /* Slots alone concern only those who wait for one, and each claim serves one. */
                if (!news && !drain) {
                        if (held->poll.waits_for && sal_launch_claim(held->poll.waits_for))
                                ask_ledger(held);
                        continue;
                }
                consider(held);
        }
}

/* ---- decoding ---- */

/* Prefer: wait=N (RFC 7240). Other preferences are ignored. */
static int64_t preferred_wait(const struct sal_http_request *request) {
        const char *prefer = sal_http_header_get(request, "Prefer");
        int64_t seconds = 0;
        for (const char *p = prefer; p && *p;) {
                p += strspn(p, ", \t");
                if (strncasecmp(p, "wait=", 5) == 0) {
                        size_t digits = strspn(p + 5, "0123456789");
                        bool whole = digits > 0 && digits < 10 && strchr(", \t;", p[5 + digits]);
                        seconds = whole ? strtoll(p + 5, NULL, 10) : 0;
                        break;
                }
                p = strchr(p, ',');
        }
        return seconds < 0 ? 0 : seconds > WAIT_MAX_SECONDS ? WAIT_MAX_SECONDS : seconds;
}

static enum sal_status read_reports(const struct sal_json_at *at, const char *machine_id, struct sal_poll *poll,
                                    struct sal_err *reterr) {
        struct sal_json_at reports;
        enum sal_status status = sal_json_array(at, "reports", false, 0, SAL_POLL_REPORTS_MAX, &reports, reterr);
        for (size_t i = 0; !status && reports.value && i < json_array_size(reports.value); i++) {
                struct sal_json_at item = sal_json_element(&reports, i);
                sal_read_report(&item, machine_id, &poll->reports[i],
                                NULL); /* a bad item is answered, it never fails the poll */
                poll->report_count = i + 1;
        }
        return status;
}

static enum sal_status read_can(const struct sal_json_at *at, struct sal_poll *poll, struct sal_err *reterr) {
        enum { ABILITIES_MAX = 32 };
        struct sal_json_at can;
        enum sal_status status = sal_json_array(at, "can", false, 0, ABILITIES_MAX, &can, reterr);
        for (size_t i = 0; !status && can.value && i < json_array_size(can.value); i++) {
                struct sal_json_at item = sal_json_element(&can, i);
                if (!json_is_string(item.value))
                        return sal_json_fail(&item, NULL, SAL_E_INVALID, reterr, "must be a string");
                poll->can_healthy |= strcmp(json_string_value(item.value), "healthy") == 0;
        }
        return status;
}

static enum sal_status decode(const json_t *body, struct sal_held_poll *held, struct sal_err *reterr) {
        struct sal_poll *poll = &held->poll;
        struct sal_json_at at = sal_json_root(body);
        struct sal_json_at facts;
        const char *machine_id = NULL, *boot_id = NULL, *reason = NULL;
        enum sal_status status = sal_read_ids(&at, &machine_id, &boot_id, reterr);
        if (!status)
                status = sal_json_string(&at, "reason", true, 1, 32, &reason, reterr);
        int parsed = status ? 0 : sal_poll_reason_parse(reason);
        if (!status && parsed < 0)
                status =
                        sal_json_fail(&at, "reason", SAL_E_INVALID, reterr, "must be boot_failure, requested or drill");
        if (!status)
                status = sal_json_object(&at, "facts", false, &facts, reterr);
        if (!status)
                status = sal_facts_parse(&facts, &poll->facts, reterr);
        if (!status)
                status = sal_poll_have_read(&at, &held->have, reterr);
        if (!status)
                status = read_reports(&at, machine_id, poll, reterr);
        if (!status)
                status = read_can(&at, poll, reterr);
        if (status)
                return status;
        poll->reason = (enum sal_poll_reason)parsed;
        snprintf(poll->machine_id, sizeof poll->machine_id, "%s", machine_id);
        snprintf(poll->boot_id, sizeof poll->boot_id, "%s", boot_id);
        const struct sal_fact *locked = sal_facts_get(poll->facts, "volume_locked");
        poll->volume_locked = locked && locked->kind == SAL_FACT_BOOL && strcmp(locked->text, "true") == 0;
        poll->facts_text = sal_facts_dump(poll->facts);
        return poll->facts_text ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for the facts");
}

void sal_api_poll(struct sal_http_request *request) {
        sal_autojson json_t *body = NULL;
        struct sal_err err = {0};
        struct sal_held_poll *held = calloc(1, sizeof *held);
        enum sal_status status =
                held ? sal_request_json(request, &body, &err) : sal_fail(&err, SAL_E_NOMEM, "no memory for the poll");
        if (!status)
                status = decode(body, held, &err);
        if (!status)
                status = sal_request_identity(request, held->poll.machine_id, &held->poll.identity, &err);
        if (status) {
                sal_reply_error(request, &err);
                if (held)
                        release(&held->call);
                return;
        }
        held->call.api = sal_http_plane_data(request);
        held->call.request = request;
        held->wait_seconds = preferred_wait(request);
        held->poll.waits = held->wait_seconds > 0;
        held->poll.arrived_ms = sal_clock_wall_ms();
        held->due_mono_ms = sal_clock_mono_ms() + held->wait_seconds * 1000;
        consider(held);
}
