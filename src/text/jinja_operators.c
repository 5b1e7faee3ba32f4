/* Operators: see jinja_operators.h. Semantics are Python's; integers are 64 bits. */
#include "text/jinja_operators.h"
#include "text/jinja_format.h"
#include "text/jinja_lexer.h"
#include "text/jinja_print.h"
#include "text/jinja_unicode.h"
#include <math.h>
#include <string.h>

static jinja_value bad_operands(jinja *j, int operation, jinja_value a, jinja_value b) {
    if (a.kind == JINJA_UNDEFINED || b.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, a.kind == JINJA_UNDEFINED ? a : b);
    jinja_fail(j, RIDGE_E_BAD_FILE, "unsupported operand type(s) for %s: '%s' and '%s'", jinja_token_name((jinja_token_kind)operation),
               jinja_type_name(a), jinja_type_name(b));
    return jinja_nothing();
}

static jinja_value too_large(jinja *j) {
    jinja_fail(j, RIDGE_E_UNSUPPORTED, "an integer needs more than 64 bits");
    return jinja_nothing();
}

static jinja_value by_zero(jinja *j) {
    jinja_fail(j, RIDGE_E_BAD_FILE, "division by zero");
    return jinja_nothing();
}

static jinja_value integer_power(jinja *j, int64_t base, int64_t exponent) {
    if (exponent < 0) return base ? jinja_float(pow((double)base, (double)exponent)) : by_zero(j);
    int64_t result = 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1 && __builtin_mul_overflow(result, base, &result)) return too_large(j);
        if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return too_large(j);
    }
    return jinja_integer(result);
}

static jinja_value integers(jinja *j, int operation, int64_t a, int64_t b) {
    int64_t r = 0;
    bool overflow = false;
    switch (operation) {
    case TOKEN_ADD: overflow = __builtin_add_overflow(a, b, &r); break;
    case TOKEN_SUBTRACT: overflow = __builtin_sub_overflow(a, b, &r); break;
    case TOKEN_MULTIPLY: overflow = __builtin_mul_overflow(a, b, &r); break;
    case TOKEN_POWER: return integer_power(j, a, b);
    default:                                                        /* /, // and %: the quotient is rounded down */
        if (!b) return by_zero(j);
        if (operation == TOKEN_DIVIDE) return jinja_float((double)a / (double)b);
        if (b == -1) {
            overflow = operation == TOKEN_FLOOR_DIVIDE && __builtin_sub_overflow((int64_t)0, a, &r);
            break;
        }
        r = operation == TOKEN_MODULO ? a % b : a / b;
        if (a % b && (a < 0) != (b < 0)) r += operation == TOKEN_MODULO ? b : -1;
    }
    return overflow ? too_large(j) : jinja_integer(r);
}

static double float_modulo(double a, double b) {
    double r = fmod(a, b);
    if (r != 0 && (r < 0) != (b < 0)) r += b;
    return r == 0 ? copysign(0, b) : r;
}

static jinja_value floats(jinja *j, int operation, double a, double b) {
    switch (operation) {
    case TOKEN_ADD: return jinja_float(a + b);
    case TOKEN_SUBTRACT: return jinja_float(a - b);
    case TOKEN_MULTIPLY: return jinja_float(a * b);
    case TOKEN_POWER:
        if (a == 0 && b < 0) return by_zero(j);
        if ((a < 0 && floor(b) != b) || (isinf(pow(a, b)) && isfinite(a) && isfinite(b))) {
            jinja_fail(j, RIDGE_E_BAD_FILE, "the result of ** is not a finite real number");
            return jinja_nothing();
        }
        return jinja_float(pow(a, b));
    default: break;
    }
    if (b == 0) return by_zero(j);
    if (operation == TOKEN_DIVIDE) return jinja_float(a / b);
    if (operation == TOKEN_MODULO) return jinja_float(float_modulo(a, b));
    const double quotient = floor((a - float_modulo(a, b)) / b + 0.5);
    return jinja_float(quotient == 0 ? copysign(0, a / b) : quotient);
}

jinja_value jinja_escape(jinja *j, jinja_value v) {
    if (v.kind == JINJA_STRING && v.markup) return v;
    const jinja_value s = jinja_to_string(j, v);
    buffer b = {0};
    for (size_t i = 0; i < s.text.n && !j->code; i++) {
        const char c = s.text.data[i];
        const char *code = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&#34;" : c == '\'' ? "&#39;" : NULL;
        jinja_append(j, &b, code ? code : &c, code ? strlen(code) : 1);
    }
    jinja_value escaped = jinja_string_take(j, &b);
    escaped.markup = true;
    return escaped;
}

