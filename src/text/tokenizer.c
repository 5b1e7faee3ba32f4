/* Making a tokenizer from a vocabulary, and asking about it. Encoding is in encode.c and word.c, decoding in decode.c. */
#include "text/tokenizer_internal.h"
#include <math.h>
#include <stdio.h>
#include "base/events.h"
#include "base/memory.h"
#include "text/utf8.h"

void vocabulary_init(vocabulary *v) {
    *v = (vocabulary){
        .bos = TOKEN_NONE, .eos = TOKEN_NONE, .eot = TOKEN_NONE, .eom = TOKEN_NONE, .unknown = TOKEN_NONE, .padding = TOKEN_NONE,
        .add_bos = -1, .add_eos = -1, .add_space_prefix = -1,
    };
}

void vocabulary_free(vocabulary *v) {
    memory_free(v->token);
    memory_free(v->type);
    memory_free(v->score);
    memory_free(v->merge);
    vocabulary_init(v);
}

static int check(const vocabulary *v, error *err) {
    if (!v->n_tokens || v->n_tokens > INT32_MAX / 2 || v->n_merges > INT32_MAX / 2) {
        return fail(err, RIDGE_E_BAD_FILE, "the vocabulary has %zu tokens and %zu merges", v->n_tokens, v->n_merges);
    }
    const struct { const char *name; int32_t id; } ids[] = {
        { "bos", v->bos }, { "eos", v->eos }, { "eot", v->eot }, { "eom", v->eom }, { "unknown", v->unknown }, { "padding", v->padding },
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (ids[i].id < TOKEN_NONE || (ids[i].id >= 0 && (size_t)ids[i].id >= v->n_tokens)) {
            return fail(err, RIDGE_E_BAD_FILE, "the %s token is %d, but there are only %zu tokens", ids[i].name, ids[i].id, v->n_tokens);
        }
    }
    if (v->kind == TOKENIZER_BPE) return 0;
    if (!v->score) return fail(err, RIDGE_E_BAD_FILE, "a SentencePiece vocabulary needs scores");
    for (size_t i = 0; i < v->n_tokens; i++) if (!isfinite(v->score[i])) return fail(err, RIDGE_E_BAD_FILE, "the score of token %zu is not finite", i);
    return 0;
}

/* "<0x0A>" to 10; -1 for any other spelling. */
static int byte_of_name(text_slice s) {
    if (s.n != 6 || memcmp(s.text, "<0x", 3) || s.text[5] != '>') return -1;
    int value = 0;
    for (int i = 3; i < 5; i++) {
        const char c = s.text[i];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return -1;
        value = 16 * value + digit;
    }
    return value;
}

/* The piece of an ordinary token of byte-level BPE; characters outside the alphabet stay as they are. */
static char *spell_bpe(char *out, text_slice s, const int16_t alphabet[512]) {
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.text[i];
        if (c < 0x80) {
            *out++ = (char)c;
            continue;
        }
        if ((c & 0xe0) == 0xc0 && i + 1 < s.n) {
            const unsigned code_point = (c & 0x1fu) << 6 | ((unsigned char)s.text[i + 1] & 0x3fu);
            if (code_point < 512 && alphabet[code_point] >= 0) {
                *out++ = (char)alphabet[code_point];
                i++;
                continue;
            }
        }
        *out++ = (char)c;
    }
    return out;
}

static char *spell_spm(char *out, text_slice s) {
    for (size_t i = 0; i < s.n;) {
        if (s.text[i] == SPACE_SIGN[0] && i + SPACE_SIGN_BYTES <= s.n && !memcmp(s.text + i, SPACE_SIGN, SPACE_SIGN_BYTES)) {
            *out++ = ' ';
            i += SPACE_SIGN_BYTES;
        } else {
            *out++ = s.text[i++];
        }
    }
    return out;
}

