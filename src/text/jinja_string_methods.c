/* The methods of strings, as Python's str has them. Positions and counts are in characters. */
#include "text/jinja_call.h"
#include "text/jinja_format.h"
#include "text/jinja_print.h"
#include "text/jinja_unicode.h"
#include "text/jinja_text.h"
#include <string.h>

static jinja_value wrong(jinja *j, const char *method, const char *needs) {
    jinja_fail(j, RIDGE_E_BAD_FILE, "%s() needs %s", method, needs);
    return jinja_nothing();
}

/* An optional integer argument. */
static int64_t integer_or(jinja *j, jinja_value v, int64_t otherwise) {
    int64_t i = otherwise;
    if (v.kind != JINJA_MISSING && v.kind != JINJA_NONE && !jinja_as_integer(v, &i)) wrong(j, "a method", "an integer");
    return i;
}

static jinja_value changed_case(jinja *j, jinja_value self, jinja_case mode) { return jinja_text_case(j, self, mode); }
static jinja_value upper(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return changed_case(j, self, JINJA_UPPER); }
static jinja_value lower(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return changed_case(j, self, JINJA_LOWER); }
static jinja_value title(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return changed_case(j, self, JINJA_TITLE); }
static jinja_value capitalize(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return changed_case(j, self, JINJA_CAPITALIZE); }
static jinja_value swapcase(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return changed_case(j, self, JINJA_SWAPCASE); }

static jinja_value strip(jinja *j, jinja_value self, const jinja_value *a) { return jinja_text_strip(j, self, a[0], true, true); }
static jinja_value lstrip(jinja *j, jinja_value self, const jinja_value *a) { return jinja_text_strip(j, self, a[0], true, false); }
static jinja_value rstrip(jinja *j, jinja_value self, const jinja_value *a) { return jinja_text_strip(j, self, a[0], false, true); }

/* At most `most` splits (negative: any number) at white space, from the left or from the right. */
static jinja_value split_space(jinja *j, jinja_text t, int64_t most, bool right) {
    jinja_list *l = jinja_list_new(j, 0);
    const size_t lead = right ? 0 : jinja_unicode_leading_space(t.data, t.n);      /* the far end keeps its white space */
    t.data += lead;
    t.n -= lead;
    if (right) t.n -= jinja_unicode_trailing_space(t.data, t.n);
    while (t.n && most-- && jinja_step(j, 1)) {
        size_t at = right ? t.n : 0;
        int32_t c = 0;
        while (right ? at > 0 : at < t.n) {
            const size_t used = right ? jinja_unicode_last(t.data, at, &c) : jinja_unicode_next(t.data + at, t.n - at, &c);
            if (jinja_unicode_space(c)) break;
            at = right ? at - used : at + used;
        }
        if (right) {
            jinja_list_add(j, l, jinja_string(t.data + at, t.n - at));
            t.n = at - jinja_unicode_trailing_space(t.data, at);
        } else {
            jinja_list_add(j, l, jinja_string(t.data, at));
            at += jinja_unicode_leading_space(t.data + at, t.n - at);
            t.data += at;
            t.n -= at;
        }
    }
    if (t.n) jinja_list_add(j, l, jinja_string(t.data, t.n));
    for (size_t i = 0; right && i < l->n / 2; i++) {
        const jinja_value first = l->items[i];
        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = first;
    }
    return jinja_sequence(JINJA_LIST, l);
}

static jinja_value split_text(jinja *j, jinja_text t, jinja_text by, int64_t most, bool right) {
    jinja_list *l = jinja_list_new(j, 0);
    while (most-- && jinja_step(j, 1)) {
        const size_t at = jinja_text_find(t, by, right);
        if (at == SIZE_MAX) break;
        if (right) {
            jinja_list_add(j, l, jinja_string(t.data + at + by.n, t.n - at - by.n));
            t.n = at;
        } else {
            jinja_list_add(j, l, jinja_string(t.data, at));
            t.data += at + by.n;
            t.n -= at + by.n;
        }
    }
    jinja_list_add(j, l, jinja_string(t.data, t.n));
    for (size_t i = 0; right && i < l->n / 2; i++) {
        const jinja_value first = l->items[i];
        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = first;
    }
    return jinja_sequence(JINJA_LIST, l);
}

