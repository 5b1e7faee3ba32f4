/* Operations on texts: see jinja_text.h. */
#define _GNU_SOURCE         /* memmem */
#include "text/jinja_text.h"
#include <string.h>

jinja_value jinja_text_case(jinja *j, jinja_value s, jinja_case mode) {
    if (!jinja_step(j, s.text.n / 1024)) return jinja_nothing();
    buffer b = {0};
    jinja_unicode_case(&b, s.text.data, s.text.n, mode);
    return jinja_string_take(j, &b);
}

/* Is the character at s (used bytes) to be stripped? */
static bool strippable(const char *s, size_t used, int32_t code, jinja_value chars) {
    if (chars.kind != JINJA_STRING) return jinja_unicode_space(code);
    for (size_t i = 0, n; i < chars.text.n; i += n) {
        n = jinja_unicode_next(chars.text.data + i, chars.text.n - i, NULL);
        if (n == used && !memcmp(chars.text.data + i, s, n)) return true;
    }
    return false;
}

jinja_value jinja_text_strip(jinja *j, jinja_value s, jinja_value chars, bool left, bool right) {
    if (chars.kind != JINJA_MISSING && chars.kind != JINJA_NONE && chars.kind != JINJA_STRING) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "strip arg must be None or str");
        return jinja_nothing();
    }
    jinja_text t = s.text;
    if (!jinja_step(j, t.n / 1024)) return jinja_nothing();
    int32_t code;
    while (left && t.n) {
        const size_t used = jinja_unicode_next(t.data, t.n, &code);
        if (!strippable(t.data, used, code, chars)) break;
        t.data += used;
        t.n -= used;
    }
    while (right && t.n) {
        const size_t used = jinja_unicode_last(t.data, t.n, &code);
        if (!strippable(t.data + t.n - used, used, code, chars)) break;
        t.n -= used;
    }
    return jinja_string(t.data, t.n);
}

size_t jinja_text_find(jinja_text t, jinja_text what, bool last) {
    if (what.n > t.n) return SIZE_MAX;
    if (!last) {
        const char *found = memmem(t.data, t.n, what.data, what.n);
        return found ? (size_t)(found - t.data) : SIZE_MAX;
    }
    for (size_t at = t.n - what.n + 1; at-- > 0; )
        if (!memcmp(t.data + at, what.data, what.n)) return at;
    return SIZE_MAX;
}

jinja_value jinja_text_replace(jinja *j, jinja_text t, jinja_text old, jinja_text with, int64_t most) {
    buffer b = {0};
    jinja_step(j, t.n / 1024);
    while (most && !j->code) {
        if (!old.n) {                                               /* between all characters, and at both ends */
            jinja_append(j, &b, with.data, with.n);
            most--;
            if (!t.n) break;
            const size_t used = jinja_unicode_next(t.data, t.n, NULL);
            jinja_append(j, &b, t.data, used);
            t.data += used;
            t.n -= used;
            continue;
        }
        const size_t at = jinja_text_find(t, old, false);
        if (at == SIZE_MAX) break;
        jinja_append(j, &b, t.data, at);
        jinja_append(j, &b, with.data, with.n);
        t.data += at + old.n;
        t.n -= at + old.n;
        most--;
    }
    jinja_append(j, &b, t.data, t.n);
    return jinja_string_take(j, &b);
}

jinja_value jinja_text_lines(jinja *j, jinja_text t, bool keep_ends) {
    jinja_list *l = jinja_list_new(j, 0);
    size_t from = 0;
    for (size_t i = 0; i < t.n && !j->code; ) {
        int32_t c;
        const size_t at = i;
        i += jinja_unicode_next(t.data + i, t.n - i, &c);
        if (!jinja_unicode_line_end(c)) continue;
        if (c == '\r' && i < t.n && t.data[i] == '\n') i++;
        jinja_step(j, 1);
        jinja_list_add(j, l, jinja_string(t.data + from, (keep_ends ? i : at) - from));
        from = i;
    }
    if (from < t.n) jinja_list_add(j, l, jinja_string(t.data + from, t.n - from));
    return jinja_sequence(JINJA_LIST, l);
}

bool jinja_text_cased(jinja_text t, bool upper) {
    bool any = false;
    for (size_t i = 0, used; i < t.n; i += used) {
        int32_t c;
        used = jinja_unicode_next(t.data + i, t.n - i, &c);
        if (upper ? jinja_unicode_lower(c) : jinja_unicode_upper(c)) return false;
        any |= upper ? jinja_unicode_upper(c) : jinja_unicode_lower(c);
    }
    return any;
}
