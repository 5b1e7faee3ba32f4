/* Formatting: see jinja_format.h. */
#include "text/jinja_format.h"
#include "text/jinja_operators.h"
#include "text/jinja_print.h"
#include "text/jinja_unicode.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    char fill[8], align, sign, type;    /* 0: none was given */
    bool alternate, comma, zero, given;  /* given: is there anything behind the colon? */
    int width, precision;               /* precision -1: none was given */
} spec;

enum { WIDTH_LIMIT = 10000, PRECISION_LIMIT = 100 };

static jinja_value bad(jinja *j, const char *what) {
    jinja_fail(j, RIDGE_E_BAD_FILE, "format: %s", what);
    return jinja_nothing();
}

/* Decimal digits at *s, at most `limit`; -1 when there are none, and an error when it is more. */
static int small_number(jinja *j, const char **s, const char *end, int limit) {
    int value = -1;
    for (; *s < end && **s >= '0' && **s <= '9'; ++*s) {
        value = (value < 0 ? 0 : value) * 10 + (**s - '0');
        if (value > limit) { bad(j, "a width or precision is too large"); return limit; }
    }
    return value;
}

/* Appends text padded to the width: to the right of its sign where align is '='. */
static void pad(jinja *j, buffer *b, const spec *f, const char *text, size_t n, char align) {
    const size_t have = jinja_unicode_count(text, n), want = f->width > 0 ? (size_t)f->width : 0, gap = want > have ? want - have : 0;
    const size_t before = align == '<' ? 0 : align == '^' ? gap / 2 : gap;
    const char *fill = f->fill[0] ? f->fill : " ";
    const size_t sign = align == '=' && n && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
    jinja_append(j, b, text, sign);
    for (size_t i = 0; i < before; i++) jinja_append(j, b, fill, strlen(fill));
    jinja_append(j, b, text + sign, n - sign);
    for (size_t i = before; i < gap; i++) jinja_append(j, b, fill, strlen(fill));
}

static void group_thousands(const char *in, char *out, size_t room) {
    const size_t sign = in[0] == '-' || in[0] == '+' || in[0] == ' ', digits = strspn(in + sign, "0123456789");
    size_t n = 0;
    for (size_t i = 0; in[i] && n + 2 < room; i++) {
        if (i > sign && i < sign + digits && (digits - (i - sign)) % 3 == 0) out[n++] = ',';
        out[n++] = in[i];
    }
    out[n] = 0;
}

static void format_integer(jinja *j, buffer *b, const spec *f, int64_t value) {
    char text[100], grouped[140];
    const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    const char *sign = value < 0 ? "-" : f->sign == '+' ? "+" : f->sign == ' ' ? " " : "";
    switch (f->type) {
    case 'x': snprintf(text, sizeof text, "%s%s%" PRIx64, sign, f->alternate ? "0x" : "", magnitude); break;
    case 'X': snprintf(text, sizeof text, "%s%s%" PRIX64, sign, f->alternate ? "0X" : "", magnitude); break;
    case 'o': snprintf(text, sizeof text, "%s%s%" PRIo64, sign, f->alternate ? "0o" : "", magnitude); break;
    default:  snprintf(text, sizeof text, "%s%" PRIu64, sign, magnitude);
    }
    if (f->comma) group_thousands(text, grouped, sizeof grouped);
    const char *result = f->comma ? grouped : text;
    pad(j, b, f, result, strlen(result), f->align ? f->align : '>');
}

static void format_float(jinja *j, buffer *b, const spec *f, double value) {
    char pattern[16], text[500], grouped[700];
    const char type = f->type == '%' ? 'f' : f->type ? f->type : 'g';
    snprintf(pattern, sizeof pattern, "%%%s.*%c", f->sign == '+' ? "+" : f->sign == ' ' ? " " : "", type);
    snprintf(text, sizeof text, pattern, f->precision < 0 ? 6 : f->precision, f->type == '%' ? value * 100 : value);
    if (f->type == '%' && strlen(text) + 1 < sizeof text) strcat(text, "%");
    if (f->comma) group_thousands(text, grouped, sizeof grouped);
    const char *result = f->comma ? grouped : text;
    pad(j, b, f, result, strlen(result), f->align ? f->align : '>');
}

static void format_text(jinja *j, buffer *b, const spec *f, jinja_value v, char align) {
    const jinja_value s = jinja_to_string(j, v);
    if (j->code) return;
    const size_t n = f->precision < 0 ? s.text.n : jinja_unicode_offset(s.text.data, s.text.n, (size_t)f->precision);
    pad(j, b, f, s.text.data, n, align);
}

static jinja_value represented(jinja *j, jinja_value v) {
    buffer b = {0};
    jinja_repr(j, &b, v);
    return jinja_string_take(j, &b);
}

