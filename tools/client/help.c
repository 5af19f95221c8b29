/* SPDX-License-Identifier: Apache-2.0 */
#include "client/help.h"

#include <stdbool.h>
#include <string.h>

/* The rest of a line, whose next column is `at`, broken between words; goes on from `column`. */
static void put_words(FILE *stream, size_t at, size_t column, const char *text, size_t len) {
        const char *end = text + len;
        for (bool first = true; text < end; first = false) {
                const char *space = memchr(text, ' ', (size_t)(end - text));
                size_t word = (size_t)((space ? space : end) - text);
                if (!first && at + 1 + word > SAL_HELP_COLUMNS) {
                        fprintf(stream, "\n%*s", (int)column, "");
                        at = column;
                } else if (!first) {
                        fputc(' ', stream);
                        at++;
                }
                fprintf(stream, "%.*s", (int)word, text);
                at += word;
                text += word + (space != NULL);
        }
        fputc('\n', stream);
}

void sal_help_row(FILE *stream, size_t column, const char *left, const char *text) {
        size_t at = 2 + strlen(left), gap = at + 2 > column ? 2 : column - at;
        fprintf(stream, "  %s%*s", left, (int)gap, "");
        put_words(stream, at + gap, column, text, strlen(text));
}

void sal_help_text(FILE *stream, const char *text) {
        do {
                size_t len = strcspn(text, "\n"), lead = 0;
                const char *gap = strstr(text, "  ");
                if (gap && gap < text + len) {
                        lead = (size_t)(gap - text);
                        lead += strspn(gap, " ");
                }
                fprintf(stream, "%.*s", (int)lead, text);
                put_words(stream, lead, lead, text + lead, len - lead);
                text += len + (text[len] == '\n');
        } while (*text);
}
