/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options from a table, whose rows drive parsing and help: `run` and `simulate` have one each.
 *
 * Thread: one. Ownership: tables are borrowed; texts that are taken stay those of argv.
 */
#ifndef SAL_FLEET_COMMAND_LINE_H
#define SAL_FLEET_COMMAND_LINE_H

#include "base/json.h"

#include <stdio.h>

/* Whole numbers that every reader of JSON holds exactly. */
#define SAL_FLEET_SEED_MAX 9007199254740992.0

enum sal_fleet_option_kind {
        SAL_FLEET_KIND_SWITCH, /* bool */
        SAL_FLEET_KIND_TEXT,   /* const char * */
        SAL_FLEET_KIND_INT,    /* int64_t, min..max */
        SAL_FLEET_KIND_NUMBER, /* double, min..max */
        SAL_FLEET_KIND_OWN,    /* what `take` makes of it */
};

struct sal_fleet_option;
/* Takes an option's text into the member at `member`. Errors: SAL_E_USAGE, and those of reading a file. */
typedef enum sal_status sal_fleet_take_fn(const struct sal_fleet_option *option, const char *text, void *member,
                                          struct sal_err *reterr);

struct sal_fleet_option {
        const char *name; /* with its dashes; NULL: the row is a heading, which is its help */
        enum sal_fleet_option_kind kind;
        size_t offset;     /* of the member that it fills */
        double min, max;   /* of a SAL_FLEET_KIND_INT: at most 2^53 away from 0 */
        const char *value; /* what stands behind it in the help; NULL: a switch */
        const char *help;
        sal_fleet_take_fn *take;
};

/* Rows: the option's words, the offset of its member, its bounds or what takes it, its value's name, its help. */
#define SAL_FLEET_HEADING(text) \
        { .help = (text) }
#define SAL_FLEET_SWITCH(word, at, text) \
        { .name = (word), .kind = SAL_FLEET_KIND_SWITCH, .offset = (at), .help = (text) }
#define SAL_FLEET_TEXT(word, at, what, text) \
        { .name = (word), .kind = SAL_FLEET_KIND_TEXT, .offset = (at), .value = (what), .help = (text) }
#define SAL_FLEET_INT(word, at, least, most, what, text)                                                   \
        {                                                                                                  \
                .name = (word), .kind = SAL_FLEET_KIND_INT, .offset = (at), .min = (least), .max = (most), \
                .value = (what), .help = (text)                                                            \
        }
#define SAL_FLEET_NUMBER(word, at, least, most, what, text)                                                   \
        {                                                                                                     \
                .name = (word), .kind = SAL_FLEET_KIND_NUMBER, .offset = (at), .min = (least), .max = (most), \
                .value = (what), .help = (text)                                                               \
        }
#define SAL_FLEET_OWN(word, at, how, what, text) \
        { .name = (word), .kind = SAL_FLEET_KIND_OWN, .offset = (at), .take = (how), .value = (what), .help = (text) }

/* Takes argv[0..argc) into `into`, of which the rows' offsets are. given: of each row, whether it was named; or NULL.
 * ret_word: the one word that is no option, or NULL; itself NULL: there must be none. Errors: SAL_E_USAGE, and those of
 * `take`. */
enum sal_status sal_fleet_line_parse(const struct sal_fleet_option *rows, size_t count, int argc, char **argv,
                                     void *into, bool *given, const char **ret_word, struct sal_err *reterr);
/* strtod for decimal numbers alone: no space, 0x1, inf or nan. *ret_end == text: it begins with none. */
double sal_fleet_decimal(const char *text, char **ret_end);
/* A line or more for each row. */
void sal_fleet_line_print(FILE *stream, const struct sal_fleet_option *rows, size_t count);

/* Reads a file that holds a JSON document. Errors: those of sal_file_read and sal_json_parse. */
enum sal_status sal_fleet_line_read_json(const char *path, size_t max_bytes, json_t **ret, struct sal_err *reterr);

#endif
