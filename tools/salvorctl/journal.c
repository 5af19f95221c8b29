/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl journal replay: recomputes every decision from an exported journal, without a server. */
#include "command.h"
#include "out.h"

#include "base/clock.h"
#include "rollout/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
        CHUNK_BYTES = 256 * 1024,
        LINE_MAX_BYTES = 8 * 1024 * 1024, /* a document of limits has up to 1 MiB */
        PROGRESS_EVENTS = 20000,
};

struct reading {
        struct sal_replay *replay;
        int64_t lines, events;
        bool progress;
};

static void show_progress(const struct reading *reading, bool done) {
        if (reading->progress && done && reading->events >= PROGRESS_EVENTS)
                fputs("\r\033[K", stderr);
        else if (reading->progress && !done && reading->events % PROGRESS_EVENTS == 0)
                fprintf(stderr, "\r%" PRId64 " events", reading->events);
}

/* Where it is, before what it is. */
static enum sal_status in_line(const struct reading *reading, enum sal_status status, struct sal_err *reterr) {
        if (!reterr)
                return status;
        struct sal_err inner = *reterr;
        sal_fail_at(reterr, status, inner.pointer, "line %" PRId64 ": %s", reading->lines, inner.detail);
        if (inner.hint[0])
                sal_err_hint(reterr, "%s", inner.hint);
        return status;
}

static enum sal_status take_line(struct reading *reading, const char *line, size_t len, struct sal_err *reterr) {
        reading->lines++;
        if (len && line[len - 1] == '\r')
                len--;
        if (!len)
                return SAL_OK;
        sal_autoevent struct sal_event event = {0};
        enum sal_status status = sal_event_parse(line, len, &event, reterr);
        if (!status)
                status = sal_replay_event(reading->replay, &event, reterr);
        if (status)
                return in_line(reading, status, reterr);
        reading->events++;
        show_progress(reading, false);
        return SAL_OK;
}

/* Works off the whole lines; what is left of the last one moves to the front. */
static enum sal_status take_lines(struct reading *reading, struct sal_buf *bytes, struct sal_err *reterr) {
        const char *from = bytes->data, *end = bytes->data + bytes->len, *newline;
        enum sal_status status = SAL_OK;
        while (!status && (newline = memchr(from, '\n', (size_t)(end - from)))) {
                status = take_line(reading, from, (size_t)(newline - from), reterr);
                from = newline + 1;
        }
        bytes->len = (size_t)(end - from);
        memmove(bytes->data, from, bytes->len);
        if (!status && bytes->len > LINE_MAX_BYTES) {
                reading->lines++;
                sal_fail(reterr, SAL_E_TOO_LARGE, "it has over %d bytes", LINE_MAX_BYTES);
                status = in_line(reading, SAL_E_TOO_LARGE, reterr);
        }
        return status;
}

static enum sal_status read_all(struct reading *reading, FILE *file, const char *name, struct sal_err *reterr) {
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        enum sal_status status = SAL_OK;
        size_t n = 1;
        while (!status && n) {
                if (!sal_buf_reserve(&bytes, CHUNK_BYTES))
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a line of the journal");
                n = fread(bytes.data + bytes.len, 1, CHUNK_BYTES, file);
                bytes.len += n;
                status = take_lines(reading, &bytes, reterr);
        }
        if (!status && ferror(file))
                status = sal_fail(reterr, SAL_E_IO, "cannot read %s: %s", name, strerror(errno));
        /* A last line without its end is a line that was cut off, unless it reads as one. */
        if (!status && bytes.len)
                status = take_line(reading, bytes.data, bytes.len, reterr);
        return status;
}

static enum sal_status read_journal(struct sal_ctl *ctl, struct sal_replay *replay, struct sal_err *reterr) {
        const char *name = ctl->args[0];
        bool standard = strcmp(name, "-") == 0;
        FILE *file = standard ? stdin : fopen(name, "re");
        if (!file)
                return sal_fail(reterr, errno == ENOENT ? SAL_E_NOT_FOUND : SAL_E_IO, "cannot open %.300s: %s", name,
                                strerror(errno));
        struct reading reading = {.replay = replay, .progress = !ctl->json && isatty(STDERR_FILENO)};
        enum sal_status status = read_all(&reading, file, standard ? "standard input" : name, reterr);
        show_progress(&reading, true);
        if (!standard)
                fclose(file);
        if (!status)
                status = sal_replay_end(replay, reterr);
        return status;
}

/* ---- what came out ---- */

static const char *verdict_of(const struct sal_replay_campaign *campaign) {
        return !campaign->judged ? "not judged" : campaign->what ? "disagrees" : "agrees";
}

