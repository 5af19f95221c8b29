/* SPDX-License-Identifier: Apache-2.0 */
#include "model/selector_node.h"

#include "model/quote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What kind of value an operator takes. */
enum operand {
        OPERAND_SELECTORS,
        OPERAND_SELECTOR,
        OPERAND_SCALAR,
        OPERAND_LIST,
        OPERAND_TEXT,    /* of one byte at least */
        OPERAND_PATTERN, /* a text that may be empty */
        OPERAND_DOTTED,
        OPERAND_BOOL
};

static const struct op_info {
        const char *name;
        const char *words;
        enum operand operand;
} ops[] = {
        [OP_ALL] = {"all", " and ", OPERAND_SELECTORS},
        [OP_ANY] = {"any", " or ", OPERAND_SELECTORS},
        [OP_NOT] = {"not", "not ", OPERAND_SELECTOR},
        [OP_EQ] = {"eq", " is ", OPERAND_SCALAR},
        [OP_NE] = {"ne", " is not ", OPERAND_SCALAR},
        [OP_IN] = {"in", " is one of ", OPERAND_LIST},
        [OP_PREFIX] = {"prefix", " begins with ", OPERAND_TEXT},
        [OP_GLOB] = {"glob", " matches ", OPERAND_PATTERN},
        [OP_LT] = {"lt", " is below ", OPERAND_DOTTED},
        [OP_LE] = {"le", " is at most ", OPERAND_DOTTED},
        [OP_GT] = {"gt", " is above ", OPERAND_DOTTED},
        [OP_GE] = {"ge", " is at least ", OPERAND_DOTTED},
        [OP_EXISTS] = {"exists", "", OPERAND_BOOL},
};

/* Reads "10.0.22631": 1..16 parts of 1..18 digits, so that a part always fits 64 bits. */
void selector_read_dotted(const char *text, struct selector_dotted *ret) {
        struct selector_dotted out = {0};
        ret->count = 0;
        for (;;) {
                size_t digits = strspn(text, "0123456789");
                if (digits == 0 || out.count == DOTTED_MAX_PARTS)
                        return;
                size_t zeros = strspn(text, "0");
                out.parts[out.count++] =
                        (struct selector_part){.digits = text + zeros, .count = zeros < digits ? digits - zeros : 0};
                text += digits;
                if (*text == '\0')
                        break;
                if (*text++ != '.')
                        return;
        }
        *ret = out;
}

/* A part that one side lacks counts as 0, because parts start as 0. */
static int compare_dotted(const struct selector_dotted *a, const struct selector_dotted *b) {
        for (int i = 0; i < DOTTED_MAX_PARTS; i++) {
                const struct selector_part *x = &a->parts[i], *y = &b->parts[i];
                if (x->count != y->count)
                        return x->count < y->count ? -1 : 1;
                int order = x->count ? memcmp(x->digits, y->digits, x->count) : 0;
                if (order)
                        return order;
        }
        return 0;
}

static void node_done(struct selector_node *node) {
        for (size_t i = 0; node->children && i < node->count; i++)
                node_done(&node->children[i]);
        for (size_t i = 0; node->texts && i < node->count; i++)
                free(node->texts[i]);
        free(node->children);
        free(node->texts);
}

void sal_selector_free(struct sal_selector *selector) {
        if (!selector)
                return;
        node_done(&selector->root);
        json_decref(selector->source);
        free(selector);
}

/* The operand as text, handed over. */
static enum sal_status read_text(const struct sal_json_at *at, const json_t *value, enum operand operand, char **ret,
                                 struct sal_err *reterr) {
        char number[SAL_FACT_NUMBER_BYTES];
        const char *text = number;
        bool texts_only = operand == OPERAND_TEXT || operand == OPERAND_PATTERN;
        size_t least = operand == OPERAND_TEXT ? 1 : 0;
        if (json_is_string(value)) {
                text = json_string_value(value);
                size_t len = json_string_length(value);
                if (len < least || len > SAL_FACT_VALUE_MAX_BYTES)
                        return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "must have %zu to %d bytes, it has %zu",
                                             least, SAL_FACT_VALUE_MAX_BYTES, len);
        } else if (json_is_number(value) && !texts_only) {
                sal_fact_number_text(value, number);
        } else if (json_is_boolean(value) && operand != OPERAND_DOTTED && !texts_only) {
                text = json_is_true(value) ? "true" : "false";
        } else {
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "must be a string%s",
                                     texts_only                  ? ""
                                     : operand == OPERAND_DOTTED ? " or a number"
                                                                 : ", a number or a boolean");
        }
        *ret = strdup(text);
        return *ret ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for a selector");
}