/* One %… directive at s behind the %; gives where it ends. */
static const char *percent_spec(jinja *j, const char *s, const char *end, spec *f) {
    bool left = false;
    *f = (spec){ .precision = -1 };
    for (; s < end && strchr("-+ #0", *s) && *s; s++) {
        if (*s == '-') left = true;
        else if (*s == '#') f->alternate = true;
        else if (*s == '0') f->zero = true;
        else if (*s != ' ' || f->sign != '+') f->sign = *s;
    }
    f->width = small_number(j, &s, end, WIDTH_LIMIT);
    if (s < end && *s == '.') {
        s++;
        f->precision = small_number(j, &s, end, PRECISION_LIMIT);
        if (f->precision < 0) f->precision = 0;
    }
    while (s < end && strchr("hlL", *s) && *s) s++;
    f->type = s < end ? *s++ : 0;
    f->align = left ? '<' : 0;
    return s;
}

static void percent_value(jinja *j, buffer *b, spec *f, jinja_value v) {
    int64_t i;
    const bool numeric = strchr("diuxXoeEfFgG", f->type) != NULL;
    if (f->zero && numeric && !f->align) { f->align = '='; f->fill[0] = '0'; }
    switch (f->type) {
    case 's': format_text(j, b, f, v, f->align ? f->align : '>'); return;
    case 'r': case 'a': format_text(j, b, f, represented(j, v), f->align ? f->align : '>'); return;
    case 'c':
        if (v.kind == JINJA_STRING && jinja_unicode_count(v.text.data, v.text.n) == 1) format_text(j, b, f, v, f->align ? f->align : '>');
        else bad(j, "%c needs one character");
        return;
    case 'd': case 'i': case 'u': case 'x': case 'X': case 'o':
        if (v.kind == JINJA_FLOAT && strchr("diu", f->type) && v.number > -9e18 && v.number < 9e18) v = jinja_integer((int64_t)v.number);
        if (jinja_as_integer(v, &i)) format_integer(j, b, f, i);
        else bad(j, "an integer is needed");
        return;
    case 'e': case 'E': case 'f': case 'F': case 'g': case 'G':
        if (jinja_is_number(v)) format_float(j, b, f, jinja_as_float(v));
        else bad(j, "a number is needed");
        return;
    default: bad(j, "an unsupported directive behind %");
    }
}

jinja_value jinja_format_percent(jinja *j, jinja_value format, jinja_value arguments) {
    const bool tuple = arguments.kind == JINJA_TUPLE, mapping = arguments.kind == JINJA_DICT;
    const size_t count = tuple ? arguments.list->n : 1;
    size_t used = 0;
    buffer b = {0};
    const char *s = format.text.data, *end = s + format.text.n;
    while (s < end && jinja_step(j, 1)) {
        const char *percent = memchr(s, '%', (size_t)(end - s));
        jinja_append(j, &b, s, (size_t)((percent ? percent : end) - s));
        if (!percent) break;
        s = percent + 1;
        if (s < end && *s == '%') { jinja_append(j, &b, s++, 1); continue; }
        jinja_value v;
        if (s < end && *s == '(' && mapping) {
            const char *close = memchr(s, ')', (size_t)(end - s));
            const jinja_value *found = close ? jinja_dict_find(j, arguments.dict, jinja_string(s + 1, (size_t)(close - s - 1))) : NULL;
            if (!found) { bad(j, "a %(name) is missing"); break; }
            v = *found;
            s = close + 1;
        } else {
            if (used >= count) { bad(j, "not enough arguments for format string"); break; }
            v = tuple ? arguments.list->items[used] : arguments;
            used++;
        }
        spec f;
        s = percent_spec(j, s, end, &f);
        if (!f.type) { bad(j, "a % directive is incomplete"); break; }
        percent_value(j, &b, &f, v);
    }
    const bool subscriptable = mapping || arguments.kind == JINJA_LIST || arguments.kind == JINJA_RANGE || arguments.kind == JINJA_UNDEFINED;
    if (used < count && !mapping && !(subscriptable && !used)) bad(j, "not all arguments converted during string formatting");
    return jinja_string_take(j, &b);
}

static void brace_spec(jinja *j, const char *s, const char *end, spec *f) {
    *f = (spec){ .precision = -1, .given = s < end };
    const size_t first = s < end ? jinja_unicode_next(s, (size_t)(end - s), NULL) : 0;
    if (first && s + first < end && strchr("<>^=", s[first]) && s[first]) {
        memcpy(f->fill, s, first);
        f->align = s[first];
        s += first + 1;
    } else if (s < end && strchr("<>^=", *s) && *s) f->align = *s++;
    if (s < end && strchr("+- ", *s) && *s) f->sign = *s++;
    if (s < end && *s == '#') { f->alternate = true; s++; }
    if (s < end && *s == '0') {
        s++;
        if (!f->align) { f->align = '='; f->zero = true; }
        if (!f->fill[0]) f->fill[0] = '0';
    }
    f->width = small_number(j, &s, end, WIDTH_LIMIT);
    if (s < end && *s == ',') { f->comma = true; s++; }
    if (s < end && *s == '.') {
        s++;
        f->precision = small_number(j, &s, end, PRECISION_LIMIT);
        if (f->precision < 0) bad(j, "Format specifier missing precision");
    }
    if (s < end) f->type = *s++;
    if (s < end) bad(j, "Invalid format specifier");
}

