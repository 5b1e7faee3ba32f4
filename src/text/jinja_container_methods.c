/* The methods of lists, tuples, dicts and loops. jinja2's sandbox refuses those that change a list or dict (append, update, …),
 * so they do not exist here; of list.pop and list.clear it knows nothing, so they do. */
#include "text/jinja_call.h"
#include "text/jinja_operators.h"
#include <string.h>

static jinja_value list_index(jinja *j, jinja_value self, const jinja_value *a) {
    for (size_t i = 0; i < self.list->n && jinja_step(j, 1); i++)
        if (jinja_equal(j, self.list->items[i], a[0])) return jinja_integer((int64_t)i);
    jinja_fail(j, RIDGE_E_BAD_FILE, "the value is not in the list");
    return jinja_nothing();
}

static jinja_value list_count(jinja *j, jinja_value self, const jinja_value *a) {
    int64_t count = 0;
    for (size_t i = 0; i < self.list->n && jinja_step(j, 1); i++) count += jinja_equal(j, self.list->items[i], a[0]);
    return jinja_integer(count);
}

static jinja_value list_copy(jinja *j, jinja_value self, const jinja_value *a) {
    (void)a;
    jinja_list *l = jinja_list_new(j, self.list->n);
    for (size_t i = 0; i < self.list->n && jinja_step(j, 1); i++) jinja_list_add(j, l, self.list->items[i]);
    return jinja_sequence(JINJA_LIST, l);
}

static jinja_value list_pop(jinja *j, jinja_value self, const jinja_value *a) {
    jinja_list *l = self.list;
    int64_t index = -1;
    const bool integer = a[0].kind == JINJA_MISSING || jinja_as_integer(a[0], &index);
    if (index < 0) index += (int64_t)l->n;
    if (!integer || index < 0 || index >= (int64_t)l->n) {
        jinja_fail(j, RIDGE_E_BAD_FILE, integer ? "pop index out of range" : "pop() needs an integer");
        return jinja_nothing();
    }
    const jinja_value popped = l->items[index];
    l->n--;
    memmove(l->items + index, l->items + index + 1, (l->n - (size_t)index) * sizeof *l->items);
    jinja_step(j, l->n / 1024);
    return popped;
}

static jinja_value list_clear(jinja *j, jinja_value self, const jinja_value *a) {
    (void)j, (void)a;
    self.list->n = 0;
    return jinja_none();
}

const jinja_callable jinja_list_methods[] = {
    { "index", "value", 1, list_index, NULL }, { "count", "value", 1, list_count, NULL }, { "copy", "", 0, list_copy, NULL },
    { "pop", "index", 0, list_pop, NULL },     { "clear", "", 0, list_clear, NULL },      { NULL, NULL, 0, NULL, NULL },
};

const jinja_callable jinja_tuple_methods[] = {
    { "index", "value", 1, list_index, NULL }, { "count", "value", 1, list_count, NULL }, { NULL, NULL, 0, NULL, NULL },
};

typedef enum { KEYS, VALUES, ITEMS } view_kind;

static jinja_value view(jinja *j, jinja_value self, view_kind kind) {
    static const char *const names[] = { "dict_keys", "dict_values", "dict_items" };
    jinja_list *l = jinja_list_new(j, self.dict->n);
    for (size_t i = 0; i < self.dict->n && jinja_step(j, 1); i++) {
        const jinja_entry *e = &self.dict->entries[i];
        jinja_list_add(j, l, kind == KEYS ? e->key : kind == VALUES ? e->value : jinja_pair(j, e->key, e->value));
    }
    if (!j->code) l->view = names[kind];
    return jinja_sequence(JINJA_VIEW, l);
}

static jinja_value dict_keys(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return view(j, self, KEYS); }
static jinja_value dict_values(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return view(j, self, VALUES); }
static jinja_value dict_items(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return view(j, self, ITEMS); }

static jinja_value dict_get(jinja *j, jinja_value self, const jinja_value *a) {
    const jinja_value *found = jinja_dict_find(j, self.dict, a[0]);
    return found ? *found : a[1].kind == JINJA_MISSING ? jinja_none() : a[1];
}

static jinja_value dict_copy(jinja *j, jinja_value self, const jinja_value *a) {
    (void)a;
    jinja_dict *d = jinja_dict_new(j);
    for (size_t i = 0; i < self.dict->n && jinja_step(j, 1); i++) jinja_dict_add(j, d, self.dict->entries[i].key, self.dict->entries[i].value);
    return jinja_mapping(JINJA_DICT, d);
}

const jinja_callable jinja_dict_methods[] = {
    { "keys", "", 0, dict_keys, NULL },         { "values", "", 0, dict_values, NULL }, { "items", "", 0, dict_items, NULL },
    { "get", "key default", 1, dict_get, NULL }, { "copy", "", 0, dict_copy, NULL },     { NULL, NULL, 0, NULL, NULL },
};

static jinja_value loop_cycle(jinja *j, jinja_value self, const jinja_arguments *a) {
    if (!a->n) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "no items for cycling given");
        return jinja_nothing();
    }
    return a->values[self.loop->index % a->n];
}

static jinja_value loop_changed(jinja *j, jinja_value self, const jinja_arguments *a) {
    jinja_list *l = jinja_list_new(j, a->n);
    for (size_t i = 0; i < a->n; i++) jinja_list_add(j, l, a->values[i]);
    const jinja_value now = jinja_sequence(JINJA_TUPLE, l);
    if (self.loop->changed.kind == JINJA_TUPLE && jinja_equal(j, now, self.loop->changed)) return jinja_boolean(false);
    self.loop->changed = now;
    return jinja_boolean(true);
}

const jinja_callable jinja_loop_methods[] = {
    { "cycle", NULL, 0, NULL, loop_cycle }, { "changed", NULL, 0, NULL, loop_changed }, { NULL, NULL, 0, NULL, NULL },
};
