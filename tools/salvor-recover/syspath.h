/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of a payload ("${SYSTEM}/drivers/x*.sys") as names to walk from the system root, one by one. Pure: what such a
 * path means is decided here, what is there is looked up by tree.h.
 *
 * Thread: any, no state. Ownership: struct sal_syspath owns its text; sal_syspath_done frees it.
 */
#ifndef SAL_RECOVER_SYSPATH_H
#define SAL_RECOVER_SYSPATH_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Windows: the root holds Windows/System32, and names compare ASCII-case-insensitively. */
enum sal_layout { SAL_LAYOUT_UNIX, SAL_LAYOUT_WINDOWS };

enum {
        SAL_SYSPATH_MAX_BYTES = 4096, /* PATH_MAX, the NUL included */
        SAL_SYSPATH_MAX_PARTS = 64,
        SAL_SYSPATH_PART_MAX_BYTES = 255 /* NAME_MAX */
};

struct sal_syspath {
        size_t count; /* 1..SAL_SYSPATH_MAX_PARTS */
        bool fold;    /* names compare ASCII-case-insensitively */
        char *text;
        const char *parts[SAL_SYSPATH_MAX_PARTS]; /* into text */
};

#define sal_autosyspath __attribute__((cleanup(sal_syspath_done)))

/* Puts the layout's folder in the place of the variable and cuts the path at "/". The rules of a payload's path (a
 * variable first; no "..", ".", empty part, ":", backslash, control byte; bounds) are checked again although the
 * payload's parser did so: this is the last place before the file system. Errors: SAL_E_REFUSED, SAL_E_NOMEM. */
enum sal_status sal_syspath_parse(const char *path, enum sal_layout layout, struct sal_syspath *ret,
                                  struct sal_err *reterr);

/* Frees; NULL is allowed. */
void sal_syspath_done(struct sal_syspath *path);

/* True when the part holds `*` or `?`. */
bool sal_syspath_is_wild(const char *part);

/* True when a name on disk is the one that the part means: equal, or matched by its `*` and `?` (one byte each). */
bool sal_syspath_part_matches(const char *part, const char *name, bool fold);

/* True for the name of a hidden file that a work has put into a directory: ".salvor-", 16 hex digits, "-", the step's
 * number, perhaps "o". */
bool sal_syspath_is_ours(const char *name);

/* True when the path, wildcards included, means this one, which is relative to the root. */
bool sal_syspath_matches(const struct sal_syspath *path, const char *relative);

/* True when two names or paths are the same file to this layout. */
bool sal_syspath_same(const char *a, const char *b, bool fold);

/* Appends a name from disk as harmless ASCII: `%` and every byte outside 0x20..0x7e become %XX, so that a name with a
 * newline or a broken encoding stays one word in a report, a log line and a JSON file. */
void sal_syspath_escape(const char *name, struct sal_buf *out);

/* The reverse. Handed over, to be freed with free. Errors: SAL_E_MALFORMED, SAL_E_NOMEM. */
enum sal_status sal_syspath_unescape(const char *text, char **ret);

#endif
