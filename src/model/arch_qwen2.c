/* Qwen 2 and 2.5 (arXiv:2407.10671, arXiv:2412.15115): Llama with biases of q, k and v, and halves of a head rotated. */
#include <math.h>
#include "model/transformer.h"

value_id qwen2_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, 1);
    transformer_expects_no_window(&t);
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, true, h->rope_base));
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_layer(&t, i);
        transformer_norm(&t, t.x, "attn_norm.weight", t.y);
        transformer_qkv(&t, t.y);
        transformer_rotate(&t, rope);
        transformer_attend(&t, 1 / sqrtf((float)h->key_size), 0);
        transformer_output(&t);
        transformer_residual(&t);
        transformer_norm(&t, t.x, "ffn_norm.weight", t.y);
        transformer_mlp(&t, GLU_SILU, t.y);
        transformer_residual(&t);
    }
    return transformer_head(&t);
}
