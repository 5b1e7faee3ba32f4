/* Tokenisers on small vocabularies made here: against a plain reference, piece by piece, and with every allocation failing. */
#include "test.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/events.h"
#include "base/memory.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

/* ---- vocabularies ---- */

/* A vocabulary in the making; its texts stay in `texts`. */
typedef struct { arena texts; vocabulary v; } maker;

static maker start(tokenizer_kind kind) {
    maker m = {0};
    vocabulary_init(&m.v);
    m.v.kind = kind;
    snprintf(m.v.pre, sizeof m.v.pre, "gpt-2");
    return m;
}

static int32_t add_n(maker *m, const char *text, size_t n, token_type type, float score) {
    const size_t i = m->v.n_tokens++;
    m->v.token = realloc(m->v.token, m->v.n_tokens * sizeof *m->v.token);
    m->v.type  = realloc(m->v.type, m->v.n_tokens);
    m->v.score = realloc(m->v.score, m->v.n_tokens * sizeof *m->v.score);
    m->v.token[i] = (text_slice){ arena_copy_text(&m->texts, text, n), n };
    m->v.type[i]  = (uint8_t)type;
    m->v.score[i] = score;
    return (int32_t)i;
}

static int32_t add(maker *m, const char *text, token_type type, float score) { return add_n(m, text, strlen(text), type, score); }

static void merge(maker *m, const char *pair) {
    m->v.merge = realloc(m->v.merge, ++m->v.n_merges * sizeof *m->v.merge);
    m->v.merge[m->v.n_merges - 1] = (text_slice){ arena_copy_text(&m->texts, pair, strlen(pair)), strlen(pair) };
}

/* The character of byte-level BPE's alphabet for a byte, written here once more, from the published rule. */
static size_t spell_byte(unsigned char b, char *out) {
    uint32_t next = 256;
    for (unsigned c = 0; c < 256; c++) {
        const int printable = (c >= '!' && c <= '~') || (c >= 0xa1 && c <= 0xac) || c >= 0xae;
        if (c == b) return utf8_write(out, printable ? c : next);
        next += !printable;
    }
    return 0;
}

/* Byte-level BPE: ids 0 to 255 are the bytes. */
static maker start_bpe(void) {
    maker m = start(TOKENIZER_BPE);
    for (unsigned b = 0; b < 256; b++) {
        char spelled[4];
        add_n(&m, spelled, spell_byte((unsigned char)b, spelled), TOKEN_NORMAL, 0);
    }
    return m;
}

/* SentencePiece: <unk>, <s>, </s>, then the bytes from id 3 on. */
static maker start_spm(void) {
    maker m = start(TOKENIZER_SPM);
    add(&m, "<unk>", TOKEN_UNKNOWN, 0);
    add(&m, "<s>", TOKEN_CONTROL, 0);
    add(&m, "</s>", TOKEN_CONTROL, 0);
    m.v.unknown = 0;
    m.v.bos = 1;
    m.v.eos = 2;
    for (unsigned b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", b);
        add(&m, name, TOKEN_BYTE, 0);
    }
    return m;
}

static tokenizer *finish(maker *m) {
    tokenizer *t;
    error e = {0};
    if (tokenizer_new(&t, &m->v, &e)) fail_msg("%s", e.text);
    return t;
}

static void discard(tokenizer *t, maker *m) {
    tokenizer_free(t);
    arena_free(&m->texts);
}

static token_list encode_n(const tokenizer *t, const char *text, size_t n, unsigned flags) {
    token_list l = {0};
    error e = {0};
    if (tokenizer_encode(t, text, n, flags, &l, &e)) fail_msg("%s", e.text);
    return l;
}

/* The pieces of a text's tokens, with bars between them. */
static void assert_pieces(const tokenizer *t, const char *text, unsigned flags, const char *expected) {
    token_list l = encode_n(t, text, strlen(text), flags);
    buffer got = {0};
    for (size_t i = 0; i < l.n; i++) {
        const text_slice s = tokenizer_piece(t, l.id[i]);
        if (i) buffer_append_char(&got, '|');
        buffer_append(&got, s.text, s.n);
    }
    assert_string_equal(buffer_text(&got), expected);
    buffer_free(&got);
    token_list_free(&l);
}

