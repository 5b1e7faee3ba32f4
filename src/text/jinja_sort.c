/* Keys and sorting: see jinja_sort.h. */
#include "text/jinja_sort.h"
#include "text/jinja_operators.h"
#include "text/jinja_text.h"
#include <string.h>

/* One part of a path: digits are an index. */
static jinja_value path_part(jinja_text part) {
    int64_t index = 0;
    for (size_t i = 0; i < part.n; i++) {
        if (part.data[i] < '0' || part.data[i] > '9' || i > 17) return jinja_string(part.data, part.n);
        index = index * 10 + (part.data[i] - '0');
    }
    return part.n ? jinja_integer(index) : jinja_string(part.data, part.n);
}

jinja_value jinja_item_path_or(jinja *j, jinja_value v, jinja_value path, jinja_value otherwise) {
    if (path.kind == JINJA_MISSING || path.kind == JINJA_NONE) return v;
    jinja_text rest = path.kind == JINJA_STRING ? path.text : (jinja_text){ "", 0 };
    for (bool more = true; more && !j->code; ) {
        const char *dot = rest.n ? memchr(rest.data, '.', rest.n) : NULL;
        const size_t n = dot ? (size_t)(dot - rest.data) : rest.n;
        v = jinja_item(j, v, path.kind == JINJA_STRING ? path_part((jinja_text){ rest.data, n }) : path);
        if (v.kind == JINJA_UNDEFINED && otherwise.kind != JINJA_MISSING && otherwise.kind != JINJA_NONE) v = otherwise;
        more = dot != NULL;
        if (more) rest = (jinja_text){ dot + 1, rest.n - n - 1 };
    }
    return v;
}

jinja_value jinja_item_path(jinja *j, jinja_value v, jinja_value path) { return jinja_item_path_or(j, v, path, jinja_nothing()); }

jinja_value jinja_sort_key(jinja *j, jinja_value v, jinja_value path, bool case_sensitive) {
    const jinja_value key = jinja_item_path(j, v, path);
    return key.kind == JINJA_STRING && !case_sensitive ? jinja_text_case(j, key, JINJA_LOWER) : key;
}

jinja_value jinja_sort_keys(jinja *j, jinja_value v, jinja_value paths, bool case_sensitive) {
    jinja_list *l = jinja_list_new(j, 1);
    jinja_text rest = paths.kind == JINJA_STRING ? paths.text : (jinja_text){ "", 0 };
    for (bool more = true; more && !j->code; ) {
        const char *comma = rest.n ? memchr(rest.data, ',', rest.n) : NULL;
        const size_t n = comma ? (size_t)(comma - rest.data) : rest.n;
        jinja_list_add(j, l, jinja_sort_key(j, v, paths.kind == JINJA_STRING ? jinja_string(rest.data, n) : paths, case_sensitive));
        more = comma != NULL;
        if (more) rest = (jinja_text){ comma + 1, rest.n - n - 1 };
    }
    return jinja_sequence(JINJA_LIST, l);
}

/* Merges the sorted runs [from, middle) and [middle, to) of `order` into `out`. */
static void merge(jinja *j, const jinja_list *keys, bool descending, const size_t *order, size_t *out, size_t from, size_t middle, size_t to) {
    size_t a = from, b = middle;
    for (size_t i = from; i < to; i++) {
        bool second = a == middle;
        if (a < middle && b < to && jinja_step(j, 1)) {
            const jinja_value x = keys->items[order[a]], y = keys->items[order[b]];
            second = descending ? jinja_compare(j, x, y, "<") < 0 : jinja_compare(j, y, x, "<") < 0;
        }
        out[i] = second ? order[b++] : order[a++];
    }
}

void jinja_sort(jinja *j, jinja_list *items, jinja_list *keys, bool descending) {
    const size_t n = items->n;
    size_t *order = jinja_allocate(j, n + 1, sizeof *order), *next = jinja_allocate(j, n + 1, sizeof *next);
    jinja_value *sorted = jinja_allocate(j, n + 1, sizeof *sorted);
    if (j->code || keys->n != n) return;
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t run = 1; run < n && !j->code; run *= 2) {
        for (size_t from = 0; from < n; from += 2 * run) {
            const size_t middle = from + run < n ? from + run : n, to = middle + run < n ? middle + run : n;
            merge(j, keys, descending, order, next, from, middle, to);
        }
        size_t *const swap = order;
        order = next;
        next = swap;
    }
    for (size_t i = 0; i < n; i++) sorted[i] = items->items[order[i]];
    if (n) memcpy(items->items, sorted, n * sizeof *sorted);
}
