/* GGUF's tokenizer.ggml.* keys to the vocabulary that text/tokenizer.h wants. */
#include "model/vocabulary.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/events.h"
#include "base/memory.h"

#define KEY(name) "tokenizer.ggml." name

static bool equals(gguf_string s, const char *text) { return s.n == strlen(text) && !memcmp(s.text, text, s.n); }

/* Finds an array; NULL in *out where it is absent. `n` > 0: it must have at least so many elements. */
static int find_array(const gguf *g, const char *key, bool strings, uint64_t n, const gguf_value **out, error *err) {
    const gguf_value *v = *out = gguf_find(g, key);
    if (!v) return 0;
    if (!v->is_array || v->type == GGUF_ARRAY || (v->type == GGUF_STRING) != strings) {
        return gguf_fail_key(err, RIDGE_E_BAD_FILE, g, v, "it is not an array of %s", strings ? "strings" : "numbers");
    }
    if (v->count >= n) return 0;
    return strings ? gguf_fail_key(err, RIDGE_E_BAD_FILE, g, v, "it is empty")
                   : gguf_fail_key(err, RIDGE_E_BAD_FILE, g, v, "it has %" PRIu64 " elements for %" PRIu64 " tokens", v->count, n);
}

/* `why` ends the sentence: ", which ..." or nothing. */
static int missing(const gguf *g, int code, const char *key, const char *why, error *err) {
    return gguf_fail(err, code, g, "the file has no key '%s'%s", key, why);
}

/* A new array of slices for the strings of an array; they point into the file. */
static int read_strings(const gguf_value *v, text_slice **out, size_t *n, error *err) {
    *out = memory_new(v->count, sizeof **out);
    if (!*out) return fail_memory(err, v->count * sizeof **out, "the vocabulary");
    gguf_string s;
    gguf_cursor cursor = {0};
    for (*n = 0; *n < v->count && gguf_next_string(v, &cursor, &s); ++*n) (*out)[*n] = (text_slice){ s.text, s.n };
    return 0;
}

static int read_tokens(vocabulary *v, const gguf *g, error *err) {
    const gguf_value *a;
    int rc = find_array(g, KEY("tokens"), true, 1, &a, err);
    if (rc) return rc;
    if (!a) return missing(g, RIDGE_E_BAD_FILE, KEY("tokens"), "", err);
    if ((rc = read_strings(a, &v->token, &v->n_tokens, err))) return rc;

    if ((rc = find_array(g, KEY("token_type"), false, v->n_tokens, &a, err))) return rc;
    if (a) {
        v->type = memory_new(v->n_tokens, sizeof *v->type);
        if (!v->type) return fail_memory(err, v->n_tokens, "the vocabulary");
        for (size_t i = 0; i < v->n_tokens; i++) {
            const int64_t type = gguf_element_i64(a, i);
            v->type[i] = type >= TOKEN_UNDEFINED && type <= TOKEN_BYTE ? (uint8_t)type : TOKEN_UNDEFINED;
        }
    }
    if (v->kind == TOKENIZER_BPE) return 0;

    if ((rc = find_array(g, KEY("scores"), false, v->n_tokens, &a, err))) return rc;
    if (!a) return missing(g, RIDGE_E_BAD_FILE, KEY("scores"), ", which a tokeniser of kind 'llama' needs", err);
    v->score = memory_new(v->n_tokens, sizeof *v->score);
    if (!v->score) return fail_memory(err, v->n_tokens * sizeof *v->score, "the vocabulary");
    for (size_t i = 0; i < v->n_tokens; i++) {
        const double score = gguf_element_f64(a, i);
        if (!(fabs(score) <= 0x1.fffffep127)) return gguf_fail_key(err, RIDGE_E_BAD_FILE, g, a, "the score of token %zu is %g", i, score);
        v->score[i] = (float)score;
    }
    return 0;
}

static int read_merges(vocabulary *v, const gguf *g, error *err) {
    const gguf_value *a;
    const int rc = find_array(g, KEY("merges"), true, 0, &a, err);
    if (rc) return rc;
    if (!a) return missing(g, RIDGE_E_BAD_FILE, KEY("merges"), ", which a tokeniser of kind 'gpt2' needs", err);
    return read_strings(a, &v->merge, &v->n_merges, err);
}