static void assert_round_trip(const tokenizer *t, const char *text, size_t n) {
    token_list l = encode_n(t, text, n, 0);
    buffer out = {0};
    tokenizer_decode(t, l.id, l.n, 0, &out);
    assert_int_equal(out.n, n);
    if (n) assert_memory_equal(out.data, text, n);
    buffer_free(&out);
    token_list_free(&l);
}

static uint64_t seed = 7;
static uint32_t random_below(uint32_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

/* ---- merging, against a reference that does exactly what the definition says ---- */

static int32_t find_token(const vocabulary *v, const char *text, size_t n) {
    for (size_t i = 0; i < v->n_tokens; i++) if (v->token[i].n == n && !memcmp(v->token[i].text, text, n)) return (int32_t)i;
    return TOKEN_NONE;
}

/* Parts of a text; joins the best pair, the leftmost of equals, until none is left. */
typedef struct { size_t start, end; } range;
static size_t reference_merge(const vocabulary *v, const char *text, range *part, size_t n) {
    for (;;) {
        size_t best = n;
        double least = INFINITY;
        for (size_t i = 0; i + 1 < n; i++) {
            double rank = INFINITY;
            if (v->kind == TOKENIZER_BPE) {
                char pair[600];
                const size_t left = part[i].end - part[i].start, right = part[i + 1].end - part[i + 1].start;
                const char *a = text + part[i].start, *b = text + part[i + 1].start;
                const size_t length = (size_t)snprintf(pair, sizeof pair, "%.*s %.*s", (int)left, a, (int)right, b);
                for (size_t r = 0; r < v->n_merges && rank == INFINITY; r++) {
                    if (v->merge[r].n == length && !memcmp(v->merge[r].text, pair, length)) rank = (double)r;
                }
            } else {
                const int32_t id = find_token(v, text + part[i].start, part[i + 1].end - part[i].start);
                if (id != TOKEN_NONE && v->type[id] == TOKEN_NORMAL) rank = -(double)v->score[id];
            }
            if (rank < least) { least = rank; best = i; }
        }
        if (best == n) return n;
        part[best].end = part[best + 1].end;
        memmove(part + best + 1, part + best + 2, (--n - best - 1) * sizeof *part);
    }
}

enum { WORD_MAX = 260 };

static void bpe_merges_as_defined(void **state) {
    (void)state;
    for (int round = 0; round < 30; round++) {
        maker m = start_bpe();
        char made[80][40] = { "a", "b", "c", "d" };
        size_t n_made = 4;
        while (n_made < 70) {
            char pair[90], whole[90];
            const char *left = made[random_below((uint32_t)n_made)], *right = made[random_below((uint32_t)n_made)];
            snprintf(whole, sizeof whole, "%s%s", left, right);
            if (strlen(whole) >= 40) continue;
            snprintf(pair, sizeof pair, "%s %s", left, right);
            if (find_token(&m.v, whole, strlen(whole)) == TOKEN_NONE) {
                memcpy(made[n_made++], whole, strlen(whole) + 1);
                add(&m, whole, TOKEN_NORMAL, 0);
            }
            merge(&m, pair);
        }
        for (size_t i = m.v.n_merges - 1; i; i--) {         /* any order of ranks, not only that of training */
            const size_t j = random_below((uint32_t)i + 1);
            const text_slice s = m.v.merge[i];
            m.v.merge[i] = m.v.merge[j];
            m.v.merge[j] = s;
        }
        vocabulary copy = m.v;                              /* the tokenizer takes the arrays: the reference reads its own */
        copy.token = malloc(copy.n_tokens * sizeof *copy.token);
        copy.merge = malloc(copy.n_merges * sizeof *copy.merge);
        memcpy(copy.token, m.v.token, copy.n_tokens * sizeof *copy.token);
        memcpy(copy.merge, m.v.merge, copy.n_merges * sizeof *copy.merge);
        tokenizer *t = finish(&m);
        for (int w = 0; w < 40; w++) {
            char word[WORD_MAX];
            range part[WORD_MAX];
            size_t n = 1 + random_below(w % 4 ? 30 : WORD_MAX - 1);
            for (size_t i = 0; i < n; i++) {
                word[i] = (char)('a' + random_below(w % 3 ? 4 : 2));
                part[i] = (range){ i, i + 1 };
            }
            for (int again = 0; again < 2; again++) {       /* the second time from the cache */
                token_list l = encode_n(t, word, n, 0);
                const size_t count = again ? l.n : reference_merge(&copy, word, part, n);
                assert_int_equal(l.n, count);
                for (size_t i = 0; i < count; i++) assert_int_equal(l.id[i], find_token(&copy, word + part[i].start, part[i].end - part[i].start));
                token_list_free(&l);
            }
        }
        free(copy.token);
        free(copy.merge);
        discard(t, &m);
    }
}

static void spm_merges_as_defined(void **state) {
    (void)state;
    for (int round = 0; round < 30; round++) {
        maker m = start_spm();
        char made[80][40] = { "\xe2\x96\x81", "a", "b", "c", "\xe2\x96\x80" };     /* the last differs from the space sign in one byte */
        size_t n_made = 5;
        for (size_t i = 0; i < n_made; i++) add(&m, made[i], TOKEN_NORMAL, -100);
        while (n_made < 70) {
            char whole[90];
            const char *left = made[random_below((uint32_t)n_made)], *right = made[random_below((uint32_t)n_made)];
            if (round % 2 && strstr(right, "\xe2\x96\x81")) continue;           /* so that texts may be cut at spaces, or may not, */
            if (round % 3 && (*right == 'c' || *right == '\xe2')) continue;     /* and in front of these */
            snprintf(whole, sizeof whole, "%s%s", left, right);
            if (strlen(whole) >= 40 || find_token(&m.v, whole, strlen(whole)) != TOKEN_NONE) continue;
            memcpy(made[n_made++], whole, strlen(whole) + 1);
            add(&m, whole, TOKEN_NORMAL, -(float)random_below(20));
        }
        m.v.add_space_prefix = (int8_t)(round % 3 - 1);
        const bool prefix = m.v.add_space_prefix != 0;
        vocabulary copy = m.v;
        copy.token = malloc(copy.n_tokens * sizeof *copy.token);
        copy.type  = malloc(copy.n_tokens);
        copy.score = malloc(copy.n_tokens * sizeof *copy.score);
        memcpy(copy.token, m.v.token, copy.n_tokens * sizeof *copy.token);
        memcpy(copy.type, m.v.type, copy.n_tokens);
        memcpy(copy.score, m.v.score, copy.n_tokens * sizeof *copy.score);
        tokenizer *t = finish(&m);
        for (int w = 0; w < 40; w++) {
            static const char *const units[] = { " ", "a", "b", "c", "a", "b", "\xc3\xa9", "\xe2\x96\x80" };
            buffer text = {0}, escaped = {0};
            range part[WORD_MAX + 1];
            size_t n = 0;
            if (prefix) {
                buffer_append_text(&escaped, "\xe2\x96\x81");
                part[n++] = (range){ 0, 3 };
            }
            for (uint32_t left = 1 + random_below(w % 4 ? 30 : WORD_MAX - 1); left; left--) {
                const char *unit = units[random_below(8)];
                buffer_append_text(&text, unit);
                const size_t start_at = escaped.n;
                buffer_append_text(&escaped, *unit == ' ' ? "\xe2\x96\x81" : unit);
                part[n++] = (range){ start_at, escaped.n };
            }
            token_list l = encode_n(t, text.data, text.n, 0);
            n = reference_merge(&copy, escaped.data, part, n);
            size_t at = 0;
            for (size_t i = 0; i < n; i++) {
                const int32_t id = find_token(&copy, escaped.data + part[i].start, part[i].end - part[i].start);
                for (size_t b = part[i].start; id == TOKEN_NONE && b < part[i].end; b++, at++) {        /* bytes */
                    assert_true(at < l.n);
                    assert_int_equal(l.id[at], 3 + (unsigned char)escaped.data[b]);
                }
                if (id == TOKEN_NONE) continue;
                assert_true(at < l.n);
                assert_int_equal(l.id[at++], id);
            }
            assert_int_equal(at, l.n);
            token_list_free(&l);
            assert_round_trip(t, text.data, text.n);
            buffer_free(&text);
            buffer_free(&escaped);
        }
        free(copy.token);
        free(copy.type);
        free(copy.score);
        discard(t, &m);
    }
}

static void whole_words_win_where_merges_are_ignored(void **state) {
    (void)state;
    for (int ignore = 0; ignore < 2; ignore++) {
        maker m = start_bpe();
        snprintf(m.v.pre, sizeof m.v.pre, ignore ? "llama-bpe" : "dbrx");
        add(&m, "\xc4\xa0hello", TOKEN_NORMAL, 0);
        m.v.bos = add(&m, "<s>", TOKEN_CONTROL, 0);
        tokenizer *t = finish(&m);
        assert_pieces(t, " hello", 0, ignore ? " hello" : " |h|e|l|l|o");
        assert_pieces(t, "<s>", 0, "<|s|>");
        assert_int_equal(tokenizer_adds_bos(t), ignore);
        assert_pieces(t, "x", ENCODE_ADD_SPECIAL, ignore ? "<s>|x" : "x");
        discard(t, &m);
    }
}

/* ---- special tokens ---- */

static void special_tokens_are_found_leftmost_and_longest(void **state) {
    (void)state;
    maker m = start_bpe();
    const int32_t end = add(&m, "<|im_end|>", TOKEN_CONTROL, 0);
    add(&m, "<|im_end|>2", TOKEN_CONTROL, 0);
    add(&m, "<|im", TOKEN_CONTROL, 0);
    add(&m, "  ", TOKEN_USER_DEFINED, 0);
    add(&m, "im_", TOKEN_USER_DEFINED, 0);
    const int32_t return_id = add(&m, "plain_end", TOKEN_NORMAL, 0);
    m.v.eos = add(&m, "<|endoftext|>", TOKEN_CONTROL, 0);
    m.v.add_eos = 1;
    tokenizer *t = finish(&m);
    assert_pieces(t, "a<|im_end|>b", ENCODE_PARSE_SPECIAL, "a|<|im_end|>|b");
    assert_pieces(t, "a<|im_end|>23", ENCODE_PARSE_SPECIAL, "a|<|im_end|>2|3");
    assert_pieces(t, "<|im_en", ENCODE_PARSE_SPECIAL, "<|im|_|e|n");
    assert_pieces(t, "<|im_en", 0, "<|||im_|e|n");
    assert_pieces(t, "   x", 0, "  | |x");
    assert_pieces(t, "<<|im_end|>", ENCODE_PARSE_SPECIAL | ENCODE_ADD_SPECIAL, "<|<|im_end|>|<|endoftext|>");
    assert_pieces(t, "", ENCODE_ADD_SPECIAL, "<|endoftext|>");
    assert_int_equal(tokenizer_eot(t), end);
    assert_true(tokenizer_is_end_of_generation(t, end) && tokenizer_is_end_of_generation(t, tokenizer_eos(t)));
    assert_false(tokenizer_is_end_of_generation(t, return_id) || tokenizer_is_end_of_generation(t, -1) || tokenizer_is_end_of_generation(t, 100000));
    assert_int_equal(tokenizer_find(t, "<|im", 4), end + 2);
    assert_int_equal(tokenizer_type(t, end), TOKEN_CONTROL);
    assert_int_equal(tokenizer_type(t, -5), TOKEN_UNDEFINED);
    assert_int_equal(tokenizer_piece(t, 100000).n, 0);
    discard(t, &m);
}

static void a_turn_in_harmony_does_not_end_with_a_message(void **state) {
    (void)state;
    maker m = start_bpe();
    const int32_t end = add(&m, "<|end|>", TOKEN_CONTROL, 0), call = add(&m, "<|call|>", TOKEN_CONTROL, 0), ret = add(&m, "<|return|>", TOKEN_CONTROL, 0);
    tokenizer *t = finish(&m);
    assert_false(tokenizer_is_end_of_generation(t, end));
    assert_true(tokenizer_is_end_of_generation(t, call) && tokenizer_is_end_of_generation(t, ret));
    discard(t, &m);
}

static void space_behind_special_tokens_may_be_dropped(void **state) {
    (void)state;
    for (int strip = 0; strip < 2; strip++) {
        maker m = start_spm();
        add(&m, "\xe2\x96\x81", TOKEN_NORMAL, -1);
        add(&m, "x", TOKEN_NORMAL, -1);
        add(&m, "<|user|>", TOKEN_CONTROL, 0);
        m.v.strip_after_special = strip;
        m.v.add_space_prefix = 0;
        tokenizer *t = finish(&m);
        assert_pieces(t, "<|user|>\n x", ENCODE_PARSE_SPECIAL, strip ? "<|user|>|x" : "<|user|>|\n| |x");
        assert_pieces(t, "<s> x<|user|> ", ENCODE_PARSE_SPECIAL | ENCODE_ADD_SPECIAL, strip ? "<s>|<s>| |x|<|user|>" : "<s>|<s>| |x|<|user|>| ");
        discard(t, &m);
    }
}

/* ---- bytes in, bytes out ---- */

static void remember_events(void *user, event_kind kind, const char *text) {
    (void)kind;
    buffer_append_text(user, text);
    buffer_append_char(user, '\n');
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state) {
    (void)state;
    buffer told = {0};
    event_redirect(remember_events, &told);
    maker m = start_bpe();
    tokenizer *t = finish(&m);
    const size_t before = event_count(EVENT_invalid_utf8);
    token_list l = encode_n(t, "a\xff\xe2\x82z", 5, 0), same = encode_n(t, "a\xef\xbf\xbd\xef\xbf\xbdz", 8, 0);
    assert_int_equal(event_count(EVENT_invalid_utf8), before + 1);
    assert_non_null(strstr(buffer_text(&told), "2 bad sequences"));
    assert_int_equal(l.n, same.n);
    assert_memory_equal(l.id, same.id, l.n * sizeof *l.id);
    token_list_free(&l);
    token_list_free(&same);
    discard(t, &m);
    event_redirect(NULL, NULL);
    buffer_free(&told);
}

static void text_without_tokens_is_lost_loudly(void **state) {
    (void)state;
    buffer told = {0};
    event_redirect(remember_events, &told);
    maker m = start(TOKENIZER_BPE);
    add(&m, "a", TOKEN_NORMAL, 0);
    tokenizer *t = finish(&m);
    for (int again = 1; again <= 2; again++) {
        const size_t before = event_count(EVENT_text_lost);
        assert_pieces(t, "aba", 0, "a|a");
        assert_int_equal(event_count(EVENT_text_lost), before + 1);
    }
    discard(t, &m);
    m = start(TOKENIZER_SPM);
    m.v.unknown = add(&m, "<unk>", TOKEN_UNKNOWN, 0);
    add(&m, "a", TOKEN_NORMAL, 0);
    m.v.add_space_prefix = m.v.add_bos = 0;
    t = finish(&m);
    assert_pieces(t, "a\xc3\xa9" "a", 0, "a|<unk>|a");
    discard(t, &m);
    event_redirect(NULL, NULL);
    buffer_free(&told);
}

static void pieces_are_the_bytes_of_tokens(void **state) {
    (void)state;
    maker m = start_bpe();
    const int32_t word = add(&m, "\xc4\xa0w\xc3\x83\xc2\xa9", TOKEN_NORMAL, 0);
    const int32_t raw = add(&m, "\xc4\xa0\xc4\xa0", TOKEN_USER_DEFINED, 0), odd = add(&m, "\xe4\xb8\xad", TOKEN_NORMAL, 0);
    tokenizer *t = finish(&m);
    for (int b = 0; b < 256; b++) {
        const text_slice s = tokenizer_piece(t, b);
        assert_true(s.n == 1 && (unsigned char)s.text[0] == b);
    }
    assert_memory_equal(tokenizer_piece(t, word).text, " w\xc3\xa9", 4);
    assert_memory_equal(tokenizer_piece(t, raw).text, "\xc4\xa0\xc4\xa0", 4);
    assert_memory_equal(tokenizer_piece(t, odd).text, "\xe4\xb8\xad", 3);
    discard(t, &m);
    m = start_spm();
    const int32_t spm_word = add(&m, "\xe2\x96\x81\xe2\x96\x81" "a\xe2\x96\x82", TOKEN_NORMAL, 0);
    t = finish(&m);
    assert_int_equal(tokenizer_piece(t, spm_word).n, 6);
    assert_memory_equal(tokenizer_piece(t, spm_word).text, "  a\xe2\x96\x82", 6);
    assert_memory_equal(tokenizer_piece(t, 3 + 0xfe).text, "\xfe", 1);
    discard(t, &m);
}

static void decoding_drops_what_encoding_added(void **state) {
    (void)state;
    maker m = start_spm();
    add(&m, "\xe2\x96\x81", TOKEN_NORMAL, -2);
    const int32_t hi = add(&m, "\xe2\x96\x81hi", TOKEN_NORMAL, -1);
    m.v.add_eos = 1;
    tokenizer *t = finish(&m);
    const int32_t ids[] = { 1, hi, hi, 2, 99999 };
    static const struct { size_t from, n; unsigned flags; const char *expected; } cases[] = {
        { 1, 2, 0, "hi hi" },
        { 0, 3, 0, " hi hi" },                                      /* the BOS was the first piece */
        { 0, 4, DECODE_UNPARSE_SPECIAL, "<s> hi hi</s>" },
        { 0, 4, DECODE_REMOVE_SPECIAL | DECODE_UNPARSE_SPECIAL, " hi hi" },
        { 1, 3, DECODE_REMOVE_SPECIAL | DECODE_UNPARSE_SPECIAL, "hi hi" },
        { 2, 3, 0, "hi" },                                          /* an id out of range gives nothing */
        { 0, 0, DECODE_REMOVE_SPECIAL, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer out = {0};
        tokenizer_decode(t, ids + cases[i].from, cases[i].n, cases[i].flags, &out);
        assert_string_equal(buffer_text(&out), cases[i].expected);
        buffer_free(&out);
    }
    discard(t, &m);
}

/* Pushes the bytes of a text one token each and checks what has come out after each of them. */
static void stream(const tokenizer *t, const char *text, size_t n, const char *expected) {
    detokenizer d = { .t = t };
    buffer out = {0};
    for (size_t i = 0; i < n; i++) {
        detokenizer_push(&d, (unsigned char)text[i], &out);
        assert_int_equal(utf8_valid_prefix(out.data ? out.data : "", out.n), out.n);
        assert_true(out.n <= strlen(expected) && (!out.n || !memcmp(out.data, expected, out.n)));
    }
    detokenizer_flush(&d, &out);
    assert_string_equal(buffer_text(&out), expected);
    detokenizer_flush(&d, &out);
    assert_string_equal(buffer_text(&out), expected);
    buffer_free(&out);
}

#define BAD "\xef\xbf\xbd"

static void streaming_never_shows_half_a_character(void **state) {
    (void)state;
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\xf0\x9f\x8f\xb3\xef\xb8\x8f";
    maker m = start_bpe();
    tokenizer *t = finish(&m);
    stream(t, text, sizeof text - 1, text);
    stream(t, "\xf0\x9f\x98", 3, BAD);                                  /* never finished */
    stream(t, "\xe2\x82\xc3\xa9", 4, BAD "\xc3\xa9");                   /* interrupted by another character */
    stream(t, "\xe2\x82z", 3, BAD "z");
    stream(t, "\xff\x80" "a\xed\xa0\x80", 6, BAD BAD "a" BAD BAD BAD);
    stream(t, "\xf0\x9f\xf0\x9f\x98\x80", 6, BAD "\xf0\x9f\x98\x80");
    discard(t, &m);
    /* Two tokens, cut anywhere. */
    for (size_t cut = 0; cut < sizeof text; cut++) {
        buffer spelled = {0};
        size_t middle = 0;
        for (size_t i = 0; i < sizeof text - 1; i++) {
            char c[4];
            if (i == cut) middle = spelled.n;
            buffer_append(&spelled, c, spell_byte((unsigned char)text[i], c));
        }
        if (cut == sizeof text - 1) middle = spelled.n;
        maker pair = start(TOKENIZER_BPE);
        add_n(&pair, spelled.data, middle, TOKEN_NORMAL, 0);
        add_n(&pair, spelled.data + middle, spelled.n - middle, TOKEN_NORMAL, 0);
        tokenizer *two = finish(&pair);
        detokenizer d = { .t = two };
        buffer out = {0};
        detokenizer_push(&d, 0, &out);
        assert_true(out.n <= cut && cut - out.n < 4);
        assert_int_equal(utf8_valid_prefix(buffer_text(&out), out.n), out.n);
        detokenizer_push(&d, 1, &out);
        detokenizer_flush(&d, &out);
        assert_string_equal(buffer_text(&out), text);
        buffer_free(&out);
        buffer_free(&spelled);
        discard(two, &pair);
    }
}

static void streaming_may_show_names_and_drop_the_first_space(void **state) {
    (void)state;
    maker m = start_spm();
    const int32_t hi = add(&m, "\xe2\x96\x81hi", TOKEN_NORMAL, -1);
    tokenizer *t = finish(&m);
    for (int names = 0; names < 2; names++) {
        detokenizer d = { .t = t, .unparse_special = names, .strip_space = true };
        buffer out = {0};
        detokenizer_push(&d, hi, &out);
        detokenizer_push(&d, hi, &out);
        detokenizer_push(&d, 2, &out);
        assert_string_equal(buffer_text(&out), names ? "hi hi</s>" : "hi hi");
        buffer_free(&out);
    }
    discard(t, &m);
}

/* ---- what files get wrong ---- */

static void contradictions_are_repaired_loudly_or_refused(void **state) {
    (void)state;
    buffer told = {0};
    event_redirect(remember_events, &told);
    maker m = start_bpe();
    merge(&m, "a b");               /* no token ab */
    merge(&m, "nospace");
    merge(&m, "a");
    merge(&m, "");
    merge(&m, " a");
    merge(&m, "no token");
    add(&m, "a", TOKEN_NORMAL, 0);  /* a second a */
    add(&m, "", TOKEN_NORMAL, 0);
    m.v.add_bos = m.v.add_eos = m.v.add_space_prefix = 1;
    snprintf(m.v.pre, sizeof m.v.pre, "martian");
    tokenizer *t = finish(&m);
    assert_pieces(t, "ab", ENCODE_ADD_SPECIAL, "a|b");
    token_list l = encode_n(t, "a", 1, 0);
    assert_true(l.n == 1 && l.id[0] == 'a');
    token_list_free(&l);
    discard(t, &m);
    event_redirect(NULL, NULL);
    static const char *const sentences[] = { "\"martian\"", "\"gpt-2\"", "6 of 6 merges", "1 tokens are spelled", "BOS", "EOS", "add_space_prefix" };
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (!strstr(buffer_text(&told), sentences[i])) fail_msg("no event says %s: %s", sentences[i], buffer_text(&told));
    }
    buffer_free(&told);

    error e = {0};
    m = start_spm();
    m.v.eos = (int32_t)m.v.n_tokens;
    assert_int_equal(tokenizer_new(&t, &m.v, &e), RIDGE_E_BAD_FILE);
    assert_null(t);
    assert_null(m.v.token);
    assert_non_null(strstr(e.text, "eos"));
    arena_free(&m.texts);
    m = start_spm();
    m.v.score[5] = NAN;
    assert_int_equal(tokenizer_new(&t, &m.v, &e), RIDGE_E_BAD_FILE);
    arena_free(&m.texts);
    m = start(TOKENIZER_BPE);
    assert_int_equal(tokenizer_new(&t, &m.v, &e), RIDGE_E_BAD_FILE);
}

/* ---- much, many, and too little ---- */

static maker everyday_bpe(const char *pre) {
    maker m = start_bpe();
    snprintf(m.v.pre, sizeof m.v.pre, "%s", pre);
    m.v.add_bos = 0;
    static const char *const pairs[] = { "a a", "aa aa", "aaaa aaaa", "\xc4\xa0 \xc4\xa0", "\xc4\xa0\xc4\xa0 \xc4\xa0\xc4\xa0", "1 2", "\xc3\xb0 \xc5\x81" };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char whole[40];
        const char *space = strchr(pairs[i] + 1, ' ');
        snprintf(whole, sizeof whole, "%.*s%s", (int)(space - pairs[i]), pairs[i], space + 1);
        add(&m, whole, TOKEN_NORMAL, 0);
        merge(&m, pairs[i]);
    }
    add(&m, "<|im_start|>", TOKEN_CONTROL, 0);
    return m;
}

