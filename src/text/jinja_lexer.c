/* The lexer: see jinja_lexer.h. The rules are those of jinja2's documentation ("Whitespace Control") and of its lexer. */
#include "text/jinja_lexer.h"
#include "text/jinja_unicode.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    jinja *j;
    const char *s;
    size_t n, at;
    int line;
    bool line_starting;         /* does the text so far end with a line end? */
    jinja_token *tokens;
    size_t count, room;
    char brackets[JINJA_NESTING_LIMIT];
    size_t depth;
} lexer;

static const struct { const char *text; jinja_token_kind kind; } operators[] = {
    { "//", TOKEN_FLOOR_DIVIDE }, { "**", TOKEN_POWER }, { "==", TOKEN_EQUAL }, { "!=", TOKEN_NOT_EQUAL }, { ">=", TOKEN_GREATER_EQUAL },
    { "<=", TOKEN_LESS_EQUAL }, { "+", TOKEN_ADD }, { "-", TOKEN_SUBTRACT }, { "*", TOKEN_MULTIPLY }, { "/", TOKEN_DIVIDE },
    { "%", TOKEN_MODULO }, { "~", TOKEN_TILDE }, { ">", TOKEN_GREATER }, { "<", TOKEN_LESS }, { "=", TOKEN_ASSIGN }, { ".", TOKEN_DOT },
    { ":", TOKEN_COLON }, { "|", TOKEN_PIPE }, { ",", TOKEN_COMMA }, { ";", TOKEN_SEMICOLON }, { "[", TOKEN_LEFT_BRACKET },
    { "]", TOKEN_RIGHT_BRACKET }, { "(", TOKEN_LEFT_PARENTHESIS }, { ")", TOKEN_RIGHT_PARENTHESIS }, { "{", TOKEN_LEFT_BRACE },
    { "}", TOKEN_RIGHT_BRACE },
};

const char *jinja_token_name(jinja_token_kind kind) {
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (operators[i].kind == kind) return operators[i].text;
    switch (kind) {
    case TOKEN_END: return "the end of the template";
    case TOKEN_DATA: return "text";
    case TOKEN_PRINT_BEGIN: return "{{";
    case TOKEN_PRINT_END: return "}}";
    case TOKEN_BLOCK_BEGIN: return "{%";
    case TOKEN_BLOCK_END: return "%}";
    case TOKEN_NAME: return "a name";
    case TOKEN_STRING: return "a string";
    case TOKEN_INTEGER: case TOKEN_FLOAT: return "a number";
    case TOKEN_IN: return "in";
    default: return "not in";
    }
}

static jinja_token *add(lexer *l, jinja_token_kind kind) {
    if (l->count == l->room) {
        const size_t room = l->room ? 2 * l->room : 64;
        jinja_token *tokens = jinja_allocate(l->j, room, sizeof *tokens);
        if (!tokens) return NULL;
        if (l->count) memcpy(tokens, l->tokens, l->count * sizeof *tokens);
        l->tokens = tokens;
        l->room = room;
    }
    jinja_token *t = &l->tokens[l->count++];
    *t = (jinja_token){ .kind = kind, .line = l->line };
    return t;
}

static bool looking_at(const lexer *l, size_t at, const char *text) {
    const size_t n = strlen(text);
    return l->n - at >= n && !memcmp(l->s + at, text, n);
}

/* Moves on to `to`, counting lines. */
static void advance(lexer *l, size_t to) {
    if (to > l->at) l->line_starting = l->s[to - 1] == '\n';
    for (; l->at < to; l->at++) l->line += l->s[l->at] == '\n';
}

static void lex_fail(lexer *l, const char *what) {
    l->j->line = l->line;
    jinja_fail(l->j, RIDGE_E_BAD_FILE, "%s", what);
}

/* Is there an end tag, "%}" say, at l->at? Moves behind it and the white space that it takes. */
static bool end_tag(lexer *l, const char *tag) {
    const bool print = tag[0] == '}';
    const char sign = l->at < l->n ? l->s[l->at] : 0;
    const bool strip = sign == '-', keep = sign == '+' && !print;
    size_t at = l->at + (strip || keep);
    if (at > l->n || !looking_at(l, at, tag)) return false;
    at += 2;
    if (strip) at += jinja_unicode_leading_space(l->s + at, l->n - at);
    else if (!keep && !print && at < l->n && l->s[at] == '\n') at++;
    advance(l, at);
    return true;
}