/* Where the file has the key, its id; some converters write 2^32 - 1 for "none". */
static int read_id(const vocabulary *v, const gguf *g, const char *key, int32_t *out, error *err) {
    const gguf_value *value = gguf_find(g, key);
    if (!value) return 0;
    uint32_t id = UINT32_MAX;
    if (!value->is_array && value->type == GGUF_I32 && gguf_element_i64(value, 0) == TOKEN_NONE) *out = TOKEN_NONE;
    else {
        const int rc = gguf_get_u32(g, key, &id, err);
        if (rc) return rc;
        if (id == UINT32_MAX) *out = TOKEN_NONE;
        else if (id >= v->n_tokens) return gguf_fail_key(err, RIDGE_E_BAD_FILE, g, value, "it is %u, but there are only %zu tokens", id, v->n_tokens);
        else *out = (int32_t)id;
    }
    return 0;
}

static int read_ids(vocabulary *v, const gguf *g, error *err) {
    if (v->kind == TOKENIZER_SPM) {             /* SentencePiece's own defaults */
        v->unknown = 0;
        if (v->n_tokens > 1) v->bos = 1;
        if (v->n_tokens > 2) v->eos = 2;
    }
    const struct { const char *key; int32_t *id; } ids[] = {
        { KEY("bos_token_id"), &v->bos }, { KEY("eos_token_id"), &v->eos }, { KEY("eot_token_id"), &v->eot }, { KEY("eom_token_id"), &v->eom },
        { KEY("unknown_token_id"), &v->unknown }, { KEY("padding_token_id"), &v->padding },
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const int rc = read_id(v, g, ids[i].key, ids[i].id, err);
        if (rc) return rc;
    }
    return 0;
}

static int read_flag(const gguf *g, const char *key, int8_t *out, error *err) {
    if (!gguf_find(g, key)) return 0;
    bool value = false;
    const int rc = gguf_get_bool(g, key, &value, err);
    if (!rc) *out = value;
    return rc;
}

static int read_flags(vocabulary *v, const gguf *g, error *err) {
    int8_t squeeze = 0;
    gguf_string architecture = {0}, pre = {0};
    int rc = read_flag(g, KEY("add_bos_token"), &v->add_bos, err);
    if (!rc) rc = read_flag(g, KEY("add_eos_token"), &v->add_eos, err);
    if (!rc) rc = read_flag(g, KEY("add_space_prefix"), &v->add_space_prefix, err);
    if (!rc) rc = read_flag(g, KEY("remove_extra_whitespaces"), &squeeze, err);
    if (!rc) rc = gguf_get_string(g, KEY("pre"), &pre, err);
    if (!rc) rc = gguf_get_string(g, "general.architecture", &architecture, err);
    if (rc) return rc;
    if (squeeze > 0) event(EVENT_unknown_metadata, "'" KEY("remove_extra_whitespaces") "' is true and ignored: runs of spaces are kept");
    const size_t n = pre.n < sizeof v->pre ? pre.n : sizeof v->pre - 1;      /* a longer name is unknown anyway */
    if (n) memcpy(v->pre, pre.text, n);
    v->pre[n] = 0;
    v->strip_after_special = v->kind == TOKENIZER_SPM && equals(architecture, "phi3");
    return 0;
}

static int read_kind(vocabulary *v, const gguf *g, error *err) {
    gguf_string model = {0};
    const gguf_value *value = gguf_find(g, KEY("model"));
    if (!value) return missing(g, RIDGE_E_UNSUPPORTED, KEY("model"), ": it has no tokeniser", err);
    const int rc = gguf_get_string(g, KEY("model"), &model, err);
    if (rc) return rc;
    if (equals(model, "gpt2")) v->kind = TOKENIZER_BPE;
    else if (equals(model, "llama")) v->kind = TOKENIZER_SPM;
    else return gguf_fail_key(err, RIDGE_E_UNSUPPORTED, g, value, "tokenisers of kind '%.*s' are not supported; 'gpt2' and 'llama' are",
                              (int)(model.n < 40 ? model.n : 40), model.text);
    return 0;
}

int vocabulary_read(vocabulary *v, const gguf *g, error *err) {
    vocabulary_init(v);
    int rc = read_kind(v, g, err);
    if (!rc) rc = read_tokens(v, g, err);
    if (!rc && v->kind == TOKENIZER_BPE) rc = read_merges(v, g, err);
    if (!rc) rc = read_ids(v, g, err);
    if (!rc) rc = read_flags(v, g, err);
    if (rc) vocabulary_free(v);
    return rc;
}

int vocabulary_open(tokenizer **out, const gguf *g, error *err) {
    *out = NULL;
    vocabulary v;
    error why;
    int rc = vocabulary_read(&v, g, err);
    if (rc) return rc;
    rc = tokenizer_new(out, &v, &why);
    if (rc == RIDGE_E_BAD_FILE) return gguf_fail_key(err, rc, g, gguf_find(g, KEY("tokens")), "%s", why.text);
    if (rc && err) *err = why;
    return rc;
}
