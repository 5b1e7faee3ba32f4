/* Text to tokens: repair, special tokens, then each stretch of text between them by the tokenizer's kind. */
#include "base/events.h"
#include "base/memory.h"
#include "text/tokenizer_internal.h"
#include "text/utf8.h"

#define TEXT_BYTES_MAX (1u << 30)

int token_list_append(token_list *l, int32_t id, error *err) {
    if (l->n == l->room) {
        const size_t room = l->room ? 2 * l->room : 64;
        int32_t *grown = memory_grow(l->id, room, sizeof *grown);
        if (!grown) return fail_memory(err, room * sizeof *grown, "a list of tokens");
        l->id = grown;
        l->room = room;
    }
    l->id[l->n++] = id;
    return 0;
}

void token_list_free(token_list *l) {
    memory_free(l->id);
    *l = (token_list){0};
}

static int encode_word(void *w, const char *word, size_t n, error *err) { return word_encode(w, word, n, err); }

static int encode_bpe(workspace *w, const char *text, size_t n, error *err) {
    if (w->t->kind->normalise && normalise_may_change(text, n)) {
        buffer_clear(&w->normalised);
        const int rc = normalise_nfc(&w->normaliser, text, n, &w->normalised, err);
        if (rc) return rc;
        text = buffer_text(&w->normalised);
        n = w->normalised.n;
    }
    return pre_tokenizer_split(w->run, text, n, encode_word, w, err);
}

/* SentencePiece has no words: merges may cross anything. But where no token of the vocabulary holds two characters like these side by
 * side, none crosses there, and cutting changes nothing: in practice, words, numbers and punctuation. */
static int encode_spm(workspace *w, const char *text, size_t n, bool space_prefix, error *err) {
    buffer *b = &w->normalised;
    buffer_clear(b);
    if (space_prefix) buffer_append(b, SPACE_SIGN, SPACE_SIGN_BYTES);
    for (size_t i = 0; i < n;) {
        const char *space = memchr(text + i, ' ', n - i);
        const size_t end = space ? (size_t)(space - text) : n;
        buffer_append(b, text + i, end - i);
        if (space) buffer_append(b, SPACE_SIGN, SPACE_SIGN_BYTES);
        i = end + 1;
    }
    if (b->failed) return fail_memory(err, 3 * n, "tokenising");
    size_t start = 0;
    for (size_t i = 1; i < b->n; i++) {
        const int next = joining_byte(b->data + i, b->n - i);
        if (next < 0 || w->t->joins[(uint8_t)b->data[i - 1]][next / 8] >> next % 8 & 1) continue;
        const int rc = word_encode(w, b->data + start, i - start, err);
        if (rc) return rc;
        start = i;
    }
    return word_encode(w, b->data + start, b->n - start, err);
}

/* Phi-3's special tokens take the white space behind them along, but for these. */
static bool strips_after(const tokenizer *t, int32_t id) {
    static const char *const exceptions[] = { "<unk>", "<s>", "<|endoftext|>" };
    if (!t->v.strip_after_special) return false;
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        const text_slice s = t->v.token[id];
        if (s.n == strlen(exceptions[i]) && !memcmp(s.text, exceptions[i], s.n)) return false;
    }
    return true;
}

static bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int encode_fragments(workspace *w, const char *text, size_t n, bool parse, error *err) {
    const tokenizer *t = w->t;
    bool after_special = true;          /* SentencePiece puts a space in front of each stretch of text that begins here */
    for (size_t at = 0; at < n;) {
        size_t start = n, end = n;
        const int32_t id = special_tokens_find(&t->special, &t->v, parse, text, n, at, &start, &end);
        if (start > at) {
            const int rc = t->v.kind == TOKENIZER_BPE ? encode_bpe(w, text + at, start - at, err)
                                                      : encode_spm(w, text + at, start - at, t->add_space_prefix && after_special, err);
            if (rc) return rc;
            after_special = false;
        }
        at = end;
        if (id == TOKEN_NONE) continue;
        const int rc = token_list_append(w->out, id, err);
        if (rc) return rc;
        after_special = true;
        while (at < n && is_ascii_space(text[at]) && strips_after(t, id)) at++;
    }
    return 0;
}

static int encode(workspace *w, const char *text, size_t n, unsigned flags, error *err) {
    const tokenizer *t = w->t;
    const size_t valid = utf8_valid_prefix(text, n);
    if (valid < n) {
        buffer_clear(&w->repaired);
        const size_t bad = utf8_repair(&w->repaired, text, n);
        if (w->repaired.failed) return fail_memory(err, n, "repairing text");
        event(EVENT_invalid_utf8, "text is not UTF-8 (at byte %zu): %zu bad sequence%s replaced by U+FFFD", valid, bad, bad == 1 ? " was" : "s were");
        text = buffer_text(&w->repaired);
        n = w->repaired.n;
    }
    int rc = 0;
    if (flags & ENCODE_ADD_SPECIAL && t->add_bos) rc = token_list_append(w->out, t->v.bos, err);
    if (!rc) rc = encode_fragments(w, text, n, flags & ENCODE_PARSE_SPECIAL, err);
    if (!rc && flags & ENCODE_ADD_SPECIAL && t->add_eos) rc = token_list_append(w->out, t->v.eos, err);
    return rc;
}

int tokenizer_encode(const tokenizer *t, const char *text, size_t n, unsigned flags, token_list *out, error *err) {
    if (n > TEXT_BYTES_MAX) return fail(err, RIDGE_E_UNSUPPORTED, "The text has %zu bytes; at most %u can be tokenised at once.", n, TEXT_BYTES_MAX);
    workspace *w;
    int rc = workspace_take(&w, t, err);
    if (rc) return rc;
    const size_t before = out->n;
    w->out = out;
    w->n_lost = 0;
    rc = encode(w, text, n, flags, err);
    if (rc) out->n = before;
    if (w->n_lost) event(EVENT_text_lost, "%zu of %zu bytes of a text have no token in this vocabulary and are lost", w->n_lost, n);
    workspace_give(w);
    return rc;
}
