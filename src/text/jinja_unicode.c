/* Characters, white space and case as Python has them: see jinja_unicode.h. */
#include "text/jinja_unicode.h"
#include "text/jinja_case.h"
#include <utf8proc.h>

size_t jinja_unicode_next(const char *s, size_t n, int32_t *code) {
    int32_t ignored;
    if (!code) code = &ignored;
    const unsigned char c = (unsigned char)s[0];
    if (c < 0x80) { *code = c; return 1; }
    utf8proc_int32_t found;
    const utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)s, n > 4 ? 4 : (utf8proc_ssize_t)n, &found);
    if (used <= 0) { *code = -1; return 1; }
    *code = found;
    return (size_t)used;
}

size_t jinja_unicode_last(const char *s, size_t n, int32_t *code) {
    for (size_t k = 1; k <= 4 && k <= n; k++) {
        int32_t found;
        if (((unsigned char)s[n - k] & 0xc0) == 0x80) continue;
        if (jinja_unicode_next(s + n - k, k, &found) != k) break;
        if (code) *code = found;
        return k;
    }
    if (code) *code = -1;
    return 1;
}

size_t jinja_unicode_count(const char *s, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; count++) i += jinja_unicode_next(s + i, n - i, NULL);
    return count;
}

size_t jinja_unicode_offset(const char *s, size_t n, size_t index) {
    size_t i = 0;
    while (index-- && i < n) i += jinja_unicode_next(s + i, n - i, NULL);
    return i;
}

void jinja_unicode_append(buffer *b, int32_t code) {
    utf8proc_uint8_t bytes[4];
    buffer_append(b, bytes, (size_t)utf8proc_encode_char(code, bytes));
}

bool jinja_unicode_space(int32_t c) {
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a)
        || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool jinja_unicode_line_end(int32_t c) {
    return (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool jinja_unicode_printable(int32_t c) {
    if (c < 0) return false;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_CC: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: case UTF8PROC_CATEGORY_ZL: case UTF8PROC_CATEGORY_ZP: return false;
    case UTF8PROC_CATEGORY_ZS: return c == ' ';
    default: return true;
    }
}

bool jinja_unicode_letter(int32_t c) {
    if (c < 0) return false;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT: case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return true;
    default: return false;
    }
}

bool jinja_unicode_digit(int32_t c) {
    return c >= 0 && (utf8proc_category(c) == UTF8PROC_CATEGORY_ND || c == 0xb2 || c == 0xb3 || c == 0xb9);
}

bool jinja_unicode_upper(int32_t c) { return c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_LU; }
bool jinja_unicode_lower(int32_t c) { return c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_LL; }

static bool cased(int32_t c) {
    return c >= 0 && (jinja_unicode_upper(c) || jinja_unicode_lower(c) || utf8proc_category(c) == UTF8PROC_CATEGORY_LT);
}

/* Characters that word boundaries look through: marks, modifiers, apostrophes. */
static bool case_ignorable(int32_t c) {
    if (c == '\'' || c == '.' || c == ':' || c == '^' || c == '`' || c == 0xb7 || c == 0x2019 || c == 0x2024 || c == 0x2027) return true;
    if (c < 0x80) return false;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_ME: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: return false;
    }
}

/* Is the sigma at s[at] the last letter of a word of more than one? */
static bool final_sigma(const char *s, size_t n, size_t at, size_t used) {
    int32_t c = -1;
    size_t i = at;
    bool before = false;
    while (i) {
        i -= jinja_unicode_last(s, i, &c);
        if (!case_ignorable(c)) { before = cased(c); break; }
    }
    if (!before) return false;
    for (i = at + used; i < n; ) {
        i += jinja_unicode_next(s + i, n - i, &c);
        if (!case_ignorable(c)) return !cased(c);
    }
    return true;
}

static void append_lower(buffer *b, const char *s, size_t n, size_t at, size_t used, int32_t c) {
    if (c == 0x3a3) jinja_unicode_append(b, final_sigma(s, n, at, used) ? 0x3c2 : 0x3c3);
    else if (c == 0x130) buffer_append_text(b, "i\xcc\x87");
    else jinja_unicode_append(b, utf8proc_tolower(c));
}

static void append_upper(buffer *b, int32_t c, bool title) {
    const jinja_case_special *special = c < 0xdf ? NULL : jinja_case_find(c);
    if (!special) {
        jinja_unicode_append(b, title ? utf8proc_totitle(c) : utf8proc_toupper(c));
        return;
    }
    const int32_t *codes = title ? special->title : special->upper;
    for (int i = 0; i < 3 && codes[i]; i++) jinja_unicode_append(b, codes[i]);
}

void jinja_unicode_case(buffer *b, const char *s, size_t n, jinja_case mode) {
    bool in_word = false;
    for (size_t i = 0, used; i < n; i += used) {
        int32_t c;
        used = jinja_unicode_next(s + i, n - i, &c);
        if (c < 0) { buffer_append(b, s + i, used); in_word = false; continue; }
        const bool first = mode == JINJA_TITLE ? !in_word : mode == JINJA_CAPITALIZE && i == 0;
        const bool upper = mode == JINJA_UPPER || first || (mode == JINJA_SWAPCASE && jinja_unicode_lower(c));
        const bool lower = !upper && (mode != JINJA_SWAPCASE || jinja_unicode_upper(c));
        if (upper) append_upper(b, c, first);
        else if (lower) append_lower(b, s, n, i, used, c);
        else buffer_append(b, s + i, used);
        in_word = cased(c);
    }
}

size_t jinja_unicode_leading_space(const char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        int32_t c;
        const size_t used = jinja_unicode_next(s + i, n - i, &c);
        if (!jinja_unicode_space(c)) break;
        i += used;
    }
    return i;
}

size_t jinja_unicode_trailing_space(const char *s, size_t n) {
    size_t left = n;
    while (left) {
        int32_t c;
        const size_t used = jinja_unicode_last(s, left, &c);
        if (!jinja_unicode_space(c)) break;
        left -= used;
    }
    return n - left;
}