static maker everyday_spm(void) {
    maker m = start_spm();
    static const char *const tokens[] = { "\xe2\x96\x81", "a", "aa", "aaaa", "\xe2\x96\x81\xe2\x96\x81", "1", "2", "12", ("\xe2\x96\x81" "a") };
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) add(&m, tokens[i], TOKEN_NORMAL, -(float)i);
    return m;
}

static void a_megabyte_of_anything_comes_back(void **state) {
    (void)state;
    static const char *const units[] = { "1234567890", " ", "a", "\xf0\x9f\x98\x80" };
    static const char *const pres[] = { "gpt-2", "llama-bpe", NULL };
    for (size_t p = 0; p < sizeof pres / sizeof pres[0]; p++) {
        maker m = pres[p] ? everyday_bpe(pres[p]) : everyday_spm();
        tokenizer *t = finish(&m);
        for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
            buffer text = {0};
            while (text.n < 1 << 20) buffer_append_text(&text, units[u]);
            assert_round_trip(t, text.data, text.n);
            buffer_free(&text);
        }
        discard(t, &m);
    }
}

static void drop_events(void *user, event_kind kind, const char *text) {
    (void)user;
    (void)kind;
    (void)text;
}

/* Everything once: making, encoding short, long, composed and broken text, decoding; the allocation numbered e->code fails.
 * Returns the error. */
