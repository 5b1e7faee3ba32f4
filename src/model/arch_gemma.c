/* Gemma 2 (arXiv:2408.00118) and Gemma 3 (arXiv:2503.19786): scaled embeddings, norms before and after attention and MLP, GELU.
 * Gemma 2 caps scores and logits and gives even layers a window; Gemma 3 norms the heads of q and k and gives five of six layers a
 * window and a rotary base of their own, which no scaling touches. The files hold 1 + weight for norms.
 * The largest models of both divide scores by the root of width / heads instead of a head's size: query_pre_attn_scalar, which files
 * do not carry; they are recognised by their number of layers. */
#include <math.h>
#include "model/transformer.h"

enum { GEMMA2_27B_LAYERS = 46, GEMMA3_27B_LAYERS = 62, GEMMA3_PERIOD = 6 };

static float score_scale(const hyperparameters *h, uint32_t layers_of_27b) {
    return 1 / sqrtf(h->n_layers == layers_of_27b ? (float)h->width / (float)h->n_heads : (float)h->key_size);
}

/* Everything behind the rotation is the same in both. */
static void rest_of_layer(transformer *t, float scale, uint32_t window) {
    transformer_attend(t, scale, window);
    transformer_output(t);
    transformer_norm(t, t->y, "post_attention_norm.weight", t->y);
    transformer_residual(t);
    transformer_norm(t, t->x, "ffn_norm.weight", t->y);
    transformer_mlp(t, GLU_GELU, t->y);
    transformer_norm(t, t->y, "post_ffw_norm.weight", t->y);
    transformer_residual(t);
}

value_id gemma2_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, sqrtf((float)h->width));
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, true, h->rope_base));
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_layer(&t, i);
        transformer_norm(&t, t.x, "attn_norm.weight", t.y);
        transformer_qkv(&t, t.y);
        transformer_rotate(&t, rope);
        rest_of_layer(&t, score_scale(h, GEMMA2_27B_LAYERS), i % 2 ? 0 : h->window);
    }
    return transformer_head(&t);
}

value_id gemma3_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, sqrtf((float)h->width));
    const uint32_t period = h->window_pattern ? h->window_pattern : GEMMA3_PERIOD;
    rope_config local = transformer_rope(&t, true, h->rope_base_window);
    local.linear_scale = 1;
    const uint8_t rope_global = plan_add_rope(b, transformer_rope(&t, true, h->rope_base)), rope_local = plan_add_rope(b, local);
    for (uint32_t i = 0; i < h->n_layers; i++) {
        const bool global = !h->window || (i + 1) % period == 0;
        transformer_layer(&t, i);
        transformer_norm(&t, t.x, "attn_norm.weight", t.y);
        transformer_qkv(&t, t.y);
        transformer_head_norms(&t);
        transformer_rotate(&t, global ? rope_global : rope_local);
        rest_of_layer(&t, score_scale(h, GEMMA3_27B_LAYERS), global ? 0 : h->window);
    }
    return transformer_head(&t);
}