jinja_value jinja_join_strings(jinja *j, jinja_value a, jinja_value b) {
    const bool markup = a.markup || b.markup;
    if (markup) {
        a = jinja_escape(j, a);
        b = jinja_escape(j, b);
        if (j->code) return jinja_nothing();
    }
    if (a.text.n > (size_t)JINJA_OUTPUT_LIMIT || b.text.n > (size_t)JINJA_OUTPUT_LIMIT - a.text.n) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "the template makes a text longer than %d MB", JINJA_OUTPUT_LIMIT >> 20);
        return jinja_nothing();
    }
    char *joined = jinja_allocate(j, a.text.n + b.text.n + 1, 1);
    if (!joined) return jinja_nothing();
    if (a.text.n) memcpy(joined, a.text.data, a.text.n);
    if (b.text.n) memcpy(joined + a.text.n, b.text.data, b.text.n);
    jinja_value v = jinja_string(joined, a.text.n + b.text.n);
    v.markup = markup;
    return v;
}

static jinja_value join_lists(jinja *j, jinja_value a, jinja_value b) {
    jinja_list *l = jinja_list_new(j, a.list->n + b.list->n);
    for (size_t i = 0; i < a.list->n && jinja_step(j, 1); i++) jinja_list_add(j, l, a.list->items[i]);
    for (size_t i = 0; i < b.list->n && jinja_step(j, 1); i++) jinja_list_add(j, l, b.list->items[i]);
    return jinja_sequence(a.kind, l);
}

/* A string, list or tuple, times over. */
static jinja_value repeat(jinja *j, jinja_value v, int64_t times) {
    if (v.kind == JINJA_STRING) {
        buffer b = {0};
        for (int64_t i = 0; i < times && v.text.n && !j->code; i++) jinja_append(j, &b, v.text.data, v.text.n);
        jinja_step(j, b.n / 1024);
        jinja_value s = jinja_string_take(j, &b);
        s.markup = v.markup;
        return s;
    }
    jinja_list *l = jinja_list_new(j, 0);
    for (int64_t i = 0; i < times && v.list->n && !j->code; i++)
        for (size_t k = 0; k < v.list->n && jinja_step(j, 1); k++) jinja_list_add(j, l, v.list->items[k]);
    return jinja_sequence(v.kind, l);
}

static bool repeatable(jinja_value v) { return v.kind == JINJA_STRING || v.kind == JINJA_LIST || v.kind == JINJA_TUPLE; }

jinja_value jinja_arithmetic(jinja *j, int operation, jinja_value a, jinja_value b) {
    int64_t x, y;
    if (j->code) return jinja_nothing();
    const bool left = jinja_as_integer(a, &x), right = jinja_as_integer(b, &y);
    if (left && right) return integers(j, operation, x, y);
    if (jinja_is_number(a) && jinja_is_number(b)) return floats(j, operation, jinja_as_float(a), jinja_as_float(b));
    if (operation == TOKEN_ADD && a.kind == b.kind) {
        if (a.kind == JINJA_STRING) return jinja_join_strings(j, a, b);
        if (a.kind == JINJA_LIST || a.kind == JINJA_TUPLE) return join_lists(j, a, b);
    }
    if (operation == TOKEN_MULTIPLY && repeatable(a) && right) return repeat(j, a, y);
    if (operation == TOKEN_MULTIPLY && repeatable(b) && left) return repeat(j, b, x);
    if (operation == TOKEN_MODULO && a.kind == JINJA_STRING) return jinja_format_percent(j, a, b);
    return bad_operands(j, operation, a, b);
}

jinja_value jinja_negate(jinja *j, jinja_value v) {
    int64_t i;
    if (j->code) return jinja_nothing();
    if (v.kind == JINJA_FLOAT) return jinja_float(-v.number);
    if (jinja_as_integer(v, &i)) return i == INT64_MIN ? too_large(j) : jinja_integer(-i);
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    jinja_fail(j, RIDGE_E_BAD_FILE, "bad operand type for unary -: '%s'", jinja_type_name(v));
    return jinja_nothing();
}

bool jinja_relation(jinja *j, int operation, jinja_value a, jinja_value b) {
    switch (operation) {
    case TOKEN_EQUAL: return jinja_equal(j, a, b);
    case TOKEN_NOT_EQUAL: return !jinja_equal(j, a, b);
    case TOKEN_IN: return jinja_contains(j, b, a);
    case TOKEN_NOT_IN: return !jinja_contains(j, b, a);
    default: break;
    }
    const int order = jinja_compare(j, a, b, jinja_token_name((jinja_token_kind)operation));
    switch (operation) {
    case TOKEN_GREATER: return order == 1;
    case TOKEN_GREATER_EQUAL: return order == 1 || order == 0;
    case TOKEN_LESS: return order < 0;
    default: return order <= 0;
    }
}