/* Adds the data [from, to) in front of a tag with this sign, stripped as the sign and lstrip_blocks say. */
static void add_data(lexer *l, size_t from, size_t to, char sign, bool print) {
    size_t end = to;
    if (sign == '-') {
        end -= jinja_unicode_trailing_space(l->s + from, to - from);
    } else if (sign != '+' && !print) {
        size_t start = to;
        while (start > from && l->s[start - 1] != '\n') start--;
        const bool line_start = start > from || l->line_starting;
        if (line_start && jinja_unicode_leading_space(l->s + start, to - start) == to - start) end = start;
    }
    if (end > from) {
        jinja_token *t = add(l, TOKEN_DATA);
        if (t) t->text = (jinja_text){ l->s + from, end - from };
    }
    advance(l, to);
}

/* {% raw %} at `at` (behind the two characters and their sign)? Gives where its text begins. */
static bool raw_begin(const lexer *l, size_t at, const char *word, size_t *end) {
    at += jinja_unicode_leading_space(l->s + at, l->n - at);
    if (!looking_at(l, at, word)) return false;
    at += strlen(word);
    *end = at + jinja_unicode_leading_space(l->s + at, l->n - at);
    return true;
}

static void raw(lexer *l) {
    const size_t from = l->at;
    if (from == l->n) return;                   /* jinja2 lets the very end pass */
    for (size_t at = from; at + 1 < l->n; at++) {
        if (!looking_at(l, at, "{%")) continue;
        const char sign = at + 2 < l->n ? l->s[at + 2] : 0;
        size_t end;
        if (!raw_begin(l, at + 2 + (sign == '-' || sign == '+'), "endraw", &end)) continue;
        lexer probe = *l;
        probe.at = end;
        if (!end_tag(&probe, "%}")) continue;
        add_data(l, from, at, sign, false);
        advance(l, end);
        end_tag(l, "%}");
        return;
    }
    lex_fail(l, "{% raw %} has no {% endraw %}");
}

static void comment(lexer *l) {
    if (l->at == l->n) return;
    for (size_t at = l->at; at + 1 < l->n; at++) {
        const char *end = memchr(l->s + at, '#', l->n - at);
        if (!end) break;
        at = (size_t)(end - l->s);
        if (!looking_at(l, at, "#}")) continue;
        const bool sign = at > l->at && (l->s[at - 1] == '-' || l->s[at - 1] == '+');
        advance(l, at - sign);
        end_tag(l, "#}");
        return;
    }
    lex_fail(l, "a comment has no end #}");
}

static bool name_start(unsigned char c) { return c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80; }
static bool digit(char c) { return c >= '0' && c <= '9'; }

/* Digits that may have single _ between them; gives the offset behind them. */
static size_t digits(const lexer *l, size_t at, const char *set) {
    while (at < l->n && (strchr(set, l->s[at] | (l->s[at] >= 'A' ? 32 : 0)) && l->s[at])) {
        at++;
        if (at + 1 < l->n && l->s[at] == '_' && l->s[at + 1] && strchr(set, l->s[at + 1] | (l->s[at + 1] >= 'A' ? 32 : 0))) at++;
    }
    return at;
}

/* Copies a number without its underscores; false when it is too long to be one. */
static bool plain_number(const lexer *l, size_t end, char *out, size_t room) {
    size_t n = 0;
    for (size_t i = l->at; i < end; i++) {
        if (l->s[i] == '_') continue;
        if (n + 1 >= room) return false;
        out[n++] = l->s[i];
    }
    out[n] = 0;
    return true;
}