static int live(int kind, error *e) {
    static const char *const text = "<|im_start|>aaaaa 12 e\xcc\x81 \xff aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    memory_fail_nth(0);
    maker m = kind ? everyday_spm() : everyday_bpe("qwen2");
    tokenizer *t = NULL;
    token_list l = {0};
    buffer out = {0};
    memory_fail_nth((size_t)e->code);
    int rc = tokenizer_new(&t, &m.v, e);
    for (int again = 0; !rc && again < 2; again++) {
        const size_t before = l.n;
        rc = tokenizer_encode(t, text, strlen(text), ENCODE_PARSE_SPECIAL | ENCODE_ADD_SPECIAL, &l, e);
        if (rc) assert_int_equal(l.n, before);
    }
    if (!rc) {
        tokenizer_decode(t, l.id, l.n, 0, &out);
        if (out.failed) rc = RIDGE_E_NO_MEMORY;
    }
    buffer_free(&out);
    token_list_free(&l);
    discard(t, &m);
    return rc;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    event_redirect(drop_events, NULL);
    for (int kind = 0; kind < 2; kind++) {
        int n = 1;
        for (bool more = true; more; n++) {
            error e = { .code = n };
            const int rc = live(kind, &e);
            more = memory_requests() >= (size_t)n;
            assert_int_equal(rc, more ? RIDGE_E_NO_MEMORY : 0);
        }
        assert_true(n > 15);
    }
    memory_fail_nth(0);
    event_redirect(NULL, NULL);
}