static jinja_value method(jinja *j, jinja_value self, const jinja_callable *c) {
    jinja_method *m = jinja_allocate(j, 1, sizeof *m);
    if (!m) return jinja_nothing();
    *m = (jinja_method){ .self = self, .callable = c };
    return (jinja_value){ .kind = JINJA_METHOD, .method = m };
}

static jinja_value loop_attribute(jinja *j, const jinja_loop *l, jinja_text name) {
    const int64_t index = (int64_t)l->index, n = (int64_t)l->items->n;
    if (jinja_text_is(name, "index")) return jinja_integer(index + 1);
    if (jinja_text_is(name, "index0")) return jinja_integer(index);
    if (jinja_text_is(name, "first")) return jinja_boolean(index == 0);
    if (jinja_text_is(name, "last")) return jinja_boolean(index + 1 >= n);
    if (jinja_text_is(name, "length")) return jinja_integer(n);
    if (jinja_text_is(name, "revindex")) return jinja_integer(n - index);
    if (jinja_text_is(name, "revindex0")) return jinja_integer(n - index - 1);
    if (jinja_text_is(name, "depth")) return jinja_integer(1);
    if (jinja_text_is(name, "depth0")) return jinja_integer(0);
    if (jinja_text_is(name, "previtem"))
        return index && index <= n ? l->items->items[index - 1] : jinja_undefined_hint(j, "there is no previous item");
    if (jinja_text_is(name, "nextitem"))
        return index + 1 < n ? l->items->items[index + 1] : jinja_undefined_hint(j, "there is no next item");
    return jinja_nothing();
}

/* What Python's getattr would find; MISSING where it finds nothing. */
static jinja_value real_attribute(jinja *j, jinja_value v, jinja_text name) {
    const jinja_callable *c = jinja_method_of(v, name);
    if (c) return method(j, v, c);
    if (v.kind == JINJA_LOOP) return loop_attribute(j, v.loop, name);
    if (v.kind == JINJA_MACRO && jinja_text_is(name, "name")) return jinja_string(v.macro->node->name.data, v.macro->node->name.n);
    if (v.kind == JINJA_NAMESPACE) {
        const jinja_value *found = jinja_dict_find(j, v.dict, jinja_string(name.data, name.n));
        if (found) return *found;
    }
    return jinja_nothing();
}

/* How an error calls the owner of what is missing. */
static const char *owner_name(jinja_value v) {
    switch (v.kind) {
    case JINJA_NONE: return "'None'";
    case JINJA_STRING: return "'str object'";
    case JINJA_DICT: return "'dict object'";
    case JINJA_LIST: return "'list object'";
    case JINJA_TUPLE: return "'tuple object'";
    case JINJA_INTEGER: return "'int object'";
    case JINJA_FLOAT: return "'float object'";
    case JINJA_BOOLEAN: return "'bool object'";
    case JINJA_NAMESPACE: return "the namespace";
    default: return "the value";
    }
}

jinja_value jinja_attribute(jinja *j, jinja_value v, jinja_text name) {
    if (j->code) return jinja_nothing();
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    const jinja_value found = real_attribute(j, v, name);
    if (found.kind != JINJA_MISSING || j->code) return found;
    const jinja_value key = jinja_string(name.data, name.n);
    const jinja_value *item = v.kind == JINJA_DICT ? jinja_dict_find(j, v.dict, key) : NULL;
    return item ? *item : jinja_undefined_name(j, owner_name(v), key);
}

/* v[index] of a sequence; MISSING where it has no such item. */
static jinja_value sequence_item(jinja_value v, int64_t index) {
    int64_t n = jinja_length(v);
    if (index < 0) index += n;
    if (index < 0 || index >= n) return jinja_nothing();
    if (v.kind == JINJA_RANGE) return jinja_integer(v.range->start + index * v.range->step);
    if (v.kind != JINJA_STRING) return v.list->items[index];
    const size_t at = jinja_unicode_offset(v.text.data, v.text.n, (size_t)index);
    return jinja_string(v.text.data + at, jinja_unicode_next(v.text.data + at, v.text.n - at, NULL));
}

static bool hashable(jinja_value v) {
    if (v.kind == JINJA_TUPLE)
        for (size_t i = 0; i < v.list->n; i++)
            if (v.list->items[i].kind == JINJA_LIST || v.list->items[i].kind == JINJA_DICT) return false;
    return v.kind != JINJA_LIST && v.kind != JINJA_DICT && v.kind != JINJA_VIEW;
}

