/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VALUE_MAX_BYTES = 2048 };

static _Atomic int max_log_level = SAL_LOG_INFO;

static const char *const level_names[] = {"", "", "", "error", "warning", "notice", "info", "debug"};

void sal_log_set(enum sal_log_level max_level) {
        atomic_store(&max_log_level, (int)max_level);
}

int sal_log_level_parse(const char *name) {
        for (int i = SAL_LOG_ERROR; i <= SAL_LOG_DEBUG; i++)
                if (strcmp(level_names[i], name) == 0)
                        return i;
        return -1;
}

static bool is_plain(const char *text) {
        if (!*text)
                return false;
        for (const char *p = text; *p; p++)
                if (*p <= ' ' || *p > '~' || *p == '"' || *p == '=' || *p == '\\')
                        return false;
        return true;
}

static void append_quoted(struct sal_buf *line, const char *text) {
        sal_buf_putc(line, '"');
        size_t written = 0;
        for (const char *p = text; *p && written < VALUE_MAX_BYTES; p++, written++) {
                if (*p == '"' || *p == '\\')
                        sal_buf_printf(line, "\\%c", *p);
                else if (*p == '\n')
                        sal_buf_puts(line, "\\n");
                else if (*p < ' ' || *p > '~')
                        sal_buf_printf(line, "\\x%02x", (unsigned char)*p);
                else
                        sal_buf_putc(line, *p);
        }
        sal_buf_putc(line, '"');
}

void sal_log_write(enum sal_log_level level, const char *event, const struct sal_log_field *fields, size_t count) {
        if ((int)level > atomic_load_explicit(&max_log_level, memory_order_relaxed))
                return;
        sal_autobuf struct sal_buf line = SAL_BUF_INIT;
        if (getenv("JOURNAL_STREAM")) {
                sal_buf_printf(&line, "<%d>", (int)level);
        } else {
                char now[SAL_TIME_BYTES];
                sal_time_format(sal_clock_wall_ms(), now);
                sal_buf_printf(&line, "%s ", now);
        }
        sal_buf_printf(&line, "%s %s", level_names[level], event);
        for (size_t i = 0; i < count; i++) {
                sal_buf_printf(&line, " %s=", fields[i].key);
                if (!fields[i].text)
                        sal_buf_printf(&line, "%lld", (long long)fields[i].number);
                else if (is_plain(fields[i].text))
                        sal_buf_puts(&line, fields[i].text);
                else
                        append_quoted(&line, fields[i].text);
        }
        sal_buf_putc(&line, '\n');
        if (!line.failed && write(STDERR_FILENO, line.data, line.len) < 0)
                return; /* nowhere left to say it */
}
