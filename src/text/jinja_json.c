/* JSON: see jinja_json.h. */
#define _GNU_SOURCE         /* qsort_r */
#include "text/jinja_json.h"
#include "text/jinja_print.h"
#include "text/jinja_unicode.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jinja_value from_json(jinja *j, json_t *json);

static jinja_value from_array(jinja *j, json_t *json) {
    jinja_list *l = jinja_list_new(j, json_array_size(json));
    size_t i;
    json_t *item;
    json_array_foreach(json, i, item) {
        if (j->code) break;
        jinja_list_add(j, l, from_json(j, item));
    }
    return jinja_sequence(JINJA_LIST, l);
}

static jinja_value from_object(jinja *j, json_t *json) {
    jinja_dict *d = jinja_dict_new(j);
    for (void *i = json_object_iter(json); i && !j->code; i = json_object_iter_next(json, i)) {
        const char *key = json_object_iter_key(i);
        jinja_dict_add(j, d, jinja_string_copy(j, key, strlen(key)), from_json(j, json_object_iter_value(i)));
    }
    return jinja_mapping(JINJA_DICT, d);
}

static jinja_value from_json(jinja *j, json_t *json) {
    switch (json_typeof(json)) {
    case JSON_NULL: return jinja_none();
    case JSON_TRUE: case JSON_FALSE: return jinja_boolean(json_is_true(json));
    case JSON_INTEGER: return jinja_integer(json_integer_value(json));
    case JSON_REAL: return jinja_float(json_real_value(json));
    case JSON_STRING: return jinja_string_copy(j, json_string_value(json), json_string_length(json));
    default: break;
    }
    const int outside = j->depth;
    if (!jinja_enter(j, JINJA_DEPTH_LIMIT)) return jinja_nothing();
    const jinja_value v = json_is_array(json) ? from_array(j, json) : from_object(j, json);
    j->depth = outside;
    return v;
}

/* Does the text open more than JINJA_NESTING_LIMIT brackets at once (brackets in strings aside)? */
static bool too_deep(const char *text, size_t n) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\') i++;
            else quoted = c != '"';
        } else if (c == '"') quoted = true;
        else if (c == '[' || c == '{') { if (++depth > JINJA_NESTING_LIMIT) return true; }
        else if (c == ']' || c == '}') depth--;
    }
    return false;
}

jinja_value jinja_json_read(jinja *j, const char *text, size_t n, const char *what) {
    if (!jinja_step(j, n / 1024)) return jinja_nothing();
    if (too_deep(text, n)) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "%s is nested deeper than %d", what, JINJA_NESTING_LIMIT);
        return jinja_nothing();
    }
    json_error_t problem;
    json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (!json) {
        jinja_fail(j, RIDGE_E_BAD_ARGUMENT, "%s is not JSON: %s at its line %d, column %d", what, problem.text, problem.line, problem.column);
        return jinja_nothing();
    }
    const jinja_value v = from_json(j, json);
    json_decref(json);
    return j->code ? jinja_nothing() : v;
}

static void put(jinja *j, buffer *b, const char *text) { jinja_append(j, b, text, strlen(text)); }

static void write_character(jinja *j, buffer *b, const char *s, size_t used, int32_t c, bool ascii) {
    static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    char text[16];
    const char *name = c > 0 ? memchr(named, c < 128 ? c : 0, sizeof named - 1) : NULL;
    if (name) snprintf(text, sizeof text, "\\%c", letters[name - named]);
    else if ((c >= 0 && c < 32) || (ascii && c >= 127 && c < 0x10000)) snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    else if (ascii && c >= 0x10000) snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd7c0u + ((unsigned)c >> 10), 0xdc00u | ((unsigned)c & 0x3ff));
    else { jinja_append(j, b, s, used); return; }
    put(j, b, text);
}

static void write_string(jinja *j, buffer *b, jinja_text t, bool ascii) {
    put(j, b, "\"");
    for (size_t i = 0, used; i < t.n && !j->code; i += used) {
        int32_t c;
        used = jinja_unicode_next(t.data + i, t.n - i, &c);
        write_character(j, b, t.data + i, used, c, ascii);
    }
    put(j, b, "\"");
}