static void brace_value(jinja *j, buffer *b, const spec *f, jinja_value v) {
    int64_t i;
    if (v.kind == JINJA_STRING) {
        if ((f->type && f->type != 's') || (f->align == '=' && !f->zero) || f->sign || f->comma) bad(j, "Invalid format specifier for a string");
        else format_text(j, b, f, v, f->align && f->align != '=' ? f->align : '<');
    } else if (v.kind == JINJA_FLOAT || (jinja_is_number(v) && f->type && strchr("eEfFgG%", f->type))) {
        if (f->type && !strchr("eEfFgG%", f->type)) bad(j, "Invalid format specifier for a float");
        else if (!f->type && f->precision < 0) {
            const jinja_value s = jinja_to_string(j, v);
            if (!j->code) pad(j, b, f, s.text.data, s.text.n, f->align ? f->align : '>');
        } else format_float(j, b, f, jinja_as_float(v));
    } else if (jinja_as_integer(v, &i) && (v.kind == JINJA_INTEGER || f->given)) {
        if (f->precision >= 0 || (f->type && !strchr("dxXon", f->type))) bad(j, "Invalid format specifier for an integer");
        else format_integer(j, b, f, i);
    } else if (f->given) {
        bad(j, "unsupported format string for this type");
    } else {
        jinja_print(j, b, v);
    }
}

/* The value of a field "0.name[item]" or "" for the next one. */
static jinja_value field(jinja *j, const char *s, const char *end, const jinja_arguments *a, int *automatic) {
    size_t n = 0;
    while (s + n < end && s[n] != '.' && s[n] != '[') n++;
    const char *p = s;
    int index = n ? small_number(j, &p, s + n, 1000) : (*automatic)++;
    jinja_value v;
    if (n && p != s + n) {
        const jinja_value *found = NULL;
        for (size_t i = 0; i < a->n_keywords; i++)
            if (a->keywords[i].name.n == n && !memcmp(a->keywords[i].name.data, s, n)) found = &a->keywords[i].value;
        if (!found) return bad(j, "a {name} is missing");
        v = *found;
    } else if ((size_t)index >= a->n) return bad(j, "Replacement index out of range for positional args tuple");
    else v = a->values[index];
    for (s += n; s < end && !j->code; ) {
        const char *from = ++s;
        if (s[-1] == '.') {
            while (s < end && *s != '.' && *s != '[') s++;
            v = jinja_attribute(j, v, (jinja_text){ from, (size_t)(s - from) });
        } else {
            while (s < end && *s != ']') s++;
            const char *digits = from;
            const int number = small_number(j, &digits, s, 1000000);
            v = jinja_item(j, v, digits == s && number >= 0 ? jinja_integer(number) : jinja_string(from, (size_t)(s - from)));
            s += s < end;
        }
    }
    return v;
}

jinja_value jinja_format_braces(jinja *j, jinja_value format, const jinja_arguments *a) {
    buffer b = {0};
    int automatic = 0;
    const char *s = format.text.data, *end = s + format.text.n;
    while (s < end && jinja_step(j, 1)) {
        const char *from = s;
        while (s < end && *s != '{' && *s != '}') s++;
        jinja_append(j, &b, from, (size_t)(s - from));
        if (s >= end) break;
        if (s + 1 < end && s[1] == s[0]) { jinja_append(j, &b, s, 1); s += 2; continue; }
        const char *close = *s == '{' ? memchr(s, '}', (size_t)(end - s)) : NULL;
        if (!close) { bad(j, "Single '{' or '}' encountered in format string"); break; }
        const char *colon = memchr(s, ':', (size_t)(close - s)), *name_end = colon ? colon : close;
        const bool converted = name_end - s >= 3 && name_end[-2] == '!';
        jinja_value v = field(j, s + 1, converted ? name_end - 2 : name_end, a, &automatic);
        if (converted && name_end[-1] == 'r') v = represented(j, v);
        else if (converted) v = name_end[-1] == 's' ? jinja_to_string(j, v) : bad(j, "Unknown conversion specifier");
        spec f;
        brace_spec(j, colon ? colon + 1 : close, close, &f);
        if (!j->code) brace_value(j, &b, &f, v);
        s = close + 1;
    }
    return jinja_string_take(j, &b);
}
