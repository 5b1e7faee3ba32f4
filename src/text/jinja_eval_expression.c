/* The half of the evaluator that computes expressions: see jinja_eval.h. */
#include "text/jinja_eval.h"
#include "text/jinja_operators.h"
#include "text/jinja_print.h"
#include <string.h>

static jinja_value name(jinja *j, const jinja_node *n, const jinja_scope *s) {
    const jinja_value *found = jinja_scope_find(s, n->name);
    if (found) return *found;
    const jinja_callable *function = jinja_function(n->name);
    if (function) return (jinja_value){ .kind = JINJA_FUNCTION, .function = function };
    return jinja_undefined_name(j, NULL, jinja_string(n->name.data, n->name.n));
}

static jinja_value sequence(jinja *j, const jinja_node *n, jinja_scope *s, jinja_kind kind) {
    jinja_list *l = jinja_list_new(j, 0);
    for (const jinja_node *i = n->items; i && !j->code; i = i->next) jinja_list_add(j, l, jinja_eval(j, i, s));
    return jinja_sequence(kind, l);
}

static jinja_value dict(jinja *j, const jinja_node *n, jinja_scope *s) {
    jinja_dict *d = jinja_dict_new(j);
    for (const jinja_node *i = n->items; i && i->next && !j->code; i = i->next->next) {
        const jinja_value key = jinja_eval(j, i, s);
        jinja_dict_set(j, d, key, jinja_eval(j, i->next, s));
    }
    return jinja_mapping(JINJA_DICT, d);
}

static jinja_value conditional(jinja *j, const jinja_node *n, jinja_scope *s) {
    const bool yes = jinja_truth(jinja_eval(j, n->b, s));
    if (yes) return jinja_eval(j, n->a, s);
    return n->c ? jinja_eval(j, n->c, s) : jinja_undefined_hint(j, "the inline if-expression evaluated to false and no else section was defined.");
}

static jinja_value logical(jinja *j, const jinja_node *n, jinja_scope *s) {
    const jinja_value a = jinja_eval(j, n->a, s);
    return jinja_truth(a) == (n->kind == NODE_AND) ? jinja_eval(j, n->b, s) : a;
}

static jinja_value comparison(jinja *j, const jinja_node *n, jinja_scope *s) {
    jinja_value left = jinja_eval(j, n->a, s);
    bool holds = true;
    for (const jinja_node *i = n->items; i && holds && !j->code; i = i->next) {
        const jinja_value right = jinja_eval(j, i->a, s);
        if (!j->code) holds = jinja_relation(j, i->operation, left, right);
        left = right;
    }
    return jinja_boolean(holds);
}

static jinja_value concatenation(jinja *j, const jinja_node *n, jinja_scope *s) {
    buffer b = {0};
    for (const jinja_node *i = n->items; i && !j->code; i = i->next) jinja_print(j, &b, jinja_eval(j, i, s));
    return jinja_string_take(j, &b);
}

static jinja_value slice(jinja *j, const jinja_node *n, jinja_scope *s) {
    const jinja_value of = jinja_eval(j, n->a, s), start = jinja_eval(j, n->items, s), stop = jinja_eval(j, n->items->next, s);
    return jinja_slice(j, of, start, stop, jinja_eval(j, n->items->next->next, s));
}

typedef struct { jinja_list *values; jinja_keyword *keywords; size_t n, room; } collector;

static void add_keyword(jinja *j, collector *c, jinja_text key, jinja_value value) {
    for (size_t i = 0; i < c->n; i++)
        if (c->keywords[i].name.n == key.n && !memcmp(c->keywords[i].name.data, key.data, key.n)) {
            jinja_fail(j, RIDGE_E_BAD_FILE, "the argument '%.*s' is given twice", (int)key.n, key.data);
            return;
        }
    if (c->n == c->room) {
        const size_t room = c->room ? 2 * c->room : 4;
        jinja_keyword *keywords = jinja_allocate(j, room, sizeof *keywords);
        if (!keywords) return;
        if (c->n) memcpy(keywords, c->keywords, c->n * sizeof *keywords);
        c->keywords = keywords;
        c->room = room;
    }
    if (!jinja_step(j, 1 + c->n / 16)) return;
    c->keywords[c->n++] = (jinja_keyword){ key, value };
}

static void spread(jinja *j, collector *c, jinja_value v) {
    const jinja_list *l = jinja_items(j, v);
    for (size_t i = 0; i < l->n && jinja_step(j, 1); i++) jinja_list_add(j, c->values, l->items[i]);
}

