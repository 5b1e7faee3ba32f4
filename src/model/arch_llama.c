/* Llama (Touvron et al., arXiv:2302.13971; grouped queries arXiv:2307.09288) and what shares its shape: Mistral, SmolLM, SmolLM2,
 * TinyLlama. Llama 3.1 scales its rotary frequencies by divisors that the file has as rope_freqs.weight. The file permutes the rows
 * of q and k so that neighbours are rotated. Mistral's sliding window, where the file names it, is every layer's. */
#include "model/transformer.h"

value_id llama_describe(plan_builder *b, const hyperparameters *h) {
    transformer t = transformer_begin(b, h, 1);
    rope_config pairs = transformer_rope(&t, false, h->rope_base);
    pairs.factors = plan_add_optional_vector(b, h->n_rotated / 2, "rope_freqs.weight");
    const uint8_t rope = plan_add_rope(b, pairs);
    for (uint32_t i = 0; i < h->n_layers; i++) {
        transformer_begin_layer(&t, i);
        transformer_rotate(&t, rope);
        transformer_end_layer(&t, h->window);
    }
    return transformer_head(&t);
}
