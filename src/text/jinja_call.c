/* Calls: see jinja_call.h. */
#include "text/jinja_call.h"
#include <string.h>

bool jinja_text_is(jinja_text t, const char *word) { return t.n == strlen(word) && (!t.n || !memcmp(t.data, word, t.n)); }

const jinja_callable *jinja_callable_find(const jinja_callable *table, jinja_text name) {
    for (; table->name; table++)
        if (jinja_text_is(name, table->name)) return table;
    return NULL;
}

const jinja_value *jinja_keyword_find(const jinja_arguments *a, const char *name) {
    for (size_t i = 0; i < a->n_keywords; i++)
        if (jinja_text_is(a->keywords[i].name, name)) return &a->keywords[i].value;
    return NULL;
}

jinja_arguments jinja_arguments_from(const jinja_arguments *a, size_t first) {
    jinja_arguments rest = *a;
    if (first > a->n) first = a->n;
    if (first) rest.values += first;
    rest.n -= first;
    return rest;
}

/* The index of a name in "width first blank", or -1. */
static int parameter_index(const char *parameters, jinja_text name) {
    int index = 0;
    for (const char *p = parameters; *p; index++) {
        const size_t n = strcspn(p, " ");
        if (n == name.n && !memcmp(p, name.data, n)) return index;
        p += n + (p[n] == ' ');
    }
    return -1;
}

static int parameter_count(const char *parameters) {
    int count = *parameters != 0;
    for (const char *p = parameters; *p; p++) count += *p == ' ';
    return count;
}

static void bind(jinja *j, const jinja_callable *c, const jinja_arguments *a, jinja_value *slots) {
    const int count = parameter_count(c->parameters);
    if (a->n > (size_t)count) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "%s() takes at most %d arguments, %zu were given", c->name, count, a->n);
        return;
    }
    for (size_t i = 0; i < a->n; i++) slots[i] = a->values[i];
    for (size_t i = 0; i < a->n_keywords; i++) {
        const jinja_keyword *k = &a->keywords[i];
        const int index = parameter_index(c->parameters, k->name);
        if (index < 0 || slots[index].kind != JINJA_MISSING) {
            jinja_fail(j, RIDGE_E_BAD_FILE, "%s() has no use for an argument '%.*s'", c->name, (int)k->name.n, k->name.data);
            return;
        }
        slots[index] = k->value;
    }
    for (int i = 0; i < c->required; i++)
        if (slots[i].kind == JINJA_MISSING) jinja_fail(j, RIDGE_E_BAD_FILE, "%s() needs %d arguments", c->name, c->required);
}

jinja_value jinja_apply(jinja *j, const jinja_callable *c, jinja_value self, const jinja_arguments *a) {
    if (!jinja_step(j, 1)) return jinja_nothing();
    if (!c->parameters) return c->raw(j, self, a);
    jinja_value slots[JINJA_PARAMETERS_LIMIT] = {0};
    bind(j, c, a, slots);
    return j->code ? jinja_nothing() : c->bound(j, self, slots);
}

jinja_value jinja_call(jinja *j, jinja_value callee, const jinja_arguments *a) {
    if (j->code) return jinja_nothing();
    switch (callee.kind) {
    case JINJA_MACRO: return jinja_call_macro(j, callee.macro, a);
    case JINJA_METHOD: return jinja_apply(j, callee.method->callable, callee.method->self, a);
    case JINJA_FUNCTION: return jinja_apply(j, callee.function, jinja_nothing(), a);
    case JINJA_UNDEFINED: return jinja_fail_undefined(j, callee);
    default:
        jinja_fail(j, RIDGE_E_BAD_FILE, "'%s' object is not callable", jinja_type_name(callee));
        return jinja_nothing();
    }
}

const jinja_callable *jinja_filter(jinja *j, jinja_text name) {
    const jinja_callable *const tables[] = { jinja_text_filters, jinja_number_filters, jinja_sequence_filters };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const jinja_callable *c = jinja_callable_find(tables[i], name);
        if (c) return c;
    }
    jinja_fail(j, RIDGE_E_BAD_FILE, "there is no filter '%.*s'", (int)name.n, name.data);
    return NULL;
}

const jinja_callable *jinja_method_of(jinja_value self, jinja_text name) {
    switch (self.kind) {
    case JINJA_STRING: return jinja_callable_find(jinja_string_methods, name);
    case JINJA_LIST: return jinja_callable_find(jinja_list_methods, name);
    case JINJA_TUPLE: return jinja_callable_find(jinja_tuple_methods, name);
    case JINJA_DICT: return jinja_callable_find(jinja_dict_methods, name);
    case JINJA_LOOP: return jinja_callable_find(jinja_loop_methods, name);
    default: return NULL;
    }
}
