/* Values of the Jinja interpreter: see jinja_value.h. */
#define _GNU_SOURCE         /* memmem */
#include "text/jinja_value.h"
#include "text/jinja_unicode.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void jinja_free(jinja *j) { arena_free(&j->memory); }

void jinja_fail(jinja *j, int code, const char *format, ...) {
    if (j->code) return;
    char text[sizeof j->err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    j->code = j->line ? fail(j->err, code, "line %d: %s", j->line, text) : fail(j->err, code, "%s", text);
}

jinja_value jinja_fail_undefined(jinja *j, jinja_value v) {
    const jinja_undefined *u = v.undefined;
    if (!u || u->hint || !u->name) jinja_fail(j, RIDGE_E_BAD_FILE, "%s", u && u->hint ? u->hint : "an undefined value was used");
    else if (u->name->kind != JINJA_STRING) jinja_fail(j, RIDGE_E_BAD_FILE, "%s has no such element", u->owner ? u->owner : "the value");
    else if (!u->owner) jinja_fail(j, RIDGE_E_BAD_FILE, "'%.*s' is undefined", (int)u->name->text.n, u->name->text.data);
    else jinja_fail(j, RIDGE_E_BAD_FILE, "%s has no attribute '%.*s'", u->owner, (int)u->name->text.n, u->name->text.data);
    return jinja_nothing();
}

void *jinja_allocate(jinja *j, size_t count, size_t size) {
    if (j->code) return NULL;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)JINJA_MEMORY_LIMIT - j->bytes) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "the template needs more than %d MB of memory", JINJA_MEMORY_LIMIT >> 20);
        return NULL;
    }
    void *p = arena_new(&j->memory, count, size);
    if (!p) jinja_fail(j, RIDGE_E_NO_MEMORY, "out of memory: %zu bytes for a template's values", bytes);
    j->bytes += bytes;
    return p;
}

bool jinja_step(jinja *j, size_t n) {
    if (j->code) return false;
    if (n > JINJA_STEP_LIMIT - j->steps) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "the template takes more than %d steps", JINJA_STEP_LIMIT);
        return false;
    }
    j->steps += n;
    return true;
}

bool jinja_enter(jinja *j, int limit) {
    if (j->code) return false;
    if (j->depth >= limit) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "nested deeper than %d", limit);
        return false;
    }
    j->depth++;
    return true;
}

jinja_value jinja_nothing(void) { return (jinja_value){ .kind = JINJA_MISSING }; }
jinja_value jinja_none(void) { return (jinja_value){ .kind = JINJA_NONE }; }
jinja_value jinja_boolean(bool b) { return (jinja_value){ .kind = JINJA_BOOLEAN, .boolean = b }; }
jinja_value jinja_integer(int64_t i) { return (jinja_value){ .kind = JINJA_INTEGER, .integer = i }; }
jinja_value jinja_float(double d) { return (jinja_value){ .kind = JINJA_FLOAT, .number = d }; }
jinja_value jinja_string(const char *data, size_t n) { return (jinja_value){ .kind = JINJA_STRING, .text = { data ? data : "", n } }; }
jinja_value jinja_literal(const char *text) { return jinja_string(text, strlen(text)); }
jinja_value jinja_sequence(jinja_kind kind, jinja_list *list) { return (jinja_value){ .kind = kind, .list = list }; }

jinja_value jinja_mapping(jinja_kind kind, jinja_dict *dict) {
    return dict ? (jinja_value){ .kind = kind, .dict = dict } : jinja_nothing();
}

jinja_value jinja_string_copy(jinja *j, const char *data, size_t n) {
    char *copy = jinja_allocate(j, n ? n : 1, 1);
    if (!copy) return jinja_nothing();
    if (n) memcpy(copy, data, n);
    return jinja_string(copy, n);
}

