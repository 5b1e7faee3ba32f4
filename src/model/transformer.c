/* The common paragraphs of dense transformers; transformer.h says what each does. */
#include "model/transformer.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/events.h"

transformer transformer_begin(plan_builder *b, const hyperparameters *h, float scale) {
    transformer t = { .b = b, .h = h };
    if (b->error.code) return t;
    plan *p = b->plan;
    p->n_layers = h->n_layers;
    p->n_vocab = h->n_vocab;
    p->n_context_trained = h->n_context;
    p->width = h->width;
    p->kv = (kv_shape){ .n_layers = h->n_layers, .n_heads = h->n_kv_heads, .k_size = h->key_size, .v_size = h->value_size };
    t.x = plan_add_value(b, "x", h->width);
    t.y = plan_add_value(b, "y", h->width);
    t.q = plan_add_value(b, "q", h->n_heads * h->key_size);
    t.k = plan_add_value(b, "k", h->n_kv_heads * h->key_size);
    t.v = plan_add_value(b, "v", h->n_kv_heads * h->value_size);
    t.a = plan_add_value(b, "a", h->n_heads * h->value_size);
    if (h->n_layers > 1) {
        t.gate = plan_add_value(b, "gate", h->n_ff);
        t.up = plan_add_value(b, "up", h->n_ff);
    }
    t.table = plan_add_matrix(b, h->n_vocab, h->width, "token_embd.weight");
    plan_add_embed(b, t.table, scale * h->embedding_scale, t.x);
    return t;
}

void transformer_layer(transformer *t, uint32_t layer) {
    t->layer = layer;
    t->b->layer = (int16_t)layer;
}

tensor_id transformer_vector(transformer *t, uint32_t n, const char *name) {
    return plan_add_vector(t->b, n, "blk.%u.%s", t->layer, name);
}

tensor_id transformer_optional_vector(transformer *t, uint32_t n, const char *name) {
    return plan_add_optional_vector(t->b, n, "blk.%u.%s", t->layer, name);
}

tensor_id transformer_matrix(transformer *t, uint32_t rows, uint32_t n, const char *name) {
    return plan_add_matrix(t->b, rows, n, "blk.%u.%s", t->layer, name);
}

void transformer_norm(transformer *t, value_id in, const char *name, value_id out) {
    plan_add_norm(t->b, in, transformer_vector(t, t->h->width, name), t->h->eps, out);
}

void transformer_qkv(transformer *t, value_id in) {
    const hyperparameters *h = t->h;
    const uint32_t q = h->n_heads * h->key_size, k = h->n_kv_heads * h->key_size, v = h->n_kv_heads * h->value_size;
    plan_add_linear(t->b, in, transformer_matrix(t, q, h->width, "attn_q.weight"), t->q);
    plan_add_linear(t->b, in, transformer_matrix(t, k, h->width, "attn_k.weight"), t->k);
    plan_add_linear(t->b, in, transformer_matrix(t, v, h->width, "attn_v.weight"), t->v);
    plan_add_bias(t->b, t->q, transformer_optional_vector(t, q, "attn_q.bias"), t->q);
    plan_add_bias(t->b, t->k, transformer_optional_vector(t, k, "attn_k.bias"), t->k);
    plan_add_bias(t->b, t->v, transformer_optional_vector(t, v, "attn_v.bias"), t->v);
}

void transformer_head_norms(transformer *t) {
    const hyperparameters *h = t->h;
    plan_add_head_norm(t->b, t->q, transformer_vector(t, h->key_size, "attn_q_norm.weight"), h->eps, h->key_size, t->q);
    plan_add_head_norm(t->b, t->k, transformer_vector(t, h->key_size, "attn_k_norm.weight"), h->eps, h->key_size, t->k);
}

void transformer_rotate(transformer *t, uint8_t rope) {
    plan_add_rotation(t->b, t->q, rope, t->q);
    plan_add_rotation(t->b, t->k, rope, t->k);
}

void transformer_attend(transformer *t, float scale, uint32_t window) {
    plan_builder *b = t->b;
    if (t->h->attention_scale > 0) scale = t->h->attention_scale;
    plan_add_kv_write(b, t->k, t->v, (uint16_t)t->layer);
    plan_add_attention(b, t->q, (uint16_t)t->layer, t->h->n_heads, scale, t->h->attention_cap, window, t->a);
    if (t->layer + 1 < t->h->n_layers) return;
    const value_id a = plan_add_value(b, "a.out", t->h->n_heads * t->h->value_size), x = plan_add_value(b, "x.out", t->h->width);
    plan_add_gather(b, t->a, a);
    plan_add_gather(b, t->x, x);
    t->a = a;
    t->x = x;
    t->y = plan_add_value(b, "y.out", t->h->width);
    t->gate = plan_add_value(b, "gate.out", t->h->n_ff);
    t->up = plan_add_value(b, "up.out", t->h->n_ff);
}

