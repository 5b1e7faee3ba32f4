/* Filters about things with items. Where Python returns a generator, an iterator is returned whose items were already made. */
#include "text/jinja_call.h"
#include "text/jinja_lexer.h"
#include "text/jinja_operators.h"
#include "text/jinja_print.h"
#include "text/jinja_sort.h"
#include "text/jinja_text.h"
#include <string.h>

static jinja_value wrong(jinja *j, const char *filter, const char *needs) {
    jinja_fail(j, RIDGE_E_BAD_FILE, "the filter %s needs %s", filter, needs);
    return jinja_nothing();
}

static bool given(jinja_value v) { return v.kind != JINJA_MISSING && v.kind != JINJA_NONE; }

static jinja_value length(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    const int64_t n = v.kind == JINJA_LOOP ? (int64_t)v.loop->items->n : jinja_length(v);
    if (n < 0) jinja_fail(j, RIDGE_E_BAD_FILE, "object of type '%s' has no len()", jinja_type_name(v));
    if (v.kind == JINJA_STRING) jinja_step(j, v.text.n / 1024);
    return jinja_integer(n);
}

static jinja_value first(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    const jinja_list *l = jinja_items(j, v);
    return l->n ? l->items[0] : jinja_undefined_hint(j, "No first item, sequence was empty.");
}

static jinja_value last(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    if (v.kind == JINJA_ITERATOR) return wrong(j, "last", "a sequence, not a generator");
    const jinja_list *l = jinja_items(j, v);
    return l->n ? l->items[l->n - 1] : jinja_undefined_hint(j, "No last item, sequence was empty.");
}

/* A list of one's own. */
static jinja_list *copied(jinja *j, jinja_value v) {
    const jinja_list *items = jinja_items(j, v);
    jinja_list *l = jinja_list_new(j, items->n);
    for (size_t i = 0; i < items->n && jinja_step(j, 1); i++) jinja_list_add(j, l, items->items[i]);
    return l;
}

static jinja_value list(jinja *j, jinja_value v, const jinja_value *a) { (void)a; return jinja_sequence(JINJA_LIST, copied(j, v)); }

static jinja_value reverse(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    const jinja_list *items = jinja_items(j, v);
    if (v.kind == JINJA_STRING) {
        buffer b = {0};
        for (size_t i = items->n; i-- > 0 && !j->code; ) jinja_append(j, &b, items->items[i].text.data, items->items[i].text.n);
        return jinja_string_take(j, &b);
    }
    jinja_list *l = jinja_list_new(j, items->n);
    for (size_t i = items->n; i-- > 0 && jinja_step(j, 1); ) jinja_list_add(j, l, items->items[i]);
    return jinja_sequence(JINJA_ITERATOR, l);
}

static jinja_value join(jinja *j, jinja_value v, const jinja_value *a) {
    const jinja_list *items = jinja_items(j, v);
    const jinja_value between = given(a[0]) || a[0].kind == JINJA_NONE ? jinja_to_string(j, a[0]) : jinja_literal("");
    buffer b = {0};
    for (size_t i = 0; i < items->n && jinja_step(j, 1); i++) {
        if (i) jinja_append(j, &b, between.text.data, between.text.n);
        jinja_print(j, &b, given(a[1]) ? jinja_item_path(j, items->items[i], a[1]) : items->items[i]);
    }
    return jinja_string_take(j, &b);
}

static jinja_value items(jinja *j, jinja_value v, const jinja_value *a) {
    (void)a;
    jinja_list *l = jinja_list_new(j, 0);
    if (v.kind != JINJA_DICT && v.kind != JINJA_UNDEFINED) return wrong(j, "items", "a mapping");
    for (size_t i = 0; v.kind == JINJA_DICT && i < v.dict->n && jinja_step(j, 1); i++)
        jinja_list_add(j, l, jinja_pair(j, v.dict->entries[i].key, v.dict->entries[i].value));
    return jinja_sequence(JINJA_ITERATOR, l);
}