jinja_value jinja_string_take(jinja *j, buffer *b) {
    if (b->failed) jinja_fail(j, RIDGE_E_NO_MEMORY, "out of memory: %zu bytes for a template's text", b->n);
    const jinja_value v = j->code ? jinja_nothing() : jinja_string_copy(j, b->data, b->n);
    buffer_free(b);
    return v;
}

void jinja_append(jinja *j, buffer *b, const char *data, size_t n) {
    if (j->code) return;
    if (b->n > JINJA_OUTPUT_LIMIT || n > JINJA_OUTPUT_LIMIT - b->n) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "the template makes a text longer than %d MB", JINJA_OUTPUT_LIMIT >> 20);
        return;
    }
    buffer_append(b, data, n);
    if (b->failed) jinja_fail(j, RIDGE_E_NO_MEMORY, "out of memory: %zu bytes for a template's text", b->n + n);
}

jinja_value jinja_undefined_hint(jinja *j, const char *hint) {
    jinja_undefined *u = jinja_allocate(j, 1, sizeof *u);
    if (!u) return jinja_nothing();
    u->hint = hint;
    return (jinja_value){ .kind = JINJA_UNDEFINED, .undefined = u };
}

jinja_value jinja_undefined_name(jinja *j, const char *owner, jinja_value name) {
    struct { jinja_undefined u; jinja_value name; } *both = jinja_allocate(j, 1, sizeof *both);
    if (!both) return jinja_nothing();
    both->name = name;
    both->u = (jinja_undefined){ .owner = owner, .name = &both->name };
    return (jinja_value){ .kind = JINJA_UNDEFINED, .undefined = &both->u };
}

jinja_list *jinja_list_new(jinja *j, size_t room) {
    jinja_list *l = jinja_allocate(j, 1, sizeof *l);
    jinja_value *items = room ? jinja_allocate(j, room, sizeof *items) : NULL;
    if (j->code) return &j->empty;
    *l = (jinja_list){ .items = items, .room = room };
    return l;
}

void jinja_list_add(jinja *j, jinja_list *l, jinja_value v) {
    if (j->code) return;
    if (l->n == l->room) {
        const size_t room = l->room ? 2 * l->room : 4;
        jinja_value *items = jinja_allocate(j, room, sizeof *items);
        if (!items) return;
        if (l->n) memcpy(items, l->items, l->n * sizeof *items);
        l->items = items;
        l->room = room;
    }
    l->items[l->n++] = v;
}

jinja_value jinja_pair(jinja *j, jinja_value a, jinja_value b) {
    jinja_list *l = jinja_list_new(j, 2);
    jinja_list_add(j, l, a);
    jinja_list_add(j, l, b);
    return jinja_sequence(JINJA_TUPLE, l);
}

jinja_dict *jinja_dict_new(jinja *j) { return jinja_allocate(j, 1, sizeof(jinja_dict)); }

void jinja_dict_add(jinja *j, jinja_dict *d, jinja_value key, jinja_value value) {
    const uint64_t hash = jinja_hash(j, key);
    if (j->code || !d) return;
    if (d->n == d->room) {
        const size_t room = d->room ? 2 * d->room : 4;
        jinja_entry *entries = jinja_allocate(j, room, sizeof *entries);
        if (!entries) return;
        if (d->n) memcpy(entries, d->entries, d->n * sizeof *entries);
        d->entries = entries;
        d->room = room;
    }
    d->entries[d->n++] = (jinja_entry){ .key = key, .value = value, .hash = hash };
}

jinja_value *jinja_dict_find(jinja *j, const jinja_dict *d, jinja_value key) {
    const uint64_t hash = jinja_hash(j, key);
    if (!d || !jinja_step(j, d->n / 64)) return NULL;
    for (size_t i = 0; i < d->n; i++)
        if (d->entries[i].hash == hash && jinja_equal(j, d->entries[i].key, key)) return &d->entries[i].value;
    return NULL;
}