static void add_json(void *arg, const struct sal_replay_campaign *campaign) {
        char at[SAL_TIME_BYTES];
        sal_time_format(campaign->at_ms, at);
        json_t *wrong = campaign->what ? json_pack("{s:I, s:s, s:s}", "seq", (json_int_t)campaign->seq, "at", at,
                                                   "what", campaign->what)
                                       : json_null();
        json_array_append_new(arg, json_pack("{s:s, s:I, s:I, s:I, s:I, s:b, s:o}", "campaign", campaign->id, "version",
                                             (json_int_t)campaign->version, "offers", (json_int_t)campaign->offers,
                                             "decisions", (json_int_t)campaign->decisions, "recomputed",
                                             (json_int_t)campaign->recomputed, "judged", (int)campaign->judged,
                                             "disagreement", wrong));
}

static void print_json(const struct sal_replay *replay, const struct sal_replay_sums *sums, bool agree) {
        json_t *campaigns = json_array();
        sal_replay_each(replay, add_json, campaigns);
        sal_autojson json_t *json =
                json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "agree", (int)agree, "events",
                          (json_int_t)sums->events, "offers", (json_int_t)sums->offers, "decisions",
                          (json_int_t)sums->decisions, "recomputed", (json_int_t)sums->recomputed, "disagreements",
                          (json_int_t)sums->disagreements, "unjudged", (json_int_t)sums->unjudged, "digest",
                          sums->digest, "campaigns", campaigns);
        sal_out_json(json);
}

static void add_row(void *arg, const struct sal_replay_campaign *campaign) {
        sal_table_printf(arg, "%s@%" PRId64, campaign->id, campaign->version);
        sal_table_printf(arg, "%" PRId64, campaign->offers);
        sal_table_printf(arg, "%" PRId64, campaign->decisions);
        sal_table_printf(arg, "%" PRId64, campaign->recomputed);
        sal_table_text(arg, verdict_of(campaign));
}

static void print_disagreement(void *arg, const struct sal_replay_campaign *campaign) {
        (void)arg;
        char where[128];
        if (!campaign->what)
                return;
        snprintf(where, sizeof where, "%s@%" PRId64 ", seq %" PRId64 ": ", campaign->id, campaign->version,
                 campaign->seq);
        sal_out_line(stdout, where, campaign->what, NULL);
}

static void print_words(const struct sal_replay *replay, const struct sal_replay_sums *sums, bool agree) {
        static const char *const heads[] = {"CAMPAIGN", ">OFFERS", ">DECISIONS", ">BY THE ENGINE", "REPLAY"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        sal_replay_each(replay, add_row, &table);
        sal_table_print(&table, stdout, "No campaign was started in this journal.");
        putchar('\n');
        sal_replay_each(replay, print_disagreement, NULL);
        printf("%" PRId64 " events, %" PRId64 " decisions of the engine came out again, bit for bit; digest %s\n",
               sums->events, sums->recomputed, sums->digest);
        if (sums->unjudged)
                printf("%" PRId64 " %s not judged: the start, with the plan, is not in this journal\n", sums->unjudged,
                       sums->unjudged == 1 ? "campaign was" : "campaigns were");
        if (sums->disagreements)
                printf("%" PRId64 " %s with the journal\n", sums->disagreements,
                       sums->disagreements == 1 ? "campaign disagrees" : "campaigns disagree");
        else if (agree)
                puts("all agree");
        else if (sums->unjudged < sums->campaigns)
                printf("all that could be judged agree; %" PRId64 " not judged\n", sums->unjudged);
        else
                puts("nothing was judged");
}

static enum sal_status run_replay(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_auto(sal_replay) struct sal_replay *replay = sal_replay_new();
        if (!replay)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a replay");
        enum sal_status status = read_journal(ctl, replay, reterr);
        if (status)
                return status;
        struct sal_replay_sums sums;
        sal_replay_sums(replay, &sums);
        bool agree = sums.disagreements == 0 && sums.unjudged == 0; /* everything in this journal is proved */
        if (ctl->json)
                print_json(replay, &sums, agree);
        else
                print_words(replay, &sums, agree);
        ctl->exit_code = agree ? SAL_EXIT_DONE : SAL_EXIT_FAILED;
        return SAL_OK;
}

const struct sal_command sal_commands_journal[] = {
        {.group = "journal",
         .verb = "replay",
         .args = "FILE",
         .min_args = 1,
         .max_args = 1,
         .offline = true,
         .local = true,
         .summary = "Recompute every decision from an exported journal and say whether all agree",
         .help = "FILE holds what `salvorctl export --events` printed, whole or in parts one behind the other; - is "
                 "standard input. No server is needed. Exit code 0: everything in this journal is proved: every "
                 "decision "
                 "of the engine came out again, at its place and with the same numbers bit for bit; 1: one did not, or "
                 "a campaign could not be judged, because its start is before this journal, or the journal cannot be "
                 "read.",
         .run = run_replay},
        {0},
};
