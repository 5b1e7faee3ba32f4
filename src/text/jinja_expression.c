/* The half of the parser that reads expressions. The grammar is jinja2's: it is documented under "Expressions", and its
 * precedences (conditional, or, and, not, comparison, + -, ~, * / // %, **, sign, postfix, filters and tests) differ from
 * Python's where ~, ** and signs are concerned. */
#include "text/jinja_parser.h"
#include <string.h>

enum { HEIGHT_LIMIT = 250 };        /* of one expression: a long chain a + b + c … leans to the left */

static void grow(jinja_parser *p, jinja_node *n, const jinja_node *child) {
    if (!n || !child) return;
    if (n->height <= child->height) n->height = child->height + 1;
    if (n->height > HEIGHT_LIMIT) {
        p->j->line = n->line;
        jinja_fail(p->j, RIDGE_E_UNSUPPORTED, "an expression is nested deeper than %d", HEIGHT_LIMIT);
    }
}

static jinja_node *unary(jinja_parser *p, jinja_node_kind kind, jinja_node *a) {
    jinja_node *n = jinja_parse_node(p, kind);
    if (!n) return NULL;
    n->a = a;
    grow(p, n, a);
    return n;
}

static jinja_node *binary(jinja_parser *p, jinja_node_kind kind, jinja_node *a, jinja_node *b) {
    jinja_node *n = unary(p, kind, a);
    if (!n) return NULL;
    n->b = b;
    grow(p, n, b);
    return n;
}

/* Appends item to a list whose last link is *last. */
static void append(jinja_parser *p, jinja_node *n, jinja_node ***last, jinja_node *item) {
    if (!n || !item) return;
    **last = item;
    *last = &item->next;
    grow(p, n, item);
}

static jinja_node *constant(jinja_parser *p, jinja_value v) {
    jinja_node *n = jinja_parse_node(p, NODE_CONSTANT);
    if (n) n->value = v;
    return n;
}

static bool at(const jinja_parser *p, jinja_token_kind kind) { return p->token->kind == kind; }
static void next(jinja_parser *p) { if (p->token->kind != TOKEN_END) p->token++; }

static jinja_node *list(jinja_parser *p, jinja_node_kind kind, jinja_token_kind close) {
    jinja_node *n = jinja_parse_node(p, kind), **last = n ? &n->items : NULL;
    next(p);
    while (!p->j->code && !at(p, close)) {
        append(p, n, &last, jinja_parse_expression(p, true));
        if (kind == NODE_DICT) {
            jinja_parse_expect(p, TOKEN_COLON);
            append(p, n, &last, jinja_parse_expression(p, true));
        }
        if (!at(p, close)) jinja_parse_expect(p, TOKEN_COMMA);
    }
    jinja_parse_expect(p, close);
    return n;
}

static jinja_node *strings(jinja_parser *p) {
    jinja_node *n = constant(p, jinja_string(p->token->text.data, p->token->text.n));
    next(p);
    if (!at(p, TOKEN_STRING)) return n;
    buffer b = {0};
    if (n) jinja_append(p->j, &b, n->value.text.data, n->value.text.n);
    for (; at(p, TOKEN_STRING); next(p)) jinja_append(p->j, &b, p->token->text.data, p->token->text.n);
    const jinja_value joined = jinja_string_take(p->j, &b);
    if (n) n->value = joined;
    return n;
}

static jinja_node *name(jinja_parser *p) {
    static const struct { const char *word; int value; } constants[] = {
        { "true", 1 }, { "True", 1 }, { "false", 0 }, { "False", 0 }, { "none", -1 }, { "None", -1 },
    };
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (jinja_parse_accept_word(p, constants[i].word))
            return constant(p, constants[i].value < 0 ? jinja_none() : jinja_boolean(constants[i].value));
    if (p->macro) {
        p->macro->uses_caller  |= jinja_parse_at_word(p, "caller");
        p->macro->uses_varargs |= jinja_parse_at_word(p, "varargs");
        p->macro->uses_kwargs  |= jinja_parse_at_word(p, "kwargs");
    }
    jinja_node *n = jinja_parse_node(p, NODE_NAME);
    if (n) n->name = p->token->text;
    next(p);
    return n;
}

