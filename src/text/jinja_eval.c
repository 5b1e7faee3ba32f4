/* The half of the evaluator that runs statements and macros: see jinja_eval.h. */
#include "text/jinja_eval.h"
#include "text/jinja_operators.h"
#include "text/jinja_print.h"
#include <string.h>

typedef enum { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;

static flow run(jinja *j, const jinja_node *n, jinja_scope *s);

/* Where the text of a set, filter or macro block goes meanwhile. */
static jinja_value captured(jinja *j, const jinja_node *body, jinja_scope *s, flow *how) {
    buffer text = {0}, *const outside = j->out;
    j->out = &text;
    *how = run(j, body, s);
    j->out = outside;
    return jinja_string_take(j, &text);
}

/* The block's filters over its text. The leaf of their chain is the NODE_CAPTURED: a copy of the chain gets the text in its place. */
static jinja_value filtered(jinja *j, const jinja_node *filters, jinja_value text, jinja_scope *s) {
    if (!filters || j->code) return text;
    jinja_node *copy = jinja_allocate(j, 1, sizeof *copy), *leaf = copy;
    if (!copy) return jinja_nothing();
    *copy = *filters;
    while (leaf->kind == NODE_FILTER) {
        jinja_node *below = jinja_allocate(j, 1, sizeof *below);
        if (!below) return jinja_nothing();
        *below = *leaf->a;
        leaf->a = below;
        leaf = below;
    }
    leaf->value = text;
    return jinja_eval(j, copy, s);
}

static void assign(jinja *j, const jinja_node *target, jinja_value v, jinja_scope *s);

static void assign_tuple(jinja *j, const jinja_node *target, jinja_value v, jinja_scope *s) {
    const jinja_list *l = jinja_items(j, v);
    size_t wanted = 0;
    for (const jinja_node *i = target->items; i; i = i->next) wanted++;
    if (l->n != wanted) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "%s values to unpack (expected %zu)", l->n > wanted ? "too many" : "not enough", wanted);
        return;
    }
    size_t index = 0;
    for (const jinja_node *i = target->items; i && jinja_step(j, 1); i = i->next) assign(j, i, l->items[index++], s);
}

static void assign(jinja *j, const jinja_node *target, jinja_value v, jinja_scope *s) {
    if (j->code) return;
    if (target->kind == NODE_NAME) jinja_scope_set(j, s, target->name, v);
    else if (target->kind == NODE_TUPLE) assign_tuple(j, target, v, s);
    else {
        const jinja_value *owner = jinja_scope_find(s, target->name);
        j->line = target->line;
        if (!owner || owner->kind != JINJA_NAMESPACE) jinja_fail(j, RIDGE_E_BAD_FILE, "cannot assign attribute on non-namespace object");
        else jinja_dict_set(j, owner->dict, jinja_string(target->b->name.data, target->b->name.n), v);
    }
}

/* The items that the loop's own "if" lets through. */
static const jinja_list *loop_items(jinja *j, const jinja_node *n, jinja_value source, jinja_scope *s) {
    const jinja_list *all = jinja_items(j, source);
    if (!n->b || j->code) return all;
    jinja_list *l = jinja_list_new(j, 0);
    for (size_t i = 0; i < all->n && jinja_step(j, 1); i++) {
        jinja_scope *inner = jinja_scope_new(j, s);
        if (!inner) break;
        assign(j, n->target, all->items[i], inner);
        if (jinja_truth(jinja_eval(j, n->b, inner))) jinja_list_add(j, l, all->items[i]);
    }
    return l;
}

