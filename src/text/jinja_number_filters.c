/* Filters about numbers, and default. */
#include "text/jinja_call.h"
#include "text/jinja_operators.h"
#include "text/jinja_unicode.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number's text without white space around it and underscores between digits; false when it cannot be one. */
static bool number_text(jinja_text t, char *out, size_t room) {
    size_t n = 0;
    const size_t lead = jinja_unicode_leading_space(t.data, t.n);
    t.data += lead;
    t.n -= lead;
    t.n -= jinja_unicode_trailing_space(t.data, t.n);
    for (size_t i = 0; i < t.n; i++) {
        if (t.data[i] == '_') {
            if (!i || i + 1 == t.n || t.data[i - 1] == '_' || strchr("+-.", t.data[i - 1]) || !t.data[i + 1]) return false;
            continue;
        }
        if (!t.data[i] || n + 1 >= room) return false;
        out[n++] = t.data[i];
    }
    out[n] = 0;
    return n > 0 && !jinja_unicode_space((unsigned char)out[0]);
}

/* float(v): false where Python raises. */
static bool to_float(jinja_value v, double *out) {
    char text[400], *end;
    if (jinja_is_number(v)) { *out = jinja_as_float(v); return true; }
    if (v.kind != JINJA_STRING || !number_text(v.text, text, sizeof text) || strpbrk(text, "xX(")) return false;
    *out = strtod(text, &end);
    return !*end;
}

static jinja_value float_to_integer(jinja *j, double d) {
    if (!(d > -9.3e18 && d < 9.2e18)) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "an integer needs more than 64 bits");
        return jinja_nothing();
    }
    return jinja_integer((int64_t)d);
}

static bool text_to_integer(jinja *j, jinja_text t, int64_t base, jinja_value *out) {
    char text[400], *end;
    if (!number_text(t, text, sizeof text) || base < 0 || base > 36 || base == 1) return false;
    char *digits = text + (text[0] == '-' || text[0] == '+');
    const char kind = digits[0] == '0' ? (char)(digits[1] | 32) : 0;
    const int prefix = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    if (prefix && (base == prefix || base == 0)) {
        memmove(digits, digits + 2, strlen(digits + 2) + 1);
        base = prefix;
    } else if (prefix == 16 && base != 16 && base < 34) return false;
    if (base == 0) base = 10;
    if (!*digits || *digits == '-' || *digits == '+' || (base == 16 && kind == 'x' && (digits[1] | 32) == 'x')) return false;
    errno = 0;
    const long long value = strtoll(text, &end, (int)base);
    if (*end) return false;
    if (errno) jinja_fail(j, RIDGE_E_UNSUPPORTED, "an integer needs more than 64 bits");
    *out = jinja_integer(value);
    return true;
}

static jinja_value to_int(jinja *j, jinja_value v, const jinja_value *a) {
    const jinja_value otherwise = a[0].kind == JINJA_MISSING ? jinja_integer(0) : a[0];
    int64_t base = 10, i;
    double d;
    jinja_value result;
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    if (a[1].kind != JINJA_MISSING && !jinja_as_integer(a[1], &base)) return otherwise;
    if (jinja_as_integer(v, &i)) return jinja_integer(i);
    if (v.kind == JINJA_STRING && text_to_integer(j, v.text, base, &result)) return result;
    if (!to_float(v, &d) || isnan(d)) return otherwise;
    return float_to_integer(j, d);
}

static jinja_value to_float_filter(jinja *j, jinja_value v, const jinja_value *a) {
    double d;
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    if (to_float(v, &d)) return jinja_float(d);
    return a[0].kind == JINJA_MISSING ? jinja_float(0) : a[0];
}

static jinja_value not_a_number(jinja *j, const char *filter, jinja_value v) {
    if (v.kind == JINJA_UNDEFINED) return jinja_fail_undefined(j, v);
    jinja_fail(j, RIDGE_E_BAD_FILE, "the filter %s needs a number, not '%s'", filter, jinja_type_name(v));
    return jinja_nothing();
}

static jinja_value absolute(jinja *j, jinja_value v, const jinja_value *a) {
    int64_t i;
    (void)a;
    if (v.kind == JINJA_FLOAT) return jinja_float(fabs(v.number));
    if (!jinja_as_integer(v, &i)) return not_a_number(j, "abs", v);
    return i < 0 ? jinja_negate(j, v) : jinja_integer(i);
}

/* round(d, places): half to even on the exact value, which is how printf rounds. */
static double round_to(double d, int64_t places) {
    if (!isfinite(d) || places > 300) return d;
    if (places < -300) return copysign(0, d);
    if (places < 0) {
        const double unit = pow(10, (double)-places);
        return nearbyint(d / unit) * unit;
    }
    char text[700];
    snprintf(text, sizeof text, "%.*f", (int)places, d);
    return strtod(text, NULL);
}

static jinja_value round_integer(jinja *j, int64_t i, int64_t places) {
    if (places >= 0) return jinja_integer(i);
    if (places < -18) return jinja_integer(0);
    int64_t unit = 1;
    for (int64_t k = 0; k < -places; k++) unit *= 10;
    int64_t rest = i % unit, result = i - rest;
    const int64_t twice = rest < 0 ? -rest : rest, other = unit - twice;
    const bool away = twice > other || (twice == other && (result / unit) % 2);
    if (away && __builtin_add_overflow(result, i < 0 ? -unit : unit, &result))
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "an integer needs more than 64 bits");
    return jinja_integer(result);
}

static jinja_value round_filter(jinja *j, jinja_value v, const jinja_value *a) {
    int64_t places = 0, i;
    if (!jinja_is_number(v)) return not_a_number(j, "round", v);
    if (a[0].kind != JINJA_MISSING && !jinja_as_integer(a[0], &places)) return not_a_number(j, "round", a[0]);
    const bool given = a[1].kind == JINJA_STRING;
    if (!given && a[1].kind != JINJA_MISSING) return not_a_number(j, "round", a[1]);
    if (!given || jinja_text_is(a[1].text, "common"))
        return jinja_as_integer(v, &i) ? round_integer(j, i, places) : jinja_float(round_to(v.number, places));
    const bool up = jinja_text_is(a[1].text, "ceil");
    if (!up && !jinja_text_is(a[1].text, "floor")) {
        jinja_fail(j, RIDGE_E_BAD_FILE, "round: method must be common, ceil or floor");
        return jinja_nothing();
    }
    const double scale = pow(10, (double)places), scaled = jinja_as_float(v) * scale;
    return jinja_float((up ? ceil(scaled) : floor(scaled)) / scale);
}

static jinja_value default_filter(jinja *j, jinja_value v, const jinja_value *a) {
    (void)j;
    if (v.kind != JINJA_UNDEFINED && (!jinja_truth(a[1]) || jinja_truth(v))) return v;
    return a[0].kind == JINJA_MISSING ? jinja_literal("") : a[0];
}

const jinja_callable jinja_number_filters[] = {
    { "int", "default base", 0, to_int, NULL },
    { "float", "default", 0, to_float_filter, NULL },
    { "abs", "", 0, absolute, NULL },
    { "round", "precision method", 0, round_filter, NULL },
    { "default", "default_value boolean", 0, default_filter, NULL },
    { "d", "default_value boolean", 0, default_filter, NULL },
    { NULL, NULL, 0, NULL, NULL },
};