void transformer_output(transformer *t) {
    const hyperparameters *h = t->h;
    plan_add_linear(t->b, t->a, transformer_matrix(t, h->width, h->n_heads * h->value_size, "attn_output.weight"), t->y);
    plan_add_bias(t->b, t->y, transformer_optional_vector(t, h->width, "attn_output.bias"), t->y);
}

void transformer_mlp(transformer *t, glu_kind kind, value_id in) {
    const hyperparameters *h = t->h;
    plan_add_linear(t->b, in, transformer_matrix(t, h->n_ff, h->width, "ffn_gate.weight"), t->gate);
    plan_add_linear(t->b, in, transformer_matrix(t, h->n_ff, h->width, "ffn_up.weight"), t->up);
    plan_add_bias(t->b, t->gate, transformer_optional_vector(t, h->n_ff, "ffn_gate.bias"), t->gate);
    plan_add_bias(t->b, t->up, transformer_optional_vector(t, h->n_ff, "ffn_up.bias"), t->up);
    plan_add_glu(t->b, kind, t->gate, t->up, t->gate);
    plan_add_linear(t->b, t->gate, transformer_matrix(t, h->width, h->n_ff, "ffn_down.weight"), t->y);
    plan_add_bias(t->b, t->y, transformer_optional_vector(t, h->width, "ffn_down.bias"), t->y);
}

void transformer_residual(transformer *t) {
    if (t->h->residual_scale != 1) plan_add_scale(t->b, t->y, t->h->residual_scale, t->y);
    plan_add_residual(t->b, t->y, t->x, t->x);
}

value_id transformer_head(transformer *t) {
    plan_builder *b = t->b;
    const hyperparameters *h = t->h;
    b->layer = NONE;
    const value_id logits = plan_add_value(b, "logits", h->n_vocab);
    plan_add_norm(b, t->x, plan_add_vector(b, h->width, "output_norm.weight"), h->eps, t->y);
    const bool tied = !b->error.code && !b->has_tensor(b->user, "output.weight");
    plan_add_linear(b, t->y, tied ? t->table : plan_add_matrix(b, h->n_vocab, h->width, "output.weight"), logits);
    plan_add_bias(b, logits, plan_add_optional_vector(b, h->n_vocab, "output.bias"), logits);
    if (h->logit_scale != 1) plan_add_scale(b, logits, 1 / h->logit_scale, logits);
    if (h->final_cap > 0) plan_add_soft_cap(b, logits, h->final_cap, logits);
    return logits;
}

/* ---- larger paragraphs ---- */

void transformer_begin_layer(transformer *t, uint32_t layer) {
    transformer_layer(t, layer);
    transformer_norm(t, t->x, "attn_norm.weight", t->y);
    transformer_qkv(t, t->y);
}

void transformer_end_layer(transformer *t, uint32_t window) {
    transformer_attend(t, 1 / sqrtf((float)t->h->key_size), window);
    transformer_output(t);
    transformer_residual(t);
    transformer_norm(t, t->x, "ffn_norm.weight", t->y);
    transformer_mlp(t, GLU_SILU, t->y);
    transformer_residual(t);
}

value_id transformer_describe(plan_builder *b, const hyperparameters *h, bool halves) {
    transformer t = transformer_begin(b, h, 1);
    transformer_expects_no_window(&t);
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, halves, h->rope_base));
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_begin_layer(&t, i);
        transformer_rotate(&t, rope);
        transformer_end_layer(&t, 0);
    }
    return transformer_head(&t);
}

void transformer_refuse(const transformer *t, const char *key, const char *sentence, ...) {
    char text[sizeof t->b->error.text];
    va_list args;
    if (t->b->error.code) return;
    va_start(args, sentence);
    vsnprintf(text, sizeof text, sentence, args);
    va_end(args);
    t->b->refused_key = key;
    fail(&t->b->error, RIDGE_E_UNSUPPORTED, "%s", text);
}

/* ---- rotary embeddings and windows ---- */

rope_config transformer_rope(const transformer *t, bool halves, float base) {
    const hyperparameters *h = t->h;
    rope_config rope = { .halves = halves, .head_size = h->key_size, .n_rotated = h->n_rotated, .base = base, .linear_scale = 1, .factors = NONE };
    if (h->scaling == ROPE_SCALING_LINEAR) rope.linear_scale = 1 / h->scaling_factor;
    if (h->scaling == ROPE_SCALING_LONGROPE)
        transformer_refuse(t, "rope.scaling.type", "it is longrope, which Ridge knows for phi3 only");
    else if (h->scaling_attention != 1)
        transformer_refuse(t, "rope.scaling.attn_factor", "it is %g, which Ridge knows for longrope only", (double)h->scaling_attention);
    return rope;
}

void transformer_expects_no_window(const transformer *t) {
    if (t->h->window && t->h->window < t->h->n_context)
        event(EVENT_unknown_metadata, "%s.attention.sliding_window is %u, but this architecture is run with full attention: "
              "beyond %u tokens results may differ from the model's own.", t->h->architecture, t->h->window, t->h->window);
}
