/* Tiny models: see tiny_model.h. Matrices have a deviation of 1 / sqrt(columns), so that every sublayer adds about as much as the
 * last, and the final norm is scaled so that logits have a standard deviation of about four. */
#include "support/tiny_model.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/half.h"
#include "base/memory.h"
#include "support/random_row.h"
#include "support/tiny_vocabulary.h"

static bool is(const tiny_model *m, const char *architecture) { return !strcmp(m->architecture, architecture); }
static bool is_gemma(const tiny_model *m) { return !strncmp(m->architecture, "gemma", 5); }

tiny_model tiny_model_default(const char *architecture) {
    tiny_model m = {
        .architecture = architecture, .weights = FORMAT_f16, .others = FORMAT_COUNT, .n_layers = 2, .hidden = 256, .n_heads = 4, .n_kv_heads = 2,
        .head = 64, .ff = 544, .vocabulary = 515, .context = 2048, .rope_base = 10000, .seed = 1,
    };
    if (is(&m, "llama")) { m.rope_base = 500000; m.rope_factors = true; }
    else if (is(&m, "qwen2") || is(&m, "qwen3")) { m.rope_base = 1e6f; m.tied = true; }
    else if (is(&m, "gemma2")) { m.tied = true; m.window = 64; m.attention_cap = 15; m.logit_cap = 10; }
    else if (is(&m, "gemma3")) { m.tied = true; m.window = 32; m.n_layers = 6; m.rope_base = 1e6f; m.rope_factor = 8; }
    else if (is(&m, "phi3")) m.n_kv_heads = 4;
    else if (is(&m, "olmo2")) m.rope_base = 500000;
    else if (is(&m, "granite")) { m.embedding_scale = 6; m.residual_scale = 0.5f; m.attention_scale = 0.1f; m.logit_scale = 8; }
    else if (is(&m, "smollm3")) { m.tied = true; m.n_layers = 4; m.rope_base = 5e6f; }
    else { fprintf(stderr, "tiny_model: no architecture %s\n", architecture); abort(); }
    return m;
}

tiny_model tiny_model_long_rows(int which) {
    static const uint32_t widths[TINY_LONG_ROWS][2] = { { 1280, 288 }, { 256, 4352 } };
    tiny_model m = tiny_model_default("llama");
    m.hidden = widths[which][0];
    m.ff = widths[which][1];
    m.head = 32;
    m.n_heads = 2;
    m.n_kv_heads = 1;
    m.n_layers = 1;
    m.weights = FORMAT_q4_k;
    m.others = FORMAT_q8_0;
    return m;
}

uint32_t tiny_model_end_of_text(const tiny_model *m) { return m->vocabulary - 3; }
uint32_t tiny_model_turn_start(const tiny_model *m)  { return m->vocabulary - 2; }
uint32_t tiny_model_turn_end(const tiny_model *m)    { return m->vocabulary - 1; }

/* A number under the architecture's own prefix: "llama.block_count". */
static void own_u32(const tiny_model *m, gguf_writer *w, const char *key, uint32_t value) {
    char name[80];
    snprintf(name, sizeof name, "%s.%s", m->architecture, key);
    gguf_writer_u32(w, name, value);
}

static void own_f32(const tiny_model *m, gguf_writer *w, const char *key, float value) {
    char name[80];
    snprintf(name, sizeof name, "%s.%s", m->architecture, key);
    gguf_writer_f32(w, name, value);
}

