/* SPDX-License-Identifier: Apache-2.0 */
#include "out.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

enum { LABEL_COLUMNS = 19 };

void sal_table_done(struct sal_table *table) {
        for (size_t i = 0; i < table->count; i++)
                free(table->cells[i]);
        free(table->cells);
        table->cells = NULL;
        table->count = table->room = 0;
}

void sal_table_text(struct sal_table *table, const char *text) {
        if (table->count == table->room) {
                size_t room = table->room ? table->room * 2 : 64;
                char **cells = realloc(table->cells, room * sizeof *cells);
                if (!cells) {
                        table->failed = true;
                        return;
                }
                table->cells = cells;
                table->room = room;
        }
        sal_autobuf struct sal_buf cell = SAL_BUF_INIT;
        if (text && *text)
                sal_safe_append(&cell, text, strlen(text));
        else
                sal_buf_putc(&cell, '-');
        char *taken = sal_buf_take(&cell, NULL);
        if (!taken)
                table->failed = true;
        else
                table->cells[table->count++] = taken;
}

void sal_table_printf(struct sal_table *table, const char *format, ...) {
        char text[512];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        sal_table_text(table, text);
}

/* Appends a value in its plain form. */
static void write_plain(struct sal_buf *out, const json_t *value) {
        if (json_is_string(value)) {
                sal_buf_puts(out, json_string_value(value));
        } else if (json_is_integer(value)) {
                sal_buf_printf(out, "%lld", (long long)json_integer_value(value));
        } else if (json_is_real(value)) {
                sal_buf_printf(out, "%.9g", json_real_value(value));
        } else if (json_is_boolean(value)) {
                sal_buf_puts(out, json_is_true(value) ? "yes" : "no");
        } else if (json_is_array(value)) {
                for (size_t i = 0; i < json_array_size(value); i++) {
                        if (i)
                                sal_buf_puts(out, ", ");
                        write_plain(out, json_array_get(value, i));
                }
        } else if (json_is_object(value)) {
                sal_autofree char *text = sal_json_dump(value);
                sal_buf_puts(out, text ? text : "");
        }
}

void sal_table_json(struct sal_table *table, const json_t *value) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        write_plain(&text, value);
        sal_table_text(table, text.data);
}

static void print_cell(FILE *stream, const char *text, size_t width, bool right, bool last) {
        size_t columns = sal_safe_columns(text);
        int pad = columns < width ? (int)(width - columns) : 0;
        if (right)
                fprintf(stream, "%*s%s", pad, "", text);
        else
                fprintf(stream, "%s%*s", text, last ? 0 : pad, "");
        fputs(last ? "\n" : "  ", stream);
}

void sal_table_print(const struct sal_table *table, FILE *stream, const char *empty) {
        if (table->failed)
                fputs("(no memory for the whole table)\n", stream);
        size_t rows = table->count / table->columns;
        if (rows == 0) {
                fprintf(stream, "%s\n", empty);
                return;
        }
        size_t widths[SAL_TABLE_COLUMNS] = {0};
        for (size_t c = 0; c < table->columns; c++) {
                widths[c] = strlen(table->heads[c]) - (table->heads[c][0] == '>');
                for (size_t r = 0; r < rows; r++) {
                        size_t width = sal_safe_columns(table->cells[r * table->columns + c]);
                        widths[c] = width > widths[c] ? width : widths[c];
                }
        }
        bool colour = sal_out_colour(stream);
        if (colour)
                fputs("\033[1m", stream);
        for (size_t c = 0; c < table->columns; c++) {
                bool right = table->heads[c][0] == '>';
                print_cell(stream, table->heads[c] + right, widths[c], right, c + 1 == table->columns);
        }
        if (colour)
                fputs("\033[0m", stream);
        for (size_t r = 0; r < rows; r++)
                for (size_t c = 0; c < table->columns; c++)
                        print_cell(stream, table->cells[r * table->columns + c], widths[c], table->heads[c][0] == '>',
                                   c + 1 == table->columns);
}

void sal_out_json(const json_t *value) {
        json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
        fputc('\n', stdout);
}

void sal_out_member(FILE *stream, const char *label, const json_t *value) {
        if (!value || json_is_null(value))
                return;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        write_plain(&text, value);
        if (!text.len)
                return;
        sal_autobuf struct sal_buf name = SAL_BUF_INIT;
        sal_safe_append(&name, label, strlen(label)); /* names of facts come from machines */
        print_cell(stream, name.data ? name.data : "", LABEL_COLUMNS, false, false);
        sal_safe_print(stream, text.data);
        fputc('\n', stream);
}

void sal_out_lines(FILE *stream, const char *text) {
        while (*text) {
                size_t len = strcspn(text, "\n");
                sal_autobuf struct sal_buf line = SAL_BUF_INIT;
                sal_safe_append(&line, text, len);
                fprintf(stream, "  %s\n", line.data ? line.data : "");
                text += len + (text[len] == '\n');
        }
}

void sal_out_line(FILE *stream, const char *first, ...) {
        va_list args;
        va_start(args, first);
        for (const char *text = first; text; text = va_arg(args, const char *))
                sal_safe_print(stream, text);
        va_end(args);
        fputc('\n', stream);
}

static void print_json_error(const struct sal_err *err) {
        const struct sal_status_info *info = sal_status_info(err->status);
        sal_autojson json_t *body =
                json_pack("{s:s, s:i, s:s}", "name", info->name, "exit", (int)info->exit, "detail", err->detail);
        if (!body) /* the detail quotes bytes that are no UTF-8 */
                body = json_pack("{s:s, s:i}", "name", info->name, "exit", (int)info->exit);
        const struct {
                const char *key;
                const char *text;
        } more[] = {{"pointer", err->pointer}, {"hint", err->hint}, {"ref", err->ref}};
        for (size_t i = 0; body && i < SAL_ARRAY_LEN(more); i++)
                if (*more[i].text)
                        json_object_set_new(body, more[i].key, json_string(more[i].text));
        sal_autojson json_t *document = json_pack("{s:O}", "error", body);
        if (document)
                sal_out_json(document);
}

void sal_out_error(const struct sal_err *err, bool json) {
        fputs("salvorctl: ", stderr);
        sal_safe_print(stderr, *err->detail ? err->detail : sal_status_info(err->status)->title);
        fputc('\n', stderr);
        if (*err->pointer)
                sal_out_line(stderr, "  at ", err->pointer, NULL);
        if (*err->ref)
                sal_out_line(stderr, "  about ", err->ref, NULL);
        if (*err->hint)
                sal_out_line(stderr, "  ", err->hint, NULL);
        if (json)
                print_json_error(err);
}

bool sal_out_colour(FILE *stream) {
        const char *no_colour = getenv("NO_COLOR");
        const char *terminal = getenv("TERM");
        return isatty(fileno(stream)) && !(no_colour && *no_colour) && terminal && strcmp(terminal, "dumb") != 0;
}

const char *sal_text(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

int64_t sal_number(const json_t *object, const char *key) {
        const json_t *value = json_object_get(object, key);
        return json_is_real(value) ? (int64_t)json_real_value(value) : json_integer_value(value);
}