static flow run_for(jinja *j, const jinja_node *n, jinja_scope *s) {
    const jinja_list *items = loop_items(j, n, jinja_eval(j, n->a, s), s);
    jinja_loop *loop = jinja_allocate(j, 1, sizeof *loop);
    if (!loop) return FLOW_ON;
    loop->items = items;
    bool completed = false;                     /* else also runs where no round came to its end: jinja2 is like that */
    for (; loop->index < items->n && jinja_step(j, 1); loop->index++) {
        jinja_scope *inner = jinja_scope_new(j, s);
        if (!inner) return FLOW_ON;
        jinja_scope_set(j, inner, (jinja_text){ "loop", 4 }, (jinja_value){ .kind = JINJA_LOOP, .loop = loop });
        assign(j, n->target, items->items[loop->index], inner);
        const flow how = run(j, n->body, inner);
        if (how == FLOW_BREAK) break;
        completed |= how == FLOW_ON;
    }
    if (!j->code && !completed && n->other) {
        jinja_scope *inner = jinja_scope_new(j, s);
        return inner ? run(j, n->other, inner) : FLOW_ON;
    }
    return FLOW_ON;
}

static flow run_block(jinja *j, const jinja_node *n, jinja_scope *s) {
    flow how = FLOW_ON;
    jinja_scope *inner = jinja_scope_new(j, s);
    if (!inner) return how;
    const jinja_value text = filtered(j, n->a, captured(j, n->body, inner, &how), inner);
    if (how != FLOW_ON || j->code) return how;
    if (n->kind == NODE_SET_BLOCK) assign(j, n->target, text, s);
    else jinja_print(j, j->out, text);
    return how;
}

static flow run_with(jinja *j, const jinja_node *n, jinja_scope *s) {
    jinja_scope *inner = jinja_scope_new(j, s);
    for (const jinja_node *i = n->items; i && !j->code; i = i->next) assign(j, i->target, jinja_eval(j, i->a, s), inner);
    return inner ? run(j, n->body, inner) : FLOW_ON;
}

static jinja_value macro_value(jinja *j, const jinja_node *n, jinja_scope *s) {
    jinja_macro *m = jinja_allocate(j, 1, sizeof *m);
    if (!m) return jinja_nothing();
    *m = (jinja_macro){ .node = n, .scope = s };
    return (jinja_value){ .kind = JINJA_MACRO, .macro = m };
}

static flow run_statement(jinja *j, const jinja_node *n, jinja_scope *s) {
    switch (n->kind) {
    case NODE_DATA: jinja_append(j, j->out, n->value.text.data, n->value.text.n); return FLOW_ON;
    case NODE_PRINT: jinja_print(j, j->out, jinja_eval(j, n->a, s)); return FLOW_ON;
    case NODE_IF: return run(j, jinja_truth(jinja_eval(j, n->a, s)) ? n->body : n->other, s);
    case NODE_FOR: return run_for(j, n, s);
    case NODE_SET: assign(j, n->target, jinja_eval(j, n->a, s), s); return FLOW_ON;
    case NODE_SET_BLOCK: case NODE_FILTER_BLOCK: return run_block(j, n, s);
    case NODE_MACRO: jinja_scope_set(j, s, n->name, macro_value(j, n, s)); return FLOW_ON;
    case NODE_CALL_BLOCK: jinja_print(j, j->out, jinja_eval_call(j, n->a, s, macro_value(j, n, s))); return FLOW_ON;
    case NODE_WITH: case NODE_SCOPE: return run_with(j, n, s);
    case NODE_BREAK: return FLOW_BREAK;
    case NODE_CONTINUE: return FLOW_CONTINUE;
    default: jinja_fail(j, RIDGE_E_INTERNAL, "an expression where a statement was expected"); return FLOW_ON;
    }
}

static flow run(jinja *j, const jinja_node *n, jinja_scope *s) {
    flow how = FLOW_ON;
    if (!jinja_enter(j, JINJA_DEPTH_LIMIT)) return how;
    const int line = j->line;
    for (; n && how == FLOW_ON && jinja_step(j, 1); n = n->next) {
        j->line = n->line;
        how = run_statement(j, n, s);
    }
    j->line = line;
    j->depth--;
    return how;
}

void jinja_run(jinja *j, const jinja_node *statements, jinja_scope *s) { run(j, statements, s); }

