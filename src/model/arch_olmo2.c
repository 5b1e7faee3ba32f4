/* OLMo 2 (arXiv:2501.00656): norms only behind attention and MLP, and RMSNorm of q and k over all their heads together. */
#include <math.h>
#include "model/transformer.h"

value_id olmo2_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, 1);
    transformer_expects_no_window(&t);
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, true, h->rope_base));
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_layer(&t, i);
        transformer_qkv(&t, t.x);
        plan_add_norm(b, t.q, transformer_vector(&t, h->n_heads * h->key_size, "attn_q_norm.weight"), h->eps, t.q);
        plan_add_norm(b, t.k, transformer_vector(&t, h->n_kv_heads * h->key_size, "attn_k_norm.weight"), h->eps, t.k);
        transformer_rotate(&t, rope);
        transformer_attend(&t, 1 / sqrtf((float)h->key_size), 0);
        transformer_output(&t);
        transformer_norm(&t, t.y, "post_attention_norm.weight", t.y);
        transformer_residual(&t);
        transformer_mlp(&t, GLU_SILU, t.x);
        transformer_norm(&t, t.y, "post_ffw_norm.weight", t.y);
        transformer_residual(&t);
    }
    return transformer_head(&t);
}
