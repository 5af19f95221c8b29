/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl campaign watch: follows a campaign to its end by the journal and the export. */
#include "watch.h"

#include "base/clock.h"
#include "command.h"
#include "confirm.h"
#include "out.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
        LOOK_MS = 500,           /* between two looks into the journal */
        REFRESH_MS = 5000,       /* the export is read so often at least */
        PREVIEW_MS = 15000,      /* how many machines match changes slowly */
        GIVE_UP_LOST_MS = 60000, /* a server that restarts is waited for, one that is gone is not */
        EVENTS_PER_LOOK = 1000
};

struct watch {
        struct sal_ctl *ctl;
        struct sal_ctl_campaign campaign;
        struct sal_watch_view view;
        struct sal_watch_view shown;
        int64_t seq;
        int64_t started_ms; /* monotonic, as the rest */
        int64_t export_ms;
        int64_t preview_ms;
        int64_t answered_ms;
        bool terminal;
        bool shown_once;
        int drawn;
};

/* Copies text from the server, harmless and cut. */
static void copy_text(char *ret, size_t room, const char *text) {
        sal_autobuf struct sal_buf safe = SAL_BUF_INIT;
        sal_safe_append(&safe, text, strlen(text));
        snprintf(ret, room, "%s", safe.data ? safe.data : "");
}

static void read_rings(struct sal_watch_view *view, const json_t *rings) {
        struct sal_watch_view before = *view;
        view->ring_count = 0;
        for (size_t i = 0; i < json_array_size(rings) && i < SAL_PLAN_MAX_RINGS; i++) {
                const json_t *row = json_array_get(rings, i);
                struct sal_watch_ring *ring = &view->rings[view->ring_count++];
                *ring = (struct sal_watch_ring){.open = json_is_true(json_object_get(row, "open")),
                                                .total = before.rings[i].total,
                                                .offered = sal_number(row, "offered"),
                                                .unsettled = sal_number(row, "unsettled"),
                                                .succeeded = sal_number(row, "succeeded"),
                                                .failed = sal_number(row, "failed"),
                                                .not_applicable = sal_number(row, "not_applicable")};
                copy_text(ring->name, sizeof ring->name, sal_text(row, "name"));
        }
}

/* A campaign that is not in the export (a draft, an old one) still has a state. */
static enum sal_status read_state(struct watch *watch, struct sal_err *reterr) {
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_admin_get(watch->ctl->admin, watch->campaign.path, NULL, &document, reterr);
        if (!status)
                copy_text(watch->view.state, sizeof watch->view.state, sal_text(document, "state"));
        return status;
}

static enum sal_status read_export(struct watch *watch, struct sal_err *reterr) {
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_admin_get(watch->ctl->admin, "/api/v1/export", NULL, &document, reterr);
        if (!status && !sal_ctl_says(document, "schema", "salvor.export/1"))
                status = sal_ctl_unconfirmed(reterr, "\"schema\": \"salvor.export/1\"");
        if (status)
                return status;
        struct sal_watch_view *view = &watch->view;
        const json_t *fleet = json_object_get(document, "fleet");
        view->known = sal_number(fleet, "known");
        view->waiting = sal_number(fleet, "waiting");
        view->back = sal_number(fleet, "back");
        view->needs_hands = sal_number(fleet, "needs_hands");
        int64_t seq = sal_number(document, "seq");
        watch->seq = seq > watch->seq ? seq : watch->seq;
        const json_t *campaigns = json_object_get(document, "campaigns");
        for (size_t i = 0; i < json_array_size(campaigns); i++) {
                const json_t *row = json_array_get(campaigns, i);
                if (strcmp(sal_text(row, "id"), watch->campaign.id) != 0 ||
                    sal_number(row, "version") != watch->campaign.version)
                        continue;
                copy_text(view->state, sizeof view->state, sal_text(row, "state"));
                read_rings(view, json_object_get(row, "rings"));
                return SAL_OK;
        }
        return read_state(watch, reterr);
}

/* How many machines match, by ring; without it the bars grow with the offers. */
static void read_preview(struct watch *watch) {
        sal_autojson json_t *document = NULL;
        if (sal_ctl_preview(watch->ctl, &watch->campaign, false, &document, NULL))
                return;
        const json_t *rings = json_object_get(document, "rings");
        for (size_t i = 0; i < json_array_size(rings); i++)
                for (size_t k = 0; k < watch->view.ring_count; k++)
                        if (strcmp(sal_text(json_array_get(rings, i), "name"), watch->view.rings[k].name) == 0)
                                watch->view.rings[k].total = sal_number(json_array_get(rings, i), "matching");
}

/* A decision as a phrase: "halt canary by engine, rule 6.3". */
static void take_news(struct watch *watch, const json_t *decision) {
        const char *ring = sal_text(decision, "ring");
        const char *cohort = sal_text(decision, "cohort");
        char text[sizeof watch->view.news];
        snprintf(text, sizeof text, "decision: %.32s%s%.32s%s%.64s by %.16s, rule %.16s", sal_text(decision, "verdict"),
                 *ring ? " " : "", ring, *cohort ? " " : "", cohort, sal_text(decision, "by"),
                 sal_text(decision, "rule"));
        copy_text(watch->view.news, sizeof watch->view.news, text);
}