/* Gives the macro's parameters their values: positional, named, default, undefined. `taken` counts the named ones. */
static void bind_parameters(jinja *j, const jinja_macro *m, const jinja_arguments *a, jinja_scope *s, size_t *positional, size_t *taken) {
    size_t index = 0;
    for (const jinja_node *p = m->node->items; p && jinja_step(j, 1); p = p->next, index++) {
        jinja_value v = jinja_nothing();
        if (index < a->n) v = a->values[index];
        for (size_t i = 0; i < a->n_keywords && index >= a->n; i++) {
            if (a->keywords[i].name.n != p->name.n || memcmp(a->keywords[i].name.data, p->name.data, p->name.n)) continue;
            v = a->keywords[i].value;
            ++*taken;
        }
        if (v.kind == JINJA_MISSING && p->a) v = jinja_eval(j, p->a, s);
        else if (v.kind == JINJA_MISSING) v = jinja_undefined_name(j, NULL, jinja_string(p->name.data, p->name.n));
        jinja_scope_set(j, s, p->name, v);
    }
    *positional = index;
}

static bool has_parameter(const jinja_node *n, jinja_text name) {
    for (const jinja_node *p = n->items; p; p = p->next)
        if (p->name.n == name.n && !memcmp(p->name.data, name.data, name.n)) return true;
    return false;
}

/* caller, varargs and kwargs, where the body speaks of them. */
static void bind_specials(jinja *j, const jinja_node *n, const jinja_arguments *a, jinja_scope *s, size_t positional, size_t *taken) {
    const jinja_text caller = { "caller", 6 }, varargs = { "varargs", 7 }, kwargs = { "kwargs", 6 };
    if (n->uses_caller && !has_parameter(n, caller)) {
        const jinja_value *given = jinja_keyword_find(a, "caller");
        *taken += given != NULL;
        jinja_scope_set(j, s, caller, given ? *given : jinja_undefined_hint(j, "No caller defined"));
    }
    if (n->uses_kwargs && !has_parameter(n, kwargs)) {
        jinja_dict *d = jinja_dict_new(j);
        for (size_t i = 0; i < a->n_keywords && jinja_step(j, 1); i++) {
            const jinja_text name = a->keywords[i].name;
            if (has_parameter(n, name) || (n->uses_caller && jinja_text_is(name, "caller"))) continue;
            jinja_dict_add(j, d, jinja_string(name.data, name.n), a->keywords[i].value);
            ++*taken;
        }
        jinja_scope_set(j, s, kwargs, jinja_mapping(JINJA_DICT, d));
    }
    if (n->uses_varargs && !has_parameter(n, varargs)) {
        jinja_list *l = jinja_list_new(j, 0);
        for (size_t i = positional; i < a->n && jinja_step(j, 1); i++) jinja_list_add(j, l, a->values[i]);
        jinja_scope_set(j, s, varargs, jinja_sequence(JINJA_TUPLE, l));
    } else if (a->n > positional) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "a macro ('%.*s') is given more than its %zu argument(s)", (int)n->name.n,
                   n->name.n ? n->name.data : "", positional);
    }
}

jinja_value jinja_call_macro(jinja *j, const jinja_macro *m, const jinja_arguments *a) {
    size_t positional = 0, taken = 0;
    flow how;
    jinja_scope *s = jinja_scope_new(j, m->scope);
    if (!s || !jinja_enter(j, JINJA_DEPTH_LIMIT)) return jinja_nothing();
    bind_parameters(j, m, a, s, &positional, &taken);
    bind_specials(j, m->node, a, s, positional, &taken);
    if (taken < a->n_keywords)
        jinja_fail(j, RIDGE_E_BAD_FILE, "a macro ('%.*s') is given a keyword argument that it does not have", (int)m->node->name.n,
                   m->node->name.n ? m->node->name.data : "");
    const jinja_value text = captured(j, m->node->body, s, &how);
    j->depth--;
    return text;
}
