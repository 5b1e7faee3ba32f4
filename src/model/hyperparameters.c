/* Reads and checks a model's numbers. Every key has its range here, so that no description of an architecture and no
 * backend has to doubt a number again. */
#include "model/hyperparameters.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/events.h"
#include "base/memory.h"

/* Where a value is looked for, and the first failure. */
typedef struct {
    const gguf *file;
    const char *architecture;
    bool       *seen;           /* [gguf_n_values]: keys that were asked for */
    char        key[128];
    int         code;
    error      *err;
} reader;

/* Makes "<architecture>.<suffix>" the current key; true where the file has it and nothing failed before. */
static bool find(reader *r, const char *suffix) {
    if (r->code) return false;
    snprintf(r->key, sizeof r->key, "%s.%s", r->architecture, suffix);
    const gguf_value *v = gguf_find(r->file, r->key);
    if (v) r->seen[v - gguf_value_at(r->file, 0)] = true;
    return v != NULL;
}

static void missing(reader *r) {
    if (!r->code) r->code = gguf_fail(r->err, RIDGE_E_BAD_FILE, r->file, "the file has no key '%s', without which a model cannot be run", r->key);
}

/* Fails about the current key, which the file has. */
__attribute__((format(printf, 3, 4)))
static void refuse(reader *r, int code, const char *sentence, ...) {
    char text[300];
    va_list args;
    va_start(args, sentence);
    vsnprintf(text, sizeof text, sentence, args);
    va_end(args);
    r->code = gguf_fail_key(r->err, code, r->file, gguf_find(r->file, r->key), "%s", text);
}

/* A number, or an array of equal numbers (files may give one for each layer). */
static bool read_u64(reader *r, uint64_t *out) {
    const gguf_value *v = gguf_find(r->file, r->key);
    if (!v->is_array) {
        r->code = gguf_get_u64(r->file, r->key, out, r->err);
        return !r->code;
    }
    const bool integers = v->type != GGUF_F32 && v->type != GGUF_F64 && v->type != GGUF_STRING && v->type != GGUF_ARRAY && v->count > 0;
    for (uint64_t i = 0; integers && i < v->count; i++) {
        if (gguf_element_i64(v, i) == gguf_element_i64(v, 0)) continue;
        refuse(r, RIDGE_E_UNSUPPORTED, "it differs from layer to layer (%lld and %lld); Ridge wants all layers alike",
               (long long)gguf_element_i64(v, 0), (long long)gguf_element_i64(v, i));
        return false;
    }
    if (!integers || gguf_element_i64(v, 0) < 0) refuse(r, RIDGE_E_BAD_FILE, "it is neither a whole number from 0 nor an array of them");
    else *out = (uint64_t)gguf_element_i64(v, 0);
    return !r->code;
}

/* *out keeps what it holds where the key is absent, and is at least 1 then; 0 there means that the key is needed. */
static void count(reader *r, const char *suffix, uint32_t least, uint32_t most, uint32_t *out) {
    uint64_t value = *out;
    if (!find(r, suffix)) {
        if (*out < least) missing(r);
        return;
    }
    if (!read_u64(r, &value)) return;
    if (value < least || value > most) refuse(r, RIDGE_E_BAD_FILE, "it is %" PRIu64 "; it must be %u to %u", value, least, most);
    else *out = (uint32_t)value;
}

static void number(reader *r, const char *suffix, double least, double most, float *out) {
    float value = *out;
    if (!find(r, suffix)) return;
    r->code = gguf_get_f32(r->file, r->key, &value, r->err);
    if (r->code) return;
    if (!((double)value >= least && (double)value <= most))
        refuse(r, RIDGE_E_BAD_FILE, "it is %g; it must be %g to %g", (double)value, least, most);
    else *out = value;
}