static void number(lexer *l) {
    static const char decimal[] = "0123456789";
    char text[400];
    size_t end = digits(l, l->at, decimal), fraction = end;
    const bool after_dot = l->at && l->s[l->at - 1] == '.';
    if (end + 1 < l->n && l->s[end] == '.' && digit(l->s[end + 1])) fraction = digits(l, end + 1, decimal);
    size_t exponent = fraction;
    if (fraction < l->n && (l->s[fraction] | 32) == 'e') {
        const size_t sign = fraction + 1 < l->n && (l->s[fraction + 1] == '+' || l->s[fraction + 1] == '-');
        if (fraction + 1 + sign < l->n && digit(l->s[fraction + 1 + sign])) exponent = digits(l, fraction + 1 + sign, decimal);
    }
    if (exponent > end && !after_dot) {
        if (!plain_number(l, exponent, text, sizeof text)) { lex_fail(l, "a number is too long"); return; }
        jinja_token *t = add(l, TOKEN_FLOAT);
        if (t) t->value = jinja_float(strtod(text, NULL));
        advance(l, exponent);
        return;
    }
    int base = 10;
    if (l->s[l->at] == '0') {
        const char kind = l->at + 1 < l->n ? (char)(l->s[l->at + 1] | 32) : 0;
        const char *set = kind == 'x' ? "0123456789abcdef" : kind == 'o' ? "01234567" : kind == 'b' ? "01" : "0";
        base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
        size_t from = l->at + (base != 10 ? 2 : 0);
        if (base != 10 && from < l->n && l->s[from] == '_') from++;
        end = digits(l, from, set);
        if (end == from) { base = 10; end = l->at + 1; }
    }
    if (!plain_number(l, end, text, sizeof text)) { lex_fail(l, "a number is too long"); return; }
    errno = 0;
    const long long value = strtoll(text + (base != 10 ? 2 : 0), NULL, base);
    if (errno) { lex_fail(l, "an integer needs more than 64 bits"); return; }
    jinja_token *t = add(l, TOKEN_INTEGER);
    if (t) t->value = jinja_integer(value);
    advance(l, end);
}

/* The hexadecimal escape with `count` digits at s (n bytes left); -1 when it is not one. */
static int64_t hexadecimal(const char *s, size_t n, size_t count) {
    int64_t value = 0;
    if (n < count) return -1;
    for (size_t i = 0; i < count; i++) {
        const char c = s[i], low = (char)(c | 32);
        if (!digit(c) && !(low >= 'a' && low <= 'f')) return -1;
        value = value * 16 + (digit(c) ? c - '0' : low - 'a' + 10);
    }
    return value;
}

/* One escape behind its backslash at s[0]; gives the bytes it takes, 0 when it is broken. */
static size_t unescape(buffer *b, const char *s, size_t n) {
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    const char *simple = s[0] ? strchr(from, s[0]) : NULL;
    if (simple) { buffer_append_char(b, to[simple - from]); return 1; }
    if (s[0] == '\n') return 1;
    if (s[0] >= '0' && s[0] <= '7') {
        int32_t code = 0;
        size_t used = 0;
        while (used < 3 && used < n && s[used] >= '0' && s[used] <= '7') code = code * 8 + (s[used++] - '0');
        jinja_unicode_append(b, code);
        return used;
    }
    if (s[0] == 'x' || s[0] == 'u' || s[0] == 'U') {
        const size_t count = s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : 8;
        const int64_t code = hexadecimal(s + 1, n - 1, count);
        if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
        jinja_unicode_append(b, (int32_t)code);
        return count + 1;
    }
    if (s[0] == 'N') return 0;                                      /* names of characters: no table here */
    buffer_append_char(b, '\\');                                    /* unknown: Python keeps it */
    buffer_append_char(b, s[0]);
    return 1;
}

static void string(lexer *l) {
    const char quote = l->s[l->at];
    size_t end = l->at + 1;
    bool escapes = false;
    while (end < l->n && l->s[end] != quote) {
        escapes |= l->s[end] == '\\';
        end += l->s[end] == '\\' ? 2 : 1;
    }
    if (end >= l->n) { lex_fail(l, "a string has no end"); return; }
    jinja_token *t = add(l, TOKEN_STRING);
    const char *s = l->s + l->at + 1;
    const size_t n = end - l->at - 1;
    if (t) t->text = (jinja_text){ s, n };
    if (t && escapes) {
        buffer b = {0};
        for (size_t i = 0; i < n; ) {
            if (s[i] != '\\') { buffer_append_char(&b, s[i++]); continue; }
            const size_t used = unescape(&b, s + i + 1, n - i - 1);
            if (!used) { lex_fail(l, "a string has a broken escape"); break; }
            i += 1 + used;
        }
        const jinja_value v = jinja_string_take(l->j, &b);
        if (v.kind == JINJA_STRING) t->text = v.text;
    }
    advance(l, end + 1);
}