jinja_node *jinja_parse_primary(jinja_parser *p) {
    jinja_node *n = NULL;
    switch (p->token->kind) {
    case TOKEN_NAME: n = name(p); break;
    case TOKEN_STRING: n = strings(p); break;
    case TOKEN_INTEGER: case TOKEN_FLOAT: n = constant(p, p->token->value); next(p); break;
    case TOKEN_LEFT_BRACKET: n = list(p, NODE_LIST, TOKEN_RIGHT_BRACKET); break;
    case TOKEN_LEFT_BRACE: n = list(p, NODE_DICT, TOKEN_RIGHT_BRACE); break;
    case TOKEN_LEFT_PARENTHESIS:
        next(p);
        n = jinja_parse_tuple(p, JINJA_PARSE_IN_PARENTHESES, NULL);
        jinja_parse_expect(p, TOKEN_RIGHT_PARENTHESIS);
        break;
    default: jinja_parse_fail(p, "an expression");
    }
    return n;
}

static bool tuple_end(const jinja_parser *p, const char *end_word) {
    return at(p, TOKEN_PRINT_END) || at(p, TOKEN_BLOCK_END) || at(p, TOKEN_RIGHT_PARENTHESIS) || (end_word && jinja_parse_at_word(p, end_word));
}

jinja_node *jinja_parse_tuple(jinja_parser *p, jinja_parse_mode mode, const char *end_word) {
    jinja_node *tuple = jinja_parse_node(p, NODE_TUPLE), **last = tuple ? &tuple->items : NULL;
    bool commas = false;
    while (!p->j->code && !tuple_end(p, end_word)) {
        append(p, tuple, &last, mode == JINJA_PARSE_TARGET ? jinja_parse_primary(p)
                                                           : jinja_parse_expression(p, mode != JINJA_PARSE_NO_CONDITIONAL));
        if (!jinja_parse_accept(p, TOKEN_COMMA)) break;
        commas = true;
    }
    if (p->j->code) return NULL;
    if (!commas && tuple->items) return tuple->items;
    if (!commas && mode != JINJA_PARSE_IN_PARENTHESES) jinja_parse_fail(p, "an expression");
    return tuple;
}

static jinja_node *slice_part(jinja_parser *p) {
    if (at(p, TOKEN_COLON) || at(p, TOKEN_RIGHT_BRACKET) || at(p, TOKEN_COMMA)) return constant(p, jinja_none());
    return jinja_parse_expression(p, true);
}

/* What stands between [ and ]: an index, a slice, or several indices, which are a tuple. */
static jinja_node *subscript(jinja_parser *p, jinja_node *of) {
    jinja_node *tuple = jinja_parse_node(p, NODE_TUPLE), **last = tuple ? &tuple->items : NULL, *slice = NULL;
    next(p);
    while (!p->j->code && !at(p, TOKEN_RIGHT_BRACKET)) {
        if (tuple->items || slice) jinja_parse_expect(p, TOKEN_COMMA);
        jinja_node *start = at(p, TOKEN_COLON) ? slice_part(p) : jinja_parse_expression(p, true);
        if (!jinja_parse_accept(p, TOKEN_COLON)) {
            append(p, tuple, &last, start);
            continue;
        }
        jinja_node *parts = unary(p, NODE_SLICE, of), **part = parts ? &parts->items : NULL;
        append(p, parts, &part, start);
        append(p, parts, &part, slice_part(p));
        append(p, parts, &part, jinja_parse_accept(p, TOKEN_COLON) ? slice_part(p) : constant(p, jinja_none()));
        if (slice || (tuple && tuple->items)) jinja_parse_fail(p, "one slice");
        slice = parts;
    }
    jinja_parse_expect(p, TOKEN_RIGHT_BRACKET);
    if (p->j->code) return NULL;
    if (slice && tuple->items) jinja_parse_fail(p, "one slice");
    return slice ? slice : binary(p, NODE_ITEM, of, tuple->items && !tuple->items->next ? tuple->items : tuple);
}

static jinja_node *argument(jinja_parser *p) {
    if (jinja_parse_accept(p, TOKEN_MULTIPLY)) return unary(p, NODE_SPREAD, jinja_parse_expression(p, true));
    if (jinja_parse_accept(p, TOKEN_POWER)) return unary(p, NODE_SPREAD_DICT, jinja_parse_expression(p, true));
    if (at(p, TOKEN_NAME) && p->token[1].kind == TOKEN_ASSIGN) {
        const jinja_text key = p->token->text;
        p->token += 2;
        jinja_node *n = unary(p, NODE_KEYWORD, jinja_parse_expression(p, true));
        if (n) n->name = key;
        return n;
    }
    return jinja_parse_expression(p, true);
}