int hyperparameters_architecture(hyperparameters *h, const gguf *file, error *err) {
    static const char key[] = "general.architecture";
    const gguf_value *v = gguf_find(file, key);
    gguf_string name = {0};
    memset(h, 0, sizeof *h);
    if (!v) return gguf_fail(err, RIDGE_E_BAD_FILE, file, "the file has no key '%s', without which a model cannot be run", key);
    const int code = gguf_get_string(file, key, &name, err);
    if (code) return code;
    if (!name.n || name.n >= sizeof h->architecture || memchr(name.text, 0, name.n))
        return gguf_fail_key(err, RIDGE_E_BAD_FILE, file, v, "it is %s", name.n ? "no name of an architecture" : "empty");
    memcpy(h->architecture, name.text, name.n);
    return 0;
}

static void read_shapes(reader *r, hyperparameters *h) {
    count(r, "block_count", 1, 1000, &h->n_layers);
    count(r, "context_length", 1, 1u << 24, &h->n_context);
    count(r, "embedding_length", 1, 1u << 20, &h->width);
    count(r, "feed_forward_length", 1, 1u << 22, &h->n_ff);
    count(r, "attention.head_count", 1, 1024, &h->n_heads);
    h->n_kv_heads = h->n_heads;
    count(r, "attention.head_count_kv", 1, 1024, &h->n_kv_heads);
    if (r->code) return;
    if (h->n_heads % h->n_kv_heads) {
        refuse(r, RIDGE_E_BAD_FILE, "it is %u, which does not divide the %u heads", h->n_kv_heads, h->n_heads);
        return;
    }
    h->key_size = h->value_size = h->width % h->n_heads ? 0 : h->width / h->n_heads;
    count(r, "attention.key_length", 1, 2048, &h->key_size);
    count(r, "attention.value_length", 1, 2048, &h->value_size);
    const uint32_t largest = h->key_size > h->value_size ? h->key_size : h->value_size;
    if (largest > 2048 && find(r, "embedding_length"))
        refuse(r, RIDGE_E_BAD_FILE, "%u over %u heads gives heads of %u values; 2048 is the most", h->width, h->n_heads, largest);
    number(r, "attention.layer_norm_rms_epsilon", 1e-12, 1, &h->eps);
    if (!r->code && h->eps == 0) missing(r);
}

static void read_vocabulary(reader *r, hyperparameters *h) {
    if (r->code) return;
    const gguf_tensor *table = gguf_find_tensor(r->file, "token_embd.weight");
    if (!table) r->code = gguf_fail(r->err, RIDGE_E_BAD_FILE, r->file, "the file has no tensor 'token_embd.weight'");
    else if (table->dimension[1] > 1u << 24)
        r->code = gguf_fail_tensor(r->err, RIDGE_E_BAD_FILE, r->file, table, "it has %" PRIu64 " rows; %u is the most",
                                   table->dimension[1], 1u << 24);
    else h->n_vocab = (uint32_t)table->dimension[1];
}

static void read_scaling_type(reader *r, hyperparameters *h) {
    gguf_string type = {0};
    if (!find(r, "rope.scaling.type")) {
        if (find(r, "rope.scaling.factor") || find(r, "rope.scale_linear")) h->scaling = ROPE_SCALING_LINEAR;
        return;
    }
    r->code = gguf_get_string(r->file, r->key, &type, r->err);
    if (r->code) return;
    static const char *const names[] = { [ROPE_SCALING_NONE] = "none", [ROPE_SCALING_LINEAR] = "linear", [ROPE_SCALING_LONGROPE] = "longrope" };
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strlen(names[i]) == type.n && !memcmp(names[i], type.text, type.n)) { h->scaling = (rope_scaling)i; return; }
    refuse(r, RIDGE_E_UNSUPPORTED, "it is \"%.*s\"; Ridge knows none, linear and longrope", (int)(type.n < 40 ? type.n : 40), type.text);
}

/* Where the file gives no number of rotated values, it is that of a head, wherever that comes from. */
static void check_rotated(reader *r, uint32_t n_rotated) {
    static const char *const sources[] = { "rope.dimension_count", "attention.key_length", "embedding_length" };
    if (r->code || n_rotated % 2 == 0) return;
    for (size_t i = 0; i < sizeof sources / sizeof *sources && !find(r, sources[i]); i++) { }
    refuse(r, RIDGE_E_BAD_FILE, "%u values of a head would be rotated; pairs of them are, so it must be even", n_rotated);
}