static jinja_value sum(jinja *j, jinja_value v, const jinja_value *a) {
    const jinja_list *l = jinja_items(j, v);
    jinja_value total = a[1].kind == JINJA_MISSING ? jinja_integer(0) : a[1];
    if (total.kind == JINJA_STRING) return wrong(j, "sum", "a start that is not a string");
    for (size_t i = 0; i < l->n && jinja_step(j, 1); i++)
        total = jinja_arithmetic(j, TOKEN_ADD, total, given(a[0]) ? jinja_item_path(j, l->items[i], a[0]) : l->items[i]);
    return total;
}

static jinja_value extreme(jinja *j, jinja_value v, const jinja_value *a, int wanted) {
    const jinja_list *l = jinja_items(j, v);
    if (!l->n) return jinja_undefined_hint(j, "No aggregated item, sequence was empty.");
    size_t best = 0;
    jinja_value best_key = jinja_sort_key(j, l->items[0], a[1], jinja_truth(a[0]));
    for (size_t i = 1; i < l->n && jinja_step(j, 1); i++) {
        const jinja_value key = jinja_sort_key(j, l->items[i], a[1], jinja_truth(a[0]));
        if (jinja_compare(j, key, best_key, wanted < 0 ? "<" : ">") != wanted) continue;
        best = i;
        best_key = key;
    }
    return l->items[best];
}

static jinja_value min(jinja *j, jinja_value v, const jinja_value *a) { return extreme(j, v, a, -1); }
static jinja_value max(jinja *j, jinja_value v, const jinja_value *a) { return extreme(j, v, a, 1); }

static jinja_value sort(jinja *j, jinja_value v, const jinja_value *a) {
    jinja_list *l = copied(j, v), *keys = jinja_list_new(j, l->n);
    for (size_t i = 0; i < l->n && jinja_step(j, 1); i++) jinja_list_add(j, keys, jinja_sort_keys(j, l->items[i], a[2], jinja_truth(a[1])));
    jinja_sort(j, l, keys, jinja_truth(a[0]));
    return jinja_sequence(JINJA_LIST, l);
}

static jinja_value dictsort(jinja *j, jinja_value v, const jinja_value *a) {
    const bool by_value = a[1].kind == JINJA_STRING && jinja_text_is(a[1].text, "value");
    const bool by_key = a[1].kind == JINJA_STRING && jinja_text_is(a[1].text, "key");
    if (a[1].kind != JINJA_MISSING && !by_value && !by_key) return wrong(j, "dictsort", "by='key' or by='value'");
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    if (v.kind != JINJA_DICT) return wrong(j, "dictsort", "a mapping");
    jinja_list *l = jinja_list_new(j, v.dict->n), *keys = jinja_list_new(j, v.dict->n);
    for (size_t i = 0; i < v.dict->n && jinja_step(j, 1); i++) {
        const jinja_entry *e = &v.dict->entries[i];
        jinja_list_add(j, l, jinja_pair(j, e->key, e->value));
        jinja_list_add(j, keys, jinja_sort_key(j, by_value ? e->value : e->key, jinja_nothing(), jinja_truth(a[0])));
    }
    jinja_sort(j, l, keys, jinja_truth(a[2]));
    return jinja_sequence(JINJA_LIST, l);
}

static jinja_value unique(jinja *j, jinja_value v, const jinja_value *a) {
    const jinja_list *source = jinja_items(j, v);
    jinja_list *l = jinja_list_new(j, 0);
    jinja_dict *seen = jinja_dict_new(j);
    for (size_t i = 0; i < source->n && jinja_step(j, 1); i++) {
        const jinja_value key = jinja_sort_key(j, source->items[i], a[1], jinja_truth(a[0]));
        if (jinja_dict_find(j, seen, key)) continue;
        jinja_dict_add(j, seen, key, jinja_none());
        jinja_list_add(j, l, source->items[i]);
    }
    return jinja_sequence(JINJA_ITERATOR, l);
}

