/* See quantize_rule.h. The choices are llama-quantize's (https://github.com/ggml-org/llama.cpp, tools/quantize), stated as facts: the
 * matrix of logits and, in the first, the last and every third layer between, attn_v and ffn_down matter most. */
#include "model/quantize_rule.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/nearest.h"

static const quantize_type types[] = {
    { "f32",    NULL,   0,  FORMAT_f32,  MIX_NONE },
    { "f16",    NULL,   1,  FORMAT_f16,  MIX_NONE },
    { "bf16",   NULL,   32, FORMAT_bf16, MIX_NONE },
    { "q8_0",   NULL,   7,  FORMAT_q8_0, MIX_NONE },
    { "q4_0",   NULL,   2,  FORMAT_q4_0, MIX_NONE },
    { "q4_1",   NULL,   3,  FORMAT_q4_1, MIX_NONE },
    { "q5_0",   NULL,   8,  FORMAT_q5_0, MIX_NONE },
    { "q5_1",   NULL,   9,  FORMAT_q5_1, MIX_NONE },
    { "q2_k_s", NULL,   21, FORMAT_q2_k, MIX_SMALL },
    { "q2_k",   NULL,   10, FORMAT_q2_k, MIX_MEDIUM },
    { "q3_k_s", NULL,   11, FORMAT_q3_k, MIX_SMALL },
    { "q3_k_m", "q3_k", 12, FORMAT_q3_k, MIX_MEDIUM },
    { "q3_k_l", NULL,   13, FORMAT_q3_k, MIX_LARGE },
    { "q4_k_s", NULL,   14, FORMAT_q4_k, MIX_SMALL },
    { "q4_k_m", "q4_k", 15, FORMAT_q4_k, MIX_MEDIUM },
    { "q5_k_s", NULL,   16, FORMAT_q5_k, MIX_SMALL },
    { "q5_k_m", "q5_k", 17, FORMAT_q5_k, MIX_MEDIUM },
    { "q6_k",   NULL,   18, FORMAT_q6_k, MIX_NONE },
};
enum { N_TYPES = sizeof types / sizeof *types };

const char *quantize_type_names(void) {
    return "f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1 q2_k_s q2_k q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k";
}

int quantize_type_find(const quantize_type **out, const char *name, error *err) {
    const char *names[N_TYPES];
    char lower[32];
    for (size_t i = 0; i < N_TYPES; i++) {
        names[i] = types[i].name;
        if (!strcasecmp(name, names[i]) || (types[i].alias && !strcasecmp(name, types[i].alias))) { *out = &types[i]; return 0; }
    }
    snprintf(lower, sizeof lower, "%s", name);
    for (char *c = lower; *c; c++) *c = (char)tolower((unsigned char)*c);
    const char *near = nearest(lower, names, N_TYPES);
    if (near) return fail(err, RIDGE_E_BAD_ARGUMENT, "type \"%s\" is unknown: did you mean %s?", name, near);
    return fail(err, RIDGE_E_BAD_ARGUMENT, "type \"%s\" is unknown: %s", name, quantize_type_names());
}

/* ARCHITECTURE.key, or `absent` where it is missing or no single number. */
static uint32_t number(const gguf *g, gguf_string architecture, const char *key, uint32_t absent) {
    char full[100];
    uint32_t value = absent;
    error ignored;
    snprintf(full, sizeof full, "%.*s.%s", (int)(architecture.n < 40 ? architecture.n : 40), architecture.text, key);
    return gguf_get_u32(g, full, &value, &ignored) ? absent : value;
}

static bool is(gguf_string s, const char *text) { return s.n == strlen(text) && !memcmp(s.text, text, s.n); }

quantize_model quantize_model_read(const gguf *g) {
    gguf_string architecture = { "", 0 };
    error ignored;
    if (gguf_get_string(g, "general.architecture", &architecture, &ignored)) architecture = (gguf_string){ "", 0 };
    const uint32_t heads = number(g, architecture, "attention.head_count", 1), kv_heads = number(g, architecture, "attention.head_count_kv", heads);
    return (quantize_model){
        .n_layers = number(g, architecture, "block_count", 0), .n_experts = number(g, architecture, "expert_count", 0),
        .heads_per_kv_head = kv_heads ? heads / kv_heads : 1,
        .is_llama = is(architecture, "llama"), .has_output = gguf_find_tensor(g, "output.weight"),
    };
}

static bool ends(gguf_string s, const char *with) {
    const size_t n = strlen(with);
    return s.n >= n && !memcmp(s.text + s.n - n, with, n);
}

bool quantize_wants(const gguf_tensor *t) {
    static const char *const kept[] = { "_norm.weight", "ffn_gate_inp.weight", "position_embd.weight", "token_types.weight", "rel_b.weight" };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (ends(t->name, kept[i])) return false;
    return t->n_dimensions >= 2 && t->dimension[0] && ends(t->name, "weight");
}

/* The number in "blk.N.", or 0. */
static uint32_t layer_of(gguf_string name) {
    uint32_t layer = 0;
    if (name.n < 5 || memcmp(name.text, "blk.", 4)) return 0;
    for (size_t i = 4; i < name.n && i < 12 && isdigit((unsigned char)name.text[i]); i++) layer = 10 * layer + (uint32_t)(name.text[i] - '0');
    return layer;
}

/* The first eighth, the last eighth, and every third between. */
static bool matters(uint32_t layer, uint32_t n) { return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2; }