static enum sal_status parse_texts(const struct sal_json_at *at, enum operand operand, struct selector_node *node,
                                   struct sal_err *reterr) {
        bool list = operand == OPERAND_LIST;
        size_t count = 1;
        if (list) {
                count = json_array_size(at->value);
                if (!json_is_array(at->value) || count < 1 || count > SAL_SELECTOR_MAX_VALUES)
                        return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "must be an array of 1 to %d values",
                                             SAL_SELECTOR_MAX_VALUES);
        }
        node->texts = calloc(count, sizeof *node->texts);
        if (!node->texts)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a selector");
        for (size_t i = 0; i < count; i++) {
                struct sal_json_at element = sal_json_element(at, i);
                const struct sal_json_at *where = list ? &element : at;
                enum sal_status status = read_text(where, where->value, operand, &node->texts[i], reterr);
                if (status)
                        return status;
                node->count++;
        }
        if (operand == OPERAND_DOTTED)
                selector_read_dotted(node->texts[0], &node->dotted);
        return SAL_OK;
}

static enum sal_status parse_node(struct sal_selector *selector, const struct sal_json_at *at, int depth,
                                  struct selector_node *node, struct sal_err *reterr);

static enum sal_status parse_children(struct sal_selector *selector, const struct sal_json_at *at, int depth,
                                      struct selector_node *node, struct sal_err *reterr) {
        bool list = ops[node->op].operand == OPERAND_SELECTORS;
        if (list && !json_is_array(at->value))
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "must be an array of selectors");
        size_t count = list ? json_array_size(at->value) : 1;
        if (count > SAL_SELECTOR_MAX_NODES)
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "a selector has at most %d parts",
                                     SAL_SELECTOR_MAX_NODES);
        if (count == 0)
                return SAL_OK;
        node->children = calloc(count, sizeof *node->children);
        if (!node->children)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a selector");
        for (size_t i = 0; i < count; i++) {
                struct sal_json_at element = sal_json_element(at, i);
                node->count++;
                enum sal_status status =
                        parse_node(selector, list ? &element : at, depth + 1, &node->children[i], reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

/* Finds the one operator of an object; "fact" may stand beside it. */
static enum sal_status find_op(const struct sal_json_at *at, struct selector_node *node,
                               struct sal_json_at *ret_operand, struct sal_err *reterr) {
        bool found = false;
        bool has_fact = json_object_get(at->value, "fact") != NULL;
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)at->value, key, value) {
                if (strcmp(key, "fact") == 0)
                        continue;
                size_t op = 0;
                while (op < SAL_ARRAY_LEN(ops) && strcmp(ops[op].name, key) != 0)
                        op++;
                if (op == SAL_ARRAY_LEN(ops))
                        return sal_json_fail(at, key, SAL_E_INVALID, reterr, "unknown operator \"%.64s\"", key);
                if (found)
                        return sal_json_fail(at, key, SAL_E_INVALID, reterr,
                                             "a second operator beside \"%s\"; join two conditions with \"all\"",
                                             ops[node->op].name);
                if (has_fact == (op <= OP_NOT))
                        return sal_json_fail(
                                at, key, SAL_E_INVALID, reterr,
                                has_fact ? "\"%s\" cannot stand beside \"fact\"" : "\"%s\" needs a \"fact\"", key);
                found = true;
                node->op = (enum selector_op)op;
                *ret_operand = (struct sal_json_at){.parent = at, .key = ops[op].name, .value = value};
        }
        if (!found)
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr,
                                     "must be {\"all\":[…]}, {\"any\":[…]}, {\"not\":…} or {\"fact\":NAME, OP: VALUE}");
        return SAL_OK;
}

static enum sal_status parse_node(struct sal_selector *selector, const struct sal_json_at *at, int depth,
                                  struct selector_node *node, struct sal_err *reterr) {
        if (depth > SAL_SELECTOR_MAX_DEPTH)
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "a selector is at most %d levels deep",
                                     SAL_SELECTOR_MAX_DEPTH);
        if (++selector->node_count > SAL_SELECTOR_MAX_NODES)
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "a selector has at most %d parts",
                                     SAL_SELECTOR_MAX_NODES);
        enum sal_status status = sal_json_is_object(at, reterr);
        if (status)
                return status;
        struct sal_json_at operand = {0};
        status = find_op(at, node, &operand, reterr);
        if (status)
                return status;
        if (node->op <= OP_NOT)
                return parse_children(selector, &operand, depth, node, reterr);

        status = sal_json_string(at, "fact", true, 1, SAL_FACT_NAME_BYTES - 1, &node->fact, reterr);
        if (status)
                return status;
        if (!sal_fact_name_valid(node->fact))
                return sal_json_fail(at, "fact", SAL_E_INVALID, reterr,
                                     "a fact's name has only the characters a-z 0-9 _ and .");
        if (node->op == OP_EXISTS)
                return sal_json_bool(at, "exists", true, &node->wanted, reterr);
        return parse_texts(&operand, ops[node->op].operand, node, reterr);
}

