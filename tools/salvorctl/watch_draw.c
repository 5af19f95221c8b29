/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "out.h"

#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>

enum { BAR_LONGEST = 40, BAR_SHORTEST = 8, WIDTH_BESIDE_BAR = 58, WIDTH_UNKNOWN = 80 };

/* The parts of a bar, left to right. */
enum part { PART_BACK, PART_FAILED, PART_UNSETTLED, PART_REST, PARTS };

static const struct {
        const char *utf8;
        const char *plain;
        const char *colour;
} part_looks[PARTS] = {
        [PART_BACK] = {"█", "#", "\033[32m"},
        [PART_FAILED] = {"█", "x", "\033[31m"},
        [PART_UNSETTLED] = {"▒", "=", "\033[33m"},
        [PART_REST] = {"░", ".", "\033[2m"},
};

static const struct {
        const char *state;
        const char *colour;
} state_colours[] = {
        {"active", "\033[1;36m"}, {"completed", "\033[1;32m"}, {"paused", "\033[1;33m"},
        {"halted", "\033[1;31m"}, {"withdrawn", "\033[1;31m"}, {"expired", "\033[1;31m"},
};

static int terminal_width(FILE *stream) {
        struct winsize size;
        if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                return size.ws_col;
        return WIDTH_UNKNOWN;
}

static int64_t larger(int64_t a, int64_t b) {
        return a > b ? a : b;
}

/* How many of `width` columns each part takes: what is not nothing is seen. */
static void share_out(const struct sal_watch_ring *ring, int width, int ret[static PARTS]) {
        int64_t done = ring->succeeded + ring->not_applicable;
        int64_t whole = larger(larger(ring->total, ring->offered), 1);
        int64_t amounts[PARTS] = {done, ring->failed, ring->unsettled, 0};
        int left = width;
        for (int p = 0; p < PART_REST; p++) {
                int columns = (int)(amounts[p] * width / whole);
                if (amounts[p] > 0 && columns == 0)
                        columns = 1;
                ret[p] = columns > left ? left : columns;
                left -= ret[p];
        }
        ret[PART_REST] = left;
}

static void write_bar(struct sal_buf *out, const struct sal_watch_ring *ring, int width, bool colour, bool utf8) {
        int columns[PARTS];
        share_out(ring, width, columns);
        for (int p = 0; p < PARTS; p++) {
                if (columns[p] == 0)
                        continue;
                if (colour)
                        sal_buf_puts(out, part_looks[p].colour);
                for (int i = 0; i < columns[p]; i++)
                        sal_buf_puts(out, utf8 ? part_looks[p].utf8 : part_looks[p].plain);
                if (colour)
                        sal_buf_puts(out, "\033[0m");
        }
}

static void write_ring(struct sal_buf *out, const struct sal_watch_ring *ring, int name_width, int bar_width,
                       bool colour, bool utf8) {
        sal_buf_printf(out, "  %-*s  %-6s  ", name_width, ring->name, ring->open ? "open" : "closed");
        write_bar(out, ring, bar_width, colour, utf8);
        sal_buf_printf(out, " %6lld", (long long)ring->succeeded);
        if (ring->total)
                sal_buf_printf(out, "/%-6lld", (long long)larger(ring->total, ring->offered));
        else
                sal_buf_puts(out, "       ");
        if (ring->unsettled)
                sal_buf_printf(out, " %lld under way", (long long)ring->unsettled);
        if (ring->failed)
                sal_buf_printf(out, " %lld failed", (long long)ring->failed);
}

static void end_line(struct sal_buf *out, int *lines) {
        sal_buf_puts(out, "\033[K\n");
        ++*lines;
}

