/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a selector, shared by selector.c (reads, matches, describes) and selector_why.c (says what does not
 * match). Nobody else includes it.
 *
 * Thread and ownership: as in selector.h.
 */
#ifndef SAL_MODEL_SELECTOR_NODE_H
#define SAL_MODEL_SELECTOR_NODE_H

#include "model/selector.h"

enum { DOTTED_MAX_PARTS = 128 }; /* a value has at most 256 bytes */

enum selector_op {
        OP_ALL,
        OP_ANY,
        OP_NOT,
        OP_EQ,
        OP_NE,
        OP_IN,
        OP_PREFIX,
        OP_GLOB,
        OP_LT,
        OP_LE,
        OP_GT,
        OP_GE,
        OP_EXISTS
};

/* Digits of a part without leading zeros, of any length. */
struct selector_part {
        const char *digits;
        size_t count;
};

struct selector_dotted {
        int count;                                    /* 0: the text is not dotted decimal */
        struct selector_part parts[DOTTED_MAX_PARTS]; /* borrowed from the text */
};

struct selector_node {
        enum selector_op op;
        const char *fact; /* borrowed from the source; NULL for all, any, not */
        bool wanted;      /* exists */
        size_t count;     /* of children, or of texts */
        struct selector_node *children;
        char **texts;
        struct selector_dotted dotted;
};

struct sal_selector {
        struct selector_node root;
        size_t node_count;
        json_t *source;
};

/* Whether one part of a selector is true of the facts (NULL: none). */
bool selector_node_match(const struct selector_node *node, const struct sal_facts *facts);
/* Appends it in words, in parentheses where `nested` makes them necessary. */
void selector_node_describe(const struct selector_node *node, bool nested, struct sal_buf *out);
/* Reads dotted decimal; ret->count 0: it is none. */
void selector_read_dotted(const char *text, struct selector_dotted *ret);

#endif
