/* SPDX-License-Identifier: Apache-2.0 */
#include "model/quote.h"
#include "model/selector_node.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_BYTES = 48, VALUES_TOLD = 3, LEFT_OUT_BYTES = 160 };

struct why {
        const struct sal_facts *facts;
        struct sal_buf text, rule;
        size_t other_ways; /* parts of an "any" that fail too */
        struct sal_selector_why *ret;
};

static void put_value(struct sal_buf *out, const char *value) {
        sal_quote_short(out, value, SAL_QUOTE_NAME, VALUE_BYTES);
}

static void put_values(const struct selector_node *node, struct sal_buf *out) {
        size_t told = node->count <= VALUES_TOLD + 1 ? node->count : VALUES_TOLD;
        for (size_t i = 0; i < told; i++) {
                sal_buf_puts(out, i == 0 ? "" : i + 1 == node->count ? " or " : ", ");
                put_value(out, node->texts[i]);
        }
        if (told < node->count)
                sal_buf_printf(out, " or one of %zu others", node->count - told);
}

/* How a condition is told: behind "the fix is for ", and behind the name of a fact that fails it. */
static const struct {
        const char *wanted, *rule;
} words[] = {
        [OP_EQ] = {"", " is not "},
        [OP_IN] = {"", " is none of "},
        [OP_NE] = {"", " is "},
        [OP_PREFIX] = {"what begins with ", " does not begin with "},
        [OP_GLOB] = {"what matches ", " does not match "},
        [OP_LT] = {"versions below ", " is not below "},
        [OP_LE] = {"versions up to ", " is above "},
        [OP_GT] = {"versions above ", " is not above "},
        [OP_GE] = {"versions from ", " is below "},
        [OP_EXISTS] = {"machines that tell it", " is not known"},
};

static void put_rule(struct why *why, const struct selector_node *node, bool missing) {
        sal_buf_puts(&why->rule, node->fact);
        if (missing || (node->op == OP_EXISTS && node->wanted)) {
                sal_buf_puts(&why->rule, " is not known");
        } else if (node->op == OP_EXISTS) {
                sal_buf_puts(&why->rule, " is known");
        } else {
                sal_buf_puts(&why->rule, words[node->op].rule);
                put_values(node, &why->rule);
        }
}

/* One condition on a fact that is false. */
static void put_condition(struct why *why, const struct selector_node *node) {
        const struct sal_fact *fact = sal_facts_get(why->facts, node->fact);
        struct selector_dotted dotted = {.count = 1};
        sal_buf_puts(&why->text, node->fact);
        if (fact) {
                sal_buf_puts(&why->text, " is ");
                put_value(&why->text, fact->text);
        } else {
                sal_buf_puts(&why->text, " is not known");
        }
        if (fact && node->op >= OP_LT && node->op <= OP_GE)
                selector_read_dotted(fact->text, &dotted);
        if (!dotted.count)
                sal_buf_puts(&why->text, " (no version number)");
        if (node->op == OP_NE) {
                sal_buf_puts(&why->text, ", which the fix leaves out");
        } else if (node->op == OP_EXISTS && !node->wanted) {
                sal_buf_puts(&why->text, ", the fix is for machines that do not tell it");
        } else {
                sal_buf_puts(&why->text, ", the fix is for ");
                sal_buf_puts(&why->text, words[node->op].wanted);
                put_values(node, &why->text);
        }
        put_rule(why, node, !fact);
        snprintf(why->ret->fact, sizeof why->ret->fact, "%s", node->fact);
        why->ret->missing = !fact;
}

/* A "not" whose part is true. */
static void put_left_out(struct why *why, const struct selector_node *part) {
        sal_autobuf struct sal_buf described = SAL_BUF_INIT;
        selector_node_describe(part, true, &described);
        const char *text = described.data ? described.data : "";
        const char *cut = strlen(text) > LEFT_OUT_BYTES ? "..." : "";
        const struct sal_fact *fact = part->fact ? sal_facts_get(why->facts, part->fact) : NULL;
        if (part->fact) {
                snprintf(why->ret->fact, sizeof why->ret->fact, "%s", part->fact);
                why->ret->missing = !fact;
                sal_buf_puts(&why->text, part->fact);
                sal_buf_puts(&why->text, fact ? " is " : " is not known");
                if (fact)
                        put_value(&why->text, fact->text);
                sal_buf_puts(&why->text, ", ");
        }
        sal_buf_printf(&why->text, "the fix leaves out those where %.*s%s", LEFT_OUT_BYTES, text, cut);
        sal_buf_printf(&why->rule, "%.*s%s", LEFT_OUT_BYTES, text, cut);
}

/* Goes down to the first part that makes `node` false. */
static void find(struct why *why, const struct selector_node *node) {
        char *pointer = why->ret->pointer;
        size_t len = strlen(pointer), room = SAL_SELECTOR_POINTER_BYTES - len, i = 0;
        switch (node->op) {
        case OP_NOT:
                snprintf(pointer + len, room, "/not");
                put_left_out(why, &node->children[0]);
                return;
        case OP_ANY:
                if (node->count == 0) {
                        sal_buf_puts(&why->text, "the fix is for no machine");
                        sal_buf_puts(&why->rule, "the fix is for no machine");
                        return;
                }
                why->other_ways += node->count - 1;
                snprintf(pointer + len, room, "/any/0");
                find(why, &node->children[0]);
                return;
        case OP_ALL:
                while (selector_node_match(&node->children[i], why->facts))
                        i++; /* one is false, or this would not be */
                snprintf(pointer + len, room, "/all/%zu", i);
                find(why, &node->children[i]);
                return;
        default:
                put_condition(why, node);
        }
}

static void keep(char ret[static SAL_SELECTOR_WHY_BYTES], const struct sal_buf *text) {
        int len = snprintf(ret, SAL_SELECTOR_WHY_BYTES, "%s", text->data ? text->data : "");
        if (len >= SAL_SELECTOR_WHY_BYTES)
                memcpy(ret + SAL_SELECTOR_WHY_BYTES - sizeof "...", "...", sizeof "...");
}

bool sal_selector_why(const struct sal_selector *selector, const struct sal_facts *facts,
                      struct sal_selector_why *ret) {
        if (selector_node_match(&selector->root, facts))
                return false;
        *ret = (struct sal_selector_why){0};
        struct why why = {.facts = facts, .ret = ret};
        find(&why, &selector->root);
        if (why.other_ways) {
                const char *s = why.other_ways == 1 ? "" : "s";
                sal_buf_printf(&why.text, " (and %zu other way%s to match: none fits)", why.other_ways, s);
                sal_buf_printf(&why.rule, " (and %zu other way%s to match: none fits)", why.other_ways, s);
        }
        keep(ret->text, &why.text);
        keep(ret->rule, &why.rule);
        sal_buf_done(&why.text);
        sal_buf_done(&why.rule);
        return true;
}

static size_t size_of(const struct selector_node *node) {
        size_t size = 1;
        for (size_t i = 0; node->children && i < node->count; i++)
                size += size_of(&node->children[i]);
        return node->texts ? size + node->count : size;
}

size_t sal_selector_size(const struct sal_selector *selector) {
        return size_of(&selector->root);
}
