/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what a machine says about itself in a poll; flat, at most 64, names [a-z0-9_.]{1,32}, values string (up to 256
 * bytes), number or boolean.
 *
 * Thread: immutable after parsing. Ownership: a struct sal_facts owns its strings.
 */
#ifndef SAL_MODEL_FACTS_H
#define SAL_MODEL_FACTS_H

#include "base/json.h"
#include "base/mem.h"

enum { SAL_FACTS_MAX = 64, SAL_FACT_NAME_BYTES = 33, SAL_FACT_VALUE_MAX_BYTES = 256, SAL_FACT_NUMBER_BYTES = 40 };

enum sal_fact_kind { SAL_FACT_STRING, SAL_FACT_NUMBER, SAL_FACT_BOOL };

struct sal_fact {
        char name[SAL_FACT_NAME_BYTES];
        enum sal_fact_kind kind;
        const char
                *text; /* a number as its decimal text (shortest that reads back the same), a boolean as true/false */
};

struct sal_facts {
        size_t count;
        struct sal_fact items[]; /* sorted by name */
};

/* Reads the object at `at` (at->value NULL: no facts). Errors: SAL_E_INVALID with pointer, SAL_E_NOMEM. */
enum sal_status sal_facts_parse(const struct sal_json_at *at, struct sal_facts **ret, struct sal_err *reterr);
/* The same from stored text (what sal_facts_dump wrote). */
enum sal_status sal_facts_parse_text(const char *text, struct sal_facts **ret);
void sal_facts_free(struct sal_facts *facts); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_facts, sal_facts_free)

/* NULL when it is missing. facts may be NULL (none). */
const struct sal_fact *sal_facts_get(const struct sal_facts *facts, const char *name);
/* Compact JSON object, sorted by name, types kept; equal facts give equal text. To be freed with free. */
char *sal_facts_dump(const struct sal_facts *facts);
/* A new reference to the facts as a JSON object. */
json_t *sal_facts_json(const struct sal_facts *facts);
/* True when name is a valid fact name. */
bool sal_fact_name_valid(const char *name);

/* The shortest decimal text of a JSON number that reads back the same; a whole number has no fraction and no exponent,
 * so that 5.0 and 5 are the same fact. */
void sal_fact_number_text(const json_t *number, char ret[static SAL_FACT_NUMBER_BYTES]);

#endif