void jinja_dict_set(jinja *j, jinja_dict *d, jinja_value key, jinja_value value) {
    jinja_value *old = jinja_dict_find(j, d, key);
    if (old) *old = value;
    else jinja_dict_add(j, d, key, value);
}

const char *jinja_type_name(jinja_value v) {
    switch (v.kind) {
    case JINJA_MISSING: case JINJA_UNDEFINED: return "Undefined";
    case JINJA_NONE:      return "NoneType";
    case JINJA_BOOLEAN:   return "bool";
    case JINJA_INTEGER:   return "int";
    case JINJA_FLOAT:     return "float";
    case JINJA_STRING:    return v.markup ? "Markup" : "str";
    case JINJA_LIST:      return "list";
    case JINJA_TUPLE:     return "tuple";
    case JINJA_DICT:      return "dict";
    case JINJA_NAMESPACE: return "Namespace";
    case JINJA_RANGE:     return "range";
    case JINJA_VIEW:      return v.list->view ? v.list->view : "dict_items";
    case JINJA_ITERATOR:  return "generator";
    case JINJA_LOOP:      return "LoopContext";
    case JINJA_MACRO:     return "Macro";
    case JINJA_METHOD:    return "builtin_function_or_method";
    case JINJA_FUNCTION:  return "function";
    }
    return "object";
}

bool jinja_is_number(jinja_value v) { return v.kind == JINJA_INTEGER || v.kind == JINJA_FLOAT || v.kind == JINJA_BOOLEAN; }

bool jinja_as_integer(jinja_value v, int64_t *out) {
    if (v.kind != JINJA_INTEGER && v.kind != JINJA_BOOLEAN) return false;
    *out = v.kind == JINJA_INTEGER ? v.integer : v.boolean;
    return true;
}

double jinja_as_float(jinja_value v) {
    return v.kind == JINJA_FLOAT ? v.number : v.kind == JINJA_INTEGER ? (double)v.integer : (double)v.boolean;
}

int64_t jinja_range_length(const jinja_range *r) {
    const __int128 span = r->step > 0 ? (__int128)r->stop - r->start : (__int128)r->start - r->stop;
    const __int128 step = r->step > 0 ? (__int128)r->step : -(__int128)r->step;
    return span <= 0 ? 0 : (int64_t)((span + step - 1) / step > INT64_MAX ? INT64_MAX : (span + step - 1) / step);
}

int64_t jinja_length(jinja_value v) {
    switch (v.kind) {
    case JINJA_UNDEFINED: return 0;
    case JINJA_STRING: return (int64_t)jinja_unicode_count(v.text.data, v.text.n);
    case JINJA_LIST: case JINJA_TUPLE: case JINJA_VIEW: return (int64_t)v.list->n;
    case JINJA_DICT: return (int64_t)v.dict->n;
    case JINJA_RANGE: return jinja_range_length(v.range);
    default: return -1;
    }
}

bool jinja_truth(jinja_value v) {
    switch (v.kind) {
    case JINJA_MISSING: case JINJA_UNDEFINED: case JINJA_NONE: return false;
    case JINJA_BOOLEAN: return v.boolean;
    case JINJA_INTEGER: return v.integer != 0;
    case JINJA_FLOAT:   return v.number != 0;
    case JINJA_STRING:  return v.text.n != 0;
    case JINJA_LIST: case JINJA_TUPLE: case JINJA_VIEW: return v.list->n != 0;
    case JINJA_DICT:    return v.dict->n != 0;
    case JINJA_RANGE:   return jinja_range_length(v.range) != 0;
    default:            return true;
    }
}

static bool lists_equal(jinja *j, const jinja_list *a, const jinja_list *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n && jinja_step(j, 1); i++)
        if (!jinja_equal(j, a->items[i], b->items[i])) return false;
    return true;
}

static bool dicts_equal(jinja *j, const jinja_dict *a, const jinja_dict *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n && jinja_step(j, 1); i++) {
        const jinja_value *other = jinja_dict_find(j, b, a->entries[i].key);
        if (!other || !jinja_equal(j, a->entries[i].value, *other)) return false;
    }
    return true;
}