enum sal_status sal_selector_parse(const struct sal_json_at *at, struct sal_selector **ret, struct sal_err *reterr) {
        sal_auto(sal_selector) struct sal_selector *selector = calloc(1, sizeof *selector);
        if (!selector)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a selector");
        selector->source = json_incref((json_t *)at->value);
        enum sal_status status = parse_node(selector, at, 1, &selector->root, reterr);
        if (status)
                return status;
        *ret = SAL_STEAL(selector);
        return SAL_OK;
}

static bool match_dotted(const struct selector_node *node, const char *text) {
        struct selector_dotted value;
        selector_read_dotted(text, &value);
        if (!value.count || !node->dotted.count)
                return false;
        int order = compare_dotted(&value, &node->dotted);
        switch (node->op) {
        case OP_LT:
                return order < 0;
        case OP_LE:
                return order <= 0;
        case OP_GT:
                return order > 0;
        default:
                return order >= 0;
        }
}

static bool equals_any(const struct selector_node *node, const char *text) {
        for (size_t i = 0; i < node->count; i++) {
                if (strcasecmp(text, node->texts[i]) == 0)
                        return true;
        }
        return false;
}

static bool match_fact(const struct selector_node *node, const struct sal_fact *fact) {
        if (!fact)
                return node->op == OP_NE || (node->op == OP_EXISTS && !node->wanted);
        switch (node->op) {
        case OP_EXISTS:
                return node->wanted;
        case OP_EQ:
        case OP_IN:
                return equals_any(node, fact->text);
        case OP_NE:
                return !equals_any(node, fact->text);
        case OP_PREFIX:
                return strncasecmp(fact->text, node->texts[0], strlen(node->texts[0])) == 0;
        case OP_GLOB:
                return sal_glob_match(node->texts[0], fact->text, true);
        default:
                return match_dotted(node, fact->text);
        }
}

bool selector_node_match(const struct selector_node *node, const struct sal_facts *facts) {
        if (node->op == OP_NOT)
                return !selector_node_match(&node->children[0], facts);
        if (node->op > OP_NOT)
                return match_fact(node, sal_facts_get(facts, node->fact));
        /* "all" looks for a false child, "any" for a true one; the first settles it. */
        bool settles = node->op == OP_ANY;
        for (size_t i = 0; i < node->count; i++) {
                if (selector_node_match(&node->children[i], facts) == settles)
                        return settles;
        }
        return !settles;
}

bool sal_selector_match(const struct sal_selector *selector, const struct sal_facts *facts) {
        return selector_node_match(&selector->root, facts);
}

void selector_node_describe(const struct selector_node *node, bool nested, struct sal_buf *out) {
        const struct op_info *op = &ops[node->op];
        if (node->op == OP_NOT) {
                sal_buf_puts(out, op->words);
                selector_node_describe(&node->children[0], true, out);
                return;
        }
        if (node->op < OP_NOT) {
                if (node->count == 0)
                        sal_buf_puts(out, node->op == OP_ALL ? "any machine" : "no machine");
                bool parens = nested && node->count > 1;
                sal_buf_puts(out, parens ? "(" : "");
                for (size_t i = 0; i < node->count; i++) {
                        sal_buf_puts(out, i ? op->words : "");
                        selector_node_describe(&node->children[i], nested || node->count > 1, out);
                }
                sal_buf_puts(out, parens ? ")" : "");
                return;
        }
        sal_buf_puts(out, node->fact);
        if (node->op == OP_EXISTS)
                sal_buf_puts(out, node->wanted ? " is known" : " is not known");
        sal_buf_puts(out, op->words);
        for (size_t i = 0; i < node->count; i++) {
                sal_buf_puts(out, i ? ", " : "");
                sal_quote(out, node->texts[i], SAL_QUOTE_VALUE);
        }
}

void sal_selector_describe(const struct sal_selector *selector, struct sal_buf *out) {
        selector_node_describe(&selector->root, false, out);
}
