/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What salvorctl prints: aligned tables and harmless text for people, JSON for programs, errors with their hint.
 *
 * Thread: one. Ownership: a table owns copies of its cells until sal_table_done.
 */
#ifndef SAL_SALVORCTL_OUT_H
#define SAL_SALVORCTL_OUT_H

#include "base/json.h"
#include "client/safe.h"

#include <stdbool.h>

enum { SAL_TABLE_COLUMNS = 12 };

struct sal_table {
        const char *const *heads; /* a leading '>' aligns the column to the right; borrowed, static */
        size_t columns;           /* 1..SAL_TABLE_COLUMNS */
        char **cells;
        size_t count;
        size_t room;
        bool failed;
};

#define SAL_TABLE_INIT(h) ((struct sal_table){.heads = (h), .columns = SAL_ARRAY_LEN(h)})
#define sal_autotable __attribute__((cleanup(sal_table_done)))
void sal_table_done(struct sal_table *table);

/* The next cell, from left to right, row by row. NULL and "" are shown as "-". */
void sal_table_text(struct sal_table *table, const char *text);
void sal_table_printf(struct sal_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Strings as they are, numbers, yes/no, arrays joined with ", ", objects as compact JSON; NULL and null are "-". */
void sal_table_json(struct sal_table *table, const json_t *value);
/* Prints the heads and the rows; a table without rows prints `empty` (a sentence) instead. */
void sal_table_print(const struct sal_table *table, FILE *stream, const char *empty);

/* Pretty JSON, ASCII only, with a newline. */
void sal_out_json(const json_t *value);
/* One line "name: value" of a document, aligned and harmless, the name too; nothing when the member is missing. */
void sal_out_member(FILE *stream, const char *label, const json_t *value);
/* Text of several lines, each indented and harmless. */
void sal_out_lines(FILE *stream, const char *text);
/* printf of harmless text: each argument is a string that is escaped first. */
void sal_out_line(FILE *stream, const char *first, ...) __attribute__((sentinel));

/* The error for a person on standard error, and with `json` as an object on standard output too. */
void sal_out_error(const struct sal_err *err, bool json);

/* True when the stream is a terminal that wants colours (NO_COLOR unset, TERM not dumb). */
bool sal_out_colour(FILE *stream);

/* Member of an object as text, "" when missing; as a number, 0 when missing. */
const char *sal_text(const json_t *object, const char *key);
int64_t sal_number(const json_t *object, const char *key);

#endif