static bool nested_equal(jinja *j, jinja_value a, jinja_value b) {
    if (!jinja_enter(j, JINJA_DEPTH_LIMIT)) return false;
    const bool equal = a.kind == JINJA_DICT ? dicts_equal(j, a.dict, b.dict) : lists_equal(j, a.list, b.list);
    j->depth--;
    return equal;
}

bool jinja_equal(jinja *j, jinja_value a, jinja_value b) {
    if (j->code) return false;
    if (jinja_is_number(a) && jinja_is_number(b)) {
        int64_t x, y;
        if (jinja_as_integer(a, &x) && jinja_as_integer(b, &y)) return x == y;
        return jinja_as_float(a) == jinja_as_float(b);
    }
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case JINJA_STRING: return a.text.n == b.text.n && (!a.text.n || !memcmp(a.text.data, b.text.data, a.text.n));
    case JINJA_LIST: case JINJA_TUPLE: return a.list == b.list || nested_equal(j, a, b);
    case JINJA_DICT: return a.dict == b.dict || nested_equal(j, a, b);
    case JINJA_RANGE: return lists_equal(j, jinja_items(j, a), jinja_items(j, b));
    case JINJA_VIEW: return strcmp(a.list->view, "dict_values") && !strcmp(a.list->view, b.list->view) && nested_equal(j, a, b);
    case JINJA_MISSING: case JINJA_UNDEFINED: case JINJA_NONE: return true;
    case JINJA_NAMESPACE: return a.dict == b.dict;
    case JINJA_MACRO: return a.macro == b.macro;
    case JINJA_FUNCTION: return a.function == b.function;
    case JINJA_METHOD: return a.method == b.method;
    default: return a.list == b.list;
    }
}

