/* Tokens to text: at once, and streaming. */
#include "text/tokenizer_internal.h"
#include "text/utf8.h"

text_slice tokenizer_piece(const tokenizer *t, int32_t id) {
    if (id < 0 || (size_t)id >= t->v.n_tokens) return (text_slice){ "", 0 };
    return (text_slice){ t->piece_bytes + t->piece_start[id], t->piece_start[id + 1] - t->piece_start[id] };
}

/* The bytes that a token adds to a text. */
static text_slice contribution(const tokenizer *t, int32_t id, bool unparse_special, bool strip_space) {
    const token_type type = tokenizer_type(t, id);
    if (!unparse_special && (type == TOKEN_CONTROL || type == TOKEN_UNKNOWN)) return (text_slice){ "", 0 };
    text_slice s = tokenizer_piece(t, id);
    if (strip_space && t->add_space_prefix && s.n && s.text[0] == ' ') s = (text_slice){ s.text + 1, s.n - 1 };
    return s;
}

void tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, unsigned flags, buffer *out) {
    bool strip_space = true;
    if (flags & DECODE_REMOVE_SPECIAL) {
        if (n && t->add_bos && ids[0] == t->v.bos) {
            ids++;
            n--;
            strip_space = false;
        }
        if (n && t->add_eos && ids[n - 1] == t->v.eos) n--;
    }
    for (size_t i = 0; i < n; i++) {
        const text_slice s = contribution(t, ids[i], flags & DECODE_UNPARSE_SPECIAL, strip_space && !i);
        buffer_append(out, s.text, s.n);
    }
}

/* Appends what is finished of held + more and holds back the rest. `more` has any length. */
static void pass_on(detokenizer *d, const char *more, size_t n, buffer *out) {
    while (d->n_held && n) {                            /* finish the held character byte by byte */
        char text[4];
        memcpy(text, d->held, d->n_held);
        text[d->n_held] = *more;
        const utf8_character c = utf8_next(text, d->n_held + 1u);
        if (c.incomplete) {
            d->held[d->n_held++] = *more;
        } else if (c.valid) {
            buffer_append(out, text, c.bytes);
            d->n_held = 0;
        } else {                                        /* what was held is bad; this byte may begin something new */
            buffer_append(out, "\xef\xbf\xbd", 3);
            d->n_held = 0;
            continue;
        }
        more++;
        n--;
    }
    while (n) {
        const size_t good = utf8_valid_prefix(more, n);
        buffer_append(out, more, good);
        more += good;
        n -= good;
        if (!n) return;
        const utf8_character c = utf8_next(more, n);
        if (c.incomplete) {
            memcpy(d->held, more, n);
            d->n_held = (uint8_t)n;
            return;
        }
        buffer_append(out, "\xef\xbf\xbd", 3);
        more += c.bytes;
        n -= c.bytes;
    }
}

void detokenizer_push(detokenizer *d, int32_t id, buffer *out) {
    const text_slice s = contribution(d->t, id, d->unparse_special, d->strip_space);
    d->strip_space = false;
    pass_on(d, s.text, s.n, out);
}

void detokenizer_flush(detokenizer *d, buffer *out) {
    if (d->n_held) buffer_append(out, "\xef\xbf\xbd", 3);
    d->n_held = 0;
}