static void read_rope(reader *r, hyperparameters *h) {
    h->n_rotated = h->key_size;
    count(r, "rope.dimension_count", 1, h->key_size, &h->n_rotated);
    check_rotated(r, h->n_rotated);
    number(r, "rope.freq_base", 1, 1e12, &h->rope_base);
    number(r, "rope.freq_base_swa", 1, 1e12, &h->rope_base_window);
    read_scaling_type(r, h);
    number(r, "rope.scale_linear", 1e-3, 1e6, &h->scaling_factor);
    number(r, "rope.scaling.factor", 1e-3, 1e6, &h->scaling_factor);
    number(r, "rope.scaling.attn_factor", 1e-3, 1e3, &h->scaling_attention);
    h->original_context = h->n_context;
    count(r, "rope.scaling.original_context_length", 1, 1u << 24, &h->original_context);
}

/* Experts need steps that plans do not have yet. */
static void refuse_experts(reader *r) {
    uint32_t n_experts = 0;
    count(r, "expert_count", 0, UINT32_MAX, &n_experts);
    if (!r->code && n_experts) refuse(r, RIDGE_E_UNSUPPORTED, "it is %u; mixtures of experts are not supported", n_experts);
}

/* A key of the architecture that nobody asked for may change what the model computes. */
static void report_unknown(const reader *r) {
    static const char *const harmless[] = { "vocab_size", "tensor_data_layout", "rope.scaling.finetuned", "expert_used_count" };
    const size_t n_prefix = strlen(r->architecture);
    for (size_t i = 0; i < gguf_n_values(r->file); i++) {
        const gguf_string key = gguf_value_at(r->file, i)->key;
        if (r->seen[i] || key.n <= n_prefix + 1 || memcmp(key.text, r->architecture, n_prefix) || key.text[n_prefix] != '.') continue;
        bool known = false;
        for (size_t k = 0; k < sizeof harmless / sizeof *harmless; k++)
            known |= strlen(harmless[k]) == key.n - n_prefix - 1 && !memcmp(harmless[k], key.text + n_prefix + 1, key.n - n_prefix - 1);
        if (!known) event(EVENT_unknown_metadata, "the file has %.*s, which Ridge does not know: the results may be wrong.",
                          (int)(key.n < 100 ? key.n : 100), key.text);
    }
}

int hyperparameters_read(hyperparameters *h, const gguf *file, error *err) {
    h->rope_base = h->rope_base_window = 10000;
    h->scaling_factor = h->scaling_attention = h->embedding_scale = h->residual_scale = h->logit_scale = 1;
    reader r = { .file = file, .architecture = h->architecture, .err = err, .seen = memory_new(gguf_n_values(file), sizeof *r.seen) };
    if (!r.seen) return fail_memory(err, gguf_n_values(file), "the list of keys");
    refuse_experts(&r);
    read_shapes(&r, h);
    read_vocabulary(&r, h);
    read_rope(&r, h);
    count(&r, "attention.sliding_window", 0, UINT32_MAX, &h->window);
    count(&r, "attention.sliding_window_pattern", 0, 1000, &h->window_pattern);
    number(&r, "attn_logit_softcapping", 0, 1e6, &h->attention_cap);
    number(&r, "final_logit_softcapping", 0, 1e6, &h->final_cap);
    number(&r, "embedding_scale", 1e-6, 1e6, &h->embedding_scale);
    number(&r, "residual_scale", 1e-6, 1e6, &h->residual_scale);
    number(&r, "logit_scale", 1e-6, 1e6, &h->logit_scale);
    number(&r, "attention.scale", 0, 1e6, &h->attention_scale);
    if (!r.code) report_unknown(&r);
    memory_free(r.seen);
    return r.code;
}
