/* SPDX-License-Identifier: Apache-2.0 */
#include "wrap.h"

#include "client/safe.h"

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

enum { HANG_COLUMNS = 4, MARK_COLUMNS = 2, ESCAPE_COLUMNS = 9 };

size_t sal_wrap_columns(FILE *stream) {
        struct winsize size = {0};
        if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
                return SAL_WRAP_COLUMNS;
        return size.ws_col < SAL_WRAP_MIN_COLUMNS ? SAL_WRAP_MIN_COLUMNS : size.ws_col;
}

/* How many bytes of the line fit; whole code points. */
static size_t fitting(const char *line, size_t columns) {
        size_t at = 0;
        while (line[at]) {
                bool ascii = (unsigned char)line[at] < 0x80;
                size_t width = ascii ? 1 : 2;
                if (width > columns)
                        break;
                columns -= width;
                at++;
                while (!ascii && ((unsigned char)line[at] & 0xc0) == 0x80)
                        at++;
        }
        return at;
}

/* Where to break what does not fit: behind the last space, unless there is nothing but spaces ahead of it. */
static size_t last_space(const char *line, size_t len) {
        size_t lead = strspn(line, " ");
        while (len > lead && line[len - 1] != ' ')
                len--;
        return len > lead ? len : 0;
}

/* Not in the middle of an escape: a "\\" of ours beside one of theirs would be hard to read. */
static size_t before_escape(const char *line, size_t len) {
        for (size_t back = 1; back <= ESCAPE_COLUMNS && back < len && line[len - back] != '}'; back++) {
                if (line[len - back] != '\\')
                        continue;
                size_t at = len - back;
                while (at > 0 && line[at - 1] == '\\')
                        at--;
                return at > 0 ? at : len;
        }
        return len;
}

static void put_line(FILE *stream, size_t columns, const char *label, const char *line) {
        const size_t lead = strspn(line, " ");
        const bool quoted = line[lead] == '|' && line[lead + 1] == ' ';
        const size_t room = columns - SAL_WRAP_LABEL_COLUMNS;
        fprintf(stream, "%-*s", SAL_WRAP_LABEL_COLUMNS, label);
        size_t hang = 0;
        while (fitting(line, room - hang) < strlen(line)) {
                size_t fits = fitting(line, room - hang - 1); /* the last column is for the "\" */
                size_t len = last_space(line, fits);
                /* The mark alone on a line would tell nothing. */
                bool hard = len <= (hang || !quoted ? 0 : lead + MARK_COLUMNS);
                len = hard ? before_escape(line, fits) : len;
                bool drop = !hard && !quoted;
                fprintf(stream, "%.*s%s\n", (int)(len - drop), line, hard && !quoted ? "\\" : "");
                line += len;
                hang = (lead < HANG_COLUMNS * 2 ? lead : HANG_COLUMNS * 2) + (quoted ? MARK_COLUMNS : HANG_COLUMNS);
                fprintf(stream, "%*s%s", (int)(SAL_WRAP_LABEL_COLUMNS + hang - (quoted ? MARK_COLUMNS : 0)), "",
                        quoted ? "+ " : "");
        }
        fprintf(stream, "%s\n", line);
}

void sal_wrap_put(FILE *stream, size_t columns, const char *label, const char *text) {
        do {
                size_t len = strcspn(text, "\n");
                sal_autobuf struct sal_buf line = SAL_BUF_INIT;
                sal_safe_append(&line, text, len);
                put_line(stream, columns, label, line.data ? line.data : "");
                text += len + (text[len] == '\n');
                label = "";
        } while (*text);
}