/* "(a, b, c=d, *e, **f)" into n->items. */
static void arguments(jinja_parser *p, jinja_node *n) {
    jinja_node **last = n ? &n->items : NULL;
    int stage = 0;                                          /* positional, keyword, *, ** come in this order */
    jinja_parse_expect(p, TOKEN_LEFT_PARENTHESIS);
    while (!p->j->code && !at(p, TOKEN_RIGHT_PARENTHESIS)) {
        jinja_node *a = argument(p);
        if (!a) return;
        const int rank = a->kind == NODE_KEYWORD ? (stage == 2 ? 2 : 1) : a->kind == NODE_SPREAD ? 2 : a->kind == NODE_SPREAD_DICT ? 3 : 0;
        if (rank < stage || (rank == stage && rank == 3) || (rank == 2 && stage == 2 && a->kind == NODE_SPREAD))
            jinja_parse_fail(p, "arguments in the order a, b=c, *d, **e");
        stage = rank;
        append(p, n, &last, a);
        if (!at(p, TOKEN_RIGHT_PARENTHESIS)) jinja_parse_expect(p, TOKEN_COMMA);
    }
    jinja_parse_expect(p, TOKEN_RIGHT_PARENTHESIS);
}

static jinja_node *call(jinja_parser *p, jinja_node *of) {
    jinja_node *n = unary(p, NODE_CALL, of);
    arguments(p, n);
    return n;
}

static jinja_node *dotted(jinja_parser *p, jinja_node *of) {
    next(p);
    if (at(p, TOKEN_INTEGER)) {
        jinja_node *index = constant(p, p->token->value);
        next(p);
        return binary(p, NODE_ITEM, of, index);
    }
    jinja_node *n = unary(p, NODE_ATTRIBUTE, of);
    const jinja_text attribute = jinja_parse_name(p);
    if (n) n->name = attribute;
    return n;
}

static jinja_node *postfix(jinja_parser *p, jinja_node *n) {
    while (!p->j->code) {
        if (at(p, TOKEN_DOT)) n = dotted(p, n);
        else if (at(p, TOKEN_LEFT_BRACKET)) n = subscript(p, n);
        else if (at(p, TOKEN_LEFT_PARENTHESIS)) n = call(p, n);
        else break;
    }
    return n;
}

jinja_node *jinja_parse_filters(jinja_parser *p, jinja_node *n, bool begin) {
    while (!p->j->code && (begin || jinja_parse_accept(p, TOKEN_PIPE))) {
        begin = false;
        n = unary(p, NODE_FILTER, n);
        const jinja_text filter = jinja_parse_name(p);
        if (n) n->name = filter;
        if (at(p, TOKEN_LEFT_PARENTHESIS)) arguments(p, n);
    }
    return n;
}

/* Does a test's argument without parentheses begin here: "is divisibleby 3"? */
static bool bare_argument(jinja_parser *p) {
    switch (p->token->kind) {
    case TOKEN_STRING: case TOKEN_INTEGER: case TOKEN_FLOAT: case TOKEN_LEFT_BRACKET: case TOKEN_LEFT_BRACE: return true;
    case TOKEN_NAME:
        if (jinja_parse_at_word(p, "is")) jinja_parse_fail(p, "no second test");
        return !jinja_parse_at_word(p, "else") && !jinja_parse_at_word(p, "or") && !jinja_parse_at_word(p, "and");
    default: return false;
    }
}

static jinja_node *test(jinja_parser *p, jinja_node *of) {
    next(p);
    const bool negated = jinja_parse_accept_word(p, "not");
    jinja_node *n = unary(p, NODE_TEST, of);
    const jinja_text test_name = jinja_parse_name(p);
    if (n) n->name = test_name;
    if (at(p, TOKEN_LEFT_PARENTHESIS)) arguments(p, n);
    else if (bare_argument(p)) {
        jinja_node **last = n ? &n->items : NULL;
        append(p, n, &last, postfix(p, jinja_parse_primary(p)));
    }
    return negated ? unary(p, NODE_NOT, n) : n;
}

static jinja_node *sign(jinja_parser *p, bool filters);

static jinja_node *signed_by(jinja_parser *p, jinja_node_kind kind) {
    if (!jinja_enter(p->j, JINJA_NESTING_LIMIT)) return NULL;
    next(p);
    jinja_node *n = unary(p, kind, sign(p, false));
    p->j->depth--;
    return n;
}