jinja_value jinja_item(jinja *j, jinja_value v, jinja_value key) {
    int64_t index;
    if (j->code) return jinja_nothing();
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    jinja_value found = jinja_nothing();
    if (v.kind == JINJA_DICT) {
        const jinja_value *item = hashable(key) ? jinja_dict_find(j, v.dict, key) : NULL;
        if (item) return *item;
    } else if (jinja_as_integer(key, &index) && (v.kind == JINJA_LIST || v.kind == JINJA_TUPLE || v.kind == JINJA_STRING || v.kind == JINJA_RANGE)) {
        if (v.kind == JINJA_STRING) jinja_step(j, v.text.n / 1024);
        found = sequence_item(v, index);
    }
    if (found.kind == JINJA_MISSING && key.kind == JINJA_STRING) found = real_attribute(j, v, key.text);
    return found.kind != JINJA_MISSING || j->code ? found : jinja_undefined_name(j, owner_name(v), key);
}

/* Where a slice begins or ends, clamped as Python does; false when it is neither an integer nor none. */
static bool slice_bound(jinja_value v, int64_t n, int64_t otherwise, bool backwards, int64_t *out) {
    int64_t i;
    if (v.kind == JINJA_NONE) { *out = otherwise; return true; }
    if (!jinja_as_integer(v, &i)) return false;
    if (i < 0) i = i < -n ? -1 : i + n;
    else if (i > n) i = n;
    if (i < 0) i = backwards ? -1 : 0;
    else if (backwards && i >= n) i = n - 1;
    *out = i;
    return true;
}

static jinja_value slice_string(jinja *j, jinja_text t, int64_t start, int64_t stop, int64_t step) {
    if (step == 1) {
        if (stop <= start) return jinja_literal("");
        const size_t from = jinja_unicode_offset(t.data, t.n, (size_t)start);
        return jinja_string(t.data + from, jinja_unicode_offset(t.data + from, t.n - from, (size_t)(stop - start)));
    }
    const jinja_list *characters = jinja_items(j, jinja_string(t.data, t.n));
    buffer b = {0};
    for (int64_t i = start; (step > 0 ? i < stop : i > stop) && !j->code; i += step)
        jinja_append(j, &b, characters->items[i].text.data, characters->items[i].text.n);
    return jinja_string_take(j, &b);
}

static jinja_value slice_range(jinja *j, const jinja_range *r, int64_t start, int64_t stop, int64_t step) {
    jinja_range *part = jinja_allocate(j, 1, sizeof *part);
    if (!part) return jinja_nothing();
    *part = (jinja_range){ r->start + start * r->step, r->start + stop * r->step, r->step * step };    /* small: a range is */
    return (jinja_value){ .kind = JINJA_RANGE, .range = part };
}

jinja_value jinja_slice(jinja *j, jinja_value v, jinja_value start, jinja_value stop, jinja_value step) {
    int64_t by = 1, from, to;
    if (j->code) return jinja_nothing();
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    if (v.kind != JINJA_STRING && v.kind != JINJA_LIST && v.kind != JINJA_TUPLE && v.kind != JINJA_RANGE) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "'%s' object cannot be sliced", jinja_type_name(v));
        return jinja_nothing();
    }
    if (v.kind == JINJA_STRING) jinja_step(j, v.text.n / 1024);
    const int64_t n = jinja_length(v);
    const bool integer = step.kind == JINJA_NONE || jinja_as_integer(step, &by);
    if (by > n + 1) by = n + 1;                                     /* beyond the end either way, and no overflow */
    if (by < -n - 1) by = -n - 1;
    if (!integer || !by || !slice_bound(start, n, by > 0 ? 0 : n - 1, by < 0, &from) || !slice_bound(stop, n, by > 0 ? n : -1, by < 0, &to)) {
        jinja_fail(j, RIDGE_E_BAD_FILE, by ? "slice indices must be integers or None" : "slice step cannot be zero");
        return jinja_nothing();
    }
    if (v.kind == JINJA_STRING) return slice_string(j, v.text, from, to, by);
    if (v.kind == JINJA_RANGE) return slice_range(j, v.range, from, to, by);
    jinja_list *l = jinja_list_new(j, 0);
    for (int64_t i = from; (by > 0 ? i < to : i > to) && jinja_step(j, 1); i += by) jinja_list_add(j, l, sequence_item(v, i));
    return jinja_sequence(v.kind, l);
}
