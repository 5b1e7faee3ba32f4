/* The global functions: range, dict, namespace, and the two that chat templates expect: raise_exception and strftime_now. */
#include "text/jinja_call.h"
#include "text/jinja_print.h"
#include <string.h>
#include <time.h>

enum { RANGE_LIMIT = 100000 };      /* jinja2's sandbox has the same */

static jinja_value bad(jinja *j, const char *what) {
    jinja_fail(j, RIDGE_E_BAD_FILE, "%s", what);
    return jinja_nothing();
}

static jinja_value range(jinja *j, jinja_value self, const jinja_arguments *a) {
    (void)self;
    int64_t n[3] = { 0, 0, 1 };
    if (a->n < 1 || a->n > 3 || a->n_keywords) return bad(j, "range() takes one to three integers");
    for (size_t i = 0; i < a->n; i++)
        if (!jinja_as_integer(a->values[i], &n[a->n == 1 ? 1 : i])) return bad(j, "range() takes one to three integers");
    if (!n[2] || n[2] == INT64_MIN) return bad(j, "range() arg 3 must not be zero");
    jinja_range *r = jinja_allocate(j, 1, sizeof *r);
    if (!r) return jinja_nothing();
    *r = (jinja_range){ n[0], n[1], n[2] };
    if (jinja_range_length(r) > RANGE_LIMIT) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "a range is longer than %d", RANGE_LIMIT);
        return jinja_nothing();
    }
    return (jinja_value){ .kind = JINJA_RANGE, .range = r };
}

/* dict(other, a=1) and namespace(other, a=1) */
static jinja_value mapping(jinja *j, const jinja_arguments *a, jinja_kind kind) {
    jinja_dict *d = jinja_dict_new(j);
    if (a->n > 1) return bad(j, "dict() and namespace() take one mapping and named values");
    if (a->n && a->values[0].kind == JINJA_DICT) {
        const jinja_dict *other = a->values[0].dict;
        for (size_t i = 0; i < other->n && jinja_step(j, 1); i++) jinja_dict_add(j, d, other->entries[i].key, other->entries[i].value);
    } else if (a->n && a->values[0].kind == JINJA_UNDEFINED) {
        return jinja_fail_undefined(j, a->values[0]);
    } else if (a->n) {
        const jinja_list *pairs = jinja_items(j, a->values[0]);
        for (size_t i = 0; i < pairs->n && jinja_step(j, 1); i++) {
            const jinja_list *pair = jinja_items(j, pairs->items[i]);
            if (pair->n != 2) return bad(j, "dict() needs pairs");
            jinja_dict_set(j, d, pair->items[0], pair->items[1]);
        }
    }
    for (size_t i = 0; i < a->n_keywords; i++)
        jinja_dict_set(j, d, jinja_string(a->keywords[i].name.data, a->keywords[i].name.n), a->keywords[i].value);
    return jinja_mapping(kind, d);
}

static jinja_value dict(jinja *j, jinja_value self, const jinja_arguments *a) { (void)self; return mapping(j, a, JINJA_DICT); }
static jinja_value namespace(jinja *j, jinja_value self, const jinja_arguments *a) { (void)self; return mapping(j, a, JINJA_NAMESPACE); }

static jinja_value raise_exception(jinja *j, jinja_value self, const jinja_value *a) {
    (void)self;
    const jinja_value text = jinja_to_string(j, a[0]);
    jinja_fail(j, RIDGE_E_BAD_ARGUMENT, "%.*s", (int)(text.text.n < 400 ? text.text.n : 400), text.kind == JINJA_STRING ? text.text.data : "");
    return jinja_nothing();
}

static jinja_value strftime_now(jinja *j, jinja_value self, const jinja_value *a) {
    (void)self;
    char format[200], text[1000];
    if (a[0].kind != JINJA_STRING || a[0].text.n >= sizeof format - 1 || memchr(a[0].text.data, 0, a[0].text.n))
        return bad(j, "strftime_now() needs a short text");
    memcpy(format, a[0].text.data, a[0].text.n);
    memcpy(format + a[0].text.n, ".", 2);                   /* so that a result is never empty, which would look like a failure */
    const time_t now = j->now ? (time_t)j->now : time(NULL);
    struct tm local;
    if (!localtime_r(&now, &local)) return bad(j, "strftime_now(): there is no such time");
    const size_t n = strftime(text, sizeof text, format, &local);
    return n ? jinja_string_copy(j, text, n - 1) : bad(j, "strftime_now(): the result is too long");
}

static const jinja_callable functions[] = {
    { "range", NULL, 0, NULL, range },
    { "dict", NULL, 0, NULL, dict },
    { "namespace", NULL, 0, NULL, namespace },
    { "raise_exception", "message", 1, raise_exception, NULL },
    { "strftime_now", "format", 1, strftime_now, NULL },
    { NULL, NULL, 0, NULL, NULL },
};

const jinja_callable *jinja_function(jinja_text name) { return jinja_callable_find(functions, name); }
