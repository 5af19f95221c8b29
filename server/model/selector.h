/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors: {"all":[…]}, {"any":[…]}, {"not":…} or {"fact":NAME, OP: VALUE} with one of eq ne in prefix glob lt le gt
 * ge exists. Compiled once, evaluated without allocation. Depth 8, 128 nodes at most.
 *
 * Strings compare ASCII-case-insensitively; a number equals its decimal text; lt le gt ge compare dotted decimal
 * numbers part by part (10.0.9 < 10.0.22631; a missing part counts as 0) and are false for anything else. A missing
 * fact makes every operator false but exists:false and ne. An empty "all" is true, an empty "any" false. glob: * and ?
 * over the whole value. Dotted decimal: 1..16 parts of 1..18 digits. Every value compares by its text, so a boolean
 * fact equals true as well as "true". in: 1..256 values; strings up to 256 bytes.
 *
 * Thread: immutable after parsing. Ownership: a selector owns everything it refers to.
 */
#ifndef SAL_MODEL_SELECTOR_H
#define SAL_MODEL_SELECTOR_H

#include "base/buf.h"
#include "model/facts.h"

enum { SAL_SELECTOR_MAX_DEPTH = 8, SAL_SELECTOR_MAX_NODES = 128, SAL_SELECTOR_MAX_VALUES = 256 };

struct sal_selector;

/* Errors: SAL_E_INVALID with the pointer of the part at fault, SAL_E_NOMEM. */
enum sal_status sal_selector_parse(const struct sal_json_at *at, struct sal_selector **ret, struct sal_err *reterr);
void sal_selector_free(struct sal_selector *selector); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_selector, sal_selector_free)

/* facts may be NULL (none). */
bool sal_selector_match(const struct sal_selector *selector, const struct sal_facts *facts);

/* Appends the selector in words (os is "windows" and failing_module matches "csagent*") for a person. Every value
 * stands in quotes, so that none passes for the words around it. */
void sal_selector_describe(const struct sal_selector *selector, struct sal_buf *out);

enum { SAL_SELECTOR_POINTER_BYTES = 96, SAL_SELECTOR_WHY_BYTES = 512 };

/* The first part of a selector that says no, in the order in which it is written. */
struct sal_selector_why {
        char pointer[SAL_SELECTOR_POINTER_BYTES]; /* where it stands in the selector: "/all/0"; "": it is the selector
                                                   */
        char fact[SAL_FACT_NAME_BYTES];           /* which fact it asks for */
        bool missing;                             /* the machine does not tell that fact */
        /* ASCII, each cut at its size: no fact passes for the words around it. */
        char text[SAL_SELECTOR_WHY_BYTES]; /* of this machine: os is linux, the fix is for windows */
        char rule[SAL_SELECTOR_WHY_BYTES]; /* of every machine that fails here: os is not windows */
};

/* How many parts and values it has: what a match may cost, 1..SAL_SELECTOR_MAX_NODES * (SAL_SELECTOR_MAX_VALUES + 1).
 */
size_t sal_selector_size(const struct sal_selector *selector);

/* Why the facts (NULL: none) do not match. False when they match: *ret is left alone. Of an "any" none of whose parts
 * fits it is about the first, and tells how many more there are. */
bool sal_selector_why(const struct sal_selector *selector, const struct sal_facts *facts, struct sal_selector_why *ret);

/* `*` any run, `?` any one byte, nothing else is special; ASCII-case-insensitive when fold. Never goes back further
 * than the last `*`: linear for one star, and never more than length times length steps. */
bool sal_glob_match(const char *pattern, const char *text, bool fold);

#endif
