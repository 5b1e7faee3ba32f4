/* Filters that make text of a value. */
#include "text/jinja_call.h"
#include "text/jinja_format.h"
#include "text/jinja_json.h"
#include "text/jinja_operators.h"
#include "text/jinja_print.h"
#include "text/jinja_text.h"
#include <string.h>

static jinja_value wrong(jinja *j, const char *filter, const char *needs) {
    jinja_fail(j, RIDGE_E_BAD_FILE, "the filter %s needs %s", filter, needs);
    return jinja_nothing();
}

static jinja_value cased(jinja *j, jinja_value v, jinja_case mode) {
    const jinja_value s = jinja_to_string(j, v);
    return j->code ? s : jinja_text_case(j, s, mode);
}

static jinja_value upper(jinja *j, jinja_value v, const jinja_value *a) { (void)a; return cased(j, v, JINJA_UPPER); }
static jinja_value lower(jinja *j, jinja_value v, const jinja_value *a) { (void)a; return cased(j, v, JINJA_LOWER); }
static jinja_value capitalize(jinja *j, jinja_value v, const jinja_value *a) { (void)a; return cased(j, v, JINJA_CAPITALIZE); }

/* Words begin behind white space and - ( { [ <, unlike for str.title. */
static jinja_value title(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    const jinja_value s = jinja_to_string(j, v);
    buffer b = {0};
    for (size_t i = 0; !j->code && i < s.text.n && jinja_step(j, 1); ) {
        const size_t from = i;
        bool separator = false;
        while (i < s.text.n && !separator) {
            int32_t c;
            const size_t used = jinja_unicode_next(s.text.data + i, s.text.n - i, &c);
            separator = jinja_unicode_space(c) || (c > 0 && c < 128 && strchr("-({[<", c));
            if (separator && i > from) break;
            i += used;
        }
        const size_t first = jinja_unicode_next(s.text.data + from, i - from, NULL);
        jinja_unicode_case(&b, s.text.data + from, first, JINJA_UPPER);
        jinja_unicode_case(&b, s.text.data + from + first, i - from - first, JINJA_LOWER);
        if (b.n > JINJA_OUTPUT_LIMIT) wrong(j, "title", "a shorter text");
    }
    return jinja_string_take(j, &b);
}

static jinja_value trim(jinja *j, jinja_value v, const jinja_value *a) {
    const jinja_value s = jinja_to_string(j, v);
    return j->code ? s : jinja_text_strip(j, s, a[0], true, true);
}

static jinja_value string(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    return v.kind == JINJA_STRING ? v : jinja_to_string(j, v);
}

static jinja_value safe(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    jinja_value s = jinja_to_string(j, v);
    s.markup = true;
    return s;
}

static jinja_value escape(jinja *j, jinja_value v, const jinja_value *a) { (void)a; return jinja_escape(j, v); }

static jinja_value replace(jinja *j, jinja_value v, const jinja_value *a) {
    int64_t most = -1;
    if (a[2].kind != JINJA_MISSING && a[2].kind != JINJA_NONE && !jinja_as_integer(a[2], &most))
        return wrong(j, "replace", "a count that is an integer");
    const jinja_value s = jinja_to_string(j, v), old = jinja_to_string(j, a[0]), with = jinja_to_string(j, a[1]);
    return j->code ? s : jinja_text_replace(j, s.text, old.text, with.text, most);
}

/* One level of an indentation, given as a number of spaces or as a text. */
static jinja_value indentation(jinja *j, jinja_value width, int64_t otherwise) {
    int64_t n = otherwise;
    if (width.kind == JINJA_STRING) return width;
    if (width.kind != JINJA_MISSING && !jinja_as_integer(width, &n)) return wrong(j, "indent", "a width that is an integer or a string");
    buffer b = {0};
    for (int64_t i = 0; i < n && !j->code; i++) jinja_append(j, &b, " ", 1);
    return jinja_string_take(j, &b);
}

