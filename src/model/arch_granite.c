/* Granite 3 (IBM): Llama with multipliers of the embedding, of what is added to the residual stream, of the scores and of the logits
 * (the last one divides), all of which the metadata name. The file permutes the rows of q and k so that neighbours are rotated. */
#include <math.h>
#include "model/transformer.h"

value_id granite_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, 1);
    transformer_expects_no_window(&t);
    const uint8_t rope = plan_add_rope(b, transformer_rope(&t, false, h->rope_base));
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