static jinja_node *sign(jinja_parser *p, bool filters) {
    jinja_node *n = at(p, TOKEN_SUBTRACT) ? signed_by(p, NODE_NEGATE) : at(p, TOKEN_ADD) ? signed_by(p, NODE_PLUS) : jinja_parse_primary(p);
    n = postfix(p, n);
    while (filters && !p->j->code) {
        if (at(p, TOKEN_PIPE)) n = jinja_parse_filters(p, n, false);
        else if (jinja_parse_at_word(p, "is")) n = test(p, n);
        else if (at(p, TOKEN_LEFT_PARENTHESIS)) n = call(p, n);
        else break;
    }
    return n;
}

typedef jinja_node *level(jinja_parser *p);

/* left operation right operation …, for the token kinds in [first, last]. */
static jinja_node *chain(jinja_parser *p, level *operand, jinja_token_kind first, jinja_token_kind last) {
    jinja_node *n = operand(p);
    while (!p->j->code && p->token->kind >= first && p->token->kind <= last) {
        const int operation = (int)p->token->kind;
        next(p);
        n = binary(p, NODE_BINARY, n, operand(p));
        if (n) n->operation = operation;
    }
    return n;
}

static jinja_node *signed_operand(jinja_parser *p) { return sign(p, true); }
static jinja_node *power(jinja_parser *p) { return chain(p, signed_operand, TOKEN_POWER, TOKEN_POWER); }
static jinja_node *product(jinja_parser *p) { return chain(p, power, TOKEN_MULTIPLY, TOKEN_MODULO); }

static jinja_node *concatenation(jinja_parser *p) {
    jinja_node *first = product(p);
    if (p->j->code || !at(p, TOKEN_TILDE)) return first;
    jinja_node *n = jinja_parse_node(p, NODE_CONCAT), **last = n ? &n->items : NULL;
    append(p, n, &last, first);
    while (jinja_parse_accept(p, TOKEN_TILDE)) append(p, n, &last, product(p));
    return n;
}

static jinja_node *sum(jinja_parser *p) { return chain(p, concatenation, TOKEN_ADD, TOKEN_SUBTRACT); }

/* The comparison that stands here, consumed; TOKEN_END: none. */
static jinja_token_kind comparison_sign(jinja_parser *p) {
    const jinja_token_kind kind = p->token->kind;
    if (kind >= TOKEN_EQUAL && kind <= TOKEN_LESS_EQUAL) { next(p); return kind; }
    if (jinja_parse_accept_word(p, "in")) return TOKEN_IN;
    if (jinja_parse_at_word(p, "not") && p->token[1].kind == TOKEN_NAME && p->token[1].text.n == 2 && !memcmp(p->token[1].text.data, "in", 2)) {
        p->token += 2;
        return TOKEN_NOT_IN;
    }
    return TOKEN_END;
}

static jinja_node *comparison(jinja_parser *p) {
    jinja_node *first = sum(p), *n = NULL, **last = NULL;
    jinja_token_kind kind;
    while (!p->j->code && (kind = comparison_sign(p)) != TOKEN_END) {
        if (!n) {
            n = unary(p, NODE_COMPARE, first);
            last = n ? &n->items : NULL;
        }
        jinja_node *operand = unary(p, NODE_OPERAND, sum(p));
        if (operand) operand->operation = (int)kind;
        append(p, n, &last, operand);
    }
    return n ? n : first;
}

static jinja_node *negation(jinja_parser *p) {
    int negations = 0;
    while (jinja_parse_accept_word(p, "not")) negations++;
    jinja_node *n = comparison(p);
    while (negations-- && !p->j->code) n = unary(p, NODE_NOT, n);
    return n;
}

static jinja_node *conjunction(jinja_parser *p) {
    jinja_node *n = negation(p);
    while (!p->j->code && jinja_parse_accept_word(p, "and")) n = binary(p, NODE_AND, n, negation(p));
    return n;
}

static jinja_node *disjunction(jinja_parser *p) {
    jinja_node *n = conjunction(p);
    while (!p->j->code && jinja_parse_accept_word(p, "or")) n = binary(p, NODE_OR, n, conjunction(p));
    return n;
}

jinja_node *jinja_parse_expression(jinja_parser *p, bool conditional) {
    if (!jinja_enter(p->j, JINJA_NESTING_LIMIT)) return NULL;
    jinja_node *n = disjunction(p);
    while (conditional && !p->j->code && jinja_parse_accept_word(p, "if")) {
        n = binary(p, NODE_CONDITIONAL, n, disjunction(p));
        if (jinja_parse_accept_word(p, "else")) {
            jinja_node *otherwise = jinja_parse_expression(p, true);
            if (n) n->c = otherwise;
            grow(p, n, otherwise);
        }
    }
    p->j->depth--;
    return n;
}