typedef struct { const tokenizer *t; const char *text; size_t n; token_list expected; int wrong; } worker;

static void *encode_often(void *user) {
    worker *w = user;
    for (int i = 0; i < 200; i++) {
        token_list l = {0};
        if (tokenizer_encode(w->t, w->text, w->n, 0, &l, NULL) || l.n != w->expected.n || memcmp(l.id, w->expected.id, l.n * sizeof *l.id)) w->wrong++;
        token_list_free(&l);
    }
    return NULL;
}

static void threads_share_a_tokenizer(void **state) {
    (void)state;
    maker m = everyday_bpe("llama-bpe");
    tokenizer *t = finish(&m);
    static const char *const texts[] = { "aaaa aaa 1212", "  a  12 aaaaaaaaa", "\xf0\x9f\x98\x80 aaa", "b 12a" };
    worker w[4];
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        w[i] = (worker){ t, texts[i], strlen(texts[i]), encode_n(t, texts[i], strlen(texts[i]), 0), 0 };
        assert_int_equal(pthread_create(&thread[i], NULL, encode_often, &w[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(w[i].wrong, 0);
        token_list_free(&w[i].expected);
    }
    discard(t, &m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bpe_merges_as_defined),
        cmocka_unit_test(spm_merges_as_defined),
        cmocka_unit_test(whole_words_win_where_merges_are_ignored),
        cmocka_unit_test(special_tokens_are_found_leftmost_and_longest),
        cmocka_unit_test(a_turn_in_harmony_does_not_end_with_a_message),
        cmocka_unit_test(space_behind_special_tokens_may_be_dropped),
        cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(text_without_tokens_is_lost_loudly),
        cmocka_unit_test(pieces_are_the_bytes_of_tokens),
        cmocka_unit_test(decoding_drops_what_encoding_added),
        cmocka_unit_test(streaming_never_shows_half_a_character),
        cmocka_unit_test(streaming_may_show_names_and_drop_the_first_space),
        cmocka_unit_test(contradictions_are_repaired_loudly_or_refused),
        cmocka_unit_test(a_megabyte_of_anything_comes_back),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(threads_share_a_tokenizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