static format_id for_attn_v(format_id f, quantize_mix mix, const quantize_model *m, uint32_t layer) {
    format_id chosen = f;
    if (f == FORMAT_q2_k && mix == MIX_MEDIUM)     chosen = m->heads_per_kv_head >= 4 ? FORMAT_q4_k : FORMAT_q3_k;
    else if (f == FORMAT_q2_k && m->heads_per_kv_head >= 4) chosen = FORMAT_q4_k;
    else if (f == FORMAT_q3_k && mix == MIX_MEDIUM) chosen = layer < 2 ? FORMAT_q5_k : FORMAT_q4_k;
    else if (f == FORMAT_q3_k && mix == MIX_LARGE)  chosen = FORMAT_q5_k;
    else if (mix == MIX_MEDIUM && matters(layer, m->n_layers)) chosen = FORMAT_q6_k;        /* of q4_k and q5_k */
    else if (f == FORMAT_q4_k && mix == MIX_SMALL && layer < 4) chosen = FORMAT_q5_k;
    /* Llama 2 70B and its kin: eight heads share a value head, so that it costs little. */
    if (m->is_llama && m->n_layers == 80 && m->heads_per_kv_head > 1 && (chosen == FORMAT_q3_k || chosen == FORMAT_q4_k)) chosen = FORMAT_q5_k;
    return m->n_experts == 8 ? FORMAT_q8_0 : chosen;
}

static format_id for_ffn_down(format_id f, quantize_mix mix, const quantize_model *m, uint32_t layer) {
    const uint32_t n = m->n_layers;
    if (f == FORMAT_q2_k && mix == MIX_MEDIUM) return FORMAT_q3_k;
    if (f == FORMAT_q2_k)                      return layer < n / 8 ? FORMAT_q4_k : f;
    if (f == FORMAT_q3_k && mix == MIX_MEDIUM) return layer < n / 16 ? FORMAT_q5_k : FORMAT_q4_k;
    if (f == FORMAT_q3_k && mix == MIX_LARGE)  return FORMAT_q5_k;
    if (mix == MIX_MEDIUM)                     return matters(layer, n) ? FORMAT_q6_k : f;
    return f == FORMAT_q4_k && layer < n / 8 ? FORMAT_q5_k : f;
}

/* With importance, q4_0 and q5_0 were seen to fail in the first layers. */
static format_id for_ffn_down_with_importance(format_id f, const quantize_model *m, uint32_t layer) {
    if (layer >= m->n_layers / 8) return f;
    return f == FORMAT_q4_0 ? FORMAT_q4_1 : f == FORMAT_q5_0 ? FORMAT_q5_1 : f;
}

static format_id for_attn_output(format_id f, quantize_mix mix, const quantize_model *m) {
    if (m->n_experts == 8) return f == FORMAT_q4_k || (f == FORMAT_q2_k && mix == MIX_MEDIUM) || (f == FORMAT_q3_k && mix != MIX_LARGE) ? FORMAT_q5_k : f;
    if (f == FORMAT_q2_k && mix == MIX_MEDIUM) return FORMAT_q3_k;
    if (f == FORMAT_q3_k) return mix == MIX_MEDIUM ? FORMAT_q4_k : mix == MIX_LARGE ? FORMAT_q5_k : f;
    return f;
}

static format_id for_attn_qkv(format_id f, quantize_mix mix) {
    if (f == FORMAT_q3_k && mix != MIX_SMALL) return FORMAT_q4_k;
    if (f == FORMAT_q4_k && mix == MIX_MEDIUM) return FORMAT_q5_k;
    return f == FORMAT_q5_k && mix == MIX_MEDIUM ? FORMAT_q6_k : f;
}

format_id quantize_choose(const quantize_type *type, const quantize_model *m, bool pure, const gguf_tensor *t) {
    const format_id f = type->format;
    if (pure || formats[f].block_k == 1) return f;
    if (is(t->name, m->has_output ? "output.weight" : "token_embd.weight"))
        return f == FORMAT_q8_0 || t->dimension[0] % formats[FORMAT_q6_k].block_k ? FORMAT_q8_0 : FORMAT_q6_k;
    const uint32_t layer = layer_of(t->name);
    if (m->n_experts == 8 && ends(t->name, "attn_k.weight")) return FORMAT_q8_0;
    if (ends(t->name, "attn_v.weight") && (type->mix || m->n_experts == 8)) return for_attn_v(f, type->mix, m, layer);
    const bool is_ffn_down = ends(t->name, "ffn_down.weight") || ends(t->name, "ffn_down_exps.weight") || ends(t->name, "ffn_down_shexp.weight");
    if (!type->mix) return is_ffn_down && m->has_importance ? for_ffn_down_with_importance(f, m, layer) : f;
    if (is_ffn_down) return for_ffn_down(f, type->mix, m, layer);
    if (ends(t->name, "attn_output.weight")) return for_attn_output(f, type->mix, m);
    return ends(t->name, "attn_qkv.weight") ? for_attn_qkv(f, type->mix) : f;
}

format_id quantize_fitting(format_id f, uint64_t n) {
    static const format_id next[FORMAT_COUNT] = {       /* q2_k and q3_k: llama-quantize takes iq4_nl, which Ridge does not have */
        [FORMAT_q2_k] = FORMAT_q4_0, [FORMAT_q3_k] = FORMAT_q4_0, [FORMAT_q4_k] = FORMAT_q5_0, [FORMAT_q5_k] = FORMAT_q5_1, [FORMAT_q6_k] = FORMAT_q8_0,
    };
    if (n % formats[f].block_k && formats[f].block_k == 256) f = next[f];
    return n % formats[f].block_k ? FORMAT_f16 : f;
}
