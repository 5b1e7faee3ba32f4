/* SmolLM 3 (Hugging Face): Llama whose every fourth layer does not rotate q and k (arXiv:2501.18795). Files do not carry the four. */
#include "model/transformer.h"

enum { LAYERS_PER_UNROTATED = 4 };

value_id smollm3_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, 1);
    transformer_expects_no_window(&t);
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, false, h->rope_base));
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_begin_layer(&t, i);
        if ((i + 1) % LAYERS_PER_UNROTATED) transformer_rotate(&t, rope);
        transformer_end_layer(&t, 0);
    }
    return transformer_head(&t);
}