/* select, reject, selectattr, rejectattr: (attribute,) test's name, test's arguments */
static jinja_value choose(jinja *j, jinja_value v, const jinja_arguments *a, bool by_attribute, bool keep) {
    jinja_list *l = jinja_list_new(j, 0);
    if (!jinja_truth(v)) return jinja_sequence(JINJA_ITERATOR, l);
    if (by_attribute && !a->n) return wrong(j, "selectattr", "the attribute's name");
    const jinja_arguments rest = jinja_arguments_from(a, by_attribute);
    const jinja_arguments arguments = jinja_arguments_from(&rest, 1);
    const jinja_callable *test = NULL;
    if (rest.n) {
        if (rest.values[0].kind != JINJA_STRING) return wrong(j, "select", "the test's name as a string");
        test = jinja_test(j, rest.values[0].text);
    }
    const jinja_list *source = jinja_items(j, v);
    for (size_t i = 0; i < source->n && jinja_step(j, 1); i++) {
        const jinja_value item = by_attribute ? jinja_item_path(j, source->items[i], a->values[0]) : source->items[i];
        if (jinja_truth(test ? jinja_apply(j, test, item, &arguments) : item) == keep) jinja_list_add(j, l, source->items[i]);
    }
    return jinja_sequence(JINJA_ITERATOR, l);
}

static jinja_value select(jinja *j, jinja_value v, const jinja_arguments *a) { return choose(j, v, a, false, true); }
static jinja_value reject(jinja *j, jinja_value v, const jinja_arguments *a) { return choose(j, v, a, false, false); }
static jinja_value selectattr(jinja *j, jinja_value v, const jinja_arguments *a) { return choose(j, v, a, true, true); }
static jinja_value rejectattr(jinja *j, jinja_value v, const jinja_arguments *a) { return choose(j, v, a, true, false); }

/* map('filter', arguments …) or map(attribute=…, default=…) */
static jinja_value map(jinja *j, jinja_value v, const jinja_arguments *a) {
    const jinja_value *attribute = a->n ? NULL : jinja_keyword_find(a, "attribute"), *otherwise = attribute ? jinja_keyword_find(a, "default") : NULL;
    const jinja_arguments arguments = jinja_arguments_from(a, 1);
    const jinja_callable *filter = NULL;
    jinja_list *l = jinja_list_new(j, 0);
    if (!jinja_truth(v)) return jinja_sequence(JINJA_ITERATOR, l);
    if (attribute ? a->n_keywords > 1u + (otherwise != NULL) : !a->n || a->values[0].kind != JINJA_STRING)
        return wrong(j, "map", "a filter's name, or attribute= and perhaps default=");
    if (!attribute) filter = jinja_filter(j, a->values[0].text);
    const jinja_list *source = jinja_items(j, v);
    for (size_t i = 0; i < source->n && jinja_step(j, 1); i++) {
        jinja_value item = source->items[i];
        if (filter) item = jinja_apply(j, filter, item, &arguments);
        else item = jinja_item_path_or(j, item, *attribute, otherwise ? *otherwise : jinja_nothing());
        jinja_list_add(j, l, item);
    }
    return jinja_sequence(JINJA_ITERATOR, l);
}

const jinja_callable jinja_sequence_filters[] = {
    { "length", "", 0, length, NULL },
    { "count", "", 0, length, NULL },
    { "first", "", 0, first, NULL },
    { "last", "", 0, last, NULL },
    { "list", "", 0, list, NULL },
    { "reverse", "", 0, reverse, NULL },
    { "join", "d attribute", 0, join, NULL },
    { "items", "", 0, items, NULL },
    { "sum", "attribute start", 0, sum, NULL },
    { "min", "case_sensitive attribute", 0, min, NULL },
    { "max", "case_sensitive attribute", 0, max, NULL },
    { "sort", "reverse case_sensitive attribute", 0, sort, NULL },
    { "dictsort", "case_sensitive by reverse", 0, dictsort, NULL },
    { "unique", "case_sensitive attribute", 0, unique, NULL },
    { "select", NULL, 0, NULL, select },
    { "reject", NULL, 0, NULL, reject },
    { "selectattr", NULL, 0, NULL, selectattr },
    { "rejectattr", NULL, 0, NULL, rejectattr },
    { "map", NULL, 0, NULL, map },
    { NULL, NULL, 0, NULL, NULL },
};