static jinja_value split_any(jinja *j, jinja_value self, const jinja_value *a, bool right) {
    const int64_t most = integer_or(j, a[1], -1);
    jinja_step(j, self.text.n / 1024);
    if (a[0].kind == JINJA_MISSING || a[0].kind == JINJA_NONE) return split_space(j, self.text, most, right);
    if (a[0].kind != JINJA_STRING || !a[0].text.n) return wrong(j, "split", "a separator that is a string and not empty");
    return split_text(j, self.text, a[0].text, most, right);
}

static jinja_value split(jinja *j, jinja_value self, const jinja_value *a) { return split_any(j, self, a, false); }
static jinja_value rsplit(jinja *j, jinja_value self, const jinja_value *a) { return split_any(j, self, a, true); }

static jinja_value partition_any(jinja *j, jinja_value self, const jinja_value *a, bool right) {
    if (a[0].kind != JINJA_STRING || !a[0].text.n) return wrong(j, "partition", "a separator that is a string and not empty");
    const size_t at = jinja_text_find(self.text, a[0].text, right);
    jinja_list *l = jinja_list_new(j, 3);
    const jinja_value whole = jinja_string(self.text.data, self.text.n), none = jinja_literal("");
    jinja_list_add(j, l, at != SIZE_MAX ? jinja_string(self.text.data, at) : right ? none : whole);
    jinja_list_add(j, l, at != SIZE_MAX ? a[0] : none);
    jinja_list_add(j, l, at != SIZE_MAX ? jinja_string(self.text.data + at + a[0].text.n, self.text.n - at - a[0].text.n) : right ? whole : none);
    return jinja_sequence(JINJA_TUPLE, l);
}

static jinja_value partition(jinja *j, jinja_value self, const jinja_value *a) { return partition_any(j, self, a, false); }
static jinja_value rpartition(jinja *j, jinja_value self, const jinja_value *a) { return partition_any(j, self, a, true); }

static jinja_value splitlines(jinja *j, jinja_value self, const jinja_value *a) { return jinja_text_lines(j, self.text, jinja_truth(a[0])); }

/* The part of self that optional start and end arguments (in characters) leave; *from: its first character's index. False: none. */
static bool window(jinja *j, jinja_text *t, jinja_value start, jinja_value end, int64_t *from) {
    if (!jinja_step(j, t->n / 1024)) return false;
    *from = 0;
    if (start.kind == JINJA_MISSING) return true;
    const int64_t n = (int64_t)jinja_unicode_count(t->data, t->n);
    int64_t first = integer_or(j, start, 0), last = integer_or(j, end, n);
    if (first < 0) first = first + n < 0 ? 0 : first + n;
    if (last < 0) last = last + n < 0 ? 0 : last + n;
    if (last > n) last = n;
    if (first > last || j->code) return false;
    const size_t skip = jinja_unicode_offset(t->data, t->n, (size_t)first);
    *from = first;
    *t = (jinja_text){ t->data + skip, jinja_unicode_offset(t->data + skip, t->n - skip, (size_t)(last - first)) };
    return true;
}

/* The index of a[0] in self, -1 where it is not. */
static int64_t index_of(jinja *j, jinja_value self, const jinja_value *a, bool right) {
    int64_t from;
    jinja_text t = self.text;
    if (a[0].kind != JINJA_STRING) { wrong(j, "find", "a string"); return -1; }
    if (!window(j, &t, a[1], a[2], &from)) return -1;
    const size_t at = a[0].text.n ? jinja_text_find(t, a[0].text, right) : right ? t.n : 0;
    return at == SIZE_MAX ? -1 : from + (int64_t)jinja_unicode_count(t.data, at);
}

static jinja_value find(jinja *j, jinja_value self, const jinja_value *a) { return jinja_integer(index_of(j, self, a, false)); }
static jinja_value rfind(jinja *j, jinja_value self, const jinja_value *a) { return jinja_integer(index_of(j, self, a, true)); }

static jinja_value index_method(jinja *j, jinja_value self, const jinja_value *a) {
    const int64_t at = index_of(j, self, a, false);
    if (at < 0) jinja_fail(j, RIDGE_E_BAD_FILE, "substring not found");
    return jinja_integer(at);
}

