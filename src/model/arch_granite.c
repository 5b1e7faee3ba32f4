/* Granite 3 (IBM): Llama with multipliers of the embedding, of what is added to the residual stream, of the scores and of the logits
 * (the last one divides). The file permutes the rows of q and k so that neighbours are rotated. */
#include <math.h>
#include "model/transformer.h"

static void scaled_residual(transformer *t) {
    if (t->h->residual_scale != 1) plan_add_scale(t->b, t->y, t->h->residual_scale, t->y);
    transformer_residual(t);
}

value_id granite_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, h->embedding_scale);
    transformer_expects_no_window(&t);
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, false, h->rope_base));
    const float scale = h->attention_scale > 0 ? h->attention_scale : 1 / sqrtf((float)h->key_size);
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_layer(&t, i);
        transformer_norm(&t, t.x, "attn_norm.weight", t.y);
        transformer_qkv(&t, t.y);
        transformer_rotate(&t, rope);
        transformer_attend(&t, scale, 0, 0);
        transformer_output(&t);
        scaled_residual(&t);
        transformer_norm(&t, t.x, "ffn_norm.weight", t.y);
        transformer_mlp(&t, GLU_SILU, t.y);
        scaled_residual(&t);
    }
    const value_id logits = transformer_head(&t);
    if (h->logit_scale != 1) plan_add_scale(b, logits, 1 / h->logit_scale, logits);
    return logits;
}