int sal_watch_draw(FILE *stream, const struct sal_watch_view *view, int drawn, int64_t elapsed_ms) {
        bool colour = sal_out_colour(stream);
        bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
        int width = terminal_width(stream);
        int name_width = 6;
        for (size_t i = 0; i < view->ring_count; i++)
                name_width = (int)larger(name_width, (int64_t)strlen(view->rings[i].name));
        int bar = width - WIDTH_BESIDE_BAR - (name_width - 6);
        bar = bar > BAR_LONGEST ? BAR_LONGEST : bar < BAR_SHORTEST ? BAR_SHORTEST : bar;

        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        int lines = 0;
        sal_buf_puts(&out, "\033[?7l"); /* a narrow terminal cuts lines instead of wrapping them */
        if (drawn)
                sal_buf_printf(&out, "\033[%dA\r", drawn);
        const char *state_colour = "";
        for (size_t i = 0; i < SAL_ARRAY_LEN(state_colours); i++)
                if (strcmp(state_colours[i].state, view->state) == 0)
                        state_colour = state_colours[i].colour;
        sal_buf_printf(&out, "%s  ", view->campaign);
        sal_buf_printf(&out, "%s%s%s", colour ? state_colour : "", view->state, colour ? "\033[0m" : "");
        sal_buf_printf(&out, "  %lld:%02lld%s", (long long)(elapsed_ms / 60000), (long long)(elapsed_ms / 1000 % 60),
                       view->lost ? "  (the server does not answer)" : "");
        end_line(&out, &lines);
        for (size_t i = 0; i < view->ring_count; i++) {
                write_ring(&out, &view->rings[i], name_width, bar, colour, utf8);
                end_line(&out, &lines);
        }
        sal_buf_printf(&out, "  %lld known, %lld waiting, %lld back, %lld need hands", (long long)view->known,
                       (long long)view->waiting, (long long)view->back, (long long)view->needs_hands);
        end_line(&out, &lines);
        int news = width > 4 ? width - 4 : 0;
        sal_buf_printf(&out, "  %.*s", news, view->news);
        end_line(&out, &lines);
        sal_buf_puts(&out, "\033[?7h");
        if (out.data)
                fwrite(out.data, 1, out.len, stream);
        fflush(stream);
        return lines;
}

static bool ring_differs(const struct sal_watch_ring *a, const struct sal_watch_ring *b) {
        return strcmp(a->name, b->name) != 0 || a->open != b->open || a->offered != b->offered ||
               a->unsettled != b->unsettled || a->succeeded != b->succeeded || a->failed != b->failed ||
               a->not_applicable != b->not_applicable;
}

bool sal_watch_differs(const struct sal_watch_view *a, const struct sal_watch_view *b) {
        bool differs =
                strcmp(a->state, b->state) != 0 || strcmp(a->news, b->news) != 0 || a->ring_count != b->ring_count;
        for (size_t i = 0; i < a->ring_count && !differs; i++)
                differs = ring_differs(&a->rings[i], &b->rings[i]);
        return differs;
}

void sal_watch_print_changes(FILE *stream, const struct sal_watch_view *before, const struct sal_watch_view *now,
                             int64_t unix_ms) {
        char at[SAL_TIME_BYTES];
        sal_time_format(unix_ms / 1000 * 1000, at);
        if (strcmp(before->state, now->state) != 0)
                fprintf(stream, "%s %s %s\n", at, now->campaign, now->state);
        if (strcmp(before->news, now->news) != 0)
                fprintf(stream, "%s %s %s\n", at, now->campaign, now->news);
        for (size_t i = 0; i < now->ring_count; i++) {
                const struct sal_watch_ring *ring = &now->rings[i];
                if (!ring_differs(ring, &before->rings[i]))
                        continue;
                fprintf(stream,
                        "%s %s %s %s offered=%lld unsettled=%lld succeeded=%lld failed=%lld not_applicable=%lld\n", at,
                        now->campaign, ring->name, ring->open ? "open" : "closed", (long long)ring->offered,
                        (long long)ring->unsettled, (long long)ring->succeeded, (long long)ring->failed,
                        (long long)ring->not_applicable);
        }
        fflush(stream);
}

void sal_watch_print_json(FILE *stream, const struct sal_watch_view *now, int64_t unix_ms) {
        char at[SAL_TIME_BYTES];
        sal_time_format(unix_ms, at);
        sal_autojson json_t *rings = json_array();
        for (size_t i = 0; i < now->ring_count; i++) {
                const struct sal_watch_ring *ring = &now->rings[i];
                json_array_append_new(rings, json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "name", ring->name,
                                                       "open", ring->open, "matching", (json_int_t)ring->total,
                                                       "offered", (json_int_t)ring->offered, "unsettled",
                                                       (json_int_t)ring->unsettled, "succeeded",
                                                       (json_int_t)ring->succeeded, "failed", (json_int_t)ring->failed,
                                                       "not_applicable", (json_int_t)ring->not_applicable));
        }
        sal_autojson json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:O}", "at", at, "campaign", now->campaign, "state",
                                              now->state, "news", now->news, "rings", rings);
        if (line)
                json_dumpf(line, stream, JSON_COMPACT | JSON_ENSURE_ASCII);
        fputc('\n', stream);
        fflush(stream);
}