/* Pieces are never longer than spellings, so the spellings' length is room enough. */
static int make_pieces(tokenizer *t, error *err) {
    const vocabulary *v = &t->v;
    size_t total = 1;
    for (size_t i = 0; i < v->n_tokens; i++) total += v->token[i].n;
    if (total > UINT32_MAX / 2) return fail(err, RIDGE_E_BAD_FILE, "the vocabulary's tokens have %zu bytes together", total);
    t->piece_bytes = memory_new(total, 1);
    t->piece_start = memory_new(v->n_tokens + 1, sizeof *t->piece_start);
    if (!t->piece_bytes || !t->piece_start) return fail_memory(err, total, "the pieces of the vocabulary");
    int16_t alphabet[512];
    for (unsigned c = 0; c < 512; c++) alphabet[c] = (int16_t)byte_alphabet_decode(c);
    char *out = t->piece_bytes;
    for (size_t i = 0; i < v->n_tokens; i++) {
        const text_slice s = v->token[i];
        const uint8_t type = v->type ? v->type[i] : TOKEN_NORMAL;
        const int byte = type == TOKEN_BYTE ? byte_of_name(s) : -1;
        if (byte >= 0) {
            *out++ = (char)byte;
        } else if (type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED || type == TOKEN_UNKNOWN) {
            memcpy(out, s.text, s.n);
            out += s.n;
        } else {
            out = v->kind == TOKENIZER_BPE ? spell_bpe(out, s, alphabet) : spell_spm(out, s);
        }
        t->piece_start[i + 1] = (uint32_t)(out - t->piece_bytes);
    }
    return 0;
}

static void find_bytes(tokenizer *t) {
    for (unsigned b = 0; b < 256; b++) {
        char spelled[8];
        size_t n;
        if (t->v.kind == TOKENIZER_BPE) n = utf8_write(spelled, byte_alphabet_encode((uint8_t)b));
        else n = (size_t)snprintf(spelled, sizeof spelled, "<0x%02X>", b);
        t->byte_id[b] = token_table_find(&t->tokens, spelled, n);
    }
}

/* Which characters stand side by side in some token: see encode.c. */
static void find_joins(tokenizer *t) {
    for (size_t id = 0; id < t->v.n_tokens; id++) {
        const text_slice s = t->v.token[id];
        for (size_t i = 1; i < s.n && may_be_merged_into(&t->v, (int32_t)id); i++) {
            const int next = joining_byte(s.text + i, s.n - i);
            if (next >= 0) t->joins[(uint8_t)s.text[i - 1]][next / 8] |= (uint8_t)(1 << next % 8);
        }
    }
}

static int32_t find_control(const tokenizer *t, const char *name) {
    const int32_t id = token_table_find(&t->tokens, name, strlen(name));
    const token_type type = tokenizer_type(t, id);
    return type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED ? id : TOKEN_NONE;
}

/* Spellings that end a generation. The first n_turns also end a turn, in order of preference. */
static const char *const endings[] = {
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>", "_<EOT>", "[EOT]",
    ("<\xef\xbd\x9c" "end\xe2\x96\x81" "of\xe2\x96\x81" "sentence\xef\xbd\x9c>"), "<end_of_utterance>",
    "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "</s>", "<|eom_id|>", "[EOS]", "<eos>",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
};
enum { n_endings = sizeof endings / sizeof endings[0], n_turns = 11 };

static int find_endings(tokenizer *t, error *err) {
    t->ends = memory_new(t->v.n_tokens, 1);
    if (!t->ends) return fail_memory(err, t->v.n_tokens, "the vocabulary");
    for (size_t i = 0; i < n_endings; i++) {
        const int32_t id = find_control(t, endings[i]);
        if (id == TOKEN_NONE) continue;
        t->ends[id] = 1;
        if (i < n_turns && t->v.eot == TOKEN_NONE) t->v.eot = id;
    }
    /* In OpenAI's harmony format a message, not the turn, ends with <|end|>. */
    const int32_t end = find_control(t, "<|end|>");
    if (end != TOKEN_NONE && find_control(t, "<|return|>") != TOKEN_NONE && find_control(t, "<|call|>") != TOKEN_NONE) {
        t->ends[end] = 0;
        if (t->v.eot == end) t->v.eot = find_control(t, "<|return|>");
    }
    const int32_t named[] = { t->v.eos, t->v.eot, t->v.eom };
    for (size_t i = 0; i < 3; i++) if (named[i] != TOKEN_NONE) t->ends[named[i]] = 1;
    return 0;
}

static void choose_pre_tokenizer(tokenizer *t) {
    t->kind = pre_tokenizer_find(t->v.pre);
    if (t->kind) return;
    t->kind = pre_tokenizer_fallback();
    if (t->v.pre[0]) {
        event(EVENT_unknown_pre_tokenizer, "the file's pre-tokeniser \"%s\" is unknown to Ridge; the pattern of \"%s\" is used instead, so text may be "
              "split differently than in training and answers may suffer", t->v.pre, t->kind->name);
    } else {
        event(EVENT_unknown_pre_tokenizer, "the file names no pre-tokeniser (tokenizer.ggml.pre); the pattern of \"%s\" is used, which may be wrong",
              t->kind->name);
    }
}

