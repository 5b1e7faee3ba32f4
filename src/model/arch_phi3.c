/* Phi 3, 3.5 and 4 mini (arXiv:2404.14219): Llama with q, k and v in one matrix and gate and up in another, halves rotated.
 * Models of long context carry two sets of frequency divisors; the one for the original context is used, and the context is limited
 * to that. Their attention factor belongs to sine and cosine of q and of k: squared, it is a factor of the scores. */
#include <math.h>
#include "base/events.h"
#include "model/transformer.h"

static rope_config phi3_rope(transformer *t, float *score_factor) {
    const hyperparameters *h = t->h;
    plan_builder *b = t->b;
    *score_factor = 1;
    if (h->scaling != ROPE_SCALING_LONGROPE && (b->error.code || !b->has_tensor(b->user, "rope_factors_short.weight")))
        return transformer_rope(t, true, h->rope_base);
    rope_config rope = { .halves = true, .head_size = h->key_size, .n_rotated = h->n_rotated, .base = h->rope_base, .linear_scale = 1 };
    rope.factors = plan_add_vector(b, h->n_rotated / 2, "rope_factors_short.weight");
    if (h->original_context < h->n_context) {
        event(EVENT_context_shortened, "the model was made for %u tokens by changing its rotary embedding beyond %u; Ridge runs it up to %u.",
              h->n_context, h->original_context, h->original_context);
        if (!b->error.code) b->plan->n_context_trained = h->original_context;
    }
    if (h->scaling_attention != 1 && h->n_rotated != h->key_size)
        transformer_refuse(t, "rope.scaling.attn_factor", "it is %g, but only %u of %u values of a head are rotated; Ridge knows the factor for heads "
                           "that are rotated whole", (double)h->scaling_attention, h->n_rotated, h->key_size);
    *score_factor = h->scaling_attention * h->scaling_attention;
    return rope;
}

static void qkv(transformer *t) {
    const hyperparameters *h = t->h;
    const uint32_t q = h->n_heads * h->key_size, k = h->n_kv_heads * h->key_size, v = h->n_kv_heads * h->value_size, all = q + k + v;
    plan_add_linear(t->b, t->y, plan_add_slice(t->b, 0, q, all, h->width, "blk.%u.attn_qkv.weight", t->layer), t->q);
    plan_add_linear(t->b, t->y, plan_add_slice(t->b, q, k, all, h->width, "blk.%u.attn_qkv.weight", t->layer), t->k);
    plan_add_linear(t->b, t->y, plan_add_slice(t->b, q + k, v, all, h->width, "blk.%u.attn_qkv.weight", t->layer), t->v);
}

static void mlp(transformer *t) {
    const hyperparameters *h = t->h;
    plan_add_linear(t->b, t->y, plan_add_slice(t->b, 0, h->n_ff, 2 * h->n_ff, h->width, "blk.%u.ffn_up.weight", t->layer), t->gate);
    plan_add_linear(t->b, t->y, plan_add_slice(t->b, h->n_ff, h->n_ff, 2 * h->n_ff, h->width, "blk.%u.ffn_up.weight", t->layer), t->up);
    plan_add_glu(t->b, GLU_SILU, t->gate, t->up, t->gate);
    plan_add_linear(t->b, t->gate, transformer_matrix(t, h->width, h->n_ff, "ffn_down.weight"), t->y);
}

value_id phi3_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, 1);
    float score_factor;
    const uint8_t rope = plan_add_rope(b, phi3_rope(&t, &score_factor));
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_layer(&t, i);
        transformer_norm(&t, t.x, "attn_norm.weight", t.y);
        qkv(&t);
        transformer_rotate(&t, rope);
        transformer_attend(&t, score_factor / sqrtf((float)h->key_size), h->window);
        transformer_output(&t);
        transformer_residual(&t);
        transformer_norm(&t, t.x, "ffn_norm.weight", t.y);
        mlp(&t);
        transformer_residual(&t);
    }
    return transformer_head(&t);
}