static void build_keys(const tiny_model *m, gguf_writer *w) {
    gguf_writer_string(w, "general.architecture", m->architecture);
    gguf_writer_string(w, "general.name", "tiny");
    own_u32(m, w, "vocab_size", m->vocabulary);
    own_u32(m, w, "context_length", m->context);
    own_u32(m, w, "embedding_length", m->hidden);
    own_u32(m, w, "block_count", m->n_layers);
    own_u32(m, w, "feed_forward_length", m->ff);
    own_u32(m, w, "attention.head_count", m->n_heads);
    own_u32(m, w, "attention.head_count_kv", m->n_kv_heads);
    own_f32(m, w, "attention.layer_norm_rms_epsilon", is(m, "llama") || is(m, "phi3") ? 1e-5f : 1e-6f);
    own_u32(m, w, "rope.dimension_count", m->head);
    own_f32(m, w, "rope.freq_base", m->rope_base);
    own_u32(m, w, "attention.key_length", m->head);
    own_u32(m, w, "attention.value_length", m->head);
    if (is_gemma(m) || is(m, "phi3")) own_u32(m, w, "attention.sliding_window", m->window);
    if (is(m, "phi3")) own_u32(m, w, "rope.scaling.original_context_length", m->context);
    if (m->attention_cap != 0) own_f32(m, w, "attn_logit_softcapping", m->attention_cap);
    if (m->logit_cap != 0) own_f32(m, w, "final_logit_softcapping", m->logit_cap);
    if (m->embedding_scale != 0) own_f32(m, w, "embedding_scale", m->embedding_scale);
    if (m->residual_scale != 0) own_f32(m, w, "residual_scale", m->residual_scale);
    if (m->attention_scale != 0) own_f32(m, w, "attention.scale", m->attention_scale);
    if (m->logit_scale != 0) own_f32(m, w, "logit_scale", m->logit_scale);
    if (m->rope_factor != 0) {
        char key[80];
        snprintf(key, sizeof key, "%s.rope.scaling.type", m->architecture);
        gguf_writer_string(w, key, "linear");
        own_f32(m, w, "rope.scaling.factor", m->rope_factor);
    }
}

/* Each tensor has its own sequence of random numbers, so that changing one leaves the others alone. */
static uint64_t seed_of(const tiny_model *m, const char *name) {
    uint64_t state = random_seed(m->seed);
    for (; *name; name++) state = (state ^ (uint8_t)*name) * 0x100000001b3u;
    return state | 1;
}

static format_id usable(format_id wanted, uint32_t columns) {
    if (columns % formats[wanted].block_k == 0) return wanted;
    return columns % formats[FORMAT_q8_0].block_k == 0 ? FORMAT_q8_0 : FORMAT_f16;
}

/* Rounds dense values of a row to what bf16 holds. */
static void round_to_bf16(const format *f, void *row, size_t n) {
    for (size_t k = 0; k < n; k++) {
        if (f == &formats[FORMAT_f16]) {
            uint16_t *h = (uint16_t *)row + k;
            *h = f32_to_f16(bf16_to_f32(f32_to_bf16(f16_to_f32(*h))));
        } else if (f == &formats[FORMAT_f32]) {
            float *v = (float *)row + k;
            *v = bf16_to_f32(f32_to_bf16(*v));
        }
    }
}

__attribute__((format(printf, 6, 7)))
static void matrix(const tiny_model *m, gguf_writer *w, format_id wanted, uint32_t columns, uint32_t rows, const char *form, ...) {
    char name[64];
    va_list args;
    va_start(args, form);
    vsnprintf(name, sizeof name, form, args);
    va_end(args);
    const format *f = &formats[usable(wanted, columns)];
    const size_t row_bytes = format_row_bytes(f, columns);
    uint64_t state = seed_of(m, name);
    char *data = memory_new(rows, row_bytes);
    if (!data) abort();
    for (uint32_t r = 0; r < rows; r++) {
        random_row(f, data + r * row_bytes, columns, 1 / sqrtf((float)columns), &state);
        if (m->fits_bf16) round_to_bf16(f, data + r * row_bytes, columns);
    }
    gguf_writer_tensor(w, name, f->gguf_type, 2, (const uint64_t[]){ columns, rows }, data, rows * row_bytes);
    memory_free(data);
}

/* n f32 values around `middle`, with a standard deviation of `spread`. */
__attribute__((format(printf, 6, 7)))
static void vector(const tiny_model *m, gguf_writer *w, uint32_t n, float middle, float spread, const char *form, ...) {
    char name[64];
    va_list args;
    va_start(args, form);
    vsnprintf(name, sizeof name, form, args);
    va_end(args);
    uint64_t state = seed_of(m, name);
    float *data = memory_new(n, sizeof *data);
    if (!data) abort();
    for (uint32_t i = 0; i < n; i++) data[i] = middle + spread * random_normal(&state);
    gguf_writer_tensor(w, name, 0, 1, (const uint64_t[]){ n }, data, n * sizeof *data);
    memory_free(data);
}