static void set_flags(tokenizer *t) {
    const vocabulary *v = &t->v;
    const bool spm = v->kind == TOKENIZER_SPM;
    t->add_bos = v->add_bos >= 0 ? v->add_bos : spm || t->kind->add_bos;
    t->add_eos = v->add_eos > 0;
    t->add_space_prefix = spm && v->add_space_prefix != 0;
    if (!spm && v->add_space_prefix > 0) event(EVENT_unknown_metadata, "add_space_prefix is ignored for byte-level BPE");
    if (t->add_bos && v->bos == TOKEN_NONE) {
        event(EVENT_vocabulary_repaired, "a BOS token should be added, but the file names none; none is added");
        t->add_bos = false;
    }
    if (t->add_eos && v->eos == TOKEN_NONE) {
        event(EVENT_vocabulary_repaired, "an EOS token should be added, but the file names none; none is added");
        t->add_eos = false;
    }
}

static int build(tokenizer *t, error *err) {
    vocabulary *v = &t->v;
    size_t duplicates = 0, missing = 0;
    int rc = check(v, err);
    if (rc) return rc;
    t->pool = memory_new(1, sizeof *t->pool);
    if (!t->pool) return fail_memory(err, sizeof *t->pool, "a tokeniser");
    pthread_mutex_init(&t->pool->lock, NULL);
    rc = token_table_new(&t->tokens, v->token, v->n_tokens, &duplicates, err);
    if (!rc && v->kind == TOKENIZER_BPE) rc = merge_table_new(&t->merges, &t->tokens, v->merge, v->n_merges, &missing, err);
    if (!rc) rc = special_tokens_new(&t->special, v, err);
    if (!rc) rc = make_pieces(t, err);
    if (!rc) rc = find_endings(t, err);
    if (rc) return rc;
    memory_free(v->merge);
    v->merge = NULL;
    if (duplicates) event(EVENT_vocabulary_repaired, "%zu tokens are spelled like an earlier one; text becomes the first of them", duplicates);
    if (missing) event(EVENT_vocabulary_repaired, "%zu of %zu merges name a token that the vocabulary lacks and are ignored", missing, v->n_merges);
    find_bytes(t);
    if (v->kind == TOKENIZER_BPE) choose_pre_tokenizer(t);
    else find_joins(t);
    set_flags(t);
    return t->kind ? pre_tokenizer_new(&t->pre, t->kind, err) : 0;
}

int tokenizer_new(tokenizer **out, vocabulary *v, error *err) {
    *out = NULL;
    tokenizer *t = memory_new(1, sizeof *t);
    if (!t) {
        vocabulary_free(v);
        return fail_memory(err, sizeof *t, "a tokeniser");
    }
    t->v = *v;
    vocabulary_init(v);
    const int rc = build(t, err);
    if (rc) {
        tokenizer_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void tokenizer_free(tokenizer *t) {
    if (!t) return;
    workspace_pool_free(t->pool);
    pre_tokenizer_free(t->pre);
    token_table_free(&t->tokens);
    merge_table_free(&t->merges);
    special_tokens_free(&t->special);
    memory_free(t->piece_bytes);
    memory_free(t->piece_start);
    memory_free(t->ends);
    vocabulary_free(&t->v);
    memory_free(t);
}

size_t  tokenizer_n_tokens(const tokenizer *t) { return t->v.n_tokens; }
int32_t tokenizer_bos(const tokenizer *t) { return t->v.bos; }
int32_t tokenizer_eos(const tokenizer *t) { return t->v.eos; }
int32_t tokenizer_eot(const tokenizer *t) { return t->v.eot; }
int32_t tokenizer_padding(const tokenizer *t) { return t->v.padding; }
bool    tokenizer_adds_bos(const tokenizer *t) { return t->add_bos; }
bool    tokenizer_adds_eos(const tokenizer *t) { return t->add_eos; }
int32_t tokenizer_find(const tokenizer *t, const char *text, size_t n) { return token_table_find(&t->tokens, text, n); }

token_type tokenizer_type(const tokenizer *t, int32_t id) {
    if (id < 0 || (size_t)id >= t->v.n_tokens) return TOKEN_UNDEFINED;
    return t->v.type ? (token_type)t->v.type[id] : TOKEN_NORMAL;
}

bool tokenizer_is_end_of_generation(const tokenizer *t, int32_t id) { return id >= 0 && (size_t)id < t->v.n_tokens && t->ends[id]; }