static void spread_dict(jinja *j, collector *c, jinja_value v) {
    if (v.kind != JINJA_DICT) { jinja_fail(j, RIDGE_E_BAD_FILE, "argument after ** must be a mapping, not %s", jinja_type_name(v)); return; }
    for (size_t i = 0; i < v.dict->n && jinja_step(j, 1); i++) {
        if (v.dict->entries[i].key.kind == JINJA_STRING) add_keyword(j, c, v.dict->entries[i].key.text, v.dict->entries[i].value);
        else jinja_fail(j, RIDGE_E_BAD_FILE, "keywords must be strings");
    }
}

static jinja_arguments arguments(jinja *j, const jinja_node *n, jinja_scope *s, jinja_value caller) {
    collector c = { .values = jinja_list_new(j, 0) };
    for (const jinja_node *i = n->items; i && !j->code; i = i->next) {
        const jinja_value v = jinja_eval(j, i->kind == NODE_KEYWORD || i->kind == NODE_SPREAD || i->kind == NODE_SPREAD_DICT ? i->a : i, s);
        if (j->code) break;
        if (i->kind == NODE_KEYWORD) add_keyword(j, &c, i->name, v);
        else if (i->kind == NODE_SPREAD) spread(j, &c, v);
        else if (i->kind == NODE_SPREAD_DICT) spread_dict(j, &c, v);
        else jinja_list_add(j, c.values, v);
    }
    if (caller.kind != JINJA_MISSING) add_keyword(j, &c, (jinja_text){ "caller", 6 }, caller);
    return (jinja_arguments){ c.values->items, c.values->n, c.keywords, c.n };
}

jinja_value jinja_eval_call(jinja *j, const jinja_node *n, jinja_scope *s, jinja_value caller) {
    const jinja_value callee = jinja_eval(j, n->a, s);
    const jinja_arguments a = arguments(j, n, s, caller);
    const int line = j->line;
    j->line = n->line;
    const jinja_value result = jinja_call(j, callee, &a);
    j->line = line;
    return result;
}

/* A filter or a test. */
static jinja_value applied(jinja *j, const jinja_node *n, jinja_scope *s, const jinja_callable *(*find)(jinja *, jinja_text)) {
    const jinja_value v = jinja_eval(j, n->a, s);
    const jinja_arguments a = arguments(j, n, s, jinja_nothing());
    const jinja_callable *c = find(j, n->name);
    return c && !j->code ? jinja_apply(j, c, v, &a) : jinja_nothing();
}

static jinja_value positive(jinja *j, jinja_value v) {
    int64_t i;
    if (v.kind == JINJA_FLOAT) return v;
    if (jinja_as_integer(v, &i)) return jinja_integer(i);
    return jinja_negate(j, v);                                      /* not a number: says so */
}

static jinja_value eval_node(jinja *j, const jinja_node *n, jinja_scope *s) {
    switch (n->kind) {
    case NODE_CONSTANT: return n->value;
    case NODE_NAME: return name(j, n, s);
    case NODE_TUPLE: return sequence(j, n, s, JINJA_TUPLE);
    case NODE_LIST: return sequence(j, n, s, JINJA_LIST);
    case NODE_DICT: return dict(j, n, s);
    case NODE_CONDITIONAL: return conditional(j, n, s);
    case NODE_AND: case NODE_OR: return logical(j, n, s);
    case NODE_NOT: return jinja_boolean(!jinja_truth(jinja_eval(j, n->a, s)));
    case NODE_COMPARE: return comparison(j, n, s);
    case NODE_CONCAT: return concatenation(j, n, s);
    case NODE_SLICE: return slice(j, n, s);
    case NODE_NEGATE: return jinja_negate(j, jinja_eval(j, n->a, s));
    case NODE_PLUS: return positive(j, jinja_eval(j, n->a, s));
    case NODE_CALL: return jinja_eval_call(j, n, s, jinja_nothing());
    case NODE_FILTER: return applied(j, n, s, jinja_filter);
    case NODE_TEST: return applied(j, n, s, jinja_test);
    case NODE_ATTRIBUTE: return jinja_attribute(j, jinja_eval(j, n->a, s), n->name);
    case NODE_CAPTURED: return n->value;
    case NODE_BINARY: case NODE_ITEM: {
        const jinja_value a = jinja_eval(j, n->a, s), b = jinja_eval(j, n->b, s);
        return n->kind == NODE_ITEM ? jinja_item(j, a, b) : jinja_arithmetic(j, n->operation, a, b);
    }
    default:
        jinja_fail(j, RIDGE_E_INTERNAL, "a statement where an expression was expected");
        return jinja_nothing();
    }
}

jinja_value jinja_eval(jinja *j, const jinja_node *n, jinja_scope *s) {
    if (!jinja_step(j, 1) || !jinja_enter(j, JINJA_DEPTH_LIMIT)) return jinja_nothing();
    const int line = j->line;
    j->line = n->line;
    const jinja_value v = eval_node(j, n, s);
    j->line = line;
    j->depth--;
    return j->code ? jinja_nothing() : v;
}