static jinja_value indent(jinja *j, jinja_value v, const jinja_value *a) {
    const jinja_value by = indentation(j, a[0], 4);
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    if (v.kind != JINJA_STRING) return wrong(j, "indent", "a string");
    if (j->code) return jinja_nothing();
    const jinja_list *lines = jinja_text_lines(j, jinja_join_strings(j, v, jinja_literal("\n")).text, false).list;
    const bool first = jinja_truth(a[1]), blank = jinja_truth(a[2]);
    buffer b = {0};
    for (size_t i = 0; !j->code && i < lines->n && jinja_step(j, 1); i++) {
        if (i) jinja_append(j, &b, "\n", 1);
        if (i ? blank || lines->items[i].text.n : first) jinja_append(j, &b, by.text.data, by.text.n);
        jinja_append(j, &b, lines->items[i].text.data, lines->items[i].text.n);
    }
    return jinja_string_take(j, &b);
}

static bool separators(jinja_value v, jinja_json_style *style) {
    if ((v.kind != JINJA_TUPLE && v.kind != JINJA_LIST) || v.list->n != 2) return false;
    if (v.list->items[0].kind != JINJA_STRING || v.list->items[1].kind != JINJA_STRING) return false;
    style->between_items = v.list->items[0].text;
    style->behind_key = v.list->items[1].text;
    return true;
}

/* As Hugging Face's transformers define it: json.dumps with ensure_ascii off. */
static jinja_value tojson(jinja *j, jinja_value v, const jinja_value *a) {
    jinja_json_style style = { .between_items = { ", ", 2 }, .behind_key = { ": ", 2 }, .ascii = jinja_truth(a[0]), .sorted = jinja_truth(a[3]) };
    if (a[1].kind != JINJA_MISSING && a[1].kind != JINJA_NONE) {
        style.indent = indentation(j, a[1], 0).text;
        style.between_items = (jinja_text){ ",", 1 };
    }
    if (a[2].kind != JINJA_MISSING && a[2].kind != JINJA_NONE && !separators(a[2], &style)) return wrong(j, "tojson", "two strings as separators");
    buffer b = {0};
    if (!j->code) jinja_json_write(j, &b, v, &style);
    return jinja_string_take(j, &b);
}

static jinja_value from_json(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    return v.kind == JINJA_STRING ? jinja_json_read(j, v.text.data, v.text.n, "the text for from_json") : wrong(j, "from_json", "a string");
}

static jinja_value format(jinja *j, jinja_value v, const jinja_arguments *a) {
    const jinja_value s = jinja_to_string(j, v);
    if (j->code) return s;
    if (a->n && a->n_keywords) return wrong(j, "format", "either positional or named arguments");
    if (a->n_keywords) {
        jinja_dict *d = jinja_dict_new(j);
        for (size_t i = 0; i < a->n_keywords; i++)
            jinja_dict_set(j, d, jinja_string(a->keywords[i].name.data, a->keywords[i].name.n), a->keywords[i].value);
        return d ? jinja_format_percent(j, s, jinja_mapping(JINJA_DICT, d)) : jinja_nothing();
    }
    jinja_list *l = jinja_list_new(j, a->n);
    for (size_t i = 0; i < a->n; i++) jinja_list_add(j, l, a->values[i]);
    return jinja_format_percent(j, s, jinja_sequence(JINJA_TUPLE, l));
}

const jinja_callable jinja_text_filters[] = {
    { "upper", "", 0, upper, NULL },
    { "lower", "", 0, lower, NULL },
    { "capitalize", "", 0, capitalize, NULL },
    { "title", "", 0, title, NULL },
    { "trim", "chars", 0, trim, NULL },
    { "string", "", 0, string, NULL },
    { "safe", "", 0, safe, NULL },
    { "escape", "", 0, escape, NULL },
    { "e", "", 0, escape, NULL },
    { "replace", "old new count", 2, replace, NULL },
    { "indent", "width first blank", 0, indent, NULL },
    { "tojson", "ensure_ascii indent separators sort_keys", 0, tojson, NULL },
    { "from_json", "", 0, from_json, NULL },
    { "format", NULL, 0, NULL, format },
    { NULL, NULL, 0, NULL, NULL },
};
