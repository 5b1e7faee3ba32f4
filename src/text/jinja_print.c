/* str() and repr(): see jinja_print.h. */
#include "text/jinja_print.h"
#include "text/jinja_call.h"
#include "text/jinja_unicode.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(jinja *j, buffer *b, const char *text) { jinja_append(j, b, text, strlen(text)); }

void jinja_print_float(jinja *j, buffer *b, double d) {
    if (isnan(d)) { put(j, b, "nan"); return; }
    if (isinf(d)) { put(j, b, d < 0 ? "-inf" : "inf"); return; }
    char text[40], fixed[360];
    int precision = 0;
    do snprintf(text, sizeof text, "%.*e", precision, d); while (strtod(text, NULL) != d && ++precision < 17);
    const int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent < -4 || exponent >= 16) { put(j, b, text); return; }       /* C and Python write exponents alike */
    const int decimals = precision - exponent;
    snprintf(fixed, sizeof fixed, "%.*f", decimals > 1 ? decimals : 1, d);
    put(j, b, fixed);
}

static void repr_character(jinja *j, buffer *b, const char *s, size_t used, int32_t c, char quote) {
    char text[16];
    if (c == '\\' || c == quote) snprintf(text, sizeof text, "\\%c", c);
    else if (c == '\n' || c == '\r' || c == '\t') snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c >= 0 && !jinja_unicode_printable(c))
        snprintf(text, sizeof text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    else { jinja_append(j, b, s, used); return; }
    put(j, b, text);
}

static void repr_string(jinja *j, buffer *b, jinja_text t) {
    const bool single = t.n && memchr(t.data, '\'', t.n), both = t.n && memchr(t.data, '"', t.n);
    const char quote = single && !both ? '"' : '\'';
    jinja_append(j, b, &quote, 1);
    for (size_t i = 0, used; i < t.n && !j->code; i += used) {
        int32_t c;
        used = jinja_unicode_next(t.data + i, t.n - i, &c);
        repr_character(j, b, t.data + i, used, c, quote);
    }
    jinja_append(j, b, &quote, 1);
}

static void repr_items(jinja *j, buffer *b, const jinja_list *l, const char *open, const char *close) {
    put(j, b, open);
    for (size_t i = 0; i < l->n && jinja_step(j, 1); i++) {
        if (i) put(j, b, ", ");
        jinja_repr(j, b, l->items[i]);
    }
    put(j, b, close);
}

static void repr_dict(jinja *j, buffer *b, const jinja_dict *d) {
    put(j, b, "{");
    for (size_t i = 0; i < d->n && jinja_step(j, 1); i++) {
        if (i) put(j, b, ", ");
        jinja_repr(j, b, d->entries[i].key);
        put(j, b, ": ");
        jinja_repr(j, b, d->entries[i].value);
    }
    put(j, b, "}");
}

static void repr_nested(jinja *j, buffer *b, jinja_value v) {
    const int outside = j->depth;
    if (!jinja_enter(j, JINJA_DEPTH_LIMIT)) return;
    switch (v.kind) {
    case JINJA_TUPLE: repr_items(j, b, v.list, "(", v.list->n == 1 ? ",)" : ")"); break;
    case JINJA_VIEW:
        put(j, b, v.list->view);
        repr_items(j, b, v.list, "([", "])");
        break;
    case JINJA_DICT: repr_dict(j, b, v.dict); break;
    case JINJA_NAMESPACE:
        put(j, b, "<Namespace ");
        repr_dict(j, b, v.dict);
        put(j, b, ">");
        break;
    default: repr_items(j, b, v.list, "[", "]");
    }
    j->depth = outside;
}

static void repr_range(jinja *j, buffer *b, const jinja_range *r) {
    char text[100];
    if (r->step == 1) snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64 ")", r->start, r->stop);
    else snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")", r->start, r->stop, r->step);
    put(j, b, text);
}

void jinja_repr(jinja *j, buffer *b, jinja_value v) {
    char text[64];
    switch (v.kind) {
    case JINJA_MISSING: break;
    case JINJA_UNDEFINED: put(j, b, "Undefined"); break;
    case JINJA_NONE: put(j, b, "None"); break;
    case JINJA_BOOLEAN: put(j, b, v.boolean ? "True" : "False"); break;
    case JINJA_INTEGER:
        snprintf(text, sizeof text, "%" PRId64, v.integer);
        put(j, b, text);
        break;
    case JINJA_FLOAT: jinja_print_float(j, b, v.number); break;
    case JINJA_STRING:
        if (v.markup) put(j, b, "Markup(");
        repr_string(j, b, v.text);
        if (v.markup) put(j, b, ")");
        break;
    case JINJA_RANGE: repr_range(j, b, v.range); break;
    case JINJA_LIST: case JINJA_TUPLE: case JINJA_VIEW: case JINJA_DICT: case JINJA_NAMESPACE: repr_nested(j, b, v); break;
    case JINJA_LOOP:
        snprintf(text, sizeof text, "<LoopContext %zu/%zu>", v.loop->index + 1, v.loop->items->n);
        put(j, b, text);
        break;
    case JINJA_MACRO:
        put(j, b, "<Macro ");
        if (v.macro->node->kind == NODE_MACRO) repr_string(j, b, v.macro->node->name);
        else put(j, b, "anonymous");
        put(j, b, ">");
        break;
    case JINJA_ITERATOR: case JINJA_METHOD: case JINJA_FUNCTION:
        put(j, b, "<");
        put(j, b, jinja_type_name(v));
        put(j, b, ">");
    }
}

void jinja_print(jinja *j, buffer *b, jinja_value v) {
    if (v.kind == JINJA_STRING) jinja_append(j, b, v.text.data, v.text.n);
    else if (v.kind != JINJA_UNDEFINED) jinja_repr(j, b, v);
}

jinja_value jinja_to_string(jinja *j, jinja_value v) {
    if (v.kind == JINJA_STRING) return jinja_string(v.text.data, v.text.n);
    buffer b = {0};
    jinja_print(j, &b, v);
    return jinja_string_take(j, &b);
}