static jinja_value count(jinja *j, jinja_value self, const jinja_value *a) {
    int64_t from, found = 0;
    jinja_text t = self.text;
    if (a[0].kind != JINJA_STRING) return wrong(j, "count", "a string");
    if (!window(j, &t, a[1], a[2], &from)) return jinja_integer(0);
    if (!a[0].text.n) return jinja_integer((int64_t)jinja_unicode_count(t.data, t.n) + 1);
    for (size_t at; jinja_step(j, 1) && (at = jinja_text_find(t, a[0].text, false)) != SIZE_MAX; found++) {
        t.data += at + a[0].text.n;
        t.n -= at + a[0].text.n;
    }
    return jinja_integer(found);
}

static bool has_affix(jinja_text t, jinja_text affix, bool prefix) {
    return affix.n <= t.n && (!affix.n || !memcmp(prefix ? t.data : t.data + t.n - affix.n, affix.data, affix.n));
}

static jinja_value affix_test(jinja *j, jinja_value self, const jinja_value *a, bool prefix) {
    int64_t from;
    jinja_text t = self.text;
    if (a[0].kind != JINJA_STRING && a[0].kind != JINJA_TUPLE) return wrong(j, prefix ? "startswith" : "endswith", "a string or a tuple of strings");
    if (!window(j, &t, a[1], a[2], &from)) return jinja_boolean(false);
    if (a[0].kind == JINJA_STRING) return jinja_boolean(has_affix(t, a[0].text, prefix));
    for (size_t i = 0; i < a[0].list->n && jinja_step(j, 1); i++) {
        const jinja_value affix = a[0].list->items[i];
        if (affix.kind != JINJA_STRING) return wrong(j, prefix ? "startswith" : "endswith", "strings in its tuple");
        if (has_affix(t, affix.text, prefix)) return jinja_boolean(true);
    }
    return jinja_boolean(false);
}

static jinja_value startswith(jinja *j, jinja_value self, const jinja_value *a) { return affix_test(j, self, a, true); }
static jinja_value endswith(jinja *j, jinja_value self, const jinja_value *a) { return affix_test(j, self, a, false); }

static jinja_value remove_affix(jinja *j, jinja_value self, const jinja_value *a, bool prefix) {
    if (a[0].kind != JINJA_STRING) return wrong(j, "removeprefix", "a string");
    if (!has_affix(self.text, a[0].text, prefix)) return self;
    return jinja_string(self.text.data + (prefix ? a[0].text.n : 0), self.text.n - a[0].text.n);
}

static jinja_value removeprefix(jinja *j, jinja_value self, const jinja_value *a) { return remove_affix(j, self, a, true); }
static jinja_value removesuffix(jinja *j, jinja_value self, const jinja_value *a) { return remove_affix(j, self, a, false); }

static jinja_value replace(jinja *j, jinja_value self, const jinja_value *a) {
    if (a[0].kind != JINJA_STRING || a[1].kind != JINJA_STRING) return wrong(j, "replace", "two strings");
    return jinja_text_replace(j, self.text, a[0].text, a[1].text, integer_or(j, a[2], -1));
}

static jinja_value join(jinja *j, jinja_value self, const jinja_value *a) {
    const jinja_list *items = jinja_items(j, a[0]);
    buffer b = {0};
    for (size_t i = 0; i < items->n && jinja_step(j, 1); i++) {
        if (items->items[i].kind != JINJA_STRING) {
            jinja_fail(j, RIDGE_E_BAD_FILE, "sequence item %zu: expected str instance, %s found", i, jinja_type_name(items->items[i]));
            break;
        }
        if (i) jinja_append(j, &b, self.text.data, self.text.n);
        jinja_append(j, &b, items->items[i].text.data, items->items[i].text.n);
    }
    return jinja_string_take(j, &b);
}

static jinja_value format(jinja *j, jinja_value self, const jinja_arguments *a) { return jinja_format_braces(j, self, a); }

/* Are all characters (at least one) of this kind? */
static jinja_value all_are(jinja *j, jinja_value self, bool (*test)(int32_t)) {
    bool all = self.text.n != 0;
    for (size_t i = 0, used; i < self.text.n && all; i += used) {
        int32_t c;
        used = jinja_unicode_next(self.text.data + i, self.text.n - i, &c);
        all = test(c);
    }
    jinja_step(j, self.text.n / 1024);
    return jinja_boolean(all);
}