static int compare_lists(jinja *j, const jinja_list *a, const jinja_list *b, const char *sign) {
    if (!jinja_enter(j, JINJA_DEPTH_LIMIT)) return 0;
    int order = 0;
    size_t i = 0;
    for (; i < a->n && i < b->n && !order && jinja_step(j, 1); i++)
        if (!jinja_equal(j, a->items[i], b->items[i])) order = jinja_compare(j, a->items[i], b->items[i], sign);
    j->depth--;
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

int jinja_compare(jinja *j, jinja_value a, jinja_value b, const char *sign) {
    if (j->code) return 0;
    if (jinja_is_number(a) && jinja_is_number(b)) {
        int64_t x, y;
        if (jinja_as_integer(a, &x) && jinja_as_integer(b, &y)) return (x > y) - (x < y);
        const double d = jinja_as_float(a), e = jinja_as_float(b);
        return isnan(d) || isnan(e) ? 2 : (d > e) - (d < e);
    }
    if (a.kind == b.kind && a.kind == JINJA_STRING) {
        const size_t n = a.text.n < b.text.n ? a.text.n : b.text.n;
        const int order = n ? memcmp(a.text.data, b.text.data, n) : 0;      /* the order of UTF-8 is that of code points */
        return order ? (order > 0) - (order < 0) : (a.text.n > b.text.n) - (a.text.n < b.text.n);
    }
    if (a.kind == b.kind && (a.kind == JINJA_LIST || a.kind == JINJA_TUPLE)) return compare_lists(j, a.list, b.list, sign);
    if (a.kind == JINJA_UNDEFINED || b.kind == JINJA_UNDEFINED) {
        jinja_fail_undefined(j, a.kind == JINJA_UNDEFINED ? a : b);
        return 0;
    }
    jinja_fail(j, RIDGE_E_BAD_FILE, "'%s' not supported between instances of '%s' and '%s'", sign, jinja_type_name(a), jinja_type_name(b));
    return 0;
}

uint64_t jinja_hash(jinja *j, jinja_value v) {
    uint64_t h = 14695981039346656037u;                                     /* FNV-1a */
    if (jinja_is_number(v)) {
        const double d = jinja_as_float(v) + 0.0;                           /* 1, 1.0 and true are one key */
        memcpy(&h, &d, sizeof d);
        return h * 0x9e3779b97f4a7c15u;
    }
    switch (v.kind) {
    case JINJA_STRING:
        for (size_t i = 0; i < v.text.n; i++) h = (h ^ (unsigned char)v.text.data[i]) * 1099511628211u;
        return h;
    case JINJA_TUPLE:
        if (!jinja_enter(j, JINJA_DEPTH_LIMIT)) return 0;
        for (size_t i = 0; i < v.list->n && jinja_step(j, 1); i++) h = (h ^ jinja_hash(j, v.list->items[i])) * 1099511628211u;
        j->depth--;
        return h;
    case JINJA_LIST: case JINJA_DICT: case JINJA_VIEW:
        jinja_fail(j, RIDGE_E_BAD_FILE, "unhashable type: '%s'", jinja_type_name(v));
        return 0;
    default:
        return h ^ (uint64_t)v.kind;
    }
}

bool jinja_iterable(jinja_value v) {
    switch (v.kind) {
    case JINJA_UNDEFINED: case JINJA_STRING: case JINJA_LIST: case JINJA_TUPLE: case JINJA_DICT: case JINJA_RANGE:
    case JINJA_VIEW: case JINJA_ITERATOR: case JINJA_LOOP: return true;
    default: return false;
    }
}

jinja_list *jinja_items(jinja *j, jinja_value v) {
    if (j->code) return &j->empty;
    if (v.kind == JINJA_LIST || v.kind == JINJA_TUPLE || v.kind == JINJA_VIEW) return v.list;
    jinja_list *l = jinja_list_new(j, 0);
    switch (v.kind) {
    case JINJA_UNDEFINED: break;
    case JINJA_STRING:
        for (size_t i = 0, used; i < v.text.n && jinja_step(j, 1); i += used) {
            used = jinja_unicode_next(v.text.data + i, v.text.n - i, NULL);
            jinja_list_add(j, l, jinja_string(v.text.data + i, used));
        }
        break;
    case JINJA_DICT:
        for (size_t i = 0; i < v.dict->n && jinja_step(j, 1); i++) jinja_list_add(j, l, v.dict->entries[i].key);
        break;
    case JINJA_RANGE:
        for (int64_t i = 0, n = jinja_range_length(v.range); i < n && jinja_step(j, 1); i++)
            jinja_list_add(j, l, jinja_integer(v.range->start + i * v.range->step));
        break;
    case JINJA_ITERATOR:
        if (j->code) break;
        *l = *v.list;
        v.list->n = 0;
        break;
    default:
        jinja_fail(j, RIDGE_E_BAD_FILE, "'%s' object is not iterable", jinja_type_name(v));
    }
    return l;
}

bool jinja_contains(jinja *j, jinja_value container, jinja_value item) {
    if (j->code) return false;
    if (container.kind == JINJA_STRING) {
        if (item.kind != JINJA_STRING) {
            jinja_fail(j, RIDGE_E_BAD_FILE, "'in <string>' requires string as left operand, not %s", jinja_type_name(item));
            return false;
        }
        jinja_step(j, container.text.n / 1024);
        return !item.text.n || (container.text.n && memmem(container.text.data, container.text.n, item.text.data, item.text.n));
    }
    if (container.kind == JINJA_DICT) return jinja_dict_find(j, container.dict, item) != NULL;
    if (!jinja_iterable(container)) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "argument of type '%s' is not iterable", jinja_type_name(container));
        return false;
    }
    const jinja_list *items = jinja_items(j, container);
    for (size_t i = 0; i < items->n && jinja_step(j, 1); i++)
        if (jinja_equal(j, items->items[i], item)) return true;
    return false;
}
