/* NFC: see normalise.h. The data and the composition come from utf8proc; ordering the marks is done here, because
 * utf8proc sorts them by exchanging neighbours, which is quadratic for a long run of marks. */
#include "text/normalise.h"
#include "base/memory.h"
#include "text/utf8.h"
#include <string.h>
#include <utf8proc.h>

/* Below U+0300 every character is a starter that composes with nothing before it and is its own NFC. Where the first other character of
 * text[from, n) begins; n without one. */
static size_t find_other(const char *text, size_t n, size_t from) {
    while (from < n && (unsigned char)text[from] < 0xcc) from++;
    return from;
}

bool normalise_may_change(const char *text, size_t n) { return find_other(text, n, 0) < n; }

static int combining_class(int32_t c) { return c < 0x300 ? 0 : utf8proc_get_property(c)->combining_class; }

/* Sorts a run of marks by combining class; stable. Short runs by insertion, long ones by counting into `spare` (as long as the run). */
static void order_marks(int32_t *run, size_t n, int32_t *spare) {
    if (n <= 16) {
        for (size_t i = 1; i < n; i++) {
            const int32_t c = run[i];
            size_t j = i;
            for (; j && combining_class(run[j - 1]) > combining_class(c); j--) run[j] = run[j - 1];
            run[j] = c;
        }
        return;
    }
    size_t at[257] = {0};
    for (size_t i = 0; i < n; i++) at[combining_class(run[i]) + 1]++;
    for (int k = 1; k < 257; k++) at[k] += at[k - 1];
    for (size_t i = 0; i < n; i++) spare[at[combining_class(run[i])]++] = run[i];
    memcpy(run, spare, n * sizeof *run);
}

static int reserve(normaliser *s, size_t n, error *err) {
    if (n <= s->room) return 0;
    const size_t room = n + n / 2;
    int32_t *grown = memory_grow(s->character, room, sizeof *grown);
    if (!grown) return fail_memory(err, room * sizeof *grown, "normalising text");
    s->character = grown;
    s->room = room;
    return 0;
}

/* Orders and composes n decomposed characters and appends them as UTF-8. There is room for 2 n + 1. */
static void flush(normaliser *s, size_t n, buffer *out) {
    for (size_t i = 0; i < n; i++) {
        if (!combining_class(s->character[i])) continue;
        size_t end = i + 1;
        while (end < n && combining_class(s->character[end])) end++;
        order_marks(s->character + i, end - i, s->character + n);
        i = end - 1;
    }
    const utf8proc_ssize_t composed = utf8proc_normalize_utf32(s->character, (utf8proc_ssize_t)n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    for (utf8proc_ssize_t i = 0; i < composed; i++) {
        char bytes[4];
        buffer_append(out, bytes, utf8_write(bytes, (uint32_t)s->character[i]));
    }
}

static int normalise_stretch(normaliser *s, const char *text, size_t n, buffer *out, error *err) {
    size_t count = 0;
    for (size_t i = 0; i < n;) {
        const utf8_character c = utf8_next(text + i, n - i);
        i += c.bytes;
        enum { LONGEST = 32 };      /* no canonical decomposition is longer than 4 characters */
        if (reserve(s, 2 * (count + LONGEST) + 1, err)) return RIDGE_E_NO_MEMORY;
        int last_boundary_class = 0;
        const utf8proc_ssize_t more = utf8proc_decompose_char((int32_t)c.code_point, s->character + count, LONGEST,
                                                              UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &last_boundary_class);
        if (more < 0) return fail(err, RIDGE_E_INTERNAL, "utf8proc cannot decompose U+%04X: %s.", c.code_point, utf8proc_errmsg(more));
        count += (size_t)more;
    }
    flush(s, count, out);
    return 0;
}

/* Stretches of characters from U+0300 on, each with the one in front, which they may combine with; all between them stays. */
int normalise_nfc(normaliser *s, const char *text, size_t n, buffer *out, error *err) {
    for (size_t i = 0; i < n;) {
        const size_t other = find_other(text, n, i);
        size_t start = other, end = other;
        while (start > i && start < n && ((unsigned char)text[--start] & 0xc0) == 0x80) {}
        while (end < n && (unsigned char)text[end] >= 0xcc) end += utf8_next(text + end, n - end).bytes;
        buffer_append(out, text + i, start - i);
        const int rc = normalise_stretch(s, text + start, end - start, out, err);
        if (rc) return rc;
        i = end;
    }
    return out->failed ? fail_memory(err, out->n + n, "normalising text") : 0;
}

void normaliser_free(normaliser *s) {
    memory_free(s->character);
    *s = (normaliser){0};
}