static bool alphanumeric(int32_t c) { return jinja_unicode_letter(c) || jinja_unicode_digit(c); }
static jinja_value isdigit_method(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return all_are(j, self, jinja_unicode_digit); }
static jinja_value isalpha_method(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return all_are(j, self, jinja_unicode_letter); }
static jinja_value isalnum_method(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return all_are(j, self, alphanumeric); }
static jinja_value isspace_method(jinja *j, jinja_value self, const jinja_value *a) { (void)a; return all_are(j, self, jinja_unicode_space); }

static jinja_value isupper_method(jinja *j, jinja_value self, const jinja_value *a) {
    (void)j, (void)a;
    return jinja_boolean(jinja_text_cased(self.text, true));
}

static jinja_value islower_method(jinja *j, jinja_value self, const jinja_value *a) {
    (void)j, (void)a;
    return jinja_boolean(jinja_text_cased(self.text, false));
}

static jinja_value justify(jinja *j, jinja_value self, const jinja_value *a, int left_share) {
    int64_t width = integer_or(j, a[0], 0), have = (int64_t)jinja_unicode_count(self.text.data, self.text.n);
    const jinja_text fill = a[1].kind == JINJA_STRING ? a[1].text : (jinja_text){ " ", 1 };
    if (jinja_unicode_count(fill.data, fill.n) != 1) return wrong(j, "ljust", "one character to fill with");
    const int64_t gap = width > have ? width - have : 0;
    const int64_t left = left_share == 1 ? gap / 2 + (gap & width & 1) : left_share ? gap : 0;       /* where CPython puts the odd one */
    buffer b = {0};
    for (int64_t i = 0; i < left && !j->code; i++) jinja_append(j, &b, fill.data, fill.n);
    jinja_append(j, &b, self.text.data, self.text.n);
    for (int64_t i = left; i < gap && !j->code; i++) jinja_append(j, &b, fill.data, fill.n);
    return jinja_string_take(j, &b);
}

static jinja_value ljust(jinja *j, jinja_value self, const jinja_value *a) { return justify(j, self, a, 0); }
static jinja_value center(jinja *j, jinja_value self, const jinja_value *a) { return justify(j, self, a, 1); }
static jinja_value rjust(jinja *j, jinja_value self, const jinja_value *a) { return justify(j, self, a, 2); }

const jinja_callable jinja_string_methods[] = {
    { "upper", "", 0, upper, NULL },                 { "lower", "", 0, lower, NULL },
    { "title", "", 0, title, NULL },                 { "capitalize", "", 0, capitalize, NULL },
    { "swapcase", "", 0, swapcase, NULL },           { "strip", "chars", 0, strip, NULL },
    { "lstrip", "chars", 0, lstrip, NULL },          { "rstrip", "chars", 0, rstrip, NULL },
    { "split", "sep maxsplit", 0, split, NULL },     { "rsplit", "sep maxsplit", 0, rsplit, NULL },
    { "partition", "sep", 1, partition, NULL },      { "rpartition", "sep", 1, rpartition, NULL },
    { "splitlines", "keepends", 0, splitlines, NULL }, { "find", "sub start end", 1, find, NULL },
    { "rfind", "sub start end", 1, rfind, NULL },    { "index", "sub start end", 1, index_method, NULL },
    { "count", "sub start end", 1, count, NULL },    { "startswith", "prefix start end", 1, startswith, NULL },
    { "endswith", "suffix start end", 1, endswith, NULL }, { "removeprefix", "prefix", 1, removeprefix, NULL },
    { "removesuffix", "suffix", 1, removesuffix, NULL }, { "replace", "old new count", 2, replace, NULL },
    { "join", "iterable", 1, join, NULL },           { "format", NULL, 0, NULL, format },
    { "isdigit", "", 0, isdigit_method, NULL },      { "isalpha", "", 0, isalpha_method, NULL },
    { "isalnum", "", 0, isalnum_method, NULL },      { "isspace", "", 0, isspace_method, NULL },
    { "isupper", "", 0, isupper_method, NULL },      { "islower", "", 0, islower_method, NULL },
    { "ljust", "width fillchar", 1, ljust, NULL },   { "center", "width fillchar", 1, center, NULL },
    { "rjust", "width fillchar", 1, rjust, NULL },   { NULL, NULL, 0, NULL, NULL },
};
