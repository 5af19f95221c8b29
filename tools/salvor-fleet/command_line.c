/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/command_line.h"

#include "base/mem.h"
#include "client/help.h"
#include "trust/file.h"

#include <errno.h>
#include <string.h>

enum { HELP_COLUMN = 27, NAME_SHOWN_BYTES = 60 };

static const struct sal_fleet_option *find(const struct sal_fleet_option *rows, size_t count, const char *word,
                                           size_t len) {
        for (size_t i = 0; i < count; i++)
                if (rows[i].name && strlen(rows[i].name) == len && strncmp(rows[i].name, word, len) == 0)
                        return &rows[i];
        return NULL;
}

static enum sal_status take_int(const struct sal_fleet_option *row, const char *text, int64_t *ret,
                                struct sal_err *reterr) {
        char *end = NULL;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        if (errno || end == text || *end || number < (long long)row->min || number > (long long)row->max)
                return sal_fail(reterr, SAL_E_USAGE, "%s must be a whole number from %.16g to %.16g, not \"%.40s\"",
                                row->name, row->min, row->max, text);
        *ret = number;
        return SAL_OK;
}

double sal_fleet_decimal(const char *text, char **ret_end) {
        size_t decimal = strspn(text, "0123456789.eE+-");
        double number = strtod(text, ret_end);
        if (*ret_end > text + decimal)
                *ret_end = (char *)text;
        return number;
}

static enum sal_status take_number(const struct sal_fleet_option *row, const char *text, double *ret,
                                   struct sal_err *reterr) {
        char *end = NULL;
        errno = 0;
        double number = sal_fleet_decimal(text, &end);
        if (errno || end == text || *end || !(number >= row->min && number <= row->max))
                return sal_fail(reterr, SAL_E_USAGE, "%s must be a number from %.16g to %.16g, not \"%.40s\"",
                                row->name, row->min, row->max, text);
        *ret = number;
        return SAL_OK;
}

static enum sal_status take(const struct sal_fleet_option *row, const char *text, void *into, struct sal_err *reterr) {
        void *member = (char *)into + row->offset;
        switch (row->kind) {
        case SAL_FLEET_KIND_SWITCH:
                *(bool *)member = true;
                return SAL_OK;
        case SAL_FLEET_KIND_TEXT:
                *(const char **)member = text;
                return SAL_OK;
        case SAL_FLEET_KIND_INT:
                return take_int(row, text, member, reterr);
        case SAL_FLEET_KIND_NUMBER:
                return take_number(row, text, member, reterr);
        case SAL_FLEET_KIND_OWN:
                return row->take(row, text, member, reterr);
        }
        return SAL_E_INTERNAL;
}

enum sal_status sal_fleet_line_parse(const struct sal_fleet_option *rows, size_t count, int argc, char **argv,
                                     void *into, bool *given, const char **ret_word, struct sal_err *reterr) {
        const char *other = NULL;
        for (int i = 0; i < argc; i++) {
                const char *word = argv[i];
                if (*word != '-') {
                        if (other || !ret_word)
                                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\" is too much", word);
                        other = word;
                        continue;
                }
                size_t len = strcspn(word, "=");
                const struct sal_fleet_option *row = find(rows, count, word, len);
                if (!row)
                        return sal_fail(reterr, SAL_E_USAGE, "there is no option %.*s",
                                        len > NAME_SHOWN_BYTES ? NAME_SHOWN_BYTES : (int)len, word);
                const char *text = word[len] ? word + len + 1 : NULL;
                if (!row->value && text)
                        return sal_fail(reterr, SAL_E_USAGE, "%s takes no value", row->name);
                if (row->value && !text) {
                        if (i + 1 >= argc)
                                return sal_fail(reterr, SAL_E_USAGE, "%s needs a value: %s", row->name, row->value);
                        text = argv[++i];
                }
                enum sal_status status = take(row, text, into, reterr);
                if (status)
                        return status;
                if (given)
                        given[row - rows] = true;
        }
        if (ret_word)
                *ret_word = other;
        return SAL_OK;
}

void sal_fleet_line_print(FILE *stream, const struct sal_fleet_option *rows, size_t count) {
        for (size_t i = 0; i < count; i++) {
                if (!rows[i].name) {
                        fprintf(stream, "%s%s:\n", i ? "\n" : "", rows[i].help);
                        continue;
                }
                char left[48];
                snprintf(left, sizeof left, "%s%s%s", rows[i].name, rows[i].value ? " " : "",
                         rows[i].value ? rows[i].value : "");
                sal_help_row(stream, HELP_COLUMN, left, rows[i].help);
        }
}

enum sal_status sal_fleet_line_read_json(const char *path, size_t max_bytes, json_t **ret, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        enum sal_status status = sal_file_read(path, max_bytes, &bytes, &len, reterr);
        return status ? status : sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, ret, reterr);
}