static void write_number(jinja *j, buffer *b, jinja_value v) {
    if (v.kind == JINJA_FLOAT && !isfinite(v.number)) put(j, b, isnan(v.number) ? "NaN" : v.number < 0 ? "-Infinity" : "Infinity");
    else jinja_repr(j, b, v);
}

static void write_scalar(jinja *j, buffer *b, jinja_value v, bool ascii) {
    switch (v.kind) {
    case JINJA_NONE: put(j, b, "null"); break;
    case JINJA_BOOLEAN: put(j, b, v.boolean ? "true" : "false"); break;
    case JINJA_STRING: write_string(j, b, v.text, ascii); break;
    case JINJA_INTEGER: case JINJA_FLOAT: write_number(j, b, v); break;
    default: jinja_fail(j, RIDGE_E_BAD_FILE, "Object of type %s is not JSON serializable", jinja_type_name(v));
    }
}

static void write_key(jinja *j, buffer *b, jinja_value key, bool ascii) {
    if (key.kind == JINJA_STRING) { write_string(j, b, key.text, ascii); return; }
    if (key.kind != JINJA_NONE && !jinja_is_number(key)) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "keys must be str, int, float, bool or None, not %s", jinja_type_name(key));
        return;
    }
    put(j, b, "\"");
    write_scalar(j, b, key, ascii);
    put(j, b, "\"");
}

static void new_line(jinja *j, buffer *b, const jinja_json_style *style, int level) {
    if (!style->indent.data) return;
    put(j, b, "\n");
    for (int i = 0; i < level && !j->code; i++) jinja_append(j, b, style->indent.data, style->indent.n);
}

static void write_value(jinja *j, buffer *b, jinja_value v, const jinja_json_style *style, int level);

static void write_list(jinja *j, buffer *b, const jinja_list *l, const jinja_json_style *style, int level) {
    put(j, b, "[");
    for (size_t i = 0; i < l->n && jinja_step(j, 1); i++) {
        if (i) jinja_append(j, b, style->between_items.data, style->between_items.n);
        new_line(j, b, style, level + 1);
        write_value(j, b, l->items[i], style, level + 1);
    }
    if (l->n) new_line(j, b, style, level);
    put(j, b, "]");
}

static int by_key(const void *a, const void *b, void *j) {
    return jinja_compare(j, (*(const jinja_entry *const *)a)->key, (*(const jinja_entry *const *)b)->key, "<");
}

static void write_dict(jinja *j, buffer *b, const jinja_dict *d, const jinja_json_style *style, int level) {
    const jinja_entry **order = jinja_allocate(j, d->n + 1, sizeof *order);
    if (!order) return;
    for (size_t i = 0; i < d->n; i++) order[i] = &d->entries[i];
    if (style->sorted) qsort_r(order, d->n, sizeof *order, by_key, j);
    put(j, b, "{");
    for (size_t i = 0; i < d->n && jinja_step(j, 1); i++) {
        if (i) jinja_append(j, b, style->between_items.data, style->between_items.n);
        new_line(j, b, style, level + 1);
        write_key(j, b, order[i]->key, style->ascii);
        jinja_append(j, b, style->behind_key.data, style->behind_key.n);
        write_value(j, b, order[i]->value, style, level + 1);
    }
    if (d->n) new_line(j, b, style, level);
    put(j, b, "}");
}

static void write_value(jinja *j, buffer *b, jinja_value v, const jinja_json_style *style, int level) {
    if (v.kind != JINJA_LIST && v.kind != JINJA_TUPLE && v.kind != JINJA_DICT) { write_scalar(j, b, v, style->ascii); return; }
    if (level >= JINJA_NESTING_LIMIT) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "a value for JSON is nested deeper than %d", JINJA_NESTING_LIMIT);
        return;
    }
    if (v.kind == JINJA_DICT) write_dict(j, b, v.dict, style, level);
    else write_list(j, b, v.list, style, level);
}

void jinja_json_write(jinja *j, buffer *b, jinja_value v, const jinja_json_style *style) { write_value(j, b, v, style, 0); }