/* The divisors of Llama 3's rotation: 1 for fast pairs, 8 for slow ones, a ramp between. */
static void build_rope_factors(const tiny_model *m, gguf_writer *w) {
    const uint32_t n = m->head / 2;
    float *data = memory_new(n, sizeof *data);
    if (!data) abort();
    for (uint32_t i = 0; i < n; i++) {
        const float place = (float)i / (float)n;
        data[i] = place < 0.25f ? 1 : place > 0.5f ? 8 : 1 + 28 * (place - 0.25f);
    }
    gguf_writer_tensor(w, "rope_freqs.weight", 0, 1, (const uint64_t[]){ n }, data, n * sizeof *data);
    memory_free(data);
}

static void build_attention(const tiny_model *m, gguf_writer *w, uint32_t i) {
    const uint32_t q = m->n_heads * m->head, kv = m->n_kv_heads * m->head;
    if (!is(m, "olmo2")) vector(m, w, m->hidden, 1, 0.1f, "blk.%u.attn_norm.weight", i);
    if (is(m, "phi3")) {
        matrix(m, w, m->weights, m->hidden, q + 2 * kv, "blk.%u.attn_qkv.weight", i);
    } else {
        matrix(m, w, m->weights, m->hidden, q, "blk.%u.attn_q.weight", i);
        matrix(m, w, m->weights, m->hidden, kv, "blk.%u.attn_k.weight", i);
        matrix(m, w, m->others, m->hidden, kv, "blk.%u.attn_v.weight", i);
    }
    if (is(m, "qwen2")) {
        vector(m, w, q, 0, 0.3f, "blk.%u.attn_q.bias", i);
        vector(m, w, kv, 0, 0.3f, "blk.%u.attn_k.bias", i);
        vector(m, w, kv, 0, 0.3f, "blk.%u.attn_v.bias", i);
    }
    if (is(m, "qwen3") || is(m, "gemma3")) {
        vector(m, w, m->head, 1.2f, 0.1f, "blk.%u.attn_q_norm.weight", i);
        vector(m, w, m->head, 1.2f, 0.1f, "blk.%u.attn_k_norm.weight", i);
    }
    if (is(m, "olmo2")) {               /* over all heads together */
        vector(m, w, q, 1.2f, 0.1f, "blk.%u.attn_q_norm.weight", i);
        vector(m, w, kv, 1.2f, 0.1f, "blk.%u.attn_k_norm.weight", i);
    }
    matrix(m, w, m->weights, q, m->hidden, "blk.%u.attn_output.weight", i);
    if (is_gemma(m) || is(m, "olmo2")) vector(m, w, m->hidden, 4, 0.4f, "blk.%u.post_attention_norm.weight", i);
}

static void build_feed_forward(const tiny_model *m, gguf_writer *w, uint32_t i) {
    if (!is(m, "olmo2")) vector(m, w, m->hidden, 1, 0.1f, "blk.%u.ffn_norm.weight", i);
    if (is(m, "phi3")) {
        matrix(m, w, m->weights, m->hidden, 2 * m->ff, "blk.%u.ffn_up.weight", i);
    } else {
        matrix(m, w, m->weights, m->hidden, m->ff, "blk.%u.ffn_gate.weight", i);
        matrix(m, w, m->weights, m->hidden, m->ff, "blk.%u.ffn_up.weight", i);
    }
    matrix(m, w, m->others, m->ff, m->hidden, "blk.%u.ffn_down.weight", i);
    if (is_gemma(m) || is(m, "olmo2")) vector(m, w, m->hidden, 4, 0.4f, "blk.%u.post_ffw_norm.weight", i);
}

void tiny_model_build(const tiny_model *described, gguf_writer *w) {
    tiny_model model = *described;
    const tiny_model *m = &model;
    if (model.others == FORMAT_COUNT) model.others = model.weights;
    build_keys(m, w);
    tiny_vocabulary_build(m, w);
    matrix(m, w, m->weights, m->hidden, m->vocabulary, "token_embd.weight");
    if (!m->tied) matrix(m, w, m->weights, m->hidden, m->vocabulary, "output.weight");
    const float size = m->logit_scale != 0 ? 4 * m->logit_scale : 4;       /* logits are divided by it */
    vector(m, w, m->hidden, size, 0.1f * size, "output_norm.weight");
    if (m->rope_factors) build_rope_factors(m, w);
    for (uint32_t i = 0; i < m->n_layers; i++) {
        build_attention(m, w, i);
        build_feed_forward(m, w, i);
    }
}

void tiny_model_write(const tiny_model *m, const char *path) {
    gguf_writer w = {0};
    tiny_model_build(m, &w);
    gguf_writer_save(&w, path);
    gguf_writer_free(&w);
}
