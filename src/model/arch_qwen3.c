/* Qwen 3 (arXiv:2505.09388): no biases, but an RMSNorm of each head of q and k before they are rotated, by halves. */
#include "model/transformer.h"

value_id qwen3_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, 1);
    transformer_expects_no_window(&t);
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, true, h->rope_base));
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_begin_layer(&t, i);
        transformer_head_norms(&t);
        transformer_rotate(&t, rope);
        transformer_end_layer(&t, 0);
    }
    return transformer_head(&t);
}
