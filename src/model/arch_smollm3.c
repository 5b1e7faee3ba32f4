/* SmolLM 3 (Hugging Face): Llama whose every fourth layer does not rotate q and k (arXiv:2501.18795). Files do not carry the four. */
#include <math.h>
#include "model/transformer.h"

enum { LAYERS_PER_UNROTATED = 4 };

value_id smollm3_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, 1);
    transformer_expects_no_window(&t);
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, false, h->rope_base));
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_layer(&t, i);
        transformer_norm(&t, t.x, "attn_norm.weight", t.y);
        transformer_qkv(&t, t.y);
        if ((i + 1) % LAYERS_PER_UNROTATED) transformer_rotate(&t, rope);
        transformer_attend(&t, 1 / sqrtf((float)h->key_size), 0);
        transformer_output(&t);
        transformer_residual(&t);
        transformer_norm(&t, t.x, "ffn_norm.weight", t.y);
        transformer_mlp(&t, GLU_SILU, t.y);
        transformer_residual(&t);
    }
    return transformer_head(&t);
}