static void bracket(lexer *l, char c) {
    if (c == '(' || c == '[' || c == '{') {
        if (l->depth == JINJA_NESTING_LIMIT) {
            l->j->line = l->line;
            jinja_fail(l->j, RIDGE_E_UNSUPPORTED, "brackets are nested deeper than %d", JINJA_NESTING_LIMIT);
            return;
        }
        l->brackets[l->depth++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
        if (!l->depth || l->brackets[--l->depth] != c) lex_fail(l, "a closing bracket has no opening one");
    }
}

static void operator(lexer *l) {
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (!looking_at(l, l->at, operators[i].text)) continue;
        bracket(l, l->s[l->at]);
        add(l, operators[i].kind);
        advance(l, l->at + strlen(operators[i].text));
        return;
    }
    l->j->line = l->line;
    jinja_fail(l->j, RIDGE_E_BAD_FILE, "an unexpected character %.*s in a tag",
               (int)jinja_unicode_next(l->s + l->at, l->n - l->at, NULL), l->s + l->at);
}

/* The tokens of one tag, through its end. */
static void tag(lexer *l, bool print) {
    while (!l->j->code) {
        const size_t from = l->at;
        const int line = l->line;
        if (!l->depth && end_tag(l, print ? "}}" : "%}")) {
            jinja_token *t = add(l, print ? TOKEN_PRINT_END : TOKEN_BLOCK_END);
            if (t) t->line = line;
            return;
        }
        const size_t space = jinja_unicode_leading_space(l->s + from, l->n - from);
        if (space) { advance(l, from + space); continue; }
        if (from >= l->n) { lex_fail(l, print ? "{{ has no end }}" : "{% has no end %}"); return; }
        const char c = l->s[from];
        if (digit(c)) number(l);
        else if (c == '"' || c == '\'') string(l);
        else if (name_start((unsigned char)c)) {
            size_t end = from;
            while (end < l->n && (name_start((unsigned char)l->s[end]) || digit(l->s[end]))) end++;
            jinja_token *t = add(l, TOKEN_NAME);
            if (t) t->text = (jinja_text){ l->s + from, end - from };
            advance(l, end);
        } else operator(l);
    }
}

/* The source with \r\n and \r as \n, without one final line end: what jinja2 works on. */
static void normalise(lexer *l, const char *source, size_t n) {
    char *s = jinja_allocate(l->j, n + 1, 1);
    if (!s) return;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (source[i] == '\r' && i + 1 < n && source[i + 1] == '\n') continue;
        s[m++] = source[i] == '\r' ? '\n' : source[i];
    }
    l->s = s;
    l->n = m && s[m - 1] == '\n' ? m - 1 : m;
}

static void root(lexer *l) {
    const size_t from = l->at;
    size_t at = from;
    while (at < l->n) {
        const char *brace = memchr(l->s + at, '{', l->n - at);
        at = brace ? (size_t)(brace - l->s) : l->n;
        if (at + 1 >= l->n) { at = l->n; break; }
        const char kind = l->s[at + 1];
        if (kind == '{' || kind == '%' || kind == '#') break;
        at++;
    }
    if (at >= l->n) {
        add_data(l, from, l->n, '+', false);
        return;
    }
    const char kind = l->s[at + 1], sign = at + 2 < l->n ? l->s[at + 2] : 0;
    const size_t inside = at + 2 + (sign == '-' || sign == '+');
    add_data(l, from, at, sign, kind == '{');
    size_t end;
    if (kind == '%' && raw_begin(l, inside, "raw", &end) && (looking_at(l, end, "%}") || looking_at(l, end, "-%}"))) {
        const bool strip = l->s[end] == '-';
        end += strip ? 3 : 2;
        if (strip) end += jinja_unicode_leading_space(l->s + end, l->n - end);
        advance(l, end);
        raw(l);
        return;
    }
    advance(l, inside);
    if (kind == '#') { comment(l); return; }
    add(l, kind == '{' ? TOKEN_PRINT_BEGIN : TOKEN_BLOCK_BEGIN);
    tag(l, kind == '{');
}

jinja_token *jinja_lex(jinja *j, const char *source, size_t n) {
    if (n > JINJA_SOURCE_LIMIT) {
        jinja_fail(j, RIDGE_E_UNSUPPORTED, "the template has %zu bytes, more than %d KB", n, JINJA_SOURCE_LIMIT / 1024);
        return NULL;
    }
    lexer l = { .j = j, .line = 1, .line_starting = true };
    normalise(&l, source, n);
    while (!j->code && l.at < l.n) root(&l);
    add(&l, TOKEN_END);
    j->line = 0;
    return j->code ? NULL : l.tokens;
}