/* Reads the journal behind the last seq; *ret_changed when something concerned this campaign. */
static enum sal_status read_events(struct watch *watch, bool *ret_changed, struct sal_err *reterr) {
        char query[64];
        snprintf(query, sizeof query, "after=%lld&limit=%d", (long long)watch->seq, EVENTS_PER_LOOK);
        const struct sal_admin_call call = {.path = "/api/v1/export/events",
                                            .query = query,
                                            .accept = "application/x-ndjson, application/problem+json"};
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = sal_admin_do(watch->ctl->admin, &call, &reply, reterr);
        if (status == SAL_E_GONE) {
                *ret_changed = true;
                return SAL_OK;
        }
        const char *at = reply.body.data;
        while (!status && at && *at) {
                size_t len = strcspn(at, "\n");
                sal_autojson json_t *event = NULL;
                if (len && !sal_json_parse(at, len, SAL_JSON_MAX_DEPTH, &event, NULL)) {
                        int64_t seq = sal_number(event, "seq");
                        watch->seq = seq > watch->seq ? seq : watch->seq;
                        if (strcmp(sal_text(event, "campaign"), watch->campaign.id) == 0) {
                                *ret_changed = true;
                                if (json_is_object(json_object_get(event, "decision")))
                                        take_news(watch, json_object_get(event, "decision"));
                        }
                }
                at += len + (at[len] == '\n');
        }
        return status;
}

static void show(struct watch *watch) {
        int64_t now_ms = sal_clock_wall_ms();
        bool differs = !watch->shown_once || sal_watch_differs(&watch->shown, &watch->view);
        if (watch->terminal)
                watch->drawn =
                        sal_watch_draw(stderr, &watch->view, watch->drawn, sal_clock_mono_ms() - watch->started_ms);
        else if (differs && watch->ctl->json)
                sal_watch_print_json(stdout, &watch->view, now_ms);
        else if (differs)
                sal_watch_print_changes(stdout, &watch->shown, &watch->view, now_ms);
        watch->shown = watch->view;
        watch->shown_once = true;
}

/* One look at the server. */
static enum sal_status look(struct watch *watch, struct sal_err *reterr) {
        int64_t now_ms = sal_clock_mono_ms();
        bool changed = !watch->shown_once || now_ms - watch->export_ms >= REFRESH_MS;
        enum sal_status status = watch->shown_once ? read_events(watch, &changed, reterr) : SAL_OK;
        if (!status && changed) {
                status = read_export(watch, reterr);
                watch->export_ms = now_ms;
        }
        if (!status && (!watch->preview_ms || now_ms - watch->preview_ms >= PREVIEW_MS)) {
                read_preview(watch);
                watch->preview_ms = now_ms;
        }
        return status;
}

/* A server that answered before may come back, perhaps at another port. */
static enum sal_status bear_loss(struct watch *watch, enum sal_status status, struct sal_err *reterr) {
        bool passing = status == SAL_E_UNREACHABLE || status == SAL_E_TIMEOUT || status == SAL_E_OVERLOADED;
        if (!passing || !watch->shown_once || sal_clock_mono_ms() - watch->answered_ms > GIVE_UP_LOST_MS)
                return status;
        watch->view.lost = true;
        sal_admin_refresh(watch->ctl->admin, reterr);
        return SAL_OK;
}

static bool has_ended(const char *state, int *ret_exit) {
        static const struct {
                const char *state;
                int exit;
        } ends[] = {{"completed", SAL_EXIT_DONE},
                    {"halted", SAL_EXIT_FAILED},
                    {"withdrawn", SAL_EXIT_FAILED},
                    {"expired", SAL_EXIT_FAILED}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(ends); i++)
                if (strcmp(ends[i].state, state) == 0) {
                        *ret_exit = ends[i].exit;
                        return true;
                }
        return false;
}

static enum sal_status follow(struct watch *watch, int64_t timeout_seconds, struct sal_err *reterr) {
        for (;;) {
                struct sal_err err = {0};
                enum sal_status status = look(watch, &err);
                if (!status) {
                        watch->answered_ms = sal_clock_mono_ms();
                        watch->view.lost = false;
                } else {
                        status = bear_loss(watch, status, &err);
                }
                if (status) {
                        if (reterr)
                                *reterr = err;
                        return status;
                }
                show(watch);
                if (!watch->view.lost && has_ended(watch->view.state, &watch->ctl->exit_code))
                        return SAL_OK;
                int64_t elapsed_ms = sal_clock_mono_ms() - watch->started_ms;
                if (timeout_seconds && elapsed_ms >= timeout_seconds * 1000)
                        return sal_fail(reterr, SAL_E_TIMEOUT, "%s is still %s after %lld seconds",
                                        watch->view.campaign, watch->view.state, (long long)timeout_seconds);
                nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        }
}

static enum sal_status run_watch(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct watch watch = {.ctl = ctl, .started_ms = sal_clock_mono_ms()};
        int64_t timeout_seconds = 0;
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_TIMEOUT, 1, 31536000, &timeout_seconds, reterr);
        if (!status)
                status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_LIVE, &watch.campaign, reterr);
        if (status)
                return status;
        snprintf(watch.view.campaign, sizeof watch.view.campaign, "%s@%lld", watch.campaign.id,
                 (long long)watch.campaign.version);
        const char *terminal = getenv("TERM");
        watch.terminal = !ctl->json && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
        return follow(&watch, timeout_seconds, reterr);
}

const struct sal_command sal_commands_watch[] = {
        {.group = "campaign",
         .verb = "watch",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_TIMEOUT),
         .summary = "Follow the rings until it is completed, halted, withdrawn or expired",
         .help = "On a terminal the rings are drawn as bars; otherwise each change is a line. Exit code 0 when it was "
                 "completed, 1 when it was halted or withdrawn or has expired, 7 after --timeout.",
         .run = run_watch},
        {0},
};
